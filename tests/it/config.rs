//! Settings, through the real program: every key from every source, what is shown of them, and the
//! schema held against a program that no one here wrote.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::{Workspace, have, lambda_pack, repository, run, tools};

/// The keys as the program lists them.
fn keys() -> Vec<Value> {
    run(lambda_pack(&repository()).args(["config", "keys", "--output", "json"])).code(0).records()
}

/// A value that a key takes: as TOML, as a variable, as `config show` answers it.
fn sample(key: &Value) -> (String, String, Value) {
    let kind = key["type"].as_str().unwrap();
    let name = key["key"].as_str().unwrap();
    let text = |value: &str| (format!("\"{value}\""), value.to_owned(), json!(value));
    let tables = |table: &str, value: Value| {
        let list = format!("[{{ {table} }}]");
        (list.clone(), list, json!([value]))
    };
    match (name, kind) {
        ("layers" | "vpc.subnets" | "vpc.security-groups", _) => {
            let form = match name {
                "layers" => "arn:aws:lambda:eu-west-1:123456789012:layer:l:",
                "vpc.subnets" => "subnet-",
                _ => "sg-",
            };
            let two = [format!("{form}1"), format!("{form}2")];
            (format!("{two:?}"), two.join(","), json!(two))
        }
        ("role", _) => text("arn:aws:iam::123456789012:role/r"),
        ("kms-key" | "source-kms-key", _) => text("arn:aws:kms:eu-west-1:123456789012:key/k"),
        ("logging.group", _) => text("/aws/lambda/x"),
        ("trust-system", _) => {
            ("[\"ssl\", \"crypto\"]".into(), "ssl,crypto".into(), json!(["ssl", "crypto"]))
        }
        ("dead-letter", _) => text("arn:aws:sqs:eu-west-1:123456789012:q"),
        ("account", _) => text("123456789012"),
        ("alias", _) => ("[\"live\", \"b\"]".into(), "live,b".into(), json!(["live", "b"])),
        ("async.on-failure" | "async.on-success", _) => {
            text("arn:aws:sns:eu-west-1:123456789012:t")
        }
        ("async.retries", _) => ("1".into(), "1".into(), json!(1)),
        ("code-signing", _) => {
            text("arn:aws:lambda:eu-west-1:123456789012:code-signing-config:csc-0123456789abcdef0")
        }
        ("environment-unset", _) => ("[\"AA\"]".into(), "AA".into(), json!(["AA"])),
        ("file-system.arn", _) => text(
            "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0",
        ),
        ("check.max-duration" | "check.max-init", _) => text("800ms"),
        ("check.expect.status", _) => ("200".into(), "200".into(), json!(200)),
        ("check.expect.json", _) => {
            let value = "{ ok = [true, 1.5] }".to_owned();
            (value.clone(), value, json!("{\"ok\":[true,1.5]}"))
        }
        ("file-system.path", _) => text("/mnt/data"),
        ("permissions", _) => tables("principal = \"*\"", json!({ "principal": "*" })),
        ("region", _) => text("eu-west-1"),
        ("shift", _) => text("canary:10%/5m"),
        ("watch.error-rate" | "watch.throttle-rate", _) => text("1%"),
        ("watch.duration" | "watch.poll", _) => text("5s"),
        ("watch.statistic", _) => text("p99"),
        ("routes", _) => ("{ \"GET /KEY\" = \"v\" }".into(), "GET /KEY=v".into(), json!("v")),
        ("triggers", _) => {
            let queue = "arn:aws:sqs:eu-west-1:123456789012:q";
            tables(&format!("source = \"{queue}\""), json!({ "source": queue }))
        }
        ("url.cors.methods", _) => ("[\"GET\"]".into(), "GET".into(), json!(["GET"])),
        (_, kind) if kind.starts_with("boolean") => ("true".into(), "true".into(), json!(true)),
        (_, "string") => text("some-text"),
        (_, kind) if kind.starts_with("list of paths") => (
            "[\"Cargo.toml\"]".into(),
            "Cargo.toml".into(),
            json!([{ "from": "Cargo.toml", "root": "ROOT" }]),
        ),
        (_, kind) if kind.starts_with("list") => {
            ("[\"a\", \"b\"]".into(), "a,b".into(), json!(["a", "b"]))
        }
        (_, kind) if kind.starts_with("table") => {
            ("{ KEY = \"v\" }".into(), "KEY=v".into(), json!("v"))
        }
        (_, kind) if kind.starts_with("integer") => ("600".into(), "600".into(), json!(600)),
        (_, kind) => text(kind.trim_start_matches('"').split('"').next().unwrap()),
    }
}

