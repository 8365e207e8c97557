//! A change, for people and as data. Values of environment variables are never part of it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Object;
use super::change::{Action, Attachment, Change, Field, NewLayer, Place};
use super::content::text;

/// One thing that changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Detail {
    /// What.
    pub name: String,
    /// What it is; null: nothing.
    pub old: Value,
    /// What it is to be; null: nothing.
    pub new: Value,
}

fn detail(name: impl Into<String>, old: Value, new: Value) -> Detail {
    Detail { name: name.into(), old, new }
}

/// How many bytes a change sends.
#[must_use]
pub fn bytes(change: &Change) -> u64 {
    match &change.action {
        Action::Upload { size, .. } | Action::Push { size, .. } => *size,
        Action::Create { code, .. } | Action::UpdateCode { code, .. }
            if code.place == Place::Call =>
        {
            code.size
        }
        Action::PublishLayer(new) if new.code.place == Place::Call => new.code.size,
        _ => 0,
    }
}

/// All that changes, field by field.
#[must_use]
pub fn details(change: &Change) -> Vec<Detail> {
    match &change.action {
        Action::CreateRole { name, .. } => vec![detail("Role", Value::Null, name.as_str().into())],
        Action::AttachPolicy { role, policy } => {
            vec![detail(format!("policies of {role}"), Value::Null, (*policy).into())]
        }
        Action::Upload { bucket, key, .. } => {
            vec![detail("Object", Value::Null, format!("s3://{bucket}/{key}").into())]
        }
        Action::Push { uri, .. } => vec![detail("Image", Value::Null, uri.as_str().into())],
        Action::PublishLayer(new) => vec![layer(new)],
        Action::Create { members, code } => created(members, &code.sha256),
        Action::Configure { fields, .. } => fields.iter().flat_map(of_field).collect(),
        Action::Sign { old, new } => {
            vec![detail("CodeSigningConfigArn", json!(old), json!(new))]
        }
        Action::Tag { set, .. } => set
            .iter()
            .map(|(key, (old, new))| detail(format!("tag {key}"), json!(old), json!(new)))
            .collect(),
        Action::Untag { keys, .. } => {
            keys.iter().map(|key| detail(format!("tag {key}"), "set".into(), Value::Null)).collect()
        }
        Action::Reserve { old, new } => {
            vec![detail("ReservedConcurrentExecutions", json!(old), json!(new))]
        }
        Action::UpdateCode { old, code, old_architecture, .. } => {
            let mut all = vec![match &code.place {
                Place::Image(uri) if old.contains('@') => {
                    detail("ImageUri", old.as_str().into(), uri.as_str().into())
                }
                _ => detail("CodeSha256", old.as_str().into(), code.sha256.as_str().into()),
            }];
            if *old_architecture != code.architecture {
                let new = code.architecture.as_str().into();
                all.push(detail("Architecture", old_architecture.as_str().into(), new));
            }
            all
        }
        Action::Publish { description, .. } => {
            vec![detail("Version", Value::Null, json!(description))]
        }
        Action::Check { version, events, warm_up } => {
            let new = json!({ "version": version, "events": events, "warm-up": warm_up });
            vec![detail("check", Value::Null, new)]
        }
        Action::CreateAlias { name, version, .. } => {
            vec![detail(format!("alias {name}"), Value::Null, version.as_str().into())]
        }
        Action::MoveAlias { name, from, to, weights, .. } => {
            let name = format!("alias {name}");
            let mut all = Vec::new();
            if from != to {
                all.push(detail(name.clone(), from.as_str().into(), to.as_str().into()));
            }
            all.extend(weights.iter().map(|(version, weight)| {
                let weight = weight.as_str().into();
                detail(format!("{name}: weight of version {version}"), weight, Value::Null)
            }));
            all
        }
        Action::Attach(attach) => attached(&attach.what),
    }
}

/// A layer, and whom it is for.
fn layer(new: &NewLayer) -> Detail {
    let mut holds = json!({
        "Description": new.description, "CodeSha256": new.code.sha256, "functions": new.functions,
    });
    // Where its zip was not looked at, neither is known.
    if new.files > 0 {
        (holds["size"], holds["files"]) = (new.code.size.into(), new.files.into());
    }
    detail(format!("layer {}", new.name), Value::Null, holds)
}

/// What a function is created with.
fn created(members: &Object, sha256: &str) -> Vec<Detail> {
    let mut all = Vec::new();
    for (name, value) in members {
        match name.as_str() {
            "FunctionName" | "PackageType" | "Handler" => {}
            "Environment" => {
                let variables = value["Variables"].as_object().into_iter().flatten();
                all.extend(variables.map(|(name, _)| {
                    detail(format!("Environment.{name}"), Value::Null, HIDDEN.into())
                }));
            }
            _ => all.push(detail(name, Value::Null, value.clone())),
        }
    }
    all.push(detail("CodeSha256", Value::Null, sha256.into()));
    all
}

