//! Function URLs in a real browser: what pages of other origins may read is what CORS says, and nothing
//! but function URLs is open to any page.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::server::{SIGNED, Server, soon};
use super::urls::url;
use super::zips::python;
use crate::support::{have, run};

/// Debian's package of that name: `tests/setup` installs it.
const BROWSER: &str = "chromium-headless-shell";

/// Asks for what stands in `ASKS`, one after the other, and sends what a page sees of the answers to `SITE`.
const SCRIPT: &str = r#"
const results = {};
async function read(answer, stream) {
  if (!stream) return answer.text();
  const pieces = [], reader = answer.body.getReader();
  for (let piece; !(piece = await reader.read()).done;) pieces.push(new TextDecoder().decode(piece.value));
  return JSON.stringify(pieces);
}
async function ask([name, url, { stream, ...options }]) {
  try {
    const answer = await fetch(url, options);
    let body = await read(answer, stream);
    try { body = JSON.parse(body); } catch {}
    const header = name => answer.headers.get(name);
    results[name] = { status: answer.status, type: answer.type, own: header("x-own"), other: header("x-other"), body };
  } catch (error) { results[name] = error.name; }
}
(async () => {
  for (const one of ASKS) await ask(one);
  await fetch("SITE", { method: "POST", mode: "no-cors", body: JSON.stringify(results) });
})();
"#;

/// What a `fetch` becomes that the browser lets no page see.
const UNSEEN: &str = "TypeError";

/// A site that is none of the server's: whatever is got from it is its page, what is sent to it the results.
struct Site {
    port: u16,
    page: Arc<Mutex<String>>,
    results: Receiver<Value>,
}

impl Site {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (page, (send, results)) = (Arc::new(Mutex::new(String::new())), channel());
        let all = Arc::clone(&page);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (page, send) = (all.lock().unwrap().clone(), send.clone());
                // Browsers open more connections than they use.
                std::thread::spawn(move || serve(&stream, &page, &send));
            }
        });
        Self { port, page, results }
    }

    /// A page that asks for these.
    fn page(&self, asks: &Value) -> String {
        let site = format!("http://127.0.0.1:{}/", self.port);
        let script = SCRIPT.replace("ASKS", &asks.to_string()).replace("SITE", &site);
        format!("<!doctype html><script>{script}</script>")
    }

    /// What the page at this address has seen in the end.
    #[track_caller]
    fn visit(&self, address: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let mut browser = browser(&folder);
        // Debian's program is a script that starts the browser: all that it starts ends with it.
        browser.args(["--remote-debugging-port=0", address]).process_group(0);
        let mut browser = browser.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let results = self.results.recv_timeout(Duration::from_mins(1));
        kill_process_group(Pid::from_child(&browser), Signal::KILL).unwrap();
        browser.wait().unwrap();
        results.expect("the page comes to its end")
    }
}

fn browser(folder: &TempDir) -> Command {
    let mut browser = Command::new(BROWSER);
    browser.args(["--no-sandbox", "--disable-gpu"]).env("HOME", folder.path());
    browser.arg(format!("--user-data-dir={}", folder.path().join("profile").display()));
    browser
}

fn serve(mut stream: &TcpStream, page: &str, results: &Sender<Value>) {
    let _ = stream.set_read_timeout(Some(Duration::from_mins(1)));
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let before = head.len();
        if reader.read_line(&mut head).unwrap_or_default() == 0 {
            return;
        }
        let line = head[before..].to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    if reader.read_exact(&mut body).is_ok() && head.starts_with("POST ") {
        let _ = results.send(serde_json::from_slice(&body).unwrap());
    }
    let length = page.len();
    let _ = write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{page}"
    );
}

/// Says what it was asked, sets a cookie, and has headers of its own.
const FUNCTION: &str = "
def answer(event):
    if event['rawPath'] == '/fails': return {'statusCode': 9}
    context = event['requestContext']
    seen = {'method': context['http']['method'], 'cookies': event.get('cookies'),
        'one': event['headers'].get('x-one'), 'origin': event['headers'].get('origin')}
    headers = {'content-type': 'application/json', 'x-own': 'mine', 'x-other': 'hidden'}
    return {'statusCode': 201, 'headers': headers, 'cookies': ['seen=1; Path=/'], 'body': json.dumps(seen)}
loop(answer)
";

