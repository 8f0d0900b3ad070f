//! Conversations as pages show them: what was read, how posts stand below each other, mentions, and drafts.

mod begun;
mod newest;
pub mod pages;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use meshwork_chat::markdown::{self, Block, Inline, Target};
use meshwork_chat::{Brief, Post, PostId, PostKey, TEXT_MAX};
use meshwork_core::id::{PeerId, RoomId};
use meshwork_core::text::shown;

pub use self::begun::{AllBegun, Answered, Begun, Chosen};
pub use self::newest::Newest;
use self::pages::{PageId, Shown};
use crate::texts::talk;

/// Pairs of a room and an author of which it is remembered what was read; the one marked longest ago is forgotten first.
pub const MARKS_MAX: usize = 1024;
/// Drafts that a browser keeps, each of at most [`TEXT_MAX`] bytes; the one written longest ago is forgotten first.
pub const DRAFTS_MAX: usize = 32;
/// Posts of one author stand together when they are no further apart than this, in milliseconds.
const TOGETHER_MS: u64 = 5 * 60_000;
/// From this many bytes on the field counts down.
const FEW_LEFT: usize = 400;
/// The largest unread count that is shown exactly.
const COUNT_MAX: usize = 99;
/// Scheme of the address that a mention leads to, before the key of the person.
const PEER: &str = "peer:";

/// What tells posts of a conversation apart: two authors may use one id.
pub type Key = (PostId, PeerId);

/// A post as it stands in the list.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The post.
    pub post: Post,
    /// Whether it stands below another of the same author, written shortly before.
    pub follows: bool,
    /// How many posts before it are not here, unless the line before says so.
    pub missing: usize,
    /// The day that begins with it.
    pub day: Option<String>,
    /// Whether the unread posts begin with it.
    pub begins_unread: bool,
}

impl Line {
    /// What tells it from others.
    pub fn key(&self) -> Key {
        (self.post.id, self.post.author)
    }
}

/// The lines of a list, in pages and by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lines {
    /// The keys of each page in order, the newest last.
    pages: Vec<(PageId, Vec<Key>)>,
    by_key: BTreeMap<Key, Arc<Line>>,
}

impl Lines {
    /// Puts posts below each other. `day` names the day of a time in milliseconds; `unread` is the post with which the unread
    /// ones begin.
    pub fn new(shown: Shown, day: impl Fn(u64) -> String, unread: Option<Key>) -> Lines {
        let mut lines = Lines::default();
        let mut before = shown
            .before
            .map(|post| (post.author, post.at.as_millis(), post.missing, day(post.at.as_millis())));
        for (page, posts) in shown.pages {
            let mut keys = Vec::with_capacity(posts.len());
            for post in posts {
                let line = line(post, &before, &day, unread);
                let (post, today) = (&line.post, day(line.post.at.as_millis()));
                before = Some((post.author, post.at.as_millis(), post.missing, today));
                keys.push(line.key());
                lines.by_key.insert(line.key(), Arc::new(line));
            }
            lines.pages.push((page, keys));
        }
        lines
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// The keys of all lines, the newest last.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Key> {
        self.pages.iter().flat_map(|(_, keys)| keys)
    }

    /// The keys of a page; `None` if it shows no posts.
    pub fn page(&self, id: PageId) -> Option<&[Key]> {
        self.pages.iter().find(|(page, _)| *page == id).map(|(_, keys)| &**keys)
    }

    /// The pages that show posts.
    pub fn pages(&self) -> impl Iterator<Item = PageId> {
        self.pages.iter().map(|(page, _)| *page)
    }

    /// The line of a post, if it is in the list.
    pub fn line(&self, key: &Key) -> Option<Arc<Line>> {
        self.by_key.get(key).cloned()
    }

    /// The post that another one answers, if it is in the list.
    pub fn answered(&self, PostKey { id, author }: PostKey) -> Option<Arc<Line>> {
        self.line(&(id, author))
    }

    /// The newest post of an author.
    pub fn newest_of(&self, author: PeerId) -> Option<Key> {
        self.keys().rev().find(|(_, by)| *by == author).copied()
    }
}

