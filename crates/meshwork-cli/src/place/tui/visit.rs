//! One visit to a room: hears the room and the keys, asks the room for what is wanted, and draws.

use std::pin::pin;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::Event as Input;
use meshwork::{
    Cursor, EndpointEvent, Event, Link, PeerId, Repainted, Room, ServerState, Stroke, WriteError, place,
};
use meshwork_place::picture::palette;
use ratatui::style::Style;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::super::link;
use super::app::{App, Ask};
use super::colours::Depth;
use super::draw::{Layout, Look, draw};
use super::keys::{self, Action, Typed};
use super::screen::Screen;
use super::{allowance, people};
use crate::exit::Failure;
use crate::place::attempt::Attempt;
use crate::place::paint::{denial, is_reader};
use crate::progress::span;
use crate::room::counted;
use crate::room::happenings::{Happening, Happenings};

/// Time from one picture to the next.
const FRAME: Duration = Duration::from_millis(33);
/// How often who is there, and what the rules leave, is looked up.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// How long the others may take to make room for a stroke: no picture is drawn meanwhile.
const ROOM_WAIT: Duration = Duration::from_millis(100);
/// How long what was painted last may take to arrive when somebody leaves.
const LEAVE_WAIT: Duration = Duration::from_secs(2);

/// Somebody in a room, at a terminal.
pub(super) struct Visit<'a> {
    attempt: &'a mut Attempt,
    screen: Screen,
    depth: Depth,
    is_unicode: bool,
    /// Changes that were not heard, as far as the canvas was read since.
    missed: Option<u64>,
    looked: Option<Instant>,
    /// One's own cursor, as the others were told.
    pointed: Option<Cursor>,
    born: Instant,
}

