use super::*;

#[test]
fn what_has_no_empty_value_is_cleared_with_none() {
    let setup = Setup {
        api: "[package.metadata.lambda-pack]\nmemory = \"none\"\nruntime = \"none\"\n".to_owned(),
        ..Setup::default()
    };
    let merged = setup.load().unwrap().of_handler("api", "api");
    assert_eq!(merged["memory"].node, Node::Text("none".to_owned()));
    assert_eq!(Settings::new(&merged, &Placeholders::default()).unwrap().runtime, None);
}

#[test]
fn the_environment_of_a_function_is_counted_when_it_is_merged() {
    let half = "x".repeat(2_100);
    let setup = Setup {
        workspace: format!("[workspace.metadata.lambda-pack]\nenvironment.AA = \"{half}\"\n"),
        api: format!("[package.metadata.lambda-pack]\nenvironment.BB = \"{half}\"\n"),
        ..Setup::default()
    };
    let mistakes = setup.load().unwrap_err();
    assert_eq!(mistakes, ["api/Cargo.toml:2: the environment has 4217 bytes; Lambda takes 4096"]);
}

#[test]
fn variables_stand_for_any_kind_of_value() {
    let mut setup = Setup {
        api: "[package.metadata.lambda-pack]\nmemory = \"${MEM:-512}\"\ntimeout = \"${T}\"\n\
              handler = \"${YES}\"\ninclude = [\"${DIR}/x\", { from = \"a\", to = \"${DIR}\", exclude = [\"${DIR}/y\"] }]\n\
              [package.metadata.lambda-pack.env.prod]\nmemory = \"${UNSET}\"\n"
            .to_owned(),
        variables: vec![("T", "none"), ("YES", "true"), ("DIR", "d")],
        ..Setup::default()
    };
    let merged = setup.load().unwrap().of_handler("api", "api");
    assert_eq!(merged["memory"].node, Node::Integer(512));
    assert_eq!(merged["timeout"].node, Node::Text("none".to_owned()));
    let settings = Settings::new(&merged, &Placeholders::default()).unwrap();
    assert_eq!(settings.handler, Some(true));
    let rules: Vec<_> = settings
        .include
        .iter()
        .map(|rule| (rule.from.as_str(), rule.to.as_deref(), rule.exclude.join(",")))
        .collect();
    assert_eq!(rules, [("d/x", None, String::new()), ("a", Some("d"), "d/y".to_owned())]);
    setup.variables = vec![("MEM", "hunter2"), ("T", "901"), ("YES", "1"), ("DIR", "d")];
    assert_eq!(
        setup.load().unwrap_err(),
        [
            "api/Cargo.toml:2: `memory` is `${MEM:-512}`, which does not stand for a whole number, \
             128 to 10240, or \"none\"",
            "api/Cargo.toml:3: `timeout` is `${T}`, which does not stand for a whole number, 1 to \
             900, or \"none\"",
            "api/Cargo.toml:4: `handler` is `${YES}`, which does not stand for true, false or \"none\"",
        ]
    );
}

#[test]
fn a_line_that_is_no_toml_is_said_once() {
    for (text, expected) in [
        ("memory = \nmemry = 5\n", [1, 2].as_slice()),
        ("[env.prod\nmemory = 1\n", &[1]),
        ("memory = 512\nmemory = 600\n", &[2]),
    ] {
        let setup = Setup { lambda_pack: text.to_owned(), ..Setup::default() };
        let said = setup.load().unwrap_err();
        let lines: Vec<String> = expected.iter().map(|n| format!("lambda-pack.toml:{n}")).collect();
        let found: Vec<_> =
            said.iter().map(|said| said.split(": ").next().unwrap().to_owned()).collect();
        assert_eq!(found, lines, "{said:?}");
    }
}

