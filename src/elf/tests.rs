//! Hand-made files, for what no linker writes. Real ones are compared with readelf in `tests/it`.

#![expect(clippy::cast_possible_truncation, reason = "fixtures are small")]

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use super::version::hash;
use super::{ByteOrder, Class, ElfError, ElfFacts, Kind, Machine, is_elf, read};

/// Where the fixture is mapped, so that an offset taken for an address is found out.
const BASE: u64 = 0x10_0000;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_INTERP: u32 = 3;

/// A 64-bit little-endian file: header, eight program headers, chunks, strings, dynamic table.
struct Fixture {
    bytes: Vec<u8>,
    segments: Vec<(u32, u64, u64, u64, u64)>,
    strings: Vec<u8>,
    dynamic: Vec<(u64, u64)>,
}

impl Fixture {
    fn new(e_type: u16) -> Self {
        let mut bytes = vec![0; 64 + 8 * 56];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..18].copy_from_slice(&e_type.to_le_bytes());
        bytes[18..20].copy_from_slice(&183_u16.to_le_bytes());
        bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        Self { bytes, segments: Vec::new(), strings: vec![0], dynamic: Vec::new() }
    }

    /// Appends bytes and gives their offset.
    fn chunk(&mut self, bytes: &[u8]) -> u64 {
        self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        let offset = self.bytes.len() as u64;
        self.bytes.extend_from_slice(bytes);
        offset
    }

    fn string(&mut self, text: impl AsRef<[u8]>) -> u32 {
        let at = self.strings.len() as u32;
        self.strings.extend_from_slice(text.as_ref());
        self.strings.push(0);
        at
    }

    fn segment(&mut self, kind: u32, offset: u64, address: u64, file: u64, memory: u64) {
        self.segments.push((kind, offset, address, file, memory));
    }

    fn interpreter(&mut self, bytes: &[u8]) {
        let offset = self.chunk(bytes);
        self.segment(PT_INTERP, offset, 0, bytes.len() as u64, 0);
    }

    fn tag(&mut self, tag: u64, value: u64) {
        self.dynamic.push((tag, value));
    }

    fn named(&mut self, tag: u64, text: impl AsRef<[u8]>) {
        let at = self.string(text);
        self.tag(tag, at.into());
    }

    fn table(&mut self, tag: u64, bytes: &[u8]) {
        let offset = self.chunk(bytes);
        self.tag(tag, BASE + offset);
    }

    /// A `DT_VERNEED` of one library.
    fn needs(&mut self, library: &str, versions: &[Vernaux]) {
        let file = self.string(library);
        let mut table = Vec::new();
        verneed(&mut table, file, 16, 0);
        for (number, version) in versions.iter().enumerate() {
            let name = self.string(version.name);
            let next = if number + 1 == versions.len() { 0 } else { 16 };
            table.extend_from_slice(
                &version.hash.unwrap_or(hash(version.name.as_bytes())).to_le_bytes(),
            );
            table.extend_from_slice(&version.flags.to_le_bytes());
            table.extend_from_slice(&version.index.to_le_bytes());
            table.extend_from_slice(&name.to_le_bytes());
            table.extend_from_slice(&u32::to_le_bytes(next));
        }
        self.table(0x6fff_fffe, &table);
    }

    /// `DT_SYMTAB` and `DT_VERSYM`.
    fn symbols(&mut self, symbols: &[(&str, u16)]) {
        let mut table = Vec::new();
        for (name, _) in symbols {
            table.extend_from_slice(&self.string(name).to_le_bytes());
            table.extend_from_slice(&[0; 20]);
        }
        let versions: Vec<u8> = symbols.iter().flat_map(|(_, index)| index.to_le_bytes()).collect();
        self.table(6, &table);
        self.table(0x6fff_fff0, &versions);
    }

    fn build(mut self) -> Vec<u8> {
        let strings = std::mem::take(&mut self.strings);
        self.table(5, &strings);
        self.tag(10, strings.len() as u64);
        self.tag(0, 0);
        let pairs = std::mem::take(&mut self.dynamic);
        let table: Vec<u8> = pairs
            .iter()
            .flat_map(|(tag, value)| [tag.to_le_bytes(), value.to_le_bytes()])
            .flatten()
            .collect();
        let dynamic = self.chunk(&table);
        let (len, table_len) = (self.bytes.len() as u64, table.len() as u64);
        self.segments.insert(0, (PT_LOAD, 0, BASE, len, len));
        self.segment(PT_DYNAMIC, 0, BASE + dynamic, table_len, table_len);
        self.build_static()
    }

    /// As it is: no dynamic table, and no segment that was not asked for.
    fn build_static(mut self) -> Vec<u8> {
        self.bytes[56..58].copy_from_slice(&(self.segments.len() as u16).to_le_bytes());
        for (number, (kind, offset, address, file, memory)) in self.segments.iter().enumerate() {
            let entry = &mut self.bytes[64 + 56 * number..][..56];
            entry[..4].copy_from_slice(&kind.to_le_bytes());
            for (at, value) in [(8, offset), (16, address), (32, file), (40, memory)] {
                entry[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
        }
        self.bytes
    }
}

struct Vernaux {
    name: &'static str,
    hash: Option<u32>,
    flags: u16,
    index: u16,
}

fn version(name: &'static str, flags: u16, index: u16) -> Vernaux {
    Vernaux { name, hash: None, flags, index }
}

fn verneed(table: &mut Vec<u8>, file: u32, aux: u32, next: u32) {
    table.extend_from_slice(&[1, 0, 1, 0]);
    for word in [file, aux, next] {
        table.extend_from_slice(&word.to_le_bytes());
    }
}

fn verdef(table: &mut Vec<u8>, flags: u16, name: u32, hash: u32, next: u32) {
    for half in [1, flags, 2, 1] {
        table.extend_from_slice(&half.to_le_bytes());
    }
    for word in [hash, 20, next, name, 0] {
        table.extend_from_slice(&word.to_le_bytes());
    }
}

fn facts(bytes: &[u8]) -> ElfFacts {
    read(&mut Cursor::new(bytes)).unwrap()
}

fn message(bytes: &[u8]) -> String {
    read(&mut Cursor::new(bytes)).unwrap_err().to_string()
}

fn library(fill: impl FnOnce(&mut Fixture)) -> Vec<u8> {
    let mut fixture = Fixture::new(3);
    fill(&mut fixture);
    fixture.build()
}

#[test]
fn other_files_are_not_elf() {
    assert!(is_elf(b"\x7fELF") && is_elf(b"\x7fELF\x02"));
    for bytes in [&b""[..], b"\x7fEL", b"#!/bin/sh\n", b"MZ\x90\0"] {
        assert!(!is_elf(bytes));
        assert!(matches!(read(&mut Cursor::new(bytes)), Err(ElfError::NotElf)));
    }
}

#[test]
fn the_whole_stream_is_read_wherever_it_stands() {
    let mut reader = Cursor::new(library(|f| f.named(14, "libx.so")));
    reader.set_position(77);
    assert_eq!(read(&mut reader).unwrap().soname.as_deref(), Some("libx.so"));
}

#[test]
fn machines_have_names() {
    let names = [62, 183, 3, 40, 243, 21, 22, 999].map(|code| Machine::from_code(code).to_string());
    let expected =
        ["x86_64", "arm64", "machine 3 (i386)", "machine 40 (arm)", "machine 243 (riscv)"];
    assert_eq!(names[..5], expected);
    assert_eq!(names[5..], ["machine 21 (ppc64)", "machine 22 (s390x)", "machine 999"]);
}

#[test]
fn header_facts_of_32_bit_and_big_endian_files() {
    let mut bytes = Fixture::new(3).build();
    bytes[4] = 1;
    bytes[18] = 40;
    let arm = facts(&bytes);
    assert_eq!(
        (arm.class, arm.byte_order, arm.machine),
        (Class::Elf32, ByteOrder::Little, Machine::Other(40))
    );
    assert_eq!(arm.kind, Kind::Library);

    bytes[5] = 2;
    bytes[16..20].copy_from_slice(&[0, 2, 0, 22]);
    for (class, code) in [(Class::Elf32, 1), (Class::Elf64, 2)] {
        bytes[4] = code;
        let big = facts(&bytes[..20]);
        assert_eq!(
            (big.class, big.byte_order, big.machine),
            (class, ByteOrder::Big, Machine::Other(22))
        );
        assert_eq!(big.kind, Kind::Executable);
    }
    assert_eq!(message(&bytes[..19]), "ELF header cut short: 2 bytes needed at offset 0x12");
    bytes[5] = 3;
    assert!(message(&bytes).starts_with("ELF header malformed at offset 0x5: the byte order"));
    bytes[4] = 0;
    assert!(message(&bytes).starts_with("ELF header malformed at offset 0x4: the word size"));
}

#[test]
fn kinds() {
    assert_eq!(facts(&Fixture::new(2).build()).kind, Kind::Executable);
    assert_eq!(facts(&Fixture::new(3).build()).kind, Kind::Library);
    assert_eq!(facts(&library(|f| f.tag(0x6fff_fffb, 0x0800_0001))).kind, Kind::PieExecutable);
    assert_eq!(facts(&library(|f| f.interpreter(b"/lib/ld.so\0"))).kind, Kind::PieExecutable);
    for other in [0, 1, 4, 0xfe00] {
        let facts = facts(&Fixture::new(other).build_static());
        assert_eq!((facts.kind, facts.machine), (Kind::Other(other), Machine::Aarch64));
    }
}

#[test]
fn program_headers_are_those_a_loader_takes() {
    let none = Fixture::new(3).build_static();
    assert_eq!(
        message(&none),
        "program header table malformed at offset 0x40: it has no loadable segment"
    );
    let mut small = Fixture::new(3).build();
    small[54] = 32;
    assert!(message(&small).ends_with("its entries are not of 56 bytes"));
    let mut far = Fixture::new(3).build();
    far[39] = 0xff;
    assert!(
        message(&far)
            .starts_with("program header table cut short: 112 bytes needed at offset 0xff")
    );
    far[56] = 0;
    assert!(message(&far).ends_with("it has no loadable segment"));
}

#[test]
fn interpreters_are_those_the_kernel_takes() {
    let interpreter = |bytes: &[u8]| {
        read(&mut Cursor::new(library(|f| f.interpreter(bytes)))).map(|f| f.interpreter)
    };
    assert_eq!(interpreter(b"/lib/ld.so\0").unwrap().as_deref(), Some("/lib/ld.so"));
    assert_eq!(interpreter(b"/lib/ld.so\0junk\0").unwrap().as_deref(), Some("/lib/ld.so"));
    assert_eq!(interpreter(b"").unwrap(), None);
    assert_eq!(interpreter(&[0; 4096]).unwrap().as_deref(), Some(""));
    assert!(
        interpreter(b"\0").is_err()
            && interpreter(&[0; 4097]).is_err()
            && interpreter(b"/lib/ld.so").is_err()
    );
    let first = library(|f| {
        f.interpreter(b"/first\0");
        f.interpreter(b"/second\0");
    });
    assert_eq!(facts(&first).interpreter.as_deref(), Some("/first"));
}

#[test]
fn names_and_search_paths() {
    let facts = facts(&library(|f| {
        f.named(1, "libb.so");
        f.named(14, "libold.so");
        f.named(1, "liba.so");
        f.named(14, b"lib\xffnew.so");
        f.named(15, "");
        f.named(29, "$ORIGIN/../lib::/opt/lib:");
    }));
    assert_eq!(facts.needed, ["libb.so", "liba.so"]);
    assert_eq!(facts.soname.as_deref(), Some("lib\u{fffd}new.so"));
    assert!(facts.rpath.is_empty());
    assert_eq!(facts.runpath, ["$ORIGIN/../lib", "", "/opt/lib", ""]);
}

#[test]
fn strings_are_bounded() {
    let long = facts(&library(|f| {
        f.named(14, [b'x'; 9000]);
        f.named(29, [[b'y'; 5000], [b':'; 5000]].concat());
    }));
    assert_eq!(long.soname.unwrap().len(), 4096);
    assert_eq!((long.runpath.len(), long.runpath[0].len()), (5001, 4096));

    assert!(
        message(&library(|f| f.tag(1, 1 << 40))).contains("a string does not end inside of it")
    );
    assert!(
        message(&library(|f| f.named(15, vec![b':'; 65_536]))).contains("65536 elements or more")
    );
    let repeated = library(|f| {
        let name = f.string([b'x'; 4000]);
        (0..20_000).for_each(|_| f.tag(1, name.into()));
    });
    assert!(message(&repeated).contains("the strings used come to more than 64 MiB"));

    let mut no_table = Fixture::new(3).build();
    let tag = no_table.len() - 3 * 16;
    no_table[tag..tag + 8].copy_from_slice(&14_u64.to_le_bytes());
    assert!(message(&no_table).starts_with("dynamic string table malformed at offset"));
}

#[test]
fn the_dynamic_table_ends_at_its_null() {
    let mut bytes = library(|f| f.named(1, "liba.so"));
    let end = bytes.len();
    bytes[end - 16] = 30;
    assert!(message(&bytes).starts_with("dynamic table cut short: 8 bytes needed at offset"));
    let many = library(|f| (0..65_536).for_each(|_| f.tag(30, 0)));
    assert!(message(&many).ends_with("it has more than 65536 entries"));
    let ended = library(|f| {
        f.tag(0, 0);
        f.tag(14, u64::MAX);
    });
    assert_eq!(facts(&ended).soname, None);
}

#[test]
fn the_last_dynamic_table_with_content_counts() {
    let mut bytes = library(|f| {
        f.named(14, "libx.so");
        f.segment(PT_DYNAMIC, 0, 0, 16, 16);
    });
    assert_eq!(facts(&bytes).soname.as_deref(), Some("libx.so"));
    // As files with nothing but debugging information have it.
    for segment in [1, 2] {
        bytes[64 + 56 * segment + 32] = 0;
    }
    assert_eq!(facts(&bytes).soname, None);
}

#[test]
fn addresses_are_looked_up_in_loaded_segments() {
    for address in [0, BASE - 1, BASE + (1 << 20), u64::MAX] {
        let bytes = library(|f| f.tag(0x6fff_fffe, address));
        assert!(
            message(&bytes).starts_with("version need table malformed at offset"),
            "{address:#x}"
        );
        assert!(message(&bytes).ends_with("its address is not in a loaded part of the file"));
    }
    let zeroed = library(|f| {
        f.tag(0x6fff_fffe, 0x90_0100);
        f.segment(PT_LOAD, 0, 0x90_0000, 0x100, 0x1000);
    });
    assert!(message(&zeroed).ends_with("its address is not in a loaded part of the file"));
    let past = library(|f| f.segment(PT_LOAD, u64::MAX, BASE, u64::MAX, u64::MAX));
    assert!(message(&past).starts_with("loaded segment cut short"));
}

#[test]
fn the_last_of_overlapping_segments_counts() {
    let mut fixture = Fixture::new(3);
    let other = fixture.chunk(b"\0libours.so\0");
    fixture.named(14, "libmine.so");
    let mut bytes = fixture.build();
    let strings = u64::from_le_bytes(bytes[bytes.len() - 40..][..8].try_into().unwrap());
    bytes[56] = 3;
    let entry = &mut bytes[64 + 2 * 56..][..56];
    entry[..4].copy_from_slice(&PT_LOAD.to_le_bytes());
    for (at, value) in [(8, other), (16, strings), (32, 12), (40, 12)] {
        entry[at..at + 8].copy_from_slice(&u64::to_le_bytes(value));
    }
    assert_eq!(facts(&bytes).soname.as_deref(), Some("libours.so"));
}

#[test]
fn needed_versions_have_their_symbols() {
    let facts = facts(&library(|f| {
        f.needs("libc.so.6", &[version("GLIBC_2.17", 0, 2), version("GLIBC_2.30", 2, 0x8003)]);
        f.symbols(&[
            ("", 0),
            ("own", 1),
            ("write", 2),
            ("gettid", 3),
            ("read", 0x8002),
            ("read", 2),
        ]);
        f.table(4, &[[1, 0, 0, 0], [6, 0, 0, 0]].concat());
    }));
    let [first, second] = &facts.versions_needed[..] else { panic!("{facts:?}") };
    assert_eq!(
        (first.library.as_str(), first.version.as_str(), first.weak),
        ("libc.so.6", "GLIBC_2.17", false)
    );
    assert_eq!((second.version.as_str(), second.weak), ("GLIBC_2.30", true));
    assert_eq!(first.symbols, ["read", "write"]);
    assert_eq!(second.symbols, ["gettid"]);
}

#[test]
fn the_last_need_of_an_index_gets_the_symbols() {
    let facts = facts(&library(|f| {
        f.needs("libc.so.6", &[version("A", 0, 2), version("B", 0, 2)]);
        f.symbols(&[("", 0), ("x", 2)]);
        f.table(4, &[[1, 0, 0, 0], [2, 0, 0, 0]].concat());
    }));
    assert!(facts.versions_needed[0].symbols.is_empty());
    assert_eq!(facts.versions_needed[1].symbols, ["x"]);
}

/// Symbols found with these hash and relocation tables.
fn counted(fill: impl FnOnce(&mut Fixture)) -> usize {
    let facts = facts(&library(|f| {
        f.needs("libc.so.6", &[version("A", 0, 2)]);
        f.symbols(&[("", 0), ("a", 2), ("b", 2), ("c", 2), ("d", 2)]);
        fill(f);
    }));
    facts.versions_needed[0].symbols.len()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

#[test]
fn symbols_are_counted_by_hash_tables_and_relocations() {
    let gnu = |f: &mut Fixture, table: &[u32]| f.table(0x6fff_fef5, &words(table));
    let relocation = |symbol: u32| words(&[0, 0, 6, symbol, 0, 0]);
    assert_eq!(counted(|_| ()), 0);
    assert_eq!(counted(|f| f.table(4, &words(&[1, 4]))), 3);
    assert_eq!(counted(|f| gnu(f, &[2, 2, 1, 0, 0, 0, 2, 3, 9, 8, 9])), 4);
    assert_eq!(counted(|f| gnu(f, &[1, 4, 0, 0, 0])), 3);
    assert_eq!(
        counted(|f| {
            gnu(f, &[1, 1, 0, 0, 0]);
            f.table(7, &[relocation(2), relocation(0)].concat());
            f.tag(8, 48);
            f.table(23, &relocation(3));
            f.tag(2, 24);
        }),
        3
    );
}

#[test]
fn symbol_counts_are_bounded() {
    let broken = |table: Vec<u8>, tag| {
        message(&library(|f| {
            f.needs("libc.so.6", &[version("A", 0, 2)]);
            f.symbols(&[("", 0), ("a", 2)]);
            f.table(tag, &table);
        }))
    };
    assert!(broken(words(&[1, u32::MAX]), 4).starts_with("symbol version table malformed"));
    assert!(
        broken(words(&[u32::MAX, 1, 1, 0]), 0x6fff_fef5)
            .starts_with("GNU symbol hash table malformed")
    );
    assert!(
        broken(words(&[1, 1, u32::MAX, 0, 0, 0, 1]), 0x6fff_fef5)
            .starts_with("GNU symbol hash table")
    );
    let endless = words(&[[1, 1, 0, 0, 1].as_slice(), &vec![0; 300_000]].concat());
    assert!(
        broken(endless, 0x6fff_fef5).starts_with("GNU symbol hash table cut short: 4 bytes needed")
    );
}

#[test]
fn malformed_version_needs() {
    let broken = |patch: fn(&mut Vec<u8>)| {
        message(&library(|f| {
            let mut table = Vec::new();
            verneed(&mut table, 0, 16, 0);
            table.extend_from_slice(&[0; 16]);
            patch(&mut table);
            f.table(0x6fff_fffe, &table);
        }))
    };
    assert!(broken(|table| table[0] = 2).ends_with("an entry is not of revision 1"));
    assert!(
        broken(|table| table[16] = 9).contains("the hash of a version is not that of its name")
    );
    assert!(
        broken(|table| table[14] = 0xff)
            .starts_with("version need table cut short: 2 bytes needed")
    );
    assert!(
        broken(|table| table[10] = 0xff)
            .starts_with("version need table cut short: 4 bytes needed")
    );
    assert!(
        broken(|table| table[31] = 0xff)
            .starts_with("version need table cut short: 4 bytes needed")
    );
}

#[test]
fn version_chains_are_cut_by_counting() {
    let mut aux = words(&[0, 0, 0, 16]).repeat(65_537);
    let long = library(|f| {
        let mut table = Vec::new();
        verneed(&mut table, 0, 16, 0);
        table.append(&mut aux);
        f.table(0x6fff_fffe, &table);
    });
    assert!(message(&long).ends_with("it has more than 65536 entries"));

    // 20,000 libraries that share one chain of 20,000 versions.
    let shared = library(|f| {
        let mut table = Vec::new();
        (0..20_000_u32).for_each(|n| verneed(&mut table, 0, (20_000 - n) * 16, 16));
        table.extend_from_slice(&words(&[0, 0, 0, 16]).repeat(19_999));
        table.extend_from_slice(&[0; 16]);
        f.table(0x6fff_fffe, &table);
    });
    assert!(message(&shared).ends_with("it has more than 65536 entries"));

    let definitions = library(|f| {
        let mut table = Vec::new();
        (0..65_537).for_each(|_| verdef(&mut table, 1, 0, 0, 28));
        f.table(0x6fff_fffc, &table);
    });
    assert!(message(&definitions).ends_with("it has more than 65536 entries"));
}

#[test]
fn defined_versions_leave_out_the_base() {
    let facts = facts(&library(|f| {
        let (base, first, second) = (f.string("libx.so"), f.string("X_1"), f.string("X_2"));
        let mut table = Vec::new();
        verdef(&mut table, 1, base, 0, 28);
        verdef(&mut table, 2, first, hash(b"X_1"), 28);
        verdef(&mut table, 0, second, hash(b"X_2"), 0);
        f.table(0x6fff_fffc, &table);
    }));
    assert_eq!(facts.versions_defined, ["X_1", "X_2"]);
}

#[test]
fn hashes_are_those_of_the_gabi() {
    // As GNU ld and glibc have them for these names.
    assert_eq!(hash(b"GLIBC_2.2.5"), 0x0969_1a75);
    assert_eq!(hash(b"GLIBC_2.34"), 0x0696_91b4);
    assert_eq!(hash(b""), 0);
}

/// A `.comment`, and the section headers and names that lead to it.
fn with_comment(comment: &[u8]) -> Vec<u8> {
    let mut bytes = Fixture::new(2).build();
    let comment_at = bytes.len() as u64;
    bytes.extend_from_slice(comment);
    let names_at = bytes.len() as u64;
    bytes.extend_from_slice(b"\0.text\0.comment\0");
    let headers_at = bytes.len() as u64;
    for (name, offset, size) in
        [(1_u32, 0, u64::MAX), (7, comment_at, comment.len() as u64), (0, names_at, 16)]
    {
        let mut header = [0; 64];
        header[..4].copy_from_slice(&name.to_le_bytes());
        header[4] = 1;
        header[24..32].copy_from_slice(&u64::to_le_bytes(offset));
        header[32..40].copy_from_slice(&u64::to_le_bytes(size));
        bytes.extend_from_slice(&header);
    }
    bytes[40..48].copy_from_slice(&headers_at.to_le_bytes());
    bytes[58..64].copy_from_slice(&[64, 0, 3, 0, 2, 0]);
    bytes
}

#[test]
fn comments_are_without_repeats_and_bounded() {
    let comments = |bytes: &[u8]| facts(&with_comment(bytes)).comments;
    assert_eq!(comments(b"\0GCC: 12\0rustc\0GCC: 12\0LLD"), ["GCC: 12", "rustc", "LLD"]);
    let many: Vec<u8> = (0..100).flat_map(|n| format!("line {n}\0").into_bytes()).collect();
    assert_eq!(comments(&many).len(), 16);
    assert_eq!(comments(&[b'x'; 5000])[0].len(), 4096);
}

#[test]
fn senseless_section_headers_are_no_error() {
    let bytes = with_comment(b"GCC: 12\0");
    for (at, value) in [(41, 0xff), (47, 0xff), (58, 63), (61, 0xff), (62, 9)] {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        assert!(facts(&bytes).comments.is_empty(), "byte {at}");
    }
}

#[test]
fn no_prefix_of_a_file_passes_for_the_file() {
    let bytes = library(|f| {
        f.interpreter(b"/lib/ld.so\0");
        f.needs("libc.so.6", &[version("GLIBC_2.17", 0, 2)]);
        f.symbols(&[("", 0), ("write", 2)]);
        f.table(4, &words(&[1, 2]));
    });
    assert_eq!(facts(&bytes).versions_needed[0].symbols, ["write"]);
    for len in 0..bytes.len() {
        assert!(read(&mut Cursor::new(&bytes[..len])).is_err(), "{len} bytes");
    }
}

/// A file of any length that is all zeros after its head, or that cannot be read after it.
struct Sparse {
    head: Vec<u8>,
    len: u64,
    at: u64,
    broken: bool,
}

impl Read for Sparse {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = self.head.get(self.at as usize..).unwrap_or_default();
        if self.broken && head.is_empty() {
            return Err(io::Error::other("disk on fire"));
        }
        let count = buffer.len().min((self.len - self.at) as usize);
        for (n, byte) in buffer[..count].iter_mut().enumerate() {
            *byte = head.get(n).copied().unwrap_or(0);
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Sparse {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(_) => self.len,
            SeekFrom::Current(_) => self.at,
        };
        Ok(self.at)
    }
}

#[test]
fn no_table_is_larger_than_its_cap() {
    let mut head = library(|f| f.named(14, "libx.so"));
    let size_at = head.len() - 24;
    head[size_at..size_at + 8].copy_from_slice(&((64 << 20) + 1_u64).to_le_bytes());
    head[64 + 32..64 + 40].copy_from_slice(&(1_u64 << 40).to_le_bytes());
    let mut huge = Sparse { head: head.clone(), len: 1 << 40, at: 0, broken: false };
    let error = read(&mut huge).unwrap_err().to_string();
    assert!(
        error.starts_with("dynamic string table malformed")
            && error.ends_with("larger than 64 MiB")
    );

    let mut short = Sparse { head, len: (1 << 40) - 1, at: 0, broken: false };
    let error = read(&mut short).unwrap_err().to_string();
    assert_eq!(error, "loaded segment cut short: 1099511627776 bytes needed at offset 0x0");
}

#[test]
fn failed_reads_are_reported() {
    let mut head = with_comment(b"GCC: 12\0");
    head[42] = 1;
    let mut reader = Sparse { head, len: 1 << 40, at: 0, broken: true };
    assert!(matches!(read(&mut reader), Err(ElfError::Io(_))));
}

/// As much work as one file can ask for: two relocation tables and a bucket table at their cap, all
/// over the same bytes, and two and a half million symbols of one version, whose names use up
/// nearly all that strings may.
#[test]
#[ignore = "takes seconds and half a gigabyte"]
fn the_worst_file_is_read_in_seconds() {
    const SYMBOLS: u64 = 2_600_000;
    let bytes = library(|f| {
        f.needs("libc.so.6", &[version("A", 0, 2)]);
        let name = f.string([b'x'; 24]);
        let zeros = f.chunk(&vec![0; 64 << 20]);
        let symbols = [words(&[name, 0, 0, 0, 0, 0]).repeat(SYMBOLS as usize)].concat();
        f.table(6, &symbols);
        f.table(0x6fff_fff0, &[2, 0].repeat(SYMBOLS as usize));
        f.table(0x6fff_fef5, &words(&[(16 << 20) - 1024, SYMBOLS as u32, 0, 0]));
        f.bytes.resize(f.bytes.len() + (64 << 20), 0);
        for (table, size) in [(7, 8), (23, 2)] {
            f.tag(table, BASE + zeros);
            f.tag(size, 64 << 20);
        }
    });
    let start = std::time::Instant::now();
    let facts = facts(&bytes);
    println!("{} MiB in {:?}", bytes.len() >> 20, start.elapsed());
    assert_eq!(facts.versions_needed[0].symbols, ["x".repeat(24)]);
    assert!(start.elapsed().as_secs() < 60);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{:?}", status.lines().find(|line| line.starts_with("VmHWM")));
}
