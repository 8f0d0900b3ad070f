//! `chat`: posts as lines, and typed lines as posts, on a terminal and in a pipe.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use meshwork::chat::profile::Profile;
use meshwork::chat::{AllDirectChanges, Change, Chat, ChatChanges, Post, PostId, PostKey};
use meshwork::{
    Closed, EndpointId, Event, Events, KEPT_MAX, Link, Member, Nearby, NearbyEvent, NearbyEvents, PeerId,
    Receipt, Room, lsnp,
};
use meshwork_signal::http::Pages;
use tokio::time::timeout;

use super::guests::{self, Visitors};
use super::person::People;
use super::typing::{Entered, Line, Typing};
use super::{Names, body, commons, denied, reactions, waiting};
use crate::duration::{self, date};
use crate::exit::Failure;
use crate::room::attempt::{Attempt, named_guest, user_name};
use crate::room::signal::Stop;
use crate::room::{Common, link};
use crate::{out, style};

/// The longest wait for earlier posts before the newest are printed.
const IN_STEP_WAIT: Duration = Duration::from_secs(5);
/// The longest wait for the last post to be stored after Ctrl-C. A second Ctrl-C ends it.
const INTERRUPTED_WAIT: Duration = Duration::from_secs(3);
/// The longest wait for the names of those who are here.
const NAMES_WAIT: Duration = Duration::from_secs(1);
/// Printed posts that commands can name.
const SHOWN_MAX: usize = 200;

const HELP: &str = "\
Each line that you type is posted, and several that you paste together are one post. Commands act on the last post, with
^2 on the one before it, and so on; a direct post is answered directly:
  /re TEXT          answer the last post of somebody else
  /react EMOJI      react to it; without an emoji take yours back
  /edit TEXT        give your last post another text
  /delete           delete your last post
  /dm NAME TEXT     write to one person alone
  /me               your name and key
  /help             these lines
  /quit             leave
A text that begins with / is posted with // in front. Pasted text is never a command.";

const HELP_IN_COMMONS: &str = "\
Here POST, DM, PROFILE, LIST, VERBOSE and QUIT work in capitals without /, too; without more they ask:
  /post TEXT        post a text
  /profile NAME     call yourself NAME
  /list             the programs near: name, address, port, seconds since they were heard
  /verbose          show what happens on the network, or no longer";

/// Commands that work in capitals without a slash, in a commons.
const IN_CAPITALS: [(&str, &str); 6] = [
    ("POST", "post"),
    ("DM", "dm"),
    ("PROFILE", "profile"),
    ("LIST", "list"),
    ("VERBOSE", "verbose"),
    ("QUIT", "quit"),
];

const AFTER_HELP: &str = "\
Each post is a line: its time in your time zone, its author's name, a colon and the text; further lines of it are
indented. Type a line to post it, /help for the commands. In a pipe each line is posted as it is, whatever it begins
with, unless --commands is given. There the program ends after the last line of its input, once a member that stays has
the posts, or after 10 seconds. chat watch prints JSON in place of words.";

