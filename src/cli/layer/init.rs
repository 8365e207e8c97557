//! `layer init`: the crates that functions have in common become one shared library.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use cargo_metadata::{Metadata, Package};

use super::common::{Left, Uses};
use super::edit;
use super::measure::Sizes;
use crate::cargo;
use crate::cli::args::{Global, LayerInit};
use crate::cli::changes::Changes;
use crate::cli::facts::Facts;
use crate::cli::groups::functions;
use crate::cli::prepare::Machines;
use crate::cli::{configuration, split};
use crate::crate_name;
use crate::dylib::{self, Common};
use crate::error::Error;
use crate::function::{Function, Role};
use crate::message::{Keep, LeftOut, Message, Shared, SharedCrate, Table};
use crate::plan;
use crate::shell::Shell;

pub(super) fn run(args: &LayerInit, global: &Global, shell: &Shell) -> Result<(), Error> {
    let facts = Facts::gather(args.build.cargo_options(global), true)?;
    let flags = args.build.compile.settings(&args.audit);
    let config = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(&facts, shell).default_target();
    let chosen = functions(&facts, &args.build.selection(), &config, target)?;
    let (mut all, options) = (chosen.functions, chosen.options?);
    let facts = Facts { options, ..facts };
    all.retain(|function| function.role == Role::Function);
    if let Some(name) = all.iter().find_map(|function| function.compile.dylib.as_ref()) {
        let what =
            format!("functions are linked with `{name}` already; `layer remove` takes it back");
        return Err(Error::Usage(what));
    }
    let handlers = plan::handlers(&facts.metadata, &config);
    let members = members(&facts.metadata, &all, &handlers);
    let resolved = cargo::resolved(&facts.options)?;
    check_name(&args.name, &resolved)?;
    let functions = members
        .values()
        .flat_map(|(package, bins)| bins.values().map(|name| (name.clone(), *package)));
    let uses = Uses::of(&resolved, functions);
    let common = dylib::common(&uses.fit);
    let left = uses.left_out(&common);
    if common.is_empty() && !shell.is_json() {
        say_left(&left, shell)?;
        shell.answer("nothing to share: no two functions use the same version of a crate")?;
        return Ok(());
    }
    if common.is_empty() {
        return record(args, (&common, &left), (Vec::new(), false), None, shell);
    }
    let changes = changes(&facts.metadata, &members, &common, &args.name)?;
    if !shell.is_json() {
        show(&common, shell)?;
        say_left(&left, shell)?;
        shell.answer("")?;
        changes.show(shell)?;
    }
    let sizes = match args {
        LayerInit { dry_run: true, .. } => None,
        LayerInit { force: true, .. } => {
            changes.keep(&facts, || Ok(((), true)))?;
            None
        }
        _ => Some(changes.keep(&facts, || measured(args, global, shell))?),
    };
    let kept = !args.dry_run && sizes.as_ref().is_none_or(is_worth);
    if shell.is_json() {
        let written = (changes.names(), kept);
        return record(args, (&common, &left), written, sizes.as_ref(), shell);
    }
    say(args, &changes, sizes.as_ref(), shell)
}

fn record(
    args: &LayerInit,
    (common, left): (&[Common], &[Left]),
    (files, kept): (Vec<String>, bool),
    sizes: Option<&Sizes>,
    shell: &Shell,
) -> Result<(), Error> {
    let (whole, split) = sizes.map(Sizes::total).unzip();
    Ok(shell.record(&Message::LayerInit(&Shared {
        name: &args.name,
        crates: common.iter().map(shared).collect(),
        left_out: left.iter().map(left_out).collect(),
        files,
        kept,
        whole,
        split,
    }))?)
}

fn shared(it: &Common) -> SharedCrate<'_> {
    SharedCrate {
        package: &it.used.package,
        version: &it.used.version,
        functions: it.by.iter().map(String::as_str).collect(),
    }
}

fn left_out(it: &Left) -> LeftOut<'_> {
    let functions = it.by.iter().map(String::as_str).collect();
    LeftOut { package: &it.package, why: it.why, functions }
}

/// Whether all zips together become smaller.
fn is_worth(sizes: &Sizes) -> bool {
    let (whole, split) = sizes.total();
    split < whole
}

/// What cargo takes for the name of a crate, and no other crate has.
fn check_name(name: &str, resolved: &Metadata) -> Result<(), Error> {
    crate_name::check(name).map_err(|why| Error::Usage(format!("`--name {name}`: {why}")))?;
    let spelled = |name: &str| name.replace('-', "_");
    let libraries = resolved.packages.iter().flat_map(|package| &package.targets);
    let known =
        libraries.filter(|it| !it.is_custom_build()).any(|it| spelled(&it.name) == spelled(name));
    if known {
        let what = "it is a crate of this workspace: say another `--name`";
        return Err(Error::Usage(format!("`{name}` means something already: {what}")));
    }
    Ok(())
}

/// The packages of functions, and their binaries that are, each with what it is called here: two packages may
/// have binaries of one name.
type Members<'m> = BTreeMap<String, (&'m Package, BTreeMap<String, String>)>;

