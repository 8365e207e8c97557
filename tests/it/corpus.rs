//! Replays the corpus of the fuzz targets (`fuzz/corpus/…`): what fuzzing once found stays found,
//! without a nightly compiler.

mod config;
mod elf;
mod papers;
mod tar;
mod tree;
mod zip;

use std::path::Path;
use std::{fs, io, thread};

fn replay(target: &str, run: fn(&[u8])) -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    let mut failed = Vec::new();
    for item in fs::read_dir(&folder)? {
        let name = item?.file_name().to_string_lossy().into_owned();
        let data = fs::read(folder.join(&name))?;
        // The name of the thread is in the message of a panic.
        let case = thread::Builder::new().name(format!("{target}/{name}"));
        files += 1;
        if case.spawn(move || run(&data))?.join().is_err() {
            failed.push(name);
        }
    }
    assert!(files > 0, "{} is empty", folder.display());
    failed.sort_unstable();
    assert!(failed.is_empty(), "of {}: {}", folder.display(), failed.join(", "));
    Ok(())
}

#[test]
fn elf_files() -> io::Result<()> {
    replay("elf", elf::run)
}

#[test]
fn zip_files() -> io::Result<()> {
    replay("zip", zip::run)
}

#[test]
fn trees() -> io::Result<()> {
    replay("tree", tree::run)
}

#[test]
fn config_files() -> io::Result<()> {
    replay("config", config::run)
}

#[test]
fn tar_files() -> io::Result<()> {
    replay("tar", tar::run)
}

#[test]
fn papers_of_images() -> io::Result<()> {
    replay("papers", papers::run)
}
