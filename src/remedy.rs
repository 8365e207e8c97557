//! What a missing tool would give, and the commands that bring it. Nothing is run here, nor unasked
//! anywhere.

use std::path::{Path, PathBuf};

use crate::linker::{KNOWN_ZIGS, Tool};
use crate::target::Arch;

/// A package manager of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// Debian, Ubuntu.
    Apt,
    /// Fedora, Amazon Linux, Red Hat.
    Dnf,
    /// Arch.
    Pacman,
    /// Alpine.
    Apk,
    /// macOS.
    Brew,
}

impl Manager {
    /// Every one with the program that it is found by.
    pub const ALL: [(Self, &str); 5] = [
        (Self::Apt, "apt-get"),
        (Self::Dnf, "dnf"),
        (Self::Pacman, "pacman"),
        (Self::Apk, "apk"),
        (Self::Brew, "brew"),
    ];
}

/// What there is to install with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Means {
    /// The system's package manager.
    pub manager: Option<Manager>,
    /// The process may write to the system's folders.
    pub root: bool,
    /// The Python that may make an environment of its own.
    pub python: Option<String>,
    /// rustup manages the rustc in use; the toolchain that an environment variable names.
    pub rustup: Option<Option<String>>,
    /// The folder of our own for programs, below the user's data.
    pub data: PathBuf,
}

/// Something that is not there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Missing {
    /// A tool that links.
    Linker(Tool),
    /// The standard library of a target triple.
    Standard(String),
    /// qemu, to run executables of that architecture.
    Qemu(Arch),
}

/// One program with its arguments.
pub type Command = Vec<String>;

impl Missing {
    /// Its name, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Linker(Tool::Cc) => "a C compiler".to_owned(),
            Self::Linker(Tool::Zig) => format!("zig {}", KNOWN_ZIGS[0]),
            Self::Linker(Tool::Gcc(arch)) => format!("{}-linux-gnu-gcc", arch.rust_name()),
            Self::Linker(Tool::MuslGcc(arch)) => format!("a gcc for musl on {arch}"),
            Self::Standard(triple) => format!("the standard library of {triple}"),
            Self::Qemu(arch) => format!("qemu-{}", arch.rust_name()),
        }
    }

    /// What it would give.
    #[must_use]
    pub fn gives(&self) -> String {
        match self {
            Self::Linker(Tool::Cc) => "links build scripts, and handlers for this host".to_owned(),
            Self::Linker(Tool::Zig) => {
                "links for both architectures and for the glibc of every runtime, whatever this \
                 host has"
                    .to_owned()
            }
            Self::Linker(Tool::Gcc(arch)) => {
                format!("links for {arch} with the glibc of this distribution")
            }
            Self::Linker(Tool::MuslGcc(arch)) => format!("links for musl on {arch}"),
            Self::Standard(triple) => format!("compiles for {triple}"),
            Self::Qemu(arch) => format!("runs {arch} bundles on this host"),
        }
    }

    /// The commands that bring it, in order; none where we know of none.
    #[must_use]
    pub fn commands(&self, means: &Means) -> Vec<Command> {
        match self {
            Self::Linker(Tool::Zig) => zig(means),
            Self::Standard(triple) => rustup(triple, means),
            other => packages(other, means).map_or_else(Vec::new, |names| install(names, means)),
        }
    }
}

/// A Python environment of our own: no system's rules against installing packages are in the way,
/// nothing else is changed, and the version is one that was tried.
fn zig(means: &Means) -> Vec<Command> {
    let Some(python) = &means.python else { return Vec::new() };
    let folder = zig_folder(&means.data).display().to_string();
    let package = format!("ziglang=={}", KNOWN_ZIGS[0]);
    let mut commands = vec![
        words(&[python, "-m", "venv", &folder]),
        words(&[&format!("{folder}/bin/pip"), "install", &package]),
    ];
    // Where Debian's Python has no `venv` of its own, having it again does no harm.
    if means.manager == Some(Manager::Apt) {
        commands.splice(0..0, install(&["python3-venv"], means));
    }
    commands
}

/// Where `doctor` has zig installed, and where it is looked for.
#[must_use]
pub fn zig_folder(data: &Path) -> PathBuf {
    data.join("cargo-lambda-pack").join("zig")
}

fn rustup(triple: &str, means: &Means) -> Vec<Command> {
    match &means.rustup {
        Some(Some(toolchain)) => {
            vec![words(&["rustup", "target", "add", "--toolchain", toolchain, triple])]
        }
        Some(None) => vec![words(&["rustup", "target", "add", triple])],
        None => Vec::new(),
    }
}

