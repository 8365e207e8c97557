//! How traffic goes over to another version: by which steps, and how long each lasts.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::nearest::nearest;

/// The longest strategy, in characters: it stands in a marker ([`MARKER`](crate::release::marker::MARKER)).
pub const LONGEST: usize = 50;
/// The longest step, in seconds: a week.
const LONGEST_STEP: u64 = 7 * 24 * 3600;
/// What CodeDeploy's names of its own strategies begin with, and how much of it may be left out.
const CODE_DEPLOY: [&str; 2] = ["CodeDeployDefault.", "Lambda"];
/// The minutes of CodeDeploy's own, which all shift a tenth (AWS CodeDeploy User Guide, "Predefined deployment
/// configurations for an AWS Lambda compute platform").
pub(in crate::release) const CANARY: [u64; 4] = [5, 10, 15, 30];
/// The same, of those that go on in equal steps.
pub(in crate::release) const LINEAR: [u64; 4] = [1, 2, 3, 10];

/// A part of the traffic: more than nothing and less than all of it, in hundredths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u16);

impl Percent {
    /// As AWS has it in `AdditionalVersionWeights`: 0.1 for 10 %.
    #[must_use]
    pub fn weight(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }

    /// For people: 10 for 10 %.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 100.0
    }

    /// In hundredths of a percent.
    #[must_use]
    pub fn hundredths(self) -> u16 {
        self.0
    }

    /// Whether a weight that was read is this one.
    #[must_use]
    pub fn is(self, weight: f64) -> bool {
        (weight - self.weight()).abs() < 0.000_05
    }

    /// So many times as much; none from all of the traffic on.
    fn times(self, count: usize) -> Option<Self> {
        let all = usize::from(self.0).checked_mul(count)?;
        u16::try_from(all).ok().filter(|all| (1..10_000).contains(all)).map(Self)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 100, self.0 % 100);
        match rest {
            0 => write!(f, "{whole}%"),
            _ if rest % 10 == 0 => write!(f, "{whole}.{}%", rest / 10),
            _ => write!(f, "{whole}.{rest:02}%"),
        }
    }
}

impl FromStr for Percent {
    type Err = StrategyError;

    fn from_str(text: &str) -> Result<Self, StrategyError> {
        hundredths(text)
            .filter(|all| (1..10_000).contains(all))
            .map(Self)
            .ok_or_else(|| StrategyError::Percent(text.to_owned()))
    }
}

/// The hundredths in `12.5%`: up to three digits, and up to two behind the point.
#[must_use]
pub(super) fn hundredths(text: &str) -> Option<u16> {
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        fits.then(|| text.parse::<u16>().ok()).flatten()
    };
    let number = text.strip_suffix('%')?;
    let (whole, rest) = number.split_once('.').unwrap_or((number, "0"));
    let rest = if rest.len() == 1 { format!("{rest}0") } else { rest.to_owned() };
    digits(whole, 3)?.checked_mul(100)?.checked_add(digits(&rest, 2)?)
}

/// One step: how much traffic goes to the new version, for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// How much.
    pub percent: Percent,
    /// For how many seconds.
    pub hold: u64,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (percent, hold) = (self.percent, self.hold);
        match hold {
            _ if hold % 3600 == 0 => write!(f, "{percent}/{}h", hold / 3600),
            _ if hold % 60 == 0 => write!(f, "{percent}/{}m", hold / 60),
            _ => write!(f, "{percent}/{hold}s"),
        }
    }
}

impl FromStr for Stage {
    type Err = StrategyError;

    fn from_str(text: &str) -> Result<Self, StrategyError> {
        let wrong = || StrategyError::Stage(text.to_owned());
        let (percent, hold) = text.split_once('/').ok_or_else(wrong)?;
        let percent = percent.parse()?;
        let time = || StrategyError::Hold(hold.to_owned());
        let hold = humantime::parse_duration(hold).map_err(|_| time())?;
        let whole = hold == Duration::from_secs(hold.as_secs());
        let fits = whole && (1..=LONGEST_STEP).contains(&hold.as_secs());
        if fits { Ok(Self { percent, hold: hold.as_secs() }) } else { Err(time()) }
    }
}

/// How traffic goes over. What is written is read back as the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// All of it in one step.
    AllAtOnce,
    /// A part, and then the rest.
    Canary(Stage),
    /// The same part again and again.
    Linear(Stage),
    /// One part after the other, each larger than the one before.
    Steps(Vec<Stage>),
}

