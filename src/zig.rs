//! `zig cc` as linker and C compiler for cargo, through cargo-zigbuild's wrappers.
//!
//! The library knows what must be changed in rustc's linker arguments for each version of zig and
//! rustc; that is its project's work, not ours. It runs in a process of its own (a hidden command of
//! this program), because it reads what it must know from the environment of its process and sets
//! variables there, which a library may not do, and because it prints and exits by itself.
//!
//! One thing is done differently: the wrapper is given to rustc as `-C linker`, which reaches the
//! target only. cargo-zigbuild sets `CARGO_TARGET_<TRIPLE>_LINKER`, which where host and target agree
//! would link build scripts too, and keeps them out with cargo's unstable features.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cargo_zigbuild::{Build, Zig as Tool};
use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::linker::Zig;
use crate::process::{ProcessError, Step};
use crate::target::Target;
use crate::tool_cache::{Answer, Question, ToolCache};
use crate::toolchain::Rustc;

/// The hidden command that answers [`Environment`].
pub const COMMAND: &str = "zig-environment";

/// What a cargo run needs to compile C and to link with zig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The program that links.
    pub linker: String,
    /// Variables for build scripts: compilers, archiver, what bindgen and cmake read.
    pub variables: BTreeMap<String, String>,
}

/// Why zig cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum ZigError {
    /// This program cannot be run again.
    #[error("cannot find the file of this program")]
    Itself(#[source] std::io::Error),
    /// Nor zig.
    #[error("cannot find `{0}`")]
    NotFound(String),
    /// The library failed; its words are the cause.
    #[error("cannot set up zig as the linker")]
    Library(#[from] LibraryError),
    /// The library's process failed; its words stand before ours.
    #[error("cannot set up zig as the linker")]
    Failed(#[from] ProcessError),
    /// It answers something else.
    #[error("the answer of this program's own `{COMMAND}` is broken")]
    Answer(#[from] serde_json::Error),
}

/// What cargo-zigbuild says went wrong, with its causes.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct LibraryError(String);

/// Asks for the environment of a target, in a process of its own. `cpu` is for C code, by rustc's
/// name; without one it is the least that the architecture has. The answer is known while this
/// program, zig, rustc and the wrappers that were written are the same.
pub fn environment(
    cache: &ToolCache,
    zig: &Zig,
    rustc: &Rustc,
    target: &Target,
    cpu: Option<&str>,
) -> Result<Environment, ZigError> {
    let program = env::current_exe().map_err(ZigError::Itself)?;
    let (command, args) = match zig.command.split_first() {
        Some((command, args)) => (command.clone(), args.join(" ")),
        None => return Err(ZigError::NotFound("zig".to_owned())),
    };
    let path = which::which(&command).map_err(|_| ZigError::NotFound(command))?;
    let linker = linker_variable(target);
    let folder = cache_folder(zig);
    let step = Step::new(program, [COMMAND.to_owned(), target.with_floor()])
        // Else the library would leave out what the user has set.
        .without([OsString::from(linker)])
        // In the place of the user's own, which may speak of another target.
        .with(
            "CARGO_ENCODED_RUSTFLAGS",
            cpu.map_or_else(String::new, |cpu| format!("-Ctarget-cpu={cpu}")),
        )
        .with("CARGO_ZIGBUILD_CACHE_DIR", &folder)
        .with("CARGO_ZIGBUILD_ZIG_COMMAND", &path)
        .with("CARGO_ZIGBUILD_ZIG_COMMAND_ARGS", args)
        .with("CARGO_ZIGBUILD_ZIG_VERSION", &zig.version)
        .with("RUSTC", &rustc.program);
    let question = Question::of(&step).variables(steers).part(&rustc.version).file(path);
    let read = |text: &str| Ok(serde_json::from_str::<Environment>(text)?);
    let ask = || {
        let text = String::from_utf8_lossy(&step.output()?).into_owned();
        let written = read(&text)?.files_below(&folder);
        Ok::<_, ZigError>(Answer::of(text).written(written))
    };
    cache.ask(&question, read, ask)
}

impl Environment {
    /// The wrappers that it names, which lie in our folder.
    fn files_below(&self, folder: &Path) -> BTreeSet<PathBuf> {
        let all = self.variables.values().chain([&self.linker]).map(PathBuf::from);
        all.filter(|path| path.starts_with(folder)).collect()
    }
}

/// What the library, zig and the wrappers read of the environment: settings of theirs and of the
/// compilers that zig stands for, what is not to be replaced since it is set, and where caches lie.
fn steers(name: &str) -> bool {
    const STARTS: [&str; 16] = [
        "CARGO_ZIGBUILD_",
        "CARGO_TARGET_",
        "CARGO_BUILD_",
        "CARGO_BIN_EXE_",
        "RUST",
        "ZIG_",
        "NIX_",
        "BINDGEN_",
        "CMAKE_",
        "PKG_CONFIG_",
        "CC",
        "CXX",
        "AR",
        "RANLIB",
        "PYTHON",
        "TARGET_",
    ];
    const NAMES: [&str; 10] = [
        "HOME",
        "XDG_CACHE_HOME",
        "CARGO_HOME",
        "CPATH",
        "C_INCLUDE_PATH",
        "CPLUS_INCLUDE_PATH",
        "LIBRARY_PATH",
        "SDKROOT",
        "MSYSTEM",
        "SHELL",
    ];
    NAMES.contains(&name) || STARTS.iter().any(|start| name.starts_with(start))
}

/// A folder for the wrappers of this very zig: their names do not tell one zig from another, and cargo
/// links again only if the name of the linker changes.
fn cache_folder(zig: &Zig) -> PathBuf {
    let named = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || env::home_dir().unwrap_or_else(env::temp_dir).join(".cache");
    let base = named("CARGO_ZIGBUILD_CACHE_DIR").or_else(|| named("XDG_CACHE_HOME"));
    let which = Sha256::of(zig.command.join("\0").as_bytes()).hex();
    let name = format!("zig-{}-{}", zig.version, which.get(..8).unwrap_or_default());
    base.unwrap_or_else(home).join("cargo-lambda-pack").join(name)
}

fn linker_variable(target: &Target) -> String {
    let triple = target.triple().to_ascii_uppercase().replace('-', "_");
    format!("CARGO_TARGET_{triple}_LINKER")
}

/// What the hidden command answers: the variables that cargo-zigbuild would give cargo, without
/// those that only make up for its choice of variable (see above). `target` has its glibc suffix.
pub fn of_this_process(target: &str) -> Result<Environment, ZigError> {
    let triple = target.split('.').next().unwrap_or(target);
    let mut build = Build { enable_zig_ar: true, ..Build::default() };
    build.cargo.common.target = vec![target.to_owned()];
    let command = build.build_command().map_err(failed)?;
    let underscored = triple.replace('-', "_");
    let linker_variable = format!("CARGO_TARGET_{}_LINKER", underscored.to_ascii_uppercase());
    let mut linker = PathBuf::new();
    let mut variables = BTreeMap::new();
    for (name, value) in command.get_envs() {
        let name = name.to_string_lossy().into_owned();
        match value {
            Some(value) if name == linker_variable => linker = value.into(),
            Some(value) if !name.contains("TARGET_APPLIES_TO_HOST") && !name.starts_with("__") => {
                variables.insert(name, value.to_string_lossy().into_owned());
            }
            _ => {}
        }
    }
    // Set in this process by the library, not in the command.
    for name in [&underscored[..], triple].map(|end| format!("BINDGEN_EXTRA_CLANG_ARGS_{end}")) {
        variables.extend(env::var(&name).ok().map(|value| (name, value)));
    }
    Ok(Environment { linker: linker.to_string_lossy().into_owned(), variables })
}

/// Runs a tool of zig's as the wrappers ask for it. Ends this process where the tool fails.
pub fn run(tool: &Tool) -> Result<(), ZigError> {
    tool.execute().map_err(failed)
}

/// The tool for a call under its own name: the wrappers' folder has `ar` as a link to this program.
#[must_use]
pub fn by_name(args: &[OsString]) -> Option<Tool> {
    let name = PathBuf::from(args.first()?);
    let args = args.iter().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match name.file_stem()?.to_str()? {
        "ar" => Some(Tool::Ar { args }),
        _ => None,
    }
}

fn failed(error: impl std::fmt::Display) -> ZigError {
    // With its causes: `{:#}` of anyhow. Of what zig itself says, which may fill the screen, the end.
    let text = format!("{error:#}");
    let from = text.char_indices().rev().nth(400).map_or(0, |(at, _)| at);
    let cut = if from > 0 { "…" } else { "" };
    LibraryError(format!("{cut}{}", text.get(from..).unwrap_or_default().trim())).into()
}
