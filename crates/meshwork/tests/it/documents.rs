//! Documents edited by several people, through cuts, reloads and bans.

use std::time::Duration;

use meshwork::testing::Network;
use meshwork::{
    Document, Draft, Endpoint, ImageError, PeerId, Piece, PieceKind, Room, RuleError, VersionError,
    WriteError, sync,
};

use crate::guard::{create, in_private_rooms_too};

in_private_rooms_too!(
    no_letter_is_lost_through_a_cut,
    new_sessions_write_on,
    only_own_steps_are_undone,
    authors_are_told_by_their_keys,
    seeds_stand_once,
    bans_leave_what_others_wrote,
    numbers_of_what_a_ban_took_stay_taken,
    maps_and_lists_are_shared,
    handles_of_a_document_are_one,
    edits_from_elsewhere_are_merged,
    newcomers_wait_for_a_keeper_of_a_document,
    words_beyond_a_share_hold_nothing_up,
    merges_take_what_fits,
    line_ends_are_alike_through_the_library,
    drafts_of_something_else_are_refused,
    versions_outlive_who_saved_them,
    images_outlive_who_put_them_there,
    versions_restore_maps_and_lists,
    versions_tell_what_was_changed,
    documents_are_renamed_and_deleted,
    holders_are_who_stays_and_has_it,
    owners_erase_what_somebody_wrote
);

/// The rooms of Ann, who owns it, of Bo, and of Kim, who stays.
pub(crate) async fn three(network: &Network) -> ([Endpoint; 3], [Room; 3]) {
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let room = create(&ann, meshwork::sync::room()).await.unwrap();
    let same = bo.join(room.link().to_string()).await.unwrap();
    let kept = kim.join(room.link().to_string()).await.unwrap();
    ([ann, bo, kim], [room, same, kept])
}

async fn write(room: &Room, at: usize, words: &str) {
    room.document("notes").edit(|text| text.insert(at, words)).await.unwrap();
}

async fn read(room: &Room) -> String {
    room.document("notes").text().await.unwrap()
}

