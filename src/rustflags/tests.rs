use super::*;
use crate::cargo_config::Sources;
use std::path::{Path, PathBuf};

const TRIPLE: &str = "x86_64-unknown-linux-gnu";
const OURS: &str = "-Ctarget-cpu=x86-64-v3";
const FILE: &str = "/w/.cargo/config.toml";

/// One place for flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Encoded,
    Plain,
    Target,
    TargetVariable,
    TargetArgument,
    Cfg,
    Build,
    BuildVariable,
    BuildArgument,
}

const PLACES: [Place; 9] = [
    Place::Encoded,
    Place::Plain,
    Place::Target,
    Place::TargetVariable,
    Place::TargetArgument,
    Place::Cfg,
    Place::Build,
    Place::BuildVariable,
    Place::BuildArgument,
];

impl Place {
    /// Of two places of another rank, cargo forgets the lower one.
    fn rank(self) -> u8 {
        match self {
            Self::Encoded => 3,
            Self::Plain => 2,
            Self::Target | Self::TargetVariable | Self::TargetArgument | Self::Cfg => 1,
            Self::Build | Self::BuildVariable | Self::BuildArgument => 0,
        }
    }
}

/// A configuration with these flags in these places.
fn config(said: &[(Place, &str)], string: bool) -> CargoConfig {
    let (mut file, mut variables, mut arguments) = (String::new(), Vec::new(), Vec::new());
    for &(place, flags) in said {
        let words: Vec<_> = flags.split_whitespace().map(|word| format!("\"{word}\"")).collect();
        let list = if string { format!("\"{flags}\"") } else { format!("[{}]", words.join(",")) };
        let mut variable = |name: &str, value: String| variables.push((name.to_owned(), value));
        match place {
            Place::Encoded => variable(ENCODED, flags.replace(' ', "\x1f")),
            Place::Plain => variable(PLAIN, flags.to_owned()),
            Place::Target => file += &format!("target.{TRIPLE}.rustflags = {list}\n"),
            Place::Cfg => file += &format!("target.'cfg(unix)'.rustflags = {list}\n"),
            Place::Build => file += &format!("build.rustflags = {list}\n"),
            Place::TargetVariable => {
                variable("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", flags.to_owned());
            }
            Place::BuildVariable => variable("CARGO_BUILD_RUSTFLAGS", flags.to_owned()),
            Place::TargetArgument => arguments.push(format!("target.{TRIPLE}.rustflags={list}")),
            Place::BuildArgument => arguments.push(format!("build.rustflags={list}")),
        }
    }
    CargoConfig::new(&Sources {
        files: vec![PathBuf::from(FILE)],
        arguments: &arguments,
        variables,
        folder: Path::new("/w"),
        read: &|path| (path == Path::new(FILE)).then(|| file.clone()),
    })
}

fn decided(said: &[(Place, &str)], string: bool, chosen: bool) -> Rustflags {
    let cfgs: Vec<Cfg> = vec!["unix".parse().unwrap()];
    let ours = Flag { text: OURS.to_owned(), chosen };
    decide(&config(said, string), TRIPLE, &cfgs, &[ours])
}

fn variable(name: &str, value: &str) -> Handed {
    Handed::Variable { name: name.to_owned(), value: value.to_owned() }
}

fn argument(flags: &[&str]) -> Handed {
    let flags: Vec<_> = flags.iter().map(|flag| format!("\"{flag}\"")).collect();
    Handed::Config(format!("target.{TRIPLE}.rustflags=[{}]", flags.join(", ")))
}

#[test]
fn ours_go_where_the_users_are() {
    for (said, expected) in [
        (vec![], argument(&[OURS])),
        (vec![(Place::Encoded, "-a -b")], variable(ENCODED, &format!("-a\x1f-b\x1f{OURS}"))),
        (vec![(Place::Encoded, "")], variable(ENCODED, OURS)),
        (vec![(Place::Plain, "-a  -b ")], variable(PLAIN, &format!("-a  -b {OURS}"))),
        (vec![(Place::Plain, "")], variable(PLAIN, OURS)),
        (vec![(Place::Target, "-a")], argument(&[OURS])),
        (vec![(Place::TargetVariable, "-a")], argument(&[OURS])),
        (vec![(Place::TargetVariable, "")], argument(&[OURS])),
        (vec![(Place::TargetArgument, "-a")], argument(&[OURS])),
        (vec![(Place::Cfg, "-a")], argument(&[OURS])),
        (vec![(Place::Build, "-a -b")], argument(&["-a", "-b", OURS])),
        (vec![(Place::BuildVariable, "-a")], argument(&["-a", OURS])),
        (vec![(Place::BuildArgument, "-a")], argument(&["-a", OURS])),
        (
            vec![(Place::BuildArgument, "-c"), (Place::Build, "-a"), (Place::BuildVariable, "-b")],
            argument(&["-a", "-b", "-c", OURS]),
        ),
        // An empty list of the target's does not count over those of `build`.
        (vec![(Place::Target, ""), (Place::Build, "-a")], argument(&["-a", OURS])),
        (
            vec![(Place::Cfg, "-a"), (Place::Build, "-b")],
            variable(ENCODED, &format!("-a\x1f{OURS}")),
        ),
    ] {
        assert_eq!(decided(&said, false, false).handed, Some(expected), "{said:?}");
    }
}

