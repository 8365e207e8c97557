//! `release`: shifts of traffic that are under way, whoever began them.

mod appspec;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::args::{Global, ReleaseCommand, Shifts};
use super::deploy::session::{self, Session};
use super::releases::AT_ONCE;
use super::remote::{Named, Scope, not_there, there};
use super::shift;
use crate::aws::{AwsError, Progress, Stop, Turn};
use crate::error::{DeployError, Error, MoveError, RemoteError};
use crate::message::{Message, Table};
use crate::nearest;
use crate::release::Object;
use crate::release::content::text;
use crate::release::marker::Stale;
use crate::release::observed::{shares, weights};
use crate::release::shift::course::Why;
use crate::release::shift::{Move, Shifting, under_way};
use crate::shell::Shell;

pub(super) fn run(command: &ReleaseCommand, global: &Global, shell: &Shell) -> Result<(), Error> {
    let args = match command {
        ReleaseCommand::Appspec(args) => return appspec::run(args, global, shell),
        ReleaseCommand::Status(args) | ReleaseCommand::Abort(args) => args,
        ReleaseCommand::Resume(resume) => &resume.shifts,
    };
    let place = session::place(&args.place)?;
    let goes_on = matches!(command, ReleaseCommand::Resume(_));
    let mut scope = match Scope::named(&args.functions, &args.manifest, global, shell) {
        // To look and to take traffic back no settings are needed, whatever is wrong with them.
        Err(error) if !goes_on && !args.functions.is_empty() => {
            shell.warn(format!("the settings cannot be read, and are not needed here: {error}"));
            Scope::without_settings(&args.functions)
        }
        scope => scope?,
    };
    if let (ReleaseCommand::Resume(_), Some(root)) = (command, scope.root.clone()) {
        let known = scope.functions.iter_mut().flat_map(|Named { name, known }| {
            known.iter_mut().map(|(_, wanted)| (name.as_str(), wanted))
        });
        shift::read_probes(&root, known)?;
    }
    super::asynchronously(async {
        let session = scope.connect(place, "look at", shell).await?;
        let Found { all, unseen, others, missing } = found(&session, &scope, args, goes_on).await;
        for line in others {
            shell.warn(line);
        }
        if all.is_empty() && unseen.is_empty() {
            if missing.is_empty() {
                shell.status("Nothing", "shifts any traffic");
            }
            return there(&missing);
        }
        if let ReleaseCommand::Resume(resume) = command
            && !resume.unwatched
        {
            watched(&scope, all.iter().map(|(plan, _)| plan))?;
        }
        let is_whole = unseen.is_empty() && missing.is_empty();
        let done = match command {
            ReleaseCommand::Abort(_) => abort(&session, &moves(all), unseen, shell).await,
            // They go over together.
            ReleaseCommand::Resume(_) if is_whole || args.keep_going => {
                resume(&session, &moves(all), args, shell).await.and(seen(unseen))
            }
            ReleaseCommand::Resume(_) => seen(unseen),
            _ => status(&all, shell).and(seen(unseen)),
        };
        if done.is_err() {
            for line in &missing {
                shell.warn(line);
            }
        }
        done.and_then(|()| there(&missing))
    })?
}

/// What was looked for.
#[derive(Default)]
struct Found {
    /// The shifts that stand on aliases.
    all: Vec<(Move, Shifting)>,
    unseen: Unseen,
    /// What else splits traffic, or says so and does not, a line for each.
    others: Vec<String>,
    /// What was named and is not there, a line for each.
    missing: Vec<String>,
}

/// What there is of one function.
struct Seen {
    shifts: Vec<(Move, Shifting)>,
    others: Vec<String>,
    exists: bool,
    aliases: Vec<String>,
}

/// Functions that could not be looked at.
type Unseen = Vec<(String, AwsError)>;

fn seen(unseen: Unseen) -> Result<(), Error> {
    if unseen.is_empty() {
        return Ok(());
    }
    Err(RemoteError { verb: "look at", stopped: unseen }.into())
}

/// The shifts of all functions that can be looked at. `goes_on`: whether both versions must be there for it.
async fn found(session: &Session, scope: &Scope, args: &Shifts, goes_on: bool) -> Found {
    let look = async |named| (named, of_function(session, named, args, goes_on).await);
    let mut looked = stream::iter(&scope.functions).map(look).buffered(AT_ONCE);
    let (mut found, mut there) = (Found::default(), Vec::new());
    while let Some((named, seen)) = looked.next().await {
        match seen {
            Ok(mut seen) => {
                found.all.append(&mut seen.shifts);
                found.others.append(&mut seen.others);
                there.push((named.name.as_str(), seen));
            }
            Err(error) => found.unseen.push((named.name.clone(), error)),
        }
    }
    let is_seen = found.unseen.is_empty();
    found.missing = missing(&there, args, is_seen, |name| scope.suggestion(name));
    found
}

