//! Whether a package is written for Lambda: its normal dependencies on `lambda_runtime`, `lambda_http`
//! or lambda-extension, directly or through workspace members.
//!
//! Works on `cargo metadata --no-deps`. Optional dependencies count where the features that are
//! asked for enable them (The Cargo Book, "Features").

use std::collections::BTreeSet;

use cargo_metadata::{Dependency, DependencyKind, Package};

use crate::function::{Role, TargetKind};

/// Cargo's feature flags.
#[derive(Debug, Clone, Default)]
pub struct FeatureSelection {
    /// `--all-features`.
    pub all: bool,
    /// `--no-default-features`.
    pub no_default: bool,
    /// `--features`, one feature an element: `name` or `package/name`.
    pub list: Vec<String>,
}

/// What of a package is switched on.
#[derive(Debug, Default)]
pub(super) struct Enabled {
    /// Features by name.
    pub(super) features: BTreeSet<String>,
    /// Optional dependencies, by the name they have in the manifest.
    dependencies: BTreeSet<String>,
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
    let mut wanted: Vec<String> = if selection.all {
        package.features.keys().cloned().collect()
    } else {
        let own = selection.list.iter().filter_map(|feature| match feature.split_once('/') {
            Some((name, feature)) => (name == package.name.as_str()).then_some(feature),
            None => Some(feature.as_str()),
        });
        let default = (!selection.no_default).then_some("default");
        own.chain(default).map(str::to_owned).collect()
    };
    let mut enabled = Enabled::default();
    while let Some(item) = wanted.pop() {
        if let Some(dependency) = item.strip_prefix("dep:") {
            enabled.dependencies.insert(dependency.to_owned());
        } else if let Some((dependency, _)) = item.split_once('/') {
            if !dependency.ends_with('?') {
                enabled.dependencies.insert(dependency.to_owned());
            }
        } else if let Some(implied) = package.features.get(&item)
            && enabled.features.insert(item)
        {
            wanted.extend(implied.iter().cloned());
        }
    }
    enabled
}

/// The Lambda crates that a package's binaries (or examples) can use.
pub(super) fn lambda_crates(
    members: &[&Package],
    package: &Package,
    selection: &FeatureSelection,
    kind: TargetKind,
) -> Reached {
    let mut search = Search { members, seen: BTreeSet::new(), reached: Reached::default() };
    search.visit(package, selection, kind == TargetKind::Example);
    search.reached
}

struct Search<'m> {
    members: &'m [&'m Package],
    seen: BTreeSet<&'m str>,
    reached: Reached,
}

impl<'m> Search<'m> {
    fn visit(&mut self, package: &'m Package, selection: &FeatureSelection, dev: bool) {
        if !self.seen.insert(&package.id.repr) {
            return;
        }
        let enabled = enabled(package, selection);
        for dependency in &package.dependencies {
            let kind = dependency.kind == DependencyKind::Normal
                || (dev && dependency.kind == DependencyKind::Development);
            if !kind
                || (dependency.optional
                    && !enabled.dependencies.contains(manifest_name(dependency)))
            {
                continue;
            }
            match dependency.name.as_str() {
                "lambda_runtime" | "lambda_http" => self.reached.runtime = true,
                "lambda-extension" => self.reached.extension = true,
                _ => {
                    if let Some(member) = self.member(dependency) {
                        let selection = FeatureSelection {
                            all: false,
                            no_default: !dependency.uses_default_features,
                            list: dependency.features.clone(),
                        };
                        self.visit(member, &selection, false);
                    }
                }
            }
        }
    }

    fn member(&self, dependency: &Dependency) -> Option<&'m Package> {
        let path = dependency.path.as_ref()?;
        self.members.iter().copied().find(|package| package.manifest_path.parent() == Some(path))
    }
}

fn manifest_name(dependency: &Dependency) -> &str {
    dependency.rename.as_deref().unwrap_or(&dependency.name)
}
