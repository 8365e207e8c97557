//! What becomes of a function that calls itself in a loop. Stored, not enforced.

use super::names::Named;
use super::{Account, ApiError, Input, Object};

fn named<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    let named = account.named(input.required("FunctionName")?, None)?;
    account.found(Named { qualifier: None, ..named })?;
    Ok(named)
}

/// `PutFunctionRecursionConfig`.
pub(super) fn put(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let choice = input.required("RecursiveLoop")?.to_owned();
    if let Some(function) = account.changing(named.name) {
        function.recursion = Some(choice);
    }
    get(account, input)
}

/// `GetFunctionRecursionConfig`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let choice = account.functions.get(named.name).and_then(|it| it.recursion.as_deref());
    let choice = choice.unwrap_or("Terminate");
    Ok(Object::from_iter([("RecursiveLoop".to_owned(), choice.into())]))
}

#[cfg(test)]
mod tests;
