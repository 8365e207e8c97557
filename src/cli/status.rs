//! `status`: what functions are on AWS, and in what they are not what the configuration says.

mod show;

use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use super::args::{Global, Status};
use super::deploy::bundle::folder;
use super::deploy::image::packaged;
use super::deploy::layers::recorded as recorded_layers;
use super::deploy::session;
use super::package::recorded;
use super::remote::{Named, Scope};
use crate::aws::{Aws, AwsError, Looked};
use crate::bundle::Record;
use crate::error::{Error, RemoteError};
use crate::function::{Function, Packaging};
use crate::release::change::Change;
use crate::release::content::{current, text};
use crate::release::desired::{Code, Desired, Image, Source};
use crate::release::layers::Layer;
use crate::release::next::Refusal;
use crate::release::observed::Observed;
use crate::release::status::drift;
use crate::release::wanted::Wanted;
use crate::shell::Shell;

/// How many functions are looked at at once.
const AT_ONCE: usize = 24;

/// A function that was looked at.
struct Found<'a> {
    named: &'a Named,
    looked: Looked,
    /// What was packaged last, if anything was.
    bundle: Option<Bundle>,
    /// What a deploy would change, and why it cannot; nothing where the workspace has no such
    /// function.
    drift: Option<(Vec<Change>, Option<Refusal>)>,
}

/// A bundle that lies in the target folder.
struct Bundle {
    folder: PathBuf,
    record: Record,
}

pub(super) fn run(args: &Status, global: &Global, shell: &Shell) -> Result<(), Error> {
    let place = session::place(&args.place)?;
    let scope = Scope::of(&args.functions, &args.build, global, shell)?;
    super::asynchronously(async {
        let session = scope.connect(place, "look at", shell).await?;
        let mut stopped = Vec::new();
        let mut drifted = 0;
        let mut arn = None;
        let base = args.from.as_deref().or(scope.bundles.as_deref());
        let one = |named| look(&session.aws, named, base);
        let mut all = stream::iter(scope.functions.iter().map(one)).buffered(AT_ONCE);
        while let Some((named, found)) = all.next().await {
            match found {
                Ok(found) => {
                    let found = found?;
                    drifted += found.differences();
                    arn = arn.or_else(|| found.text("FunctionArn").map(str::to_owned));
                    show::function(&found, &scope, shell)?;
                }
                Err(error) => stopped.push((named.name.clone(), error)),
            }
        }
        if !shell.is_json() {
            shell.status("Looked", format!("at {}", session.name_by(arn.as_deref())));
        }
        if !stopped.is_empty() {
            return Err(RemoteError { verb: "look at", stopped }.into());
        }
        if args.exit_code && drifted > 0 { Err(Error::Changes(drifted)) } else { Ok(()) }
    })?
}

/// Looks at one; what was packaged is read beside.
async fn look<'a>(
    aws: &Aws,
    named: &'a Named,
    base: Option<&Path>,
) -> (&'a Named, Result<Result<Found<'a>, Error>, AwsError>) {
    // What a deploy reads follows from the settings, which are those of every architecture.
    let wanted = named.known.first().map(|(_, wanted)| wanted.clone()).unwrap_or_default();
    let layers = layers(named, base);
    let desired = Desired { name: named.name.clone(), wanted, layers, ..Desired::default() };
    let looked = aws.look(&desired).await;
    (named, looked.map(|looked| Found::new(named, looked, base)))
}

/// The layers of what was packaged last, whatever the architecture: which is meant follows from what is
/// there. What cannot be read is said later.
fn layers(named: &Named, base: Option<&Path>) -> Option<Vec<Layer>> {
    let packaged = named.known.iter().filter(|(function, _)| function.packaging == Packaging::Zip);
    let bundles = packaged.filter_map(|(function, _)| bundle(base?, function).ok()?);
    let mut all: Option<Vec<Layer>> = None;
    for bundle in bundles {
        all.get_or_insert_default().extend(recorded_layers(&bundle.record));
    }
    all
}

