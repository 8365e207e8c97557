//! Functions whose code is a container image: its files in a folder, and how they are started.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::failure::Failure;
use crate::digest::Sha256;
use crate::image::config::Config;
use crate::image::lint;
use crate::image::root::{Item, Root};
use crate::target::Arch;

/// Finds the image of an `ImageUri` for an architecture; what it lays out, it may put into that folder, which
/// ends with the server. None: it is of a registry that nobody asks. An error is what Lambda says of it.
type Find = dyn Fn(&str, Arch, &Path) -> Result<Option<Image>, String> + Send + Sync;

/// Where images come from.
#[derive(Clone, Default)]
pub struct Images(Option<Arc<Find>>);

impl fmt::Debug for Images {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Images").field(&self.0.is_some()).finish()
    }
}

impl Images {
    /// From whatever `find` knows.
    pub fn new(
        find: impl Fn(&str, Arch, &Path) -> Result<Option<Image>, String> + Send + Sync + 'static,
    ) -> Self {
        Self(Some(Arc::new(find)))
    }

    /// Finds one. It may take as long as a download.
    pub(super) fn find(
        &self,
        uri: &str,
        arch: Arch,
        folder: &Path,
    ) -> Result<Option<Image>, String> {
        self.0.as_ref().map_or(Ok(None), |find| find(uri, arch, folder))
    }
}

/// An image that can be run.
#[derive(Debug, Clone)]
pub struct Image {
    /// The digest of its manifest.
    pub digest: Sha256,
    /// Its files, as they are after all layers.
    pub folder: PathBuf,
    /// The same as they were read.
    pub root: Root,
    /// Its configuration.
    pub config: Config,
}

/// How an image is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// Where the program is: no link, no slash at the beginning.
    pub(super) program: String,
    /// All words, the program as it is called first.
    pub(super) words: Vec<String>,
    /// The working folder.
    pub(super) folder: String,
}

impl Image {
    /// How it is started: by its own configuration, and the function's `ImageConfig` over it (AWS: "Container
    /// image overrides": each of the three counts in place of the image's own).
    pub(super) fn start(&self, wanted: Option<&Value>) -> Result<Start, Failure> {
        let words = |name: &str, own: &str| {
            let wanted = wanted.and_then(|wanted| wanted.get(name)?.as_array());
            let wanted = wanted.filter(|words| !words.is_empty()).map(|words| {
                words.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
            });
            let own = || self.config.words(own).into_iter().map(str::to_owned).collect();
            wanted.unwrap_or_else(own)
        };
        let mut all = words("EntryPoint", "Entrypoint");
        all.extend(words("Command", "Cmd"));
        let folder = wanted.and_then(|wanted| wanted.get("WorkingDirectory")?.as_str());
        let folder = folder.or_else(|| self.config.run()["WorkingDir"].as_str());
        let folder = folder.filter(|folder| !folder.is_empty()).unwrap_or("/").to_owned();
        let inside = folder.trim_matches('/');
        let is_folder = inside.is_empty()
            || lint::is_lambdas(inside)
            || self.root.find(inside).is_some_and(|(_, node)| node.item == Item::Folder);
        if !is_folder {
            return Err(Failure::working_folder(&folder));
        }
        let first = all.first().map(String::as_str).unwrap_or_default();
        let found = lint::program(&self.root, &self.config, first, &folder);
        let found = found.and_then(|path| self.root.real(path.trim_start_matches('/')));
        let Some(program) = found.filter(|_| !first.is_empty()) else {
            let why = format!("fork/exec {first}: no such file or directory");
            return Err(Failure::entry_point(why));
        };
        Ok(Start { program, words: all, folder })
    }

    /// Whether something stands at an absolute path.
    pub(super) fn has(&self, path: &str) -> bool {
        self.root.find(path.trim_start_matches('/')).is_some()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::audit::Content;
    use crate::tar::{Header, Kind};

    fn image() -> Image {
        let config = json!({ "config": {
            "Entrypoint": ["/run.sh"], "Cmd": ["one"], "WorkingDir": "/work",
            "Env": ["PATH=/usr/bin:/bin"],
        } });
        let config = Config::read(config.to_string().as_bytes()).unwrap();
        let mut root = Root::default();
        let mut layer = root.layer(0);
        for (path, kind) in [
            ("work", Kind::Folder),
            ("bin", Kind::Symlink("usr/bin".to_owned())),
            ("usr", Kind::Folder),
            ("usr/bin", Kind::Folder),
            ("usr/bin/tool", Kind::File),
            ("run.sh", Kind::File),
        ] {
            let (path, is_utf8, mode) = (path.to_owned(), true, 0o755);
            let header = Header { path, is_utf8, kind, mode, uid: 0, gid: 0, size: 0 };
            layer.put(&header, Content::Other);
        }
        Image { digest: Sha256::of(b""), folder: PathBuf::new(), root, config }
    }

    #[test]
    fn the_functions_words_stand_in_place_of_the_images() {
        for (wanted, program, words, folder) in [
            (json!({}), "run.sh", "/run.sh one", "/work"),
            (json!({ "EntryPoint": [], "Command": [] }), "run.sh", "/run.sh one", "/work"),
            (
                json!({ "EntryPoint": ["tool", "-x"], "WorkingDirectory": "/" }),
                "usr/bin/tool",
                "tool -x one",
                "/",
            ),
            (
                json!({ "EntryPoint": ["/bin/tool"], "Command": ["two"] }),
                "usr/bin/tool",
                "/bin/tool two",
                "/work",
            ),
        ] {
            let start = image().start(Some(&wanted)).unwrap();
            let is = (start.program.as_str(), start.words.join(" "), start.folder.as_str());
            assert_eq!(is, (program, words.to_owned(), folder), "{wanted}");
        }
    }

    #[test]
    fn what_is_not_there_is_no_entry_point() {
        for wanted in [json!({ "EntryPoint": ["/no"] }), json!({ "EntryPoint": ["other"] })] {
            let failure = image().start(Some(&wanted)).unwrap_err();
            assert_eq!(failure.kind(), "Runtime.InvalidEntrypoint");
        }
        let failure = image().start(Some(&json!({ "WorkingDirectory": "/no" }))).unwrap_err();
        assert_eq!(failure.kind(), "Runtime.InvalidWorkingDir");
    }
}
