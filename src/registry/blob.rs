//! One blob, from however many connections it takes.

use std::io::Write;

use hyper::header::{CONTENT_RANGE, HeaderValue, RANGE};
use hyper::{Method, StatusCode};

use super::Client;
use super::error::Why;
use super::grant::Place;
use super::http::Answer;
use crate::digest::{HashingWriter, Sha256};

/// After so many bytes, or the hundredth part of all, tries are counted anew: the connection is bad, not
/// dead. One byte at a time would take for ever.
const PROGRESS: u64 = 64 * 1024;

/// A blob on its way.
struct Pull<'a> {
    out: HashingWriter<&'a mut (dyn Write + Send)>,
    have: u64,
    size: u64,
    /// Whether it is asked for from its beginning: a server may know no ranges, or err in them.
    whole: bool,
}

impl Client {
    /// See [`Client::blob`].
    pub(super) async fn pull(
        &self,
        place: &Place,
        digest: Sha256,
        size: u64,
        out: &mut (dyn Write + Send),
    ) -> Result<(), Why> {
        let mut pull = Pull { out: HashingWriter::new(out), have: 0, size, whole: false };
        let (mut tries, mut before) = (self.pauses.tries(), 0);
        loop {
            let ended = self.piece(place, digest, &mut pull).await;
            if pull.have - before >= PROGRESS.min(size / 100).max(1) {
                tries.anew();
                before = pull.have;
            }
            match ended {
                Ok(()) => break,
                // All of it came before the connection broke.
                Err(Why::Broken { .. } | Why::Silent { .. }) if size > 0 && pull.have == size => {
                    break;
                }
                Err(why) if !pull.whole && of_the_range(&why, pull.have) => pull.whole = true,
                Err(why) => tries.failed(why).await?,
            }
        }
        pull.out.flush().map_err(Why::Write)?;
        match pull.out.finish() {
            (_, is, _) if is == digest => Ok(()),
            (_, is, _) => Err(Why::Digest { is, should: digest }),
        }
    }

    /// What one request gives of it, up to its end.
    async fn piece(&self, place: &Place, digest: Sha256, pull: &mut Pull<'_>) -> Result<(), Why> {
        let path = format!("blobs/{digest}");
        let mut ask = self.ask(place, Method::GET, &path).await?;
        if pull.have > 0 && !pull.whole {
            let range = HeaderValue::try_from(format!("bytes={}-", pull.have));
            ask.headers.insert(RANGE, range.map_err(|error| Why::Start(error.to_string()))?);
        }
        let mut answer = self.let_in(place, ask).await?;
        let mut skip = begins(&answer, pull)?;
        let from = answer.from.clone();
        let rest = pull.size - pull.have + skip;
        if let Some(length) = answer.length().filter(|length| *length != rest) {
            let should = pull.size;
            return Err(Why::Length { is: length.saturating_add(pull.have - skip), should });
        }
        while let Some(bytes) = answer.next().await? {
            let passed = usize::try_from(skip).unwrap_or(usize::MAX).min(bytes.len());
            skip -= passed as u64;
            let new = &bytes[passed..];
            let have = pull.have + new.len() as u64;
            if have > pull.size {
                return Err(Why::Length { is: have, should: pull.size });
            }
            pull.out.write_all(new).map_err(Why::Write)?;
            pull.have = have;
        }
        if pull.have < pull.size {
            let why = format!("{} of {} bytes came", pull.have, pull.size);
            return Err(Why::Broken { to: from, why });
        }
        Ok(())
    }
}

/// How many bytes of an answer are known: those before what is missing, where a server gives the whole
/// again (RFC 9110, section 14.2: it may).
fn begins(answer: &Answer, pull: &Pull<'_>) -> Result<u64, Why> {
    if answer.status != StatusCode::PARTIAL_CONTENT {
        return Ok(pull.have);
    }
    let range = answer.header(CONTENT_RANGE).unwrap_or_default();
    let (first, size) = content_range(range).unwrap_or((u64::MAX, None));
    let asked = if pull.whole { 0 } else { pull.have };
    if first != asked || size.is_some_and(|size| size != pull.size) {
        let (from, size) = (&answer.from, pull.size);
        let range = super::text::clean(range);
        let why =
            format!("{from} answers with `{range}` where bytes {asked} to {size} were asked for");
        return Err(Why::Range(why));
    }
    Ok(pull.have - asked)
}

/// Whether a server fails with the range that it was asked for, and may give the whole.
fn of_the_range(why: &Why, have: u64) -> bool {
    have > 0 && matches!(why, Why::Range(_) | Why::Answered { status: 416, .. })
}

/// `bytes 10-99/100`, `bytes 10-99/*`: the first byte and the whole length (RFC 9110, section 14.4).
fn content_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((first.trim().parse().ok()?, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(content_range("bytes 10-99/100"), Some((10, Some(100))));
        assert_eq!(content_range("bytes 10-99/*"), Some((10, None)));
        for junk in ["", "bytes */100", "bytes 1-2", "items 1-2/3", "bytes a-b/c"] {
            assert_eq!(content_range(junk), None, "{junk}");
        }
    }
}