impl<'a> Found<'a> {
    fn new(named: &'a Named, looked: Looked, base: Option<&Path>) -> Result<Self, Error> {
        let mut found = Self { named, looked, bundle: None, drift: None };
        let Some((function, wanted)) = found.meant() else { return Ok(found) };
        if let Some(base) = base.filter(|_| function.packaging == Packaging::Zip) {
            found.bundle = bundle(base, function)?;
        }
        let observed = &found.looked.observed;
        let mut desired = desired(function, wanted, found.bundle.as_ref(), observed);
        if let Some(code) = image(base, function, observed) {
            desired.code = code;
        }
        found.drift = Some(drift(&desired, &found.looked.observed));
        Ok(found)
    }

    /// What the workspace has: of several architectures, the one that is there.
    fn meant(&self) -> Option<&'a (Function, Wanted)> {
        let there = self.looked.observed.latest().map(|latest| current(latest, "Architectures"));
        let is_there = |(function, _): &&(Function, Wanted)| {
            let arch = function.compile.target.arch.aws_name();
            there.as_ref().is_some_and(|there| there[0] == arch)
        };
        let known = &self.named.known;
        known.iter().find(is_there).or_else(|| known.first())
    }

    /// A member of the configuration of `$LATEST`.
    fn text(&self, member: &str) -> Option<&str> {
        self.looked.observed.latest().and_then(|latest| text(latest, member))
    }

    /// How many things are not what they should be.
    fn differences(&self) -> usize {
        self.drift
            .as_ref()
            .map_or(0, |(changes, refused)| changes.len() + usize::from(refused.is_some()))
    }
}

/// What was packaged last.
fn bundle(base: &Path, function: &Function) -> Result<Option<Bundle>, Error> {
    let Some(folder) = folder(base, function) else { return Ok(None) };
    let record = recorded(&folder)?;
    Ok(Some(Bundle { folder, record }))
}

/// The code of a function that is an image: what was packaged, else what is there.
fn image(base: Option<&Path>, function: &Function, observed: &Observed) -> Option<Code> {
    let Packaging::Image(wish) = &function.packaging else { return None };
    let there = |member: &str| observed.latest().map(|latest| current(latest, member));
    let entry_point = there("ImageConfig").map(|config| config["EntryPoint"].clone());
    let words = entry_point.as_ref().and_then(Value::as_array).into_iter().flatten();
    let words: Vec<String> = words.filter_map(|word| word.as_str().map(str::to_owned)).collect();
    let of_image = |entry_point| Image { entry_point, is_there: true, ..Image::default() };
    let packaged = base.and_then(|base| packaged(base, function, wish).ok());
    let architecture = function.compile.target.arch.aws_name().to_owned();
    let image = observed.function.as_ref().and_then(|function| function.image.as_deref());
    let digest = image.and_then(|image| image.split_once("@sha256:"));
    let there = Code {
        sha256: digest.map(|(_, digest)| digest.to_owned()).unwrap_or_default(),
        size: 0,
        architecture,
        source: Source::Image(of_image(words)),
    };
    let Some(bundle) = packaged else { return Some(there) };
    let source = Source::Image(of_image(bundle.image.unwrap_or_default().entry_point));
    Some(Code { sha256: bundle.sha256, size: bundle.size, source, ..there })
}

/// What the configuration says. Where nothing is packaged, the code that is there is as good as any.
fn desired(
    function: &Function,
    wanted: &Wanted,
    bundle: Option<&Bundle>,
    observed: &Observed,
) -> Desired {
    let there = observed.latest().and_then(|latest| text(latest, "CodeSha256"));
    let record = bundle.map(|bundle| &bundle.record);
    let runtime = record.map_or(function.runtime.aws_name(), |record| record.runtime.as_str());
    let sha256 = record.map(|record| record.code_sha256.as_str()).or(there);
    Desired {
        name: function.name.as_str().to_owned(),
        code: Code {
            sha256: sha256.unwrap_or_default().to_owned(),
            size: record.map_or(0, |record| record.sizes.zip),
            architecture: function.compile.target.arch.aws_name().to_owned(),
            source: Source::Call,
        },
        layers: record.map(recorded_layers),
        runtime: runtime.to_owned(),
        wanted: wanted.clone(),
        ..Desired::default()
    }
}
