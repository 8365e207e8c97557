//! Which table says what: key by key the first way of these that changes nothing for any handler in any
//! environment.

use std::collections::{BTreeMap, BTreeSet};

use super::sheet::{At, Place, Sheet, Values, is_empty, is_map, same_if_any};
use super::{State, env_file_path};
use crate::config::cargo_lambda::{Level, Levels, Said};
use crate::config::layers::{For, Layer, Reader, Tier};
use crate::config::located::{Located, Mistake, Node, Origin};
use crate::config::{Config, Inputs};

/// What is known of the old tables.
pub(super) struct Known<'a> {
    pub(super) inputs: &'a Inputs<'a>,
    pub(super) before: &'a BTreeMap<Option<String>, State>,
}

/// Keys of which one changes what the other means.
type Group = Vec<&'static str>;

const ENVIRONMENT: [&str; 2] = ["env-file", "environment"];

impl Known<'_> {
    /// What our tables are to say, or what they cannot.
    pub(super) fn sheet(&self) -> Result<Sheet, Vec<Mistake>> {
        let mut whole = Sheet::default();
        let mut mistakes = Vec::new();
        for group in self.groups() {
            let tries = [(false, false), (true, false), (false, true), (true, true)];
            let mut tries = tries.into_iter().map(|how| self.by_table(&group, how));
            let found = tries.find(|sheet| sheet.is_allowed() && self.fits(&group, sheet).is_ok());
            let found = found.or_else(|| {
                Some(self.mended(&group))
                    .filter(|sheet| sheet.is_allowed() && self.fits(&group, sheet).is_ok())
            });
            let sheet = found.unwrap_or_else(|| self.by_handler(&group));
            match self.fits(&group, &sheet) {
                Ok(()) => whole.add(sheet),
                Err(more) => mistakes.extend(more),
            }
        }
        // An environment is known by its table, whatever that says.
        for env in self.contexts() {
            whole.table(&At::File, Some(env));
        }
        if mistakes.is_empty() { Ok(whole) } else { Err(mistakes) }
    }

    fn contexts(&self) -> impl Iterator<Item = &String> {
        let contexts = self.before.iter().filter(|(_, state)| state.is_context);
        contexts.filter_map(|(env, _)| env.as_ref())
    }

    /// The keys that count for any handler.
    fn groups(&self) -> BTreeSet<Group> {
        let layers = self.before.values().flat_map(|state| of_tier(&state.config, true));
        let keys = layers.flat_map(|layer| layer.values.keys());
        let group = |key: &&'static str| {
            if ENVIRONMENT.contains(key) { ENVIRONMENT.to_vec() } else { vec![*key] }
        };
        keys.map(group).collect()
    }

    fn handlers(&self) -> impl Iterator<Item = (&String, &String)> + Clone {
        let packages = self.inputs.packages.iter();
        packages.flat_map(|(package, names)| names.iter().map(move |name| (package, name)))
    }

    fn levels(&self, env: Option<&String>) -> Option<&Levels> {
        self.before.get(&env.cloned()).map(|state| &state.levels)
    }

    /// Each table's own keys in the one of ours for it. What a higher one hides is not said. With
    /// `contexts`, an environment forgets what the plain sections say; with `maps`, a higher table
    /// forgets the map that it takes the place of.
    fn by_table(&self, group: &Group, (contexts, maps): (bool, bool)) -> Sheet {
        let mut sheet = Sheet::default();
        let Some(plain) = self.levels(None) else { return sheet };
        let of = |said: Option<&Said>| said.map(|said| only(said, group)).unwrap_or_default();
        let workspace = of(plain.own(None));
        let base = without(of(plain.file()), &workspace, merges);
        let mut below: BTreeSet<&str> = workspace.keys().chain(base.keys()).copied().collect();
        for env in self.contexts() {
            let here = of(self.levels(Some(env)).and_then(Levels::file));
            let here = without(here, &workspace, merges);
            let hides = |key: &&str| !here.contains_key(*key) || is_map(key);
            let forget: Vec<&str> = base.keys().copied().filter(hides).collect();
            let forget = if contexts { forget } else { Vec::new() };
            below.extend(here.keys());
            put(&mut sheet, (&At::File, Some(env)), here, &forget);
        }
        let forgets = |values: &Values, below: &BTreeSet<&str>| -> Vec<&str> {
            let replaced = values.iter().filter(|(key, value)| is_map(key) || is_empty(value));
            let replaced = replaced.map(|(key, _)| *key).filter(|key| below.contains(key));
            if maps { replaced.collect() } else { Vec::new() }
        };
        put(&mut sheet, (&At::Workspace, None), workspace, &[]);
        put(&mut sheet, (&At::File, None), base, &[]);
        for (package, handlers) in &self.inputs.packages {
            let own = of(plain.own(Some(package)));
            let mut below_handlers = below.clone();
            below_handlers.extend(own.keys());
            for handler in handlers {
                let mut values = Values::new();
                for (level, said, _) in plain.of_handler((package, handlers), handler) {
                    match level {
                        Level::WorkspaceBin => values = without(of(Some(said)), &own, merges),
                        Level::PackageBin => {
                            let above = of(Some(said));
                            let mut both = without(values, &above, merges);
                            merge(&mut both, above);
                            values = both;
                        }
                        Level::File | Level::Workspace | Level::Package => {}
                    }
                }
                let forget = forgets(&values, &below_handlers);
                let at = At::Handler(package.clone(), handler.clone());
                put(&mut sheet, (&at, None), values, &forget);
            }
            let forget = forgets(&own, &below);
            put(&mut sheet, (&At::Package(package.clone()), None), own, &forget);
        }
        sheet
    }

    /// Each table's own keys, but for packages where that would mean something else: these forget what is
    /// below, and say all that counts.
    fn mended(&self, group: &Group) -> Sheet {
        let mut sheet = self.by_table(group, (true, false));
        let of_all = |place: &Place| matches!(place.at, At::Workspace | At::File);
        let below = sheet.0.iter().filter(|(place, _)| of_all(place));
        let below: BTreeSet<&str> = below.flat_map(|(_, values)| values.keys().copied()).collect();
        let below: Vec<&str> = group.iter().copied().filter(|key| below.contains(key)).collect();
        for (package, handlers) in &self.inputs.packages {
            let of_package = handlers.iter().map(|name| (package, name));
            if self.differing(group, &sheet, &of_package).is_empty() {
                continue;
            }
            sheet.0.retain(|place, _| match &place.at {
                At::Package(name) | At::Handler(name, _) => name != package,
                At::Workspace | At::File => true,
            });
            self.say_all(&mut sheet, group, (package, handlers), &below);
        }
        sheet
    }

    /// All that counts for each handler in its own table, or in its package's where that is all the same.
    fn by_handler(&self, group: &Group) -> Sheet {
        let mut sheet = Sheet::default();
        for of_package in &self.inputs.packages {
            self.say_all(&mut sheet, group, of_package, &[]);
        }
        sheet
    }

    /// The same of one package, with what is forgotten of lower tables.
    fn say_all(
        &self,
        sheet: &mut Sheet,
        group: &Group,
        (package, handlers): (&String, &BTreeSet<String>),
        forget: &[&str],
    ) {
        let of_handler = |handler: &String| -> BTreeMap<Option<&String>, Values> {
            let each = self.before.iter().map(|(env, state)| {
                (env.as_ref(), wanted(&state.config, (package, handler), group))
            });
            each.collect()
        };
        let all: Vec<_> = handlers.iter().map(of_handler).collect();
        let is_one = all.windows(2).all(|two| match two {
            [one, other] => one.iter().all(|(env, values)| {
                other.get(env).is_some_and(|other| differing(group, values, other).is_empty())
            }),
            _ => true,
        });
        let of_package = [At::Package(package.clone())];
        let of_each: Vec<At> =
            handlers.iter().map(|name| At::Handler(package.clone(), name.clone())).collect();
        let places = if is_one { &of_package[..] } else { &of_each[..] };
        for (at, wanted) in places.iter().zip(all) {
            explicit(sheet, at, group, (&wanted, forget));
        }
    }

    /// Whether our tables with these say of some keys what counted before.
    fn fits(&self, group: &Group, sheet: &Sheet) -> Result<(), Vec<Mistake>> {
        let mistakes = self.differing(group, sheet, &self.handlers());
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }

    /// What would be another for some handlers.
    fn differing<'h>(
        &self,
        group: &Group,
        sheet: &Sheet,
        handlers: &(impl Iterator<Item = (&'h String, &'h String)> + Clone),
    ) -> Vec<Mistake> {
        let mut mistakes = Vec::new();
        for (env, state) in self.before {
            let places = sheet.0.iter();
            let places = places.filter(|(place, _)| place.env.is_none() || place.env == *env);
            let mut reader = Reader::new(self.inputs);
            for (place, values) in places {
                let mut values = values.clone();
                // Its path starts from the workspace's folder, wherever it will stand.
                if let Some(value) = values.get_mut("env-file") {
                    value.origin = Origin::Flag("env-file");
                }
                reader.layers.push(place.layer(values));
                reader.env_file(Some(""));
            }
            let mut layers = reader.layers;
            layers.extend(of_tier(&state.config, false).cloned());
            layers.sort_by_key(|layer| layer.rank);
            let after = Config { layers, ..Config::default() };
            for at in handlers.clone() {
                let configs = (&state.config, &after);
                let keys = group.iter().copied();
                mistakes.extend(differences(env.as_ref(), configs, (at.0, at.1), keys));
            }
        }
        mistakes
    }
}

