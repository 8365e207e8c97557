//! What Lambda refuses, each as one tiny image, with all that is found in it and whether it can be mended:
//! pinned in `refused.txt` (`SNAPSHOTS=overwrite` writes it anew).

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::cases::{CASES, Make};
use crate::support::{Run, lambda_pack, run};

/// `check` with its records.
pub(super) fn check(folder: &Path, args: &[&str]) -> Run {
    let mut command = lambda_pack(folder);
    command.args(["check", "--output", "json"]).args(args);
    run(&mut command)
}

/// The findings as lines, the digests taken out.
fn lines(run: &Run) -> String {
    let mut text = String::new();
    for finding in run.records().iter().filter(|record| record["reason"] == "finding") {
        let word = |member: &str| finding[member].as_str().unwrap_or_default().to_owned();
        let path = if finding["path"].is_null() { String::new() } else { word("path") + ": " };
        let line = format!("{} [{}] {path}{}", word("level"), word("code"), word("message"));
        writeln!(text, "{}", digests(&line)).unwrap();
    }
    text
}

/// Takes what follows `sha256:` out, and lengths that a compressor decides.
fn digests(text: &str) -> String {
    let text = text.replace("blobs/sha256/", "blobs/sha256:");
    let mut parts = text.split("sha256:");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        all.push_str("sha256:…");
        all.push_str(part.get(64..).unwrap_or_default());
    }
    let bytes = all.split(" of ").map(|part| match part.split_once(" bytes") {
        Some((count, rest)) if count.parse::<u64>().is_ok() => format!("… bytes{rest}"),
        _ => part.to_owned(),
    });
    bytes.collect::<Vec<_>>().join(" of ")
}

/// The images, each in a folder or a file of its own.
fn made(all: &Path) -> Vec<(&'static str, PathBuf)> {
    let one = |(number, (name, make)): (usize, &(&'static str, Make))| {
        let place = all.join(format!("{number}"));
        fs::create_dir(&place).unwrap();
        make(&place);
        (*name, place)
    };
    CASES.iter().enumerate().map(one).collect()
}

#[test]
fn what_lambda_refuses_is_found_and_mended_where_that_can_be() {
    let folder = tempfile::tempdir().unwrap();
    let mut text = String::new();
    for (name, place) in made(folder.path()) {
        let out = place.with_extension("mended");
        let (place, to) = (place.to_str().unwrap(), out.to_str().unwrap());
        let before = check(folder.path(), &[place, "--arch", "x86_64"]);
        let (code, good) = (before.code, lines(&before));
        assert!(!before.stderr.contains("panicked"), "{name}: {}", before.stderr);
        writeln!(text, "## {name}: {code}\n{}", good.trim_end()).unwrap();
        if name.starts_with("good") {
            assert_eq!((code, good.as_str()), (0, ""), "{name}");
        }
        let error = |run: &Run| {
            let line =
                run.stderr.lines().filter(|line| !line.is_empty() && !line.contains("finding"));
            line.collect::<Vec<_>>().join(" / ").replace(folder.path().to_str().unwrap(), "…")
        };
        if code == 2 || before.records().is_empty() {
            writeln!(text, "{}", digests(&error(&before))).unwrap();
        }
        let mended = check(folder.path(), &[place, "--fix", to, "--arch", "x86_64"]);
        assert!(!mended.stderr.contains("panicked"), "{name}: {}", mended.stderr);
        let after = if mended.code == 0 {
            let again = check(folder.path(), &[to, "--arch", "x86_64"]).code(0);
            assert_eq!(lines(&again), lines(&mended), "{name}");
            lines(&again)
        } else {
            assert!(!out.exists(), "{name}");
            let stay = if lines(&mended) == good { String::new() } else { lines(&mended) };
            format!("{stay}{}\n", digests(&error(&mended)))
        };
        if after != good {
            writeln!(text, "mended: {}\n{}", mended.code, after.trim_end()).unwrap();
        }
        text.push('\n');
    }
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/images/refused.txt");
    snapbox::assert_data_eq!(text, snapbox::Data::read_from(&pinned, None).raw());
}
