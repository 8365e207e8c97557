//! An extension whose own zip is a layer, where it is in no layer of a function.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::bundle::Record;
use crate::cli::deploy::bundle;
use crate::cli::deploy::layers::Packaged;
use crate::cli::package::recorded;
use crate::error::Error;
use crate::function::Function;
use crate::layer::record::LayerRecord;
use crate::layer::{self, File, Files, Kind, Known, Layer};
use crate::target::Arch;

/// An extension, as `package` has written it.
pub(super) struct Own {
    arch: Arch,
    record: Record,
    zip: PathBuf,
    files: Files,
}

impl Own {
    pub(super) fn read(base: &Path, extension: &Function) -> Result<Self, Error> {
        let bundle = bundle::packaged(base, extension)?;
        let folder = bundle.code.parent().unwrap_or(base);
        let record = recorded(folder)?;
        let files = files(&record).ok_or_else(|| {
            let path = folder.join(Record::FILE);
            let name = &extension.name;
            Error::Usage(format!("{} is damaged: package `{name}` again", path.display()))
        })?;
        Ok(Self { arch: extension.compile.target.arch, record, zip: bundle.code, files })
    }

    /// Whether a layer has all of it.
    pub(super) fn is_in(&self, layer: &LayerRecord) -> bool {
        layer.architecture == self.record.architecture
            && self.record.files.iter().all(|file| layer.files.contains(file))
    }

    /// The layer that its zip is.
    pub(super) fn layer(self, name: String) -> Packaged {
        let Self { record, zip, files, .. } = self;
        let record = LayerRecord {
            format: LayerRecord::FORMAT,
            layer: name,
            kinds: vec![Kind::Extension.word().to_owned()],
            architecture: record.architecture,
            runtimes: vec![record.runtime],
            tree: layer::tree_digest(&files).hex(),
            code_sha256: record.code_sha256,
            unpacked: record.sizes.unpacked,
            size: record.sizes.zip,
            zip: record.zip,
            files: record.files,
            functions: Vec::new(),
        };
        Packaged { record, zip }
    }
}

/// The files of a record; none if it is damaged.
fn files(record: &Record) -> Option<Files> {
    let one = |file: &crate::bundle::FileRecord| {
        let digest = format!("sha256:{}", file.sha256).parse().ok()?;
        let mode = u32::from_str_radix(&file.mode, 8).ok()?;
        Some((file.path.clone(), File { kind: Kind::Extension, mode, size: file.size, digest }))
    };
    record.files.iter().map(one).collect()
}

/// What their layers are called: as in a layer of functions that holds the same files, so that AWS has one
/// layer of both.
pub(super) fn names<'o>(
    all: impl Iterator<Item = &'o Own>,
    prefix: &str,
    locked: &BTreeMap<String, Known>,
) -> Vec<String> {
    let layers: Vec<Layer> = all
        .map(|own| Layer {
            kinds: [Kind::Extension].into(),
            arch: own.arch,
            files: own.files.clone(),
            users: BTreeSet::new(),
        })
        .collect();
    let same = |known: &Known| layers.iter().any(|it| it.files.keys().eq(known.files.keys()));
    let known = locked.iter().filter(|(_, known)| same(known));
    let known = known.map(|(name, known)| (name.clone(), known.clone())).collect();
    layer::name(&layers, prefix, &known)
}
