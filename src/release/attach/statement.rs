//! Statements of a function's policy.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Object;
use crate::release::change::Attachment;
use crate::release::content::text;
use crate::release::observed::Attached;
use crate::release::wanted::Attachments;

/// What the ids of our own statements begin with.
const OURS: &str = "lambda-pack-";
/// Anybody may use the URL (AWS: "Control access to Lambda function URLs").
const URL: &str = "lambda-pack-url";
/// Anybody may invoke by the URL: needed besides, since October 2025.
const URL_INVOKE: &str = "lambda-pack-url-invoke";

/// The two statements that a URL without authentication needs.
fn of_public_url() -> [Object; 2] {
    let object = |value: Value| value.as_object().cloned().unwrap_or_default();
    [
        object(json!({
            "StatementId": URL, "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
            "FunctionUrlAuthType": "NONE",
        })),
        object(json!({
            "StatementId": URL_INVOKE, "Action": "lambda:InvokeFunction", "Principal": "*",
            "InvokedViaFunctionUrl": true,
        })),
    ]
}

/// The first statement that is missing, is another one, or should not be there.
pub(super) fn step(wanted: &Attachments, there: &Attached) -> Option<Attachment> {
    let mut all: Vec<Object> = wanted.permissions.clone().unwrap_or_default();
    if let Some(Some(url)) = &wanted.url
        && text(url, "AuthType") == Some("NONE")
    {
        all.extend(of_public_url());
    }
    let by_id: BTreeMap<&str, &Object> =
        all.iter().filter_map(|one| Some((text(one, "StatementId")?, one))).collect();
    let stale = there.statements.keys().find(|id| {
        let of_url = *id == URL || *id == URL_INVOKE;
        let decided = if of_url { wanted.url.is_some() } else { wanted.permissions.is_some() };
        decided && id.starts_with(OURS) && !by_id.contains_key(id.as_str())
    });
    if let Some(id) = stale {
        return Some(Attachment::Forbid(id.clone()));
    }
    by_id.into_iter().find_map(|(id, members)| match there.statements.get(id) {
        None => Some(Attachment::Permit(members.clone())),
        Some(present) if condensed(present) != asked(members) => {
            Some(Attachment::Forbid(id.to_owned()))
        }
        Some(_) => None,
    })
}

/// What `AddPermission` was asked for, so that it can be compared.
fn asked(members: &Object) -> BTreeMap<String, String> {
    members
        .iter()
        .filter(|(name, _)| *name != "StatementId")
        .map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let value = if name == "Principal" { principal(&value) } else { value };
            (name.clone(), value)
        })
        .collect()
}

/// A statement of a policy as what it was asked for.
fn condensed(statement: &Value) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    if let Some(action) = statement["Action"].as_str() {
        all.insert("Action".to_owned(), action.to_owned());
    }
    let who = &statement["Principal"];
    let who = [who, &who["Service"], &who["AWS"]].into_iter().find_map(Value::as_str);
    all.insert("Principal".to_owned(), principal(who.unwrap_or_default()));
    let conditions = statement["Condition"].as_object().into_iter().flatten();
    let conditions = conditions.filter_map(|(_, keys)| keys.as_object()).flatten();
    for (key, value) in conditions {
        let name = match key.to_ascii_lowercase().as_str() {
            "aws:sourcearn" => "SourceArn",
            "aws:sourceaccount" => "SourceAccount",
            "aws:principalorgid" => "PrincipalOrgID",
            "lambda:functionurlauthtype" => "FunctionUrlAuthType",
            "lambda:invokedviafunctionurl" => "InvokedViaFunctionUrl",
            "lambda:eventsourcetoken" => "EventSourceToken",
            _ => key,
        };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        all.insert(name.to_owned(), value);
    }
    all
}

/// AWS writes an account as the root of it.
fn principal(name: &str) -> String {
    let account = name.strip_suffix(":root").and_then(|arn| arn.rsplit("::").next());
    account.unwrap_or(name).to_owned()
}

/// The statement that AWS would make of it.
pub(super) fn predicted(members: &Object) -> Value {
    let mut condition = Object::new();
    let mut add = |operator: &str, key: &str, value: Value| {
        let keys = condition.entry(operator).or_insert_with(|| json!({}));
        keys[key] = value;
    };
    for (name, value) in members {
        match name.as_str() {
            "SourceArn" => add("ArnLike", "AWS:SourceArn", value.clone()),
            "SourceAccount" => add("StringEquals", "AWS:SourceAccount", value.clone()),
            "PrincipalOrgID" => add("StringEquals", "aws:PrincipalOrgID", value.clone()),
            "EventSourceToken" => add("StringEquals", "lambda:EventSourceToken", value.clone()),
            "FunctionUrlAuthType" => {
                add("StringEquals", "lambda:FunctionUrlAuthType", value.clone());
            }
            "InvokedViaFunctionUrl" => {
                add("Bool", "lambda:InvokedViaFunctionUrl", value.to_string().into());
            }
            _ => {}
        }
    }
    let who = text(members, "Principal").unwrap_or_default();
    let who = match who {
        "*" => json!("*"),
        who if who.contains('.') && !who.starts_with("arn:") => json!({ "Service": who }),
        who => json!({ "AWS": who }),
    };
    json!({ "Effect": "Allow", "Principal": who, "Action": members["Action"], "Condition": condition })
}
