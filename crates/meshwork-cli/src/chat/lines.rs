//! `chat LINK`: posts as lines, and typed lines as posts, on a terminal and in a pipe.

use std::collections::{BTreeSet, VecDeque};
use std::io::BufRead as _;
use std::thread;
use std::time::Duration;

use clap::Args;
use meshwork::chat::{Change, Chat, Post, PostId};
use meshwork::{Closed, Event, KEPT_MAX, Link, Member, Receipt, Room};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::person::People;
use super::{Names, denied, reactions, waiting, words};
use crate::duration::date;
use crate::exit::Failure;
use crate::room::attempt::{Attempt, guest};
use crate::room::signal::Stop;
use crate::room::{Common, link};
use crate::{out, style};

/// The longest wait for earlier posts before the newest are printed.
const IN_STEP_WAIT: Duration = Duration::from_secs(5);
/// Printed posts that commands can name.
const SHOWN_MAX: usize = 200;

const HELP: &str = "\
Each line that you type is posted. Commands act on the last post, with ^2 on the one before it, and so on:
  /re TEXT          answer the last post of somebody else
  /react EMOJI      react to it; without an emoji take yours back
  /edit TEXT        give your last post another text
  /delete           delete your last post
  /dm NAME TEXT     write to one person alone: chat dm LINK NAME reads it
  /me               your name and key
  /help             these lines
  /quit             leave
A text that begins with / is posted with // in front.";

const AFTER_HELP: &str = "\
Each post is a line: its time, its author's name, a colon and the text; further lines of it are indented. Type a line
to post it, /help for the commands. In a pipe the program ends after the last line of its input, once a member that
stays has the posts, or after 10 seconds. chat watch prints JSON in place of words.";

/// Arguments of `chat LINK`.
#[derive(Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct Lines {
    /// The LINK of a room of any app. A private one has a part after #. @FILE reads it from a file.
    #[arg(value_name = "LINK", value_parser = link::read, required = true)]
    link: Option<Link>,
    /// What others see you called. [default: your user name]
    #[arg(long, value_name = "NAME", verbatim_doc_comment)]
    name: Option<String>,
    /// Print so many of the newest posts first.
    #[arg(long, value_name = "N", default_value = "20")]
    newest: usize,
    #[command(flatten)]
    pub(super) common: Common,
}

pub(super) async fn run(Lines { link, name, newest, common }: Lines) -> Result<(), Failure> {
    let Some(link) = link else { return Err(Failure::Usage(String::from("A LINK is missing."))) };
    let mut stop = Stop::listen()?;
    let name = name.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| String::from("Command line"));
    let mut attempt = Attempt::start(&common, guest().name(name).stays()).await?;
    let talked = async {
        let room = attempt.join(&link).await?;
        attempt.stay();
        talk(&attempt, &room, newest).await
    };
    let result = tokio::select! {
        result = talked => result,
        () = stop.asked() => Ok(()),
    };
    attempt.close().await;
    result
}

/// A talk on this terminal.
struct Talk {
    room: Room,
    chat: Chat,
    /// Posts that were printed or written here, the latest last.
    shown: VecDeque<Post>,
    /// Those written here, which a terminal shows as they were typed.
    typed: BTreeSet<PostId>,
    /// Posts earlier than the first printed are not printed when they come.
    since_ms: u64,
    last: Option<Receipt>,
}

