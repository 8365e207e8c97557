//! Reserved concurrency, and what the account has left of its own.

use super::names::Named;
use super::provisioned::Provisioned;
use super::qualifier::LATEST;
use super::settings::{CONCURRENT_EXECUTIONS, UNRESERVED_AT_LEAST};
use super::{Account, ApiError, Function, Input, Object};

impl Function {
    /// The provisioned concurrency of its versions and aliases.
    pub(super) fn provisioned_total(&self) -> u32 {
        self.provisioned.values().map(|it| it.requested).sum()
    }

    /// What it takes from the account's concurrency.
    fn claim(&self) -> u32 {
        self.reserved_concurrency.unwrap_or_else(|| self.provisioned_total())
    }
}

impl Account {
    /// `UnreservedConcurrentExecutions`: how many executions there may be at once of all functions that
    /// have nothing reserved.
    #[must_use]
    pub fn unreserved(&self) -> u32 {
        let claims: u32 = self.functions.values().map(Function::claim).sum();
        CONCURRENT_EXECUTIONS.saturating_sub(claims)
    }
}

/// `kind` is `ReservedConcurrentExecutions` or `ConcurrentExecutions`.
pub(super) fn too_little_left(kind: &str) -> ApiError {
    ApiError::invalid(format!(
        "Specified {kind} for function decreases account's UnreservedConcurrentExecution below its \
         minimum value of [{UNRESERVED_AT_LEAST}]."
    ))
    .untyped()
}

/// The function of an operation that takes no qualifier.
fn unqualified<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    let named = account.named(input.required("FunctionName")?, None)?;
    if named.qualifier.is_some() {
        return Err(ApiError::invalid(
            "This operation is permitted on Lambda functions only. Aliases and versions do not \
             support this operation. Please specify either a function name or an unqualified \
             function ARN.",
        ));
    }
    Ok(named)
}

/// `PutFunctionConcurrency`.
pub(super) fn put(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = unqualified(account, input)?;
    let function = account.functions.get(named.name);
    // Recorded: this one operation names `$LATEST`.
    let missing = || account.missing(Named { qualifier: Some(LATEST), ..named });
    let function = function.ok_or_else(missing)?;
    let asked = input.number("ReservedConcurrentExecutions").unwrap_or_default();
    let free = account.unreserved() + function.claim();
    let reserved = u32::try_from(asked).unwrap_or(u32::MAX);
    if free.saturating_sub(reserved) < UNRESERVED_AT_LEAST {
        return Err(too_little_left("ReservedConcurrentExecutions"));
    }
    let provisioned = function.provisioned_total();
    if reserved < provisioned {
        return Err(ApiError::invalid(format!(
            " ReservedConcurrentExecutions  {reserved} should not be lower than function's total \
             provisioned concurrency [{provisioned}]."
        ))
        .untyped());
    }
    if let Some(function) = account.changing(named.name) {
        function.reserved_concurrency = Some(reserved);
    }
    Ok(answer(Some(reserved)))
}

/// `GetFunctionConcurrency`: nothing if nothing is reserved.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = account.named(input.required("FunctionName")?, None)?;
    let function = account.found(Named { qualifier: None, ..named })?;
    Ok(answer(function.reserved_concurrency))
}

/// `DeleteFunctionConcurrency`.
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = unqualified(account, input)?;
    account.found(named)?;
    if let Some(function) = account.changing(named.name) {
        function.reserved_concurrency = None;
    }
    Ok(Object::new())
}

fn answer(reserved: Option<u32>) -> Object {
    let reserved = reserved.map(|it| ("ReservedConcurrentExecutions".to_owned(), it.into()));
    reserved.into_iter().collect()
}

/// Refuses provisioned concurrency that the function or the account has no room for.
///
/// `before`: what is to be replaced.
pub(super) fn fits(
    account: &Account,
    function: &Function,
    before: Option<&Provisioned>,
    requested: u32,
) -> Result<(), ApiError> {
    let before = before.map_or(0, |it| it.requested);
    if let Some(reserved) = function.reserved_concurrency {
        let others = function.provisioned_total() - before;
        if others.saturating_add(requested) > reserved {
            return Err(ApiError::invalid(
                "Requested Provisioned Concurrency should not be greater than the \
                 reservedConcurrentExecution for function",
            ));
        }
        return Ok(());
    }
    let free = account.unreserved() + before;
    if requested > free {
        return Err(ApiError::invalid(format!(
            "Specified ConcurrentExecutions for function is greater than account's unreserved \
             concurrency [{free}]."
        ))
        .untyped());
    }
    if free - requested < UNRESERVED_AT_LEAST {
        return Err(too_little_left("ConcurrentExecutions"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
