//! `plan` and `deploy`: what is selected, made to be on AWS.

mod actions;
mod begun;
pub(super) mod bundle;
pub(super) mod checks;
pub(super) mod image;
pub(super) mod jobs;
pub(super) mod layers;
mod report;
pub(super) mod repositories;
pub(super) mod session;
pub(super) mod shift;
pub(super) mod show;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;

use super::args::{Deploy, Global, Plan, Release};
use super::interrupt::{Interrupt, unless_twice};
use crate::aws::{Aws, Event, Job, Options, Outcome, Place, Stop};
use crate::error::{DeployError, Error};
use crate::release::change::{Action, Change};
use crate::release::next::Next;
use crate::release::observed::Observed;
use crate::release::policy;
use crate::release::predict::unfold;
use crate::shell::Shell;
use session::Session;

/// For how long a role that was just made may not be known everywhere.
const NEW_ROLE: Duration = Duration::from_mins(1);

pub(super) fn plan(args: &Plan, global: &Global, shell: &Shell) -> Result<(), Error> {
    let changes = dry_run(&args.release, args.iam_policy, global, shell)?;
    if args.exit_code && changes > 0 { Err(Error::Changes(changes)) } else { Ok(()) }
}

pub(super) fn run(args: &Deploy, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.dry_run {
        return dry_run(&args.release, false, global, shell).map(drop);
    }
    let release = &args.release;
    if args.serve && !session::listens(release.place.port)? {
        return serve(release, global, shell);
    }
    let place = session::place(&release.place)?;
    let jobs = jobs::jobs(release, global, shell)?;
    release_all(release, place, jobs, shell)
}

/// The same on a server that is started for it, and stays until Ctrl-C.
fn serve(release: &Release, global: &Global, shell: &Shell) -> Result<(), Error> {
    let jobs = jobs::jobs(release, global, shell)?;
    let options = super::server::options(release.place.port, global)?;
    let (talk, _all_said) = super::local::talk(global);
    super::server::beside(options, talk, |server| {
        let address = server.address;
        let place = Place { local: Some(address), ..Place::default() };
        release_all(release, place, jobs, shell)?;
        super::asynchronously(async {
            let mut interrupt = Interrupt::listen()?;
            shell.status("Serving", format!("on http://{address}; Ctrl-C ends it"));
            interrupt.next().await;
            Ok(())
        })?
    })
}

/// Makes AWS what it should be, and says what became of each function.
fn release_all(
    release: &Release,
    place: Place,
    mut jobs: Vec<Job>,
    shell: &Shell,
) -> Result<(), Error> {
    super::asynchronously(async {
        let session = Session::open(release, place, &jobs, shell).await?;
        let missing = session.name_registries(&mut jobs, &release.ecr, shell).await?;
        let observed = session.observe(&jobs).await?;
        session.pretend_roles(&mut jobs, &observed);
        session.warn_of_repositories((&jobs, &missing), &release.ecr, shell).await;
        let (changes, end) = unfold(&pairs(&jobs, &observed));
        refuse(release, end)?;
        bundle::intact(&jobs, &changes)?;
        session.must_last(&changes, shell).await?;
        let options = Options {
            concurrency: release.concurrency.get(),
            keep_going: release.build.compile.keep_going,
            patience: release.wait.into(),
            new_role: if release.create_role { NEW_ROLE } else { Duration::ZERO },
        };
        let both = jobs.iter().map(|job| &job.desired).zip(&observed);
        begun::say(both, &changes, shell);
        shift::hold(&mut jobs, &observed);
        shift::before(&session, (&jobs, &observed), &changes, (&options, shell)).await?;
        session.make_repositories((&jobs, &missing), &release.ecr, shell).await?;
        let outcomes = deploy(&session.aws, &jobs, observed, &options, shell).await?;
        let outcomes = shift::go_on(&session, jobs.clone(), outcomes, &options, shell).await?;
        report::answer(&session, &jobs, &outcomes, shell)?;
        actions::write(&outcomes)?;
        settle(outcomes)
    })?
}

/// How many changes there are, after they were shown, or the policy that they need.
fn dry_run(
    release: &Release,
    iam_policy: bool,
    global: &Global,
    shell: &Shell,
) -> Result<usize, Error> {
    let place = session::place(&release.place)?;
    let mut jobs = jobs::jobs(release, global, shell)?;
    super::asynchronously(async {
        let mut session = Session::open(release, place, &jobs, shell).await?;
        let missing = session.name_registries(&mut jobs, &release.ecr, shell).await?;
        let observed = session.observe(&jobs).await?;
        session.learn_account(&observed).await;
        session.pretend_roles(&mut jobs, &observed);
        session.warn_of_repositories((&jobs, &missing), &release.ecr, shell).await;
        let all = pairs(&jobs, &observed);
        let (changes, end) = unfold(&all);
        if iam_policy {
            let place = policy::Place { repositories: missing, ..session.of_policy() };
            show::policy(&policy::policy(&all, &changes, &place), shell)?;
        } else {
            for name in missing {
                shell.status(
                    "To create",
                    format!("the repository {name}, before anything is pushed"),
                );
            }
            begun::say(all.iter().map(|(desired, seen)| (desired, seen)), &changes, shell);
            show::plan(&session, &all, (&changes, &end.refused), shell)?;
        }
        refuse(release, end)?;
        Ok(changes.len())
    })?
}

