//! `verify`: the same bytes from a fresh folder, and where they are not, what differs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{Run, Workspace, host_arch, run};

/// A workspace, and a folder of its own for temporary files, in which nothing may be left.
struct Verified {
    workspace: Workspace,
    temporary: TempDir,
}

impl Verified {
    fn new(workspace: Workspace) -> Self {
        Self { workspace, temporary: TempDir::new().unwrap() }
    }

    /// With a commit of all there is.
    fn committed(workspace: Workspace) -> Self {
        let this = Self::new(workspace);
        this.workspace.write(".gitignore", "target\n");
        let mut lock = Command::new("cargo");
        run(lock.args(["generate-lockfile", "--offline"]).current_dir(this.workspace.path()))
            .code(0);
        this.git(&["init", "-q"]);
        this.commit();
        this
    }

    fn git(&self, args: &[&str]) -> String {
        self.workspace.git(args)
    }

    fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-qm", "x"]);
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.workspace.command(args);
        command.env("TMPDIR", self.temporary.path());
        command
    }

    /// Runs `verify`, and looks whether anything was left.
    #[track_caller]
    fn verify(&self, args: &[&str]) -> Run {
        self.ends(self.command(&[&["verify"], args].concat()))
    }

    #[track_caller]
    fn ends(&self, mut command: Command) -> Run {
        let answer = run(&mut command);
        assert_eq!(fs::read_dir(self.temporary.path()).unwrap().count(), 0, "something was left");
        answer
    }

    fn package(&self, args: &[&str]) {
        self.workspace.run(&[&["package", "-q"], args].concat()).code(0);
    }

    fn zip(&self) -> PathBuf {
        self.workspace.output("hello", "bootstrap.zip")
    }

    /// Changes the record of `hello`.
    fn edit(&self, change: impl Fn(&mut serde_json::Value)) {
        let path = self.workspace.output("hello", "lambda-pack.json");
        let mut record = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut record);
        fs::write(path, record.to_string()).unwrap();
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_commit_built_elsewhere_gives_the_same_bytes() {
    let workspace = Workspace::hello();
    workspace.handler("other", "include = [\"data.txt\"]");
    workspace.write("crates/other/data.txt", "data");
    workspace.write("crates/hello/src/main.rs", "fn main() { panic!(\"{}\", file!()) }");
    let this = Verified::committed(workspace);
    this.package(&["--unify-features"]);
    // What is not committed does not count, and what is ignored neither.
    this.workspace.write("crates/hello/src/main.rs", "not even Rust");
    let head = this.git(&["rev-parse", "HEAD"]);
    let state = this.git(&["status", "--porcelain=v2", "--branch"]);
    let answer = this.verify(&["target/lambda-pack", "--output", "json"]).code(0);
    assert_eq!(this.git(&["status", "--porcelain=v2", "--branch"]), state);
    let records = answer.records();
    assert_eq!(records.len(), 2);
    for (record, function) in records.iter().zip(["hello", "other"]) {
        assert_eq!(record["reason"], "verified");
        assert_eq!(record["thing"], format!("{function} ({})", host_arch()));
        assert_eq!((&record["equal"], &record["rebuilt"]), (&true.into(), &record["given"]));
        assert_eq!(record["commit"], head.trim());
    }
    assert_eq!(answer.stderr.matches("Checkout of").count(), 1, "{}", answer.stderr);
    assert_eq!(answer.stderr.matches("Finished").count(), 1, "one run: {}", answer.stderr);

    let zip = this.workspace.output("other", "bootstrap.zip");
    let quiet = this.verify(&["-q", text(&zip)]).code(0);
    let digest = records[1]["given"].as_str().unwrap();
    assert_eq!(quiet.stdout, format!("same       other ({})  {digest}\n", host_arch()));
    assert_eq!(quiet.stderr, "");
}

