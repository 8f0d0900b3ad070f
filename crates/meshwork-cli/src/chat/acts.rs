//! The acting part of a talk: reads typed lines, carries out their orders, and returns notes as values.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use meshwork::chat::profile::Profile;
use meshwork::chat::{Chat, Post, PostId, PostKey};
use meshwork::{Nearby, NearbyEvent, PeerId, Receipt, Room};

use super::guests::Visitors;
use super::person::People;
use super::{Names, body, commons, denied};
use crate::duration::date;
use crate::exit::Failure;
use crate::room::link;

/// Posts that commands can name.
const SHOWN_MAX: usize = 200;

/// The commands of every room.
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

/// Further commands of a commons.
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

/// A post, open or direct.
pub(super) struct Shown {
    /// The post.
    pub(super) post: Post,
    /// The other person of a direct post.
    pub(super) with: Option<PeerId>,
}

/// A question that the next line answers.
enum Asked {
    Post,
    Recipient,
    Direct(String),
    Name,
    Status(String),
}

/// Words for the person at this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// A remark, on standard error.
    Aside(String),
    /// A result, on standard output.
    Line(String),
}

/// A person in a room, with the posts that commands can name.
pub(super) struct Acts {
    /// The room.
    pub(super) room: Room,
    /// Its conversation.
    pub(super) chat: Chat,
    /// The local network, in its commons.
    pub(super) nearby: Option<Nearby>,
    /// Peers of LSNP, in a commons that admits them.
    pub(super) guests: Option<Visitors>,
    /// Whether changes on the network are shown.
    pub(super) is_verbose: bool,
    /// The chosen conversation: `Some(None)` for everyone. Texts go there, and commands act on its posts alone. `None` for all of
    /// them, with texts to everyone.
    pub(super) here: Option<Option<PeerId>>,
    /// Posts that were shown or written here, the latest last.
    pub(super) shown: VecDeque<Shown>,
    /// Those written here, which a terminal shows as they were typed.
    pub(super) typed: BTreeSet<PostId>,
    /// Of the last post.
    pub(super) last: Option<Receipt>,
    /// The question that the next line answers.
    asked: Option<Asked>,
    notes: Vec<Note>,
}

impl Acts {
    /// Nothing was shown or written yet. In a commons `nearby` is the local network.
    pub(super) fn new(room: &Room, nearby: Option<Nearby>, is_verbose: bool) -> Acts {
        Acts {
            room: room.clone(),
            chat: room.chat(),
            guests: nearby.as_ref().and_then(Nearby::guests).map(Visitors::new),
            nearby,
            is_verbose,
            here: None,
            shown: VecDeque::new(),
            typed: BTreeSet::new(),
            last: None,
            asked: None,
            notes: Vec::new(),
        }
    }

    /// The notes since the last call.
    pub(super) fn take_notes(&mut self) -> Vec<Note> {
        std::mem::take(&mut self.notes)
    }

    /// Remembers a post for commands.
    pub(super) fn remember(&mut self, shown: Shown) {
        self.shown.push_back(shown);
        if self.shown.len() > SHOWN_MAX {
            self.shown.pop_front();
        }
    }

    /// Posts a line, or carries out its command. Returns whether the talk goes on.
    ///
    /// # Errors
    /// [`Failure::Usage`] and [`Failure::Forbidden`] if the line comes to nothing; others end the talk.
    pub(super) async fn carry_out(&mut self, text: &str, is_text: bool) -> Result<bool, Failure> {
        let order = Order::read(text, is_text, self.nearby.is_some());
        let receipt = match (self.asked.take(), order) {
            (Some(asked), _) => self.take_answer(asked, text).await?,
            (None, Order::Nothing) => return Ok(true),
            (None, Order::Post(text)) => match self.here {
                Some(Some(peer)) => Some(self.post_direct(peer, text).await?),
                _ => self.post(text, None).await?,
            },
            (None, Order::Command("quit", _)) => return Ok(false),
            (None, Order::Command(word, rest)) => self.command(word, rest).await?,
        };
        self.last = receipt.or(self.last.take());
        Ok(true)
    }

    fn note(&mut self, words: impl Into<String>) {
        self.notes.push(Note::Aside(words.into()));
    }