async fn talk(attempt: &Attempt, room: &Room, newest: usize) -> Result<(), Failure> {
    let chat = room.chat();
    let (mut changes, mut events) = (chat.watch(), room.events());
    // Others who are not in step do not matter.
    let _ = timeout(IN_STEP_WAIT, attempt.within(room, room.in_step())).await;
    let mut talk = Talk {
        room: room.clone(),
        chat: chat.clone(),
        shown: VecDeque::new(),
        typed: BTreeSet::new(),
        since_ms: 0,
        last: None,
    };
    let names = Names::of(room).await?;
    let posts = chat.newest(None, newest).await?;
    talk.since_ms = posts.first().map_or(0, |post| post.at.as_millis());
    for post in posts {
        talk.print(post, &names)?;
    }
    let here = room.members().await?.iter().map(name_of).collect::<Vec<_>>().join(", ");
    let here = if here.is_empty() { String::from("nobody else") } else { here };
    style::note(format!("here: {here}. Type to post; /help has the commands."));
    tell_waiting(&chat, &names).await?;
    let mut typed = typed_lines();
    let mut missed = 0;
    loop {
        let next = async {
            Ok::<_, Failure>(tokio::select! {
                change = changes.next() => Next::Change(change.ok_or(Closed)?),
                event = events.next() => Next::Event(event.ok_or(Closed)?),
                line = typed.recv() => Next::Line(line),
            })
        };
        match attempt.within(room, next).await? {
            Next::Change(change) => talk.hear(change).await?,
            Next::Event(Event::Joined(member)) => style::note(format!("{} is here", name_of(&member))),
            Next::Event(Event::Left { member, .. }) => style::note(format!("{} left", name_of(&member))),
            Next::Event(Event::WaitingChanged) => tell_waiting(&chat, &Names::of(room).await?).await?,
            Next::Event(_) => {}
            Next::Line(Some(line)) => {
                if !talk.carry_out(&line).await? {
                    return talk.end().await;
                }
            }
            Next::Line(None) => return talk.end().await,
        }
        if changes.missed() > missed {
            missed = changes.missed();
            style::note("some posts came too fast to be printed; chat read has them");
        }
    }
}

/// Notes whose posts wait, since the clocks of their devices are ahead.
async fn tell_waiting(chat: &Chat, names: &Names) -> Result<(), Failure> {
    waiting(&chat.waiting().await?, names).iter().for_each(style::note);
    Ok(())
}

enum Next {
    Change(Change),
    Event(Event),
    Line(Option<String>),
}

/// The lines of standard input, read on a thread of their own: nothing can interrupt a read of a terminal.
fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(64);
    thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned();
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn name_of(member: &Member) -> String {
    match member.name().trim() {
        "" => member.peer().short(),
        name => name.to_owned(),
    }
}

impl Talk {
    fn print(&mut self, post: Post, names: &Names) -> Result<(), Failure> {
        let re = post.re.and_then(|re| self.shown.iter().find(|shown| shown.id == re));
        if let Some(answered) = re {
            let begin: String = answered.text.lines().next().unwrap_or_default().chars().take(40).collect();
            out::line(format_args!("  > {}: {begin}", names.get(answered.author)))?;
        }
        out::line(words(&post, names))?;
        self.remember(post);
        Ok(())
    }

    fn remember(&mut self, post: Post) {
        self.shown.push_back(post);
        if self.shown.len() > SHOWN_MAX {
            self.shown.pop_front();
        }
    }

