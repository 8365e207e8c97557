use std::cell::Cell;
use std::collections::BTreeMap;

use super::*;

const NOW: i128 = 1_000_000_000_000;

fn stamp(inode: u64) -> Stamp {
    Stamp { size: 5, inode, mode: 0o100_644, modified: (900, 5), changed: (900, 5) }
}

fn seen(path: &str, digest: Option<&[u8]>) -> Input {
    let digest = digest.map(|bytes| Sha256::of(bytes).hex());
    Input { path: path.into(), seen: Some(Seen { stamp: stamp(1), settled: true, digest }) }
}

fn made() -> Stamps {
    let absent = Input { path: "/absent".into(), seen: None };
    let inputs = vec![seen("/in", Some(b"input")), seen("/looked-at", None), absent];
    let outputs = vec![seen("/out", Some(b"bound"))];
    Stamps::new(&Sha256::of(b"key"), inputs, outputs, Some(vec!["/lib".into()]), &[])
}

type Files = BTreeMap<PathBuf, Stamp>;

fn files() -> Files {
    ["/in", "/looked-at", "/out"].map(|path| (PathBuf::from(path), stamp(1))).into()
}

/// The verdict, and how many files were read for it.
fn judge(stamps: &Stamps, files: &Files) -> (Verdict, usize) {
    let read = Cell::new(0);
    let disk = Disk {
        look: &|path| files.get(path).copied(),
        digest: &|path| {
            read.set(read.get() + 1);
            Some(Sha256::of(if path == Path::new("/out") { b"bound" } else { b"input" }))
        },
        now: NOW,
    };
    (stamps.judge(&disk), read.get())
}

#[test]
fn with_nothing_changed_nothing_is_read() {
    assert_eq!(judge(&made(), &files()), (Verdict::Fresh, 0));
}

#[test]
fn what_was_touched_is_told_by_its_digest() {
    for change in [
        Stamp { modified: (901, 5), ..stamp(1) },
        Stamp { changed: (901, 5), ..stamp(1) },
        stamp(2),
    ] {
        let mut files = files();
        files.insert("/in".into(), change);
        let (Verdict::Touched(today), 1) = judge(&made(), &files) else { panic!("{change:?}") };
        assert_eq!(judge(&today, &files), (Verdict::Fresh, 0));
    }
}

#[test]
fn what_is_another_file_is_stale() {
    let other = |path: &str, change: fn(&mut Stamp)| {
        let mut files = files();
        change(files.get_mut(Path::new(path)).unwrap());
        judge(&made(), &files)
    };
    // Its length says it without its contents.
    assert_eq!(other("/in", |stamp| stamp.size = 6), (Verdict::Stale, 0));
    // Nobody knows what was in it.
    assert_eq!(other("/looked-at", |stamp| stamp.inode = 2).0, Verdict::Stale);
    for (gone, there) in [("/in", None), ("/out", None), ("", Some("/absent"))] {
        let mut files = files();
        files.remove(Path::new(gone));
        files.extend(there.map(|path| (path.into(), stamp(1))));
        assert_eq!(judge(&made(), &files).0, Verdict::Stale, "{gone} {there:?}");
    }
}

#[test]
fn other_contents_of_the_same_length_are_stale() {
    let mut stamps = made();
    stamps.inputs[0] = seen("/in", Some(b"other"));
    let mut files = files();
    assert_eq!(judge(&stamps, &files), (Verdict::Fresh, 0));
    files.get_mut(Path::new("/in")).unwrap().inode = 2;
    assert_eq!(judge(&stamps, &files).0, Verdict::Stale);
}

#[test]
fn a_renamed_output_is_the_same_and_an_edited_one_is_not() {
    let mut stamps = made();
    stamps.outputs[0].seen.as_mut().unwrap().settled = false;
    let mut files = files();
    // Putting the folder in its place has changed it; that is taken over a moment later.
    files.get_mut(Path::new("/out")).unwrap().changed = (950, 1);
    assert!(matches!(judge(&stamps, &files), (Verdict::Touched(_), 1)));
    let disk = |files: &Files| judge(&settled(&stamps, files), files);
    assert_eq!(disk(&files), (Verdict::Fresh, 0));
    let stamps = settled(&stamps, &files);
    // In place, and its time put back.
    files.get_mut(Path::new("/out")).unwrap().changed = (970, 1);
    assert!(matches!(judge(&stamps, &files), (Verdict::Touched(_), 1)));
    files.get_mut(Path::new("/out")).unwrap().mode = 0o100_600;
    assert_eq!(judge(&stamps, &files), (Verdict::Stale, 0));
}

fn settled(stamps: &Stamps, files: &Files) -> Stamps {
    let look = |path: &Path| files.get(path).copied();
    stamps.clone().settled(&Disk { look: &look, digest: &|_| None, now: NOW })
}

#[test]
fn what_was_written_just_now_is_not_trusted() {
    let at = |nanos: i128| {
        let (seconds, rest) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        (i64::try_from(seconds).unwrap(), u32::try_from(rest).unwrap())
    };
    let settled = |modified, changed| Stamp { modified, changed, ..stamp(1) }.is_settled(NOW);
    let old = at(NOW - 5_000_000_001);
    assert!(settled(old, old));
    assert!(settled(at(NOW - 20_000_001), old));
    assert!(!settled(at(NOW - 19_999_999), old));
    assert!(!settled(old, at(NOW - 19_999_999)));
    // A file system that knows no fractions.
    assert!(!settled(at(NOW - 2_000_000_000), old));
    // The clock was put back.
    assert!(!settled(at(NOW + 3_600_000_000_001), old));
    let mut stamps = made();
    stamps.inputs[0].seen.as_mut().unwrap().settled = false;
    assert!(matches!(judge(&stamps, &files()), (Verdict::Touched(_), 1)));
}

#[test]
fn a_file_is_ours_or_nothing() {
    let key = Sha256::of(b"key");
    let finding = Finding::new(Code::Script, "f", Some("bootstrap"), "what", "do");
    let mut stamps = made();
    stamps.findings = vec![Found::of(&finding)];
    let text = String::from_utf8(stamps.encode()).unwrap();
    let read = |text: &str| Stamps::decode(text.as_bytes(), &key, &["/lib".into()]);
    assert_eq!(read(&text), Some(stamps.clone()));
    assert_eq!(stamps.findings(), Some(vec![finding]));
    assert_eq!(Stamps::decode(text.as_bytes(), &Sha256::of(b"other"), &["/lib".into()]), None);
    assert_eq!(Stamps::decode(text.as_bytes(), &key, &["/other".into()]), None);
    for (good, bad) in [("\"version\":1", "\"version\":0"), ("{", "{\"more\":1,"), ("]}", "]")] {
        assert!(text.contains(good));
        assert_eq!(read(&text.replacen(good, bad, 1)), None, "{bad}");
    }
    stamps.findings[0].code = "no-such-code".to_owned();
    assert_eq!(stamps.findings(), None);
}
