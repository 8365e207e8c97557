//! A registry that keeps what is pushed, with the habits of ECR and of worse ones as switches. Its
//! requests are of the OCI distribution specification's conformance list ("Push", "Content discovery"
//! aside); skopeo is the witness that it is a registry at all.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;
use std::time::Duration;

use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Client, Logins};
use serde_json::{Value, json};

/// A request that came, without its body.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: BTreeMap<String, String>,
    /// How much of the body was read.
    pub(super) body: usize,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Method and path, the ids of uploads as `*`.
    pub(super) fn line(&self) -> String {
        let path = self.target.split('?').next().unwrap();
        let path = match path.split_once("/uploads/") {
            Some((before, id)) if !id.is_empty() => format!("{before}/uploads/*"),
            _ => path.to_owned(),
        };
        format!("{} {path}", self.method)
    }

    /// What the client means to do: `PUT blob`, `HEAD manifest`.
    pub(super) fn what(&self) -> String {
        let kind = if self.target.contains("/uploads/") || self.target.contains("/far/") {
            "upload"
        } else if self.target.contains("/blobs/") {
            "blob"
        } else if self.target.contains("/manifests/") {
            "manifest"
        } else if self.target.contains("/token") {
            "token"
        } else {
            "else"
        };
        format!("{} {kind}", self.method)
    }
}

/// What becomes of a mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Mount {
    #[default]
    Works,
    /// 202, as where it is not known.
    Ignored,
    Fails,
}

/// The form of the locations of uploads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Location {
    #[default]
    Absolute,
    Relative,
    /// With a query of its own.
    Query,
    /// On that host.
    Elsewhere(String),
    /// Of that text.
    Text(String),
    /// None at all.
    Missing,
}

/// What becomes of one request in the place of its answer.
#[derive(Debug, Clone)]
pub(super) enum Trouble {
    /// This status, with these headers and a code of the specification (or none), before the body is
    /// read; then the connection is closed.
    Early(u16, Vec<(&'static str, String)>, &'static str, String),
    /// The same after the body was read, kept open.
    Answer(u16, Vec<(&'static str, String)>, &'static str, String),
    /// So many bytes of the body are read, then the connection is reset.
    Reset(usize),
    /// It is done, and the answer is lost.
    Lost,
    /// Nothing for that long.
    Silence(Duration),
}

type Choose = dyn Fn(&Asked, usize) -> Option<Trouble> + Send + Sync;

/// The switches.
#[derive(Default)]
pub(super) struct Habits {
    pub(super) patch_201: bool,
    pub(super) stale_range: bool,
    pub(super) no_manifest_location: bool,
    /// Repositories are made by nobody but these.
    pub(super) repositories: Option<Vec<&'static str>>,
    pub(super) mount: Mount,
    pub(super) location: Location,
    pub(super) immutable: bool,
    pub(super) no_digest_header: bool,
    /// Another digest is told than it is, after this kind of request.
    pub(super) lies: Option<&'static str>,
    pub(super) min_chunk: Option<u64>,
    /// A blob in one body is answered so.
    pub(super) whole: Option<u16>,
    /// The next chunk is refused for its place once, and half of it was taken.
    pub(super) out_of_place: bool,
    /// Tokens are wanted.
    pub(super) tokens: bool,
    pub(super) warning: Option<&'static str>,
    /// Blobs are read from another host.
    pub(super) blobs_at: Option<String>,
    /// The first answer to a GET of a blob ends after so many bytes.
    pub(super) truncates: Option<usize>,
    pub(super) trouble: Option<Box<Choose>>,
}

/// What is kept.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) blobs: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    /// By repository and digest: media type and bytes.
    pub(super) manifests: BTreeMap<String, BTreeMap<String, (String, Vec<u8>)>>,
    pub(super) tags: BTreeMap<String, BTreeMap<String, String>>,
    uploads: BTreeMap<String, Vec<u8>>,
    pub(super) deleted: usize,
    pub(super) asked: Vec<Asked>,
    tokens: BTreeSet<String>,
    last: usize,
    requests: usize,
    truncated: bool,
    shifted: bool,
}

struct Inner {
    habits: Habits,
    kept: Mutex<Kept>,
    ended: AtomicBool,
}

/// The registry; ended when dropped.
pub(super) struct Ecr {
    pub(super) host: String,
    inner: Arc<Inner>,
}

impl Ecr {
    pub(super) fn new(habits: Habits) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let ended = AtomicBool::new(false);
        let inner = Arc::new(Inner { habits, kept: Mutex::default(), ended });
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&shared);
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    let _ = stream.set_nodelay(true);
                    let mut reader = BufReader::new(stream);
                    while shared.serve(&mut reader).is_some() {}
                });
            }
        });
        Self { host, inner }
    }

    pub(super) fn kept(&self) -> MutexGuard<'_, Kept> {
        self.inner.kept.lock().unwrap()
    }

    /// The requests so far, forgotten.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.kept().asked)
    }

    /// A client with a login for it.
    pub(super) fn client(&self) -> Client {
        Client::new(Logins::none().with(&self.host, "user", "hunter22")).unwrap()
    }

    /// No upload is left half way.
    pub(super) fn is_tidy(&self) -> bool {
        self.kept().uploads.is_empty()
    }
}

