//! What is compiled for, and with what: architectures, linkers, processors, profiles, groups of
//! features. In a path with blanks and letters that are not ASCII, as every fixture workspace has.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{Run, Workspace, have, host_arch, run, tools};

/// The path of a zig, as Python has it, if `tests/setup` fetched one.
fn zig() -> Option<PathBuf> {
    let python = tools().join("zig/bin/python3");
    have(&python).then_some(python)
}

/// A rustc with the standard library of both architectures.
fn both() -> Option<PathBuf> {
    let rustc = tools().join("arm64/bin/rustc");
    have(&rustc).then_some(rustc)
}

fn with_zig(workspace: &Workspace, args: &[&str], python: &Path) -> Run {
    run(workspace.command(args).env("CARGO_ZIGBUILD_PYTHON_PATH", python))
}

fn record(workspace: &Workspace, function: &str, arch: &str) -> serde_json::Value {
    let folder = workspace.path().join("target/lambda-pack").join(function).join(arch);
    serde_json::from_slice(&fs::read(folder.join("lambda-pack.json")).unwrap()).unwrap()
}

fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(folder).unwrap();
    fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[test]
fn both_architectures_are_built_and_run() {
    let (Some(python), Some(rustc)) = (zig(), both()) else { return };
    if !have("qemu-aarch64-static") {
        return;
    }
    let workspace = Workspace::hello();
    let mut command = workspace.command(&["package", "--arch", "both"]);
    let answer = run(command.env("RUSTC", rustc).env("CARGO_ZIGBUILD_PYTHON_PATH", python)).code(0);
    assert!(answer.stdout.contains("arm64") && answer.stdout.contains("x86_64"));
    for (arch, target) in
        [("arm64", "aarch64-unknown-linux-gnu.2.34"), ("x86_64", "x86_64-unknown-linux-gnu.2.34")]
    {
        let record = record(&workspace, "hello", arch);
        assert_eq!((&record["architecture"], &record["target"]), (&arch.into(), &target.into()));
        assert_eq!(record["linker"]["program"], "zig cc");
    }
    let program = workspace.path().join("target/lambda-pack/hello/arm64/bootstrap");
    let mut qemu = Command::new("qemu-aarch64-static");
    qemu.args(["-L", "/usr/aarch64-linux-gnu"]).arg(program);
    assert_eq!(run(&mut qemu).code(0).stdout, "I am hello\n");
    // Two bundles have no room in a layout with one folder a name.
    workspace
        .run(&["package", "--arch", "both", "--layout", "cargo-lambda"])
        .code(2)
        .says("has room for one architecture of `hello`");
}

#[test]
fn zig_keeps_below_the_floor_and_the_host_does_not() {
    let Some(python) = zig() else { return };
    let workspace = Workspace::hello();
    workspace
        .run(&["package", "--runtime", "provided.al2", "--linker", "host"])
        .code(3)
        .says("(an older distribution, or zig as the linker)");
    // Deploying to that runtime is a finding; only the build is asked for.
    let args = ["package", "--runtime", "provided.al2", "--linker", "zig", "--no-check"];
    with_zig(&workspace, &args, &python).code(0).says("with zig cc");
    let record = record(&workspace, "hello", host_arch());
    let needed = record["glibc_needed"].as_str().unwrap().split_once('.').unwrap();
    assert!(needed.1.parse::<u32>().unwrap() <= 26, "{needed:?}");
    assert!(record["target"].as_str().unwrap().ends_with(".2.26"));
}

#[test]
fn every_request_for_a_linker_is_kept_or_refused_with_a_command() {
    let workspace = Workspace::hello();
    let other = if host_arch() == "arm64" { "x86_64" } else { "arm64" };
    let triple = |arch: &str, libc: &str| {
        format!("{}-unknown-linux-{libc}", if arch == "arm64" { "aarch64" } else { arch })
    };
    if let Some(rustc) = both() {
        let with = |args: &[&str]| run(workspace.command(args).env("RUSTC", &rustc));
        with(&["package", "--arch", other, "--linker", "host"])
            .code(2)
            .says(&format!(
                "links for {}, not for {}",
                triple(host_arch(), "gnu"),
                triple(other, "gnu")
            ))
            .says("ziglang==0.17.0");
        with(&["package", "--libc", "musl"])
            .code(2)
            .says(&format!("the standard library of {} is missing", triple(host_arch(), "musl")))
            .says("`cargo lambda-pack doctor` shows what this machine has");
    }
    workspace.run(&["package", "--linker", "musl"]).code(2).says(&format!(
        "`--linker musl` links for musl; {} is asked for",
        triple(host_arch(), "gnu")
    ));
    workspace.run(&["package", "--linker", "host"]).code(0).says("with cc: `--linker host`");
    workspace.write(
        ".cargo/config.toml",
        format!("[target.{}]\nlinker = \"gcc\"\n", triple(host_arch(), "gnu")),
    );
    workspace.run(&["package"]).code(0).says(".cargo/config.toml:2 says so");
    // A request counts more than cargo's configuration.
    let answer = workspace.run(&["package", "--linker", "host", "-v"]).code(0);
    assert!(answer.stderr.contains("-Clinker=cc"), "{}", answer.stderr);
}

