//! Whether a bundle will run: (its files, the system it is for) → all findings at once.
//!
//! Pure. What the files are was read before (`inspect`); nothing here opens anything. The rules are
//! those of the Linux kernel and glibc's loader for one program, and Lambda's for a bundle.

mod embedded;
mod finding;
mod link;
mod trust;

use std::collections::{BTreeMap, BTreeSet};

pub use finding::{Code, Finding, Level};
pub use trust::Trust;

use crate::elf::{ByteOrder, Class, ElfFacts, Kind};
use crate::function::Role;
use crate::remap::{Embedded, Outside};
use crate::system::{BrokenData, System};
use crate::target::{Arch, Runtime};

/// The largest zip that `CreateFunction` and `UpdateFunctionCode` take directly, in bytes ("Lambda
/// quotas": 50 MB; the service's own error names the number).
pub const ZIP_LIMIT: u64 = 52_428_800;
/// The largest function unpacked, layers included, in bytes ("Lambda quotas": 250 MB; the service's
/// own error names the number).
pub const UNPACKED_LIMIT: u64 = 262_144_000;

/// Interpreters of scripts that every runtime has (AWS's own examples of `bootstrap` use them).
const SHELLS: [&str; 3] = ["/bin/sh", "/bin/bash", "/usr/bin/env"];

/// What a file of a bundle was found to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// An ELF file and its facts.
    Elf(Box<ElfFacts>),
    /// Begins like an ELF file and cannot be read as one; why.
    BrokenElf(String),
    /// Begins with `#!`; the rest of that line, without leading blanks.
    Script(String),
    /// Anything else.
    Other,
    /// Nobody could look; a finding of its own says why.
    NotRead,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Its path in the bundle.
    pub path: String,
    /// Its permission bits; none where the zip was made without them (on Windows, say).
    pub mode: Option<u32>,
    /// Its length in bytes.
    pub length: u64,
    /// What it is.
    pub content: Content,
}

/// What is audited.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// What to call it in findings: a function's name or a path.
    pub thing: &'a str,
    /// Function or extension.
    pub role: Role,
    /// The paths of the programs that Lambda will start; more than one only for extensions.
    pub programs: Vec<String>,
    /// Everything in it.
    pub files: &'a [Inspected],
    /// What its layers bring, by absolute paths.
    pub layered: &'a [Inspected],
    /// The length of the zip in bytes, if it is one.
    pub zip_size: Option<u64>,
    /// A program by itself, which gets its place and mode only when it is packaged.
    pub bare: bool,
    /// The architecture that it must have; by default the program's own.
    pub arch: Option<Arch>,
    /// The runtime.
    pub runtime: Runtime,
    /// Libraries that its programs open while they run, by name.
    pub dlopen: &'a [String],
    /// The folders of this machine in which libraries for it were looked for.
    pub searched: &'a [String],
    /// The folders of this machine that its first program names.
    pub embedded: &'a [Embedded],
    /// What it is linked with that lies outside of the workspace.
    pub outside: &'a [Outside],
}

/// The files of a subject by their path.
type Files<'a> = BTreeMap<&'a str, &'a Inspected>;

/// Every finding about a subject, the worst first. Empty means that it will start.
pub fn audit(subject: &Subject<'_>, trust: &Trust) -> Result<Vec<Finding>, BrokenData> {
    let systems = Arch::ALL
        .map(|arch| System::of_zip(subject.runtime, arch))
        .into_iter()
        .collect::<Result<Vec<_>, _>>()?;
    // A path in a bundle is never absolute.
    let all = subject.files.iter().chain(subject.layered);
    let files: Files<'_> = all.map(|file| (file.path.as_str(), file)).collect();
    let mut audit = Audit { subject, findings: Vec::new() };
    audit.sizes();
    audit.runtime(&systems);
    if subject.programs.is_empty() {
        audit.no_program();
    }
    for path in &subject.programs {
        audit.program(path, &files, &systems, trust);
    }
    audit.readable();
    let mut findings = audit.findings;
    let program = subject.programs.first().map(String::as_str);
    findings.extend(embedded::findings(subject.thing, program, subject.embedded, subject.outside));
    let mut seen = BTreeSet::new();
    findings.retain(|finding| seen.insert(finding.clone()));
    findings.sort_by_key(|finding| finding.level);
    Ok(findings)
}

/// The highest glibc version that the programs of a subject need, themselves and through what is
/// bundled with them, optional versions left out; none if they need none.
#[must_use]
pub fn glibc_needed(files: &[Inspected]) -> Option<String> {
    let needs = files.iter().filter_map(|file| match &file.content {
        Content::Elf(facts) => Some(&facts.versions_needed),
        _ => None,
    });
    let versions =
        needs.flatten().filter(|need| !need.is_optional()).map(|need| need.version.as_str());
    crate::system::highest_glibc(versions).map(str::to_owned)
}

