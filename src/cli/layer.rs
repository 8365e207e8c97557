//! `layer`: what functions share, in which layers, and what that saves; layers on AWS.

mod common;
mod explain;
#[cfg(feature = "aws")]
mod extension;
mod init;
#[cfg(feature = "aws")]
mod list;
mod measure;
#[cfg(feature = "aws")]
pub(super) mod prune;
#[cfg(feature = "aws")]
mod publish;
mod remove;
#[cfg(feature = "aws")]
pub(super) mod scope;
#[cfg(feature = "aws")]
mod versions;

use std::path::Path;

use super::args::{Audit, Build, Global, LayerCommand, LayerPlan};
use super::build::Job;
use super::image::Part;
use super::runs::combine;
use super::split::{self, Decided};
use crate::cargo_manifest::EditError;
use crate::config::{Located, NONE, Node, Origin};
use crate::error::Error;
use crate::function::{Function, Packaging, Role};
use crate::layer::{Layer, Stay};
use crate::message::{Keep, Message, PlannedFunction, PlannedLayer, Table, bytes};
use crate::shell::Shell;
use measure::{Sizes, measure};

pub(super) fn run(command: &LayerCommand, global: &Global, shell: &Shell) -> Result<(), Error> {
    match command {
        LayerCommand::Plan(args) => plan(args, global, shell),
        LayerCommand::Init(args) => init::run(args, global, shell),
        LayerCommand::Remove(args) => remove::run(args, global, shell),
        #[cfg(feature = "aws")]
        LayerCommand::Publish(args) => publish::run(args, global, shell),
        #[cfg(feature = "aws")]
        LayerCommand::List(args) => list::run(args, global, shell),
        #[cfg(feature = "aws")]
        LayerCommand::Prune(args) => prune::run(args, global, shell),
        #[cfg(not(feature = "aws"))]
        LayerCommand::Publish(_) | LayerCommand::List(_) | LayerCommand::Prune(_) => {
            Err(super::without_aws())
        }
    }
}

fn plan(args: &LayerPlan, global: &Global, shell: &Shell) -> Result<(), Error> {
    let mut job = job(&args.build, &args.audit, global, Vec::new(), shell)?;
    let is_zip = |it: &&mut Function| it.packaging == Packaging::Zip && it.role == Role::Function;
    let assumed = !job.plan.functions.iter().any(|function| function.shares);
    for function in job.plan.functions.iter_mut().filter(is_zip).filter(|_| assumed) {
        function.shares = true;
    }
    let parts = built(&job, shell)?;
    let decided = split::decide(&job, &parts, shell)?;
    if let Some(file) = &args.explain {
        return explain::file(&decided, file, shell);
    }
    let sizes = sizes(&args.build, &args.audit, (&job, &decided), global, shell)?;
    if shell.is_json() {
        return record(&decided, &sizes, shell);
    }
    let refused = job.plan.functions.iter().any(|function| {
        let said = job.config.of_handler(&function.handler.package, &function.handler.target);
        said.get("layers.share").is_some_and(|said| said.text() == "never")
    });
    let assumed = assumed.then_some(if refused {
        "`layers = \"auto\"`, where the settings say \"never\""
    } else {
        "`layers = \"auto\"`, which no setting says"
    });
    text(&decided, &sizes, assumed, shell)
}

fn job(
    build: &Build,
    audit: &Audit,
    global: &Global,
    more: Vec<(&'static str, Located)>,
    shell: &Shell,
) -> Result<Job, Error> {
    let flags = build.compile.settings(audit).into_iter().chain(more).collect();
    Job::new(build, flags, global, None, false, shell)
}

/// Builds all of it.
fn built(job: &Job, shell: &Shell) -> Result<Vec<Part>, Error> {
    let (results, failed) = job.run(shell, |function, artifact| {
        Ok(Part { function: function.clone(), artifact: artifact.clone() })
    });
    let (mut parts, mut errors) = (Vec::new(), Vec::new());
    for result in results {
        match result {
            Ok(part) => parts.push(part),
            Err(error) => errors.push(error),
        }
    }
    combine(failed, errors, Ok(()))?;
    Ok(parts)
}

/// Measures what was decided against what the functions are without layers: those that are linked with a
/// shared library are built once more, without it.
fn sizes(
    build: &Build,
    audit: &Audit,
    (job_of, decided): (&Job, &Decided),
    global: &Global,
    shell: &Shell,
) -> Result<Sizes, Error> {
    if !job_of.plan.functions.iter().any(|function| function.compile.dylib.is_some()) {
        return measure(job_of, decided, None, shell);
    }
    let node = Node::Text(NONE.to_owned());
    let flag = Located { node, origin: Origin::Flag("layer plan") };
    let alone = job(build, audit, global, vec![("layers.dylib", flag)], shell)?;
    shell.status("Comparing", "with the same functions without the shared library");
    let parts = built(&alone, shell)?;
    measure(job_of, decided, Some((&alone, &parts)), shell)
}

fn edit(path: &Path, source: EditError) -> Error {
    Error::Edit { path: path.display().to_string(), source: Box::new(source) }
}

fn record(decided: &Decided, sizes: &Sizes, shell: &Shell) -> Result<(), Error> {
    let layers = decided.plan.layers.iter().zip(&decided.names).zip(&sizes.layers);
    let layers = layers.map(|((layer, name), zip)| planned(layer, name, *zip)).collect();
    let mut functions = Vec::new();
    for (member, (whole, split)) in decided.members.iter().zip(&sizes.functions) {
        let function = &member.part.function;
        let arch = function.compile.target.arch;
        let stays = decided.plan.stays.get(&(function.name.to_string(), arch));
        let stays = stays.into_iter().flatten();
        functions.push(PlannedFunction {
            function: function.name.as_str(),
            architecture: arch.aws_name(),
            whole: *whole,
            split: *split,
            layers: names(decided, function),
            stays: stays
                .map(|(path, why)| (path.as_str(), explain::why(*why, decided.min_saving)))
                .collect(),
        });
    }
    let (whole, split) = sizes.total();
    Ok(shell.record(&Message::LayerPlan { layers, functions, whole, split })?)
}

fn planned<'a>(layer: &'a Layer, name: &'a str, zip: u64) -> PlannedLayer<'a> {
    PlannedLayer {
        layer: name,
        architecture: layer.arch.aws_name(),
        kinds: layer.kinds.iter().map(|kind| kind.word()).collect(),
        functions: layer.users.iter().map(String::as_str).collect(),
        files: layer.files.keys().map(String::as_str).collect(),
        unpacked: layer.size(),
        zip,
        saves: layer.saves(),
    }
}

/// The layers of a function, in order.
fn names<'d>(decided: &'d Decided, function: &Function) -> Vec<&'d str> {
    let arch = function.compile.target.arch;
    let all = decided.plan.layers.iter().zip(&decided.names);
    let own =
        all.filter(|(layer, _)| layer.arch == arch && layer.users.contains(function.name.as_str()));
    own.map(|(_, name)| name.as_str()).collect()
}

