//! `--data`: what was acknowledged is there after `kill -9` at any moment.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::server::{Server, soon};
use super::zips::{echo, says};
use crate::support::{lambda_pack, run};

const FUNCTIONS: &str = "/2015-03-31/functions";

/// What the server has acknowledged of one function.
#[derive(Debug, Default, Clone, PartialEq)]
struct Known {
    /// `CodeSha256` of `$LATEST`.
    code: String,
    /// Those of its versions.
    versions: BTreeMap<String, String>,
    /// The alias's version.
    alias: Option<String>,
}

type All = BTreeMap<String, Known>;

/// Calls without end, each told once it is acknowledged, until the server is gone.
fn calls(address: &str, mut known: All, told: &mpsc::Sender<All>) -> Option<()> {
    let call = |method: &str, path: &str, body: Value| {
        let reply = request(address, method, path, &body.to_string())?;
        assert!(reply.0 < 300, "{method} {path}: {reply:?}");
        Some(reply.1)
    };
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    loop {
        let name = format!("f{}", random(4));
        let zip = json!({ "ZipFile": STANDARD.encode(says(&random(1 << 30).to_string())) });
        if let Some(function) = known.get_mut(&name) {
            match random(4) {
                0 => {
                    let path = format!("{FUNCTIONS}/{name}/code");
                    function.code = text(&call("PUT", &path, zip)?, "CodeSha256");
                }
                1 => {
                    let path = format!("{FUNCTIONS}/{name}/versions");
                    let made = call("POST", &path, json!({}))?;
                    assert_eq!(text(&made, "CodeSha256"), function.code);
                    function.versions.insert(text(&made, "Version"), text(&made, "CodeSha256"));
                }
                _ => {
                    let Some(version) = function.versions.keys().last() else { continue };
                    let body = json!({ "Name": "live", "FunctionVersion": version });
                    let path = format!("{FUNCTIONS}/{name}/aliases");
                    match function.alias {
                        Some(_) => call("PUT", &format!("{path}/live"), body)?,
                        None => call("POST", &path, body)?,
                    };
                    function.alias = Some(version.clone());
                }
            }
        } else {
            let settings = json!({
                "FunctionName": name, "Role": "arn:aws:iam::123456789012:role/orders",
                "Runtime": "provided.al2023", "Handler": "bootstrap", "Code": zip,
            });
            let made = call("POST", FUNCTIONS, settings)?;
            known.insert(name, Known { code: text(&made, "CodeSha256"), ..Known::default() });
        }
        told.send(known.clone()).unwrap();
    }
}

/// One request; none if the server went away before it was answered whole.
fn request(address: &str, method: &str, path: &str, body: &str) -> Option<(u16, Value)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        super::server::SIGNED,
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().unwrap();
    Some((status, serde_json::from_str(body).ok()?))
}

fn random(below: u128) -> u128 {
    Uuid::new_v4().as_u128() % below
}

/// What a server that was started on the folder again knows.
fn found(server: &Server) -> All {
    let get = |path: &str| server.control("GET", path, &json!({}));
    let text = |value: &Value, name: &str| value[name].as_str().unwrap().to_owned();
    let functions = get(FUNCTIONS);
    let each = functions["Functions"].as_array().unwrap().iter().map(|function| {
        let name = text(function, "FunctionName");
        let versions = all_versions(server, &name).into_iter();
        let versions = versions.map(|one| (text(&one, "Version"), text(&one, "CodeSha256")));
        let aliases = get(&format!("{FUNCTIONS}/{name}/aliases"));
        let alias = aliases["Aliases"].get(0).map(|alias| text(alias, "FunctionVersion"));
        let code = text(function, "CodeSha256");
        let versions = versions.filter(|(number, _)| number != "$LATEST").collect();
        (name, Known { code, versions, alias })
    });
    each.collect()
}

/// They come by pages of fifty.
fn all_versions(server: &Server, name: &str) -> Vec<Value> {
    let path = format!("{FUNCTIONS}/{name}/versions");
    let (mut all, mut query) = (Vec::new(), String::new());
    loop {
        let page = server.control("GET", &format!("{path}{query}"), &json!({}));
        all.extend(page["Versions"].as_array().unwrap().iter().cloned());
        let Some(next) = page["NextMarker"].as_str() else { return all };
        query = format!("?Marker={next}");
    }
}

/// How many functions differ, in how many ways: a call that was not acknowledged may have been done.
fn differences(known: &All, found: &All) -> usize {
    let none = Known::default();
    let names: std::collections::BTreeSet<_> = known.keys().chain(found.keys()).collect();
    let each = names.into_iter().map(|name| {
        let (one, other) = (known.get(name).unwrap_or(&none), found.get(name).unwrap_or(&none));
        // What is more may be; what is less may not.
        let lost =
            one.versions.iter().any(|(number, code)| other.versions.get(number) != Some(code));
        assert!(!lost, "{name}: {one:?} is known, {other:?} is there");
        let lost = known.contains_key(name) && !found.contains_key(name);
        assert!(!lost, "{name} is lost");
        usize::from(one.code != other.code)
            + usize::from(one.alias != other.alias)
            + usize::from(one.versions.len() != other.versions.len())
    });
    each.sum()
}

