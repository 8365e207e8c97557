//! This machine's shared libraries: the folders in which a linker finds them, and what is there.
//!
//! The order is that of linking: what build scripts named (`cargo::rustc-link-search`, and so all
//! that they got from pkg-config), the `-L` of the user's flags for rustc, what the user named, `LIBRARY_PATH`, the
//! folders beside those of `PKG_CONFIG_PATH`, then the system's own. pkg-config itself is not asked:
//! the `-L` of the libraries that a build script asked it for is among cargo's messages, it leaves out
//! only the system's folders, and what lies beyond (`Requires.private`) is beside its `.pc` files.

mod ld_so_conf;

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::audit::Content;
use crate::closure::Candidate;
use crate::inspect;
use crate::target::Arch;

/// Where to look, beside the system's own folders.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// The architecture that is built for.
    pub arch: Arch,
    /// That of this machine, if Lambda has it.
    pub host: Option<Arch>,
    /// Folders that build scripts gave to the linker.
    pub linked: &'a [PathBuf],
    /// The user's flags for rustc.
    pub flags: &'a [String],
    /// Folders that the user named.
    pub folders: &'a [PathBuf],
    /// The root of a system that stands for this machine's, with its libraries in the usual places.
    pub sysroot: Option<&'a Path>,
}

/// The folders that are there, in order, each once. Files of another architecture do no harm: the
/// choice passes them over.
#[must_use]
pub fn folders(search: &Search<'_>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    found.extend_from_slice(search.linked);
    found.extend(of_flags(search.flags));
    found.extend_from_slice(search.folders);
    found.extend(paths_of("LIBRARY_PATH"));
    for variable in ["PKG_CONFIG_PATH", "PKG_CONFIG_LIBDIR"] {
        found.extend(paths_of(variable).iter().filter_map(|path| library_folder(path)));
    }
    let sysroot = search
        .sysroot
        .map(Path::to_path_buf)
        .or_else(|| env::var_os("PKG_CONFIG_SYSROOT_DIR").map(PathBuf::from))
        .filter(|sysroot| sysroot.is_absolute() && sysroot != Path::new("/"));
    match sysroot {
        // Nothing of this machine's own fits a program that was linked for another system.
        Some(sysroot) => found.extend(usual(search.arch).map(|folder| below(&sysroot, &folder))),
        None => found.extend(of_this_machine(search)),
    }
    let mut seen = BTreeSet::new();
    found.retain(|folder| {
        folder.is_dir() && seen.insert(fs::canonicalize(folder).unwrap_or_else(|_| folder.clone()))
    });
    found
}

/// What stands at a path, if it may serve as a library: the real file, not the link to it.
#[must_use]
pub fn look(path: &Path) -> Option<Candidate> {
    let file = fs::canonicalize(path).ok()?;
    let metadata = fs::metadata(&file).ok()?;
    // Opening a pipe would wait for its other end.
    if !metadata.is_file() {
        return None;
    }
    match inspect::file(&file).ok()? {
        Content::Elf(facts) => Some(Candidate { file, length: metadata.len(), facts: *facts }),
        _ => None,
    }
}

/// The folder of a `cargo::rustc-link-search` or a `-L`, if native libraries are looked for in it
/// (The Cargo Book, "Build Scripts"; rustc, `-L`).
#[must_use]
pub fn link_folder(text: &str) -> Option<PathBuf> {
    let path = match text.split_once('=') {
        Some(("native" | "all", path)) => path,
        Some(("dependency" | "crate" | "framework", _)) => return None,
        _ => text,
    };
    (!path.is_empty()).then(|| PathBuf::from(path))
}

/// The folders of `-L x`, `-Lx` and `-C link-arg=-Lx`.
fn of_flags(flags: &[String]) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    let mut flags = flags.iter().map(String::as_str);
    while let Some(flag) = flags.next() {
        let flag = flag.strip_prefix("-C").unwrap_or(flag);
        if flag == "-L" {
            folders.extend(flags.next().and_then(link_folder));
        } else if let Some(folder) = flag.strip_prefix("-L") {
            folders.extend(link_folder(folder));
        } else if let Some(folder) = flag.strip_prefix("link-arg=-L") {
            folders.extend((!folder.is_empty()).then(|| PathBuf::from(folder)));
        }
    }
    folders
}

