use serde_json::{Value, json};

use super::super::testing::*;

fn usage(bench: &mut Bench) -> (Value, Value) {
    let usage = bench.ok("GetAccountSettings", json!({}))["AccountUsage"].clone();
    (usage["FunctionCount"].clone(), usage["TotalCodeSize"].clone())
}

#[test]
fn the_members_of_the_settings() {
    let settings = Bench::new().ok("GetAccountSettings", json!({}));
    let expected = json!({
        "AccountLimit": {
            "TotalCodeSize": 322_122_547_200_u64,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": 1000,
            "UnreservedConcurrentExecutions": 1000,
        },
        "AccountUsage": { "FunctionCount": 0, "TotalCodeSize": 0 },
    });
    assert_eq!(settings, expected);
}

#[test]
fn functions_versions_and_layers_count_towards_the_code_size() {
    let mut bench = Bench::new();
    // `$LATEST` and version 1, of 169 bytes each.
    bench.add_function("fn");
    assert_eq!(usage(&mut bench), (json!(1), json!(2 * 169)));
    for at in 3..=4 {
        bench.code = Some(zip(1000));
        bench.ok("PublishLayerVersion", json!({ "LayerName": "layer" }));
        assert_eq!(usage(&mut bench), (json!(1), json!(at * 169)));
    }
    bench.ok("DeleteLayerVersion", json!({ "LayerName": "layer", "VersionNumber": 1 }));
    assert_eq!(usage(&mut bench), (json!(1), json!(3 * 169)));
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    assert_eq!(usage(&mut bench), (json!(0), json!(169)));
}

#[test]
fn a_change_of_the_configuration_counts_when_it_is_published() {
    let mut bench = Bench::with_function();
    let (_, before) = usage(&mut bench);
    bench.ok("UpdateFunctionConfiguration", json!({ "FunctionName": "fn", "Timeout": 7 }));
    assert_eq!(usage(&mut bench).1, before);
    bench.ok("PublishVersion", json!({ "FunctionName": "fn" }));
    assert_eq!(usage(&mut bench).1, before.as_u64().unwrap() + 169);
}
