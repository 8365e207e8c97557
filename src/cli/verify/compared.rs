//! One bundle beside what was rebuilt.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use super::given::Given;
use crate::compare::{self, Built, Difference};
use crate::digest::Sha256;
use crate::error::Error;
use crate::files;
use crate::inspect::InspectError;
use crate::message::clean;
use crate::unpack::{self, Unpacked};

/// What came of it.
pub(super) struct Compared {
    /// Which of those that were given.
    pub(super) place: usize,
    /// The digest of the zip that was given; none of a folder.
    pub(super) given: Option<Sha256>,
    /// The digest of the zip that was rebuilt.
    pub(super) rebuilt: Sha256,
    pub(super) differences: Vec<Difference>,
}

/// Compares a bundle with a zip that was built in these folders.
pub(super) fn compare(
    place: usize,
    given: &Given,
    zip: &Path,
    built: Built<'_>,
) -> Result<Compared, Error> {
    let is_zip = !given.archive.is_dir();
    let theirs = is_zip.then(|| unpack::digest(&given.archive)).transpose()?;
    let rebuilt = unpack::digest(zip)?;
    let recorded = given.record.as_ref().map(|record| &record.code_sha256);
    let other = recorded.zip(theirs.map(|digest| digest.base64()));
    let other = other.filter(|(record, zip)| *record != zip);
    let mut differences: Vec<Difference> =
        other.map(|(record, zip)| Difference::record(&zip, record)).into_iter().collect();
    if theirs != Some(rebuilt) {
        differences.extend(files(given, zip, built)?);
        if is_zip && differences.iter().all(|one| one.kind == compare::Kind::Record) {
            let open = |path: &Path| files::open_file(path).map(BufReader::new);
            let first = compare::zips(&mut open(&given.archive)?, &mut open(zip)?);
            differences.extend(first.map_err(read_error(zip))?);
        }
    }
    Ok(Compared { place, given: theirs, rebuilt, differences })
}

/// What differs of the files, else of how they stand in their zips.
fn files(given: &Given, zip: &Path, built: Built<'_>) -> Result<Vec<Difference>, Error> {
    let mut theirs = Unpacked::open(&given.archive)?;
    let mut ours = Unpacked::open(zip)?;
    let mut found = theirs.damaged.clone();
    if theirs.items.is_empty() && !found.is_empty() {
        return Ok(found);
    }
    found.extend(compare::listings(&theirs.items, &ours.items));
    let changed = compare::changed(&theirs.items, &ours.items);
    for &(a, b) in &changed {
        let path = theirs.items.get(a).map(|item| item.path.clone()).unwrap_or_default();
        let mut pair: [BufReader<File>; 2] =
            [theirs.contents(a)?, ours.contents(b)?].map(BufReader::new);
        let [a, b] = &mut pair;
        found.extend(compare::contents(&path, a, b, built).map_err(read_error(zip))?);
    }
    if changed.is_empty() {
        found.extend(compare::containers(&theirs.items, &ours.items));
    }
    Ok(found)
}

fn read_error(path: &Path) -> impl Fn(std::io::Error) -> InspectError {
    move |source| InspectError::Read { path: path.to_path_buf(), source }
}

impl Compared {
    /// Whether the bytes are the same: all of them where there is a zip, else those of the files.
    pub(super) fn is_equal(&self) -> bool {
        self.differences.is_empty()
    }

    /// For people.
    pub(super) fn lines(&self, thing: &str) -> Vec<String> {
        let thing = clean(thing);
        let rebuilt = self.rebuilt.base64();
        if self.is_equal() {
            return vec![format!("same       {thing}  {rebuilt}")];
        }
        let given = self.given.map_or_else(|| "a folder".to_owned(), |digest| digest.base64());
        let mut lines = vec![format!("different  {thing}  {given} given, {rebuilt} rebuilt")];
        let mut hints: Vec<&str> = Vec::new();
        for difference in &self.differences {
            lines.push(format!("  {}", clean(&difference.to_string())));
            let hint = difference.hint();
            if !hint.is_empty() && !hints.contains(&hint) {
                lines.push(format!("    hint: {hint}"));
                hints.push(hint);
            }
        }
        lines
    }
}
