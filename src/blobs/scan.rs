//! Reads every layer of an image once: what it is packed as, its digests, its entries, and what its
//! programs and libraries are.

use std::io::{self, Cursor, Read};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::source::{At, Image, Layer};
use super::unpack::{Hashed, Unpacked};
use crate::audit::Content;
use crate::digest::Sha256;
use crate::elf::{self, ElfError};
use crate::image::config::Config;
use crate::image::link;
use crate::image::lint::{LayerSeen, Packed, SIZE_LIMIT, Seen};
use crate::image::plan::{Log, Plan};
use crate::image::root::{Root, Trouble};
use crate::tar::{self, Header, Kind};
use crate::target::Arch;

/// The most entries of all layers together, and the most bytes of their paths: more than images have that
/// start in time, and some 128 MB of memory.
const MAX_ENTRIES: usize = 250_000;
const MAX_PATHS: usize = 24 << 20;
/// So many entries are handed on at once, and so many such pieces of a layer wait to be merged.
const PIECE: usize = 1024;
const AHEAD: usize = 16;
/// The most bytes of what is kept of ELF files and of the loader's settings.
const MAX_FACTS: usize = 32 << 20;
/// The most bytes that all layers unpack to: beyond them Lambda takes nothing.
const MAX_BYTES: u64 = SIZE_LIMIT + (1 << 30);
/// The most bytes after the end of an archive: writers fill up some blocks.
const MAX_AFTER: u64 = 64 << 20;
const TOO_MANY: &str = "the image has more than 250000 entries, or 24 MiB of paths";
const TOO_MUCH: &str = "its ELF files name more than 32 MiB of symbol versions and libraries";
const TOO_LARGE: &str = "the layers unpack to more than 10 GB";
/// So many bytes of what is the matter with entries are kept, of all layers together: the rest is found
/// when these are mended.
const MAX_TROUBLES: usize = 16 << 20;
/// Programs and libraries larger than that are read by way of a file without a name, in bytes.
const MAX_IN_MEMORY: u64 = 16 << 20;
/// The longest text that is kept, in bytes.
const MAX_TEXT: u64 = 64 << 10;

/// An entry; of few there is more to tell.
type Found = (Header, Option<Box<More>>);

/// What is in an entry, and its text where that is wanted.
struct More {
    content: Content,
    text: Option<String>,
}

/// Entries on their way to be merged, in pieces: there may be many, and each piece goes when it is done with.
struct Entries {
    piece: Vec<Found>,
    to: SyncSender<Vec<Found>>,
}

impl Entries {
    fn new(to: SyncSender<Vec<Found>>) -> Self {
        Self { piece: Vec::new(), to }
    }

    fn push(&mut self, header: Header, content: Content, text: Option<String>) {
        let is_plain = content == Content::Other && text.is_none();
        let more = (!is_plain).then(|| Box::new(More { content, text }));
        self.piece.push((header, more));
        if self.piece.len() == PIECE {
            self.send();
        }
    }

    fn send(&mut self) {
        // Who takes them ends after all that send.
        let _ = self.to.send(std::mem::take(&mut self.piece));
    }
}

/// A layer that is being read through.
struct Reading {
    seen: LayerSeen,
    entries: Entries,
}

/// What is left of the room that all layers share.
struct Room {
    entries: AtomicUsize,
    paths: AtomicUsize,
    facts: AtomicUsize,
    bytes: AtomicU64,
}

/// Takes some of the room, if there is so much of it.
fn take(room: &AtomicUsize, count: usize) -> bool {
    let left = |left: usize| left.checked_sub(count);
    room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_ok()
}

/// A tar that ends where there is no more room.
struct Metered<'r, R> {
    inner: R,
    room: &'r AtomicU64,
    /// What may still come, once the archive has ended.
    after: Option<u64>,
}

impl<R: Read> Read for Metered<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let length = count as u64;
        let left = |left: u64| left.checked_sub(length);
        if self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return Err(io::Error::other(TOO_LARGE));
        }
        if let Some(after) = self.after {
            let why = "too much follows the end of the archive";
            self.after = Some(after.checked_sub(length).ok_or_else(|| io::Error::other(why))?);
        }
        Ok(count)
    }
}

/// Reads all of an image. What is wrong with it becomes part of the answer.
#[must_use]
pub fn scan(
    thing: &str,
    image: &Image,
    arch: Option<Arch>,
    entries: Vec<Vec<String>>,
    threads: usize,
) -> Seen {
    let (root, layers) = layers(&image.layers, threads);
    let config = image.config.as_ref().map_err(Clone::clone);
    let config = config
        .and_then(|bytes| Config::read(bytes).ok_or_else(|| "it is no JSON object".to_owned()));
    let manifest = image
        .manifest
        .as_ref()
        .map(|(media_type, _, read)| read.clone().map(|read| (media_type.clone(), read)));
    let index = image.index.clone();
    let (thing, sizes) = (thing.to_owned(), image.sizes);
    Seen { thing, index, manifest, sizes, config, layers, root, arch, entries }
}

