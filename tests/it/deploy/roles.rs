//! Execution roles that are made on the way.

use serde_json::Value;

use super::emulators::Emulator;
use super::proxy::Proxy;
use super::site::Site;

/// A queue that functions read; its ARN.
fn queue(emulator: &Emulator) -> String {
    let queue = emulator.aws(&["sqs", "create-queue", "--queue-name", "orders"]);
    let queue = queue["QueueUrl"].as_str().unwrap();
    let named = ["--queue-url", queue, "--attribute-names", "QueueArn"];
    let queue = emulator.aws(&[&["sqs", "get-queue-attributes"], &named[..]].concat());
    queue["Attributes"]["QueueArn"].as_str().unwrap().to_owned()
}

/// A site whose function has no role, and reads a queue.
fn without_a_role(function: &str, queue: &str) -> Site {
    let site = Site::new(&[function]);
    site.workspace.handler(function, &format!("triggers = [{{ source = \"{queue}\" }}]"));
    site.settings("alias = [\"live\"]\n");
    site
}

/// What is attached to a function's role.
fn policies(emulator: &Emulator, function: &str) -> Vec<String> {
    let role = format!("{function}-role");
    let all = emulator.aws(&["iam", "list-attached-role-policies", "--role-name", &role]);
    let all = all["AttachedPolicies"].as_array().unwrap();
    let mut all: Vec<String> =
        all.iter().map(|one| one["PolicyName"].as_str().unwrap().to_owned()).collect();
    all.sort();
    all
}

fn made(emulator: &Emulator) -> Value {
    emulator.aws(&["iam", "get-role", "--role-name", "api-role"])["Role"].take()
}

fn a_role_is_made(emulator: &Emulator) {
    let site = without_a_role("api", &queue(emulator));
    let refused = site.run(&emulator.address, &["deploy"]).code(2).says("--create-role");
    assert!(refused.stderr.contains("iam create-role --role-name api-role"), "{}", refused.stderr);
    let plan = site.run(&emulator.address, &["plan", "--create-role"]).code(0).stdout;
    for line in ["role          CreateRole", "role          AttachRolePolicy", "CreateFunction"] {
        assert!(plan.contains(line), "{plan}");
    }
    let policy = site.run(&emulator.address, &["plan", "--create-role", "--iam-policy"]).code(0);
    // The account was asked for, since no function there tells it.
    assert!(
        policy.stdout.contains(":role/api-role") && !policy.stdout.contains("iam::*:"),
        "{}",
        policy.stdout
    );
    site.run(&emulator.address, &["deploy", "--create-role"]).code(0);
    let role = made(emulator);
    assert_eq!(
        role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"],
        "lambda.amazonaws.com"
    );
    assert_eq!(
        policies(emulator, "api"),
        ["AWSLambdaBasicExecutionRole", "AWSLambdaSQSQueueExecutionRole"]
    );
    let function = emulator.aws(&["lambda", "get-function", "--function-name", "api"]);
    assert_eq!(function["Configuration"]["Role"], role["Arn"]);
    // Once more: nothing. Without the flag: nothing of it is even asked for.
    let run = site.run(&emulator.address, &["deploy", "--create-role", "--output", "json"]).code(0);
    assert_eq!(run.records()[0]["state"], "unchanged");
    let proxy = Proxy::new(&emulator.address, |_, _| true);
    assert_eq!(site.deploy(&proxy.address)[0]["state"], "unchanged");
    assert!(proxy.calls().iter().all(|call| call.starts_with("GET ")), "{:#?}", proxy.calls());
}

#[test]
fn a_role_is_made_on_ministack() {
    let Some(emulator) = Emulator::ministack() else { return };
    a_role_is_made(&emulator);
}

#[test]
fn a_role_is_made_on_moto() {
    let Some(emulator) = Emulator::moto() else { return };
    a_role_is_made(&emulator);
}

/// Cut after each call in turn, the next run ends in the same.
#[test]
fn a_role_that_was_half_made_is_finished() {
    let Some(emulator) = Emulator::moto() else { return };
    let queue = queue(&emulator);
    // Each round takes a while: the calls of making the role are among the first.
    for cut in 1..10 {
        // Another function and another role each time, so that there is nothing to be cleared away.
        let function = format!("api{cut}");
        let site = without_a_role(&function, &queue);
        // IAM's calls are all `POST /`.
        let proxy = Proxy::new(&emulator.address, move |number, _| number != cut);
        let mut command = site.command(&proxy.address, &["deploy", "--create-role"]);
        let run = crate::support::run(&mut command);
        let calls = proxy.calls();
        assert!(calls.len() >= cut, "{calls:#?}");
        assert_eq!(run.code, 0, "{}: {}", calls[cut - 1], run.stderr);
        assert_eq!(policies(&emulator, &function).len(), 2);
    }
}