/// A post below the one before it: its author, its time in milliseconds, how many posts are missing before it, and its day.
fn line(
    post: Post,
    before: &Option<(PeerId, u64, usize, String)>,
    day: impl Fn(u64) -> String,
    unread: Option<Key>,
) -> Line {
    let (at_ms, today) = (post.at.as_millis(), day(post.at.as_millis()));
    let is_told = before.as_ref().is_some_and(|(_, _, missing, _)| *missing >= post.missing);
    let missing = if is_told { 0 } else { post.missing };
    let is_same_day = before.as_ref().is_some_and(|(.., day)| *day == today);
    let is_near = before
        .as_ref()
        .is_some_and(|(author, at, ..)| *author == post.author && at_ms.saturating_sub(*at) <= TOGETHER_MS);
    let begins_unread = unread == Some((post.id, post.author));
    let follows = is_near && is_same_day && missing == 0 && !begins_unread && post.re.is_none();
    Line { post, follows, missing, day: (!is_same_day).then_some(today), begins_unread }
}

/// People whom one post mentions with a link. Each follows the person's name as long as the post is shown.
pub const MENTIONS_MAX: usize = 20;

/// The text of a post, in which the first [`MENTIONS_MAX`] mentions are links and the others are text.
pub fn with_few_mentions(mut blocks: Vec<Block>) -> Vec<Block> {
    let mut left = MENTIONS_MAX;
    blocks.iter_mut().for_each(|block| cut_mentions(block, &mut left));
    blocks
}

fn cut_mentions(block: &mut Block, left: &mut usize) {
    match block {
        Block::Paragraph(content) | Block::Heading { content, .. } => cut_mentions_in(content, left),
        Block::Quote(inner) => inner.iter_mut().for_each(|block| cut_mentions(block, left)),
        Block::List { items, .. } => items.iter_mut().flatten().for_each(|block| cut_mentions(block, left)),
        _ => {}
    }
}

fn cut_mentions_in(content: &mut [Inline], left: &mut usize) {
    for inline in content {
        match inline {
            Inline::Link { to: Target::Peer(_), content } => match left.checked_sub(1) {
                Some(fewer) => *left = fewer,
                None => *inline = Inline::Text(markdown::plain(content)),
            },
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Strike(inner) => {
                cut_mentions_in(inner, left)
            }
            Inline::Link { content, .. } => cut_mentions_in(content, left),
            _ => {}
        }
    }
}

/// The first words of a post, in one line and without what they look like.
pub fn excerpt(text: &str) -> String {
    const MOST: usize = 120;
    let plain = markdown::read(text).iter().map(plain).collect::<Vec<_>>().join("\n");
    let line = plain.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let mut short: String = line.chars().take(MOST).collect();
    if short.len() < plain.trim().len() {
        short.push('\u{2026}');
    }
    short
}

/// The letters of a part of a text.
fn plain(block: &Block) -> String {
    let all = |blocks: &[Block]| blocks.iter().map(plain).collect::<Vec<_>>().join("\n");
    match block {
        Block::Paragraph(content) | Block::Heading { content, .. } => markdown::plain(content),
        Block::Code { text, .. } => text.clone(),
        Block::Quote(inner) => all(inner),
        Block::List { items, .. } => items.iter().map(|item| all(item)).collect::<Vec<_>>().join("\n"),
        _ => String::new(),
    }
}

/// How many posts are unread, as short as a button needs it; nothing where none is.
pub fn unread(count: usize) -> String {
    match count {
        0 => String::new(),
        1..=COUNT_MAX => count.to_string(),
        _ => format!("{COUNT_MAX}+"),
    }
}

/// How much of the longest text is left, once that is little; an error when the text is longer.
///
/// # Errors
/// In words, how much is too much.
pub fn left(text: &str) -> Result<Option<String>, String> {
    match TEXT_MAX.checked_sub(text.trim().len()) {
        Some(left) if left < FEW_LEFT => Ok(Some(talk::left(left, TEXT_MAX))),
        Some(_) => Ok(None),
        None => Err(talk::too_long(text.trim().len() - TEXT_MAX, TEXT_MAX)),
    }
}

/// Whether anything of a text is seen.
pub fn is_seen(text: &str) -> bool {
    !shown(text).trim().is_empty()
}

/// A text as it is written in a post: each `@name` of these people leads to the person.
pub fn mentioned(text: &str, people: &[(String, PeerId)]) -> String {
    // The longest name first: "@Lin" begins "@Linda".
    let mut people: Vec<&(String, PeerId)> = people.iter().filter(|(name, _)| !name.is_empty()).collect();
    people.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
    let mut written = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let (before, from) = rest.split_at(at);
        written.push_str(before);
        let named = people.iter().find(|(name, _)| {
            let behind = from[1..].strip_prefix(name.as_str());
            behind.is_some_and(|behind| !behind.starts_with(char::is_alphanumeric))
        });
        let length = match named {
            Some((name, peer)) => {
                written.push_str(&format!("[@{}]({PEER}{peer})", label(name)));
                1 + name.len()
            }
            None => {
                written.push('@');
                1
            }
        };
        rest = &from[length..];
    }
    written.push_str(rest);
    written
}

