//! What `package` and `check` share: facts → plan, and what goes into each bundle.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cargo_metadata::Metadata;
use cargo_metadata::camino::Utf8PathBuf;

use super::args::{Build, Global};
use super::configuration;
use super::facts::Facts;
use super::groups::{Chosen, Groups, functions};
use super::libraries::{self, Lookup};
use super::prepare::{Machines, Prepared};
use super::split::{Own, tree_of};
use super::timing::Clock;
use crate::artifact::Artifact;
use crate::audit::{Inspected, Subject, Trust};
use crate::bundle::LinkerRecord;
use crate::compile::Compile;
use crate::config::{Config, Located};
use crate::error::Error;
use crate::files::{self, IncludeError, Roots};
use crate::function::{Function, IncludeRule};
use crate::inspect;
use crate::jobs::Jobs;
use crate::libraries::Search;
use crate::plan::{self, CargoOptions, Output, Plan};
use crate::remap::{self, Embedded, Outside};
use crate::shell::Shell;
use crate::target::Arch;
use crate::toolchain::Rustc;
use crate::tree::{ArchivePath, Entry, Mode, Source, Tree};

/// The facts of one run and what was decided from them.
pub(super) struct Job {
    pub(super) options: CargoOptions,
    pub(super) metadata: Metadata,
    /// What is set.
    pub(super) config: Config,
    pub(super) rustc: Rustc,
    pub(super) plan: Plan,
    /// What each way of compiling needs.
    pub(super) prepared: BTreeMap<Compile, Prepared>,
    pub(super) output: Output,
    /// The folders that cargo and we write to.
    pub(super) outputs: Vec<PathBuf>,
    /// How much may run at once.
    pub(super) jobs: Jobs,
    /// Where the time went.
    pub(super) clock: Clock,
    /// The folders of libraries, by what they follow from: most functions ask for the same.
    library_folders: Mutex<BTreeMap<LibraryQuestion, Vec<PathBuf>>>,
}

/// The compile, the folders that build scripts gave to the linker, those that the user named, and the
/// root of the system.
type LibraryQuestion = (Compile, Vec<PathBuf>, Vec<PathBuf>, Option<PathBuf>);

/// The files of a bundle.
pub(super) struct Files {
    pub(super) tree: Tree,
    inspected: Vec<Inspected>,
    is_dynamic: bool,
}

/// All that goes into one bundle.
pub(super) struct Contents {
    pub(super) tree: Tree,
    pub(super) files: Vec<Inspected>,
    /// What its layers bring, by absolute paths: its assets, until it is split further.
    pub(super) layered: Vec<Inspected>,
    /// Whether its program needs any library.
    pub(super) is_dynamic: bool,
    /// The folders of this machine in which libraries were looked for.
    searched: Vec<String>,
    /// The folders that are in its program all the same.
    embedded: Vec<Embedded>,
    /// The packages of its that lie outside of the workspace.
    outside: Vec<Outside>,
}

impl Contents {
    /// Without what is in layers.
    pub(super) fn split(&mut self, own: &Own, function: &str) -> Result<(), Error> {
        self.tree.retain(|path| !own.left.contains(path.as_str()));
        self.files.retain(|file| !own.left.contains(&file.path));
        let layered = tree_of(&own.layered, function)?;
        if !layered.is_empty() {
            self.layered = below_opt(inspect::tree(&layered)?);
        }
        Ok(())
    }
}

