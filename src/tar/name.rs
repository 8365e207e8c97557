//! Names as text. A path is bytes (POSIX.1-2024, 3.254), and few are no UTF-8: so that nothing gets lost
//! and no two become one, each byte that is none is spelled as a null and two digits. No name has a null.

use std::borrow::Cow;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::ffi::OsStringExt as _;

/// The text that stands for these bytes, and whether that is all it is: UTF-8.
pub(super) fn spelled(bytes: &[u8]) -> (String, bool) {
    let mut text = String::with_capacity(bytes.len());
    let mut is_utf8 = true;
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            is_utf8 = false;
            let _ = write!(text, "\0{byte:02x}");
        }
    }
    (text, is_utf8)
}

/// The bytes that a text stands for.
#[must_use]
pub fn bytes(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('\0') {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut parts = text.split('\0');
    let mut all = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let digits = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        all.extend(digits);
        all.extend_from_slice(part.get(2..).unwrap_or_default().as_bytes());
    }
    Cow::Owned(all)
}

/// As the system has it.
#[must_use]
pub fn os(text: &str) -> OsString {
    OsString::from_vec(bytes(text).into_owned())
}

/// As people see it.
#[must_use]
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.contains('\0') {
        return Cow::Borrowed(text);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes(text)).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_no_two_become_one() {
        for name in [&b"a"[..], b"caf\xe9", b"caf\xe8/x", b"\xff\xfe", "\u{fffd}".as_bytes(), b""] {
            let (text, is_utf8) = spelled(name);
            assert_eq!(*bytes(&text), *name);
            assert_eq!(is_utf8, std::str::from_utf8(name).is_ok());
            assert_eq!(shown(&text), String::from_utf8_lossy(name));
        }
        assert_ne!(spelled(b"a\xff"), spelled(b"a\xfe"));
    }
}
