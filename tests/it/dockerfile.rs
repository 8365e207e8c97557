//! `package --format dockerfile`: what it writes, and that buildah really builds it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::support::{LAMBDA, Run, Workspace, cc, have, repository, run, rustc};

const ALL: [&str; 5] = ["package", "--format", "dockerfile", "--arch", "x86_64"];

/// Two functions and an extension; files with names that Dockerfiles and shells would read otherwise.
fn orders() -> Workspace {
    let workspace = Workspace::new();
    workspace.handler("orders-api", "include = [\"static\"]\ndlopen = [\"libfoo.so.1\"]\n");
    workspace.write("crates/orders-api/static/a b/$HOME's.txt", "x");
    let script = workspace.write("crates/orders-api/static/run.sh", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    workspace.handler("Orders_worker", "image.base = \"scratch\"\nlibc = \"musl\"\n");
    workspace.package(
        "telemetry",
        "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n\
         [package.metadata.lambda-pack]\nlibc = \"musl\"\n",
    );
    workspace.write(".cargo/config.toml", "[build]\nrustflags = [\"--cfg\", \"a=\\\"b c\\\"\"]\n");
    workspace.run(&["package", "--format", "dockerfile", "--out", "elsewhere"]).code(0);
    fs::remove_dir_all(workspace.path().join("elsewhere")).unwrap();
    workspace
}

fn read(workspace: &Workspace, path: &str) -> String {
    fs::read_to_string(workspace.path().join(path)).unwrap()
}

#[track_caller]
fn pinned(text: &str, name: &str) {
    let path = repository().join("tests/it/dockerfile").join(name);
    snapbox::assert_data_eq!(text, snapbox::Data::read_from(&path, None).raw());
}

/// The version of rustc, which is another one tomorrow.
fn version() -> String {
    rustc().version.split_whitespace().nth(1).unwrap().to_owned()
}

#[test]
fn the_dockerfile_of_a_small_workspace() {
    let workspace = orders();
    workspace.write("Cargo.lock", lock(&workspace));
    let answer = workspace.run(&ALL).code(0).says("2 stages");
    let root = workspace.path().canonicalize().unwrap();
    let paths = ["Dockerfile", "Dockerfile.dockerignore"].map(|name| root.join(name));
    let lines: Vec<PathBuf> = answer.stdout.lines().map(PathBuf::from).collect();
    assert_eq!(lines, paths);
    let text = read(&workspace, "Dockerfile");
    pinned(&text.replace(&version(), "VERSION"), "Dockerfile");
    pinned(&read(&workspace, "Dockerfile.dockerignore"), "Dockerfile.dockerignore");
    assert!(!text.contains(workspace.path().to_str().unwrap()), "{text}");
}

/// Cargo's own lock file, made by cargo.
fn lock(workspace: &Workspace) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    crate::support::scrub(&mut cargo);
    cargo.args(["generate-lockfile", "--offline"]).current_dir(workspace.path());
    run(&mut cargo).code(0);
    read(workspace, "Cargo.lock")
}

#[test]
fn the_same_everywhere_and_every_time() {
    let (one, two) = (orders(), orders());
    let write = |workspace: &Workspace| {
        workspace.run(&ALL).code(0).says("Written");
        workspace.run(&ALL).code(0).says("Unchanged");
        let texts = ["Dockerfile", "Dockerfile.dockerignore"].map(|name| read(workspace, name));
        texts.join("\n")
    };
    assert_eq!(write(&one), write(&two));
    let args = [&ALL[..], &["--output", "json"]].concat();
    let records = one.run(&args).code(0).records();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["reason"], "dockerfile");
    assert_eq!(records[0]["fresh"], true);
    assert_eq!(records[0]["stages"], serde_json::json!(["orders_worker", "orders-api"]));
}

#[test]
fn a_dockerfile_of_the_users_stays() {
    let workspace = Workspace::hello();
    for name in ["Dockerfile", "Dockerfile.dockerignore"] {
        workspace.write(name, "FROM mine\n");
        let answer = workspace.run(&ALL).code(2).says("none of ours").says("`--out`");
        assert_eq!(answer.stdout, "");
        assert_eq!(read(&workspace, name), "FROM mine\n");
        fs::remove_file(workspace.path().join(name)).unwrap();
        let left = fs::read_dir(workspace.path()).unwrap();
        let named = |item: std::io::Result<fs::DirEntry>| item.unwrap().file_name();
        let docker = left.map(named).filter(|name| name.to_string_lossy().starts_with("Docker"));
        assert_eq!(docker.count(), 0, "half of it was written");
    }
    let args = [&ALL[..], &["--out", "images/lambda x"]].concat();
    workspace.run(&args).code(0);
    let text = read(&workspace, "images/lambda x/Dockerfile");
    assert!(text.contains("-f 'images/lambda x/Dockerfile' --target hello"), "{text}");
    // What it was, exchanged for what it is.
    workspace.handler("more", "");
    workspace.run(&args).code(0).says("Written");
    assert!(read(&workspace, "images/lambda x/Dockerfile").contains("--target more"));
}

