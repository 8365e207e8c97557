//! What lets one in: Basic, or the tokens of the distribution project's token authentication
//! ("Token Authentication Specification", "OAuth 2.0").

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode, Uri};
use serde_json::Value;

use super::body::Load;
use super::challenge::Challenge;
use super::error::{Used, Why};
use super::http::{Ask, Http};
use super::logins::{Login, Logins};
use super::retry::Pauses;
use super::secrets::Secrets;
use super::talk::Talk;
use super::text::clean;
use crate::percent;
use crate::reference::is_loopback;

/// The largest answer of a server of tokens.
const LARGEST: u64 = 1024 * 1024;
/// How long a token is good for at least, and if nothing is said of it (the specification's default).
const SHORTEST: Duration = Duration::from_mins(1);
/// The longest that one is believed to be.
const LONGEST: Duration = Duration::from_hours(1);
/// So long before its end it is not used any more.
const MARGIN: Duration = Duration::from_secs(10);

/// Where one wants in: a registry, and what for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The registry, as it is written.
    pub(super) host: String,
    pub(super) repository: String,
    /// `repository:NAME:pull`; of several repositories with spaces between.
    pub(super) scope: String,
}

/// The value of `Authorization`, and what it was got by.
#[derive(Clone)]
pub(super) struct Grant {
    pub(super) header: HeaderValue,
    pub(super) used: Used,
    until: Instant,
}

/// What was granted, and by what.
pub(super) struct Grants {
    logins: Logins,
    /// Held while one is got, so that many requests at once ask for one token.
    held: tokio::sync::Mutex<BTreeMap<Place, Grant>>,
    secrets: Mutex<Secrets>,
    pub(super) talk: Arc<Talk>,
}

impl fmt::Debug for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grants").field("logins", &self.logins).finish_non_exhaustive()
    }
}

impl Grants {
    pub(super) fn new(logins: Logins) -> Self {
        let (held, secrets) = (tokio::sync::Mutex::default(), Mutex::default());
        Self { logins, held, secrets, talk: Arc::default() }
    }

    /// What is held for a place and is still good.
    pub(super) async fn held(&self, place: &Place) -> Option<Grant> {
        let held = self.held.lock().await;
        held.get(place).filter(|grant| Instant::now() < grant.until).cloned()
    }

    /// Gets what a server's challenges want. `refused` is what it did not take, and nothing else is
    /// then given than something else.
    pub(super) async fn get(
        &self,
        http: &Http,
        pauses: &Pauses,
        place: &Place,
        challenges: &[Challenge],
        refused: Option<&Grant>,
        says: &str,
    ) -> Result<Grant, Why> {
        let mut held = self.held.lock().await;
        let is_other = |grant: &Grant| refused.is_none_or(|old| old.header != grant.header);
        let fresh = |grant: &&Grant| Instant::now() < grant.until && is_other(grant);
        if let Some(grant) = held.get(place).filter(fresh) {
            return Ok(grant.clone());
        }
        let (login, used) = self.logins.find(&place.host, &place.repository, &self.talk).await;
        let denied = || Why::Denied { says: says.to_owned(), login: used.clone() };
        let of = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        let bearer = of("bearer").filter(|challenge| challenge.get("realm").is_some());
        let (header, life) = match (bearer, &login) {
            (Some(_), Some(Login::Registry(token))) => (self.bearer(token)?, LONGEST),
            (Some(challenge), login) => {
                let wanted = Wanted { place, challenge, login: login.as_ref(), used: &used };
                let ask = self.ask(&wanted).map_err(last)?;
                let mut tries = pauses.tries();
                let (token, life) = loop {
                    match self.token(http, &ask, &wanted).await {
                        Ok(got) => break got,
                        Err(why) => tries.failed(why).await.map_err(last)?,
                    }
                };
                (self.bearer(&token)?, life)
            }
            (None, Some(Login::Password(name, password))) if of("basic").is_some() => {
                (self.basic(name, password)?, LONGEST)
            }
            (None, login) => {
                let other = refused.is_none().then(|| other(challenges, login.as_ref()));
                let kind = |why| Why::Challenge(format!("{} {why} ({says})", place.host));
                return Err(other.flatten().map_or_else(denied, kind));
            }
        };
        let until = Instant::now() + life.saturating_sub(MARGIN);
        let grant = Grant { header, used: used.clone(), until };
        if !is_other(&grant) {
            held.remove(place);
            return Err(denied());
        }
        held.insert(place.clone(), grant.clone());
        Ok(grant)
    }

