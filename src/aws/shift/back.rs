//! All traffic of an alias back to the version that it came from.

use tokio::time::sleep;

use super::{TRIES, overtaken, pause_after};
use crate::aws::call::ahead;
use crate::aws::{Aws, AwsError, Stop};
use crate::release::Object;
use crate::release::observed::{points_at, weights};
use crate::release::shift::Move;
use crate::release::shift::course::{Lost, Step, Why};

impl Aws {
    /// Takes traffic back, by one call if `seen` is the alias as it is, and before all that wait for their turn;
    /// whether that call was made: there may be nothing to take back any more. What is not this shift's is left
    /// alone: `begun` tells whether it was seen on the alias.
    ///
    /// # Errors
    ///
    /// If the alias is somebody else's, or AWS refuses or does not answer.
    pub async fn take_back(
        &self,
        plan: &Move,
        seen: Option<Object>,
        (why, begun): (&Why, bool),
    ) -> Result<bool, Stop> {
        ahead(self.at_once(plan, seen, (why, begun))).await
    }

    async fn at_once(
        &self,
        plan: &Move,
        mut seen: Option<Object>,
        (why, begun): (&Why, bool),
    ) -> Result<bool, Stop> {
        let stuck = |error| Stop::Stuck { reason: why.to_string(), error };
        let mut tries = TRIES;
        loop {
            let alias = match seen.take() {
                Some(alias) => alias,
                None => self.alias_there(plan).await.map_err(stuck)?,
            };
            if !plan.is_between(&alias, begun) && !plan.is_finished(&alias) {
                return at_rest(plan, &alias).map(|()| false);
            }
            let Some(write) = plan.write(&Step::Back(why.clone()), &alias, 0) else {
                return Ok(false);
            };
            match self.update_alias(&plan.function, &plan.alias, &write).await {
                Ok(_) => return Ok(true),
                Err(error) if error.is_open() && tries > 0 => {
                    tries -= 1;
                    sleep(pause_after(&error, tries)).await;
                }
                Err(error) => return Err(stuck(error)),
            }
        }
    }

    pub(super) async fn alias_there(&self, plan: &Move) -> Result<Object, AwsError> {
        let alias = self.alias(&plan.function, &plan.alias).await?;
        alias.ok_or_else(|| AwsError::Refused {
            operation: "GetAlias",
            code: "ResourceNotFoundException".to_owned(),
            message: format!("there is no alias {}", plan.alias),
            status: 404,
        })
    }
}

/// Of an alias that this shift is not on: nothing to do if it has not begun, or was taken back already.
fn at_rest(plan: &Move, alias: &Object) -> Result<(), Stop> {
    let weights = weights(alias);
    match points_at(alias) {
        at if at == plan.from && weights.is_empty() => Ok(()),
        at if at == plan.from => Err(overtaken(plan, &Lost::Weights(weights))),
        at => Err(overtaken(plan, &Lost::Moved(at.to_owned(), None))),
    }
}
