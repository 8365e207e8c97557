//! Filter patterns of JSON: `{ $.level = "ERROR" && $.latency > 50 }`.

use regex_lite::Regex;
use serde_json::Value;

use super::pattern::{quoted, regex};

/// What must hold of an event.
#[derive(Debug)]
pub(super) enum Condition {
    All(Vec<Self>),
    Any(Vec<Self>),
    Is(Selector, Test),
}

/// `$.users[0].name`, `$.*`, `$.['a.b']`.
#[derive(Debug)]
pub(super) struct Selector(Vec<Part>);

#[derive(Debug, PartialEq)]
enum Part {
    Name(String),
    Index(usize),
    /// Any member or element.
    Any,
}

type Compare = fn(f64, f64) -> bool;

#[derive(Debug)]
pub(super) enum Test {
    /// Equal, or not.
    Text(bool, Wanted),
    Number(Compare, f64),
    /// `IS NULL`, `IS TRUE`, `IS FALSE`.
    Literal(Value),
    NotExists,
}

#[derive(Debug)]
pub(super) enum Wanted {
    /// A text in which `*` stands for any letters.
    Text(Vec<String>),
    Regex(Regex),
}

impl Condition {
    /// Reads what stands between the braces.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        let mut reader = Reader { rest: text, depth: 0 };
        let condition = reader.any()?;
        match reader.next() {
            "" => Ok(condition),
            rest => Err(format!("`{rest}` is one thing too many")),
        }
    }

    /// Whether it holds of an event.
    pub(super) fn holds(&self, event: &Value) -> bool {
        match self {
            Self::All(all) => all.iter().all(|condition| condition.holds(event)),
            Self::Any(any) => any.iter().any(|condition| condition.holds(event)),
            Self::Is(selector, Test::NotExists) => selector.found(event).is_empty(),
            Self::Is(selector, test) => selector.found(event).iter().any(|leaf| test.passes(leaf)),
        }
    }
}

impl Selector {
    fn found<'a>(&self, event: &'a Value) -> Vec<&'a Value> {
        let mut found = vec![event];
        for part in &self.0 {
            found = match part {
                Part::Name(name) => found.iter().filter_map(|value| value.get(name)).collect(),
                Part::Index(index) => found.iter().filter_map(|value| value.get(index)).collect(),
                Part::Any => found.iter().flat_map(|value| below(value)).collect(),
            };
        }
        found
    }
}

fn below(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(items) => items.iter().collect(),
        Value::Object(members) => members.values().collect(),
        _ => Vec::new(),
    }
}

impl Test {
    fn passes(&self, leaf: &Value) -> bool {
        match self {
            Self::Literal(value) => leaf == value,
            Self::Number(compare, number) => leaf.as_f64().is_some_and(|is| compare(is, *number)),
            Self::Text(equal, wanted) => match leaf {
                Value::String(text) => wanted.is(text) == *equal,
                Value::Number(number) => wanted.is(&number.to_string()) == *equal,
                _ => false,
            },
            Self::NotExists => false,
        }
    }
}

impl Wanted {
    fn is(&self, text: &str) -> bool {
        let parts = match self {
            Self::Regex(regex) => return regex.is_match(text),
            Self::Text(parts) => parts,
        };
        let [first, middle @ .., last] = parts.as_slice() else {
            return parts.first().is_some_and(|part| part == text);
        };
        let Some(mut rest) = text.strip_prefix(first.as_str()) else { return false };
        for part in middle {
            let Some((_, after)) = rest.split_once(part.as_str()) else { return false };
            rest = after;
        }
        rest.ends_with(last.as_str())
    }
}