/// Keys that can stand in one file: none is the beginning of another.
fn batches(keys: &[Value]) -> Vec<Vec<&Value>> {
    let name = |key: &Value| key["key"].as_str().unwrap().to_owned();
    let mut batches: Vec<Vec<&Value>> = Vec::new();
    for key in keys {
        let own = name(key);
        let apart = |other: &&Value| {
            let other = name(other);
            !other.starts_with(&format!("{own}.")) && !own.starts_with(&format!("{other}."))
        };
        match batches.iter_mut().find(|batch| batch.iter().all(apart)) {
            Some(batch) => batch.push(key),
            None => batches.push(vec![key]),
        }
    }
    batches
}

/// What `config show` says of keys of `hello`: each has its value, from the line that it stands in (the first one in
/// `origin`'s), or from its variable.
fn shown(
    workspace: &Workspace,
    batch: &[&Value],
    env: &[(String, String)],
    args: &[&str],
    (origin, root): (&str, &str),
) {
    let mut command =
        workspace.command(&["config", "show", "--handler", "hello", "--output", "json"]);
    let answer = run(command.args(args).envs(env.iter().cloned())).code(0);
    let settings = answer.records()[0]["settings"].as_array().unwrap().clone();
    for (at, key) in batch.iter().enumerate() {
        let name = key["key"].as_str().unwrap();
        let full = |setting: &&Value| {
            let full = setting["key"].as_str().unwrap();
            full == name || full == format!("{name}.KEY") || full == format!("{name}.\"GET /KEY\"")
        };
        let found = settings.iter().find(full);
        let found = found.unwrap_or_else(|| panic!("no {name} in {settings:?}"));
        let mut value = sample(key).2;
        if name == "environment" {
            value = json!("***");
        }
        if let Some(item) = value.as_array_mut().and_then(|items| items.first_mut())
            && item["root"] == "ROOT"
        {
            item["root"] = json!(root);
        }
        assert_eq!(found["value"], value, "{name} from {origin}");
        let from = match origin.rsplit_once(':') {
            Some((file, line)) => format!("{file}:{}", line.parse::<usize>().unwrap() + at),
            None => variable(name),
        };
        assert_eq!(found["origin"], from, "{name}");
    }
}

/// The variable of a key.
fn variable(key: &str) -> String {
    format!("LAMBDA_PACK_{}", key.to_ascii_uppercase().replace(['-', '.'], "_"))
}

