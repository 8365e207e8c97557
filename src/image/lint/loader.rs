//! A loader that is started itself, with the program as its argument (ld.so(8)).

use super::Lint;
use super::entry::program;
use super::start::Start;
use crate::audit::{Code, Content};
use crate::elf::{ElfFacts, Kind};
use crate::image::config::Config;
use crate::image::link::{self, By, Linked};
use crate::image::root::Item;
use crate::target::Arch;

/// Its options that take a word of their own (glibc `elf/rtld.c`; musl `ldso/dynlink.c`).
const WITH_WORD: [&str; 7] = [
    "--library-path",
    "--inhibit-rpath",
    "--audit",
    "--preload",
    "--argv0",
    "--glibc-hwcaps-prepend",
    "--glibc-hwcaps-mask",
];

/// Whether that is a loader, and not alone.
pub(super) fn is_one(start: &Start, facts: &ElfFacts) -> bool {
    let name = start.path.rsplit('/').next().unwrap_or_default();
    facts.kind == Kind::Library && name.starts_with("ld-") && !start.words.is_empty()
}

/// Its search path, and the program that it loads.
fn asked(words: &[String]) -> (Option<&str>, Option<&str>) {
    let mut library_path = None;
    let mut words = words.iter().map(String::as_str);
    while let Some(word) = words.next() {
        if !word.starts_with("--") {
            return (library_path, Some(word));
        }
        let (name, own) =
            word.split_once('=').map_or((word, None), |(name, own)| (name, Some(own)));
        let value = if WITH_WORD.contains(&name) { own.or_else(|| words.next()) } else { own };
        if name == "--library-path" {
            library_path = value;
        }
    }
    (library_path, None)
}

impl Lint<'_> {
    /// Looks at the program that a loader is to load: what it reads need not be executable.
    pub(super) fn by_loader(&mut self, start: &Start, arch: Arch, config: &Config) {
        let (seen, answer) = (self.seen, start.answer);
        let (library_path, word) = asked(&start.words);
        // Without a slash it is looked for as libraries are.
        let Some(word) = word.filter(|word| word.contains('/')) else { return };
        let folder = config.working_folder().unwrap_or("/");
        let path = program(&seen.root, config, word, folder);
        let found = path.as_ref().and_then(|path| seen.root.find(path.trim_start_matches('/')));
        let (Some(path), Some((real, node))) = (&path, found) else {
            let message = format!(
                "{} is to load `{word}`, which is not in the image; Lambda answers `{answer}`",
                start.path
            );
            return self.add(Code::ImageEntrypoint, None, message, "put it there");
        };
        if let Some((shut, mode)) = seen.root.shut(&real, 0o004) {
            let message =
                format!("mode {mode:04o}: Lambda's user cannot read {path}, which is to be loaded");
            return self.add(Code::Mode, Some(&shut), message, "give it mode 0755");
        }
        let Item::File(_, Content::Elf(facts)) = &node.item else {
            let message = format!("{} is to load it, and it is no ELF file", start.path);
            return self.add(Code::NotExecutable, Some(&real), message, "put the program there");
        };
        if facts.machine.arch() != Some(arch) {
            let message = format!("built for {}, and its loader for {arch}", facts.machine);
            let hint = "build the program for the image's architecture";
            return self.add(Code::WrongArchitecture, Some(&real), message, hint);
        }
        let by = Some(By { loader: &start.path, library_path });
        let of = Linked { thing: &seen.thing, root: &seen.root, config, arch, answer, by };
        link::check(&mut self.findings, (path, facts), of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_loader_is_asked_for() {
        for (words, expected) in [
            ("/a b", (None, Some("/a"))),
            ("--library-path /l:/m --inhibit-cache --argv0 x ./a", (Some("/l:/m"), Some("./a"))),
            ("--library-path=/l /a", (Some("/l"), Some("/a"))),
            ("--list", (None, None)),
        ] {
            let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
            assert_eq!(asked(&words), expected);
        }
    }
}
