//! Functions that are container images.

use serde_json::{Value, json};

use super::site::ROLE;
use crate::local::cli::HANDLER;
use crate::local::server::Server;
use crate::support::{Run, Workspace, run};

/// Images from scratch, with this machine's glibc.
const SETTINGS: &str =
    "format = \"image\"\nimage.base = \"scratch\"\nsysroot = \"/\"\nlinker = \"host\"\n";

pub(super) fn workspace(functions: &[&str]) -> Workspace {
    let workspace = Workspace::quick();
    std::fs::remove_dir_all(workspace.path().join("crates/hello")).unwrap();
    for name in functions {
        workspace.handler(name, "");
        workspace.write(&format!("crates/{name}/src/main.rs"), HANDLER);
    }
    workspace
}

pub(super) fn settings(workspace: &Workspace, more: &str) {
    let role = format!("role = \"{ROLE}\"\nalias = [\"live\"]\n");
    workspace.write("lambda-pack.toml", format!("{SETTINGS}{role}{more}"));
}

fn local(workspace: &Workspace, server: &Server, args: &[&str]) -> Run {
    let port = server.address.rsplit(':').next().unwrap();
    let mut command = workspace.command(args);
    run(command.args(["--local", "--port", port, "--output", "json"]))
}

fn function(run: &Run, name: &str) -> Value {
    let all = run.records();
    let is_it = |it: &&Value| it["reason"] == "deployed" && it["function"] == name;
    all.iter().find(is_it).unwrap_or_else(|| panic!("{}", run.stdout)).clone()
}

#[test]
fn an_image_is_deployed_to_the_lambda_on_this_machine() {
    let server = Server::start(&[]);
    let workspace = workspace(&["api", "worker"]);
    settings(&workspace, "memory = 256\n");
    let first = local(&workspace, &server, &["deploy"]).code(0);
    assert_eq!(function(&first, "api")["state"], "created");
    let event = json!({ "a": "b" });
    assert_eq!(server.answer("api:live", &event.to_string()), event);
    let found = server.control("GET", "/2015-03-31/functions/api", &Value::Null);
    assert_eq!(found["Configuration"]["PackageType"], "Image");
    assert_eq!(found["Configuration"]["MemorySize"], 256);
    let again = local(&workspace, &server, &["deploy"]).code(0);
    assert_eq!(function(&again, "api")["state"], "unchanged");
    assert_eq!(function(&again, "worker")["state"], "unchanged");

    // Code alone.
    workspace.write("crates/api/src/main.rs", HANDLER.replace("handling", "doing"));
    let changed = local(&workspace, &server, &["deploy"]).code(0);
    let calls = json!(["UpdateFunctionCode", "PublishVersion", "UpdateAlias"]);
    assert_eq!(function(&changed, "api")["changes"], calls);
    assert_eq!(function(&changed, "worker")["state"], "unchanged");
    assert_eq!(server.answer("api:live", &event.to_string()), event);

    // One image for both: each with its own entry point, told with its configuration.
    let both = "[package.api]\nimage.name = \"both\"\n[package.worker]\nimage.name = \"both\"\n";
    settings(&workspace, both);
    let shared = local(&workspace, &server, &["deploy", "api"]).code(0);
    let calls = function(&shared, "api")["changes"].clone();
    assert!(calls.as_array().unwrap().contains(&json!("UpdateFunctionConfiguration")), "{calls}");
    local(&workspace, &server, &["deploy"]).code(0);
    let entry = |name: &str| {
        let path = format!("/2015-03-31/functions/{name}");
        let found = server.control("GET", &path, &Value::Null);
        let config = &found["Configuration"]["ImageConfigResponse"]["ImageConfig"];
        (config["EntryPoint"].clone(), found["Code"]["ResolvedImageUri"].clone())
    };
    let (api, worker) = (entry("api"), entry("worker"));
    assert_eq!((&api.0, &worker.0), (&json!(["/var/task/api"]), &json!(["/var/task/worker"])));
    assert_eq!(api.1, worker.1);
    for name in ["api:live", "worker:live"] {
        assert_eq!(server.answer(name, &event.to_string()), event);
    }
    // And apart again.
    settings(&workspace, "");
    local(&workspace, &server, &["deploy"]).code(0);
    assert_eq!(entry("api").0, Value::Null);
    assert_eq!(server.answer("api:live", &event.to_string()), event);
    let plan = local(&workspace, &server, &["plan"]).code(0);
    assert_eq!(plan.records().last().unwrap()["calls"], 0);
    let port = server.address.rsplit(':').next().unwrap();
    let status = |says: &str| {
        let mut status = workspace.command(&["status", "api"]);
        run(status.args(["--local", "--port", port, "--exit-code"])).says_out(says)
    };
    status("the code is that of ").code(0);
    workspace.write("crates/api/src/main.rs", HANDLER.replace("handling", "making"));
    workspace.run(&["package", "-p", "api"]).code(0);
    status("the code is not that of ").code(5);
    // What is not there is said before anything else, and as a mistake of the command line.
    local(&workspace, &server, &["deploy", "--from", "nowhere"]).code(2).says("no folder nowhere");
    std::fs::create_dir(workspace.path().join("empty")).unwrap();
    let none = local(&workspace, &server, &["deploy", "--from", "empty"]).code(2);
    none.says("there is no image of `api` in empty/api/image-");
}

