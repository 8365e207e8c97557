use proptest::prelude::*;

use super::*;

mod values;
mod wanted;

/// A workspace of `api` (bins `api`, `admin`) and `worker`, with these tables.
#[derive(Default, Clone)]
struct Setup {
    workspace: String,
    api: String,
    lambda_pack: String,
    cargo_lambda: String,
    env: Option<&'static str>,
    variables: Vec<(&'static str, &'static str)>,
    flags: Vec<(&'static str, Node)>,
}

impl Setup {
    /// As it is loaded: what is wrong with single handlers is theirs.
    fn config(&self) -> Result<Config, Vec<Mistake>> {
        let file = |name: &str, text: &str| ConfigFile { name: name.into(), text: text.to_owned() };
        let variables: Vec<(String, String)> =
            self.variables.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        let located = |node: &Node| Located { node: node.clone(), origin: Origin::Flag("--flag") };
        let inputs = Inputs {
            members: vec![
                ("api".to_owned(), file("api/Cargo.toml", &self.api)),
                ("worker".to_owned(), file("worker/Cargo.toml", "")),
            ],
            workspace: file("Cargo.toml", &self.workspace),
            lambda_pack: Some(file("lambda-pack.toml", &self.lambda_pack)),
            cargo_lambda: Some(file("CargoLambda.toml", &self.cargo_lambda)),
            read: &|path| match path {
                "api/prod.env" => Ok("AA=file\nBB=file\n".to_owned()),
                _ => Err("no such file".to_owned()),
            },
            env: self.env.map(str::to_owned),
            flags: self.flags.iter().map(|(key, node)| (*key, located(node))).collect(),
            packages: BTreeMap::from([
                ("api".to_owned(), BTreeSet::from(["admin".to_owned(), "api".to_owned()])),
                ("worker".to_owned(), BTreeSet::from(["worker".to_owned()])),
            ]),
            git: &|_| Err("no git here".to_owned()),
            lookup: &|name| {
                variables.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
            },
            variables: variables.clone(),
        };
        Config::load(&inputs)
    }

    /// As if every handler were selected.
    fn load(&self) -> Result<Config, Vec<String>> {
        let shown =
            |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>();
        let config = self.config().map_err(shown)?;
        let of_handlers = config.settings.values().filter_map(|settings| settings.clone().err());
        let mut mistakes: Vec<Mistake> = of_handlers.flatten().collect();
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() { Ok(config) } else { Err(shown(mistakes)) }
    }

