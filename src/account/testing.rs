//! An account on the bench: calls it, and holds what every call guarantees.

use serde_json::{Value, json};

use super::model::judge;
use super::{Account, ApiError, Code, Input, Moment, Object, model};

/// What ARNs begin with.
pub(super) const ARN: &str = "arn:aws:lambda:us-east-1:111111111111";
/// 2026-11-20T17:38:42.250Z.
pub(super) const NOW: i64 = 1_795_196_322_250;

/// An account with a clock, and a second one that is told of changes only.
pub(super) struct Bench {
    pub(super) account: Account,
    pub(super) now: i64,
    pub(super) delay: i64,
    pub(super) code: Option<Code>,
    pub(super) fails_with: Option<String>,
    copy: Account,
    ids: u64,
}

/// A zip of 169 bytes.
pub(super) fn zip(unzipped: u64) -> Code {
    Code::Zip {
        sha256: "bWzz0IYd4rzT7cIAbtlXB+HOK1vRkpQjbQ4/7QNZbL8=".to_owned(),
        size: 169,
        unzipped,
    }
}

impl Bench {
    pub(super) fn new() -> Self {
        let account = Account::new("111111111111", "us-east-1");
        let copy = account.clone();
        Self { account, now: NOW, delay: 0, code: None, fails_with: None, copy, ids: 0 }
    }

    /// An account with the function `fn`, its version 1 and an alias `live` of that.
    pub(super) fn with_function() -> Self {
        let mut bench = Self::new();
        bench.add_function("fn");
        bench
    }

    /// Creates a function, publishes it and names that version `live`.
    pub(super) fn add_function(&mut self, name: &str) {
        self.code = Some(zip(1000));
        let create = json!({
            "FunctionName": name,
            "Role": "arn:aws:iam::111111111111:role/role",
            "Runtime": "provided.al2023",
            "Handler": "bootstrap",
            "Code": {},
        });
        self.ok("CreateFunction", create);
        self.code = None;
        self.ok("PublishVersion", json!({ "FunctionName": name }));
        self.alias(name, "live", "1");
    }

    /// Makes an alias.
    pub(super) fn alias(&mut self, function: &str, name: &str, version: &str) {
        let alias = json!({ "FunctionName": function, "Name": name, "FunctionVersion": version });
        self.ok("CreateAlias", alias);
    }

    /// Changes a function and publishes it.
    pub(super) fn publish(&mut self, name: &str) {
        let timeout = self.ids;
        let change = json!({ "FunctionName": name, "Timeout": timeout });
        self.ok("UpdateFunctionConfiguration", change);
        self.ok("PublishVersion", json!({ "FunctionName": name }));
    }

    /// The `RevisionId` that `GetFunctionConfiguration` shows.
    pub(super) fn revision(&mut self, name: &str, qualifier: &str) -> Value {
        let named = json!({ "FunctionName": name, "Qualifier": qualifier });
        self.ok("GetFunctionConfiguration", named)["RevisionId"].clone()
    }

    /// The answer of a call, whichever.
    pub(super) fn try_call(&mut self, operation: &str, input: Value) -> Result<Object, ApiError> {
        let Value::Object(mut members) = input else { panic!("{input}") };
        if operation == "PublishLayerVersion" {
            members.entry("Content").or_insert_with(|| json!({}));
        }
        let members = judge::request(operation, members)?;
        let ids = &mut self.ids;
        let mut uuid = || {
            *ids += 1;
            format!("{:08x}-0000-4000-8000-{:012x}", *ids, *ids)
        };
        let mut moment = Moment {
            now: self.now,
            uuid: &mut uuid,
            delay: self.delay,
            fails_with: self.fails_with.clone(),
            code: self.code.clone(),
        };
        let answer = self.account.call(operation, &Input::new(members), &mut moment);
        for key in self.account.take_changes() {
            match self.account.record(&key) {
                Some(record) => self.copy.restore(key, record).unwrap(),
                None => self.copy.forget(&key),
            }
        }
        assert!(self.account.holds_the_same(&self.copy), "{operation}: a change was not noted");
        let wrong = match &answer {
            Ok(members) => judge::answer(operation, members),
            Err(error) => judge::error(operation, error),
        };
        assert!(wrong.is_empty(), "{operation} answers {wrong:#?}");
        answer
    }

    /// The answer of a call that is not refused.
    pub(super) fn ok(&mut self, operation: &str, input: Value) -> Value {
        match self.try_call(operation, input) {
            Ok(answer) => answer.into(),
            Err(error) => panic!("{operation}: {error:?}"),
        }
    }

    /// The error of a call that is refused, which changes nothing.
    pub(super) fn refused(&mut self, operation: &str, input: Value) -> ApiError {
        self.account.settle(self.now);
        let before = self.account.clone();
        let answer = self.try_call(operation, input);
        assert!(self.account.holds_the_same(&before), "{operation}: refused and done");
        answer.expect_err(operation)
    }
}

impl Account {
    fn holds_the_same(&self, other: &Self) -> bool {
        self.functions == other.functions
            && self.layers == other.layers
            && self.mappings == other.mappings
            && self.signing == other.signing
    }
}

/// An object with another value for a member.
pub(super) fn set(mut object: Value, member: &str, value: impl Into<Value>) -> Value {
    object[member] = value.into();
    object
}

/// An object with more members.
pub(super) fn with(mut object: Value, more: Value) -> Value {
    let Value::Object(more) = more else { panic!("{more}") };
    object.as_object_mut().unwrap().extend(more);
    object
}

/// Holds an error against code, status, text and the body as it was recorded.
pub(super) fn assert_error(error: &ApiError, code: &str, status: u16, body: Value) {
    assert_eq!((error.code, error.status), (code, status), "{}", error.message);
    let Value::Object(body) = body else { panic!("{body}") };
    assert_eq!(error.body(), body);
}

/// The body of a 404 with a text.
pub(super) fn assert_not_found(error: &ApiError, text: &str) {
    let body = json!({ "Type": "User", "Message": text });
    assert_error(error, "ResourceNotFoundException", 404, body);
}

/// The body of a 400 with a text.
pub(super) fn assert_invalid(error: &ApiError, text: &str) {
    let body = json!({ "Type": "User", "message": text });
    assert_error(error, "InvalidParameterValueException", 400, body);
}

/// The body of a 409 with a text.
pub(super) fn assert_conflict(error: &ApiError, text: &str) {
    let body = json!({ "Type": "User", "message": text });
    assert_error(error, "ResourceConflictException", 409, body);
}

/// The body of a 412, with the API to call for the newest revision.
pub(super) fn assert_stale(error: &ApiError, api: &str) {
    let text = format!(
        "The Revision Id provided does not match the latest Revision Id. Call the {api} API to \
         retrieve the latest Revision Id"
    );
    let body = json!({ "Type": "User", "message": text });
    assert_error(error, "PreconditionFailedException", 412, body);
}

/// The text with which the model refuses a request.
pub(super) fn model_refuses(method: &str, path: &str, query: &str, body: Value) -> String {
    let query: Vec<(String, String)> = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let (operation, members) = model::route(method, path, &query).unwrap();
    let error = model::input(operation, &members, &query, &|_| None, Some(body)).unwrap_err();
    assert_eq!((error.code, error.status), ("ValidationException", 400));
    assert!(!error.body().contains_key("Type"));
    error.message
}
