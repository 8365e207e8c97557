//! Which binaries are handlers, and cargo's selection flags.

use crate::support::{LAMBDA, Workspace};

/// A workspace with handlers, a tool, an opted-out binary and a shared crate.
fn several() -> Workspace {
    let workspace = Workspace::new();
    workspace.handler("api", "");
    workspace.handler("worker", "");
    workspace.package("tool", "");
    workspace.handler("bench", "handler = false");
    workspace.library("shared", LAMBDA);
    workspace.package("through-shared", "[dependencies]\nshared.path = \"../shared\"\n");
    workspace.package("only-dev", &LAMBDA.replace("[dependencies]", "[dev-dependencies]"));
    workspace.package("only-build", &LAMBDA.replace("[dependencies]", "[build-dependencies]"));
    workspace
}

#[test]
fn a_handler_depends_on_lambda_normally_also_through_members() {
    let workspace = several();
    assert_eq!(workspace.packaged(&[]), ["api", "through-shared", "worker"]);
    assert_eq!(
        workspace.packaged(&["--workspace", "--exclude", "api"]),
        ["through-shared", "worker"]
    );
    assert_eq!(workspace.packaged(&["-p", "api", "-p", "work*"]), ["api", "worker"]);
    assert_eq!(workspace.packaged(&["-p", "api@0.1", "--bin", "api"]), ["api"]);
    assert_eq!(workspace.packaged(&["--bin", "*r"]), ["worker"]);
}

#[test]
fn only_the_selected_packages_are_built() {
    let workspace = several();
    let run = workspace.run(&["package", "-p", "api"]).code(0);
    assert!(run.stderr.contains("Compiling api") && !run.stderr.contains("Compiling worker"));
    assert!(!run.stderr.contains("Compiling tool"), "{}", run.stderr);
}

/// One that is known by its settings alone, and whose settings are wrong.
#[test]
fn a_handler_does_not_vanish_with_a_mistake() {
    let workspace = Workspace::new();
    workspace.handler("api", "");
    workspace.package("probe", "[package.metadata.lambda-pack]\nhandler = true\n");
    assert_eq!(workspace.packaged(&[]), ["api", "probe"]);
    for (settings, mistake) in [
        ("[package.probe]\nenv-file = \"probe.env\"\n", "cannot read probe.env: it is not there"),
        ("[package.probe]\nenvironment = { STAGE = \"${NOSUCHVAR}\" }\n", "NOSUCHVAR"),
    ] {
        workspace.write("lambda-pack.toml", settings);
        for args in [&["package"][..], &["check"], &["package", "-p", "probe"]] {
            workspace.run(args).code(2).says("lambda-pack.toml:2").says(mistake);
        }
    }
}

