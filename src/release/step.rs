//! The next step of one function.

mod alias;
mod code;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::change::{Action, Field, Phase};
use super::content::{self, current, text};
use super::desired::Desired;
use super::next::Refusal;
use super::observed::{Function, Observed, State, is_moving_over, lost_its_code, state, weights};
use super::shift;
use super::{Object, attach, layers, role};
use alias::{aliases, busy, is_ours, shifting};
use code::{code, sent, upload};

/// What one function needs next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// This call.
    Act(Action),
    /// Something has to settle first.
    Wait {
        /// What may not begin before.
        phase: Phase,
        /// What has to, in words.
        what: String,
    },
    /// Nothing.
    Done,
}

pub(super) fn step(desired: &Desired, observed: &Observed) -> Result<Step, Refusal> {
    if desired.only_layers {
        return Ok(layers::step(desired, observed).map_or(Step::Done, Step::Act));
    }
    if let Some(function) = &observed.function {
        refuse_early(desired, observed, function)?;
    }
    layers::refuse(desired, observed)?;
    if let Some(action) = role::step(desired, observed)? {
        return Ok(Step::Act(action));
    }
    let Some(function) = &observed.function else { return create(desired, observed) };
    let shifting = shifting(desired, observed);
    if let Some(step) = latest(desired, observed, function)? {
        return shifting.map_or(Ok(step), |(name, alias, _)| Err(busy(name, alias)));
    }
    if let Some((name, alias, new)) = shifting
        && observed.same_as_latest().is_none_or(|(number, _)| number != new)
    {
        return Err(busy(name, alias));
    }
    if desired.publishes()
        && let Some(step) = publish(desired, observed, function)?
    {
        return Ok(step);
    }
    if let Some(step) = aliases(desired, observed)? {
        return Ok(step);
    }
    Ok(attach::step(desired, observed).unwrap_or(Step::Done))
}

/// What no call would change: said before the first one.
fn refuse_early(
    desired: &Desired,
    observed: &Observed,
    function: &Function,
) -> Result<(), Refusal> {
    let configuration = &function.configuration;
    let package = current(configuration, "PackageType");
    if package != desired.code.package_type() {
        return Err(Refusal::PackageType {
            there: package.as_str().unwrap_or_default().to_owned(),
            wanted: desired.code.package_type(),
        });
    }
    for (name, alias) in &observed.aliases {
        let weights = weights(alias);
        let known = is_ours(desired, alias)
            || shift::under_way(alias).is_some()
            || is_moving_over(desired.qualifier(), observed, name);
        if !weights.is_empty() && !desired.clear_weights && !known {
            return Err(Refusal::Weights { alias: name.clone(), weights });
        }
    }
    // What lost its code is mended by code.
    let hopeless = |created| observed.acted || (created && !lost_its_code(configuration));
    match state(configuration) {
        State::Failed { created, code, reason } if hopeless(created) => {
            return Err(Refusal::Failed { version: None, created, code, reason });
        }
        _ => {}
    }
    Ok(())
}

fn create(desired: &Desired, observed: &Observed) -> Result<Step, Refusal> {
    let wanted = &desired.wanted;
    let named = wanted.configuration.get("Role").and_then(Value::as_str);
    let role = named.filter(|role| !role.is_empty());
    let Some(role) = role.or(observed.role.as_ref().map(|role| role.arn.as_str())) else {
        let (role, policies) = (role::name(&desired.name), role::policies(desired));
        return Err(Refusal::NoRole { role, policies });
    };
    if let Some(upload) = upload(desired, observed) {
        return Ok(Step::Act(upload));
    }
    if let Some(action) = layers::step(desired, observed) {
        return Ok(Step::Act(action));
    }
    let mut members = Object::new();
    let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
    for (name, value) in &wanted.configuration {
        if !clears(value) {
            set(name, value.clone());
        }
    }
    if let Some(layers) = layers::arns(desired, observed).filter(|all| !all.is_empty()) {
        set("Layers", layers.into());
    }
    set("Role", role.into());
    set("FunctionName", desired.name.as_str().into());
    match desired.code.image() {
        Some(image) if image.entry_point.is_empty() => {}
        Some(image) => set("ImageConfig", json!({ "EntryPoint": image.entry_point })),
        None => {
            set("Runtime", desired.runtime.as_str().into());
            // Any text will do for an OS-only runtime; it reaches the program as `_HANDLER`.
            set("Handler", "bootstrap".into());
        }
    }
    set("Architectures", json!([desired.code.architecture]));
    set("PackageType", desired.code.package_type().into());
    if let Some(environment) = wanted.environment.as_ref().filter(|all| !all.set.is_empty()) {
        set("Environment", json!({ "Variables": environment.set }));
    }
    if !wanted.tags.is_empty() {
        set("Tags", json!(wanted.tags));
    }
    if let Some(Some(arn)) = &wanted.code_signing {
        set("CodeSigningConfigArn", arn.as_str().into());
    }
    // It stands with the code.
    if let Some(key) = wanted.source_kms_key.as_deref().filter(|key| !key.is_empty()) {
        set("SourceKMSKeyArn", key.into());
    }
    Ok(Step::Act(Action::Create { members, code: sent(desired, observed) }))
}

/// Whether a value only clears what is not there yet.
fn clears(value: &Value) -> bool {
    match value {
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.values().all(clears),
        _ => false,
    }
}

