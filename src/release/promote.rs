//! Which version goes from one alias to another.

use super::Object;
use super::content::text;
use super::moves::{Move, Refused};
use super::next::Refusal;
use super::observed::{points_at, weights};
use super::releases::Released;
use super::shift::guard;

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The alias whose version it is.
    pub from: String,
    /// The alias that is to point at it.
    pub to: String,
    /// Whether weights that somebody left on that alias are taken off.
    pub clear_weights: bool,
    /// This promotion, in the marker of every alias that it moves.
    pub by: String,
}

/// Where the alias of a function is to point.
///
/// # Errors
///
/// Why it cannot be said: every reason is known before anything moves.
pub fn decide(function: &str, released: &Released, asked: &Asked) -> Result<Move, Refusal> {
    if !released.exists {
        return Err(Refused::NoFunction.into());
    }
    let find = |name: &str| released.aliases.iter().find(|it| text(it, "Name") == Some(name));
    let version = version(&asked.from, find(&asked.from))?;
    let target = find(&asked.to);
    let shifts = target.and_then(|alias| guard::of_another(&asked.to, alias));
    if let Some(why) = shifts.filter(|_| !asked.clear_weights) {
        return Err(Refusal::Shift(why));
    }
    let weights = target.map(weights).unwrap_or_default();
    if !weights.is_empty() && !asked.clear_weights {
        return Err(Refusal::Weights { alias: asked.to.clone(), weights });
    }
    Ok(Move {
        function: function.to_owned(),
        alias: asked.to.clone(),
        seen: target.cloned(),
        to: version.to_owned(),
        back: false,
        deploy: asked.by.clone(),
        clear_weights: asked.clear_weights,
    })
}

/// The version behind an alias (`GetAlias`) that is followed.
///
/// # Errors
///
/// If it leads to none, or to two.
pub fn version<'a>(name: &str, source: Option<&'a Object>) -> Result<&'a str, Refused> {
    let alias = name.to_owned();
    let Some(source) = source else { return Err(Refused::NoSource(alias)) };
    if !weights(source).is_empty() {
        return Err(Refused::SourceWeights { alias });
    }
    match points_at(source) {
        "$LATEST" => Err(Refused::SourceLatest { alias }),
        version => Ok(version),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn alias(name: &str, version: &str, weights: &serde_json::Value) -> Object {
        let routing = json!({ "AdditionalVersionWeights": weights });
        json!({ "Name": name, "FunctionVersion": version, "RoutingConfig": routing })
            .as_object()
            .cloned()
            .unwrap()
    }

    fn decided(aliases: Vec<Object>, clear_weights: bool) -> Result<Move, Refusal> {
        let released = Released { exists: true, aliases, ..Released::default() };
        let (from, to, by) = ("beta".to_owned(), "live".to_owned(), "p1".to_owned());
        decide("api", &released, &Asked { from, to, clear_weights, by })
    }

    #[test]
    fn the_version_behind_one_alias_goes_to_another_that_need_not_be_there() {
        let beta = alias("beta", "7", &json!({}));
        let new = decided(vec![beta.clone()], false).unwrap();
        assert_eq!((new.to.as_str(), new.seen, new.back), ("7", None, false));
        let live = alias("live", "6", &json!({}));
        let moved = decided(vec![beta, live.clone()], false).unwrap();
        assert_eq!((moved.from(), moved.seen.as_ref()), (Some("6"), Some(&live)));
    }

    #[test]
    fn what_cannot_be_promoted_says_why() {
        let none = json!({});
        let some = json!({ "7": 0.1 });
        let refused = |aliases, clear| decided(aliases, clear).unwrap_err().to_string();
        for (aliases, why) in [
            (vec![], "it has no alias beta"),
            (vec![alias("beta", "$LATEST", &none)], "alias beta points at $LATEST"),
            (vec![alias("beta", "6", &some)], "alias beta sends a part of its traffic"),
        ] {
            assert!(refused(aliases, true).contains(why), "{why}");
        }
        let shifting = vec![alias("beta", "7", &none), alias("live", "6", &some)];
        assert!(refused(shifting.clone(), false).contains("to version 7 (0.1)"));
        assert!(decided(shifting, true).is_ok());
        let nowhere = decide("api", &Released::default(), &Asked::default());
        assert_eq!(nowhere, Err(Refused::NoFunction.into()));
    }
}
