//! Times as the API writes them.

/// `2026-11-20T17:38:42.000+0000` (`LastModified`).
pub(super) fn text(ms: i64) -> String {
    let (seconds, millis) = (ms.div_euclid(1000), ms.rem_euclid(1000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}+0000")
}

/// `2026-11-20T17:38:42.000000Z` (the times of function URLs).
pub(super) fn micros(ms: i64) -> String {
    format!("{}000Z", text(ms).trim_end_matches("+0000"))
}

/// `2026-11-20T17:38:42+0000` (provisioned concurrency).
pub(super) fn seconds(ms: i64) -> String {
    text(ms - ms.rem_euclid(1000)).replace(".000", "")
}

/// `20/Nov/2026:17:38:42 +0000` (`requestContext.time` of HTTP requests).
#[must_use]
pub fn of_request(ms: i64) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = ms.div_euclid(1000);
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let month = usize::try_from(month - 1).ok().and_then(|month| MONTHS.get(month)).unwrap_or(&"");
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{day:02}/{month}/{year:04}:{hour:02}:{minute:02}:{second:02} +0000")
}

/// Seconds since 1970 with a fraction, for the members that are numbers.
pub(super) fn epoch(ms: i64) -> serde_json::Value {
    if ms % 1000 == 0 {
        return (ms / 1000).into();
    }
    // Exact enough: 2^53 ms are 285,000 years.
    #[expect(clippy::cast_precision_loss)]
    let seconds = ms as f64 / 1000.0;
    seconds.into()
}

/// Year, month and day of a number of days since 1970 in the Gregorian calendar.
fn civil(days: i64) -> (i64, i64, i64) {
    // Years begin in March, so that the leap day is the last; 400 years have 146,097 days.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests;