/// What stands for the value of a variable.
pub const HIDDEN: &str = "(hidden)";

fn of_field(field: &Field) -> Vec<Detail> {
    if field.member == "Environment" {
        return of_variables(&field.old["Variables"], &field.new["Variables"]);
    }
    match (&field.old, &field.new) {
        (Value::Object(old), Value::Object(new)) => new
            .iter()
            .filter(|(name, value)| old.get(*name) != Some(value))
            .map(|(name, value)| {
                let old = old.get(name).cloned().unwrap_or_default();
                detail(format!("{}.{name}", field.member), old, value.clone())
            })
            .collect(),
        _ => vec![detail(field.member, field.old.clone(), field.new.clone())],
    }
}

/// Names only.
fn of_variables(old: &Value, new: &Value) -> Vec<Detail> {
    let map = |value: &Value| -> BTreeMap<String, Value> {
        value.as_object().into_iter().flatten().map(|(k, v)| (k.clone(), v.clone())).collect()
    };
    let (old, new) = (map(old), map(new));
    let names: std::collections::BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let hidden = |there: bool| if there { HIDDEN.into() } else { Value::Null };
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| {
            let (old, new) = (old.contains_key(name), new.contains_key(name));
            detail(format!("Environment.{name}"), hidden(old), hidden(new))
        })
        .collect()
}

/// Members that change, as deep as both have any.
fn members(prefix: &str, old: &Object, new: &Object) -> Vec<Detail> {
    let differs = |(name, value): &(&String, &Value)| old.get(*name) != Some(value);
    let one = |(name, value): (&String, &Value)| {
        let path = format!("{prefix}.{name}");
        match (old.get(name), value) {
            (Some(Value::Object(old)), Value::Object(new)) if !new.is_empty() => {
                members(&path, old, new)
            }
            (old, new) => vec![detail(path, old.cloned().unwrap_or_default(), new.clone())],
        }
    };
    new.iter().filter(differs).flat_map(one).collect()
}

fn attached(what: &Attachment) -> Vec<Detail> {
    let none = Object::new();
    match what {
        Attachment::CreateUrl(new) => members("url", &none, new),
        Attachment::UpdateUrl { old, new } => members("url", old, new),
        Attachment::DeleteUrl => vec![detail("url", "there".into(), Value::Null)],
        Attachment::Permit(new) => {
            let id = text(new, "StatementId").unwrap_or_default();
            let mut new = new.clone();
            new.remove("StatementId");
            vec![detail(format!("permission {id}"), Value::Null, Value::Object(new))]
        }
        Attachment::Forbid(id) => {
            vec![detail(format!("permission {id}"), "there".into(), Value::Null)]
        }
        Attachment::PutEventInvoke { old, new } => {
            members("async", old.as_ref().unwrap_or(&none), new)
        }
        Attachment::DeleteEventInvoke => vec![detail("async", "there".into(), Value::Null)],
        Attachment::Provision { old, new } => {
            vec![detail("provisioned concurrency", json!(old), json!(new))]
        }
        Attachment::Unprovision { old } => {
            vec![detail("provisioned concurrency", json!(old), Value::Null)]
        }
        Attachment::CreateMapping(new) => {
            let source = text(new, "EventSourceArn").unwrap_or_default();
            members(&format!("trigger {source}"), &none, new)
        }
        Attachment::UpdateMapping { source, old, new, .. } => {
            members(&format!("trigger {source}"), old, new)
        }
    }
}

/// `MemorySize: 128 → 512`.
#[must_use]
pub fn line(detail: &Detail) -> String {
    let shown = |value: &Value| match value {
        Value::String(text) if text.is_empty() => "\"\"".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match (&detail.old, &detail.new) {
        (Value::Null, Value::Null) => detail.name.clone(),
        (Value::Null, new) if *new == HIDDEN => format!("+ {}", detail.name),
        (old, Value::Null) if *old == HIDDEN => format!("- {}", detail.name),
        (old, new) if *old == HIDDEN && *new == HIDDEN => format!("~ {}", detail.name),
        (Value::Null, new) => format!("{}: {}", detail.name, shown(new)),
        (old, Value::Null) => format!("{}: {} → none", detail.name, shown(old)),
        (old, new) => format!("{}: {} → {}", detail.name, shown(old), shown(new)),
    }
}
