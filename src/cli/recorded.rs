//! What a record keeps of the flags and the environment of its run, so that `verify` can build the
//! same again. Values that may hold secrets or paths are not kept; that they were given is.

use std::env;

use cargo_metadata::PackageId;

use super::args::{Build, Global};
use super::build::Job;
use crate::bundle::{Beside, BuildRecord, Level};
use crate::compile::Optimize;
use crate::function::{Function, Handler};
use crate::plan::Run;

/// What holds for all functions of a run.
pub(super) struct Asked {
    unify: bool,
    env: Option<String>,
    epoch: Option<String>,
    not_kept: Vec<String>,
}

impl Asked {
    pub(super) fn new(build: &Build, job: &Job, global: &Global) -> Self {
        Self {
            unify: build.unifies(&job.options),
            env: global.env.clone().filter(|env| !env.is_empty()),
            epoch: env::var("SOURCE_DATE_EPOCH").ok().filter(|text| !text.is_empty()),
            not_kept: not_kept(build),
        }
    }

    /// What was asked for one function.
    pub(super) fn of(&self, job: &Job, function: &Function) -> BuildRecord {
        let is =
            |other: &Function| (&other.name, &other.compile) == (&function.name, &function.compile);
        let place = job.plan.functions.iter().position(is);
        let run =
            job.plan.runs.iter().find(|run| place.is_some_and(|at| run.members.contains(&at)));
        let features = &job.options.features;
        let compile = &function.compile;
        BuildRecord {
            kind: function.handler.kind.cargo_name().to_owned(),
            // What is built beside it and gives it nothing would only make records differ.
            packages: run
                .filter(|run| self.unify || !run.features.is_empty())
                .map_or_else(|| vec![function.handler.package.clone()], |run| packages(job, run)),
            beside: run
                .filter(|_| self.unify)
                .map(|run| beside(job, run, place))
                .unwrap_or_default(),
            features: run.map(|run| run.features.clone()).unwrap_or_default(),
            all_features: features.all,
            no_default_features: features.no_default,
            unify_features: self.unify,
            linker: compile.linker.name().to_owned(),
            optimize: match compile.optimize {
                Optimize::Speed => "speed",
                Optimize::Size => "size",
            }
            .to_owned(),
            target_cpu_chosen: compile.cpu.chosen,
            trust_system: function.trust_system.clone(),
            compression: match function.level {
                Level::Fast => "fast",
                Level::Best => "best",
            }
            .to_owned(),
            source_date_epoch: self.epoch.clone(),
            env: self.env.clone(),
            unstable: job.options.unstable.clone(),
            not_kept: self.not_kept.clone(),
        }
    }
}

fn packages(job: &Job, run: &Run) -> Vec<String> {
    let name = |id: &PackageId| job.metadata.packages.iter().find(|package| package.id == *id);
    run.packages.iter().filter_map(name).map(|package| package.name.to_string()).collect()
}

fn beside(job: &Job, run: &Run, place: Option<usize>) -> Vec<Beside> {
    let others = run.members.iter().filter(|member| Some(**member) != place);
    let handlers = others.filter_map(|member| job.plan.functions.get(*member));
    let beside = |Handler { package, target, kind, .. }: &Handler| Beside {
        package: package.clone(),
        kind: kind.cargo_name().to_owned(),
        handler: target.clone(),
    };
    handlers.map(|function| beside(&function.handler)).collect()
}

/// The flags and variables that decide the bytes and are not kept, by name.
pub(super) fn not_kept(build: &Build) -> Vec<String> {
    let config = (!build.manifest.config.is_empty()).then(|| "--config".to_owned());
    let variables = env::vars_os().filter(|(_, value)| !value.is_empty());
    let names = variables.filter_map(|(name, _)| name.into_string().ok());
    let mut names: Vec<String> = names.filter(|name| decides(name)).collect();
    names.sort();
    config.into_iter().chain(names).collect()
}

/// Whether a variable may decide the bytes: those of cargo, of the compilers that build scripts call
/// (the crate `cc`), and our own.
fn decides(name: &str) -> bool {
    let says_where = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR", "CARGO_BUILD_BUILD_DIR"];
    let others = ["CARGO_BUILD_JOBS", "LAMBDA_PACK_ENV"];
    if says_where.contains(&name) || others.contains(&name) {
        return false;
    }
    let of_tools = ["CC", "CXX", "AR", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "ARFLAGS"];
    let of_tool = |tool: &str| {
        let rest = name.strip_prefix("TARGET_").unwrap_or(name).strip_prefix(tool);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    };
    let of_cargo = ["CARGO_BUILD_", "CARGO_TARGET_", "CARGO_PROFILE_", "CARGO_UNSTABLE_"];
    let whole = [
        "CARGO_INCREMENTAL",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "LIBRARY_PATH",
    ];
    name.starts_with("LAMBDA_PACK_")
        || of_cargo.iter().any(|prefix| name.starts_with(prefix))
        || whole.contains(&name)
        || of_tools.into_iter().any(of_tool)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_that_decide_the_bytes() {
        for name in [
            "RUSTFLAGS",
            "CARGO_PROFILE_RELEASE_LTO",
            "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER",
            "LAMBDA_PACK_LINKER",
            "CFLAGS",
            "CFLAGS_x86_64_unknown_linux_gnu",
            "TARGET_CC",
            "AR_x86_64-unknown-linux-gnu",
        ] {
            assert!(decides(name), "{name}");
        }
        for name in [
            "PATH",
            "CARGO_TARGET_DIR",
            "CARGO_HOME",
            "LAMBDA_PACK_ENV",
            "ARCH",
            "CCACHE_DIR",
            "CARGO_REGISTRY_TOKEN",
        ] {
            assert!(!decides(name), "{name}");
        }
    }
}
