//! Runs the command lines, all of a page in one shell, against a Lambda on this machine.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use super::book::{Block, Page, pages};
use super::workspaces;
use crate::emulator::free_port;
use crate::local::server::Server;
use crate::support::{have, host_arch, lambda_pack, repository, run, scrub, tools};

/// The port of `local`, as it stands in the pages.
const PORT: &str = "9720";

/// Waits of a shift, which are minutes in the pages, are a second; ports are the test's own, and the
/// architecture this machine's.
fn brief(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("%/") {
        let digits = after.trim_start_matches(|c: char| c.is_ascii_digit());
        let time = if digits.starts_with('m') { "1s" } else { "" };
        out += &format!("{before}%/{time}");
        rest = if time.is_empty() { after } else { &digits[1..] };
    }
    (out + rest).replace(PORT, "$PORT").replace("x86_64", host_arch())
}

/// The script of a page; empty if there is nothing to run.
fn script(page: &Page) -> String {
    let mut out = String::new();
    for block in &page.blocks {
        let workspace = block.mark("in").unwrap_or("orders");
        if let Some(path) = block.mark("file") {
            writeln!(out, "cd \"$WORKSPACES/{workspace}\"; put '{path}' <<'END_OF_FILE'").unwrap();
            out += &format!("{}END_OF_FILE\n", brief(&block.text));
        }
        if block.is_shell() && block.mark("no-run").is_none() {
            writeln!(out, "cd \"$WORKSPACES/{workspace}\"").unwrap();
            out += &lines(page, block);
        }
    }
    out
}

fn lines(page: &Page, block: &Block) -> String {
    let mut out = String::new();
    for first in block.marks("first") {
        writeln!(out, "at '{}:{} (first)'\n{first}", page.name, block.line).unwrap();
    }
    for (number, mut line) in block.lines() {
        for (word, command) in block.marks("let").filter_map(|mark| mark.split_once(" = ")) {
            line = line.replace(word, &format!("$({command})"));
        }
        writeln!(out, "at '{}:{number}'\n{}", page.name, brief(&line)).unwrap();
    }
    out
}

/// Runs the pages that are meant, each in workspaces and with a server of its own.
#[track_caller]
fn runs(meant: impl Fn(&str) -> bool) {
    let python = tools().join("aws/bin/python3");
    have(&python);
    let prelude = fs::read_to_string(repository().join("tests/it/docs/prelude.sh")).unwrap();
    for page in pages().iter().filter(|page| meant(&page.name)) {
        let script = script(page);
        let native = page.blocks.iter().any(|block| block.mark("in") == Some("native"));
        if script.is_empty() || (native && !have("/usr/include/sqlite3.h")) {
            continue;
        }
        let folder = tempfile::TempDir::with_prefix("docs ü ").unwrap();
        workspaces::make(folder.path());
        let (bin, logs) = (folder.path().join("bin"), folder.path().join("logs"));
        fs::create_dir(&bin).unwrap();
        fs::create_dir(&logs).unwrap();
        symlink(env!("CARGO_BIN_EXE_cargo-lambda-pack"), bin.join("cargo-lambda-pack")).unwrap();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(bin).chain(std::env::split_paths(&path));
        let server = Server::start(&[]);
        let mut command = Command::new("timeout");
        scrub(&mut command);
        command.args(["-k", "5", "300", "bash", "-c"]).arg(format!("{prelude}\n{script}"));
        command.env("PATH", std::env::join_paths(path).unwrap()).envs(server.variables());
        command.env("WORKSPACES", folder.path()).env("LOGS", &logs).env("AWS_PYTHON", &python);
        command.env("PORT", free_port().to_string()).env("CARGO_NET_OFFLINE", "true");
        command.env("AWS_CONFIG_FILE", folder.path().join("aws-config"));
        command.env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        let run = run(command.current_dir(folder.path()));
        assert_eq!(run.code, 0, "{}\n{}\n{}", page.name, run.stdout, run.stderr);
    }
}

#[test]
fn the_readme_runs() {
    runs(|name| name == "README.md");
}

#[test]
fn the_recipes_run() {
    runs(|name| name.starts_with("docs/recipes/"));
}

#[test]
fn all_other_pages_run() {
    runs(|name| name != "README.md" && !name.starts_with("docs/recipes/"));
}

/// What is not run is at least said as the program takes it: `--help` at the end does nothing else.
#[test]
fn lines_that_are_not_run_have_flags_that_there_are() {
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.mark("no-run").is_some()) {
            for (number, line) in block.lines() {
                let Some(words) = line.strip_prefix("cargo lambda-pack ") else { continue };
                let words = words.replace("\\\n", " ");
                let words = words.split(['|', '>', '#']).next().unwrap().split_whitespace();
                let words = words.map(|word| word.trim_matches(['\'', '"']));
                let mut command = lambda_pack(&repository());
                let run = run(command.args(words).arg("--help"));
                assert_eq!(run.code, 0, "{}:{number}: {line}\n{}", page.name, run.stderr);
            }
        }
    }
}
