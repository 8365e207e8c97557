//! What is asked of images that cannot be.

use std::collections::BTreeSet;
use std::path::Path;

use crate::cli::args::Package;
use crate::cli::build::Job;
use crate::error::Error;
use crate::files;
use crate::function::{Function, ImageWish, Packaging, Role};
use crate::plan::{self, Candidate, Selection};
use crate::target::Arch;

/// The longest name of an image, in bytes: one of a folder.
const MAX_NAME: usize = 128;

/// What is said of images without any, and what would make an image another one than it is: without the
/// functions that are not selected.
pub(in crate::cli) fn asked(args: &Package, job: &Job) -> Result<(), Error> {
    let functions = &job.plan.functions;
    let is_image = |function: &&Function| function.packaging != Packaging::Zip;
    let images: Vec<&Function> = functions.iter().filter(is_image).collect();
    if images.is_empty()
        && let Some(flag) = args.images.of_images_alone()
    {
        return Err(Error::Usage(format!(
            "`{flag}` is for container images, and no function is one: say `--format image`, or set `format`"
        )));
    }
    if !images.is_empty() && args.layout.is_some() {
        let what = "`--layout cargo-lambda` is for zips: container images have no such layout";
        return Err(Error::Usage(what.to_owned()));
    }
    images.iter().try_for_each(|image| is_name(image))?;
    if job.output.index {
        is_index(&job.output.base.join("index.json"))?;
    }
    let archs: BTreeSet<Arch> = images.iter().map(|image| image.compile.target.arch).collect();
    archs.into_iter().try_for_each(|arch| are_whole(&images, arch, job))
}

/// Whether an image can have its name: it is that of a folder, and nothing in it is replaced.
fn is_name(function: &Function) -> Result<(), Error> {
    let Packaging::Image(ImageWish { name: Some(name), .. }) = &function.packaging else {
        return Ok(());
    };
    let why = if name.contains(['{', '}']) {
        "nothing in braces is replaced there"
    } else if name.len() > MAX_NAME {
        "it is too long"
    } else {
        return Ok(());
    };
    Err(Error::Usage(format!("`image.name` of `{}` is `{name}`: {why}", function.name)))
}

/// Whether the list of what is packaged can be written: what is there is not another's, of a layout, say.
fn is_index(path: &Path) -> Result<(), Error> {
    if !path.exists() {
        return Ok(());
    }
    let text = files::read_text(path).unwrap_or_default();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    if value["format"].is_number() && value["bundles"].is_array() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "{} is there, and is none of ours: move it away, or name another folder with `--out`",
        path.display()
    )))
}

/// Whether all functions of shared images are selected.
fn are_whole(images: &[&Function], arch: Arch, job: &Job) -> Result<(), Error> {
    let name_of = |image: &&Function| match &image.packaging {
        Packaging::Image(wish) if image.compile.target.arch == arch => {
            Some(wish.name_for(&image.name).to_owned())
        }
        _ => None,
    };
    let is_named = |image: &&Function| matches!(&image.packaging, Packaging::Image(wish) if wish.name.is_some());
    let names: BTreeSet<String> = images.iter().filter_map(name_of).collect();
    let whole = Selection { workspace: true, ..Selection::default() };
    let all = match plan::select(&job.metadata, &whole, arch, &job.config) {
        Ok(all) => all,
        // What is wrong with others is no matter of images that say nothing of them.
        Err(_) if !images.iter().any(is_named) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    names.iter().try_for_each(|name| is_whole(name, &all.candidates, job))
}

fn is_whole(name: &str, all: &[Candidate], job: &Job) -> Result<(), Error> {
    let shares = |it: &&Candidate| matches!(&it.settings.packaging, Packaging::Image(wish) if wish.name_for(&it.name) == name);
    let is_there = |it: &&Candidate| !job.plan.functions.iter().any(|f| f.name == it.name);
    let missing: Vec<String> = all
        .iter()
        .filter(|it| it.role == Role::Function)
        .filter(shares)
        .filter(is_there)
        .map(|it| format!("`{}`", it.name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "the image `{name}` is also that of {}, which is not selected: select all of its functions, since an image without them would take its place",
        missing.join(", ")
    )))
}
