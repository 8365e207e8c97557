//! Images that mean harm: refused soon, whatever they claim, in little memory.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::maker::*;
use crate::support::lambda_pack;
use crate::tiny_elf::TinyElf;

/// What may be used beyond what a good image needs, in MiB.
const MEMORY: u64 = 128;
const TIME: Duration = Duration::from_mins(2);

/// Code, time, peak of memory in MiB, and all that was said.
struct Watched {
    code: i32,
    time: Duration,
    peak: u64,
    text: String,
}

fn watched(folder: &Path, args: &[&str]) -> Watched {
    let start = Instant::now();
    let out = folder.join("said");
    let file = || Stdio::from(fs::File::options().create(true).append(true).open(&out).unwrap());
    let mut command = lambda_pack(folder);
    let mut child = command.args(args).stdout(file()).stderr(file()).spawn().unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        let text = fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let now = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
        peak = peak.max(now.unwrap_or_default() / 1024);
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(1));
    };
    let text = fs::read_to_string(&out).unwrap();
    fs::remove_file(out).unwrap();
    Watched { code: ended.code().unwrap_or(-1), time: start.elapsed(), peak, text }
}

type Make = fn(&Path);

fn layer(blob: Vec<u8>) -> Image {
    Image::good().and_layer(Layer::of(b"", blob, GZIP))
}

/// The same bytes again and again, as members of one stream.
fn again(bytes: &[u8], times: usize) -> Vec<u8> {
    gzip(bytes).repeat(times)
}

fn open(tar: Tar) -> Vec<u8> {
    gzip(&tar.open())
}

fn zeros(mebibytes: usize) -> Vec<u8> {
    again(&vec![0; 16 << 20], mebibytes / 16)
}

fn paper(folder: &Path, member: &str) {
    let image = Image::good();
    let mut one = Value::Null;
    let at = image.store_with(folder, |_| (), |it| one = it[member].clone());
    let at = if member == "config" { (at, one) } else { (at.clone(), at) };
    let file = fs::File::options().write(true).open(path(folder, &at.1)).unwrap();
    file.set_len(100 << 20).unwrap();
    layout(folder, &[at.0]);
}

fn deep() -> Vec<u8> {
    let mut text = b"{\"config\":".to_vec();
    text.extend(vec![b'['; 1 << 20]);
    text
}

fn numbered(count: usize, name: fn(usize) -> String) -> Tar {
    (0..count).fold(Tar::new(), |tar, number| tar.file(&name(number), 0o644, b""))
}

