//! Libraries of the system's that a user accepts without AWS's promise.

use std::collections::BTreeSet;

use crate::nearest::nearest;
use crate::system::{BrokenData, System};
use crate::target::{Arch, Runtime};

/// Libraries that are on the system today without a promise, and accepted by the user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trust(Vec<String>);

impl Trust {
    /// Names as in `--trust-system ssl,libcurl.so.4`; `all` means every one.
    #[must_use]
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Whether a library of the system's, by its SONAME, is accepted.
    #[must_use]
    pub fn covers(&self, soname: &str) -> bool {
        self.0.iter().any(|name| name_covers(name, soname))
    }

    /// The first name that no runtime has a library for, and what to say of it.
    pub fn unknown(&self) -> Result<Option<String>, BrokenData> {
        for name in &self.0 {
            let mut known = false;
            let mut names = BTreeSet::from(["all".to_owned()]);
            for runtime in Runtime::ALL {
                let system = System::of_zip(runtime, Arch::X86_64)?;
                // libstdc++ is promised, but not all of its versions are.
                let libraries: Vec<_> = system.present().chain(["libstdc++.so.6"]).collect();
                known |= libraries.iter().any(|soname| name_covers(name, soname));
                names.extend(libraries.iter().map(|soname| {
                    let stem = soname.split(".so").next().unwrap_or(soname);
                    stem.strip_prefix("lib").unwrap_or(stem).to_owned()
                }));
            }
            if !known {
                let near = nearest(name, names.iter().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Ok(Some(format!("no runtime has a library `{name}`{near}")));
            }
        }
        Ok(None)
    }
}

fn name_covers(name: &str, soname: &str) -> bool {
    name == "all" || name == soname || soname.starts_with(&format!("lib{name}.so"))
}
