//! `package`: what is written where, whole or not at all, and always the same.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine as _;
use lambda_pack::digest::Sha256;

use crate::support::{Workspace, have, host_arch, python, run, scrub};

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn the_folder_of_a_function_and_its_record() {
    let workspace = Workspace::hello();
    workspace.write("crates/hello/data.txt", "data");
    workspace.handler("hello", "include = [\"data.txt\"]");
    for step in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "x"]] {
        workspace.git(step);
    }
    workspace.run(&["package", "--offline"]).code(0);
    let folder = workspace.output("hello", "");
    let mut names: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|item| item.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["bootstrap", "bootstrap.zip", "lambda-pack.json"]);
    let program = folder.join("bootstrap");
    assert_eq!(program.metadata().unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(run(&mut Command::new(&program)).code(0).stdout, "I am hello\n");

    let record = json(&folder.join("lambda-pack.json"));
    let zip = fs::read(folder.join("bootstrap.zip")).unwrap();
    let digest = Sha256::of(&zip);
    assert_eq!(record["CodeSha256"], digest.base64());
    assert_eq!(base64::engine::general_purpose::STANDARD.encode([0; 3]), "AAAA");
    assert_eq!(record["function"], "hello");
    assert_eq!(record["package"], "hello");
    assert_eq!(record["handler"], "hello");
    assert_eq!(record["architecture"], host_arch());
    assert_eq!(record["runtime"], "provided.al2023");
    assert_eq!(record["profile"], "release");
    assert_eq!(record["sizes"]["zip"], zip.len());
    let bytes = fs::read(&program).unwrap();
    assert_eq!(record["sizes"]["executable"], bytes.len());
    assert_eq!(record["sizes"]["unpacked"], bytes.len() + 4);
    assert_eq!(record["files"][0]["sha256"], Sha256::of(&bytes).hex());
    assert_eq!(record["files"][0]["mode"], "0755");
    assert_eq!(record["files"][1]["path"], "data.txt");
    assert_eq!(record["files"][1]["sha256"], Sha256::of(b"data").hex());
    assert!(record["rustc"].as_str().unwrap().starts_with("rustc 1."));
    assert_eq!(record["linker"]["program"], "cc");
    assert!(record["glibc_needed"].as_str().unwrap().starts_with("2."));
    let build = &record["build"];
    assert_eq!((&build["kind"], &build["linker"]), (&"bin".into(), &"auto".into()));
    assert_eq!((&build["packages"][0], &build["compression"]), (&"hello".into(), &"best".into()));
    let commit = record["commit"].as_str().unwrap();
    // Cargo.lock was written by the build, and is not tracked: the commit is clean.
    assert!(commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit()), "{commit}");

    workspace.write("crates/hello/data.txt", "changed");
    workspace.run(&["package"]).code(0);
    let commit = json(&folder.join("lambda-pack.json"))["commit"].to_string();
    assert!(commit.ends_with("-dirty\""), "{commit}");
}

#[test]
fn out_has_an_index_of_all_that_is_there() {
    let workspace = Workspace::hello();
    workspace.handler("other", "");
    workspace.run(&["package", "-p", "hello", "--out", "dist"]).code(0);
    workspace.write("dist/mine.txt", "not ours");
    workspace.write(&format!("dist/hello/{}/stale", host_arch()), "left by an earlier version");
    workspace.run(&["package", "-p", "other", "--out", "dist"]).code(0);
    let index = json(&workspace.path().join("dist/index.json"));
    let bundles = index["bundles"].as_array().unwrap();
    let names: Vec<_> = bundles.iter().map(|b| b["record"]["function"].as_str().unwrap()).collect();
    assert_eq!(names, ["hello", "other"]);
    let folder = bundles[0]["folder"].as_str().unwrap();
    assert!(workspace.path().join("dist").join(folder).join("bootstrap.zip").is_file());
    let stale = workspace.path().join(format!("dist/hello/{}/stale", host_arch()));
    assert!(stale.is_file(), "not selected, not touched");
    workspace.run(&["package", "-p", "hello", "--out", "dist"]).code(0);
    assert!(!stale.exists(), "selected: what was left is gone");
    assert!(workspace.path().join("dist/mine.txt").is_file(), "not a function's folder");
    assert!(!workspace.path().join("target/lambda-pack").exists());
}

