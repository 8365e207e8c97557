//! What is written, and what is said of it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::base::Base;
use super::{Group, Imager, Made, Written};
use crate::audit::{Finding, Level};
use crate::blobs::{self, BlobError, Content, Papers};
use crate::cli::args::Archive;
use crate::cli::lower::shown;
use crate::cli::package::json;
use crate::digest::Sha256;
use crate::dockerfile::repository;
use crate::error::{Aim, Error, FindingsError};
use crate::files::{self, Staging, Watched};
use crate::image::manifest::MediaTypes;
use crate::image::record::{FunctionRecord, ImageRecord, LayerRecord};
use crate::message::{Keep, Message, Table, bytes, count};
use crate::shell::Shell;
use crate::stamps::{Stamps, Verdict};

/// The name of the image in its layout.
const TAG: &str = "latest";

impl Imager<'_> {
    /// The digest of all that an image follows from, but the contents of files.
    pub(super) fn key(&self, group: &Group<'_>, base: &Base) -> Result<Sha256, Error> {
        let mut parts = Vec::new();
        for part in group.functions.iter().chain(&group.extensions) {
            parts.push(part.key(self.job, self.prepared.get(&part.function.compile))?);
        }
        let made = (env!("CARGO_PKG_VERSION"), self.tool, self.audited, self.job.plan.time);
        let base = (base.name(), base.digest());
        let how = (&self.job.options.profile, self.archive, &self.job.rustc);
        Ok(Sha256::of(
            format!("{:?}", (made, how, base, &group.name, group.wish, parts)).as_bytes(),
        ))
    }

    /// The image that is there, if it is what would be made now.
    pub(super) fn unchanged(
        &self,
        group: &Group<'_>,
        folder: &Path,
        key: &Sha256,
    ) -> Option<Written> {
        let place = self.job.output.stamps(folder);
        let text = files::read_settings(&place).ok()??;
        let stamps = Stamps::decode(text.as_bytes(), key, &self.searched(group))?;
        let today = match stamps.judge(&files::disk()) {
            Verdict::Fresh => stamps,
            Verdict::Touched(today) => {
                // Without it, the digests are asked for again the next time.
                let _ = files::write_atomically(&place, &today.encode());
                *today
            }
            Verdict::Stale => return None,
        };
        let text = files::read_text(&folder.join(ImageRecord::FILE)).ok()?;
        let mut record: ImageRecord = serde_json::from_str(&text).ok()?;
        // Blobs are shared with other images, whose making changes their stamps: names and lengths tell.
        let place = folder.join(ImageRecord::LAYOUT).join("blobs/sha256");
        let is_there = |layer: &LayerRecord| {
            let name = layer.digest.trim_start_matches("sha256:");
            std::fs::metadata(place.join(name)).is_ok_and(|it| blobs::is_as_kept(&it, layer.size))
        };
        // Manifest and configuration as well.
        let count = std::fs::read_dir(&place).ok()?.count();
        let distinct: BTreeSet<&str> = record.layers.iter().map(|it| it.digest.as_str()).collect();
        let archive = record.archive.as_ref().is_none_or(|name| folder.join(name).is_file());
        if !(record.layers.iter().all(is_there) && count == distinct.len() + 2 && archive) {
            return None;
        }
        if record.commit.as_deref() != self.commit {
            record.commit = self.commit.map(str::to_owned);
            files::write_atomically(&folder.join(ImageRecord::FILE), &json(&record)).ok()?;
        }
        self.shell.detail("Fresh", &group.name);
        let (folder, findings) = (folder.to_path_buf(), today.findings()?);
        Some(Written { folder, record, findings, fresh: true })
    }

    /// The folders in which libraries of a group are looked for.
    fn searched(&self, group: &Group<'_>) -> Vec<PathBuf> {
        let parts = group.functions.iter().chain(&group.extensions);
        let mut all: Vec<PathBuf> = parts
            .flat_map(|part| self.job.library_folders(&part.function, &part.artifact))
            .collect();
        all.dedup();
        all
    }

    pub(super) fn keep_stamps(
        &self,
        folder: &Path,
        group: &Group<'_>,
        key: &Sha256,
        watched: Watched,
        findings: &[Finding],
    ) -> Result<(), Error> {
        // What was read is a few files: what of them is only looked for needs no digest.
        let Some(inputs) = watched.finish(files::digest) else { return Ok(()) };
        let index = folder.join(ImageRecord::LAYOUT).join("index.json");
        files::settle(&index);
        let digest = files::digest(&index);
        let outputs = digest.map(|digest| files::written(&index, index.clone(), digest));
        let stamps = Stamps::new(
            key,
            inputs,
            outputs.into_iter().collect(),
            Some(self.searched(group)),
            findings,
        );
        Ok(files::write_atomically(&self.job.output.stamps(folder), &stamps.encode())?)
    }

    pub(super) fn record(
        &self,
        group: &Group<'_>,
        base: &Base,
        layers: &[(String, Sha256, u64, Sha256)],
        papers: &Papers,
        unpacked: u64,
    ) -> Result<ImageRecord, Error> {
        let types = if group.wish.docker { MediaTypes::Docker } else { MediaTypes::Oci };
        let mut size = 0;
        for digest in [&papers.manifest, &papers.config] {
            size += self
                .bases
                .store
                .open(digest)
                .map(|file| file.metadata().map_or(0, |it| it.len()))?;
        }
        let alone = group.functions.len() == 1;
        let function = |part: &&super::Part| FunctionRecord {
            function: part.function.name.to_string(),
            package: part.function.handler.package.clone(),
            handler: part.function.handler.target.clone(),
            entry_point: (!alone).then(|| vec![format!("/{}", part.place(alone))]),
        };
        Ok(ImageRecord {
            format: ImageRecord::FORMAT,
            image: group.name.clone(),
            architecture: group.arch.aws_name().to_owned(),
            base: base.name().to_owned(),
            base_digest: base.digest().map(|digest| digest.to_string()),
            digest: papers.manifest.to_string(),
            media_type: types.manifest(),
            size: size + layers.iter().map(|layer| layer.2).sum::<u64>(),
            unpacked,
            layers: layers
                .iter()
                .map(|(what, digest, size, diff_id)| LayerRecord {
                    what: what.clone(),
                    digest: digest.to_string(),
                    size: *size,
                    diff_id: diff_id.to_string(),
                })
                .collect(),
            functions: group.functions.iter().map(function).collect(),
            archive: self.archive.map(|_| ImageRecord::ARCHIVE.to_owned()),
            commit: self.commit.map(str::to_owned),
        })
    }

    /// Puts the folder of an image in its place, whole or not at all.
    pub(super) fn write(
        &self,
        group: &Group<'_>,
        folder: &Path,
        papers: &Papers,
        record: &ImageRecord,
    ) -> Result<(), Error> {
        let staging = Staging::new(folder, || {
            let place = shown(folder);
            self.shell.status("Blocking", format!("waiting for another process at {place}"));
        })?;
        // As registries and docker take it.
        let name = format!("{}:{TAG}", repository(&group.name));
        if self.archive.is_some() && repository(&group.name) != group.name {
            let archive = ImageRecord::ARCHIVE;
            self.shell.status("Naming", format!("{} in {archive}: {name}", group.name));
        }
        let (index, of_archive) = (papers.index(TAG)?, papers.index(&name)?);
        let mut content = Content {
            index: &index,
            manifest: &papers.manifest,
            config: &papers.config,
            layers: &papers.layers,
            name: &name,
        };
        let layout = staging.folder().join(ImageRecord::LAYOUT);
        files::create_folder(&layout)?;
        blobs::write_layout(&layout, &content, &self.bases.store)?;
        if let Some(kind) = self.archive {
            let path = staging.folder().join(ImageRecord::ARCHIVE);
            let failed = |source| BlobError::Write { path: path.clone(), source };
            let mut out = BufWriter::new(File::create_new(&path).map_err(failed)?);
            let kind = match kind {
                Archive::Oci => blobs::Archive::Oci,
                Archive::Docker => blobs::Archive::Docker,
            };
            let time = self.job.plan.time.unix().unwrap_or_default();
            // There the whole name is what `podman load` gives the image.
            content.index = &of_archive;
            blobs::write_archive(kind, &content, &self.bases.store, time, (&mut out, &path))?;
            std::io::Write::flush(&mut out).map_err(failed)?;
        }
        staging.create_with(ImageRecord::FILE, &json(record))?;
        Ok(staging.publish(ImageRecord::FILE)?)
    }
}

