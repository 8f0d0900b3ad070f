//! What the library promises wherever it runs: each test is handed the endpoints of three people who can meet.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use meshwork::{
    AppIsOff, Colour, CreateError, Cursor, DatagramError, DirectError, Endpoint, Erase, Event, Heard,
    InviteError, JoinError, Lane, Member, Past, PastStroke, PresenceError, Region, Room, RoomRefusal,
    RuleError, SayError, ServerState, WriteError, Writers, place,
};
use serde::{Deserialize, Serialize};

use crate::guard::create;

const HOUR: Duration = Duration::from_secs(3600);

/// Hands all promises to a macro: among which people each is kept, whether in private rooms too, and its name.
macro_rules! all {
    ($each:ident) => {
        $each!(people_alone: two_texts_link_two_people, newer_invitations_end_older_ones, left_rooms_make_place_at_once);

        $each!(people:
            codes_lead_to_rooms,
            rules_are_set_whole_and_held,
            private_rooms_refuse_who_looks,
            new_links_end_old_ones
        );

        $each!(people in any room:
            people_join_and_leave,
            topics_carry_what_is_said,
            what_is_no_value_is_counted,
            what_is_too_long_is_refused,
            nobody_hears_what_is_for_somebody_else,
            tables_keep_who_wrote_what,
            presence_ends_with_who_says_it,
            canvases_show_what_was_painted,
            canvases_are_turned_on_in_other_rooms,
            receipts_say_when_strokes_are_kept,
            steps_go_back_and_come_again,
            what_others_painted_over_is_theirs,
            a_stroke_that_goes_on_is_one,
            large_steps_go_back_in_parts,
            cells_say_who_painted_them,
            cursors_are_seen_by_others,
            limits_say_what_is_left,
            owners_say_how_long_posts_are_kept,
            neighbours_are_named,
            pasts_have_what_still_shows,
            apps_are_turned_on_by_the_owner,
            owners_rule,
            reach_says_who_was_tried,
            left_rooms_say_so,
            blobs_come_from_whoever_holds_them,
            apps_hold_blobs_of_their_own,
            freed_blobs_are_gone_here_alone,
            larger_blobs_than_wanted_are_refused,
            a_freed_fetch_ends,
            counters_lose_no_step,
            values_remember_who_wrote_them,
            one_key_is_watched_alone,
            apps_count_for_themselves,
            answers_follow_their_questions,
            documents_hold_what_was_said,
            people_talk_in_any_room,
            posts_change_and_go,
            posts_wait_for_who_is_away
        );
    };
}
pub(crate) use all;

#[path = "suite/ages.rs"]
mod ages;
pub(crate) use ages::*;
#[path = "suite/blobs.rs"]
mod blobs;
pub(crate) use blobs::*;
#[path = "suite/chat.rs"]
mod chat;
pub(crate) use chat::*;
#[path = "suite/steps.rs"]
mod steps;
pub(crate) use steps::*;
#[path = "suite/sync.rs"]
mod sync;
pub(crate) use sync::*;
#[path = "suite/tables.rs"]
mod tables;
pub(crate) use tables::*;

