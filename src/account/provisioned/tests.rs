use serde_json::{Value, json};

use super::super::testing::*;

fn named(qualifier: &str) -> Value {
    json!({ "FunctionName": "fn", "Qualifier": qualifier })
}

fn put(qualifier: &str, count: i64) -> Value {
    json!({
        "FunctionName": "fn", "Qualifier": qualifier, "ProvisionedConcurrentExecutions": count,
    })
}

fn shown(status: &str, requested: u32, allocated: u32) -> Value {
    json!({
        "RequestedProvisionedConcurrentExecutions": requested,
        "AllocatedProvisionedConcurrentExecutions": allocated,
        "AvailableProvisionedConcurrentExecutions": allocated,
        "Status": status,
        "LastModified": "2026-11-20T17:38:42+0000",
    })
}

fn assert_none(bench: &mut Bench, qualifier: &str) {
    assert_error(
        &bench.refused("GetProvisionedConcurrencyConfig", named(qualifier)),
        "ProvisionedConcurrencyConfigNotFoundException",
        404,
        json!({
            "Type": "User",
            "message": "No Provisioned Concurrency Config found for this function",
        }),
    );
}

#[test]
fn provisioned_concurrency_from_none_to_none() {
    let mut bench = Bench::with_function();
    bench.delay = 1000;
    assert_none(&mut bench, "1");
    let list = json!({ "FunctionName": "fn" });
    let none = json!({ "ProvisionedConcurrencyConfigs": [] });
    assert_eq!(bench.ok("ListProvisionedConcurrencyConfigs", list.clone()), none);

    let beginning = shown("IN_PROGRESS", 5, 0);
    assert_eq!(bench.ok("PutProvisionedConcurrencyConfig", put("1", 5)), beginning);
    assert_eq!(bench.ok("GetProvisionedConcurrencyConfig", named("1")), beginning);
    bench.now += 1000;
    let ready = shown("READY", 5, 5);
    assert_eq!(bench.ok("GetProvisionedConcurrencyConfig", named("1")), ready);
    let mut item = ready;
    item["FunctionArn"] = format!("{ARN}:function:fn:1").into();
    assert_eq!(
        bench.ok("ListProvisionedConcurrencyConfigs", list.clone()),
        json!({ "ProvisionedConcurrencyConfigs": [item] })
    );

    for _ in 0..2 {
        assert_eq!(bench.ok("DeleteProvisionedConcurrencyConfig", named("1")), json!({}));
    }
    assert_none(&mut bench, "1");
    assert_eq!(bench.ok("ListProvisionedConcurrencyConfigs", list), none);
}

#[test]
fn without_a_delay_the_next_call_sees_it_ready() {
    let mut bench = Bench::with_function();
    let answer = bench.ok("PutProvisionedConcurrencyConfig", put("live", 1));
    assert_eq!(answer["Status"], "IN_PROGRESS");
    assert_eq!(bench.ok("GetProvisionedConcurrencyConfig", named("live"))["Status"], "READY");
}

#[test]
fn an_alias_of_a_provisioned_version() {
    let mut bench = Bench::with_function();
    bench.ok("PutProvisionedConcurrencyConfig", put("1", 1));
    assert_conflict(
        &bench.refused("PutProvisionedConcurrencyConfig", put("live", 1)),
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned \
         version",
    );
    // It may be put anew on the same version.
    bench.ok("PutProvisionedConcurrencyConfig", put("1", 2));
}

#[test]
fn a_version_of_a_provisioned_alias() {
    let mut bench = Bench::with_function();
    bench.ok("PutProvisionedConcurrencyConfig", put("live", 1));
    assert_conflict(
        &bench.refused("PutProvisionedConcurrencyConfig", put("1", 1)),
        "Version is pointed by a Provisioned Concurrency alias",
    );
    bench.ok("DeleteAlias", json!({ "FunctionName": "fn", "Name": "live" }));
    let error = bench.refused("GetProvisionedConcurrencyConfig", named("live"));
    assert_not_found(&error, &format!("Cannot find alias arn: {ARN}:function:fn:live"));
    let list = bench.ok("ListProvisionedConcurrencyConfigs", json!({ "FunctionName": "fn" }));
    assert_eq!(list, json!({ "ProvisionedConcurrencyConfigs": [] }));
    bench.ok("PutProvisionedConcurrencyConfig", put("1", 1));
}

