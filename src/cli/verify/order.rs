//! What is built again for which bundles: the flags of `package`, by the records and the user's own.

use std::collections::BTreeSet;
use std::ffi::OsString;

use super::given::Given;
use crate::bundle::{BuildRecord, Record};
use crate::cli::args::Color;
use crate::cli::args::{Build, Global, Verify};
use crate::error::Error;

/// One run of `package`.
#[derive(Debug)]
pub(super) struct Order {
    /// The commit that is built; none of a copy of the work tree.
    pub(super) commit: Option<String>,
    /// `SOURCE_DATE_EPOCH`.
    pub(super) epoch: Option<String>,
    /// All flags but those that select.
    args: Vec<OsString>,
    selection: BTreeSet<OsString>,
    /// Whether more handlers would change those that are selected.
    unified: bool,
    /// The bundles that it is for, by their places.
    pub(super) members: Vec<usize>,
}

impl Order {
    /// The flags of `package`.
    pub(super) fn args(&self) -> Vec<OsString> {
        self.args.iter().chain(&self.selection).cloned().collect()
    }
}

/// As few runs as the records allow. `with_git` says whether there are commits to be had.
pub(super) fn orders(
    givens: &[Given],
    args: &Verify,
    global: &Global,
    with_git: bool,
) -> Result<Vec<Order>, Error> {
    let mut orders: Vec<Order> = Vec::new();
    for (place, given) in givens.iter().enumerate() {
        let record = given.record.as_ref();
        let build = record.and_then(|record| record.build.as_ref());
        let new = Order {
            commit: given.clean_commit().filter(|_| with_git).map(str::to_owned),
            epoch: given.epoch()?,
            args: flags(record, args, global),
            selection: match record {
                Some(record) => recorded_selection(record),
                None => users_selection(&args.build),
            },
            unified: args.build.compile.unify_features || build.is_some_and(|b| b.unify_features),
            members: vec![place],
        };
        match orders.iter_mut().find(|order| order.may_take(&new)) {
            Some(order) => {
                order.selection.extend(new.selection);
                order.members.push(place);
            }
            None => orders.push(new),
        }
    }
    Ok(orders)
}

impl Order {
    fn may_take(&self, other: &Self) -> bool {
        let key = |order: &Self| (order.commit.clone(), order.epoch.clone(), order.args.clone());
        key(self) == key(other) && (!self.unified || self.selection == other.selection)
    }
}

/// Flags in the form `--name=value`, in which no value is taken for a flag.
#[derive(Default)]
struct Flags(Vec<OsString>);

impl Flags {
    fn value(&mut self, flag: &str, value: Option<&str>) {
        self.0.extend(value.map(|value| OsString::from(format!("{flag}={value}"))));
    }

    fn all<'v>(&mut self, flag: &str, values: impl IntoIterator<Item = &'v String>) {
        for value in values {
            self.value(flag, Some(value));
        }
    }

    fn when(&mut self, on: bool, flag: &str) {
        self.0.extend(on.then(|| OsString::from(flag)));
    }
}

/// All but the selection.
fn flags(record: Option<&Record>, args: &Verify, global: &Global) -> Vec<OsString> {
    let build = record.and_then(|record| record.build.as_ref());
    let compile = &args.build.compile;
    let target = &compile.target;
    let libc = record.map(|r| if r.target.ends_with("musl") { "musl" } else { "gnu" });
    let cpu = record.filter(|_| build.is_some_and(|build| build.target_cpu_chosen));
    let release = compile.release.then_some("release");
    let users = |value: &'_ Option<String>| value.clone();
    let mut flags = Flags::default();
    for (flag, given, recorded) in [
        ("--arch", users(&target.arch), record.map(|r| &*r.architecture)),
        ("--libc", users(&target.libc), libc),
        ("--linker", users(&target.linker), build.map(|b| &*b.linker)),
        ("--target-cpu", users(&target.target_cpu), cpu.map(|r| &*r.target_cpu)),
        ("--optimize", users(&target.optimize), build.map(|b| &*b.optimize)),
        ("--compression", users(&compile.compression), build.map(|b| &*b.compression)),
        ("--runtime", users(&args.audit.runtime), record.map(|r| &*r.runtime)),
        (
            "--profile",
            release.map(str::to_owned).or_else(|| users(&compile.profile)),
            record.map(|r| &*r.profile),
        ),
        ("--env", users(&global.env), build.and_then(|b| b.env.as_deref())),
    ] {
        flags.value(flag, given.as_deref().or(recorded).filter(|value| !value.is_empty()));
    }
    features(&mut flags, build, &args.build);
    let recorded = |list: fn(&BuildRecord) -> &Vec<String>| build.map(list).into_iter().flatten();
    let trusted = &args.audit.trust_system;
    if trusted.is_empty() {
        flags.all("--trust-system", recorded(|build| &build.trust_system));
    } else {
        flags.all("--trust-system", trusted);
    }
    let unstable = &args.build.manifest.unstable;
    let unstable: Vec<_> = if unstable.is_empty() {
        recorded(|b| &b.unstable).collect()
    } else {
        unstable.iter().collect()
    };
    flags.0.extend(unstable.into_iter().map(|flag| OsString::from(format!("-Z{flag}"))));
    of_the_run(&mut flags, args, global);
    flags.0
}

