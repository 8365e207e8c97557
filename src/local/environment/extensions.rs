//! The extensions of an environment: who has registered for what, and how far each has come.
//!
//! An external extension is a program of its own and has its file's name; an internal one lives in the
//! runtime's process and has any name. States, their names and the texts of refusals are those of AWS's
//! Runtime Interface Emulator (`internal/lambda/core`, `internal/lambda/rapi/handler`).

use tokio::sync::oneshot;
use uuid::Uuid;

/// How many there may be (AWS: "You can register up to 10 extensions for a function").
pub(super) const MOST: usize = 10;
/// Nobody's name is longer: file systems allow 255 bytes.
const NAME: usize = 255;

/// All of one environment.
#[derive(Default)]
pub(super) struct Extensions {
    all: Vec<Extension>,
    /// No other may register: the runtime has asked for its first invocation.
    closed: bool,
    /// What the first one said that cannot go on: the end of a process is reported as that.
    fatal: Option<&'static str>,
}

struct Extension {
    name: String,
    id: Uuid,
    external: bool,
    state: State,
    invoke: bool,
    shutdown: bool,
    /// Why it failed.
    error: Option<String>,
    /// The `next` that waits.
    waiting: Option<oneshot::Sender<String>>,
    /// For the `next` to come.
    pending: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Started,
    Registered,
    /// It waits for an event.
    Ready,
    /// It has one.
    Running,
    InitError,
    ExitError,
    LaunchError,
    Exited,
}

/// What an extension registers for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) invoke: bool,
    pub(super) shutdown: bool,
}

/// Which of the two errors an extension reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fatal {
    Init,
    Exit,
}

/// How an extension stands, for the log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Standing<'a> {
    pub(super) name: &'a str,
    pub(super) state: String,
    pub(super) events: Vec<&'static str>,
    pub(super) error: Option<&'a str>,
}

/// Why a request is refused; the status is 403.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    fn transition(from: State, to: &str, of: &str) -> Self {
        let why = "Error: State transition is not allowed";
        let message =
            format!("State transition from {from:?} to {to} failed for extension {of}. {why}");
        Self::new("Extension.InvalidExtensionState", message)
    }
}

impl Extensions {
    /// One was started, or is about to be.
    pub(super) fn started(&mut self, name: &str) {
        self.all.push(Extension::new(name, true));
    }

    /// One could not be started.
    pub(super) fn not_started(&mut self, name: &str, error: &str) {
        if let Some(one) = self.all.iter_mut().find(|one| one.external && one.name == name) {
            (one.state, one.error) = (State::LaunchError, Some(error.to_owned()));
        }
    }

    /// Registers one, and gives its id.
    pub(super) fn register(&mut self, name: &str, wanted: Wanted) -> Result<Uuid, Refusal> {
        if let Some(one) = self.all.iter_mut().find(|one| one.external && one.name == name) {
            if one.state != State::Started {
                return Err(Refusal::transition(one.state, "Registered", name));
            }
            return Ok(one.register(wanted));
        }
        if wanted.shutdown {
            let message = "SHUTDOWN: ShutdownEventNotSupportedForInternalExtension";
            return Err(Refusal::new("Extension.InvalidEventType", message));
        }
        let (kind, message) = if self.closed {
            ("Extension.RegistrationClosed", "Extension registration closed already".to_owned())
        } else if self.all.len() >= MOST {
            ("Extension.TooManyExtensions", format!("Extension limit ({MOST}) reached"))
        } else if self.all.iter().any(|one| one.name == name) {
            let message = "Extension with this name already registered";
            ("Extension.InvalidExtensionState", message.to_owned())
        } else if name.len() > NAME {
            ("Extension.InvalidExtensionName", "Extension name is too long".to_owned())
        } else {
            let mut one = Extension::new(name, false);
            let id = one.register(wanted);
            self.all.push(one);
            return Ok(id);
        };
        Err(Refusal::new(kind, message))
    }

    fn of(&mut self, id: Uuid) -> Option<&mut Extension> {
        // One that has not registered was told no id.
        self.all.iter_mut().find(|one| one.id == id && one.state != State::Started)
    }

    /// The name of one that has registered.
    pub(super) fn name(&self, id: Uuid) -> Option<&str> {
        let one = self.all.iter().find(|one| one.id == id && one.state != State::Started)?;
        Some(&one.name)
    }

