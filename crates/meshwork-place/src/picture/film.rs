//! Which moments of a past a film shows, and for how long.

/// How long the last picture stays before the film begins again, in milliseconds.
pub const HOLD_MS: u64 = 2000;

/// A film: equally many strokes pass from one frame to the next, so that pauses in which nobody painted are skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Film {
    /// The moment of the first frame.
    pub from: usize,
    /// The moment of the last frame, not before `from`.
    pub to: usize,
    /// How many frames, at least 1.
    pub frames: u32,
    /// Frames a second, 1 to 50: programs that show GIF know nothing shorter than 20 ms.
    pub per_second: u32,
}

impl Film {
    /// The moment that a frame shows, of frames from 0 to `frames - 1`.
    pub fn moment(&self, frame: u32) -> usize {
        let last = u64::from(self.frames.max(2) - 1);
        let passed = (self.to - self.from) as u64 * u64::from(frame).min(last) / last;
        // A film of one frame shows the end.
        if self.frames <= 1 { self.to } else { self.from + passed as usize }
    }

    /// How long a frame stays, in thousandths of a second; the last one longer.
    pub fn milliseconds(&self, frame: u32) -> u16 {
        self.shown(frame, 1000)
    }

    /// The same in hundredths of a second, so that no time is lost in rounding.
    pub fn hundredths(&self, frame: u32) -> u16 {
        self.shown(frame, 100)
    }

    /// How long a frame stays, in parts of a second of which it has so many.
    fn shown(&self, frame: u32, parts: u64) -> u16 {
        let until = |frame: u32| u64::from(frame) * parts / u64::from(self.per_second.max(1));
        let hold = if frame + 1 >= self.frames { HOLD_MS * parts / 1000 } else { 0 };
        u16::try_from(until(frame + 1) - until(frame) + hold).unwrap_or(u16::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_film_runs_from_beginning_to_end() {
        let film = Film { from: 10, to: 1010, frames: 7, per_second: 12 };
        assert_eq!((film.moment(0), film.moment(6), film.moment(3)), (10, 1010, 510));
        let shown: u64 = (0..6).map(|frame| u64::from(film.hundredths(frame))).sum();
        assert_eq!(shown, 50, "six twelfths of a second");
        assert!(film.hundredths(6) >= 200 && film.milliseconds(6) >= 2000);
        let one = Film { frames: 1, ..film };
        assert_eq!(one.moment(0), 1010);
    }
}
