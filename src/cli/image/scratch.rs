//! What an image from scratch needs that no base brings: folders, certificates, and, for programs of
//! glibc, the loader and glibc's own libraries of a sysroot.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Bases, Group};
use crate::audit::Content;
use crate::closure::{self, Candidate, File, Found, Program, World, is_of_glibc};
use crate::error::Error;
use crate::files;
use crate::image::certificates;
use crate::libraries;
use crate::target::Libc;
use crate::tree::{Entry, Mode, Source};

/// Where programs look for certificates (AL2023 and Debian alike).
const CERTIFICATES: &str = "etc/ssl/certs/ca-certificates.crt";
/// Where glibc's libraries go; `LD_LIBRARY_PATH` names it, whatever the loader's own folders are.
const LIBRARIES: &str = "lib64";
/// What AWS's own images have (aws-lambda-base-images, `provided.al2023`).
const LIBRARY_PATH: &str = "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:\
    /var/task/lib:/opt/lib";
/// What reads `/etc/hosts` and `/etc/passwd`, and what asks for names.
const NSS: [&str; 2] = ["libnss_files.so.2", "libnss_dns.so.2"];
pub(super) const VARIABLES: [(&str, &str); 4] = [
    ("PATH", "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"),
    ("LD_LIBRARY_PATH", LIBRARY_PATH),
    ("LAMBDA_TASK_ROOT", "/var/task"),
    ("LAMBDA_RUNTIME_DIR", "/var/runtime"),
];

/// Something of the image that is no folder by default: a file, or a folder of this mode.
pub(super) enum Item {
    File(Entry, Content),
    Folder(u32),
}

impl Bases<'_> {
    /// Files and folders of an image from scratch; `ours` is what else goes into it, by its path.
    pub(super) fn system(
        &self,
        group: &Group<'_>,
        programs: &[String],
        ours: &BTreeMap<String, Content>,
    ) -> Result<BTreeMap<String, Item>, Error> {
        let mut items = BTreeMap::new();
        for (folder, mode) in [("tmp", 0o1777), ("var/task", 0o755), ("opt", 0o755)] {
            items.insert(folder.to_owned(), Item::Folder(mode));
        }
        if let Some(entry) = self.certificates(group)? {
            items.insert(CERTIFICATES.to_owned(), Item::File(entry, Content::Other));
        }
        for (path, candidate) in self.glibc(group, programs, ours)? {
            let Candidate { file, length, facts } = candidate;
            let entry = Entry { mode: Mode::Executable, length, source: Source::File(file) };
            items.insert(path, Item::File(entry, Content::Elf(Box::new(facts))));
        }
        Ok(items)
    }

    fn certificates(&self, group: &Group<'_>) -> Result<Option<Entry>, Error> {
        let bytes = match group.wish.certificates.as_deref() {
            Some("") => return Ok(None),
            Some(path) => {
                let file = self.job.metadata.workspace_root.as_std_path().join(path);
                let usage = |why: String| Error::Usage(format!("`image.certificates`: {why}"));
                let bytes = files::read_bytes(&file)
                    .map_err(|error| usage(Error::File(error).one_line()))?;
                if !certificates::is_pem(&bytes) {
                    return Err(usage(format!("no certificate (PEM) is in {}", file.display())));
                }
                bytes
            }
            None => certificates::mozilla().into_bytes(),
        };
        let (mode, length) = (Mode::Regular, bytes.len() as u64);
        Ok(Some(Entry { mode, length, source: Source::Bytes(bytes.into()) }))
    }

    /// The loader that programs name, and the libraries of glibc that they need, out of the sysroot.
    fn glibc(
        &self,
        group: &Group<'_>,
        programs: &[String],
        ours: &BTreeMap<String, Content>,
    ) -> Result<BTreeMap<String, Candidate>, Error> {
        let mut found: BTreeMap<String, Candidate> = BTreeMap::new();
        let Some(first) = group.functions.first() else { return Ok(found) };
        for path in programs {
            let Some(facts) = ours.get(path).and_then(Content::elf) else { continue };
            let Some(interpreter) = &facts.interpreter else { continue };
            let Some(sysroot) = &first.function.sysroot else {
                return Err(no_glibc(group, first.function.compile.target.libc));
            };
            let folders = self.job.library_folders(&first.function, &first.artifact);
            if let Some(loader) = loader(sysroot, interpreter, &folders) {
                found.insert(interpreter.trim_start_matches('/').to_owned(), loader);
            }
            let path = format!("/{path}");
            let mut program = Program { path: &path, facts, dlopen: &[] };
            let add = |program, found: &mut BTreeMap<String, Candidate>| {
                while let Some((name, candidate)) = next(program, group, found, ours, &folders) {
                    found.insert(format!("{LIBRARIES}/{name}"), candidate);
                }
            };
            add(program, &mut found);
            let opened = opened(&found);
            program.dlopen = &opened;
            add(program, &mut found);
            let gone =
                opened.iter().find(|name| !found.contains_key(&format!("{LIBRARIES}/{name}")));
            if let Some(name) = gone {
                self.shell.warn(format!(
                    "the image `{}` gets a glibc older than 2.34 without {name}, which the sysroot has \
                     not: it finds no addresses of names (`getaddrinfo`)",
                    group.name
                ));
            }
        }
        Ok(found)
    }
}

