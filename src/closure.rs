//! Which file glibc's loader takes for every library that a program needs, or why none.
//!
//! The one simulation of the loader: the audit makes findings of it, and [`gather`] decides by it
//! which libraries of the build machine go into a bundle. Nothing is opened here: what stands at a
//! path is asked of a function.
//!
//! Breadth first from the program, as `_dl_map_object_deps` does: what is loaded already wins by a
//! name that it was asked for or by its SONAME; then `DT_RPATH` (of the file and of those that
//! loaded it, unless it has a `DT_RUNPATH`), `LD_LIBRARY_PATH`, and the file's own `DT_RUNPATH`
//! (ld.so(8); glibc `elf/dl-load.c`, `_dl_map_object`). A file of another architecture is passed
//! over; one that is no library ends the program. On Lambda's own runtimes `ld.so.cache` and the default
//! folders add nothing, since its `LD_LIBRARY_PATH` begins with them; in images they come last.
//!
//! Left out: `DT_AUXILIARY` and `DT_FILTER`, `$PLATFORM`; `glibc-hwcaps` folders outside of images.

mod gather;
mod search;
mod versions;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use gather::{Candidate, Gathered, Ground, Reason, Request, gather, is_of_glibc};
pub use versions::Unmet;

use crate::elf::{ByteOrder, Class, Dlopen, ElfFacts, Kind};
use crate::target::Arch;
use search::Folders;

/// What stands at a path, as the loader sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File<'a> {
    /// An ELF file and its facts.
    Elf(&'a ElfFacts),
    /// A library of the system's; what is in it is not known.
    System,
    /// Something that the loader cannot read.
    Unreadable,
}

/// What the loader goes by, beside the program.
#[derive(Clone, Copy)]
pub struct World<'a, 'w> {
    /// The architecture of the machine.
    pub arch: Arch,
    /// The folders of `LD_LIBRARY_PATH`, in order.
    pub library_path: &'w [&'w str],
    /// Those that come last: of `ld.so.cache`, and the loader's own.
    pub defaults: &'w [&'w str],
    /// Folders below each of them that are looked in before it (`glibc-hwcaps/…`).
    pub hwcaps: &'w [&'w str],
    /// What is loaded before all that is needed (`LD_PRELOAD`); what is not there is passed over.
    pub preload: &'a [String],
    /// What stands at an absolute path without `.` and `..`.
    pub at: &'w dyn Fn(&str) -> Option<File<'a>>,
}

/// What is started.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Its absolute path.
    pub path: &'a str,
    /// What it is.
    pub facts: &'a ElfFacts,
    /// Libraries that it opens itself while it runs (`dlopen`), by name.
    pub dlopen: &'a [String],
}

/// All that a program loads.
#[derive(Debug, Clone)]
pub struct Closure<'a> {
    /// The program, its loader if it has one, and every library, in the order of loading.
    pub objects: Vec<Object<'a>>,
    /// Every name asked for, in the order of asking.
    pub needs: Vec<Need<'a>>,
    /// The first object that answers to a name.
    by_name: BTreeMap<&'a str, usize>,
    library_path: Vec<String>,
    defaults: Vec<String>,
    hwcaps: Vec<String>,
}

/// One file that is loaded.
#[derive(Debug, Clone)]
pub struct Object<'a> {
    /// The name that it was asked for first; of the program, its path.
    pub name: &'a str,
    /// Its absolute path.
    pub path: String,
    /// What it is.
    pub file: File<'a>,
    /// The object that needed it first, by its place; none of the program and its loader.
    pub by: Option<usize>,
    /// Of a library of the system's: a file that the loader would take if that were not there.
    pub shadows: Option<String>,
    folders: Folders,
}

/// One name that an object needs.
#[derive(Debug, Clone)]
pub struct Need<'a> {
    /// The name, as `DT_NEEDED` has it.
    pub name: &'a str,
    /// Which object needs it, by its place.
    pub by: usize,
    /// How it is asked for.
    pub ask: Ask<'a>,
    /// What the loader takes.
    pub found: Found,
}

/// How a name is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask<'a> {
    /// By `DT_NEEDED`.
    Linked,
    /// By `dlopen`, as the user says of the program.
    Named,
    /// By `dlopen`, as the file itself says; the name is the one that was found, or the first.
    Noted(&'a Dlopen),
}

