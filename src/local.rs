//! The embedded Lambda: a server on the loopback interface that answers the Lambda API and really runs
//! what was uploaded to it.
//!
//! What the account holds, and what each call does to it, is decided by [`crate::account`]. Here are
//! the sockets, the clock, the code on the disk, and the processes. All of it runs on one thread, so
//! that nothing has to be locked: what takes long (unpacking, digests) goes to others.

mod client;
mod clock;
mod control;
mod direct;
mod environment;
mod expected;
mod failure;
mod faults;
mod guard;
mod http;
mod image;
mod invoke;
mod launch;
mod pool;
mod reaper;
mod s3;
mod services;
mod store;
mod url;
mod walled;

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::task::LocalSet;
use uuid::Uuid;

use crate::account::Account;
use crate::routes::Routes;
use expected::Expected;
use faults::Faults;
use pool::Pools;
use store::Store;

pub use client::{Client, Reply};
pub use direct::{Base, Direct, Handle};
pub use faults::{Fault, FaultError, KINDS as FAULTS, read as read_faults};
pub use image::{Image, Images};
pub use reaper::{by_name as reaper, run as reap};
pub use store::StoreError;

/// The account that is pretended: AWS uses this number in its own examples.
pub const ACCOUNT: &str = "123456789012";

/// How the server names itself (`Server`, RFC 9110).
const SERVER: &str = "cargo-lambda-pack";

/// The port, unless another is named.
pub const PORT: u16 = 9720;

/// How often the memory of functions that are at work is looked at.
const MEMORY_LOOK: Duration = Duration::from_millis(20);

