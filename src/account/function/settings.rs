//! What `CreateFunction` and `UpdateFunctionConfiguration` set.
//!
//! Settings are kept in the form in which they are answered. What is not sent stays as it is; what is
//! sent empty is cleared. What we do not interpret is kept as it was sent.

use serde_json::{Value, json};

use crate::account::arn::partition;
use crate::account::{ApiError, Input, Object};
use crate::digest::Sha256;

/// Members of the two operations that are no settings of `FunctionConfiguration`.
const OTHERS: [&str; 8] = [
    "Code",
    "CodeSigningConfigArn",
    "FunctionName",
    "Layers",
    "Publish",
    "PublishTo",
    "RevisionId",
    "Tags",
];

/// What a function has that says nothing (recorded answers).
pub(super) fn defaults(name: &str) -> Object {
    let defaults = [
        ("Architectures", json!(["x86_64"])),
        ("Description", json!("")),
        ("EphemeralStorage", json!({ "Size": 512 })),
        (
            "LoggingConfig",
            json!({ "LogFormat": "Text", "LogGroup": format!("/aws/lambda/{name}") }),
        ),
        ("MemorySize", json!(128)),
        ("PackageType", json!("Zip")),
        ("SnapStart", json!({ "ApplyOn": "None", "OptimizationStatus": "Off" })),
        ("Timeout", json!(3)),
        ("TracingConfig", json!({ "Mode": "PassThrough" })),
    ];
    defaults.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The settings after a call.
pub(super) fn merged(before: &Object, input: &Input, region: &str) -> Result<Object, ApiError> {
    let mut settings = before.clone();
    for (name, value) in input.members() {
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        let (name, value) = match name.as_str() {
            "DeadLetterConfig" => (name.as_str(), filled(value, "TargetArn")),
            "Environment" => ("Environment", Some(environment(value))),
            "ImageConfig" => ("ImageConfigResponse", image_config(value)),
            "LoggingConfig" => (name.as_str(), Some(logging(&settings, value)?)),
            "Runtime" => {
                settings.insert("RuntimeVersionConfig".to_owned(), runtime_version(value, region));
                (name.as_str(), Some(value.clone()))
            }
            // They say nothing new.
            "SnapStart" if filled(value, "ApplyOn").is_none() => continue,
            "TracingConfig" if filled(value, "Mode").is_none() => continue,
            "SnapStart" => (name.as_str(), Some(snap_start(value.clone()))),
            "VpcConfig" => (name.as_str(), vpc(&settings, value)),
            _ => (name.as_str(), Some(value.clone()).filter(|value| !is_empty(name, value))),
        };
        match value {
            Some(value) => settings.insert(name.to_owned(), value),
            None => settings.remove(name),
        };
    }
    Ok(settings)
}

/// Whether an empty value clears a setting; an empty description is one.
fn is_empty(name: &str, value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty() && name != "Description",
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// A structure whose only member says something.
fn filled(value: &Value, member: &str) -> Option<Value> {
    let says = value.get(member).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    says.then(|| value.clone())
}

fn environment(value: &Value) -> Value {
    json!({ "Variables": value.get("Variables").cloned().unwrap_or_else(|| json!({})) })
}

/// It is replaced as a whole; empty parts are those of the image.
fn image_config(value: &Value) -> Option<Value> {
    let mut parts = value.as_object().cloned().unwrap_or_default();
    parts.retain(|_, part| match part {
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        _ => true,
    });
    (!parts.is_empty()).then(|| json!({ "ImageConfig": parts }))
}

/// Parts that are not sent stay. JSON has levels, INFO unless it says so; Text has none.
fn logging(settings: &Object, value: &Value) -> Result<Value, ApiError> {
    let sent = |level: &str| value.get(level).is_some();
    let mut parts = settings.get("LoggingConfig").cloned().unwrap_or_default();
    for (name, part) in value.as_object().into_iter().flatten() {
        parts[name] = part.clone();
    }
    let levels = ["ApplicationLogLevel", "SystemLogLevel"];
    let json = parts.get("LogFormat").and_then(Value::as_str) == Some("JSON");
    if !json && levels.iter().any(|level| sent(level)) {
        return Err(ApiError::invalid(
            "LogLevel is not supported when LogFormat is set to \"Text\". Remove LogLevel from your \
             request or change the LogFormat to \"JSON\" and try again.",
        ));
    }
    for level in levels {
        if !json {
            parts.as_object_mut().map(|parts| parts.remove(level));
        } else if parts.get(level).is_none() {
            parts[level] = json!("INFO");
        }
    }
    Ok(parts)
}

fn snap_start(mut value: Value) -> Value {
    value["OptimizationStatus"] = json!("Off");
    value
}

/// Nothing is looked up: a network that has subnets has one and the same id.
fn vpc(settings: &Object, value: &Value) -> Option<Value> {
    let list = |name: &str| value.get(name).cloned().unwrap_or_else(|| json!([]));
    let (subnets, groups) = (list("SubnetIds"), list("SecurityGroupIds"));
    let inside = subnets.as_array().is_some_and(|subnets| !subnets.is_empty());
    if !inside && !settings.contains_key("VpcConfig") {
        return None;
    }
    let dual = value.get("Ipv6AllowedForDualStack").and_then(Value::as_bool).unwrap_or(false);
    Some(json!({
        "Ipv6AllowedForDualStack": dual,
        "SecurityGroupIds": groups,
        "SubnetIds": subnets,
        "VpcId": if inside { "vpc-00000000000000000" } else { "" },
    }))
}

/// An ARN of the usual form, one for each runtime.
fn runtime_version(runtime: &Value, region: &str) -> Value {
    let runtime = runtime.as_str().unwrap_or_default();
    let digest = Sha256::of(runtime.as_bytes()).hex();
    let arn = format!("arn:{}:lambda:{region}::runtime:{digest}", partition(region));
    json!({ "RuntimeVersionArn": arn })
}
