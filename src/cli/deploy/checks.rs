//! The events that versions are checked with, from their files.

use std::path::Path;

use crate::cli::args::Release;
use crate::cli::invoke::payload::json;
use crate::error::Error;
use crate::files::{self, Roots};
use crate::function::Function;
use crate::release::check::{Check, Event, Wish};
use crate::release::wanted::Wanted;
use crate::shell::Shell;
use crate::tree::{Source, Tree};

/// How the name of a file ends that holds what an event is to be answered with.
const EXPECTED: &str = "expect.json";
/// The largest event ("Lambda quotas", invocation payload, request and response).
const MOST: usize = 6 * 1024 * 1024;

/// The check of each function that has one, unless they are to be left out.
pub(super) fn all(
    release: &Release,
    (functions, wanted): (&[Function], &[Wanted]),
    root: &Path,
    shell: &Shell,
) -> Result<Vec<Option<Check>>, Error> {
    if release.skip_checks {
        let of = |(function, wanted): (&Function, &Wanted)| {
            wanted.check.as_ref().map(|_| function.name.to_string())
        };
        let left: Vec<_> = functions.iter().zip(wanted).filter_map(of).collect();
        if !left.is_empty() {
            let left = left.join(", ");
            shell.warn(format!("{left}: versions are not checked (`--skip-checks`)"));
        }
        return Ok(vec![None; functions.len()]);
    }
    let one = |(function, wanted): (&Function, &Wanted)| {
        wanted.check.as_ref().map(|wish| read(function, wish, root)).transpose()
    };
    functions.iter().zip(wanted).map(one).collect()
}

/// What the settings of a function say, with the events themselves.
pub(in crate::cli) fn read(
    function: &Function,
    wish: &Wish,
    workspace: &Path,
) -> Result<Check, Error> {
    let roots = Roots {
        package: function.package_root.clone(),
        workspace: workspace.to_path_buf(),
        outputs: Vec::new(),
    };
    let mut tree = Tree::default();
    files::include(&mut tree, &wish.events, &roots).map_err(|errors| {
        let what = format!("{}: check.events", function.name);
        Error::Include(errors.into_iter().map(|error| (what.clone(), error)).collect())
    })?;
    let files = tree.iter().filter_map(|(name, entry)| match &entry.source {
        Source::File(path) => Some((name.as_str(), path.as_path())),
        Source::Bytes(_) => None,
    });
    let (expected, files): (Vec<_>, Vec<_>) = files.partition(|(name, _)| name.ends_with(EXPECTED));
    if files.is_empty() {
        return Err(Error::Usage(format!(
            "{}: `check.events` names no event, but files `NAME.{EXPECTED}` alone",
            function.name
        )));
    }
    let is_of = |path: &Path| files.iter().any(|(_, event)| event.with_extension(EXPECTED) == path);
    if let Some((name, _)) = expected.iter().find(|(_, path)| !is_of(path)) {
        return Err(Error::Usage(format!(
            "{}: `check.events` names {name}, and no event that this would be the answer to: name them alike",
            function.name
        )));
    }
    let events = files.into_iter().map(|(name, path)| event(name, path));
    let events = events.collect::<Result<_, Error>>()?;
    Ok(Check { events, rules: wish.rules.clone(), timeout: None })
}

fn event(name: &str, path: &Path) -> Result<Event, Error> {
    let shown = path.display().to_string();
    let payload = json(files::read_bytes(path)?, &shown)?;
    if payload.len() > MOST {
        let length = payload.len();
        return Err(Error::Usage(format!("{shown} has {length} bytes; Lambda takes {MOST}")));
    }
    let expected = path.with_extension(EXPECTED);
    let expected = expected.is_file().then(|| {
        let bytes = json(files::read_bytes(&expected)?, &expected.display().to_string())?;
        Ok::<_, Error>(serde_json::from_slice(&bytes).unwrap_or_default())
    });
    Ok(Event { name: name.to_owned(), payload, json: expected.transpose()? })
}
