//! Layers and their versions.
//!
//! Identical bytes make a new version, numbers are never given twice, and a version that is deleted
//! stays usable where it is used (recorded answers).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::function::{UsedLayer, code};
use super::page::{number, page};
use super::policy::{self, Statement};
use super::qualifier::no_resource;
use super::{Account, ApiError, Code, Input, Key, Moment, Object, Policy, date};

/// How many layers a function may use ("Lambda quotas").
const MOST: usize = 5;
/// The largest unpacked layer in bytes ("Lambda quotas": 250 MB, like a function).
const MAX_UNZIPPED: u64 = 262_144_000;

/// A layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Layer {
    /// Its name.
    pub name: String,
    /// Its versions by number, without those that were deleted.
    pub versions: BTreeMap<u64, LayerVersion>,
    /// The last number that was given.
    pub last_version: u64,
}

/// One version of a layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVersion {
    /// What was said of it (`Description`, `LicenseInfo`, `CompatibleRuntimes`…).
    pub settings: Object,
    /// Its zip.
    pub code: Code,
    /// What else its content says: the object that it stays in when it is used by reference.
    pub code_settings: Object,
    /// When it was published (ms since 1970).
    pub created: i64,
    /// Who may use it.
    pub policy: Option<Policy>,
}

impl LayerVersion {
    /// Whether it says that it is for what a list asks for; a list that asks for nothing takes all.
    fn suits(&self, input: &Input) -> bool {
        [
            ("CompatibleRuntime", "CompatibleRuntimes"),
            ("CompatibleArchitecture", "CompatibleArchitectures"),
        ]
        .iter()
        .all(|(asked, member)| {
            let said = self.settings.get(*member).and_then(Value::as_array);
            input.get(asked).is_none_or(|asked| said.is_some_and(|said| said.contains(asked)))
        })
    }
}

/// The parts of a layer's ARN, with or without a version.
struct LayerArn<'a> {
    region: &'a str,
    account: &'a str,
    name: &'a str,
    version: Option<u64>,
}

impl<'a> LayerArn<'a> {
    /// `arn:aws:lambda:<region>:<account>:layer:<name>[:<version>]`.
    fn of(arn: &'a str) -> Option<Self> {
        let mut parts = arn.split(':').skip(3);
        let (region, account) = (parts.next()?, parts.next()?);
        let name = (parts.next()? == "layer").then(|| parts.next()).flatten()?;
        Some(Self { region, account, name, version: parts.next().and_then(|it| it.parse().ok()) })
    }
}

impl Account {
    /// The layers that a function is to use, in their order.
    ///
    /// Refuses more than five, those of another Region, two versions of one layer and versions that
    /// are not there, in this order and with the service's texts.
    pub(super) fn used_layers(&self, arns: &[&str]) -> Result<Vec<UsedLayer>, ApiError> {
        if arns.len() > MOST {
            return Err(ApiError::invalid(format!("Cannot reference more than {MOST} layers.")));
        }
        let elsewhere = |arn: &&str| LayerArn::of(arn).is_some_and(|it| it.region != self.region);
        if arns.iter().any(elsewhere) {
            return Err(ApiError::invalid(format!(
                "Layers are not in the same region as the function. Layers are expected to be in \
                 region {}.",
                self.region
            )));
        }
        let layer = |arn: &str| arn.rsplit_once(':').map(|(layer, _)| layer.to_owned());
        for (at, first) in arns.iter().enumerate() {
            if let Some(second) = arns[at + 1..].iter().find(|arn| layer(arn) == layer(first)) {
                return Err(ApiError::invalid(format!(
                    "Two different versions of the same layer are not allowed to be referenced in \
                     the same function. {first} and {second} are versions of the same layer."
                )));
            }
        }
        let used = |arn: &&str| {
            let version = self
                .layer_version_of(arn)
                .ok_or_else(|| ApiError::invalid(format!("Layer version {arn} does not exist.")))?;
            Ok(UsedLayer { arn: (*arn).to_owned(), code: version.code.clone() })
        };
        arns.iter().map(used).collect()
    }

    /// The code of every layer version that was not deleted.
    pub fn layer_codes(&self) -> impl Iterator<Item = &Code> {
        self.layers.values().flat_map(|layer| layer.versions.values()).map(|version| &version.code)
    }

    /// The code of the version that an ARN names, if it is here.
    #[must_use]
    pub fn layer_code(&self, arn: &str) -> Option<&Code> {
        self.layer_version_of(arn).map(|version| &version.code)
    }

