//! The files under a function that is to be an image, for running it on this machine.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::base::Base;
use super::scratch::{Item, VARIABLES};
use super::{Bases, Group, Part};
use crate::blobs::{self, BlobError};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::function::Packaging;
use crate::image::config::Config;
use crate::image::link::Search;
use crate::image::root::Root;
use crate::inspect;
use crate::local;

/// What is mounted on.
const PLACES: [&str; 6] = ["var/task", "var/runtime", "opt", "etc", "tmp", "dev"];

/// What a function is put on.
pub(in crate::cli) struct Ground {
    /// Its files in a folder, and its variables.
    pub(in crate::cli) base: local::Base,
    /// The same files for the loader's search.
    pub(in crate::cli) root: Root,
    /// How its loader looks for libraries.
    pub(in crate::cli) search: Search,
}

impl Bases<'_> {
    /// What a function is put on, laid out in a folder; none of a zip.
    pub(in crate::cli) fn ground(&self, part: &Part) -> Result<Option<Ground>, Error> {
        let Packaging::Image(wish) = &part.function.packaging else { return Ok(None) };
        let group = Group {
            name: part.function.name.to_string(),
            arch: part.function.compile.target.arch,
            wish,
            functions: vec![part],
            extensions: Vec::new(),
        };
        let base = self.base(&group)?;
        Ok(Some(match &base {
            Base::Scratch => {
                let mut config = Config::empty(group.arch);
                let base = self.system_alone(&group, part)?;
                config.set_variables(&base.variables);
                let root = Root::default();
                Ground { base, search: Search::new(&root, &config), root }
            }
            Base::Image { name, digest, image, .. } => {
                let folder = self.folder(digest);
                let read = self.read(&group, name, image)?;
                laid(&folder, |to| Ok(blobs::lay_out(image, &read.seen.root, to)?))?;
                let base = local::Base { root: folder, variables: read.config.variables() };
                let root = read.seen.root.clone();
                Ground { base, search: Search::new(&root, &read.config), root }
            }
        }))
    }

    fn system_alone(&self, group: &Group<'_>, part: &Part) -> Result<local::Base, Error> {
        let program = part.place(true);
        let content = inspect::file(&part.artifact.executable);
        let content = content.map_err(|error| files::unread(&part.artifact.executable, error))?;
        let ours = BTreeMap::from([(program.clone(), content)]);
        let items = self.system(group, &[program], &ours)?;
        let mut key = String::new();
        for (path, item) in &items {
            key.push_str(&match item {
                Item::Folder(mode) => format!("{path} {mode}\n"),
                Item::File(entry, _) => format!("{path} {entry:?}\n"),
            });
        }
        let folder = self.folder(&Sha256::of(key.as_bytes()));
        laid(&folder, |to| put(&items, to))?;
        let variables =
            VARIABLES.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Ok(local::Base { root: folder, variables: variables.collect() })
    }

    fn folder(&self, digest: &Sha256) -> PathBuf {
        self.job.output.roots.join(digest.hex().get(..32).unwrap_or_default())
    }
}

/// Makes a folder whole or not at all, once.
pub(super) fn laid(
    folder: &Path,
    fill: impl FnOnce(&Path) -> Result<(), Error>,
) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    let failed = |source| Error::Blob(BlobError::Write { path: folder.to_path_buf(), source });
    let above = folder.parent().unwrap_or(Path::new("."));
    files::create_folder(above)?;
    let building = tempfile::Builder::new().prefix(".").tempdir_in(above).map_err(failed)?;
    fill(building.path())?;
    for place in PLACES {
        // What an image has there, be it a link, stays.
        if building.path().join(place).symlink_metadata().is_err() {
            fs::create_dir_all(building.path().join(place)).map_err(failed)?;
        }
    }
    let names = building.path().join("etc/resolv.conf");
    if names.symlink_metadata().is_err() {
        fs::File::create(&names).map_err(failed)?;
    }
    set_open(building.path()).map_err(failed)?;
    match fs::rename(building.path(), folder) {
        // Another was faster.
        Err(_) if folder.is_dir() => Ok(()),
        done => done.map_err(failed),
    }
}

/// Lambda's user goes through it.
fn set_open(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

fn put(items: &BTreeMap<String, Item>, to: &Path) -> Result<(), Error> {
    for (path, item) in items {
        let to = to.join(path);
        match item {
            Item::Folder(_) => files::create_folder(&to)?,
            Item::File(entry, _) => {
                let failed = |source| Error::File(files::unwritten(&to, source));
                files::create_folder(to.parent().unwrap_or(&to))?;
                let mut from = files::open(entry).map_err(failed)?;
                let mut file = fs::File::create_new(&to).map_err(failed)?;
                std::io::copy(&mut from, &mut file).map_err(failed)?;
                let mode = std::os::unix::fs::PermissionsExt::from_mode(entry.mode.bits());
                fs::set_permissions(&to, mode).map_err(failed)?;
            }
        }
    }
    Ok(())
}
