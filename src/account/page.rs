//! Lists by pages: `Marker` and `MaxItems`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Input, Object};

/// One page of a list.
///
/// `items` come in the order of their keys; `show` makes the answer of one. `most`: how many a page has
/// at most (the service's limit for the operation). Puts the list under `member`, and `NextMarker` if
/// there are more.
pub(super) fn page<T, V: Into<serde_json::Value>>(
    input: &Input,
    member: &str,
    most: usize,
    items: impl Iterator<Item = (String, T)>,
    show: impl Fn(T) -> V,
) -> Object {
    let asked = input.number("MaxItems").and_then(|asked| usize::try_from(asked).ok());
    let size = asked.map_or(most, |asked| asked.clamp(1, most));
    // A marker that is not ours is as good as none, as with the service's lists.
    let after = input.text("Marker").and_then(decode);
    let mut rest = items.skip_while(|(key, _)| after.as_ref().is_some_and(|after| key <= after));
    let mut last = String::new();
    let shown: Vec<serde_json::Value> = rest
        .by_ref()
        .take(size)
        .map(|(key, item)| {
            last = key;
            show(item).into()
        })
        .collect();
    let mut answer = Object::new();
    answer.insert(member.to_owned(), shown.into());
    if rest.next().is_some() {
        answer.insert("NextMarker".to_owned(), URL_SAFE_NO_PAD.encode(last).into());
    }
    answer
}

/// The key that a marker stands for.
fn decode(marker: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(marker).ok()?).ok()
}

/// A key that sorts as the number does.
pub(super) fn number(number: u64) -> String {
    format!("{number:020}")
}

#[cfg(test)]
mod tests;