/// The finding about a zip that is too large for a direct upload.
#[must_use]
pub fn zip_size(thing: &str, size: u64) -> Option<Finding> {
    (size > ZIP_LIMIT).then(|| {
        Finding::new(
            Code::ZipSize,
            thing,
            None,
            format!("the zip has {size} bytes; a direct upload takes {ZIP_LIMIT} (50 MB)"),
            "upload it through S3, or make it smaller: fewer files beside the executable; `strip = \
             \"symbols\"`, `lto = \"fat\"`, `opt-level = \"z\"` in the profile",
        )
    })
}

struct Audit<'a> {
    subject: &'a Subject<'a>,
    findings: Vec<Finding>,
}

impl<'a> Audit<'a> {
    fn add(&mut self, code: Code, path: &str, message: String, hint: impl Into<String>) {
        self.add_as(code.level(), code, path, message, hint);
    }

    fn add_as(
        &mut self,
        level: Level,
        code: Code,
        path: &str,
        message: String,
        hint: impl Into<String>,
    ) {
        let bare = path.is_empty() || self.subject.bare;
        let thing = self.subject.thing;
        self.findings.push(Finding {
            level,
            code,
            thing: thing.to_owned(),
            path: (!bare).then(|| path.to_owned()),
            message,
            hint: hint.into(),
        });
    }

    fn sizes(&mut self) {
        if let Some(size) = self.subject.zip_size {
            self.findings.extend(zip_size(self.subject.thing, size));
        }
        let all = || self.subject.files.iter().chain(self.subject.layered);
        let unpacked: u64 = all().fold(0, |sum, file| sum.saturating_add(file.length));
        if unpacked > UNPACKED_LIMIT {
            let largest = all().max_by_key(|file| file.length);
            let largest = largest
                .map(|file| format!("; the largest is {} ({} bytes)", file.path, file.length));
            self.add(
                Code::UnpackedSize,
                "",
                format!(
                    "the files have {unpacked} bytes; Lambda takes {UNPACKED_LIMIT} (250 MB) \
                     unzipped, layers included{}",
                    largest.unwrap_or_default()
                ),
                "leave large files out and load them at start, or ship a container image (10 GB)",
            );
        }
    }

    fn runtime(&mut self, systems: &[System]) {
        if let Some(why) = systems.iter().find_map(|system| system.deprecated.clone()) {
            let hint = format!("use `{}`", Runtime::default());
            self.add(Code::RuntimeDeprecated, "", why, hint);
        }
    }

    fn no_program(&mut self) {
        let is_bootstrap = |path: &str| {
            path.rsplit('/').next().is_some_and(|name| name.eq_ignore_ascii_case("bootstrap"))
        };
        match self.subject.files.iter().find(|file| is_bootstrap(&file.path)) {
            Some(file) => self.add(
                Code::BootstrapMisplaced,
                &file.path,
                "Lambda starts `bootstrap` at the root of the bundle; here it is elsewhere".into(),
                "zip the folder's contents, not the folder (`cd DIR && zip -r ../x.zip .`)",
            ),
            None => self.add(
                Code::BootstrapMissing,
                "",
                "there is no `bootstrap`, the program that Lambda starts".into(),
                "name the executable `bootstrap` and put it at the root of the bundle",
            ),
        }
    }

    /// Whether Lambda's own user can read all of it.
    fn readable(&mut self) {
        if self.subject.bare {
            return;
        }
        let programs: BTreeSet<&String> = self.subject.programs.iter().collect();
        for file in self.subject.files {
            if file.mode.is_some_and(|mode| mode & 0o004 == 0) && !programs.contains(&file.path) {
                self.add(
                    Code::Unreadable,
                    &file.path,
                    format!(
                        "mode {:04o}: others cannot read it, and Lambda runs the code as another user",
                        file.mode.unwrap_or_default() & 0o7777
                    ),
                    "give it mode 0644 (`chmod a+r`)",
                );
            }
        }
    }

    fn program(&mut self, path: &'a str, files: &Files<'a>, systems: &[System], trust: &Trust) {
        let Some(file) = files.get(path).copied() else {
            self.no_program();
            return;
        };
        self.executable_mode(file);
        match &file.content {
            Content::Elf(facts) => {
                let Some(arch) = self.header(path, facts, self.subject.arch) else { return };
                let Some(system) = systems.iter().find(|system| system.arch == arch) else {
                    return;
                };
                self.kind(path, facts);
                self.interpreter(path, facts, files, system);
                link::check(self, path, facts, files, system, trust);
            }
            Content::BrokenElf(why) => self.broken(path, why),
            Content::Script(interpreter) => self.script(path, interpreter, files),
            // Another finding says why nobody looked.
            Content::NotRead => {}
            Content::Other => self.add(
                Code::NotExecutable,
                path,
                "neither an ELF executable nor a script: the kernel cannot start it".into(),
                "put the binary that cargo built for Linux there",
            ),
        }
    }