/// A name as it may stand between the brackets of a link.
fn label(name: &str) -> String {
    name.chars().filter(|character| !matches!(character, '[' | ']' | '\\' | '`' | '*' | '_')).collect()
}

/// The text of a post as people edit it, and whom it mentions: the inverse of [`mentioned`].
pub fn unmentioned(text: &str) -> (String, Vec<(String, PeerId)>) {
    let (mut plain, mut people, mut rest) = (String::with_capacity(text.len()), Vec::new(), text);
    while let Some(at) = rest.find("[@") {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        let read = from[2..].split_once("](").and_then(|(name, behind)| {
            let (peer, behind) = behind.strip_prefix(PEER)?.split_once(')')?;
            Some((name, peer.parse::<PeerId>().ok()?, behind))
        });
        match read {
            Some((name, peer, behind)) => {
                plain.push_str(&format!("@{name}"));
                people.push((name.to_owned(), peer));
                rest = behind;
            }
            None => {
                plain.push_str("[@");
                rest = &from[2..];
            }
        }
    }
    plain.push_str(rest);
    (plain, people)
}

/// Whether a post mentions somebody.
pub fn mentions(text: &str, peer: PeerId) -> bool {
    unmentioned(text).1.iter().any(|(_, mentioned)| *mentioned == peer)
}

/// The name that is being typed behind an `@` before the caret, which stands at this byte: where the `@` is, and what stands
/// behind it.
pub fn mention_at(text: &str, caret: usize) -> Option<(usize, &str)> {
    let before = text.get(..caret)?;
    let at = before.rfind('@')?;
    let typed = &before[at + 1..];
    let is_word = typed.len() <= 32 && !typed.contains(['\n', '(', '[']) && typed.split(' ').count() <= 2;
    let stands_free = before[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric());
    (is_word && stands_free).then_some((at, typed))
}

/// Up to when one has read what each author wrote in each room: what comes late from somebody who was offline is unread, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks(Vec<Mark>);

/// The first 8 bytes of a room and of an author, and milliseconds since 1970.
type Mark = (u64, u64, u64);

impl Marks {
    /// Reads what [`Marks::write`] wrote, and leaves out other lines.
    pub fn read(text: &str) -> Marks {
        let mark = |line: &str| {
            let mut numbers = line.split(' ').map(str::parse::<u64>);
            let mut next = || numbers.next()?.ok();
            Some((next()?, next()?, next()?))
        };
        Marks(text.lines().filter_map(mark).take(MARKS_MAX).collect())
    }

    /// The marks as a text, a line each.
    pub fn write(&self) -> String {
        self.0.iter().map(|(room, author, at)| format!("{room} {author} {at}\n")).collect()
    }

    /// Whether a post of a room is unread.
    pub fn is_unread(&self, room: &RoomId, post: impl Into<Brief>) -> bool {
        let (room, author, at) = mark(room, &post.into());
        !self.0.iter().any(|known| (known.0, known.1) == (room, author) && at <= known.2)
    }

    /// Up to when the posts of an author in a room are read, in milliseconds since 1970.
    pub fn read_until(&self, room: &RoomId, author: PeerId) -> u64 {
        let of = (first(&room.0), first(&author.0));
        self.0.iter().find(|known| (known.0, known.1) == of).map_or(0, |known| known.2)
    }

    /// A post of a room is read, and what its author wrote before.
    pub fn mark(&mut self, room: &RoomId, post: impl Into<Brief>) {
        let post = post.into();
        if self.is_unread(room, post) {
            let mark = mark(room, &post);
            self.0.retain(|known| (known.0, known.1) != (mark.0, mark.1));
            if self.0.len() == MARKS_MAX {
                self.0.remove(0);
            }
            self.0.push(mark);
        }
    }
}

fn mark(room: &RoomId, post: &Brief) -> Mark {
    (first(&room.0), first(&post.author.0), post.at().as_millis())
}

fn first(bytes: &[u8; 32]) -> u64 {
    bytes.first_chunk().map_or(0, |first| u64::from_be_bytes(*first))
}

/// Texts that were begun and not sent, by conversation: the first 8 bytes of the room, and the person of a direct one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drafts(VecDeque<(String, String)>);

