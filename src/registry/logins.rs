//! Logins as docker and podman keep them: `config.json` (docker CLI reference, "Credential stores"),
//! `auth.json` (containers-auth.json(5)), and the credential helpers that both name
//! (docker-credential-helpers, "Development").

mod file;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use self::file::{Entry, File};
use super::error::Used;
use super::secrets;
use super::talk::Talk;
use super::text::clean;
use crate::process::{Answer, Step};

/// How long a helper may take: it may ask a cloud, or a person.
const PATIENCE: Duration = Duration::from_mins(1);

/// After so long it is said that one waits.
const SOON: Duration = Duration::from_secs(5);

/// What a helper says of a registry that it has no login for (docker-credential-helpers, `errors.go`).
const NONE: &str = "credentials not found in native keychain";

/// Where logins are looked for.
#[derive(Clone, Default)]
pub struct Logins {
    given: BTreeMap<String, (Login, &'static str)>,
    files: Vec<PathBuf>,
    patience: Option<Duration>,
    /// The helpers that gave no login for a host, and why not, if they failed.
    without: Arc<tokio::sync::Mutex<Without>>,
}

/// By helper and host.
type Without = BTreeMap<(String, String), Option<String>>;

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
        f.debug_struct("Logins")
            .field("given", &hosts)
            .field("files", &self.files)
            .finish_non_exhaustive()
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
        Self { files: files.into_iter().collect(), ..Self::default() }
    }

    /// Those in the file that `REGISTRY_AUTH_FILE` names, which comes before all others
    /// (containers-auth.json(5)); those of docker (`DOCKER_CONFIG`, else `~/.docker`); those of podman
    /// (`$XDG_RUNTIME_DIR/containers`, `$XDG_CONFIG_HOME/containers`).
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
                variable("REGISTRY_AUTH_FILE"),
                docker.map(|folder| folder.join("config.json")),
                variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")),
                config.map(|folder| folder.join("containers/auth.json")),
            ]
            .into_iter()
            .flatten(),
        )
    }

    /// The same with a login for a registry, which comes before those in files.
    #[must_use]
    pub fn with(self, host: &str, user: &str, password: &str) -> Self {
        self.with_that_of("the login that was given", (host, user, password))
    }

    /// The same; where the login is from is said, in words, where it does not open the door.
    #[must_use]
    pub fn with_that_of(mut self, from: &'static str, login: (&str, &str, &str)) -> Self {
        let (host, user, password) = login;
        let login = Login::Password(user.to_owned(), password.to_owned());
        self.given.insert(host.to_owned(), (login, from));
        self
    }

    /// The same, waiting for helpers no longer than that (else one minute).
    #[must_use]
    pub const fn patient(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The login for a repository; else, and if there was one to be had, why it could not. What is no login
    /// and stands where one should is told of at once.
    pub(super) async fn find(
        &self,
        host: &str,
        repository: &str,
        talk: &Talk,
    ) -> (Option<Login>, Used) {
        let used = |from: &str| Used { from: Some(from.into()), note: None };
        if let Some((login, from)) = self.given.get(host) {
            return (Some(login.clone()), used(from));
        }
        let mut note = None;
        for path in &self.files {
            let shown = path.display();
            let told = |why: String| {
                talk.once(&why);
                Err(why)
            };
            let found = match File::read(path).map(|file| file?.entry(host, repository)) {
                Err(why) => told(why),
                Ok(None) => Ok(None),
                Ok(Some(Entry::Login(login))) => Ok(Some((login, format!("the login in {shown}")))),
                Ok(Some(Entry::Unusable(why))) => {
                    told(format!("what {shown} has for {host} is no login: {why}"))
                }
                Ok(Some(Entry::Helper(helper))) => {
                    let got = self.ask(&helper, host, talk).await;
                    let from = || format!("the login of `docker-credential-{helper}`");
                    got.map(|login| login.map(|login| (login, from())))
                }
            };
            match found {
                Ok(Some((login, from))) => return (Some(login), used(&from)),
                Ok(None) => {}
                Err(why) => {
                    note.get_or_insert(why.into());
                }
            }
        }
        (None, Used { from: None, note })
    }

    /// Asks a helper for the login of a registry; one that had none, or failed, once and no more.
    async fn ask(&self, helper: &str, host: &str, talk: &Talk) -> Result<Option<Login>, String> {
        let mut without = self.without.lock().await;
        let key = (helper.to_owned(), host.to_owned());
        if let Some(why) = without.get(&key) {
            return why.clone().map_or(Ok(None), Err);
        }
        let patience = self.patience.unwrap_or(PATIENCE);
        let said = async {
            tokio::time::sleep(SOON.min(patience / 2)).await;
            talk.once(&format!(
                "waiting for `docker-credential-{helper}`, which has not answered yet"
            ));
            std::future::pending().await
        };
        let got = tokio::select! {
            got = ask(helper, host, patience) => got,
            never = said => never,
        };
        if !matches!(got, Ok(Some(_))) {
            without.insert(key, got.as_ref().err().cloned());
        }
        got
    }
}

/// Asks a helper for the login of a registry. What it answers is a secret, and is not shown; what it says
/// where it fails is, as far as that is none.
async fn ask(helper: &str, host: &str, patience: Duration) -> Result<Option<Login>, String> {
    let step = Step::new(format!("docker-credential-{helper}"), ["get"]);
    // Under this name docker keeps the login of its own registry.
    let server = if host == "docker.io" { "https://index.docker.io/v1/" } else { host };
    let asked = step.ask(server.as_bytes(), patience).await;
    let Answer { status, stdout, stderr } = asked.map_err(|error| chained(&error))?;
    if !status.success() {
        let said = |bytes: &[u8]| clean(&String::from_utf8_lossy(bytes));
        if said(&stdout).contains(NONE) || said(&stderr).contains(NONE) {
            return Ok(None);
        }
        return Err(format!("`{step}` failed: {status}: {}", complaint(&stdout, &stderr)));
    }
    let answer: Value = serde_json::from_slice(&stdout).unwrap_or_default();
    let text = |member| answer.get(member).and_then(Value::as_str).map(str::to_owned);
    match (text("Username"), text("Secret")) {
        (_, Some(secret)) if secret.is_empty() => Ok(None),
        (Some(user), Some(token)) if user == "<token>" => Ok(Some(Login::Identity(token))),
        (Some(user), Some(password)) => Ok(Some(Login::Password(user, password))),
        _ => Err(format!("`{step}` gave no login")),
    }
}

/// Why a helper failed: docker's say it on stdout (docker-credential-helpers, `credentials.go`), others on
/// stderr. A word alone may be a secret.
fn complaint(stdout: &[u8], stderr: &[u8]) -> String {
    let stdout = secrets::sentence(&String::from_utf8_lossy(stdout));
    let stderr = secrets::sentence(&String::from_utf8_lossy(stderr));
    match (stdout.contains(' '), stderr.is_empty()) {
        (true, true) => stdout,
        (true, false) => format!("{stderr}: {stdout}"),
        (false, false) => stderr,
        (false, true) => "it does not say why".to_owned(),
    }
}

fn chained(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    format!("{error}{cause}")
}
