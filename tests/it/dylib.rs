//! Rust code that functions share, as one library in a layer.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lambda_pack::{elf, inspect};
use serde_json::Value;

use crate::jail::Jail;
use crate::native::package;
use crate::shared::{fresh, layers, names, unpacked};
use crate::support::{Workspace, cc, host_arch, run};

/// Handlers that use a crate from crates.io, which this program is made of too, so that it is there offline; and
/// one that does not.
fn workspace() -> Workspace {
    let workspace = Workspace::new();
    workspace.write(
        "Cargo.toml",
        "[workspace]\nmembers = [\"crates/*\"]\nresolver = \"3\"\n[profile.release]\n\
         opt-level = \"s\"\nstrip = \"symbols\"\nlto = \"fat\"\npanic = \"abort\"\n",
    );
    for (name, more) in [("one", "itoa = \"1\"\n"), ("two", "itoa = \"1\"\n"), ("three", "")] {
        let rest = format!(
            "[package.metadata.lambda-pack]\nmemory = 128\n\n[dependencies]\n\
             lambda_runtime.path = \"../lambda_runtime\"\n{more}"
        );
        workspace.package(name, &rest);
        if !more.is_empty() {
            let text = format!(
                "//! A handler.\n\nfn main() {{\n    \
                 println!(\"{name} {{}}\", itoa::Buffer::new().format(7));\n}}\n"
            );
            workspace.write(&format!("crates/{name}/src/main.rs"), text);
        }
    }
    workspace
}

/// All files but those in the target folder.
fn files(workspace: &Workspace) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = walkdir::WalkDir::new(workspace.path()).into_iter().map(Result::unwrap);
    let own = all.filter(|it| it.file_type().is_file()).map(|it| it.path().to_path_buf());
    let target = workspace.path().join("target");
    own.filter(|path| !path.starts_with(&target))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

fn cargo(folder: &Path, args: &[&str]) {
    let mut cargo = std::process::Command::new("cargo");
    crate::support::scrub(&mut cargo);
    run(cargo.args(args).current_dir(folder).env("CARGO_NET_OFFLINE", "true")).code(0);
}

#[test]
fn what_is_not_worth_it_is_taken_back_with_numbers() {
    let workspace = workspace();
    cargo(workspace.path(), &["generate-lockfile"]);
    let before = files(&workspace);
    let shown = workspace.run(&["layer", "init", "--dry-run"]).code(0);
    shown
        .says_out("itoa")
        .says_out(
            "not shared: lambda_runtime, of one, three, two: it is a crate of a folder, not of crates.io",
        )
        .says_out(
            "+shared = { path = \"../../shared\", optional = true, features = [\"lambda-layer\"] }",
        )
        .says_out("+use ::shared as _;");
    assert!(files(&workspace) == before);
    // Rust's own library is larger than two handlers that hardly use it.
    let run = workspace.run(&["layer", "init", "-p", "one", "-p", "two"]).code(0);
    run.says_out("all zips, layers too: ").says("not worth it");
    assert!(files(&workspace) == before);
    workspace.run(&["layer", "init", "-p", "one"]).code(0).says_out("nothing to share");
    for name in ["lambda-runtime", "itoa", "fn", "std"] {
        workspace.run(&["layer", "init", "--name", name]).code(2).says("means something");
    }
    workspace
        .run(&["layer", "init", "--name", "../x"])
        .code(2)
        .says("a package's name has letters");
    workspace.run(&["layer", "remove"]).code(2).says("no function is linked with");
    assert!(files(&workspace) == before);
}