/// What is no strategy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StrategyError {
    /// No known form.
    #[error(
        "`{0}` is no strategy: all-at-once, canary:10%/5m, linear:10%/1m, steps:1%/1m,10%/5m, or one of CodeDeploy's (Canary10Percent5Minutes){1}"
    )]
    Unknown(String, Near),
    /// No step.
    #[error("`{0}` is no step: a part of the traffic and a time, as 10%/5m")]
    Stage(String),
    /// No part of the traffic.
    #[error("`{0}` is no part of the traffic: more than 0%, less than 100%, two decimals at most")]
    Percent(String),
    /// No time.
    #[error(
        "`{0}` is no time of a step: whole seconds, minutes or hours (30s, 5m, 1h), a week at most"
    )]
    Hold(String),
    /// A step that is not larger than the one before.
    #[error("{1} comes behind {0}: each step takes more traffic than the one before")]
    NotRising(Percent, Percent),
    /// More than the marker holds.
    #[error("it has {0} characters, and the marker on the alias holds {LONGEST}: name fewer steps")]
    TooLong(usize),
}

/// The known name that may have been meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near(Option<String>);

impl Near {
    fn to(name: &str) -> Self {
        let known: Vec<String> = of_code_deploy().map(|(name, _)| name).collect();
        let known = known.iter().map(String::as_str).chain(["all-at-once"]);
        // Of less there is hardly anything in it.
        let name = Some(name).filter(|name| name.len() >= 5);
        Self(name.and_then(|name| nearest(name, known)).map(str::to_owned))
    }
}

impl fmt::Display for Near {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|name| write!(f, "; did you mean `{name}`?"))
    }
}

/// CodeDeploy's own, by their names without what all of them begin with.
fn of_code_deploy() -> impl Iterator<Item = (String, Strategy)> {
    let ten = |minutes: u64| Stage { percent: Percent(1_000), hold: minutes * 60 };
    let name = |kind: &str, minutes: u64| {
        format!("{kind}{minutes}Minute{}", if minutes == 1 { "" } else { "s" })
    };
    let canary = CANARY.map(|it| (name("Canary10Percent", it), Strategy::Canary(ten(it))));
    let linear = LINEAR.map(|it| (name("Linear10PercentEvery", it), Strategy::Linear(ten(it))));
    canary.into_iter().chain(linear).chain([("AllAtOnce".to_owned(), Strategy::AllAtOnce)])
}

impl Strategy {
    /// A step by its number, from 1; none behind the last.
    #[must_use]
    pub fn stage(&self, step: usize) -> Option<Stage> {
        let before = step.checked_sub(1)?;
        match self {
            Self::AllAtOnce => None,
            Self::Canary(stage) => (before == 0).then_some(*stage),
            Self::Linear(stage) => {
                Some(Stage { percent: stage.percent.times(step)?, hold: stage.hold })
            }
            Self::Steps(all) => all.get(before).copied(),
        }
    }

    /// All steps, in order.
    pub fn stages(&self) -> impl Iterator<Item = Stage> {
        (1..).map_while(|step| self.stage(step))
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllAtOnce => f.write_str("all-at-once"),
            Self::Canary(stage) => write!(f, "canary:{stage}"),
            Self::Linear(stage) => write!(f, "linear:{stage}"),
            Self::Steps(all) => {
                let all: Vec<String> = all.iter().map(ToString::to_string).collect();
                write!(f, "steps:{}", all.join(","))
            }
        }
    }
}

impl FromStr for Strategy {
    type Err = StrategyError;

    fn from_str(text: &str) -> Result<Self, StrategyError> {
        let strategy = match text.split_once(':') {
            None if text == "all-at-once" => Self::AllAtOnce,
            Some(("canary", stage)) => Self::Canary(stage.trim().parse()?),
            Some(("linear", stage)) => Self::Linear(stage.trim().parse()?),
            Some(("steps", stages)) => {
                let stages = stages.split(',').map(|stage| stage.trim().parse());
                Self::Steps(rising(stages.collect::<Result<_, _>>()?)?)
            }
            _ => {
                let name = CODE_DEPLOY
                    .iter()
                    .fold(text, |name, begin| name.strip_prefix(begin).unwrap_or(name));
                let known = of_code_deploy().find(|(known, _)| known == name);
                let unknown = || StrategyError::Unknown(text.to_owned(), Near::to(name));
                known.ok_or_else(unknown)?.1
            }
        };
        let length = strategy.to_string().len();
        if length > LONGEST { Err(StrategyError::TooLong(length)) } else { Ok(strategy) }
    }
}

