//! Registries: a client of the OCI distribution protocol (specification 1.1), as much of it as reading
//! and pushing take.
//!
//! Nothing that a server says is believed: bodies have a largest size, bytes are held against their
//! digest, and a login goes to the host that it is of, and to whom that names for tokens, over TLS.
//! Registries on this machine may be without TLS, as docker has it.
//!
//! A failed request is tried again where that may help: four times, at growing intervals.

mod blob;
mod body;
mod challenge;
mod dial;
mod error;
mod grant;
mod hint;
mod http;
mod location;
mod logins;
mod manifest;
mod opened;
mod push;
mod retry;
mod secrets;
mod talk;
mod text;
mod trust;
mod warnings;
mod wire;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::WWW_AUTHENTICATE;
use hyper::{Method, StatusCode, Uri};

use self::grant::{Grant, Grants, Place};
use self::http::{Answer, Ask, Http};
use self::manifest::name_of;
use self::retry::Pauses;
use self::talk::Talk;
use self::warnings::Warnings;
use crate::digest::Sha256;
use crate::reference::Reference;

pub use error::{RegistryError, Used, Why};
pub use logins::Logins;
pub use manifest::{MEDIA_TYPES, Manifest};
pub use push::{Blob, Image, Progress, Pushed, Pushes, Pushing};
pub use trust::Distrust;

/// The longest that a server may say nothing.
const SILENCE: Duration = Duration::from_mins(1);

/// A client of registries, of any number of them. Its requests may run at once, within one tokio
/// runtime with time and I/O.
pub struct Client {
    http: Http,
    grants: Grants,
    pauses: Pauses,
    /// Whether registries on this machine speak TLS.
    tls: tokio::sync::Mutex<BTreeMap<String, bool>>,
    warnings: Warnings,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("grants", &self.grants).finish_non_exhaustive()
    }
}

impl Client {
    /// A client with these logins. Nothing is asked of anybody yet; the environment is read for proxies
    /// (`HTTPS_PROXY`, `NO_PROXY`) and certificates (`SSL_CERT_FILE`, `SSL_CERT_DIR`).
    ///
    /// # Errors
    ///
    /// If the certificates that the environment names cannot be read. Whether this machine has any is seen
    /// when they are needed.
    pub fn new(logins: Logins) -> Result<Self, RegistryError> {
        let start = |why| {
            let (what, host) = ("from registries".into(), "".into());
            RegistryError { verb: "read", what, host, why }
        };
        Ok(Self {
            http: Http::new(SILENCE).map_err(start)?,
            grants: Grants::new(logins),
            pauses: Pauses::new(),
            tls: tokio::sync::Mutex::default(),
            warnings: Warnings::default(),
        })
    }

    /// The same, telling what whoever waits should know before the end: that a registry does not answer,
    /// that a login cannot be understood. Each text is told once, and none holds a secret.
    #[must_use]
    pub fn telling(mut self, tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let talk = Arc::new(Talk::new(tell));
        self.pauses.talk = Arc::clone(&talk);
        self.grants.talk = talk;
        self
    }

    /// The same, waiting for a silent server no longer than that (else one minute).
    #[must_use]
    pub fn patient(mut self, silence: Duration) -> Self {
        self.http.silence = silence;
        self
    }

    /// The manifest that a reference names, by its digest if it has one, else by its tag. What a tag
    /// means may change, and some registries convert what is asked for by tag (ECR): whoever goes on
    /// from here does so [by digest](Reference::at).
    ///
    /// At most 4 MiB; of the media types in [`MEDIA_TYPES`].
    ///
    /// # Errors
    ///
    /// If there is none, it is not given to this login, or it is not what was asked for.
    pub async fn manifest(&self, reference: &Reference) -> Result<Manifest, RegistryError> {
        let place = pulling(reference);
        let mut tries = self.pauses.tries();
        loop {
            match self.manifest_once(&place, &name_of(reference), reference.digest()).await {
                Ok(manifest) => return Ok(manifest),
                Err(why) => {
                    let over = tries.failed(why).await;
                    over.map_err(|why| self.failed(format!("`{reference}`"), reference, why))?;
                }
            }
        }
    }

    /// The digest of the manifest that a reference names now, if there is one. What a tag stands for is
    /// the registry's word, where it gives one (OCI distribution specification, "Checking if content
    /// exists in the registry": `Docker-Content-Digest`); else the manifest is read and hashed.
    ///
    /// # Errors
    ///
    /// If it is not told to this login, or another digest is told than was asked for.
    pub async fn digest_of(&self, reference: &Reference) -> Result<Option<Sha256>, RegistryError> {
        let (name, wanted) = (name_of(reference), reference.digest());
        let found = self.digest_at(&pulling(reference), &name, wanted).await;
        found.map_err(|why| self.failed(format!("`{reference}`"), reference, why))
    }

    /// Writes the blob of that digest and size, of the reference's repository, to `out`: as it comes,
    /// never more than `size` bytes. What breaks off is taken up where it stopped.
    ///
    /// # Errors
    ///
    /// If it is not given, is another than was asked for, or `out` fails. What was written then is to be
    /// thrown away.
    pub async fn blob(
        &self,
        reference: &Reference,
        digest: &Sha256,
        size: u64,
        out: &mut (dyn Write + Send),
    ) -> Result<(), RegistryError> {
        let pulled = self.pull(&pulling(reference), *digest, size, out).await;
        let what = || format!("blob {digest} of `{}`", reference.name());
        pulled.map_err(|why| self.failed(what(), reference, why))
    }

