//! `watch`: builds again when something has changed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Instant;

use super::changes::{Changes, Places, Wake, WatchError};
use super::site::Site;
use super::{on_this_machine, options, show, talk};
use crate::cli::args::{Audit, Global, Watch};
use crate::cli::build::Job;
use crate::cli::interrupt::Interrupt;
use crate::cli::invoke::show::{By, show as show_invoked};
use crate::cli::invoke::{payload, send};
use crate::cli::{asynchronously, server};
use crate::error::Error;
use crate::invocation::{Invocation, Kind};
use crate::local::{Client, Direct, Handle};
use crate::message::Message;
use crate::routes::Routes;
use crate::shell::Shell;
use crate::tree::{Source, Tree};

/// The file beside the manifest that cargo writes.
const LOCK: &str = "Cargo.lock";

pub(in crate::cli) fn watch(args: &Watch, global: &Global, shell: &Shell) -> Result<(), Error> {
    let event = args.invoke.as_deref().map(|text| payload::event(text, "--invoke")).transpose()?;
    let build = on_this_machine(&args.run.build);
    let flags = || build.compile.settings(&Audit::default());
    let new = || Job::new(&build, flags(), global, None, false, shell);
    let job = new()?;
    let options = options(&args.run, &job, global)?;
    server::beside(options, talk::talk(global.shell()), |handle| {
        let (mut changes, wake) = Changes::new().map_err(|error| unwatched(&error))?;
        stop_on_interrupt(wake)?;
        let site = Site::new(&handle, &args.run, shell);
        let mut job = Some(job);
        let mut shown = None;
        loop {
            if let Some(job) = &job {
                changes.watch(places(job, &site)).map_err(|error| unwatched(&error))?;
                let routes = match site.route(job) {
                    Err(error) if shown.is_some() => {
                        shell.error(&error);
                        Routes::default()
                    }
                    routes => routes?,
                };
                let (began, before) = (Instant::now(), site.functions());
                let (new, result) = site.build(job);
                handle.no_more()?;
                if changes.stopped() {
                    return Ok(());
                }
                // The build tells of more.
                changes.watch(places(job, &site)).map_err(|error| unwatched(&error))?;
                let outcome = Outcome { new: &new, before: &before, began, first: shown.is_none() };
                outcome.tell(result, shell)?;
                let what = (addresses(site.functions()), routes);
                if !what.0.is_empty() && shown.as_ref() != Some(&what) {
                    show(&site, &handle, &what.1, shell)?;
                    shown = Some(what);
                }
                if let Some(event) = &event {
                    invoke(&handle, &new, event, shell);
                }
            }
            let Some(paths) = changes.next() else { return Ok(()) };
            if job.is_none() || !paths.iter().all(|path| is_source(path)) {
                job = match new() {
                    Ok(job) => Some(job),
                    Err(error) => {
                        failed(&error, shown.is_some(), shell)?;
                        None
                    }
                };
            }
        }
    })
}

/// By what each function is called.
fn addresses(functions: Vec<Direct>) -> Vec<(String, Vec<String>, bool)> {
    let address = |it: Direct| (it.name, it.aliases, it.url.is_some());
    functions.into_iter().map(address).collect()
}

/// What has come of a build.
struct Outcome<'a> {
    /// The functions that are new, or others than before.
    new: &'a [String],
    before: &'a [Direct],
    began: Instant,
    /// There was none before: what there is, is shown as a whole.
    first: bool,
}

impl Outcome<'_> {
    fn tell(&self, result: Result<(), Error>, shell: &Shell) -> Result<(), Error> {
        let took = self.began.elapsed();
        let was = |name: &&str| self.before.iter().any(|function| function.name == **name);
        let all = self.new.iter().map(String::as_str);
        let (replaced, added): (Vec<_>, Vec<_>) = all.partition(was);
        for (verb, names) in [("Added", &added), ("Replaced", &replaced)] {
            if !self.first && !names.is_empty() {
                let seconds = took.as_secs_f64();
                shell.status(verb, format!("{} after {seconds:.2} s", names.join(", ")));
            }
        }
        if shell.is_json() && (result.is_ok() || !self.new.is_empty()) {
            let duration_ms = took.as_secs_f64() * 1e3;
            shell.record(&Message::Built { added, replaced, duration_ms })?;
        }
        match result {
            Ok(()) => Ok(()),
            Err(error) => failed(&error, !self.first, shell),
        }
    }
}

