//! Which AWS, and whether it is the one that the configuration names.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime};

use super::bytes;
use crate::aws::{Aws, AwsError, Job, Place, Stop};
use crate::cli::args::{self, Release};
use crate::error::{DeployError, Error};
use crate::local::{ACCOUNT, Client};
use crate::release::change::Change;
use crate::release::content::text;
use crate::release::observed::Observed;
use crate::release::policy;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

/// What a deploy takes besides its bytes.
const OVERHEAD: Duration = Duration::from_mins(1);
/// What an uplink brings at least, in bytes a second.
const UPLINK: u64 = 500_000;

/// A connection to an account in a Region.
pub(in crate::cli) struct Session {
    pub(in crate::cli) aws: Aws,
    /// The server on this machine that it is, if it is one.
    pub(super) local: Option<SocketAddr>,
    /// The account, where it was asked for.
    pub(super) account: Option<String>,
}

impl Session {
    /// Connects for a deploy.
    pub(super) async fn open(
        release: &Release,
        place: Place,
        jobs: &[Job],
        shell: &Shell,
    ) -> Result<Self, Error> {
        let who: Vec<_> =
            jobs.iter().map(|job| (job.desired.name.as_str(), &job.desired.wanted)).collect();
        Self::to(place, release.rate, &who, |error| all(jobs, &error), shell).await
    }

    /// Connects; stops at once where account or Region are others than those that the settings of
    /// these functions pin. `failed` makes of AWS's error that of the command.
    pub(in crate::cli) async fn to(
        mut place: Place,
        rate: f64,
        who: &[(&str, &Wanted)],
        failed: impl Fn(AwsError) -> Error,
        shell: &Shell,
    ) -> Result<Self, Error> {
        let pinned = pinned(who, "region", |wanted| wanted.region.as_deref())?;
        let aws = match connect(&place, rate, shell).await {
            Err(AwsError::NoRegion) if pinned.is_some() => {
                place.region.clone_from(&pinned);
                connect(&place, rate, shell).await
            }
            connected => connected,
        };
        let aws = aws.map_err(|error| match error {
            AwsError::NoRegion => no_region(),
            error => failed(error),
        })?;
        let values = who.iter().filter_map(|(_, wanted)| wanted.environment.as_ref());
        aws.keep_secret(values.flat_map(|environment| environment.set.values().cloned()));
        let mut session = Self { aws, local: place.local, account: None };
        if session.local.is_none() {
            session.check(pinned.as_deref(), who, failed).await?;
        }
        Ok(session)
    }

    async fn check(
        &mut self,
        region: Option<&str>,
        who: &[(&str, &Wanted)],
        failed: impl Fn(AwsError) -> Error,
    ) -> Result<(), Error> {
        if let Some(pinned) = region.filter(|pinned| *pinned != self.aws.region) {
            return Err(Error::Usage(format!(
                "the settings are for Region {pinned}, and this would go to {}",
                self.aws.region
            )));
        }
        let pinned = pinned(who, "account", |wanted| wanted.account.as_deref())?;
        let Some(pinned) = pinned else { return Ok(()) };
        let account = self.aws.account().await.map_err(failed)?;
        if account != pinned {
            return Err(Error::Usage(format!(
                "the settings are for account {pinned}, and the credentials are of {account}"
            )));
        }
        self.account = Some(account);
        Ok(())
    }

    /// Looks at every function.
    pub(in crate::cli) async fn observe(&self, jobs: &[Job]) -> Result<Vec<Observed>, Error> {
        let mut observed = Vec::new();
        let mut stopped = Vec::new();
        for (job, seen) in jobs.iter().zip(self.aws.observe_all(jobs).await) {
            match seen {
                Ok(seen) => observed.push(seen),
                Err(error) => stopped.push((job.desired.name.clone(), error.into())),
            }
        }
        if stopped.is_empty() {
            return Ok(observed);
        }
        Err(Error::Deploy(DeployError { stopped, planned: true }))
    }

    /// On this machine any role will do: functions that have none yet get one that is nobody's.
    pub(super) fn pretend_roles(&self, jobs: &mut [Job], observed: &[Observed]) {
        let role = format!("arn:aws:iam::{ACCOUNT}:role/local");
        for (job, seen) in jobs.iter_mut().zip(observed) {
            if self.local.is_some() && seen.function.is_none() {
                let configuration = &mut job.desired.wanted.configuration;
                configuration.entry("Role").or_insert_with(|| role.clone().into());
            }
        }
    }

    /// Credentials that expire before the deploy is likely to end are said before the first write.
    pub(in crate::cli) async fn must_last(
        &self,
        changes: &[Change],
        shell: &Shell,
    ) -> Result<(), Error> {
        if changes.is_empty() {
            return Ok(());
        }
        let needed = OVERHEAD + Duration::from_secs(bytes(changes) / UPLINK);
        self.lasts(needed, shell).await
    }

    /// The same for something that takes so long.
    pub(super) async fn lasts(&self, needed: Duration, shell: &Shell) -> Result<(), Error> {
        if self.local.is_some() {
            return Ok(());
        }
        let Ok(Some(expiry)) = self.aws.expiry().await else { return Ok(()) };
        #[expect(clippy::disallowed_methods, reason = "credentials end by the clock")]
        let now = SystemTime::now();
        let left = expiry.duration_since(now).unwrap_or_default();
        if left < needed {
            shell.warn(format!(
                "the credentials expire in {} s, and this may take {} s; should they, run the same command again with new ones",
                left.as_secs(),
                needed.as_secs()
            ));
        }
        Ok(())
    }

