//! Provisioned concurrency of published versions and aliases.

use serde::{Deserialize, Serialize};

use super::names::Named;
use super::page::page;
use super::qualifier::LATEST;
use super::{Account, ApiError, Function, Input, Moment, Object, concurrency, date};

/// How much concurrency is kept ready for a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provisioned {
    /// How much was asked for.
    pub requested: u32,
    /// How much there is until `due`; from then on it is what was asked for.
    pub allocated: u32,
    /// When it is ready (ms since 1970).
    pub due: i64,
    /// When it was set (ms since 1970).
    pub modified: i64,
}

impl Provisioned {
    /// How much is ready at `now`.
    #[must_use]
    pub fn ready(&self, now: i64) -> u32 {
        if now < self.due { self.allocated } else { self.requested }
    }

    fn answer(&self, ready: bool) -> Object {
        let allocated = if ready { self.requested } else { self.allocated };
        let status = if ready { "READY" } else { "IN_PROGRESS" };
        let members: [(&str, serde_json::Value); 5] = [
            ("RequestedProvisionedConcurrentExecutions", self.requested.into()),
            ("AllocatedProvisionedConcurrentExecutions", allocated.into()),
            ("AvailableProvisionedConcurrentExecutions", allocated.into()),
            ("Status", status.into()),
            ("LastModified", date::seconds(self.modified).into()),
        ];
        members.into_iter().map(|(member, value)| (member.to_owned(), value)).collect()
    }
}

impl Function {
    /// An alias was moved to another version: what is provisioned for it moves along, and is
    /// ready at `due` (recorded: `IN_PROGRESS` with everything allocated).
    pub(super) fn moved(&mut self, alias: &str, due: i64) {
        if let Some(provisioned) = self.provisioned.get_mut(alias) {
            provisioned.allocated = provisioned.requested;
            provisioned.due = due;
        }
    }

    /// Whether an alias leads to a version.
    fn leads(&self, alias: &str, version: &str) -> bool {
        self.aliases.get(alias).is_some_and(|alias| {
            let second = alias.second.map(|(number, _)| number.to_string());
            alias.version == version || second.as_deref() == Some(version)
        })
    }

    /// Refuses what is provisioned already by way of an alias, or below one.
    fn provisioned_once(&self, key: &str) -> Result<(), ApiError> {
        let others = || self.provisioned.keys().filter(|other| *other != key);
        if others().any(|version| self.leads(key, version)) {
            return Err(ApiError::conflict(
                "Alias can't be used for Provisioned Concurrency configuration on an already \
                 Provisioned version",
            ));
        }
        if others().any(|alias| self.leads(alias, key)) {
            return Err(ApiError::conflict(
                "Version is pointed by a Provisioned Concurrency alias",
            ));
        }
        Ok(())
    }
}

/// The version or alias that is meant. `latest`: the text for `$LATEST`.
fn named<'a>(account: &Account, input: &'a Input, latest: &str) -> Result<Named<'a>, ApiError> {
    let qualifier = input.required("Qualifier")?;
    let named = account.named(input.required("FunctionName")?, Some(qualifier))?;
    if named.key() == LATEST {
        return Err(ApiError::invalid(latest));
    }
    account.found(named)?;
    Ok(named)
}

const PUBLISHED: &str = "The function resource provided must be an alias or a published version.";

/// `PutProvisionedConcurrencyConfig`.
pub(super) fn put(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let unpublished =
        "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    let named = named(account, input, unpublished)?;
    let function = account.found(named)?;
    let asked = input.number("ProvisionedConcurrentExecutions").unwrap_or_default();
    let requested = u32::try_from(asked).unwrap_or(u32::MAX);
    function.provisioned_once(named.key())?;
    let before = function.provisioned.get(named.key());
    concurrency::fits(account, function, before, requested)?;
    let provisioned = Provisioned {
        requested,
        allocated: before.map_or(0, |it| it.ready(moment.now).min(requested)),
        due: moment.now.saturating_add(moment.delay),
        modified: moment.now,
    };
    let answer = provisioned.answer(false);
    if let Some(function) = account.changing(named.name) {
        function.provisioned.insert(named.key().to_owned(), provisioned);
    }
    Ok(answer)
}

/// `GetProvisionedConcurrencyConfig`.
pub(super) fn get(
    account: &Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let named = named(account, input, PUBLISHED)?;
    let provisioned = account.found(named)?.provisioned.get(named.key());
    provisioned.map(|it| it.answer(moment.now >= it.due)).ok_or_else(|| {
        let text = "No Provisioned Concurrency Config found for this function";
        ApiError::new("ProvisionedConcurrencyConfigNotFoundException", 404, text)
    })
}

/// `DeleteProvisionedConcurrencyConfig`: also if nothing is provisioned.
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input, PUBLISHED)?;
    if let Some(function) = account.changing(named.name) {
        function.provisioned.remove(named.key());
    }
    Ok(Object::new())
}

/// `ListProvisionedConcurrencyConfigs`.
pub(super) fn list(
    account: &Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let named = account.named(input.required("FunctionName")?, None)?;
    let function = account.found(Named { qualifier: None, ..named })?;
    let items = function.provisioned.iter().map(|(key, it)| (key.clone(), (key, it)));
    let show = |(key, provisioned): (&String, &Provisioned)| {
        let mut item = provisioned.answer(moment.now >= provisioned.due);
        let arn = account.function_arn(named.name, Some(key));
        item.insert("FunctionArn".to_owned(), arn.into());
        item
    };
    Ok(page(input, "ProvisionedConcurrencyConfigs", 50, items, show))
}

#[cfg(test)]
mod tests;
