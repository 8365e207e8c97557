use cargo_metadata::Edition;

use super::*;
use crate::cargo_manifest::{EditError, is_member};

fn used(package: &str, version: &str, features: &[&str], default_features: bool) -> Used {
    Used {
        package: package.to_owned(),
        version: version.to_owned(),
        library: package.replace('-', "_"),
        features: features.iter().map(|&it| it.to_owned()).collect(),
        default_features,
    }
}

#[test]
fn what_several_use_in_one_version_with_what_all_of_them_want() {
    let all = BTreeMap::from([
        (
            "a".to_owned(),
            vec![used("tokio", "1.5.0", &["rt"], false), used("rand", "0.9.0", &[], true)],
        ),
        (
            "b".to_owned(),
            vec![used("tokio", "1.5.0", &["macros"], true), used("rand", "0.8.0", &[], true)],
        ),
        (
            "c".to_owned(),
            vec![used("rand", "0.9.0", &["std"], false), used("http-body", "1.0.0", &[], true)],
        ),
    ]);
    let found = common(&all);
    let names: Vec<_> = found.iter().map(|it| (it.used.package.as_str(), it.by.len())).collect();
    assert_eq!(names, [("rand", 2), ("tokio", 2)]);
    assert_eq!(found[1].used, used("tokio", "1.5.0", &["macros", "rt"], true));
    let manifest = crate_manifest("shared", &found);
    assert!(
        manifest.contains(
            "tokio = { version = \"1.5.0\", optional = true, features = [\"macros\", \"rt\"] }\n"
        ),
        "{manifest}"
    );
    assert!(manifest.contains("lambda-layer = [\n    \"dep:rand\",\n    \"dep:tokio\",\n]\n"));
    let source = crate_source(&found);
    assert!(source.ends_with("#[cfg(feature = \"lambda-layer\")]\npub use tokio;\n"), "{source}");
}

#[test]
fn manifests_are_changed_and_changed_back() {
    for (settings, changed) in [
        ("", "[package.metadata.lambda-pack]\nlayers = { dylib = \"shared\" }"),
        (
            "[package.metadata.lambda-pack]\nmemory = 128 # enough\n",
            "memory = 128 # enough\nlayers = { dylib = \"shared\" }",
        ),
        (
            "[package.metadata.lambda-pack]\nlayers = \"auto\"\nmemory = 128\n",
            "layers = { share = \"auto\", dylib = \"shared\" }\nmemory = 128",
        ),
        (
            "[package.metadata.lambda-pack]\nlayers = [\"arn\"]\n",
            "layers = { arns = [\"arn\"], dylib = \"shared\" }",
        ),
        (
            "[package.metadata.lambda-pack]\nlayers = { min-saving = 1 }\n",
            "layers = { min-saving = 1, dylib = \"shared\" }",
        ),
        (
            "[package.metadata.lambda-pack.layers]\nprefix = \"x\" # short\n",
            "prefix = \"x\" # short\ndylib = \"shared\"",
        ),
    ] {
        for features in ["", "[features]\ndefault = [] # none\n\n"] {
            let text = format!(
                "# A handler.\n[package]\nname = \"api\"\nversion = \"0.1.0\"\n\n{features}\
                 [dependencies]\ntokio = {{ version = \"1\" }} # runs it\n{}{settings}",
                if settings.is_empty() { "" } else { "\n" }
            );
            let marked = mark(&text, "shared", "../shared").unwrap();
            assert!(marked.contains(changed), "{settings}\n{marked}");
            assert!(marked.contains("lambda-layer = [\"dep:shared\"]"), "{marked}");
            let dependency = "tokio = { version = \"1\" } # runs it\nshared = { path = \"../shared\", \
                              optional = true, features = [\"lambda-layer\"] }";
            assert!(marked.contains(dependency), "{marked}");
            assert!(matches!(mark(&marked, "shared", "../shared"), Err(EditError::Taken(_))));
            let back = unmark(&marked, "shared").unwrap().unwrap();
            assert_eq!(back.trim_end(), text.trim_end(), "{marked}");
            assert_eq!(unmark(&back, "shared").unwrap(), None);
            assert_eq!(unmark(&marked, "other").unwrap(), None);
        }
    }
    assert!(mark("[package", "shared", "../shared").is_err());
    let alone = "[package]\nname = \"api\"\n\n[dependencies.tokio]\nversion = \"1\"\n";
    let marked = mark(alone, "shared", "../shared").unwrap();
    assert!(marked.contains("[dependencies]\n"), "{marked}");
    assert_eq!(unmark(&marked, "shared").unwrap().unwrap().trim_end(), alone.trim_end());
}

