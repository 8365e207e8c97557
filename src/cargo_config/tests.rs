use super::*;

/// A disk that is not there.
const FOLDER: &str = "/w/ü x/sub";

fn load(files: &[(&str, &str)], variables: &[(&str, &str)], arguments: &[&str]) -> CargoConfig {
    let arguments: Vec<String> = arguments.iter().map(|&a| a.to_owned()).collect();
    let text = |path: &Path| {
        files.iter().find(|(file, _)| plain(path) == Path::new(file)).map(|(_, text)| *text)
    };
    let found = ["/w/ü x/sub/.cargo/config.toml", "/w/.cargo/config", "/home/.cargo/config.toml"];
    CargoConfig::new(&Sources {
        files: found.iter().map(PathBuf::from).filter(|path| text(path).is_some()).collect(),
        arguments: &arguments,
        variables: variables.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect(),
        folder: Path::new(FOLDER),
        read: &|path| text(path).map(str::to_owned),
    })
}

fn shown(words: &Words) -> Vec<String> {
    words.words.iter().map(|word| format!("{} {}", word.text, word.origin)).collect()
}

const DEEP: &str = "/w/ü x/sub/.cargo/config.toml";
const HIGH: &str = "/w/.cargo/config";
const HOME: &str = "/home/.cargo/config.toml";

/// From the least to the most that counts: where a key stands, and how that is shown.
const PLACES: [(&str, &str); 8] = [
    (HOME, "/home/.cargo/config.toml:1"),
    (HIGH, "/w/.cargo/config:1"),
    ("/w/ü x/sub/.cargo/in.toml", ".cargo/in.toml:1"),
    (DEEP, ".cargo/config.toml:2"),
    ("CARGO_BUILD_X", "CARGO_BUILD_X"),
    ("--config", "--config"),
    ("/w/ü x/sub/in cli.toml", "in cli.toml:1"),
    ("/w/ü x/sub/cli.toml", "cli.toml:2"),
];

/// The key `build.x`, said in these places; `value` writes it.
fn said_in(places: &[usize], value: &dyn Fn(usize) -> String) -> CargoConfig {
    let is = |index| places.contains(&index);
    let line =
        |index| if is(index) { format!("build.x = {}", value(index)) } else { String::new() };
    let texts: Vec<String> = [
        line(0),
        line(1),
        line(2),
        format!(
            "include = [\"gone.toml\", {{ path = \"in.toml\", optional = true }}]\n{}",
            line(3)
        ),
    ]
    .into();
    let clis = [line(6), format!("include = [\"in cli.toml\"]\n{}", line(7))];
    let mut files: Vec<(&str, &str)> =
        (0..4).map(|index| (PLACES[index].0, texts[index].as_str())).collect();
    files.extend([(PLACES[6].0, clis[0].as_str()), (PLACES[7].0, clis[1].as_str())]);
    let variable = value(4).trim_matches(['[', ']', '"']).to_owned();
    let variables: &[(&str, &str)] = if is(4) { &[("CARGO_BUILD_X", &variable)] } else { &[] };
    let argument = line(5);
    let mut arguments = vec!["cli.toml"];
    if is(5) {
        arguments.insert(0, &argument);
    }
    load(&files, variables, &arguments)
}

#[test]
fn of_every_two_places_the_higher_counts_and_lists_are_joined_in_order() {
    for (low, (_, below)) in PLACES.iter().enumerate() {
        let alone = said_in(&[low], &|index| format!("\"v{index}\""));
        assert_eq!(alone.value(&["build", "x"]).unwrap().origin.to_string(), *below);
        for (high, (_, above)) in PLACES.iter().enumerate().skip(low + 1) {
            let config = said_in(&[low, high], &|index| format!("\"v{index}\""));
            let said = config.value(&["build", "x"]).unwrap();
            assert_eq!(said.value, Value::Text(format!("v{high}")), "{low} and {high}");
            assert_eq!(said.origin.to_string(), *above, "{low} and {high}");
            let config = said_in(&[low, high], &|index| format!("[\"v{index}\"]"));
            let words = config.words(&["build", "x"]);
            assert_eq!(shown(&words), [format!("v{low} {below}"), format!("v{high} {above}")]);
            assert!(!words.is_string);
        }
    }
}

#[test]
fn of_strings_the_topmost_counts_and_the_variable_is_added() {
    let key = ["build", "rustflags"];
    let variable = ("CARGO_BUILD_RUSTFLAGS", "  -e  -f ");
    let files = [(DEEP, "build.rustflags = \"-a -b\""), (HIGH, "build.rustflags = \"-c\"")];
    let config = load(&files, &[variable], &[]);
    let words: Vec<_> = config.words(&key).words.into_iter().map(|word| word.text).collect();
    assert_eq!(words, ["-a", "-b", "-e", "-f"]);
    assert!(config.words(&key).is_string);
    let config = load(&files, &[variable], &["build.rustflags='-x'"]);
    let words: Vec<_> = config.words(&key).words.into_iter().map(|word| word.text).collect();
    assert_eq!(words, ["-e", "-f", "-x"], "the string of `--config` takes the files' place");
}

