//! Who is let in, and what of a login goes where.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use lambda_pack::digest::Sha256;
use lambda_pack::registry::{Client, Logins};

use super::fake::{Asked, Fake, Reply, manifest as a_manifest, ok, refused, status};
use super::{again, block_on, config, manifest, reference};

/// `user:hunter22`.
const BASIC: &str = "Basic dXNlcjpodW50ZXIyMg==";

fn json(body: &str) -> Reply {
    Reply::Whole(200, vec![("Content-Type", "application/json".to_owned())], body.into())
}

/// A registry with its own server of tokens: `answer` gives the token, which is `right` from then on.
fn tokens(
    answer: impl Fn(&Asked, usize) -> Reply + Send + Sync + 'static,
    right: fn(&str) -> bool,
) -> Fake {
    Fake::new(move |asked, number| {
        if asked.line.contains(" /token") {
            return answer(asked, number);
        }
        let token = asked.header("authorization").strip_prefix("Bearer ");
        if token.is_some_and(right) {
            return if asked.line.contains("/blobs/") { ok("abc") } else { a_manifest("{}") };
        }
        let realm = format!("http://{}/token?from=here", asked.header("host"));
        let challenge =
            format!("Bearer realm=\"{realm}\",service=\"a b\",scope=\"repository:some/app:pull\"");
        let headers = vec![
            ("WWW-Authenticate", "Negotiate".to_owned()),
            ("WWW-Authenticate", challenge),
            ("Content-Type", "application/json".to_owned()),
        ];
        let body = br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#;
        Reply::Whole(401, headers, body.into())
    })
}

