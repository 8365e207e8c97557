use serde_json::json;

use super::super::testing::*;
use super::*;

const ROLE: &str = "arn:aws:iam::111111111111:role/role";

/// The version that is run, and with what time-out.
fn run(bench: &Bench, name: &str, qualifier: Option<&str>) -> (String, u64) {
    let target = bench.account.target(name, qualifier, 0.5).unwrap();
    let timeout = target.configuration.setting("Timeout").unwrap().as_u64().unwrap();
    (target.version(), timeout)
}

fn set(bench: &mut Bench, timeout: u64) {
    bench.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "fn", "Timeout": timeout }));
}

#[test]
fn what_is_missing_is_said_with_the_qualifier_that_was_meant() {
    let bench = Bench::with_function();
    for (name, qualifier, arn) in [
        ("doesnotexist", None, "doesnotexist:$LATEST"),
        ("doesnotexist", Some("1"), "doesnotexist:1"),
        ("fn", Some("non-existent-alias"), "fn:non-existent-alias"),
        ("fn:42", None, "fn:42"),
        ("fn", Some("$latest"), "fn:$latest"),
        ("fn", Some("01"), "fn:01"),
    ] {
        let error = bench.account.target(name, qualifier, 0.0).unwrap_err();
        assert_not_found(&error, &format!("Function not found: {ARN}:function:{arn}"));
    }
}

#[test]
fn a_qualifier_in_the_name_must_be_the_one_beside_it() {
    let bench = Bench::with_function();
    let error = bench.account.target("fn:1", Some("live"), 0.0).unwrap_err();
    assert_invalid(
        &error,
        "The derived qualifier from the function name does not match the specified qualifier.",
    );
    assert_eq!(bench.account.target("fn:1", Some("1"), 0.0).unwrap().version(), "1");
}

#[test]
fn a_pending_function_is_not_invoked() {
    let mut bench = Bench::new();
    bench.delay = 1000;
    bench.code = Some(zip(1000));
    let create = json!({
        "FunctionName": "fn", "Role": ROLE, "Runtime": "provided.al2023", "Handler": "h", "Code": {},
    });
    bench.ok("CreateFunction", create);
    let error = bench.account.target("fn", None, 0.0).unwrap_err();
    assert_conflict(
        &error,
        "The operation cannot be performed at this time. The function is currently in the following \
         state: Pending",
    );
    bench.account.settle(NOW + 1000);
    assert_eq!(run(&bench, "fn", None).0, "$LATEST");
}

#[test]
fn a_pending_image_has_an_error_of_its_own() {
    let mut bench = Bench::new();
    let resolved = format!("repository@sha256:{}", "a".repeat(64));
    bench.code = Some(Code::Image { uri: "repository:latest".to_owned(), resolved });
    bench.delay = 1000;
    let create = json!({ "FunctionName": "fn", "Role": ROLE, "PackageType": "Image", "Code": {} });
    bench.ok("CreateFunction", create);
    let error = bench.account.target("fn", None, 0.0).unwrap_err();
    assert_eq!((error.code, error.status), ("CodeArtifactUserPendingException", 409));
}

#[test]
fn invocations_during_an_update_use_what_was_before_it() {
    let mut bench = Bench::with_function();
    bench.delay = 1000;
    set(&mut bench, 7);
    assert_eq!(run(&bench, "fn", None), ("$LATEST".to_owned(), 3));
    assert_eq!(run(&bench, "fn:live", None), ("1".to_owned(), 3));
    bench.account.settle(NOW + 1000);
    assert_eq!(run(&bench, "fn", Some("$LATEST")), ("$LATEST".to_owned(), 7));
    assert_eq!(run(&bench, "fn", Some("1")), ("1".to_owned(), 3));
}

#[test]
fn a_failed_update_leaves_what_was_before_it_serving() {
    let mut bench = Bench::with_function();
    bench.fails_with = Some("InvalidSubnet".to_owned());
    set(&mut bench, 7);
    // Twice: the one before is not the one that serves.
    bench.now += 1;
    set(&mut bench, 8);
    bench.account.settle(NOW + 1);
    assert_eq!(run(&bench, "fn", None).1, 3);
    bench.now += 1;
    bench.fails_with = None;
    set(&mut bench, 9);
    assert_eq!(run(&bench, "fn", None).1, 3);
    bench.account.settle(NOW + 2);
    assert_eq!(run(&bench, "fn", None).1, 9);
}

#[test]
fn an_alias_sends_each_version_its_share() {
    let mut bench = Bench::with_function();
    bench.publish("fn");
    let alias = json!({
        "FunctionName": "fn",
        "Name": "live",
        "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.25 } },
    });
    bench.ok("UpdateAlias", alias);
    let runs = |chance: f64| bench.account.target("fn", Some("live"), chance).unwrap().version();
    let second = (0..1000).filter(|n| runs(f64::from(*n) / 1000.0) == "2").count();
    assert_eq!(second, 250);
    assert_eq!(runs(0.25), "1");
    assert_eq!(bench.account.target("fn:live", None, 0.0).unwrap().qualifier, Some("live"));
}

#[test]
fn an_alias_of_latest_follows_it() {
    let mut bench = Bench::with_function();
    bench.alias("fn", "newest", "$LATEST");
    set(&mut bench, 7);
    bench.account.settle(NOW);
    assert_eq!(run(&bench, "fn", Some("newest")), ("$LATEST".to_owned(), 7));
}
