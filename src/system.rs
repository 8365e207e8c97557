//! What AWS already provides on each runtime: a policy is data (`systems/*.json`, compiled in, each
//! fact with its source), and this module only judges by it.
//!
//! These are the systems of zip functions. Container images bring their own.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::target::{Arch, Runtime};

/// How a runtime has a shared library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provided {
    /// Always there.
    Promised,
    /// Seen there; AWS does not say that it stays.
    Present,
    /// Not there.
    No,
}

/// What one runtime provides on one architecture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct System {
    /// The runtime.
    pub runtime: Runtime,
    /// The architecture.
    pub arch: Arch,
    /// The path of its dynamic loader.
    pub interpreter: String,
    /// Why the runtime should not be used any more.
    pub deprecated: Option<String>,
    versions: BTreeMap<String, Ceiling>,
    libraries: Libraries,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Ceiling {
    /// The highest numbered version that is promised; of a library that is there without a promise,
    /// the highest that it can have.
    max: String,
    /// The highest that is there today, if that is more.
    #[serde(default)]
    present: Option<String>,
    /// Versions of that family which are no numbers.
    named: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
struct Libraries {
    promised: Vec<String>,
    present: Vec<String>,
}

#[derive(Deserialize)]
struct SystemFile {
    runtime: String,
    status: Status,
    architectures: BTreeMap<String, PerArch>,
    zip: Libraries,
}

#[derive(Deserialize)]
struct Status {
    deprecated: Option<String>,
}

#[derive(Deserialize)]
struct PerArch {
    interpreter: String,
    versions: BTreeMap<String, Ceiling>,
}

/// The data compiled into this program do not hold together: a bug, which a test looks for.
#[derive(Debug, thiserror::Error)]
#[error("the compiled-in data of {runtime} on {arch} are broken")]
pub struct BrokenData {
    runtime: Runtime,
    arch: Arch,
    source: Option<serde_json::Error>,
}

impl System {
    /// The system of a zip function.
    pub fn of_zip(runtime: Runtime, arch: Arch) -> Result<Self, BrokenData> {
        let text = match runtime {
            Runtime::ProvidedAl2023 => include_str!("../systems/provided.al2023.json"),
            Runtime::ProvidedAl2 => include_str!("../systems/provided.al2.json"),
        };
        let broken = |source| BrokenData { runtime, arch, source };
        let file: SystemFile = serde_json::from_str(text).map_err(|error| broken(Some(error)))?;
        let mut architectures = file.architectures;
        let per_arch = architectures
            .remove(arch.aws_name())
            .filter(|_| file.runtime == runtime.aws_name())
            .ok_or_else(|| broken(None))?;
        Ok(Self {
            runtime,
            arch,
            interpreter: per_arch.interpreter,
            deprecated: file.status.deprecated,
            versions: per_arch.versions,
            libraries: file.zip,
        })
    }

    /// Whether a library (by SONAME) is there. The dynamic loader itself counts as promised.
    #[must_use]
    pub fn library(&self, soname: &str) -> Provided {
        let is = |list: &[String]| list.iter().any(|name| name == soname);
        if is(&self.libraries.promised) || self.interpreter.rsplit('/').next() == Some(soname) {
            Provided::Promised
        } else if is(&self.libraries.present) {
            Provided::Present
        } else {
            Provided::No
        }
    }

    /// What Lambda sets `LD_LIBRARY_PATH` to, for functions and extensions alike (AWS, "Defined
    /// runtime environment variables").
    pub const LIBRARY_PATH: &'static [&'static str] = &[
        "/lib64",
        "/usr/lib64",
        "/var/runtime",
        "/var/runtime/lib",
        "/var/task",
        "/var/task/lib",
        "/opt/lib",
    ];

    /// The SONAME of the library that the system would have at an absolute path, if it has it.
    #[must_use]
    pub fn name_at<'p>(&self, path: &'p str) -> Option<&'p str> {
        match path.rsplit_once('/')? {
            (_, name) if path == self.interpreter => Some(name),
            ("/lib64" | "/usr/lib64", name) => Some(name),
            _ => None,
        }
        .filter(|name| self.library(name) != Provided::No)
    }

    /// Every library that is there, promised or not, and the dynamic loader.
    pub fn libraries(&self) -> impl Iterator<Item = &str> {
        let loader = self.interpreter.rsplit('/').next();
        let Libraries { promised, present } = &self.libraries;
        promised.iter().chain(present).map(String::as_str).chain(loader)
    }

    /// The libraries that are there without a promise.
    pub fn present(&self) -> impl Iterator<Item = &str> {
        self.libraries.present.iter().map(String::as_str)
    }

    /// How a symbol version is there, with the highest promised one of its family (`GLIBC_2.34`)
    /// where it is not promised. A version of a family that we know nothing of counts as promised:
    /// what is said of its library says it all.
    #[must_use]
    pub fn version(&self, version: &str) -> (Provided, String) {
        let Some((family, number)) = version.split_once('_') else {
            return (Provided::Promised, String::new());
        };
        let Some(ceiling) = self.versions.get(family) else {
            return (Provided::Promised, String::new());
        };
        let up_to = |max: &String| is_number(number) && compare(number, max) != Ordering::Greater;
        let provided = if ceiling.named.iter().any(|named| named == version) || up_to(&ceiling.max)
        {
            Provided::Promised
        } else if ceiling.present.as_ref().is_some_and(up_to) {
            Provided::Present
        } else {
            Provided::No
        };
        (provided, format!("{family}_{}", ceiling.max))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.split('.').all(|part| part.parse::<u32>().is_ok())
}