#[test]
fn values_have_the_types_of_toml_and_of_variables() {
    let text = "[profile.release]\nlto = true\ncodegen-units = 0x1_0\nstrip = \"none\"\n\
        debug = 1.5\nrustflags = [1]\n";
    let config = load(
        &[(DEEP, text)],
        &[("CARGO_PROFILE_MY_PROF_LTO", "false"), ("CARGO_PROFILE_MY_PROF_CODEGEN_UNITS", "7")],
        &[],
    );
    let value = |profile, key| config.value(&["profile", profile, key]).map(|said| said.value);
    assert_eq!(value("release", "lto"), Some(Value::Boolean(true)));
    assert_eq!(value("release", "codegen-units"), Some(Value::Integer(16)));
    assert_eq!(value("release", "strip"), Some(Value::Text("none".into())));
    assert!(matches!(value("release", "debug"), Some(Value::Other(_))));
    assert!(matches!(value("release", "rustflags"), Some(Value::Other(_))));
    assert_eq!(value("my-prof", "lto"), Some(Value::Boolean(false)));
    assert_eq!(value("my_prof", "codegen-units"), Some(Value::Integer(7)));
    assert_eq!(value("release", "panic"), None);
}

#[test]
fn what_cargo_refuses_does_no_harm() {
    let circle =
        "include = [\"config.toml\", \"../.cargo/./config.toml\", 3, {}]\nbuild.x = 1\n= 2\n";
    let config = load(&[(DEEP, circle)], &[], &["", "=", "no such file", "include = 'a'"]);
    assert_eq!(config.value(&["build", "x"]).map(|said| said.value), Some(Value::Integer(1)));
    let deep = format!("a{} = 1", ".a".repeat(5000));
    assert_eq!(load(&[(DEEP, &deep)], &[], &[]).value(&["b"]), None);
}

fn linux() -> Vec<Cfg> {
    ["unix", "target_os=\"linux\"", "target_arch=\"x86_64\""].map(|cfg| cfg.parse().unwrap()).into()
}

#[test]
fn linkers_of_the_triple_of_a_cfg_and_of_every_place() {
    const TRIPLE: &str = "x86_64-unknown-linux-gnu";
    let linker = |files: &[(&str, &str)], variables: &[(&str, &str)], arguments: &[&str]| {
        let found = load(files, variables, arguments).linker(TRIPLE, &linux());
        found.map(|(path, origin)| format!("{} {origin}", path.display()))
    };
    let by_cfg = "target.'cfg(target_os = \"linux\")'.linker = \"bin/ld\"";
    let variable = ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_LINKER", "bin/env");
    assert_eq!(linker(&[], &[], &[]), None);
    assert_eq!(linker(&[(DEEP, "target.'cfg(windows)'.linker = 'x'")], &[], &[]), None);
    assert_eq!(linker(&[(HIGH, by_cfg)], &[], &[]).unwrap(), "/w/bin/ld /w/.cargo/config:1");
    assert_eq!(
        linker(
            &[(HIGH, by_cfg), (HOME, "[target.x86_64-unknown-linux-gnu]\nlinker='cc'")],
            &[],
            &[]
        )
        .unwrap(),
        "cc /home/.cargo/config.toml:2",
        "the triple counts over a cfg, wherever it stands"
    );
    assert_eq!(
        linker(&[(HIGH, by_cfg)], &[variable], &[]).unwrap(),
        format!("{FOLDER}/bin/env {}", variable.0)
    );
    let argument = format!("target.{TRIPLE}.linker='../ld'");
    assert_eq!(
        linker(&[(HIGH, by_cfg)], &[variable], &[&argument]).unwrap(),
        format!("{FOLDER}/../ld --config")
    );
}

#[test]
fn flags_of_all_cfgs_that_hold_in_the_order_of_their_text() {
    let text = "[target]\n'cfg(unix)'.rustflags = [\"-u\"]\n'cfg(windows)'.rustflags = [\"-w\"]\n\
        'cfg(all())'.rustflags = \"-a -b\"\n'cfg(broken'.rustflags = [\"-x\"]\n";
    let config = load(&[(DEEP, text), (HOME, "target.'cfg(unix)'.rustflags = [\"-h\"]")], &[], &[]);
    let words: Vec<_> = config.cfg_rustflags(&linux()).into_iter().map(|word| word.text).collect();
    assert_eq!(words, ["-a", "-b", "-h", "-u"]);
    assert!(config.has_cfgs());
    assert!(!load(&[(DEEP, "target.x.rustflags = []")], &[], &[]).has_cfgs());
}

#[test]
fn arguments_are_toml_again() {
    let Handed::Config(argument) = Handed::config(
        &["target", "ü.x", "rustflags"],
        &Value::List(vec!["a\"\\ \u{1}ü".to_owned(), "-Cx=y".to_owned()]),
    ) else {
        panic!("not an argument")
    };
    let config = load(&[], &[], &[&argument]);
    let words: Vec<_> = config.words(&["target", "ü.x", "rustflags"]).words;
    let words: Vec<_> = words.iter().map(|word| word.text.as_str()).collect();
    assert_eq!(words, ["a\"\\ \u{1}ü", "-Cx=y"]);
}
