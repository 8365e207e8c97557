//! A shift: traffic of an alias goes from one version to another step by step, is watched meanwhile,
//! and goes back where something is wrong.
//!
//! All that a shift is stands on the alias: its weights, and the marker in its description. [`course`]
//! looks at both, at the time and at what was seen, and says what is to be done now; [`Move::write`]
//! makes the call of it. So whoever is ended in the middle, or works beside another one, reads
//! where it is and goes on from there. The time is given in, in seconds since 1970.

pub mod course;
pub mod guard;
pub mod judge;
pub mod strategy;
pub mod watch;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Object;
use super::content::text;
use super::desired::Desired;
pub use super::marker::Shifting;
use super::marker::{Marker, of_alias, written};
use super::observed::{Observed, points_at, weights};
use course::Step;
use strategy::Strategy;
use watch::Watch;

/// One alias that is to go from one version to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// The function.
    pub function: String,
    /// The alias.
    pub alias: String,
    /// The version that it points at.
    pub from: String,
    /// The version that it is to point at.
    pub to: String,
    /// By which steps.
    pub strategy: Strategy,
    /// What is watched.
    pub watch: Watch,
    /// The text on the alias, before the marker.
    pub text: String,
    /// The marker that the alias has in the end.
    pub marker: Marker,
    /// What `prev` of its marker is before the shift.
    pub was: Option<String>,
    /// What `from` of its marker is before the shift.
    pub was_from: Option<String>,
    /// The deploy in its marker before the shift.
    pub by: Option<String>,
    /// The description that it has again after it went back.
    pub back: String,
    /// Whether it was under way already when this was made.
    pub begun: bool,
    /// Whether AWS has another digest of the code than that which was sent, as of what is signed: by ours a deploy
    /// knows it again.
    pub signed: bool,
}

/// One `UpdateAlias`, with all that it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Write {
    /// Where the alias points.
    pub version: String,
    /// The other version and its part; none: the weights are taken off by name.
    pub weights: BTreeMap<String, f64>,
    /// The description, with the marker.
    pub description: String,
    /// The revision that this was decided on.
    pub revision: Option<String>,
}

impl Write {
    /// The members of the request. What is not sent stays as it is, so that weights are always sent.
    #[must_use]
    pub fn members(&self) -> Object {
        let mut members = Object::new();
        let mut set = |name: &str, value: Value| drop(members.insert(name.to_owned(), value));
        set("FunctionVersion", self.version.as_str().into());
        set("Description", self.description.as_str().into());
        set("RoutingConfig", json!({ "AdditionalVersionWeights": self.weights }));
        if let Some(revision) = &self.revision {
            set("RevisionId", revision.as_str().into());
        }
        members
    }
}

/// The shift that is under way on an alias, with the marker that it stands in.
#[must_use]
pub fn under_way(alias: &Object) -> Option<(Marker, Shifting)> {
    let marker = of_alias(alias)?;
    let shift = marker.shift.clone()?;
    Some((marker, shift))
}

/// The shifts that a deploy makes, once all versions are there: of each of its aliases that is to move, and
/// those that are under way.
#[must_use]
pub fn moves(desired: &Desired, observed: &Observed) -> Vec<Move> {
    let name = desired.name.as_str();
    let digest = |version: &str| {
        let version = observed.versions.get(version)?;
        Some(text(version, "CodeSha256").unwrap_or_default().to_owned())
    };
    let one = |alias: &Object| {
        let watch = desired.wanted.watch.clone();
        if let Some((marker, shift)) = under_way(alias) {
            let old = digest(marker.prev.as_deref().unwrap_or_default()).unwrap_or_default();
            let new = digest(&shift.new).unwrap_or_default();
            return Move::resume((name, alias), watch, (&old, &new));
        }
        let (to, _) = observed.same_as_latest()?;
        let (deploy, sha) = (desired.deploy.clone(), desired.code.sha256.clone());
        let signed = digest(to).is_some_and(|there| there != sha);
        let marker = Marker { deploy, sha, ..Marker::default() };
        let wish = (desired.wanted.shift.clone()?, watch);
        let begin = Move::begin((name, alias), to, (&desired.alias_text, marker), wish);
        Some(Move { signed, ..begin })
    };
    let wanted = desired.wanted.aliases.iter().filter(|alias| !observed.is_there(alias));
    wanted.filter_map(|alias| one(observed.aliases.get(alias)?)).collect()
}

