//! How it is run: the entry point, the working folder, and what Lambda's user must read.

use super::Lint;
use crate::audit::{Code, Level};
use crate::image::config::Config;
use crate::image::root::{Item, Node, Root};

/// Where programs are looked for when nothing is said.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// The members that name what is started.
const MEMBERS: [&str; 3] = ["config", "config.Entrypoint", "config.Cmd"];
/// What Lambda puts its own folders over, whatever the image has there.
const COVERED: [&str; 4] = ["tmp", "dev", "proc", "sys"];

/// Whether a real path lies in a folder that is Lambda's own where functions run.
#[must_use]
pub fn is_covered(real: &str) -> bool {
    real.split_once('/').is_some_and(|(top, _)| COVERED.contains(&top))
}

/// Whether a real path is one of these folders itself, which are there whatever the image has.
#[must_use]
pub fn is_lambdas(real: &str) -> bool {
    COVERED.contains(&real)
}

/// The absolute path of the program that a word names: as it stands, from the working folder, or by `PATH`,
/// where what cannot be executed is passed over (`execvp(3)`). None if nothing is there.
#[must_use]
pub fn program(root: &Root, config: &Config, word: &str, folder: &str) -> Option<String> {
    let is_there = |path: &String| root.find(path.trim_start_matches('/')).is_some();
    if let Some(path) = path_of(word, folder) {
        // With a slash at its end it would have to be a folder.
        return Some(path).filter(is_there).filter(|_| !word.ends_with('/'));
    }
    let runs = |path: &String| {
        root.find(path.trim_start_matches('/')).is_some_and(|(real, node)| {
            matches!(node.item, Item::File(..)) && root.shut(&real, 0o001).is_none()
        })
    };
    let path = config.variable("PATH").unwrap_or(PATH);
    let places = path.split(':').filter(|place| place.starts_with('/'));
    let all: Vec<String> = places
        .map(|place| format!("{}/{word}", place.trim_end_matches('/')))
        .filter(is_there)
        .collect();
    all.iter().find(|path| runs(path)).or(all.first()).cloned()
}

/// The absolute path that a word is, if it is none to be looked for.
fn path_of(word: &str, folder: &str) -> Option<String> {
    if word.starts_with('/') {
        return Some(word.to_owned());
    }
    word.contains('/').then(|| format!("{}/{word}", folder.trim_end_matches('/')))
}

/// Why a word names no program.
pub(super) fn absent(root: &Root, word: &str, folder: &str) -> &'static str {
    match path_of(word, folder) {
        Some(_) if word.ends_with('/') => "with a slash at its end, which only a folder may have",
        Some(path) if root.real(path.trim_start_matches('/')).is_none() => {
            "whose links lead in a circle, or through what is no folder"
        }
        Some(_) => "which is not in the image",
        None => "which is in no folder of `PATH`",
    }
}

