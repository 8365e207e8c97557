//! `package --format image`: what each image holds, and its layers.
//!
//! Layers go from what stays to what changes: base, system (from scratch only), native libraries,
//! assets, extensions, and the functions' own programs last.

mod asked;
mod base;
mod compose;
mod found;
mod layers;
mod report;
mod root;
mod scratch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use super::args::Archive;
use super::build::Job;
use crate::artifact::Artifact;
use crate::audit::{Finding, Level, Trust};
use crate::blobs::{Papers, Store};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::function::{Function, ImageWish, Packaging, Role};
use crate::image::record::ImageRecord;
use crate::message::count;
use crate::shell::Shell;
use crate::target::Arch;
use base::Base;

pub(super) use asked::asked;
pub(super) use base::{SCRATCH, name_of};
pub(super) use found::{of_layouts, of_this_machine, recorded, records};
pub(super) use report::report;
pub(super) use root::Ground;

/// A function or an extension that was built for an image.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) function: Function,
    pub(super) artifact: Artifact,
}

/// What becomes one image.
struct Group<'a> {
    name: String,
    arch: Arch,
    wish: &'a ImageWish,
    functions: Vec<&'a Part>,
    extensions: Vec<&'a Part>,
}

/// What became of one image.
pub(super) enum Made {
    Written(Box<Written>),
    Refused { image: String, findings: Vec<Finding> },
}

/// An image that is there.
pub(super) struct Written {
    pub(super) folder: PathBuf,
    pub(super) record: ImageRecord,
    pub(super) findings: Vec<Finding>,
    /// It was there before.
    pub(super) fresh: bool,
}

/// What making images needs to know beside the plan.
pub(super) struct Imager<'a> {
    pub(super) job: &'a Job,
    pub(super) commit: Option<&'a str>,
    /// The length and the time of this program: another one might make them otherwise.
    pub(super) tool: Option<(u64, (i64, u32))>,
    /// The digest of what each way of compiling needs.
    pub(super) prepared: &'a BTreeMap<crate::compile::Compile, Sha256>,
    pub(super) audited: bool,
    pub(super) archive: Option<Archive>,
    pub(super) bases: Bases<'a>,
    pub(super) shell: &'a Shell,
}

/// What images are put on.
pub(super) struct Bases<'a> {
    pub(super) job: &'a Job,
    pub(super) store: Store,
    /// Whether references are asked for again.
    #[cfg_attr(not(feature = "registry"), expect(dead_code, reason = "there are none"))]
    pub(super) update: bool,
    pub(super) known: Mutex<BTreeMap<(String, Arch), Base>>,
    /// What references stand for that `lambda-pack.lock` does not say yet.
    #[cfg(feature = "registry")]
    pub(super) pending: Mutex<BTreeMap<String, Sha256>>,
    pub(super) shell: &'a Shell,
}

impl<'a> Bases<'a> {
    pub(super) fn new(job: &'a Job, update: bool, shell: &'a Shell) -> Self {
        let store = Store::new(job.output.blobs.clone());
        Self {
            job,
            store,
            update,
            known: Mutex::default(),
            #[cfg(feature = "registry")]
            pending: Mutex::default(),
            shell,
        }
    }
}

