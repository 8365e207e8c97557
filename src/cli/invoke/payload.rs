//! What is sent to the function.

use std::io::{self, Read as _};
use std::path::Path;

use crate::cli::args::Invoke;
use crate::error::Error;
use crate::events;
use crate::files;
use crate::nearest;

/// The bytes of the payload: JSON that was typed, a file, standard input, or a sample.
pub(super) fn read(args: &Invoke) -> Result<Vec<u8>, Error> {
    if let Some(name) = &args.event {
        return sample(name);
    }
    let Some(text) = args.payload.as_deref() else { return Ok(b"{}".to_vec()) };
    if text == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        return json(bytes, "what standard input holds");
    }
    typed(text, "--payload")
}

/// A sample event by its name, JSON, or a file that holds JSON.
pub(in crate::cli) fn event(text: &str, flag: &str) -> Result<Vec<u8>, Error> {
    match events::by_name(text) {
        Some(sample) => Ok(sample.json.as_bytes().to_vec()),
        None => typed(text, flag).map_err(|error| match error {
            // What looks like a name was meant as one.
            Error::Usage(why)
                if text.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'-') =>
            {
                let known = nearest::suggestion(text, events::SAMPLES.iter().map(|it| it.name));
                Error::Usage(format!(
                    "{why}, and there is no sample event of that name: {known} \
                     (`cargo lambda-pack invoke --list-events` shows all)"
                ))
            }
            error => error,
        }),
    }
}

/// JSON, or a file that holds JSON.
fn typed(text: &str, flag: &str) -> Result<Vec<u8>, Error> {
    if serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Ok(text.as_bytes().to_vec());
    }
    let path = Path::new(text);
    if path.is_file() {
        return json(files::read_bytes(path)?, text);
    }
    // What begins so was meant to be JSON.
    if text.trim_start().starts_with(['{', '[', '"']) {
        return json(text.as_bytes().to_vec(), &format!("`{flag}`"));
    }
    Err(Error::Usage(format!("`{flag} {text}` is neither JSON nor a file")))
}

/// Bytes that hold JSON; `what` they are is told where they do not.
pub(in crate::cli) fn json(bytes: Vec<u8>, what: &str) -> Result<Vec<u8>, Error> {
    match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Error::Usage(format!("{what} is not JSON: {error}"))),
    }
}

fn sample(name: &str) -> Result<Vec<u8>, Error> {
    if let Some(sample) = events::by_name(name) {
        return Ok(sample.json.as_bytes().to_vec());
    }
    let names = events::SAMPLES.iter().map(|sample| sample.name);
    let known = nearest::suggestion(name, names);
    let known = if name.starts_with(['{', '[', '"']) {
        "JSON is sent by `--payload`".to_owned()
    } else {
        known
    };
    Err(Error::Usage(format!("there is no sample event `{name}`: {known}")))
}