#[test]
fn what_aws_refuses_of_images_is_said_before() {
    let server = Server::start(&[]);
    let workspace = workspace(&["api"]);
    let zip = format!("role = \"{ROLE}\"\nlinker = \"host\"\n");
    workspace.write("lambda-pack.toml", &zip);
    local(&workspace, &server, &["deploy"]).code(0);
    // A zip does not become an image.
    settings(&workspace, "");
    let refused = local(&workspace, &server, &["deploy"]);
    assert_ne!(refused.code, 0);
    let refused = refused.says("the function on AWS is of package type Zip, and this one of Image");
    refused.says("cargo lambda-pack delete");
    let layer = "arn:aws:lambda:us-east-1:123456789012:layer:name:1";
    settings(&workspace, &format!("layers = [\"{layer}\"]\n"));
    local(&workspace, &server, &["deploy"]).code(2).says("AWS takes none");
    // Without `--local` it needs a repository.
    settings(&workspace, "");
    let run = workspace.run(&["plan", "--region", "eu-west-1"]).code(2);
    run.says("`image.repository`");
}

/// The registry beside the Lambda on this machine stands in for ECR.
#[cfg(feature = "registry")]
mod pushed {
    use std::fs;
    use std::process::Stdio;
    use std::sync::{Arc, Mutex};

    use rustix::process::{Pid, Signal, kill_process};

    use super::*;
    use crate::deploy::proxy::Proxy;
    use crate::registry::real::Registry;
    use crate::support::host_arch;

    fn command(workspace: &Workspace, server: &Server, args: &[&str]) -> std::process::Command {
        let mut command = at(workspace, server, args);
        command.args(["--rate", "0"]);
        command
    }

    fn at(workspace: &Workspace, server: &Server, args: &[&str]) -> std::process::Command {
        let mut command = workspace.command(args);
        crate::support::scrub(&mut command);
        command.args(["--endpoint-url", &format!("http://{}", server.address)]);
        command.args(["--region", "us-east-1", "--output", "json"]);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", workspace.path());
        command
    }