#[test]
fn processors_are_those_that_rustc_knows() {
    let workspace = Workspace::hello();
    if host_arch() == "x86_64" {
        workspace
            .run(&["package", "--target-cpu", "x86-64-v33"])
            .code(2)
            .says("rustc knows no processor `x86-64-v33`")
            .says("did you mean `x86-64-v3`?");
    }
    workspace
        .run(&["package", "--target-cpu", "native"])
        .code(2)
        .says("this machine's processor, not Lambda's");
    let answer = workspace.run(&["package", "--target-cpu", "generic", "-v"]).code(0);
    assert!(answer.stderr.contains("-Ctarget-cpu=generic (ours)"), "{}", answer.stderr);
    assert_eq!(record(&workspace, "hello", host_arch())["target_cpu"], "generic");
    // The user's own flag is kept; only a choice made here counts more.
    let flagged = |args: &[&str]| {
        run(workspace.command(args).env("RUSTFLAGS", "-C target-cpu=generic")).code(0).stderr
    };
    let own = flagged(&["package", "-v"]);
    assert!(own.contains("(RUSTFLAGS), instead of -Ctarget-cpu="), "{own}");
}

#[test]
fn the_profile_says_where_each_key_comes_from() {
    let workspace = Workspace::hello();
    let said = workspace.run(&["package", "-v", "--optimize", "size"]).code(0).stderr;
    for line in [
        "release: opt-level = 0 (Cargo.toml:5)",
        "release: lto = \"fat\" (ours)",
        "release: codegen-units = 1 (ours)",
        "release: panic = \"abort\" (ours)",
        "release: strip = \"symbols\" (Cargo.toml:6)",
    ] {
        assert!(said.contains(line), "{line}:\n{said}");
    }
    workspace.write("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n");
    workspace.handler("hello", "optimize = \"size\"");
    let said = workspace.run(&["package", "-v"]).code(0).stderr;
    assert!(said.contains("release: opt-level = \"z\" (ours)"), "{said}");
    assert!(said.contains("CARGO_PROFILE_RELEASE_OPT_LEVEL=z"), "{said}");
    let dev = workspace.run(&["package", "-v", "--profile", "dev"]).code(0).stderr;
    assert!(!dev.contains("(ours)\n     Profile") && !dev.contains("CARGO_PROFILE"), "{dev}");
}

/// A handler beside one that switches more of a shared crate on.
fn neighbours() -> Workspace {
    let workspace = Workspace::new();
    workspace.library("text", "[features]\nmore = []\n");
    workspace.write("crates/text/src/lib.rs", "pub const MORE: bool = cfg!(feature = \"more\");\n");
    for (name, features) in [("small", ""), ("large", ", features = [\"more\"]")] {
        workspace.package(
            name,
            &format!(
                "[dependencies]\nlambda_runtime.path = \"../lambda_runtime\"\n\
                 text = {{ path = \"../text\"{features} }}\n"
            ),
        );
        workspace.write(
            &format!("crates/{name}/src/main.rs"),
            "fn main() { println!(\"{}\", text::MORE); }\n",
        );
    }
    workspace
}