#[test]
fn the_layout_of_cargo_lambda() {
    let workspace = Workspace::hello();
    workspace.package("logs", "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n");
    workspace.run(&["package", "--layout", "cargo-lambda"]).code(0);
    for (theirs, ours) in [
        ("hello/bootstrap", workspace.output("hello", "bootstrap")),
        ("hello/bootstrap.zip", workspace.output("hello", "bootstrap.zip")),
        ("extensions/logs", workspace.output("logs", "logs")),
        ("extensions/logs.zip", workspace.output("logs", "logs.zip")),
    ] {
        let path = workspace.path().join("target/lambda").join(theirs);
        assert_eq!(fs::read(&path).unwrap(), fs::read(ours).unwrap(), "{theirs}");
        let executable = path.metadata().unwrap().permissions().mode() & 0o111 != 0;
        assert_eq!(executable, !theirs.contains(".zip"), "{theirs}");
    }
}

#[test]
fn cargos_build_flags_are_passed_on() {
    let workspace = Workspace::hello();
    workspace.write(
        "crates/hello/Cargo.toml",
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [features]\ndefault = [\"loud\"]\nloud = []\nextra = []\n\
         [dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n",
    );
    workspace.write(
        "crates/hello/src/main.rs",
        "fn main() { println!(\"{} {} {}\", cfg!(feature = \"loud\"), cfg!(feature = \"extra\"), cfg!(debug_assertions)); }",
    );
    let says = |args: &[&str]| {
        workspace.run(&[&["package"], args].concat()).code(0);
        run(&mut Command::new(workspace.output("hello", "bootstrap"))).stdout
    };
    assert_eq!(says(&[]), "true false false\n");
    assert_eq!(says(&["--profile", "dev"]), "true false true\n");
    assert_eq!(says(&["--no-default-features", "-F", "extra"]), "false true false\n");
    assert_eq!(
        says(&["--all-features", "--release", "-j", "1", "--keep-going"]),
        "true true false\n"
    );
    assert_eq!(says(&["--config", "profile.release.debug-assertions=true"]), "true false true\n");
    assert_eq!(says(&["--offline", "--timings"]), "true false false\n");
    assert!(workspace.path().join("target/cargo-timings").is_dir());
    workspace.run(&["package", "--frozen"]).code(0);
    workspace.run(&["package", "--target-dir", "elsewhere"]).code(0);
    let place = format!("elsewhere/lambda-pack/hello/{}/bootstrap", host_arch());
    assert!(workspace.path().join(place).is_file());
    fs::remove_file(workspace.path().join("Cargo.lock")).unwrap();
    workspace.run(&["package", "--locked"]).code(101).says("Cargo.lock");
    workspace.run(&["package", "-Z", "no-such-flag"]).code(2).says("-Z");
    workspace.run(&["package", "--profile", "nope"]).code(101).says("nope");
}

#[test]
fn the_same_bytes_whatever_the_circumstances() {
    let workspace = Workspace::hello();
    for name in ["z", "a", "M", "ä"] {
        workspace.write(&format!("crates/hello/assets/{name}.txt"), name.repeat(1_000));
    }
    workspace.handler("hello", "include = [\"assets\"]");
    workspace.run(&["package"]).code(0);
    let zip = workspace.output("hello", "bootstrap.zip");
    let first = fs::read(&zip).unwrap();
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    let manifest = workspace.path().join("Cargo.toml");
    for setting in [
        "umask 077",
        "export TZ=Pacific/Kiritimati LANG=tr_TR.UTF-8 LC_ALL=C",
        "export SOURCE_DATE_EPOCH=0",
        "touch crates/hello/assets/*; chmod 600 crates/hello/assets/*",
        "cd /; set -- --manifest-path \"$MANIFEST\" -j 1",
        "taskset -p 1 $$ >&2 2>/dev/null || true",
    ] {
        fs::remove_file(&zip).unwrap();
        let mut shell = Command::new("sh");
        scrub(&mut shell);
        shell.env("MANIFEST", &manifest).env("CARGO_NET_OFFLINE", "true");
        shell.current_dir(workspace.path());
        shell.args(["-c", &format!("{setting}; exec '{program}' package \"$@\"")]);
        run(&mut shell).code(0);
        assert!(fs::read(&zip).unwrap() == first, "{setting}");
    }
}

#[test]
fn source_date_epoch_is_the_time_of_every_entry() {
    let workspace = Workspace::hello();
    let epoch = |text: &str| run(workspace.command(&["package"]).env("SOURCE_DATE_EPOCH", text));
    epoch("1709251199").code(0);
    if have("python3") {
        let list = "import sys, zipfile\nprint([i.date_time for i in zipfile.ZipFile(sys.argv[1]).infolist()])";
        let zip = workspace.output("hello", "bootstrap.zip");
        assert_eq!(python(list, &[zip.as_os_str()]), "[(2024, 2, 29, 23, 59, 58)]\n");
    }
    for bad in ["yesterday", "-1", "1.5", "4354819200"] {
        epoch(bad).code(2).says("SOURCE_DATE_EPOCH is `");
    }
}

#[test]
fn what_cannot_run_is_not_written_and_the_last_good_one_stays() {
    let workspace = Workspace::hello();
    workspace.handler("other", "");
    workspace.run(&["package"]).code(0);
    let zip = workspace.output("hello", "bootstrap.zip");
    let before = fs::read(&zip).unwrap();
    // glibc 2.26 has no symbol that a program linked here needs.
    workspace.handler("hello", "runtime = \"provided.al2\"");
    let run = workspace.run(&["package", "--output", "json"]).code(3);
    let run = run.says("error[symbol-version]: hello: bootstrap: needs GLIBC_2.");
    let run = run.says("`--no-check` packages all the same");
    assert!(run.findings().contains(&"symbol-version".to_owned()));
    let written: Vec<_> =
        run.records().into_iter().filter(|record| record["reason"] == "bundle").collect();
    assert_eq!(written.len(), 1, "the other one is fine");
    assert_eq!(fs::read(&zip).unwrap(), before);
    workspace.run(&["package", "--no-check"]).code(0);
    assert_eq!(json(&workspace.output("hello", "lambda-pack.json"))["runtime"], "provided.al2");
}

/// What a build cannot be repeated without is kept, but for what may be a secret.
#[test]
fn the_record_says_what_was_asked_for() {
    let workspace = Workspace::hello();
    workspace.handler("other", "");
    workspace.write(
        "crates/hello/Cargo.toml",
        "[package]\nname = \"hello\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\
         [features]\nextra = []\n[dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n",
    );
    let mut command = workspace.command(&["package", "-F", "hello/extra", "--unify-features"]);
    command.args(["--config", "env.TOKEN='secret-word'", "--target-cpu", "generic"]);
    command.env("SOURCE_DATE_EPOCH", "1709251199").env("RUSTFLAGS", "--cfg secret_word");
    run(&mut command).code(0);
    let text = fs::read_to_string(workspace.output("hello", "lambda-pack.json")).unwrap();
    assert!(
        !text.contains("secret") && !text.contains(workspace.path().to_str().unwrap()),
        "{text}"
    );
    let build = &json(&workspace.output("hello", "lambda-pack.json"))["build"];
    assert_eq!(build["features"], serde_json::json!(["hello/extra"]));
    assert_eq!(build["packages"], serde_json::json!(["hello", "other"]));
    let other = serde_json::json!([{ "package": "other", "kind": "bin", "handler": "other" }]);
    assert_eq!(build["beside"], other);
    assert_eq!(build["source_date_epoch"], "1709251199");
    assert_eq!(build["target_cpu_chosen"], true);
    assert_eq!(build["not_kept"], serde_json::json!(["--config", "RUSTFLAGS"]));
}

/// Includes that take a while at level 12.
fn slow(workspace: &Workspace, megabytes: usize) {
    let mut state = 1_u32;
    let bytes: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        b"0123456789abcdef"[(state >> 28) as usize]
    })
    .take(megabytes << 20)
    .collect();
    workspace.write("crates/hello/slow.bin", bytes);
    workspace.handler("hello", "include = [\"slow.bin\"]");
}