#[test]
fn another_constant_is_shown_with_its_section() {
    let this = Verified::committed(Workspace::hello());
    this.workspace.write("crates/hello/src/main.rs", "fn main() { println!(\"I am another\") }");
    this.package(&[]);
    this.git(&["checkout", "-q", "."]);
    let answer = this.verify(&[text(&this.zip())]).code(3);
    let answer = answer.says("was built from what no commit has (");
    let answer = answer.says("-dirty): the sources as they are now are built");
    let answer = answer
        .says(&format!("error: 1 of 1 differs from what was rebuilt: hello ({})", host_arch()));
    assert!(answer.stdout.starts_with("different  hello ("), "{}", answer.stdout);
    let shown = |text: &str| answer.stdout.lines().any(|line| line.contains(text));
    assert!(shown("bootstrap: string, in .rodata: `"), "{}", answer.stdout);
    assert!(shown("I am another") && shown("I am hello"), "{}", answer.stdout);
    assert!(shown("bootstrap: section .rodata: "), "{}", answer.stdout);
    assert!(!shown("other compilers"), "{}", answer.stdout);
}

#[test]
fn a_path_that_is_embedded_is_shown_and_explained() {
    let workspace = Workspace::hello();
    workspace.write(
        "crates/hello/src/main.rs",
        "fn main() { println!(\"in {}\", env!(\"CARGO_MANIFEST_DIR\")) }",
    );
    // Without git there is a copy.
    let this = Verified::new(workspace);
    this.package(&[]);
    let answer = this.verify(&["target/lambda-pack", "--output", "json"]).code(3);
    let answer = answer.says("was built from no commit: the sources as they are now are built");
    let records = answer.records();
    let path = records.iter().find(|record| record["kind"] == "path").unwrap();
    assert_eq!((&path["path"], &path["part"]), (&"bootstrap".into(), &".rodata".into()));
    let rebuilt = path["rebuilt"].as_str().unwrap();
    assert!(rebuilt.starts_with('`') && rebuilt.contains("/source/crates/hello"), "{rebuilt}");
    assert!(path["hint"].as_str().unwrap().contains("env!(\"CARGO_MANIFEST_DIR\")"));
    let text = records.iter().find(|record| record["kind"] == "string").unwrap();
    let given = this.workspace.path().canonicalize().unwrap().join("crates/hello");
    let end = given.display().to_string();
    let end: String = end.chars().rev().take(20).collect();
    let end: String = end.chars().rev().collect();
    assert!(text["given"].as_str().unwrap().contains(&end), "{text}");
    assert_eq!(records.last().unwrap()["exit_code"], 3);
}

/// The places of all headers of members: the local ones, and those of the central directory.
fn headers(zip: &[u8]) -> Vec<usize> {
    let is =
        |at: &usize| zip[*at..].starts_with(b"PK\x03\x04") || zip[*at..].starts_with(b"PK\x01\x02");
    (0..zip.len()).filter(is).collect()
}

#[test]
fn a_zip_that_was_changed_is_told_from_a_build_that_differs() {
    let this = Verified::committed(Workspace::hello());
    this.package(&[]);
    let whole = fs::read(this.zip()).unwrap();
    let tampered = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut zip = whole.clone();
        change(&mut zip);
        fs::write(this.zip(), zip).unwrap();
        let answer = this.verify(&["target/lambda-pack"]).code(3);
        let record = "CodeSha256, by the zip and by its record: ";
        assert!(answer.stdout.contains(record), "{}", answer.stdout);
        answer.stdout
    };
    // 2024-01-01 in the date of each header.
    let answer = tampered(&|zip| {
        for at in headers(zip) {
            let date = at + if zip[at + 2] == 3 { 12 } else { 14 };
            zip[date..date + 2].copy_from_slice(&[0x21, 0x58]);
        }
    });
    let times = "bootstrap: time: 2024-01-01 00:00:00 given, 1980-01-01 00:00:00 rebuilt";
    assert!(answer.contains(times), "{answer}");
    assert!(!answer.contains("content"), "{answer}");
    let answer = tampered(&|zip| {
        let at = headers(zip)[1];
        zip[at + 4] ^= 1;
    });
    assert!(answer.contains("the zip's own bytes, different from byte 0x"), "{answer}");
    let answer = tampered(&|zip| {
        let at = zip.len() / 2;
        zip[at] ^= 0x55;
    });
    assert!(answer.contains("bootstrap: cannot be unpacked: "), "{answer}");
    let answer = tampered(&|zip| zip.truncate(1000));
    assert!(answer.contains("  cannot be unpacked: not a sound zip file"), "{answer}");
}

