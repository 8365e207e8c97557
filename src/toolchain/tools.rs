//! Compilers that link: what there is, and which glibc each brings.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use crate::elf;
use crate::linker::Compiler;
use crate::process::Step;
use crate::target::{Arch, Glibc};
use crate::tool_cache::{Answer, Question, ToolCache};

/// The host's C compiler, by the name that rustc calls.
#[must_use]
pub fn cc(cache: &ToolCache) -> Option<Compiler> {
    compiler(cache, "cc")
}

/// A gcc that links for glibc on that architecture, by the names that distributions give it.
#[must_use]
pub fn gcc(cache: &ToolCache, arch: Arch) -> Option<Compiler> {
    let arch = arch.rust_name();
    let names = [
        format!("{arch}-linux-gnu-gcc"),
        format!("{arch}-unknown-linux-gnu-gcc"),
        format!("{arch}-redhat-linux-gcc"),
        format!("{arch}-amazon-linux-gcc"),
    ];
    names.iter().find_map(|name| compiler(cache, name))
}

/// A gcc that links for musl on that architecture. `musl-gcc`, of the package musl-tools, is for the
/// host's own.
#[must_use]
pub fn musl_gcc(cache: &ToolCache, arch: Arch, host: &str) -> Option<Compiler> {
    let native = Arch::of_linux_triple(host) == Some(arch);
    let arch = arch.rust_name();
    let named = [format!("{arch}-linux-musl-gcc"), format!("{arch}-unknown-linux-musl-gcc")];
    let own = native.then(|| "musl-gcc".to_owned());
    named.into_iter().chain(own).find_map(|program| {
        let version = Some(version(cache, &program)?);
        Some(Compiler { program, version, glibc: None })
    })
}

/// The first line of `--version`, if a program has one.
#[must_use]
pub fn version(cache: &ToolCache, program: &str) -> Option<String> {
    let step = Step::new(program, ["--version"]);
    let ask = || Ok(Answer::of(String::from_utf8_lossy(&step.quiet_output().map_err(drop)?)));
    let read = |text: &str| Ok::<_, ()>(text.lines().next().unwrap_or_default().to_owned());
    cache.ask(&question(&step), read, ask).ok()
}

/// A compiler by name or path, if it answers, with its glibc.
fn compiler(cache: &ToolCache, program: &str) -> Option<Compiler> {
    let version = version(cache, program)?;
    let glibc = glibc_of(cache, program);
    Some(Compiler { program: program.to_owned(), version: Some(version), glibc })
}

/// The glibc that a compiler links with: the highest version that its `libc.so.6` defines. That it
/// knows of none is asked again each time: one may have been installed.
fn glibc_of(cache: &ToolCache, program: &str) -> Option<Glibc> {
    let step = Step::new(program, ["-print-file-name=libc.so.6"]);
    let ask = || {
        let answer = step.quiet_output().map_err(drop)?;
        let path = PathBuf::from(String::from_utf8_lossy(&answer).trim());
        // It answers the bare name where it knows no such file.
        let glibc = defined_by(&path).filter(|_| path.is_absolute()).ok_or(())?;
        Ok(Answer::of(glibc.to_string()).files([path]))
    };
    cache.ask(&question(&step), |text| Glibc::of_text(text).ok_or(()), ask).ok()
}

fn defined_by(libc: &Path) -> Option<Glibc> {
    let facts = elf::read(&mut BufReader::new(File::open(libc).ok()?)).ok()?;
    facts.versions_defined.iter().filter_map(|version| Glibc::of_text(version)).max()
}

/// What steers a compiler beside its arguments (GCC, "Environment Variables Affecting GCC"; clang's
/// `CCC_OVERRIDE_OPTIONS`).
const STEERS: [&str; 4] =
    ["GCC_EXEC_PREFIX", "COMPILER_PATH", "LIBRARY_PATH", "CCC_OVERRIDE_OPTIONS"];
/// Programs that stand in for the next compiler in `PATH`, under its name.
const STAND_INS: [&str; 6] = ["ccache", "sccache", "distcc", "icecc", "colorgcc", "busybox"];

fn question(step: &Step) -> Question {
    let question = Question::of(step).variables(|name| STEERS.contains(&name));
    let real = which::which(step.program()).ok().and_then(|found| fs::canonicalize(found).ok());
    let Some(real) = real else { return question };
    let stands_in = real.file_name().is_some_and(|name| STAND_INS.iter().any(|it| name == *it));
    let question = question.part(&real);
    if stands_in { question.once() } else { question }
}

/// Whether a program is there, by name or by path.
#[must_use]
pub fn is_there(program: &str) -> bool {
    which::which(program).is_ok()
}
