//! Code signing configurations: stored, not enforced.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::names::Named;
use super::page::page;
use super::tags::{self, Tags};
use super::{Account, ApiError, Input, Key, Moment, Object, date};

/// A code signing configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Signing {
    /// What was set: `Description`, `AllowedPublishers`, `CodeSigningPolicies`.
    pub settings: Object,
    /// Its tags.
    pub tags: Tags,
    /// When it was last changed (ms since 1970).
    pub modified: i64,
}

const SETTINGS: [&str; 3] = ["Description", "AllowedPublishers", "CodeSigningPolicies"];

impl Signing {
    fn set(&mut self, input: &Input) {
        for member in SETTINGS {
            if let Some(value) = input.get(member) {
                self.settings.insert(member.to_owned(), value.clone());
            }
        }
    }
}

impl Account {
    fn signing_item(&self, id: &str, signing: &Signing) -> Object {
        let mut item = signing.settings.clone();
        item.insert("CodeSigningConfigId".to_owned(), id.into());
        let arn = self.arn("code-signing-config", id);
        item.insert("CodeSigningConfigArn".to_owned(), arn.into());
        item.insert("LastModified".to_owned(), date::text(signing.modified).into());
        item
    }

    fn signing_answer(&self, id: &str, signing: &Signing) -> Object {
        Object::from_iter([("CodeSigningConfig".to_owned(), self.signing_item(id, signing).into())])
    }

    /// The id in an ARN, if there is such a configuration.
    fn signing_id<'a>(&self, arn: &'a str) -> Option<&'a str> {
        let (_, id) = arn.rsplit_once(':')?;
        let there = self.signing.contains_key(id) && self.arn("code-signing-config", id) == arn;
        there.then_some(id)
    }

    /// Refuses the ARN of a configuration that is not there, for a function that is to have it.
    pub(super) fn check_signing(&self, arn: &str) -> Result<(), ApiError> {
        if self.signing_id(arn).is_some() {
            return Ok(());
        }
        let text = format!(
            "The code signing configuration cannot be found. Check that the provided configuration \
             is not deleted: {arn}."
        );
        Err(ApiError::new("CodeSigningConfigNotFoundException", 404, text))
    }

    /// The functions that have it.
    fn signed_by(&self, arn: &str) -> impl Iterator<Item = &String> {
        let has = move |signing: &Option<String>| signing.as_deref() == Some(arn);
        self.functions.iter().filter(move |(_, it)| has(&it.code_signing)).map(|(name, _)| name)
    }
}

/// 404 for a configuration that is not there (recorded without `Type`).
pub(super) fn none(arn: &str) -> ApiError {
    let text = format!("The Lambda code signing configuration {arn} can not be found.");
    ApiError::not_found(text).untyped()
}

/// The id under `CodeSigningConfigArn`.
fn id<'a>(account: &Account, input: &'a Input) -> Result<&'a str, ApiError> {
    let arn = input.required("CodeSigningConfigArn")?;
    account.signing_id(arn).ok_or_else(|| none(arn))
}

/// `CreateCodeSigningConfig`.
pub(super) fn create(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    // `csc-` and 17 of 0-9 and a-z.
    let mut id: String = (moment.uuid)().replace('-', "");
    id.truncate(17);
    id.insert_str(0, "csc-");
    let policies = json!({ "UntrustedArtifactOnDeployment": "Warn" });
    let settings = Object::from_iter([("CodeSigningPolicies".to_owned(), policies)]);
    let mut signing = Signing { settings, tags: tags::sent(input)?, modified: moment.now };
    signing.set(input);
    let answer = account.signing_answer(&id, &signing);
    account.signing.insert(id.clone(), signing);
    account.change(Key::Signing(id));
    Ok(answer)
}

/// `GetCodeSigningConfig`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let id = id(account, input)?;
    Ok(account.signing.get(id).map(|it| account.signing_answer(id, it)).unwrap_or_default())
}

/// `UpdateCodeSigningConfig`: what is not sent stays.
pub(super) fn update(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let id = id(account, input)?;
    if let Some(signing) = account.signing.get_mut(id) {
        signing.set(input);
        signing.modified = moment.now;
        account.change(Key::Signing(id.to_owned()));
    }
    get(account, input)
}

/// `DeleteCodeSigningConfig`: not while a function has it (the model says so; the text is ours).
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let id = id(account, input)?;
    let arn = input.required("CodeSigningConfigArn")?;
    if account.signed_by(arn).next().is_some() {
        return Err(ApiError::conflict(format!(
            "The Lambda code signing configuration {arn} is used by one or more functions."
        )));
    }
    account.signing.remove(id);
    account.change(Key::Signing(id.to_owned()));
    Ok(Object::new())
}

/// `ListCodeSigningConfigs`.
pub(super) fn list(account: &Account, input: &Input) -> Object {
    let items = account.signing.iter().map(|(id, it)| (id.clone(), (id, it)));
    let show = |(id, signing): (&String, &Signing)| account.signing_item(id, signing);
    page(input, "CodeSigningConfigs", 50, items, show)
}

/// `ListFunctionsByCodeSigningConfig`.
pub(super) fn functions(account: &Account, input: &Input) -> Result<Object, ApiError> {
    id(account, input)?;
    let arn = input.required("CodeSigningConfigArn")?;
    let items = account.signed_by(arn).map(|name| (name.clone(), name));
    let show = |name: &String| account.function_arn(name, None);
    Ok(page(input, "FunctionArns", 50, items, show))
}

fn named<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    let named = account.named(input.required("FunctionName")?, None)?;
    Ok(Named { qualifier: None, ..named })
}

fn of_function(name: &str, arn: Option<&str>) -> Object {
    let Some(arn) = arn else { return Object::new() };
    let members = [("CodeSigningConfigArn", arn), ("FunctionName", name)];
    members.into_iter().map(|(member, value)| (member.to_owned(), value.into())).collect()
}

/// `PutFunctionCodeSigningConfig`.
pub(super) fn attach(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let arn = input.required("CodeSigningConfigArn")?;
    account.check_signing(arn)?;
    let named = named(account, input)?;
    account.found(named)?;
    if let Some(function) = account.changing(named.name) {
        function.code_signing = Some(arn.to_owned());
    }
    Ok(of_function(named.name, Some(arn)))
}

/// `GetFunctionCodeSigningConfig`: nothing if there is none.
pub(super) fn attached(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let function = account.found(named)?;
    Ok(of_function(named.name, function.code_signing.as_deref()))
}

/// `DeleteFunctionCodeSigningConfig`: also if there is none.
pub(super) fn detach(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    account.found(named)?;
    if let Some(function) = account.changing(named.name) {
        function.code_signing = None;
    }
    Ok(Object::new())
}

#[cfg(test)]
mod tests;
