//! `chat`: posts as lines, and typed lines as posts, on a terminal and in a pipe.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use meshwork::chat::{Change, Chat, Post};
use meshwork::{Closed, EndpointId, Event, KEPT_MAX, Link, Member, PeerId, Room};
use meshwork_signal::http::Pages;
use tokio::time::timeout;

use super::acts::{Acts, Note, Shown, maybe_lost};
use super::guests;
use super::hearing::{Heard, Hearing};
use super::typing::{Entered, Line, Typing};
use super::{Names, commons, reactions, waiting};
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
    acts: Acts,
    hearing: Hearing,
    /// Posts earlier than the first printed are not printed when they come.
    since_ms: u64,
}

impl Talk {
    /// Prints the newest posts. In a commons of the local network `commons` says whether its changes are shown.
    pub(super) async fn start(
        attempt: &Attempt,
        room: &Room,
        newest: usize,
        commons: Option<bool>,
    ) -> Result<Talk, Failure> {
        let nearby = attempt.endpoint.nearby().filter(|_| commons.is_some()).cloned();
        let acts = Acts::new(room, nearby, commons.unwrap_or(false));
        let in_step = async {
            if commons.is_none() {
                // Others who are not in step do not matter.
                let _ = timeout(IN_STEP_WAIT, attempt.within(room, room.in_step())).await;
            }
        };
        let hearing = Hearing::start(&acts, in_step).await?;
        let mut talk = Talk { acts, hearing, since_ms: 0 };
        talk.print_newest(newest).await?;
        Ok(talk)
    }

    /// Talks until the person is done, or the room ends.
    pub(super) async fn run(mut self, attempt: &Attempt, typing: &mut Typing) -> Result<Ended, Failure> {
        let room = self.acts.room.clone();
        let members = named_members(&room).await?;
        let mut listed: BTreeSet<EndpointId> = members.iter().map(Member::id).collect();
        let here = members.iter().map(name_of).collect::<Vec<_>>().join(", ");
        let here = if here.is_empty() { String::from("nobody else") } else { here };
        style::note(format!("here: {here}. Type to post; /help has the commands."));
        tell_waiting(&self.acts.chat, &Names::of(&room).await?).await?;
        let mut missed = 0;
        loop {
            match self.next(attempt, &room, typing).await? {
                Next::Heard(heard) => {
                    if self.take(*heard, &mut listed).await? {
                        return Ok(Ended::Moved);
                    }
                }
                Next::Entered(Entered::Line(line)) => {
                    if !self.carry_out(line).await? {
                        return self.end().await;
                    }
                }
                Next::Entered(Entered::Interrupted) => return self.interrupt().await,
                Next::Entered(Entered::End) => return self.end().await,
            }
            if self.hearing.missed() > missed {
                missed = self.hearing.missed();
                style::note("some posts came too fast to be printed; chat read has them");
            }
        }
    }

    /// Prints a change; `listed` came before. Returns whether the machine is on another network.
    async fn take(&mut self, heard: Heard, listed: &mut BTreeSet<EndpointId>) -> Result<bool, Failure> {
        match heard {
            Heard::Change(with, change) => self.hear(with, change).await?,
            // Those who are listed came before.
            Heard::Event(Event::Joined(member)) if listed.remove(&member.id()) => {}
            Heard::Event(Event::Left { member, .. }) => {
                listed.remove(&member.id());
                style::note(format!("{} left", name_of(&member)));
            }
            Heard::Event(Event::Moved) => return Ok(true),
            Heard::Event(event) => self.tell(event).await?,
            Heard::Network(event) => self.acts.words_of_network(event).iter().for_each(style::note),
            Heard::Guest(event) => {
                self.acts.guests.iter().for_each(|guests| guests.greet(&event));
                guests::words(event, self.acts.is_verbose).map_or(Ok(()), print)?;
            }
        }
        Ok(false)
    }

    async fn next(&mut self, attempt: &Attempt, room: &Room, typing: &mut Typing) -> Result<Next, Failure> {
        let Talk { acts, hearing, .. } = self;
        let next = async {
            Ok::<_, Failure>(tokio::select! {
                heard = hearing.next(acts.guests.as_mut()) => Next::Heard(Box::new(heard?)),
                entered = typing.next() => Next::Entered(entered),
            })
        };
        attempt.within(room, next).await
    }

    /// Tells of something that happened in the room.
    async fn tell(&self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Joined(member) => style::note(format!("{} is here", name_of(&member))),
            Event::WaitingChanged => {
                tell_waiting(&self.acts.chat, &Names::of(&self.acts.room).await?).await?
            }
            Event::ClockApart { endpoint, ahead_ms } => {
                let name = Names::of(&self.acts.room).await?.name(endpoint.peer);
                style::note(clocks_apart(&name, ahead_ms));
            }
            _ => {}
        }
        Ok(())
    }
}