#[test]
fn unknown_names_exit_2_with_the_nearest() {
    let workspace = several();
    for (args, message) in [
        (&["-p", "wrker"][..], "no package `wrker` in this workspace; did you mean `worker`?"),
        (&["-p", "a", "--workspace", "--exclude", "tol"], "did you mean `tool`?"),
        (&["--bin", "apy"], "no bin `apy`; did you mean `api`?"),
        (&["-p", "api", "--bin", "worker"], "package `worker` has one: add `-p worker`"),
        (&["--example", "x"], "no example `x`; there is none"),
        (&["-p", "tool"], "no handler is selected; packages with handlers are"),
        (&["--exclude", "api"], "--exclude can only be used together with --workspace"),
        (&["--bin", "tool"], "is not a handler: its package has no normal dependency"),
        (&["--bin", "bench"], "is not a handler: `handler = false` in its manifest"),
    ] {
        let run = workspace.run(&[&["package"], args].concat()).code(2).says(message);
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn nothing_at_all_says_what_a_handler_is() {
    let workspace = Workspace::new();
    workspace.package("tool", "");
    workspace.run(&["package"]).code(2).says("no binary of this workspace is in a package with");
}

#[test]
fn one_binary_name_in_two_packages() {
    let workspace = Workspace::new();
    for name in ["one", "two"] {
        workspace.handler(name, &format!("handlers.main.name = \"{name}-fn\""));
        let main = format!("crates/{name}/src/main.rs");
        std::fs::rename(
            workspace.path().join(&main),
            workspace.write(&format!("crates/{name}/src/bin/main.rs"), ""),
        )
        .unwrap();
    }
    for _ in 0..2 {
        assert_eq!(workspace.packaged(&[]), ["one-fn", "two-fn"]);
        for name in ["one", "two"] {
            let program = workspace.output(&format!("{name}-fn"), "bootstrap");
            let said = crate::support::run(&mut std::process::Command::new(program)).code(0).stdout;
            assert_eq!(said, format!("I am {name}\n"), "each gets its own executable");
        }
    }
}

#[test]
fn one_function_name_for_two_handlers_exits_2() {
    let workspace = Workspace::new();
    workspace.handler("one", "name = \"same\"");
    workspace.handler("two", "name = \"same\"");
    workspace
        .run(&["package"])
        .code(2)
        .says(
            "2 handlers have the function name `same`: bin `one` of package `one`, bin `two` \
             of package `two`",
        )
        .says("hint: give all but one a name of its own");
}

#[test]
fn a_name_that_aws_refuses_exits_2() {
    let workspace = Workspace::new();
    workspace.handler("good", "name = \"not.good\"");
    workspace.run(&["package"]).code(2).says("`not.good` cannot name a Lambda function");
}

#[test]
fn default_members_and_the_members_own_folder_as_in_cargo() {
    let workspace = several();
    let root = std::fs::read_to_string(workspace.path().join("Cargo.toml")).unwrap();
    let root =
        root.replace("resolver", "default-members = [\"crates/api\", \"crates/tool\"]\nresolver");
    workspace.write("Cargo.toml", root);
    assert_eq!(workspace.packaged(&[]), ["api"]);
    assert_eq!(workspace.packaged(&["--manifest-path", "crates/worker/Cargo.toml"]), ["worker"]);
    workspace
        .run(&["package", "--bin", "worker"])
        .code(2)
        .says("no bin `worker` in the selected packages; package `worker` has one");
}

#[test]
fn examples_only_when_they_are_asked_for() {
    let workspace = Workspace::hello();
    workspace.write("crates/hello/examples/demo.rs", "fn main() {}");
    assert_eq!(workspace.packaged(&[]), ["hello"]);
    assert_eq!(workspace.packaged(&["--example", "demo"]), ["demo"]);
    assert_eq!(workspace.packaged(&["--example", "demo", "--bins"]), ["demo", "hello"]);
    workspace.handler("hello", "handlers.demo.handler = true");
    assert_eq!(workspace.packaged(&[]), ["demo", "hello"]);
}

#[test]
fn extensions_are_known_as_such() {
    let workspace = Workspace::hello();
    let extension = "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n";
    workspace.package("logs", extension);
    workspace.package(
        "wrapper",
        &format!("{extension}[package.metadata.lambda-pack]\nextension = \"internal\"\n"),
    );
    assert_eq!(workspace.packaged(&[]), ["hello", "logs", "wrapper"]);
    for (name, role, path) in [
        ("hello", "function", "bootstrap"),
        ("logs", "external-extension", "extensions/logs"),
        ("wrapper", "internal-extension", "wrapper"),
    ] {
        let text = std::fs::read_to_string(workspace.output(name, "lambda-pack.json")).unwrap();
        let record: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(record["role"], role);
        assert_eq!(record["files"][0]["path"], path);
        let zip = workspace.output(name, record["zip"].as_str().unwrap());
        workspace.run(&["check", zip.to_str().unwrap()]).code(0);
    }
}

#[test]
fn optional_dependencies_count_with_their_features() {
    let workspace = Workspace::hello();
    workspace.package(
        "server",
        "[features]\nlambda = [\"dep:lambda_runtime\"]\n[dependencies]\n\
         lambda_runtime = { path = \"../lambda_runtime\", optional = true }\n\
         [[bin]]\nname = \"on-lambda\"\npath = \"src/main.rs\"\nrequired-features = [\"lambda\"]\n",
    );
    assert_eq!(workspace.packaged(&[]), ["hello"]);
    assert_eq!(workspace.packaged(&["-p", "server", "--features", "lambda"]), ["on-lambda"]);
    assert_eq!(workspace.packaged(&["-p", "server", "--all-features"]), ["on-lambda"]);
    assert_eq!(
        workspace.packaged(&["-p", "server", "-p", "hello", "-F", "server/lambda"]),
        ["hello", "on-lambda"]
    );
}

#[test]
fn mistakes_in_manifests_all_at_once() {
    let workspace = Workspace::new();
    workspace.handler("one", "includ = []");
    workspace.handler("two", "extension = 3\nhandlers.two.nam = \"x\"");
    workspace
        .run(&["package"])
        .code(2)
        .says("crates/one/Cargo.toml:8: unknown key `includ`; did you mean `include`?")
        .says("crates/two/Cargo.toml:8: `extension` must be a string, not a number")
        .says("crates/two/Cargo.toml:9: unknown key `nam`; did you mean `name`?");
}

#[test]
fn cargo_that_fails_is_101_and_its_words_reach_the_user() {
    let workspace = Workspace::hello();
    workspace.write("crates/hello/src/main.rs", "fn main() { 1 + }");
    let run = workspace.run(&["package"]).code(101);
    assert!(run.stderr.contains("expected expression"), "{}", run.stderr);
    assert!(run.stderr.contains("error: the build failed"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
    workspace.write("Cargo.toml", "[workspace");
    workspace.run(&["package"]).code(2).says("cannot read the workspace");
}

#[test]
fn keep_going_packages_what_was_built() {
    let workspace = Workspace::hello();
    workspace.handler("broken", "");
    workspace.write("crates/broken/src/main.rs", "fn main() { 1 + }");
    let run = workspace.run(&["package", "--keep-going", "--output", "json"]).code(101);
    let reasons: Vec<_> = run.records().iter().map(|r| r["reason"].to_string()).collect();
    assert_eq!(reasons, ["\"bundle\"", "\"error\""]);
    assert!(workspace.output("hello", "bootstrap.zip").is_file());
    assert!(!workspace.output("broken", "bootstrap.zip").exists());
}

/// `-p` and `--bin` are a cross product: `b`'s own `main`, which nobody wants, must not come over
/// `a`'s.
#[test]
fn a_binary_that_is_no_handler_never_takes_the_place_of_one() {
    let workspace = Workspace::new();
    workspace.handler("a", "");
    workspace.handler("b", "handlers.main.handler = false");
    for package in ["a", "b"] {
        workspace.write(
            &format!("crates/{package}/src/bin/main.rs"),
            format!("fn main() {{ println!(\"main of {package}\"); }}"),
        );
        std::fs::remove_file(workspace.path().join(format!("crates/{package}/src/main.rs")))
            .unwrap();
    }
    workspace.write("crates/b/src/bin/other.rs", "fn main() {}");
    assert_eq!(workspace.packaged(&[]), ["main", "other"]);
    let program = workspace.output("main", "bootstrap");
    let said = crate::support::run(&mut std::process::Command::new(program)).code(0).stdout;
    assert_eq!(said, "main of a\n");
}

#[test]
fn a_name_stands_for_the_handlers_among_its_binaries() {
    let workspace = Workspace::hello();
    workspace.package("other", "[[bin]]\nname = \"hello\"\npath = \"src/main.rs\"\n");
    assert_eq!(workspace.packaged(&["--bin", "hello"]), ["hello"]);
    assert_eq!(workspace.packaged(&["--workspace", "--bin", "*"]), ["hello"]);
}

#[test]
fn features_reach_lambda_through_members() {
    let workspace = Workspace::hello();
    workspace.library(
        "core",
        "[features]\nlambda = [\"dep:lambda_runtime\"]\n[dependencies]\n\
         lambda_runtime = { path = \"../lambda_runtime\", optional = true }\n",
    );
    let core = "[dependencies]\ncore = { path = \"../core\" }\n";
    workspace.package("by-default", &format!("[features]\ndefault = [\"core/lambda\"]\n{core}"));
    workspace.package("never", core);
    workspace.package(
        "elsewhere",
        &LAMBDA.replace("[dependencies]", "[target.'cfg(windows)'.dependencies]"),
    );
    workspace
        .package("here", &LAMBDA.replace("[dependencies]", "[target.'cfg(unix)'.dependencies]"));
    // One member without the feature, and the same one with it through another.
    workspace.library("middle", &core.replace('}', ", features = [\"lambda\"] }"));
    workspace.package("diamond", &format!("{core}middle = {{ path = \"../middle\" }}\n"));
    assert_eq!(workspace.packaged(&[]), ["by-default", "diamond", "hello", "here"]);
    assert_eq!(workspace.packaged(&["-p", "never", "--features", "core/lambda"]), ["never"]);
}

#[test]
fn a_feature_goes_to_the_packages_that_have_it() {
    let workspace = Workspace::hello();
    workspace.library("lib", "[features]\nextra = []\n");
    workspace.write("crates/lib/src/lib.rs", "pub const EXTRA: bool = cfg!(feature = \"extra\");");
    workspace.handler("user", "");
    let manifest =
        std::fs::read_to_string(workspace.path().join("crates/user/Cargo.toml")).unwrap();
    workspace.write(
        "crates/user/Cargo.toml",
        manifest.replace("[dependencies]", "[dependencies]\nlib.path = \"../lib\""),
    );
    workspace.write("crates/user/src/main.rs", "fn main() { println!(\"{}\", lib::EXTRA); }");
    workspace.run(&["package", "--features", "extra"]).code(0);
    let program = workspace.output("user", "bootstrap");
    let said = crate::support::run(&mut std::process::Command::new(program)).code(0).stdout;
    assert_eq!(said, "true\n", "as `cargo build --features extra` builds it");
    workspace.run(&["package", "--features", "nobodys"]).code(101).says("nobodys");
}

#[test]
fn a_table_of_a_handler_that_is_not_there_exits_2() {
    let workspace = Workspace::new();
    workspace.handler("worker", "handlers.wroker.name = \"x\"");
    workspace
        .run(&["package"])
        .code(2)
        .says("no binary or example `wroker`; did you mean `worker`?");
}
