//! How a fault is written: `KIND[=VALUE][:OPERATION,…][@WHEN]`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::deployer::Action;
use crate::account::model;
use crate::nearest::suggestion;

/// All kinds, with the value of each and what it does, for the help.
pub const KINDS: &[(&str, &str)] = &[
    ("throttle", "429 TooManyRequestsException, and nothing happens"),
    ("rate=N", "the same beyond N calls a second, as AWS counts them"),
    ("error[=STATUS]", "500 or another 5xx, and nothing happens"),
    ("lost-request", "the connection is closed, and nothing happens"),
    ("lost-reply", "the connection is closed after it has happened"),
    ("latency=TIME", "it takes so much longer: 200ms, 2s"),
    ("fail=REASON", "what it begins ends Failed, with this reason code"),
    ("slow=TIME", "what it begins takes so long, instead of --delay"),
    ("deployer[=WHAT]", "then another changes the configuration, code or alias"),
    ("storage", "400 CodeStorageExceededException"),
    ("denied", "403 AccessDeniedException"),
    ("expired", "403 ExpiredTokenException"),
];

/// What begins something that may end Failed.
const BEGINNING: &[&str] =
    &["CreateFunction", "UpdateFunctionCode", "UpdateFunctionConfiguration", "PublishVersion"];
/// What begins something that takes a while.
const LASTING: &[&str] = &[
    "CreateAlias",
    "CreateEventSourceMapping",
    "CreateFunction",
    "DeleteEventSourceMapping",
    "PublishVersion",
    "PutProvisionedConcurrencyConfig",
    "UpdateAlias",
    "UpdateEventSourceMapping",
    "UpdateFunctionCode",
    "UpdateFunctionConfiguration",
];
/// What takes of the account's code storage.
const STORING: &[&str] =
    &["CreateFunction", "UpdateFunctionCode", "PublishVersion", "PublishLayerVersion"];
/// What AWS counts apart from all other calls.
const COUNTED_APART: &[&str] =
    &["GetFunction", "GetPolicy", "Invoke", "InvokeAsync", "InvokeWithResponseStream"];

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// As it was written.
    pub(super) text: String,
    pub(super) kind: Kind,
    /// The operations that were named; none for all that it can meet.
    operations: Vec<&'static str>,
    pub(super) when: When,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Throttle,
    Rate(u32),
    Error(u16),
    LostRequest,
    LostReply,
    Latency(Duration),
    Fail(String),
    Slow(Duration),
    Deployer(Action),
    Storage,
    Denied,
    Expired,
}

/// To which calls, of those that it could meet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum When {
    /// From this one to that one; the first is 1.
    Calls(u64, u64),
    /// To this share of them, in 0..1.
    Share(f64),
}

/// A fault that cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("in `{spec}`: {why}")]
pub struct FaultError {
    /// As it was written.
    pub spec: String,
    /// What is wrong with it.
    pub why: String,
}

impl Fault {
    /// Whether it could meet a call of this operation.
    pub(super) fn may_meet(&self, operation: &str) -> bool {
        if self.operations.is_empty() {
            self.kind.can_meet(operation)
                && !(matches!(self.kind, Kind::Rate(_)) && COUNTED_APART.contains(&operation))
        } else {
            self.operations.contains(&operation)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        parse(text.trim()).map_err(|why| FaultError { spec: text.trim().to_owned(), why })
    }
}

fn parse(text: &str) -> Result<Fault, String> {
    let (rest, when) = match text.split_once('@') {
        Some((rest, when)) => (rest, self::when(when)?),
        None => (text, When::Calls(1, u64::MAX)),
    };
    let (rest, names) = match rest.split_once(':') {
        Some((rest, names)) => (rest, Some(names)),
        None => (rest, None),
    };
    let kind = match rest.split_once('=') {
        Some((name, value)) => kind(name, Some(value))?,
        None => kind(rest, None)?,
    };
    let mut operations = Vec::new();
    for name in names.into_iter().flat_map(|names| names.split(',')) {
        // A pattern may stand for more than can be met; a name may not.
        let mut met = named(name)?;
        met.retain(|operation| kind.can_meet(operation));
        if met.is_empty() {
            let kind_name = rest.split('=').next().unwrap_or_default();
            let all = kind.meets().join(", ");
            let all = if all.is_empty() { "calls that name a function" } else { &all };
            return Err(format!("{name} cannot meet `{kind_name}`: that is for {all}"));
        }
        operations.extend(met);
    }
    Ok(Fault { text: text.to_owned(), kind, operations, when })
}

impl Kind {
    /// The operations that it can meet; empty if that is all.
    fn meets(&self) -> &'static [&'static str] {
        match self {
            Self::Fail(_) => BEGINNING,
            Self::Slow(_) => LASTING,
            Self::Storage => STORING,
            _ => &[],
        }
    }

    fn can_meet(&self, operation: &str) -> bool {
        if matches!(self, Self::Deployer(_)) {
            return model::takes(operation, "FunctionName");
        }
        self.meets().is_empty() || self.meets().contains(&operation)
    }
}