#[test]
fn both_architectures_have_stages_of_their_own() {
    let workspace = Workspace::hello();
    workspace.run(&["package", "--format", "dockerfile", "--arch", "both"]).code(0);
    let text = read(&workspace, "Dockerfile");
    for line in [
        "FROM --platform=${X86_64} ${BASE} AS hello.x86_64\n",
        "FROM --platform=${ARM64} ${BASE} AS hello.arm64\n",
        "--target aarch64-unknown-linux-gnu --target x86_64-unknown-linux-gnu\n",
        "-Ctarget-cpu=neoverse-n1",
    ] {
        assert!(text.contains(line), "no {line:?} in:\n{text}");
    }
}

#[test]
fn what_docker_cannot_do_is_said() {
    let workspace = Workspace::hello();
    let with = |more: &[&str]| workspace.run(&[&ALL[..], more].concat()).code(2);
    with(&["--base", "scratch"]).says("--libc musl");
    with(&["--base", "oci:base"]).says("bases of registries only");
    with(&["--base", "x/y\nRUN z"]).says("bases of registries only");
    with(&["--layout", "cargo-lambda"]).says("`--layout` means nothing");
    with(&["--archive", "oci"]).says("`--archive` means nothing");
    with(&["--config", "env.SECRET='x'"]).says("may be a secret");
    with(&["-p", "nothing"]);
    workspace.run(&["package", "--build"]).code(2).says("`--format dockerfile`");
    assert!(!workspace.path().join("Dockerfile").exists());
    let beside = TempDir::new().unwrap();
    fs::create_dir_all(beside.path().join("src")).unwrap();
    fs::write(beside.path().join("src/lib.rs"), "").unwrap();
    fs::write(
        beside.path().join("Cargo.toml"),
        "[package]\nname = \"outer\"\nversion = \"0.1.0\"\nedition = \"2024\"\n[workspace]\n",
    )
    .unwrap();
    let path = beside.path().display();
    workspace.package("uses", &format!("{LAMBDA}outer.path = \"{path}\"\n"));
    with(&[]).says("outside of the workspace");
}

/// Copies a program of this machine, and the libraries that it needs, below a root.
fn install(root: &Path, program: &str) {
    let found = run(Command::new("sh").args(["-c", &format!("command -v {program}")])).code(0);
    let ldd = run(Command::new("ldd").arg(found.stdout.trim())).code(0).stdout;
    let libraries = ldd.split_whitespace().filter(|word| word.starts_with('/'));
    put(root, Path::new(found.stdout.trim()), &format!("usr/bin/{program}"));
    for library in libraries {
        put(root, Path::new(library), library.trim_start_matches('/'));
    }
}

fn put(root: &Path, from: &Path, to: &str) {
    let to = root.join(to);
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from.canonicalize().unwrap(), to).unwrap();
}

