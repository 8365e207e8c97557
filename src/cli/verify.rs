//! `verify`: build again in a fresh folder, and compare.

mod compared;
mod given;
mod order;
mod place;
mod tools;

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};

use super::args::{Global, Verify};
use super::configuration;
use super::facts::Facts;
use super::groups::functions;
use super::lower::shown;
use super::prepare::Machines;
use crate::bundle::Record;
use crate::error::{DiffersError, Error};
use crate::files;
use crate::fresh::{Fresh, GIT_VARIABLES};
use crate::function::Handler;
use crate::message::Message;
use crate::process::{ProcessError, Step};
use crate::shell::Shell;
use compared::Compared;
use given::Given;
use order::Order;
use place::{Place, Sources};

/// What all of it needs to know.
struct Verifier<'a> {
    args: &'a Verify,
    global: &'a Global,
    givens: Vec<Given>,
    place: Place,
    facts: Facts,
    /// The handler of what has no record.
    handler: Option<Handler>,
    shell: &'a Shell,
}

pub(super) fn run(args: &Verify, global: &Global, shell: &Shell) -> Result<(), Error> {
    if args.build.compile.target_dir.is_some() {
        let what = "`verify` builds in a target folder of its own, below TMPDIR";
        return Err(Error::Usage(format!("{what}; leave out `--target-dir`")));
    }
    let givens = given::all(&args.paths)?;
    let with_record = givens.iter().all(|given| given.record.is_some());
    if with_record && order::selects(&args.build) {
        return Err(Error::Usage(
            "the records of these bundles say which handlers they are of: leave out the flags that \
             select, and name the folders of single bundles instead"
                .to_owned(),
        ));
    }
    // Nothing is written into the target folder.
    let facts = Facts::gather(args.build.cargo_options(global), false)?;
    let place = Place::new(&facts.metadata, global)?;
    let handler = match givens.iter().find(|given| given.record.is_none()) {
        Some(given) => Some(selected(args, global, &facts, given, shell)?),
        None => None,
    };
    let orders = order::orders(&givens, args, global, place.has_git())?;
    let verifier = Verifier { args, global, givens, place, facts, handler, shell };
    let fresh = Fresh::new()?;
    let result = fresh.path().map_err(Error::from).and_then(|path| verifier.all(&orders, &path));
    if args.keep {
        shell.status("Kept", fresh.keep().display());
    }
    let compared = result?;
    verifier.answer(&compared)?;
    let differ = compared.iter().filter(|one| !one.is_equal());
    let things: Vec<String> = differ.map(|one| verifier.thing(one.place).to_owned()).collect();
    if things.is_empty() {
        return Ok(());
    }
    Err(Error::Differs(DiffersError { things, of: compared.len() }))
}

/// The one handler that the flags select.
fn selected(
    args: &Verify,
    global: &Global,
    facts: &Facts,
    given: &Given,
    shell: &Shell,
) -> Result<Handler, Error> {
    let flags = args.build.compile.settings(&args.audit);
    let config = configuration::load(&facts.metadata, flags, global, shell)?;
    let target = Machines::new(facts, shell).default_target();
    let functions = functions(facts, &args.build.selection(), &config, target)?.functions;
    match functions.as_slice() {
        [one] => Ok(one.handler.clone()),
        several => {
            let names: Vec<&str> = several.iter().map(|function| function.name.as_str()).collect();
            Err(Error::Usage(format!(
                "{} has no {} beside it: say which handler it is of, with `-p`, `--bin` and `--arch`; \
                 now {} are selected: {}",
                given.thing,
                Record::FILE,
                names.len(),
                names.join(", ")
            )))
        }
    }
}