/// What was named and is not there, in words. Of functions that nobody has named one is to have the alias;
/// `is_seen`: whether all could be looked at. `meant`: which function may have been.
fn missing(
    there: &[(&str, Seen)],
    args: &Shifts,
    is_seen: bool,
    meant: impl Fn(&str) -> String,
) -> Vec<String> {
    let line = |what: String, meant: String| not_there(what, &meant);
    let is_named = |name: &str| args.functions.iter().any(|named| named == name);
    let named = there.iter().filter(|(name, _)| is_named(name));
    let (here, gone): (Vec<_>, Vec<_>) = named.partition(|(_, seen)| seen.exists);
    let gone = gone.into_iter().map(|(name, _)| line(format!("`{name}`"), meant(name)));
    let mut all: Vec<String> = gone.collect();
    let Some(alias) = &args.alias else { return all };
    let lacks = |seen: &Seen| !seen.aliases.contains(alias);
    let known =
        |seen: &'_ Seen| nearest::suggestion(alias, seen.aliases.iter().map(String::as_str));
    let lacking = here.into_iter().filter(|(_, seen)| lacks(seen));
    all.extend(
        lacking.map(|(name, seen)| line(format!("alias `{alias}` of `{name}`"), known(seen))),
    );
    if args.functions.is_empty() && is_seen && there.iter().all(|(_, seen)| lacks(seen)) {
        let aliases = there.iter().flat_map(|(_, seen)| &seen.aliases).map(String::as_str);
        all.push(line(format!("alias `{alias}`"), nearest::suggestion(alias, aliases)));
    }
    all
}

async fn of_function(
    session: &Session,
    named: &Named,
    args: &Shifts,
    goes_on: bool,
) -> Result<Seen, AwsError> {
    let wanted =
        |alias: &Object| args.alias.as_deref().is_none_or(|name| text(alias, "Name") == Some(name));
    let (mut shifts, mut others) = (Vec::new(), Vec::new());
    let aliases = session.aws.aliases(&named.name).await?;
    // Whoever has an alias is there; of those that nobody has named it does not matter.
    let is_asked = aliases.is_empty() && args.functions.contains(&named.name);
    let exists = !is_asked || session.aws.released(&named.name, false).await?.exists;
    for alias in aliases.iter().filter(|alias| wanted(alias)) {
        let Some((marker, shift)) = under_way(alias) else {
            others.extend(of_others(alias).map(|line| format!("{}: {line}", named.name)));
            continue;
        };
        let old = marker.prev.clone().unwrap_or_default();
        let (old, new) = match session.aws.digests(&named.name, (&old, &shift.new)).await {
            // Traffic goes back whatever the marker says then.
            Err(_) if !goes_on => <_>::default(),
            digests => digests?,
        };
        let watch = named.known.first().map(|(_, wanted)| wanted.watch.clone());
        let whose = (named.name.as_str(), alias);
        let plan = Move::resume(whose, watch.unwrap_or_default(), (&old, &new));
        if plan.as_ref().is_some_and(|plan| plan.stands(alias).is_none()) {
            others.push(format!("{}: {}", named.name, of_other_weights(alias, &shift)));
        }
        shifts.extend(plan.map(|plan| (plan, shift)));
    }
    let aliases = aliases.iter().filter_map(|alias| text(alias, "Name"));
    Ok(Seen { shifts, others, exists, aliases: aliases.map(str::to_owned).collect() })
}

/// The weights of an alias that are not those of its shift, in words.
fn of_other_weights(alias: &Object, shift: &Shifting) -> String {
    let name = text(alias, "Name").unwrap_or_default();
    format!(
        "alias {name} sends {} by now, which step {} of its shift does not: `release resume` or `abort` takes it back",
        shares(&weights(alias)),
        shift.step
    )
}