#[test]
fn forms_are_those_of_the_api() {
    let refused = |line: &str| {
        let api = format!("[package.metadata.lambda-pack]\n{line}\n");
        Setup { api, ..Setup::default() }.load().map(|_| ()).map_err(|m| m.join("; "))
    };
    for line in [
        "role = \"arn:aws-us-gov:iam::123456789012:role/service-role/a+b\"",
        "role = \"\"",
        "kms-key = \"arn:aws:kms:eu-west-1:123456789012:key/1-2\"",
        "dead-letter = \"arn:aws:sns:eu-west-1:123456789012:topic\"",
        "layers = [\"arn:aws-cn:lambda:cn-north-1:123456789012:layer:a_b-c:12\"]",
        "vpc.subnets = []",
        "logging.group = \"/aws/lambda/x\"",
        "tags = { \"größe\" = \"a b/c:d@e\" }",
    ] {
        assert_eq!(refused(line), Ok(()), "{line}");
    }
    for (line, why) in [
        ("role = \"arn:aws:iam::1234:role/x\"", "must be a role's ARN"),
        ("role = \"none\"", "an empty string clears it"),
        ("kms-key = \"arn:aws:kms:eu-west-1:123456789012:kex/1\"", "must be a key's ARN"),
        ("dead-letter = \"arn:aws:s3:::bucket\"", "an SQS queue or an SNS topic"),
        ("layers = [\"arn:aws:lambda:eu-west-1:123456789012:layer:l\"]", "a layer's version"),
        ("vpc.subnets = [\"sn-1\"]", "must be a subnet's id"),
        ("vpc.security-groups = [\"sg_1\"]", "must be a security group's id"),
        ("logging.group = \"a b\"", "must be a log group's name"),
        ("tags = { \"a!\" = \"\" }", "tags hold letters"),
        ("tags = { a = \"!\" }", "the value of the tag `a`: tags hold letters"),
    ] {
        let said = refused(line).unwrap_err();
        assert!(said.contains(why), "{line}: {said}");
    }
}

#[test]
fn variables_with_our_prefix_say_what_they_want() {
    let said = |name: &'static str, value: &'static str| {
        let setup = Setup { variables: vec![(name, value)], ..Setup::default() };
        setup.load().unwrap_err().join("; ")
    };
    assert_eq!(
        said("LAMBDA_PACK_MEMORY", ""),
        "LAMBDA_PACK_MEMORY: `memory` is empty; a number is cleared with \"none\""
    );
    // A script that has not set what it names would move all traffic at once.
    assert_eq!(
        said("LAMBDA_PACK_SHIFT", ""),
        "LAMBDA_PACK_SHIFT: `shift` is ``: it is empty; all traffic in one step is `all-at-once`"
    );
    assert_eq!(
        said("LAMBDA_PACK_WHATEVER", "1"),
        "LAMBDA_PACK_WHATEVER: no setting has that variable; `cargo lambda-pack config keys` lists \
         the settings"
    );
}

#[test]
fn what_is_merged_is_looked_at_as_a_whole() {
    let setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\n\
                    vpc.security-groups = [\"sg-1\", \"sg-2\", \"sg-3\"]\n\
                    logging.format = \"text\"\n"
            .to_owned(),
        api: "[package.metadata.lambda-pack]\nmemory = 1\nlogging.level = \"debug\"\n\
              vpc.security-groups = { extend = true, items = [\"sg-4\", \"sg-5\", \"sg-6\"] }\n\
              name = \"{handlr}\"\n"
            .to_owned(),
        ..Setup::default()
    };
    assert_eq!(
        setup.load().unwrap_err(),
        [
            "api/Cargo.toml:2: `memory` is 1; it must be 128 to 10240",
            "api/Cargo.toml:3: `logging.level` goes with `logging.format = \"json\"` only, which \
             Cargo.toml:3 denies",
            "api/Cargo.toml:5: `name` is `{handlr}`: `{handlr}` is unknown; did you mean `handler`?",
            "Cargo.toml:2 + api/Cargo.toml:4: `vpc.security-groups` has 6 elements together; AWS takes 5",
        ]
    );
}

#[test]
fn no_mistake_shows_what_a_value_holds() {
    let setup = Setup {
        api: "[package.metadata.lambda-pack]\nrole = \"${PW}\"\n\
              environment = { DB = \"p@${hunter2\", DC = \"${PW:-hunter2\", DD = \"${hunter2 x}\" }\n"
            .to_owned(),
        variables: vec![("PW", "hunter2"), ("LAMBDA_PACK_ENVIRONMENT", "DE=x${hunter2")],
        ..Setup::default()
    };
    let mistakes = setup.load().unwrap_err().join("\n");
    assert!(mistakes.contains("`role` is `${PW}`") && !mistakes.contains("hunter2"), "{mistakes}");
    assert_eq!(mistakes.lines().count(), 5, "{mistakes}");
}

#[test]
fn keys_are_sorted_and_every_one_can_be_a_variable() {
    assert!(KEYS.is_sorted_by_key(|key| key.name));
    let variables: BTreeSet<String> = KEYS.iter().map(variables::variable).collect();
    assert_eq!(variables.len(), KEYS.len());
    for key in KEYS.iter() {
        assert!(key.meaning.ends_with('.') && !key.default.is_empty(), "{}", key.name);
    }
}

