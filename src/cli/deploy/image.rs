//! Functions that are container images: what was packaged, and where it goes.

use std::path::Path;

use super::bundle::Bundle;
use crate::cli::image;
use crate::error::Error;
use crate::function::{Function, ImageWish};
use crate::image::record::ImageRecord;
use crate::release::desired::{Image, Source};
use crate::release::wanted::Wanted;

/// The image of a function below a folder that `package` has written.
pub(in crate::cli) fn packaged(
    base: &Path,
    function: &Function,
    wish: &ImageWish,
) -> Result<Bundle, Error> {
    let name = wish.name.as_deref().unwrap_or(function.name.as_str());
    let arch = function.compile.target.arch.aws_name();
    let folder = base.join(name).join(format!("image-{arch}"));
    if !folder.join(ImageRecord::FILE).is_file() {
        return Err(Error::Usage(format!(
            "there is no image of `{}` in {}: `cargo lambda-pack package --out DIR` writes them",
            function.name,
            folder.display()
        )));
    }
    let record = image::recorded(&folder)?;
    let handler = &function.handler;
    let is_it = |it: &&crate::image::record::FunctionRecord| {
        it.function == function.name.as_str()
            && (&it.package, &it.handler) == (&handler.package, &handler.target)
    };
    let Some(own) = record.functions.iter().find(is_it) else {
        return Err(Error::Usage(format!(
            "the image in {} has no function `{}`: package it again",
            folder.display(),
            function.name
        )));
    };
    let hex = record.digest.trim_start_matches("sha256:").to_owned();
    let image = Image {
        uri: String::new(),
        entry_point: own.entry_point.clone().unwrap_or_default(),
        is_there: false,
    };
    Ok(Bundle {
        code: folder.join(ImageRecord::LAYOUT),
        sha256: hex,
        size: record.size,
        architecture: record.architecture,
        runtime: function.runtime.aws_name().to_owned(),
        commit: record.commit,
        image: Some(image),
        layers: Vec::new(),
    })
}

/// Where an image goes: to its repository, or, for a server on this machine, nowhere: that takes it from
/// where it was packaged.
pub(super) fn source(
    function: &Function,
    wanted: &Wanted,
    (bundle, image): (&Bundle, Image),
    local: bool,
) -> Result<Source, Error> {
    if wanted.configuration.get("Layers").is_some_and(|layers| *layers != serde_json::json!([])) {
        return Err(Error::Usage(format!(
            "`{}` is a container image, and has `layers`: AWS takes none; what is in them belongs into the image",
            function.name
        )));
    }
    let digest = &bundle.sha256;
    if local {
        let layout = std::path::absolute(&bundle.code).unwrap_or_else(|_| bundle.code.clone());
        let uri = format!("oci:{}@sha256:{digest}", layout.display());
        return Ok(Source::Image(Image { uri, is_there: true, ..image }));
    }
    let Some(repository) = &wanted.repository else {
        return Err(Error::Usage(format!(
            "`{}` is a container image, and nothing says where it goes: name a repository of Amazon ECR with `image.repository`",
            function.name
        )));
    };
    Ok(Source::Image(Image { uri: format!("{repository}@sha256:{digest}"), ..image }))
}
