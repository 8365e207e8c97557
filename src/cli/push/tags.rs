//! The tags of an image, with what stands for their placeholders.

use std::path::Path;

use serde_json::Value;

use crate::blobs::{self, Image, Place};
use crate::cli::image::recorded;
use crate::config::{Known, filled};
use crate::error::Error;
use crate::image::record::ImageRecord;
use crate::reference::is_tag;
use crate::target::Arch;
use crate::toolchain;

/// How many digits of a commit or a digest stand in a tag.
const DIGITS: usize = 12;
/// The annotation of the commit (OCI image specification, "Annotations").
const REVISION: &str = "org.opencontainers.image.revision";

/// What is said of an image in its tags.
pub(super) struct Made<'a> {
    /// The digits of its digest.
    pub(super) digest: &'a str,
    /// The commit that it was built from, as far as it says so.
    pub(super) commit: Option<String>,
    /// The folder whose branch and tag count.
    pub(super) folder: &'a Path,
}

/// The commit that an image was built from: as `image.json` beside it says, if that is of this image, else its
/// manifest. Labels say nothing of it: those of the base are among them.
pub(super) fn commit(place: &Place, image: &Image) -> Option<String> {
    let recorded = beside(place, image).and_then(|record| record.commit);
    let said = || {
        let paper: Value = serde_json::from_slice(image.paper.as_deref()?).ok()?;
        paper["annotations"][REVISION].as_str().map(str::to_owned)
    };
    recorded.or_else(said).filter(|commit| is_commit(commit))
}

