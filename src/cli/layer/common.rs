//! Which crates the packages of functions use, as cargo has resolved them.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, Metadata, Node, Package, PackageId, TargetKind};

use crate::dylib::{Common, Used};

/// A crate that no shared library holds, and why.
type Unfit = (String, &'static str);

/// What the packages of functions use.
#[derive(Debug, Default)]
pub(super) struct Uses {
    /// Crates that a shared library may hold, by function.
    pub(super) fit: BTreeMap<String, Vec<Used>>,
    unfit: BTreeMap<String, Vec<Unfit>>,
}

/// A crate that functions have in common, and that is not shared.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Left {
    pub(super) package: String,
    pub(super) why: &'static str,
    pub(super) by: BTreeSet<String>,
}

impl Uses {
    /// What functions use, each with its package.
    pub(super) fn of<'p>(
        resolved: &Metadata,
        functions: impl Iterator<Item = (String, &'p Package)>,
    ) -> Self {
        let nodes = resolved.resolve.iter().flat_map(|resolve| &resolve.nodes);
        let nodes: BTreeMap<&PackageId, &Node> = nodes.map(|node| (&node.id, node)).collect();
        let all: BTreeMap<&PackageId, &Package> =
            resolved.packages.iter().map(|package| (&package.id, package)).collect();
        let mut uses = Self::default();
        for (function, package) in functions {
            let Some(node) = nodes.get(&package.id) else { continue };
            let reached: Vec<&Package> =
                node.dependencies.iter().filter_map(|id| all.get(id).copied()).collect();
            for dependency in &package.dependencies {
                match one(dependency, &reached) {
                    Some(Ok(fit)) => uses.fit.entry(function.clone()).or_default().push(fit),
                    Some(Err(unfit)) => uses.unfit.entry(function.clone()).or_default().push(unfit),
                    None => {}
                }
            }
        }
        uses
    }

    /// What two functions or more have in common and `common` has not.
    pub(super) fn left_out(&self, common: &[Common]) -> Vec<Left> {
        let other = "no two of them use the same version";
        let fit = self.fit.iter().flat_map(|(function, all)| {
            all.iter().map(move |used| (function, used.package.as_str(), other))
        });
        let unfit = self.unfit.iter().flat_map(|(function, all)| {
            all.iter().map(move |(name, why)| (function, name.as_str(), *why))
        });
        let mut left: BTreeMap<&str, Left> = BTreeMap::new();
        for (function, package, why) in fit.chain(unfit) {
            if common.iter().any(|it| it.used.package == package) {
                continue;
            }
            let new = || Left { package: package.to_owned(), why, by: BTreeSet::new() };
            left.entry(package).or_insert_with(new).by.insert(function.clone());
        }
        left.into_values().filter(|it| it.by.len() > 1).collect()
    }
}

/// One dependency: whether a shared library may hold it. None where there is nothing to hold: it is not used
/// here, or no part of a program, as macros are not.
fn one(
    dependency: &cargo_metadata::Dependency,
    reached: &[&Package],
) -> Option<Result<Used, Unfit>> {
    if dependency.kind != DependencyKind::Normal {
        return None;
    }
    let package = reached
        .iter()
        .find(|it| *it.name == dependency.name && dependency.req.matches(&it.version))?;
    let library = package.targets.iter().find(|target| {
        let is = |kind| target.kind.contains(&kind);
        is(TargetKind::Lib) || is(TargetKind::RLib)
    })?;
    let why = match &package.source {
        _ if dependency.optional => Some("it is optional"),
        _ if dependency.target.is_some() => Some("it is for some targets only"),
        None => Some("it is a crate of a folder, not of crates.io"),
        Some(source) if source.repr.starts_with("git+") => Some("it is from git, not crates.io"),
        Some(source) if !source.is_crates_io() => Some("it is of another registry than crates.io"),
        Some(_) => None,
    };
    if let Some(why) = why {
        return Some(Err((package.name.to_string(), why)));
    }
    Some(Ok(Used {
        package: package.name.to_string(),
        version: package.version.to_string(),
        library: library.name.replace('-', "_"),
        features: dependency.features.iter().cloned().collect(),
        default_features: dependency.uses_default_features,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dylib::common;

    fn used(package: &str, version: &str) -> Used {
        Used {
            package: package.to_owned(),
            version: version.to_owned(),
            library: package.to_owned(),
            features: BTreeSet::new(),
            default_features: true,
        }
    }

    #[test]
    fn what_is_left_out_is_said_where_two_would_share_it() {
        let fit = [
            ("a", vec![used("same", "1.0.0"), used("apart", "1.0.0"), used("alone", "1.0.0")]),
            ("b", vec![used("same", "1.0.0"), used("apart", "2.0.0")]),
        ];
        let fit = fit.map(|(name, all)| (name.to_owned(), all)).into();
        let unfit = ["a", "b"].map(|name| (name.to_owned(), vec![("own".to_owned(), "why")]));
        let uses = Uses { fit, unfit: unfit.into() };
        let common = common(&uses.fit);
        assert_eq!(common.len(), 1);
        let left = uses.left_out(&common);
        let names: Vec<_> = left.iter().map(|it| (it.package.as_str(), it.why)).collect();
        assert_eq!(names, [("apart", "no two of them use the same version"), ("own", "why")]);
        assert!(left.iter().all(|it| it.by.len() == 2));
    }
}
