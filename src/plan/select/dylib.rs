//! The packages whose handlers are linked with one shared library.

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{CrateType, Package, PackageId};

use super::{Candidate, Scope, SelectError, Selection, targets_of};
use crate::compile::LAYER_FEATURE;
use crate::function::{Role, TargetKind};
use crate::nearest::suggestion;

/// The crate whose library each package is linked with.
pub(super) type Linked = BTreeMap<PackageId, String>;

impl<'m> Scope<'m> {
    /// Adds the packages of all handlers that are linked with a library of selected ones, built or not: the
    /// library has what all of them want of its crates, so it does not depend on what else is selected.
    pub(super) fn take_dylibs(
        &self,
        selection: &Selection,
        candidates: &[Candidate],
        packages: &mut Vec<&'m Package>,
    ) -> Result<Linked, SelectError> {
        let functions = candidates.iter().filter(|it| it.role == Role::Function);
        let wanted: BTreeSet<&String> =
            functions.filter_map(|it| it.settings.dylib.as_ref()).collect();
        if wanted.is_empty() {
            return Ok(Linked::new());
        }
        let mut wrong: Vec<String> = wanted.iter().filter_map(|name| self.no_dylib(name)).collect();
        let mut linked = Linked::new();
        for &package in &self.members {
            let name = self.dylib(selection, package);
            let Some(name) = name.filter(|name| wanted.contains(name)) else {
                continue;
            };
            if !package.features.contains_key(LAYER_FEATURE) {
                wrong.push(format!(
                    "`layers.dylib` is `{name}`, and package `{}` has no feature `{LAYER_FEATURE}` that \
                     would link it; `cargo lambda-pack layer init` writes it",
                    package.name
                ));
            }
            if !packages.iter().any(|it| it.id == package.id) {
                packages.push(package);
            }
            linked.insert(package.id.clone(), name);
        }
        if wrong.is_empty() { Ok(linked) } else { Err(SelectError::Unknown(wrong)) }
    }

    /// The crate whose library the functions of a package are linked with. What is said for a whole workspace
    /// is not meant for its extensions, nor for programs that are no handlers.
    fn dylib(&self, selection: &Selection, package: &Package) -> Option<String> {
        targets_of(&[package], TargetKind::Bin).find_map(|(package, target)| {
            let found = self.candidate(package, target, TargetKind::Bin, false, selection);
            let function = found.ok()?.ok().filter(|it| it.role == Role::Function)?;
            function.settings.dylib
        })
    }

    /// Why a name is not that of a crate with a shared library.
    fn no_dylib(&self, name: &str) -> Option<String> {
        let package = self.members.iter().find(|package| package.name.as_str() == name);
        let Some(package) = package else {
            let near = suggestion(name, self.members.iter().map(|it| it.name.as_str()));
            return Some(format!(
                "`layers.dylib` names `{name}`, which is no package of this workspace; {near}"
            ));
        };
        let is = |target: &cargo_metadata::Target| target.crate_types.contains(&CrateType::DyLib);
        (!package.targets.iter().any(is)).then(|| {
            format!(
                "`layers.dylib` names `{name}`, whose library is no `dylib`; its manifest wants \
                 `crate-type = [\"dylib\"]` under `[lib]`"
            )
        })
    }
}
