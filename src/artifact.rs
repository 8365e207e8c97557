//! What cargo built.

use std::collections::BTreeSet;
use std::path::PathBuf;

use cargo_metadata::PackageId;

use crate::function::TargetKind;

/// One executable, as cargo reported it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// The package it was built from.
    pub package_id: PackageId,
    /// The name of the cargo target.
    pub target: String,
    /// Binary or example.
    pub kind: TargetKind,
    /// Where cargo put it (an absolute path out of cargo's own message).
    pub executable: PathBuf,
    /// What the build scripts that had run before it gave to the linker; those of its own
    /// dependencies always have.
    pub linked: Vec<Linked>,
    /// Shared libraries of Rust code that were built before it (`crate-type = ["dylib"]`).
    pub dylibs: Vec<PathBuf>,
    /// The folder in which what it is linked with of those is looked for.
    pub shared: Option<PathBuf>,
}

/// What a build script gave to the linker.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Linked {
    /// Its package.
    pub package: PackageId,
    /// Its `OUT_DIR`.
    pub out_dir: PathBuf,
    /// The folders to look in (`cargo::rustc-link-search`), in its order.
    pub folders: Vec<PathBuf>,
}

impl Artifact {
    /// The folders in which the linker looked for it: of these packages, as they were built for this
    /// triple, in the order of the packages' names. None: of all packages. The order in which
    /// parallel jobs end does not matter where the packages are known.
    #[must_use]
    pub fn link_folders(
        &self,
        packages: Option<&BTreeSet<PackageId>>,
        triple: &str,
    ) -> Vec<PathBuf> {
        // Below the folder of the triple, or beside that where it is for build scripts and macros:
        // cargo is always given the triple.
        let depth = |linked: &Linked| linked.out_dir.iter().filter(|part| *part == triple).count();
        let is_known = |linked: &&Linked| packages.is_none_or(|all| all.contains(&linked.package));
        let mut known: Vec<&Linked> = self.linked.iter().filter(is_known).collect();
        known.sort();
        let deepest = |linked: &Linked| {
            let same = known.iter().filter(|other| other.package == linked.package);
            same.map(|other| depth(other)).max()
        };
        let of_target = known.iter().filter(|linked| deepest(linked) == Some(depth(linked)));
        of_target.flat_map(|linked| linked.folders.iter().cloned()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_those_of_the_own_packages_for_the_target_whatever_ended_first() {
        let id = |name: &str| PackageId { repr: name.to_owned() };
        let linked = |package: &str, out: &str| Linked {
            package: id(package),
            out_dir: PathBuf::from(format!("/arm/target/{out}/out")),
            folders: vec![PathBuf::from(format!("/{package}/{out}"))],
        };
        let all = [
            linked("b", "release/build/b-2"),
            linked("b", "arm/release/build/b-1"),
            linked("a", "arm/release/build/a-1"),
            linked("c", "arm/release/build/c-1"),
        ];
        let mut artifact = Artifact {
            package_id: id("h"),
            target: "h".to_owned(),
            kind: TargetKind::Bin,
            executable: PathBuf::from("/h"),
            linked: all.to_vec(),
            dylibs: Vec::new(),
            shared: None,
        };
        let own: BTreeSet<_> = ["b", "c"].map(id).into();
        let of_own = ["/b/arm/release/build/b-1", "/c/arm/release/build/c-1"].map(PathBuf::from);
        assert_eq!(artifact.link_folders(Some(&own), "arm"), of_own);
        artifact.linked.reverse();
        assert_eq!(artifact.link_folders(Some(&own), "arm"), of_own);
        assert_eq!(artifact.link_folders(None, "arm").len(), 3);
        assert_eq!(
            artifact.link_folders(Some(&BTreeSet::new()), "arm"),
            [""; 0].map(PathBuf::from)
        );
    }
}
