//! One difference, for people and for other tools.

use std::fmt;

/// What differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The zip is not the one that its record describes.
    Record,
    /// The zip, or a file of it, cannot be unpacked.
    Damaged,
    /// A file is only in one.
    File,
    /// Permission bits, or being a symbolic link.
    Mode,
    /// The time of files in the zip.
    Time,
    /// The contents of a file, by length and first different byte.
    Content,
    /// The compilers and linkers that left their names in an ELF file.
    Compiler,
    /// The folder that was built in stands in the file.
    Path,
    /// Text of an ELF file.
    String,
    /// A symbol of an ELF file.
    Symbol,
    /// A section of an ELF file.
    Section,
    /// The headers of an ELF file.
    Header,
    /// The build id, which a linker computes from all the rest.
    BuildId,
    /// The order of the files in the zip.
    Order,
    /// How a file is compressed.
    Compression,
    /// Bytes of the zip that belong to no file.
    Container,
}

impl Kind {
    /// Its stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Record => "record",
            Self::Damaged => "damaged",
            Self::File => "file",
            Self::Mode => "mode",
            Self::Time => "time",
            Self::Content => "content",
            Self::Compiler => "compiler",
            Self::Path => "path",
            Self::String => "string",
            Self::Symbol => "symbol",
            Self::Section => "section",
            Self::Header => "header",
            Self::BuildId => "build-id",
            Self::Order => "order",
            Self::Compression => "compression",
            Self::Container => "container",
        }
    }

    const fn words(self) -> &'static str {
        match self {
            Self::Compiler => "other compilers or linkers",
            Self::Path => "holds the folder that it was built in",
            Self::BuildId => "build id, which follows from the rest",
            Self::Container => "the zip's own bytes",
            Self::Damaged => "cannot be unpacked",
            Self::Record => "CodeSha256, by the zip and by its record",
            other => other.name(),
        }
    }
}

/// One thing that differs. What is absent on both sides is not known or not worth telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// What differs.
    pub kind: Kind,
    /// The file in the bundle; none of the zip itself.
    pub path: Option<String>,
    /// The section, symbol or header of the file.
    pub part: Option<String>,
    /// What the given side has; none where it has nothing.
    pub given: Option<String>,
    /// What the rebuilt side has; none where it has nothing.
    pub rebuilt: Option<String>,
    /// The first byte that differs, counted from the beginning of the part, else of the file, else
    /// of the zip.
    pub offset: Option<u64>,
    /// How many more of the kind there are that are not told one by one.
    pub more: usize,
}

impl Difference {
    pub(super) fn new(kind: Kind) -> Self {
        let (path, part, given, rebuilt) = (None, None, None, None);
        Self { kind, path, part, given, rebuilt, offset: None, more: 0 }
    }

    pub(super) fn of(kind: Kind, path: &str) -> Self {
        Self { path: Some(path.to_owned()), ..Self::new(kind) }
    }

    pub(super) fn part(self, part: impl Into<String>) -> Self {
        Self { part: Some(part.into()), ..self }
    }

    pub(super) fn given(self, text: impl Into<String>) -> Self {
        Self { given: Some(text.into()), ..self }
    }

    pub(super) fn rebuilt(self, text: impl Into<String>) -> Self {
        Self { rebuilt: Some(text.into()), ..self }
    }

    pub(super) fn at(self, offset: Option<u64>) -> Self {
        Self { offset, ..self }
    }

    /// A zip, or a file of it, that cannot be unpacked, and why.
    #[must_use]
    pub fn damaged(path: Option<&str>, why: &str) -> Self {
        Self { path: path.map(str::to_owned), ..Self::new(Kind::Damaged).given(why) }
    }

    /// A zip that is not the one that its record describes, by both digests.
    #[must_use]
    pub fn record(zip: &str, record: &str) -> Self {
        let text = format!("{zip} by the zip, {record} by its record");
        Self::new(Kind::Record).given(text)
    }

    /// What to do about it; may be empty.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self.kind {
            Kind::Path => {
                "a crate embeds where it is built, by env!(\"CARGO_MANIFEST_DIR\"), env!(\"OUT_DIR\") or a \
                 build script: no flag changes that; take include_bytes! or a path of the running function"
            }
            Kind::Compiler => "build with the versions that the record names",
            Kind::Record => "the zip was changed after it was packed, or its record was",
            _ => "",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        match (self.kind, &self.part) {
            (Kind::Header, Some(part)) => f.write_str(part)?,
            (Kind::Path | Kind::String, Some(part)) => {
                write!(f, "{}, in {part}", self.kind.words())?;
            }
            (_, Some(part)) => write!(f, "{} {}", self.kind.words(), short(part))?,
            (_, None) => f.write_str(self.kind.words())?,
        }
        match (&self.given, &self.rebuilt) {
            (Some(given), None) if matches!(self.kind, Kind::Record | Kind::Damaged) => {
                write!(f, ": {given}")?;
            }
            (Some(given), Some(rebuilt)) => write!(f, ": {given} given, {rebuilt} rebuilt")?,
            (Some(given), None) => write!(f, ": only given, {given}")?,
            (None, Some(rebuilt)) => write!(f, ": only rebuilt, {rebuilt}")?,
            (None, None) => {}
        }
        if let Some(offset) = self.offset {
            write!(f, ", different from byte {offset:#x} on")?;
        }
        if self.more > 0 {
            write!(f, " (and {} more)", self.more)?;
        }
        Ok(())
    }
}

/// Names that compilers make may fill a screen.
fn short(name: &str) -> String {
    const MOST: usize = 120;
    let length = name.chars().count();
    if length <= MOST {
        return name.to_owned();
    }
    let start: String = name.chars().take(MOST / 2).collect();
    let end: String = name.chars().skip(length - MOST / 2).collect();
    format!("{start}…{end}")
}
