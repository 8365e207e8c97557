//! Which handlers of a workspace a command works on.
//!
//! The rules are cargo's own where cargo has one (`-p`, `--workspace`, `--exclude`, default members,
//! `--bin`, `required-features`); what makes a binary a handler is ours. Pure: the answer depends on
//! `cargo metadata` and the flags alone.

mod dylib;
mod error;
mod extensions;

use std::collections::{BTreeMap, BTreeSet};

pub use error::SelectError;

use cargo_metadata::{Metadata, Package, Target};

use super::depends::{self, FeatureSelection, Platform, Reached};
use super::runs::PackageFacts;
use crate::config::{Config, Mistake, Settings};
use crate::function::{FunctionName, Handler, Role, TargetKind};
use crate::nearest::{quoted, suggestion};
use crate::target::Arch;

/// Cargo's selection flags.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// `-p`: names, `name@version`, package ids, or patterns of names.
    pub packages: Vec<String>,
    /// `--workspace`.
    pub workspace: bool,
    /// `--exclude`, likewise.
    pub exclude: Vec<String>,
    /// `--bin`: names or patterns.
    pub bins: Vec<String>,
    /// `--bins`: all binaries, also beside `--example`.
    pub all_bins: bool,
    /// `--example`: names or patterns.
    pub examples: Vec<String>,
    /// The feature flags, which decide what optional dependencies count.
    pub features: FeatureSelection,
}

/// A handler and what the manifests say of it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The handler.
    pub handler: Handler,
    /// The name of its function.
    pub name: FunctionName,
    /// Function or extension.
    pub role: Role,
    /// Its merged settings.
    pub settings: Settings,
}

/// What the flags select.
#[derive(Debug, Clone)]
pub struct Selected {
    /// The handlers, in the order of their function names.
    pub candidates: Vec<Candidate>,
    /// The selected packages, those without handlers too.
    pub packages: Vec<PackageFacts>,
}

/// The handlers that the flags select, when built for an architecture.
pub fn select(
    metadata: &Metadata,
    selection: &Selection,
    arch: Arch,
    config: &Config,
) -> Result<Selected, SelectError> {
    let scope = Scope::new(metadata, arch, config);
    let mut packages = scope.packages(selection)?;
    let mut candidates = Vec::new();
    let mut others = Vec::new();
    let mut mistakes = Vec::new();
    for (package, target, kind, named) in scope.named_targets(&packages, selection)? {
        match scope.candidate(package, target, kind, named, selection) {
            Ok(Ok(candidate)) => candidates.push(candidate),
            Ok(Err(why)) => others.push((handler(package, target, kind), why)),
            Err(SelectError::Settings(more)) => mistakes.extend(more),
            Err(error) => return Err(error),
        }
    }
    if !mistakes.is_empty() {
        mistakes.sort();
        mistakes.dedup();
        return Err(SelectError::Settings(mistakes));
    }
    no_name_in_vain(&candidates, &others, selection)?;
    if candidates.is_empty() {
        return Err(SelectError::Nothing(scope.why_nothing(&packages)));
    }
    scope.take_extensions(selection, &mut candidates, &mut packages)?;
    candidates.sort_by(|a, b| (&a.name, &a.handler).cmp(&(&b.name, &b.handler)));
    for same in candidates.chunk_by(|a, b| a.name == b.name) {
        if let [first, _, ..] = same {
            return Err(SelectError::SameName {
                name: first.name.to_string(),
                handlers: same.iter().map(|candidate| candidate.handler.to_string()).collect(),
            });
        }
    }
    let linked = scope.take_dylibs(selection, &candidates, &mut packages)?;
    let of = |package: &Package| PackageFacts {
        dylib: linked.get(&package.id).cloned(),
        ..facts(package)
    };
    let packages = packages.into_iter().map(of).collect();
    Ok(Selected { candidates, packages })
}

/// The package and target of every binary or example that is a handler on some architecture, with
/// whatever features.
#[must_use]
pub fn handlers(metadata: &Metadata, config: &Config) -> BTreeSet<(String, String)> {
    let features = FeatureSelection { all: true, ..FeatureSelection::default() };
    let selection = Selection { features, ..Selection::default() };
    let mut found = BTreeSet::new();
    for arch in Arch::ALL {
        let scope = Scope::new(metadata, arch, config);
        for kind in [TargetKind::Bin, TargetKind::Example] {
            let targets: Vec<_> = targets_of(&scope.members, kind).collect();
            found.extend(targets.into_iter().filter_map(|(package, target)| {
                let is = match scope.candidate(package, target, kind, false, &selection) {
                    Ok(Ok(_)) | Err(_) => {
                        kind == TargetKind::Bin || {
                            config.says_of_handler(&package.name, &target.name, "handler")
                        }
                    }
                    Ok(Err(_)) => false,
                };
                is.then(|| (package.name.to_string(), target.name.clone()))
            }));
        }
    }
    found
}

