use super::*;

fn image() -> Image {
    Image {
        name: "orders-api".to_owned(),
        stage: "orders-api".to_owned(),
        arch: Arch::X86_64,
        base: Some("public.ecr.aws/lambda/provided:al2023".to_owned()),
        certificates: None,
        script: true,
        programs: vec![Program {
            build: 0,
            name: "orders-api".to_owned(),
            to: "var/task/bootstrap".to_owned(),
            extension: false,
        }],
        files: Vec::new(),
    }
}

fn dockerfile(image: Image) -> Dockerfile {
    Dockerfile { images: vec![image], builds: vec![Build::default()], ..Dockerfile::default() }
}

#[test]
fn words_of_others_stay_words() {
    for (word, quoted) in [
        ("plain-1.2_x/=:,+@%", "plain-1.2_x/=:,+@%"),
        ("", "''"),
        ("a b", "'a b'"),
        ("$HOME `x` \\", "'$HOME `x` \\'"),
        ("it's", r"'it'\''s'"),
        ("<<EOF", "'<<EOF'"),
        ("größe", "'größe'"),
    ] {
        assert_eq!(quote(word).unwrap(), quoted);
    }
    for bad in ["a\nRUN x", "a\rb", "a\0b", "a\u{85}b"] {
        assert_eq!(quote(bad), Err(Unwritable(bad.to_owned())));
    }
    let encoded = words::value("-Ca=b\x1f--cfg\x1fx=\"y z\"").unwrap();
    assert_eq!(encoded, r#""$(printf '%s\037%s\037%s' -Ca=b --cfg 'x="y z"')""#);
}

#[test]
fn patterns_mean_one_path() {
    for (path, line) in [
        ("target", "target"),
        ("!a/[b]*?", "\\!a/\\[b\\]\\*\\?"),
        ("#x", "\\#x"),
        ("a!#", "a!#"),
        ("a\nb", "a?b"),
    ] {
        assert_eq!(pattern(path), line);
    }
    let mut image = image();
    image.files = ["a/.env", "b/credentials.toml"]
        .map(|from| (from.to_owned(), format!("var/task/{from}"), 0o644))
        .to_vec();
    let text = ignore(&["build out".to_owned(), "target".to_owned()], &[image]);
    assert!(text.starts_with(MARK));
    // Logins of a CARGO_HOME wherever it is, unless the function includes a file of that name.
    let logins = "credentials*\n**/credentials.toml\n";
    let ends = format!("{logins}build out\ntarget\n!a/.env\n!b/credentials.toml\n");
    assert!(text.ends_with(&ends), "{text}");
}

#[test]
fn names_for_docker() {
    for (name, stage_is, repository_is) in [
        ("orders-api", "orders-api", "orders-api"),
        ("OrdersAPI", "ordersapi", "ordersapi"),
        ("-x__y-", "f--x__y-", "x-y"),
        ("1st", "f-1st", "1st"),
        ("scratch", "f-scratch", "scratch"),
        ("___", "f-___", "function"),
    ] {
        assert_eq!((&*stage(name), &*repository(name)), (stage_is, repository_is));
    }
}

#[test]
fn comments_end_with_their_line() {
    let mut file = dockerfile(image());
    file.notes = vec!["a\nRUN rm -rf /".to_owned()];
    file.file = "a\nb".to_owned();
    let text = file.render().unwrap();
    assert!(text.contains("# a RUN rm -rf /\nARG"), "{text}");
    assert!(!text.contains("\nb"), "{text}");
}

#[test]
fn values_that_look_like_places_stay() {
    let mut file = dockerfile(image());
    file.builds[0].words = vec!["{{stage}}".to_owned()];
    assert!(file.render().unwrap().contains("cargo zigbuild '{{stage}}'; "));
}

#[test]
fn hostile_files_are_refused_or_quoted() {
    let mut hostile = image();
    let of = |path: &str| (path.to_owned(), format!("var/task/{path}"), 0o644);
    hostile.files = vec![of("a b/$x'y\"")];
    let text = dockerfile(hostile.clone()).render().unwrap();
    let line = r#"install -D -m 0644 '/src/a b/$x'\''y"' '/image/assets/var/task/a b/$x'\''y"'"#;
    assert!(text.contains(line), "{text}");
    hostile.files.push(of("a\nb"));
    let error = dockerfile(hostile).render().unwrap_err();
    assert!(error.to_string().contains("a\\nb"), "{error}");
}

#[test]
fn many_files_fit_into_arguments() {
    let mut many = image();
    let of = |number: usize| format!("assets/{number:0100}");
    many.files =
        (0..2000).map(|number| (of(number), format!("var/task/{}", of(number)), 0o644)).collect();
    let text = dockerfile(many).render().unwrap();
    let runs: Vec<&str> = text.split("RUN ").collect();
    assert!(runs.iter().all(|run| run.len() < 100_000));
    assert_eq!(text.matches("install -D").count(), 2000);
}

#[test]
fn from_scratch_there_is_what_programs_expect() {
    let scratch = Image { base: None, certificates: Some(None), script: false, ..image() };
    let text = dockerfile(scratch).render().unwrap();
    for part in [
        "FROM --platform=${X86_64} scratch AS orders-api\n",
        "install -D -m 0644 /etc/ssl/certs/ca-certificates.crt \
         /image/system/etc/ssl/certs/ca-certificates.crt",
        "chmod 1777 /image/system/tmp",
        "ENV PATH=/var/lang/bin",
        "ENTRYPOINT [\"/var/task/bootstrap\"]\nCMD []\n",
    ] {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn the_linker_is_this_programs_own() {
    let lock = include_str!("../../Cargo.lock");
    assert!(lock.contains(&format!("name = \"cargo-zigbuild\"\nversion = \"{ZIGBUILD}\"")));
    let setup = include_str!("../../tests/setup");
    assert!(setup.contains(&format!("zig_version={ZIG}\n")));
}
