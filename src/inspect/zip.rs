//! A zip that was given to `check`: every member is unpacked as far as it claims to go, and looked at.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use super::{InspectError, Opened, content, script};
use crate::audit::Inspected;
use crate::audit::{Code, Content, Finding, UNPACKED_LIMIT};
use crate::bundle::{Member, ReadError, ZipFile};
use crate::elf;
use crate::tree::{ArchivePath, Entry, Mode, Source, Tree};

/// The longest target of a symbolic link that Linux follows, in bytes (`PATH_MAX`).
const MAX_LINK: usize = 4096;
/// As many links in a row as Linux follows (`path_resolution(7)`).
const MAX_LINKS: usize = 40;

/// A zip. What is wrong with it becomes findings; only the disk under us can fail.
pub(super) fn open(path: &Path, file: File, length: u64) -> Result<Opened, InspectError> {
    let thing = path.display().to_string();
    let mut opened = Opened { zip_size: Some(length), ..Opened::default() };
    let read = ZipFile::open(BufReader::new(file)).and_then(|mut zip| Ok((zip.members()?, zip)));
    let (members, mut zip) = match read {
        Ok(read) => read,
        Err(error) => {
            opened.findings.push(damaged(&thing, None, &error));
            return Ok(opened);
        }
    };
    let mut links = BTreeMap::new();
    let mut places = Tree::default();
    let mut budget = UNPACKED_LIMIT;
    for (index, member) in members.iter().enumerate() {
        if member.folder {
            opened.findings.extend(bad_name(&thing, &member.name));
            continue;
        }
        let wrong = member_findings(member, index, &thing, &mut places);
        let sound = wrong.is_empty() && member.claimed <= budget;
        opened.findings.extend(wrong);
        let mut content = Content::NotRead;
        if sound {
            budget -= member.claimed;
            let mut sniffer = Sniffer::default();
            let extracted = zip.extract(index, &mut sniffer);
            let failed = |source| InspectError::Unpack {
                path: path.to_path_buf(),
                member: member.name.clone(),
                source,
            };
            match (sniffer.failed.take(), extracted) {
                (Some(error), _) => return Err(failed(error)),
                (None, Err(error)) => {
                    opened.findings.push(damaged(&thing, Some(&member.name), &error));
                }
                (None, Ok(())) if member.symlink => {
                    links.insert(opened.files.len(), sniffer.text());
                }
                (None, Ok(())) => content = sniffer.content().map_err(failed)?,
            }
        }
        opened.files.push(Inspected {
            path: member.name.clone(),
            mode: member.mode,
            length: member.claimed,
            content,
        });
    }
    follow(&mut opened, &links, &thing);
    Ok(opened)
}

fn damaged(thing: &str, path: Option<&str>, error: &ReadError) -> Finding {
    Finding::new(Code::ZipDamaged, thing, path, error.to_string(), "make the zip again")
}

fn bad_path(thing: &str, path: &str, why: &str) -> Finding {
    Finding::new(
        Code::ZipPath,
        thing,
        Some(path),
        format!("cannot be unpacked under that name: {why}"),
        "use plain relative paths, each once",
    )
}

/// What is wrong with the name of a folder. That it is there twice, or implied, is nothing.
fn bad_name(thing: &str, name: &str) -> Option<Finding> {
    let path = name.trim_end_matches('/');
    ArchivePath::new(path).err().map(|why| bad_path(thing, name, &why.to_string()))
}

/// What is wrong with a member by its entry alone.
fn member_findings(member: &Member, index: usize, thing: &str, places: &mut Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    match ArchivePath::new(&member.name) {
        Err(why) => findings.push(bad_path(thing, &member.name, &why.to_string())),
        Ok(path) => {
            // The index makes entries differ, so that two of one name clash.
            let length = index as u64;
            let source = Source::File(member.name.clone().into());
            if let Err(clash) = places.insert(path, Entry { mode: Mode::Regular, length, source }) {
                findings.push(bad_path(thing, &member.name, &clash.to_string()));
            }
        }
    }
    if member.named_twice {
        findings.push(bad_path(thing, &member.name, "it has two names, a plain and a Unicode one"));
    }
    if let Some(why) = &member.refused {
        findings.push(Finding::new(
            Code::ZipMethod,
            thing,
            Some(&member.name),
            format!("{why}; Lambda unpacks stored and deflated members"),
            "make the zip again with deflate and without a password",
        ));
    }
    findings
}

/// Gives symbolic links the content of what they lead to, as the loader will find it.
fn follow(opened: &mut Opened, links: &BTreeMap<usize, String>, thing: &str) {
    let by_path: BTreeMap<String, usize> =
        opened.files.iter().enumerate().map(|(index, file)| (file.path.clone(), index)).collect();
    for &link in links.keys() {
        let mut at = link;
        for _ in 0..MAX_LINKS {
            let Some(target) = links.get(&at) else { break };
            let from = opened.files.get(at).map_or("", |file| file.path.as_str());
            match beside(from, target).and_then(|path| by_path.get(&path)) {
                Some(&next) => at = next,
                None => break,
            }
        }
        let found = opened.files.get(at).filter(|_| !links.contains_key(&at));
        let (mode, content) = match found {
            Some(file) => (file.mode, file.content.clone()),
            None => (None, Content::NotRead),
        };
        let dangling = found.is_none();
        if let Some(file) = opened.files.get_mut(link) {
            file.content = content;
            if dangling {
                opened.findings.push(Finding::new(
                    Code::ZipSymlink,
                    thing,
                    Some(&file.path),
                    format!(
                        "a symbolic link to `{}`, which is not in the zip; it is not audited",
                        links.get(&link).map_or("", String::as_str)
                    ),
                    "put the file itself there",
                ));
            } else {
                file.mode = mode;
            }
        }
    }
}

/// The path that a link at `from` leads to, if that is in the same archive.
fn beside(from: &str, target: &str) -> Option<String> {
    if target.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Takes the bytes of a member: keeps the beginning, and all of an ELF file on the disk.
#[derive(Default)]
struct Sniffer {
    start: Vec<u8>,
    elf: Option<File>,
    /// What went wrong with the disk, which is not the member's fault.
    failed: Option<io::Error>,
}

impl Sniffer {
    fn keep(&mut self, bytes: &[u8]) -> io::Result<()> {
        let begins = self.start.len() < 4;
        let room = MAX_LINK.saturating_sub(self.start.len());
        self.start.extend(bytes.iter().take(room));
        if let Some(file) = &mut self.elf {
            return file.write_all(bytes);
        }
        if begins && elf::is_elf(&self.start) {
            let mut file = tempfile::tempfile()?;
            // What came before, and as much of these bytes as was kept.
            file.write_all(&self.start)?;
            let rest = bytes.get(room.min(bytes.len())..).unwrap_or_default();
            file.write_all(rest)?;
            self.elf = Some(file);
        }
        Ok(())
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.start).into_owned()
    }

    fn content(self) -> io::Result<Content> {
        match self.elf {
            Some(mut file) => content(&mut file),
            None => Ok(script(&self.start)),
        }
    }
}

impl Write for Sniffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Err(error) = self.keep(bytes) {
            self.failed = Some(error);
            return Err(io::ErrorKind::Other.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
