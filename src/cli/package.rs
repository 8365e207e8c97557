//! `package`: build, audit, write.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};

use super::args::{Global, Package};
use super::build::{self, Job};
use super::lower::shown;
use crate::artifact::Artifact;
use crate::audit::{self, Content, Finding, Inspected, Level, Trust};
use crate::bundle::{self, Access, Bundle, Gate, LinkerRecord, Record, Sizes};
use crate::error::{Error, FindingsError};
use crate::files::{self, Staging};
use crate::function::{Function, Role};
use crate::message::{Keep, Message, Table, bytes, count};
use crate::shell::Shell;
use crate::toolchain;
use crate::tree::Tree;

/// What became of one function.
enum Outcome {
    Written { folder: PathBuf, record: Box<Record>, findings: Vec<Finding> },
    Refused { function: String, findings: Vec<Finding> },
}

/// What packing needs to know beside the plan.
struct Packer<'a> {
    job: &'a Job,
    commit: Option<String>,
    /// Not with `--no-check`.
    audited: bool,
    gate: Gate,
    shell: &'a Shell,
}

pub(super) fn run(args: &Package, global: &Global, shell: &Shell) -> Result<(), Error> {
    let out = args.out.as_deref();
    let job = Job::new(&args.build, &args.audit, global, out, args.layout.is_some(), shell)?;
    let base = &job.output.base;
    if base.exists() && !base.is_dir() {
        return Err(Error::Usage(format!("{} is not a folder", base.display())));
    }
    let commit = toolchain::commit(job.metadata.workspace_root.as_std_path());
    let gate = Gate::default();
    let audited = !args.no_check;
    let packer = Packer { job: &job, commit, audited, gate, shell };
    let (results, failed) = job.run(shell, |function, artifact| packer.pack(function, artifact));
    packer.report(results, failed)
}

impl Packer<'_> {
    /// One function, from its executable to its folder. Nothing of what was there is touched
    /// before the new folder is whole.
    fn pack(&self, function: &Function, artifact: &Artifact) -> Result<Outcome, Error> {
        let folder = self.job.output.folder(function);
        if !files::is_ours(&folder) {
            return Err(Error::Foreign(folder));
        }
        let staging = Staging::new(&folder, || {
            self.shell
                .status("Blocking", format!("waiting for another process at {}", shown(&folder)));
        })?;
        // What is audited, zipped and copied is this one file, whoever builds meanwhile.
        let program = function.role.file_name(&function.name);
        let executable = staging.copy_executable(&artifact.executable, &program)?;
        let contents = self.job.contents(function, artifact, &executable, self.shell)?;
        let mut findings = Vec::new();
        if self.audited {
            let trust = Trust::new(function.trust_system.clone());
            findings = audit::audit(&Job::subject(function, &contents), &trust)?;
        }
        if count(&findings, Level::Error) > 0 {
            return Ok(Outcome::Refused { function: function.name.to_string(), findings });
        }
        let zip = format!("{program}.zip");
        let bundle = self.write_zip(function, &contents.tree, &staging, &zip)?;
        let record = self.record(function, &bundle, &contents.files, zip);
        staging.create_with(Record::FILE, &json(&record))?;
        staging.publish(Record::FILE)?;
        self.copy_layout(function, &folder, &program)?;
        if self.audited {
            findings.extend(audit::zip_size(function.name.as_str(), bundle.length));
        }
        self.shell.status("Packed", format!("{} ({})", function.name, bytes(bundle.length)));
        Ok(Outcome::Written { folder, record: Box::new(record), findings })
    }

    fn write_zip(
        &self,
        function: &Function,
        tree: &Tree,
        staging: &Staging,
        name: &str,
    ) -> Result<Bundle, Error> {
        let access = Access {
            open: &files::open,
            spool: &|| files::spool(staging.folder()),
            gate: &self.gate,
        };
        let failed = |source| Error::Bundle { function: function.name.to_string(), source };
        let mut out = BufWriter::new(staging.create(name)?);
        let plan = &self.job.plan;
        let bundle =
            bundle::write_zip(tree, plan.level, plan.time, &access, &mut out).map_err(failed)?;
        out.flush().map_err(|error| failed(bundle::BundleError::Write(error)))?;
        Ok(bundle)
    }

    fn record(
        &self,
        function: &Function,
        bundle: &Bundle,
        inspected: &[Inspected],
        zip: String,
    ) -> Record {
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
            glibc_needed: audit::glibc_needed(inspected),
            sizes: Sizes {
                executable: executable.map_or(0, |file| file.length),
                unpacked: bundle.unpacked_size(),
                zip: bundle.length,
            },
            code_sha256: bundle.digest.base64(),
            zip,
            files: bundle.files.iter().map(Into::into).collect(),
            commit: self.commit.clone(),
            rustc: self.job.rustc.version.clone(),
            linker: LinkerRecord { comments, ..self.job.linker(function) },
        }
    }

    /// `--layout cargo-lambda`: the same two files where that tool puts them.
    fn copy_layout(&self, function: &Function, folder: &Path, program: &str) -> Result<(), Error> {
        let Some(base) = &self.job.output.cargo_lambda else { return Ok(()) };
        let place = base.join(match function.role {
            Role::Function => function.name.as_str(),
            Role::ExternalExtension | Role::InternalExtension => "extensions",
        });
        files::copy_atomically(&folder.join(program), &place.join(program), 0o755)?;
        let zip = format!("{program}.zip");
        Ok(files::copy_atomically(&folder.join(&zip), &place.join(&zip), 0o644)?)
    }

    /// The answer, then what went wrong.
    fn report(
        &self,
        results: Vec<Result<Outcome, Error>>,
        failed: Option<Error>,
    ) -> Result<(), Error> {
        let mut shown = Ok(());
        let mut written = Vec::new();
        let mut refused = Vec::new();
        let mut errors = Vec::new();
        for result in results {
            match result {
                Ok(Outcome::Written { folder, record, findings }) => {
                    shown = shown.and(self.show(&findings));
                    written.push((folder, record));
                }
                Ok(Outcome::Refused { function, findings }) => {
                    shown = shown.and(self.show(&findings));
                    refused.push((function, findings));
                }
                Err(error) => errors.push(error),
            }
        }
        if self.job.output.index && !written.is_empty() {
            errors.extend(self.write_index().err());
        }
        let answered = shown.and_then(|()| self.answer(&written));
        if !refused.is_empty() {
            errors.push(Error::Findings(FindingsError {
                errors: refused.iter().map(|(_, findings)| count(findings, Level::Error)).sum(),
                things: refused.into_iter().map(|(function, _)| function).collect(),
                packaging: true,
            }));
        }
        build::combine(failed, errors, answered)
    }

    fn show(&self, findings: &[Finding]) -> Result<(), Error> {
        for finding in findings {
            self.shell.finding(finding);
            if self.shell.is_json() {
                self.shell.record(&finding.into())?;
            }
        }
        Ok(())
    }

    fn answer(&self, written: &[(PathBuf, Box<Record>)]) -> Result<(), Error> {
        if self.shell.is_json() {
            for (folder, record) in written {
                self.shell.record(&Message::Bundle {
                    folder: folder.display().to_string(),
                    path: folder.join(&record.zip).display().to_string(),
                    record,
                })?;
            }
            return Ok(());
        }
        if written.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = written.iter().map(|(_, record)| row(record)).collect();
        for line in lines(rows, self.shell.stdout_width()) {
            self.shell.answer(line)?;
        }
        self.shell.status("Written", format!("to {}", shown(&self.job.output.base)));
        Ok(())
    }

    /// `index.json`: every bundle below the output folder, those of earlier runs too.
    fn write_index(&self) -> Result<(), Error> {
        let base = &self.job.output.base;
        let mut bundles = Vec::new();
        for path in files::records(base)? {
            let text = files::read_text(&path)?;
            let record: serde_json::Value = serde_json::from_str(&text)
                .map_err(|source| Error::Record { path: path.display().to_string(), source })?;
            let folder = path.parent().and_then(|folder| folder.strip_prefix(base).ok());
            let folder = folder.unwrap_or(&path).display().to_string();
            bundles.push(serde_json::json!({ "folder": folder, "record": record }));
        }
        let index = serde_json::json!({ "format": Record::FORMAT, "bundles": bundles });
        Ok(files::write_atomically(&base.join("index.json"), &json(&index))?)
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    // Our own records have no maps with other than string keys: this cannot fail.
    let mut text = serde_json::to_vec_pretty(value).unwrap_or_default();
    text.push(b'\n');
    text
}

