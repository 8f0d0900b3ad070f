//! The commons on a terminal: conversations, posts and people side by side.
//!
//! # How it works
//! [`run`] owns the terminal during a talk. It feeds keys and the room's changes to a [`model`] without input and output, and
//! [`draw`] draws the model. [`Terminal`] gives the terminal back when it is dropped, and before the words of a panic.
//!
//! # Invariants
//! Notes that other parts write meanwhile become notes of the chosen conversation, so that nothing writes across the drawing.

mod draw;
mod input;
mod model;

use std::collections::BTreeMap;
use std::sync::mpsc as channel;
use std::time::Duration;

use anyhow::Context as _;
use crossterm::event::Event as Input;
use meshwork::chat::{Change, Post};
use meshwork::{EndpointId, Event, LinkState, Member, PeerId, Room, lsnp};
use ratatui::layout::{Rect, Size};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::acts::{Acts, Note, Shown, maybe_lost};
use super::hearing::{Heard, Hearing};
use super::lines::{Ended, clocks_apart, name_of};
use super::phones::Phones;
use super::{Names, body, guests, reactions, waiting};
use crate::duration::now_ms;
use crate::exit::Failure;
use crate::place::tui::colours::Depth;
use crate::place::tui::screen::Screen;
use crate::place::tui::{depth, read_inputs};
use crate::room::attempt::Attempt;
use crate::{out, style};
use draw::{Look, draw};
use input::Ask;
use model::{Author, Guest, Model, Person, Said};

/// Time from one picture to the next.
const FRAME: Duration = Duration::from_millis(33);
/// Time between two looks at people and guests.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// Looks for which an arrival is unnamed before it is noted by its key.
const NAME_LOOKS: u8 = 3;
/// The longest wait for the last post to be stored when the person leaves.
const LEAVE_WAIT: Duration = Duration::from_secs(2);
/// Letters of a quote.
const QUOTE_MAX: usize = 120;

/// A taken terminal, with its keys.
pub(super) struct Terminal {
    screen: Screen,
    inputs: mpsc::Receiver<Input>,
    /// Notes of other parts of the program.
    notes: channel::Receiver<String>,
    look: Look,
    /// Words for the terminal as it was.
    last_words: Option<String>,
}

impl Terminal {
    /// Takes the terminal; `None`, with a note, if it cannot be drawn on.
    pub(super) fn take() -> Option<Terminal> {
        let depth = depth();
        let screen = Screen::take("meshwork chat", depth != Depth::None, false)
            .map_err(|error| style::note(format!("lines only, this terminal cannot be drawn on: {error}")))
            .ok()?;
        let (sender, notes) = channel::channel();
        out::above(Some(sender));
        let look = Look { depth, is_unicode: style::is_unicode() };
        Some(Terminal { screen, inputs: read_inputs(), notes, look, last_words: None })
    }

    /// Gives the terminal back. Returns words that came too late for the drawing.
    pub(super) fn end(mut self) -> Option<String> {
        self.last_words.take()
    }

    fn size(&self) -> Result<Size, Failure> {
        Ok(self.screen.terminal.size().context("cannot read the size of the terminal")?)
    }

    fn draw(&mut self, model: &mut Model) -> Result<(), Failure> {
        let look = self.look;
        let drawn = self.screen.terminal.draw(|frame| {
            if let Some(cursor) = draw(model, look, frame.buffer_mut()) {
                frame.set_cursor_position(cursor);
            }
        });
        drawn.context("cannot draw on the terminal")?;
        // So that a test can see the terminal after a panic.
        #[cfg(debug_assertions)]
        assert!(std::env::var_os("MESHWORK_TUI_PANICS").is_none(), "asked to panic");
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        out::above(None);
    }
}

/// The surroundings of a talk.
pub(super) struct Setting<'a> {
    /// Posts to show first.
    pub(super) newest: usize,
    /// The name of this person until a profile has another.
    pub(super) own: &'a str,
    pub(super) greeting: Option<String>,
    /// The name of the commons, unless it is the network's.
    pub(super) commons: Option<&'a str>,
    pub(super) phones: Option<&'a Phones>,
}