/// The endpoints of three people.
pub(crate) struct People {
    pub(crate) ann: Endpoint,
    pub(crate) bo: Endpoint,
    /// Stays in its rooms.
    pub(crate) kim: Endpoint,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Move {
    x: f32,
    y: f32,
}

/// Ann's room and Bo in it.
async fn together(people: &People) -> (Room, Room) {
    let room = create(&people.ann, meshwork::room("votes")).await.unwrap();
    // Who listens only after looking misses whoever came in between.
    let mut events = room.events();
    let same = people.bo.join(room.link()).await.unwrap();
    while room.members().await.unwrap().is_empty() {
        events.next().await.unwrap();
    }
    (room, same)
}

async fn until<T>(mut next: impl AsyncFnMut() -> Option<T>) -> T {
    loop {
        if let Some(found) = next().await {
            return found;
        }
    }
}

pub(crate) async fn people_join_and_leave(people: People) {
    let room = create(&people.ann, meshwork::room("votes").named("Kitchen")).await.unwrap();
    let mut events = room.events();
    let same = people.bo.join(room.link()).await.unwrap();
    let joined = until(async || match events.next().await.unwrap() {
        Event::Joined(member) => Some(member),
        _ => None,
    });
    let joined = joined.await;
    assert_eq!((joined.id(), joined.name()), (people.bo.id(), "Bo"));
    assert_eq!(room.members().await.unwrap().iter().map(Member::id).collect::<Vec<_>>(), [people.bo.id()]);
    assert_eq!(same.name().await.unwrap(), "Kitchen");
    assert_eq!(same.owner().await.unwrap(), Some(people.ann.id().peer));
    assert_eq!(same.opened_with().await.unwrap().as_deref(), Some("votes"));
    assert_eq!((same.id(), same.code()), (room.id(), room.code()));
    drop(same);
    let left = until(async || match events.next().await.unwrap() {
        Event::Left { member, .. } => Some(member.id()),
        _ => None,
    });
    assert_eq!(left.await, people.bo.id());
    assert_eq!(room.members().await.unwrap().len(), 0);
}

pub(crate) async fn codes_lead_to_rooms(people: People) {
    let room = create(&people.ann, meshwork::room("votes")).await.unwrap();
    let code = room.code().unwrap().to_string();
    let same = people.bo.join(code).await.unwrap();
    assert_eq!(same.id(), room.id());
}

pub(crate) async fn topics_carry_what_is_said(people: People) {
    let (room, same) = together(&people).await;
    let (moves, theirs) = (room.topic::<Move>("moves"), same.topic::<Move>("moves"));
    let (here, there) = (Move { x: 1.0, y: 2.0 }, Move { x: -3.5, y: 0.25 });
    moves.say(&here).await.unwrap();
    moves.direct(people.bo.id(), &there).await.unwrap();
    // Nobody listened until now.
    let mut inbox = theirs.listen();
    let mut heard = [inbox.next().await.unwrap(), inbox.next().await.unwrap()];
    heard.sort_by_key(|heard| heard.lane == Lane::Direct);
    let from = people.ann.id();
    assert_eq!(heard[0], Heard { from, value: here.clone(), lane: Lane::Say, missed: 0 });
    assert_eq!(heard[1], Heard { from, value: there.clone(), lane: Lane::Direct, missed: 0 });
    // One may be lost.
    let datagram = async {
        loop {
            moves.datagram(&here).await.unwrap();
            crate::tick(Duration::from_millis(50)).await;
        }
    };
    tokio::select! {
        () = datagram => {}
        heard = inbox.next() => assert_eq!(heard.unwrap().lane, Lane::Datagram),
    }
}

pub(crate) async fn what_is_no_value_is_counted(people: People) {
    let (room, same) = together(&people).await;
    let mut inbox = same.topic::<Move>("moves").listen();
    let bytes = room.topic_bytes("moves");
    bytes.say(&b"no move".to_vec()).await.unwrap();
    bytes.say(&br#"{"x":1,"y":2}"#.to_vec()).await.unwrap();
    let heard = inbox.next().await.unwrap();
    assert_eq!((heard.value, heard.missed), (Move { x: 1.0, y: 2.0 }, 1));
}

pub(crate) async fn what_is_too_long_is_refused(people: People) {
    let (room, _same) = together(&people).await;
    let (bytes, to) = (room.topic_bytes("long"), people.bo.id());
    let long = vec![7; 70_000];
    assert!(matches!(
        bytes.say(&long).await,
        Err(SayError::Write(WriteError::TooLarge { size: 70_000, .. }))
    ));
    assert_eq!(bytes.direct(to, &long).await, Err(DirectError::TooLarge(70_000)));
    assert_eq!(bytes.datagram(&long).await, Err(DatagramError::TooLarge(70_000)));
    let table = room.table("long");
    let error = table.set_bytes("key", &long).await.unwrap_err();
    assert_eq!(error, WriteError::TooLarge { size: 70_000, max: meshwork::VALUE_MAX });
    let error = table.set(&"k".repeat(100), &1).await.unwrap_err();
    assert_eq!(error, WriteError::TooLarge { size: 104, max: meshwork::KEY_MAX });
    let error = room.presence().set(&"p".repeat(2000)).await.unwrap_err();
    assert_eq!(error, meshwork::PresenceError::TooLarge(2002));
}

pub(crate) async fn nobody_hears_what_is_for_somebody_else(people: People) {
    let (room, _same) = together(&people).await;
    let stranger = people.kim.id();
    let questions = room.topic::<u8>("questions");
    assert!(matches!(questions.direct(stranger, &1).await, Err(DirectError::NotSent(_))));
    assert_eq!(questions.datagram_to(stranger, &1).await, Err(DatagramError::NotLinked));
}

pub(crate) async fn presence_ends_with_who_says_it(people: People) {
    let (room, same) = together(&people).await;
    let mut events = room.events();
    same.presence().set(&Move { x: 1.0, y: 1.0 }).await.unwrap();
    let id = people.bo.id();
    until(async || matches!(events.next().await?, Event::Presence(of) if of == id).then_some(())).await;
    assert_eq!(room.presence().of::<Move>(id), Some(Move { x: 1.0, y: 1.0 }));
    assert_eq!(room.presence().of::<Vec<u8>>(id), None, "it is something else");
    same.leave();
    until(async || matches!(events.next().await?, Event::Left { .. }).then_some(())).await;
    until(async || match room.presence().of::<Move>(id) {
        None => Some(()),
        Some(_) => events.next().await.map(|_| ()).filter(|()| false),
    })
    .await;
}

pub(crate) async fn canvases_show_what_was_painted(people: People) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let same = people.kim.join(room.link()).await.unwrap();
    let (canvas, theirs) = (room.canvas(), same.canvas());
    let mut changes = theirs.watch();
    canvas.fill(10..12, 5..6, [200, 30, 30]).await.unwrap();
    let colour = Colour::rgb(200, 30, 30);
    let stroke = changes.next_stroke().await.unwrap();
    assert_eq!(stroke.by.map(|(author, _)| author), Some(people.ann.id()));
    assert_eq!(stroke.cells, [(10, 5, colour), (11, 5, colour)]);
    assert_eq!(theirs.size().await.unwrap(), Some((40, 30)));
    assert_eq!(theirs.get(11, 5).await.unwrap(), Some([200, 30, 30]));
    assert_eq!(theirs.get(0, 0).await.unwrap(), None);
    assert_eq!(theirs.image().await.unwrap().unwrap().painted, 2);
    assert_eq!(theirs.painted().await.unwrap(), 2);
    room.kept().await.unwrap();
    room.in_step().await.unwrap();
    let region = Some(Region { x: 10, y: 5, width: 1, height: 1 });
    assert!(matches!(theirs.erase(Erase { author: None, region }).await, Err(RuleError::NotAllowed { .. })));
    canvas.erase(Erase { author: None, region }).await.unwrap();
    assert_eq!((canvas.get(10, 5).await.unwrap(), canvas.image().await.unwrap().unwrap().painted), (None, 1));
    assert!(matches!(canvas.paint(&[(40, 0, colour)]).await, Err(WriteError::Invalid(_))));
}

pub(crate) async fn receipts_say_when_strokes_are_kept(people: People) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let (canvas, mut events) = (room.canvas(), room.events());
    let first = canvas.fill(0..2, 0..1, [1, 1, 1]).await.unwrap();
    let second = canvas.paint(&[(5, 5, Colour::rgb(9, 9, 9))]).await.unwrap();
    assert_eq!(*second.sequences().start(), first.sequences().end() + 1);
    let _keeper = people.kim.join(room.link()).await.unwrap();
    let told = until(async || match events.next().await.unwrap() {
        Event::Kept { by, sequences, .. } => Some((by, sequences)),
        _ => None,
    });
    let (by, sequences) = told.await;
    assert_eq!(by, people.kim.id());
    assert!(
        sequences
            .iter()
            .all(|sequence| (*first.sequences().start()..=*second.sequences().end()).contains(sequence))
    );
    tokio::try_join!(first.kept(), second.kept()).unwrap();
}

