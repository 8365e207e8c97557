use serde_json::{Value, json};

use crate::account::Code;
use crate::account::testing::*;

mod limits;
mod settings;
mod versions;

const ROLE: &str = "arn:aws:iam::111111111111:role/role";

/// What `CreateFunction` needs.
fn request(name: &str) -> Value {
    json!({
        "FunctionName": name,
        "Role": ROLE,
        "Runtime": "provided.al2023",
        "Handler": "bootstrap",
        "Code": {},
    })
}

/// The same with more members.
fn with(mut request: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more}") };
    request.as_object_mut().unwrap().extend(more);
    request
}

fn other_zip(digest: &str) -> Code {
    Code::Zip { sha256: digest.to_owned(), size: 200, unzipped: 2000 }
}

fn image(tag: &str, digit: &str) -> Code {
    let resolved = format!("repository@sha256:{}", digit.repeat(64));
    Code::Image { uri: format!("repository:{tag}"), resolved }
}

/// A bench with code to create functions of.
fn bench() -> Bench {
    let mut bench = Bench::new();
    bench.code = Some(zip(1000));
    bench
}

fn image_bench() -> Bench {
    let mut bench = Bench::new();
    bench.code = Some(image("latest", "a"));
    let create = json!({
        "FunctionName": "fn",
        "Role": ROLE,
        "PackageType": "Image",
        "Code": { "ImageUri": "repository:latest" },
        "Environment": { "Variables": { "CUSTOM_ENV": "test" } },
    });
    bench.ok("CreateFunction", create);
    bench
}

fn get(bench: &mut Bench, name: &str) -> Value {
    bench.ok("GetFunction", json!({ "FunctionName": name }))
}

fn configuration(bench: &mut Bench) -> Value {
    bench.ok("GetFunctionConfiguration", json!({ "FunctionName": "fn" }))
}

fn arn(name: &str) -> String {
    format!("{ARN}:function:{name}")
}

/// A new function as it is answered, without the runtime's ARN.
fn created(revision: &Value) -> Value {
    json!({
        "Architectures": ["x86_64"],
        "CodeSha256": "bWzz0IYd4rzT7cIAbtlXB+HOK1vRkpQjbQ4/7QNZbL8=",
        "CodeSize": 169,
        "Description": "",
        "EphemeralStorage": { "Size": 512 },
        "FunctionArn": arn("fn"),
        "FunctionName": "fn",
        "Handler": "bootstrap",
        "LastModified": "2026-11-20T17:38:42.250+0000",
        "LoggingConfig": { "LogFormat": "Text", "LogGroup": "/aws/lambda/fn" },
        "MemorySize": 128,
        "PackageType": "Zip",
        "RevisionId": revision,
        "Role": ROLE,
        "Runtime": "provided.al2023",
        "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
        "Timeout": 3,
        "TracingConfig": { "Mode": "PassThrough" },
        "Version": "$LATEST",
    })
}

/// The same without the runtime's ARN, which follows from its name.
fn without_runtime(mut answer: Value) -> Value {
    let removed = answer.as_object_mut().unwrap().remove("RuntimeVersionConfig").unwrap();
    let runtime = removed["RuntimeVersionArn"].as_str().unwrap();
    let digest = runtime.strip_prefix("arn:aws:lambda:us-east-1::runtime:").unwrap();
    assert_eq!(digest.len(), 64);
    answer
}

/// The state and the status of the last update, with their reasons.
fn status(answer: &Value) -> Value {
    let members = [
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
    ];
    members
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), answer.get(name)?.clone())))
        .collect()
}

fn pending() -> Value {
    json!({
        "State": "Pending",
        "StateReason": "The function is being created.",
        "StateReasonCode": "Creating",
    })
}

fn in_progress() -> Value {
    json!({
        "State": "Active",
        "LastUpdateStatus": "InProgress",
        "LastUpdateStatusReason": "The function is being created.",
        "LastUpdateStatusReasonCode": "Creating",
    })
}

fn active() -> Value {
    json!({ "State": "Active", "LastUpdateStatus": "Successful" })
}

#[test]
fn a_new_function_is_pending_without_a_last_update() {
    let mut bench = bench();
    let answer = bench.ok("CreateFunction", request("fn"));
    let expected = created(&answer["RevisionId"]);
    assert_eq!(without_runtime(answer.clone()), expected);
    assert_eq!(status(&answer), pending());
}

#[test]
fn a_function_that_was_created_is_active_at_the_next_look() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    let answer = get(&mut bench, "fn");
    assert_eq!(answer["Code"], json!({ "RepositoryType": "S3" }));
    assert_eq!(status(&answer["Configuration"]), active());
    assert_eq!(answer.get("Tags"), None);
    assert_eq!(answer.get("Concurrency"), None);
    assert_eq!(configuration(&mut bench), answer["Configuration"]);
}

