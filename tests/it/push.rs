//! `push`: the command, against a real registry, and ministack's ECR.

use std::fs;
use std::io::{Read as _, Write as _};
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
    a_full_disk_is_named(&workspace, &archive, &name);
    what_an_image_stands_on_is_mounted(&workspace, &folder, &registry.host);
}

/// Not this machine's.
fn other_arch() -> &'static str {
    if host_arch() == "arm64" { "x86_64" } else { "arm64" }
}

/// As if it had been put on what `team/hello` has.
fn what_an_image_stands_on_is_mounted(workspace: &Workspace, folder: &Path, host: &str) {
    let mut of_base = record(folder);
    of_base["base"] = format!("{host}/team/hello:2").into();
    of_base["base_digest"] = of_base["digest"].clone();
    of_base["layers"][0]["what"] = "base".into();
    fs::write(folder.join("image.json"), of_base.to_string()).unwrap();
    let words = [folder.to_str().unwrap(), &format!("{host}/else/hello:1"), "--output", "json"];
    let pushed = push(workspace, &words).code(0).records().remove(0);
    assert_eq!(pushed["mounted"], json!([of_base["layers"][0]["digest"]]), "{pushed}");
}

/// What an archive of docker's needs on the disk lies in TMPDIR, and that is named, not the archive.
fn a_full_disk_is_named(workspace: &Workspace, archive: &Path, name: &str) {
    let push = workspace.command(&["push", archive.to_str().unwrap(), name]);
    let limited = |limit: &str, folder: &Path| {
        // Files that grow over the limit fail as on a full disk.
        let script = format!("trap '' XFSZ; ulimit -f {limit}; exec \"$0\" \"$@\"");
        let mut sh = Command::new("sh");
        sh.args(["-c", &script]).arg(push.get_program()).args(push.get_args());
        sh.current_dir(workspace.path()).env("HOME", workspace.path()).env("TMPDIR", folder);
        run(&mut sh).code(1).says(&format!("cannot write {}", folder.display()))
    };
    let folder = tempfile::tempdir().unwrap();
    let full = limited("8", folder.path());
    assert!(!full.stderr.contains("image.tar"), "{}", full.stderr);
    limited("unlimited", &folder.path().join("nowhere"));
}

#[test]
fn mistakes_are_said_before_anything_is_sent() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let image = folder.to_str().unwrap();
    let name = format!("{}/hello", registry.host);
    let other = format!("{name}@sha256:{}", "0".repeat(64));
    workspace.write("packed.tar.gz", [0x1f, 0x8b, 8, 0]);
    // Before ECR, or anybody, is asked for it.
    let login = push(&workspace, &[image, "user:hunter22@host.example/x"]).code(2);
    let login = login.says("write it without what stands before the `@`");
    assert!(!login.stderr.contains("hunter22"), "{}", login.stderr);
    for (words, says) in [
        (&["nowhere", &name][..], "there is no image at nowhere"),
        (&["packed.tar.gz", &name], "packed.tar.gz is packed with gzip"),
        (&[image, ""], "`` names no image: there is no name in it"),
        (&[image, "Orders"], "a repository is written in lower case"),
        (&[image, &format!("{name}:a b")], "is no tag"),
        (&[image, &name, "--tag", "{no}"], "`{no}` is unknown"),
        (&[image, &name, "--tag", "{commit}"], "says which commit it was built from"),
        (&[image, &name, "--tag", "-x"], "-x"),
        (&[image, &name, "--tag", "a b"], "is no tag"),
        (&[image, &other], "the image in"),
        (&[image, &name, "--arch", "s390x"], "s390x"),
        (&[image, &name, "--arch", other_arch()], "is for"),
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
    let refused = push(&workspace, &[broken.to_str().unwrap(), &name]).code(3);
    let refused = refused.says("; nothing was pushed").says("`--no-check` pushes all the same");
    assert!(!refused.stderr.contains("packages"), "{}", refused.stderr);
    let run = push(&workspace, &[broken.to_str().unwrap(), &name, "--no-check"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    let nobody = "127.0.0.1:1/hello";
    push(&workspace, &[image, nobody]).code(4).says("cannot connect");
    // ECR, in a Region of no name.
    let mut nowhere = workspace.command(&["push", image, "hello"]);
    scrub(&mut nowhere);
    nowhere.env("AWS_REGION", "").env("AWS_CONFIG_FILE", "/dev/null");
    nowhere.env("AWS_EC2_METADATA_DISABLED", "true").env("HOME", workspace.path());
    crate::support::run(&mut nowhere).code(4).says("no Region is named");
    refusals_have_a_code(&workspace, image);
}

/// For programs: the code and the status that a registry has answered.
fn refusals_have_a_code(workspace: &Workspace, image: &str) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("{}/hello", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if stream.read_exact(&mut byte).is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            let (status, body) = if head.starts_with(b"POST") {
                ("403 No", r#"{"errors":[{"code":"DENIED","message":"no"}]}"#)
            } else {
                ("404 No", "")
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
            );
        }
    });
    let refused = push(workspace, &[image, &name, "--output", "json"]).code(4);
    let error = refused.records().pop().unwrap();
    assert_eq!((&error["code"], &error["status"]), (&json!("DENIED"), &json!(403)), "{error}");
}

