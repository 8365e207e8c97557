//! What makes one configuration of a function differ from another.
//!
//! AWS leaves out members without a value, sorts some lists, and answers in other shapes than it is
//! asked in. Here each member gets the one form in which it can be compared, which is that of
//! `UpdateFunctionConfiguration` (AWS Lambda API reference; defaults: "Configuration" there).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Object;

/// What a version keeps of its function, by member.
const VERSIONED: [&str; 18] = [
    "Architectures",
    "CodeSha256",
    "DeadLetterConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "Handler",
    "ImageConfigResponse",
    "KMSKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
];

/// The value of a member, in the form of `UpdateFunctionConfiguration`: what AWS takes where nothing
/// is said, if it is not there.
#[must_use]
pub fn current(configuration: &Object, member: &str) -> Value {
    let value = configuration.get(member);
    match member {
        "Architectures" => value.cloned().unwrap_or_else(|| json!(["x86_64"])),
        "DeadLetterConfig" => filled(value, json!({ "TargetArn": "" })),
        "EphemeralStorage" => filled(value, json!({ "Size": 512 })),
        "ImageConfig" => {
            // Answers have it in a response; what was only predicted stands by its own name.
            let answered = || configuration.get("ImageConfigResponse")?.get("ImageConfig");
            filled(value.or_else(answered), json!({ "EntryPoint": [], "Command": [] }))
        }
        "FileSystemConfigs" => value.cloned().unwrap_or_else(|| json!([])),
        "Layers" => layers(value),
        "LoggingConfig" => filled(value, json!({ "LogFormat": "Text" })),
        "PackageType" => value.cloned().unwrap_or_else(|| "Zip".into()),
        "TracingConfig" => filled(value, json!({ "Mode": "PassThrough" })),
        "VpcConfig" => vpc(value),
        "Description" | "KMSKeyArn" => value.cloned().unwrap_or_else(|| "".into()),
        _ => value.cloned().unwrap_or(Value::Null),
    }
}

/// What is not there yet is what AWS takes then.
fn filled(value: Option<&Value>, default: Value) -> Value {
    let (Some(Value::Object(given)), Value::Object(mut all)) = (value, default.clone()) else {
        return default;
    };
    all.extend(given.clone());
    Value::Object(all)
}

/// Answers hold objects with sizes and signing profiles; requests hold ARNs.
fn layers(value: Option<&Value>) -> Value {
    let all = value.and_then(Value::as_array).into_iter().flatten();
    let arn = |layer: &Value| layer.get("Arn").unwrap_or(layer).clone();
    Value::Array(all.map(arn).collect())
}

/// In any order it is the same VPC; `VpcId` follows from the subnets.
fn vpc(value: Option<&Value>) -> Value {
    let sorted = |member: &str| {
        let list = value.and_then(|vpc| vpc.get(member)).and_then(Value::as_array);
        let mut list: Vec<&str> = list.into_iter().flatten().filter_map(Value::as_str).collect();
        list.sort_unstable();
        json!(list)
    };
    let dual = value.and_then(|vpc| vpc.get("Ipv6AllowedForDualStack"));
    json!({
        "SubnetIds": sorted("SubnetIds"),
        "SecurityGroupIds": sorted("SecurityGroupIds"),
        "Ipv6AllowedForDualStack": dual.and_then(Value::as_bool).unwrap_or_default(),
    })
}

/// What is to be sent so that a member is what is wanted, or nothing if it is. Of an object only the
/// members that are wanted count; the others go along as they are.
#[must_use]
pub fn change(configuration: &Object, member: &str, wanted: &Value) -> Option<(Value, Value)> {
    let old = current(configuration, member);
    let mut new = match (&old, wanted) {
        (Value::Object(old), Value::Object(wanted)) => {
            let mut all = old.clone();
            all.extend(wanted.clone());
            Value::Object(all)
        }
        _ => wanted.clone(),
    };
    match member {
        "VpcConfig" => new = vpc(Some(&new)),
        // Levels belong to JSON; AWS refuses them with Text.
        "LoggingConfig" if new["LogFormat"] == "Text" => {
            if let Value::Object(new) = &mut new {
                new.retain(|name, _| name == "LogFormat" || name == "LogGroup");
            }
        }
        _ => {}
    }
    let same = match (&old, &new) {
        (Value::Object(old), Value::Object(new)) => {
            new.iter().all(|(name, value)| old.get(name) == Some(value))
        }
        _ => old == new,
    };
    (!same).then_some((old, new))
}

/// The environment variables, or why AWS does not show them (`EnvironmentError`: the key that encrypts
/// them may not be used, say).
pub fn variables(configuration: &Object) -> Result<BTreeMap<String, String>, String> {
    let Some(environment) = configuration.get("Environment") else { return Ok(BTreeMap::new()) };
    if let Some(error) = environment.get("Error") {
        let text = |member: &str| error.get(member).and_then(Value::as_str).unwrap_or_default();
        return Err(format!("{}: {}", text("ErrorCode"), text("Message")));
    }
    let all = environment.get("Variables").and_then(Value::as_object).into_iter().flatten();
    Ok(all.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect())
}

/// The members in which the content of two configurations differs: what a version keeps.
/// A version's description is its own.
#[must_use]
pub fn differing(one: &Object, other: &Object) -> Vec<&'static str> {
    let differs = |member: &&str| match *member {
        "Environment" => match (variables(one), variables(other)) {
            (Ok(one), Ok(other)) => one != other,
            // What cannot be seen cannot be said to differ.
            _ => false,
        },
        member => current(one, member) != current(other, member),
    };
    VERSIONED.into_iter().filter(differs).collect()
}

/// Gives an image's configuration its digest where an answer leaves that out, as what stands in for AWS may
/// do: versions could not be told apart. `image`: with its digest (`ResolvedImageUri`).
pub fn with_digest(configuration: &mut Object, image: Option<&str>) {
    let is_empty = text(configuration, "CodeSha256").unwrap_or_default().is_empty();
    if let Some((_, digest)) = image.and_then(|image| image.split_once("@sha256:"))
        && is_empty
        && current(configuration, "PackageType") == "Image"
    {
        configuration.insert("CodeSha256".to_owned(), digest.into());
    }
}

/// A member that is a text.
#[must_use]
pub fn text<'o>(object: &'o Object, member: &str) -> Option<&'o str> {
    object.get(member).and_then(Value::as_str)
}
