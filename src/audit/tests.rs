use super::*;
use crate::elf::{Dlopen, Machine, Priority, VersionNeed};

fn program(needs: Vec<VersionNeed>) -> Inspected {
    let (class, order) = (Class::Elf64, ByteOrder::Little);
    let facts = ElfFacts {
        interpreter: Some("/lib64/ld-linux-x86-64.so.2".to_owned()),
        needed: vec!["libc.so.6".to_owned()],
        versions_needed: needs,
        ..ElfFacts::bare(class, order, Machine::X86_64, Kind::PieExecutable)
    };
    file("bootstrap", 0o755, 1_000, Content::Elf(Box::new(facts)))
}

fn file(path: &str, mode: u32, length: u64, content: Content) -> Inspected {
    Inspected { path: path.to_owned(), mode: Some(mode), length, content }
}

fn need(version: &str, weak: bool, strong: &[&str]) -> VersionNeed {
    VersionNeed {
        library: "libc.so.6".to_owned(),
        version: version.to_owned(),
        weak,
        symbols: vec!["gettid".to_owned()],
        strong: strong.iter().map(|&name| name.to_owned()).collect(),
    }
}

fn codes(files: &[Inspected], zip_size: Option<u64>) -> Vec<(Code, Level)> {
    let findings = findings(files, zip_size, &[]);
    findings.into_iter().map(|finding| (finding.code, finding.level)).collect()
}

fn findings(files: &[Inspected], zip_size: Option<u64>, dlopen: &[String]) -> Vec<Finding> {
    let subject = Subject {
        thing: "f",
        role: Role::Function,
        programs: vec!["bootstrap".to_owned()],
        files,
        zip_size,
        bare: false,
        arch: Some(Arch::X86_64),
        runtime: Runtime::ProvidedAl2023,
        dlopen,
        searched: &[],
        embedded: &[],
        outside: &[],
        layered: &[],
    };
    audit(&subject, &Trust::default()).unwrap()
}

#[test]
fn what_is_opened_while_it_runs_must_be_there_too() {
    let opened = ["libonnx.so.1".to_owned(), "libm.so.6".to_owned()];
    let [finding] = &findings(&[program(Vec::new())], None, &opened)[..] else { panic!() };
    assert_eq!((finding.code, finding.path.as_deref()), (Code::LibraryMissing, Some("bootstrap")));
    assert!(finding.message.starts_with("opens (`dlopen`) libonnx.so.1, which is neither in"));
    let mut onnx = program(Vec::new());
    onnx.path = "lib/libonnx.so.1".to_owned();
    if let Content::Elf(facts) = &mut onnx.content {
        facts.kind = Kind::Library;
    }
    assert_eq!(findings(&[program(Vec::new()), onnx], None, &opened), []);
    // What the file itself says is no error.
    for (priority, level) in [
        (Priority::Required, Level::Warning),
        (Priority::Recommended, Level::Note),
        (Priority::Suggested, Level::Note),
    ] {
        let mut noted = program(Vec::new());
        if let Content::Elf(facts) = &mut noted.content {
            facts.dlopen = vec![Dlopen { sonames: vec!["libx.so".to_owned()], priority }];
        }
        assert_eq!(codes(&[noted], None), [(Code::LibraryMissing, level)]);
    }
}

#[test]
fn a_version_is_optional_only_as_the_loader_sees_it() {
    let error = vec![(Code::SymbolVersion, Level::Error)];
    let note = vec![(Code::WeakSymbolVersion, Level::Note)];
    assert_eq!(codes(&[program(vec![need("GLIBC_2.34", false, &["gettid"])])], None), []);
    assert_eq!(codes(&[program(vec![need("GLIBC_2.35", false, &["gettid"])])], None), error);
    // Weak symbols under a version that is not marked weak: glibc refuses to start.
    assert_eq!(codes(&[program(vec![need("GLIBC_2.35", false, &[])])], None), error);
    assert_eq!(codes(&[program(vec![need("GLIBC_2.35", true, &[])])], None), note);
    // Marked weak, but a symbol is not: the version is let pass and the symbol then missing.
    assert_eq!(codes(&[program(vec![need("GLIBC_2.35", true, &["gettid"])])], None), error);
}

#[test]
fn the_floor_leaves_out_what_is_optional() {
    let files = [program(vec![need("GLIBC_2.28", false, &["x"]), need("GLIBC_2.35", true, &[])])];
    assert_eq!(glibc_needed(&files).as_deref(), Some("2.28"));
    assert_eq!(glibc_needed(&[program(Vec::new())]), None);
}

#[test]
fn limits_at_one_byte() {
    let with = |length| [program(Vec::new()), file("data", 0o644, length, Content::Other)];
    assert_eq!(codes(&with(UNPACKED_LIMIT - 1_000), None), []);
    assert_eq!(codes(&with(UNPACKED_LIMIT - 999), None), [(Code::UnpackedSize, Level::Error)]);
    // Claims that add up to more than a number holds.
    assert_eq!(codes(&with(u64::MAX), None), [(Code::UnpackedSize, Level::Error)]);
    assert_eq!(codes(&[program(Vec::new())], Some(ZIP_LIMIT)), []);
    let over = codes(&[program(Vec::new())], Some(ZIP_LIMIT + 1));
    assert_eq!(over, [(Code::ZipSize, Level::Warning)]);
}

#[test]
fn code_names_are_stable_words() {
    for code in Code::ALL {
        assert!(code.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{code:?}");
    }
    let names: BTreeSet<_> = Code::ALL.iter().map(|code| code.name()).collect();
    assert_eq!(names.len(), Code::ALL.len());
}
