//! `UpdateFunctionCode` and `UpdateFunctionConfiguration`.

use super::answer::View;
use super::{Pending, Status, code, limits, settings};
use crate::account::{Account, ApiError, Code, Configuration, Function, Input, Moment, Object};

/// `UpdateFunctionCode`.
pub(in crate::account) fn code(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let name = account.whole(input)?;
    let function = account.ready(name, input)?;
    let latest = &function.latest;
    let new = code::updated(&latest.code, input, moment.code.take())?;
    limits::zipped(&new, input.has("S3Bucket"))?;
    limits::unzipped(&new, &latest.layers)?;
    let mut updated = Configuration { code: new, ..latest.clone() };
    updated.code_settings = code::settings(&latest.code_settings, input.members());
    if let Some(architectures) = input.get("Architectures") {
        updated.settings.insert("Architectures".to_owned(), architectures.clone());
    }
    if input.is("DryRun") {
        return Ok(account.shown(name, &updated, None, View::Whole));
    }
    let publish = input.is("Publish");
    account.begin(name, updated, moment, |function, moment| {
        publish.then(|| function.published(None, moment))
    })
}

/// `UpdateFunctionConfiguration`. What is not sent stays; what is sent empty is cleared.
pub(in crate::account) fn configuration(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let name = account.whole(input)?;
    let latest = &account.ready(name, input)?.latest;
    if matches!(latest.code, Code::Image { .. }) {
        refuse_for_image(input)?;
    }
    let layers = match input.texts("Layers") {
        Some(arns) => account.used_layers(&arns)?,
        None => latest.layers.clone(),
    };
    let settings = settings::merged(&latest.settings, input, &account.region)?;
    limits::settings(&settings)?;
    limits::unzipped(&latest.code, &layers)?;
    let updated = Configuration { settings, layers, ..latest.clone() };
    account.begin(name, updated, moment, |_, _| None)
}

fn refuse_for_image(input: &Input) -> Result<(), ApiError> {
    let layers = input.list("Layers").is_some_and(|layers| !layers.is_empty());
    if layers || input.has("Runtime") || input.has("Handler") {
        return Err(ApiError::invalid(
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType \
             is Image.",
        ));
    }
    Ok(())
}

impl Account {
    /// A function that may be changed by who holds this revision.
    pub(super) fn ready(&self, name: &str, input: &Input) -> Result<&Function, ApiError> {
        let Some(function) = self.functions.get(name) else {
            return Err(self.no_function(name, None));
        };
        let revision = input.text("RevisionId");
        if revision.is_some_and(|revision| revision != function.latest.revision) {
            return Err(ApiError::stale("GetFunction/GetAlias"));
        }
        function.ready(&self.function_arn(name, None))?;
        Ok(function)
    }

    /// Begins an update. The old code and configuration serve until it ended well.
    ///
    /// `publish` may tell the number of a version, which is answered instead of `$LATEST`.
    fn begin(
        &mut self,
        name: &str,
        updated: Configuration,
        moment: &mut Moment<'_>,
        publish: impl FnOnce(&mut Function, &mut Moment<'_>) -> Option<u64>,
    ) -> Result<Object, ApiError> {
        let Some(function) = self.changing(name) else { return Err(self.no_function(name, None)) };
        let before = std::mem::replace(&mut function.latest, updated);
        function.serving.get_or_insert_with(|| Box::new(before));
        let latest = &mut function.latest;
        latest.revision = (moment.uuid)();
        latest.set_with.clone_from(&latest.revision);
        latest.modified = moment.now;
        latest.update = Some(Status::in_progress());
        latest.pending = Some(Pending::new(moment));
        let number = publish(function, moment);
        self.schedule(moment.now.saturating_add(moment.delay));
        self.shown_version(name, number)
    }

    /// `$LATEST`, or a version under its own ARN.
    pub(super) fn shown_version(
        &self,
        name: &str,
        number: Option<u64>,
    ) -> Result<Object, ApiError> {
        let qualifier = number.map(|number| number.to_string());
        let qualifier = qualifier.as_deref();
        let (_, configuration) = self.meant(crate::account::names::Named { name, qualifier })?;
        Ok(self.shown(name, configuration, qualifier, View::Whole))
    }
}
