//! Cargo's runs, with work on each executable as soon as it is there.
//!
//! The workers live as long as all runs do: what one run built is packed while cargo builds the next.
//! They take their turns from the same job server as cargo's compilers, so that together they are as
//! many as the user allows; when cargo has ended they have all of it.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use cargo_metadata::Target;

use super::build::Job;
use super::dylib::{self, Fits};
use super::prepare::Prepared;
use super::timing::Clock;
use crate::artifact::Artifact;
use crate::cargo::{self, CargoError};
use crate::error::Error;
use crate::files;
use crate::function::{Function, Handler};
use crate::plan::Run;
use crate::shell::Shell;

/// More workers than that gain nothing: two files are compressed at once at most.
const MAX_WORKERS: usize = 4;

/// What came of the functions, in their order, and what went wrong with cargo itself.
pub(super) type Results<T> = (Vec<Result<T, Error>>, Option<Error>);

/// A function, by its place in the plan, and its executable.
struct Work<'a> {
    index: usize,
    function: &'a Function,
    artifact: Artifact,
}

/// What waits for a worker, by its size.
#[derive(Default)]
struct Queue<'a> {
    waiting: Mutex<Waiting<'a>>,
    more: Condvar,
}

#[derive(Default)]
struct Waiting<'a> {
    /// By the length of the executable: of what is there the largest is begun first, so that no core
    /// is left with it at the end.
    works: BTreeMap<(u64, usize), Work<'a>>,
    closed: bool,
    seen: usize,
}

impl<'a> Queue<'a> {
    fn push(&self, work: Work<'a>) {
        let size = files::stamp(&work.artifact.executable).map_or(0, |stamp| stamp.size);
        let mut waiting = lock(&self.waiting);
        waiting.seen += 1;
        waiting.works.insert((size, work.index), work);
        drop(waiting);
        self.more.notify_one();
    }

    fn close(&self) {
        lock(&self.waiting).closed = true;
        self.more.notify_all();
    }

    /// Waits until there is something, or never will be.
    fn is_over(&self) -> bool {
        let empty = |waiting: &mut Waiting<'a>| waiting.works.is_empty() && !waiting.closed;
        let waiting = self.more.wait_while(lock(&self.waiting), empty);
        waiting.unwrap_or_else(PoisonError::into_inner).works.is_empty()
    }

    fn pop(&self) -> Option<Work<'a>> {
        lock(&self.waiting).works.pop_last().map(|(_, work)| work)
    }
}

impl Job {
    /// Runs cargo and hands each executable to `work` on threads of their own, as soon as cargo
    /// reports it.
    pub(super) fn run<T: Send>(
        &self,
        shell: &Shell,
        work: impl Fn(&Function, &Artifact) -> Result<T, Error> + Sync,
    ) -> Results<T> {
        let queue = Queue::default();
        let done = Mutex::new(Vec::new());
        self.jobs.cargo_begins();
        let failed = thread::scope(|scope| {
            for _ in 0..self.jobs.most().min(MAX_WORKERS).min(self.plan.functions.len()) {
                scope.spawn(|| self.worker(&queue, &done, &work, shell));
            }
            let failed = self.build(&queue, shell);
            self.jobs.cargo_has_ended();
            queue.close();
            shell.start_progress("Packing", lock(&queue.waiting).seen, lock(&done).len());
            failed
        });
        shell.end_progress();
        let mut results = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        results.sort_by_key(|(index, _)| *index);
        (results.into_iter().map(|(_, result)| result).collect(), failed)
    }