pub(super) fn pairs(
    jobs: &[Job],
    observed: &[Observed],
) -> Vec<(crate::release::desired::Desired, Observed)> {
    jobs.iter().zip(observed).map(|(job, seen)| (job.desired.clone(), seen.clone())).collect()
}

/// What would be refused stops everything before the first call, unless the others are to go on.
fn refuse(release: &Release, end: Next) -> Result<(), Error> {
    if end.refused.is_empty() || release.build.compile.keep_going {
        return Ok(());
    }
    let stops = end.refused.into_iter().map(|(function, why)| (function, Stop::Refused(why)));
    Err(Error::Deploy(DeployError { stopped: stops.collect(), planned: true }))
}

/// Makes all changes. Of what was ended at once it is not known how far it came.
pub(super) async fn deploy(
    aws: &Aws,
    jobs: &[Job],
    observed: Vec<Observed>,
    options: &Options,
    shell: &Shell,
) -> Result<Vec<Outcome>, Error> {
    let (stop, interrupted) = watch::channel(None);
    let waits = RefCell::new(BTreeSet::new());
    shell.start_rows(jobs.len());
    let talk = |event: Event<'_>| talk(&event, &waits, shell);
    let deploying = aws.deploy(jobs, observed, options, interrupted, &talk);
    let outcomes = unless_twice(deploying, &stop, |again| stopping(again, shell)).await;
    shell.end_rows();
    aws.abandon_uploads().await;
    let asked = *stop.borrow();
    let mut outcomes = outcomes?.unwrap_or_else(|code| {
        let ended = |job: &Job| {
            let (function, stopped) = (job.desired.name.clone(), Some(Stop::Interrupted(code)));
            Outcome { function, observed: None, changes: Vec::new(), stopped }
        };
        jobs.iter().map(ended).collect()
    });
    if let Some(code) = asked {
        shift::not_begun(jobs, &mut outcomes, &Stop::Interrupted(code));
    }
    Ok(outcomes)
}

/// What the first signal does; `again`: what ends at once.
pub(super) fn stopping(again: &str, shell: &Shell) {
    shell.status("Stopping", format!("when what is under way has ended; {again} ends at once"));
}

pub(super) fn talk(event: &Event<'_>, waits: &RefCell<BTreeSet<String>>, shell: &Shell) {
    match event {
        Event::Begins(change) => {
            let (verb, text) = show::begins(change);
            shell.row(&change.function, verb, text, true);
        }
        Event::Made(change) => {
            let (_, text) = show::begins(change);
            shell.rest(&change.function, "Done", text);
        }
        Event::Checked { function, checked, unseen } => {
            show::checks::passed(function, checked, unseen, shell);
        }
        Event::Waits { function, what } => {
            let new = waits.borrow_mut().insert(format!("{function}: {what}"));
            shell.row(
                function,
                "Waiting",
                format!("{function}: {what}"),
                new && shell.is_verbose(),
            );
        }
        Event::Stops { function, why } => {
            shell.rest(function, "Stopped", function);
            shell.warn(format!("{function}: {why}"));
            if let Stop::CheckFailed(failed) = why {
                show::checks::failed(function, failed, shell);
            }
        }
    }
}

/// Whatever did not become what it should be is the error of the whole.
pub(super) fn settle(outcomes: Vec<Outcome>) -> Result<(), Error> {
    let stopped: Vec<(String, Stop)> = outcomes
        .into_iter()
        .filter_map(|outcome| Some((outcome.function, outcome.stopped?)))
        .collect();
    if stopped.is_empty() {
        return Ok(());
    }
    Err(Error::Deploy(DeployError { stopped, planned: false }))
}

/// How many bytes changes send: an image that functions share goes to a registry once.
fn bytes(changes: &[Change]) -> u64 {
    let mut pushed = BTreeSet::new();
    let mut all = 0;
    for change in changes {
        if let Action::Push { uri, .. } = &change.action {
            let host = uri.split('/').next().unwrap_or_default();
            if !pushed.insert((host, uri.rsplit('@').next().unwrap_or_default())) {
                continue;
            }
        }
        all += crate::release::describe::bytes(change);
    }
    all
}
