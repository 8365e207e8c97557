//! Profiles: every key from every place.

use std::fs;

use lambda_pack::cargo_config::Value;
use lambda_pack::config::ConfigFile;
use lambda_pack::profile::{self, Decision, Key, Why, Wish};

use super::{Lab, PLACES, option};
use crate::support::run;

impl Lab {
    fn decide(&self, profile: &str, size: bool) -> Decision {
        let manifest = ConfigFile { name: "Cargo.toml".into(), text: self.write_manifest() };
        let users = self.rustflags(false).users;
        profile::decide(profile, &manifest, &self.config(), &users, Wish { size, dylib: false })
    }
}

/// What cargo makes of a key for rustc: nothing where rustc's own default is the same.
fn given(key: Key, value: &Value) -> Option<String> {
    let text = value.to_string().replace('"', "");
    match (key, text.as_str()) {
        (Key::Panic, "unwind") | (Key::Strip, "none") => None,
        _ => Some(text),
    }
}

/// Asserts that rustc got every key as the rows say.
#[track_caller]
fn agree(decision: &Decision, rustc: &[String], context: &str) {
    for row in &decision.rows {
        let expected = match &row.why {
            Why::Said(value, _) | Why::Ours(value) | Why::Shared(value) => given(row.key, value),
            Why::Default => Some("3".to_owned()),
            Why::Left(..) => None,
        };
        let found = option(rustc, row.key.name());
        assert_eq!(found, expected.as_deref(), "{context}: {row}\n{rustc:?}");
    }
}

const PROFILES: &str = "profile.my-prof.inherits = 'release'\nprofile.mid.inherits = 'release'\n\
    profile.leaf.inherits = 'mid'\nprofile.release-debug.inherits = 'release'\n\
    profile.release.build-override.codegen-units = 9\n\
    profile.release.package.'*'.opt-level = 1\n";

/// A value of the user's for a key, that is neither ours nor the default.
fn value(key: Key) -> &'static str {
    match key {
        Key::OptLevel => "\"s\"",
        Key::Lto => "\"thin\"",
        Key::CodegenUnits => "7",
        Key::Panic => "\"unwind\"",
        Key::Strip => "\"debuginfo\"",
    }
}

#[test]
fn rustc_gets_every_key_of_a_profile_from_whom_we_say() {
    let mut lab = Lab::new(PROFILES);
    for (profile, named) in
        [("release", "release"), ("my-prof", "my-prof"), ("my-prof", "release"), ("leaf", "mid")]
    {
        for place in PLACES {
            for key in Key::ALL {
                lab.clear();
                lab.say(place, &["profile", named, key.name()], value(key));
                let decision = lab.decide(profile, true);
                let context = format!("{} of {named} in {place}, for {profile}", key.name());
                let rustc = lab.rustc(profile, &decision.handed);
                agree(&decision, &rustc, &context);
                assert_eq!(decision.handed.len(), 4, "{context}");
                let user = Value::Text(value(key).replace('"', ""));
                assert_eq!(option(&rustc, key.name()), given(key, &user).as_deref(), "{context}");
            }
        }
    }
}

#[test]
fn of_every_two_places_cargo_takes_the_one_that_we_name() {
    let mut lab = Lab::new(PROFILES);
    for (rank, low) in PLACES.iter().enumerate() {
        for high in &PLACES[rank + 1..] {
            for (below, above, profile) in [
                ("release", "release", "release"),
                ("mid", "leaf", "leaf"),
                ("leaf", "mid", "leaf"),
            ] {
                lab.clear();
                lab.say(low, &["profile", below, "codegen-units"], "5");
                lab.say(high, &["profile", above, "codegen-units"], "6");
                let decision = lab.decide(profile, false);
                let context = format!("{low} ({below}) and {high} ({above}), for {profile}");
                let rustc = lab.rustc(profile, &decision.handed);
                agree(&decision, &rustc, &context);
                let nearest = if below == "leaf" { "5" } else { "6" };
                assert_eq!(option(&rustc, "codegen-units"), Some(nearest), "{context}");
            }
        }
    }
}

