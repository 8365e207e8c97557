//! The rules of the image specification's `layer.md`, each by its heading.

use proptest::prelude::*;

use super::*;
use crate::tar::{Header, Kind};

fn header(path: &str, kind: Kind, mode: u32, size: u64) -> Header {
    Header { path: path.to_owned(), is_utf8: true, kind, mode, uid: 0, gid: 0, size }
}

fn file(path: &str) -> Header {
    header(path, Kind::File, 0o644, 1)
}

fn folder(path: &str) -> Header {
    header(path, Kind::Folder, 0o755, 0)
}

fn symlink(path: &str, to: &str) -> Header {
    header(path, Kind::Symlink(to.to_owned()), 0o777, 0)
}

fn hard_link(path: &str, to: &str) -> Header {
    header(path, Kind::HardLink(to.to_owned()), 0o644, 0)
}

/// Layers over one another; what was the matter.
fn over(layers: &[&[Header]]) -> (Root, Vec<(String, Trouble)>) {
    let mut root = Root::default();
    let mut troubles = Vec::new();
    for (number, headers) in layers.iter().enumerate() {
        let mut layer = root.layer(number);
        for header in *headers {
            let found = layer.put(header, Content::Other);
            troubles.extend(found.into_iter().map(|trouble| (header.path.clone(), trouble)));
        }
    }
    (root, troubles)
}

/// The same where nothing may be the matter: the paths.
#[track_caller]
fn paths(layers: &[&[Header]]) -> Vec<String> {
    let (root, troubles) = over(layers);
    assert_eq!(troubles, []);
    root.iter().map(|(path, _)| path.to_owned()).collect()
}

#[track_caller]
fn trouble(layers: &[&[Header]]) -> Vec<Trouble> {
    over(layers).1.into_iter().map(|(_, trouble)| trouble).collect()
}

#[test]
fn later_entries_replace_earlier_ones() {
    let (root, _) = over(&[
        &[folder("a"), header("a/f", Kind::File, 0o644, 5)],
        &[header("a", Kind::Folder, 0o700, 0), header("a/f", Kind::File, 0o600, 7)],
    ]);
    assert_eq!((root.get("a").unwrap().mode, root.get("a").unwrap().layer), (0o700, 1));
    assert_eq!(root.get("a/f").unwrap().item, Item::File(7, Content::Other));
    assert_eq!(root.size(), 7);
    // What is no folder takes away what was in the folder, a folder keeps it.
    assert_eq!(paths(&[&[folder("a"), file("a/f")], &[file("a")]]), ["a"]);
    assert_eq!(paths(&[&[folder("a"), file("a/f")], &[symlink("a", "b")]]), ["a"]);
    assert_eq!(paths(&[&[folder("a"), file("a/f")], &[folder("a/")]]), ["a", "a/f"]);
    assert_eq!(paths(&[&[file("a")], &[folder("a"), file("a/f")]]), ["a", "a/f"]);
    // Names that sort between a folder and what is in it.
    let near = [folder("a"), file("a-b"), file("a/f"), file("a.c"), file("a0")];
    assert_eq!(paths(&[&near, &[file("a")]]), ["a", "a-b", "a.c", "a0"]);
}

