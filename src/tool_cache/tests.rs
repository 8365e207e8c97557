use std::cell::Cell;
use std::fs::File;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use super::*;
use crate::process::ProcessError;

/// Longer than any clock's tick that counts here.
const SETTLING: Duration = Duration::from_millis(150);

/// A folder with a program, and the file of answers.
struct Place {
    folder: TempDir,
    asked: Cell<usize>,
}

impl Place {
    fn new() -> Self {
        let this = Self { folder: tempfile::tempdir().unwrap(), asked: Cell::new(0) };
        this.write("tool", "#!/bin/sh\n");
        sleep(SETTLING);
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        files::write_atomically(&self.path(name), text.as_bytes()).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn question(&self) -> Question {
        Question::of(&Step::new(self.path("tool"), ["--version"]))
    }

    /// Asks in a run of its own; the tool answers how often it was asked.
    fn run(&self, question: &Question, more: impl Fn(Answer) -> Answer) -> usize {
        let cache = ToolCache::open(self.path("tools.json"));
        let ask = || {
            self.asked.set(self.asked.get() + 1);
            Ok::<_, ProcessError>(more(Answer::of(self.asked.get().to_string())))
        };
        let answer = cache.ask(question, |text| Ok(text.parse().unwrap_or(0)), ask).unwrap();
        cache.save();
        answer
    }

    fn plain(&self) -> usize {
        self.run(&self.question(), |answer| answer)
    }
}

#[test]
fn an_answer_is_known_until_the_question_is_another() {
    let place = Place::new();
    assert_eq!((place.plain(), place.plain()), (1, 1));
    let other = Question::of(&Step::new(place.path("tool"), ["-v"]));
    assert_eq!(place.run(&other, |answer| answer), 2);
    assert_eq!(place.run(&place.question().part("x"), |answer| answer), 3);
    let with = Step::new(place.path("tool"), ["--version"]).with("A", "b");
    assert_eq!(place.run(&Question::of(&with), |answer| answer), 4);
    assert_eq!(place.plain(), 1);
    // The parts of a step do not run into each other.
    let joined = Step::new(place.path("tool"), ["--version", "A", "b"]);
    assert_eq!(place.run(&Question::of(&joined), |answer| answer), 5);
}

#[test]
fn an_answer_is_known_until_a_file_changes() {
    let place = Place::new();
    place.plain();
    place.write("tool", "#!/bin/sh\n");
    sleep(SETTLING);
    assert_eq!((place.plain(), place.plain()), (2, 2), "another file of that name");
    let file = File::open(place.path("tool")).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    sleep(SETTLING);
    assert_eq!((place.plain(), place.plain()), (3, 3), "touched, into the past");
    let libc = place.path("libc");
    let with = |place: &Place| {
        place.run(&place.question().part("libc"), |answer| answer.files([libc.clone()]))
    };
    assert_eq!((with(&place), with(&place)), (4, 4));
    place.write("libc", "");
    sleep(SETTLING);
    assert_eq!((with(&place), with(&place)), (5, 5), "what was not there is there");
}

#[test]
fn what_changed_just_now_is_asked_again() {
    let place = Place::new();
    place.write("tool", "#!/bin/sh\n");
    assert_eq!((place.plain(), place.plain()), (1, 2));
    sleep(SETTLING);
    assert_eq!((place.plain(), place.plain()), (3, 3));
    // While it is asked.
    let question = place.question().part("x");
    place.run(&question, |answer| {
        place.write("tool", "#!/bin/sh\n");
        answer
    });
    assert_eq!(place.run(&question, |answer| answer), 5);
    assert_eq!(place.run(&place.question().once(), |answer| answer), 6);
    assert_eq!(place.run(&place.question().once(), |answer| answer), 7);
}

#[test]
fn what_was_written_with_the_answer_counts_by_its_content() {
    let place = Place::new();
    let (script, link) = (place.path("wrapper"), place.path("ar"));
    let run = || {
        place.run(&place.question(), |answer| {
            place.write("wrapper", "cc");
            let _ = symlink("/there", &link);
            answer.written([script.clone(), link.clone()])
        })
    };
    assert_eq!((run(), run()), (1, 1));
    place.write("wrapper", "cc");
    assert_eq!(run(), 1, "the same again");
    place.write("wrapper", "c");
    assert_eq!((run(), run()), (2, 2));
    fs::remove_file(&link).unwrap();
    assert_eq!(run(), 3);
    fs::remove_file(&link).unwrap();
    symlink("/elsewhere", &link).unwrap();
    assert_eq!(run(), 4);
}

#[test]
fn a_file_that_does_not_fit_is_none() {
    let place = Place::new();
    assert_eq!(place.plain(), 1);
    let file = place.path("tools.json");
    let good = fs::read_to_string(&file).unwrap();
    let mut asked = 1;
    for text in [
        "",
        "{",
        "[1]",
        "{\"writer\":\"x\",\"entries\":{}}",
        &good[..good.len() - 1],
        &good.replace("format 1", "format 0"),
        &good.replace("\"size\"", "\"length\""),
        &good.replace("\"answer\":\"1\"", "\"answer\":1"),
        &good.replace("\"texts\":[]", "\"texts\":[{\"path\":\"/dev/zero\",\"digest\":\"\"}]"),
        &good.replace("\"answer\":\"1\"", &format!("\"answer\":\"{}\"", "x".repeat(MAX_FILE))),
        &"[".repeat(100_000),
    ] {
        files::write_atomically(&file, text.as_bytes()).unwrap();
        asked += 1;
        assert_eq!(place.plain(), asked, "{}", &text[..text.len().min(200)]);
    }
    // A folder, and a link that leads nowhere.
    for make in [|path: &Path| fs::create_dir(path), |path: &Path| symlink("/nowhere/x", path)] {
        let _ = fs::remove_file(&file);
        make(&file).unwrap();
        asked += 1;
        assert_eq!(place.plain(), asked);
        let _ = fs::remove_dir(&file);
    }
    // An answer that is not understood is asked for again, and the new one kept.
    files::write_atomically(&file, good.as_bytes()).unwrap();
    let cache = ToolCache::open(file);
    let read = |text: &str| text.strip_prefix("v").map(str::to_owned).ok_or(());
    let ask = || Ok(Answer::of("v2"));
    assert_eq!(cache.ask(&place.question(), read, ask).unwrap(), "2");
    assert_eq!(cache.ask(&place.question(), read, || Err(())).unwrap(), "2");
    assert_eq!(cache.ask(&place.question().part("x"), read, || Ok(Answer::of("2"))), Err(()));
}

#[test]
fn the_file_is_exchanged_and_never_written_into() {
    let place = Place::new();
    place.plain();
    let (file, old) = (place.path("tools.json"), place.path("old"));
    fs::hard_link(&file, &old).unwrap();
    let before = fs::read(&old).unwrap();
    place.run(&place.question().part("x"), |answer| answer);
    assert_eq!(fs::read(&old).unwrap(), before, "whoever is killed leaves this");
    assert_ne!(fs::read(&file).unwrap(), before);
    // With nothing learned it is not written at all.
    let inode = || fs::metadata(&file).unwrap().ino();
    let written = inode();
    place.plain();
    assert_eq!(inode(), written);
}

#[test]
fn the_file_stays_small_and_holds_no_values() {
    let place = Place::new();
    for part in 0..MAX_ENTRIES + 10 {
        let secret = format!("hunter{part}");
        place.run(&place.question().part(&secret), |answer| answer);
    }
    let text = fs::read_to_string(place.path("tools.json")).unwrap();
    assert!(text.matches("\"answer\"").count() <= MAX_ENTRIES);
    assert!(!text.contains("hunter"));
    // Cargo's folder is made as cargo makes it, and not without need.
    let file = place.path("target/tools.json");
    let cache = ToolCache::open(file.clone());
    cache.save();
    assert!(!place.path("target").exists());
    cache.ask(&place.question(), |_| Ok::<_, ()>(()), || Ok(Answer::of(""))).unwrap();
    cache.save();
    assert!(file.exists() && place.path("target/CACHEDIR.TAG").exists());
}
