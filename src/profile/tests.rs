use super::*;
use crate::cargo_config::Sources;
use std::path::{Path, PathBuf};

/// What is said, and where; files are read as cargo would find them in `/w/sub`.
#[derive(Default, Clone)]
struct Setup {
    manifest: String,
    files: Vec<(&'static str, String)>,
    variables: Vec<(String, String)>,
    arguments: Vec<String>,
    flags: Vec<&'static str>,
}

const DEEP: &str = "/w/sub/.cargo/config.toml";
const INCLUDED: &str = "/w/sub/.cargo/in.toml";
const HIGH: &str = "/w/.cargo/config.toml";
const HOME: &str = "/home/config.toml";
const CLI: &str = "/w/sub/cli.toml";

impl Setup {
    fn decide(&self, profile: &str, size: bool) -> Decision {
        let text = |path: &Path| {
            let file = self.files.iter().find(|(file, _)| Path::new(file) == path);
            file.map(|(_, text)| text.clone())
        };
        let config = CargoConfig::new(&Sources {
            files: [DEEP, HIGH, HOME].map(PathBuf::from).into(),
            arguments: &self.arguments,
            variables: self.variables.clone(),
            folder: Path::new("/w/sub"),
            read: &text,
        });
        let manifest = ConfigFile { name: "Cargo.toml".into(), text: self.manifest.clone() };
        let origin = Origin::Variable("RUSTFLAGS".to_owned());
        let flags: Vec<Word> = self.flags.iter().map(|flag| Word::new(flag, &origin)).collect();
        decide(profile, &manifest, &config, &flags, Wish { size, dylib: false })
    }

