//! A server of the embedded Lambda in this process, for as long as something is done with it.

use std::collections::BTreeSet;
use std::env;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::args::Global;
use super::image;
use crate::error::Error;
use crate::local::{self, Event, Handle, LocalError, Options};
use crate::routes::Routes;

/// After how long without an invocation an environment is ended.
const IDLE: Duration = Duration::from_mins(5);

/// A server that keeps nothing. `port`: 0 for any that is free.
pub(super) fn options(port: u16, global: &Global) -> Result<Options, Error> {
    Ok(Options {
        port,
        region: "us-east-1".to_owned(),
        data: None,
        scratch: None,
        delay: Duration::ZERO,
        s3_endpoint: None,
        retries: Vec::new(),
        idle: IDLE,
        program: env::current_exe().map_err(LocalError::Start)?,
        faults: Vec::new(),
        seed: 0,
        drain: false,
        sandbox: true,
        images: image::of_this_machine(global.shell()),
        routes: Routes::default(),
        expected: BTreeSet::new(),
    })
}

/// Does something with a server, which ends then.
pub(super) fn beside<T>(
    options: Options,
    talk: impl Fn(Event<'_>) + Send + 'static,
    work: impl FnOnce(Handle) -> Result<T, Error>,
) -> Result<T, Error> {
    let (address, listening) = mpsc::channel::<Handle>();
    let (stop, stopped) = oneshot::channel::<()>();
    thread::scope(|scope| {
        let server = scope.spawn(move || {
            let ready = move |handle: Handle| drop(address.send(handle));
            let stop = || Ok(async move { drop(stopped.await) });
            local::serve(options, Box::new(talk), ready, stop)
        });
        let worked = match listening.recv() {
            Ok(handle) => work(handle),
            // It did not start, and says why below.
            Err(_) => Err(LocalError::Start(std::io::ErrorKind::NotConnected.into()).into()),
        };
        drop(stop);
        let ended = server.join();
        ended.unwrap_or_else(|_| Err(LocalError::Start(std::io::ErrorKind::Other.into())))?;
        worked
    })
}
