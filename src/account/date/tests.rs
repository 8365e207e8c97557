use proptest::prelude::*;

use super::*;

#[test]
fn a_time_is_written_as_the_service_writes_it() {
    assert_eq!(text(0), "1970-01-01T00:00:00.000+0000");
    assert_eq!(text(951_782_400_000), "2000-02-29T00:00:00.000+0000");
    assert_eq!(text(1_795_196_322_250), "2026-11-20T17:38:42.250+0000");
    assert_eq!(text(-1), "1969-12-31T23:59:59.999+0000");
    assert_eq!(of_request(1_795_167_017_123), "20/Nov/2026:09:30:17 +0000");
    assert_eq!(of_request(-1), "31/Dec/1969:23:59:59 +0000");
    assert_eq!(epoch(1_795_196_322_000), serde_json::json!(1_795_196_322));
    assert_eq!(epoch(1_795_196_322_250), serde_json::json!(1_795_196_322.25));
}

proptest! {
    #[test]
    fn times_sort_as_they_pass(one in 0_i64..4_102_444_800_000, other in 0_i64..4_102_444_800_000) {
        prop_assert_eq!(one.cmp(&other), text(one).cmp(&text(other)));
    }
}