    /// Carries out a command.
    async fn command(&mut self, word: &str, rest: &str) -> Result<Option<Receipt>, Failure> {
        match (word, rest) {
            ("help", _) if self.nearby.is_some() => self.note(format!("{HELP}\n{HELP_IN_COMMONS}")),
            ("help", _) => self.note(HELP),
            ("me", _) => {
                let me = self.room.me().peer;
                let name = Names::of(&self.room).await?.name(me);
                self.note(format!("you are {name} ({me})"));
            }
            ("list", _) if self.nearby.is_some() => {
                if let Some(nearby) = &self.nearby {
                    self.notes.extend(commons::list(nearby, &self.room).await?);
                }
            }
            ("verbose", _) if self.nearby.is_some() => {
                self.is_verbose = !self.is_verbose;
                self.note(if self.is_verbose { "verbose: on" } else { "verbose: off" });
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
        self.note(match &asked {
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
            _ if answer.trim().is_empty() => self.note("nothing was written"),
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
        self.note(format!("your name is {name}"));
        Ok(Some(receipt))
    }

    /// The words for a change on the local network, if such changes are shown.
    pub(super) fn words_of_network(&self, event: NearbyEvent) -> Option<String> {
        match event {
            _ if !self.is_verbose => None,
            NearbyEvent::Heard { endpoint, address, way } => {
                Some(format!("< {address} {} by {way:?}", endpoint.peer.short()))
            }
            NearbyEvent::Gone(endpoint) => Some(format!("! {} is gone", endpoint.peer.short())),
            NearbyEvent::Dropped(dropped) => Some(format!(
                "! dropped: {} malformed, {} forged, {} in excess, {} to addresses that never answered",
                dropped.malformed, dropped.forged, dropped.excess, dropped.unanswered
            )),
            _ => None,
        }
    }

    /// Carries out a command on an earlier post.
    async fn act(&mut self, word: &str, rest: &str) -> Result<Option<Receipt>, Failure> {
        let (back, rest) = back_and_text(rest);
        let me = self.room.me().peer;
        let here = self.here;
        let is_here = |shown: &Shown| here.is_none_or(|here| here == shown.with);
        let is_wanted = |shown: &&Shown| match word {
            _ if !is_here(shown) => false,
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
        if let Some(words) = self.guests.as_ref().and_then(|guests| guests.post(text)) {
            self.note(words);
        }
        let written = self.chat.get(PostKey { id, author: self.room.me().peer }).await?;
        if let Some(post) = &written
            && let Some(at_ms) = self.chat.appears_at(post).await?
        {
            let at = date(at_ms);
            self.note(format!("this appears to others at {at}: the clock of this device is ahead"));
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
        let receipt = self.post_direct(peer, text).await?;
        self.note(format!("written to {} alone", people.words(peer)));
        Ok(Some(receipt))
    }

    /// Writes a direct post to a person.
    async fn post_direct(&mut self, peer: PeerId, text: &str) -> Result<Receipt, Failure> {
        let (id, receipt) = self.chat.with(peer).post(text).await.map_err(denied)?;
        self.remember_direct(peer, id).await?;
        Ok(receipt)
    }

    /// Writes to a guest, if a line begins with one.
    fn write_to_guest(&mut self, line: &str) -> Result<bool, Failure> {
        let Some(guests) = self.guests.as_mut() else { return Ok(false) };
        let written = guests.write_to(line)?;
        let is_written = written.is_some();
        written.into_iter().for_each(|words| self.note(words));
        Ok(is_written)
    }

    /// Remembers a direct post that was written here.
    async fn remember_direct(&mut self, peer: PeerId, id: PostId) -> Result<(), Failure> {
        self.typed.insert(id);
        let written = self.chat.with(peer).get(PostKey { id, author: self.room.me().peer }).await?;
        written.into_iter().for_each(|post| self.remember(Shown { post, with: Some(peer) }));
        Ok(())
    }
}

/// The words for posts that no member that stays may have.
pub(super) fn maybe_lost(waited: Duration) -> String {
    format!(
        "The last posts may be lost: no member that stays had them within {} seconds. {}",
        waited.as_secs(),
        link::HOW_TO_STAY
    )
}

impl Shown {
    /// The post in words, behind its time and its author's name.
    pub(super) fn words(&self, names: &Names) -> String {
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
    /// Nothing.
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
    fn commands_name_earlier_posts() {
        assert_eq!(back_and_text("one two"), (1, "one two"));
        assert_eq!(back_and_text("^3 one two"), (3, "one two"));
        assert_eq!(back_and_text("^3"), (3, ""));
        for text in ["^0 one", "^x one", "3 one", ""] {
            assert_eq!(back_and_text(text), (1, text));
        }
    }
}
