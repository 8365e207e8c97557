//! What sharing a run adds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::Unit;
use super::graph::{Graph, GraphError};
use super::groups::alone;
use super::resolve::Side;
use crate::plan::{FeatureSelection, Run};

/// Features that a package has in a run and would not have if a handler's package were built alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gain {
    /// The package that gains them: name and version.
    pub package: String,
    /// Where it is compiled.
    pub side: Side,
    /// The features, sorted; empty where only optional dependencies come along.
    pub features: Vec<String>,
    /// The packages of the handlers that get it so, sorted.
    pub units: Vec<String>,
}

impl fmt::Display for Gain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let side = match self.side {
            Side::Target => "",
            Side::Host => " (for build scripts and macros)",
        };
        let what =
            if self.features.is_empty() { "dependencies" } else { &self.features.join(", ") };
        write!(f, "{}{side} gains {what} in {}", self.package, self.units.join(", "))
    }
}

/// Which packages gain what in these runs over each unit built alone, in the order of their names.
/// `of`: where each function's unit stands among the units.
pub fn gains(
    graph: &Graph<'_>,
    units: &[Unit],
    of: &[usize],
    runs: &[Run],
    selection: &FeatureSelection,
) -> Result<Vec<Gain>, GraphError> {
    let mut found: BTreeMap<(String, Side, Vec<String>), BTreeSet<String>> = BTreeMap::new();
    for run in runs {
        let here: BTreeSet<usize> =
            run.members.iter().filter_map(|member| of.get(*member).copied()).collect();
        let here: Vec<&Unit> = here.into_iter().filter_map(|index| units.get(index)).collect();
        let dev = here.iter().any(|unit| unit.dev);
        let together = graph.resolve(&run.packages, dev, selection)?;
        for unit in here {
            let name =
                graph.index(&unit.package).map(|index| graph.name(index)).unwrap_or_default();
            let (alone, _) = alone(graph, unit, selection)?;
            for (key, state) in &alone.resolved.states {
                let Some(more) = together.states.get(key).filter(|more| *more != state) else {
                    continue;
                };
                let gained =
                    more.features.difference(&state.features).map(|&f| f.to_owned()).collect();
                let package = graph.name_and_version(key.0);
                found.entry((package, key.1, gained)).or_default().insert(name.clone());
            }
        }
    }
    let gain = |((package, side, features), units): (_, BTreeSet<String>)| Gain {
        package,
        side,
        features,
        units: units.into_iter().collect(),
    };
    Ok(found.into_iter().map(gain).collect())
}

impl Graph<'_> {
    fn name(&self, index: usize) -> String {
        self.packages.get(index).map_or_else(String::new, |v| v.package.name.to_string())
    }

    fn name_and_version(&self, index: usize) -> String {
        let named =
            |package: &cargo_metadata::Package| format!("{} {}", package.name, package.version);
        self.packages.get(index).map_or_else(String::new, |vertex| named(vertex.package))
    }
}
