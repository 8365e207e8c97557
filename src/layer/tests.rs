use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

fn file(kind: Kind, size: u64, content: &str) -> File {
    File { kind, mode: 0o644, size, digest: Sha256::of(content.as_bytes()) }
}

fn user(name: &str, slots: usize, files: &[(&str, File)]) -> User {
    let files = files.iter().map(|(path, file)| ((*path).to_owned(), *file)).collect();
    User { name: name.to_owned(), arch: Arch::Arm64, slots, shares: true, linked: false, files }
}

fn users(names: &str) -> BTreeSet<String> {
    names.split(' ').map(str::to_owned).collect()
}

const MB: u64 = 1_000_000;

/// What all functions and layers hold together.
fn total(users: &[User], plan: &Plan) -> u64 {
    let own: u64 = users
        .iter()
        .map(|user| {
            let stays = &plan.stays[&(user.name.clone(), user.arch)];
            stays.keys().map(|path| user.files[path].size).sum::<u64>()
        })
        .sum();
    own + plan.layers.iter().map(Layer::size).sum::<u64>()
}

#[test]
fn files_go_by_who_has_them_and_how_often_they_change() {
    let (vips, glib) = (file(Kind::Native, 4 * MB, "vips"), file(Kind::Native, 2 * MB, "glib"));
    let (std, small) = (file(Kind::Toolchain, 2 * MB, "std"), file(Kind::Native, 1000, "small"));
    let model = file(Kind::Asset, 9 * MB, "model");
    let all = [
        user(
            "a",
            5,
            &[("lib/libvips.so.42", vips), ("lib/libglib.so.0", glib), ("lib/libstd-1.so", std)],
        ),
        user(
            "b",
            5,
            &[("lib/libvips.so.42", vips), ("lib/libglib.so.0", glib), ("lib/libsmall.so", small)],
        ),
        user(
            "c",
            5,
            &[("lib/libglib.so.0", glib), ("lib/libsmall.so", small), ("models/m", model)],
        ),
        user("d", 5, &[("lib/libstd-1.so", std), ("lib/libalone.so", vips)]),
    ];
    let plan = plan(&all, MIN_SAVING).unwrap();
    let found: Vec<_> = plan
        .layers
        .iter()
        .map(|it| (it.files.keys().map(String::as_str).collect::<Vec<_>>(), it.users.clone()))
        .collect();
    assert_eq!(
        found,
        [
            (vec!["lib/libstd-1.so"], users("a d")),
            (vec!["lib/libglib.so.0"], users("a b c")),
            (vec!["lib/libvips.so.42"], users("a b")),
            (vec!["models/m"], users("c")),
        ]
    );
    let stays = |name: &str| plan.stays[&(name.to_owned(), Arch::Arm64)].clone();
    assert_eq!(stays("a"), BTreeMap::new());
    let small = Stay::TooSmall { users: 2, saves: 1000 };
    assert_eq!(stays("b"), BTreeMap::from([("lib/libsmall.so".to_owned(), small)]));
    assert_eq!(stays("d"), BTreeMap::from([("lib/libalone.so".to_owned(), Stay::Alone)]));
    assert_eq!(
        name(&plan.layers, "my shop", &BTreeMap::new()),
        [
            "my-shop-toolchain-arm64",
            "my-shop-native-glib-arm64",
            "my-shop-native-vips-arm64",
            "my-shop-asset-models-arm64"
        ]
    );
}

/// Whoever asks for a shared library wants it shared.
#[test]
fn rust_code_is_shared_whatever_it_saves() {
    let code = file(Kind::Workspace, 1000, "code");
    let small = file(Kind::Native, 1000, "small");
    let files: &[(&str, File)] = &[("lib/libshared.so", code), ("lib/libsmall.so", small)];
    let linked = |name: &str| User { linked: true, ..user(name, 5, files) };
    let layers = |all: &[User]| plan(all, MIN_SAVING).unwrap().layers;
    let found = layers(&[linked("a"), linked("b")]);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].files.keys().collect::<Vec<_>>(), ["lib/libshared.so"]);
    assert_eq!(layers(&[linked("a"), user("b", 5, files)]), []);
    assert_eq!(layers(&[linked("a")]), []);
}

#[test]
fn two_files_of_one_path_are_no_layer() {
    let (one, two) = (file(Kind::Native, 4 * MB, "1"), file(Kind::Native, 4 * MB, "2"));
    let all = [user("a", 5, &[("lib/x", one)]), user("b", 5, &[("lib/x", two)])];
    assert_eq!(plan(&all, 0).unwrap().layers, []);
}

