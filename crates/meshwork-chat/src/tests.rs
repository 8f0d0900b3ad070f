//! Tests of posts in tables and rooms.

use meshwork_core::blobs::BlobId;
use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, Identity, Instance, PeerId, RoomId};
use meshwork_core::node::{Config, Node};
use meshwork_core::replica::Replica as _;
use meshwork_core::signed::batch::{Header, SignedBatch, StampWindow};
use meshwork_core::table::{Kind, Table, Write, Writer, payloads};
use meshwork_core::time::{Time, WallTime};

use crate::reading::VISITED;
use crate::row::{AFTER, FILES, FIRST, HIDDEN, REACTIONS, TEXT, WINDOW_MS, encode_files, row_of};
use crate::{
    Chat as _, Conversation, File, KINDS_MAX, NewPost, OTHERS_MAX, Post, PostError, PostId, PostKey, TEXT_MAX,
};

const START: u64 = 1_790_000_000_000;

fn identity(number: u8) -> Identity {
    Identity::from_secret([number; 32])
}

fn peer(number: u8) -> PeerId {
    identity(number).peer()
}

fn endpoint(number: u8) -> Endpoint {
    Endpoint { peer: peer(number), instance: Instance(1) }
}

/// Writes in a table, so many milliseconds later.
fn write(table: &mut Table, number: u8, later: u64, writes: &[Write]) {
    let author = endpoint(number);
    let stamp = Stamp::at(WallTime::from_millis(START + later));
    for payload in payloads(author.peer, writes).expect("short") {
        let header = Header::new(author, later + 1, StampWindow::at(stamp), 0);
        let content = table.check(&header, &payload).expect("of this kind");
        let batch = SignedBatch::sign(&identity(number), &RoomId([1; 32]), &header, &payload).expect("short");
        table.apply(batch, content);
    }
}

/// Writes a post as this version does.
fn post(table: &mut Table, number: u8, later: u64, new: &NewPost) -> PostId {
    let at = WallTime::from_millis(START + later);
    let (id, writes) = Conversation::of(table).post(endpoint(number), at, new).expect("a post");
    write(table, number, later, &writes);
    id
}

fn id(later: u64) -> PostId {
    PostId::hashed(WallTime::from_millis(START + later), |hasher| {
        hasher.update(b"some");
    })
}

fn own(number: u8, id: PostId, name: &[u8], value: impl AsRef<[u8]>) -> Write {
    Write::value(row_of(id), Writer::Peer(peer(number)).field(name), value)
}

fn key(number: u8, id: PostId) -> PostKey {
    PostKey { id, author: peer(number) }
}

fn texts(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| &*post.text).collect()
}

fn file(name: &str) -> File {
    File { blob: BlobId([3; 32]), size: 7, name: name.into(), kind: "image/png".into(), width: 3, height: 2 }
}

#[test]
fn notes_of_version_0_2_are_read() {
    let mut table = Table::new(Kind::ByTime);
    // The answer has the earlier id: its author's clock was behind.
    write(&mut table, 1, 5, &[own(1, id(5), TEXT, "When?")]);
    let after = [id(5).tail(), id(9).tail()].concat();
    write(&mut table, 2, 6, &[own(2, id(1), AFTER, after), own(2, id(1), TEXT, "At nine.")]);
    let posts = Conversation::of(&table).all();
    assert_eq!(texts(&posts), ["When?", "At nine."]);
    assert_eq!(posts.iter().map(|post| post.missing).collect::<Vec<_>>(), [0, 1]);
    assert_eq!(posts[1].at, WallTime::from_millis(START + 6));
    assert_eq!(posts[1].author, peer(2));
    assert!(!posts[1].is_edited && !posts[1].is_newer);
}

