use super::*;
use crate::target::Runtime;

/// A machine as a list of what it has.
#[derive(Default, Clone)]
struct Has {
    host: &'static str,
    configured: bool,
    /// Its glibc; `?` if it does not tell, empty if there is no compiler.
    cc: &'static str,
    zig: bool,
    gcc: bool,
    musl: bool,
}

fn compiler(program: &str, glibc: &str) -> Compiler {
    Compiler { program: program.to_owned(), version: None, glibc: Glibc::of_text(glibc) }
}

impl Has {
    /// The program that is chosen and why, or the error.
    fn choose(
        &self,
        request: LinkerRequest,
        target: Target,
    ) -> Result<(String, String), LinkerError> {
        let zig = || Zig { command: vec!["zig".to_owned()], version: "0.17.0".to_owned() };
        let machine = Machine {
            host: self.host,
            configured: &|| self.configured.then(|| ("mold".to_owned(), "c.toml:1".to_owned())),
            cc: &|| (!self.cc.is_empty()).then(|| compiler("cc", self.cc)),
            zig: &|| self.zig.then(zig),
            gcc: &|_| self.gcc.then(|| compiler("cross-gcc", "")),
            musl: &|_| self.musl.then(|| compiler("musl-gcc", "")),
        };
        choose(request, &target, &machine).map(|chosen| (chosen.linker.to_string(), chosen.why))
    }
}

const X86: &str = "x86_64-unknown-linux-gnu";
const ARM: &str = "aarch64-unknown-linux-gnu";
const MAC: &str = "aarch64-apple-darwin";

fn target(arch: Arch, libc: Libc) -> Target {
    Target::new(arch, libc, Runtime::ProvidedAl2023)
}

#[test]
fn what_auto_takes() {
    let all = Has { host: X86, cc: "2.34", zig: true, gcc: true, ..Has::default() };
    let new = Has { cc: "2.36", ..all.clone() };
    let bare = Has { zig: false, gcc: false, ..new.clone() };
    let musl = Has { musl: true, ..all.clone() };
    let gnu = target(Arch::X86_64, Libc::Gnu);
    let arm = target(Arch::Arm64, Libc::Gnu);
    let of_musl = target(Arch::X86_64, Libc::Musl);
    let arm_musl = target(Arch::Arm64, Libc::Musl);
    let table: &[(&Has, Target, &str)] = &[
        (&all, gnu, "cc"),
        (&new, gnu, "zig cc 0.17.0"),
        (&all, Target::new(Arch::X86_64, Libc::Gnu, Runtime::ProvidedAl2), "zig cc 0.17.0"),
        // No cross gcc of the host's own architecture is looked for.
        (&Has { zig: false, ..new.clone() }, gnu, "cc"),
        (&bare, gnu, "cc"),
        (&Has { cc: "?", ..all.clone() }, gnu, "zig cc 0.17.0"),
        (&Has { cc: "", ..all.clone() }, gnu, "zig cc 0.17.0"),
        (&all, arm, "zig cc 0.17.0"),
        (&Has { zig: false, ..all.clone() }, arm, "cross-gcc"),
        (&Has { host: ARM, ..all.clone() }, arm, "cc"),
        (&Has { host: MAC, ..all.clone() }, arm, "zig cc 0.17.0"),
        (&Has { configured: true, ..all.clone() }, arm, "mold"),
        (&musl, of_musl, "musl-gcc"),
        (&all, of_musl, "zig cc 0.17.0"),
        (&bare, of_musl, "cc"),
        (&musl, arm_musl, "zig cc 0.17.0"),
        (&Has { zig: false, ..musl.clone() }, arm_musl, "musl-gcc"),
    ];
    for (number, (has, target, expected)) in table.iter().enumerate() {
        let found = has.choose(LinkerRequest::Auto, *target).unwrap();
        assert_eq!(found.0, *expected, "row {number}: {}", found.1);
        assert!(!found.1.is_empty());
    }
    for target in [arm, arm_musl] {
        let error = bare.choose(LinkerRequest::Auto, target).unwrap_err();
        assert!(matches!(error, LinkerError::Nothing { .. }), "{error}");
    }
}

#[test]
fn a_request_is_kept_or_refused() {
    let all = Has { host: X86, configured: true, cc: "2.36", zig: true, gcc: true, musl: true };
    let none = Has { host: X86, ..Has::default() };
    let gnu = target(Arch::X86_64, Libc::Gnu);
    let musl = target(Arch::X86_64, Libc::Musl);
    for (request, target, expected) in [
        (LinkerRequest::Host, gnu, "cc"),
        (LinkerRequest::Zig, gnu, "zig cc 0.17.0"),
        (LinkerRequest::Gcc, gnu, "cross-gcc"),
        (LinkerRequest::Musl, musl, "musl-gcc"),
    ] {
        let found = all.choose(request, target).unwrap();
        assert_eq!(found, (expected.to_owned(), format!("`--linker {}`", request.name())));
        let error = none.choose(request, target).unwrap_err();
        assert!(matches!(error, LinkerError::Missing { .. }), "{error}");
        assert_eq!(LinkerRequest::of_name(request.name()), Some(request));
    }
    let error = all.choose(LinkerRequest::Host, target(Arch::Arm64, Libc::Gnu)).unwrap_err();
    assert!(matches!(error, LinkerError::OtherHost { .. }), "{error}");
    let error = all.choose(LinkerRequest::Musl, gnu).unwrap_err();
    assert!(matches!(error, LinkerError::NotMusl { .. }), "{error}");
}

#[test]
fn a_zig_that_nobody_tried_is_a_warning() {
    let zig = |version: &str| Zig { command: Vec::new(), version: version.to_owned() };
    assert_eq!(zig(KNOWN_ZIGS[0]).warning(), None);
    assert!(zig("0.99.0").warning().unwrap().contains("0.99.0 is not one of those"));
}
