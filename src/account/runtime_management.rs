//! When the runtime of a version is updated. Stored; there is one version of each runtime here.

use serde::{Deserialize, Serialize};

use super::names::Named;
use super::qualifier::is_alias_name;
use super::{Account, ApiError, Input, Object};

/// A runtime management configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeManagement {
    /// `UpdateRuntimeOn`: `Auto`, `FunctionUpdate` or `Manual`.
    pub update_on: String,
    /// `RuntimeVersionArn`, with `Manual`.
    pub version: Option<String>,
}

/// A version that is there. Aliases are refused, as AWS does.
fn named<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    let named = account.named(input.required("FunctionName")?, input.text("Qualifier"))?;
    if named.qualifier.is_some_and(is_alias_name) {
        let arn = account.function_arn(named.name, named.qualifier);
        return Err(ApiError::invalid(format!(
            "The provided function name {arn} is invalid. Aliases are not allowed."
        )));
    }
    account.found(named)?;
    Ok(named)
}

/// `PutRuntimeManagementConfig`. The text for a missing ARN is ours.
pub(super) fn put(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let update_on = input.required("UpdateRuntimeOn")?.to_owned();
    let version = input.text("RuntimeVersionArn").map(str::to_owned);
    if (update_on == "Manual") != version.is_some() {
        return Err(ApiError::invalid(
            "RuntimeVersionArn is required when UpdateRuntimeOn is Manual, and only then.",
        ));
    }
    if let Some(function) = account.changing(named.name) {
        let management = RuntimeManagement { update_on, version };
        function.runtime_management.insert(named.key().to_owned(), management);
    }
    get(account, input)
}

/// `GetRuntimeManagementConfig`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let management = account.found(named)?.runtime_management.get(named.key());
    let mut answer = Object::new();
    let update_on = management.map_or("Auto", |it| it.update_on.as_str());
    answer.insert("UpdateRuntimeOn".to_owned(), update_on.into());
    let arn = account.function_arn(named.name, named.qualifier);
    answer.insert("FunctionArn".to_owned(), arn.into());
    if let Some(version) = management.and_then(|it| it.version.as_deref()) {
        answer.insert("RuntimeVersionArn".to_owned(), version.into());
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;
