//! What is started, and what that needs: programs, scripts and what runs them, extensions.

use super::entry::{absent, is_covered, program};
use super::{Lint, loader};
use crate::audit::{Code, Content, Level};
use crate::elf::{ByteOrder, Class, ElfFacts, Kind};
use crate::image::config::Config;
use crate::image::link::{self, Linked};
use crate::image::root::Item;

/// The script that starts functions in AWS's own images (aws-lambda-base-images).
const LAMBDAS: &str = "lambda-entrypoint.sh";
/// Scripts start others: so many in a row are followed (linux `fs/exec.c`).
const SCRIPTS: usize = 5;
/// What Lambda answers if the entry point does not start.
const ENTRY: &str = "Runtime.InvalidEntrypoint";
/// What it answers if an extension does not.
const EXTENSION: &str = "Extension.LaunchError";
/// Where extensions are: every file in it is started.
const EXTENSIONS: &str = "opt/extensions/";

/// Something that is started.
#[derive(Debug, Clone)]
pub(super) struct Start {
    /// Its absolute path.
    pub(super) path: String,
    /// The words after it, as far as they are known.
    pub(super) words: Vec<String>,
    /// The script that names it, if one does.
    pub(super) by: Option<String>,
    /// How many scripts came before it.
    pub(super) depth: usize,
    /// What Lambda answers if that fails.
    pub(super) answer: &'static str,
}

