//! The places of one build, each of which can be another: workspace, homes, mirrors, target folder.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use lambda_pack::digest::Sha256;
use tempfile::TempDir;

use crate::support::{Run, host_arch, repository, run, scrub};

/// Which of the fixtures is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fixture {
    /// No C, and all dependencies from mirrors on this machine.
    Small,
    /// The same with a dependency by path that lies beside the workspace.
    Beside,
    /// The same with its dependencies in the workspace's own folder `vendor`.
    Vendored,
    /// ring, and C of its own; its dependencies are in this machine's cargo home already.
    Native,
    /// ring, aws-lc, zstd and C++.
    All,
}

impl Fixture {
    fn workspace(self) -> PathBuf {
        let fixtures = repository().join("tests/it/fixtures");
        match self {
            Self::Small | Self::Beside | Self::Vendored => fixtures.join("same-bytes/workspace"),
            Self::Native => fixtures.join("same-bytes/native"),
            Self::All => fixtures.join("native-build"),
        }
    }

    /// The handler whose bytes are compared.
    pub(super) fn handler(self) -> &'static str {
        if self.is_small() { "small" } else { "native" }
    }

    fn is_small(self) -> bool {
        matches!(self, Self::Small | Self::Beside | Self::Vendored)
    }
}

/// Copies of all that a build reads, each in a folder of its own.
pub(super) struct Stand {
    pub(super) fixture: Fixture,
    _folders: [TempDir; 2],
    pub(super) workspace: PathBuf,
    pub(super) home: PathBuf,
    pub(super) cargo_home: PathBuf,
    pub(super) mirror: PathBuf,
    /// A target folder outside the workspace.
    pub(super) target: PathBuf,
}

/// One build: which copies, and in which circumstances.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) handler: &'static str,
    pub(super) workspace: PathBuf,
    pub(super) home: PathBuf,
    pub(super) cargo_home: PathBuf,
    /// What stands for the registry and git hosts; none: they themselves.
    pub(super) mirror: Option<PathBuf>,
    /// `--target-dir`, as typed.
    pub(super) target: Option<PathBuf>,
    /// What a shell does first.
    pub(super) before: &'static str,
    pub(super) variables: Vec<(&'static str, PathBuf)>,
    pub(super) args: Vec<String>,
    pub(super) arch: &'static str,
}

impl Stand {
    /// `name` makes folders of another length, with blanks and letters that are not ASCII. Where
    /// mirrors lie has none: cargo's URL of a folder would hold them quoted, which no one types.
    pub(super) fn new(fixture: Fixture, name: &str) -> Self {
        let folder = TempDir::with_prefix(format!("{name} ü ")).unwrap();
        let plain = TempDir::with_prefix(name.replace(' ', "-")).unwrap();
        let root = folder.path().canonicalize().unwrap();
        let this = Self {
            fixture,
            workspace: root.join("a workspace").join(name),
            home: root.join("home"),
            cargo_home: root.join("cargo home"),
            mirror: plain.path().canonicalize().unwrap().join("mirror"),
            target: root.join("target of it"),
            _folders: [folder, plain],
        };
        copy(&fixture.workspace(), &this.workspace);
        let beside = repository().join("tests/it/fixtures/same-bytes/outside");
        copy(&beside, &this.workspace.parent().unwrap().join("outside"));
        for folder in [&this.home, &this.cargo_home] {
            fs::create_dir_all(folder).unwrap();
        }
        if !fixture.is_small() {
            this.copied_mirror();
            return this;
        }
        let sum = this.own_mirror();
        match fixture {
            Fixture::Beside => this.depend_beside(),
            Fixture::Vendored => this.vendor(&sum),
            _ => {}
        }
        this
    }

