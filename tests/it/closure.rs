//! The closure against this machine's real loader, and bundles that run where nothing else is.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use lambda_pack::closure::{self, Closure, File, Found, Program, World};
use lambda_pack::elf::ElfFacts;
use lambda_pack::system::System;
use lambda_pack::target::{Arch, Runtime};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::jail::{self, Jail, LIBRARY_PATH, Trace};
use crate::support::{cc, host_arch};
use crate::tiny_elf::TinyElf;

const PROGRAM: &str = "/var/task/bootstrap";

fn system() -> System {
    System::of_zip(Runtime::ProvidedAl2023, host_arch().parse().unwrap()).unwrap()
}

/// What we say, in the loader's words. Nothing is the system's: all files are known.
fn ours(files: &BTreeMap<String, ElfFacts>) -> Trace {
    let arch: Arch = host_arch().parse().unwrap();
    let at = |path: &str| files.get(path).map(File::Elf);
    let world = World {
        arch,
        library_path: System::LIBRARY_PATH,
        defaults: &[],
        hwcaps: &[],
        preload: &[],
        at: &at,
    };
    let program = Program { path: PROGRAM, facts: &files[PROGRAM], dlopen: &[] };
    told(&closure::resolve(program, world))
}

fn told(closure: &Closure<'_>) -> Trace {
    let mut missing = Vec::new();
    for need in &closure.needs {
        assert!(!matches!(need.found, Found::Refused(_)), "{need:?}");
        if matches!(need.found, Found::Nowhere { .. }) {
            missing.push(if need.name.starts_with('$') { String::new() } else { need.name.into() });
        }
    }
    missing.sort();
    missing.dedup();
    let loaded = closure.objects.iter().filter(|object| object.by.is_some()).map(|object| {
        let name = if object.name.contains('/') { "" } else { object.name };
        (name.to_owned(), object.path.clone())
    });
    let unmet = closure.unmet(Some(&system()));
    let mut versions: Vec<_> = unmet
        .iter()
        .filter(|unmet| !unmet.need.weak)
        .map(|unmet| {
            let by = closure.objects[unmet.by].path.clone();
            (unmet.need.version.clone(), unmet.lacking.clone().unwrap(), by)
        })
        .collect();
    versions.sort();
    versions.dedup();
    Trace { loaded: loaded.collect(), missing, versions }
}

/// Every ELF file of the jail that a search may find.
fn files(jail: &Jail) -> BTreeMap<String, ElfFacts> {
    let root = jail.path("");
    let files = walkdir::WalkDir::new(&root).into_iter().map(Result::unwrap);
    files
        .filter(|item| item.file_type().is_file() && !item.path().ends_with("run"))
        .filter(|item| fs::read(item.path()).unwrap().starts_with(b"\x7fELF"))
        .map(|item| {
            let path = item.path().strip_prefix(&root).unwrap().to_str().unwrap();
            (format!("/{path}"), jail::facts(item.path()))
        })
        .collect()
}

#[test]
fn the_library_path_is_lambdas() {
    assert_eq!(System::LIBRARY_PATH.join(":"), LIBRARY_PATH);
}

/// A way to name folders in a file: tag and value.
type Search<'a> = (&'a str, &'a str);

fn link(jail: &Jail, path: &str, source: &str, args: &[&str], search: Search<'_>) {
    let place = jail.path(path);
    let folder = place.parent().unwrap();
    fs::create_dir_all(folder).unwrap();
    let rpath = format!("-Wl,-rpath,{}", search.1);
    let tag = format!("-Wl,--{}able-new-dtags", if search.0 == "RUNPATH" { "en" } else { "dis" });
    let mut all = vec!["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined"];
    all.extend(args);
    if !search.0.is_empty() {
        all.extend([rpath.as_str(), &tag]);
    }
    let name = place.file_name().unwrap().to_str().unwrap();
    cc(folder, source, name, &all);
    fs::remove_file(folder.join(format!("{name}.c"))).unwrap();
}

/// A leaf: `leaf` in version `LEAF_1`, and in `LEAF_2` if it is the new one.
fn leaf(jail: &Jail, path: &str, soname: bool, new: bool) {
    let map = jail.path("tmp/leaf.map");
    let second = if new { "LEAF_2 { global: leaf2; } LEAF_1;" } else { "" };
    fs::write(&map, format!("LEAF_1 {{ global: leaf; local: *; }}; {second}")).unwrap();
    let script = format!("-Wl,--version-script={}", map.display());
    let mut args = vec!["-shared", "-fPIC", &script];
    if soname {
        args.push("-Wl,-soname,libleaf.so");
    }
    link(jail, path, "int leaf(void) { return 0; } int leaf2(void) { return 0; }", &args, ("", ""));
}

