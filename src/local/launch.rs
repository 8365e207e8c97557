//! What an environment is started with: its files, and the variables that Lambda sets.
//!
//! AWS: "Working with Lambda environment variables", section "Defined runtime environment variables".

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::direct::Base;
use super::environment::children::Launch;
use super::failure::Failure;
use super::store::{Hold, Store};
use serde_json::Value;

use crate::account::{Code, Configuration};
use crate::elf;
use crate::sandbox::Room;
use crate::system::System;
use crate::target::Arch;

/// Where Lambda has the function's files.
pub(super) const TASK: &str = "/var/task";
/// Where Lambda has the layers' files.
pub(super) const OPT: &str = "/opt";
/// Where Lambda has the runtime of its own images.
const RUNTIME: &str = "/var/runtime";
/// The size of `/tmp` where nothing is said, in MB ("Lambda quotas").
const STORAGE: u64 = 512;
/// The memory of a function where nothing is said, in MB (`CreateFunction`, `MemorySize`).
const MEMORY: u64 = 128;

/// What a version runs with.
pub(super) struct Spec {
    code: Code,
    /// `ImageConfig`.
    image_config: Option<Value>,
    /// Those of its layers, in order.
    layers: Vec<String>,
    variables: BTreeMap<String, String>,
    arch: Arch,
    /// Its log is one of JSON objects.
    json_log: bool,
    /// The size of `/tmp` in MB.
    storage: u64,
    /// The libraries that its runtime has; none where that is not known.
    libraries: Option<Vec<String>>,
    /// The most memory that it may have, in MB.
    memory: u64,
    /// The files of the image that it is put on.
    root: Option<PathBuf>,
    /// Its files stay, even if the account has no such code any more.
    _hold: Hold,
}

impl Spec {
    /// That of a configuration of this function.
    pub(super) fn new(
        function: &str,
        configuration: &Configuration,
        region: &str,
        store: &Store,
    ) -> Self {
        let setting = |name: &str| configuration.settings.get(name);
        let first = setting("Architectures").and_then(|list| list.get(0)?.as_str());
        let arch = first.and_then(|name| name.parse().ok()).unwrap_or(Arch::X86_64);
        let base = store.base(function);
        let layers: Vec<_> = configuration
            .layers
            .iter()
            .filter_map(|layer| zip(&layer.code))
            .map(str::to_owned)
            .collect();
        Self {
            _hold: store.hold_for(zip(&configuration.code), &layers),
            code: configuration.code.clone(),
            image_config: setting("ImageConfigResponse")
                .and_then(|it| it.get("ImageConfig"))
                .cloned(),
            layers,
            variables: variables(function, configuration, region, base.as_ref()),
            root: base.map(|base| base.root),
            libraries: setting("Runtime").and_then(|name| libraries(name.as_str()?, arch)),
            arch,
            json_log: log_format(configuration) == Some("JSON"),
            memory: setting("MemorySize").and_then(Value::as_u64).unwrap_or(MEMORY),
            storage: setting("EphemeralStorage")
                .and_then(|storage| storage.get("Size")?.as_u64())
                .unwrap_or(STORAGE),
        }
    }

    /// The function's name.
    pub(super) fn function(&self) -> &str {
        self.variables.get("AWS_LAMBDA_FUNCTION_NAME").map_or("", String::as_str)
    }

    /// Where its log goes.
    pub(super) fn log_group(&self) -> &str {
        self.variables.get("AWS_LAMBDA_LOG_GROUP_NAME").map_or("", String::as_str)
    }

    /// Unpacks what is needed. `walled`: the environment has a file system of its own.
    pub(super) async fn launch(
        &self,
        store: &Arc<Store>,
        stream: &str,
        tmp: PathBuf,
        (program, walled): (PathBuf, bool),
    ) -> Result<Launch, Failure> {
        let mut variables = self.variables.clone();
        variables.insert("AWS_LAMBDA_LOG_STREAM_NAME".to_owned(), stream.to_owned());
        let how = (variables, tmp, program, walled);
        match &self.code {
            Code::Zip { sha256, .. } => self.launch_zip(store, sha256, how).await,
            Code::Image { resolved, .. } => self.launch_image(store, resolved, how).await,
        }
    }

