//! A work tree, copied as it is.

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::FreshError;

/// What did not come along.
#[derive(Debug, Default)]
pub struct Copied {
    /// Folders that cargo builds in, or that were named.
    pub left_out: Vec<PathBuf>,
    /// Sockets, pipes and devices.
    pub odd: Vec<PathBuf>,
}

/// Copies a folder into one that is not there yet: files with their modes, symbolic links as they are.
/// What is named in `leave_out`, `.git`, and every folder that cargo builds in does not come along.
pub fn copy(from: &Path, into: &Path, leave_out: &[PathBuf]) -> Result<Copied, FreshError> {
    let mut copied = Copied::default();
    let mut entries = WalkDir::new(from).sort_by_file_name().into_iter();
    while let Some(entry) = entries.next() {
        let entry = entry.map_err(|error| {
            let at = error.path().unwrap_or(from).to_path_buf();
            FreshError::disk("read", &at)(error.into())
        })?;
        let path = entry.path();
        let Ok(below) = path.strip_prefix(from) else { continue };
        let is_folder = entry.file_type().is_dir();
        let outside = is_folder && (leave_out.iter().any(|out| out == path) || is_target(path));
        if below.file_name().is_some_and(|name| name == ".git") || outside {
            if is_folder {
                entries.skip_current_dir();
            }
            if outside {
                copied.left_out.push(path.to_path_buf());
            }
        } else if !one(&entry, &into.join(below))? {
            copied.odd.push(path.to_path_buf());
        }
    }
    Ok(copied)
}

/// Whether it could be copied at all.
fn one(entry: &DirEntry, to: &Path) -> Result<bool, FreshError> {
    let (from, kind) = (entry.path(), entry.file_type());
    let failed = FreshError::disk("copy", from);
    if kind.is_dir() {
        fs::create_dir_all(to).map_err(failed)?;
    } else if kind.is_symlink() {
        let link = || std::os::unix::fs::symlink(fs::read_link(from)?, to);
        link().map_err(failed)?;
    } else if kind.is_file() {
        fs::copy(from, to).map_err(failed)?;
    } else {
        return Ok(false);
    }
    Ok(true)
}

/// Whether cargo made it: both files are in every target folder, and together in no other.
fn is_target(folder: &Path) -> bool {
    [".rustc_info.json", "CACHEDIR.TAG"].iter().all(|name| folder.join(name).is_file())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn all_but_git_and_target_folders_comes_along() {
        let folder = TempDir::new().unwrap();
        let at = |path: &str| folder.path().join(path);
        for path in [
            "from/.git/config",
            "from/sub/.git",
            "from/.gitignore",
            "from/ignored/file",
            "from/target/x",
            "from/other/deep/target/.rustc_info.json",
            "from/other/deep/target/CACHEDIR.TAG",
        ] {
            fs::create_dir_all(at(path).parent().unwrap()).unwrap();
            fs::File::create_new(at(path)).unwrap();
        }
        fs::set_permissions(at("from/ignored/file"), fs::Permissions::from_mode(0o751)).unwrap();
        std::os::unix::fs::symlink("/nowhere", at("from/link")).unwrap();
        let copied = copy(&at("from"), &at("to"), &[at("from/target")]).unwrap();
        assert_eq!(copied.left_out, [at("from/other/deep/target"), at("from/target")]);
        let found = WalkDir::new(at("to")).sort_by_file_name().into_iter();
        let found: Vec<_> = found
            .map(|entry| entry.unwrap().into_path().strip_prefix(at("to")).unwrap().to_path_buf())
            .collect();
        let expected =
            ["", ".gitignore", "ignored", "ignored/file", "link", "other", "other/deep", "sub"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert_eq!(
            fs::metadata(at("to/ignored/file")).unwrap().permissions().mode() & 0o777,
            0o751
        );
        assert_eq!(fs::read_link(at("to/link")).unwrap(), Path::new("/nowhere"));
    }
}
