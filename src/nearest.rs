//! "Did you mean": the known name nearest to one that is unknown.

/// The candidate nearest to `name`, if any is near enough to be meant: at most a third of the
/// longer name's letters changed (Damerau-Levenshtein), or one contained in the other.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    candidates
        .into_iter()
        .filter_map(|candidate| {
            // Case alone is no distance.
            let distance = if name.eq_ignore_ascii_case(candidate) {
                0
            } else {
                strsim::damerau_levenshtein(name, candidate)
            };
            let longer = name.chars().count().max(candidate.chars().count());
            let contained =
                name.len() >= 3 && (candidate.contains(name) || name.contains(candidate));
            (distance * 3 <= longer || contained).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// What to say of an unknown name: the nearest one, else all that are known.
pub(crate) fn suggestion<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = candidates.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "there is none".to_owned(),
        None => format!("known are {}", quoted(&known)),
    }
}

/// `` `a`, `b` `` — the first twelve, and how many more.
pub(crate) fn quoted(names: &[&str]) -> String {
    let mut text =
        names.iter().take(12).map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    if names.len() > 12 {
        text.push_str(&format!(" and {} more", names.len() - 12));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_is_near_and_far_lists() {
        let names = ["orders-api", "orders-worker", "report"];
        assert_eq!(suggestion("order-api", names), "did you mean `orders-api`?");
        assert_eq!(suggestion("worker", names), "did you mean `orders-worker`?");
        assert_eq!(suggestion("zzz", names), "known are `orders-api`, `orders-worker`, `report`");
        assert_eq!(suggestion("zzz", []), "there is none");
    }
}
