//! The files of an image, laid out in a folder: what is there after all layers.
//!
//! Every path is found in the merged root, where folders are real, so that no link of the image leads a
//! write out of the folder. Owners are left out, devices and pipes too.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use super::source::{At, Image};
use super::unpack::Unpacked;
use super::{BlobError, unwritten};
use crate::audit::Content;
use crate::image::root::{Item, Root, layer_number};
use crate::tar::{self, Header, Kind};

/// Fills an empty folder with the files of an image, whose merged root is `merged`.
pub fn lay_out(image: &Image, merged: &Root, to: &Path) -> Result<(), BlobError> {
    let failed = unwritten(to);
    for (path, _) in merged.iter().filter(|(_, node)| node.item == Item::Folder) {
        fs::create_dir_all(to.join(tar::os(path))).map_err(&failed)?;
    }
    let mut root = Root::default();
    for (number, layer) in image.layers.iter().enumerate() {
        let Some(at) = &layer.at else { continue };
        let mut out = Out { merged, to, number };
        out.layer(at, &mut root).map_err(super::unread(&at.path))?;
    }
    // Last: a folder that nobody may write to gets no files.
    for (path, node) in merged.iter().filter(|(_, node)| node.item == Item::Folder) {
        mode(&to.join(tar::os(path)), node.mode).map_err(&failed)?;
    }
    Ok(())
}

struct Out<'o> {
    merged: &'o Root,
    to: &'o Path,
    number: usize,
}

impl Out<'_> {
    fn layer(&mut self, at: &At, root: &mut Root) -> io::Result<()> {
        let mut reader = tar::Reader::new(Unpacked::new(at.open()?)?);
        let mut layer = root.layer(self.number);
        while let Some(header) = reader.advance().map_err(io::Error::other)? {
            layer.put(&header, Content::Other);
            let Some(path) = layer.last().cloned() else { continue };
            // A later layer may have something else there, or nothing.
            let number = layer_number(self.number);
            let survives = |node: &crate::image::root::Node| node.layer == number;
            if self.merged.get(&path).is_some_and(survives) {
                self.entry(&header, &path, &mut reader)?;
            }
        }
        Ok(())
    }

    fn entry(&self, header: &Header, path: &str, from: &mut impl io::Read) -> io::Result<()> {
        let to = self.to.join(tar::os(path));
        if !matches!(header.kind, Kind::Folder)
            && fs::symlink_metadata(&to).is_ok_and(|it| !it.is_dir())
        {
            // The last entry of a path counts.
            fs::remove_file(&to)?;
        }
        match &header.kind {
            Kind::File => {
                let mut file = File::create_new(&to)?;
                io::copy(from, &mut file)?;
                mode(&to, header.mode)
            }
            Kind::Symlink(target) => symlink(tar::os(target), &to),
            Kind::HardLink(target) => {
                let real = self.merged.find(target).map(|(real, _)| real).unwrap_or_default();
                fs::copy(self.to.join(tar::os(&real)), &to).map(drop)
            }
            Kind::Folder | Kind::Device | Kind::Fifo | Kind::Other(_) => Ok(()),
        }
    }
}

fn mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}