/// Says why there is no other build.
fn failed(error: &Error, kept: bool, shell: &Shell) -> Result<(), Error> {
    shell.error(error);
    if kept {
        shell.status("Keeping", "what was built before");
    }
    if shell.is_json() {
        let (message, causes, hint) = (error.to_string(), error.causes(), error.hint());
        shell.record(&Message::BuildFailed { message, causes, hint })?;
    }
    Ok(())
}

/// What cannot change settings, dependencies, or which functions there are.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Everything that a build follows from.
fn places(job: &Job, site: &Site<'_>) -> Places {
    let root = job.metadata.workspace_root.as_std_path();
    let folder = |manifest: &cargo_metadata::camino::Utf8PathBuf| {
        manifest.parent().map(|folder| folder.as_std_path().to_path_buf())
    };
    let members = &job.metadata.packages;
    let mut roots: BTreeSet<PathBuf> =
        members.iter().filter_map(|package| folder(&package.manifest_path)).collect();
    // Where another member may come.
    roots.insert(root.to_path_buf());
    // Those beside the workspace.
    let paths = members.iter().flat_map(|package| &package.dependencies);
    roots.extend(paths.filter_map(|it| Some(it.path.clone()?.into_std_path_buf())));
    let mut files: BTreeSet<PathBuf> = job.config.files.iter().cloned().collect();
    files.extend(
        ["Cargo.toml", LOCK, ".cargo/config.toml", ".cargo/config"].map(|it| root.join(it)),
    );
    // Git may ignore them; what a build writes itself would begin the next.
    let is_output = |path: &PathBuf| job.outputs.iter().any(|folder| path.starts_with(folder));
    files.extend(site.sources().into_iter().filter(|path| !is_output(path)));
    for function in &job.plan.functions {
        let trees = [job.includes(function), job.assets(function)];
        for (_, entry) in trees.iter().flatten().flat_map(Tree::iter) {
            if let Source::File(path) = &entry.source {
                files.insert(path.clone());
            }
        }
    }
    let outputs = job.outputs.iter().cloned().collect();
    Places { roots, files, outputs, lock: root.join(".git/index.lock") }
}

fn unwatched(error: &WatchError) -> Error {
    Error::Usage(format!("cannot watch the workspace: {error}"))
}

/// Whoever ends it ends it between two builds; cargo is told by the terminal itself.
fn stop_on_interrupt(wake: Sender<Wake>) -> Result<(), Error> {
    let (ready, listening) = std::sync::mpsc::channel();
    thread::spawn(move || {
        asynchronously(async {
            let mut interrupt = match Interrupt::listen() {
                Ok(interrupt) => interrupt,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let _ = ready.send(Ok(()));
            interrupt.next().await;
            let _ = wake.send(Wake::Stop);
        })
    });
    Ok(listening.recv().unwrap_or_else(|error| Err(std::io::Error::other(error)))?)
}

/// Invokes what is new, one after the other; what comes of that is shown and no more.
fn invoke(handle: &Handle, new: &[String], event: &[u8], shell: &Shell) {
    let client = Client::at(handle.address);
    for name in new {
        let invocation =
            Invocation { function: name, qualifier: None, kind: Kind::Wait, payload: event };
        let invoked = send(&client, &invocation);
        let shown =
            invoked.and_then(|it| show_invoked(&invocation, &it, (By::OneOfSeveral, false), shell));
        if let Err(error) = shown {
            shell.error(&error);
        }
    }
}
