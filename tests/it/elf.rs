//! `elf::read` against readelf, over this machine's own files and files linked here in every way that matters.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::process::Command;

use lambda_pack::elf::{self, ByteOrder, Class, ElfFacts, Kind, Machine, Priority, VersionNeed};

/// Runs a program in the fixtures' folder and gives its output; none if it fails or is not there.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let command =
        Command::new(program).args(arguments).current_dir(folder()).env("LC_ALL", "C").output();
    let output = command.ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program that must be there in CI; elsewhere its lack skips the test.
fn tool(program: &str, arguments: &[&str]) -> Option<String> {
    let output = output(program, arguments);
    assert!(output.is_some() || std::env::var_os("CI").is_none(), "{program} {arguments:?} failed");
    output
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("elf");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Links a file with gcc from C source. `name` must be the test's own.
pub(crate) fn gcc(name: &str, source: &str, flags: &[&str]) -> Option<PathBuf> {
    let (file, code) = (folder().join(name), folder().join(format!("{name}.c")));
    fs::write(&code, source).unwrap();
    let mut arguments = vec![code.to_str().unwrap(), "-o", file.to_str().unwrap()];
    arguments.extend(flags);
    tool("gcc", &arguments).map(|_| file)
}

/// Links a library that defines `weakly` in a version.
pub(crate) fn versioned(name: &str, version: &str, flags: &[&str]) -> Option<PathBuf> {
    let map = folder().join(format!("{name}.map"));
    fs::write(&map, format!("{version} {{ global: weakly; local: *; }};\n")).unwrap();
    let script = format!("-Wl,--version-script={}", map.display());
    let source = "#include <stdio.h>\nint weakly(void) { return puts(\"weakly\"); }\n";
    gcc(name, source, &[flags, &[&script]].concat())
}

pub(crate) const HELLO: &str =
    "#include <stdio.h>\nint main(void) { return puts(\"hello\") < 0; }\n";
/// Exports nothing, so that GNU ld gives it an empty `DT_GNU_HASH`.
pub(crate) const NO_EXPORTS: &str = "#include <stdio.h>\n__attribute__((visibility(\"hidden\"))) \
    int quiet(void) { return puts(\"x\") + fflush(stdout); }\n";
const WEAK: &str = "#include <stdio.h>\n#include <unistd.h>\nextern pid_t gettid(void) __attribute__((weak));\n\
    int main(void) { return puts(gettid ? \"found\" : \"missing\") < 0; }\n";

fn facts(file: &Path) -> ElfFacts {
    elf::read(&mut File::open(file).unwrap())
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What readelf says of a file.
struct Readelf {
    header: String,
    dynamic: String,
    versions: String,
    symbols: String,
    comment: String,
}

impl Readelf {
    fn run(file: &Path) -> Option<Self> {
        let run = |option| tool("readelf", &["-W", option, file.to_str().unwrap()]);
        Some(Self {
            header: run("-hl")?,
            dynamic: run("-d")?,
            versions: run("-V")?,
            symbols: run("--dyn-syms")?,
            comment: run("-p.comment")?,
        })
    }

    /// What stands in brackets after a tag.
    fn dynamic(&self, tag: &str) -> Vec<String> {
        let lines = self.dynamic.lines().filter(|line| line.contains(tag));
        lines.filter_map(|line| between(line, "[", "]")).map(String::from).collect()
    }

    fn search_path(&self, tag: &str) -> Vec<String> {
        self.dynamic(tag).iter().flat_map(|path| path.split(':')).map(String::from).collect()
    }

    fn kind(&self) -> Kind {
        match between(&self.header, "Type:", "(").unwrap().trim() {
            "EXEC" => Kind::Executable,
            "DYN" if self.header.contains("program interpreter") => Kind::PieExecutable,
            "DYN"
                if self
                    .dynamic
                    .lines()
                    .any(|line| line.contains("FLAGS_1") && line.contains("PIE")) =>
            {
                Kind::PieExecutable
            }
            "DYN" => Kind::Library,
            other => panic!("{other}"),
        }
    }

    fn versions_needed(&self) -> Vec<VersionNeed> {
        let (mut needs, mut library) = (Vec::new(), "");
        let mut symbols = self.symbols_of_versions(|_| true);
        let mut strong = self.symbols_of_versions(|line| !line.contains(" WEAK "));
        let section = self.versions.split("Version needs section").nth(1).unwrap_or_default();
        for line in section.lines() {
            if let Some(file) = between(line, "File: ", "  Cnt:") {
                library = file;
            } else if let Some(version) = between(line, "Name: ", "  Flags:") {
                let index = line.rsplit(' ').next().unwrap();
                needs.push(VersionNeed {
                    library: library.to_owned(),
                    version: version.to_owned(),
                    weak: line.contains("WEAK"),
                    symbols: symbols.remove(index).unwrap_or_default(),
                    strong: strong.remove(index).unwrap_or_default(),
                });
            }
        }
        assert!(symbols.is_empty(), "{symbols:?}");
        needs
    }

    /// Symbol names by version index, from lines that end in `puts@GLIBC_2.2.5 (2)`.
    fn symbols_of_versions(&self, wanted: fn(&str) -> bool) -> BTreeMap<&str, Vec<String>> {
        let mut symbols: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for line in self.symbols.lines().filter(|line| wanted(line)) {
            if let Some((line, index)) =
                line.strip_suffix(')').and_then(|line| line.rsplit_once(" ("))
            {
                let name = line.rsplit(' ').next().unwrap().split('@').next().unwrap();
                symbols.entry(index).or_default().push(name.to_owned());
            }
        }
        for names in symbols.values_mut() {
            names.sort_unstable();
            names.dedup();
        }
        symbols
    }

    fn versions_defined(&self) -> Vec<String> {
        let lines = self.versions.lines().filter(|line| {
            between(line, "Flags: ", "  Index:").is_some_and(|flags| !flags.contains("BASE"))
        });
        lines.map(|line| line.split("Name: ").nth(1).unwrap().to_owned()).collect()
    }

    fn comments(&self) -> Vec<String> {
        let lines = self.comment.lines().filter_map(|line| line.trim_start().strip_prefix('['));
        lines.map(|line| line.split_once("]  ").unwrap().1.to_owned()).collect()
    }

    fn facts(&self) -> ElfFacts {
        let machine = between(&self.header, "Machine:", "\n").unwrap().trim();
        ElfFacts {
            class: Class::Elf64,
            byte_order: ByteOrder::Little,
            machine: if machine == "AArch64" { Machine::Aarch64 } else { Machine::X86_64 },
            kind: self.kind(),
            interpreter: between(&self.header, "program interpreter: ", "]").map(String::from),
            soname: self.dynamic("(SONAME)").pop(),
            needed: self.dynamic("(NEEDED)"),
            rpath: self.search_path("(RPATH)"),
            runpath: self.search_path("(RUNPATH)"),
            versions_needed: self.versions_needed(),
            versions_defined: self.versions_defined(),
            // readelf shows notes, and does not read this one.
            dlopen: Vec::new(),
            comments: self.comments(),
        }
    }
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.split_once(before)?.1.split_once(after).map(|(inside, _)| inside)
}

/// Compares with readelf and gives what was read; none if there is no readelf.
fn compared(file: &Path) -> Option<ElfFacts> {
    let (facts, readelf) = (facts(file), Readelf::run(file)?);
    let shown = ElfFacts { dlopen: Vec::new(), ..facts.clone() };
    assert_eq!(shown, readelf.facts(), "{}", file.display());
    Some(facts)
}

#[test]
fn system_files() {
    let libraries = ["libc.so.6", "libstdc++.so.6", "libm.so.6", "ld-linux-x86-64.so.2"];
    let paths =
        libraries.iter().filter_map(|name| output("gcc", &[&format!("-print-file-name={name}")]));
    for file in paths.map(|path| PathBuf::from(path.trim())).chain([PathBuf::from("/bin/ls")]) {
        if file.is_file() {
            compared(&file);
        }
    }
}

/// Every program and library below the usual places, or below those in `ELF_FOLDERS`: some thousand
/// runs of readelf.
#[test]
#[ignore = "takes minutes"]
fn all_system_files() {
    let folders = std::env::var("ELF_FOLDERS").unwrap_or("/usr/bin:/usr/sbin:/usr/lib".into());
    let mut paths: Vec<PathBuf> = folders.split(':').map(PathBuf::from).collect();
    let (mut count, mut differing) = (0, Vec::new());
    while let Some(path) = paths.pop() {
        if path.is_symlink() {
            continue;
        }
        if let Ok(entries) = fs::read_dir(&path) {
            paths.extend(entries.flatten().map(|entry| entry.path()));
        } else if let Some(verdict) = fs::read(&path).ok().and_then(|bytes| judge(&path, &bytes)) {
            count += 1;
            differing.extend(verdict.err());
        }
    }
    println!("{count} files compared");
    assert!(differing.is_empty(), "{differing:#?}");
}

/// How what is read differs from what readelf says; none of what is not ours to read.
fn judge(path: &Path, bytes: &[u8]) -> Option<Result<(), String>> {
    // Of machines that Lambda has: readelf's names of the others are not translated here.
    let ours = bytes.len() > 64 && matches!(u16::from_le_bytes([bytes[18], bytes[19]]), 62 | 183);
    if !ours || !elf::is_elf(bytes) || bytes[4..6] != [2, 1] || !matches!(bytes[16], 2 | 3) {
        return None;
    }
    let (facts, expected) = (elf::read(&mut Cursor::new(bytes)), Readelf::run(path)?.facts());
    let facts = facts.map(|facts| ElfFacts { dlopen: Vec::new(), ..facts });
    let same = facts.as_ref().is_ok_and(|facts| *facts == expected);
    Some(if same { Ok(()) } else { Err(format!("{}: {facts:?}\n{expected:?}", path.display())) })
}

/// A library with its own loader is a program to the kernel, and a library to us by its soname.
#[test]
fn libc_is_a_program_with_a_soname() {
    let Some(path) = output("gcc", &["-print-file-name=libc.so.6"]) else { return };
    let facts = facts(Path::new(path.trim()));
    assert_eq!((facts.kind, facts.soname.as_deref()), (Kind::PieExecutable, Some("libc.so.6")));
}

fn rustc(name: &str, flags: &[&str]) -> Option<ElfFacts> {
    let (file, code) = (folder().join(name), folder().join(format!("{name}.rs")));
    fs::write(&code, "fn main() { println!(\"hello\"); }\n").unwrap();
    let mut arguments = vec![code.to_str().unwrap(), "-o", file.to_str().unwrap()];
    arguments.extend(flags);
    output("rustc", &arguments)?;
    compared(&file)
}

/// Rust's standard library refers to newer symbols weakly, but no linker so far says so of the version.
#[test]
fn rust_programs() {
    let bfd = ["-Clink-arg=-fuse-ld=bfd"];
    for facts in [rustc("rust-default", &[]), rustc("rust-bfd", &bfd)].into_iter().flatten() {
        assert_eq!(facts.kind, Kind::PieExecutable);
        assert!(facts.comments.iter().any(|line| line.starts_with("rustc version")));
        let gettid =
            facts.versions_needed.iter().find(|need| need.symbols.contains(&"gettid".into()));
        println!("{} {gettid:?}", facts.comments.join(", "));
    }
}

#[test]
fn rpath_and_runpath() {
    let path = "-Wl,-rpath,$ORIGIN/../lib:/opt/lib";
    let library = |name, kind| {
        let flags = ["-shared", "-fPIC", "-Wl,-soname,libx.so.1", path, kind];
        gcc(name, "int x(void) { return 1; }\n", &flags).and_then(|file| compared(&file))
    };
    if let Some(facts) = library("libold.so", "-Wl,--disable-new-dtags") {
        assert_eq!((facts.rpath.len(), facts.runpath.len()), (2, 0));
        assert_eq!((facts.kind, facts.soname.as_deref()), (Kind::Library, Some("libx.so.1")));
    }
    if let Some(facts) = library("libnew.so", "-Wl,--enable-new-dtags") {
        assert_eq!(
            (facts.rpath.len(), facts.runpath),
            (0, vec!["$ORIGIN/../lib".into(), "/opt/lib".into()])
        );
    }
}

/// As systemd's `ELF_NOTE_DLOPEN` writes it.
#[test]
fn libraries_that_a_file_opens() {
    let json = r#"[{"feature":"x","description":"y","priority":"suggested","soname":["libx.so.2","libx.so.1"]},{"soname":["liby.so"]}]"#;
    let source = format!(
        "static const struct {{ unsigned n, d, t; char name[4]; char text[{length}]; }} note \
         __attribute__((used, aligned(4), section(\".note.dlopen\"))) = \
         {{ 4, {length}, 0x407c0c0a, \"FDO\", {json:?} }};\n{HELLO}",
        length = json.len() + 1,
    );
    let Some(facts) = gcc("notes", &source, &[]).and_then(|file| compared(&file)) else { return };
    let told: Vec<_> = facts.dlopen.iter().map(|it| (it.priority, it.sonames.join(" "))).collect();
    let expected =
        [(Priority::Suggested, "libx.so.2 libx.so.1"), (Priority::Recommended, "liby.so")];
    assert_eq!(told, expected.map(|(priority, names)| (priority, names.to_owned())));
    for broken in ["[{", "{}", "[{\"soname\":[]}]", "[1]"] {
        let source = source.replace(&format!("{json:?}"), &format!("{broken:?}"));
        let facts = facts_of_source(&source);
        assert_eq!(facts.dlopen, [], "{broken}");
    }
}

fn facts_of_source(source: &str) -> ElfFacts {
    facts(&gcc("notes-broken", source, &[]).unwrap())
}

#[test]
fn static_programs() {
    for (name, flag, kind) in [
        ("static", "-static", Kind::Executable),
        ("static-pie", "-static-pie", Kind::PieExecutable),
    ] {
        let Some(facts) = gcc(name, HELLO, &[flag]).and_then(|file| compared(&file)) else {
            continue;
        };
        assert_eq!((facts.kind, facts.interpreter), (kind, None));
        assert!(facts.needed.is_empty() && facts.versions_needed.is_empty());
    }
}

#[test]
fn packed_relocations_need_a_version_without_symbols() {
    let flags = ["-Wl,-z,pack-relative-relocs"];
    let Some(facts) = gcc("relr", HELLO, &flags).and_then(|file| compared(&file)) else { return };
    let need =
        facts.versions_needed.iter().find(|need| need.version == "GLIBC_ABI_DT_RELR").unwrap();
    assert_eq!((need.library.as_str(), need.symbols.len()), ("libc.so.6", 0));
}

#[test]
fn hash_styles() {
    let styles = ["sysv", "gnu", "both"].map(|style| {
        let flag = format!("-Wl,--hash-style={style}");
        gcc(&format!("hash-{style}"), HELLO, &[&flag]).and_then(|file| compared(&file))
    });
    let [Some(sysv), Some(gnu), Some(both)] = styles else { return };
    assert_eq!((&sysv, &gnu), (&both, &both));
    assert!(
        gnu.versions_needed.iter().any(|need| need.symbols == ["puts"] || need.symbols.len() > 1)
    );
}

/// `DT_GNU_HASH` of GNU ld says nothing of undefined symbols where nothing is exported.
#[test]
fn an_empty_gnu_hash_hides_no_symbols() {
    let flags = ["-shared", "-fPIC", "-nostartfiles", "-Wl,--hash-style=gnu"];
    let Some(facts) = gcc("libquiet.so", NO_EXPORTS, &flags).and_then(|file| compared(&file))
    else {
        return;
    };
    assert_eq!(facts.versions_needed[0].symbols, ["fflush", "puts", "stdout"]);
}

/// `stdout` is copied into a program that is not position-independent, and so is defined there.
#[test]
fn copied_symbols_count_as_needed() {
    let source = "#include <stdio.h>\nint main(void) { return fflush(stdout); }\n";
    let Some(facts) = gcc("copied", source, &["-no-pie"]).and_then(|file| compared(&file)) else {
        return;
    };
    assert_eq!(facts.kind, Kind::Executable);
    assert!(facts.versions_needed.iter().any(|need| need.symbols.contains(&"stdout".into())));
}

/// Hash of gABI, "Hash Table".
fn hash(name: &str) -> [u8; 4] {
    let step = |hash: u32, byte: u8| {
        let hash = (hash << 4).wrapping_add(byte.into());
        (hash ^ (hash >> 28 << 4)) & 0x0fff_ffff
    };
    name.bytes().fold(0, step).to_le_bytes()
}

fn find(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).position(|window| window == wanted).unwrap()
}

/// Renames a needed version, hash and all, and sets its flags.
fn rename(file: &Path, to: &Path, old: &str, new: &str, flags: u8) {
    let mut bytes = fs::read(file).unwrap();
    let name = find(&bytes, format!("\0{old}\0").as_bytes()) + 1;
    bytes[name..name + new.len()].copy_from_slice(new.as_bytes());
    let entry = find(&bytes, &hash(old));
    bytes[entry..entry + 4].copy_from_slice(&hash(new));
    bytes[entry + 4] = flags;
    fs::write(to, bytes).unwrap();
    fs::set_permissions(to, fs::metadata(file).unwrap().permissions()).unwrap();
}

/// GNU ld takes `VER_FLG_WEAK` over from the definition, and so from a library in which it is set.
#[test]
fn a_weak_definition_makes_a_weak_need() {
    let flags = ["-shared", "-fPIC", "-Wl,-soname,libweak.so"];
    let Some(library) = versioned("libweak.so", "W_1", &flags) else { return };
    let mut bytes = fs::read(&library).unwrap();
    let flags_at = find(&bytes, &hash("W_1")) - 6;
    bytes[flags_at] = 2;
    fs::write(&library, bytes).unwrap();
    assert_eq!(compared(&library).unwrap().versions_defined, ["W_1"]);

    let source = "int weakly(void);\nint main(void) { return weakly(); }\n";
    let flags = [library.to_str().unwrap(), "-fuse-ld=bfd"];
    let facts = compared(&gcc("needs-weak", source, &flags).unwrap()).unwrap();
    let need = facts.versions_needed.iter().find(|need| need.version == "W_1").unwrap();
    assert_eq!(
        (need.library.as_str(), need.weak, &need.symbols[..]),
        ("libweak.so", true, &["weakly".to_owned()][..])
    );
}

/// The flag, and not that all its symbols are weak, decides whether the loader does without a version.
#[test]
fn the_loader_does_without_weak_versions_only() {
    let Some(file) = gcc("weakly", WEAK, &[]) else { return };
    if !compared(&file).unwrap().versions_needed.iter().any(|need| need.version == "GLIBC_2.30") {
        return;
    }
    for (name, flags, weak) in [("weakly-strong", 0, false), ("weakly-weak", 2, true)] {
        let to = folder().join(name);
        rename(&file, &to, "GLIBC_2.30", "GLIBC_9.99", flags);
        let facts = compared(&to).unwrap();
        let need = facts.versions_needed.iter().find(|need| need.version == "GLIBC_9.99").unwrap();
        assert_eq!((need.weak, &need.symbols[..]), (weak, &["gettid".to_owned()][..]));
        let expected = weak.then(|| "missing\n".to_owned());
        assert_eq!(output(to.to_str().unwrap(), &[]), expected, "{name}");
    }
}

#[test]
fn files_without_section_headers_say_the_same() {
    let Some(file) = gcc("sectionless", HELLO, &[]) else { return };
    let mut bytes = fs::read(&file).unwrap();
    for field in [40..48, 58..64] {
        bytes[field].fill(0);
    }
    let expected = ElfFacts { comments: Vec::new(), ..facts(&file) };
    assert_eq!(elf::read(&mut Cursor::new(bytes)).unwrap(), expected);
    assert!(!expected.versions_needed[0].symbols.is_empty());
}

#[test]
fn object_files_have_header_facts_and_comments() {
    let Some(file) = gcc("object.o", HELLO, &["-c"]) else { return };
    let facts = facts(&file);
    assert_eq!((facts.kind, facts.needed.len()), (Kind::Other(1), 0));
    assert!(facts.comments[0].starts_with("GCC: "));
}
