//! Pushing images: what a registry has not got, and nothing else (OCI distribution specification,
//! "Push").
//!
//! Of everything it is asked first whether it is there, all at once. A blob that another repository of
//! the same registry has is mounted from there; what is sent goes as one body from the disk, a few
//! blobs at a time, the large ones first. The manifest comes last, under its tags.

mod chunks;
mod names;
mod session;
mod upload;

use std::io::{self, Read};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::{Either, select, try_join_all};
use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};

use self::names::Names;
use self::session::Session;
use self::upload::How;
use super::Client;
use super::body::Account;
use super::error::{RegistryError, Why, code};
use super::grant::Place;
use crate::digest::Sha256;
use crate::reference::{Reference, is_tag};

/// So many blobs are asked for at once.
const LOOKS: usize = 16;
/// How long giving up may take.
const GOODBYE: Duration = Duration::from_secs(3);

/// A blob that may have to be sent.
pub struct Blob<'a> {
    /// Its digest.
    pub digest: Sha256,
    /// Its length in bytes.
    pub size: u64,
    /// Opens it, anew for each try. What is read is held against digest and size before the last of it
    /// is sent.
    pub open: &'a (dyn Fn() -> io::Result<Box<dyn Read + Send>> + Sync),
}

/// An image as it is pushed; or an index, which has no blobs, after all that it names.
pub struct Image<'a> {
    /// The manifest, byte for byte.
    pub manifest: &'a [u8],
    /// Its media type.
    pub media_type: &'a str,
    /// The configuration and the layers.
    pub blobs: Vec<Blob<'a>>,
}

/// What a push did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// The digest of the manifest.
    pub digest: Sha256,
    /// The blobs that were sent, in the order of the image.
    pub sent: Vec<Sha256>,
    /// Those that the registry took from another of its repositories.
    pub mounted: Vec<Sha256>,
    /// Those that were there. If the manifest was, nobody asked for its blobs, and they are in no list.
    pub there: Vec<Sha256>,
    /// The tags that stand for the image since this push, and did not before.
    pub moved: Vec<String>,
    /// All bytes that were sent in bodies, those of failed tries too.
    pub bytes: u64,
    /// Whether everything was there already, under all its names: nothing was sent.
    pub unchanged: bool,
    /// What the registry warns of, each text once in the life of a client.
    pub warnings: Vec<String>,
}

/// How far a push is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// A blob is missing, of this size. All are told of before the first byte is sent, but for those that
    /// the registry loses on the way.
    Missing {
        /// Which.
        digest: Sha256,
        /// Its length in bytes.
        size: u64,
    },
    /// More bytes of a blob were sent.
    Sent {
        /// Of which.
        digest: Sha256,
        /// How many more.
        bytes: u64,
    },
    /// A try failed: so many bytes are to be sent again.
    Back {
        /// Of which.
        digest: Sha256,
        /// How many of those that were told of as sent.
        bytes: u64,
    },
    /// The registry has a blob.
    Done {
        /// Which.
        digest: Sha256,
        /// How many of its bytes needed no sending: it was mounted, or there after all.
        spared: u64,
    },
}

/// Pushes to any number of repositories that know of each other: a blob that several images share is
/// sent once to each registry, and mounted where it is wanted again; also by pushes at the same time.
pub struct Pushing<'c> {
    client: &'c Client,
    session: Arc<Session>,
}

/// What the pushes of a session know of each other, whoever makes them.
#[derive(Clone)]
pub struct Pushes(Arc<Session>);

impl Default for Pushes {
    fn default() -> Self {
        Self(Arc::new(Session::new()))
    }
}

impl Client {
    /// Begins a session of pushes, or joins one.
    #[must_use]
    pub fn pushing_with(&self, pushes: &Pushes) -> Pushing<'_> {
        Pushing { client: self, session: Arc::clone(&pushes.0) }
    }

    /// Begins a session of pushes.
    #[must_use]
    pub fn pushing(&self) -> Pushing<'_> {
        self.pushing_with(&Pushes::default())
    }
}

/// One image on its way.
struct Push<'a> {
    client: &'a Client,
    place: Place,
    name: String,
    progress: &'a (dyn Fn(Progress) + Sync),
    bytes: AtomicU64,
    /// Whose uploads are whose.
    number: u64,
}

