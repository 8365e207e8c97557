//! Whether glibc's loader would find every library of a program, and every symbol version in it:
//! findings made of what `closure` says.

use std::collections::BTreeSet;

use super::{Audit, Code, Content, Files, Inspected, Level, Trust};
use crate::closure::{self, Ask, Closure, File, Found, Need, Object, Program, Unmet, World};
use crate::elf::{Dlopen, ElfFacts, Kind, Priority, VersionNeed};
use crate::function::Role;
use crate::system::{Provided, System};

/// At most that many symbols are named in a finding.
const SYMBOLS_SHOWN: usize = 6;
/// At most that many folders of a search path are named in a finding.
const FOLDERS_SHOWN: usize = 12;

/// Adds every finding about the libraries and symbol versions that a program reaches.
pub(super) fn check<'a>(
    audit: &mut Audit<'a>,
    program: &'a str,
    facts: &'a ElfFacts,
    files: &Files<'a>,
    system: &System,
    trust: &Trust,
) {
    let root = audit.subject.role.unpacked_at();
    let at = |path: &str| match in_bundle(path, root) {
        Some(path) => files.get(path).map(|file| file.content.as_loaded()),
        None => match files.get(path) {
            Some(layered) => Some(layered.content.as_loaded()),
            None => system.name_at(path).map(|_| File::System),
        },
    };
    let path = format!("{root}/{program}");
    let program = Program { path: &path, facts, dlopen: audit.subject.dlopen };
    let world = World {
        arch: system.arch,
        library_path: System::LIBRARY_PATH,
        defaults: &[],
        hwcaps: &[],
        preload: &[],
        at: &at,
    };
    let closure = closure::resolve(program, world);
    let mut link = Link { audit, closure: &closure, files, system, trust, root };
    link.libraries();
    for unmet in closure.unmet(Some(system)) {
        link.version(&unmet);
    }
}

impl Content {
    /// The file as the loader sees it.
    #[must_use]
    pub fn as_loaded(&self) -> File<'_> {
        match self {
            Self::Elf(facts) => File::Elf(facts),
            Self::BrokenElf(_) | Self::Script(_) | Self::Other | Self::NotRead => File::Unreadable,
        }
    }
}

/// The path in a bundle that is unpacked at `root`.
fn in_bundle<'p>(path: &'p str, root: &str) -> Option<&'p str> {
    path.strip_prefix(root)?.strip_prefix('/')
}

struct Link<'l, 'a, 'c> {
    audit: &'l mut Audit<'a>,
    closure: &'l Closure<'c>,
    files: &'l Files<'a>,
    system: &'l System,
    trust: &'l Trust,
    root: &'static str,
}

impl<'a> Link<'_, 'a, '_> {
    /// The path of an object in the bundle, or where the system has it.
    fn path(&self, place: usize) -> String {
        self.closure.objects.get(place).map_or_else(String::new, |object| self.shown(object))
    }

    fn shown(&self, object: &Object<'_>) -> String {
        in_bundle(&object.path, self.root).unwrap_or(&object.path).to_owned()
    }