/// Talks until the person leaves, or the machine moves to another network.
pub(super) async fn run(
    terminal: &mut Terminal,
    attempt: &Attempt,
    room: &Room,
    setting: Setting<'_>,
) -> Result<Ended, Failure> {
    let acts = Acts::new(room, attempt.endpoint.nearby().cloned(), false);
    let mut hearing = Hearing::start(&acts, async {}).await?;
    let members = room.members().await?;
    let mut talk = Talk::new(terminal, acts, &setting);
    talk.listed = members.iter().map(Member::id).collect();
    talk.load(setting.newest).await?;
    talk.refresh().await?;
    let mut frame = interval(FRAME);
    frame.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut look = interval(LOOK_INTERVAL);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed = 0;
    loop {
        let Talk { acts, terminal, is_changed, .. } = &mut talk;
        let next = async {
            Ok::<_, Failure>(tokio::select! {
                heard = hearing.next(acts.guests.as_mut()) => Next::Heard(Box::new(heard?)),
                input = terminal.inputs.recv() => Next::Input(input),
                _ = look.tick() => Next::Look,
                _ = frame.tick(), if *is_changed => Next::Frame,
            })
        };
        match attempt.within(room, next).await? {
            Next::Heard(heard) => {
                if talk.hear(*heard).await? {
                    return Ok(Ended::Moved);
                }
            }
            Next::Input(Some(input)) => {
                if !talk.handle(&input).await? {
                    break;
                }
            }
            // The terminal is gone.
            Next::Input(None) => break,
            Next::Look => talk.refresh().await?,
            Next::Frame => talk.draw()?,
        }
        if hearing.missed() > missed {
            missed = hearing.missed();
            talk.load(setting.newest).await?;
        }
    }
    talk.leave().await
}

enum Next {
    Heard(Box<Heard>),
    Input(Option<Input>),
    Look,
    Frame,
}

/// A talk on a drawn terminal.
struct Talk<'a> {
    terminal: &'a mut Terminal,
    acts: Acts,
    model: Model,
    own: &'a str,
    /// The names that the model has.
    names: BTreeMap<PeerId, String>,
    /// Members that were here before.
    listed: Vec<EndpointId>,
    /// Members that came, with the number of looks since.
    arrivals: Vec<(EndpointId, u8)>,
    is_changed: bool,
}