/// What glibc opens itself while programs run, where they ask for addresses or users: since 2.34 that is in
/// its libc (glibc, NEWS for 2.34).
fn opened(found: &BTreeMap<String, Candidate>) -> Vec<String> {
    let libc = found.get(&format!("{LIBRARIES}/libc.so.6"));
    let is_old =
        |libc: &Candidate| !libc.facts.versions_defined.iter().any(|it| it == "GLIBC_2.34");
    if libc.is_some_and(is_old) { NSS.map(str::to_owned).to_vec() } else { Vec::new() }
}

fn no_glibc(group: &Group<'_>, libc: Libc) -> Error {
    let musl = if libc == Libc::Gnu { "build with `--libc musl`, or " } else { "" };
    Error::Usage(format!(
        "the image `{}` is from scratch, and its programs need glibc: {musl}name a `sysroot` to take it \
         from, or another base",
        group.name
    ))
}

/// The loader where the program names it, below the sysroot; else in one of its folders.
fn loader(sysroot: &Path, interpreter: &str, folders: &[PathBuf]) -> Option<Candidate> {
    let named = sysroot.join(interpreter.trim_start_matches('/'));
    let name = Path::new(interpreter).file_name()?;
    let places = std::iter::once(named).chain(folders.iter().map(|folder| folder.join(name)));
    places.into_iter().find_map(|place| libraries::look(&place))
}

/// The next library of glibc's that a program would not find.
fn next(
    program: Program<'_>,
    group: &Group<'_>,
    found: &BTreeMap<String, Candidate>,
    ours: &BTreeMap<String, Content>,
    folders: &[PathBuf],
) -> Option<(String, Candidate)> {
    let library_path: Vec<&str> = LIBRARY_PATH.split(':').collect();
    let at = |path: &str| {
        let inside = path.trim_start_matches('/');
        let glibc = found.get(inside).map(|candidate| File::Elf(&candidate.facts));
        glibc.or_else(|| ours.get(inside).map(Content::as_loaded))
    };
    let world = World {
        arch: group.arch,
        library_path: &library_path,
        defaults: &[],
        hwcaps: &[],
        preload: &[],
        at: &at,
    };
    let closure = closure::resolve(program, world);
    let missing = closure.needs.iter().filter(|need| matches!(need.found, Found::Nowhere { .. }));
    missing.into_iter().find_map(|need| {
        let name = need.name;
        if !is_of_glibc(name) || name.contains('/') {
            return None;
        }
        let candidate = folders.iter().find_map(|folder| libraries::look(&folder.join(name)))?;
        Some((name.to_owned(), candidate))
    })
}
