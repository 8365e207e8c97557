//! Layers that functions share.

use std::collections::BTreeSet;

use proptest::option;
use proptest::prelude::*;
use proptest::sample::subsequence;

use super::*;
use crate::release::layers::{Layer, Own, arns, name_of, tell, unclear, wants};

const FOREIGN: [&str; 2] = [
    "arn:aws:lambda:eu-west-1:210987654321:layer:theirs:3",
    "arn:aws:lambda:eu-west-1:123456789012:layer:by-hand:9",
];

pub(super) fn layer(name: &str, tree: &str) -> Layer {
    Layer {
        name: name.to_owned(),
        description: format!("lp1 sha256:{tree}"),
        code: Code {
            sha256: format!("{name} {tree}="),
            size: 500,
            architecture: "arm64".to_owned(),
            source: Source::Call,
        },
        runtimes: vec!["provided.al2023".to_owned()],
        files: 2,
    }
}

/// The ARN of the version of a layer of ours with this number.
pub(super) fn ours(name: &str, number: usize) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:layer:{name}:{number}")
}

/// What a run sees of layers before it begins: versions of ours have the number of what they hold.
pub(super) fn looked(desired: &Desired, observed: &mut Observed) {
    let wanted = desired.layers.iter().flatten();
    let wanted: BTreeMap<String, String> =
        wanted.map(|it| (it.name.clone(), arn_of(&it.name, &it.description))).collect();
    observed.layers.versions.retain(|name, arn| wanted.get(name) == Some(arn));
    // What the function uses is there, and so it was found.
    let used =
        observed.latest().and_then(|latest| latest.get("Layers")).cloned().unwrap_or_default();
    let used = used.as_array().into_iter().flatten().filter_map(Value::as_str);
    let used: Vec<String> = used.map(str::to_owned).collect();
    let found = wanted.into_iter().filter(|(_, arn)| used.contains(arn));
    observed.layers.versions.extend(found);
    observed.layers.ours = unclear(desired, observed).into_iter().collect();
}

pub(super) fn arn_of(name: &str, description: &str) -> String {
    ours(name, if description.ends_with('2') { 2 } else { 1 })
}

fn with(name: &str, layers: &[Layer]) -> Desired {
    let mut desired = Desired { name: name.to_owned(), ..desired() };
    desired.wanted.aliases = vec!["live".to_owned()];
    desired.layers = Some(layers.to_vec());
    desired
}

/// A function that was made with these layers.
fn made(desired: &Desired, layers: &[&str]) -> Observed {
    let mut observed = deployed(&Desired { layers: None, ..desired.clone() });
    let version = observed.versions.get_mut("7").unwrap();
    version.insert("Layers".to_owned(), json!(layers));
    latest(&mut observed).insert("Layers".to_owned(), json!(layers));
    observed
}

fn found(observed: &mut Observed, name: &str, number: usize) {
    observed.layers.versions.insert(name.to_owned(), ours(name, number));
}

fn calls(all: &[(Desired, Observed)]) -> Vec<(String, &'static str)> {
    let (changes, end) = unfold(all);
    assert_eq!(end, Next::default());
    changes.into_iter().map(|change| (change.function, change.action.operation())).collect()
}

#[test]
fn what_three_functions_share_is_published_once_and_first() {
    let shared = [layer("native", "1")];
    let all: Vec<_> =
        ["a", "b", "c"].iter().map(|name| (with(name, &shared), Observed::default())).collect();
    let (changes, end) = unfold(&all);
    assert_eq!(end, Next::default());
    let Action::PublishLayer(new) = &changes[0].action else { panic!("{changes:#?}") };
    assert_eq!((new.functions.join(" "), changes[0].function.as_str()), ("a b c".to_owned(), "a"));
    assert_eq!(changes[0].action.phase(), Phase::Layer);
    assert_eq!(super::super::describe::bytes(&changes[0]), 500);
    let published =
        changes.iter().filter(|change| matches!(change.action, Action::PublishLayer(_)));
    assert_eq!(published.count(), 1);
    for change in &changes {
        if let Action::Create { members, .. } = &change.action {
            assert_eq!(members["Layers"], json!(["native:new"]));
        }
    }
    // Now, one does it and the others wait.
    let next = next(all.iter().map(|(desired, observed)| (desired, observed)));
    assert_eq!((next.changes.len(), next.waiting.len()), (1, 2));
}

