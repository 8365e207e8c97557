//! Numbers and texts of others, for people.

use crate::audit::{Finding, Level};

/// How many findings of a level there are.
#[must_use]
pub fn count(findings: &[Finding], level: Level) -> usize {
    findings.iter().filter(|finding| finding.level == level).count()
}

/// A number of bytes for people: three significant digits, decimal units.
#[must_use]
pub fn bytes(count: u64) -> String {
    // Tenths are enough, and integers keep the result exact.
    let (unit, name) = match count {
        0..1_000 => return format!("{count} B"),
        1_000..1_000_000 => (1_000, "kB"),
        1_000_000..1_000_000_000 => (1_000_000, "MB"),
        _ => (1_000_000_000, "GB"),
    };
    let hundredths = count / (unit / 100).max(1);
    match hundredths {
        0..1_000 => format!("{}.{:02} {name}", hundredths / 100, hundredths % 100),
        1_000..10_000 => format!("{}.{} {name}", hundredths / 100, hundredths % 100 / 10),
        _ => format!("{} {name}", hundredths / 100),
    }
}

/// Text of others (file names, members of zips) without what steers a terminal or starts a line.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .flat_map(|c| {
            let escaped: Vec<char> =
                if c.is_control() { c.escape_default().collect() } else { vec![c] };
            escaped
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        for (count, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1_000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_999, "999 kB"),
            (2_145_976, "2.14 MB"),
            (52_428_800, "52.4 MB"),
            (262_144_000, "262 MB"),
            (5_000_000_000, "5.00 GB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