fn paths_of(variable: &str) -> Vec<PathBuf> {
    let value = env::var_os(variable).unwrap_or_default();
    env::split_paths(&value).filter(|path| path.is_absolute()).collect()
}

/// `/opt/x/lib` of `/opt/x/lib/pkgconfig`.
fn library_folder(path: &Path) -> Option<PathBuf> {
    (path.file_name() == Some(OsStr::new("pkgconfig")))
        .then(|| path.parent())?
        .map(Path::to_path_buf)
}

/// An absolute path below another root.
fn below(root: &Path, path: &str) -> PathBuf {
    root.join(path.trim_start_matches('/'))
}

/// The folders of cross compilers and, where the architecture is this machine's, of its loader.
fn of_this_machine(search: &Search<'_>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if search.host == Some(search.arch) {
        folders.extend(ld_so_conf::folders());
    }
    let triple = multiarch(search.arch);
    for folder in ["lib", "lib64", "sys-root/usr/lib64", "sys-root/lib64"] {
        folders.push(PathBuf::from(format!("/usr/{triple}/{folder}")));
    }
    folders.extend(usual(search.arch).map(PathBuf::from));
    folders
}

/// Debian's multiarch name, which is also that of its cross compilers.
const fn multiarch(arch: Arch) -> &'static str {
    match arch {
        Arch::X86_64 => "x86_64-linux-gnu",
        Arch::Arm64 => "aarch64-linux-gnu",
    }
}

/// Where Linux systems keep libraries (Debian "MultiarchSpec"; FHS 3.0, "/lib<qual>").
fn usual(arch: Arch) -> impl Iterator<Item = String> {
    let triple = multiarch(arch);
    ["/usr/local/lib", "/lib", "/usr/lib"]
        .map(|folder| format!("{folder}/{triple}"))
        .into_iter()
        .chain(["/lib64", "/usr/lib64", "/usr/local/lib", "/lib", "/usr/lib"].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sysroot_stands_for_this_machine() {
        let folder = tempfile::tempdir().unwrap();
        let lib = folder.path().join("usr/lib64");
        fs::create_dir_all(&lib).unwrap();
        let linked = [PathBuf::from("/"), PathBuf::from("/nowhere/at/all")];
        let search = Search {
            arch: Arch::Arm64,
            host: Some(Arch::Arm64),
            linked: &linked,
            flags: &[],
            folders: &[],
            sysroot: Some(folder.path()),
        };
        let folders = folders(&search);
        assert_eq!(folders.first(), Some(&linked[0]), "what is not there is left out");
        assert_eq!(folders.last(), Some(&lib));
        assert!(!folders.contains(&PathBuf::from("/usr/lib")));
    }

    #[test]
    fn folders_of_native_libraries() {
        for (text, folder) in [
            ("/a", Some("/a")),
            ("native=/a", Some("/a")),
            ("all=/a=b", Some("/a=b")),
            ("/a=b", Some("/a=b")),
            ("dependency=/a", None),
            ("framework=/a", None),
            ("native=", None),
        ] {
            assert_eq!(link_folder(text), folder.map(PathBuf::from), "{text}");
        }
        let flags =
            "-L /a -Lnative=/b -C opt-level=3 -C link-arg=-L/c -Clink-arg=-L/d -L crate=/e -L";
        let flags: Vec<String> = flags.split(' ').map(str::to_owned).collect();
        assert_eq!(of_flags(&flags), ["/a", "/b", "/c", "/d"].map(PathBuf::from));
    }

    #[test]
    fn only_files_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(look(folder.path()), None);
        let text = folder.path().join("libx.so");
        fs::File::create(&text).unwrap();
        assert_eq!(look(&text), None);
        assert_eq!(look(&folder.path().join("nothing")), None);
    }
}