impl<'a> Talk<'a> {
    fn new(terminal: &'a mut Terminal, acts: Acts, setting: &Setting<'a>) -> Talk<'a> {
        let mut model = Model::new(acts.room.me().peer);
        if let Some(name) = setting.commons {
            model.network = format!("Commons {name}, no server");
        }
        model.phones = setting.phones.map(|phones| model::Phones {
            url: phones.url.clone(),
            qr: phones.qr().unwrap_or_default().lines().map(str::to_owned).collect(),
        });
        setting.greeting.iter().for_each(|words| model.note(words));
        model.note("Type to post. /help has the commands.");
        let (names, listed, arrivals) = (BTreeMap::new(), Vec::new(), Vec::new());
        Talk { terminal, acts, model, own: setting.own, names, listed, arrivals, is_changed: true }
    }

    /// Shows the newest posts, open and direct ones.
    async fn load(&mut self, newest: usize) -> Result<(), Failure> {
        let posts = self.acts.chat.newest(None, newest.max(1)).await?;
        let mut posts: Vec<Shown> = posts.into_iter().map(|post| Shown { post, with: None }).collect();
        for person in self.acts.chat.people().await? {
            let with = self.acts.chat.with(person.peer).newest(newest.max(1)).await?.into_iter();
            posts.extend(with.map(|post| Shown { post, with: Some(person.peer) }));
        }
        posts.sort_by_key(|shown| shown.post.at.as_millis());
        for shown in posts {
            self.show(shown, false).await?;
        }
        Ok(())
    }

    /// Shows a post, or its newer version.
    async fn show(&mut self, shown: Shown, is_news: bool) -> Result<(), Failure> {
        let said = self.said(&shown).await?;
        self.model.put(shown.with, said, is_news);
        let is_it = |other: &&mut Shown| (other.post.key(), other.with) == (shown.post.key(), shown.with);
        match self.acts.shown.iter_mut().find(is_it) {
            Some(other) => *other = shown,
            None => self.acts.remember(shown),
        }
        Ok(())
    }

    async fn said(&self, Shown { post, with }: &Shown) -> Result<Said, Failure> {
        let quote = match (post.re, with) {
            (None, _) => None,
            (Some(key), None) => self.acts.chat.get(key).await?,
            (Some(key), Some(peer)) => self.acts.chat.with(*peer).get(key).await?,
        };
        let begin = |post: &Post| -> String {
            post.text.lines().next().unwrap_or_default().chars().take(QUOTE_MAX).collect()
        };
        Ok(Said {
            key: Some(post.key()),
            author: Author::Person(post.author),
            at_ms: post.at.as_millis(),
            // On lines, further ones are indented.
            text: body(post).replace("\n  ", "\n"),
            quote: quote.map(|post| (post.author, begin(&post))),
            reactions: reactions(post),
            is_edited: post.is_edited,
            is_new: false,
        })
    }

    /// Takes a change in. Returns whether the machine is on another network.
    async fn hear(&mut self, heard: Heard) -> Result<bool, Failure> {
        self.is_changed = true;
        match heard {
            Heard::Change(with, change) => self.change(with, change).await?,
            Heard::Event(Event::Moved) => return Ok(true),
            Heard::Event(event) => self.happen(event).await?,
            Heard::Network(event) => {
                self.acts.words_of_network(event).iter().for_each(|words| self.model.note(words));
            }
            Heard::Guest(event) => self.hear_guest(event),
        }
        Ok(false)
    }

    async fn change(&mut self, with: Option<PeerId>, change: Change) -> Result<(), Failure> {
        match change {
            Change::Posted(post) => {
                self.learn_names().await?;
                let is_news = post.author != self.model.me || self.acts.typed.contains(&post.id);
                self.show(Shown { post, with }, is_news).await?;
            }
            Change::Edited(post) | Change::Reacted(post) => {
                let is_known = self.acts.shown.iter().any(|shown| shown.post.key() == post.key());
                if is_known {
                    self.show(Shown { post, with }, false).await?;
                }
            }
            Change::Removed(key) => {
                self.model.remove(with, key);
                self.acts.shown.retain(|shown| shown.post.key() != key || shown.with != with);
            }
            _ => {}
        }
        Ok(())
    }

    async fn happen(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Joined(member) if !self.listed.contains(&member.id()) => {
                self.listed.push(member.id());
                self.arrivals.push((member.id(), 0));
            }
            Event::Left { member, reason } => {
                self.listed.retain(|other| *other != member.id());
                self.arrivals.retain(|(other, _)| *other != member.id());
                let why = reason.map(|reason| format!(", {reason}")).unwrap_or_default();
                self.model.note_link(LinkState::Gone, &format!("{} is gone{why}", name_of(&member)));
            }
            Event::Link { member, state: LinkState::Stale, .. } => {
                let silent = member.silent_for().unwrap_or_default().as_secs();
                let words = format!("{} is stale, silent for {silent} s", name_of(&member));
                self.model.note_link(LinkState::Stale, &words);
            }
            Event::WaitingChanged => {
                let names = Names::of(&self.acts.room).await?;
                let lines = waiting(&self.acts.chat.waiting().await?, &names);
                lines.iter().for_each(|words| self.model.note(words));
            }
            Event::ClockApart { endpoint, ahead_ms } => {
                let name = Names::of(&self.acts.room).await?.name(endpoint.peer);
                self.model.note(&clocks_apart(&name, ahead_ms));
            }
            _ => {}
        }
        Ok(())
    }

    fn hear_guest(&mut self, event: lsnp::Event) {
        self.acts.guests.iter().for_each(|guests| guests.greet(&event));
        let (from, text) = match event {
            lsnp::Event::Posted { from, text } => (from, text),
            lsnp::Event::Direct { from, text } => (from, format!("to you, readable for everybody: {text}")),
            event => {
                let words = guests::words(event, self.acts.is_verbose);
                return words.iter().for_each(|note| self.model.note(words_of(note)));
            }
        };
        let said = Said {
            key: None,
            author: Author::Guest(meshwork_core::text::shown(&from.to_string())),
            at_ms: now_ms(),
            text,
            quote: None,
            reactions: String::new(),
            is_edited: false,
            is_new: false,
        };
        self.model.put(None, said, true);
    }

    /// Handles a key. Returns whether the talk goes on.
    async fn handle(&mut self, input: &Input) -> Result<bool, Failure> {
        let Some(ask) = self.model.input.handle(input) else { return Ok(true) };
        self.is_changed = true;
        match ask {
            Ask::Draw => {}
            Ask::Leave => return Ok(false),
            Ask::Turn { is_forward } => self.model.turn(is_forward),
            Ask::Page { is_back } => {
                let size = self.terminal.size()?;
                let rows = draw::page(Rect::new(0, 0, size.width, size.height));
                self.model.scroll(rows.saturating_sub(2).max(1), is_back);
            }
            Ask::Send { text, is_text } => return self.send(text, is_text).await,
        }
        Ok(true)
    }

    /// Posts a line, or carries out its command. Returns whether the talk goes on.
    async fn send(&mut self, text: String, is_text: bool) -> Result<bool, Failure> {
        self.acts.here = Some(self.model.here().with);
        let done = self.acts.carry_out(&text, is_text).await;
        self.model.scroll(usize::MAX, false);
        let notes = self.acts.take_notes();
        if !notes.is_empty() {
            self.model.note(&notes.iter().map(words_of).collect::<Vec<_>>().join("\n"));
        }
        match done {
            Err(failure @ (Failure::Usage(_) | Failure::Forbidden { .. })) => {
                self.model.note(&format!("error: {failure}"));
                self.model.input.put_back(&text, is_text);
                Ok(true)
            }
            done => done,
        }
    }

    /// Reads the names of people.
    async fn learn_names(&mut self) -> Result<(), Failure> {
        let names = Names::of(&self.acts.room).await?;
        if names.names == self.names && !self.names.is_empty() {
            return Ok(());
        }
        for peer in names.names.keys().filter(|peer| !names.is_own(**peer)) {
            self.model.set_name(*peer, &names.get(*peer));
        }
        let me = self.model.me;
        self.model.set_name(me, names.names.get(&me).map_or(self.own, String::as_str));
        self.names = names.names;
        Ok(())
    }

    /// Reads everything that no event reports: names, distances, ages.
    async fn refresh(&mut self) -> Result<(), Failure> {
        self.is_changed = true;
        self.learn_names().await?;
        let members = self.acts.room.reach().await?.tried;
        let seen = self.acts.nearby.as_ref().map(|nearby| nearby.seen()).unwrap_or_default();
        let person = |member: &Member| {
            let heard = seen.iter().find(|one| one.endpoint == member.id());
            let address = heard.map(|one| one.address.to_string());
            let silent = [member.silent_for(), heard.map(|one| one.silent)].into_iter().flatten().min();
            let link = member.link();
            Person {
                name: self.model.name(member.peer()),
                link,
                is_linked: member.is_here() && link.is_linked(),
                rtt: member.rtt(),
                address: address.unwrap_or_else(|| String::from("through a page")),
                silent,
            }
        };
        let near = members.iter().filter(|member| !member.is_distant());
        let mut people: Vec<Person> = near.map(person).collect();
        people.sort_by_key(|person| (!person.is_linked, person.link == LinkState::Gone, person.name.clone()));
        self.model.people = people;
        let guests = self.acts.nearby.as_ref().and_then(|nearby| nearby.guests());
        let guest = |(guest, silent): (lsnp::Guest, Duration)| Guest {
            name: meshwork_core::text::shown(guest.id.name()),
            address: guest.address.ip().to_string(),
            silent,
        };
        self.model.guests =
            guests.map(|guests| guests.list()).unwrap_or_default().into_iter().map(guest).collect();
        self.note_arrivals(&members);
        self.tell_own_address();
        while let Ok(words) = self.terminal.notes.try_recv() {
            self.model.note(anstream::adapter::strip_str(&words).to_string().trim_end());
        }
        Ok(())
    }

    /// Notes members that came, once their names are known.
    fn note_arrivals(&mut self, members: &[Member]) {
        let Talk { arrivals, model, .. } = self;
        arrivals.retain_mut(|(endpoint, looks)| {
            *looks += 1;
            let Some(member) = members.iter().find(|member| member.id() == *endpoint) else { return false };
            if member.name().trim().is_empty() && *looks < NAME_LOOKS {
                return true;
            }
            model.note_link(LinkState::Direct, &format!("{} is here", name_of(member)));
            false
        });
    }

    fn tell_own_address(&mut self) {
        let name = self.model.name(self.model.me);
        let address =
            self.acts.nearby.as_ref().and_then(|nearby| Some((nearby.own_address()?, nearby.port())));
        self.model.own = match address {
            Some((ip, port)) => format!("{name} at {ip}:{port}"),
            None => name,
        };
    }

    fn draw(&mut self) -> Result<(), Failure> {
        self.is_changed = false;
        self.terminal.draw(&mut self.model)
    }

    /// Waits a moment for the last post to be stored.
    async fn leave(self) -> Result<Ended, Failure> {
        let is_alone = self.acts.room.members().await?.is_empty();
        if let Some(receipt) = self.acts.last.filter(|_| !is_alone)
            && !timeout(LEAVE_WAIT, receipt.kept()).await.is_ok_and(|kept| kept.is_ok())
        {
            self.terminal.last_words = Some(maybe_lost(LEAVE_WAIT));
        }
        Ok(Ended::Done)
    }
}

fn words_of(note: &Note) -> &str {
    match note {
        Note::Aside(words) | Note::Line(words) => words,
    }
}
