//! The same commit, the same bytes: one circumstance of a build changed at a time, and all at once.

mod site;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{LAMBDA, Workspace, have, run, tools};
use site::{Fixture, Site, Stand, touch};

/// What is changed of a build.
type Change = fn(&mut Site, &Stand);

/// Every circumstance that must not matter.
const CHANGES: &[(&str, Change)] = &[
    ("built again", |_, _| {}),
    ("every file touched", |site, _| touch(&site.workspace.join("crates"))),
    ("another directory", |site, other| site.workspace.clone_from(&other.workspace)),
    ("another HOME", |site, other| site.home.clone_from(&other.home)),
    ("another CARGO_HOME", |site, other| site.cargo_home.clone_from(&other.cargo_home)),
    ("another mirror", |site, other| {
        site.cargo_home.clone_from(&other.cargo_home);
        site.mirror = Some(other.mirror.clone());
    }),
    ("another --target-dir", |site, other| site.target = Some(other.target.clone())),
    ("a relative --target-dir", |site, _| site.target = Some("../relative target".into())),
    ("CARGO_BUILD_BUILD_DIR", |site, other| {
        site.variables.push(("CARGO_BUILD_BUILD_DIR", other.target.join("build dir")));
    }),
    ("-j1", |site, _| site.args.push("-j1".to_owned())),
    ("-j8", |site, _| site.args.push("-j8".to_owned())),
    ("umask 077", |site, _| site.before = "umask 077"),
    ("umask 000", |site, _| site.before = "umask 000"),
    ("TZ", |site, _| site.variables.push(("TZ", "Pacific/Kiritimati".into()))),
    ("LC_ALL", |site, _| {
        site.variables.extend([("LC_ALL", "C".into()), ("LANG", "tr_TR.UTF-8".into())]);
    }),
    ("TMPDIR", |site, other| site.variables.push(("TMPDIR", other.home.clone()))),
    ("rust-src", |site, other| with_source(site, &other.home)),
    ("by a symbolic link", |site, other| {
        let link = other.home.join("link to it");
        symlink(&site.workspace, &link).unwrap();
        site.workspace = link;
    }),
];

/// All of it together: as another person on another machine.
fn everything(site: &mut Site, other: &Stand) {
    site.workspace.clone_from(&other.workspace);
    site.home.clone_from(&other.home);
    site.cargo_home.clone_from(&other.cargo_home);
    site.mirror = Some(other.mirror.clone());
    site.target = Some(other.target.clone());
    site.args.push("-j8".to_owned());
    site.before = "umask 077";
    site.variables.extend([("TZ", PathBuf::from("Pacific/Kiritimati")), ("LC_ALL", "C".into())]);
    with_source(site, &other.home);
}

const EVERYTHING: &[(&str, Change)] = &[("everything", everything)];

/// Takes a rustc that has the source of the standard library, as with rustup's `rust-src`: what tells
/// it so is that one file. Made of links to the real one.
fn with_source(site: &mut Site, folder: &Path) {
    let links = |from: &Path, to: &Path, but: &str| {
        fs::create_dir_all(to).unwrap();
        for item in fs::read_dir(from).unwrap().map(Result::unwrap) {
            if item.file_name() != but && item.file_name() != "src" {
                symlink(item.path(), to.join(item.file_name())).unwrap();
            }
        }
    };
    let named = site.variables.iter().find(|(name, _)| *name == "RUSTC");
    let real = named.map_or_else(|| PathBuf::from("rustc"), |(_, path)| path.clone());
    let from = run(Command::new(&real).args(["--print", "sysroot"])).code(0).stdout;
    let (from, to) = (Path::new(from.trim()), folder.join("a sysroot"));
    let _ = fs::remove_dir_all(&to);
    links(&from.join("lib/rustlib"), &to.join("lib/rustlib"), "");
    links(&from.join("lib"), &to.join("lib"), "rustlib");
    let source = to.join("lib/rustlib/src/rust/library/std/src");
    fs::create_dir_all(&source).unwrap();
    fs::write(source.join("lib.rs"), "").unwrap();
    let script = folder.join("rustc with source");
    // Past rustup, which goes by HOME.
    let real = if named.is_some() { real } else { from.join("bin/rustc") };
    let text =
        format!("#!/bin/sh\nexec '{}' --sysroot '{}' \"$@\"\n", real.display(), to.display());
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    site.variables.push(("RUSTC", script));
}