    /// The version that an ARN names, if it is here.
    fn layer_version_of(&self, arn: &str) -> Option<&LayerVersion> {
        let arn = LayerArn::of(arn)?;
        let here = arn.region == self.region && arn.account == self.id;
        self.layers.get(arn.name).filter(|_| here)?.versions.get(&arn.version?)
    }

    /// The name that stands under `LayerName`, which may be an ARN.
    fn layer_name<'a>(&self, input: &'a Input) -> Result<&'a str, ApiError> {
        let text = input.required("LayerName")?;
        match LayerArn::of(text) {
            None => Ok(text),
            Some(arn) if arn.region == self.region && arn.account == self.id => Ok(arn.name),
            Some(_) => Err(self.denied(text)),
        }
    }

    /// The layer and the number that are meant.
    fn layer_number<'a>(&self, input: &'a Input) -> Result<(&'a str, u64), ApiError> {
        let number = input.number("VersionNumber").and_then(|it| u64::try_from(it).ok());
        let Some(number) = number.filter(|number| *number > 0) else {
            return Err(ApiError::invalid("Layer Version Cannot be less than 1"));
        };
        Ok((self.layer_name(input)?, number))
    }

    fn layer_version(&self, name: &str, number: u64) -> Option<&LayerVersion> {
        self.layers.get(name)?.versions.get(&number)
    }

    /// A version of which the policy is meant.
    fn of_policy(&self, name: &str, number: u64) -> Result<&LayerVersion, ApiError> {
        self.layer_version(name, number).ok_or_else(|| {
            let arn = self.arn("layer", name);
            ApiError::not_found(format!("Layer version {arn}:{number} does not exist."))
        })
    }

    fn set_layer_policy(&mut self, name: &str, number: u64, policy: Option<Policy>) {
        let layer = self.layers.get_mut(name);
        if let Some(version) = layer.and_then(|layer| layer.versions.get_mut(&number)) {
            version.policy = policy;
            self.change(Key::Layer(name.to_owned()));
        }
    }

    /// A version as lists show it.
    fn layer_item(&self, name: &str, number: u64, version: &LayerVersion) -> Object {
        let mut item = version.settings.clone();
        let arn = format!("{}:{number}", self.arn("layer", name));
        item.insert("LayerVersionArn".to_owned(), arn.into());
        item.insert("Version".to_owned(), number.into());
        item.insert("CreatedDate".to_owned(), date::text(version.created).into());
        item
    }

    /// A version as it is shown alone. Where its zip lies, the edge says.
    fn layer_answer(&self, name: &str, number: u64, version: &LayerVersion) -> Object {
        let mut answer = self.layer_item(name, number, version);
        answer.insert("LayerArn".to_owned(), self.arn("layer", name).into());
        let mut content = version.code_settings.clone();
        content.insert("CodeSha256".to_owned(), version.code.sha256().into());
        content.insert("CodeSize".to_owned(), version.code.size().into());
        answer.insert("Content".to_owned(), content.into());
        answer
    }
}

/// `PublishLayerVersion`.
pub(super) fn publish(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let name = account.layer_name(input)?;
    let Some(code @ Code::Zip { .. }) = moment.code.clone() else {
        return Err(ApiError::invalid("Please provide a source for function code."));
    };
    if code.unzipped() >= MAX_UNZIPPED {
        return Err(ApiError::invalid(format!(
            "Unzipped size must be smaller than {MAX_UNZIPPED} bytes"
        )));
    }
    let mut settings = Object::new();
    settings.insert("Description".to_owned(), "".into());
    for member in ["Description", "LicenseInfo", "CompatibleRuntimes", "CompatibleArchitectures"] {
        if let Some(value) = input.get(member) {
            settings.insert(member.to_owned(), value.clone());
        }
    }
    let content = input.object("Content").cloned().unwrap_or_default();
    let code_settings = code::settings(&Object::new(), &content);
    let version = LayerVersion { settings, code, code_settings, created: moment.now, policy: None };
    let layer = account.layers.entry(name.to_owned()).or_insert_with(|| Layer {
        name: name.to_owned(),
        versions: BTreeMap::new(),
        last_version: 0,
    });
    layer.last_version += 1;
    let number = layer.last_version;
    layer.versions.insert(number, version.clone());
    account.change(Key::Layer(name.to_owned()));
    Ok(account.layer_answer(name, number, &version))
}