#[test]
fn an_update_of_the_configuration_is_in_progress_as_creating() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    bench.now += 1000;
    let update = json!({
        "FunctionName": "fn",
        "Description": "Changed-Description",
        "MemorySize": 512,
        "Timeout": 10,
        "Environment": { "Variables": { "ENV_A": "a" } },
    });
    let answer = bench.ok("UpdateFunctionConfiguration", update);
    assert_eq!(status(&answer), in_progress());
    assert_eq!(answer["LastModified"], "2026-11-20T17:38:43.250+0000");
    assert_eq!(answer["Environment"], json!({ "Variables": { "ENV_A": "a" } }));
    let after = configuration(&mut bench);
    assert_eq!(status(&after), active());
    for member in ["Description", "MemorySize", "Timeout", "Environment", "LastModified"] {
        assert_eq!(after[member], answer[member], "{member}");
    }
}

#[test]
fn an_update_of_the_code_is_in_progress_as_creating() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    bench.code = Some(other_zip("two"));
    let answer = bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn" }));
    assert_eq!(status(&answer), in_progress());
    assert_eq!((&answer["CodeSha256"], &answer["CodeSize"]), (&json!("two"), &json!(200)));
    assert_eq!(status(&configuration(&mut bench)), active());
}

#[test]
fn an_update_takes_as_long_as_was_asked_for() {
    let mut bench = bench();
    bench.delay = 1000;
    bench.ok("CreateFunction", request("fn"));
    bench.now += 999;
    assert_eq!(status(&configuration(&mut bench)), pending());
    bench.now += 1;
    assert_eq!(status(&configuration(&mut bench)), active());
    bench.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "fn" }));
    bench.now += 999;
    assert_eq!(status(&configuration(&mut bench)), in_progress());
    bench.now += 1;
    assert_eq!(status(&configuration(&mut bench)), active());
}

#[test]
fn an_update_during_an_update_is_a_conflict() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    bench.account.settle(bench.now);
    bench.delay = 1000;
    bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn" }));
    let text = format!(
        "The operation cannot be performed at this time. An update is in progress for resource: {}",
        arn("fn")
    );
    for operation in ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"] {
        let error = bench.refused(operation, json!({ "FunctionName": "fn" }));
        assert_conflict(&error, &text);
    }
    bench.now += 1000;
    bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn" }));
}

#[test]
fn an_update_of_a_pending_function_is_a_conflict() {
    let mut bench = bench();
    bench.delay = 1000;
    bench.ok("CreateFunction", request("fn"));
    let error = bench.refused("UpdateFunctionConfiguration", json!({ "FunctionName": "fn" }));
    assert_conflict(
        &error,
        &format!(
            "The operation cannot be performed at this time. The resource {} is currently in the \
             following state: 'Pending'. StateReasonCode: 'Creating'",
            arn("fn")
        ),
    );
}

#[test]
fn an_update_that_fails_says_why_and_may_be_made_again() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    bench.fails_with = Some("InvalidSubnet".to_owned());
    let update = json!({ "FunctionName": "fn", "Timeout": 9 });
    let begun = bench.ok("UpdateFunctionConfiguration", update.clone());
    assert_eq!(status(&begun), in_progress());
    let answer = configuration(&mut bench);
    assert_eq!(answer["State"], "Active");
    assert_eq!(answer["LastUpdateStatus"], "Failed");
    assert_eq!(answer["LastUpdateStatusReasonCode"], "InvalidSubnet");
    assert_ne!(answer["RevisionId"], begun["RevisionId"]);
    bench.fails_with = None;
    bench.ok("UpdateFunctionConfiguration", update);
    assert_eq!(status(&configuration(&mut bench)), active());
}

#[test]
fn a_creation_that_fails_leaves_a_function_that_can_only_be_deleted() {
    let mut bench = bench();
    bench.fails_with = Some("InvalidImage".to_owned());
    bench.ok("CreateFunction", request("fn"));
    let answer = configuration(&mut bench);
    assert_eq!(
        (&answer["State"], &answer["StateReasonCode"]),
        (&json!("Failed"), &json!("InvalidImage"))
    );
    bench.fails_with = None;
    for operation in ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"] {
        assert_eq!(bench.refused(operation, json!({ "FunctionName": "fn" })).status, 409);
    }
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    bench.ok("CreateFunction", request("fn"));
    assert_eq!(status(&configuration(&mut bench)), active());
}

