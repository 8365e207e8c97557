//! With nothing changed nothing is done; with something changed, that; and after a run that was
//! killed, all that is missing.

mod killed;
mod trace;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use lambda_pack::digest::Sha256;

use crate::support::{Run, Workspace, cc, have, host_arch, run};
use trace::Trace;

/// What cargo's runs may have beside them (the measure).
const HELPERS: usize = 4;

/// Three handlers: one with files of its own, one with a shared library, and an extension.
fn three() -> Workspace {
    let workspace = Workspace::quick();
    workspace.write("crates/hello/data/one.bin", "1111");
    workspace.write("crates/hello/data/two.bin", "2222");
    workspace.handler("hello", "include = [\"data\"]");
    workspace.handler("linked", "");
    let native = workspace.path().join("crates/linked/native");
    fs::create_dir_all(&native).unwrap();
    // A name that Lambda has today without a promise: that ours comes second is a warning.
    let soname = "-Wl,-soname,libz.so.1";
    cc(&native, "int own(void) { return 42; }", "libz.so.1", &["-shared", "-fPIC", soname]);
    std::os::unix::fs::symlink("libz.so.1", native.join("libz.so")).unwrap();
    workspace.write(
        "crates/linked/build.rs",
        "fn main() {\n    println!(\"cargo::rustc-link-search=native={}/native\", \
         std::env::var(\"CARGO_MANIFEST_DIR\").unwrap());\n    \
         println!(\"cargo::rerun-if-changed=build.rs\");\n}\n",
    );
    workspace.write(
        "crates/linked/src/main.rs",
        "#[link(name = \"z\")]\nunsafe extern \"C\" { fn own() -> i32; }\n\
         fn main() { println!(\"{}\", unsafe { own() }); }\n",
    );
    workspace.package("logs", "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n");
    workspace
}

const FUNCTIONS: [&str; 3] = ["hello", "linked", "logs"];

/// A file as it is on the disk: which one, from when, and its bytes.
type State = (u64, SystemTime, Vec<u8>);

/// All files below a folder.
fn states(folder: &Path) -> BTreeMap<PathBuf, State> {
    let mut found = BTreeMap::new();
    for item in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = item.path();
        if path.is_dir() {
            found.extend(states(&path));
        } else {
            let metadata = path.metadata().unwrap();
            let state = (metadata.ino(), metadata.modified().unwrap(), fs::read(&path).unwrap());
            found.insert(path, state);
        }
    }
    found
}

fn bundle(workspace: &Workspace, function: &str) -> BTreeMap<PathBuf, State> {
    states(&workspace.output(function, ""))
}

/// The bytes alone, by path below a folder.
fn bytes(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let relative = |path: PathBuf| path.strip_prefix(folder).unwrap().to_path_buf();
    states(folder).into_iter().map(|(path, state)| (relative(path), state.2)).collect()
}

/// What the same command writes where nothing of an earlier run is left but cargo's own files.
#[track_caller]
fn from_scratch(workspace: &Workspace, args: &[&str]) -> BTreeMap<PathBuf, Vec<u8>> {
    let target = workspace.path().join("target");
    let aside = workspace.path().join("aside");
    let _ = fs::remove_dir_all(&aside);
    fs::create_dir(&aside).unwrap();
    let ours = || {
        let items = fs::read_dir(&target).unwrap().map(|item| item.unwrap());
        items.filter(|item| item.file_name().to_string_lossy().contains("lambda-pack"))
    };
    for item in ours() {
        fs::rename(item.path(), aside.join(item.file_name())).unwrap();
    }
    workspace.run(&[&["package"], args].concat()).code(0);
    let made = bytes(&target.join("lambda-pack"));
    for item in ours() {
        let _ = fs::remove_dir_all(item.path());
        let _ = fs::remove_file(item.path());
    }
    for item in fs::read_dir(&aside).unwrap().map(Result::unwrap) {
        fs::rename(item.path(), target.join(item.file_name())).unwrap();
    }
    made
}

/// Packages, and asserts that what lies there is what a run from scratch makes.
#[track_caller]
fn right(workspace: &Workspace, args: &[&str]) -> Run {
    let run = workspace.run(&[&["package"], args].concat()).code(0);
    let made = bytes(&workspace.path().join("target/lambda-pack"));
    assert_same(&made, &from_scratch(workspace, args));
    run
}

