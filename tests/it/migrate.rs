//! `migrate`: projects of cargo-lambda keep what they have in tables of ours. What is decided is tested where
//! that stands (`src/config/migrate`); here are real projects, files and functions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::Value;
use toml_edit::{DocumentMut, Item};

use crate::cargo_lambda::{fixtures, stub};
use crate::new::terminal::Terminal;
use crate::support::{copy, have, lambda_pack, repository, run};

/// What `config show` says in an environment: the value of each handler's keys.
fn shown(folder: &Path, env: Option<&str>, migrated: bool) -> BTreeMap<(String, String), Value> {
    let mut command = lambda_pack(folder);
    command.args(["config", "show", "--output", "json", "--offline"]);
    command.args(env.iter().flat_map(|env| ["--env", env]));
    let mut all = BTreeMap::new();
    for record in run(&mut command).code(0).records() {
        if record["reason"] != "settings" {
            continue;
        }
        let handler = format!("{}/{}", record["package"], record["handler"]);
        all.insert((handler.clone(), String::new()), Value::Null);
        for setting in record["settings"].as_array().unwrap() {
            let key = setting["key"].as_str().unwrap().to_owned();
            let mut value = setting["value"].clone();
            if key == "env-file" && migrated {
                // From the folder of the file that says it, which is a member's now.
                let at = setting["origin"].as_str().unwrap().rsplit_once('/');
                let folder = folder.join(at.map_or("", |(folder, _)| folder));
                let path = fs::canonicalize(folder.join(value.as_str().unwrap())).unwrap();
                value = path.file_name().unwrap().to_str().unwrap().into();
            }
            all.insert((handler.clone(), key), value);
        }
    }
    all
}

/// The environments of a project: the contexts.
fn envs(folder: &Path) -> BTreeSet<Option<String>> {
    let text = fs::read_to_string(folder.join("CargoLambda.toml")).unwrap_or_default();
    let document: DocumentMut = text.parse().unwrap();
    let plain = ["bin", "build", "default", "deploy", "env", "template", "watch"];
    let tables = document.iter().filter(|(_, item)| matches!(item, Item::Table(_)));
    let contexts = tables.map(|(name, _)| name.to_owned());
    let contexts = contexts.filter(|name| !plain.contains(&name.as_str()));
    contexts.map(Some).chain([None]).collect()
}

#[test]
fn its_projects_keep_their_settings() {
    for fixture in fixtures() {
        let name = fixture.file_name().unwrap().to_string_lossy().into_owned();
        let folder = tempfile::tempdir().unwrap();
        copy(&fixture, folder.path());
        stub(folder.path());
        let envs = envs(folder.path());
        let all = |migrated| -> BTreeMap<_, _> {
            let shown = |env: &Option<String>| shown(folder.path(), env.as_deref(), migrated);
            envs.iter().map(|env| (env.clone(), shown(env))).collect()
        };
        let before = all(false);
        let migrate = |args: &[&str]| {
            run(lambda_pack(folder.path()).args(["migrate", "--offline"]).args(args))
        };
        migrate(&["--yes"]).code(0).says("Changed");
        assert_eq!(before, all(true), "{name}");
        migrate(&["--output", "json"])
            .code(0)
            .says_out("\"files\":[],\"diff\":\"\",\"migrated\":false");
        let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        assert!(!manifest.contains("metadata.lambda."), "{name}: {manifest}");
        assert!(!folder.path().join("CargoLambda.toml").exists(), "{name}");
    }
}

#[test]
fn nothing_is_written_unasked_and_no_secret_shown() {
    let folder = tempfile::tempdir().unwrap();
    copy(&repository().join("tests/it/fixtures/cargo-lambda/contexts"), folder.path());
    stub(folder.path());
    let theirs = folder.path().join("CargoLambda.toml");
    let text = fs::read_to_string(&theirs).unwrap().replace("\"production\"", "\"hunter2\"");
    fs::write(&theirs, &text).unwrap();
    let migrate = |args: &[&str]| {
        let answer = run(lambda_pack(folder.path()).args(["migrate", "--offline"]).args(args));
        assert!(!answer.stdout.contains("hunter2"), "{}", answer.stdout);
        assert!(!answer.stderr.contains("hunter2"), "{}", answer.stderr);
        answer
    };
    let asked = migrate(&[]).code(2).says("say `--yes`");
    assert!(asked.stdout.contains("+++ b/lambda-pack.toml"), "{}", asked.stdout);
    assert!(asked.stdout.contains("+environment = { APP_ENV = \"***\" }"), "{}", asked.stdout);
    let dry = migrate(&["--dry-run"]).code(0).says("as it is").says("`watch` is not taken");
    let dry = dry.says("CARGO_LAMBDA_CONTEXT picks no environment of these tables");
    assert_eq!(dry.stdout, asked.stdout);
    let record = migrate(&["--dry-run", "--output", "json"]).code(0).records();
    let record = record.iter().find(|record| record["reason"] == "migrate").unwrap();
    assert_eq!(record["diff"].as_str().unwrap(), dry.stdout);
    assert_eq!(fs::read_to_string(&theirs).unwrap(), text);
    assert!(!folder.path().join("lambda-pack.toml").exists());
    // The old file stays for that tool, and nothing is to be done again.
    migrate(&["--yes", "--keep"]).code(0).says("Changed lambda-pack.toml");
    assert_eq!(fs::read_to_string(&theirs).unwrap(), text);
    migrate(&["--keep"]).code(0).says("Unchanged");
    migrate(&["--yes"]).code(0);
    assert!(!theirs.exists());
    let ours = fs::read_to_string(folder.path().join("lambda-pack.toml")).unwrap();
    assert!(ours.contains("hunter2"), "{ours}");
}

