//! Compilers that link: what there is, and which glibc each brings.

use std::env;
use std::ffi::OsString;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::elf;
use crate::linker::{Compiler, Zig};
use crate::process::Step;
use crate::remedy;
use crate::target::{Arch, Glibc};

/// The host's C compiler, by the name that rustc calls.
#[must_use]
pub fn cc() -> Option<Compiler> {
    compiler("cc")
}

/// A gcc that links for glibc on that architecture, by the names that distributions give it.
#[must_use]
pub fn gcc(arch: Arch) -> Option<Compiler> {
    let arch = arch.rust_name();
    let names = [
        format!("{arch}-linux-gnu-gcc"),
        format!("{arch}-unknown-linux-gnu-gcc"),
        format!("{arch}-redhat-linux-gcc"),
        format!("{arch}-amazon-linux-gcc"),
    ];
    names.iter().find_map(|name| compiler(name))
}

/// A gcc that links for musl on that architecture. `musl-gcc`, of the package musl-tools, is for the
/// host's own.
#[must_use]
pub fn musl_gcc(arch: Arch, host: &str) -> Option<Compiler> {
    let native = Arch::of_linux_triple(host) == Some(arch);
    let arch = arch.rust_name();
    let named = [format!("{arch}-linux-musl-gcc"), format!("{arch}-unknown-linux-musl-gcc")];
    let own = native.then(|| "musl-gcc".to_owned());
    named.into_iter().chain(own).find_map(|name| compiler(&name))
}

/// A compiler by name or path, if it answers.
#[must_use]
pub fn compiler(program: &str) -> Option<Compiler> {
    let answer = Step::new(program, ["--version"]).quiet_output().ok()?;
    let version = String::from_utf8_lossy(&answer).lines().next().map(str::to_owned);
    Some(Compiler { program: program.to_owned(), version, glibc: glibc_of(program) })
}

/// The glibc that a compiler links with: the highest version that its `libc.so.6` defines.
fn glibc_of(program: &str) -> Option<Glibc> {
    let answer = Step::new(program, ["-print-file-name=libc.so.6"]).quiet_output().ok()?;
    let path = PathBuf::from(String::from_utf8_lossy(&answer).trim());
    // It answers the bare name where it knows no such file.
    if !path.is_absolute() {
        return None;
    }
    let facts = elf::read(&mut BufReader::new(File::open(path).ok()?)).ok()?;
    facts.versions_defined.iter().filter_map(|version| Glibc::of_text(version)).max()
}

/// `zig`, or Python's package `ziglang`, of the system or in the folder that `doctor` has it in.
/// `CARGO_ZIGBUILD_ZIG_PATH` and `CARGO_ZIGBUILD_PYTHON_PATH` name others, as they do for
/// cargo-zigbuild.
#[must_use]
pub fn zig() -> Option<Zig> {
    let named = |variable: &str, default: &str| {
        let value = env::var_os(variable).filter(|value| !value.is_empty());
        value.unwrap_or_else(|| default.into()).to_string_lossy().into_owned()
    };
    let zig = vec![named("CARGO_ZIGBUILD_ZIG_PATH", "zig")];
    let python = named("CARGO_ZIGBUILD_PYTHON_PATH", "python3");
    let of_python = |python| vec![python, "-m".to_owned(), "ziglang".to_owned()];
    // As `doctor` has it installed.
    let ours = remedy::zig_folder(&super::data()).join("bin/python3").display().to_string();
    [zig, of_python(python), of_python(ours)].into_iter().find_map(|command| {
        let (program, args) = command.split_first()?;
        let args = args.iter().map(String::as_str).chain(["version"]);
        let answer = Step::new(program, args).quiet_output().ok()?;
        let version = String::from_utf8(answer).ok()?.trim().to_owned();
        // A `zig` of another kind, or Python without the package, answers something else.
        let is_version = version.starts_with(|c: char| c.is_ascii_digit());
        (is_version && !version.contains('\n')).then_some(Zig { command, version })
    })
}

/// The zig that a variable names or that stands in `PATH`, whether it answers or not.
#[must_use]
pub fn zig_that_is_named() -> Option<String> {
    let named = ["CARGO_ZIGBUILD_ZIG_PATH", "CARGO_ZIGBUILD_PYTHON_PATH"]
        .into_iter()
        .find_map(|name| env::var(name).ok().filter(|value| !value.is_empty()));
    let found = which::which("zig").ok().map(|path| path.display().to_string());
    named.or(found)
}

/// Whether a program is there, by name or by path.
#[must_use]
pub fn is_there(program: &str) -> bool {
    which::which(program).is_ok()
}

/// Where rustc has the standard library of a target, if it has it.
#[must_use]
pub fn standard_library(triple: &str) -> Option<PathBuf> {
    let args = ["--print", "target-libdir", "--target", triple].map(OsString::from);
    let answer = Step::new(super::rustc_program(), args).quiet_output().ok()?;
    let folder = PathBuf::from(String::from_utf8_lossy(&answer).trim());
    has_core(&folder).then_some(folder)
}

fn has_core(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
}
