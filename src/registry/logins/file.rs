//! One file of logins: `auths`, `credHelpers`, `credsStore`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;

use super::Login;

/// The largest file that is read.
const LARGEST: u64 = 1024 * 1024;

/// docker's own registry, under all names that it has in such files.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// A file of logins, as it is written.
pub(super) struct File(Value);

/// What a file says of a repository.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// The login stands in it.
    Login(Login),
    /// `docker-credential-…` has it, if there is one.
    Helper(String),
    /// Something stands there that cannot be used; why not.
    Unusable(&'static str),
}

impl File {
    /// Nothing if there is no such file.
    ///
    /// # Errors
    ///
    /// Why it cannot be read or understood; nothing of its contents.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
        let bytes = match bytes(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(&error)),
        };
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| cannot(&error))?;
        well_formed(&value).map_err(|why| cannot(&why))?;
        Ok(Some(Self(value)))
    }

    /// The login of the nearest name: of the repository, of what is above it, of the registry. A helper
    /// for a registry comes before what stands in the file, the store of all registries after it.
    pub(super) fn entry(&self, host: &str, repository: &str) -> Option<Entry> {
        let names = names(host, repository);
        let of = |member: &str| {
            let all = self.0.get(member).and_then(Value::as_object);
            names.iter().find_map(|name| all?.iter().find(|(key, _)| plain(key) == name))
        };
        let mut unusable = None;
        if let Some((_, value)) = of("credHelpers") {
            match helper(value) {
                Some(helper) => return Some(Entry::Helper(helper)),
                None => unusable = Some("what `credHelpers` names is no helper"),
            }
        }
        match of("auths").map_or(Ok(None), |(_, entry)| login(entry)) {
            Ok(Some(login)) => return Some(Entry::Login(login)),
            Ok(None) => {}
            Err(why) => unusable = unusable.or(Some(why)),
        }
        match self.0.get("credsStore").filter(|store| !is_empty(store)).map(helper) {
            Some(Some(helper)) => return Some(Entry::Helper(helper)),
            Some(None) => unusable = unusable.or(Some("what `credsStore` names is no helper")),
            None => {}
        }
        unusable.map(Entry::Unusable)
    }
}

/// What a regular file holds: whoever opens a pipe waits for its other end, and a device has none.
fn bytes(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("it is larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

/// Whether it has the form of such a file: with another, its logins would be passed over.
fn well_formed(value: &Value) -> Result<(), String> {
    let all = value.as_object().ok_or("it is no object of JSON")?;
    for member in ["auths", "credHelpers"] {
        if all.get(member).is_some_and(|value| !value.is_object() && !value.is_null()) {
            return Err(format!("its `{member}` is no object"));
        }
    }
    Ok(())
}

/// The name of a helper, if it is one.
fn helper(value: &Value) -> Option<String> {
    value.as_str().filter(|name| is_helper(name)).map(str::to_owned)
}

/// docker leaves such behind where there is nothing any more.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(members) => members.values().all(is_empty),
        _ => false,
    }
}

/// What a login may stand under, the nearest first.
fn names(host: &str, repository: &str) -> Vec<String> {
    let hosts = if HUB.contains(&host) { HUB.to_vec() } else { vec![host] };
    let mut path = repository;
    let mut all = Vec::new();
    loop {
        all.extend(hosts.iter().map(|host| format!("{host}/{path}")));
        let Some((above, _)) = path.rsplit_once('/') else { break };
        path = above;
    }
    all.extend(hosts.iter().map(|&host| host.to_owned()));
    all
}

/// A key as docker and podman may have written it, without scheme, version and slash.
fn plain(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

/// No path, no option: the end of a program's name.
fn is_helper(name: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !name.is_empty() && name.chars().all(of_a_name)
}

/// The login that an entry holds, if it holds anything.
fn login(entry: &Value) -> Result<Option<Login>, &'static str> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str).filter(|t| !t.is_empty());
    if is_empty(entry) {
        return Ok(None);
    }
    if let Some(token) = text("identitytoken") {
        return Ok(Some(Login::Identity(token.to_owned())));
    }
    if let Some(token) = text("registrytoken") {
        return Ok(Some(Login::Registry(token.to_owned())));
    }
    if let Some(both) = text("auth") {
        let both = decoded(both).ok_or("its `auth` is no base64")?;
        let (user, password) = both.split_once(':').ok_or("its `auth` is no USER:PASSWORD")?;
        // docker's own reader takes these off.
        let password = password.trim_matches('\0');
        return Ok(Some(Login::Password(user.to_owned(), password.to_owned())));
    }
    match (text("username"), text("password")) {
        (Some(user), Some(password)) => {
            Ok(Some(Login::Password(user.to_owned(), password.to_owned())))
        }
        (Some(_), None) => Err("it has a user and no password"),
        (None, Some(_)) => Err("it has a password and no user"),
        // `email` alone, say.
        (None, None) if entry.is_object() && entry.get("auth").is_none_or(is_empty) => Ok(None),
        (None, None) => Err("it is none that docker or podman writes"),
    }
}

