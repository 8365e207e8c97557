//! One blob: asked for, mounted or sent (OCI distribution specification, "Pushing blobs": "Monolithic
//! upload", "Mounting a blob from another repository").

use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, StatusCode, Uri};

use super::super::body::{Account, Load, Source};
use super::super::error::Why;
use super::super::grant::Place;
use super::super::http::{Answer, Ask};
use super::super::location::follow;
use super::session::{self, Begun};
use super::{Blob, Push, Pushing};
use crate::digest::Sha256;
use crate::percent;

/// How a blob came to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// It was, after all.
    There,
    Mounted,
    Sent,
}

/// A blob that is looked for, and how long it is.
pub(super) type Wanted = (Sha256, u64);

/// What a registry begins with.
enum Start {
    Mounted,
    /// An upload, and the least that a chunk of it may be long, if it wants chunks.
    Upload(Box<Begun>, Option<u64>),
}

impl Pushing<'_> {
    /// Whether a repository has a blob.
    pub(super) async fn look(&self, place: &Place, wanted: Wanted) -> Result<bool, Why> {
        let mut tries = self.client.pauses.tries();
        loop {
            match self.look_once(place, wanted).await {
                Err(why) => tries.failed(why).await?,
                found => return found,
            }
        }
    }

    async fn look_once(&self, place: &Place, wanted: Wanted) -> Result<bool, Why> {
        match self.ask_for(place, Method::HEAD, wanted).await {
            // A registry without this method has the other; without both it takes what it has.
            Err(Why::Answered { status: 405 | 501, .. }) => {}
            found => return found,
        }
        match self.ask_for(place, Method::GET, wanted).await {
            Err(Why::Answered { status: 405 | 501, .. }) => Ok(false),
            found => found,
        }
    }

    /// A blob of another length is none: the registry has lost a part of it, and takes it again.
    async fn ask_for(&self, place: &Place, method: Method, wanted: Wanted) -> Result<bool, Why> {
        let (digest, size) = wanted;
        let ask = self.client.ask(place, method, &format!("blobs/{digest}")).await?;
        let answer = match self.client.let_in(place, ask).await {
            Err(Why::Missing(_)) => return Ok(false),
            answer => answer?,
        };
        verified(&answer, &digest)?;
        let Some(is) = answer.length().filter(|is| *is != size) else { return Ok(true) };
        self.client.pauses.talk.once(&format!(
            "{} has {is} of the {size} bytes of {digest}, which is sent again",
            answer.from
        ));
        Ok(false)
    }

    /// Brings a blob into a repository. It goes to each registry once at a time: whoever waits for that
    /// mounts it.
    pub(super) async fn send(
        &self,
        push: &Push<'_>,
        blob: &Blob<'_>,
        account: &Account<'_>,
    ) -> Result<How, Why> {
        let place = &push.place;
        let gate = self.session.gate(&place.host, &blob.digest);
        let _alone = gate.lock().await;
        let _turn = self.session.turns.acquire().await;
        if self.session.has(place, &blob.digest) {
            return Ok(How::There);
        }
        let known = self.session.elsewhere(&place.host, &place.repository, &blob.digest);
        let mut from = known.or_else(|| self.session.perhaps(place, &blob.digest));
        let mut tries = self.client.pauses.tries();
        loop {
            let in_chunks = self.session.is_chunked(&place.host);
            let why = match self.send_once(push, blob, account, from.take()).await {
                Ok(how) => return Ok(how),
                Err(why) => why,
            };
            let unsupported = matches!(&why, Why::Answered { status: 405 | 415 | 501, .. });
            if unsupported && !in_chunks {
                self.session.set_chunked(&place.host);
                continue;
            }
            let (passes, was_sent) = (why.again().is_some(), all_sent(account, blob));
            let (over, wanted) = (tries.failed(why).await, (blob.digest, blob.size));
            // The answer may have been lost, and not the blob.
            if passes && self.look_once(place, wanted).await.is_ok_and(|there| there) {
                return Ok(if was_sent { How::Sent } else { How::There });
            }
            account.back_to(0);
            over?;
        }
    }

    async fn send_once(
        &self,
        push: &Push<'_>,
        blob: &Blob<'_>,
        account: &Account<'_>,
        from: Option<String>,
    ) -> Result<How, Why> {
        let (begun, least) = match self.begin(push, &blob.digest, from).await? {
            Start::Mounted => return Ok(How::Mounted),
            Start::Upload(begun, least) => (begun, least),
        };
        let key = self.session.begin((*begun).clone());
        let whole = blob.size == 0
            || match least {
                Some(least) => blob.size <= least,
                None => !self.session.is_chunked(&push.place.host),
            };
        let sent = if whole {
            self.whole(&begun, blob, account).await
        } else {
            self.in_chunks(key, &begun, blob, account, least.unwrap_or_default()).await
        };
        match sent {
            Ok(()) => {
                self.session.end(key);
                Ok(How::Sent)
            }
            Err(why @ (Why::Changed(_) | Why::Read(_))) => {
                // What came of it is no blob, and nobody goes on with it.
                if let Some(begun) = self.session.end(key) {
                    self.delete(&begun).await;
                }
                Err(why)
            }
            Err(why) => Err(why),
        }
    }

    /// Begins an upload, or mounts the blob from another repository. A mount that fails in whatever way
    /// is an upload: nothing is worse than before.
    async fn begin(
        &self,
        push: &Push<'_>,
        digest: &Sha256,
        from: Option<String>,
    ) -> Result<Start, Why> {
        let place = &push.place;
        if let Some(from) = from {
            let mut reads = place.clone();
            let right = session::reading(&from);
            if !reads.scope.contains(right.trim_start()) {
                reads.scope.push_str(&right);
            }
            let query = format!(
                "blobs/uploads/?mount={}&from={}",
                percent::encoded(&digest.to_string(), b""),
                percent::encoded(&from, b"")
            );
            let ask = self.client.ask(&reads, Method::POST, &query).await?;
            if let Ok(answer) = self.client.let_in(&reads, ask).await {
                if answer.status == StatusCode::CREATED {
                    verified(&answer, digest)?;
                    return Ok(Start::Mounted);
                }
                if let Ok(start) = started(push, &answer) {
                    return Ok(start);
                }
            }
        }
        let ask = self.client.ask(place, Method::POST, "blobs/uploads/").await?;
        let answer = match self.client.let_in(place, ask).await {
            // There is nothing else in this request that could be missing.
            Err(Why::Missing(says)) => {
                let repository = place.repository.clone();
                return Err(Why::NoRepository { repository, says });
            }
            answer => answer?,
        };
        started(push, &answer)
    }

    /// All of a blob, as one body.
    async fn whole(
        &self,
        begun: &Begun,
        blob: &Blob<'_>,
        account: &Account<'_>,
    ) -> Result<(), Why> {
        let source = Source { blob, at: 0, length: blob.size, account };
        self.finish(begun, &begun.location, blob, Some(&source)).await
    }

    /// The request that makes a blob of an upload, with all of it or with nothing more.
    pub(super) async fn finish(
        &self,
        begun: &Begun,
        location: &Uri,
        blob: &Blob<'_>,
        source: Option<&Source<'_>>,
    ) -> Result<(), Why> {
        let mut ask = ask_at(begun, Method::PUT, with_digest(location, &blob.digest)?);
        if let Some(source) = source {
            ask = ask.with(Load::Stream(source));
        }
        let answer = self.client.let_in(&begun.place, ask).await?;
        verified(&answer, &blob.digest)?;
        // Only 201 says that it is there (specification, "POST then PUT").
        if answer.status == StatusCode::CREATED
            || self.look_once(&begun.place, (blob.digest, blob.size)).await?
        {
            return Ok(());
        }
        let (from, status) = (&answer.from, answer.status.as_u16());
        Err(Why::Foreign(format!("{from} takes it (HTTP {status}) and has it not")))
    }

    /// Tells a registry that nothing more comes ("Cancelling a blob upload").
    pub(super) async fn delete(&self, begun: &Begun) {
        let ask = ask_at(begun, Method::DELETE, begun.location.clone());
        let _ = self.client.let_in(&begun.place, ask).await;
    }
}

