//! What a build has made, put on the server.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use super::sources;
use crate::artifact::Artifact;
use crate::cli::args::Run;
use crate::cli::build::Job;
use crate::cli::here;
use crate::cli::image::{Bases, Ground, Part};
use crate::cli::libraries::Lookup;
use crate::cli::runs::combine;
use crate::config;
use crate::error::Error;
use crate::function::{Function, Role};
use crate::libraries;
use crate::local::{Direct, Handle};
use crate::message::Message;
use crate::routes::Routes;
use crate::shell::Shell;
use crate::tree::Tree;

/// The layer with the extensions and assets of a function; what follows tells functions apart.
const LAYER: &str = "workspace";

/// What came of a build.
struct Built {
    function: Function,
    tree: Tree,
    assets: Tree,
    direct: Direct,
}

/// The functions of a workspace on a server.
pub(super) struct Site<'a> {
    handle: &'a Handle,
    /// Whether environments are started at once.
    start: bool,
    /// Whether routes are served.
    router: bool,
    shell: &'a Shell,
    /// The ARNs of the layers that were put there last, by name.
    layers: Mutex<BTreeMap<String, String>>,
    /// What was put there, by name.
    put: Mutex<BTreeMap<String, Direct>>,
    /// What programs were made of.
    sources: Mutex<BTreeSet<PathBuf>>,
}

impl<'a> Site<'a> {
    pub(super) fn new(handle: &'a Handle, args: &Run, shell: &'a Shell) -> Self {
        Self {
            handle,
            start: !args.wait,
            router: args.router,
            shell,
            layers: Mutex::default(),
            put: Mutex::default(),
            sources: Mutex::default(),
        }
    }

    /// The routes of the settings, served from now on.
    pub(super) fn route(&self, job: &Job) -> Result<Routes, Error> {
        if !self.router {
            return Ok(Routes::default());
        }
        let routes = job.config.routes().map_err(Error::Config)?;
        if routes.iter().next().is_none() {
            return Err(Error::Usage("`--router` without any `routes` in the settings".to_owned()));
        }
        self.handle.set_routes(routes.clone())?;
        Ok(routes)
    }