/// Compares dotted numbers: 2.9 < 2.34, 2.34 < 2.34.1.
pub(crate) fn compare(a: &str, b: &str) -> Ordering {
    let numbers = |text: &str| -> Vec<u32> {
        text.split('.').map(|part| part.parse().unwrap_or(u32::MAX)).collect()
    };
    numbers(a).cmp(&numbers(b))
}

/// The highest `GLIBC_` version among those given, without the prefix; weak ones are the caller's
/// to leave out. Names that are no numbers (`GLIBC_PRIVATE`, `GLIBC_ABI_DT_RELR`) do not count.
pub fn highest_glibc<'a>(versions: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    versions
        .into_iter()
        .filter_map(|version| version.strip_prefix("GLIBC_"))
        .filter(|number| is_number(number))
        .max_by(|a, b| compare(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn al2023() -> System {
        System::of_zip(Runtime::ProvidedAl2023, Arch::X86_64).unwrap()
    }

    #[test]
    fn every_system_is_whole_and_says_where_its_facts_come_from() {
        for runtime in Runtime::ALL {
            for arch in Arch::ALL {
                let system = System::of_zip(runtime, arch).unwrap();
                for family in ["GLIBC", "GLIBCXX", "CXXABI", "GCC"] {
                    assert!(system.versions.contains_key(family), "{runtime} {arch} {family}");
                }
                assert_eq!(system.library("libc.so.6"), Provided::Promised);
            }
            let path = format!("{}/systems/{runtime}.json", env!("CARGO_MANIFEST_DIR"));
            let file: serde_json::Value =
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            for fact in [
                "status",
                "GLIBC",
                "GLIBCXX",
                "CXXABI",
                "GCC",
                "interpreter",
                "promised",
                "present",
            ] {
                let source = file["sources"][fact].as_str().unwrap_or_default();
                assert!(source.len() > 20, "{runtime}: no source for {fact}");
            }
        }
    }

    #[test]
    fn ceilings() {
        let system = al2023();
        for fits in ["GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.34", "GLIBCXX_3.4.29", "CXXABI_TM_1"] {
            assert_eq!(system.version(fits).0, Provided::Promised, "{fits}");
        }
        // `GLIBC_ABI_DT_RELR` is made by `-z pack-relative-relocs`; glibc 2.36 was the first to
        // know it.
        for more in ["GLIBC_2.35", "GLIBC_2.34.1", "GLIBC_ABI_DT_RELR", "GLIBC_PRIVATE"] {
            assert_eq!(system.version(more), (Provided::No, "GLIBC_2.34".to_owned()), "{more}");
        }
        let promised = "GLIBCXX_3.4.29".to_owned();
        assert_eq!(system.version("GLIBCXX_3.4.30"), (Provided::Present, promised.clone()));
        assert_eq!(system.version("GLIBCXX_3.4.34"), (Provided::No, promised));
        assert_eq!(system.version("LIBFOO_9").0, Provided::Promised, "no family of the system's");
        for (version, provided) in [
            ("OPENSSL_3.0.9", Provided::Promised),
            ("OPENSSL_3.3.0", Provided::No),
            ("ZLIB_1.2.9", Provided::Promised),
            ("ZLIB_1.2.12", Provided::No),
        ] {
            assert_eq!(system.version(version).0, provided, "{version}");
        }
        let al2 = System::of_zip(Runtime::ProvidedAl2, Arch::Arm64).unwrap();
        assert_eq!(al2.version("GLIBC_2.27"), (Provided::No, "GLIBC_2.26".to_owned()));
    }

    #[test]
    fn libraries() {
        let system = al2023();
        assert_eq!(system.library("libssl.so.3"), Provided::Present);
        assert_eq!(system.library("libgcrypt.so.20"), Provided::No, "in the image, not in zip");
        assert_eq!(system.library("libpq.so.5"), Provided::No);
        assert_eq!(system.library("ld-linux-x86-64.so.2"), Provided::Promised);
    }

    #[test]
    fn the_floor_is_the_highest_number() {
        let versions = ["GLIBC_2.9", "GLIBC_2.34", "GLIBC_PRIVATE", "GLIBCXX_3.4.29", "GLIBC_2.4"];
        assert_eq!(highest_glibc(versions), Some("2.34"));
        assert_eq!(highest_glibc(["GCC_3.0"]), None);
    }
}
