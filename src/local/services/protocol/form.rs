//! The query protocol: `Action=…&Dimensions.member.1.Name=…`.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::account::Object;
use crate::local::services::refusal::Refusal;
use crate::percent;

/// How deep members may lie in each other.
const DEPTH: usize = 32;

/// What stands under a name.
#[derive(Debug, Default)]
struct Node {
    text: Option<String>,
    below: BTreeMap<String, Node>,
}

/// The operation and its members, from the query and the body.
pub(super) fn read(query: &str, body: &str) -> Result<(String, Object), Refusal> {
    let mut root = Node::default();
    for pair in query.split('&').chain(body.split('&')).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decoded(name), decoded(value));
        if name.split('.').count() > DEPTH {
            return Err(Refusal::unreadable("members lie too deep in each other"));
        }
        let mut node = &mut root;
        for part in name.split('.') {
            node = node.below.entry(part.to_owned()).or_default();
        }
        node.text = Some(value);
    }
    let mut members: Object =
        root.below.into_iter().map(|(name, node)| (name, node.value())).collect();
    members.remove("Version");
    match members.remove("Action") {
        Some(Value::String(operation)) => Ok((operation, members)),
        _ => Err(Refusal::unknown("")),
    }
}

fn decoded(text: &str) -> String {
    percent::decoded(&text.replace('+', " "))
}

impl Node {
    fn value(mut self) -> Value {
        if let Some(list) = self.below.remove("member") {
            let place = |name: &String| name.parse::<u64>().unwrap_or(u64::MAX);
            let mut items: Vec<_> = list.below.into_iter().collect();
            items.sort_by_key(|(name, _)| place(name));
            return Value::Array(items.into_iter().map(|(_, node)| node.value()).collect());
        }
        match self.text {
            Some(text) if self.below.is_empty() => Value::String(text),
            _ => Value::Object(
                self.below.into_iter().map(|(name, node)| (name, node.value())).collect(),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dots_lead_into_structures_and_lists() {
        let body = "Action=GetMetricData&Version=2010-08-01&StartTime=2026-11-20T17%3A38%3A42Z\
                    &Q.member.2.Id=b&Q.member.10.Id=c+d&Q.member.1.Stat.Period=60&Empty=";
        let (operation, members) = read("", body).unwrap();
        assert_eq!(operation, "GetMetricData");
        let expected = json!({
            "StartTime": "2026-11-20T17:38:42Z", "Empty": "",
            "Q": [{"Stat": {"Period": "60"}}, {"Id": "b"}, {"Id": "c d"}],
        });
        assert_eq!(Value::Object(members), expected);
    }

    #[test]
    fn it_may_stand_in_the_address() {
        assert_eq!(read("Action=A&Version=1", "").unwrap(), ("A".to_owned(), Object::new()));
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        assert_eq!(read("", "").unwrap_err().code, "InvalidAction");
        assert_eq!(read("", "%00=1").unwrap_err().code, "InvalidAction");
        assert_eq!(read("", &"a.".repeat(1_000_000)).unwrap_err().code, "MalformedInput");
    }
}