/// The same command where Ctrl-C ends it, wherever the tests run: what a shell without job control
/// puts into the background has SIGINT ignored, and hands that on.
fn interruptible(command: &Command) -> Command {
    let mut same = Command::new("env");
    same.arg("--default-signal=INT").arg(command.get_program()).args(command.get_args());
    same.current_dir(command.get_current_dir().unwrap());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => same.env(name, value),
            None => same.env_remove(name),
        };
    }
    same
}

#[test]
fn ctrl_c_leaves_the_last_good_bundle() {
    let workspace = Workspace::hello();
    workspace.run(&["package"]).code(0);
    let names = ["bootstrap", "bootstrap.zip", "lambda-pack.json"];
    let read = || names.map(|name| fs::read(workspace.output("hello", name)).unwrap());
    let before = read();
    slow(&workspace, 24);
    let mut child = interruptible(&workspace.command(&["package"]))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let staging =
        workspace.path().join(format!("target/lambda-pack/hello/.staging-{}", host_arch()));
    let start = Instant::now();
    while !staging.join("bootstrap.zip").exists() {
        assert!(child.try_wait().unwrap().is_none(), "ended before it could be stopped");
        assert!(start.elapsed() < Duration::from_mins(2), "never started to pack");
        std::thread::sleep(Duration::from_millis(2));
    }
    // The shell's own: a bare machine has no other.
    run(Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())])).code(0);
    assert!(!child.wait().unwrap().success());
    assert_eq!(read(), before, "the last good bundle, all of it");
    workspace.run(&["package", "--profile", "dev"]).code(0);
    assert_ne!(read(), before);
    assert!(!staging.exists(), "what was left is cleared away");
}

