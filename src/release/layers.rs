//! Layers that functions share, made by us: which are wanted, which are there, and what the list of a
//! function's layers is to be.
//!
//! A version says in its description what it holds (`lp1 sha256:…`): so the next deploy finds it, and so
//! it is told apart from the layers of others. Those are never touched, and keep their order.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Object;
use super::change::{Action, Change, NewLayer, Place, Sent};
use super::content::{current, text};
use super::desired::{Code, Desired, Source};
use super::next::Refusal;
use super::observed::{Observed, StoredObject};
use super::predict::NEW_VERSION;
use crate::layer::{self, MOST};

/// A layer of ours that a function wants.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layer {
    /// Its name, which stays the same from version to version.
    pub name: String,
    /// The description of the version that holds this.
    pub description: String,
    /// Its zip: never an image.
    pub code: Code,
    /// AWS's names of the runtimes that it is for.
    pub runtimes: Vec<String>,
    /// How many files it has.
    pub files: usize,
}

/// Which layers are a workspace's own, by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own {
    /// Those in its lock.
    pub names: BTreeSet<String>,
    /// What the names of the others begin with.
    pub prefix: String,
}

impl Own {
    /// Whether a layer of this name is one of them.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name) || layer::has_prefix(name, &self.prefix)
    }
}

/// What was seen of layers, for one function.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The ARNs of versions that hold what is wanted, by the layer's name.
    pub versions: BTreeMap<String, String>,
    /// The objects in buckets that layers are made of, by the layer's name.
    pub objects: BTreeMap<String, StoredObject>,
    /// The versions that the function uses and an earlier deploy has published, by what they say: of
    /// those only that [`unclear`] names.
    pub ours: BTreeSet<String>,
}

/// The name of the layer that the ARN of a version names.
#[must_use]
pub fn name_of(arn: &str) -> &str {
    let layer = arn.rsplit_once(':').map_or(arn, |(layer, _)| layer);
    layer.rsplit_once(':').map_or(layer, |(_, name)| name)
}

/// The account in an ARN.
fn account_of(arn: &str) -> Option<&str> {
    if arn.starts_with("arn:") { arn.split(':').nth(4) } else { None }
}

/// The account that the function is in, as far as an ARN tells.
fn account<'a>(desired: &'a Desired, observed: &'a Observed) -> Option<&'a str> {
    let function = observed.latest().and_then(|latest| text(latest, "FunctionArn"));
    let role = || desired.wanted.configuration.get("Role").and_then(Value::as_str);
    function.and_then(account_of).or_else(|| account_of(role()?))
}

fn arns_of(list: &Value) -> Vec<String> {
    let all = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    all.map(str::to_owned).collect()
}

/// What the function has now, in its order.
fn there(configuration: Option<&Object>) -> Vec<String> {
    configuration.map(|latest| arns_of(&current(latest, "Layers"))).unwrap_or_default()
}

/// Whether a version that the function has is of a layer of ours: one that it wants, whatever version,
/// or one that an earlier deploy has published. A layer of another account never is.
fn is_ours(desired: &Desired, observed: &Observed, arn: &str) -> bool {
    let own = account(desired, observed);
    let elsewhere = account_of(arn).is_some_and(|of| own.is_some_and(|own| own != of));
    let wanted = desired.layers.iter().flatten().any(|layer| layer.name == name_of(arn));
    !elsewhere && (wanted || observed.layers.ours.contains(arn))
}

/// Those of the function's layers of which only their description tells whose they are: in its own
/// account, not in the settings, and of no layer that it wants.
///
/// The name alone would not do: it is the user's to choose, and may be that of a layer made by hand. Nor
/// would the description: layers of another workspace say the same, and somebody may have put one there.
/// Where the settings name layers and what was packaged is known, the list is complete, and nobody
/// asks.
#[must_use]
pub fn unclear(desired: &Desired, observed: &Observed) -> Vec<String> {
    let said = desired.wanted.configuration.get("Layers");
    let is_clear = match (&desired.layers, said) {
        (Some(_), Some(_)) | (None, None) => true,
        (Some(_), None) | (None, Some(_)) => desired.code.image().is_some(),
    };
    if is_clear {
        return Vec::new();
    }
    let said = said.map(arns_of).unwrap_or_default();
    let own = account(desired, observed);
    let wanted = |arn: &str| desired.layers.iter().flatten().any(|it| it.name == name_of(arn));
    there(observed.latest())
        .into_iter()
        .filter(|arn| account_of(arn).is_some_and(|of| own.is_none_or(|own| own == of)))
        .filter(|arn| !said.contains(arn) && !wanted(arn))
        .filter(|arn| desired.own_layers.as_ref().is_none_or(|own| own.has(name_of(arn))))
        .collect()
}

/// What `Layers` is to be; none: left alone. Layers that are not published yet stand as they will be
/// shown in a plan.
///
/// The settings' come first, in their order, then ours in the order in which they were packaged. Where
/// the settings say nothing, what others have put there stays in its place, and so does what replaces a
/// version of ours.
#[must_use]
pub fn arns(desired: &Desired, observed: &Observed) -> Option<Vec<String>> {
    let said = desired.wanted.configuration.get("Layers").map(arns_of);
    let there = there(observed.latest());
    let Some(layers) = &desired.layers else {
        // What was packaged is not known: what an earlier deploy has put there is as good as any.
        let mut all = said?;
        all.extend(there.into_iter().filter(|arn| observed.layers.ours.contains(arn)));
        return Some(all);
    };
    let own = layers.iter().map(|layer| version(layer, observed));
    if let Some(mut all) = said {
        all.extend(own);
        return Some(all);
    }
    let mut own = own.into_iter();
    let mut all = Vec::new();
    for arn in there {
        if is_ours(desired, observed, &arn) {
            all.extend(own.next());
        } else {
            all.push(arn);
        }
    }
    all.extend(own);
    Some(all)
}

