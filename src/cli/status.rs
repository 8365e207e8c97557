//! `status`: what functions are on AWS, and in what they are not what the configuration says.

mod show;

use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::Value;

use super::args::{Global, Status};
use super::deploy::image::packaged;
use super::deploy::layers::recorded as recorded_layers;
use super::deploy::session;
use super::deploy::{self, bundle::folder};
use super::package::recorded;
use super::remote::{Named, Scope};
use crate::aws::{Aws, AwsError, Looked};
use crate::bundle::Record;
use crate::error::{Error, RemoteError};
use crate::function::{Function, Packaging};
use crate::reference::has_host;
use crate::release::change::Change;
use crate::release::content::{current, text};
use crate::release::desired::{Code, Desired, Image, Source};
use crate::release::ecr::Ecr;
use crate::release::layers::{Layer, Own};
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

/// A zip or an image that lies in the target folder.
struct Bundle {
    folder: PathBuf,
    /// The digest as AWS reports it: of a zip `CodeSha256`, of an image that of its manifest.
    sha256: String,
    size: u64,
    runtime: String,
    /// The layers that it uses.
    layers: Vec<Layer>,
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
        let one = |named| look(&session.aws, named, base, scope.own_layers.clone());
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
    own: Option<Own>,
) -> (&'a Named, Result<Result<Found<'a>, Error>, AwsError>) {
    // What a deploy reads follows from the settings, which are those of every architecture.
    let wanted = named.known.first().map(|(_, wanted)| wanted.clone()).unwrap_or_default();
    let layers = layers(named, base);
    let name = named.name.clone();
    let desired = Desired { name, wanted, layers, own_layers: own, ..Desired::default() };
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
        all.get_or_insert_default().extend(bundle.layers);
    }
    all
}

impl<'a> Found<'a> {
    fn new(named: &'a Named, looked: Looked, base: Option<&Path>) -> Result<Self, Error> {
        let mut found = Self { named, looked, bundle: None, drift: None };
        let Some((function, wanted)) = found.meant() else { return Ok(found) };
        let observed = &found.looked.observed;
        let desired = match &function.packaging {
            Packaging::Zip => {
                found.bundle = base.map(|base| bundle(base, function)).transpose()?.flatten();
                desired(function, wanted, found.bundle.as_ref(), observed)
            }
            Packaging::Image(wish) => {
                let packaged = base.and_then(|base| packaged(base, function, wish).ok());
                let code = image(packaged.as_ref(), (function, wanted), observed);
                found.bundle = packaged.map(Bundle::of_image);
                Desired { code, ..desired(function, wanted, None, observed) }
            }
        };
        // What lies in a registry is not asked for here.
        let observed = Observed { pushed: true, ..found.looked.observed.clone() };
        found.drift = Some(drift(&desired, &observed));
        Ok(found)
    }

