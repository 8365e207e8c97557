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