fn survives(kills: usize) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let args = ["-q", "--data", data];
    let (mut known, mut acknowledged) = (All::new(), 0);
    for round in 0..kills {
        let mut server = Server::start(&args);
        let (told, hears) = mpsc::channel();
        let (address, before) = (server.address.clone(), known.clone());
        let client = std::thread::spawn(move || calls(&address, before, &told));
        let wait = u64::try_from(20 + random(400)).unwrap();
        std::thread::sleep(Duration::from_millis(wait));
        server.kill();
        client.join().unwrap();
        let states: Vec<All> = hears.iter().collect();
        acknowledged += states.len();
        known = states.into_iter().last().unwrap_or(known);
        let server = Server::start(&args);
        let found = found(&server);
        let more = differences(&known, &found);
        assert!(more <= 1, "round {round}: only one call was under way\n{known:#?}\n{found:#?}");
        // The code is there too, whatever has been collected.
        let all = found.values().flat_map(|it| it.versions.values().chain([&it.code]));
        for sha256 in all {
            assert!(codes(folder.path()).contains(&plain(sha256)), "round {round}: {sha256}");
        }
        if let Some(name) = found.keys().next() {
            server.answer(name, "{}");
        }
        known = found;
    }
    assert!(acknowledged > kills, "{acknowledged} calls in {kills} rounds");
}

/// The digests of the code in a folder, as they are written there.
fn codes(folder: &Path) -> Vec<String> {
    let items = std::fs::read_dir(folder.join("code")).unwrap().flatten();
    let name = |item: std::fs::DirEntry| item.file_name().into_string().unwrap();
    let mut all: Vec<String> =
        items.filter_map(|item| Some(name(item).strip_suffix(".zip")?.to_owned())).collect();
    all.sort();
    all
}

fn plain(sha256: &str) -> String {
    sha256.trim_end_matches('=').replace('/', "_").replace('+', "-")
}

/// While the server runs, and what one that was killed had left.
#[test]
fn code_that_nothing_refers_to_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["-q", "--data", folder.path().to_str().unwrap()];
    let mut server = Server::start(&args);
    let digest = |answer: &Value| plain(answer["CodeSha256"].as_str().unwrap());
    let is = |what: &str, mut expected: Vec<&String>| {
        expected.sort();
        soon(what, || codes(folder.path()).iter().eq(expected.iter().copied()));
    };
    let one = digest(&server.create("f", &says("one")));
    server.control("POST", "/2015-03-31/functions/f/versions", &json!({}));
    let two = digest(&server.update("f", &says("two")));
    assert_eq!(server.answer("f", "{}"), "two");
    let three = digest(&server.update("f", &says("three")));
    is("neither a version nor $LATEST is `two`", vec![&one, &three]);
    soon("nor is it unpacked", || !folder.path().join("unpacked").join(&two).exists());
    // One that is refused leaves nothing.
    let refused = json!({
        "FunctionName": "f", "Role": "arn:aws:iam::123456789012:role/orders", "Handler": "x",
        "Runtime": "provided.al2023", "Code": { "ZipFile": STANDARD.encode(says("other")) },
    });
    let reply = server.call("POST", FUNCTIONS, &[], refused.to_string().as_bytes());
    assert_eq!(reply.status, 409);
    is("what was refused is gone", vec![&one, &three]);
    // What runs keeps its code until it has answered.
    assert_eq!(
        (server.answer("f:1", "0"), server.answer("f", "0")),
        (json!("one"), json!("three"))
    );
    server.control("DELETE", "/2015-03-31/functions/f?Qualifier=1", &json!({}));
    is("the version is gone", vec![&three]);
    server.kill();
    let code = folder.path().join("code").join(format!("{one}.zip"));
    std::fs::write(&code, says("one")).unwrap();
    let server = Server::start(&args);
    is("what was left is gone", vec![&three]);
    assert_eq!(server.answer("f", "0"), "three");
    server.control("DELETE", "/2015-03-31/functions/f", &json!({}));
    is("nothing is left", vec![]);
    let unpacked = || std::fs::read_dir(folder.path().join("unpacked")).unwrap().count();
    soon("nothing is unpacked", || unpacked() == 0);
}

/// The same code is uploaded, and the last that refers to it deleted, again and again.
#[test]
fn code_that_comes_back_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&["-q", "--data", folder.path().to_str().unwrap()]);
    let end = std::time::Instant::now() + Duration::from_millis(2500);
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let server = &server;
            scope.spawn(move || {
                while std::time::Instant::now() < end {
                    server.create(name, &says("same"));
                    assert_eq!(server.answer(name, "0"), "same");
                    server.control("DELETE", &format!("{FUNCTIONS}/{name}"), &json!({}));
                }
            });
        }
    });
}

