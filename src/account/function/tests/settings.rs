//! What is set, what stays and what is cleared.

use super::*;

const MOUNT: &str = "arn:aws:elasticfilesystem:us-east-1:111111111111:access-point/\
                     fsap-0123456789abcdef0";

/// A function with these settings, and a way to update it.
struct Set(Bench);

impl Set {
    fn new(more: Value) -> Self {
        let mut bench = bench();
        bench.ok("CreateFunction", with(request("fn"), more));
        Self(bench)
    }

    /// The configuration after an update, which the answer shows already.
    fn update(&mut self, more: Value) -> Value {
        let update = with(json!({ "FunctionName": "fn" }), more);
        let answer = self.0.ok("UpdateFunctionConfiguration", update);
        let after = configuration(&mut self.0);
        let settled = |mut value: Value| {
            let members = value.as_object_mut().unwrap();
            members.retain(|name, _| !name.starts_with("LastUpdate") && name != "RevisionId");
            value
        };
        assert_eq!(settled(answer), settled(after.clone()));
        after
    }
}

#[test]
fn what_is_not_sent_stays() {
    let mut set = Set::new(json!({
        "Description": "d",
        "Environment": { "Variables": { "ENV_A": "a" } },
        "KMSKeyArn": "arn:aws:kms:key",
        "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:queue" },
        "FileSystemConfigs": [{ "Arn": MOUNT, "LocalMountPath": "/mnt/a" }],
        "VpcConfig": { "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] },
        "TracingConfig": { "Mode": "Active" },
        "Runtime": "java21",
        "SnapStart": { "ApplyOn": "PublishedVersions" },
        "DurableConfig": { "ExecutionTimeout": 7 },
        "TenancyConfig": { "TenantIsolationMode": "PER_TENANT" },
        "Architectures": ["arm64"],
    }));
    let before = configuration(&mut set.0);
    for (member, value) in [
        ("DurableConfig", json!({ "ExecutionTimeout": 7 })),
        ("TenancyConfig", json!({ "TenantIsolationMode": "PER_TENANT" })),
        ("TracingConfig", json!({ "Mode": "Active" })),
        ("Architectures", json!(["arm64"])),
    ] {
        assert_eq!(before[member], value);
    }
    let mut after = set.update(json!({ "Timeout": 9 }));
    for member in ["Timeout", "RevisionId"] {
        after[member] = before[member].clone();
    }
    assert_eq!(after, before);
}

#[test]
fn what_is_sent_empty_is_cleared_and_then_left_out() {
    let mut set = Set::new(json!({
        "Description": "d",
        "KMSKeyArn": "arn:aws:kms:key",
        "DeadLetterConfig": { "TargetArn": "arn:aws:sqs:queue" },
        "FileSystemConfigs": [{ "Arn": MOUNT, "LocalMountPath": "/mnt/a" }],
    }));
    set.0.code = Some(zip(1));
    let layer = set.0.ok("PublishLayerVersion", json!({ "LayerName": "layer" }));
    let arn = layer["LayerVersionArn"].clone();
    let after = set.update(json!({ "Layers": [arn] }));
    assert_eq!(after["Layers"], json!([{ "Arn": arn, "CodeSize": 169 }]));
    let after = set.update(json!({
        "Description": "",
        "KMSKeyArn": "",
        "DeadLetterConfig": { "TargetArn": "" },
        "FileSystemConfigs": [],
        "Layers": [],
    }));
    assert_eq!(after["Description"], "");
    for member in ["KMSKeyArn", "DeadLetterConfig", "FileSystemConfigs", "Layers", "VpcConfig"] {
        assert_eq!(after.get(member), None, "{member}");
    }
}

#[test]
fn the_environment_is_replaced_as_a_whole() {
    let mut set = Set::new(json!({}));
    assert_eq!(configuration(&mut set.0).get("Environment"), None);
    let after = set.update(json!({ "Environment": { "Variables": { "ENV_A": "a" } } }));
    assert_eq!(after["Environment"], json!({ "Variables": { "ENV_A": "a" } }));
    let after = set.update(json!({ "Environment": { "Variables": { "ENV_B": "b" } } }));
    assert_eq!(after["Environment"], json!({ "Variables": { "ENV_B": "b" } }));
    // Empty, it is shown empty (recorded).
    let after = set.update(json!({ "Environment": { "Variables": {} } }));
    assert_eq!(after["Environment"], json!({ "Variables": {} }));
}