#[test]
fn who_does_not_share_keeps_libraries_and_has_layers_for_what_needs_them() {
    let (lib, model) = (file(Kind::Native, 4 * MB, "1"), file(Kind::Asset, 1, "2"));
    let files = [("lib/x", lib), ("models/m", model)];
    let mut all = [user("a", 5, &files), user("b", 5, &files), user("c", 5, &files)];
    all[2].shares = false;
    let plan = plan(&all, MIN_SAVING).unwrap();
    let found: Vec<_> = plan.layers.iter().map(|layer| layer.users.clone()).collect();
    assert_eq!(found, [users("a b"), users("a b c")]);
    assert_eq!(plan.stays[&("c".to_owned(), Arch::Arm64)]["lib/x"], Stay::Unasked);
}

#[test]
fn architectures_share_nothing() {
    let model = file(Kind::Asset, MB, "m");
    let mut all = [user("a", 5, &[("m/x", model)]), user("a", 5, &[("m/x", model)])];
    all[1].arch = Arch::X86_64;
    assert_eq!(plan(&all, 0).unwrap().layers.len(), 2);
}

/// Six kinds of company for `a`, which has five slots, or less those of others.
fn crowded(slots: usize, kind: Kind) -> Vec<User> {
    let mut all = vec![user("a", slots, &[])];
    for n in 1..=6_u64 {
        let path = format!("lib/lib{n}.so");
        let file = file(kind, n * 2 * MB, &path);
        all[0].files.insert(path.clone(), file);
        all.push(user(&format!("b{n}"), 5, &[(path.as_str(), file)]));
    }
    all
}

#[test]
fn the_limit_of_layers_is_kept_exactly() {
    for slots in 0..=7 {
        let all = crowded(slots, Kind::Native);
        let plan = plan(&all, MIN_SAVING).unwrap();
        assert_eq!(plan.layers.len(), slots.min(6), "{slots}");
        // The smallest ones stay, in both functions: a layer of one function saves nothing.
        let stays = &plan.stays[&("a".to_owned(), Arch::Arm64)];
        assert_eq!(stays.len(), 6 - slots.min(6));
        if slots == 5 {
            assert_eq!(stays["lib/lib1.so"], Stay::NoSlot { users: 2, saves: 2 * MB });
            assert_eq!(plan.stays[&("b1".to_owned(), Arch::Arm64)], *stays);
        }
    }
    // What needs a layer cannot stay: that is said, and nothing is dropped in silence.
    assert!(plan(&crowded(6, Kind::Asset), MIN_SAVING).is_ok());
    let refused = plan(&crowded(5, Kind::Asset), MIN_SAVING).unwrap_err();
    assert!(
        refused.to_string().starts_with("`a` needs 6 layers of its own (asset lib/lib1.so, "),
        "{refused}"
    );
}

#[test]
fn kinds_of_the_same_functions_become_one_layer_only_where_slots_are_short() {
    let files = [
        ("lib/libstd.so", file(Kind::Toolchain, 2 * MB, "1")),
        ("lib/libx.so", file(Kind::Native, 3 * MB, "2")),
        ("lib/libshared.so", file(Kind::Workspace, 9 * MB, "3")),
    ];
    let kinds = |slots| {
        let all = [user("a", slots, &files), user("b", 5, &files)];
        let plan = plan(&all, MIN_SAVING).unwrap();
        assert_eq!(plan.stays.values().map(BTreeMap::len).sum::<usize>(), 0);
        plan.layers
            .iter()
            .map(|layer| layer.kinds.iter().copied().collect())
            .collect::<Vec<Vec<_>>>()
    };
    let [one, two, three] = [Kind::Toolchain, Kind::Native, Kind::Workspace];
    assert_eq!(kinds(3), [vec![one], vec![two], vec![three]]);
    assert_eq!(kinds(2), [vec![one, two], vec![three]]);
    assert_eq!(kinds(1), [vec![one, two, three]]);
}

