//! Fuzz target `elf`: a file that claims to be a program or a library. Also included by
//! `fuzz/targets/elf.rs`.

use std::io::Cursor;

use lambda_pack::compare;
use lambda_pack::elf::{self, ByteOrder, Class, ElfError, ElfFacts};

/// Reading must not panic, must give the same twice, and must fail for a reason in the file.
pub(crate) fn run(data: &[u8]) {
    let mut reader = Cursor::new(data);
    let first = elf::read(&mut reader);
    if let Err(error) = &first {
        assert!(!matches!(error, ElfError::Io(_)), "memory cannot fail to be read: {error}");
        assert_eq!(matches!(error, ElfError::NotElf), !elf::is_elf(data));
    }
    let first = first.map_err(|error| error.to_string());
    // From wherever the first read left the reader.
    let second = elf::read(&mut reader).map_err(|error| error.to_string());
    assert_eq!(first, second);
    layout(&mut reader);
    let equal = compare::contents("x", &mut Cursor::new(data), &mut Cursor::new(data), &[]);
    assert!(equal.is_ok_and(|found| found.is_empty()));
    let other = [data, b"."].concat();
    let found = compare::contents("x", &mut Cursor::new(data), &mut Cursor::new(other), &[]);
    assert!(found.is_ok_and(|found| !found.is_empty()));
    if let Ok(facts) = first {
        check(&facts);
    }
}

/// Where the parts are, and the symbols: without a panic, and within what they promise.
fn layout(reader: &mut Cursor<&[u8]>) {
    for error in [elf::layout(reader).err(), elf::symbols(reader).err()].into_iter().flatten() {
        assert!(!matches!(error, ElfError::Io(_)), "memory cannot fail to be read: {error}");
    }
    let symbols = elf::symbols(reader).unwrap_or_default();
    assert!(symbols.iter().all(|symbol| !symbol.name.is_empty()));
}

/// What the documentation of [`ElfFacts`] promises.
fn check(facts: &ElfFacts) {
    if (facts.class, facts.byte_order) != (Class::Elf64, ByteOrder::Little) {
        let ElfFacts { class, byte_order, machine, kind, .. } = *facts;
        let bare = ElfFacts {
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
        };
        assert_eq!(*facts, bare);
    }
    assert!(facts.comments.len() <= 16);
    for (at, comment) in facts.comments.iter().enumerate() {
        assert!(!comment.is_empty());
        assert!(facts.comments.iter().skip(at + 1).all(|other| other != comment));
    }
    for need in &facts.versions_needed {
        assert!(need.symbols.is_sorted_by(|one, next| one < next), "{:?}", need.symbols);
    }
}
