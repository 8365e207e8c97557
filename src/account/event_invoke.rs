//! Event invoke configurations: retries, age and destinations of asynchronous invocations.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::names::Named;
use super::page::page;
use super::{Account, ApiError, Input, Moment, Object, date};

/// How asynchronous invocations of a version or an alias are treated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventInvoke {
    /// `MaximumRetryAttempts`; none for the default, 2.
    pub retries: Option<i64>,
    /// `MaximumEventAgeInSeconds`; none for the default, six hours.
    pub age: Option<i64>,
    /// Where the result of a success is sent, by ARN.
    pub on_success: Option<String>,
    /// Where what failed is sent, by ARN.
    pub on_failure: Option<String>,
    /// When it was last changed (ms since 1970).
    pub modified: i64,
}

impl Account {
    /// The event invoke configuration that hangs on a qualifier (`$LATEST` if there is none).
    #[must_use]
    pub fn event_invoke(&self, name: &str, qualifier: Option<&str>) -> Option<&EventInvoke> {
        self.functions.get(name)?.event_invoke.get(Named { name, qualifier }.key())
    }

    fn event_invoke_answer(&self, name: &str, key: &str, settings: &EventInvoke) -> Object {
        let destination = |arn: &Option<String>| match arn {
            Some(arn) => json!({ "Destination": arn }),
            None => json!({}),
        };
        let mut answer = Object::new();
        let mut set = |member: &str, value: Value| drop(answer.insert(member.to_owned(), value));
        set("LastModified", date::epoch(settings.modified));
        set("FunctionArn", self.function_arn(name, Some(key)).into());
        if let Some(retries) = settings.retries {
            set("MaximumRetryAttempts", retries.into());
        }
        if let Some(age) = settings.age {
            set("MaximumEventAgeInSeconds", age.into());
        }
        let destinations = json!({
            "OnSuccess": destination(&settings.on_success),
            "OnFailure": destination(&settings.on_failure),
        });
        set("DestinationConfig", destinations);
        answer
    }

    /// Refuses a destination that is none.
    fn check_destination(
        &self,
        function: &str,
        arn: &str,
        of_failure: bool,
    ) -> Result<(), ApiError> {
        let service = arn.split(':').nth(2).unwrap_or_default();
        let known = match service {
            "lambda" | "sqs" | "sns" | "events" => true,
            "s3" => of_failure,
            _ => false,
        };
        if !known {
            let (success, failure) = if of_failure {
                ("null".to_owned(), format!("OnFailure(destination={arn})"))
            } else {
                (format!("OnSuccess(destination={arn})"), "null".to_owned())
            };
            return Err(ApiError::invalid(format!(
                "The provided destination config DestinationConfig(onSuccess={success}, \
                 onFailure={failure}) is invalid."
            )));
        }
        if service != "lambda" {
            return Ok(());
        }
        // Another Region or account is no function that we know either.
        let named = self.named(arn, None).ok().filter(|named| self.find(*named).is_some());
        match named {
            None => Err(ApiError::invalid(format!("The destination ARN {arn} is invalid."))),
            Some(named) if named.name == function => Err(ApiError::invalid(
                "You can't specify the function as a destination for itself.",
            )),
            Some(_) => Ok(()),
        }
    }
}

fn named<'a>(account: &Account, input: &'a Input) -> Result<Named<'a>, ApiError> {
    account.named(input.required("FunctionName")?, input.text("Qualifier"))
}

/// 404 for whatever is missing.
fn none(account: &Account, named: Named<'_>) -> ApiError {
    let arn = account.function_arn(named.name, Some(named.key()));
    ApiError::not_found(format!("The function {arn} doesn't have an EventInvokeConfig"))
}

fn no_function() -> ApiError {
    ApiError::not_found("The function doesn't exist.")
}

fn found<'a>(account: &'a Account, named: Named<'_>) -> Result<&'a EventInvoke, ApiError> {
    let function = account.find(named);
    let settings = function.and_then(|function| function.event_invoke.get(named.key()));
    settings.ok_or_else(|| none(account, named))
}

/// The settings with what a request sets.
fn set(
    account: &Account,
    named: Named<'_>,
    input: &Input,
    mut settings: EventInvoke,
) -> Result<EventInvoke, ApiError> {
    settings.retries = input.number("MaximumRetryAttempts").or(settings.retries);
    settings.age = input.number("MaximumEventAgeInSeconds").or(settings.age);
    if let Some(destinations) = input.object("DestinationConfig") {
        let arn = |member: &str| {
            let arn = destinations.get(member)?.get("Destination")?.as_str()?;
            (!arn.is_empty()).then(|| arn.to_owned())
        };
        (settings.on_success, settings.on_failure) = (arn("OnSuccess"), arn("OnFailure"));
        if let Some(arn) = &settings.on_success {
            account.check_destination(named.name, arn, false)?;
        }
        if let Some(arn) = &settings.on_failure {
            account.check_destination(named.name, arn, true)?;
        }
    }
    Ok(settings)
}

/// Refuses a request that sets nothing: this comes before the question for the function.
fn sets_something(input: &Input) -> Result<(), ApiError> {
    let members = ["MaximumRetryAttempts", "MaximumEventAgeInSeconds", "DestinationConfig"];
    if members.iter().any(|member| input.has(member)) {
        return Ok(());
    }
    Err(ApiError::invalid(
        "You must specify at least one of error handling or destination setting.",
    ))
}

fn store(account: &mut Account, named: Named<'_>, settings: EventInvoke) -> Object {
    let answer = account.event_invoke_answer(named.name, named.key(), &settings);
    if let Some(function) = account.changing(named.name) {
        function.event_invoke.insert(named.key().to_owned(), settings);
    }
    answer
}

/// `PutFunctionEventInvokeConfig`: what is not sent goes back to its default.
pub(super) fn put(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    change(account, input, moment, |_, _| Ok(EventInvoke::default()))
}

/// `UpdateFunctionEventInvokeConfig`: what is not sent stays.
pub(super) fn update(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
) -> Result<Object, ApiError> {
    change(account, input, moment, |account, named| found(account, named).cloned())
}

/// Sets what is sent over what was before.
fn change(
    account: &mut Account,
    input: &Input,
    moment: &Moment<'_>,
    before: impl FnOnce(&Account, Named<'_>) -> Result<EventInvoke, ApiError>,
) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    sets_something(input)?;
    account.find(named).ok_or_else(no_function)?;
    let before = EventInvoke { modified: moment.now, ..before(account, named)? };
    let settings = set(account, named, input, before)?;
    Ok(store(account, named, settings))
}

/// `GetFunctionEventInvokeConfig`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let settings = found(account, named)?;
    Ok(account.event_invoke_answer(named.name, named.key(), settings))
}

/// `DeleteFunctionEventInvokeConfig`.
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    found(account, named)?;
    if let Some(function) = account.changing(named.name) {
        function.event_invoke.remove(named.key());
    }
    Ok(Object::new())
}

/// `ListFunctionEventInvokeConfigs`.
pub(super) fn list(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = named(account, input)?;
    let function = account.functions.get(named.name).ok_or_else(no_function)?;
    let items = function.event_invoke.iter().map(|(key, it)| (key.clone(), (key, it)));
    let show = |(key, settings): (&String, &EventInvoke)| {
        account.event_invoke_answer(named.name, key, settings)
    };
    Ok(page(input, "FunctionEventInvokeConfigs", 50, items, show))
}

#[cfg(test)]
mod tests;
