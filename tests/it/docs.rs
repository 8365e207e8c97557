//! The documentation: every command line in it runs, and nothing in it leads nowhere.
//!
//! Fenced blocks of `sh` are command lines. A comment on the line before one steers it:
//! `<!-- no-run: REASON -->` (counted, at most a tenth), `<!-- in: NAME -->` (a workspace of
//! `docs/workspaces.rs`; `orders` is the usual one), `<!-- first: LINE -->` (run before, not shown),
//! `<!-- let: WORD = COMMAND -->` (what that prints stands for the word). `<!-- file: PATH -->` writes any
//! block to that file of the workspace. What the lines run under is `docs/prelude.sh`.

mod book;
mod commands;
#[cfg(feature = "aws")]
mod lines;
#[cfg(feature = "aws")]
mod workspaces;

use std::collections::BTreeSet;
use std::path::Path;

use lambda_pack::audit::Code;

use crate::support::repository;
use book::{Block, pages};

/// Command lines that are not run, of a hundred.
const NOT_RUN: usize = 10;

#[test]
fn few_command_lines_are_not_run_and_each_says_why() {
    let (mut all, mut left) = (0, Vec::new());
    for page in pages() {
        for block in page.blocks.iter().filter(|block| block.is_shell()) {
            let lines = block.lines();
            all += lines.len();
            let Some(reason) = block.mark("no-run") else { continue };
            assert!(reason.len() > 10, "{}:{}: no reason", page.name, block.line);
            left.extend(lines.iter().map(|(line, text)| format!("{}:{line}: {text}", page.name)));
        }
    }
    assert!(all > 100, "{all} command lines: are they found?");
    assert!(left.len() * 100 <= all * NOT_RUN, "{} of {all}: {left:#?}", left.len());
}

#[test]
fn marks_are_those_that_mean_something() {
    for page in pages() {
        for Block { line, marks, language, .. } in &page.blocks {
            for (mark, _) in marks {
                let known = ["no-run", "in", "first", "let", "file"];
                assert!(known.contains(&mark.as_str()), "{}:{line}: {mark}", page.name);
            }
            // `bash` or `shell` would be passed over.
            let known = ["sh", "toml", "text", "json", "rust", "yaml", "mermaid", "hcl"];
            assert!(known.contains(&language.as_str()), "{}:{line}: {language:?}", page.name);
        }
        assert!(page.stray.is_empty(), "{}: marks without a block at {:?}", page.name, page.stray);
    }
}

/// GitHub's name of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase().replace(' ', "-");
    kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
}

fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut dead = Vec::new();
    for page in pages() {
        let prose = page.prose();
        for (at, _) in prose.match_indices("](") {
            let link = prose[at + 2..].split(')').next().unwrap();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(&page.name).parent().unwrap();
            let target = match path {
                "" => repository().join(&page.name),
                path => repository().join(folder).join(path),
            };
            let text = std::fs::read_to_string(&target).unwrap_or_default();
            if !target.exists() || !(anchor.is_empty() || anchors(&text).contains(anchor)) {
                dead.push(format!("{}: {link}", page.name));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(repository().join(path)).unwrap()
}

#[test]
fn every_finding_and_all_that_aws_says_is_in_troubleshooting() {
    let page = read("docs/troubleshooting.md");
    let headings = anchors(&page);
    for code in Code::ALL {
        assert!(headings.contains(code.name()), "no heading for `{}`", code.name());
    }
    // The codes that the program has advice for: whatever stands alone between quotes there.
    let advice = read("src/release/advice.rs");
    let known = advice.split('"').skip(1).step_by(2).filter(|text| {
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '.')
    });
    let known: BTreeSet<_> = known.collect();
    assert!(known.len() > 50, "{known:?}");
    let missing: Vec<_> =
        known.iter().filter(|code| !page.contains(&format!("`{code}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Scripts stand in tables, since they are the whole of the tests themselves.
#[test]
fn what_contributing_names_is_there() {
    let page = read("CONTRIBUTING.md");
    let words = page.split('`').skip(1).step_by(2).filter_map(|code| code.split(' ').next());
    let paths: BTreeSet<_> = words
        .filter(|word| {
            let folders = ["tests/", "benches/", ".ci/", "src/", "docs/", "examples/", "fuzz/"];
            folders.iter().any(|folder| word.starts_with(folder))
        })
        .filter(|word| !word.contains(['*', '…', '<']))
        .collect();
    assert!(paths.len() > 10, "{paths:?}");
    for path in paths {
        assert!(repository().join(path).exists(), "no {path}");
    }
}

#[test]
fn the_tour_names_every_module() {
    let lib = read("src/lib.rs");
    let (tour, modules) = lib.split_once("\npub mod ").unwrap();
    for module in format!("pub mod {modules}").lines() {
        let Some(name) = module.strip_prefix("pub mod ") else { continue };
        let name = name.trim_end_matches(';');
        let named = [format!("[`{name}`]"), format!("[`mod@{name}`]"), format!("`{name}`")];
        assert!(named.iter().any(|link| tour.contains(link)), "src/lib.rs does not name {name}");
    }
}
