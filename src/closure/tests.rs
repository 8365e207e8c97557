//! The loader's rules on made-up files, one table each. The real loader's word is in `tests/it`.

use std::collections::BTreeMap;

use super::*;
use crate::elf::{Machine, VersionNeed};
use crate::system::{Provided, System};
use crate::target::Runtime;

/// A library for `x86_64` with nothing in it.
pub(super) fn library() -> ElfFacts {
    ElfFacts::bare(Class::Elf64, ByteOrder::Little, Machine::X86_64, Kind::Library)
}

pub(super) fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// One that needs these names.
pub(super) fn needs(names: &str) -> ElfFacts {
    ElfFacts { needed: words(names), ..library() }
}

pub(super) fn rpath(path: &str, facts: ElfFacts) -> ElfFacts {
    ElfFacts { rpath: words(path), ..facts }
}

pub(super) fn runpath(path: &str, facts: ElfFacts) -> ElfFacts {
    ElfFacts { runpath: words(path), ..facts }
}

pub(super) fn soname(name: &str, facts: ElfFacts) -> ElfFacts {
    ElfFacts { soname: Some(name.to_owned()), ..facts }
}

pub(super) fn need(library: &str, version: &str) -> VersionNeed {
    VersionNeed {
        library: library.to_owned(),
        version: version.to_owned(),
        weak: false,
        symbols: Vec::new(),
        strong: Vec::new(),
    }
}

pub(super) fn al2023() -> System {
    System::of_zip(Runtime::ProvidedAl2023, Arch::X86_64).unwrap()
}

/// Names and where each is taken from, in order: a path, `system`, `refused` or `nowhere`.
fn loaded(program: &ElfFacts, files: &[(&str, ElfFacts)]) -> Vec<String> {
    let files: BTreeMap<&str, &ElfFacts> =
        files.iter().map(|(path, facts)| (*path, facts)).collect();
    let system = al2023();
    let at = |path: &str| match files.get(path) {
        Some(facts) => Some(File::Elf(facts)),
        None if path.ends_with("/script") => Some(File::Unreadable),
        None => system.name_at(path).map(|_| File::System),
    };
    let world = World {
        arch: Arch::X86_64,
        library_path: System::LIBRARY_PATH,
        defaults: &[],
        hwcaps: &[],
        preload: &[],
        at: &at,
    };
    let program = Program { path: "/var/task/bootstrap", facts: program, dlopen: &[] };
    let closure = resolve(program, world);
    let said = |need: &Need<'_>| match &need.found {
        Found::Loaded(place) => match &closure.objects[*place] {
            Object { file: File::System, .. } => "system".to_owned(),
            object => object.path.clone(),
        },
        Found::Refused(_) => "refused".to_owned(),
        Found::Nowhere { passed_over } if passed_over.is_empty() => "nowhere".to_owned(),
        Found::Nowhere { .. } => "passed over".to_owned(),
    };
    closure.needs.iter().map(|need| format!("{} {}", need.name, said(need))).collect()
}

#[test]
fn the_order_of_folders() {
    let places = [
        ("/r/liba", library()),
        ("/var/task/liba", library()),
        ("/var/task/lib/liba", library()),
        ("/opt/lib/liba", library()),
        ("/n/liba", library()),
    ];
    let both = |facts| rpath("/r", runpath("/n", facts));
    for (program, files, expected) in [
        (rpath("/r", needs("liba")), &places[..], "liba /r/liba"),
        (runpath("/n", needs("liba")), &places, "liba /var/task/liba"),
        (runpath("/n", needs("liba")), &places[2..], "liba /var/task/lib/liba"),
        (runpath("/n", needs("liba")), &places[3..], "liba /opt/lib/liba"),
        (runpath("/n", needs("liba")), &places[4..], "liba /n/liba"),
        (both(needs("liba")), &places[..1], "liba nowhere"),
        (both(needs("liba")), &places[..2], "liba /var/task/liba"),
        (needs("libz.so.1"), &places, "libz.so.1 system"),
        (needs("/r/liba"), &places, "/r/liba /r/liba"),
        (needs("./lib/liba"), &places, "./lib/liba /var/task/lib/liba"),
        (needs("$ORIGIN/lib/liba"), &places, "$ORIGIN/lib/liba /var/task/lib/liba"),
        (needs("script"), &places, "script refused"),
        (rpath("lib $ORIGIN/../../r", needs("liba")), &places, "liba /var/task/lib/liba"),
    ] {
        assert_eq!(loaded(&program, files), [expected]);
    }
}