    /// Builds, and puts each function there as soon as it is built, or, where extensions or assets come with
    /// them, all at the end; the names of those that are new or others than before. What fails to build stays as
    /// it was; what is no function any more is gone.
    pub(super) fn build(&self, job: &Job) -> (Vec<String>, Result<(), Error>) {
        let all = job.plan.functions.iter();
        let extended =
            all.clone().any(|it| it.role == Role::ExternalExtension || !it.assets.is_empty());
        // A base is read once, whatever is put on it.
        let bases = Bases::new(job, false, self.shell);
        let (results, failed) = job.run(self.shell, |function, artifact| {
            let built = self.built(&bases, function, artifact)?;
            if extended { Ok((Some(built), None)) } else { Ok((None, self.put(built, &[])?)) }
        });
        let (mut new, mut waiting, mut errors) = (Vec::new(), Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok((built, name)) => {
                    waiting.extend(built);
                    new.extend(name);
                }
                Err(error) => errors.push(error),
            }
        }
        if failed.is_none() && errors.is_empty() {
            errors.extend(bases.keep_lock().err());
            match self.put_extended(waiting) {
                Ok(names) => new.extend(names),
                Err(error) => errors.push(error),
            }
            errors.extend(self.remove_others(job).err());
        }
        (new, combine(failed, errors, Ok(())))
    }

    /// Functions with their assets, and the extensions that they take, as their layer.
    fn put_extended(&self, all: Vec<Built>) -> Result<Vec<String>, Error> {
        let (functions, extensions): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|built| built.function.role == Role::Function);
        let mut shared: Vec<Tree> = Vec::new();
        let mut new = Vec::new();
        for built in functions {
            let taken = extensions.iter().filter(|it| {
                it.function.role == Role::ExternalExtension && built.function.takes(&it.function)
            });
            let mut files = built.assets.clone();
            for (path, entry) in taken.flat_map(|it| it.tree.iter()) {
                // Two with one file of the same name: the first has it.
                let _ = files.insert(path.clone(), entry.clone());
            }
            let known = shared.iter().position(|other| *other == files);
            let place = known.unwrap_or(shared.len());
            let layers = self.layer(&files, place)?;
            if known.is_none() {
                shared.push(files);
            }
            new.extend(self.put(built, &layers)?);
        }
        Ok(new)
    }

    /// The layer of these files; the same one as long as they are.
    fn layer(&self, files: &Tree, place: usize) -> Result<Vec<String>, Error> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let mut known = self.layers.lock().unwrap_or_else(PoisonError::into_inner);
        let name = format!("{LAYER}-{place}");
        // Their times tell whether they are the same: so the account is asked, which names it after them.
        let before = known.get(&name).map(String::as_str);
        let arn = self.handle.layer(&name, files, before)?;
        known.insert(name, arn.clone());
        Ok(vec![arn])
    }

    /// The files that programs were made of, ignored ones too.
    pub(super) fn sources(&self) -> BTreeSet<PathBuf> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is there.
    pub(super) fn functions(&self) -> Vec<Direct> {
        self.all().values().cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Direct>> {
        self.put.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remove_others(&self, job: &Job) -> Result<(), Error> {
        let known = |name: &str| {
            let mut functions = job.plan.functions.iter();
            functions.any(|it| it.role == Role::Function && it.name.as_str() == name)
        };
        let gone: Vec<String> =
            self.all().extract_if(.., |name, _| !known(name)).map(|(name, _)| name).collect();
        for name in gone {
            self.handle.remove(&name)?;
            self.shell.status("Removed", &name);
            if self.shell.is_json() {
                self.shell.record(&Message::Removed { function: &name })?;
            }
        }
        Ok(())
    }

    /// What a function, or an extension, is to be.
    fn built(
        &self,
        bases: &Bases<'_>,
        function: &Function,
        artifact: &Artifact,
    ) -> Result<Built, Error> {
        let job = bases.job;
        let sources = sources::of(&artifact.executable);
        self.sources.lock().unwrap_or_else(PoisonError::into_inner).extend(sources);
        let part = Part { function: function.clone(), artifact: artifact.clone() };
        // The files of a base are Linux's.
        let ground = if job.options.host { None } else { bases.ground(&part)? };
        let tree = self.tree(job, function, artifact, ground.as_ref())?;
        let direct = Direct { base: ground.map(|it| it.base), ..direct(job, function)? };
        let assets = job.assets(function)?;
        Ok(Built { function: function.clone(), tree, assets, direct })
    }

    /// Puts a function there; its name, if it is another one than before.
    fn put(&self, built: Built, layers: &[String]) -> Result<Option<String>, Error> {
        let Built { function, tree, mut direct, .. } = built;
        if function.role != Role::Function {
            return Ok(None);
        }
        if !layers.is_empty() {
            direct.settings.insert("Layers".to_owned(), json!(layers));
        }
        let before = self.all().get(&direct.name).cloned();
        if !self.handle.put(&direct, before.as_ref(), &tree, self.start)? {
            return Ok(None);
        }
        let name = direct.name.clone();
        self.all().insert(name.clone(), direct);
        Ok(Some(name))
    }

    /// The files of a function: its program as cargo has left it.
    fn tree(
        &self,
        job: &Job,
        function: &Function,
        artifact: &Artifact,
        ground: Option<&Ground>,
    ) -> Result<Tree, Error> {
        let folders = job.library_folders(function, artifact);
        let base = ground.map(|ground| (&ground.root, &ground.search));
        let lookup = Lookup { function, artifact, folders: &folders, look: &libraries::look, base };
        let tree = job.includes(function)?;
        Ok(Job::files(&lookup, tree, &artifact.executable, self.shell)?.tree)
    }
}

fn direct(job: &Job, function: &Function) -> Result<Direct, Error> {
    let handler = &function.handler;
    let merged = job.config.of_handler(&handler.package, &handler.target);
    let wanted = config::wanted(&merged, &function.name).map_err(Error::Config)?;
    Ok(Direct {
        name: function.name.to_string(),
        settings: here::zip_settings(function, &wanted),
        aliases: wanted.aliases,
        base: None,
        url: wanted.attachments.url.flatten(),
    })
}
