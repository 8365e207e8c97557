//! What works on this machine with what is there, and what each missing piece would give.

use crate::compile::LinkerRequest;
use crate::linker::{self, Compiler, Linker, Machine, Tool, Zig};
use crate::remedy::Missing;
use crate::target::{Arch, Libc, Runtime, Target};

/// Everything that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The first line of `rustc -vV`.
    pub rustc: String,
    /// The host triple.
    pub host: String,
    /// The first line of `cargo --version`.
    pub cargo: Option<String>,
    /// The first line of `rustup --version`.
    pub rustup: Option<String>,
    /// `RUSTC_WRAPPER`.
    pub wrapper: Option<String>,
    /// The triples whose standard library is installed.
    pub standard: Vec<String>,
    /// zig.
    pub zig: Option<Zig>,
    /// The host's C compiler.
    pub cc: Option<Compiler>,
    /// The gccs of other architectures.
    pub gcc: Vec<(Arch, Compiler)>,
    /// The gccs for musl.
    pub musl: Vec<(Arch, Compiler)>,
    /// The qemus that run programs of an architecture, each with its path.
    pub qemu: Vec<(Arch, String)>,
    /// Whether this processor runs what is compiled for its architecture by default, if that is
    /// known.
    pub runs_default_cpu: Option<bool>,
    /// `docker`, `podman`.
    pub engines: Vec<String>,
    /// What of AWS's configuration is there; never what it says.
    pub aws: Vec<String>,
}

/// A target of a runtime, and what would link for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ability {
    /// The target.
    pub target: Target,
    /// The runtime.
    pub runtime: Runtime,
    /// The linker and why, or why there is none.
    pub linker: Result<(String, String), String>,
    /// The linker's own glibc is newer than the runtime's, or unknown: what comes out may need more
    /// than the runtime has, and only the audit of it tells.
    pub doubtful: bool,
    /// Whether the standard library is there.
    pub standard: bool,
    /// What would run it here: nothing but the host, a qemu, or nothing.
    pub runs: Option<String>,
}

impl Ability {
    /// Whether a handler can be built for it; none where only the audit of one tells.
    #[must_use]
    pub fn works(&self) -> Option<bool> {
        match self.standard && self.linker.is_ok() {
            true if self.doubtful => None,
            works => Some(works),
        }
    }
}

impl Facts {
    fn of(list: &[(Arch, Compiler)], arch: Arch) -> Option<Compiler> {
        list.iter().find(|(of, _)| *of == arch).map(|(_, compiler)| compiler.clone())
    }

    fn machine<T>(&self, ask: impl FnOnce(&Machine<'_>) -> T) -> T {
        ask(&Machine {
            host: &self.host,
            // A workspace's affair, not the machine's.
            configured: &|| None,
            cc: &|| self.cc.clone(),
            zig: &|| self.zig.clone(),
            gcc: &|arch| Self::of(&self.gcc, arch),
            musl: &|arch| Self::of(&self.musl, arch),
        })
    }

    /// What would run executables of an architecture here.
    #[must_use]
    pub fn runner(&self, arch: Arch) -> Option<String> {
        if Arch::of_linux_triple(&self.host) == Some(arch) {
            return Some("this host".to_owned());
        }
        self.qemu.iter().find(|(of, _)| *of == arch).map(|(_, program)| program.clone())
    }

    /// Every target of every runtime.
    #[must_use]
    pub fn abilities(&self) -> Vec<Ability> {
        let mut all = Vec::new();
        for arch in Arch::ALL {
            for (libc, runtime) in [
                (Libc::Gnu, Runtime::ProvidedAl2023),
                (Libc::Gnu, Runtime::ProvidedAl2),
                (Libc::Musl, Runtime::ProvidedAl2023),
            ] {
                let target = Target::new(arch, libc, runtime);
                let chosen =
                    self.machine(|machine| linker::choose(LinkerRequest::Auto, &target, machine));
                let doubtful = chosen.as_ref().is_ok_and(|chosen| match &chosen.linker {
                    Linker::Host(cc) | Linker::Gcc(cc) => {
                        libc == Libc::Gnu && cc.glibc.is_none_or(|glibc| glibc > target.floor)
                    }
                    Linker::Configured { .. } => true,
                    Linker::Zig(_) | Linker::Musl(_) => false,
                });
                all.push(Ability {
                    target,
                    runtime,
                    doubtful,
                    linker: chosen
                        .map(|chosen| (chosen.linker.to_string(), chosen.why))
                        .map_err(|error| error.to_string()),
                    standard: self.standard.iter().any(|triple| triple == target.triple()),
                    runs: self.runner(arch),
                });
            }
        }
        all
    }

    /// What is not there, the most useful first.
    #[must_use]
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = Vec::new();
        if self.cc.is_none() {
            missing.push(Missing::Linker(Tool::Cc));
        }
        let without = |libc| {
            let triples = Arch::ALL
                .map(|arch| Target::new(arch, libc, Runtime::ProvidedAl2023).triple().to_owned());
            triples.into_iter().filter(|triple| !self.standard.contains(triple))
        };
        missing.extend(without(Libc::Gnu).map(Missing::Standard));
        if self.zig.is_none() {
            missing.push(Missing::Linker(Tool::Zig));
        }
        let others = Arch::ALL.into_iter().filter(|arch| self.runner(*arch).is_none());
        missing.extend(others.map(Missing::Qemu));
        missing.extend(without(Libc::Musl).map(Missing::Standard));
        for arch in Arch::ALL {
            let native = Arch::of_linux_triple(&self.host) == Some(arch);
            if !native && Self::of(&self.gcc, arch).is_none() {
                missing.push(Missing::Linker(Tool::Gcc(arch)));
            }
            if native && Self::of(&self.musl, arch).is_none() {
                missing.push(Missing::Linker(Tool::MuslGcc(arch)));
            }
        }
        missing
    }

