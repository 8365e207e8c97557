//! Fuzz target `papers`: manifests, indexes and configurations. Also included by `fuzz/targets/papers.rs`.

use std::collections::BTreeMap;

use lambda_pack::digest::Sha256;
use lambda_pack::image::config::{Added, Config};
use lambda_pack::image::lint::{Seen, lint};
use lambda_pack::image::manifest::{Manifest, MediaTypes, read_index, write};
use lambda_pack::image::root::Root;

/// One text as each of them. Reading must not panic; a manifest that was read can be written and is read
/// again; a configuration that is changed keeps all else, and can be judged.
pub(crate) fn run(data: &[u8]) {
    let _ = read_index(data);
    if let Ok(manifest) = Manifest::read(data) {
        let layers: Vec<_> = manifest.layers.iter().map(|it| (it.digest, it.size)).collect();
        let config = (&manifest.config.digest, manifest.config.size);
        let bytes = write(MediaTypes::Oci, config, &layers, &BTreeMap::new());
        let again = bytes.ok().and_then(|bytes| Manifest::read(&bytes).ok());
        let again = again.map(|it| it.layers.iter().map(|it| (it.digest, it.size)).collect());
        assert_eq!(again, Some(layers));
    }
    let Some(mut config) = Config::read(data).filter(|it| !numbers(it.run())) else { return };
    let _ = lint(&Seen {
        thing: "it".to_owned(),
        index: None,
        manifest: None,
        sizes: None,
        config: Ok(config.clone()),
        layers: Vec::new(),
        root: Root::default(),
        arch: None,
        entries: Vec::new(),
    });
    let before = config.member("author").clone();
    let below = config.diff_ids().len();
    let told = config.layers_told();
    config.start(&["/a".to_owned()], &[]);
    config.work_in("/var/task");
    config.set_variables(&BTreeMap::from([("A".to_owned(), "b".to_owned())]));
    config.label(&BTreeMap::from([("l".to_owned(), "m".to_owned())]));
    config.add(&[Added { diff_id: Sha256::of(b""), what: "it" }], "1980-01-01T00:00:00Z");
    assert_eq!(*config.member("author"), before);
    assert_eq!(config.diff_ids().len(), below + 1);
    assert_eq!(config.layers_told(), Some(told.unwrap_or(below) + 1));
    assert_eq!(config.words("Entrypoint"), ["/a"]);
    assert_eq!(config.variable("A"), Some("b"));
    // Numbers of more digits than a float has lose some.
    let again = Config::read(&config.write()).expect("what was written");
    assert_eq!((again.run(), again.diff_ids()), (config.run(), config.diff_ids()));
}

/// Whether there are numbers that are no integers.
fn numbers(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(all) => all.iter().any(numbers),
        serde_json::Value::Object(all) => all.values().any(numbers),
        _ => false,
    }
}