impl Lint<'_> {
    /// How it is run.
    pub(super) fn run(&mut self, config: &Config) {
        let seen = self.seen;
        let folder = config.working_folder();
        self.working_folder(folder.unwrap_or("/"));
        let words = config.words("Entrypoint").into_iter().chain(config.words("Cmd"));
        let own: Vec<String> = words.map(str::to_owned).collect();
        // Another finding tells of what is no list. An image for several functions has one of each in
        // `ImageConfig`.
        let is_wrong = config.mistyped().iter().any(|(name, _)| MEMBERS.contains(name));
        if own.is_empty() && seen.entries.is_empty() && !is_wrong {
            self.add(
                Code::ImageEntrypoint,
                None,
                "it names neither an entry point nor a command; Lambda answers \
                 `Runtime.InvalidEntrypoint`",
                "set `ENTRYPOINT`, or the function's `ImageConfig.EntryPoint`",
            );
        }
        for words in [own].iter().chain(&seen.entries).filter(|words| !words.is_empty()) {
            self.entry_point(words, config, folder.unwrap_or("/"));
        }
        self.extensions(config);
        let user = config.run()["User"].as_str().unwrap_or_default();
        if !matches!(user, "" | "0" | "root") {
            let message = format!("`USER {user}` counts for nothing: Lambda has a user of its own");
            self.add_as(Level::Note, Code::ImageConfig, None, message, "");
        }
        if config.run()["Volumes"].as_object().is_some_and(|volumes| !volumes.is_empty()) {
            let message = "its volumes are read-only on Lambda, where only /tmp can be written";
            self.add_as(Level::Note, Code::ImageReadOnly, None, message, "write to /tmp");
        }
        self.readable();
    }

    fn working_folder(&mut self, folder: &str) {
        let answer = "Lambda answers `Runtime.InvalidWorkingDir`";
        let hint = "set `WORKDIR /var/task`";
        if !folder.starts_with('/') {
            let message = format!("its working folder `{folder}` is not absolute; {answer}");
            return self.add(Code::ImageWorkingDir, None, message, hint);
        }
        let inside = folder.trim_matches('/');
        let real = self.seen.root.real(inside);
        if real.as_deref().is_some_and(|real| real.is_empty() || is_lambdas(real)) {
            return;
        }
        let node = real.as_deref().and_then(|real| self.seen.root.get(real));
        let why = match (&real, node) {
            (None, _) => {
                "links lead to its working folder in a circle, or through what is no folder"
                    .to_owned()
            }
            (Some(real), _) if is_covered(real) => {
                let top = real.split('/').next().unwrap_or_default();
                format!(
                    "its working folder lies in /{top}, which is Lambda's own where functions run, \
                     without the image's files"
                )
            }
            (_, None) => "its working folder is not in the image".to_owned(),
            (_, Some(Node { item: Item::Folder, mode, .. })) if mode & 0o001 != 0 => {
                self.reachable(folder, Code::ImageWorkingDir);
                return;
            }
            (_, Some(Node { item: Item::Folder, mode, .. })) => {
                let message = format!(
                    "mode {mode:04o} of its working folder shuts out Lambda's user; {answer}"
                );
                return self.add(Code::ImageWorkingDir, Some(inside), message, "give it mode 0755");
            }
            (_, Some(_)) => "its working folder is no folder".to_owned(),
        };
        self.add(Code::ImageWorkingDir, Some(inside), format!("{why}; {answer}"), hint);
    }

    /// Whether Lambda's user gets through every folder above a path; says so if not.
    pub(super) fn reachable(&mut self, path: &str, code: Code) -> bool {
        let seen = self.seen;
        let Some(real) = seen.root.real(path.trim_start_matches('/')) else { return true };
        // Of the path itself nothing is asked here.
        let Some((folder, mode)) = seen.root.shut(&real, 0) else { return true };
        let message = format!(
            "mode {mode:04o}: Lambda's user cannot go through this folder, and {path} lies in it"
        );
        self.add(code, Some(&folder), message, "give it mode 0755");
        false
    }

    /// Whether Lambda's user can read what is the function's own.
    fn readable(&mut self) {
        let seen = self.seen;
        let shut = |path: &str, node: &Node| {
            let own = ["var/task/", "opt/"].iter().any(|folder| path.starts_with(folder));
            own && match node.item {
                Item::File(..) => node.mode & 0o004 == 0,
                Item::Folder => node.mode & 0o005 != 0o005,
                Item::Symlink(_) | Item::Special => false,
            }
        };
        let all: Vec<(&str, u32)> = seen
            .root
            .iter()
            .filter(|(path, node)| shut(path, node))
            .map(|(path, node)| (path, node.mode))
            .collect();
        if let Some((path, mode)) = all.first() {
            let more = all.len() - 1;
            let more = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            let message = format!(
                "mode {mode:04o}: Lambda's user cannot read it{more}; files must be readable by everyone"
            );
            let hint = "give files mode 0644 and folders 0755";
            self.add_as(Level::Warning, Code::Unreadable, Some(path), message, hint);
        }
    }
}
