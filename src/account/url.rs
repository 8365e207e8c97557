//! Function URLs: one for a function and one for each of its aliases.

use serde::{Deserialize, Serialize};

use super::names::Named;
use super::page::page;
use super::qualifier::{LATEST, no_resource};
use super::{Account, ApiError, Function, Input, Moment, Object, date};

/// A function URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Url {
    /// The first label of its host, unique in the account.
    pub id: String,
    /// `AuthType`: `NONE` or `AWS_IAM`.
    pub auth: String,
    /// `Cors`; none if nothing was set.
    pub cors: Option<Object>,
    /// `InvokeMode`, if it was set; else it is BUFFERED.
    pub mode: Option<String>,
    /// When it was created (ms since 1970).
    pub created: i64,
    /// When it was last changed (ms since 1970).
    pub modified: i64,
}

/// How much of a URL an answer shows (recorded answers).
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    /// No `LastModifiedTime`; `InvokeMode` only if it was set.
    Created,
    /// `InvokeMode` only if it was set.
    Updated,
    /// Everything.
    Read,
}

impl Account {
    /// The function and the qualifier (`$LATEST` or an alias) of the URL with this id.
    #[must_use]
    pub fn url(&self, id: &str) -> Option<(&Function, &str, &Url)> {
        self.functions.values().find_map(|function| {
            let (qualifier, url) = function.urls.iter().find(|(_, url)| url.id == id)?;
            Some((function, qualifier.as_str(), url))
        })
    }

    fn url_answer(&self, name: &str, key: &str, url: &Url, view: View) -> Object {
        let mut answer = Object::new();
        let mut set = |member: &str, value: serde_json::Value| {
            answer.insert(member.to_owned(), value);
        };
        let host = format!("https://{}.lambda-url.{}.on.aws/", url.id, self.region);
        set("FunctionUrl", host.into());
        set("FunctionArn", self.function_arn(name, (key != LATEST).then_some(key)).into());
        set("AuthType", url.auth.as_str().into());
        set("CreationTime", date::micros(url.created).into());
        if view != View::Created {
            set("LastModifiedTime", date::micros(url.modified).into());
        }
        if let Some(cors) = &url.cors {
            set("Cors", cors.clone().into());
        }
        match &url.mode {
            Some(mode) => set("InvokeMode", mode.as_str().into()),
            None if view == View::Read => set("InvokeMode", "BUFFERED".into()),
            None => {}
        }
        answer
    }
}

fn named<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    account.named(input.required("FunctionName")?, input.text("Qualifier"))
}

/// The function or its alias must be there to get a URL.
fn function<'a>(account: &'a Account, named: Named<'_>) -> Result<&'a Function, ApiError> {
    account.find(named).ok_or_else(|| ApiError::not_found("Function does not exist"))
}

/// `Cors` of a request. An empty one sets nothing, and takes away what was set.
fn cors(input: &Input) -> Option<Object> {
    input.object("Cors").filter(|cors| !cors.is_empty()).cloned()
}

/// `CreateFunctionUrlConfig`.
pub(super) fn create(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    if function(account, named)?.urls.contains_key(named.key()) {
        let arn = account.function_arn(named.name, named.qualifier);
        return Err(ApiError::conflict(format!(
            "Failed to create function url config for [functionArn = {arn}]. Error message:  \
             FunctionUrlConfig exists for this Lambda function"
        )));
    }
    let url = Url {
        // 32 characters of 0-9 and a-z, as AWS's.
        id: (moment.uuid)().replace('-', ""),
        auth: input.required("AuthType")?.to_owned(),
        cors: cors(input),
        mode: input.text("InvokeMode").map(str::to_owned),
        created: moment.now,
        modified: moment.now,
    };
    let answer = account.url_answer(named.name, named.key(), &url, View::Created);
    if let Some(function) = account.changing(named.name) {
        function.urls.insert(named.key().to_owned(), url);
    }
    Ok(answer)
}

/// `UpdateFunctionUrlConfig`: what is not sent stays.
pub(super) fn update(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let url = function(account, named)?.urls.get(named.key());
    let mut url = url.ok_or_else(no_resource)?.clone();
    if let Some(auth) = input.text("AuthType") {
        auth.clone_into(&mut url.auth);
    }
    if input.has("Cors") {
        url.cors = cors(input);
    }
    if let Some(mode) = input.text("InvokeMode") {
        url.mode = Some(mode.to_owned());
    }
    url.modified = moment.now;
    let answer = account.url_answer(named.name, named.key(), &url, View::Updated);
    if let Some(function) = account.changing(named.name) {
        function.urls.insert(named.key().to_owned(), url);
    }
    Ok(answer)
}

/// `GetFunctionUrlConfig`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let url = account.find(named).and_then(|function| function.urls.get(named.key()));
    let url = url.ok_or_else(no_resource)?;
    Ok(account.url_answer(named.name, named.key(), url, View::Read))
}

/// `DeleteFunctionUrlConfig`: without a qualifier, those of aliases stay.
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let there = account.find(named).is_some_and(|function| function.urls.contains_key(named.key()));
    if !there {
        return Err(no_resource());
    }
    if let Some(function) = account.changing(named.name) {
        function.urls.remove(named.key());
    }
    Ok(Object::new())
}

/// `ListFunctionUrlConfigs`.
pub(super) fn list(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let function = function(account, Named { qualifier: None, ..named })?;
    let items = function.urls.iter().map(|(key, url)| (key.clone(), (key, url)));
    let show = |(key, url): (&String, &Url)| account.url_answer(named.name, key, url, View::Read);
    Ok(page(input, "FunctionUrlConfigs", 50, items, show))
}

#[cfg(test)]
mod tests;
