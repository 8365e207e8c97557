//! What is to be deployed: packaged, or taken from where it was packaged.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::bundle::{self, Bundle};
use super::checks;
use super::image;
use super::layers::Packaged;
use super::session;
use crate::audit::ZIP_LIMIT;
use crate::aws::Job;
use crate::cli::args::{Audit, Build, Global, Images, Package, Release};
use crate::cli::facts::Facts;
use crate::cli::groups::functions;
use crate::cli::prepare::Machines;
use crate::cli::{configuration, moves, package, shift, split};
use crate::config::{self, Config, Located, Mistake, Node, Origin};
use crate::error::Error;
use crate::function::{Function, Packaging, Role};
use crate::nearest;
use crate::plan;
use crate::release::desired::{Code, Desired, Object, Source};
use crate::release::layers::Layer;
use crate::release::marker;
use crate::release::origin::{self, described};
use crate::release::wanted::Wanted;
use crate::shell::Shell;
use crate::toolchain;

pub(super) fn jobs(release: &Release, global: &Global, shell: &Shell) -> Result<Vec<Job>, Error> {
    description_is(release.description.as_deref().unwrap_or_default())?;
    let facts = Facts::gather(release.build.cargo_options(global), true)?;
    let mut flags = release.build.compile.settings(&release.audit);
    flags.extend(settings(release));
    let config = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(&facts, shell).default_target();
    let all = functions(&facts, &release.build.selection(), &config, target)?.functions;
    let selected = selected(all.clone(), &release.functions, shell)?;
    if let Some(image) = selected.iter().find(|it| it.packaging != Packaging::Zip)
        && release.zip.is_some()
    {
        return Err(Error::Usage(format!(
            "`{}` is a container image (`format`), and `--zip` is no code of one",
            image.name
        )));
    }
    if release.zip.is_some() && selected.len() != 1 {
        return Err(Error::Usage(format!(
            "`--zip` is the code of one function, and {} are selected: name the one that it is for",
            selected.len()
        )));
    }
    let mut wanted = wanted(&config, &selected)?;
    let named = selected.iter().map(|function| function.name.as_str());
    session::must_have_region(&release.place, &named.zip(&wanted).collect::<Vec<_>>())?;
    let root = facts.metadata.workspace_root.as_std_path();
    let checks = checks::all(release, (&selected, &wanted), root, shell)?;
    let functions = selected.iter().map(|function| function.name.as_str());
    shift::read_probes(root, functions.zip(&mut wanted))?;
    // Before it is packaged: the lock forgets then what is shared no more.
    let own = split::own(&facts.metadata, &config)?;
    let base = match (&release.from, &release.zip) {
        (Some(folder), _) => given(folder)?.to_path_buf(),
        (None, Some(_)) => PathBuf::new(),
        (None, None) => {
            let shared = |one: &&Function| selected.iter().any(|it| it.shares_image_with(one));
            let together: Vec<&Function> =
                selected.iter().chain(all.iter().filter(shared)).collect();
            let named = !release.functions.is_empty();
            package(&release.build, &release.audit, (&together, named), global, shell)?;
            plan::output(&facts.target, None, false).base
        }
    };
    let common = Common::new(release, root);
    let jobs: Vec<Job> = selected
        .iter()
        .zip(wanted)
        .zip(checks)
        .map(|((function, wanted), check)| {
            let bundle = match &release.zip {
                Some(zip) => bundle::given(zip, function, release, shell)?,
                None => match &function.packaging {
                    Packaging::Zip => bundle::packaged(&base, function)?,
                    Packaging::Image(wish) => image::packaged(&base, function, wish)?,
                },
            };
            let mut job = common.job(function, wanted, bundle)?;
            job.desired.check = check;
            job.desired.own_layers = Some(own.clone());
            Ok(job)
        })
        .collect::<Result<_, Error>>()?;
    if let Some(line) = is_cut(jobs.iter().map(|job| &job.desired)) {
        shell.warn(line);
    }
    Ok(jobs)
}

/// Whether AWS would take a text as a description.
fn description_is(text: &str) -> Result<(), Error> {
    let length = marker::length(text);
    if length <= marker::DESCRIPTION {
        return Ok(());
    }
    Err(Error::Usage(format!(
        "--description has {length} characters; AWS takes {}",
        marker::DESCRIPTION
    )))
}

/// What is left of a description where something else has to stand beside it.
fn is_cut<'d>(all: impl Iterator<Item = &'d Desired> + Clone) -> Option<String> {
    let text = all.clone().next().map_or("", |first| first.alias_text.as_str());
    let has_alias = all.clone().any(|it| !it.wanted.aliases.is_empty());
    let alias = (has_alias && marker::too_long(text))
        .then(|| format!("{} of them stand on an alias, before its marker", marker::TEXT));
    let all = all.map(|it| it.version_description.as_str());
    let cut = all.filter(|description| !description.starts_with(text));
    let kept = cut.map(|description| marker::length(origin::Origin::read(description).text)).min();
    let version = kept.map(|kept| format!("{kept} in a version, before its commit"));
    let kept: Vec<String> = alias.into_iter().chain(version).collect();
    let length = marker::length(text);
    (!kept.is_empty())
        .then(|| format!("--description has {length} characters: {}", kept.join("; ")))
}

/// The folder of `--from`.
pub(in crate::cli) fn given(folder: &Path) -> Result<&Path, Error> {
    if folder.is_dir() {
        return Ok(folder);
    }
    Err(Error::Usage(format!("there is no folder {} (`--from`)", folder.display())))
}

