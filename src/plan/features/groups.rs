//! Units into groups, greedily, in order.

use std::collections::BTreeMap;

use cargo_metadata::PackageId;

use super::Unit;
use super::graph::{Graph, GraphError};
use super::resolve::{Key, Resolved, State};
use crate::plan::FeatureSelection;

/// Which units may share a run, by their place in the list that was asked about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Where each unit belongs.
    pub places: Vec<Place>,
}

/// Where a unit belongs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place {
    /// Units of one group may share a run, also some of them without the others: what fewer
    /// packages switch on is no more than what all switch on, and no less than one alone.
    pub group: usize,
    /// The owners of requested features that the unit's run names too, sorted.
    pub with: Vec<PackageId>,
}

impl Grouping {
    /// Everything in one group, as cargo itself does: `--unify-features`.
    #[must_use]
    pub fn unified(units: &[Unit]) -> Self {
        let place = |unit: &Unit| Place { group: 0, with: unit.owners.clone() };
        Self { places: units.iter().map(place).collect() }
    }

    /// Everything by itself: right whatever the features are, with the most runs.
    #[must_use]
    pub fn apart(units: &[Unit]) -> Self {
        let place = |(group, unit): (usize, &Unit)| Place { group, with: unit.owners.clone() };
        Self { places: units.iter().enumerate().map(place).collect() }
    }

    /// The number of groups.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.places.iter().map(|place| place.group + 1).max().unwrap_or(0)
    }
}

/// A group while it grows.
pub(super) struct Draft<'g> {
    packages: Vec<usize>,
    dev: bool,
    /// What its run switches on, which is what its units switch on, put together.
    pub(super) resolved: Resolved<'g>,
}

/// Deals units into groups such that the run of a group switches on in every package exactly what
/// each of its units does alone.
///
/// That two units agree on every package that both reach is not enough: with an example in the run,
/// cargo counts the dev-dependencies of *all* packages that the run names. So the run of the whole
/// group is resolved too. (Without examples it would be enough, since every rule of the resolution
/// looks at one package on one side only, and all that it may look at was compared: the features,
/// and the optional dependencies that are on.)
pub fn group(
    graph: &Graph<'_>,
    units: &[Unit],
    selection: &FeatureSelection,
) -> Result<Grouping, GraphError> {
    let mut drafts: Vec<Draft<'_>> = Vec::new();
    let mut grouping = Grouping::default();
    for unit in units {
        let (alone, with) = alone(graph, unit, selection)?;
        let taken = drafts.iter_mut().position(|draft| draft.take(graph, &alone, selection));
        let index = taken.unwrap_or(drafts.len());
        if taken.is_none() {
            drafts.push(alone);
        }
        grouping.places.push(Place { group: index, with });
    }
    Ok(grouping)
}

/// A unit's run of its own, and the owners of requested features that it names.
pub(super) fn alone<'g>(
    graph: &'g Graph<'_>,
    unit: &Unit,
    selection: &'g FeatureSelection,
) -> Result<(Draft<'g>, Vec<PackageId>), GraphError> {
    let mut packages = graph.indices([&unit.package])?;
    let mut with = Vec::new();
    let mut resolved = graph.resolve_indices(&packages, unit.dev, selection);
    let owners = graph.indices(&unit.owners)?;
    // An owner may depend on another one only thanks to the feature that it is asked for.
    loop {
        let reached = |index: &usize| {
            !packages.contains(index) && resolved.states.keys().any(|(package, _)| package == index)
        };
        let Some(owner) = owners.iter().copied().find(reached) else { break };
        packages.push(owner);
        resolved = graph.resolve_indices(&packages, unit.dev, selection);
    }
    for (id, index) in unit.owners.iter().zip(&owners) {
        if packages.contains(index) && *id != unit.package {
            with.push(id.clone());
        }
    }
    Ok((Draft { packages, dev: unit.dev, resolved }, with))
}

impl<'g> Draft<'g> {
    fn take(
        &mut self,
        graph: &'g Graph<'_>,
        other: &Self,
        selection: &'g FeatureSelection,
    ) -> bool {
        let Some(merged) = merge(&self.resolved, &other.resolved) else { return false };
        let mut packages = self.packages.clone();
        packages.extend(other.packages.iter().filter(|index| !self.packages.contains(index)));
        let dev = self.dev || other.dev;
        let together = graph.resolve_indices(&packages, dev, selection);
        if together.states != merged {
            return false;
        }
        *self = Self { packages, dev, resolved: together };
        true
    }
}

/// Both together; none where they differ in a package that both reach.
fn merge<'g>(one: &Resolved<'g>, other: &Resolved<'g>) -> Option<BTreeMap<Key, State<'g>>> {
    let mut merged = one.states.clone();
    for (key, state) in &other.states {
        match merged.get(key) {
            Some(known) if known != state => return None,
            Some(_) => {}
            None => {
                merged.insert(*key, state.clone());
            }
        }
    }
    Some(merged)
}
