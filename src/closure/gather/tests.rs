//! What is gathered, from made-up machines.

use std::collections::BTreeMap;

use super::super::tests::{al2023, library, need, needs, rpath, runpath, soname, words};
use super::*;
use crate::elf::{Dlopen, Machine};

/// A machine: paths and files; a link is a path that gives another.
type Machines<'a> = &'a [(&'a str, ElfFacts)];

struct Case<'a> {
    program: ElfFacts,
    machine: Machines<'a>,
    bundle: Machines<'a>,
    accepted: &'a [&'a str],
    dlopen: &'a str,
    root: &'a str,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            program: library(),
            machine: &[],
            bundle: &[],
            accepted: &[],
            dlopen: "",
            root: "/var/task",
        }
    }
}

impl Case<'_> {
    /// `path < file (reason)` of each library.
    fn gathered(&self) -> Vec<String> {
        let machine: BTreeMap<&str, &ElfFacts> =
            self.machine.iter().map(|(path, facts)| (*path, facts)).collect();
        let bundle: BTreeMap<&str, &ElfFacts> =
            self.bundle.iter().map(|(path, facts)| (*path, facts)).collect();
        let look = |path: &Path| {
            let path = path.to_str()?;
            machine.get(path).map(|facts| Candidate {
                file: PathBuf::from(path),
                length: 1,
                facts: (*facts).clone(),
            })
        };
        let path = format!("{}/bootstrap", self.root);
        let dlopen = words(self.dlopen);
        let gathered = gather(&Request {
            program: Program { path: &path, facts: &self.program, dlopen: &dlopen },
            root: self.root,
            ground: Ground::Runtime {
                system: &al2023(),
                accepts: &|name| self.accepted.contains(&name),
            },
            bundle: &|path| bundle.get(path).map(|facts| File::Elf(facts)),
            source: &|path| (path == "bootstrap").then(|| Path::new("/target/bootstrap")),
            roots: &[PathBuf::from("/first"), PathBuf::from("/usr/lib")],
            look: &look,
        });
        let said =
            |it: Gathered| format!("{} < {} {:?}", it.path, it.candidate.file.display(), it.reason);
        gathered.into_iter().map(said).collect()
    }
}

#[test]
fn what_lambda_lacks_and_all_that_it_needs() {
    let machine = [
        ("/usr/lib/libpq.so.5", soname("libpq.so.5", needs("libssl.so.3 libldap libc.so.6"))),
        ("/usr/lib/libldap", needs("libsasl libpq.so.5")),
        ("/usr/lib/libsasl", library()),
        ("/first/libsasl", library()),
        ("/usr/lib/libssl.so.3", needs("libcrypto.so.3")),
        ("/usr/lib/libcrypto.so.3", library()),
        ("/usr/lib/libc.so.6", library()),
        ("/usr/lib/libgcc_s.so.1", library()),
    ];
    let program = needs("libpq.so.5 libgcc_s.so.1 libc.so.6 libnowhere");
    let case = Case { program, machine: &machine, ..Case::default() };
    let expected = [
        "lib/libpq.so.5 < /usr/lib/libpq.so.5 Absent",
        "lib/libssl.so.3 < /usr/lib/libssl.so.3 NotPromised",
        "lib/libldap < /usr/lib/libldap Absent",
        "lib/libcrypto.so.3 < /usr/lib/libcrypto.so.3 NotPromised",
        "lib/libsasl < /first/libsasl Absent",
    ];
    assert_eq!(case.gathered(), expected);
    // The same for an extension.
    assert_eq!(Case { root: "/opt", ..case }.gathered(), expected);
    let case = Case {
        program: needs("libpq.so.5 libgcc_s.so.1 libc.so.6 libnowhere"),
        machine: &machine,
        accepted: &["libssl.so.3"],
        ..Case::default()
    };
    assert_eq!(case.gathered(), [expected[0], expected[2], expected[4]]);
}

#[test]
fn what_is_in_the_bundle_already_stays_there() {
    let machine = [("/usr/lib/liba", library()), ("/usr/lib/libb", library())];
    for (bundle, expected) in [
        ([("lib/liba", needs("libb"))], &["lib/libb < /usr/lib/libb Absent"][..]),
        ([("mine/liba", library())], &["lib/liba < /usr/lib/liba Absent"]),
        // Not for this machine, and in the way: the audit says so.
        ([("lib/liba", ElfFacts { machine: Machine::Aarch64, ..library() })], &[]),
    ] {
        let case =
            Case { program: needs("liba"), machine: &machine, bundle: &bundle, ..Case::default() };
        assert_eq!(case.gathered(), expected);
    }
    let bundle = [("mine/liba", library())];
    let program = runpath("$ORIGIN/mine", needs("liba"));
    let case = Case { program, machine: &machine, bundle: &bundle, ..Case::default() };
    assert_eq!(case.gathered(), [""; 0]);
}

