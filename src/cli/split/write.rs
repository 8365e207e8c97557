//! Layers, written.

use std::path::{Path, PathBuf};

use super::{Decided, Written};
use crate::bundle::FileRecord;
use crate::cli::lower::shown;
use crate::cli::pack::Packer;
use crate::cli::package::{json, read_record};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files::{self, Staging};
use crate::function::Level;
use crate::layer::record::LayerRecord;
use crate::layer::{self, Layer};
use crate::message::{Keep, Message, Table, bytes};
use crate::shell::Shell;
use crate::stamps::{Stamps, Verdict};

/// Every layer that was decided, in its order.
pub(super) fn layers(packer: &Packer<'_>, decided: &Decided) -> Result<Vec<Written>, Error> {
    let all = decided.plan.layers.iter().zip(&decided.names);
    let written: Vec<Written> =
        all.map(|(layer, name)| one(packer, decided, layer, name)).collect::<Result<_, _>>()?;
    for Written { folder, .. } in written.iter().filter(|one| !one.fresh) {
        // Then nothing has to read it again.
        files::settle(&folder.join(LayerRecord::ZIP));
    }
    Ok(written)
}

fn one(
    packer: &Packer<'_>,
    decided: &Decided,
    layer: &Layer,
    name: &str,
) -> Result<Written, Error> {
    let folder = packer.job.output.layer(name);
    if !files::is_ours(&folder, LayerRecord::FILE) {
        return Err(Error::Usage(format!(
            "{} is in the way: it is no folder of a layer (no {} in it)",
            folder.display(),
            LayerRecord::FILE
        )));
    }
    let mut functions =
        decided.functions(layer.arch).filter(|it| layer.users.contains(it.name.as_str()));
    let level = functions.next().map_or(Level::Best, |function| function.level);
    let mut record = record(decided, layer, name);
    // Of functions that are not built now, the runtimes are known from when they were.
    let built = decided.functions(layer.arch).filter(|it| layer.users.contains(it.name.as_str()));
    let before: Option<LayerRecord> = read_record(&folder.join(LayerRecord::FILE)).ok();
    let rebuilt = before.as_ref().map(|before| rebuilt(&before.files, layer)).unwrap_or_default();
    let before = before.filter(|_| built.count() < layer.users.len());
    if let Some(before) = before.filter(|before| before.tree == record.tree) {
        record.runtimes.extend(before.runtimes);
        record.runtimes.sort();
        record.runtimes.dedup();
    }
    let plan = &packer.job.plan;
    let key = (env!("CARGO_PKG_VERSION"), packer.tool, plan.time, level, &record);
    let key = Sha256::of(format!("{key:?}").as_bytes());
    let place = packer.job.output.stamps(&folder);
    if let Some(record) = unchanged(&folder, &place, &key) {
        packer.shell.detail("Fresh", name);
        return Ok(Written { folder, record, fresh: true });
    }
    let staging = Staging::new(&folder, || {
        packer
            .shell
            .status("Blocking", format!("waiting for another process at {}", shown(&folder)));
    })?;
    let tree = decided.tree(layer, name)?;
    let bundle = packer.write_zip(name, (&tree, level), &staging, LayerRecord::ZIP)?;
    for file in &bundle.files {
        if layer.files.get(file.path.as_str()).is_none_or(|planned| planned.digest != file.digest) {
            return Err(Error::Usage(format!(
                "{} of the layer `{name}` has changed while it was packed: run it again",
                file.path
            )));
        }
    }
    record.code_sha256 = bundle.digest.base64();
    (record.size, record.unpacked) = (bundle.length, bundle.unpacked_size());
    record.files = bundle.files.iter().map(FileRecord::from).collect();
    let text = json(&record);
    staging.create_with(LayerRecord::FILE, &text)?;
    let written = |name: &str, digest| {
        files::written(&staging.folder().join(name), folder.join(name), digest)
    };
    let outputs = vec![
        written(LayerRecord::ZIP, bundle.digest),
        written(LayerRecord::FILE, Sha256::of(&text)),
    ];
    staging.publish(LayerRecord::FILE)?;
    if !rebuilt.is_empty() {
        packer.shell.status("Sharing", format!("{name}: {}", rebuilt.join(", ")));
    }
    packer.shell.status("Packed", format!("{name} ({})", bytes(record.size)));
    // Its inputs are in the key, by their digests.
    let stamps = Stamps::new(&key, Vec::new(), outputs, None, &[]).settled(&files::disk());
    files::write_atomically(&place, &stamps.encode())?;
    Ok(Written { folder, record, fresh: false })
}

