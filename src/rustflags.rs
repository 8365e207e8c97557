//! How our flags for rustc join the user's, so that none of theirs is lost.
//!
//! Cargo takes the flags of one source only (The Cargo Book, "build.rustflags"):
//! `CARGO_ENCODED_RUSTFLAGS`, else `RUSTFLAGS`, even if they are empty; else `target.<triple>` joined
//! with every `target.'cfg(…)'` that holds; else `build`. So ours go where the user's are: into the
//! variable that is set, else into `target.<triple>`, together with those of `build` if these were
//! the ones that counted.

use std::fmt;

use cargo_platform::Cfg;

use crate::cargo_config::{CargoConfig, Handed, Value, Word};
use crate::config::Origin;

/// Counts over all others; its words are divided by `0x1f`.
const ENCODED: &str = "CARGO_ENCODED_RUSTFLAGS";
/// Its words are divided by blanks.
const PLAIN: &str = "RUSTFLAGS";

/// A flag that we want.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// One word, as rustc takes it: `-Ctarget-cpu=x86-64-v3`.
    pub text: String,
    /// The user asked us for it; else it is a default, and gives way to a flag of theirs that sets
    /// the same codegen option.
    pub chosen: bool,
}

/// What became of a flag of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is added.
    Added,
    /// It is added, and counts over this one of the user's.
    Over(Word),
    /// It gives way to this one of the user's.
    GivesWay(Word),
}

/// A line of `-v` for a flag of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The flag.
    pub flag: String,
    /// What became of it.
    pub outcome: Outcome,
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rustflags {
    /// The user's flags that count, in cargo's order.
    pub users: Vec<Word>,
    /// How ours reach cargo, if there are any.
    pub handed: Option<Handed>,
    /// What became of each of ours.
    pub rows: Vec<Row>,
}

impl Row {
    /// The flag, if rustc is given it.
    #[must_use]
    pub fn added(&self) -> Option<&str> {
        self.is_added().then_some(self.flag.as_str())
    }

    /// Whether rustc is given the flag.
    fn is_added(&self) -> bool {
        !matches!(self.outcome, Outcome::GivesWay(_))
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = &self.flag;
        match &self.outcome {
            Outcome::Added => write!(f, "{flag} (ours)"),
            Outcome::Over(word) => {
                write!(f, "{flag} (ours), over {} ({})", word.text, word.origin)
            }
            Outcome::GivesWay(word) => {
                write!(f, "{} ({}), instead of {flag}", word.text, word.origin)
            }
        }
    }
}

