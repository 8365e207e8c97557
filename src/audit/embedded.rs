//! Paths of the machine that built it.

use super::{Code, Finding};
use crate::remap::{Embedded, Outside};

/// More than that many are one line.
const MOST: usize = 5;

/// The findings about what a program says of the folder that it was built in.
pub(super) fn findings(
    thing: &str,
    program: Option<&str>,
    found: &[Embedded],
    outside: &[Outside],
) -> Vec<Finding> {
    let note = |embedded: &Embedded| {
        let what = match &embedded.package {
            Some(package) => format!("`{package}` has put {} into it", embedded.path),
            None => format!("{} is in it", embedded.path),
        };
        Finding::new(
            Code::EmbeddedPath,
            thing,
            program,
            format!("{what}: built in another folder, it has other bytes"),
            "as `env!(\"CARGO_MANIFEST_DIR\")` and `env!(\"OUT_DIR\")` do; `include_bytes!` and \
             `include_str!` take the contents of a file and not its path",
        )
    };
    let mut findings: Vec<_> = found.iter().take(MOST).map(note).collect();
    if let Some(more) = found.len().checked_sub(MOST).filter(|more| *more > 0) {
        let message = format!("{more} more paths of the machine that built it are in it");
        findings.push(Finding::new(Code::EmbeddedPath, thing, program, message, ""));
    }
    findings.extend(outside.iter().map(|Outside { package, folder }| {
        Finding::new(
            Code::EmbeddedPath,
            thing,
            program,
            format!(
                "`{package}` lies in {folder}, outside of the workspace: cargo names its symbols by \
                 that path, so with the package elsewhere the program has other bytes"
            ),
            "have the root of the workspace above it",
        )
    }));
    findings
}
