//! Versions: recorded answers of publishing.

use super::*;

fn list(bench: &mut Bench) -> Vec<Value> {
    let list = bench.ok("ListVersionsByFunction", json!({ "FunctionName": "fn" }));
    list["Versions"].as_array().unwrap().clone()
}

fn version(bench: &mut Bench, number: &str) -> Value {
    let named = json!({ "FunctionName": "fn", "Qualifier": number });
    bench.ok("GetFunctionConfiguration", named)
}

fn publish(bench: &mut Bench, more: Value) -> Value {
    bench.ok("PublishVersion", with(json!({ "FunctionName": "fn" }), more))
}

fn one() -> Bench {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    bench
}

#[test]
fn a_version_is_published_with_a_description_of_its_own() {
    let mut bench = one();
    bench.ok(
        "UpdateFunctionConfiguration",
        json!({ "FunctionName": "fn", "Description": "First version :)" }),
    );
    let answer = publish(&mut bench, json!({ "Description": "First version description :)" }));
    assert_eq!(answer["FunctionArn"], arn("fn:1"));
    assert_eq!(answer["Version"], "1");
    assert_eq!(answer["Description"], "First version description :)");
    assert_eq!(status(&answer), active());
    assert_eq!(version(&mut bench, "1"), answer);
    // It keeps it, whatever becomes of $LATEST.
    bench.ok(
        "UpdateFunctionConfiguration",
        json!({ "FunctionName": "fn", "Description": "Second version :))" }),
    );
    assert_eq!(version(&mut bench, "1"), answer);
    let second = publish(&mut bench, json!({}));
    assert_eq!(
        (&second["Version"], &second["Description"]),
        (&json!("2"), &json!("Second version :))"))
    );
}

#[test]
fn publishing_without_a_change_answers_the_existing_version() {
    let mut bench = one();
    let first = publish(&mut bench, json!({ "Description": "first" }));
    let latest = bench.revision("fn", "$LATEST");
    let again = publish(&mut bench, json!({ "Description": "Repeated version description :)" }));
    assert_eq!(again, first);
    // Nothing happened: not even the revision of $LATEST is another (recorded).
    assert_eq!(bench.revision("fn", "$LATEST"), latest);
    assert_eq!(list(&mut bench).len(), 2);
}

/// 201 as for a new one: only its number tells.
#[test]
fn publishing_answers_201_whether_the_version_is_new_or_not() {
    use crate::account::model;
    let mut bench = one();
    let operation = model::operation("PublishVersion").unwrap();
    for _ in 0..2 {
        let Value::Object(answer) = publish(&mut bench, json!({})) else { panic!() };
        let (status, _, body) = model::output(operation, answer);
        assert_eq!((status, &body["Version"]), (201, &json!("1")));
    }
}

#[test]
fn a_redundant_update_is_no_change_to_publish() {
    let mut bench = one();
    let first = publish(&mut bench, json!({}));
    bench.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "fn", "Timeout": 3 }));
    bench.account.settle(bench.now);
    assert_eq!(publish(&mut bench, json!({})), first);
}

#[test]
fn what_was_published_before_the_last_version_is_published_again() {
    let mut bench = one();
    for (digest, number) in [("a", "1"), ("b", "2"), ("a", "3")] {
        bench.code = Some(other_zip(digest));
        bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn" }));
        let answer = publish(&mut bench, json!({}));
        assert_eq!((&answer["Version"], &answer["CodeSha256"]), (&json!(number), &json!(digest)));
    }
}

#[test]
fn publishing_changes_the_revision_of_latest() {
    let mut bench = one();
    let before = bench.revision("fn", "$LATEST");
    let published = publish(&mut bench, json!({ "RevisionId": before }));
    let after = bench.revision("fn", "$LATEST");
    assert_ne!(before, after);
    assert_ne!(published["RevisionId"], after);
    assert_eq!(bench.revision("fn", "1"), published["RevisionId"]);
}

#[test]
fn another_digest_is_not_published() {
    let mut bench = one();
    let current = configuration(&mut bench)["CodeSha256"].clone();
    let request = json!({ "FunctionName": "fn", "CodeSha256": "somenonexistentsha256" });
    assert_invalid(
        &bench.refused("PublishVersion", request),
        &format!(
            "CodeSHA256 (somenonexistentsha256) is different from current CodeSHA256 in $LATEST \
             ({}). Please try again with the CodeSHA256 in $LATEST.",
            current.as_str().unwrap()
        ),
    );
    assert_eq!(publish(&mut bench, json!({ "CodeSha256": current }))["Version"], "1");
}