#[test]
fn handlers_with_a_shared_library_start_with_their_layers_and_nothing_less() {
    let workspace = workspace();
    cargo(workspace.path(), &["generate-lockfile"]);
    let before = files(&workspace);
    workspace.run(&["layer", "init", "--force"]).code(0).says("shared/Cargo.toml");
    let run = package(&workspace, &[]);
    run.says("panic = \"unwind\"");
    let prefix = |name: &str| names(&workspace).iter().any(|it| it.ends_with(name));
    let arch = host_arch();
    assert!(prefix(&format!("-workspace-shared-{arch}")) && prefix(&format!("-toolchain-{arch}")));
    let zips = layers(&workspace, "one");
    assert_eq!(zips, layers(&workspace, "two"));
    assert_eq!(layers(&workspace, "three"), [] as [PathBuf; 0]);
    let shared: BTreeMap<_, _> = zips.iter().flat_map(|zip| unpacked(zip)).collect();
    let paths: Vec<&String> = shared.keys().collect();
    assert!(paths.len() == 2 && paths[0] == "lib/libshared.so", "{paths:?}");
    assert!(paths[1].starts_with("lib/libstd-"), "{paths:?}");
    // Without what no loader looks at: an eighth of what comes with the compiler is symbols and lines.
    assert!(shared[paths[1]].1.len() < 3_000_000);

    // A run over one of them is the same library, and the other is not built.
    let record = |name: &str| -> Value {
        serde_json::from_slice(&fs::read(workspace.output(name, "lambda-pack.json")).unwrap())
            .unwrap()
    };
    let digest = record("two")["CodeSha256"].clone();
    fs::remove_dir_all(workspace.path().join("target/lambda-pack")).unwrap();
    package(&workspace, &["-p", "two"]);
    assert_eq!((layers(&workspace, "two"), &record("two")["CodeSha256"]), (zips.clone(), &digest));
    package(&workspace, &[]);

    // Code of a handler: no byte of a layer.
    let main = workspace.path().join("crates/one/src/main.rs");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text.replace("one {}", "uno {}")).unwrap();
    let again = fresh(&package(&workspace, &[]));
    assert!(again.contains("two") && !again.contains("one") && again.len() == 4, "{again:?}");
    fs::write(&main, text).unwrap();

    if let Some(jail) = Jail::new() {
        jail.unpack(&workspace.output("two", "bootstrap.zip"), "/var/task");
        for zip in &zips {
            jail.unpack(zip, "/opt");
        }
        assert_eq!(jail.run("/var/task/bootstrap").code(0).stdout, "two 7\n");
        for path in shared.keys() {
            let (here, away) = (jail.path(&format!("opt/{path}")), jail.path("tmp/away"));
            fs::rename(&here, &away).unwrap();
            jail.run("/var/task/bootstrap").code(127).says(path.trim_start_matches("lib/"));
            fs::rename(&away, &here).unwrap();
        }
    }
    // A profile that links all into the functions says nothing of what the others share.
    let lock = || fs::read_to_string(workspace.path().join("lambda-pack.lock")).unwrap();
    let kept = lock();
    assert!(kept.contains("lib/libshared.so"), "{kept}");
    workspace.run(&["package", "--profile", "dev"]).code(0);
    assert_eq!(lock(), kept);
    // Builds without the feature know nothing of it, and those with it work without a layer too.
    cargo(workspace.path(), &["check", "--workspace", "--locked"]);
    cargo(workspace.path(), &["check", "--workspace", "--all-features"]);
    workspace.run(&["layer", "init"]).code(2).says("`layer remove` takes it back");
    fs::remove_file(workspace.path().join("lambda-pack.lock")).unwrap();
    workspace.run(&["layer", "remove"]).code(0).says_out("-use ::shared as _;");
    let after = files(&workspace);
    let differs: Vec<_> =
        before.keys().filter(|path| after.get(*path) != before.get(*path)).collect();
    assert!(differs.is_empty() && after.len() == before.len(), "{differs:?}");
}

/// Killed after any of its files it leaves a workspace that builds, and that `layer remove` takes back.
#[test]
fn wherever_it_is_cut_off_it_is_taken_back() {
    let workspace = workspace();
    cargo(workspace.path(), &["generate-lockfile"]);
    let before = files(&workspace);
    workspace.run(&["layer", "init", "--force"]).code(0);
    let after = files(&workspace);
    // In the order in which they are written.
    let order = [
        "shared/Cargo.toml",
        "shared/src/lib.rs",
        "Cargo.toml",
        "crates/one/src/main.rs",
        "crates/two/src/main.rs",
        "crates/one/Cargo.toml",
        "crates/two/Cargo.toml",
    ];
    let order = order.map(|path| workspace.path().join(path));
    for path in &order {
        assert_ne!(before.get(path), after.get(path), "{}", path.display());
    }
    for cut in (1..order.len()).rev() {
        for (at, path) in order.iter().enumerate() {
            let state = if at < cut { &after } else { &before };
            match state.get(path) {
                Some(text) => drop(workspace.write(path.to_str().unwrap(), text)),
                None => drop(fs::remove_file(path)),
            }
        }
        cargo(workspace.path(), &["metadata", "--format-version", "1"]);
        workspace.run(&["layer", "remove"]).code(0);
        assert!(files(&workspace) == before, "cut after {cut}");
    }
}

/// All functions of a package are linked with it, whichever of them are named, and count each for itself.
#[test]
fn several_functions_of_one_package_share() {
    let workspace = workspace();
    for bin in ["more", "most"] {
        let text = format!(
            "fn main() {{\n    println!(\"{bin} {{}}\", itoa::Buffer::new().format(1));\n}}\n"
        );
        workspace.write(&format!("crates/one/src/bin/{bin}.rs"), text);
    }
    let run =
        workspace.run(&["layer", "init", "--force", "-p", "one", "--bin", "more", "--bin", "most"]);
    run.code(0).says("crates/one/src/bin/more.rs").says("crates/one/src/main.rs");
    package(&workspace, &["-p", "one"]);
    assert_eq!(layers(&workspace, "one").len(), 2);
    assert_eq!(layers(&workspace, "one"), layers(&workspace, "most"));
    // What was packaged is audited with its layers.
    workspace.run(&["check", "target/lambda-pack"]).code(0);
    let run = workspace.run(&["package", "-p", "one", "--layout", "cargo-lambda"]).code(0);
    run.says("the layout of cargo-lambda has no place for layers");
}