/// All mixes of search paths in the program and in a library, with and without SONAMEs, of a
/// library that is there in two versions, by real compilers and linkers: what is loaded, what is
/// missing, which versions lack, and whether the program starts.
#[test]
fn a_corpus_of_c_libraries() {
    let Some(jail) = Jail::new() else { return };
    let searches =
        [("", ""), ("RPATH", "$ORIGIN/own"), ("RUNPATH", "$ORIGIN/own"), ("RUNPATH", "/opt/x")];
    let (mut started, mut refused) = (0, 0);
    for soname in [true, false] {
        leaf(&jail, "/tmp/link/libleaf.so", soname, true);
        for of_library in [("", ""), ("RPATH", "$ORIGIN/../own"), ("RUNPATH", "${ORIGIN}")] {
            for of_program in searches {
                build(&jail, soname, of_program, of_library);
                for (old, new) in [
                    (None, Some("/var/task/own/libleaf.so")),
                    (None, Some("/var/task/lib/libleaf.so")),
                    (Some("/lib64/libleaf.so"), Some("/var/task/own/libleaf.so")),
                    (Some("/var/task/libleaf.so"), Some("/opt/x/libleaf.so")),
                    (Some("/opt/lib/libleaf.so"), None),
                ] {
                    if let Some(path) = old {
                        leaf(&jail, path, soname, false);
                    }
                    if let Some(path) = new {
                        leaf(&jail, path, soname, true);
                    }
                    let case = format!("{soname} {of_library:?} {of_program:?} {old:?} {new:?}");
                    let (ours, theirs) = (ours(&files(&jail)), jail.trace(PROGRAM));
                    assert_eq!(ours, theirs, "{case}");
                    let starts = ours.missing.is_empty() && ours.versions.is_empty();
                    assert_eq!(jail.run(PROGRAM).code == 0, starts, "{case}: {ours:?}");
                    if starts {
                        started += 1;
                    } else {
                        refused += 1;
                    }
                    for path in old.into_iter().chain(new) {
                        fs::remove_file(jail.path(path)).unwrap();
                    }
                }
            }
        }
    }
    assert!(started > 20 && refused > 20, "{started} start, {refused} do not");
}

fn build(jail: &Jail, soname: bool, of_program: Search<'_>, of_library: Search<'_>) {
    let leaf = format!("-L{}", jail.path("tmp/link").display());
    let mid = "int leaf2(void); int mid(void) { return leaf2(); }";
    let name = "-Wl,-soname,libmid.so";
    let mut args = vec!["-shared", "-fPIC", &leaf, "-lleaf"];
    args.extend(soname.then_some(name));
    link(jail, "/var/task/own/libmid.so", mid, &args, of_library);
    // Where every program finds it: what is tried is where it finds the leaf.
    fs::rename(jail.path("/var/task/own/libmid.so"), jail.path("/var/task/lib/libmid.so")).unwrap();
    let own = format!("-L{}", jail.path("var/task/lib").display());
    // What the program needs itself is loaded before what its library needs, and by its own paths.
    if soname {
        let program = "int mid(void), leaf(void); int main(void) { return mid() + leaf(); }";
        link(jail, PROGRAM, program, &[&own, &leaf, "-lmid", "-lleaf"], of_program);
    } else {
        let program = "int mid(void); int main(void) { return mid(); }";
        link(jail, PROGRAM, program, &[&own, "-lmid"], of_program);
    }
}

const FOLDERS: [&str; 10] = [
    "/lib64",
    "/usr/lib64",
    "/var/runtime",
    "/var/runtime/lib",
    "/var/task",
    "/var/task/lib",
    "/opt/lib",
    "/var/task/a",
    "/var/task/a/b",
    "/opt/x",
];
const ELEMENTS: [&str; 12] = [
    "$ORIGIN",
    "${ORIGIN}/../lib",
    "$ORIGIN/a",
    "$ORIGIN/b",
    "/opt/x",
    "/opt/x/../lib/",
    "/var/task/a/./b",
    "a",
    "",
    "/lib64",
    "/nowhere",
    "$ORIGINAL",
];

/// One of the numbered libraries, by its file name, by another library's SONAME, by a path, or one
/// that is nowhere.
fn name(count: usize, wild: bool) -> impl Strategy<Value = String> {
    let wild = u32::from(wild);
    prop_oneof![
        12 => (0..count).prop_map(|n| format!("lib{n}.so")),
        3 * wild => (0..count).prop_map(|n| format!("libs{n}.so.1")),
        wild => (0..count).prop_map(|n| format!("/opt/x/lib{n}.so")),
        wild => (0..count).prop_map(|n| format!("./a/lib{n}.so")),
        wild => (0..count).prop_map(|n| format!("$ORIGIN/lib{n}.so")),
        wild => Just("libnowhere.so".to_owned()),
    ]
}

fn search_path() -> impl Strategy<Value = Option<String>> {
    let element = proptest::sample::select(&ELEMENTS[..]);
    let list = proptest::collection::vec(element, 1..4).prop_map(|list| list.join(":"));
    // An empty one is no list of one empty element, and linkers write none.
    let list = list.prop_map(|list| if list.is_empty() { "::".to_owned() } else { list });
    proptest::option::weighted(0.35, list)
}

fn versions() -> impl Strategy<Value = Vec<String>> {
    let version = proptest::sample::select(&["V_1", "V_2", "V_3"][..]);
    proptest::collection::btree_set(version, 0..3)
        .prop_map(|set| set.into_iter().map(str::to_owned).collect())
}

