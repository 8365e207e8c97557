//! Whether a program of an image finds its loader, its libraries and their symbol versions in it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::config::Config;
use super::lint::is_covered;
use super::root::{Item, Root};
use crate::audit::{Code, Content, Finding};
use crate::closure::{self, Ask, Closure, File, Found, Program, World};
use crate::elf::{ByteOrder, Class, ElfFacts};
use crate::target::Arch;

/// Where glibc's and musl's loaders look when nothing else is said (ld.so(8); Debian's multiarch
/// folders are its loader's own).
const DEFAULTS: [&str; 8] = [
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/local/lib",
    "/usr/lib",
    "/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
];
/// What glibc looks in before each folder, from the best on that all of Lambda's processors are (glibc 2.33,
/// `dl-hwcaps_subdirs.c`; AWS documents AVX2). There are none for arm64.
const HWCAPS: [&str; 2] = ["glibc-hwcaps/x86-64-v3", "glibc-hwcaps/x86-64-v2"];

/// The loader's search in an image.
#[derive(Debug, Clone)]
pub struct Search {
    library_path: Vec<String>,
    defaults: Vec<String>,
}

impl Search {
    /// As the configuration's `LD_LIBRARY_PATH` and the image's `/etc/ld.so.conf` have it.
    #[must_use]
    pub fn new(root: &Root, config: &Config) -> Self {
        let mut defaults: Vec<String> = root.loader_folders();
        defaults.extend(DEFAULTS.map(str::to_owned));
        defaults.push("/usr/lib/aarch64-linux-gnu".to_owned());
        let search = Self { library_path: Vec::new(), defaults };
        match config.variable("LD_LIBRARY_PATH").filter(|path| !path.is_empty()) {
            Some(path) => search.by_path(path, config),
            None => search,
        }
    }

    /// With this search path in place of the variable's.
    fn by_path(mut self, path: &str, config: &Config) -> Self {
        // What is relative, and what is empty, is of the working folder (ld.so(8)).
        let from = config.working_folder().unwrap_or("/").trim_end_matches('/');
        let absolute = |folder: &str| match folder {
            "" | "." => format!("{from}/"),
            folder if folder.starts_with('/') => folder.to_owned(),
            folder => format!("{from}/{}", folder.trim_start_matches("./")),
        };
        self.library_path = path.split([':', ';']).map(absolute).collect();
        self
    }

    /// With the folders that this loader of the image has of its own, if they are known.
    fn by_loader(mut self, root: &Root, interpreter: &str) -> Self {
        let real = root.real(interpreter.trim_start_matches('/'));
        if let Some(own) = real.and_then(|path| root.text(&path)) {
            self.defaults = root.loader_folders();
            self.defaults.extend(own.split(':').map(|it| it.trim_end_matches('/').to_owned()));
        }
        self
    }

    /// The folders of `LD_LIBRARY_PATH`.
    #[must_use]
    pub fn library_path(&self) -> Vec<&str> {
        self.library_path.iter().map(String::as_str).collect()
    }

    /// The folders that come last.
    #[must_use]
    pub fn defaults(&self) -> Vec<&str> {
        self.defaults.iter().map(String::as_str).collect()
    }
}

/// The folders in which glibc's loader looks, by its own bytes: `system_dirs` (glibc, `elf/dl-load.c`), one
/// after the other, each with a null after it.
#[must_use]
pub fn folders_of_loader(bytes: &[u8]) -> Option<String> {
    let folder = |text: &[u8]| {
        let text = std::str::from_utf8(text).ok()?;
        let is_one = text.starts_with("/lib") || text.starts_with("/usr/lib");
        (is_one && text.ends_with('/')).then(|| text.to_owned())
    };
    let mut found: Vec<String> = Vec::new();
    for text in bytes.split(|byte| *byte == 0) {
        match folder(text) {
            Some(folder) => found.push(folder),
            None if found.len() > 1 => break,
            None => found.clear(),
        }
    }
    (found.len() > 1).then(|| found.join(":"))
}

/// What stands at an absolute path of an image, as the loader sees it.
#[must_use]
pub fn at<'r>(root: &'r Root, path: &str) -> Option<File<'r>> {
    match &root.find(path.trim_start_matches('/'))?.1.item {
        Item::File(_, content) => Some(content.as_loaded()),
        Item::Folder => None,
        Item::Symlink(_) | Item::Special => Some(File::Unreadable),
    }
}