    /// Says a key of a profile in a place.
    fn say(&mut self, place: &str, profile: &str, key: &str, value: &str) {
        let line = format!("profile.{profile}.{key} = {value}\n");
        match place {
            "manifest" => self.manifest += &line,
            "variable" => {
                let value = value.trim_matches('"').to_owned();
                self.variables.push((variable_of(&["profile", profile, key]), value));
            }
            "--config" => self.arguments.push(line),
            _ => {
                let file = [DEEP, INCLUDED, HIGH, HOME, CLI].into_iter().find(|f| *f == place);
                self.files.push((file.unwrap(), line));
                if place == INCLUDED {
                    self.files.push((DEEP, "include = ['in.toml']".to_owned()));
                }
                if place == CLI {
                    self.arguments.push("cli.toml".to_owned());
                }
            }
        }
    }
}

/// From the least to the most that counts, and how each is shown.
const PLACES: [(&str, &str); 8] = [
    ("manifest", "Cargo.toml"),
    (HOME, "/home/config.toml:1"),
    (HIGH, "/w/.cargo/config.toml:1"),
    (INCLUDED, ".cargo/in.toml:1"),
    (DEEP, ".cargo/config.toml:1"),
    ("variable", "CARGO_PROFILE_"),
    ("--config", "--config"),
    (CLI, "cli.toml:1"),
];

fn why(decision: &Decision, key: Key) -> &Why {
    &decision.rows.iter().find(|row| row.key == key).unwrap().why
}

/// What is handed over, without the way it goes.
fn handed(decision: &Decision) -> Vec<String> {
    let show = |handed: &Handed| match handed {
        Handed::Variable { name, value } => format!("{name}={value}"),
        Handed::Config(argument) => argument.clone(),
    };
    decision.handed.iter().map(show).collect()
}

#[test]
fn ours_where_nobody_says_anything() {
    let decision = Setup::default().decide("release", false);
    let all = [
        "CARGO_PROFILE_RELEASE_LTO=fat",
        "CARGO_PROFILE_RELEASE_CODEGEN_UNITS=1",
        "CARGO_PROFILE_RELEASE_PANIC=abort",
        "CARGO_PROFILE_RELEASE_STRIP=symbols",
    ];
    assert_eq!(handed(&decision), all);
    let rows: Vec<_> = decision.rows.iter().map(ToString::to_string).collect();
    assert_eq!(
        rows,
        [
            "opt-level left to cargo",
            "lto = \"fat\" (ours)",
            "codegen-units = 1 (ours)",
            "panic = \"abort\" (ours)",
            "strip = \"symbols\" (ours)",
        ]
    );
    let small = Setup::default().decide("release", true);
    assert_eq!(handed(&small)[0], "CARGO_PROFILE_RELEASE_OPT_LEVEL=z");
    assert_eq!(handed(&small)[1..], all);
}

#[test]
fn every_key_from_every_place() {
    for key in Key::ALL {
        for (place, shown) in PLACES {
            for (profile, manifest) in [
                ("release", ""),
                ("bench", ""),
                ("my-prof", "profile.my-prof.inherits = 'release'\n"),
                ("leaf", "profile.leaf.inherits='mid'\nprofile.mid.inherits='release'\n"),
            ] {
                // Named for the profile itself, or for the root of its chain.
                for named in [profile, "release"] {
                    let mut setup = Setup { manifest: manifest.to_owned(), ..Setup::default() };
                    setup.say(place, named, key.name(), "\"said\"");
                    let decision = setup.decide(profile, true);
                    let context = format!("{key:?} of {named} in {place} for {profile}");
                    let Why::Said(value, origin) = why(&decision, key) else { panic!("{context}") };
                    assert_eq!(*value, Value::Text("said".to_owned()), "{context}");
                    assert!(origin.to_string().starts_with(shown), "{context}: {origin}");
                    let names = handed(&decision).join(" ").to_lowercase().replace('_', "-");
                    assert!(!names.contains(&format!("-{}=", key.name())), "{context}: {names}");
                    assert_eq!(decision.handed.len(), 4, "{context}: the others are ours");
                }
            }
        }
    }
}

#[test]
fn of_every_two_places_the_higher_is_named() {
    for (low, below) in PLACES.iter().enumerate() {
        for above in &PLACES[low + 1..] {
            let mut setup = Setup::default();
            // An included file's text stands in another file, which both may need.
            if (below.0, above.0) == (INCLUDED, DEEP) {
                setup.files.push((INCLUDED, "profile.release.lto = 'low'".to_owned()));
                let text = "profile.release.lto = 'high'\ninclude = ['in.toml']".to_owned();
                setup.files.push((DEEP, text));
            } else {
                setup.say(below.0, "release", "lto", "\"low\"");
                setup.say(above.0, "release", "lto", "\"high\"");
            }
            let decision = setup.decide("release", false);
            let Why::Said(value, origin) = why(&decision, Key::Lto) else { panic!() };
            assert_eq!(*value, Value::Text("high".to_owned()), "{below:?} {above:?}");
            assert!(origin.to_string().starts_with(above.1), "{below:?} {above:?}: {origin}");
        }
        // The profile itself counts over what it inherits, wherever that is said.
        let mut setup =
            Setup { manifest: "profile.x.inherits='release'\n".into(), ..Setup::default() };
        setup.say(below.0, "release", "lto", "\"low\"");
        setup.manifest += "profile.x.lto = 'high'\n";
        let decision = setup.decide("x", false);
        let Why::Said(value, _) = why(&decision, Key::Lto) else { panic!() };
        assert_eq!(*value, Value::Text("high".to_owned()), "{below:?}");
    }
}

#[test]
fn only_what_comes_from_release() {
    let manifest = "profile.mid.inherits='dev'\nprofile.a.inherits='b'\nprofile.b.inherits='a'\n\
        profile.lost.inherits='nowhere'\nprofile.none.lto=true\n";
    let setup = Setup { manifest: manifest.to_owned(), ..Setup::default() };
    for profile in ["dev", "test", "debug", "doc", "mid", "a", "lost", "none", "unknown"] {
        assert_eq!(setup.decide(profile, true), Decision::default(), "{profile}");
    }
    // The configuration may define profiles, and change what the manifest's inherit.
    for place in [HOME, DEEP, INCLUDED, "variable", "--config", CLI] {
        let mut setup = setup.clone();
        setup.say(place, "new", "inherits", "\"release\"");
        assert_eq!(setup.decide("new", false).handed.len(), 4, "{place}");
        let mut setup = Setup { manifest: manifest.to_owned(), ..Setup::default() };
        setup.say(place, "mid", "inherits", "\"release\"");
        assert_eq!(setup.decide("mid", false).handed.len(), 4, "{place}");
    }
}

#[test]
fn tables_of_packages_and_build_scripts_do_not_count() {
    let manifest = "[profile.release.package.'*']\nstrip = true\ncodegen-units = 2\nopt-level = 1\n\
        [profile.release.build-override]\ncodegen-units = 3\nopt-level = 2\n\
        [profile.dev]\nlto = 'thin'\npanic = 'unwind'\n";
    let decision = Setup { manifest: manifest.into(), ..Setup::default() }.decide("release", true);
    assert_eq!(decision.handed.len(), 5);
}

#[test]
fn debug_information_is_not_stripped_unasked() {
    for (debug, on) in [
        ("true", true),
        ("1", true),
        ("\"line-tables-only\"", true),
        ("false", false),
        ("0", false),
        ("\"none\"", false),
    ] {
        for (place, shown) in PLACES {
            let mut setup = Setup::default();
            setup.say(place, "release", "debug", debug);
            let decision = setup.decide("release", false);
            match why(&decision, Key::Strip) {
                Why::Left(_, origin) if on => assert!(origin.to_string().starts_with(shown)),
                Why::Ours(_) if !on => {}
                other => panic!("debug = {debug} in {place}: {other:?}"),
            }
            assert_eq!(decision.handed.len(), if on { 3 } else { 4 });
        }
    }
    let manifest = "[profile.release]\ndebug = 1\nstrip = \"none\"\n".to_owned();
    let decision = Setup { manifest, ..Setup::default() }.decide("release", false);
    assert_eq!(why(&decision, Key::Strip).clone(), {
        let origin = Origin::File { file: "Cargo.toml".into(), line: 3 };
        Why::Said(Value::Text("none".to_owned()), origin)
    });
}

#[test]
fn where_a_variable_would_be_read_for_two_profiles_it_is_config() {
    let manifest = "profile.release-debug.inherits = 'release'\nprofile.small.inherits='release'\n\
        profile.small-lto.inherits='small'\nprofile.smaller.inherits='small'\n";
    let setup = Setup { manifest: manifest.to_owned(), ..Setup::default() };
    assert_eq!(
        handed(&setup.decide("release-debug", false)),
        [
            "profile.release-debug.lto=\"fat\"",
            "profile.release-debug.codegen-units=1",
            "profile.release-debug.panic=\"abort\"",
            "profile.release-debug.strip=\"symbols\"",
        ]
    );
    assert!(handed(&setup.decide("small-lto", false))[0].starts_with("profile."));
    assert!(handed(&setup.decide("smaller", false))[0].starts_with("CARGO_"));
    let mut setup = Setup::default();
    setup.say(DEEP, "a-b", "inherits", "\"a\"");
    setup.say("variable", "a", "inherits", "\"release\"");
    assert!(handed(&setup.decide("a-b", false))[0].starts_with("profile."));
}

#[test]
fn the_users_flags_for_rustc_are_not_undone() {
    for (flags, key, row) in [
        (vec!["-Clto=thin"], Key::Lto, "lto = \"thin\" (RUSTFLAGS)"),
        (vec!["-Clto"], Key::Lto, "lto = \"yes\" (RUSTFLAGS)"),
        (vec!["-C", "panic=unwind"], Key::Panic, "panic = \"unwind\" (RUSTFLAGS)"),
        (vec!["--codegen=codegen_units=4"], Key::CodegenUnits, "codegen-units = \"4\" (RUSTFLAGS)"),
        (
            vec!["-Cembed-bitcode=no"],
            Key::Lto,
            "lto left to cargo, for -Cembed-bitcode=no (RUSTFLAGS)",
        ),
        (
            vec!["-Cprefer-dynamic"],
            Key::Panic,
            "panic left to cargo, for -Cprefer-dynamic (RUSTFLAGS)",
        ),
        (vec!["-Cprefer-dynamic"], Key::Lto, "lto left to cargo, for -Cprefer-dynamic (RUSTFLAGS)"),
        (vec!["-Cprefer-dynamic=no"], Key::Lto, "lto = \"fat\" (ours)"),
        (vec!["-Cembed-bitcode"], Key::Lto, "lto = \"fat\" (ours)"),
        (vec!["-g"], Key::Strip, "strip left to cargo, for -g (RUSTFLAGS)"),
        (vec!["-Cdebuginfo=1"], Key::Strip, "strip left to cargo, for -Cdebuginfo=1 (RUSTFLAGS)"),
        (vec!["-Cdebuginfo=0"], Key::Strip, "strip = \"symbols\" (ours)"),
    ] {
        // Rustc takes them, whatever the profile says.
        let decision = Setup { flags, ..Setup::default() }.decide("release", false);
        let found = decision.rows.iter().find(|row| row.key == key).unwrap();
        assert_eq!(found.to_string(), row);
    }
    let manifest = "profile.release.lto = true".to_owned();
    let setup = Setup { manifest, flags: vec!["-Clto=off"], ..Setup::default() };
    let decision = setup.decide("release", false);
    assert_eq!(decision.rows[1].to_string(), "lto = \"off\" (RUSTFLAGS)");
}
