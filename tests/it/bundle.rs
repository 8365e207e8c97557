//! Zips: exact bytes, and what unzip, Python's zipfile and the zip crate make of them.

use std::fs::File;
use std::io::{Cursor, Read as _, Write as _};
use std::path::Path;

use lambda_pack::bundle::{Access, Bundle, DosTime, Gate, Level, write_zip};
use lambda_pack::digest::Sha256;
use lambda_pack::tree::{ArchivePath, Entry, Mode, Source, Tree};
use proptest::prelude::*;

use crate::support::{have, python, run};

fn packed(tree: &Tree, level: Level, time: DosTime) -> (Vec<u8>, Bundle) {
    let gate = Gate::default();
    let access =
        Access { open: &lambda_pack::files::open, spool: &|| tempfile::tempfile(), gate: &gate };
    let mut bytes = Vec::new();
    let bundle = write_zip(tree, level, time, &access, &mut bytes).unwrap();
    (bytes, bundle)
}

fn tree<'a>(files: impl IntoIterator<Item = (&'a str, Mode, Vec<u8>)>) -> Tree {
    let mut tree = Tree::default();
    for (path, mode, bytes) in files {
        let length = bytes.len() as u64;
        let entry = Entry { mode, length, source: Source::Bytes(bytes.into()) };
        tree.insert(ArchivePath::new(path).unwrap(), entry).unwrap();
    }
    tree
}

/// What libdeflate level 12 makes of bytes by itself.
fn libdeflate_12(bytes: &[u8]) -> Vec<u8> {
    let mut compressor = libdeflater::Compressor::new(libdeflater::CompressionLvl::best());
    let mut out = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let size = compressor.deflate_compress(bytes, &mut out).unwrap();
    out.truncate(size);
    out
}

