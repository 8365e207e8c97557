//! Releases: the archives that `release.yml` makes are those that `cargo binstall` and the action look
//! for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::{python_of, yaml};
use crate::support::{repository, run, scrub};

const RELEASE: &str = ".github/workflows/release.yml";

/// What a step of a workflow or an action runs.
fn step(steps: &Value, name: &str) -> String {
    let named = |step: &&Value| step["name"] == name;
    let step = steps.as_array().unwrap().iter().find(named);
    step.unwrap_or_else(|| panic!("no step {name}"))["run"].as_str().unwrap().to_owned()
}

fn bash(script: &str, folder: &Path) -> Command {
    let mut shell = Command::new("bash");
    scrub(&mut shell);
    shell.args(["-e", "-c", script]).current_dir(folder);
    shell
}

/// Archives the program under test as the workflow does. Gives the folder with the archives.
fn archived(python: &Path, folder: &Path, target: &str) -> PathBuf {
    for file in ["README.md", "CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(repository().join(file), folder.join(file)).unwrap();
    }
    let script = step(&yaml(python, RELEASE)["jobs"]["build"]["steps"], "Archive");
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    // Not the program's 200 MB: what is archived is only what the script names.
    let stand_in = folder.join("built/cargo-lambda-pack");
    fs::create_dir(stand_in.parent().unwrap()).unwrap();
    fs::write(&stand_in, format!("#!/bin/sh\nexec '{program}' \"$@\"\n")).unwrap();
    run(Command::new("chmod").arg("755").arg(&stand_in)).code(0);
    run(bash(&script, folder).env("TARGET", target).env("BUILT", &stand_in)).code(0);
    folder.join("dist")
}

/// Serves the files of a folder by the last part of their path, to the end of the test.
fn served(folder: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            let line = String::from_utf8_lossy(&request[..length]).into_owned();
            let path = line.split(' ').nth(1).unwrap_or_default();
            let (above, name) = path.rsplit_once('/').unwrap_or_default();
            let version = env!("CARGO_PKG_VERSION");
            let known = above == format!("/o/cargo-lambda-pack/releases/download/v{version}");
            let (status, body) = match fs::read(folder.join(name)) {
                Ok(body) if known => ("200 OK", body),
                _ => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len());
            let _ = stream.write_all(format!("{head}connection: close\r\n\r\n").as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    address
}

/// A package of the name that is wanted, so that pip fetches nothing.
const STAND_IN: &str = "
import sys, zipfile
name = f'ziglang-{sys.argv[2]}'
meta = f'Metadata-Version: 2.1\\nName: ziglang\\nVersion: {sys.argv[2]}\\n'
with zipfile.ZipFile(f'{sys.argv[1]}/{name}-py3-none-any.whl', 'w') as wheel:
    wheel.writestr(f'{name}.dist-info/METADATA', meta)
    wheel.writestr(f'{name}.dist-info/WHEEL', 'Wheel-Version: 1.0\\nTag: py3-none-any\\n')
    wheel.writestr(f'{name}.dist-info/RECORD', '')
";

#[test]
fn the_action_installs_what_the_release_has_made() {
    let Some(python) = python_of("fits") else { return };
    let folder = tempfile::tempdir().unwrap();
    let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let dist = archived(&python, folder.path(), &target);
    let zig = lambda_pack::linker::KNOWN_ZIGS[0];
    let mut stand_in = Command::new(&python);
    run(stand_in.args(["-c", STAND_IN]).arg(folder.path()).arg(zig)).code(0);
    let address = served(dist.clone());

    let action = yaml(&python, "action.yml");
    let install = step(&action["runs"]["steps"], "Install");
    let temp = folder.path().join("temp");
    let paths = folder.path().join("paths");
    let installed = || {
        let _ = fs::remove_dir_all(&temp);
        fs::create_dir(&temp).unwrap();
        let mut shell = bash(&install, folder.path());
        shell.env("RUNNER_TEMP", &temp).env("GITHUB_PATH", &paths).env("ACTION", repository());
        shell.env("VERSION", "").env("REPOSITORY", "o/cargo-lambda-pack").env("SERVER", &address);
        shell.env("PIP_NO_INDEX", "1").env("PIP_FIND_LINKS", folder.path());
        run(&mut shell)
    };
    installed().code(0);
    let on_path = fs::read_to_string(&paths).unwrap();
    let program = Path::new(on_path.trim()).join("cargo-lambda-pack");
    assert!(program.starts_with(&temp) && program.is_file());
    // Its environment has the program, so zig is looked for there; its Python stays out of everybody's way.
    let real = fs::canonicalize(&program).unwrap();
    assert!(real.ancestors().nth(2).unwrap().join("pyvenv.cfg").is_file());
    let beside: Vec<_> = fs::read_dir(on_path.trim()).unwrap().collect();
    assert_eq!(beside.len(), 1, "{beside:?}");

    // The step that runs it gives each word by itself.
    let script = step(&action["runs"]["steps"], "Run");
    let mut shell = bash(&script, folder.path());
    let path = std::env::var("PATH").unwrap();
    shell.env("PATH", format!("{}:{path}", on_path.trim())).env("ARGS", "completions bash");
    run(&mut shell).code(0).says_out("complete -F");

    // An archive that is not the one of its digest is not unpacked.
    let archive = format!("cargo-lambda-pack-{target}.tar.gz");
    fs::write(dist.join(&archive), "x").unwrap();
    assert_ne!(installed().code, 0);
    assert!(!program.exists());

    // A version that nobody has released is said.
    for name in [&archive, &format!("{archive}.sha256")] {
        fs::remove_file(dist.join(name)).unwrap();
    }
    let version = format!("the release v{}: name a release", env!("CARGO_PKG_VERSION"));
    installed().code(1).says_out(&version);
}

#[test]
fn binstall_looks_for_these_archives() {
    let Some(python) = python_of("fits") else { return };
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let manifest: toml::Table = toml::from_str(&manifest).unwrap();
    let binstall = &manifest["package"]["metadata"]["binstall"];
    let workflow = yaml(&python, RELEASE);
    for build in workflow["jobs"]["build"]["strategy"]["matrix"]["include"].as_array().unwrap() {
        let target = build["target"].as_str().unwrap();
        let filled = |key: &str| {
            let text = binstall[key].as_str().unwrap();
            [("name", "cargo-lambda-pack"), ("bin", "cargo-lambda-pack"), ("binary-ext", "")]
                .into_iter()
                .chain([("target", target), ("version", "1.2.3"), ("repo", "https://host/o/n")])
                .fold(text.to_owned(), |text, (key, value)| {
                    text.replace(&format!("{{ {key} }}"), value)
                })
        };
        let folder = tempfile::tempdir().unwrap();
        let dist = archived(&python, folder.path(), target);
        let url = filled("pkg-url");
        let file = url.strip_prefix("https://host/o/n/releases/download/v1.2.3/").unwrap();
        let mut tar = Command::new("tar");
        let listed = run(tar.arg("-tzf").arg(dist.join(file))).code(0).stdout;
        let name = format!("cargo-lambda-pack-{target}");
        for path in [
            filled("bin-dir"),
            format!("{name}/man/cargo-lambda-pack-deploy.1"),
            format!("{name}/completions/cargo-lambda-pack.zsh"),
            format!("{name}/LICENSE-MIT"),
        ] {
            assert!(listed.lines().any(|line| line == path), "no {path} in\n{listed}");
        }
        let sums = dist.join(format!("{file}.sha256"));
        run(Command::new("sha256sum").arg("-c").arg(sums).current_dir(&dist)).code(0);
    }
}
