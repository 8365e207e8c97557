//! The whole way with real tools and no stand-ins: what each linker makes of each architecture, and
//! that it runs there.
//!
//! All of it takes minutes: `tests/long` runs it, after `tests/setup --long`. What is built is kept in
//! cargo's folder for tests, so that a second run is quick. Every path there has a blank and a letter
//! that is not ASCII, as those of [`Workspace`] have.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{LazyLock, mpsc};
use std::thread;

use serde_json::{Value, json};

use crate::emulator::Emulator;
use crate::support::{Run, Workspace, cc, have, lambda_pack, repository, run, tools};

/// What a function may need of glibc, by AWS's runtime: written down a second time on purpose.
const FLOORS: [(&str, [u32; 2]); 2] = [("provided.al2", [2, 26]), ("provided.al2023", [2, 34])];

/// A folder that stays between runs.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("proofs ü").join(name);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The Python that has zig.
fn zig() -> Option<PathBuf> {
    let python = tools().join("zig/bin/python3");
    have(&python).then_some(python)
}

/// The rustc with the standard library of both architectures; with it, qemu and arm64's glibc.
fn arm64() -> Option<PathBuf> {
    let rustc = tools().join("arm64/bin/rustc");
    let library = Path::new("/usr/aarch64-linux-gnu/lib/libc.so.6");
    (have(&rustc) && have("qemu-aarch64-static") && have(library)).then_some(rustc)
}

/// The tool with zig to be found, and the standard library of both architectures.
fn equipped(command: &mut Command) {
    command.env("CARGO_ZIGBUILD_PYTHON_PATH", zig().unwrap());
    command.env("RUSTC", arm64().unwrap());
}

/// A program that runs an executable of that architecture.
fn runner(arch: &str, executable: &Path) -> Command {
    if arch == crate::support::host_arch() {
        return Command::new(executable);
    }
    assert_eq!(arch, "arm64", "qemu is set up for arm64");
    let mut command = Command::new("qemu-aarch64-static");
    command.args(["-L", "/usr/aarch64-linux-gnu"]).arg(executable);
    command
}

/// What readelf says of a file.
#[track_caller]
fn readelf(flag: &str, file: &Path) -> String {
    let mut command = Command::new("readelf");
    run(command.args(["-W", flag]).arg(file).env("LC_ALL", "C")).code(0).stdout
}

/// The highest glibc that a file needs, by readelf's word.
fn glibc_needed(file: &Path) -> [u32; 2] {
    let text = readelf("-V", file);
    let needs = text.split_once("Version needs section").expect("it needs glibc").1;
    let versions = needs.split("GLIBC_").skip(1).filter_map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let mut parts = rest.get(..end)?.split('.').map(|part| part.parse::<u32>().ok());
        Some([parts.next()??, parts.next()??])
    });
    versions.max().expect("it needs a version of glibc")
}

#[track_caller]
fn assert_machine(file: &Path, arch: &str) {
    let header = readelf("-h", file);
    let machine = match arch {
        "x86_64" => "Advanced Micro Devices X86-64",
        _ => "AArch64",
    };
    let line = header.lines().find(|line| line.trim_start().starts_with("Machine:")).unwrap();
    assert!(line.contains(machine), "{line}");
}

/// Uses what a handler uses of std and so of glibc: threads, files, sockets, programs, randomness,
/// names, the clock.
const STD: &str = r#"
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let _ = ("localhost", 80).to_socket_addrs();
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"from a thread").unwrap();
    });
    let mut text = String::new();
    TcpStream::connect(address).unwrap().read_to_string(&mut text).unwrap();
    server.join().unwrap();
    let map: HashMap<u32, f64> = (0..100).map(|n| (n, f64::from(n).powf(1.5).ln_1p())).collect();
    let file = std::env::temp_dir().join(format!("proof-{}", std::process::id()));
    std::fs::write(&file, &text).unwrap();
    let size = std::fs::metadata(&file).unwrap().len();
    std::fs::remove_file(&file).unwrap();
    let ended = std::process::Command::new("/bin/true").status().unwrap().success();
    let start = Instant::now();
    std::thread::sleep(Duration::from_millis(1));
    assert!(start.elapsed() >= Duration::from_millis(1) && SystemTime::now() > SystemTime::UNIX_EPOCH);
    println!("{text}, {}, {size}, {ended}", map.len());
}
"#;