impl Verifier<'_> {
    fn thing(&self, place: usize) -> &str {
        self.givens.get(place).map_or("", |given| &given.thing)
    }

    fn members<'o>(&'o self, order: &'o Order) -> impl Iterator<Item = (usize, &'o Given)> {
        order.members.iter().filter_map(|&place| Some((place, self.givens.get(place)?)))
    }

    /// Builds and compares all, in the order in which they were given.
    fn all(&self, orders: &[Order], fresh: &Path) -> Result<Vec<Compared>, Error> {
        self.place.warn_of_configuration(self.shell);
        let mut all: BTreeMap<Option<&str>, Sources> = BTreeMap::new();
        let mut compared = Vec::new();
        for (number, order) in orders.iter().enumerate() {
            let commit = order.commit.as_deref();
            self.say(order);
            if !all.contains_key(&commit) {
                let folder = fresh.join(format!("{}", all.len()));
                all.insert(commit, self.place.sources(commit, &folder, self.shell)?);
            }
            let Some(sources) = all.get(&commit) else { continue };
            let here = tools::Here::new(&self.facts, &sources.folder);
            for (_, given) in self.members(order) {
                here.warn(given, self.shell);
            }
            let out = fresh.join(format!("out-{number}"));
            self.build(order, sources, &out)?;
            for (place, given) in self.members(order) {
                let (zip, record) = self.rebuilt(given, &out)?;
                tools::warn_of_linker(given, &record, self.shell);
                compared.push(compared::compare(place, given, &zip, &sources.built_in())?);
            }
        }
        compared.sort_by_key(|one| one.place);
        Ok(compared)
    }

    /// Says what is not known of the sources and the flags.
    fn say(&self, order: &Order) {
        for (_, given) in self.members(order) {
            let thing = &given.thing;
            let record = given.record.as_ref();
            if order.commit.is_none() {
                let why = match record.map(|record| record.commit.as_deref()) {
                    None => "has no record".to_owned(),
                    Some(None) => "was built from no commit".to_owned(),
                    Some(Some(commit)) if given.clean_commit().is_some() => {
                        format!("was built from {commit}, and there is no git here")
                    }
                    Some(Some(commit)) => format!("was built from what no commit has ({commit})"),
                };
                self.shell.warn(format!("{thing} {why}: the sources as they are now are built"));
            }
            let Some(record) = record else { continue };
            match &record.build {
                Some(build) => tools::warn_of_what_is_not_kept(thing, build, self.args, self.shell),
                None => self.shell.warn(format!(
                    "the record of {thing} does not say with which flags it was built: give them again"
                )),
            }
        }
    }

    /// This program itself makes the bundles again, as a child: nothing of this run can leak into them.
    fn build(&self, order: &Order, at: &Sources, out: &Path) -> Result<(), Error> {
        let failed = |code, source| Err(Error::Rebuild { code, source });
        let program = match env::current_exe() {
            Ok(program) => program,
            Err(error) => return failed(1, Some(error)),
        };
        let mut args = vec!["package".into(), "--for-verify".into()];
        args.extend(order.args());
        for (flag, path) in [("--target-dir", at.target.as_path()), ("--out", out)] {
            args.extend([flag.into(), path.into()]);
        }
        if let Some(manifest) = &at.manifest {
            args.extend(["--manifest-path".into(), manifest.into()]);
        }
        let step = Step::new(program, args).at(&at.folder).without(GIT_VARIABLES);
        // Cargo's build folder may be set elsewhere, and then is not fresh.
        let step = step.with("CARGO_BUILD_BUILD_DIR", &at.target);
        let step = match &order.epoch {
            Some(epoch) => step.with("SOURCE_DATE_EPOCH", epoch),
            None => step.without(["SOURCE_DATE_EPOCH"]),
        };
        self.shell.detail("Running", format!("`package` in {}", shown(&at.folder)));
        let quiet = self.global.quiet;
        let ran = if quiet { step.output().map(drop) } else { step.interactive() };
        match ran {
            Ok(()) => Ok(()),
            // Its own words stand above; the command line may hold what is nobody's to read.
            Err(ProcessError::Failed { status, .. }) => {
                let code = status.code().and_then(|code| u8::try_from(code).ok());
                failed(code.unwrap_or(1), None)
            }
            Err(ProcessError::Start { source, .. } | ProcessError::Output { source, .. }) => {
                failed(1, Some(source))
            }
        }
    }

    /// The zip of the same handler and architecture, and its record.
    fn rebuilt(&self, given: &Given, out: &Path) -> Result<(PathBuf, Record), Error> {
        let wanted = match (&given.record, &self.handler) {
            (Some(record), _) => (&record.package, &record.handler),
            (None, Some(handler)) => (&handler.package, &handler.target),
            (None, None) => return Err(Error::Usage(format!("{} has no record", given.thing))),
        };
        let mut found = Vec::new();
        for path in files::records(out)? {
            let text = files::read_text(&path)?;
            let record: Record = serde_json::from_str(&text)
                .map_err(|source| Error::Record { path: path.display().to_string(), source })?;
            if (&record.package, &record.handler) == wanted {
                found.push((path.with_file_name(&record.zip), record));
            }
        }
        let arch = given.record.as_ref().map(|record| &record.architecture);
        let same = found.iter().position(|(_, record)| Some(&record.architecture) == arch);
        if found.is_empty() {
            return Err(Error::Usage(format!("nothing was rebuilt for {}", given.thing)));
        }
        Ok(found.swap_remove(same.unwrap_or(0)))
    }

    fn answer(&self, all: &[Compared]) -> Result<(), Error> {
        for one in all {
            let Some(given) = self.givens.get(one.place) else { continue };
            if self.shell.is_json() {
                for difference in &one.differences {
                    self.shell.record(&Message::difference(&given.thing, difference))?;
                }
                self.shell.record(&Message::Verified {
                    thing: &given.thing,
                    path: shown(&given.archive),
                    equal: one.is_equal(),
                    given: one.given.map(|digest| digest.base64()),
                    rebuilt: one.rebuilt.base64(),
                    commit: given.clean_commit().filter(|_| self.place.has_git()),
                })?;
                continue;
            }
            for line in one.lines(&given.thing) {
                self.shell.answer(line)?;
            }
        }
        Ok(())
    }
}
