//! `lambda-pack.lock`: which digest each reference to a base image stood for, so that every machine
//! puts images on the same one; and which files of which functions are in which layer, so that layers
//! keep their names, a run over some functions leaves the others' layers as they are, and a change says
//! why. Lies beside the workspace's `Cargo.toml`, to be kept in version control.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;

use crate::digest::Sha256;
use crate::layer::{self, File, Files, Kind, Known};
use crate::tree::ArchivePath;

/// The version of the format.
const VERSION: u32 = 1;
/// What stands at its top.
const HEADER: &str = "# Written by cargo lambda-pack; to be kept in version control.\n\
    # `cargo lambda-pack package --update-base` takes newer base images.\nversion = 1\n";

/// What it holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lock {
    /// Digests of what references stood for: an index, or the manifest of one image.
    pub bases: BTreeMap<String, Sha256>,
    /// What the names of layers begin with.
    pub prefix: Option<String>,
    /// The layers, by name.
    pub layers: BTreeMap<String, Known>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    version: u32,
    #[serde(rename = "layer-prefix")]
    prefix: Option<String>,
    #[serde(default)]
    base: Vec<Base>,
    #[serde(default)]
    layer: Vec<OneLayer>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Base {
    name: String,
    digest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneLayer {
    name: String,
    architecture: String,
    functions: BTreeSet<String>,
    files: Vec<OneFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OneFile {
    path: String,
    kind: String,
    mode: String,
    #[serde(default)]
    size: u64,
    digest: Option<String>,
}

impl Lock {
    /// The name of the file.
    pub const FILE: &str = "lambda-pack.lock";

    /// Reads it; or says why it cannot be understood.
    pub fn read(text: &str) -> Result<Self, String> {
        if text.lines().any(|line| line.starts_with("<<<<<<< ")) {
            return Err("it has the marks of a merge that was not finished".to_owned());
        }
        let file: Text = toml::from_str(text).map_err(|error| error.message().to_owned())?;
        if file.version != VERSION {
            return Err(format!(
                "it is of version {}, and this program knows {VERSION}",
                file.version
            ));
        }
        // Names become folders, and this file comes from others too.
        let prefix = file.prefix.as_deref().filter(|prefix| !prefix.is_empty());
        if let Some(wrong) = prefix.filter(|prefix| !layer::is_name(prefix)) {
            return Err(format!("no layer's name begins with {wrong:?} (`layer-prefix`)"));
        }
        let base = |Base { name, digest }: Base| {
            let parsed = self::digest(&digest, &name)?;
            Ok((name, parsed))
        };
        Ok(Self {
            bases: file.base.into_iter().map(base).collect::<Result<_, String>>()?,
            prefix: file.prefix,
            layers: file.layer.into_iter().map(layer).collect::<Result<_, String>>()?,
        })
    }

    /// Its text, sorted by name.
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = HEADER.to_owned();
        if let Some(prefix) = &self.prefix {
            text.push_str(&format!("layer-prefix = {}\n", quoted(prefix)));
        }
        for (name, digest) in &self.bases {
            // A reference has no character that would have to be escaped.
            text.push_str(&format!("\n[[base]]\nname = \"{name}\"\ndigest = \"{digest}\"\n"));
        }
        for (name, layer) in &self.layers {
            let functions: Vec<String> = layer.users.iter().map(|user| quoted(user)).collect();
            text.push_str(&format!(
                "\n[[layer]]\nname = {}\narchitecture = \"{}\"\nfunctions = [{}]\nfiles = [\n",
                quoted(name),
                layer.arch.aws_name(),
                functions.join(", ")
            ));
            for (path, file) in &layer.files {
                text.push_str(&line(path, file));
            }
            text.push_str("]\n");
        }
        text
    }
}

fn line(path: &str, file: &File) -> String {
    let (path, File { kind, mode, size, digest }) = (quoted(path), file);
    let contents = if kind.is_built() {
        String::new()
    } else {
        format!(", size = {size}, digest = \"{digest}\"")
    };
    format!("    {{ path = {path}, kind = \"{kind}\", mode = \"{mode:04o}\"{contents} }},\n")
}

/// A string as TOML has it.
fn quoted(text: &str) -> String {
    // JSON's escapes are TOML's as well.
    Value::String(text.to_owned()).to_string()
}

fn digest(text: &str, of: &str) -> Result<Sha256, String> {
    text.parse().map_err(|error| format!("`{text}` of `{of}`: {error}"))
}

fn layer(one: OneLayer) -> Result<(String, Known), String> {
    let OneLayer { name, architecture, functions: users, files } = one;
    if !layer::is_name(&name) {
        return Err(format!("no layer can be called {name:?}"));
    }
    let wrong = |what: &str| format!("`{what}` of `{name}` is unknown");
    let arch = architecture.parse().map_err(|_| wrong(&architecture))?;
    let file = |file: OneFile| {
        let kind = Kind::of_word(&file.kind).ok_or_else(|| wrong(&file.kind))?;
        ArchivePath::new(&file.path)
            .map_err(|why| format!("{:?} of `{name}`: {why}", file.path))?;
        let mode = u32::from_str_radix(&file.mode, 8).map_err(|_| wrong(&file.mode))?;
        let digest = match &file.digest {
            None if kind.is_built() => Sha256::of(b""),
            None => return Err(format!("`{}` of `{name}` has no `digest`", file.path)),
            Some(text) => digest(text, &file.path)?,
        };
        Ok((file.path, File { kind, mode, size: file.size, digest }.remembered()))
    };
    let files = files.into_iter().map(file).collect::<Result<Files, String>>()?;
    Ok((name, Known { arch, users, files }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::Arch;

    #[test]
    fn what_is_written_is_read() {
        let bases = ["example.com/a:1", "example.com/b/c:latest"];
        let bases = bases.map(|name| (name.to_owned(), Sha256::of(name.as_bytes())));
        let file = File { kind: Kind::Native, mode: 0o755, size: 7, digest: Sha256::of(b"x") };
        let built = File { kind: Kind::Extension, mode: 0o755, ..file }.remembered();
        let files = [
            ("extensions/own", built),
            ("lib/li\"b.so", file),
            ("models/größe", File { mode: 0o644, ..file }),
        ];
        let layer = Known {
            arch: Arch::Arm64,
            users: ["a", "b"].map(str::to_owned).into(),
            files: files.map(|(path, file)| (path.to_owned(), file)).into(),
        };
        let lock = Lock {
            bases: bases.into(),
            prefix: Some("shop".to_owned()),
            layers: [("shop-native-b-arm64".to_owned(), layer)].into(),
        };
        assert_eq!(Lock::read(&lock.write()), Ok(lock));
        assert_eq!(Lock::read(&Lock::default().write()), Ok(Lock::default()));
        let layer =
            "version = 1\n[[layer]]\nname = \"l\"\narchitecture = \"arm64\"\nfunctions = []\n";
        for (text, why) in [
            ("", "missing field `version`"),
            ("version = 2", "it is of version 2"),
            ("version = 1\n[[base]]\nname = \"a\"\ndigest = \"b\"", "`b` of `a`"),
            ("version = 1\nother = 1", "unknown field"),
            ("version = 1\n<<<<<<< HEAD\n", "a merge that was not finished"),
            ("version = 1\nlayer-prefix = \"../x\"", "no layer's name begins with \"../x\""),
            (&layer.replace("arm64", "mips"), "missing field `files`"),
            (
                &format!("{}files = []", layer.replace("\"l\"", "\"../../../evil\"")),
                "no layer can be called \"../../../evil\"",
            ),
            (
                &format!(
                    "{layer}files = [{{ path = \"../x\", kind = \"workspace\", mode = \"0644\" }}]"
                ),
                "\"../x\" of `l`: the path has a `..`",
            ),
            (&format!("{}files = []", layer.replace("arm64", "mips")), "`mips` of `l` is unknown"),
            (
                &format!(
                    "{layer}files = [{{ path = \"x\", kind = \"odd\", mode = \"0644\", size = 1, digest = \"\" }}]"
                ),
                "`odd` of `l` is unknown",
            ),
        ] {
            let found = Lock::read(text).unwrap_err();
            assert!(found.contains(why), "{text}: {found}");
        }
    }
}
