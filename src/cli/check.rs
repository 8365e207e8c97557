//! `check`: the audit alone, of the selection or of any file or image.

mod image;
mod mend;

use std::path::{Path, PathBuf};

#[cfg(feature = "aws")]
use super::args::Audit;
use super::args::{Check, Global};
use super::build::{self, Job};
use super::libraries::Lookup;
use crate::artifact::Artifact;
use crate::audit::{self, Content, Finding, Inspected, Level, Subject, Trust};
use crate::blobs::Place;
use crate::bundle::Record;
use crate::error::{Aim, Error, FindingsError};
use crate::files;
use crate::function::{Function, Role};
use crate::inspect;
use crate::libraries;
use crate::message::{Keep, Message, Table, count};
use crate::shell::Shell;
use crate::target::{Arch, Runtime};

/// One thing after its audit.
struct Checked {
    thing: String,
    arch: Option<Arch>,
    /// None of an image, which brings its own.
    runtime: Option<Runtime>,
    glibc: Option<String>,
    findings: Vec<Finding>,
}

pub(super) fn run(args: &Check, global: &Global, shell: &Shell) -> Result<(), Error> {
    let (results, failed) = if args.paths.is_empty() {
        let flags = args.build.compile.settings(&args.audit);
        let job = Job::new(&args.build, flags, global, None, false, shell)?;
        job.run(shell, |function, artifact| check_artifact(&job, function, artifact, shell))
    } else {
        build::check_trust(&args.audit.trust())?;
        if let Some(out) = args.fix.as_ref().filter(|_| args.paths.len() > 1) {
            let (count, out) = (args.paths.len(), out.display());
            let message = format!("`--fix {out}` mends one image, and {count} are named");
            return Err(Error::Usage(message));
        }
        let paths = bundles(&args.paths);
        (paths.iter().flat_map(|path| check_path(args, path, shell)).collect(), None)
    };
    report(results, failed, shell)
}

/// The folders of bundles below a folder that is none itself: what `package --out` wrote.
pub(super) fn bundles(paths: &[PathBuf]) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for path in paths {
        // Of all functions, or of one.
        let outer = path.is_dir() && !path.join(Record::FILE).exists();
        // What cannot be read is said by the check itself.
        let mut below = if outer { files::records(path).unwrap_or_default() } else { Vec::new() };
        if outer && below.is_empty() {
            let archs = Arch::ALL.map(|arch| path.join(arch.aws_name()).join(Record::FILE));
            below.extend(archs.into_iter().filter(|record| record.is_file()));
        }
        let folders = below.iter().filter_map(|record| record.parent()).map(Path::to_path_buf);
        let before = all.len();
        all.extend(folders);
        if all.len() == before {
            all.push(path.clone());
        }
    }
    all
}

fn check_artifact(
    job: &Job,
    function: &Function,
    artifact: &Artifact,
    shell: &Shell,
) -> Result<Checked, Error> {
    let tree = job.includes(function)?;
    let executable = &artifact.executable;
    let folders = &job.library_folders(function, artifact);
    let lookup = Lookup { function, artifact, folders, look: &libraries::look, base: None };
    let contents = job.contents(&lookup, tree, executable, shell)?;
    let trust = Trust::new(function.trust_system.clone());
    checked(&Job::subject(function, &contents), &trust, Vec::new())
}

fn check_path(args: &Check, path: &Path, shell: &Shell) -> Vec<Result<Checked, Error>> {
    let text = path.to_string_lossy();
    if let Some(why) = image::elsewhere(&text) {
        return vec![Err(Error::Usage(why))];
    }
    match image::Where::of(&text) {
        Some(place) => image::check(args, &text, &place, shell),
        None => vec![check_files(args, path)],
    }
}

fn check_files(args: &Check, path: &Path) -> Result<Checked, Error> {
    let text = path.to_string_lossy();
    if let Some(form) = Place::other_form(path) {
        return Err(Error::Usage(form));
    }
    if let Some(out) = &args.fix {
        let message = format!("{text} is no image, and `--fix {}` mends images", out.display());
        return Err(Error::Usage(message));
    }
    let opened = inspect::open(path)?;
    let thing = path.display().to_string();
    let runtime = args.audit.runtime().unwrap_or_default();
    let (role, programs) = if opened.bare {
        (Role::Function, opened.files.iter().map(|file| file.path.clone()).collect())
    } else if let Some(name) = inspect::internal_extension(path) {
        (Role::InternalExtension, vec![name])
    } else {
        inspect::programs(&opened.files)
    };
    let layered = build::below_opt(inspect::layers(path)?);
    let subject = Subject {
        thing: &thing,
        role,
        programs,
        files: &opened.files,
        zip_size: opened.zip_size,
        bare: opened.bare,
        // clap has checked the name.
        arch: args.build.compile.target.arch.as_deref().and_then(|name| name.parse().ok()),
        runtime,
        dlopen: &[],
        searched: &[],
        embedded: &[],
        outside: &[],
        layered: &layered,
    };
    checked(&subject, &args.audit.trust(), opened.findings)
}