#[test]
fn the_revision_changes_twice_with_each_update_even_a_redundant_one() {
    let mut bench = bench();
    let mut revisions = vec![bench.ok("CreateFunction", request("fn"))["RevisionId"].clone()];
    revisions.push(configuration(&mut bench)["RevisionId"].clone());
    for operation in
        ["UpdateFunctionCode", "UpdateFunctionConfiguration", "UpdateFunctionConfiguration"]
    {
        let update = json!({ "FunctionName": "fn", "RevisionId": revisions.last() });
        revisions.push(bench.ok(operation, update)["RevisionId"].clone());
        revisions.push(configuration(&mut bench)["RevisionId"].clone());
    }
    let mut different = revisions.clone();
    different.sort_by_key(Value::to_string);
    different.dedup();
    assert_eq!(different.len(), revisions.len(), "{revisions:?}");
}

#[test]
fn a_stale_revision_is_refused() {
    let mut bench = bench();
    let stale = bench.ok("CreateFunction", request("fn"))["RevisionId"].clone();
    for operation in ["UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"] {
        let update = json!({ "FunctionName": "fn", "RevisionId": stale });
        assert_stale(&bench.refused(operation, update), "GetFunction/GetAlias");
    }
}

#[test]
fn a_function_that_is_missing_is_named_by_its_arn() {
    let mut bench = bench();
    let missing = |named: &str| format!("Function not found: {}", arn(named));
    for operation in [
        "GetFunction",
        "GetFunctionConfiguration",
        "DeleteFunction",
        "UpdateFunctionCode",
        "UpdateFunctionConfiguration",
        "PublishVersion",
        "ListVersionsByFunction",
    ] {
        let error = bench.refused(operation, json!({ "FunctionName": "nofn" }));
        assert_not_found(&error, &missing("nofn"));
    }
    bench.ok("CreateFunction", request("fn"));
    for operation in ["GetFunction", "GetFunctionConfiguration"] {
        for (name, qualifier) in [("nofn", "$LATEST"), ("fn", "1221"), ("fn", "aliasdoesnotexist")]
        {
            let named = json!({ "FunctionName": name, "Qualifier": qualifier });
            let error = bench.refused(operation, named);
            assert_not_found(&error, &missing(&format!("{name}:{qualifier}")));
        }
        let error = bench.refused(operation, json!({ "FunctionName": arn("fn:none") }));
        assert_not_found(&error, &missing("fn:none"));
    }
}

#[test]
fn a_qualifier_is_shown_in_the_arn_as_it_was_asked_for() {
    let mut bench = Bench::with_function();
    for (qualifier, version) in [("$LATEST", "$LATEST"), ("1", "1"), ("live", "1")] {
        let named = json!({ "FunctionName": "fn", "Qualifier": qualifier });
        let answer = bench.ok("GetFunction", named);
        assert_eq!(answer["Configuration"]["FunctionArn"], arn(&format!("fn:{qualifier}")));
        assert_eq!(answer["Configuration"]["Version"], version);
        let by_arn = json!({ "FunctionName": arn(&format!("fn:{qualifier}")) });
        assert_eq!(bench.ok("GetFunction", by_arn), answer);
    }
}

#[test]
fn a_function_that_exists_is_not_created_again() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    let error = bench.refused("CreateFunction", request("fn"));
    assert_conflict(&error, "Function already exist: fn");
}

#[test]
fn a_function_may_be_created_by_its_arn() {
    let mut bench = bench();
    let answer = bench.ok("CreateFunction", request(&arn("one")));
    assert_eq!(
        (&answer["FunctionName"], &answer["FunctionArn"]),
        (&json!("one"), &json!(arn("one")))
    );
    // A qualifier does not matter, and half an ARN is a name (recorded answers).
    assert_eq!(bench.ok("CreateFunction", request("two:live"))["FunctionName"], "two");
    let half = format!("{ARN}:function");
    assert_eq!(bench.ok("CreateFunction", request(&half))["FunctionName"], "function");
}

#[test]
fn a_name_longer_than_64_is_refused_as_recorded() {
    let name = "a".repeat(65);
    let text = format!(
        "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: \
         Member must have length less than or equal to 64"
    );
    assert_invalid(&bench().refused("CreateFunction", request(&name)), &text);
    bench().ok("CreateFunction", request(&"a".repeat(64)));
}

#[test]
fn deleting_a_function_takes_all_of_it() {
    let mut bench = Bench::with_function();
    let answer = bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    assert_eq!(answer, json!({ "StatusCode": 204 }));
    let error = bench.refused("DeleteFunction", json!({ "FunctionName": "fn" }));
    assert_not_found(&error, &format!("Function not found: {}", arn("fn")));
}

#[test]
fn deleting_a_version_that_is_not_there_is_no_error() {
    let mut bench = Bench::with_function();
    let named = json!({ "FunctionName": "fn", "Qualifier": "1233" });
    bench.ok("DeleteFunction", named.clone());
    bench.ok("DeleteFunction", named.clone());
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    let error = bench.refused("DeleteFunction", named);
    assert_not_found(&error, &format!("Function not found: {}", arn("fn")));
}

