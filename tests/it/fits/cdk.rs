//! `examples/cdk`, held against CDK. It is large and wants Node.js, so it is part of `tests/long`.

use std::fs;

use serde_json::Value;

use super::{orders, python_of, with_lambda_pack};
use crate::support::run;

#[test]
#[ignore = "CDK is fetched by tests/setup --long"]
fn assets_are_the_bundles_and_stay_the_same() {
    let workspace = orders("cdk");
    let Some(python) = python_of("cdk") else { return };
    let packaged = || workspace.packaged(&["--arch", "x86_64"]);
    let synth = |out: &str| {
        let out = workspace.path().join(out);
        let mut app = with_lambda_pack(&python, &workspace.path().join("cdk"));
        run(app.arg("app.py").env("CDK_OUTDIR", &out)).code(0);
        let template = fs::read(out.join("Orders.template.json")).unwrap();
        (out, serde_json::from_slice::<Value>(&template).unwrap())
    };
    packaged();
    let (out, first) = synth("first");
    let functions = first["Resources"].as_object().unwrap().values();
    let functions = functions.filter(|resource| resource["Type"] == "AWS::Lambda::Function");
    let mut count = 0;
    for properties in functions.map(|function| &function["Properties"]) {
        let name = properties["FunctionName"].as_str().unwrap();
        let asset = out.join(format!("asset.{}", properties["Code"]["S3Key"].as_str().unwrap()));
        let zip = workspace.path().join(format!("target/lambda-pack/{name}/x86_64/bootstrap.zip"));
        assert!(fs::read(asset).unwrap() == fs::read(zip).unwrap(), "{name}: other bytes");
        assert_eq!(properties["Runtime"], "provided.al2023");
        count += 1;
    }
    assert_eq!(count, 2);

    // Packaged from nothing, by another name of the target folder.
    fs::remove_dir_all(workspace.path().join("target")).unwrap();
    packaged();
    assert_eq!(synth("second").1, first, "the same bundles, the same template");
    workspace.write("crates/orders-api/src/main.rs", "fn main() { println!(\"other\"); }\n");
    packaged();
    let third = synth("third").1;
    let code = |template: &Value| {
        let all = template["Resources"].as_object().unwrap().values();
        let code = all.filter_map(|it| it["Properties"]["Code"]["S3Key"].as_str());
        code.map(str::to_owned).collect::<Vec<_>>()
    };
    let changed = code(&first).iter().zip(code(&third)).filter(|(a, b)| *a != b).count();
    assert_eq!(changed, 1);
}