#[test]
fn rpath_is_inherited_and_runpath_is_not() {
    let chain = |b: ElfFacts| [("/r/libb", b), ("/r/libc", library())];
    let program = rpath("/r", needs("libb"));
    assert_eq!(loaded(&program, &chain(needs("libc"))), ["libb /r/libb", "libc /r/libc"]);
    // A DT_RUNPATH of its own keeps a file from what it would inherit, not those below it.
    let shut = runpath("/x", needs("libc"));
    assert_eq!(loaded(&program, &chain(shut)), ["libb /r/libb", "libc nowhere"]);
    let files = [
        ("/r/libb", runpath("/r", needs("libc"))),
        ("/r/libc", needs("libd")),
        ("/r/libd", library()),
    ];
    assert_eq!(loaded(&program, &files).last().unwrap(), "libd /r/libd");
    let program = runpath("/r", needs("libb"));
    assert_eq!(loaded(&program, &chain(needs("libc"))), ["libb /r/libb", "libc nowhere"]);
}

#[test]
fn what_is_loaded_already_wins() {
    // By its SONAME, and breadth first: the program's own needs come before those of the first.
    let files = [
        ("/var/task/liba", soname("libx", needs("libb"))),
        ("/var/task/libb", library()),
        ("/r/libx", library()),
    ];
    let program = runpath("/r", needs("liba libx libb libb"));
    let a = "/var/task/liba";
    let b = "libb /var/task/libb";
    assert_eq!(loaded(&program, &files), [&format!("liba {a}"), &format!("libx {a}"), b, b, b]);
    // By its path, whatever it is called.
    let program = needs("/var/task/lib/../libb libb");
    assert_eq!(loaded(&program, &files)[1], b);
    // The program itself, and its loader.
    let program = ElfFacts {
        interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
        ..soname("libme", rpath("/r", needs("libme ld-linux-x86-64.so.2")))
    };
    let files = [("/r/libme", library()), ("/r/ld-linux-x86-64.so.2", library())];
    let expected = ["libme /var/task/bootstrap", "ld-linux-x86-64.so.2 system"];
    assert_eq!(loaded(&program, &files), expected);
    // What is not found for one may be found for another.
    let files = [("/var/task/liba", runpath("/r", needs("libb"))), ("/r/libb", library())];
    let expected = ["libb nowhere", "liba /var/task/liba", "libb /r/libb"];
    assert_eq!(loaded(&needs("libb liba"), &files), expected);
}

#[test]
fn files_of_another_machine_are_passed_over_and_programs_are_not() {
    let arm = ElfFacts { machine: Machine::Aarch64, ..library() };
    let small = ElfFacts { class: Class::Elf32, ..library() };
    let big = ElfFacts { byte_order: ByteOrder::Big, ..library() };
    let program = ElfFacts { kind: Kind::PieExecutable, ..library() };
    let runnable = soname("liba", program.clone());
    for (file, expected) in [
        (&arm, "liba /var/task/lib/liba"),
        (&small, "liba /var/task/lib/liba"),
        (&big, "liba refused"),
        (&program, "liba refused"),
        (&runnable, "liba /var/task/liba"),
    ] {
        let files = [("/var/task/liba", file.clone()), ("/var/task/lib/liba", library())];
        assert_eq!(loaded(&needs("liba"), &files), [expected]);
    }
    assert_eq!(loaded(&needs("liba"), &[("/var/task/liba", arm)]), ["liba passed over"]);
}

#[test]
fn versions_are_checked_against_what_is_loaded() {
    let at_a = |defined: &str| ElfFacts { versions_defined: words(defined), ..library() };
    let program = |version: &str| ElfFacts {
        versions_needed: vec![need("liba", version), need("libstdc++.so.6", version)],
        ..needs("liba libstdc++.so.6")
    };
    for (defined, version, unmet) in [
        ("A_1", "A_1", &[][..]),
        ("A_1", "A_2", &["liba"]),
        ("", "A_2", &[]),
        ("GLIBCXX_3.4.99", "GLIBCXX_3.4.99", &["libstdc++.so.6"]),
        ("GLIBCXX_3.4.29", "GLIBCXX_3.4.29", &[]),
    ] {
        let (a, program, system) = (at_a(defined), program(version), al2023());
        let at = |path: &str| match path {
            "/var/task/liba" => Some(File::Elf(&a)),
            path => system.name_at(path).map(|_| File::System),
        };
        let world = World {
            arch: Arch::X86_64,
            library_path: System::LIBRARY_PATH,
            defaults: &[],
            hwcaps: &[],
            preload: &[],
            at: &at,
        };
        let program = Program { path: "/var/task/bootstrap", facts: &program, dlopen: &[] };
        let closure = resolve(program, world);
        let found = closure.unmet(Some(&system));
        let of: Vec<&str> = found.iter().map(|unmet| unmet.need.library.as_str()).collect();
        assert_eq!(of, unmet, "{version}");
        assert!(found.iter().all(|unmet| unmet.provided == Provided::No));
    }
}
