//! `push`: an image to a registry, as far as it is not there.

#[cfg(feature = "aws")]
pub(super) mod ecr;
mod row;
mod tags;

use std::cell::{OnceCell, RefCell};
use std::path::Path;
use std::rc::Rc;
use std::thread;

use tokio::sync::oneshot;

use super::args::{Global, Push};
use super::interrupt::Interrupt;
use crate::audit::{Code, Finding, Level};
#[cfg(feature = "aws")]
use crate::aws::Aws;
use crate::blobs::{self, Base, Image, Place, Store};
use crate::error::{Aim, Error, FindingsError};
use crate::image::config::Config;
use crate::image::lint::lint;
use crate::jobs::cores;
use crate::message::{Message, bytes, count};
use crate::reference::{NoReference, Reference, has_host, look_at};
use crate::registry::{Client, Logins, Progress, Pushed, RegistryError, Why};
use crate::shell::Shell;
use crate::target::Arch;
use row::Row;

pub(super) fn run(args: &Push, _: &Global, shell: &Shell) -> Result<(), Error> {
    let text = args.reference.trim_start_matches("docker://");
    look_at(text).map_err(|error| Error::Usage(error.to_string()))?;
    let place = place(&args.image)?;
    let base = Base::of(&place);
    let asked: Option<Arch> = args.arch.as_deref().and_then(|name| name.parse().ok());
    let opened = blobs::open(&place, asked.unwrap_or(Arch::of_this_machine()))?;
    let name = args.image.display().to_string();
    if let Some((_, choices)) = &opened.index {
        let arch = asked.unwrap_or(Arch::of_this_machine());
        shell.status("Taking", format!("the image for {arch} of an index of {}", choices.len()));
    }
    of_that_architecture(&opened, asked, &args.image)?;
    let commit = tags::commit(&place, &opened);
    let (image, _kept) = with_papers(opened, &name)?;
    let digest = image.manifest.as_ref().map(|(_, digest, _)| digest.hex()).unwrap_or_default();
    let mut tags = args.tag.clone();
    let (text, named) =
        text.split_once('@').map_or((text, None), |(text, named)| (text, Some(named)));
    if let Some(named) = named.filter(|named| named.trim_start_matches("sha256:") != digest) {
        return Err(Error::Usage(format!(
            "the image in {} is sha256:{digest}, not {named}",
            args.image.display()
        )));
    }
    let made = tags::Made { digest: &digest, commit, folder: Path::new(".") };
    // Before anybody is asked for anything.
    tags = tags::filled_in(&tags, &made)?;
    // While the registry is asked what it has.
    let check = (!args.no_check).then(|| Check::begin(name, &image, asked));
    super::asynchronously(async {
        let to = destination(args, text, shell).await?;
        let reference = &to.reference;
        let named =
            reference.tag().filter(|tag| says_tag(text) && !tags.iter().any(|it| it == tag));
        tags.extend(named.map(str::to_owned));
        let base = base.as_ref().filter(|base| base.reference.host() == reference.host());
        let what = What { image: &image, tags: &tags, check: check.as_ref(), base };
        let mut interrupt = Interrupt::listen()?;
        let pushed = push_to(args, &to, &what, &mut interrupt, shell).await?;
        #[cfg(feature = "aws")]
        tokio::select! {
            seen = ecr::after(args, &to, &tags, shell) => seen?,
            code = interrupt.next() => {
                let stays = "the image is pushed, and its repository was not looked at";
                return Err(Error::Interrupted { code, stays });
            }
        }
        answer(reference, &tags, &pushed, shell)
    })?
}

