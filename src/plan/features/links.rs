//! Whose build scripts tell a handler's linker where to look.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, PackageId, Target};

use super::Unit;
use super::graph::{Graph, GraphError};
use super::groups::alone;
use super::resolve::{Resolved, Side};
use crate::plan::FeatureSelection;

/// For each unit, the packages with a build script, and those by path, that its executables are linked
/// with: its own and those that it depends on for the target, through no procedural macro and no build script, as cargo
/// gathers them (`core/compiler/custom_build.rs`, `build_map`). `unify`: all units share a run.
pub fn scripts(
    graph: &Graph<'_>,
    units: &[Unit],
    selection: &FeatureSelection,
    unify: bool,
) -> Result<Vec<BTreeSet<PackageId>>, GraphError> {
    let of = |unit: &Unit, resolved: &Resolved<'_>| {
        let root = graph.index(&unit.package).into_iter().collect();
        graph.with_scripts(root, unit.dev, resolved)
    };
    if unify {
        let named =
            units.iter().flat_map(|unit| std::iter::once(&unit.package).chain(&unit.owners));
        let named: Vec<PackageId> = named.cloned().collect();
        let together = graph.resolve(&named, units.iter().any(|unit| unit.dev), selection)?;
        return Ok(units.iter().map(|unit| of(unit, &together)).collect());
    }
    let alone = |unit: &Unit| Ok(of(unit, &alone(graph, unit, selection)?.0.resolved));
    units.iter().map(alone).collect()
}

impl Graph<'_> {
    fn with_scripts(
        &self,
        root: Vec<usize>,
        dev: bool,
        resolved: &Resolved<'_>,
    ) -> BTreeSet<PackageId> {
        let (roots, mut todo) = (root.clone(), root);
        let mut reached = BTreeSet::new();
        while let Some(index) = todo.pop() {
            let Some(vertex) = self.packages.get(index).filter(|_| reached.insert(index)) else {
                continue;
            };
            let state = resolved.states.get(&(index, Side::Target));
            let counts = vertex.edges.iter().filter(|edge| {
                let entry = edge.dependency;
                let on = !entry.optional || state.is_some_and(|s| s.optional.contains(edge.name));
                let kind = match entry.kind {
                    DependencyKind::Normal => true,
                    DependencyKind::Development => dev && roots.contains(&index),
                    _ => false,
                };
                let is_macro = self.packages.get(edge.to).is_some_and(|to| to.proc_macro);
                on && kind && edge.on_target && !is_macro
            });
            todo.extend(counts.map(|edge| edge.to));
        }
        let packages = reached.iter().filter_map(|index| self.packages.get(*index));
        let packages = packages.map(|vertex| vertex.package);
        packages
            .filter(|package| {
                package.source.is_none() || package.targets.iter().any(Target::is_custom_build)
            })
            .map(|package| package.id.clone())
            .collect()
    }
}
