//! What the Linux kernel and the glibc dynamic loader would use of an ELF file.
//!
//! Decided here: which interpreter, libraries, search paths and symbol versions a file asks for,
//! and which versions it offers. Everything needed for loading is read as the loader reads it,
//! through program headers and the dynamic table, so that a file without section headers tells the
//! same; only [`ElfFacts::comments`] comes from a section, because nothing else holds it.
//!
//! The file may be hostile. Nothing here panics or indexes unchecked; each table is at most 64 MiB,
//! and never more than the stream holds; each walk is cut by a count. What the loader would refuse,
//! or read from outside the file, is an error and never a guess.
//!
//! Sources: System V gABI, chapters "Object Files" and "Program Loading and Dynamic Linking"; LSB
//! Core, "Symbol Versioning"; glibc `elf/get-dynamic-info.h`, `elf/dl-load.c`, `elf/dl-lookup.c`,
//! `elf/dl-version.c`; Linux `fs/binfmt_elf.c`.

mod bytes;
mod comment;
mod dynamic;
mod header;
mod image;
mod linkage;
mod note;
mod section;
mod strings;
mod strip;
mod symbol;
mod version;

#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Read, Seek};

use bytes::Source;
use dynamic::{Dynamic, Tag};
use header::Header;
use image::Image;
pub use linkage::{provide, wanted};
pub use section::{Layout, Section, Symbol, layout, symbols};
use strings::Strings;
pub use strip::stripped;

use crate::target::Arch;

/// What the kernel and the dynamic loader would use of one ELF file.
///
/// Of an ELF32 or a big-endian file only `class`, `byte_order`, `machine` and `kind` are filled,
/// and every `ET_DYN` is a [`Kind::Library`]: no Lambda function runs one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ElfFacts {
    /// Word size (gABI, "ELF Identification", `EI_CLASS`).
    pub class: Class,
    /// Byte order (gABI, "ELF Identification", `EI_DATA`).
    pub byte_order: ByteOrder,
    /// Processor (gABI, "ELF Header", `e_machine`). x32 is `X86_64` too, with [`Class::Elf32`].
    pub machine: Machine,
    /// What the file is for.
    pub kind: Kind,
    /// Program that the kernel starts instead (gABI, "Program Interpreter"; the first `PT_INTERP`,
    /// read at `p_offset` as `load_elf_binary` of `fs/binfmt_elf.c` does).
    pub interpreter: Option<String>,
    /// Name by which the loader knows this library (gABI, "Dynamic Section", `DT_SONAME`).
    pub soname: Option<String>,
    /// Libraries to load, in order (gABI, "Shared Object Dependencies", `DT_NEEDED`).
    pub needed: Vec<String>,
    /// `DT_RPATH` split at ':'. An empty element is the current directory, and the loader ignores
    /// the whole list where there is a `DT_RUNPATH` (glibc `elf/dl-load.c`, `fillin_rpath`;
    /// `elf/get-dynamic-info.h`).
    pub rpath: Vec<String>,
    /// `DT_RUNPATH` split at ':'. An empty element is the current directory.
    pub runpath: Vec<String>,
    /// Symbol versions that other libraries must define, in file order (LSB Core, "Version
    /// Requirements").
    pub versions_needed: Vec<VersionNeed>,
    /// Symbol versions that this file defines, in file order and without the base one, which names
    /// the file (LSB Core, "Version Definitions").
    pub versions_defined: Vec<String>,
    /// Libraries that it says it opens while it runs (`.note.dlopen`; UAPI Group, "ELF dlopen
    /// metadata"), at most 256.
    pub dlopen: Vec<Dlopen>,
    /// Lines that compilers and linkers left in `.comment`, without repeats, at most 16. Not used
    /// by any loader; empty where there are no sound section headers.
    pub comments: Vec<String>,
}

/// A library that a file opens while it runs, if it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dlopen {
    /// Its names, of which the first that is there is taken; at least one.
    pub sonames: Vec<String>,
    /// How much it is needed.
    pub priority: Priority,
}

/// How much a library that a file opens is needed (UAPI Group, "ELF dlopen metadata").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Without it the file is of no use.
    Required,
    /// Without it something that matters is missing.
    Recommended,
    /// Without it something secondary is missing.
    Suggested,
}