pub(crate) async fn cells_say_who_painted_them(people: People) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    let (canvas, theirs, red) = (room.canvas(), same.canvas(), Colour::rgb(200, 30, 30));
    let mut changes = canvas.watch();
    theirs.fill(1..3, 2..4, [200, 30, 30]).await.unwrap();
    changes.next().await.unwrap();
    canvas.paint(&[(2, 2, Colour::CLEARED)]).await.unwrap();
    let (ann, bo) = (people.ann.id().peer, people.bo.id().peer);
    let cells = canvas.cells([(0, 0), (1, 2), (2, 2), (40, 30)]).await.unwrap();
    let told: Vec<_> = cells.iter().map(|cell| (cell.x, cell.y, cell.colour, cell.author)).collect();
    assert_eq!(told, [(1, 2, red, bo), (2, 2, Colour::CLEARED, ann)]);
    assert!(cells[0].time_ms <= cells[1].time_ms, "what follows is later");
    assert_eq!((canvas.strokes().await.unwrap(), canvas.memory().await.unwrap() > 0), (2, true));
}

/// All strokes of a past: by number, with the cells.
pub(crate) async fn strokes_of(past: &mut Past) -> BTreeMap<u64, Vec<(u16, u16, Colour)>> {
    let mut strokes = BTreeMap::new();
    while let Some(more) = past.next().await.unwrap() {
        let cells =
            |stroke: &PastStroke| stroke.cells.iter().map(|cell| (cell.x, cell.y, cell.colour)).collect();
        strokes.extend(more.iter().map(|stroke| (stroke.sequence, cells(stroke))));
    }
    strokes
}

