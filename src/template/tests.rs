use super::*;

/// A template of these files.
fn gathered(files: &[(&str, &str)]) -> Result<Gathered, TemplateError> {
    let mut gathered = Gathered::default();
    for (path, text) in files {
        gathered.add(path, false, &mut text.as_bytes())?;
    }
    Ok(gathered)
}

fn template(manifest: &str, files: &[(&str, &str)]) -> Result<Template, TemplateError> {
    let mut all = vec![(MANIFEST, manifest)];
    all.extend(files);
    Template::of(gathered(&all)?)
}

fn given(set: &[(&str, &str)]) -> Given {
    let set = set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    Given { name: "my-fn".to_owned(), workspace: false, set }
}

fn unasked(template: &Template, set: &[(&str, &str)]) -> Result<Answers, TemplateError> {
    template.answers(&given(set), |_| Ok(None))
}

/// The files that are written, as `path: text`.
fn written(manifest: &str, files: &[(&str, &str)], set: &[(&str, &str)]) -> Vec<String> {
    let template = template(manifest, files).unwrap();
    let files = template.render(&unasked(&template, set).unwrap()).unwrap();
    let line = |(path, file): (&String, &File)| {
        format!("{path}: {}", String::from_utf8_lossy(&file.bytes))
    };
    files.iter().map(line).collect()
}

/// Why files are not written.
fn refused(files: &[(&str, &str)]) -> String {
    let all = template("description = \"d\"", files);
    let rendered = all.and_then(|all| all.render(&unasked(&all, &[])?));
    let error = rendered.unwrap_err();
    let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error} {cause}")
}

const ASKS: &str = r#"
description = "d"
[prompts.zone]
question = "Which?"
choices = ["a", "b"]
default = "b"
[prompts.deep]
question = "Deep?"
kind = "bool"
default = false
[prompts.bucket]
question = "Name?"
pattern = "[a-z]+"
default = "x"
when = "deep"
[[files]]
path = "only"
when = "zone == 'a'"
"#;

fn asks() -> Template {
    template(ASKS, &[("only/x", "")]).unwrap()
}

#[test]
fn what_ends_in_jinja_is_rendered_and_all_else_copied() {
    let files = [
        (
            "Cargo.toml.jinja",
            "name = \"{{ name }}\"\nlib = \"{{ crate_name }}\"\nin = {{ workspace }}\n",
        ),
        ("src/{{ crate_name }}.rs", "{{ name }}"),
        ("empty.jinja", "\n{% if workspace %}\nmuch\n{% endif %}\n"),
        ("lines.jinja", "a\n  {% if not workspace %}\nb\n  {% endif %}\nc\n"),
    ];
    let lines = written("description = \"d\"", &files, &[]);
    assert_eq!(
        lines,
        [
            "Cargo.toml: name = \"my-fn\"\nlib = \"my_fn\"\nin = false\n",
            "lines: a\nb\nc\n",
            "src/my_fn.rs: {{ name }}",
        ]
    );
}

#[test]
fn answers_choose_and_fill() {
    let files =
        [("only/x", "1"), ("only.txt", "2"), ("t.jinja", "{{ zone }} {{ deep }} {{ bucket }}")];
    assert_eq!(written(ASKS, &files, &[]), ["only.txt: 2", "t: b false x"]);
    assert_eq!(
        written(ASKS, &files, &[("zone", "a"), ("deep", "true"), ("bucket", "q")]),
        ["only.txt: 2", "only/x: 1", "t: a true q"]
    );
}

#[test]
fn questions_come_in_their_order_and_only_where_they_mean_something() {
    let template = asks();
    let mut asked = Vec::new();
    let answers = template.answers::<TemplateError>(&given(&[]), |prompt| {
        asked.push(prompt.key.clone());
        Ok((prompt.key == "deep").then(|| "true".to_owned()))
    });
    assert!(answers.is_ok());
    assert_eq!(asked, ["zone", "deep", "bucket"]);
    asked.clear();
    let ask = |prompt: &Prompt| {
        asked.push(prompt.key.clone());
        Ok::<_, TemplateError>(None)
    };
    assert!(template.answers(&given(&[("zone", "a")]), ask).is_ok());
    assert_eq!(asked, ["deep"]);
}

