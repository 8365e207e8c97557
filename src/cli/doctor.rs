//! `doctor`: what this machine has, what works with it, and what is missing.

use std::env;

use serde_json::json;

use super::args::Doctor;
use super::question::{agreed, can_be_asked};
use crate::cargo_files;
use crate::doctor::{Ability, Facts};
use crate::error::Error;
use crate::linker::Compiler;
use crate::message::{Buildable, Message, clean};
use crate::process::Step;
use crate::remedy::{Command, Means, Missing};
use crate::shell::Shell;
use crate::tool_cache::ToolCache;
use crate::toolchain;

pub(super) fn run(args: &Doctor, shell: &Shell) -> Result<(), Error> {
    let folder = env::current_dir().unwrap_or_default();
    let config = cargo_files::load(&folder, cargo_files::variables(), &[]);
    let rustc = toolchain::rustc(&ToolCache::none(), toolchain::find_rustc(config.rustc())?)?;
    let facts = toolchain::facts(&rustc);
    let means = toolchain::means(&rustc);
    let missing = facts.missing();
    if shell.is_json() {
        records(&facts, &missing, &means, shell)?;
    } else {
        text(&facts, &missing, &means, shell)?;
    }
    for warning in facts.warnings() {
        shell.warn(warning);
    }
    if args.fix { fix(args.yes, &missing, &means, shell) } else { Ok(()) }
}

/// Every fact as a name and what is said of it.
fn lines(facts: &Facts) -> Vec<(&'static str, String)> {
    let none = || "none".to_owned();
    let or_none = |text: &Option<String>| text.clone().unwrap_or_else(none);
    let compilers = |list: Vec<&Compiler>| {
        let all: Vec<String> = list.into_iter().map(compiler).collect();
        if all.is_empty() { none() } else { all.join("; ") }
    };
    let list = |items: &[String]| if items.is_empty() { none() } else { items.join(", ") };
    let zig = facts.zig.as_ref().map(|zig| format!("{} ({})", zig.version, zig.command.join(" ")));
    let qemu: Vec<String> =
        facts.qemu.iter().map(|(arch, program)| format!("{program} ({arch})")).collect();
    let cpu = match facts.runs_default_cpu {
        Some(true) => "runs what is compiled for Lambda by default",
        Some(false) => "does not run what is compiled for Lambda by default",
        None => "unknown",
    };
    vec![
        ("rustc", facts.rustc.clone()),
        ("host", facts.host.clone()),
        ("processor", cpu.to_owned()),
        ("cargo", or_none(&facts.cargo)),
        ("rustup", or_none(&facts.rustup)),
        ("RUSTC_WRAPPER", or_none(&facts.wrapper)),
        ("standard libraries", list(&facts.standard)),
        ("zig", or_none(&zig)),
        ("cc", compilers(facts.cc.iter().collect())),
        ("cross gcc", compilers(facts.gcc.iter().map(|(_, gcc)| gcc).collect())),
        ("gcc for musl", compilers(facts.musl.iter().map(|(_, gcc)| gcc).collect())),
        ("qemu", list(&qemu)),
        ("containers", list(&facts.engines)),
        ("AWS configuration", list(&facts.aws)),
    ]
}

fn compiler(compiler: &Compiler) -> String {
    let version = compiler.version.as_deref().unwrap_or(&compiler.program);
    match compiler.glibc {
        Some(glibc) => format!("{version}, glibc {glibc}"),
        None => version.to_owned(),
    }
}

/// What can be said of a target in a line.
fn ability(ability: &Ability) -> String {
    let runs = match &ability.runs {
        Some(runner) => format!("runs on {runner}"),
        None => "does not run here".to_owned(),
    };
    match &ability.linker {
        _ if !ability.standard => "no: its standard library is missing".to_owned(),
        Ok((linker, why)) => {
            let word = if ability.doubtful { "perhaps" } else { "yes" };
            format!("{word}: {linker} ({why}); {runs}")
        }
        Err(why) => format!("no: {why}"),
    }
}

