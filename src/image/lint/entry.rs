//! What is started: the entry point, and what it needs.

use super::Lint;
use crate::audit::{Code, Content, Level};
use crate::elf::{ByteOrder, Class, Kind};
use crate::image::config::Config;
use crate::image::link;
use crate::image::root::{Item, Node, Root};

/// Where programs are looked for when nothing is said.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Scripts start others: so many in a row are followed (linux `fs/exec.c`).
const SCRIPTS: usize = 5;

/// The absolute path of the program that a word names: as it stands, from the working folder, or by `PATH`.
/// None if nothing is there.
#[must_use]
pub fn program(root: &Root, config: &Config, word: &str, folder: &str) -> Option<String> {
    let is_there = |path: &String| root.find(path.trim_start_matches('/')).is_some();
    if word.starts_with('/') {
        return Some(word.to_owned()).filter(is_there);
    }
    if word.contains('/') {
        return Some(format!("{}/{word}", folder.trim_end_matches('/'))).filter(is_there);
    }
    let path = config.variable("PATH").unwrap_or(PATH);
    let places = path.split(':').filter(|place| place.starts_with('/'));
    places.map(|place| format!("{}/{word}", place.trim_end_matches('/'))).find(is_there)
}

impl Lint<'_> {
    /// How it is run.
    pub(super) fn run(&mut self, config: &Config) {
        let seen = self.seen;
        let folder = config.run()["WorkingDir"].as_str().filter(|folder| !folder.is_empty());
        self.working_folder(folder.unwrap_or("/"));
        let words = config.words("Entrypoint").into_iter().chain(config.words("Cmd"));
        let own: Vec<String> = words.map(str::to_owned).collect();
        // An image for several functions has one of each in `ImageConfig`.
        if own.is_empty() && seen.entries.is_empty() {
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
        if inside.is_empty() {
            return;
        }
        match self.seen.root.find(inside) {
            Some((_, Node { item: Item::Folder, mode, .. })) if mode & 0o001 != 0 => {
                self.reachable(folder, Code::ImageWorkingDir);
            }
            Some((_, Node { item: Item::Folder, mode, .. })) => {
                let message = format!(
                    "mode {mode:04o} of its working folder shuts out Lambda's user; {answer}"
                );
                self.add(Code::ImageWorkingDir, Some(inside), message, "give it mode 0755");
            }
            _ => {
                let message = format!("its working folder is not in the image; {answer}");
                self.add(Code::ImageWorkingDir, Some(inside), message, hint);
            }
        }
    }

    /// Whether Lambda's user gets through every folder above a path; says so if not.
    fn reachable(&mut self, path: &str, code: Code) -> bool {
        let seen = self.seen;
        let Some(real) = seen.root.real(path.trim_start_matches('/')) else { return true };
        for folder in Root::above(&real) {
            if let Some(node) = seen.root.get(folder)
                && node.mode & 0o001 == 0
            {
                let message = format!(
                    "mode {:04o}: Lambda's user cannot go through this folder, and {path} lies in it",
                    node.mode
                );
                self.add(code, Some(folder), message, "give it mode 0755");
                return false;
            }
        }
        true
    }

    fn entry_point(&mut self, words: &[String], config: &Config, folder: &str) {
        let Some(word) = words.first() else { return };
        let Some(mut path) = program(&self.seen.root, config, word, folder) else {
            let message = format!(
                "its entry point is `{word}`, which is not in the image; Lambda answers \
                 `Runtime.InvalidEntrypoint`"
            );
            let hint = "put it there, or name what is there";
            return self.add(Code::ImageEntrypoint, None, message, hint);
        };
        for _ in 0..=SCRIPTS {
            match self.start(&path, config) {
                Some(next) => path = next,
                None => return,
            }
        }
        let message = format!(
            "scripts start scripts, more than {SCRIPTS} in a row; Lambda answers \
             `Runtime.InvalidEntrypoint`"
        );
        self.add(Code::ImageEntrypoint, Some(word), message, "start the program itself");
    }

    /// Looks at one program; if it is a script, the one that is to run it.
    fn start(&mut self, path: &str, config: &Config) -> Option<String> {
        let seen = self.seen;
        if !self.reachable(path, Code::ImageEntrypoint) {
            return None;
        }
        let inside = path.trim_start_matches('/').to_owned();
        let Some((_, node)) = seen.root.find(&inside) else {
            let message = "a script names it, and it is not in the image".to_owned();
            self.add(Code::ImageEntrypoint, Some(&inside), message, "put it there");
            return None;
        };
        let Item::File(_, content) = &node.item else {
            let message =
                "it is started, and is no file; Lambda answers `Runtime.InvalidEntrypoint`";
            self.add(Code::ImageEntrypoint, Some(&inside), message, "put the program there");
            return None;
        };
        if node.mode & 0o005 != 0o005 {
            let message = format!(
                "mode {:04o} is not executable for everyone; Lambda answers \
                 `Runtime.InvalidEntrypoint` (permission denied)",
                node.mode
            );
            self.add(Code::Mode, Some(&inside), message, "give it mode 0755 (`chmod 755`)");
        }
        match content {
            Content::Script(line) if line.ends_with('\r') => {
                let message = "a script with Windows line ends: the kernel looks for an interpreter \
                               whose name ends in a carriage return; Lambda answers \
                               `Runtime.InvalidEntrypoint`";
                let hint = "save it with UNIX line ends (`sed -i 's/\\r$//'`)";
                self.add(Code::NotExecutable, Some(&inside), message, hint);
            }
            Content::Script(line) => {
                let interpreter = line.split([' ', '\t']).next();
                return interpreter.filter(|path| path.starts_with('/')).map(str::to_owned);
            }
            Content::Elf(facts) => {
                let right = facts.class == Class::Elf64 && facts.byte_order == ByteOrder::Little;
                let arch = facts.machine.arch().filter(|_| right);
                let wanted = config.arch();
                if arch.is_none() || (wanted.is_some() && arch != wanted) {
                    let message = format!(
                        "built for {}, and the image is for {}; Lambda answers \
                         `Runtime.InvalidEntrypoint` (exec format error)",
                        facts.machine,
                        config.text("architecture")
                    );
                    let hint = "build the program for the image's architecture";
                    self.add(Code::WrongArchitecture, Some(&inside), message, hint);
                } else if !matches!(facts.kind, Kind::Executable | Kind::PieExecutable) {
                    let message = "it is started, and is no program (a library, an object file)";
                    self.add(Code::NotExecutable, Some(&inside), message, "put the program there");
                } else if let Some(arch) = arch {
                    let image = (&seen.root, config);
                    link::check(&mut self.findings, &seen.thing, (path, facts), image, arch);
                }
            }
            Content::BrokenElf(why) => {
                let message = format!("a damaged ELF file: {why}");
                self.add(
                    Code::MalformedElf,
                    Some(&inside),
                    message,
                    "build it again, and copy it whole",
                );
            }
            Content::Other | Content::NotRead => {
                let message = "neither an ELF executable nor a script: the kernel cannot start it";
                self.add(Code::NotExecutable, Some(&inside), message, "put the program there");
            }
        }
        None
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
