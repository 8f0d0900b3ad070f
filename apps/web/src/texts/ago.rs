//! How long ago something was, in words.

const JUST_NOW: &str = "just now";

/// As it is shown: short, with a thin space.
pub fn shown(ms: u64) -> String {
    lasting(ms).map_or_else(|| JUST_NOW.to_owned(), |time| format!("{time} ago"))
}

/// How long something has lasted; `None` where it has only just begun.
pub fn lasting(ms: u64) -> Option<String> {
    parts(ms).map(|(number, _, short)| format!("{number}\u{2009}{short}"))
}

/// As it is spoken.
pub fn spoken(ms: u64) -> String {
    match parts(ms) {
        None => JUST_NOW.to_owned(),
        Some((1, long, _)) => format!("1 {long} ago"),
        Some((number, long, _)) => format!("{number} {long}s ago"),
    }
}

fn parts(ms: u64) -> Option<(u64, &'static str, &'static str)> {
    let seconds = ms / 1000;
    match seconds {
        0..10 => None,
        10..60 => Some((seconds, "second", "s")),
        60..3600 => Some((seconds / 60, "minute", "min")),
        3600..86_400 => Some((seconds / 3600, "hour", "h")),
        _ => Some((seconds / 86_400, "day", "d")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_is_the_largest_that_fits() {
        assert_eq!([9_999, 10_000, 59_999].map(spoken), ["just now", "10 seconds ago", "59 seconds ago"]);
        assert_eq!(
            [60_000, 240_000, 3_599_999].map(spoken),
            ["1 minute ago", "4 minutes ago", "59 minutes ago"]
        );
        assert_eq!([3_600_000, 86_400_000, u64::MAX].map(spoken)[..2], ["1 hour ago", "1 day ago"]);
        assert_eq!(shown(240_000), "4\u{2009}min ago");
        assert_eq!(lasting(240_000).as_deref(), Some("4\u{2009}min"));
        assert_eq!((shown(9_999).as_str(), lasting(9_999)), ("just now", None));
    }
}
