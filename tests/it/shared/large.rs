//! Layers as large as they may be, and what does not go with a call.

use std::collections::BTreeMap;
use std::fs::{self, File};

use serde_json::{Value, json};

use super::kinds::with_extension;
use super::{json as record, layers, package, serves};
use crate::deploy::emulators::Emulator;
use crate::deploy::proxy::Proxy;
use crate::deploy::site::with_keys;
use crate::local::server::Server;
use crate::support::{Workspace, host_arch, run};

const MODEL: usize = 100_000_000;
const HANDLERS: [&str; 4] = ["hello", "second", "third", "fourth"];

/// Bytes that no compressor makes fewer, and their sum as words.
fn model() -> (Vec<u8>, u64) {
    let (mut bytes, mut sum, mut word) = (Vec::with_capacity(MODEL), 0_u64, 11_u64);
    while bytes.len() < MODEL {
        word ^= word << 13;
        word ^= word >> 7;
        word ^= word << 17;
        sum = sum.wrapping_add(word);
        bytes.extend(word.to_le_bytes());
    }
    (bytes, sum)
}

/// Answers with a word, and the sum of the model.
fn sums(word: &str) -> String {
    serves(&format!(
        "let mut file = std::fs::File::open(\"/opt/models/model.bin\").unwrap();\n\
         let (mut sum, mut piece) = (0_u64, vec![0; 1 << 20]);\n\
         loop {{\n\
         let read = file.read(&mut piece).unwrap();\n\
         if read == 0 {{ break; }}\n\
         for word in piece[..read].chunks_exact(8) {{\n\
         sum = sum.wrapping_add(u64::from_le_bytes(word.try_into().unwrap()));\n\
         }}\n\
         }}\n\
         call(\"POST\", &format!(\"invocation/{{id}}/response\"), &format!(\"[\\\"{word}\\\", {{sum}}]\"));"
    ))
}

/// Four handlers that read a model of 100 MB, and an extension; the sum of the model.
fn workspace(role: &str) -> (Workspace, u64) {
    let workspace = Workspace::hello();
    let (bytes, sum) = model();
    workspace.write("models/model.bin", bytes);
    for name in HANDLERS {
        workspace.handler(name, "");
        workspace.write(&format!("crates/{name}/src/main.rs"), sums(name));
    }
    with_extension(&workspace);
    workspace.write(
        "lambda-pack.toml",
        format!(
            "assets = [\"models\"]\nalias = [\"live\"]\ntimeout = 20\nrole = \"{role}\"\n\
             s3-bucket = \"code\"\nlayers.prefix = \"shop\"\n"
        ),
    );
    (workspace, sum)
}

/// What a deploy did: the state of each function, the bytes that went into the bucket, how many versions of
/// layers were published, and how many calls wrote anything.
struct Done {
    states: BTreeMap<String, String>,
    sent: usize,
    published: usize,
    writes: usize,
}

/// To this Lambda, by way of the bucket of that emulator.
#[track_caller]
fn deploy(workspace: &Workspace, lambda: &str, s3: &str) -> Done {
    let (lambda, s3) = (Proxy::new(lambda, |_, _| true), Proxy::new(s3, |_, _| true));
    let args = ["deploy", "--from", "target/lambda-pack", "--rate", "0", "--output", "json"];
    let mut command = workspace.command(&args);
    with_keys(&mut command);
    command.args(["--region", "us-east-1"]);
    command.env("AWS_ENDPOINT_URL_LAMBDA", format!("http://{}", lambda.address));
    command.env("AWS_ENDPOINT_URL_S3", format!("http://{}", s3.address));
    let run = run(&mut command).code(0);
    let deployed = run.records().into_iter().filter(|it| it["reason"] == "deployed");
    let word = |record: &Value, key: &str| record[key].as_str().unwrap().to_owned();
    let states = deployed.map(|it| (word(&it, "function"), word(&it, "state"))).collect();
    let sent = s3.all().into_iter().filter(|call| call.line.starts_with("PUT "));
    let writes: Vec<_> =
        lambda.all().into_iter().filter(|call| !call.line.starts_with("GET ")).collect();
    let published = writes.iter().filter(|call| call.operation() == "PublishLayerVersion").count();
    Done { states, sent: sent.map(|call| call.body.len()).sum(), published, writes: writes.len() }
}

