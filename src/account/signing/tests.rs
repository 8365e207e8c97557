use serde_json::{Value, json};

use super::super::testing::*;

/// A configuration, as it is answered.
fn create(bench: &mut Bench) -> Value {
    let profile = "arn:aws:signer:us-east-1:111111111111:/signing-profiles/test";
    let request = json!({
        "Description": "Testing CodeSigning Config",
        "AllowedPublishers": { "SigningProfileVersionArns": [profile] },
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": "Enforce" },
    });
    bench.ok("CreateCodeSigningConfig", request)["CodeSigningConfig"].clone()
}

fn arn(signing: &Value) -> String {
    signing["CodeSigningConfigArn"].as_str().unwrap().to_owned()
}

fn assert_missing(bench: &mut Bench, operation: &str, arn: &str) {
    let text = format!("The Lambda code signing configuration {arn} can not be found.");
    let error = bench.refused(operation, json!({ "CodeSigningConfigArn": arn }));
    assert_error(&error, "ResourceNotFoundException", 404, json!({ "Message": text }));
}

#[test]
fn a_code_signing_configuration_from_creating_to_deleting() {
    let mut bench = Bench::with_function();
    let created = create(&mut bench);
    let arn = arn(&created);
    let id = arn.strip_prefix(&format!("{ARN}:code-signing-config:")).unwrap();
    assert_eq!((id.len(), id.strip_prefix("csc-").map(str::len)), (21, Some(17)));
    let profile = "arn:aws:signer:us-east-1:111111111111:/signing-profiles/test";
    let mut expected = json!({
        "AllowedPublishers": { "SigningProfileVersionArns": [profile] },
        "CodeSigningConfigArn": arn,
        "CodeSigningConfigId": id,
        "CodeSigningPolicies": { "UntrustedArtifactOnDeployment": "Enforce" },
        "Description": "Testing CodeSigning Config",
        "LastModified": "2026-11-20T17:38:42.250+0000",
    });
    assert_eq!(created, expected);

    bench.now += 1000;
    let warn = json!({ "UntrustedArtifactOnDeployment": "Warn" });
    let update = json!({ "CodeSigningConfigArn": arn, "CodeSigningPolicies": warn });
    expected["CodeSigningPolicies"] = warn;
    expected["LastModified"] = "2026-11-20T17:38:43.250+0000".into();
    let answer = json!({ "CodeSigningConfig": expected });
    assert_eq!(bench.ok("UpdateCodeSigningConfig", update), answer);
    let by_arn = json!({ "CodeSigningConfigArn": arn });
    assert_eq!(bench.ok("GetCodeSigningConfig", by_arn.clone()), answer);
    assert_eq!(bench.ok("UpdateCodeSigningConfig", by_arn.clone()), answer);

    let attached = json!({ "CodeSigningConfigArn": arn, "FunctionName": "fn" });
    assert_eq!(bench.ok("PutFunctionCodeSigningConfig", attached.clone()), attached);
    let of_function = json!({ "FunctionName": "fn" });
    assert_eq!(bench.ok("GetFunctionCodeSigningConfig", of_function.clone()), attached);
    assert_eq!(
        bench.ok("ListCodeSigningConfigs", json!({})),
        json!({ "CodeSigningConfigs": [expected] })
    );
    assert_eq!(
        bench.ok("ListFunctionsByCodeSigningConfig", by_arn.clone()),
        json!({ "FunctionArns": [format!("{ARN}:function:fn")] })
    );
    let error = bench.refused("DeleteCodeSigningConfig", by_arn.clone());
    assert_eq!((error.code, error.status), ("ResourceConflictException", 409));
    assert_eq!(bench.ok("DeleteFunctionCodeSigningConfig", of_function), json!({}));
    assert_eq!(bench.ok("DeleteCodeSigningConfig", by_arn), json!({}));
    let none = json!({ "CodeSigningConfigs": [] });
    assert_eq!(bench.ok("ListCodeSigningConfigs", json!({})), none);
}

