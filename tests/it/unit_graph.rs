//! What cargo says that it would compile, with which features: its unit graph. Nothing is compiled.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use cargo_metadata::{Metadata, MetadataCommand, PackageId};
use lambda_pack::plan::features::{Graph, Resolver, RustcCfg, Side, Unit};
use lambda_pack::plan::{CargoOptions, FeatureSelection};
use lambda_pack::tool_cache::ToolCache;

use crate::support::{run, rustc, scrub};

/// The features that packages are compiled with.
pub(crate) type Features = BTreeMap<(PackageId, Side), BTreeSet<String>>;

/// A command of cargo in a folder, in a clean environment, with nothing from the network.
pub(crate) fn cargo(folder: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    scrub(&mut command);
    command.current_dir(folder).env("CARGO_NET_OFFLINE", "true");
    command
}

/// A workspace as the program sees it.
pub(crate) struct Facts {
    pub(crate) metadata: Metadata,
    pub(crate) resolver: Resolver,
    pub(crate) target: RustcCfg,
    pub(crate) host: RustcCfg,
    pub(crate) options: CargoOptions,
}

/// What rustc says of a target; it is asked once.
pub(crate) fn cfg(triple: &str) -> RustcCfg {
    static KNOWN: Mutex<Vec<RustcCfg>> = Mutex::new(Vec::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(cfg) = known.iter().find(|cfg| cfg.triple() == triple) {
        return cfg.clone();
    }
    let cfg = lambda_pack::cargo::platform(&ToolCache::none(), &rustc(), triple, &[]).unwrap();
    known.push(cfg.clone());
    cfg
}

/// The host's triple.
pub(crate) fn host() -> &'static str {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| rustc().host)
}

impl Facts {
    pub(crate) fn gather(folder: &Path, target: &str, features: FeatureSelection) -> Self {
        let (target, host) = (cfg(target), cfg(host()));
        let mut options =
            CargoOptions { features, profile: "dev".to_owned(), ..CargoOptions::default() };
        let answer = run(cargo(folder).args(options.metadata_args())).code(0).stdout;
        let members = MetadataCommand::parse(&answer).unwrap();
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        // What belongs to nobody cargo refuses.
        let ids: Vec<_> = members.packages.iter().map(|package| package.id.clone()).collect();
        options.features.list = known(&members, &options.features.list, &ids);
        let resolver = Resolver::of(&manifest, &members);
        let args = options.whole_metadata_args(resolver, [target.triple(), host.triple()]);
        let answer = run(cargo(folder).args(args)).code(0).stdout;
        let metadata = MetadataCommand::parse(&answer).unwrap();
        Self { metadata, resolver, target, host, options }
    }

    pub(crate) fn graph(&self) -> Graph<'_> {
        Graph::new(&self.metadata, self.resolver, &self.target, &self.host).unwrap()
    }

    pub(crate) fn id(&self, name: &str) -> PackageId {
        let package = self.metadata.packages.iter().find(|p| p.name.as_str() == name);
        package.unwrap_or_else(|| panic!("no package {name}")).id.clone()
    }

    pub(crate) fn name(&self, id: &PackageId) -> &str {
        self.metadata[id].name.as_str()
    }

    pub(crate) fn unit(&self, name: &str, dev: bool) -> Unit {
        Unit { package: self.id(name), dev, owners: Vec::new() }
    }

    /// The flags of a `cargo build` of these packages.
    pub(crate) fn build_args(&self, packages: &[PackageId], dev: bool) -> Vec<String> {
        let mut args: Vec<String> =
            ["build", "--target", self.target.triple()].map(Into::into).into();
        args.push("--bins".to_owned());
        args.extend(dev.then(|| "--examples".to_owned()));
        for id in packages {
            args.extend(["-p".to_owned(), id.repr.clone()]);
        }
        let features = &self.options.features;
        args.extend(features.all.then(|| "--all-features".to_owned()));
        args.extend(features.no_default.then(|| "--no-default-features".to_owned()));
        let list = known(&self.metadata, &features.list, packages);
        if !list.is_empty() {
            args.extend(["--features".to_owned(), list.join(",")]);
        }
        args
    }

    /// What cargo says that such a build compiles.
    pub(crate) fn unit_graph(&self, packages: &[PackageId], dev: bool) -> Features {
        let mut command = cargo(self.metadata.workspace_root.as_std_path());
        command.args(self.build_args(packages, dev));
        command.args(["--unit-graph", "-Z", "unstable-options"]).env("RUSTC_BOOTSTRAP", "1");
        let answer: serde_json::Value =
            serde_json::from_str(&run(&mut command).code(0).stdout).unwrap();
        let mut features = Features::new();
        for unit in answer["units"].as_array().unwrap() {
            // A build script is compiled for the host, with the features of its package's side.
            if unit["target"]["kind"][0] == "custom-build" {
                continue;
            }
            let id = PackageId { repr: unit["pkg_id"].as_str().unwrap().to_owned() };
            let host = unit["platform"].is_null() && self.resolver == Resolver::Two;
            let side = if host { Side::Host } else { Side::Target };
            let list = unit["features"].as_array().unwrap();
            let list = list.iter().map(|feature| feature.as_str().unwrap().to_owned()).collect();
            if let Some(other) = features.insert((id.clone(), side), list) {
                assert_eq!(other, features[&(id, side)], "two sets in one run");
            }
        }
        features
    }

    /// Holds the resolution of one run against cargo's.
    #[track_caller]
    pub(crate) fn compare(&self, graph: &Graph<'_>, packages: &[PackageId], dev: bool) {
        let resolved = graph.resolve(packages, dev, &self.options.features).unwrap();
        let theirs = self.unit_graph(packages, dev);
        let ours = theirs.keys().filter_map(|(id, side)| {
            let features = resolved.features(graph, id, *side)?;
            Some(((id.clone(), *side), features.into_iter().map(str::to_owned).collect()))
        });
        let ours: Features = ours.collect();
        assert_eq!(ours, theirs, "{}", self.build_args(packages, dev).join(" "));
    }
}

/// The `--features` that mean something to these packages.
fn known(metadata: &Metadata, list: &[String], packages: &[PackageId]) -> Vec<String> {
    let known = |text: &&String| {
        packages.iter().any(|id| {
            let package = &metadata[id];
            let Some((name, _)) = text.split_once('/') else {
                return package.features.contains_key(*text);
            };
            let name = name.trim_end_matches('?');
            let named =
                |d: &cargo_metadata::Dependency| d.rename.as_ref().unwrap_or(&d.name) == name;
            package.name.as_str() == name || package.dependencies.iter().any(named)
        })
    };
    list.iter().filter(known).cloned().collect()
}
