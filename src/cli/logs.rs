//! `logs`: what a function has written, and what it writes.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::sleep;

use super::args::{Global, Logs};
use super::deploy::session;
use super::interrupt::Interrupt;
use super::log_line::{FAINT, text};
use super::remote::Scope;
use crate::aws::{AwsError, Log};
use crate::error::{Error, RemoteError};
use crate::logs::{Event, Follow, json};
use crate::message::{LogEvent, Message};
use crate::shell::Shell;

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_secs(1);

pub(super) fn run(args: &Logs, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let names = [args.function.clone()];
    let scope = Scope::named(&names, &args.manifest, global, shell)?;
    let function = args.function.as_str();
    let failed = |error: AwsError| Error::from(RemoteError::of(VERB, function, error));
    super::asynchronously(async {
        let session = scope.connect(place, VERB, shell).await?;
        let log = session.aws.log(function).await.map_err(failed)?;
        let from = now().saturating_sub(milliseconds(args.since.into()));
        let reader = Reader { args, log, shell, follow: Follow::since(from), waits: false };
        let work = reader.run(&scope);
        if !args.follow {
            return work.await;
        }
        let mut interrupt = Interrupt::listen()?;
        tokio::select! {
            ended = work => ended,
            // Whoever ends it has seen enough.
            _ = interrupt.next() => Ok(()),
        }
    })?
}

/// What is being done, for errors.
const VERB: &str = "read the log of";

/// A log, and how far it was read.
struct Reader<'a> {
    args: &'a Logs,
    log: Log<'a>,
    shell: &'a Shell,
    follow: Follow,
    /// Whether it was said that something is waited for.
    waits: bool,
}

/// How a look ended.
enum Look {
    /// All that there is was shown.
    Done,
    /// There is no log group yet.
    NoGroup,
    /// The network is gone for a while: what this look has missed the next one sees.
    Unanswered(AwsError),
}

impl Reader<'_> {
    async fn run(mut self, scope: &Scope) -> Result<(), Error> {
        loop {
            match self.look().await? {
                Look::Done => self.waits = false,
                Look::NoGroup if !self.log.has_function => return Err(self.nothing(scope)),
                Look::NoGroup => self.say_once(&format!(
                    "there is no log group {} yet: {} has not written anything",
                    self.log.group, self.args.function
                )),
                Look::Unanswered(error) => self.say_once(&error.to_string()),
            }
            if !self.args.follow {
                return Ok(());
            }
            sleep(PAUSE).await;
        }
    }

    /// Shows everything that was not seen yet.
    async fn look(&mut self) -> Result<Look, Error> {
        let from = self.follow.look(now());
        let mut next: Option<String> = None;
        loop {
            let filter = self.args.filter.as_deref();
            let page = match self.log.page(from, filter, next.as_deref()).await {
                Ok(Some(page)) => page,
                Ok(None) => return Ok(Look::NoGroup),
                Err(error @ AwsError::Unanswered { .. }) if self.args.follow => {
                    return Ok(Look::Unanswered(error));
                }
                Err(error) => return Err(RemoteError::of(VERB, &self.args.function, error).into()),
            };
            for event in page.events {
                if self.follow.is_new(&event) {
                    self.show(&event)?;
                }
            }
            next = page.next;
            if next.is_none() {
                self.follow.looked();
                return Ok(Look::Done);
            }
        }
    }

    fn say_once(&mut self, text: &str) {
        if !std::mem::replace(&mut self.waits, true) {
            self.shell.warn(text);
        }
    }

    /// Neither a function nor a log.
    fn nothing(&self, scope: &Scope) -> Error {
        let name = &self.args.function;
        let meant = scope.suggestion(name);
        let what = format!("there is no function `{name}`, and no log group {}", self.log.group);
        Error::Usage(format!("{what}; {meant}").trim_end_matches("; ").to_owned())
    }

    fn show(&self, event: &Event) -> Result<(), Error> {
        let time = time(event.time);
        if !self.shell.is_json() {
            return Ok(self
                .shell
                .answer(format_args!("{FAINT}{time}{FAINT:#} {}", text(&event.message)))?);
        }
        Ok(self.shell.record(&Message::Log(&LogEvent {
            function: &self.args.function,
            group: &self.log.group,
            stream: &event.stream,
            id: &event.id,
            time,
            message: &event.message,
            json: json(&event.message).map(Into::into),
        }))?)
    }
}

/// `2026-11-28T04:25:01.123Z`.
fn time(milliseconds: i64) -> String {
    // The last one of the year 9999: beyond it the format ends.
    let milliseconds = milliseconds.clamp(0, 253_402_300_799_999);
    let since = Duration::from_millis(u64::try_from(milliseconds).unwrap_or_default());
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// Milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "how far back to look is said from now")]
fn now() -> i64 {
    milliseconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn milliseconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_events() {
        assert_eq!(time(1_795_840_000_123), "2026-11-28T04:26:40.123Z");
        assert_eq!(time(-1), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(i64::MAX), "9999-12-31T23:59:59.999Z");
    }
}
