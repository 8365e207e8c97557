//! Clients that nobody here wrote: boto3, held against botocore's model, and the AWS command line; and
//! another emulator that answers the same.

use std::process::Command;

use super::server::Server;
use crate::emulator::free_port;
use crate::support::{have, repository, run, scrub, tools};

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
    for (name, value) in [
        ("AWS_CONFIG_FILE", "/dev/null"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
    ] {
        command.env(name, value);
    }
    command.envs(variables.iter().copied());
    let answer = run(&mut command);
    assert_eq!(answer.code, 0, "{}\n{}", answer.stdout, answer.stderr);
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