#[track_caller]
fn assert_same(made: &BTreeMap<PathBuf, Vec<u8>>, expected: &BTreeMap<PathBuf, Vec<u8>>) {
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(made), names(expected));
    for (path, bytes) in expected {
        if made[path] == *bytes {
            continue;
        }
        let text =
            |bytes: &[u8]| String::from_utf8_lossy(&bytes[..bytes.len().min(4000)]).into_owned();
        panic!("{}:\n{}\nexpected:\n{}", path.display(), text(&made[path]), text(bytes));
    }
}

/// Runs it twice more and asserts that the second changes no file of a bundle.
#[track_caller]
fn settles(workspace: &Workspace, args: &[&str]) {
    let all = [&["package"], args].concat();
    workspace.run(&all).code(0);
    let before = states(&workspace.path().join("target/lambda-pack"));
    workspace.run(&all).code(0);
    assert!(states(&workspace.path().join("target/lambda-pack")) == before, "{args:?} wrote again");
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().unwrap().modified().unwrap()
}

fn set_modified(path: &Path, time: SystemTime) {
    File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn with_nothing_changed_nothing_is_read_or_written() {
    if !have("strace") {
        return;
    }
    let workspace = three();
    workspace.run(&["package"]).code(0);
    let before = states(&workspace.path().join("target/lambda-pack"));
    let trace = Trace::of(&workspace.command(&["package"]));
    assert_eq!(trace.run.code, 0, "{}", trace.run.stderr);
    assert!(states(&workspace.path().join("target/lambda-pack")) == before);
    for name in [
        "/bootstrap",
        "/logs",
        "/bootstrap.zip",
        "/logs.zip",
        "/one.bin",
        "/two.bin",
        "/libz.so.1",
        "/hello",
        "/linked",
        "/main.rs",
    ] {
        let reads = trace.reads(name);
        assert!(reads.is_empty(), "{name}: {reads:#?}");
    }
    assert_eq!(trace.builds.len(), 1, "{:#?}", trace.builds);
    assert!(trace.helpers.len() <= HELPERS, "{}: {:#?}", trace.helpers.len(), trace.helpers);
}

/// The trace sees what is read: without it, the test above would prove nothing.
#[test]
fn what_is_read_is_seen() {
    if !have("strace") {
        return;
    }
    let workspace = three();
    workspace.run(&["package"]).code(0);
    fs::remove_file(workspace.output("hello", "bootstrap.zip")).unwrap();
    let trace = Trace::of(&workspace.command(&["package"]));
    assert!(!trace.reads("/hello").is_empty(), "the executable");
    assert!(!trace.reads("/one.bin").is_empty());
}

#[test]
fn the_answer_of_a_run_with_nothing_to_do_is_that_of_the_first() {
    let workspace = three();
    let first = workspace.run(&["package", "--output", "json"]).code(0);
    let again = workspace.run(&["package", "--output", "json"]).code(0);
    let made = first.stdout.replace("\"fresh\":false", "\"fresh\":true");
    assert!(made != first.stdout && again.stdout == made, "{}", again.stdout);
    let shadowed = |run: &Run| run.findings().contains(&"library-shadowed".to_owned());
    assert!(shadowed(&first) && shadowed(&again), "a warning is said each time");
    assert!(again.stderr.contains("warning[library-shadowed]"), "{}", again.stderr);
    let text = |run: Run| run.code(0).stdout;
    assert_eq!(text(workspace.run(&["package"])), text(workspace.run(&["package"])));
}

#[test]
fn one_handler_changed_one_bundle_made() {
    let workspace = three();
    workspace.run(&["package"]).code(0);
    let before = FUNCTIONS.map(|function| bundle(&workspace, function));
    let source = workspace.path().join("crates/hello/src/main.rs");
    for text in ["fn main() { println!(\"changed\"); }\n", "fn main() { println!(\"changed\"); }\n"]
    {
        // The second time touched only.
        fs::write(&source, text).unwrap();
        workspace.run(&["package"]).code(0);
        for (function, before) in FUNCTIONS.iter().zip(&before).skip(1) {
            assert!(bundle(&workspace, function) == *before, "{function} was made again");
        }
        assert!(bundle(&workspace, "hello") != before[0]);
        let says = run(&mut Command::new(workspace.output("hello", "bootstrap"))).stdout;
        assert_eq!(says, "changed\n");
    }
    right(&workspace, &[]);
    settles(&workspace, &[]);
}

#[test]
fn a_changed_include_is_noticed() {
    let workspace = three();
    let path = workspace.path().join("crates/hello/data/one.bin");
    let one = &path;
    right(&workspace, &[]);
    let time = modified(one);
    let zip = || fs::read(workspace.output("hello", "bootstrap.zip")).unwrap();
    let mut last = zip();
    let mut changed = |what: &str, change: &dyn Fn()| {
        change();
        right(&workspace, &[]);
        assert!(zip() != last, "{what}");
        last = zip();
        settles(&workspace, &[]);
    };
    changed("the content", &|| fs::write(one, "9999").unwrap());
    changed("the content, with the time of before", &|| {
        fs::write(one, "8888").unwrap();
        set_modified(one, time);
    });
    changed("another file in its place, of that size and time", &|| {
        let new = workspace.write("new.bin", "7777");
        set_modified(&new, time);
        fs::rename(&new, one).unwrap();
    });
    changed("whether it is executable", &|| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(one, mode).unwrap();
    });
    changed("one more", &|| {
        workspace.write("crates/hello/data/more/three.bin", "3333");
    });
    changed("its name", &|| fs::rename(one, one.with_file_name("uno.bin")).unwrap());
    changed("one less", &|| fs::remove_file(one.with_file_name("two.bin")).unwrap());
    changed("a link instead", &|| {
        let elsewhere = one.with_file_name("more").join("three.bin");
        std::os::unix::fs::symlink(elsewhere, one).unwrap();
    });
    changed("what a link leads to", &|| {
        workspace.write("crates/hello/data/more/three.bin", "4");
    });
}

