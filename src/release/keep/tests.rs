use serde_json::json;

use super::*;

fn object(value: &Value) -> Object {
    value.as_object().cloned().unwrap()
}

fn keep(count: usize) -> NonZero<usize> {
    NonZero::new(count).unwrap()
}

fn arn(qualifier: &str) -> Value {
    json!(format!("arn:aws:lambda:eu-west-1:123456789012:function:api{qualifier}"))
}

/// A function with `$LATEST` and these versions.
fn inventory(numbers: impl IntoIterator<Item = u64>) -> Inventory {
    let version = |number: String| {
        object(&json!({ "Version": number, "CodeSize": 10, "LastModified": "then" }))
    };
    let numbers = numbers.into_iter().map(|number| number.to_string());
    let latest = ["$LATEST", "$LATEST.PUBLISHED"].map(str::to_owned);
    Inventory {
        function: "api".to_owned(),
        versions: latest.into_iter().chain(numbers).map(version).collect(),
        ..Inventory::default()
    }
}

/// The numbers of those that go, from the oldest on.
fn going(inventory: &Inventory, count: usize) -> Vec<u64> {
    let all = versions(inventory, keep(count));
    let going = all.iter().filter(|version| version.needs.is_empty());
    going.map(|version| version.number).rev().collect()
}

#[test]
fn everything_that_leads_to_a_version_keeps_it() {
    let mut all = inventory(1..=12);
    all.aliases = vec![
        object(&json!({
            "Name": "live", "FunctionVersion": "5",
            "Description": "shop [lp1 prev=3 from=2 dep=7 sha=8]",
            "RoutingConfig": { "AdditionalVersionWeights": { "4": 0.1 } },
        })),
        object(&json!({ "Name": "dev", "FunctionVersion": "$LATEST", "Description": "[lp1" })),
    ];
    all.provisioned = vec![object(&json!({ "FunctionArn": arn(":6") }))];
    all.urls = vec![object(&json!({ "FunctionArn": arn(":live") }))];
    all.event_invokes = vec![object(&json!({ "FunctionArn": arn(":9") }))];
    all.mappings = vec![
        object(&json!({ "FunctionArn": arn(":1"), "EventSourceArn": "queue" })),
        object(&json!({ "FunctionArn": arn("-other:7") })),
        object(&json!({ "FunctionArn": arn("") })),
    ];
    assert_eq!(going(&all, 2), [7, 8, 10]);
    let why = |number: u64| -> Vec<String> {
        let all = versions(&all, keep(2));
        let one = all.iter().find(|version| version.number == number).unwrap();
        one.needs.iter().map(ToString::to_string).collect()
    };
    for (number, needs) in [
        (12, vec!["one of the newest"]),
        (9, vec!["it has settings for asynchronous invocations"]),
        (7, vec![]),
        (6, vec!["it has provisioned concurrency"]),
        (5, vec!["live points at it"]),
        (4, vec!["live sends it a part of its traffic"]),
        (3, vec!["live was there before, and can be rolled back to it"]),
        (2, vec!["the marker of live names it (from)"]),
        (1, vec!["a trigger leads to it: queue"]),
    ] {
        assert_eq!(why(number), needs, "{number}");
    }
}

#[test]
fn the_newest_are_those_of_the_highest_numbers() {
    assert_eq!(going(&inventory([10, 9, 2, 100, 9]), 2), [2, 9]);
    assert_eq!(going(&inventory([1, 2, 3]), 3), [0; 0]);
    assert_eq!(going(&inventory([]), 1), [0; 0]);
    let sizes: u64 = versions(&inventory([1, 2]), keep(1)).iter().map(|one| one.size).sum();
    assert_eq!(sizes, 20);
}

#[test]
fn durable_versions_are_told_apart() {
    let mut all = inventory([1, 2]);
    all.versions[2].insert("DurableConfig".to_owned(), json!({ "ExecutionTimeout": 60 }));
    let durable: Vec<bool> = versions(&all, keep(1)).iter().map(|it| it.durable).collect();
    assert_eq!(durable, [false, true]);
}

#[test]
fn layers_are_needed_by_what_stays() {
    let function =
        |name: &str, version: &str| object(&json!({ "FunctionName": name, "Version": version }));
    let all = vec![function("a", "$LATEST"), function("a", "1"), function("b", "1")];
    let left = without(all, &BTreeSet::from([("a", 1), ("b", 2)]));
    assert_eq!(left, [function("a", "$LATEST"), function("b", "1")]);
    let mut one = inventory([1]);
    let layers_of = |name: &str| json!([{ "Arn": format!("arn:aws:lambda:eu-west-1:123456789012:layer:{name}:3") }]);
    one.versions[0].insert("Layers".to_owned(), layers_of("native"));
    one.versions[2].insert("Layers".to_owned(), layers_of("models"));
    assert_eq!(layers(&one).collect::<Vec<_>>(), ["native", "models"]);
}

