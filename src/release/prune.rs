//! Which versions of our layers may go: those that no function uses, without the newest ones.
//!
//! Which are ours stands in their descriptions (`lp1 sha256:…`), who uses them in the configurations of
//! all functions, every published version among them. AWS deletes a version also while it is used: what
//! runs goes on, and can be neither changed nor made again (recorded answers). So nothing that is used
//! goes.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZero;

use serde_json::Value;

use super::Object;
use super::content::text;
use super::layers::name_of;
use crate::layer::record::LayerRecord;

/// A version of a layer, as `ListLayerVersions` has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Version {
    /// The layer's name.
    pub layer: String,
    /// Its number.
    pub number: u64,
    /// Its ARN.
    pub arn: String,
    /// What it says that it holds.
    pub description: String,
    /// AWS's names of the architectures that it is for.
    pub architectures: Vec<String>,
    /// When it was published, as AWS says it.
    pub created: String,
}

impl Version {
    /// An item of the list of a layer's versions; none if it has no number.
    #[must_use]
    pub fn read(layer: &str, item: &Object) -> Option<Self> {
        let member = |name: &str| text(item, name).unwrap_or_default().to_owned();
        let architectures = item.get("CompatibleArchitectures").and_then(Value::as_array);
        let architectures = architectures.into_iter().flatten().filter_map(Value::as_str);
        Some(Self {
            layer: layer.to_owned(),
            number: item.get("Version")?.as_u64()?,
            arn: member("LayerVersionArn"),
            description: member("Description"),
            architectures: architectures.map(str::to_owned).collect(),
            created: member("CreatedDate"),
        })
    }

    /// The digest of what it holds, as it says; none: it is not ours.
    #[must_use]
    pub fn tree(&self) -> Option<&str> {
        self.description.strip_prefix(LayerRecord::OURS)
    }

    /// `NAME:7`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}:{}", self.layer, self.number)
    }
}

/// Who uses a version of a layer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Use {
    /// The versions of functions, by function; `$LATEST` is one too.
    pub functions: BTreeMap<String, BTreeSet<String>>,
    /// The length of its zip in bytes, where a function tells it.
    pub size: Option<u64>,
}

/// What all functions of the account use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uses(BTreeMap<String, Use>);

impl Uses {
    /// By the items of `ListFunctions` with every version. A layer of another account that has the same
    /// name and number counts as well: what stands in for AWS may write another account, and what is
    /// taken for used only stays.
    #[must_use]
    pub fn of(functions: &[Object]) -> Self {
        let mut uses = Self::default();
        for function in functions {
            let member = |name: &str| text(function, name).unwrap_or_default().to_owned();
            for layer in function.get("Layers").and_then(Value::as_array).into_iter().flatten() {
                let Some(arn) = layer["Arn"].as_str() else { continue };
                let one = uses.0.entry(key(name_of(arn), arn.rsplit(':').next())).or_default();
                let versions = one.functions.entry(member("FunctionName")).or_default();
                versions.insert(member("Version"));
                one.size = one.size.or(layer["CodeSize"].as_u64());
            }
        }
        uses
    }

    /// Who uses a version; none: nobody.
    #[must_use]
    pub fn of_version(&self, version: &Version) -> Option<&Use> {
        self.0.get(&key(&version.layer, Some(&version.number.to_string())))
    }
}

fn key(layer: &str, number: Option<&str>) -> String {
    format!("{layer}:{}", number.unwrap_or_default())
}

/// What becomes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes.
    Goes,
    /// It is not ours.
    Foreign,
    /// A function uses it.
    Used,
    /// It is one of the newest.
    Newest,
}

/// What becomes of each version, in their order; `keep`: how many of ours stay of each layer, used or
/// not, from the newest on.
#[must_use]
pub fn fates(versions: &[Version], uses: &Uses, keep: NonZero<usize>) -> Vec<Fate> {
    let mut own: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    let mut newest: BTreeMap<&str, u64> = BTreeMap::new();
    for version in versions {
        let newest = newest.entry(&version.layer).or_default();
        *newest = version.number.max(*newest);
        if version.tree().is_some() {
            own.entry(&version.layer).or_default().push(version.number);
        }
    }
    for numbers in own.values_mut() {
        numbers.sort_unstable_by(|one, other| other.cmp(one));
        numbers.truncate(keep.get());
    }
    let is_kept = |version: &Version| {
        let (layer, number) = (version.layer.as_str(), version.number);
        newest.get(layer) == Some(&number)
            || own.get(layer).is_some_and(|numbers| numbers.contains(&number))
    };
    let fate = |version: &Version| match version {
        _ if version.tree().is_none() => Fate::Foreign,
        _ if uses.of_version(version).is_some() => Fate::Used,
        _ if is_kept(version) => Fate::Newest,
        _ => Fate::Goes,
    };
    versions.iter().map(fate).collect()
}

#[cfg(test)]
mod tests;
