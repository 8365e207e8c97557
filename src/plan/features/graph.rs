//! The packages of a workspace and all that they may depend on, from the whole of `cargo metadata`.

use std::collections::BTreeMap;

use cargo_metadata::{
    Dependency, DependencyKind, Metadata, Node, NodeDep, Package, PackageId, Target,
};

use super::platform::{Resolver, RustcCfg, root_package};
use crate::plan::depends::manifest_name;

/// Why features cannot be resolved.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// `cargo metadata --no-deps`.
    #[error("`cargo metadata` says nothing of the dependencies")]
    NoResolve,
    /// The resolve names a package that is not described.
    #[error("`cargo metadata` resolves {0} and does not describe it")]
    Undescribed(String),
    /// A unit's package is not there.
    #[error("`cargo metadata` does not describe {0}")]
    Unknown(String),
}

/// What features are resolved over.
#[derive(Debug)]
pub struct Graph<'m> {
    pub(super) packages: Vec<Vertex<'m>>,
    by_id: BTreeMap<&'m PackageId, usize>,
    pub(super) resolver: Resolver,
    target: &'m RustcCfg,
    host: &'m RustcCfg,
    /// Where `--features` means only the package that cargo is started in, that package.
    pub(super) current: Option<usize>,
    /// Whether `--features` means every package that the run names.
    pub(super) features_for_all: bool,
}

/// One package.
#[derive(Debug)]
pub(super) struct Vertex<'m> {
    pub(super) package: &'m Package,
    pub(super) proc_macro: bool,
    pub(super) edges: Vec<Edge<'m>>,
}

/// An entry in a manifest, and the package that it stands for in this workspace.
#[derive(Debug)]
pub(super) struct Edge<'m> {
    pub(super) dependency: &'m Dependency,
    /// Its name in the manifest.
    pub(super) name: &'m str,
    pub(super) to: usize,
    pub(super) on_target: bool,
    on_host: bool,
}

impl<'m> Graph<'m> {
    /// Puts the facts together. `metadata` must cover at least the two platforms and the features
    /// that will be asked for; what it covers more does not matter.
    pub fn new(
        metadata: &'m Metadata,
        resolver: Resolver,
        target: &'m RustcCfg,
        host: &'m RustcCfg,
    ) -> Result<Self, GraphError> {
        let resolve = metadata.resolve.as_ref().ok_or(GraphError::NoResolve)?;
        let by_id: BTreeMap<_, _> =
            metadata.packages.iter().enumerate().map(|(index, p)| (&p.id, index)).collect();
        let packages = metadata.packages.iter().map(|package| Vertex {
            package,
            proc_macro: package.targets.iter().any(Target::is_proc_macro),
            edges: Vec::new(),
        });
        let mut graph = Self {
            packages: packages.collect(),
            resolver,
            target,
            host,
            current: resolve.root.as_ref().and_then(|id| by_id.get(id).copied()),
            features_for_all: resolver == Resolver::Two || root_package(metadata).is_none(),
            by_id,
        };
        for node in &resolve.nodes {
            let index = graph.index(&node.id).ok_or_else(|| undescribed(&node.id))?;
            let edges = graph.edges(node, index)?;
            if let Some(vertex) = graph.packages.get_mut(index) {
                vertex.edges = edges;
            }
        }
        Ok(graph)
    }

    pub(super) fn index(&self, id: &PackageId) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The indices of packages; an error names the first that is not there.
    pub(super) fn indices<'i>(
        &self,
        ids: impl IntoIterator<Item = &'i PackageId>,
    ) -> Result<Vec<usize>, GraphError> {
        ids.into_iter()
            .map(|id| self.index(id).ok_or_else(|| GraphError::Unknown(id.repr.clone())))
            .collect()
    }

    fn edges(&self, node: &'m Node, from: usize) -> Result<Vec<Edge<'m>>, GraphError> {
        let mut edges = Vec::new();
        let Some(vertex) = self.packages.get(from) else { return Ok(edges) };
        for found in &node.deps {
            self.index(&found.pkg).ok_or_else(|| undescribed(&found.pkg))?;
        }
        for dependency in &vertex.package.dependencies {
            // None: switched off for every platform and every feature that cargo was asked about.
            let Some(to) = self.find(node, vertex.package, dependency) else { continue };
            edges.push(Edge {
                dependency,
                name: manifest_name(dependency),
                to,
                on_target: self.target.has(dependency.target.as_ref()),
                on_host: self.host.has(dependency.target.as_ref()),
            });
        }
        Ok(edges)
    }

    /// The package that a manifest's entry was resolved to. Cargo tells the name of the crate, the
    /// kind and the platform, not the entry.
    fn find(&self, node: &Node, package: &Package, entry: &Dependency) -> Option<usize> {
        let of_entry = |found: &&NodeDep| {
            found
                .dep_kinds
                .iter()
                .any(|info| info.kind == entry.kind && info.target == entry.target)
                && self.package(found).is_some_and(|package| package.name.as_str() == entry.name)
        };
        let candidates: Vec<_> = node.deps.iter().filter(of_entry).collect();
        let chosen = match candidates.as_slice() {
            [] => return None,
            [one] => one,
            // Several versions of one package, all but one of them under other names.
            several => several
                .iter()
                .find(|found| match &entry.rename {
                    Some(name) => found.name == name.replace('-', "_"),
                    None => {
                        !is_other_entrys(found, package, entry)
                            && self.package(found).is_some_and(|p| entry.req.matches(&p.version))
                    }
                })
                .or_else(|| several.first())?,
        };
        self.index(&chosen.pkg)
    }

    fn package(&self, found: &NodeDep) -> Option<&'m Package> {
        self.packages.get(self.index(&found.pkg)?).map(|vertex| vertex.package)
    }

    /// Whether the feature resolver follows an edge; `dev`: dev-dependencies of `from` count.
    pub(super) fn follows(&self, edge: &Edge<'_>, host: bool, dev: bool) -> bool {
        let platform = match self.resolver {
            Resolver::One => true,
            Resolver::Two if host || edge.dependency.kind == DependencyKind::Build => edge.on_host,
            Resolver::Two => edge.on_target,
        };
        platform && (dev || edge.dependency.kind != DependencyKind::Development)
    }

    /// Whether what an edge leads to runs on the host.
    pub(super) fn to_host(&self, edge: &Edge<'_>, host: bool) -> bool {
        self.resolver == Resolver::Two
            && (host
                || edge.dependency.kind == DependencyKind::Build
                || self.packages.get(edge.to).is_some_and(|to| to.proc_macro))
    }
}

/// Whether another entry of the same package says that the crate is its own, by renaming it.
fn is_other_entrys(found: &NodeDep, package: &Package, entry: &Dependency) -> bool {
    package.dependencies.iter().any(|other| {
        let renamed = other.rename.as_ref().is_some_and(|n| found.name == n.replace('-', "_"));
        renamed && other.name == entry.name && other.kind == entry.kind
    })
}

fn undescribed(id: &PackageId) -> GraphError {
    GraphError::Undescribed(id.repr.clone())
}