/// Waits until everybody reads the same, and this much.
async fn all_read(rooms: &[Room], length: usize) -> String {
    loop {
        let mut texts = Vec::new();
        for room in rooms {
            texts.push(read(room).await);
        }
        if texts[0].chars().count() == length && texts.iter().all(|text| *text == texts[0]) {
            return texts.remove(0);
        }
        crate::tick(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_letter_is_lost_through_a_cut() {
    let network = Network::new(7);
    let ([ann, bo, kim], rooms) = three(&network).await;
    write(&rooms[0], 0, "The ferry leaves at nine.").await;
    all_read(&rooms, 25).await;
    network.cut(&bo, &ann);
    network.cut(&bo, &kim);
    network.run(Duration::from_secs(60)).await;
    for (number, room) in rooms.iter().enumerate() {
        for turn in 0..30 {
            write(room, 3 + turn * 2, ["a ", "b ", "ö🦉"][number]).await;
        }
        room.document("notes").edit(|text| text.delete(0..3)).await.unwrap();
    }
    network.heal();
    // Whoever comes later reads it all.
    let late = network.endpoint("Lou").join(rooms[0].link().to_string()).await.unwrap();
    let [first, second, third] = rooms;
    let text = all_read(&[first, second, third, late], 25 - 3 + 3 * 30 * 2).await;
    let count = |letter| text.chars().filter(|other| *other == letter).count();
    assert_eq!((count('🦉'), count('ö'), text.matches("a ").count()), (30, 30, 30), "{text}");
    assert!(text.ends_with("leaves at nine."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn new_sessions_write_on() {
    let network = Network::calm(5);
    let ([_, bo, _], rooms) = three(&network).await;
    write(&rooms[1], 0, "before ").await;
    all_read(&rooms, 7).await;
    rooms[1].kept().await.unwrap();
    bo.close().await;
    let again = network.endpoint("Bo").join(rooms[0].link().to_string()).await.unwrap();
    all_read(std::slice::from_ref(&again), 7).await;
    for turn in 0..100 {
        write(&again, 7 + turn, "x").await;
    }
    let [first, _, kept] = rooms;
    assert_eq!(all_read(&[first, kept, again], 107).await, format!("before {}", "x".repeat(100)));
}

#[tokio::test(start_paused = true)]
async fn only_own_steps_are_undone() {
    let network = Network::calm(5);
    let (_, rooms) = three(&network).await;
    write(&rooms[0], 0, "one two").await;
    all_read(&rooms, 7).await;
    write(&rooms[1], 3, " and a half").await;
    all_read(&rooms, 18).await;
    rooms[0].document("notes").edit(|text| text.set("ONE and a half two")).await.unwrap();
    rooms[0].document("notes").edit(|text| text.push("!")).await.unwrap();
    all_read(&rooms, 19).await;
    let notes = rooms[0].document("notes");
    assert!(notes.undo().await.unwrap());
    assert!(notes.undo().await.unwrap());
    assert_eq!(all_read(&rooms, 18).await, "one and a half two");
    assert!(notes.undo().await.unwrap());
    assert_eq!(all_read(&rooms, 11).await, " and a half");
    assert!(!notes.undo().await.unwrap(), "the rest is another one's");
}

#[tokio::test(start_paused = true)]
async fn authors_are_told_by_their_keys() {
    let network = Network::calm(5);
    let ([ann, bo, _], rooms) = three(&network).await;
    write(&rooms[0], 0, "annann").await;
    all_read(&rooms, 6).await;
    write(&rooms[1], 3, "-bo-").await;
    all_read(&rooms, 10).await;
    let (ann, bo) = (ann.id().peer, bo.id().peer);
    let authors = rooms[2].document("notes").authors().await.unwrap();
    assert_eq!(authors, [(0..3, ann), (3..7, bo), (7..10, ann)]);
}

#[tokio::test(start_paused = true)]
async fn seeds_stand_once() {
    let network = Network::calm(5);
    let ([ann, bo, kim], rooms) = three(&network).await;
    network.cut(&bo, &ann);
    network.cut(&bo, &kim);
    for room in &rooms {
        room.document("notes").seed_text("Agenda: ").await.unwrap();
    }
    write(&rooms[0], 8, "ferry").await;
    write(&rooms[1], 8, "train").await;
    network.heal();
    let text = all_read(&rooms, 18).await;
    assert!(["Agenda: ferrytrain", "Agenda: trainferry"].contains(&&*text), "{text}");
}

#[tokio::test(start_paused = true)]
async fn bans_leave_what_others_wrote() {
    let network = Network::calm(5);
    let ([ann, bo, kim], rooms) = three(&network).await;
    write(&rooms[1], 0, "kept ").await;
    all_read(&rooms, 5).await;
    network.cut(&ann, &bo);
    network.cut(&ann, &kim);
    network.run(Duration::from_secs(30)).await;
    // The owner does not know of it when she bans Bo, and Kim has built on it.
    write(&rooms[1], 5, "insult ").await;
    all_read(&rooms[1..], 12).await;
    write(&rooms[2], 8, "[Kim]").await;
    rooms[0].rules().ban(bo.id().peer).await.unwrap();
    network.heal();
    let [first, _, kept] = rooms;
    let newcomer = network.endpoint("Lou").join(first.link().to_string()).await.unwrap();
    assert_eq!(all_read(&[first.clone(), kept, newcomer.clone()], 10).await, "kept [Kim]");
    write(&first, 10, " goes on").await;
    write(&newcomer, 0, "It ").await;
    assert_eq!(all_read(&[first, newcomer], 21).await, "It kept [Kim] goes on");
}

#[tokio::test(start_paused = true)]
async fn numbers_of_what_a_ban_took_stay_taken() {
    let network = Network::calm(5);
    let ([ann, bo, kim], rooms) = three(&network).await;
    write(&rooms[1], 0, "kept ").await;
    all_read(&rooms, 5).await;
    let document = rooms[1].document("notes");
    let before = document.client().await.unwrap();
    network.cut(&ann, &bo);
    network.cut(&ann, &kim);
    network.run(Duration::from_secs(30)).await;
    write(&rooms[1], 5, "taken").await;
    assert_eq!(document.client().await.unwrap(), before, "all is there");
    rooms[0].rules().ban(bo.id().peer).await.unwrap();
    network.heal();
    all_read(&rooms, 5).await;
    rooms[0].rules().unban(bo.id().peer).await.unwrap();
    while let Err(error) = document.edit(|text| text.insert(5, "and more")).await {
        assert_eq!(error, WriteError::Banned);
        crate::tick(Duration::from_millis(20)).await;
    }
    assert_eq!(all_read(&rooms, 13).await, "kept and more");
    let after = document.client().await.unwrap();
    let author = |client, clock| document.author_of(client, clock);
    assert_ne!(after, before, "its next numbers were given");
    assert_eq!(author(after, 0).await.unwrap(), Some(bo.id().peer));
    assert_eq!(author(before, 5).await.unwrap(), None, "no second item has the number of one that was taken");
}

#[tokio::test(start_paused = true)]
async fn maps_and_lists_are_shared() {
    use yrs::{Array as _, Map as _, ReadTxn as _, WriteTxn as _};
    let network = Network::calm(5);
    let (_, rooms) = three(&network).await;
    let board = |room: &Room| -> Document { room.document("board") };
    board(&rooms[0])
        .change(|writing| {
            writing.get_or_insert_map("size").insert(writing, "columns", 3);
            writing.get_or_insert_array("cards").push_back(writing, "first");
        })
        .await
        .unwrap();
    let theirs = board(&rooms[1]);
    let mut changes = theirs.watch();
    let read = async || {
        let look = |reading: &yrs::Transaction<'_>| {
            let card = reading.get_array("cards").and_then(|cards| cards.get(reading, 0));
            let columns = reading.get_map("size").and_then(|size| size.get(reading, "columns"));
            card.zip(columns).map(|(card, columns)| (card.to_string(reading), columns.to_string(reading)))
        };
        theirs.look(look).await.unwrap()
    };
    while read().await.is_none() {
        changes.next().await.unwrap();
    }
    assert_eq!(read().await.unwrap(), ("first".into(), "3".into()));
}

#[tokio::test(start_paused = true)]
async fn handles_of_a_document_are_one() {
    let network = Network::calm(5);
    let (_, rooms) = three(&network).await;
    let (one, other) = (rooms[0].document("notes"), rooms[0].document("notes"));
    for turn in 0..10 {
        let notes = if turn % 2 == 0 { &one } else { &other };
        notes.edit(|text| text.push(&turn.to_string())).await.unwrap();
    }
    assert_eq!(one.edit(|_| {}).await.unwrap().map(|receipt| receipt.sequences()), None);
    assert_eq!(all_read(&rooms, 10).await, "0123456789");
}

#[tokio::test(start_paused = true)]
async fn edits_from_elsewhere_are_merged() {
    let network = Network::new(11);
    let (_endpoints, rooms) = three(&network).await;
    write(&rooms[0], 0, "one\ntwo\nthree\n").await;
    all_read(&rooms, 14).await;
    let notes = rooms[1].document("notes");
    let kept = notes.draft().await.unwrap().as_bytes().to_vec();
    let mut draft = Draft::from_bytes(kept).unwrap();
    assert_eq!(draft.text(), "one\ntwo\nthree\n");
    // Meanwhile both write on: somebody else, and this program.
    write(&rooms[0], 0, "zero\n").await;
    notes.edit(|text| text.push("four\n")).await.unwrap();
    notes.merge(&mut draft, "one\n2\nthree\n").await.unwrap();
    assert_eq!(draft.text(), "one\n2\nthree\n");
    notes.merge(&mut draft, "one\n2\nthree!\n").await.unwrap();
    assert!(notes.merge(&mut draft, "one\n2\nthree!\n").await.unwrap().is_none(), "nothing is left to do");
    assert_eq!(all_read(&rooms, 23).await, "zero\none\n2\nthree!\nfour\n");
    notes.edit(|text| text.push("five\n")).await.unwrap();
    assert_eq!(all_read(&rooms, 28).await, "zero\none\n2\nthree!\nfour\nfive\n");
}

/// An update that puts words into the text, as a program with a library of its own makes it.
fn typed(open: &yrs::Doc, at: u32, words: &str) -> Vec<u8> {
    use yrs::{Text as _, Transact as _, WriteTxn as _};
    let mut writing = open.transact_mut();
    let text = writing.get_or_insert_text("text");
    text.insert(&mut writing, at, words);
    writing.encode_update_v1()
}

#[tokio::test(start_paused = true)]
async fn newcomers_wait_for_a_keeper_of_a_document() {
    const TEXT: &str = "one\ntwo\nthree\n";
    for seed in 0..4 {
        let network = Network::calm(seed);
        let (ann, kim) = (network.endpoint("Ann"), network.keeper("Kim"));
        let room = create(&ann, meshwork::sync::room()).await.unwrap();
        let kept = kim.join(room.link()).await.unwrap();
        let link = room.link();
        room.document("notes").edit(|text| text.push(TEXT)).await.unwrap();
        room.kept().await.unwrap();
        drop(room);
        ann.close().await;
        // The keeper's links take longer than the newcomers' own.
        let newcomers = [network.endpoint("Bo"), network.endpoint("Eve")];
        newcomers.iter().for_each(|newcomer| network.cut(&kim, newcomer));
        let write = async |newcomer: &Endpoint| {
            let same = newcomer.join(&link).await.unwrap();
            same.in_step().await.unwrap();
            let notes = same.document("notes");
            let mut draft = notes.draft().await.unwrap();
            notes.merge(&mut draft, TEXT).await.unwrap();
            same
        };
        let heal = async {
            network.run(Duration::from_secs(4)).await;
            network.heal();
        };
        let (one, other, ()) = tokio::join!(write(&newcomers[0]), write(&newcomers[1]), heal);
        network.run(Duration::from_secs(30)).await;
        for room in [&one, &other, &kept] {
            assert_eq!(read(room).await, TEXT, "seed {seed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn words_beyond_a_share_hold_nothing_up() {
    let network = Network::new(11);
    let (_people, rooms) = three(&network).await;
    let notes = rooms[0].document("notes");
    let long = "x".repeat(9_000_000);
    let error = notes.edit(|text| text.push(&long)).await.unwrap_err();
    let WriteError::ShareExceeded { size, used: 0, max } = error else { panic!("{error}") };
    assert!(size > 9_000_000 && max == sync::DOCUMENT_BYTES_MAX && error.is_final(), "{error}");
    assert!(error.to_string().contains("0 of 8388608 bytes"), "{error}");
    write(&rooms[0], 0, "one").await;
    all_read(&rooms, 3).await;
    // A program that has a library of its own goes on, too, with the words on its screen.
    let client = yrs::ClientID::new(rooms[0].document("own").client().await.unwrap());
    let open =
        yrs::Doc::with_options(yrs::Options { client_id: client, skip_gc: true, ..yrs::Options::default() });
    let own = rooms[0].document("own");
    own.say(&typed(&open, 0, "two")).await.unwrap();
    let refused = typed(&open, 3, &long);
    assert!(own.say(&refused).await.is_err_and(|error| error.is_final()));
    own.say(&Document::emptied(&refused).unwrap()).await.unwrap();
    own.say(&typed(&open, 1000, " within")).await.unwrap();
    own.say(&typed(&open, 0, "behind ")).await.unwrap();
    rooms[1].document("own").edit(|text| text.push("!")).await.unwrap();
    loop {
        let mut texts = Vec::new();
        for room in &rooms {
            texts.push(room.document("own").text().await.unwrap());
        }
        if texts.iter().all(|text| text.len() == 18 && *text == texts[0]) {
            break assert!(texts[0].starts_with("behind two within"), "{texts:?}");
        }
        crate::tick(Duration::from_millis(20)).await;
    }
    assert!(Document::emptied(&[9]).is_err());
}

#[tokio::test(start_paused = true)]
async fn merges_take_what_fits() {
    let network = Network::new(12);
    let (_people, rooms) = three(&network).await;
    let notes = rooms[0].document("notes");
    write(&rooms[0], 0, "one\ntwo\n").await;
    all_read(&rooms, 8).await;
    let mut draft = notes.draft().await.unwrap();
    let long = "x".repeat(9_000_000);
    let file = format!("one!\n{long}\ntwo\nthree\n");
    let why = notes.merge_what_fits(&mut draft, &file).await.unwrap();
    assert!(matches!(why, Some(WriteError::ShareExceeded { .. })), "{why:?}");
    assert!(
        draft.text().starts_with("one!\n") && draft.text().ends_with("two\nthree\n"),
        "{:?}",
        draft.text()
    );
    // What others write comes to what is left in the file.
    let length = draft.text().chars().count();
    all_read(&rooms, length).await;
    rooms[1].document("notes").edit(|text| text.push("four\n")).await.unwrap();
    let now = all_read(&rooms, length + 5).await;
    assert!(now.ends_with("three\nfour\n"), "{now}");
    let wanted = notes.merged_text(&draft, &file).await.unwrap();
    assert!(wanted == format!("{file}four\n"), "{} letters", wanted.len());
    // Without the long words the rest is taken as it is.
    assert_eq!(notes.merge_what_fits(&mut draft, "one!\ntwo\nthree?\n").await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn line_ends_are_alike_through_the_library() {
    let network = Network::new(13);
    let (_people, rooms) = three(&network).await;
    let notes = rooms[0].document("notes");
    notes.edit(|text| text.push("\u{feff}# Title\r\n\r\nfirst\r")).await.unwrap();
    assert_eq!(read(&rooms[0]).await, "# Title\n\nfirst\n");
    notes.edit(|text| text.set("# Title\r\n\r\nfirst line\r\n")).await.unwrap();
    assert_eq!(read(&rooms[0]).await, "# Title\n\nfirst line\n");
    let mut draft = notes.draft().await.unwrap();
    let same = notes.merge(&mut draft, "\u{feff}# Title\r\n\r\nfirst line\r\n").await.unwrap();
    assert!(same.is_none(), "a file of Windows says the same");
    notes.merge(&mut draft, "# Title\r\n\r\nfirst line\r\nsecond\r\n").await.unwrap();
    assert_eq!(read(&rooms[0]).await, "# Title\n\nfirst line\nsecond\n");
    // What another program wrote with CR LF stays so, and is edited around.
    let other = rooms[0].document("other");
    let open = yrs::Doc::with_options(yrs::Options {
        client_id: yrs::ClientID::new(other.client().await.unwrap()),
        skip_gc: true,
        ..yrs::Options::default()
    });
    other.say(&typed(&open, 0, "one\r\ntwo\r\n")).await.unwrap();
    let mut draft = other.draft().await.unwrap();
    other.merge(&mut draft, "one!\ntwo\nthree\n").await.unwrap();
    assert_eq!(other.text().await.unwrap(), "one!\r\ntwo\nthree\r\n");
}

#[tokio::test(start_paused = true)]
async fn drafts_of_something_else_are_refused() {
    let network = Network::new(12);
    let (_endpoints, rooms) = three(&network).await;
    write(&rooms[0], 0, "one").await;
    let mut draft = rooms[0].document("notes").draft().await.unwrap();
    let other = rooms[0].document("other");
    let refused = other.merge(&mut draft, "two").await;
    assert!(matches!(refused, Err(WriteError::Invalid(_))), "{refused:?}");
    assert_eq!((draft.text(), other.text().await.unwrap().as_str()), ("one", ""));
    assert!(Draft::from_bytes(vec![1, 2, 3]).is_err());
}

#[tokio::test(start_paused = true)]
async fn versions_outlive_who_saved_them() {
    let network = Network::new(13);
    let ([_ann, bo, _kim], rooms) = three(&network).await;
    let keeps = rooms[2].app(sync::APP).await.unwrap();
    let keeper = tokio::spawn(async move { keeps.keep_blobs().await });
    write(&rooms[1], 0, "The ferry leaves at nine.").await;
    let notes = rooms[1].document("notes");
    let saved = notes.save_version("first").await.unwrap();
    saved.kept().await.unwrap();
    notes.edit(|text| text.set("No ferry.")).await.unwrap();
    all_read(&rooms, 9).await;
    bo.close().await;
    let notes = rooms[0].document("notes");
    // Bo heard of the keeper's copy. Ann may hear of it a moment later.
    let mut versions = notes.versions().await.unwrap();
    while versions.first().is_none_or(|version| version.holders() == 0) {
        crate::tick(Duration::from_millis(100)).await;
        versions = notes.versions().await.unwrap();
    }
    let of_first = &versions[0];
    assert_eq!((versions.len(), of_first.label(), of_first.holders()), (1, "first", 1));
    assert_eq!(of_first.text().await.unwrap(), "The ferry leaves at nine.");
    assert_eq!(of_first.delete().await, Err(VersionError::NotMine));
    of_first.restore().await.unwrap();
    let [first, _, third] = rooms;
    let rooms = [first, third];
    all_read(&rooms, 25).await;
    // What its author deletes nobody keeps.
    let mine = notes.save_version("second").await.unwrap();
    mine.kept().await.unwrap();
    let held = async || rooms[1].app(sync::APP).await.unwrap().blobs().list().await.unwrap().len();
    let twin = notes.save_version("twin").await.unwrap();
    twin.kept().await.unwrap();
    assert_eq!(held().await, 2, "the last two say the same, so they are one blob");
    twin.delete().await.unwrap();
    mine.whole().await.unwrap();
    mine.delete().await.unwrap();
    while held().await > 1 {
        crate::tick(Duration::from_millis(100)).await;
    }
    assert_eq!(notes.save_version("").await.unwrap_err(), VersionError::Label(0));
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn images_outlive_who_put_them_there() {
    let network = Network::new(14);
    let ([_ann, bo, _kim], rooms) = three(&network).await;
    let keeps = rooms[2].app(sync::APP).await.unwrap();
    let keeper = tokio::spawn(async move { keeps.keep_blobs().await });
    let bytes = vec![7; 50_000];
    let image = rooms[1].document("notes").put_image(&bytes).await.unwrap();
    let words = format!("![ferry](blob:{})", image.id());
    rooms[1].document("notes").edit(|text| text.set(&words)).await.unwrap();
    all_read(&rooms, words.len()).await;
    let held = async || rooms[2].app(sync::APP).await.unwrap().blobs().list().await.unwrap().len();
    while held().await == 0 {
        crate::tick(Duration::from_millis(100)).await;
    }
    bo.close().await;
    let notes = rooms[0].document("notes");
    assert_eq!(notes.images().await.unwrap(), [image.id()]);
    let fetched = rooms[0].app(sync::APP).await.unwrap().blobs().fetch(image.id()).await.unwrap();
    assert_eq!(fetched.read().await.unwrap(), bytes);
    let much = vec![0; sync::shapes::PICTURE_MAX as usize + 1];
    assert_eq!(notes.put_image(&much).await.unwrap_err(), ImageError::TooLarge(much.len() as u64));
    // With the document its images go.
    notes.delete().await.unwrap();
    while held().await > 0 {
        crate::tick(Duration::from_millis(100)).await;
    }
    assert!(notes.images().await.unwrap().is_empty());
    keeper.abort();
}

#[tokio::test(start_paused = true)]
async fn versions_restore_maps_and_lists() {
    use yrs::{Any, Array as _, Map as _, MapPrelim, Out, ReadTxn as _, WriteTxn as _};
    let network = Network::calm(15);
    let (_endpoints, rooms) = three(&network).await;
    let (board, theirs) = (rooms[0].document("board"), rooms[1].document("board"));
    let card = |name: &str| MapPrelim::from([("name", Any::from(name)), ("done", Any::from(false))]);
    let fill = |writing: &mut yrs::TransactionMut<'_>| {
        let cards = writing.get_or_insert_array("cards");
        for name in ["bread", "milk", "salt"] {
            cards.push_back(writing, card(name));
        }
        writing.get_or_insert_map("size").insert(writing, "columns", 3);
    };
    board.change(fill).await.unwrap();
    let version = board.save_version("first").await.unwrap();
    let spoil = |writing: &mut yrs::TransactionMut<'_>| {
        let cards = writing.get_or_insert_array("cards");
        if let Some(Out::YMap(bread)) = cards.get(writing, 0) {
            bread.insert(writing, "done", true);
        }
        cards.remove_range(writing, 1, 1);
        writing.get_or_insert_map("size").insert(writing, "rows", 9);
    };
    board.change(spoil).await.unwrap();
    // Bo ticks off what Ann's restoring leaves alone, without having heard of it.
    let read = async |board: &Document| {
        let look = |reading: &yrs::Transaction<'_>| {
            let cards = reading.get_array("cards")?;
            let size = reading.get_map("size")?;
            let card = |card: Out| match card {
                Out::YMap(card) => {
                    ["name", "done"].map(|key| card.get(reading, key).unwrap().to_string(reading))
                }
                other => panic!("{other} is no card"),
            };
            Some((cards.iter(reading).map(card).collect::<Vec<_>>(), size.len(reading)))
        };
        board.look(look).await.unwrap()
    };
    while read(&theirs).await.is_none_or(|(_, size)| size != 2) {
        crate::tick(Duration::from_millis(20)).await;
    }
    let salt = |writing: &mut yrs::TransactionMut<'_>| {
        if let Some(Out::YMap(salt)) = writing.get_or_insert_array("cards").get(writing, 1) {
            salt.insert(writing, "done", true);
        }
    };
    let (ticked, restored) = tokio::join!(theirs.change(salt), version.restore());
    assert!(ticked.unwrap().is_some() && restored.unwrap().is_some());
    let card = |name: &str, done: &str| [name.to_owned(), done.to_owned()];
    let wanted = Some((vec![card("bread", "false"), card("milk", "false"), card("salt", "true")], 1));
    while read(&board).await != wanted || read(&theirs).await != wanted {
        crate::tick(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn versions_tell_what_was_changed() {
    let network = Network::calm(16);
    let ([ann, bo, _], rooms) = three(&network).await;
    write(&rooms[0], 0, "The ferry leaves at nine.").await;
    all_read(&rooms, 25).await;
    let first = rooms[0].document("notes").save_version("first").await.unwrap();
    write(&rooms[1], 4, "last ").await;
    all_read(&rooms, 30).await;
    let notes = rooms[0].document("notes");
    let second = notes.save_version("second").await.unwrap();
    notes.edit(|text| text.delete(21..30)).await.unwrap();
    let (ann, bo) = (Some(ann.id().peer), Some(bo.id().peer));
    let told = |pieces: Vec<Piece>| -> Vec<(PieceKind, String, Option<PeerId>)> {
        pieces.into_iter().map(|piece| (piece.kind, piece.text, piece.author)).collect()
    };
    let same = |text: &str| (PieceKind::Same, text.to_owned(), ann);
    let pieces = told(first.compare(&second).await.unwrap());
    let rest = same("ferry leaves at nine.");
    assert_eq!(pieces, [same("The "), (PieceKind::Added, "last ".into(), bo), rest]);
    let pieces = told(second.compare_to_now().await.unwrap());
    let last = (PieceKind::Same, "last ".to_owned(), bo);
    let removed = (PieceKind::Removed, " at nine.".to_owned(), ann);
    assert_eq!(pieces, [same("The "), last, same("ferry leaves"), removed]);
    // What was restored reads the same, though its letters are others.
    second.restore().await.unwrap();
    let pieces = told(second.compare_to_now().await.unwrap());
    assert!(pieces.iter().all(|(kind, ..)| *kind == PieceKind::Same), "{pieces:?}");
}

#[tokio::test(start_paused = true)]
async fn documents_are_renamed_and_deleted() {
    let network = Network::new(14);
    let (_endpoints, rooms) = three(&network).await;
    write(&rooms[0], 0, "one").await;
    rooms[0].document("empty").rename("A plan").await.unwrap();
    rooms[0].document("notes").rename("Minutes").await.unwrap();
    all_read(&rooms, 3).await;
    let app = rooms[1].app(sync::APP).await.unwrap();
    while app.document("notes").title().await.unwrap().as_deref() != Some("Minutes") {
        crate::tick(Duration::from_millis(20)).await;
    }
    assert_eq!(app.documents().await.unwrap(), ["empty", "notes"]);
    app.document("notes").delete().await.unwrap();
    app.document("empty").delete().await.unwrap();
    assert_eq!(all_read(&rooms, 0).await, "");
    assert_eq!(app.documents().await.unwrap(), [""; 0]);
    // Who writes on has it back.
    write(&rooms[0], 0, "two").await;
    all_read(&rooms, 3).await;
    assert_eq!(rooms[2].app(sync::APP).await.unwrap().documents().await.unwrap(), ["notes"]);
}

/// Waits until members that stay hold the last that Bo wrote in each of his places: the document, a value, a counter.
async fn held(room: &Room, by: usize) {
    let (values, counter) = (room.values(), room.counter("visits"));
    loop {
        let places =
            [room.document("notes").holders().await, values.holders("title").await, counter.holders().await];
        if places.iter().all(|holders| holders.as_ref().unwrap().members.len() == by) {
            return;
        }
        crate::tick(Duration::from_millis(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn holders_are_who_stays_and_has_it() {
    let network = Network::calm(11);
    let ([ann, bo, kim], rooms) = three(&network).await;
    let (values, counter) = (rooms[1].values(), rooms[1].counter("visits"));
    let write_all = async |words: &str| {
        write(&rooms[1], 0, words).await;
        values.set("title", words).await.unwrap();
        counter.add(1).await.unwrap();
    };
    write_all("one").await;
    held(&rooms[1], 2).await;
    let holders = values.holders("title").await.unwrap();
    assert_eq!(holders.members, [ann.id(), kim.id()].into());
    assert!(!holders.saved, "Bo has no store");
    network.cut(&bo, &ann);
    network.cut(&bo, &kim);
    network.run(Duration::from_secs(60)).await;
    write_all("two").await;
    held(&rooms[1], 0).await;
    // Another keeper counts too, once it has it; what it hears of by comparison as well as what it is sent.
    network.heal();
    let late = network.keeper("Lou").join(rooms[0].link().to_string()).await.unwrap();
    held(&rooms[1], 3).await;
    network.kill(&kim);
    network.run(Duration::from_secs(30)).await;
    held(&rooms[1], 3).await;
    assert_eq!(late.values().get("title").await.unwrap().unwrap().read::<String>().unwrap(), "two");
}

#[tokio::test(start_paused = true)]
async fn owners_erase_what_somebody_wrote() {
    let network = Network::calm(5);
    let ([ann, bo, _kim], rooms) = three(&network).await;
    write(&rooms[0], 0, "One. Two.").await;
    all_read(&rooms, 9).await;
    write(&rooms[1], 4, " Spam🦉.").await;
    all_read(&rooms, 16).await;
    // What others wrote within stays.
    write(&rooms[2], 8, "[Kim]").await;
    assert_eq!(all_read(&rooms, 21).await, "One. Spa[Kim]m🦉. Two.");
    let refused = rooms[1].document("notes").erase_by(ann.id().peer).await;
    assert!(matches!(refused, Err(RuleError::NotAllowed { .. })), "{refused:?}");
    let notes = rooms[0].document("notes");
    assert!(notes.erase_by(bo.id().peer).await.unwrap());
    assert_eq!(all_read(&rooms, 14).await, "One.[Kim] Two.");
    assert!(!rooms[0].document("other").erase_by(bo.id().peer).await.unwrap());
    // What is written later is not erased, and a newcomer reads the same.
    write(&rooms[1], 0, "Bo🦉: ").await;
    all_read(&rooms, 19).await;
    assert!(notes.erase(2..4).await.unwrap());
    assert!(!notes.erase(40..50).await.unwrap());
    let late = network.endpoint("Lou").join(rooms[0].link().to_string()).await.unwrap();
    let [first, second, third] = rooms;
    assert_eq!(all_read(&[first, second, third, late], 17).await, "Bo One.[Kim] Two.");
}