    /// Every run of cargo, one after the other.
    fn build<'a>(&'a self, queue: &Queue<'a>, shell: &Shell) -> Option<Error> {
        let mut failed = None;
        for run in &self.plan.runs {
            match self.build_once(run, queue, shell) {
                Ok(()) => {}
                Err(error) if self.options.keep_going => failed = failed.or(Some(error)),
                Err(error) => return Some(error),
            }
        }
        failed
    }

    fn build_once<'a>(&'a self, run: &Run, queue: &Queue<'a>, shell: &Shell) -> Result<(), Error> {
        let member = |&index: &usize| self.plan.functions.get(index).map(|found| (index, found));
        let members: Vec<(usize, &Function)> = run.members.iter().filter_map(member).collect();
        let handlers: Vec<_> = members.iter().map(|(_, function)| &function.handler).collect();
        let prepared = self.prepared.get(&run.compile).cloned().unwrap_or_default();
        let Prepared { config, variables, target_dir, .. } = prepared;
        let mut options = self.options.clone();
        options.target_dir = target_dir.or(options.target_dir);
        if self.jobs.is_served() {
            // Cargo warns of both.
            options.jobs = None;
        }
        let step = cargo::build_step(&options, run, &handlers, &config, &variables);
        let step = self.jobs.serve(step);
        shell.detail("Running", format!("`{step}`"));
        let (mut seen, mut failed) = (Vec::new(), None);
        let started = Clock::now();
        shell.hold();
        let built = cargo::build(&step, |artifact| {
            let is = |member: &&(usize, &Function)| built_for(&member.1.handler, &artifact);
            let Some(&(index, function)) = members.iter().find(is) else { return };
            seen.push(index);
            match self.with_shared(run, artifact, shell) {
                Ok(artifact) => queue.push(Work { index, function, artifact }),
                Err(error) => failed = Some(error),
            }
        });
        shell.release();
        self.clock.add("cargo build", started);
        built?;
        if let Some(error) = failed {
            return Err(error);
        }
        match members.iter().find(|(index, _)| !seen.contains(index)) {
            Some((_, function)) => {
                Err(CargoError::NoExecutable(function.handler.to_string()).into())
            }
            None => Ok(()),
        }
    }

    /// With the folder of the shared libraries that it is linked with.
    fn with_shared(&self, run: &Run, artifact: Artifact, shell: &Shell) -> Result<Artifact, Error> {
        let Some(name) = &run.compile.dylib else { return Ok(artifact) };
        let folder = dylib::folder(self, &run.compile, &artifact.dylibs)?;
        let fits = dylib::check(name, &artifact, &folder)?;
        if fits == Fits::WithoutIt && !self.names_library(name, &artifact) {
            let (target, crate_name) = (artifact.target, name.replace('-', "_"));
            return Err(CargoError::NotLinked { target, crate_name }.into());
        }
        if fits == Fits::WithoutIt {
            shell.status(
                "Unshared",
                format!(
                    "`{}`: it needs nothing that is in `{name}`, and does without",
                    artifact.target
                ),
            );
        }
        Ok(Artifact { shared: Some(folder), ..artifact })
    }

    /// Whether its source says that it uses the crate: a linker leaves out what nothing is used of.
    fn names_library(&self, name: &str, artifact: &Artifact) -> bool {
        let package = self.metadata.packages.iter().find(|it| it.id == artifact.package_id);
        let of_kind =
            |it: &Target| it.kind.iter().any(|kind| kind.to_string() == artifact.kind.cargo_name());
        let is_it = |it: &&Target| it.name == artifact.target && of_kind(it);
        let target = package.and_then(|package| package.targets.iter().find(is_it));
        let source = target.and_then(|it| std::fs::read_to_string(&it.src_path).ok());
        source.is_some_and(|text| crate::dylib::mentions(&text, name))
    }

    fn worker<T>(
        &self,
        queue: &Queue<'_>,
        done: &Mutex<Vec<(usize, Result<T, Error>)>>,
        work: &impl Fn(&Function, &Artifact) -> Result<T, Error>,
        shell: &Shell,
    ) {
        while !queue.is_over() {
            // Before one is chosen: while this waits for its turn, a larger one may come.
            let turn = self.jobs.turn();
            let Some(Work { index, function, artifact }) = queue.pop() else { continue };
            let started = Clock::now();
            let result = work(function, &artifact);
            self.clock.add("packing, all threads together", started);
            drop(turn);
            lock(done).push((index, result));
            shell.advance();
        }
    }
}

fn built_for(handler: &Handler, artifact: &Artifact) -> bool {
    handler.package_id == artifact.package_id
        && handler.target == artifact.target
        && handler.kind == artifact.kind
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
