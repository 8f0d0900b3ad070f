//! The contents of the terminal: conversations, people, guests and the typed line. No input or output.

use std::collections::BTreeMap;
use std::time::Duration;

use meshwork::chat::PostKey;
use meshwork::{LinkState, PeerId};
use meshwork_core::text::shown_lines;

use super::input::Input;

/// Entries of a conversation; the earliest are evicted.
const ENTRIES_MAX: usize = 500;

/// An author: a person, or a guest by its unproved name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Author {
    Person(PeerId),
    Guest(String),
}

/// A post in a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// `None` for a guest's.
    pub(super) key: Option<PostKey>,
    pub(super) author: Author,
    pub(super) at_ms: u64,
    /// The text, with a line for each file.
    pub(super) text: String,
    /// The author of the answered post and the beginning of its text.
    pub(super) quote: Option<(PeerId, String)>,
    /// Emoji with counts, or nothing.
    pub(super) reactions: String,
    pub(super) is_edited: bool,
    /// Whether it came while nobody looked.
    pub(super) is_new: bool,
}

/// A row of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Said(Box<Said>),
    /// A remark, with the link of the member that it is about.
    Note(Option<LinkState>, String),
}

/// The posts of everyone, or those with one person.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    /// `None` for everyone.
    pub(super) with: Option<PeerId>,
    pub(super) entries: Vec<Entry>,
    pub(super) unread: usize,
    /// Rows below the shown ones.
    pub(super) back: usize,
}

/// A member of the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) link: LinkState,
    pub(super) is_linked: bool,
    pub(super) rtt: Option<Duration>,
    /// Address and port, or another word for the way.
    pub(super) address: String,
    pub(super) silent: Option<Duration>,
}

/// A peer of LSNP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guest {
    pub(super) name: String,
    pub(super) address: String,
    pub(super) silent: Duration,
}

/// The address for phones, and its QR code in half blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Phones {
    pub(super) url: String,
    pub(super) qr: Vec<String>,
}

/// The contents of the terminal.
pub(super) struct Model {
    /// The first is everyone's.
    pub(super) conversations: Vec<Conversation>,
    pub(super) chosen: usize,
    pub(super) people: Vec<Person>,
    pub(super) guests: Vec<Guest>,
    pub(super) phones: Option<Phones>,
    pub(super) input: Input,
    /// The kind of network, for the status row.
    pub(super) network: String,
    /// NAME at ADDRESS:PORT.
    pub(super) own: String,
    pub(super) me: PeerId,
    names: BTreeMap<PeerId, String>,
}

impl Model {
    /// A commons without posts.
    pub(super) fn new(me: PeerId) -> Model {
        Model {
            conversations: vec![Conversation::default()],
            chosen: 0,
            people: Vec::new(),
            guests: Vec::new(),
            phones: None,
            input: Input::default(),
            network: String::from("On this network, no server"),
            own: String::new(),
            me,
            names: BTreeMap::new(),
        }
    }

    /// The chosen conversation.
    pub(super) fn here(&self) -> &Conversation {
        &self.conversations[self.chosen]
    }

    /// The heading of a conversation.
    pub(super) fn title(&self, conversation: &Conversation) -> String {
        conversation.with.map_or_else(|| String::from("Everyone here"), |peer| self.name(peer))
    }

    /// The name of a person, or the beginning of their key.
    pub(super) fn name(&self, peer: PeerId) -> String {
        self.names.get(&peer).cloned().unwrap_or_else(|| peer.short())
    }

    /// The name of an author.
    pub(super) fn author(&self, author: &Author) -> String {
        match author {
            Author::Person(peer) => self.name(*peer),
            Author::Guest(name) => format!("{name} (guest, unproved)"),
        }
    }

    /// Sets the name of a person.
    pub(super) fn set_name(&mut self, peer: PeerId, name: &str) {
        self.names.insert(peer, clean(name).replace(['\n', '\t'], " "));
    }

    /// The number of linked people.
    pub(super) fn linked(&self) -> usize {
        self.people.iter().filter(|person| person.is_linked).count()
    }

