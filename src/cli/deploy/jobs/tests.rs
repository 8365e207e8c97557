use super::*;

/// Of functions and of layers.
#[test]
fn a_zip_goes_with_the_call_up_to_its_limit_and_by_a_bucket_where_one_is_named() {
    let source = |bucket: Option<&str>, size, local| {
        let s3_bucket = bucket.map(str::to_owned);
        let wanted = Wanted { s3_bucket, s3_prefix: Some("zips".to_owned()), ..Wanted::default() };
        zip_source("zip of the layer models", &wanted, ("ab+/=", size), local)
    };
    let refused = |local| source(None, 52_428_801, local).unwrap_err().to_string();
    for local in [false, true] {
        for size in [52_428_799, 52_428_800] {
            assert_eq!(source(None, size, local).unwrap(), Source::Call);
        }
        assert!(refused(local).contains("52428801 bytes, and a call takes 52428800"));
    }
    assert!(refused(false).contains("`s3-bucket`") && !refused(true).contains("`s3-bucket`"));
    let object = Object { bucket: "code".to_owned(), key: "zips/ab-_.zip".to_owned() };
    for size in [1, 52_428_801] {
        assert_eq!(source(Some("code"), size, false).unwrap(), Source::Bucket(object.clone()));
    }
    assert_eq!(source(Some("code"), 52_428_800, true).unwrap(), Source::Call);
}
