//! Where functions would have more layers than they may have: which of them give up which.
//!
//! Layers of the same functions become one first, which costs no byte. Beyond that it is a packing
//! problem: choosing the best layers first and then trying to do better, one layer at a time, comes
//! near the optimum (the tests hold it against that) in a time that does not explode.

use std::collections::{BTreeMap, BTreeSet};

use super::{Class, Stay, TooMany, size};

/// How many changes are tried at most, where there are few classes; with many each costs more.
const TRIES: usize = 1500;
/// The same times the number of classes.
const WORK: usize = 8_000;
/// How many choices are kept to be changed again.
const BEAM: usize = 12;
/// How often none may be better before that is the end.
const PATIENCE: usize = 2;

/// A set of functions, by their place in the list.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Set(Vec<u64>);

/// What is known of a class while it is chosen.
struct Candidate {
    size: u64,
    users: Set,
    /// It stays as it is.
    fixed: bool,
}

/// What is to be chosen from.
struct Problem<'a> {
    candidates: Vec<Candidate>,
    /// How many layers each function may have.
    slots: Vec<usize>,
    /// What a layer must save.
    min_saving: u64,
    names: Vec<&'a str>,
}

/// For each class the functions that take it from a layer.
#[derive(Clone)]
struct Choice {
    keepers: Vec<Set>,
    /// The classes of each function.
    own: Vec<Vec<usize>>,
}

/// The classes that become layers, such that every function has at most as many as it has slots.
pub(super) fn fit(
    classes: Vec<Class>,
    slots: &BTreeMap<&str, usize>,
    min_saving: u64,
    stay: &mut dyn FnMut(&Class, &str, Stay),
) -> Result<Vec<Class>, TooMany> {
    let problem = Problem::new(&classes, slots, min_saving);
    if let Some(at) = problem.hopeless() {
        return Err(too_many(&classes, slots, problem.names.get(at).copied().unwrap_or_default()));
    }
    let choice = problem.best();
    let mut chosen = Vec::new();
    for (class, keepers) in classes.into_iter().zip(choice.keepers) {
        let users: BTreeSet<String> =
            keepers.iter().map(|at| problem.names[at].to_owned()).collect();
        for user in class.users.difference(&users) {
            stay(&class, user, Stay::NoSlot { users: class.users.len(), saves: class.saves() });
        }
        if !users.is_empty() {
            chosen.push(Class { users, ..class });
        }
    }
    // Who gave up a layer may now have one in common with others.
    let mut chosen = same_users_together(chosen);
    while merge_kinds(&mut chosen, slots) {}
    chosen.sort_by(|a, b| (&a.kinds, first(a)).cmp(&(&b.kinds, first(b))));
    Ok(chosen)
}

fn first(class: &Class) -> Option<&String> {
    class.files.keys().next()
}

fn same_users_together(classes: Vec<Class>) -> Vec<Class> {
    let mut all: BTreeMap<(BTreeSet<String>, BTreeSet<super::Kind>), Class> = BTreeMap::new();
    for class in classes {
        match all.get_mut(&(class.users.clone(), class.kinds.clone())) {
            Some(known) => known.take(class),
            None => drop(all.insert((class.users.clone(), class.kinds.clone()), class)),
        }
    }
    all.into_values().collect()
}

/// Of the layers that the same functions have, one of which has too many, the two smallest become one.
/// Their files then change together, and that is all it costs.
fn merge_kinds(classes: &mut Vec<Class>, slots: &BTreeMap<&str, usize>) -> bool {
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for user in classes.iter().flat_map(|class| &class.users) {
        *count.entry(user).or_default() += 1;
    }
    let crowded =
        |user: &String| count.get(user.as_str()).copied() > slots.get(user.as_str()).copied();
    let mut pairs = Vec::new();
    for (at, one) in classes.iter().enumerate().filter(|(_, one)| one.users.iter().any(crowded)) {
        for (later, two) in classes.iter().enumerate().skip(at + 1) {
            if one.users == two.users {
                pairs.push((
                    size(&one.files) + size(&two.files),
                    first(one),
                    first(two),
                    at,
                    later,
                ));
            }
        }
    }
    let Some((.., at, later)) = pairs.into_iter().min() else { return false };
    let second = classes.remove(later);
    if let Some(class) = classes.get_mut(at) {
        class.take(second);
    }
    true
}

