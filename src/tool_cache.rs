//! What the programs of this machine answered, kept from one run to the next.
//!
//! An answer is used again if the same question is asked (the program as `PATH` has it, its arguments,
//! the variables and other facts that its answer follows from: a digest of all that, so that no value
//! stands in the file) and if every file that the answer follows from looks as it did: size, inode,
//! and the times at which its content and anything of it changed. What was not there still is not.
//!
//! A stamp is never newer than what it stands for: a file that changed while the question was asked,
//! or so shortly before that its file system's clock may not tell a second change from the first,
//! makes an answer that is not kept. Nor is one kept that could not be understood, or a failure.
//!
//! The file lies in a folder that anyone may write to, and counts for nothing if it is not what this
//! version of this program writes. A program whose answer follows from more than its own file, as a
//! script's may, is asked with [`Question::once`], or with those files.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::digest::Sha256;
use crate::files;
use crate::process::Step;
use crate::stamps::Stamp;

/// What wrote a file: of another version, it counts for nothing.
const WRITER: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"), ", format 1");
/// More than all questions of a run that builds for everything.
const MAX_ENTRIES: usize = 64;
/// The largest file that is read or written, in bytes.
const MAX_FILE: usize = 1 << 20;
/// The largest file that is known by its content, in bytes: wrappers are scripts of some lines.
const MAX_TEXT: u64 = 1 << 16;
/// What every program's answer may follow from: the programs and libraries that it uses itself.
const ALWAYS: [&str; 3] = ["PATH", "LD_LIBRARY_PATH", "LD_PRELOAD"];

/// What is asked, and what the answer follows from.
#[derive(Debug, Clone)]
pub struct Question {
    parts: Vec<u8>,
    files: Vec<PathBuf>,
    kept: bool,
}

/// An answer, and what else it follows from, as it is known with the answer.
#[derive(Debug, Clone)]
pub struct Answer {
    text: String,
    files: Vec<PathBuf>,
    written: Vec<PathBuf>,
}

/// The answers that are known.
#[derive(Debug, Default)]
pub struct ToolCache {
    /// None: every question is asked.
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: BTreeMap<String, Entry>,
    /// The keys of the questions of this run.
    used: BTreeSet<String>,
    changed: bool,
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<T> {
    writer: String,
    entries: T,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    answer: String,
    files: Vec<Looked>,
    texts: Vec<Text>,
}

/// How a file or folder looked.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Looked {
    path: String,
    /// None: nothing was there.
    stamp: Option<Stamp>,
}

/// A small file that came with the answer: younger than the question, so known by its content.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    path: String,
    digest: String,
}

impl Question {
    /// What a step prints. It follows from the file that the step's program is found as; if there is
    /// none, nothing is kept.
    #[must_use]
    pub fn of(step: &Step) -> Self {
        let found = which::which(step.program()).ok();
        let mut this = Self { parts: Vec::new(), files: Vec::new(), kept: found.is_some() };
        for part in step.parts() {
            this.add(part);
        }
        let this = this.variables(|name| ALWAYS.contains(&name));
        match found {
            Some(found) => this.part(&found).file(found),
            None => this,
        }
    }

    /// The same question, whose answer follows from this too.
    #[must_use]
    pub fn part(mut self, part: impl AsRef<OsStr>) -> Self {
        self.add(part.as_ref());
        self
    }

    /// Follows from the variables of these names, set or not.
    #[must_use]
    pub fn variables(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        let all = env::vars_os().filter(|(name, _)| name.to_str().is_some_and(&wanted));
        let all: BTreeMap<_, _> = all.collect();
        self.parts.extend((all.len() as u64).to_le_bytes());
        for (name, value) in all {
            self.add(&name);
            self.add(&value);
        }
        self
    }

    /// Follows from a file or folder, or from its not being there.
    #[must_use]
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.files.push(path.into());
        self
    }

    /// The answer is not kept: nobody knows what it follows from.
    #[must_use]
    pub fn once(mut self) -> Self {
        self.kept = false;
        self
    }

    /// With its length, so that no two lists of parts are the same.
    fn add(&mut self, part: &OsStr) {
        self.parts.extend((part.len() as u64).to_le_bytes());
        self.parts.extend(part.as_bytes());
    }
}

impl Answer {
    /// What was printed.
    #[must_use]
    pub fn of(text: impl Into<String>) -> Self {
        Self { text: text.into(), files: Vec::new(), written: Vec::new() }
    }

    /// The same answer, which follows from these files and folders too, or from their not being there.
    #[must_use]
    pub fn files(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.files.extend(paths);
        self
    }