fn is_commit(text: &str) -> bool {
    let digits = text.strip_suffix(DIRTY).unwrap_or(text);
    digits.len() >= 7 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// What `package` has written beside an image, if it is of that image.
fn beside(place: &Place, image: &Image) -> Option<ImageRecord> {
    // The folder above `.` is not seen by its name.
    let path = std::path::absolute(place.path()).ok()?;
    let folder = path.parent()?;
    let record = recorded(folder).ok()?;
    let digest = image.manifest.as_ref().map(|(_, digest, _)| digest.to_string());
    if digest.as_ref() == Some(&record.digest) {
        return Some(record);
    }
    // An archive of docker's has no manifest: its configuration tells all layers.
    let layout = Place::Layout(folder.join(ImageRecord::LAYOUT), None);
    let packaged = blobs::open(&layout, Arch::of_this_machine()).ok()?;
    (packaged.config.is_ok() && packaged.config == image.config).then_some(record)
}

/// What tells that files were changed since a commit.
const DIRTY: &str = "-dirty";

/// Twelve digits, and whether files were changed.
fn cut(commit: &str) -> String {
    let digits: String = commit.chars().take(DIGITS).collect();
    if commit.ends_with(DIRTY) { digits + DIRTY } else { digits }
}

/// Tags with their placeholders put in, each once.
pub(super) fn filled_in(tags: &[String], made: &Made<'_>) -> Result<Vec<String>, Error> {
    let needs = |name: &str| tags.iter().any(|tag| tag.contains(name));
    let other = (needs("{branch}") || needs("{tag}")).then(|| elsewhere(made)).flatten();
    let of_folder = |name: &str, none: &str, ask: fn(&Path) -> Option<String>| {
        if !needs(name) {
            return Err(String::new());
        }
        other
            .clone()
            .map_or_else(|| ask(made.folder).map(|text| plain(&text)).ok_or(none.to_owned()), Err)
    };
    let commit = made.commit.as_deref().map(cut).ok_or_else(|| {
        "neither an `image.json` beside the image nor its manifest says which commit it was built from"
            .to_owned()
    });
    let branch = of_folder("{branch}", "no branch is checked out here", toolchain::branch);
    let tag = of_folder("{tag}", "the commit that is checked out has no tag", toolchain::tag);
    let digest = made.digest.get(..DIGITS).unwrap_or_default();
    let known: [Known<'_>; 4] = [
        ("commit", commit.as_deref().map_err(String::as_str)),
        ("branch", branch.as_deref().map_err(String::as_str)),
        ("tag", tag.as_deref().map_err(String::as_str)),
        ("digest", Ok(digest)),
    ];
    let mut all: Vec<String> = Vec::new();
    for tag in tags {
        let tag = filled(tag, &known).map_err(|why| Error::Usage(format!("`--tag`: {why}")))?;
        if !is_tag(&tag) {
            return Err(Error::Usage(format!(
                "`--tag`: `{tag}` is no tag: letters, digits, `_`, `.`, `-`, 128 at most, neither `.` nor `-` first"
            )));
        }
        if !all.contains(&tag) {
            all.push(tag);
        }
    }
    Ok(all)
}

/// Why branch and tag of the folder say nothing of the image: it was built from another commit.
fn elsewhere(made: &Made<'_>) -> Option<String> {
    let built = made.commit.as_deref()?;
    let here = toolchain::commit(made.folder);
    let clean = |text: &str| text.trim_end_matches(DIRTY).to_ascii_lowercase();
    let same = |here: &String| {
        let (here, built) = (clean(here), clean(built));
        here.starts_with(&built) || built.starts_with(&here)
    };
    if here.as_ref().is_some_and(same) {
        return None;
    }
    let there = here.map_or_else(|| "none".to_owned(), |here| cut(&here));
    Some(format!("the image was built from commit {}, and {there} is checked out here", cut(built)))
}

/// What a tag does not take becomes a hyphen: `feature/x`.
fn plain(text: &str) -> String {
    text.replace(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)), "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(commit: Option<&str>) -> Made<'static> {
        Made {
            digest: "0123456789abcdef",
            commit: commit.map(str::to_owned),
            folder: Path::new("/"),
        }
    }

    #[test]
    fn a_tag_names_the_commit_of_the_image_and_no_other() {
        let of = |tag: &str, commit: Option<&str>| {
            filled_in(&[tag.to_owned()], &made(commit)).map_err(|error| error.to_string())
        };
        let commit = "3f0c2a9d41be3f0c2a9d41be3f0c2a9d41be3f0c";
        assert_eq!(of("v-{commit}", Some(commit)).unwrap(), ["v-3f0c2a9d41be"]);
        let dirty = format!("{commit}-dirty");
        assert_eq!(of("{commit}", Some(&dirty)).unwrap(), ["3f0c2a9d41be-dirty"]);
        assert_eq!(of("{digest}", None).unwrap(), ["0123456789ab"]);
        let none = of("{commit}", None).unwrap_err();
        assert!(none.contains("says which commit it was built from"), "{none}");
        // Whatever is checked out here, it is not what the image was built from.
        let other = of("{branch}", Some(commit)).unwrap_err();
        assert!(other.contains("was built from commit 3f0c2a9d41be, and none"), "{other}");
        assert!(is_commit(&dirty) && !is_commit("main") && !is_commit("v1.2.3"));
    }

    #[test]
    fn an_image_says_its_commit_by_the_record_that_is_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let layout = folder.path().join(ImageRecord::LAYOUT);
        let place = Place::Layout(layout, None);
        let paper = |annotations: Value| Image {
            index: None,
            manifest: None,
            sizes: None,
            paper: Some(serde_json::json!({ "annotations": annotations }).to_string().into_bytes()),
            config: Err(String::new()),
            layers: Vec::new(),
        };
        let image = paper(serde_json::json!({ REVISION: "3f0c2a9d41be" }));
        assert_eq!(commit(&place, &image).as_deref(), Some("3f0c2a9d41be"));
        assert_eq!(commit(&place, &paper(serde_json::json!({ REVISION: "main" }))), None);
        // One that is of another image.
        let record = serde_json::json!({
            "format": 1, "image": "a", "architecture": "x86_64", "base": "scratch",
            "base_digest": null, "digest": "sha256:aa", "media_type": "", "size": 1, "unpacked": 1,
            "layers": [], "functions": [], "archive": null, "commit": "aaaaaaaaaaaa",
        });
        let file = folder.path().join(ImageRecord::FILE);
        crate::files::write_atomically(&file, record.to_string().as_bytes()).unwrap();
        assert_eq!(commit(&place, &paper(Value::Null)), None);
        assert_eq!(commit(&place, &image).as_deref(), Some("3f0c2a9d41be"));
    }
}
