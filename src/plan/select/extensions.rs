//! The extensions that go along with functions.

use std::collections::BTreeSet;

use cargo_metadata::Package;

use super::{Candidate, Scope, SelectError, Selection, matches_package, targets_of};
use crate::function::{Role, TargetKind};
use crate::nearest::suggestion;

impl<'m> Scope<'m> {
    /// Adds the extensions of the workspace that selected functions run beside them, unless their package
    /// was left out: so what a function gets does not depend on what else is selected.
    pub(super) fn take_extensions(
        &self,
        selection: &Selection,
        candidates: &mut Vec<Candidate>,
        packages: &mut Vec<&'m Package>,
    ) -> Result<(), SelectError> {
        let all: Vec<(&Package, Candidate)> = targets_of(&self.members, TargetKind::Bin)
            .filter_map(|(package, target)| {
                let found = self.candidate(package, target, TargetKind::Bin, false, selection);
                Some((package, found.ok()?.ok()?))
            })
            .filter(|(_, candidate)| candidate.role != Role::Function)
            .collect();
        let unknown = unknown(candidates, &all);
        if !unknown.is_empty() {
            return Err(SelectError::Unknown(unknown));
        }
        for (package, extension) in all {
            let mut functions = candidates.iter().filter(|it| it.role == Role::Function);
            let wanted = functions.any(|it| it.settings.takes(&extension.name));
            let excluded = selection.exclude.iter().any(|spec| matches_package(spec, package));
            let known = candidates.iter().any(|it| it.handler == extension.handler);
            if !wanted || excluded || known {
                continue;
            }
            candidates.push(extension);
            if !packages.iter().any(|it| it.id == package.id) {
                packages.push(package);
            }
        }
        Ok(())
    }
}

/// Names in `extensions` that are those of no extension.
fn unknown(candidates: &[Candidate], all: &[(&Package, Candidate)]) -> Vec<String> {
    let known = || all.iter().map(|(_, extension)| extension.name.as_str());
    let named = candidates.iter().filter(|it| it.role == Role::Function).flat_map(|it| {
        it.settings.extensions.iter().flatten().map(|name| (it.name.as_str(), name.as_str()))
    });
    let mut wrong: BTreeSet<String> = BTreeSet::new();
    for (function, name) in named.filter(|(_, name)| !known().any(|known| known == *name)) {
        let near = suggestion(name, known());
        wrong.insert(format!("`extensions` of `{function}` names `{name}`, which is no extension of this workspace; {near}"));
    }
    wrong.into_iter().collect()
}
