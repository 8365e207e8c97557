//! `check IMAGE --fix OUT`: the mended copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::image::entries;
use super::{Check, Checked};
use crate::audit::{Finding, Level};
use crate::blobs::{self, BlobError, Content, Image, Place, Store};
use crate::cli::asynchronously;
use crate::cli::interrupt::Interrupt;
use crate::error::Error;
use crate::image::lint::Seen;
use crate::image::manifest::MediaTypes;
use crate::jobs::cores;
use crate::message::{Message, count};
use crate::shell::Shell;
use crate::target::Arch;

/// The name of the one image in a mended layout.
const NAME: &str = "latest";
/// What the folder begins with in which a copy is made.
const PREFIX: &str = ".lambda-pack-mend-";
/// A folder of a mending that was killed is one in which nothing was done for so long.
const OLD: Duration = Duration::from_hours(1);

/// Writes the copy, and looks at it; what cannot be mended is looked at as it is.
pub(super) fn mend(
    args: &Check,
    (image, seen): (Image, Seen),
    before: Checked,
    out: &Path,
    arches: (Arch, Option<Arch>),
    shell: &Shell,
) -> Result<Checked, Error> {
    let place = place(out)?;
    let types = args.media_types.map(Into::into);
    let (building, folder) = (beside(&place)?, place_folder(&place));
    clean(&folder);
    let mending = Mending {
        store: Store::new(building.path().to_path_buf()),
        image,
        seen,
        types,
        place,
        arches,
        entries: entries(args),
    };
    let after = match interruptible(move || mending.run(), building.path()) {
        Ok(after) => super::image::checked(&after),
        // Its findings tell why.
        Err(Error::Blob(error @ BlobError::Unmendable { .. }))
            if count(&before.findings, Level::Error) > 0 =>
        {
            shell.warn(error);
            return Ok(before);
        }
        Err(error) => return Err(error),
    };
    tell(&before, &after, shell)?;
    Ok(after)
}

/// All that the copy is made of.
struct Mending {
    image: Image,
    seen: Seen,
    types: Option<MediaTypes>,
    store: Store,
    place: Place,
    arches: (Arch, Option<Arch>),
    entries: Vec<Vec<String>>,
}

impl Mending {
    /// Makes the copy, and reads it.
    fn run(self) -> Result<Seen, BlobError> {
        let Self { place, store, .. } = &self;
        let papers = blobs::fix(&self.image, &self.seen, self.types, store, cores())?;
        let name = parts(place).1.unwrap_or(NAME);
        let index = papers.index(name)?;
        let content = Content {
            index: &index,
            manifest: &papers.manifest,
            config: &papers.config,
            layers: &papers.layers,
            name,
        };
        blobs::write_to(place, &content, store)?;
        let mended = blobs::open(place, self.arches.0)?;
        let thing = place.to_string();
        Ok(blobs::scan(&thing, &mended, self.arches.1, self.entries, cores()))
    }
}

/// Works apart, so that Ctrl-C and its like end it at once and take the folder with them in which it is at
/// work.
fn interruptible(
    work: impl FnOnce() -> Result<Seen, BlobError> + Send + 'static,
    folder: &Path,
) -> Result<Seen, Error> {
    asynchronously(async {
        let mut interrupt = Interrupt::listen()?;
        let (done, finished) = oneshot::channel();
        thread::spawn(move || drop(done.send(work())));
        tokio::select! {
            Ok(result) = finished => Ok(result?),
            () = interrupt.next() => {
                // Twice: it goes on until the process has ended, and may write in between.
                for _ in 0..2 {
                    let _ = fs::remove_dir_all(folder);
                }
                Err(Error::Usage("interrupted: no copy was made".to_owned()))
            }
            else => Err(Error::Usage("the copy could not be made".to_owned())),
        }
    })?
}

/// What was mended: the findings that are gone.
fn tell(before: &Checked, after: &Checked, shell: &Shell) -> Result<(), Error> {
    let stays = |finding: &Finding| {
        let same = |it: &&Finding| (it.code, &it.path) == (finding.code, &finding.path);
        after.findings.iter().filter(same).any(|it| it.message == finding.message)
    };
    let gone: Vec<&Finding> = before.findings.iter().filter(|it| !stays(it)).collect();
    let (thing, copy) = (&before.thing, &after.thing);
    for finding in &gone {
        let code = finding.code.name();
        if shell.is_json() {
            let (path, message) = (finding.path.as_deref(), finding.message.as_str());
            shell.record(&Message::Mended { code, thing, path, message, copy: copy.clone() })?;
        }
        let path = finding.path.as_ref().map(|path| format!("{path}: ")).unwrap_or_default();
        shell.status("Mended", format!("[{code}] {path}{}", finding.message));
    }
    let what = if gone.is_empty() { "; there was nothing to mend" } else { ", mended" };
    shell.status("Copied", format!("{thing} to {copy}{what}"));
    Ok(())
}

/// Where it is to be, spelled as images are that are read.
fn place(out: &Path) -> Result<Place, Error> {
    let text = out.to_string_lossy();
    let named = |rest: &str| match rest.split_once(':') {
        Some((path, name)) => (PathBuf::from(path), Some(name.to_owned())),
        None => (PathBuf::from(rest), None),
    };
    let is_tar = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"));
    let place = if let Some(rest) = text.strip_prefix("oci:") {
        let (path, name) = named(rest);
        Place::Layout(path, name)
    } else if let Some(rest) = text.strip_prefix("oci-archive:") {
        let (path, name) = named(rest);
        Place::OciArchive(path, name)
    } else if text.starts_with("docker-archive:") || text.starts_with("docker://") {
        let message = format!(
            "`--fix {text}`: a layout (`oci:OUT`) or an archive of one \
             (`oci-archive:OUT`) is written; `skopeo copy` makes others of it"
        );
        return Err(Error::Usage(message));
    } else if is_tar {
        Place::OciArchive(out.to_path_buf(), None)
    } else {
        Place::Layout(out.to_path_buf(), None)
    };
    if Path::new(&place.to_string()).exists() {
        return Err(Error::Usage(format!("{place} is there already: name a new place")));
    }
    Ok(place)
}

/// The path of a place, and the name in it.
fn parts(place: &Place) -> (&Path, Option<&str>) {
    let (Place::Layout(path, name)
    | Place::OciArchive(path, name)
    | Place::DockerArchive(path, name)) = place;
    (path, name.as_deref())
}

/// The folder that a place is in.
fn place_folder(place: &Place) -> PathBuf {
    let folder = parts(place).0.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new(".")).to_path_buf()
}

/// A folder beside it, so that blobs need only get another name.
fn beside(place: &Place) -> Result<tempfile::TempDir, Error> {
    let folder = place_folder(place);
    let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&folder);
    Ok(made.map_err(|source| BlobError::Write { path: folder, source })?)
}

/// Takes away what mendings left that were killed.
fn clean(folder: &Path) {
    #[expect(clippy::disallowed_methods, reason = "how long ago it was left, no more")]
    let now = SystemTime::now();
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_one = item.file_name().to_string_lossy().starts_with(PREFIX);
        let changed = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
        let places = [item.path(), item.path().join("blobs/sha256")];
        let last = places.iter().filter_map(|path| changed(path)).max();
        let is_old = |last| now.duration_since(last).is_ok_and(|age| age > OLD);
        if is_one && last.is_some_and(is_old) {
            // Whoever made it may still have a right to it.
            let _ = fs::remove_dir_all(item.path());
        }
    }
}