    /// Asks for the account, where no function there tells it. A plan without it is a plan as well.
    pub(super) async fn learn_account(&mut self, observed: &[Observed]) {
        let is_told = observed.iter().any(|seen| seen.function.is_some());
        if self.local.is_none() && self.account.is_none() && !is_told {
            self.account = self.aws.account().await.ok().filter(|account| !account.is_empty());
        }
    }

    /// Where a policy is for.
    pub(super) fn of_policy(&self) -> policy::Place {
        let (region, account) = (self.aws.region.clone(), self.account.clone());
        policy::Place { region, account, repositories: Vec::new() }
    }

    /// `account 123456789012, eu-west-1`.
    pub(super) fn name(&self, observed: &[Observed]) -> String {
        let arn = observed
            .iter()
            .filter_map(Observed::latest)
            .find_map(|latest| text(latest, "FunctionArn"));
        self.name_by(arn)
    }

    /// `in account …` or `on this machine …`.
    pub(super) fn place(&self, observed: &[Observed]) -> String {
        self.before(&self.name(observed))
    }

    /// The same, by the ARN of something there.
    pub(in crate::cli) fn place_by(&self, arn: Option<&str>) -> String {
        self.before(&self.name_by(arn))
    }

    fn before(&self, name: &str) -> String {
        format!("{} {name}", if self.local.is_some() { "on" } else { "in" })
    }

    /// The same, by the ARN of a function there.
    pub(in crate::cli) fn name_by(&self, arn: Option<&str>) -> String {
        let of_arn = arn.and_then(|arn| arn.split(':').nth(4).map(str::to_owned));
        let region = &self.aws.region;
        match self.account.clone().or(of_arn) {
            _ if self.local.is_some() => format!("this machine, {region}"),
            Some(account) => format!("account {account}, {region}"),
            None => region.clone(),
        }
    }
}

async fn connect(place: &Place, rate: f64, shell: &Shell) -> Result<Aws, AwsError> {
    let talk = shell.apart();
    // A server on this machine has no quota.
    let rate = if place.local.is_some() { 0.0 } else { rate };
    let aws =
        Aws::connect(place, rate, Box::new(move |verb, text| talk.status(verb, text))).await?;
    #[cfg(feature = "registry")]
    let aws = aws.telling(super::super::warner(shell));
    Ok(aws)
}

/// Where the flags lead. Looks for the server on this machine, if that is meant.
pub(in crate::cli) fn place(flags: &args::Place) -> Result<Place, Error> {
    let local = flags.local.then(|| local(flags.port)).transpose()?;
    Ok(Place { local, ..account(&flags.account) })
}

/// Where the flags lead on AWS.
pub(in crate::cli) fn account(flags: &args::Account) -> Place {
    Place {
        profile: flags.aws_profile.clone(),
        region: flags.region.clone(),
        endpoint_url: flags.endpoint_url.clone(),
        local: None,
    }
}

/// Whether a Region is named, before anything is built for it.
pub(super) fn must_have_region(flags: &args::Place, who: &[(&str, &Wanted)]) -> Result<(), Error> {
    if flags.local || pinned(who, "region", |wanted| wanted.region.as_deref())?.is_some() {
        return Ok(());
    }
    let account = account(&flags.account);
    let named = crate::cli::asynchronously(async { account.has_region().await })?;
    if named { Ok(()) } else { Err(no_region()) }
}

fn no_region() -> Error {
    Error::Usage("no Region is named: by `--region`, `region`, AWS_REGION or a profile".to_owned())
}

/// Whether a server of ours listens there.
pub(super) fn listens(port: u16) -> Result<bool, Error> {
    Ok(Client::on(port)?.is_some())
}

/// The server that `local` has started.
fn local(port: u16) -> Result<SocketAddr, Error> {
    match Client::on(port)? {
        Some(_) => Ok((Ipv4Addr::LOCALHOST, port).into()),
        None => Err(Error::Usage(format!(
            "no server listens on port {port} of this machine: start one with `cargo lambda-pack local`, or let `deploy --local --serve` do it"
        ))),
    }
}

/// An error that meets a function before anything is planned.
pub(in crate::cli) fn of_function(name: &str, error: AwsError) -> Error {
    let stopped = vec![(name.to_owned(), Stop::Aws(error))];
    Error::Deploy(DeployError { stopped, planned: true })
}

/// An error that meets all functions alike.
fn all(jobs: &[Job], error: &AwsError) -> Error {
    let one = |job: &Job| (job.desired.name.clone(), Stop::Aws(error.clone()));
    Error::Deploy(DeployError { stopped: jobs.iter().take(1).map(one).collect(), planned: true })
}

/// What all functions that say anything must agree on.
fn pinned(
    who: &[(&str, &Wanted)],
    what: &str,
    of: impl Fn(&Wanted) -> Option<&str>,
) -> Result<Option<String>, Error> {
    let mut found: Option<(&str, &str)> = None;
    for (function, wanted) in who {
        let Some(said) = of(wanted) else { continue };
        match found {
            Some((other, before)) if before != said => {
                return Err(Error::Usage(format!(
                    "`{other}` is for {what} {before} and `{function}` for {said}: name them apart"
                )));
            }
            _ => found = Some((function, said)),
        }
    }
    Ok(found.map(|(_, said)| said.to_owned()))
}
