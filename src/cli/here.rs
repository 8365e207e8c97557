//! A function of the workspace as it is created on this machine.

use serde_json::{Value, json};

use crate::function::Function;
use crate::local::ACCOUNT;
use crate::release::Object;
use crate::release::wanted::Wanted;

/// The settings that mean something on this machine (members of `CreateFunction`).
const HERE: [&str; 6] =
    ["Description", "EphemeralStorage", "Handler", "LoggingConfig", "MemorySize", "Timeout"];

/// What the function is created with: `CreateFunction` without its name and its code.
pub(super) fn settings(function: &Function, wanted: &Wanted) -> Object {
    let here = |(name, value): (&&'static str, &Value)| {
        HERE.contains(name).then(|| ((*name).to_owned(), value.clone()))
    };
    let mut all: Object = wanted.configuration.iter().filter_map(here).collect();
    let mut set = |name: &str, value: Value| drop(all.insert(name.to_owned(), value));
    set("Runtime", function.runtime.aws_name().into());
    set("Role", format!("arn:aws:iam::{ACCOUNT}:role/local").into());
    set("Architectures", json!([function.compile.target.arch.aws_name()]));
    if let Some(environment) = &wanted.environment {
        set("Environment", json!({ "Variables": environment.set }));
    }
    all.entry("Handler").or_insert_with(|| "bootstrap".into());
    all
}