/// What became of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The object at this place.
    Loaded(usize),
    /// What stands at this path is no library for this machine, and the loader stops there.
    Refused(String),
    /// No file of that name is there, or only files of another architecture, at these paths.
    Nowhere {
        /// What was passed over.
        passed_over: Vec<String>,
    },
}

/// Loads a program as glibc's loader would.
#[must_use]
pub fn resolve<'a>(program: Program<'a>, world: World<'a, '_>) -> Closure<'a> {
    let owned = |folders: &[&str]| folders.iter().map(|&folder| folder.to_owned()).collect();
    let closure = Closure {
        objects: Vec::new(),
        needs: Vec::new(),
        by_name: BTreeMap::new(),
        library_path: owned(world.library_path),
        defaults: owned(world.defaults),
        hwcaps: owned(world.hwcaps),
    };
    let mut loader = Loader { world, closure, by_path: BTreeMap::new() };
    loader.add(program.path, program.path.to_owned(), File::Elf(program.facts), None);
    if let Some(interpreter) = &program.facts.interpreter {
        loader.add_interpreter(interpreter);
    }
    for name in world.preload {
        loader.find(name, 0);
    }
    let mut next = loader.walk(0);
    for name in program.dlopen {
        loader.need(name, 0, Ask::Named);
        next = loader.walk(next);
    }
    let mut noted = 0;
    while let Some(object) = loader.closure.objects.get(noted) {
        if let File::Elf(facts) = object.file {
            for dlopen in &facts.dlopen {
                loader.open(dlopen, noted);
                next = loader.walk(next);
            }
        }
        noted += 1;
    }
    loader.closure
}

struct Loader<'a, 'w> {
    world: World<'a, 'w>,
    closure: Closure<'a>,
    by_path: BTreeMap<String, usize>,
}

/// Where a search ended.
enum Hit<'a> {
    File(String, File<'a>),
    Refused(String),
    Nowhere(Vec<String>),
}

impl<'a> Loader<'a, '_> {
    fn add(&mut self, name: &'a str, path: String, file: File<'a>, by: Option<usize>) -> usize {
        let place = self.closure.objects.len();
        let folders = match file {
            File::Elf(facts) => {
                if let Some(soname) = &facts.soname {
                    self.closure.by_name.entry(soname).or_insert(place);
                }
                let loader = by.and_then(|by| self.closure.objects.get(by));
                Folders::of(facts, &path, loader.map(|loader| &loader.folders))
            }
            File::System | File::Unreadable => Folders::default(),
        };
        self.closure.by_name.entry(name).or_insert(place);
        self.by_path.insert(path.clone(), place);
        self.closure.objects.push(Object { name, path, file, by, shadows: None, folders });
        place
    }

    /// Loads what the objects from one on need, and what that needs. Gives the place of the next.
    fn walk(&mut self, mut next: usize) -> usize {
        while let Some(object) = self.closure.objects.get(next) {
            if let File::Elf(facts) = object.file {
                for name in &facts.needed {
                    self.need(name, next, Ask::Linked);
                }
            }
            next += 1;
        }
        next
    }

    /// The kernel has mapped it before anything is searched for.
    fn add_interpreter(&mut self, interpreter: &'a str) {
        let file = (self.world.at)(interpreter).unwrap_or(File::Unreadable);
        let place = self.add(interpreter, interpreter.to_owned(), file, None);
        if let Some((_, name)) = interpreter.rsplit_once('/') {
            self.closure.by_name.entry(name).or_insert(place);
        }
    }

    fn need(&mut self, name: &'a str, by: usize, ask: Ask<'a>) {
        let found = self.find(name, by);
        self.closure.needs.push(Need { name, by, ask, found });
    }

    /// Opens the first of several that is there.
    fn open(&mut self, dlopen: &'a Dlopen, by: usize) {
        let ask = Ask::Noted(dlopen);
        for name in &dlopen.sonames {
            let found = self.find(name, by);
            if matches!(found, Found::Loaded(_)) {
                return self.closure.needs.push(Need { name, by, ask, found });
            }
        }
        if let Some(name) = dlopen.sonames.first() {
            let found = Found::Nowhere { passed_over: Vec::new() };
            self.closure.needs.push(Need { name, by, ask, found });
        }
    }

    fn find(&mut self, name: &'a str, by: usize) -> Found {
        match self.closure.by_name.get(name) {
            Some(&place) => Found::Loaded(place),
            None => self.load(name, by),
        }
    }

    fn load(&mut self, name: &'a str, by: usize) -> Found {
        let Some(object) = self.closure.objects.get(by) else {
            return Found::Nowhere { passed_over: Vec::new() };
        };
        let expanded = search::expand(name, search::folder_of(&object.path));
        let mut paths = self.closure.paths(&expanded, object);
        match self.first(&mut paths) {
            Hit::File(path, file) => {
                let shadows = match file {
                    File::System => paths
                        .find(|path| !matches!((self.world.at)(path), None | Some(File::System))),
                    File::Elf(_) | File::Unreadable => None,
                };
                drop(paths);
                if let Some(&place) = self.by_path.get(&path) {
                    self.closure.by_name.insert(name, place);
                    return Found::Loaded(place);
                }
                let place = self.add(name, path, file, Some(by));
                if let Some(object) = self.closure.objects.get_mut(place) {
                    object.shadows = shadows;
                }
                Found::Loaded(place)
            }
            Hit::Refused(path) => Found::Refused(path),
            Hit::Nowhere(passed_over) => Found::Nowhere { passed_over },
        }
    }

    fn first(&self, paths: &mut dyn Iterator<Item = String>) -> Hit<'a> {
        let mut passed_over = Vec::new();
        for path in paths {
            match (self.world.at)(&path) {
                None => {}
                Some(File::Elf(facts)) => match fits(facts, self.world.arch) {
                    Fit::Library => return Hit::File(path, File::Elf(facts)),
                    Fit::Foreign => passed_over.push(path),
                    Fit::Refused => return Hit::Refused(path),
                },
                Some(File::System) => return Hit::File(path, File::System),
                Some(File::Unreadable) => return Hit::Refused(path),
            }
        }
        Hit::Nowhere(passed_over)
    }
}

