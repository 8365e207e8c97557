//! `check`: every bad input gets its finding, and no input does harm.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::{Run, cc, have, lambda_pack, python, run};

/// A folder with a sound program in it, `good`.
fn folder() -> (TempDir, PathBuf) {
    let folder = TempDir::with_prefix("check ").unwrap();
    let good = cc(folder.path(), "int main(void) { return 0; }", "good", &[]);
    (folder, good)
}

#[track_caller]
fn check(folder: &Path, args: &[&str]) -> Run {
    run(lambda_pack(folder).args(["check", "--output", "json"]).args(args))
}

/// Asserts the exit code and the codes of all findings.
#[track_caller]
fn finds(folder: &Path, args: &[&str], code: i32, findings: &[&str]) -> Run {
    let run = check(folder, args).code(code);
    assert_eq!(run.findings(), findings, "{}", run.stdout);
    run
}

/// The good program with some bytes changed.
fn patched(folder: &Path, good: &Path, name: &str, at: usize, bytes: &[u8]) {
    let mut program = fs::read(good).unwrap();
    program[at..at + bytes.len()].copy_from_slice(bytes);
    executable(&folder.join(name), &program);
}

fn executable(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn a_sound_program_has_no_finding() {
    let (folder, _) = folder();
    let run = finds(folder.path(), &["good"], 0, &[]);
    let record = &run.records()[0];
    assert_eq!(record["reason"], "checked");
    assert_eq!(record["architecture"], crate::support::host_arch());
    assert!(record["glibc_needed"].as_str().unwrap().starts_with("2."));
}

#[test]
fn damaged_and_foreign_programs() {
    let (folder, good) = folder();
    let folder = folder.path();
    let bytes = fs::read(&good).unwrap();
    for length in [5, 20, 63, 64, 200, bytes.len() / 2] {
        executable(&folder.join("cut"), &bytes[..length]);
        finds(folder, &["cut"], 3, &["malformed-elf"]);
    }
    // e_machine: ARM, then the other architecture of Lambda.
    patched(folder, &good, "arm", 18, &40_u16.to_le_bytes());
    let run = finds(folder, &["arm"], 3, &["wrong-architecture"]);
    assert!(run.stdout.contains("built for machine 40 (arm)"), "{}", run.stdout);
    let other = if cfg!(target_arch = "x86_64") { "arm64" } else { "x86_64" };
    finds(folder, &["good", "--arch", other], 3, &["wrong-architecture"]);
    // EI_CLASS and EI_DATA.
    patched(folder, &good, "small", 4, &[1]);
    finds(folder, &["small"], 3, &["wrong-class"]);
    patched(folder, &good, "big-endian", 5, &[2]);
    finds(folder, &["big-endian"], 3, &["wrong-class"]);
    executable(&folder.join("text"), b"hello");
    finds(folder, &["text"], 3, &["not-executable"]);
    executable(&folder.join("empty"), b"");
    finds(folder, &["empty"], 3, &["not-executable"]);
    executable(&folder.join("script"), b"#!/bin/sh\necho\n");
    let run = finds(folder, &["script"], 0, &["script"]);
    assert!(run.stdout.contains("a script for `/bin/sh`"));
}

#[test]
fn a_library_and_an_object_are_no_programs() {
    let (folder, _) = folder();
    let source = "int answer(void) { return 42; }";
    cc(folder.path(), source, "lib.so", &["-shared", "-fPIC"]);
    let run = finds(folder.path(), &["lib.so"], 3, &["not-executable"]);
    assert!(run.stdout.contains("a shared library, not an executable"));
    cc(folder.path(), source, "object.o", &["-c"]);
    fs::set_permissions(folder.path().join("object.o"), fs::Permissions::from_mode(0o755)).unwrap();
    let run = finds(folder.path(), &["object.o"], 3, &["not-executable"]);
    assert!(run.stdout.contains("an object file, not an executable"));
}

/// A program that needs a version of libc.so.6 which no libc of this machine need have.
fn needs_glibc(folder: &Path, name: &str, version: &str) {
    fs::write(folder.join("map"), format!("{version} {{ global: __isoc23_strtol; }};")).unwrap();
    let arguments =
        ["-shared", "-fPIC", "-nostdlib", "-Wl,-soname,libc.so.6", "-Wl,--version-script=map"];
    cc(folder, "int __isoc23_strtol(void) { return 0; }", "libc.stub.so", &arguments);
    // Without start files and the real libc, whose own versions would be needed as well.
    let source = "int __isoc23_strtol(void); void _start(void) { __isoc23_strtol(); }";
    cc(folder, source, name, &["-nostartfiles", "-nodefaultlibs", "libc.stub.so"]);
}

#[test]
fn newer_glibc_symbols_are_named() {
    let (folder, _) = folder();
    needs_glibc(folder.path(), "new", "GLIBC_2.38");
    let run = finds(folder.path(), &["new"], 3, &["symbol-version"]);
    let message = run.records()[0]["message"].as_str().unwrap().to_owned();
    assert_eq!(
        message,
        "needs GLIBC_2.38 of libc.so.6 (__isoc23_strtol); provided.al2023 has up to GLIBC_2.34"
    );
    assert!(run.records()[0]["hint"].as_str().unwrap().contains("zig"));
    needs_glibc(folder.path(), "fits", "GLIBC_2.34");
    finds(folder.path(), &["fits"], 0, &[]);
    let run = check(folder.path(), &["fits", "--runtime", "provided.al2"]).code(3);
    assert!(run.stdout.contains("provided.al2 has up to GLIBC_2.26"), "{}", run.stdout);
    assert!(run.findings().contains(&"runtime-deprecated".to_owned()));
}

#[test]
fn libraries_missing_present_and_trusted() {
    let (folder, _) = folder();
    let dir = folder.path();
    for soname in ["libodd.so.7", "libz.so.1"] {
        let name = format!("-Wl,-soname,{soname}");
        cc(dir, "int f(void) { return 0; }", soname, &["-shared", "-fPIC", &name]);
    }
    let source = "int f(void); int main(void) { return f(); }";
    cc(dir, source, "odd", &["libodd.so.7"]);
    cc(dir, source, "z", &["libz.so.1"]);
    let run = finds(dir, &["odd"], 3, &["library-missing"]);
    assert!(run.stdout.contains("needs libodd.so.7, which is neither in the bundle nor on"));
    finds(dir, &["z"], 0, &["library-not-promised"]);
    finds(dir, &["z", "--trust-system", "ssl,z"], 0, &[]);
    finds(dir, &["z", "--trust-system", "all"], 0, &[]);
    check(dir, &["z", "--trust-system", "ssll"])
        .code(2)
        .says("no runtime has a library `ssll`; did you mean `ssl`?");
    let run = check(dir, &["z", "--runtime", "provided.al2"]).code(3);
    assert!(run.findings().contains(&"library-missing".to_owned()), "{}", run.stdout);

    // With the library in the bundle's lib/, or found through RUNPATH, it is there.
    let bundle = dir.join("bundle");
    fs::create_dir_all(bundle.join("lib")).unwrap();
    fs::copy(dir.join("odd"), bundle.join("bootstrap")).unwrap();
    finds(dir, &["bundle"], 3, &["library-missing"]);
    fs::copy(dir.join("libodd.so.7"), bundle.join("lib/libodd.so.7")).unwrap();
    finds(dir, &["bundle"], 0, &[]);
    fs::create_dir(bundle.join("mine")).unwrap();
    fs::rename(bundle.join("lib/libodd.so.7"), bundle.join("mine/libodd.so.7")).unwrap();
    finds(dir, &["bundle"], 3, &["library-missing"]);
    cc(dir, source, "bundle/bootstrap", &["libodd.so.7", "-Wl,-rpath,$ORIGIN/mine"]);
    finds(dir, &["bundle"], 0, &[]);
    // Bundled, and itself in need of something.
    let needs = ["-shared", "-fPIC", "-Wl,-soname,libodd.so.7", "-Wl,--no-as-needed", "libz.so.1"];
    fs::remove_file(bundle.join("mine/libodd.so.7")).unwrap();
    cc(dir, "int f(void) { return 1; }", "bundle/mine/libodd.so.7", &needs);
    let run = finds(dir, &["bundle"], 0, &["library-not-promised"]);
    assert_eq!(run.records()[0]["path"], "mine/libodd.so.7");
    fs::write(bundle.join("mine/libodd.so.7"), "INPUT(libreal.so)").unwrap();
    let run = finds(dir, &["bundle"], 3, &["not-a-library"]);
    assert!(run.stdout.contains("a linker script?"), "{}", run.stdout);
    cc(dir, "int f(void) { return 1; }", "bundle/mine/libodd.so.7", &["-c"]);
    let run = finds(dir, &["bundle"], 3, &["not-a-library"]);
    assert!(run.stdout.contains("is an object file"), "{}", run.stdout);
}

/// A library in `lib/` of the bundle, or elsewhere in it.
fn library(bundle: &Path, place: &str, soname: &str, args: &[&str]) {
    let source = format!("int f_{}(void) {{ return 0; }}", soname.replace(['.', '/', '-'], "_"));
    let name = format!("-Wl,-soname,{soname}");
    let args = [&["-shared", "-fPIC", &name, "-Wl,--no-as-needed"], args].concat();
    cc(bundle, &source, place, &args);
    fs::remove_file(bundle.join(format!("{place}.c"))).unwrap();
}

#[test]
fn libraries_are_searched_as_the_loader_does() {
    let (folder, _) = folder();
    let dir = folder.path();
    let source = "int main(void) { return 0; }";
    let bundle = dir.join("bundle");
    fs::create_dir_all(bundle.join("libs")).unwrap();
    fs::create_dir_all(bundle.join("lib")).unwrap();
    library(&bundle, "libs/libb.so.1", "libb.so.1", &[]);
    library(&bundle, "libs/liba.so.1", "liba.so.1", &["libs/libb.so.1"]);
    let program = |args: &[&str]| {
        let args = [&["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined"], args].concat();
        cc(&bundle, source, "bootstrap", &args);
        fs::remove_file(bundle.join("bootstrap.c")).unwrap();
    };
    // DT_RPATH is inherited by what it finds; DT_RUNPATH is not.
    let rpath = "-Wl,-rpath,$ORIGIN/libs";
    let link = "-Wl,-rpath-link,libs";
    program(&["libs/liba.so.1", "-Wl,--disable-new-dtags", rpath, link]);
    finds(dir, &["bundle"], 0, &[]);
    program(&["libs/liba.so.1", "-Wl,--enable-new-dtags", rpath, link]);
    let run = finds(dir, &["bundle"], 3, &["library-missing"]);
    assert_eq!(run.records()[0]["path"], "libs/liba.so.1");
    // Loaded already, by the program itself.
    program(&["libs/libb.so.1", "libs/liba.so.1", "-Wl,--enable-new-dtags", rpath]);
    finds(dir, &["bundle"], 0, &[]);
    // A path is not searched for.
    library(&bundle, "libs/named", "./libs/named", &[]);
    program(&["libs/named"]);
    finds(dir, &["bundle"], 0, &[]);
    fs::remove_file(bundle.join("libs/named")).unwrap();
    finds(dir, &["bundle"], 3, &["library-missing"]);
    // The system's copy comes before one in lib/, and not before one that DT_RPATH finds.
    library(&bundle, "lib/libz.so.1", "libz.so.1", &[]);
    program(&["lib/libz.so.1"]);
    finds(dir, &["bundle"], 0, &["library-shadowed"]);
    finds(dir, &["bundle", "--trust-system", "z"], 0, &[]);
    program(&["lib/libz.so.1", "-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib"]);
    finds(dir, &["bundle"], 0, &[]);
    // It has libraries to load and no loader.
    cc(&bundle, source, "bootstrap", &["-pie", "-Wl,--no-dynamic-linker"]);
    finds(dir, &["bundle"], 3, &["interpreter"]);
}

#[test]
fn scripts_that_no_kernel_starts() {
    let (folder, _) = folder();
    let dir = folder.path();
    for (line, code, finding) in [
        ("#!/bin/sh", 0, "script"),
        ("#! /usr/bin/env bash", 0, "script"),
        ("#!/bin/sh\r", 3, "not-executable"),
    ] {
        executable(&dir.join("script"), format!("{line}\necho\n").as_bytes());
        finds(dir, &["script"], code, &[finding]);
    }
    executable(&dir.join("script"), b"#!/usr/bin/nosuch -x\n");
    let run = finds(dir, &["script"], 0, &["script"]);
    assert_eq!(run.records()[0]["level"], "warning");
}

#[test]
fn loaders_that_lambda_has_not() {
    let (folder, _) = folder();
    let source = "int main(void) { return 0; }";
    for (loader, hint) in
        [("/lib/ld-musl-x86_64.so.1", "musl statically"), ("/nix/store/x/ld.so", "Nix")]
    {
        let flag = format!("-Wl,--dynamic-linker={loader}");
        cc(folder.path(), source, "other", &[&flag]);
        let run = finds(folder.path(), &["other"], 3, &["interpreter"]);
        assert!(run.stdout.contains(loader) && run.stdout.contains(hint), "{}", run.stdout);
    }
    cc(folder.path(), source, "static", &["-static"]);
    finds(folder.path(), &["static"], 0, &[]);
    cc(folder.path(), source, "static-pie", &["-static-pie"]);
    finds(folder.path(), &["static-pie"], 0, &[]);
}

#[test]
fn modes() {
    let (folder, good) = folder();
    fs::set_permissions(&good, fs::Permissions::from_mode(0o644)).unwrap();
    finds(folder.path(), &["good"], 3, &["mode"]);
    let bundle = folder.path().join("bundle");
    fs::create_dir(&bundle).unwrap();
    fs::copy(&good, bundle.join("bootstrap")).unwrap();
    for (mode, findings) in [(0o644, &["mode"][..]), (0o700, &["mode"]), (0o755, &[]), (0o555, &[])]
    {
        fs::set_permissions(bundle.join("bootstrap"), fs::Permissions::from_mode(mode)).unwrap();
        finds(folder.path(), &["bundle"], if findings.is_empty() { 0 } else { 3 }, findings);
    }
    let private = bundle.join("key");
    fs::write(&private, "k").unwrap();
    fs::set_permissions(&private, fs::Permissions::from_mode(0o600)).unwrap();
    finds(folder.path(), &["bundle"], 3, &["unreadable"]);
}

#[test]
fn a_bootstrap_that_is_missing_or_elsewhere() {
    let (folder, good) = folder();
    let bundle = folder.path().join("bundle");
    fs::create_dir_all(bundle.join("sub")).unwrap();
    finds(folder.path(), &["bundle"], 3, &["bootstrap-missing"]);
    fs::copy(&good, bundle.join("sub/bootstrap")).unwrap();
    let run = finds(folder.path(), &["bundle"], 3, &["bootstrap-misplaced"]);
    assert_eq!(run.records()[0]["path"], "sub/bootstrap");
    fs::rename(bundle.join("sub/bootstrap"), bundle.join("Bootstrap")).unwrap();
    finds(folder.path(), &["bundle"], 3, &["bootstrap-misplaced"]);
}

#[test]
fn all_findings_of_all_things_at_once() {
    let (folder, good) = folder();
    needs_glibc(folder.path(), "new", "GLIBC_2.38");
    fs::set_permissions(folder.path().join("new"), fs::Permissions::from_mode(0o644)).unwrap();
    patched(folder.path(), &good, "arm", 18, &40_u16.to_le_bytes());
    let run = finds(
        folder.path(),
        &["new", "good", "arm"],
        3,
        &["mode", "symbol-version", "wrong-architecture"],
    );
    let last = run.records().pop().unwrap();
    assert_eq!(last["message"], "3 errors found in new, arm");
}

#[test]
fn what_is_no_file() {
    let (folder, _) = folder();
    check(folder.path(), &["nothing"]).code(2).says("cannot read nothing");
    if have("mkfifo") {
        run(Command::new("mkfifo").arg(folder.path().join("pipe"))).code(0);
        check(folder.path(), &["pipe"]).code(2).says("pipe is neither a file nor a folder");
    }
    let looped = folder.path().join("loop");
    fs::create_dir(&looped).unwrap();
    symlink(".", looped.join("self")).unwrap();
    check(folder.path(), &["loop"]).code(2).says("loop");
}

/// Writes zips with Python's zipfile, which no one here wrote.
const MAKE: &str = r"
import sys, zipfile, os
good, out = open(sys.argv[1], 'rb').read(), sys.argv[2]
def info(name, mode=0o100755, system=3):
    i = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
    i.create_system = system
    i.external_attr = mode << 16
    i.compress_type = zipfile.ZIP_DEFLATED
    return i
def make(name, *members):
    with zipfile.ZipFile(os.path.join(out, name + '.zip'), 'w', zipfile.ZIP_DEFLATED) as z:
        for i, data in members:
            z.writestr(i, data)
boot = (info('bootstrap'), good)
make('good', boot)
make('mode', (info('bootstrap', 0o100644), good))
make('windows', (info('bootstrap', 0, 0), good))
make('empty')
make('nested', (info('target/bootstrap'), good))
make('parent', boot, (info('../evil', 0o100644), b'x'))
make('absolute', boot, (info('/etc/evil', 0o100644), b'x'))
make('extension', (info('extensions/logs'), good))
make('large', boot, (info('zeros', 0o100644), bytes(300 << 20)))
make('symlink', boot, (info('link', 0o120777), b'/etc/passwd'))
bz = info('data', 0o100644); bz.compress_type = zipfile.ZIP_BZIP2
make('link', (info('bootstrap', 0o120777), b'bin/real'), (info('bin/real'), good))
make('folder', boot, (info('../../evil/', 0o040755), b''))
make('folders', (info('lib/', 0o040755), b''), boot, (info('lib/x', 0o100644), b'x'))
make('backslash', boot, (info('lib\\', 0o100644), b'x'))
def unicode(name):
    import struct, zlib
    i = info(name, 0o100755)
    other = {'bootstrap': b'notes.txt', 'notes.txt': b'bootstrap'}[name]
    i.extra = struct.pack('<HHBL', 0x7075, 5 + len(other), 1, zlib.crc32(name.encode())) + other
    return i
make('unicode', (unicode('bootstrap'), b'text'), (unicode('notes.txt'), good))
make('clash', boot, (info('lib', 0o100644), b'x'), (info('lib/x', 0o100644), b'x'))
make('bzip2', boot, (bz, b'x' * 1000))
import warnings; warnings.simplefilter('ignore')
make('double', boot, (info('bootstrap'), good))
path = os.path.join(out, 'good.zip')
data = open(path, 'rb').read()
open(os.path.join(out, 'cut.zip'), 'wb').write(data[:len(data) // 2])
def patch(name, source, change):
    data = bytearray(open(os.path.join(out, source + '.zip'), 'rb').read())
    change(data)
    open(os.path.join(out, name + '.zip'), 'wb').write(data)
# Central directory: flags at 8, sizes at 20 and 24. Local header: flags at 6, sizes at 18 and 22.
def encrypt(d):
    c = d.rindex(b'PK\1\2'); d[c + 8] |= 1; d[6] |= 1
patch('encrypted', 'good', encrypt)
make('bomb', (info('bootstrap'), bytes(1 << 30)))
def lie(d):
    for at in (d.rindex(b'PK\1\2') + 24, 22):
        d[at:at + 4] = (100).to_bytes(4, 'little')
patch('liar', 'bomb', lie)
def damage(d):
    d[len(d) // 3] ^= 0xff
patch('damaged', 'good', damage)
make('data', boot, (info('data.json', 0o100644), os.urandom(5000).hex().encode()))
def damage_data(d):
    d[d.index(b'PK\1\2') - 100] ^= 0xff
patch('baddata', 'data', damage_data)
# Many members over the same bytes.
def overlap(d):
    c = d.rindex(b'PK\1\2'); e = d.rindex(b'PK\5\6')
    entry = bytes(d[c:e])
    second = entry[:46] + b'bootstrbp' + entry[55:]
    d[e:e] = second
    e += len(second)
    d[e + 8:e + 12] = (2).to_bytes(2, 'little') * 2
    d[e + 12:e + 16] = (len(entry) + len(second)).to_bytes(4, 'little')
patch('overlap', 'good', overlap)
";

#[test]
fn zips_that_others_made() {
    if !have("python3") {
        return;
    }
    let (folder, good) = folder();
    python(MAKE, &[good.as_os_str(), folder.path().as_os_str()]);
    for (name, findings) in [
        ("good", &[][..]),
        ("mode", &["mode"]),
        ("windows", &["mode"]),
        ("empty", &["bootstrap-missing"]),
        ("nested", &["bootstrap-misplaced"]),
        ("parent", &["zip-path"]),
        ("absolute", &["zip-path"]),
        ("extension", &[]),
        ("large", &["unpacked-size"]),
        ("symlink", &["zip-symlink"]),
        ("link", &[]),
        ("folder", &["zip-path"]),
        ("folders", &[]),
        ("backslash", &["zip-path"]),
        ("unicode", &["zip-path", "zip-path"]),
        ("clash", &["zip-path"]),
        ("baddata", &["zip-damaged"]),
        ("bzip2", &["zip-method"]),
        ("double", &["zip-damaged"]),
        ("cut", &["zip-damaged"]),
        ("damaged", &["zip-damaged"]),
        ("overlap", &["zip-damaged"]),
        ("bomb", &["unpacked-size"]),
    ] {
        let start = Instant::now();
        let run = check(folder.path(), &[&format!("{name}.zip")]);
        let mut found = run.findings();
        found.sort();
        let mut expected = findings.to_vec();
        expected.sort_unstable();
        assert_eq!(found, expected, "{name}: {}", run.stdout);
        let harmless = ["good", "extension", "symlink", "link", "folders"].contains(&name);
        assert_eq!(run.code, if harmless { 0 } else { 3 }, "{name}");
        assert!(start.elapsed() < Duration::from_secs(20), "{name} took {:?}", start.elapsed());
    }
    let liar = check(folder.path(), &["liar.zip"]).code(3);
    assert!(liar.stdout.contains("larger than its declared uncompressed size"), "{}", liar.stdout);
    let encrypted = check(folder.path(), &["encrypted.zip"]).code(3);
    assert!(encrypted.findings().contains(&"zip-method".to_owned()), "{}", encrypted.stdout);
}

/// Search paths and programs by the thousand are no reason to think for minutes.
#[test]
fn hostile_numbers_take_no_time() {
    if !have("python3") {
        return;
    }
    let (folder, good) = folder();
    let many = "
import sys, zipfile
good = open(sys.argv[1], 'rb').read()
with zipfile.ZipFile(sys.argv[2] + '/many.zip', 'w', zipfile.ZIP_STORED) as z:
    for n in range(5000):
        i = zipfile.ZipInfo('extensions/e%d' % n); i.external_attr = 0o100755 << 16
        z.writestr(i, good[:4000])";
    python(many, &[good.as_os_str(), folder.path().as_os_str()]);
    let start = Instant::now();
    check(folder.path(), &["many.zip"]).code(3);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    let long = (0..20_000).map(|n| format!("$ORIGIN/{n}")).collect::<Vec<_>>().join(":");
    fs::write(folder.path().join("rpath"), format!("-Wl,-rpath,{long}")).unwrap();
    cc(folder.path(), "int main(void) { return 0; }", "paths", &["@rpath"]);
    let start = Instant::now();
    check(folder.path(), &["paths"]).code(0);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn a_300_mb_program_is_read_without_being_held() {
    let (folder, good) = folder();
    let large = folder.path().join("large");
    fs::copy(&good, &large).unwrap();
    fs::File::options().write(true).open(&large).unwrap().set_len(300 << 20).unwrap();
    let start = Instant::now();
    finds(folder.path(), &["large"], 3, &["unpacked-size"]);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn text_for_people() {
    let (folder, _) = folder();
    needs_glibc(folder.path(), "new", "GLIBC_2.38");
    let answer = run(lambda_pack(folder.path()).args(["check", "new", "good"])).code(3);
    assert!(
        answer.stdout.starts_with(
            "error[symbol-version]: new: needs GLIBC_2.38 of libc.so.6 (__isoc23_strtol); \
             provided.al2023 has up to GLIBC_2.34\n  hint: build where glibc is 2.34 or older"
        ),
        "{}",
        answer.stdout
    );
    assert!(answer.stdout.contains("\nCHECKED  ARCH"), "{}", answer.stdout);
    assert_eq!(answer.stderr, "error: 1 error found in new\n");
}
