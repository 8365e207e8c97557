use cargo_metadata::PackageId;

use super::*;
use crate::config::Origin;

fn folders<'a>(workspace: &'a Path, targets: &'a [PathBuf], packages: &'a [Place]) -> Folders<'a> {
    Folders {
        workspace,
        targets,
        packages,
        sysroot: Path::new("/rust"),
        rustc: "/rustc/abc",
        tools: "t",
    }
}

fn places(list: &[(&str, &str)]) -> Vec<Place> {
    list.iter().map(|(from, to)| Place { from: from.into(), to: (*to).to_owned() }).collect()
}

fn word(text: &str) -> Word {
    Word::new(text, &Origin::Variable("RUSTFLAGS".to_owned()))
}

fn metadata(packages: &[(&str, &str, Option<&str>)]) -> Metadata {
    let package = |(name, folder, source): &(&str, &str, Option<&str>)| {
        serde_json::json!({
            "name": name, "version": "1.2.3", "id": format!("{name}@1.2.3"), "source": source,
            "dependencies": [], "targets": [], "features": {}, "edition": "2024",
            "manifest_path": format!("{folder}/Cargo.toml"),
        })
    };
    let list: Vec<_> = packages.iter().map(package).collect();
    let text = serde_json::json!({
        "packages": list, "workspace_members": [], "workspace_default_members": [], "resolve": null,
        "workspace_root": "/home/u/ws", "target_directory": "/t", "version": 1, "metadata": null,
    });
    serde_json::from_value(text).unwrap()
}

#[test]
fn folders_inside_of_others_come_last() {
    let packages = places(&[("/w/vendor/a", "/cargo/registry/a-1.0.0")]);
    let remap = Remap::new(&folders(Path::new("/w"), &["/w/target".into()], &packages));
    assert_eq!(
        remap.rustc_flags(&[]),
        [
            "--remap-path-prefix=/w=/workspace",
            "--remap-path-prefix=/w/target=/target",
            "--remap-path-prefix=/lambda-pack/tools/t=/lambda-pack/tools",
            "--remap-path-prefix=/w/vendor/a=/cargo/registry/a-1.0.0",
            "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/abc",
        ]
    );
}

#[test]
fn a_folder_has_one_name_under_all_of_its_paths() {
    let remap = Remap::new(&folders(Path::new("/w"), &["/w/a/../target".into()], &[]));
    let real = |path: &Path| match path.to_str() {
        Some("/w/a/../target") => Some("/disk/target".into()),
        _ => Some(path.to_path_buf()),
    };
    assert_eq!(
        remap.with_real(real).places().take(3).cloned().collect::<Vec<_>>(),
        places(&[("/w", "/workspace"), ("/disk/target", "/target"), ("/w/a/../target", "/target")])
    );
}

#[test]
fn what_the_user_remaps_stays_theirs() {
    let targets = ["/w/target".into()];
    let remap = Remap::new(&folders(Path::new("/w"), &targets, &[]));
    let users =
        ["--remap-path-prefix=/w/=here", "--remap-path-prefix", "/w/target=there"].map(word);
    assert_eq!(
        remap.rustc_flags(&users),
        [
            "--remap-path-prefix=/lambda-pack/tools/t=/lambda-pack/tools",
            "--remap-path-prefix=/rust/lib/rustlib/src/rust=/rustc/abc"
        ]
    );
}

#[test]
fn packages_have_the_names_that_every_machine_gives_them() {
    let registry = Some("registry+https://github.com/rust-lang/crates.io-index");
    let git = Some("git+https://example.com/own.git?branch=main#0123456789abcdef0123456789abcdef");
    let found = packages(&metadata(&[
        ("member", "/home/u/ws/member", None),
        ("beside", "/home/u/shared/beside", None),
        ("a", "/h/registry/src/index-1949cf8c/a-1.2.3", registry),
        ("b", "/h/registry/src/index-1949cf8c/b-1.2.3", registry),
        ("c", "/home/u/ws/vendor/c", registry),
        ("d", "/h/git/checkouts/own-6f17d22b/0123456/crates/d", git),
        ("e", "/home/u/ws/vendor/e", git),
    ]));
    let expected = places(&[
        ("/h/git/checkouts/own-6f17d22b/0123456", "/cargo/git/own/0123456789ab"),
        ("/h/registry/src/index-1949cf8c", "/cargo/registry"),
        ("/home/u/shared/beside", "/workspace/../shared/beside"),
        ("/home/u/ws/vendor/c", "/cargo/registry/c-1.2.3"),
        ("/home/u/ws/vendor/e", "/cargo/git/e-1.2.3/0123456789ab"),
    ]);
    assert_eq!(found, expected);
}