/// What some keys mean otherwise than before.
pub(super) fn differences<'k>(
    env: Option<&String>,
    (before, after): (&Config, &Config),
    (package, handler): (&str, &str),
    keys: impl Iterator<Item = &'k str>,
) -> Vec<Mistake> {
    let (old, new) = (before.of_handler(package, handler), after.of_handler(package, handler));
    let differs = |key: &&str| match *key {
        "env-file" => {
            env_file_path(before, package, handler) != env_file_path(after, package, handler)
        }
        key => !same_if_any(old.get(key), new.get(key)),
    };
    let mistake = |key: &str| {
        let of_env = env.map_or_else(String::new, |env| format!(" in the environment `{env}`"));
        let found = old.get(key).or(new.get(key));
        Mistake {
            origin: found.map_or(Origin::Flag("migrate"), |value| value.origin.clone()),
            what: format!(
                "`{key}` of `{handler}` (package `{package}`){of_env} would be another with tables of ours: say \
                 it there by hand, then `migrate` takes the rest"
            ),
        }
    };
    keys.filter(differs).map(mistake).collect()
}

/// The layers that are written for cargo-lambda, or ours.
fn of_tier(config: &Config, theirs: bool) -> impl Iterator<Item = &Layer> {
    config.layers.iter().filter(move |layer| (layer.rank.tier == Tier::CargoLambda) == theirs)
}