#[test]
fn on_a_terminal_it_asks() {
    if !have("tmux") {
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("project");
    copy(&repository().join("tests/it/fixtures/cargo-lambda/named-in-file"), &folder);
    stub(&folder);
    let theirs = folder.join("CargoLambda.toml");
    let text = fs::read_to_string(&theirs).unwrap();
    let terminal = Terminal::start(&folder, scratch.path().join("tmux"));
    let program = env!("CARGO_BIN_EXE_cargo-lambda-pack");
    // The shell breaks off the line that Ctrl-C ends, and knows how it ended.
    for (answer, ends) in [("n", "ended 0"), ("C-c", "ended 130"), ("y", "ended 0")] {
        assert_eq!(fs::read_to_string(&theirs).unwrap(), text);
        terminal.press(&["clear", "Enter"]);
        terminal.press(&[&format!("{program} migrate --offline"), "Enter"]);
        terminal.shows("[y/N]");
        terminal.press(&[answer, "Enter"]);
        terminal.press(&["echo ended $?", "Enter"]);
        terminal.shows(ends);
    }
    assert!(!theirs.exists());
    assert!(folder.join("lambda-pack.toml").exists());
}

/// A change that cannot be written whole is not written at all.
#[test]
fn what_cannot_be_written_leaves_all_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    copy(&repository().join("tests/it/fixtures/cargo-lambda/file-under-package"), folder.path());
    stub(folder.path());
    let manifest = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
    // Written first, and the way of the other is barred.
    fs::create_dir(folder.path().join("lambda-pack.toml")).unwrap();
    let answer = run(lambda_pack(folder.path()).args(["migrate", "--offline", "--yes"]));
    assert_ne!(answer.code, 0, "{}", answer.stderr);
    assert_eq!(fs::read_to_string(folder.path().join("Cargo.toml")).unwrap(), manifest);
    assert!(folder.path().join("CargoLambda.toml").exists());
}

/// The same bundle, the same answers, and nothing for `deploy` to change.
#[test]
#[cfg(feature = "aws")]
fn its_projects_package_run_and_deploy_before_and_after() {
    use crate::local::cli::HANDLER;
    use crate::support::{LAMBDA, Workspace};
    let workspace = Workspace::quick();
    let metadata = "[package.metadata.lambda.env]\nGREETING = \"moin\"\n\n\
                    # As in production.\n[package.metadata.lambda.bin.hello.deploy]\nname = \"greeter\"\nmemory = 256\n\
                    alias = \"live\"\ntags = { team = \"shop\" }\ninclude = [\"data.txt\"]\n";
    workspace.package("hello", &format!("{LAMBDA}{metadata}"));
    workspace.write("data.txt", "data");
    workspace.write("crates/hello/src/main.rs", HANDLER);
    workspace.write("CargoLambda.toml", "[deploy]\ntimeout = 7\n[prod.deploy]\ntimeout = 9\n");
    let server = crate::local::server::Server::start(&[]);
    let port = server.address.rsplit(':').next().unwrap();
    let bundle = || {
        assert_eq!(workspace.packaged(&[]), ["greeter"]);
        fs::read(workspace.output("greeter", "bootstrap.zip")).unwrap()
    };
    let answers = || {
        let args = ["invoke", "greeter:live", "--local", "--port", port, "--payload", "{\"a\":1}"];
        workspace.run(&args).code(0).says_out("{\"a\":1}");
    };
    let before = bundle();
    workspace.run(&["deploy", "--local", "--port", port]).code(0);
    answers();
    workspace.run(&["migrate", "--yes"]).code(0).says("Changed");
    assert!(!workspace.path().join("CargoLambda.toml").exists());
    assert_eq!(before, bundle());
    workspace.run(&["plan", "--local", "--port", port, "--exit-code"]).code(0);
    workspace.run(&["deploy", "--local", "--port", port]).code(0);
    answers();
    // As it was said for that tool's context.
    workspace.run(&["plan", "--local", "--port", port, "--exit-code", "--env", "prod"]).code(5);
}
