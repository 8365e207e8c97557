//! `push`: the command, against a real registry, and ministack's ECR.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::deploy::emulators::Emulator;
use crate::deploy::proxy::Proxy;
use crate::deploy::site::ROLE;
use crate::local::cli::HANDLER;
use crate::registry::real::Registry;
use crate::support::{Run, Workspace, have, host_arch, run, scrub};

fn workspace() -> Workspace {
    let workspace = Workspace::quick();
    workspace.write("crates/hello/src/main.rs", HANDLER);
    workspace.write("lambda-pack.toml", SETTINGS);
    workspace
}

const SETTINGS: &str =
    "format = \"image\"\nimage.base = \"scratch\"\nsysroot = \"/\"\nlinker = \"host\"\n";

/// Packages, and gives the folder of the image.
fn image(workspace: &Workspace) -> PathBuf {
    workspace.run(&["package"]).code(0);
    workspace.path().join(format!("target/lambda-pack/hello/image-{}", host_arch()))
}

fn record(image: &Path) -> Value {
    serde_json::from_slice(&fs::read(image.join("image.json")).unwrap()).unwrap()
}

/// Without anybody's credentials.
fn push(workspace: &Workspace, args: &[&str]) -> Run {
    let mut command = workspace.command(&[&["push"], args].concat());
    scrub(&mut command);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", workspace.path());
    command.env_remove("DOCKER_CONFIG").env_remove("REGISTRY_AUTH_FILE");
    run(&mut command)
}

fn digest(reference: &str) -> Value {
    let mut command = Command::new("skopeo");
    command.args(["inspect", "--tls-verify=false", &format!("docker://{reference}")]);
    serde_json::from_str::<Value>(&run(&mut command).code(0).stdout).unwrap()["Digest"].clone()
}

#[test]
fn what_is_missing_is_sent_and_nothing_else() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let first = record(&folder);
    let image = folder.to_str().unwrap();
    let name = format!("{}/team/hello", registry.host);
    let words = [image, &format!("{name}:1"), "--tag", "by-{digest}"];
    let run = push(&workspace, &words).code(0);
    let uri = format!("{name}@{}", first["digest"].as_str().unwrap());
    assert_eq!(run.stdout, format!("{uri}\n"));
    assert!(run.stderr.contains("Pushed") && run.stderr.contains("4 sent"), "{}", run.stderr);
    let by_digest = format!("{name}:by-{}", &first["digest"].as_str().unwrap()[7..19]);
    for reference in [&format!("{name}:1"), &by_digest] {
        assert_eq!(digest(reference), first["digest"]);
    }
    push(&workspace, &words).code(0).says("Unchanged");

    // Another program: its blob, the configuration, the manifest.
    workspace.write("crates/hello/src/main.rs", HANDLER.replace("handling", "doing"));
    self::image(&workspace);
    let second = record(&folder);
    let words = [image, &format!("{name}:2"), "--output", "json"];
    let pushed = push(&workspace, &words).code(0).records().remove(0);
    let sent = |list: &Value| list.as_array().unwrap().len();
    assert_eq!((sent(&pushed["sent"]), sent(&pushed["there"])), (2, 2), "{pushed}");
    let layer = &second["layers"].as_array().unwrap().last().unwrap()["digest"];
    assert!(pushed["sent"].as_array().unwrap().contains(layer), "{pushed}");
    assert_eq!(pushed["moved"], json!(["2"]));
    assert_eq!(digest(&format!("{name}:2")), second["digest"]);
    // Elsewhere, an archive, with the same blobs.
    workspace.run(&["package", "--archive", "docker"]).code(0);
    let archive = folder.join("image.tar");
    let run = push(&workspace, &[archive.to_str().unwrap(), &format!("{name}:docker")]).code(0);
    assert_eq!(digest(&format!("{name}:docker")), run.stdout.trim().rsplit('@').next().unwrap());
}