    /// A text of a server's without what only we and it may know.
    pub(super) fn scrub(&self, text: &str) -> String {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).scrub(text)
    }

    fn keep_secret(&self, text: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).keep(text);
    }

    fn basic(&self, user: &str, password: &str) -> Result<HeaderValue, Why> {
        self.keep_secret(password);
        let both = STANDARD.encode(format!("{user}:{password}"));
        self.keep_secret(&both);
        secret("Basic", &both)
    }

    fn bearer(&self, token: &str) -> Result<HeaderValue, Why> {
        self.keep_secret(token);
        secret("Bearer", token)
    }

    /// The request for a token. A login goes over TLS, or, from a registry on this machine, to this machine.
    fn ask(&self, wanted: &Wanted<'_>) -> Result<Ask<'static>, Why> {
        let realm = wanted.challenge.get("realm").unwrap_or_default();
        let host = &wanted.place.host;
        let foreign = |why: &str| Why::Foreign(format!("{host} names a server of tokens {why}"));
        let uri: Uri = realm.parse().map_err(|_| foreign("by what is no URL"))?;
        let registry: Uri =
            format!("https://{host}/").parse().map_err(|_| foreign("and its own name is none"))?;
        let here = |uri: &Uri| uri.host().is_some_and(is_loopback);
        match uri.scheme_str() {
            Some("https") => {}
            Some("http") if here(&uri) && here(&registry) => {}
            _ => return Err(foreign("without https://, where no login may go")),
        }
        let service = wanted.challenge.get("service");
        let encode = |text: &str| percent::encoded(text, b"");
        let mut pairs: Vec<(&str, String)> =
            service.iter().map(|service| ("service", encode(service))).collect();
        if let Some(Login::Identity(token)) = wanted.login {
            self.keep_secret(token);
            pairs.push(("scope", encode(&wanted.scopes().join(" "))));
            pairs.push(("grant_type", "refresh_token".to_owned()));
            pairs.push(("client_id", "cargo-lambda-pack".to_owned()));
            pairs.push(("refresh_token", encode(token)));
            let mut ask = Ask { named_by: Some(registry), ..Ask::new(Method::POST, uri) };
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            ask.headers.insert(CONTENT_TYPE, form);
            return Ok(ask.with(Load::Bytes(joined(&pairs).into())));
        }
        let scopes = wanted.scopes();
        pairs.extend(scopes.iter().map(|scope| ("scope", encode(scope))));
        let divides = if uri.query().is_some() { '&' } else { '?' };
        let whole = format!("{}{divides}{}", realm.trim_end_matches(['&', '?']), joined(&pairs));
        let uri = whole.parse().map_err(|_| foreign("by what is no URL"))?;
        Ok(Ask { named_by: Some(registry), ..Ask::new(Method::GET, uri) })
    }

    /// One request for a token, and how long that is good for.
    async fn token(
        &self,
        http: &Http,
        ask: &Ask<'_>,
        wanted: &Wanted<'_>,
    ) -> Result<(String, Duration), Why> {
        let basic = match wanted.login {
            Some(Login::Password(user, password)) => Some(self.basic(user, password)?),
            _ => None,
        };
        let answer = http.exchange(ask, basic.as_ref()).await?;
        let (status, from) = (answer.status, answer.from.clone());
        if status != StatusCode::OK {
            let (says, after) = answer.refusal(&|text| self.scrub(text)).await;
            let status = status.as_u16();
            return Err(match status {
                400 | 401 | 403 => Why::Denied { says, login: wanted.used.clone() },
                _ => Why::Answered { to: from, status, says, after },
            });
        }
        let body = answer.bytes("the token", LARGEST).await?;
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |member| body.get(member).and_then(Value::as_str).filter(|t| !t.is_empty());
        let token = text("token").or_else(|| text("access_token"));
        let token = token.ok_or_else(|| Why::Foreign(format!("{from} answers without a token")))?;
        let life = body.get("expires_in").and_then(Value::as_u64).map(Duration::from_secs);
        Ok((token.to_owned(), life.unwrap_or(SHORTEST).clamp(SHORTEST, LONGEST)))
    }
}