impl<'a> Visit<'a> {
    pub(super) fn new(attempt: &'a mut Attempt, screen: Screen, depth: Depth, is_unicode: bool) -> Visit<'a> {
        let born = Instant::now();
        Visit { attempt, screen, depth, is_unicode, missed: None, looked: None, pointed: None, born }
    }

    /// Joins the room and stays until somebody leaves it.
    pub(super) async fn run(
        &mut self,
        link: Link,
        inputs: &mut mpsc::Receiver<Input>,
    ) -> Result<(), Failure> {
        let code = link::room_name(&link);
        let servers = self.attempt.endpoint.events();
        let room = self.attempt.look_for(&link).await?;
        let mut happenings = Happenings::new(servers, &room);
        if !self.open(&room, &mut happenings, &code, inputs).await? {
            return Ok(());
        }
        self.attempt.stay();
        self.attempt.app(&room, place::APP).await?;
        let size = crate::place::canvas_size(&room).await?;
        let mut app = App::new(code, size, Layout::new(self.area()?, self.has_half_blocks(), None));
        let mut frame = interval(FRAME);
        frame.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                happening = happenings.next() => self.hear(&mut app, &room, happening?).await?,
                // The terminal is gone when there are no more.
                input = inputs.recv() => match input {
                    Some(input) => handle_input(&mut app, &input),
                    None => break,
                },
                _ = frame.tick() => {
                    if self.carry_out(&mut app, &room).await? {
                        break;
                    }
                    self.point(&app, &room).await;
                    self.refresh(&mut app, &room, happenings.missed()).await?;
                    self.draw(&mut app)?;
                }
            }
        }
        leave(&room).await
    }

    /// Waits until the room is open, and says so meanwhile; false when somebody leaves before that.
    async fn open(
        &mut self,
        room: &Room,
        happenings: &mut Happenings,
        code: &str,
        inputs: &mut mpsc::Receiver<Input>,
    ) -> Result<bool, Failure> {
        let Visit { attempt, screen, .. } = self;
        let mut words = format!("Joining {code}. q leaves.");
        let mut frame = interval(LOOK_INTERVAL);
        let mut opened = pin!(attempt.opened(room));
        loop {
            tokio::select! {
                opened = &mut opened => return opened.map(|()| true),
                happening = happenings.next() => match happening? {
                    Happening::Room(Event::Unknown) => {
                        words = format!("No room has the code {code} yet. Waiting for it. q leaves.");
                    }
                    Happening::Endpoint(EndpointEvent::Server { state: ServerState::Away { reason }, .. }) => {
                        words = format!("The meeting point is unreachable: {reason}. q leaves.");
                    }
                    _ => {}
                },
                input = inputs.recv() => {
                    let Some(input) = input else { return Ok(false) };
                    if keys::action(&input) == Some(Action::Quit) {
                        return Ok(false);
                    }
                }
                _ = frame.tick() => draw_words(screen, &words)?,
            }
        }
    }

    async fn hear(&mut self, app: &mut App, room: &Room, happening: Happening) -> Result<(), Failure> {
        let now = std::time::Instant::now();
        match happening {
            Happening::Stroke(Stroke { cells, .. }) => app.change(&cells),
            Happening::Room(Event::Refused(reason)) => return Err(Failure::Refused(reason)),
            Happening::Room(Event::RulesChanged) => {
                self.looked = None;
                app.say("The rules of the room changed.");
            }
            Happening::Room(Event::Presence(endpoint)) => {
                app.point(endpoint, room.canvas().cursor(endpoint).await?, now);
            }
            Happening::Room(Event::Left { member, .. } | Event::Distant(member)) => {
                app.point(member.id(), None, now);
                self.looked = None;
            }
            Happening::Room(Event::Joined(_) | Event::Near(_) | Event::Link { .. }) => self.looked = None,
            Happening::Endpoint(EndpointEvent::Server { state: ServerState::Away { .. }, .. }) => app
                .say("The meeting point is away. Your links stay; newcomers have to wait until it is back."),
            Happening::Room(Event::ClockDiffers(ahead_ms)) if ahead_ms.unsigned_abs() > 10_000 => {
                app.say(format!(
                    "Your clock is {} {}. Strokes carry the others' time.",
                    span(Duration::from_millis(ahead_ms.unsigned_abs())),
                    if ahead_ms > 0 { "slow" } else { "fast" }
                ));
            }
            _ => {}
        }
        Ok(())
    }

    /// Asks the room for what is wanted; true when that is to leave.
    async fn carry_out(&mut self, app: &mut App, room: &Room) -> Result<bool, Failure> {
        while let Some(ask) = app.poll_ask() {
            match ask {
                Ask::Quit => return Ok(true),
                Ask::Paint(cells, goes_on) => {
                    let canvas = room.canvas();
                    let painted = match goes_on {
                        true => self.painted(app, canvas.paint_on(&cells)).await,
                        false => self.painted(app, canvas.paint(&cells)).await,
                    };
                    if painted.is_none() {
                        app.forget_stroke();
                    }
                }
                Ask::Undo => {
                    if let Some(undone) = self.painted(app, room.canvas().undo()).await {
                        app.say(words_of(undone));
                    }
                }
                Ask::Who(x, y) => {
                    let words = who(room, (x, y)).await?;
                    app.say(words);
                }
            }
        }
        Ok(false)
    }

    /// What comes of painting; `None` where nothing was painted, and it is said why.
    async fn painted<T>(
        &mut self,
        app: &mut App,
        painting: impl Future<Output = Result<T, WriteError>>,
    ) -> Option<T> {
        match timeout(ROOM_WAIT, painting).await {
            Ok(Ok(done)) => {
                // What the rules leave is another number now.
                self.looked = None;
                Some(done)
            }
            Ok(Err(error)) => {
                app.complain(refusal(&error));
                None
            }
            Err(_) => {
                app.complain("Not painted. The others cannot keep up. Wait a moment and go on.");
                None
            }
        }
    }

    /// Tells the others where one's own cursor is, when it moved.
    async fn point(&mut self, app: &App, room: &Room) {
        let pointer = Some(app.own_pointer());
        if pointer != self.pointed {
            self.pointed = pointer;
            // A cursor that is not told is no loss.
            let _ = room.canvas().point(pointer).await;
        }
    }

    /// Looks up what is not told by events: distances, ages, rules; and the canvas, where changes of it were missed.
    async fn refresh(&mut self, app: &mut App, room: &Room, missed: u64) -> Result<(), Failure> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_INTERVAL) {
            return Ok(());
        }
        self.looked = Some(Instant::now());
        let known = room.reach().await?.tried;
        let near = known.iter().filter(|member| !member.is_distant());
        app.people = people::rows(near.map(Into::into));
        app.beyond = room.neighbourhood().await?.beyond;
        app.allowance = match room.app(place::APP).await {
            Ok(canvas) => allowance::words(&room.rules().left_of(&canvas).await),
            Err(_) => None,
        };
        if self.missed != Some(missed) {
            self.missed = Some(missed);
            if let Some(image) = room.canvas().image().await? {
                app.shown.replace(&image.rgba);
            }
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

    fn area(&self) -> Result<(u16, u16), Failure> {
        let size = self.screen.terminal.size().context("cannot read the size of the terminal")?;
        Ok((size.width, size.height))
    }

    fn has_half_blocks(&self) -> bool {
        self.depth != Depth::None && self.is_unicode
    }
}

