//! Limits and rules of packages, with the service's texts.

use super::*;

fn refused(more: Value) -> crate::account::ApiError {
    bench().refused("CreateFunction", with(request("fn"), more))
}

fn of_code(code: Code) -> Bench {
    let mut bench = bench();
    bench.code = Some(code);
    bench
}

fn sized(size: u64, unzipped: u64) -> Code {
    Code::Zip { sha256: "digest".to_owned(), size, unzipped }
}

#[test]
fn a_zip_over_50_mb_is_not_taken_directly() {
    let text = "Zipped size must be smaller than 52428800 bytes";
    let mut bench = of_code(sized(52_428_801, 1));
    let error = bench.refused("CreateFunction", request("fn"));
    assert_error(&error, "RequestEntityTooLargeException", 413, json!({ "message": text }));
    let code = json!({ "Code": { "S3Bucket": "bucket", "S3Key": "key" } });
    bench.ok("CreateFunction", with(request("fn"), code));
    assert_eq!(bench.refused("UpdateFunctionCode", json!({ "FunctionName": "fn" })).status, 413);
    of_code(sized(52_428_800, 1)).ok("CreateFunction", request("fn"));
}

#[test]
fn code_of_250_mb_unzipped_is_refused() {
    let text = "Unzipped size must be smaller than 262144000 bytes";
    let error = of_code(sized(1, 262_144_000)).refused("CreateFunction", request("fn"));
    assert_invalid(&error, text);
    let mut bench = of_code(sized(1, 262_143_999));
    bench.ok("CreateFunction", request("fn"));
    bench.code = Some(sized(1, 262_144_000));
    assert_invalid(&bench.refused("UpdateFunctionCode", json!({ "FunctionName": "fn" })), text);
}

#[test]
fn layers_count_towards_the_unzipped_size() {
    let mut bench = bench();
    bench.code = Some(zip(200_000_000));
    let layer = bench.ok("PublishLayerVersion", json!({ "LayerName": "layer" }));
    let layers = json!({ "Layers": [layer["LayerVersionArn"]] });
    bench.code = Some(sized(1, 62_144_001));
    let text = "Function code combined with layers exceeds the maximum allowed size of 262144000 \
                bytes. The actual size is 262144001 bytes.";
    let error = bench.refused("CreateFunction", with(request("fn"), layers.clone()));
    assert_invalid(&error, text);
    bench.ok("CreateFunction", request("fn"));
    let update = with(json!({ "FunctionName": "fn" }), layers.clone());
    assert_invalid(&bench.refused("UpdateFunctionConfiguration", update.clone()), text);
    bench.code = Some(sized(1, 62_144_000));
    bench.ok("UpdateFunctionCode", json!({ "FunctionName": "fn" }));
    bench.ok("UpdateFunctionConfiguration", update);
    bench.code = Some(sized(1, 62_144_001));
    assert_invalid(&bench.refused("UpdateFunctionCode", json!({ "FunctionName": "fn" })), text);
}

#[test]
fn an_environment_over_4_kb_is_refused_with_its_values() {
    // `{"LARGE_VAR":"…"}` is 7 bytes more than its name and value.
    let of = |length: usize| json!({ "Environment": { "Variables": { "LARGE_VAR": "x".repeat(length) } } });
    let fits = 4096 - 7 - "LARGE_VAR".len();
    bench().ok("CreateFunction", with(request("fn"), of(fits)));
    assert_invalid(
        &refused(of(fits + 1)),
        &format!(
            "Lambda was unable to configure your environment variables because the environment \
             variables you have provided exceeded the 4KB limit. String measured: \
             {{\"LARGE_VAR\":\"{}\"}}",
            "x".repeat(fits + 1)
        ),
    );
    let two = |length: usize| json!({ "Environment": { "Variables": { "SMALL_VAR": "ok", "LARGE_VAR": "x".repeat(length) } } });
    bench().ok("CreateFunction", with(request("fn"), two(4063)));
    assert_eq!(refused(two(4064)).code, "InvalidParameterValueException");
}

#[test]
fn lambdas_own_variables_are_refused() {
    let variables = json!({ "AWS_REGION": "x", "AWS_ACCESS_KEY_ID": "y", "MINE": "z" });
    assert_invalid(
        &refused(json!({ "Environment": { "Variables": variables } })),
        "Lambda was unable to configure your environment variables because the environment variables \
         you have provided contains reserved keys that are currently not supported for modification. \
         Reserved keys used in this request: AWS_ACCESS_KEY_ID, AWS_REGION",
    );
}

#[test]
fn time_memory_and_storage_have_the_limits_of_ordinary_functions() {
    let error = refused(json!({ "Timeout": 901 }));
    assert_error(
        &error,
        "ValidationException",
        400,
        json!({
            "message": "1 validation error detected: Value '901' at 'timeout' failed to satisfy \
                        constraint: Member must have value less than or equal to 900",
        }),
    );
    assert_eq!(
        refused(json!({ "MemorySize": 10_241 })).message,
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal \
         to 10240"
    );
    assert_eq!(
        refused(json!({ "EphemeralStorage": { "Size": 10_241 } })).message,
        "1 validation error detected: Value '10241' at 'ephemeralStorage.size' failed to satisfy \
         constraint: Member must have value less than or equal to 10240"
    );
    let most = json!({
        "Timeout": 900, "MemorySize": 10_240, "EphemeralStorage": { "Size": 10_240 },
    });
    bench().ok("CreateFunction", with(request("fn"), most));
    // Managed instances have the model's.
    let managed = json!({
        "Timeout": 5400,
        "MemorySize": 32_768,
        "CapacityProviderConfig": { "LambdaManagedInstancesCapacityProviderConfig": { "CapacityProviderArn": format!("{ARN}:capacity-provider:p") } },
    });
    bench().ok("CreateFunction", with(request("fn"), managed));
}

