//! Handlers that link native libraries: bundled with all that they need, they run where nothing
//! but Lambda's promises is installed.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use crate::jail::Jail;
use crate::support::{LAMBDA, Run, Workspace, cc, have};

fn entries(zip: &Path) -> BTreeSet<String> {
    let archive = zip::ZipArchive::new(File::open(zip).unwrap()).unwrap();
    archive.file_names().map(|name| name.unwrap().into_owned()).collect()
}

/// The libraries in a function's zip, without `lib/`.
fn bundled(workspace: &Workspace, function: &str, zip: &str) -> BTreeSet<String> {
    let entries = entries(&workspace.output(function, zip));
    entries.iter().filter_map(|path| path.strip_prefix("lib/")).map(str::to_owned).collect()
}

/// Packages, with the audit where this machine's libraries are no newer than Lambda's.
#[track_caller]
pub(crate) fn package(workspace: &Workspace, args: &[&str]) -> Run {
    let all: Vec<&str> = ["package", "--output", "json"].iter().chain(args).copied().collect();
    let run = workspace.run(&all);
    if run.code == 3 && run.findings().iter().all(|code| code != "library-missing") {
        assert!(run.findings().contains(&"symbol-version".to_owned()), "{run:?}");
        let unchecked: Vec<&str> = all.iter().chain(&["--no-check"]).copied().collect();
        return workspace.run(&unchecked).code(0);
    }
    run.code(0)
}

/// In a jail of its own.
fn jailed(workspace: &Workspace, function: &str) -> Option<Jail> {
    let jail = Jail::new()?;
    jail.unpack(&workspace.output(function, "bootstrap.zip"), "/var/task");
    Some(jail)
}

const SQLITE: &str = r#"
use std::ffi::{c_char, c_int, c_void};
#[link(name = "sqlite3")]
unsafe extern "C" {
    fn sqlite3_open(name: *const c_char, out: *mut *mut c_void) -> c_int;
    fn sqlite3_exec(
        db: *mut c_void,
        sql: *const c_char,
        row: Option<extern "C" fn(*mut c_void, c_int, *mut *mut c_char, *mut *mut c_char) -> c_int>,
        data: *mut c_void,
        error: *mut *mut c_char,
    ) -> c_int;
}
extern "C" fn row(_: *mut c_void, _: c_int, values: *mut *mut c_char, _: *mut *mut c_char) -> c_int {
    let value = unsafe { std::ffi::CStr::from_ptr(*values) };
    println!("the answer is {}", value.to_str().unwrap());
    0
}
fn main() {
    let mut db = std::ptr::null_mut();
    let sql = c"create table t(x); insert into t values (40), (2); select sum(x) from t";
    let null = std::ptr::null_mut();
    unsafe {
        assert_eq!(sqlite3_open(c":memory:".as_ptr(), &mut db), 0);
        assert_eq!(sqlite3_exec(db, sql.as_ptr(), Some(row), null, std::ptr::null_mut()), 0);
    }
}
"#;

#[test]
fn a_handler_with_sqlite_runs_where_it_is_not_installed() {
    if !have("/usr/include/sqlite3.h") {
        return;
    }
    let workspace = Workspace::hello();
    workspace.write("crates/hello/src/main.rs", SQLITE);
    let first = package(&workspace, &[]);
    assert!(bundled(&workspace, "hello", "bootstrap.zip").contains("libsqlite3.so.0"));
    // Lambda's own copy comes first as long as it is there.
    let all = first.findings();
    assert!(all.is_empty() || all.contains(&"library-shadowed".to_owned()), "{all:?}");
    let Some(jail) = jailed(&workspace, "hello") else { return };
    assert_eq!(jail.run("/var/task/bootstrap").code(0).stdout, "the answer is 42\n");

    // What the user trusts the system for stays out, and is then missing where it is not.
    package(&workspace, &["--trust-system", "all"]);
    assert_eq!(bundled(&workspace, "hello", "bootstrap.zip"), BTreeSet::new());
    let Some(jail) = jailed(&workspace, "hello") else { return };
    jail.run("/var/task/bootstrap").code(127).says("libsqlite3.so.0");
}