impl<'a> Closure<'a> {
    /// The paths that are tried for a name, in order, one after the other.
    fn paths(&self, name: &str, by: &Object<'_>) -> Box<dyn Iterator<Item = String>> {
        if name.contains('/') {
            // A path is not searched for.
            return Box::new(std::iter::once(search::absolute(name)));
        }
        let name = name.to_owned();
        let (folders, hwcaps) = (self.folders(by), self.hwcaps.clone());
        Box::new(folders.into_iter().flat_map(move |folder| {
            let folder = folder.trim_end_matches('/');
            let faster = hwcaps.iter().map(|below| format!("{folder}/{below}/{name}"));
            faster.chain([format!("{folder}/{name}")]).collect::<Vec<_>>()
        }))
    }

    fn folders(&self, by: &Object<'_>) -> Vec<String> {
        let Folders { rpath, runpath, has_runpath } = &by.folders;
        // With a DT_RUNPATH in the file itself, no DT_RPATH counts at all.
        let rpath = if *has_runpath { &[][..] } else { rpath };
        let all = rpath.iter().chain(&self.library_path).chain(runpath);
        all.chain(&self.defaults).cloned().collect()
    }

    /// The folders that the loader looks in for what an object needs, in order.
    #[must_use]
    pub fn searched(&self, by: usize) -> Vec<String> {
        self.objects.get(by).map_or_else(Vec::new, |object| self.folders(object))
    }

    /// The object that answers to a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Object<'a>> {
        self.by_name.get(name).and_then(|&place| self.objects.get(place))
    }

    /// The objects from one that needs something up to the program, that one first.
    pub fn chain(&self, by: usize) -> impl Iterator<Item = &Object<'a>> {
        let object = |place: usize| self.objects.get(place);
        std::iter::successors(object(by), move |above| above.by.and_then(object))
    }
}

enum Fit {
    Library,
    Foreign,
    Refused,
}

/// What the loader makes of an ELF file (glibc `elf/dl-load.c`, `open_verify`, and for programs
/// `_dl_map_object_from_fd`).
fn fits(facts: &ElfFacts, arch: Arch) -> Fit {
    if facts.class != Class::Elf64 {
        return Fit::Foreign;
    }
    if facts.byte_order != ByteOrder::Little {
        return Fit::Refused;
    }
    if facts.machine.arch() != Some(arch) {
        return Fit::Foreign;
    }
    match facts.kind {
        Kind::Library => Fit::Library,
        // Such as libc.so.6, which can also be run.
        Kind::PieExecutable if facts.soname.is_some() => Fit::Library,
        Kind::PieExecutable | Kind::Executable | Kind::Other(_) => Fit::Refused,
    }
}