#[test]
fn a_zip_goes_into_its_bucket_once_and_before_the_layer() {
    let mut shared = layer("native", "1");
    let object = super::super::desired::Object { bucket: "b".to_owned(), key: "k.zip".to_owned() };
    shared.code.source = Source::Bucket(object);
    let all: Vec<_> =
        ["a", "b"].map(|name| (with(name, &[shared.clone()]), Observed::default())).into();
    let operations: Vec<_> = calls(&all).into_iter().map(|(_, operation)| operation).collect();
    assert_eq!(
        operations[..4],
        ["PutObject", "PublishLayerVersion", "CreateFunction", "CreateFunction"]
    );
}

#[test]
fn a_changed_layer_is_a_new_version_of_its_functions_alone() {
    let before = ours("native", 1);
    let state = |name: &str| made(&with(name, &[]), &[&before]);
    let whole = (with("whole", &[]), deployed(&with("whole", &[])));
    let mut all =
        [(with("a", &[layer("native", "2")]), state("a")), whole, (with("z", &[]), state("z"))];
    // The last one has it from somebody else.
    all[2].0.layers = None;
    let of_a =
        ["PublishLayerVersion", "UpdateFunctionConfiguration", "PublishVersion", "UpdateAlias"];
    assert_eq!(calls(&all), of_a.map(|operation| ("a".to_owned(), operation)));
    // What was published is taken, not published again.
    found(&mut all[0].1, "native", 2);
    assert_eq!(calls(&all), of_a[1..].iter().map(|it| ("a".to_owned(), *it)).collect::<Vec<_>>());
    let arn = ours("native", 2);
    latest(&mut all[0].1).insert("Layers".to_owned(), json!([{ "Arn": arn, "CodeSize": 5 }]));
    assert_eq!(calls(&all)[0].1, "PublishVersion");
}

#[test]
fn layers_of_others_keep_their_order_and_ours_their_place() {
    let (one, two) = (ours("one", 1), ours("two", 1));
    let wanted = with("a", &[layer("one", "x"), layer("three", "x")]);
    let mut observed = made(&wanted, &[FOREIGN[0], &one, FOREIGN[1], &two]);
    found(&mut observed, "one", 2);
    found(&mut observed, "three", 4);
    let named = |observed: &Observed| {
        let all = arns(&wanted, observed).unwrap();
        all.iter().map(|arn| name_of(arn).to_owned()).collect::<Vec<_>>().join(" ")
    };
    // Whose the others are is asked: only of those in this account.
    assert_eq!(unclear(&wanted, &observed), [FOREIGN[1].to_owned(), two.clone()]);
    assert_eq!(named(&observed), "theirs one by-hand two three");
    observed.layers.ours.insert(two);
    assert_eq!(named(&observed), "theirs one by-hand three");
    // What another workspace has published is nothing to ask of.
    let shared = "shop-native-pq-arm64";
    let there =
        made(&wanted, &[&ours(shared, 1), &ours("two", 1), &ours("blog-native-pq-arm64", 1)]);
    let own = Own { names: ["two".to_owned()].into(), prefix: "shop".to_owned() };
    let of_shop = Desired { own_layers: Some(own), ..wanted.clone() };
    assert_eq!(unclear(&of_shop, &there), [ours(shared, 1), ours("two", 1)]);
    // The settings' come first, and are all of it.
    let mut said = wanted.clone();
    said.wanted.configuration.insert("Layers", json!([FOREIGN[1], FOREIGN[0]]));
    let all = arns(&said, &observed).unwrap();
    assert_eq!(all, [FOREIGN[1], FOREIGN[0], &ours("one", 2), &ours("three", 4)]);
    assert!(unclear(&said, &observed).is_empty());
}

#[test]
fn what_is_not_needed_any_more_goes_and_what_is_not_known_stays() {
    let old = ours("native", 1);
    let mut desired = with("a", &[]);
    let mut observed = made(&desired, &[&old, FOREIGN[1]]);
    // Nobody knows whose it is.
    assert_eq!(operations(&desired, &observed), [""; 0]);
    observed.layers.ours.insert(old.clone());
    assert_eq!(arns(&desired, &observed).unwrap(), [FOREIGN[1]]);
    assert_eq!(operations(&desired, &observed)[0], "UpdateFunctionConfiguration");
    // With what it was packaged is not known.
    desired.layers = None;
    assert_eq!(operations(&desired, &observed), [""; 0]);
    desired.wanted.configuration.insert("Layers", json!([]));
    assert_eq!(unclear(&desired, &observed), [old.clone(), FOREIGN[1].to_owned()]);
    assert_eq!(arns(&desired, &observed).unwrap(), [old]);
}