fn file(count: usize, wild: bool) -> impl Strategy<Value = TinyElf> {
    let soname = prop_oneof![
        3 => Just(None),
        3 => (0..count).prop_map(|n| Some(format!("libs{n}.so.1"))),
        1 => (0..count).prop_map(|n| Some(format!("lib{n}.so"))),
    ];
    let wants = proptest::collection::vec((0..4_usize, 1..4_usize, any::<bool>()), 0..4);
    let needed = proptest::collection::vec(name(count, wild), 0..6);
    let foreign = proptest::bool::weighted(0.04);
    (soname, needed, search_path(), search_path(), versions(), wants, foreign).prop_map(
        |(soname, needed, rpath, runpath, defines, wants, foreign)| {
            // A linker writes no version of a library that is not needed.
            let wants = wants.into_iter().filter_map(|(of, version, weak)| {
                let library = needed.get(of).filter(|name| !name.contains('/'))?;
                Some((library.clone(), format!("V_{version}"), weak))
            });
            let (wants, machine) = (wants.collect(), foreign.then_some(40));
            let interpreter = None;
            TinyElf { interpreter, soname, needed, rpath, runpath, defines, wants, machine }
        },
    )
}

/// A program, and files with their folders.
type Graph = (TinyElf, Vec<(usize, &'static str, TinyElf)>);

/// Half of the graphs are tame: every library is somewhere on `LD_LIBRARY_PATH`, so that nothing is
/// missing and versions are checked.
fn graph() -> impl Strategy<Value = Graph> {
    (3..=30_usize, any::<bool>()).prop_flat_map(|(count, wild)| {
        let folder = proptest::sample::select(&FOLDERS[..]);
        let one = (0..count, folder, file(count, wild));
        let files = proptest::collection::vec(one, count..count * 2);
        let sure = proptest::sample::select(&FOLDERS[..7]);
        let tame = if wild { 0 } else { count };
        let sure = proptest::collection::vec((sure, file(count, wild)), tame);
        (file(count, wild), files, sure).prop_map(|(mut program, mut files, sure)| {
            program.interpreter = Some(jail::interpreter());
            program.machine = None;
            if program.needed.is_empty() {
                program.needed.push("lib0.so".to_owned());
            }
            files.extend(sure.into_iter().enumerate().map(|(number, (folder, mut file))| {
                file.machine = None;
                (number, folder, file)
            }));
            (program, files)
        })
    })
}

fn write(jail: &Jail, path: &str, file: &TinyElf) {
    let path = jail.path(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, file.bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn graphs(cases: u32) {
    let Some(jail) = Jail::new() else { return };
    let config = ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases) };
    let counts = std::cell::RefCell::new([0; 4]);
    let result = TestRunner::new(config).run(&graph(), |(program, graph)| {
        for folder in ["lib64", "usr", "var", "opt"] {
            fs::remove_dir_all(jail.path(folder)).unwrap();
            fs::create_dir_all(jail.path(folder)).unwrap();
        }
        for folder in FOLDERS {
            fs::create_dir_all(jail.path(folder)).unwrap();
        }
        let loader = jail.path(&jail::interpreter());
        fs::create_dir_all(loader.parent().unwrap()).unwrap();
        fs::copy(jail::interpreter(), loader).unwrap();
        write(&jail, PROGRAM, &program);
        for (number, folder, file) in &graph {
            write(&jail, &format!("{folder}/lib{number}.so"), file);
        }
        let (ours, theirs) = (ours(&files(&jail)), jail.trace(PROGRAM));
        prop_assert_eq!(&ours.loaded, &theirs.loaded);
        let plain = |trace: &Trace| -> Vec<String> {
            let names = trace.missing.iter().filter(|name| !name.contains('/') && !name.is_empty());
            names.cloned().collect()
        };
        prop_assert_eq!(plain(&ours), plain(&theirs));
        prop_assert_eq!(ours.missing.is_empty(), theirs.missing.is_empty());
        // Where something is missing, the loader holds versions against a stub of that name.
        if ours.missing.is_empty() {
            prop_assert_eq!(&ours.versions, &theirs.versions);
        }
        let mut counts = counts.borrow_mut();
        let whole = usize::from(ours.missing.is_empty());
        let more = [ours.loaded.len(), ours.missing.len(), whole, whole * ours.versions.len()];
        for (count, more) in counts.iter_mut().zip(more) {
            *count += more;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // Of everything there was some, or nothing was tried.
    let cases = cases as usize;
    let [loaded, missing, whole, versions] = counts.into_inner();
    let enough =
        loaded > cases * 3 && missing > cases / 4 && whole > cases / 5 && versions > cases / 8;
    assert!(enough, "{loaded} loaded, {missing} missing, {whole} whole, {versions} versions");
}

/// Graphs of 3 to 30 libraries with every mix of search paths, SONAMEs, places, versions and names.
#[test]
fn random_graphs_are_loaded_as_the_real_loader_loads_them() {
    graphs(64);
}

#[test]
#[ignore = "takes minutes"]
fn many_random_graphs() {
    graphs(3_000);
}
