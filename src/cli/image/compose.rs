//! One image put together: what goes into which layer, its papers, and what the audit finds.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;

use super::base::Base;
use super::layers::{EPOCH, Maker};
use super::scratch::{Item, VARIABLES};
use super::{Group, Imager, Part};
use crate::audit::{self, Content, Finding, Inspected};
use crate::blobs::{self, Papers};
use crate::cli::build::Job;
use crate::cli::libraries::Lookup;
use crate::digest::Sha256;
use crate::error::Error;
use crate::files::Watched;
use crate::image::config::{Added, Config};
use crate::image::link::Search;
use crate::image::lint::{LayerSeen, Packed, Seen, lint};
use crate::image::manifest::MediaTypes;
use crate::image::place::Thing;
use crate::image::root::Root;
use crate::inspect;
use crate::libraries;
use crate::tree::{Clash, Entry, Source};

/// The script that starts functions in AWS's own images, and the place of the program that it starts
/// (aws-lambda-base-images).
const SCRIPT: &str = "/lambda-entrypoint.sh";
const STARTED: &str = "var/runtime/bootstrap";

/// An image whose blobs are kept.
pub(super) struct Composed {
    pub(super) papers: Papers,
    /// What each layer is, its digest, its length and the digest of its tar.
    pub(super) layers: Vec<(String, Sha256, u64, Sha256)>,
    pub(super) unpacked: u64,
    pub(super) findings: Vec<Finding>,
    /// What was read.
    pub(super) watched: Watched,
}

/// The classes of layers of ours, from what stays to what changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Libraries,
    Assets,
    Extensions,
    Functions,
}

impl Class {
    fn word(self) -> &'static str {
        match self {
            Self::Libraries => "native libraries",
            Self::Assets => "assets",
            Self::Extensions => "extensions",
            Self::Functions => "functions",
        }
    }
}

/// Files by class and place.
type Files = BTreeMap<Class, BTreeMap<String, (Entry, Content)>>;

/// An image in the making.
struct Making {
    config: Config,
    root: Root,
    layers: Vec<(String, Sha256, u64, Sha256)>,
    /// What the functions' programs are called in it.
    programs: Vec<String>,
    findings: Vec<Finding>,
}