#[test]
#[ignore = "compresses 100 MB and sends them about"]
fn a_model_of_100_mb_goes_once_for_four_handlers_and_stays_while_their_code_changes() {
    let Some(emulator) = Emulator::ministack() else { return };
    emulator.aws(&["s3api", "create-bucket", "--bucket", "code"]);
    let server = Server::start(&["--s3-endpoint", &format!("http://{}", emulator.address)]);
    let (workspace, sum) = workspace(&emulator.role());
    package(&workspace, &[]);
    let zips = layers(&workspace, "hello");
    let sizes: Vec<u64> = zips.iter().map(|zip| fs::metadata(zip).unwrap().len()).collect();
    // By itself over what a call takes.
    assert!(sizes.len() == 2 && sizes[0] > MODEL as u64 && sizes[1] < 10_000_000, "{sizes:?}");
    assert!(HANDLERS.iter().all(|name| layers(&workspace, name) == zips));

    let here = workspace.run(&["invoke", "second", "--local"]).code(0);
    assert_eq!(here.stdout.trim(), format!("[\"second\", {sum}]"));
    let first = deploy(&workspace, &server.address, &emulator.address);
    assert_eq!((first.published, first.states.len()), (2, 4));
    // Once for all four.
    assert!(first.sent > MODEL && first.sent < MODEL + 20_000_000, "{}", first.sent);
    let answers = |words: [&str; 4]| {
        for (name, word) in HANDLERS.iter().zip(words) {
            let reply = server.invoke(&format!("{name}:live"), "{}");
            assert_eq!(reply.json(), json!([word, sum]), "{reply:?}");
            assert!(reply.log().contains("REPORT RequestId"), "{}", reply.log());
        }
    };
    answers(HANDLERS);
    let said = server.said();
    assert_eq!(said.matches("EXTENSION  Name: watcher  State: Ready").count(), 4, "{said}");
    let nothing = |lambda: &str| {
        let again = deploy(&workspace, lambda, &emulator.address);
        assert!(again.states.values().all(|state| state == "unchanged"), "{:?}", again.states);
        assert_eq!((again.sent, again.writes), (0, 0));
    };
    nothing(&server.address);
    // Lambda elsewhere has the same bucket: what lies there is not sent again.
    let other = deploy(&workspace, &emulator.address, &emulator.address);
    assert_eq!((other.published, other.sent), (2, 0));
    nothing(&emulator.address);
    let name = format!("shop-asset-models-{}", host_arch());
    let layer =
        record(&workspace.path().join("target/lambda-pack").join(&name).join("layer/layer.json"));
    let read = ["lambda", "get-layer-version", "--version-number", "1", "--layer-name", &name];
    let there = emulator.aws(&read);
    assert_eq!(there["Content"]["CodeSha256"], layer["CodeSha256"]);
    assert_eq!(there["Content"]["CodeSize"], layer["size"]);

    // The code of one: no byte of a layer.
    workspace.write("crates/third/src/main.rs", sums("3rd"));
    package(&workspace, &[]);
    assert_eq!(layers(&workspace, "third"), zips);
    for lambda in [&server.address, &emulator.address] {
        let change = deploy(&workspace, lambda, &emulator.address);
        assert_eq!(change.published, 0);
        assert!(change.sent < 10_000_000, "{}", change.sent);
        let moved = change.states.iter().filter(|(_, state)| *state != "unchanged");
        assert_eq!(moved.map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["third"]);
        nothing(lambda);
    }
    answers(["hello", "second", "3rd", "fourth"]);
}

/// AWS's own number: 250 MB, of function and layers together.
const UNPACKED: u64 = 262_144_000;

#[test]
#[ignore = "unpacks 250 MB twice"]
fn function_and_layers_may_have_262_144_000_bytes_and_not_one_more() {
    let server = Server::start(&[]);
    let workspace = Workspace::hello();
    let length = "let length = std::fs::metadata(\"/opt/models/zeros\").unwrap().len();\n\
                  call(\"POST\", &format!(\"invocation/{id}/response\"), &length.to_string());";
    workspace.write("crates/hello/src/main.rs", serves(length));
    package(&workspace, &[]);
    let own = record(&workspace.output("hello", "lambda-pack.json"))["sizes"]["unpacked"]
        .as_u64()
        .unwrap();
    let role = "role = \"arn:aws:iam::123456789012:role/shop\"\n";
    workspace.write("lambda-pack.toml", format!("assets = [\"models\"]\n{role}"));
    let zeros = File::create(workspace.write("models/zeros", "")).unwrap();
    let port = server.address.rsplit(':').next().unwrap();
    let deploy = ["deploy", "--from", "target/lambda-pack", "--local", "--port", port];

    zeros.set_len(UNPACKED - own).unwrap();
    workspace.run(&["package"]).code(0);
    workspace.run(&deploy).code(0);
    assert_eq!(server.answer("hello", "{}"), UNPACKED - own);

    zeros.set_len(UNPACKED - own + 1).unwrap();
    let run = workspace.run(&["package", "--output", "json"]).code(3);
    assert_eq!(run.findings(), ["unpacked-size"]);
    // Lambda says the same.
    workspace.run(&["package", "--no-check"]).code(0);
    workspace.run(&deploy).code(4).says("combined with layers");
}
