//! Names of packages, as cargo, Rust, AWS and file systems all take them.

/// The most characters of a function's name (Lambda API, `FunctionName`), which a package's is by default.
const LONGEST: usize = 64;

/// Keywords (The Rust Reference, "Keywords"), Rust's own crates, and cargo's folders in `target`.
const RESERVED: [&str; 64] = [
    "Self",
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "gen",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "macro_rules",
    "match",
    "mod",
    "move",
    "mut",
    "override",
    "priv",
    "proc_macro",
    "pub",
    "ref",
    "return",
    "self",
    "static",
    "std",
    "struct",
    "super",
    "target",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "union",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Why a name is none for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameRefused {
    /// Characters that cargo or AWS refuse.
    #[error("a package's name has letters, digits, hyphens and underscores, a letter first")]
    Characters,
    /// No function could have it.
    #[error("a function's name has at most {LONGEST} characters")]
    Long,
    /// It means something to Rust or cargo.
    #[error("it means something to Rust already")]
    Word,
    /// A device of Windows, where nobody could check the folder out.
    #[error("Windows has no files of this name")]
    Device,
}

/// Whether a package may be called so: what `cargo new` takes, and a function can be called as well.
///
/// # Errors
///
/// Why not.
pub fn check(name: &str) -> Result<(), NameRefused> {
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !good {
        return Err(NameRefused::Characters);
    }
    if name.len() > LONGEST {
        return Err(NameRefused::Long);
    }
    if RESERVED.contains(&name.replace('-', "_").as_str()) {
        return Err(NameRefused::Word);
    }
    if is_device(name) {
        return Err(NameRefused::Device);
    }
    Ok(())
}

/// Whether Windows takes a file's name for a device, whatever its extension (Win32, "Naming Files, Paths, and
/// Namespaces").
#[must_use]
pub fn is_device(file: &str) -> bool {
    let stem = file.split('.').next().unwrap_or(file).trim_end().to_ascii_lowercase();
    let numbered = |prefix: &str| {
        let rest = stem.strip_prefix(prefix).map(|rest| rest.chars().collect::<Vec<_>>());
        matches!(rest.as_deref(), Some(['0'..='9' | '¹' | '²' | '³']))
    };
    matches!(&*stem, "con" | "prn" | "aux" | "nul" | "conin$" | "conout$")
        || numbered("com")
        || numbered("lpt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["orders", "orders-api", "orders_api", "A1", "com", "console"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("", NameRefused::Characters),
            ("1st", NameRefused::Characters),
            ("-a", NameRefused::Characters),
            ("a/b", NameRefused::Characters),
            ("ä", NameRefused::Characters),
            ("fn", NameRefused::Word),
            ("Self", NameRefused::Word),
            ("macro-rules", NameRefused::Word),
            ("test", NameRefused::Word),
            ("nul", NameRefused::Device),
            ("COM1", NameRefused::Device),
        ] {
            assert_eq!(check(bad), Err(why), "{bad}");
        }
        assert_eq!(check(&"a".repeat(65)), Err(NameRefused::Long));
        assert_eq!(check(&"a".repeat(64)), Ok(()));
    }

    #[test]
    fn devices() {
        for device in ["con", "Con.txt", "lpt9.rs", "aux ", "COM1.tar.gz", "conout$", "com¹"] {
            assert!(is_device(device), "{device}");
        }
        for file in ["com", "com10", "lpt", "cont", "a.con", "auxiliary.rs"] {
            assert!(!is_device(file), "{file}");
        }
    }
}
