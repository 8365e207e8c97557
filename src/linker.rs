//! Which linker a target gets, and why.
//!
//! Decided from facts that are asked for one at a time, because each costs a program to be started.
//! Nothing is installed: what is missing is an error with the command that mends it.

use std::fmt;

use crate::compile::LinkerRequest;
use crate::target::{Arch, Glibc, Libc, Target};

/// Versions of zig that the whole test suite passed with, the newest first. Another one works most
/// likely, and is a warning.
pub const KNOWN_ZIGS: &[&str] = &["0.17.0"];

/// A C compiler that links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiler {
    /// The program.
    pub program: String,
    /// The first line of `--version`.
    pub version: Option<String>,
    /// The version of the glibc that it links with, if it tells.
    pub glibc: Option<Glibc>,
}

/// A zig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zig {
    /// The program and its first arguments: `zig`, or `python3 -m ziglang`.
    pub command: Vec<String>,
    /// What `zig version` says.
    pub version: String,
}

/// Answers about this machine; each is asked for only when it matters.
pub struct Machine<'a> {
    /// The triple of the host.
    pub host: &'a str,
    /// What cargo's configuration names for the target, and where.
    pub configured: &'a dyn Fn() -> Option<(String, String)>,
    /// The host's `cc`.
    pub cc: &'a dyn Fn() -> Option<Compiler>,
    /// `zig`, or Python's `ziglang`.
    pub zig: &'a dyn Fn() -> Option<Zig>,
    /// A gcc of another architecture.
    pub gcc: &'a dyn Fn(Arch) -> Option<Compiler>,
    /// A gcc for musl.
    pub musl: &'a dyn Fn(Arch) -> Option<Compiler>,
}

/// The linker of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Linker {
    /// What cargo's configuration names; we leave it alone.
    Configured {
        /// The program.
        program: String,
        /// Where it says so.
        origin: String,
    },
    /// The host's C compiler.
    Host(Compiler),
    /// `zig cc`.
    Zig(Zig),
    /// A gcc for the target.
    Gcc(Compiler),
    /// A gcc for musl.
    Musl(Compiler),
}

/// A linker, and why it and no other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The linker.
    pub linker: Linker,
    /// Why.
    pub why: String,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkerError {
    /// The host's compiler was asked for and makes other executables.
    #[error("the host's C compiler links for {host}, not for {target}")]
    OtherHost {
        /// The host.
        host: String,
        /// The target.
        target: String,
    },
    /// A tool that was asked for is not there.
    #[error("there is no {what} on this machine, which `--linker {request}` asks for")]
    Missing {
        /// The tool.
        what: String,
        /// The request.
        request: &'static str,
        /// The tool's name for the one who knows how to install it.
        tool: Tool,
    },
    /// Nothing that could link.
    #[error("nothing on this machine links for {target}")]
    Nothing {
        /// The target.
        target: String,
    },
    /// `--linker musl` for glibc.
    #[error("`--linker musl` links for musl; {target} is asked for")]
    NotMusl {
        /// The target.
        target: String,
    },
}

/// A tool that can be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// The host's C compiler.
    Cc,
    /// zig.
    Zig,
    /// A gcc for another architecture.
    Gcc(Arch),
    /// A gcc for musl.
    MuslGcc(Arch),
}

impl fmt::Display for Linker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configured { program, .. } => f.write_str(program),
            Self::Host(compiler) | Self::Gcc(compiler) | Self::Musl(compiler) => {
                f.write_str(&compiler.program)
            }
            Self::Zig(zig) => write!(f, "zig cc {}", zig.version),
        }
    }
}

impl Zig {
    /// What to say of a version that nobody tried.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (!KNOWN_ZIGS.contains(&self.version.as_str())).then(|| {
            format!(
                "zig {} is not one of those that were tried ({})",
                self.version,
                KNOWN_ZIGS.join(", ")
            )
        })
    }
}

