//! What an extension may subscribe to, and how it says so.
//!
//! AWS: "Lambda Telemetry API reference", "Lambda Logs API". The texts of refusals are those that the
//! documentation shows; what it does not show is said in its manner.

use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;
use serde_json::Value;

use super::event::Stream;

/// The names by which an environment knows itself, and those that lead to it here.
const HOSTS: [&str; 4] = ["sandbox.localdomain", "sandbox", "127.0.0.1", "localhost"];
/// "Lambda reserves port 9001."
const RESERVED: u16 = 9001;

const ITEMS: RangeInclusive<u64> = 1_000..=10_000;
const BYTES: RangeInclusive<u64> = 262_144..=1_048_576;
const TIMEOUT_MS: RangeInclusive<u64> = 25..=30_000;

/// Which of the two APIs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Api {
    Telemetry,
    /// What there was before it.
    Logs,
}

/// Which events there are, and what is in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Schema {
    Logs2020,
    /// With `platform.runtimeDone`.
    Logs2021,
    Telemetry2022July,
    /// Lines that are JSON objects come as objects, where the function's log is of JSON. The later
    /// version 2025-01-29 says the same of functions such as are run here.
    Telemetry2022December,
}

impl Schema {
    pub(super) fn api(self) -> Api {
        match self {
            Self::Logs2020 | Self::Logs2021 => Api::Logs,
            Self::Telemetry2022July | Self::Telemetry2022December => Api::Telemetry,
        }
    }
}

/// What somebody has subscribed to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Subscription {
    pub(super) schema: Schema,
    pub(super) streams: Vec<Stream>,
    pub(super) destination: Destination,
    pub(super) buffering: Buffering,
}

/// Where to: always a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Destination {
    Http {
        method: &'static str,
        /// `sandbox.localdomain:8080`.
        authority: String,
        port: u16,
        path: String,
    },
    Tcp {
        port: u16,
    },
}

/// How much may wait, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Buffering {
    pub(super) items: usize,
    pub(super) bytes: usize,
    pub(super) timeout: Duration,
}

impl Subscription {
    /// Reads the body of a request; else all that is wrong with it.
    pub(super) fn read(api: Api, body: &[u8]) -> Result<Self, String> {
        let Ok(body @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
            return Err("the body should be a JSON object".to_owned());
        };
        let mut wrong = Vec::new();
        let schema = schema(api, body.get("schemaVersion")).map_err(|why| wrong.push(why)).ok();
        let streams = streams(body.get("types"), &mut wrong);
        let destination =
            destination(api, body.get("destination")).map_err(|why| wrong.push(why)).ok();
        let buffering = buffering(body.get("buffering"), &mut wrong);
        match (schema, destination) {
            (Some(schema), Some(destination)) if wrong.is_empty() => {
                Ok(Self { schema, streams, destination, buffering })
            }
            _ => Err(wrong.join("; ")),
        }
    }
}

fn schema(api: Api, given: Option<&Value>) -> Result<Schema, String> {
    let Some(given) = given else {
        return match api {
            Api::Logs => Ok(Schema::Logs2020),
            Api::Telemetry => Err("schemaVersion is not provided".to_owned()),
        };
    };
    match (api, given.as_str().unwrap_or_default()) {
        (Api::Logs, "2020-08-15") => Ok(Schema::Logs2020),
        (Api::Logs, "2021-03-18") => Ok(Schema::Logs2021),
        (Api::Telemetry, "2022-07-01") => Ok(Schema::Telemetry2022July),
        (Api::Telemetry, "2022-12-13" | "2025-01-29") => Ok(Schema::Telemetry2022December),
        (Api::Logs, _) => Err("schemaVersion should be one of [2020-08-15, 2021-03-18]".to_owned()),
        (Api::Telemetry, _) => {
            Err("schemaVersion should be one of [2022-07-01, 2022-12-13, 2025-01-29]".to_owned())
        }
    }
}

fn streams(given: Option<&Value>, wrong: &mut Vec<String>) -> Vec<Stream> {
    let given = given.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if given.is_empty() {
        wrong.push("types should not be empty".to_owned());
    }
    let mut streams = Vec::new();
    for name in given {
        match name.as_str().and_then(Stream::by_name) {
            Some(stream) if streams.contains(&stream) => {}
            Some(stream) => streams.push(stream),
            None => {
                wrong.push("types should be of [platform, function, extension]".to_owned());
                break;
            }
        }
    }
    streams
}