fn text(
    decided: &Decided,
    sizes: &Sizes,
    assumed: Option<&str>,
    shell: &Shell,
) -> Result<(), Error> {
    let layers = &decided.plan.layers;
    if layers.is_empty() {
        shell.answer(nothing(decided))?;
        return Ok(());
    }
    if let Some(assumed) = assumed.filter(|_| layers.iter().any(|layer| !layer.is_needed())) {
        shell.status("Assuming", assumed);
    }
    let rows = layers.iter().zip(&decided.names).zip(&sizes.layers).map(|((layer, name), zip)| {
        let users: Vec<&str> = layer.users.iter().map(String::as_str).collect();
        vec![name.clone(), bytes(layer.size()), bytes(*zip), bytes(layer.saves()), users.join(", ")]
    });
    let table = Table::new(&["LAYER", "RAW", "ZIP", "SAVES (RAW)", "FUNCTIONS"], rows.collect());
    for line in table.fit(shell.stdout_width(), 4, 16, Keep::Start).lines(&[1, 2, 3]) {
        shell.answer(line)?;
    }
    shell.answer("")?;
    let rows = decided.members.iter().zip(&sizes.functions).map(|(member, (whole, split))| {
        let function = &member.part.function;
        let layers = names(decided, function).len();
        vec![function.name.to_string(), bytes(*whole), bytes(*split), layers.to_string()]
    });
    let table = Table::new(&["FUNCTION", "WHOLE ZIP", "SPLIT ZIP", "LAYERS"], rows.collect());
    for line in table.fit(shell.stdout_width(), 0, 16, Keep::Start).lines(&[1, 2, 3]) {
        shell.answer(line)?;
    }
    shell.answer("")?;
    let (whole, split) = sizes.total();
    shell.answer(compared("all zips, layers too", whole, split))?;
    let (whole, split) = sizes.largest();
    shell.answer(compared(
        "upload for a change of one function's code (the largest)",
        whole,
        split,
    ))?;
    for ((layer, name), zip) in layers.iter().zip(&decided.names).zip(&sizes.layers) {
        let users = decided.members.iter().zip(&sizes.functions).filter(|(it, _)| it.uses(layer));
        let whole: u64 = users.clone().map(|(_, (whole, _))| whole).sum();
        // Whoever is linked with Rust code names the build that it is of.
        let linked = users.filter(|(it, _)| {
            it.part.function.compile.dylib.is_some() && layer.kinds.iter().any(|it| it.is_of_rust())
        });
        let code: Vec<u64> = linked.map(|(_, (_, split))| *split).collect();
        let with = if code.is_empty() { "" } else { ", and of its functions with it" };
        let (what, zip) =
            (format!("upload for a change of {name}{with}"), *zip + code.iter().sum::<u64>());
        if layer.is_needed() {
            shell.answer(format!("{what}: {}", bytes(zip)))?;
        } else {
            shell.answer(compared(&what, whole, zip))?;
        }
    }
    Ok(())
}

fn compared(what: &str, whole: u64, split: u64) -> String {
    let percent = split.saturating_mul(100).checked_div(whole).unwrap_or(100);
    format!("{what}: {} instead of {} ({percent} %)", bytes(split), bytes(whole))
}

/// That there is no layer, with the best that there could have been.
fn nothing(decided: &Decided) -> String {
    let stays = decided.plan.stays.values().flatten();
    let best = stays.filter_map(|(path, why)| match why {
        Stay::TooSmall { users, saves } | Stay::NoSlot { users, saves } => {
            Some((*saves, *users, path))
        }
        Stay::Unasked | Stay::Alone => None,
    });
    match best.max() {
        Some((saves, users, path)) => format!(
            "no layer is worth it: the best, with {path}, would save {} over {users} functions, less than `layers.min-saving` ({})",
            bytes(saves),
            bytes(decided.min_saving)
        ),
        None => "no layer is worth it: no two functions share a library, and none has assets or extensions"
            .to_owned(),
    }
}