fn packages(missing: &Missing, means: &Means) -> Option<&'static [&'static str]> {
    use Manager::{Apk, Apt, Brew, Dnf, Pacman};
    let names: &[&str] = match (missing, means.manager?) {
        (Missing::Linker(Tool::Cc), Apt) => &["gcc", "libc6-dev"],
        (Missing::Linker(Tool::Cc), Dnf | Pacman) => &["gcc"],
        (Missing::Linker(Tool::Cc), Apk) => &["gcc", "musl-dev"],
        (Missing::Linker(Tool::Gcc(Arch::Arm64)), Apt) => &["gcc-aarch64-linux-gnu"],
        (Missing::Linker(Tool::Gcc(Arch::X86_64)), Apt) => &["gcc-x86-64-linux-gnu"],
        (Missing::Linker(Tool::Gcc(Arch::Arm64)), Pacman) => &["aarch64-linux-gnu-gcc"],
        (Missing::Linker(Tool::MuslGcc(_)), Apt) => &["musl-tools"],
        (Missing::Linker(Tool::MuslGcc(_)), Dnf) => &["musl-gcc"],
        (Missing::Linker(Tool::MuslGcc(_)), Pacman) => &["musl"],
        (Missing::Qemu(_), Apt | Dnf | Pacman) => &["qemu-user-static"],
        (Missing::Qemu(Arch::Arm64), Apk) => &["qemu-aarch64"],
        (Missing::Qemu(Arch::X86_64), Apk) => &["qemu-x86_64"],
        // The others of them come with the system or not at all.
        (_, Apt | Dnf | Pacman | Apk | Brew) => return None,
    };
    Some(names)
}

fn install(names: &[&str], means: &Means) -> Vec<Command> {
    let (program, args): (&str, &[&str]) = match means.manager {
        Some(Manager::Apt) => ("apt-get", &["install", "-y"]),
        Some(Manager::Dnf) => ("dnf", &["install", "-y"]),
        Some(Manager::Pacman) => ("pacman", &["-S", "--needed", "--noconfirm"]),
        Some(Manager::Apk) => ("apk", &["add"]),
        Some(Manager::Brew) => ("brew", &["install"]),
        None => return Vec::new(),
    };
    let sudo = !means.root && means.manager != Some(Manager::Brew);
    let mut command = words(if sudo { &["sudo"] } else { &[] });
    command.push(program.to_owned());
    command.extend(words(args));
    command.extend(words(names));
    // A fresh image of Debian has no lists of packages yet.
    let update = match means.manager {
        Some(Manager::Apt) if sudo => Some(words(&["sudo", "apt-get", "update"])),
        Some(Manager::Apt) => Some(words(&["apt-get", "update"])),
        _ => None,
    };
    update.into_iter().chain([command]).collect()
}

fn words(words: &[&str]) -> Command {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(missing: &Missing, means: &Means) -> String {
        let commands = missing.commands(means);
        commands.iter().map(|command| command.join(" ")).collect::<Vec<_>>().join(" && ")
    }

    #[test]
    fn commands_are_exact() {
        let debian = Means {
            manager: Some(Manager::Apt),
            root: false,
            python: Some("python3".to_owned()),
            rustup: Some(None),
            data: PathBuf::from("/home/u/.local/share"),
        };
        let std = Missing::Standard("aarch64-unknown-linux-gnu".to_owned());
        assert_eq!(shown(&std, &debian), "rustup target add aarch64-unknown-linux-gnu");
        assert_eq!(
            shown(&Missing::Linker(Tool::Zig), &debian),
            format!(
                "sudo apt-get update && sudo apt-get install -y python3-venv && python3 -m venv \
                 /home/u/.local/share/cargo-lambda-pack/zig && \
                 /home/u/.local/share/cargo-lambda-pack/zig/bin/pip install ziglang=={}",
                KNOWN_ZIGS[0]
            )
        );
        let root = Means { root: true, rustup: Some(Some("nightly".to_owned())), ..debian };
        assert_eq!(
            shown(&Missing::Linker(Tool::Gcc(Arch::Arm64)), &root),
            "apt-get update && apt-get install -y gcc-aarch64-linux-gnu"
        );
        assert_eq!(
            shown(&std, &root),
            "rustup target add --toolchain nightly aarch64-unknown-linux-gnu"
        );
        let bare = Means::default();
        for missing in [std, Missing::Linker(Tool::Cc), Missing::Qemu(Arch::Arm64)] {
            assert_eq!(shown(&missing, &bare), "", "{missing:?}");
            assert!(!missing.gives().is_empty() && !missing.name().is_empty());
        }
    }
}