#[test]
fn a_function_created_with_a_version_answers_it_under_an_unqualified_arn() {
    let mut bench = bench();
    let answer = bench.ok("CreateFunction", with(request("fn"), json!({ "Publish": true })));
    assert_eq!((&answer["Version"], &answer["FunctionArn"]), (&json!("1"), &json!(arn("fn"))));
    assert_eq!(status(&answer), pending());
    let version = version(&mut bench, "1");
    let latest = configuration(&mut bench);
    assert_eq!((status(&version), status(&latest)), (active(), active()));
    assert_eq!(
        (&version["FunctionArn"], &latest["Version"]),
        (&json!(arn("fn:1")), &json!("$LATEST"))
    );
    // Three revisions (recorded): of the answer, of the version and of $LATEST.
    assert_ne!(answer["RevisionId"], version["RevisionId"]);
    assert_ne!(latest["RevisionId"], version["RevisionId"]);
    assert_eq!(publish(&mut bench, json!({})), version);
}

#[test]
fn code_that_is_published_at_once_answers_a_pending_version_without_a_last_update() {
    let mut bench = one();
    bench.account.settle(bench.now);
    bench.delay = 1000;
    bench.code = Some(other_zip("two"));
    let answer = bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn", "Publish": true }));
    assert_eq!((&answer["Version"], &answer["FunctionArn"]), (&json!("1"), &json!(arn("fn:1"))));
    assert_eq!(answer["CodeSha256"], "two");
    assert_eq!(status(&answer), pending());
    assert_eq!(version(&mut bench, "1"), answer);
    let named = json!({ "FunctionName": "fn", "Qualifier": "$LATEST" });
    let latest = bench.ok("GetFunctionConfiguration", named);
    assert_eq!(status(&latest), in_progress());
    assert_ne!(latest["RevisionId"], answer["RevisionId"]);
    bench.now += 1000;
    assert_eq!(status(&version(&mut bench, "1")), active());
    assert_eq!(status(&configuration(&mut bench)), active());
}

#[test]
fn a_version_is_pending_as_long_as_was_asked_for() {
    let mut bench = one();
    bench.account.settle(bench.now);
    bench.delay = 1000;
    let answer = publish(&mut bench, json!({}));
    assert_eq!(status(&answer), pending());
    assert_eq!(bench.account.target("fn:1", None, 0.0).unwrap_err().status, 409);
    assert_eq!(status(&configuration(&mut bench)), active());
    bench.now += 1000;
    let after = version(&mut bench, "1");
    assert_eq!(status(&after), active());
    assert_ne!(after["RevisionId"], answer["RevisionId"]);
}

#[test]
fn a_version_that_starts_from_a_snapshot_is_pending_first() {
    let mut bench = bench();
    let snap = json!({ "Runtime": "java21", "SnapStart": { "ApplyOn": "PublishedVersions" } });
    let answer = bench.ok("CreateFunction", with(request("fn"), snap));
    let off = json!({ "ApplyOn": "PublishedVersions", "OptimizationStatus": "Off" });
    assert_eq!(answer["SnapStart"], off);
    let answer = publish(&mut bench, json!({ "Description": "version1" }));
    assert_eq!(status(&answer), pending());
    let version = version(&mut bench, "1");
    assert_eq!(version["SnapStart"]["OptimizationStatus"], "On");
    assert_eq!(status(&version), active());
    assert_eq!(configuration(&mut bench)["SnapStart"], off);
}

#[test]
fn versions_are_listed_without_their_states() {
    let mut bench = one();
    publish(&mut bench, json!({}));
    let versions = list(&mut bench);
    let arns: Vec<_> = versions.iter().map(|it| it["FunctionArn"].clone()).collect();
    assert_eq!(arns, [json!(arn("fn:$LATEST")), json!(arn("fn:1"))]);
    for version in versions {
        assert_eq!(status(&version), json!({}));
        assert!(version["RevisionId"].is_string());
    }
}

#[test]
fn versions_are_listed_by_pages_in_the_order_of_their_numbers() {
    let mut bench = one();
    for digest in 1..=120 {
        bench.code = Some(other_zip(&digest.to_string()));
        bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn" }));
        publish(&mut bench, json!({}));
    }
    let (mut found, mut sizes, mut marker) = (Vec::new(), Vec::new(), json!(null));
    loop {
        let request = json!({ "FunctionName": "fn", "Marker": marker });
        let page = bench.ok("ListVersionsByFunction", request);
        let versions = page["Versions"].as_array().unwrap();
        sizes.push(versions.len());
        found.extend(versions.iter().map(|it| it["Version"].as_str().unwrap().to_owned()));
        let Some(next) = page.get("NextMarker") else { break };
        marker = next.clone();
    }
    assert_eq!(sizes, [50, 50, 21]);
    assert_eq!(found[..3], ["$LATEST", "1", "2"]);
    assert_eq!(found[1..], (1..=120).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn a_number_is_not_given_twice() {
    let mut bench = one();
    publish(&mut bench, json!({}));
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn:1" }));
    assert_eq!(list(&mut bench).len(), 1);
    assert_eq!(publish(&mut bench, json!({}))["Version"], "2");
}

#[test]
fn a_version_is_not_published_of_a_version() {
    let mut bench = Bench::with_function();
    for operation in ["PublishVersion", "UpdateFunctionCode", "UpdateFunctionConfiguration"] {
        let error = bench.refused(operation, json!({ "FunctionName": "fn:1" }));
        assert_eq!(error.code, "InvalidParameterValueException");
    }
}