fn script(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, format!("#!/bin/sh\nset -eu\n{text}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Storage of buildah's own, and a folder for contexts.
struct Buildah {
    folder: TempDir,
}

impl Buildah {
    /// None on a machine that has none, or that lets only root use one.
    fn new() -> Option<Self> {
        if !have("buildah") || !have("sh") {
            return None;
        }
        let this = Self { folder: TempDir::new().unwrap() };
        let root = this.folder.path().display();
        let storage = format!(
            "[storage]\ndriver = \"vfs\"\ngraphroot = \"{root}/graph\"\nrunroot = \"{root}/run\"\n"
        );
        fs::write(this.folder.path().join("storage.conf"), storage).unwrap();
        Some(this)
    }

    fn with<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command
            .env("CONTAINERS_STORAGE_CONF", self.folder.path().join("storage.conf"))
            .env("BUILDAH_ISOLATION", "chroot")
            .env("STORAGE_DRIVER", "vfs")
    }

    /// An image of a folder, under a name.
    fn image(&self, root: &Path, name: &str, more: &str) {
        let file = self.folder.path().join("Containerfile");
        fs::write(&file, format!("FROM scratch\nCOPY . /\n{more}")).unwrap();
        let mut command = Command::new("buildah");
        command.args(["build", "-q", "-t", name, "-f"]).arg(&file).arg(root);
        run(self.with(&mut command)).code(0);
    }

    /// AWS's base, made of this machine's files.
    fn base(&self) {
        let root = self.folder.path().join("base");
        for folder in ["var/runtime", "var/task", "opt", "tmp", "lib64", "bin"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        install(&root, "sh");
        fs::copy(root.join("usr/bin/sh"), root.join("bin/sh")).unwrap();
        script(&root, "lambda-entrypoint.sh", "exec /var/runtime/bootstrap");
        let folders = run(Command::new("ldd").arg(root.join("bin/sh"))).code(0).stdout;
        let folder = folders.split_whitespace().find(|word| word.ends_with("libc.so.6"));
        let mut words = folders.split_whitespace();
        let libc = words.find(|word| word.starts_with('/') && word.contains("libc.so")).or(folder);
        let folder = Path::new(libc.unwrap()).parent().unwrap().display();
        let more = format!(
            "ENV LD_LIBRARY_PATH={folder}:/lib64\nWORKDIR /var/task\n\
             ENTRYPOINT [\"/lambda-entrypoint.sh\"]\n"
        );
        self.image(&root, "public.ecr.aws/lambda/provided:al2023", &more);
    }

    /// A toolchain whose cargo has the handler already.
    fn toolchain(&self, flags: &[&str]) {
        let root = self.folder.path().join("toolchain");
        for program in ["sh", "cp", "mkdir", "ln", "install", "find", "touch", "chmod", "rm"] {
            install(&root, program);
        }
        for folder in ["bin", "tmp", "etc/ssl/certs", "usr/local/cargo"] {
            fs::create_dir_all(root.join(folder)).unwrap();
        }
        fs::copy(root.join("usr/bin/sh"), root.join("bin/sh")).unwrap();
        fs::write(root.join("etc/ssl/certs/ca-certificates.crt"), "none\n").unwrap();
        for program in ["apt-get", "rustup"] {
            script(&root, &format!("usr/bin/{program}"), "");
        }
        script(&root, "usr/bin/pip", "");
        script(&root, "usr/bin/python3", "mkdir -p \"$3/bin\"; cp /usr/bin/pip \"$3/bin/pip\"");
        cc(self.folder.path(), "int main(void) { return 0; }\n", "hello", flags);
        fs::create_dir_all(root.join("given")).unwrap();
        fs::copy(self.folder.path().join("hello"), root.join("given/hello")).unwrap();
        let cargo = r#"
            [ "$1" = zigbuild ] && [ -f Cargo.toml ] && [ "$CARGO_PROFILE_RELEASE_LTO" = fat ]
            [ ! -e target ] && [ ! -e Dockerfile ] && [ ! -e .git ]
            while [ $# -gt 0 ]; do
                case $1 in
                    --target) triple=${2%.2.34} ;;
                    --bin) bins="${bins-} $2" ;;
                esac
                shift
            done
            mkdir -p "$CARGO_TARGET_DIR/$triple/release"
            for bin in $bins; do
                cp /given/hello "$CARGO_TARGET_DIR/$triple/release/$bin"
            done"#;
        script(&root, "usr/bin/cargo", cargo);
        let name = format!("docker.io/library/rust:{}", version());
        self.image(&root, &name, "ENV PATH=/usr/bin:/bin\n");
    }

    fn package(&self, workspace: &Workspace, more: &[&str]) -> Run {
        let args = [&["package", "--format", "dockerfile"][..], more].concat();
        run(self.with(&mut workspace.command(&args)))
    }
}

#[test]
fn buildah_builds_it_and_the_image_passes() {
    let Some(buildah) = Buildah::new() else { return };
    buildah.base();
    buildah.toolchain(&[]);
    let workspace = Workspace::new();
    workspace.handler("hello", "include = [\"files\"]\n");
    workspace.write("crates/hello/files/a b/$HOME's \"x\".txt", "x");
    workspace.write(".git/HEAD", "ref: refs/heads/main\n");
    let built = buildah.package(&workspace, &["--build=buildah", "--output", "json"]).code(0);
    let records = built.records();
    assert_eq!(records[0]["reason"], "dockerfile", "{records:?}");
    let checked = &records[records.len() - 1];
    assert_eq!((&checked["reason"], &checked["errors"]), (&"checked".into(), &0.into()));
    assert_eq!(checked["thing"], "localhost/hello:latest");
    // By podman too, where that is there.
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("podman").is_file()) {
        let by_podman = buildah.package(&workspace, &["--build=podman"]).code(0);
        by_podman.says_out("localhost/hello:latest");
    }
    // As people see it, and what is in it.
    buildah.package(&workspace, &["--build=buildah"]).code(0).says_out("localhost/hello:latest");
    let layout = workspace.path().join("layout");
    let mut push = Command::new("buildah");
    push.args(["push", "-q", "localhost/hello:latest"]).arg(format!("oci:{}", layout.display()));
    run(buildah.with(&mut push)).code(0);
    let check = workspace.run(&["check", &format!("oci:{}", layout.display()), "--output", "json"]);
    assert_eq!(check.code(0).findings(), [""; 0]);
    let mut from = Command::new("buildah");
    let container = run(buildah.with(from.args(["from", "localhost/hello:latest"]))).code(0).stdout;
    let mut mount = Command::new("buildah");
    let root = run(buildah.with(mount.args(["mount", container.trim()]))).code(0).stdout;
    let root = Path::new(root.trim());
    let mode = |path: &str| fs::metadata(root.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode("var/task/bootstrap"), 0o755);
    assert_eq!(mode("var/task/files/a b"), 0o755);
    assert_eq!(mode("var/task/files/a b/$HOME's \"x\".txt"), 0o644);
    let link = fs::read_link(root.join("var/runtime/bootstrap")).unwrap();
    assert_eq!(link, Path::new("/var/task/bootstrap"));
    assert!(root.join("lambda-entrypoint.sh").exists());
    let sources = [root.join("src"), root.join("usr/bin/cargo")];
    assert!(sources.iter().all(|path| !path.exists()), "the toolchain came along");
}

