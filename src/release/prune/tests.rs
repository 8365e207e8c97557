use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::json;

use super::*;

fn arn(layer: &str, number: u64) -> String {
    format!("arn:aws:lambda:eu-west-1:123456789012:layer:{layer}:{number}")
}

fn version(layer: &str, number: u64, description: &str) -> Version {
    let item = json!({
        "LayerVersionArn": arn(layer, number), "Version": number, "Description": description,
        "CompatibleArchitectures": ["arm64"], "CreatedDate": "2026-11-28T10:00:00.000+0000",
    });
    Version::read(layer, item.as_object().unwrap()).unwrap()
}

fn function(name: &str, number: &str, layers: &[String]) -> Object {
    let layers: Vec<_> = layers.iter().map(|arn| json!({ "Arn": arn, "CodeSize": 7 })).collect();
    let item = json!({ "FunctionName": name, "Version": number, "Layers": layers });
    item.as_object().cloned().unwrap()
}

fn keep(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap()
}

const OURS: &str = "lp1 sha256:00ff";

#[test]
fn what_is_used_new_or_of_others_stays() {
    let all = [(1, OURS), (2, "by hand"), (3, OURS), (4, OURS), (9, OURS), (10, OURS)];
    let versions = all.map(|(number, said)| version("native", number, said));
    let functions = [
        function("api", "$LATEST", &[arn("native", 10)]),
        function("api", "7", &[arn("native", 3), arn("other", 1)]),
        function("mail", "1", &[arn("native", 3)]),
        json!({ "FunctionName": "image", "Version": "1" }).as_object().cloned().unwrap(),
    ];
    let uses = Uses::of(&functions);
    let found = fates(&versions, &uses, keep(1));
    let expected = [Fate::Goes, Fate::Foreign, Fate::Used, Fate::Goes, Fate::Goes, Fate::Used];
    assert_eq!(found, expected);
    // By number, whatever the order: 9 is before 10.
    let nobody = Uses::default();
    let mut turned = versions.to_vec();
    turned.reverse();
    let fate = |keep: usize, number: u64| {
        let at = turned.iter().position(|it| it.number == number).unwrap();
        fates(&turned, &nobody, self::keep(keep))[at]
    };
    assert_eq!((fate(1, 10), fate(1, 9)), (Fate::Newest, Fate::Goes));
    assert_eq!((fate(2, 9), fate(2, 4), fate(4, 3)), (Fate::Newest, Fate::Goes, Fate::Newest));
    let third = uses.of_version(&versions[2]).unwrap();
    assert_eq!((third.size, third.functions.len()), (Some(7), 2));
    assert_eq!(uses.of_version(&versions[0]), None);
}

#[test]
fn of_each_layer_its_own_newest_stay() {
    let all = [("a", 1), ("a", 2), ("b", 1), ("b", 2), ("b", 3)];
    let versions = all.map(|(layer, number)| version(layer, number, OURS));
    let found = fates(&versions, &Uses::default(), keep(2));
    let newest = Fate::Newest;
    assert_eq!(found, [newest, newest, Fate::Goes, newest, newest]);
    // The newest of all is somebody's by hand: of ours the newest stays as well.
    let by_hand = [version("a", 1, OURS), version("a", 2, OURS), version("a", 3, "lp1 by hand")];
    let found = fates(&by_hand, &Uses::default(), keep(1));
    assert_eq!(found, [Fate::Goes, newest, Fate::Foreign]);
    assert_eq!(fates(&[], &Uses::default(), keep(1)), []);
}

/// A step in the history of an account with two layers and three functions.
#[derive(Debug, Clone)]
enum Event {
    /// A version of a layer is published, by us or by hand.
    Layer { layer: usize, ours: bool },
    /// `$LATEST` of a function is pointed at versions that are there: one of each layer, if any.
    Point { function: usize, picks: [Option<prop::sample::Index>; 2] },
    /// A version of a function is published.
    Publish { function: usize },
    /// The oldest published version of a function is deleted.
    Forget { function: usize },
    /// Somebody prunes.
    Prune { keep: usize },
}