#[test]
fn posts_stand_where_their_ids_say() {
    let mut table = Table::new(Kind::ByTime);
    let hour = 3_600_000;
    // Its author claims to have written it an hour ago, and now.
    write(&mut table, 1, hour, &[own(1, id(10), TEXT, "lied")]);
    write(&mut table, 2, hour + 1, &[own(2, id(hour), TEXT, "late")]);
    // Its author claims to have written the first version before the row's time, and a later one after the edit.
    let first = |later: u64| (Stamp::at(WallTime::from_millis(START + later)).0).to_be_bytes();
    write(&mut table, 3, hour + 2, &[own(3, id(20), TEXT, "early"), own(3, id(20), FIRST, first(0))]);
    write(
        &mut table,
        4,
        hour + 3,
        &[own(4, id(hour + 3), TEXT, "last"), own(4, id(hour + 3), FIRST, first(9 * hour))],
    );
    let posts = Conversation::of(&table).all();
    assert_eq!(texts(&posts), ["early", "lied", "late", "last"]);
    let at: Vec<u64> = posts.iter().map(|post| post.at.as_millis() - START).collect();
    assert_eq!(at, [20, 10 + WINDOW_MS, hour + 1, hour + 3]);
    let conversation = Conversation::of(&table);
    for most in 1..5 {
        assert_eq!(conversation.newest(None, most), posts[4 - most..]);
        assert_eq!(conversation.newest(Some(&posts[3]), most), posts[3 - most.min(3)..3]);
        assert_eq!(conversation.after(&posts[0], most), posts[1..(1 + most).min(4)]);
    }
}

#[test]
fn pages_of_posts_are_all_of_them() {
    let mut table = Table::new(Kind::ByTime);
    // Some stand up to ten minutes behind their ids, so that rows and posts have other orders.
    for number in 0..120_u64 {
        let later = 2_000_000 + number * 20_001;
        let id = id(later - number % 7 * 150_000);
        write(
            &mut table,
            1 + (number % 3) as u8,
            later,
            &[own(1 + (number % 3) as u8, id, TEXT, number.to_string())],
        );
    }
    let conversation = Conversation::of(&table);
    let all = conversation.all();
    assert_eq!(all.len(), 120);
    assert!(all.is_sorted_by_key(|post| (post.stamp, post.id, post.author)));
    let (mut back, mut on) = (Vec::new(), conversation.around(0, 7));
    while let Some(page) = Some(conversation.newest(back.first(), 7)).filter(|page| !page.is_empty()) {
        back = [page, back].concat();
    }
    while let Some(page) = Some(conversation.after(&on[on.len() - 1], 7)).filter(|page| !page.is_empty()) {
        on.extend(page);
    }
    assert_eq!(back, all);
    assert_eq!(on, all);
    let middle = conversation.around(all[60].at.as_millis(), 10);
    assert_eq!(middle, all[55..65]);
}

#[test]
fn an_edit_keeps_the_place_and_the_rest() {
    let mut table = Table::new(Kind::ByTime);
    let one = post(&mut table, 1, 5, &NewPost::from("one"));
    let two = post(
        &mut table,
        2,
        6,
        &NewPost { text: "two".into(), re: Some(one.into()), files: vec![file("a.png")] },
    );
    let three = post(&mut table, 1, 7, &NewPost::from("three"));
    let before = Conversation::of(&table).all();
    assert_eq!((before[1].re, &*before[1].files[0].name), (Some(key(1, one)), "a.png"));
    for (later, text) in [(8, "deux"), (9, "zwei")] {
        let edit = Conversation::of(&table).edit(peer(2), two, text).expect("one's own");
        write(&mut table, 2, later, &edit);
        let mut expected = before.clone();
        expected[1].text = text.into();
        expected[1].is_edited = true;
        assert_eq!(Conversation::of(&table).all(), expected);
    }
    assert_eq!(table.batch_count(), 3, "the earlier batches of the edited post are gone");
    let conversation = Conversation::of(&table);
    assert_eq!(conversation.edit(peer(1), two, "mine"), Err(PostError::NotYours(two)));
    assert_eq!(conversation.edit(peer(1), id(1), "none"), Err(PostError::NoSuchPost(id(1))));
    assert_eq!(conversation.edit(peer(1), three, " "), Err(PostError::Empty));
    assert_eq!(
        conversation.edit(peer(1), three, &"x".repeat(TEXT_MAX + 1)),
        Err(PostError::TextTooLong(TEXT_MAX + 1))
    );
    assert!(conversation.edit(peer(2), two, "").is_ok(), "it has a file");
}