#[test]
fn every_key_from_every_source() {
    let workspace = Workspace::hello();
    let manifest = std::fs::read_to_string(workspace.path().join("Cargo.toml")).unwrap();
    // What `env-file` names.
    workspace.write("some-text", "BB=1");
    workspace.write("crates/hello/some-text", "BB=1");
    let mut keys = keys();
    // It is a word about the others, and shows in what they are.
    keys.retain(|key| key["key"] != "forget");
    let of = |key: &&Value, scope: &str| key["scopes"].as_array().unwrap().contains(&json!(scope));
    for batch in batches(&keys) {
        let lines = |keys: &[&Value]| {
            let line =
                |key: &&Value| format!("{} = {}\n", key["key"].as_str().unwrap(), sample(key).0);
            keys.iter().map(line).collect::<String>()
        };
        let of_one: Vec<_> = batch.iter().copied().filter(|key| of(key, "handler")).collect();
        let of_all: Vec<_> = batch.iter().copied().filter(|key| of(key, "workspace")).collect();
        let others: Vec<_> = batch.iter().copied().filter(|key| !of(key, "handler")).collect();
        // The package's own manifest, and its handler's table.
        let own = lines(&of_one);
        workspace.handler("hello", &own);
        shown(&workspace, &of_one, &[], &[], ("crates/hello/Cargo.toml:8", "package"));
        workspace
            .handler("hello", &format!("[package.metadata.lambda-pack.handlers.hello]\n{own}"));
        shown(&workspace, &of_one, &[], &[], ("crates/hello/Cargo.toml:9", "package"));
        workspace.handler("hello", "");

        let own = lines(&of_all);
        let table = "[workspace.metadata.lambda-pack]";
        workspace.write("Cargo.toml", format!("{manifest}{table}\n{own}"));
        shown(&workspace, &of_all, &[], &[], ("Cargo.toml:8", "workspace"));
        workspace.write("Cargo.toml", &manifest);
        workspace.write("lambda-pack.toml", &own);
        shown(&workspace, &of_all, &[], &[], ("lambda-pack.toml:1", "workspace"));

        for (table, keys) in [("package.hello.env.prod", of_one), ("env.prod", others)] {
            workspace.write("lambda-pack.toml", format!("[{table}]\n{}", lines(&keys)));
            let prod = ["--env", "prod"];
            shown(&workspace, &keys, &[], &prod, ("lambda-pack.toml:2", "package"));
            let env = [("LAMBDA_PACK_ENV".to_owned(), "prod".to_owned())];
            shown(&workspace, &keys, &env, &[], ("lambda-pack.toml:2", "package"));
            let of_key = |key: &&Value| (variable(key["key"].as_str().unwrap()), sample(key).1);
            let variables: Vec<_> = keys.iter().map(of_key).collect();
            shown(&workspace, &keys, &variables, &prod, ("its variable", "workspace"));
        }
        std::fs::remove_file(workspace.path().join("lambda-pack.toml")).unwrap();
    }
}

#[test]
fn settings_are_shown_with_their_origin_and_secrets_are_not() {
    let workspace = Workspace::hello();
    workspace.write(
        "lambda-pack.toml",
        "memory = 512\nenvironment = { TOKEN = \"hunter2\" }\n[env.prod]\nmemory = 1024\n",
    );
    workspace.handler("hello", "timeout = 30");
    let answer = workspace.run(&["config", "show", "--env", "prod"]).code(0);
    assert_eq!(
        answer.stdout,
        "hello (package hello)\n  \
           environment.TOKEN = \"***\"  # lambda-pack.toml:2\n  \
           memory = 1024              # lambda-pack.toml:4\n  \
           timeout = 30               # crates/hello/Cargo.toml:8\n"
    );
    workspace
        .run(&["config", "show", "--handler", "helo"])
        .code(2)
        .says("no binary or example `helo`; did you mean `hello`?");
    workspace
        .run(&["config", "show", "--env", "prd"])
        .code(2)
        .says("--env: no table `env.prd` anywhere; did you mean `prod`?");
}

#[test]
fn a_settings_file_that_cannot_be_read_is_never_passed_over() {
    let workspace = Workspace::hello();
    let place = workspace.path().join("lambda-pack.toml");
    std::fs::create_dir(&place).unwrap();
    let refused = |message: &str| {
        workspace
            .run(&["package"])
            .code(2)
            .says(&format!("lambda-pack.toml:1: cannot be read: {message}"));
    };
    refused("it is not a regular file");
    std::fs::remove_dir(&place).unwrap();
    std::os::unix::fs::symlink("lambda-pack.toml", &place).unwrap();
    refused("Too many levels of symbolic links");
    std::fs::remove_file(&place).unwrap();
    std::os::unix::fs::symlink("/dev/zero", &place).unwrap();
    refused("it is not a regular file");
    std::fs::remove_file(&place).unwrap();
    std::fs::write(&place, b"description = \"\xff\"").unwrap();
    refused("stream did not contain valid UTF-8");
    std::fs::write(&place, "env-file = \"pipe\"").unwrap();
    if have("mkfifo") {
        run(Command::new("mkfifo").arg(workspace.path().join("pipe"))).code(0);
        workspace
            .run(&["package"])
            .code(2)
            .says("lambda-pack.toml:1: cannot read pipe: it is not a regular file");
    }
    std::fs::remove_file(&place).unwrap();
    run(workspace.command(&["config", "show"]).env("LAMBDA_PACK_ENV", "")).code(0);
}

