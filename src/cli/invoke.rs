//! `invoke`: one invocation, on AWS or on this machine.

mod local;
mod only;
pub(super) mod payload;
pub(super) mod show;
mod target;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::args::{Global, Invoke};
use crate::error::{Error, InvokeError};
use crate::events;
#[cfg(feature = "aws")]
use crate::function::FunctionName;
use crate::invocation::{Invocation, Invoked, Kind};
use crate::local::{Client, PORT, Reply};
use crate::message::Table;
use crate::percent;
use crate::shell::Shell;
use show::By;

pub(super) fn run(args: &Invoke, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.list_events {
        return list_events(shell);
    }
    let payload = payload::read(args)?;
    let function = match &args.function {
        Some(name) => name.clone(),
        None => only::name(args, global)?,
    };
    let invocation = Invocation {
        function: &function,
        qualifier: args.qualifier.as_deref(),
        kind: match (args.dry_run, args.is_async) {
            (true, _) => Kind::DryRun,
            (_, true) => Kind::Event,
            _ => Kind::Wait,
        },
        payload: &payload,
    };
    let is_local = target::is_local(args, global)?;
    if args.port.is_some() && !is_local {
        return Err(Error::Usage("`--port` is where `local` listens: add `--local`".to_owned()));
    }
    let (invoked, by) = if is_local {
        match Client::on(args.port.unwrap_or(PORT))? {
            Some(client) => (send(&client, &invocation)?, By::Another),
            None => (local::run(&invocation, args, global, shell)?, By::ThisCall),
        }
    } else {
        (on_aws(&invocation, args, global, shell)?, By::Another)
    };
    show::show(&invocation, &invoked, (by, args.log), shell)
}

/// The settings of the workspace say which Region, if it has this function.
#[cfg(feature = "aws")]
fn on_aws(
    invocation: &Invocation<'_>,
    args: &Invoke,
    global: &Global,
    shell: &Shell,
) -> Result<Invoked, Error> {
    use super::deploy::session::account;
    use super::remote::Scope;
    use crate::error::RemoteError;
    let scope = match FunctionName::new(invocation.function) {
        Ok(name) => Scope::named(&[name.to_string()], &args.build.manifest, global, shell)?,
        // An ARN, or a name with a qualifier.
        Err(_) => Scope::default(),
    };
    super::asynchronously(async {
        let session = scope.connect(account(&args.account), "invoke", shell).await?;
        let invoked = session.aws.invoke(invocation).await;
        invoked.map_err(|error| RemoteError::of("invoke", invocation.function, error).into())
    })?
}

#[cfg(not(feature = "aws"))]
fn on_aws(_: &Invocation<'_>, _: &Invoke, _: &Global, _: &Shell) -> Result<Invoked, Error> {
    Err(super::without_aws())
}

fn list_events(shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        let names = events::SAMPLES.iter().map(|sample| (sample.name, sample.about)).collect();
        return Ok(shell.record(&crate::message::Message::Events { events: names })?);
    }
    let rows =
        events::SAMPLES.iter().map(|sample| vec![sample.name.to_owned(), sample.about.to_owned()]);
    for line in Table::new(&["EVENT", "WHAT SENDS IT"], rows.collect()).lines(&[]) {
        shell.answer(line)?;
    }
    Ok(())
}

/// Invokes a function of a server.
pub(super) fn send(client: &Client, invocation: &Invocation<'_>) -> Result<Invoked, Error> {
    let mut path =
        format!("/2015-03-31/functions/{}/invocations", percent::encoded(invocation.function, b""));
    if let Some(qualifier) = invocation.qualifier {
        path.push_str("?Qualifier=");
        path.push_str(&percent::encoded(qualifier, b""));
    }
    let headers = [
        ("x-amz-invocation-type", invocation.kind.name()),
        ("x-amz-log-type", if invocation.kind == Kind::Wait { "Tail" } else { "None" }),
        ("content-type", "application/json"),
    ];
    let reply = client.call("POST", &path, &headers, invocation.payload.to_vec().into())?;
    if reply.status >= 300 {
        return Err(refused(invocation.function, &reply).into());
    }
    let log = reply.header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok());
    Ok(Invoked {
        failed: reply.header("x-amz-function-error").is_some(),
        version: reply.header("x-amz-executed-version").map(str::to_owned),
        log: log.unwrap_or_default(),
        payload: reply.body.to_vec(),
    })
}

/// What the server said instead.
fn refused(function: &str, reply: &Reply) -> InvokeError {
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let message = body.get("message").or_else(|| body.get("Message")).and_then(Value::as_str);
    InvokeError::Refused {
        function: function.to_owned(),
        code: reply.header("x-amzn-errortype").unwrap_or("unknown error").to_owned(),
        message: message.unwrap_or_default().to_owned(),
    }
}
