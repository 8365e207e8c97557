//! What a release build gets from us where nobody said anything: small, stripped, aborting code.
//!
//! Key by key: one that is named on the profile's `inherits` chain, by the root manifest, a file of
//! cargo's configuration, `--config` or a variable, stays what it was, even where that is cargo's
//! own default. Tables of single packages and of build scripts do not count: they name the key for
//! something else. The user's flags for rustc do: they come after what cargo makes of the profile, so
//! rustc takes them, and some of them it refuses to have together with ours.

use std::collections::BTreeSet;
use std::fmt;

use crate::cargo_config::{CargoConfig, Handed, Said, Value, Values, Word, variable_of};
use crate::config::{ConfigFile, Origin};
use crate::rustflags::codegen;

/// A key of a profile that we have an opinion about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `strip`.
    Strip,
    /// `lto`.
    Lto,
    /// `codegen-units`.
    CodegenUnits,
    /// `panic`.
    Panic,
    /// `opt-level`.
    OptLevel,
}

impl Key {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] =
        [Self::OptLevel, Self::Lto, Self::CodegenUnits, Self::Panic, Self::Strip];

    /// As it stands in a manifest.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Strip => "strip",
            Self::Lto => "lto",
            Self::CodegenUnits => "codegen-units",
            Self::Panic => "panic",
            Self::OptLevel => "opt-level",
        }
    }

    /// What we set it to, if we do at all.
    fn ours(self, size: bool) -> Option<Value> {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        match self {
            Self::Strip => text("symbols"),
            Self::Lto => text("fat"),
            Self::CodegenUnits => Some(Value::Integer(1)),
            Self::Panic => text("abort"),
            Self::OptLevel if size => text("z"),
            Self::OptLevel => None,
        }
    }

    /// What a shared library wants: rustc refuses link-time optimisation beside it, and the one of Rust
    /// itself is built to unwind.
    fn shared(self) -> Option<Value> {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        match self {
            Self::Lto => text("off"),
            Self::Panic => text("unwind"),
            Self::Strip | Self::CodegenUnits | Self::OptLevel => None,
        }
    }
}

/// What the settings of a handler want of the profile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wish {
    /// `optimize = "size"`.
    pub size: bool,
    /// It is linked with a shared library.
    pub dylib: bool,
}

/// Why a key has the value that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The user said so there.
    Said(Value, Origin),
    /// Nobody said anything: this is ours.
    Ours(Value),
    /// Whatever anyone said: a shared library is not to be had otherwise.
    Shared(Value),
    /// Nobody said anything, and we leave it alone for what was said there of something else.
    Left(String, Origin),
    /// Nobody said anything, and neither do we.
    Default,
}

/// A line of `-v`: where the value of a key comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The key.
    pub key: Key,
    /// Its value and origin.
    pub why: Why,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.name();
        match &self.why {
            Why::Said(value, origin) => write!(f, "{key} = {value} ({origin})"),
            Why::Ours(value) => write!(f, "{key} = {value} (ours)"),
            Why::Shared(value) => write!(f, "{key} = {value} (for the shared library)"),
            Why::Left(what, origin) => write!(f, "{key} left to cargo, for {what} ({origin})"),
            Why::Default => write!(f, "{key} left to cargo"),
        }
    }
}

/// What was decided for a profile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decision {
    /// A row for each key; none for a profile that does not come from `release`.
    pub rows: Vec<Row>,
    /// What cargo is handed.
    pub handed: Vec<Handed>,
}

/// Decides for a profile of the workspace with this root manifest. `flags` are the user's for rustc
/// (`Rustflags::users`), `wish` is what the settings say.
#[must_use]
pub fn decide(
    name: &str,
    manifest: &ConfigFile,
    config: &CargoConfig,
    flags: &[Word],
    wish: Wish,
) -> Decision {
    let manifest = Values::of_file(&manifest.name, &manifest.text);
    let profiles = Profiles { manifest: &manifest, config, flags };
    let chain = profiles.chain(name);
    let is_release = chain.last().is_some_and(|root| root == "release");
    let row = |key: Key| match key.shared().filter(|_| wish.dylib) {
        Some(value) => Some(Row { key, why: Why::Shared(value) }),
        None => is_release.then(|| Row { key, why: profiles.why(&chain, key, wish.size) }),
    };
    let rows: Vec<Row> = Key::ALL.into_iter().filter_map(row).collect();
    let ambiguous = profiles.is_ambiguous(name);
    let hand = |row: &Row| {
        let (Why::Ours(value) | Why::Shared(value)) = &row.why else { return None };
        let key = ["profile", name, row.key.name()];
        Some(if ambiguous {
            Handed::config(&key, value)
        } else {
            let plain = match value {
                Value::Text(text) => text.clone(),
                other => other.to_string(),
            };
            Handed::Variable { name: variable_of(&key), value: plain }
        })
    };
    let handed = rows.iter().filter_map(hand).collect();
    Decision { rows, handed }
}

