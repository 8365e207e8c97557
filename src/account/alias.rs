//! Aliases: names for versions, or for two of them by weight.
//!
//! The rules and their order are taken from recorded answers.

use serde_json::json;

use super::function::number;
use super::page::page;
use super::qualifier::LATEST;
use super::{Account, Alias, ApiError, Function, Input, Moment, Object};

/// How many aliases a page has at most (`ListAliases`).
const PAGE: usize = 50;

/// `CreateAlias`.
pub(super) fn create(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let function_name = account.named(input.required("FunctionName")?, None)?.name;
    let name = input.required("Name")?;
    let version = input.required("FunctionVersion")?.to_owned();
    let second = second(input, None)?;
    account.check(function_name, &version, second)?;
    let arn = account.function_arn(function_name, Some(name));
    if account.functions.get(function_name).is_some_and(|it| it.aliases.contains_key(name)) {
        return Err(ApiError::conflict(format!("Alias already exists: {arn}")));
    }
    let description = input.text("Description").unwrap_or_default().to_owned();
    let alias = Alias { version, description, second, revision: (moment.uuid)() };
    let answer = shown(&arn, name, &alias);
    if let Some(function) = account.changing(function_name) {
        function.aliases.insert(name.to_owned(), alias);
    }
    Ok(answer)
}

/// `GetAlias`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let function = account.named(input.required("FunctionName")?, None)?.name;
    let name = input.required("Name")?;
    let arn = account.function_arn(function, Some(name));
    let alias = account.functions.get(function).and_then(|it| it.aliases.get(name));
    let alias =
        alias.ok_or_else(|| ApiError::not_found(format!("Cannot find alias arn: {arn}")))?;
    Ok(shown(&arn, name, alias))
}

/// `UpdateAlias`. What is not sent stays; `AdditionalVersionWeights: {}` clears. The revision changes
/// even if nothing else does.
pub(super) fn update(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let function_name = account.named(input.required("FunctionName")?, None)?.name;
    let name = input.required("Name")?;
    let arn = account.function_arn(function_name, Some(name));
    let before = account.functions.get(function_name).and_then(|it| it.aliases.get(name));
    let Some(mut alias) = before.cloned() else {
        return Err(ApiError::not_found(format!("Alias not found: {arn}")));
    };
    if input.text("RevisionId").is_some_and(|revision| revision != alias.revision) {
        return Err(ApiError::stale("GetFunction/GetAlias"));
    }
    if let Some(version) = input.text("FunctionVersion") {
        version.clone_into(&mut alias.version);
    }
    alias.second = second(input, alias.second)?;
    if let Some(description) = input.text("Description") {
        description.clone_into(&mut alias.description);
    }
    account.check(function_name, &alias.version, alias.second)?;
    alias.revision = (moment.uuid)();
    let answer = shown(&arn, name, &alias);
    let moved = before.is_some_and(|before| before.version != alias.version);
    if let Some(function) = account.changing(function_name) {
        function.aliases.insert(name.to_owned(), alias);
        if moved {
            function.moved(name, moment.now.saturating_add(moment.delay));
        }
    }
    Ok(answer)
}

/// `DeleteAlias`: also of one that is not there.
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let function_name = account.named(input.required("FunctionName")?, None)?.name;
    let name = input.required("Name")?;
    match account.functions.get(function_name) {
        None => return Err(account.no_function(function_name, None)),
        Some(function) if !function.aliases.contains_key(name) => return Ok(Object::new()),
        Some(_) => {}
    }
    if let Some(function) = account.changing(function_name) {
        function.aliases.remove(name);
        function.release(name);
    }
    Ok(Object::new())
}

/// `ListAliases`: all, or those that may invoke a version.
pub(super) fn list(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let function_name = account.named(input.required("FunctionName")?, None)?.name;
    let Some(function) = account.functions.get(function_name) else {
        return Err(account.no_function(function_name, None));
    };
    let wanted = input.text("FunctionVersion");
    let points = |alias: &Alias| {
        let second = alias.second.map(|(second, _)| second.to_string());
        wanted.is_none_or(|it| alias.version == it || second.as_deref() == Some(it))
    };
    let aliases = function.aliases.iter().filter(|(_, alias)| points(alias));
    let items = aliases.map(|(name, alias)| (name.clone(), (name, alias)));
    let show = |(name, alias): (&String, &Alias)| {
        shown(&account.function_arn(function_name, Some(name)), name, alias)
    };
    Ok(page(input, "Aliases", PAGE, items, show))
}

fn shown(arn: &str, name: &str, alias: &Alias) -> Object {
    let mut answer = Object::new();
    let mut set = |member: &str, value: &str| drop(answer.insert(member.to_owned(), value.into()));
    set("AliasArn", arn);
    set("Name", name);
    set("FunctionVersion", &alias.version);
    set("Description", &alias.description);
    set("RevisionId", &alias.revision);
    if let Some((second, weight)) = alias.second {
        let weights = json!({ "AdditionalVersionWeights": { second.to_string(): weight } });
        answer.insert("RoutingConfig".to_owned(), weights);
    }
    answer
}

/// The second version and its share, as `RoutingConfig` says; if it is not sent, as it was before.
fn second(input: &Input, before: Option<(u64, f64)>) -> Result<Option<(u64, f64)>, ApiError> {
    let Some(routing) = input.object("RoutingConfig") else { return Ok(before) };
    let weights = routing.get("AdditionalVersionWeights").and_then(|it| it.as_object());
    let mut weights = weights.into_iter().flatten();
    let second = weights.next().map(|(version, weight)| {
        // Digits by the model; what is no number of ours, no version has.
        (number(version).unwrap_or(u64::MAX), weight.as_f64().unwrap_or_default())
    });
    if weights.next().is_some() {
        return Err(ApiError::invalid(
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ));
    }
    Ok(second)
}

impl Account {
    /// Refuses an alias that could not be invoked.
    fn check(
        &self,
        function_name: &str,
        version: &str,
        second: Option<(u64, f64)>,
    ) -> Result<(), ApiError> {
        if second.is_some() && version == LATEST {
            return Err(ApiError::invalid(
                "$LATEST is not supported for an alias pointing to more than 1 version",
            )
            .untyped());
        }
        let missing = |version: &str| self.no_function(function_name, Some(version));
        let function = self.functions.get(function_name).ok_or_else(|| missing(version))?;
        let Some((second, _)) = second else {
            return function.version(version).map(drop).ok_or_else(|| missing(version));
        };
        if version == second.to_string() {
            return Err(ApiError::invalid(format!(
                "Invalid function version {second}. Function version {second} is already included in \
                 routing configuration."
            )));
        }
        function.version(version).ok_or_else(|| missing(version))?;
        let second = second.to_string();
        function.version(&second).ok_or_else(|| missing(&second))?;
        function.alike(version, &second)
    }
}

impl Function {
    /// Refuses two versions that an invocation could tell apart by what they may do (AWS, "Weighted
    /// aliases": the same execution role, and the same dead-letter queue or none).
    fn alike(&self, one: &str, other: &str) -> Result<(), ApiError> {
        let differ = |name: &str| {
            let of = |version: &str| self.version(version).and_then(|it| it.setting(name));
            of(one) != of(other)
        };
        let what = match () {
            () if differ("Role") => "execution role",
            () if differ("DeadLetterConfig") => "dead letter config",
            () => return Ok(()),
        };
        Err(ApiError::invalid(format!(
            "Specified versions must be associated with the same {what}"
        )))
    }
}

#[cfg(test)]
mod tests;
