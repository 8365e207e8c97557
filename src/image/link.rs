//! Whether a program of an image finds its loader, its libraries and their symbol versions in it.

use std::collections::BTreeSet;

use super::config::Config;
use super::root::{Item, Root};
use crate::audit::{Code, Content, Finding};
use crate::closure::{self, Ask, File, Found, Program, World};
use crate::elf::ElfFacts;
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
        let path = config.variable("LD_LIBRARY_PATH").unwrap_or_default();
        let library_path = path.split([':', ';']).filter(|folder| folder.starts_with('/'));
        let mut defaults: Vec<String> = root.loader_folders();
        defaults.extend(DEFAULTS.map(str::to_owned));
        defaults.push("/usr/lib/aarch64-linux-gnu".to_owned());
        Self { library_path: library_path.map(str::to_owned).collect(), defaults }
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

/// What stands at an absolute path of an image, as the loader sees it.
#[must_use]
pub fn at<'r>(root: &'r Root, path: &str) -> Option<File<'r>> {
    match &root.find(path.trim_start_matches('/'))?.1.item {
        Item::File(_, content) => Some(content.as_loaded()),
        Item::Folder => None,
        Item::Symlink(_) | Item::Special => Some(File::Unreadable),
    }
}

/// Adds every finding about what a program needs of its image. `path` is absolute.
pub(super) fn check(
    findings: &mut Vec<Finding>,
    thing: &str,
    (path, facts): (&str, &ElfFacts),
    (root, config): (&Root, &Config),
    arch: Arch,
) {
    let inside = path.trim_start_matches('/');
    let mut add = |code: Code, path: &str, message: String, hint: &str| {
        let path = path.trim_start_matches('/');
        findings.push(Finding::new(code, thing, Some(path), message, hint));
    };
    if let Some(interpreter) = &facts.interpreter
        && at(root, interpreter).is_none()
    {
        let hint = "link it statically (`libc = \"musl\"`), or take a base that has that loader";
        let message = format!(
            "its loader is `{interpreter}`, which the image has not: the start ends \
             with `Runtime.InvalidEntrypoint` (no such file or directory)"
        );
        return add(Code::Interpreter, inside, message, hint);
    }
    let search = Search::new(root, config);
    let (library_path, defaults) = (search.library_path(), search.defaults());
    let look = |path: &str| at(root, path);
    let world = World { arch, library_path: &library_path, defaults: &defaults, at: &look };
    let closure = closure::resolve(Program { path, facts, dlopen: &[] }, world);
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
                format!("is of another architecture than {arch}, and {by} needs it"),
                "take the library, or the base, of the right architecture",
            ),
            Found::Nowhere { .. } => add(
                Code::LibraryMissing,
                by,
                format!("needs {}, which is not in the image", need.name),
                "link it statically, put it into `lib/` with `include`, or take a base that has it",
            ),
        }
    }
    for unmet in closure.unmet(None) {
        let by = closure.objects.get(unmet.by).map_or("", |object| object.path.as_str());
        let (version, library) = (&unmet.need.version, &unmet.need.library);
        let code =
            if unmet.need.is_optional() { Code::WeakSymbolVersion } else { Code::SymbolVersion };
        let of = unmet.lacking.as_deref().unwrap_or(library);
        add(
            code,
            by,
            format!("needs {version} of {library}, and {of} of the image has not that version"),
            "build where that library is as old as the image's, or take a newer base",
        );
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