/// Of an index there is a choice; an image by itself is for the one that it is for.
fn of_that_architecture(image: &Image, asked: Option<Arch>, path: &Path) -> Result<(), Error> {
    let config = image.config.as_ref().ok().and_then(|bytes| Config::read(bytes));
    match (asked, config.and_then(|config| config.arch())) {
        (Some(asked), Some(own)) if own != asked => Err(Error::Usage(format!(
            "`--arch {asked}`: the image in {} is for {own}",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Where an image is that `package` has written, or anybody.
fn place(path: &Path) -> Result<Place, Error> {
    Place::of(&path.display().to_string()).ok_or_else(|| {
        Error::Usage(Place::other_form(path).unwrap_or_else(|| {
            format!(
                "there is no image at {} (an OCI layout, an archive of one, or one of docker's)",
                path.display()
            )
        }))
    })
}

/// An image that is looked at, on a thread of its own.
struct Check {
    thing: String,
    /// Taken by whoever waits first.
    coming: RefCell<Option<oneshot::Receiver<Vec<Finding>>>>,
    found: OnceCell<Vec<Finding>>,
}

impl Check {
    fn begin(thing: String, image: &Image, arch: Option<Arch>) -> Self {
        let (found, coming) = oneshot::channel();
        let (name, image) = (thing.clone(), image.clone());
        // Nobody waits for it where the registry has everything.
        thread::spawn(move || {
            let mut seen = blobs::scan(&name, &image, arch, Vec::new(), cores());
            // Of an index the one image is pushed, and not the index.
            seen.index = None;
            let mut all = lint(&seen);
            // Functions may name an entry point of their own.
            for finding in all.iter_mut().filter(|it| it.code == Code::ImageEntrypoint) {
                finding.level = Level::Warning;
            }
            let _ = found.send(all);
        });
        Self { thing, coming: RefCell::new(Some(coming)), found: OnceCell::new() }
    }

    /// Until everything was looked at; fails if Lambda would refuse it.
    async fn passed(&self) -> Result<(), Why> {
        let coming = self.coming.borrow_mut().take();
        if let Some(coming) = coming {
            let _ = self.found.set(coming.await.unwrap_or_default());
        }
        if count(self.findings(), Level::Error) == 0 {
            return Ok(());
        }
        Err(Why::Changed("Lambda would refuse it".to_owned()))
    }

    fn findings(&self) -> &[Finding] {
        self.found.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Says what was found, as far as somebody has waited for it.
    fn say(&self, shell: &Shell) -> Result<(), Error> {
        let all = self.findings();
        for finding in all.iter().filter(|finding| finding.level != Level::Note) {
            shell.finding(finding);
            if shell.is_json() {
                shell.record(&finding.into())?;
            }
        }
        match count(all, Level::Error) {
            0 => Ok(()),
            errors => Err(Error::Findings(FindingsError {
                errors,
                things: vec![self.thing.clone()],
                aim: Aim::Push,
            })),
        }
    }
}

/// An archive of docker's has no manifest: it gets one, and blobs that Lambda takes, in a folder that is gone
/// when it is dropped.
fn with_papers(image: Image, name: &str) -> Result<(Image, Option<tempfile::TempDir>), Error> {
    if image.manifest.is_some() {
        return Ok((image, None));
    }
    let seen = blobs::scan(name, &image, None, Vec::new(), cores());
    let folder = blobs::scratch()?;
    let store = Store::new(folder.path().to_path_buf());
    let papers = blobs::fix(&image, &seen, None, &store, cores())?;
    let arch = Arch::of_this_machine();
    let opened = blobs::open_stored(&store, &papers.manifest, &papers.described.0, &[arch])?;
    Ok((opened, Some(folder)))
}

/// Where an image goes.
struct To {
    /// The repository.
    reference: Reference,
    /// The same as it is asked for.
    entrance: Reference,
    /// What may enter its registry.
    client: Rc<Client>,
    /// The account that it is of, if it is one of ECR.
    #[cfg(feature = "aws")]
    aws: Option<Aws>,
}

async fn destination(args: &Push, text: &str, shell: &Shell) -> Result<To, Error> {
    #[cfg(feature = "aws")]
    if let Some(found) = ecr::destination(args, text, shell).await? {
        return Ok(found);
    }
    let _ = args;
    if !has_host(text) {
        return Err(Error::Usage(format!("`{text}` names no registry: HOST/REPOSITORY[:TAG]")));
    }
    let reference = parsed(text)?;
    let client = Client::new(Logins::of_this_user())?.telling(super::warner(shell));
    let client = Rc::new(client);
    Ok(To {
        entrance: reference.clone(),
        reference,
        client,
        #[cfg(feature = "aws")]
        aws: None,
    })
}

fn parsed(text: &str) -> Result<Reference, Error> {
    text.parse().map_err(|error: NoReference| Error::Usage(error.to_string()))
}

/// Whether a tag stands there, and not only the one that is meant without any.
fn says_tag(text: &str) -> bool {
    text.rsplit('/').next().is_some_and(|name| name.contains(':'))
}

/// What is pushed.
struct What<'w> {
    image: &'w Image,
    tags: &'w [String],
    check: Option<&'w Check>,
    /// What it stands on, if that is of the same registry.
    base: Option<&'w Base>,
}

/// Pushes; once more where ECR may have found its login too old.
async fn push_to(
    args: &Push,
    to: &To,
    what: &What<'_>,
    interrupt: &mut Interrupt,
    shell: &Shell,
) -> Result<Pushed, Error> {
    let pushed = push(&to.client, &to.entrance, what, interrupt, shell).await;
    #[cfg(feature = "aws")]
    if let Err(Error::Registry(error)) = &pushed
        && let Some(client) = ecr::again(args, to, &error.why, shell).await?
    {
        return push(&client, &to.entrance, what, interrupt, shell).await;
    }
    let _ = args;
    pushed
}

/// Pushes, with a row that tells how far it is. Ctrl-C cancels what was begun.
async fn push(
    client: &Client,
    reference: &Reference,
    what: &What<'_>,
    interrupt: &mut Interrupt,
    shell: &Shell,
) -> Result<Pushed, Error> {
    let pushing = client.pushing();
    if let Some(base) = what.base {
        pushing.may_be_in(&base.reference.on(reference.host()), base.layers.iter().copied());
    }
    let row = Row::new(reference, shell);
    shell.start_rows(1);
    let pushed = {
        let told = |progress: Progress| row.tell(progress);
        let ready = async {
            match what.check {
                Some(check) => check.passed().await,
                None => Ok(()),
            }
        };
        let push = pushing.opened(reference, what.tags, what.image, ready, &told);
        tokio::select! {
            pushed = push => Ok(pushed),
            code = interrupt.next() => Err(code),
        }
    };
    shell.end_rows();
    if !matches!(pushed, Ok(Ok(_))) {
        pushing.abandon().await;
    }
    if let Some(check) = what.check {
        // What is wrong with the image says more than that it cannot be read.
        let ours = |error: &RegistryError| matches!(error.why, Why::Read(_) | Why::Changed(_));
        if pushed.as_ref().is_ok_and(|pushed| pushed.as_ref().is_err_and(ours)) {
            let _ = check.passed().await;
        }
        check.say(shell)?;
    }
    match pushed {
        Ok(pushed) => Ok(pushed?),
        Err(code) => Err(Error::Interrupted {
            code,
            stays: "what was sent whole stays, and the same command goes on from there",
        }),
    }
}

fn answer(
    reference: &Reference,
    tags: &[String],
    pushed: &Pushed,
    shell: &Shell,
) -> Result<(), Error> {
    for warning in &pushed.warnings {
        shell.warn(format!("{} says: {warning}", reference.host()));
    }
    let name = reference.name();
    let uri = format!("{name}@{}", pushed.digest);
    if pushed.unchanged {
        shell.status("Unchanged", &name);
    } else {
        let parts =
            [(&pushed.sent, "sent"), (&pushed.mounted, "mounted"), (&pushed.there, "there")];
        let parts = parts.iter().filter(|(list, _)| !list.is_empty());
        let parts: Vec<String> =
            parts.map(|(list, what)| format!("{} {what}", list.len())).collect();
        let blobs =
            if parts.is_empty() { String::new() } else { format!("; blobs: {}", parts.join(", ")) };
        shell.status("Pushed", format!("{name} ({}{blobs})", bytes(pushed.bytes)));
    }
    if !pushed.moved.is_empty() {
        shell.status("Tagged", pushed.moved.join(", "));
    }
    if shell.is_json() {
        let texts = |list: &[crate::digest::Sha256]| list.iter().map(ToString::to_string).collect();
        return Ok(shell.record(&Message::Pushed {
            uri: &uri,
            digest: pushed.digest.to_string(),
            tags,
            moved: &pushed.moved,
            sent: texts(&pushed.sent),
            mounted: texts(&pushed.mounted),
            there: texts(&pushed.there),
            bytes: pushed.bytes,
            unchanged: pushed.unchanged,
        })?);
    }
    Ok(shell.answer(uri)?)
}
