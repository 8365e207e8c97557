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
use crate::account::{Code, Configuration};
use crate::elf;
use crate::sandbox::Room;
use crate::system::System;
use crate::target::Arch;

/// Where Lambda has the function's files.
pub(super) const TASK: &str = "/var/task";
/// Where Lambda has the layers' files.
pub(super) const OPT: &str = "/opt";
/// The size of `/tmp` where nothing is said, in MB ("Lambda quotas").
const STORAGE: u64 = 512;
/// The memory of a function where nothing is said, in MB (`CreateFunction`, `MemorySize`).
const MEMORY: u64 = 128;

/// What a version runs with.
pub(super) struct Spec {
    /// The digest of its zip; none of an image.
    code: Option<String>,
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
        let zip = |code: &Code| match code {
            Code::Zip { sha256, .. } => Some(sha256.clone()),
            Code::Image { .. } => None,
        };
        let setting = |name: &str| configuration.settings.get(name);
        let first = setting("Architectures").and_then(|list| list.get(0)?.as_str());
        let arch = first.and_then(|name| name.parse().ok()).unwrap_or(Arch::X86_64);
        let code = zip(&configuration.code);
        let base = store.base(function);
        let layers: Vec<_> =
            configuration.layers.iter().filter_map(|layer| zip(&layer.code)).collect();
        Self {
            _hold: store.hold_for(code.as_deref(), &layers),
            code,
            layers,
            variables: variables(function, configuration, region, base.as_ref()),
            root: base.map(|base| base.root),
            libraries: setting("Runtime").and_then(|name| libraries(name.as_str()?, arch)),
            arch,
            json_log: log_format(configuration) == Some("JSON"),
            memory: setting("MemorySize").and_then(serde_json::Value::as_u64).unwrap_or(MEMORY),
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
        let store = store.clone();
        let Some(code) = self.code.clone() else {
            return Err(Failure::local("functions of images cannot be run on this machine"));
        };
        let layers = self.layers.clone();
        let unpack = move || {
            let task = store.unpacked(&code)?;
            let all: Vec<&str> = layers.iter().map(String::as_str).collect();
            let opt = if all.is_empty() { None } else { Some(store.unpacked_together(&all)?) };
            std::fs::create_dir_all(&tmp)?;
            Ok::<_, std::io::Error>((task, opt, tmp))
        };
        let unpacked = tokio::task::spawn_blocking(unpack).await.map_err(Failure::local)?;
        let (task, opt, tmp) = unpacked.map_err(Failure::local)?;
        let mut variables = self.variables.clone();
        variables.insert("AWS_LAMBDA_LOG_STREAM_NAME".to_owned(), stream.to_owned());
        let room = walled.then(|| Room {
            place: tmp.clone(),
            task: task.clone(),
            opt: opt.clone(),
            tmp: self.storage,
            libraries: is_program(&task).then(|| self.libraries.clone()).flatten(),
            root: self.root.clone(),
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
        Ok(Launch { task, opt, variables, arch, json_log, program, memory, room })
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
    let memory = configuration.settings.get("MemorySize").and_then(serde_json::Value::as_u64);
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
    // These a function may set otherwise.
    for (name, value) in [("LANG", "en_US.UTF-8"), ("TZ", ":UTC")] {
        all.entry(name.to_owned()).or_insert_with(|| value.to_owned());
    }
    all
}

/// Those that say where the files are.
fn at_home(variables: &mut BTreeMap<String, String>, task: &Path, opt: &Path) {
    let (task, opt) = (task.display().to_string(), opt.display().to_string());
    let runtime = "/var/runtime";
    variables.insert("LAMBDA_TASK_ROOT".to_owned(), task.clone());
    variables.insert("LAMBDA_RUNTIME_DIR".to_owned(), runtime.to_owned());
    let paths = format!("/usr/local/bin:/usr/bin/:/bin:{opt}/bin");
    variables.entry("PATH".to_owned()).or_insert(paths);
    let libraries =
        format!("/lib64:/usr/lib64:{runtime}:{runtime}/lib:{task}:{task}/lib:{opt}/lib");
    variables.entry("LD_LIBRARY_PATH".to_owned()).or_insert(libraries);
}