/// What the merging of layers finds out.
struct Merging {
    root: Root,
    /// How many bytes of troubles may still be kept.
    room: usize,
}

impl Merging {
    /// Puts a layer on top, while it is being read.
    fn layer(
        &mut self,
        number: usize,
        entries: Receiver<Vec<Found>>,
    ) -> (Vec<(String, Trouble)>, Plan) {
        let (mut troubles, mut texts) = (Vec::new(), Vec::new());
        let mut layer = self.root.layer(number);
        let mut log = Log::default();
        for (header, more) in entries.into_iter().flatten() {
            let (content, text) = match more {
                Some(more) => (more.content, more.text),
                None => (Content::Other, None),
            };
            let found = layer.put(&header, content);
            log.entry(&header, &layer, &found);
            for trouble in found {
                let length = 128 + header.path.len() + trouble.length();
                if length <= self.room {
                    self.room -= length;
                    troubles.push((header.path.clone(), trouble));
                }
            }
            texts.extend(layer.last().cloned().zip(text));
        }
        for (path, text) in texts {
            self.root.keep_text(&path, text);
        }
        (troubles, log.plan())
    }
}

/// Folders whose entries come after what is in them.
fn late(seen: &mut LayerSeen) {
    let late = seen.plan.late();
    for (_, trouble) in &mut seen.troubles {
        if let Trouble::NoParent(path) = trouble
            && late.contains(path.as_str())
        {
            *trouble = Trouble::Late(std::mem::take(path));
        }
    }
}

