//! What makes a shift impossible, found before anything moves.

use serde_json::Value;

use super::{Shifting, under_way};
use crate::release::Object;
use crate::release::attach::provisioned;
use crate::release::content::{current, text};
use crate::release::desired::Desired;
use crate::release::marker::Marker;
use crate::release::observed::{Observed, points_at};

/// Why traffic cannot be shifted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// AWS: "Configuring alias routing": it shares no traffic.
    #[error("alias {0} points at $LATEST, which shares its traffic with no version")]
    Latest(String),
    /// AWS: "Both versions must have the same execution role", and the same dead letter queue or none.
    #[error(
        "{what} of version {from} is {old}, of version {to} {new}: AWS splits traffic only between versions that have the same"
    )]
    Differs {
        /// What is not the same.
        what: &'static str,
        /// The version that the alias points at.
        from: String,
        /// The version that it is to point at.
        to: String,
        /// What the one has.
        old: String,
        /// What the other has.
        new: String,
    },
    /// It cannot change while an alias has weights.
    #[error(
        "its provisioned concurrency is to change, which AWS does not take while traffic is split"
    )]
    Provisioned,
    /// An alarm that is on already says nothing of the new version.
    #[error("the alarm {0} is in ALARM already{why}", why = of_reason(.1))]
    Firing(String, String),
    /// Nothing would be watched.
    #[error("there is no alarm {0}")]
    NoAlarm(String),
    /// One that is not this deploy's.
    #[error(
        "a shift of alias {alias} is under way: step {step} of {strategy}, from version {from} to {to}"
    )]
    UnderWay {
        /// The alias.
        alias: String,
        /// The step, from 1.
        step: usize,
        /// The strategy.
        strategy: String,
        /// The version that it comes from.
        from: String,
        /// The version that it goes to.
        to: String,
    },
}

fn of_reason(reason: &str) -> String {
    if reason.is_empty() { String::new() } else { format!(" ({reason})") }
}

impl Refused {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Latest(_) => "move it once with `--shift all-at-once`, to a version",
            Self::Differs { .. } | Self::Provisioned => {
                "deploy that change with `--shift all-at-once`, and code later with a shift"
            }
            Self::Firing(..) => "wait until it is OK again, or leave it out of `alarms`",
            Self::NoAlarm(_) => "make it, or mend the name in `alarms`",
            Self::UnderWay { .. } => {
                "`release status` shows it; `release resume` goes on with it, `release abort` takes it back"
            }
        }
    }
}

/// The shift under way on an alias, as a reason to do nothing else.
#[must_use]
pub fn of_another(name: &str, alias: &Object) -> Option<Refused> {
    let (marker, shift) = under_way(alias)?;
    Some(Refused::UnderWay {
        alias: name.to_owned(),
        step: shift.step,
        strategy: shift.strategy.to_string(),
        from: marker.prev.unwrap_or_default(),
        to: shift.new,
    })
}

/// What `--clear-weights` does to the shift of another deploy, in words.
#[must_use]
pub fn ended(alias: &str, marker: &Marker, shift: &Shifting) -> String {
    let Shifting { strategy, step, new, .. } = shift;
    format!(
        "`--clear-weights` ends a shift of alias {alias} that is under way: step {step} of {strategy}, to version {new}, by deploy {}",
        marker.deploy
    )
}

/// What keeps traffic from being split between the version that an alias points at and another one
/// (both as configurations), if it is to be.
#[must_use]
pub fn between((name, alias): (&str, &Object), old: &Object, new: &Object) -> Option<Refused> {
    if points_at(alias) == "$LATEST" {
        return Some(Refused::Latest(name.to_owned()));
    }
    let role = |version: &Object| text(version, "Role").unwrap_or_default().to_owned();
    let dead_letter = |version: &Object| {
        let target = current(version, "DeadLetterConfig");
        let target = target.get("TargetArn").and_then(Value::as_str).unwrap_or_default();
        if target.is_empty() { "none".to_owned() } else { target.to_owned() }
    };
    let all = [
        ("the role", role(old), role(new)),
        ("the dead letter queue", dead_letter(old), dead_letter(new)),
    ];
    let number = |version| text(version, "Version").unwrap_or_default().to_owned();
    let (what, old_, new_) = all.into_iter().find(|(_, old, new)| old != new)?;
    let (from, to) = (number(old), number(new));
    Some(Refused::Differs { what, from, to, old: old_, new: new_ })
}

/// The same for a function as a deploy sees it, whose alias is to go to this version.
#[must_use]
pub fn refused(
    desired: &Desired,
    observed: &Observed,
    (name, alias): (&str, &Object),
    new: &Object,
) -> Option<Refused> {
    // What is not seen is of `$LATEST`, which says so first.
    let none = Object::new();
    let old = observed.versions.get(points_at(alias)).unwrap_or(&none);
    between((name, alias), old, new).or_else(|| {
        let wanted = &desired.wanted.attachments;
        let is_first = desired.qualifier() == Some(name);
        (is_first && provisioned(wanted, &observed.attached).is_some())
            .then_some(Refused::Provisioned)
    })
}