/// What is linked: in an image, for an architecture.
#[derive(Clone, Copy)]
pub(super) struct Linked<'a> {
    pub(super) thing: &'a str,
    pub(super) root: &'a Root,
    pub(super) config: &'a Config,
    pub(super) arch: Arch,
    /// What Lambda answers if it does not start.
    pub(super) answer: &'a str,
    /// The loader, where that is what is started, with the program as its argument.
    pub(super) by: Option<By<'a>>,
}

/// A loader that is started itself (ld.so(8)).
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    pub(super) loader: &'a str,
    /// Its `--library-path`.
    pub(super) library_path: Option<&'a str>,
}

impl Linked<'_> {
    fn finding(&self, code: Code, path: &str, message: String, hint: &str) -> Finding {
        let path = if path == "/" { path } else { path.trim_start_matches('/') };
        Finding::new(code, self.thing, Some(path), message, hint)
    }

    /// What is the matter with the loader, which the kernel starts as Lambda's user.
    fn loader(&self, program: &str, interpreter: &str) -> Option<Finding> {
        let answer = self.answer;
        let not = |code, path: &str, why: String, hint| {
            let message = format!("{why}: the start of {program} ends with `{answer}`");
            Some(self.finding(code, path, message, hint))
        };
        let base = "link it statically (`libc = \"musl\"`), or take a base that has that loader";
        let inside = interpreter.trim_start_matches('/');
        let found = self.root.find(inside).filter(|(real, _)| !is_covered(real));
        let Some((real, node)) = found else {
            let message = format!(
                "its loader is `{interpreter}`, which the image has not: the start ends \
                 with `{answer}` (no such file or directory)"
            );
            return Some(self.finding(Code::Interpreter, program, message, base));
        };
        if let Some((path, mode)) = self.root.shut(&real, 0o001) {
            let why =
                format!("mode {mode:04o}: Lambda's user cannot execute the loader {interpreter}");
            return not(Code::Mode, &path, why, "give it mode 0755");
        }
        let facts = match &node.item {
            Item::File(_, content) => content.elf(),
            _ => None,
        };
        let right = |facts: &ElfFacts| {
            let is_64 = facts.class == Class::Elf64 && facts.byte_order == ByteOrder::Little;
            is_64 && facts.machine.arch() == Some(self.arch)
        };
        match facts {
            None => not(Code::Interpreter, &real, "is no ELF file, and a loader".to_owned(), base),
            Some(facts) if !right(facts) => {
                let why =
                    format!("a loader for {}, and the program is for {}", facts.machine, self.arch);
                not(Code::WrongArchitecture, &real, why, base)
            }
            Some(_) => None,
        }
    }
}

/// Adds every finding about what a program needs of its image. `path` is absolute.
pub(super) fn check(findings: &mut Vec<Finding>, (path, facts): (&str, &ElfFacts), of: Linked<'_>) {
    let Linked { root, config, arch, by, .. } = of;
    let mut search = Search::new(root, config);
    let interpreter = by.map(|by| by.loader).or(facts.interpreter.as_deref());
    if let Some(interpreter) = interpreter {
        if by.is_none()
            && let Some(finding) = of.loader(path, interpreter)
        {
            return findings.push(finding);
        }
        search = search.by_loader(root, interpreter);
    }
    if let Some(path) = by.and_then(|by| by.library_path) {
        search = search.by_path(path, config);
    }
    // The kernel says where a program really lies, and `$ORIGIN` is of that (glibc, `_dl_get_origin`); a
    // loader that is started itself knows the path alone.
    let real = root.real(path.trim_start_matches('/')).map(|real| format!("/{real}"));
    let path = real.as_deref().filter(|_| by.is_none()).unwrap_or(path);
    let (library_path, defaults) = (search.library_path(), search.defaults());
    let is_glibc = interpreter.is_some_and(|it| !last(it).starts_with("ld-musl"));
    let hwcaps = if is_glibc && arch == Arch::X86_64 { &HWCAPS[..] } else { &[] };
    let preload = config.variable("LD_PRELOAD").unwrap_or_default().split([' ', ':']);
    let preload: Vec<String> = preload.filter(|name| !name.is_empty()).map(str::to_owned).collect();
    // What it may not open, the loader passes over (glibc, `open_path`).
    let shut = RefCell::new(BTreeMap::new());
    let look = |path: &str| {
        let real = root.find(path.trim_start_matches('/'))?.0;
        if is_covered(&real) {
            return None;
        }
        if let Some(by) = root.shut(&real, 0o004) {
            shut.borrow_mut().entry(last(path).to_owned()).or_insert(by);
            return None;
        }
        at(root, path)
    };
    let world = World {
        arch,
        library_path: &library_path,
        defaults: &defaults,
        hwcaps,
        preload: &preload,
        at: &look,
    };
    let closure = closure::resolve(Program { path, facts, dlopen: &[] }, world);
    needs(findings, &closure, &shut.borrow(), of);
    versions(findings, &closure, of);
}