#[test]
fn without_a_record_the_flags_select_the_handler() {
    let workspace = Workspace::hello();
    workspace.handler("other", "");
    let this = Verified::new(workspace);
    this.package(&["--layout", "cargo-lambda", "--profile", "dev"]);
    let zip = "target/lambda/hello/bootstrap.zip";
    this.verify(&[zip])
        .code(2)
        .says("target/lambda/hello/bootstrap.zip has no lambda-pack.json beside it")
        .says("now 2 are selected: hello, other");
    let answer = this.verify(&[zip, "-p", "hello", "--profile", "dev"]).code(0);
    assert!(answer.stdout.starts_with("same       target/lambda/hello/bootstrap.zip  "));
    answer.says("has no record: the sources as they are now are built");
    // A folder that a zip was unpacked into, and in which more is now.
    let folder = this.workspace.path().join("unpacked");
    fs::create_dir(&folder).unwrap();
    fs::copy(this.workspace.output("hello", "bootstrap"), folder.join("bootstrap")).unwrap();
    fs::write(folder.join("more.txt"), "more").unwrap();
    let answer = this.verify(&["unpacked", "-p", "hello", "--profile", "dev"]).code(3);
    let lines: Vec<&str> = answer.stdout.lines().collect();
    assert_eq!(lines[1..], ["  more.txt: file: only given, 4 bytes"]);
    assert!(lines[0].starts_with("different  unpacked  a folder given, "), "{}", lines[0]);
}

#[test]
fn what_is_another_than_then_is_said_before_anything_is_built() {
    let this = Verified::committed(Workspace::hello());
    let ours = ["--config", "env.WORD='secret'"];
    this.package(&ours);
    this.edit(|record| {
        record["rustc"] = "rustc 1.0.0 (a59de37e9 2015-05-13)".into();
        record["linker"]["version"] = "cc 1.0".into();
    });
    let quiet = this.verify(&["target/lambda-pack"]).code(0);
    let before = quiet.stderr.split("Compiling").next().unwrap();
    for warning in [
        "was compiled by `rustc 1.0.0 (a59de37e9 2015-05-13)`, here it is `rustc 1.",
        "was linked by `cc 1.0`, here it is `",
        "was built with --config, whose values no record keeps: give them again",
    ] {
        assert!(before.contains(warning), "no {warning:?} before the build: {}", quiet.stderr);
    }
    let given = this.verify(&[&["target/lambda-pack"][..], &ours].concat()).code(0);
    assert!(!given.stderr.contains("--config"), "{}", given.stderr);
    // What is set now and was not then; and a program is not run because a record names it.
    let marker = this.workspace.path().join("marker");
    let script = format!("#!/bin/sh\ntouch '{}'\n", marker.display());
    let program = this.workspace.write("evil cc", script);
    run(Command::new("chmod").arg("755").arg(&program)).code(0);
    this.edit(|record| record["linker"]["program"] = text(&program).into());
    let mut command = this.command(&["verify", "target/lambda-pack"]);
    let answer = this.ends({
        command.env("RUSTFLAGS", "--cfg secret_word");
        command
    });
    assert!(answer.stderr.contains("was built without RUSTFLAGS"), "{}", answer.stderr);
    assert!(!answer.stderr.contains("secret"), "{}", answer.stderr);
    assert!(answer.stderr.contains("was linked by `"), "{}", answer.stderr);
    assert!(!marker.exists(), "the record's program was run");
}