    /// What is there and should not be trusted.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<String> = self.zig.iter().filter_map(Zig::warning).collect();
        if self.runs_default_cpu == Some(false)
            && let Some(arch) = Arch::of_linux_triple(&self.host)
        {
            warnings.push(processor_warning(arch));
        }
        warnings
    }
}

/// What is said of a processor that does not run what is compiled for its architecture by default.
#[must_use]
pub fn processor_warning(arch: Arch) -> String {
    let cpu = arch.default_cpu();
    format!(
        "this processor does not run what is compiled for {cpu}, the default on {arch}: Lambda's do; to \
         run a bundle here, build it with `--target-cpu generic`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Glibc;

    fn debian() -> Facts {
        let cc = |program: &str| Compiler {
            program: program.to_owned(),
            version: None,
            glibc: Glibc::of_text("2.36"),
        };
        Facts {
            host: "x86_64-unknown-linux-gnu".to_owned(),
            standard: vec!["x86_64-unknown-linux-gnu".to_owned()],
            cc: Some(cc("cc")),
            ..Facts::default()
        }
    }

    #[test]
    fn what_works_and_what_is_missing() {
        let bare = debian();
        let works = |facts: &Facts| -> Vec<String> {
            let abilities = facts.abilities();
            abilities
                .iter()
                .filter(|a| a.works() != Some(false))
                .map(|a| a.target.with_floor())
                .collect()
        };
        assert_eq!(
            works(&bare),
            ["x86_64-unknown-linux-gnu.2.34", "x86_64-unknown-linux-gnu.2.26"]
        );
        assert!(bare.abilities()[..2].iter().all(|ability| ability.works().is_none()));
        assert_eq!(
            bare.missing(),
            [
                Missing::Standard("aarch64-unknown-linux-gnu".to_owned()),
                Missing::Linker(Tool::Zig),
                Missing::Qemu(Arch::Arm64),
                Missing::Standard("x86_64-unknown-linux-musl".to_owned()),
                Missing::Standard("aarch64-unknown-linux-musl".to_owned()),
                Missing::Linker(Tool::MuslGcc(Arch::X86_64)),
                Missing::Linker(Tool::Gcc(Arch::Arm64)),
            ]
        );
        let cc = bare.cc.clone().unwrap();
        let full = Facts {
            zig: Some(Zig { command: vec!["zig".to_owned()], version: "0.1.0".to_owned() }),
            standard: Arch::ALL
                .into_iter()
                .flat_map(|arch| {
                    Libc::ALL.map(|l| Target::new(arch, l, Runtime::ProvidedAl2023).triple())
                })
                .map(str::to_owned)
                .collect(),
            qemu: vec![(Arch::Arm64, "qemu-aarch64-static".to_owned())],
            runs_default_cpu: Some(false),
            gcc: vec![(Arch::Arm64, cc.clone())],
            musl: vec![(Arch::X86_64, cc)],
            ..bare
        };
        assert!(full.abilities().iter().all(|ability| ability.works() == Some(true)));
        assert_eq!(full.missing(), []);
        let warnings = full.warnings();
        assert!(warnings[0].contains("zig 0.1.0"), "{warnings:?}");
        assert!(warnings[1].contains("x86-64-v3"), "{warnings:?}");
    }
}
