//! Which layers of the account `list` and `prune` are about, and who may be asked for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::aws::{AwsError, Place, RATE};
use crate::cli::args::{Audit, Build, Global, LayerScope};
use crate::cli::deploy::jobs;
use crate::cli::deploy::session::{self, Session};
use crate::cli::facts::Facts;
use crate::cli::package::read_record;
use crate::cli::{configuration, locked, remote, split};
use crate::error::{Error, RemoteError};
use crate::layer::record::LayerRecord;
use crate::layer::{self, Known};
use crate::plan;
use crate::release::prune::Version;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

/// What the flags and the workspace say of layers.
pub(super) struct Scope<'a> {
    args: &'a LayerScope,
    place: Place,
    /// What the names of the workspace's layers begin with; none outside of one.
    prefix: Option<String>,
    /// The layers in its lock.
    pub(super) locked: BTreeMap<String, Known>,
    /// Where `package` writes.
    pub(super) bundles: Option<PathBuf>,
    /// What its functions say of account and Region.
    who: Vec<(String, Wanted)>,
}

impl<'a> Scope<'a> {
    /// Where layers are named, or all are meant, there need not be a workspace.
    pub(super) fn of(args: &'a LayerScope, global: &Global, shell: &Shell) -> Result<Self, Error> {
        // Looks for the server on this machine, and waits for it: nothing else may wait then.
        let place = session::place(&args.place)?;
        let (locked, who) = (BTreeMap::new(), Vec::new());
        let mut scope = Self { args, place, prefix: None, locked, bundles: None, who };
        if (args.all || !args.layers.is_empty()) && !global.has_workspace() {
            return Ok(scope);
        }
        let build = Build { manifest: args.manifest.clone(), ..Build::default() };
        let facts = Facts::gather(build.cargo_options(global), true)?;
        let flags = build.compile.settings(&Audit::default());
        let config = configuration::load(&facts.metadata, flags, global, shell)?;
        let functions = remote::select(&facts, true, &build, &config, shell)?;
        let wanted = jobs::wanted(&config, &functions)?;
        let names = functions.iter().map(|function| function.name.to_string());
        scope.who = names.zip(wanted).collect();
        let lock = locked::read(facts.metadata.workspace_root.as_std_path())?;
        let (said, _) = config.layer_rules();
        scope.prefix = said.or(lock.prefix).or_else(|| Some(split::prefix(&facts.metadata)));
        scope.locked = lock.layers;
        scope.bundles = Some(plan::output(&facts.target, None, false).base);
        Ok(scope)
    }

    pub(super) async fn connect(&self, shell: &Shell) -> Result<Session, Error> {
        let who: Vec<(&str, &Wanted)> =
            self.who.iter().map(|(name, wanted)| (name.as_str(), wanted)).collect();
        Session::to(self.place.clone(), RATE, &who, |error| looking("layers", error), shell).await
    }

    /// All versions of the layers that are meant, those that others have published of them too.
    pub(super) async fn versions(
        &self,
        session: &Session,
        shell: &Shell,
    ) -> Result<Vec<Version>, Error> {
        let mut names = self.args.layers.clone();
        if names.is_empty() {
            let all = session.aws.layer_names().await;
            names = all.map_err(|error| looking("layers", error))?;
            names.retain(|name| self.args.all || self.is_own(name));
        }
        names.sort();
        names.dedup();
        let all = session.aws.versions_of_layers(&names).await;
        let all = all.map_err(|(name, error)| looking(&name, error))?;
        let has_ours = |name: &str| all.iter().any(|it| it.layer == name && it.tree().is_some());
        for name in self.args.layers.iter().filter(|name| !has_ours(name)) {
            shell.warn(format!("the layer `{name}` has no version of ours"));
        }
        Ok(all)
    }

    fn is_own(&self, name: &str) -> bool {
        self.locked.contains_key(name)
            || self.prefix.as_ref().is_some_and(|prefix| layer::has_prefix(name, prefix))
    }

    /// What each layer holds now, by its name: as it was packaged last, else by the lock, where that
    /// says it whole.
    pub(super) fn now(&self, from: Option<&Path>) -> BTreeMap<String, (String, &'static str)> {
        let whole = |known: &Known| known.files.values().all(|file| !file.kind.is_built());
        let locked = self.locked.iter().filter(|(_, known)| whole(known));
        let tree = |known: &Known| layer::tree_digest(&known.files).hex();
        let mut now: BTreeMap<String, (String, &'static str)> =
            locked.map(|(name, known)| (name.clone(), (tree(known), "locked"))).collect();
        let base = from.or(self.bundles.as_deref());
        let paths = base.map(split::records).unwrap_or_default();
        let records = paths.iter().filter_map(|path| read_record::<LayerRecord>(path).ok());
        now.extend(records.map(|it| (it.layer, (it.tree, "packaged"))));
        now
    }
}

/// Something of a layer that AWS does not answer.
pub(in crate::cli) fn looking(layer: &str, error: AwsError) -> Error {
    RemoteError::of("look at", layer, error).into()
}
