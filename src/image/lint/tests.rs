//! What only a value can show; whole images are in `tests/it/images`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::audit::Content;
use crate::image::manifest::{Blob, MediaTypes};
use crate::tar::{Header, Kind};

fn seen(config: &Value) -> Seen {
    let mut root = Root::default();
    let header = |path: &str, kind| {
        let path = path.to_owned();
        Header { path, is_utf8: true, kind, mode: 0o755, uid: 0, gid: 0, size: 1 }
    };
    let mut layer = root.layer(0);
    layer.put(&header("a", Kind::File), Content::Other);
    Seen {
        thing: "it".to_owned(),
        index: None,
        manifest: None,
        sizes: None,
        config: Ok(Config::read(config.to_string().as_bytes()).unwrap()),
        layers: vec![layer_seen()],
        root,
        arch: None,
        entries: Vec::new(),
    }
}

fn layer_seen() -> LayerSeen {
    LayerSeen {
        said: None,
        is: (Sha256::of(b""), 1),
        packed: Packed::Gzip(1),
        diff_id: Some(Sha256::of(b"")),
        broken: None,
        limited: false,
        troubles: Vec::new(),
        odd: None,
        sparse: None,
        not_utf8: None,
        plan: crate::image::plan::Plan::default(),
    }
}

fn config() -> Value {
    json!({
        "os": "linux",
        "architecture": "amd64",
        "config": { "Entrypoint": ["/a"] },
        "rootfs": { "type": "layers", "diff_ids": [Sha256::of(b"").to_string()] },
    })
}

fn codes(seen: &Seen) -> BTreeSet<Code> {
    lint(seen).into_iter().map(|finding| finding.code).collect()
}

#[test]
fn all_is_found_at_once_the_worst_first() {
    let mut value = config();
    value["os"] = "windows".into();
    value["architecture"] = "s390x".into();
    value["config"] = json!({ "User": "a", "Env": ["AWS_REGION=x"], "WorkingDir": "b" });
    let mut seen = seen(&value);
    seen.layers.extend(std::iter::repeat_with(layer_seen).take(127));
    seen.root.layer(1).put(
        &Header {
            path: "big".to_owned(),
            is_utf8: true,
            kind: Kind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size: SIZE_LIMIT,
        },
        Content::Other,
    );
    let blob = |media_type: String| Blob { media_type, digest: Sha256::of(b""), size: 1 };
    let manifest = Manifest {
        media_type: String::new(),
        config: blob(MediaTypes::Docker.config()),
        layers: vec![blob("x".to_owned())],
    };
    seen.manifest = Some(Ok((MediaTypes::Oci.manifest(), manifest)));
    seen.index = Some(("i".to_owned(), Vec::new()));
    let found = lint(&seen);
    let levels: Vec<Level> = found.iter().map(|finding| finding.level).collect();
    assert!(levels.is_sorted(), "{levels:?}");
    let all = [
        Code::ImageIndex,
        Code::ImageMediaType,
        Code::ImageConfig,
        Code::WrongArchitecture,
        Code::UnpackedSize,
        Code::ImageLayers,
        Code::ImageEntrypoint,
        Code::ImageWorkingDir,
        Code::ImageVariable,
    ];
    let codes = codes(&seen);
    assert!(all.iter().all(|code| codes.contains(code)), "{codes:?}");
}

#[test]
fn functions_bring_entry_points_of_their_own() {
    let mut value = config();
    value["config"] = json!({});
    let mut seen = seen(&value);
    assert!(codes(&seen).contains(&Code::ImageEntrypoint));
    seen.entries = vec![vec!["/none".to_owned()]];
    assert!(codes(&seen).contains(&Code::ImageEntrypoint));
    seen.entries = vec![vec!["/a".to_owned()]];
    assert_eq!(codes(&seen), BTreeSet::from([Code::NotExecutable]));
}

#[test]
fn so_many_entries_are_named() {
    let mut seen = seen(&config());
    let twice = |n: usize| (format!("f{n}"), Trouble::Twice);
    seen.layers[0].troubles = (0..25).map(twice).collect();
    let found = lint(&seen);
    let mut entries = found.iter().filter(|finding| finding.code == Code::ImageEntry);
    assert_eq!(entries.clone().count(), 11);
    assert!(entries.next_back().unwrap().message.starts_with("15 more"));
}

#[test]
fn what_docker_compresses_when_it_pushes_may_be_plain() {
    let mut seen = seen(&config());
    seen.layers[0].packed = Packed::Plain;
    assert!(!codes(&seen).contains(&Code::ImageLayer));
    let digest = seen.layers[0].is.0;
    seen.layers[0].said = Some(Blob { media_type: String::new(), digest, size: 1 });
    assert!(codes(&seen).contains(&Code::ImageLayer));
}