#[test]
fn a_removed_post_leaves_a_gap() {
    let mut table = Table::new(Kind::ByTime);
    let one = post(&mut table, 1, 5, &NewPost::from("one"));
    let reaction = Conversation::of(&table).react(peer(1), one, &["👍"]).expect("one emoji");
    write(&mut table, 1, 6, &reaction);
    post(&mut table, 2, 7, &NewPost { text: "two".into(), re: Some(one.into()), ..NewPost::default() });
    assert_eq!(Conversation::of(&table).remove(peer(2), one), Err(PostError::NotYours(one)));
    let removal = Conversation::of(&table).remove(peer(1), one).expect("one's own");
    write(&mut table, 1, 8, &removal);
    let conversation = Conversation::of(&table);
    let posts = conversation.all();
    assert_eq!(texts(&posts), ["two"]);
    assert_eq!((posts[0].missing, posts[0].re, conversation.get(one)), (1, Some(key(1, one)), None));
    assert_eq!(table.row(&row_of(one)).count(), 0);
}

/// All posts of a table; reactions by their emoji, since a reaction that is given again comes last.
fn all_sorted(table: &Table) -> Vec<Post> {
    let mut posts = Conversation::of(table).all();
    for post in &mut posts {
        post.reactions.sort_by(|one, other| one.emoji.cmp(&other.emoji));
        post.reactions.iter_mut().for_each(|reaction| reaction.by.sort_unstable());
    }
    posts
}

#[test]
fn a_restored_post_is_the_same_post() {
    let mut table = Table::new(Kind::ByTime);
    let mut later = 5;
    let mut next = || {
        later += 1;
        later
    };
    let one = post(&mut table, 1, next(), &NewPost::from("one"));
    let files = vec![file("a.png"), file("b.png")];
    let with_text = NewPost { text: "two".into(), re: Some(one.into()), files: files.clone() };
    let posts = [with_text, NewPost { re: Some(one.into()), files, ..NewPost::default() }].map(|new| {
        let id = post(&mut table, 2, next(), &new);
        for (number, emoji) in [(1, &["👍"][..]), (2, &["👍", "🎉"])] {
            let writes = Conversation::of(&table).react(peer(number), id, emoji).expect("emoji");
            write(&mut table, number, next(), &writes);
        }
        id
    });
    post(&mut table, 1, next(), &NewPost { re: Some(posts[0].into()), ..NewPost::from("three") });
    let mut expected = all_sorted(&table);
    expected.iter_mut().for_each(|post| post.is_edited = posts.contains(&post.id));
    // The second time they were restored before.
    for long_after in [2 * WINDOW_MS, 4 * WINDOW_MS] {
        for id in posts {
            let known = Conversation::of(&table).get(id).expect("it shows");
            let removal = Conversation::of(&table).remove(peer(2), id).expect("one's own");
            write(&mut table, 2, long_after + next(), &removal);
            let conversation = Conversation::of(&table);
            assert_eq!(conversation.get(id), None);
            assert_eq!(conversation.restore(peer(1), &known), Err(PostError::NotYours(id)));
            let restored = conversation.restore(peer(2), &known).expect("one's own");
            write(&mut table, 2, long_after + next(), &restored);
            assert_eq!(Conversation::of(&table).restore(peer(2), &known), Ok(Vec::new()), "it shows");
        }
        assert_eq!(all_sorted(&table), expected);
    }
}

#[test]
fn reactions_are_grouped_by_emoji() {
    let mut table = Table::new(Kind::ByTime);
    let one = post(&mut table, 1, 5, &NewPost::from("one"));
    for (number, later, emoji) in
        [(2, 6, &["👍", "❤\u{fe0f}"][..]), (3, 7, &["🎉"]), (1, 8, &["👍"]), (3, 9, &["👍"])]
    {
        let writes = Conversation::of(&table).react(peer(number), one, emoji).expect("emoji");
        write(&mut table, number, later, &writes);
    }
    let given = |table: &Table| -> Vec<(String, Vec<PeerId>)> {
        let post = Conversation::of(table).get(one).expect("it shows");
        post.reactions.into_iter().map(|reaction| (reaction.emoji, reaction.by)).collect()
    };
    let expected =
        [("👍".to_owned(), vec![peer(2), peer(1), peer(3)]), ("❤\u{fe0f}".to_owned(), vec![peer(2)])];
    assert_eq!(given(&table), expected);
    let conversation = Conversation::of(&table);
    assert_eq!(conversation.react(peer(4), one, &["👍👍"]), Err(PostError::NotOneEmoji("👍👍".into())));
    assert_eq!(
        conversation.react(peer(4), one, &["👍"; 9]),
        Err(PostError::TooManyReactions { count: 9, bytes: 44 })
    );
    assert_eq!(conversation.react(peer(4), id(1), &["👍"]), Err(PostError::NoSuchPost(id(1))));
    assert_eq!(conversation.react(peer(4), one, &[]), Ok(Vec::new()));
    let none = conversation.react(peer(2), one, &[]).expect("one's own");
    write(&mut table, 2, 10, &none);
    assert_eq!(given(&table), [("👍".to_owned(), vec![peer(1), peer(3)])]);
}

