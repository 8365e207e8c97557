//! `PublishVersion` and `ListVersionsByFunction`.

use serde_json::Value;

use super::answer::View;
use super::{Pending, Status};
use crate::account::page::{number, page};
use crate::account::{Account, ApiError, Configuration, Function, Input, Moment, Object};

/// How many versions a page has at most (`ListVersionsByFunction`).
const PAGE: usize = 50;

/// `PublishVersion`. Nothing changed since the last one: that one is answered, and nothing happens.
pub(in crate::account) fn publish(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let name = account.whole(input)?;
    let function = account.ready(name, input)?;
    let current = function.latest.code.sha256();
    if let Some(given) = input.text("CodeSha256").filter(|given| *given != current) {
        return Err(ApiError::invalid(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please \
             try again with the CodeSHA256 in $LATEST."
        )));
    }
    if let Some(number) = function.unchanged() {
        return account.shown_version(name, Some(number));
    }
    // Recorded: a version of an Active function is Active at once. With a delay, or a snapshot to be
    // taken, it is Pending first.
    let state = if moment.delay > 0 || moment.fails_with.is_some() || function.latest.snaps() {
        Status::pending()
    } else {
        Status::plain("Active")
    };
    let Some(function) = account.changing(name) else {
        return Err(account.no_function(name, None));
    };
    let number = function.add_version(input.text("Description"), state, moment);
    function.latest.revision = (moment.uuid)();
    account.schedule(moment.now.saturating_add(moment.delay));
    account.shown_version(name, Some(number))
}

/// `ListVersionsByFunction`.
pub(in crate::account) fn list(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let name = account.named(input.required("FunctionName")?, None)?.name;
    let Some(function) = account.functions.get(name) else {
        return Err(account.no_function(name, None));
    };
    let items = function.all().map(|version| (number(version.version.unwrap_or(0)), version));
    Ok(page(input, "Versions", PAGE, items, |version| account.listed(function, version)))
}

impl Account {
    /// A version as lists show it: under its own ARN, and without its state.
    pub(super) fn listed(&self, function: &Function, version: &Configuration) -> Object {
        self.shown(&function.name, version, Some(&version.version_text()), View::Listed)
    }
}

impl Function {
    /// `$LATEST` and the published versions, in the order of their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = &Configuration> {
        std::iter::once(&self.latest).chain(self.versions.values())
    }

    /// The last version, if `$LATEST` is what it was when that was published.
    fn unchanged(&self) -> Option<u64> {
        let last = self.versions.get(&self.last_version)?;
        let latest = &self.latest;
        // A version may have a description of its own.
        let same = last.code.sha256() == latest.code.sha256()
            && last.code_settings == latest.code_settings
            && last.layers == latest.layers
            && self.published.as_deref() == Some(latest.description())
            && without_description(&last.settings).eq(without_description(&latest.settings));
        same.then_some(self.last_version)
    }

    /// The number of a version of `$LATEST` while its update is in progress.
    pub(super) fn published(&mut self, description: Option<&str>, moment: &mut Moment<'_>) -> u64 {
        match self.unchanged() {
            Some(number) => number,
            None => self.add_version(description, Status::pending(), moment),
        }
    }

    /// Publishes `$LATEST` as it is. A description given is the version's own.
    pub(super) fn add_version(
        &mut self,
        description: Option<&str>,
        state: Status,
        moment: &mut Moment<'_>,
    ) -> u64 {
        self.last_version += 1;
        self.published = Some(self.latest.description().to_owned());
        let pending = (state != Status::plain("Active")).then(|| Pending::new(moment));
        let mut version = Configuration {
            version: Some(self.last_version),
            revision: (moment.uuid)(),
            update: pending.is_none().then(|| Status::plain("Successful")),
            state,
            pending,
            ..self.latest.clone()
        };
        if let Some(description) = description {
            version.settings.insert("Description".to_owned(), description.into());
        }
        self.versions.insert(self.last_version, version);
        self.last_version
    }
}

impl Configuration {
    fn description(&self) -> &str {
        self.settings.get("Description").and_then(Value::as_str).unwrap_or_default()
    }
}

fn without_description(settings: &Object) -> impl Iterator<Item = (&String, &Value)> {
    settings.iter().filter(|(name, _)| *name != "Description")
}
