use std::io::Cursor;

use proptest::prelude::*;

use super::*;

const NOTE: &[u8] = b"\x04\0\0\0\x04\0\0\0\x03\0\0\0GNU\0\xab\xcd\xef\x01";

/// An ELF file with these sections: name, type, flags, contents. `.symtab` refers to `.strtab`.
fn elf(sections: &[(&str, u32, u64, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![0; 64];
    let mut names = vec![0];
    let mut headers = vec![0; 64];
    let names_of_symbols = sections.iter().position(|section| section.0 == ".strtab");
    let shstrtab = (".shstrtab", 3, 0, Vec::new());
    for (name, kind, flags, contents) in sections.iter().chain([&shstrtab]) {
        let at = u32::try_from(names.len()).unwrap();
        names.extend(name.bytes().chain([0]));
        let contents = if *name == ".shstrtab" { names.clone() } else { contents.clone() };
        let link =
            if *kind == 2 { u32::try_from(names_of_symbols.unwrap()).unwrap() + 1 } else { 0 };
        headers.extend([at.to_le_bytes(), kind.to_le_bytes()].concat());
        for word in [*flags, 0, bytes.len() as u64, contents.len() as u64] {
            headers.extend(word.to_le_bytes());
        }
        headers.extend([link.to_le_bytes(), [0; 4]].concat());
        headers.extend([0; 16]);
        bytes.extend(contents);
    }
    let at = bytes.len() as u64;
    bytes.extend(&headers);
    let count = u16::try_from(headers.len() / 64).unwrap();
    bytes[..18].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0");
    bytes[18] = 62;
    bytes[40..48].copy_from_slice(&at.to_le_bytes());
    for (place, half) in [(58, 64), (60, count), (62, count - 1)] {
        bytes[place..place + 2].copy_from_slice(&half.to_le_bytes());
    }
    bytes
}

fn symbol(name: u32, size: u64) -> Vec<u8> {
    [&name.to_le_bytes()[..], &[0; 12], &size.to_le_bytes()].concat()
}

fn program(text: &str, comment: &str, size: u64) -> Vec<u8> {
    elf(&[
        (".text", 1, 6, vec![0x90; 40]),
        (".rodata", 1, 2, text.as_bytes().to_vec()),
        (".comment", 1, 0x30, comment.as_bytes().to_vec()),
        (".note.gnu.build-id", 7, 2, NOTE.to_vec()),
        (".symtab", 2, 0, [symbol(0, 0), symbol(1, size)].concat()),
        (".strtab", 3, 0, b"\0_ZN5hello4main17h0123456789abcdefE\0".to_vec()),
    ])
}

fn compare(given: &[u8], rebuilt: &[u8], built: Built<'_>) -> Vec<Difference> {
    contents("bootstrap", &mut Cursor::new(given), &mut Cursor::new(rebuilt), built).unwrap()
}

fn lines(given: &[u8], rebuilt: &[u8], built: Built<'_>) -> Vec<String> {
    compare(given, rebuilt, built).iter().map(ToString::to_string).collect()
}

#[test]
fn each_part_of_a_program_is_named() {
    let given = program("what I say is hello", "GCC: 12\0", 10);
    assert_eq!(
        lines(&given, &program("what I say is other", "GCC: 13\0", 12), &[]),
        [
            "bootstrap: content: 816 bytes given, 816 bytes rebuilt, different from byte 0x76 on",
            "bootstrap: other compilers or linkers: `GCC: 12` given, `GCC: 13` rebuilt",
            "bootstrap: string, in .rodata: `what I say is hello` given, `what I say is other` rebuilt",
            "bootstrap: symbol hello::main: 10 bytes given, 12 bytes rebuilt",
            "bootstrap: section .rodata: 19 bytes given, 19 bytes rebuilt, different from byte 0xe on",
            "bootstrap: section .symtab: 48 bytes given, 48 bytes rebuilt, different from byte 0x28 on",
        ]
    );
}

#[test]
fn the_folder_that_was_built_in_is_found() {
    let folder = "/tmp/verify-x/source".to_owned();
    let rebuilt = program(&format!("here is {folder}/hello"), "", 1);
    let given = program("here is /home/me/hello", "", 1);
    let found = compare(&given, &rebuilt, std::slice::from_ref(&folder));
    let path = found.iter().find(|difference| difference.kind == Kind::Path).unwrap();
    assert_eq!(
        path.to_string(),
        "bootstrap: holds the folder that it was built in, in .rodata: only rebuilt, \
         `/tmp/verify-x/source/hello`"
    );
    assert!(path.hint().contains("env!(\"CARGO_MANIFEST_DIR\")"));
    let text = found.iter().find(|difference| difference.kind == Kind::String).unwrap();
    assert_eq!(text.given.as_deref(), Some("`here is /home/me/hello`"));
    // Also in what is no program.
    let found = compare(b"/home/me", folder.as_bytes(), std::slice::from_ref(&folder));
    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn sections_and_symbols_of_one_side() {
    let given = elf(&[(".a", 1, 2, b"1".to_vec()), (".a", 1, 2, b"2".to_vec())]);
    let rebuilt = elf(&[(".a", 1, 2, b"1".to_vec()), (".bss", 8, 3, Vec::new())]);
    let found = lines(&given, &rebuilt, &[]);
    assert!(found.contains(&"bootstrap: section .a: only given, 1 byte".to_owned()), "{found:?}");
    assert!(found.contains(&"bootstrap: section .bss: only rebuilt, 0 bytes".to_owned()));
    assert!(found.iter().any(|line| line.contains("section .shstrtab")), "{found:?}");

    let named =
        |names: &[u8]| elf(&[(".symtab", 2, 0, symbol(1, 5)), (".strtab", 3, 0, names.to_vec())]);
    let found = lines(
        &named(b"\0_ZN5hello4main17h0123456789abcdefE\0"),
        &named(b"\0_ZN5hello4main17hfedcba9876543210E\0"),
        &[],
    );
    let hashes = "bootstrap: symbol hello::main: 5 bytes with hash 0123456789abcdef given, 5 bytes \
                  with hash fedcba9876543210 rebuilt";
    assert!(found.contains(&hashes.to_owned()), "{found:?}");
    let found = lines(&named(b"\0one\0"), &named(b"\0two\0"), &[]);
    assert!(found.contains(&"bootstrap: symbol one: only given, 5 bytes".to_owned()), "{found:?}");
    assert!(found.contains(&"bootstrap: symbol two: only rebuilt, 5 bytes".to_owned()));
}

#[test]
fn build_ids_and_headers() {
    let given = program("", "", 1);
    let place = |needle: &[u8]| given.windows(needle.len()).position(|at| at == needle).unwrap();
    let mut rebuilt = given.clone();
    rebuilt[place(b"\xab\xcd\xef\x01")] = 0xac;
    assert_eq!(
        lines(&given, &rebuilt, &[])[1..],
        ["bootstrap: build id, which follows from the rest: abcdef01 given, accdef01 rebuilt"]
    );
    // The entry point.
    rebuilt = given.clone();
    rebuilt[24] = 1;
    assert_eq!(
        lines(&given, &rebuilt, &[])[1..],
        ["bootstrap: ELF header, different from byte 0x18 on"]
    );
}

#[test]
fn sections_that_overlap_are_not_read_over_and_over() {
    let mut given = program("some text", "", 1);
    let at = usize::try_from(u64::from_le_bytes(given[40..48].try_into().unwrap())).unwrap();
    let length = given.len() as u64;
    for header in 1..7 {
        let size = at + 64 * header + 32;
        given[at + 64 * header + 24..size].copy_from_slice(&[0; 8]);
        given[size..size + 8].copy_from_slice(&length.to_le_bytes());
    }
    let mut rebuilt = given.clone();
    rebuilt[70] ^= 1;
    let found = lines(&given, &rebuilt, &[]);
    assert_eq!(found.len(), 1, "{found:?}");
}

fn item(path: &str, content: &str) -> Item {
    let zipped = Zipped { time: DosTime::EARLIEST, stored: true, compressed: content.len() as u64 };
    Item {
        path: path.to_owned(),
        mode: Some(0o644),
        symlink: false,
        length: content.len() as u64,
        digest: Some(Sha256::of(content.as_bytes())),
        zipped: Some(zipped),
    }
}

fn texts(found: &[Difference]) -> Vec<String> {
    found.iter().map(ToString::to_string).collect()
}

#[test]
fn files_modes_and_times() {
    let given = [item("a", "x"), item("b", "y"), item("c", "z"), item("d", "zz")];
    assert!(listings(&given, &given).is_empty() && changed(&given, &given).is_empty());
    let mut rebuilt = [item("b", "other"), item("c", "z"), item("d", "zz"), item("e", "")];
    rebuilt[0].mode = Some(0o755);
    rebuilt[1].symlink = true;
    let zipped = rebuilt[1].zipped.unwrap();
    for item in &mut rebuilt {
        item.zipped = Some(Zipped { time: DosTime::from_unix(1_709_251_199).unwrap(), ..zipped });
    }
    assert_eq!(
        texts(&listings(&given, &rebuilt)),
        [
            "a: file: only given, 1 byte",
            "e: file: only rebuilt, 0 bytes",
            "b: mode: 0644 given, 0755 rebuilt",
            "c: mode: 0644 given, symbolic link 0644 rebuilt",
            "b: time: 1980-01-01 00:00:00 given, 2024-02-29 23:59:58 rebuilt (and 2 more)",
        ]
    );
    assert_eq!(changed(&given, &rebuilt), [(1, 0)]);
    rebuilt[0].digest = None;
    assert!(changed(&given, &rebuilt).is_empty(), "what cannot be unpacked was said");
}

#[test]
fn containers_by_order_and_compression() {
    let given = [item("a", "x"), item("b", "y")];
    assert!(containers(&given, &given).is_empty());
    let mut rebuilt = [item("b", "y"), item("a", "x")];
    rebuilt[0].zipped = Some(Zipped { stored: false, compressed: 3, ..rebuilt[0].zipped.unwrap() });
    assert_eq!(
        texts(&containers(&given, &rebuilt)),
        [
            "order: `a` first given, `b` first rebuilt",
            "b: compression: stored in 1 byte given, deflated to 3 bytes rebuilt",
        ]
    );
    // A folder has neither.
    let bare = rebuilt.clone().map(|item| Item { zipped: None, ..item });
    assert!(containers(&given, &bare).is_empty());
    let first = zips(&mut Cursor::new("abc"), &mut Cursor::new("abd")).unwrap().unwrap();
    assert_eq!(first.to_string(), "the zip's own bytes, different from byte 0x2 on");
    assert_eq!(zips(&mut Cursor::new("abc"), &mut Cursor::new("abc")).unwrap(), None);
}

#[test]
fn what_is_told_of_a_record_and_of_damage() {
    assert_eq!(
        texts(&[Difference::record("A=", "B="), Difference::damaged(Some("x"), "cut short")]),
        [
            "CodeSha256, by the zip and by its record: A= by the zip, B= by its record",
            "x: cannot be unpacked: cut short",
        ]
    );
}

proptest! {
    #[test]
    fn any_flipped_byte_is_found_where_it_is(at in 0_usize..816, bit in 0_u8..8) {
        let given = program("what I say is hello", "GCC: 12\0", 10);
        prop_assert_eq!(given.len(), 816);
        prop_assert!(compare(&given, &given, &[]).is_empty());
        let mut rebuilt = given.clone();
        rebuilt[at] ^= 1 << bit;
        let found = compare(&given, &rebuilt, &[]);
        prop_assert_eq!(found.first().map(|first| (first.kind, first.offset)), Some((Kind::Content, Some(at as u64))));
        let layout = crate::elf::layout(&mut Cursor::new(&given)).unwrap();
        let part = elf::part_at(&layout, at as u64).unwrap();
        let named = |difference: &Difference| match difference.kind {
            Kind::Compiler => part == ".comment",
            Kind::BuildId => part == ".note.gnu.build-id",
            Kind::Section | Kind::Header => difference.part.as_deref() == Some(&part),
            _ => false,
        };
        // Of a header that makes no sense nothing more can be said.
        let sound = elf::understand(&mut Cursor::new(&rebuilt)).unwrap().is_some();
        let in_a_header = at < 64 || part == "section headers" || part == ".shstrtab";
        prop_assert!(!sound || in_a_header || found.iter().any(named), "{}: {:?}", part, found);
    }

    #[test]
    fn never_panics_and_finds_what_differs(
        mut given in proptest::collection::vec(any::<u8>(), 0..300),
        mut rebuilt in proptest::collection::vec(any::<u8>(), 0..300),
        elves in any::<bool>(),
        cuts in (0_usize..816, 0_usize..816),
    ) {
        if elves {
            for (bytes, cut) in [(&mut given, cuts.0), (&mut rebuilt, cuts.1)] {
                let noise = bytes.clone();
                *bytes = program("some text", "x", 3);
                let end = bytes.len();
                let from = cut.min(end);
                let to = end.min(from + noise.len());
                bytes[from..to].copy_from_slice(&noise[..to - from]);
            }
        }
        let found = compare(&given, &rebuilt, &["/".to_owned()]);
        prop_assert_eq!(found.is_empty(), given == rebuilt);
        for difference in found {
            let _ = difference.to_string();
        }
    }
}