/// Word size of an ELF file (gABI, "ELF Identification", `EI_CLASS`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// `ELFCLASS32`
    Elf32,
    /// `ELFCLASS64`
    Elf64,
}

/// Byte order of an ELF file (gABI, "ELF Identification", `EI_DATA`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// `ELFDATA2LSB`
    Little,
    /// `ELFDATA2MSB`
    Big,
}

/// Processor of an ELF file (gABI, "ELF Header", `e_machine`).
///
/// Shown by the names that AWS Lambda uses: `x86_64`, `arm64`, `machine 40 (arm)`, `machine 999`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Machine {
    /// `EM_X86_64`, 62
    X86_64,
    /// `EM_AARCH64`, 183
    Aarch64,
    /// Any other number.
    Other(u16),
}

impl Machine {
    /// The processor with this number.
    #[must_use]
    pub fn from_code(code: u16) -> Self {
        match code {
            62 => Self::X86_64,
            183 => Self::Aarch64,
            other => Self::Other(other),
        }
    }
}

impl Machine {
    /// The architecture of AWS Lambda with this processor.
    #[must_use]
    pub fn arch(self) -> Option<Arch> {
        match self {
            Self::X86_64 => Some(Arch::X86_64),
            Self::Aarch64 => Some(Arch::Arm64),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = match self {
            Self::X86_64 => return f.write_str("x86_64"),
            Self::Aarch64 => return f.write_str("arm64"),
            Self::Other(code) => *code,
        };
        let name = match code {
            3 => "i386",
            8 => "mips",
            20 => "ppc",
            21 => "ppc64",
            22 => "s390x",
            40 => "arm",
            243 => "riscv",
            258 => "loongarch",
            _ => return write!(f, "machine {code}"),
        };
        write!(f, "machine {code} ({name})")
    }
}

/// What an ELF file is for (gABI, "ELF Header", `e_type`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `ET_EXEC`: a program at a fixed address.
    Executable,
    /// `ET_DYN` with a `PT_INTERP`, or with `DF_1_PIE` in `DT_FLAGS_1` (as a static-pie has).
    ///
    /// A library that can also be run, such as `libc.so.6`, counts here, since it has a
    /// `PT_INTERP`; its [`ElfFacts::soname`] tells it apart.
    PieExecutable,
    /// Any other `ET_DYN`.
    Library,
    /// Neither: `ET_REL` (1, an object file), `ET_CORE` (4), or a number unknown to the gABI.
    Other(u16),
}

impl Kind {
    fn new(e_type: u16, is_program: bool) -> Self {
        match e_type {
            2 => Self::Executable,
            3 if is_program => Self::PieExecutable,
            3 => Self::Library,
            other => Self::Other(other),
        }
    }
}

/// One symbol version that a library must define (LSB Core, "Version Requirements").
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VersionNeed {
    /// The library that must define it (`vn_file`), by the name that `DT_NEEDED` uses.
    pub library: String,
    /// The version (`vna_name`), such as `GLIBC_2.34`.
    pub version: String,
    /// `VER_FLG_WEAK` stands in `vna_flags`: without the version, the loader warns and goes on (LSB
    /// Core, "Startup Sequence"; glibc `elf/dl-version.c`, `match_symbol`). That all `symbols` are
    /// weak does not set it.
    pub weak: bool,
    /// Dynamic symbols that `DT_VERSYM` binds to this version, sorted, without repeats: the
    /// undefined ones, and those that an executable copies out of the library (`R_*_COPY`). May be
    /// empty, as for `GLIBC_ABI_DT_RELR`.
    pub symbols: Vec<String>,
    /// Those of `symbols` that are not weak (gABI, "Symbol Table", `STB_WEAK`): without them the
    /// program does not start, whatever `weak` says.
    pub strong: Vec<String>,
}

impl VersionNeed {
    /// Whether the loader starts the program without this version.
    #[must_use]
    pub fn is_optional(&self) -> bool {
        self.weak && self.strong.is_empty()
    }
}