    /// Ensures a conversation with a person.
    pub(super) fn open(&mut self, with: Option<PeerId>) -> usize {
        let found = self.conversations.iter().position(|conversation| conversation.with == with);
        found.unwrap_or_else(|| {
            self.conversations.push(Conversation { with, ..Conversation::default() });
            self.conversations.len() - 1
        })
    }

    /// Inserts a post by its time, or replaces an earlier version. `is_news` if it came just now.
    pub(super) fn put(&mut self, with: Option<PeerId>, mut said: Said, is_news: bool) {
        said.text = clean(&said.text);
        said.quote = said.quote.map(|(peer, text)| (peer, clean(&text)));
        let place = self.open(with);
        let is_own = said.author == Author::Person(self.me);
        let is_seen = place == self.chosen && self.conversations[place].back == 0;
        let conversation = &mut self.conversations[place];
        if is_own && is_news {
            conversation.mark_read();
            conversation.back = 0;
        }
        let same = |entry: &&mut Entry| matches!(entry, Entry::Said(other) if said.key.is_some() && other.key == said.key);
        if let Some(Entry::Said(other)) = conversation.entries.iter_mut().find(same) {
            said.is_new = other.is_new;
            **other = said;
            return;
        }
        if is_news && !is_own && !is_seen {
            said.is_new = true;
            conversation.unread += 1;
        }
        let is_later = |entry: &Entry| matches!(entry, Entry::Said(other) if other.at_ms > said.at_ms);
        let entries = &mut conversation.entries;
        let at = entries.iter().position(is_later).unwrap_or(entries.len());
        entries.insert(at, Entry::Said(Box::new(said)));
        conversation.evict();
    }

    /// Removes a post.
    pub(super) fn remove(&mut self, with: Option<PeerId>, key: PostKey) {
        let place = self.open(with);
        let conversation = &mut self.conversations[place];
        let is_it = |entry: &Entry| matches!(entry, Entry::Said(said) if said.key == Some(key));
        if let Some(at) = conversation.entries.iter().position(is_it)
            && let Entry::Said(said) = conversation.entries.remove(at)
        {
            conversation.unread -= usize::from(said.is_new && conversation.unread > 0);
        }
    }

    /// Adds a remark to the chosen conversation.
    pub(super) fn note(&mut self, words: &str) {
        self.add_note(self.chosen, None, words);
    }

    /// Adds a remark about a member to everyone's conversation.
    pub(super) fn note_link(&mut self, link: LinkState, words: &str) {
        self.add_note(0, Some(link), words);
    }

    fn add_note(&mut self, place: usize, link: Option<LinkState>, words: &str) {
        let conversation = &mut self.conversations[place];
        conversation.entries.push(Entry::Note(link, clean(words)));
        conversation.evict();
    }

    /// Chooses the next conversation, or the one before.
    pub(super) fn turn(&mut self, is_forward: bool) {
        self.conversations[self.chosen].mark_read();
        let count = self.conversations.len();
        self.chosen = (self.chosen + if is_forward { 1 } else { count - 1 }) % count;
        let conversation = &mut self.conversations[self.chosen];
        conversation.unread = 0;
        conversation.back = 0;
    }

    /// Scrolls by so many rows, back in time or forward.
    pub(super) fn scroll(&mut self, rows: usize, is_back: bool) {
        let conversation = &mut self.conversations[self.chosen];
        let back = conversation.back;
        conversation.back = if is_back { back.saturating_add(rows) } else { back.saturating_sub(rows) };
        if conversation.back == 0 {
            conversation.unread = 0;
        }
    }

    /// Limits the scrolling to the rows that there are.
    pub(super) fn limit_scroll(&mut self, most: usize) {
        let conversation = &mut self.conversations[self.chosen];
        conversation.back = conversation.back.min(most);
    }
}

impl Conversation {
    /// The number of new posts.
    pub(super) fn new_posts(&self) -> usize {
        self.entries.iter().filter(|entry| matches!(entry, Entry::Said(said) if said.is_new)).count()
    }

