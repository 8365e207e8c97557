//! Digests of files that were read before and have not changed since.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::stamps::{Input, Seen};
use crate::tree::{Entry, Source};

/// What is known, and where it is kept.
pub(super) struct Digests {
    place: PathBuf,
    known: BTreeMap<PathBuf, Seen>,
    /// What was asked for.
    used: BTreeMap<PathBuf, Seen>,
}

impl Digests {
    pub(super) fn new(folder: &Path) -> Self {
        let place = folder.join("digests.json");
        let text = files::read_settings(&place).ok().flatten().unwrap_or_default();
        // What cannot be read is nothing: files are read again then.
        let inputs: Vec<Input> = serde_json::from_str(&text).unwrap_or_default();
        let known = inputs.into_iter().filter_map(|input| Some((input.path, input.seen?)));
        Self { place, known: known.collect(), used: BTreeMap::new() }
    }

    /// The digest of an entry's contents.
    pub(super) fn of_entry(&mut self, entry: &Entry) -> Result<Sha256, Error> {
        match &entry.source {
            Source::File(file) => self.of(file),
            Source::Bytes(bytes) => Ok(Sha256::of(bytes)),
        }
    }

    /// The digest of a file's contents.
    fn of(&mut self, path: &Path) -> Result<Sha256, Error> {
        let stamp = files::stamp(path);
        let known = self.used.get(path).or_else(|| self.known.get(path));
        if let Some(seen) = known.filter(|seen| seen.settled && Some(seen.stamp) == stamp)
            && let Some(digest) =
                seen.digest.as_ref().and_then(|hex| format!("sha256:{hex}").parse().ok())
        {
            self.used.insert(path.to_path_buf(), seen.clone());
            return Ok(digest);
        }
        // Taken before the file is read: a later write is seen.
        let mut input = files::copied(path, None);
        let unread = || std::io::Error::other("it is not there, or cannot be read");
        let digest = files::digest(path).ok_or_else(|| files::unread(path, unread()))?;
        if let Some(seen) = input.as_mut().and_then(|input| input.seen.take()) {
            self.used.insert(path.to_path_buf(), Seen { digest: Some(digest.hex()), ..seen });
        }
        Ok(digest)
    }

    /// Keeps what was asked for. Where that fails, files are read again.
    pub(super) fn keep(self) {
        if self.used != self.known {
            let input = |(path, seen)| Input { path, seen: Some(seen) };
            let inputs: Vec<Input> = self.used.into_iter().map(input).collect();
            let text = serde_json::to_vec(&inputs).unwrap_or_default();
            let _ = files::write_atomically(&self.place, &text);
        }
    }
}