#[test]
fn a_changed_library_is_noticed() {
    let workspace = three();
    right(&workspace, &[]);
    let zip = || fs::read(workspace.output("linked", "bootstrap.zip")).unwrap();
    let mut last = zip();
    let mut changed = |what: &str| {
        right(&workspace, &[]);
        assert!(zip() != last, "{what}");
        last = zip();
        settles(&workspace, &[]);
    };
    let library = |folder: &Path, answer: u32| {
        let source = format!("int own(void) {{ return {answer}; }}");
        let soname = "-Wl,-soname,libz.so.1";
        cc(folder, &source, "libz.so.1", &["-shared", "-fPIC", soname]);
    };
    library(&workspace.path().join("crates/linked/native"), 43);
    changed("it itself");
    // It is found elsewhere; then one that is looked for first appears.
    let folders = ["a", "b"].map(|name| workspace.path().join("libs").join(name));
    for folder in &folders {
        fs::create_dir_all(folder).unwrap();
    }
    let linked = "[dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n\
                  [package.metadata.lambda-pack]\nlibrary-paths = [\"libs/a\", \"libs/b\"]\n";
    let main = fs::read(workspace.path().join("crates/linked/src/main.rs")).unwrap();
    workspace.package("linked", linked);
    workspace.write("crates/linked/src/main.rs", main);
    workspace.run(&["package"]).code(0);
    fs::remove_file(workspace.path().join("crates/linked/native/libz.so.1")).unwrap();
    library(&folders[1], 44);
    changed("it lies elsewhere");
    library(&folders[0], 45);
    changed("another comes first");
    fs::remove_file(folders[0].join("libz.so.1")).unwrap();
    changed("it is gone again");
}

#[test]
fn what_is_gone_or_edited_in_the_output_is_made_again() {
    let workspace = three();
    workspace.run(&["package"]).code(0);
    let expected = bytes(&workspace.path().join("target/lambda-pack"));
    for name in ["bootstrap", "bootstrap.zip", "lambda-pack.json"] {
        let path = workspace.output("hello", name);
        let changes: [(&str, &dyn Fn()); 5] = [
            ("gone", &|| fs::remove_file(&path).unwrap()),
            ("empty", &|| fs::write(&path, "").unwrap()),
            ("edited, with the time of before", &|| {
                let time = modified(&path);
                let mut bytes = fs::read(&path).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(&path, bytes).unwrap();
                set_modified(&path, time);
            }),
            ("another file", &|| {
                let new = workspace.write("new", "new");
                fs::rename(new, &path).unwrap();
            }),
            ("a folder", &|| {
                fs::remove_file(&path).unwrap();
                fs::create_dir(&path).unwrap();
            }),
        ];
        for (what, change) in changes {
            // Without its record it is no folder of ours; that refusal stands in `package`.
            if name == "lambda-pack.json" && matches!(what, "gone" | "a folder") {
                continue;
            }
            change();
            workspace.run(&["package"]).code(0);
            let made = bytes(&workspace.path().join("target/lambda-pack"));
            assert!(made == expected, "{name}: {what}");
        }
    }
    fs::remove_dir_all(workspace.output("hello", "")).unwrap();
    fs::write(workspace.output("logs", "stale"), "left by an earlier version").unwrap();
    workspace.run(&["package"]).code(0);
    assert_same(&bytes(&workspace.path().join("target/lambda-pack")), &expected);
    fs::remove_dir_all(workspace.path().join("target/lambda-pack")).unwrap();
    workspace.run(&["package"]).code(0);
    assert_same(&bytes(&workspace.path().join("target/lambda-pack")), &expected);
}