/// What each is, how it is made, and a word of the answer.
#[rustfmt::skip]
const CASES: &[(&str, Make, &str)] = &[
    ("a file of 12 GB", |f| layer([open(Tar::new().header(b'0', b"zeros", 0o644, 12 << 30, "")), zeros(12 << 10)].concat()).layout(f), "more than 10 GB"),
    ("a file of 8 EB", |f| layer(open(Tar::new().header(b'0', b"a", 0o644, (1 << 63) - 1, ""))).layout(f), "more than 10 GB"),
    ("more than that", |f| layer(open(Tar::new().header(b'0', b"a", 0o644, u64::MAX, ""))).layout(f), "size is no number"),
    ("12 GB after the end", |f| layer([gzip(&Tar::new().end()), zeros(12 << 10)].concat()).layout(f), "follows the end"),
    ("a pax header of 1 GB", |f| layer([open(Tar::new().header(b'x', b"a", 0o644, 1 << 30, "")), zeros(1 << 10)].concat()).layout(f), "too long"),
    ("a long name of 1 GB", |f| layer([open(Tar::new().header(b'L', b"a", 0o644, 1 << 30, "")), zeros(1 << 10)].concat()).layout(f), "too long"),
    ("pax headers without an entry", |f| layer(again(&Tar::new().header(b'x', b"a", 0o644, 12, "").bytes(b"12 path=a/b\n").open(), 100)).layout(f), "too many headers"),
    ("global headers without end", |f| { let keys = (0..40_000).fold(String::new(), |all, n| all + &format!("18 k{n:06}=valu67\n")); let tar = Tar::new().header(b'g', b"a", 0o644, keys.len() as u64, "").bytes(keys.as_bytes()).file("a", 0o644, b"").open(); layer(again(&tar, 60)).layout(f); }, "twice"),
    ("260,000 entries", |f| layer(open(numbered(260_000, |n| format!("{n}")))).layout(f), "more than 250000 entries"),
    ("paths 2,000 deep", |f| layer(open(numbered(200, |n| format!("{}{n}", "a/".repeat(2000))))).layout(f), "image-"),
    ("links that multiply", |f| { let path = |n: usize| format!("{}{}l{n}", "a/".repeat(400), "../".repeat(400)); let links = (0..39).fold(Tar::new().folders(&["a"]), |tar, n| tar.symlink(&format!("l{n}"), &path(n + 1))); let all = (0..5_000).fold(links, |tar, n| tar.file(&format!("l0/{n}"), 0o644, b"")); layer(gzip(&all.end())).layout(f); }, "image-entry"),
    ("settings of the loader", |f| layer(again(&Tar::new().file("etc/ld.so.conf", 0o644, &vec![b'a'; 64 << 10]).open(), 10_000)).layout(f), "twice"),
    ("ELF files that need much", |f| { let elf = TinyElf { needed: vec!["l".repeat(40); 20_000], ..TinyElf::default() }; layer(again(&Tar::new().file("a", 0o755, &dynamic(&elf)).open(), 200)).layout(f); }, "limit of this program"),
    ("a manifest of 100 MB", |f| paper(f, ""), "4 MiB"),
    ("a configuration of 100 MB", |f| paper(f, "config"), "4 MiB"),
    ("an index.json of 100 MB", |f| { Image::good().layout(f); fs::File::options().write(true).open(f.join("index.json")).unwrap().set_len(100 << 20).unwrap(); }, "4 MiB"),
    ("a deep manifest", |f| { let at = blob(f, &deep(), MANIFEST); layout(f, &[at]); }, "recursion limit"),
    ("a deep configuration", |f| { let at = Image::good().store_papers(f, &deep(), |_| ()); layout(f, &[at]); }, "no JSON"),
    ("a deep index.json", |f| { Image::good().layout(f); fs::write(f.join("index.json"), deep()).unwrap(); }, "recursion limit"),
    ("an index that names itself", |f| { let inner = json!({ "mediaType": INDEX, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1 }); layout(f, &[inner]); }, "not there"),
    ("2,000 layers", |f| Image::good().layout_but(f, |it| { let one = it["layers"][0].clone(); it["layers"] = vec![one; 2_000].into(); }), "layers"),
    ("a layer of no length", |f| Image::good().layout_but(f, |it| it["layers"][0]["size"] = u64::MAX.into()), "image-layer"),
    ("an archive of 100,000 members", |f| { fs::remove_dir(f).unwrap(); fs::write(f, numbered(100_000, |n| format!("m{n}")).end()).unwrap(); }, ""),
    ("an archive with a member of 8 EB", |f| { fs::remove_dir(f).unwrap(); fs::write(f, Tar::new().header(b'0', b"index.json", 0o644, (1 << 63) - 1, "").open()).unwrap(); }, ""),
];

/// What reaches the end of what all layers may have: some seconds.
#[rustfmt::skip]
const LONG: &[(&str, Make, &str)] = &[
    ("100 layers of 256 MB", |f| { let bomb = Layer::of(b"", [open(Tar::new().header(b'0', b"zeros", 0o644, 256 << 20, "")), zeros(256), gzip(&Tar::new().end())].concat(), GZIP); let mut image = Image::good(); for _ in 0..100 { image = image.and_layer(bomb.clone()); } image.layout(f); }, "more than 10 GB"),
];

#[test]
fn what_means_harm_ends_soon_and_in_little_memory() {
    ends_soon(CASES);
}

#[test]
#[ignore = "unpacks 10 GB"]
fn many_layers_that_mean_harm() {
    ends_soon(LONG);
}

fn ends_soon(cases: &[(&str, Make, &str)]) {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    fs::create_dir(&good).unwrap();
    Image::good().layout(&good);
    let least = watched(folder.path(), &["check", "good"]).peak;
    let mut failed = Vec::new();
    for (number, (name, make, word)) in cases.iter().enumerate() {
        let place = folder.path().join(number.to_string());
        fs::create_dir(&place).unwrap();
        make(&place);
        let place = number.to_string();
        let seen = watched(folder.path(), &["check", &place, "--output", "json"]);
        let Watched { code, time, peak, text } = &seen;
        let sound = matches!(code, 2 | 3) && *time < TIME && *peak < least + MEMORY;
        if !sound || !text.contains(word) || text.contains("panicked") {
            let some: String = text.chars().take(2000).collect();
            failed.push(format!("{name}: exit {code}, {time:?}, {peak} MiB and {least}: {some}"));
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}
