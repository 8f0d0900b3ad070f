//! What the time-lapse decides without a browser: how fast it plays, what it saves, and its words.

use meshwork_place::canvas::CanvasSize;

/// Painted cells that a page holds to play them, at 16 bytes each: 32 MB. When there are more, the oldest half becomes
/// the picture with which the time-lapse begins.
pub const CELLS_MAX: usize = 2_000_000;
/// Bytes of strokes that a page fetches at most: some minutes of a good home connection.
pub const FETCH_BYTES_MAX: u64 = 256_000_000;
/// Bytes of a file that a page makes: what people can send each other, and what a phone has memory for.
pub const EXPORT_BYTES_MAX: usize = 32_000_000;
/// Speeds that can be chosen: how long the whole takes, in seconds.
pub const LENGTHS: [(u32, &str); 5] = [(5, "5 s"), (10, "10 s"), (20, "20 s"), (60, "1 min"), (180, "3 min")];
/// The one that is chosen at first.
pub const LENGTH_FIRST: u32 = 10;
/// Frames of a file at most, twelve a second.
pub const FRAMES_MAX: u32 = 120;
/// Frames a second of a file.
pub const FRAMES_PER_SECOND: u32 = 12;
/// The longest side of a file's picture, in pixels, unless the canvas has more cells.
const SIDE_WANTED: u16 = 720;

/// Where what is played comes from, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// Whose log it is; `None` when nobody has one.
    pub keeper: Option<String>,
    /// Whether the log begins with the room and nothing is missing in it.
    pub is_whole: bool,
    /// Whether the log was fetched to its end.
    pub is_complete: bool,
    /// Strokes that the log knows to be missing.
    pub missed: u64,
    /// Logs that were given up, since their keepers went away or lied.
    pub given_up: usize,
    /// When the oldest entry was written, in milliseconds since 1970; 0 where that is not known.
    pub since_ms: u64,
    /// When the oldest cell that can be played was painted, in the same way.
    pub first_ms: u64,
    /// When the newest one was.
    pub last_ms: u64,
    /// Whether older cells were more than a page holds.
    pub begins_late: bool,
}

/// How much earlier a cell may be than the first entry of the log that says to be whole: clocks differ, and a stroke
/// takes its time.
const EARLIER_MS: u64 = 60_000;

impl Reach {
    /// How far back it reaches and whether that is everything, in sentences; `time` says a moment in words.
    pub fn words(&self, time: impl Fn(u64) -> String) -> String {
        let mut words = self.source_words(&time);
        if self.begins_late {
            words.push_str(
                " A page holds the last 2 million painted cells: what is older is the first picture.",
            );
        }
        words
    }

    fn source_words(&self, time: impl Fn(u64) -> String) -> String {
        let Some(keeper) = &self.keeper else {
            let lost = match self.given_up {
                0 => "",
                _ => " Whoever kept the history went away, or did not tell the truth.",
            };
            let since =
                if self.first_ms == 0 { String::new() } else { format!(", since {}", time(self.first_ms)) };
            return format!("From this browser{since}. Overpainted strokes are missing.{lost}");
        };
        if !self.is_complete {
            return format!(
                "Part of the history, from keeper {keeper}, who went away or was cut off before the end. \
                 What this browser still has is added."
            );
        }
        if self.missed > 0 {
            let strokes = crate::words::count(usize::try_from(self.missed).unwrap_or(usize::MAX), "stroke");
            return format!(
                "From keeper {keeper}, since {}. {strokes} in between are missing.",
                time(self.since_ms)
            );
        }
        let came_later = self.first_ms.saturating_add(EARLIER_MS) < self.since_ms;
        match self.is_whole && !came_later {
            true => {
                format!("The whole history, from keeper {keeper}, {}.", span(self.last_ms, self.first_ms))
            }
            false => format!(
                "Every stroke since {}, from keeper {keeper}. Of earlier ones what was left then.",
                time(self.since_ms)
            ),
        }
    }
}

