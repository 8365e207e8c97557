//! The features of every package in one run.
//!
//! A fixpoint: what is wanted is taken from a list until nothing new is wanted. Each rule looks at
//! the state of one package on one side only, so the order does not matter.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::PackageId;

use super::graph::{Edge, Graph, GraphError};
use super::platform::Resolver;
use crate::plan::FeatureSelection;

/// Which machine a package is compiled for. With resolver 1, all are on the target side: there the
/// two do not differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The machine that runs the handler.
    Target,
    /// The machine that compiles: build scripts, procedural macros, and what they depend on.
    Host,
}

/// A package on one side.
pub(super) type Key = (usize, Side);

/// What is switched on in a package on one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State<'g> {
    pub(super) features: BTreeSet<&'g str>,
    /// Its optional dependencies that are switched on. They follow from its features, except for
    /// what the command line asks of a dependency.
    pub(super) optional: BTreeSet<&'g str>,
}

/// The features of every package that a run compiles (and of some that it does not need).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved<'g> {
    pub(super) states: BTreeMap<Key, State<'g>>,
}

/// Something that is wanted of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted<'g> {
    /// That it is there.
    Itself,
    /// A feature.
    Feature(&'g str),
    /// `dep:name`: an optional dependency.
    Dependency(&'g str),
    /// `name/feature`, or `name?/feature`.
    Of { dependency: &'g str, feature: &'g str, weak: bool },
}

impl<'g> Wanted<'g> {
    /// Reads an element of a feature, of a dependency's `features` or of `--features`.
    pub(super) fn parse(text: &'g str) -> Self {
        match text.split_once('/') {
            Some((name, feature)) => {
                let strong = name.strip_suffix('?');
                Self::Of { dependency: strong.unwrap_or(name), feature, weak: strong.is_some() }
            }
            None => text.strip_prefix("dep:").map_or(Self::Feature(text), Self::Dependency),
        }
    }
}

/// The resolution while it goes on.
struct Resolution<'r, 'm> {
    graph: &'r Graph<'m>,
    /// The packages that the run names, if their dev-dependencies count.
    dev: Vec<usize>,
    states: BTreeMap<Key, State<'r>>,
    /// Those whose dependencies were followed.
    entered: BTreeSet<Key>,
    /// `name?/feature` that wait for `name`.
    waiting: BTreeMap<(Key, &'r str), BTreeSet<&'r str>>,
    todo: Vec<(Key, Wanted<'r>)>,
}

impl Graph<'_> {
    /// The features of one run that names these packages; `dev`: it builds examples.
    pub fn resolve<'r>(
        &'r self,
        packages: &[PackageId],
        dev: bool,
        selection: &'r FeatureSelection,
    ) -> Result<Resolved<'r>, GraphError> {
        Ok(self.resolve_indices(&self.indices(packages)?, dev, selection))
    }

    pub(super) fn resolve_indices<'r>(
        &'r self,
        named: &[usize],
        dev: bool,
        selection: &'r FeatureSelection,
    ) -> Resolved<'r> {
        let roots = self.roots(named, selection);
        // Resolver 1 does not tell dev-dependencies from others.
        let with_dev = dev || self.resolver == Resolver::One;
        let mut resolution = Resolution {
            graph: self,
            dev: roots.iter().filter(|_| with_dev).map(|(root, _)| *root).collect(),
            states: BTreeMap::new(),
            entered: BTreeSet::new(),
            waiting: BTreeMap::new(),
            todo: Vec::new(),
        };
        for (root, wanted) in roots {
            let macros = self.packages.get(root).is_some_and(|vertex| vertex.proc_macro);
            // A procedural macro's own package may have binaries too, so cargo counts it twice.
            let both = self.resolver == Resolver::Two && macros;
            for side in [Side::Target, Side::Host].into_iter().take(1 + usize::from(both)) {
                resolution.todo.push(((root, side), Wanted::Itself));
                resolution.todo.extend(wanted.iter().map(|&wanted| ((root, side), wanted)));
            }
        }
        resolution.finish()
    }
}