/// Chooses.
pub fn choose(
    request: LinkerRequest,
    target: &Target,
    machine: &Machine<'_>,
) -> Result<Chosen, LinkerError> {
    let chosen = |linker, why: String| Ok(Chosen { linker, why });
    let asked = || format!("`--linker {}`", request.name());
    let missing = |what: &str, tool| {
        Err(LinkerError::Missing { what: what.to_owned(), request: request.name(), tool })
    };
    let native = Arch::of_linux_triple(machine.host) == Some(target.arch);
    match request {
        LinkerRequest::Auto => match (machine.configured)() {
            Some((program, origin)) => {
                let why = format!("{origin} says so");
                chosen(Linker::Configured { program, origin }, why)
            }
            None if target.libc == Libc::Musl => musl(target, native, machine),
            None => gnu(target, native, machine),
        },
        LinkerRequest::Host if !native => Err(LinkerError::OtherHost {
            host: machine.host.to_owned(),
            target: target.triple().to_owned(),
        }),
        LinkerRequest::Host => match (machine.cc)() {
            Some(cc) => chosen(Linker::Host(cc), asked()),
            None => missing("C compiler (`cc`)", Tool::Cc),
        },
        LinkerRequest::Zig => match (machine.zig)() {
            Some(zig) => chosen(Linker::Zig(zig), asked()),
            None => missing("zig (neither `zig` nor Python's `ziglang`)", Tool::Zig),
        },
        LinkerRequest::Gcc => match (machine.gcc)(target.arch) {
            Some(gcc) => chosen(Linker::Gcc(gcc), asked()),
            None => missing(
                &format!("{}-linux-gnu-gcc", target.arch.rust_name()),
                Tool::Gcc(target.arch),
            ),
        },
        LinkerRequest::Musl if target.libc != Libc::Musl => {
            Err(LinkerError::NotMusl { target: target.triple().to_owned() })
        }
        LinkerRequest::Musl => match (machine.musl)(target.arch) {
            Some(gcc) => chosen(Linker::Musl(gcc), asked()),
            None => missing("gcc for musl", Tool::MuslGcc(target.arch)),
        },
    }
}

/// The host's, if it may; else zig; else a gcc for that architecture; else the host's all the same,
/// and the audit decides.
fn gnu(target: &Target, native: bool, machine: &Machine<'_>) -> Result<Chosen, LinkerError> {
    let cc = if native { (machine.cc)() } else { None };
    let floor = target.floor;
    if let Some(cc) = &cc
        && let Some(glibc) = cc.glibc.filter(|glibc| *glibc <= floor)
    {
        let why = format!("this host's glibc is {glibc}, not above the runtime's {floor}");
        return Ok(Chosen { linker: Linker::Host(cc.clone()), why });
    }
    let because = match &cc {
        Some(Compiler { glibc: Some(glibc), .. }) => {
            format!("this host's glibc is {glibc}, above the runtime's {floor}")
        }
        Some(_) => "this host's C compiler does not tell its glibc".to_owned(),
        None if native => "there is no `cc`".to_owned(),
        None => format!("this host is {}", machine.host),
    };
    if let Some(zig) = (machine.zig)() {
        return Ok(Chosen { linker: Linker::Zig(zig), why: because });
    }
    if !native && let Some(gcc) = (machine.gcc)(target.arch) {
        let why = format!("{because}, and there is no zig");
        return Ok(Chosen { linker: Linker::Gcc(gcc), why });
    }
    match cc {
        Some(cc) => {
            let why = format!("{because}, and there is no zig");
            Ok(Chosen { linker: Linker::Host(cc), why })
        }
        None => Err(LinkerError::Nothing { target: target.triple().to_owned() }),
    }
}

/// A gcc of the same architecture for musl, which takes the least; zig; a gcc of another one; the
/// host's compiler, which rustc gives musl's own start files.
fn musl(target: &Target, native: bool, machine: &Machine<'_>) -> Result<Chosen, LinkerError> {
    let gcc = (machine.musl)(target.arch);
    if native && let Some(gcc) = gcc.clone() {
        return Ok(Chosen { linker: Linker::Musl(gcc), why: "it links for musl".to_owned() });
    }
    if let Some(zig) = (machine.zig)() {
        return Ok(Chosen { linker: Linker::Zig(zig), why: "there is no gcc for musl".to_owned() });
    }
    if let Some(gcc) = gcc {
        return Ok(Chosen { linker: Linker::Musl(gcc), why: "it links for musl".to_owned() });
    }
    match (machine.cc)().filter(|_| native) {
        Some(cc) => {
            let why = "there is neither a gcc for musl nor zig: enough without C code".to_owned();
            Ok(Chosen { linker: Linker::Host(cc), why })
        }
        None => Err(LinkerError::Nothing { target: target.triple().to_owned() }),
    }
}

#[cfg(test)]
mod tests;