/// Compresses well, and not to nothing.
fn text(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let words = ["order", "line", "total", "customer", "{", "}", ":", "17", "\n", "price"];
    let mut bytes = Vec::with_capacity(length + 10);
    while bytes.len() < length {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(words[(state >> 24) as usize % words.len()].as_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Does not compress.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend(state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

#[test]
fn overhead_is_22_plus_76_plus_twice_the_name_and_streams_are_libdeflate_12() {
    let program = std::fs::read(env!("CARGO_BIN_EXE_cargo-lambda-pack")).unwrap();
    let files = [
        ("assets/größe.txt", text(70_000)),
        ("bootstrap", program[..3_000_000].to_vec()),
        ("empty", Vec::new()),
        ("noise", noise(5_000)),
        ("one", b"1".to_vec()),
    ];
    let (zip, bundle) = packed(
        &tree(files.iter().map(|(path, bytes)| (*path, Mode::Regular, bytes.clone()))),
        Level::Best,
        DosTime::EARLIEST,
    );
    let mut expected = 22;
    for (path, bytes) in &files {
        let deflated = libdeflate_12(bytes);
        let stored = deflated.len() >= bytes.len();
        let body = if stored { bytes.clone() } else { deflated };
        expected += 76 + 2 * path.len() + body.len();
        let found = body.is_empty() || zip.windows(body.len()).any(|window| window == body);
        assert!(found, "{path}: the stream is not libdeflate's");
    }
    assert_eq!(zip.len(), expected);
    assert_eq!(bundle.length, expected as u64);
    assert_eq!(bundle.digest, Sha256::of(&zip));
}

/// (path, mode, contents) of every member, by the zip crate.
fn by_zip_crate(bytes: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..archive.len())
        .map(|index| {
            let mut member = archive.by_index(index).unwrap();
            let name = member.name().unwrap().into_owned();
            let mode = member.unix_mode().unwrap();
            let mut contents = Vec::new();
            member.read_to_end(&mut contents).unwrap();
            (name, mode, contents)
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the tree: the same bytes twice, the promised overhead, and every member comes back.
    #[test]
    fn any_tree_comes_back(
        names in proptest::collection::btree_set("[a-zé]{1,8}(/[a-z]{1,6}){0,2}", 0..12),
        sizes in proptest::collection::vec((0_usize..4_000, any::<bool>(), any::<bool>()), 12),
        seconds in 0_u64..4_354_819_200,
    ) {
        let mut tree = Tree::default();
        let mut expected = Vec::new();
        for (name, (size, random, executable)) in names.iter().zip(&sizes) {
            let bytes = if *random { noise(*size) } else { text(*size) };
            let mode = if *executable { Mode::Executable } else { Mode::Regular };
            let entry = Entry { mode, length: *size as u64, source: Source::Bytes(bytes.clone().into()) };
            if tree.insert(ArchivePath::new(name).unwrap(), entry).is_ok() {
                expected.push((name.clone(), 0o100_000 | mode.bits(), bytes));
            }
        }
        let time = DosTime::from_unix(seconds).unwrap();
        let (zip, bundle) = packed(&tree, Level::Best, time);
        prop_assert_eq!(&zip, &packed(&tree, Level::Best, time).0);
        prop_assert_eq!(by_zip_crate(&zip), expected.clone());
        prop_assert_eq!(bundle.unpacked_size(), tree.unpacked_size());
        let names: usize = expected.iter().map(|(name, ..)| 76 + 2 * name.len()).sum();
        let bodies: usize = expected
            .iter()
            .map(|(_, _, bytes)| libdeflate_12(bytes).len().min(bytes.len()))
            .sum();
        prop_assert_eq!(zip.len(), 22 + names + bodies);
    }
}

const LIST: &str = "
import sys, zipfile, hashlib
z = zipfile.ZipFile(sys.argv[1])
assert z.testzip() is None
for i in z.infolist():
    print(i.filename, oct(i.external_attr >> 16), i.date_time, i.compress_type, len(i.extra), i.flag_bits, i.create_system, hashlib.sha256(z.read(i)).hexdigest())
";

#[test]
fn unzip_and_python_agree() {
    if !have("unzip") || !have("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.zip");
    let files =
        [("bootstrap", Mode::Executable, text(100_000)), ("data/größe", Mode::Regular, noise(300))];
    let (zip, _) = packed(&tree(files.clone()), Level::Best, DosTime::EARLIEST);
    std::fs::write(&path, zip).unwrap();
    let listed = python(LIST, &[path.as_os_str()]);
    assert_eq!(
        listed,
        format!(
            "bootstrap 0o100755 (1980, 1, 1, 0, 0, 0) 8 0 0 3 {}\n\
             data/größe 0o100644 (1980, 1, 1, 0, 0, 0) 0 0 2048 3 {}\n",
            Sha256::of(&files[0].2).hex(),
            Sha256::of(&files[1].2).hex()
        )
    );
    let mut unzip = std::process::Command::new("unzip");
    unzip.args(["-q", "a.zip"]).current_dir(folder.path());
    run(&mut unzip).code(0);
    for (name, mode, bytes) in &files {
        use std::os::unix::fs::PermissionsExt as _;
        let file = folder.path().join(name);
        assert_eq!(&std::fs::read(&file).unwrap(), bytes);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, mode.bits());
    }
}

fn file_of(folder: &Path, name: &str, parts: &[&[u8]]) -> (String, Entry) {
    let path = folder.join(name);
    let mut file = File::create(&path).unwrap();
    for part in parts {
        file.write_all(part).unwrap();
    }
    let length = file.metadata().unwrap().len();
    (name.to_owned(), Entry { mode: Mode::Regular, length, source: Source::File(path) })
}

#[test]
fn files_over_64_mib_pass_through_and_come_back() {
    if !have("python3") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (block, noisy) = (text(1 << 20), noise(1 << 20));
    let mut tree = Tree::default();
    // The noise repeats too far apart for deflate to see, so that storing is smaller.
    for (name, part) in [("large-noise", &noisy), ("large-text", &block)] {
        let parts: Vec<&[u8]> = vec![part; 65];
        let (name, entry) = file_of(folder.path(), name, &parts);
        tree.insert(ArchivePath::new(&name).unwrap(), entry).unwrap();
    }
    let (zip, bundle) = packed(&tree, Level::Fast, DosTime::EARLIEST);
    assert_eq!(bundle.unpacked_size(), 2 * (65 << 20));
    assert_eq!(bundle.digest, Sha256::of(&zip));
    let path = folder.path().join("a.zip");
    std::fs::write(&path, zip).unwrap();
    let methods: Vec<_> = python(LIST, &[path.as_os_str()])
        .lines()
        .map(|line| line.split("0) ").nth(1).unwrap().split(' ').next().unwrap().to_owned())
        .collect();
    assert_eq!(methods, ["0", "8"]);
}

#[test]
fn a_file_that_changes_while_it_is_packed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let (name, mut entry) = file_of(folder.path(), "grows", &[b"abc"]);
    entry.length = 2;
    let mut tree = Tree::default();
    tree.insert(ArchivePath::new(&name).unwrap(), entry).unwrap();
    let gate = Gate::default();
    let access =
        Access { open: &lambda_pack::files::open, spool: &|| tempfile::tempfile(), gate: &gate };
    let failed = write_zip(&tree, Level::Best, DosTime::EARLIEST, &access, std::io::sink());
    let error = lambda_pack::Error::Bundle { function: "f".into(), source: failed.unwrap_err() };
    assert!(error.one_line().contains("changed while it was being packed"), "{}", error.one_line());
}
