//! What of an environment's files can be run, and by which words.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::children::{Launch, Program};
use crate::elf::{self, Machine};
use crate::local::failure::Failure;
use crate::target::Arch;
use crate::toolchain;

/// Where extensions are, in the layers' files.
const EXTENSIONS: &str = "extensions";

/// A program that can be run.
pub(super) struct Entry {
    /// The words that stand before it: the emulator's, if it is of another architecture.
    pub(super) emulator: Vec<OsString>,
    pub(super) path: PathBuf,
}

/// The names of the extensions: the files of `/opt/extensions`, in the order of their names.
pub(super) fn extensions(launch: &Launch) -> Vec<String> {
    let Some(opt) = &launch.opt else { return Vec::new() };
    let files = fs::read_dir(opt.join(EXTENSIONS)).into_iter().flatten().flatten();
    // As Lambda does it, a link counts as a file, wherever it leads.
    let files = files.filter(|file| file.file_type().is_ok_and(|kind| !kind.is_dir()));
    let mut names: Vec<_> = files.filter_map(|file| file.file_name().into_string().ok()).collect();
    names.sort();
    names
}

/// The file of a program, if it can be run.
pub(super) fn of(launch: &Launch, program: &Program) -> Result<Entry, Failure> {
    let runnable = |path, shown: &str| runnable(path, shown, launch);
    match program {
        Program::Runtime => {
            let (path, shown) = match &launch.image {
                Some((image, start)) => (
                    image.folder.join(&start.program),
                    start.words.first().cloned().unwrap_or_default(),
                ),
                None => bootstrap(launch)?,
            };
            runnable(path, &shown).map_err(Failure::entry_point)
        }
        Program::Extension(name) => {
            let opt = launch.opt.clone().unwrap_or_default();
            let shown = format!("/opt/{EXTENSIONS}/{name}");
            let path = opt.join(EXTENSIONS).join(name);
            runnable(path, &shown).map_err(Failure::launch)
        }
    }
}

/// `bootstrap` of the function, else of its layers; and where Lambda has it.
fn bootstrap(launch: &Launch) -> Result<(PathBuf, String), Failure> {
    let places = std::iter::once((&launch.task, "/var/task"));
    let mut places = places.chain(launch.opt.as_ref().map(|opt| (opt, "/opt")));
    let found = places.find_map(|(folder, shown)| {
        let path = folder.join("bootstrap");
        path.exists().then(|| (path, format!("{shown}/bootstrap")))
    });
    found.ok_or_else(|| {
        Failure::entry_point(
            "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
        )
    })
}

/// Whether the kernel would run it; else what Lambda says of it. `shown`: where Lambda has it.
fn runnable(path: PathBuf, shown: &str, launch: &Launch) -> Result<Entry, String> {
    let refused = |why: &str| format!("fork/exec {shown}: {why}");
    let metadata = fs::metadata(&path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => refused("no such file or directory"),
        _ => refused(&error.to_string()),
    })?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(refused("permission denied"));
    }
    let start = start_of(&path).map_err(|error| refused(&error.to_string()))?;
    if elf::is_elf(&start) {
        let emulator = emulator(&start, launch.arch).map_err(|why| refused(&why))?;
        if launch.image.is_some() && !emulator.is_empty() {
            let arch = launch.arch;
            return Err(refused(&format!("an image for {arch} runs on a machine of {arch} only")));
        }
        return Ok(Entry { emulator, path });
    }
    if is_native(&start, std::env::consts::OS) {
        return Ok(Entry { emulator: Vec::new(), path });
    }
    // `execvp` would give a script without a first line to a shell; Lambda does not.
    let line = start.strip_prefix(b"#!").ok_or_else(|| refused("exec format error"))?;
    let words = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let words = String::from_utf8_lossy(words);
    let is_there = |program: &str| match &launch.image {
        Some((image, _)) => image.has(program),
        None => Path::new(program).exists(),
    };
    if !words.split_whitespace().next().is_some_and(is_there) {
        return Err(refused("no such file or directory"));
    }
    Ok(Entry { emulator: Vec::new(), path })
}

/// Whether it is what `run` builds on a system that is not Linux: of macOS a 64-bit Mach-O file, or one for
/// several processors (`mach-o/loader.h` and `fat.h` of Apple's SDK).
fn is_native(start: &[u8], system: &str) -> bool {
    let magics = [[0xcf, 0xfa, 0xed, 0xfe], [0xca, 0xfe, 0xba, 0xbe]];
    system == "macos" && magics.iter().any(|magic| start.starts_with(magic))
}

/// As much of a file as the kernel looks at to know what it is (`BINPRM_BUF_SIZE`).
fn start_of(entry: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    fs::File::open(entry)?.take(256).read_to_end(&mut start)?;
    Ok(start)
}

/// The words that stand before an executable of another architecture than this machine's, if something
/// here can run those. `start`: the first bytes of the executable.
fn emulator(start: &[u8], arch: Arch) -> Result<Vec<OsString>, String> {
    let machine = match start.get(18..20) {
        Some(&[low, high]) => Machine::from_code(u16::from_le_bytes([low, high])).arch(),
        _ => None,
    };
    let format = "exec format error";
    if machine != Some(arch) {
        return Err(format.to_owned());
    }
    if !cfg!(target_os = "linux") {
        let host = std::env::consts::OS;
        return Err(format!(
            "{format} (it is for Linux, this machine is {host}; `run` builds for it)"
        ));
    }
    if arch.rust_name() == std::env::consts::ARCH {
        return Ok(Vec::new());
    }
    let name = arch.rust_name();
    let Some(program) = toolchain::qemu(arch) else {
        return Err(format!(
            "{format} (the function is for {arch}, this machine is {}; qemu-{name}, of the package \
             qemu-user-static, would run it)",
            std::env::consts::ARCH
        ));
    };
    let mut words: Vec<OsString> = vec![program.into()];
    // Where Debian and Ubuntu put the other architecture's loader.
    let system = Path::new("/usr").join(format!("{name}-linux-gnu"));
    if system.is_dir() {
        words.extend(["-L".into(), system.into()]);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_macos_starts_is_a_mach_o_file() {
        for start in [&[0xcf, 0xfa, 0xed, 0xfe, 0x0c][..], &[0xca, 0xfe, 0xba, 0xbe]] {
            assert!(is_native(start, "macos"));
            assert!(!is_native(start, "linux"));
        }
        for start in [&b"\x7fELF"[..], b"#!/bin/sh", b""] {
            assert!(!is_native(start, "macos"));
        }
    }
}
