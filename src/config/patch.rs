//! What one layer says of one key, as something that can be put over what a lower one says.
//!
//! Putting patches over one another is associative: layers may be merged in any grouping, as long as
//! their order is kept.

use super::located::{Located, Node, Origin, Table};

/// What is said of one key.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Patch {
    /// A value that takes the place of any other.
    Set(Located),
    /// Entries of a map: over those below, or instead of them.
    Entries {
        /// Whether those below are forgotten.
        clear: bool,
        /// The entries.
        table: Table,
        /// Where the topmost was said.
        origin: Origin,
    },
    /// Elements of a list: behind those below, or instead of them.
    Items {
        /// Whether those below stay.
        extend: bool,
        /// The elements.
        items: Vec<Located>,
        /// Where they were said.
        origin: Origin,
    },
}

impl Patch {
    /// What a checked value says. An empty map clears; `{ extend = true, items = […] }` extends.
    pub(super) fn new(value: &Located) -> Self {
        let origin = value.origin.clone();
        match &value.node {
            Node::Table(table) if is_extension(table) => {
                let items = match table.get("items").map(|items| &items.node) {
                    Some(Node::List(items)) => items.clone(),
                    _ => Vec::new(),
                };
                Self::Items { extend: true, items, origin }
            }
            Node::Table(table) => {
                Self::Entries { clear: table.is_empty(), table: table.clone(), origin }
            }
            Node::List(items) => Self::Items { extend: false, items: items.clone(), origin },
            _ => Self::Set(value.clone()),
        }
    }

    /// This, put over what a lower layer says.
    pub(super) fn over(self, below: Self) -> Self {
        match (self, below) {
            (
                Self::Entries { clear: false, table, origin },
                Self::Entries { clear, table: mut merged, .. },
            ) => {
                merged.extend(table);
                Self::Entries { clear, table: merged, origin }
            }
            (
                Self::Items { extend: true, items, origin },
                Self::Items { extend, items: mut merged, origin: below },
            ) => {
                merged.extend(items);
                Self::Items { extend, items: merged, origin: below.and(origin) }
            }
            (above, _) => above,
        }
    }

    /// The value, when nothing lower is left.
    pub(super) fn into_value(self) -> Located {
        match self {
            Self::Set(value) => value,
            Self::Entries { table, origin, .. } => Located { node: Node::Table(table), origin },
            Self::Items { items, origin, .. } => Located { node: Node::List(items), origin },
        }
    }
}

/// `{ extend = true, items = […] }`, as `check` lets it through.
pub(super) fn is_extension(table: &Table) -> bool {
    matches!(table.get("extend").map(|value| &value.node), Some(Node::Boolean(true)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn patch(of_map: bool) -> impl Strategy<Value = Patch> {
        let origin = Origin::Flag("x");
        let values = proptest::collection::vec(("[a-c]", 0_i64..9), 0..4);
        (any::<bool>(), values).prop_map(move |(flag, values)| {
            let located =
                |number| Located { node: Node::Integer(number), origin: Origin::Flag("x") };
            if of_map {
                let table: Table = values.into_iter().map(|(k, v)| (k, located(v))).collect();
                Patch::Entries { clear: flag || table.is_empty(), table, origin: origin.clone() }
            } else {
                let items = values.into_iter().map(|(_, v)| located(v)).collect();
                Patch::Items { extend: flag, items, origin: origin.clone() }
            }
        })
    }

    fn three(of_map: bool) -> impl Strategy<Value = (Patch, Patch, Patch)> {
        (patch(of_map), patch(of_map), patch(of_map))
    }

    proptest! {
        #[test]
        fn merging_is_associative((a, b, c) in any::<bool>().prop_flat_map(three)) {
            let left = a.clone().over(b.clone()).over(c.clone());
            let right = a.over(b.over(c));
            prop_assert_eq!(left, right);
        }
    }
}