struct Reader<'a> {
    rest: &'a str,
    /// Parentheses that are open.
    depth: u32,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> &'a str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    /// Takes a sign, if it is the next.
    fn take(&mut self, sign: &str) -> bool {
        match self.next().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Takes the letters as long as they are of a kind.
    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !is(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn any(&mut self) -> Result<Condition, String> {
        let mut any = vec![self.all()?];
        while self.take("||") {
            any.push(self.all()?);
        }
        Ok(Condition::Any(any))
    }

    fn all(&mut self) -> Result<Condition, String> {
        let mut all = vec![self.one()?];
        while self.take("&&") {
            all.push(self.one()?);
        }
        Ok(Condition::All(all))
    }

    fn one(&mut self) -> Result<Condition, String> {
        if self.take("(") {
            self.depth += 1;
            if self.depth > 32 {
                return Err("too many parentheses".to_owned());
            }
            let inner = self.any()?;
            self.depth -= 1;
            return if self.take(")") { Ok(inner) } else { Err("`)` is missing".to_owned()) };
        }
        let selector = self.selector()?;
        Ok(Condition::Is(selector, self.test()?))
    }

    fn selector(&mut self) -> Result<Selector, String> {
        if !self.take("$") {
            return Err(format!("`$.` is missing before `{}`", self.next()));
        }
        let mut parts = Vec::new();
        loop {
            let dot = self.rest.strip_prefix('.');
            self.rest = dot.unwrap_or(self.rest);
            if let Some(rest) = self.rest.strip_prefix('[') {
                let (inner, rest) = rest.split_once(']').ok_or("`]` is missing")?;
                self.rest = rest;
                let name = inner.strip_prefix('\'').and_then(|inner| inner.strip_suffix('\''));
                parts.push(match (name, inner) {
                    (Some(name), _) => Part::Name(name.to_owned()),
                    (None, "*") => Part::Any,
                    (None, index) => Part::Index(
                        index.parse().map_err(|_| format!("`{index}` is no place in a list"))?,
                    ),
                });
            } else if dot.is_none() {
                break;
            } else if let Some(rest) = self.rest.strip_prefix('*') {
                self.rest = rest;
                parts.push(Part::Any);
            } else {
                let name = self.take_while(|c| c.is_alphanumeric() || c == '-' || c == '_');
                if name.is_empty() {
                    let wrong = self.rest.chars().next().map(String::from).unwrap_or_default();
                    return Err(format!("Invalid character(s) in term '$.{wrong}'"));
                }
                parts.push(Part::Name(name.to_owned()));
            }
        }
        if parts.is_empty() {
            return Err("`$` must be followed by a name".to_owned());
        }
        Ok(Selector(parts))
    }

    fn test(&mut self) -> Result<Test, String> {
        for (word, value) in [("NULL", Value::Null), ("TRUE", true.into()), ("FALSE", false.into())]
        {
            let before = self.rest;
            if self.take("IS ") && self.take(word) {
                return Ok(Test::Literal(value));
            }
            self.rest = before;
        }
        if self.take("NOT EXISTS") {
            return Ok(Test::NotExists);
        }
        let numeric: [(&str, Compare); 4] = [
            (">=", |a, b| a >= b),
            ("<=", |a, b| a <= b),
            (">", |a, b| a > b),
            ("<", |a, b| a < b),
        ];
        for (sign, compare) in numeric {
            if self.take(sign) {
                let word = self.word();
                let number = word.parse().map_err(|_| format!("`{word}` is no number"))?;
                return Ok(Test::Number(compare, number));
            }
        }
        let equal = match (self.take("!="), self.take("=")) {
            (true, _) => false,
            (false, true) => true,
            _ => return Err(format!("an operator is missing before `{}`", self.next())),
        };
        self.value(equal)
    }

    fn value(&mut self, equal: bool) -> Result<Test, String> {
        let next = self.next();
        if next.starts_with('%') {
            let (regex, rest) = regex(next)?;
            self.rest = rest;
            return Ok(Test::Text(equal, Wanted::Regex(regex)));
        }
        let parts = |text: &str| Wanted::Text(text.split('*').map(str::to_owned).collect());
        if next.starts_with('"') {
            let (text, rest) = quoted(next)?;
            self.rest = rest;
            return Ok(Test::Text(equal, parts(&text)));
        }
        let word = self.word();
        match word.parse() {
            _ if word.is_empty() => Err("a value is missing at the end".to_owned()),
            Ok(number) if equal => Ok(Test::Number(|a, b| (a - b).abs() < f64::EPSILON, number)),
            Ok(number) => Ok(Test::Number(|a, b| (a - b).abs() >= f64::EPSILON, number)),
            Err(_) => Ok(Test::Text(equal, parts(word))),
        }
    }

    fn word(&mut self) -> &'a str {
        self.next();
        self.take_while(|c| !c.is_whitespace() && !matches!(c, ')' | '&' | '|'))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn holds(pattern: &str) -> bool {
        let event = json!({
            "eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "latency": 50.5,
            "arrayKey": ["value", "another value"], "status": 404, "ok": true,
            "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}],
            "SomeObject": null, "cluster.name": "c", "detail-type": "x",
        });
        Condition::of(pattern).unwrap().holds(&event)
    }

    #[test]
    fn conditions_as_the_guide_has_them() {
        for pattern in [
            r#" $.eventType = "UpdateTrail" "#,
            "$.eventType = UpdateTrail",
            "$.sourceIPAddress != 123.123.*",
            "$.sourceIPAddress = 111.*.111",
            r#"$.arrayKey[0] = "value""#,
            "$.eventType = %Trail%",
            "$.arrayKey[*] = %another.val%",
            r"$.* = %111\.111\.111\.1[0-9]{1,2}%",
            "$.['cluster.name'] = \"c\"",
            "$.SomeObject IS NULL",
            "$.ok IS TRUE",
            "$.SomeOtherObject NOT EXISTS",
            "$.latency > 50 && $.latency <= 5.05e1",
            "$.status = 404",
            "$.status = 4*",
            "$.status != 500",
            "$.detail-type = x",
            "$.eventType = no || ($.objectList[1].id >= 2 && $.objectList[0].name = a)",
            "$.eventType = UpdateTrail || $.status = 1 && $.status = 2",
        ] {
            assert!(holds(pattern), "{pattern}");
        }
    }

    #[test]
    fn and_what_they_do_not_hold_of() {
        for pattern in [
            "$.eventType = updatetrail",
            "$.eventType = Update",
            "$.arrayKey = value",
            "$.arrayKey[2] = value",
            "$.missing = 1",
            "$.missing != 1",
            "$.missing IS NULL",
            "$.ok IS FALSE",
            "$.eventType NOT EXISTS",
            "$.eventType > 1",
            "($.eventType = UpdateTrail || $.status = 1) && $.status = 2",
            "$.sourceIPAddress = 111.111.111.111.*",
        ] {
            assert!(!holds(pattern), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for pattern in [
            "",
            "level = 1",
            "$ = 1",
            "$. = 1",
            "$.a",
            "$.a =",
            "$.a = 1 2",
            "($.a = 1",
            "$.a[x] = 1",
            "$.a[0 = 1",
            "$.a > high",
            "$.a == 1 &&",
            "$.\"a\" = 1",
        ] {
            assert!(Condition::of(pattern).is_err(), "{pattern}");
        }
        assert!(Condition::of(&"(".repeat(100_000)).is_err());
    }
}
