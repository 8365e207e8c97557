//! Writing what was rendered, and taking it back.

use std::fs::{self, File, Permissions};
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::TemplateFilesError;
use crate::files::{self, FileError};
use crate::template::Files;

/// The files that are there already, with other contents.
///
/// # Errors
///
/// If one could not be written without following a link.
pub fn in_the_way(place: &Path, files: &Files) -> Result<Vec<String>, TemplateFilesError> {
    let mut found = Vec::new();
    for (path, file) in files {
        let target = place.join(path);
        let folders = target.ancestors().skip(1).take_while(|folder| *folder != place);
        for folder in folders {
            match fs::symlink_metadata(folder) {
                Ok(it) if it.is_symlink() => {
                    return Err(TemplateFilesError::Through(folder.to_path_buf()));
                }
                Ok(it) if !it.is_dir() => {
                    return Err(TemplateFilesError::NoFolder(folder.to_path_buf()));
                }
                _ => {}
            }
        }
        let Ok(known) = fs::symlink_metadata(&target) else { continue };
        if known.is_dir() {
            return Err(TemplateFilesError::NoFile(target));
        }
        if !known.is_file() || !holds(&target, &file.bytes) {
            found.push(path.clone());
        }
    }
    Ok(found)
}

fn holds(path: &Path, bytes: &[u8]) -> bool {
    let same_length = |file: &File| file.metadata().is_ok_and(|it| it.len() == bytes.len() as u64);
    let mut held = Vec::new();
    File::open(path).is_ok_and(|mut file| {
        same_length(&file) && file.read_to_end(&mut held).is_ok() && held == bytes
    })
}

/// What was in the place of a file.
#[derive(Debug)]
enum Before {
    Nothing,
    File(Vec<u8>, Permissions),
    Link(PathBuf),
}

/// What is written, until it is kept: dropped before that, everything is as it was.
#[derive(Debug, Default)]
pub struct Put {
    files: Vec<(PathBuf, Before)>,
    /// Those that were made, each after the one that it is in.
    folders: Vec<PathBuf>,
}

impl Put {
    /// Writes files into a folder that is not there, or is empty: all of them at once.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn create(&mut self, place: &Path, files: &Files) -> Result<(), TemplateFilesError> {
        let above = place.parent().unwrap_or(Path::new("/"));
        let failed = |source| files::unwritten(place, source);
        self.make_folder(above)?;
        let mut builder = tempfile::Builder::new();
        // As any folder that a program makes, less the user's umask; not as a temporary one.
        builder.prefix(".lambda-pack-new-").permissions(Permissions::from_mode(0o777));
        let staged = builder.tempdir_in(above).map_err(failed)?;
        let mut inside = Self::default();
        inside.write(staged.path(), files)?;
        let is_new = fs::symlink_metadata(place).is_err();
        fs::rename(staged.path(), place).map_err(failed)?;
        if is_new {
            self.folders.push(place.to_path_buf());
        }
        let moved =
            |path: &PathBuf| place.join(path.strip_prefix(staged.path()).unwrap_or(Path::new("")));
        self.folders.extend(inside.folders.iter().map(moved));
        let files = inside.files.iter().map(|(path, _)| (moved(path), Before::Nothing));
        self.files.extend(files);
        inside.keep();
        drop(staged.keep());
        Ok(())
    }

    /// Writes files into a folder, over what is there; each whole or not at all.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn write(&mut self, place: &Path, files: &Files) -> Result<(), TemplateFilesError> {
        for (path, file) in files {
            let target = place.join(path);
            self.make_folder(target.parent().unwrap_or(place))?;
            self.remember(&target)?;
            files::write_atomically(&target, &file.bytes)?;
            if file.executable {
                let set = fs::set_permissions(&target, Permissions::from_mode(0o755));
                set.map_err(|source| files::unwritten(&target, source))?;
            }
        }
        Ok(())
    }

    /// Gives a file that is there another text.
    ///
    /// # Errors
    ///
    /// If the disk fails.
    pub fn rewrite(&mut self, path: &Path, text: &str) -> Result<(), TemplateFilesError> {
        // Where a link leads.
        let path = &files::real(path).unwrap_or_else(|| path.to_path_buf());
        self.remember(path)?;
        Ok(files::rewrite(path, text.as_bytes())?)
    }

    /// All of it stays.
    pub fn keep(mut self) {
        self.files.clear();
        self.folders.clear();
    }

    fn make_folder(&mut self, folder: &Path) -> Result<(), FileError> {
        let is_missing = |path: &&Path| fs::symlink_metadata(path).is_err();
        let missing: Vec<_> = folder.ancestors().take_while(is_missing).collect();
        self.folders.extend(missing.into_iter().rev().map(Path::to_path_buf));
        files::create_folder(folder)
    }

    fn remember(&mut self, path: &Path) -> Result<(), FileError> {
        let before = match fs::symlink_metadata(path) {
            Err(_) => Before::Nothing,
            Ok(it) if it.is_symlink() => {
                Before::Link(fs::read_link(path).map_err(|source| files::unread(path, source))?)
            }
            Ok(it) => Before::File(files::read_bytes(path)?, it.permissions()),
        };
        self.files.push((path.to_path_buf(), before));
        Ok(())
    }
}