/// Every layer, several at once, each merged while it is read: of those above it so much waits as images have.
fn layers(all: &[Layer], threads: usize) -> (Root, Vec<LayerSeen>) {
    let room = Room {
        entries: AtomicUsize::new(MAX_ENTRIES),
        paths: AtomicUsize::new(MAX_PATHS),
        facts: AtomicUsize::new(MAX_FACTS),
        bytes: AtomicU64::new(MAX_BYTES),
    };
    let (to, from): (Vec<_>, Vec<_>) = all.iter().map(|_| sync_channel(AHEAD)).unzip();
    // From the first on: what is merged next is always being read.
    let left = Mutex::new(all.iter().zip(to).enumerate());
    let done = Mutex::new(Vec::new());
    let mut merging = Merging { root: Root::default(), room: MAX_TROUBLES };
    let merged: Vec<_> = thread::scope(|scope| {
        for _ in 0..threads.clamp(1, all.len().max(1)) {
            scope.spawn(|| {
                loop {
                    let next = left.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some((index, (layer, to))) = next else { break };
                    let read = read(layer, &room, to);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((index, read));
                }
            });
        }
        from.into_iter().enumerate().map(|(number, from)| merging.layer(number, from)).collect()
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    let seen = done.into_iter().zip(merged).map(|((_, mut seen), (troubles, plan))| {
        (seen.troubles, seen.plan) = (troubles, plan);
        late(&mut seen);
        seen
    });
    (merging.root, seen.collect())
}

/// Reads a layer through.
fn read(layer: &Layer, room: &Room, to: SyncSender<Vec<Found>>) -> LayerSeen {
    let mut one = reading(layer, room, to);
    one.entries.send();
    one.seen
}

fn reading(layer: &Layer, room: &Room, to: SyncSender<Vec<Found>>) -> Reading {
    let mut one = Reading {
        seen: LayerSeen {
            said: layer.said.clone(),
            is: layer.said.as_ref().map_or((Sha256::of(b""), 0), |said| (said.digest, said.size)),
            packed: Packed::Gzip(1),
            diff_id: None,
            broken: None,
            limited: false,
            troubles: Vec::new(),
            odd: None,
            sparse: None,
            not_utf8: None,
            plan: Plan::default(),
        },
        entries: Entries::new(to),
    };
    let missing = || {
        let name = layer.name.as_ref().map_or_else(|| "it".to_owned(), |it| format!("`{it}`"));
        io::Error::other(format!("{name} is not there"))
    };
    let opened = layer.at.as_ref().ok_or_else(missing).and_then(At::open);
    let opened = opened.and_then(|bytes| Unpacked::new(Box::new(bytes) as Box<dyn Read>));
    let tar = match opened {
        Ok(tar) => tar,
        Err(error) => {
            one.seen.broken = Some(error.to_string());
            return one;
        }
    };
    let metered = Metered { inner: tar, room: &room.bytes, after: None };
    let mut reader = tar::Reader::new(Hashed::new(metered));
    if let Err(error) = entries(&mut reader, &mut one, room) {
        one.seen.limited = is_limit(&error);
        one.seen.broken = Some(said(&error));
    }
    let mut hashed = reader.into_inner();
    let tar = if one.seen.broken.is_some() {
        // Of what is broken no digest can be told: what is left need not be unpacked.
        hashed.into_inner().inner
    } else {
        hashed.get_mut().after = Some(MAX_AFTER);
        match hashed.finish() {
            Ok((tar, diff_id, _)) => {
                one.seen.diff_id = Some(diff_id);
                tar.inner
            }
            Err(error) => {
                one.seen.broken = Some(error.to_string());
                return one;
            }
        }
    };
    match tar.finish() {
        Ok((packed, digest, length)) => {
            (one.seen.packed, one.seen.is) = (packed, (digest, length));
        }
        Err(error) => {
            one.seen.broken.get_or_insert(error.to_string());
        }
    }
    one
}

/// A limit of ours, and not of Lambda.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Limit(&'static str);

fn is_limit(error: &tar::TarError) -> bool {
    let tar::TarError::Io(error) = error else { return false };
    error.get_ref().and_then(|cause| cause.downcast_ref::<Limit>()).is_some()
}

/// What the matter is, once: where bytes cannot be had, their error says it.
fn said(error: &tar::TarError) -> String {
    match error {
        tar::TarError::Io(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

fn entries<R: Read>(
    reader: &mut tar::Reader<R>,
    one: &mut Reading,
    room: &Room,
) -> Result<(), tar::TarError> {
    while let Some(header) = reader.advance()? {
        let to = match &header.kind {
            Kind::HardLink(to) | Kind::Symlink(to) => to.len(),
            _ => 0,
        };
        if !take(&room.entries, 1) || !take(&room.paths, header.path.len() + to) {
            return Err(io::Error::other(Limit(TOO_MANY)).into());
        }
        if !header.is_utf8 {
            let (count, _) = one.seen.not_utf8.get_or_insert((0, header.path.clone()));
            *count += 1;
        }
        let odd = match header.kind {
            Kind::Other(b'S') => Some(&mut one.seen.sparse),
            Kind::Device | Kind::Fifo | Kind::Other(_) => Some(&mut one.seen.odd),
            _ => None,
        };
        if let Some(odd) = odd {
            odd.get_or_insert((0, header.path.clone())).0 += 1;
        }
        if header.size > room.bytes.load(Ordering::Relaxed) {
            one.entries.push(header, Content::Other, None);
            return Err(io::Error::other(TOO_LARGE).into());
        }
        let text = Root::wants_text(&header.path) && header.size <= MAX_TEXT;
        let text = text && take(&room.facts, usize::try_from(header.size).unwrap_or_default());
        let (content, text) = match header.kind {
            Kind::File if text => {
                let mut bytes = Vec::new();
                reader.read_to_end(&mut bytes)?;
                (Content::Other, Some(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Kind::File => content(reader, &header)?,
            _ => (Content::Other, None),
        };
        if !take(&room.facts, content.elf().map_or(0, weight)) {
            return Err(io::Error::other(Limit(TOO_MUCH)).into());
        }
        one.entries.push(header, content, text);
    }
    Ok(())
}

/// How much room is needed for what is known of an ELF file, in bytes.
fn weight(facts: &elf::ElfFacts) -> usize {
    let needs = &facts.versions_needed;
    let words = [&facts.needed, &facts.rpath, &facts.runpath, &facts.versions_defined];
    let words = words.into_iter().flatten().chain(facts.dlopen.iter().flat_map(|it| &it.sonames));
    let words = words.chain(needs.iter().flat_map(|need| [&need.library, &need.version]));
    words.map(|word| word.len() + 48).sum()
}

/// What a file is, by its first bytes and, for ELF, its tables.
/// With it the folders that a loader looks in, if it is one.
fn content(reader: &mut impl Read, header: &Header) -> io::Result<(Content, Option<String>)> {
    let size = header.size;
    let mut start = Vec::new();
    reader.take(256).read_to_end(&mut start)?;
    if !elf::is_elf(&start) {
        return Ok((crate::inspect::script(&start), None));
    }
    let mut folders = None;
    let whole = Cursor::new(start).chain(reader);
    let facts = if size <= MAX_IN_MEMORY {
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        whole.take(size).read_to_end(&mut bytes)?;
        folders = is_loader(&header.path).then(|| link::folders_of_loader(&bytes)).flatten();
        elf::read(&mut Cursor::new(bytes))
    } else {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut whole.take(size), &mut file)?;
        elf::read(&mut io::BufReader::new(file))
    };
    match facts {
        Ok(mut facts) => {
            // Nobody asks an image for these, and they are long.
            facts.comments.clear();
            Ok((Content::Elf(Box::new(facts)), folders))
        }
        Err(ElfError::Io(error)) => Err(error),
        Err(error) => Ok((Content::BrokenElf(error.to_string()), None)),
    }
}

/// Whether a file has the name of glibc's loader (`ld-linux-x86-64.so.2`, `ld-2.31.so`).
fn is_loader(path: &str) -> bool {
    path.rsplit('/').next().is_some_and(|name| name.starts_with("ld-"))
}