pub(crate) const LIBPQ: &str = r#"
use std::ffi::{CStr, c_char, c_int, c_void};
#[link(name = "pq")]
unsafe extern "C" {
    fn PQconnectdb(parameters: *const c_char) -> *mut c_void;
    fn PQstatus(connection: *mut c_void) -> c_int;
    fn PQerrorMessage(connection: *mut c_void) -> *const c_char;
}
fn main() {
    unsafe {
        let connection = PQconnectdb(c"host=/nowhere user=me".as_ptr());
        assert_eq!(PQstatus(connection), 1);
        print!("{}", CStr::from_ptr(PQerrorMessage(connection)).to_str().unwrap());
    }
}
"#;

#[test]
fn a_handler_with_libpq_runs_with_its_closure_and_with_nothing_less() {
    if !have("/usr/include/postgresql/libpq-fe.h") {
        return;
    }
    let workspace = Workspace::hello();
    workspace.write("crates/hello/src/main.rs", LIBPQ);
    package(&workspace, &[]);
    let libraries = bundled(&workspace, "hello", "bootstrap.zip");
    for name in ["libpq.so.5", "libssl.so.3", "libcrypto.so.3", "libgssapi_krb5.so.2"] {
        assert!(libraries.contains(name), "{name} is not among {libraries:?}");
    }
    for promised in ["libc.so.6", "libgcc_s.so.1", "libresolv.so.2", "libm.so.6"] {
        assert!(!libraries.contains(promised), "{promised}");
    }
    let Some(jail) = jailed(&workspace, "hello") else { return };
    let answer = jail.run("/var/task/bootstrap").code(0).stdout;
    assert!(answer.contains("/nowhere/.s.PGSQL.5432"), "{answer}");
    for name in &libraries {
        let (here, away) = (jail.path(&format!("var/task/lib/{name}")), jail.path("tmp/away"));
        fs::rename(&here, &away).unwrap();
        jail.run("/var/task/bootstrap").code(127).says(name);
        fs::rename(&away, &here).unwrap();
    }

    // Only what Lambda has not got at all.
    package(&workspace, &["--trust-system", "all"]);
    let less = bundled(&workspace, "hello", "bootstrap.zip");
    assert!(less.contains("libpq.so.5") && !less.contains("libssl.so.3"), "{less:?}");
    assert!(less.is_subset(&libraries), "{less:?}");
}

/// A library of which no system knows, that needs another, in a folder that a build script names.
fn odd(workspace: &Workspace, package: &str) {
    let folder = workspace.path().join("native");
    fs::create_dir_all(&folder).unwrap();
    let name = "-Wl,-soname,libeven.so.2";
    cc(&folder, "int even(void) { return 6; }", "libeven.so.2", &["-shared", "-fPIC", name]);
    let needs = ["-shared", "-fPIC", "-Wl,-soname,libodd.so.7", "libeven.so.2"];
    let source = "int even(void); int odd(void) { return even() + 1; }";
    cc(&folder, source, "libodd.so.7.1", &needs);
    for link in ["libodd.so.7", "libodd.so"] {
        let link = folder.join(link);
        let _ = fs::remove_file(&link);
        std::os::unix::fs::symlink("libodd.so.7.1", link).unwrap();
    }
    workspace.write(
        &format!("crates/{package}/build.rs"),
        format!(
            "fn main() {{ println!(\"cargo::rustc-link-search=native={}\"); \
             println!(\"cargo::rustc-link-lib=dylib=odd\"); \
             println!(\"cargo::rustc-link-arg=-Wl,-rpath-link,{}\"); }}\n",
            folder.display(),
            folder.display()
        ),
    );
    workspace.write(
        &format!("crates/{package}/src/main.rs"),
        "unsafe extern \"C\" { fn odd() -> i32; }\n\
         fn main() { println!(\"odd is {}\", unsafe { odd() }); }\n",
    );
}