#[test]
fn provisioned_concurrency_moves_with_the_alias() {
    let mut bench = Bench::with_function();
    bench.ok("PutProvisionedConcurrencyConfig", put("live", 1));
    bench.publish("fn");
    bench.delay = 1000;
    let moving = json!({ "FunctionName": "fn", "Name": "live", "FunctionVersion": "2" });
    bench.ok("UpdateAlias", moving);
    let answer = bench.ok("GetProvisionedConcurrencyConfig", named("live"));
    assert_eq!(answer, shown("IN_PROGRESS", 1, 1));
    bench.now += 1000;
    let answer = bench.ok("GetProvisionedConcurrencyConfig", named("live"));
    assert_eq!(answer, shown("READY", 1, 1));
    assert_none(&mut bench, "2");
}

#[test]
fn not_for_latest() {
    let mut bench = Bench::with_function();
    for operation in ["GetProvisionedConcurrencyConfig", "DeleteProvisionedConcurrencyConfig"] {
        assert_invalid(
            &bench.refused(operation, named("$LATEST")),
            "The function resource provided must be an alias or a published version.",
        );
    }
    assert_invalid(
        &bench.refused("PutProvisionedConcurrencyConfig", put("$LATEST", 1)),
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.",
    );
}

#[test]
fn provisioned_concurrency_of_what_is_not_there() {
    let mut bench = Bench::with_function();
    let alias = |name: &str| format!("Cannot find alias arn: {ARN}:function:{name}");
    let function = |name: &str| format!("Function not found: {ARN}:function:{name}");
    for (name, qualifier, text) in [
        ("nosuch", "noalias", alias("nosuch:noalias")),
        ("nosuch", "1", function("nosuch:1")),
        ("fn", "noalias", alias("fn:noalias")),
        ("fn", "10", function("fn:10")),
    ] {
        let mut request = put(qualifier, 1);
        request["FunctionName"] = name.into();
        for verb in ["Get", "Put", "Delete"] {
            let operation = format!("{verb}ProvisionedConcurrencyConfig");
            assert_not_found(&bench.refused(&operation, request.clone()), &text);
        }
    }
    let list = json!({ "FunctionName": "nosuch" });
    let error = bench.refused("ListProvisionedConcurrencyConfigs", list);
    assert_not_found(&error, &function("nosuch"));
}

#[test]
fn at_least_one_is_provisioned() {
    let path = "/2019-09-30/functions/fn/provisioned-concurrency";
    let body = json!({ "ProvisionedConcurrentExecutions": 0 });
    assert_eq!(
        model_refuses("PUT", path, "Qualifier=1", body),
        "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to \
         satisfy constraint: Member must have value greater than or equal to 1"
    );
}

#[test]
fn the_limits_of_the_account() {
    let mut bench = Bench::with_function();
    let mut refused = |count: i64, text: &str| {
        let error = bench.refused("PutProvisionedConcurrencyConfig", put("1", count));
        assert_error(&error, "InvalidParameterValueException", 400, json!({ "message": text }));
    };
    refused(
        1001,
        "Specified ConcurrentExecutions for function is greater than account's unreserved \
         concurrency [1000].",
    );
    for count in [1000, 901] {
        refused(
            count,
            "Specified ConcurrentExecutions for function decreases account's \
             UnreservedConcurrentExecution below its minimum value of [100].",
        );
    }
    bench.ok("PutProvisionedConcurrencyConfig", put("1", 900));
    bench.ok("PutProvisionedConcurrencyConfig", put("1", 899));
}

#[test]
fn lists_come_by_pages() {
    let mut bench = Bench::with_function();
    bench.publish("fn");
    bench.alias("fn", "next", "2");
    for qualifier in ["1", "next"] {
        bench.ok("PutProvisionedConcurrencyConfig", put(qualifier, 1));
    }
    let first = json!({ "FunctionName": "fn", "MaxItems": 1 });
    let first = bench.ok("ListProvisionedConcurrencyConfigs", first);
    let arn = |list: &Value| list["ProvisionedConcurrencyConfigs"][0]["FunctionArn"].clone();
    assert_eq!(arn(&first), format!("{ARN}:function:fn:1"));
    let next = json!({ "FunctionName": "fn", "MaxItems": 1, "Marker": first["NextMarker"] });
    let second = bench.ok("ListProvisionedConcurrencyConfigs", next);
    assert_eq!(arn(&second), format!("{ARN}:function:fn:next"));
    assert!(second.get("NextMarker").is_none());
}
