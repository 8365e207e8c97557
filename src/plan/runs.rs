//! Which handlers each cargo run builds, with which packages and features.
//!
//! `-p` and `--bin` are a cross product: cargo builds every target of a named name in every named
//! package, puts targets of one name over one another, and only warns. So packages that have a
//! target of the same name as a wanted one never share a run. Nor do those that would give each other
//! features: how they are grouped for that is decided in `features`.

use std::collections::BTreeSet;

use cargo_metadata::PackageId;

use super::FeatureSelection;
use super::features::{Grouping, Unit};
use crate::compile::{Compile, LAYER_FEATURE};
use crate::function::{Function, Handler, TargetKind};

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
    /// The crate whose shared library its handlers are linked with.
    pub dylib: Option<String>,
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
    /// How they are compiled.
    pub compile: Compile,
}

/// What is built or left as a whole, for all functions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Units {
    /// The units, in the order of the functions that begin them.
    pub list: Vec<Unit>,
    /// Where each function's stands in the list.
    pub of: Vec<usize>,
}

/// The units of the functions. Of those, `features::group` makes groups.
#[must_use]
pub fn units(
    functions: &[&Function],
    selected: &[PackageFacts],
    features: &FeatureSelection,
) -> Units {
    let mut units = Units::default();
    for function in functions {
        let handler = &function.handler;
        let unit = Unit {
            package: handler.package_id.clone(),
            dev: handler.kind == TargetKind::Example,
            owners: owners(handler, selected, features),
        };
        let known = units.list.iter().position(|other| *other == unit);
        units.of.push(known.unwrap_or(units.list.len()));
        if known.is_none() {
            units.list.push(unit);
        }
    }
    units
}

/// The other selected packages that a requested feature belongs to and that may be named in the
/// handler's run, so that the feature reaches the handler through them as it would with all
/// selected packages in one run.
fn owners(
    handler: &Handler,
    selected: &[PackageFacts],
    features: &FeatureSelection,
) -> Vec<PackageId> {
    let wanted = (handler.kind, handler.target.clone());
    let owns = |facts: &&PackageFacts| features.list.iter().any(|feature| facts.owns(feature));
    let others = selected.iter().filter(owns).filter(|facts| !facts.targets.contains(&wanted));
    let mut owners: Vec<_> = others.filter_map(|facts| facts.id.clone()).collect();
    owners.retain(|id| *id != handler.package_id);
    owners.sort();
    owners
}

/// Deals the functions into as few runs as their groups and names allow, in order.
pub(super) fn deal(
    functions: &[&Function],
    selected: &[PackageFacts],
    features: &FeatureSelection,
    grouping: Option<&Grouping>,
) -> Vec<Run> {
    let units = units(functions, selected, features);
    let unified = Grouping::unified(&units.list);
    let grouping = grouping.unwrap_or(&unified);
    let find = |id: &PackageId| selected.iter().find(|facts| facts.id.as_ref() == Some(id));
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    for (index, (function, unit)) in functions.iter().zip(&units.of).enumerate() {
        let handler = &function.handler;
        let Some(package) = find(&handler.package_id) else { continue };
        let place = grouping.places.get(*unit);
        let with = place.map_or(&[][..], |place| &place.with);
        let wanted = (handler.kind, handler.target.clone());
        let dylib = function.compile.dylib.as_ref();
        // All whose library it is, also those that are not built now: it has the features of all.
        let along = selected.iter().filter(|facts| {
            let known = |id: &PackageId| *id == handler.package_id || with.contains(id);
            let linked = dylib.is_some() && facts.dylib.as_ref() == dylib;
            linked && !facts.id.as_ref().is_some_and(known) && !facts.targets.contains(&wanted)
        });
        let member = Member {
            index,
            group: match place {
                _ if dylib.is_some() => 0,
                Some(place) => place.group,
                // What nobody grouped stays alone.
                None => usize::MAX - unit,
            },
            compile: &function.compile,
            packages: std::iter::once(package)
                .chain(with.iter().filter_map(find))
                .chain(along)
                .collect(),
            wanted,
        };
        if !drafts.iter_mut().any(|draft| draft.take(&member)) {
            let mut draft = Draft::new(member.group, member.compile);
            draft.take(&member);
            drafts.push(draft);
        }
    }
    drafts.into_iter().map(|draft| draft.finish(selected, features)).collect()
}

/// A function that looks for a run.
struct Member<'a> {
    index: usize,
    group: usize,
    compile: &'a Compile,
    wanted: (TargetKind, String),
    /// Its package, and those that come along.
    packages: Vec<&'a PackageFacts>,
}

/// A run while it grows.
struct Draft<'a> {
    group: usize,
    compile: &'a Compile,
    members: Vec<usize>,
    packages: Vec<&'a PackageFacts>,
    wanted: BTreeSet<(TargetKind, String)>,
}

impl<'a> Draft<'a> {
    fn new(group: usize, compile: &'a Compile) -> Self {
        let (members, packages) = (Vec::new(), Vec::new());
        Self { group, compile, members, packages, wanted: BTreeSet::new() }
    }

    /// Takes a function, unless it belongs to another group, is compiled otherwise, or two targets
    /// would have one name.
    fn take(&mut self, member: &Member<'a>) -> bool {
        let mut wanted = self.wanted.clone();
        // A target of the run that two handlers want is one handler, seen twice: not here.
        let fresh = wanted.insert(member.wanted.clone());
        let mut packages = self.packages.clone();
        packages.extend(member.packages.iter().filter(|facts| !self.packages.contains(facts)));
        let owners =
            |target| packages.iter().filter(|facts| facts.targets.contains(target)).count();
        let other = (member.group, member.compile) != (self.group, self.compile);
        if other || !fresh || wanted.iter().any(|target| owners(target) > 1) {
            return false;
        }
        self.members.push(member.index);
        (self.packages, self.wanted) = (packages, wanted);
        true
    }

    /// Leaves out the requested features that belong only to packages of other runs.
    fn finish(self, selected: &[PackageFacts], features: &FeatureSelection) -> Run {
        let here = |feature: &&String| {
            let known = |facts: &PackageFacts| facts.owns(feature) || facts.passes_on(feature);
            self.packages.iter().any(|facts| known(facts))
                // Nobody's: cargo says so better than we could.
                || !selected.iter().any(known)
        };
        let dylib = self.compile.dylib.as_ref();
        let linked =
            self.packages.iter().filter(|it| dylib.is_some() && it.dylib.as_ref() == dylib);
        let linked = linked.map(|facts| format!("{}/{LAYER_FEATURE}", facts.name));
        Run {
            features: features.list.iter().filter(here).cloned().chain(linked).collect(),
            packages: self.packages.iter().filter_map(|facts| facts.id.clone()).collect(),
            members: self.members,
            compile: self.compile.clone(),
        }
    }
}

impl PackageFacts {
    /// `feature`, or `package/feature` with this package's name.
    fn owns(&self, feature: &str) -> bool {
        match feature.split_once('/') {
            Some((package, _)) => strong(package) == self.name,
            None => self.features.contains(feature),
        }
    }

    /// `dependency/feature` of a dependency of this package.
    fn passes_on(&self, feature: &str) -> bool {
        feature
            .split_once('/')
            .is_some_and(|(dependency, _)| self.dependencies.contains(strong(dependency)))
    }
}

/// A name without the `?` of `name?/feature`.
fn strong(name: &str) -> &str {
    name.strip_suffix('?').unwrap_or(name)
}