    fn value(&self, key: &str) -> (Node, String) {
        let merged = self.load().unwrap().of_handler("api", "api");
        let found = &merged[key];
        (found.node.clone(), found.origin.to_string())
    }
}

/// The steps of precedence for one handler, from the lowest to the highest; each says where it is.
type Step = (&'static str, fn(&mut Setup, i64));

fn steps() -> Vec<Step> {
    fn table(text: &mut String, header: &str, value: i64) {
        text.push_str(&format!("[{header}]\nmemory = {value}\n"));
    }
    vec![
        ("Cargo.toml", |s, v| table(&mut s.workspace, "workspace.metadata.lambda-pack", v)),
        ("Cargo.toml", |s, v| {
            table(&mut s.workspace, "workspace.metadata.lambda-pack.env.prod", v);
        }),
        // A key of the root comes before every table.
        ("lambda-pack.toml", |s, v| s.lambda_pack.insert_str(0, &format!("memory = {v}\n"))),
        ("lambda-pack.toml", |s, v| table(&mut s.lambda_pack, "env.prod", v)),
        ("api/Cargo.toml", |s, v| table(&mut s.api, "package.metadata.lambda-pack", v)),
        ("api/Cargo.toml", |s, v| table(&mut s.api, "package.metadata.lambda-pack.env.prod", v)),
        ("lambda-pack.toml", |s, v| table(&mut s.lambda_pack, "package.api", v)),
        ("lambda-pack.toml", |s, v| table(&mut s.lambda_pack, "package.api.env.prod", v)),
        ("api/Cargo.toml", |s, v| {
            table(&mut s.api, "package.metadata.lambda-pack.handlers.api", v);
        }),
        ("api/Cargo.toml", |s, v| {
            table(&mut s.api, "package.metadata.lambda-pack.handlers.api.env.prod", v);
        }),
        ("lambda-pack.toml", |s, v| table(&mut s.lambda_pack, "package.api.handlers.api", v)),
        ("lambda-pack.toml", |s, v| {
            table(&mut s.lambda_pack, "package.api.handlers.api.env.prod", v);
        }),
        ("LAMBDA_PACK_MEMORY", |s, v| {
            s.variables.push(("LAMBDA_PACK_MEMORY", Box::leak(v.to_string().into_boxed_str())));
        }),
        ("--flag", |s, v| s.flags.push(("memory", Node::Integer(v)))),
    ]
}

fn prod(said: impl IntoIterator<Item = usize>) -> Setup {
    // The environment must be known whatever is said.
    let mut setup = Setup { env: Some("prod"), ..Setup::default() };
    setup.api.push_str("[package.metadata.lambda-pack.handlers.admin.env.prod]\nmemory = 128\n");
    for step in said {
        steps()[step].1(&mut setup, 1_000 + i64::try_from(step).unwrap());
    }
    setup
}

#[test]
fn every_pair_of_neighbours_in_the_order_of_precedence() {
    for lower in 0..steps().len() - 1 {
        for said in [[lower, lower + 1], [lower + 1, lower]] {
            let (value, origin) = prod(said).value("memory");
            let expected = Node::Integer(1_001 + i64::try_from(lower).unwrap());
            assert_eq!(value, expected, "step {} must win over {lower}", lower + 1);
            assert!(origin.starts_with(steps()[lower + 1].0), "{origin}");
        }
    }
}

proptest! {
    /// Whatever is said in whatever order: the highest step wins, and the origin shown is its own.
    #[test]
    fn the_highest_wins_and_shows_its_origin(said in proptest::collection::vec(0_usize..14, 1..14)) {
        let said: BTreeSet<usize> = said.into_iter().collect();
        let highest = *said.iter().max().unwrap();
        let (value, origin) = prod(said.into_iter().rev()).value("memory");
        prop_assert_eq!(value, Node::Integer(1_000 + i64::try_from(highest).unwrap()));
        prop_assert!(origin.starts_with(steps()[highest].0), "{}", origin);
    }
}

#[test]
fn a_table_of_another_environment_or_handler_says_nothing() {
    let setup = Setup {
        api: "[package.metadata.lambda-pack]\nmemory = 256\n\
              [package.metadata.lambda-pack.env.prod]\nmemory = 512\n\
              [package.metadata.lambda-pack.handlers.admin]\nmemory = 1024\n"
            .to_owned(),
        ..Setup::default()
    };
    assert_eq!(setup.value("memory"), (Node::Integer(256), "api/Cargo.toml:2".to_owned()));
    let config = setup.load().unwrap();
    assert_eq!(config.of_handler("api", "admin")["memory"].node, Node::Integer(1024));
    assert!(config.of_handler("worker", "worker").is_empty());
}

#[test]
fn what_is_forgotten_is_left_alone() {
    let setup = |api: &str, variables: Vec<(&'static str, &'static str)>| Setup {
        workspace:
            "[workspace.metadata.lambda-pack]\nmemory = 128\ntags = { a = \"1\", b = \"1\" }\n\
                    env-file = \"api/prod.env\"\n"
                .to_owned(),
        api: api.to_owned(),
        variables,
        ..Setup::default()
    };
    let api = "[package.metadata.lambda-pack]\nforget = [\"memory\", \"tags\", \"env-file\"]\ntags = { a = \"2\" }\n";
    let config = setup(api, Vec::new()).load().unwrap();
    let merged = config.of_handler("api", "api");
    assert_eq!(merged.keys().copied().collect::<Vec<_>>(), ["tags"]);
    assert!(matches!(&merged["tags"].node, Node::Table(table) if table.len() == 1));
    let keys = config.of_handler("worker", "worker");
    assert_eq!(keys.into_keys().collect::<Vec<_>>(), ["env-file", "environment", "memory", "tags"]);
    // What stands beside it, and above, counts.
    let again = "[package.metadata.lambda-pack.handlers.api]\nmemory = 512\n";
    let config = setup(&format!("{api}{again}"), Vec::new()).load().unwrap();
    assert_eq!(config.of_handler("api", "api")["memory"].node, Node::Integer(512));
    let variables = vec![("LAMBDA_PACK_FORGET", "memory,tags"), ("LAMBDA_PACK_MEMORY", "256")];
    let merged = setup("", variables).load().unwrap().of_handler("api", "api");
    assert_eq!(merged["memory"].node, Node::Integer(256));
    assert!(!merged.contains_key("tags"));
    let unknown = setup("[package.metadata.lambda-pack]\nforget = [\"memry\"]\n", Vec::new());
    assert!(unknown.load().unwrap_err()[0].contains("did you mean `memory`?"));
}

#[test]
fn maps_merge_key_by_key_and_lists_replace_or_extend() {
    let setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\ntrust-system = [\"ssl\"]\n\
                    environment = { AA = \"1\", BB = \"1\" }\ntags = { t = \"1\" }\n"
            .to_owned(),
        api: "[package.metadata.lambda-pack]\ntrust-system = { extend = true, items = [\"crypto\"] }\n\
              environment = { BB = \"2\", CC = 3 }\ntags = {}\n"
            .to_owned(),
        ..Setup::default()
    };
    let merged = setup.load().unwrap().of_handler("api", "api");
    let Node::Table(environment) = &merged["environment"].node else { panic!() };
    let shown: Vec<_> = environment
        .iter()
        .map(|(key, value)| format!("{key} {:?} {}", value.node, value.origin))
        .collect();
    assert_eq!(
        shown,
        [
            "AA Text(\"1\") Cargo.toml:3",
            "BB Text(\"2\") api/Cargo.toml:3",
            "CC Text(\"3\") api/Cargo.toml:3"
        ]
    );
    let list = &merged["trust-system"];
    let Node::List(items) = &list.node else { panic!() };
    assert_eq!(list.origin.to_string(), "Cargo.toml:2 + api/Cargo.toml:2");
    assert_eq!(
        items.iter().map(|l| l.node.clone()).collect::<Vec<_>>(),
        [Node::Text("ssl".to_owned()), Node::Text("crypto".to_owned())]
    );
    assert_eq!(merged["tags"].node, Node::Table(Table::new()), "empty clears");
}

#[test]
fn variables_and_placeholders() {
    let mut setup = Setup {
        api: "[package.metadata.lambda-pack]\nname = \"{handler}-${STAGE:-dev}\"\n\
              description = \"by ${USER}\"\n[package.metadata.lambda-pack.env.prod]\n\
              role = \"${PROD_ROLE}\"\n"
            .to_owned(),
        variables: vec![("USER", "ada")],
        ..Setup::default()
    };
    let merged = setup.load().unwrap().of_handler("api", "api");
    let placeholders = Placeholders { handler: "api", package: "api", ..Placeholders::default() };
    let settings = Settings::new(&merged, &placeholders).unwrap();
    assert_eq!(settings.name.unwrap().as_str(), "api-dev");
    assert_eq!(merged["description"].node, Node::Text("by ada".to_owned()));
    setup.env = Some("prod");
    assert_eq!(
        setup.load().unwrap_err(),
        [
            "api/Cargo.toml:5: `role`: the environment variable `PROD_ROLE` is not set; set it, or write \
         `${PROD_ROLE:-default}`"
        ]
    );
}

#[test]
fn every_mistake_at_once_with_its_file_and_line() {
    let setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\nmemry = 1\nname = \"x\"\n".to_owned(),
        api: "[package.metadata.lambda-pack]\nmemory = 64\ntimeout = \"long\"\nhandler = 1\n\
              role = \"arn:aws:s3:::x\"\nruntime = \"provided.al2022\"\n\
              environment = { AWS_REGION = \"x\", ok_ = \"1\", \"a b\" = \"2\" }\n\
              tags = { \"aws:x\" = \"1\" }\nlayers = [\"1\"]\n\
              vpc = { subnet = [], security-groups = [\"sg-1\",\"sg-2\",\"sg-3\",\"sg-4\",\"sg-5\",\"sg-6\"] }\nlogging.format = \"xml\"\ninclude = [3, { form = \"x\" }]\n\
              [package.metadata.lambda-pack.handlers.apy]\n"
            .to_owned(),
        lambda_pack: "ephemeral-storage = 1.5\n[package.wroker]\n[env.prod]\ntracing = true\n"
            .to_owned(),
        cargo_lambda: String::new(),
        env: Some("prd"),
        variables: vec![("LAMBDA_PACK_MEMRY", "1"), ("LAMBDA_PACK_TIMEOUT", "901")],
        flags: Vec::new(),
    };
    let mistakes = setup.load().unwrap_err();
    assert_eq!(mistakes.join("\n"), include_str!("tests/mistakes.txt").trim_end());
}

#[test]
fn an_env_file_stands_below_the_environment_beside_it() {
    let mut setup = Setup {
        workspace: "[workspace.metadata.lambda-pack]\nenvironment = { AA = \"w\", CC = \"w\" }\n"
            .to_owned(),
        api: "[package.metadata.lambda-pack]\nenv-file = \"prod.env\"\n\
              environment = { BB = \"own\" }\n"
            .to_owned(),
        ..Setup::default()
    };
    let Node::Table(environment) = setup.value("environment").0 else { panic!() };
    let shown: Vec<_> =
        environment.iter().map(|(name, v)| format!("{name} {}", v.origin)).collect();
    assert_eq!(shown, ["AA api/prod.env:1", "BB api/Cargo.toml:3", "CC Cargo.toml:2"]);
    // Another file, or none, takes the place of the one below.
    setup.lambda_pack = "[package.api]\nenv-file = \"\"\n".to_owned();
    let Node::Table(environment) = setup.value("environment").0 else { panic!() };
    let shown: Vec<_> =
        environment.iter().map(|(name, v)| format!("{name} {}", v.origin)).collect();
    assert_eq!(shown, ["AA Cargo.toml:2", "BB api/Cargo.toml:3", "CC Cargo.toml:2"]);
    setup.lambda_pack.clear();
    setup.api = setup.api.replace("prod.env", "none.env");
    assert_eq!(
        setup.load().unwrap_err(),
        ["api/Cargo.toml:2: cannot read api/none.env: no such file"]
    );
}

/// The shapes that its documentation shows: several functions, a workspace, per-binary tables,
/// contexts.
#[test]
fn projects_of_cargo_lambda_work_with_no_edit() {
    let mut setup = Setup {
        cargo_lambda: "[deploy]\nmemory = 128\ntimeout = 10\n[production.deploy]\nmemory = 256\n\
                       [watch]\nwait = true\n"
            .to_owned(),
        workspace: "[workspace.metadata.lambda.deploy]\ntimeout = 20\ntags = [\"team=orders\"]\n\
                    [workspace.metadata.lambda.bin.admin.deploy]\ntimeout = 25\n"
            .to_owned(),
        api: "[package.metadata.lambda.deploy]\nenv = { \"STAGE\" = \"beta\" }\ntracing = \"Active\"\n\
              iam_role = \"arn:aws:iam::123456789012:role/x\"\nlayers = [\"arn:aws:lambda:us-east-1:123456789012:layer:l:1\"]\n\
              vpc = { subnet_ids = [\"subnet-1\"] }\ninclude = [\"conf:config/prod\", \"README.md\"]\n\
              s3_key = \"b\"\n[package.metadata.lambda.bin.api.deploy]\nmemory = 512\n"
            .to_owned(),
        ..Setup::default()
    };
    let config = setup.load().unwrap();
    let of = |config: &Config, handler: &str| {
        let merged = config.of_handler("api", handler);
        ["memory", "timeout"].map(|key| match &merged[key].node {
            Node::Integer(number) => *number,
            _ => 0,
        })
    };
    assert_eq!(of(&config, "api"), [512, 20]);
    assert_eq!(of(&config, "admin"), [128, 25]);
    let merged = config.of_handler("api", "api");
    assert_eq!(merged["tracing"].node, Node::Text("active".to_owned()));
    assert_eq!(merged["role"].origin.to_string(), "api/Cargo.toml:4");
    let settings = Settings::new(&merged, &Placeholders::default()).unwrap();
    let rules: Vec<_> =
        settings.include.iter().map(|rule| (rule.from.as_str(), rule.to.as_deref())).collect();
    assert_eq!(rules, [("config/prod", Some("conf")), ("README.md", None)]);
    let warnings: Vec<_> = config.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "CargoLambda.toml:6: cargo-lambda's `watch` is not taken; use flags of `watch`, and `routes` for its `router`",
            "api/Cargo.toml:8: cargo-lambda's `deploy.s3_key` is not taken; keys are made of what is in \
             the zip; `s3-prefix` is their beginning",
        ]
    );
    setup.env = Some("production");
    assert_eq!(of(&setup.load().unwrap(), "admin"), [256, 25]);
    // Our own tables win, from the lowest scope on.
    setup.lambda_pack = "memory = 1024\n".to_owned();
    assert_eq!(of(&setup.load().unwrap(), "api"), [1024, 20]);
}