/// Libraries that are not found, or not as they must be.
fn needs(
    findings: &mut Vec<Finding>,
    closure: &Closure<'_>,
    shut: &BTreeMap<String, (String, u32)>,
    of: Linked<'_>,
) {
    let mut add =
        |code, path: &str, message, hint| findings.push(of.finding(code, path, message, hint));
    let mut seen = BTreeSet::new();
    for need in &closure.needs {
        // What a file may open, nobody can tell.
        if !seen.insert(need.name) || matches!(need.ask, Ask::Noted(_)) {
            continue;
        }
        let by = closure.objects.get(need.by).map_or("", |object| object.path.as_str());
        match &need.found {
            Found::Loaded(_) => {}
            Found::Refused(path) => add(
                Code::NotALibrary,
                path,
                "stands where a shared library is needed, and is none".to_owned(),
                "put the library itself there",
            ),
            Found::Nowhere { passed_over } if !passed_over.is_empty() => add(
                Code::WrongArchitecture,
                passed_over.first().map_or("", String::as_str),
                format!("is of another architecture than {}, and {by} needs it", of.arch),
                "take the library, or the base, of the right architecture",
            ),
            Found::Nowhere { .. } if shut.contains_key(last(need.name)) => {
                let (path, mode) = shut.get(last(need.name)).cloned().unwrap_or_default();
                let message = format!(
                    "mode {mode:04o}: Lambda's user cannot read {}, which {by} needs",
                    need.name
                );
                add(Code::Unreadable, &path, message, "give files mode 0644 and folders 0755");
            }
            Found::Nowhere { .. } => add(
                Code::LibraryMissing,
                by,
                format!("needs {}, which is not in the image", need.name),
                "link it statically, put it into `lib/` with `include`, or take a base that has it",
            ),
        }
    }
}

/// The name alone.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Symbol versions that are too new.
fn versions(findings: &mut Vec<Finding>, closure: &Closure<'_>, of: Linked<'_>) {
    for unmet in closure.unmet(None) {
        let by = closure.objects.get(unmet.by).map_or("", |object| object.path.as_str());
        let (version, library) = (&unmet.need.version, &unmet.need.library);
        let code =
            if unmet.need.is_optional() { Code::WeakSymbolVersion } else { Code::SymbolVersion };
        let lacking = unmet.lacking.as_deref().unwrap_or(library);
        let message = format!(
            "needs {version} of {library}, and {lacking} of the image has not that version"
        );
        let hint = "build where that library is as old as the image's, or take a newer base";
        findings.push(of.finding(code, by, message, hint));
    }
}

impl Content {
    /// The facts, if it is a sound ELF file.
    #[must_use]
    pub fn elf(&self) -> Option<&ElfFacts> {
        match self {
            Self::Elf(facts) => Some(facts),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loader_tells_where_it_looks() {
        let debian =
            b"\x7fELF\0/lib\0/lib/x86_64-linux-gnu/\0/usr/lib/x86_64-linux-gnu/\0/lib/\0\0";
        let folders = folders_of_loader(debian);
        assert_eq!(folders.unwrap(), "/lib/x86_64-linux-gnu/:/usr/lib/x86_64-linux-gnu/:/lib/");
        assert_eq!(folders_of_loader(b"\x7fELF\0/lib/\0x"), None);
    }
}
