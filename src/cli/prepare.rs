//! What each way of compiling needs of this machine: a linker, flags for rustc, keys of the profile.
//! All of it is settled, and what is missing is said, before anything is built.

mod fixed;
mod shared;

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use cargo_platform::Cfg;

use super::facts::Facts;
use crate::bundle::LinkerRecord;
use crate::cargo_config::{self, Handed, Value, Word};
use crate::cargo_files;
use crate::compile::{Compile, LinkerRequest, Optimize};
use crate::config::ConfigFile;
use crate::error::Error;
use crate::files;
use crate::jobs::Jobs;
use crate::linker::{self, Chosen, Compiler, Linker, LinkerError, Machine, Tool, Zig};
use crate::nearest::suggestion;
use crate::profile::{self, Wish};
use crate::remap::{Place, Remap};
use crate::remedy::Missing;
use crate::rustflags::{self, Flag, codegen};
use crate::shell::Shell;
use crate::target::{Arch, Libc};
use crate::toolchain::{self, ToolchainError};
use crate::zig;

/// What a cargo run is given beside the user's own flags.
#[derive(Debug, Clone, Default)]
pub(super) struct Prepared {
    /// `--config`, behind the user's.
    pub(super) config: Vec<String>,
    /// Variables of its environment.
    pub(super) variables: Variables,
    /// The user's own flags for rustc.
    pub(super) flags: Vec<String>,
    /// What links.
    pub(super) linker: LinkerRecord,
    /// The processor that is compiled for in the end.
    pub(super) cpu: String,
    /// A target folder of its own, where cargo would take the build for another one.
    pub(super) target_dir: Option<PathBuf>,
    /// The folders that get fixed names.
    pub(super) remap: Remap,
}

/// Where cargo writes.
#[derive(Debug, Default)]
struct Targets {
    /// Every folder.
    all: Vec<PathBuf>,
    /// Another target folder than the user's.
    own: Option<PathBuf>,
    /// `--config` for another build folder than the user's.
    config: Vec<String>,
}

/// Variables with their values.
type Variables = Vec<(String, String)>;

/// The facts that all ways of compiling share.
pub(super) struct Machines<'a> {
    facts: &'a Facts,
    manifest: ConfigFile,
    shell: &'a Shell,
    /// Asked for at most once, however many ways of compiling there are.
    cc: OnceCell<Option<Compiler>>,
    zig: OnceCell<Option<Zig>>,
}

impl<'a> Machines<'a> {
    pub(super) fn new(facts: &'a Facts, shell: &'a Shell) -> Self {
        let path = facts.metadata.workspace_root.join("Cargo.toml");
        // What cannot be read, cargo has said.
        let text = files::read_settings(path.as_std_path()).ok().flatten().unwrap_or_default();
        let manifest = ConfigFile { name: "Cargo.toml".into(), text };
        let (cc, zig) = (OnceCell::new(), OnceCell::new());
        Self { facts, manifest, shell, cc, zig }
    }

    /// The target that cargo's configuration names (`build.target`, `CARGO_BUILD_TARGET`), where a
    /// function can be of it; else the host.
    pub(super) fn default_target(&self) -> (Option<Arch>, Libc) {
        if self.facts.options.host {
            return (Some(Arch::of_this_machine()), Libc::Gnu);
        }
        let configured =
            self.facts.config.value(&["build", "target"]).map(|said| match said.value {
                Value::Text(triple) => vec![triple],
                Value::List(triples) => triples,
                _ => Vec::new(),
            });
        let triple = configured.and_then(|triples| triples.into_iter().next());
        let Some(triple) = triple else {
            return (Arch::of_triple(&self.facts.rustc.host), Libc::Gnu);
        };
        match Arch::of_linux_triple(&triple) {
            Some(arch) if triple.ends_with("-musl") => (Some(arch), Libc::Musl),
            Some(arch) => (Some(arch), Libc::Gnu),
            None => {
                let what = "is not one that Lambda has; the host's architecture counts";
                self.shell.warn(format!("cargo's configuration builds for {triple}, which {what}"));
                (Arch::of_triple(&self.facts.rustc.host), Libc::Gnu)
            }
        }
    }

    /// How much may run at once.
    pub(super) fn jobs(&self) -> Jobs {
        Jobs::new(self.facts.options.jobs.as_deref(), &self.facts.config)
    }

