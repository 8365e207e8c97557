//! `examples/sam`, held against the SAM CLI.

use std::fs;
use std::process::Command;

use super::{orders, python_of, with_lambda_pack};
use crate::support::{Workspace, have, run};

/// The SAM CLI in the example's folder, without telemetry and without an account.
fn sam(workspace: &Workspace, args: &[&str]) -> Option<Command> {
    let python = python_of("sam")?;
    let mut command = with_lambda_pack(python, &workspace.path().join("sam"));
    command.args(["-m", "samcli"]).args(args).env("SAM_CLI_TELEMETRY", "0");
    command.env("AWS_DEFAULT_REGION", "eu-west-1").env("HOME", workspace.path());
    // Else rustup and cargo look for their own there.
    let home = std::env::home_dir().unwrap();
    for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let set = std::env::var_os(name).unwrap_or_else(|| home.join(folder).into());
        command.env(name, set);
    }
    Some(command)
}

#[test]
#[ignore = "the SAM CLI is fetched by tests/setup --long"]
fn templates_are_valid_and_take_what_was_packaged() {
    let workspace = orders("sam");
    if python_of("sam").is_none() || !have("make") {
        return;
    }
    // As the Makefile calls it, so by the same linker.
    let mut package = with_lambda_pack("cargo", workspace.path());
    package.args(["lambda-pack", "package", "--layout", "cargo-lambda", "--arch", "x86_64"]);
    run(&mut package).code(0);
    let zip = workspace.path().join("target/lambda-pack/orders-api/x86_64/bootstrap.zip");
    let bytes = fs::read(&zip).unwrap();
    for name in ["template", "built-by-sam", "of-cargo-lambda"] {
        let file = format!("{name}.yaml");
        let Some(mut valid) = sam(&workspace, &["validate", "--lint", "-t", &file]) else { return };
        run(&mut valid).code(0).says_out("is a valid SAM Template");
        let built = workspace.path().join("built").join(name);
        let mut making = sam(&workspace, &["build", "-t", &file, "-b"]).unwrap();
        run(making.arg(&built)).code(0).says_out("Build Succeeded");
        let template = fs::read_to_string(built.join("template.yaml")).unwrap();
        let made = built.join("OrdersApi/bootstrap");
        if name == "built-by-sam" {
            let bootstrap = fs::read(zip.with_file_name("bootstrap")).unwrap();
            assert!(fs::read(made).unwrap() == bootstrap, "other bytes than those packaged");
            assert!(template.contains("CodeUri: OrdersApi"), "{template}");
        } else {
            assert!(!made.exists(), "{name} is built already");
            // A folder would take more along than the bundle.
            assert!(template.contains("/bootstrap.zip"), "{template}");
        }
    }
    assert!(fs::read(zip).unwrap() == bytes);
}
