//! Files that are changed together, shown as a diff, and taken back.

use std::fs;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use similar::TextDiff;
use tokio::time::timeout;

use crate::cargo;
use crate::cli::asynchronously;
use crate::cli::facts::Facts;
use crate::cli::interrupt::Interrupt;
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

    /// The texts of the files that change, before and after, each with its name.
    pub(super) fn texts(&self) -> impl Iterator<Item = (String, &str)> {
        self.changed().flat_map(|(path, change)| {
            let both = [&change.before, &change.after].into_iter().flatten();
            both.map(|text| (self.shown(path), text.as_str()))
        })
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root).unwrap_or(path).display().to_string()
    }

    /// As `diff -u` shows it.
    pub(super) fn show(&self, shell: &Shell) -> Result<(), Error> {
        self.show_as(shell, |_, text| text.to_owned())
    }

    /// The same of texts as they may be seen, by the files' names.
    pub(super) fn show_as(
        &self,
        shell: &Shell,
        seen: impl Fn(&str, &str) -> String,
    ) -> Result<(), Error> {
        self.diff(seen).lines().try_for_each(|line| Ok(shell.answer(line)?))
    }

    /// The same as one text.
    pub(super) fn diff(&self, seen: impl Fn(&str, &str) -> String) -> String {
        let mut whole = String::new();
        let mut all: Vec<_> = self.changed().collect();
        all.sort_by_key(|(path, _)| *path);
        for (path, Change { before, after }) in all {
            let name = self.shown(path);
            let side = |text: &Option<String>, letter: &str| {
                text.as_ref().map_or("/dev/null".to_owned(), |_| format!("{letter}/{name}"))
            };
            let (old, new) = (side(before, "a"), side(after, "b"));
            let seen = |text: &Option<String>| {
                text.as_ref().map_or_else(String::new, |text| seen(&name, text))
            };
            let (before, after) = (seen(before), seen(after));
            let diff = TextDiff::from_lines(&before, &after);
            whole.push_str(
                &diff.unified_diff().context_radius(CONTEXT).header(&old, &new).to_string(),
            );
        }
        whole
    }

    /// Writes the changes: all of them, or none.
    pub(super) fn make(&self) -> Result<(), Error> {
        asynchronously(async {
            // From here on it does not end in the middle.
            let _interrupt = Interrupt::listen()?;
            self.write()
        })?
    }

    /// Writes the changes and works with them; takes them back where that fails, is interrupted, or was for nothing.
    pub(super) fn keep<T>(
        &self,
        facts: &Facts,
        work: impl FnOnce() -> Result<(T, bool), Error> + Send,
    ) -> Result<T, Error>
    where
        T: Send,
    {
        let lock = facts.metadata.workspace_root.join("Cargo.lock").into_std_path_buf();
        let locked = if lock.exists() { Some(files::read_text(&lock)?) } else { None };
        let (result, interrupted) = asynchronously(async {
            // From here on it does not end in the middle; a build that the terminal interrupts fails.
            let mut interrupt = Interrupt::listen()?;
            self.write()?;
            // It begins a runtime of its own.
            let result = thread::scope(|scope| {
                let work = scope.spawn(|| {
                    // Cargo brings its lock up to date, and says what does not fit.
                    cargo::resolved(&facts.options)?;
                    work()
                });
                work.join().unwrap_or_else(|panic| resume_unwind(panic))
            });
            let interrupted = timeout(Duration::ZERO, interrupt.next()).await.ok();
            Ok::<_, Error>((result, interrupted))
        })??;
        match result {
            Ok((value, true)) if interrupted.is_none() => Ok(value),
            result => {
                self.undo()?;
                match locked {
                    Some(text) => files::write_atomically(&lock, text.as_bytes())?,
                    None => drop(std::fs::remove_file(&lock)),
                }
                if let Some(code) = interrupted {
                    return Err(Error::Interrupted { code, stays: "everything is as it was" });
                }
                result.map(|(value, _)| value)
            }
        }
    }

    /// Writes all of them; where one fails, takes back those before it.
    fn write(&self) -> Result<(), Error> {
        for (count, (path, change)) in self.changed().enumerate() {
            if let Err(error) = put(path, change.after.as_deref()) {
                return Err(match self.take_back(count) {
                    changed if changed.is_empty() => error,
                    changed => Error::HalfWritten { changed, source: Some(Box::new(error)) },
                });
            }
        }
        Ok(())
    }

    /// What was there before, in all of them.
    fn undo(&self) -> Result<(), Error> {
        match self.take_back(self.files.len()) {
            changed if changed.is_empty() => Ok(()),
            changed => Err(Error::HalfWritten { changed, source: None }),
        }
    }

    /// What was there before, in the first of them. Gives those that keep their new text; one that cannot
    /// be written is no reason to leave the others.
    fn take_back(&self, count: usize) -> Vec<String> {
        let written: Vec<_> = self.changed().take(count).collect();
        let kept = written
            .into_iter()
            .rev()
            .filter(|(path, change)| put(path, change.before.as_deref()).is_err());
        kept.map(|(path, _)| self.shown(path)).collect()
    }
}

/// A file with this text, or none; with its last file a folder goes too, and one of sources with that.
fn put(path: &Path, text: Option<&str>) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(path);
    if let Some(text) = text {
        files::create_folder(folder)?;
        return Ok(files::rewrite(path, text.as_bytes())?);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_one_cannot_be_written_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // A file stands where the last one wants a folder.
        for name in ["first", "second", "file"] {
            files::write_atomically(&at(name), b"before").unwrap();
        }
        let mut changes = Changes::new(folder.path());
        for name in ["first", "new", "second", "file/last"] {
            changes.set(&at(name), Some("after".to_owned())).unwrap();
        }
        assert!(changes.make().is_err());
        for name in ["first", "second"] {
            assert_eq!(fs::read_to_string(at(name)).unwrap(), "before");
        }
        assert!(!at("new").exists());
    }
}