/// The ARN of a version, or what stands for it until it is published.
fn version(layer: &Layer, observed: &Observed) -> String {
    let found = observed.layers.versions.get(&layer.name).cloned();
    found.unwrap_or_else(|| to_come(&layer.name))
}

/// What stands for a version that is not there yet.
pub(super) fn to_come(name: &str) -> String {
    format!("{name}:{NEW_VERSION}")
}

/// More layers than AWS takes, or two versions of one (recorded answers of `CreateFunction`): said before
/// the first call.
pub(super) fn refuse(desired: &Desired, observed: &Observed) -> Result<(), Refusal> {
    let Some(all) = arns(desired, observed) else { return Ok(()) };
    if all == there(observed.latest()) {
        return Ok(());
    }
    if all.len() > MOST {
        return Err(Refusal::TooManyLayers(all.iter().map(|arn| short(arn)).collect()));
    }
    let own = account(desired, observed);
    let same = |one: &str, other: &str| {
        let accounts = account_of(one).or(own).zip(account_of(other).or(own));
        name_of(one) == name_of(other) && accounts.is_none_or(|(one, other)| one == other)
    };
    for (at, one) in all.iter().enumerate() {
        if let Some(other) = all.iter().skip(at + 1).find(|other| same(one, other)) {
            let (one, other) = (one.clone(), other.clone());
            return Err(Refusal::TwoVersions { layer: name_of(&one).to_owned(), one, other });
        }
    }
    Ok(())
}

/// `NAME:3`, or the name alone where the number is not known.
fn short(arn: &str) -> String {
    let name = name_of(arn);
    match arn.rsplit_once(':') {
        Some((_, number)) if number != NEW_VERSION => format!("{name}:{number}"),
        _ => name.to_owned(),
    }
}

/// What brings the layers that are wanted to AWS: their zips into buckets first, then versions.
pub(super) fn step(desired: &Desired, observed: &Observed) -> Option<Action> {
    let seen = &observed.layers;
    let missing: Vec<&Layer> = desired
        .layers
        .iter()
        .flatten()
        .filter(|layer| !seen.versions.contains_key(&layer.name))
        .collect();
    let upload = missing.iter().find_map(|layer| match &layer.code.source {
        Source::Bucket(object) if !seen.objects.contains_key(&layer.name) => Some(Action::Upload {
            layer: Some(layer.name.clone()),
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            size: layer.code.size,
            sha256: layer.code.sha256.clone(),
        }),
        _ => None,
    });
    upload.or_else(|| Some(Action::PublishLayer(Box::new(new(missing.first()?, seen)))))
}

fn new(layer: &Layer, seen: &Seen) -> NewLayer {
    let stored = seen.objects.get(&layer.name);
    let place = match &layer.code.source {
        Source::Bucket(object) => Place::Bucket {
            bucket: object.bucket.clone(),
            key: object.key.clone(),
            version: stored.and_then(|stored| stored.version.clone()),
        },
        Source::Call | Source::Image(_) => Place::Call,
    };
    NewLayer {
        name: layer.name.clone(),
        description: layer.description.clone(),
        code: Sent {
            sha256: layer.code.sha256.clone(),
            size: layer.code.size,
            architecture: layer.code.architecture.clone(),
            place,
        },
        runtimes: layer.runtimes.clone(),
        files: layer.files,
        functions: Vec::new(),
    }
}

/// Whether two changes do the same for two functions: only one of them is made.
pub(super) fn is_shared(one: &Action, other: &Action) -> bool {
    match (one, other) {
        (Action::PublishLayer(one), Action::PublishLayer(other)) => {
            one.name == other.name
                && one.description == other.description
                && one.code.sha256 == other.code.sha256
        }
        (Action::Upload { layer: Some(_), .. }, other) => one == other,
        _ => false,
    }
}

/// Which layer a change brings to AWS, if it does.
#[must_use]
pub fn of_change(action: &Action) -> Option<&str> {
    match action {
        Action::Upload { layer, .. } => layer.as_deref(),
        Action::PublishLayer(new) => Some(&new.name),
        _ => None,
    }
}

/// Whether a function wants what a change brings to AWS for another.
#[must_use]
pub fn wants(desired: &Desired, action: &Action) -> bool {
    let is_it = |layer: &Layer| match action {
        Action::PublishLayer(new) => {
            layer.name == new.name
                && layer.description == new.description
                && layer.code.sha256 == new.code.sha256
        }
        Action::Upload { layer: Some(name), bucket, key, .. } => {
            let there =
                |object: &super::desired::Object| object.bucket == *bucket && object.key == *key;
            layer.name == *name
                && matches!(&layer.code.source, Source::Bucket(object) if there(object))
        }
        _ => false,
    };
    desired.layers.iter().flatten().any(is_it)
}

/// Tells another function what a change has brought to AWS.
pub fn tell(action: &Action, from: &Seen, to: &mut Seen) {
    let Some(name) = of_change(action) else { return };
    if let Some(arn) = from.versions.get(name) {
        to.versions.insert(name.to_owned(), arn.clone());
    }
    if let Some(object) = from.objects.get(name) {
        to.objects.insert(name.to_owned(), object.clone());
    }
}

/// Names the functions that a layer is published for.
pub(super) fn name_functions(changes: &mut [Change], all: &[(&Desired, &Observed)]) {
    for change in changes {
        let wanting: Vec<String> = all
            .iter()
            .filter(|(desired, _)| wants(desired, &change.action))
            .map(|(desired, _)| desired.name.clone())
            .collect();
        if let Action::PublishLayer(new) = &mut change.action {
            new.functions = wanting;
        }
    }
}
