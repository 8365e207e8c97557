//! Clients that nobody here wrote: boto3, held against botocore's model, and the AWS command line; and
//! another emulator that answers the same.

use std::process::Command;

use super::server::Server;
use crate::emulator::free_port;
use crate::support::{have, repository, run, scrub, tools};

/// Nothing of an account of whoever runs this.
const NOBODY: [(&str, &str); 4] = [
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_EC2_METADATA_DISABLED", "true"),
    ("PYTHONDONTWRITEBYTECODE", "1"),
];

/// Runs `tests/local/NAME` with these variables and arguments.
fn script(name: &str, variables: &[(&str, &str)], args: &[&str]) {
    let python = tools().join("aws/bin/python3");
    if !have(&python) {
        return;
    }
    let mut command = Command::new(python);
    scrub(&mut command);
    command.arg(repository().join("tests/local").join(name)).args(args);
    // No account of whoever runs this is touched, nor asked for.
    for (name, value) in NOBODY {
        command.env(name, value);
    }
    command.envs(variables.iter().copied());
    let answer = run(&mut command);
    assert_eq!(answer.code, 0, "{}\n{}", answer.stdout, answer.stderr);
}

/// `invoke` by way of the SDK, at an endpoint.
#[cfg(feature = "aws")]
fn invoke(endpoint: &str, args: &[&str]) -> crate::support::Run {
    let folder = tempfile::tempdir().unwrap();
    let mut command = crate::support::lambda_pack(folder.path());
    command.arg("invoke").args(args).env("AWS_ENDPOINT_URL_LAMBDA", endpoint);
    for (name, value) in NOBODY.into_iter().chain([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "local"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
    ]) {
        command.env(name, value);
    }
    run(&mut command)
}

/// The same calls by `invoke`, whoever answers.
#[cfg(feature = "aws")]
fn invoke_works(endpoint: &str, version: &str) {
    let answer = invoke(endpoint, &["echo", "--payload", "{\"a\": [1, \"é\"]}"]).code(0);
    let echoed: serde_json::Value = serde_json::from_str(&answer.stdout).unwrap();
    assert_eq!(echoed, serde_json::json!({ "a": [1, "é"] }));
    assert!(answer.stderr.contains("Invoked echo"), "{}", answer.stderr);
    let answer = invoke(endpoint, &["echo", "--payload", "[2]", "--output", "json"]).code(0);
    let records = answer.records();
    assert_eq!((records.len(), &records[0]["reason"]), (1, &"invoked".into()), "{records:?}");
    assert_eq!(records[0]["payload"], serde_json::json!([2]));
    assert_eq!(records[0]["version"], version);
    invoke(endpoint, &["echo", "--dry-run"]).code(0).says("echo can be invoked");
    invoke(endpoint, &["echo", "--async"]).code(0).says("Queued for echo");
    invoke(endpoint, &["nobody"]).code(4).says("ResourceNotFoundException");
    // Flags over variables, as everywhere.
    let flags = ["--endpoint-url", endpoint, "--region", "us-east-1"];
    let away = invoke("http://127.0.0.1:9", &[&["echo", "--payload", "3"], &flags[..]].concat());
    assert_eq!(away.code(0).stdout.trim(), "3");
    let nobody = invoke(endpoint, &["echo", "--profile", "nobody"]).code(4);
    nobody.says("there is no such profile, or it has no credentials");
}

#[cfg(feature = "aws")]
#[test]
fn the_rust_sdk_invokes() {
    let server = Server::start(&[]);
    server.create("echo", &super::zips::echo());
    let endpoint = format!("http://{}", server.address);
    invoke_works(&endpoint, "$LATEST");
    server.control("POST", "/2015-03-31/functions/echo/versions", &serde_json::json!({}));
    let one = invoke(&endpoint, &["echo", "--qualifier", "1", "--payload", "7"]).code(0);
    assert_eq!(one.stdout, "7\n");
    one.says("version 1");
    let script = "while True:\n    id, _, event = next()\n    say('working')\n    \
                  fail(id, {'errorType': 'Mine'})";
    server.create("fails", &super::zips::python(script));
    let failed = invoke(&endpoint, &["fails", "--log"]).code(4);
    assert_eq!(failed.stdout, "{\"errorType\": \"Mine\"}\n");
    failed.says("fails working\n");
}

/// Another emulator, which answers as AWS does where that matters here.
#[cfg(feature = "aws")]
#[test]
fn invoke_works_against_ministack() {
    let Some(ministack) = crate::deploy::emulators::Emulator::ministack() else { return };
    let folder = tempfile::tempdir().unwrap();
    let zip = folder.path().join("echo.zip");
    std::fs::write(&zip, super::zips::echo()).unwrap();
    let zip = format!("fileb://{}", zip.display());
    let role = "arn:aws:iam::000000000000:role/any";
    ministack.aws(&[
        "lambda",
        "create-function",
        "--function-name",
        "echo",
        "--role",
        role,
        "--runtime",
        "provided.al2023",
        "--handler",
        "bootstrap",
        "--timeout",
        "30",
        "--zip-file",
        &zip,
    ]);
    invoke_works(&format!("http://{}", ministack.address), "$LATEST");
}

fn against_a_server(name: &str, args: &[&str]) {
    let server = Server::start(args);
    script(name, &[], &[&format!("http://{}", server.address)]);
}

#[test]
fn boto3_drives_every_operation_and_every_answer_fits_the_model() {
    against_a_server("api.py", &[]);
}

#[test]
fn boto3s_waiters_wait() {
    against_a_server("waiters.py", &["--delay", "400ms"]);
}

#[test]
fn the_aws_command_line_works() {
    against_a_server("cli.py", &[]);
}

#[test]
fn ministack_answers_the_same_where_it_is_right() {
    let server = Server::start(&[]);
    let port = free_port().to_string();
    script("ministack.py", &[], &[&format!("http://{}", server.address), &port]);
}

#[test]
fn boto3_meets_every_fault() {
    script("faults.py", &[], &[env!("CARGO_BIN_EXE_cargo-lambda-pack")]);
}

/// With nothing but the variables that `local` prints.
#[test]
fn boto3_watches_a_release() {
    let server = Server::start(&[]);
    let variables = server.variables();
    let pairs: Vec<_> = variables.iter().map(|(name, value)| (&**name, &**value)).collect();
    script("services.py", &pairs, &[]);
}