#[test]
fn whiteouts_take_away_what_is_below_and_nothing_of_their_own_layer() {
    let lower: &[Header] = &[folder("a"), file("a/f"), folder("a/d"), file("a/d/g"), file("a-f")];
    assert_eq!(paths(&[lower, &[folder("a"), file("a/.wh.f")]]), ["a", "a-f", "a/d", "a/d/g"]);
    assert_eq!(paths(&[lower, &[file(".wh.a")]]), ["a-f"]);
    assert_eq!(paths(&[lower, &[file("a/.wh.none")]]).len(), 5);
    // In whatever order.
    for layer in [[file("a/.wh.f"), file("a/f")], [file("a/f"), file("a/.wh.f")]] {
        let (root, troubles) = over(&[lower, &layer]);
        assert_eq!((root.get("a/f").unwrap().layer, troubles.len()), (1, 0));
    }
    for layer in [
        [file(".wh.a"), folder("a"), file("a/new")],
        [folder("a"), file(".wh.a"), file("a/new")],
        [folder("a"), file("a/new"), file(".wh.a")],
    ] {
        assert_eq!(paths(&[lower, &layer]), ["a", "a-f", "a/new"]);
    }
    // A whiteout hides below only: what a third layer puts there is there.
    assert_eq!(paths(&[lower, &[file(".wh.a")], &[folder("a")]]), ["a", "a-f"]);
    // Without an entry of its own the folder is gone, whatever the order.
    for layer in [[file(".wh.a"), file("a/new")], [file("a/new"), file(".wh.a")]] {
        let (root, troubles) = over(&[lower, &layer]);
        assert_eq!(troubles.len(), 1, "{troubles:?}");
        assert_eq!(troubles[0].1, Trouble::NoParent("a".to_owned()));
        let paths: Vec<_> = root.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a", "a-f", "a/new"]);
    }
}

#[test]
fn opaque_whiteouts_take_away_what_is_in_a_folder() {
    let lower: &[Header] = &[folder("a"), file("a/f"), folder("a/d"), file("a/d/g"), file("b")];
    let opaque = || file("a/.wh..wh..opq");
    for layer in [
        vec![folder("a"), opaque(), file("a/new")],
        vec![folder("a"), file("a/new"), opaque()],
        vec![opaque(), file("a/new")],
    ] {
        assert_eq!(paths(&[lower, &layer]), ["a", "a/new", "b"]);
    }
    assert_eq!(paths(&[lower, &[file(".wh..wh..opq"), file("c")]]), ["c"]);
}

#[test]
fn whiteouts_without_a_name_are_none() {
    for (name, expected) in [
        (".wh.", Trouble::Whiteout),
        ("a/.wh.", Trouble::Whiteout),
        (".wh..", Trouble::Whiteout),
        ("a/.wh...", Trouble::Whiteout),
        (".wh..wh.x", Trouble::Aufs),
        (".wh..wh.plnk/x", Trouble::Aufs),
    ] {
        assert_eq!(trouble(&[&[folder("a"), file("a/f")], &[file(name)]]), [expected], "{name}");
    }
}

#[test]
fn hard_links_are_the_file_that_they_name() {
    let long = || header("f", Kind::File, 0o755, 9);
    let (root, troubles) = over(&[&[long(), hard_link("g", "f"), hard_link("h", "./g")]]);
    assert_eq!((root.get("g"), root.get("h"), troubles.len()), (root.get("f"), root.get("f"), 0));
    let (root, troubles) = over(&[&[long()], &[hard_link("g", "/f")]]);
    assert_eq!((root.get("g").unwrap().mode, troubles.len()), (0o755, 0));
    // Through a link, and of a link itself.
    let links = [folder("d"), file("d/f"), symlink("l", "d"), hard_link("g", "l/f")];
    assert_eq!(paths(&[&links]), ["d", "d/f", "g", "l"]);
    let (root, _) = over(&[&[symlink("l", "x"), hard_link("m", "l")]]);
    assert_eq!(root.get("m").unwrap().item, Item::Symlink("x".to_owned()));
    for to in ["none", "../f", "a/../../f", ""] {
        let found = trouble(&[&[folder("d"), hard_link("g", to)]]);
        assert_eq!(found, [Trouble::NoTarget(to.to_owned())]);
    }
    let found = trouble(&[&[folder("d"), hard_link("g", "d")]]);
    assert_eq!(found, [Trouble::ToFolder("d".to_owned())]);
    // A later layer's file does not change what a link of a lower one is.
    let (root, _) = over(&[&[long(), hard_link("g", "f")], &[file("f")]]);
    assert_eq!(root.get("g").unwrap().mode, 0o755);
}

