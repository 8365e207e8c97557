//! Manifests and their names (OCI distribution specification, "Pushing Manifests").

use futures_util::future::{join_all, try_join, try_join_all};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, StatusCode};

use super::super::Client;
use super::super::body::Load;
use super::super::error::{RegistryError, Why, code};
use super::super::grant::Place;
use super::super::manifest::accept_all;
use super::super::text::clean;
use super::upload::{said_digest, verified};
use super::{Image, Push, Pushed, Pushing};
use crate::digest::Sha256;

/// What a repository has of an image's names.
#[derive(Debug, Clone)]
pub(super) struct Names {
    /// Whether the manifest is there.
    pub(super) there: bool,
    /// The tags that stand for something else, or for nothing.
    pub(super) other: Vec<String>,
}

impl Names {
    /// The same after these tags were moved; with one of them the manifest is there.
    pub(super) fn without(self, moved: &[String]) -> Self {
        let other = self.other.into_iter().filter(|tag| !moved.contains(tag)).collect();
        Self { there: self.there || !moved.is_empty(), other }
    }
}

impl Client {
    /// The digest of what a name stands for; of a digest, itself, if it is there.
    pub(in super::super) async fn digest_at(
        &self,
        place: &Place,
        name: &str,
        wanted: Option<Sha256>,
    ) -> Result<Option<Sha256>, Why> {
        let mut tries = self.pauses.tries();
        loop {
            match self.digest_once(place, name, wanted).await {
                Err(why) => tries.failed(why).await?,
                found => return found,
            }
        }
    }

    async fn digest_once(
        &self,
        place: &Place,
        name: &str,
        wanted: Option<Sha256>,
    ) -> Result<Option<Sha256>, Why> {
        let mut ask = self.ask(place, Method::HEAD, &format!("manifests/{name}")).await?;
        accept_all(&mut ask);
        let said = match self.let_in(place, ask).await {
            Ok(answer) => {
                wanted.map_or(Ok(()), |wanted| verified(&answer, &wanted))?;
                said_digest(&answer)
            }
            Err(Why::Missing(_)) => return Ok(None),
            // A registry without this method has the other.
            Err(Why::Answered { status: 405 | 501, .. }) => None,
            Err(why) => return Err(why),
        };
        if said.is_some() {
            return Ok(said);
        }
        match self.manifest_once(place, name, wanted).await {
            Ok(manifest) => Ok(Some(manifest.digest)),
            Err(Why::Missing(_)) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// What was warned of, and not handed out yet.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.take().iter().map(|text| clean(&self.grants.scrub(text))).collect()
    }
}

impl Pushing<'_> {
    /// Asks for all names at once.
    pub(super) async fn names(
        &self,
        push: &Push<'_>,
        digest: &Sha256,
        tags: &[String],
    ) -> Result<Names, RegistryError> {
        let place = &push.place;
        // Whatever is no manifest, it is something else than ours.
        let known = |found| if matches!(found, Err(Why::Foreign(_))) { Ok(None) } else { found };
        let by_digest = async {
            let name = digest.to_string();
            let found = known(self.client.digest_at(place, &name, Some(*digest)).await);
            found.map_err(|why| push.failed(&push.manifest(digest), why))
        };
        let by_tags = try_join_all(tags.iter().map(|tag| async move {
            let found = known(self.client.digest_at(place, tag, None).await);
            found.map_err(|why| push.failed(&push.tag(tag), why))
        }));
        let (found, stand_for) = try_join(by_digest, by_tags).await?;
        let other = tags.iter().zip(stand_for).filter(|(_, found)| *found != Some(*digest));
        Ok(Names { there: found.is_some(), other: other.map(|(tag, _)| tag.clone()).collect() })
    }