#[test]
fn two_versions_of_one_layer_are_refused_before_anything_is_done() {
    let mut desired = with("a", &[layer("native", "1")]);
    let by_hand = ours("native", 5);
    desired.wanted.configuration.insert("Layers", json!([by_hand]));
    let refused = one(&desired, &Observed::default()).refused;
    let [(_, why @ Refusal::TwoVersions { layer, .. })] = &refused[..] else {
        panic!("{refused:?}")
    };
    assert_eq!(layer, "native");
    assert!(why.to_string().contains(&by_hand), "{why}");
    // That of another account is another layer.
    let theirs = "arn:aws:lambda:eu-west-1:210987654321:layer:native:5";
    desired.wanted.configuration.insert("Layers", json!([theirs]));
    assert_eq!(one(&desired, &Observed::default()).refused, []);
    let observed = made(&with("a", &[]), &[theirs]);
    desired.wanted.configuration.remove("Layers");
    assert_eq!(arns(&desired, &observed).unwrap(), [theirs, "native:new"]);
    // Nothing tells the account: then it is better not to try.
    desired.wanted.configuration.insert("Layers", json!([theirs]));
    desired.wanted.configuration.insert("Role", json!("orders"));
    assert!(!one(&desired, &Observed::default()).refused.is_empty());
}

#[test]
fn six_layers_are_refused_with_their_names() {
    let own: Vec<_> = ["l1", "l2", "l3", "l4"].iter().map(|name| layer(name, "1")).collect();
    let mut desired = with("a", &own);
    desired.wanted.configuration.insert("Layers", json!(FOREIGN));
    let refused = one(&desired, &Observed::default()).refused;
    assert_eq!(
        refused[0].1.to_string(),
        "it would have 6 layers (theirs:3, by-hand:9, l1, l2, l3, l4), and AWS takes 5"
    );
    // Also with those that are there.
    desired.wanted.configuration.remove("Layers");
    let there = made(&with("a", &[]), &FOREIGN);
    assert!(matches!(&one(&desired, &there).refused[..], [(_, Refusal::TooManyLayers(_))]));
}

/// An account: functions, and the versions of layers with what they hold, in order.
#[derive(Debug, Clone, Default, PartialEq)]
struct World {
    functions: BTreeMap<String, Observed>,
    layers: BTreeMap<String, Vec<String>>,
}

impl World {
    /// What a run that knows nothing sees.
    fn observe(&self, desired: &Desired) -> Observed {
        let mut observed = self.functions.get(&desired.name).cloned().unwrap_or_default();
        observed.acted = false;
        observed.layers = super::super::layers::Seen::default();
        for layer in desired.layers.iter().flatten() {
            let held = self.layers.get(&layer.name).into_iter().flatten();
            if let Some(at) = held.clone().position(|held| *held == layer.description) {
                found(&mut observed, &layer.name, at + 1);
            }
        }
        let ours = unclear(desired, &observed).into_iter();
        observed.layers.ours = ours.filter(|arn| self.layers.contains_key(name_of(arn))).collect();
        observed
    }

    /// Does at most so many changes, and gives their operations.
    fn deploy(&mut self, all: &[Desired], most: usize) -> Vec<&'static str> {
        let mut seen: Vec<Observed> = all.iter().map(|desired| self.observe(desired)).collect();
        let mut done = Vec::new();
        while done.len() < most {
            let next = next(all.iter().zip(&seen));
            assert_eq!(next.refused, []);
            let Some(change) = next.changes.first() else { break };
            let at = all.iter().position(|it| it.name == change.function).unwrap();
            apply(&change.action, &mut seen[at]);
            if let Action::PublishLayer(new) = &change.action {
                let versions = self.layers.entry(new.name.clone()).or_default();
                versions.push(new.description.clone());
                found(&mut seen[at], &new.name, versions.len());
            }
            let known = seen[at].layers.clone();
            for (desired, seen) in all.iter().zip(&mut seen) {
                if wants(desired, &change.action) {
                    tell(&change.action, &known, &mut seen.layers);
                }
            }
            random::numbered(&mut seen[at]);
            self.functions.insert(change.function.clone(), seen[at].clone());
            done.push(change.action.operation());
        }
        done
    }

    /// What serves: the layers of each function, and of what its alias points at.
    fn serves(&self) -> BTreeMap<&String, (Value, Value)> {
        let of = |observed: &Observed| {
            let alias = observed.aliases.get("live").map(super::super::observed::points_at);
            let version = &observed.versions[alias.unwrap_or_default()];
            let layers = |of: &Object| content::current(of, "Layers");
            (layers(observed.latest().unwrap()), layers(version))
        };
        self.functions.iter().map(|(name, observed)| (name, of(observed))).collect()
    }
}

