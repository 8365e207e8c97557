//! A layer whose entries stand in another order, or not all of them: by a plan.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek as _, Write};

use crate::image::plan::{Above, Plan};
use crate::image::root::{Root, layer_number, normal};
use crate::tar::{self, Header, Member, What};

/// The most bytes of headers that are written in another place: real layers have some thousands.
const MAX_HEADERS: usize = 64 << 20;

/// The headers of the entries that are written in another place, as they stand there.
pub(super) fn headers<R: Read>(
    plan: &Plan,
    open: impl FnOnce() -> io::Result<R>,
) -> io::Result<BTreeMap<usize, Vec<u8>>> {
    let mut all = BTreeMap::new();
    let moved = plan.moved();
    if moved.is_empty() {
        return Ok(all);
    }
    let mut left = MAX_HEADERS;
    let mut reader = tar::Reader::keeping_headers(open()?);
    let mut number = 0;
    while reader.advance().map_err(io::Error::other)?.is_some() {
        if moved.contains(&number) {
            let raw = reader.raw().to_vec();
            let enough = || io::Error::other("too many folders have their entries too late");
            left = left.checked_sub(raw.len()).ok_or_else(enough)?;
            all.insert(number, raw);
        }
        number += 1;
    }
    Ok(all)
}

/// What is written, of which layer.
pub(super) struct Rewrite<'r> {
    pub(super) plan: &'r Plan,
    pub(super) headers: BTreeMap<usize, Vec<u8>>,
    pub(super) root: &'r Root,
    pub(super) number: usize,
}

impl Rewrite<'_> {
    /// Writes the layer anew.
    pub(super) fn write(&self, tar: &mut impl Read, out: &mut dyn Write) -> io::Result<()> {
        // Files that are left out, and that hard links name.
        let mut named: BTreeMap<usize, (Header, File)> = BTreeMap::new();
        let mut reader = tar::Reader::keeping_headers(tar);
        let mut number = 0;
        while let Some(header) = reader.advance().map_err(io::Error::other)? {
            for above in self.plan.above.get(&number).into_iter().flatten() {
                self.folder(above, out)?;
            }
            let file = self.plan.links.get(&number).and_then(|file| named.get_mut(file));
            if let Some((was, file)) = file {
                let path = normal(&header.path).unwrap_or_default();
                let Header { mode, uid, gid, size, .. } = *was;
                let member = Member { path, what: What::File(size), mode, uid, gid };
                file.rewind()?;
                tar::Writer::new(&mut *out, 0).write(&member, file)?;
            } else if self.plan.left.contains(&number) {
                if self.plan.links.values().any(|file| *file == number) {
                    let mut file = tempfile::tempfile()?;
                    io::copy(&mut reader, &mut file)?;
                    named.insert(number, (header, file));
                }
            } else if let Some(last) = self.plan.replaced.get(&number) {
                out.write_all(self.header(*last)?)?;
            } else {
                out.write_all(reader.raw())?;
                let copied = io::copy(&mut reader, out)?;
                let padding = copied.next_multiple_of(512) - copied;
                io::copy(&mut io::repeat(0).take(padding), out)?;
            }
            number += 1;
        }
        out.write_all(&[0; 1024])
    }

    /// A folder that comes before what is in it: its own entry, or one as it was implied.
    fn folder(&self, above: &Above, out: &mut dyn Write) -> io::Result<()> {
        if let Some(own) = above.own {
            return out.write_all(self.header(own)?);
        }
        let number = layer_number(self.number);
        let own = self.root.get(&above.path).filter(|node| node.layer == number);
        let (mode, (uid, gid)) = own.map_or((0o755, (0, 0)), |it| (it.mode, it.owner.ids()));
        let member = Member { path: above.path.clone(), what: What::Folder, mode, uid, gid };
        tar::Writer::new(&mut *out, 0).write(&member, &mut io::empty())
    }

    fn header(&self, number: usize) -> io::Result<&[u8]> {
        let changed = || io::Error::other("the layer changed while it was being read");
        self.headers.get(&number).map(Vec::as_slice).ok_or_else(changed)
    }
}