fn event() -> impl Strategy<Value = Event> {
    let pick = || proptest::option::of(any::<prop::sample::Index>());
    prop_oneof![
        4 => (0..2_usize, prop::bool::weighted(0.8))
            .prop_map(|(layer, ours)| Event::Layer { layer, ours }),
        4 => (0..3_usize, [pick(), pick()])
            .prop_map(|(function, picks)| Event::Point { function, picks }),
        3 => (0..3_usize).prop_map(|function| Event::Publish { function }),
        1 => (0..3_usize).prop_map(|function| Event::Forget { function }),
        2 => (1..5_usize).prop_map(|keep| Event::Prune { keep }),
    ]
}

#[derive(Default)]
struct History {
    versions: [Vec<Version>; 2],
    given: [u64; 2],
    latest: [Vec<String>; 3],
    published: [Vec<(u64, Vec<String>)>; 3],
    numbers: [u64; 3],
}

const LAYERS: [&str; 2] = ["native", "models"];

impl History {
    fn functions(&self) -> Vec<Object> {
        let mut all = Vec::new();
        for at in 0..3 {
            let name = format!("f{at}");
            all.push(function(&name, "$LATEST", &self.latest[at]));
            let published = self.published[at].iter();
            all.extend(published.map(|(number, arns)| function(&name, &number.to_string(), arns)));
        }
        all
    }

    fn referenced(&self) -> BTreeSet<&String> {
        let published = self.published.iter().flatten().flat_map(|(_, arns)| arns);
        self.latest.iter().flatten().chain(published).collect()
    }

    fn prune(&mut self, count: usize) {
        let all: Vec<Version> = self.versions.concat();
        let uses = Uses::of(&self.functions());
        let fates = fates(&all, &uses, keep(count));
        let gone: BTreeSet<&String> = all
            .iter()
            .zip(&fates)
            .filter(|(_, fate)| **fate == Fate::Goes)
            .map(|(it, _)| &it.arn)
            .collect();
        assert!(gone.is_disjoint(&self.referenced()), "{gone:?}");
        for of_layer in &mut self.versions {
            let newest = of_layer.last().map(|it| it.arn.clone());
            let ours = |all: &[Version]| all.iter().filter(|it| it.tree().is_some()).count();
            let foreign = of_layer.len() - ours(of_layer);
            let least = ours(of_layer).min(count);
            of_layer.retain(|it| !gone.contains(&it.arn));
            assert_eq!(of_layer.last().map(|it| it.arn.clone()), newest);
            assert_eq!(of_layer.len() - ours(of_layer), foreign);
            assert!(ours(of_layer) >= least);
        }
        // A second one finds nothing.
        let again = self::fates(&self.versions.concat(), &uses, keep(count));
        assert!(!again.contains(&Fate::Goes));
    }

    fn apply(&mut self, event: &Event) {
        match event {
            Event::Layer { layer, ours } => {
                self.given[*layer] += 1;
                let said = if *ours { OURS } else { "by hand" };
                self.versions[*layer].push(version(LAYERS[*layer], self.given[*layer], said));
            }
            Event::Point { function, picks } => {
                let pick = |(pick, all): (&Option<prop::sample::Index>, &Vec<Version>)| {
                    let pick = pick.as_ref().filter(|_| !all.is_empty())?;
                    Some(pick.get(all).arn.clone())
                };
                self.latest[*function] =
                    picks.iter().zip(&self.versions).filter_map(pick).collect();
            }
            Event::Publish { function } => {
                self.numbers[*function] += 1;
                let one = (self.numbers[*function], self.latest[*function].clone());
                self.published[*function].push(one);
            }
            Event::Forget { function } => {
                if !self.published[*function].is_empty() {
                    self.published[*function].remove(0);
                }
            }
            Event::Prune { keep } => self.prune(*keep),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn nothing_that_is_used_ever_goes(events in vec(event(), 0..60)) {
        let mut history = History::default();
        for event in &events {
            history.apply(event);
        }
        history.prune(1);
    }
}
