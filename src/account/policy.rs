//! Resource policies: who may invoke a function (`AddPermission`) or use a layer.
//!
//! The shape of statements, the texts and which revision counts are taken from recorded answers.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::qualifier::{LATEST, no_resource};
use super::{Account, ApiError, Input, Moment, Object, arn};

/// The largest policy, in bytes of its JSON ("Lambda quotas": 20 KB).
const MAX_LENGTH: usize = 20_480;

/// A resource policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// `RevisionId`. It changes with the policy only.
    pub revision: String,
    /// Its statements, in the order in which they were added.
    pub statements: Vec<Statement>,
}

/// One permission, with its members in the order in which AWS writes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    /// Its id, unique in the policy.
    pub sid: String,
    /// `Allow`.
    pub effect: String,
    /// `*`, or whom it means by kind (`AWS`, `Service`).
    pub principal: Value,
    /// What is allowed.
    pub action: String,
    /// The ARN of what the policy is of.
    pub resource: String,
    /// On what conditions; none if on none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Object>,
}

/// The document as the API hands it out.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    version: &'static str,
    id: &'static str,
    statement: &'a [Statement],
}

impl Policy {
    /// The answer of `GetPolicy` and `GetLayerVersionPolicy`.
    pub(super) fn answer(&self) -> Object {
        let mut answer = Object::new();
        answer.insert("Policy".to_owned(), self.document().into());
        answer.insert("RevisionId".to_owned(), self.revision.as_str().into());
        answer
    }

    fn document(&self) -> String {
        let document =
            Document { version: "2012-10-17", id: "default", statement: &self.statements };
        // No map with other than string keys: this cannot fail.
        serde_json::to_string(&document).unwrap_or_default()
    }

    /// Whether whoever has no credentials may call a function URL without authentication: one
    /// statement allows `lambda:InvokeFunctionUrl`, and since November 2026 another must allow
    /// `lambda:InvokeFunction` ("Control access to Lambda function URLs").
    #[must_use]
    pub fn opens_url(&self) -> bool {
        let allows = |action: &str| {
            self.statements.iter().any(|it| it.matches(action) && it.is_public() && it.is_open())
        };
        allows("lambda:InvokeFunctionUrl") && allows("lambda:InvokeFunction")
    }
}

impl Statement {
    fn matches(&self, action: &str) -> bool {
        [action, "lambda:*", "*"].contains(&self.action.as_str())
    }

    fn is_public(&self) -> bool {
        self.principal == "*" || self.principal == json!({ "AWS": "*" })
    }

    /// Whether every condition holds for an unsigned request to a URL without authentication.
    fn is_open(&self) -> bool {
        let holds = |(name, value): (&String, &Value)| match name.as_str() {
            "lambda:FunctionUrlAuthType" => value == "NONE",
            "lambda:InvokedViaFunctionUrl" => value == "true",
            _ => false,
        };
        let operators = self.condition.iter().flat_map(Object::values);
        operators.filter_map(Value::as_object).flatten().all(holds)
    }

    /// The answer of `AddPermission`.
    pub(super) fn answer(&self) -> Object {
        let text = serde_json::to_string(self).unwrap_or_default();
        Object::from_iter([("Statement".to_owned(), text.into())])
    }
}

/// The policy with one more statement, under a new revision.
pub(super) fn added(
    policy: Option<&Policy>,
    statement: Statement,
    revision: String,
) -> Result<Policy, ApiError> {
    let mut statements = policy.map_or_else(Vec::new, |policy| policy.statements.clone());
    if statements.iter().any(|it| it.sid == statement.sid) {
        return Err(ApiError::conflict(format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or \
             remove the existing statement.",
            statement.sid
        )));
    }
    statements.push(statement);
    let policy = Policy { revision, statements };
    let length = policy.document().len();
    if length > MAX_LENGTH {
        let text =
            format!("The final policy size ({length}) is bigger than the limit ({MAX_LENGTH}).");
        return Err(ApiError::new("PolicyLengthExceededException", 400, text));
    }
    Ok(policy)
}

/// The policy without a statement, under a new revision; none if nothing is left.
pub(super) fn removed(
    policy: &Policy,
    sid: &str,
    revision: String,
) -> Result<Option<Policy>, ApiError> {
    let mut statements = policy.statements.clone();
    statements.retain(|statement| statement.sid != sid);
    if statements.len() == policy.statements.len() {
        let text = format!("Statement {sid} is not found in resource policy.");
        return Err(ApiError::not_found(text));
    }
    Ok((!statements.is_empty()).then_some(Policy { revision, statements }))
}

/// 404 where there is no policy to take anything from.
pub(super) fn none() -> ApiError {
    ApiError::not_found("No policy is associated with the given resource.")
}

