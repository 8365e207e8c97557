//! What a session of pushes knows: which repository has which blob, and which uploads are begun.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hyper::Uri;
use tokio::sync::Semaphore;

use super::super::grant::Place;
use crate::digest::Sha256;

/// So many blobs are sent at once.
const AT_ONCE: usize = 4;

/// A blob of a registry.
type OfHost = (String, Sha256);

/// The session.
pub(super) struct Session {
    /// Whose turn it is to send.
    pub(super) turns: Semaphore,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    homes: BTreeMap<OfHost, BTreeSet<String>>,
    /// A repository that may have a blob, as somebody has said.
    perhaps: BTreeMap<OfHost, String>,
    gates: BTreeMap<OfHost, Arc<tokio::sync::Mutex<()>>>,
    begun: BTreeMap<u64, Begun>,
    /// The registries that take no blob in one body.
    chunked: BTreeSet<String>,
    last: u64,
}

/// An upload that is not finished.
#[derive(Debug, Clone)]
pub(super) struct Begun {
    /// Of which push.
    pub(super) number: u64,
    pub(super) place: Place,
    /// Where the registry began it.
    pub(super) home: Uri,
    /// Where it goes on.
    pub(super) location: Uri,
}

/// The right to read in a repository, as it is added to a scope.
pub(super) fn reading(repository: &str) -> String {
    format!(" repository:{repository}:pull")
}

impl Session {
    pub(super) fn new() -> Self {
        Self { turns: Semaphore::new(AT_ONCE), inner: Mutex::default() }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A number that nothing else has.
    pub(super) fn number(&self) -> u64 {
        let mut inner = self.inner();
        inner.last += 1;
        inner.last
    }

    /// A repository has these blobs.
    pub(super) fn learn(&self, place: &Place, digests: impl IntoIterator<Item = Sha256>) {
        let mut inner = self.inner();
        for digest in digests {
            let homes = inner.homes.entry((place.host.clone(), digest)).or_default();
            homes.insert(place.repository.clone());
        }
    }

    /// A repository may have a blob.
    pub(super) fn guess(&self, host: &str, name: &str, digest: Sha256) {
        self.inner().perhaps.insert((host.to_owned(), digest), name.to_owned());
    }

    /// Another repository that may have a blob. Nobody asks for the right to read in it before that is wanted.
    pub(super) fn perhaps(&self, place: &Place, digest: &Sha256) -> Option<String> {
        let inner = self.inner();
        let found = inner.perhaps.get(&(place.host.clone(), *digest));
        found.filter(|home| **home != place.repository).cloned()
    }

    /// Nobody knows any more where in the registry these blobs are.
    pub(super) fn forget(&self, place: &Place, digests: impl IntoIterator<Item = Sha256>) {
        let mut inner = self.inner();
        for digest in digests {
            let of_host = (place.host.clone(), digest);
            inner.homes.remove(&of_host);
            inner.perhaps.remove(&of_host);
        }
    }

    /// Whether a repository is known to have a blob.
    pub(super) fn has(&self, place: &Place, digest: &Sha256) -> bool {
        let inner = self.inner();
        let homes = inner.homes.get(&(place.host.clone(), *digest));
        homes.is_some_and(|homes| homes.contains(&place.repository))
    }

    /// Another repository that has a blob.
    pub(super) fn elsewhere(&self, host: &str, name: &str, digest: &Sha256) -> Option<String> {
        let inner = self.inner();
        let homes = inner.homes.get(&(host.to_owned(), *digest))?;
        homes.iter().find(|home| *home != name).cloned()
    }

    /// Held while a blob is sent to a registry, so that nobody else sends it meanwhile.
    pub(super) fn gate(&self, host: &str, digest: &Sha256) -> Arc<tokio::sync::Mutex<()>> {
        let mut inner = self.inner();
        Arc::clone(inner.gates.entry((host.to_owned(), *digest)).or_default())
    }

    /// An upload was begun; its key.
    pub(super) fn begin(&self, begun: Begun) -> u64 {
        let key = self.number();
        self.inner().begun.insert(key, begun);
        key
    }

    /// An upload goes on elsewhere.
    pub(super) fn goes_on(&self, key: u64, location: &Uri) {
        if let Some(begun) = self.inner().begun.get_mut(&key) {
            begun.location = location.clone();
        }
    }

    /// An upload is finished, or given up; it is then nobody's any more.
    pub(super) fn end(&self, key: u64) -> Option<Begun> {
        self.inner().begun.remove(&key)
    }

    /// Those that are to be given up.
    pub(super) fn take(&self, which: impl Fn(&Begun) -> bool) -> Vec<Begun> {
        let mut inner = self.inner();
        inner.begun.extract_if(.., |_, begun| which(begun)).map(|(_, begun)| begun).collect()
    }

    pub(super) fn is_chunked(&self, host: &str) -> bool {
        self.inner().chunked.contains(host)
    }

    /// A registry takes no blob in one body.
    pub(super) fn set_chunked(&self, host: &str) {
        self.inner().chunked.insert(host.to_owned());
    }
}
