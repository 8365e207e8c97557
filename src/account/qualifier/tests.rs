use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::testing::*;

/// Hangs everything on a qualifier that can hang there.
fn hang(bench: &mut Bench, qualifier: &str) {
    let named = |more: Value| with(json!({ "FunctionName": "fn", "Qualifier": qualifier }), more);
    let permission = json!({
        "StatementId": "s3", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com",
    });
    bench.ok("AddPermission", named(permission));
    bench.ok("PutFunctionEventInvokeConfig", named(json!({ "MaximumRetryAttempts": 1 })));
    let provisioned = json!({ "ProvisionedConcurrentExecutions": 1 });
    bench.ok("PutProvisionedConcurrencyConfig", named(provisioned));
    if qualifier.parse::<u64>().is_ok() {
        let management = json!({ "UpdateRuntimeOn": "FunctionUpdate" });
        bench.ok("PutRuntimeManagementConfig", named(management));
    } else {
        bench.ok("CreateFunctionUrlConfig", named(json!({ "AuthType": "NONE" })));
    }
}

fn hanging(bench: &Bench) -> usize {
    let function = bench.account.function("fn").unwrap();
    function.policies.len()
        + function.urls.len()
        + function.event_invoke.len()
        + function.provisioned.len()
        + function.runtime_management.len()
}

#[test]
fn what_hangs_on_an_alias_goes_with_it() {
    let mut bench = Bench::with_function();
    hang(&mut bench, "live");
    assert_eq!(hanging(&bench), 4);
    bench.ok("DeleteAlias", json!({ "FunctionName": "fn", "Name": "live" }));
    assert_eq!(hanging(&bench), 0);
}

#[test]
fn what_hangs_on_a_version_goes_with_it() {
    let mut bench = Bench::with_function();
    bench.publish("fn");
    hang(&mut bench, "2");
    assert_eq!(hanging(&bench), 4);
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn", "Qualifier": "2" }));
    assert_eq!(hanging(&bench), 0);
}

#[test]
fn what_hangs_on_a_function_goes_with_it() {
    let mut bench = Bench::with_function();
    hang(&mut bench, "live");
    bench.ok(
        "PutFunctionConcurrency",
        json!({
            "FunctionName": "fn", "ReservedConcurrentExecutions": 5,
        }),
    );
    bench.ok(
        "PutFunctionRecursionConfig",
        json!({
            "FunctionName": "fn", "RecursiveLoop": "Allow",
        }),
    );
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    bench.add_function("fn");
    assert_eq!(hanging(&bench), 0);
    let named = json!({ "FunctionName": "fn" });
    assert_eq!(bench.ok("GetFunctionConcurrency", named.clone()), json!({}));
    let recursion = bench.ok("GetFunctionRecursionConfig", named);
    assert_eq!(recursion["RecursiveLoop"], "Terminate");
}

#[test]
fn functions_of_another_region_are_not_reachable() {
    let mut bench = Bench::with_function();
    let arn = "arn:aws:lambda:eu-central-1:111111111111:function:fn";
    for operation in [
        "GetFunctionUrlConfig",
        "GetFunctionCodeSigningConfig",
        "GetFunctionEventInvokeConfig",
        "GetFunctionConcurrency",
        "GetPolicy",
    ] {
        let error = bench.refused(operation, json!({ "FunctionName": arn }));
        assert_not_found(
            &error,
            "Functions from 'eu-central-1' are not reachable in this region ('us-east-1')",
        );
    }
}

#[test]
fn a_number_is_written_as_aws_writes_it() {
    let mut bench = Bench::with_function();
    let request = json!({ "FunctionName": "fn", "Qualifier": "01" });
    let error = bench.refused("GetRuntimeManagementConfig", request);
    assert_not_found(&error, &format!("Function not found: {ARN}:function:fn:01"));
}

/// A call that hangs something on a qualifier, takes it away, or makes or deletes the qualifier.
fn step() -> impl Strategy<Value = (&'static str, Value)> {
    let qualifier = prop_oneof![Just("1"), Just("2"), Just("live"), Just("next")];
    let hang = prop_oneof![
        Just("AddPermission"),
        Just("RemovePermission"),
        Just("PutFunctionEventInvokeConfig"),
        Just("DeleteFunctionEventInvokeConfig"),
        Just("PutProvisionedConcurrencyConfig"),
        Just("DeleteProvisionedConcurrencyConfig"),
        Just("PutRuntimeManagementConfig"),
        Just("DeleteFunction"),
    ];
    let hang = (hang, qualifier, 1_u32..1100).prop_map(|(operation, qualifier, count)| {
        let input = json!({
            "FunctionName": "fn",
            "Qualifier": qualifier,
            "StatementId": "sid",
            "Action": "lambda:InvokeFunction",
            "Principal": "*",
            "MaximumRetryAttempts": 1,
            "ProvisionedConcurrentExecutions": count,
            "UpdateRuntimeOn": "Auto",
        });
        (operation, input)
    });
    let url = prop_oneof![Just("CreateFunctionUrlConfig"), Just("DeleteFunctionUrlConfig")];
    let name = prop_oneof![Just("live"), Just("next")];
    let url = (url, name).prop_map(|(operation, name)| {
        (operation, json!({ "FunctionName": "fn", "Qualifier": name, "AuthType": "NONE" }))
    });
    let alias = prop_oneof![Just("CreateAlias"), Just("UpdateAlias"), Just("DeleteAlias")];
    let name = prop_oneof![Just("live"), Just("next")];
    let alias = (alias, name, 1_u32..4).prop_map(|(operation, name, version)| {
        let version = version.to_string();
        (operation, json!({ "FunctionName": "fn", "Name": name, "FunctionVersion": version }))
    });
    let reserve = (any::<bool>(), 0_u32..1100).prop_map(|(put, count)| {
        let input = json!({ "FunctionName": "fn", "ReservedConcurrentExecutions": count });
        (if put { "PutFunctionConcurrency" } else { "DeleteFunctionConcurrency" }, input)
    });
    let change = (1_u32..900).prop_map(|timeout| {
        ("UpdateFunctionConfiguration", json!({ "FunctionName": "fn", "Timeout": timeout }))
    });
    let publish = Just(("PublishVersion", json!({ "FunctionName": "fn" })));
    prop_oneof![10 => hang, 2 => url, 3 => alias, 2 => reserve, 1 => change, 1 => publish]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nothing_hangs_on_what_is_not_there_and_the_account_keeps_its_share(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let mut bench = Bench::with_function();
        for (operation, input) in steps {
            let _ = bench.try_call(operation, input);
            let function = bench.account.function("fn").unwrap();
            let hanging = function.policies.keys();
            let hanging = hanging.chain(function.urls.keys()).chain(function.event_invoke.keys());
            let hanging = hanging.chain(function.provisioned.keys());
            for key in hanging.chain(function.runtime_management.keys()) {
                prop_assert!(function.has(key), "{operation}: {key}");
            }
            prop_assert!(bench.account.unreserved() >= 100, "{operation}");
            let reserved = function.reserved_concurrency.unwrap_or(u32::MAX);
            prop_assert!(function.provisioned_total() <= reserved, "{operation}");
        }
    }
}