pub(crate) async fn pasts_have_what_still_shows(people: People) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    let (red, blue) = (Colour::rgb(200, 0, 0), Colour::rgb(0, 0, 200));
    for colour in [red, blue] {
        room.canvas().paint(&[(1, 2, colour)]).await.unwrap();
    }
    let mut changes = same.canvas().watch();
    while same.canvas().get(1, 2).await.unwrap() != blue.components() {
        changes.next().await.unwrap();
    }
    let mut earlier = same.canvas().past().await.unwrap();
    let mut past = same.canvas().past().await.unwrap();
    assert!(strokes_of(&mut earlier).await.is_empty(), "another one was asked for");
    let strokes = strokes_of(&mut past).await;
    assert_eq!(strokes.values().collect::<Vec<_>>(), [&[(1, 2, blue)]]);
    assert_eq!(past.log(), None, "nobody has a history");
}

pub(crate) async fn cursors_are_seen_by_others(people: People) {
    let room = create(&people.ann, place::canvas(40, 30)).await.unwrap();
    let same = people.bo.join(room.link()).await.unwrap();
    let (mut events, id) = (room.events(), people.bo.id());
    let cursor = Cursor { x: 3 * 16, y: 4 * 16, is_drawing: true, colour: Colour::rgb(1, 2, 3) };
    same.canvas().point(Some(cursor)).await.unwrap();
    until(async || matches!(events.next().await?, Event::Presence(of) if of == id).then_some(())).await;
    assert_eq!(room.canvas().cursor(id).await.unwrap(), Some(cursor));
    let outside = Cursor { x: 40 * 16, ..cursor };
    assert!(matches!(same.canvas().point(Some(outside)).await, Err(PresenceError::Value(_))));
    same.canvas().point(None).await.unwrap();
    until(async || match room.canvas().cursor(id).await.unwrap() {
        None => Some(()),
        Some(_) => events.next().await.map(|_| None).unwrap(),
    })
    .await;
}