/// What that tool refuses is refused; what it passes over silently is a warning.
#[test]
fn nothing_written_for_cargo_lambda_vanishes() {
    let mut setup = Setup {
        cargo_lambda: "stage = 1\n[dploy]\nmemory = 1\n[template]\nx = 1\n".to_owned(),
        workspace: "[workspace.metadata.lambda]\ndeplyo = {}\n\
                    [workspace.metadata.lambda.bin.nope.deploy]\nmemory = 512\n"
            .to_owned(),
        api: "[package.metadata.lambda.deploy]\ntags = [\"x\", \"a=b\"]\nenv = \"A=1\"\n\
              memroy = 1\nsubnet_ids = [\"subnet-1\"]\ndry = true\n"
            .to_owned(),
        variables: vec![("CARGO_LAMBDA_DEPLOY.MEMORY", "512")],
        ..Setup::default()
    };
    let config = setup.load().unwrap();
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "Cargo.toml:2: cargo-lambda has no section `deplyo`",
            "Cargo.toml:3: cargo-lambda's `bin.nope` names no binary",
            "CargoLambda.toml:1: `stage` is neither a section nor a context of cargo-lambda's",
            "CargoLambda.toml:2: `dploy` is neither a section nor a context of cargo-lambda's",
            "api/Cargo.toml:2: cargo-lambda passes over `x` in `deploy.tags`",
            "api/Cargo.toml:3: cargo-lambda passes over `deploy.env`, which is a string",
            "api/Cargo.toml:4: cargo-lambda has no key `deploy.memroy` and passes over it; did you \
             mean `deploy.memory`?",
            "api/Cargo.toml:5: cargo-lambda has no key `deploy.subnet_ids` and passes over it; did \
             you mean `deploy.vpc.subnet_ids`?",
            "api/Cargo.toml:6: cargo-lambda's `deploy.dry` is not taken; nothing here does the same",
            "CARGO_LAMBDA_DEPLOY.MEMORY: cargo-lambda's variable is not read; instead: \
             `LAMBDA_PACK_…`, as `cargo lambda-pack config keys` lists the keys",
        ]
    );
    setup.cargo_lambda = "deploy = 3\n".to_owned();
    setup.workspace = "[workspace.metadata]\nlambda = 3\n".to_owned();
    setup.api = "[package.metadata.lambda]\nbin = 3\n[package.metadata.lambda.deploy]\n\
                 env = [\"novalue\"]\nlayers = \"a\"\n"
        .to_owned();
    assert_eq!(
        setup.load().unwrap_err(),
        [
            "Cargo.toml:2: `workspace.metadata.lambda` must be a table, not a number",
            "CargoLambda.toml:1: `lambda.deploy` must be a table, not a number",
            "api/Cargo.toml:2: `lambda.bin` must be a table, not a number",
            "api/Cargo.toml:4: `deploy.env` holds what is not `NAME=value`",
            "api/Cargo.toml:5: `layers` must be a list of strings, not a string",
        ]
    );
}

/// What a variable or a file lacks is wrong only for a handler that it counts for.
#[test]
fn what_is_missing_counts_where_it_wins() {
    let setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\ndescription = \"${A} ${B}\"\n\
                    env-file = \"gone.env\"\nenvironment = { SS = \"${C}\" }\n"
            .to_owned(),
        api: "[package.metadata.lambda-pack]\ndescription = \"\"\nenv-file = \"\"\n\
              environment = {}\n"
            .to_owned(),
        ..Setup::default()
    };
    assert_eq!(
        setup.load().unwrap_err(),
        [
            "Cargo.toml:2: `description`: the environment variables `A`, `B` are not set; set them, \
             or write `${NAME:-default}`",
            "Cargo.toml:3: cannot read gone.env: no such file",
            "Cargo.toml:4: `environment.SS`: the environment variable `C` is not set; set it, or \
             write `${C:-default}`",
        ]
    );
    let inner = Setup { workspace: String::new(), ..setup.clone() };
    assert!(inner.load().is_ok());
    // By themselves the handlers of `api` are right, those of `worker` are not.
    let of = |package: &str, handler: &str| {
        let placeholders = Placeholders::default();
        let merged = setup.config().unwrap().of_handler(package, handler);
        Settings::new(&merged, &placeholders).map_err(|mistakes| mistakes.len())
    };
    assert!(of("api", "api").is_ok());
    assert_eq!(of("worker", "worker"), Err(3));
}

