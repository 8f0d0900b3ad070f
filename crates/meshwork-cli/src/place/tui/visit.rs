//! One visit to a room: hears the room and the keys, asks the room for what is wanted, and draws.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::Event as Input;
use meshwork_core::id::PeerId;
use meshwork_core::node::{CommandError, Event, Node, Receipt, RoomHandle, ServerState, WriteError};
use meshwork_core::seam::lane::Slot;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::time::Time;
use meshwork_place::canvas::{Colour, Painted, REPLICA};
use meshwork_place::picture::Cell;
use meshwork_place::picture::palette;
use meshwork_place::{Cursor, Place as _, words};
use ratatui::style::Style;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::super::values;
use super::app::{App, Ask, Stroked};
use super::colours::Depth;
use super::draw::{Layout, Look, draw};
use super::keys::{self, Action, Typed};
use super::screen::Screen;
use super::{allowance, people};
use crate::exit::Failure;
use crate::place::history;
use crate::place::session::Session;
use crate::progress::span;

/// Time from one picture to the next.
const FRAME: Duration = Duration::from_millis(33);
/// How often who is there, and what the rules leave, is looked up.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long what was painted last may take to arrive when somebody leaves.
const LEAVE_WAIT: Duration = Duration::from_secs(2);

/// Somebody in a room, at a terminal.
pub(super) struct Visit<'a> {
    session: &'a mut Session,
    screen: Screen,
    depth: Depth,
    is_unicode: bool,
    /// One's own batches that nobody has applied yet.
    unapplied: BTreeSet<u64>,
    /// Events that were not heard, as far as the canvas was read since.
    missed: u64,
    is_stale: bool,
    looked: Option<Instant>,
    /// One's own cursor, as the others were told.
    pointed: Option<Cursor>,
    born: Instant,
}

