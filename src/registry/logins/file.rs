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
}

impl File {
    /// Nothing if there is no such file.
    ///
    /// # Errors
    ///
    /// Why it cannot be read or understood; nothing of its contents.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, String> {
        let cannot = |why: &dyn std::fmt::Display| format!("cannot read {}: {why}", path.display());
        let file = match fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(cannot(&error)),
        };
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
        if bytes.trim_ascii().is_empty() {
            return Ok(None);
        }
        let value = serde_json::from_slice(&bytes).map_err(|error| cannot(&error))?;
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
        let helper = of("credHelpers").and_then(|(_, helper)| helper.as_str());
        if let Some(helper) = helper.filter(|helper| is_helper(helper)) {
            return Some(Entry::Helper(helper.to_owned()));
        }
        if let Some(login) = of("auths").and_then(|(_, entry)| login(entry)) {
            return Some(Entry::Login(login));
        }
        let store = self.0.get("credsStore").and_then(Value::as_str);
        store.filter(|store| is_helper(store)).map(|store| Entry::Helper(store.to_owned()))
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

fn login(entry: &Value) -> Option<Login> {
    let text = |member: &str| entry.get(member).and_then(Value::as_str).filter(|t| !t.is_empty());
    if let Some(token) = text("identitytoken") {
        return Some(Login::Identity(token.to_owned()));
    }
    if let Some(token) = text("registrytoken") {
        return Some(Login::Registry(token.to_owned()));
    }
    if let Some(both) = text("auth").and_then(decoded) {
        let (user, password) = both.split_once(':')?;
        // docker's own reader takes these off.
        let password = password.trim_matches('\0');
        return Some(Login::Password(user.to_owned(), password.to_owned()));
    }
    Some(Login::Password(text("username")?.to_owned(), text("password")?.to_owned()))
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
        for none in ["f.example", "g.example", "c.example", "z.example"] {
            assert_eq!(of(none), None, "{none}");
        }
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
            json!({"auths": {"a": 1}}),
        ] {
            assert_eq!(File(value).entry("a", "x"), None);
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
}