impl Imager<'_> {
    /// Makes every image of what was built.
    pub(super) fn images(&self, parts: &[Part]) -> Vec<Result<Made, Error>> {
        let groups = match groups(parts) {
            Ok(groups) => groups,
            Err(error) => return vec![Err(error)],
        };
        groups.iter().map(|group| self.image(group)).collect()
    }

    fn image(&self, group: &Group<'_>) -> Result<Made, Error> {
        let folder = self.job.output.image(&group.name, group.arch);
        if !files::is_ours(&folder, ImageRecord::FILE) {
            return Err(Error::ForeignImage(folder));
        }
        let base = self.bases.base(group)?;
        let key = self.key(group, &base)?;
        if let Some(written) = self.unchanged(group, &folder, &key) {
            return Ok(Made::Written(Box::new(written)));
        }
        let composed = self.compose(group, &base)?;
        let findings = if self.audited { composed.findings } else { Vec::new() };
        if count(&findings, Level::Error) > 0 {
            return Ok(Made::Refused { image: group.name.clone(), findings });
        }
        let papers: Papers = composed.papers;
        let record = self.record(group, &base, &composed.layers, &papers, composed.unpacked)?;
        self.write(group, &folder, &papers, &record)?;
        self.keep_stamps(&folder, group, &key, composed.watched, &findings)?;
        let size = crate::message::bytes(record.size);
        self.shell
            .status("Packed", format!("{} ({size}, {} layers)", group.name, record.layers.len()));
        Ok(Made::Written(Box::new(Written { folder, record, findings, fresh: false })))
    }
}

/// The images that parts make: one a function, or one for all functions of one `image.name`. Extensions go
/// into every one that has a function which runs them beside it.
fn groups(parts: &[Part]) -> Result<Vec<Group<'_>>, Error> {
    let mut groups: BTreeMap<(String, Arch), Group<'_>> = BTreeMap::new();
    for part in parts.iter().filter(|part| part.function.role == Role::Function) {
        let Packaging::Image(wish) = &part.function.packaging else { continue };
        let arch = part.function.compile.target.arch;
        let name = wish.name_for(&part.function.name).to_owned();
        let new = || Group {
            name: name.clone(),
            arch,
            wish,
            functions: Vec::new(),
            extensions: Vec::new(),
        };
        let group = groups.entry((name.clone(), arch)).or_insert_with(new);
        if let Some(first) = group.functions.first() {
            together(&name, &first.function, &part.function)?;
        }
        group.functions.push(part);
    }
    for part in parts.iter().filter(|part| part.function.role != Role::Function) {
        for group in groups.values_mut() {
            if group.functions.iter().any(|it| it.function.takes(&part.function)) {
                group.extensions.push(part);
            }
        }
    }
    if groups.is_empty() {
        return Err(Error::Usage(
            "no function is selected for an image: an extension alone makes none".to_owned(),
        ));
    }
    Ok(groups.into_values().collect())
}

/// Functions of one image are put on the same.
pub(super) fn together(name: &str, first: &Function, other: &Function) -> Result<(), Error> {
    let (Packaging::Image(one), Packaging::Image(two)) = (&first.packaging, &other.packaging)
    else {
        return Ok(());
    };
    let mut differs = one.differs(two);
    differs.extend((first.runtime != other.runtime).then_some("runtime"));
    if differs.is_empty() {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "`{}` and `{}` are functions of the image `{name}`, and differ in `{}`: set the same for both, or \
         give one of them another `image.name`",
        first.name,
        other.name,
        differs.join("`, `")
    )))
}

/// Where the program of a function, or of an extension, is in an image, without a slash at the beginning;
/// `alone` if the image has no other function.
pub(super) fn place(function: &Function, alone: bool) -> String {
    let Function { role, name, .. } = function;
    let inside = match role {
        Role::Function if !alone => name.to_string(),
        _ => role.archive_path(name),
    };
    format!("{}/{inside}", role.unpacked_at().trim_start_matches('/'))
}

impl Part {
    /// What it is called where Lambda has it, without a slash at the beginning.
    fn place(&self, alone: bool) -> String {
        place(&self.function, alone)
    }

    fn trust(&self) -> Trust {
        Trust::new(self.function.trust_system.clone())
    }

    /// The key of all that its files follow from, but their contents.
    fn key(&self, job: &Job, prepared: Option<&Sha256>) -> Result<String, Error> {
        let tree = (job.includes(&self.function)?, job.assets(&self.function)?);
        Ok(format!("{:?}", (&self.function, self.artifact.executable.as_path(), tree, prepared)))
    }

    fn settle(&self) {
        // What was linked a moment ago could be linked again without another time.
        files::settle(&self.artifact.executable);
    }
}
