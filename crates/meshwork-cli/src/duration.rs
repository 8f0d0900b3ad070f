//! Durations as people type them (`30s`, `500ms`, `1m 30s`), and times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Longest time-out that can be asked for: a year, far below what clocks can add without overflow.
const DURATION_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Reads a duration that is more than nothing and at most a year.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|error| format!("{error}; write a number and a unit, such as 30s, 500ms or 2m"))?;
    if duration.is_zero() || duration > DURATION_MAX {
        return Err(String::from("it must be more than nothing and at most a year"));
    }
    Ok(duration)
}

/// The shortest text that [`parse`] reads as the same duration.
pub(crate) fn format(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

/// The time of this machine, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time in milliseconds since 1970 as people and programs read it: RFC 3339, UTC.
pub(crate) fn date(millis: u64) -> String {
    /// The last second that has four digits for its year.
    const LAST: u64 = 253_402_300_799;
    let since = std::time::Duration::from_secs((millis / 1000).min(LAST));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(parse("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse("1m 30s"), Ok(Duration::from_secs(90)));
        for wrong in ["", "30", "s", "-3s", "0s", "2years", "99999999999999999999s"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert_eq!(format(Duration::from_secs(90)), "1m 30s");
    }
}
