//! What goes and what stays, for people and as records.

use super::layers::Layers;
use super::{Fate, Found, Pruned};
use crate::cli::deploy::session::Session;
use crate::error::Error;
use crate::message::{FunctionVersion, Keep, Message, PrunedVersions, Table, bytes, clean};
use crate::shell::Shell;

/// How much of the time of publishing is shown: the day.
const DAY: usize = 10;

impl Fate {
    fn word(self) -> &'static str {
        match self {
            Self::Goes => "goes",
            Self::Kept => "kept",
            Self::Deleted => "deleted",
            Self::Gone => "gone",
            Self::Failed => "failed",
        }
    }
}

/// Every version, function by function.
pub(super) fn versions(all: &[Pruned], shell: &Shell) -> Result<(), Error> {
    for (at, one) in all.iter().enumerate() {
        if shell.is_json() {
            for found in &one.found {
                shell.record(&Message::FunctionVersion(&record(one.name(), found)))?;
            }
            continue;
        }
        if at > 0 {
            shell.answer("")?;
        }
        shell.answer(clean(one.name()))?;
        if one.found.is_empty() {
            shell.answer("  no version is published")?;
            continue;
        }
        let header = ["  VERSION", "CODE", "PUBLISHED", "STATE", "WHY"];
        let table = Table::new(&header, one.found.iter().map(row).collect());
        for line in table.fit(shell.stdout_width(), 4, 12, Keep::Start).lines(&[0, 1]) {
            shell.answer(line)?;
        }
    }
    Ok(())
}

fn row(found: &Found) -> Vec<String> {
    let Found { version, fate } = found;
    vec![
        version.number.to_string(),
        if version.size == 0 { "-".to_owned() } else { bytes(version.size) },
        version.published.chars().take(DAY).collect(),
        fate.word().to_owned(),
        why(found).join("; "),
    ]
}

fn why(found: &Found) -> Vec<String> {
    found.version.needs.iter().map(ToString::to_string).collect()
}

fn record<'a>(function: &'a str, found: &'a Found) -> FunctionVersion<'a> {
    FunctionVersion {
        function,
        version: found.version.number.to_string(),
        code_size: found.version.size,
        published: &found.version.published,
        fate: found.fate.word(),
        why: why(found),
    }
}

/// How it ended.
pub(super) fn end(
    all: &[Pruned],
    layers: &Layers,
    session: &Session,
    yes: bool,
    shell: &Shell,
) -> Result<(), Error> {
    let versions = all.iter().flat_map(Pruned::going).count();
    let size: u64 = all.iter().flat_map(Pruned::going).map(|version| version.size).sum();
    let layers = layers.going();
    if shell.is_json() {
        let deleted = yes;
        let record = PrunedVersions { versions, bytes: size, layer_versions: layers, deleted };
        return Ok(shell.record(&Message::PrunedVersions(&record))?);
    }
    let place = session.place_by(all.iter().find_map(Pruned::arn));
    let mut what = Vec::new();
    let number = |count: usize| match count {
        1 => "1 version".to_owned(),
        _ => format!("{count} versions"),
    };
    if versions > 0 {
        what.push(format!("{} ({})", number(versions), bytes(size)));
    }
    if layers > 0 {
        what.push(format!("{} of layers", number(layers)));
    }
    let what = what.join(" and ");
    match (versions + layers, yes) {
        (0, _) => shell.status("Unchanged", format!("no version has to go {place}")),
        (_, true) => shell.status("Deleted", format!("{what} {place}")),
        (count, false) => {
            let them = if count == 1 { "it" } else { "them" };
            shell.status("To delete", format!("{what} {place}: `--yes` deletes {them}"));
        }
    }
    Ok(())
}