#[test]
fn where_this_machine_is_searched() {
    let arm = ElfFacts { machine: Machine::Aarch64, ..library() };
    let one = |version: &str| ElfFacts { versions_defined: words(version), ..library() };
    for (program, machine, expected) in [
        // Search paths, then the roots in order, then the folder of the file that needs it.
        (
            rpath("$ORIGIN/own", needs("liba")),
            &[("/target/own/liba", library()), ("/first/liba", library())][..],
            &["lib/liba < /target/own/liba Absent"][..],
        ),
        (
            needs("liba"),
            &[("/first/liba", arm), ("/usr/lib/liba", library())],
            &["lib/liba < /usr/lib/liba Absent"],
        ),
        (
            runpath("/vendor", needs("liba")),
            &[("/vendor/liba", needs("libb")), ("/vendor/libb", library())],
            &["lib/liba < /vendor/liba Absent", "lib/libb < /vendor/libb Absent"],
        ),
        // The one that has the versions, if any has.
        (
            ElfFacts { versions_needed: vec![need("liba", "A_2")], ..needs("liba") },
            &[("/first/liba", one("A_1")), ("/usr/lib/liba", one("A_2"))],
            &["lib/liba < /usr/lib/liba Absent"],
        ),
        (
            ElfFacts { versions_needed: vec![need("liba", "A_3")], ..needs("liba") },
            &[("/first/liba", one("A_1")), ("/usr/lib/liba", one("A_2"))],
            &["lib/liba < /first/liba Absent"],
        ),
        // No place in a bundle, or a dangerous one.
        (needs("/usr/lib/liba .. a\tb"), &[("/usr/lib/liba", library())], &[]),
    ] {
        assert_eq!(Case { program, machine, ..Case::default() }.gathered(), expected);
    }
}

#[test]
fn a_library_that_is_too_old_on_lambda() {
    let version = "GLIBCXX_3.4.99";
    let newer = ElfFacts { versions_defined: words(version), ..needs("libnew libc.so.6") };
    let machine = [
        ("/usr/lib/libstdc++.so.6", newer),
        ("/usr/lib/libnew", library()),
        ("/usr/lib/libc.so.6", library()),
    ];
    let program = || ElfFacts {
        versions_needed: vec![need("libstdc++.so.6", version), need("libc.so.6", "GLIBC_2.99")],
        ..needs("libstdc++.so.6 libc.so.6")
    };
    // The system's comes first: of no use.
    let case = Case { program: program(), machine: &machine, ..Case::default() };
    assert_eq!(case.gathered(), [""; 0]);
    let program = rpath("$ORIGIN/lib", program());
    let expected = [
        "lib/libstdc++.so.6 < /usr/lib/libstdc++.so.6 TooOld",
        "lib/libnew < /usr/lib/libnew Absent",
    ];
    assert_eq!(Case { program, machine: &machine, ..Case::default() }.gathered(), expected);
}

#[test]
fn libraries_that_a_file_says_it_opens() {
    let machine = [("/usr/lib/liba", library()), ("/usr/lib/libb", library())];
    for (priority, names, expected) in [
        (Priority::Required, "liba libb", &["lib/liba < /usr/lib/liba Absent"][..]),
        (Priority::Recommended, "libnew libb liba", &["lib/libb < /usr/lib/libb Absent"]),
        (Priority::Recommended, "libm.so.6 liba", &[]),
        (Priority::Suggested, "liba", &[]),
    ] {
        let dlopen = vec![Dlopen { sonames: words(names), priority }];
        let program = ElfFacts { dlopen, ..library() };
        assert_eq!(Case { program, machine: &machine, ..Case::default() }.gathered(), expected);
    }
}

#[test]
fn libraries_opened_while_it_runs() {
    let machine = [
        ("/usr/lib/libonnx.so.1", needs("libomp")),
        ("/usr/lib/libomp", library()),
        ("/usr/lib/libm.so.6", library()),
    ];
    let case =
        Case { machine: &machine, dlopen: "libonnx.so.1 libm.so.6 libnowhere", ..Case::default() };
    // Each with all that it needs, one after the other.
    let expected =
        ["lib/libonnx.so.1 < /usr/lib/libonnx.so.1 Absent", "lib/libomp < /usr/lib/libomp Absent"];
    assert_eq!(case.gathered(), expected);
}
