//! Tools that nobody here wrote, on images.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::emulator::free_port;
use crate::support::{Run, have, repository, run, tools};

pub(super) fn skopeo(args: &[&str]) -> Run {
    run(Command::new("skopeo").arg("--insecure-policy").args(args)).code(0)
}

pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Holds the papers of a layout against the schemas of the specification.
pub(super) fn by_the_schemas(layout: &Path) {
    let python = tools().join("aws/bin/python3");
    if !have(&python) {
        return;
    }
    let program = r#"
import json, pathlib, sys, warnings
warnings.simplefilter("ignore")
import jsonschema
schemas, layout = map(pathlib.Path, sys.argv[1:])
known = {path.name: json.loads(path.read_text()) for path in schemas.glob("*.json")}
find = lambda url: known[url.rsplit("/", 1)[1]]
def check(name, value):
    schema = known[name]
    resolver = jsonschema.RefResolver(schema["id"], schema, handlers={"https": find})
    jsonschema.Draft4Validator(schema, resolver=resolver).validate(value)
blob = lambda at: json.loads((layout / "blobs/sha256" / at["digest"].split(":")[1]).read_text())
check("image-layout-schema.json", json.loads((layout / "oci-layout").read_text()))
index = json.loads((layout / "index.json").read_text())
check("image-index-schema.json", index)
for one in index["manifests"]:
    manifest = blob(one)
    check("image-manifest-schema.json", manifest)
    check("config-schema.json", blob(manifest["config"]))
print("ok")
"#;
    let mut command = Command::new(python);
    command.args(["-W", "ignore", "-c", program]);
    command.arg(repository().join("tests/it/fixtures/image-spec")).arg(layout);
    run(&mut command).code(0).says_out("ok");
}

/// Unpacks with umoci, which only root can do as a whole; none without it.
pub(super) fn unpacked(layout: &Path, to: &Path) -> Option<PathBuf> {
    if !have("umoci") || !is_root() {
        return None;
    }
    // Its own syntax has no colon in a path.
    let mut command = Command::new("umoci");
    command.arg("unpack").arg("--image").arg(format!("{}:latest", layout.display())).arg(to);
    run(&mut command).code(0);
    Some(to.join("rootfs"))
}

/// podman, with all it keeps in a folder of the test's.
pub(super) struct Podman {
    folder: PathBuf,
}

impl Podman {
    /// None, with a line that says so, where it is missing; or where it is not root's.
    pub(super) fn new(folder: &Path) -> Option<Self> {
        if !is_root() || !["podman", "runc"].into_iter().all(have) {
            return None;
        }
        let text = "[containers]\ndefault_ulimits=[\"nofile=1024:1024\",\"nproc=1024:1024\"]\n\
                    [engine]\nruntime=\"runc\"\ncgroup_manager=\"cgroupfs\"\nevents_logger=\"none\"\n";
        fs::write(folder.join("containers.conf"), text).unwrap();
        let policy = r#"{"default":[{"type":"insecureAcceptAnything"}]}"#;
        fs::write(folder.join("policy.json"), policy).unwrap();
        Some(Self { folder: folder.to_path_buf() })
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new("podman");
        command.env("CONTAINERS_CONF", self.folder.join("containers.conf"));
        command.args(["--storage-driver", "vfs", "--root"]).arg(self.folder.join("pod"));
        command.arg("--runroot").arg(self.folder.join("podrun"));
        command.args(args).stdin(Stdio::null());
        command
    }

    pub(super) fn load(&self, archive: &Path) {
        let policy = self.folder.join("policy.json");
        let mut command = self.command(&["load", "-q", "--signature-policy"]);
        run(command.arg(policy).arg("-i").arg(archive)).code(0);
    }

    /// Runs an image whose program is behind the real emulator at this port; the answer to an event.
    pub(super) fn answer(&self, args: &[&str], port: u16, event: &str) -> String {
        let log = self.folder.join("log");
        let out = || Stdio::from(fs::File::options().create(true).append(true).open(&log).unwrap());
        let all = [
            &[
                "run",
                "--rm",
                "--network",
                "host",
                "--read-only",
                "--tmpfs",
                "/tmp",
                "--name",
                "one",
            ],
            args,
        ]
        .concat();
        let child = self.command(&all).stdout(out()).stderr(out()).spawn().unwrap();
        let mut running = Running { child, podman: self };
        let start = Instant::now();
        let answer = loop {
            let said = || fs::read_to_string(&log).unwrap_or_default();
            assert!(start.elapsed() < Duration::from_secs(40), "no answer: {}", said());
            assert!(running.child.try_wait().unwrap().is_none(), "it ended: {}", said());
            if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
                break post(stream, event);
            }
            thread::sleep(Duration::from_millis(30));
        };
        drop(running);
        fs::remove_file(log).unwrap();
        answer
    }
}

/// A container; ended when dropped.
struct Running<'p> {
    child: Child,
    podman: &'p Podman,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.podman.command(&["rm", "-f", "-t", "0", "one"]).output();
        let _ = self.child.wait();
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        let _ = self.command(&["rm", "-f", "-t", "0", "-a"]).output();
    }
}

fn post(mut stream: TcpStream, event: &str) -> String {
    use std::io::Read as _;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(
        stream,
        "POST /2015-03-31/functions/function/invocations HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: \
         close\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The flags of the emulator: an address of its own, and one of the Runtime API.
pub(super) fn addresses() -> (u16, String) {
    let (port, api) = (free_port(), free_port());
    let text = format!(
        "--runtime-interface-emulator-address 127.0.0.1:{port} --runtime-api-address 127.0.0.1:{api}"
    );
    (port, text)
}
