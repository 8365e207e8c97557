//! Which crates the packages of functions use, as cargo has resolved them.

use std::collections::BTreeMap;

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId, TargetKind};

use crate::dylib::Used;

/// What packages use of crates that come from a registry and that a shared library may hold.
pub(super) fn used<'p>(
    resolved: &Metadata,
    packages: impl Iterator<Item = &'p Package>,
) -> BTreeMap<String, Vec<Used>> {
    let nodes = resolved.resolve.iter().flat_map(|resolve| &resolve.nodes);
    let nodes: BTreeMap<&PackageId, &Node> = nodes.map(|node| (&node.id, node)).collect();
    let all: BTreeMap<&PackageId, &Package> =
        resolved.packages.iter().map(|package| (&package.id, package)).collect();
    let of = |package: &Package| {
        let node = nodes.get(&package.id)?;
        let reached: Vec<&Package> =
            node.dependencies.iter().filter_map(|id| all.get(id).copied()).collect();
        Some(package.dependencies.iter().filter_map(|it| one(it, &reached)).collect())
    };
    packages.map(|it| (it.name.to_string(), of(it).unwrap_or_default())).collect()
}

/// One dependency, if it is of the kind: always there, on every target, from crates.io, and no macros, which
/// are no part of a program.
fn one(dependency: &cargo_metadata::Dependency, reached: &[&Package]) -> Option<Used> {
    if dependency.kind != DependencyKind::Normal
        || dependency.optional
        || dependency.target.is_some()
    {
        return None;
    }
    let package = reached
        .iter()
        .find(|it| *it.name == dependency.name && dependency.req.matches(&it.version))?;
    let library = package.targets.iter().find(|target| {
        let is = |kind| target.kind.contains(&kind);
        is(TargetKind::Lib) || is(TargetKind::RLib)
    })?;
    package.source.as_ref().filter(|source| source.is_crates_io())?;
    Some(Used {
        package: package.name.to_string(),
        version: package.version.to_string(),
        library: library.name.replace('-', "_"),
        features: dependency.features.iter().cloned().collect(),
        default_features: dependency.uses_default_features,
    })
}
