//! A trial of own code: three units, each twice.

use std::time::Duration;

/// The units of a trial: the first, one in the middle, the last; each once.
pub fn units(units: u32) -> Vec<u32> {
    let last = units.saturating_sub(1);
    let mut tried = vec![0, last / 2, last];
    tried.dedup();
    tried
}

/// A tried unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// The unit.
    pub unit: u32,
    /// Its result and the time of its first run.
    pub ran: Result<(Vec<u8>, Duration), Problem>,
}

/// The reason that a unit would end the job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// It fails.
    Fails(Failed),
    /// The second run has another result.
    Differs,
}

/// A failure of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// The reason in words for people.
    pub reason: String,
    /// The engine's own words.
    pub words: String,
    /// The line of the code, if it is known.
    pub line: Option<u32>,
}

/// The words of an engine, and the line that stands behind them in brackets.
pub fn line_of(words: &str) -> (&str, Option<u32>) {
    let line = words.strip_suffix(')').and_then(|rest| {
        let (before, number) = rest.rsplit_once(" (line ")?;
        Some((before, number.parse().ok()?))
    });
    line.map_or((words, None), |(before, line)| (before, Some(line)))
}

/// Both runs of a unit as one; runs that both failed are the first failure.
pub fn both(
    unit: u32,
    first: Result<(Vec<u8>, Duration), Failed>,
    second: Result<(Vec<u8>, Duration), Failed>,
) -> Tried {
    let ran = match (first, second) {
        (Err(failed), _) | (Ok(_), Err(failed)) => Err(Problem::Fails(failed)),
        (Ok(first), Ok(second)) if first.0 == second.0 => Ok(first),
        (Ok(_), Ok(_)) => Err(Problem::Differs),
    };
    Tried { unit, ran }
}

/// The time of all units on one core, as the trial took it on average; `None` if a unit did not run.
pub fn on_one_core(tried: &[Tried], units: u32) -> Option<Duration> {
    let times: Option<Vec<Duration>> =
        tried.iter().map(|tried| tried.ran.as_ref().ok().map(|(_, time)| *time)).collect();
    let times = times.filter(|times| !times.is_empty())?;
    let total: Duration = times.iter().sum();
    Some(total.mul_f64(f64::from(units) / times.len() as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(result: &[u8], ms: u64) -> Result<(Vec<u8>, Duration), Failed> {
        Ok((result.to_vec(), Duration::from_millis(ms)))
    }

    fn failed(words: &str) -> Failed {
        Failed { reason: String::new(), words: words.to_owned(), line: None }
    }

    #[test]
    fn first_middle_and_last_are_tried() {
        assert_eq!(units(4096), [0, 2047, 4095]);
        assert_eq!((units(1), units(2)), (vec![0], vec![0, 1]));
    }

    #[test]
    fn lines_are_read_from_words() {
        let words = "RangeError: Offset is outside the bounds of the DataView (line 9)";
        assert_eq!(line_of(words), ("RangeError: Offset is outside the bounds of the DataView", Some(9)));
        assert_eq!(line_of("Error: (line x)"), ("Error: (line x)", None));
    }

    #[test]
    fn unequal_runs_are_a_problem() {
        assert_eq!(both(3, ran(b"1", 5), ran(b"1", 9)).ran, Ok((b"1".to_vec(), Duration::from_millis(5))));
        assert_eq!(both(3, ran(b"1", 5), ran(b"2", 9)).ran, Err(Problem::Differs));
        let fails = both(3, ran(b"1", 5), Err(failed("no")));
        assert_eq!(fails.ran, Err(Problem::Fails(failed("no"))));
    }

    #[test]
    fn the_estimate_needs_every_unit() {
        let tried = [both(0, ran(b"1", 10), ran(b"1", 10)), both(9, ran(b"1", 30), ran(b"1", 10))];
        assert_eq!(on_one_core(&tried, 100), Some(Duration::from_secs(2)));
        let stops = both(5, Err(failed("no")), Err(failed("no")));
        assert_eq!((on_one_core(&[tried[0].clone(), stops], 100), on_one_core(&[], 9)), (None, None));
    }
}