/// Texts of an executable, as `strings` shows them, that the other has not; the first few.
fn only_in(one: &[u8], other: &[u8]) -> Vec<String> {
    let texts = |bytes: &[u8]| -> BTreeSet<String> {
        let pieces = bytes.split(|&byte| !(byte == b'\t' || (32..127).contains(&byte)));
        let long = pieces.filter(|piece| piece.len() > 5);
        long.map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
    };
    let difference = &texts(one) - &texts(other);
    let places = difference.iter().filter(|text| text.contains('/'));
    places.chain(&difference).take(6).map(|text| text.chars().take(300).collect()).collect()
}

/// What two builds differ in; none if in nothing.
fn difference(one: &(String, Vec<u8>), other: &(String, Vec<u8>)) -> Option<String> {
    if one == other {
        return None;
    }
    let at = one.1.iter().zip(&other.1).position(|(a, b)| a != b);
    Some(format!(
        "{} and {} bytes, first difference at {at:?}\n  only in the first: {:#?}\n  only in the \
         second: {:#?}",
        one.1.len(),
        other.1.len(),
        only_in(&one.1, &other.1),
        only_in(&other.1, &one.1)
    ))
}

/// Builds once plainly and once with each change, and says which of them make other bytes.
#[track_caller]
fn matrix(fixture: Fixture, changes: &[(&str, Change)], prepare: impl Fn(&mut Site)) {
    let (base, other) = (Stand::new(fixture, "w"), Stand::new(fixture, "another place"));
    let site = |change: &dyn Fn(&mut Site)| {
        let mut site = base.site();
        prepare(&mut site);
        change(&mut site);
        site
    };
    let first = site(&|_| {}).package();
    let mut wrong = Vec::new();
    for (name, change) in changes {
        let site = site(&|site| change(site, &other));
        // Except where cargo itself is to see what is new.
        if *name != "every file touched" {
            let _ = fs::remove_dir_all(site.target());
        }
        wrong.extend(difference(&first, &site.package()).map(|what| format!("{name}: {what}")));
        // What one change left is nothing to the next.
        let _ = fs::remove_dir_all(&other.home);
        fs::create_dir_all(&other.home).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The fixture can tell: without us it comes out otherwise.
#[test]
fn plain_cargo_makes_other_bytes_elsewhere() {
    let (base, other) =
        (Stand::new(Fixture::Small, "w"), Stand::new(Fixture::Small, "another place"));
    let mut site = base.site();
    let first = site.plain();
    // Cargo does not see that the source has come: it asks rustc for its version only.
    fs::remove_dir_all(site.target()).unwrap();
    with_source(&mut site, &other.home);
    let with_source = site.plain();
    assert!(only_in(&with_source, &first).iter().any(|text| text.contains("rustlib/src/rust")));
    let mut site = base.site();
    everything(&mut site, &other);
    assert_ne!(first, site.plain());
}

/// What a workspace and its user may choose; the bytes are others then, and the same everywhere.
const CHOICES: &[fn(&mut Site)] = &[
    |site| choose(site, &FAT),
    |site| choose(site, &["--profile", "dev"]),
    |site| choose(site, &["--config", "profile.release.debug=true", "--config", STRIP]),
    |site| choose(site, &["--config", "profile.release.debug=1", "--config", STRIP]),
    |site| choose(site, &["--config", "profile.release.lto=\"thin\""]),
    |site| choose(site, &["--config", "build.rustflags=[\"-Cforce-frame-pointers\"]"]),
    |site| {
        site.variables.push(("RUSTFLAGS", "-Cforce-frame-pointers".into()));
        site.variables.push(("CFLAGS", "-O1 -DOWN".into()));
    },
    |site| site.variables.push(("CFLAGS_x86_64_unknown_linux_gnu", "-g".into())),
];
const STRIP: &str = "profile.release.strip=false";
/// The fixtures choose less, for the sake of speed.
const FAT: [&str; 6] = [
    "--config",
    "profile.release.lto=\"fat\"",
    "--config",
    "profile.release.codegen-units=1",
    "--config",
    "profile.release.opt-level=3",
];

fn choose(site: &mut Site, args: &[&str]) {
    site.args.extend(args.iter().map(|&word| word.to_owned()));
}

/// With zig as the linker and C compiler.
fn with_zig(site: &mut Site, python: &Path) {
    choose(site, &["--linker", "zig"]);
    site.variables.push(("CARGO_ZIGBUILD_PYTHON_PATH", python.to_path_buf()));
}

fn zig() -> Option<PathBuf> {
    let python = tools().join("zig/bin/python3");
    have(&python).then_some(python)
}

#[test]
fn one_thing_changed_at_a_time() {
    matrix(Fixture::Small, CHANGES, |_| {});
}

#[test]
fn everything_changed_at_once() {
    matrix(Fixture::Small, EVERYTHING, |site| choose(site, &FAT));
}

/// Cargo names the symbols of a package outside of the workspace by the folder that it lies in, and
/// no flag changes that. All else may be another; and it is said.
#[test]
fn what_lies_beside_the_workspace_has_to_stay_there() {
    let but_the_place: Change = |site, other| {
        let workspace = site.workspace.clone();
        everything(site, other);
        site.workspace = workspace;
    };
    matrix(Fixture::Beside, &[("everything else", but_the_place)], |_| {});
    let notes = Stand::new(Fixture::Beside, "w").site().run().records();
    let mut notes = notes.iter().filter(|record| record["code"] == "embedded-path");
    let said = notes.next().expect("a note")["message"].as_str().unwrap();
    assert!(said.contains("`outside`") && said.contains("outside of the workspace"), "{said}");
}

#[test]
fn everything_changed_at_once_with_vendored_dependencies() {
    matrix(Fixture::Vendored, EVERYTHING, |_| {});
}

#[test]
fn everything_changed_at_once_with_c_and_assembly() {
    matrix(Fixture::Native, EVERYTHING, |_| {});
}

#[test]
fn everything_changed_at_once_with_zig() {
    let Some(python) = zig() else { return };
    matrix(Fixture::Small, EVERYTHING, |site| with_zig(site, &python));
}

#[test]
#[ignore = "takes minutes"]
fn whatever_is_chosen() {
    for choice in CHOICES {
        for fixture in [Fixture::Small, Fixture::Native] {
            matrix(fixture, EVERYTHING, choice);
        }
    }
}

#[test]
#[ignore = "takes minutes"]
fn one_thing_changed_at_a_time_with_c_and_assembly() {
    matrix(Fixture::Native, CHANGES, |_| {});
}

#[test]
#[ignore = "takes minutes"]
fn everything_changed_at_once_with_c_by_zig() {
    let Some(python) = zig() else { return };
    matrix(Fixture::Native, EVERYTHING, |site| with_zig(site, &python));
    matrix(Fixture::All, EVERYTHING, |site| with_zig(site, &python));
}

#[test]
#[ignore = "takes minutes"]
fn everything_changed_at_once_for_the_other_architecture() {
    let rustc = tools().join("arm64/bin/rustc");
    let (Some(python), true) = (zig(), have(&rustc)) else { return };
    for fixture in [Fixture::Small, Fixture::Native] {
        matrix(fixture, EVERYTHING, |site| {
            with_zig(site, &python);
            site.variables.push(("RUSTC", rustc.clone()));
            choose(site, &["--arch", "arm64"]);
            site.arch = "arm64";
        });
    }
}

#[test]
#[ignore = "takes minutes"]
fn everything_changed_at_once_with_aws_lc_and_cpp() {
    matrix(Fixture::All, EVERYTHING, |_| {});
}

/// What no flag can help is said, with the package that did it.
#[test]
fn paths_that_a_package_embeds_are_a_note() {
    let workspace = Workspace::hello();
    let note = || {
        let run = workspace.run(&["package", "--output", "json"]).code(0);
        let records = run.records();
        let mut notes = records.iter().filter(|record| record["code"] == "embedded-path");
        notes.next().map(|note| {
            assert_eq!(note["level"], "note");
            note["message"].as_str().unwrap().to_owned()
        })
    };
    assert_eq!(note(), None);
    let main = "fn main() { println!(\"{}\", env!(\"CARGO_MANIFEST_DIR\")); }\n";
    workspace.write("crates/hello/src/main.rs", main);
    let said = note().expect("a note");
    assert!(said.contains("`hello`") && said.contains("crates/hello"), "{said}");
    // Of a dependency, and of what its build script writes.
    workspace.library("helper", "");
    workspace.write("crates/helper/build.rs", "fn main() {}\n");
    let library = "pub fn place() -> &'static str { env!(\"OUT_DIR\") }\n";
    workspace.write("crates/helper/src/lib.rs", library);
    workspace.package("hello", &format!("{LAMBDA}helper.path = \"../helper\"\n"));
    let main = "fn main() { println!(\"{}\", helper::place()); }\n";
    workspace.write("crates/hello/src/main.rs", main);
    let said = note().expect("a note");
    assert!(said.contains("`helper`") && said.contains("/out"), "{said}");
}
