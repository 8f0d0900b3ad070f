//! What the time-lapse decides without a browser: how fast it plays, what it saves and how far it reaches.

use meshwork_place::canvas::CanvasSize;

/// Painted cells that a page holds to play them, at 16 bytes each: 32 MB. When there are more, the oldest half becomes
/// the picture with which the time-lapse begins.
pub const CELLS_MAX: usize = 2_000_000;
/// Bytes of strokes that a page fetches at most: some minutes of a good home connection.
pub const FETCH_BYTES_MAX: u64 = 256_000_000;
/// Bytes of a file that a page makes: what people can send each other, and what a phone has memory for.
pub const EXPORT_BYTES_MAX: usize = 32_000_000;
/// Speeds that can be chosen: how long the whole takes, in seconds.
pub const LENGTHS: [u32; 5] = [5, 10, 20, 60, 180];
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
    /// Whether it is everything since the room began.
    pub fn is_everything(&self) -> bool {
        let came_later = self.first_ms.saturating_add(EARLIER_MS) < self.since_ms;
        self.is_whole && !came_later
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
    let still = crate::place::file_name::picture(iso_time);
    format!("{}-time-lapse.{ending}", still.trim_end_matches(".png"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