/// Arguments of `chat LINK`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Lines {
    /// The LINK of a room of any app. A private one has a part after #. @FILE reads it from a file.
    /// Without one: the commons of the local network, which everybody on it shares.
    #[arg(value_name = "LINK", value_parser = link::read)]
    link: Option<Link>,
    /// What others see you called, which stays with your posts: everybody in the room can read it later, in an open room anybody. chat
    /// profile changes and removes it. [default: your user name, which does not stay]
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    pub(super) name: Option<String>,
    /// Print so many of the newest posts first.
    #[arg(long, value_name = "N", default_value = "20")]
    pub(super) newest: usize,
    /// Carry out commands that come from a pipe, too: lines that begin with / and no second one.
    #[arg(long)]
    pub(super) commands: bool,
    #[command(flatten)]
    pub(super) commons: commons::Options,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(lines: Lines, pages: Arc<dyn Pages>) -> Result<(), Failure> {
    let Some(link) = lines.link else { return commons::run(lines, pages).await };
    let Lines { name, newest, commands, common, .. } = lines;
    let mut stop = Stop::listen()?;
    let mut attempt = Attempt::start(&common, named_guest(name, user_name).stays()).await?;
    let talked = async {
        let room = attempt.join(&link).await?;
        attempt.stay();
        let talk = Talk::start(&attempt, &room, newest, None).await?;
        // A person who reads that they may type can.
        let mut typing = Typing::start(commands);
        talk.run(&attempt, &mut typing).await.map(|_| ())
    };
    let result = tokio::select! {
        result = talked => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

/// How a talk ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The person is done.
    Done,
    /// The machine is on another network, and this was the commons of the former one.
    Moved,
}

/// A talk on this terminal.
pub(super) struct Talk {
    room: Room,
    chat: Chat,
    changes: ChatChanges,
    direct: AllDirectChanges,
    events: Events,
    /// The local network, in its commons.
    nearby: Option<Nearby>,
    network: Option<NearbyEvents>,
    guests: Option<Visitors>,
    /// The question that the next line answers.
    asked: Option<Asked>,
    is_verbose: bool,
    /// Posts that were printed or written here, the latest last.
    shown: VecDeque<Shown>,
    /// Those written here, which a terminal shows as they were typed.
    typed: BTreeSet<PostId>,
    /// Posts earlier than the first printed are not printed when they come.
    since_ms: u64,
    last: Option<Receipt>,
}

/// A post, open or direct.
struct Shown {
    post: Post,
    /// The other person of a direct post.
    with: Option<PeerId>,
}

/// A question that the next line answers.
enum Asked {
    Post,
    Recipient,
    Direct(String),
    Name,
    Status(String),
}

impl Talk {
    /// Prints the newest posts. In a commons of the local network `commons` says whether its changes are shown.
    pub(super) async fn start(
        attempt: &Attempt,
        room: &Room,
        newest: usize,
        commons: Option<bool>,
    ) -> Result<Talk, Failure> {
        let chat = room.chat();
        let (changes, events) = (chat.watch(), room.events());
        if commons.is_none() {
            // Others who are not in step do not matter.
            let _ = timeout(IN_STEP_WAIT, attempt.within(room, room.in_step())).await;
        }
        let nearby = attempt.endpoint.nearby().filter(|_| commons.is_some()).cloned();
        let mut talk = Talk {
            room: room.clone(),
            direct: chat.watch_direct().await?,
            chat,
            changes,
            events,
            network: nearby.as_ref().map(Nearby::events),
            guests: nearby.as_ref().and_then(Nearby::guests).map(Visitors::new),
            nearby,
            asked: None,
            is_verbose: commons.unwrap_or(false),
            shown: VecDeque::new(),
            typed: BTreeSet::new(),
            since_ms: 0,
            last: None,
        };
        talk.print_newest(newest).await?;
        Ok(talk)
    }

    /// Talks until the person is done, or the room ends.
    pub(super) async fn run(mut self, attempt: &Attempt, typing: &mut Typing) -> Result<Ended, Failure> {
        let room = self.room.clone();
        let members = named_members(&room).await?;
        let mut listed: BTreeSet<EndpointId> = members.iter().map(Member::id).collect();
        let here = members.iter().map(name_of).collect::<Vec<_>>().join(", ");
        let here = if here.is_empty() { String::from("nobody else") } else { here };
        style::note(format!("here: {here}. Type to post; /help has the commands."));
        tell_waiting(&self.chat, &Names::of(&room).await?).await?;
        let mut missed = 0;
        loop {
            match self.next(attempt, &room, typing).await? {
                Next::Change(with, change) => self.hear(with, change).await?,
                // Those who are listed came before.
                Next::Event(Event::Joined(member)) if listed.remove(&member.id()) => {}
                Next::Event(Event::Left { member, .. }) => {
                    listed.remove(&member.id());
                    style::note(format!("{} left", name_of(&member)));
                }
                Next::Event(Event::Moved) => return Ok(Ended::Moved),
                Next::Event(event) => self.tell(event).await?,
                Next::Network(event) => self.tell_of_network(event),
                Next::Guest(event) => {
                    self.guests.iter().for_each(|guests| guests.greet(&event));
                    guests::tell(event, self.is_verbose)?;
                }
                Next::Entered(Entered::Line(line)) => {
                    if !self.carry_out(line).await? {
                        return self.end().await;
                    }
                }
                Next::Entered(Entered::Interrupted) => return self.interrupt().await,
                Next::Entered(Entered::End) => return self.end().await,
            }
            if self.changes.missed() > missed {
                missed = self.changes.missed();
                style::note("some posts came too fast to be printed; chat read has them");
            }
        }
    }

    async fn next(&mut self, attempt: &Attempt, room: &Room, typing: &mut Typing) -> Result<Next, Failure> {
        let Talk { changes, direct, events, network, guests, .. } = self;
        let next = async {
            Ok::<_, Failure>(tokio::select! {
                change = changes.next() => Next::Change(None, change.ok_or(Closed)?),
                change = direct.next() => {
                    let (peer, change) = change.ok_or(Closed)?;
                    Next::Change(Some(peer), change)
                }
                event = events.next() => Next::Event(event.ok_or(Closed)?),
                event = heard(network.as_mut()) => Next::Network(event),
                event = Visitors::next(guests.as_mut()) => Next::Guest(event),
                entered = typing.next() => Next::Entered(entered),
            })
        };
        attempt.within(room, next).await
    }

    /// Tells of something that happened in the room.
    async fn tell(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Joined(member) => style::note(format!("{} is here", name_of(&member))),
            Event::WaitingChanged => tell_waiting(&self.chat, &Names::of(&self.room).await?).await?,
            Event::ClockApart { endpoint, ahead_ms } => {
                let name = Names::of(&self.room).await?.name(endpoint.peer);
                style::note(clocks_apart(&name, ahead_ms));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The next change on the local network.
async fn heard(network: Option<&mut NearbyEvents>) -> NearbyEvent {
    match network {
        Some(network) => match network.next().await {
            Some(event) => event,
            None => std::future::pending().await,
        },
        None => std::future::pending().await,
    }
}

/// The words for a member whose clock differs.
fn clocks_apart(name: &str, ahead_ms: i64) -> String {
    let by = duration::rough(Duration::from_millis(ahead_ms.unsigned_abs()));
    if ahead_ms > 0 {
        format!(
            "{name}'s clock is {by} ahead of yours. {name}'s posts appear when your clock gets there. Set one of the two."
        )
    } else {
        format!(
            "{name}'s clock is {by} behind yours. Your posts appear to {name} when that clock gets there. Set one of the two."
        )
    }
}

/// Notes whose posts wait, since the clocks of their devices are ahead.
async fn tell_waiting(chat: &Chat, names: &Names) -> Result<(), Failure> {
    waiting(&chat.waiting().await?, names).iter().for_each(style::note);
    Ok(())
}

enum Next {
    /// A post changed, or a direct post with a person.
    Change(Option<PeerId>, Change),
    Event(Event),
    Network(NearbyEvent),
    Guest(lsnp::Event),
    Entered(Entered),
}

/// Those who are here, with their names: a name comes a moment after its owner.
async fn named_members(room: &Room) -> Result<Vec<Member>, Closed> {
    let deadline = tokio::time::Instant::now() + NAMES_WAIT;
    let mut events = room.events();
    loop {
        let members = room.members().await?;
        let is_named = members.iter().all(|member| !member.name().trim().is_empty());
        if is_named || tokio::time::timeout_at(deadline, events.next()).await.is_err() {
            return Ok(members);
        }
    }
}

fn name_of(member: &Member) -> String {
    match member.name().trim() {
        "" => member.peer().short(),
        name => name.to_owned(),
    }
}

impl Talk {
    /// Prints the newest posts, open and direct ones.
    async fn print_newest(&mut self, most: usize) -> Result<(), Failure> {
        let mut posts = self.chat.newest(None, most.max(1)).await?;
        if most == 0 {
            self.since_ms = posts.pop().map_or(0, |last| last.at.as_millis() + 1);
        } else if posts.len() == most {
            self.since_ms = posts.first().map_or(0, |post| post.at.as_millis());
        }
        let mut posts: Vec<Shown> = posts.into_iter().map(|post| Shown { post, with: None }).collect();
        for person in self.chat.people().await? {
            let with = self.chat.with(person.peer).newest(most).await?.into_iter();
            posts.extend(with.map(|post| Shown { post, with: Some(person.peer) }));
        }
        posts.sort_by_key(|shown| shown.post.at.as_millis());
        posts.drain(..posts.len().saturating_sub(most));
        let names = Names::of(&self.room).await?;
        for shown in posts {
            self.print(shown, &names)?;
        }
        Ok(())
    }

    fn print(&mut self, shown: Shown, names: &Names) -> Result<(), Failure> {
        let is_answered =
            |other: &&Shown| shown.post.re == Some(other.post.key()) && other.with == shown.with;
        if let Some(Shown { post: answered, .. }) = self.shown.iter().find(is_answered) {
            let begin: String = answered.text.lines().next().unwrap_or_default().chars().take(40).collect();
            out::line(format_args!("  > {}: {begin}", names.get(answered.author)))?;
        }
        out::line(shown.words(names))?;
        self.remember(shown);
        Ok(())
    }

    fn remember(&mut self, shown: Shown) {
        self.shown.push_back(shown);
        if self.shown.len() > SHOWN_MAX {
            self.shown.pop_front();
        }
    }

    /// Prints a change of the posts, or of the direct posts with a person.
    async fn hear(&mut self, with: Option<PeerId>, change: Change) -> Result<(), Failure> {
        let names = Names::of(&self.room).await?;
        let place = |shown: &VecDeque<Shown>, post: &Post| {
            let is_it = |other: &Shown| (other.post.key(), other.with) == (post.key(), with);
            shown.iter().position(is_it)
        };
        match change {
            Change::Posted(post) => {
                let is_old = post.at.as_millis() < self.since_ms;
                if !is_old && place(&self.shown, &post).is_none() && !self.typed.contains(&post.id) {
                    self.print(Shown { post, with }, &names)?;
                }
            }
            Change::Edited(post) => {
                if let Some(place) = place(&self.shown, &post) {
                    let is_mine = self.typed.contains(&post.id);
                    let is_new = self.shown[place].post.text != post.text;
                    self.shown[place].post = post;
                    if !is_mine && is_new {
                        out::line(format_args!("{} (edited)", self.shown[place].words(&names)))?;
                    }
                }
            }
            Change::Reacted(post) => {
                if let Some(place) = place(&self.shown, &post) {
                    if self.shown[place].post.reactions != post.reactions {
                        let given = reactions(&post);
                        let given = if given.is_empty() { String::from("no reaction") } else { given };
                        let at = date(post.at.as_millis());
                        let name = names.get(post.author);
                        out::line(format_args!("  {given} on {at} {name}"))?;
                    }
                    self.shown[place].post = post;
                }
            }
            Change::Removed(key) => {
                let is_it = |shown: &Shown| shown.post.key() == key && shown.with == with;
                if let Some(place) = self.shown.iter().position(is_it)
                    && let Some(Shown { post, .. }) = self.shown.remove(place)
                {
                    let (at, name) = (date(post.at.as_millis()), names.get(post.author));
                    out::line(format_args!("  removed: {at} {name}"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Posts a line, or carries out its command. Returns whether the talk goes on. A line that comes to nothing is explained, and
    /// goes back to where it was typed.
    async fn carry_out(&mut self, line: Line) -> Result<bool, Failure> {
        let done = match (self.asked.take(), Order::read(&line.text, line.is_text, self.nearby.is_some())) {
            (Some(asked), _) => self.take_answer(asked, &line.text).await,
            (None, Order::Nothing) => return Ok(true),
            (None, Order::Post(text)) => self.post(text, None).await,
            (None, Order::Command("quit", _)) => return Ok(false),
            (None, Order::Command(word, rest)) => self.command(word, rest).await,
        };
        match done {
            Ok(receipt) => self.last = receipt.or(self.last.take()),
            Err(failure @ (Failure::Usage(_) | Failure::Forbidden { .. })) => {
                let left = line.put_back().map(|text| format!(" This line was not posted: {text}"));
                style::error(format!("{failure}{}", left.unwrap_or_default()));
            }
            Err(failure) => return Err(failure),
        }
        Ok(true)
    }

    /// Carries out a command.
    async fn command(&mut self, word: &str, rest: &str) -> Result<Option<Receipt>, Failure> {
        match (word, rest) {
            ("help", _) if self.nearby.is_some() => style::note(format!("{HELP}\n{HELP_IN_COMMONS}")),
            ("help", _) => style::note(HELP),
            ("me", _) => {
                let me = self.room.me().peer;
                style::note(format!("you are {} ({me})", Names::of(&self.room).await?.name(me)));
            }
            ("list", _) if self.nearby.is_some() => {
                if let Some(nearby) = &self.nearby {
                    commons::list(nearby, &self.room).await?;
                }
            }
            ("verbose", _) if self.nearby.is_some() => {
                self.is_verbose = !self.is_verbose;
                style::note(if self.is_verbose { "verbose: on" } else { "verbose: off" });
            }
            ("post", "") => self.ask(Asked::Post),
            ("post", text) => return self.post(text, None).await,
            ("dm", "") => self.ask(Asked::Recipient),
            ("dm", rest) => return self.write_to_one(rest).await,
            ("profile", "") => self.ask(Asked::Name),
            ("profile", name) => return self.set_profile(name, None).await,
            (word, rest) => return self.act(word, rest).await,
        }
        Ok(None)
    }

    /// Asks for what a command lacks: the next line answers.
    fn ask(&mut self, asked: Asked) {
        style::note(match &asked {
            Asked::Post | Asked::Direct(_) => "Message:",
            Asked::Recipient => "Recipient:",
            Asked::Name => "Display name:",
            Asked::Status(_) => "Status:",
        });
        self.asked = Some(asked);
    }

    /// Takes the answer to a question. An empty one ends the command.
    async fn take_answer(&mut self, asked: Asked, answer: &str) -> Result<Option<Receipt>, Failure> {
        match asked {
            _ if answer.trim().is_empty() => style::note("nothing was written"),
            Asked::Post => return self.post(answer, None).await,
            Asked::Recipient => self.ask(Asked::Direct(answer.trim().to_owned())),
            Asked::Direct(to) => return self.write_to_one(&format!("{to} {answer}")).await,
            Asked::Name => self.ask(Asked::Status(answer.trim().to_owned())),
            Asked::Status(name) => return self.set_profile(&name, Some(answer.trim())).await,
        }
        Ok(None)
    }

    /// Changes the profile: its name, and its status unless that stays.
    async fn set_profile(&mut self, name: &str, status: Option<&str>) -> Result<Option<Receipt>, Failure> {
        let before = self.chat.profile(self.room.me().peer).await?;
        let status = status.map_or(before.status, str::to_owned);
        let profile = Profile { name: name.to_owned(), status, avatar: before.avatar };
        let receipt = self.chat.set_profile(&profile).await.map_err(denied)?;
        if let Some(guests) = &self.guests {
            guests.set_profile(&profile);
        }
        style::note(format!("your name is {name}"));
        Ok(Some(receipt))
    }

    /// Tells of a change on the local network.
    fn tell_of_network(&self, event: NearbyEvent) {
        if !self.is_verbose {
            return;
        }
        match event {
            NearbyEvent::Heard { endpoint, address, way } => {
                style::note(format!("< {address} {} by {way:?}", endpoint.peer.short()));
            }
            NearbyEvent::Gone(endpoint) => style::note(format!("! {} is gone", endpoint.peer.short())),
            NearbyEvent::Dropped(dropped) => style::note(format!(
                "! dropped: {} malformed, {} forged, {} in excess, {} to addresses that never answered",
                dropped.malformed, dropped.forged, dropped.excess, dropped.unanswered
            )),
            _ => {}
        }
    }

    /// Carries out a command on an earlier post.
    async fn act(&mut self, word: &str, rest: &str) -> Result<Option<Receipt>, Failure> {
        let (back, rest) = back_and_text(rest);
        let me = self.room.me().peer;
        let is_wanted = |shown: &&Shown| match word {
            "re" | "react" => shown.post.author != me,
            "edit" | "delete" => shown.post.author == me,
            _ => false,
        };
        if !["re", "react", "edit", "delete"].contains(&word) {
            return Err(Failure::Usage(format!(
                "There is no command /{word}: /help lists them, and //{word} posts it."
            )));
        }
        let found = self.shown.iter().rev().filter(is_wanted).nth(back - 1);
        let Some((key, with)) = found.map(|shown| (shown.post.key(), shown.with)) else {
            return Err(Failure::Usage(String::from("There is no such post on these lines.")));
        };
        let direct = with.map(|peer| self.chat.with(peer));
        let emoji: Vec<&str> = rest.split_whitespace().collect();
        let changed = match (word, direct) {
            ("re", None) => return self.post(rest, Some(key)).await,
            ("re", Some(direct)) => {
                let (id, receipt) = direct.reply(key, rest).await.map_err(denied)?;
                self.remember_direct(direct.peer(), id).await?;
                return Ok(Some(receipt));
            }
            ("react", None) => self.chat.react(key, &emoji).await,
            ("react", Some(direct)) => direct.react(key, &emoji).await,
            ("edit", None) => self.chat.edit(key, rest).await,
            ("edit", Some(direct)) => direct.edit(key, rest).await,
            (_, None) => self.chat.remove(key).await,
            (_, Some(direct)) => direct.remove(key).await,
        };
        changed.map(Some).map_err(denied)
    }

    async fn post(&mut self, text: &str, re: Option<PostKey>) -> Result<Option<Receipt>, Failure> {
        let writing = re.into_iter().fold(self.chat.write(text), |writing, key| writing.reply(key));
        let (id, receipt) = writing.send().await.map_err(denied)?;
        self.typed.insert(id);
        if let Some(guests) = &self.guests {
            guests.post(text);
        }
        let written = self.chat.get(PostKey { id, author: self.room.me().peer }).await?;
        if let Some(post) = &written
            && let Some(at_ms) = self.chat.appears_at(post).await?
        {
            let at = date(at_ms);
            style::note(format!("this appears to others at {at}: the clock of this device is ahead"));
        }
        written.into_iter().for_each(|post| self.remember(Shown { post, with: None }));
        Ok(Some(receipt))
    }

    /// Writes a direct post: the person and the text. A guest is meant by its whole id, or by a name that no person has.
    async fn write_to_one(&mut self, line: &str) -> Result<Option<Receipt>, Failure> {
        let is_guest = line.split_whitespace().next().is_some_and(|first| first.contains('@'));
        if is_guest && self.write_to_guest(line)? {
            return Ok(None);
        }
        let people = People::of(&self.room).await?;
        let (peer, text) = match people.split(line) {
            Ok(found) => found,
            Err(_) if self.write_to_guest(line)? => return Ok(None),
            Err(failure) => return Err(failure),
        };
        let (id, receipt) = self.chat.with(peer).post(text).await.map_err(denied)?;
        self.remember_direct(peer, id).await?;
        style::note(format!("written to {} alone", people.words(peer)));
        Ok(Some(receipt))
    }

    /// Writes to a guest, if a line begins with one.
    fn write_to_guest(&mut self, line: &str) -> Result<bool, Failure> {
        self.guests.as_mut().map_or(Ok(false), |guests| guests.write_to(line))
    }

    /// Remembers a direct post that was written here.
    async fn remember_direct(&mut self, peer: PeerId, id: PostId) -> Result<(), Failure> {
        self.typed.insert(id);
        let written = self.chat.with(peer).get(PostKey { id, author: self.room.me().peer }).await?;
        written.into_iter().for_each(|post| self.remember(Shown { post, with: Some(peer) }));
        Ok(())
    }

    /// Waits until a member that stays has what was written.
    async fn end(self) -> Result<Ended, Failure> {
        // In a commons the posts are for those who are here, and that may be nobody.
        let is_alone = self.nearby.is_some() && self.room.members().await?.is_empty();
        let Some(receipt) = self.last.filter(|_| !is_alone) else { return Ok(Ended::Done) };
        let kept = receipt.kept().await;
        kept.map(|_| Ended::Done).map_err(|_| Failure::Unreachable(maybe_lost(KEPT_MAX)))
    }

    /// Ends after Ctrl-C. A line posted just before waits a moment for a member that stays. Outside a line a second Ctrl-C is a
    /// signal, which ends the wait.
    async fn interrupt(self) -> Result<Ended, Failure> {
        let Some(receipt) = self.last else { return Ok(Ended::Done) };
        if !timeout(INTERRUPTED_WAIT, receipt.kept()).await.is_ok_and(|kept| kept.is_ok()) {
            style::note(maybe_lost(INTERRUPTED_WAIT));
        }
        Ok(Ended::Done)
    }
}

fn maybe_lost(waited: Duration) -> String {
    format!(
        "The last posts may be lost: no member that stays had them within {} seconds. {}",
        waited.as_secs(),
        link::HOW_TO_STAY
    )
}

impl Shown {
    /// The post in words, behind its time and its author's name.
    fn words(&self, names: &Names) -> String {
        let Shown { post, with } = self;
        let for_whom = match with {
            None => String::new(),
            Some(peer) if names.is_own(post.author) => format!(" to {} alone", names.get(*peer)),
            Some(_) => String::from(" to you alone"),
        };
        let (at, name) = (date(post.at.as_millis()), names.get(post.author));
        format!("{at} {name}{for_whom}: {}", body(post))
    }
}

/// The meaning of a line.
#[derive(Debug, PartialEq, Eq)]
enum Order<'a> {
    Nothing,
    /// A text to post.
    Post(&'a str),
    /// A command's word, and what stands behind it.
    Command(&'a str, &'a str),
}

impl<'a> Order<'a> {
    /// Reads a line. `is_text` if it is no command whatever it begins with. With `in_capitals` some commands need no slash.
    fn read(line: &'a str, is_text: bool, in_capitals: bool) -> Order<'a> {
        let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let capitals = IN_CAPITALS.into_iter().find(|(capitals, _)| *capitals == first);
        if let Some((_, word)) = capitals.filter(|_| in_capitals && !is_text && !line.contains('\n')) {
            return Order::Command(word, rest.trim());
        }
        match line.strip_prefix('/') {
            _ if line.trim().is_empty() => Order::Nothing,
            Some(rest) if !is_text && rest.starts_with('/') => Order::Post(rest),
            Some(command) if !is_text => {
                let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
                Order::Command(word, rest.trim())
            }
            _ => Order::Post(line),
        }
    }
}

/// How far back a command goes, from 1 on, and its text.
fn back_and_text(rest: &str) -> (usize, &str) {
    let (first, text) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let back = first.strip_prefix('^').and_then(|number| number.parse().ok()).filter(|back| *back > 0);
    back.map_or((1, rest), |back| (back, text.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_typed_lines_are_commands() {
        assert_eq!(Order::read("/quit smoking", false, false), Order::Command("quit", "smoking"));
        assert_eq!(Order::read("//quit smoking", false, false), Order::Post("/quit smoking"));
        for text in ["/quit smoking", "//quit", "/", "a /quit", "/re one\n/quit"] {
            assert_eq!(Order::read(text, true, false), Order::Post(text));
        }
        assert_eq!(Order::read("a /quit", false, false), Order::Post("a /quit"));
        for is_text in [false, true] {
            assert_eq!(Order::read(" \t", is_text, false), Order::Nothing);
        }
    }

    #[test]
    fn commands_of_a_commons_work_in_capitals() {
        assert_eq!(Order::read("POST hello all", false, true), Order::Command("post", "hello all"));
        assert_eq!(Order::read("LIST", false, true), Order::Command("list", ""));
        assert_eq!(Order::read("/list", false, true), Order::Command("list", ""));
        for text in ["List of things", "POSTED", "LISTEN", "LIST\nof things"] {
            assert_eq!(Order::read(text, false, true), Order::Post(text));
        }
        assert_eq!(Order::read("QUIT", true, true), Order::Post("QUIT"), "a line of a pipe");
        assert_eq!(Order::read("QUIT", false, false), Order::Post("QUIT"), "another room");
    }

    #[test]
    fn differing_clocks_are_told_from_both_sides() {
        let words = clocks_apart("Lin", 300_000);
        assert!(words.starts_with("Lin's clock is 5 minutes ahead of yours. Lin's posts appear"), "{words}");
        let words = clocks_apart("Lin", -40 * 86_400_000);
        assert!(
            words.starts_with("Lin's clock is 40 days behind yours. Your posts appear to Lin"),
            "{words}"
        );
    }

    #[test]
    fn commands_name_earlier_posts() {
        assert_eq!(back_and_text("one two"), (1, "one two"));
        assert_eq!(back_and_text("^3 one two"), (3, "one two"));
        assert_eq!(back_and_text("^3"), (3, ""));
        for text in ["^0 one", "^x one", "3 one", ""] {
            assert_eq!(back_and_text(text), (1, text));
        }
    }
}
