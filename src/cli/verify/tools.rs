//! What of this machine and of these flags is another than a record says: the bytes may differ for it.

use std::path::Path;

use super::given::Given;
use crate::bundle::{BuildRecord, Record};
use crate::cli::args::Verify;
use crate::cli::facts::Facts;
use crate::cli::recorded;
use crate::process::Step;
use crate::shell::Shell;
use crate::target::Arch;
use crate::toolchain;

/// The tools of this machine.
pub(super) struct Here<'a> {
    facts: &'a Facts,
    /// As it answers in the fresh sources, where another toolchain may be wanted.
    rustc: String,
}

impl<'a> Here<'a> {
    pub(super) fn new(facts: &'a Facts, sources: &Path) -> Self {
        let rustc = &facts.rustc;
        let answer = Step::new(&rustc.program, ["-vV"]).at(sources).quiet_output();
        let text = answer.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        let first = text.ok().and_then(|text| text.lines().next().map(str::to_owned));
        let version = first.unwrap_or_else(|| rustc.version.clone());
        Self { facts, rustc: version }
    }

    /// Before anything is built.
    pub(super) fn warn(&self, given: &Given, shell: &Shell) {
        let Some(record) = &given.record else { return };
        if record.rustc != self.rustc {
            warn(given, "compiled by", &record.rustc, &self.rustc, shell);
        }
        let linker = &record.linker;
        let here = linker.program.as_deref().and_then(|program| self.linker(program, record));
        if let (Some(then), Some(now)) = (&linker.version, here)
            && *then != now
        {
            warn(given, "linked by", then, &now, shell);
        }
    }

    /// The version of a linker that a record names. Only programs that this machine would take anyhow
    /// are run, never one because a record names it.
    fn linker(&self, program: &str, record: &Record) -> Option<String> {
        let Facts { tools, rustc, .. } = self.facts;
        if program == "zig cc" {
            return toolchain::zig(tools).map(|zig| zig.version);
        }
        let arch: Option<Arch> = record.architecture.parse().ok();
        let known = || {
            let musl = || toolchain::musl_gcc(tools, arch?, &rustc.host);
            [toolchain::cc(tools), arch.and_then(|arch| toolchain::gcc(tools, arch)), musl()]
        };
        known().into_iter().flatten().find(|known| known.program == program)?.version
    }
}

/// Once it is known what linked: another program than then.
pub(super) fn warn_of_linker(given: &Given, rebuilt: &Record, shell: &Shell) {
    let Some(record) = &given.record else { return };
    let (then, now) = (&record.linker.program, &rebuilt.linker.program);
    if let (Some(then), Some(now)) = (then, now)
        && then != now
    {
        warn(given, "linked by", then, now, shell);
    }
}

fn warn(given: &Given, how: &str, then: &str, now: &str, shell: &Shell) {
    let what = "the bytes may well differ";
    shell.warn(format!("{} was {how} `{then}`, here it is `{now}`: {what}", given.thing));
}

/// Says which flags and variables must be given again, and which were not given then.
pub(super) fn warn_of_what_is_not_kept(
    thing: &str,
    build: &BuildRecord,
    args: &Verify,
    shell: &Shell,
) {
    let now = recorded::not_kept(&args.build);
    let list = |of: &[String], without: &[String]| {
        let names: Vec<&str> =
            of.iter().filter(|name| !without.contains(name)).map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    };
    if let Some(names) = list(&build.not_kept, &now) {
        let what = "whose values no record keeps: give them again";
        shell.warn(format!("{thing} was built with {names}, {what}"));
    }
    if let Some(names) = list(&now, &build.not_kept) {
        shell.warn(format!("{thing} was built without {names}, which are set now"));
    }
}