pub(crate) async fn limits_say_what_is_left(people: People) {
    let (room, same) = together(&people).await;
    let (mine, votes) = (room.app("votes").await.unwrap(), same.app("votes").await.unwrap());
    assert_eq!(same.rules().left_of(&votes).await, Ok(None));
    let mut events = same.events();
    room.rules().limit(&mine, 1000, HOUR).await.unwrap();
    let left = until(async || match same.rules().left_of(&votes).await.unwrap() {
        None => events.next().await.map(|_| None).unwrap(),
        left => left,
    });
    let left = left.await;
    assert_eq!((left.left, left.cost, left.window), (1000, 1000, HOUR));
    assert!(left.wait <= HOUR, "{left:?}");
    room.rules().set_writers(Vec::new()).await.unwrap();
    let error = until(async || match same.rules().left_of(&votes).await {
        Ok(_) => events.next().await.map(|_| None).unwrap(),
        Err(error) => Some(error),
    });
    assert_eq!(error.await, WriteError::NotWriter);
}

pub(crate) async fn neighbours_are_named(people: People) {
    let (room, same) = together(&people).await;
    let (ours, theirs) = (room.neighbourhood().await.unwrap(), same.neighbourhood().await.unwrap());
    assert_eq!((ours.neighbours, ours.beyond), (vec![people.bo.id()], 0));
    assert_eq!(theirs.neighbours, [people.ann.id()]);
}

pub(crate) async fn apps_are_turned_on_by_the_owner(people: People) {
    let (room, same) = together(&people).await;
    assert_eq!(same.app("chess").await.unwrap_err(), AppIsOff("chess".into()));
    let error = same.turn_on("chess").await.unwrap_err();
    assert!(matches!(error, meshwork::RuleError::NotAllowed { .. }), "{error}");
    let mut events = same.events();
    let chess = room.turn_on("chess").await.unwrap();
    chess.table("board").set("e4", "pawn").await.unwrap();
    let theirs = until(async || match same.app("chess").await {
        Ok(app) => Some(app),
        Err(_) => events.next().await.map(|_| None).unwrap(),
    });
    let theirs = theirs.await.table("board");
    let mut changes = theirs.watch("");
    let entry = until(async || match theirs.get("e4").await.unwrap() {
        Some(entry) => Some(entry),
        None => changes.next().await.map(|_| None).unwrap(),
    });
    assert_eq!(entry.await.read::<String>().unwrap(), "pawn");
    assert!(room.table("board").entries("").await.unwrap().is_empty(), "each app has tables of its own");
}

pub(crate) async fn owners_rule(people: People) {
    let (room, same) = together(&people).await;
    let bo = people.bo.id().peer;
    let mut events = same.events();
    let theirs = same.table("votes");
    theirs.set("early", &1).await.unwrap();
    room.rules().ban(bo).await.unwrap();
    until(async || matches!(events.next().await?, Event::RulesChanged).then_some(())).await;
    assert_eq!(theirs.set("late", &1).await, Err(WriteError::Banned));
    assert_eq!(room.rules().banned().await.unwrap(), [bo]);
    let error = same.rules().unban(bo).await.unwrap_err();
    assert!(matches!(error, meshwork::RuleError::NotAllowed { .. }), "{error}");
    room.rules().unban(bo).await.unwrap();
    assert_eq!(room.rules().unban(bo).await, Err(meshwork::RuleError::NotBanned));
    let votes = room.app("votes").await.unwrap();
    room.rules().limit(&votes, 1, HOUR).await.unwrap();
    assert_eq!(room.rules().limit_of(&votes).await.unwrap(), Some((1, HOUR)));
    until(async || match same.rules().limit_of(&votes).await.unwrap() {
        Some(_) => Some(()),
        None => events.next().await.map(|_| None).unwrap(),
    })
    .await;
    let error = until(async || theirs.set("fast", &1).await.err()).await;
    assert!(matches!(error, WriteError::TooFast { left: 1, cost: 1, wait, .. } if wait <= HOUR), "{error}");
}