/// Two pieces, half a second apart.
const STREAM: &str = r#"
while True:
    id, headers, event = next()
    with socket.create_connection(address.split(":")) as raw:
        raw.sendall((f"POST /2018-06-01/runtime/invocation/{id}/response HTTP/1.1\r\nHost: {address}\r\n"
            "Content-Type: application/vnd.awslambda.http-integration-response\r\n"
            "Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n\r\n").encode())
        for piece in (b'{"statusCode": 203}' + bytes(8) + b"one ", b"two"):
            raw.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
            time.sleep(0.5)
        raw.sendall(b"0\r\n\r\n")
        raw.recv(1000)
"#;

/// A server with functions behind URLs, whose CORS is for a site that there is at this port.
fn server(port: u16) -> Server {
    let server = Server::start(&[]);
    let shop = format!("http://127.0.0.1:{port}");
    let cors = json!({ "AllowOrigins": [shop], "AllowMethods": ["GET", "PUT"], "AllowHeaders": ["x-one"],
        "ExposeHeaders": ["x-own"], "AllowCredentials": true, "MaxAge": 60 });
    let every = json!({ "AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"] });
    let mut with_credentials = every.clone();
    with_credentials["AllowCredentials"] = json!(true);
    let signed =
        json!({ "AllowOrigins": [shop], "AllowMethods": ["*"], "AllowHeaders": ["authorization"] });
    for (name, script, config) in [
        ("shop", FUNCTION, json!({ "Cors": cors })),
        ("every", FUNCTION, json!({ "Cors": every })),
        ("credentials", FUNCTION, json!({ "Cors": with_credentials })),
        ("signed", FUNCTION, json!({ "AuthType": "AWS_IAM", "Cors": signed })),
        ("closed", FUNCTION, json!({})),
        ("stream", STREAM, json!({ "InvokeMode": "RESPONSE_STREAM", "Cors": cors })),
    ] {
        server.create(name, &python(script));
        url(&server, name, &config);
    }
    server.create("secret", &python("loop(lambda event: say('it was invoked'))"));
    server
}

/// What no page may reach, whatever it sends.
fn control(server: &Server) -> Value {
    let path = |path: &str| format!("http://{}{path}", server.address);
    let invoke = path("/2015-03-31/functions/secret/invocations");
    let signed = json!({ "Authorization": SIGNED });
    json!([
        ["list", path("/2015-03-31/functions"), {}],
        ["list signed", path("/2015-03-31/functions"), { "headers": signed }],
        ["invoke", invoke, { "method": "POST", "body": "{}" }],
        ["invoke signed", invoke, { "method": "POST", "body": "{}", "headers": signed }],
        ["invoke unseen", invoke, { "method": "POST", "body": "{}", "mode": "no-cors" }],
        ["delete", path("/2015-03-31/functions/secret"), { "method": "DELETE", "headers": signed }],
        ["code", path("/code/secret"), {}],
        ["root", path("/"), {}],
    ])
}

/// It is there still, and nobody has invoked it but who may.
#[track_caller]
fn secret_is_kept(server: &Server) {
    assert!(!server.said().contains("it was invoked"), "{}", server.said());
    server.answer("secret", "{}");
    soon("it is told", || server.said().contains("it was invoked"));
}