#[test]
fn a_function_has_its_own_features_and_not_its_neighbours() {
    let workspace = neighbours();
    let said = |args: &[&str]| {
        let answer = workspace.run(args).code(0);
        let more = ["small", "large"]
            .map(|name| run(&mut Command::new(workspace.output(name, "bootstrap"))).code(0).stdout);
        (more.map(|text| text.trim() == "true"), answer.stderr)
    };
    let builds = |talk: &str| talk.matches("cargo build --message-format").count();
    let (apart, talk) = said(&["package", "-v"]);
    assert_eq!((apart, builds(&talk)), ([false, true], 2), "{talk}");
    let (unified, talk) = said(&["package", "-v", "--unify-features"]);
    assert_eq!((unified, builds(&talk)), ([true, true], 1), "{talk}");
    assert!(talk.contains("Unified") && talk.contains("text"), "{talk}");
    // A debug build is to be quick.
    let (dev, talk) = said(&["package", "-v", "--profile", "dev"]);
    assert_eq!((dev, builds(&talk)), ([true, true], 1), "{talk}");
    // With a lock file the answer is kept: nothing but `cargo metadata --no-deps` is asked again.
    workspace.run(&["package"]).code(0);
    let record = workspace.path().join("target");
    let kept = fs::read_dir(record).unwrap().flatten();
    let kept = kept.filter(|e| e.file_name().to_string_lossy().contains("features")).count();
    assert_eq!(kept, 1);
    let log = workspace.path().join("cargo.log");
    let cargo = script(
        &workspace.path().join("bin"),
        "cargo",
        &format!("echo \"$*\" >> '{}'\nexec cargo \"$@\"", log.display()),
    );
    let again = || run(workspace.command(&["package"]).env("CARGO", &cargo)).code(0);
    // Which cargo it is counts too, so it is asked once more.
    again();
    fs::remove_file(&log).unwrap();
    again();
    let calls = fs::read_to_string(log).unwrap();
    let metadata: Vec<&str> = calls.lines().filter(|line| line.starts_with("metadata")).collect();
    assert_eq!(metadata.len(), 1, "{calls}");
    assert!(metadata[0].contains("--no-deps"), "{calls}");
}

#[test]
fn the_target_of_cargos_configuration_is_the_default() {
    let workspace = Workspace::hello();
    let other = if host_arch() == "arm64" { "x86_64" } else { "aarch64" };
    let target = format!("{other}-unknown-linux-gnu");
    let answer = run(workspace.command(&["package"]).env("CARGO_BUILD_TARGET", &target));
    // Whether that can be built here or not: it is what was tried.
    assert!(answer.stderr.contains(&target) || answer.stderr.contains("aarch64"), "{answer:?}");
    run(workspace.command(&["package"]).env("CARGO_BUILD_TARGET", "wasm32-unknown-unknown"))
        .code(0)
        .says("builds for wasm32-unknown-unknown, which is not one that Lambda has");
}

#[test]
fn a_wrapper_of_rustc_works_with_zig() {
    let Some(python) = zig() else { return };
    let workspace = Workspace::hello();
    let log = workspace.path().join("wrapped.log");
    let text = format!("echo wrapped >> '{}'\nexec \"$@\"", log.display());
    let wrapper = script(&workspace.path().join("bin"), "wrapper", &text);
    let mut command = workspace.command(&["package", "--linker", "zig"]);
    run(command.env("RUSTC_WRAPPER", wrapper).env("CARGO_ZIGBUILD_PYTHON_PATH", python)).code(0);
    assert!(fs::read_to_string(log).unwrap().lines().count() > 1);
    assert_eq!(
        run(&mut Command::new(workspace.output("hello", "bootstrap"))).code(0).stdout,
        "I am hello\n"
    );
}