#[test]
fn layers_are_held_against_what_is_there() {
    let arn = format!("{ARN}:layer:doesnotexist:1");
    assert_invalid(
        &refused(json!({ "Layers": [arn] })),
        &format!("Layer version {arn} does not exist."),
    );
    let six: Vec<_> = (0..6).map(|n| format!("{ARN}:layer:layer-{n}:1")).collect();
    assert_invalid(&refused(json!({ "Layers": six })), "Cannot reference more than 5 layers.");
}

#[test]
fn a_zip_cannot_become_an_image() {
    let mut bench = bench();
    bench.ok("CreateFunction", request("fn"));
    let text = "Please don't provide ImageUri when updating a function with packageType Zip.";
    let update = json!({ "FunctionName": "fn", "ImageUri": "repository:latest" });
    assert_invalid(&bench.refused("UpdateFunctionCode", update), text);
    bench.code = Some(image("latest", "a"));
    assert_invalid(&bench.refused("UpdateFunctionCode", json!({ "FunctionName": "fn" })), text);
}

#[test]
fn an_image_cannot_become_a_zip() {
    let mut bench = image_bench();
    bench.code = Some(zip(1000));
    assert_invalid(
        &bench.refused("UpdateFunctionCode", json!({ "FunctionName": "fn" })),
        "Please provide ImageUri when updating a function with packageType Image.",
    );
}

#[test]
fn an_image_has_no_runtime_handler_or_layers() {
    let text = "Please don't provide Handler or Runtime or Layer when the intended function \
                PackageType is Image.";
    let layer = format!("{ARN}:layer:layer:1");
    for more in [
        json!({ "Runtime": "provided.al2023" }),
        json!({ "Handler": "bootstrap" }),
        json!({ "Layers": [layer] }),
    ] {
        let mut bench = of_code(image("latest", "a"));
        let create =
            json!({ "FunctionName": "fn", "Role": ROLE, "PackageType": "Image", "Code": {} });
        assert_invalid(&bench.refused("CreateFunction", with(create, more.clone())), text);
        let update = with(json!({ "FunctionName": "fn" }), more);
        assert_invalid(&image_bench().refused("UpdateFunctionConfiguration", update), text);
    }
}

#[test]
fn a_zip_needs_a_runtime_a_handler_and_code() {
    let bare = json!({ "FunctionName": "fn", "Role": ROLE, "Code": { "ImageUri": "x" } });
    assert_invalid(
        &of_code(image("latest", "a")).refused("CreateFunction", bare),
        "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
    );
    let text = "Please provide a source for function code.";
    let mut bench = of_code(image("latest", "a"));
    assert_invalid(&bench.refused("CreateFunction", request("fn")), text);
    bench.code = None;
    assert_invalid(&bench.refused("CreateFunction", request("fn")), text);
    bench.code = Some(zip(1));
    bench.ok("CreateFunction", request("fn"));
    bench.code = None;
    assert_invalid(&bench.refused("UpdateFunctionCode", json!({ "FunctionName": "fn" })), text);
}

#[test]
fn more_than_50_tags_are_refused() {
    let tags = |count: u32| -> Value {
        (0..count).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into()
    };
    assert_invalid(
        &refused(json!({ "Tags": tags(51) })),
        "Number of tags exceeds resource tag limit.",
    );
    bench().ok("CreateFunction", with(request("fn"), json!({ "Tags": tags(50) })));
}

#[test]
fn a_code_signing_config_must_be_there() {
    let arn = format!("{ARN}:code-signing-config:csc-00000000000000000");
    let error = refused(json!({ "CodeSigningConfigArn": arn }));
    assert_eq!((error.code, error.status), ("CodeSigningConfigNotFoundException", 404));
}

fn refused_update(bench: &mut Bench, members: Value) -> crate::account::ApiError {
    bench.now += 1000;
    bench.refused("UpdateFunctionConfiguration", with(json!({ "FunctionName": "fn" }), members))
}

#[test]
fn snap_start_is_not_for_runtimes_of_an_operating_system_only() {
    let mut bench = Bench::with_function();
    let on = json!({ "SnapStart": { "ApplyOn": "PublishedVersions" } });
    let text = "provided.al2023 is not supported for SnapStart enabled functions.";
    assert_invalid(&refused_update(&mut bench, on.clone()), text);
    let java = with(on, json!({ "FunctionName": "fn", "Runtime": "java21" }));
    bench.ok("UpdateFunctionConfiguration", java);
    let back = refused_update(&mut bench, json!({ "Runtime": "provided.al2" }));
    assert_invalid(&back, "provided.al2 is not supported for SnapStart enabled functions.");
}

#[test]
fn no_variable_has_a_null_character() {
    let mut bench = Bench::with_function();
    let variables = json!({ "Environment": { "Variables": { "AB": "a\u{0}b" } } });
    let text = "Lambda was unable to configure your environment variables because the environment \
                variables you have provided has a null character in AB";
    assert_invalid(&refused_update(&mut bench, variables), text);
}