/// A package whose build script names a folder with a library of this answer, after some time.
fn same(workspace: &Workspace, package: &str, answer: u8, seconds: &str) {
    workspace.library(package, "links = \"same\"\n".replace("same", package).as_str());
    let folder = workspace.path().join("native").join(package);
    fs::create_dir_all(&folder).unwrap();
    let source = format!("int same(void) {{ return {answer}; }}");
    let name = "-Wl,-soname,libsame.so.1";
    cc(&folder, &source, "libsame.so", &["-shared", "-fPIC", name]);
    fs::rename(folder.join("libsame.so"), folder.join("libsame.so.1")).unwrap();
    let _ = std::os::unix::fs::symlink("libsame.so.1", folder.join("libsame.so"));
    workspace.write(
        &format!("crates/{package}/build.rs"),
        format!(
            "fn main() {{ std::thread::sleep(std::time::Duration::from_secs_f32({seconds})); \
             println!(\"cargo::rerun-if-env-changed=SAME\"); \
             println!(\"cargo::rustc-link-search=native={}\"); \
             println!(\"cargo::rustc-link-lib=dylib=same\"); }}\n",
            folder.display()
        ),
    );
}

#[test]
fn folders_of_flags_in_cargos_configuration_are_searched() {
    let workspace = Workspace::hello();
    odd(&workspace, "hello");
    // No build script: the flags say it all.
    fs::remove_file(workspace.path().join("crates/hello/build.rs")).unwrap();
    let folder = workspace.path().join("native").display().to_string();
    let flags =
        format!("[\"-L\", \"{folder}\", \"-lodd\", \"-Clink-arg=-Wl,-rpath-link,{folder}\"]");
    for key in ["target.'cfg(unix)'.rustflags", "build.rustflags"] {
        workspace.write(".cargo/config.toml", format!("{key} = {flags}\n"));
        workspace.run(&["package"]).code(0);
        let libraries = bundled(&workspace, "hello", "bootstrap.zip");
        assert_eq!(libraries, ["libeven.so.2", "libodd.so.7"].map(str::to_owned).into(), "{key}");
    }
    // A name that no runtime has a library of, by a flag as in a file.
    workspace
        .run(&["package", "--trust-system", "cryto"])
        .code(2)
        .says("--trust-system: `trust-system` is `cryto`: no runtime has a library `cryto`")
        .says("did you mean `crypto`?");
}

#[test]
fn of_two_files_of_one_name_each_handler_gets_its_own() {
    let workspace = Workspace::new();
    // Whoever is done first, and whatever comes first by name.
    for (native, answer, seconds) in [("a-native", 1, "0.0"), ("z-native", 2, "2.0")] {
        same(&workspace, native, answer, seconds);
        let name = format!("of-{native}");
        let handler = format!("{LAMBDA}{native}.path = \"../{native}\"\n");
        workspace.package(&name, &handler);
        let main = format!(
            "use {} as _;\nunsafe extern \"C\" {{ fn same() -> i32; }}\n\
             fn main() {{ println!(\"same is {{}}\", unsafe {{ same() }}); }}\n",
            native.replace('-', "_")
        );
        workspace.write(&format!("crates/{name}/src/main.rs"), main);
    }
    let library = |function: &str| {
        let zip = File::open(workspace.output(function, "bootstrap.zip")).unwrap();
        let mut archive = zip::ZipArchive::new(zip).unwrap();
        let mut bytes = Vec::new();
        std::io::copy(&mut archive.by_name("lib/libsame.so.1").unwrap(), &mut bytes).unwrap();
        bytes
    };
    // Built in one run, then with nothing to build, then all features in common.
    for args in [&["-v"][..], &[], &["--unify-features"], &["--profile", "dev"]] {
        let talk = package(&workspace, args).stderr;
        assert!(args != ["-v"] || talk.matches("cargo build --message").count() == 1, "{talk}");
        for native in ["a-native", "z-native"] {
            let own = workspace.path().join("native").join(native).join("libsame.so.1");
            let found = library(&format!("of-{native}"));
            assert!(found == fs::read(own).unwrap(), "of-{native} with {args:?}");
        }
    }
}

