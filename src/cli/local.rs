//! `local`: the embedded Lambda, until Ctrl-C.

use std::collections::BTreeSet;
use std::env;
use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;
use std::time::Duration;

use super::args::{Global, Local, Rehearsal};
use super::interrupt::Interrupt;
use super::lower::shown;
use crate::error::Error;
use crate::files::{self, FileError};
use crate::local::{self, Event, Fault, Handle, LocalError, Options};
use crate::message::Message;
use crate::routes::Routes;
use crate::shell::Shell;

/// How many lines may wait to be written.
const LINES: usize = 1024;
/// How long they may take in the end.
const PATIENCE: Duration = Duration::from_millis(500);
/// A function, unless it is the server's own, and its line.
type Said = (Option<String>, String);
/// What any client of AWS accepts as credentials; the server checks none.
const KEY: &str = "local";
const REGION: &str = "AWS_REGION";

pub(super) fn run(args: &Local, global: &Global, shell: &Shell) -> Result<(), Error> {
    let options = Options {
        port: args.port,
        region: region(args)?,
        // The sandbox binds what lies in it, and asks for no path from here.
        data: args.data.as_deref().map(super::build::absolute),
        scratch: None,
        delay: args.delay.into(),
        s3_endpoint: args.s3_endpoint.clone(),
        retries: args.retry_wait.iter().map(|wait| (*wait).into()).collect(),
        idle: args.idle.into(),
        program: env::current_exe().map_err(LocalError::Start)?,
        faults: faults(&args.rehearsal)?,
        seed: args.rehearsal.seed,
        drain: false,
        sandbox: !args.no_sandbox,
        images: super::image::of_this_machine(global.shell()),
        expected: BTreeSet::new(),
        routes: Routes::default(),
    };
    if !options.faults.is_empty() {
        let all: Vec<String> = options.faults.iter().map(ToString::to_string).collect();
        shell.status("Faults", format!("{}; seed {}", all.join(", "), args.rehearsal.seed));
    }
    let (talk, all_said) = talk(global);
    let mut answered = Ok(());
    let region = options.region.clone();
    let ready = |handle: Handle| answered = answer(args, (handle.address, &region), shell);
    let served = local::serve(options, Box::new(talk), ready, stop);
    // The server's end of the talk is gone; what is still to be said is said, if somebody reads.
    let _ = all_said.recv_timeout(PATIENCE);
    served?;
    answered
}

/// Says what functions write and what becomes of events. The second end tells that all was said, once
/// the first is gone.
pub(super) fn talk(global: &Global) -> (impl Fn(Event<'_>) + Send + 'static, Receiver<()>) {
    let (said, all_said) = speaker(global.shell());
    let quiet = global.quiet;
    let talk = move |event: Event<'_>| {
        if quiet {
            return;
        }
        let (function, text) = match event {
            Event::Line { function, text } => (Some(function.to_owned()), text.to_owned()),
            Event::Note(text) => (None, text.to_owned()),
            Event::Started { .. } => return,
        };
        // What nobody reads is lost; the server must not wait for it.
        let _ = said.try_send((function, text));
    };
    (talk, all_said)
}

/// That of the flag, else of the variable, which counts for nothing if it is empty.
fn region(args: &Local) -> Result<String, Error> {
    let named = || env::var(REGION).ok().filter(|name| !name.is_empty());
    match (args.region.clone(), named()) {
        (Some(region), _) => Ok(region),
        (None, Some(name)) => super::args::region(&name)
            .map_err(|why| Error::Usage(format!("{REGION}: `{name}`: {why}"))),
        (None, None) => Ok("us-east-1".to_owned()),
    }
}

/// A file that was named on the command line.
fn read(path: &Path) -> Result<String, Error> {
    let cannot = |error: FileError| {
        let why = error.source().map(|why| format!(": {why}")).unwrap_or_default();
        Error::Usage(format!("{error}{why}"))
    };
    files::read_text(path).map_err(cannot)
}

/// Those of the file, then those of the command line.
fn faults(args: &Rehearsal) -> Result<Vec<Fault>, Error> {
    let mut faults = match &args.fault_file {
        None => Vec::new(),
        Some(path) => local::read_faults(&read(path)?)
            .map_err(|(line, error)| Error::Usage(format!("{}:{line}: {error}", shown(path))))?,
    };
    faults.extend(args.fault.iter().cloned());
    Ok(faults)
}

/// Says on a thread of its own what functions write: standard error may be a pipe that nobody reads.
/// The second end tells that all was said.
fn speaker(shell: Shell) -> (SyncSender<Said>, Receiver<()>) {
    let (sender, receiver) = mpsc::sync_channel::<Said>(LINES);
    let (done, all_said) = mpsc::channel();
    thread::spawn(move || {
        for (function, text) in receiver {
            match function {
                Some(function) => shell.log(&function, &text),
                None => shell.status("Event", text),
            }
        }
        let _ = done.send(());
    });
    (sender, all_said)
}

/// The endpoint, and the variables that make other clients use it.
fn answer(args: &Local, (address, region): (SocketAddr, &str), shell: &Shell) -> Result<(), Error> {
    let endpoint = format!("http://{address}");
    let variables = [
        ("AWS_ENDPOINT_URL_LAMBDA", endpoint.as_str()),
        ("AWS_ENDPOINT_URL_STS", &endpoint),
        ("AWS_ENDPOINT_URL_CLOUDWATCH", &endpoint),
        ("AWS_ENDPOINT_URL_CLOUDWATCH_LOGS", &endpoint),
        ("AWS_REGION", region),
        // The first version of the AWS command line, and boto3, read this one only.
        ("AWS_DEFAULT_REGION", region),
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", KEY),
    ];
    if shell.is_json() {
        let environment = variables.into_iter().collect();
        shell.record(&Message::Listening {
            endpoint: &endpoint,
            environment,
            process: process::id(),
        })?;
    } else {
        for (name, value) in variables {
            shell.answer(format_args!("export {name}={value}"))?;
        }
    }
    let kept = match args.data.as_deref() {
        Some(folder) => format!("everything is kept in {}", shown(folder)),
        None => "nothing is kept".to_owned(),
    };
    shell.status("Listening", format!("on {endpoint}; {kept}; Ctrl-C ends it"));
    Ok(())
}

/// Until somebody ends it.
fn stop() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = Interrupt::listen()?;
    Ok(async move {
        interrupt.next().await;
    })
}
