//! What changes in the folders of a workspace.

use std::collections::{BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ignore::WalkBuilder;
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// How long nothing must happen until what has happened is looked at: an editor writes a file in several
/// steps.
const QUIET: Duration = Duration::from_millis(20);
/// How long that is waited for: something may be written without end.
const LONGEST: Duration = Duration::from_secs(1);
/// The same while git has not done with its own.
const GIT: Duration = Duration::from_secs(10);

/// Something that wakes whoever waits for changes.
pub(super) enum Wake {
    /// A file has changed, or come, or gone.
    Changed(PathBuf),
    /// Some have, and nobody knows which.
    Lost,
    /// That is enough.
    Stop,
}

/// What is looked at.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Places {
    /// Folders with all that is in them and is not ignored.
    pub(super) roots: BTreeSet<PathBuf>,
    /// Files, whether ignored or not, there or not.
    pub(super) files: BTreeSet<PathBuf>,
    /// Folders that are not looked into.
    pub(super) outputs: BTreeSet<PathBuf>,
    /// git's lock of a work tree: while it is there files come and go.
    pub(super) lock: PathBuf,
}

/// The watcher of a workspace.
pub(super) struct Changes {
    watcher: RecommendedWatcher,
    wakes: Receiver<Wake>,
    /// Those that have come while nobody waited.
    kept: VecDeque<Wake>,
    places: Places,
    folders: BTreeSet<PathBuf>,
    /// Those of them that are there for all that is in them; the others for single files.
    whole: BTreeSet<PathBuf>,
}

/// Why nothing can be watched.
pub(super) type WatchError = notify::Error;