/// `GetLayerVersion`.
pub(super) fn get(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let (name, number) = account.layer_number(input)?;
    let version = account.layer_version(name, number).ok_or_else(no_resource)?;
    Ok(account.layer_answer(name, number, version))
}

/// `GetLayerVersionByArn`.
pub(super) fn get_by_arn(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let arn = input.required("Arn")?;
    let version = account.layer_version_of(arn).ok_or_else(no_resource)?;
    let named = LayerArn::of(arn).and_then(|arn| Some((arn.name, arn.version?)));
    let (name, number) = named.ok_or_else(no_resource)?;
    Ok(account.layer_answer(name, number, version))
}

/// `ListLayerVersions`: the newest first.
pub(super) fn list_versions(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let name = account.layer_name(input)?;
    let versions = account.layers.get(name).into_iter().flat_map(|layer| &layer.versions);
    // Keys that grow while the numbers fall.
    let items = versions
        .rev()
        .filter(|(_, version)| version.suits(input))
        .map(|(at, version)| (number(u64::MAX - at), (*at, version)));
    let show = |(at, version)| account.layer_item(name, at, version);
    Ok(page(input, "LayerVersions", 50, items, show))
}

/// `ListLayers`: each with its newest version that suits.
pub(super) fn list(account: &Account, input: &Input) -> Object {
    let items = account.layers.iter().filter_map(|(name, layer)| {
        let newest = layer.versions.iter().rev().find(|(_, version)| version.suits(input))?;
        Some((name.clone(), (name, newest)))
    });
    let show = |(name, (at, version)): (&String, (&u64, &LayerVersion))| {
        json!({
            "LayerName": name,
            "LayerArn": account.arn("layer", name),
            "LatestMatchingVersion": account.layer_item(name, *at, version),
        })
    };
    page(input, "Layers", 50, items, show)
}

/// `DeleteLayerVersion`: also of what is not there. The layer stays, for its numbers go on.
pub(super) fn delete(account: &mut Account, input: &Input) -> Result<Object, ApiError> {
    let (name, number) = account.layer_number(input)?;
    if let Some(layer) = account.layers.get_mut(name)
        && layer.versions.remove(&number).is_some()
    {
        account.change(Key::Layer(name.to_owned()));
    }
    Ok(Object::new())
}

/// `AddLayerVersionPermission`.
pub(super) fn add_permission(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let (name, number) = account.layer_number(input)?;
    let version = account.of_policy(name, number)?;
    expect(input, version.policy.as_ref())?;
    let condition = input.text("OrganizationId").map(|organization| {
        let equals = json!({ "aws:PrincipalOrgID": organization });
        Object::from_iter([("StringEquals".to_owned(), equals)])
    });
    let statement = Statement {
        sid: input.required("StatementId")?.to_owned(),
        effect: "Allow".to_owned(),
        principal: policy::principal(input.required("Principal")?, &account.region)?,
        action: input.required("Action")?.to_owned(),
        resource: format!("{}:{number}", account.arn("layer", name)),
        condition,
    };
    let mut answer = statement.answer();
    let policy = policy::added(version.policy.as_ref(), statement, (moment.uuid)())?;
    answer.insert("RevisionId".to_owned(), policy.revision.as_str().into());
    account.set_layer_policy(name, number, Some(policy));
    Ok(answer)
}

/// `RemoveLayerVersionPermission`.
pub(super) fn remove_permission(
    account: &mut Account,
    input: &Input,
    moment: &mut Moment<'_>,
) -> Result<Object, ApiError> {
    let (name, number) = account.layer_number(input)?;
    let policy = account.of_policy(name, number)?.policy.as_ref().ok_or_else(policy::none)?;
    expect(input, Some(policy))?;
    let policy = policy::removed(policy, input.required("StatementId")?, (moment.uuid)())?;
    account.set_layer_policy(name, number, policy);
    Ok(Object::new())
}

/// `GetLayerVersionPolicy`.
pub(super) fn get_policy(account: &Account, input: &Input) -> Result<Object, ApiError> {
    let (name, number) = account.layer_number(input)?;
    let policy = account.of_policy(name, number)?.policy.as_ref();
    policy.map(Policy::answer).ok_or_else(policy::none)
}

/// Refuses a `RevisionId` that is not the policy's.
fn expect(input: &Input, policy: Option<&Policy>) -> Result<(), ApiError> {
    match input.text("RevisionId") {
        Some(given) if policy.is_none_or(|policy| policy.revision != given) => {
            Err(ApiError::stale("GetLayerPolicy"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
