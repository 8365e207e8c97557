//! The settings of one handler that building and packaging use, as values.

use super::located::{Located, Mistake, Node};
use super::{Merged, Placeholders, check, expand, include, together};
use crate::bundle::Level;
use crate::compile::{LinkerRequest, Optimize};
use crate::function::{FunctionName, ImageWish, IncludeRule, Packaging, Role};
use crate::target::{Arch, Libc, Runtime};

/// Settings that building and packaging use, as values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    /// Whether this is a handler at all, whatever it depends on.
    pub handler: Option<bool>,
    /// Function, or which kind of extension.
    pub role: Option<Role>,
    /// The function's name; the binary's by default.
    pub name: Option<FunctionName>,
    /// The AWS runtime.
    pub runtime: Option<Runtime>,
    /// Files beside the executable.
    pub include: Vec<IncludeRule>,
    /// Files below `/opt`.
    pub assets: Vec<IncludeRule>,
    /// The extensions that run beside it; none: all.
    pub extensions: Option<Vec<String>>,
    /// Whether it shares libraries in layers.
    pub shares: bool,
    /// How many layers of others it has.
    pub foreign_layers: usize,
    /// The crate whose shared library it is linked with.
    pub dylib: Option<String>,
    /// Libraries of the system's that the audit accepts.
    pub trust_system: Vec<String>,
    /// The architectures; empty where nothing was said.
    pub archs: Vec<Arch>,
    /// The C library.
    pub libc: Option<Libc>,
    /// The processor.
    pub target_cpu: Option<String>,
    /// The linker.
    pub linker: Option<LinkerRequest>,
    /// Speed or size.
    pub optimize: Optimize,
    /// How hard the zip is compressed.
    pub compression: Option<Level>,
    /// Libraries that the program opens by itself.
    pub dlopen: Vec<String>,
    /// Folders with libraries that may be bundled.
    pub library_paths: Vec<String>,
    /// The root of another system whose libraries may be bundled.
    pub sysroot: Option<String>,
    /// Zip or image.
    pub packaging: Packaging,
    /// What is said of cargo's own flags.
    pub cargo: CargoFlags,
}

/// Cargo's own flags, as settings have them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CargoFlags {
    /// `--features`, one feature an element.
    pub features: Vec<String>,
    /// `--all-features`.
    pub all_features: bool,
    /// `--no-default-features`.
    pub no_default_features: bool,
    /// `--profile`.
    pub profile: Option<String>,
}

impl Settings {
    /// Whether the extension of this name runs beside the function.
    #[must_use]
    pub fn takes(&self, extension: &FunctionName) -> bool {
        let named = self.extensions.as_ref();
        named.is_none_or(|names| names.iter().any(|name| name == extension.as_str()))
    }

    /// Takes them out of what was merged for one handler.
    pub fn new(merged: &Merged, placeholders: &Placeholders<'_>) -> Result<Self, Vec<Mistake>> {
        let text = |key: &str| match merged.get(key) {
            Some(Located { node: Node::Text(text), origin })
                if !text.is_empty() && text != check::NONE =>
            {
                Some((text.as_str(), origin))
            }
            _ => None,
        };
        let items = |key: &str| match merged.get(key).map(|value| &value.node) {
            Some(Node::List(items)) => items.clone(),
            _ => Vec::new(),
        };
        let texts = |key: &str| -> Vec<String> {
            let text = |item: Located| match item.node {
                Node::Text(text) => Some(text),
                _ => None,
            };
            items(key).into_iter().filter_map(text).collect()
        };
        let is_on =
            |key: &str| merged.get(key).is_some_and(|value| value.node == Node::Boolean(true));
        let mut mistakes = Vec::new();
        let name = text("name").and_then(|(text, origin)| {
            let name = expand::placeholders(text, placeholders)
                .and_then(|name| FunctionName::new(&name).map_err(|error| error.to_string()));
            name.map_err(|what| mistakes.push(Mistake { origin: origin.clone(), what })).ok()
        });
        mistakes.extend(together::mistakes(merged));
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        // Who shares nothing at all has it neither.
        let never = text("layers.share").is_some_and(|(text, _)| text == "never");
        let dylib = text("layers.dylib").filter(|_| !never).map(|(text, _)| text.to_owned());
        Ok(Self {
            handler: match merged.get("handler").map(|value| &value.node) {
                Some(Node::Boolean(boolean)) => Some(*boolean),
                _ => None,
            },
            role: text("extension").map(|(text, _)| match text {
                "internal" => Role::InternalExtension,
                _ => Role::ExternalExtension,
            }),
            name,
            runtime: text("runtime").and_then(|(text, _)| text.parse().ok()),
            include: items("include").iter().filter_map(include::rule).collect(),
            assets: items("assets").iter().filter_map(include::rule).collect(),
            extensions: merged.contains_key("extensions").then(|| texts("extensions")),
            shares: text("layers.share").map_or(dylib.is_some(), |(text, _)| text == "auto"),
            foreign_layers: items("layers").len(),
            dylib,
            trust_system: texts("trust-system"),
            archs: match text("arch") {
                Some(("both", _)) => Arch::ALL.to_vec(),
                found => found.and_then(|(text, _)| text.parse().ok()).into_iter().collect(),
            },
            libc: text("libc").and_then(|(text, _)| text.parse().ok()),
            target_cpu: text("target-cpu").map(|(text, _)| text.to_owned()),
            linker: text("linker").and_then(|(text, _)| LinkerRequest::of_name(text)),
            optimize: match text("optimize") {
                Some(("size", _)) => Optimize::Size,
                _ => Optimize::Speed,
            },
            compression: match text("compression") {
                Some(("fast", _)) => Some(Level::Fast),
                Some(("best", _)) => Some(Level::Best),
                _ => None,
            },
            dlopen: texts("dlopen"),
            library_paths: texts("library-paths"),
            sysroot: text("sysroot").map(|(text, _)| text.to_owned()),
            packaging: match text("format") {
                Some(("image", _)) => Packaging::Image(ImageWish {
                    base: text("image.base").map(|(text, _)| text.to_owned()),
                    name: text("image.name").map(|(text, _)| text.to_owned()),
                    docker: text("image.media-types").is_some_and(|(text, _)| text == "docker"),
                    certificates: certificates(merged),
                }),
                _ => Packaging::Zip,
            },
            cargo: CargoFlags {
                // As on cargo's command line.
                features: texts("cargo.features").iter().flat_map(|it| features(it)).collect(),
                all_features: is_on("cargo.all-features"),
                no_default_features: is_on("cargo.no-default-features"),
                profile: text("cargo.profile").map(|(text, _)| text.to_owned()),
            },
        })
    }
}

/// The features of an element of `--features`: they may stand between commas or blanks.
pub fn features(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split([',', ' ']).filter(|word| !word.is_empty()).map(str::to_owned)
}

/// An empty text, or `"none"`, stands for none at all.
fn certificates(merged: &Merged) -> Option<String> {
    match merged.get("image.certificates").map(|value| &value.node) {
        Some(Node::Text(text)) if text == check::NONE => Some(String::new()),
        Some(Node::Text(text)) => Some(text.clone()),
        _ => None,
    }
}