#[test]
fn a_code_signing_configuration_that_is_not_there() {
    let mut bench = Bench::with_function();
    let mut arn = arn(&create(&mut bench));
    arn.pop();
    arn.push('x');
    for operation in [
        "GetCodeSigningConfig",
        "UpdateCodeSigningConfig",
        "DeleteCodeSigningConfig",
        "ListFunctionsByCodeSigningConfig",
    ] {
        assert_missing(&mut bench, operation, &arn);
    }
    // The function is not asked for first.
    for name in ["fn", "nosuch"] {
        let request = json!({ "FunctionName": name, "CodeSigningConfigArn": arn });
        let text = format!(
            "The code signing configuration cannot be found. Check that the provided configuration \
             is not deleted: {arn}."
        );
        assert_error(
            &bench.refused("PutFunctionCodeSigningConfig", request),
            "CodeSigningConfigNotFoundException",
            404,
            json!({ "Type": "User", "Message": text }),
        );
    }
}

#[test]
fn the_code_signing_configuration_of_a_function_that_is_not_there() {
    let mut bench = Bench::new();
    let arn = arn(&create(&mut bench));
    let request = json!({ "FunctionName": "nosuch", "CodeSigningConfigArn": arn });
    for verb in ["Put", "Get", "Delete"] {
        let error = bench.refused(&format!("{verb}FunctionCodeSigningConfig"), request.clone());
        assert_not_found(&error, &format!("Function not found: {ARN}:function:nosuch"));
    }
}

#[test]
fn a_function_without_a_code_signing_configuration() {
    let mut bench = Bench::with_function();
    let arn = arn(&create(&mut bench));
    let of_function = json!({ "FunctionName": "fn" });
    assert_eq!(bench.ok("GetFunctionCodeSigningConfig", of_function.clone()), json!({}));
    assert_eq!(bench.ok("DeleteFunctionCodeSigningConfig", of_function), json!({}));
    let functions =
        bench.ok("ListFunctionsByCodeSigningConfig", json!({ "CodeSigningConfigArn": arn }));
    assert_eq!(functions, json!({ "FunctionArns": [] }));
}

#[test]
fn a_function_that_is_created_with_one() {
    let mut bench = Bench::new();
    let arn = arn(&create(&mut bench));
    let missing = format!("{}{}", &arn[..arn.len() - 17], "z".repeat(17));
    bench.code = Some(zip(1000));
    let mut create = json!({
        "FunctionName": "fn", "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": {},
        "Role": "arn:aws:iam::111111111111:role/role", "CodeSigningConfigArn": missing,
    });
    let error = bench.refused("CreateFunction", create.clone());
    assert_eq!((error.code, error.status), ("CodeSigningConfigNotFoundException", 404));
    create["CodeSigningConfigArn"] = arn.as_str().into();
    bench.ok("CreateFunction", create);
    let attached = bench.ok("GetFunctionCodeSigningConfig", json!({ "FunctionName": "fn" }));
    assert_eq!(attached["CodeSigningConfigArn"], arn);
    // It is free once the function is gone.
    bench.ok("DeleteFunction", json!({ "FunctionName": "fn" }));
    bench.ok("DeleteCodeSigningConfig", json!({ "CodeSigningConfigArn": arn }));
}

#[test]
fn lists_come_by_pages() {
    let mut bench = Bench::new();
    let mut all: Vec<Value> = (0..3).map(|_| create(&mut bench)).collect();
    all.sort_by_key(arn);
    let first = bench.ok("ListCodeSigningConfigs", json!({ "MaxItems": 2 }));
    assert_eq!(first["CodeSigningConfigs"], json!(all[..2]));
    let next = json!({ "MaxItems": 2, "Marker": first["NextMarker"] });
    let second = bench.ok("ListCodeSigningConfigs", next);
    assert_eq!(second, json!({ "CodeSigningConfigs": all[2..] }));
}
