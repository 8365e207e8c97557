use serde_json::{Value, json};

use super::super::model;
use super::super::testing::*;

/// Publishes a version of a layer.
fn publish(bench: &mut Bench, name: &str) -> Value {
    bench.code = Some(zip(1000));
    bench.ok("PublishLayerVersion", json!({ "LayerName": name }))
}

/// An account with one version of the layer `layer`.
fn layer() -> Bench {
    let mut bench = Bench::new();
    publish(&mut bench, "layer");
    bench
}

fn used(bench: &Bench, arns: &[&str]) -> String {
    let error = bench.account.used_layers(arns).unwrap_err();
    assert_invalid(&error, &error.message);
    error.message
}

#[test]
fn a_layer_from_publishing_to_deleting() {
    let mut bench = Bench::new();
    bench.code = Some(zip(1000));
    let request = json!({
        "LayerName": "layer",
        "CompatibleRuntimes": ["python3.12"],
        "LicenseInfo": "license",
        "Description": "description",
        "CompatibleArchitectures": ["x86_64"],
    });
    let answer = |version: u64| {
        json!({
            "CompatibleArchitectures": ["x86_64"],
            "CompatibleRuntimes": ["python3.12"],
            "Content": {
                "CodeSha256": "bWzz0IYd4rzT7cIAbtlXB+HOK1vRkpQjbQ4/7QNZbL8=",
                "CodeSize": 169,
            },
            "CreatedDate": "2026-11-20T17:38:42.250+0000",
            "Description": "description",
            "LayerArn": format!("{ARN}:layer:layer"),
            "LayerVersionArn": format!("{ARN}:layer:layer:{version}"),
            "LicenseInfo": "license",
            "Version": version,
        })
    };
    let item = |version: u64| {
        let Value::Object(mut item) = answer(version) else { panic!() };
        item.remove("Content");
        item.remove("LayerArn");
        Value::Object(item)
    };
    assert_eq!(bench.ok("PublishLayerVersion", request.clone()), answer(1));
    assert_eq!(bench.ok("PublishLayerVersion", request.clone()), answer(2));

    let one = json!({ "LayerName": "layer", "VersionNumber": 1 });
    assert_eq!(bench.ok("GetLayerVersion", one.clone()), answer(1));
    let by_arn = json!({ "Arn": format!("{ARN}:layer:layer:1") });
    assert_eq!(bench.ok("GetLayerVersionByArn", by_arn), answer(1));
    let versions = bench.ok("ListLayerVersions", json!({ "LayerName": "layer" }));
    assert_eq!(versions, json!({ "LayerVersions": [item(2), item(1)] }));
    let layers = bench.ok("ListLayers", json!({}));
    let expected = json!({
        "LayerName": "layer",
        "LayerArn": format!("{ARN}:layer:layer"),
        "LatestMatchingVersion": item(2),
    });
    assert_eq!(layers, json!({ "Layers": [expected] }));

    assert_eq!(bench.ok("DeleteLayerVersion", one), json!({}));
    bench.ok("DeleteLayerVersion", json!({ "LayerName": "layer", "VersionNumber": 2 }));
    let versions = bench.ok("ListLayerVersions", json!({ "LayerName": "layer" }));
    assert_eq!(versions, json!({ "LayerVersions": [] }));
    assert_eq!(bench.ok("ListLayers", json!({})), json!({ "Layers": [] }));
    assert_eq!(bench.ok("PublishLayerVersion", request), answer(3));
}

#[test]
fn identical_bytes_make_a_new_version() {
    let mut bench = layer();
    let second = publish(&mut bench, "layer");
    let first = bench.ok("GetLayerVersion", json!({ "LayerName": "layer", "VersionNumber": 1 }));
    assert_eq!((&first["Version"], &second["Version"]), (&json!(1), &json!(2)));
    assert_eq!(first["Content"]["CodeSha256"], second["Content"]["CodeSha256"]);
}

