//! A workspace whose functions were packaged already: small scripts in place of programs.

use std::process::Command;

use serde_json::{Value, json};

use crate::local::server::Server;
use crate::local::zips;
use crate::support::{Run, Workspace, host_arch, run};

/// Any role that looks like one.
pub(crate) const ROLE: &str = "arn:aws:iam::123456789012:role/orders";

/// A workspace, and `bundles/` with what `package` would have written.
pub(crate) struct Site {
    pub(crate) workspace: Workspace,
}

impl Site {
    /// These functions, each of which answers `one`.
    pub(crate) fn new(functions: &[&str]) -> Self {
        let site = Self { workspace: Workspace::new() };
        for name in functions {
            site.workspace.handler(name, "");
            site.bundle(name, "one");
        }
        site.settings(&format!("role = \"{ROLE}\"\nalias = [\"live\"]\n"));
        site
    }

    /// The whole configuration.
    pub(crate) fn settings(&self, text: &str) {
        self.workspace.write("lambda-pack.toml", text);
    }

    /// Other code for a function: one that answers this word. Gives its `CodeSha256`.
    pub(crate) fn bundle(&self, name: &str, word: &str) -> String {
        self.bundle_of(name, &zips::says(word))
    }

    /// Other code for a function.
    pub(crate) fn bundle_of(&self, name: &str, zip: &[u8]) -> String {
        let folder = format!("bundles/{name}/{}", host_arch());
        self.workspace.write(&format!("{folder}/bootstrap.zip"), zip);
        let sha = lambda_pack::digest::Sha256::of(zip).base64();
        let record = json!({
            "format": 1, "function": name, "role": "function", "package": name,
            "package_version": "0.1.0", "handler": name, "architecture": host_arch(),
            "runtime": "provided.al2023", "profile": "release", "glibc_needed": null,
            "sizes": { "executable": 1, "unpacked": 1, "zip": zip.len() },
            "CodeSha256": sha, "zip": "bootstrap.zip", "files": [], "commit": null, "rustc": "",
            "linker": { "program": null, "version": null, "comments": [] },
        });
        self.workspace.write(&format!("{folder}/lambda-pack.json"), record.to_string());
        sha
    }

    /// The program, for a deploy to what listens at an address.
    pub(crate) fn command(&self, address: &str, args: &[&str]) -> Command {
        let mut command = self.at(address, args);
        command.args(["--from", "bundles", "--rate", "0"]);
        command
    }

    /// The program, for what listens at an address.
    pub(crate) fn at(&self, address: &str, args: &[&str]) -> Command {
        let mut command = self.workspace.command(args);
        command.args(["--endpoint-url", &format!("http://{address}"), "--region", "us-east-1"]);
        with_keys(&mut command);
        command
    }

    /// Runs it.
    pub(crate) fn run(&self, address: &str, args: &[&str]) -> Run {
        run(&mut self.command(address, args))
    }

    /// Deploys; must succeed. Gives the records of the functions.
    #[track_caller]
    pub(crate) fn deploy(&self, address: &str) -> Vec<Value> {
        let run = self.run(address, &["deploy", "--output", "json"]).code(0);
        run.records()
    }

    /// How many changes a plan still has.
    #[track_caller]
    pub(crate) fn changes(&self, address: &str) -> u64 {
        let run = self.run(address, &["plan", "--output", "json"]).code(0);
        run.records().last().unwrap()["calls"].as_u64().unwrap()
    }
}

/// Some key, and nothing else of AWS's in the environment.
pub(crate) fn with_keys(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AWS_") {
            command.env_remove(name);
        }
    }
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
}

/// What the account holds of a function, without what differs from run to run.
pub(crate) fn state(server: &Server, name: &str) -> Value {
    let get = |path: &str| {
        let reply = server.call("GET", &format!("/2015-03-31/functions/{name}{path}"), &[], b"");
        if reply.status == 404 { Value::Null } else { reply.json() }
    };
    let mut function = get("");
    let mut versions = get("/versions?MaxItems=50");
    let aliases = get("/aliases");
    let alias =
        |alias: &Value| json!({ "name": alias["Name"], "version": alias["FunctionVersion"] });
    let aliases: Vec<_> = aliases["Aliases"].as_array().into_iter().flatten().map(alias).collect();
    let volatile = |configuration: &mut Value| {
        if let Some(members) = configuration.as_object_mut() {
            for name in ["RevisionId", "LastModified", "ConfigSha256"] {
                members.remove(name);
            }
        }
    };
    volatile(&mut function["Configuration"]);
    for version in versions["Versions"].as_array_mut().into_iter().flatten() {
        volatile(version);
    }
    json!({
        "configuration": function["Configuration"], "tags": function["Tags"],
        "concurrency": function["Concurrency"],
        "versions": versions["Versions"], "aliases": aliases,
    })
}

/// What the alias answers.
pub(crate) fn answer(server: &Server, name: &str) -> Value {
    server.answer(&format!("{name}:live"), "{}")
}

/// Whether a file holds a text anywhere: what must never be printed.
pub(crate) fn leaks(run: &Run, secret: &str) -> bool {
    run.stdout.contains(secret) || run.stderr.contains(secret)
}
