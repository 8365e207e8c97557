//! `DeleteFunction`: a function as a whole, or one version of it.

use serde_json::json;

use super::find;
use crate::account::qualifier::{LATEST, is_alias_name};
use crate::account::{Account, ApiError, Function, Input, Key, Object};

/// `DeleteFunction`. A version that is not there is as good as deleted (recorded answers).
pub(in crate::account) fn remove(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = account.named(input.required("FunctionName")?, input.text("Qualifier"))?;
    match named.qualifier {
        Some(LATEST) => {
            return Err(ApiError::invalid(
                "$LATEST version cannot be deleted without deleting the function.",
            ));
        }
        Some(qualifier) if is_alias_name(qualifier) => {
            return Err(ApiError::invalid("Deletion of aliases is not currently supported."));
        }
        _ => {}
    }
    let Some(function) = account.functions.get(named.name) else {
        return Err(account.no_function(named.name, None));
    };
    match named.qualifier.map(find::number) {
        None => {
            account.functions.remove(named.name);
            account.change(Key::Function(named.name.to_owned()));
        }
        Some(None) => return Err(account.no_function(named.name, None)),
        Some(Some(number)) => {
            function.unreferenced(number)?;
            if function.versions.contains_key(&number)
                && let Some(function) = account.changing(named.name)
            {
                function.versions.remove(&number);
                function.release(&number.to_string());
            }
        }
    }
    Ok(Object::from_iter([("StatusCode".to_owned(), json!(204))]))
}

impl Function {
    /// Refuses a version that aliases point to, be it as the second one.
    fn unreferenced(&self, number: u64) -> Result<(), ApiError> {
        let text = number.to_string();
        let aliases = self.aliases.iter().filter(|(_, alias)| {
            alias.version == text || alias.second.is_some_and(|(second, _)| second == number)
        });
        let names: Vec<&str> = aliases.map(|(name, _)| name.as_str()).collect();
        if names.is_empty() {
            return Ok(());
        }
        Err(ApiError::conflict(format!(
            "Unable to delete version because the following aliases reference it: [{}]",
            names.join(", ")
        )))
    }
}