#[test]
fn what_is_not_said_is_left_out_but_the_description() {
    let mut bench = Bench::new();
    let answer = publish(&mut bench, "layer");
    assert_eq!(answer["Description"], "");
    for member in ["LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures"] {
        assert!(answer.get(member).is_none(), "{member}");
    }
}

#[test]
fn compatible_runtimes_and_architectures_may_be_empty() {
    let mut bench = Bench::new();
    bench.code = Some(zip(1000));
    let request =
        json!({ "LayerName": "l", "CompatibleRuntimes": [], "CompatibleArchitectures": [] });
    let answer = bench.ok("PublishLayerVersion", request);
    assert_eq!(answer["CompatibleRuntimes"], json!([]));
    assert_eq!(answer["CompatibleArchitectures"], json!([]));
}

#[test]
fn a_layer_names_fifteen_runtimes_and_two_architectures_at_most() {
    let path = "/2018-10-31/layers/layer/versions";
    let body = |runtimes: usize, architectures: usize| {
        json!({
            "Content": {},
            "CompatibleRuntimes": vec!["provided.al2023"; runtimes],
            "CompatibleArchitectures": vec!["arm64"; architectures],
        })
    };
    let (operation, members) = model::route("POST", path, &[]).unwrap();
    model::input(operation, &members, &[], &|_| None, Some(body(15, 2))).unwrap();
    for (runtimes, architectures, at) in
        [(16, 0, "compatibleRuntimes"), (0, 3, "compatibleArchitectures")]
    {
        let text = model_refuses("POST", path, "", body(runtimes, architectures));
        assert!(text.contains(at), "{text}");
        let limit = runtimes.max(architectures) - 1;
        let expected = format!("Member must have length less than or equal to {limit}");
        assert!(text.ends_with(&expected), "{text}");
    }
}

#[test]
fn a_layer_may_be_named_by_its_arn() {
    let mut bench = layer();
    let arn = format!("{ARN}:layer:layer");
    assert_eq!(publish(&mut bench, &arn)["Version"], 2);
    let request = json!({ "LayerName": arn, "VersionNumber": 2 });
    assert_eq!(bench.ok("GetLayerVersion", request)["Version"], 2);
    let other = "arn:aws:lambda:us-east-1:222222222222:layer:layer";
    let error = bench.refused("PublishLayerVersion", json!({ "LayerName": other }));
    assert_eq!((error.code, error.status), ("AccessDeniedException", 403));
}

#[test]
fn lists_filter_by_runtime_and_architecture() {
    let mut bench = Bench::new();
    bench.code = Some(zip(1000));
    for (runtime, architecture) in [("provided.al2023", "arm64"), ("python3.12", "x86_64")] {
        let request = json!({
            "LayerName": "layer",
            "CompatibleRuntimes": [runtime],
            "CompatibleArchitectures": [architecture],
        });
        bench.ok("PublishLayerVersion", request);
    }
    let asked = json!({ "CompatibleRuntime": "provided.al2023" });
    let layers = bench.ok("ListLayers", asked);
    assert_eq!(layers["Layers"][0]["LatestMatchingVersion"]["Version"], 1);
    let asked = json!({ "LayerName": "layer", "CompatibleArchitecture": "x86_64" });
    let versions = bench.ok("ListLayerVersions", asked);
    assert_eq!(versions["LayerVersions"].as_array().unwrap().len(), 1);
    assert_eq!(versions["LayerVersions"][0]["Version"], 2);
    let asked = json!({ "CompatibleRuntime": "python3.12", "CompatibleArchitecture": "arm64" });
    assert_eq!(bench.ok("ListLayers", asked), json!({ "Layers": [] }));
}