#[test]
fn wrong_answers_say_what_would_be_right() {
    let template = asks();
    for (set, says) in [
        (("zone", "c"), "`zone` cannot be `c`: known are `a`, `b`"),
        (("zoen", "a"), "the template asks for no `zoen`: did you mean `zone`?"),
        (("deep", "yes"), "`deep` cannot be `yes`: it is `true` or `false`"),
    ] {
        assert_eq!(unasked(&template, &[set]).unwrap_err().to_string(), says);
    }
    let error = unasked(&template, &[("deep", "true"), ("bucket", "A1")]).unwrap_err();
    assert_eq!(error.to_string(), "`bucket` cannot be `A1`: it has to match [a-z]+");
    let mut named = given(&[]);
    named.name = "fn".to_owned();
    let error = template.answers::<TemplateError>(&named, |_| Ok(None)).unwrap_err();
    assert_eq!(error.to_string(), "`fn` cannot be the name of the package");
    let bare = "description = \"d\"\n[prompts.a]\nquestion = \"A?\"";
    let bare = self::template(bare, &[]).unwrap();
    let error = unasked(&bare, &[]).unwrap_err().to_string();
    assert_eq!(error, "the template asks for `a` (A?), which has no default: say `--set a=…`");
}

#[test]
fn manifests_that_mean_nothing() {
    for text in [
        "",
        "description = 1",
        "description = \"d\"\nrun = \"rm\"",
        "description = \"d\"\n[prompts.name]\nquestion = \"q\"",
        "description = \"d\"\n[prompts.\"a b\"]\nquestion = \"q\"",
        "description = \"d\"\n[prompts.a]\nquestion = \"q\"\nchoices = []",
        "description = \"d\"\n[prompts.a]\nquestion = \"q\"\nchoices = [\"a\"]\ndefault = \"b\"",
        "description = \"d\"\n[prompts.a]\nquestion = \"q\"\npattern = \"(\"",
        "description = \"d\"\n[prompts.a]\nquestion = \"q\"\nkind = \"bool\"\npattern = \"x\"",
    ] {
        assert!(template(text, &[]).is_err(), "{text}");
    }
    assert!(matches!(Template::of(Gathered::default()), Err(TemplateError::NoManifest)));
    // What it names is there, and what it says can be read.
    for (more, says) in [
        ("[[files]]\npath = \"a\"\nwhen = \"nothing == (\"", "`when = \"nothing == (\"`"),
        ("[prompts.x]\nquestion = \"q\"\nwhen = \"x ===\"", "`when = \"x ===\"`"),
        ("[[files]]\npath = \"src/nope.rs\"\nwhen = \"true\"", "`src/nope.rs`: no file"),
        ("[[files]]\npath = \"../a\"\nwhen = \"true\"", "`../a`: no file"),
        ("[[samples]]\nevent = \"/etc/passwd\"", "\"/etc/passwd\""),
        ("[[samples]]\nevent = \"events/none.json\"", "`events/none.json`: no file"),
    ] {
        let error = template(&format!("description = \"d\"\n{more}"), &[("a", "")]).unwrap_err();
        assert!(error.to_string().contains(says), "{more}: {error}");
    }
    let sample = "description = \"d\"\n[[samples]]\nevent = \"events/a.json\"";
    for path in ["events/a.json.jinja", "events/{{ name }}.json"] {
        assert!(template(sample, &[(path, "")]).is_ok(), "{path}");
    }
}

