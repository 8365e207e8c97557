//! Versions of layers, as `list` and `prune` show them.

use crate::error::Error;
use crate::message::{Keep, LayerVersion, Message, Table, bytes};
use crate::release::prune::{Use, Uses, Version};
use crate::shell::Shell;

/// How much of a digest is shown.
const DIGITS: usize = 12;
/// How much of the time of publishing: the day.
const DAY: usize = 10;

/// A version, and what is said of it.
pub(super) struct Shown<'a> {
    pub(super) version: &'a Version,
    /// Whether it is what the layer is now.
    pub(super) now: Option<&'static str>,
    /// What becomes of it.
    pub(super) fate: Option<&'static str>,
}

/// Those of ours, layer by layer. `uses`: none where that could not be seen.
pub(super) fn show(all: &[Shown<'_>], uses: Option<&Uses>, shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        for shown in all {
            shell.record(&Message::LayerVersion(&record(shown, uses)))?;
        }
        return Ok(());
    }
    for (at, layer) in
        all.chunk_by(|one, other| one.version.layer == other.version.layer).enumerate()
    {
        if at > 0 {
            shell.answer("")?;
        }
        let name = layer.first().map_or("", |shown| shown.version.layer.as_str());
        shell.answer(crate::message::clean(name))?;
        let header = ["  VERSION", "ARCH", "ZIP", "PUBLISHED", "HOLDS", "STATE", "USED BY"];
        let rows = layer.iter().map(|shown| row(shown, uses)).collect();
        let table = Table::new(&header, rows);
        for line in table.fit(shell.stdout_width(), 6, 12, Keep::Start).lines(&[0, 2]) {
            shell.answer(line)?;
        }
    }
    Ok(())
}

fn row(shown: &Shown<'_>, uses: Option<&Uses>) -> Vec<String> {
    let Shown { version, now, fate } = shown;
    let found = uses.map(|uses| uses.of_version(version));
    let size = found.flatten().and_then(|it| it.size);
    let cut = |text: &str, length: usize| text.chars().take(length).collect();
    let functions = match found {
        None => "?".to_owned(),
        Some(None) => "-".to_owned(),
        Some(Some(it)) => functions(it),
    };
    vec![
        version.number.to_string(),
        version.architectures.join(","),
        size.map_or_else(|| "-".to_owned(), bytes),
        cut(&version.created, DAY),
        cut(version.tree().unwrap_or_default(), DIGITS),
        fate.or(*now).unwrap_or("-").to_owned(),
        functions,
    ]
}

/// `api $LATEST 7, mail 3`.
fn functions(of: &Use) -> String {
    let all = of.functions.iter();
    let one = all.map(|(function, versions)| {
        let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
        format!("{function} {}", versions.join(" "))
    });
    one.collect::<Vec<_>>().join(", ")
}

fn record<'a>(shown: &Shown<'a>, uses: Option<&'a Uses>) -> LayerVersion<'a> {
    let Shown { version, now, fate } = shown;
    let found = uses.map(|uses| uses.of_version(version));
    let of = |(name, versions): (&'a String, &'a std::collections::BTreeSet<String>)| {
        (name.as_str(), versions.iter().map(String::as_str).collect())
    };
    LayerVersion {
        layer: &version.layer,
        version: version.number,
        arn: &version.arn,
        architectures: &version.architectures,
        tree: version.tree().unwrap_or_default(),
        size: found.flatten().and_then(|it| it.size),
        created: &version.created,
        used_by: found.map(|it| it.into_iter().flat_map(|it| &it.functions).map(of).collect()),
        now: *now,
        fate: *fate,
    }
}