#[test]
fn folders_above_may_be_links() {
    let lower: &[Header] = &[folder("usr"), folder("usr/lib64"), symlink("lib64", "usr/lib64")];
    assert_eq!(paths(&[lower, &[file("lib64/f")]]), ["lib64", "usr", "usr/lib64", "usr/lib64/f"]);
    let absolute = symlink("l", "/usr/../usr/./lib64");
    assert_eq!(paths(&[lower, &[absolute, file("l/f")]])[4], "usr/lib64/f");
    // A link that leads above the root ends there.
    let (root, troubles) = over(&[&[symlink("up", "../../.."), file("up/f")]]);
    assert!(root.get("f").is_some() && troubles.is_empty());
    // Whiteouts go through links too.
    assert_eq!(
        paths(&[lower, &[file("lib64/f")], &[file("lib64/.wh.f")]]),
        ["lib64", "usr", "usr/lib64"]
    );
    let over_link = [folder("lib64"), file("lib64/f")];
    assert_eq!(trouble(&[lower, &over_link]), [Trouble::OverSymlink("usr/lib64".to_owned())]);
    // What is there instead of a folder.
    let not = |path: &str| vec![Trouble::NotInFolder(path.to_owned())];
    assert_eq!(trouble(&[&[file("a"), file("a/f")]]), not("a"));
    assert_eq!(trouble(&[&[file("a"), file("a/b/f")]]), not("a/b"));
    assert_eq!(trouble(&[&[symlink("a", "b"), symlink("b", "a"), file("a/f")]]), not("a"));
    assert_eq!(trouble(&[&[symlink("a", "a/a"), file("a/f")]]), not("a"));
    // A link to nothing: the folder is made where it leads.
    let none = trouble(&[&[symlink("a", "none"), file("a/f")]]);
    assert_eq!(none, [Trouble::NoParent("none".to_owned())]);
}

#[test]
fn links_are_followed_as_often_as_linux_does() {
    let chain = |length: usize| {
        let mut all: Vec<Header> =
            (0..length).map(|n| symlink(&format!("l{n}"), &format!("l{}", n + 1))).collect();
        all.extend([folder(&format!("l{length}")), file("l0/f")]);
        trouble(&[&all])
    };
    assert_eq!(chain(40), []);
    assert_eq!(chain(41), [Trouble::NotInFolder("l0".to_owned())]);
    let long = |parts: usize| {
        let to = "a/../".repeat(parts / 2);
        trouble(&[&[folder("a"), symlink("l", &to), file("l/f")]])
    };
    assert_eq!(long(500), []);
    assert_eq!(long(600), [Trouble::NotInFolder("l".to_owned())]);
}

#[test]
fn parents_want_entries_and_paths_are_there_once() {
    let above = |paths: &[&str]| {
        paths.iter().map(|path| Trouble::NoParent((*path).to_owned())).collect::<Vec<_>>()
    };
    assert_eq!(trouble(&[&[file("a/b/f")]]), above(&["a", "a/b"]));
    assert_eq!(trouble(&[&[file("a/f"), file("a/g"), folder("a")]]), above(&["a"]));
    assert_eq!(trouble(&[&[folder("a")], &[file("a/f")]]), []);
    assert_eq!(trouble(&[&[folder("."), folder("./"), file("./a"), file("b")]]), []);
    assert_eq!(trouble(&[&[file("a"), file("./a")]]), [Trouble::Twice]);
    assert_eq!(
        trouble(&[&[folder("a"), folder("a/"), folder("a//")]]),
        [Trouble::Twice, Trouble::Twice]
    );
    assert_eq!(trouble(&[&[file("a")], &[file("a")]]), []);
    assert_eq!(trouble(&[&[file("a"), file("b"), hard_link("b", "a")]]), [Trouble::Twice]);
    for path in ["..", "../a", "a/../b", "/a", "//a"] {
        assert_eq!(trouble(&[&[file(path)]]), [Trouble::Path], "{path}");
    }
}

#[test]
fn implied_folders_have_a_limit() {
    let deep = "a/".repeat(1500);
    let all: Vec<Header> = (0..200).map(|n| file(&format!("{n}/{deep}f"))).collect();
    let (root, troubles) = over(&[&all]);
    assert!(root.len() < 40_000, "{}", root.len());
    assert!(troubles.iter().any(|(_, it)| matches!(it, Trouble::NotInFolder(_))));
}