#[test]
fn changed_settings_are_noticed() {
    let workspace = three();
    right(&workspace, &[]);
    for metadata in [
        "include = [{ from = \"data\", to = \"elsewhere\" }]",
        "include = [{ from = \"data\", exclude = [\"two.*\"] }]",
        "include = [\"data\"]\nruntime = \"provided.al2023\"",
        "include = []",
        "include = [\"data\"]",
    ] {
        workspace.handler("hello", metadata);
        right(&workspace, &[]);
        settles(&workspace, &[]);
    }
    // What is asked for on the command line, there and back.
    for args in [
        &["--no-check", "--runtime", "provided.al2"][..],
        &[],
        &["--trust-system", "all"],
        &[],
        &["--profile", "dev"],
        &[],
        &["--compression", "fast"],
        &["--compression", "best"],
        &[],
    ] {
        right(&workspace, args);
        settles(&workspace, args);
    }
    let zip = workspace.output("hello", "bootstrap.zip");
    let plain = fs::read(&zip).unwrap();
    run(workspace.command(&["package"]).env("SOURCE_DATE_EPOCH", "1709251199")).code(0);
    let dated = fs::read(&zip).unwrap();
    assert!(dated != plain);
    run(workspace.command(&["package"]).env("SOURCE_DATE_EPOCH", "1709251199")).code(0);
    assert!(fs::read(&zip).unwrap() == dated);
    right(&workspace, &[]);
    assert!(fs::read(&zip).unwrap() == plain);
}

#[test]
fn a_commit_is_noticed() {
    let workspace = three();
    workspace.write(".gitignore", "target\naside\n");
    workspace.run(&["package"]).code(0);
    workspace.git(&["init", "-q"]);
    workspace.git(&["add", "-A"]);
    workspace.git(&["commit", "-qm", "one"]);
    right(&workspace, &[]);
    settles(&workspace, &[]);
    workspace.git(&["commit", "-q", "--allow-empty", "-m", "two"]);
    right(&workspace, &[]);
    settles(&workspace, &[]);
    workspace.write("notes.txt", "dirty");
    right(&workspace, &[]);
}

#[test]
fn what_was_refused_is_refused_again_and_no_check_hides_nothing_from_the_next() {
    let workspace = Workspace::quick();
    workspace.handler("hello", "runtime = \"provided.al2\"");
    let refused = || {
        let run = workspace.run(&["package", "--output", "json"]).code(3);
        assert!(run.findings().contains(&"symbol-version".to_owned()));
    };
    refused();
    refused();
    workspace.run(&["package", "--no-check"]).code(0);
    refused();
    workspace.run(&["package", "--no-check"]).code(0);
    workspace.run(&["check"]).code(3);
    refused();

    // And where all is well, `check` changes nothing.
    workspace.handler("hello", "");
    workspace.run(&["package", "--no-check"]).code(0);
    right(&workspace, &[]);
    let before = bundle(&workspace, "hello");
    workspace.run(&["check"]).code(0);
    workspace.run(&["package"]).code(0);
    assert!(bundle(&workspace, "hello") == before);
}

#[test]
fn other_places_have_stamps_of_their_own() {
    let workspace = three();
    let runs: [&[&str]; 4] = [
        &["package", "--out", "a"],
        &["package", "--out", "b"],
        &["package", "--layout", "cargo-lambda"],
        &["package", "-p", "hello", "--target-dir", "t"],
    ];
    let states = || -> Vec<_> {
        let folders = ["a", "b", "target/lambda-pack", "target/lambda", "t/lambda-pack"];
        folders.iter().map(|folder| states(&workspace.path().join(folder))).collect()
    };
    for args in runs {
        workspace.run(args).code(0);
    }
    let before = states();
    for args in runs {
        workspace.run(args).code(0);
    }
    assert!(states() == before);
    for gone in
        ["target/lambda/hello/bootstrap", "target/lambda/extensions/logs.zip", "a/index.json"]
    {
        let path = workspace.path().join(gone);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        for args in runs {
            workspace.run(args).code(0);
        }
        assert!(fs::read(&path).unwrap() == bytes, "{gone}");
    }
    // A copied workspace is not the one that its stamps speak of.
    let copy = tempfile::TempDir::with_prefix("copy ü ").unwrap();
    let mut cp = Command::new("cp");
    run(cp.arg("-a").arg(workspace.path().join(".")).arg(copy.path())).code(0);
    fs::write(copy.path().join("crates/hello/data/one.bin"), "copy").unwrap();
    let mut command = crate::support::lambda_pack(copy.path());
    run(command.arg("package").env("CARGO_NET_OFFLINE", "true")).code(0);
    let zip = format!("target/lambda-pack/hello/{}/bootstrap.zip", host_arch());
    let zip = File::open(copy.path().join(zip)).unwrap();
    let mut zip = zip::ZipArchive::new(zip).unwrap();
    let text = std::io::read_to_string(zip.by_name("data/one.bin").unwrap()).unwrap();
    assert_eq!(text, "copy");
}