/// The user's flags as cargo finds them.
struct Users {
    source: Source,
    words: Vec<Word>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Variable(&'static str),
    Target,
    Build,
}

/// Decides how our flags reach rustc for a target. `cfgs` is what holds there (see
/// `cargo_files::cfgs`).
#[must_use]
pub fn decide(config: &CargoConfig, triple: &str, cfgs: &[Cfg], ours: &[Flag]) -> Rustflags {
    let users = users(config, triple, cfgs);
    let row = |flag: &Flag| {
        let named = option_of(&flag.text).and_then(|option| codegen(&users.words, option));
        let outcome = match named {
            None => Outcome::Added,
            Some((word, _)) if flag.chosen => Outcome::Over(word.clone()),
            Some((word, _)) => Outcome::GivesWay(word.clone()),
        };
        Row { flag: flag.text.clone(), outcome }
    };
    let rows: Vec<Row> = ours.iter().map(row).collect();
    let added: Vec<&Row> = rows.iter().filter(|row| row.is_added()).collect();
    let handed = (!added.is_empty()).then(|| hand(config, triple, &users, &added));
    Rustflags { users: users.words, handed, rows }
}

/// The flags under which cargo asks rustc which `cfg(…)` hold: all but those of such tables.
#[must_use]
pub fn without_cfgs(config: &CargoConfig, triple: &str) -> Vec<Word> {
    users(config, triple, &[]).words
}

fn users(config: &CargoConfig, triple: &str, cfgs: &[Cfg]) -> Users {
    for name in [ENCODED, PLAIN] {
        let Some(value) = config.variable(name) else { continue };
        let origin = Origin::Variable(name.to_owned());
        let word = |text: &str| Word::new(text, &origin);
        let words = match name {
            ENCODED if value.is_empty() => Vec::new(),
            ENCODED => value.split('\x1f').map(word).collect(),
            _ => value.split(' ').map(str::trim).filter(|w| !w.is_empty()).map(word).collect(),
        };
        return Users { source: Source::Variable(name), words };
    }
    let mut words = config.words(&target_key(triple)).words;
    words.extend(config.cfg_rustflags(cfgs));
    if !words.is_empty() {
        return Users { source: Source::Target, words };
    }
    Users { source: Source::Build, words: config.words(&["build", "rustflags"]).words }
}

fn target_key(triple: &str) -> [&str; 3] {
    ["target", triple, "rustflags"]
}

fn hand(config: &CargoConfig, triple: &str, users: &Users, ours: &[&Row]) -> Handed {
    let flags = || ours.iter().map(|row| row.flag.as_str());
    let all = || users.words.iter().map(|word| word.text.as_str()).chain(flags());
    let blank = flags().any(|flag| flag.contains(char::is_whitespace));
    // Of two prefixes that match, the last counts: where the user has some, ours go before them.
    let is_map = |flag: &str| flag.starts_with("--remap-path-prefix");
    let maps = users.words.iter().any(|word| is_map(&word.text));
    if maps && flags().any(is_map) {
        let (before, behind): (Vec<&str>, Vec<&str>) = flags().partition(|flag| is_map(flag));
        let users = users.words.iter().map(|word| word.text.as_str());
        let words: Vec<&str> = before.into_iter().chain(users).chain(behind).collect();
        return Handed::Variable { name: ENCODED.to_owned(), value: words.join("\x1f") };
    }
    match users.source {
        Source::Variable(PLAIN) if !blank => {
            let value = config.variable(PLAIN).unwrap_or_default().trim_end_matches(' ');
            let words: Vec<&str> = std::iter::once(value).chain(flags()).collect();
            let value = words.join(" ").trim_start().to_owned();
            Handed::Variable { name: PLAIN.to_owned(), value }
        }
        Source::Target | Source::Build if joins(config, triple, users, ours) => {
            // Those of the target are joined by cargo; those of `build` it would forget.
            let flags: Vec<&str> =
                if users.source == Source::Build { all().collect() } else { flags().collect() };
            let flags = Value::List(flags.into_iter().map(str::to_owned).collect());
            Handed::config(&target_key(triple), &flags)
        }
        _ => {
            let value = all().collect::<Vec<_>>().join("\x1f");
            Handed::Variable { name: ENCODED.to_owned(), value }
        }
    }
}

/// Whether a list in `target.<triple>.rustflags` gives rustc all flags in the right order. Where it
/// does not, all of them are put into the variable that counts over everything.
fn joins(config: &CargoConfig, triple: &str, users: &Users, ours: &[&Row]) -> bool {
    let target = config.words(&target_key(triple));
    // Rustc takes the last of two, and cargo puts the flags of `cfg(…)` after those of the triple.
    let by_cfg = users.words.get(target.words.len()..).unwrap_or_default();
    let over_cfg = |row: &&Row| matches!(&row.outcome, Outcome::Over(w) if by_cfg.contains(w));
    // The flags of `build` make a `cfg(…)` hold and are then dropped: with ours in the target's
    // place, they would not even be asked about.
    let lost = target.words.is_empty()
        && !by_cfg.is_empty()
        && !config.words(&["build", "rustflags"]).words.is_empty();
    let in_target = users.source == Source::Target;
    !target.is_string && !(in_target && (lost || ours.iter().any(over_cfg)))
}

/// The codegen option that a flag of one word sets.
fn option_of(flag: &str) -> Option<&str> {
    let option = flag.strip_prefix("-C").or_else(|| flag.strip_prefix("--codegen="))?;
    Some(option.split_once('=').map_or(option, |(option, _)| option).trim())
}

/// The last of these words that sets a codegen option, and its value. Rustc takes the option in the
/// same word or in the next, and `_` for `-`.
#[must_use]
pub fn codegen<'a>(words: &'a [Word], option: &str) -> Option<(&'a Word, &'a str)> {
    let plain = |name: &str| name.trim().replace('_', "-");
    let mut rest = words.iter();
    let mut found = None;
    while let Some(word) = rest.next() {
        // `-O` and `-g` are short for codegen options (rustc --help).
        let short = match word.text.as_str() {
            "-O" => Some(("opt-level", "3")),
            "-g" => Some(("debuginfo", "2")),
            _ => None,
        };
        if let Some((_, value)) = short.filter(|(name, _)| *name == plain(option)) {
            found = Some((word, value));
            continue;
        }
        let inside = match word.text.as_str() {
            "-C" | "--codegen" => rest.next(),
            text if text.starts_with("-C") || text.starts_with("--codegen=") => Some(word),
            _ => None,
        };
        let Some(inside) = inside else { continue };
        let text = inside.text.as_str();
        let text =
            text.strip_prefix("-C").or_else(|| text.strip_prefix("--codegen=")).unwrap_or(text);
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        if plain(name) == plain(option) {
            found = Some((inside, value));
        }
    }
    found
}

#[cfg(test)]
mod tests;
