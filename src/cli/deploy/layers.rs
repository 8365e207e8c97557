//! Layers that functions share, as `package` has written them: each below the same folder as the bundles
//! that were split off into it.

use std::path::{Path, PathBuf};

use super::bundle::altered;
use crate::bundle::{LayerUse, Record};
use crate::cli::package::read_record;
use crate::error::Error;
use crate::layer;
use crate::layer::record::LayerRecord;
use crate::release::desired::{Code, Source};
use crate::release::layers::Layer;

/// A layer, and where its zip lies.
pub(in crate::cli) struct Packaged {
    pub(in crate::cli) record: LayerRecord,
    pub(in crate::cli) zip: PathBuf,
}

/// The layers of a bundle, in its order: what its record names and nothing else, since it was audited
/// with just these.
pub(super) fn packaged(base: &Path, record: &Record) -> Result<Vec<Packaged>, Error> {
    record.layers.iter().map(|it| one(base, record, it)).collect()
}

fn one(base: &Path, of: &Record, wanted: &LayerUse) -> Result<Packaged, Error> {
    let function = of.function.as_str();
    let folder = base.join(&wanted.layer).join(LayerRecord::FOLDER);
    let path = folder.join(LayerRecord::FILE);
    let missing = |path: &Path| {
        Error::Usage(format!(
            "`{function}` was packaged with the layer {}, and {} is not there: package `{function}` again",
            wanted.layer,
            path.display()
        ))
    };
    if !layer::is_name(&wanted.layer) || !path.is_file() {
        return Err(missing(&path));
    }
    let record: LayerRecord = read_record(&path)?;
    if (&record.layer, &record.tree, &record.code_sha256)
        != (&wanted.layer, &wanted.tree, &wanted.code_sha256)
        || record.architecture != of.architecture
        || !record.runtimes.contains(&of.runtime)
    {
        return Err(Error::Usage(format!(
            "{} is not of the layer that `{function}` was packaged with: package `{function}` again",
            path.display()
        )));
    }
    let zip = folder.join(&record.zip);
    let found = std::fs::metadata(&zip).map_err(|_| missing(&zip))?;
    if found.len() != record.size {
        return Err(altered(function, &zip, LayerRecord::FILE));
    }
    Ok(Packaged { record, zip })
}

impl Packaged {
    /// What AWS should hold of it.
    pub(in crate::cli) fn desired(&self, source: Source) -> Layer {
        let record = &self.record;
        Layer {
            name: record.layer.clone(),
            description: record.description(),
            code: Code {
                sha256: record.code_sha256.clone(),
                size: record.size,
                architecture: record.architecture.clone(),
                source,
            },
            runtimes: record.runtimes.clone(),
            files: record.files.len(),
        }
    }
}

/// The layers of a bundle as they are found on AWS, by its record alone: enough to say whether they are
/// those that a function has.
pub(in crate::cli) fn recorded(record: &Record) -> Vec<Layer> {
    let layer = |it: &LayerUse| Layer {
        name: it.layer.clone(),
        description: format!("{}{}", LayerRecord::OURS, it.tree),
        code: Code {
            sha256: it.code_sha256.clone(),
            architecture: record.architecture.clone(),
            ..Code::default()
        },
        runtimes: vec![record.runtime.clone()],
        files: 0,
    };
    record.layers.iter().map(layer).collect()
}
