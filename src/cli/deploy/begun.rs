//! Shifts that are under way when a deploy comes: it goes on with its own, and ends others only with
//! `--clear-weights`.

use crate::release::change::{Action, Change};
use crate::release::desired::Desired;
use crate::release::observed::Observed;
use crate::release::shift::{Shifting, guard, under_way};
use crate::shell::Shell;

/// The shift that a deploy goes on with on this alias: its steps are those that it was begun with.
pub(super) fn of(desired: &Desired, observed: &Observed, alias: &str) -> Option<Shifting> {
    let alias = observed.aliases.get(alias).filter(|_| !desired.clear_weights)?;
    Some(under_way(alias)?.1)
}

/// Says what becomes of every shift that is under way on an alias which is to move.
pub(super) fn say<'a>(
    all: impl Iterator<Item = (&'a Desired, &'a Observed)>,
    changes: &[Change],
    shell: &Shell,
) {
    for (desired, observed) in all {
        for change in changes.iter().filter(|change| change.function == desired.name) {
            let Action::MoveAlias { name, .. } = &change.action else { continue };
            let Some(alias) = observed.aliases.get(name) else { continue };
            let Some((marker, shift)) = under_way(alias) else { continue };
            if desired.clear_weights {
                shell.warn(format!("{}: {}", desired.name, guard::ended(name, &marker, &shift)));
                continue;
            }
            let steps = shift.strategy.stages().count();
            shell.status(
                "Going on",
                format!(
                    "with the shift of {}:{name} to version {}, by deploy {}: step {} of {steps} of {}",
                    desired.name, shift.new, marker.deploy, shift.step, shift.strategy
                ),
            );
            let wanted = desired.wanted.shift.as_ref();
            if let Some(wanted) = wanted.filter(|wanted| **wanted != shift.strategy) {
                shell.warn(format!(
                    "{}: {wanted} counts from the next version on: a shift keeps the steps that it was begun with (`release abort` takes this one back)",
                    desired.name
                ));
            }
        }
    }
}
