//! The functions of a run, one for each architecture, and which of them may share a cargo run.

use std::collections::BTreeMap;

use cargo_metadata::Metadata;

use super::facts::Facts;
use crate::cargo::{CargoError, Features};
use crate::cargo_files;
use crate::config::Config;
use crate::error::Error;
use crate::function::{Function, Level, Role};
use crate::plan::features::{Answer, Grouping};
use crate::plan::{self, Candidate, CargoOptions, Groupings, PackageFacts, Plan, PlanError, Run};
use crate::plan::{Selection, by_triple};
use crate::remap::Place;
use crate::shell::Shell;
use crate::target::{Arch, Libc};

/// What the flags select.
pub(super) struct Chosen {
    /// The functions, on every architecture that they are wanted for.
    pub(super) functions: Vec<Function>,
    /// The selected packages.
    pub(super) packages: Vec<PackageFacts>,
    /// Cargo's flags, those of the settings too. Only what builds asks whether the functions agree.
    pub(super) options: Result<CargoOptions, PlanError>,
}

/// Finds what the flags select.
pub(super) fn functions(
    facts: &Facts,
    selection: &Selection,
    config: &Config,
    (arch, libc): (Option<Arch>, Libc),
) -> Result<Chosen, Error> {
    let Facts { options, metadata, rustc, .. } = facts;
    let mut functions = Vec::new();
    let mut packages = Vec::new();
    let mut said = Vec::new();
    let wanted = config.architectures(arch);
    if wanted.is_empty() {
        return Err(PlanError::Host(rustc.host.clone()).into());
    }
    for wanted in wanted {
        let selected = plan::select(metadata, selection, wanted, config)?;
        let here = |c: &Candidate| plan::architectures(&c.settings, arch).contains(&wanted);
        for candidate in selected.candidates.into_iter().filter(here) {
            said.push((candidate.handler.clone(), candidate.settings.cargo.clone()));
            let own = options.with(&candidate.settings.cargo);
            let level = plan::level(&candidate.settings, &own);
            functions.push(function((&own, metadata), candidate, level, (wanted, libc)));
        }
        packages = selected.packages;
    }
    if functions.is_empty() {
        return Err(PlanError::Host(rustc.host.clone()).into());
    }
    functions.sort_by(|a, b| (&a.name, &a.compile).cmp(&(&b.name, &b.compile)));
    let options = plan::agreed(options, said.iter().map(|(handler, said)| (handler, said)));
    Ok(Chosen { functions, packages, options })
}

fn function(
    (options, metadata): (&CargoOptions, &Metadata),
    candidate: Candidate,
    level: Level,
    (arch, libc): (Arch, Libc),
) -> Function {
    let package = metadata.packages.iter().find(|p| p.id == candidate.handler.package_id);
    let manifest = package.map_or(&metadata.workspace_root, |package| &package.manifest_path);
    let dylib = candidate.settings.dylib.clone();
    // One that is built to be tried is built as ever.
    let dylib = dylib
        .filter(|_| candidate.role == Role::Function && options.profile != "dev" && !options.host);
    let compile = plan::compile(&candidate.settings, arch, libc).with_dylib(dylib);
    let root = metadata.workspace_root.as_std_path();
    let settings = candidate.settings;
    Function {
        name: candidate.name,
        handler: candidate.handler,
        role: candidate.role,
        runtime: settings.runtime.unwrap_or_default(),
        trust_system: settings.trust_system,
        include: settings.include,
        assets: settings.assets,
        extensions: settings.extensions,
        shares: settings.shares,
        foreign_layers: settings.foreign_layers,
        package_root: manifest.parent().unwrap_or(manifest).as_std_path().to_path_buf(),
        package_version: package.map_or_else(String::new, |p| p.version.to_string()),
        has_build_script: package
            .is_some_and(|p| p.targets.iter().any(cargo_metadata::Target::is_custom_build)),
        scripts: None,
        compile,
        dlopen: settings.dlopen,
        library_paths: settings.library_paths.iter().map(|path| root.join(path)).collect(),
        sysroot: settings.sysroot.map(|path| root.join(path)),
        level,
        packaging: settings.packaging,
    }
}