#[test]
fn profiles_of_every_kind_and_of_none() {
    let mut lab = Lab::new(PROFILES);
    for profile in ["release", "bench", "my-prof", "mid", "leaf", "release-debug", "dev", "test"] {
        for size in [false, true] {
            let decision = lab.decide(profile, size);
            let expected = if ["dev", "test"].contains(&profile) { 0 } else { 4 };
            assert_eq!(decision.handed.len(), expected + usize::from(size && expected > 0));
            agree(&decision, &lab.rustc(profile, &decision.handed), profile);
        }
    }
    // A profile that only the configuration has, in every place of it.
    for place in &PLACES[1..] {
        lab.clear();
        lab.say(place, &["profile", "new", "inherits"], "\"leaf\"");
        let decision = lab.decide("new", false);
        assert_eq!(decision.handed.len(), 4, "{place}");
        agree(&decision, &lab.rustc("new", &decision.handed), place);
    }
    lab.clear();
    lab.say("variable", &["profile", "my-prof", "debug"], "1");
    let decision = lab.decide("my-prof", false);
    assert_eq!(decision.handed.len(), 3);
    agree(&decision, &lab.rustc("my-prof", &decision.handed), "debug");
    // If this begins to work, `profile::decide` need not go another way for such names.
    lab.clear();
    lab.variables.push(("CARGO_PROFILE_RELEASE_DEBUG_STRIP".to_owned(), "symbols".to_owned()));
    run(&mut lab.cargo("release-debug", &[])).code(101).says("`profile.release`");
}

#[test]
fn the_folder_of_the_run_decides_which_files_count() {
    let mut lab = Lab::new("");
    let key = ["profile", "release", "lto"];
    // Of a package that cargo does not run in.
    lab.say("crates/lambda_runtime/.cargo/config.toml", &key, "\"thin\"");
    assert_eq!(lab.decide("release", false).handed.len(), 4);
    // Of both names, cargo reads the one of old.
    lab.say("crates/tiny/.cargo/config.toml", &key, "\"thin\"");
    lab.say("crates/tiny/.cargo/config", &key, "\"off\"");
    let decision = lab.decide("release", false);
    let rustc = lab.rustc("release", &decision.handed);
    agree(&decision, &rustc, "both names");
    assert_eq!(option(&rustc, "lto"), Some("off"));
    fs::remove_file(lab.folder().join(".cargo/config")).unwrap();
    // Cargo's home is one of the folders on the way up: its file counts for where it is, and once.
    lab.variables[0].1 = lab.workspace.path().join("crates/.cargo").to_str().unwrap().to_owned();
    lab.say("crates/.cargo/config.toml", &["build", "rustflags"], "[\"--cfg=mark_a\"]");
    lab.say(".cargo/config.toml", &["build", "rustflags"], "[\"--cfg=mark_b\"]");
    let rustc = lab.rustc("release", &[]);
    let marks: Vec<_> = rustc.iter().filter(|word| word.contains("mark")).collect();
    assert_eq!(marks, ["--cfg=mark_b", "--cfg=mark_a"]);
    let words = lab.config().words(&["build", "rustflags"]).words;
    assert_eq!(words.iter().map(|word| &word.text).collect::<Vec<_>>(), marks);
}

#[test]
fn what_rustc_refuses_together_with_ours() {
    let mut lab = Lab::new("");
    for flags in [
        "-Cembed-bitcode=no",
        "-Cprefer-dynamic",
        // Not `thin`: cargo, left alone, adds `-Cembed-bitcode=no`, and rustc refuses that.
        "-Clto=off",
        "-C panic=unwind",
        "-Clinker-plugin-lto",
        "-Ccodegen-units=4 -Cstrip=none",
        "-g",
        "-Copt-level=1",
    ] {
        lab.clear();
        lab.variables.push(("RUSTFLAGS".to_owned(), flags.to_owned()));
        let decision = lab.decide("release", true);
        // Really compiled: rustc itself is to take them together.
        let mut cargo = lab.cargo("release", &decision.handed);
        run(cargo.env_remove("RUSTC_WRAPPER")).code(0);
    }
}
