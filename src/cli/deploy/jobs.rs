//! What is to be deployed: packaged, or taken from where it was packaged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use crate::aws::Job;
use crate::bundle::Record;
use crate::cli::args::{Global, Package, Release};
use crate::cli::facts::Facts;
use crate::cli::groups::functions;
use crate::cli::prepare::Machines;
use crate::cli::{configuration, package};
use crate::config::{self, Config, Located, Mistake, Node, Origin};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::function::{Function, Role};
use crate::nearest;
use crate::plan;
use crate::release::change::Change;
use crate::release::describe::bytes;
use crate::release::desired::{Code, Desired, Object};
use crate::release::marker;
use crate::release::wanted::Wanted;
use crate::shell::Shell;
use crate::toolchain;

/// The largest zip that goes with a call (AWS: "Lambda quotas").
const DIRECT: u64 = 52_428_800;
/// The longest description of a version (`PublishVersion`).
const DESCRIPTION: usize = 256;

pub(super) fn jobs(release: &Release, global: &Global, shell: &Shell) -> Result<Vec<Job>, Error> {
    let facts = Facts::gather(release.build.cargo_options(global), true)?;
    let mut flags = release.build.compile.settings(&release.audit);
    flags.extend(settings(release));
    let config = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(&facts, shell).default_target();
    let (all, _) = functions(&facts, &release.build.selection(), &config, target)?;
    let selected = selected(all, &release.functions)?;
    let wanted = wanted(&config, &selected)?;
    let base = match (&release.from, &release.zip) {
        (Some(folder), _) => folder.clone(),
        (None, Some(_)) => PathBuf::new(),
        (None, None) => {
            package(release, &selected, global, shell)?;
            plan::output(&facts.target, None, false).base
        }
    };
    let common = Common::new(release, facts.metadata.workspace_root.as_std_path(), shell);
    selected
        .iter()
        .zip(wanted)
        .map(|(function, wanted)| {
            let bundle = match &release.zip {
                Some(zip) => given(zip, function)?,
                None => packaged(&base, function)?,
            };
            common.job(function, wanted, bundle)
        })
        .collect()
}

/// What flags say of settings.
fn settings(release: &Release) -> Vec<(&'static str, Located)> {
    let located = |flag, node| Located { node, origin: Origin::Flag(flag) };
    let mut flags = Vec::new();
    if let Some(role) = &release.role {
        flags.push(("role", located("--role", Node::Text(role.clone()))));
    }
    if release.publish || release.no_publish {
        let flag = if release.publish { "--publish" } else { "--no-publish" };
        flags.push(("publish", located(flag, Node::Boolean(release.publish))));
    }
    if !release.alias.is_empty() || release.no_publish {
        let flag = if release.no_publish { "--no-publish" } else { "--alias" };
        let names = release.alias.iter();
        let names = names.map(|name| located(flag, Node::Text(name.clone()))).collect();
        flags.push(("alias", located(flag, Node::List(names))));
    }
    flags
}

/// Functions, each for one architecture, of those that were named.
fn selected(all: Vec<Function>, names: &[String]) -> Result<Vec<Function>, Error> {
    let functions: Vec<Function> =
        all.into_iter().filter(|function| function.role == Role::Function).collect();
    for name in names {
        if !functions.iter().any(|function| function.name.as_str() == name) {
            let known = functions.iter().map(|function| function.name.as_str());
            let known = nearest::suggestion(name, known);
            return Err(Error::Usage(format!("no function `{name}` is selected: {known}")));
        }
    }
    let is_meant = |function: &Function| {
        names.is_empty() || names.iter().any(|name| name == function.name.as_str())
    };
    let functions: Vec<Function> = functions.into_iter().filter(is_meant).collect();
    let mut seen = BTreeSet::new();
    for function in &functions {
        if !seen.insert(function.name.as_str()) {
            return Err(Error::Usage(format!(
                "`{}` is selected for both architectures, and a function has one: say `--arch x86_64` or `--arch arm64`",
                function.name
            )));
        }
    }
    if functions.is_empty() {
        return Err(Error::Usage("no function is selected".to_owned()));
    }
    Ok(functions)
}

/// What the configuration wants of each; all mistakes at once.
pub(in crate::cli) fn wanted(
    config: &Config,
    functions: &[Function],
) -> Result<Vec<Wanted>, Error> {
    let mut mistakes: Vec<Mistake> = Vec::new();
    let mut all = Vec::new();
    for Function { name, handler, .. } in functions {
        match config::wanted(&config.of_handler(&handler.package, &handler.target), name) {
            Ok(wanted) => all.push(wanted),
            Err(more) => mistakes.extend(more),
        }
    }
    mistakes.sort();
    mistakes.dedup();
    if mistakes.is_empty() { Ok(all) } else { Err(Error::Config(mistakes)) }
}

/// Packages what is selected.
fn package(
    release: &Release,
    functions: &[Function],
    global: &Global,
    shell: &Shell,
) -> Result<(), Error> {
    let mut build = release.build.clone();
    if !release.functions.is_empty() {
        build.workspace = clap_cargo::Workspace::default();
        build.workspace.package =
            functions.iter().map(|function| function.handler.package.clone()).collect();
        build.workspace.package.dedup();
        build.bin = Vec::new();
        build.example = Vec::new();
        build.bins = false;
        for function in functions {
            let list = match function.handler.kind {
                crate::function::TargetKind::Bin => &mut build.bin,
                crate::function::TargetKind::Example => &mut build.example,
            };
            list.push(function.handler.target.clone());
        }
    }
    let package = Package {
        out: None,
        layout: None,
        no_check: false,
        for_verify: true,
        audit: release.audit.clone(),
        build,
    };
    package::run(&package, global, shell)
}