/// A clock that was wrong, or is: files of tomorrow, and what changes within one tick of the clock.
#[test]
fn times_in_the_future_and_in_the_same_moment() {
    let workspace = three();
    let one = workspace.path().join("crates/hello/data/one.bin");
    let tomorrow = SystemTime::now() + Duration::from_hours(24);
    for text in ["aaaa", "bbbb", "cccc"] {
        fs::write(&one, text).unwrap();
        set_modified(&one, tomorrow);
        right(&workspace, &[]);
        settles(&workspace, &[]);
    }
    for at in 1000..1010 {
        fs::write(&one, at.to_string()).unwrap();
        workspace.run(&["package"]).code(0);
        assert_eq!(packed(&workspace, "data/one.bin"), at.to_string());
    }
    // The outputs, too.
    for name in ["bootstrap", "bootstrap.zip", "lambda-pack.json"] {
        set_modified(&workspace.output("hello", name), tomorrow);
    }
    right(&workspace, &[]);
}

/// A file of hello's zip.
fn packed(workspace: &Workspace, name: &str) -> String {
    let zip = File::open(workspace.output("hello", "bootstrap.zip")).unwrap();
    let mut zip = zip::ZipArchive::new(zip).unwrap();
    std::io::read_to_string(zip.by_name(name).unwrap()).unwrap()
}

/// What changes while it is packed is seen by the next run at the latest: a stamp is never newer than
/// what it stands for.
#[test]
fn a_file_that_changes_while_it_is_packed() {
    let workspace = Workspace::quick();
    let one = workspace.write("crates/hello/data/one.bin", "0000");
    let noise: Vec<u8> =
        (0..2_u32 << 20).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    workspace.write("crates/hello/data/slow.bin", noise);
    workspace.handler("hello", "include = [\"data\"]");
    workspace.run(&["package"]).code(0);
    for at in 0..12_u32 {
        // Without this there is nothing to pack.
        workspace.write("crates/hello/data/flip", at.to_string());
        let child = workspace
            .command(&["package", "-q"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(u64::from(at) * 60));
        let text = format!("{:04}", 1000 + at);
        fs::write(&one, &text).unwrap();
        // What is written at the very moment of its reading is refused, and said; nothing else may fail.
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        let refused = stderr.contains("the file changed while it was being packed");
        assert!(output.status.success() || refused, "{stderr}");
        workspace.run(&["package"]).code(0);
        assert_eq!(packed(&workspace, "data/one.bin"), text, "changed after {} ms", at * 60);
    }
}

/// A record is what its zip says.
#[test]
fn the_record_of_a_run_with_nothing_to_do_is_of_its_zip() {
    let workspace = three();
    workspace.run(&["package"]).code(0);
    let records = workspace.run(&["package", "--output", "json"]).code(0).records();
    let bundles = records.iter().filter(|record| record["reason"] == "bundle");
    let mut seen = 0;
    for record in bundles {
        let zip = fs::read(record["path"].as_str().unwrap()).unwrap();
        assert_eq!(record["CodeSha256"], Sha256::of(&zip).base64());
        seen += 1;
    }
    assert_eq!(seen, FUNCTIONS.len());
}

#[test]
fn the_end_of_v_says_where_the_time_went() {
    let workspace = Workspace::quick();
    for _ in 0..2 {
        let run = workspace.run(&["package", "-v"]).code(0);
        let lines: Vec<&str> = run.stderr.lines().filter(|line| line.contains(" s  ")).collect();
        assert!(lines.last().is_some_and(|line| line.ends_with("in all")), "{}", run.stderr);
        assert!(lines.iter().any(|line| line.contains("cargo build")), "{}", run.stderr);
    }
}
