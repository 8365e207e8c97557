//! What is asked of images that cannot be.

use std::collections::BTreeSet;

use crate::cli::args::Package;
use crate::cli::build::Job;
use crate::error::Error;
use crate::function::{Function, ImageWish, Packaging, Role};
use crate::plan::{self, Candidate, Selection};
use crate::target::Arch;

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
    let archs: BTreeSet<Arch> = images.iter().map(|image| image.compile.target.arch).collect();
    archs.into_iter().try_for_each(|arch| are_whole(&images, arch, job))
}

/// Whether all functions of shared images are selected.
fn are_whole(images: &[&Function], arch: Arch, job: &Job) -> Result<(), Error> {
    let shared = |image: &&Function| match &image.packaging {
        Packaging::Image(ImageWish { name, .. }) if image.compile.target.arch == arch => {
            name.clone()
        }
        _ => None,
    };
    let names: BTreeSet<String> = images.iter().filter_map(shared).collect();
    if names.is_empty() {
        return Ok(());
    }
    let whole = Selection { workspace: true, ..Selection::default() };
    let all = plan::select(&job.metadata, &whole, arch, &job.config)?;
    names.iter().try_for_each(|name| is_whole(name, &all.candidates, job))
}

fn is_whole(name: &str, all: &[Candidate], job: &Job) -> Result<(), Error> {
    let shares = |it: &&Candidate| matches!(&it.settings.packaging, Packaging::Image(wish) if wish.name.as_deref() == Some(name));
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