fn destination(api: Api, given: Option<&Value>) -> Result<Destination, String> {
    let given = given.filter(|value| value.is_object()).ok_or("destination is not provided")?;
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    match text("protocol") {
        Some("HTTP") => {
            let method = match (api, text("method")) {
                (_, None | Some("POST")) => "POST",
                (Api::Logs, Some("PUT")) => "PUT",
                _ => return Err("destination.method is not supported".to_owned()),
            };
            let uri = text("URI").ok_or("URI is not provided")?;
            let uri: Uri = uri.parse().map_err(|_| "URI is not valid")?;
            if uri.scheme_str() != Some("http") {
                return Err("URI scheme should be http".to_owned());
            }
            if !uri.host().is_some_and(|host| HOSTS.contains(&host)) {
                return Err("URI host should be sandbox.localdomain".to_owned());
            }
            let port = usable(uri.port_u16().ok_or("URI port is not provided")?)?;
            let authority = uri.authority().map_or("", |authority| authority.as_str()).to_owned();
            let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
            Ok(Destination::Http { method, authority, port, path })
        }
        Some("TCP") => {
            let port = given.get("port").and_then(Value::as_u64);
            let port = port.and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
            Ok(Destination::Tcp { port: usable(port.ok_or("port is not provided")?)? })
        }
        _ => Err("destination.protocol should be one of [HTTP, TCP]".to_owned()),
    }
}

fn usable(port: u16) -> Result<u16, String> {
    match port {
        0 => Err("URI port is not valid".to_owned()),
        RESERVED => Err(format!("port {RESERVED} is reserved")),
        port => Ok(port),
    }
}

fn buffering(given: Option<&Value>, wrong: &mut Vec<String>) -> Buffering {
    let mut number = |name: &str, range: RangeInclusive<u64>, default: u64| {
        let Some(value) = given.and_then(|given| given.get(name)).filter(|it| !it.is_null()) else {
            return default;
        };
        value.as_u64().filter(|number| range.contains(number)).unwrap_or_else(|| {
            let (least, most) = range.into_inner();
            wrong.push(format!("buffering.{name} should be between {least} and {most}"));
            default
        })
    };
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Buffering {
        items: size(number("maxItems", ITEMS, 10_000)),
        bytes: size(number("maxBytes", BYTES, 262_144)),
        timeout: Duration::from_millis(number("timeoutMs", TIMEOUT_MS, 1_000)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(api: Api, body: &Value) -> Result<Subscription, String> {
        Subscription::read(api, body.to_string().as_bytes())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let destination = json!({ "protocol": "HTTP", "URI": "http://sandbox.localdomain:8080" });
        let body = json!({ "types": ["function", "function"], "destination": destination });
        let read = read(Api::Logs, &body).unwrap();
        assert_eq!(read.schema, Schema::Logs2020);
        assert_eq!(read.streams, [Stream::Function]);
        let timeout = Duration::from_secs(1);
        assert_eq!(read.buffering, Buffering { items: 10_000, bytes: 262_144, timeout });
        let Destination::Http { method, authority, port, path } = read.destination else {
            panic!("{:?}", read.destination)
        };
        assert_eq!((method, port, path.as_str()), ("POST", 8080, "/"));
        assert_eq!(authority, "sandbox.localdomain:8080");
    }

    #[test]
    fn all_that_is_wrong_is_said_at_once() {
        let good = json!({
            "schemaVersion": "2022-12-13", "types": ["platform"],
            "destination": { "protocol": "TCP", "port": 8080 },
        });
        assert_eq!(
            read(Api::Telemetry, &good).unwrap().destination,
            Destination::Tcp { port: 8080 }
        );
        let http = |uri: &str| json!({ "protocol": "HTTP", "URI": uri });
        let between =
            |name: &str, range: &str| format!("buffering.{name} should be between {range}");
        for (name, value, said) in [
            (
                "schemaVersion",
                json!("2021-03-18"),
                "schemaVersion should be one of [2022".to_owned(),
            ),
            ("schemaVersion", Value::Null, "schemaVersion should be one of".to_owned()),
            ("types", json!([]), "types should not be empty".to_owned()),
            ("types", json!(["other"]), "types should be of [platform".to_owned()),
            ("destination", Value::Null, "destination is not provided".to_owned()),
            ("destination", json!({ "protocol": "UDP" }), "destination.protocol".to_owned()),
            ("destination", json!({ "protocol": "TCP" }), "port is not provided".to_owned()),
            ("destination", json!({ "protocol": "TCP", "port": 65_536 }), "port is not".to_owned()),
            (
                "destination",
                http("http://sandbox.localdomain"),
                "URI port is not provided".to_owned(),
            ),
            ("destination", http("http://sandbox:9001"), "port 9001 is reserved".to_owned()),
            ("destination", http("http://example.com:80"), "URI host should be".to_owned()),
            ("destination", http("https://sandbox:80"), "URI scheme should be http".to_owned()),
            ("buffering", json!({ "maxItems": 999 }), between("maxItems", "1000 and 10000")),
            (
                "buffering",
                json!({ "maxBytes": 1 << 30 }),
                between("maxBytes", "262144 and 1048576"),
            ),
            ("buffering", json!({ "timeoutMs": 24.5 }), between("timeoutMs", "25 and 30000")),
        ] {
            let mut bad = good.clone();
            bad[name] = value;
            let why = read(Api::Telemetry, &bad).unwrap_err();
            assert!(why.starts_with(&said), "{bad}: {why}");
        }
        let both = json!({ "types": [], "destination": http("http://sandbox.localdomain") });
        let said = "types should not be empty; URI port is not provided";
        assert_eq!(read(Api::Logs, &both).unwrap_err(), said);
        assert!(Subscription::read(Api::Logs, b"[1").is_err());
    }
}