    /// Whether the code that is there is what was packaged.
    fn is_deployed(&self) -> bool {
        let image = self.looked.observed.function.as_ref().and_then(|it| it.image.as_deref());
        let digest = image.and_then(|image| image.split_once("@sha256:")).map(|(_, hex)| hex);
        let there = digest.or_else(|| self.text("CodeSha256"));
        self.bundle.as_ref().is_some_and(|bundle| there == Some(bundle.sha256.as_str()))
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
    let layers = recorded_layers(&record);
    let Record { code_sha256, sizes, runtime, .. } = record;
    Ok(Some(Bundle { folder, sha256: code_sha256, size: sizes.zip, runtime, layers }))
}

impl Bundle {
    /// Of an image the folder that its layout is in.
    fn of_image(packaged: deploy::bundle::Bundle) -> Self {
        let folder = packaged.code.parent().map(Path::to_path_buf).unwrap_or_default();
        let deploy::bundle::Bundle { sha256, size, runtime, .. } = packaged;
        Self { folder, sha256, size, runtime, layers: Vec::new() }
    }
}

/// The code of a function that is an image: what was packaged, else what is there; in the repository that the
/// configuration names.
fn image(
    packaged: Option<&deploy::bundle::Bundle>,
    (function, wanted): (&Function, &Wanted),
    observed: &Observed,
) -> Code {
    let image = observed.function.as_ref().and_then(|function| function.image.as_deref());
    let digest = image.and_then(|image| Some(image.split_once("@sha256:")?.1));
    let sha256 = packaged.map(|bundle| bundle.sha256.as_str()).or(digest).unwrap_or_default();
    let there = || {
        let config = observed.latest().map(|latest| current(latest, "ImageConfig"));
        let words = config.as_ref().and_then(|config| config["EntryPoint"].as_array());
        let text = |word: &Value| word.as_str().map(str::to_owned);
        words.into_iter().flatten().filter_map(text).collect()
    };
    let packaged_words = packaged.map(|it| it.image.clone().unwrap_or_default().entry_point);
    let entry_point = packaged_words.unwrap_or_else(there);
    let repository = repository(wanted, image, observed);
    let is_there = repository.is_none();
    let uri = repository.map(|name| format!("{name}@sha256:{sha256}")).unwrap_or_default();
    Code {
        sha256: sha256.to_owned(),
        size: packaged.map_or(0, |bundle| bundle.size),
        architecture: function.compile.target.arch.aws_name().to_owned(),
        source: Source::Image(Image { uri, entry_point, is_there }),
    }
}

/// The whole name of the repository that the configuration names, if the function is from one at all: a server
/// on this machine takes images from where they were packaged.
fn repository(wanted: &Wanted, image: Option<&str>, observed: &Observed) -> Option<String> {
    let written = wanted.repository.as_deref()?;
    let image = image.filter(|image| !image.starts_with("oci:"))?;
    if has_host(written) {
        return Some(written.to_owned());
    }
    // One without a host is of ECR, of the function's own account and Region; or of what stands in for it.
    let (host, _) = image.split_once('/')?;
    let arn = observed.latest().and_then(|latest| text(latest, "FunctionArn"))?;
    let parts: Vec<&str> = arn.split(':').collect();
    let host = match (Ecr::of_host(host), parts.as_slice()) {
        (Some(_), [_, _, _, region, account, ..]) => Ecr::host_of(account, region),
        _ => host.to_owned(),
    };
    Some(format!("{host}/{written}"))
}

/// What the configuration says. Where nothing is packaged, the code that is there is as good as any.
fn desired(
    function: &Function,
    wanted: &Wanted,
    bundle: Option<&Bundle>,
    observed: &Observed,
) -> Desired {
    let there = observed.latest().and_then(|latest| text(latest, "CodeSha256"));
    let runtime = bundle.map_or(function.runtime.aws_name(), |bundle| bundle.runtime.as_str());
    let sha256 = bundle.map(|bundle| bundle.sha256.as_str()).or(there);
    Desired {
        name: function.name.as_str().to_owned(),
        code: Code {
            sha256: sha256.unwrap_or_default().to_owned(),
            size: bundle.map_or(0, |bundle| bundle.size),
            architecture: function.compile.target.arch.aws_name().to_owned(),
            source: Source::Call,
        },
        layers: bundle.map(|bundle| bundle.layers.clone()),
        runtime: runtime.to_owned(),
        wanted: wanted.clone(),
        ..Desired::default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_repository_is_that_of_the_account_unless_it_says_otherwise() {
        let arn = "arn:aws:lambda:eu-west-1:123456789012:function:api";
        let configuration = json!({ "FunctionArn": arn }).as_object().unwrap().clone();
        let function = crate::release::observed::Function { configuration, ..Default::default() };
        let observed = Observed { function: Some(function), ..Observed::default() };
        let ecr = "123456789012.dkr.ecr.eu-west-1.amazonaws.com";
        let of_other = "210987654321.dkr.ecr.eu-west-1.amazonaws.com/team/api@sha256:aa";
        for (written, image, whole) in [
            ("team/api", Some(of_other), Some(format!("{ecr}/team/api"))),
            ("team/api", Some("127.0.0.1:1/x@sha256:aa"), Some("127.0.0.1:1/team/api".to_owned())),
            ("a.example/api", Some(of_other), Some("a.example/api".to_owned())),
            ("team/api", Some("oci:/srv/image@sha256:aa"), None),
            ("team/api", None, None),
        ] {
            let wanted = Wanted { repository: Some(written.to_owned()), ..Wanted::default() };
            assert_eq!(repository(&wanted, image, &observed), whole, "{image:?}");
        }
    }
}