/// What is built with functions and another file than when it was packed last: the lock does not know.
fn rebuilt(before: &[FileRecord], layer: &Layer) -> Vec<String> {
    let differs = |old: &&FileRecord| {
        let now = layer.files.get(&old.path).filter(|now| now.kind.is_built());
        now.is_some_and(|now| now.digest.hex() != old.sha256)
    };
    before.iter().filter(differs).map(|old| format!("{} is another file", old.path)).collect()
}

/// The layer that is there, if it is what would be made now.
fn unchanged(folder: &Path, place: &Path, key: &Sha256) -> Option<LayerRecord> {
    let text = files::read_settings(place).ok()??;
    let stamps = Stamps::decode(text.as_bytes(), key, &[])?;
    let names = [LayerRecord::ZIP, LayerRecord::FILE].map(std::ffi::OsStr::new);
    if !files::holds_only(folder, &names) {
        return None;
    }
    match stamps.judge(&files::disk()) {
        Verdict::Fresh => {}
        Verdict::Touched(today) => {
            // Without it, the digests are asked for again the next time.
            let _ = files::write_atomically(place, &today.encode());
        }
        Verdict::Stale => return None,
    }
    read_record(&folder.join(LayerRecord::FILE)).ok()
}

/// What is known of a layer before it is packed.
fn record(decided: &Decided, layer: &Layer, name: &str) -> LayerRecord {
    let users = decided.functions(layer.arch).filter(|it| layer.users.contains(it.name.as_str()));
    let mut runtimes: Vec<String> = users.map(|it| it.runtime.aws_name().to_owned()).collect();
    runtimes.sort();
    runtimes.dedup();
    LayerRecord {
        format: LayerRecord::FORMAT,
        layer: name.to_owned(),
        kinds: layer.kinds.iter().map(ToString::to_string).collect(),
        architecture: layer.arch.aws_name().to_owned(),
        runtimes,
        tree: layer::tree_digest(&layer.files).hex(),
        code_sha256: String::new(),
        unpacked: 0,
        size: 0,
        zip: LayerRecord::ZIP.to_owned(),
        files: Vec::new(),
        functions: layer.users.iter().cloned().collect(),
    }
}

/// What was written.
pub(in crate::cli) fn answer(written: &[Written], shell: &Shell) -> Result<(), Error> {
    if shell.is_json() {
        for Written { folder, record, fresh } in written {
            shell.record(&Message::Layer {
                folder: folder.display().to_string(),
                path: folder.join(&record.zip).display().to_string(),
                fresh: *fresh,
                record,
            })?;
        }
        return Ok(());
    }
    if written.is_empty() {
        return Ok(());
    }
    let row = |Written { record, .. }: &Written| {
        vec![
            record.layer.clone(),
            bytes(record.unpacked),
            bytes(record.size),
            record.functions.join(", "),
        ]
    };
    shell.answer("")?;
    let rows = written.iter().map(row).collect();
    let table = Table::new(&["LAYER", "RAW", "ZIP", "FUNCTIONS"], rows);
    for line in table.fit(shell.stdout_width(), 3, 20, Keep::Start).lines(&[1, 2]) {
        shell.answer(line)?;
    }
    Ok(())
}

/// The records of layers below a folder.
pub(in crate::cli) fn records(base: &Path) -> Vec<PathBuf> {
    let names = std::fs::read_dir(base).into_iter().flatten().filter_map(Result::ok);
    let record =
        |item: std::fs::DirEntry| item.path().join(LayerRecord::FOLDER).join(LayerRecord::FILE);
    let mut found: Vec<PathBuf> = names.map(record).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{File, Kind};
    use crate::target::Arch;

    #[test]
    fn what_the_lock_does_not_know_is_said() {
        let file = |kind, text: &str| File {
            kind,
            mode: 0o755,
            size: 1,
            digest: Sha256::of(text.as_bytes()),
        };
        let files = [
            ("lib/libshared.so", file(Kind::Workspace, "new")),
            ("lib/libpq.so.5", file(Kind::Native, "new")),
            ("extensions/same", file(Kind::Extension, "old")),
        ];
        let layer = Layer {
            kinds: [Kind::Workspace].into(),
            arch: Arch::Arm64,
            files: files.map(|(path, file)| (path.to_owned(), file)).into(),
            users: ["a".to_owned()].into(),
        };
        let before = files.map(|(path, _)| FileRecord {
            path: path.to_owned(),
            mode: "0755".to_owned(),
            size: 1,
            sha256: Sha256::of(b"old").hex(),
        });
        assert_eq!(rebuilt(&before, &layer), ["lib/libshared.so is another file"]);
    }
}