/// Why a file has no [`ElfFacts`].
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The first four bytes are not those of ELF.
    #[error("not an ELF file")]
    NotElf,
    /// A table goes on past the end of the file, or of what is loaded of it.
    #[error("{what} cut short: {needed} bytes needed at offset {offset:#x}")]
    Truncated {
        /// Which table.
        what: &'static str,
        /// Where the missing bytes should begin in the file.
        offset: u64,
        /// How many bytes should be there.
        needed: u64,
    },
    /// A table says what no loader would accept, or what no linker would write.
    #[error("{what} malformed at offset {offset:#x}: {reason}")]
    Malformed {
        /// Which table.
        what: &'static str,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Whether a file with these first bytes is ELF (gABI, "ELF Identification", `EI_MAG0` to
/// `EI_MAG3`).
#[must_use]
pub fn is_elf(first_bytes: &[u8]) -> bool {
    first_bytes.starts_with(b"\x7fELF")
}

/// Reads the facts of the ELF file that is the whole of `reader`, wherever that stands now.
///
/// # Errors
///
/// [`ElfError::NotElf`] if it is no ELF file; `Truncated` or `Malformed` if the loader would not
/// load it, or only by reading what is not in the file; `Io` if reading fails.
pub fn read<R: Read + Seek>(reader: &mut R) -> Result<ElfFacts, ElfError> {
    let mut source = Source::new(reader)?;
    let header = Header::read(&mut source)?;
    let mut facts = ElfFacts::of_header(&header);
    let Some(tables) = &header.tables else {
        return Ok(facts);
    };
    facts.comments = comment::read(&mut source, tables)?;
    if matches!(facts.kind, Kind::Other(_)) {
        return Ok(facts);
    }
    let mut image = Image::read(source, tables)?;
    facts.interpreter = image.interpreter()?;
    let dynamic = Dynamic::read(&mut image)?;
    facts.kind = Kind::new(header.e_type, facts.interpreter.is_some() || dynamic.is_pie());
    facts.read_dynamic(&mut image, &dynamic)?;
    facts.dlopen = note::dlopen(&mut image)?;
    Ok(facts)
}

/// Reads the lines that compilers and linkers left in `.comment`, as [`ElfFacts::comments`] has them,
/// also of a file that no loader would load.
///
/// # Errors
///
/// [`ElfError::NotElf`] if it is no ELF file, `Truncated` or `Malformed` if its header is; `Io` if
/// reading fails.
pub fn comments<R: Read + Seek>(reader: &mut R) -> Result<Vec<String>, ElfError> {
    let mut source = Source::new(reader)?;
    let tables = Header::read(&mut source)?.tables;
    tables.map_or(Ok(Vec::new()), |tables| comment::read(&mut source, &tables))
}

impl ElfFacts {
    fn of_header(header: &Header) -> Self {
        let kind = Kind::new(header.e_type, false);
        Self::bare(header.class, header.byte_order, header.machine, kind)
    }

    /// What a file is that says no more of itself than its header does.
    #[must_use]
    pub fn bare(class: Class, byte_order: ByteOrder, machine: Machine, kind: Kind) -> Self {
        Self {
            class,
            byte_order,
            machine,
            kind,
            interpreter: None,
            soname: None,
            needed: Vec::new(),
            rpath: Vec::new(),
            runpath: Vec::new(),
            versions_needed: Vec::new(),
            versions_defined: Vec::new(),
            dlopen: Vec::new(),
            comments: Vec::new(),
        }
    }

    fn read_dynamic<R: Read + Seek>(
        &mut self,
        image: &mut Image<'_, R>,
        dynamic: &Dynamic,
    ) -> Result<(), ElfError> {
        let mut strings = Strings::read(image, dynamic)?;
        self.soname = dynamic.last(Tag::SONAME).map(|at| strings.text(at.value)).transpose()?;
        self.needed =
            dynamic.all(Tag::NEEDED).map(|at| strings.text(at.value)).collect::<Result<_, _>>()?;
        self.rpath = search_path(dynamic, Tag::RPATH, &mut strings)?;
        self.runpath = search_path(dynamic, Tag::RUNPATH, &mut strings)?;
        self.versions_defined = version::definitions(image, dynamic, &mut strings)?;
        let mut needs = version::needs(image, dynamic, &mut strings)?;
        symbol::bind(image, dynamic, &mut strings, &mut needs)?;
        self.versions_needed = needs.into_iter().map(|need| need.facts).collect();
        Ok(())
    }
}

fn search_path(
    dynamic: &Dynamic,
    tag: Tag,
    strings: &mut Strings,
) -> Result<Vec<String>, ElfError> {
    dynamic.last(tag).map_or(Ok(Vec::new()), |at| strings.path_list(at.value))
}