#[test]
fn an_empty_environment_clears_what_is_below_and_not_the_file_beside() {
    let setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\nenvironment = { CC = \"w\" }\n".to_owned(),
        api: "[package.metadata.lambda-pack]\nenvironment = {}\nenv-file = \"prod.env\"\n"
            .to_owned(),
        ..Setup::default()
    };
    let Node::Table(environment) = setup.value("environment").0 else { panic!() };
    assert_eq!(environment.keys().collect::<Vec<_>>(), ["AA", "BB"]);
    let cleared =
        Setup { lambda_pack: "[package.api.handlers.api]\nenvironment = {}\n".to_owned(), ..setup };
    let merged = cleared.load().unwrap().of_handler("api", "api");
    assert_eq!(merged["environment"].node, Node::Table(Table::new()));
    assert!(!merged.contains_key("env-file"), "it counts for nothing");
}

#[test]
fn what_layers_names_begin_with_leaves_room_for_the_rest() {
    let long = "a".repeat(33);
    for prefix in ["a b", "{env}-a", "../a", "-a", long.as_str()] {
        let lambda_pack = format!("layers.prefix = \"{prefix}\"\n");
        let why = Setup { lambda_pack, ..Setup::default() }.load().map(|_| ()).unwrap_err();
        assert!(why.join("; ").contains("it must be the beginning of layers' names"), "{why:?}");
    }
    let lambda_pack = format!("layers.prefix = \"{}\"\n", &long[1..]);
    assert!(Setup { lambda_pack, ..Setup::default() }.load().is_ok());
}

#[test]
fn what_a_tester_found() {
    let said = |line: &str| {
        let api = format!("[package.metadata.lambda-pack]\n{line}\n");
        Setup { api, ..Setup::default() }.load().map(|_| ()).map_err(|m| m.join("; "))
    };
    for line in [
        "vpc.dual-stack = \"none\"",
        "handler = \"none\"",
        "environment = { AA = \"x\", BB = \"$${plain}\" }",
    ] {
        assert_eq!(said(line), Ok(()), "{line}");
    }
    let quotes = "\\\"".repeat(2_100);
    for (line, why) in [
        ("layers = [\"\"]", "`layers` has an empty element"),
        ("layers = true", "`layers` must be \"auto\", \"never\", a list of ARNs, or a table"),
        ("include = [\"\"]", "`include` has an empty element"),
        ("check.events = \"\"", "`check.events` has an empty element"),
        ("check.event = \"a\"", "unknown key `check.event`; did you mean `check.events`?"),
        ("check.max-init = \"1.5 s\"", "`check.max-init` is `1.5 s`: it must be a time"),
        ("check.expect = { jsn = 1 }", "did you mean `check.expect.json`?"),
        ("check.expect.json = { at = 2026-01-01 }", "`check.expect.json` holds a date"),
        ("memory = 1.5", "`memory` must be a whole number, or \"none\", not a fraction"),
        ("name = \"bad name\"", "cannot name a Lambda function"),
        ("[package.metadata.lambda-pack.env.p]\nname = \"{bad}\"", "`{bad}` is unknown"),
        ("[package.metadata.lambda-pack.env.p.env.q]", "an `env` table holds no other"),
        ("trust-system = [\"cryto\"]", "no runtime has a library `cryto`; did you mean `crypto`?"),
        (&format!("environment.AA = \"{quotes}\""), "the environment has 4209 bytes"),
        ("logging = { level = \"debug\", format = \"none\" }", "goes with"),
        ("image.bas = \"a\"", "unknown key `image.bas`; did you mean `image.base`?"),
        ("image = { nam = \"a\" }", "unknown key `image.nam`; did you mean `image.name`?"),
        ("\"image.bas\" = \"a\"", "did you mean `image.base`, without quotes?"),
    ] {
        let found = said(line).unwrap_err();
        assert!(found.contains(why), "{line}: {found}");
    }
    let variables = |name: &'static str, value: &'static str| {
        let setup = Setup { variables: vec![(name, value)], ..Setup::default() };
        setup.load().map(|_| ()).map_err(|m| m.join("; "))
    };
    let pairs = Err("LAMBDA_PACK_TAGS: `tags` must be pairs, each name once: `A=1,B=2`".to_owned());
    assert_eq!(variables("LAMBDA_PACK_TAGS", "a=1,a=2"), pairs);
    assert_eq!(variables("LAMBDA_PACK_TAGS", "a=1,b"), pairs);
    assert_eq!(variables("LAMBDA_PACK_MEMORY", " 300"), Ok(()));
    let secret = variables("LAMBDA_PACK_ENVIRONMENT", "PASS=a,hunter2/x=c").unwrap_err();
    assert!(!secret.contains("hunter2"), "{secret}");
}