/// Code and configuration of `$LATEST`.
fn latest(
    desired: &Desired,
    observed: &Observed,
    function: &Function,
) -> Result<Option<Step>, Refusal> {
    let configuration = configuration(desired, observed, function)?;
    let code = code(desired, observed, function);
    // A zip in a bucket is read once. An image stays where it is: a function whose image is gone may start no
    // more, though its code is what it should be.
    let wants_it = code.is_some() || desired.code.image().is_some();
    if let Some(upload) = upload(desired, observed).filter(|_| wants_it) {
        return Ok(Some(Step::Act(upload)));
    }
    if let Some(action) = layers::step(desired, observed) {
        return Ok(Some(Step::Act(action)));
    }
    if let State::Busy(state) = state(&function.configuration) {
        let phase = match (&configuration, &code) {
            (Some(_), _) => Phase::Configuration,
            (None, Some(_)) => Phase::ConfigurationSettles,
            (None, None) => Phase::CodeSettles,
        };
        return Ok(Some(Step::Wait { phase, what: format!("$LATEST is {state}") }));
    }
    let (first, second) = if lost_its_code(&function.configuration) {
        (code, configuration)
    } else {
        (configuration, code)
    };
    Ok(first.or(second).map(Step::Act))
}

/// What the function as a whole and its configuration need.
fn configuration(
    desired: &Desired,
    observed: &Observed,
    function: &Function,
) -> Result<Option<Action>, Refusal> {
    let wanted = &desired.wanted;
    if let Some(new) = &wanted.code_signing
        && *new != function.code_signing
    {
        let old = function.code_signing.clone();
        return Ok(Some(Action::Sign { old, new: new.clone() }));
    }
    let fields = fields(desired, observed, &function.configuration)?;
    if !fields.is_empty() {
        let revision = text(&function.configuration, "RevisionId").map(str::to_owned);
        return Ok(Some(Action::Configure { fields, revision }));
    }
    if let Some(new) = wanted.reserved
        && new != function.reserved
    {
        return Ok(Some(Action::Reserve { old: function.reserved, new }));
    }
    Ok(tags(desired, function))
}

/// The members of the configuration that are not what they should be.
fn fields(
    desired: &Desired,
    observed: &Observed,
    configuration: &Object,
) -> Result<Vec<Field>, Refusal> {
    let own = match desired.code.image() {
        // A command belongs to the image that it was meant for.
        Some(image) => ("ImageConfig", json!({ "EntryPoint": image.entry_point, "Command": [] })),
        None => ("Runtime", Value::from(desired.runtime.as_str())),
    };
    let mut all: BTreeMap<&'static str, &Value> =
        desired.wanted.configuration.iter().map(|(name, value)| (*name, value)).collect();
    all.insert(own.0, &own.1);
    let layers = layers::arns(desired, observed).map(Value::from);
    all.extend(layers.as_ref().map(|layers| ("Layers", layers)));
    // AWS has no empty role; it is only left alone.
    all.retain(|name, value| *name != "Role" || **value != "");
    let mut fields: Vec<Field> = all
        .into_iter()
        .filter_map(|(member, wanted)| {
            let (old, new) = content::change(configuration, member, wanted)?;
            Some(Field { member, old, new })
        })
        .collect();
    if let Some(wanted) = &desired.wanted.environment {
        let unread = content::variables(configuration);
        let old = match unread {
            // What is replaced need not be read, and what was put there cannot be compared.
            Err(_) if wanted.replace && observed.acted => return Ok(fields),
            Err(_) if wanted.replace => BTreeMap::new(),
            read => read.map_err(Refusal::Environment)?,
        };
        let mut new = if wanted.replace { BTreeMap::new() } else { old.clone() };
        new.retain(|name, _| !wanted.unset.contains(name));
        new.extend(wanted.set.clone());
        if old != new {
            let (old, new) = (json!({ "Variables": old }), json!({ "Variables": new }));
            fields.push(Field { member: "Environment", old, new });
        }
    }
    Ok(fields)
}

/// Tags that are to be set or removed. Those of AWS's own (`aws:`) are never touched.
fn tags(desired: &Desired, function: &Function) -> Option<Action> {
    let wanted = &desired.wanted;
    let arn = text(&function.configuration, "FunctionArn").unwrap_or_default().to_owned();
    let set: BTreeMap<_, _> = wanted
        .tags
        .iter()
        .filter(|(key, value)| function.tags.get(*key) != Some(value))
        .map(|(key, value)| (key.clone(), (function.tags.get(key).cloned(), value.clone())))
        .collect();
    if !set.is_empty() {
        return Some(Action::Tag { set, arn });
    }
    let keys: BTreeSet<String> = function
        .tags
        .keys()
        .filter(|key| wanted.tags_replace && !key.starts_with("aws:"))
        .filter(|key| !wanted.tags.contains_key(*key))
        .cloned()
        .collect();
    (!keys.is_empty()).then_some(Action::Untag { keys, arn })
}

/// A version with the content of `$LATEST`, where one is needed.
fn publish(
    desired: &Desired,
    observed: &Observed,
    function: &Function,
) -> Result<Option<Step>, Refusal> {
    let aliases = &desired.wanted.aliases;
    if !aliases.is_empty() && aliases.iter().all(|name| observed.is_there(name)) {
        return Ok(None);
    }
    let Some((number, version)) = observed.same_as_latest() else {
        return Ok(Some(Step::Act(Action::Publish {
            sha256: text(&function.configuration, "CodeSha256").unwrap_or_default().to_owned(),
            description: desired.version_description.clone(),
            revision: text(&function.configuration, "RevisionId").map(str::to_owned),
        })));
    };
    match state(version) {
        State::Ready => Ok(None),
        State::Busy(state) => {
            let what = format!("version {number} is {state}");
            Ok(Some(Step::Wait { phase: Phase::PublishSettles, what }))
        }
        State::Failed { created, code, reason } => {
            Err(Refusal::Failed { version: Some(number.to_owned()), created, code, reason })
        }
    }
}
