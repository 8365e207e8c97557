//! The code of a function: which kind it may be of, and what is kept of where it came from.

use serde_json::{Value, json};

use crate::account::{ApiError, Code, Input, Object};

/// The code that `CreateFunction` sends.
///
/// A zip needs a runtime and a handler; an image takes neither, nor layers.
pub(super) fn created(input: &Input, code: Option<Code>) -> Result<Code, ApiError> {
    let says = |name: &str| input.text(name).is_some_and(|text| !text.is_empty());
    let layers = input.list("Layers").is_some_and(|layers| !layers.is_empty());
    if input.text("PackageType") == Some("Image") {
        if says("Runtime") || says("Handler") || layers {
            return Err(ApiError::invalid(
                "Please don't provide Handler or Runtime or Layer when the intended function \
                 PackageType is Image.",
            ));
        }
        return match code {
            Some(code @ Code::Image { .. }) => Ok(code),
            _ => Err(ApiError::invalid(
                "Please provide ImageUri when creating a function with packageType Image.",
            )),
        };
    }
    if !says("Runtime") || !says("Handler") {
        return Err(ApiError::invalid(
            "Runtime and Handler are mandatory parameters for functions created with deployment \
             packages.",
        ));
    }
    match code {
        Some(code @ Code::Zip { .. }) => Ok(code),
        _ => Err(no_source()),
    }
}

/// The code that `UpdateFunctionCode` sends: of the kind that it was.
pub(super) fn updated(before: &Code, input: &Input, code: Option<Code>) -> Result<Code, ApiError> {
    let image = input.has("ImageUri") || matches!(code, Some(Code::Image { .. }));
    match (before, code) {
        (Code::Zip { .. }, _) if image => Err(ApiError::invalid(
            "Please don't provide ImageUri when updating a function with packageType Zip.",
        )),
        (Code::Image { .. }, _) if !image => Err(ApiError::invalid(
            "Please provide ImageUri when updating a function with packageType Image.",
        )),
        (_, Some(code)) => Ok(code),
        (_, None) => Err(no_source()),
    }
}

fn no_source() -> ApiError {
    ApiError::invalid("Please provide a source for function code.")
}

/// What `GetFunction` says of the code beside the code itself: its key, and the object that it stays in
/// when it is used by reference. The same for the content of a layer.
pub(in crate::account) fn settings(before: &Object, source: &Object) -> Object {
    let mut settings = before.clone();
    match source.get("SourceKMSKeyArn").and_then(Value::as_str) {
        None => {}
        Some("") => drop(settings.remove("SourceKMSKeyArn")),
        Some(key) => drop(settings.insert("SourceKMSKeyArn".to_owned(), key.into())),
    }
    settings.remove("ResolvedS3Object");
    if source.get("S3ObjectStorageMode") == Some(&json!("REFERENCE")) {
        let parts = ["S3Bucket", "S3Key", "S3ObjectVersion"].into_iter();
        let object: Object =
            parts.filter_map(|name| Some((name.to_owned(), source.get(name)?.clone()))).collect();
        settings.insert("ResolvedS3Object".to_owned(), object.into());
    }
    settings
}