const STD_SAYS: &str = "from a thread, 100, 13, true\n";

fn std_handler() -> Workspace {
    let workspace = Workspace::hello();
    workspace.write("crates/hello/src/main.rs", STD);
    workspace
}

fn output(workspace: &Workspace, arch: &str, file: &str) -> PathBuf {
    workspace.path().join("target/lambda-pack/hello").join(arch).join(file)
}

#[test]
#[ignore = "with real zig"]
fn zig_keeps_below_the_floor_of_each_runtime() {
    if zig().is_none() || arm64().is_none() {
        return;
    }
    let workspace = std_handler();
    for (runtime, floor) in FLOORS {
        let args = ["--linker", "zig", "--arch", "both", "--runtime", runtime];
        let mut command = workspace.command(&["package", "--output", "json"]);
        equipped(command.args(args));
        let answer = run(&mut command).code(0).says("zig cc 0.17.0");
        assert_eq!(answer.stderr.matches("is not one of those that were tried").count(), 0);
        for arch in ["x86_64", "arm64"] {
            let executable = output(&workspace, arch, "bootstrap");
            assert_machine(&executable, arch);
            let needed = glibc_needed(&executable);
            assert!(needed <= floor, "{runtime} on {arch}: {needed:?}");
            let record = fs::read(output(&workspace, arch, "lambda-pack.json")).unwrap();
            let record: Value = serde_json::from_slice(&record).unwrap();
            assert_eq!(record["glibc_needed"], format!("{}.{}", needed[0], needed[1]));
            assert_eq!(record["linker"]["program"], "zig cc");
            let says = run(&mut runner(arch, &executable)).code(0).stdout;
            assert_eq!(says, STD_SAYS, "{runtime} on {arch}");
            // And the zip alone, by `check`.
            let zip = output(&workspace, arch, "bootstrap.zip");
            let checked = workspace.run(&[
                "check",
                "--runtime",
                runtime,
                "--output",
                "json",
                zip.to_str().unwrap(),
            ]);
            let findings = checked.code(0).findings();
            assert!(findings.iter().all(|code| code == "runtime-deprecated"), "{findings:?}");
        }
    }
}

#[test]
#[ignore = "with the real linker of the host"]
fn a_plain_build_of_this_host_is_refused_for_al2() {
    let workspace = std_handler();
    let args = ["package", "--linker", "host", "--runtime", "provided.al2", "--output", "json"];
    let answer = workspace.run(&args);
    if answer.code == 0 {
        // A host as old as that runtime.
        assert!(
            glibc_needed(&output(&workspace, crate::support::host_arch(), "bootstrap")) <= [2, 26]
        );
        return;
    }
    let answer = answer.code(3);
    let records = answer.records();
    let finding = records.iter().find(|record| record["code"] == "symbol-version").unwrap();
    assert!(finding["message"].as_str().unwrap().contains("provided.al2 has up to GLIBC_2.26"));
    assert!(finding["hint"].as_str().unwrap().contains("zig"), "{finding}");
    assert!(!output(&workspace, crate::support::host_arch(), "bootstrap.zip").exists());
}

/// What runs a program in another root; none, with a line, where no way leads there. The probe is a
/// program there that does nothing.
fn rooted(root: &Path, probe: &str) -> Option<impl Fn(&str) -> Run> {
    let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
    let known = [
        words(&["chroot", root.to_str().unwrap()]),
        words(&["unshare", "-r", &format!("--root={}", root.display())]),
    ];
    let start = |way: &[String], program: &str| {
        let mut command = Command::new(&way[0]);
        command.args(&way[1..]).arg(program).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command
    };
    let leads =
        |way: &Vec<String>| start(way, probe).output().is_ok_and(|ended| ended.status.success());
    let Some(way) = known.into_iter().find(leads) else {
        have("a-way-into-another-root (user namespaces, or root)");
        return None;
    };
    Some(move |program: &str| run(&mut start(&way, program)))
}