/// Every name or pattern of `--bin` and `--example` stands for a handler.
fn no_name_in_vain(
    candidates: &[Candidate],
    others: &[(Handler, &'static str)],
    selection: &Selection,
) -> Result<(), SelectError> {
    for (kind, patterns) in
        [(TargetKind::Bin, &selection.bins), (TargetKind::Example, &selection.examples)]
    {
        for pattern in patterns {
            let stands_for = |h: &Handler| h.kind == kind && matches_glob(pattern, &h.target);
            if candidates.iter().any(|candidate| stands_for(&candidate.handler)) {
                continue;
            }
            let meant: Vec<_> = others.iter().filter(|(handler, _)| stands_for(handler)).collect();
            if let Some((_, why)) = meant.first() {
                let handlers = meant.iter().map(|(handler, _)| handler.to_string()).collect();
                return Err(SelectError::NotAHandler { handlers, why });
            }
        }
    }
    Ok(())
}

fn handler(package: &Package, target: &Target, kind: TargetKind) -> Handler {
    Handler {
        package_id: package.id.clone(),
        package: package.name.to_string(),
        target: target.name.clone(),
        kind,
    }
}

fn facts(package: &Package) -> PackageFacts {
    let targets = [TargetKind::Bin, TargetKind::Example].into_iter().flat_map(|kind| {
        targets_of(&[package], kind)
            .map(|(_, target)| (kind, target.name.clone()))
            .collect::<Vec<_>>()
    });
    PackageFacts {
        id: Some(package.id.clone()),
        name: package.name.to_string(),
        targets: targets.collect(),
        features: package.features.keys().cloned().collect(),
        dependencies: package
            .dependencies
            .iter()
            .map(|dependency| depends::manifest_name(dependency).to_owned())
            .collect(),
        dylib: None,
    }
}

type Named<'m> = (&'m Package, &'m Target, TargetKind, bool);

struct Scope<'m> {
    metadata: &'m Metadata,
    config: &'m Config,
    members: Vec<&'m Package>,
    platform: Platform,
}

impl<'m> Scope<'m> {
    fn new(metadata: &'m Metadata, arch: Arch, config: &'m Config) -> Self {
        let members = metadata.workspace_packages();
        Self { metadata, config, members, platform: Platform::new(arch) }
    }

    fn settings(&self, package: &Package, target: &Target) -> Result<Settings, Vec<Mistake>> {
        self.config.settings(&package.name, &target.name)
    }

    fn packages(&self, selection: &Selection) -> Result<Vec<&'m Package>, SelectError> {
        if !selection.exclude.is_empty() && !selection.workspace {
            return Err(SelectError::ExcludeAlone);
        }
        let mut unknown = Vec::new();
        for spec in selection.packages.iter().chain(&selection.exclude) {
            if !self.members.iter().any(|package| matches_package(spec, package)) {
                let near = suggestion(spec, self.members.iter().map(|p| p.name.as_str()));
                unknown.push(format!("no package `{spec}` in this workspace; {near}"));
            }
        }
        if !unknown.is_empty() {
            return Err(SelectError::Unknown(unknown));
        }
        let any = |specs: &[String], package| specs.iter().any(|s| matches_package(s, package));
        let default = self.metadata.workspace_default_members.iter().collect::<BTreeSet<_>>();
        let chosen = self.members.iter().copied().filter(|&package| {
            if selection.workspace {
                !any(&selection.exclude, package)
            } else if selection.packages.is_empty() {
                default.contains(&package.id)
            } else {
                any(&selection.packages, package)
            }
        });
        Ok(chosen.collect())
    }

    /// The targets that may be handlers, each with whether the flags name it.
    fn named_targets(
        &self,
        packages: &[&'m Package],
        selection: &Selection,
    ) -> Result<Vec<Named<'m>>, SelectError> {
        let some_named = !selection.bins.is_empty() || !selection.examples.is_empty();
        let all_bins = selection.all_bins || !some_named;
        let mut unknown = Vec::new();
        let mut found = Vec::new();
        for (kind, patterns) in
            [(TargetKind::Bin, &selection.bins), (TargetKind::Example, &selection.examples)]
        {
            for pattern in patterns {
                if !targets_of(packages, kind)
                    .any(|(_, target)| matches_glob(pattern, &target.name))
                {
                    unknown.push(self.unknown_target(packages, kind, pattern));
                }
            }
            for (package, target) in targets_of(packages, kind) {
                let named = patterns.iter().any(|pattern| matches_glob(pattern, &target.name));
                let configured = || {
                    let own = self.config.says_of_handler(&package.name, &target.name, "handler");
                    own && !some_named
                        && self.config.is_handler(&package.name, &target.name) == Some(true)
                };
                if named || (kind == TargetKind::Bin && all_bins) || configured() {
                    found.push((package, target, kind, named));
                }
            }
        }
        if unknown.is_empty() { Ok(found) } else { Err(SelectError::Unknown(unknown)) }
    }

    fn unknown_target(&self, packages: &[&Package], kind: TargetKind, pattern: &str) -> String {
        let word = kind.cargo_name();
        let elsewhere = targets_of(&self.members, kind)
            .find(|(_, target)| matches_glob(pattern, &target.name))
            .map(|(package, _)| package);
        if let Some(package) = elsewhere {
            return format!(
                "no {word} `{pattern}` in the selected packages; package `{name}` has one: add \
                 `-p {name}`",
                name = package.name
            );
        }
        let near = suggestion(pattern, targets_of(packages, kind).map(|(_, t)| t.name.as_str()));
        format!("no {word} `{pattern}`; {near}")
    }

    fn reached(&self, package: &Package, features: &FeatureSelection, kind: TargetKind) -> Reached {
        depends::lambda_crates(&self.members, package, features, kind, &self.platform)
    }

    /// The candidate, or why the target is no handler.
    fn candidate(
        &self,
        package: &Package,
        target: &Target,
        kind: TargetKind,
        named: bool,
        selection: &Selection,
    ) -> Result<Result<Candidate, &'static str>, SelectError> {
        let settings = self.settings(package, target);
        let said = settings.as_ref().map(|settings| settings.cargo.clone()).unwrap_or_default();
        let features = selection.features.with(&said);
        let reached = self.reached(package, &features, kind);
        let is_said = || self.config.is_handler(&package.name, &target.name) == Some(true);
        let settings = match settings {
            Err(mistakes) if !reached.is_empty() || named || is_said() => {
                return Err(SelectError::Settings(mistakes));
            }
            settings => settings.unwrap_or_default(),
        };
        match settings.handler {
            Some(false) => return Ok(Err("`handler = false` in its manifest")),
            None if reached.is_empty() => {
                return Ok(Err(
                    "its package has no normal dependency on lambda_runtime, lambda_http or \
                     lambda-extension",
                ));
            }
            Some(true) | None => {}
        }
        // As cargo: a binary whose features are off is skipped, unless it is named.
        let enabled = depends::enabled(package, &features);
        if !named && !target.required_features.iter().all(|f| enabled.features.contains(f)) {
            return Ok(Err("its `required-features` are not enabled"));
        }
        let handler = handler(package, target, kind);
        let name = match settings.name.clone() {
            Some(name) => name,
            None => FunctionName::new(&target.name)
                .map_err(|source| SelectError::Name { handler: handler.to_string(), source })?,
        };
        let role = settings.role.unwrap_or_else(|| reached.role());
        Ok(Ok(Candidate { handler, name, role, settings }))
    }

    fn why_nothing(&self, packages: &[&Package]) -> String {
        let selected: BTreeSet<_> = packages.iter().map(|package| &package.id).collect();
        let mut elsewhere: Vec<&str> = self
            .members
            .iter()
            .filter(|package| !selected.contains(&package.id))
            .filter(|package| {
                let features = FeatureSelection::default();
                !self.reached(package, &features, TargetKind::Bin).is_empty()
                    && targets_of(&[package], TargetKind::Bin).next().is_some()
            })
            .map(|package| package.name.as_str())
            .collect();
        elsewhere.sort_unstable();
        if elsewhere.is_empty() {
            return "no binary of this workspace is in a package with a normal dependency on \
                    lambda_runtime, lambda_http or lambda-extension"
                .to_owned();
        }
        format!("packages with handlers are {} (`-p NAME`, or `--workspace`)", quoted(&elsewhere))
    }
}

