//! `invoke`: one invocation, on AWS or on this machine.

mod local;
mod payload;

use std::io::{self, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::args::{Global, Invoke};
use crate::error::{Error, InvokeError};
use crate::events;
use crate::local::{Client, Reply};
use crate::message::Table;
use crate::shell::Shell;

pub(super) fn run(args: &Invoke, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.list_events {
        return list_events(shell);
    }
    let Some(function) = args.function.as_deref() else {
        return Err(Error::Usage("name the function to invoke".to_owned()));
    };
    let payload = payload::read(args)?;
    if !args.local {
        return Err(Error::Usage("only `--local` is there yet".to_owned()));
    }
    match Client::on(args.port)? {
        Some(client) => send(&client, function, args, payload, shell),
        None => local::run(function, args, global, payload, shell),
    }
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
fn send(
    client: &Client,
    function: &str,
    args: &Invoke,
    payload: Vec<u8>,
    shell: &Shell,
) -> Result<(), Error> {
    let kind = match (args.dry_run, args.is_async) {
        (true, _) => "DryRun",
        (_, true) => "Event",
        _ => "RequestResponse",
    };
    let mut path = format!("/2015-03-31/functions/{}/invocations", encoded(function));
    if let Some(qualifier) = &args.qualifier {
        path.push_str("?Qualifier=");
        path.push_str(&encoded(qualifier));
    }
    let mut headers = vec![("x-amz-invocation-type", kind), ("content-type", "application/json")];
    if kind == "RequestResponse" {
        headers.push(("x-amz-log-type", "Tail"));
    }
    let reply = client.call("POST", &path, &headers, payload.into())?;
    if reply.status >= 300 {
        return Err(refused(function, &reply).into());
    }
    show(function, args, &reply, shell)
}

/// The payload on standard output, what is said of it on standard error.
fn show(function: &str, args: &Invoke, reply: &Reply, shell: &Shell) -> Result<(), Error> {
    let log = reply.header("x-amz-log-result").and_then(|log| STANDARD.decode(log).ok());
    let log = String::from_utf8_lossy(&log.unwrap_or_default()).into_owned();
    let (report, lines): (Vec<&str>, Vec<&str>) =
        log.lines().partition(|line| line.starts_with("REPORT "));
    if args.log {
        for line in lines {
            shell.log(function, line);
        }
    }
    if let Some(version) = reply.header("x-amz-executed-version") {
        let figures = report.first().map(|report| figures(report)).unwrap_or_default();
        shell.status("Invoked", format!("{function}, version {version}{figures}"));
    } else if args.dry_run {
        shell.status("Checked", format!("{function} can be invoked"));
    } else {
        shell.status("Queued", format!("for {function}"));
    }
    let mut out = io::stdout().lock();
    out.write_all(&reply.body)?;
    if !reply.body.is_empty() && !reply.body.ends_with(b"\n") {
        out.write_all(b"\n")?;
    }
    out.flush()?;
    match reply.header("x-amz-function-error") {
        Some(_) => Err(InvokeError::Function(function.to_owned()).into()),
        None => Ok(()),
    }
}

/// `, 1.51 ms, init 9.20 ms, 4 MB` of a line that reports an invocation.
fn figures(report: &str) -> String {
    let field = |name: &str| report.split('\t').find_map(|field| field.trim().strip_prefix(name));
    let mut text = String::new();
    for (what, name) in
        [("", "Duration: "), ("init ", "Init Duration: "), ("", "Max Memory Used: ")]
    {
        if let Some(value) = field(name) {
            text.push_str(&format!(", {what}{value}"));
        }
    }
    text
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

/// As a segment of a path (RFC 3986, section 2.3).
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one =
        |byte: u8| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}
