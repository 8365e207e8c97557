//! Fuzz target `config`: settings in every file that may hold them. Also included by
//! `fuzz/targets/config.rs`.

use std::collections::{BTreeMap, BTreeSet};

use lambda_pack::config::{Config, ConfigFile, Inputs, Origin, Placeholders, Settings, wanted};
use lambda_pack::function::FunctionName;

/// One text as a member's manifest, the workspace's, `lambda-pack.toml`, `CargoLambda.toml`, an
/// `env-file` and the values of variables. Reading must not panic and must give the same twice;
/// every mistake and every value has a place in what was read.
pub(crate) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    let lines = text.split('\n').count();
    let file = |name: &str| ConfigFile { name: name.into(), text: text.clone() };
    let inputs = Inputs {
        members: vec![("p".to_owned(), file("p/Cargo.toml"))],
        workspace: file("Cargo.toml"),
        lambda_pack: Some(file("lambda-pack.toml")),
        cargo_lambda: Some(file("CargoLambda.toml")),
        read: &|_| Ok(text.clone()),
        env: Some("prod".to_owned()),
        variables: vec![
            ("LAMBDA_PACK_MEMORY".to_owned(), text.clone()),
            ("LAMBDA_PACK_INCLUDE".to_owned(), text.clone()),
            ("LAMBDA_PACK_TAGS".to_owned(), text.clone()),
            ("LAMBDA_PACK_TRIGGERS".to_owned(), text.clone()),
        ],
        flags: Vec::new(),
        git: &|_| Err("none".to_owned()),
        packages: BTreeMap::from([("p".to_owned(), BTreeSet::from(["h".to_owned()]))]),
        lookup: &|name| (name != "UNSET").then(|| text.clone()),
    };
    let in_file = |origin: &Origin| match origin {
        Origin::File { line, .. } => assert!((1..=lines).contains(line), "{origin} of {lines}"),
        Origin::Variable(_) | Origin::Flag(_) | Origin::Several(_) => {}
    };
    let in_a_file = |origin: &Origin| match origin {
        Origin::Several(list) => list.iter().for_each(in_file),
        one => in_file(one),
    };
    match (Config::load(&inputs), Config::load(&inputs)) {
        (Ok(config), Ok(again)) => {
            let merged = config.of_handler("p", "h");
            assert_eq!(merged, again.of_handler("p", "h"));
            for value in merged.values() {
                in_a_file(&value.origin);
            }
            let placeholders =
                Placeholders { handler: "h", package: "p", ..Placeholders::default() };
            if let Err(mistakes) = Settings::new(&merged, &placeholders) {
                assert!(!mistakes.is_empty());
            }
            let name = FunctionName::new("f").expect("a name");
            assert_eq!(wanted(&merged, &name), wanted(&merged, &name));
        }
        (Err(mistakes), Err(again)) => {
            assert!(!mistakes.is_empty());
            assert_eq!(mistakes, again);
            for mistake in mistakes {
                in_a_file(&mistake.origin);
                assert!(!mistake.to_string().is_empty());
            }
        }
        (first, second) => panic!("{:?} and {:?}", first.is_ok(), second.is_ok()),
    }
}