/// Base64, padded or not.
fn decoded(text: &str) -> Option<String> {
    let generous =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let bytes = GeneralPurpose::new(&STANDARD, generous).decode(text.trim()).ok()?;
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn password(user: &str, password: &str) -> Entry {
        Entry::Login(Login::Password(user.to_owned(), password.to_owned()))
    }

    fn helper(name: &str) -> Entry {
        Entry::Helper(name.to_owned())
    }

    #[test]
    fn logins_are_read_as_docker_and_podman_write_them() {
        // `u:p`, `u:p:q` unpadded, `t:` and zeros.
        let file = File(json!({"auths": {
            "a.example": {"auth": "dTpw"},
            "https://b.example/v2/": {"auth": "dTpwOnE"},
            "c.example:5000": {"identitytoken": "t", "auth": "dTpw"},
            "d.example": {"registrytoken": "t"},
            "e.example": {"username": "u", "password": "p"},
            "f.example": {},
            "g.example": {"auth": "%%"},
            "h.example": {"auth": "dTpwAAA="},
            "h.example/ns/app": {"auth": "YTpi"},
            "https://index.docker.io/v1/": {"auth": "aDpi"},
        }}));
        let of = |host| file.entry(host, "ns/app/x");
        assert_eq!(of("a.example"), Some(password("u", "p")));
        assert_eq!(of("b.example"), Some(password("u", "p:q")));
        assert_eq!(of("c.example:5000"), Some(Entry::Login(Login::Identity("t".to_owned()))));
        assert_eq!(of("d.example"), Some(Entry::Login(Login::Registry("t".to_owned()))));
        assert_eq!(of("e.example"), Some(password("u", "p")));
        for none in ["f.example", "c.example", "z.example"] {
            assert_eq!(of(none), None, "{none}");
        }
        assert_eq!(of("g.example"), Some(Entry::Unusable("its `auth` is no base64")));
        assert_eq!(of("docker.io"), Some(password("h", "b")));
        // The nearest name.
        assert_eq!(of("h.example"), Some(password("a", "b")));
        assert_eq!(file.entry("h.example", "ns/apple"), Some(password("u", "p")));
    }

    #[test]
    fn helpers_of_a_registry_come_first_and_the_store_last() {
        let file = File(json!({
            "auths": {"a.example": {"auth": "dTpw"}, "b.example": {"auth": "dTpw"}, "c.example": {}},
            "credHelpers": {"a.example": "ecr-login", "d.example": "../../bin/sh"},
            "credsStore": "desktop",
        }));
        assert_eq!(file.entry("a.example", "x"), Some(helper("ecr-login")));
        assert_eq!(file.entry("b.example", "x"), Some(password("u", "p")));
        assert_eq!(file.entry("c.example", "x"), Some(helper("desktop")));
        assert_eq!(file.entry("d.example", "x"), Some(helper("desktop")));
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    fn what_is_no_such_file_is_no_login() {
        for value in [
            json!(null),
            json!([]),
            json!({"auths": 7, "credsStore": {}}),
            json!({"auths": {"a": {"auth": "", "email": "x"}}, "credsStore": ""}),
        ] {
            assert_eq!(File(value).entry("a", "x"), None);
        }
        for (value, why) in [
            (json!({"auths": {"a": 1}}), "it is none that docker or podman writes"),
            (json!({"auths": {"a": {"auth": "dQ=="}}}), "its `auth` is no USER:PASSWORD"),
            (json!({"auths": {"a": {"username": "u"}}}), "it has a user and no password"),
            (json!({"auths": {"a": {"auth": 7}}}), "it is none that docker or podman writes"),
            (json!({"credHelpers": {"a": "../sh"}}), "what `credHelpers` names is no helper"),
            (json!({"credsStore": "/bin/sh"}), "what `credsStore` names is no helper"),
        ] {
            assert_eq!(File(value).entry("a", "x"), Some(Entry::Unusable(why)));
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        assert!(matches!(File::read(&path), Ok(None)));
        fs::write(&path, " \n").unwrap();
        assert!(matches!(File::read(&path), Ok(None)));
        fs::write(&path, r#"{"auths": {"a": "hunter22"#).unwrap();
        let why = File::read(&path).err().unwrap();
        assert!(why.contains("config.json") && !why.contains("hunter22"), "{why}");
    }

    #[test]
    #[expect(clippy::disallowed_methods, reason = "a test's own files")]
    fn what_has_another_form_is_told_of_and_nobody_waits_for_a_pipe() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let why = |text: &str| {
            fs::write(&path, text).unwrap();
            File::read(&path).err().unwrap().replace(&path.display().to_string(), "PATH")
        };
        assert_eq!(why("[]"), "cannot read PATH: it is no object of JSON");
        assert_eq!(why("null"), "cannot read PATH: it is no object of JSON");
        assert_eq!(why(r#"{"auths":5}"#), "cannot read PATH: its `auths` is no object");
        assert_eq!(
            why(r#"{"credHelpers":[]}"#),
            "cannot read PATH: its `credHelpers` is no object"
        );
        let large = " ".repeat(1024 * 1024 + 1);
        assert_eq!(why(&large), "cannot read PATH: it is larger than 1048576 bytes");
        fs::write(&path, r#"{"auths":null}"#).unwrap();
        assert!(File::read(&path).is_ok_and(|file| file.is_some()));
        let pipe = folder.path().join("pipe");
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{CWD, FileType, Mode, mknodat};
            mknodat(CWD, &pipe, FileType::Fifo, Mode::RWXU, 0).unwrap();
        }
        #[cfg(not(target_os = "linux"))]
        fs::create_dir(&pipe).unwrap();
        for other in [pipe.as_path(), folder.path(), Path::new("/dev/zero")] {
            let why = File::read(other).err().unwrap();
            assert_eq!(why, format!("cannot read {}: it is no regular file", other.display()));
        }
    }
}