impl Imager<'_> {
    pub(super) fn compose(&self, group: &Group<'_>, base: &Base) -> Result<Composed, Error> {
        let mut making = self.begin(group, base)?;
        let watched = RefCell::new(Watched::default());
        let search = Search::new(&making.root, &making.config);
        let mut files = Files::new();
        let alone = group.functions.len() == 1;
        for part in group.functions.iter().chain(&group.extensions) {
            let below = (&making.root, &search);
            let found = self.files_of(part, alone, below, &watched, &mut files)?;
            making.findings.extend(found);
        }
        making.programs = group.functions.iter().map(|part| part.place(alone)).collect();
        let maker = Maker {
            store: &self.bases.store,
            level: group
                .functions
                .first()
                .map_or(crate::function::Level::Best, |it| it.function.level),
            threads: self.job.jobs.most(),
            time: self.job.plan.time.unix().unwrap_or_default(),
        };
        if matches!(base, Base::Scratch) {
            let ours = files.values().flatten();
            let ours = ours.map(|(path, (_, content))| (path.clone(), content.clone())).collect();
            let items = self.bases.system(group, &making.programs, &ours)?;
            self.watch(group, &items, &mut watched.borrow_mut());
            let things = items.iter().map(|(path, item)| (path.clone(), thing(item))).collect();
            making.add("system", &maker, &things)?;
        }
        let script = alone && making.config.words("Entrypoint").first() == Some(&SCRIPT);
        for (class, files) in &files {
            let mut things: BTreeMap<String, Thing<'_>> = files
                .iter()
                .map(|(path, (entry, content))| (path.clone(), Thing::File(entry, content.clone())))
                .collect();
            if *class == Class::Functions && script {
                let to = format!("/{}", making.programs.first().map_or("", String::as_str));
                things.insert(STARTED.to_owned(), Thing::Symlink(to));
            }
            making.add(class.word(), &maker, &things)?;
        }
        self.finish(group, base, making, script, watched.into_inner())
    }

    /// What an image from scratch has of this machine.
    fn watch(&self, group: &Group<'_>, items: &BTreeMap<String, Item>, watched: &mut Watched) {
        if let Some(path) = group.wish.certificates.as_deref().filter(|path| !path.is_empty()) {
            watched.add(&self.job.metadata.workspace_root.as_std_path().join(path));
        }
        for item in items.values() {
            if let Item::File(Entry { source: Source::File(file), .. }, _) = item {
                watched.add(file);
            }
        }
    }

    fn begin(&self, group: &Group<'_>, base: &Base) -> Result<Making, Error> {
        Ok(match base {
            Base::Scratch => {
                let mut config = Config::empty(group.arch);
                config.set_variables(&owned(&VARIABLES));
                Making::new(config, Root::default(), Vec::new())
            }
            Base::Image { name, image, .. } => {
                let read = self.bases.read(group, name, image)?;
                let layers = read.layers.iter();
                let layers =
                    layers.map(|(digest, size, id)| ("base".to_owned(), *digest, *size, *id));
                Making::new(read.config.clone(), read.seen.root.clone(), layers.collect())
            }
        })
    }

    /// The files of one function or extension, each into its class.
    fn files_of(
        &self,
        part: &Part,
        alone: bool,
        base: (&Root, &Search),
        watched: &RefCell<Watched>,
        files: &mut Files,
    ) -> Result<Vec<Finding>, Error> {
        let Part { function, artifact } = part;
        part.settle();
        watched.borrow_mut().add(&artifact.executable);
        let included = self.job.includes(function)?;
        let folders = self.job.library_folders(function, artifact);
        let look = |path: &Path| {
            watched.borrow_mut().add(path);
            libraries::look(path)
        };
        let lookup =
            Lookup { function, artifact, folders: &folders, look: &look, base: Some(base) };
        let own = included.clone();
        let contents = self.job.contents(&lookup, included, &artifact.executable, self.shell)?;
        let program = function.role.archive_path(&function.name);
        for ((path, entry), inspected) in contents.tree.iter().zip(&contents.files) {
            if let Source::File(file) = &entry.source {
                watched.borrow_mut().add(file);
            }
            let is_own = own.iter().any(|(own, _)| own == path);
            let (class, place) = if path.as_str() == program {
                let extension = function.role != crate::function::Role::Function;
                let class = if extension { Class::Extensions } else { Class::Functions };
                (class, part.place(alone))
            } else {
                let class = if is_own { Class::Assets } else { Class::Libraries };
                let root = function.role.unpacked_at().trim_start_matches('/');
                (class, format!("{root}/{path}"))
            };
            put(files, class, place, entry, inspected)
                .map_err(|source| Error::Clash { function: function.name.to_string(), source })?;
        }
        let assets = self.job.assets(function)?;
        for ((path, entry), inspected) in assets.iter().zip(&inspect::tree(&assets)?) {
            if let crate::tree::Source::File(file) = &entry.source {
                watched.borrow_mut().add(file);
            }
            put(files, Class::Assets, format!("opt/{path}"), entry, inspected)
                .map_err(|source| Error::Clash { function: function.name.to_string(), source })?;
        }
        Ok(embedded(part, &contents))
    }

    fn finish(
        &self,
        group: &Group<'_>,
        base: &Base,
        making: Making,
        script: bool,
        watched: Watched,
    ) -> Result<Composed, Error> {
        let Making { mut config, root, layers, programs, mut findings } = making;
        let first = programs.first().map(|path| format!("/{path}")).unwrap_or_default();
        if script {
            config.start(&[SCRIPT.to_owned()], &["bootstrap".to_owned()]);
        } else {
            config.start(&[first], &[]);
        }
        config.work_in("/var/task");
        let path = config.variable("LD_LIBRARY_PATH").unwrap_or_default().to_owned();
        if root.get("var/task/lib").is_some() && !path.split(':').any(|it| it == "/var/task/lib") {
            let path = if path.is_empty() { path } else { format!("{path}:") };
            let path = format!("{path}/var/task/lib:/opt/lib");
            config.set_variables(&owned(&[("LD_LIBRARY_PATH", &path)]));
        }
        let below = config.diff_ids().len();
        let ours = layers.get(below..).unwrap_or_default().iter();
        let added: Vec<Added<'_>> =
            ours.map(|(what, _, _, diff_id)| Added { diff_id: *diff_id, what }).collect();
        config.add(&added, &self.created());
        let types = if group.wish.docker { MediaTypes::Docker } else { MediaTypes::Oci };
        let blobs: Vec<_> = layers.iter().map(|(_, digest, size, _)| (*digest, *size)).collect();
        let papers = blobs::papers(&config, &blobs, types, &annotations(base), &self.bases.store)?;
        let unpacked = root.size();
        findings.extend(found(group, &layers, config, root, &programs));
        findings.sort_by_key(|finding| finding.level);
        Ok(Composed { papers, layers, unpacked, findings, watched })
    }

    /// The time of the plan, as RFC 3339 has it.
    fn created(&self) -> String {
        let text = self.job.plan.time.to_string();
        text.split_once(' ').map_or(EPOCH.to_owned(), |(day, time)| format!("{day}T{time}Z"))
    }
}

