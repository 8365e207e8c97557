//! `package`: build, audit, write.

use std::env;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use super::args::{Global, Package};
use super::build::Job;
use super::dockerfile;
use super::image::{self, Bases, Imager, Made, Part};
use super::lower::shown;
use super::pack::{Outcome, Packer, Written};
use super::prepare::Prepared;
use super::recorded::Asked;
use super::runs::combine;
use super::split::{self, Own};
use crate::artifact::Artifact;
use crate::audit::{Finding, Level};
use crate::bundle::{Gate, Record};
use crate::digest::Sha256;
use crate::error::{Aim, Error, FindingsError};
use crate::files;
use crate::function::{Function, Packaging};
use crate::message::{Keep, Message, Table, bytes, count};
use crate::shell::Shell;

pub(super) fn run(args: &Package, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.images.wants_dockerfile() {
        return dockerfile::run(args, global, shell);
    }
    if args.images.build_with.is_some() {
        return Err(Error::Usage("`--build` needs `--format dockerfile`".to_owned()));
    }
    let out = args.out.as_deref();
    let mut flags = args.build.compile.settings(&args.audit);
    flags.extend(args.images.settings());
    let job = Job::new(&args.build, flags, global, out, args.layout.is_some(), shell)?;
    let base = &job.output.base;
    if base.exists() && !base.is_dir() {
        return Err(Error::Usage(format!("{} is not a folder", base.display())));
    }
    image::asked(args, &job)?;
    let bases = Bases::new(&job, args.images.update_base, shell);
    bases.open_all(&job.plan.functions)?;
    let gate = Gate::default();
    let audited = !args.no_check;
    let asked = Asked::new(&args.build, &job, global);
    let tool = env::current_exe().ok().and_then(|path| files::stamp(&path));
    let tool = tool.map(|stamp| (stamp.size, stamp.modified));
    let commit = OnceLock::new();
    let of = |prepared: &Prepared| Sha256::of(format!("{prepared:?}").as_bytes());
    let prepared = job.prepared.iter().map(|(compile, one)| (compile.clone(), of(one))).collect();
    let packer = Packer { job: &job, commit, tool, prepared, audited, gate, asked, shell };
    let (results, failed) = thread::scope(|scope| {
        // While cargo builds.
        scope.spawn(|| packer.commit());
        job.run(shell, |function, artifact| packer.begin(function, artifact))
    });
    let is_built = failed.is_none() && results.iter().all(Result::is_ok);
    let (parts, mut results) = parts(results);
    let of_zips: Vec<Part> = parts.iter().filter(|part| packer.is_of_zip(part)).cloned().collect();
    let of_images: Vec<Part> =
        parts.into_iter().filter(|part| part.function.packaging != Packaging::Zip).collect();
    let mut layers = Vec::new();
    if is_built {
        match split::split(&packer, &of_zips) {
            Ok((written, more)) => {
                layers = written;
                results.extend(more);
            }
            Err(error) => results.push(Err(error)),
        }
    }
    let result = packer.report(results, &layers, failed, !args.for_verify);
    let result = if of_images.is_empty() || !is_built {
        result
    } else {
        images(&packer, args, bases, &of_images).and(result)
    };
    job.clock.show(shell);
    result
}

/// What became of a function as soon as it was built.
struct Begun {
    /// It, if it waits until all is built: for the image that it goes into, for what it shares in layers,
    /// or because it is an extension in layers of others.
    part: Option<Part>,
    /// What became of its own bundle.
    outcome: Option<Outcome>,
}

/// What waits, apart from what is a bundle already.
fn parts(begun: Vec<Result<Begun, Error>>) -> (Vec<Part>, Vec<Result<Outcome, Error>>) {
    let mut parts = Vec::new();
    let mut results = Vec::new();
    for one in begun {
        match one {
            Ok(Begun { part, outcome }) => {
                parts.extend(part);
                results.extend(outcome.map(Ok));
            }
            Err(error) => results.push(Err(error)),
        }
    }
    (parts, results)
}

fn images(
    packer: &Packer<'_>,
    args: &Package,
    bases: Bases<'_>,
    parts: &[Part],
) -> Result<(), Error> {
    let Packer { job, shell, .. } = *packer;
    let imager = Imager {
        job,
        commit: packer.commit(),
        tool: packer.tool,
        prepared: &packer.prepared,
        audited: packer.audited,
        archive: args.images.archive,
        bases,
        shell,
    };
    let made = imager.images(parts);
    let sound = |made: &Result<Made, Error>| matches!(made, Ok(Made::Written(_)));
    if made.iter().all(sound) {
        imager.bases.keep_lock()?;
        if made.iter().any(|made| matches!(made, Ok(Made::Written(one)) if !one.fresh)) {
            imager.bases.store.tidy();
        }
    }
    let written = made.iter().any(|made| matches!(made, Ok(Made::Written(_))));
    let (mut errors, answered) = image::report(made, &job.output.base, !args.for_verify, shell);
    if job.output.index && written {
        errors.extend(packer.write_index().err());
    }
    combine(None, errors, answered)
}

