//! Which handlers each cargo run builds, with which packages and features.
//!
//! `-p` and `--bin` are a cross product: cargo builds every target of a named name in every named
//! package, puts targets of one name over one another, and only warns. So packages that have a
//! target of the same name as a wanted one never share a run.

use std::collections::BTreeSet;

use cargo_metadata::PackageId;

use super::FeatureSelection;
use crate::function::{Function, TargetKind};

/// What of a selected package decides how it can be built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageFacts {
    /// Its id; none only in tests.
    pub id: Option<PackageId>,
    /// Its name.
    pub name: String,
    /// All its binaries and examples, handlers or not.
    pub targets: BTreeSet<(TargetKind, String)>,
    /// The names of its features.
    pub features: BTreeSet<String>,
    /// The names its dependencies have in its manifest.
    pub dependencies: BTreeSet<String>,
}

/// One `cargo build`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The functions whose handlers it builds, by their place in the plan.
    pub members: Vec<usize>,
    /// The packages it names with `-p`.
    pub packages: Vec<PackageId>,
    /// `--features`.
    pub features: Vec<String>,
}

/// Deals the functions into as few runs as their names allow, in order.
pub(super) fn deal(
    functions: &[Function],
    selected: &[PackageFacts],
    features: &FeatureSelection,
) -> Vec<Run> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (index, function) in functions.iter().enumerate() {
        let handler = &function.handler;
        let wanted = (handler.kind, handler.target.clone());
        let package = selected.iter().find(|facts| facts.id.as_ref() == Some(&handler.package_id));
        let Some(package) = package else { continue };
        if !drafts.iter_mut().any(|draft| draft.take(package, Some((index, &wanted)))) {
            let mut draft = Draft::default();
            draft.take(package, Some((index, &wanted)));
            drafts.push(draft);
        }
    }
    drafts.into_iter().map(|draft| draft.finish(selected, features)).collect()
}

/// A run while it grows.
#[derive(Default)]
struct Draft<'a> {
    members: Vec<usize>,
    packages: Vec<&'a PackageFacts>,
    wanted: BTreeSet<(TargetKind, String)>,
}

impl<'a> Draft<'a> {
    /// Takes a package, and a wanted target of it, unless two targets would then have one name.
    fn take(
        &mut self,
        package: &'a PackageFacts,
        member: Option<(usize, &(TargetKind, String))>,
    ) -> bool {
        let mut wanted = self.wanted.clone();
        wanted.extend(member.map(|(_, target)| target.clone()));
        let mut packages = self.packages.clone();
        if !packages.contains(&package) {
            packages.push(package);
        }
        let owners =
            |target| packages.iter().filter(|facts| facts.targets.contains(target)).count();
        // A target of the run that two handlers want is one handler, seen twice: not here.
        let doubled = member.is_some_and(|(_, target)| {
            self.wanted.contains(target) && self.packages.contains(&package)
        });
        if doubled || wanted.iter().any(|target| owners(target) > 1) {
            return false;
        }
        self.members.extend(member.map(|(index, _)| index));
        (self.packages, self.wanted) = (packages, wanted);
        true
    }

    /// Adds the selected packages that a requested feature belongs to, so that it reaches the
    /// handlers through them as it would with all selected packages in one run, and leaves out the
    /// features that belong only to packages of other runs.
    fn finish(mut self, selected: &'a [PackageFacts], features: &FeatureSelection) -> Run {
        for package in selected {
            if features.list.iter().any(|feature| package.owns(feature)) {
                self.take(package, None);
            }
        }
        let here = |feature: &&String| {
            let known = |facts: &PackageFacts| facts.owns(feature) || facts.passes_on(feature);
            self.packages.iter().any(|facts| known(facts))
                // Nobody's: cargo says so better than we could.
                || !selected.iter().any(known)
        };
        Run {
            features: features.list.iter().filter(here).cloned().collect(),
            packages: self.packages.iter().filter_map(|facts| facts.id.clone()).collect(),
            members: self.members,
        }
    }
}

impl PackageFacts {
    /// `feature`, or `package/feature` with this package's name.
    fn owns(&self, feature: &str) -> bool {
        match feature.split_once('/') {
            Some((package, _)) => package == self.name,
            None => self.features.contains(feature),
        }
    }

    /// `dependency/feature` of a dependency of this package.
    fn passes_on(&self, feature: &str) -> bool {
        feature
            .split_once('/')
            .is_some_and(|(dependency, _)| self.dependencies.contains(dependency))
    }
}