#[test]
fn cargo_joins_no_list_to_a_string() {
    for place in [Place::Target, Place::TargetArgument] {
        let flags = decided(&[(place, "-a -b"), (Place::Cfg, "-c")], true, false);
        assert_eq!(flags.handed, Some(variable(ENCODED, &format!("-a\x1f-b\x1f-c\x1f{OURS}"))));
    }
    for place in [Place::Cfg, Place::Build] {
        let flags = decided(&[(place, "-a -b")], true, false);
        assert!(matches!(flags.handed, Some(Handed::Config(_))), "{place:?}: the key is another");
    }
}

#[test]
fn of_every_two_places_both_count_only_in_one_rank() {
    for low in PLACES {
        for high in PLACES.into_iter().filter(|high| *high != low) {
            let said = [(low, "-low"), (high, "-high")];
            let flags = decided(&said, false, false);
            let users: Vec<_> = flags.users.iter().map(|word| word.text.as_str()).collect();
            let has = |flag: &str| users.contains(&flag);
            assert_eq!(has("-low"), low.rank() >= high.rank(), "{said:?}: {users:?}");
            assert_eq!(has("-high"), high.rank() >= low.rank(), "{said:?}: {users:?}");
        }
    }
}

#[test]
fn a_cpu_of_the_users_stays_unless_they_chose_ours() {
    let forms = [
        "-Ctarget-cpu=native",
        "-C target-cpu=native",
        "--codegen=target-cpu=native",
        "--codegen target-cpu=native",
        "-Ctarget_cpu=native",
        "-a -Ctarget-cpu=skylake -Cother=1 -C target-cpu=native -b",
    ];
    for place in PLACES {
        for form in forms {
            let flags = decided(&[(place, form)], false, false);
            assert_eq!(flags.handed, None, "{place:?} {form}");
            let Outcome::GivesWay(word) = &flags.rows[0].outcome else { panic!("{form}") };
            assert!(word.text.ends_with("native"), "{word:?}: the last counts");
            let flags = decided(&[(place, form)], false, true);
            assert!(matches!(flags.rows[0].outcome, Outcome::Over(_)), "{place:?} {form}");
            let last = match flags.handed.unwrap() {
                Handed::Variable { value, .. } => value.ends_with(OURS),
                Handed::Config(text) => text.ends_with(&format!("\"{OURS}\"]")),
            };
            assert!(last, "{place:?} {form}");
        }
    }
    // Rustc takes the last one, and cargo puts those of `cfg(…)` last.
    let flags = decided(&[(Place::Cfg, "-Ctarget-cpu=native -a")], false, true);
    assert_eq!(
        flags.handed,
        Some(variable(ENCODED, &format!("-Ctarget-cpu=native\x1f-a\x1f{OURS}")))
    );
}

#[test]
fn what_only_looks_like_it_is_none() {
    for form in ["--cfg target-cpu=x", "-Ctarget-feature=+avx2", "-l target-cpu=x", "target-cpu=x"]
    {
        let flags = decided(&[(Place::Plain, form)], false, false);
        assert_eq!(flags.rows[0].outcome, Outcome::Added, "{form}");
    }
    // Of a place that does not count.
    let said = [(Place::Plain, "-a"), (Place::Target, "-Ctarget-cpu=native")];
    assert_eq!(decided(&said, false, false).rows[0].outcome, Outcome::Added);
}

#[test]
fn rows_say_what_counts_and_why() {
    let show = |said: &[(Place, &str)], chosen| decided(said, false, chosen).rows[0].to_string();
    assert_eq!(show(&[], false), "-Ctarget-cpu=x86-64-v3 (ours)");
    let said = [(Place::Target, "-C target-cpu=native")];
    assert_eq!(
        show(&said, false),
        "target-cpu=native (.cargo/config.toml:1), instead of -Ctarget-cpu=x86-64-v3"
    );
    assert_eq!(
        show(&said, true),
        "-Ctarget-cpu=x86-64-v3 (ours), over target-cpu=native (.cargo/config.toml:1)"
    );
}

#[test]
fn nothing_of_ours_changes_nothing() {
    let config = config(&[(Place::Build, "-a")], false);
    let flags = decide(&config, TRIPLE, &[], &[]);
    assert_eq!((flags.handed, flags.users.len()), (None, 1));
}