impl Drafts {
    /// Reads what [`Drafts::write`] wrote: JSON. Anything else has no drafts.
    pub fn read(text: &str) -> Drafts {
        let mut drafts: VecDeque<(String, String)> = serde_json::from_str(text).unwrap_or_default();
        drafts.truncate(DRAFTS_MAX);
        Drafts(drafts)
    }

    /// The drafts as JSON.
    pub fn write(&self) -> String {
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// The draft of a conversation, empty if there is none.
    pub fn get(&self, room: &RoomId, whom: Option<PeerId>) -> &str {
        let key = draft_key(room, whom);
        self.0.iter().find(|(known, _)| *known == key).map_or("", |(_, text)| text)
    }

    /// Keeps the draft of a conversation; an empty one goes.
    pub fn set(&mut self, room: &RoomId, whom: Option<PeerId>, text: &str) {
        let key = draft_key(room, whom);
        self.0.retain(|(known, _)| *known != key);
        if !text.trim().is_empty() {
            self.0.truncate(DRAFTS_MAX - 1);
            let end = text.floor_char_boundary(TEXT_MAX);
            self.0.push_front((key, text[..end].to_owned()));
        }
    }
}

fn draft_key(room: &RoomId, whom: Option<PeerId>) -> String {
    let whom = whom.map(|peer| format!("-{:x}", first(&peer.0))).unwrap_or_default();
    format!("{:x}{whom}", first(&room.0))
}

#[cfg(test)]
mod tests {
    use meshwork_core::clock::Stamp;
    use meshwork_core::time::WallTime;

    use super::*;

    const LIN: PeerId = PeerId([1; 32]);
    const ANA: PeerId = PeerId([2; 32]);
    const ROOM: RoomId = RoomId([7; 32]);

    fn post(author: PeerId, at_ms: u64) -> Post {
        let mut id = [0; 14];
        id[..8].copy_from_slice(&at_ms.to_be_bytes());
        Post {
            id: PostId(id),
            author,
            at: WallTime::from_millis(at_ms),
            stamp: Stamp::at(WallTime::from_millis(at_ms)),
            is_edited: false,
            is_newer: false,
            text: at_ms.to_string(),
            re: None,
            files: Vec::new(),
            reactions: Vec::new(),
            has_more: false,
            missing: 0,
        }
    }

    fn day(at_ms: u64) -> String {
        format!("day {}", at_ms / 86_400_000)
    }

    #[test]
    fn twenty_mentions_of_a_post_are_links() {
        let text = format!("# {}\n\n> **{}**\n\n- {}", mention(8), mention(8), mention(8));
        let blocks = with_few_mentions(markdown::read(&text));
        let written = format!("{blocks:?}");
        assert_eq!(written.matches("Peer(").count(), MENTIONS_MAX);
        assert_eq!(written.matches("@Lin").count(), 24, "the others are text");
    }

    /// A text with so many mentions.
    fn mention(count: usize) -> String {
        vec![format!("[@Lin]({PEER}{LIN})"); count].join(" ")
    }

    #[test]
    fn read_posts_stay_read() {
        let mut marks = Marks::default();
        let (early, late) = (post(LIN, 100), post(ANA, 50));
        marks.mark(&ROOM, &early);
        let marks = Marks::read(&marks.write());
        assert!(!marks.is_unread(&ROOM, &early));
        assert!(marks.is_unread(&ROOM, &late), "its author was offline");
        assert!(marks.is_unread(&ROOM, &post(LIN, 101)));
        assert!(marks.is_unread(&RoomId([8; 32]), &early), "another room");
    }

    #[test]
    fn marks_forget_the_oldest_pairs() {
        let mut marks = Marks::default();
        let peer = |number: u16| PeerId(std::array::from_fn(|at| number.to_be_bytes()[at % 2]));
        let many: Vec<Post> = (0..2000).map(|number| post(peer(number), 10 + u64::from(number))).collect();
        many.iter().for_each(|post| marks.mark(&ROOM, post));
        let marks = Marks::read(&marks.write());
        let unread = many.iter().filter(|post| marks.is_unread(&ROOM, *post)).count();
        assert_eq!(unread, 2000 - MARKS_MAX);
        assert_eq!(Marks::read("x\n\n1 2 y\n1 2\n"), Marks::default());
    }

