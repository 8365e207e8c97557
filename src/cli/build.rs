//! What `package` and `check` share: facts → plan, and cargo's runs with work on each executable as
//! soon as it is there.

use std::collections::BTreeMap;
use std::env;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;

use cargo_metadata::Metadata;
use cargo_metadata::camino::Utf8PathBuf;

use super::args::{Audit, Build, Global};
use super::groups::{Answers, Groups, functions};
use super::prepare::{Machines, Prepared};
use super::{configuration, libraries};
use crate::artifact::Artifact;
use crate::audit::{Inspected, Subject, Trust};
use crate::bundle::LinkerRecord;
use crate::cargo::{self, CargoError};
use crate::cargo_files;
use crate::compile::Compile;
use crate::error::Error;
use crate::files::{self, IncludeError, Roots};
use crate::function::{Function, Handler};
use crate::inspect;
use crate::plan::{self, CargoOptions, Output, Plan, Run};
use crate::remap::Embedded;
use crate::shell::Shell;
use crate::target::Arch;
use crate::tool_cache::ToolCache;
use crate::toolchain::{self, Rustc};
use crate::tree::{ArchivePath, Entry, Mode, Source, Tree};

/// More workers than that gain nothing: two files are compressed at once at most.
const MAX_WORKERS: usize = 4;

/// The facts of one run and what was decided from them.
pub(super) struct Job {
    pub(super) options: CargoOptions,
    pub(super) metadata: Metadata,
    pub(super) rustc: Rustc,
    pub(super) plan: Plan,
    /// What each way of compiling needs.
    pub(super) prepared: BTreeMap<Compile, Prepared>,
    pub(super) output: Output,
    /// The folders that cargo and we write to.
    outputs: Vec<PathBuf>,
}

/// All that goes into one bundle.
pub(super) struct Contents {
    pub(super) tree: Tree,
    pub(super) files: Vec<Inspected>,
    /// The folders of this machine in which libraries were looked for.
    searched: Vec<String>,
    /// The folders that are in its program all the same.
    embedded: Vec<Embedded>,
}

/// What came of the functions, in their order, and what went wrong with cargo itself.
pub(super) type Results<T> = (Vec<Result<T, Error>>, Option<Error>);

/// A function, by its place in the plan, and its executable.
type Work<'a> = (usize, &'a Function, Artifact);

impl Job {
    /// Gathers the facts and makes the plan. Nothing is built or written.
    pub(super) fn new(
        build: &Build,
        audit: &Audit,
        global: &Global,
        out: Option<&Path>,
        cargo_lambda: bool,
        shell: &Shell,
    ) -> Result<Self, Error> {
        let options = build.cargo_options(global);
        // As cargo: from where it is run, not from the workspace.
        let folder = env::current_dir().unwrap_or_default();
        let cargos = cargo_files::load(&folder, cargo_files::variables(), &options.config);
        let (metadata, found) = thread::scope(|scope| {
            let found = scope.spawn(|| toolchain::find_rustc(cargos.rustc()));
            (cargo::metadata(&options), found.join())
        });
        let metadata = metadata?;
        let found = found.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let target = match &options.target_dir {
            Some(folder) => absolute(folder),
            None => metadata.target_directory.clone().into_std_path_buf(),
        };
        let tools = ToolCache::open(target.join("lambda-pack.tools.json"));
        let rustc = toolchain::rustc(&tools, found)?;
        let config = configuration::load(&metadata, build.compile.settings(audit), global, shell)?;
        let machines = Machines::new(&options, &cargos, &metadata, &rustc, &tools, shell);
        machines.check_wrapper()?;
        let (functions, packages) =
            functions(&metadata, &build.selection(), &config, machines.default_target(), &rustc)?;
        let epoch = env::var("SOURCE_DATE_EPOCH").ok();
        // A debug build is to be quick, not small.
        let unify = build.compile.unify_features || options.profile == "dev";
        let groups = Groups {
            options: &options,
            metadata: &metadata,
            rustc: &rustc,
            tools: &tools,
            target: &target,
            unify,
        };
        let Answers { groupings, packages: places } =
            groups.answers(&functions, &packages, shell)?;
        let plan = Plan::new(functions, &packages, &options, &groupings, epoch.as_deref())?;
        if unify && shell.is_verbose() {
            groups.say_gains(&plan, &packages, shell)?;
        }
        if cargo_lambda {
            check_layout(&plan)?;
        }
        let prepared =
            machines.prepare(plan.runs.iter().map(|run| &run.compile), &places, &target)?;
        let output = plan::output(&target, out.map(absolute).as_deref(), cargo_lambda);
        let mut outputs = vec![target, output.base.clone()];
        outputs.extend(output.cargo_lambda.clone());
        outputs.extend(metadata.build_directory.clone().map(Utf8PathBuf::into_std_path_buf));
        tools.save();
        let job = Self { options, metadata, rustc, plan, prepared, output, outputs };
        for function in &job.plan.functions {
            check_folders(function)?;
            check_trust(&Trust::new(function.trust_system.clone()))?;
        }
        job.check_includes()?;
        Ok(job)
    }