/// What is watched. Alarms tell of the version that a rollback leaves, and not of that which it goes to.
fn watched(marker: &Marker, watch: Watch) -> Watch {
    match marker.from {
        Some(_) => Watch { alarms: Vec::new(), ..watch },
        None => watch,
    }
}

/// `prev` of a marker in the end: a rollback says `from` instead.
fn came_from(marker: &Marker, from: &str) -> Option<String> {
    marker.from.is_none().then(|| from.to_owned())
}

impl Move {
    /// A shift that is to begin, from an alias as it is (`GetAlias`). `marker` is the one that it has in the
    /// end, without `prev`; an empty `said` leaves the text as it is.
    #[must_use]
    pub fn begin(
        (function, alias): (&str, &Object),
        to: &str,
        (said, marker): (&str, Marker),
        (strategy, watch): (Strategy, Watch),
    ) -> Self {
        let ((before, _), old) = (written(alias), of_alias(alias));
        let from = points_at(alias).to_owned();
        // A stale marker is not left to tell of anything once more.
        let whole = text(alias, "Description").unwrap_or_default();
        let back = if old.is_some() { whole } else { before };
        Self {
            function: function.to_owned(),
            alias: text(alias, "Name").unwrap_or_default().to_owned(),
            to: to.to_owned(),
            strategy,
            watch: watched(&marker, watch),
            text: if said.is_empty() { before } else { said }.to_owned(),
            marker: Marker {
                prev: came_from(&marker, &from),
                to: Some(to.to_owned()),
                shift: None,
                ..marker
            },
            from,
            was: old.as_ref().and_then(|old| old.prev.clone()),
            was_from: old.as_ref().and_then(|old| old.from.clone()),
            by: old.map(|old| old.deploy),
            back: back.to_owned(),
            begun: false,
            signed: false,
        }
    }

    /// The shift that is under way on an alias; none if there is none. `digests` are those that AWS has of the
    /// version that it comes from and of the one that it goes to.
    #[must_use]
    pub fn resume(
        (function, alias): (&str, &Object),
        watch: Watch,
        digests: (&str, &str),
    ) -> Option<Self> {
        let (marker, shift) = under_way(alias)?;
        let ((said, _), from) = (written(alias), points_at(alias));
        let signed = !marker.sha.is_empty();
        let new = if signed { &marker.sha } else { digests.1 };
        let with = |prev: Option<String>, to: &str, sha: &str| Marker {
            prev,
            to: Some(to.to_owned()),
            sha: sha.to_owned(),
            shift: None,
            ..marker.clone()
        };
        Some(Self {
            function: function.to_owned(),
            alias: text(alias, "Name").unwrap_or_default().to_owned(),
            from: from.to_owned(),
            to: shift.new.clone(),
            strategy: shift.strategy,
            watch: watched(&marker, watch),
            text: said.to_owned(),
            marker: with(came_from(&marker, from), &shift.new, new),
            // As it was: the deploy that is taken back has not moved it.
            back: match shift.by.clone() {
                Some(deploy) => {
                    let before = with(shift.was.clone(), from, digests.0);
                    Marker { from: shift.was_from.clone(), deploy, ..before }.after(said)
                }
                None => said.to_owned(),
            },
            was: shift.was,
            was_from: shift.was_from,
            by: shift.by,
            begun: true,
            signed,
        })
    }

