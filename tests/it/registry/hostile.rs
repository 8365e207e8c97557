//! Servers that break off, wander, lie and never end.

use std::error::Error as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lambda_pack::Error;
use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Client, Logins, RegistryError, Why};

use super::fake::{Fake, Reply, manifest as a_manifest, ok, refused, status};
use super::{blob, block_on, manifest, reference};

/// Bytes that tell where they are.
fn pattern(length: usize) -> Vec<u8> {
    (0_u32..).flat_map(u32::to_be_bytes).take(length).collect()
}

#[track_caller]
fn fails<T>(result: Result<T, RegistryError>, text: &str) -> RegistryError {
    let Err(error) = result else { panic!("no error") };
    assert!(error.to_string().contains(text), "{error}");
    error
}

fn none(host: &str) -> Result<lambda_pack::registry::Manifest, RegistryError> {
    manifest(Logins::none(), &format!("{host}/some/app:1"))
}

#[test]
fn a_manifest_is_what_was_asked_for() {
    let server = Fake::new(|_, _| a_manifest("{}"));
    let got = none(&server.host).unwrap();
    assert_eq!(
        (got.digest, &*got.media_type, &*got.bytes),
        (Sha256::of(b"{}"), super::OCI, &b"{}"[..])
    );
    let (right, wrong) = (Sha256::of(b"{}"), Sha256::of(b"other"));
    let of = |digest| manifest(Logins::none(), &format!("{}/some/app:1@{digest}", server.host));
    assert_eq!(of(right).unwrap(), got);
    let error = fails(of(wrong), &format!("what came is {right}, not {wrong}"));
    assert_eq!(Error::from(error).exit_code(), 4);
    let [by_tag, by_digest, _] = server.asked().try_into().unwrap();
    assert_eq!(by_tag.line, "GET /v2/some/app/manifests/1");
    assert_eq!(by_digest.line, format!("GET /v2/some/app/manifests/{right}"));
    assert!(by_tag.header("user-agent").starts_with("cargo-lambda-pack/"));
}

#[test]
fn a_registry_that_names_another_digest_is_not_believed() {
    for (announced, believed) in [
        (Sha256::of(b"{}").to_string(), true),
        (Sha256::of(b"x").to_string(), false),
        ("sha512:ab".to_owned(), true),
    ] {
        let server = Fake::new(move |_, _| {
            let kind = ("Content-Type", super::OCI.to_owned());
            Reply::Whole(
                200,
                vec![kind, ("Docker-Content-Digest", announced.clone())],
                b"{}".into(),
            )
        });
        assert_eq!(none(&server.host).is_ok(), believed);
        assert_eq!(server.asked().len(), 1);
    }
}

#[test]
fn what_has_the_digest_is_a_manifest_whatever_a_server_calls_it() {
    let body = format!(r#"{{"mediaType":"{}"}}"#, super::OCI);
    let digest = Sha256::of(body.as_bytes());
    let docker = "application/vnd.docker.distribution.manifest.v2+json";
    for (kind, by_tag) in [
        ("text/html", "answers with text/html, no manifest"),
        (docker, "which calls itself application/vnd.oci"),
    ] {
        let body = body.clone();
        let server = Fake::new(move |_, _| {
            Reply::Whole(200, vec![("Content-Type", kind.to_owned())], body.clone().into())
        });
        let got = manifest(Logins::none(), &format!("{}/some/app@{digest}", server.host)).unwrap();
        assert_eq!(got.media_type, super::OCI);
        fails(none(&server.host), by_tag);
        let other = format!("{}/some/app@{}", server.host, Sha256::of(b"other"));
        let error = manifest(Logins::none(), &other).unwrap_err().to_string();
        assert!(kind == docker || error.contains("answers with text/html"), "{error}");
    }
}

#[test]
fn manifests_have_a_largest_size() {
    let large = |announced: bool| {
        Fake::new(move |_, _| {
            let kind = vec![("Content-Type", super::OCI.to_owned())];
            if announced {
                Reply::Cut(200, kind, vec![b' '; 4 * 1024 * 1024 + 1], 10)
            } else {
                Reply::Endless(kind)
            }
        })
    };
    for announced in [true, false] {
        let server = large(announced);
        fails(none(&server.host), "the manifest is larger than 4194304 bytes");
        assert_eq!(server.asked().len(), 1);
    }
    let most = format!("{{{}}}", " ".repeat(4 * 1024 * 1024 - 2));
    let server = Fake::new(move |_, _| a_manifest(most.clone()));
    assert_eq!(none(&server.host).unwrap().bytes.len(), 4 * 1024 * 1024);
}

#[test]
fn what_is_no_registry_is_told_apart() {
    let html = |code| {
        let kind = vec![("Content-Type", "text/html; charset=utf-8".to_owned())];
        Reply::Whole(code, kind, b"<html>Sign in</html>".into())
    };
    let server = Fake::new(move |_, _| html(200));
    let error = fails(none(&server.host), "answers with text/html, no manifest");
    assert_eq!(error.hint(), Some(format!("is there a registry at `{}`?", server.host)));
    let server = Fake::new(move |_, _| html(404));
    fails(none(&server.host), &format!("cannot read `{}/some/app:1`: HTTP 404", server.host));
    let server = Fake::new(|_, _| a_manifest("[]"));
    fails(none(&server.host), "answers with what is no JSON object, no manifest");
    let server = Fake::new(|_, _| Reply::Raw(b"220 smtp.example\r\n".into()));
    fails(none(&server.host), "answers is not HTTP");
    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(200_000));
    let server = Fake::new(move |_, _| Reply::Raw(head.clone().into()));
    fails(none(&server.host), "the head of an answer is larger than 65536 bytes");
}

