//! Direct posts: read by two, and by nobody else.

use meshwork_core::id::{Identity, Instance};
use meshwork_core::replica::Replica as _;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::table::{Kind, payloads};

use super::*;

const START: u64 = 1_790_000_000_000;
const ROOM: RoomId = RoomId([1; 32]);

fn identity(number: u8) -> Identity {
    Identity::from_secret([number; 32])
}

fn peer(number: u8) -> PeerId {
    identity(number).peer()
}

/// The keys of a person who has agreed with these.
fn keys_in(room: RoomId, number: u8, others: &[u8]) -> Keys {
    let mut keys = Keys::new(room, peer(number));
    for other in others {
        keys.learn(peer(*other), identity(number).agree(peer(*other)));
    }
    keys
}

fn keys(number: u8, others: &[u8]) -> Keys {
    keys_in(ROOM, number, others)
}

/// A person's writes arrive in a table, this many milliseconds later.
fn arrive(table: &mut Table, number: u8, later: u64, writes: &[Write]) {
    let author = Endpoint { peer: peer(number), instance: Instance(1) };
    let stamp = Stamp::at(WallTime::from_millis(START + later));
    for payload in payloads(author.peer, writes).expect("short") {
        let header = Header::new(author, later + 1, StampWindow::at(stamp), 0);
        let content = table.check(&header, &payload).expect("of this kind");
        let batch = SignedBatch::sign(&identity(number), &ROOM, &header, &payload).expect("short");
        table.apply(batch, content);
    }
}

/// A person writes to another one.
fn write(table: &mut Table, from: u8, to: u8, later: u64, text: &str) -> PostId {
    let me = Endpoint { peer: peer(from), instance: Instance(1) };
    let keys = keys(from, &[to]);
    let at = WallTime::from_millis(START + later);
    let post = NewPost::from(text);
    let (id, writes) = Direct::of(table, &keys).post(me, at, peer(to), &post).expect("it can be sealed");
    arrive(table, from, later, &writes);
    id
}

fn texts(table: &Table, number: u8, other: u8) -> Vec<String> {
    let keys = keys(number, &[1, 2, 3]);
    let posts = Direct::of(table, &keys).newest(peer(other), 50);
    posts.into_iter().map(|post| post.text).collect()
}

#[test]
fn two_people_read_and_nobody_else() {
    let mut table = Table::new(Kind::ByTime);
    write(&mut table, 1, 2, 0, "Shall we meet at the pier?");
    write(&mut table, 2, 1, 10, "At nine.");
    let both = ["Shall we meet at the pier?", "At nine."];
    assert_eq!(
        (texts(&table, 1, 2), texts(&table, 2, 1)),
        (both.map(String::from).into(), both.map(String::from).into())
    );
    assert!(Direct::of(&table, &keys(3, &[1, 2])).people().is_empty());
    // Nothing of the text, and not the reader's id, is in the clear.
    for entry in table.entries(b"") {
        let all = [entry.row(), entry.value().unwrap_or_default()].concat();
        assert!(!all.windows(4).any(|part| part == b"pier" || part == b"nine"));
        let other = if entry.author() == peer(1) { peer(2) } else { peer(1) };
        assert!(!all.windows(8).any(|part| part == &other.0[..8]));
    }
    write(&mut table, 1, 2, 20, "Fine.");
    // No two rows share a tag: nobody sees which posts have one reader.
    let tags: BTreeSet<_> =
        table.entries(PREFIX).map(|entry| entry.row()[..PREFIX.len() + TAG].to_vec()).collect();
    assert_eq!(tags.len(), 3);
}