fn rising(stages: Vec<Stage>) -> Result<Vec<Stage>, StrategyError> {
    let falls = stages.windows(2).find_map(|pair| match pair {
        [one, next] if next.percent <= one.percent => Some((one.percent, next.percent)),
        _ => None,
    });
    match falls {
        Some((one, next)) => Err(StrategyError::NotRising(one, next)),
        None => Ok(stages),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for text in [
            "all-at-once",
            "canary:10%/5m",
            "canary:0.25%/30s",
            "canary:12.5%/24h",
            "linear:10%/1m",
            "steps:1%/1m,10%/5m,50%/5m",
            "steps:0.01%/1s,99.99%/168h",
        ] {
            let strategy: Strategy = text.parse().unwrap();
            assert_eq!(strategy.to_string(), text);
        }
        for (text, same) in [
            ("canary:05.0%/300s", "canary:5%/5m"),
            ("linear:10%/1h 30m", "linear:10%/90m"),
            ("steps: 1%/60s, 2%/1m", "steps:1%/1m,2%/1m"),
        ] {
            assert_eq!(text.parse::<Strategy>().unwrap().to_string(), same);
        }
    }

    #[test]
    fn names_of_code_deploy_are_synonyms() {
        for (name, same) in [
            ("AllAtOnce", "all-at-once"),
            ("CodeDeployDefault.LambdaAllAtOnce", "all-at-once"),
            ("LambdaLinear10PercentEvery2Minutes", "linear:10%/2m"),
            ("Canary10Percent5Minutes", "canary:10%/5m"),
            ("CodeDeployDefault.LambdaCanary10Percent30Minutes", "canary:10%/30m"),
            ("Linear10PercentEvery1Minute", "linear:10%/1m"),
            ("CodeDeployDefault.LambdaLinear10PercentEvery10Minutes", "linear:10%/10m"),
        ] {
            assert_eq!(name.parse::<Strategy>().unwrap().to_string(), same);
        }
    }

    #[test]
    fn what_is_no_strategy_is_refused_with_the_reason() {
        for (text, said) in [
            ("", "no strategy"),
            ("canary", "no strategy"),
            ("Canary10Percent7Minutes", "no strategy"),
            ("Canary10Percent7Minutes", "did you mean `Canary10Percent"),
            (
                "canary10percent5minutes",
                "(Canary10Percent5Minutes); did you mean `Canary10Percent5Minutes`?",
            ),
            (
                "CodeDeployDefault.LambdaLinear10PercentEvery1Minutes",
                "did you mean `Linear10PercentEvery1",
            ),
            ("Canary20Percent5Minutes", "no strategy"),
            ("blue:10%/5m", "no strategy"),
            ("canary:10%", "no step"),
            ("steps:", "no step"),
            ("steps:1%/1m,", "no step"),
            ("canary:0%/5m", "no part"),
            ("canary:100%/5m", "no part"),
            ("canary:250%/5m", "no part"),
            ("canary:10/5m", "no part"),
            ("canary:-1%/5m", "no part"),
            ("canary:1.234%/5m", "no part"),
            ("canary:+1%/5m", "no part"),
            ("canary:10%/0s", "no time"),
            ("canary:10%/500ms", "no time"),
            ("canary:10%/8days", "no time"),
            ("canary:10%/soon", "no time"),
            ("steps:10%/1m,10%/1m", "behind 10%"),
            ("steps:10%/1m,5%/1m", "behind 10%"),
            ("steps:1%/1m,2%/1m,3%/1m,4%/1m,5%/1m,6%/1m,7%/1m,8%/1m", "holds 50"),
        ] {
            let error = text.parse::<Strategy>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn steps_rise_and_end_below_all_of_the_traffic() {
        let percents = |text: &str| {
            let strategy: Strategy = text.parse().unwrap();
            strategy.stages().map(|stage| stage.percent.to_string()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(percents("all-at-once"), "");
        assert_eq!(percents("canary:10%/5m"), "10%");
        assert_eq!(percents("linear:30%/5m"), "30% 60% 90%");
        assert_eq!(percents("linear:50%/5m"), "50%");
        assert_eq!(percents("linear:60%/5m"), "60%");
        assert_eq!(percents("steps:1%/1m,10%/5m"), "1% 10%");
        let every: Strategy = "linear:0.01%/1s".parse().unwrap();
        assert_eq!(every.stages().count(), 9_999);
    }

    #[test]
    fn a_weight_is_known_again() {
        let percent: Percent = "0.1%".parse().unwrap();
        assert!((percent.weight() - 0.001).abs() < f64::EPSILON);
        assert!(percent.is(0.001) && !percent.is(0.0011) && !percent.is(0.0));
    }
}