#[test]
fn names_stay_with_what_they_name() {
    let all = |vips: u64, more: &[(&str, File)]| {
        let mut files = vec![("lib/libvips.so.42", file(Kind::Native, vips, &vips.to_string()))];
        files.extend(more.iter().copied());
        plan(&[user("a", 5, &files), user("b", 5, &files)], 0).unwrap().layers
    };
    let first = all(3 * MB, &[]);
    let named = name(&first, "shop", &BTreeMap::new());
    assert_eq!(named, ["shop-native-vips-arm64"]);
    let known = |layer: &Layer| {
        let (users, files) = (layer.users.clone(), layer.files.clone());
        BTreeMap::from([(named[0].clone(), Known { arch: layer.arch, users, files })])
    };
    // A larger file beside it, and another version of it.
    let second = all(4 * MB, &[("lib/libheif.so.1", file(Kind::Native, 9 * MB, "h"))]);
    assert_eq!(name(&second, "shop", &known(&first[0])), named);
    assert_eq!(name(&second, "shop", &BTreeMap::new()), ["shop-native-heif-arm64"]);
    // One known layer names one only.
    let mut twice = second.clone();
    twice.push(second[0].clone());
    let both = name(&twice, "shop", &known(&first[0]));
    assert_eq!(both, ["shop-native-vips-arm64", "shop-native-heif-arm64"]);
    let long = name(&twice, &"x".repeat(80), &BTreeMap::new());
    assert!(long.iter().all(|name| name.len() <= 64) && long[0] != long[1], "{long:?}");
}

#[test]
fn the_digest_of_a_tree_follows_from_paths_modes_and_contents() {
    let files = |path: &str, mode: u32, content: &str| {
        Files::from([(path.to_owned(), File { mode, ..file(Kind::Asset, 1, content) })])
    };
    let digest = tree_digest(&files("a", 0o644, "x"));
    let other_kind = Files::from([("a".to_owned(), file(Kind::Native, 1, "x"))]);
    assert_eq!(digest, tree_digest(&other_kind));
    for other in [files("b", 0o644, "x"), files("a", 0o755, "x"), files("a", 0o644, "y")] {
        assert_ne!(digest, tree_digest(&other));
    }
}

/// Functions, how many layers they may have, and up to eight classes: which functions, what kind, how
/// large.
fn cases() -> impl Strategy<Value = Vec<User>> {
    let class = (1_u8..8, 0_usize..2, 1_u64..40);
    (proptest::collection::vec(class, 0..9), proptest::collection::vec(0_usize..4, 3)).prop_map(
        |(classes, slots)| {
            let mut all: Vec<User> = ["a", "b", "c"]
                .iter()
                .zip(slots)
                .map(|(name, slots)| user(name, slots, &[]))
                .collect();
            for (at, (members, kind, size)) in classes.into_iter().enumerate() {
                let kind = [Kind::Native, Kind::Workspace][kind];
                let path = format!("lib/{at}");
                for (bit, user) in all.iter_mut().enumerate() {
                    if members & (1 << bit) != 0 {
                        user.files.insert(path.clone(), file(kind, size, &path));
                    }
                }
            }
            all
        },
    )
}

/// The least that any choice comes to: for each function and file, whether it takes it from a layer.
fn optimum(all: &[User]) -> u64 {
    let files: BTreeMap<&String, (u64, Vec<usize>)> =
        all.iter().enumerate().fold(BTreeMap::new(), |mut files, (at, user)| {
            for (path, file) in &user.files {
                files.entry(path).or_insert((file.size, Vec::new())).1.push(at);
            }
            files
        });
    // Files of the same functions and kind are one class.
    let mut classes: BTreeMap<(Kind, Vec<usize>), u64> = BTreeMap::new();
    for (path, (size, users)) in files {
        let kind = all[users[0]].files[path].kind;
        *classes.entry((kind, users)).or_default() += size;
    }
    let classes: Vec<(u64, u8)> = classes
        .into_iter()
        .map(|((_, users), size)| (size, users.iter().fold(0, |mask, at| mask | 1 << at)))
        .collect();
    let mut best = u64::MAX;
    let mut keepers = vec![0_u8; classes.len()];
    choose(&classes, 0, &mut keepers, &mut |keepers| {
        for (at, user) in all.iter().enumerate() {
            let own = keepers.iter().filter(|mask| **mask & (1 << at) != 0);
            if own.collect::<BTreeSet<_>>().len() > user.slots {
                return;
            }
        }
        let cost = |((size, users), keepers): (&(u64, u8), &u8)| match keepers.count_ones() {
            0 => size * u64::from(users.count_ones()),
            kept => size * u64::from(users.count_ones() - kept + 1),
        };
        best = best.min(classes.iter().zip(keepers).map(cost).sum());
    });
    best
}

