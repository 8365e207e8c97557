//! The same shift for AWS `CodeDeploy`: its `AppSpec`, and the deployment configuration that fits.
//!
//! Forms as in the AWS `CodeDeploy` User Guide: "`AppSpec` File example for an AWS Lambda deployment" and
//! "Predefined deployment configurations for an AWS Lambda compute platform"; `CreateDeploymentConfig` in
//! its API reference.

use std::fmt::Write as _;

use serde_json::json;

use super::Object;
use super::marker::of_alias;
use super::observed::points_at;
use super::shift::strategy::{CANARY, LINEAR};
use super::shift::under_way;

/// An alias of a function, and between which versions its traffic is shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shifted<'a> {
    /// The function, by its name.
    pub function: &'a str,
    /// The alias.
    pub alias: &'a str,
    /// The version that it points at.
    pub current: &'a str,
    /// The version that it is to point at.
    pub target: &'a str,
}

/// Why there is no version to shift to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoTarget {
    /// No version is published.
    #[error("it has no version")]
    Nothing,
    /// The newest version is the one that the alias was taken back from.
    #[error(
        "its newest version, {0}, is the one that the alias was rolled back from: say which is meant with `--to`"
    )]
    TakenBack(String),
}

/// The version that traffic is to go to: the one that is asked for, else that of the shift under way, else the
/// newest.
///
/// # Errors
///
/// If there is none, or if it is the one that was found to be bad.
pub fn target(
    alias: &Object,
    asked: Option<&str>,
    newest: Option<&str>,
) -> Result<String, NoTarget> {
    if let Some(asked) = asked {
        return Ok(asked.to_owned());
    }
    if let Some((_, shift)) = under_way(alias) {
        return Ok(shift.new);
    }
    let newest = newest.ok_or(NoTarget::Nothing)?.to_owned();
    let bad = of_alias(alias).and_then(|marker| marker.from);
    let is_bad = bad.as_ref() == Some(&newest) && points_at(alias) != newest;
    if is_bad { Err(NoTarget::TakenBack(newest)) } else { Ok(newest) }
}

/// An `AppSpec` in YAML, as `create-deployment` takes it. AWS's examples have one function in each: one call
/// for each function is what is known to work.
#[must_use]
pub fn appspec(all: &[Shifted<'_>]) -> String {
    let mut text = "version: 0.0\nResources:\n".to_owned();
    for Shifted { function, alias, current, target } in all {
        // A text of JSON is one of YAML: names that look like numbers stay names.
        let [function, alias, current, target] =
            [function, alias, current, target].map(|it| json!(it).to_string());
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "  - {function}:\n      Type: AWS::Lambda::Function\n      Properties:\n        \
             Name: {function}\n        Alias: {alias}\n        CurrentVersion: {current}\n        \
             TargetVersion: {target}\n"
        );
    }
    text
}

/// How traffic is shifted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routing {
    /// All of it at once.
    AllAtOnce,
    /// A part, and after a time the rest.
    Canary(Part),
    /// The same part again and again.
    Linear(Part),
    /// Parts of different sizes.
    Steps,
}

/// A part of the traffic, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// In hundredths of a percent.
    pub hundredths: u16,
    /// In seconds.
    pub seconds: u64,
}

/// A deployment configuration of `CodeDeploy`'s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentConfig {
    /// Its name.
    pub name: String,
    /// The arguments of `aws` that make it; none: every account has it.
    pub create: Option<Vec<String>>,
}

/// What `CodeDeploy` cannot do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Only canary, linear and all at once.
    #[error("it knows no steps of different sizes, but canary and linear")]
    Steps,
    /// Only whole percents.
    #[error("it takes whole percents of the traffic, from 1 to 99")]
    Percent,
    /// Only whole minutes.
    #[error("it takes whole minutes between steps")]
    Minutes,
}

/// The deployment configuration for a shift: `CodeDeploy`'s own, else one that is to be made.
///
/// # Errors
///
/// If `CodeDeploy` cannot shift so.
pub fn deployment_config(routing: Routing) -> Result<DeploymentConfig, Unfit> {
    let (kind, part, own) = match routing {
        Routing::AllAtOnce => {
            let name = "CodeDeployDefault.LambdaAllAtOnce".to_owned();
            return Ok(DeploymentConfig { name, create: None });
        }
        Routing::Steps => return Err(Unfit::Steps),
        Routing::Canary(part) => ("Canary", part, CANARY),
        Routing::Linear(part) => ("Linear", part, LINEAR),
    };
    let (percent, minutes) = whole(part)?;
    let (every, s) =
        (if kind == "Linear" { "Every" } else { "" }, if minutes == 1 { "" } else { "s" });
    let name = format!("Lambda{kind}{percent}Percent{every}{minutes}Minute{s}");
    if percent == 10 && own.contains(&minutes) {
        return Ok(DeploymentConfig { name: format!("CodeDeployDefault.{name}"), create: None });
    }
    let small = kind.to_lowercase();
    let traffic = json!({
        "type": format!("TimeBased{kind}"),
        format!("timeBased{kind}"): {
            format!("{small}Percentage"): percent, format!("{small}Interval"): minutes,
        },
    });
    let create = [
        "deploy",
        "create-deployment-config",
        "--deployment-config-name",
        &name,
        "--compute-platform",
        "Lambda",
        "--traffic-routing-config",
        &traffic.to_string(),
    ];
    let create = Some(create.map(str::to_owned).to_vec());
    Ok(DeploymentConfig { name, create })
}