fn kind(name: &str, value: Option<&str>) -> Result<Kind, String> {
    let needed = |what: &str| {
        value
            .filter(|value| !value.is_empty())
            .ok_or_else(|| format!("`{name}` needs {what}: `{name}=…`"))
    };
    let kind = match name {
        "throttle" => Kind::Throttle,
        "rate" => return rate(needed("a number of calls a second")?),
        "error" => return status(value.unwrap_or("500")),
        "lost-request" => Kind::LostRequest,
        "lost-reply" => Kind::LostReply,
        "latency" => return Ok(Kind::Latency(time(needed("a time")?)?)),
        "fail" => return reason(needed("a reason code")?),
        "slow" => return Ok(Kind::Slow(time(needed("a time")?)?)),
        "deployer" => return action(value.unwrap_or("configuration")),
        "storage" => Kind::Storage,
        "denied" => Kind::Denied,
        "expired" => Kind::Expired,
        _ => {
            let known = KINDS.iter().map(|(name, _)| name.split(['=', '[']).next().unwrap_or(name));
            return Err(format!("no fault is called `{name}`; {}", suggestion(name, known)));
        }
    };
    match value {
        Some(value) => Err(format!("`{name}` takes no value, and was given `{value}`")),
        None => Ok(kind),
    }
}

fn rate(value: &str) -> Result<Kind, String> {
    match value.parse() {
        Ok(rate) if rate > 0 => Ok(Kind::Rate(rate)),
        _ => Err(format!("`{value}` is no number of calls a second")),
    }
}

fn status(value: &str) -> Result<Kind, String> {
    match value.parse() {
        Ok(status @ 500..=599) => Ok(Kind::Error(status)),
        _ => Err(format!("`{value}` is no status from 500 to 599")),
    }
}

fn time(value: &str) -> Result<Duration, String> {
    humantime::parse_duration(value)
        .map_err(|_| format!("`{value}` is no time such as 200ms or 2s"))
}

/// A reason code that updates end with, as the model has them.
fn reason(value: &str) -> Result<Kind, String> {
    let known = model::values("LastUpdateStatusReasonCode");
    if known.iter().any(|code| code == value) {
        return Ok(Kind::Fail(value.to_owned()));
    }
    let near = suggestion(value, known.iter().map(String::as_str));
    Err(format!("`{value}` is no reason code of an update; {near}"))
}

fn action(value: &str) -> Result<Kind, String> {
    Action::ALL
        .iter()
        .find(|(name, _)| *name == value)
        .map(|(_, action)| Kind::Deployer(*action))
        .ok_or_else(|| {
            let near = suggestion(value, Action::ALL.iter().map(|(name, _)| *name));
            format!("another deployer cannot change `{value}`; {near}")
        })
}

/// The operations of a name; `Get*` stands for all that begin so.
fn named(name: &str) -> Result<Vec<&'static str>, String> {
    let name = name.trim();
    let known = model::operations;
    let found: Vec<_> = match name.strip_suffix('*') {
        Some(prefix) => known().filter(|known| known.starts_with(prefix)).collect(),
        None => known().filter(|known| *known == name).collect(),
    };
    if found.is_empty() {
        let near = suggestion(name, known());
        return Err(format!("Lambda has no operation `{name}`; {near}"));
    }
    Ok(found)
}

/// `#3`, `#1-3`, `after:5`, `20%`.
fn when(text: &str) -> Result<When, String> {
    let wrong = || format!("`@{text}` is none of `@#3`, `@#1-3`, `@after:5` and `@20%`");
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    if let Some(calls) = text.strip_prefix('#') {
        let (from, to) = calls.split_once('-').unwrap_or((calls, calls));
        let (from, to) = (number(from)?, number(to)?);
        return if from >= 1 && from <= to { Ok(When::Calls(from, to)) } else { Err(wrong()) };
    }
    if let Some(calls) = text.strip_prefix("after:") {
        let first = number(calls)?.checked_add(1).ok_or_else(wrong)?;
        return Ok(When::Calls(first, u64::MAX));
    }
    let share = text.strip_suffix('%').and_then(|share| share.parse::<f64>().ok());
    match share {
        Some(0.0) => Err(format!("`@{text}` is no call at all")),
        Some(share) if (0.0..=100.0).contains(&share) => Ok(When::Share(share / 100.0)),
        _ => Err(wrong()),
    }
}