/// What an alias without a shift of ours still has of one, or of somebody else's.
fn of_others(alias: &Object) -> Option<String> {
    if let Some(stale) = Stale::of(alias).filter(|stale| stale.marker.shift.is_some()) {
        return Some(format!("{stale}; no shift is under way"));
    }
    let all = weights(alias);
    (!all.is_empty()).then(|| {
        let name = text(alias, "Name").unwrap_or_default();
        let all = shares(&all);
        format!("alias {name} sends {all} by no shift of this program: `--clear-weights` of `deploy` or `rollback` takes that off")
    })
}

/// Refuses shifts of functions whose settings are not found: nobody would know what is to be watched.
fn watched<'a>(scope: &Scope, mut moves: impl Iterator<Item = &'a Move>) -> Result<(), Error> {
    let is_set = |plan: &Move| {
        scope.functions.iter().any(|it| it.name == plan.function && !it.known.is_empty())
    };
    let Some(plan) = moves.find(|plan| !is_set(plan)) else { return Ok(()) };
    Err(Error::Usage(format!(
        "`{}`: its settings are not found, and nothing would be watched while its traffic goes to version {}: name its \
         workspace by `--manifest-path`, or go on with `--unwatched`",
        plan.function, plan.to
    )))
}

fn moves(all: Vec<(Move, Shifting)>) -> Vec<Move> {
    all.into_iter().map(|(plan, _)| plan).collect()
}

fn status(all: &[(Move, Shifting)], shell: &Shell) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (plan, shift) in all {
        let left = plan.left(shift, crate::aws::now_s());
        if shell.is_json() {
            let event = ("under-way", false);
            let record = shift::record(plan, event, Some(shift), (left, None), None);
            shell.record(&Message::Shift(&record))?;
            continue;
        }
        let percent = plan.strategy.stage(shift.step).map(|stage| stage.percent.to_string());
        rows.push(vec![
            plan.function.clone(),
            plan.alias.clone(),
            format!("{} → {}", plan.from, plan.to),
            percent.unwrap_or_default(),
            format!("{} of {}", shift.step, plan.strategy.stages().count()),
            if left > 0 { shift::time(left) } else { "over".to_owned() },
            plan.strategy.to_string(),
        ]);
    }
    if !shell.is_json() {
        let header = &["FUNCTION", "ALIAS", "VERSIONS", "TRAFFIC", "STEP", "LEFT", "STRATEGY"];
        for line in Table::new(header, rows).lines(&[3]) {
            shell.answer(line)?;
        }
    }
    Ok(())
}

async fn resume(
    session: &Session,
    moves: &[Move],
    args: &Shifts,
    shell: &Shell,
) -> Result<(), Error> {
    let refused = session.aws.refuse_shift(moves).await;
    let stopped = of_moves(moves, refused);
    if !stopped.is_empty() {
        return Err(failed(stopped, true));
    }
    let stops = shift::run(&session.aws, moves, args.keep_going, shell).await?;
    settled(of_moves(moves, stops))
}

/// Takes back what can be, and says what cannot.
async fn abort(
    session: &Session,
    moves: &[Move],
    unseen: Unseen,
    shell: &Shell,
) -> Result<(), Error> {
    let why = Why::Asked("`release abort`");
    let one = async |plan: &Move| {
        let stop = session.aws.take_back(plan, None, (&why, true)).await.err();
        if stop.is_none() {
            let turn = Turn::Back(&why);
            let progress = Progress { plan, turn, shift: None, left: 0, counts: None };
            shift::tell(&progress, false, shell)?;
        }
        Ok::<_, Error>(stop)
    };
    let stops = futures_util::future::try_join_all(moves.iter().map(one)).await?;
    let unseen = unseen.into_iter().map(|(function, error)| (function, error.into()));
    let stopped: Vec<_> = of_moves(moves, stops).into_iter().chain(unseen).collect();
    if stopped.is_empty() {
        return Ok(());
    }
    let of = DeployError { stopped, planned: false };
    Err(MoveError { verb: "take back the traffic of", things: "functions", of }.into())
}

fn of_moves(moves: &[Move], stops: Vec<Option<Stop>>) -> Vec<(String, Stop)> {
    let all = moves.iter().zip(stops);
    all.filter_map(|(plan, stop)| Some((plan.function.clone(), stop?))).collect()
}

fn settled(stopped: Vec<(String, Stop)>) -> Result<(), Error> {
    if stopped.is_empty() { Ok(()) } else { Err(failed(stopped, false)) }
}

fn failed(stopped: Vec<(String, Stop)>, planned: bool) -> Error {
    let of = DeployError { stopped, planned };
    MoveError { verb: "shift", things: "functions", of }.into()
}