impl Making {
    fn new(config: Config, root: Root, layers: Vec<(String, Sha256, u64, Sha256)>) -> Self {
        Self { config, root, layers, programs: Vec::new(), findings: Vec::new() }
    }

    fn add(
        &mut self,
        what: &str,
        maker: &Maker<'_>,
        things: &BTreeMap<String, Thing<'_>>,
    ) -> Result<(), Error> {
        if !things.is_empty() {
            let kept = maker.layer(&mut self.root, self.layers.len(), things)?;
            self.layers.push((what.to_owned(), kept.digest, kept.size, kept.diff_id));
        }
        Ok(())
    }
}

fn thing(item: &Item) -> Thing<'_> {
    match item {
        Item::File(entry, content) => Thing::File(entry, content.clone()),
        Item::Folder(mode) => Thing::Folder(*mode),
    }
}

fn owned(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Two functions of one image may bring the same file.
fn put(
    files: &mut Files,
    class: Class,
    place: String,
    entry: &Entry,
    inspected: &Inspected,
) -> Result<(), Clash> {
    let there = files.values().find_map(|files| files.get(&place));
    if let Some((other, _)) = there {
        if other == entry {
            return Ok(());
        }
        return Err(Clash {
            path: place,
            first: other.source.to_string(),
            second: entry.source.to_string(),
        });
    }
    let file = (entry.clone(), inspected.content.clone());
    files.entry(class).or_default().insert(place, file);
    Ok(())
}

/// Where the base came from (image-spec, "Pre-Defined Annotation Keys"). A place on this machine's disk is
/// nobody else's business, and would make another image of the same files.
fn annotations(base: &Base) -> BTreeMap<String, String> {
    let key = |name: &str| format!("org.opencontainers.image.base.{name}");
    match base {
        Base::Image { name, published: true, digest, .. } => {
            BTreeMap::from([(key("digest"), digest.to_string()), (key("name"), name.clone())])
        }
        Base::Image { published: false, .. } | Base::Scratch => BTreeMap::new(),
    }
}

/// What of this machine is in a program.
fn embedded(part: &Part, contents: &crate::cli::build::Contents) -> Vec<Finding> {
    let trust = part.trust();
    let subject = Job::subject(&part.function, contents);
    // Its own system is the image's, which is looked at as a whole.
    let found = audit::audit(&subject, &trust).unwrap_or_default();
    found.into_iter().filter(|finding| finding.code == audit::Code::EmbeddedPath).collect()
}

/// What the audit finds in the image as a whole: what stands in its layers is known.
fn found(
    group: &Group<'_>,
    layers: &[(String, Sha256, u64, Sha256)],
    config: Config,
    root: Root,
    programs: &[String],
) -> Vec<Finding> {
    let layer = |(_, digest, size, diff_id): &(String, Sha256, u64, Sha256)| LayerSeen {
        said: None,
        is: (*digest, *size),
        packed: Packed::Gzip(1),
        diff_id: Some(*diff_id),
        broken: None,
        limited: false,
        troubles: Vec::new(),
        odd: None,
        sparse: None,
        not_utf8: None,
        plan: crate::image::plan::Plan::default(),
    };
    lint(&Seen {
        thing: group.name.clone(),
        index: None,
        manifest: None,
        sizes: None,
        config: Ok(config),
        layers: layers.iter().map(layer).collect(),
        root,
        arch: Some(group.arch),
        entries: programs.iter().map(|path| vec![format!("/{path}")]).collect(),
    })
}
