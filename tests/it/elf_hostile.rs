//! `elf::read` against junk: it may refuse anything, but never panics and never takes long.
//!
//! `ELF_MUTATIONS` sets how many cases are run; 100,000 in release take seconds.

use std::cell::Cell;
use std::fs;
use std::io::Cursor;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lambda_pack::elf::{self, ElfError, ElfFacts};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use crate::elf::{HELLO, NO_EXPORTS, gcc, versioned};

/// The slowest that a small file may be, on a busy machine and unoptimised.
const LIMIT: Duration = Duration::from_secs(2);

fn cases() -> u32 {
    std::env::var("ELF_MUTATIONS").ok().and_then(|cases| cases.parse().ok()).unwrap_or(2_000)
}

fn timed(bytes: &[u8]) -> (Result<ElfFacts, ElfError>, Duration) {
    let start = Instant::now();
    let facts = elf::read(&mut Cursor::new(bytes));
    (facts, start.elapsed())
}

/// Runs cases one after another; gives the slowest, and how many were read without an error.
fn run(strategy: impl Strategy<Value = Vec<u8>>) -> (Duration, u32) {
    let (slowest, read) = (Cell::new(Duration::ZERO), Cell::new(0));
    let config =
        ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(cases()) };
    let outcome = TestRunner::new(config).run(&strategy, |bytes| {
        let (facts, mut taken) = timed(&bytes);
        if taken > slowest.get() {
            // Slow, or only interrupted?
            taken = (0..3).map(|_| timed(&bytes).1).fold(taken, Duration::min);
        }
        slowest.set(slowest.get().max(taken));
        read.set(read.get() + u32::from(facts.is_ok()));
        prop_assert!(taken < LIMIT, "{taken:?}");
        Ok(())
    });
    outcome.unwrap();
    (slowest.get(), read.get())
}

#[test]
fn random_bytes() {
    let (slowest, read) = run(vec(any::<u8>(), 0..4096));
    println!("random bytes: slowest {slowest:?}, {read} read");
}

#[test]
fn random_bytes_after_a_sound_header() {
    let strategy = vec(any::<u8>(), 512..4096).prop_map(|mut bytes| {
        let header = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\xb7\0\x01\0\0\0";
        write(&mut bytes, 0, header);
        write(&mut bytes, 32, &64_u64.to_le_bytes());
        write(&mut bytes, 54, &[56, 0, 8, 0]);
        for entry in bytes[64..].chunks_exact_mut(56).take(8) {
            entry[0] %= 4;
            for field in [1..4, 10..16, 17..24, 34..40] {
                entry[field].fill(0);
            }
        }
        bytes
    });
    let (slowest, read) = run(strategy);
    println!("random after header: slowest {slowest:?}, {read} read");
}

/// Small real files: with each hash style, with versions defined, without exports, in one segment.
fn bases() -> Vec<Vec<u8>> {
    let library = ["-shared", "-fPIC", "-nostartfiles", "-s"];
    let files = [
        gcc("hostile-gnu", HELLO, &["-Wl,--hash-style=gnu", "-s"]),
        gcc("hostile-sysv", HELLO, &["-Wl,--hash-style=sysv", "-Wl,-rpath,/a:/b"]),
        gcc("hostile-quiet.so", NO_EXPORTS, &library),
        gcc("hostile-relr", HELLO, &["-Wl,-z,pack-relative-relocs", "-Wl,-z,noseparate-code"]),
        versioned("hostile-versioned.so", "V_1", &library),
    ];
    let mut files: Vec<PathBuf> = files.into_iter().flatten().collect();
    if files.is_empty() {
        files.push("/bin/true".into());
    }
    files.iter().map(|file| fs::read(file).unwrap()).collect()
}

#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Half(usize, u16),
    Word(usize, u32),
    Long(usize, u64),
    Copy(usize, usize, usize),
    Cut(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match *self {
            Self::Flip(at, mask) => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= mask;
                }
            }
            Self::Half(at, value) => write(bytes, at, &value.to_le_bytes()),
            Self::Word(at, value) => write(bytes, at, &value.to_le_bytes()),
            Self::Long(at, value) => write(bytes, at, &value.to_le_bytes()),
            Self::Copy(from, to, len) => {
                let part: Vec<u8> = bytes.iter().skip(from).take(len).copied().collect();
                write(bytes, to, &part);
            }
            Self::Cut(len) => bytes.truncate(len),
        }
    }
}

fn write(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes.iter_mut().skip(at).zip(value).for_each(|(byte, value)| *byte = *value);
}

/// Where a change goes: anywhere, or among the bytes that are read. `marks` are those.
fn place(len: usize, marks: Vec<usize>) -> impl Strategy<Value = usize> {
    prop_oneof![1 => 0..len, 1 => 0..512_usize, 6 => proptest::sample::select(marks)]
}

fn change(len: usize, marks: &[usize]) -> impl Strategy<Value = Change> + use<> {
    let place = || place(len, marks.to_vec());
    let long = prop_oneof![
        any::<u64>(),
        0..len as u64,
        (0..64_u32).prop_map(|bit| 1 << bit),
        (0..16_u64).prop_map(|less| u64::MAX - less),
    ];
    let word =
        prop_oneof![any::<u32>(), 0..64_u32, (0..32_u32).prop_map(|bit| 1 << bit), Just(u32::MAX)];
    prop_oneof![
        8 => (place(), 0..8_u32).prop_map(|(at, bit)| Change::Flip(at, 1 << bit)),
        4 => (place(), any::<u8>()).prop_map(|(at, mask)| Change::Flip(at, mask)),
        3 => (place(), any::<u16>()).prop_map(|(at, value)| Change::Half(at, value)),
        4 => (place(), word).prop_map(|(at, value)| Change::Word(at, value)),
        6 => (place(), long).prop_map(|(at, value)| Change::Long(at, value)),
        2 => (place(), place(), 1..64_usize).prop_map(|(from, to, len)| Change::Copy(from, to, len)),
        1 => (0..len).prop_map(Change::Cut),
    ]
}

/// The offsets of the bytes that matter: those of which a change alters the outcome.
fn marks(bytes: &[u8]) -> Vec<usize> {
    let outcome = |bytes: &[u8]| format!("{:?}", elf::read(&mut Cursor::new(bytes)));
    let sound = outcome(bytes);
    let changes = |at: &usize| {
        let mut bytes = bytes.to_vec();
        bytes[*at] ^= 0x55;
        outcome(&bytes) != sound
    };
    (0..bytes.len()).filter(changes).collect()
}

#[test]
fn mutations_of_real_files() {
    let bases: Vec<_> = bases().into_iter().map(|bytes| (marks(&bytes), bytes)).collect();
    let strategy = proptest::sample::select(bases).prop_flat_map(|(marks, bytes)| {
        let changes = vec(change(bytes.len(), &marks), 1..6);
        changes.prop_map(move |changes| {
            let mut bytes = bytes.clone();
            for change in &changes {
                change.apply(&mut bytes);
            }
            bytes
        })
    });
    let (slowest, read) = run(strategy);
    println!("mutations: slowest {slowest:?}, {read} of {} read", cases());
}
