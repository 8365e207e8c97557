//! Files that are changed together, shown as a diff, and taken back.

use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;

use crate::error::Error;
use crate::files;
use crate::shell::Shell;

/// Lines around a change.
const CONTEXT: usize = 3;

/// New texts of files, in the order in which they are written: after each of them cargo still reads the
/// workspace, wherever that is cut off.
#[derive(Debug)]
pub(super) struct Changes {
    root: PathBuf,
    files: Vec<(PathBuf, Change)>,
}

#[derive(Debug)]
struct Change {
    /// None: there is no such file.
    before: Option<String>,
    after: Option<String>,
}

impl Changes {
    /// None yet; paths are shown from the workspace's folder on.
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_path_buf(), files: Vec::new() }
    }

    /// The text of a file as it would be; none where there is none.
    pub(super) fn text(&self, path: &Path) -> Result<Option<String>, Error> {
        match self.files.iter().find(|(known, _)| known == path).map(|(_, change)| change) {
            Some(change) => Ok(change.after.clone()),
            None if path.exists() => Ok(Some(files::read_text(path)?)),
            None => Ok(None),
        }
    }

    /// Gives a file another text, or takes it away.
    pub(super) fn set(&mut self, path: &Path, after: Option<String>) -> Result<(), Error> {
        if let Some((_, change)) = self.files.iter_mut().find(|(known, _)| known == path) {
            change.after = after;
        } else {
            let before = self.text(path)?;
            self.files.push((path.to_path_buf(), Change { before, after }));
        }
        Ok(())
    }

    /// The files that change, as they are shown.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.changed().map(|(path, _)| self.shown(path)).collect();
        names.sort();
        names
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changed().next().is_none()
    }

    fn changed(&self) -> impl DoubleEndedIterator<Item = (&PathBuf, &Change)> {
        let all = self.files.iter().filter(|(_, change)| change.before != change.after);
        all.map(|(path, change)| (path, change))
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// As `diff -u` shows it.
    pub(super) fn show(&self, shell: &Shell) -> Result<(), Error> {
        let mut all: Vec<_> = self.changed().collect();
        all.sort_by_key(|(path, _)| *path);
        for (path, Change { before, after }) in all {
            let name = self.shown(path);
            let side = |text: &Option<String>, letter: &str| {
                text.as_ref().map_or("/dev/null".to_owned(), |_| format!("{letter}/{name}"))
            };
            let (old, new) = (side(before, "a"), side(after, "b"));
            let (before, after) = (before.as_deref().unwrap_or(""), after.as_deref().unwrap_or(""));
            let diff = TextDiff::from_lines(before, after);
            let text = diff.unified_diff().context_radius(CONTEXT).header(&old, &new).to_string();
            for line in text.lines() {
                shell.answer(line)?;
            }
        }
        Ok(())
    }

    /// Writes all of them; where one fails, takes the others back.
    pub(super) fn write(&self) -> Result<(), Error> {
        let written =
            self.changed().try_for_each(|(path, change)| put(path, change.after.as_deref()));
        if written.is_err() {
            // The first failure tells more.
            let _ = self.undo();
        }
        written
    }

    /// What was there before, in all of them.
    pub(super) fn undo(&self) -> Result<(), Error> {
        self.changed().rev().try_for_each(|(path, change)| put(path, change.before.as_deref()))
    }
}

/// A file with this text, or none; with its last file a folder goes too, and one of sources with that.
fn put(path: &Path, text: Option<&str>) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    if let Some(text) = text {
        files::create_folder(folder)?;
        // Where a link leads, and as it may be used.
        let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let before = fs::metadata(path).ok();
        files::write_atomically(path, text.as_bytes())?;
        if let Some(before) = before {
            let kept = fs::set_permissions(path, before.permissions());
            kept.map_err(|source| files::unwritten(path, source))?;
        }
        return Ok(());
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(files::unwritten(path, error).into());
        }
        _ => {}
    }
    // What is in them stays.
    let _ = fs::remove_dir(folder);
    Ok(())
}
