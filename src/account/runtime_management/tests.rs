use serde_json::{Value, json};

use super::super::testing::*;

const VERSION: &str = "arn:aws:lambda:us-east-1::runtime:0123456789abcdef";

fn shown(update_on: &str, suffix: &str) -> Value {
    json!({ "UpdateRuntimeOn": update_on, "FunctionArn": format!("{ARN}:function:fn{suffix}") })
}

#[test]
fn runtimes_are_updated_automatically_unless_something_else_is_said() {
    let mut bench = Bench::with_function();
    let named = json!({ "FunctionName": "fn" });
    assert_eq!(bench.ok("GetRuntimeManagementConfig", named.clone()), shown("Auto", ""));
    let put = json!({ "FunctionName": "fn", "UpdateRuntimeOn": "FunctionUpdate" });
    assert_eq!(bench.ok("PutRuntimeManagementConfig", put), shown("FunctionUpdate", ""));
    assert_eq!(bench.ok("GetRuntimeManagementConfig", named), shown("FunctionUpdate", ""));
    // Each version has its own.
    let version = json!({ "FunctionName": "fn", "Qualifier": "1" });
    assert_eq!(bench.ok("GetRuntimeManagementConfig", version.clone()), shown("Auto", ":1"));
    let put = json!({
        "FunctionName": "fn:1", "UpdateRuntimeOn": "Manual", "RuntimeVersionArn": VERSION,
    });
    let mut expected = shown("Manual", ":1");
    expected["RuntimeVersionArn"] = VERSION.into();
    assert_eq!(bench.ok("PutRuntimeManagementConfig", put), expected);
    assert_eq!(bench.ok("GetRuntimeManagementConfig", version), expected);
}

#[test]
fn an_arn_with_manual_and_only_then() {
    let mut bench = Bench::with_function();
    let manual = json!({ "FunctionName": "fn", "UpdateRuntimeOn": "Manual" });
    let auto = json!({
        "FunctionName": "fn", "UpdateRuntimeOn": "Auto", "RuntimeVersionArn": VERSION,
    });
    for request in [manual, auto] {
        let error = bench.refused("PutRuntimeManagementConfig", request);
        assert_eq!((error.code, error.status), ("InvalidParameterValueException", 400));
    }
}

#[test]
fn runtime_management_of_what_is_not_there() {
    let mut bench = Bench::with_function();
    let request = |name: &str| json!({ "FunctionName": name, "UpdateRuntimeOn": "Auto" });
    for operation in ["GetRuntimeManagementConfig", "PutRuntimeManagementConfig"] {
        for name in ["nosuch", "fn:7"] {
            let error = bench.refused(operation, request(name));
            assert_not_found(&error, &format!("Function not found: {ARN}:function:{name}"));
        }
        assert_invalid(
            &bench.refused(operation, request("fn:live")),
            &format!(
                "The provided function name {ARN}:function:fn:live is invalid. Aliases are not \
                 allowed."
            ),
        );
    }
}