impl Drop for Put {
    fn drop(&mut self) {
        // What fails here stays; the failure before it tells more.
        for (path, before) in self.files.drain(..).rev() {
            let _ = match before {
                Before::Nothing => fs::remove_file(&path),
                Before::Link(to) => fs::remove_file(&path).and_then(|()| symlink(to, &path)),
                Before::File(bytes, permissions) => match files::rewrite(&path, &bytes) {
                    Ok(()) => fs::set_permissions(&path, permissions),
                    Err(_) => Ok(()),
                },
            };
        }
        for folder in self.folders.drain(..).rev() {
            // What another has put there meanwhile stays.
            let _ = fs::remove_dir(folder);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::template;

    fn files(names: &[&str]) -> Files {
        let file = || template::File { bytes: b"new".to_vec(), executable: false };
        names.iter().map(|name| ((*name).to_owned(), file())).collect()
    }

    fn names(folder: &Path) -> Vec<String> {
        let all = walkdir::WalkDir::new(folder).min_depth(1).sort_by_file_name();
        let all = all.into_iter().map(|item| item.unwrap().path().display().to_string());
        all.map(|path| path.replace(&format!("{}/", folder.display()), "")).collect()
    }

    #[test]
    fn what_is_not_kept_was_never_there() {
        let scratch = tempfile::tempdir().unwrap();
        let at = scratch.path();
        fs::create_dir(at.join("old")).unwrap();
        let manifest = at.join("old/Cargo.toml");
        files::write_privately(&manifest, b"old").unwrap();
        symlink("elsewhere", at.join("old/link")).unwrap();
        let before = names(at);
        let mut put = Put::default();
        put.create(&at.join("deep/new"), &files(&["a", "src/b"])).unwrap();
        put.write(&at.join("old"), &files(&["Cargo.toml", "link", "src/c"])).unwrap();
        put.rewrite(&manifest, "newer").unwrap();
        assert_eq!(names(at).len(), before.len() + 7);
        drop(put);
        assert_eq!(names(at), before);
        assert_eq!(fs::read_to_string(&manifest).unwrap(), "old");
        assert_eq!(fs::metadata(&manifest).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_link(at.join("old/link")).unwrap(), Path::new("elsewhere"));
    }

    #[test]
    fn what_is_kept_stays_and_a_file_keeps_its_mode() {
        let scratch = tempfile::tempdir().unwrap();
        let at = scratch.path();
        let manifest = at.join("Cargo.toml");
        files::write_privately(&manifest, b"old").unwrap();
        symlink("Cargo.toml", at.join("link")).unwrap();
        let mut put = Put::default();
        put.create(&at.join("new"), &files(&["src/b"])).unwrap();
        put.rewrite(&at.join("link"), "new").unwrap();
        put.keep();
        assert_eq!(names(at), ["Cargo.toml", "link", "new", "new/src", "new/src/b"]);
        assert_eq!(fs::read_to_string(&manifest).unwrap(), "new");
        assert_eq!(fs::metadata(&manifest).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(fs::symlink_metadata(at.join("link")).unwrap().is_symlink());
    }
}