    #[test]
    fn posts_of_one_author_stand_together() {
        let mut posts = vec![post(LIN, 0), post(LIN, 300_000), post(LIN, 600_001), post(ANA, 600_002)];
        let lines = |posts: &[Post], unread| {
            let shown = Shown { before: None, pages: vec![(1, posts.to_vec())] };
            let lines = Lines::new(shown, day, unread);
            let line = |key: &Key| lines.line(key).unwrap();
            lines.keys().map(line).collect::<Vec<_>>()
        };
        let follow = |lines: &[Arc<Line>]| lines.iter().map(|line| line.follows).collect::<Vec<_>>();
        assert_eq!(follow(&lines(&posts, None)), [false, true, false, false]);
        let second = Some((posts[1].id, LIN));
        assert_eq!(follow(&lines(&posts, second)), [false; 4], "unread posts begin anew");
        assert!(lines(&posts, second)[1].begins_unread);
        posts[1].missing = 1;
        posts[2].missing = 1;
        let gaps = lines(&posts, None);
        assert_eq!(follow(&gaps), [false; 4]);
        assert_eq!(gaps.iter().map(|line| line.missing).collect::<Vec<_>>(), [0, 1, 0, 0]);
        posts[3] = post(LIN, 86_400_000);
        let days: Vec<_> = lines(&posts, None).iter().map(|line| line.day.clone()).collect();
        assert_eq!(days, [Some("day 0".into()), None, None, Some("day 1".into())]);
        // A page goes on where the one before it ends, also if that one shows no posts.
        let pages = vec![(2, vec![posts[1].clone()]), (3, vec![posts[2].clone()])];
        let lines = Lines::new(Shown { before: Some(posts[0].clone()), pages }, day, None);
        let line = |page| lines.line(&lines.page(page).unwrap()[0]).unwrap();
        assert_eq!((lines.page(1), line(2).day.clone(), line(3).day.clone()), (None, None, None));
    }

    #[test]
    fn mentions_are_written_and_read_back() {
        let people = [("Lin".to_owned(), LIN), ("Lin Da".to_owned(), ANA)];
        let written = mentioned("@Lin, ask @Lin Da or me@Linz. @Nobody", &people);
        assert_eq!(written, format!("[@Lin](peer:{LIN}), ask [@Lin Da](peer:{ANA}) or me@Linz. @Nobody"));
        assert_eq!(unmentioned(&written).0, "@Lin, ask @Lin Da or me@Linz. @Nobody");
        assert!(mentions(&written, ANA) && !mentions(&written, PeerId([3; 32])));
        for broken in ["[@", "[@x](peer:)", "[@x](peer:zz", "[@x](http://x)"] {
            assert_eq!(unmentioned(broken), (broken.to_owned(), Vec::new()));
        }
    }

    #[test]
    fn the_typed_name_is_found() {
        assert_eq!(mention_at("Hi @Li", 6), Some((3, "Li")));
        assert_eq!(mention_at("@", 1), Some((0, "")));
        assert_eq!(mention_at("lin@example", 11), None, "an address of mail");
        assert_eq!(mention_at("@Lin is on the way", 18), None);
    }

    #[test]
    fn drafts_are_kept_by_conversation() {
        let mut drafts = Drafts::default();
        drafts.set(&ROOM, None, "to all");
        drafts.set(&ROOM, Some(LIN), "to Lin");
        let mut drafts = Drafts::read(&drafts.write());
        assert_eq!((drafts.get(&ROOM, None), drafts.get(&ROOM, Some(LIN))), ("to all", "to Lin"));
        drafts.set(&ROOM, None, " ");
        assert_eq!(drafts.get(&ROOM, None), "");
        for number in 0..=DRAFTS_MAX as u8 {
            drafts.set(&RoomId([number; 32]), None, "x");
        }
        assert_eq!(drafts.get(&ROOM, Some(LIN)), "", "the oldest went");
        assert_eq!(Drafts::read("no JSON"), Drafts::default());
    }

    #[test]
    fn the_field_counts_down() {
        assert_eq!(left(&"x".repeat(TEXT_MAX - FEW_LEFT)), Ok(None));
        assert_eq!(left(&format!(" {} ", "x".repeat(11_999))), Ok(Some("1 byte left of 12,000".into())));
        let long = left(&"é".repeat(6001));
        assert_eq!(long, Err("This is 2 bytes too long. A post has at most 12,000.".into()));
    }

    #[test]
    fn excerpts_are_one_line() {
        assert_eq!(excerpt("\n Ferry\nat nine"), "Ferry\u{2026}");
        assert_eq!(excerpt(&format!("[@Lin](peer:{LIN}) go **now**")), "@Lin go now");
        assert_eq!(excerpt("> - quoted"), "quoted");
    }
}