#[test]
fn images_of_several_functions_and_from_scratch_are_built_too() {
    let Some(buildah) = Buildah::new() else { return };
    buildah.base();
    // Without a C library, it starts anywhere.
    buildah.toolchain(&["-static"]);
    let workspace = Workspace::new();
    for name in ["one", "Two"] {
        workspace.handler(name, "image.name = \"orders\"\n");
    }
    workspace.handler("alone", "image.base = \"scratch\"\nlibc = \"musl\"\n");
    workspace.package(
        "telemetry",
        "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n\
         [package.metadata.lambda-pack]\nlibc = \"musl\"\n",
    );
    let built = buildah.package(&workspace, &["--build=buildah", "--output", "json"]).code(0);
    assert_eq!(built.findings(), [""; 0]);
    let checked = |record: &serde_json::Value| record["reason"] == "checked";
    assert_eq!(built.records().into_iter().filter(checked).count(), 2);
    let inspect = |name: &str| {
        let mut inspect = Command::new("buildah");
        let of = "{{.OCIv1.Config.Entrypoint}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Architecture}}";
        inspect.args(["inspect", "--type", "image", "--format", of, name]);
        run(buildah.with(&mut inspect)).code(0).stdout.trim().to_owned()
    };
    let arch = if crate::support::host_arch() == "arm64" { "arm64" } else { "amd64" };
    let first = inspect("localhost/orders:latest");
    assert!(first.starts_with("[/var/task/Two] "), "{first}");
    assert!(first.ends_with(arch), "{first}");
    let alone = inspect("localhost/alone:latest");
    assert!(alone.starts_with("[/var/task/bootstrap] "), "{alone}");
    assert!(!alone.contains("lambda"), "{alone}");
}

#[test]
fn what_does_not_build_or_may_not_run_is_told() {
    let Some(buildah) = Buildah::new() else { return };
    buildah.base();
    buildah.toolchain(&[]);
    let workspace = Workspace::hello();
    let root = buildah.folder.path().join("toolchain");
    let name = format!("docker.io/library/rust:{}", version());
    // What Lambda would refuse.
    fs::write(root.join("given/hello"), "no program\n").unwrap();
    buildah.image(&root, &name, "ENV PATH=/usr/bin:/bin\n");
    let refused = buildah.package(&workspace, &["--build=buildah", "--output", "json"]).code(3);
    assert!(refused.findings().contains(&"not-executable".to_owned()), "{}", refused.stdout);
    let all = buildah.package(&workspace, &["--build=buildah", "--no-check"]).code(0);
    all.says_out("not checked");
    // Its cargo knows no such binary.
    script(&root, "usr/bin/cargo", "echo no such thing >&2; exit 101");
    buildah.image(&root, &name, "ENV PATH=/usr/bin:/bin\n");
    workspace.write("crates/hello/src/main.rs", "fn main() { }\n");
    let failed = buildah.package(&workspace, &["--build=buildah"]).code(101);
    let failed = failed.says("no such thing").says("cannot build the image `hello`");
    assert!(failed.stderr.contains("exit status"), "{}", failed.stderr);
}