impl Drop for Ecr {
    fn drop(&mut self) {
        self.inner.ended.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(&self.host);
    }
}

/// An answer.
struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn reply(status: u16) -> Reply {
    Reply { status, headers: Vec::new(), body: Vec::new() }
}

fn refusal(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({"errors": [{"code": code, "message": message}]}).to_string().into_bytes();
    reply(status).with("Content-Type", "application/json").body(body)
}

impl Reply {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }
}

/// A pair of a query.
fn query<'a>(target: &'a str, name: &str) -> Option<String> {
    let pairs = target.split_once('?')?.1.split('&');
    let found = pairs.filter_map(|pair: &'a str| pair.split_once('=')).find(|pair| pair.0 == name);
    found.map(|pair| pair.1.replace("%3A", ":").replace("%2F", "/"))
}

impl Inner {
    fn serve(&self, stream: &mut BufReader<TcpStream>) -> Option<()> {
        let mut line = String::new();
        if stream.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (method, target) = (words.next()?, words.next()?);
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_lowercase(), value.to_owned());
        }
        let mut asked = Asked { method, target, headers, body: 0 };
        let number = {
            let mut kept = self.kept.lock().unwrap();
            kept.requests += 1;
            kept.requests
        };
        let trouble = self.habits.trouble.as_ref().and_then(|choose| choose(&asked, number));
        match &trouble {
            Some(Trouble::Early(status, headers, code, message)) => {
                self.note(asked.clone());
                let mut refused = refusal(*status, code, message).with("Connection", "close");
                refused.headers.extend(headers.iter().cloned());
                self.answer(stream, &asked, &refused)?;
                // Whatever is still coming is reset.
                return None;
            }
            Some(Trouble::Silence(time)) => {
                self.note(asked);
                thread::sleep(*time);
                return None;
            }
            Some(Trouble::Reset(most)) => {
                let length = asked.header("content-length").parse().unwrap_or(0);
                let mut some = vec![0; length.min(*most)];
                let _ = stream.read_exact(&mut some);
                asked.body = *most;
                self.note(asked);
                let _ = stream.get_ref().shutdown(Shutdown::Both);
                return None;
            }
            _ => {}
        }
        let body = read_body(stream, &asked)?;
        asked.body = body.len();
        self.note(asked.clone());
        let reply = match trouble {
            Some(Trouble::Answer(status, headers, code, message)) => {
                let mut refused = refusal(status, code, &message);
                refused.headers.extend(headers);
                refused
            }
            trouble => {
                let reply = self.handle(&asked, body);
                if matches!(trouble, Some(Trouble::Lost)) {
                    return None;
                }
                reply
            }
        };
        self.answer(stream, &asked, &reply)
    }

    fn note(&self, asked: Asked) {
        self.kept.lock().unwrap().asked.push(asked);
    }

    fn answer(&self, stream: &BufReader<TcpStream>, asked: &Asked, reply: &Reply) -> Option<()> {
        let mut head = format!("HTTP/1.1 {} So\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(warning) = self.habits.warning {
            head.push_str(&format!("Warning: 299 - \"{warning}\"\r\n"));
        }
        if !reply.headers.iter().any(|(name, _)| *name == "Content-Length") {
            head.push_str(&format!("Content-Length: {}\r\n", reply.body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        let mut most = reply.body.len();
        if asked.method != "HEAD" {
            let mut kept = self.kept.lock().unwrap();
            if let Some(cut) = self.habits.truncates.filter(|_| asked.what() == "GET blob")
                && !kept.truncated
                && cut < most
            {
                (most, kept.truncated) = (cut, true);
            }
            bytes.extend(&reply.body[..most]);
        }
        let mut stream = stream.get_ref();
        stream.write_all(&bytes).ok()?;
        (most == reply.body.len()).then_some(())
    }

    fn handle(&self, asked: &Asked, body: Vec<u8>) -> Reply {
        let mut kept = self.kept.lock().unwrap();
        let host = asked.header("host").to_owned();
        if asked.target.starts_with("/token") {
            assert_eq!(asked.header("authorization"), "Basic dXNlcjpodW50ZXIyMg==");
            kept.last += 1;
            let token = format!("token-{}", kept.last);
            kept.tokens.insert(token.clone());
            return reply(200)
                .body(json!({ "token": token, "expires_in": 3600 }).to_string().into());
        }
        if let Some(rest) = asked.target.strip_prefix("/far/") {
            // An upload that another host keeps.
            let id = rest.split('?').next().unwrap().to_owned();
            return self.upload(&mut kept, asked, "far", &id, body);
        }
        if self.habits.tokens {
            let token = asked.header("authorization").strip_prefix("Bearer ").unwrap_or_default();
            if !kept.tokens.contains(token) {
                return challenge(&host, &asked.target);
            }
        }
        let Some(path) = asked.target.strip_prefix("/v2/") else { return reply(404) };
        let path = path.split('?').next().unwrap();
        if path.is_empty() {
            return reply(200);
        }
        let parts = ["/blobs/uploads/", "/blobs/", "/manifests/"];
        let found = parts.iter().find_map(|part| {
            path.split_once(part).map(|(name, rest)| (*part, name.to_owned(), rest.to_owned()))
        });
        let Some((part, name, rest)) = found else { return reply(404) };
        if let Some(all) = &self.habits.repositories
            && !all.contains(&&*name)
        {
            let message = format!(
                "The repository with name '{name}' does not exist in the registry with id '1'"
            );
            return refusal(404, "NAME_UNKNOWN", &message);
        }
        match part {
            "/blobs/uploads/" if rest.is_empty() => self.begin(&mut kept, asked, &host, &name),
            "/blobs/uploads/" => self.upload(&mut kept, asked, &name, &rest, body),
            "/blobs/" => self.blob(&kept, asked, &name, &rest),
            _ => self.manifest(&mut kept, asked, &name, &rest, body),
        }
    }

    fn begin(&self, kept: &mut Kept, asked: &Asked, host: &str, name: &str) -> Reply {
        assert_eq!(asked.method, "POST");
        assert!(asked.header("content-length") == "0", "{asked:?}");
        if let (Some(mount), Some(from)) =
            (query(&asked.target, "mount"), query(&asked.target, "from"))
        {
            let bytes = kept.blobs.get(&from).and_then(|blobs| blobs.get(&mount)).cloned();
            match self.habits.mount {
                Mount::Fails => return reply(500),
                Mount::Works if bytes.is_some() => {
                    kept.blobs
                        .entry(name.to_owned())
                        .or_default()
                        .insert(mount.clone(), bytes.unwrap());
                    return self.digest(reply(201), "mount", &mount);
                }
                _ => {}
            }
        }
        kept.last += 1;
        let id = format!("u{}", kept.last);
        kept.uploads.insert(id.clone(), Vec::new());
        let mut reply = reply(202).with("Range", "0-0");
        if let Some(least) = self.habits.min_chunk {
            reply = reply.with("OCI-Chunk-Min-Length", least.to_string());
        }
        match self.location(host, name, &id) {
            Some(location) => reply.with("Location", location),
            None => reply,
        }
    }

    fn location(&self, host: &str, name: &str, id: &str) -> Option<String> {
        let path = format!("/v2/{name}/blobs/uploads/{id}");
        Some(match &self.habits.location {
            Location::Absolute => format!("http://{host}{path}"),
            Location::Relative => path,
            Location::Query => format!("{path}?_state=a%2Fb%3D%3D&x=1"),
            Location::Elsewhere(host) => format!("http://{host}/far/{id}?signed=1"),
            Location::Text(text) => text.clone(),
            Location::Missing => return None,
        })
    }

    fn upload(&self, kept: &mut Kept, asked: &Asked, name: &str, id: &str, body: Vec<u8>) -> Reply {
        // Those that another registry began.
        if name == "far" {
            kept.uploads.entry(id.to_owned()).or_default();
        }
        if self.habits.location == Location::Query {
            assert!(asked.target.contains("?_state=a%2Fb%3D%3D&x=1"), "{asked:?}");
        }
        let Some(have) = kept.uploads.get(id).map(Vec::len) else {
            return refusal(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown");
        };
        let host = asked.header("host").to_owned();
        let range = |length: usize| {
            let stale = if self.habits.stale_range { 0 } else { length.saturating_sub(1) };
            format!("0-{stale}")
        };
        let here = |reply: Reply| match self.location(&host, name, id) {
            Some(location) => reply.with("Location", location),
            None => reply,
        };
        match asked.method.as_str() {
            "DELETE" => {
                kept.uploads.remove(id);
                kept.deleted += 1;
                reply(204)
            }
            "GET" => here(reply(204).with("Range", format!("0-{}", have.saturating_sub(1)))),
            "PATCH" => {
                let first: Option<usize> =
                    asked.header("content-range").split('-').next().unwrap().parse().ok();
                if first.is_some_and(|first| first != have) {
                    return here(reply(416)).with("Range", range(have));
                }
                let upload = kept.uploads.get_mut(id).unwrap();
                if self.habits.out_of_place && !kept.shifted {
                    kept.shifted = true;
                    upload.extend(&body[..body.len() / 2]);
                    return reply(416);
                }
                upload.extend(body);
                let status = if self.habits.patch_201 { 201 } else { 202 };
                here(reply(status)).with("Range", range(upload.len()))
            }
            "PUT" => {
                if let Some(status) = self.habits.whole.filter(|_| !body.is_empty()) {
                    return refusal(status, "UNSUPPORTED", "The operation is unsupported.");
                }
                self.finish(kept, asked, name, id, body)
            }
            _ => reply(405),
        }
    }

    fn finish(&self, kept: &mut Kept, asked: &Asked, name: &str, id: &str, body: Vec<u8>) -> Reply {
        assert!(!asked.headers.contains_key("transfer-encoding"), "{asked:?}");
        let mut bytes = kept.uploads.remove(id).unwrap();
        bytes.extend(body);
        let digest = Sha256::of(&bytes).to_string();
        if query(&asked.target, "digest").as_ref() != Some(&digest) {
            return refusal(
                400,
                "DIGEST_INVALID",
                "provided digest did not match uploaded content",
            );
        }
        kept.blobs.entry(name.to_owned()).or_default().insert(digest.clone(), bytes);
        let path = format!("/v2/{name}/blobs/{digest}");
        self.digest(reply(201).with("Location", path), "PUT blob", &digest)
    }

    fn digest(&self, reply: Reply, kind: &str, digest: &str) -> Reply {
        if self.habits.no_digest_header {
            return reply;
        }
        let lie = Sha256::of(b"a lie").to_string();
        let digest = if self.habits.lies == Some(kind) { &*lie } else { digest };
        reply.with("Docker-Content-Digest", digest)
    }

    fn blob(&self, kept: &Kept, asked: &Asked, name: &str, digest: &str) -> Reply {
        let there = |name: &str| kept.blobs.get(name).and_then(|blobs| blobs.get(digest));
        // What another host took for it.
        let Some(bytes) = there(name).or_else(|| there("far")) else {
            return refusal(404, "BLOB_UNKNOWN", "blob unknown to registry");
        };
        if let Some(host) = self.habits.blobs_at.as_ref().filter(|_| asked.method == "GET") {
            return reply(307).with("Location", format!("http://{host}/v2/{name}/blobs/{digest}"));
        }
        let first = asked.header("range").strip_prefix("bytes=");
        let first: usize = first.map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
        let part = bytes[first..].to_vec();
        let found = if first > 0 {
            let last = bytes.len() - 1;
            reply(206).with("Content-Range", format!("bytes {first}-{last}/{}", bytes.len()))
        } else {
            reply(200)
        };
        let found = found.with("Content-Length", part.len().to_string());
        self.digest(found.with("Content-Type", "application/octet-stream"), "HEAD blob", digest)
            .body(part)
    }

    fn manifest(
        &self,
        kept: &mut Kept,
        asked: &Asked,
        name: &str,
        rest: &str,
        body: Vec<u8>,
    ) -> Reply {
        let by_tag = kept.tags.get(name).and_then(|tags| tags.get(rest)).cloned();
        if asked.method == "PUT" {
            return self.put_manifest(kept, asked, (name, rest, by_tag), body);
        }
        let digest = by_tag.unwrap_or_else(|| rest.to_owned());
        let Some((kind, bytes)) = kept.manifests.get(name).and_then(|all| all.get(&digest)) else {
            return refusal(404, "MANIFEST_UNKNOWN", "Requested image not found");
        };
        let found =
            reply(200).with("Content-Type", kind).with("Content-Length", bytes.len().to_string());
        self.digest(found, "HEAD manifest", &digest).body(bytes.clone())
    }

    fn put_manifest(
        &self,
        kept: &mut Kept,
        asked: &Asked,
        (name, rest, by_tag): (&str, &str, Option<String>),
        body: Vec<u8>,
    ) -> Reply {
        let digest = Sha256::of(&body).to_string();
        if rest.starts_with("sha256:") && rest != digest {
            return refusal(400, "DIGEST_INVALID", "digest");
        }
        let manifest: Value = serde_json::from_slice(&body).unwrap();
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        let config = manifest.get("config").cloned();
        let empty = BTreeMap::new();
        let blobs = kept.blobs.get(name).unwrap_or(&empty);
        let far = kept.blobs.get("far").unwrap_or(&empty);
        for blob in layers.iter().chain(&config) {
            let digest = blob["digest"].as_str().unwrap();
            if !blobs.contains_key(digest)
                && !far.contains_key(digest)
                && self.habits.location == Location::default()
            {
                return refusal(400, "MANIFEST_BLOB_UNKNOWN", digest);
            }
        }
        if let Some(old) = by_tag.filter(|_| self.habits.immutable) {
            let message = if old == digest {
                format!("Image with digest '{digest}' and tag '{rest}' already exists")
            } else {
                format!(
                    "The image tag '{rest}' already exists in the '{name}' repository and cannot be \
                     overwritten because the repository is immutable."
                )
            };
            return refusal(400, "TAG_INVALID", &message);
        }
        let kind = asked.header("content-type").to_owned();
        kept.manifests.entry(name.to_owned()).or_default().insert(digest.clone(), (kind, body));
        if !rest.starts_with("sha256:") {
            kept.tags.entry(name.to_owned()).or_default().insert(rest.to_owned(), digest.clone());
        }
        let done = self.digest(reply(201), "PUT manifest", &digest);
        if self.habits.no_manifest_location {
            return done;
        }
        done.with("Location", format!("/v2/{name}/manifests/{digest}"))
    }
}

/// 401, with where tokens are.
fn challenge(host: &str, target: &str) -> Reply {
    let name = target.trim_start_matches("/v2/").split("/blobs/").next().unwrap();
    let name = name.split("/manifests/").next().unwrap();
    let value = format!(
        "Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:{name}:pull\""
    );
    refusal(401, "UNAUTHORIZED", "authentication required").with("WWW-Authenticate", value)
}

/// The body: by its length, or in the chunks that skopeo sends.
fn read_body(stream: &mut BufReader<TcpStream>, asked: &Asked) -> Option<Vec<u8>> {
    if asked.header("expect").eq_ignore_ascii_case("100-continue") {
        stream.get_ref().write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    if asked.header("transfer-encoding") != "chunked" {
        let length: usize = asked.header("content-length").parse().unwrap_or_default();
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        return Some(body);
    }
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        stream.read_exact(&mut chunk).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend(&chunk[..length]);
    }
}