#[test]
fn folders_of_build_scripts_are_searched() {
    let workspace = Workspace::hello();
    odd(&workspace, "hello");
    let talk = workspace.run(&["package", "-v"]).code(0).stderr;
    let libraries = bundled(&workspace, "hello", "bootstrap.zip");
    assert_eq!(libraries, ["libeven.so.2", "libodd.so.7"].map(str::to_owned).into());
    let place = workspace.path().join("native").canonicalize().unwrap();
    // Cargo writes to the same terminal: its lines may stand between the verb and this.
    let said = format!(
        " lib/libodd.so.7 of hello, which bootstrap needs (provided.al2023 has none): \
         {}/libodd.so.7.1\n",
        place.display()
    );
    assert!(talk.contains(&said), "{talk}");
    assert!(talk.contains("lib/libeven.so.2 of hello, which lib/libodd.so.7 needs"), "{talk}");
    // `check` passes because they are there, and says nothing more; nor does it of the zip.
    assert_eq!(workspace.run(&["check", "--output", "json"]).code(0).findings(), [""; 0]);
    let zip = workspace.output("hello", "bootstrap.zip");
    let zip = zip.to_str().unwrap();
    assert_eq!(workspace.run(&["check", "--output", "json", zip]).code(0).findings(), [""; 0]);
    // Nothing was built: cargo says its paths again.
    let before = fs::read(zip).unwrap();
    workspace.run(&["package"]).code(0);
    assert_eq!(fs::read(zip).unwrap(), before);
    let Some(jail) = jailed(&workspace, "hello") else { return };
    assert_eq!(jail.run("/var/task/bootstrap").code(0).stdout, "odd is 7\n");
}

#[test]
fn what_is_not_found_is_said_with_the_places() {
    let workspace = Workspace::hello();
    odd(&workspace, "hello");
    workspace.run(&["package"]).code(0);
    let place = workspace.path().join("native");
    fs::remove_file(place.join("libeven.so.2")).unwrap();
    let run = workspace.run(&["package", "--output", "json"]).code(3);
    assert_eq!(run.findings(), ["library-missing"]);
    let finding = &run.records()[0];
    assert_eq!(finding["path"], "lib/libodd.so.7");
    let message = finding["message"].as_str().unwrap();
    for part in [
        "needs libeven.so.2, which is neither in the bundle nor on provided.al2023",
        "(itself needed by bootstrap)",
        "the loader looks in /lib64, /usr/lib64, /var/runtime, /var/runtime/lib, /var/task, \
         /var/task/lib, /opt/lib",
        &format!("on this machine {}, ", place.display()),
    ] {
        assert!(message.contains(part), "no {part:?} in {message}");
    }
    // What is included counts, wherever the program looks.
    fs::write(place.join("libeven.so.2"), "").unwrap();
    let even = ["-shared", "-fPIC", "-Wl,-soname,libeven.so.2"];
    fs::create_dir_all(workspace.path().join("crates/hello/mine")).unwrap();
    let mine = workspace.path().join("crates/hello/mine");
    cc(&mine, "int even(void) { return 8; }", "libeven.so.2", &even);
    let metadata = "[package.metadata.lambda-pack]\n\
        include = [{ from = \"mine/libeven.so.2\", to = \"lib/\" }]\n";
    workspace.package("hello", &format!("{LAMBDA}{metadata}"));
    odd_again(&workspace);
    workspace.run(&["package"]).code(0);
    let Some(jail) = jailed(&workspace, "hello") else { return };
    assert_eq!(jail.run("/var/task/bootstrap").code(0).stdout, "odd is 9\n");
}

/// The program once more, without touching the libraries.
fn odd_again(workspace: &Workspace) {
    workspace.write(
        "crates/hello/src/main.rs",
        "unsafe extern \"C\" { fn odd() -> i32; }\n\
         fn main() { println!(\"odd is {}\", unsafe { odd() }); }\n",
    );
}

