//! Code that is laid out from files of this machine, without a zip.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::PoisonError;

use super::{Store, Taken, plain};
use crate::account::Code;
use crate::digest::Sha256;
use crate::local::direct::Base;
use crate::tree::{Entry, Mode, Source, Tree};

impl Store {
    /// What a function is put on from now on.
    pub(in crate::local) fn put_on(&self, function: &str, base: Option<Base>) {
        let mut bases = self.bases.lock().unwrap_or_else(PoisonError::into_inner);
        bases.remove(function);
        bases.extend(base.map(|base| (function.to_owned(), base)));
    }

    /// What a function is put on, if that is an image.
    pub(in crate::local) fn base(&self, function: &str) -> Option<Base> {
        self.bases.lock().unwrap_or_else(PoisonError::into_inner).get(function).cloned()
    }

    /// The files of a tree as code. It is named after what its files are on this disk (place, length,
    /// time), not after their bytes, which are not read.
    ///
    /// A program is not copied but linked: linkers write a new file and never into the old one. Whatever
    /// else may be edited in place, and a function keeps what it had.
    pub(in crate::local) fn lay(&self, tree: &Tree) -> io::Result<Taken> {
        let sha256 = identity(tree)?;
        let hold = Some(self.hold(&sha256));
        let parent = self.root.join("unpacked");
        let place = parent.join(plain(&sha256));
        if !place.is_dir() {
            let building = tempfile::Builder::new().prefix(".").tempdir_in(&parent)?;
            for (path, entry) in tree.iter() {
                let to = building.path().join(path.as_str());
                if let Some(folder) = to.parent() {
                    fs::create_dir_all(folder)?;
                }
                put(entry, &to)?;
            }
            fs::set_permissions(building.path(), fs::Permissions::from_mode(0o755))?;
            match fs::rename(building.path(), &place) {
                // Another was faster.
                Err(_) if place.is_dir() => {}
                laid => laid?,
            }
        }
        // There is no zip, and a program with all that a debugger wants may be larger than Lambda takes.
        Ok(Taken { code: Code::Zip { sha256, size: 0, unzipped: 0 }, hold })
    }
}

/// What tells these files from all others.
fn identity(tree: &Tree) -> io::Result<String> {
    let mut text = Vec::new();
    for (path, entry) in tree.iter() {
        write!(text, "{path}\0{:o}\0", entry.mode.bits())?;
        match &entry.source {
            Source::File(from) => {
                let it = fs::metadata(from)?;
                let time = (it.mtime(), it.mtime_nsec());
                writeln!(text, "{} {} {} {time:?}", it.dev(), it.ino(), it.len())?;
            }
            Source::Bytes(bytes) => writeln!(text, "{}", Sha256::of(bytes).hex())?,
        }
    }
    Ok(Sha256::of(&text).base64())
}

fn put(entry: &Entry, to: &Path) -> io::Result<()> {
    match &entry.source {
        Source::File(from) => {
            let executable = fs::metadata(from)?.permissions().mode() & 0o111 == 0o111;
            let linked = entry.mode == Mode::Executable
                && executable
                && fs::hard_link(fs::canonicalize(from)?, to).is_ok();
            if !linked {
                fs::copy(from, to)?;
                fs::set_permissions(to, fs::Permissions::from_mode(entry.mode.bits()))?;
            }
            Ok(())
        }
        Source::Bytes(bytes) => {
            let new = File::options().write(true).create_new(true).mode(entry.mode.bits()).open(to);
            new?.write_all(bytes)
        }
    }
}
