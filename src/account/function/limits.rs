//! What the service refuses beyond the model, with its own texts.

use serde_json::Value;

use super::UsedLayer;
use crate::account::{ApiError, Code, Object};
use crate::audit::{UNPACKED_LIMIT, ZIP_LIMIT};
use crate::config::RESERVED;

/// The largest environment, as JSON (recorded answers).
const MAX_ENVIRONMENT: usize = 4096;
/// The longest name of a function, without the ARN around it.
const MAX_NAME: usize = 64;
/// "Lambda quotas", for all functions but those on managed instances: seconds and megabytes.
const MAX_TIMEOUT: u64 = 900;
const MAX_MEMORY: u64 = 10_240;
const MAX_STORAGE: u64 = 10_240;

/// Refuses a name that only an ARN could be as long as.
pub(super) fn name(name: &str) -> Result<(), ApiError> {
    if name.len() <= MAX_NAME {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "1 validation error detected: Value '{name}' at 'functionName' failed to satisfy constraint: \
         Member must have length less than or equal to {MAX_NAME}"
    )))
}

/// Refuses settings that go beyond the quotas of a function.
pub(super) fn settings(settings: &Object) -> Result<(), ApiError> {
    environment(settings)?;
    snap_start(settings)?;
    // The model's limits are those of managed instances.
    if settings.contains_key("CapacityProviderConfig") {
        return Ok(());
    }
    let number = |name: &str| settings.get(name).and_then(Value::as_u64).unwrap_or_default();
    let storage = settings.get("EphemeralStorage").and_then(|it| it.get("Size"));
    let storage = storage.and_then(Value::as_u64).unwrap_or_default();
    most("timeout", number("Timeout"), MAX_TIMEOUT)?;
    most("ephemeralStorage.size", storage, MAX_STORAGE)?;
    if number("MemorySize") > MAX_MEMORY {
        return Err(ApiError::validation(format!(
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or \
             equal to {MAX_MEMORY}"
        )));
    }
    Ok(())
}

fn most(at: &str, value: u64, most: u64) -> Result<(), ApiError> {
    if value <= most {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: Member \
         must have value less than or equal to {most}"
    )))
}

/// The runtimes of an operating system only have none ("Improving startup performance with Lambda
/// `SnapStart`"); the text as it stands in reports (pull request 12458 of localstack/localstack).
fn snap_start(settings: &Object) -> Result<(), ApiError> {
    let applies = settings.get("SnapStart").and_then(|it| it.get("ApplyOn")?.as_str());
    let runtime = settings.get("Runtime").and_then(Value::as_str).unwrap_or_default();
    if applies == Some("PublishedVersions") && runtime.starts_with("provided") {
        return Err(ApiError::invalid(format!(
            "{runtime} is not supported for SnapStart enabled functions."
        )));
    }
    Ok(())
}

fn environment(settings: &Object) -> Result<(), ApiError> {
    let variables = settings.get("Environment").and_then(|it| it.get("Variables"));
    let Some(Value::Object(variables)) = variables else { return Ok(()) };
    let reserved: Vec<&str> =
        RESERVED.iter().copied().filter(|name| variables.contains_key(*name)).collect();
    let refused = "Lambda was unable to configure your environment variables because the environment \
                   variables you have provided";
    if !reserved.is_empty() {
        return Err(ApiError::invalid(format!(
            "{refused} contains reserved keys that are currently not supported for modification. \
             Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let null = |value: &Value| value.as_str().is_some_and(|text| text.contains('\0'));
    if let Some((name, _)) = variables.iter().find(|(_, value)| null(value)) {
        // No process can have it. The text is a guess.
        return Err(ApiError::invalid(format!("{refused} has a null character in {name}")));
    }
    let json = Value::Object(variables.clone()).to_string();
    if json.len() > MAX_ENVIRONMENT {
        return Err(ApiError::invalid(format!(
            "{refused} exceeded the 4KB limit. String measured: {json}"
        )));
    }
    Ok(())
}

/// Refuses a zip that is too large to be sent. One that lies in a bucket may be larger.
pub(super) fn zipped(code: &Code, in_bucket: bool) -> Result<(), ApiError> {
    if in_bucket || code.size() <= ZIP_LIMIT {
        return Ok(());
    }
    Err(ApiError::zip_too_large())
}

/// Refuses code that would not fit once it is unpacked.
pub(super) fn unzipped(code: &Code, layers: &[UsedLayer]) -> Result<(), ApiError> {
    if code.unzipped() >= UNPACKED_LIMIT {
        return Err(ApiError::unzipped_too_large());
    }
    let all = code.unzipped() + layers.iter().map(|layer| layer.code.unzipped()).sum::<u64>();
    if all > UNPACKED_LIMIT {
        return Err(ApiError::invalid(format!(
            "Function code combined with layers exceeds the maximum allowed size of {UNPACKED_LIMIT} \
             bytes. The actual size is {all} bytes."
        )));
    }
    Ok(())
}