/// The profiles that cargo needs no manifest for, and what they inherit.
const BUILT_IN: [(&str, Option<&str>); 6] = [
    ("dev", None),
    ("release", None),
    ("debug", Some("dev")),
    ("test", Some("dev")),
    ("doc", Some("dev")),
    ("bench", Some("release")),
];

/// All that is said of profiles.
struct Profiles<'a> {
    manifest: &'a Values,
    config: &'a CargoConfig,
    flags: &'a [Word],
}

impl Profiles<'_> {
    /// What counts for a key of one profile: cargo lays its configuration over the manifest.
    fn said(&self, profile: &str, key: &str) -> Option<Said> {
        let key = ["profile", profile, key];
        self.config.value(&key).or_else(|| self.manifest.get(&key).cloned())
    }

    /// The profile, what it inherits, and so on. A circle or a profile that nobody defines ends it:
    /// cargo refuses both.
    fn chain(&self, name: &str) -> Vec<String> {
        let mut chain = vec![name.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(last) = chain.last().filter(|last| seen.insert((*last).clone())) {
            let built_in = BUILT_IN.iter().find(|(name, _)| name == last);
            let parent = match self.said(last, "inherits").map(|said| said.value) {
                _ if matches!(built_in, Some((_, None))) => None,
                Some(Value::Text(parent)) => Some(parent),
                _ => built_in.and_then(|(_, parent)| parent.map(str::to_owned)),
            };
            let Some(parent) = parent else { break };
            chain.push(parent);
        }
        chain
    }

    /// What counts for a key: the nearest profile of the chain that anyone names it for.
    fn first(&self, chain: &[String], key: &str) -> Option<Said> {
        chain.iter().find_map(|profile| self.said(profile, key))
    }

    fn why(&self, chain: &[String], key: Key, size: bool) -> Why {
        if let Some((word, value)) = codegen(self.flags, key.name()) {
            // `-Clto` alone is a yes.
            let value = if value.is_empty() { "yes" } else { value };
            return Why::Said(Value::Text(value.to_owned()), word.origin.clone());
        }
        if let Some(said) = self.first(chain, key.name()) {
            return Why::Said(said.value, said.origin);
        }
        match (key.ours(size), self.obstacle(chain, key)) {
            (Some(_), Some((what, origin))) => Why::Left(what, origin),
            (Some(value), None) => Why::Ours(value),
            (None, _) => Why::Default,
        }
    }

    /// What our value of a key would undo or break.
    fn obstacle(&self, chain: &[String], key: Key) -> Option<(String, Origin)> {
        let flag = |option: &str, holds: &dyn Fn(&str) -> bool| {
            let (word, _) = codegen(self.flags, option).filter(|(_, value)| holds(value))?;
            Some((word.text.clone(), word.origin.clone()))
        };
        let no = |value: &str| ["no", "n", "off", "false"].contains(&value);
        // Rustc refuses both beside a dynamic standard library, which is built to unwind.
        let dynamic = || flag("prefer-dynamic", &|value| !no(value));
        match key {
            Key::Lto => flag("embed-bitcode", &no).or_else(dynamic),
            Key::Panic => dynamic(),
            Key::Strip => {
                let short = || self.flags.iter().find(|word| word.text == "-g");
                let debug = || self.first(chain, "debug").filter(|said| is_on(&said.value));
                flag("debuginfo", &|value| !["0", "none"].contains(&value))
                    .or_else(|| short().map(|word| (word.text.clone(), word.origin.clone())))
                    .or_else(|| {
                        debug().map(|said| (format!("debug = {}", said.value), said.origin))
                    })
            }
            Key::CodegenUnits | Key::OptLevel => None,
        }
    }

    /// Whether a variable for this profile would also be read as one for another. Cargo takes
    /// `CARGO_PROFILE_RELEASE_DEBUG_STRIP`, meant for a profile `release-debug`, for a part of
    /// `profile.release.debug` as well, and fails.
    fn is_ambiguous(&self, name: &str) -> bool {
        let plain = |name: &str| name.replace('-', "_").to_uppercase();
        let in_manifest = self.manifest.keys().filter_map(|key| match key {
            [profile, name, ..] if profile == "profile" => Some(name.as_str()),
            _ => None,
        });
        // Also such as only the configuration defines: they are on the chain, or cargo does not
        // look for them.
        let known = BUILT_IN.iter().map(|(name, _)| *name).chain(in_manifest);
        let chain = self.chain(name);
        let name = plain(name);
        known
            .chain(chain.iter().map(String::as_str))
            .any(|other| name.starts_with(&format!("{}_", plain(other))))
    }
}

/// Whether a value of `debug` makes debug information.
fn is_on(debug: &Value) -> bool {
    match debug {
        Value::Boolean(on) => *on,
        Value::Integer(level) => *level != 0,
        Value::Text(level) => level != "none",
        Value::List(_) | Value::Other(_) => false,
    }
}

#[cfg(test)]
mod tests;