    /// Settles every way of compiling. `packages`: where those outside of the workspace lie, for each
    /// triple.
    pub(super) fn prepare<'c>(
        &self,
        all: impl Iterator<Item = &'c Compile>,
        packages: &BTreeMap<&'static str, Vec<Place>>,
    ) -> Result<BTreeMap<Compile, Prepared>, Error> {
        let mut prepared = BTreeMap::new();
        if self.facts.options.host {
            let plain = self.for_host();
            return Ok(all.map(|compile| (compile.clone(), plain.clone())).collect());
        }
        for compile in all {
            if !prepared.contains_key(compile) {
                let packages = packages.get(compile.target.triple()).map_or(&[][..], Vec::as_slice);
                prepared.insert(compile.clone(), self.settle(compile, packages)?);
            }
        }
        Ok(prepared)
    }

    /// As `cargo build` does it by itself, so that both share what is built.
    fn for_host(&self) -> Prepared {
        let host = &self.facts.rustc.host;
        let what = "this is not the packaged bundle, and not Lambda's Linux";
        self.shell.status_once("Building", format!("for this machine ({host}): {what}"));
        let key = ["build", "target"];
        let other = self.facts.config.value(&key).is_some();
        let argument = || cargo_config::argument(&key, &Value::Text(host.clone()));
        let config = other.then(argument).into_iter().collect();
        Prepared { config, ..Prepared::default() }
    }

    fn settle(&self, compile: &Compile, packages: &[Place]) -> Result<Prepared, Error> {
        let triple = compile.target.triple();
        Self::check_shared(compile)?;
        let standard = self.has_standard_library(triple)?;
        self.check_cpu(compile)?;
        let cfgs =
            cargo_files::cfgs(&self.facts.tools, &self.facts.config, &self.facts.rustc, triple);
        let users = rustflags::decide(&self.facts.config, triple, &cfgs, &[]).users;
        let chosen = self.choose(compile, &cfgs, &users)?;
        self.check_linker(compile, &chosen)?;
        self.shell.status_once(
            "Linking",
            format!("{} with {}: {}", compile.target, chosen.linker, chosen.why),
        );
        if let Linker::Zig(zig) = &chosen.linker
            && let Some(warning) = zig.warning()
        {
            self.shell.warn(warning);
        }
        let cpu =
            Flag { text: format!("-Ctarget-cpu={}", compile.cpu.name), chosen: compile.cpu.chosen };
        let effective = self.effective_cpu(compile, &users);
        let (linker, mut variables) = self.linker(compile, &chosen, &effective)?;
        let start = start_files(compile, standard);
        let shared = self.shared(compile, &users);
        let folders = self.folders(compile);
        let compiler = self.c_compiler(triple, &chosen.linker);
        let record = self.record(&chosen.linker);
        let tools = format!("{:?}", (&record.program, &record.version, &compiler));
        let remap = self.remap(triple, &folders, packages, &tools);
        for place in remap.places() {
            self.shell.detail("Remapped", format!("{} to {}", place.from.display(), place.to));
        }
        let remapped =
            remap.rustc_flags(&users).into_iter().map(|text| Flag { text, chosen: true });
        let ours: Vec<Flag> =
            [cpu].into_iter().chain(linker).chain(start).chain(shared).chain(remapped).collect();
        let (more, forced) = self.c_variables(triple, &remap, compiler.as_deref());
        variables.extend(more);
        let flags = rustflags::decide(&self.facts.config, triple, &cfgs, &ours);
        let (size, dylib) = (compile.optimize == Optimize::Size, compile.dylib.is_some());
        let name = &self.facts.options.profile;
        let wish = Wish { size, dylib };
        let profile = profile::decide(name, &self.manifest, &self.facts.config, &users, wish);
        for row in &profile.rows {
            self.shell.detail("Profile", format!("{name}: {row}"));
        }
        for row in flags.rows.iter().filter(|row| !Remap::is_flag(&row.flag)) {
            self.shell.detail("Rustflags", format!("{triple}: {row}"));
        }
        let mut config = folders.config;
        config.extend(forced);
        for handed in flags.handed.into_iter().chain(profile.handed) {
            match handed {
                Handed::Variable { name, value } => variables.push((name, value)),
                Handed::Config(text) => config.push(text),
            }
        }
        let linker = record;
        let target_dir = folders.own;
        let flags = users.into_iter().map(|word| word.text).collect();
        Ok(Prepared { config, variables, flags, linker, cpu: effective, target_dir, remap })
    }

    /// The processor that rustc compiles for: the user's flags may name another.
    fn effective_cpu(&self, compile: &Compile, users: &[Word]) -> String {
        let named = codegen(users, "target-cpu").filter(|_| !compile.cpu.chosen);
        let Some((word, name)) = named else { return compile.cpu.name.clone() };
        if name == "native" {
            let what = "is this machine's processor, not Lambda's";
            self.shell.warn(format!("{}: target-cpu `native` {what}", word.origin));
        }
        name.to_owned()
    }

    /// Whether rustc has it; if not, it must be built from its source.
    fn has_standard_library(&self, triple: &str) -> Result<bool, Error> {
        // The host's is always there.
        let there = triple == self.facts.rustc.host
            || self.facts.rustc.has_standard_library(&self.facts.tools, triple);
        let built = self.facts.options.unstable.iter().any(|flag| flag.starts_with("build-std"));
        if there || built {
            return Ok(there);
        }
        Err(self.missing(&Missing::Standard(triple.to_owned()), None))
    }

    /// rustc only warns of a processor that it does not know, and compiles for another.
    fn check_cpu(&self, compile: &Compile) -> Result<(), Error> {
        let (cpu, triple) = (&compile.cpu, compile.target.triple());
        if !cpu.chosen {
            return Ok(());
        }
        if cpu.name == "native" {
            let default = compile.target.arch.default_cpu();
            return Err(Error::Usage(format!(
                "target-cpu `native` is this machine's processor, not Lambda's; {default} is what \
                 every function of {} has",
                compile.target.arch
            )));
        }
        let known =
            self.facts.rustc.cpus(&self.facts.tools, triple).map_err(ToolchainError::from)?;
        if known.contains(&cpu.name) {
            return Ok(());
        }
        let near = suggestion(&cpu.name, known.iter().map(String::as_str));
        Err(Error::Usage(format!("rustc knows no processor `{}` for {triple}; {near}", cpu.name)))
    }

    /// What is configured and not there would fail when everything is compiled; a zig that is there
    /// and does not work would only seem to be missing.
    fn check_linker(&self, compile: &Compile, chosen: &Chosen) -> Result<(), Error> {
        if let Linker::Configured { program, origin } = &chosen.linker
            && !toolchain::is_there(program)
        {
            let what = format!("the linker `{program}`, which {origin} names,");
            return Err(Error::Missing { what, commands: Vec::new(), source: None });
        }
        let wanted = matches!(compile.linker, LinkerRequest::Auto | LinkerRequest::Zig);
        if wanted
            && !matches!(chosen.linker, Linker::Zig(_) | Linker::Configured { .. })
            && let Some(zig) = toolchain::zig_that_is_named()
            && self.zig().is_none()
        {
            self.shell
                .warn(format!("`{zig}` does not answer `version` as zig does: it counts as none"));
        }
        Ok(())
    }

    /// A wrapper that is not there would fail as whatever asks rustc first.
    pub(super) fn check_wrapper(&self) -> Result<(), Error> {
        let named = self
            .facts
            .config
            .variable("RUSTC_WRAPPER")
            .map(|text| ("RUSTC_WRAPPER".to_owned(), text.to_owned()));
        let configured = || {
            let said = self.facts.config.value(&["build", "rustc-wrapper"])?;
            let Value::Text(program) = said.value else { return None };
            Some((said.origin.to_string(), program))
        };
        match named.or_else(configured) {
            Some((origin, program)) if !program.is_empty() && !toolchain::is_there(&program) => {
                Err(Error::Usage(format!("{origin} names `{program}`, which is not there")))
            }
            _ => Ok(()),
        }
    }

    fn cc(&self) -> Option<Compiler> {
        self.cc.get_or_init(|| toolchain::cc(&self.facts.tools)).clone()
    }

    fn zig(&self) -> Option<Zig> {
        self.zig.get_or_init(|| toolchain::zig(&self.facts.tools)).clone()
    }

    fn choose(&self, compile: &Compile, cfgs: &[Cfg], users: &[Word]) -> Result<Chosen, Error> {
        let triple = compile.target.triple();
        let host = &self.facts.rustc.host;
        let configured = || {
            // In rustc the flag comes last, and counts.
            let flag = codegen(users, "linker")
                .map(|(word, program)| (program.to_owned(), word.origin.to_string()));
            let key = || self.facts.config.linker(triple, cfgs);
            flag.or_else(|| {
                key().map(|(path, origin)| (path.display().to_string(), origin.to_string()))
            })
        };
        let machine = Machine {
            host,
            configured: &configured,
            cc: &|| self.cc(),
            zig: &|| self.zig(),
            gcc: &|arch| toolchain::gcc(&self.facts.tools, arch),
            musl: &|arch| toolchain::musl_gcc(&self.facts.tools, arch, host),
        };
        linker::choose(compile.linker, &compile.target, &machine).map_err(|error| {
            let tool = match &error {
                LinkerError::Missing { tool, .. } => *tool,
                LinkerError::NotMusl { .. } => return error.into(),
                LinkerError::OtherHost { .. } | LinkerError::Nothing { .. } => Tool::Zig,
            };
            self.missing(&Missing::Linker(tool), Some(error))
        })
    }

    /// How the linker reaches rustc and build scripts.
    fn linker(
        &self,
        compile: &Compile,
        chosen: &Chosen,
        cpu: &str,
    ) -> Result<(Option<Flag>, Variables), Error> {
        let triple = compile.target.triple();
        let flag = |program: &str| Flag { text: format!("-Clinker={program}"), chosen: true };
        let unset = |variables: Variables| {
            // What the user has set stays.
            variables
                .into_iter()
                .filter(|(name, _)| self.facts.config.env(name).is_none())
                .collect()
        };
        Ok(match &chosen.linker {
            Linker::Configured { .. } => (None, Vec::new()),
            // What rustc takes by itself, unless something else is configured.
            Linker::Host(_) if compile.linker == LinkerRequest::Auto => (None, Vec::new()),
            Linker::Host(compiler) | Linker::Gcc(compiler) => {
                (Some(flag(&compiler.program)), Vec::new())
            }
            Linker::Musl(compiler) => {
                let cc = format!("CC_{}", triple.replace('-', "_"));
                (Some(flag(&compiler.program)), unset(vec![(cc, compiler.program.clone())]))
            }
            Linker::Zig(found) => {
                // zig has another word for it, and takes it by itself.
                let cpu = Some(cpu).filter(|name| *name != "generic");
                let environment = zig::environment(
                    &self.facts.tools,
                    found,
                    &self.facts.rustc,
                    &compile.target,
                    cpu,
                )?;
                let variables = environment.variables.into_iter().collect();
                (Some(flag(&environment.linker)), unset(variables))
            }
        })
    }

    fn record(&self, linker: &Linker) -> LinkerRecord {
        let version = |program: &str| toolchain::version(&self.facts.tools, program);
        let (program, version) = match linker {
            // A file's path would be this machine's own.
            Linker::Configured { program, .. } => (name_of(program), version(program)),
            Linker::Host(compiler) | Linker::Gcc(compiler) | Linker::Musl(compiler) => {
                (compiler.program.clone(), compiler.version.clone())
            }
            Linker::Zig(zig) => ("zig cc".to_owned(), Some(zig.version.clone())),
        };
        LinkerRecord { program: Some(program), version, comments: Vec::new() }
    }

    /// Something that is not there, with the commands that bring it.
    fn missing(&self, what: &Missing, source: Option<LinkerError>) -> Error {
        let commands = what.commands(&toolchain::means(&self.facts.rustc));
        let commands =
            commands.iter().map(|command| super::doctor::step(command).to_string()).collect();
        Error::Missing { what: what.name(), commands, source }
    }
}

/// For musl rustc links start files and a libc of its own, which come with the standard library. One
/// that is built from its source (`-Z build-std`) has none: the linker's count.
fn start_files(compile: &Compile, standard: bool) -> Option<Flag> {
    let theirs = compile.target.libc == Libc::Musl && !standard;
    theirs.then(|| Flag { text: "-Clink-self-contained=no".to_owned(), chosen: false })
}

fn name_of(program: &str) -> String {
    let name = Path::new(program).file_name();
    name.map_or_else(|| program.to_owned(), |name| name.to_string_lossy().into_owned())
}