/// What a token is wanted for.
struct Wanted<'a> {
    place: &'a Place,
    challenge: &'a Challenge,
    login: Option<&'a Login>,
    used: &'a Used,
}

impl Wanted<'_> {
    /// What the server asks for first, then what we want.
    fn scopes(&self) -> Vec<&str> {
        let asked = self.challenge.get("scope").unwrap_or_default().split_ascii_whitespace();
        let mut all: Vec<&str> = asked.take(8).collect();
        for scope in self.place.scope.split_ascii_whitespace() {
            if !all.contains(&scope) {
                all.push(scope);
            }
        }
        all
    }
}

/// What goes wrong with the server of tokens is told from what goes wrong with the registry, and what was
/// tried often enough here is not tried again with the whole request.
fn last(why: Why) -> Why {
    if matches!(why, Why::Denied { .. }) { why } else { Why::Token(Box::new(why)) }
}

/// Why no login can be what these challenges want, if that is not for want of one.
fn other(challenges: &[Challenge], login: Option<&Login>) -> Option<String> {
    let has = |scheme: &str| challenges.iter().any(|challenge| challenge.scheme == scheme);
    if has("bearer") && !has("basic") {
        return Some("names no server of tokens (`Bearer` without a realm)".to_owned());
    }
    if has("basic") {
        // A token is no password.
        return login.map(|_| "wants a user and a password, and the login is a token".to_owned());
    }
    let names = challenges.iter().take(4).map(|it| format!("`{}`", clean(&it.scheme)));
    let names: Vec<String> = names.collect();
    if names.is_empty() {
        return login.map(|_| "wants a login and does not say of what kind".to_owned());
    }
    let names = names.join(", ");
    Some(format!("wants a login by {names}, and only `basic` and `bearer` are known"))
}

fn joined(pairs: &[(&str, String)]) -> String {
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// A header that is shown nowhere.
fn secret(scheme: &str, text: &str) -> Result<HeaderValue, Why> {
    let foreign = |_| Why::Foreign("a token or a login holds what no header can".to_owned());
    let mut value = HeaderValue::try_from(format!("{scheme} {text}")).map_err(foreign)?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_goes_over_plain_http_only_from_this_machine_to_this_machine() {
        let grants = Grants::new(Logins::default());
        let asks = |host: &str, realm: &str| {
            let challenge = format!("Bearer realm=\"{realm}\"");
            let challenges = super::super::challenge::parse([challenge.as_str()]);
            let place = Place {
                host: host.to_owned(),
                repository: "a/b".to_owned(),
                scope: "repository:a/b:pull".to_owned(),
            };
            let (login, used) = (
                Login::Password("me".to_owned(), "pass".to_owned()),
                Used { from: None, note: None },
            );
            let wanted = Wanted {
                place: &place,
                challenge: &challenges[0],
                login: Some(&login),
                used: &used,
            };
            grants.ask(&wanted).map(|ask| ask.named_by.unwrap().to_string())
        };
        let far = "registry.example";
        for (host, realm, goes) in [
            (far, "https://auth.example/token", true),
            (far, "http://auth.example/token", false),
            (far, "http://127.0.0.1:5000/token", false),
            ("127.0.0.1:5000", "http://localhost:5001/token", true),
            ("127.0.0.1:5000", "http://auth.example/token", false),
        ] {
            let asked = asks(host, realm);
            assert_eq!(asked.is_ok(), goes, "{host} {realm}");
            assert!(asked.is_err() || asked.is_ok_and(|by| by == format!("https://{host}/")));
        }
    }
}