#[test]
fn lists_come_by_pages() {
    let mut bench = Bench::new();
    for _ in 0..51 {
        publish(&mut bench, "layer");
    }
    publish(&mut bench, "another");
    let first = bench.ok("ListLayerVersions", json!({ "LayerName": "layer" }));
    assert_eq!(first["LayerVersions"].as_array().unwrap().len(), 50);
    assert_eq!(first["LayerVersions"][0]["Version"], 51);
    let asked = json!({ "LayerName": "layer", "Marker": first["NextMarker"] });
    let second = bench.ok("ListLayerVersions", asked);
    assert_eq!(second["LayerVersions"].as_array().unwrap().len(), 1);
    assert_eq!(second["LayerVersions"][0]["Version"], 1);
    assert!(second.get("NextMarker").is_none());

    let first = bench.ok("ListLayers", json!({ "MaxItems": 1 }));
    assert_eq!(first["Layers"][0]["LayerName"], "another");
    let asked = json!({ "MaxItems": 1, "Marker": first["NextMarker"] });
    assert_eq!(bench.ok("ListLayers", asked)["Layers"][0]["LayerName"], "layer");
}

#[test]
fn list_layer_versions_of_a_layer_that_is_not_there_is_empty() {
    let answer = Bench::new().ok("ListLayerVersions", json!({ "LayerName": "nosuch" }));
    assert_eq!(answer, json!({ "LayerVersions": [] }));
}

#[test]
fn get_layer_version_that_is_not_there() {
    let mut bench = layer();
    let text = "The resource you requested does not exist.";
    for (name, number) in [("nosuch", 1), ("layer", 2)] {
        let request = json!({ "LayerName": name, "VersionNumber": number });
        assert_not_found(&bench.refused("GetLayerVersion", request), text);
    }
    let by_arn = json!({ "Arn": format!("{ARN}:layer:layer:2") });
    assert_not_found(&bench.refused("GetLayerVersionByArn", by_arn), text);
}

#[test]
fn layer_version_cannot_be_less_than_1() {
    let mut bench = layer();
    for number in [0, -1] {
        let request = json!({ "LayerName": "layer", "VersionNumber": number });
        for operation in ["GetLayerVersion", "DeleteLayerVersion"] {
            let error = bench.refused(operation, request.clone());
            assert_invalid(&error, "Layer Version Cannot be less than 1");
        }
    }
}