    /// One asks for an event.
    pub(super) fn next(&mut self, id: Uuid) -> Result<oneshot::Receiver<String>, Refusal> {
        let Some(one) = self.of(id) else {
            let message = format!("Unknown extension {id}");
            return Err(Refusal::new("Extension.UnknownExtensionIdentifier", message));
        };
        // One that has hung up may ask again.
        let gone = one.waiting.as_ref().is_some_and(oneshot::Sender::is_closed);
        match one.state {
            State::Registered | State::Running => {}
            State::Ready if gone => {}
            state => return Err(Refusal::transition(state, "Ready", &id.to_string())),
        }
        let (sender, receiver) = oneshot::channel();
        (one.state, one.waiting) = (State::Ready, Some(sender));
        if let Some(event) = one.pending.take() {
            one.give(event);
        }
        Ok(receiver)
    }

    /// One says that it cannot go on. Its process is expected to end then.
    pub(super) fn error(&mut self, id: Uuid, fatal: Fatal, kind: &str) -> Result<(), Refusal> {
        let Some(one) = self.of(id) else {
            let message = "Unknown Lambda-Extension-Identifier";
            return Err(Refusal::new("Extension.UnknownExtensionIdentifier", message));
        };
        let (to, name, means) = match fatal {
            Fatal::Init => (State::InitError, "InitError", "Extension.InitError"),
            Fatal::Exit => (State::ExitError, "Exited", "Extension.ExitError"),
        };
        match (one.state, fatal) {
            (State::Registered, _) | (State::Ready | State::Running, Fatal::Exit) => {
                (one.state, one.error) = (to, Some(kind.to_owned()));
            }
            // Only the first one counts.
            (state, _) if state == to => {}
            (state, _) => return Err(Refusal::transition(state, name, &id.to_string())),
        }
        self.fatal.get_or_insert(means);
        Ok(())
    }

    /// What the end of a process is to be reported as, if an extension had said that it cannot go on.
    pub(super) fn fatal(&self) -> Option<&'static str> {
        self.fatal
    }

    /// The process of one has ended.
    pub(super) fn exited(&mut self, name: &str) {
        let found = self.all.iter_mut().find(|one| one.external && one.name == name);
        if let Some(one) = found.filter(|one| one.state == State::Running) {
            one.state = State::Exited;
        }
    }

    /// No other may register.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether all programs that were started have registered.
    pub(super) fn are_registered(&self) -> bool {
        self.all.iter().all(|one| one.state != State::Started)
    }

    /// Whether all wait for an event.
    pub(super) fn are_ready(&self) -> bool {
        self.all.iter().all(|one| one.state == State::Ready)
    }

    /// Whether one is not done with the invocation.
    pub(super) fn are_at_work(&self) -> bool {
        self.all.iter().any(|one| one.invoke && one.state != State::Ready)
    }

    /// Whether there are any.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether there are external ones; whether there are internal ones.
    pub(super) fn kinds(&self) -> (bool, bool) {
        let external = self.all.iter().filter(|one| one.external).count();
        (external > 0, self.all.len() > external)
    }

    /// Tells those of an invocation that have registered for it. False: none has.
    pub(super) fn invoke(&mut self, event: &str) -> bool {
        let mut told = false;
        for one in self.all.iter_mut().filter(|one| one.invoke) {
            one.give(event.to_owned());
            told = true;
        }
        told
    }

    /// Tells the external ones of the shutdown that have registered for it; gives all external ones and
    /// whether each is told.
    pub(super) fn shut_down(&mut self, event: &str) -> Vec<(String, bool)> {
        let external = self.all.iter_mut().filter(|one| one.external);
        let tell = |one: &mut Extension| {
            if one.shutdown {
                one.give(event.to_owned());
            }
            (one.name.clone(), one.shutdown)
        };
        external.map(tell).collect()
    }

    /// How each stands.
    pub(super) fn standings(&self) -> impl Iterator<Item = Standing<'_>> {
        self.all.iter().map(|one| {
            let events = [("INVOKE", one.invoke), ("SHUTDOWN", one.shutdown)];
            Standing {
                name: &one.name,
                state: format!("{:?}", one.state),
                events: events.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect(),
                error: one.error.as_deref(),
            }
        })
    }
}

impl Extension {
    fn new(name: &str, external: bool) -> Self {
        Self {
            name: name.to_owned(),
            id: Uuid::new_v4(),
            external,
            state: State::Started,
            invoke: false,
            shutdown: false,
            error: None,
            waiting: None,
            pending: None,
        }
    }

    fn register(&mut self, wanted: Wanted) -> Uuid {
        self.state = State::Registered;
        (self.invoke, self.shutdown) = (wanted.invoke, wanted.shutdown);
        self.id
    }

    /// Hands it an event, now or when it asks.
    fn give(&mut self, event: String) {
        self.pending = match self.waiting.take() {
            Some(next) => next.send(event).err(),
            None => Some(event),
        };
        if self.state == State::Ready {
            self.state = State::Running;
        }
    }
}

#[cfg(test)]
mod tests;