    /// Replaces a text of a file of the workspace.
    fn edit(&self, path: &str, from: &str, to: &str) {
        let path = self.workspace.join(path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "no {from:?} in {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    }

    fn depend_beside(&self) {
        let dependency = "outside.path = \"../../../outside\"\nplaces.path";
        self.edit("crates/small/Cargo.toml", "places.path", dependency);
        let line = "    places.insert(\"beside\", outside::place(n));\n    while";
        self.edit("crates/small/src/main.rs", "    while", line);
        let package = "[[package]]\nname = \"outside\"\nversion = \"0.1.0\"\n\n";
        let places = "[[package]]\nname = \"places\"";
        self.edit("Cargo.lock", places, &format!("{package}{places}"));
        self.edit("Cargo.lock", " \"places\",", " \"outside\",\n \"places\",");
    }

    /// As `cargo vendor` leaves it.
    fn vendor(&self, sum: &str) {
        let fixtures = repository().join("tests/it/fixtures/same-bytes");
        for (package, from, sum) in [
            ("tiny", "registry/tiny", format!("\"{sum}\"")),
            ("gitty", "git/gitty", "null".to_owned()),
        ] {
            let to = self.workspace.join("vendor").join(package);
            copy(&fixtures.join(from), &to);
            let sums = format!("{{\"files\":{{}},\"package\":{sum}}}");
            fs::write(to.join(".cargo-checksum.json"), sums).unwrap();
        }
        fs::create_dir_all(self.workspace.join(".cargo")).unwrap();
        let config = "[source.ours]\nreplace-with = \"vendored\"\n\
                      [source.\"https://git.invalid/gitty\"]\nreplace-with = \"vendored\"\n\
                      [source.vendored]\ndirectory = \"vendor\"\n";
        fs::write(self.workspace.join(".cargo/config.toml"), config).unwrap();
    }

    /// A registry and a git repository with one package each. Returns the sum of the former's.
    fn own_mirror(&self) -> String {
        let fixtures = repository().join("tests/it/fixtures/same-bytes");
        let crates = self.mirror.join("registry");
        let index = crates.join("index/ti/ny");
        fs::create_dir_all(&index).unwrap();
        let unpacked = self.mirror.join("tiny-1.0.0");
        copy(&fixtures.join("registry/tiny"), &unpacked);
        let archive = crates.join("tiny-1.0.0.crate");
        let mut tar = Command::new("tar");
        tar.args(["--format=ustar", "--owner=0", "--group=0", "--mtime=@0", "--sort=name"]);
        tar.arg("-czf").arg(&archive).arg("-C").arg(&self.mirror).arg("tiny-1.0.0");
        run(tar.env("GZIP", "-n")).code(0);
        fs::remove_dir_all(unpacked).unwrap();
        let sum = Sha256::of(&fs::read(archive).unwrap()).hex();
        let entry = format!(
            r#"{{"name":"tiny","vers":"1.0.0","deps":[],"cksum":"{sum}","features":{{}},"yanked":false}}"#
        );
        fs::write(index.join("tiny"), entry + "\n").unwrap();

        let git = self.mirror.join("gitty");
        copy(&fixtures.join("git/gitty"), &git);
        for step in [&["init", "-q"][..], &["add", "-A"], &["commit", "-qm", "x"]] {
            let mut command = Command::new("git");
            command.args(["-c", "user.name=t", "-c", "user.email=t@t.invalid"]).args(step);
            // So that the commit has the same name everywhere.
            command.env("GIT_AUTHOR_DATE", "@0 +0000").env("GIT_COMMITTER_DATE", "@0 +0000");
            run(command.current_dir(&git)).code(0);
        }
        let mut command = Command::new("git");
        let commit = run(command.args(["rev-parse", "HEAD"]).current_dir(&git)).code(0).stdout;
        fs::write(self.workspace.join("Cargo.lock"), lock(&sum, commit.trim())).unwrap();
        sum
    }

    /// What this machine has of the registry's packages that the lock file names.
    fn copied_mirror(&self) {
        let manifest = self.fixture.workspace().join("Cargo.toml");
        let mut fetch = Command::new("cargo");
        scrub(&mut fetch);
        run(fetch.args(["fetch", "-q", "--locked", "--manifest-path"]).arg(manifest)).code(0);
        let registry = real_cargo_home().join("registry");
        let crates = self.mirror.join("registry");
        let lock = fs::read_to_string(self.workspace.join("Cargo.lock")).unwrap();
        let lock: toml::Table = lock.parse().unwrap();
        for package in lock["package"].as_array().unwrap() {
            let word = |key| package.get(key).and_then(toml::Value::as_str);
            let (Some(name), Some(version), Some(_)) =
                (word("name"), word("version"), word("source"))
            else {
                continue;
            };
            let place = match name.len() {
                1..=3 => format!("{}/{}", name.len(), &name[..1]),
                _ => format!("{}/{}", &name[..2], &name[2..4]),
            };
            let place = if name.len() < 3 { name.len().to_string() } else { place };
            let cached = found(&registry.join("index"), &format!(".cache/{place}/{name}")).unwrap();
            // A cached answer of the registry: its lines of JSON between zero bytes.
            let cached = fs::read(cached).unwrap();
            let entry = cached.split(|&byte| byte == 0).find(|piece| {
                serde_json::from_slice(piece)
                    .is_ok_and(|entry: serde_json::Value| entry["vers"] == *version)
            });
            let entry = entry.unwrap_or_else(|| panic!("{name} {version}"));
            let index = crates.join("index").join(place);
            fs::create_dir_all(&index).unwrap();
            let mut lines = fs::read_to_string(index.join(name)).unwrap_or_default();
            lines.push_str(str::from_utf8(entry).unwrap());
            lines.push('\n');
            fs::write(index.join(name), lines).unwrap();
            let archive = format!("{name}-{version}.crate");
            // Those of other platforms are not downloaded.
            if let Some(from) = found(&registry.join("cache"), &archive) {
                fs::copy(from, crates.join(&archive)).unwrap();
            }
        }
    }

    /// The plain build that all others are held against.
    pub(super) fn site(&self) -> Site {
        let own = self.fixture.is_small();
        Site {
            handler: self.fixture.handler(),
            workspace: self.workspace.clone(),
            home: if own { self.home.clone() } else { std::env::home_dir().unwrap() },
            cargo_home: if own { self.cargo_home.clone() } else { real_cargo_home() },
            mirror: own.then(|| self.mirror.clone()),
            target: None,
            before: ":",
            variables: Vec::new(),
            args: Vec::new(),
            arch: host_arch(),
        }
    }
}

/// The file of that name in one of the folders of a folder.
fn found(folders: &Path, name: &str) -> Option<PathBuf> {
    let all = fs::read_dir(folders).unwrap().map(|item| item.unwrap().path().join(name));
    all.into_iter().find(|path| path.is_file())
}

fn real_cargo_home() -> PathBuf {
    let home = || std::env::home_dir().unwrap().join(".cargo");
    std::env::var_os("CARGO_HOME").map_or_else(home, PathBuf::from)
}

/// Copies a folder.
pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Sets the time of every file below a folder.
pub(super) fn touch(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            touch(&entry.path());
        } else {
            File::open(entry.path()).unwrap().set_modified(SystemTime::now()).unwrap();
        }
    }
}

