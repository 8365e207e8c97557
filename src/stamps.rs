//! Whether a bundle is still that of its inputs, without reading any of them.
//!
//! What a file was when it was read is kept as a [`Stamp`]: its length, its times and its inode. A
//! stamp is taken before the file is read, and kept only if it is the same afterwards, so it is never
//! newer than what it stands for. A file that was written just before it was stamped could be written
//! once more without another time: such a stamp tells nothing, and the digest decides.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audit::{Code, Finding, Level};
use crate::digest::Sha256;

/// The version of the file and of the rules behind it: one more whenever either changes, or whenever
/// the same inputs would make another bundle.
const VERSION: u32 = 1;
/// Times of files stand still for a tick of the kernel (`CONFIG_HZ`, 10 ms at the most), in nanoseconds.
const TICK: i128 = 20_000_000;
/// The kind of a file, and who may execute it: of an input no other permission is packed.
const PACKED: u32 = 0o170_111;
/// Some file systems know seconds only, or every other one.
const COARSE_TICK: i128 = 2_100_000_000;

/// What a file looked like, without its contents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    /// Its length in bytes.
    pub size: u64,
    /// Its number in the file system.
    pub inode: u64,
    /// Its kind and permission bits.
    pub mode: u32,
    /// When its contents changed: seconds and nanoseconds since 1970.
    pub modified: (i64, u32),
    /// When it or its permissions changed; also when a link to it was made or removed.
    pub changed: (i64, u32),
}

impl Stamp {
    /// Whether a later write would have changed the stamp, which was taken at `now` (nanoseconds since
    /// 1970).
    #[must_use]
    pub fn is_settled(&self, now: i128) -> bool {
        let at = |(seconds, nanos): (i64, u32)| {
            let tick = if nanos == 0 { COARSE_TICK } else { TICK };
            i128::from(seconds) * 1_000_000_000 + i128::from(nanos) + tick
        };
        at(self.modified) <= now && at(self.changed) <= now
    }

    /// Whether it is the same file with the same contents; it may have been renamed.
    fn is_same(&self, other: &Self) -> bool {
        (self.size, self.inode, self.modified) == (other.size, other.inode, other.modified)
    }
}

/// A file that was read, or one that was looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What was asked for.
    pub path: PathBuf,
    /// What was there; none if nothing was.
    pub seen: Option<Seen>,
}

/// A file as it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// What it looked like.
    pub stamp: Stamp,
    /// Whether the stamp tells every later write.
    pub settled: bool,
    /// Its digest in hexadecimal digits; none if only its presence mattered.
    pub digest: Option<String>,
}

/// All that is known of one bundle that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamps {
    version: u32,
    /// The digest of every setting that it follows from.
    key: String,
    /// What was read or looked for.
    inputs: Vec<Input>,
    /// What was written.
    outputs: Vec<Input>,
    /// The folders in which libraries were looked for; none if nothing was.
    searched: Option<Vec<PathBuf>>,
    findings: Vec<Found>,
}

/// A finding, to be said again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Found {
    code: String,
    level: String,
    thing: String,
    path: Option<String>,
    message: String,
    hint: String,
}

/// How the disk is asked.
pub struct Disk<'a> {
    /// The stamp of the file that a path leads to; none if nothing is there.
    pub look: &'a dyn Fn(&Path) -> Option<Stamp>,
    /// The digest of a file's contents.
    pub digest: &'a dyn Fn(&Path) -> Option<Sha256>,
    /// The time, in nanoseconds since 1970.
    pub now: i128,
}

/// What became of a bundle since it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing changed.
    Fresh,
    /// Files were touched, and have the contents that they had; these are the stamps of today.
    Touched(Box<Stamps>),
    /// It must be made again.
    Stale,
}

impl Stamps {
    /// What is known of a bundle that was just made.
    #[must_use]
    pub fn new(
        key: &Sha256,
        inputs: Vec<Input>,
        outputs: Vec<Input>,
        searched: Option<Vec<PathBuf>>,
        findings: &[Finding],
    ) -> Self {
        let findings = findings.iter().map(Found::of).collect();
        Self { version: VERSION, key: key.hex(), inputs, outputs, searched, findings }
    }

