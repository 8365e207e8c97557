//! What layers are called: the same as long as they are much the same.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Files, Kind, Layer};
use crate::target::Arch;

/// The longest name of a layer that leaves room for its ARN's other parts (`PublishLayerVersion`,
/// `LayerName`: 140 characters, ARN included).
const LONGEST: usize = 64;
/// The longest beginning of a name that leaves room for what a layer holds, for whom and its architecture.
pub const LONGEST_PREFIX: usize = 32;

/// A layer of an earlier run, by its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Its architecture.
    pub arch: Arch,
    /// The functions that used it.
    pub users: BTreeSet<String>,
    /// Its files.
    pub files: Files,
}

/// A name for each layer: that of the known one of its architecture and kinds that would be called the same,
/// or with which it has most in common; else `<prefix>-<kinds>-<its largest file>-<architecture>`, without the file for
/// what comes with the compiler.
///
/// Guarantees: letters, digits, hyphens and underscores, 64 at most; no two the same.
#[must_use]
pub fn name(layers: &[Layer], prefix: &str, known: &BTreeMap<String, Known>) -> Vec<String> {
    let mut likely = Vec::new();
    for (at, layer) in layers.iter().enumerate() {
        let own = fresh(layer, prefix, &BTreeSet::new());
        for (name, other) in known.iter().filter(|(_, other)| is_alike(layer, other)) {
            let files = layer.files.iter().filter(|(path, _)| other.files.contains_key(*path));
            let bytes: u64 = files.clone().map(|(_, file)| file.size).sum();
            // What the compiler brings has another path with each compiler.
            if files.count() > 0 || *name == own {
                let users = other.users.intersection(&layer.users).count();
                likely.push((Reverse((*name == own, bytes, users)), at, name));
            }
        }
    }
    likely.sort();
    let mut names: BTreeMap<usize, String> = BTreeMap::new();
    let mut taken: BTreeSet<String> = BTreeSet::new();
    for (_, at, name) in likely {
        if !names.contains_key(&at) && taken.insert(name.clone()) {
            names.insert(at, name.clone());
        }
    }
    for (at, layer) in layers.iter().enumerate() {
        names.entry(at).or_insert_with(|| {
            let name = fresh(layer, prefix, &taken);
            taken.insert(name.clone());
            name
        });
    }
    names.into_values().collect()
}

/// Whether a layer can have a name (`PublishLayerVersion`, `LayerName`, without an ARN): letters, digits, hyphens
/// and underscores, 1 to 140. So it is also the name of one folder.
#[must_use]
pub fn is_name(text: &str) -> bool {
    let good = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    (1..=140).contains(&text.len()) && text.bytes().all(good)
}

/// Whether a name is one that [`name`] gives with this prefix; `shop-admin-native-pq-arm64` has `shop-admin`,
/// and not `shop`.
#[must_use]
pub fn has_prefix(name: &str, prefix: &str) -> bool {
    let rest = name.strip_prefix(plain(prefix).as_str()).and_then(|rest| rest.strip_prefix('-'));
    let kind = rest.and_then(|rest| rest.split('-').next()).and_then(Kind::of_word);
    let of_arch = |arch: Arch| name.ends_with(&format!("-{}", arch.aws_name()));
    kind.is_some() && Arch::ALL.into_iter().any(of_arch)
}

fn is_alike(layer: &Layer, known: &Known) -> bool {
    let kinds: BTreeSet<_> = known.files.values().map(|file| file.kind).collect();
    layer.arch == known.arch && layer.kinds == kinds
}

fn fresh(layer: &Layer, prefix: &str, taken: &BTreeSet<String>) -> String {
    let kinds: Vec<&str> = layer.kinds.iter().map(|kind| kind.word()).collect();
    let largest = layer.files.iter().max_by_key(|(path, file)| (file.size, Reverse(*path)));
    let stem = largest.map_or("", |(path, _)| stem(path));
    let end = format!("-{}", layer.arch.aws_name());
    let of_compiler = layer.kinds.iter().all(|kind| *kind == Kind::Toolchain);
    let stem = if of_compiler { "" } else { stem };
    let whole = plain(&format!("{prefix}-{}-{stem}", kinds.join("-")));
    let cut = |room: usize| {
        let short: String = whole.chars().take(room).collect();
        short.trim_end_matches('-').to_owned()
    };
    let mut name = format!("{}{end}", cut(LONGEST - end.len()));
    for number in 2.. {
        if !taken.contains(&name) {
            break;
        }
        let end = format!("-{number}{end}");
        name = format!("{}{end}", cut(LONGEST - end.len()));
    }
    name
}

/// `vips` of `lib/libvips.so.42`, `models` of `models/large/weights.bin`, `agent` of `extensions/agent`.
fn stem(path: &str) -> &str {
    let (folder, rest) = path.split_once('/').unwrap_or(("", path));
    let name = match folder {
        "" => path,
        "lib" | "extensions" => rest.rsplit('/').next().unwrap_or(rest),
        other => return other,
    };
    let name = name.strip_prefix("lib").filter(|_| folder == "lib").unwrap_or(name);
    name.split('.').next().unwrap_or(name)
}

/// With nothing in it that the name of a layer may not have.
#[must_use]
pub fn plain(text: &str) -> String {
    let good = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let mut plain = String::new();
    for c in text.chars().map(good) {
        if c != '-' || !plain.ends_with('-') {
            plain.push(c);
        }
    }
    plain.trim_matches('-').to_owned()
}
