//! Percent-encoding (RFC 3986, section 2.1).

/// Writes as `%41` all but letters, digits, `-`, `.`, `_`, `~` (section 2.3), and what is in `also`.
#[must_use]
pub fn encoded(text: &str, also: &[u8]) -> String {
    let stands = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let one = |byte: u8| {
        if stands(byte) || also.contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    text.bytes().map(one).collect()
}

/// The text without its `%41`s; a `%` that begins none stays. What is not UTF-8 then is replaced.
#[must_use]
pub fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let digits =
            others.get(..2).filter(|two| first == b'%' && two.iter().all(u8::is_ascii_hexdigit));
        let byte = digits
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(first));
        rest = if byte.is_some() { others.get(2..).unwrap_or_default() } else { others };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for text in ["", "plain", "a b/ü?%", "$LATEST", "%41"] {
            assert_eq!(decoded(&encoded(text, b"")), text);
        }
        assert_eq!(encoded("a/b c", b"/"), "a/b%20c");
        assert_eq!(encoded("a/b", b""), "a%2Fb");
    }

    #[test]
    fn what_is_no_code_stays() {
        assert_eq!(decoded("100% %4 %zz %+5 %C3%BC"), "100% %4 %zz %+5 ü");
        assert_eq!(decoded("%ff"), "\u{fffd}");
    }
}