/// Whole percents and minutes.
fn whole(part: Part) -> Result<(u16, u64), Unfit> {
    let percent = part.hundredths / 100;
    if !part.hundredths.is_multiple_of(100) || !(1..=99).contains(&percent) {
        return Err(Unfit::Percent);
    }
    if part.seconds == 0 || !part.seconds.is_multiple_of(60) {
        return Err(Unfit::Minutes);
    }
    Ok((percent, part.seconds / 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_is_not_shifted_to_again() {
        let alias = |at: &str, said: &str| {
            let alias = json!({ "FunctionVersion": at, "Description": said });
            alias.as_object().cloned().unwrap()
        };
        let back = alias("1", "[lp1 from=2 dep=r1 sha=s]");
        let taken_back = || Err(NoTarget::TakenBack("2".to_owned()));
        assert_eq!(target(&back, None, Some("2")), taken_back());
        assert_eq!(target(&back, Some("2"), Some("2")), Ok("2".to_owned()));
        assert_eq!(target(&back, None, Some("3")), Ok("3".to_owned()));
        assert_eq!(target(&back, None, None), Err(NoTarget::Nothing));
        let shifts = "[lp1 prev=1 dep=d shift=canary:10%/5m step=1 at=5 new=2]";
        let mut shifting = alias("1", shifts);
        let weights = json!({ "AdditionalVersionWeights": { "2": 0.1 } });
        shifting.insert("RoutingConfig".to_owned(), weights);
        assert_eq!(target(&shifting, None, Some("3")), Ok("2".to_owned()));
        assert_eq!(target(&alias("1", "by hand"), None, Some("3")), Ok("3".to_owned()));
    }

    #[test]
    fn the_form_is_that_of_aws_examples() {
        let one = Shifted { function: "orders-api", alias: "live", current: "6", target: "7" };
        let other = Shifted { function: "1e3", alias: "on", ..one };
        assert_eq!(
            appspec(&[one, other]),
            r#"version: 0.0
Resources:
  - "orders-api":
      Type: AWS::Lambda::Function
      Properties:
        Name: "orders-api"
        Alias: "live"
        CurrentVersion: "6"
        TargetVersion: "7"
  - "1e3":
      Type: AWS::Lambda::Function
      Properties:
        Name: "1e3"
        Alias: "on"
        CurrentVersion: "6"
        TargetVersion: "7"
"#
        );
    }

    const fn part(hundredths: u16, minutes: u64) -> Part {
        Part { hundredths, seconds: minutes * 60 }
    }

    #[test]
    fn codedeploys_own_configurations_are_known() {
        for (routing, name) in [
            (Routing::AllAtOnce, "AllAtOnce"),
            (Routing::Canary(part(1_000, 5)), "Canary10Percent5Minutes"),
            (Routing::Canary(part(1_000, 30)), "Canary10Percent30Minutes"),
            (Routing::Linear(part(1_000, 1)), "Linear10PercentEvery1Minute"),
            (Routing::Linear(part(1_000, 10)), "Linear10PercentEvery10Minutes"),
        ] {
            let name = format!("CodeDeployDefault.Lambda{name}");
            assert_eq!(deployment_config(routing), Ok(DeploymentConfig { name, create: None }));
        }
    }

    #[test]
    fn others_are_made_by_a_command() {
        for (routing, name, traffic) in [
            (
                Routing::Canary(part(1_000, 1)),
                "LambdaCanary10Percent1Minute",
                json!({ "type": "TimeBasedCanary",
                    "timeBasedCanary": { "canaryPercentage": 10, "canaryInterval": 1 } }),
            ),
            (
                Routing::Linear(part(2_500, 5)),
                "LambdaLinear25PercentEvery5Minutes",
                json!({ "type": "TimeBasedLinear",
                    "timeBasedLinear": { "linearPercentage": 25, "linearInterval": 5 } }),
            ),
        ] {
            let made = deployment_config(routing).unwrap();
            assert_eq!(made.name, name);
            let arguments = made.create.unwrap();
            let command = "deploy create-deployment-config --deployment-config-name";
            let rest = "--compute-platform Lambda --traffic-routing-config";
            assert_eq!(arguments.join(" "), format!("{command} {name} {rest} {traffic}"));
        }
    }

    #[test]
    fn what_codedeploy_cannot_do_is_said() {
        for (routing, why) in [
            (Routing::Steps, Unfit::Steps),
            (Routing::Canary(part(1_250, 5)), Unfit::Percent),
            (Routing::Canary(part(10_000, 5)), Unfit::Percent),
            (Routing::Linear(part(50, 5)), Unfit::Percent),
            (Routing::Linear(Part { hundredths: 1_000, seconds: 90 }), Unfit::Minutes),
            (Routing::Linear(part(1_000, 0)), Unfit::Minutes),
        ] {
            assert_eq!(deployment_config(routing), Err(why));
        }
    }
}