fn too_many(classes: &[Class], slots: &BTreeMap<&str, usize>, function: &str) -> TooMany {
    let own = classes.iter().filter(|it| it.needs_layer() && it.users.contains(function));
    TooMany {
        slots: slots.get(function).copied().unwrap_or_default(),
        layers: own.map(Class::shown).collect(),
        function: function.to_owned(),
    }
}

impl<'a> Problem<'a> {
    fn new(classes: &[Class], slots: &BTreeMap<&'a str, usize>, min_saving: u64) -> Self {
        let names: Vec<&str> = slots.keys().copied().collect();
        let candidate = |class: &Class| {
            let places =
                class.users.iter().filter_map(|user| names.binary_search(&user.as_str()).ok());
            Candidate {
                size: size(&class.files),
                users: places.collect(),
                fixed: class.needs_layer(),
            }
        };
        let candidates = classes.iter().map(candidate).collect();
        Self { candidates, slots: slots.values().copied().collect(), min_saving, names }
    }

    /// A function that has no room even for what needs a layer.
    fn hopeless(&self) -> Option<usize> {
        let choice = self.fixed();
        (0..self.slots.len()).find(|user| !self.has_room(&choice, *user))
    }

    fn fixed(&self) -> Choice {
        let none = vec![Set::default(); self.candidates.len()];
        let mut choice = Choice { keepers: none, own: vec![Vec::new(); self.slots.len()] };
        for (class, candidate) in self.candidates.iter().enumerate().filter(|(_, it)| it.fixed) {
            choice.set(class, candidate.users.clone());
        }
        choice
    }

    fn has_room(&self, choice: &Choice, user: usize) -> bool {
        let own = &choice.own[user];
        own.len() <= self.slots[user]
            || own.iter().map(|class| &choice.keepers[*class]).collect::<BTreeSet<_>>().len()
                <= self.slots[user]
    }

    /// What functions and layers hold together, in bytes.
    fn cost(&self, choice: &Choice) -> u64 {
        let cost = |(candidate, keepers): (&Candidate, &Set)| {
            let kept = keepers.len() as u64;
            candidate.size * (candidate.users.len() as u64 - kept + u64::from(kept > 0))
        };
        self.candidates.iter().zip(&choice.keepers).map(cost).sum()
    }

    fn is_worth(&self, class: usize, keepers: &Set) -> bool {
        keepers.len() > 1
            && self.candidates[class].size * (keepers.len() as u64 - 1) >= self.min_saving
    }

    fn best(&self) -> Choice {
        let everything = self.everything();
        if let Some(choice) = everything {
            return choice;
        }
        let mut start = self.fixed();
        self.fill(&mut start);
        let mut beam = BTreeMap::from([((self.cost(&start), start.keepers.clone()), start)]);
        let mut seen: BTreeSet<Vec<Set>> =
            beam.keys().map(|(_, keepers)| keepers.clone()).collect();
        let most = TRIES.min(WORK / self.candidates.len().max(1));
        let (mut tries, mut patience) = (0, PATIENCE);
        while patience > 0 && tries < most {
            let before = beam.keys().next().map(|(cost, _)| *cost);
            let last: Vec<Choice> = beam.values().cloned().collect();
            let open = (0..self.candidates.len()).filter(|class| !self.candidates[*class].fixed);
            for (class, choice) in open.flat_map(|class| last.iter().map(move |it| (class, it))) {
                for changed in self.changes(choice, class) {
                    tries += 1;
                    if seen.insert(changed.keepers.clone()) {
                        beam.insert((self.cost(&changed), changed.keepers.clone()), changed);
                    }
                }
                while beam.len() > BEAM {
                    beam.pop_last();
                }
                if tries > most {
                    break;
                }
            }
            let now = beam.keys().next().map(|(cost, _)| *cost);
            patience = if now < before { PATIENCE } else { patience - 1 };
        }
        beam.pop_first().map_or_else(|| self.fixed(), |(_, best)| best)
    }

    /// Every class as the layer of all its functions, if they have room.
    fn everything(&self) -> Option<Choice> {
        let mut choice = self.fixed();
        for (class, candidate) in self.candidates.iter().enumerate() {
            choice.set(class, candidate.users.clone());
        }
        (0..self.slots.len()).all(|user| self.has_room(&choice, user)).then_some(choice)
    }

