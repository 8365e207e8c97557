//! `layer publish`: the layers of functions, and extensions by themselves, without the functions.
//!
//! Each is a job of a deploy that wants layers alone: what is looked for, sent and published, and what a
//! lost answer or another deploy does to it, is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use super::extension;
use crate::aws::{Job, Options, Outcome};
use crate::cli::args::{Global, LayerPublish};
use crate::cli::deploy::layers::Packaged;
use crate::cli::deploy::session::{self, Session};
use crate::cli::deploy::{self, bundle, jobs};
use crate::cli::facts::Facts;
use crate::cli::groups::functions;
use crate::cli::prepare::Machines;
use crate::cli::{configuration, locked, split};
use crate::error::{Error, MoveError};
use crate::function::{Function, Packaging, Role};
use crate::message::{Keep, Message, PublishedLayer, Table, bytes};
use crate::nearest;
use crate::plan;
use crate::release::change::Change;
use crate::release::desired::Desired;
use crate::release::predict::unfold;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

/// How many changes are made at once, as `deploy` does it by default.
const AT_ONCE: usize = 8;

/// What is to be published.
struct Wish {
    layers: Vec<Packaged>,
    jobs: Vec<Job>,
    /// What the settings say of account and Region.
    who: Vec<(String, Wanted)>,
}

/// What became of a layer, or would.
struct End<'a> {
    layer: &'a Packaged,
    state: &'static str,
    arn: Option<String>,
    changes: Vec<&'static str>,
    stopped: Option<String>,
}

pub(super) fn run(args: &LayerPublish, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let wish = wish(args, global, shell)?;
    let Some(first) = wish.jobs.first().map(|job| job.desired.name.as_str()) else {
        shell.status("Unchanged", "nothing that is selected has a layer");
        return Ok(());
    };
    crate::cli::asynchronously(async {
        let who: Vec<(&str, &Wanted)> =
            wish.who.iter().map(|(name, wanted)| (name.as_str(), wanted)).collect();
        let failed = |error| of_layers(session::of_function(first, error));
        let session = Session::to(place, args.rate, &who, failed, shell).await?;
        let observed = session.observe(&wish.jobs).await.map_err(of_layers)?;
        let pairs = deploy::pairs(&wish.jobs, &observed);
        let (changes, _) = unfold(&pairs);
        if args.dry_run {
            let ends = pairs.iter().zip(&wish.layers).map(|((desired, seen), layer)| {
                let arn = seen.layers.versions.get(&desired.name).cloned();
                planned(layer, arn, &changes)
            });
            return answer(&ends.collect::<Vec<_>>(), &session, shell);
        }
        bundle::intact(&wish.jobs, &changes)?;
        session.must_last(&changes, shell).await?;
        let options = Options {
            concurrency: AT_ONCE,
            // One layer has nothing to do with another.
            keep_going: true,
            patience: Duration::ZERO,
            new_role: Duration::ZERO,
        };
        let outcomes = deploy::deploy(&session.aws, &wish.jobs, observed, &options, shell)
            .await
            .map_err(of_layers)?;
        let ends: Vec<End<'_>> = wish
            .layers
            .iter()
            .zip(&outcomes)
            .map(|(layer, outcome)| ended(layer, outcome))
            .collect();
        answer(&ends, &session, shell)?;
        deploy::settle(outcomes).map_err(of_layers)
    })?
}

/// What a deploy says of its functions is said of layers here.
fn of_layers(error: Error) -> Error {
    match error {
        Error::Deploy(of) => MoveError { verb: "publish", things: "layers", of }.into(),
        other => other,
    }
}

/// Packages what is selected, or takes it from where it was packaged.
fn wish(args: &LayerPublish, global: &Global, shell: &Shell) -> Result<Wish, Error> {
    let facts = Facts::gather(args.build.cargo_options(global), true)?;
    let flags = args.build.compile.settings(&args.audit);
    let config = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(&facts, shell).default_target();
    let all = functions(&facts, &args.build.selection(), &config, target)?.functions;
    let whole = all.len();
    let selected = selected(all, &args.functions, shell)?;
    let wanted = jobs::wanted(&config, &selected)?;
    let base = if let Some(folder) = &args.from {
        jobs::given(folder)?.to_path_buf()
    } else {
        let all: Vec<&Function> = selected.iter().collect();
        let named = selected.len() < whole;
        jobs::package(&args.build, &args.audit, (&all, named), global, shell)?;
        plan::output(&facts.target, None, false).base
    };
    let lock = locked::read(facts.metadata.workspace_root.as_std_path())?;
    let (said, _) = config.layer_rules();
    let prefix = said.or(lock.prefix).unwrap_or_else(|| split::prefix(&facts.metadata));
    let mut wish = Wish { layers: Vec::new(), jobs: Vec::new(), who: Vec::new() };
    let pairs = || selected.iter().zip(&wanted);
    for (function, wanted) in pairs().filter(|(it, _)| it.role == Role::Function) {
        for layer in bundle::packaged(&base, function)?.layers {
            wish.add(layer, wanted, args.place.local)?;
        }
    }
    let mut alone = Vec::new();
    for (function, wanted) in pairs().filter(|(it, _)| it.role != Role::Function) {
        let own = extension::Own::read(&base, function)?;
        if !wish.layers.iter().any(|layer| own.is_in(&layer.record)) {
            alone.push((own, wanted));
        }
    }
    let names = extension::names(alone.iter().map(|(own, _)| own), &prefix, &lock.layers);
    for ((own, wanted), name) in alone.into_iter().zip(names) {
        wish.add(own.layer(name), wanted, args.place.local)?;
    }
    wish.who = selected.iter().map(|it| it.name.to_string()).zip(wanted).collect();
    Ok(wish)
}