/// What a function wants: which of four layers, which of others, its code, and whether what it was
/// packaged with is known where it has no layers.
#[derive(Debug, Clone)]
struct Wish {
    layers: Vec<usize>,
    said: Option<Vec<&'static str>>,
    code: String,
    known: bool,
}

fn wish() -> impl Strategy<Value = Wish> {
    let layers = subsequence(vec![0_usize, 1, 2, 3], 0..4);
    let said = option::of(subsequence(FOREIGN.to_vec(), 0..=2).prop_shuffle());
    (layers, said, "[xy]=", any::<bool>()).prop_map(|(layers, said, code, known)| Wish {
        layers,
        said,
        code,
        known,
    })
}

/// What three functions want; each layer holds one of two things.
fn wanted() -> impl Strategy<Value = Vec<Desired>> {
    let trees = proptest::collection::vec(any::<bool>(), 4);
    (trees, wish(), wish(), wish()).prop_map(|(trees, a, b, c)| {
        let function = |(name, wish): (&str, Wish)| {
            let tree = |at: usize| if trees[at] { "1" } else { "2" };
            let one = |at: usize| layer(&format!("l{at}"), tree(at));
            let layers: Vec<Layer> = wish.layers.into_iter().map(one).collect();
            let mut desired = with(name, &layers);
            if let Some(said) = wish.said {
                desired.wanted.configuration.insert("Layers", json!(said));
            }
            desired.code.sha256 = wish.code;
            if !wish.known && layers.is_empty() {
                desired.layers = None;
            }
            desired
        };
        [("a", a), ("b", b), ("c", c)].into_iter().map(function).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shared_layers_end_from_every_cut_in_the_same_and_are_never_published_twice(
        before in proptest::collection::vec(wanted(), 0..3), all in wanted()
    ) {
        let mut start = World::default();
        for earlier in &before {
            start.deploy(earlier, 500);
        }
        let mut whole = start.clone();
        let done = whole.deploy(&all, 500);
        prop_assert!(done.len() < 64, "{done:#?}");
        prop_assert_eq!(whole.deploy(&all, 500), Vec::<&str>::new());
        for (name, (latest, live)) in whole.serves() {
            prop_assert_eq!(latest, live, "{}", name);
        }
        for held in whole.layers.values() {
            let unique: BTreeSet<_> = held.iter().collect();
            prop_assert_eq!(unique.len(), held.len(), "{:?}", held);
        }
        for cut in 0..done.len() {
            let mut state = start.clone();
            state.deploy(&all, cut);
            state.deploy(&all, 500);
            prop_assert_eq!(state.serves(), whole.serves(), "cut after {}", cut);
            prop_assert_eq!(&state.layers, &whole.layers, "cut after {}", cut);
        }
    }

    #[test]
    fn the_dry_run_of_shared_layers_is_the_run(earlier in wanted(), all in wanted()) {
        let mut world = World::default();
        world.deploy(&earlier, 500);
        let seen: Vec<_> =
            all.iter().map(|desired| (desired.clone(), world.observe(desired))).collect();
        let (dry, end) = unfold(&seen);
        prop_assert_eq!(end.refused, vec![]);
        let mut dry: Vec<_> = dry.iter().map(|change| change.action.operation()).collect();
        let mut wet = world.deploy(&all, 500);
        dry.sort_unstable();
        wet.sort_unstable();
        prop_assert_eq!(dry, wet);
    }
}

#[test]
fn where_layers_alone_are_wanted_nothing_else_is_done() {
    let alone = |layers: &[Layer]| Desired {
        name: "native".to_owned(),
        layers: Some(layers.to_vec()),
        only_layers: true,
        ..Desired::default()
    };
    let one = layer("native", "1");
    let mut far = layer("models", "1");
    let object = super::super::desired::Object { bucket: "b".to_owned(), key: "k".to_owned() };
    far.code.source = Source::Bucket(object);
    let all = [(alone(&[one.clone(), far]), Observed::default())];
    let operations: Vec<_> = calls(&all).into_iter().map(|(_, operation)| operation).collect();
    assert_eq!(operations, ["PutObject", "PublishLayerVersion", "PublishLayerVersion"]);
    let mut there = Observed::default();
    found(&mut there, "native", 3);
    assert_eq!(calls(&[(alone(&[one]), there)]), []);
}