#[test]
fn values_open_in_their_own_row_alone() {
    let mut table = Table::new(Kind::ByTime);
    write(&mut table, 1, 2, 0, "Yes");
    let entry = table.entries(PREFIX).next().expect("it was written");
    let (row, value) = (entry.row().to_vec(), entry.value().expect("it has a value").to_vec());
    let reader = keys(2, &[1, 3]);
    let opens = |keys: &Keys, from: u8, row: &[u8], value: &[u8]| {
        keys.open(peer(from), peer(from), row, value).is_some()
    };
    assert!(opens(&reader, 1, &row, &value));
    let mut moved = row.clone();
    *moved.last_mut().expect("a row") ^= 1;
    assert!(!opens(&reader, 1, &moved, &value), "another row");
    for place in [0, NONCE, value.len() - 1] {
        let mut changed = value.clone();
        changed[place] ^= 1;
        assert!(!opens(&reader, 1, &row, &changed), "byte {place} is changed");
    }
    assert!(!opens(&reader, 3, &row, &value), "another author");
    assert!(reader.open(peer(1), peer(2), &row, &value).is_none(), "said by its reader");
    assert!(!opens(&keys_in(RoomId([2; 32]), 2, &[1]), 1, &row, &value), "another room");
    assert!((0..value.len()).all(|length| !opens(&reader, 1, &row, &value[..length])), "a part of it");
    // Somebody else copies the value into a row of their own.
    arrive(&mut table, 3, 5, &[Write::value(&row, Writer::Peer(peer(3)).field(FIELD), &value)]);
    assert_eq!(texts(&table, 2, 1), ["Yes"]);
    assert!(texts(&table, 2, 3).is_empty());
}

#[test]
fn a_key_of_small_order_seals_nothing() {
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut keys = keys(1, &[]);
    keys.learn(PeerId(neutral), identity(1).agree(PeerId(neutral)));
    let (table, me) = (Table::new(Kind::ByTime), Endpoint { peer: peer(1), instance: Instance(1) });
    let post = Direct::of(&table, &keys).post(
        me,
        WallTime::from_millis(START),
        PeerId(neutral),
        &NewPost::from("x"),
    );
    assert_eq!(post.err(), Some(PostError::NoKey(PeerId(neutral))));
    assert!(keys.knows(PeerId(neutral)));
}

#[test]
fn posts_are_edited_removed_and_reacted_to() {
    let mut table = Table::new(Kind::ByTime);
    let first = write(&mut table, 1, 2, 0, "Nine");
    let second = write(&mut table, 1, 2, 5, "Or ten");
    let (one, two) = (keys(1, &[2]), keys(2, &[1]));
    let edit = Direct::of(&table, &one).edit(peer(2), first, "Eight").expect("one's own");
    arrive(&mut table, 1, 20, &edit);
    let removal = Direct::of(&table, &one).remove(peer(2), second).expect("one's own");
    arrive(&mut table, 1, 21, &removal);
    assert_eq!(Direct::of(&table, &two).edit(peer(1), first, "No").err(), Some(PostError::NotYours(first)));
    for (later, emoji) in [(22, "👍"), (23, "🎉")] {
        let at = WallTime::from_millis(START + later);
        let reaction = Direct::of(&table, &two).react(at, peer(1), first, &[emoji]).expect("it shows");
        arrive(&mut table, 2, later, &reaction);
    }
    let posts = Direct::of(&table, &one).newest(peer(2), 50);
    assert_eq!(posts.len(), 1);
    assert_eq!((&*posts[0].text, posts[0].is_edited), ("Eight", true));
    assert_eq!(posts[0].at, WallTime::from_millis(START), "it stays in its place");
    assert_eq!(posts[0].reactions, [Reaction { emoji: "🎉".into(), by: vec![peer(2)] }]);
    let removal = Direct::of(&table, &one).remove(peer(2), first).expect("one's own");
    arrive(&mut table, 1, 24, &removal);
    assert!(Direct::of(&table, &two).newest(peer(1), 50).is_empty());
    assert_eq!(Direct::of(&table, &two).restore(peer(1), &posts[0]).err(), Some(PostError::NotYours(first)));
    let restored = Direct::of(&table, &one).restore(peer(2), &posts[0]).expect("one's own");
    arrive(&mut table, 1, 2 * 24 * 60 * 60 * 1000, &restored);
    assert_eq!(Direct::of(&table, &two).newest(peer(1), 50), posts, "the same post");
    let wrong = Direct::of(&table, &two).react(WallTime::from_millis(START), peer(1), first, &["ab"]);
    assert_eq!(wrong.err(), Some(PostError::NotOneEmoji("ab".into())));
}

