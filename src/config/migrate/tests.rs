use std::cell::Cell;

use proptest::prelude::*;

use super::super::located::{Located, Node};
use super::*;

/// A workspace of `api` (bins `admin`, `api`) and `worker`.
#[derive(Debug, Clone, Default)]
struct Project {
    workspace: String,
    api: String,
    worker: String,
    ours: Option<String>,
    theirs: Option<String>,
}

type Settings = BTreeMap<(Option<String>, String), BTreeMap<String, String>>;

impl Project {
    fn with<T>(&self, env: Option<&str>, work: impl FnOnce(&Inputs<'_>) -> T) -> T {
        let file = |name: &str, text: &str| ConfigFile { name: name.into(), text: text.to_owned() };
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        work(&Inputs {
            members: vec![
                ("api".to_owned(), file("api/Cargo.toml", &self.api)),
                ("worker".to_owned(), file("worker/Cargo.toml", &self.worker)),
            ],
            workspace: file("Cargo.toml", &self.workspace),
            lambda_pack: self.ours.as_ref().map(|text| file("lambda-pack.toml", text)),
            cargo_lambda: self.theirs.as_ref().map(|text| file("CargoLambda.toml", text)),
            read: &|path| match plain_path(path).as_str() {
                "shared.env" => Ok("AA=file\nDD=file\n".to_owned()),
                _ => Err("no such file".to_owned()),
            },
            env: env.map(str::to_owned),
            variables: Vec::new(),
            flags: Vec::new(),
            packages: BTreeMap::from([
                ("api".to_owned(), names(&["admin", "api"])),
                ("worker".to_owned(), names(&["worker"])),
            ]),
            git: &|_| Err("no git here".to_owned()),
            lookup: &|_| Some("looked up".to_owned()),
        })
    }

    fn migrated(&self, keep: bool) -> Result<(Self, Migration), Vec<String>> {
        let shown = |all: Vec<Mistake>| all.iter().map(ToString::to_string).collect::<Vec<_>>();
        let migration = self.with(None, |inputs| migrate(inputs, keep)).map_err(shown)?;
        let mut after = self.clone();
        for (name, text) in &migration.files {
            match &**name {
                "CargoLambda.toml" => after.theirs = text.clone(),
                "lambda-pack.toml" => after.ours = text.clone(),
                "Cargo.toml" => after.workspace = text.clone().unwrap(),
                "api/Cargo.toml" => after.api = text.clone().unwrap(),
                "worker/Cargo.toml" => after.worker = text.clone().unwrap(),
                other => panic!("{other}"),
            }
        }
        Ok((after, migration))
    }

    /// What counts in some environments, as a text.
    fn settings(&self, envs: &BTreeSet<Option<String>>) -> Settings {
        let mut all = Settings::new();
        for env in envs {
            let config = self.with(env.as_deref(), Config::load).unwrap();
            for (package, handler) in [("api", "admin"), ("api", "api"), ("worker", "worker")] {
                let merged = config.of_handler(package, handler).into_iter();
                let mut merged: BTreeMap<String, String> =
                    merged.map(|(key, value)| (key.to_owned(), plain(&value))).collect();
                if let Some(path) = env_file_path(&config, package, handler) {
                    merged.insert("env-file".to_owned(), path);
                }
                all.insert((env.clone(), handler.to_owned()), merged);
            }
        }
        all
    }

    fn envs(&self) -> BTreeSet<Option<String>> {
        let envs = self.with(None, Config::load).unwrap().envs;
        envs.into_iter().map(Some).chain([None]).collect()
    }
}

fn plain(value: &Located) -> String {
    match &value.node {
        Node::List(items) => format!("{:?}", items.iter().map(plain).collect::<Vec<_>>()),
        Node::Table(table) => {
            format!("{:?}", table.iter().map(|(k, v)| (k, plain(v))).collect::<Vec<_>>())
        }
        other => format!("{other:?}"),
    }
}

/// Migrates, and holds the settings before against those after.
fn kept(project: &Project) -> (Project, Migration) {
    let (after, migration) = project.migrated(false).unwrap();
    assert_eq!(project.settings(&project.envs()), after.settings(&project.envs()), "{after:#?}");
    let (again, nothing) = after.migrated(false).unwrap();
    assert!(nothing.files.is_empty(), "{after:#?}{again:#?}");
    (after, migration)
}

#[test]
fn tables_keep_their_structure_and_comments() {
    let (after, migration) = kept(&Project {
        workspace: "[workspace]\nmembers = [\"api\", \"worker\"] # all\n\n[workspace.metadata.lambda.deploy]\n\
                    timeout = 3\n\n[profile.release]\nlto = true\n"
            .to_owned(),
        api: "[package]\nname = \"api\"\n\n# Sizes.\n[package.metadata.lambda.deploy]\n# Enough.\nmemory = 256 # MB\n\
              env_var = [\"AA=1\", \"BB=${x}\"]\nmemory_size = 5\n\n[package.metadata.lambda.bin.admin.deploy]\nmemory = 512\n\n\
              [dependencies]\nlambda_runtime = \"1\"\n"
            .to_owned(),
        ..Project::default()
    });
    assert_eq!(
        after.workspace,
        "[workspace]\nmembers = [\"api\", \"worker\"] # all\n\n[workspace.metadata.lambda-pack]\ntimeout = 3\n\n\
         [profile.release]\nlto = true\n"
    );
    assert_eq!(
        after.api,
        "[package]\nname = \"api\"\n\n# Sizes.\n# memory_size = 5\n#   (cargo-lambda has no key `deploy.memory_size` and \
         passes over it; did you mean `deploy.memory`?)\n[package.metadata.lambda-pack]\n# Enough.\nmemory = 256 # MB\n\
         environment = { AA = \"1\", BB = \"$${x}\" }\n\n[package.metadata.lambda-pack.handlers.admin]\nmemory = 512\n\n\
         [dependencies]\nlambda_runtime = \"1\"\n"
    );
    assert_eq!((after.ours, after.theirs), (None, None));
    assert_eq!(migration.warnings.len(), 1);
}

#[test]
fn nothing_that_was_written_is_lost() {
    let (after, _) = kept(&Project {
        workspace: "[workspace.metadata.lambda.deploy]\nmemory = 256\n".to_owned(),
        api: "[package]\nname = \"api\"\n[package.metadata]\nlambda = { deploy = { timeout = 3 } } # slow\n\
              [dependencies]\n"
            .to_owned(),
        worker: "[package.metadata.lambda.build]\nfeatures = [\"fast\"]\narm64 = false\n".to_owned(),
        theirs: Some("[deploy]\n# Once.\nmemory = 512 # mem\nregion = \"eu-west-1\"\n".to_owned()),
        ..Project::default()
    });
    let ours = after.ours.unwrap();
    let kept =
        "# Once.\n# deploy.memory = 512 # mem\n#   (counted nowhere: something else says it)\n";
    assert!(ours.starts_with(kept), "{ours}");
    assert!(ours.contains("region = \"eu-west-1\""), "{ours}");
    assert!(after.api.contains("timeout = 3 # slow"), "{}", after.api);
    assert_eq!(after.worker, "[package.metadata.lambda-pack]\ncargo.features = [\"fast\"]\n");
}

#[test]
fn a_table_of_comments_stands_apart() {
    let (after, _) = kept(&Project {
        api: "[package]\nname = \"api\"\n[package.metadata.lambda.build]\ncompiler = \"cross\"\n[dependencies]\n"
            .to_owned(),
        ..Project::default()
    });
    assert_eq!(
        after.api,
        "[package]\nname = \"api\"\n\n# compiler = \"cross\"\n#   (cargo-lambda's `build.compiler` is not taken; \
         use `linker`)\n[package.metadata.lambda-pack]\n\n[dependencies]\n"
    );
}

#[test]
fn comments_that_repeat_a_secret_are_hidden() {
    let url = "environment = { DB = \"postgres://user:hunter2@db/x\" } # hunter2\n";
    assert!(!masked("lambda-pack.toml", url, &[]).contains("hunter2"));
    let others = secrets("lambda-pack.toml", url);
    let seen = masked("api/Cargo.toml", "[package] # of DB: hunter2\n", &others);
    assert_eq!(seen, "[package] # of DB: ***\n");
    let text = "environment = { PASSWORD = \"s3cr3t\", LONG = \"s3cr3t-and-more\" } # pw s3cr3t-and-more\n\
                # was s3cr3t\nmemory = 256 # s3cr3t\n";
    let seen = masked("lambda-pack.toml", text, &[]);
    assert!(!seen.contains("s3cr3t"), "{seen}");
    assert!(seen.contains("memory = 256 # ***") && seen.contains("# was ***"), "{seen}");
}

#[test]
fn an_environment_forgets_what_a_context_takes_the_place_of() {
    let (after, _) = kept(&Project {
        theirs: Some(
            "# Of all.\n[build]\narm64 = true\n\n[deploy]\nmemory = 256\nenv = { AA = \"1\", BB = \"2\" }\n\n\
             [prod.deploy]\nmemory = 512\nenv = { AA = \"9\" }\n\n[empty.build]\nrelease = true\n"
                .to_owned(),
        ),
        ..Project::default()
    });
    assert_eq!(
        after.ours.unwrap(),
        "# Of all.\n\narch = \"arm64\"\nmemory = 256\nenvironment = { AA = \"1\", BB = \"2\" }\n\n# release = \
         true\n#   (cargo-lambda's `build.release` is not taken; `package` builds release, unless `cargo.profile` \
         or `--profile` says otherwise)\n[env.empty]\nforget = [\"arch\", \"environment\", \"memory\"]\n\n[env.prod]\nforget = [\"arch\", \"environment\"]\n\
         memory = 512\nenvironment = { AA = \"9\" }\n"
    );
    assert_eq!(after.theirs, None);
}

#[test]
fn where_the_order_is_another_one_handlers_say_it() {
    // Its tags replace, and its workspace's binary ranks below the package.
    let (after, _) = kept(&Project {
        workspace: "[workspace.metadata.lambda.deploy]\ntags = { team = \"all\", cost = \"1\" }\nenv = { AA = \"ws\" }\n\
                    [workspace.metadata.lambda.bin.api.deploy]\nmemory = 128\ntimeout = 9\n"
            .to_owned(),
        api: "[package.metadata.lambda.deploy]\ntags = { team = \"api\" }\nmemory = 256\nenv = { BB = \"api\" }\n".to_owned(),
        ..Project::default()
    });
    assert!(after.api.contains("forget = [\"environment\", \"tags\"]"), "{}", after.api);
    assert!(
        after.api.contains("[package.metadata.lambda-pack.handlers.api]\ntimeout = 9\n"),
        "{}",
        after.api
    );
}

#[test]
fn a_file_of_variables_is_found_from_where_it_is_named_now() {
    let (after, _) = kept(&Project {
        api: "[package.metadata.lambda.env]\nAA = \"section\"\nCC = \"section\"\n\
              [package.metadata.lambda.deploy]\nenv_file = \"shared.env\"\n"
            .to_owned(),
        ..Project::default()
    });
    assert!(after.api.contains("env-file = \"../shared.env\""), "{}", after.api);
}

#[test]
fn tables_of_ours_stay_above() {
    let project = Project {
        api: "[package.metadata.lambda.deploy]\nmemory = 256\ntimeout = 5\nenv = { AA = \"1\", BB = \"1\" }\n\n\
              [package.metadata.lambda-pack]\ntimeout = 7 # ours\nenvironment = { AA = \"ours\" }\n"
            .to_owned(),
        ours: Some("memory = 512\n".to_owned()),
        ..Project::default()
    };
    let (after, _) = kept(&project);
    assert_eq!(
        after.api,
        "# deploy.memory = 256\n#   (counted nowhere: something else says it)\n[package.metadata.lambda-pack]\n\
         timeout = 7 # ours\nenvironment = { AA = \"ours\" , BB = \"1\" }\n"
    );
    // A list that is extended has what is below it, which no table of ours can come to stand below.
    let refused = Project {
        ours: Some("layers = { extend = true, items = [\"arn:aws:lambda:eu-west-1:123456789012:layer:o:1\"] }\n".to_owned()),
        api: "[package.metadata.lambda.deploy]\nlayers = [\"arn:aws:lambda:eu-west-1:123456789012:layer:t:1\"]\n".to_owned(),
        ..Project::default()
    };
    let why = refused.migrated(false).unwrap_err();
    assert!(why[0].contains("`layers` of `admin` (package `api`) would be another"), "{why:?}");
}

#[test]
fn kept_tables_count_for_nothing() {
    let project = Project {
        theirs: Some("[deploy]\nmemory = 256\n[prod.deploy]\ntimeout = 5\n".to_owned()),
        ..Project::default()
    };
    let (after, _) = project.migrated(true).unwrap();
    assert_eq!(after.theirs, project.theirs);
    assert_eq!(project.settings(&project.envs()), after.settings(&project.envs()));
    assert!(after.migrated(true).unwrap().1.files.is_empty());
}

#[test]
fn values_of_variables_are_hidden() {
    let secret = "hunter2";
    let manifest = format!(
        "[package.metadata.lambda.env]\nAA = \"{secret}\" # why\n[package.metadata.lambda.deploy]\n\
         env_var = [\n  \"AA={secret}\",\n]\nenv_file = \"f.env\"\n# env_var = [\"{secret}\"]\n\
         [package.metadata.lambda.build]\nenv = {{ AA = \"{secret}\" }}\n\
         [package.metadata.lambda-pack]\nenvironment.AA = \"{secret}\"\nmemory = 5\n"
    );
    let seen = masked("api/Cargo.toml", &manifest, &[]);
    assert!(!seen.contains(secret), "{seen}");
    for stays in ["AA = \"***\" # why", "env_file = \"f.env\"", "memory = 5"] {
        assert!(seen.contains(stays), "{stays}: {seen}");
    }
    let theirs = format!("[prod.deploy.env]\nAA = '''\n{secret}\n'''\n[prod.deploy]\nmemory = 5\n");
    assert!(!masked("CargoLambda.toml", &theirs, &[]).contains(secret));
    let ours = format!("[env.prod]\nmemory = 5\nenvironment = {{ AA = \"{secret}\" }}\n");
    let seen = masked("lambda-pack.toml", &ours, &[]);
    assert!(!seen.contains(secret) && seen.contains("memory = 5"), "{seen}");
}

/// A table's header, and which text it is of.
const TABLES: [(&str, usize); 12] = [
    ("workspace.metadata.lambda", 0),
    ("workspace.metadata.lambda.bin.api", 0),
    ("workspace.metadata.lambda.bin.worker", 0),
    ("package.metadata.lambda", 1),
    ("package.metadata.lambda.bin.api", 1),
    ("package.metadata.lambda.bin.admin", 1),
    ("package.metadata.lambda", 2),
    ("package.metadata.lambda.bin.worker", 2),
    ("", 3),
    ("default", 3),
    ("prod", 3),
    ("dev", 3),
];

/// A key with its values.
const KEYS: [(&str, [&str; 3]); 20] = [
    ("env.AA", ["\"1\"", "\"2\"", "\"${x}\""]),
    ("env.BB", ["\"1\"", "\"2\"", "3"]),
    ("deploy.env.AA", ["\"4\"", "\"5\"", "\"6\""]),
    ("deploy.env.CC", ["\"4\"", "\"5\"", "true"]),
    ("deploy.env_file", ["\"shared.env\"", "\"none.env\"", "\"shared.env\""]),
    ("deploy.tags.team", ["\"a\"", "\"b\"", "\"$${c}\""]),
    ("deploy.tags.cost", ["\"a\"", "\"b\"", "\"c\""]),
    ("deploy.memory", ["128", "256", "512"]),
    ("deploy.timeout", ["1", "2", "3"]),
    ("deploy.tracing", ["\"Active\"", "\"PassThrough\"", "\"active\""]),
    ("deploy.description", ["\"a\"", "\"${b}\"", "\"none\""]),
    ("deploy.name", ["\"a\"", "\"b\"", "\"{handler}\""]),
    ("deploy.merge_env", ["true", "false", "true"]),
    ("deploy.enable_function_url", ["true", "false", "true"]),
    ("deploy.vpc.subnet_ids", ["[]", "[\"subnet-1\"]", "[\"subnet-2\"]"]),
    (
        "deploy.layers",
        [
            "[]",
            "[\"arn:aws:lambda:eu-west-1:123456789012:layer:a:1\"]",
            "[\"arn:aws:lambda:eu-west-1:123456789012:layer:b:1\"]",
        ],
    ),
    ("deploy.include", ["[]", "[\"a\"]", "[\"to:from\", \"b\"]"]),
    ("build.include", ["[]", "[\"c\"]", "[\"d\"]"]),
    ("build.arm64", ["true", "false", "true"]),
    ("deploy.alias", ["\"live\"", "[\"beta\"]", "\"live\""]),
];

/// Tables of ours beside them.
const OURS: [(&str, usize); 5] = [
    ("workspace.metadata.lambda-pack", 0),
    ("package.metadata.lambda-pack", 1),
    ("package.metadata.lambda-pack.handlers.api", 1),
    ("", 4),
    ("env.prod", 4),
];
const OUR_KEYS: [(&str, [&str; 3]); 4] = [
    ("memory", ["1024", "\"none\"", "2048"]),
    ("environment.AA", ["\"ours\"", "\"${x}\"", "\"ours\""]),
    ("tags.team", ["\"ours\"", "\"o\"", "\"p\""]),
    ("include", ["[\"o\"]", "{ extend = true, items = [\"p\"] }", "[]"]),
];

type Said = Vec<(usize, usize, usize)>;

fn written(
    texts: &mut [String; 5],
    tables: &[(&str, usize)],
    keys: &[(&str, [&str; 3])],
    said: &Said,
) {
    let mut all: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    all.extend(
        said.iter().map(|(table, key, value)| ((table % tables.len(), key % keys.len()), *value)),
    );
    // What has no header stands first.
    let mut order: Vec<usize> = (0..tables.len()).collect();
    order.sort_by_key(|table| !tables[*table].0.is_empty());
    for table in order {
        let (header, text) = tables[table];
        let mut lines = all.iter().filter(|((of, _), _)| *of == table).peekable();
        if lines.peek().is_some() && !header.is_empty() {
            texts[text].push_str(&format!("[{header}]\n"));
        }
        for ((_, key), value) in lines {
            texts[text].push_str(&format!("{} = {}\n", keys[*key].0, keys[*key].1[*value]));
        }
    }
}

fn project(theirs: &Said, ours: &Said) -> Project {
    let mut texts: [String; 5] = Default::default();
    written(&mut texts, &TABLES, &KEYS, theirs);
    written(&mut texts, &OURS, &OUR_KEYS, ours);
    let [workspace, api, worker, theirs, ours] = texts;
    Project { workspace, api, worker, ours: Some(ours), theirs: Some(theirs) }
}

fn said(tables: usize, keys: usize, most: usize) -> impl Strategy<Value = Said> {
    proptest::collection::vec((0..tables, 0..keys, 0..3_usize), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn settings_stay(theirs in said(TABLES.len(), KEYS.len(), 40)) {
        kept(&project(&theirs, &Vec::new()));
    }

    #[test]
    fn settings_stay_beside_tables_of_ours_or_nothing_is_done(
        theirs in said(TABLES.len(), KEYS.len(), 16),
        ours in said(OURS.len(), OUR_KEYS.len(), 4),
    ) {
        thread_local! { static REFUSED: Cell<(u32, u32)> = const { Cell::new((0, 0)) }; }
        let project = project(&theirs, &ours);
        let (refused, all) = REFUSED.get();
        match project.migrated(false) {
            Ok((after, _)) => {
                REFUSED.set((refused, all + 1));
                let envs = project.envs();
                prop_assert_eq!(project.settings(&envs), after.settings(&envs));
            }
            Err(_) => REFUSED.set((refused + 1, all + 1)),
        }
        let (refused, all) = REFUSED.get();
        prop_assert!(all < 50 || refused * 2 < all, "{refused} of {all} are refused");
    }
}