impl<'r> Resolution<'r, '_> {
    fn finish(mut self) -> Resolved<'r> {
        while let Some((key, wanted)) = self.todo.pop() {
            match wanted {
                Wanted::Itself => self.itself(key),
                Wanted::Feature(feature) => self.feature(key, feature),
                Wanted::Dependency(name) => self.dependency(key, name),
                Wanted::Of { dependency, feature, weak } => {
                    self.of_dependency(key, dependency, feature, weak);
                }
            }
        }
        Resolved { states: self.states }
    }

    fn itself(&mut self, key: Key) {
        self.states.entry(key).or_default();
        if self.entered.insert(key) {
            for (edge, to) in self.edges(key, None) {
                if !edge.dependency.optional {
                    self.follow(edge, to);
                }
            }
        }
    }

    fn feature(&mut self, key: Key, feature: &'r str) {
        if !self.states.entry(key).or_default().features.insert(feature) {
            return;
        }
        let implied = self.graph.packages.get(key.0).and_then(|v| v.package.features.get(feature));
        self.todo.extend(implied.into_iter().flatten().map(|text| (key, Wanted::parse(text))));
    }

    fn dependency(&mut self, key: Key, name: &'r str) {
        if !self.states.entry(key).or_default().optional.insert(name) {
            return;
        }
        let waited = self.waiting.remove(&(key, name)).unwrap_or_default();
        for (edge, to) in self.edges(key, Some(name)) {
            self.todo.extend(waited.iter().map(|feature| (to, Wanted::parse(feature))));
            self.follow(edge, to);
        }
    }

    fn of_dependency(&mut self, key: Key, name: &'r str, feature: &'r str, weak: bool) {
        for (edge, to) in self.edges(key, Some(name)) {
            if edge.dependency.optional {
                let on = self.states.get(&key).is_some_and(|s| s.optional.contains(name));
                if weak && !on {
                    self.waiting.entry((key, name)).or_default().insert(feature);
                    continue;
                }
                self.todo.push((key, Wanted::Dependency(name)));
                // Older than `name?/feature`: also the feature that an optional dependency is.
                if !weak && self.has_feature(key.0, name) {
                    self.todo.push((key, Wanted::Feature(name)));
                }
            }
            self.todo.push((to, Wanted::parse(feature)));
        }
    }

    /// What a manifest's entry asks of the package that it stands for.
    fn follow(&mut self, edge: &'r Edge<'_>, to: Key) {
        self.todo.push((to, Wanted::Itself));
        let listed = edge.dependency.features.iter().map(|text| (to, Wanted::parse(text)));
        self.todo.extend(listed);
        if edge.dependency.uses_default_features && self.has_feature(to.0, "default") {
            self.todo.push((to, Wanted::Feature("default")));
        }
    }

    fn has_feature(&self, package: usize, feature: &str) -> bool {
        self.graph.packages.get(package).is_some_and(|v| v.package.features.contains_key(feature))
    }

    /// The edges that count, with this name, and where they lead.
    fn edges(&self, (package, side): Key, name: Option<&str>) -> Vec<(&'r Edge<'r>, Key)> {
        let graph = self.graph;
        let host = side == Side::Host;
        let dev = self.dev.contains(&package);
        let edges = graph.packages.get(package).map_or(&[][..], |vertex| &vertex.edges);
        let counts = |edge: &&Edge<'_>| {
            name.is_none_or(|name| name == edge.name) && graph.follows(edge, host, dev)
        };
        let leads = |edge: &'r Edge<'_>| {
            let side = if graph.to_host(edge, host) { Side::Host } else { Side::Target };
            (edge, (edge.to, side))
        };
        edges.iter().filter(counts).map(leads).collect()
    }
}

impl Resolved<'_> {
    /// The features of a package on one side; none if the run does not reach it there.
    #[must_use]
    pub fn features(&self, graph: &Graph<'_>, id: &PackageId, side: Side) -> Option<Vec<&str>> {
        let state = self.states.get(&(graph.index(id)?, side))?;
        Some(state.features.iter().copied().collect())
    }
}