#[test]
fn odd_reactions_are_read_by_bytes_alone() {
    let mut table = Table::new(Kind::ByTime);
    let one = post(&mut table, 1, 5, &NewPost::from("one"));
    let many = "a\n".repeat(9);
    let odd: [(u8, &[u8]); 6] = [
        (2, &[b'x'; 257]),
        (3, many.as_bytes()),
        (4, &[0xff]),
        (5, "\n\nlong text\n\u{202e}\u{1b}\n".as_bytes()),
        (6, &[]),
        (7, &[b'y'; 256]),
    ];
    for (number, bytes) in odd {
        write(&mut table, number, 6, &[own(number, one, REACTIONS, bytes)]);
    }
    let post = Conversation::of(&table).get(one).expect("it shows");
    let mut emoji: Vec<&str> = post.reactions.iter().map(|reaction| &*reaction.emoji).collect();
    emoji.sort_unstable();
    assert_eq!(emoji, ["long text", &"y".repeat(256)]);
}

#[test]
fn moderators_hide_posts_and_nobody_speaks_for_others() {
    let mut table = Table::new(Kind::ByTime);
    write(&mut table, 1, 5, &[own(1, id(5), TEXT, "one")]);
    write(&mut table, 1, 6, &[own(1, id(6), TEXT, "two")]);
    // In another's row there is nothing but a post of one's own.
    write(&mut table, 2, 7, &[own(2, id(6), TEXT, "mine")]);
    write(&mut table, 3, 8, &[Write::value(row_of(id(5)), Writer::Moderators.field(HIDDEN), "1")]);
    let shown: Vec<(PeerId, String)> =
        Conversation::of(&table).all().into_iter().map(|post| (post.author, post.text)).collect();
    assert_eq!(shown, [(1, "two"), (2, "mine")].map(|(number, text)| (peer(number), text.to_owned())));
    let conversation = Conversation::of(&table);
    assert_eq!(conversation.get(id(6)), None, "an id of version 0.2 alone names neither");
    assert_eq!(conversation.find(id(6)), Err(PostError::SeveralPosts(id(6))));
    assert_eq!(conversation.get(key(1, id(6))).map(|post| post.text), Some("two".into()));
    assert_eq!(conversation.get_by(id(6), peer(2)).map(|post| post.text), Some("mine".into()));
}

#[test]
fn strangers_cannot_write_into_anothers_row() {
    let mut table = Table::new(Kind::ByTime);
    let ask = post(&mut table, 1, 5, &NewPost::from("Shall we meet at nine?"));
    let forged =
        [own(2, ask, TEXT, "Shall I send my savings?"), own(2, ask, FIRST, [0, 0, 0, 0, 0, 0, 0, 1])];
    write(&mut table, 2, 6, &forged);
    let yes = post(&mut table, 3, 7, &NewPost { re: Some(ask.into()), ..NewPost::from("Yes, gladly.") });
    let conversation = Conversation::of(&table);
    assert_eq!(texts(&conversation.all()), ["Shall we meet at nine?", "Yes, gladly."]);
    assert_eq!(conversation.get(ask).map(|post| post.author), Some(peer(1)));
    assert_eq!(conversation.get(yes).and_then(|post| post.re), Some(key(1, ask)));
    assert_eq!(conversation.get_by(ask, peer(2)), None);
    assert_eq!(conversation.edit(peer(2), ask, "mine"), Err(PostError::NotYours(ask)));
    assert_eq!(conversation.hide(key(2, ask), true), Err(PostError::NoSuchPost(ask)));
    // The row stays the author's once the post is removed.
    let removal = conversation.remove(peer(1), ask).expect("one's own");
    write(&mut table, 1, 8, &removal);
    assert_eq!(texts(&Conversation::of(&table).all()), ["Yes, gladly."]);
}