    fn failed(&self, what: String, reference: &Reference, why: Why) -> RegistryError {
        let why = why.scrubbed(|text| self.grants.scrub(text));
        RegistryError { verb: "read", what: what.into(), host: reference.host().into(), why }
    }

    /// Sends a request with what lets one in, and gives its answer if that is a success.
    async fn let_in(&self, place: &Place, mut ask: Ask<'_>) -> Result<Answer, Why> {
        let mut grant = self.grants.held(place).await;
        let mut got = 0;
        loop {
            let header = grant.as_ref().map(|grant| &grant.header);
            let answer = if ask.guessed {
                self.first(&mut ask).await?
            } else {
                self.http.exchange(&ask, header).await?
            };
            self.warnings.hear(&answer);
            if answer.status.is_success() {
                return Ok(answer);
            }
            // The host that a redirect leads to gets no login.
            if answer.status != StatusCode::UNAUTHORIZED || answer.strayed || got == 2 {
                return Err(self.refusal(answer, grant).await);
            }
            got += 1;
            let headers = answer.headers.get_all(WWW_AUTHENTICATE).iter();
            let challenges = challenge::parse(headers.filter_map(|value| value.to_str().ok()));
            let (says, _) = answer.refusal(&|text| self.grants.scrub(text)).await;
            let (grants, old) = (&self.grants, grant.as_ref());
            let new = grants.get(&self.http, &self.pauses, place, &challenges, old, &says).await?;
            grant = Some(new);
        }
    }

    async fn refusal(&self, answer: Answer, grant: Option<Grant>) -> Why {
        let (status, strayed, to) = (answer.status.as_u16(), answer.strayed, answer.from.clone());
        let (says, after) = answer.refusal(&|text| self.grants.scrub(text)).await;
        let login = grant.map_or_else(Used::default, |grant| grant.used);
        match status {
            401 | 403 if !strayed => Why::Denied { says, login },
            404 if !strayed => Why::Missing(says),
            _ => Why::Answered { to, status, says, after },
        }
    }

    /// A request for something of a repository. Whether a registry of this machine speaks TLS is found
    /// out by the first that only reads.
    async fn ask(&self, place: &Place, method: Method, path: &str) -> Result<Ask<'static>, Why> {
        let host = if place.host == "docker.io" { "registry-1.docker.io" } else { &*place.host };
        let here = crate::reference::is_loopback(host);
        let known = if here { self.tls.lock().await.get(host).copied() } else { Some(true) };
        let reads = method == Method::GET || method == Method::HEAD;
        let (tls, guessed) = match known {
            Some(tls) => (tls, false),
            None if reads => (false, true),
            None => (self.speaks_tls(host).await, false),
        };
        let scheme = if tls { "https" } else { "http" };
        let uri = format!("{scheme}://{host}/v2/{}/{path}", place.repository).parse();
        let uri = uri.map_err(|_| Why::Foreign(format!("`{host}` is no host")))?;
        Ok(Ask { guessed, ..Ask::new(method, uri) })
    }

    /// The answer to a request of which is not known yet whether it is to go over TLS: without, and
    /// without a login; where that is answered strangely, as it should be.
    async fn first(&self, ask: &mut Ask<'_>) -> Result<Answer, Why> {
        let answered = self.http.exchange(ask, None).await;
        ask.guessed = false;
        let host = ask.uri.authority().map(ToString::to_string).unwrap_or_default();
        let strange = match &answered {
            Ok(answer) => answer.status == StatusCode::BAD_REQUEST,
            Err(why) => matches!(why, Why::Broken { .. } | Why::Foreign(_)),
        };
        if strange && self.speaks_tls(&host).await {
            let uri = ask.uri.to_string().replacen("http:", "https:", 1).parse();
            ask.uri = uri.map_err(|_| Why::Foreign(format!("`{host}` is no host")))?;
            return self.http.exchange(ask, None).await;
        }
        if !strange && answered.is_ok() {
            self.tls.lock().await.entry(host).or_insert(false);
        }
        answered
    }

    /// All registries do but some of this machine's. Those are asked without, and without a login: what
    /// speaks TLS answers 400, or with no HTTP at all.
    async fn speaks_tls(&self, host: &str) -> bool {
        if !crate::reference::is_loopback(host) {
            return true;
        }
        let mut known = self.tls.lock().await;
        if let Some(tls) = known.get(host) {
            return *tls;
        }
        let Ok(uri) = format!("http://{host}/v2/").parse::<Uri>() else { return true };
        let tls = match self.http.exchange(&Ask::new(Method::GET, uri), None).await {
            Ok(answer) => answer.status == StatusCode::BAD_REQUEST,
            Err(Why::Broken { .. } | Why::Foreign(_)) => true,
            // Whoever asks next meets it again.
            Err(_) => return false,
        };
        known.insert(host.to_owned(), tls);
        tls
    }
}

fn pulling(reference: &Reference) -> Place {
    let (host, repository) = (reference.host().to_owned(), reference.repository().to_owned());
    let scope = format!("repository:{repository}:pull");
    Place { host, repository, scope }
}