    async fn launch_zip(
        &self,
        store: &Arc<Store>,
        code: &str,
        how: How,
    ) -> Result<Launch, Failure> {
        let (mut variables, tmp, program, walled) = how;
        let (layers, store, code) = (self.layers.clone(), store.clone(), code.to_owned());
        let unpack = move || {
            let task = store.unpacked(&code)?;
            let all: Vec<&str> = layers.iter().map(String::as_str).collect();
            let opt = if all.is_empty() { None } else { Some(store.unpacked_together(&all)?) };
            std::fs::create_dir_all(&tmp)?;
            Ok::<_, std::io::Error>((task, opt, tmp))
        };
        let unpacked = tokio::task::spawn_blocking(unpack).await.map_err(Failure::local)?;
        let (task, opt, tmp) = unpacked.map_err(Failure::local)?;
        let room = walled.then(|| Room {
            place: tmp.clone(),
            task: Some(task.clone()),
            opt: opt.clone(),
            tmp: self.storage,
            libraries: is_program(&task).then(|| self.libraries.clone()).flatten(),
            root: self.root.clone(),
            folder: TASK.into(),
        });
        if walled {
            at_home(&mut variables, Path::new(TASK), Path::new(OPT));
        } else {
            at_home(&mut variables, &task, opt.as_deref().unwrap_or(Path::new(OPT)));
            // In place of `/tmp`, which on Lambda is the environment's own.
            variables.entry("TMPDIR".to_owned()).or_insert(tmp.display().to_string());
        }
        let (arch, json_log) = (self.arch, self.json_log);
        let memory = self.memory;
        Ok(Launch { task, opt, variables, arch, json_log, program, memory, room, image: None })
    }

    async fn launch_image(
        &self,
        store: &Arc<Store>,
        resolved: &str,
        how: How,
    ) -> Result<Launch, Failure> {
        let (mut variables, tmp, program, walled) = how;
        if !walled {
            let why = "an image runs in a sandbox only, since it has a file system of its own";
            return Err(Failure::local(why));
        }
        let (store, resolved, arch) = (store.clone(), resolved.to_owned(), self.arch);
        let find = move || {
            std::fs::create_dir_all(&tmp).map_err(Failure::local)?;
            Ok((store.image(&resolved, arch)?, tmp))
        };
        let found = tokio::task::spawn_blocking(find).await.map_err(Failure::local)?;
        let (image, place) = found?;
        let start = image.start(self.image_config.as_ref())?;
        let opt = Some(image.folder.join("opt")).filter(|opt| opt.is_dir());
        for (name, value) in image.config.variables() {
            variables.entry(name).or_insert(value);
        }
        add_defaults(&mut variables);
        // A function of an image has none; the runtime client of its image may set it.
        variables.retain(|name, value| name != "_HANDLER" || !value.is_empty());
        variables.insert("LAMBDA_TASK_ROOT".to_owned(), TASK.to_owned());
        variables.insert("LAMBDA_RUNTIME_DIR".to_owned(), RUNTIME.to_owned());
        let folder = PathBuf::from(&start.folder);
        let (tmp, libraries) = (self.storage, None);
        let task = image.folder.clone();
        let room = Some(Room {
            place,
            task: None,
            opt: None,
            tmp,
            libraries,
            root: Some(task.clone()),
            folder,
        });
        let image = Some((image, start));
        let (json_log, memory) = (self.json_log, self.memory);
        Ok(Launch { task, opt, variables, arch, json_log, program, memory, room, image })
    }
}