const TRIPLE: &str = "x86_64-unknown-linux-gnu";

fn c_variables(workspace: &str, set: &[(&str, &str)]) -> Vec<(String, String)> {
    let remap = Remap { places: places(&[(workspace, "/workspace")]), watched: Vec::new() };
    let of = |name: &str| {
        set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    };
    remap.c_variables(TRIPLE, true, CCompiler { remaps_macros: true }, of)
}

#[test]
fn flags_for_c_go_where_the_users_win() {
    let get = |set: &[(&str, &str)]| {
        let variables = c_variables("/w", set);
        variables.into_iter().filter(|(name, _)| !name.contains("CXX")).collect::<Vec<_>>()
    };
    let ours = "-ffile-prefix-map=/w=/workspace";
    let pair = |name: &str, value: String| vec![(name.to_owned(), value)];
    assert_eq!(get(&[]), pair("CFLAGS_x86_64_unknown_linux_gnu", ours.to_owned()));
    for name in [
        "CFLAGS",
        "HOST_CFLAGS",
        "CFLAGS_x86_64_unknown_linux_gnu",
        "CFLAGS_x86_64-unknown-linux-gnu",
    ] {
        assert_eq!(get(&[(name, "-O1")]), pair(name, format!("-O1 {ours}")));
    }
    let both = [("CFLAGS", "-O1"), ("CFLAGS_x86_64_unknown_linux_gnu", "-O2")];
    assert_eq!(get(&both), pair("CFLAGS_x86_64_unknown_linux_gnu", format!("-O2 {ours}")));
    let theirs = [("CFLAGS", "-ffile-prefix-map=/w=mine")];
    assert_eq!(get(&theirs), pair("CFLAGS", format!("{ours} -ffile-prefix-map=/w=mine")));
    // For another machine.
    assert_eq!(get(&[("TARGET_CFLAGS", "-O1")])[0].0, "CFLAGS_x86_64_unknown_linux_gnu");
}

