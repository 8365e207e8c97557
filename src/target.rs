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
    fn only_linux_hosts_have_a_lambda_architecture() {
        assert_eq!(Arch::of_linux_triple("x86_64-unknown-linux-musl"), Some(Arch::X86_64));
        assert_eq!(Arch::of_linux_triple("aarch64-apple-darwin"), None);
        assert_eq!(Arch::of_linux_triple("riscv64gc-unknown-linux-gnu"), None);
    }
}