/// Any numbers will do, the same ones every time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// An alias as it was made, not as it is answered.
#[derive(Debug, Default)]
struct Alias {
    target: u64,
    weight: Option<u64>,
    marked: Vec<(&'static str, u64)>,
}

/// What has been done to a function.
#[derive(Debug, Default)]
struct History {
    given: u64,
    versions: BTreeSet<u64>,
    aliases: BTreeMap<&'static str, Alias>,
    /// What lives on versions, by its kind.
    attached: [BTreeSet<u64>; 4],
}

const FIELDS: [&str; 4] = ["prev", "from", "was", "new"];

impl History {
    fn step(&mut self, random: &mut Random) {
        let count = u64::try_from(self.versions.len()).unwrap();
        let at = usize::try_from(random.below(count.max(1))).unwrap();
        let any = self.versions.iter().nth(at).copied();
        let name = ["live", "beta"][usize::try_from(random.below(2)).unwrap()];
        match (random.below(10), any) {
            (0..4, _) | (_, None) => {
                self.given += 1;
                self.versions.insert(self.given);
            }
            (4..6, Some(number)) => {
                let alias = self.aliases.entry(name).or_default();
                let before = std::mem::replace(&mut alias.target, number);
                alias.weight = None;
                let field = FIELDS[usize::try_from(random.below(4)).unwrap()];
                alias.marked = vec![(field, before), ("dep", number), ("prev", before)];
            }
            (6, Some(number)) => {
                if let Some(alias) = self.aliases.get_mut(name) {
                    alias.weight = Some(number).filter(|number| *number != alias.target);
                }
            }
            (7, Some(number)) => {
                let kind = usize::try_from(random.below(4)).unwrap();
                if !self.attached[kind].remove(&number) {
                    self.attached[kind].insert(number);
                }
            }
            (8, Some(number)) => {
                // Somebody deletes one: AWS refuses where an alias points at it.
                let points = |it: &Alias| it.target == number || it.weight == Some(number);
                if !self.aliases.values().any(points) {
                    self.versions.remove(&number);
                    for all in &mut self.attached {
                        all.remove(&number);
                    }
                }
            }
            (_, Some(_)) => drop(self.aliases.remove(name)),
        }
    }

    fn referenced(&self) -> BTreeSet<u64> {
        let of_alias = |alias: &Alias| {
            let marked = alias.marked.iter().filter(|(field, _)| *field != "dep");
            let marked = marked.map(|(_, number)| *number);
            [alias.target].into_iter().chain(alias.weight).chain(marked).collect::<Vec<_>>()
        };
        let aliases = self.aliases.values().flat_map(of_alias);
        aliases.chain(self.attached.iter().flatten().copied()).collect()
    }

    /// As AWS answers it.
    fn inventory(&self) -> Inventory {
        let of_alias = |(name, alias): (&&str, &Alias)| {
            let marked = alias.marked.iter().map(|(field, number)| format!(" {field}={number}"));
            let weights = alias.weight.map(|number| json!({ number.to_string(): 0.1 }));
            object(&json!({
                "Name": name, "FunctionVersion": alias.target.to_string(),
                "Description": format!("[lp1{}]", marked.collect::<String>()),
                "RoutingConfig": { "AdditionalVersionWeights": weights },
            }))
        };
        let [provisioned, urls, event_invokes, mappings] = &self.attached;
        let attached = |numbers: &BTreeSet<u64>| {
            let item = |number| object(&json!({ "FunctionArn": arn(&format!(":{number}")) }));
            numbers.iter().map(item).collect()
        };
        Inventory {
            aliases: self.aliases.iter().map(of_alias).collect(),
            provisioned: attached(provisioned),
            urls: attached(urls),
            event_invokes: attached(event_invokes),
            mappings: attached(mappings),
            ..inventory(self.versions.iter().copied())
        }
    }

    /// Prunes, killed once on the way.
    fn prune(&mut self, count: usize, random: &mut Random) {
        let first = going(&self.inventory(), count);
        let referenced = self.referenced();
        let newest: BTreeSet<u64> = self.versions.iter().rev().take(count).copied().collect();
        let goes = |number: &&u64| !referenced.contains(*number) && !newest.contains(*number);
        let expected: Vec<u64> = self.versions.iter().filter(goes).copied().collect();
        assert_eq!(first, expected, "{self:?}");
        let cut = usize::try_from(random.below(4)).unwrap().min(first.len());
        first[..cut].iter().for_each(|number| assert!(self.versions.remove(number)));
        assert_eq!(going(&self.inventory(), count), first[cut..], "{self:?}");
        first[cut..].iter().for_each(|number| assert!(self.versions.remove(number)));
        assert_eq!(going(&self.inventory(), count), [0; 0], "{self:?}");
        assert!(newest.is_subset(&self.versions), "{self:?}");
    }
}

#[test]
fn in_ten_thousand_histories_nothing_that_is_referenced_goes() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for _ in 0..10_000 {
        let mut history = History::default();
        // One in four goes on after it was pruned.
        for _ in 0..=random.below(4) / 3 {
            for _ in 0..random.below(20) {
                history.step(&mut random);
            }
            let count = usize::try_from(1 + random.below(4)).unwrap();
            history.prune(count, &mut random);
        }
    }
}
