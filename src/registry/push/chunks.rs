//! Blobs in chunks, for registries that take them in no other way (OCI distribution specification,
//! "Pushing a blob in chunks").

use hyper::header::{CONTENT_RANGE, HeaderValue, LOCATION, RANGE};
use hyper::{Method, Uri};

use super::super::body::{Account, Load, Source};
use super::super::error::Why;
use super::super::http::Answer;
use super::super::location::follow;
use super::session::Begun;
use super::upload::ask_at;
use super::{Blob, Pushing};

/// The usual length of a chunk.
const CHUNK: u64 = 16 * 1024 * 1024;
/// The most chunks: what was sent is read and hashed again for each.
const MOST: u64 = 16;
/// How often a registry may lose count.
const LOST: u32 = 4;

impl Pushing<'_> {
    /// Sends a blob in chunks of at least that length, and finishes it. How far it is, is counted here:
    /// what a registry says of it may be stale. Where it refuses a chunk for its place, it is asked.
    pub(super) async fn in_chunks(
        &self,
        key: u64,
        begun: &Begun,
        blob: &Blob<'_>,
        account: &Account<'_>,
        least: u64,
    ) -> Result<(), Why> {
        let chunk = CHUNK.max(least).max(blob.size.div_ceil(MOST));
        let (mut at, mut location, mut lost) = (0, begun.location.clone(), 0);
        while at < blob.size {
            let length = chunk.min(blob.size - at);
            let source = Source { blob, at, length, account };
            let mut ask = ask_at(begun, Method::PATCH, location.clone());
            let range = format!("{at}-{}", at + length - 1);
            let range = HeaderValue::try_from(range).map_err(|e| Why::Start(e.to_string()))?;
            ask.headers.insert(CONTENT_RANGE, range);
            match self.client.let_in(&begun.place, ask.with(Load::Stream(&source))).await {
                Ok(answer) => {
                    at += length;
                    location = next(&answer, location)?;
                }
                Err(Why::Answered { status: 416, .. }) if lost < LOST => {
                    lost += 1;
                    (at, location) = self.stands(begun, location, at + length).await?;
                    account.back_to(at);
                }
                Err(why) => return Err(why),
            }
            self.session.goes_on(key, &location);
        }
        self.finish(begun, &location, blob, None).await
    }

    /// How far an upload is, and where it goes on.
    async fn stands(&self, begun: &Begun, location: Uri, most: u64) -> Result<(u64, Uri), Why> {
        let ask = ask_at(begun, Method::GET, location.clone());
        let answer = self.client.let_in(&begun.place, ask).await?;
        let at = answer.header(RANGE).map_or(Some(0), length_of);
        let Some(at) = at.filter(|at| *at <= most) else {
            let from = &answer.from;
            return Err(Why::Foreign(format!("{from} does not tell how far the upload is")));
        };
        Ok((at, next(&answer, location)?))
    }
}

fn next(answer: &Answer, location: Uri) -> Result<Uri, Why> {
    match answer.header(LOCATION) {
        Some(next) => follow(&answer.uri, next),
        None => Ok(location),
    }
}

/// `0-99`: the length of what is there. `0-0` is also said of nothing, and is taken for that: the first
/// byte is refused again, if it was one.
fn length_of(range: &str) -> Option<u64> {
    let range = range.trim();
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    match range.split_once('-')? {
        ("0", "0") => Some(0),
        ("0", last) => last.parse::<u64>().ok()?.checked_add(1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_tell_a_length() {
        for (range, length) in [
            ("0-99", Some(100)),
            ("bytes=0-9", Some(10)),
            ("0-0", Some(0)),
            ("1-9", None),
            ("9", None),
            ("0-x", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(length_of(range), length, "{range}");
        }
    }
}