/// What becomes known of what goes on.
pub type Talk = Box<dyn Fn(Event<'_>)>;

/// Something that goes on.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A line of a function's log, with its line feed.
    Line {
        /// The function.
        function: &'a str,
        /// The line.
        text: &'a str,
    },
    /// What became of an event that nobody waits for.
    Note(&'a str),
    /// An execution environment was started.
    Started {
        /// The function.
        function: &'a str,
        /// The process, which a debugger may want.
        process: u32,
    },
}

/// How the server is to be.
#[derive(Debug, Clone)]
pub struct Options {
    /// The port; 0 for any that is free.
    pub port: u16,
    /// The Region that it pretends to be.
    pub region: String,
    /// Where the account is kept; none: in memory.
    pub data: Option<PathBuf>,
    /// Where code is kept that goes with the server; none: with temporary files. On the disk of a build
    /// its programs need not be copied.
    pub scratch: Option<PathBuf>,
    /// How long functions stay `Pending` and updates `InProgress`.
    pub delay: Duration,
    /// Where S3 is, for code that is named by bucket and key.
    pub s3_endpoint: Option<String>,
    /// How long to wait before each further attempt of an `Event`; AWS: 1 and 2 minutes.
    pub retries: Vec<Duration>,
    /// After how long without an invocation an environment is ended.
    pub idle: Duration,
    /// This program, which is run to start functions.
    pub program: PathBuf,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// Decides which calls a fault happens to that is given as a share.
    pub seed: u64,
    /// Whether events that were queued are run to their end before the server ends.
    pub drain: bool,
    /// Whether functions have a file system of their own, where this machine lets them.
    pub sandbox: bool,
    /// Where functions' images come from.
    pub images: Images,
    /// Which functions the requests below `/routes` are for.
    pub routes: Routes,
    /// Functions that are on their way: who calls them waits, until they are there or
    /// [`Handle::no_more`] is told.
    pub expected: BTreeSet<String>,
}

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The port.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The folder.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What answers there is no server of ours.
    #[error("what listens on {0} is no server of cargo lambda-pack")]
    Stranger(SocketAddr),
    /// What listens there says nothing.
    #[error("what listens on {0} does not answer")]
    Silent(SocketAddr),
    /// A function cannot be put there.
    #[error("{code}: {message}")]
    Refused {
        /// The code of the API.
        code: &'static str,
        /// What it says.
        message: String,
    },
    /// A call was not answered.
    #[error("no answer from {address}")]
    Lost {
        /// The server.
        address: SocketAddr,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The machine has not what a server needs.
    #[error("cannot start the server")]
    Start(#[from] std::io::Error),
}

/// The server.
struct Server {
    options: Options,
    /// Where it listens.
    address: SocketAddr,
    account: RefCell<Account>,
    store: Arc<Store>,
    pools: Rc<Pools>,
    /// For the folders of environments.
    counter: Cell<u64>,
    /// Part of the paths under which code can be fetched.
    secret: String,
    watch: services::Watch,
    events: invoke::Events,
    faults: Faults,
    talk: Talk,
    /// There may be code that nothing refers to.
    litter: Cell<bool>,
    /// Which functions the requests below `/routes` are for, now.
    routes: RefCell<Routes>,
    /// Functions that are on their way.
    expected: Expected,
    /// Whether walls can be built here, once that was tried.
    walls: tokio::sync::OnceCell<bool>,
}

/// Runs a server until what `stop` answers is there. `ready` is called once it listens, after `stop`;
/// `talk` whenever something happens that no client is told.
///
/// # Errors
///
/// If the port or the folder cannot be had. Nothing that a client or a function does ends the server.
pub fn serve<Stop: Future<Output = ()>>(
    options: Options,
    talk: Talk,
    ready: impl FnOnce(Handle),
    stop: impl FnOnce() -> std::io::Result<Stop>,
) -> Result<(), LocalError> {
    open_many();
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let local = LocalSet::new();
    let result = runtime.block_on(local.run_until(async {
        let (listener, server) = Server::new(options, talk).await?;
        invoke::resume(&server)?;
        let stop = stop()?;
        let (work, asked) = tokio::sync::mpsc::unbounded_channel();
        ready(Handle { address: server.address, store: server.store.clone(), work });
        let direct = tokio::task::spawn_local(direct::serve(asked, server.clone()));
        let scratch = server.options.scratch.clone();
        // Its pipe closes with this process, or at the end of this.
        let reaper = reaper::start(&server.options.program, scratch.as_deref());
        tokio::task::spawn_blocking(move || store::clear_dead(scratch.as_deref()));
        let sweep = tokio::task::spawn_local(sweep(server.clone()));
        let memory = tokio::task::spawn_local(limit_memory(server.clone()));
        let drained = async {
            stop.await;
            if server.options.drain {
                server.events.done().await;
            }
        };
        tokio::select! {
            () = http::accept(listener, server.clone()) => {}
            () = drained => {}
        }
        sweep.abort();
        memory.abort();
        direct.abort();
        server.pools.end().await;
        drop(reaper);
        Ok(())
    }));
    // What is still being unpacked is nobody's any more.
    runtime.shutdown_background();
    result
}

impl Server {
    async fn new(options: Options, talk: Talk) -> Result<(TcpListener, Rc<Self>), LocalError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let listen = |source| LocalError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr()?;
        let store = Store::open(options.data.as_deref(), options.scratch.as_deref())?
            .with_images(options.images.clone());
        let mut account = Account::new(ACCOUNT, &options.region);
        store.restore(&mut account)?;
        let watch = services::Watch::restored(&store)?;
        let faults = Faults::new(options.seed, options.faults.clone());
        let routes = RefCell::new(options.routes.clone());
        let expected = Expected::new(options.expected.clone());
        let server = Rc::new(Self {
            options,
            address,
            account: RefCell::new(account),
            store: Arc::new(store),
            pools: Rc::default(),
            counter: Cell::new(0),
            secret: Uuid::new_v4().simple().to_string(),
            watch,
            events: invoke::Events::default(),
            faults,
            talk,
            // What another server left.
            litter: Cell::new(true),
            routes,
            expected,
            walls: tokio::sync::OnceCell::new(),
        });
        Ok((listener, server))
    }

    /// Tells what no client is told.
    fn note(&self, text: &str) {
        (self.talk)(Event::Note(text));
    }

    /// The next number.
    fn count(&self) -> u64 {
        self.counter.update(|count| count + 1);
        self.counter.get()
    }
}

/// Lets this process open as many files as it ever may: each environment takes five, and the usual
/// limit of 1,024 would end at two hundred.
fn open_many() {
    let limit = getrlimit(Resource::Nofile);
    // Where that cannot be, fewer environments do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Removes code and ends environments that nobody uses.
async fn sweep(server: Rc<Server>) {
    loop {
        server.collect();
        tokio::time::sleep(Duration::from_secs(1)).await;
        server.pools.sweep(server.options.idle);
    }
}

/// Ends environments that have more memory than their functions may.
async fn limit_memory(server: Rc<Server>) {
    if !server.options.sandbox {
        return;
    }
    let mut pause = MEMORY_LOOK;
    loop {
        tokio::time::sleep(pause).await;
        let began = Instant::now();
        server.pools.limit_memory();
        // Where many processes run it takes a while; functions are to have the time, not this.
        pause = MEMORY_LOOK.max(began.elapsed() * 20);
    }
}
