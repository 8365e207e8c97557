//! `check IMAGE --fix OUT`: the mended copy.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, SystemTime};

use super::image::{scan, threads};
use super::{Check, Checked};
use crate::audit::{Finding, Level};
use crate::blobs::{self, BlobError, Content, Image, Place, Store};
use crate::cli::interrupt::Interrupt;
use crate::error::Error;
use crate::image::lint::Seen;
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
    (image, seen): (&Image, &Seen),
    before: Checked,
    out: &Path,
    arches: (Arch, Option<Arch>),
    shell: &Shell,
) -> Result<Checked, Error> {
    let place = place(out)?;
    match write(image, seen, &place, args) {
        Ok(()) => {}
        // Its findings tell why.
        Err(Error::Blob(error @ BlobError::Unmendable { .. }))
            if count(&before.findings, Level::Error) > 0 =>
        {
            shell.warn(error);
            return Ok(before);
        }
        Err(error) => return Err(error),
    }
    let mended = blobs::open(&place, arches.0)?;
    let after = super::image::checked(&scan(&place.to_string(), &mended, arches.1, args));
    tell(&before, &after, shell)?;
    Ok(after)
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
    let parts = |rest: &str| match rest.split_once(':') {
        Some((path, name)) => (PathBuf::from(path), Some(name.to_owned())),
        None => (PathBuf::from(rest), None),
    };
    let is_tar = out.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("tar"));
    let place = if let Some(rest) = text.strip_prefix("oci:") {
        let (path, name) = parts(rest);
        Place::Layout(path, name)
    } else if let Some(rest) = text.strip_prefix("oci-archive:") {
        let (path, name) = parts(rest);
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

fn write(image: &Image, seen: &Seen, place: &Place, args: &Check) -> Result<(), Error> {
    let (Place::Layout(out, name) | Place::OciArchive(out, name) | Place::DockerArchive(out, name)) =
        place;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));
    clean(folder);
    let failed = |source| BlobError::Write { path: folder.to_path_buf(), source };
    // Beside it, so that blobs need only get another name.
    let kept = tempfile::Builder::new().prefix(PREFIX).tempdir_in(folder).map_err(failed)?;
    remove_on_interrupt(kept.path());
    let store = Store::new(kept.path().to_path_buf());
    let types = args.media_types.map(Into::into);
    let papers = blobs::fix(image, seen, types, &store, threads())?;
    let name = name.as_deref().unwrap_or(NAME);
    let index = papers.index(name)?;
    let content = Content {
        index: &index,
        manifest: &papers.manifest,
        config: &papers.config,
        layers: &papers.layers,
        name,
    };
    Ok(blobs::write_to(place, &content, &store)?)
}

/// Takes away what mendings left that were killed.
fn clean(folder: &Path) {
    for item in fs::read_dir(folder).into_iter().flatten().flatten() {
        let is_one = item.file_name().to_string_lossy().starts_with(PREFIX);
        let changed = |path: &Path| fs::metadata(path).and_then(|it| it.modified()).ok();
        let places = [item.path(), item.path().join("blobs/sha256")];
        let last = places.iter().filter_map(|path| changed(path)).max();
        let is_old = |last| SystemTime::now().duration_since(last).is_ok_and(|age| age > OLD);
        if is_one && last.is_some_and(is_old) {
            // Whoever made it may still have a right to it.
            let _ = fs::remove_dir_all(item.path());
        }
    }
}

/// Ctrl-C and its like end the process, and take the folder with them.
fn remove_on_interrupt(folder: &Path) {
    let folder = folder.to_path_buf();
    let (ready, listens) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return };
        runtime.block_on(async {
            let Ok(mut interrupt) = Interrupt::listen() else { return };
            let _ = ready.send(());
            interrupt.next().await;
            // Twice: what is being written may come between.
            for _ in 0..2 {
                let _ = fs::remove_dir_all(&folder);
            }
            // As a shell says of who is ended by SIGINT.
            std::process::exit(130);
        });
    });
    // Without it, a later mending takes the folder away.
    let _ = listens.recv();
}