    /// Adds what there is room for, the best first.
    fn fill(&self, choice: &mut Choice) {
        let mut order: Vec<usize> = (0..self.candidates.len()).collect();
        let saves = |class: &usize| {
            let candidate = &self.candidates[*class];
            candidate.size * (candidate.users.len() as u64).saturating_sub(1)
        };
        order.sort_by_key(|class| std::cmp::Reverse(saves(class)));
        for class in order.into_iter().filter(|class| !self.candidates[*class].fixed) {
            let old = choice.keepers[class].clone();
            let all = &self.candidates[class].users;
            if old == *all || self.put(choice, class, all) {
                continue;
            }
            let free = |user: &usize| old.has(*user) || choice.own[*user].len() < self.slots[*user];
            let some: Set = all.iter().filter(free).collect();
            if some != old {
                self.put(choice, class, &some);
            }
        }
    }

    /// Makes these the functions of a class, unless that leaves one without room.
    fn put(&self, choice: &mut Choice, class: usize, keepers: &Set) -> bool {
        if !self.is_worth(class, keepers) {
            return false;
        }
        let old = choice.keepers[class].clone();
        choice.set(class, keepers.clone());
        // Others may have had it in common with those that leave.
        let concerned = old.iter().chain(keepers.iter());
        if concerned.into_iter().all(|user| self.has_room(choice, user)) {
            return true;
        }
        choice.set(class, old);
        false
    }

    /// Other choices: without the class; with it in all its functions, whatever those give up for it; and
    /// with it in those that have another class in common.
    fn changes(&self, choice: &Choice, class: usize) -> Vec<Choice> {
        let mut changes = Vec::new();
        if !choice.keepers[class].is_empty() {
            let mut without = choice.clone();
            without.set(class, Set::default());
            changes.push(without);
        }
        let users = &self.candidates[class].users;
        let sets = choice.keepers.iter().map(|set| set.and(users)).filter(|set| set.len() > 1);
        let open = users.iter().filter(|user| self.slots[*user] > 0).collect();
        let sets: BTreeSet<Set> = sets.chain([users.clone(), open]).collect();
        for set in sets.iter().take(8).filter(|set| **set != choice.keepers[class]) {
            if let Some(changed) = self.with(choice, class, set) {
                changes.push(changed);
            }
        }
        for changed in &mut changes {
            self.fill(changed);
        }
        changes
    }

    /// With a class in these functions; each gives up the ones that save least there.
    fn with(&self, choice: &Choice, class: usize, keepers: &Set) -> Option<Choice> {
        if !self.is_worth(class, keepers) {
            return None;
        }
        let mut changed = choice.clone();
        changed.set(class, keepers.clone());
        for user in 0..self.slots.len() {
            while !self.has_room(&changed, user) {
                let others = changed.own[user].iter().copied();
                let others =
                    others.filter(|other| *other != class && !self.candidates[*other].fixed);
                let other = others.min_by_key(|other| (self.candidates[*other].size, *other))?;
                let mut rest = changed.keepers[other].clone();
                rest.remove(user);
                let rest = if self.is_worth(other, &rest) { rest } else { Set::default() };
                changed.set(other, rest);
            }
        }
        // What one gave up may have been in common with another's.
        (0..self.slots.len()).all(|user| self.has_room(&changed, user)).then_some(changed)
    }
}

impl Choice {
    fn set(&mut self, class: usize, keepers: Set) {
        for user in self.keepers[class].iter() {
            self.own[user].retain(|own| *own != class);
        }
        for user in keepers.iter() {
            self.own[user].push(class);
        }
        self.keepers[class] = keepers;
    }
}

impl Set {
    fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word & (1 << (place % 64)) != 0)
    }

    fn remove(&mut self, place: usize) {
        if let Some(word) = self.0.get_mut(place / 64) {
            *word &= !(1 << (place % 64));
        }
        self.trim();
    }

    fn len(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }

    fn and(&self, other: &Self) -> Self {
        let words = self.0.iter().zip(&other.0).map(|(one, two)| one & two);
        let mut set = Self(words.collect());
        set.trim();
        set
    }

    /// Two of the same are equal.
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }
}

impl FromIterator<usize> for Set {
    fn from_iter<T: IntoIterator<Item = usize>>(places: T) -> Self {
        let mut words = Vec::new();
        for place in places {
            if words.len() <= place / 64 {
                words.resize(place / 64 + 1, 0);
            }
            if let Some(word) = words.get_mut(place / 64) {
                *word |= 1 << (place % 64);
            }
        }
        Self(words)
    }
}

impl Class {
    fn take(&mut self, other: Self) {
        self.kinds.extend(other.kinds);
        self.files.extend(other.files);
    }
}
