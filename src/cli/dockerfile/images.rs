//! The images of a Dockerfile: the same that `--format image` makes.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Drafter, names};
use crate::cli::build::{assets, includes};
use crate::cli::image::{SCRATCH, name_of, place, together};
use crate::cli::locked;
use crate::dockerfile::{Image, Program};
use crate::error::Error;
use crate::function::{Function, ImageWish, Packaging, Role};
use crate::lock::Lock;
use crate::reference::{NoReference, Reference};
use crate::target::{Arch, Libc, Runtime};
use crate::tree::{Mode, Source};

/// The repository of AWS's own images of the runtimes, on its two registries.
const AWS: [&str; 2] = ["public.ecr.aws/lambda/provided", "docker.io/amazon/aws-lambda-provided"];

/// The functions of an image.
struct Group<'a> {
    wish: &'a ImageWish,
    runtime: Runtime,
    functions: Vec<&'a Function>,
}

impl Drafter<'_> {
    pub(super) fn images(&self) -> Result<Vec<Image>, Error> {
        let groups = self.groups()?;
        let all: Vec<&str> = groups.keys().map(|(name, _)| name.as_str()).collect();
        let lock = locked::read(&self.root)?;
        let mut images = Vec::new();
        for ((name, arch), group) in &groups {
            let stage = names(&all, name, *arch);
            images.push(self.image(name, *arch, stage, group, &lock)?);
        }
        let mut stages: Vec<&str> = images.iter().map(|image| image.stage.as_str()).collect();
        stages.sort_unstable();
        if let Some([same, ..]) = stages.windows(2).find(|two| two.first() == two.last()) {
            return Err(Error::Usage(format!(
                "two images would have the stage `{same}`, for Docker knows no capital letters there: \
                 give one of them another `image.name`"
            )));
        }
        Ok(images)
    }

    fn groups(&self) -> Result<BTreeMap<(String, Arch), Group<'_>>, Error> {
        let mut groups: BTreeMap<(String, Arch), Group<'_>> = BTreeMap::new();
        for function in self.plan.functions.iter().filter(|it| it.role == Role::Function) {
            let Packaging::Image(wish) = &function.packaging else { continue };
            let name = wish.name_for(&function.name).to_owned();
            let arch = function.compile.target.arch;
            let new = || Group { wish, runtime: function.runtime, functions: Vec::new() };
            let group = groups.entry((name.clone(), arch)).or_insert_with(new);
            if let Some(first) = group.functions.first() {
                together(&name, first, function)?;
            }
            group.functions.push(function);
        }
        if groups.is_empty() {
            return Err(Error::Usage(
                "no function is selected for an image: an extension alone makes none".to_owned(),
            ));
        }
        Ok(groups)
    }

    fn image(
        &self,
        name: &str,
        arch: Arch,
        stage: String,
        group: &Group<'_>,
        lock: &Lock,
    ) -> Result<Image, Error> {
        let taken = |it: &&Function| group.functions.iter().any(|function| function.takes(it));
        let extensions: Vec<&Function> = self.plan.functions.iter().filter(taken).collect();
        let all = || group.functions.iter().chain(&extensions).copied();
        let gnu = all().any(|it| it.compile.target.libc == Libc::Gnu);
        let base = base(name, group, lock, (&self.root, gnu))?;
        let alone = group.functions.len() == 1;
        let plain = base.as_ref().map(|(_, name)| name.as_str());
        let script = alone && plain.is_some_and(|name| AWS.contains(&name));
        let (mut programs, mut placed) = (Vec::new(), BTreeMap::new());
        for function in all() {
            let root = function.role.unpacked_at().trim_start_matches('/');
            let own = includes(function, &self.root, &self.outputs)?;
            let assets = assets(function, &self.root, &self.outputs)?;
            let own = own.iter().map(|it| (root, it)).chain(assets.iter().map(|it| ("opt", it)));
            for (root, (path, entry)) in own {
                let to = format!("{root}/{path}");
                let Source::File(from) = &entry.source else { continue };
                let from = self.below(from).ok_or_else(|| {
                    Error::Usage(format!("{} lies outside of the workspace", from.display()))
                })?;
                let mode = if entry.mode == Mode::Executable { 0o755 } else { 0o644 };
                if let Some((other, _)) = placed.insert(to.clone(), (from.clone(), mode))
                    && other != from
                {
                    return Err(Error::Usage(format!("{other} and {from} would both be /{to}")));
                }
            }
            programs.push(self.program(function, alone));
        }
        for program in &programs {
            if placed.contains_key(&program.to) {
                return Err(Error::Usage(format!("an included file would be /{}", program.to)));
            }
        }
        let certificates = match group.wish.certificates.as_deref() {
            Some("") => None,
            Some(path) => Some(Some(path.to_owned())),
            None => Some(None),
        };
        Ok(Image {
            name: name.to_owned(),
            stage,
            arch,
            base: base.map(|(reference, _)| reference),
            certificates,
            script,
            programs,
            files: placed.into_iter().map(|(to, (from, mode))| (from, to, mode)).collect(),
        })
    }

    fn program(&self, function: &Function, alone: bool) -> Program {
        let here = self.plan.functions.iter().position(|other| std::ptr::eq(other, function));
        let build =
            self.plan.runs.iter().position(|run| here.is_some_and(|at| run.members.contains(&at)));
        Program {
            build: build.unwrap_or_default(),
            name: function.name.to_string(),
            to: place(function, alone),
            extension: function.role != Role::Function,
        }
    }
}

/// The reference of a base, with its digest where it is known, and its name without tag and digest;
/// none for nothing.
fn base(
    image: &str,
    group: &Group<'_>,
    lock: &Lock,
    (root, gnu): (&Path, bool),
) -> Result<Option<(String, String)>, Error> {
    let name = name_of(group.wish, group.runtime);
    if name == SCRATCH {
        if gnu {
            return Err(Error::Usage(format!(
                "the image `{image}` is from scratch, and programs in it need glibc: build with \
                 `--libc musl`, or name another base"
            )));
        }
        return Ok(None);
    }
    // As `--format image` reads it.
    let on_disk = ["oci:", "oci-archive:", "docker-archive:"].iter().any(|it| name.starts_with(it));
    if on_disk || root.join(&name).exists() {
        return Err(Error::Usage(format!(
            "a Dockerfile takes bases of registries only, and {name} is on this machine: name another \
             with `--base`, or use `--format image`"
        )));
    }
    let reference: Reference =
        name.trim_start_matches("docker://").parse().map_err(|error: NoReference| {
            Error::Usage(format!(
                "a Dockerfile takes bases of registries only: {error}. Name one with `--base`, or use \
                 `--format image`"
            ))
        })?;
    let plain = reference.name();
    let digest = lock.bases.get(&name).filter(|_| reference.digest().is_none());
    let pinned =
        digest.map_or_else(|| reference.to_string(), |digest| reference.at(*digest).to_string());
    Ok(Some((pinned, plain)))
}