    fn mark_read(&mut self) {
        self.unread = 0;
        for entry in &mut self.entries {
            if let Entry::Said(said) = entry {
                said.is_new = false;
            }
        }
    }

    fn evict(&mut self) {
        let excess = self.entries.len().saturating_sub(ENTRIES_MAX);
        self.entries.drain(..excess);
    }
}

/// A text without control characters and changes of direction.
fn clean(text: &str) -> String {
    shown_lines(text).replace('\t', "    ")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use meshwork::chat::PostId;

    pub(in super::super) const ME: PeerId = PeerId([1; 32]);
    pub(in super::super) const LIN: PeerId = PeerId([2; 32]);

    /// A post of a person at a time in minutes.
    pub(in super::super) fn said(author: PeerId, number: u8, text: &str) -> Said {
        let id = PostId(std::array::from_fn(|_| number));
        Said {
            key: Some(PostKey { id, author }),
            author: Author::Person(author),
            at_ms: u64::from(number) * 60_000,
            text: text.to_owned(),
            quote: None,
            reactions: String::new(),
            is_edited: false,
            is_new: false,
        }
    }

    fn texts(model: &Model) -> Vec<&str> {
        model
            .here()
            .entries
            .iter()
            .map(|entry| match entry {
                Entry::Said(said) => said.text.as_str(),
                Entry::Note(_, words) => words.as_str(),
            })
            .collect()
    }

    #[test]
    fn posts_stand_in_order_of_time() {
        let mut model = Model::new(ME);
        model.put(None, said(LIN, 2, "second"), true);
        model.note("a note");
        model.put(None, said(LIN, 1, "first"), true);
        model.put(None, said(ME, 3, "third"), true);
        assert_eq!(texts(&model), ["first", "second", "a note", "third"]);
        model.put(None, said(LIN, 2, "second, edited"), false);
        let key = said(LIN, 1, "").key.unwrap();
        model.remove(None, key);
        assert_eq!(texts(&model), ["second, edited", "a note", "third"]);
    }

    #[test]
    fn unseen_posts_are_counted_until_read() {
        let mut model = Model::new(ME);
        model.put(None, said(LIN, 1, "seen"), true);
        assert_eq!(model.here().unread, 0);
        model.put(Some(LIN), said(LIN, 2, "for you"), true);
        model.put(Some(LIN), said(LIN, 3, "for you, too"), true);
        assert_eq!((model.conversations[1].unread, model.conversations[1].new_posts()), (2, 2));
        model.turn(true);
        assert_eq!((model.here().with, model.here().unread, model.here().new_posts()), (Some(LIN), 0, 2));
        model.put(Some(LIN), said(ME, 4, "answered"), true);
        assert_eq!(model.here().new_posts(), 0);
        model.turn(true);
        assert_eq!(model.here().with, None);
        model.turn(false);
        assert_eq!(model.here().with, Some(LIN));
    }

    #[test]
    fn older_posts_stay_while_new_ones_come() {
        let mut model = Model::new(ME);
        model.scroll(5, true);
        model.put(None, said(LIN, 1, "below"), true);
        assert_eq!(model.here().unread, 1);
        model.limit_scroll(3);
        model.scroll(3, false);
        assert_eq!((model.here().back, model.here().unread), (0, 0));
    }

    #[test]
    fn texts_of_others_do_nothing() {
        let mut model = Model::new(ME);
        model.put(None, said(LIN, 1, "a\u{1b}[31m\u{202e}b\tc"), true);
        model.note("d\u{7}\u{2066}e");
        model.set_name(LIN, "L\u{1b}in\nx");
        assert_eq!(texts(&model), ["a[31mb    c", "de"]);
        assert_eq!(model.name(LIN), "Lin x");
    }

    #[test]
    fn the_earliest_entries_are_evicted() {
        let mut model = Model::new(ME);
        (0..ENTRIES_MAX + 5).for_each(|number| model.note(&number.to_string()));
        assert_eq!(texts(&model).len(), ENTRIES_MAX);
        assert_eq!(texts(&model)[0], "5");
    }
}
