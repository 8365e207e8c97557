//! How a handler is compiled. Handlers that differ in it are built in runs of their own.

use crate::target::{Runtime, Target};

/// What was asked for with `linker`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LinkerRequest {
    /// The best one that is there.
    #[default]
    Auto,
    /// The host's C compiler.
    Host,
    /// `zig cc`.
    Zig,
    /// A gcc for the target.
    Gcc,
    /// A gcc for musl.
    Musl,
}

impl LinkerRequest {
    /// Every one, the default first.
    pub const ALL: [Self; 5] = [Self::Auto, Self::Host, Self::Zig, Self::Gcc, Self::Musl];
    /// Their words, in the same order.
    pub const NAMES: [&str; 5] = ["auto", "host", "zig", "gcc", "musl"];

    /// The word of the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => Self::NAMES[0],
            Self::Host => Self::NAMES[1],
            Self::Zig => Self::NAMES[2],
            Self::Gcc => Self::NAMES[3],
            Self::Musl => Self::NAMES[4],
        }
    }

    /// The request of a word.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.name() == name)
    }
}

/// What a handler is optimised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Optimize {
    /// As the profile says.
    #[default]
    Speed,
    /// `opt-level = "z"`.
    Size,
}

/// The processor that is compiled for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cpu {
    /// As rustc names it (`rustc --print target-cpus`).
    pub name: String,
    /// Someone chose it; else it is the default of the architecture, and gives way to what the
    /// user's flags for rustc say.
    pub chosen: bool,
}

/// All that decides how one handler is compiled, but for its features.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Compile {
    /// What for.
    pub target: Target,
    /// The processor.
    pub cpu: Cpu,
    /// The linker that was asked for.
    pub linker: LinkerRequest,
    /// Speed or size.
    pub optimize: Optimize,
    /// The crate of the workspace whose shared library it is linked with, and that of Rust itself.
    pub dylib: Option<String>,
}

/// The feature of a handler's package that makes it link with the shared library.
pub const LAYER_FEATURE: &str = "lambda-layer";

impl Compile {
    /// The settings of a handler on one architecture; `cpu` where someone chose it.
    #[must_use]
    pub fn new(
        target: Target,
        cpu: Option<String>,
        linker: LinkerRequest,
        optimize: Optimize,
    ) -> Self {
        let chosen = cpu.is_some();
        let name = cpu.unwrap_or_else(|| target.arch.default_cpu().to_owned());
        Self { target, cpu: Cpu { name, chosen }, linker, optimize, dylib: None }
    }

    /// The same with a shared library.
    #[must_use]
    pub fn with_dylib(self, dylib: Option<String>) -> Self {
        Self { dylib, ..self }
    }

    /// In what this differs from the usual way for its triple; none if in nothing. Cargo does not tell
    /// such builds apart by the names of their files (see `remap`), so each needs a target folder of
    /// its own, or two in one workspace would undo one another. It does tell profiles apart.
    #[must_use]
    pub fn variant(&self) -> Option<String> {
        let usual = Self::new(
            Target::new(self.target.arch, self.target.libc, Runtime::default()),
            None,
            LinkerRequest::Auto,
            self.optimize,
        );
        let floor = format!("glibc{}", self.target.floor);
        let parts = [
            (self.target.with_floor() != usual.target.with_floor()).then_some(floor.as_str()),
            (self.cpu.name != usual.cpu.name).then_some(self.cpu.name.as_str()),
            (self.linker != usual.linker).then(|| self.linker.name()),
            self.dylib.is_some().then_some("dylib"),
        ];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join("+"))
    }
}