#[test]
fn a_network_that_is_cleared_is_shown_empty() {
    let mut set = Set::new(json!({
        "VpcConfig": { "SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"] },
    }));
    let before = configuration(&mut set.0)["VpcConfig"].clone();
    assert_eq!(before["SubnetIds"], json!(["subnet-1"]));
    assert_eq!(before["Ipv6AllowedForDualStack"], false);
    assert!(before["VpcId"].as_str().unwrap().starts_with("vpc-"));
    let cleared = json!({ "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] } });
    let expected = json!({
        "Ipv6AllowedForDualStack": false, "SecurityGroupIds": [], "SubnetIds": [], "VpcId": "",
    });
    assert_eq!(set.update(cleared)["VpcConfig"], expected);
    let never = json!({ "VpcConfig": { "SubnetIds": [], "SecurityGroupIds": [] } });
    assert_eq!(configuration(&mut Set::new(never).0).get("VpcConfig"), None);
}

#[test]
fn the_log_format_decides_over_the_levels() {
    let text = json!({ "LogFormat": "Text", "LogGroup": "/aws/lambda/fn" });
    let of = |application: &str, system: &str| {
        json!({
            "ApplicationLogLevel": application,
            "LogFormat": "JSON",
            "LogGroup": "/aws/lambda/fn",
            "SystemLogLevel": system,
        })
    };
    for (sent, expected) in [
        (json!({ "LogFormat": "JSON" }), of("INFO", "INFO")),
        (json!({ "LogFormat": "JSON", "ApplicationLogLevel": "DEBUG" }), of("DEBUG", "INFO")),
        (json!({ "LogFormat": "JSON", "SystemLogLevel": "DEBUG" }), of("INFO", "DEBUG")),
    ] {
        let mut set = Set::new(json!({}));
        assert_eq!(configuration(&mut set.0)["LoggingConfig"], text);
        assert_eq!(set.update(json!({ "LoggingConfig": sent }))["LoggingConfig"], expected);
        let back = set.update(json!({ "LoggingConfig": { "LogFormat": "Text" } }));
        assert_eq!(back["LoggingConfig"], text);
    }
    let mut set = Set::new(json!({ "LoggingConfig": { "LogFormat": "JSON" } }));
    let after = set.update(json!({ "LoggingConfig": { "LogGroup": "cool_lambda" } }));
    let mut expected = of("INFO", "INFO");
    expected["LogGroup"] = json!("cool_lambda");
    assert_eq!(after["LoggingConfig"], expected);
}

#[test]
fn text_logs_have_no_levels() {
    let levels = json!({
        "FunctionName": "fn", "LoggingConfig": { "ApplicationLogLevel": "DEBUG" },
    });
    let error = Set::new(json!({})).0.refused("UpdateFunctionConfiguration", levels);
    assert_eq!(error.code, "InvalidParameterValueException");
}

#[test]
fn another_runtime_has_another_version() {
    let mut set = Set::new(json!({}));
    let before = configuration(&mut set.0)["RuntimeVersionConfig"].clone();
    let after = set.update(json!({ "Runtime": "provided.al2" }));
    assert_ne!(after["RuntimeVersionConfig"], before);
    let after = set.update(json!({ "Runtime": "provided.al2023" }));
    assert_eq!(after["RuntimeVersionConfig"], before);
}

#[test]
fn a_layer_that_was_deleted_stays_with_its_function() {
    let mut set = Set::new(json!({}));
    set.0.code = Some(zip(1));
    let layer = set.0.ok("PublishLayerVersion", json!({ "LayerName": "layer" }));
    let before = set.update(json!({ "Layers": [layer["LayerVersionArn"]] }));
    set.0.ok("DeleteLayerVersion", json!({ "LayerName": "layer", "VersionNumber": 1 }));
    assert_eq!(configuration(&mut set.0), before);
}

#[test]
fn an_image_is_shown_with_its_digest() {
    let mut bench = image_bench();
    let answer = get(&mut bench, "fn");
    let expected = json!({
        "ImageUri": "repository:latest",
        "RepositoryType": "ECR",
        "ResolvedImageUri": format!("repository@sha256:{}", "a".repeat(64)),
    });
    assert_eq!(answer["Code"], expected);
    let shown = &answer["Configuration"];
    assert_eq!(shown["CodeSha256"], "a".repeat(64));
    assert_eq!(shown["PackageType"], "Image");
    for member in ["Runtime", "Handler", "RuntimeVersionConfig", "ImageConfigResponse", "Layers"] {
        assert_eq!(shown.get(member), None, "{member}");
    }
    bench.code = Some(image("next", "b"));
    bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn", "ImageUri": "repository:next" }));
    assert_eq!(get(&mut bench, "fn")["Configuration"]["CodeSha256"], "b".repeat(64));
}

#[test]
fn an_image_config_is_replaced_as_a_whole_and_empty_is_none() {
    let mut bench = image_bench();
    let mut update = |config: Value| {
        let update = json!({ "FunctionName": "fn", "ImageConfig": config });
        bench.ok("UpdateFunctionConfiguration", update);
        configuration(&mut bench).get("ImageConfigResponse").cloned()
    };
    let first = json!({
        "Command": ["-c", "echo test"], "EntryPoint": ["sh"], "WorkingDirectory": "/app1",
    });
    assert_eq!(update(first.clone()), Some(json!({ "ImageConfig": first })));
    let second = json!({ "Command": ["-c", "echo test1"], "WorkingDirectory": "/app1" });
    assert_eq!(update(second.clone()), Some(json!({ "ImageConfig": second })));
    assert_eq!(update(json!({})), None);
    assert_eq!(update(json!({ "Command": [], "EntryPoint": [] })), None);
}

#[test]
fn an_architecture_comes_with_the_code() {
    let mut set = Set::new(json!({}));
    let update = json!({ "FunctionName": "fn", "Architectures": ["arm64"] });
    assert_eq!(set.0.ok("UpdateFunctionCode", update)["Architectures"], json!(["arm64"]));
    assert_eq!(set.update(json!({}))["Architectures"], json!(["arm64"]));
}

#[test]
fn code_that_is_used_in_its_bucket_is_shown_with_the_object() {
    let object = json!({ "S3Bucket": "bucket", "S3Key": "key", "S3ObjectVersion": "v" });
    let key = "arn:aws:kms:us-east-1:111111111111:key/k";
    let reference = json!({ "S3ObjectStorageMode": "REFERENCE", "SourceKMSKeyArn": key });
    let mut set = Set::new(json!({ "Code": with(object.clone(), reference) }));
    let code = get(&mut set.0, "fn")["Code"].clone();
    let expected =
        json!({ "RepositoryType": "S3", "ResolvedS3Object": object, "SourceKMSKeyArn": key });
    assert_eq!(code, expected);
    let update = json!({ "FunctionName": "fn", "SourceKMSKeyArn": "" });
    set.0.ok("UpdateFunctionCode", update);
    assert_eq!(get(&mut set.0, "fn")["Code"], json!({ "RepositoryType": "S3" }));
}

/// Environments of one configuration are not another's, even if both are set in the same millisecond and
/// say the same; what changes the revision only ends none.
#[test]
fn each_time_that_it_is_set_a_configuration_is_another() {
    let mut bench = bench();
    let mut seen = Vec::new();
    bench.ok("CreateFunction", request("fn"));
    for operation in ["UpdateFunctionConfiguration", "UpdateFunctionCode", "UpdateFunctionCode"] {
        bench.account.settle(bench.now);
        let running = |bench: &Bench| {
            bench.account.function("fn").and_then(|it| it.running("$LATEST")).cloned().unwrap()
        };
        let before = running(&bench);
        let arn = arn("fn");
        bench.ok("TagResource", json!({ "Resource": arn, "Tags": { operation: "x" } }));
        bench.ok("PublishVersion", json!({ "FunctionName": "fn" }));
        let tagged = running(&bench);
        assert_ne!(tagged.revision, before.revision);
        assert_eq!(tagged.set_with, before.set_with);
        seen.push(tagged.set_with);
        bench.ok(operation, json!({ "FunctionName": "fn" }));
        assert_eq!(running(&bench).set_with, before.set_with, "the old one serves");
    }
    bench.account.settle(bench.now);
    seen.push(bench.account.function("fn").unwrap().latest.set_with.clone());
    let all: std::collections::BTreeSet<_> = seen.iter().collect();
    assert_eq!(all.len(), seen.len(), "{seen:?}");
}
