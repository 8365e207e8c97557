//! Whether a package is written for Lambda: its normal dependencies on `lambda_runtime`,
//! `lambda_http` or `lambda-extension`, directly or through workspace members.
//!
//! Works on `cargo metadata --no-deps`. Optional dependencies count where the features that are
//! asked for enable them, in the package or in the members that it depends on (The Cargo Book,
//! "Features").

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::cargo_platform::Cfg;
use cargo_metadata::{Dependency, DependencyKind, Package};

use crate::function::{Role, TargetKind};
use crate::target::Arch;

/// Cargo's feature flags.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeatureSelection {
    /// `--all-features`.
    pub all: bool,
    /// `--no-default-features`.
    pub no_default: bool,
    /// `--features`, one feature an element: `name`, `package/name` or `dependency/name`.
    pub list: Vec<String>,
}

/// What of a package is switched on.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Enabled {
    /// Features by name, and features of dependencies as `dependency/feature`.
    pub(super) features: BTreeSet<String>,
    /// Optional dependencies, by the name they have in the manifest.
    dependencies: BTreeSet<String>,
}

/// What decides about `[target.'cfg(…)'.dependencies]`.
pub(super) struct Platform {
    triple: &'static str,
    cfg: Vec<Cfg>,
}

impl Platform {
    /// Of glibc's Linux: as much of `rustc --print cfg` as dependencies are chosen by.
    pub(super) fn new(arch: Arch) -> Self {
        let triple = arch.gnu_triple();
        let machine = triple.split('-').next().unwrap_or_default();
        let cfg = format!(
            "unix;target_family=\"unix\";target_os=\"linux\";target_env=\"gnu\";target_vendor=\
             \"unknown\";target_arch=\"{machine}\";target_pointer_width=\"64\";target_endian=\
             \"little\""
        );
        Self { triple, cfg: cfg.split(';').filter_map(|text| text.parse().ok()).collect() }
    }

    fn has(&self, dependency: &Dependency) -> bool {
        dependency.target.as_ref().is_none_or(|target| target.matches(self.triple, &self.cfg))
    }
}

/// The Lambda crates that a package reaches.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Reached {
    runtime: bool,
    extension: bool,
}

impl Reached {
    pub(super) fn is_empty(self) -> bool {
        !self.runtime && !self.extension
    }

    /// A program with nothing but the Extensions API can only be an extension; which of the two
    /// kinds, `extension = "internal"` may say.
    pub(super) fn role(self) -> Role {
        if self.extension && !self.runtime { Role::ExternalExtension } else { Role::Function }
    }
}

/// The features and optional dependencies that a selection switches on in one package.
pub(super) fn enabled(package: &Package, selection: &FeatureSelection) -> Enabled {
    let mut wanted: BTreeSet<String> = if selection.all {
        package.features.keys().cloned().collect()
    } else {
        let own = selection.list.iter().map(|feature| match feature.split_once('/') {
            Some((name, feature)) if name == package.name.as_str() => feature,
            _ => feature.as_str(),
        });
        let default = (!selection.no_default).then_some("default");
        own.chain(default).map(str::to_owned).collect()
    };
    expand(package, &mut wanted)
}

fn expand(package: &Package, wanted: &mut BTreeSet<String>) -> Enabled {
    let mut enabled = Enabled::default();
    while let Some(item) = wanted.pop_first() {
        if let Some(dependency) = item.strip_prefix("dep:") {
            enabled.dependencies.insert(dependency.to_owned());
        } else if let Some((dependency, _)) = item.split_once('/') {
            // `dependency?/feature` switches the feature on, not the dependency.
            if !dependency.ends_with('?') {
                enabled.dependencies.insert(dependency.to_owned());
            }
            enabled.features.insert(item);
        } else if let Some(implied) = package.features.get(&item)
            && enabled.features.insert(item)
        {
            wanted.extend(implied.iter().cloned());
        }
    }
    enabled
}

/// The Lambda crates that a package's binaries (or examples) can use.
///
/// Goes over the members until no feature is new: one that two others depend on has the features of
/// both.
pub(super) fn lambda_crates(
    members: &[&Package],
    package: &Package,
    selection: &FeatureSelection,
    kind: TargetKind,
    platform: &Platform,
) -> Reached {
    let mut reached = Reached::default();
    let start = enabled(package, selection).features;
    let mut features = BTreeMap::from([(package.id.repr.as_str(), start)]);
    let mut queue = vec![package];
    while let Some(current) = queue.pop() {
        let mut wanted = features.get(current.id.repr.as_str()).cloned().unwrap_or_default();
        let on = expand(current, &mut wanted);
        let dev = kind == TargetKind::Example && current.id == package.id;
        let used = |d: &&Dependency| platform.has(d) && is_used(d, &on, dev);
        for dependency in current.dependencies.iter().filter(used) {
            match dependency.name.as_str() {
                "lambda_runtime" | "lambda_http" => reached.runtime = true,
                "lambda-extension" => reached.extension = true,
                _ => {
                    let Some(member) = member(members, dependency) else { continue };
                    let before = features.get(member.id.repr.as_str());
                    let mut asked = requested(dependency, &on);
                    asked.extend(before.into_iter().flatten().cloned());
                    if before.is_none_or(|before| *before != asked) {
                        features.insert(&member.id.repr, asked);
                        queue.push(member);
                    }
                }
            }
        }
    }
    reached
}

fn is_used(dependency: &Dependency, on: &Enabled, dev: bool) -> bool {
    let kind = dependency.kind == DependencyKind::Normal
        || (dev && dependency.kind == DependencyKind::Development);
    kind && (!dependency.optional || on.dependencies.contains(manifest_name(dependency)))
}

/// The features that a dependency is asked for: in its own entry, and as `dependency/feature`.
fn requested(dependency: &Dependency, on: &Enabled) -> BTreeSet<String> {
    let name = manifest_name(dependency);
    let own = |feature: &String| {
        let (dependency, feature) = feature.split_once('/')?;
        (dependency.strip_suffix('?').unwrap_or(dependency) == name).then(|| feature.to_owned())
    };
    let mut features: BTreeSet<String> = dependency.features.iter().cloned().collect();
    features.extend(on.features.iter().filter_map(own));
    if dependency.uses_default_features {
        features.insert("default".to_owned());
    }
    features
}

fn member<'m>(members: &[&'m Package], dependency: &Dependency) -> Option<&'m Package> {
    let path = dependency.path.as_ref()?;
    members.iter().copied().find(|package| package.manifest_path.parent() == Some(path))
}

/// The name that a dependency has in the manifest.
pub(super) fn manifest_name(dependency: &Dependency) -> &str {
    dependency.rename.as_deref().unwrap_or(&dependency.name)
}