/// The words for a member whose clock differs.
pub(super) fn clocks_apart(name: &str, ahead_ms: i64) -> String {
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
    Heard(Box<Heard>),
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

pub(super) fn name_of(member: &Member) -> String {
    match member.name().trim() {
        "" => member.peer().short(),
        name => name.to_owned(),
    }
}

/// Prints a note.
fn print(note: Note) -> Result<(), Failure> {
    match note {
        Note::Aside(words) => style::note(words),
        Note::Line(words) => out::line(words)?,
    }
    Ok(())
}

impl Talk {
    /// Prints the newest posts, open and direct ones.
    async fn print_newest(&mut self, most: usize) -> Result<(), Failure> {
        let mut posts = self.acts.chat.newest(None, most.max(1)).await?;
        if most == 0 {
            self.since_ms = posts.pop().map_or(0, |last| last.at.as_millis() + 1);
        } else if posts.len() == most {
            self.since_ms = posts.first().map_or(0, |post| post.at.as_millis());
        }
        let mut posts: Vec<Shown> = posts.into_iter().map(|post| Shown { post, with: None }).collect();
        for person in self.acts.chat.people().await? {
            let with = self.acts.chat.with(person.peer).newest(most).await?.into_iter();
            posts.extend(with.map(|post| Shown { post, with: Some(person.peer) }));
        }
        posts.sort_by_key(|shown| shown.post.at.as_millis());
        posts.drain(..posts.len().saturating_sub(most));
        let names = Names::of(&self.acts.room).await?;
        for shown in posts {
            self.print(shown, &names)?;
        }
        Ok(())
    }

    fn print(&mut self, shown: Shown, names: &Names) -> Result<(), Failure> {
        let is_answered =
            |other: &&Shown| shown.post.re == Some(other.post.key()) && other.with == shown.with;
        if let Some(Shown { post: answered, .. }) = self.acts.shown.iter().find(is_answered) {
            let begin: String = answered.text.lines().next().unwrap_or_default().chars().take(40).collect();
            out::line(format_args!("  > {}: {begin}", names.get(answered.author)))?;
        }
        out::line(shown.words(names))?;
        self.acts.remember(shown);
        Ok(())
    }

    /// Prints a change of the posts, or of the direct posts with a person.
    async fn hear(&mut self, with: Option<PeerId>, change: Change) -> Result<(), Failure> {
        let names = Names::of(&self.acts.room).await?;
        let place = |shown: &VecDeque<Shown>, post: &Post| {
            let is_it = |other: &Shown| (other.post.key(), other.with) == (post.key(), with);
            shown.iter().position(is_it)
        };
        match change {
            Change::Posted(post) => {
                let is_old = post.at.as_millis() < self.since_ms;
                if !is_old && place(&self.acts.shown, &post).is_none() && !self.acts.typed.contains(&post.id)
                {
                    self.print(Shown { post, with }, &names)?;
                }
            }
            Change::Edited(post) => {
                if let Some(place) = place(&self.acts.shown, &post) {
                    let is_mine = self.acts.typed.contains(&post.id);
                    let is_new = self.acts.shown[place].post.text != post.text;
                    self.acts.shown[place].post = post;
                    if !is_mine && is_new {
                        out::line(format_args!("{} (edited)", self.acts.shown[place].words(&names)))?;
                    }
                }
            }
            Change::Reacted(post) => {
                if let Some(place) = place(&self.acts.shown, &post) {
                    if self.acts.shown[place].post.reactions != post.reactions {
                        let given = reactions(&post);
                        let given = if given.is_empty() { String::from("no reaction") } else { given };
                        let at = date(post.at.as_millis());
                        let name = names.get(post.author);
                        out::line(format_args!("  {given} on {at} {name}"))?;
                    }
                    self.acts.shown[place].post = post;
                }
            }
            Change::Removed(key) => {
                let is_it = |shown: &Shown| shown.post.key() == key && shown.with == with;
                if let Some(place) = self.acts.shown.iter().position(is_it)
                    && let Some(Shown { post, .. }) = self.acts.shown.remove(place)
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
        let done = self.acts.carry_out(&line.text, line.is_text).await;
        self.acts.take_notes().into_iter().try_for_each(print)?;
        match done {
            Err(failure @ (Failure::Usage(_) | Failure::Forbidden { .. })) => {
                let left = line.put_back().map(|text| format!(" This line was not posted: {text}"));
                style::error(format!("{failure}{}", left.unwrap_or_default()));
                Ok(true)
            }
            done => done,
        }
    }

    /// Waits until a member that stays has what was written.
    async fn end(self) -> Result<Ended, Failure> {
        // In a commons the posts are for those who are here, and that may be nobody.
        let is_alone = self.acts.nearby.is_some() && self.acts.room.members().await?.is_empty();
        let Some(receipt) = self.acts.last.filter(|_| !is_alone) else { return Ok(Ended::Done) };
        let kept = receipt.kept().await;
        kept.map(|_| Ended::Done).map_err(|_| Failure::Unreachable(maybe_lost(KEPT_MAX)))
    }

    /// Ends after Ctrl-C. A line posted just before waits a moment for a member that stays. Outside a line a second Ctrl-C is a
    /// signal, which ends the wait.
    async fn interrupt(self) -> Result<Ended, Failure> {
        let Some(receipt) = self.acts.last else { return Ok(Ended::Done) };
        if !timeout(INTERRUPTED_WAIT, receipt.kept()).await.is_ok_and(|kept| kept.is_ok()) {
            style::note(maybe_lost(INTERRUPTED_WAIT));
        }
        Ok(Ended::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