/// Where Debian 11 is unpacked.
fn bullseye() -> Option<PathBuf> {
    let root = tools().join("bullseye/root");
    have(root.join("lib/x86_64-linux-gnu/libc.so.6")).then(|| root.canonicalize().unwrap())
}

#[test]
#[ignore = "with Debian 11"]
fn in_debian_11_a_build_of_this_host_fails_and_one_of_zig_runs() {
    let Some(root) = bullseye() else { return };
    let Some(start) = rooted(&root, "/bin/true") else { return };
    let Some(python) = zig() else { return };
    let inside = tempfile::Builder::new().prefix("proof").tempdir_in(root.join("tmp")).unwrap();
    fs::set_permissions(inside.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
        .unwrap();
    let workspace = std_handler();
    let started = |name: &str| {
        let zip = output(&workspace, "x86_64", "bootstrap.zip");
        let mut archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
        let folder = inside.path().join(name);
        archive.extract(&folder).unwrap();
        let program = Path::new("/").join(folder.strip_prefix(&root).unwrap()).join("bootstrap");
        start(program.to_str().unwrap())
    };

    // The default on a host that is newer: zig.
    let mut command = workspace.command(&["package", "--runtime", "provided.al2"]);
    run(command.env("CARGO_ZIGBUILD_PYTHON_PATH", python)).code(0).says("zig cc 0.17.0");
    assert_eq!(started("zig").code(0).stdout, STD_SAYS);

    workspace.run(&["package", "--linker", "host"]).code(0);
    let needed = glibc_needed(&output(&workspace, "x86_64", "bootstrap"));
    let host = started("host");
    if needed <= [2, 31] {
        // A host as old as that.
        assert_eq!(host.code(0).stdout, STD_SAYS);
        return;
    }
    // The real loader's words.
    host.code(1).says(&format!("version `GLIBC_{}.{}' not found", needed[0], needed[1]));
}

/// The handlers of `fixtures/native-build` in a folder of their own, copied once for all tests; files
/// that are the same stay as they are, for cargo goes by their times.
static NATIVE_BUILD: LazyLock<PathBuf> = LazyLock::new(|| {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else if fs::read(&to).ok() != fs::read(entry.path()).ok() {
                fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let folder = scratch("native build");
    copy(&repository().join("tests/it/fixtures/native-build"), &folder);
    folder
});

const NATIVE_SAYS: &str = "ring ba7816bf\nring hmac true\naws-lc ddaf35a1\naws-lc ed25519 true\n\
                           zstd true\nC++ 106\n";

/// C (zstd), C and assembly (ring, aws-lc) and C++ in build scripts.
#[track_caller]
fn native_with(linker: &str, arch: &str) {
    if arm64().is_none() || (linker == "zig" && zig().is_none()) {
        return;
    }
    let folder = &*NATIVE_BUILD;
    let out = folder.join(format!("out {linker}"));
    let mut command = lambda_pack(folder);
    command.args(["package", "--locked", "--output", "json", "--linker", linker, "--arch", arch]);
    command.arg("--out").arg(&out);
    // So that nothing of another linker's can help.
    command.arg("--target-dir").arg(folder.join(format!("target {linker}")));
    equipped(&mut command);
    let answer = run(&mut command).code(0);
    assert_eq!(answer.findings(), [""; 0], "{}", answer.stdout);
    for (function, says) in [("native", NATIVE_SAYS), ("plus-only", "C++ 106\n")] {
        let executable = out.join(function).join(arch).join("bootstrap");
        assert_machine(&executable, arch);
        assert!(glibc_needed(&executable) <= [2, 34]);
        let mut command = runner(arch, &executable);
        if linker == "gcc" {
            // Debian has arm64's libstdc++ beside its cross compiler.
            command.env("LD_LIBRARY_PATH", "/usr/aarch64-linux-gnu/lib");
        }
        assert_eq!(run(&mut command).code(0).stdout, says, "{function}: {linker} on {arch}");
    }
}

#[test]
#[ignore = "C, assembly and C++ with the host's compiler"]
fn c_assembly_and_cpp_with_the_hosts_compiler() {
    native_with("host", "x86_64");
    // It makes nothing for another architecture, and says what would.
    if arm64().is_none() {
        return;
    }
    let mut command = lambda_pack(&NATIVE_BUILD);
    equipped(command.args(["package", "--locked", "--linker", "host", "--arch", "arm64"]));
    run(&mut command)
        .code(2)
        .says("links for x86_64-unknown-linux-gnu, not for aarch64")
        .says("zig");
}

#[test]
#[ignore = "C, assembly and C++ with real zig"]
fn c_assembly_and_cpp_with_zig() {
    native_with("zig", "x86_64");
    native_with("zig", "arm64");
}

#[test]
#[ignore = "C, assembly and C++ with a cross gcc"]
fn c_assembly_and_cpp_with_a_cross_gcc() {
    if have("aarch64-linux-gnu-gcc") && have("aarch64-linux-gnu-g++") {
        native_with("gcc", "arm64");
    }
}

/// C++ of one linker's library does not link with the other's: build scripts run again.
#[test]
#[ignore = "C++ with the host's compiler and real zig in turn"]
fn another_linker_or_runtime_in_the_same_target_folder_compiles_c_again() {
    if zig().is_none() || arm64().is_none() {
        return;
    }
    let target = NATIVE_BUILD.join("target in turn");
    let _ = fs::remove_dir_all(&target);
    let mut digests = Vec::new();
    let ways = [("host", "provided.al2023"), ("zig", "provided.al2023"), ("zig", "provided.al2")];
    for (linker, runtime) in ways.iter().chain(&ways) {
        let mut command = lambda_pack(&NATIVE_BUILD);
        command.args(["package", "--locked", "-p", "plus-only", "--output", "json"]);
        command.args(["--arch", "x86_64", "--linker", linker, "--runtime", runtime]);
        equipped(command.arg("--target-dir").arg(&target));
        let records = run(&mut command).code(0).records();
        let bundle = records.iter().find(|record| record["CodeSha256"].is_string()).unwrap();
        digests.push(bundle["CodeSha256"].clone());
        let executable = target.join("lambda-pack/plus-only/x86_64/bootstrap");
        assert_eq!(run(&mut Command::new(&executable)).code(0).stdout, "C++ 106\n");
        let floor = FLOORS.iter().find(|(name, _)| name == runtime).unwrap().1;
        assert!(glibc_needed(&executable) <= floor, "{linker}, {runtime}");
    }
    assert_eq!(digests[..3], digests[3..]);
    assert_ne!(digests[0], digests[1]);
}

/// Its standard library is built from the source, for no package of Debian brings it.
#[test]
#[ignore = "musl with real zig: its standard library is compiled"]
fn musl_with_zig_runs_where_there_is_nothing_at_all() {
    if zig().is_none() || arm64().is_none() {
        return;
    }
    let source = tools().join("arm64/rust/usr/lib/rustlib/src/rust/library/Cargo.toml");
    if !have(&source) {
        return;
    }
    let workspace = Workspace::hello();
    workspace.write(
        "crates/hello/src/main.rs",
        "fn main() {\n    let map: std::collections::HashMap<_, _> = (0..9).map(|n| (n, n)).collect();\n    \
         std::thread::spawn(move || println!(\"{} from a thread\", map.len())).join().unwrap();\n}\n",
    );
    let mut command = lambda_pack(workspace.path());
    command.args(["package", "--libc", "musl", "--linker", "zig", "--arch", "x86_64", "-v"]);
    command.args(["-Z", "build-std=std,panic_abort"]).env("RUSTC_BOOTSTRAP", "1");
    equipped(command.arg("--target-dir").arg(scratch("musl")));
    // Without that flag rustc links start files that only an installed standard library has.
    let row = "x86_64-unknown-linux-musl: -Clink-self-contained=no (ours)";
    run(&mut command).code(0).says(row);
    let zip = scratch("musl").join("lambda-pack/hello/x86_64/bootstrap.zip");
    let root = tempfile::tempdir().unwrap();
    zip::ZipArchive::new(File::open(&zip).unwrap()).unwrap().extract(root.path()).unwrap();
    let executable = root.path().join("bootstrap");
    assert!(!readelf("-l", &executable).contains("INTERP"));
    assert!(!readelf("-d", &executable).contains("NEEDED"));
    let says = "9 from a thread\n";
    assert_eq!(run(&mut Command::new(&executable)).code(0).stdout, says);
    let checked = workspace.run(&["check", "--output", "json", zip.to_str().unwrap()]).code(0);
    assert_eq!(checked.findings(), [""; 0]);
    cc(root.path(), "int main(void) { return 0; }", "probe", &["-static"]);
    let Some(start) = rooted(root.path(), "/probe") else { return };
    assert_eq!(start("/bootstrap").code(0).stdout, says);
}

/// A wrapper that writes down what it is called with.
#[test]
#[ignore = "with every linker"]
fn rustc_wrapper_is_called_with_every_linker() {
    if zig().is_none() || arm64().is_none() {
        return;
    }
    let workspace = Workspace::hello();
    let log = workspace.path().join("calls");
    let wrapper = workspace.write("wrapper", "#!/bin/sh\necho \"$@\" >>\"$LOG\"\nexec \"$@\"\n");
    fs::set_permissions(&wrapper, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut combinations = vec![
        ("host", "x86_64", "-Clinker=cc"),
        ("zig", "x86_64", "zigcc-"),
        ("zig", "arm64", "zigcc-"),
    ];
    if have("aarch64-linux-gnu-gcc") {
        combinations.push(("gcc", "arm64", "-Clinker=aarch64-linux-gnu-gcc"));
    }
    for (linker, arch, word) in combinations {
        let _ = fs::remove_file(&log);
        let mut command = workspace.command(&["package", "--linker", linker, "--arch", arch]);
        equipped(command.env("RUSTC_WRAPPER", &wrapper).env("LOG", &log));
        run(&mut command).code(0);
        let calls = fs::read_to_string(&log).unwrap();
        let call = calls.lines().find(|line| line.contains("--crate-name hello"));
        let call = call.unwrap_or_else(|| panic!("{linker} on {arch}: {calls}"));
        assert!(call.contains(word) && call.contains("arm64/bin/rustc"), "{call}");
        let executable = output(&workspace, arch, "bootstrap");
        assert_eq!(run(&mut runner(arch, &executable)).code(0).stdout, "I am hello\n");
    }
}

/// A server of sccache of our own, with an empty cache. Ended when dropped.
struct Sccache {
    folder: tempfile::TempDir,
    port: String,
}

impl Sccache {
    fn new() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self { folder: tempfile::tempdir().unwrap(), port: port.to_string() }
    }

    fn steer(&self, command: &mut Command) {
        command.env("SCCACHE_DIR", self.folder.path()).env("SCCACHE_SERVER_PORT", &self.port);
    }

    /// How many calls were answered from the cache, of rustc and of a C++ compiler.
    fn hits(&self) -> [u64; 2] {
        let mut command = Command::new("sccache");
        self.steer(command.args(["--show-stats", "--stats-format", "json"]));
        let stats: Value = serde_json::from_str(&run(&mut command).code(0).stdout).unwrap();
        let counts = stats["stats"]["cache_hits"]["counts"].as_object().unwrap();
        ["Rust", "C/C++"].map(|language| counts.get(language).map_or(0, |n| n.as_u64().unwrap()))
    }
}

impl Drop for Sccache {
    fn drop(&mut self) {
        let mut command = Command::new("sccache");
        self.steer(command.arg("--stop-server"));
        let _ = command.output();
    }
}

/// Rust and C++ alike: the `cc` crate calls the compiler through sccache where that wraps rustc.
#[test]
#[ignore = "with real sccache"]
fn sccache_brings_the_same_bundle_from_its_cache() {
    if !have("sccache") || zig().is_none() || arm64().is_none() {
        return;
    }
    let folder = &*NATIVE_BUILD;
    for (linker, arch) in [("host", "x86_64"), ("zig", "x86_64"), ("zig", "arm64")] {
        let sccache = Sccache::new();
        let target = folder.join("target sccache");
        let built = || {
            let _ = fs::remove_dir_all(&target);
            let mut command = lambda_pack(folder);
            command.args(["package", "--locked", "-p", "plus-only", "--output", "json"]);
            command.args(["--linker", linker, "--arch", arch, "--target-dir"]).arg(&target);
            equipped(command.env("RUSTC_WRAPPER", "sccache"));
            sccache.steer(&mut command);
            let answer = run(&mut command).code(0);
            let executable = target.join("lambda-pack/plus-only").join(arch).join("bootstrap");
            assert_eq!(run(&mut runner(arch, &executable)).code(0).stdout, "C++ 106\n");
            answer.records()[0]["CodeSha256"].clone()
        };
        let first = built();
        let before = sccache.hits();
        let second = built();
        let after = sccache.hits();
        let more = after.iter().zip(before).all(|(&after, before)| after > before);
        assert!(more, "{linker} on {arch}: {before:?} hits, then {after:?}");
        assert_eq!(first, second, "{linker} on {arch}");
    }
}

/// Packages a function of `examples/orders` with zig, and says where its bundles are.
#[track_caller]
fn orders(function: &str, arch: &str) -> PathBuf {
    let mut command = lambda_pack(&repository().join("examples/orders"));
    command.args(["package", "--locked", "--linker", "zig", "-p", function, "--arch", arch]);
    let out = scratch(&format!("bundles {function}"));
    command.arg("--target-dir").arg(scratch("orders")).arg("--out").arg(&out);
    equipped(&mut command);
    run(&mut command).code(0);
    out.join(function)
}

#[test]
#[ignore = "arm64 with real zig, qemu and the real emulator"]
fn the_worker_answers_under_the_real_emulator_on_both_architectures() {
    if zig().is_none() || arm64().is_none() {
        return;
    }
    let bundles = orders("orders-worker", "both");
    for arch in ["x86_64", "arm64"] {
        assert_machine(&bundles.join(arch).join("bootstrap"), arch);
        let zip = bundles.join(arch).join("bootstrap.zip");
        let Some(emulator) = Emulator::start(&zip, arch, &[]) else { return };
        let failures = emulator.invoke("orders-worker/events/batch.json");
        assert_eq!(failures["batchItemFailures"].as_array().map(Vec::len), Some(2), "{failures}");
        let none = emulator.invoke("orders-worker/events/good-batch.json");
        assert_eq!(none, json!({ "batchItemFailures": [] }));
    }
}

/// As much of S3 as the handler asks for: it gives one object, and tells what it is asked. Ends with
/// the test's process.
fn s3(object: Vec<u8>) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let head: Vec<String> = reader
                .by_ref()
                .lines()
                .map(Result::unwrap)
                .take_while(|line| !line.is_empty())
                .collect();
            let length = head.iter().find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            });
            std::io::copy(&mut reader.by_ref().take(length.unwrap_or(0)), &mut std::io::sink())
                .unwrap();
            let Some(request) = head.first() else { continue };
            let body = if request.starts_with("GET ") { &object[..] } else { b"" };
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            reader.get_mut().write_all(&[answer.as_bytes(), body].concat()).unwrap();
            let _ = sender.send(request.clone());
        }
    });
    (address, requests)
}