#[test]
fn latest_and_aliases_are_not_deleted_with_delete_function() {
    let mut bench = bench();
    // Recorded without such a function.
    for named in ["some-function:$LATEST", "some-function"] {
        let named = json!({ "FunctionName": named, "Qualifier": "$LATEST" });
        assert_invalid(
            &bench.refused("DeleteFunction", named),
            "$LATEST version cannot be deleted without deleting the function.",
        );
    }
    let named = json!({ "FunctionName": "my-function", "Qualifier": "a".repeat(65) });
    assert_invalid(
        &bench.refused("DeleteFunction", named),
        "Deletion of aliases is not currently supported.",
    );
    let named = json!({ "FunctionName": "my-function", "Qualifier": "$latest" });
    assert_not_found(
        &bench.refused("DeleteFunction", named),
        &format!("Function not found: {}", arn("my-function")),
    );
}

#[test]
fn a_version_that_an_alias_points_to_is_not_deleted() {
    let mut bench = Bench::with_function();
    bench.publish("fn");
    bench.ok(
        "CreateAlias",
        json!({
            "FunctionName": "fn",
            "Name": "canary",
            "FunctionVersion": "1",
            "RoutingConfig": { "AdditionalVersionWeights": { "2": 0.1 } },
        }),
    );
    for (version, aliases) in [("1", "canary, live"), ("2", "canary")] {
        let named = json!({ "FunctionName": "fn", "Qualifier": version });
        assert_conflict(
            &bench.refused("DeleteFunction", named),
            &format!(
                "Unable to delete version because the following aliases reference it: [{aliases}]"
            ),
        );
    }
}

#[test]
fn functions_are_listed_without_states() {
    let mut bench = bench();
    bench.ok("CreateFunction", with(request("two"), json!({ "Publish": true })));
    bench.ok("CreateFunction", request("one"));
    let list = bench.ok("ListFunctions", json!({}));
    let shown = |list: &Value| -> Vec<(Value, Value)> {
        let functions = list["Functions"].as_array().unwrap();
        assert!(functions.iter().all(|it| status(it) == json!({})), "{list}");
        functions.iter().map(|it| (it["FunctionArn"].clone(), it["Version"].clone())).collect()
    };
    let of = |name: &str, version: &str| (json!(arn(name)), json!(version));
    assert_eq!(shown(&list), [of("one", "$LATEST"), of("two", "$LATEST")]);
    let list = bench.ok("ListFunctions", json!({ "FunctionVersion": "ALL" }));
    let all = [of("one:$LATEST", "$LATEST"), of("two:$LATEST", "$LATEST"), of("two:1", "1")];
    assert_eq!(shown(&list), all);
    let page = json!({ "FunctionVersion": "ALL", "MaxItems": 2 });
    let first = bench.ok("ListFunctions", page);
    assert_eq!(shown(&first), all[..2]);
    let next = json!({ "FunctionVersion": "ALL", "MaxItems": 2, "Marker": first["NextMarker"] });
    let next = bench.ok("ListFunctions", next);
    assert_eq!(shown(&next), all[2..]);
    assert_eq!(next.get("NextMarker"), None);
    let elsewhere = json!({ "FunctionVersion": "ALL", "MasterRegion": "eu-west-1" });
    assert_eq!(bench.ok("ListFunctions", elsewhere), json!({ "Functions": [] }));
}

#[test]
fn tags_and_reserved_concurrency_are_shown_with_the_function() {
    let mut bench = bench();
    bench.ok("CreateFunction", with(request("fn"), json!({ "Tags": { "testtag": "value" } })));
    bench.ok(
        "PutFunctionConcurrency",
        json!({ "FunctionName": "fn", "ReservedConcurrentExecutions": 3 }),
    );
    let answer = get(&mut bench, "fn");
    assert_eq!(answer["Tags"], json!({ "testtag": "value" }));
    assert_eq!(answer["Concurrency"], json!({ "ReservedConcurrentExecutions": 3 }));
}

#[test]
fn a_dry_run_shows_what_would_be_and_changes_nothing() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    let before = configuration(&mut bench);
    bench.code = Some(other_zip("two"));
    let update = json!({ "FunctionName": "fn", "DryRun": true, "Publish": true });
    let answer = bench.ok("UpdateFunctionCode", update);
    assert_eq!((&answer["CodeSha256"], &answer["Version"]), (&json!("two"), &json!("$LATEST")));
    assert_eq!(configuration(&mut bench), before);
    let stale = json!({ "FunctionName": "fn", "DryRun": true, "RevisionId": "stale" });
    assert_stale(&bench.refused("UpdateFunctionCode", stale), "GetFunction/GetAlias");
}