#[test]
fn what_a_registry_says_is_shown_and_steers_no_terminal() {
    let server =
        Fake::new(|_, _| refused(404, "NAME_UNKNOWN", "no \u{1b}[31msuch\r\nname\u{202e}"));
    let error =
        fails(none(&server.host), "/some/app:1`: NAME_UNKNOWN: no [31msuch name (HTTP 404)");
    assert!(error.hint().unwrap().contains("docker login 127.0.0.1:"));
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn what_passes_is_tried_four_times() {
    let server =
        Fake::new(|_, number| if number < 4 { status(503, &[]) } else { a_manifest("{}") });
    none(&server.host).unwrap();
    for (code, tries) in [(500, 4), (501, 1), (418, 1)] {
        let server = Fake::new(move |_, _| status(code, &[]));
        fails(none(&server.host), &format!("{}: HTTP {code}", server.host));
        assert_eq!(server.asked().len(), tries, "{code}");
    }
}

#[test]
fn retry_after_is_honoured() {
    let server = Fake::new(|_, number| match number {
        1 => status(429, &[("Retry-After", "2")]),
        _ => a_manifest("{}"),
    });
    let start = Instant::now();
    let told = Arc::<Mutex<Vec<String>>>::default();
    let tells = Arc::clone(&told);
    let tell = move |text: &str| tells.lock().unwrap().push(text.to_owned());
    let client = Client::new(Logins::none()).unwrap().telling(tell);
    block_on(client.manifest(&reference(&format!("{}/some/app:1", server.host)))).unwrap();
    let says = "wants one to wait for 2 s (HTTP 429), trying again (2 of 4)";
    assert_eq!(*told.lock().unwrap(), [format!("{} {says}", server.host)]);
    assert!(start.elapsed() >= Duration::from_secs(2));
    // Nobody waits for an hour.
    let server = Fake::new(|_, _| status(429, &[("Retry-After", "3600")]));
    let error = fails(none(&server.host), "HTTP 429");
    assert!(
        error.hint().unwrap().starts_with("it is to be asked again in 3600 s; with a login more")
    );
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn silence_has_an_end() {
    let server = Fake::new(|_, _| Reply::Silence(Duration::from_secs(3)));
    let client = Client::new(Logins::none()).unwrap().patient(Duration::from_millis(100));
    let text = format!("{}/some/app", server.host);
    fails(block_on(client.manifest(&reference(&text))), "sent nothing for 0.1 s");
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn where_nobody_listens_is_said_at_once() {
    let host = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let error = fails(none(&host), &format!("cannot connect to {host}: "));
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(error.hint().unwrap().contains("spelled right"));
    assert!(error.source().is_none());
}

#[test]
fn a_blob_that_breaks_off_is_taken_up_where_it_stopped() {
    let bytes = Arc::new(pattern(300_000));
    let digest = Sha256::of(&bytes);
    for (resets, ranges) in [(false, true), (true, true), (false, false)] {
        let all = Arc::clone(&bytes);
        let server = Fake::new(move |asked, number| {
            let first = if ranges { asked.first() } else { 0 };
            let part = all[first..].to_vec();
            let range = format!("bytes {first}-{}/{}", all.len() - 1, all.len());
            let (code, headers) =
                if first > 0 { (206, vec![("Content-Range", range)]) } else { (200, vec![]) };
            let most = 100_000.min(part.len());
            match number {
                1 if resets => Reply::Reset(code, headers, part, most),
                1 | 2 => Reply::Cut(code, headers, part, most),
                _ => Reply::Whole(code, headers, part),
            }
        });
        let (out, ended) = blob(&server.host, digest, 300_000);
        ended.unwrap();
        assert!(out == *bytes);
        let asked = server.asked();
        assert_eq!(asked.len(), 3);
        assert_eq!(asked[0].line, format!("GET /v2/some/app/blobs/{digest}"));
        assert!(asked[1].first() > 0, "{:?}", asked[1]);
    }
}

#[test]
fn a_blob_is_never_more_than_was_asked_for_and_never_another() {
    let bytes = pattern(1000);
    let digest = Sha256::of(&bytes);
    // Longer than announced, without a length and with one.
    let server = Fake::new(|_, _| Reply::Endless(vec![]));
    let (out, ended) = blob(&server.host, digest, 100_000);
    fails(ended, "bytes long, not 100000");
    assert!(out.len() <= 100_000);
    for length in [999, 1001] {
        let server = Fake::new(move |_, _| ok(pattern(length)));
        let (out, ended) = blob(&server.host, digest, 1000);
        fails(ended, &format!("it is {length} bytes long, not 1000"));
        assert!(out.is_empty());
        assert_eq!(server.asked().len(), 1);
    }
    // Other bytes.
    let server = Fake::new(|_, _| ok(vec![0; 1000]));
    let (_, ended) = blob(&server.host, digest, 1000);
    fails(
        ended,
        &format!("cannot read blob {digest} of `{}/some/app`: what came is sha256:", server.host),
    );
    // Another part than was asked for, ever again.
    let server = Fake::new(|_, number| match number {
        1 => Reply::Cut(200, vec![], pattern(1000), 500),
        _ => {
            Reply::Whole(206, vec![("Content-Range", "bytes 1-999/1000".to_owned())], pattern(999))
        }
    });
    fails(blob(&server.host, digest, 1000).1, "where bytes 0 to 1000 were asked for");
    assert_eq!(server.asked().len(), 3);
    // It breaks off for ever, at the same place.
    let server = Fake::new(|_, _| Reply::Cut(200, vec![], pattern(1000), 500));
    fails(blob(&server.host, digest, 1000).1, "broke");
    assert_eq!(server.asked().len(), 4);
}

#[test]
fn a_blob_is_asked_for_from_its_beginning_where_its_parts_are_not_given() {
    let digest = Sha256::of(&pattern(1000));
    let ranges: [fn() -> Reply; 4] = [
        || status(416, &[]),
        || Reply::Whole(206, vec![], pattern(1000)[500..].into()),
        || Reply::Whole(206, vec![("Content-Range", "bytes 0-999/1000".into())], pattern(1000)),
        || Reply::Whole(206, vec![("Content-Range", "bytes 500-998/999".into())], vec![0; 499]),
    ];
    for range in ranges {
        let server = Fake::new(move |asked, number| match number {
            1 => Reply::Cut(200, vec![], pattern(1000), 500),
            _ if asked.first() > 0 => range(),
            _ => ok(pattern(1000)),
        });
        let (out, ended) = blob(&server.host, digest, 1000);
        ended.unwrap();
        assert!(out == pattern(1000));
        let firsts: Vec<_> = server.asked().iter().map(super::fake::Asked::first).collect();
        assert_eq!(firsts, [0, 500, 0]);
    }
}

#[test]
fn tries_that_bring_something_are_counted_anew() {
    let digest = Sha256::of(&pattern(1000));
    let server = Fake::new(|asked, _| {
        let (first, range) = (asked.first(), asked.header("range").is_empty());
        let (code, text) = (if range { 200 } else { 206 }, format!("bytes {first}-999/1000"));
        let part = pattern(1000)[first..].to_vec();
        let most = 190.min(part.len());
        Reply::Cut(code, vec![("Content-Range", text)], part, most)
    });
    blob(&server.host, digest, 1000).1.unwrap();
    assert_eq!(server.asked().len(), 6);
}

/// A disk with no space left.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_empty_blob_and_a_full_disk() {
    let server = Fake::new(|_, _| ok(""));
    blob(&server.host, Sha256::of(b""), 0).1.unwrap();
    let server = Fake::new(|_, _| ok("abc"));
    let client = Client::new(Logins::none()).unwrap();
    let reference = reference(&format!("{}/some/app", server.host));
    let ended = block_on(client.blob(&reference, &Sha256::of(b"abc"), 3, &mut Full));
    let error = fails(ended, "cannot write it: ");
    assert!(matches!(error.why, Why::Write(_)));
    assert_eq!(Error::from(error).exit_code(), 1);
}

#[test]
fn redirects_are_followed_without_the_login() {
    let bytes = pattern(1000);
    let digest = Sha256::of(&bytes);
    let far = Fake::new(move |_, number| match number {
        1 => Reply::Cut(200, vec![], pattern(1000), 400),
        _ => Reply::Whole(
            206,
            vec![("Content-Range", "bytes 400-999/1000".to_owned())],
            pattern(1000)[400..].into(),
        ),
    });
    let to = format!("http://{}/bucket?signed=1", far.host);
    let near = Fake::new(move |asked, _| match asked.header("authorization") {
        "" => status(401, &[("WWW-Authenticate", "Basic realm=\"r\"")]),
        _ if asked.line.ends_with("/here") => status(307, &[("Location", &to)]),
        _ => status(302, &[("Location", "/here")]),
    });
    let client = Client::new(Logins::none().with(&near.host, "user", "hunter22")).unwrap();
    let reference = reference(&format!("{}/some/app", near.host));
    let mut out = Vec::new();
    block_on(client.blob(&reference, &digest, 1000, &mut out)).unwrap();
    assert!(out == bytes);
    // On the same host with it, elsewhere never.
    let with = |asked: &super::fake::Asked| asked.headers.contains_key("authorization");
    assert_eq!(near.asked().iter().map(with).collect::<Vec<_>>(), [false, true, true, true, true]);
    assert_eq!(far.asked().iter().map(with).collect::<Vec<_>>(), [false, false]);
    assert_eq!(far.lines(), ["GET /bucket?signed=1"; 2]);
    assert_eq!(far.asked()[1].header("range"), "bytes=400-");
}

#[test]
fn redirects_end_and_stay_encrypted() {
    let server = Fake::new(|_, number| status(302, &[("Location", &format!("/x{number}"))]));
    fails(none(&server.host), "redirects more than 10 times");
    assert_eq!(server.asked().len(), 11);
    for (to, why) in [
        (
            "http://registry.example/secret?token=x",
            "redirects to `http://registry.example/secret`: that is not encrypted",
        ),
        ("file:///etc/passwd", "that is no URL"),
        ("gopher://127.0.0.1/", "that is neither http:// nor https://"),
    ] {
        let server = Fake::new(move |_, _| status(302, &[("Location", to)]));
        fails(none(&server.host), why);
        assert_eq!(server.asked().len(), 1);
    }
    // What another host refuses is no matter of the login.
    let far = Fake::new(|_, _| status(401, &[("WWW-Authenticate", "Basic realm=\"r\"")]));
    let to = format!("http://{}/", far.host);
    let near = Fake::new(move |_, _| status(302, &[("Location", &to)]));
    let logins =
        Logins::none().with(&near.host, "user", "hunter22").with(&far.host, "user", "hunter22");
    let error = fails(
        manifest(logins, &format!("{}/some/app", near.host)),
        &format!("{}: HTTP 401", far.host),
    );
    assert_eq!(error.hint(), None);
    assert_eq!(far.asked().len(), 1);
}
