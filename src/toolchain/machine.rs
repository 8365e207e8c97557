//! Every fact of this machine that matters here, and what there is to install with.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;
use std::thread;

use super::{Rustc, cc, gcc, is_there, musl_gcc, zig};
use crate::doctor::Facts;
use crate::process::Step;
use crate::remedy::{Manager, Means};
use crate::target::{Arch, Libc, Runtime, Target};
use crate::tool_cache::ToolCache;

/// What an `x86_64` processor must have to be an `x86-64-v3` (System V ABI, "x86-64 psABI", micro-
/// architecture levels), as far as `/proc/cpuinfo` shows it beyond what v2 has.
const X86_64_V3: [&str; 8] = ["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"];
/// What makes an arm64 processor run what is compiled for a Neoverse N1.
const NEOVERSE_N1: [&str; 4] = ["atomics", "asimddp", "asimdrdm", "lrcpc"];

/// Asks every tool anew; those that take long at the same time.
#[must_use]
pub fn facts(rustc: &Rustc) -> Facts {
    let host = rustc.host.clone();
    let anew = &ToolCache::none();
    thread::scope(|scope| {
        let zig = scope.spawn(|| zig(anew));
        let triples = scope.spawn(|| {
            let all = Arch::ALL.into_iter().flat_map(|arch| Libc::ALL.map(|libc| (arch, libc)));
            let all = all.map(|(arch, libc)| Target::new(arch, libc, Runtime::default()).triple());
            let there = all.filter(|triple| rustc.has_standard_library(anew, triple));
            there.map(str::to_owned).collect::<Vec<_>>()
        });
        let compilers = |of: &dyn Fn(Arch) -> Option<_>| {
            Arch::ALL.into_iter().filter_map(|arch| Some((arch, of(arch)?))).collect()
        };
        let other = |arch| Arch::of_linux_triple(&host) != Some(arch);
        Facts {
            cargo: first_line(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), "--version"),
            rustup: first_line("rustup", "--version"),
            wrapper: env::var("RUSTC_WRAPPER").ok().filter(|wrapper| !wrapper.is_empty()),
            cc: cc(anew),
            gcc: compilers(&|arch| gcc(anew, arch).filter(|_| other(arch))),
            musl: compilers(&|arch| musl_gcc(anew, arch, &host)),
            qemu: Arch::ALL.into_iter().filter_map(|arch| Some((arch, qemu(arch)?))).collect(),
            runs_default_cpu: Arch::of_linux_triple(&host).and_then(runs_default_cpu),
            engines: ["docker", "podman"]
                .into_iter()
                .filter(|p| is_there(p))
                .map(str::to_owned)
                .collect(),
            aws: aws(),
            zig: zig.join().unwrap_or_default(),
            standard: triples.join().unwrap_or_default(),
            rustc: rustc.version.clone(),
            host: rustc.host.clone(),
        }
    })
}

fn first_line(program: impl Into<OsString>, arg: &str) -> Option<String> {
    let answer = Step::new(program, [arg]).quiet_output().ok()?;
    String::from_utf8_lossy(&answer).lines().next().map(str::to_owned)
}

/// A user-mode qemu, by the names that distributions give it.
#[must_use]
pub fn qemu(arch: Arch) -> Option<String> {
    let names = ["-static", ""].map(|end| format!("qemu-{}{end}", arch.rust_name()));
    names.into_iter().find(|name| is_there(name))
}

/// Whether this machine's processor, of this architecture, runs what is compiled for it by default; none
/// if that is not to be found out.
#[must_use]
pub fn runs_default_cpu(arch: Arch) -> Option<bool> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = |name: &str| text.lines().find(|line| line.starts_with(name));
    let (flags, needed): (&str, &[&str]) = match arch {
        Arch::X86_64 => (line("flags")?, &X86_64_V3),
        Arch::Arm64 => (line("Features")?, &NEOVERSE_N1),
    };
    let has: Vec<&str> = flags.split_whitespace().collect();
    Some(needed.iter().all(|flag| has.contains(flag)))
}

/// Which of AWS's configuration is there (AWS SDKs and Tools Reference Guide); what it says is
/// nobody's business.
fn aws() -> Vec<String> {
    let variables = [
        "AWS_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_ENDPOINT_URL",
    ];
    let mut found: Vec<String> = variables
        .into_iter()
        .filter(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
        .map(str::to_owned)
        .collect();
    let home = env::home_dir().unwrap_or_default();
    for (variable, file) in
        [("AWS_CONFIG_FILE", "config"), ("AWS_SHARED_CREDENTIALS_FILE", "credentials")]
    {
        let named = env::var_os(variable).map(PathBuf::from);
        let path = named.unwrap_or_else(|| home.join(".aws").join(file));
        if path.is_file() {
            found.push(path.display().to_string());
        }
    }
    found
}

/// What there is to install with, beside this rustc.
#[must_use]
pub fn means(rustc: &Rustc) -> Means {
    let manager = Manager::ALL.into_iter().find(|(_, program)| is_there(program));
    let python = ["python3", "python"].into_iter().find(|program| is_there(program));
    Means {
        manager: manager.map(|(manager, _)| manager),
        root: rustix::process::geteuid().is_root(),
        python: python.map(str::to_owned),
        rustup: is_rustups(rustc).then(|| env::var("RUSTUP_TOOLCHAIN").ok()),
        data: data(),
    }
}

/// The folder for a user's data (XDG Base Directory Specification).
#[must_use]
pub fn data() -> PathBuf {
    let named = env::var_os("XDG_DATA_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    named.unwrap_or_else(|| env::home_dir().unwrap_or_default().join(".local/share"))
}

/// Whether a rustc is one that rustup manages.
fn is_rustups(rustc: &Rustc) -> bool {
    let home = env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".rustup")));
    is_there("rustup") && home.is_some_and(|home| rustc.sysroot.starts_with(home))
}