    /// Finds every mistake of every `include` before anything is built.
    fn check_includes(&self) -> Result<(), Error> {
        let mut mistakes = Vec::new();
        for function in &self.plan.functions {
            let checked = self.includes(function).and_then(|mut tree| {
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

    fn includes(&self, function: &Function) -> Result<Tree, Error> {
        let roots = Roots {
            package: function.package_root.clone(),
            workspace: self.metadata.workspace_root.clone().into_std_path_buf(),
            outputs: self.outputs.clone(),
        };
        let mut tree = Tree::default();
        files::include(&mut tree, &function.include, &roots).map_err(|errors| {
            let named = errors.into_iter().map(|error| (function.name.to_string(), error));
            Error::Include(named.collect())
        })?;
        Ok(tree)
    }

    /// All that goes into a function's bundle, as the disk has it now (a build script may have
    /// written some of it since the plan was made), with `executable`, a copy of the artifact's or
    /// that itself, and with the libraries that Lambda lacks.
    pub(super) fn contents(
        &self,
        function: &Function,
        artifact: &Artifact,
        executable: &Path,
        shell: &Shell,
    ) -> Result<Contents, Error> {
        let mut tree = self.includes(function)?;
        let length =
            files::open_file(executable).and_then(|file| files::length(&file, executable))?;
        insert_executable(&mut tree, function, length, executable)?;
        let arch = function.compile.target.arch;
        let machines = (arch, Arch::of_linux_triple(&self.rustc.host));
        let settings = library_settings(function);
        let mut files = inspect::tree(&tree)?;
        let embedded = self.embedded(function, executable)?;
        let searched = libraries::insert(
            &mut tree, &mut files, function, artifact, machines, settings, shell,
        )?;
        Ok(Contents { tree, files, searched, embedded })
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
            zip_size: None,
            bare: false,
            arch: Some(function.compile.target.arch),
            runtime: function.runtime,
            dlopen: library_settings(function).dlopen,
            searched: &contents.searched,
            embedded: &contents.embedded,
        }
    }

    /// Runs cargo and hands each executable to `work` on threads of their own, as soon as cargo
    /// reports it.
    pub(super) fn run<T: Send>(
        &self,
        shell: &Shell,
        work: impl Fn(&Function, &Artifact) -> Result<T, Error> + Sync,
    ) -> Results<T> {
        let mut results = Vec::new();
        let mut failed = None;
        for run in &self.plan.runs {
            match self.run_once(run, shell, &work, &mut results) {
                Ok(()) => {}
                Err(error) if self.options.keep_going => failed = failed.or(Some(error)),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        results.sort_by_key(|(index, _)| *index);
        (results.into_iter().map(|(_, result)| result).collect(), failed)
    }

    fn run_once<T: Send>(
        &self,
        run: &Run,
        shell: &Shell,
        work: &(impl Fn(&Function, &Artifact) -> Result<T, Error> + Sync),
        results: &mut Vec<(usize, Result<T, Error>)>,
    ) -> Result<(), Error> {
        let member = |&index: &usize| self.plan.functions.get(index).map(|found| (index, found));
        let members: Vec<(usize, &Function)> = run.members.iter().filter_map(member).collect();
        let handlers: Vec<_> = members.iter().map(|(_, function)| &function.handler).collect();
        let prepared = self.prepared.get(&run.compile).cloned().unwrap_or_default();
        let Prepared { config, variables, target_dir, .. } = &prepared;
        let mut options = self.options.clone();
        options.target_dir = target_dir.clone().or(options.target_dir);
        let step = cargo::build_step(&options, run, &handlers, config, variables);
        shell.detail("Running", format!("`{step}`"));
        let (to_workers, queue) = mpsc::channel();
        let queue = Mutex::new(queue);
        let done = Mutex::new(Vec::new());
        let mut seen = Vec::new();
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let built = thread::scope(|scope| {
            for _ in 0..cores.min(MAX_WORKERS).min(members.len()) {
                scope.spawn(|| worker(&queue, &done, work, shell));
            }
            shell.hold();
            let built = cargo::build(&step, |artifact| {
                let is = |member: &&(usize, &Function)| built_for(&member.1.handler, &artifact);
                if let Some(&(index, function)) = members.iter().find(is) {
                    seen.push(index);
                    // The workers listen until the sender is dropped.
                    let _ = to_workers.send((index, function, artifact));
                }
            });
            drop(to_workers);
            shell.release();
            shell.start_progress("Packing", seen.len(), lock(&done).len());
            built
        });
        shell.end_progress();
        results.append(&mut lock(&done));
        built?;
        match members.iter().find(|(index, _)| !seen.contains(index)) {
            Some((_, function)) => {
                Err(CargoError::NoExecutable(function.handler.to_string()).into())
            }
            None => Ok(()),
        }
    }
}

fn library_settings(function: &Function) -> libraries::Settings<'_> {
    libraries::Settings {
        dlopen: &function.dlopen,
        folders: &function.library_paths,
        sysroot: function.sysroot.as_deref(),
    }
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

fn absolute(path: &Path) -> PathBuf {
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

fn built_for(handler: &Handler, artifact: &Artifact) -> bool {
    handler.package_id == artifact.package_id
        && handler.target == artifact.target
        && handler.kind == artifact.kind
}

fn worker<T>(
    queue: &Mutex<mpsc::Receiver<Work<'_>>>,
    done: &Mutex<Vec<(usize, Result<T, Error>)>>,
    work: &impl Fn(&Function, &Artifact) -> Result<T, Error>,
    shell: &Shell,
) {
    loop {
        let next = lock(queue).recv();
        let Ok((index, function, artifact)) = next else { return };
        let result = work(function, &artifact);
        lock(done).push((index, result));
        shell.advance();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All that went wrong as one: cargo's failure first, since it explains the rest. That the answer
/// could not be written counts only if nothing else went wrong.
pub(super) fn combine(
    failed: Option<Error>,
    mut errors: Vec<Error>,
    answered: Result<(), Error>,
) -> Result<(), Error> {
    if let Some(error) = failed {
        errors.insert(0, error);
    }
    match errors.len() {
        0 => answered,
        1 => Err(errors.remove(0)),
        _ => Err(Error::Several(errors)),
    }
}