/// What cargo-lambda's tables say of a handler, as one table of ours says it where nothing of ours hides it.
fn wanted(config: &Config, (package, handler): (&str, &str), group: &Group) -> Values {
    let for_ = For::Handler(package.to_owned(), handler.to_owned());
    let mut values = Values::new();
    for layer in of_tier(config, true).filter(|layer| layer.for_ == for_) {
        // What its file hides of the section `[env]` a table of ours would let stand out.
        let of_file = layer.env_file.as_ref().map(|file| &file.node);
        if let (Some(Node::Table(file)), Some(below)) = (of_file, values.get_mut("environment"))
            && let Node::Table(below) = &mut below.node
        {
            below.retain(|name, _| !file.contains_key(name));
        }
        merge(&mut values, layer.values.clone());
    }
    values.retain(|key, _| group.contains(key));
    let ours = Config { layers: of_tier(config, false).cloned().collect(), ..Config::default() };
    let hidden = ours.of_handler(package, handler).into_iter();
    let mut values = without(values, &hidden.collect(), is_map);
    values.retain(|_, value| !is_empty(value));
    values
}

/// A table for all environments, and for each that differs.
fn explicit(
    sheet: &mut Sheet,
    at: &At,
    group: &Group,
    (wanted, below): (&BTreeMap<Option<&String>, Values>, &[&str]),
) {
    let base = wanted.get(&None).cloned().unwrap_or_default();
    for (env, values) in wanted.iter().filter(|(env, _)| env.is_some()) {
        let differing = differing(group, &base, values);
        let said = values.iter().filter(|(key, _)| differing.contains(key));
        let said = said.map(|(key, value)| (*key, value.clone())).collect();
        let forget: Vec<&str> =
            differing.iter().copied().filter(|key| base.contains_key(key)).collect();
        sheet.put(at, *env, said, &forget);
    }
    sheet.put(at, None, base, below);
}

/// The keys of a group of which two tables say different things. Of variables all of them do then.
fn differing(group: &Group, one: &Values, other: &Values) -> Vec<&'static str> {
    let differs = |key: &&&'static str| !same_if_any(one.get(**key), other.get(**key));
    if group.iter().any(|key| differs(&key)) { group.clone() } else { Vec::new() }
}

/// What a table says of some keys.
fn only(said: &Said, group: &Group) -> Values {
    said.flat().into_iter().filter(|(key, _)| group.contains(key)).collect()
}

/// Whether cargo-lambda's own tables lie over one another by entry: its tags do not.
fn merges(key: &str) -> bool {
    key == "environment"
}

/// Values without what higher ones hide.
fn without(mut values: Values, above: &Values, by_entry: fn(&str) -> bool) -> Values {
    values.retain(|key, value| match (above.get(key).map(|value| &value.node), &mut value.node) {
        (None, _) => true,
        (Some(Node::Table(above)), Node::Table(table)) if by_entry(key) => {
            table.retain(|name, _| !above.contains_key(name));
            !table.is_empty()
        }
        _ => false,
    });
    values
}

/// Puts values over others, maps by entry.
fn merge(values: &mut Values, above: Values) {
    for (key, value) in above {
        match (values.get_mut(key).map(|below| &mut below.node), value.node) {
            (Some(Node::Table(below)), Node::Table(table)) => below.extend(table),
            (_, node) => drop(values.insert(key, Located { node, origin: value.origin })),
        }
    }
}

/// Without what is empty, which takes away what is below and is then nothing.
fn put(sheet: &mut Sheet, (at, env): (&At, Option<&String>), mut values: Values, forget: &[&str]) {
    values.retain(|_, value| !is_empty(value));
    sheet.put(at, env, values, forget);
}