impl Lint<'_> {
    pub(super) fn entry_point(&mut self, words: &[String], config: &Config, folder: &str) {
        let Some((word, rest)) = words.split_first() else { return };
        let Some(path) = program(&self.seen.root, config, word, folder) else {
            let why = absent(&self.seen.root, word, folder);
            let message = format!("its entry point is `{word}`, {why}; Lambda answers `{ENTRY}`");
            let hint = "put it there, or name what is there";
            return self.add(Code::ImageEntrypoint, None, message, hint);
        };
        let words = rest.to_vec();
        self.start_all(Start { path, words, by: None, depth: 0, answer: ENTRY }, config);
    }

    /// Every file in `/opt/extensions` ("Lambda Extensions API").
    pub(super) fn extensions(&mut self, config: &Config) {
        let seen = self.seen;
        let is_one = |path: &str| {
            let name = path.strip_prefix(EXTENSIONS);
            name.is_some_and(|name| !name.contains('/'))
                && seen.root.find(path).is_none_or(|(_, node)| node.item != Item::Folder)
        };
        let all = seen.root.iter().map(|(path, _)| path).filter(|path| is_one(path));
        for path in all {
            let path = format!("/{path}");
            let words = Vec::new();
            self.start_all(Start { path, words, by: None, depth: 0, answer: EXTENSION }, config);
        }
    }

    fn start_all(&mut self, start: Start, config: &Config) {
        let first = start.path.clone();
        let mut left = vec![start];
        while let Some(next) = left.pop() {
            if next.depth > SCRIPTS {
                let answer = next.answer;
                let message = format!(
                    "scripts start scripts, more than {SCRIPTS} in a row; Lambda answers `{answer}`"
                );
                self.add(Code::ImageEntrypoint, Some(&first), message, "start the program itself");
                return;
            }
            left.extend(self.start(&next, config));
        }
    }

    /// Looks at one program; if it is a script, what is to run it.
    fn start(&mut self, start: &Start, config: &Config) -> Vec<Start> {
        let (seen, answer) = (self.seen, start.answer);
        let inside = start.path.trim_start_matches('/').to_owned();
        let Some((real, node)) = seen.root.find(&inside) else {
            let by = start.by.as_deref().unwrap_or("a link");
            let message =
                format!("{by} names it, and it is not in the image; Lambda answers `{answer}`");
            self.add(Code::ImageEntrypoint, Some(&inside), message, "put it there");
            return Vec::new();
        };
        if is_covered(&real) {
            let top = real.split('/').next().unwrap_or_default();
            let message = format!(
                "it is started, and where functions run /{top} is Lambda's own, without the image's \
                 files; Lambda answers `{answer}`"
            );
            self.add(Code::ImageEntrypoint, Some(&inside), message, "put it elsewhere: /var/task");
            return Vec::new();
        }
        if !self.reachable(&start.path, Code::ImageEntrypoint) {
            return Vec::new();
        }
        let Item::File(_, content) = &node.item else {
            let message = format!("it is started, and is no file; Lambda answers `{answer}`");
            self.add(Code::ImageEntrypoint, Some(&inside), message, "put the program there");
            return Vec::new();
        };
        self.executable(&inside, node.mode, content, answer);
        self.content(&inside, content, start, config)
    }

    /// Whether Lambda's user may execute it: of a program the kernel reads what it needs, of a script its
    /// interpreter must.
    fn executable(&mut self, inside: &str, mode: u32, content: &Content, answer: &str) {
        let bits = if matches!(content, Content::Script(_)) { 0o005 } else { 0o001 };
        if mode & bits != bits {
            let message = format!(
                "mode {mode:04o} is not executable for everyone; Lambda answers `{answer}` \
                 (permission denied)"
            );
            self.add(Code::Mode, Some(inside), message, "give it mode 0755 (`chmod 755`)");
        }
    }

    fn content(
        &mut self,
        inside: &str,
        content: &Content,
        start: &Start,
        config: &Config,
    ) -> Vec<Start> {
        match content {
            Content::Script(line) => return self.script(inside, line, start, config),
            Content::Elf(facts) => self.elf(inside, facts, start, config),
            Content::BrokenElf(why) => {
                let message = format!("a damaged ELF file: {why}");
                let hint = "build it again, and copy it whole";
                self.add(Code::MalformedElf, Some(inside), message, hint);
            }
            Content::Other | Content::NotRead => {
                let message = "neither an ELF executable nor a script: the kernel cannot start it";
                self.add(Code::NotExecutable, Some(inside), message, "put the program there");
            }
        }
        Vec::new()
    }

    fn script(&mut self, inside: &str, line: &str, start: &Start, config: &Config) -> Vec<Start> {
        let answer = start.answer;
        if line.ends_with('\r') {
            let message = format!(
                "a script with Windows line ends: the kernel looks for an interpreter whose name ends \
                 in a carriage return; Lambda answers `{answer}`"
            );
            let hint = "save it with UNIX line ends (`sed -i 's/\\r$//'`)";
            self.add(Code::NotExecutable, Some(inside), message, hint);
            return Vec::new();
        }
        let mut words = line.split([' ', '\t']).filter(|word| !word.is_empty());
        let Some(interpreter) = self.interpreter(inside, words.next(), answer, config) else {
            return Vec::new();
        };
        // Of Lambda's own images it is known what theirs starts.
        if inside != LAMBDAS {
            let message = format!("a script for `{interpreter}`; what it starts is not audited");
            self.add_as(Level::Note, Code::Script, Some(inside), message, "");
        }
        let by = Some(start.path.clone());
        let depth = start.depth + 1;
        let next = |path| Start { path, words: Vec::new(), by: by.clone(), depth, answer };
        let mut all = vec![next(interpreter.clone())];
        let is_env = interpreter.ends_with("/env");
        // `env -S NAME=VALUE X …` (env(1)).
        let named = words.find(|word| !word.starts_with('-') && !word.contains('='));
        if let Some(word) = named.filter(|_| is_env) {
            let folder = config.working_folder().unwrap_or("/");
            if let Some(path) = program(&self.seen.root, config, word, folder) {
                all.push(next(path));
            } else {
                let message = format!(
                    "a script for `{word}`, which is in no folder of `PATH`; Lambda answers `{answer}`"
                );
                self.add(Code::ImageEntrypoint, Some(inside), message, "put it there");
            }
        }
        all
    }

    /// The path of what a script names to run it: a relative one is of the working folder.
    fn interpreter(
        &mut self,
        inside: &str,
        word: Option<&str>,
        answer: &str,
        config: &Config,
    ) -> Option<String> {
        let Some(word) = word else {
            let message = format!(
                "a script that names no interpreter after `#!`; Lambda answers `{answer}` (exec format \
                 error)"
            );
            self.add(Code::NotExecutable, Some(inside), message, "name one: `#!/bin/sh`");
            return None;
        };
        if word.starts_with('/') {
            return Some(word.to_owned());
        }
        let folder = config.working_folder().unwrap_or("/").trim_end_matches('/');
        let path = format!("{folder}/{word}");
        if self.seen.root.find(path.trim_start_matches('/')).is_some() {
            return Some(path);
        }
        let message = format!(
            "a script for `{word}`, which the kernel looks for in the working folder alone, where it is \
             not; Lambda answers `{answer}`"
        );
        self.add(Code::ImageEntrypoint, Some(inside), message, "name it whole: `#!/bin/sh`");
        None
    }

    fn elf(&mut self, inside: &str, facts: &ElfFacts, start: &Start, config: &Config) {
        let (seen, answer) = (self.seen, start.answer);
        let right = facts.class == Class::Elf64 && facts.byte_order == ByteOrder::Little;
        let arch = facts.machine.arch().filter(|_| right);
        let wanted = config.arch();
        if arch.is_none() || (wanted.is_some() && arch != wanted) {
            let message = format!(
                "built for {}, and the image is for {}; Lambda answers `{answer}` (exec format error)",
                facts.machine,
                config.text("architecture")
            );
            let hint = "build the program for the image's architecture";
            self.add(Code::WrongArchitecture, Some(inside), message, hint);
        } else if let Some(arch) = arch.filter(|_| loader::is_one(start, facts)) {
            self.by_loader(start, arch, config);
        } else if !matches!(facts.kind, Kind::Executable | Kind::PieExecutable) {
            let message = "it is started, and is no program (a library, an object file)";
            self.add(Code::NotExecutable, Some(inside), message, "put the program there");
        } else if let Some(arch) = arch {
            let of =
                Linked { thing: &seen.thing, root: &seen.root, config, arch, answer, by: None };
            link::check(&mut self.findings, (&start.path, facts), of);
        }
    }
}