#[test]
fn doctor_says_what_there_is_and_runs_what_mends_it() {
    let folder = tempfile::tempdir().unwrap();
    let (bin, log) = (folder.path().join("bin"), folder.path().join("log"));
    let home = folder.path().join("rustup");
    let sysroot = home.join("toolchains/t");
    let rustc = format!(
        "case \"$*\" in -vV) echo 'rustc 1.95.0 (x)'; echo 'host: x86_64-unknown-linux-gnu';; \
         *sysroot*) echo '{0}';; *target-libdir*x86_64-unknown-linux-gnu*) echo '{0}/lib';; \
         *) echo /nowhere;; esac",
        sysroot.display()
    );
    fs::create_dir_all(sysroot.join("lib")).unwrap();
    fs::write(sysroot.join("lib/libcore-1.rlib"), "").unwrap();
    script(&bin, "rustc", &rustc);
    script(
        &bin,
        "rustup",
        &format!("case $1 in target) echo \"rustup $*\" >> '{}';; esac", log.display()),
    );
    script(&bin, "zig", "echo 0.99.0");
    script(&bin, "qemu-aarch64", "");
    script(&bin, "cargo", "echo cargo 1.95.0");
    let doctor = |args: &[&str]| {
        let mut command = crate::support::lambda_pack(folder.path());
        command.arg("doctor").args(args).env("PATH", &bin).env("RUSTUP_HOME", &home);
        command.env("HOME", folder.path()).env_remove("RUSTC").env_remove("RUSTUP_TOOLCHAIN");
        command.env("AWS_ACCESS_KEY_ID", "hunter2");
        run(&mut command)
    };
    let text = doctor(&[]).code(0).says("zig 0.99.0 is not one of those that were tried");
    for line in [
        "host                x86_64-unknown-linux-gnu",
        "AWS configuration   AWS_ACCESS_KEY_ID",
        "no: its standard library is missing",
        "rustup target add aarch64-unknown-linux-gnu",
        "a C compiler: links build scripts",
    ] {
        assert!(text.stdout.contains(line), "{line}:\n{}", text.stdout);
    }
    assert!(!text.stdout.contains("hunter2"));
    assert!(text.stdout.lines().all(|line| line.chars().count() <= 100), "{}", text.stdout);
    doctor(&["--yes"]).code(2);
    doctor(&["--fix"]).code(2).says("there is no terminal to ask on: say `--yes`");
    assert!(!log.exists(), "nothing was run");
    let fixed = doctor(&["--fix", "--yes", "--output", "json"]).code(0);
    assert!(fixed.records().iter().any(|record| record["reason"] == "missing"));
    let ran = fs::read_to_string(&log).unwrap();
    assert!(ran.contains("rustup target add aarch64-unknown-linux-gnu"), "{ran}");
    // A command that fails says so.
    script(&bin, "rustup", "exit 7");
    doctor(&["--fix", "--yes"]).code(2).says("cannot install the standard library of");
}

#[test]
fn any_processor_does_for_zig_too() {
    let Some(python) = zig() else { return };
    let workspace = Workspace::hello();
    let args = ["package", "--linker", "zig", "--target-cpu", "generic"];
    with_zig(&workspace, &args, &python).code(0);
    assert_eq!(record(&workspace, "hello", host_arch())["target_cpu"], "generic");
    // What the user's own flags name is what stands in the record.
    let mut command = workspace.command(&["package", "--linker", "zig"]);
    command.env("RUSTFLAGS", "-C target-cpu=generic").env("CARGO_ZIGBUILD_PYTHON_PATH", python);
    run(&mut command).code(0);
    assert_eq!(record(&workspace, "hello", host_arch())["target_cpu"], "generic");
    let mut command = workspace.command(&["package"]);
    run(command.env("RUSTFLAGS", "-Ctarget-cpu=native"))
        .code(0)
        .says("RUSTFLAGS: target-cpu `native` is this machine's processor");
}

#[test]
fn tools_that_are_named_and_not_there_are_said_before_anything_is_built() {
    let workspace = Workspace::hello();
    run(workspace.command(&["package"]).env("RUSTC_WRAPPER", "/nowhere/sccache"))
        .code(2)
        .says("RUSTC_WRAPPER names `/nowhere/sccache`, which is not there");
    let bin = workspace.path().join("bin");
    script(&bin, "zig", "echo nonsense; exit 3");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path =
        std::env::join_paths(std::iter::once(bin.clone()).chain(std::env::split_paths(&path)));
    run(workspace.command(&["package"]).env("PATH", path.unwrap()))
        .code(0)
        .says("does not answer `version` as zig does: it counts as none");
    workspace.handler("hello", "library-paths = [\"nodir\"]");
    workspace.run(&["package"]).code(2).says("hello: `library-paths` names ");
    workspace.handler("hello", "");
    for arch in ["x86_64", "aarch64"] {
        let table = format!("[target.{arch}-unknown-linux-gnu]\nlinker = \"no-such-cc\"\n");
        workspace.write(&format!(".cargo/{arch}.toml"), table);
    }
    workspace.write(".cargo/config.toml", "include = [\"x86_64.toml\", \"aarch64.toml\"]\n");
    let answer = workspace.run(&["package"]).code(2);
    let answer = answer.says("the linker `no-such-cc`, which ").says(".toml:2 names, is missing");
    assert!(!answer.stderr.contains("Compiling"), "{}", answer.stderr);
}

#[test]
fn the_folder_of_all_bundles_can_be_checked() {
    let workspace = Workspace::hello();
    workspace.run(&["package", "--out", "out"]).code(0);
    for folder in ["out", "out/hello"] {
        let answer = workspace.run(&["check", folder, "--output", "json"]).code(0);
        assert_eq!(answer.records().len(), 1, "{folder}: {}", answer.stdout);
    }
}