#[test]
fn members_are_changed_and_changed_back() {
    for (text, marked) in [
        ("[workspace]\nmembers = [\"a\"]\n", "[workspace]\nmembers = [\"a\", \"shared\"]\n"),
        (
            "[workspace]\nmembers = [\n    \"a\",\n    \"b\",\n]\n",
            "[workspace]\nmembers = [\n    \"a\",\n    \"b\",\n    \"shared\",\n]\n",
        ),
        (
            "[package]\nname = \"x\"\n",
            "[package]\nname = \"x\"\n\n# For the crate of `cargo lambda-pack layer init`.\n[workspace]\nmembers = [\"shared\"]\n",
        ),
    ] {
        assert_eq!(mark_workspace(text, "shared").unwrap().unwrap(), marked);
        assert_eq!(mark_workspace(marked, "shared").unwrap(), None);
        assert_eq!(
            unmark_workspace(marked, "shared").unwrap().unwrap().trim_end(),
            text.trim_end()
        );
    }
    // A table of the user's own stays.
    let marked = mark_workspace("[workspace]\n", "shared").unwrap().unwrap();
    assert_eq!(unmark_workspace(&marked, "shared").unwrap().unwrap(), "[workspace]\n");
    let windows = "\u{feff}[workspace]\r\nmembers = [\r\n    # One.\r\n    \"a\",\r\n]\r\n";
    let marked = mark_workspace(windows, "shared").unwrap().unwrap();
    assert_eq!(marked, windows.replace("\"a\",", "\"a\",\r\n    \"shared\","));
    assert_eq!(unmark_workspace(&marked, "shared").unwrap().unwrap(), windows);
    assert_eq!(mark_workspace("[workspace]\nmembers = [\"*\"]\n", "shared").unwrap(), None);
    assert!(!is_member("[workspace]\nmembers = [\"crates/*\"]\n", "shared").unwrap());
}

#[test]
fn sources_are_changed_below_what_belongs_to_the_whole_file() {
    const LINES: &str = "#[cfg(feature = \"lambda-layer\")]\nuse ::shared as _;\n";
    for (text, marked) in [
        ("use a;\n", format!("{LINES}\nuse a;\n")),
        ("//! A handler.\n\nuse a;\n", format!("//! A handler.\n\n{LINES}\nuse a;\n")),
        (
            "#!/usr/bin/env rust\n#![allow(x = \"]\")]\n// Why.\n#![deny(\n    y,\n)] // So.\nfn main() {}\n",
            format!(
                "#!/usr/bin/env rust\n#![allow(x = \"]\")]\n// Why.\n#![deny(\n    y,\n)] // So.\n\n{LINES}\nfn main() {{}}\n"
            ),
        ),
        (
            "// Copyright.\n// More.\n\n/// Documented.\nfn main() {}\n",
            format!("// Copyright.\n// More.\n\n{LINES}\n/// Documented.\nfn main() {{}}\n"),
        ),
        ("/// Documented.\nfn main() {}\n", format!("{LINES}\n/// Documented.\nfn main() {{}}\n")),
        (
            "/* a /* b */ c */\n/*! Inner. */\nfn main() {}\n",
            format!("/* a /* b */ c */\n/*! Inner. */\n\n{LINES}\nfn main() {{}}\n"),
        ),
        ("", LINES.to_owned()),
        (
            "# ! [deny(x, // ]\n y)]\n\nfn main() {}\n",
            format!("# ! [deny(x, // ]\n y)]\n\n{LINES}\nfn main() {{}}\n"),
        ),
        (
            "//! One.\r\n\r\nuse a;\r\n",
            format!("//! One.\n\n{LINES}\nuse a;\n").replace('\n', "\r\n"),
        ),
    ] {
        assert_eq!(mark_source(text, "shared", Edition::E2021).unwrap(), marked, "{text}");
        assert_eq!(mark_source(&marked, "shared", Edition::E2021), None);
        let back = unmark_source(&marked, "shared").unwrap();
        // A blank line below inner attributes may be left.
        assert_eq!(back.replace("\n\n", "\n"), text.replace("\n\n", "\n"), "{marked}");
    }
    assert_eq!(unmark_source("use a;\n", "shared"), None);
    let old = mark_source("fn main() {}\n", "shared", Edition::E2015).unwrap();
    assert!(old.contains("\nextern crate shared as _;\n"), "{old}");
    assert_eq!(unmark_source(&old, "shared").unwrap(), "fn main() {}\n");
    assert!(mentions("use shared as _; // mine\n", "shared"));
    assert!(!mentions("// use shared\nuse a;\n", "shared"));
}
