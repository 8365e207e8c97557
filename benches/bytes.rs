//! What packing and auditing spend their time in, each apart: deflate at its levels, the zip around
//! many files, reading ELF files.
//!
//! `cargo bench --bench bytes` measures (in the release profile); `cargo test --bench bytes` runs each
//! once. The input is real: the program itself.

#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run shall end")]
#![allow(missing_docs, reason = "criterion's macros make a function")]

use std::fs;
use std::hint::black_box;
use std::io::{self, Cursor};
use std::path::Path;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lambda_pack::bundle::{Access, DosTime, Gate, Level, write_zip};
use lambda_pack::digest::Sha256;
use lambda_pack::tree::{ArchivePath, Entry, Mode, Source, Tree};
use lambda_pack::{elf, files};

/// The program that this is about.
const PROGRAM: &str = env!("CARGO_BIN_EXE_cargo-lambda-pack");
/// As much of it as is compressed: the best level takes a second for each 2 MB.
const PART: usize = 1 << 20;
/// Any time that the format has (1980-01-01, in seconds).
const EPOCH: u64 = 315_532_800;
const LEVELS: [(&str, Level); 2] = [("fast", Level::Fast), ("best", Level::Best)];

fn tree(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Tree {
    let mut tree = Tree::default();
    for (path, bytes) in files {
        let length = bytes.len() as u64;
        let entry = Entry { mode: Mode::Executable, length, source: Source::Bytes(bytes.into()) };
        tree.insert(ArchivePath::new(&path).unwrap(), entry).unwrap();
    }
    tree
}

/// The whole way of a tree to its zip.
fn zip(tree: &Tree, level: Level) -> u64 {
    let gate = Gate::default();
    let access = Access { open: &files::open, spool: &tempfile::tempfile, gate: &gate };
    write_zip(tree, level, DosTime::from_unix(EPOCH).unwrap(), &access, io::sink()).unwrap().length
}

fn deflate(criterion: &mut Criterion) {
    let program = fs::read(PROGRAM).unwrap();
    let part = program.iter().take(PART).copied().collect::<Vec<_>>();
    let mut group = criterion.benchmark_group("deflate");
    group.throughput(Throughput::Bytes(part.len() as u64)).sample_size(10);
    let one = tree([("bootstrap".to_owned(), part)]);
    for (name, level) in LEVELS {
        group.bench_function(name, |bencher| bencher.iter(|| zip(black_box(&one), level)));
    }
    group.finish();
}

/// What is not deflate: headers, names, sums.
fn members(criterion: &mut Criterion) {
    let small = |at: usize| (format!("assets/{at:05}.txt"), at.to_string().into_bytes());
    let many = tree((0..10_000).map(small));
    let mut group = criterion.benchmark_group("zip");
    group.throughput(Throughput::Elements(many.len() as u64)).sample_size(10);
    group.bench_function("10,000 small files", |b| b.iter(|| zip(black_box(&many), Level::Fast)));
    group.finish();
}

fn digest(criterion: &mut Criterion) {
    let program = fs::read(PROGRAM).unwrap();
    let mut group = criterion.benchmark_group("digest");
    group.throughput(Throughput::Bytes(program.len() as u64)).sample_size(20);
    group.bench_function("sha256", |bencher| bencher.iter(|| Sha256::of(black_box(&program))));
    group.finish();
}

/// Time does not follow from size: what is read are its tables.
fn read_elf(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("elf");
    let this = std::env::current_exe().unwrap();
    for (name, path) in [("the program", Path::new(PROGRAM)), ("this benchmark", &this)] {
        let bytes = fs::read(path).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| elf::read(&mut Cursor::new(black_box(&bytes))).unwrap());
        });
    }
    group.bench_function("the program, from the disk", |bencher| {
        bencher.iter(|| elf::read(&mut fs::File::open(PROGRAM).unwrap()).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().warm_up_time(Duration::from_secs(1));
    targets = deflate, members, digest, read_elf
}
criterion_main!(benches);