    async fn hear(&mut self, change: Change) -> Result<(), Failure> {
        let names = Names::of(&self.room).await?;
        let place = |shown: &VecDeque<Post>, post: &Post| {
            shown.iter().position(|other| (other.id, other.author) == (post.id, post.author))
        };
        match change {
            Change::Posted(post) => {
                let is_old = post.at.as_millis() < self.since_ms;
                if !is_old && place(&self.shown, &post).is_none() && !self.typed.contains(&post.id) {
                    self.print(post, &names)?;
                }
            }
            Change::Edited(post) => {
                if let Some(place) = place(&self.shown, &post) {
                    let is_mine = self.typed.contains(&post.id);
                    if !is_mine && self.shown[place].text != post.text {
                        out::line(format_args!("{} (edited)", words(&post, &names)))?;
                    }
                    self.shown[place] = post;
                }
            }
            Change::Reacted(post) => {
                if let Some(place) = place(&self.shown, &post) {
                    if self.shown[place].reactions != post.reactions {
                        let given = reactions(&post);
                        let given = if given.is_empty() { String::from("no reaction") } else { given };
                        let at = date(post.at.as_millis());
                        let name = names.get(post.author);
                        out::line(format_args!("  {given} on {at} {name}"))?;
                    }
                    self.shown[place] = post;
                }
            }
            Change::Removed(id) => {
                if let Some(place) = self.shown.iter().position(|post| post.id == id)
                    && let Some(post) = self.shown.remove(place)
                {
                    let (at, name) = (date(post.at.as_millis()), names.get(post.author));
                    out::line(format_args!("  removed: {at} {name}"))?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Posts a line, or carries out its command. Returns whether the talk goes on.
    async fn carry_out(&mut self, line: &str) -> Result<bool, Failure> {
        let done = match line.strip_prefix('/') {
            None if line.trim().is_empty() => return Ok(true),
            None => self.post(line, None).await,
            Some(rest) if rest.starts_with('/') => self.post(rest, None).await,
            Some(command) => {
                let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
                let (back, rest) = back_and_text(rest.trim());
                let me = self.room.me().peer;
                let nth = |is_wanted: fn(bool) -> bool| {
                    let posts = self.shown.iter().rev().filter(|post| is_wanted(post.author == me));
                    posts.map(|post| post.id).nth(back - 1)
                };
                let (mine, theirs) = (nth(|is_mine| is_mine), nth(|is_mine| !is_mine));
                match (word, mine, theirs) {
                    ("quit", ..) => return Ok(false),
                    ("help", ..) => {
                        style::note(HELP);
                        return Ok(true);
                    }
                    ("me", ..) => {
                        style::note(format!("you are {me}"));
                        return Ok(true);
                    }
                    ("dm", ..) => self.write_to_one(rest).await,
                    ("re", _, Some(id)) => self.post(rest, Some(id)).await,
                    ("react", _, Some(id)) => {
                        let emoji: Vec<&str> = rest.split_whitespace().collect();
                        self.chat.react(id, &emoji).await.map(Some).map_err(denied)
                    }
                    ("edit", Some(id), _) => self.chat.edit(id, rest).await.map(Some).map_err(denied),
                    ("delete", Some(id), _) => self.chat.remove(id).await.map(Some).map_err(denied),
                    ("re" | "react" | "edit" | "delete", ..) => {
                        Err(Failure::Usage(String::from("There is no such post on these lines.")))
                    }
                    _ => Err(Failure::Usage(format!("There is no command /{word}: /help lists them."))),
                }
            }
        };
        match done {
            Ok(receipt) => self.last = receipt.or(self.last.take()),
            Err(failure @ (Failure::Usage(_) | Failure::Forbidden { .. })) => style::error(failure),
            Err(failure) => return Err(failure),
        }
        Ok(true)
    }

    async fn post(&mut self, text: &str, re: Option<PostId>) -> Result<Option<Receipt>, Failure> {
        let writing = re.into_iter().fold(self.chat.write(text), |writing, id| writing.reply(id));
        let (id, receipt) = writing.send().await.map_err(denied)?;
        self.typed.insert(id);
        let written = self.chat.get(id).await?;
        if let Some(post) = &written
            && let Some(at_ms) = self.chat.appears_at(post).await?
        {
            let at = date(at_ms);
            style::note(format!("this appears to others at {at}: the clock of this device is ahead"));
        }
        written.into_iter().for_each(|post| self.remember(post));
        Ok(Some(receipt))
    }

    /// Writes a direct post: the person and the text.
    async fn write_to_one(&self, line: &str) -> Result<Option<Receipt>, Failure> {
        let people = People::of(&self.room).await?;
        let (peer, text) = people.split(line)?;
        let (_, receipt) = self.chat.with(peer).post(text).await.map_err(denied)?;
        style::note(format!("written to {} alone", people.words(peer)));
        Ok(Some(receipt))
    }

    /// Waits until a member that stays has what was written.
    async fn end(self) -> Result<(), Failure> {
        let Some(receipt) = self.last else { return Ok(()) };
        match receipt.kept().await {
            Ok(()) => Ok(()),
            Err(_) => Err(Failure::Unreachable(format!(
                "The last posts may be lost: no member that stays had them within {} seconds. {}",
                KEPT_MAX.as_secs(),
                link::HOW_TO_STAY
            ))),
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
    fn commands_name_earlier_posts() {
        assert_eq!(back_and_text("one two"), (1, "one two"));
        assert_eq!(back_and_text("^3 one two"), (3, "one two"));
        assert_eq!(back_and_text("^3"), (3, ""));
        for text in ["^0 one", "^x one", "3 one", ""] {
            assert_eq!(back_and_text(text), (1, text));
        }
    }
}
