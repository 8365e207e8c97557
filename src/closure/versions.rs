//! Whether every symbol version that is needed is defined (glibc `elf/dl-version.c`).

use super::{Closure, File};
use crate::elf::VersionNeed;
use crate::system::{Provided, System};

/// A symbol version that is not there, or not promised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmet<'a> {
    /// Which object needs it, by its place.
    pub by: usize,
    /// The version, and the library that it should be of.
    pub need: &'a VersionNeed,
    /// The path of the library that lacks it; none of one of the system's.
    pub lacking: Option<String>,
    /// How the system has it; [`Provided::No`] of a library that is not the system's.
    pub provided: Provided,
    /// The highest promised version of its family, if the library is the system's.
    pub highest: String,
}

impl<'a> Closure<'a> {
    /// Every symbol version that is not there or not promised, in the order in which the loader
    /// checks them. A library without any versions satisfies all (glibc warns), and one that is not
    /// found is no matter of versions. `system` is what Lambda's runtime has; none of an image, all of
    /// whose files are known.
    #[must_use]
    pub fn unmet(&self, system: Option<&System>) -> Vec<Unmet<'a>> {
        let mut unmet = Vec::new();
        for (by, object) in self.objects.iter().enumerate() {
            let File::Elf(facts) = object.file else { continue };
            let needs = facts.versions_needed.iter();
            unmet.extend(needs.filter_map(|need| self.judge(by, need, system)));
        }
        unmet
    }

    fn judge(
        &self,
        by: usize,
        need: &'a VersionNeed,
        system: Option<&System>,
    ) -> Option<Unmet<'a>> {
        match self.named(&need.library).map(|object| (object, object.file)) {
            Some((object, File::Elf(facts))) => {
                let defined = &facts.versions_defined;
                let met = defined.is_empty() || defined.contains(&need.version);
                let lacking = Some(object.path.clone());
                let (provided, highest) = (Provided::No, String::new());
                (!met).then_some(Unmet { by, need, lacking, provided, highest })
            }
            Some((_, File::Unreadable)) => None,
            // Not loaded by anything we know: by a library of the system's, then.
            None if system?.library(&need.library) == Provided::No => None,
            Some((_, File::System)) | None => {
                let (provided, highest) = system?.version(&need.version);
                (provided != Provided::Promised).then_some(Unmet {
                    by,
                    need,
                    lacking: None,
                    provided,
                    highest,
                })
            }
        }
    }
}
