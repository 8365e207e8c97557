//! `lambda-pack.lock` on the disk.

use std::fs::File;
use std::path::Path;

use crate::error::Error;
use crate::files;
use crate::lock::Lock;

/// The lock of a workspace; an empty one where there is none.
pub(super) fn read(root: &Path) -> Result<Lock, Error> {
    let path = root.join(Lock::FILE);
    let text = files::read_settings(&path).map_err(|source| files::unread(&path, source))?;
    let lock = text.map_or_else(|| Ok(Lock::default()), |text| Lock::read(&text));
    lock.map_err(|why| {
        Error::Usage(format!(
            "{} cannot be understood: {why}; take back what it was (of a merge, either side), or delete it: `package` \
             writes it anew",
            path.display()
        ))
    })
}

/// Changes it; what other runs write meanwhile stays. Nothing is written where nothing changes.
pub(super) fn update(root: &Path, change: impl FnOnce(&mut Lock)) -> Result<(), Error> {
    // The file itself is replaced by another. Where folders cannot be locked, the last one counts.
    let turn = File::open(root).and_then(|folder| folder.lock().map(|()| folder));
    let before = read(root)?;
    let mut lock = before.clone();
    change(&mut lock);
    let path = root.join(Lock::FILE);
    let written = if lock == before {
        Ok(())
    } else {
        files::write_atomically(&path, lock.write().as_bytes())
    };
    drop(turn);
    Ok(written?)
}
