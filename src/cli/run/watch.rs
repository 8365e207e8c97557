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
use crate::local::{Client, Handle};
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
    let options = options(&args.run, &job)?;
    server::beside(options, talk::talk(global.shell()), |handle| {
        let (mut changes, wake) = Changes::new().map_err(|error| unwatched(&error))?;
        stop_on_interrupt(wake)?;
        let site = Site::new(&handle, &args.run, shell);
        let mut job = Some(job);
        let mut announced = false;
        loop {
            if let Some(job) = &job {
                changes.watch(places(job)).map_err(|error| unwatched(&error))?;
                let routes = match site.route(job) {
                    Err(error) if announced => {
                        shell.error(&error);
                        Routes::default()
                    }
                    routes => routes?,
                };
                let began = Instant::now();
                let (new, result) = site.build(job);
                handle.no_more()?;
                if changes.stopped() {
                    return Ok(());
                }
                tell(&new, result, announced, began, shell);
                if !announced && !site.functions().is_empty() {
                    show(&site, &handle, &routes, shell)?;
                    announced = true;
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
                        shell.error(&error);
                        None
                    }
                };
            }
        }
    })
}

fn tell(new: &[String], built: Result<(), Error>, announced: bool, began: Instant, shell: &Shell) {
    if announced && !new.is_empty() {
        let seconds = began.elapsed().as_secs_f64();
        shell.status("Replaced", format!("{} after {seconds:.2} s", new.join(", ")));
    }
    if let Err(error) = built {
        shell.error(&error);
        if announced {
            shell.status("Keeping", "what was built before");
        }
    }
}

/// What cannot change settings, dependencies, or which functions there are.
fn is_source(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Everything that a build follows from.
fn places(job: &Job) -> Places {
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
    files.extend([root.join("Cargo.toml"), root.join(LOCK), root.join(".cargo/config.toml")]);
    for function in &job.plan.functions {
        for (_, entry) in job.includes(function).iter().flat_map(Tree::iter) {
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
            invoked.and_then(|it| show_invoked(&invocation, &it, (By::Another, false), shell));
        if let Err(error) = shown {
            shell.error(&error);
        }
    }
}
