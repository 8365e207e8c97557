//! One function: from its executable to its folder, or nothing, if the folder is that already.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::build::{Contents, Job};
use super::libraries::Lookup;
use super::lower::shown;
use super::recorded::Asked;
use super::split::Own;
use crate::artifact::Artifact;
use crate::audit::{self, Content, Finding, Inspected, Level, Trust};
use crate::bundle::{self, Access, Bundle, BundleError, Gate, LinkerRecord, Record, Sizes};
use crate::compile::Compile;
use crate::digest::Sha256;
use crate::error::Error;
use crate::files::{self, Staging, Watched};
use crate::function::{Function, Role};
use crate::libraries;
use crate::message::{bytes, count};
use crate::shell::Shell;
use crate::stamps::{Input, Stamps, Verdict};
use crate::toolchain;
use crate::tree::{Source, Tree};

/// What became of one function.
pub(super) enum Outcome {
    Written(Box<Written>),
    Refused { function: String, findings: Vec<Finding> },
}

/// A bundle that is there.
pub(super) struct Written {
    pub(super) folder: PathBuf,
    pub(super) record: Record,
    pub(super) findings: Vec<Finding>,
    /// It was there before; else what it was made of, and where that is kept.
    pub(super) fresh: bool,
    pub(super) stamps: Option<(PathBuf, Stamps)>,
}

impl Written {
    /// Its place among the others.
    pub(super) fn place(&self) -> (&str, &str) {
        (&self.record.function, &self.record.architecture)
    }
}

/// What packing needs to know beside the plan.
pub(super) struct Packer<'a> {
    pub(super) job: &'a Job,
    /// Asked for once.
    pub(super) commit: OnceLock<Option<String>>,
    /// The length and the time of this program: another one might pack otherwise.
    pub(super) tool: Option<(u64, (i64, u32))>,
    /// The digest of what each way of compiling needs: it names every package's folder, so it is made
    /// once and not for every function.
    pub(super) prepared: BTreeMap<Compile, Sha256>,
    /// Not with `--no-check`.
    pub(super) audited: bool,
    pub(super) gate: Gate,
    /// What the record keeps of the flags.
    pub(super) asked: Asked,
    pub(super) shell: &'a Shell,
}

/// A function that is being packed.
struct Packing<'a> {
    function: &'a Function,
    artifact: &'a Artifact,
    folder: PathBuf,
    /// The name of the executable in it.
    program: String,
    /// The digest of every setting that the bundle follows from.
    key: Sha256,
    /// Where it is kept what the bundle was made of.
    place: PathBuf,
    /// The folders in which its libraries are looked for.
    searched: Vec<PathBuf>,
    /// What is in layers of it.
    own: &'a Own,
}