impl<'a> Visit<'a> {
    pub(super) fn new(session: &'a mut Session, screen: Screen, depth: Depth, is_unicode: bool) -> Visit<'a> {
        let (unapplied, born) = (BTreeSet::new(), Instant::now());
        Visit {
            session,
            screen,
            depth,
            is_unicode,
            unapplied,
            missed: 0,
            is_stale: true,
            looked: None,
            pointed: None,
            born,
        }
    }

    /// Joins the room and stays until somebody leaves it.
    pub(super) async fn run(
        &mut self,
        link: RoomAddress,
        inputs: &mut mpsc::Receiver<Input>,
    ) -> Result<(), Failure> {
        let code = values::room_name(&link);
        let Some(room) = self.join(link, &code, inputs).await? else { return Ok(()) };
        self.session.stay();
        let size = self.session.canvas_size(room).await?;
        let mut app = App::new(code, size, Layout::new(self.area()?, self.has_half_blocks(), None));
        let mut frame = interval(FRAME);
        frame.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                event = self.session.next() => self.hear(&mut app, event?).await?,
                // The terminal is gone when there are no more.
                input = inputs.recv() => match input {
                    Some(input) => handle_input(&mut app, &input),
                    None => break,
                },
                _ = frame.tick() => {
                    if self.carry_out(&mut app, room).await? {
                        break;
                    }
                    self.point(&app, room).await?;
                    self.refresh(&mut app, room).await?;
                    self.draw(&mut app)?;
                }
            }
        }
        self.leave(room).await
    }

    /// Joins, and says so meanwhile; `None` when somebody leaves before that.
    async fn join(
        &mut self,
        link: RoomAddress,
        code: &str,
        inputs: &mut mpsc::Receiver<Input>,
    ) -> Result<Option<RoomHandle>, Failure> {
        let room = self.session.begin_join(link).await?;
        let mut words = format!("Joining {code}. q leaves.");
        let mut frame = interval(LOOK_INTERVAL);
        loop {
            tokio::select! {
                event = self.session.next() => match event? {
                    Event::RoomOpened { room: opened, .. } if opened == room => return Ok(Some(room)),
                    Event::RoomWaiting { .. } => {
                        words = format!("No room has the code {code} yet. Waiting for it. q leaves.");
                    }
                    Event::Server { state: ServerState::Away { reason }, .. } => {
                        words = format!("The meeting point is not reached: {reason}. q leaves.");
                    }
                    _ => {}
                },
                input = inputs.recv() => {
                    let Some(input) = input else { return Ok(None) };
                    if keys::action(&input) == Some(Action::Quit) {
                        return Ok(None);
                    }
                }
                _ = frame.tick() => self.draw_words(&words)?,
            }
        }
    }

    async fn hear(&mut self, app: &mut App, event: Event) -> Result<(), Failure> {
        match event {
            Event::Changed { replica: REPLICA, changes, .. } => app.change(Painted::of(&changes)),
            Event::Acknowledged { sequences, .. } => {
                self.unapplied.retain(|sequence| !sequences.contains(sequence));
            }
            Event::RulesChanged { .. } => {
                self.looked = None;
                app.say("The rules of the room changed.");
            }
            Event::Presence { room, endpoint, slot: Slot::GENESIS, state } => {
                let read =
                    move |node: &mut Node, now| node.read_cursor(now, room, endpoint, state.as_deref());
                let cursor = self.session.call(read).await?;
                app.point(endpoint, cursor, std::time::Instant::now());
            }
            Event::MemberDetached { endpoint, .. } => {
                app.point(endpoint, None, std::time::Instant::now());
                self.looked = None;
            }
            Event::MemberAttached { .. } | Event::Link { .. } => self.looked = None,
            Event::Server { state: ServerState::Away { .. }, .. } => app.say(
                "The meeting point is away. Your links are not touched; newcomers have to wait until it is back.",
            ),
            Event::RoomTime { ahead_ms, .. } if ahead_ms.unsigned_abs() > 10_000 => app.say(format!(
                "Your clock is {} {}. Strokes are stamped with the others' time.",
                span(Duration::from_millis(ahead_ms.unsigned_abs())),
                if ahead_ms > 0 { "slow" } else { "fast" }
            )),
            _ => {}
        }
        Ok(())
    }

    /// Asks the room for what is wanted; true when that is to leave.
    async fn carry_out(&mut self, app: &mut App, room: RoomHandle) -> Result<bool, Failure> {
        while let Some(ask) = app.poll_ask() {
            match ask {
                Ask::Quit => return Ok(true),
                Ask::Paint(cells) => {
                    if !self.paint(app, room, cells).await? {
                        app.forget_stroke();
                    }
                }
                Ask::Undo(stroke) => self.undo(app, room, stroke).await?,
                Ask::Who(x, y) => {
                    let words = self.who(room, (x, y)).await?;
                    app.say(words);
                }
            }
        }
        Ok(false)
    }

    /// Whether the cells were taken; if not, it is said why.
    async fn paint(&mut self, app: &mut App, room: RoomHandle, cells: Vec<Cell>) -> Result<bool, Failure> {
        let painted = self.session.call(move |node, now| node.paint(now, room, &cells)).await?;
        Ok(self.note_painted(app, painted))
    }

    fn note_painted(&mut self, app: &mut App, painted: Result<Receipt, CommandError>) -> bool {
        match painted {
            Ok(receipt) => {
                // What the rules leave is another number now.
                self.looked = None;
                self.unapplied.extend(receipt.sequences);
                true
            }
            Err(error) => {
                app.complain(refusal(&error));
                false
            }
        }
    }

    /// Writes what was there before, where one's own stroke still shows.
    async fn undo(&mut self, app: &mut App, room: RoomHandle, stroke: Vec<Stroked>) -> Result<(), Failure> {
        let own = self.session.endpoint().peer;
        let undo = move |node: &mut Node, now: Time| {
            let canvas = node.canvas(room)?;
            let still = |stroked: &&Stroked| {
                let (x, y, colour) = stroked.cell;
                canvas.author(x, y) == Some(own) && canvas.colour(x, y) == Some(colour)
            };
            let before = |stroked: &Stroked| {
                let (x, y, _) = stroked.cell;
                (x, y, stroked.before.unwrap_or(Colour::CLEARED))
            };
            let cells: Vec<Cell> = stroke.iter().filter(still).map(before).collect();
            if cells.is_empty() { None } else { Some(node.paint(now, room, &cells)) }
        };
        match self.session.call(undo).await? {
            None => app.say("Others have painted over it since."),
            Some(painted) => {
                if self.note_painted(app, painted) {
                    app.say("Undone.");
                }
            }
        }
        Ok(())
    }

    async fn who(&mut self, room: RoomHandle, (x, y): (u16, u16)) -> Result<String, Failure> {
        let look = move |node: &Node, room| {
            let canvas = node.canvas(room)?;
            Some((canvas.colour(x, y), canvas.author(x, y), canvas.stamp(x, y).wall()))
        };
        let (colour, author, painted) = self.session.look(room, look).await?;
        let Some(author) = author else { return Ok(format!("x {x}, y {y}: nobody has painted here.")) };
        let age = Duration::from_millis(history::now().as_millis().saturating_sub(painted.as_millis()));
        let name = self.name(room, author).await?;
        Ok(format!("x {x}, y {y}: {}, {name}, {} ago.", palette::name(colour), span(age)))
    }

    async fn name(&self, room: RoomHandle, peer: PeerId) -> Result<String, Failure> {
        if peer == self.session.endpoint().peer {
            return Ok(String::from("you"));
        }
        let peers = self.session.peers(room).await?;
        let named = peers.iter().find(|view| view.endpoint.peer == peer && !view.name.trim().is_empty());
        Ok(named.map_or_else(|| peer.short(), |view| view.name.trim().to_owned()))
    }

    /// Tells the others where one's own cursor is, when it moved.
    async fn point(&mut self, app: &App, room: RoomHandle) -> Result<(), Failure> {
        let pointer = Some(app.own_pointer());
        if pointer != self.pointed {
            self.pointed = pointer;
            // A cursor that is not told is no loss.
            let _ = self.session.call(move |node, now| node.point(now, room, pointer)).await?;
        }
        Ok(())
    }

    /// Looks up what is not told by events: distances, ages, rules; and the canvas, where events were missed.
    async fn refresh(&mut self, app: &mut App, room: RoomHandle) -> Result<(), Failure> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_INTERVAL) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let look = move |node: &mut Node, now: Time| {
            let beyond = node.room(room).overlay().map_or(0, |overlay| overlay.beyond());
            (node.room(room).peers(), beyond, node.room_mut(now, room).writing_left(REPLICA.slot()), now)
        };
        let (peers, beyond, left, now) = self.session.call(look).await?;
        (app.people, app.beyond) = (people::rows(&peers, now), beyond);
        app.allowance = allowance::words(&left);
        let missed = self.session.missed();
        if self.is_stale || missed > self.missed {
            (self.missed, self.is_stale) = (missed, false);
            let look = |node: &Node, room| Some(node.canvas(room)?.to_rgba());
            app.shown.replace(&self.session.look(room, look).await?);
        }
        Ok(())
    }

    fn draw(&mut self, app: &mut App) -> Result<(), Failure> {
        let area = self.area()?;
        let blinks = (self.born.elapsed().as_millis() / 500).is_multiple_of(2);
        let look =
            Look { depth: self.depth, is_unicode: self.is_unicode, blinks, now: std::time::Instant::now() };
        app.lay_out(area);
        let drawn = self.screen.terminal.draw(|frame| draw(app, look, frame.buffer_mut()));
        drawn.context("cannot draw on the terminal")?;
        // So that a test can see what becomes of the terminal.
        #[cfg(debug_assertions)]
        assert!(std::env::var_os("MESHWORK_TUI_PANICS").is_none(), "asked to panic");
        Ok(())
    }

    fn draw_words(&mut self, words: &str) -> Result<(), Failure> {
        let drawn = self.screen.terminal.draw(|frame| {
            let width = usize::from(frame.area().width);
            frame.buffer_mut().set_stringn(0, 0, words, width, Style::new());
        });
        drawn.context("cannot draw on the terminal")?;
        Ok(())
    }

    /// Gives what was painted last the time to arrive.
    async fn leave(&mut self, room: RoomHandle) -> Result<(), Failure> {
        let end = Instant::now() + LEAVE_WAIT;
        while !self.unapplied.is_empty() {
            let peers = self.session.peers(room).await?;
            if !peers.iter().any(|peer| peer.attached && peer.stays && peer.state.is_linked()) {
                break;
            }
            match self.session.next_until(end).await? {
                Some(Event::Acknowledged { sequences, .. }) => {
                    self.unapplied.retain(|sequence| !sequences.contains(sequence));
                }
                Some(_) => {}
                None => break,
            }
        }
        Ok(())
    }

    fn area(&self) -> Result<(u16, u16), Failure> {
        let size = self.screen.terminal.size().context("the terminal does not say how large it is")?;
        Ok((size.width, size.height))
    }

    fn has_half_blocks(&self) -> bool {
        self.depth != Depth::None && self.is_unicode
    }
}

fn handle_input(app: &mut App, input: &Input) {
    if app.prompt.is_some() {
        if let Some(typed) = keys::typed(input) {
            return app.handle_typed(typed);
        }
        if matches!(input, Input::Key(_)) {
            return;
        }
        // The mouse is used: what was typed is given up.
        if !matches!(keys::action(input), None | Some(Action::Hover(..) | Action::Resize)) {
            app.handle_typed(Typed::Cancel);
        }
    }
    if let Some(action) = keys::action(input) {
        app.handle_action(action);
    }
}

/// What happened, why, and what to do.
fn refusal(error: &CommandError) -> String {
    match error {
        CommandError::Write(WriteError::TooFast { .. } | WriteError::NotWriter | WriteError::Banned) => {
            format!("Not painted. {}", words::refusal(error))
        }
        CommandError::Write(WriteError::Backpressure(_)) => {
            String::from("Not painted. The others cannot keep up. Wait a moment and go on.")
        }
        error => format!("Not painted: {error}."),
    }
}
