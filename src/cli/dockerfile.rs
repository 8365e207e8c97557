//! `package --format dockerfile`: the facts of a Dockerfile, and where it is written.
//!
//! Nothing is built, and no linker is asked for: that is the business of the builder's machine.

mod images;
mod runs;
mod tools;

use std::env;
use std::path::{Path, PathBuf};

use super::args::{Global, Package};
use super::configuration;
use super::facts::Facts;
use super::groups::{Chosen, Groups, functions};
use super::prepare::Machines;
use crate::digest::Sha256;
use crate::dockerfile::{self, Dockerfile, MARK};
use crate::error::Error;
use crate::files;
use crate::function::Function;
use crate::message::Message;
use crate::plan::Plan;
use crate::shell::Shell;

/// Its name, and that of what keeps the context small: `BuildKit` and buildah take the latter over a
/// `.dockerignore` of the user's.
const FILE: &str = "Dockerfile";
const IGNORE: &str = "Dockerfile.dockerignore";

/// What is known before anything is written.
struct Drafter<'a> {
    facts: &'a Facts,
    plan: Plan,
    root: PathBuf,
    outputs: Vec<PathBuf>,
}

pub(super) fn run(args: &Package, global: &Global, shell: &Shell) -> Result<(), Error> {
    refuse_others(args)?;
    let mut flags = args.build.compile.settings(&args.audit);
    flags.extend(args.images.settings());
    let facts = Facts::gather(args.build.cargo_options(global), true)?;
    let config = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(&facts, shell).default_target();
    let selection = args.build.selection();
    let Chosen { mut functions, packages, options } =
        functions(&facts, &selection, &config, target)?;
    let facts = Facts { options: options?, ..facts };
    // An image of one function shares nothing.
    for function in &mut functions {
        function.compile.dylib = None;
    }
    let groups = Groups { facts: &facts, unify: args.build.unifies(&facts.options) };
    let answers = groups.answers(&mut functions, &packages, shell)?;
    let epoch = env::var("SOURCE_DATE_EPOCH").ok();
    let plan =
        Plan::new(functions, &packages, &facts.options, &answers.groupings, epoch.as_deref())?;
    facts.tools.save();
    let root = facts.metadata.workspace_root.clone().into_std_path_buf();
    let folder = args.out.as_deref().map_or_else(|| Ok(root.clone()), std::path::absolute)?;
    let outputs = vec![facts.target.clone(), facts.target.join("lambda-pack")];
    let drafter = Drafter { facts: &facts, plan, root, outputs };
    let (path, beside) = (folder.join(FILE), folder.join(IGNORE));
    let draft = drafter.draft(&path)?;
    let text = draft.render().map_err(|error| Error::Usage(error.to_string()))?;
    let ignore = dockerfile::ignore(&drafter.ignored(&[&path, &beside]), &draft.images);
    let fresh = write(&[(&path, &text), (&beside, &ignore)])?;
    say(&draft, &path, &beside, fresh, shell)?;
    match args.images.build_with {
        Some(tool) => {
            let builder = tools::Builder {
                draft: &draft,
                file: &path,
                ignore: &beside,
                root: &drafter.root,
                scratch: &facts.target,
                audited: !args.no_check,
                shell,
            };
            builder.run(tool)
        }
        None => Ok(()),
    }
}

/// What only our own images have.
fn refuse_others(args: &Package) -> Result<(), Error> {
    let images = &args.images;
    let given = [
        (args.layout.is_some(), "--layout"),
        (images.archive.is_some(), "--archive"),
        (images.media_types.is_some(), "--media-types"),
        (images.update_base, "--update-base"),
    ];
    match given.into_iter().find(|(given, _)| *given) {
        Some((_, flag)) => {
            Err(Error::Usage(format!("`{flag}` means nothing with `--format dockerfile`")))
        }
        None => Ok(()),
    }
}