fn features(flags: &mut Flags, recorded: Option<&BuildRecord>, build: &Build) {
    let users = &build.features;
    let given = users.all_features || users.no_default_features || !users.features.is_empty();
    let unify = recorded.is_some_and(|recorded| recorded.unify_features);
    flags.when(build.compile.unify_features || unify, "--unify-features");
    let (all, no_default, list) = match recorded.filter(|_| !given) {
        Some(build) => (build.all_features, build.no_default_features, &build.features),
        None => (users.all_features, users.no_default_features, &users.features),
    };
    flags.when(all, "--all-features");
    flags.when(no_default, "--no-default-features");
    flags.all("--features", list);
}

/// What decides no bytes, or what no record keeps.
fn of_the_run(flags: &mut Flags, args: &Verify, global: &Global) {
    let (compile, manifest) = (&args.build.compile, &args.build.manifest);
    // The child is run elsewhere.
    flags.all("--config", &manifest.config.iter().map(|word| config(word)).collect::<Vec<_>>());
    flags.value("--jobs", compile.jobs.as_deref());
    flags.when(compile.keep_going, "--keep-going");
    flags.when(compile.timings, "--timings");
    flags.when(manifest.locked, "--locked");
    flags.when(manifest.offline, "--offline");
    flags.when(manifest.frozen, "--frozen");
    flags.when(global.quiet, "--quiet");
    for _ in 0..global.verbose {
        flags.when(true, "--verbose");
    }
    flags.value("--color", global.color.map(Color::word));
    // The audit was made, and changes no byte.
    flags.when(true, "--no-check");
}

/// `KEY=VALUE`, or a file.
fn config(word: &str) -> String {
    let path = std::path::absolute(word).ok().filter(|path| path.is_file());
    path.map_or_else(|| word.to_owned(), |path| path.display().to_string())
}

fn recorded_selection(record: &Record) -> BTreeSet<OsString> {
    let mut flags = Flags::default();
    flags.all("--package", [&record.package]);
    let build = record.build.as_ref();
    let handler = |kind: &str| if kind == "example" { "--example" } else { "--bin" };
    flags.all(handler(build.map_or("bin", |build| &build.kind)), [&record.handler]);
    flags.all("--package", build.into_iter().flat_map(|build| &build.packages));
    for beside in build.into_iter().flat_map(|build| &build.beside) {
        flags.all("--package", [&beside.package]);
        flags.all(handler(&beside.kind), [&beside.handler]);
    }
    flags.0.into_iter().collect()
}

fn users_selection(build: &Build) -> BTreeSet<OsString> {
    let mut flags = Flags::default();
    let workspace = &build.workspace;
    flags.all("--package", &workspace.package);
    flags.when(workspace.workspace || workspace.all, "--workspace");
    flags.all("--exclude", &workspace.exclude);
    flags.all("--bin", &build.bin);
    flags.when(build.bins, "--bins");
    flags.all("--example", &build.example);
    flags.0.into_iter().collect()
}

/// Whether the user's flags select anything.
pub(super) fn selects(build: &Build) -> bool {
    !users_selection(build).is_empty()
}