/// A zip that is to be a function's code: what is found is said, and no error may be among it. Gives the
/// architecture of its program; none of a script.
#[cfg(feature = "aws")]
pub(super) fn zip(
    path: &Path,
    asked: Option<Arch>,
    function: &Function,
    audit: &Audit,
    shell: &Shell,
) -> Result<Option<Arch>, Error> {
    let opened = inspect::open(path)?;
    let subject = Subject {
        thing: function.name.as_str(),
        role: Role::Function,
        programs: vec![Role::Function.archive_path(&function.name)],
        files: &opened.files,
        zip_size: opened.zip_size,
        bare: false,
        arch: asked,
        runtime: function.runtime,
        dlopen: &function.dlopen,
        searched: &[],
        embedded: &[],
        outside: &[],
        layered: &[],
    };
    let Checked { arch, findings, .. } = checked(&subject, &audit.trust(), opened.findings)?;
    for finding in &findings {
        shell.finding(finding);
    }
    match count(&findings, Level::Error) {
        0 => Ok(arch),
        errors => Err(Error::Findings(FindingsError {
            errors,
            things: vec![path.display().to_string()],
            aim: Aim::Look,
        })),
    }
}

fn checked(
    subject: &Subject<'_>,
    trust: &Trust,
    mut findings: Vec<Finding>,
) -> Result<Checked, Error> {
    // A zip that cannot be read has nothing to audit in it.
    if !subject.files.is_empty() || findings.is_empty() {
        findings.extend(audit::audit(subject, trust)?);
    }
    findings.sort_by_key(|finding| finding.level);
    let program = subject.programs.first();
    let arch = subject.files.iter().find(|file| Some(&file.path) == program).and_then(architecture);
    Ok(Checked {
        thing: subject.thing.to_owned(),
        arch,
        runtime: Some(subject.runtime),
        glibc: audit::glibc_needed(subject.files),
        findings,
    })
}

fn architecture(file: &Inspected) -> Option<Arch> {
    match &file.content {
        Content::Elf(facts) => facts.machine.arch(),
        _ => None,
    }
}

fn report(
    results: Vec<Result<Checked, Error>>,
    failed: Option<Error>,
    shell: &Shell,
) -> Result<(), Error> {
    let mut all = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(checked) => all.push(checked),
            Err(error) => errors.push(error),
        }
    }
    let answered = answer(&all, shell);
    let bad: Vec<&Checked> =
        all.iter().filter(|checked| count(&checked.findings, Level::Error) > 0).collect();
    if !bad.is_empty() {
        errors.push(Error::Findings(FindingsError {
            errors: bad.iter().map(|checked| count(&checked.findings, Level::Error)).sum(),
            things: bad.iter().map(|checked| checked.thing.clone()).collect(),
            aim: Aim::Look,
        }));
    }
    super::runs::combine(failed, errors, answered)
}

fn answer(all: &[Checked], shell: &Shell) -> Result<(), Error> {
    for finding in all.iter().flat_map(|checked| &checked.findings) {
        if shell.is_json() {
            shell.record(&finding.into())?;
        } else {
            shell.answer_finding(finding)?;
        }
    }
    if shell.is_json() {
        for checked in all {
            shell.record(&Message::Checked {
                thing: &checked.thing,
                architecture: checked.arch.map(Arch::aws_name),
                runtime: checked.runtime.map(Runtime::aws_name),
                glibc_needed: checked.glibc.as_deref(),
                errors: count(&checked.findings, Level::Error),
                warnings: count(&checked.findings, Level::Warning),
                notes: count(&checked.findings, Level::Note),
            })?;
        }
        return Ok(());
    }
    if all.iter().any(|checked| !checked.findings.is_empty()) {
        shell.answer("")?;
    }
    if all.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = all.iter().map(row).collect();
    let table = Table::new(&["CHECKED", "ARCH", "RUNTIME", "GLIBC", "RESULT"], rows).fit(
        shell.stdout_width(),
        0,
        20,
        Keep::End,
    );
    for line in table.lines(&[]) {
        shell.answer(line)?;
    }
    Ok(())
}

fn row(checked: &Checked) -> Vec<String> {
    let counts = [Level::Error, Level::Warning, Level::Note]
        .map(|level| (count(&checked.findings, level), level.word()));
    let said: Vec<String> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}{}", if *count == 1 { "" } else { "s" }))
        .collect();
    vec![
        checked.thing.clone(),
        checked.arch.map_or("-", Arch::aws_name).to_owned(),
        checked.runtime.map_or_else(|| "image".to_owned(), |runtime| runtime.to_string()),
        checked.glibc.clone().unwrap_or_else(|| "-".to_owned()),
        if said.is_empty() { "ok".to_owned() } else { said.join(", ") },
    ]
}
