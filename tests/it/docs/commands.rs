//! `docs/commands.md` is made of what the commands say of themselves; `SNAPSHOTS=overwrite` writes it again.

use std::collections::BTreeMap;

use crate::support::{lambda_pack, repository, run};

const HEAD: &str = "\
# Commands

Generated from the definitions of the command line; `--help` says the same. Every command takes the
[global options](#global-options), and ends with the [exit codes](../README.md#output-and-exit-codes) of
the README. Recipes show the commands at work: see the [index](README.md).
";
const GLOBAL: &str = "Global Options:";

/// What a command says of itself, from a folder without settings.
fn help(words: &[String]) -> String {
    let mut command = lambda_pack(&repository());
    run(command.args(words).arg("--help")).code(0).stdout
}

/// The names below `Commands:`.
fn subcommands(help: &str) -> Vec<String> {
    let below = help.split("\nCommands:\n").nth(1).unwrap_or_default();
    let rows = below.lines().take_while(|line| !line.is_empty());
    let names = rows.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names = names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned);
    names.filter(|name| name != "help").collect()
}

/// A command and what stands below it: its words, and its help.
fn walk(words: &[String], all: &mut BTreeMap<Vec<String>, String>) {
    let help = help(words);
    for name in subcommands(&help) {
        walk(&[words, &[name]].concat(), all);
    }
    all.insert(words.to_vec(), help);
}

/// As text: `<…>` would be taken for tags, except in code.
fn escaped(text: &str) -> String {
    let outside = |(number, part): (usize, &str)| {
        if number % 2 == 0 { part.replace('<', "\\<") } else { part.to_owned() }
    };
    text.split('`').enumerate().map(outside).collect::<Vec<_>>().join("`")
}

/// The global options, and what stands behind them.
fn global(help: &str) -> (String, String) {
    let rest = help.split(GLOBAL).nth(1).unwrap_or_default().trim_start_matches('\n');
    let end = rest.lines().take_while(|line| line.is_empty() || line.starts_with(' '));
    let end = end.map(|line| line.len() + 1).sum::<usize>().min(rest.len());
    let (options, after) = rest.split_at(end);
    (lean(options), after.trim_end().to_owned())
}

/// Without blanks at the ends of lines.
fn lean(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

fn section(words: &[String], help: &str) -> String {
    let (about, usage) = help.split_once("Usage: ").unwrap();
    let usage = lean(usage.split(GLOBAL).next().unwrap());
    let (_, mut after) = global(help);
    if !after.is_empty() {
        after.insert_str(0, "\n\n");
    }
    let name = words.join(" ");
    let about = escaped(about.trim_end());
    format!("\n## `{name}`\n\n{about}\n\n```text\nUsage: {usage}{after}\n```\n")
}

#[test]
fn the_reference_is_generated() {
    let mut all = BTreeMap::new();
    walk(&[], &mut all);
    let mut text = HEAD.to_owned();
    let program = all.remove(&[][..]).unwrap();
    text.push_str(&format!("\n## Global options\n\n```text\n{}\n```\n", global(&program).0));
    for (words, help) in &all {
        text.push_str(&section(words, help));
    }
    assert!(all.len() > 25, "{:?}", all.keys());
    let path = repository().join("docs/commands.md");
    snapbox::assert_data_eq!(text, snapbox::Data::read_from(&path, None).raw());
}