    /// The file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // No map with other than string keys: this cannot fail.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads the file; none if it is not of this version, not ours, or of other settings. `searched`:
    /// the folders in which libraries are looked for today.
    #[must_use]
    pub fn decode(text: &[u8], key: &Sha256, searched: &[PathBuf]) -> Option<Self> {
        let stamps: Self = serde_json::from_slice(text).ok()?;
        let same = stamps.searched.as_deref().is_none_or(|folders| folders == searched);
        (stamps.version == VERSION && stamps.key == key.hex() && same).then_some(stamps)
    }

    /// The same a moment later: what we wrote ourselves, nobody else has written in that moment.
    #[must_use]
    pub fn settled(mut self, disk: &Disk<'_>) -> Self {
        for output in &mut self.outputs {
            let today = (disk.look)(&output.path);
            if let Some((seen, today)) = output.seen.as_mut().zip(today)
                && seen.stamp.is_same(&today)
            {
                // A folder is put in its place by renaming, which is a change to some file systems.
                (seen.stamp, seen.settled) = (today, today.is_settled(disk.now));
            }
        }
        self
    }

    /// The same with one of the outputs written anew.
    #[must_use]
    pub fn replaced(mut self, written: Input) -> Self {
        self.outputs.retain(|output| output.path != written.path);
        self.outputs.push(written);
        self
    }

    /// What was written.
    #[must_use]
    pub fn outputs(&self) -> &[Input] {
        &self.outputs
    }

    /// What the audit had found; none if that is not what we write.
    #[must_use]
    pub fn findings(&self) -> Option<Vec<Finding>> {
        self.findings.iter().map(Found::finding).collect()
    }

    /// Whether the bundle is still that of its inputs.
    #[must_use]
    pub fn judge(&self, disk: &Disk<'_>) -> Verdict {
        let mut today = self.clone();
        let outputs = today.outputs.iter_mut().map(|file| (file, u32::MAX));
        let all = outputs.chain(today.inputs.iter_mut().map(|file| (file, PACKED)));
        // Ends with the first that is another.
        let touched: Option<Vec<bool>> = all.map(|(file, mode)| file.judge(disk, mode)).collect();
        match touched {
            None => Verdict::Stale,
            Some(touched) if touched.contains(&true) => Verdict::Touched(Box::new(today)),
            Some(_) => Verdict::Fresh,
        }
    }
}

impl Input {
    /// None if it is another file than it was; else whether only the digest could tell, and then with
    /// the stamp of today. `mode`: the bits of it that count.
    fn judge(&mut self, disk: &Disk<'_>, mode: u32) -> Option<bool> {
        let today = (disk.look)(&self.path);
        let (seen, stamp) = match (&mut self.seen, today) {
            (None, None) => return Some(false),
            (Some(seen), Some(today)) => (seen, today),
            _ => return None,
        };
        if seen.stamp == stamp && seen.settled {
            return Some(false);
        }
        if (seen.stamp.size, seen.stamp.mode & mode) != (stamp.size, stamp.mode & mode) {
            return None;
        }
        let digest = (disk.digest)(&self.path)?.hex();
        let settled = stamp.is_settled(disk.now);
        // It may be written while it is read.
        let unchanged = (disk.look)(&self.path).is_some_and(|later| later == stamp);
        if !unchanged || seen.digest.as_ref() != Some(&digest) {
            return None;
        }
        (seen.stamp, seen.settled) = (stamp, settled);
        Some(true)
    }
}

impl Found {
    fn of(finding: &Finding) -> Self {
        Self {
            code: finding.code.name().to_owned(),
            level: finding.level.word().to_owned(),
            thing: finding.thing.clone(),
            path: finding.path.clone(),
            message: finding.message.clone(),
            hint: finding.hint.clone(),
        }
    }

    fn finding(&self) -> Option<Finding> {
        let level = [Level::Error, Level::Warning, Level::Note];
        Some(Finding {
            code: *Code::ALL.iter().find(|code| code.name() == self.code)?,
            level: level.into_iter().find(|level| level.word() == self.level)?,
            thing: self.thing.clone(),
            path: self.path.clone(),
            message: self.message.clone(),
            hint: self.hint.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
