//! What is asked of images that cannot be.

use crate::cli::args::Package;
use crate::cli::build::Job;
use crate::error::Error;
use crate::function::{Function, Packaging, Role};
use crate::plan::{self, Candidate, Selection};

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
    images.into_iter().try_for_each(|image| is_whole(image, job))
}

/// Whether all functions of a shared image are selected.
fn is_whole(image: &Function, job: &Job) -> Result<(), Error> {
    let functions = &job.plan.functions;
    let Packaging::Image(wish) = &image.packaging else { return Ok(()) };
    let Some(name) = &wish.name else { return Ok(()) };
    let arch = image.compile.target.arch;
    let whole = Selection { workspace: true, ..Selection::default() };
    let all = plan::select(&job.metadata, &whole, arch, &job.config)?;
    let shares = |it: &&Candidate| matches!(&it.settings.packaging, Packaging::Image(other) if other.name == wish.name);
    let is_there = |it: &&Candidate| !functions.iter().any(|f| f.name == it.name);
    let missing: Vec<String> = all
        .candidates
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