impl Changes {
    /// Watches nothing yet. The other end stops it.
    pub(super) fn new() -> Result<(Self, Sender<Wake>), WatchError> {
        let (sender, wakes) = channel();
        let wake = sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            let lost = event.as_ref().map_or(true, notify::Event::need_rescan);
            let event = event.unwrap_or_default();
            let counts = matches!(
                event.kind,
                EventKind::Create(_) | EventKind::Modify(_) | EventKind::Remove(_)
            );
            if lost {
                let _ = wake.send(Wake::Lost);
            }
            for path in event.paths.into_iter().filter(|_| counts) {
                let _ = wake.send(Wake::Changed(path));
            }
        })?;
        let places = Places::default();
        let kept = VecDeque::new();
        let (folders, whole) = (BTreeSet::new(), BTreeSet::new());
        Ok((Self { watcher, wakes, kept, places, folders, whole }, sender))
    }

    /// Watches these, and nothing else.
    pub(super) fn watch(&mut self, places: Places) -> Result<(), WatchError> {
        if places == self.places {
            return Ok(());
        }
        self.whole = places.roots.iter().flat_map(|root| folders(root, &places.outputs)).collect();
        let mut folders = self.whole.clone();
        folders.extend(places.files.iter().filter_map(|file| above(file)));
        self.places = places;
        for gone in self.folders.difference(&folders) {
            // It may be gone itself.
            let _ = self.watcher.unwatch(gone);
        }
        for new in folders.difference(&self.folders.clone()).filter(|folder| folder.is_dir()) {
            self.watcher.watch(new, RecursiveMode::NonRecursive)?;
            self.folders.insert(new.clone());
        }
        self.folders.retain(|folder| folders.contains(folder));
        Ok(())
    }

    /// Waits until something has changed and nothing does any more; what. None: that is enough.
    pub(super) fn next(&mut self) -> Option<BTreeSet<PathBuf>> {
        loop {
            let changed = self.settled()?;
            let changed: BTreeSet<PathBuf> =
                changed.into_iter().filter(|path| self.counts(path)).collect();
            if !changed.is_empty() {
                return Some(changed);
            }
        }
    }

    /// All that has changed, once it is quiet.
    fn settled(&mut self) -> Option<BTreeSet<PathBuf>> {
        let mut changed = BTreeSet::new();
        let mut wake = self.kept.pop_front().or_else(|| self.wakes.recv().ok())?;
        let since = Instant::now();
        loop {
            match wake {
                Wake::Stop => return None,
                Wake::Changed(path) => {
                    self.come(&path);
                    changed.insert(path);
                }
                Wake::Lost => changed.extend(self.places.roots.iter().cloned()),
            }
            wake = loop {
                match self.after(QUIET) {
                    Ok(wake) if since.elapsed() < LONGEST || self.places.lock.exists() => {
                        break wake;
                    }
                    Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout)
                        if self.places.lock.exists() && since.elapsed() < GIT => {}
                    // The rest counts as well.
                    Ok(Wake::Changed(path)) => {
                        self.come(&path);
                        changed.insert(path);
                        return Some(changed);
                    }
                    Ok(Wake::Lost) | Err(RecvTimeoutError::Timeout) => return Some(changed),
                }
            };
        }
    }

    fn after(&mut self, pause: Duration) -> Result<Wake, RecvTimeoutError> {
        self.kept.pop_front().map_or_else(|| self.wakes.recv_timeout(pause), Ok)
    }

    /// Whether that is enough, as far as is known without waiting.
    pub(super) fn stopped(&mut self) -> bool {
        self.kept.extend(self.wakes.try_iter());
        self.kept.iter().any(|wake| matches!(wake, Wake::Stop))
    }

    /// A folder that has come is watched as well.
    fn come(&mut self, path: &Path) {
        if !path.is_dir() {
            return;
        }
        if self.is_in_whole(path) && !self.is_output(path) && is_listed(path) {
            for folder in folders(path, &self.places.outputs) {
                self.try_watch(&folder);
                self.whole.insert(folder);
            }
        }
        let below = self.places.files.iter().filter(|file| file.starts_with(path));
        for folder in below.filter_map(|file| above(file)).collect::<BTreeSet<_>>() {
            self.try_watch(&folder);
        }
    }

    fn try_watch(&mut self, folder: &Path) {
        // One that goes at once, or more than the system lets us watch: others still are.
        if self.watcher.watch(folder, RecursiveMode::NonRecursive).is_ok() {
            self.folders.insert(folder.to_path_buf());
        }
    }

    /// Whether it is in a folder of which everything counts.
    fn is_in_whole(&self, path: &Path) -> bool {
        path.parent().is_some_and(|folder| self.whole.contains(folder))
    }

    /// Whether it is a folder on the way to one of the files: with it the file may have come, or gone.
    fn leads_to_a_file(&self, path: &Path) -> bool {
        self.places.files.iter().any(|file| file != path && file.starts_with(path))
    }

    fn is_output(&self, path: &Path) -> bool {
        self.places.outputs.iter().any(|folder| path.starts_with(folder))
    }

    /// Whether a change of this may matter.
    fn counts(&self, path: &Path) -> bool {
        let Places { roots, files, .. } = &self.places;
        if files.contains(path) || roots.contains(path) || self.leads_to_a_file(path) {
            return true;
        }
        if self.is_output(path) || !self.is_in_whole(path) {
            return false;
        }
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        // Of what is gone nobody can say whether it was ignored.
        !hidden && (!path.exists() || is_listed(path))
    }
}

/// The folder that a file is in, or the nearest one above that is there.
fn above(file: &Path) -> Option<PathBuf> {
    file.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_path_buf)
}

/// A folder and all below it that are not ignored.
fn folders(root: &Path, outputs: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let outputs = outputs.clone();
    let mut walk = WalkBuilder::new(root);
    // What is in no repository yet has its `.gitignore` all the same.
    walk.require_git(false).filter_entry(move |entry| !outputs.contains(entry.path()));
    let found = walk.build().flatten();
    let folders = found.filter(|entry| entry.file_type().is_some_and(|kind| kind.is_dir()));
    folders.map(ignore::DirEntry::into_path).collect()
}

/// Whether a path is there and not ignored.
fn is_listed(path: &Path) -> bool {
    let Some(folder) = path.parent() else { return true };
    let mut around =
        WalkBuilder::new(folder).require_git(false).max_depth(Some(1)).build().flatten();
    around.any(|entry| entry.path() == path)
}
