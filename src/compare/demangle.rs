//! Rust's legacy names of symbols, for people: `_ZN5hello4main17h0123456789abcdefE` is `hello::main`.

/// The path in such a name, and its hash; none of a name of another kind.
pub(super) fn legacy(name: &str) -> Option<(String, &str)> {
    let mut rest = name.strip_prefix("_ZN")?;
    let mut parts = Vec::new();
    while let Some(digits) = rest.find(|c: char| !c.is_ascii_digit()).filter(|digits| *digits > 0) {
        let (length, tail) = rest.split_at_checked(digits)?;
        let (part, tail) = tail.split_at_checked(length.parse().ok()?)?;
        parts.push(part);
        rest = tail;
    }
    // What follows is a suffix of the compiler's, as `.llvm.123`.
    rest.strip_prefix('E')?;
    let hash = parts.pop()?.strip_prefix('h').filter(|hash| hash.len() == 16)?;
    let path: Vec<String> = parts.into_iter().map(plain).collect();
    Some((path.join("::"), hash))
}

/// A part without its escapes (rustc, `legacy` symbol mangling, `sanitize`).
fn plain(part: &str) -> String {
    let part = part.strip_prefix('_').filter(|rest| rest.starts_with('$')).unwrap_or(part);
    let escapes = [
        ("..", "::"),
        ("$LT$", "<"),
        ("$GT$", ">"),
        ("$RF$", "&"),
        ("$BP$", "*"),
        ("$LP$", "("),
        ("$RP$", ")"),
        ("$C$", ","),
        ("$u20$", " "),
        ("$u27$", "'"),
        ("$u5b$", "["),
        ("$u5d$", "]"),
        ("$u7b$", "{"),
        ("$u7d$", "}"),
        ("$u3b$", ";"),
        ("$u2b$", "+"),
        ("$u7e$", "~"),
    ];
    escapes.iter().fold(part.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_rust() {
        for (name, expected) in [
            ("_ZN5hello4main17h0123456789abcdefE", Some("hello::main")),
            (
                "_ZN4core3ops8function6FnOnce40call_once$u7b$$u7b$vtable.shim$u7d$$u7d$17h0123456789abcdefE.llvm.1",
                Some("core::ops::function::FnOnce::call_once{{vtable.shim}}"),
            ),
            ("_ZN46_$LT$hello..A$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE", None),
            (
                "_ZN45_$LT$hello..A$u20$as$u20$core..fmt..Debug$GT$3fmt17h0123456789abcdefE",
                Some("<hello::A as core::fmt::Debug>::fmt"),
            ),
            ("_ZNSt6vectorIiE4pushEv", None),
            ("_ZN3foo3barEv", None),
            ("_ZN99999999999999999999a", None),
            ("_ZN9ä", None),
            ("main", None),
            ("_RNvC5hello4main", None),
        ] {
            assert_eq!(legacy(name).map(|(path, _)| path).as_deref(), expected, "{name}");
        }
    }
}