impl Packer<'_> {
    /// The commit that is built.
    pub(super) fn commit(&self) -> Option<&str> {
        let root = self.job.metadata.workspace_root.as_std_path();
        self.commit.get_or_init(|| toolchain::work_tree(root, &self.job.outputs)).as_deref()
    }

    /// One function. Nothing of what was there is touched before the new folder is whole.
    pub(super) fn pack(
        &self,
        function: &Function,
        artifact: &Artifact,
        own: &Own,
    ) -> Result<Outcome, Error> {
        let folder = self.job.output.folder(function);
        let place = self.job.output.stamps(&folder);
        // Its record may have been removed.
        if !files::is_ours(&folder, Record::FILE) && !place.is_file() {
            return Err(Error::Foreign(folder));
        }
        // What was linked a moment ago could be linked again without another time.
        files::settle(&artifact.executable);
        let tree = self.job.includes(function)?;
        let packing = Packing {
            function,
            artifact,
            program: function.role.file_name(&function.name),
            key: self.key(function, artifact, &tree, own),
            place,
            searched: self.job.library_folders(function, artifact),
            folder,
            own,
        };
        match self.unchanged(&packing) {
            Some(written) => Ok(Outcome::Written(Box::new(written))),
            None => self.make(packing, tree),
        }
    }

    /// All but contents: what is the same in the next run if nothing was set otherwise.
    fn key(&self, function: &Function, artifact: &Artifact, tree: &Tree, own: &Own) -> Sha256 {
        let Job { plan, rustc, options, output, .. } = self.job;
        let prepared = self.prepared.get(&function.compile);
        let tool = (env!("CARGO_PKG_VERSION"), self.tool);
        let made = (tool, self.audited, rustc, plan.time);
        let asked = self.asked.of(self.job, function);
        let how = (&options.profile, &output.cargo_lambda, prepared, asked, own);
        Sha256::of(
            format!("{:?}", (made, how, function, artifact.executable.as_path(), tree)).as_bytes(),
        )
    }

    /// The bundle that is there, if it is what would be made now.
    fn unchanged(&self, packing: &Packing<'_>) -> Option<Written> {
        let text = files::read_settings(&packing.place).ok()??;
        let stamps = Stamps::decode(text.as_bytes(), &packing.key, &packing.searched)?;
        let ours = stamps.outputs().iter().filter_map(|output| output.path.file_name());
        if !files::holds_only(&packing.folder, &ours.collect::<Vec<_>>()) {
            return None;
        }
        let today = match stamps.judge(&files::disk()) {
            Verdict::Fresh => stamps,
            Verdict::Touched(today) => {
                // Without it, the digests are asked for again the next time.
                let _ = files::write_atomically(&packing.place, &today.encode());
                *today
            }
            Verdict::Stale => return None,
        };
        let findings = today.findings()?;
        let path = packing.folder.join(Record::FILE);
        let text = files::read_text(&path).ok()?;
        let mut record: Record = serde_json::from_str(&text).ok()?;
        if record.commit.as_deref() != self.commit() {
            // Another commit of the same: the record alone is of today.
            record.commit = self.commit().map(str::to_owned);
            let text = super::package::json(&record);
            files::write_atomically(&path, &text).ok()?;
            files::settle(&path);
            let written = files::written(&path, path.clone(), Sha256::of(&text));
            let _ = files::write_atomically(&packing.place, &today.replaced(written).encode());
        }
        self.shell.detail("Fresh", &packing.function.name);
        let folder = packing.folder.clone();
        Some(Written { folder, record, findings, fresh: true, stamps: None })
    }

    fn make(&self, packing: Packing<'_>, tree: Tree) -> Result<Outcome, Error> {
        let Packing { function, artifact, folder, program, own, .. } = &packing;
        let watched = RefCell::new(Watched::default());
        watched.borrow_mut().add(&artifact.executable);
        for (_, entry) in tree.iter() {
            if let Source::File(path) = &entry.source {
                watched.borrow_mut().add(path);
            }
        }
        let staging = Staging::new(folder, || {
            self.shell
                .status("Blocking", format!("waiting for another process at {}", shown(folder)));
        })?;
        // What is audited, zipped and copied is this one file, whoever builds meanwhile.
        let executable = staging.copy_executable(&artifact.executable, program)?;
        let look = |path: &Path| {
            watched.borrow_mut().add(path);
            libraries::look(path)
        };
        let lookup =
            Lookup { function, artifact, folders: &packing.searched, look: &look, base: None };
        let mut contents = self.job.contents(&lookup, tree, &executable, self.shell)?;
        contents.split(own, function.name.as_str())?;
        let mut findings = self.audit(function, &contents)?;
        if count(&findings, Level::Error) > 0 {
            return Ok(Outcome::Refused { function: function.name.to_string(), findings });
        }
        let zip = format!("{program}.zip");
        let tree = (&contents.tree, function.level);
        let bundle = self.write_zip(function.name.as_str(), tree, &staging, &zip)?;
        let record = self.record(function, &bundle, &contents, (zip, own));
        let text = super::package::json(&record);
        staging.create_with(Record::FILE, &text)?;
        if self.audited {
            findings.extend(audit::zip_size(function.name.as_str(), bundle.length));
        }
        let digests = digests(&contents.tree, &bundle, &executable, &artifact.executable);
        let mut outputs: Vec<Input> = [
            (program.as_str(), digests.get(&artifact.executable).copied()),
            (record.zip.as_str(), Some(bundle.digest)),
            (Record::FILE, Some(Sha256::of(&text))),
        ]
        .into_iter()
        .filter_map(|(name, digest)| {
            Some(files::written(&staging.folder().join(name), folder.join(name), digest?))
        })
        .collect();
        staging.publish(Record::FILE)?;
        outputs.extend(self.copy_layout(&packing, &outputs)?);
        let known =
            |path: &Path| digests.get(path).or_else(|| digests.get(&files::real(path)?)).copied();
        let inputs = watched.into_inner().finish(known);
        self.shell.status("Packed", format!("{} ({})", function.name, bytes(bundle.length)));
        let Packing { folder, place, key, searched, .. } = packing;
        let searched = contents.is_dynamic.then_some(searched);
        let stamps =
            inputs.map(|inputs| (place, Stamps::new(&key, inputs, outputs, searched, &findings)));
        if let Some((place, stamps)) = &stamps {
            // Only now: what it stands for is there.
            files::write_atomically(place, &stamps.encode())?;
        }
        let written = Written { folder, record, findings, fresh: false, stamps };
        Ok(Outcome::Written(Box::new(written)))
    }

    fn audit(&self, function: &Function, contents: &Contents) -> Result<Vec<Finding>, Error> {
        if !self.audited {
            return Ok(Vec::new());
        }
        let trust = Trust::new(function.trust_system.clone());
        Ok(audit::audit(&Job::subject(function, contents), &trust)?)
    }

    /// The zip of a function or layer, into a folder that is being staged.
    pub(super) fn write_zip(
        &self,
        thing: &str,
        (tree, level): (&Tree, bundle::Level),
        staging: &Staging,
        name: &str,
    ) -> Result<Bundle, Error> {
        let access = Access {
            open: &files::open,
            spool: &|| files::spool(staging.folder()),
            gate: &self.gate,
        };
        let path = staging.folder().join(name);
        let failed = |error| match error {
            BundleError::Write(source) => Error::File(files::unwritten(&path, source)),
            source => Error::Bundle { function: thing.to_owned(), source },
        };
        let mut out = BufWriter::new(staging.create(name)?);
        let plan = &self.job.plan;
        let bundle =
            bundle::write_zip(tree, level, plan.time, &access, &mut out).map_err(failed)?;
        out.flush().map_err(|error| failed(BundleError::Write(error)))?;
        Ok(bundle)
    }

    fn record(
        &self,
        function: &Function,
        bundle: &Bundle,
        contents: &Contents,
        (zip, own): (String, &Own),
    ) -> Record {
        let inspected = &contents.files;
        let all: Vec<Inspected> = inspected.iter().chain(&contents.layered).cloned().collect();
        let program = function.role.archive_path(&function.name);
        let executable = inspected.iter().find(|file| file.path == program);
        let comments = match executable.map(|file| &file.content) {
            Some(Content::Elf(facts)) => facts.comments.clone(),
            _ => Vec::new(),
        };
        Record {
            format: Record::FORMAT,
            function: function.name.to_string(),
            role: function.role.word().to_owned(),
            package: function.handler.package.clone(),
            package_version: function.package_version.clone(),
            handler: function.handler.target.clone(),
            architecture: function.compile.target.arch.aws_name().to_owned(),
            target: function.compile.target.with_floor(),
            target_cpu: self.job.cpu(function),
            runtime: function.runtime.aws_name().to_owned(),
            profile: self.job.options.profile.clone(),
            glibc_needed: audit::glibc_needed(&all),
            sizes: Sizes {
                executable: executable.map_or(0, |file| file.length),
                unpacked: bundle.unpacked_size(),
                zip: bundle.length,
            },
            code_sha256: bundle.digest.base64(),
            zip,
            files: bundle.files.iter().map(Into::into).collect(),
            layers: own.uses.clone(),
            commit: self.commit().map(str::to_owned),
            rustc: self.job.rustc.version.clone(),
            linker: LinkerRecord { comments, ..self.job.linker(function) },
            build: Some(self.asked.of(self.job, function)),
        }
    }

    /// `--layout cargo-lambda`: the same two files where that tool puts them.
    fn copy_layout(&self, packing: &Packing<'_>, from: &[Input]) -> Result<Vec<Input>, Error> {
        let Packing { function, folder, program, .. } = packing;
        let Some(base) = &self.job.output.cargo_lambda else { return Ok(Vec::new()) };
        let place = base.join(match function.role {
            Role::Function => function.name.as_str(),
            Role::ExternalExtension | Role::InternalExtension => "extensions",
        });
        let mut copies = Vec::new();
        for (name, mode) in [(program.clone(), 0o755), (format!("{program}.zip"), 0o644)] {
            let (here, there) = (folder.join(&name), place.join(&name));
            files::copy_atomically(&here, &there, mode)?;
            let known = from.iter().find(|input| input.path == here).and_then(|i| i.seen.clone());
            copies.extend(known.and_then(|known| files::copied(&there, known.digest)));
        }
        Ok(copies)
    }
}

/// The digests of what was packed, by where it came from.
fn digests(
    tree: &Tree,
    bundle: &Bundle,
    staged: &Path,
    executable: &Path,
) -> BTreeMap<PathBuf, Sha256> {
    let source = |source: &Source| match source {
        Source::File(path) if path == staged => Some(executable.to_path_buf()),
        Source::File(path) => Some(path.clone()),
        Source::Bytes(_) => None,
    };
    let pairs = tree.iter().zip(&bundle.files);
    pairs.filter_map(|((_, entry), file)| Some((source(&entry.source)?, file.digest))).collect()
}
