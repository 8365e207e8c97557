//! An alias to a version that is there already: what a rollback and a promotion do.
//!
//! A [`Move`] is decided on an alias as it was seen. [`Move::step`] says what it needs now, also after a
//! conflict, a lost answer or a write of somebody else's: it goes on only from the state that it was
//! decided on, and only what carries its own marker counts for done.

mod refused;

use super::change::Action;
use super::content::text;
use super::marker::{Marker, of_alias, written};
use super::next::Refusal;
use super::observed::{State, points_at, state, weights};
use super::shift::under_way;
use super::{Object, advice};

pub use refused::Refused;

/// An alias that is to point at another version.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Move {
    /// The function.
    pub function: String,
    /// The alias.
    pub alias: String,
    /// The alias as this was decided on, as `GetAlias` has it; none: it is made.
    pub seen: Option<Object>,
    /// The version that it is to point at.
    pub to: String,
    /// Whether it goes back: its marker then says where it came away from, and a second rollback knows.
    pub back: bool,
    /// This rollback or promotion, as in the marker.
    pub deploy: String,
    /// Whether weights that somebody left on the alias are taken off.
    pub clear_weights: bool,
}

/// What a move needs next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// This call.
    Act(Box<Action>),
    /// It was made, and AWS still shifts traffic, along with provisioned concurrency.
    Wait,
    /// The alias is not as it was seen: somebody else is at work.
    Overtaken,
    /// Nothing.
    Done,
}

impl Move {
    /// The version that the alias points at, as it was seen.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        self.seen.as_ref().map(points_at)
    }

    /// Whether the version gets traffic by this that it has not got already. What only loses its weights goes
    /// nowhere.
    #[must_use]
    pub fn goes(&self) -> bool {
        self.from() != Some(self.to.as_str())
    }

    /// The same alias where it is, without weights of others or the shift of another deploy; none if it has
    /// neither, or is not there. A shift begins on an alias without them.
    #[must_use]
    pub fn cleared(&self) -> Option<Self> {
        let seen = self.seen.as_ref()?;
        let is_bare = weights(seen).is_empty() && under_way(seen).is_none();
        (!is_bare).then(|| Self { to: points_at(seen).to_owned(), ..self.clone() })
    }

    /// What is needed now. `sha256`: the digest of the version's code, for the marker.
    ///
    /// # Errors
    ///
    /// If somebody has put weights on the alias.
    pub fn step(&self, alias: Option<&Object>, sha256: &str) -> Result<Step, Refusal> {
        let weights = alias.map(weights).unwrap_or_default();
        let there = alias.map(points_at);
        let to = Some(self.to.as_str());
        let by = |alias: &Object| of_alias(alias).map(|marker| marker.deploy);
        if there == to && alias.and_then(by).as_ref() == Some(&self.deploy) {
            return Ok(if weights.is_empty() { Step::Done } else { Step::Wait });
        }
        let seen = self.seen.as_ref();
        if there != self.from() || alias.and_then(by) != seen.and_then(by) {
            return Ok(Step::Overtaken);
        }
        let shifts = alias.is_some_and(|alias| under_way(alias).is_some());
        if weights.is_empty() && there == to && !shifts {
            return Ok(Step::Done);
        }
        if !weights.is_empty() && !self.clear_weights {
            return Err(Refusal::Weights { alias: self.alias.clone(), weights });
        }
        let said = alias.map(|alias| written(alias).0).unwrap_or_default();
        let description = self.marker(alias.and_then(of_alias), there, sha256).after(said);
        Ok(Step::Act(Box::new(point(&self.alias, alias, &self.to, description))))
    }

    /// The marker that an alias has when it has moved.
    #[must_use]
    pub fn marker_on(&self, alias: &Object, sha256: &str) -> Marker {
        self.marker(of_alias(alias), Some(points_at(alias)), sha256)
    }

    /// What only loses its weights has come from where it came from.
    fn marker(&self, before: Option<Marker>, there: Option<&str>, sha256: &str) -> Marker {
        let there = there.map(str::to_owned);
        let (prev, from) = match before {
            // Taken back in the middle of a shift.
            Some(Marker { shift: Some(shift), .. }) if there.as_ref() == Some(&self.to) => {
                if self.back { (None, Some(shift.new)) } else { (shift.was, shift.was_from) }
            }
            Some(before) if there.as_ref() == Some(&self.to) => (before.prev, before.from),
            _ if self.back => (None, there),
            _ => (there, None),
        };
        let (deploy, sha) = (self.deploy.clone(), sha256.to_owned());
        Marker { prev, from, to: Some(self.to.clone()), deploy, sha, shift: None }
    }
}

/// The call that points an alias at a version, and takes its weights off; makes it if it is not there.
#[must_use]
pub fn point(name: &str, alias: Option<&Object>, to: &str, description: String) -> Action {
    let (name, to) = (name.to_owned(), to.to_owned());
    let Some(alias) = alias else {
        return Action::CreateAlias { name, version: to, description };
    };
    let weights = weights(alias).into_iter();
    Action::MoveAlias {
        name,
        from: points_at(alias).to_owned(),
        to,
        weights: weights.map(|(version, weight)| (version, weight.to_string())).collect(),
        description,
        revision: text(alias, "RevisionId").map(str::to_owned),
    }
}

/// Whether a version can run, by its configuration as `GetFunction` has it.
///
/// # Errors
///
/// Why it cannot. What is only idle wakes up when it is used.
pub fn can_run(version: &str, configuration: &Object) -> Result<(), Refused> {
    let version = version.to_owned();
    let member = |name: &str| text(configuration, name).unwrap_or_default().to_owned();
    let code = member("StateReasonCode");
    match state(configuration) {
        State::Ready if member("State") != "Inactive" => Ok(()),
        State::Ready if matches!(code.as_str(), "" | "Idle" | "Restoring") => Ok(()),
        State::Busy(state) => Err(Refused::NotReady { version, state }),
        State::Ready | State::Failed { .. } => {
            let advice = advice::of_reason(&code);
            let (state, reason) = (member("State"), member("StateReason"));
            Err(Refused::CannotRun { version, state, code, reason, advice })
        }
    }
}

#[cfg(test)]
mod tests;
