//! Fetching the past, and playing it.

use std::time::Duration;

use leptos::prelude::*;
use meshwork_core::room::history::{HistoryState, HistoryView};
use meshwork_place::picture::TimelineBuilder;
use meshwork_web::place::timelapse::{self, CELLS_MAX, FETCH_BYTES_MAX, Reach};
use meshwork_web::texts;

use super::super::super::browser;
use super::super::super::session::set_if_new;
use super::super::entry::PlaceSession as _;
use super::{Stage, Timelapse, draw};

/// How often what came is taken out.
const LOOK_INTERVAL: Duration = Duration::from_millis(30);
/// Cells that are taken in at a time, so that the page goes on meanwhile.
const CELLS_AT_ONCE: usize = 100_000;
/// Tiles of one's own canvas that are taken in at a time.
const TILES_AT_ONCE: u32 = 16;

/// What is known of the history while it comes.
struct Loading {
    builder: TimelineBuilder,
    reach: Reach,
    /// The next tile of one's own canvas, once everything else is there.
    tile: Option<u32>,
    tiles: u32,
}

impl Timelapse {
    pub(super) fn load(self) {
        let Some(size) = self.session.canvas().size.get_untracked() else { return };
        self.stage.set(Stage::Loading { bytes: 0, of: None, strokes: 0 });
        self.reach.set(String::new());
        self.session.canvas().fetch_history();
        let opening = {
            let work = self.work();
            let mut work = work.borrow_mut();
            work.opening = work.opening.wrapping_add(1);
            work.opening
        };
        let builder = TimelineBuilder::new(size, CELLS_MAX);
        let loading = Loading { builder, reach: Reach::default(), tile: None, tiles: size.tile_count() };
        self.load_on(opening, loading);
    }

    fn load_on(self, opening: u32, mut loading: Loading) {
        if !self.is_opening(opening) {
            return;
        }
        match loading.tile {
            None => self.take_in(&mut loading),
            Some(tile) if tile < loading.tiles => {
                let until = (tile + TILES_AT_ONCE).min(loading.tiles);
                let past = self.session.canvas().past_of_tiles(tile..until);
                past.iter().for_each(|batch| loading.builder.add(batch));
                loading.tile = Some(until);
            }
            Some(_) => return self.show(loading),
        }
        let wait = if loading.tile.is_some() { Duration::ZERO } else { LOOK_INTERVAL };
        set_timeout(move || self.load_on(opening, loading), wait);
    }

    /// Takes in what came of the history.
    fn take_in(self, loading: &mut Loading) {
        let Some((view, taken)) = self.session.canvas().take_history(CELLS_AT_ONCE) else {
            loading.tile = Some(0);
            return;
        };
        taken.iter().for_each(|batch| loading.builder.add(batch));
        let of = view.source.map(|(_, span)| span.bytes.max(view.bytes));
        self.stage.set(Stage::Loading { bytes: view.bytes, of, strokes: view.batches });
        let is_over = !matches!(view.state, HistoryState::Asking | HistoryState::Fetching);
        let is_too_much = view.bytes > FETCH_BYTES_MAX;
        if is_too_much || is_over && taken.is_empty() {
            loading.reach = self.reach_of(&view);
            loading.tile = Some(0);
            self.session.canvas().cancel_history();
        }
    }

    fn reach_of(self, view: &HistoryView) -> Reach {
        let keeper = view.source.filter(|_| view.batches > 0).map(|(who, _)| self.session.people.called(who));
        Reach {
            keeper,
            is_whole: view.is_whole,
            is_complete: view.state == HistoryState::Complete,
            missed: view.missed,
            given_up: view.given_up,
            since_ms: view.source.map_or(0, |(_, span)| span.since_ms),
            ..Reach::default()
        }
    }

    fn show(self, loading: Loading) {
        let timeline = loading.builder.finish();
        if timeline.is_empty() {
            self.stage.set(Stage::Empty);
            return;
        }
        let painted_at = |moment| timeline.painted_at(moment).map_or(0, |(at, _)| at);
        let reach = Reach {
            first_ms: painted_at(0),
            last_ms: painted_at(timeline.len()),
            begins_late: timeline.begins_late(),
            ..loading.reach
        };
        self.reach.set(texts::timelapse::reach(&reach, |millis| browser::time_in_words(millis, true)));
        self.length.set(timeline.len());
        let length = timeline.len();
        self.work().borrow_mut().timeline = Some(timeline);
        self.stage.set(Stage::Ready);
        // Whoever wants less motion sees the end, and starts it by hand.
        let still = browser::wants_no_motion();
        self.go_to(if still { length } else { 0 });
        self.is_playing.set(!still);
        self.await_frame();
    }

    /// Shows a moment.
    pub(super) fn go_to(self, moment: usize) {
        self.work().borrow_mut().playhead = moment as f64;
        self.show_moment(moment);
    }

    /// Everything of the picture is to be drawn: the canvas is new, or something else was shown.
    pub(super) fn redraw(self) {
        let work = self.work();
        let mut work = work.borrow_mut();
        work.context = self.paper.get_untracked().and_then(|paper| browser::paper(&paper));
        if let (Some(timeline), Some(context)) = (&work.timeline, &work.context) {
            draw(context, timeline, timeline.whole());
        }
    }

    pub(super) fn play(self) {
        if self.moment.get_untracked() >= self.length.get_untracked() {
            self.go_to(0);
        }
        self.work().borrow_mut().frame_at = 0.0;
        self.is_playing.set(true);
        self.await_frame();
    }

    fn await_frame(self) {
        let work = self.work();
        if std::mem::replace(&mut work.borrow_mut().is_awaited, true) {
            return;
        }
        request_animation_frame(move || self.handle_frame());
    }

    fn handle_frame(self) {
        // The page may have gone with everything on it.
        let Some(work) = self.work.try_get_value() else { return };
        work.borrow_mut().is_awaited = false;
        if !self.is_playing.get_untracked() {
            work.borrow_mut().frame_at = 0.0;
            return;
        }
        let moment = {
            let mut work = work.borrow_mut();
            let now = browser::milliseconds();
            let passed = if work.frame_at > 0.0 { now - work.frame_at } else { 0.0 };
            work.frame_at = now;
            let (length, seconds) = (self.length.get_untracked(), self.seconds.get_untracked());
            work.playhead = timelapse::advance(work.playhead, length, seconds, passed);
            work.playhead as usize
        };
        self.show_moment(moment);
        if moment >= self.length.get_untracked() {
            self.is_playing.set(false);
        } else {
            self.await_frame();
        }
    }

    fn show_moment(self, moment: usize) {
        let painted = {
            let work = self.work();
            let mut work = work.borrow_mut();
            let work = &mut *work;
            let Some(timeline) = &mut work.timeline else { return };
            let moved = timeline.seek(moment);
            if let (Some(area), Some(context)) = (moved, &work.context) {
                draw(context, timeline, area);
            }
            timeline.painted_at(moment)
        };
        self.moment.set(moment);
        let Some((at, peer)) = painted else { return };
        set_if_new(self.when, browser::time_in_words(at, true));
        let who = if moment == 0 { String::new() } else { self.session.people.called_by_peer(peer) };
        set_if_new(self.who, texts::timelapse::painting(&who));
    }
}