impl Drafter<'_> {
    fn draft(&self, path: &Path) -> Result<Dockerfile, Error> {
        self.check_context()?;
        let (toolchain, channel) = runs::toolchain(&self.facts.rustc.version, &self.root)?;
        let members = self.facts.metadata.workspace_packages();
        let mut members: Vec<String> = members.iter().map(|it| it.name.to_string()).collect();
        members.sort();
        let digest = Sha256::of(members.join("\n").as_bytes()).hex();
        let images = self.images()?;
        let mut triples: Vec<&'static str> =
            self.plan.runs.iter().map(|run| run.compile.target.triple()).collect();
        triples.sort_unstable();
        triples.dedup();
        let unstable = &self.facts.options.unstable;
        Ok(Dockerfile {
            file: self.below(path).unwrap_or_else(|| path.display().to_string()),
            toolchain,
            channel,
            triples,
            build_std: unstable.iter().any(|flag| flag.starts_with("build-std")),
            cache: format!("lambda-pack-{}", digest.get(..12).unwrap_or_default()),
            members,
            time: self.plan.time.unix().unwrap_or_default(),
            builds: self.builds()?,
            images,
            notes: self.notes(),
        })
    }

    /// Docker sees nothing outside of the workspace.
    fn check_context(&self) -> Result<(), Error> {
        let packages = self.facts.metadata.workspace_packages();
        let all = packages.iter().flat_map(|package| {
            let own = package.manifest_path.as_std_path().parent();
            let others = package.dependencies.iter().filter_map(|it| it.path.as_deref());
            own.into_iter().chain(others.map(cargo_metadata::camino::Utf8Path::as_std_path))
        });
        let outside = all.into_iter().find(|path| self.below(path).is_none());
        match outside {
            Some(path) => Err(Error::Usage(format!(
                "{} lies outside of the workspace, and Docker sees only what is in it: `--format image` \
                 needs no Docker",
                path.display()
            ))),
            None => Ok(()),
        }
    }

    /// A path as it stands below the workspace.
    fn below(&self, path: &Path) -> Option<String> {
        let real = |path: &Path| files::real(path).unwrap_or_else(|| path.to_path_buf());
        let below = path.strip_prefix(&self.root).map(Path::to_path_buf);
        let below =
            below.or_else(|_| real(path).strip_prefix(real(&self.root)).map(Path::to_path_buf));
        below.ok()?.to_str().map(str::to_owned)
    }

    /// What is no source.
    fn ignored(&self, own: &[&Path]) -> Vec<String> {
        let own = own.iter().map(|path| path.to_path_buf());
        let all = self.outputs.iter().cloned().chain(own).chain([self.root.join("target")]);
        let mut paths: Vec<String> =
            all.filter_map(|path| self.below(&path)).filter(|path| !path.is_empty()).collect();
        paths.sort();
        // What is below another is ignored with it.
        paths.dedup_by(|path, above| Path::new(path).starts_with(&*above));
        paths
    }

    /// What a Dockerfile cannot do as our own build does.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        for function in &self.plan.functions {
            let asked = [
                ("dlopen", !function.dlopen.is_empty()),
                ("library-paths", !function.library_paths.is_empty()),
                ("sysroot", function.sysroot.is_some()),
            ];
            let keys: Vec<&str> =
                asked.into_iter().filter_map(|(key, given)| given.then_some(key)).collect();
            if !keys.is_empty() {
                notes.push(native(function, &keys));
            }
        }
        notes.dedup();
        if !self.root.join("Cargo.lock").is_file() {
            notes.push("There is no Cargo.lock: other days may build other crates.".to_owned());
        }
        if self.plan.functions.iter().any(|function| !function.include.is_empty()) {
            let what = "Included files are those of the day of writing: write it again for others.";
            notes.push(what.to_owned());
        }
        notes
    }
}

fn native(function: &Function, keys: &[&str]) -> String {
    format!(
        "`{}` sets {}, for native libraries: nothing here looks for them. Install them in the toolchain, \
         built for the runtime's glibc, and COPY them to /var/task/lib, or use `--format image`.",
        function.name,
        keys.join(", ")
    )
}

/// Writes all of them, unless one is there that is not ours; says whether they were there already.
fn write(all: &[(&PathBuf, &String)]) -> Result<bool, Error> {
    let mut fresh = true;
    for (path, text) in all {
        let there = files::read_settings(path).map_err(|source| files::unread(path, source))?;
        match there {
            Some(there) if !there.starts_with(MARK) => {
                return Err(Error::Usage(format!(
                    "{} is there, and is none of ours, which begin with `{MARK}`: move it away, or name \
                     another folder with `--out`",
                    path.display()
                )));
            }
            there => fresh &= there.as_ref() == Some(*text),
        }
    }
    if fresh {
        return Ok(true);
    }
    // The one that is used comes last.
    for (path, text) in all.iter().rev() {
        files::write_atomically(path, text.as_bytes())?;
    }
    Ok(false)
}

fn say(
    draft: &Dockerfile,
    path: &Path,
    ignore: &Path,
    fresh: bool,
    shell: &Shell,
) -> Result<(), Error> {
    let (path, ignore) = (path.display().to_string(), ignore.display().to_string());
    if shell.is_json() {
        let stages = draft.images.iter().map(|image| image.stage.as_str()).collect();
        shell.record(&Message::Dockerfile { path: &path, ignore: &ignore, stages, fresh })?;
    } else {
        shell.answer(&path)?;
        shell.answer(&ignore)?;
    }
    let verb = if fresh { "Unchanged" } else { "Written" };
    let count = draft.images.len();
    let plural = if count == 1 { "stage" } else { "stages" };
    shell.status(verb, format!("{count} {plural}; how to build them stands at the top"));
    Ok(())
}

/// The architecture behind a name, where one function has both.
fn names(functions: &[&str], name: &str, arch: crate::target::Arch) -> String {
    let stage = dockerfile::stage(name);
    let same = functions.iter().filter(|other| dockerfile::stage(other) == stage).count();
    if same > 1 { format!("{stage}.{}", arch.aws_name()) } else { stage }
}
