//! `--build`: docker, podman or buildah builds each image; what comes of it is checked.

use std::path::Path;

use crate::audit::Level;
use crate::blobs::{self, Place};
use crate::cli::args::Builder as Tool;
use crate::dockerfile::{Dockerfile, Image, platform, repository};
use crate::error::{Aim, Error, FindingsError};
use crate::files;
use crate::image::lint::lint;
use crate::message::{Message, count};
use crate::process::Step;
use crate::shell::Shell;
use crate::toolchain;

/// What building needs to know.
pub(super) struct Builder<'a> {
    pub(super) draft: &'a Dockerfile,
    pub(super) file: &'a Path,
    pub(super) ignore: &'a Path,
    pub(super) root: &'a Path,
    /// Where archives lie until they are checked.
    pub(super) scratch: &'a Path,
    /// Not with `--no-check`.
    pub(super) audited: bool,
    pub(super) shell: &'a Shell,
}

impl Builder<'_> {
    /// Builds all; every image is checked, whatever is found in another.
    pub(super) fn run(&self, tool: Tool) -> Result<(), Error> {
        let tool = self.choose(tool)?;
        let mut refused: Vec<(String, usize)> = Vec::new();
        for image in &self.draft.images {
            let errors = self.image(tool, image)?;
            if errors > 0 {
                refused.push((image.stage.clone(), errors));
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        Err(Error::Findings(FindingsError {
            errors: refused.iter().map(|(_, errors)| errors).sum(),
            things: refused.into_iter().map(|(image, _)| image).collect(),
            aim: Aim::Look,
        }))
    }

    /// The one that is asked for; else the first that is there. A docker without its daemon is none.
    fn choose(&self, tool: Tool) -> Result<Tool, Error> {
        if tool != Tool::Auto {
            return if toolchain::is_there(name(tool)) {
                Ok(tool)
            } else {
                Err(missing(name(tool)))
            };
        }
        for tool in [Tool::Docker, Tool::Podman, Tool::Buildah] {
            if !toolchain::is_there(name(tool)) {
                continue;
            }
            let question = Step::new("docker", ["version", "--format", "{{.Server.Version}}"]);
            if tool != Tool::Docker || question.quiet_output().is_ok() {
                return Ok(tool);
            }
            self.shell.detail("Skipped", "docker, whose daemon does not answer");
        }
        Err(missing("docker, podman or buildah"))
    }

    /// How many errors are found in an image.
    fn image(&self, tool: Tool, image: &Image) -> Result<usize, Error> {
        let tag = tag(self.draft, image);
        self.shell.status("Building", format!("{tag} with {}", name(tool)));
        self.do_step(image, &self.build(tool, image, &tag))?;
        files::create_folder(self.scratch)?;
        let folder = tempfile::Builder::new().prefix(".lambda-pack-").tempdir_in(self.scratch)?;
        let archive = folder.path().join("image.tar");
        self.do_step(image, &save(tool, &tag, &archive))?;
        let place = match tool {
            Tool::Docker => Place::DockerArchive(archive, None),
            _ => Place::OciArchive(archive, None),
        };
        let opened = blobs::open(&place, image.arch)?;
        let program = image.programs.iter().filter(|program| !program.extension);
        let entries = program.map(|program| vec![format!("/{}", program.to)]).collect();
        let threads = crate::jobs::cores();
        let seen = blobs::scan(&tag, &opened, Some(image.arch), entries, threads);
        let findings = if self.audited { lint(&seen) } else { Vec::new() };
        for finding in &findings {
            self.shell.finding(finding);
            if self.shell.is_json() {
                self.shell.record(&finding.into())?;
            }
        }
        let errors = count(&findings, Level::Error);
        let warnings = count(&findings, Level::Warning);
        if self.shell.is_json() {
            self.shell.record(&Message::Checked {
                thing: &tag,
                architecture: Some(image.arch.aws_name()),
                runtime: None,
                glibc_needed: None,
                errors,
                warnings,
                notes: count(&findings, Level::Note),
            })?;
        } else {
            let verdict = match (errors, warnings) {
                _ if !self.audited => "not checked".to_owned(),
                (0, 0) => "ok".to_owned(),
                _ => format!("{errors} errors, {warnings} warnings"),
            };
            self.shell.answer(format!("{tag}  {}  {verdict}", image.arch))?;
        }
        Ok(errors)
    }

    fn do_step(&self, image: &Image, step: &Step) -> Result<(), Error> {
        self.shell.detail("Running", format!("`{step}`"));
        // Their words are for people: standard output is ours.
        step.interactive().map_err(|source| Error::Builder { image: image.name.clone(), source })
    }

    fn build(&self, tool: Tool, image: &Image, tag: &str) -> Step {
        let mut words: Vec<std::ffi::OsString> = match tool {
            Tool::Docker => ["buildx", "build", "--provenance=false", "--sbom=false", "--load"]
                .map(Into::into)
                .into(),
            Tool::Podman => vec!["build".into(), "--ignorefile".into(), self.ignore.into()],
            Tool::Buildah | Tool::Auto => {
                vec!["build".into(), "--layers".into(), "--ignorefile".into(), self.ignore.into()]
            }
        };
        words
            .extend(["--platform", platform(image.arch), "--target", &image.stage].map(Into::into));
        words.extend(["--tag", tag].map(Into::into));
        words.extend(["--file".into(), self.file.into(), self.root.into()]);
        Step::new(name(tool), words)
    }
}

/// The image's name in the tool's own store; with the architecture, where it is built for both.
fn tag(draft: &Dockerfile, image: &Image) -> String {
    let both = draft.images.iter().filter(|other| other.name == image.name).count() > 1;
    let tag = if both { image.arch.aws_name() } else { "latest" };
    format!("localhost/{}:{tag}", repository(&image.name))
}

fn save(tool: Tool, tag: &str, archive: &Path) -> Step {
    match tool {
        Tool::Docker => Step::new(
            "docker",
            ["save".into(), "--output".into(), archive.into(), tag.into()]
                as [std::ffi::OsString; 4],
        ),
        Tool::Podman => {
            let words = ["save", "--quiet", "--format", "oci-archive", "--output"].map(Into::into);
            Step::new(
                "podman",
                words.into_iter().chain([archive.into(), std::ffi::OsString::from(tag)]),
            )
        }
        Tool::Buildah | Tool::Auto => {
            let mut to = std::ffi::OsString::from("oci-archive:");
            to.push(archive);
            Step::new("buildah", ["push".into(), "--quiet".into(), tag.into(), to])
        }
    }
}

const fn name(tool: Tool) -> &'static str {
    match tool {
        Tool::Docker => "docker",
        Tool::Podman => "podman",
        Tool::Buildah | Tool::Auto => "buildah",
    }
}

fn missing(what: &str) -> Error {
    Error::Missing { what: what.to_owned(), commands: Vec::new(), source: None }
}