pub(crate) async fn rules_are_set_whole_and_held(people: People) {
    let (room, same) = together(&people).await;
    let keeper = people.kim.join(room.link()).await.unwrap();
    room.somebody_stays().await.unwrap();
    let mut terms = room.rules().terms().await.unwrap().unwrap();
    assert_eq!(terms, meshwork::Terms::default());
    terms.name = "Kitchen".into();
    terms.limit = Some((5, Duration::from_secs(60)));
    terms.writers = Writers::Listed(vec![people.kim.id().peer]);
    terms.overlay = "k-gossip:5".parse().unwrap();
    room.rules().set(terms.clone()).await.unwrap();
    assert_eq!(room.rules().held().await.unwrap(), 1, "Kim alone stays");
    assert_eq!(keeper.rules().terms().await.unwrap().unwrap(), terms);
    let mut events = same.events();
    until(async || match same.rules().terms().await.unwrap().unwrap() == terms {
        true => Some(()),
        false => events.next().await.map(|_| None).unwrap(),
    })
    .await;
    assert_eq!(same.table("votes").set("ferry", &1).await, Err(WriteError::NotWriter));
    let error = same.rules().set(terms.clone()).await.unwrap_err();
    assert!(matches!(error, meshwork::RuleError::NotAllowed { .. }), "{error}");
    terms.name = "x".repeat(65);
    let error = room.rules().set(terms.clone()).await.unwrap_err();
    assert!(matches!(&error, meshwork::RuleError::Invalid(words) if words.contains("name")), "{error}");
    (terms.name, terms.writers) = (String::new(), Writers::EditLink);
    let error = room.rules().set(terms).await.unwrap_err();
    assert!(matches!(error, meshwork::RuleError::Invalid(_)), "no link to edit was made");
}

pub(crate) async fn reach_says_who_was_tried(people: People) {
    let (room, _same) = together(&people).await;
    let reach = room.reach().await.unwrap();
    assert_eq!(reach.tried.iter().map(Member::id).collect::<Vec<_>>(), [people.bo.id()]);
    assert!(matches!(&reach.servers[..], [(_, ServerState::Connected)]), "{reach:?}");
    assert_eq!((reach.is_unknown, reach.servers), (false, people.ann.servers()));
    let link = room.link().to_string();
    let server = link.split("/votes").next().unwrap();
    let nowhere = people.ann.look_for(format!("{server}/votes/222222")).await.unwrap();
    // The server may have said so before anybody listened, and has when others listen.
    for mut events in [nowhere.events(), nowhere.events()] {
        while !matches!(events.next().await, Some(Event::Unknown)) {}
    }
    assert!(nowhere.reach().await.unwrap().is_unknown);
    assert!(matches!(nowhere.events().next().await, Some(Event::Unknown)));
}

pub(crate) async fn private_rooms_refuse_who_looks(people: People) {
    let room = people.ann.create(meshwork::room("votes").private()).await.unwrap();
    let link = room.link().to_string();
    let looked = people.bo.look_for(link.rsplit_once('.').unwrap().0).await.unwrap();
    assert_eq!(looked.refused().await, RoomRefusal::SecretMissing);
    assert!(matches!(looked.events().next().await, Some(Event::Refused(RoomRefusal::SecretMissing))));
    assert!(matches!(looked.opened().await, Err(JoinError::WrongSecret)));
    people.bo.look_for(&link).await.unwrap().opened().await.unwrap();
}

pub(crate) async fn new_links_end_old_ones(people: People) {
    let room = people.ann.create(meshwork::room("votes").private()).await.unwrap();
    let old = room.link().to_string();
    people.bo.join(&old).await.unwrap().leave();
    let new = room.rules().new_link(Vec::new()).await.unwrap();
    assert_ne!(new.to_string(), old);
    assert!(matches!(people.bo.join(&old).await, Err(JoinError::WrongSecret)), "the old link is dead");
    people.bo.join(new.to_string()).await.unwrap();
}