impl Packer<'_> {
    /// Packs what was built, unless it has to wait for the rest.
    fn begin(&self, function: &Function, artifact: &Artifact) -> Result<Begun, Error> {
        let part = Part { function: function.clone(), artifact: artifact.clone() };
        let is_zip = function.packaging == Packaging::Zip;
        if !is_zip || split::waits(function, &self.job.plan.functions) {
            return Ok(Begun { part: Some(part), outcome: None });
        }
        let outcome = Some(self.pack(function, artifact, &Own::default())?);
        Ok(Begun { part: self.is_of_zip(&part).then_some(part), outcome })
    }

    /// Whether something is decided over all zips that this is one of, or an extension of.
    fn is_of_zip(&self, part: &Part) -> bool {
        let all = &self.job.plan.functions;
        let takes =
            |other: &Function| other.takes(&part.function) && other.packaging == Packaging::Zip;
        split::waits(&part.function, all) || all.iter().any(takes)
    }

    /// The answer, then what went wrong.
    fn report(
        &self,
        results: Vec<Result<Outcome, Error>>,
        layers: &[split::Written],
        failed: Option<Error>,
        answers: bool,
    ) -> Result<(), Error> {
        settle(&results);
        let mut shown = Ok(());
        let mut written = Vec::new();
        let mut refused = Vec::new();
        let mut errors = Vec::new();
        for result in results {
            match result {
                Ok(Outcome::Written(one)) => {
                    shown = shown.and(self.show(&one.findings));
                    written.push(*one);
                }
                Ok(Outcome::Refused { function, findings }) => {
                    shown = shown.and(self.show(&findings));
                    refused.push((function, findings));
                }
                // Told apart before.
                Err(error) => errors.push(error),
            }
        }
        // Those that waited come last.
        written.sort_by(|a, b| a.place().cmp(&b.place()));
        if self.job.output.index && !written.is_empty() {
            errors.extend(self.write_index().err());
        }
        let layers = || split::answer(layers, self.shell);
        let answered = if answers {
            shown.and_then(|()| self.answer(&written)).and_then(|()| layers())
        } else {
            shown
        };
        if !refused.is_empty() {
            errors.push(Error::Findings(FindingsError {
                errors: refused.iter().map(|(_, findings)| count(findings, Level::Error)).sum(),
                things: refused.into_iter().map(|(function, _)| function).collect(),
                aim: Aim::Package,
            }));
        }
        combine(failed, errors, answered)
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

    fn answer(&self, written: &[Written]) -> Result<(), Error> {
        if self.shell.is_json() {
            for Written { folder, record, fresh, .. } in written {
                self.shell.record(&Message::Bundle {
                    folder: folder.display().to_string(),
                    path: folder.join(&record.zip).display().to_string(),
                    fresh: *fresh,
                    record,
                })?;
            }
            return Ok(());
        }
        if written.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = written.iter().map(|one| row(&one.record)).collect();
        for line in lines(rows, self.shell.stdout_width()) {
            self.shell.answer(line)?;
        }
        let base = shown(&self.job.output.base);
        match written.iter().filter(|one| one.fresh).count() {
            0 => self.shell.status("Written", format!("to {base}")),
            fresh if fresh == written.len() => self.shell.status("Unchanged", format!("in {base}")),
            fresh => self.shell.status("Written", format!("to {base}; {fresh} unchanged")),
        }
        Ok(())
    }

    /// `index.json`: every bundle below the output folder, those of earlier runs too.
    /// What is below the folder, whoever wrote it.
    fn write_index(&self) -> Result<(), Error> {
        let base = &self.job.output.base;
        let listed = |paths: Vec<PathBuf>| -> Result<Vec<serde_json::Value>, Error> {
            let one = |path: PathBuf| {
                let record: serde_json::Value = read_record(&path)?;
                let folder = path.parent().and_then(|folder| folder.strip_prefix(base).ok());
                let folder = folder.unwrap_or(&path).display().to_string();
                Ok(serde_json::json!({ "folder": folder, "record": record }))
            };
            paths.into_iter().map(one).collect()
        };
        let bundles = listed(files::records(base)?)?;
        let images = listed(image::records(base))?;
        let mut index = serde_json::json!({ "format": Record::FORMAT, "bundles": bundles });
        let layers = listed(split::records(base))?;
        for (key, list) in [("images", images), ("layers", layers)] {
            if !list.is_empty() {
                index[key] = list.into();
            }
        }
        let (path, text) = (base.join("index.json"), json(&index));
        if files::read_text(&path).is_ok_and(|old| old.as_bytes() == text) {
            return Ok(());
        }
        Ok(files::write_atomically(&path, &text)?)
    }
}

/// What was written a moment ago has settled by now, or will in another: then nothing has to read it
/// again.
fn settle(results: &[Result<Outcome, Error>]) {
    for result in results {
        if let Ok(Outcome::Written(written)) = result
            && let Some((place, stamps)) = &written.stamps
        {
            for output in stamps.outputs() {
                files::settle(&output.path);
            }
            // If not, its digest tells.
            let _ =
                files::write_atomically(place, &stamps.clone().settled(&files::disk()).encode());
        }
    }
}

/// What `package` has written of the bundle in a folder.
pub(super) fn recorded(folder: &Path) -> Result<Record, Error> {
    read_record(&folder.join(Record::FILE))
}

/// A record that this program has written, of whatever kind.
pub(super) fn read_record<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = files::read_text(path)?;
    let path = path.display().to_string();
    serde_json::from_str(&text).map_err(|source| Error::Record { path, source })
}

pub(super) fn json(value: &impl serde::Serialize) -> Vec<u8> {
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
