use lambda_runtime::{Error, tracing};
use serde::{Deserialize, Serialize};

#[derive(Debug, Deserialize)]
pub struct Request {
    name: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Response {
    message: String,
}

/// Answers one invocation. An `Err` is what the caller sees as the function's error.
pub fn handle(request: &Request) -> Result<Response, Error> {
    let name = request.name.trim();
    if name.is_empty() {
        return Err("the name is empty".into());
    }
    tracing::info!(name, "greeted");
    Ok(Response {
        message: format!("Hello, {name}!"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sample_event_is_greeted() -> Result<(), Error> {
        let request = serde_json::from_str(include_str!("../events/hello.json"))?;
        assert_eq!(handle(&request)?.message, "Hello, Ada!");
        Ok(())
    }

    #[test]
    fn nobody_is_an_error() {
        let request = Request {
            name: " ".to_owned(),
        };
        assert!(handle(&request).is_err());
    }
}