/// A zip, and what is known of it.
struct Bundle {
    zip: PathBuf,
    sha256: String,
    size: u64,
    architecture: String,
    runtime: String,
    commit: Option<String>,
}

/// The bundle of a function below a folder that `package` has written.
fn packaged(base: &Path, function: &Function) -> Result<Bundle, Error> {
    let arch = function.compile.target.arch.aws_name();
    let folder = base.join(function.name.as_str()).join(arch);
    let record = package::recorded(&folder)?;
    let zip = folder.join(&record.zip);
    let found = std::fs::metadata(&zip).map_err(|source| {
        Error::Usage(format!(
            "cannot read {}: {source}; package `{}` again",
            zip.display(),
            function.name
        ))
    })?;
    if record.function != function.name.as_str() || found.len() != record.sizes.zip {
        return Err(altered(function.name.as_str(), &zip));
    }
    Ok(Bundle {
        zip,
        sha256: record.code_sha256,
        size: record.sizes.zip,
        architecture: record.architecture,
        runtime: record.runtime,
        commit: record.commit,
    })
}

/// Whether what changes send is what was recorded: else AWS would have what nobody has checked.
pub(super) fn intact(jobs: &[Job], changes: &[Change]) -> Result<(), Error> {
    let sent = |job: &&Job| {
        changes.iter().any(|change| change.function == job.desired.name && bytes(change) > 0)
    };
    for Job { desired, zip } in jobs.iter().filter(sent) {
        if Sha256::of(&files::read_bytes(zip)?).base64() != desired.code.sha256 {
            return Err(altered(&desired.name, zip));
        }
    }
    Ok(())
}

fn altered(function: &str, zip: &Path) -> Error {
    Error::Usage(format!(
        "{} is not what {} beside it says: package `{function}` again",
        zip.display(),
        Record::FILE
    ))
}

/// A zip that others made.
fn given(zip: &Path, function: &Function) -> Result<Bundle, Error> {
    let bytes = files::read_bytes(zip)?;
    Ok(Bundle {
        zip: zip.to_path_buf(),
        sha256: Sha256::of(&bytes).base64(),
        size: bytes.len() as u64,
        architecture: function.compile.target.arch.aws_name().to_owned(),
        runtime: function.runtime.aws_name().to_owned(),
        commit: None,
    })
}

/// What all functions of one deploy share.
struct Common<'a> {
    release: &'a Release,
    deploy: String,
    tag: Option<String>,
}

impl<'a> Common<'a> {
    fn new(release: &'a Release, root: &Path, shell: &Shell) -> Self {
        let deploy = Uuid::new_v4().simple().to_string().chars().take(12).collect();
        if let Some(text) = release.description.as_deref().filter(|text| marker::too_long(text)) {
            shell.warn(format!(
                "of the {} characters of --description {} stand on an alias: the rest is for the marker",
                text.chars().count(),
                marker::TEXT
            ));
        }
        Self { release, deploy, tag: toolchain::tag(root) }
    }

    fn job(&self, function: &Function, wanted: Wanted, bundle: Bundle) -> Result<Job, Error> {
        // The server on this machine takes everything with the call, and has no buckets.
        let bucket = wanted.s3_bucket.clone().filter(|_| !self.release.place.local);
        let object = bucket.map(|bucket| {
            let prefix = wanted.s3_prefix.as_deref().unwrap_or_default();
            Object { bucket, key: key(prefix, &bundle) }
        });
        if object.is_none() && bundle.size > DIRECT {
            return Err(Error::Usage(format!(
                "the zip of `{}` has {} bytes, and a call takes {DIRECT}: name a bucket for it with `s3-bucket`",
                function.name, bundle.size
            )));
        }
        let text = self.release.description.clone().unwrap_or_default();
        let desired = Desired {
            name: function.name.as_str().to_owned(),
            code: Code {
                sha256: bundle.sha256,
                size: bundle.size,
                architecture: bundle.architecture,
                object,
            },
            runtime: bundle.runtime,
            wanted,
            version_description: described(&text, bundle.commit.as_deref(), self.tag.as_deref()),
            alias_text: text,
            deploy: self.deploy.clone(),
            create_role: self.release.create_role,
            clear_weights: self.release.clear_weights,
        };
        Ok(Job { desired, zip: bundle.zip })
    }
}

/// A key that names the content: the same bytes are sent once, and never replaced by others.
fn key(prefix: &str, bundle: &Bundle) -> String {
    let name: String = bundle.sha256.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
    format!("{prefix}{slash}{name}.zip")
}

/// The description of a version: the text, then commit and tag.
fn described(text: &str, commit: Option<&str>, tag: Option<&str>) -> String {
    let commit = commit.map(|commit| format!("commit {commit}"));
    let tag = tag.map(|tag| format!("tag {tag}"));
    let made_of: Vec<String> = commit.into_iter().chain(tag).collect();
    if made_of.is_empty() {
        return text.chars().take(DESCRIPTION).collect();
    }
    let made_of = format!("[{}]", made_of.join(", "));
    let room = DESCRIPTION.saturating_sub(made_of.chars().count() + 1);
    let text: String = text.chars().take(room).collect();
    let all = if text.is_empty() { made_of } else { format!("{text} {made_of}") };
    all.chars().take(DESCRIPTION).collect()
}