fn all_sent(account: &Account<'_>, blob: &Blob<'_>) -> bool {
    account.at.load(std::sync::atomic::Ordering::Relaxed) == blob.size
}

/// A request of an upload. A location may be another host's, which gets no login.
pub(super) fn ask_at(begun: &Begun, method: Method, uri: Uri) -> Ask<'static> {
    let sends = method == Method::PUT || method == Method::PATCH;
    let mut ask = Ask { home: Some(begun.home.clone()), ..Ask::new(method, uri) };
    if sends {
        ask.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    }
    ask
}

/// The upload that an answer begins.
fn started(push: &Push<'_>, answer: &Answer) -> Result<Start, Why> {
    let none = || Why::Foreign(format!("{} begins an upload and does not say where", answer.from));
    let location = answer.header(LOCATION).ok_or_else(none)?;
    let location = follow(&answer.uri, location)?;
    let least = answer.header("oci-chunk-min-length").and_then(|text| text.trim().parse().ok());
    let (number, place, home) = (push.number, push.place.clone(), answer.uri.clone());
    Ok(Start::Upload(Box::new(Begun { number, place, home, location }), least))
}

/// A location may have a query of its own, which stays as it is.
fn with_digest(location: &Uri, digest: &Sha256) -> Result<Uri, Why> {
    let text = location.to_string();
    let text = text.trim_end_matches(['?', '&']);
    let divides = if text.contains('?') { '&' } else { '?' };
    let whole = format!("{text}{divides}digest={}", percent::encoded(&digest.to_string(), b""));
    whole.parse().map_err(|_| Why::Foreign("the location of the upload is no URL".to_owned()))
}

/// Whether an answer is of what was meant, if it says so.
pub(super) fn verified(answer: &Answer, digest: &Sha256) -> Result<(), Why> {
    match said_digest(answer) {
        Some(is) if is != *digest => Err(Why::Misnamed { is, should: *digest }),
        _ => Ok(()),
    }
}

/// A digest of another kind says nothing to us.
pub(in super::super) fn said_digest(answer: &Answer) -> Option<Sha256> {
    answer.header("docker-content-digest")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_added_to_any_location() {
        let digest = Sha256::of(b"");
        for (location, expected) in [
            ("http://a.example/u/1", "http://a.example/u/1?digest="),
            ("http://a.example/u/1?", "http://a.example/u/1?digest="),
            ("http://a.example/u/1?state=a%2Fb", "http://a.example/u/1?state=a%2Fb&digest="),
            ("http://a.example/u?x=1&", "http://a.example/u?x=1&digest="),
        ] {
            let found = with_digest(&location.parse().unwrap(), &digest).unwrap().to_string();
            assert_eq!(found, format!("{expected}sha256%3A{}", digest.hex()), "{location}");
        }
    }
}