/// The answer, and what went wrong.
pub(in crate::cli) fn report(
    all: Vec<Result<Made, Error>>,
    base: &Path,
    answers: bool,
    shell: &Shell,
) -> (Vec<Error>, Result<(), Error>) {
    let (mut written, mut refused, mut errors) = (Vec::new(), Vec::new(), Vec::new());
    let mut shown = Ok(());
    for made in all {
        match made {
            Ok(Made::Written(one)) => {
                shown = shown.and(say(&one.findings, shell));
                written.push(*one);
            }
            Ok(Made::Refused { image, findings }) => {
                shown = shown.and(say(&findings, shell));
                refused.push((image, findings));
            }
            Err(error) => errors.push(error),
        }
    }
    if !refused.is_empty() {
        errors.push(Error::Findings(FindingsError {
            errors: refused.iter().map(|(_, findings)| count(findings, Level::Error)).sum(),
            things: refused.into_iter().map(|(image, _)| image).collect(),
            aim: Aim::Package,
        }));
    }
    let answered =
        shown.and_then(|()| if answers { answer(&written, base, shell) } else { Ok(()) });
    (errors, answered)
}

fn say(findings: &[Finding], shell: &Shell) -> Result<(), Error> {
    for finding in findings {
        shell.finding(finding);
        if shell.is_json() {
            shell.record(&finding.into())?;
        }
    }
    Ok(())
}

fn answer(written: &[Written], base: &Path, shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        for Written { folder, record, fresh, .. } in written {
            shell.record(&Message::Image {
                folder: folder.display().to_string(),
                fresh: *fresh,
                record,
            })?;
        }
        return Ok(());
    }
    if written.is_empty() {
        return Ok(());
    }
    let row = |one: &Written| {
        let record = &one.record;
        vec![
            record.image.clone(),
            record.architecture.clone(),
            record.layers.len().to_string(),
            bytes(record.size),
            record.digest.clone(),
        ]
    };
    let rows = written.iter().map(row).collect();
    let table = Table::new(&["IMAGE", "ARCH", "LAYERS", "SIZE", "DIGEST"], rows);
    for line in table.fit(shell.stdout_width(), 4, 20, Keep::Start).lines(&[2, 3]) {
        shell.answer(line)?;
    }
    match written.iter().filter(|one| one.fresh).count() {
        fresh if fresh == written.len() => shell.status("Unchanged", format!("in {}", shown(base))),
        0 => shell.status("Written", format!("to {}", shown(base))),
        fresh => shell.status("Written", format!("to {}; {fresh} unchanged", shown(base))),
    }
    Ok(())
}
