//! How an environment begins, and how its processes end.
//!
//! With extensions the runtime is started when all of them have registered; without, at once.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::children::{Children, Launch, Program};
use super::exit::Exit;
use super::extensions::{Extensions, MOST};
use super::log::Log;
use super::state::State;
use super::telemetry::{Stream, Telemetry};
use super::{Environment, Host, entry, runtime_api};
use crate::local::failure::Failure;

impl Environment {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// What Lambda says of an entry point that cannot be run.
    pub(in crate::local) async fn start(launch: Launch, host: Host) -> Result<Rc<Self>, Failure> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.map_err(Failure::local)?;
        let address = listener.local_addr().map_err(Failure::local)?;
        let telemetry = Telemetry::new(launch.json_log);
        let now = Instant::now();
        let names = entry::extensions(&launch);
        let Host { keep, on_start, on_change, closing } = host;
        let environment = Rc::new(Self {
            started: now,
            began: Notify::new(),
            exits: Notify::new(),
            state: RefCell::new(State::new(now)),
            extensions: RefCell::new(Extensions::default()),
            children: Children::new(address, &launch),
            has_runtime: Cell::new(false),
            used: Cell::new(0),
            told_of_host: Cell::new(false),
            looked: Cell::new(None),
            tasks: RefCell::default(),
            log: Log::new(keep, telemetry.clone()),
            telemetry,
            on_start,
            on_change,
            closing,
            launch,
        });
        environment.telemetry.init_start(&environment.launch);
        if names.is_empty() {
            environment.start_runtime()?;
        } else {
            environment.start_extensions(&names);
        }
        let serve = runtime_api::serve(listener, Rc::downgrade(&environment));
        environment.tasks.borrow_mut().push(tokio::task::spawn_local(serve));
        Ok(environment)
    }

    /// Starts the runtime.
    pub(super) fn start_runtime(self: &Rc<Self>) -> Result<(), Failure> {
        self.has_runtime.set(true);
        self.start_program(&Program::Runtime, Stream::Function)?;
        if let Some(process) = self.children.process() {
            (self.on_start)(process);
        }
        Ok(())
    }

    /// Starts the external extensions; one that cannot be started ends it all.
    fn start_extensions(self: &Rc<Self>, names: &[String]) {
        for (number, name) in names.iter().enumerate() {
            self.extensions.borrow_mut().started(name);
            let started = if number < MOST {
                self.start_program(&Program::Extension(name.clone()), Stream::Extension).map_err(
                    |failure| {
                        let denied = failure.is_denied();
                        (if denied { "PermissionDenied" } else { "UnknownError" }, failure)
                    },
                )
            } else {
                // As AWS's emulator names it.
                Err(("TooManyExtensions", Failure::launch("ErrTooManyExtensions")))
            };
            if let Err((kind, failure)) = started {
                self.extensions.borrow_mut().not_started(name, kind);
                return self.fail(&failure);
            }
        }
    }

    fn start_program(self: &Rc<Self>, program: &Program, stream: Stream) -> Result<(), Failure> {
        let (exit, output) = self.children.start(&self.launch, program)?;
        let read = self.log.read(output.into(), stream).map_err(Failure::local)?;
        let watch = watch(exit, Rc::downgrade(self));
        let tasks = [tokio::task::spawn_local(read), tokio::task::spawn_local(watch)];
        self.tasks.borrow_mut().extend(tasks);
        Ok(())
    }

    /// A process has ended. That is a failure, unless it was to end.
    fn exited(self: &Rc<Self>, program: &Program, how: &str) {
        // What it wrote before it ended is still to be read.
        self.log.catch_up();
        self.children.ended(program);
        let kind = {
            let mut extensions = self.extensions.borrow_mut();
            let otherwise = match program {
                Program::Runtime => "Runtime.ExitError",
                Program::Extension(name) => {
                    extensions.exited(name);
                    "Extension.Crash"
                }
            };
            extensions.fatal().unwrap_or(otherwise)
        };
        self.exits.notify_waiters();
        self.fail(&Failure::of_process(kind, how));
    }
}

/// Waits until a process has ended.
async fn watch(exit: Exit, environment: Weak<Environment>) {
    let (program, how) = exit.wait().await;
    if let Some(environment) = environment.upgrade() {
        environment.exited(&program, &how);
    }
}