/// Of an index one image is pushed, which is as plain as any.
#[test]
fn the_image_of_an_index_is_pushed() {
    let Some(registry) = Registry::start(|_| String::new()) else { return };
    let workspace = workspace();
    let folder = image(&workspace);
    let layout = folder.join("oci");
    let path = layout.join("index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let one = index["manifests"][0].clone();
    let all = ["amd64", "arm64"].map(|arch| {
        let mut other = one.clone();
        other["platform"] = json!({ "os": "linux", "architecture": arch });
        other
    });
    index["manifests"] = json!(all);
    fs::write(&path, index.to_string()).unwrap();
    let layout = layout.to_str().unwrap();
    for (tag, more) in [("1", &["--arch", host_arch()][..]), ("2", &[])] {
        let name = format!("{}/of-index:{tag}", registry.host);
        let run = push(&workspace, &[&[layout, &name], more].concat()).code(0);
        run.says("Taking").says("of an index of 2");
        assert_eq!(digest(&name), one["digest"]);
    }
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
    let deploy = |command: &str| release(&workspace, &at, &[command]).code(0).records();
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
    push(&workspace, &words(&[]))
        .code(0)
        .says("rule 7 takes images away where there are more than 9 images");
    // What is deployed has a tag, so that no rule for untagged images takes it away.
    workspace.write("crates/hello/src/main.rs", HANDLER.replace("handling", "doing"));
    let changed = deploy("deploy");
    // Its `CodeSha256` of an image is empty: the image itself tells versions apart.
    assert_eq!(changed[0]["aliases"], json!({ "live": "2" }), "{changed:?}");
    let listed = ministack.aws(&["ecr", "list-images", "--repository-name", "orders"]);
    let tag = format!("lambda-pack-{}", &record(&folder)["digest"].as_str().unwrap()[7..19]);
    let all = listed["imageIds"].as_array().unwrap();
    assert!(all.iter().any(|it| it["imageTag"] == tag.as_str()), "{listed}");
    to_another_repository(&workspace, &ministack, &at);
}

/// `plan` or `deploy`, without anybody's credentials.
fn release(workspace: &Workspace, at: &[&str], words: &[&str]) -> Run {
    let mut command = workspace.command(words);
    scrub(&mut command);
    command.args(["--output", "json", "--rate", "0"]).args(at);
    command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    run(command.env("AWS_EC2_METADATA_DISABLED", "true"))
}

/// The same image, and a repository that is not there yet.
fn to_another_repository(workspace: &Workspace, ministack: &Emulator, at: &[&str]) {
    let settings = |repository: &str| {
        let more = format!("role = \"{ROLE}\"\nalias = [\"live\"]\n");
        let image = format!("image.repository = \"{repository}\"\n");
        workspace.write("lambda-pack.toml", format!("{SETTINGS}{more}{image}"));
    };
    let release = |words: &[&str]| release(workspace, at, words);
    let host = "000000000000.dkr.ecr.us-east-1.amazonaws.com";
    for name in ["team/new".to_owned(), format!("{host}/team/new")] {
        settings(&name);
        for command in ["plan", "deploy"] {
            let refused = release(&[command]).code(2).says("there is no repository `team/new`");
            refused.says("`--create-repository` makes it");
        }
    }
    settings("team/new");
    let plan = release(&["plan", "--create-repository"]).code(0);
    let plan = plan.says("To create the repository team/new").records();
    let of_uri =
        |it: &Value| it["details"].as_array()?.iter().find(|it| it["name"] == "ImageUri").cloned();
    let image_uri = plan.iter().find_map(of_uri).unwrap();
    assert!(image_uri["old"].as_str().unwrap().contains("/orders@"), "{image_uri}");
    assert!(image_uri["new"].as_str().unwrap().contains("/team/new@"), "{image_uri}");
    release(&["plan", "--create-repository", "--iam-policy"])
        .code(0)
        .says_out("ecr:CreateRepository");
    let made = ["deploy", "--create-repository", "--immutable-tags", "--set-policy"];
    let made = release(&made).code(0).says("Created the repository team/new").says("Allowed");
    assert_eq!(made.records()[0]["changes"], json!(["PutImage", "UpdateFunctionCode"]));
    let function = ministack.aws(&["lambda", "get-function", "--function-name", "hello"]);
    let resolved = function["Code"]["ResolvedImageUri"].as_str().unwrap();
    assert!(resolved.contains("/team/new@sha256:"), "{resolved}");
    let all = ministack.aws(&["ecr", "describe-repositories", "--repository-names", "team/new"]);
    assert_eq!(all["repositories"][0]["imageTagMutability"], "IMMUTABLE");
    let again = release(&["deploy"]).code(0);
    assert!(!again.stderr.contains("does not let Lambda read"), "{}", again.stderr);
    assert_eq!(again.records()[0]["state"], "unchanged");
    // Nobody may read it any more: it is said, and nothing fails of it.
    ministack.aws(&["ecr", "delete-repository-policy", "--repository-name", "team/new"]);
    for command in ["plan", "deploy"] {
        let warned = release(&[command]).code(0);
        warned.says("the policy of team/new does not let Lambda read it: `--set-policy` does");
    }
    // Lambda takes no image of it, whatever the function runs now.
    settings(&format!("{}/team/new", host.replace("us-east-1", "eu-west-1")));
    let refused = release(&["deploy"]).code(2);
    refused.says("is of Region eu-west-1, and the function of us-east-1");
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
    assert!(output.status.code() == Some(130) && said.contains("interrupted"), "{said}");
    let calls = proxy.calls();
    // Of those whose answers were on their way nobody knows the place.
    assert!(calls.iter().any(|call| call.starts_with("DELETE ")), "{calls:#?}");
}
