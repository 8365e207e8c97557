//! `check IMAGE --fix OUT`: the mended copy.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;

use tokio::sync::oneshot;

use super::image::entries;
use super::{Check, Checked};
use crate::audit::{Finding, Level};
use crate::blobs::{self, BlobError, Content, Image, Place, Store};
use crate::cli::asynchronously;
use crate::cli::interrupt::Interrupt;
use crate::error::Error;
use crate::files;
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

/// Makes the copy, and looks at it. Where errors stay nothing is written, and they are told of; what cannot be
/// mended at all is looked at as it is.
pub(super) fn mend(
    args: &Check,
    (image, seen): (Image, Seen),
    before: Checked,
    out: &Path,
    asked: Option<Arch>,
    shell: &Shell,
) -> Result<Checked, Error> {
    let place = place(out)?;
    let types = args.media_types.map(Into::into);
    clean(&place_folder(&place));
    let (building, _held) = beside(&place)?;
    let store = Store::new(building.path().to_path_buf());
    let mending = Mending { store, image, seen, types, place, asked, entries: entries(args) };
    let after = match interruptible(move || mending.run(), building.path()) {
        Ok(after) => after,
        // Its findings tell why.
        Err(Error::Blob(error @ BlobError::Unmendable { .. }))
            if count(&before.findings, Level::Error) > 0 =>
        {
            shell.warn(format!("{error}; nothing was written"));
            return Ok(before);
        }
        Err(error) => return Err(error),
    };
    match count(&after.findings, Level::Error) {
        0 => {
            tell(&before, &after, shell)?;
            Ok(after)
        }
        errors => {
            let what =
                if errors == 1 { "one error".to_owned() } else { format!("{errors} errors") };
            shell.warn(format!("{what} in {} cannot be mended: nothing was written", before.thing));
            Ok(stays(&before.thing, after))
        }
    }
}

/// What would stay in a copy is so in the image itself.
fn stays(thing: &str, after: Checked) -> Checked {
    let here = |finding| Finding { thing: thing.to_owned(), ..finding };
    let findings = after.findings.into_iter().map(here).collect();
    Checked { thing: thing.to_owned(), findings, ..after }
}

/// All that the copy is made of.
struct Mending {
    image: Image,
    seen: Seen,
    types: Option<MediaTypes>,
    store: Store,
    place: Place,
    asked: Option<Arch>,
    entries: Vec<Vec<String>>,
}

impl Mending {
    /// Makes the copy, and reads it; it comes to its place if Lambda would take it.
    fn run(self) -> Result<Checked, BlobError> {
        let Self { image, seen, types, store, place, asked, entries } = self;
        let papers = blobs::fix(&image, &seen, types, &store, cores())?;
        // Of a large image two such are too many.
        drop((image, seen));
        let name = parts(&place).1.unwrap_or(NAME);
        let index = papers.index(name)?;
        let content = Content {
            index: &index,
            manifest: &papers.manifest,
            config: &papers.config,
            layers: &papers.layers,
            name,
        };
        let built = blobs::build(&place, &content, &store)?;
        let mended = blobs::open_any(&built, &Arch::ALL)?;
        let thing = place.to_string();
        let after = super::image::checked(&blobs::scan(&thing, &mended, asked, entries, cores()));
        if count(&after.findings, Level::Error) == 0 {
            blobs::settle(&built, &place)?;
        }
        Ok(after)
    }
}

/// Works apart, so that Ctrl-C and its like end it at once and take the folder with them in which it is at
/// work.
fn interruptible(
    work: impl FnOnce() -> Result<Checked, BlobError> + Send + 'static,
    folder: &Path,
) -> Result<Checked, Error> {
    asynchronously(async {
        let mut interrupt = Interrupt::listen()?;
        let (done, finished) = oneshot::channel();
        thread::spawn(move || drop(done.send(work())));
        tokio::select! {
            Ok(result) = finished => Ok(result?),
            code = interrupt.next() => {
                // Twice: it goes on until the process has ended, and may write in between.
                for _ in 0..2 {
                    let _ = fs::remove_dir_all(folder);
                }
                Err(Error::Interrupted { code, stays: "no copy was made" })
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

/// A folder beside it, so that blobs need only get another name; held as long as the file is open.
fn beside(place: &Place) -> Result<(tempfile::TempDir, File), Error> {
    let folder = place_folder(place);
    let failed = |source| BlobError::Write { path: folder.clone(), source };
    loop {
        let made = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&folder).map_err(failed)?;
        let file = File::open(made.path()).map_err(failed)?;
        if files::hold(&file, made.path()) {
            return Ok((made, file));
        }
    }
}

/// Takes away what mendings left that were killed. Whoever made it may still have a right to it.
fn clean(folder: &Path) {
    let items = fs::read_dir(folder).into_iter().flatten().flatten();
    let is_one = |item: &fs::DirEntry| item.file_name().to_string_lossy().starts_with(PREFIX);
    items.filter(is_one).for_each(|item| files::remove_left(&item.path()));
}