impl Job {
    /// Gathers the facts and makes the plan. Nothing is built or written.
    pub(super) fn new(
        build: &Build,
        flags: Vec<(&'static str, Located)>,
        global: &Global,
        out: Option<&Path>,
        cargo_lambda: bool,
        shell: &Shell,
    ) -> Result<Self, Error> {
        let clock = Clock::new();
        let started = Clock::now();
        let facts = Facts::gather(build.cargo_options(global), true)?;
        let config = configuration::load(&facts.metadata, flags, global, shell)?;
        let target = Machines::new(&facts, shell).default_target();
        let Chosen { mut functions, packages, options } =
            functions(&facts, &build.selection(), &config, target)?;
        let facts = Facts { options: options?, ..facts };
        let machines = Machines::new(&facts, shell);
        machines.check_wrapper()?;
        clock.add("workspace and settings", started);
        let started = Clock::now();
        let unify = build.unifies(&facts.options);
        let groups = Groups { facts: &facts, unify };
        let answers = groups.answers(&mut functions, &packages, shell)?;
        let epoch = env::var("SOURCE_DATE_EPOCH").ok();
        let plan =
            Plan::new(functions, &packages, &facts.options, &answers.groupings, epoch.as_deref())?;
        if unify && shell.is_verbose() {
            groups.say_gains(&plan, &packages, shell)?;
        }
        if cargo_lambda {
            check_layout(&plan)?;
        }
        clock.add("features and packages", started);
        let started = Clock::now();
        let all = plan.runs.iter().map(|run| &run.compile);
        let prepared = machines.prepare(all, &answers.packages)?;
        clock.add("linkers", started);
        let jobs = machines.jobs();
        facts.tools.save();
        let Facts { options, metadata, rustc, target, .. } = facts;
        let output = plan::output(&target, out.map(absolute).as_deref(), cargo_lambda);
        let mut outputs = vec![target, output.base.clone()];
        outputs.extend(output.cargo_lambda.clone());
        outputs.extend(metadata.build_directory.clone().map(Utf8PathBuf::into_std_path_buf));
        let library_folders = Mutex::default();
        let job = Self {
            options,
            metadata,
            config,
            rustc,
            plan,
            prepared,
            output,
            outputs,
            jobs,
            clock,
            library_folders,
        };
        for function in &job.plan.functions {
            check_folders(function)?;
        }
        job.check_includes()?;
        Ok(job)
    }

    /// Finds every mistake of every `include` before anything is built.
    fn check_includes(&self) -> Result<(), Error> {
        let mut mistakes = Vec::new();
        for function in &self.plan.functions {
            let assets = self.assets(function).map(drop);
            let checked = assets.and_then(|()| self.includes(function)).and_then(|mut tree| {
                let executable = format!("the executable of {}", function.handler);
                insert_executable(&mut tree, function, 0, Path::new(&executable))
            });
            match checked {
                Ok(()) => {}
                Err(Error::Include(more)) => {
                    // What is missing now a build script may still write.
                    mistakes.extend(more.into_iter().filter(|(_, error)| {
                        !(function.has_build_script
                            && matches!(error, IncludeError::Missing { .. }))
                    }));
                }
                Err(error) => return Err(error),
            }
        }
        if mistakes.is_empty() { Ok(()) } else { Err(Error::Include(mistakes)) }
    }

    /// What a function includes, as the disk has it now: a build script may have written some of it
    /// since the plan was made.
    pub(super) fn includes(&self, function: &Function) -> Result<Tree, Error> {
        includes(function, self.metadata.workspace_root.as_std_path(), &self.outputs)
    }

    /// What a function finds below `/opt` by its `assets`, as the disk has it now.
    pub(super) fn assets(&self, function: &Function) -> Result<Tree, Error> {
        assets(function, self.metadata.workspace_root.as_std_path(), &self.outputs)
    }

    /// The files of a function's bundle: `tree`, which it includes; `executable`, a copy of the
    /// artifact's or that itself; and the libraries that Lambda lacks, as they are looked for.
    pub(super) fn files(
        lookup: &Lookup<'_>,
        mut tree: Tree,
        executable: &Path,
        shell: &Shell,
    ) -> Result<Files, Error> {
        let length =
            files::open_file(executable).and_then(|file| files::length(&file, executable))?;
        insert_executable(&mut tree, lookup.function, length, executable)?;
        let mut files = inspect::tree(&tree)?;
        let is_dynamic = libraries::insert(&mut tree, &mut files, lookup, shell)?;
        Ok(Files { tree, inspected: files, is_dynamic })
    }

    /// The same with what the audit wants to know beside.
    pub(super) fn contents(
        &self,
        lookup: &Lookup<'_>,
        tree: Tree,
        executable: &Path,
        shell: &Shell,
    ) -> Result<Contents, Error> {
        let Files { tree, inspected: files, is_dynamic } =
            Self::files(lookup, tree, executable, shell)?;
        let function = lookup.function;
        let embedded = self.embedded(function, executable)?;
        let layered = below_opt(inspect::tree(&self.assets(function)?)?);
        let searched = if is_dynamic { lookup.folders } else { &[] };
        let searched = searched.iter().map(|folder| folder.display().to_string()).collect();
        let root = self.metadata.workspace_root.as_std_path();
        let outside = remap::outside(function.scripts.iter().flatten(), root);
        Ok(Contents { tree, files, layered, is_dynamic, searched, embedded, outside })
    }

    /// The folders of this machine in which libraries for a function are looked for.
    pub(super) fn library_folders(&self, function: &Function, artifact: &Artifact) -> Vec<PathBuf> {
        let compile = &function.compile;
        let linked = artifact.link_folders(function.scripts.as_ref(), compile.target.triple());
        let linked: Vec<PathBuf> = artifact.shared.iter().cloned().chain(linked).collect();
        let (folders, sysroot) = (function.library_paths.clone(), function.sysroot.clone());
        let question = (compile.clone(), linked, folders, sysroot);
        let mut known = self.library_folders.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = known.entry(question).or_insert_with_key(|(_, linked, folders, sysroot)| {
            crate::libraries::folders(&Search {
                arch: compile.target.arch,
                host: Arch::of_linux_triple(&self.rustc.host),
                linked,
                flags: self.prepared.get(compile).map_or(&[][..], |found| &found.flags),
                folders,
                sysroot: sysroot.as_deref(),
            })
        });
        answer.clone()
    }

    fn embedded(&self, function: &Function, executable: &Path) -> Result<Vec<Embedded>, Error> {
        let Some(prepared) = self.prepared.get(&function.compile) else { return Ok(Vec::new()) };
        let members = self.metadata.packages.iter().filter_map(|package| {
            Some((package.manifest_path.parent()?.as_std_path(), package.name.as_str()))
        });
        let mut program = files::open_file(executable)?;
        let found = prepared.remap.embedded(&mut program, &members.collect::<Vec<_>>());
        Ok(found.map_err(|source| files::unread(executable, source))?)
    }

    /// The processor that a function's handler is compiled for.
    pub(super) fn cpu(&self, function: &Function) -> String {
        let prepared = self.prepared.get(&function.compile);
        prepared.map_or_else(String::new, |found| found.cpu.clone())
    }

    /// What links a function's handler.
    pub(super) fn linker(&self, function: &Function) -> LinkerRecord {
        self.prepared.get(&function.compile).map(|found| found.linker.clone()).unwrap_or_default()
    }

    /// What the audit is told of a function and its files.
    pub(super) fn subject<'a>(function: &'a Function, contents: &'a Contents) -> Subject<'a> {
        Subject {
            thing: function.name.as_str(),
            role: function.role,
            programs: vec![function.role.archive_path(&function.name)],
            files: &contents.files,
            layered: &contents.layered,
            zip_size: None,
            bare: false,
            arch: Some(function.compile.target.arch),
            runtime: function.runtime,
            dlopen: &function.dlopen,
            searched: &contents.searched,
            embedded: &contents.embedded,
            outside: &contents.outside,
        }
    }
}

/// What a function includes, as the disk has it now; `outputs` are the folders that are written to.
pub(super) fn includes(
    function: &Function,
    workspace: &Path,
    outputs: &[PathBuf],
) -> Result<Tree, Error> {
    taken(function, ("include", &function.include), workspace, outputs)
}

/// What a function finds below `/opt` by its `assets`, likewise.
pub(super) fn assets(
    function: &Function,
    workspace: &Path,
    outputs: &[PathBuf],
) -> Result<Tree, Error> {
    taken(function, ("assets", &function.assets), workspace, outputs)
}

/// Files with the paths of what layers bring.
pub(super) fn below_opt(files: Vec<Inspected>) -> Vec<Inspected> {
    let moved = |file: Inspected| Inspected { path: format!("/opt/{}", file.path), ..file };
    files.into_iter().map(moved).collect()
}

fn taken(
    function: &Function,
    (key, rules): (&str, &[IncludeRule]),
    workspace: &Path,
    outputs: &[PathBuf],
) -> Result<Tree, Error> {
    let roots = Roots {
        package: function.package_root.clone(),
        workspace: workspace.to_path_buf(),
        outputs: outputs.to_vec(),
    };
    let mut tree = Tree::default();
    files::include(&mut tree, rules, &roots).map_err(|errors| {
        let what = format!("{}: {key}", function.name);
        Error::Include(errors.into_iter().map(|error| (what.clone(), error)).collect())
    })?;
    Ok(tree)
}

/// A folder that is not there would give nothing, silently.
fn check_folders(function: &Function) -> Result<(), Error> {
    let named = function.library_paths.iter().map(|path| ("library-paths", path));
    let sysroot = function.sysroot.iter().map(|path| ("sysroot", path));
    match named.chain(sysroot).find(|(_, path)| !path.is_dir()) {
        Some((key, path)) => Err(Error::Usage(format!(
            "{}: `{key}` names {}, which is no folder",
            function.name,
            path.display()
        ))),
        None => Ok(()),
    }
}

/// The layout has one folder a name.
fn check_layout(plan: &Plan) -> Result<(), Error> {
    if let Some(clash) = plan.functions.iter().find(|f| f.name.as_str() == "extensions") {
        return Err(Error::Usage(format!(
            "{} has the name `extensions`, which is a folder in the layout of cargo-lambda",
            clash.handler
        )));
    }
    match plan.functions.chunk_by(|a, b| a.name == b.name).find(|same| same.len() > 1) {
        Some(same) => Err(Error::Usage(format!(
            "the layout of cargo-lambda has room for one architecture of `{}`",
            same.first().map_or("", |function| function.name.as_str())
        ))),
        None => Ok(()),
    }
}

/// A path that holds in any folder.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

/// A name that stands for nothing would let nothing pass, silently.
pub(super) fn check_trust(trust: &Trust) -> Result<(), Error> {
    match trust.unknown()? {
        Some(what) => Err(Error::Usage(format!("trust-system: {what}"))),
        None => Ok(()),
    }
}

fn insert_executable(
    tree: &mut Tree,
    function: &Function,
    length: u64,
    executable: &Path,
) -> Result<(), Error> {
    let path = function.role.archive_path(&function.name);
    let archived = ArchivePath::new(&path)
        .map_err(|source| Error::ArchivePath { path: path.clone(), source })?;
    let source = Source::File(executable.to_path_buf());
    tree.insert(archived, Entry { mode: Mode::Executable, length, source })
        .map_err(|source| Error::Clash { function: function.name.to_string(), source })
}