#[test]
fn mistakes_are_said_before_anything_is_sent() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let image = folder.to_str().unwrap();
    let name = format!("{}/hello", registry.host);
    let other = format!("{name}@sha256:{}", "0".repeat(64));
    for (words, says) in [
        (&["nowhere", &name][..], "there is no image at nowhere"),
        (&[image, &format!("{name}:a b")], "is no tag"),
        (&[image, &name, "--tag", "{no}"], "`{no}` is unknown"),
        (&[image, &name, "--tag", "{commit}"], "stands for nothing"),
        (&[image, &name, "--tag", "-x"], "-x"),
        (&[image, &name, "--tag", "a b"], "is no tag"),
        (&[image, &other], "the image in"),
        (&[image, &name, "--set-policy"], "is no registry of it"),
    ] {
        let run = push(&workspace, words);
        assert_eq!(run.code, 2, "{words:?}: {}", run.stderr);
        run.says(says);
    }
    // What Lambda would refuse: files without the folders above them, made by hand.
    let layout = folder.join("oci");
    let broken = workspace.path().join("broken");
    let mut copy = Command::new("cp");
    crate::support::run(copy.arg("-a").arg(&layout).arg(&broken)).code(0);
    let layer = record(&folder)["layers"][0]["digest"].as_str().unwrap()[7..].to_owned();
    fs::remove_file(broken.join("blobs/sha256").join(layer)).unwrap();
    push(&workspace, &[broken.to_str().unwrap(), &name]).code(3);
    let run = push(&workspace, &[broken.to_str().unwrap(), &name, "--no-check"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let nobody = "127.0.0.1:1/hello";
    push(&workspace, &[image, nobody]).code(4).says("cannot connect");
}

#[test]
fn ministacks_ecr_takes_images_and_functions_of_them() {
    if !have("podman") {
        return;
    }
    let Some(ministack) = Emulator::ministack() else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let image = folder.to_str().unwrap();
    let url = format!("http://{}", ministack.address);
    let at = ["--endpoint-url", &url, "--region", "us-east-1"];
    let words = |more: &[&'static str]| [&[image, "orders:1"], &at[..], more].concat();
    push(&workspace, &words(&[])).code(2).says("--create-repository");
    let made =
        push(&workspace, &words(&["--create-repository", "--immutable-tags", "--set-policy"]));
    let made = made.code(0).says("Created").says("Allowed");
    assert!(
        made.stdout.contains(".dkr.ecr.us-east-1.amazonaws.com/orders@sha256:"),
        "{}",
        made.stdout
    );
    let described = ministack.aws(&["ecr", "describe-images", "--repository-name", "orders"]);
    let details = &described["imageDetails"][0];
    assert_eq!(details["imageDigest"], record(&folder)["digest"]);
    assert_eq!(details["imageTags"], json!(["1"]));
    let policy = ministack.aws(&["ecr", "get-repository-policy", "--repository-name", "orders"]);
    assert!(policy["policyText"].as_str().unwrap().contains("lambda.amazonaws.com"), "{policy}");
    push(&workspace, &words(&["--create-repository", "--set-policy"])).code(0).says("Unchanged");

    let role = format!("role = \"{ROLE}\"\nalias = [\"live\"]\nimage.repository = \"orders\"\n");
    workspace.write("lambda-pack.toml", format!("{SETTINGS}{role}"));
    let deploy = |command: &str| {
        let mut command = workspace.command(&[command, "--output", "json", "--rate", "0"]);
        scrub(&mut command);
        command.args(at).env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
        run(command.env("AWS_EC2_METADATA_DISABLED", "true")).code(0).records()
    };
    let first = deploy("deploy");
    assert_eq!(first[0]["state"], "created", "{first:?}");
    let function = ministack.aws(&["lambda", "get-function", "--function-name", "hello"]);
    let resolved = function["Code"]["ResolvedImageUri"].as_str().unwrap();
    assert!(resolved.ends_with(record(&folder)["digest"].as_str().unwrap()), "{resolved}");
    assert_eq!(deploy("deploy")[0]["state"], "unchanged");
    let policy = json!({ "rules": [{ "rulePriority": 7, "action": { "type": "expire" }, "selection": {
        "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 9 } }] });
    let put =
        ["ecr", "put-lifecycle-policy", "--repository-name", "orders", "--lifecycle-policy-text"];
    ministack.aws(&[&put[..], &[&policy.to_string()]].concat());
    push(&workspace, &words(&[])).code(0).says("rule 7 keeps 9 images");
    // What is deployed has a tag, so that no rule for untagged images takes it away.
    workspace.write("crates/hello/src/main.rs", HANDLER.replace("handling", "doing"));
    let changed = deploy("deploy");
    // Its `CodeSha256` of an image is empty: the image itself tells versions apart.
    assert_eq!(changed[0]["aliases"], json!({ "live": "2" }), "{changed:?}");
    let listed = ministack.aws(&["ecr", "list-images", "--repository-name", "orders"]);
    let tag = format!("lambda-pack-{}", &record(&folder)["digest"].as_str().unwrap()[7..19]);
    let all = listed["imageIds"].as_array().unwrap();
    assert!(all.iter().any(|it| it["imageTag"] == tag.as_str()), "{listed}");
}

/// The process that is to be killed.
type Victim = Arc<Mutex<Option<Pid>>>;

#[test]
fn killed_after_any_call_the_next_push_sends_only_what_is_missing() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let digest_of_it = record(&folder)["digest"].clone();
    let mut killed = 0;
    for number in 1.. {
        let victim = Victim::default();
        let to_kill = Arc::clone(&victim);
        let proxy = Proxy::new(&registry.host, move |at, _| {
            if at == number {
                // It has had its effect, and nobody is told.
                kill_process(to_kill.lock().unwrap().unwrap(), Signal::KILL).unwrap();
            }
            at < number
        });
        let name = format!("app{number}");
        let mut command = workspace.command(&["push", folder.to_str().unwrap()]);
        command.arg(format!("{}/{name}:1", proxy.address)).env("HOME", workspace.path());
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = {
            let mut victim = victim.lock().unwrap();
            let child = command.spawn().unwrap();
            *victim = Some(Pid::from_child(&child));
            child
        };
        if child.wait().unwrap().success() {
            break;
        }
        killed += 1;
        let done: Vec<String> = proxy
            .calls()
            .iter()
            .filter(|call| call.starts_with("PUT ") && call.contains("/blobs/"))
            .map(|call| {
                call.rsplit("sha256").next().unwrap().trim_matches([':', '%', '3', 'A']).to_owned()
            })
            .collect();
        let to = format!("{}/{name}:1", registry.host);
        let again = push(&workspace, &[folder.to_str().unwrap(), &to, "--output", "json"]).code(0);
        let again = again.records().remove(0);
        assert_eq!(digest(&to), digest_of_it, "killed after call {number}");
        let sent = again["sent"].to_string();
        for blob in done {
            assert!(
                !sent.contains(&blob[..32]),
                "killed after call {number}, {blob} was there: {sent}"
            );
        }
    }
    assert!(killed > 8, "{killed} calls only");
}

/// An answer that is lost is no error: whoever asks again finds what was done.
#[test]
fn lost_answers_cost_nothing() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    for number in 1..=14 {
        let proxy = Proxy::new(&registry.host, move |at, _| at != number);
        let to = format!("{}/lost{number}:1", proxy.address);
        push(&workspace, &[folder.to_str().unwrap(), &to]).code(0);
        let found = digest(&format!("{}/lost{number}:1", registry.host));
        assert_eq!(found, record(&folder)["digest"], "answer {number} was lost");
    }
}

/// Ctrl-C takes back what was begun.
#[test]
fn ctrl_c_cancels_uploads() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let victim = Victim::default();
    let to_stop = Arc::clone(&victim);
    let proxy = Proxy::new(&registry.host, move |_, call| {
        if call.starts_with("PUT ") {
            // The upload has begun, and nobody is told how it ended.
            let _ = kill_process(to_stop.lock().unwrap().unwrap(), Signal::INT);
            std::thread::sleep(std::time::Duration::from_millis(500));
        }
        true
    });
    let mut command = workspace.command(&["push", folder.to_str().unwrap()]);
    command.arg(format!("{}/stopped:1", proxy.address)).env("HOME", workspace.path());
    let child = {
        let mut victim = victim.lock().unwrap();
        let child = command.stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        *victim = Some(Pid::from_child(&child));
        child
    };
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("interrupted"), "{said}");
    let calls = proxy.calls();
    // Of those whose answers were on their way nobody knows the place.
    assert!(calls.iter().any(|call| call.starts_with("DELETE ")), "{calls:#?}");
}