#[test]
fn tokens_are_got_once_for_many_requests() {
    let server = tokens(|_, _| json(r#"{"token":"abcd"}"#), |token| token == "abcd");
    let client = Arc::new(Client::new(Logins::none()).unwrap());
    let reference = reference(&format!("{}/some/app", server.host));
    block_on(async {
        // On threads of their own, if that is wanted.
        let mut all = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (client, reference) = (Arc::clone(&client), reference.clone());
            all.spawn(async move {
                let mut out = Vec::new();
                client.blob(&reference, &Sha256::of(b"abc"), 3, &mut out).await.unwrap();
                out
            });
        }
        assert!(all.join_all().await.iter().all(|out| out == b"abc"));
        client.manifest(&reference).await.unwrap();
    });
    let lines = server.lines();
    let asked: Vec<_> = lines.iter().filter(|line| line.contains("token")).collect();
    let scope = "scope=repository%3Asome%2Fapp%3Apull";
    assert_eq!(asked, [&format!("GET /token?from=here&service=a%20b&{scope}")]);
    assert!(
        server
            .asked()
            .iter()
            .all(|asked| asked.line.contains("/v2/") || asked.header("authorization").is_empty())
    );
    assert_eq!(lines.last().unwrap(), "GET /v2/some/app/manifests/latest");
    assert_eq!(server.asked().last().unwrap().header("authorization"), "Bearer abcd");
}

#[test]
fn a_login_gets_a_token_and_a_refused_token_another() {
    let server = tokens(
        |asked, number| {
            assert_eq!(asked.header("authorization"), BASIC);
            json(&format!(r#"{{"access_token":"token-{number}","expires_in":3600}}"#))
        },
        |token| token == "token-4",
    );
    let logins = Logins::none().with(&server.host, "user", "hunter22");
    manifest(logins, &format!("{}/some/app:1", server.host)).unwrap();
    let asked = server.asked();
    let who: Vec<_> = asked.iter().map(|asked| asked.header("authorization")).collect();
    assert_eq!(who, ["", BASIC, "Bearer token-2", BASIC, "Bearer token-4"]);
}

#[test]
fn an_identity_token_is_posted() {
    let server = tokens(|_, _| json(r#"{"access_token":"abcd"}"#), |token| token == "abcd");
    let folder = tempfile::tempdir().unwrap();
    let text = format!(r#"{{"auths":{{"{}":{{"identitytoken":"id&tok"}}}}}}"#, server.host);
    let logins = Logins::in_files([folder.path().join("none"), config(folder.path(), &text)]);
    manifest(logins, &format!("{}/some/app:1", server.host)).unwrap();
    let asked = server.asked();
    assert_eq!(asked[1].line, "POST /token?from=here");
    assert_eq!(
        asked[1].body,
        "service=a%20b&scope=repository%3Asome%2Fapp%3Apull&grant_type=refresh_token\
         &client_id=cargo-lambda-pack&refresh_token=id%26tok"
    );
    assert_eq!(asked[1].header("authorization"), "");
}

#[test]
fn a_refusal_without_end_ends() {
    // Every token is refused, and the registry says it aloud.
    let server = tokens(|_, number| json(&format!(r#"{{"token":"token-{number}"}}"#)), |_| false);
    let logins = Logins::none().with(&server.host, "user", "hunter22");
    let error = manifest(logins, &format!("{}/some/app:1", server.host)).unwrap_err();
    let text = format!(
        "cannot read `{}/some/app:1`: UNAUTHORIZED: authentication required (HTTP 401) (with the login that \
         was given)",
        server.host
    );
    assert_eq!(error.to_string(), text);
    let hint =
        format!("the login for {0} is not enough, or has expired; `docker login {0}`", server.host);
    assert_eq!(error.hint(), Some(hint));
    assert_eq!(server.asked().len(), 5);
    // One token for ever.
    let server = tokens(|_, _| json(r#"{"token":"same"}"#), |_| false);
    let error = manifest(Logins::none(), &format!("{}/some/app:1", server.host)).unwrap_err();
    assert!(error.hint().unwrap().starts_with("is the name right? If so, a login is wanted"));
    assert_eq!(server.asked().len(), 4);
    // A password is not tried twice.
    let server = Fake::new(|asked, _| {
        let body = asked.header("authorization").to_owned();
        let kind = ("Content-Type", "text/plain".to_owned());
        Reply::Whole(
            401,
            vec![("WWW-Authenticate", "basic realm=\"r\"".to_owned()), kind],
            body.into(),
        )
    });
    let logins = Logins::none().with(&server.host, "user", "hunter22");
    let error = manifest(logins.clone(), &format!("{}/some/app:1", server.host)).unwrap_err();
    assert_eq!(server.asked().len(), 2);
    let shown = format!("{error} {error:?} {logins:?} {:?}", Client::new(logins.clone()).unwrap());
    assert!(!shown.contains("hunter22") && !shown.contains(&BASIC[6..]), "{shown}");
}

#[test]
fn a_server_of_tokens_refuses_fails_and_lies() {
    let of = |reply: fn() -> Reply| {
        let server = tokens(move |_, _| reply(), |_| false);
        let logins = Logins::none().with(&server.host, "user", "hunter22");
        let error = manifest(logins, &format!("{}/some/app:1", server.host)).unwrap_err();
        (error.to_string(), server.asked().len())
    };
    let (error, asked) =
        of(|| Reply::Whole(401, vec![], br#"{"details":"incorrect hunter22"}"#.into()));
    assert!(error.contains("incorrect … (HTTP 401)") && asked == 2, "{error} {asked}");
    let (error, asked) = of(|| json("{}"));
    assert!(error.contains("answers without a token") && asked == 2, "{error} {asked}");
    let (error, asked) = of(|| json(r#"{"token":"a\nb"}"#));
    assert!(error.contains("holds what no header can") && asked == 2, "{error} {asked}");
    let (error, asked) = of(|| Reply::Endless(vec![]));
    assert!(
        error.contains("the token is larger than 1048576 bytes") && asked == 2,
        "{error} {asked}"
    );
    let (error, asked) = of(|| refused(503, "UNAVAILABLE", "later"));
    assert!(error.contains("UNAVAILABLE: later (HTTP 503)") && asked == 5, "{error} {asked}");
}

/// Also where a server has not said it, but sends one to it, or calls its answer so.
#[test]
fn no_secret_is_in_an_address_or_a_type() {
    for header in [("Location", "ftp://x.example/hunter%322"), ("Content-Type", "hunter22/x")] {
        let server = Fake::new(move |asked, _| match asked.header("authorization") {
            BASIC => status(if header.0 == "Location" { 302 } else { 200 }, &[header]),
            _ => status(401, &[("WWW-Authenticate", "Basic realm=\"r\"")]),
        });
        let logins = Logins::none().with(&server.host, "user", "hunter22");
        let error = manifest(logins, &format!("{}/some/app:1", server.host)).unwrap_err();
        let error = error.to_string();
        assert!(error.contains('…') && !error.contains("hunter"), "{error}");
    }
}

#[test]
fn a_login_that_nobody_can_have_is_told_from_one_that_is_not_taken() {
    let of = |challenge: &'static str, logins: fn(&str) -> Logins| {
        let headers: &[(&'static str, &str)] =
            if challenge.is_empty() { &[] } else { &[("WWW-Authenticate", challenge)] };
        let headers = headers.to_vec();
        let server = Fake::new(move |_, _| status(401, &headers));
        let name = format!("{}/some/app:1", server.host);
        let error = manifest(logins(&server.host), &name).unwrap_err();
        assert!(error.hint().is_some());
        error.to_string().replace(&server.host, "HOST")
    };
    let with = |host: &str| Logins::none().with(host, "user", "hunter22");
    let says = |text: &str| format!("cannot read `HOST/some/app:1`: HOST {text} (HTTP 401)");
    let digest = says("wants a login by `digest`, and only `basic` and `bearer` are known");
    assert_eq!(of("Digest realm=\"r\"", with), digest);
    assert_eq!(of("Digest realm=\"r\"", |_| Logins::none()), digest);
    let realm = says("names no server of tokens (`Bearer` without a realm)");
    assert_eq!(of("Bearer realm=\"\",service=\"s\"", with), realm);
    let none = says("wants a login and does not say of what kind");
    assert_eq!(of("", with), none);
}

#[test]
fn no_login_goes_where_nothing_is_encrypted() {
    for realm in [
        "http://tokens.example/",
        "ftp://127.0.0.1/",
        "tokens.example",
        "/token",
        "http://127.0.0.1.example/",
    ] {
        let challenge = format!("Bearer realm=\"{realm}\"");
        let server = Fake::new(move |_, _| status(401, &[("WWW-Authenticate", &challenge)]));
        let logins = Logins::none().with(&server.host, "user", "hunter22");
        let error = manifest(logins, &format!("{}/some/app:1", server.host)).unwrap_err();
        assert!(error.to_string().contains("names a server of tokens"), "{error}");
        assert_eq!(server.asked().len(), 1);
    }
}

/// A program in `PATH` that has the login, as docker's helpers are asked and answer.
#[test]
fn helpers_are_asked() {
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    for (name, script) in [
        (
            "good",
            "read host; [ \"$1\" = get ] && echo \"{\\\"ServerURL\\\":\\\"$host\\\",\\\"Username\\\":\\\"user\\\",\\\"Secret\\\":\\\"hunter22\\\"}\"",
        ),
        ("none", "echo 'credentials not found in native keychain'; exit 1"),
        ("broken", "echo hunter22; echo 'no session' >&2; exit 3"),
        ("says", "printf 'error: no store\\033[2J, password=hunter22\\n'; exit 1"),
        ("hangs", "echo asked >> \"$0.log\"; exec sleep 60"),
    ] {
        let path = bin.join(format!("docker-credential-{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    if !again("registry::logins::helpers_are_asked", &[("PATH", &path)]) {
        return;
    }
    let server = Fake::new(|asked, _| match asked.header("authorization") {
        BASIC => a_manifest("{}"),
        _ => status(401, &[("WWW-Authenticate", "Basic realm=\"r\"")]),
    });
    let name = format!("{}/some/app:1", server.host);
    let of = |text: &str| {
        let logins = Logins::in_files([config(folder.path(), text)]);
        manifest(logins, &name).map_err(|error| error.to_string())
    };
    let helper = format!(r#"{{"credHelpers":{{"{}":"good"}},"credsStore":"broken"}}"#, server.host);
    of(&helper).unwrap();
    of(r#"{"credsStore":"good"}"#).unwrap();
    let none = of(r#"{"credsStore":"none"}"#).unwrap_err();
    assert!(none.ends_with(": it wants a login, and there is none for it (HTTP 401)"), "{none}");
    let broken = of(r#"{"credsStore":"broken"}"#).unwrap_err();
    let why = "(HTTP 401), and there is none: `docker-credential-broken get` failed: exit status: 3: no \
               session";
    assert!(broken.ends_with(why) && !broken.contains("hunter22"), "{broken}");
    let says = of(r#"{"credsStore":"says"}"#).unwrap_err();
    assert!(says.ends_with("exit status: 1: error: no store [2J, password=…"), "{says}");
    let missing = of(r#"{"credsStore":"missing"}"#).unwrap_err();
    assert!(
        missing.contains("and there is none: cannot run `docker-credential-missing get`"),
        "{missing}"
    );
    a_helper_that_hangs_is_waited_for_once(folder.path(), &name);
}

fn a_helper_that_hangs_is_waited_for_once(folder: &Path, name: &str) {
    let logins = Logins::in_files([config(folder, r#"{"credsStore":"hangs"}"#)]);
    let logins = logins.patient(Duration::from_millis(400));
    let (client, told) = listening(logins);
    let began = Instant::now();
    for _ in 0..3 {
        let error = block_on(client.manifest(&reference(name))).unwrap_err().to_string();
        assert!(error.contains("it did not end within 0.4 s"), "{error}");
    }
    assert!(began.elapsed() < Duration::from_secs(5));
    let waiting = "waiting for `docker-credential-hangs`, which has not answered yet";
    assert_eq!(*told.lock().unwrap(), [waiting]);
    let path = std::env::var("PATH").unwrap();
    let bin = Path::new(path.split(':').next().unwrap());
    let log = std::fs::read_to_string(bin.join("docker-credential-hangs.log")).unwrap();
    assert_eq!(log, "asked\n");
}

/// A client, and what it tells.
fn listening(logins: Logins) -> (Client, Arc<Mutex<Vec<String>>>) {
    let told = Arc::<Mutex<Vec<String>>>::default();
    let tells = Arc::clone(&told);
    let client = Client::new(logins).unwrap();
    let tell = move |text: &str| tells.lock().unwrap().push(text.to_owned());
    (client.telling(tell), told)
}

#[test]
fn what_is_no_login_is_told_of() {
    let server = tokens(|_, _| json(r#"{"token":"abcd"}"#), |token| token == "abcd");
    let folder = tempfile::tempdir().unwrap();
    let name = format!("{}/some/app:1", server.host);
    for (entry, why) in [
        (r#"{"auth":"hunter22%"}"#, "its `auth` is no base64"),
        (r#"{"auth":"aHVudGVyMjI="}"#, "its `auth` is no USER:PASSWORD"),
        (r#"{"username":"hunter22"}"#, "it has a user and no password"),
    ] {
        let text = format!(r#"{{"auths":{{"{}":{entry}}}}}"#, server.host);
        let path = config(folder.path(), &text);
        let (client, told) = listening(Logins::in_files([path.clone()]));
        // Everybody may read it.
        block_on(client.manifest(&reference(&name))).unwrap();
        let path = path.display();
        let text = format!("what {path} has for {} is no login: {why}", server.host);
        assert_eq!(*told.lock().unwrap(), [text]);
    }
    let path = config(folder.path(), "{\"auths\": hunter22");
    let (client, told) = listening(Logins::in_files([path]));
    block_on(client.manifest(&reference(&name))).unwrap();
    let told = told.lock().unwrap().join("");
    assert!(told.starts_with("cannot read ") && !told.contains("hunter22"), "{told}");
    let path = config(folder.path(), r#"{"auths":5}"#);
    let (client, told) = listening(Logins::in_files([path.clone()]));
    block_on(client.manifest(&reference(&name))).unwrap();
    let text = format!("cannot read {}: its `auths` is no object", path.display());
    assert_eq!(*told.lock().unwrap(), [text]);
}

#[test]
fn a_refusal_names_the_login_that_was_tried() {
    let server = Fake::new(|_, _| status(401, &[("WWW-Authenticate", "Basic realm=\"r\"")]));
    let folder = tempfile::tempdir().unwrap();
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#, server.host, &BASIC[6..]);
    let path = config(folder.path(), &text);
    let digest = |logins: Logins| {
        let client = Client::new(logins).unwrap();
        let reference = reference(&format!("{}/some/app:1", server.host));
        block_on(client.digest_of(&reference)).unwrap_err().to_string()
    };
    let error = digest(Logins::in_files([path.clone()]));
    let says = format!("it does not take the login in {} (HTTP 401)", path.display());
    assert!(error.ends_with(&says), "{error}");
    let error = digest(Logins::none());
    assert!(error.ends_with("it wants a login, and there is none for it (HTTP 401)"), "{error}");
}

#[test]
fn the_files_of_docker_and_podman_are_found() {
    let server = Fake::new(|asked, _| match asked.header("authorization") {
        BASIC => a_manifest("{}"),
        _ => status(401, &[("WWW-Authenticate", "Basic realm=\"r\"")]),
    });
    let myself = "registry::logins::the_files_of_docker_and_podman_are_found";
    if let Ok(host) = std::env::var("THE_REGISTRY") {
        assert!(again(myself, &[]));
        manifest(Logins::of_this_user(), &format!("{host}/some/app:1")).unwrap();
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let text = format!(r#"{{"auths":{{"{}":{{"auth":"{}"}}}}}}"#, server.host, &BASIC[6..]);
    let at = |path: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &text).unwrap();
    };
    for path in [
        "d/config.json",
        "h1/.docker/config.json",
        "r/containers/auth.json",
        "c/containers/auth.json",
        "f.json",
    ] {
        at(path);
    }
    let empty = folder.path().join("empty").display().to_string();
    // A login that is not taken, which REGISTRY_AUTH_FILE comes before.
    let old = folder.path().join("old");
    std::fs::create_dir(&old).unwrap();
    config(&old, &text.replace(&BASIC[6..], "b2xkOm9sZA=="));
    let old = old.display().to_string();
    for (variable, value) in [
        ("DOCKER_CONFIG", "d"),
        ("HOME", "h1"),
        ("XDG_RUNTIME_DIR", "r"),
        ("XDG_CONFIG_HOME", "c"),
        ("REGISTRY_AUTH_FILE", "f.json"),
    ] {
        let value = folder.path().join(value).display().to_string();
        let mut variables = vec![("THE_REGISTRY", &*server.host)];
        for name in
            ["DOCKER_CONFIG", "HOME", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "REGISTRY_AUTH_FILE"]
        {
            // An empty one is as good as none.
            let other = match (name, variable) {
                ("HOME", _) => &*empty,
                ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE") => &*old,
                _ => "",
            };
            variables.push((name, if name == variable { &value } else { other }));
        }
        assert!(!again(myself, &variables));
    }
}