#[test]
#[ignore = "the AWS SDK for arm64 with real zig, qemu and the real emulator"]
fn the_sdk_reads_and_writes_objects_on_arm64() {
    if zig().is_none() || arm64().is_none() {
        return;
    }
    let bundles = orders("orders-receipts", "arm64");
    let executable = bundles.join("arm64/bootstrap");
    assert_machine(&executable, "arm64");
    assert!(glibc_needed(&executable) <= [2, 34]);
    let event = repository().join("examples/orders/orders-receipts/events/order-object.json");
    let (address, requests) = s3(fs::read(event).unwrap());
    let variables = [
        ("AWS_ENDPOINT_URL", &*address),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
    ];
    let zip = bundles.join("arm64/bootstrap.zip");
    let Some(emulator) = Emulator::start(&zip, "arm64", &variables) else { return };
    let answer = emulator.invoke("orders-receipts/events/s3-put.json");
    let receipt = answer["receipts"][0].as_str().unwrap_or_else(|| panic!("{answer}"));
    let asked: Vec<String> = requests.try_iter().collect();
    assert_eq!(asked.len(), 2, "{asked:?}");
    let object = "GET /example-orders/orders/2026-03-02/ord-JKJaXmPLvHcESHA.json";
    assert!(asked[0].starts_with(object), "{asked:?}");
    assert!(asked[1].starts_with(&format!("PUT /example-orders/{receipt}")), "{asked:?}");
}