#[test]
fn blanks_in_folders_need_a_shells_words() {
    let variables = c_variables("/my work", &[]);
    assert_eq!(variables[0].1, "'-ffile-prefix-map=/my work=/workspace'");
    assert_eq!(variables[2], ("CC_SHELL_ESCAPED_FLAGS".to_owned(), "1".to_owned()));
    // Which would change what the user means.
    assert_eq!(c_variables("/my work", &[("CFLAGS", r#"-DX="1""#)]), []);
    let theirs = [("CFLAGS", r#"-DX="1""#), ("CC_SHELL_ESCAPED_FLAGS", "1")];
    assert_eq!(c_variables("/w", &theirs)[0].1, r#"-DX="1" '-ffile-prefix-map=/w=/workspace'"#);
}

#[test]
fn old_compilers_remap_less() {
    for (line, new) in [
        ("cc (Debian 12.2.0-14+deb12u1) 12.2.0", true),
        ("gcc (GCC) 7.3.1 20180712 (Red Hat 7.3.1-17)", false),
        ("gcc (Ubuntu 7.5.0-3ubuntu1~18.04) 7.5.0", false),
        ("aarch64-linux-gnu-gcc (Debian 8.3.0-2) 8.3.0", true),
        ("Debian clang version 14.0.6", true),
        ("clang version 9.0.1-16 ", false),
        ("", true),
    ] {
        assert_eq!(CCompiler::of_version(line).remaps_macros, new, "{line}");
    }
}

#[test]
fn packages_outside_of_the_workspace_are_told_by_their_ids() {
    let ids = [
        "path+file:///home/u/ws#root@0.1.0",
        "path+file:///home/u/ws/crates/a#0.1.0",
        "path+file:///home/u/my%20libs/b#0.1.0",
        "path+file:///home/u/wsx#own-name@0.1.0",
        "registry+https://github.com/rust-lang/crates.io-index#a@1.0.0",
        "older 0.1.0 (path+file:///home/u/older)",
    ]
    .map(|repr| PackageId { repr: repr.to_owned() });
    let found = outside(&ids, Path::new("/home/u/ws"));
    let found: Vec<_> = found.iter().map(|o| (o.package.as_str(), o.folder.as_str())).collect();
    assert_eq!(found, [("b", "/home/u/my libs/b"), ("own-name", "/home/u/wsx")]);
}

fn embedded(program: &[u8]) -> Vec<(Option<String>, String)> {
    let packages = places(&[("/h/registry/src/index-1949cf8c", "/cargo/registry")]);
    let targets = ["/home/u/ws/target".into()];
    let remap = Remap::new(&folders(Path::new("/home/u/ws"), &targets, &packages));
    let members = [(Path::new("/home/u/ws"), "root"), (Path::new("/home/u/ws/crates/a"), "a")];
    let found = remap.embedded(&mut &program[..], &members).unwrap();
    found.into_iter().map(|Embedded { package, path }| (package, path)).collect()
}

#[test]
fn paths_that_stay_are_found_with_their_packages() {
    for (text, package, path) in [
        ("x/home/u/ws/crates/aInvalid", Some("a"), "/home/u/ws/crates/a"),
        ("/home/u/ws/data/x.json", Some("root"), "/home/u/ws"),
        (
            "/home/u/ws/target/x86_64-unknown-linux-gnu/release/build/own-c0123456789abcde/out/g.rs",
            Some("own"),
            "/home/u/ws/target/x86_64-unknown-linux-gnu/release/build/own-c0123456789abcde/out",
        ),
        ("/home/u/ws/target/x", None, "/home/u/ws/target"),
        (
            "/h/registry/src/index-1949cf8c/tz-data-0.12.3.Error",
            Some("tz-data"),
            "/h/registry/src/index-1949cf8c/tz-data-0.12.3",
        ),
    ] {
        let expected = vec![(package.map(str::to_owned), path.to_owned())];
        for before in [0, 7, (1 << 20) - 20, (1 << 20) - 1023, (1 << 20) + 5, (2 << 20) - 3] {
            let program = [vec![b'-'; before], text.as_bytes().to_vec(), vec![0xff; 3]].concat();
            assert_eq!(embedded(&program), expected, "{text} behind {before}");
        }
    }
    assert_eq!(embedded(b"/home/u/w/home/u/other /rust/lib/rustlib/src/rus"), []);
}

#[test]
fn a_slash_at_the_end_is_no_part_of_a_folder() {
    let targets = [PathBuf::from("/x/target/")];
    let remap = Remap::new(&folders(Path::new("/x/w/"), &targets, &[]));
    let from: Vec<_> = remap.places().map(|place| place.from.as_os_str().to_owned()).collect();
    assert!(from.contains(&"/x/target".into()) && from.contains(&"/x/w".into()), "{from:?}");
}

#[test]
fn rustc_is_told_a_folder_with_an_equals_sign_and_c_cannot_be() {
    let remap = Remap::new(&folders(Path::new("/a=b/w"), &[], &[]));
    let flags = remap.rustc_flags(&[]);
    assert!(flags.contains(&"--remap-path-prefix=/a=b/w=/workspace".to_owned()), "{flags:?}");
    let compiler = CCompiler { remaps_macros: true };
    let variables = remap.c_variables("t", true, compiler, |_| None);
    assert!(variables.iter().all(|(_, value)| !value.contains("/a=b")), "{variables:?}");
    // The note says so, where it matters.
    let found = remap.embedded(&mut &b"\0/a=b/w/src/gen.c\0"[..], &[]).unwrap();
    assert_eq!(found[0].path, "/a=b/w");
}

#[test]
fn what_cargo_and_the_toolchain_are_called_is_looked_for() {
    let watched = [PathBuf::from("/home/u/.cargo")];
    let remap = Remap::new(&folders(Path::new("/home/u/w"), &[], &[])).with_watched(watched);
    let found = remap.embedded(&mut &b"x/home/u/.cargo/bin/cargo"[..], &[]).unwrap();
    assert_eq!(found[0].path, "/home/u/.cargo");
    assert_eq!(remap.places().count(), 2);
}