fn text(facts: &Facts, missing: &[Missing], means: &Means, shell: &Shell) -> Result<(), Error> {
    let width = shell.stdout_width().unwrap_or(80).clamp(40, 100);
    let wrapped = |first: &str, text: &str, indent: usize| {
        let rest = " ".repeat(indent);
        let options = textwrap::Options::new(width)
            .initial_indent(first)
            .subsequent_indent(&rest)
            // Triples and flags are not broken at their hyphens.
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::fill(&clean(text), options)
    };
    shell.answer("Found")?;
    for (name, value) in lines(facts) {
        shell.answer(wrapped(&format!("  {name:<20}"), &value, 22))?;
    }
    shell.answer("\nBuilds for")?;
    for found in facts.abilities() {
        let name = format!("{} on {}", found.target, found.runtime);
        shell.answer(format!("  {name}"))?;
        shell.answer(wrapped("      ", &ability(&found), 6))?;
    }
    if missing.is_empty() {
        return Ok(shell.answer("\nNothing is missing")?);
    }
    shell.answer("\nMissing")?;
    for piece in missing {
        shell.answer(wrapped("  ", &format!("{}: {}", piece.name(), piece.gives()), 6))?;
        let commands = piece.commands(means);
        if commands.is_empty() {
            shell.answer("      no command is known for this system")?;
        }
        for command in commands {
            // Never folded: it is to be copied.
            shell.answer(format!("      {}", step(&command)))?;
        }
    }
    Ok(())
}

pub(super) fn step(command: &Command) -> Step {
    let (program, args) = command
        .split_first()
        .map_or((String::new(), &[][..]), |(program, args)| (program.clone(), args));
    Step::new(program, args.iter().map(String::as_str))
}

fn shown(commands: &[Command]) -> Vec<String> {
    commands.iter().map(|command| step(command).to_string()).collect()
}

fn records(facts: &Facts, missing: &[Missing], means: &Means, shell: &Shell) -> Result<(), Error> {
    for (name, value) in lines(facts) {
        shell.record(&Message::Fact { name, value: (value != "none").then_some(value) })?;
    }
    for found in facts.abilities() {
        shell.record(&Message::Ability(&Buildable {
            target: found.target.with_floor(),
            architecture: found.target.arch.aws_name(),
            runtime: found.runtime.aws_name(),
            works: found.works(),
            linker: found.linker.as_ref().ok().map(|(linker, _)| linker.as_str()),
            why: found.linker.as_ref().map_or_else(String::as_str, |(_, why)| why.as_str()),
            standard_library: found.standard,
            runs_with: found.runs.as_deref(),
        }))?;
    }
    for piece in missing {
        let commands = json!(shown(&piece.commands(means)));
        shell.record(&Message::Missing { name: piece.name(), gives: piece.gives(), commands })?;
    }
    Ok(())
}

/// Runs the commands, each after a yes.
fn fix(yes: bool, missing: &[Missing], means: &Means, shell: &Shell) -> Result<(), Error> {
    if missing.is_empty() {
        return Ok(());
    }
    if !yes && !can_be_asked() {
        let what = "`--fix` asks before it runs anything, and there is no terminal to ask on";
        return Err(Error::Usage(format!("{what}: say `--yes`")));
    }
    for piece in missing {
        let commands = piece.commands(means);
        if commands.is_empty() {
            shell.warn(format!("no command is known here that brings {}", piece.name()));
            continue;
        }
        let all = shown(&commands).join(" && ");
        if !yes && !agreed(&format!("{}: run `{all}`? [y/N] ", piece.name()))? {
            shell.status("Skipped", piece.name());
            continue;
        }
        for command in &commands {
            let step = step(command);
            shell.status("Running", &step);
            step.interactive().map_err(|source| Error::Fix { what: piece.name(), source })?;
        }
    }
    Ok(())
}
