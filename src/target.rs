//! What a handler is compiled for, and what AWS runs it on.
//!
//! Closed enums and total matches: what we choose is never a string. The names are AWS's
//! (`Architectures`, `Runtime` of `CreateFunction`) and rustc's (target triples).

use std::fmt;
use std::str::FromStr;

/// A processor architecture that AWS Lambda offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Arch {
    /// AWS: `x86_64`; cargo: `x86_64`.
    X86_64,
    /// AWS: `arm64`; cargo: `aarch64`.
    Arm64,
}

impl Arch {
    /// Every architecture, in the order in which we list them.
    pub const ALL: [Self; 2] = [Self::X86_64, Self::Arm64];

    /// The name in AWS's `Architectures`.
    #[must_use]
    pub const fn aws_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// The rustc target triple for glibc.
    #[must_use]
    pub const fn gnu_triple(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64-unknown-linux-gnu",
            Self::Arm64 => "aarch64-unknown-linux-gnu",
        }
    }

    /// The processor that is compiled for where nothing else is said. AWS documents AVX2 on every
    /// `x86_64` function ("Configuring instruction set architecture", and AVX2 of "Runtimes"), and
    /// Graviton2 (Neoverse N1) or later on arm64.
    #[must_use]
    pub const fn default_cpu(self) -> &'static str {
        match self {
            Self::X86_64 => "x86-64-v3",
            Self::Arm64 => "neoverse-n1",
        }
    }

    /// rustc's word for it.
    #[must_use]
    pub const fn rust_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }

    /// The architecture of a triple of any system, if it is one that Lambda has.
    #[must_use]
    pub fn of_triple(triple: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|arch| triple.split('-').next() == Some(arch.rust_name()))
    }

    /// That of this machine; `x86_64` where Lambda has it not.
    #[must_use]
    pub const fn of_this_machine() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }

    /// The architecture of a rustc host or target triple, if it is Linux on one that Lambda has.
    #[must_use]
    pub fn of_linux_triple(triple: &str) -> Option<Self> {
        let mut parts = triple.split('-');
        let arch = match parts.next()? {
            "x86_64" => Self::X86_64,
            "aarch64" => Self::Arm64,
            _ => return None,
        };
        parts.any(|part| part == "linux").then_some(arch)
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.aws_name())
    }
}

/// A version of glibc. Ordered as versions are: 2.9 before 2.34.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Glibc {
    /// The number before the dot.
    pub major: u32,
    /// The number behind it.
    pub minor: u32,
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Glibc {
    /// The version in `2.34` or `GLIBC_2.34`; what follows a second dot does not count.
    #[must_use]
    pub fn of_text(text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix("GLIBC_").unwrap_or(text).split('.');
        let (major, minor) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { major, minor })
    }
}

/// The C library that a handler is linked with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Libc {
    /// glibc, found on Lambda.
    #[default]
    Gnu,
    /// musl, linked statically.
    Musl,
}

impl Libc {
    /// Every one, the default first.
    pub const ALL: [Self; 2] = [Self::Gnu, Self::Musl];

    /// The word in a target triple.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gnu => "gnu",
            Self::Musl => "musl",
        }
    }
}

impl FromStr for Libc {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name("libc", &Self::ALL, Self::name, name)
    }
}

/// What a handler is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// The architecture.
    pub arch: Arch,
    /// The C library.
    pub libc: Libc,
    /// The highest version of glibc that it may need: the runtime's. Means nothing with musl.
    pub floor: Glibc,
}

impl Target {
    /// The target of a function on a runtime.
    #[must_use]
    pub const fn new(arch: Arch, libc: Libc, runtime: Runtime) -> Self {
        Self { arch, libc, floor: runtime.glibc() }
    }