    fn file(&self, path: &str) -> Option<&'a Inspected> {
        self.files.get(in_bundle(path, self.root).unwrap_or(path)).copied()
    }

    fn libraries(&mut self) {
        let mut seen = BTreeSet::new();
        for need in &self.closure.needs {
            // Whoever asks again gets what the first got.
            if !seen.insert(need.name) {
                continue;
            }
            match &need.found {
                Found::Loaded(place) => {
                    if let Some(Object { file: File::System, shadows, .. }) =
                        self.closure.objects.get(*place)
                    {
                        self.of_system(need, shadows.as_deref());
                    }
                }
                Found::Refused(path) => self.refused(path),
                Found::Nowhere { passed_over } if passed_over.is_empty() => match need.ask {
                    Ask::Noted(dlopen) => self.not_opened(need, dlopen),
                    Ask::Linked | Ask::Named => self.missing(need),
                },
                Found::Nowhere { passed_over } => {
                    self.passed_over(passed_over);
                }
            }
        }
    }

    /// Of another architecture, or of 32 bits: as good as not there.
    fn passed_over(&mut self, paths: &[String]) {
        let files: Vec<&'a Inspected> = paths.iter().filter_map(|path| self.file(path)).collect();
        for file in files {
            if let Content::Elf(facts) = &file.content {
                self.audit.header(&file.path, facts, Some(self.system.arch));
            }
        }
    }

    /// What stands where a library is needed and cannot be loaded.
    fn refused(&mut self, path: &str) {
        let Some(file) = self.file(path) else { return };
        let what = match &file.content {
            Content::Elf(facts) => {
                if self.audit.header(&file.path, facts, Some(self.system.arch)).is_none() {
                    return;
                }
                match facts.kind {
                    Kind::PieExecutable | Kind::Executable => "is a program",
                    Kind::Library | Kind::Other(_) => "is an object file",
                }
            }
            Content::BrokenElf(why) => return self.audit.broken(&file.path, why),
            // Another finding says why nobody looked.
            Content::NotRead => return,
            Content::Script(_) | Content::Other => "is no ELF file (a linker script?)",
        };
        self.audit.add(
            Code::NotALibrary,
            &file.path,
            format!("stands where a shared library is needed and {what}"),
            "bundle the library itself: the file that the name links to",
        );
    }

    /// A library that the system has; `shadows` is a bundled copy, which its own comes before.
    fn of_system(&mut self, need: &Need<'_>, shadows: Option<&str>) {
        let name = need.name;
        // What a file can do without is worth no warning.
        let optional = matches!(need.ask, Ask::Noted(it) if it.priority != Priority::Required);
        if optional || self.trust.covers(name) {
            return;
        }
        let path = self.path(need.by);
        let runtime = self.system.runtime;
        if let Some(copy) = shadows {
            let copy = in_bundle(copy, self.root).unwrap_or(copy);
            self.audit.add(
                Code::LibraryShadowed,
                &path,
                format!(
                    "needs {name}; of that, {runtime} has a copy of its own, which comes before \
                     {copy}"
                ),
                format!(
                    "link it statically; or have it found by DT_RPATH ({}); or accept the \
                     system's copy with `--trust-system {name}`",
                    self.rpath_flags()
                ),
            );
        } else if self.system.library(name) == Provided::Present {
            self.audit.add(
                Code::LibraryNotPromised,
                &path,
                format!(
                    "needs {name}, which {runtime} has today; AWS does not promise that it stays"
                ),
                format!("link it statically, or accept it with `--trust-system {name}`"),
            );
        }
    }

    /// What makes the program look into its bundle before it looks at the system.
    fn rpath_flags(&self) -> String {
        let folder = match self.audit.subject.role {
            Role::Function | Role::InternalExtension => "$ORIGIN/lib",
            Role::ExternalExtension => "$ORIGIN/../lib",
        };
        format!("`-C link-arg=-Wl,--disable-new-dtags,-rpath,{folder}`")
    }

    fn missing(&mut self, need: &Need<'_>) {
        let name = need.name;
        let hint = if name.starts_with("libstd-") {
            "build without `-C prefer-dynamic`"
        } else if name.contains('/') {
            "it was linked by a path, because it has no SONAME: link it with `-Wl,-soname`, or \
             statically"
        } else {
            "link it statically (many crates have a `vendored` or `bundled` feature), or put it \
             into `lib/` of the bundle with `include`"
        };
        let runtime = self.system.runtime;
        let verb = if need.ask == Ask::Named { "opens (`dlopen`)" } else { "needs" };
        let message = format!(
            "{verb} {name}, which is neither in the bundle nor on {runtime}{}{}",
            self.chain(need.by),
            self.searched(need)
        );
        self.audit.add(Code::LibraryMissing, &self.path(need.by), message, hint);
    }

    /// A library that a file says it opens, by its `.note.dlopen`. Whether it comes to that nobody
    /// can tell.
    fn not_opened(&mut self, need: &Need<'_>, dlopen: &Dlopen) {
        let level = match dlopen.priority {
            Priority::Required => Level::Warning,
            Priority::Recommended | Priority::Suggested => Level::Note,
        };
        let message = format!(
            "says that it may open (`dlopen`) {}, which is neither in the bundle nor on {}",
            dlopen.sonames.join(" or "),
            self.system.runtime
        );
        let hint = "if it is used, put it into `lib/` of the bundle with `include`";
        let path = self.path(need.by);
        self.audit.add_as(level, Code::LibraryMissing, &path, message, hint);
    }

    /// Who needs that which needs it.
    fn chain(&self, by: usize) -> String {
        let above: Vec<String> =
            self.closure.chain(by).skip(1).map(|object| self.shown(object)).collect();
        if above.is_empty() {
            return String::new();
        }
        format!(" (itself needed by {})", above.join(", by "))
    }

    fn searched(&self, need: &Need<'_>) -> String {
        let list = |folders: &[String]| {
            let shown: Vec<&str> = folders.iter().take(FOLDERS_SHOWN).map(String::as_str).collect();
            let more = folders.len().saturating_sub(FOLDERS_SHOWN);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{}{more}", shown.join(", "))
        };
        let mut said = String::new();
        if !need.name.contains('/') {
            said = format!("; the loader looks in {}", list(&self.closure.searched(need.by)));
        }
        if !self.audit.subject.searched.is_empty() {
            said.push_str(&format!("; on this machine {}", list(self.audit.subject.searched)));
            said.push_str(" were searched for it");
        }
        said
    }

    fn version(&mut self, unmet: &Unmet<'_>) {
        let path = self.path(unmet.by);
        match &unmet.lacking {
            Some(library) => {
                let library = in_bundle(library, self.root).unwrap_or(library).to_owned();
                self.not_defined(&path, unmet.need, &library);
            }
            None => self.version_of_system(&path, unmet),
        }
    }

    /// A version that a bundled library does not define.
    fn not_defined(&mut self, path: &str, need: &VersionNeed, library: &str) {
        let (level, code) = if need.is_optional() {
            (Level::Note, Code::WeakSymbolVersion)
        } else {
            (Level::Error, Code::SymbolVersion)
        };
        self.audit.add_as(
            level,
            code,
            path,
            format!("needs {} of {library}{}", need.version, symbols(need)),
            "bundle the version of the library that it was linked with",
        );
    }

    /// A version newer than the system's copy of the library.
    fn version_of_system(&mut self, path: &str, unmet: &Unmet<'_>) {
        let Unmet { need, provided, highest, .. } = unmet;
        let runtime = self.system.runtime;
        let what = format!("needs {} of {}{}", need.version, need.library, symbols(need));
        if *provided == Provided::Present {
            if self.trust.covers(&need.library) {
                return;
            }
            self.audit.add(
                Code::SymbolNotPromised,
                path,
                format!("{what}; {runtime} has it today and promises up to {highest}"),
                format!(
                    "build with an older compiler, or accept it with `--trust-system {}`",
                    need.library
                ),
            );
        } else if need.is_optional() {
            let what = format!("{what}; {runtime} has up to {highest}");
            self.audit.add(
                Code::WeakSymbolVersion,
                path,
                format!("{what} (weak: the loader goes on without it)"),
                "",
            );
        } else {
            self.audit.add(
                Code::SymbolVersion,
                path,
                format!("{what}; {runtime} has up to {highest}"),
                self.version_hint(need, highest),
            );
        }
    }

    fn version_hint(&self, need: &VersionNeed, highest: &str) -> String {
        match (need.version.as_str(), highest.split_once('_')) {
            ("GLIBC_ABI_DT_RELR", _) => "link without `-z pack-relative-relocs`".to_owned(),
            ("GLIBC_PRIVATE", _) => "a file that uses glibc's own inside fits only the glibc that \
                                     it came with; leave it out"
                .to_owned(),
            (_, Some(("GLIBC", version))) => format!(
                "build where glibc is {version} or older (an older distribution, or zig as the \
                 linker)"
            ),
            _ => format!(
                "the system's copy comes before any in the bundle: link it statically; or have \
                 ours found first, by DT_RPATH ({}); or build the library under another SONAME",
                self.rpath_flags()
            ),
        }
    }
}

/// ` (symbol, symbol and 3 more)`.
fn symbols(need: &VersionNeed) -> String {
    if need.symbols.is_empty() {
        return String::new();
    }
    let shown: Vec<&str> = need.symbols.iter().take(SYMBOLS_SHOWN).map(String::as_str).collect();
    let more = need.symbols.len().saturating_sub(SYMBOLS_SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!(" ({}{more})", shown.join(", "))
}