#[test]
fn a_settings_file_in_the_wrong_place_or_spelling_is_never_passed_over() {
    let workspace = Workspace::hello();
    workspace.write("lambda_pack.toml", "");
    workspace.write("cargolambda.toml", "");
    workspace.write("crates/hello/lambda-pack.toml", "memory = 512");
    workspace
        .run(&["config", "show"])
        .code(2)
        .says("lambda_pack.toml:1: this file is not read; is it `lambda-pack.toml`?")
        .says("cargolambda.toml:1: this file is not read; is it `CargoLambda.toml`?")
        .says("crates/hello/lambda-pack.toml:1: this file is not read; move it to")
        .says("or to `[package.hello]` of the lambda-pack.toml at the workspace's root");
}

#[test]
fn settings_of_all_sources_decide_what_is_packaged() {
    let workspace = Workspace::hello();
    workspace.write(
        "lambda-pack.toml",
        "[package.hello]\nname = \"{handler}-{env}\"\ninclude = [\"data\"]\n\
         [package.hello.env.prod]\nruntime = \"provided.al2023\"\n",
    );
    workspace.write("crates/hello/data/x", "x");
    workspace
        .run(&["package"])
        .code(2)
        .says("lambda-pack.toml:2: `{env}` stands for nothing: no `--env` is given");
    assert_eq!(workspace.packaged(&["--env", "prod"]), ["hello-prod"]);
    let run = run(workspace
        .command(&["package", "--env", "prod"])
        .env("LAMBDA_PACK_RUNTIME", "provided.al2"));
    run.code(3).says("provided.al2 has up to GLIBC_2.26");
    workspace.run(&["package", "--env", "prod", "--runtime", "provided.al2"]).code(3);
}

#[test]
fn the_branch_and_the_commit_in_a_name() {
    let workspace = Workspace::hello();
    workspace.handler("hello", "name = \"{branch}-{commit}\"");
    workspace.run(&["package"]).code(2).says("this is no git work tree");
    for step in [&["init", "-q", "-b", "trunk"][..], &["add", "-A"], &["commit", "-qm", "x"]] {
        workspace.git(step);
    }
    let names = workspace.packaged(&[]);
    assert!(names[0].starts_with("trunk-") && names[0].len() == "trunk-".len() + 12, "{names:?}");
}