    /// Sends the manifest. What is put under a tag is there by its digest too, so that one request less
    /// is on the way; where the tag is refused, it is put by its digest all the same.
    pub(super) async fn papers(
        &self,
        push: &Push<'_>,
        image: &Image<'_>,
        names: &Names,
        pushed: &mut Pushed,
    ) -> Result<(), RegistryError> {
        let digest = pushed.digest;
        let by_tag = async |tag: &String| {
            let put = self.put(push, image, tag, &digest).await;
            put.map(|()| tag.clone()).map_err(|why| push.failed(&push.tag(tag), why))
        };
        let mut tags = names.other.as_slice();
        let mut failed = None;
        if !names.there {
            let first = tags.split_off_first();
            let put = match first {
                Some(tag) => Some(by_tag(tag).await),
                None => None,
            };
            if put.is_none() || matches!(&put, Some(Err(error)) if error.is_immutable()) {
                let by_digest = self.put(push, image, &digest.to_string(), &digest).await;
                by_digest.map_err(|why| push.failed(&push.manifest(&digest), why))?;
            } else if let Some(Err(error)) = put {
                return Err(with_the_rest(error, &names.other, &[]));
            }
            match put {
                Some(Err(error)) => failed = Some(error),
                put => pushed.moved.extend(put.and_then(Result::ok)),
            }
        }
        // None is left half way because of another.
        for moved in join_all(tags.iter().map(by_tag)).await {
            match moved {
                Ok(tag) => pushed.moved.push(tag),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        match failed {
            Some(error) => Err(with_the_rest(error, &names.other, &pushed.moved)),
            None => Ok(()),
        }
    }

    /// Puts the manifest under a name. Where the answer is lost, the registry is asked.
    async fn put(
        &self,
        push: &Push<'_>,
        image: &Image<'_>,
        name: &str,
        digest: &Sha256,
    ) -> Result<(), Why> {
        let place = &push.place;
        let is_there = async || {
            let found = self.client.digest_once(place, name, None).await;
            found.is_ok_and(|found| found == Some(*digest))
        };
        let mut tries = self.client.pauses.tries();
        loop {
            let Err(why) = self.put_once(push, image, name, digest).await else { return Ok(()) };
            if let Some(says) = why.says().filter(|says| is_immutable(says)) {
                let (tag, says) = (name.to_owned(), says.to_owned());
                let same = is_there().await;
                return if same { Ok(()) } else { Err(Why::Immutable { tag, says }) };
            }
            let passes = why.again().is_some();
            let waited = tries.failed(why).await;
            if passes && is_there().await {
                return Ok(());
            }
            waited?;
        }
    }

    async fn put_once(
        &self,
        push: &Push<'_>,
        image: &Image<'_>,
        name: &str,
        digest: &Sha256,
    ) -> Result<(), Why> {
        let place = &push.place;
        let ask = self.client.ask(place, Method::PUT, &format!("manifests/{name}")).await?;
        let bytes = Bytes::copy_from_slice(image.manifest);
        let mut ask = ask.with(Load::Bytes(bytes));
        let kind = HeaderValue::from_str(image.media_type)
            .map_err(|_| Why::Changed("its media type is none".to_owned()))?;
        ask.headers.insert(CONTENT_TYPE, kind);
        let length = image.manifest.len() as u64;
        push.bytes.fetch_add(length, std::sync::atomic::Ordering::Relaxed);
        let answer = self.client.let_in(place, ask).await?;
        verified(&answer, digest)?;
        // Only 201 of the registry's own says that it has it (specification, "Pushing Manifests").
        if answer.status == StatusCode::CREATED && !answer.strayed {
            return Ok(());
        }
        let found = self.client.digest_once(place, name, None).await?;
        if found == Some(*digest) {
            return Ok(());
        }
        let (from, status) = (&answer.from, answer.status.as_u16());
        let host = &place.host;
        Err(Why::Foreign(format!("{from} takes it (HTTP {status}), and {host} has it not")))
    }
}

impl Push<'_> {
    fn manifest(&self, digest: &Sha256) -> String {
        format!("`{}@{digest}`", self.name)
    }

    fn tag(&self, tag: &str) -> String {
        format!("`{}:{tag}`", self.name)
    }
}

/// The error of one tag of several, with what the others stand for now.
fn with_the_rest(error: RegistryError, tags: &[String], moved: &[String]) -> RegistryError {
    if tags.len() < 2 {
        return error;
    }
    let list = |set: bool| {
        let of = tags.iter().filter(|tag| moved.contains(tag) == set);
        of.map(String::as_str).collect::<Vec<_>>().join(", ")
    };
    let (set, unset) = (list(true), list(false));
    let set = if set.is_empty() { "no tag is set".to_owned() } else { format!("set: {set}") };
    let what = format!("{} ({set}; not set: {unset})", error.what);
    RegistryError { what: what.into(), ..error }
}

/// Whether a refusal is for a tag that may not be moved: ECR's words ("Preventing image tags from being
/// overwritten"; over this protocol `TAG_INVALID`), and those that others use.
fn is_immutable(says: &str) -> bool {
    let lower = says.to_lowercase();
    code(says) == "TAG_INVALID"
        || ["imagetagalreadyexists", "immutable"].iter().any(|word| lower.contains(word))
}