fn choose(classes: &[(u64, u8)], at: usize, keepers: &mut Vec<u8>, found: &mut dyn FnMut(&[u8])) {
    let Some((_, users)) = classes.get(at) else { return found(keepers) };
    for mask in (0..8_u8).filter(|mask| mask & !users == 0 && mask.count_ones() != 1) {
        keepers[at] = mask;
        choose(classes, at + 1, keepers, found);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Every file of a function is in it or in one of its layers; no function gets another's.
    #[test]
    fn function_and_layers_are_what_the_function_was(all in cases(), least in 0_u64..50) {
        let plan = plan(&all, least).unwrap();
        for user in &all {
            let layers: Vec<_> =
                plan.layers.iter().filter(|it| it.users.contains(&user.name)).collect();
            prop_assert!(layers.len() <= user.slots);
            let mut files = Files::new();
            for (path, file) in layers.iter().flat_map(|layer| &layer.files) {
                prop_assert!(files.insert(path.clone(), *file).is_none(), "{path} twice");
            }
            for path in plan.stays[&(user.name.clone(), user.arch)].keys() {
                prop_assert!(files.insert(path.clone(), user.files[path]).is_none(), "{path} twice");
            }
            prop_assert_eq!(&files, &user.files);
        }
        for layer in &plan.layers {
            prop_assert!(layer.users.len() > 1 && layer.saves() >= least);
        }
    }

    /// The order of what it is given does not count, and a function that shares nothing moves nothing.
    #[test]
    fn it_is_stable(all in cases(), other in 1_u64..99) {
        let first = plan(&all, 8).unwrap();
        let mut turned = all.clone();
        turned.reverse();
        prop_assert_eq!(&plan(&turned, 8).unwrap(), &first);
        turned.push(user("d", 5, &[("lib/own", file(Kind::Native, other, "own"))]));
        prop_assert_eq!(&plan(&turned, 8).unwrap().layers, &first.layers);
    }

    #[test]
    fn greedy_is_near_the_optimum(all in cases()) {
        let (found, best) = (total(&all, &plan(&all, 0).unwrap()), optimum(&all));
        prop_assert!(found >= best, "the brute force misses something: {found} < {best}");
        prop_assert!(found * 100 <= best * 105, "{found} is more than 1.05 of {best}");
    }
}

#[test]
fn a_hundred_functions_with_three_hundred_files_take_no_time() {
    let mut all: Vec<User> = (0..100).map(|n| user(&format!("f{n:03}"), 5, &[])).collect();
    for n in 0..300_usize {
        let path = format!("lib/lib{n}.so");
        let it = file(Kind::Native, (n as u64 + 1) * 100_000, &path);
        for (at, user) in all.iter_mut().enumerate() {
            if (at * 7 + n * 13) % (2 + n % 9) == 0 {
                user.files.insert(path.clone(), it);
            }
        }
    }
    let started = std::time::Instant::now();
    let plan = plan(&all, MIN_SAVING).unwrap();
    let took = started.elapsed();
    assert!(!plan.layers.is_empty());
    // Ten times what a release build may take.
    eprintln!("{took:?}, {} layers", plan.layers.len());
    assert!(took.as_millis() < 1000, "{took:?}, {} layers", plan.layers.len());
}

#[test]
fn names_of_a_prefix_are_told_from_those_of_a_longer_one() {
    for (name, prefix, has) in [
        ("shop-native-pq-arm64", "shop", true),
        ("shop-native-asset-pq-x86_64", "shop", true),
        ("shop-toolchain-x86_64", "shop", true),
        ("my-shop-native-pq-arm64", "my.shop", true),
        ("shop-admin-native-pq-arm64", "shop", false),
        ("shop-admin-native-pq-arm64", "shop-admin", true),
        ("shop-native-pq-arm64", "sho", false),
        ("shop-native-pq", "shop", false),
        ("shop-native-by-hand", "shop", false),
        ("shop", "shop", false),
    ] {
        assert_eq!(has_prefix(name, prefix), has, "{name} {prefix}");
    }
    let layer = |kind| Layer {
        arch: Arch::Arm64,
        kinds: [kind].into(),
        users: BTreeSet::new(),
        files: [("lib/libpq.so.5".to_owned(), file(kind, 1, "pq"))].into(),
    };
    for kind in Kind::ALL {
        let names = name(&[layer(kind)], "shop", &BTreeMap::new());
        assert!(names.iter().all(|name| has_prefix(name, "shop")), "{names:?}");
    }
}