    /// Holds while these small files have the content that they have now.
    #[must_use]
    pub fn written(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.written.extend(paths);
        self
    }
}

impl ToolCache {
    /// Knows nothing and keeps nothing: every question is asked.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// The answers in a file; whatever is not understood is as good as none.
    #[must_use]
    pub fn open(path: PathBuf) -> Self {
        let text = files::read_settings(&path).ok().flatten().filter(|text| text.len() <= MAX_FILE);
        let record = text.and_then(|text| serde_json::from_str::<Record<_>>(&text).ok());
        let entries = record.filter(|record| record.writer == WRITER).map(|record| record.entries);
        let state = State { entries: entries.unwrap_or_default(), ..State::default() };
        Self { path: Some(path), state: Mutex::new(state) }
    }

    /// The answer as `read` understands it: the one that is known, else what `ask` gives.
    pub fn ask<T, E>(
        &self,
        question: &Question,
        read: impl Fn(&str) -> Result<T, E>,
        ask: impl FnOnce() -> Result<Answer, E>,
    ) -> Result<T, E> {
        let key = Sha256::of(&question.parts).hex();
        let keeps = question.kept && self.path.is_some();
        let known = keeps.then(|| self.known(&key)).flatten();
        if let Some(Ok(found)) = known.map(|text| read(&text)) {
            return Ok(found);
        }
        let before = look(&question.files);
        let asked = files::disk().now;
        let answer = ask()?;
        let found = read(&answer.text)?;
        let kept = keeps.then_some(answer);
        if let Some(entry) = kept.and_then(|answer| entry(question, before?, answer, asked)) {
            let mut state = self.state();
            state.used.insert(key.clone());
            state.entries.insert(key, entry);
            state.changed = true;
        }
        Ok(found)
    }

    /// Writes what was learned, whole or not at all. That it cannot be written costs time later, and
    /// nothing else.
    pub fn save(&self) {
        let mut state = self.state();
        let Some(path) = self.path.as_ref().filter(|_| state.changed) else { return };
        let State { entries, used, .. } = &mut *state;
        if entries.len() > MAX_ENTRIES {
            entries.retain(|key, _| used.contains(key));
        }
        let record = Record { writer: WRITER.to_owned(), entries: &*entries };
        // Names and texts: this cannot fail.
        let text = serde_json::to_vec(&record).unwrap_or_default();
        if !text.is_empty() && text.len() <= MAX_FILE {
            state.changed = files::write_into_target(path, &text).is_err();
        }
    }

    fn known(&self, key: &str) -> Option<String> {
        let mut state = self.state();
        let entry = state.entries.get(key)?;
        let answer = entry.holds().then(|| entry.answer.clone())?;
        state.used.insert(key.to_owned());
        Some(answer)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn holds(&self) -> bool {
        self.files.iter().all(|file| files::stamp_of_any(Path::new(&file.path)) == file.stamp)
            && self.texts.iter().all(|text| Text::at(Path::new(&text.path)).as_ref() == Some(text))
    }
}

/// None if it cannot be kept. `asked`: when, in nanoseconds since 1970.
fn entry(question: &Question, before: Vec<Looked>, answer: Answer, asked: i128) -> Option<Entry> {
    if look(&question.files)? != before {
        return None;
    }
    let files: Vec<Looked> = before.into_iter().chain(look(&answer.files)?).collect();
    let settled = |file: &Looked| file.stamp.is_none_or(|stamp| stamp.is_settled(asked));
    let texts = answer.written.iter().map(|path| Text::at(path)).collect::<Option<_>>()?;
    files.iter().all(settled).then_some(Entry { answer: answer.text, files, texts })
}

fn look(paths: &[PathBuf]) -> Option<Vec<Looked>> {
    let look = |path: &PathBuf| {
        Some(Looked { path: path.to_str()?.to_owned(), stamp: files::stamp_of_any(path) })
    };
    paths.iter().map(look).collect()
}

impl Text {
    /// By a file's content, or by where a link leads. None where there is no small file.
    fn at(path: &Path) -> Option<Self> {
        let metadata = fs::symlink_metadata(path).ok()?;
        let content = if metadata.is_symlink() {
            fs::read_link(path).ok()?.into_os_string().as_bytes().to_vec()
        } else if metadata.is_file() && metadata.len() <= MAX_TEXT {
            fs::read(path).ok()?
        } else {
            return None;
        };
        Some(Self { path: path.to_str()?.to_owned(), digest: Sha256::of(&content).hex() })
    }
}

#[cfg(test)]
mod tests;