    /// The rustc target triple.
    #[must_use]
    pub const fn triple(&self) -> &'static str {
        match (self.arch, self.libc) {
            (arch, Libc::Gnu) => arch.gnu_triple(),
            (Arch::X86_64, Libc::Musl) => "x86_64-unknown-linux-musl",
            (Arch::Arm64, Libc::Musl) => "aarch64-unknown-linux-musl",
        }
    }

    /// The triple, with the floor where there is one: `x86_64-unknown-linux-gnu.2.34`.
    #[must_use]
    pub fn with_floor(&self) -> String {
        match self.libc {
            Libc::Gnu => format!("{}.{}", self.triple(), self.floor),
            Libc::Musl => self.triple().to_owned(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.libc {
            Libc::Gnu => write!(f, "{} with glibc {}", self.arch, self.floor),
            Libc::Musl => write!(f, "{} with musl", self.arch),
        }
    }
}

/// An OS-only runtime of AWS Lambda (`Runtime` of `CreateFunction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Runtime {
    /// Amazon Linux 2023, glibc 2.34.
    #[default]
    ProvidedAl2023,
    /// Amazon Linux 2, glibc 2.26; past its deprecation date.
    ProvidedAl2,
}

impl Runtime {
    /// Every runtime, the default first.
    pub const ALL: [Self; 2] = [Self::ProvidedAl2023, Self::ProvidedAl2];

    /// The name in AWS's API.
    #[must_use]
    pub const fn aws_name(self) -> &'static str {
        match self {
            Self::ProvidedAl2023 => "provided.al2023",
            Self::ProvidedAl2 => "provided.al2",
        }
    }

    /// The version of its glibc (as `systems/*.json` have it; a test compares).
    #[must_use]
    pub const fn glibc(self) -> Glibc {
        match self {
            Self::ProvidedAl2023 => Glibc { major: 2, minor: 34 },
            Self::ProvidedAl2 => Glibc { major: 2, minor: 26 },
        }
    }
}

impl fmt::Display for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.aws_name())
    }
}

/// A name that is not one of ours; the message lists those that are.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} `{name}`; known are {known}")]
pub struct UnknownName {
    what: &'static str,
    name: String,
    known: String,
}

fn by_name<T: Copy>(
    what: &'static str,
    all: &[T],
    name_of: fn(T) -> &'static str,
    name: &str,
) -> Result<T, UnknownName> {
    all.iter().copied().find(|&item| name_of(item) == name).ok_or_else(|| UnknownName {
        what,
        name: name.to_owned(),
        known: all.iter().map(|&item| name_of(item)).collect::<Vec<_>>().join(", "),
    })
}

impl FromStr for Arch {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name("architecture", &Self::ALL, Self::aws_name, name)
    }
}

impl FromStr for Runtime {
    type Err = UnknownName;
    fn from_str(name: &str) -> Result<Self, UnknownName> {
        by_name("runtime", &Self::ALL, Self::aws_name, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for arch in Arch::ALL {
            assert_eq!(arch.aws_name().parse(), Ok(arch));
            assert_eq!(Arch::of_linux_triple(arch.gnu_triple()), Some(arch));
        }
        for runtime in Runtime::ALL {
            assert_eq!(runtime.aws_name().parse(), Ok(runtime));
        }
        let error = "provided.al3".parse::<Runtime>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "unknown runtime `provided.al3`; known are provided.al2023, provided.al2"
        );
    }

    #[test]
    fn a_target_is_a_triple_with_a_floor() {
        let target = Target::new(Arch::Arm64, Libc::Gnu, Runtime::ProvidedAl2);
        assert_eq!(target.with_floor(), "aarch64-unknown-linux-gnu.2.26");
        let musl = Target::new(Arch::X86_64, Libc::Musl, Runtime::ProvidedAl2023);
        assert_eq!(musl.with_floor(), "x86_64-unknown-linux-musl");
        for text in ["2.34", "GLIBC_2.34", "2.34.1"] {
            assert_eq!(Glibc::of_text(text), Some(Runtime::ProvidedAl2023.glibc()), "{text}");
        }
        assert!(Glibc::of_text("2.9") < Glibc::of_text("2.26"));
        assert_eq!(Glibc::of_text("GLIBC_PRIVATE"), None);
    }

    #[test]
    fn only_linux_hosts_have_a_lambda_architecture() {
        assert_eq!(Arch::of_linux_triple("x86_64-unknown-linux-musl"), Some(Arch::X86_64));
        assert_eq!(Arch::of_linux_triple("aarch64-apple-darwin"), None);
        assert_eq!(Arch::of_linux_triple("riscv64gc-unknown-linux-gnu"), None);
    }
}