#[test]
fn routes_are_of_the_workspace() {
    let mut setup = Setup {
        workspace: "[workspace.metadata.lambda-pack.routes]\n\"GET /orders/{id}\" = \"orders\"\n\
                    \"$default\" = \"${STAGE:-web}:live\"\n"
            .to_owned(),
        lambda_pack: "[env.dev.routes]\n\"ANY /{rest+}\" = \"other\"\n".to_owned(),
        env: Some("dev"),
        ..Setup::default()
    };
    let routes = setup.load().unwrap().routes().unwrap();
    let all: Vec<_> = routes.iter().collect();
    let expected =
        [("GET /orders/{id}", "orders"), ("ANY /{rest+}", "other"), ("$default", "web:live")];
    assert_eq!(all, expected);
    setup.env = None;
    setup.variables = vec![("LAMBDA_PACK_ROUTES", "GET /x=x,POST /y=y")];
    assert_eq!(setup.load().unwrap().routes().unwrap().iter().count(), 4);
    setup.variables.clear();
    assert!(Setup::default().load().unwrap().routes().unwrap().is_empty());

    setup.lambda_pack =
        "[routes]\n\"GET orders\" = \"a\"\n\"GET /x\" = 1\n\"FETCH /\" = \"a\"\n".to_owned();
    setup.api = "[package.metadata.lambda-pack.routes]\n\"GET /a\" = \"a\"\n".to_owned();
    assert_eq!(
        setup.load().unwrap_err(),
        [
            "api/Cargo.toml:1: `routes` is of the workspace, not of one package or handler",
            "lambda-pack.toml:2: `routes.GET orders`: the path must begin with a slash",
            "lambda-pack.toml:4: `routes.FETCH /`: the method must be one of HTTP, in capitals, or ANY",
        ]
    );
    setup.api.clear();
    setup.lambda_pack =
        "[routes]\n\"GET /a/{x}\" = \"a b\"\n\"GET /orders/{n}\" = \"a\"\n".to_owned();
    let config = setup.config().unwrap();
    let whats = config.routes().unwrap_err().into_iter().map(|mistake| mistake.what);
    let whats: Vec<_> = whats.collect();
    assert_eq!(
        whats,
        [
            "`GET /a/{x}` leads to `a b`, which is no function's name",
            "`GET /orders/{n}` is for the same requests as `GET /orders/{id}`",
        ]
    );
    let of_handler = config.settings("api", "api").unwrap_err();
    assert_eq!(of_handler.len(), 1, "{of_handler:?}");
}
