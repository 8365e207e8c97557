//! How the entries of a layer are to be written anew: each folder before what is in it, each path once.
//!
//! By the numbers of the entries, from nought on: a path may be spelled in several ways, and lead through
//! links of layers below.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::root::{Layer, Trouble, normal};
use crate::tar::{Header, Kind};

/// A folder that is written before an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Above {
    /// Where it is.
    pub path: String,
    /// Its own entry, which comes later.
    pub own: Option<usize>,
}

/// What is written, and in which order, where it is not each entry as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Before an entry, these folders.
    pub above: BTreeMap<usize, Vec<Above>>,
    /// These entries are left out.
    pub left: BTreeSet<usize>,
    /// In the place of the first entry of a folder its last one.
    pub replaced: BTreeMap<usize, usize>,
    /// Hard links to files that are left out become those files.
    pub links: BTreeMap<usize, usize>,
    /// Why it cannot be done.
    pub refused: Option<String>,
}

impl Plan {
    /// Whether all stays as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The entries whose headers are written in another place.
    #[must_use]
    pub fn moved(&self) -> BTreeSet<usize> {
        let own = self.above.values().flatten().filter_map(|above| above.own);
        own.chain(self.replaced.values().copied()).collect()
    }

    /// The folders that have an entry, which comes too late.
    #[must_use]
    pub fn late(&self) -> BTreeSet<&str> {
        let all = self.above.values().flatten().filter(|above| above.own.is_some());
        all.map(|above| above.path.as_str()).collect()
    }
}

/// What put something at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    /// What is in it: it had no entry.
    Implied,
    Folder,
    File,
    /// A symbolic one.
    Link,
    Other,
}

impl Event {
    fn is_folder(self) -> bool {
        matches!(self, Self::Implied | Self::Folder)
    }
}

/// What was put where.
#[derive(Debug)]
struct Happened {
    path: Arc<str>,
    /// The number of the entry.
    number: usize,
    event: Event,
    /// It is not there in the end, with the folder that it was in.
    gone: bool,
}

/// All that happened, by the paths, and of one path in its order: there may be much, and little that is asked.
struct Events(Vec<Happened>);

impl Events {
    /// What happened at each path.
    fn by_path(&self) -> impl Iterator<Item = &[Happened]> {
        self.0.chunk_by(|one, other| one.path == other.path)
    }

    /// What happened at a path.
    fn at(&self, path: &str) -> impl DoubleEndedIterator<Item = &Happened> {
        let from = self.0.partition_point(|it| *it.path < *path);
        let rest = self.0.get(from..).unwrap_or_default();
        let to = rest.partition_point(|it| *it.path <= *path);
        rest.get(..to).unwrap_or_default().iter()
    }
}

/// What happened while a layer was put on top of others.
#[derive(Debug, Default)]
pub struct Log {
    /// In their order; by their paths only where that is needed, for layers have many.
    events: Vec<Happened>,
    /// Hard links: their number, and where what they name was.
    links: Vec<(usize, String)>,
    /// The last entry whose path leads through symbolic links.
    through: Option<usize>,
    count: usize,
    needed: bool,
}

impl Log {
    /// The layer has taken an entry.
    pub fn entry(&mut self, header: &Header, layer: &Layer<'_>, troubles: &[Trouble]) {
        let number = self.count;
        self.count += 1;
        for trouble in troubles {
            self.needed |= matches!(trouble, Trouble::NoParent(_) | Trouble::Twice);
            if let Trouble::NoParent(path) = trouble {
                self.happened(path.as_str().into(), number, Event::Implied);
            }
        }
        let Some(path) = layer.last() else { return };
        let event = match header.kind {
            Kind::Folder => Event::Folder,
            Kind::File => Event::File,
            Kind::Symlink(_) => Event::Link,
            _ => Event::Other,
        };
        if normal(&header.path).is_none_or(|named| *named != **path) {
            self.through = Some(number);
        }
        self.happened(Arc::clone(path), number, event);
        self.links.extend(layer.linked().map(|to| (number, to.to_owned())));
    }

    fn happened(&mut self, path: Arc<str>, number: usize, event: Event) {
        self.events.push(Happened { path, number, event, gone: false });
    }

    /// What is to be done.
    #[must_use]
    pub fn plan(self) -> Plan {
        let mut plan = Plan::default();
        if !self.needed {
            return plan;
        }
        let mut events = Events(self.events);
        events.0.sort_by(|one, other| one.path.cmp(&other.path));
        below_files(&mut events, &mut plan.left);
        for all in events.by_path() {
            one(all, &mut plan);
        }
        for (number, to) in self.links {
            link(number, &to, &events, &mut plan);
        }
        if let Some(through) = self.through {
            replaced(through, &events, &mut plan);
        }
        plan
    }
}

/// What was in a folder that a file takes the place of, in the same layer, is not there in the end.
fn below_files(events: &mut Events, out: &mut BTreeSet<usize>) {
    let replaced = |all: &[Happened]| {
        let at = all.iter().rposition(|it| !it.event.is_folder())?;
        let (before, rest) = all.split_at(at);
        let last = rest.first().filter(|_| before.iter().any(|it| it.event.is_folder()))?;
        Some((format!("{}/", last.path), last.number))
    };
    let all: Vec<(String, usize)> = events.by_path().filter_map(replaced).collect();
    for (prefix, last) in all {
        let from = events.0.partition_point(|it| *it.path < *prefix);
        let below = events.0.iter_mut().skip(from).take_while(|it| it.path.starts_with(&prefix));
        for it in below.filter(|it| it.number <= last) {
            out.extend((it.event != Event::Implied).then_some(it.number));
            it.gone = true;
        }
    }
}

