//! Logins as docker and podman keep them: `config.json` (docker CLI reference, "Credential stores"),
//! `auth.json` (containers-auth.json(5)), and the credential helpers that both name
//! (docker-credential-helpers, "Development").

mod file;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use self::file::{Entry, File};
use super::error::Used;
use super::text::clean;
use crate::process::Step;

/// How long a helper may take: it may ask a cloud, or a person.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a helper says of a registry that it has no login for (docker-credential-helpers, `errors.go`).
const NONE: &str = "credentials not found in native keychain";

/// Where logins are looked for.
#[derive(Clone, Default)]
pub struct Logins {
    given: BTreeMap<String, Login>,
    files: Vec<PathBuf>,
}

/// A login of one registry. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Login {
    /// A user and a password.
    Password(String, String),
    /// A token that tokens are got with.
    Identity(String),
    /// A token of the registry itself.
    Registry(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Login(…)")
    }
}

impl fmt::Debug for Logins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts: Vec<_> = self.given.keys().collect();
        f.debug_struct("Logins").field("given", &hosts).field("files", &self.files).finish()
    }
}

impl Logins {
    /// No logins: what everybody may read.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Those in these files, the first that has one for a registry.
    #[must_use]
    pub fn in_files(files: impl IntoIterator<Item = PathBuf>) -> Self {
        Self { given: BTreeMap::new(), files: files.into_iter().collect() }
    }

    /// Those of docker (`DOCKER_CONFIG`, else `~/.docker`), then those of podman
    /// (`REGISTRY_AUTH_FILE`; `$XDG_RUNTIME_DIR/containers`, `$XDG_CONFIG_HOME/containers`).
    #[must_use]
    pub fn of_this_user() -> Self {
        let variable =
            |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let home = env::home_dir().filter(|home| !home.as_os_str().is_empty());
        let below_home = |folder: &str| home.as_ref().map(|home| home.join(folder));
        let docker = variable("DOCKER_CONFIG").or_else(|| below_home(".docker"));
        let config = variable("XDG_CONFIG_HOME").or_else(|| below_home(".config"));
        Self::in_files(
            [
                docker.map(|folder| folder.join("config.json")),
                variable("REGISTRY_AUTH_FILE"),
                variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
                config.map(|folder| folder.join("containers/auth.json")),
            ]
            .into_iter()
            .flatten(),
        )
    }

    /// The same with a login for a registry, which comes before those in files.
    #[must_use]
    pub fn with(mut self, host: &str, user: &str, password: &str) -> Self {
        let login = Login::Password(user.to_owned(), password.to_owned());
        self.given.insert(host.to_owned(), login);
        self
    }

    /// The login for a repository; else, and if there was one to be had, why it could not.
    pub(super) async fn find(&self, host: &str, repository: &str) -> (Option<Login>, Used) {
        if let Some(login) = self.given.get(host) {
            return (Some(login.clone()), Used { login: true, note: None });
        }
        let mut note = None;
        for path in &self.files {
            let file = match File::read(path) {
                Ok(None) => continue,
                Ok(Some(file)) => file,
                Err(why) => {
                    note.get_or_insert(why);
                    continue;
                }
            };
            let found = match file.entry(host, repository) {
                None => Ok(None),
                Some(Entry::Login(login)) => Ok(Some(login)),
                Some(Entry::Helper(helper)) => ask(&helper, host).await,
            };
            match found {
                Ok(Some(login)) => return (Some(login), Used { login: true, note: None }),
                Ok(None) => {}
                Err(why) => {
                    note.get_or_insert(why);
                }
            }
        }
        (None, Used { login: false, note })
    }
}

/// Asks a helper for the login of a registry.
async fn ask(helper: &str, host: &str) -> Result<Option<Login>, String> {
    let step = Step::new(format!("docker-credential-{helper}"), ["get"]);
    // Under this name docker keeps the login of its own registry.
    let server = if host == "docker.io" { "https://index.docker.io/v1/" } else { host };
    let asked = step.ask(server.as_bytes(), PATIENCE).await;
    let (status, answer) = asked.map_err(|error| chained(&error))?;
    if !status.success() {
        // Then it is a message, no login.
        let said = clean(&String::from_utf8_lossy(&answer));
        let none = said.contains(NONE);
        return if none { Ok(None) } else { Err(format!("`{step}` failed: {status}: {said}")) };
    }
    let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
    let text = |member| answer.get(member).and_then(Value::as_str).map(str::to_owned);
    match (text("Username"), text("Secret")) {
        (_, Some(secret)) if secret.is_empty() => Ok(None),
        (Some(user), Some(token)) if user == "<token>" => Ok(Some(Login::Identity(token))),
        (Some(user), Some(password)) => Ok(Some(Login::Password(user, password))),
        _ => Err(format!("`{step}` gave no login")),
    }
}

fn chained(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
