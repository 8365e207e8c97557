//! A function of the workspace as it is created on this machine.

use serde_json::{Value, json};

use crate::function::Function;
use crate::local::ACCOUNT;
use crate::release::Object;
use crate::release::wanted::Wanted;

/// The settings that mean something on this machine (members of `CreateFunction`).
const HERE: [&str; 6] =
    ["Description", "EphemeralStorage", "Handler", "LoggingConfig", "MemorySize", "Timeout"];

/// What a function is created with, whatever its code is: `CreateFunction` without its name.
fn settings(function: &Function, wanted: &Wanted) -> Object {
    let here = |(name, value): (&&'static str, &Value)| {
        HERE.contains(name).then(|| ((*name).to_owned(), value.clone()))
    };
    let mut all: Object = wanted.configuration.iter().filter_map(here).collect();
    let mut set = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    set("Role", format!("arn:aws:iam::{ACCOUNT}:role/local").into());
    set("Architectures", json!([function.compile.target.arch.aws_name()]));
    if let Some(environment) = &wanted.environment {
        set("Environment", json!({ "Variables": environment.set }));
    }
    all
}

/// The same for one whose code is a zip.
pub(super) fn zip_settings(function: &Function, wanted: &Wanted) -> Object {
    let mut all = settings(function, wanted);
    all.insert("Runtime".to_owned(), function.runtime.aws_name().into());
    all.entry("Handler").or_insert_with(|| "bootstrap".into());
    all
}

/// The same for one whose code is an image; started by these words if they are not the image's own.
pub(super) fn image_settings(
    function: &Function,
    wanted: &Wanted,
    entry_point: Option<&[String]>,
) -> Object {
    let mut all = settings(function, wanted);
    all.remove("Handler");
    all.insert("PackageType".to_owned(), "Image".into());
    if let Some(words) = entry_point {
        all.insert("ImageConfig".to_owned(), json!({ "EntryPoint": words }));
    }
    all
}