#[test]
fn an_extension_brings_its_libraries_along() {
    let workspace = Workspace::new();
    workspace.package("logs", "[dependencies]\nlambda-extension.path = \"../lambda-extension\"\n");
    odd(&workspace, "logs");
    workspace.run(&["package"]).code(0);
    let zip = workspace.output("logs", "logs.zip");
    let expected = ["extensions/logs", "lib/libeven.so.2", "lib/libodd.so.7"];
    assert_eq!(entries(&zip), expected.map(str::to_owned).into());
    let Some(jail) = Jail::new() else { return };
    jail.unpack(&zip, "/opt");
    assert_eq!(jail.run("/opt/extensions/logs").code(0).stdout, "odd is 7\n");
}

/// The system's libstdc++ is older than this one needs to be: with `DT_RPATH` ours is found first.
#[test]
fn a_newer_library_goes_along_where_the_program_finds_it_first() {
    let workspace = Workspace::hello();
    let folder = workspace.path().join("native");
    fs::create_dir_all(&folder).unwrap();
    let map = workspace.write("native/map", "GLIBCXX_3.4.99 { global: newer; };");
    let script = format!("-Wl,--version-script={}", map.display());
    let args = ["-shared", "-fPIC", "-Wl,-soname,libstdc++.so.6", &script];
    cc(&folder, "int newer(void) { return 99; }", "libstdc++.so.6", &args);
    let build = |more: &str| {
        workspace.write(
            "crates/hello/build.rs",
            format!(
                "fn main() {{ println!(\"cargo::rustc-link-search={}\"); \
                 println!(\"cargo::rustc-link-arg=-l:libstdc++.so.6\"); {more} }}\n",
                folder.display()
            ),
        );
    };
    workspace.write(
        "crates/hello/src/main.rs",
        "unsafe extern \"C\" { fn newer() -> i32; }\n\
         fn main() { println!(\"{} is newer\", unsafe { newer() }); }\n",
    );
    build("");
    let run = workspace.run(&["package", "--output", "json"]).code(3);
    assert_eq!(run.findings(), ["symbol-version"]);
    let hint = run.records()[0]["hint"].as_str().unwrap().to_owned();
    for remedy in ["statically", "--disable-new-dtags,-rpath,$ORIGIN/lib", "another SONAME"] {
        assert!(hint.contains(remedy), "{hint}");
    }
    build("println!(\"cargo::rustc-link-arg=-Wl,--disable-new-dtags,-rpath,$ORIGIN/lib\");");
    let run = workspace.run(&["package", "--output", "json", "-v"]).code(0);
    assert_eq!(run.findings(), [""; 0]);
    assert!(run.stderr.contains("that of provided.al2023 is too old"), "{}", run.stderr);
    let Some(jail) = jailed(&workspace, "hello") else { return };
    assert_eq!(jail.run("/var/task/bootstrap").code(0).stdout, "99 is newer\n");
}

/// A library that the program opens by itself is named, and found in a folder that is named.
#[test]
fn what_is_opened_by_name_is_bundled_if_the_settings_say_so() {
    let workspace = Workspace::hello();
    let folder = workspace.path().join("more");
    fs::create_dir_all(&folder).unwrap();
    let args = ["-shared", "-fPIC", "-Wl,-soname,libplugin.so.3"];
    cc(&folder, "int plugin(void) { return 3; }", "libplugin.so.3", &args);
    workspace.handler("hello", "dlopen = [\"libplugin.so.3\"]");
    workspace.run(&["package"]).code(3).says("libplugin.so.3");
    for setting in ["library-paths = [\"more\"]", "sysroot = \"other\""] {
        let usual = workspace.path().join("other/usr/lib");
        fs::create_dir_all(&usual).unwrap();
        fs::copy(folder.join("libplugin.so.3"), usual.join("libplugin.so.3")).unwrap();
        workspace.handler("hello", &format!("dlopen = [\"libplugin.so.3\"]\n{setting}"));
        workspace.run(&["package"]).code(0);
        let libraries = bundled(&workspace, "hello", "bootstrap.zip");
        assert_eq!(libraries, ["libplugin.so.3"].map(str::to_owned).into(), "{setting}");
    }
}