#[test]
fn lengths_tell_little_and_texts_have_a_limit() {
    let sealed = |text: &str| {
        let mut table = Table::new(Kind::ByTime);
        write(&mut table, 1, 2, 0, text);
        table.entries(PREFIX).next().expect("it was written").value().map(<[u8]>::len)
    };
    assert_eq!(sealed("a"), sealed(&"b".repeat(100)));
    assert_eq!(sealed(&"é".repeat(TEXT_MAX / 2)), Some(SIZES[4] + NONCE + 16));
    let (table, one) = (Table::new(Kind::ByTime), keys(1, &[2]));
    let me = Endpoint { peer: peer(1), instance: Instance(1) };
    let long = NewPost::from(&*"x".repeat(TEXT_MAX + 1));
    let refused = Direct::of(&table, &one).post(me, WallTime::from_millis(START), peer(2), &long);
    assert_eq!(refused.err(), Some(PostError::TextTooLong(TEXT_MAX + 1)));
}

#[test]
fn other_versions_are_told_and_lacking_keys_named() {
    let mut table = Table::new(Kind::ByTime);
    let id = PostId::first_at(START);
    let one = keys(1, &[2]);
    let row = row_of(one.tag(peer(1), peer(2), id).expect("a key"), id);
    // A third kind, which this version does not have.
    let pair = one.pair(peer(2)).expect("a key");
    let mut padded = vec![3, 0, 2, 7, 7];
    padded.resize(SIZES[0], 0);
    let about = one.about(&row, peer(1));
    let cipher = XChaCha20Poly1305::new(&pair.key.into());
    let sealed =
        cipher.encrypt(&XNonce::from([9; NONCE]), Payload { msg: &padded, aad: &about }).expect("short");
    let value = [&[9; NONCE][..], &sealed].concat();
    arrive(&mut table, 1, 0, &[Write::value(&row, Writer::Peer(peer(1)).field(FIELD), value)]);
    let stranger = keys(2, &[]);
    assert_eq!(stranger.lacks(&table), [peer(1)]);
    let two = keys(2, &[1]);
    assert!(two.lacks(&table).is_empty());
    let posts = Direct::of(&table, &two).newest(peer(1), 1);
    assert!(posts[0].is_newer && posts[0].text.is_empty());
}

#[test]
fn answers_and_reactions_name_whose_post() {
    let mut table = Table::new(Kind::ByTime);
    let first = write(&mut table, 1, 2, 0, "Nine");
    let two = keys(2, &[1]);
    // The other person writes a post of the same id.
    let text = text_of("No").expect("short");
    let inside = Inside::Post { text, re: None, files: Vec::new(), keys: Bounded::default(), first: None };
    let copy = Direct::of(&table, &two).written(peer(1), first, &inside).expect("it can be sealed");
    arrive(&mut table, 2, 5, &copy);
    let direct = Direct::of(&table, &two);
    assert_eq!(direct.get(peer(1), first), None, "the id names two posts");
    let key = PostKey { id: first, author: peer(1) };
    let reaction = direct.react(WallTime::from_millis(START - 50), peer(1), key, &["👍"]).expect("it shows");
    arrive(&mut table, 2, 6, &reaction);
    let one = keys(1, &[2]);
    let posts = Direct::of(&table, &one).newest(peer(2), 50);
    let given = posts.iter().map(|post| (&*post.text, post.reactions.len())).collect::<Vec<_>>();
    assert_eq!(given, [("Nine", 1), ("No", 0)]);
    assert_eq!(Direct::of(&table, &one).newest(peer(2), 1), posts[1..]);
    assert_eq!(Direct::of(&table, &one).after(peer(2), Some(&posts[0]), 9), posts[1..]);
    assert_eq!(Direct::of(&table, &one).before(peer(2), Some(&posts[1]), 9), posts[..1]);
    assert_eq!(Direct::of(&table, &one).count_after(peer(2), WallTime::from_millis(START), 9), 1);
}