/// A stretch of time in its largest unit: `3 days`, `20 minutes`.
pub fn span(to_ms: u64, from_ms: u64) -> String {
    let seconds = to_ms.saturating_sub(from_ms) / 1000;
    let (count, unit) = match seconds {
        0..=119 => (seconds.max(1), "second"),
        120..=7199 => (seconds / 60, "minute"),
        7200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    crate::words::count(usize::try_from(count).unwrap_or(usize::MAX), unit)
}

/// Says who paints; nothing at the beginning, when nobody does yet.
pub fn painting(who: &str) -> String {
    match who {
        "" => String::new(),
        "you" => "You paint".to_owned(),
        who => format!("{who} paints"),
    }
}

/// Where a playhead stands after some time: between 0 and `length`, with what is left of a step.
pub fn advance(at: f64, length: usize, seconds_whole: u32, milliseconds: f64) -> f64 {
    let length = length as f64;
    // A page that was not seen for a while goes on where it was.
    let passed = milliseconds.clamp(0.0, 250.0) / 1000.0;
    (at + length * passed / f64::from(seconds_whole.max(1))).min(length)
}

/// Pixels a cell, each way, in a file: so many that the picture is of a size to look at.
pub fn export_scale(size: CanvasSize) -> usize {
    usize::from((SIDE_WANTED / size.width.max(size.height).max(1)).clamp(1, 8))
}

/// How many frames a file has.
pub fn export_frames(length: usize) -> u32 {
    u32::try_from(length.saturating_add(1)).unwrap_or(FRAMES_MAX).clamp(2, FRAMES_MAX)
}

/// Under which name a file is saved; `ending` is `gif` or `png`, `iso_time` as for a still picture.
pub fn file_name(iso_time: &str, ending: &str) -> String {
    let still = crate::file_name::picture(iso_time);
    format!("{}-time-lapse.{ending}", still.trim_end_matches(".png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> String {
        format!("12:{:02}", millis / 60_000 % 60)
    }

    #[test]
    fn a_timelapse_states_its_reach_and_its_gaps() {
        let (day, now) = (86_400_000, 1_790_000_000_000);
        let none = Reach { first_ms: 180_000, last_ms: now, ..Reach::default() };
        assert_eq!(none.words(at), "From this browser, since 12:03. Overpainted strokes are missing.");
        let whole = Reach {
            keeper: Some("Attic".into()),
            is_whole: true,
            is_complete: true,
            since_ms: now - 3 * day,
            first_ms: now - 3 * day,
            last_ms: now,
            ..Reach::default()
        };
        assert_eq!(whole.words(at), "The whole history, from keeper Attic, 3 days.");
        let later = Reach { since_ms: now - day, ..whole.clone() };
        assert!(later.words(at).starts_with("Every stroke since 12:"), "{}", later.words(at));
        let gaps = Reach { missed: 7, ..whole.clone() };
        assert!(gaps.words(at).contains("7 strokes in between are missing"), "{}", gaps.words(at));
        let cut = Reach { is_complete: false, begins_late: true, ..whole };
        assert!(cut.words(at).contains("before the end") && cut.words(at).contains("2 million"));
        let lied = Reach { given_up: 1, ..none };
        assert!(lied.words(at).contains("did not tell the truth"));
    }

    #[test]
    fn playing_keeps_the_chosen_speed_until_the_end() {
        let mut moment = 0.0;
        for _ in 0..600 {
            moment = advance(moment, 1000, 10, 16.667);
        }
        assert!((999.0..=1000.0).contains(&moment), "{moment}");
        assert!((advance(999.9, 1000, 10, 100.0) - 1000.0).abs() < f64::EPSILON);
        assert!(advance(0.0, 1000, 10, 3_600_000.0) < 26.0, "an hour away is no hour played");
    }

    #[test]
    fn files_are_of_a_size_to_look_at() {
        let size = |side| CanvasSize { width: side, height: side };
        assert_eq!([16, 100, 1000, 4096].map(|side| export_scale(size(side))), [8, 7, 1, 1]);
        assert_eq!([0, 5, 1_000_000].map(export_frames), [2, 6, FRAMES_MAX]);
        assert_eq!(file_name("2026-11-20T07:05:09Z", "gif"), "p2place_2026-11-20-07-05-09-time-lapse.gif");
        assert_eq!(["", "you", "Lin"].map(painting), ["", "You paint", "Lin paints"]);
        assert_eq!(span(90_000, 0), "90 seconds");
        assert_eq!(span(60 * 60_000, 0), "60 minutes");
    }
}
