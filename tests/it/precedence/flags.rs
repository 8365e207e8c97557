//! Flags for rustc: the user's from every place, and ours.

use lambda_pack::cargo_files;
use lambda_pack::rustflags::{self, Flag, Rustflags};
use lambda_pack::tool_cache::ToolCache;

use super::{Lab, PLACES, option, triple};
use crate::support::rustc;

const OURS: &str = if cfg!(target_arch = "aarch64") {
    "-Ctarget-cpu=neoverse-n1"
} else {
    "-Ctarget-cpu=x86-64-v3"
};

/// Flags in a place: which file or the like, and the key.
type Said = ((&'static str, &'static str), String);

/// The places of flags for rustc.
const FLAGS: [(&str, &str); 12] = [
    ("variable", "RUSTFLAGS"),
    ("variable", "CARGO_ENCODED_RUSTFLAGS"),
    ("home/config.toml", "target"),
    ("crates/.cargo/config", "target"),
    ("variable", "target"),
    ("--config", "target"),
    ("crates/tiny/.cargo/in ü.toml", "cfg(target_os = \"linux\")"),
    ("--config", "cfg(all())"),
    (".cargo/config.toml", "build"),
    ("crates/tiny/.cargo/config.toml", "build"),
    ("variable", "build"),
    ("crates/tiny/cli file.toml", "build"),
];

impl Lab {
    pub(super) fn rustflags(&self, chosen: bool) -> Rustflags {
        self.write_manifest();
        let config = self.config();
        let cfgs = cargo_files::cfgs(&ToolCache::none(), &config, &rustc(), &triple());
        rustflags::decide(&config, &triple(), &cfgs, &[Flag { text: OURS.to_owned(), chosen }])
    }

    fn say_flags(&mut self, (place, of): (&str, &str), value: &str) {
        let plain = value.replace(['[', ']', '"'], "");
        match of {
            "RUSTFLAGS" => self.variables.push((of.to_owned(), plain.replace(',', " "))),
            "CARGO_ENCODED_RUSTFLAGS" => {
                self.variables.push((of.to_owned(), plain.replace(',', "\u{1f}")));
            }
            "build" => self.say(place, &["build", "rustflags"], value),
            "target" => self.say(place, &["target", &triple(), "rustflags"], value),
            cfg => self.say(place, &["target", cfg, "rustflags"], value),
        }
    }

    /// Asserts that rustc gets the user's flags in the order that we say, and ours; returns the cpu.
    #[track_caller]
    fn flags_agree(&self, chosen: bool, context: &str) -> Option<String> {
        let flags = self.rustflags(chosen);
        let rustc = self.rustc("release", flags.handed.as_slice());
        let marks = |word: &&str| word.contains("mark");
        let users: Vec<_> = flags.users.iter().map(|word| word.text.as_str()).collect();
        let users: Vec<_> = users.into_iter().filter(marks).collect();
        let found: Vec<_> = rustc.iter().map(String::as_str).filter(marks).collect();
        assert_eq!(found, users, "{context}: {flags:?}");
        // Nothing that cargo would not have given alone.
        let alone = self.rustc("release", &[]);
        let alone: Vec<_> = alone.iter().map(String::as_str).filter(marks).collect();
        assert_eq!(alone, users, "{context}: {flags:?}");
        option(&rustc, "target-cpu").map(str::to_owned)
    }
}

#[test]
fn of_every_two_places_rustc_gets_the_users_flags_and_ours() {
    let ours = OURS.split_once('=').unwrap().1;
    let mut lab = Lab::new("");
    for (rank, low) in FLAGS.iter().enumerate() {
        for high in &FLAGS[rank..] {
            lab.clear();
            lab.say_flags(*low, "[\"--cfg=mark_low\",\"-Cdebuginfo=1\"]");
            if low != high {
                lab.say_flags(*high, "[\"--cfg=mark_high\"]");
            }
            let cpu = lab.flags_agree(false, &format!("{low:?} {high:?}"));
            assert_eq!(cpu.as_deref(), Some(ours), "{low:?} {high:?}");
        }
    }
}

#[test]
fn a_cpu_of_the_users_counts_unless_they_chose_ours() {
    let users = if cfg!(target_arch = "aarch64") { "neoverse-v1" } else { "skylake" };
    let ours = OURS.split_once('=').unwrap().1;
    let mut lab = Lab::new("");
    for place in FLAGS {
        for form in
            [format!("[\"-Ctarget-cpu={users}\"]"), format!("[\"-C\",\"target-cpu={users}\"]")]
        {
            lab.clear();
            lab.say_flags(place, &form);
            assert_eq!(lab.flags_agree(false, &form).as_deref(), Some(users), "{place:?}");
            assert_eq!(lab.flags_agree(true, &form).as_deref(), Some(ours), "{place:?}");
        }
    }
}

#[test]
fn flags_that_cargo_reads_in_ways_of_its_own() {
    let ours = OURS.split_once('=').unwrap().1;
    let mut lab = Lab::new("");
    let mark = |name: &str| format!("[\"--cfg=mark_{name}\"]");
    let cases: [(&str, &[Said]); 7] = [
        ("an empty RUSTFLAGS counts", &[(FLAGS[0], "[]".into()), (FLAGS[2], mark("a"))]),
        (
            "an empty CARGO_ENCODED_RUSTFLAGS counts",
            &[(FLAGS[1], "[]".into()), (FLAGS[0], mark("a"))],
        ),
        (
            "an empty list of the target's does not",
            &[(FLAGS[2], "[]".into()), (FLAGS[8], mark("a"))],
        ),
        (
            "a string is not joined to a list",
            &[
                (FLAGS[2], "\"--cfg=mark_a --cfg=mark_b\"".into()),
                (FLAGS[3], "\"--cfg=mark_c\"".into()),
                (FLAGS[4], mark("d")),
            ],
        ),
        (
            "an empty string of the target's",
            &[(FLAGS[2], "\"\"".into()), (FLAGS[8], "[\"--cfg=mark_a b\"]".replace(" b", ""))],
        ),
        (
            "a cfg that the flags make",
            &[(FLAGS[2], mark("a")), ((PLACES[5], "cfg(mark_a)"), mark("b"))],
        ),
        (
            "a cfg that flags make which are then dropped",
            &[(FLAGS[8], mark("a")), ((PLACES[5], "cfg(mark_a)"), mark("b"))],
        ),
    ];
    for (context, said) in cases {
        lab.clear();
        for (place, value) in said {
            lab.say_flags(*place, value);
        }
        assert_eq!(lab.flags_agree(false, context).as_deref(), Some(ours), "{context}");
    }
}
