//! What keeps traffic from being shifted, asked of AWS before anything moves.

use futures_util::future::join_all;

use super::now;
use crate::aws::{Aws, AwsError, Stop};
use crate::release::Object;
use crate::release::content::text;
use crate::release::next::Refusal;
use crate::release::observed::Observed;
use crate::release::shift::Move;
use crate::release::shift::guard::{Refused, between};
use crate::release::shift::watch::Watch;

impl Aws {
    /// Why these cannot be shifted, for each in turn; nothing if it can. Whether metrics and alarms may be
    /// read at all is asked here too.
    pub async fn refuse_shift(&self, moves: &[Move]) -> Vec<Option<Stop>> {
        join_all(moves.iter().map(async |plan| self.sound(plan).await.err())).await
    }

    async fn sound(&self, plan: &Move) -> Result<(), Stop> {
        if !plan.begun && plan.strategy.stage(1).is_some() {
            let alias = self.alias_there(plan).await?;
            self.refuse_split(&plan.function, &alias, (&plan.from, &plan.to)).await?;
        }
        self.refuse_watch((&plan.function, &plan.alias, &plan.to), &plan.watch, plan.begun).await
    }

    /// Why AWS would not split the traffic of an alias between two versions, whoever asks for it.
    ///
    /// # Errors
    ///
    /// That reason; or if AWS refuses or does not answer.
    pub async fn refuse_split(
        &self,
        function: &str,
        alias: &Object,
        versions: (&str, &str),
    ) -> Result<(), Stop> {
        let (old, new) = self.both(function, versions).await?;
        let name = text(alias, "Name").unwrap_or_default();
        match between((name, alias), &old, &new) {
            Some(why) => Err(Stop::Refused(Refusal::Shift(why))),
            None => Ok(()),
        }
    }

    /// Why what is to be watched of a version behind an alias cannot be: alarms that are not there, or are on
    /// already (unless traffic shifts already), and what may not be read.
    ///
    /// # Errors
    ///
    /// That reason.
    pub async fn refuse_watch(
        &self,
        (function, alias, version): (&str, &str, &str),
        watch: &Watch,
        begun: bool,
    ) -> Result<(), Stop> {
        let refused = |why| Err(Stop::Refused(Refusal::Shift(why)));
        if !watch.alarms.is_empty() {
            let there = self.alarms(&watch.alarms).await?;
            for name in &watch.alarms {
                match there.get(name) {
                    None => return refused(Refused::NoAlarm(name.clone())),
                    Some(alarm) if alarm.state == "ALARM" && !begun => {
                        return refused(Refused::Firing(name.clone(), alarm.reason.clone()));
                    }
                    Some(_) => {}
                }
            }
        }
        if watch.counts() {
            let now = now().as_secs();
            let span = now.saturating_sub(60)..now;
            let asked = self.counted(function, alias, version, span, &watch.statistic).await;
            // What is only not answered just now may be later.
            if let Err(error) = asked
                && !matches!(error, AwsError::Unanswered { .. })
            {
                return Err(error.into());
            }
        }
        Ok(())
    }

    /// Both versions, which must be there.
    async fn both(
        &self,
        function: &str,
        (from, to): (&str, &str),
    ) -> Result<(Object, Object), AwsError> {
        let one = async |number: &str| {
            let mut seen = Observed::default();
            self.observe_version(function, number, &mut seen).await?;
            seen.versions.remove(number).ok_or_else(|| AwsError::Refused {
                operation: "GetFunction",
                code: "ResourceNotFoundException".to_owned(),
                message: format!("there is no version {number}"),
                status: 404,
            })
        };
        let (old, new) = tokio::join!(one(from), one(to));
        Ok((old?, new?))
    }

    /// The digests of both versions of a shift, the old one first; empty of one that is gone.
    ///
    /// # Errors
    ///
    /// If AWS refuses or does not answer.
    pub async fn digests(
        &self,
        function: &str,
        (old, new): (&str, &str),
    ) -> Result<(String, String), AwsError> {
        let mut seen = Observed::default();
        self.observe_version(function, old, &mut seen).await?;
        self.observe_version(function, new, &mut seen).await?;
        let digest = |number| {
            let version = seen.versions.get(number)?;
            text(version, "CodeSha256").map(str::to_owned)
        };
        Ok((digest(old).unwrap_or_default(), digest(new).unwrap_or_default()))
    }
}
