//! Durations as people type them (`30s`, `500ms`, `1m 30s`), and times.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

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

/// A duration in words, in its largest unit: 5 minutes, 40 days.
pub(crate) fn rough(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
    let (length, unit) = units.into_iter().find(|(length, _)| seconds >= *length).unwrap_or((1, "second"));
    let count = seconds / length;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// The time of this machine, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A time in milliseconds since 1970 as people read it: RFC 3339 in the reader's time zone, which TZ or the system sets.
pub(crate) fn date(millis: u64) -> String {
    date_in(millis, TimeZone::system())
}

/// The same as hours and minutes, for people who talk today.
pub(crate) fn clock(millis: u64) -> String {
    clock_in(millis, TimeZone::system())
}

fn clock_in(millis: u64, zone: TimeZone) -> String {
    zoned(millis, zone).strftime("%H:%M").to_string()
}

fn zoned(millis: u64, zone: TimeZone) -> Zoned {
    let seconds = i64::try_from(millis / 1000).unwrap_or(i64::MAX).min(Timestamp::MAX.as_second());
    Timestamp::from_second(seconds).unwrap_or_default().to_zoned(zone)
}

fn date_in(millis: u64, zone: TimeZone) -> String {
    let time = zoned(millis, zone);
    let is_utc = time.offset() == Offset::UTC;
    time.strftime(if is_utc { "%Y-%m-%dT%H:%M:%SZ" } else { "%Y-%m-%dT%H:%M:%S%:z" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_readers_zone() {
        let at = 1_796_081_110_999;
        assert_eq!(date_in(at, TimeZone::UTC), "2026-11-30T23:25:10Z");
        let tokyo = TimeZone::fixed(Offset::constant(9));
        assert_eq!(date_in(at, tokyo.clone()), "2026-12-01T08:25:10+09:00");
        assert_eq!(clock_in(at, tokyo), "08:25");
        let summer = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").expect("a zone");
        assert_eq!(date_in(at, summer.clone()), "2026-12-01T00:25:10+01:00");
        assert_eq!(date_in(at - 150 * 24 * 3_600_000, summer), "2026-07-04T01:25:10+02:00");
        assert!(date_in(u64::MAX, TimeZone::UTC).starts_with("9999-12-30T"));
    }

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