    /// The call of a step, on an alias as it was last read; none if the step makes none.
    #[must_use]
    pub fn write(&self, step: &Step, alias: &Object, now: u64) -> Option<Write> {
        let (version, weights, description) = match step {
            Step::Weight { step, percent } => {
                let shift = Shifting {
                    strategy: self.strategy.clone(),
                    step: *step,
                    at: now,
                    new: self.to.clone(),
                    was: self.was.clone(),
                    was_from: self.was_from.clone(),
                    by: self.by.clone(),
                };
                let sha = if self.signed { self.marker.sha.clone() } else { String::new() };
                let prev = Some(self.from.clone());
                let marker = Marker { prev, sha, shift: Some(shift), ..self.marker.clone() };
                let weights = BTreeMap::from([(self.to.clone(), percent.weight())]);
                (&self.from, weights, marker.after(self.text_on(alias)))
            }
            Step::Finish => (&self.to, BTreeMap::new(), self.marker.after(self.text_on(alias))),
            Step::Back(_) => (&self.from, BTreeMap::new(), self.back_on(alias)),
            Step::Wait { .. } | Step::Done | Step::Lost(_) => return None,
        };
        let revision = text(alias, "RevisionId").map(str::to_owned);
        Some(Write { version: version.clone(), weights, description, revision })
    }

    /// The text for an alias as it is: ours until that stands there, and then whatever does. It may be cut there.
    fn text_on<'t>(&'t self, alias: &'t Object) -> &'t str {
        let (there, marker) = written(alias);
        let ours = marker.is_some_and(|it| it.deploy == self.marker.deploy && it.shift.is_some());
        if ours && !self.text.starts_with(there) { there } else { &self.text }
    }

    /// The description that goes back with traffic. A text that somebody else has set since is theirs.
    fn back_on(&self, alias: &Object) -> String {
        let ours = written(alias).1.is_some_and(|it| it.deploy == self.marker.deploy);
        if !ours {
            return text(alias, "Description").unwrap_or_default().to_owned();
        }
        let text = self.text_on(alias);
        match Marker::read(&self.back) {
            _ if text == self.text => self.back.clone(),
            (_, Some(marker)) => marker.after(text),
            (_, None) => text.to_owned(),
        }
    }

    /// How far it is, if the alias is where this shift has put it: marker and weights are ours.
    #[must_use]
    pub fn stands(&self, alias: &Object) -> Option<Shifting> {
        let (marker, shift) = under_way(alias)?;
        let percent = self.strategy.stage(shift.step)?.percent;
        let weights = weights(alias);
        let ours = marker.deploy == self.marker.deploy
            && shift.strategy == self.strategy
            && shift.new == self.to
            && marker.prev.as_ref() == Some(&self.from)
            && points_at(alias) == self.from
            && weights.len() == 1
            && weights.get(&self.to).is_some_and(|weight| percent.is(*weight));
        ours.then_some(shift)
    }

    /// Whether the alias is still between the two versions of this shift: by its marker, though its weights may be
    /// somebody else's by now, or gone; or, if this shift has `begun`, by its weights, though somebody else has set its
    /// description.
    #[must_use]
    pub fn is_between(&self, alias: &Object, begun: bool) -> bool {
        let weights = weights(alias);
        let marked = written(alias).1.and_then(|it| Some((it.deploy, it.prev, it.shift?)));
        let ours = match marked {
            Some((deploy, prev, shift)) => {
                deploy == self.marker.deploy
                    && shift.new == self.to
                    && prev.as_ref() == Some(&self.from)
            }
            None => begun && !weights.is_empty(),
        };
        ours && points_at(alias) == self.from && weights.keys().all(|it| *it == self.to)
    }

    /// How many seconds of a step are left, as it was planned.
    #[must_use]
    pub fn left(&self, shift: &Shifting, now: u64) -> u64 {
        let hold = self.strategy.stage(shift.step).map_or(0, |stage| stage.hold);
        // A step begins by a whole second, which may be the next one.
        shift.at.saturating_add(hold).saturating_sub(now).min(hold)
    }

    /// Whether this shift has ended well, and nobody has touched the alias since.
    #[must_use]
    pub fn is_finished(&self, alias: &Object) -> bool {
        let marker = written(alias).1;
        points_at(alias) == self.to
            && marker.is_some_and(|it| it.shift.is_none() && it.deploy == self.marker.deploy)
    }
}

#[cfg(test)]
mod tests;