#[test]
fn what_is_not_linked_or_cannot_be_is_refused_by_name() {
    let workspace = workspace();
    workspace.run(&["layer", "init", "--force"]).code(0);
    let main = workspace.path().join("crates/one/src/main.rs");
    let text = fs::read_to_string(&main).unwrap();
    fs::write(&main, text.replace("use ::shared as _;", "use ::itoa as _;")).unwrap();
    let run = workspace.run(&["package", "-p", "one"]).code(2);
    run.says("`one` is not linked with `shared`").says("use ::shared as _;");
    assert!(!workspace.output("one", "bootstrap.zip").exists());
    // Of what nothing is used the linker keeps nothing: who says that it uses it does without.
    let unused = "#[cfg(feature = \"lambda-layer\")]\nuse ::shared as _;\n\nfn main() {}\n";
    fs::write(&main, unused).unwrap();
    workspace.run(&["package", "-p", "one"]).code(0).says("it needs nothing that is in `shared`");
    fs::write(&main, text).unwrap();
    let run = workspace.run(&["package", "-p", "one"]).code(0);
    run.says("so `one` carries all of it: package the others too");
    workspace
        .run(&["package", "--libc", "musl"])
        .code(2)
        .says("makes no shared libraries for musl");
    let manifest = workspace.path().join("crates/one/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("lambda-layer = [", "other = [")).unwrap();
    workspace.run(&["package"]).code(2).says("package `one` has no feature `lambda-layer`");
    fs::write(&manifest, text.replace("dylib = \"shared\"", "dylib = \"shard\"")).unwrap();
    workspace.run(&["package"]).code(2).says("did you mean `shared`?");
    fs::write(&manifest, text.replace("dylib = \"shared\"", "dylib = \"three\"")).unwrap();
    workspace.run(&["package"]).code(2).says("whose library is no `dylib`");
    // Who shares nothing has it neither.
    workspace.write("lambda-pack.toml", "[package.one]\nlayers = \"never\"\n");
    fs::write(&manifest, text).unwrap();
    package(&workspace, &["-p", "one"]);
    assert_eq!(layers(&workspace, "one"), [] as [PathBuf; 0]);
}

/// Symbols of Rust's have a hash of the build in their names: of another build they are other ones.
#[test]
fn a_program_and_a_library_of_two_builds_do_not_fit() {
    let folder = tempfile::tempdir().unwrap();
    let libraries = folder.path().join("lib");
    fs::create_dir(&libraries).unwrap();
    let library = |hash: &str| {
        let source = format!("int _ZN6shared4code17h{hash}E(void) {{ return 7; }} int plain;");
        cc(&libraries, &source, "libshared.so", &["-shared", "-fPIC", "-Wl,-soname,libshared.so"]);
        fs::remove_file(libraries.join("libshared.so.c")).unwrap();
    };
    library("00000000000000aa");
    let source = "int _ZN6shared4code17h00000000000000aaE(void); extern int plain;\n\
                  __attribute__((weak)) int _ZN6shared5maybe17h00000000000000aaE(void);\n\
                  int main(void) { return _ZN6shared4code17h00000000000000aaE() + plain + \
                  (_ZN6shared5maybe17h00000000000000aaE != 0); }";
    let search = format!("-L{}", libraries.display());
    let program = cc(folder.path(), source, "bootstrap", &[&search, "-lshared"]);
    let fits = inspect::pair(&program, &libraries).unwrap();
    assert!(fits.needed.contains(&"libshared.so".to_owned()), "{fits:?}");
    assert!(fits.unbound.is_empty(), "{fits:?}");
    library("00000000000000bb");
    let found: Vec<_> = inspect::pair(&program, &libraries).unwrap().unbound.into_iter().collect();
    assert_eq!(found, ["_ZN6shared4code17h00000000000000aaE"]);
    // Without what no loader looks at it is the same library.
    let path = libraries.join("libshared.so");
    let stripped = elf::stripped(&fs::read(&path).unwrap()).unwrap().unwrap();
    fs::write(&path, stripped).unwrap();
    assert_eq!(inspect::pair(&program, &libraries).unwrap().unbound.len(), 1);
    fs::write(&path, "text").unwrap();
    assert_eq!(inspect::pair(&program, &libraries).unwrap_err().0, path);
}