fn row(record: &Record) -> Vec<String> {
    vec![
        record.function.clone(),
        record.architecture.clone(),
        bytes(record.sizes.executable),
        bytes(record.sizes.zip),
        record.code_sha256.clone(),
    ]
}

/// The table; where it is too wide for the terminal, each digest stands below its row, whole.
fn lines(rows: Vec<Vec<String>>, width: Option<usize>) -> Vec<String> {
    let whole = Table::new(&["FUNCTION", "ARCH", "RAW", "ZIP", "CODESHA256"], rows.clone());
    let right = &[2, 3];
    if width.is_none_or(|width| whole.total_width() <= width) {
        return whole.lines(right);
    }
    let digests: Vec<String> = rows.iter().filter_map(|row| row.get(4).cloned()).collect();
    let rows = rows.into_iter().map(|row| row.into_iter().take(4).collect()).collect();
    let narrow =
        Table::new(&["FUNCTION", "ARCH", "RAW", "ZIP"], rows).fit(width, 0, 20, Keep::Start);
    let below = std::iter::once("CODESHA256".to_owned()).chain(digests);
    let pairs = narrow.lines(right).into_iter().zip(below);
    pairs.flat_map(|(line, digest)| [line, format!("  {digest}")]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_never_cut() {
        let digest = "AoCFIb27DiHdbpMD8fN3b6xSFH2ByhA547E230t7q3Y=";
        let row =
            ["orders-api", "x86_64", "3.48 MB", "1.49 MB", digest].map(str::to_owned).to_vec();
        let narrow = lines(vec![row.clone()], Some(60));
        assert_eq!(
            narrow,
            [
                "FUNCTION    ARCH        RAW      ZIP",
                "  CODESHA256",
                "orders-api  x86_64  3.48 MB  1.49 MB",
                &format!("  {digest}"),
            ]
        );
        for width in [None, Some(90)] {
            assert!(lines(vec![row.clone()], width)[1].ends_with(digest));
        }
    }
}