fn names() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => proptest::sample::select(vec!["a", "b", "c", "lib", "usr"]).prop_map(str::to_owned),
        1 => proptest::sample::select(vec![".wh.a", ".wh.b", ".wh..wh..opq", ".wh.", "..", ".", ""])
            .prop_map(str::to_owned),
    ];
    proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
}

fn headers() -> impl Strategy<Value = Header> {
    let kind = prop_oneof![
        3 => Just(Kind::Folder),
        3 => Just(Kind::File),
        2 => names().prop_map(Kind::Symlink),
        1 => names().prop_map(|to| Kind::Symlink(format!("/{to}"))),
        1 => names().prop_map(Kind::HardLink),
        1 => Just(Kind::Device),
    ];
    (names(), kind).prop_map(|(path, kind)| header(&path, kind, 0o755, 1))
}

fn roots() -> impl Strategy<Value = Root> {
    proptest::collection::vec(proptest::collection::vec(headers(), 0..12), 0..4).prop_map(
        |layers| {
            let layers: Vec<&[Header]> = layers.iter().map(Vec::as_slice).collect();
            over(&layers).0
        },
    )
}

/// Every path has one spelling, and above each stands a folder.
fn check(root: &Root) -> Result<(), TestCaseError> {
    for (path, _) in root.iter() {
        prop_assert_eq!(normal(path), Some(path.to_owned()));
        prop_assert!(!path.is_empty());
        for above in Root::above(path) {
            let is = root.get(above).map(|node| &node.item);
            prop_assert_eq!(is, Some(&Item::Folder), "{} above {}", above, path);
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_root_is_a_tree(root in roots(), path in names()) {
        check(&root)?;
        if let Some(real) = root.real(&path) {
            prop_assert_eq!(root.real(&real), Some(real.clone()));
            prop_assert!(!matches!(root.get(&real).map(|it| &it.item), Some(Item::Symlink(_))));
        }
    }

    /// What `place` says of the root is what its entries, as a layer, make of it.
    #[test]
    fn what_is_placed_unpacks_to_the_same(
        root in roots(),
        wanted in proptest::collection::btree_map(
            "[abc](/[abc]|/lib|/usr){0,3}", 0..3_usize, 1..5),
    ) {
        use crate::image::place::{Thing, place};
        use crate::tar::What;
        use crate::tree::{Entry, Mode, Source};

        let source = Source::Bytes(b"x".to_vec().into());
        let entry = Entry { mode: Mode::Regular, length: 1, source };
        let things = wanted.into_iter().map(|(path, kind)| {
            let thing = match kind {
                0 => Thing::File(&entry, Content::Other),
                1 => Thing::Folder(0o1777),
                _ => Thing::Symlink("a/b".to_owned()),
            };
            (path, thing)
        }).collect();
        let (mut before, mut after) = (root.clone(), root);
        let links: Vec<(String, Node)> = before.iter()
            .filter(|(_, node)| matches!(node.item, Item::Symlink(_)))
            .map(|(path, node)| (path.to_owned(), node.clone()))
            .collect();
        let Ok(placed) = place(&mut after, 9, &things) else { return Ok(()) };
        check(&after)?;
        let mut layer = before.layer(9);
        let mut last: Option<&str> = None;
        for one in &placed {
            let member = &one.member;
            prop_assert!(last.is_none_or(|last| last < member.path.as_str()), "{:?}", placed);
            last = Some(&member.path);
            let (kind, size) = match &member.what {
                What::File(size) => (Kind::File, *size),
                What::Folder => (Kind::Folder, 0),
                What::Symlink(to) => (Kind::Symlink(to.clone()), 0),
            };
            let mut header = header(&member.path, kind, member.mode, size);
            (header.uid, header.gid) = (member.uid, member.gid);
            prop_assert_eq!(layer.put(&header, Content::Other), []);
        }
        prop_assert!(before == after, "{:#?} and {:#?}", before, after);
        // Links that are folders for what is placed stay.
        for (path, node) in links {
            let is_placed = placed.iter().any(|one| one.member.path == path);
            prop_assert!(is_placed || after.get(&path) == Some(&node), "{}", path);
        }
    }
}