fn draw_words(screen: &mut Screen, words: &str) -> Result<(), Failure> {
    let drawn = screen.terminal.draw(|frame| {
        let width = usize::from(frame.area().width);
        frame.buffer_mut().set_stringn(0, 0, words, width, Style::new());
    });
    drawn.context("cannot draw on the terminal")?;
    Ok(())
}

/// Gives what was painted last the time to arrive.
async fn leave(room: &Room) -> Result<(), Failure> {
    if room.members().await?.iter().any(is_reader) {
        // What did not arrive by then is lost if nobody else has it.
        let _ = timeout(LEAVE_WAIT, room.kept()).await;
    }
    Ok(())
}

async fn who(room: &Room, (x, y): (u16, u16)) -> Result<String, Failure> {
    let cells = room.canvas().cells([(x, y)]).await?;
    let Some(cell) = cells.first() else { return Ok(format!("x {x}, y {y}: nobody has painted here.")) };
    let age = Duration::from_millis(crate::duration::now_ms().saturating_sub(cell.time_ms));
    let name = name(room, cell.author).await?;
    Ok(format!("x {x}, y {y}: {}, {name}, {} ago.", palette::name(Some(cell.colour)), span(age)))
}

async fn name(room: &Room, peer: PeerId) -> Result<String, Failure> {
    if peer == room.me().peer {
        return Ok(String::from("you"));
    }
    let known = room.reach().await?.tried;
    let named = known.iter().find(|member| member.peer() == peer && !member.name().trim().is_empty());
    Ok(named.map_or_else(|| peer.short(), |member| member.name().trim().to_owned()))
}

fn handle_input(app: &mut App, input: &Input) {
    // Pasted text is text for the line that is being typed, and never keys.
    if let Input::Paste(text) = input {
        return keys::pasted(text).for_each(|typed| app.handle_typed(typed));
    }
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

/// What is said of a stroke that was taken back.
fn words_of(undone: Option<Repainted>) -> String {
    match undone.map(|undone| (undone.painted, undone.theirs, undone.left)) {
        None => "There is nothing to undo.".to_owned(),
        Some((0, ..)) => "Others have painted over it since.".to_owned(),
        Some((_, 0, 0)) => "Undone.".to_owned(),
        Some((_, theirs, 0)) => {
            format!("Undone except {}, which others have painted over.", counted(theirs, "cell"))
        }
        Some((_, _, left)) => {
            format!("Undone except {}, which must wait for the rules of the room.", counted(left, "cell"))
        }
    }
}

/// What happened, why, and what to do.
fn refusal(error: &WriteError) -> String {
    match denial(error) {
        Some((words, _)) => format!("Not painted. {words}"),
        None => format!("Not painted: {error}."),
    }
}