/// Whom a `Principal` means: everybody, an account, a user or a role by ARN, or a service.
pub(super) fn principal(text: &str, region: &str) -> Result<Value, ApiError> {
    // Alexa's services have names of their own.
    const SERVICES: [&str; 3] = [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"];
    if text == "*" {
        return Ok(text.into());
    }
    if text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Ok(json!({ "AWS": format!("arn:{}:iam::{text}:root", arn::partition(region)) }));
    }
    if text.starts_with("arn:") {
        return Ok(json!({ "AWS": text }));
    }
    if SERVICES.iter().any(|end| text.ends_with(end)) {
        return Ok(json!({ "Service": text }));
    }
    Err(ApiError::invalid(
        "The provided principal was invalid. Please check the principal and try again.",
    ))
}

/// The conditions that stand in the parameters of `AddPermission`.
fn condition(input: &Input) -> Option<Object> {
    const EQUALS: [(&str, &str); 4] = [
        ("SourceAccount", "AWS:SourceAccount"),
        ("FunctionUrlAuthType", "lambda:FunctionUrlAuthType"),
        ("PrincipalOrgID", "aws:PrincipalOrgID"),
        ("EventSourceToken", "lambda:EventSourceToken"),
    ];
    let equals: Object = EQUALS
        .iter()
        .filter_map(|(member, key)| Some(((*key).to_owned(), input.text(member)?.into())))
        .collect();
    let mut condition = Object::new();
    if !equals.is_empty() {
        condition.insert("StringEquals".to_owned(), equals.into());
    }
    if let Some(source) = input.text("SourceArn") {
        condition.insert("ArnLike".to_owned(), json!({ "AWS:SourceArn": source }));
    }
    if let Some(via) = input.boolean("InvokedViaFunctionUrl") {
        let via = json!({ "lambda:InvokedViaFunctionUrl": via.to_string() });
        condition.insert("Bool".to_owned(), via);
    }
    (!condition.is_empty()).then_some(condition)
}

/// `AddPermission`.
pub(super) fn add(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let named = account.named(input.required("FunctionName")?, input.text("Qualifier"))?;
    if named.qualifier == Some(LATEST) {
        return Err(ApiError::invalid("We currently do not support adding policies for $LATEST."));
    }
    let action = input.required("Action")?;
    let principal = principal(input.required("Principal")?, &account.region)?;
    if input.has("FunctionUrlAuthType") && action != "lambda:InvokeFunctionUrl" {
        return Err(ApiError::invalid(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        ));
    }
    let function = account.found(named)?;
    let policy = function.policies.get(named.key());
    // Before there is a policy, it is the revision of the function or alias that counts.
    let revision = policy.map(|it| it.revision.as_str()).or(function.revision(named.key()));
    expect(input, revision)?;
    let statement = Statement {
        sid: input.required("StatementId")?.to_owned(),
        effect: "Allow".to_owned(),
        principal,
        action: action.to_owned(),
        resource: account.function_arn(named.name, named.qualifier),
        condition: condition(input),
    };
    let answer = statement.answer();
    let policy = added(policy, statement, (moment.uuid)())?;
    if let Some(function) = account.changing(named.name) {
        // Recorded: the function then has the revision of its policy.
        function.revise(named.key(), policy.revision.clone());
        function.policies.insert(named.key().to_owned(), policy);
    }
    Ok(answer)
}

/// `RemovePermission`.
pub(super) fn remove(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let named = account.named(input.required("FunctionName")?, input.text("Qualifier"))?;
    if !account.functions.contains_key(named.name) {
        let arn = account.function_arn(named.name, named.qualifier);
        return Err(ApiError::not_found(format!("No policy found for: {arn}")));
    }
    let policy = account.found(named)?.policies.get(named.key()).ok_or_else(none)?;
    expect(input, Some(&policy.revision))?;
    let revision = (moment.uuid)();
    let policy = removed(policy, input.required("StatementId")?, revision.clone())?;
    if let Some(function) = account.changing(named.name) {
        function.revise(named.key(), revision);
        match policy {
            Some(policy) => drop(function.policies.insert(named.key().to_owned(), policy)),
            None => drop(function.policies.remove(named.key())),
        }
    }
    Ok(Object::new())
}

/// `GetPolicy`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let named = account.named(input.required("FunctionName")?, input.text("Qualifier"))?;
    let policy = account.find(named).and_then(|function| function.policies.get(named.key()));
    policy.map(Policy::answer).ok_or_else(no_resource)
}

/// Refuses a `RevisionId` that is not the given one.
fn expect(input: &Input, revision: Option<&str>) -> Result<(), ApiError> {
    match input.text("RevisionId") {
        Some(given) if Some(given) != revision => Err(ApiError::stale("GetPolicy")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
