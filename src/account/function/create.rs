//! `CreateFunction`.

use std::collections::BTreeMap;

use super::answer::View;
use super::{Pending, Status, code, limits, settings};
use crate::account::tags;
use crate::account::{Account, ApiError, Configuration, Function, Input, Key, Moment, Object};

/// `CreateFunction`.
pub(in crate::account) fn create(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    // A qualifier in the name does not matter (recorded answers).
    let name = account.named(input.required("FunctionName")?, None)?.name;
    limits::name(name)?;
    let mut function = new(account, name, input, moment)?;
    if account.functions.contains_key(name) {
        return Err(ApiError::conflict(format!("Function already exist: {name}")));
    }
    if input.is("Publish") {
        function.add_version(None, Status::pending(), moment);
    }
    // The version's own view, under the function's ARN (recorded answers).
    let shown = function.versions.get(&1).unwrap_or(&function.latest);
    let answer = account.shown(name, shown, None, View::Whole);
    account.functions.insert(name.to_owned(), function);
    account.change(Key::Function(name.to_owned()));
    account.schedule(moment.now.saturating_add(moment.delay));
    Ok(answer)
}

fn new(
    account: &Account,
    name: &str,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Function, ApiError> {
    let code = code::created(input, moment.code.take())?;
    let settings = settings::merged(&settings::defaults(name), input, &account.region)?;
    limits::settings(&settings)?;
    let source = input.object("Code").cloned().unwrap_or_default();
    limits::zipped(&code, source.contains_key("S3Bucket"))?;
    let layers = account.used_layers(&input.texts("Layers").unwrap_or_default())?;
    limits::unzipped(&code, &layers)?;
    let revision = (moment.uuid)();
    let latest = Configuration {
        version: None,
        settings,
        code,
        code_settings: code::settings(&Object::new(), &source),
        layers,
        set_with: revision.clone(),
        revision,
        modified: moment.now,
        state: Status::pending(),
        update: None,
        pending: Some(Pending::new(moment)),
    };
    Ok(Function {
        name: name.to_owned(),
        latest,
        serving: None,
        versions: BTreeMap::new(),
        last_version: 0,
        published: None,
        aliases: BTreeMap::new(),
        tags: tags::sent(input)?,
        policies: BTreeMap::new(),
        urls: BTreeMap::new(),
        event_invoke: BTreeMap::new(),
        provisioned: BTreeMap::new(),
        reserved_concurrency: None,
        code_signing: code_signing(account, input)?,
        recursion: None,
        runtime_management: BTreeMap::new(),
    })
}

/// The code signing configuration that is to watch over it, which must be there.
fn code_signing(account: &Account, input: &Input) -> Result<Option<String>, ApiError> {
    let Some(arn) = input.text("CodeSigningConfigArn").filter(|arn| !arn.is_empty()) else {
        return Ok(None);
    };
    account.check_signing(arn)?;
    Ok(Some(arn.to_owned()))
}