/// The packages of a workspace with their binaries and examples, by name.
#[must_use]
pub fn targets(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let names = |package: &Package| {
        facts(package).targets.into_iter().map(|(_, name)| name).collect::<BTreeSet<_>>()
    };
    let packages = metadata.workspace_packages();
    packages.into_iter().map(|package| (package.name.to_string(), names(package))).collect()
}

fn targets_of<'m, 'p>(
    packages: &'p [&'m Package],
    kind: TargetKind,
) -> impl Iterator<Item = (&'m Package, &'m Target)> + 'p {
    packages.iter().flat_map(move |&package| {
        let wanted = package.targets.iter().filter(move |target| match kind {
            TargetKind::Bin => target.is_bin(),
            // A library example (`crate-type`) is no program.
            TargetKind::Example => {
                target.is_example() && target.crate_types.contains(&cargo_metadata::CrateType::Bin)
            }
        });
        wanted.map(move |target| (package, target))
    })
}

/// Cargo's package id specifications (`cargo help pkgid`) as far as members can be meant by them,
/// and its patterns of names.
fn matches_package(spec: &str, package: &Package) -> bool {
    if spec.contains("://") {
        // `path+file:///…#version`, with or without the kind in front and the version behind.
        let id = &package.id.repr;
        return [id.as_str(), id.split_once('+').map_or("", |(_, url)| url)]
            .iter()
            .any(|id| *id == spec || id.starts_with(&format!("{spec}#")));
    }
    match spec.split_once(['@', ':']) {
        Some((name, version)) => {
            let full = package.version.to_string();
            name == package.name.as_str()
                && (full == version || full.starts_with(&format!("{version}.")))
        }
        None => matches_glob(spec, &package.name),
    }
}

/// Whether a name, or a pattern with `*`, `?` or `[…]`, matches. A broken pattern matches nothing.
fn matches_glob(pattern: &str, name: &str) -> bool {
    pattern == name
        || (pattern.contains(['*', '?', '['])
            && globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name)))
}