/// The feature is that of a package: whoever has one of its functions linked has all of them linked.
fn members<'m>(
    metadata: &'m Metadata,
    functions: &[Function],
    handlers: &BTreeSet<(String, String)>,
) -> Members<'m> {
    let called = |package: &str, bin: &str| {
        let same = |(other, it): &&(String, String)| it == bin && other != package;
        if handlers.iter().any(|it| same(&it)) {
            format!("{package}/{bin}")
        } else {
            bin.to_owned()
        }
    };
    let mut members = Members::new();
    for Function { handler, .. } in functions {
        let package = metadata.packages.iter().find(|it| it.id == handler.package_id);
        let Some(package) = package else { continue };
        let all = handlers.iter().filter(|(package, _)| *package == handler.package);
        let all = all.map(|(package, bin)| (bin.clone(), called(package, bin))).collect();
        let known = members.entry(handler.package.clone()).or_insert((package, all));
        let own = called(&handler.package, &handler.target);
        known.1.insert(handler.target.clone(), own);
    }
    members
}

/// All that is written.
fn changes(
    metadata: &Metadata,
    members: &Members<'_>,
    common: &[Common],
    name: &str,
) -> Result<Changes, Error> {
    let root = metadata.workspace_root.as_std_path();
    let folder = root.join(name);
    if folder.exists() || metadata.packages.iter().any(|package| *package.name == *name) {
        return Err(Error::Usage(format!("there is a `{name}` already: say another `--name`")));
    }
    let mut changes = Changes::new(root);
    changes.set(&folder.join("Cargo.toml"), Some(dylib::crate_manifest(name, common)))?;
    changes.set(&folder.join("src/lib.rs"), Some(dylib::crate_source(common)))?;
    let manifest = root.join("Cargo.toml");
    let text = changes.text(&manifest)?.unwrap_or_default();
    let marked = dylib::mark_workspace(&text, name).map_err(|error| edit(&manifest, error))?;
    if let Some(marked) = marked {
        changes.set(&manifest, Some(marked))?;
    }
    // Only those that have something of it.
    let has = |name: &String| common.iter().any(|it| it.by.contains(name));
    let users: Vec<_> = members.values().filter(|(_, bins)| bins.values().any(has)).collect();
    for (package, bins) in &users {
        for target in package.targets.iter().filter(|target| bins.contains_key(&target.name)) {
            let source = target.src_path.as_std_path();
            let text = changes.text(source)?.unwrap_or_default();
            if let Some(marked) = dylib::mark_source(&text, name, target.edition) {
                changes.set(source, Some(marked))?;
            }
        }
    }
    for (package, _) in &users {
        let manifest = package.manifest_path.as_std_path();
        let text = changes.text(manifest)?.unwrap_or_default();
        let path = from(manifest.parent().unwrap_or(root), root, name)?;
        let marked = dylib::mark(&text, name, &path).map_err(|error| edit(manifest, error))?;
        changes.set(manifest, Some(marked))?;
    }
    Ok(changes)
}

/// The path of the crate from a package's folder.
fn from(package: &Path, root: &Path, name: &str) -> Result<String, Error> {
    let below = package.strip_prefix(root).map_err(|_| {
        let package = package.display();
        Error::Usage(format!("{package} is outside of the workspace's folder"))
    })?;
    Ok(format!("{}{name}", "../".repeat(below.components().count())))
}

/// Builds the functions with the library and without.
fn measured(args: &LayerInit, global: &Global, shell: &Shell) -> Result<(Sizes, bool), Error> {
    let job = super::job(&args.build, &args.audit, global, Vec::new(), shell)?;
    let parts = super::built(&job, shell)?;
    let decided = split::decide(&job, &parts, shell)?;
    let sizes = super::sizes(&args.build, &args.audit, (&job, &decided), global, shell)?;
    let worth = is_worth(&sizes);
    Ok((sizes, worth))
}

/// The crates that are shared.
fn show(common: &[Common], shell: &Shell) -> Result<(), Error> {
    let rows = common.iter().map(|it| {
        let features: Vec<&str> = it.used.features.iter().map(String::as_str).collect();
        let by: Vec<&str> = it.by.iter().map(String::as_str).collect();
        vec![it.used.package.clone(), it.used.version.clone(), features.join(", "), by.join(", ")]
    });
    let table = Table::new(&["CRATE", "VERSION", "FEATURES", "FUNCTIONS"], rows.collect());
    for line in table.fit(shell.stdout_width(), 3, 16, Keep::Start).lines(&[]) {
        shell.answer(line.trim_end())?;
    }
    Ok(())
}

/// What functions have in common too, and why it is not shared.
fn say_left(left: &[Left], shell: &Shell) -> Result<(), Error> {
    for Left { package, why, by } in left {
        let by: Vec<&str> = by.iter().map(String::as_str).collect();
        shell.answer(format_args!("not shared: {package}, of {}: {why}", by.join(", ")))?;
    }
    Ok(())
}

fn say(
    args: &LayerInit,
    changes: &Changes,
    sizes: Option<&Sizes>,
    shell: &Shell,
) -> Result<(), Error> {
    if args.dry_run {
        shell.status("Kept", "everything as it is; without `--dry-run` it is built, and measured");
        return Ok(());
    }
    let Some(sizes) = sizes else {
        shell.status("Changed", changes.names().join(", "));
        return Ok(());
    };
    shell.answer("")?;
    let (whole, split) = sizes.total();
    shell.answer(super::compared("all zips, layers too", whole, split))?;
    let (whole, split) = sizes.largest();
    let what = "upload for a change of one function's code (the largest)";
    shell.answer(super::compared(what, whole, split))?;
    if is_worth(sizes) {
        shell.status("Changed", changes.names().join(", "));
    } else {
        let what = "a library of its own is not worth it here: everything is as it was (`--force` keeps it)";
        shell.status("Kept", what);
    }
    Ok(())
}