/// What has a zip, of what was named.
fn selected(all: Vec<Function>, names: &[String], shell: &Shell) -> Result<Vec<Function>, Error> {
    for name in names {
        if !all.iter().any(|function| function.name.as_str() == name) {
            let known = all.iter().map(|function| function.name.as_str());
            let known = nearest::suggestion(name, known);
            return Err(Error::Usage(format!("no function `{name}` is selected: {known}")));
        }
    }
    let is_meant =
        |it: &Function| names.is_empty() || names.iter().any(|name| name == it.name.as_str());
    let (zips, images): (Vec<Function>, Vec<Function>) = all
        .into_iter()
        .filter(is_meant)
        .partition(|it| it.packaging == Packaging::Zip || it.role != Role::Function);
    let images: BTreeSet<&str> = images.iter().map(|it| it.name.as_str()).collect();
    if !images.is_empty() {
        let names: Vec<&str> = images.into_iter().collect();
        shell.detail("Skipping", format!("{}: images have no layers", names.join(", ")));
    }
    if zips.is_empty() {
        return Err(Error::Usage("no function with layers is selected".to_owned()));
    }
    Ok(zips)
}

impl Wish {
    fn add(&mut self, layer: Packaged, wanted: &Wanted, local: bool) -> Result<(), Error> {
        let record = &layer.record;
        let same = |other: &&Packaged| other.record.layer == record.layer;
        if let Some(there) = self.layers.iter().find(same) {
            if there.record.code_sha256 == record.code_sha256 {
                return Ok(());
            }
            return Err(Error::Usage(format!(
                "two layers would be called {}: {} and {}; `package` all of it again",
                record.layer,
                shown(&there.zip),
                shown(&layer.zip)
            )));
        }
        let what = format!("zip of the layer {}", record.layer);
        let source = jobs::zip_source(&what, wanted, (&record.code_sha256, record.size), local)?;
        let desired = Desired {
            name: record.layer.clone(),
            layers: Some(vec![layer.desired(source)]),
            only_layers: true,
            ..Desired::default()
        };
        let layers = BTreeMap::from([(record.layer.clone(), layer.zip.clone())]);
        self.jobs.push(Job { desired, code: layer.zip.clone(), layers });
        self.layers.push(layer);
        Ok(())
    }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn planned<'a>(layer: &'a Packaged, arn: Option<String>, changes: &[Change]) -> End<'a> {
    let own = changes.iter().filter(|change| change.function == layer.record.layer);
    let state = if arn.is_some() { "there" } else { "to-publish" };
    let changes = own.map(|change| change.action.operation()).collect();
    End { layer, state, arn, changes, stopped: None }
}

fn ended<'a>(layer: &'a Packaged, outcome: &Outcome) -> End<'a> {
    let observed = outcome.observed.as_ref();
    let arn = observed.and_then(|seen| seen.layers.versions.get(&layer.record.layer).cloned());
    let changes: Vec<_> = outcome.changes.iter().map(|change| change.action.operation()).collect();
    let state = match (&outcome.stopped, changes.contains(&"PublishLayerVersion")) {
        (Some(_), _) => "stopped",
        (None, true) => "published",
        (None, false) => "there",
    };
    End { layer, state, arn, changes, stopped: outcome.stopped.as_ref().map(ToString::to_string) }
}

/// A row or a record for each layer, the ARN below its row, whole.
fn answer(ends: &[End<'_>], session: &Session, shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        for end in ends {
            shell.record(&Message::PublishedLayer(&record(end)))?;
        }
        return Ok(());
    }
    let row = |end: &End<'_>| {
        let record = &end.layer.record;
        let functions = record.functions.join(", ");
        vec![record.layer.clone(), end.state.replace('-', " "), bytes(record.size), functions]
    };
    let table = Table::new(&["LAYER", "STATE", "ZIP", "FUNCTIONS"], ends.iter().map(row).collect());
    let lines = table.fit(shell.stdout_width(), 3, 12, Keep::Start).lines(&[2]);
    let arns = std::iter::once(None).chain(ends.iter().map(|end| end.arn.as_deref()));
    for (line, arn) in lines.iter().zip(arns) {
        shell.answer(line)?;
        if let Some(arn) = arn {
            shell.answer(format_args!("  {}", crate::message::clean(arn)))?;
        }
    }
    let arn = ends.iter().find_map(|end| end.arn.as_deref());
    let place = session.place_by(arn);
    let count = |state: &str| ends.iter().filter(|end| end.state == state).count();
    match (count("to-publish"), count("published"), count("stopped")) {
        (_, _, 1..) => {}
        (0, 0, _) => shell.status("Unchanged", place),
        (0, published, _) => shell.status("Published", format!("{published} {place}")),
        (planned, _, _) => shell.status("To publish", format!("{planned} {place}")),
    }
    Ok(())
}

fn record<'a>(end: &'a End<'_>) -> PublishedLayer<'a> {
    let record = &end.layer.record;
    PublishedLayer {
        layer: &record.layer,
        architecture: &record.architecture,
        state: end.state,
        arn: end.arn.as_deref(),
        tree: &record.tree,
        code_sha256: &record.code_sha256,
        size: record.size,
        functions: record.functions.iter().map(String::as_str).collect(),
        changes: end.changes.clone(),
        stopped: end.stopped.clone(),
    }
}