#[test]
fn what_was_asked_for_is_asked_for_again() {
    let workspace = Workspace::hello();
    workspace.write(
        "crates/hello/Cargo.toml",
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [features]\nextra = []\n[[example]]\nname = \"sample\"\n\
         [dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n",
    );
    let main = "fn main() { println!(\"{}\", if cfg!(feature = \"extra\") { \"built with extra\" } \
                else { \"built without any of it\" }) }";
    workspace.write("crates/hello/src/main.rs", main);
    workspace.write("crates/hello/examples/sample.rs", main);
    let this = Verified::committed(workspace);
    let mut command = this.command(&["package", "-q", "--example", "sample", "-F", "extra"]);
    command.args(["--target-cpu", "generic", "--optimize", "size"]);
    run(command.env("SOURCE_DATE_EPOCH", "1709251199")).code(0);
    let mut command = this.command(&["verify", "target/lambda-pack"]);
    command.env("SOURCE_DATE_EPOCH", "0");
    this.ends(command).code(0);
    // Flags count over the record.
    let answer = this.verify(&["target/lambda-pack", "-q", "--no-default-features"]).code(3);
    let shown = |text: &str| answer.stdout.contains(text);
    assert!(shown("with extra") && shown("without any of it"), "{}", answer.stdout);
}

#[test]
fn mistakes_and_failures() {
    let this = Verified::committed(Workspace::hello());
    this.verify(&[]).code(2).says("<PATH>");
    this.verify(&["nowhere"]).code(2).says("nowhere is not there");
    this.package(&[]);
    let all = "target/lambda-pack";
    this.verify(&[all, "--target-dir", "x"]).code(2).says("leave out `--target-dir`");
    this.verify(&[all, "--bin", "hello"]).code(2).says("leave out the flags that select");
    let commit = "1".repeat(40);
    this.edit(|record| record["commit"] = commit.clone().into());
    this.verify(&[all])
        .code(2)
        .says(&format!("has no commit {commit}"))
        .says("hint: fetch it first");
    this.edit(|record| record["commit"] = "--upload-pack=x".into());
    this.verify(&[all]).code(0).says("was built from what no commit has (--upload-pack=x)");
    // The code of the build is ours.
    this.workspace.write("crates/hello/src/main.rs", "fn main() { nonsense }");
    this.verify(&[all])
        .code(101)
        .says("cannot find value `nonsense`")
        .says("error: the rebuild failed");
    for (key, value, said) in [
        ("zip", "../bootstrap.zip", "`zip` is not the name of a file beside it"),
        ("runtime", "provided.al9", "unknown runtime `provided.al9`"),
        ("architecture", "mips", "unknown architecture `mips`"),
    ] {
        let before = fs::read(this.workspace.output("hello", "lambda-pack.json")).unwrap();
        this.edit(|record| record[key] = value.into());
        this.verify(&[all]).code(2).says(said).says("lambda-pack.json: ");
        fs::write(this.workspace.output("hello", "lambda-pack.json"), before).unwrap();
    }
    this.edit(|record| drop(record.as_object_mut().unwrap().remove("build")));
    this.workspace.write("crates/hello/src/main.rs", "fn main() { println!(\"I am hello\"); }\n");
    this.verify(&[all]).code(0).says("does not say with which flags it was built");
}

#[test]
fn the_fresh_folder_can_be_kept() {
    let this = Verified::committed(Workspace::hello());
    this.package(&[]);
    let mut command = this.command(&["verify", "target/lambda-pack", "--keep"]);
    let answer = run(&mut command).code(0);
    let kept = answer.stderr.lines().find_map(|line| line.trim().strip_prefix("Kept ")).unwrap();
    let kept = Path::new(kept);
    assert!(kept.starts_with(this.temporary.path().canonicalize().unwrap()), "{}", kept.display());
    assert!(kept.join("0/source/crates/hello/src/main.rs").is_file());
    let zip = format!("out-0/hello/{}/bootstrap.zip", host_arch());
    assert_eq!(fs::read(kept.join(zip)).unwrap(), fs::read(this.zip()).unwrap());
    // The next one does not take it for one that was left.
    run(&mut this.command(&["verify", "target/lambda-pack"])).code(0);
    assert!(kept.is_dir());
}