#[test]
fn pages_of_other_origins_read_what_cors_lets_them() {
    if !have(BROWSER) {
        return;
    }
    let site = Site::start();
    let port = site.port;
    let server = server(port);
    let of = |name: &str, path: &str| format!("http://{}/url/{name}{path}", server.address);
    let one = json!({ "X-One": "two" });
    let (include, put) = ("include", "PUT");
    let by_host = {
        let got = server.control("GET", "/2021-10-31/functions/shop/url", &Value::Null);
        let id = got["FunctionUrl"].as_str().unwrap()[8..].split('.').next().unwrap().to_owned();
        format!("http://{id}.lambda-url.localhost:{}/", server.address.split_once(':').unwrap().1)
    };
    let mut asks = json!([
        ["first", of("shop", "/a?b=c"), { "credentials": include }],
        ["again", of("shop", "/"), { "credentials": include }],
        ["without", of("shop", "/"), { "credentials": "omit" }],
        ["put", of("shop", "/"), { "method": put, "headers": one, "body": "x" }],
        ["method", of("shop", "/"), { "method": "DELETE" }],
        ["header", of("shop", "/"), { "headers": { "X-Two": "2" } }],
        ["fails", of("shop", "/fails"), {}],
        ["host", by_host, {}],
        ["stream", of("stream", "/"), { "stream": true }],
        ["every", of("every", "/"), { "method": put, "headers": one }],
        ["every with", of("every", "/"), { "credentials": include }],
        ["credentials", of("credentials", "/"), { "method": put, "headers": one, "credentials": include }],
        ["unsigned", of("signed", "/"), {}],
        ["signed", of("signed", "/"), { "headers": { "Authorization": SIGNED } }],
        ["closed", of("closed", "/"), {}],
        ["none", of("secret", "/"), {}],
    ]);
    asks.as_array_mut().unwrap().extend(control(&server).as_array().unwrap().clone());
    *site.page.lock().unwrap() = site.page(&asks);

    let seen = site.visit(&format!("http://127.0.0.1:{port}/"));
    let shop = format!("http://127.0.0.1:{port}");
    let answered = |method: &str, cookies: Value, one: Value, own: &str| {
        let body = json!({ "method": method, "cookies": cookies, "one": one, "origin": shop });
        let own = if own.is_empty() { Value::Null } else { json!(own) };
        json!({ "status": 201, "type": "cors", "own": own, "other": null, "body": body })
    };
    let (null, cookie, two) = (Value::Null, json!(["seen=1"]), json!("two"));
    assert_eq!(seen["first"], answered("GET", null.clone(), null.clone(), "mine"));
    assert_eq!(seen["again"], answered("GET", cookie.clone(), null.clone(), "mine"));
    assert_eq!(seen["without"], answered("GET", null.clone(), null.clone(), "mine"));
    assert_eq!(seen["put"], answered("PUT", null.clone(), two.clone(), "mine"));
    assert_eq!(seen["host"], answered("GET", null.clone(), null.clone(), "mine"));
    assert_eq!(seen["every"], answered("PUT", null.clone(), two.clone(), ""));
    assert_eq!(seen["credentials"], answered("PUT", cookie, two, ""));
    assert_eq!(seen["signed"], answered("GET", null.clone(), null, ""));
    assert_eq!(
        (&seen["stream"]["status"], &seen["stream"]["body"]),
        (&json!(203), &json!(["one ", "two"]))
    );
    // Refusals and failures can be read as well.
    assert_eq!((&seen["fails"]["status"], &seen["unsigned"]["status"]), (&json!(502), &json!(403)));
    for name in ["method", "header", "every with", "closed", "none"] {
        assert_eq!(seen[name], UNSEEN, "{name}");
    }
    closed(&seen);

    // The same page under another name is of another origin, for which only `*` is open.
    let seen = site.visit(&format!("http://localhost:{port}/"));
    for name in ["first", "again", "put", "fails", "host", "stream", "signed", "unsigned", "closed"]
    {
        assert_eq!(seen[name], UNSEEN, "{name}");
    }
    for name in ["every", "credentials"] {
        assert_eq!(seen[name]["status"], 201, "{name}: {seen:#}");
    }
    assert_eq!(seen["credentials"]["body"]["cookies"], Value::Null, "that is another site's");
    closed(&seen);
    secret_is_kept(&server);
}

/// Nothing of the control API was seen.
#[track_caller]
fn closed(seen: &Value) {
    for name in ["list", "list signed", "invoke", "invoke signed", "delete", "code", "root"] {
        assert_eq!(seen[name], UNSEEN, "{name}");
    }
    assert_eq!(seen["invoke unseen"]["type"], "opaque");
}

/// A page that comes from a function URL has the origin of the server itself: it is refused all the same,
/// and so is who types an address of the API.
#[test]
fn pages_of_functions_have_no_way_to_the_api() {
    if !have(BROWSER) {
        return;
    }
    let site = Site::start();
    let server = server(site.port);
    let mut asks = control(&server);
    let own = format!("http://{}/url/closed/", server.address);
    asks.as_array_mut().unwrap().push(json!(["own", own, {}]));
    let (html, page) = (r#""content-type": "text/html""#, site.page(&asks));
    let script = format!(
        "loop(lambda event: {{\"statusCode\": 200, \"headers\": {{{html}}}, \"body\": {page:?}}})"
    );
    server.create("web", &python(&script));
    let id = url(&server, "web", &json!({}));

    let seen = site.visit(&format!("http://{}/url/web/", server.address));
    assert_eq!(seen["own"]["status"], 201, "{seen:#}");
    for (name, answer) in seen.as_object().unwrap() {
        if name != "own" {
            assert_eq!(answer["status"], 403, "{name}: {seen:#}");
        }
    }
    // Under the name that AWS gives it, it is of an origin of its own.
    let port = server.address.split_once(':').unwrap().1;
    closed(&site.visit(&format!("http://{id}.lambda-url.localhost:{port}/")));
    let folder = tempfile::tempdir().unwrap();
    let mut typed = browser(&folder);
    typed.args(["--dump-dom", &format!("http://{}/2015-03-31/functions", server.address)]);
    let typed = run(&mut typed).code(0).stdout;
    assert!(typed.contains("pages in a browser may not call this server"), "{typed}");
    secret_is_kept(&server);
}