    #[test]
    fn functions_share_what_they_push_and_a_kill_costs_nothing() {
        let Some(registry) = Registry::start(|_| String::new()) else { return };
        let server = Server::start(&[]);
        let names = ["a", "b", "c", "d", "e", "f"];
        let workspace = workspace(&names);
        // Each its own repository: what they have in common is mounted.
        let repositories = |host: &str| -> String {
            let one =
                |name: &&str| format!("[package.{name}]\nimage.repository = \"{host}/{name}\"\n");
            names.iter().map(one).collect::<Vec<_>>().concat()
        };
        settings(&workspace, &repositories(&registry.host));
        let count = Arc::new(Mutex::new(None::<Pid>));
        let to_kill = Arc::clone(&count);
        // Killed where the third blob has arrived, and nobody was told.
        let seen = Mutex::new(0);
        let proxy = Proxy::new(&registry.host, move |_, call| {
            let mut seen = seen.lock().unwrap();
            *seen += usize::from(call.starts_with("PUT ") && call.contains("/blobs/"));
            if *seen == 3 {
                kill_process(to_kill.lock().unwrap().unwrap(), Signal::KILL).unwrap();
            }
            *seen < 3
        });
        settings(&workspace, &repositories(&proxy.address));
        let mut killed = command(&workspace, &server, &["deploy"]);
        let mut child = {
            let mut pid = count.lock().unwrap();
            let child = killed.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            *pid = Some(Pid::from_child(&child));
            child
        };
        assert!(!child.wait().unwrap().success());
        drop(proxy);

        let proxy = Proxy::new(&registry.host, |_, _| true);
        settings(&workspace, &repositories(&proxy.address));
        let first = run(&mut command(&workspace, &server, &["deploy"])).code(0);
        let event = json!({ "a": 1 });
        let record = |name: &str| -> Value {
            let folder = format!("target/lambda-pack/{name}/image-{}/image.json", host_arch());
            serde_json::from_slice(&fs::read(workspace.path().join(folder)).unwrap()).unwrap()
        };
        for name in names {
            assert_eq!(function(&first, name)["state"], "created");
            assert_eq!(server.answer(&format!("{name}:live"), &event.to_string()), event);
            let found =
                server.control("GET", &format!("/2015-03-31/functions/{name}"), &Value::Null);
            let digest = record(name)["digest"].as_str().unwrap().to_owned();
            let uri = format!("{}/{name}@{digest}", proxy.address);
            assert_eq!(found["Code"]["ResolvedImageUri"], uri.as_str());
        }
        // The system's layer went up once at most; the others have it from there.
        let system = record("a")["layers"][0]["digest"].as_str().unwrap()[7..].to_owned();
        let calls = proxy.calls();
        let of_system = |start: &str| {
            calls.iter().filter(|call| call.starts_with(start) && call.contains(&system)).count()
        };
        assert!(of_system("PUT ") <= 1, "{calls:#?}");
        assert!(of_system("POST ") >= names.len() - 2, "mounted: {calls:#?}");
        let again = run(&mut command(&workspace, &server, &["deploy"])).code(0);
        assert_eq!(function(&again, "a")["state"], "unchanged");
        let writes = |call: &&String| !call.starts_with("HEAD ") && !call.starts_with("GET ");
        assert_eq!(proxy.calls().iter().skip(calls.len()).filter(writes).count(), 0);

        // Another version of it, which runs from the same image.
        let more =
            repositories(&proxy.address).replacen("[package.a]", "[package.a]\nmemory = 256", 1);
        settings(&workspace, &more);
        run(&mut command(&workspace, &server, &["deploy", "a"])).code(0);
        // An image that somebody has taken away is sent again: the function would stop without it. Nor is
        // there a way back.
        let revisions = "data/docker/registry/v2/repositories/a/_manifests/revisions";
        fs::remove_dir_all(registry.folder().join(revisions)).unwrap();
        let gone = run(&mut at(&workspace, &server, &["rollback", "a"])).code(2);
        gone.says("`a`: version 1 cannot run: its image ").says(" is gone");
        let planned = run(&mut command(&workspace, &server, &["plan"])).code(0).records();
        let change = planned.iter().find(|record| record["reason"] == "change").unwrap();
        assert_eq!((&change["function"], &change["operation"]), (&json!("a"), &json!("PutImage")));
        assert_eq!(planned.last().unwrap()["calls"], 1, "{planned:?}");
        let mended = run(&mut command(&workspace, &server, &["deploy"])).code(0);
        assert_eq!(function(&mended, "a")["changes"], json!(["PutImage"]));
        assert_eq!(function(&mended, "b")["state"], "unchanged");
        assert!(registry.folder().join(revisions).is_dir());
        // What a base has in the same registry is mounted from there.
        let mut of_base = record("b");
        of_base["base"] = format!("{}/c:1", proxy.address).into();
        of_base["base_digest"] = of_base["digest"].clone();
        of_base["layers"][0]["what"] = "base".into();
        let file = format!("target/lambda-pack/b/image-{}/image.json", host_arch());
        fs::write(workspace.path().join(file), of_base.to_string()).unwrap();
        let elsewhere = repositories(&proxy.address).replace("/b\"", "/else\"");
        settings(&workspace, &elsewhere);
        run(&mut command(&workspace, &server, &["deploy", "--from", "target/lambda-pack"])).code(0);
        let mounted = |call: &String| call.contains("/else/") && call.contains("from=c");
        assert!(proxy.calls().iter().any(mounted), "{:#?}", proxy.calls());
        // Where the registry does not answer, what runs goes on, and that is said.
        drop(proxy);
        let silent = run(&mut command(&workspace, &server, &["deploy"])).code(0);
        assert_eq!(function(&silent, "a")["state"], "unchanged");
        silent.says("`a`: it cannot be seen whether its image is still where it runs from");
    }

    #[test]
    fn what_registries_refuse_comes_with_what_to_do() {
        let server = Server::start(&[]);
        let workspace = workspace(&["api", "worker"]);
        let plan = |host: &str, more: &str| {
            settings(&workspace, &format!("image.repository = \"{host}/app\"\n{more}"));
            run(&mut command(&workspace, &server, &["plan"]))
        };
        plan("127.0.0.1:1", "")
            .code(4)
            .says("cannot connect")
            .says("hint: is `127.0.0.1:1` spelled");
        // Lambda takes no image of it: nobody needs to be asked.
        plan("registry.example", "").code(2).says("is no registry of Amazon ECR");
        let Some(registry) = Registry::start(|folder| {
            let file = folder.join("htpasswd");
            fs::write(&file, "").unwrap();
            format!("auth: {{htpasswd: {{realm: r, path: {}}}}}\n", file.display())
        }) else {
            return;
        };
        let refused =
            plan(&registry.host, "").code(4).says("UNAUTHORIZED").says("(without a login)");
        refused.says("hint: is the name right? If so, a login is wanted");
        let Some(registry) = Registry::start(|_| String::new()) else { return };
        // What functions share is sent once.
        let both =
            "[package.api]\nimage.name = \"both\"\n[package.worker]\nimage.name = \"both\"\n";
        let planned = plan(&registry.host, both).code(0).records();
        let folder = format!("target/lambda-pack/both/image-{}/image.json", host_arch());
        let record = fs::read(workspace.path().join(folder)).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(planned.last().unwrap()["bytes"], record["size"], "{planned:?}");
    }
}