impl Site {
    pub(super) fn target(&self) -> PathBuf {
        self.workspace.join(self.target.as_deref().unwrap_or(Path::new("target")))
    }

    /// A program in these circumstances: the words come after it.
    fn command(&self, program: &str) -> Command {
        fs::create_dir_all(&self.cargo_home).unwrap();
        if let Some(mirror) = &self.mirror {
            fs::write(self.cargo_home.join("config.toml"), replacement(mirror)).unwrap();
        }
        let mut command = Command::new("sh");
        scrub(&mut command);
        command.env_remove("RUSTC").arg("-c");
        command.arg(format!("{}; program=$1; shift; exec \"$program\" \"$@\"", self.before));
        command.arg("sh").arg(program).current_dir(&self.workspace);
        // rustup's programs find their toolchain by it, or else by HOME.
        let rustup = std::env::home_dir().unwrap().join(".rustup");
        if rustup.is_dir() {
            let named = std::env::var_os("RUSTUP_HOME");
            command.env("RUSTUP_HOME", named.map_or(rustup, PathBuf::from));
        }
        command.env("HOME", &self.home).env("CARGO_HOME", &self.cargo_home);
        command.env_remove("XDG_CACHE_HOME");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    fn end(&self, command: &mut Command) {
        command.args(&self.args);
        if let Some(target) = &self.target {
            command.arg("--target-dir").arg(target);
        }
    }

    /// Packages the handler.
    #[track_caller]
    pub(super) fn run(&self) -> Run {
        self.run_with(&[])
    }

    #[track_caller]
    fn run_with(&self, more: &[&str]) -> Run {
        let mut command = self.command(env!("CARGO_BIN_EXE_cargo-lambda-pack"));
        command.args(["package", "--locked", "--output", "json", "-p", self.handler]).args(more);
        command.env("LAMBDA_PACK_SYSROOT", "/");
        self.end(&mut command);
        run(&mut command).code(0)
    }

    /// Packages the handler, and returns the digests of its zip and of its image, and its executable.
    #[track_caller]
    pub(super) fn package(&self) -> (String, Vec<u8>) {
        let records = self.run().records();
        let bundle = records.iter().find(|record| record["reason"] == "bundle").unwrap();
        let digest = bundle["CodeSha256"].as_str().unwrap().to_owned();
        let folder = self.target().join("lambda-pack").join(self.handler).join(self.arch);
        let zip = fs::read(folder.join("bootstrap.zip")).unwrap();
        assert_eq!(Sha256::of(&zip).base64(), digest);
        // From scratch a program of glibc brings that along, and this machine has its own alone.
        let image = (self.arch == host_arch()).then(|| {
            let records = self.run_with(&["--format", "image", "--base", "scratch"]).records();
            let image = records.into_iter().find(|record| record["reason"] == "image").unwrap();
            image["digest"].as_str().unwrap().to_owned()
        });
        let digest = format!("{digest} {}", image.unwrap_or_default());
        (digest, fs::read(folder.join("bootstrap")).unwrap())
    }

    /// The executable of plain cargo.
    #[track_caller]
    pub(super) fn plain(&self) -> Vec<u8> {
        let mut command = self.command("cargo");
        command.args(["build", "--release", "-q", "-p", self.handler]);
        self.end(&mut command);
        run(&mut command).code(0);
        fs::read(self.target().join("release").join(self.handler)).unwrap()
    }
}

/// Cargo replaces a git repository only where a lock file names the commit.
fn lock(sum: &str, commit: &str) -> String {
    let package = |name: &str, version: &str, rest: &str| {
        format!("[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n{rest}\n")
    };
    let git = format!("source = \"git+https://git.invalid/gitty#{commit}\"\n");
    let tiny = format!("source = \"registry+{REGISTRY}\"\nchecksum = \"{sum}\"\n");
    let needs =
        "dependencies = [\n \"gitty\",\n \"lambda_runtime\",\n \"places\",\n \"tiny\",\n]\n";
    [
        "version = 4\n\n",
        &package("gitty", "0.1.0", &git),
        &package("lambda_runtime", "0.1.0", ""),
        &package("places", "0.1.0", ""),
        &package("small", "0.1.0", needs),
        &package("tiny", "1.0.0", &tiny),
    ]
    .concat()
}

/// Where `tiny` is said to come from; nothing is there.
const REGISTRY: &str = "https://registry.invalid/index";

/// Cargo's configuration: other places for the same sources.
fn replacement(mirror: &Path) -> String {
    let mirror = mirror.display();
    format!(
        "[source.crates-io]\nreplace-with = \"mirror\"\n\
         [registries.ours]\nindex = \"{REGISTRY}\"\n\
         [source.ours]\nregistry = \"{REGISTRY}\"\nreplace-with = \"mirror\"\n\
         [source.mirror]\nlocal-registry = \"{mirror}/registry\"\n\
         [source.\"https://git.invalid/gitty\"]\ngit = \"https://git.invalid/gitty\"\n\
         replace-with = \"git-mirror\"\n\
         [source.git-mirror]\ngit = \"file://{mirror}/gitty\"\n"
    )
}