/// What is done about one path.
fn one(all: &[Happened], plan: &mut Plan) {
    let Some(path) = all.first().map(|it| &it.path) else { return };
    let events: Vec<(usize, Event)> =
        all.iter().filter(|it| !it.gone).map(|it| (it.number, it.event)).collect();
    // What is no folder replaces what was there; folders keep it, and the last one's attributes count.
    let cut = events.iter().rposition(|(_, event)| !event.is_folder());
    let (before, folders) = events.split_at(cut.map_or(0, |at| at + 1));
    let gone = if folders.is_empty() { before.len().saturating_sub(1) } else { before.len() };
    let before = before.iter().take(gone);
    plan.left
        .extend(before.filter(|(_, event)| *event != Event::Implied).map(|(number, _)| number));
    let Some(((first, event), later)) = folders.split_first() else { return };
    plan.left.extend(later.iter().map(|(number, _)| number));
    let last = later.last().map(|(number, _)| *number);
    match (event, last) {
        (Event::Implied, own) => {
            let above = Above { path: path.to_string(), own };
            plan.above.entry(*first).or_default().push(above);
        }
        (_, Some(last)) => drop(plan.replaced.insert(*first, last)),
        (_, None) => {}
    }
}

/// A symbolic link that is replaced in its own layer cannot be left out once entries lead through it: they
/// would go elsewhere. `through` is the last that does.
fn replaced(through: usize, events: &Events, plan: &mut Plan) {
    let lost = |it: &&Happened| {
        it.event == Event::Link && it.number < through && plan.left.contains(&it.number)
    };
    let link = events.0.iter().find(lost).map(|it| &it.path);
    if let Some(path) = link {
        let why = format!("`{path}` is a link through which files come, and then something else");
        plan.refused.get_or_insert(why);
    }
}

/// A hard link to something that is replaced after it.
fn link(number: usize, to: &str, events: &Events, plan: &mut Plan) {
    let before = events.at(to).rev().find(|it| it.number < number);
    let Some((named, event)) = before.map(|it| (it.number, it.event)) else { return };
    if plan.left.contains(&number) || !plan.left.contains(&named) {
        return;
    }
    if event == Event::File {
        plan.links.insert(number, named);
    } else {
        let why = format!("a hard link names `{to}`, a link itself, which the layer has twice");
        plan.refused.get_or_insert(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Content;
    use crate::image::root::Root;

    fn plan(entries: &[(&str, Kind)]) -> Plan {
        let mut root = Root::default();
        let mut layer = root.layer(0);
        let mut log = Log::default();
        for (path, kind) in entries {
            let (path, kind) = ((*path).to_owned(), kind.clone());
            let header = Header { path, is_utf8: true, kind, mode: 0o755, uid: 0, gid: 0, size: 0 };
            let troubles = layer.put(&header, Content::Other);
            log.entry(&header, &layer, &troubles);
        }
        log.plan()
    }

    fn link(to: &str) -> Kind {
        Kind::HardLink(to.to_owned())
    }

    #[test]
    fn folders_keep_their_first_place_and_files_their_last() {
        use Kind::{File, Folder};
        let plan =
            plan(&[("a", Folder), ("a/f", File), ("f", File), ("./a/", Folder), ("f", File)]);
        assert_eq!(plan.replaced, BTreeMap::from([(0, 3)]));
        assert_eq!(plan.left, BTreeSet::from([2, 3]));
    }

    #[test]
    fn what_took_the_place_of_something_else_counts() {
        use Kind::{File, Folder};
        // A file instead of a folder takes what was in it; a folder instead of a file takes the file.
        let file = plan(&[("a", Folder), ("a/f", File), ("a", File)]);
        assert_eq!(file.left, BTreeSet::from([0, 1]));
        let folder = plan(&[("a", File), ("a", Folder), ("a/f", File)]);
        assert_eq!((folder.left, folder.replaced.len()), (BTreeSet::from([0]), 0));
        // Under two names, by way of a link.
        let to = Kind::Symlink("b".to_owned());
        let linked = plan(&[("b", Folder), ("a", to), ("a/f", File), ("b/f", File)]);
        assert_eq!(linked.left, BTreeSet::from([2]));
    }

    #[test]
    fn a_link_that_files_go_through_is_not_left_out() {
        use Kind::{File, Folder};
        let to = || Kind::Symlink("t".to_owned());
        let through = plan(&[("t", Folder), ("d", to()), ("d/f", File), ("d", Folder)]);
        assert!(through.refused.is_some());
        let before = plan(&[("t", Folder), ("d", to()), ("d", Folder), ("d/f", File)]);
        assert_eq!((before.refused, before.left), (None, BTreeSet::from([1])));
    }

    #[test]
    fn an_entry_that_comes_late_comes_first() {
        use Kind::{File, Folder};
        let plan = plan(&[("a/b/f", File), ("a", Folder)]);
        let own = |path: &str, own| Above { path: path.to_owned(), own };
        assert_eq!(plan.above[&0], [own("a", Some(1)), own("a/b", None)]);
        assert_eq!((plan.left.clone(), plan.late().len()), (BTreeSet::from([1]), 1));
    }

    #[test]
    fn links_name_what_was_there_when_they_were_made() {
        use Kind::File;
        let before = plan(&[("a", File), ("b", link("a")), ("a", File), ("c", link("a"))]);
        assert_eq!((before.left, before.links), (BTreeSet::from([0]), BTreeMap::from([(1, 0)])));
        let refused = plan(&[("z", File), ("a", link("z")), ("b", link("a")), ("a", File)]);
        assert!(refused.refused.is_some());
    }
}
