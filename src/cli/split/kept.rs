//! The files of a function or extension that could be in layers, without reading any of them again as
//! long as nothing has changed.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::digests::Digests;
use crate::cli::build::{Contents, Job};
use crate::cli::image::Part;
use crate::cli::libraries::Lookup;
use crate::digest::Sha256;
use crate::error::Error;
use crate::files::{self, Watched};
use crate::function::Role;
use crate::layer::{File, Kind};
use crate::libraries;
use crate::shell::Shell;
use crate::stamps::{Stamps, Verdict};
use crate::tree::{Entry, Mode, Source};

/// One file: its path below `/opt`, what it is, and where.
pub(super) type Kept = (String, File, Entry);

/// What is kept of one part.
#[derive(Serialize, Deserialize)]
struct Record {
    stamps: serde_json::Value,
    files: Vec<Line>,
}

#[derive(Serialize, Deserialize)]
struct Line {
    path: String,
    kind: String,
    executable: bool,
    size: u64,
    digest: String,
    source: PathBuf,
}

/// Of an extension all its files, of a function the libraries that it does not bring itself.
pub(super) fn files_of(
    job: &Job,
    part: &Part,
    digests: &mut Digests,
    shell: &Shell,
) -> Result<Vec<Kept>, Error> {
    let Part { function, artifact } = part;
    // What was linked a moment ago could be linked again without another time.
    files::settle(&artifact.executable);
    let searched = job.library_folders(function, artifact);
    let tree = job.includes(function)?;
    let key = (env!("CARGO_PKG_VERSION"), function, artifact.executable.as_path(), &tree);
    let key = Sha256::of(format!("{key:?}").as_bytes());
    let name = format!("{}.shared", job.output.folder(function).display());
    let place = job.output.stamps(Path::new(&name));
    if let Some(kept) = unchanged(&place, &key, &searched) {
        return Ok(kept);
    }
    let watched = RefCell::new(Watched::default());
    let watch = |path: &Path| watched.borrow_mut().add(path);
    watch(&artifact.executable);
    let look = |path: &Path| {
        watch(path);
        libraries::look(path)
    };
    let lookup = Lookup { function, artifact, folders: &searched, look: &look, base: None };
    let contents = job.contents(&lookup, tree, &artifact.executable, shell)?;
    let chosen = chosen(job, part, &contents)?;
    let mut kept = Vec::new();
    for (path, kind, entry) in chosen {
        if let Source::File(file) = &entry.source {
            watch(file);
        }
        let digest = digests.of_entry(&entry)?;
        let file = File { kind, mode: entry.mode.bits(), size: entry.length, digest };
        kept.push((path, file, entry));
    }
    if let Some(inputs) = watched.into_inner().finish(|path| digest_of(&kept, path)) {
        let stamps = Stamps::new(&key, inputs, Vec::new(), Some(searched), &[]);
        keep(&place, &stamps, &kept);
    }
    Ok(kept)
}

fn digest_of(kept: &[Kept], path: &Path) -> Option<Sha256> {
    let is_it = |entry: &Entry| matches!(&entry.source, Source::File(file) if file == path);
    kept.iter().find(|(_, _, entry)| is_it(entry)).map(|(_, file, _)| file.digest)
}

/// What of a part could be in a layer.
fn chosen(
    job: &Job,
    part: &Part,
    contents: &Contents,
) -> Result<Vec<(String, Kind, Entry)>, Error> {
    let all =
        || contents.tree.iter().map(|(path, entry)| (path.as_str().to_owned(), entry.clone()));
    if part.function.role == Role::Function {
        return super::gather::libraries(job, part, contents);
    }
    Ok(all().map(|(path, entry)| (path, Kind::Extension, entry)).collect())
}

/// What was kept, if nothing has changed since.
fn unchanged(place: &Path, key: &Sha256, searched: &[PathBuf]) -> Option<Vec<Kept>> {
    let text = files::read_settings(place).ok()??;
    let record: Record = serde_json::from_str(&text).ok()?;
    let stamps = Stamps::decode(record.stamps.to_string().as_bytes(), key, searched)?;
    let kept: Vec<Kept> = record.files.into_iter().map(kept).collect::<Option<_>>()?;
    match stamps.judge(&files::disk()) {
        Verdict::Fresh => {}
        Verdict::Touched(today) => keep(place, &today, &kept),
        Verdict::Stale => return None,
    }
    Some(kept)
}

fn kept(line: Line) -> Option<Kept> {
    let mode = if line.executable { Mode::Executable } else { Mode::Regular };
    let digest = line.digest.parse().ok()?;
    let kind = Kind::of_word(&line.kind)?;
    let file = File { kind, mode: mode.bits(), size: line.size, digest };
    let entry = Entry { mode, length: line.size, source: Source::File(line.source) };
    Some((line.path, file, entry))
}

/// Where that fails, files are looked at again.
fn keep(place: &Path, stamps: &Stamps, kept: &[Kept]) {
    let line = |(path, file, entry): &Kept| match &entry.source {
        Source::File(source) => Some(Line {
            path: path.clone(),
            kind: file.kind.word().to_owned(),
            executable: entry.mode == Mode::Executable,
            size: file.size,
            digest: file.digest.to_string(),
            source: source.clone(),
        }),
        Source::Bytes(_) => None,
    };
    let lines: Option<Vec<Line>> = kept.iter().map(line).collect();
    let stamps = serde_json::from_slice(&stamps.encode()).ok();
    if let (Some(files), Some(stamps)) = (lines, stamps) {
        let text = serde_json::to_vec(&Record { stamps, files }).unwrap_or_default();
        let _ = files::write_atomically(place, &text);
    }
}
