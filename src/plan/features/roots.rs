//! What the command line asks of the packages that a run names.

use std::collections::BTreeSet;

use cargo_metadata::{Metadata, Package};

use super::graph::{Graph, Vertex};
use super::resolve::Wanted;
use crate::plan::FeatureSelection;
use crate::plan::depends::manifest_name;

impl Graph<'_> {
    /// The packages that features are resolved from, with what is wanted of each.
    pub(super) fn roots<'r>(
        &'r self,
        named: &[usize],
        selection: &'r FeatureSelection,
    ) -> Vec<(usize, Vec<Wanted<'r>>)> {
        let mut roots: BTreeSet<usize> = named.iter().copied().collect();
        if !self.features_for_all {
            // Resolver 1 counts the package that cargo is started in, named or not.
            roots.extend(self.current);
        }
        let wanted = |root: usize| {
            let vertex = self.packages.get(root)?;
            Some((root, self.asked(root, vertex, named, selection)))
        };
        roots.into_iter().filter_map(wanted).collect()
    }

    fn asked<'r>(
        &'r self,
        root: usize,
        vertex: &'r Vertex<'_>,
        named: &[usize],
        selection: &'r FeatureSelection,
    ) -> Vec<Wanted<'r>> {
        let own = |text: &'r String| {
            if self.features_for_all {
                for_member(vertex.package, text)
            } else if self.current == Some(root) {
                self.for_current(vertex, named, text)
            } else {
                member_feature(vertex, text)
            }
        };
        let mut wanted: Vec<_> = selection.list.iter().filter_map(own).collect();
        let other = !self.features_for_all && self.current != Some(root);
        if (other || !selection.no_default) && vertex.package.features.contains_key("default") {
            wanted.push(Wanted::Feature("default"));
        }
        if selection.all {
            wanted.extend(vertex.package.features.keys().map(|name| Wanted::Feature(name)));
        }
        wanted
    }

    /// Resolver 1 in a workspace with a root package: `--features` means the package that cargo is
    /// started in, except for `member/feature` of another member that is named.
    fn for_current<'r>(
        &self,
        vertex: &Vertex<'_>,
        named: &[usize],
        text: &'r str,
    ) -> Option<Wanted<'r>> {
        let is_named = |name: &str| {
            let named = named.iter().filter_map(|&index| self.packages.get(index));
            named.map(|vertex| vertex.package.name.as_str()).any(|package| package == name)
        };
        match text.split_once('/') {
            Some((name, feature)) if name == vertex.package.name.as_str() => {
                Some(Wanted::Feature(feature))
            }
            Some((name, _)) if is_named(name) => None,
            _ => Some(Wanted::parse(text)),
        }
    }
}

/// The requested features that belong to a member of the workspace. With the others cargo refuses to
/// work, and `cargo build` says so better than the question before it.
#[must_use]
pub fn known_features(members: &Metadata, selection: &FeatureSelection) -> Vec<String> {
    let known =
        |text: &&String| members.packages.iter().any(|package| for_member(package, text).is_some());
    selection.list.iter().filter(known).cloned().collect()
}

/// Of `--features`, what belongs to a member: its own feature, a dependency's, or its own with its
/// name before it.
fn for_member<'r>(package: &Package, text: &'r str) -> Option<Wanted<'r>> {
    let entries = &package.dependencies;
    let has = |feature: &str| {
        package.features.contains_key(feature)
            || entries.iter().any(|entry| entry.optional && manifest_name(entry) == feature)
    };
    match Wanted::parse(text) {
        Wanted::Of { dependency, .. } if entries.iter().any(|e| manifest_name(e) == dependency) => {
            Some(Wanted::parse(text))
        }
        Wanted::Of { dependency, feature, .. } => (dependency == package.name.as_str()
            && has(feature))
        .then_some(Wanted::Feature(feature)),
        Wanted::Feature(feature) if has(feature) => Some(Wanted::Feature(feature)),
        _ => None,
    }
}

fn member_feature<'r>(vertex: &Vertex<'_>, text: &'r str) -> Option<Wanted<'r>> {
    let (name, feature) = text.split_once('/')?;
    (name.trim_end_matches('?') == vertex.package.name.as_str()).then_some(Wanted::Feature(feature))
}