#[test]
fn get_layer_version_by_arn_wants_a_version_in_the_arn() {
    let arn = format!("{ARN}:layer:layer");
    let query = format!("find=LayerVersion&Arn={arn}");
    let text = model_refuses("GET", "/2018-10-31/layers", &query, json!({}));
    let expected = format!(
        "1 validation error detected: Value '{arn}' at 'arn' failed to satisfy constraint: Member \
         must satisfy regular expression pattern: "
    );
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn deleting_a_layer_version_that_is_not_there_does_no_harm() {
    let mut bench = layer();
    for (name, number) in [("nosuch", 1), ("layer", 2), ("layer", 1), ("layer", 1)] {
        let request = json!({ "LayerName": name, "VersionNumber": number });
        assert_eq!(bench.ok("DeleteLayerVersion", request), json!({}));
    }
}

#[test]
fn a_layer_larger_than_250_mb_unpacked_is_refused() {
    let mut bench = Bench::new();
    bench.code = Some(zip(262_144_001));
    let error = bench.refused("PublishLayerVersion", json!({ "LayerName": "layer" }));
    assert_invalid(&error, "Unzipped size must be smaller than 262144000 bytes");
}

#[test]
fn a_layer_that_stays_in_its_bucket_says_where() {
    let mut bench = Bench::new();
    bench.code = Some(zip(1000));
    let object = json!({ "S3Bucket": "bucket", "S3Key": "key", "S3ObjectVersion": "version" });
    let content = with(object.clone(), json!({ "S3ObjectStorageMode": "REFERENCE" }));
    let request = json!({ "LayerName": "layer", "Content": content });
    let answer = bench.ok("PublishLayerVersion", request);
    assert_eq!(answer["Content"]["ResolvedS3Object"], object);
    let settings = bench.ok("GetAccountSettings", json!({}));
    assert_eq!(settings["AccountUsage"]["TotalCodeSize"], 0);
}

#[test]
fn a_function_uses_five_layers_at_most() {
    let mut bench = Bench::new();
    let names = ["a", "b", "c", "d", "e", "f"];
    let arns = names.map(|name| publish(&mut bench, name)["LayerVersionArn"].clone());
    let arns: Vec<&str> = arns.iter().filter_map(Value::as_str).collect();
    assert_eq!(used(&bench, &arns), "Cannot reference more than 5 layers.");
    let five = bench.account.used_layers(&arns[..5]).unwrap();
    let names: Vec<&str> = five.iter().map(|layer| layer.arn.as_str()).collect();
    assert_eq!(names, arns[..5]);
    assert_eq!(five[0].code, zip(1000));
}

#[test]
fn two_versions_of_one_layer_are_refused() {
    let mut bench = layer();
    publish(&mut bench, "layer");
    publish(&mut bench, "layer");
    let arn = |version: u64| format!("{ARN}:layer:layer:{version}");
    let text = |first: u64, second: u64| {
        format!(
            "Two different versions of the same layer are not allowed to be referenced in the same \
             function. {} and {} are versions of the same layer.",
            arn(first),
            arn(second)
        )
    };
    assert_eq!(used(&bench, &[&arn(1), &arn(2)]), text(1, 2));
    assert_eq!(used(&bench, &[&arn(1), &arn(2), &arn(3)]), text(1, 2));
}

#[test]
fn one_version_of_a_layer_twice_is_refused() {
    let arn = format!("{ARN}:layer:layer:1");
    assert_eq!(
        used(&layer(), &[&arn, &arn]),
        format!(
            "Two different versions of the same layer are not allowed to be referenced in the same \
             function. {arn} and {arn} are versions of the same layer."
        )
    );
}

#[test]
fn a_missing_layer_version_is_refused() {
    let bench = layer();
    for name in ["nosuch:1", "layer:9"] {
        let arn = format!("{ARN}:layer:{name}");
        assert_eq!(used(&bench, &[&arn]), format!("Layer version {arn} does not exist."));
    }
}

#[test]
fn a_layer_of_another_region_is_refused() {
    assert_eq!(
        used(&layer(), &["arn:aws:lambda:eu-west-1:111111111111:layer:layer:1"]),
        "Layers are not in the same region as the function. Layers are expected to be in region \
         us-east-1."
    );
}

fn permission(sid: &str) -> Value {
    json!({
        "LayerName": "layer",
        "VersionNumber": 1,
        "StatementId": sid,
        "Action": "lambda:GetLayerVersion",
        "Principal": "*",
    })
}

#[test]
fn the_policy_of_a_layer_version_from_its_first_statement_to_none() {
    let mut bench = layer();
    let version = json!({ "LayerName": "layer", "VersionNumber": 1 });
    let statement = |sid: &str| {
        format!(
            "{{\"Sid\":\"{sid}\",\"Effect\":\"Allow\",\"Principal\":\"*\",\
             \"Action\":\"lambda:GetLayerVersion\",\"Resource\":\"{ARN}:layer:layer:1\"}}"
        )
    };
    let document = |statements: &[&str]| {
        let statements: Vec<String> = statements.iter().map(|sid| statement(sid)).collect();
        format!(
            "{{\"Version\":\"2012-10-17\",\"Id\":\"default\",\"Statement\":[{}]}}",
            statements.join(",")
        )
    };
    let added = bench.ok("AddLayerVersionPermission", permission("s1"));
    assert_eq!(added["Statement"], statement("s1"));
    let policy = bench.ok("GetLayerVersionPolicy", version.clone());
    assert_eq!(policy["Policy"], document(&["s1"]));
    assert_eq!(policy["RevisionId"], added["RevisionId"]);

    let request = set(permission("s2"), "RevisionId", policy["RevisionId"].clone());
    let added = bench.ok("AddLayerVersionPermission", request);
    assert_ne!(added["RevisionId"], policy["RevisionId"]);
    let policy = bench.ok("GetLayerVersionPolicy", version.clone());
    assert_eq!(policy["Policy"], document(&["s1", "s2"]));
    assert_eq!(policy["RevisionId"], added["RevisionId"]);

    let remove = set(version.clone(), "StatementId", "s2");
    let remove = set(remove, "RevisionId", policy["RevisionId"].clone());
    assert_eq!(bench.ok("RemoveLayerVersionPermission", remove), json!({}));
    let after = bench.ok("GetLayerVersionPolicy", version.clone());
    assert_eq!(after["Policy"], document(&["s1"]));
    assert_ne!(after["RevisionId"], policy["RevisionId"]);

    bench.ok("RemoveLayerVersionPermission", set(version.clone(), "StatementId", "s1"));
    let error = bench.refused("GetLayerVersionPolicy", version);
    assert_not_found(&error, "No policy is associated with the given resource.");
}

#[test]
fn a_layer_may_be_open_to_an_account_or_an_organization() {
    let mut bench = layer();
    let account = set(permission("a"), "Principal", "210987654321");
    let statement = bench.ok("AddLayerVersionPermission", account)["Statement"].clone();
    let statement: Value = serde_json::from_str(statement.as_str().unwrap()).unwrap();
    assert_eq!(statement["Principal"], json!({ "AWS": "arn:aws:iam::210987654321:root" }));
    let organization = set(permission("o"), "OrganizationId", "o-1234567890");
    let statement = bench.ok("AddLayerVersionPermission", organization)["Statement"].clone();
    let statement: Value = serde_json::from_str(statement.as_str().unwrap()).unwrap();
    let condition = json!({ "StringEquals": { "aws:PrincipalOrgID": "o-1234567890" } });
    assert_eq!(statement["Condition"], condition);
}

#[test]
fn a_layer_version_without_a_policy() {
    let error = layer()
        .refused("GetLayerVersionPolicy", json!({ "LayerName": "layer", "VersionNumber": 1 }));
    assert_not_found(&error, "No policy is associated with the given resource.");
}

#[test]
fn a_layer_permission_with_a_statement_id_that_is_taken() {
    let mut bench = layer();
    bench.ok("AddLayerVersionPermission", permission("s1"));
    let error = bench.refused("AddLayerVersionPermission", permission("s1"));
    assert_conflict(
        &error,
        "The statement id (s1) provided already exists. Please provide a new statement id, or \
         remove the existing statement.",
    );
}

#[test]
fn a_layer_permission_with_a_stale_revision() {
    let mut bench = layer();
    bench.ok("AddLayerVersionPermission", permission("s1"));
    let add = set(permission("s2"), "RevisionId", "wrong");
    assert_stale(&bench.refused("AddLayerVersionPermission", add), "GetLayerPolicy");
    let remove = set(permission("s1"), "RevisionId", "wrong");
    assert_stale(&bench.refused("RemoveLayerVersionPermission", remove), "GetLayerPolicy");
}

#[test]
fn a_layer_permission_of_a_version_that_is_not_there() {
    let mut bench = layer();
    for (name, number) in [("nosuch", 1), ("layer", 2)] {
        let request = set(permission("s1"), "LayerName", name);
        let request = set(request, "VersionNumber", number);
        let text = format!("Layer version {ARN}:layer:{name}:{number} does not exist.");
        for operation in
            ["AddLayerVersionPermission", "GetLayerVersionPolicy", "RemoveLayerVersionPermission"]
        {
            assert_not_found(&bench.refused(operation, request.clone()), &text);
        }
    }
}

#[test]
fn a_layer_permission_to_remove_that_is_not_there() {
    let mut bench = layer();
    bench.ok("AddLayerVersionPermission", permission("s1"));
    let error = bench.refused("RemoveLayerVersionPermission", permission("nosuch"));
    assert_not_found(&error, "Statement nosuch is not found in resource policy.");
}

#[test]
fn a_layer_permission_is_for_get_layer_version_only() {
    let path = "/2018-10-31/layers/layer/versions/1/policy";
    let body = json!({ "StatementId": "s", "Action": "*", "Principal": "*" });
    assert_eq!(
        model_refuses("POST", path, "", body),
        "1 validation error detected: Value '*' at 'action' failed to satisfy constraint: Member \
         must satisfy regular expression pattern: lambda:GetLayerVersion"
    );
}