impl Pushing<'_> {
    /// Pushes an image to the repository of a reference, whose own tag and digest say nothing here, under
    /// these tags; without any, it is there by its digest alone.
    ///
    /// Guarantees that a tag is in [`Pushed::moved`] only if the registry said so; that bytes which are
    /// not the blob's leave no blob behind. What is there already is not sent, and a failed push leaves
    /// what it sent for the next. `ready` is waited for before anything is sent, and not at all where nothing
    /// is: what it fails with, the push fails with.
    ///
    /// # Errors
    ///
    /// If the registry does not take it, after four tries where another may help; if a blob cannot be
    /// read. Uploads that were begun are to be [abandoned](Self::abandon) then.
    pub async fn image(
        &self,
        repository: &Reference,
        tags: &[String],
        image: &Image<'_>,
        ready: impl Future<Output = Result<(), Why>>,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<Pushed, RegistryError> {
        let digest = Sha256::of(image.manifest);
        let push = Push {
            client: self.client,
            place: self.place(repository, image),
            name: repository.name(),
            progress,
            bytes: AtomicU64::new(0),
            number: self.session.number(),
        };
        let mut pushed = Pushed::nothing(digest);
        if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
            let why = Why::Start(format!("`{tag}` is no tag"));
            return Err(push.failed(&format!("`{}`", push.name), why));
        }
        let blobs = distinct(image);
        let (names, looks) = self.see(&push, &blobs, &digest, tags).await?;
        if !(names.there && names.other.is_empty()) {
            ready.await.map_err(|why| push.failed(&format!("`{}`", push.name), why))?;
        }
        if names.there {
            self.session.learn(&push.place, blobs.iter().map(|blob| blob.digest));
        } else {
            self.blobs(&push, &blobs, looks, &mut pushed).await?;
        }
        match self.papers(&push, image, &names, &mut pushed).await {
            Err(error) if error.lacks_blobs() => {
                self.lost(&push, &blobs, &mut pushed).await?;
                let left = names.clone().without(&pushed.moved);
                self.papers(&push, image, &left, &mut pushed).await?;
            }
            put => put?,
        }
        pushed.bytes = push.bytes.load(Ordering::Relaxed);
        pushed.unchanged = names.there && names.other.is_empty();
        pushed.warnings = self.client.warnings();
        self.give_up(|begun| begun.number == push.number).await;
        Ok(pushed)
    }

    /// What is there: the names, and the blobs where the manifest is not. The names say most, and asking for
    /// the blobs meanwhile costs no time.
    async fn see(
        &self,
        push: &Push<'_>,
        blobs: &[&Blob<'_>],
        digest: &Sha256,
        tags: &[String],
    ) -> Result<(Names, Vec<bool>), RegistryError> {
        let names = pin!(self.names(push, digest, tags));
        let looks = pin!(self.look_for(push, blobs));
        Ok(match select(names, looks).await {
            Either::Left((names, looks)) => {
                let names = names?;
                let looks = if names.there { Vec::new() } else { looks.await? };
                (names, looks)
            }
            Either::Right((looks, names)) => (names.await?, looks?),
        })
    }

    /// A repository that may have these blobs: they are mounted from there where it has them, and where one
    /// may read in it.
    pub fn may_be_in(&self, repository: &Reference, digests: impl IntoIterator<Item = Sha256>) {
        for digest in digests {
            self.session.guess(repository.host(), repository.repository(), digest);
        }
    }

    /// Gives up what was begun and not finished, for Ctrl-C and after an error: the registries are told
    /// so, for three seconds at most, and whatever they answer.
    pub async fn abandon(&self) {
        self.give_up(|_| true).await;
    }

    async fn give_up(&self, which: impl Fn(&session::Begun) -> bool) {
        let begun = self.session.take(which);
        let all = begun.iter().map(|begun| self.delete(begun));
        // Registries throw away old uploads by themselves.
        let _ = tokio::time::timeout(GOODBYE, futures_util::future::join_all(all)).await;
    }

    /// Where an image goes, with the right to read in the repositories that its blobs are known to be in.
    fn place(&self, repository: &Reference, image: &Image<'_>) -> Place {
        let (host, name) = (repository.host().to_owned(), repository.repository().to_owned());
        let mut scope = format!("repository:{name}:pull,push");
        let mut others: Vec<String> = image
            .blobs
            .iter()
            .filter_map(|blob| self.session.elsewhere(&host, &name, &blob.digest))
            .collect();
        others.sort();
        others.dedup();
        for other in others {
            scope.push_str(&session::reading(&other));
        }
        Place { host, repository: name, scope }
    }

    /// Which blobs are there.
    async fn look_for(
        &self,
        push: &Push<'_>,
        blobs: &[&Blob<'_>],
    ) -> Result<Vec<bool>, RegistryError> {
        let look = |wanted: upload::Wanted| async move {
            let known = self.session.has(&push.place, &wanted.0);
            let found = if known { Ok(true) } else { self.look(&push.place, wanted).await };
            found.map_err(|why| push.failed(&push.blob(&wanted.0), why))
        };
        let wanted: Vec<upload::Wanted> = blobs.iter().map(|it| (it.digest, it.size)).collect();
        stream::iter(wanted.into_iter().map(look)).buffered(LOOKS).try_collect().await
    }

    /// Sends what a registry had when it was asked, and misses now that the manifest names it: another has
    /// tidied it up meanwhile. One that says of everything that it is there gets all that it was not sent.
    async fn lost(
        &self,
        push: &Push<'_>,
        blobs: &[&Blob<'_>],
        pushed: &mut Pushed,
    ) -> Result<(), RegistryError> {
        self.session.forget(&push.place, blobs.iter().map(|blob| blob.digest));
        let mut there = self.look_for(push, blobs).await?;
        if there.iter().all(|there| *there) {
            there = blobs.iter().map(|blob| pushed.sent.contains(&blob.digest)).collect();
        }
        self.blobs(push, blobs, there, pushed).await
    }

    /// Sends the blobs that are missing.
    async fn blobs(
        &self,
        push: &Push<'_>,
        blobs: &[&Blob<'_>],
        there: Vec<bool>,
        pushed: &mut Pushed,
    ) -> Result<(), RegistryError> {
        let (here, mut missing): (Vec<_>, Vec<_>) =
            blobs.iter().copied().zip(there).partition(|(_, there)| *there);
        self.session.learn(&push.place, here.iter().map(|(blob, _)| blob.digest));
        for (blob, _) in &missing {
            (push.progress)(Progress::Missing { digest: blob.digest, size: blob.size });
        }
        // The large ones take the longest, the small ones fill the gaps.
        missing.sort_by_key(|(blob, _)| std::cmp::Reverse(blob.size));
        let all = missing.iter().map(|(blob, _)| async move {
            let account = Account {
                digest: blob.digest,
                told: push.progress,
                at: AtomicU64::new(0),
                all: &push.bytes,
            };
            let how = self.send(push, blob, &account).await;
            let how = how.map_err(|why| push.failed(&push.blob(&blob.digest), why))?;
            self.session.learn(&push.place, [blob.digest]);
            let spared = blob.size - account.at.load(Ordering::Relaxed).min(blob.size);
            (push.progress)(Progress::Done { digest: blob.digest, spared });
            Ok((blob.digest, how))
        });
        let done = try_join_all(all).await?;
        pushed.note(blobs, &done);
        Ok(())
    }
}

impl Pushed {
    fn nothing(digest: Sha256) -> Self {
        let [sent, mounted, there] = [Vec::new(), Vec::new(), Vec::new()];
        let (moved, warnings, bytes, unchanged) = (Vec::new(), Vec::new(), 0, false);
        Self { digest, sent, mounted, there, moved, bytes, unchanged, warnings }
    }

    /// How blobs came to be there, as it was found last; the others were.
    fn note(&mut self, blobs: &[&Blob<'_>], done: &[(Sha256, How)]) {
        let [mut sent, mut mounted, mut there] = [Vec::new(), Vec::new(), Vec::new()];
        for digest in blobs.iter().map(|blob| blob.digest) {
            let now = done.iter().find(|it| it.0 == digest).map(|it| it.1);
            match now {
                Some(How::Sent) => sent.push(digest),
                Some(How::Mounted) => mounted.push(digest),
                None if self.sent.contains(&digest) => sent.push(digest),
                None if self.mounted.contains(&digest) => mounted.push(digest),
                Some(How::There) | None => there.push(digest),
            }
        }
        (self.sent, self.mounted, self.there) = (sent, mounted, there);
    }
}

impl Push<'_> {
    fn blob(&self, digest: &Sha256) -> String {
        format!("blob {digest} of `{}`", self.name)
    }

    /// The error, with what is wrong said as clearly as can be.
    fn failed(&self, what: &str, why: Why) -> RegistryError {
        let (host, repository) = (self.place.host.as_str().into(), self.place.repository.clone());
        let unknown =
            |says: &str| code(says) == "NAME_UNKNOWN" || says.contains("RepositoryNotFound");
        let why = match why.says() {
            Some(says) if unknown(says) => Why::NoRepository { repository, says: says.to_owned() },
            _ => why.scrubbed(|text| self.client.grants.scrub(text)),
        };
        RegistryError { verb: "push", what: what.into(), host, why }
    }
}

/// The blobs of an image, each once.
fn distinct<'b, 'a>(image: &'b Image<'a>) -> Vec<&'b Blob<'a>> {
    let mut seen = std::collections::BTreeSet::new();
    image.blobs.iter().filter(|blob| seen.insert(blob.digest)).collect()
}
