use std::io::{self, Read as _};

use proptest::prelude::*;

use super::*;

fn member(path: &str, what: What) -> Member {
    Member { path: path.to_owned(), what, mode: 0o755, uid: 0, gid: 0 }
}

fn written(members: &[(Member, Vec<u8>)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), 1);
    for (member, contents) in members {
        writer.write(member, &mut contents.as_slice()).unwrap();
    }
    writer.finish().unwrap()
}

fn read(bytes: &[u8]) -> Result<Vec<(Header, Vec<u8>)>, TarError> {
    let mut reader = Reader::new(bytes);
    let mut all = Vec::new();
    while let Some(header) = reader.advance()? {
        let mut contents = Vec::new();
        reader.read_to_end(&mut contents)?;
        all.push((header, contents));
    }
    Ok(all)
}

#[test]
fn a_header_is_ustar_where_it_can_be() {
    let bytes = written(&[(member("a/b", What::File(3)), b"abc".to_vec())]);
    assert_eq!(bytes.len(), 512 * 4);
    assert_eq!(&bytes[..4], b"a/b\0");
    assert_eq!(&bytes[100..108], b"0000755\0");
    assert_eq!(&bytes[124..136], b"00000000003\0");
    assert_eq!(&bytes[136..148], b"00000000001\0");
    assert_eq!(&bytes[257..265], b"ustar\x0000");
    assert_eq!(&bytes[512..515], b"abc");
}

#[test]
fn a_prefix_takes_what_a_name_cannot() {
    let path = format!("{}/{}", "d".repeat(150), "f".repeat(100));
    let bytes = written(&[(member(&path, What::File(0)), Vec::new())]);
    assert_eq!(bytes.len(), 512 * 3, "no pax header");
    assert_eq!(read(&bytes).unwrap()[0].0.path, path);
    let long = format!("{}/{}", "d".repeat(156), "f".repeat(101));
    let bytes = written(&[(member(&long, What::File(0)), Vec::new())]);
    assert_eq!(bytes[156], b'x');
    assert_eq!(read(&bytes).unwrap()[0].0.path, long);
}

#[test]
fn a_file_that_changes_is_noticed() {
    for contents in ["ab", "abcd"] {
        let mut writer = Writer::new(io::sink(), 1);
        let wrong = writer.write(&member("a", What::File(3)), &mut contents.as_bytes());
        assert!(wrong.unwrap_err().to_string().contains("changed"));
    }
}

#[test]
fn numbers_of_both_kinds() {
    for (field, value) in [
        (&b"0000755\0"[..], Some(0o755)),
        (b"   755 \0", Some(0o755)),
        (b"\0\0\0\0", Some(0)),
        (b"0000008\0", None),
        (b"-000001\0", None),
        (b"\x80\0\0\x01\0", Some(256)),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff\xff", None),
    ] {
        assert_eq!(number::read(field), value, "{field:?}");
    }
}

#[test]
fn what_claims_too_much_is_refused() {
    let mut bytes = written(&[(member("a", What::File(3)), b"abc".to_vec())]);
    assert!(matches!(read(&bytes[..600]), Err(TarError::Io(_) | TarError::Truncated)));
    bytes[124] = b'7';
    assert!(matches!(read(&bytes), Err(TarError::Header(1, _))), "the checksum");
    assert!(matches!(read(b"not a tar"), Err(TarError::Truncated)));
    assert_eq!(read(&[0; 1024]).unwrap(), []);
    assert_eq!(read(b"").unwrap(), []);
}

fn paths() -> impl Strategy<Value = String> {
    let path = prop_oneof!["[a-zß/]{1,8}", "[a-c]{90,110}(/[a-c]{90,110}){0,3}"];
    path.prop_map(|path| {
        let path = path.split('/').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("/");
        if path.is_empty() { "x".to_owned() } else { path }
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read(
        all in proptest::collection::vec((paths(), 0..3, proptest::collection::vec(any::<u8>(), 0..1500)), 0..6),
        uid in prop_oneof![Just(0_u64), Just(5_000_000)],
    ) {
        let members: Vec<_> = all.into_iter().map(|(path, kind, contents)| {
            let (what, contents) = match kind {
                0 => (What::File(contents.len() as u64), contents),
                1 => (What::Folder, Vec::new()),
                _ => (What::Symlink(format!("../{path}")), Vec::new()),
            };
            (Member { uid, ..member(&path, what) }, contents)
        }).collect();
        let bytes = written(&members);
        prop_assert_eq!(bytes.len() % 512, 0);
        let read = read(&bytes).unwrap();
        prop_assert_eq!(read.len(), members.len());
        for ((member, contents), (header, found)) in members.iter().zip(read) {
            prop_assert_eq!(header.path.trim_end_matches('/'), &member.path);
            prop_assert_eq!((header.mode, header.uid), (member.mode, uid));
            let kind = match &member.what {
                What::File(_) => Kind::File,
                What::Folder => Kind::Folder,
                What::Symlink(to) => Kind::Symlink(to.clone()),
            };
            prop_assert_eq!(header.kind, kind);
            prop_assert_eq!(&found, contents);
        }
    }

    #[test]
    fn junk_is_no_trouble(bytes in proptest::collection::vec(any::<u8>(), 0..3000)) {
        let _ = read(&bytes);
    }

    #[test]
    fn a_damaged_archive_is_no_trouble(at in 0_usize..2048, byte in any::<u8>()) {
        let long = format!("{}/{}", "d".repeat(200), "f".repeat(101));
        let mut bytes = written(&[
            (member(&long, What::File(3)), b"abc".to_vec()),
            (member("b", What::Symlink("a".to_owned())), Vec::new()),
        ]);
        bytes[at] = byte;
        let _ = read(&bytes);
    }
}