#[test]
fn hiding_names_the_author_of_a_post() {
    let mut table = Table::new(Kind::ByTime);
    // In a row of version 0.2 several people have a post.
    write(&mut table, 1, 5, &[own(1, id(5), TEXT, "honest")]);
    write(&mut table, 2, 6, &[own(2, id(5), TEXT, "stranger")]);
    let conversation = Conversation::of(&table);
    assert_eq!(conversation.hide(id(5), true), Err(PostError::SeveralPosts(id(5))));
    let hide = conversation.hide(key(2, id(5)), true).expect("it shows");
    write(&mut table, 3, 7, &hide);
    let conversation = Conversation::of(&table);
    assert_eq!(texts(&conversation.all()), ["honest"]);
    assert_eq!(conversation.hide(key(1, id(5)), false), Err(PostError::NotHidden(id(5))));
    let show = conversation.hide(key(2, id(5)), false).expect("it is hidden");
    write(&mut table, 3, 8, &show);
    assert_eq!(texts(&Conversation::of(&table).all()), ["honest", "stranger"]);
}

/// Writes in a table as one of many people.
fn write_as(table: &mut Table, secret: [u8; 32], fields: &[(PostId, &'static [u8], &str)]) {
    let identity = Identity::from_secret(secret);
    let author = Endpoint { peer: identity.peer(), instance: Instance(1) };
    let field = |name: &[u8]| Writer::Peer(author.peer).field(name);
    let writes: Vec<Write> =
        fields.iter().map(|(id, name, value)| Write::value(row_of(*id), field(name), value)).collect();
    for payload in payloads(author.peer, &writes).expect("short") {
        let header =
            Header::new(author, 1, StampWindow::at(Stamp::at(WallTime::from_millis(START + 9_000))), 0);
        let content = table.check(&header, &payload).expect("of this kind");
        let batch = SignedBatch::sign(&identity, &RoomId([1; 32]), &header, &payload).expect("short");
        table.apply(batch, content);
    }
}

/// Entries of a table that are visited by a read.
fn visited<R>(read: impl FnOnce() -> R) -> (R, usize) {
    VISITED.with(|visited| visited.set(0));
    let outcome = read();
    (outcome, VISITED.with(std::cell::Cell::get))
}

#[test]
fn many_keys_in_a_row_cost_little() {
    let mut table = Table::new(Kind::ByTime);
    let named = post(&mut table, 1, 5, &NewPost::from("honest"));
    let reaction = Conversation::of(&table).react(peer(9), named, &["👍"]).expect("one emoji");
    write(&mut table, 9, 6, &reaction);
    for number in 0..10_000_u64 {
        let mut secret = [77; 32];
        secret[..8].copy_from_slice(&number.to_be_bytes());
        let emoji = format!("{number}\n{number}a\n{number}b");
        let fields = [(named, TEXT, "flood"), (named, REACTIONS, &emoji), (id(8), TEXT, "old")];
        write_as(&mut table, secret, &fields);
    }
    let conversation = Conversation::of(&table).read_by(peer(9));
    let (posts, count) = visited(|| conversation.newest(None, 500));
    assert!(count < 3_000, "{count} entries");
    let (honest, others) = posts.split_first().expect("they show");
    assert_eq!((&*honest.text, honest.has_more), ("honest", true));
    assert!(honest.reactions.len() <= KINDS_MAX + 1);
    assert!(honest.reactions.iter().any(|reaction| reaction.by == [peer(9)]), "one's own is read");
    assert!(others.len() <= OTHERS_MAX && others.iter().all(|post| post.has_more && post.text == "old"));
    let (briefs, count) = visited(|| conversation.briefs(500));
    assert_eq!(briefs, posts.iter().map(Into::into).collect::<Vec<_>>());
    assert!(count < 1_000, "{count} entries to count posts");
    let (_, count) = visited(|| (conversation.get(named), conversation.edit(peer(1), named, "x")));
    assert!(count < 1_000, "{count} entries for one post");
}

#[test]
fn muting_a_flooder_leaves_full_pages() {
    let mut table = Table::new(Kind::ByTime);
    for later in 0..60 {
        post(&mut table, 1, later, &NewPost::from("before"));
    }
    for later in 100..620 {
        post(&mut table, 2, later, &NewPost::from("flood"));
    }
    let muted = [peer(2)].into();
    let conversation = Conversation::of(&table).without(&muted);
    let newest = conversation.newest(None, 50);
    assert_eq!((newest.len(), &*newest[0].text), (50, "before"));
    assert_eq!(conversation.newest(Some(&newest[0]), 50).len(), 10, "there is a way back");
    assert_eq!(conversation.briefs(500).len(), 60);
}

#[test]
fn posts_of_one_millisecond_have_own_rows() {
    let mut table = Table::new(Kind::ByTime);
    let ids: std::collections::BTreeSet<PostId> =
        (0..200).map(|_| post(&mut table, 1, 5, &NewPost::from("same"))).collect();
    assert_eq!(ids.len(), 200);
    assert!(ids.iter().all(|id| id.names(peer(1)) && !id.names(peer(2))));
}

#[test]
fn other_bytes_are_no_posts() {
    let mut table = Table::new(Kind::ByTime);
    let long = "x".repeat(TEXT_MAX + 1);
    let field = Writer::Peer(peer(1)).field(TEXT);
    write(&mut table, 1, 5, &[own(1, id(1), TEXT, [0xff])]);
    write(&mut table, 1, 6, &[own(1, id(2), TEXT, long)]);
    write(&mut table, 1, 7, &[Write::value([b"m\0".as_slice(), &id(1).0].concat(), field, "elsewhere")]);
    write(&mut table, 1, 8, &[Write::value(row_of(id(3)), Writer::Anybody.field(TEXT), "whose?")]);
    write(&mut table, 1, 9, &[own(1, id(4), REACTIONS, "👍"), own(1, id(4), AFTER, "12345678")]);
    write(&mut table, 1, 10, &[own(1, id(5), TEXT, "")]);
    assert_eq!(Conversation::of(&table).all(), []);
    assert_eq!(Conversation::of(&table).newest(None, 5), []);
}

#[test]
fn newer_posts_are_shown_as_such() {
    let mut table = Table::new(Kind::ByTime);
    write(&mut table, 1, 5, &[own(1, id(1), b"poll", "yes or no")]);
    write(&mut table, 1, 6, &[own(1, id(2), FILES, [9, 9, 9])]);
    write(&mut table, 1, 7, &[own(1, id(3), FILES, [9, 9, 9]), own(1, id(3), TEXT, "look")]);
    write(&mut table, 1, 8, &[own(1, id(4), b"on", "a shape"), own(1, id(4), TEXT, "nice")]);
    let posts = Conversation::of(&table).all();
    let read: Vec<(bool, &str)> = posts.iter().map(|post| (post.is_newer, &*post.text)).collect();
    assert_eq!(read, [(true, ""), (true, ""), (true, "look"), (false, "nice")]);
    let removal = Conversation::of(&table).remove(peer(1), id(1)).expect("one's own");
    write(&mut table, 1, 9, &removal);
    assert_eq!(Conversation::of(&table).all().len(), 3);
}

#[test]
fn texts_that_act_are_read_harmless() {
    let mut table = Table::new(Kind::ByTime);
    let marks = format!("a{}", "\u{301}".repeat(5000));
    write(&mut table, 1, 5, &[own(1, id(1), TEXT, "\u{1b}[31mred\u{202e}\r\nline")]);
    write(&mut table, 1, 6, &[own(1, id(2), TEXT, &marks)]);
    let name = "../..\u{202e}/.a\u{1b}.png";
    let files = encode_files(&[file(name)]).expect("short");
    write(&mut table, 1, 7, &[own(1, id(3), FILES, files)]);
    let posts = Conversation::of(&table).all();
    assert_eq!(posts[0].text, "[31mred\nline");
    assert!(posts[1].text.chars().count() < 30);
    assert_eq!((&*posts[2].files[0].name, &*posts[2].files[0].safe_name()), ("../../.a.png", "a.png"));
    for (name, safe) in
        [("", "file"), ("..", "file"), ("C:\\x\\con?.txt", "con_.txt"), ("a/", "file"), ("\u{2003}.b.", "b")]
    {
        assert_eq!(file(name).safe_name(), safe, "{name:?}");
    }
}

#[test]
fn parts_of_words_are_found_in_any_script() {
    let mut table = Table::new(Kind::ByTime);
    for (later, text) in
        ["Ferry LEAVES at nine", "Паром уходит", "渡船九点开", "ferry", "no"].into_iter().enumerate()
    {
        post(&mut table, 1, later as u64 * 60_000, &NewPost::from(text));
    }
    post(&mut table, 1, 400_000, &NewPost { files: vec![file("Ferry.png")], ..NewPost::default() });
    let conversation = Conversation::of(&table);
    let find = |words: &str| {
        conversation.search(words, None, 100).0.into_iter().map(|post| post.text).collect::<Vec<_>>()
    };
    assert_eq!(find("FERR"), ["", "ferry", "Ferry LEAVES at nine"]);
    assert_eq!(find("nin leav"), ["Ferry LEAVES at nine"]);
    assert_eq!(find("ПАРОМ"), ["Паром уходит"]);
    assert_eq!(find("九点"), ["渡船九点开"]);
    let (mut from, mut found) = (None, 0);
    for _ in 0..3 {
        let (posts, next) = conversation.search("e", from, 2);
        (from, found) = (next, found + posts.len());
    }
    assert_eq!((from, found), (None, 3));
}

#[test]
fn files_have_limits() {
    let table = Table::new(Kind::ByTime);
    let refused = |new: NewPost| Conversation::of(&table).post(endpoint(1), WallTime(0), &new).unwrap_err();
    let with = |files: Vec<File>| NewPost { files, ..NewPost::default() };
    assert_eq!(refused(NewPost::from(" \n")), PostError::Empty);
    assert_eq!(refused(NewPost::from("\u{200b}\u{2060}\u{ad}")), PostError::Empty);
    assert_eq!(refused(with(vec![file("a"); 11])), PostError::TooManyFiles(11));
    assert_eq!(refused(with(vec![file("")])), PostError::FileName(0));
    assert_eq!(refused(with(vec![file(&"x".repeat(256))])), PostError::FileName(256));
    assert_eq!(refused(with(vec![File { kind: "x".repeat(65), ..file("a") }])), PostError::FileKind(65));
    assert_eq!(refused(with(vec![File { size: u64::MAX, ..file("a") }])), PostError::FileTooLong(u64::MAX));
}

#[test]
fn owners_hide_posts_and_show_them_again() {
    let (now, wall) = (Time(0), WallTime::from_millis(START));
    let mut node = Node::new(|_, _| None, Config::default(), identity(1), [7; 32], now, wall);
    let room = node.create_room(now, crate::room_spec("http://localhost", false)).expect("a room");
    assert!(!meshwork_core::node::RoomSpec::clone(&crate::room_spec("x", true)).parameters.is_empty());
    let (one, _) = node.write_post(now, room, &"one".into()).expect("one's own room");
    let (two, _) = node.write_post(now, room, &"two".into()).expect("one's own room");
    let texts = |node: &Node| texts(&node.conversation(room).expect("open").all()).join(" ");
    node.set_post_hidden(now, room, one, true).expect("the owner moderates");
    assert_eq!(texts(&node), "two");
    assert!(node.set_post_hidden(now, room, one, true).is_err(), "it does not show");
    node.set_post_hidden(now, room, one, false).expect("the owner moderates");
    assert_eq!(texts(&node), "one two");
    assert!(node.set_post_hidden(now, room, one, false).is_err(), "it is not hidden");
    node.edit_post(now, room, two, "deux").expect("one's own post");
    node.react(now, room, two, &["👍"]).expect("one emoji");
    assert_eq!(texts(&node), "one deux");
    node.remove_post(now, room, two).expect("one's own post");
    assert_eq!(texts(&node), "one");
}

#[test]
fn ids_read_as_they_are_written() {
    assert_eq!(id(1).to_string().parse(), Ok(id(1)));
    assert_eq!(id(1).time_ms(), START + 1);
    for wrong in ["", "0", &"0".repeat(27), &"0".repeat(29), &"g".repeat(28), &"é".repeat(14)] {
        assert_eq!(wrong.parse::<PostId>(), Err(crate::NoPostId), "{wrong}");
    }
}