#[test]
fn what_was_acknowledged_survives_kill_9() {
    survives(3);
}

#[test]
#[ignore = "forty kills"]
fn what_was_acknowledged_survives_forty_kills() {
    survives(40);
}

/// Layers, policies, tags and the rest, across an ordinary end.
#[test]
fn everything_survives_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--data", folder.path().to_str().unwrap()];
    let arn = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let paths = [
        "/2015-03-31/functions/f".to_owned(),
        "/2015-03-31/functions/f/versions".to_owned(),
        "/2015-03-31/functions/f/aliases/live".to_owned(),
        "/2015-03-31/functions/f/policy".to_owned(),
        "/2018-10-31/layers/shared/versions/1".to_owned(),
        "/2021-10-31/functions/f/url?Qualifier=live".to_owned(),
        "/2019-09-25/functions/f/event-invoke-config".to_owned(),
        "/2019-09-30/functions/f/concurrency".to_owned(),
        format!("/2017-03-31/tags/{arn}"),
        "/2015-03-31/event-source-mappings?MaxItems=10".to_owned(),
        "/2016-08-19/account-settings".to_owned(),
    ];
    // Where the code is fetched from, and the mapping's way to Enabled, are another server's.
    let read = |server: &Server| {
        paths.iter().map(|path| stable(server.control("GET", path, &json!({})))).collect::<Vec<_>>()
    };
    let before = {
        let server = Server::start(&args);
        let content = json!({ "Content": { "ZipFile": STANDARD.encode(echo()) } });
        let layer = server.control("POST", "/2018-10-31/layers/shared/versions", &content);
        server.create_with(
            "f",
            &echo(),
            &json!({ "Layers": [layer["LayerVersionArn"]], "Tags": { "a": "b" } }),
        );
        let put = |method: &str, path: &str, body: Value| server.control(method, path, &body);
        put("POST", "/2015-03-31/functions/f/versions", json!({ "Description": "one" }));
        put(
            "POST",
            "/2015-03-31/functions/f/aliases",
            json!({ "Name": "live", "FunctionVersion": "1" }),
        );
        let permission = json!({ "StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com" });
        put("POST", "/2015-03-31/functions/f/policy", permission);
        put("POST", "/2021-10-31/functions/f/url?Qualifier=live", json!({ "AuthType": "NONE" }));
        put(
            "PUT",
            "/2019-09-25/functions/f/event-invoke-config",
            json!({ "MaximumRetryAttempts": 1 }),
        );
        put(
            "PUT",
            "/2017-10-31/functions/f/concurrency",
            json!({ "ReservedConcurrentExecutions": 7 }),
        );
        let queue = "arn:aws:sqs:us-east-1:123456789012:queue";
        put(
            "POST",
            "/2015-03-31/event-source-mappings",
            json!({ "FunctionName": "f", "EventSourceArn": queue }),
        );
        read(&server)
    };
    let server = Server::start(&args);
    for ((path, before), after) in paths.iter().zip(before).zip(read(&server)) {
        assert_eq!(before, after, "{path}");
    }
    assert_eq!(server.answer("f:live", "1"), 1);
    server.control("DELETE", "/2015-03-31/functions/f", &json!({}));
    drop(server);
    let server = Server::start(&args);
    assert_eq!(server.call("GET", &paths[0], &[], b"").status, 404, "what was deleted stays so");
}

fn stable(mut answer: Value) -> Value {
    for place in ["/Code/Location", "/Content/Location", "/EventSourceMappings/0/State"] {
        if let Some(value) = answer.pointer_mut(place) {
            *value = Value::Null;
        }
    }
    answer
}

#[test]
fn two_servers_cannot_have_one_folder() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let mut server = Server::start(&["--data", data]);
    let second = |code| second(folder.path(), &["--port", "0", "--data", data], code);
    second(2).says("is in use by another server");
    // Nor does one that was killed leave it in use.
    server.kill();
    drop(Server::start(&["--data", data]));
}

#[test]
fn a_port_that_is_in_use_is_told() {
    let server = Server::start(&[]);
    let port = server.address.rsplit_once(':').unwrap().1;
    let said = second(server.folder(), &["--port", port], 2);
    said.says(&format!("error: cannot listen on 127.0.0.1:{port}")).says("`--port 0`");
}

#[track_caller]
fn second(folder: &Path, args: &[&str], code: i32) -> crate::support::Run {
    run(lambda_pack(folder).arg("local").args(args)).code(code)
}

#[test]
fn a_folder_that_cannot_be_understood_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    drop(Server::start(&["--data", data]));
    let record = folder.path().join("records/function:f.json");
    std::fs::write(&record, "{").unwrap();
    second(folder.path(), &["--port", "0", "--data", data], 2).says("cannot understand");
    assert_eq!(std::fs::read_to_string(&record).unwrap(), "{", "nothing is thrown away");
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    second(folder.path(), &["--port", "0", "--data", file.to_str().unwrap()], 2).says("cannot use");
}