#[test]
fn the_schema_takes_what_is_right_and_refuses_what_is_wrong() {
    let taplo = tools().join("taplo/bin/taplo");
    if !have(&taplo) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let schema = run(lambda_pack(&repository()).args(["config", "schema"])).code(0).stdout;
    std::fs::write(folder.path().join("schema.json"), schema).unwrap();
    let write = |name: &str, text: &str| {
        let text = format!("#:schema ./schema.json\n{text}\n");
        std::fs::write(folder.path().join(name), text).unwrap();
        name.to_owned()
    };
    let checked = |files: &[String]| {
        let mut command = Command::new(&taplo);
        run(command.arg("check").args(files).current_dir(folder.path()))
    };
    let mut right = Vec::new();
    let mut all = String::new();
    for key in keys() {
        let of_all = key["scopes"].as_array().unwrap().contains(&json!("workspace"));
        let name = key["key"].as_str().unwrap();
        let line = format!("{name} = {}\n", sample(&key).0);
        if of_all {
            // A list by itself, and one of several in a table.
            let inside = if name == "layers" { "layers.arns" } else { name };
            all.push_str(&format!("{inside} = {}\n", sample(&key).0));
        }
        let of_one = key["scopes"].as_array().unwrap().contains(&json!("handler"));
        let table = if of_one { "package.p.handlers.h.env.prod" } else { "env.prod" };
        right.push(write(&format!("{name}.toml"), &format!("[{table}]\n{line}")));
    }
    let several = format!(
        "{all}[env.prod]\nmemory = \"none\"\nlayers = {{ extend = true, items = [] }}\n\
         timeout = \"${{T}}\"\nrole = \"${{ROLE:-}}\"\nkms-key = \"\""
    );
    right.push(write("several.toml", &several));
    checked(&right).code(0);
    let mut names = Vec::new();
    let wrong = [
        "memry = 1",
        "memory = 64",
        "memory = \"much\"",
        "name = \"x\"",
        "runtime = \"provided.al3\"",
        "vpc.subnet = []",
        "include = [{ form = \"x\" }]",
        "[env.prod]\npackage = {}",
        "[package.p]\nhandlers.h.memory = 1",
        "environment.AWS_REGION = \"x\"",
        "environment.A-B = \"x\"",
        "tags.\"AWS:x\" = \"1\"",
        "role = \"arn:aws:s3:::x\"",
        "layers = [\"l\"]",
        "alias = [\"12\"]",
        "environment-unset = [\"AWS_REGION\"]",
        "url.cors.methods = [\"OPTIONS\"]",
        "routes.\"GET x\" = \"f\"",
        "routes.\"GET /{a\" = \"f\"",
        "[package.p]\nroutes.\"GET /\" = \"f\"",
        "url.cors.origin = []",
        "permissions = [{ action = \"lambda:*\" }]",
        "permissions = [{ principal = \"*\", actoin = \"lambda:*\" }]",
        "package.p.triggers = [{ source = \"arn:aws:sns:eu-west-1:123456789012:t\" }]",
    ];
    for (at, wrong) in wrong.iter().enumerate() {
        names.push(write(&format!("wrong-{at}.toml"), wrong));
    }
    let answer = checked(&names);
    assert_ne!(answer.code, 0);
    for (name, wrong) in names.iter().zip(wrong) {
        assert!(answer.stderr.contains(name.as_str()), "{wrong} is taken:\n{}", answer.stderr);
    }
}

/// `docs/configuration.md` is made of what `config keys` says; `SNAPSHOTS=overwrite` writes it again.
#[test]
fn the_reference_is_generated() {
    let mut text =
        "# Configuration reference\n\nGenerated from `cargo lambda-pack config keys`; the \
                    rules are in [settings](settings.md).\n"
            .to_owned();
    for key in keys() {
        let words = |name: &str| key[name].as_str().unwrap().to_owned();
        let scopes: Vec<_> =
            key["scopes"].as_array().unwrap().iter().map(|scope| scope.as_str().unwrap()).collect();
        let variable = words("key").to_ascii_uppercase().replace(['-', '.'], "_");
        text.push_str(&format!(
            "\n## `{}`\n\n{}\n\n| | |\n|---|---|\n| type | {} |\n| default | {} |\n| may stand in | {} \
             |\n| variable | `LAMBDA_PACK_{variable}` |\n| since | {} |\n",
            words("key"),
            words("meaning"),
            words("type").replace('|', "\\|"),
            words("default"),
            scopes.join(", "),
            words("since"),
        ));
    }
    let path = repository().join("docs/configuration.md");
    snapbox::assert_data_eq!(text, snapbox::Data::read_from(&path, None).raw());
}

/// 100 packages: at most 5 ms beyond `cargo metadata` is promised of the release build on a quiet
/// machine (`benches/RESULTS.md`); this is to notice what is out of all proportion.
#[test]
fn a_hundred_packages_are_read_in_no_time() {
    let workspace = Workspace::hello();
    for number in 0..100 {
        workspace.library(
            &format!("p{number}"),
            "[package.metadata.lambda-pack]\nmemory = 512\ntimeout = 30\ntags = { a = \"1\" }\n",
        );
    }
    let time = |args: &[&str]| {
        (0..5)
            .map(|_| {
                let start = std::time::Instant::now();
                workspace.run(args).code(0);
                start.elapsed()
            })
            .min()
            .unwrap()
    };
    let all = time(&["config", "show", "--handler", "hello", "--offline"]);
    let start = std::time::Instant::now();
    let mut cargo = Command::new("cargo");
    crate::support::scrub(&mut cargo);
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    run(cargo.current_dir(workspace.path())).code(0);
    let metadata = start.elapsed();
    assert!(all < metadata + std::time::Duration::from_millis(200), "{all:?}, cargo {metadata:?}");
}
