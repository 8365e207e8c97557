use serde_json::json;

use super::super::testing::*;

#[test]
fn recursion_is_terminated_unless_it_is_allowed() {
    let mut bench = Bench::with_function();
    let named = json!({ "FunctionName": "fn" });
    let shown = |choice: &str| json!({ "RecursiveLoop": choice });
    assert_eq!(bench.ok("GetFunctionRecursionConfig", named.clone()), shown("Terminate"));
    for choice in ["Allow", "Terminate"] {
        let put = json!({ "FunctionName": "fn", "RecursiveLoop": choice });
        assert_eq!(bench.ok("PutFunctionRecursionConfig", put), shown(choice));
        assert_eq!(bench.ok("GetFunctionRecursionConfig", named.clone()), shown(choice));
    }
}

#[test]
fn recursion_of_a_function_that_is_not_there() {
    let mut bench = Bench::new();
    let request = json!({ "FunctionName": "nosuch", "RecursiveLoop": "Allow" });
    for operation in ["GetFunctionRecursionConfig", "PutFunctionRecursionConfig"] {
        let error = bench.refused(operation, request.clone());
        assert_not_found(&error, &format!("Function not found: {ARN}:function:nosuch"));
    }
}

#[test]
fn a_choice_for_recursion_that_does_not_exist() {
    let path = "/2024-08-31/functions/fn/recursion-config";
    assert_eq!(
        model_refuses("PUT", path, "", json!({ "RecursiveLoop": "InvalidValue" })),
        "1 validation error detected: Value 'InvalidValue' at 'recursiveLoop' failed to satisfy \
         constraint: Member must satisfy enum value set: [Terminate, Allow]"
    );
}