pub(crate) async fn two_texts_link_two_people(people: People) {
    let room = people.ann.create(meshwork::room("votes").private()).await.unwrap();
    room.table("votes").set("headline", "Ferry or train?").await.unwrap();
    let (link, mut events) = (room.link().to_string(), room.events());
    assert_eq!(room.code(), None, "no server knows it: {link}");
    let invitation = room.invite().await.unwrap();
    assert!(matches!(people.bo.answer(&link, "hello").await, Err(InviteError::NotWhole)));
    let other = people.ann.create(meshwork::room("votes").private()).await.unwrap().link().to_string();
    assert!(matches!(people.bo.answer(&other, &invitation).await, Err(InviteError::OtherRoom)));
    let (answer, same) = people.bo.answer(&link, &invitation).await.unwrap();
    assert!(matches!(same.accept(&answer).await, Err(InviteError::Expired)), "it is for somebody else");
    assert!(matches!(room.accept(&invitation).await, Err(InviteError::NotWhole)), "it is no answer");
    assert!(matches!(people.ann.answer(&link, &invitation).await, Err(InviteError::Own)));
    let (member, joined) = tokio::join!(room.accept(&answer), same.joined());
    joined.unwrap();
    assert_eq!(member.unwrap().id(), people.bo.id());
    until(async || matches!(events.next().await?, Event::Joined(_)).then_some(())).await;
    let (votes, mut changes) = (same.table("votes"), same.table("votes").watch(""));
    let headline = until(async || match votes.get("headline").await.unwrap() {
        Some(entry) => Some(entry),
        None => changes.next().await.map(|_| None).unwrap(),
    });
    assert_eq!(headline.await.read::<String>().unwrap(), "Ferry or train?");
    assert!(matches!(room.accept(&answer).await, Err(InviteError::Expired | InviteError::Linked)));
}

pub(crate) async fn newer_invitations_end_older_ones(people: People) {
    let room = create(&people.ann, meshwork::room("votes")).await.unwrap();
    let older = room.invite().await.unwrap();
    let newer = room.invite().await.unwrap();
    let link = room.link().to_string();
    let (answer, _same) = people.bo.answer(&link, &older).await.unwrap();
    assert!(matches!(room.accept(&answer).await, Err(InviteError::Expired)));
    let (answer, _same) = people.kim.answer(&link, &newer).await.unwrap();
    room.accept(&answer).await.unwrap();
}

pub(crate) async fn left_rooms_make_place_at_once(people: People) {
    let mut rooms = Vec::new();
    let most = loop {
        match people.ann.create(meshwork::room("votes")).await {
            Ok(room) => rooms.push(room),
            Err(CreateError::TooManyRooms(most)) => break most,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(rooms.len(), most);
    // More than a driver takes at once, and than a task may poll in its turn.
    for asked in [0, 1, 200].repeat(5) {
        let (left, other) = (rooms.pop().unwrap(), rooms[0].clone());
        let mut answers: Vec<_> = (0..asked).map(|_| Box::pin(other.members())).collect();
        let mut ask = |context: &mut Context<'_>| {
            answers.retain_mut(|answer| answer.as_mut().poll(context).is_pending());
            if answers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
        };
        poll_fn(|context| {
            let _ = ask(context);
            Poll::Ready(())
        })
        .await;
        left.leave();
        let (created, ()) = tokio::join!(people.ann.create(meshwork::room("votes")), poll_fn(ask));
        rooms.push(created.unwrap());
    }
}

pub(crate) async fn left_rooms_say_so(people: People) {
    let (room, same) = together(&people).await;
    let mut events = room.events();
    let mut inbox = room.topic::<u8>("questions").listen();
    let clone = room.clone();
    room.leave();
    while events.next().await.is_some() {}
    assert_eq!(inbox.next().await, None);
    let error = clone.table("votes").set("late", &1).await.unwrap_err();
    assert_eq!(error, WriteError::Closed(meshwork::Closed));
    people.bo.close().await;
    assert_eq!(same.members().await.unwrap_err(), meshwork::Closed);
    assert!(matches!(people.bo.create(meshwork::room("votes")).await, Err(meshwork::CreateError::Closed(_))));
}