/// The faults of a file: one a line, and what follows a `#` at its beginning or after a space is a
/// remark.
///
/// # Errors
///
/// The first line that cannot be understood, by its number.
pub fn read(text: &str) -> Result<Vec<Fault>, (usize, FaultError)> {
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let end = if line.trim_start().starts_with('#') { Some(0) } else { line.find(" #") };
        let line = line.get(..end.unwrap_or(line.len())).unwrap_or_default().trim();
        if !line.is_empty() {
            faults.push(line.parse().map_err(|error| (index + 1, error))?);
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_understood() {
        for (text, kind, when) in [
            ("throttle", Kind::Throttle, When::Calls(1, u64::MAX)),
            ("throttle:UpdateFunctionCode@20%", Kind::Throttle, When::Share(0.2)),
            ("rate=15", Kind::Rate(15), When::Calls(1, u64::MAX)),
            ("error@10%", Kind::Error(500), When::Share(0.1)),
            ("error=503:Invoke@#2", Kind::Error(503), When::Calls(2, 2)),
            ("lost-reply@#3", Kind::LostReply, When::Calls(3, 3)),
            ("lost-request@#1-3", Kind::LostRequest, When::Calls(1, 3)),
            ("latency=200ms", Kind::Latency(Duration::from_millis(200)), When::Calls(1, u64::MAX)),
            (
                "fail=FunctionError.InitTimeout:UpdateFunctionCode",
                Kind::Fail("FunctionError.InitTimeout".to_owned()),
                When::Calls(1, u64::MAX),
            ),
            ("slow=3s", Kind::Slow(Duration::from_secs(3)), When::Calls(1, u64::MAX)),
            ("expired@after:5", Kind::Expired, When::Calls(6, u64::MAX)),
            ("denied:Get*,Publish*", Kind::Denied, When::Calls(1, u64::MAX)),
            ("deployer@#4", Kind::Deployer(Action::Configuration), When::Calls(4, 4)),
            ("deployer=alias@0.5%", Kind::Deployer(Action::Alias), When::Share(0.005)),
            (" storage ", Kind::Storage, When::Calls(1, u64::MAX)),
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!((&fault.kind, fault.when), (&kind, when), "{text}");
            assert_eq!(fault.to_string(), text.trim());
        }
    }

    #[test]
    fn every_reason_code_of_the_model_can_be_given() {
        for code in model::values("LastUpdateStatusReasonCode") {
            let fault: Fault = format!("fail={code}").parse().unwrap();
            assert_eq!(fault.kind, Kind::Fail(code.clone()));
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_meant() {
        for (text, why) in [
            ("throtle", "no fault is called `throtle`; did you mean `throttle`?"),
            ("throttle=3", "`throttle` takes no value, and was given `3`"),
            (
                "throttle:UpdateFunctionCod",
                "Lambda has no operation `UpdateFunctionCod`; did you mean `UpdateFunctionCode`?",
            ),
            ("latency", "`latency` needs a time: `latency=…`"),
            ("slow=", "`slow` needs a time: `slow=…`"),
            ("latency=soon", "`soon` is no time such as 200ms or 2s"),
            (
                "fail=EniLimitExceded",
                "`EniLimitExceded` is no reason code of an update; did you mean `EniLimitExceeded`?",
            ),
            (
                "fail=InvalidImage:GetFunction",
                "GetFunction cannot meet `fail`: that is for CreateFunction, UpdateFunctionCode, \
                 UpdateFunctionConfiguration, PublishVersion",
            ),
            ("error=404", "`404` is no status from 500 to 599"),
            ("rate=0", "`0` is no number of calls a second"),
            ("deployer=aliases", "another deployer cannot change `aliases`; did you mean `alias`?"),
            ("throttle@3", "`@3` is none of `@#3`, `@#1-3`, `@after:5` and `@20%`"),
            ("throttle@#0", "`@#0` is none of `@#3`, `@#1-3`, `@after:5` and `@20%`"),
            ("throttle@#3-1", "`@#3-1` is none of `@#3`, `@#1-3`, `@after:5` and `@20%`"),
            ("throttle@0%", "`@0%` is no call at all"),
            ("throttle@101%", "`@101%` is none of `@#3`, `@#1-3`, `@after:5` and `@20%`"),
        ] {
            let error = text.parse::<Fault>().unwrap_err();
            assert_eq!((error.why.as_str(), error.spec.as_str()), (why, text));
            assert_eq!(error.to_string(), format!("in `{text}`: {why}"));
        }
    }

    #[test]
    fn operations_may_be_named_by_their_beginning() {
        let fault: Fault = "storage:Publish*".parse().unwrap();
        assert!(fault.may_meet("PublishVersion") && fault.may_meet("PublishLayerVersion"));
        assert!(!fault.may_meet("CreateFunction"));
        let rate: Fault = "rate=1".parse().unwrap();
        assert!(rate.may_meet("ListFunctions") && !rate.may_meet("GetFunction"));
        let rate: Fault = "rate=100:GetFunction".parse().unwrap();
        assert!(!rate.may_meet("ListFunctions") && rate.may_meet("GetFunction"));
    }

    #[test]
    fn a_file_holds_one_a_line() {
        let text = "# a rehearsal\n\nthrottle@20%   # now and then\n  lost-reply@#3\n";
        let faults: Vec<_> = read(text).unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(faults, ["throttle@20%", "lost-reply@#3"]);
        let (line, error) = read("throttle\n\nlost\n").unwrap_err();
        assert_eq!((line, error.spec.as_str()), (3, "lost"));
    }
}
