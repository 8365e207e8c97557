//! The flags that cargo gives rustc for a target, as far as `cfg` follows from them (The Cargo Book,
//! "Configuration", `build.rustflags`).

use std::path::PathBuf;

use cargo_metadata::cargo_platform::Platform;
use toml::de::{DeTable, DeValue};

use super::platform::RustcCfg;

/// The flags for a target that is named with `--target`; the host then gets none. `plain` is what
/// rustc says of the target without flags. Variables come before settings of the target, those
/// before `build.rustflags`; cargo never puts them together.
#[must_use]
pub fn rustflags(
    plain: &RustcCfg,
    environment: &[(String, String)],
    configuration: &[(PathBuf, Vec<u8>)],
) -> Vec<String> {
    let variable = |name: &str| {
        environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    };
    if let Some(encoded) = variable("CARGO_ENCODED_RUSTFLAGS") {
        let flags = encoded.split('\x1f').filter(|flag| !flag.is_empty());
        return flags.map(str::to_owned).collect();
    }
    if let Some(flags) = variable("RUSTFLAGS") {
        return words(flags).collect();
    }
    let texts: Vec<_> =
        configuration.iter().map(|(_, text)| String::from_utf8_lossy(text)).collect();
    let tables: Vec<_> = texts.iter().map(|text| DeTable::parse_recoverable(text).0).collect();
    let mut flags = Vec::new();
    let mut build = Vec::new();
    for table in tables.iter().map(toml::Spanned::get_ref) {
        for (name, target) in entries(get(table, "target")) {
            let here = name == plain.triple()
                || name.parse::<Platform>().is_ok_and(|platform| plain.has(Some(&platform)));
            if here && let DeValue::Table(target) = target {
                flags.extend(list(get(target, "rustflags")));
            }
        }
        if let Some(DeValue::Table(table)) = get(table, "build") {
            build.extend(list(get(table, "rustflags")));
        }
    }
    let name = plain.triple().to_ascii_uppercase().replace(['-', '.'], "_");
    let own = variable(&format!("CARGO_TARGET_{name}_RUSTFLAGS"));
    flags.extend(own.into_iter().flat_map(words));
    build.extend(variable("CARGO_BUILD_RUSTFLAGS").into_iter().flat_map(words));
    if flags.is_empty() { build } else { flags }
}

/// The files that a configuration file includes, as it names them.
#[must_use]
pub fn included(configuration: &str) -> Vec<String> {
    let (table, _) = DeTable::parse_recoverable(configuration);
    let one = |value: &DeValue<'_>| match value {
        DeValue::String(path) => Some(path.to_string()),
        DeValue::Table(table) => match get(table, "path") {
            Some(DeValue::String(path)) => Some(path.to_string()),
            _ => None,
        },
        _ => None,
    };
    match get(table.get_ref(), "include") {
        Some(DeValue::Array(values)) => values.iter().filter_map(|v| one(v.get_ref())).collect(),
        Some(value) => one(value).into_iter().collect(),
        None => Vec::new(),
    }
}

fn get<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t DeValue<'t>> {
    table.iter().find(|(name, _)| name.get_ref() == key).map(|(_, value)| value.get_ref())
}

fn entries<'t>(value: Option<&'t DeValue<'t>>) -> impl Iterator<Item = (&'t str, &'t DeValue<'t>)> {
    let table = match value {
        Some(DeValue::Table(table)) => Some(table),
        _ => None,
    };
    let all = table.into_iter().flat_map(|table| table.iter());
    all.map(|(name, value)| (name.get_ref().as_ref(), value.get_ref()))
}

/// A list, or a text of words.
fn list(value: Option<&DeValue<'_>>) -> Vec<String> {
    let text = |value: &DeValue<'_>| match value {
        DeValue::String(text) => Some(text.to_string()),
        _ => None,
    };
    match value {
        Some(DeValue::String(flags)) => words(flags).collect(),
        Some(DeValue::Array(flags)) => flags.iter().filter_map(|f| text(f.get_ref())).collect(),
        _ => Vec::new(),
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(' ').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(environment: &[(&str, &str)], configuration: &[&str]) -> String {
        let plain = RustcCfg::parse("aarch64-unknown-linux-gnu", "unix\n").unwrap();
        let environment: Vec<_> =
            environment.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let configuration: Vec<_> =
            configuration.iter().map(|text| (PathBuf::new(), text.as_bytes().to_vec())).collect();
        rustflags(&plain, &environment, &configuration).join("|")
    }

    #[test]
    fn the_first_source_counts_alone() {
        let build = "[build]\nrustflags = \"--cfg  one\"";
        let target = "[target.aarch64-unknown-linux-gnu]\nrustflags = [\"--cfg\", \"a b\"]\n\
                      [target.'cfg(windows)']\nrustflags = [\"no\"]\n\
                      [target.x86_64-unknown-linux-gnu]\nrustflags = [\"no\"]\n\
                      [target.'cfg(unix)']\nrustflags = [\"--cfg\", \"three\"]\n";
        assert_eq!(flags(&[], &[]), "");
        assert_eq!(flags(&[], &[build]), "--cfg|one");
        assert_eq!(flags(&[("CARGO_BUILD_RUSTFLAGS", "-Cx")], &[build]), "--cfg|one|-Cx");
        let both = flags(&[], &[build, target]);
        assert!(both.contains("--cfg|a b") && both.contains("--cfg|three"), "{both}");
        assert!(!both.contains("no") && !both.contains("one"), "{both}");
        let own = ("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Cown");
        assert_eq!(flags(&[own], &[build]), "-Cown");
        assert_eq!(flags(&[own, ("RUSTFLAGS", " -Ca -Cb ")], &[target]), "-Ca|-Cb");
        assert_eq!(flags(&[("RUSTFLAGS", "")], &[target]), "", "set is set");
        let encoded = ("CARGO_ENCODED_RUSTFLAGS", "--cfg\x1fa b");
        assert_eq!(flags(&[encoded, ("RUSTFLAGS", "-Ca")], &[target]), "--cfg|a b");
        assert_eq!(flags(&[], &["build = 1\ntarget = \"x\"", "not toml ["]), "");
    }

    #[test]
    fn includes_of_every_form() {
        assert_eq!(included("include = \"a.toml\""), ["a.toml"]);
        let several = "include = [\"a.toml\", { path = \"b.toml\", optional = true }, 1]";
        assert_eq!(included(several), ["a.toml", "b.toml"]);
        assert!(included("include = 1").is_empty() && included("[").is_empty());
    }
}
