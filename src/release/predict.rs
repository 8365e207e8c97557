//! What a change makes of what was observed: the dry run, and the check that nobody else has acted.

use serde_json::{Value, json};

use super::change::{Action, Change, Place, Sent};
use super::desired::Desired;
use super::next::{Next, next};
use super::observed::{Function, Observed, StoredObject, is_moving_over};
use super::role::Role;
use super::shift::under_way;
use super::{Object, attach, layers};

/// The number of a version that is not there yet.
pub const NEW_VERSION: &str = "new";

/// Applies a change as AWS would, all at once and with success.
pub fn apply(action: &Action, observed: &mut Observed) {
    match action {
        Action::CreateRole { name, description } => {
            observed.role = Some(Role::made(name, description));
        }
        Action::AttachPolicy { policy, .. } => {
            observed.role.get_or_insert_default().policies.insert((*policy).to_owned());
        }
        Action::Upload { layer: Some(name), .. } => {
            observed.layers.objects.insert(name.clone(), StoredObject::default());
        }
        Action::PublishLayer(new) => {
            observed.layers.versions.insert(new.name.clone(), layers::to_come(&new.name));
        }
        Action::Upload { layer: None, .. } => observed.object = Some(StoredObject::default()),
        Action::Push { .. } => observed.pushed = true,
        Action::Create { members, code } => {
            observed.function = Some(created(members, code));
            observed.acted = true;
        }
        Action::Attach(attach) => attach::apply(attach, &mut observed.attached),
        Action::Check { version, .. } => {
            observed.checked.insert(version.clone());
        }
        Action::CreateAlias { name, version, description } => {
            let alias = json!({
                "Name": name, "FunctionVersion": version, "Description": description
            });
            observed.aliases.insert(name.clone(), object(alias));
        }
        Action::MoveAlias { name, to, description, .. } => {
            let alias = observed.aliases.entry(name.clone()).or_default();
            alias.insert("FunctionVersion".to_owned(), to.as_str().into());
            alias.insert("Description".to_owned(), description.as_str().into());
            alias.remove("RoutingConfig");
        }
        Action::Publish { .. } => {
            if let Some(latest) = observed.latest() {
                let mut version = latest.clone();
                version.remove("LastUpdateStatus");
                version.insert("Version".to_owned(), NEW_VERSION.into());
                observed.versions.insert(NEW_VERSION.to_owned(), version);
            }
        }
        _ => {
            if let Some(function) = &mut observed.function {
                observed.acted |= change(action, function);
            }
        }
    }
}

/// A function's own. Whether it goes through states.
fn change(action: &Action, function: &mut Function) -> bool {
    let configuration = &mut function.configuration;
    match action {
        Action::Configure { fields, .. } => {
            for field in fields {
                configuration.insert(field.member.to_owned(), field.new.clone());
            }
            settle(configuration);
            true
        }
        Action::UpdateCode { code, source_kms_key, .. } => {
            if let Some(key) = source_kms_key {
                function.source_kms_key = Some(key.clone()).filter(|key| !key.is_empty());
            }
            configuration.insert("CodeSha256".to_owned(), code.sha256.as_str().into());
            function.image = of_image(code);
            configuration.insert("Architectures".to_owned(), json!([code.architecture]));
            settle(configuration);
            true
        }
        Action::Sign { new, .. } => {
            function.code_signing.clone_from(new);
            false
        }
        Action::Tag { set, .. } => {
            let new = set.iter().map(|(key, (_, value))| (key.clone(), value.clone()));
            function.tags.extend(new);
            false
        }
        Action::Untag { keys, .. } => {
            function.tags.retain(|key, _| !keys.contains(key));
            false
        }
        Action::Reserve { new, .. } => {
            function.reserved = *new;
            false
        }
        _ => false,
    }
}

/// An update that went well leaves no trace of one that did not.
fn settle(configuration: &mut Object) {
    for member in ["State", "StateReasonCode", "LastUpdateStatus", "LastUpdateStatusReasonCode"] {
        configuration.remove(member);
    }
}

/// The image that code is, with its digest.
fn of_image(code: &Sent) -> Option<String> {
    match &code.place {
        Place::Image(uri) => Some(uri.clone()),
        Place::Call | Place::Bucket { .. } => None,
    }
}

fn created(members: &Object, code: &Sent) -> Function {
    let mut configuration = members.clone();
    let tags = configuration.remove("Tags");
    let signing = configuration.remove("CodeSigningConfigArn");
    let key = configuration.remove("SourceKMSKeyArn");
    configuration.insert("CodeSha256".to_owned(), code.sha256.as_str().into());
    configuration.insert("Version".to_owned(), "$LATEST".into());
    let tags = tags.as_ref().and_then(Value::as_object).into_iter().flatten();
    Function {
        configuration,
        tags: tags
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect(),
        reserved: None,
        code_signing: signing.and_then(|arn| arn.as_str().map(str::to_owned)),
        source_kms_key: key.and_then(|arn| arn.as_str().map(str::to_owned)),
        image: of_image(code),
    }
}

fn object(value: Value) -> Object {
    match value {
        Value::Object(object) => object,
        _ => Object::new(),
    }
}

/// All changes of a deploy, in the order in which they would be made, if everything went well; and
/// what would be refused. What is under way is taken to have settled.
#[must_use]
pub fn unfold(all: &[(Desired, Observed)]) -> (Vec<Change>, Next) {
    let mut states: Vec<(&Desired, Observed)> =
        all.iter().map(|(desired, observed)| (desired, settled(desired, observed))).collect();
    let mut changes = Vec::new();
    // Each function needs a bounded number of steps; a property test holds that this ends by itself.
    let most = 64 + 256 * all.len();
    loop {
        let next = next(states.iter().map(|(desired, observed)| (*desired, observed)));
        if next.changes.is_empty() || changes.len() > most {
            return (changes, next);
        }
        for change in next.changes {
            for (desired, observed) in &mut states {
                if desired.name == change.function || layers::wants(desired, &change.action) {
                    apply(&change.action, observed);
                }
            }
            changes.push(change);
        }
    }
}

/// What is under way will end well.
fn settled(desired: &Desired, observed: &Observed) -> Observed {
    let mut observed = observed.clone();
    let first = desired.qualifier();
    if let Some(name) = first.filter(|name| is_moving_over(first, &observed, name))
        && let Some(alias) = observed.aliases.get_mut(name)
        && under_way(alias).is_none()
    {
        alias.remove("RoutingConfig");
    }
    let latest = observed.function.iter_mut().map(|function| &mut function.configuration);
    for configuration in latest.chain(observed.versions.values_mut()) {
        if let super::observed::State::Busy(_) = super::observed::state(configuration) {
            configuration.insert("State".to_owned(), "Active".into());
            configuration.remove("LastUpdateStatus");
        }
    }
    observed
}
