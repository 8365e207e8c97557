//! Every template, with every answer: its code passes the lints and its own tests, and its functions answer their
//! sample events in the embedded Lambda.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_pack::template::{self, Answers, Given, Kind, Sample, TemplateError};
use serde_json::Value;

use super::pack;
use crate::local::server::Server;
use crate::support::{lambda_pack, repository, run, scrub};

/// What all but one become members of.
const WORKSPACE: &str = "[workspace]\nresolver = \"3\"\nexclude = [\"t-workspace\"]\n";
/// What is built is tried, not debugged: it is to be built soon. So does CI build `examples/orders`, and what both
/// depend on, in the versions of `fixtures/templates.lock`, is compiled once.
const QUICK: [(&str, &str); 2] = [("CARGO_INCREMENTAL", "0"), ("CARGO_PROFILE_DEV_DEBUG", "false")];

/// A package that is made.
struct Made {
    template: &'static str,
    name: String,
    set: Vec<(String, String)>,
}

/// One for each template and each of its answers.
fn variants() -> Vec<Made> {
    let mut all = Vec::new();
    for template in template::names() {
        let prompts = template::described(template).unwrap().prompts;
        let choices = prompts.iter().find_map(|prompt| match &prompt.kind {
            Kind::Choice(choices) => Some((&prompt.key, choices)),
            _ => None,
        });
        match choices {
            None => all.push(Made { template, name: format!("t-{template}"), set: Vec::new() }),
            Some((key, choices)) => all.extend(choices.iter().map(|choice| Made {
                template,
                name: format!("t-{template}-{choice}"),
                set: vec![(key.clone(), choice.clone())],
            })),
        }
    }
    all
}

impl Made {
    /// The samples that it comes with.
    fn samples(&self) -> Vec<Sample> {
        let template = template::builtin(self.template).unwrap();
        let set = self.set.iter().cloned().collect::<BTreeMap<_, _>>();
        let given = Given { name: self.name.clone(), workspace: self.is_member(), set };
        let answers: Answers = template.answers::<TemplateError>(&given, |_| Ok(None)).unwrap();
        let files = template.render(&answers).unwrap();
        template.samples(&answers, &files).unwrap()
    }

    fn is_member(&self) -> bool {
        self.template != "workspace"
    }
}

/// Runs cargo in a folder, with everything in the target folder that the examples use.
fn cargo(folder: &Path, args: &[&str]) {
    let mut command = Command::new("cargo");
    scrub(&mut command);
    command.args(args).current_dir(folder).env("CARGO_TARGET_DIR", target());
    run(command.envs(QUICK)).code(0);
}

fn target() -> PathBuf {
    repository().join("target/orders")
}

/// What an answer has to hold: members of objects, everything else as a whole. A text of JSON counts as JSON.
fn holds(answer: &Value, wanted: &Value) -> bool {
    match (answer, wanted) {
        (Value::Object(answer), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, wanted)| answer.get(key).is_some_and(|answer| holds(answer, wanted))),
        (Value::Array(answer), Value::Array(wanted)) => {
            answer.len() == wanted.len() && answer.iter().zip(wanted).all(|(a, w)| holds(a, w))
        }
        (Value::String(answer), Value::String(wanted)) => {
            let json = |text: &str| serde_json::from_str::<Value>(text);
            answer == wanted
                || json(answer).is_ok_and(|answer| json(wanted).is_ok_and(|it| it == answer))
        }
        (answer, wanted) => answer == wanted,
    }
}

fn port(server: &Server) -> &str {
    server.address.rsplit(':').next().unwrap()
}

/// Packages all functions of a workspace and deploys them to the embedded Lambda.
fn deploy(folder: &Path, server: &Server) {
    let (target, out) = (target(), folder.join("bundles"));
    let mut package = lambda_pack(folder);
    package.args(["package", "--workspace", "--profile", "dev", "--offline", "--out"]);
    package.arg(&out).arg("--target-dir").arg(target);
    run(package.envs(QUICK)).code(0);
    let mut deploy = lambda_pack(folder);
    deploy.args(["deploy", "--workspace", "--local", "--port", port(server)]);
    run(deploy.arg("--from").arg(&out)).code(0);
}

/// Invokes a function with a sample, as the last line of `new` says it.
fn answers(made: &Made, folder: &Path, sample: &Sample, server: &Server) {
    let function = sample.function.as_ref().unwrap_or(&made.name);
    let words = ["invoke", function, "--local", "--port", port(server), "--payload", &sample.event];
    let answer = pack(folder, &words).code(0);
    let Some(wanted) = &sample.answer else {
        assert!(!answer.stdout.trim().is_empty(), "{}: {}", made.name, answer.stderr);
        return;
    };
    let wanted: Value = serde_json::from_str(wanted).unwrap();
    let said: Value = serde_json::from_str(&answer.stdout).unwrap();
    assert!(holds(&said, &wanted), "{}: {said} is not {wanted}", made.name);
}

#[test]
fn all_templates_build_and_answer() {
    let root = repository().join("target/templates");
    let _ = fs::remove_dir_all(&root);
    fs::create_dir_all(&root).unwrap();
    fs::write(root.join("Cargo.toml"), WORKSPACE).unwrap();
    // What stands in this repository is not for them.
    for tool in ["rustfmt.toml", "clippy.toml"] {
        fs::write(root.join(tool), "").unwrap();
    }
    let lock = repository().join("tests/it/fixtures/templates.lock");
    fs::copy(&lock, root.join("Cargo.lock")).unwrap();
    let server = Server::start(&[]);
    let all = variants();
    for made in &all {
        let mut words =
            vec!["new".to_owned(), made.name.clone(), "-t".to_owned(), made.template.to_owned()];
        words.extend(
            made.set.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]),
        );
        pack(&root, &words.iter().map(String::as_str).collect::<Vec<_>>()).code(0);
    }
    let alone = root.join("t-workspace");
    fs::copy(&lock, alone.join("Cargo.lock")).unwrap();
    for folder in [&root, &alone] {
        let pedantic = ["--", "-Dwarnings", "-Wclippy::pedantic"];
        let clippy = ["clippy", "--offline", "--workspace", "--all-targets"];
        cargo(folder, &[&clippy[..], &pedantic].concat());
        cargo(folder, &["fmt", "--all", "--check"]);
        cargo(folder, &["test", "--offline", "--workspace"]);
        deploy(folder, &server);
    }
    for made in &all {
        for sample in made.samples() {
            answers(made, &root.join(&made.name), &sample, &server);
        }
    }
}