/// With what variables, in which folder of its own, by which program, and whether with a file system of its
/// own.
type How = (BTreeMap<String, String>, PathBuf, PathBuf, bool);

/// The digest of a zip; none of an image.
fn zip(code: &Code) -> Option<&str> {
    match code {
        Code::Zip { sha256, .. } => Some(sha256),
        Code::Image { .. } => None,
    }
}

/// The libraries of a runtime.
fn libraries(runtime: &str, arch: Arch) -> Option<Vec<String>> {
    let runtime = runtime.parse().ok()?;
    let system = System::of_zip(runtime, arch).ok()?;
    Some(system.libraries().map(str::to_owned).collect())
}

/// Whether the entry point is a program. A script's interpreter is this machine's, and may need more than
/// Lambda has.
fn is_program(task: &Path) -> bool {
    let mut start = [0; 4];
    let read =
        std::fs::File::open(task.join("bootstrap")).and_then(|mut it| it.read_exact(&mut start));
    read.is_ok() && elf::is_elf(&start)
}

/// `Text` or `JSON`.
fn log_format(configuration: &Configuration) -> Option<&str> {
    configuration.settings.get("LoggingConfig")?.get("LogFormat")?.as_str()
}

/// All but those that say where the files are. AWS documents `AWS_EXECUTION_ENV` too, and sets it for its
/// managed runtimes only, not for `provided.*`.
fn variables(
    function: &str,
    configuration: &Configuration,
    region: &str,
    base: Option<&Base>,
) -> BTreeMap<String, String> {
    let text = |name: &str| configuration.settings.get(name).and_then(|value| value.as_str());
    let memory = configuration.settings.get("MemorySize").and_then(Value::as_u64);
    let group =
        configuration.settings.get("LoggingConfig").and_then(|log| log.get("LogGroup")?.as_str());
    let group = group.map_or_else(|| format!("/aws/lambda/{function}"), str::to_owned);
    let own =
        configuration.settings.get("Environment").and_then(|map| map.get("Variables")?.as_object());
    let own = own.into_iter().flatten();
    let own = own.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let mut all = base.map(|base| base.variables.clone()).unwrap_or_default();
    all.extend(own);
    for (name, value) in [
        ("_HANDLER", text("Handler").unwrap_or_default()),
        ("AWS_DEFAULT_REGION", region),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", &memory.unwrap_or(128).to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", function),
        ("AWS_LAMBDA_FUNCTION_VERSION", &configuration.version_text()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", &group),
        ("AWS_REGION", region),
        // What the server accepts; good for nothing else.
        ("AWS_ACCESS_KEY_ID", "LOCALLAMBDAPACK"),
        ("AWS_SECRET_ACCESS_KEY", "local"),
        ("AWS_SESSION_TOKEN", "local"),
    ] {
        all.insert(name.to_owned(), value.to_owned());
    }
    all
}

/// Those that a function, or its image, may set otherwise.
fn add_defaults(variables: &mut BTreeMap<String, String>) {
    for (name, value) in [("LANG", "en_US.UTF-8"), ("TZ", ":UTC")] {
        variables.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
}

/// Those that say where the files are.
fn at_home(variables: &mut BTreeMap<String, String>, task: &Path, opt: &Path) {
    add_defaults(variables);
    let (task, opt) = (task.display().to_string(), opt.display().to_string());
    variables.insert("LAMBDA_TASK_ROOT".to_owned(), task.clone());
    variables.insert("LAMBDA_RUNTIME_DIR".to_owned(), RUNTIME.to_owned());
    let paths = format!("/usr/local/bin:/usr/bin/:/bin:{opt}/bin");
    variables.entry("PATH".to_owned()).or_insert(paths);
    let libraries =
        format!("/lib64:/usr/lib64:{RUNTIME}:{RUNTIME}/lib:{task}:{task}/lib:{opt}/lib");
    variables.entry("LD_LIBRARY_PATH".to_owned()).or_insert(libraries);
}