    /// `line` is what follows `#!` (execve(2)).
    fn script(&mut self, path: &str, line: &str, files: &Files<'_>) {
        let interpreter = line.split([' ', '\t']).next().unwrap_or_default();
        if line.ends_with('\r') {
            self.add(
                Code::NotExecutable,
                path,
                "a script with Windows line ends: the kernel looks for an interpreter whose name \
                 ends in a carriage return"
                    .into(),
                "save it with UNIX line ends (`sed -i 's/\\r$//'`)",
            );
            return;
        }
        let root = format!("{}/", self.subject.role.unpacked_at());
        let known = SHELLS.contains(&interpreter)
            || files.contains_key(interpreter)
            || interpreter.strip_prefix(&root).is_some_and(|path| files.contains_key(path));
        let message = format!("a script for `{interpreter}`; what it starts is not audited");
        if known {
            self.add(Code::Script, path, message, "");
        } else {
            let hint = format!("see that {} has `{interpreter}`", self.subject.runtime);
            self.add_as(Level::Warning, Code::Script, path, message, hint);
        }
    }

    fn executable_mode(&mut self, file: &Inspected) {
        let needed = if self.subject.bare { 0o100 } else { 0o005 };
        let message = match file.mode {
            Some(mode) if mode & needed == needed => return,
            Some(mode) => format!(
                "mode {:04o} is not executable for everyone: Lambda's start ends with \
                 `Runtime.InvalidEntrypoint` (permission denied)",
                mode & 0o7777
            ),
            None => "the zip holds no UNIX mode (made on Windows?): Lambda's start ends with \
                     permission denied"
                .to_owned(),
        };
        self.add(Code::Mode, &file.path, message, "give it mode 0755 (`chmod 755`)");
    }

    fn broken(&mut self, path: &str, why: &str) {
        self.add(
            Code::MalformedElf,
            path,
            format!("a damaged ELF file: {why}"),
            "build it again, and copy it whole",
        );
    }

    /// Class, byte order and machine; the architecture if Lambda has it.
    fn header(&mut self, path: &str, facts: &ElfFacts, expected: Option<Arch>) -> Option<Arch> {
        if facts.class != Class::Elf64 || facts.byte_order != ByteOrder::Little {
            self.add(
                Code::WrongClass,
                path,
                format!(
                    "an ELF file of {} bits, {}-endian; Lambda runs 64-bit little-endian ones",
                    if facts.class == Class::Elf32 { 32 } else { 64 },
                    if facts.byte_order == ByteOrder::Big { "big" } else { "little" }
                ),
                format!("build for {}", Arch::X86_64.gnu_triple()),
            );
            return None;
        }
        let arch = facts.machine.arch();
        match (arch, expected) {
            (Some(arch), Some(expected)) if arch != expected => {
                self.add(
                    Code::WrongArchitecture,
                    path,
                    format!("built for {arch}; this is for {expected}"),
                    format!("build for {}", expected.gnu_triple()),
                );
                None
            }
            (None, _) => {
                self.add(
                    Code::WrongArchitecture,
                    path,
                    format!("built for {}; Lambda has x86_64 and arm64", facts.machine),
                    format!("build for {}", Arch::X86_64.gnu_triple()),
                );
                None
            }
            (arch, _) => arch,
        }
    }

    fn kind(&mut self, path: &str, facts: &ElfFacts) {
        let what = match facts.kind {
            Kind::Executable | Kind::PieExecutable => return,
            Kind::Library => "a shared library",
            Kind::Other(1) => "an object file",
            Kind::Other(4) => "a core dump",
            Kind::Other(_) => "an ELF file of an unknown kind",
        };
        self.add(
            Code::NotExecutable,
            path,
            format!("{what}, not an executable"),
            "package a binary target (`[[bin]]`); a `cdylib` cannot be started",
        );
    }

    fn interpreter(&mut self, path: &str, facts: &ElfFacts, files: &Files<'_>, system: &System) {
        let Some(interpreter) = &facts.interpreter else {
            if !facts.needed.is_empty()
                && matches!(facts.kind, Kind::PieExecutable | Kind::Executable)
            {
                self.add(
                    Code::Interpreter,
                    path,
                    format!(
                        "needs {} and names no loader that would load it",
                        facts.needed.join(", ")
                    ),
                    "link it statically, or without `--no-dynamic-linker`",
                );
            }
            return;
        };
        let root = format!("{}/", self.subject.role.unpacked_at());
        let bundled = interpreter.strip_prefix(&root).is_some_and(|path| files.contains_key(path));
        if *interpreter == system.interpreter || bundled {
            return;
        }
        let hint = if interpreter.contains("ld-musl") {
            "link musl statically (the default of Rust's musl targets), or build for glibc"
        } else {
            "build outside of the environment (Nix, Conda, …) whose loader this is"
        };
        self.add(
            Code::Interpreter,
            path,
            format!(
                "its loader is `{interpreter}`; {} has `{}`",
                system.runtime, system.interpreter
            ),
            hint,
        );
    }
}

#[cfg(test)]
mod tests;
