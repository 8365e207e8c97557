//! Findings: one thing each that AWS would refuse or that would not start.

use std::fmt;

/// How bad a finding is. Errors keep a bundle from being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// It cannot run, or AWS refuses it.
    Error,
    /// It runs today, or with care.
    Warning,
    /// Worth knowing.
    Note,
}

impl Level {
    /// The word for people and machines.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident $name:literal $level:ident,)*) => {
        /// What kind of finding it is. The names are stable; each has its level.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($(#[doc = $doc])* $variant,)* }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The stable name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How bad it is, unless the finding says otherwise.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $(Self::$variant => Level::$level,)* }
            }
        }
    };
}

codes! {
    /// No `bootstrap` in the bundle of a function.
    BootstrapMissing "bootstrap-missing" Error,
    /// A `bootstrap` that is not at the root.
    BootstrapMisplaced "bootstrap-misplaced" Error,
    /// The program is no program: data, a library, an object file.
    NotExecutable "not-executable" Error,
    /// An ELF file that the loader could not read.
    MalformedElf "malformed-elf" Error,
    /// Not of the architecture asked for, or of none that Lambda has.
    WrongArchitecture "wrong-architecture" Error,
    /// 32 bits or big-endian.
    WrongClass "wrong-class" Error,
    /// A dynamic loader that the runtime has not.
    Interpreter "interpreter" Error,
    /// A symbol version newer than the runtime's.
    SymbolVersion "symbol-version" Error,
    /// A symbol version newer than the runtime's that the loader can do without.
    WeakSymbolVersion "weak-symbol-version" Note,
    /// A shared library that is neither in the bundle nor on the runtime.
    LibraryMissing "library-missing" Error,
    /// A symbol version that the runtime has today without a promise.
    SymbolNotPromised "symbol-not-promised" Warning,
    /// A shared library that the runtime has today without a promise.
    LibraryNotPromised "library-not-promised" Warning,
    /// A bundled library that the runtime's own copy comes before.
    LibraryShadowed "library-shadowed" Warning,
    /// A file that stands where a shared library must be and is none.
    NotALibrary "not-a-library" Error,
    /// The program may not be executed.
    Mode "mode" Error,
    /// A file that Lambda's user may not read.
    Unreadable "unreadable" Error,
    /// The program is a script.
    Script "script" Note,
    /// Over the limit of a direct upload.
    ZipSize "zip-size" Warning,
    /// Over the limit of an unpacked function.
    UnpackedSize "unpacked-size" Error,
    /// The runtime is past its dates.
    RuntimeDeprecated "runtime-deprecated" Warning,
    /// A zip that cannot be read, or a member that does not hold what it claims.
    ZipDamaged "zip-damaged" Error,
    /// A member that would be unpacked elsewhere, or under two spellings.
    ZipPath "zip-path" Error,
    /// A compression method or encryption that Lambda does not unpack.
    ZipMethod "zip-method" Error,
    /// A symbolic link in a zip; where it leads is not audited.
    ZipSymlink "zip-symlink" Warning,
    /// A path of the machine that built the program is in it.
    EmbeddedPath "embedded-path" Note,
    /// An index (manifest list), which Lambda does not take.
    ImageIndex "image-index" Error,
    /// A manifest that cannot be understood.
    ImageManifest "image-manifest" Error,
    /// A media type that Lambda does not take, or a mixture.
    ImageMediaType "image-media-type" Error,
    /// An image's configuration that is not as it must be.
    ImageConfig "image-config" Error,
    /// A history that does not fit the layers.
    ImageHistory "image-history" Warning,
    /// A layer that Lambda cannot unpack.
    ImageLayer "image-layer" Error,
    /// More layers than engines mount.
    ImageLayers "image-layers" Error,
    /// A folder without an entry.
    ImageParent "image-parent" Error,
    /// An entry of a layer that is not as it must be.
    ImageEntry "image-entry" Error,
    /// Nothing to start, or nothing that can be.
    ImageEntrypoint "image-entrypoint" Error,
    /// A working folder that is not there.
    ImageWorkingDir "image-working-dir" Error,
    /// A variable that Lambda sets itself, or one set twice.
    ImageVariable "image-variable" Warning,
    /// Something is to be written where nothing can be.
    ImageReadOnly "image-read-only" Note,
}

/// One thing that AWS would refuse or our rules forbid.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Finding {
    /// How bad it is.
    pub level: Level,
    /// What kind of finding.
    pub code: Code,
    /// The function or the file that was audited.
    pub thing: String,
    /// The path in it that is meant; none for all of it.
    pub path: Option<String>,
    /// What is the matter, with the numbers and names.
    pub message: String,
    /// What to do; may be empty.
    pub hint: String,
}

impl Finding {
    /// The thing and the path, as people read it.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.path {
            Some(path) => format!("{}: {path}", self.thing),
            None => self.thing.clone(),
        }
    }

    /// A finding of its code's own level.
    pub fn new(
        code: Code,
        thing: impl Into<String>,
        path: Option<&str>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            level: code.level(),
            code,
            thing: thing.into(),
            path: path.map(str::to_owned),
            message: message.into(),
            hint: hint.into(),
        }
    }
}
