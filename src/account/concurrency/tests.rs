use serde_json::{Value, json};

use super::super::testing::*;

fn put(name: &str, reserved: i64) -> Value {
    json!({ "FunctionName": name, "ReservedConcurrentExecutions": reserved })
}

fn named() -> Value {
    json!({ "FunctionName": "fn" })
}

/// Recorded without `Type`.
fn assert_untyped(error: &super::ApiError, text: &str) {
    assert_error(error, "InvalidParameterValueException", 400, json!({ "message": text }));
}

fn unreserved(bench: &mut Bench) -> Value {
    let settings = bench.ok("GetAccountSettings", json!({}));
    settings["AccountLimit"]["UnreservedConcurrentExecutions"].clone()
}

#[test]
fn reserved_concurrency_from_none_to_none() {
    let mut bench = Bench::with_function();
    assert_eq!(bench.ok("GetFunctionConcurrency", named()), json!({}));
    for reserved in [0, 1, 900] {
        let answer = json!({ "ReservedConcurrentExecutions": reserved });
        assert_eq!(bench.ok("PutFunctionConcurrency", put("fn", reserved)), answer);
        assert_eq!(bench.ok("GetFunctionConcurrency", named()), answer);
        assert_eq!(unreserved(&mut bench), 1000 - reserved);
    }
    assert_eq!(
        bench.ok("GetFunction", named())["Concurrency"]["ReservedConcurrentExecutions"],
        900
    );
    assert_eq!(bench.ok("DeleteFunctionConcurrency", named()), json!({}));
    assert_eq!(bench.ok("GetFunctionConcurrency", named()), json!({}));
    assert_eq!(unreserved(&mut bench), 1000);
}

#[test]
fn a_hundred_executions_stay_unreserved() {
    let mut bench = Bench::with_function();
    bench.add_function("other");
    let text = "Specified ReservedConcurrentExecutions for function decreases account's \
                UnreservedConcurrentExecution below its minimum value of [100].";
    for reserved in [1001, 1000, 901, i64::MAX] {
        let error = bench.refused("PutFunctionConcurrency", put("fn", reserved));
        assert_untyped(&error, text);
    }
    bench.ok("PutFunctionConcurrency", put("other", 500));
    assert_untyped(&bench.refused("PutFunctionConcurrency", put("fn", 401)), text);
    bench.ok("PutFunctionConcurrency", put("fn", 400));
    // What it has itself does not stand in its way.
    bench.ok("PutFunctionConcurrency", put("fn", 399));
}

#[test]
fn reserved_concurrency_is_of_the_function_only() {
    let mut bench = Bench::with_function();
    for name in [format!("{ARN}:function:fn:$LATEST"), "fn:live".to_owned()] {
        assert_invalid(
            &bench.refused("PutFunctionConcurrency", put(&name, 0)),
            "This operation is permitted on Lambda functions only. Aliases and versions do not \
             support this operation. Please specify either a function name or an unqualified \
             function ARN.",
        );
    }
}

#[test]
fn reserved_concurrency_of_a_function_that_is_not_there() {
    let mut bench = Bench::new();
    for reserved in [0, 1] {
        let error = bench.refused("PutFunctionConcurrency", put("nosuch", reserved));
        assert_not_found(&error, &format!("Function not found: {ARN}:function:nosuch:$LATEST"));
    }
    for operation in ["GetFunctionConcurrency", "DeleteFunctionConcurrency"] {
        let error = bench.refused(operation, json!({ "FunctionName": "nosuch" }));
        assert_not_found(&error, &format!("Function not found: {ARN}:function:nosuch"));
    }
}

#[test]
fn reserved_and_provisioned_concurrency_overlap() {
    let mut bench = Bench::with_function();
    let provisioned = |qualifier: &str, count: u32| {
        json!({
            "FunctionName": "fn",
            "Qualifier": qualifier,
            "ProvisionedConcurrentExecutions": count,
        })
    };
    bench.ok("PutProvisionedConcurrencyConfig", provisioned("1", 2));
    assert_eq!(unreserved(&mut bench), 998);
    assert_untyped(
        &bench.refused("PutFunctionConcurrency", put("fn", 1)),
        " ReservedConcurrentExecutions  1 should not be lower than function's total provisioned \
         concurrency [2].",
    );
    bench.ok("PutFunctionConcurrency", put("fn", 2));
    assert_eq!(unreserved(&mut bench), 998);
    bench.publish("fn");
    for request in [provisioned("2", 1), provisioned("1", 3)] {
        assert_invalid(
            &bench.refused("PutProvisionedConcurrencyConfig", request),
            "Requested Provisioned Concurrency should not be greater than the \
             reservedConcurrentExecution for function",
        );
    }
    bench.ok("PutProvisionedConcurrencyConfig", provisioned("1", 1));
}
