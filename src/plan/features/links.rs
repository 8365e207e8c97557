//! Whose build scripts tell a handler's linker where to look.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, Package, PackageId, Target};

use super::Unit;
use super::graph::{Graph, GraphError};
use super::groups::alone;
use super::resolve::{Resolved, Side};
use crate::plan::FeatureSelection;

/// For each unit, the packages by path that it depends on, and those with a build script that its
/// executables are linked with: its own and those that it depends on for the target, through no procedural macro and no build script, as cargo
/// gathers them (`core/compiler/custom_build.rs`, `build_map`). `unify`: all units share a run.
pub fn scripts(
    graph: &Graph<'_>,
    units: &[Unit],
    selection: &FeatureSelection,
    unify: bool,
) -> Result<Vec<BTreeSet<PackageId>>, GraphError> {
    let of = |unit: &Unit, resolved: &Resolved<'_>| {
        let root: Vec<usize> = graph.index(&unit.package).into_iter().collect();
        graph.with_scripts(&root, unit.dev, resolved)
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

/// Which dependencies are followed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    /// Those whose code is linked in.
    Linked,
    /// Those that cargo's hash of a package follows from: build scripts and macros too.
    Hashed,
}

impl Graph<'_> {
    fn with_scripts(
        &self,
        root: &[usize],
        dev: bool,
        resolved: &Resolved<'_>,
    ) -> BTreeSet<PackageId> {
        let has_script = |package: &&Package| package.targets.iter().any(Target::is_custom_build);
        let linked = self.reached(root, dev, resolved, Follow::Linked);
        let scripts = linked.filter(has_script);
        let hashed = self.reached(root, dev, resolved, Follow::Hashed);
        // The script of one that is not linked concerns no linker.
        let by_path = hashed.filter(|p| p.source.is_none() && !has_script(p));
        scripts.chain(by_path).map(|package| package.id.clone()).collect()
    }

    fn reached(
        &self,
        roots: &[usize],
        dev: bool,
        resolved: &Resolved<'_>,
        follow: Follow,
    ) -> impl Iterator<Item = &Package> {
        let mut todo = roots.to_vec();
        let mut reached = BTreeSet::new();
        let sides = match follow {
            Follow::Linked => &[Side::Target][..],
            Follow::Hashed => &[Side::Target, Side::Host],
        };
        while let Some(index) = todo.pop() {
            let Some(vertex) = self.packages.get(index).filter(|_| reached.insert(index)) else {
                continue;
            };
            let states = sides.iter().filter_map(|side| resolved.states.get(&(index, *side)));
            let states: Vec<_> = states.collect();
            let counts = vertex.edges.iter().filter(|edge| {
                let entry = edge.dependency;
                let on = !entry.optional || states.iter().any(|s| s.optional.contains(edge.name));
                let kind = match entry.kind {
                    DependencyKind::Normal => true,
                    DependencyKind::Development => dev && roots.contains(&index),
                    _ => follow == Follow::Hashed,
                };
                let is_macro = self.packages.get(edge.to).is_some_and(|to| to.proc_macro);
                on && kind && (follow == Follow::Hashed || edge.on_target && !is_macro)
            });
            todo.extend(counts.map(|edge| edge.to));
        }
        reached.into_iter().filter_map(|index| Some(self.packages.get(index)?.package))
    }
}
