//! The house: which module may import which, and how much comes along.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::repository;

const WORDS: &[&str] = &[
    "artifact",
    "compile",
    "crate_name",
    "digest",
    "function",
    "invocation",
    "nearest",
    "percent",
    "reference",
    "target",
    "tree",
];
const DECISIONS: &[&str] = &[
    "account",
    "audit",
    "bundle",
    "cargo_config",
    "cargo_manifest",
    "closure",
    "compare",
    "config",
    "dockerfile",
    "doctor",
    "dylib",
    "elf",
    "events",
    "gzip",
    "image",
    "layer",
    "linker",
    "lock",
    "logs",
    "message",
    "plan",
    "profile",
    "release",
    "remap",
    "remedy",
    "routes",
    "rustflags",
    "stamps",
    "system",
    "tar",
    "template",
];
const EDGES: &[&str] = &[
    "aws",
    "blobs",
    "cargo",
    "cargo_files",
    "files",
    "fresh",
    "inspect",
    "jobs",
    "libraries",
    "local",
    "process",
    "registry",
    "sandbox",
    "shell",
    "template_files",
    "tool_cache",
    "toolchain",
    "unpack",
    "zig",
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for item in fs::read_dir(folder).unwrap() {
        let path = item.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The modules that a source file names with `crate::`.
fn imports(text: &str) -> BTreeSet<String> {
    text.match_indices("crate::")
        .filter(|(at, _)| !text[..*at].ends_with('$'))
        .map(|(at, word)| {
            let rest = &text[at + word.len()..];
            rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
        })
        .filter(|module: &String| !module.is_empty())
        .collect()
}

#[test]
fn no_module_imports_what_stands_above_it() {
    let root = repository().join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let relative = file.strip_prefix(&root).unwrap();
        let module = relative.components().next().unwrap().as_os_str().to_string_lossy();
        let module = module.trim_end_matches(".rs");
        if module == "lib" || module == "main" {
            continue;
        }
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            let allowed = match module {
                _ if import == module => true,
                // The renderers of errors see the error as a whole.
                "message" | "shell" if import == "Error" => true,
                _ if WORDS.contains(&module) => WORDS.contains(&&*import),
                _ if DECISIONS.contains(&module) => {
                    WORDS.contains(&&*import) || DECISIONS.contains(&&*import)
                }
                _ if EDGES.contains(&module) => {
                    [WORDS, DECISIONS, EDGES].iter().any(|layer| layer.contains(&&*import))
                }
                "error" => import != "cli",
                "cli" => true,
                other => panic!("src/{other} stands in no layer: add it to this table"),
            };
            if !allowed {
                wrong.push(format!("{} imports {import}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn files_fit_a_sitting() {
    let mut files = Vec::new();
    sources(&repository().join("src"), &mut files);
    let long: Vec<_> = files
        .iter()
        .filter(|file| !file.ends_with("tests.rs"))
        .filter_map(|file| {
            let lines = fs::read_to_string(file).unwrap().lines().count();
            (lines > 450).then(|| format!("{} has {lines} lines", file.display()))
        })
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn few_packages_come_along() {
    // What is built without AWS.
    let tree = ["tree", "--locked", "--no-default-features", "--target", "all", "--prefix", "none"];
    let mut command = std::process::Command::new(env!("CARGO"));
    command.args(tree).args(["--edges", "normal,build,dev", "--format", "{p}"]);
    let tree = crate::support::run(command.current_dir(repository())).code(0).stdout;
    let packages: BTreeSet<&str> = tree.lines().map(|line| line.trim_end_matches(" (*)")).collect();
    assert!(packages.len() <= 250, "{} packages without AWS", packages.len());
    let lock = fs::read_to_string(repository().join("Cargo.lock")).unwrap();
    for old in ["name = \"rustls\"\nversion = \"0.21", "name = \"hyper\"\nversion = \"0.14"] {
        assert!(!lock.contains(old), "{old}");
    }
}