#[test]
fn nothing_is_written_elsewhere() {
    for (path, says) in [
        ("../x", "`..`"),
        ("a/../../x", "`..`"),
        ("/etc/x", "absolute"),
        ("a\\..\\x", "backslash"),
        ("a//x", "empty or `.` part"),
        ("C:x", "Windows has no such names"),
        ("nul", "a device"),
        ("a/Com1.txt/x", "a device"),
        ("a./x", "Windows has no such names"),
        (".git/hooks/pre-commit", "git would find it"),
        ("a/.GIT/config", "git would find it"),
    ] {
        let said = refused(&[(path, "")]);
        assert!(said.contains(says), "{path}: {said}");
    }
    // What an answer brings.
    for (answer, says) in [("../../x", "`..`"), ("/x", "absolute"), (".git", "git would find it")] {
        let asks = "description = \"d\"\n[prompts.a]\nquestion = \"q\"";
        let template = template(asks, &[("{{ a }}/x", "")]).unwrap();
        let error = template.render(&unasked(&template, &[("a", answer)]).unwrap()).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(format!("{error} {cause}").contains(says), "{answer}: {error} {cause}");
    }
}

#[test]
fn names_that_collide_are_refused() {
    for files in [
        [("a", "1"), ("A", "2")],
        [("a", "1"), ("a.jinja", "2")],
        [("a", "1"), ("a/b", "2")],
        [("dir/x", "1"), ("DIR/y", "2")],
        [("{{ name }}", "1"), ("my-fn", "2")],
    ] {
        assert!(refused(&files).contains("want one place"), "{files:?}");
    }
}

#[test]
fn there_are_bounds() {
    let long = "x".repeat(usize::try_from(MAX_FILE).unwrap() + 1);
    assert!(matches!(gathered(&[("a", &long)]), Err(TemplateError::Large(_))));
    let mut many = Gathered::default();
    for count in 0..MAX_FILES {
        many.add(&format!("f{count}"), false, &mut "".as_bytes()).unwrap();
    }
    assert!(many.add("one-more", false, &mut "".as_bytes()).is_err());
    let mut whole = Gathered::default();
    let part = &long[1..];
    let added = (0..9).try_for_each(|at| whole.add(&format!("f{at}"), false, &mut part.as_bytes()));
    assert!(matches!(added, Err(TemplateError::Large(_))));
    // A loop without end, a text without end, and what is not there.
    for text in [
        "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
        "{{ 'xxxxxxxxxx' * 1000000 }}",
        "{% include '/etc/passwd' %}",
        "{{ nobody }}",
        "{{ name",
    ] {
        assert!(refused(&[("a.jinja", text)]).contains("cannot render \"a.jinja\""), "{text}");
    }
}

#[test]
fn ours_are_templates() {
    assert!(names().contains(&DEFAULT));
    for name in names() {
        let template = builtin(name).unwrap();
        // With the longest name beside it, a line of 80 columns.
        let description = &template.manifest.description;
        assert!(description.chars().count() <= 60, "{name}: {description}");
        let answers = template.answers::<TemplateError>(&given(&[]), |_| Ok(None)).unwrap();
        let files = template.render(&answers).unwrap();
        for file in ["Cargo.toml", "README.md", ".gitignore"] {
            assert!(files.contains_key(file), "{name} has no {file}");
        }
        for sample in template.samples(&answers, &files).unwrap() {
            let event = serde_json::from_slice::<serde_json::Value>(&files[&sample.event].bytes);
            assert!(event.is_ok(), "{name}: {}", sample.event);
        }
    }
    let error = builtin("htpp").unwrap_err().to_string();
    assert_eq!(error, "there is no template `htpp`: did you mean `http`?");
    let error = builtin("zzz").unwrap_err().to_string();
    assert!(error.ends_with("; `new --list` tells of all"), "{error}");
    assert!(builtin("http/src").is_err());
}

#[test]
fn one_folder_of_an_archive_is_none() {
    let all = gathered(&[("r-1/template.toml", "description = \"d\""), ("r-1/a", "")]).unwrap();
    assert!(Template::of(all.without_single_folder()).is_ok());
    let all = gathered(&[("template.toml", "description = \"d\""), ("r/a", "")]).unwrap();
    assert!(Template::of(all.without_single_folder()).is_ok());
    let all = gathered(&[("a/template.toml", ""), ("b/a", "")]).unwrap();
    assert!(Template::of(all.without_single_folder()).is_err());
}
