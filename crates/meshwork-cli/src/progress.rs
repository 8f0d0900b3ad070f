//! Progress on a terminal: one look for every command, and nothing at all in a pipe.

use std::fmt::Display;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use meshwork_core::text;

use crate::style::{self, ASIDE, DONE};

/// How often a bar moves by itself, so that it is seen that the program lives.
const TICK: Duration = Duration::from_millis(120);
/// Before this nobody can say how fast it goes.
const RATE_AFTER: Duration = Duration::from_millis(700);

/// What a run is about, how far it is, and what it waits for. Gone from the screen when dropped.
pub(crate) struct Progress {
    /// `None` when nobody looks.
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

/// How far it is.
#[derive(Clone, Debug)]
struct State {
    unit: &'static str,
    begun: Instant,
    done: u64,
    total: Option<u64>,
    /// How long the rest takes for certain, where rules say so.
    rest: Option<Duration>,
    aside: String,
}

impl Progress {
    /// Begins to show that `title` is being done, of `unit`s of which nobody knows yet how many there are.
    pub(crate) fn start(title: &'static str, unit: &'static str) -> Progress {
        let state = State::new(unit, None);
        let bar = style::is_watched().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(look(false));
            bar.set_prefix(title);
            bar.enable_steady_tick(TICK);
            bar
        });
        Progress { bar, state: Mutex::new(state) }
    }

    /// Something else is being done from now on, of so many units where that is known.
    pub(crate) fn turn_to(&self, title: &'static str, total: Option<u64>) {
        let Some(bar) = &self.bar else { return };
        self.change(|state| *state = State::new(state.unit, total));
        bar.set_style(look(total.is_some()));
        bar.set_length(total.unwrap_or(0));
        bar.set_prefix(title);
    }

    /// So many units are done.
    pub(crate) fn set(&self, done: u64) {
        self.change(|state| state.done = done);
    }

    /// The rest takes this long, whatever the pace was so far: rules say so.
    pub(crate) fn set_rest(&self, rest: Option<Duration>) {
        self.change(|state| state.rest = rest);
    }

    /// What it waits for, in words; nothing to say no more.
    pub(crate) fn say(&self, aside: impl Into<String>) {
        self.change(|state| state.aside = text::shown(&aside.into()));
    }

    /// Whether somebody sees it.
    pub(crate) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// Says something worth knowing, above the bar.
    pub(crate) fn note(&self, words: impl Display) {
        self.aside(|| style::note(words));
    }

    /// Runs something that writes to the terminal while the bar is out of the way.
    pub(crate) fn aside<R>(&self, write: impl FnOnce() -> R) -> R {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let Some(bar) = &self.bar else { return };
        // A state is whole after each change, even one that panicked.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        bar.set_position(state.done);
        bar.set_message(state.words());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl State {
    fn new(unit: &'static str, total: Option<u64>) -> State {
        State { unit, begun: Instant::now(), done: 0, total, rest: None, aside: String::new() }
    }

    /// `1,234 of 10,000 cells, 510/s, 17 s left; waits 3 s`.
    fn words(&self) -> String {
        self.words_after(self.begun.elapsed())
    }

    fn words_after(&self, elapsed: Duration) -> String {
        let unit = self.unit;
        let mut words = match self.total {
            Some(total) => format!("{} of {} {unit}", grouped(self.done), grouped(total)),
            None if self.done > 0 => format!("{} {unit}", grouped(self.done)),
            None => String::new(),
        };
        if let Some(total) = self.total.filter(|total| elapsed >= RATE_AFTER && self.done < *total) {
            let rate = self.done as f64 / elapsed.as_secs_f64();
            if self.done > 0 {
                words.push_str(&format!(", {}/s", rate_words(rate)));
            }
            let measured = (rate > 0.0).then(|| (total - self.done) as f64 / rate);
            let rest = self.rest.or_else(|| Duration::try_from_secs_f64(measured?).ok());
            if let Some(rest) = rest {
                words.push_str(&format!(", {} left", span(rest)));
            }
        }
        if !self.aside.is_empty() {
            let joint = if words.is_empty() { "" } else { "; " };
            words.push_str(&format!("{joint}{}", self.aside));
        }
        words
    }
}

fn look(has_length: bool) -> ProgressStyle {
    let (on, off, dim, bright) = match style::colours_errors() {
        true => (
            DONE.render().to_string(),
            DONE.render_reset().to_string(),
            ASIDE.render().to_string(),
            ASIDE.render_reset().to_string(),
        ),
        false => Default::default(),
    };
    let template = match has_length {
        true => format!("{{prefix}} {on}{{bar:24}}{off} {dim}{{wide_msg}}{bright}"),
        false => format!("{{prefix}} {on}{{spinner}}{off} {dim}{{wide_msg}}{bright}"),
    };
    let style = ProgressStyle::with_template(&template).expect("the template is ours");
    match style::is_unicode() {
        true => style.progress_chars("━╸─").tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ "),
        false => style.progress_chars("=>-").tick_chars("|/-\\ "),
    }
}

/// A count with commas: `12,935`.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

fn rate_words(rate: f64) -> String {
    if rate >= 10.0 { grouped(rate.round() as u64) } else { format!("{rate:.1}") }
}

/// A stretch of time for people, in the largest unit that leaves a figure or two: `9 s`, `12 min`, `3 h`.
pub(crate) fn span(time: Duration) -> String {
    // As `as_secs_f64().ceil()`, but exact.
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7_199 => format!("{} min", seconds.div_ceil(60)),
        7_200..=172_799 => format!("{} h", seconds.div_ceil(3600)),
        _ => format!("{} days", seconds.div_ceil(86_400)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(done: u64, total: Option<u64>) -> State {
        State { done, ..State::new("cells", total) }
    }

    #[test]
    fn progress_tells_the_count_rate_and_time_left() {
        let second = Duration::from_secs(1);
        let words = |state: &State, seconds| state.words_after(second * seconds);
        assert_eq!(words(&state(0, Some(10_000)), 0), "0 of 10,000 cells");
        assert_eq!(words(&state(2_500, Some(10_000)), 5), "2,500 of 10,000 cells, 500/s, 15 s left");
        assert_eq!(words(&state(3, Some(9)), 6), "3 of 9 cells, 0.5/s, 12 s left");
        assert_eq!(words(&state(9, Some(9)), 6), "9 of 9 cells");
        assert_eq!(words(&state(1_234, None), 6), "1,234 cells");
    }

    #[test]
    fn what_rules_say_counts_more_than_the_pace() {
        let mut state = state(60, Some(600));
        state.rest = Some(Duration::from_secs(540));
        state.aside = "the room lets you paint again in 41 s".into();
        assert_eq!(
            state.words_after(Duration::from_secs(20)),
            "60 of 600 cells, 3.0/s, 9 min left; the room lets you paint again in 41 s"
        );
        let waits = State { aside: "nobody is linked yet".into(), ..super::tests::state(0, None) };
        assert_eq!(waits.words_after(Duration::ZERO), "nobody is linked yet");
    }

    #[test]
    fn times_and_counts_read_well() {
        let spans = [0, 1, 119, 120, 7_199, 7_200, 172_800].map(|seconds| span(Duration::from_secs(seconds)));
        assert_eq!(spans, ["0 s", "1 s", "119 s", "2 min", "120 min", "2 h", "2 days"]);
        assert_eq!(span(Duration::from_millis(1)), "1 s");
        assert_eq!([0, 999, 1_000, 1_000_000].map(grouped), ["0", "999", "1,000", "1,000,000"]);
    }

    #[test]
    fn in_a_pipe_there_is_none() {
        // Tests have no terminal, or their runner has taken it.
        if style::is_watched() {
            return;
        }
        let progress = Progress::start("Painting", "cells");
        progress.turn_to("Painting", Some(3));
        progress.set(2);
        assert!(!progress.is_shown());
        assert_eq!(progress.aside(|| 7), 7);
    }
}