/// What flags say of settings.
fn settings(release: &Release) -> Vec<(&'static str, Located)> {
    let located = |flag, node| Located { node, origin: Origin::Flag(flag) };
    let mut flags = Vec::new();
    if let Some(role) = &release.role {
        flags.push(("role", located("--role", Node::Text(role.clone()))));
    }
    if let Some(shift) = &release.shift {
        flags.push(("shift", located("--shift", Node::Text(shift.clone()))));
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
fn selected(all: Vec<Function>, names: &[String], shell: &Shell) -> Result<Vec<Function>, Error> {
    let (functions, others): (Vec<Function>, Vec<Function>) =
        all.into_iter().partition(|function| function.role == Role::Function);
    let extensions: BTreeSet<String> = others.iter().map(|it| it.name.to_string()).collect();
    if names.is_empty() && !extensions.is_empty() {
        let names: Vec<&str> = extensions.iter().map(String::as_str).collect();
        shell.detail("Skipping", format!("{}: extensions go into layers", names.join(", ")));
    }
    for name in names {
        if !functions.iter().any(|function| function.name.as_str() == name) {
            let known = functions.iter().map(|function| function.name.as_str());
            let known = nearest::suggestion(name, known);
            let of_all = format!("no function `{name}` is selected: {known}");
            return Err(Error::Usage(if extensions.contains(name) {
                format!(
                    "`{name}` is an extension, and not deployed by itself: its zip goes into a layer"
                )
            } else {
                of_all
            }));
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

/// Packages what is selected; where it was named, that alone.
pub(in crate::cli) fn package(
    build: &Build,
    audit: &Audit,
    (functions, named): (&[&Function], bool),
    global: &Global,
    shell: &Shell,
) -> Result<(), Error> {
    let mut build = build.clone();
    if named {
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
        images: Images::default(),
        audit: audit.clone(),
        build,
    };
    package::run(&package, global, shell)
}

/// What all functions of one deploy share.
struct Common<'a> {
    release: &'a Release,
    deploy: String,
    tag: Option<String>,
}

impl<'a> Common<'a> {
    fn new(release: &'a Release, root: &Path) -> Self {
        Self { release, deploy: moves::name(), tag: toolchain::tag(root) }
    }

    fn job(&self, function: &Function, wanted: Wanted, bundle: Bundle) -> Result<Job, Error> {
        let (source, layers) = if let Some(image) = bundle.image.clone() {
            let local = self.release.place.local;
            (image::source(function, &wanted, (&bundle, image), local)?, None)
        } else {
            let what = format!("zip of `{}`", function.name);
            let local = self.release.place.local;
            let source = zip_source(&what, &wanted, (&bundle.sha256, bundle.size), local)?;
            (source, Some(self.layers(function, &wanted, &bundle.layers)?))
        };
        let text = self.release.description.clone().unwrap_or_default();
        let desired = Desired {
            name: function.name.as_str().to_owned(),
            code: Code {
                sha256: bundle.sha256,
                size: bundle.size,
                architecture: bundle.architecture,
                source,
            },
            layers,
            own_layers: None,
            only_layers: false,
            check: None,
            runtime: bundle.runtime,
            wanted,
            version_description: described(&text, bundle.commit.as_deref(), self.tag.as_deref()),
            alias_text: text,
            deploy: self.deploy.clone(),
            create_role: self.release.create_role,
            clear_weights: self.release.clear_weights,
            hold_alias: false,
        };
        let zips = bundle.layers.into_iter().map(|it| (it.record.layer, it.zip)).collect();
        Ok(Job { desired, code: bundle.code, layers: zips })
    }

    fn layers(
        &self,
        function: &Function,
        wanted: &Wanted,
        all: &[Packaged],
    ) -> Result<Vec<Layer>, Error> {
        let one = |it: &Packaged| {
            let (layer, sha256) = (&it.record.layer, &it.record.code_sha256);
            let what = format!("zip of the layer {layer}, which `{}` uses,", function.name);
            let local = self.release.place.local;
            Ok(it.desired(zip_source(&what, wanted, (sha256, it.record.size), local)?))
        };
        all.iter().map(one).collect()
    }
}

/// How a zip of this digest and length gets to AWS. The server on this machine (`local`) takes everything
/// with the call, and has no buckets.
pub(in crate::cli) fn zip_source(
    what: &str,
    wanted: &Wanted,
    (sha256, size): (&str, u64),
    local: bool,
) -> Result<Source, Error> {
    if let Some(bucket) = wanted.s3_bucket.clone().filter(|_| !local) {
        let prefix = wanted.s3_prefix.as_deref().unwrap_or_default();
        return Ok(Source::Bucket(Object { bucket, key: key(prefix, sha256) }));
    }
    if size > ZIP_LIMIT {
        let instead = if local {
            "the server on this machine has no buckets; `run` and `invoke --local` take it as it is"
        } else {
            "name a bucket for it with `s3-bucket`"
        };
        return Err(Error::Usage(format!(
            "the {what} has {size} bytes, and a call takes {ZIP_LIMIT}: {instead}"
        )));
    }
    Ok(Source::Call)
}

/// A key that names the content: the same bytes are sent once, and never replaced by others.
fn key(prefix: &str, sha256: &str) -> String {
    let name: String = sha256.trim_end_matches('=').replace('+', "-").replace('/', "_");
    let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
    format!("{prefix}{slash}{name}.zip")
}

#[cfg(test)]
mod tests;