#[test]
fn two_at_once_do_not_mix() {
    let workspace = Workspace::hello();
    slow(&workspace, 4);
    let children: Vec<_> = (0..3)
        .map(|_| workspace.command(&["package", "-q"]).stdout(Stdio::null()).spawn().unwrap())
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let record = json(&workspace.output("hello", "lambda-pack.json"));
    let zip = fs::read(workspace.output("hello", "bootstrap.zip")).unwrap();
    assert_eq!(record["CodeSha256"], Sha256::of(&zip).base64());
}

#[test]
fn too_large_is_said_with_the_numbers() {
    let workspace = Workspace::hello();
    let large = workspace.write("crates/hello/large.bin", "");
    fs::File::options().write(true).open(&large).unwrap().set_len(300 << 20).unwrap();
    workspace.handler("hello", "include = [\"large.bin\"]");
    workspace
        .run(&["package"])
        .code(3)
        .says("error[unpacked-size]: hello: the files have 31")
        .says("Lambda takes 262144000 (250 MB) unzipped")
        .says("the largest is large.bin (314572800 bytes)");
    let run = workspace.run(&["package", "--no-check", "--output", "json"]).code(0);
    assert!(run.records()[0]["sizes"]["unpacked"].as_u64().unwrap() > 314_572_800);
}

#[test]
fn over_50_mb_zipped_is_a_warning() {
    let workspace = Workspace::hello();
    let mut state = 1_u64;
    let noise: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    })
    .take(53 << 17)
    .flatten()
    .collect();
    workspace.write("crates/hello/noise.bin", noise);
    workspace.handler("hello", "include = [\"noise.bin\"]");
    workspace
        .run(&["package", "--profile", "dev"])
        .code(0)
        .says("warning[zip-size]: hello: the zip has")
        .says("a direct upload takes 52428800 (50 MB)");
}

/// At most twice the two largest files up to 64 MiB, plus 64 MB, whatever else is packed.
#[test]
fn memory_is_bounded() {
    if !have("python3") {
        return;
    }
    let workspace = Workspace::hello();
    for name in ["two", "three"] {
        workspace.handler(name, "include = [\"large.bin\", \"huge.bin\"]");
        slow(&workspace, 32);
        let from = workspace.path().join("crates/hello/slow.bin");
        let to = workspace.path().join(format!("crates/{name}/large.bin"));
        fs::rename(from, to).unwrap();
        // Over 64 MiB: streamed.
        let huge = workspace.write(&format!("crates/{name}/huge.bin"), "");
        fs::File::options().write(true).open(huge).unwrap().set_len(200 << 20).unwrap();
    }
    let measure = "
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)";
    let build = ["package", "-p", "two", "-p", "three", "--no-check", "--profile", "dev"];
    // Once without measuring, so that no compiler is among the children.
    workspace.run(&build).code(0);
    let mut command = Command::new("python3");
    scrub(&mut command);
    command.args(["-c", measure, env!("CARGO_BIN_EXE_cargo-lambda-pack")]).args(build);
    let kib: u64 =
        run(command.current_dir(workspace.path())).code(0).stdout.trim().parse().unwrap();
    let limit = 2 * (2 * (32 << 20)) + 64_000_000;
    assert!(kib * 1024 <= limit, "{} MB of {} MB", kib * 1024 / 1_000_000, limit / 1_000_000);
}

#[test]
fn help_of_the_program_is_quick() {
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    let quickest = (0..10)
        .map(|_| {
            let start = Instant::now();
            run(Command::new(program).arg("--help")).code(0);
            start.elapsed()
        })
        .min()
        .unwrap();
    // 5 ms is promised of the release build; this is a debug one on a busy machine.
    assert!(quickest < Duration::from_millis(50), "{quickest:?}");
}

/// What is audited, zipped and put beside the zip is one file, whoever builds meanwhile.
#[test]
fn bootstrap_and_the_zip_are_of_one_build() {
    let workspace = Workspace::hello();
    slow(&workspace, 8);
    workspace.run(&["package", "-q"]).code(0);
    let child = workspace.command(&["package", "-q"]).stdout(Stdio::null()).spawn().unwrap();
    workspace.write("crates/hello/src/main.rs", "fn main() { println!(\"another build\"); }");
    workspace.run(&["check", "-q"]).code(0);
    assert!({ child }.wait().unwrap().success());
    let record = json(&workspace.output("hello", "lambda-pack.json"));
    let program = fs::read(workspace.output("hello", "bootstrap")).unwrap();
    assert_eq!(record["files"][0]["sha256"], Sha256::of(&program).hex());
}

