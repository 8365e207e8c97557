//! Layers and their entries.

use super::{LayerSeen, Lint, Packed};
use crate::audit::{Code, Level};
use crate::image::config::shown;
use crate::image::root::Trouble;

/// So many entries of a layer are named for each thing that is the matter.
const SHOWN: usize = 10;

impl Lint<'_> {
    pub(super) fn layers(&mut self) {
        let seen = self.seen;
        // Of what a manifest does not say nothing can be known.
        if let (Err(why), None | Some(Ok(_))) = (&seen.config, &seen.manifest) {
            let message = format!("its configuration cannot be understood: {why}");
            self.add(Code::ImageConfig, None, message, "build the image again");
        }
        for (index, layer) in seen.layers.iter().enumerate() {
            let name = match (&layer.said, layer.is.1) {
                // Nobody says which it was to be.
                (None, 0) => format!("layer {}", index + 1),
                _ => format!("layer {} ({})", index + 1, layer.is.0),
            };
            self.packing(layer, &name);
            self.diff_id(layer, index, &name);
            self.entries(layer);
        }
    }

    fn packing(&mut self, layer: &LayerSeen, name: &str) {
        if let Some(said) = &layer.said
            && (said.digest, said.size) != layer.is
        {
            let message = format!(
                "the manifest names {} of {} bytes, and there are {} bytes of {}",
                said.digest, said.size, layer.is.1, layer.is.0
            );
            self.add(Code::ImageLayer, None, message, "copy the image whole");
        }
        let refused = "Lambda answers `InvalidImage: UnsupportedImageLayerDetected`";
        let hint = "compress it as one gzip stream, or let `check --fix OUT` do it";
        match layer.packed {
            Packed::Gzip(0 | 1) => {}
            Packed::Gzip(members) => {
                let message = format!(
                    "{name} is gzip of {members} members, or with zeros after it; nobody says that \
                     Lambda reads all"
                );
                self.add_as(Level::Warning, Code::ImageLayer, None, message, hint);
            }
            // Docker's archives are compressed when they are pushed.
            Packed::Plain if layer.said.is_none() => {}
            Packed::Plain => {
                self.add(
                    Code::ImageLayer,
                    None,
                    format!("{name} is not compressed; {refused}"),
                    hint,
                );
            }
            Packed::Zstd => {
                let message = format!("{name} is compressed with zstd; {refused}");
                self.add(Code::ImageLayer, None, message, hint);
            }
        }
        if let Some(why) = layer.broken.as_ref().filter(|_| layer.limited) {
            let message = format!(
                "{name} cannot be looked at to its end: {why}. That is a limit of this program, not \
                 of Lambda"
            );
            self.add(Code::ImageLayer, None, message, "");
        } else if let Some(why) = &layer.broken {
            let message = format!("{name} cannot be read to its end: {why}; {refused}");
            self.add(Code::ImageLayer, None, message, "build or copy the image again");
        }
    }

    fn diff_id(&mut self, layer: &LayerSeen, index: usize, name: &str) {
        let Ok(config) = &self.seen.config else { return };
        let ids = config.diff_ids();
        let (Some(said), Some(is)) = (ids.get(index), layer.diff_id) else { return };
        if **said == is.to_string() {
            return;
        }
        let said = shown(&config.member("rootfs")["diff_ids"][index]);
        let message = format!(
            "{name} unpacks to {is}, and the configuration says {said}; Lambda answers \
             `InvalidImage: UnsupportedImageLayerDetected`"
        );
        let vouched = layer.said.as_ref().is_some_and(|said| said.digest == layer.is.0);
        let hint = if vouched {
            "build the image again, or let `check --fix OUT` write what it is"
        } else {
            "build the image again"
        };
        self.add(Code::ImageLayer, None, message, hint);
    }

    fn entries(&mut self, layer: &LayerSeen) {
        let mut parents = std::collections::BTreeSet::new();
        let mut said = 0;
        for (path, trouble) in &layer.troubles {
            if let Trouble::NoParent(above) | Trouble::Late(above) = trouble
                && !parents.insert(above.as_str())
            {
                continue;
            }
            said += 1;
            if said > SHOWN {
                continue;
            }
            self.entry(path, trouble, layer.plan.refused.is_none());
        }
        if said > SHOWN {
            let message =
                format!("{} more entries of that layer are not as they should be", said - SHOWN);
            self.add_as(Level::Note, Code::ImageEntry, None, message, "");
        }
        if let Some((count, first)) = &layer.odd {
            let message = format!(
                "{count} device{}: Lambda gives functions devices of its own",
                if *count == 1 { " or pipe" } else { "s or pipes, this the first" }
            );
            self.add_as(Level::Note, Code::ImageEntry, Some(first), message, "leave them out");
        }
        if let Some((count, first)) = &layer.sparse {
            let message = format!(
                "{count} sparse file{}: what is in it was not looked at, and not everything unpacks it",
                if *count == 1 { "" } else { "s, this the first" }
            );
            let hint = "pack files with all their bytes (`tar` without `--sparse`)";
            self.add_as(Level::Note, Code::ImageEntry, Some(first), message, hint);
        }
        if let Some((count, first)) = &layer.not_utf8 {
            let message = format!(
                "the path is no UTF-8{}; registries and Lambda need not take it",
                if *count == 1 { String::new() } else { format!(", as are {} more", count - 1) }
            );
            let hint = "name it in UTF-8";
            self.add_as(Level::Warning, Code::ImageEntry, Some(first), message, hint);
        }
    }

    fn entry(&mut self, path: &str, trouble: &Trouble, can_mend: bool) {
        let fix = "let `check --fix OUT` add it";
        match trouble {
            Trouble::NoParent(above) => self.add(
                Code::ImageParent,
                Some(above),
                format!(
                    "no layer has an entry for this folder, in which /{path} lies; Lambda answers \
                     `InvalidImage: MissingParentDirectory`"
                ),
                fix,
            ),
            Trouble::Late(above) => self.add(
                Code::ImageParent,
                Some(above),
                format!(
                    "the entry of this folder comes only after /{path}, which lies in it; Lambda \
                     answers `InvalidImage: MissingParentDirectory`"
                ),
                "let `check --fix OUT` put it before",
            ),
            Trouble::Name(length) => self.add(
                Code::ImageEntry,
                Some(path),
                format!("a name of {length} bytes; file systems take 255"),
                "give it a shorter name",
            ),
            Trouble::Path => self.add(
                Code::ImageEntry,
                Some(path),
                "the path leads out of the image, or from its root; Lambda answers `InvalidImage`",
                "use plain relative paths",
            ),
            Trouble::NotInFolder(above) => self.add(
                Code::ImageEntry,
                Some(path),
                format!("above it, /{above} is no folder"),
                "build the image again",
            ),
            Trouble::OverSymlink(to) => self.add_as(
                Level::Warning,
                Code::ImageEntry,
                Some(path),
                format!(
                    "a folder takes the place of the symbolic link to {to} of a layer below: what was \
                     found through the link is found no more"
                ),
                "write to the folder that the link leads to",
            ),
            Trouble::NoTarget(to) => self.add(
                Code::ImageEntry,
                Some(path),
                format!("a hard link to `{to}`, which is not there; Lambda answers `InvalidImage`"),
                "put the file itself there",
            ),
            Trouble::ToFolder(to) => self.add(
                Code::ImageEntry,
                Some(path),
                format!("a hard link to `{to}`, which is a folder; Lambda answers `InvalidImage`"),
                "make it a symbolic link",
            ),
            Trouble::Aufs => self.add_as(
                Level::Warning,
                Code::ImageEntry,
                Some(path),
                "aufs's own, which container engines pass over (`.wh..wh.`)",
                "pack the layer without it",
            ),
            Trouble::Nameless => self.add(
                Code::ImageEntry,
                None,
                "an entry of a layer has no name",
                "build the layer again",
            ),
            Trouble::Whiteout => self.add(
                Code::ImageEntry,
                Some(path),
                "a whiteout of nothing (image-spec, \"Whiteouts\")",
                "no file's name may begin with `.wh.`",
            ),
            Trouble::Twice => self.add(
                Code::ImageEntry,
                Some(path),
                "the layer has this path twice (image-spec: entries must not repeat)",
                if can_mend {
                    "build the layer with each path once, or let `check --fix OUT` do it"
                } else {
                    "build the layer with each path once"
                },
            ),
        }
    }
}