/// What groups of features follow from.
pub(super) struct Groups<'a> {
    pub(super) facts: &'a Facts,
    /// Whether all share runs whatever features that gives them.
    pub(super) unify: bool,
}

/// What was found out, for every triple.
#[derive(Debug, Default)]
pub(super) struct Answers {
    /// Which functions may share a run.
    pub(super) groupings: Groupings,
    /// Where packages outside of the workspace lie.
    pub(super) packages: BTreeMap<&'static str, Vec<Place>>,
}

impl Groups<'_> {
    /// Which functions may share a run, and where packages lie, for every triple. Each function is
    /// told which build scripts concern it.
    pub(super) fn answers(
        &self,
        functions: &mut [Function],
        packages: &[PackageFacts],
        shell: &Shell,
    ) -> Result<Answers, Error> {
        let mut answers = Answers::default();
        for (triple, places) in by_triple(functions) {
            let own: Vec<&Function> = places.iter().filter_map(|at| functions.get(*at)).collect();
            let units = plan::units(&own, packages, &self.facts.options.features);
            let features = self.features(triple, &units.list);
            let name = format!("lambda-pack.features.{}.json", features.target);
            let record = self.facts.target.join(name);
            let answer = match features.answer(&record) {
                Err(CargoError::Metadata) if features.is_dispensable() => {
                    if !features.is_unified() {
                        shell.warn(
                            "cargo cannot tell the features of all packages offline: each package \
                             is built in a run of its own",
                        );
                    }
                    let packages = cargo_files::checkouts();
                    let grouping = Grouping::apart(&units.list);
                    Answer { grouping, scripts: Vec::new(), packages }
                }
                answer => answer?,
            };
            for (place, unit) in places.iter().zip(&units.of) {
                // What others link into a shared library comes along.
                let shared = |function: &&mut Function| function.compile.dylib.is_none();
                if let Some(function) = functions.get_mut(*place).filter(shared) {
                    function.scripts = answer.scripts.get(*unit).cloned();
                }
            }
            if !self.unify {
                answers.groupings.insert(triple, answer.grouping);
            }
            answers.packages.insert(triple, answer.packages);
        }
        Ok(answers)
    }

    /// Says which packages gain features by sharing runs, with `-v`.
    pub(super) fn say_gains(
        &self,
        plan: &Plan,
        packages: &[PackageFacts],
        shell: &Shell,
    ) -> Result<(), Error> {
        for (triple, places) in by_triple(&plan.functions) {
            let at = |place: &usize| plan.functions.get(*place);
            let own: Vec<&Function> = places.iter().filter_map(at).collect();
            let units = plan::units(&own, packages, &self.facts.options.features);
            // The runs of this triple, with their members as they stand among its functions.
            let runs = plan.runs.iter().filter(|run| run.compile.target.triple() == triple);
            let runs: Vec<Run> = runs
                .map(|run| {
                    let place = |member| places.iter().position(|place| place == member);
                    Run { members: run.members.iter().filter_map(place).collect(), ..run.clone() }
                })
                .collect();
            for gain in self.features(triple, &units.list).gains(&units.of, &runs)? {
                shell.detail("Unified", gain);
            }
        }
        Ok(())
    }

    fn features<'f>(&'f self, target: &'f str, units: &'f [plan::features::Unit]) -> Features<'f> {
        let Self { facts, unify } = *self;
        let Facts { options, config, metadata, rustc, tools, .. } = facts;
        let target = if options.host { rustc.host.as_str() } else { target };
        Features { options, config, members: metadata, rustc, tools, target, units, unify }
    }
}