#[test]
fn a_closed_or_full_stdout_changes_no_verdict_and_loses_no_file() {
    let workspace = Workspace::hello();
    workspace.handler("bad", "runtime = \"provided.al2\"");
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    let piped = |arguments: &str, to: &str| {
        let mut shell = Command::new("bash");
        scrub(&mut shell);
        let script = format!("'{program}' {arguments} -q {to}; exit ${{PIPESTATUS[0]}}");
        shell.env("CARGO_NET_OFFLINE", "true").args(["-c", &script]);
        run(shell.current_dir(workspace.path()))
    };
    piped("check", "| true").code(3);
    piped("package --out a", "| true").code(3);
    piped("package -p hello --out b", "| true").code(0);
    piped("package -p hello --out c", ">/dev/full").code(1).says("cannot write the answer");
    for out in ["a", "b", "c"] {
        assert!(workspace.path().join(out).join("index.json").is_file(), "{out}");
    }
}

/// As on overlay and network file systems, which cannot exchange folders.
#[test]
fn where_folders_cannot_be_exchanged_files_are_replaced() {
    if !have("strace") {
        return;
    }
    let workspace = Workspace::hello();
    workspace.run(&["package"]).code(0);
    let stale = workspace.output("hello", "stale");
    fs::write(&stale, "left").unwrap();
    workspace.write("crates/hello/src/main.rs", "fn main() { println!(\"again\"); }");
    let mut command = Command::new("strace");
    scrub(&mut command);
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=renameat2"]);
    command.args(["-e", "inject=renameat2:error=EXDEV"]);
    command.arg(env!("CARGO_BIN_EXE_cargo-lambda-pack")).arg("package");
    run(command.env("CARGO_NET_OFFLINE", "true").current_dir(workspace.path())).code(0);
    assert_eq!(run(&mut Command::new(workspace.output("hello", "bootstrap"))).stdout, "again\n");
    let zip = fs::read(workspace.output("hello", "bootstrap.zip")).unwrap();
    let record = json(&workspace.output("hello", "lambda-pack.json"));
    assert_eq!(record["CodeSha256"], Sha256::of(&zip).base64());
    assert!(!stale.exists());
}

#[test]
fn a_linker_that_cargos_configuration_names_is_said() {
    let workspace = Workspace::hello();
    let linker = |expected: serde_json::Value| {
        workspace.run(&["package"]).code(0);
        let record = json(&workspace.output("hello", "lambda-pack.json"));
        assert_eq!(record["linker"]["program"], expected);
        assert!(!record["linker"]["comments"].as_array().unwrap().is_empty());
    };
    linker("cc".into());
    workspace.write(
        ".cargo/config.toml",
        "[target.x86_64-unknown-linux-gnu]\nlinker = \"gcc\"\n\
         [target.aarch64-unknown-linux-gnu]\nlinker = \"gcc\"\n",
    );
    linker("gcc".into());
}

#[test]
fn a_folder_that_is_not_ours_is_left_alone() {
    let workspace = Workspace::hello();
    let precious = format!("dist/hello/{}/precious/file", host_arch());
    let precious = workspace.write(&precious, "important");
    workspace
        .run(&["package", "--out", "dist"])
        .code(2)
        .says("is in the way: it is no folder of a bundle (no lambda-pack.json in it)")
        .says("hint: choose another `--out`");
    assert_eq!(fs::read_to_string(precious).unwrap(), "important");
    let file = workspace.write("file", "");
    let run = workspace.run(&["package", "--out", "file"]).code(2).says("file is not a folder");
    assert!(!run.stderr.contains("Compiling"), "built before it looked: {}", run.stderr);
    assert!(file.is_file());
}

#[test]
fn check_takes_the_folders_that_package_wrote() {
    let workspace = Workspace::hello();
    let extension = "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n";
    workspace.package("logs", extension);
    let internal = "[package.metadata.lambda-pack]\nextension = \"internal\"\n";
    workspace.package("wrapper", &format!("{extension}{internal}"));
    workspace.run(&["package"]).code(0);
    for function in ["hello", "logs", "wrapper"] {
        let folder = workspace.output(function, "");
        let answer = workspace.run(&["check", folder.to_str().unwrap()]).code(0);
        assert!(answer.stdout.trim_end().ends_with("ok"), "{}", answer.stdout);
    }
}
