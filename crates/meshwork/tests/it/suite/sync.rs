//! What the library promises of counters, values and documents.

use meshwork::{
    Change, Colour, Cursor, DocumentChange, Erase, Event, PeerId, SayError, WriteError, place, sync,
};

use super::{People, together, until};
use crate::guard::create;

pub(crate) async fn counters_lose_no_step(people: People) {
    let (room, same) = together(&people).await;
    let (likes, theirs) = (room.counter("likes"), same.counter("likes"));
    let (mut changes, mut heard) = (likes.watch(), Vec::new());
    let (ann, bo) = (people.ann.id().peer, people.bo.id().peer);
    likes.add(5).await.unwrap();
    likes.add(-2).await.unwrap();
    theirs.add(8).await.unwrap();
    while heard.iter().map(|(_, by)| by).sum::<i64>() != 11 {
        let change = changes.next().await.unwrap();
        assert!(change.time_ms.is_some());
        heard.push((change.author, change.by));
    }
    assert_eq!(heard.iter().filter(|(author, _)| *author == ann).map(|(_, by)| by).sum::<i64>(), 3);
    assert_eq!(heard.iter().filter(|(author, _)| *author == bo).map(|(_, by)| by).sum::<i64>(), 8);
    assert_eq!(likes.value().await.unwrap(), 11);
    room.counter("votes/ferry").add(1).await.unwrap();
    let app = room.app("votes").await.unwrap();
    let expected = [("likes", 11), ("votes/ferry", 1)].map(|(name, at)| (name.to_owned(), at));
    assert_eq!(app.counters("").await.unwrap(), expected);
    assert_eq!(app.counters("votes/").await.unwrap(), expected[1..]);
    let long = "x".repeat(sync::NAME_MAX + 1);
    let error = WriteError::TooLarge { size: sync::NAME_MAX + 1, max: sync::NAME_MAX };
    assert_eq!(room.counter(&long).add(1).await, Err(error));
    likes.add(i64::MAX - 3).await.unwrap();
    assert!(matches!(likes.add(1).await, Err(WriteError::Invalid(_))));
}

/// A change of text: key, before, after and who did it.
fn told(change: &Change) -> (String, Option<String>, Option<String>, Option<PeerId>) {
    let text = |entry: &Option<meshwork::Entry>| entry.as_ref().map(|entry| entry.read().unwrap());
    assert_eq!(change.author.is_some(), change.time_ms.is_some());
    if let Some(after) = &change.after {
        assert_eq!((Some(after.author()), Some(after.time_ms())), (change.author, change.time_ms));
    }
    (change.key.clone(), text(&change.before), text(&change.after), change.author)
}

pub(crate) async fn values_remember_who_wrote_them(people: People) {
    let (room, same) = together(&people).await;
    let (values, theirs) = (room.values(), same.values());
    values.set("room/title", "one").await.unwrap();
    let mut changes = theirs.watch("room/").await.unwrap();
    while theirs.get("room/title").await.unwrap().is_none() {
        changes.next().await.unwrap();
    }
    let mut changes = values.watch("room/").await.unwrap();
    theirs.set("elsewhere", "unheard").await.unwrap();
    theirs.set("room/title", "two").await.unwrap();
    theirs.set("room/note", "new").await.unwrap();
    theirs.delete("room/title").await.unwrap();
    let mut heard = Vec::new();
    while heard.len() < 3 {
        heard.push(told(&changes.next().await.unwrap()));
    }
    let bo = Some(people.bo.id().peer);
    let some = |text: &str| Some(text.to_owned());
    heard.sort();
    let title = String::from("room/title");
    let mut expected = vec![
        (String::from("room/note"), None, some("new"), bo),
        (title.clone(), some("one"), some("two"), bo),
        (title, some("two"), None, bo),
    ];
    expected.sort();
    assert_eq!(heard, expected);
    assert!(values.get("room/title").await.unwrap().is_none());
    let keys = |entries: Vec<meshwork::Entry>| entries.iter().map(|e| e.key().to_owned()).collect::<Vec<_>>();
    assert_eq!(keys(values.entries("room/").await.unwrap()), ["room/note"]);
    let past = values.history("room/title").await.unwrap();
    let past: Vec<_> = past.iter().map(|entry| (entry.read::<String>().ok(), Some(entry.author()))).collect();
    assert_eq!(past, [(None, bo), (some("two"), bo), (some("one"), Some(people.ann.id().peer))]);
    for unread in [f64::NAN, f64::INFINITY] {
        let error = values.set("number", &[unread]).await.unwrap_err();
        assert!(
            matches!(&error, WriteError::Invalid(words) if words.contains("no number in JSON")),
            "{error}"
        );
        assert!(room.table("plan").set("number", &unread).await.is_err());
        assert!(matches!(room.topic::<f64>("ping").say(&unread).await, Err(SayError::Value(_))));
    }
    let exact = 0.942_450_283_777_050_3_f64;
    values.set("exact", &exact).await.unwrap();
    let read: f64 = values.get("exact").await.unwrap().unwrap().read().unwrap();
    assert_eq!(read.to_bits(), exact.to_bits());
    let error = values.set("long", &"x".repeat(meshwork::VALUE_MAX)).await.unwrap_err();
    assert_eq!(error, WriteError::TooLarge { size: meshwork::VALUE_MAX + 2, max: meshwork::VALUE_MAX });
}

pub(crate) async fn one_key_is_watched_alone(people: People) {
    let (room, same) = together(&people).await;
    let (values, table) = (room.values(), room.table("plan"));
    let mut heard = same.values().watch_key("title").await.unwrap();
    values.set("title", "one").await.unwrap();
    // Bo's clock may be behind Ann's: it is ahead of what Bo has heard.
    heard.next().await.unwrap();
    let mut changes = values.watch_key("title").await.unwrap();
    let mut rows = table.watch_key("title");
    for key in ["title2", "titl", "title"] {
        same.values().set(key, "two").await.unwrap();
        same.table("plan").set(key, "two").await.unwrap();
    }
    let bo = Some(people.bo.id().peer);
    let some = |text: &str| Some(text.to_owned());
    let told_of = |before| (String::from("title"), before, some("two"), bo);
    assert_eq!(told(&changes.next().await.unwrap()), told_of(some("one")));
    assert_eq!(told(&rows.next().await.unwrap()), told_of(None));
    same.table("plan").row("title").set("size", "big").await.unwrap();
    assert_eq!(rows.next().await.unwrap().field, "size", "a row's fields are the key's");
}

pub(crate) async fn apps_count_for_themselves(people: People) {
    let (room, same) = together(&people).await;
    let sync = room.turn_on(sync::APP).await.unwrap();
    sync.counter("likes").add(1).await.unwrap();
    assert_eq!(room.counter("likes").value().await.unwrap(), 0);
    // A table may be called what it wants to: nothing of it is a counter or a value.
    room.table("c").set("likes", &1).await.unwrap();
    room.table("v").set("likes", &1).await.unwrap();
    assert_eq!(room.app("votes").await.unwrap().counters("").await.unwrap(), []);
    assert!(room.values().entries("").await.unwrap().is_empty());
    assert!(same.values().get("likes").await.unwrap().is_none());
}

pub(crate) async fn canvases_are_turned_on_in_other_rooms(people: People) {
    let room = create(&people.ann, sync::room()).await.unwrap();
    let same = people.kim.join(room.link()).await.unwrap();
    let (canvas, theirs) = (room.canvas(), same.canvas());
    let colour = Colour::rgb(200, 30, 30);
    assert_eq!(canvas.size().await.unwrap(), None);
    assert!(matches!(canvas.paint(&[(1, 1, colour)]).await, Err(WriteError::AppIsOff)));
    let mut changes = theirs.watch();
    room.turn_on(place::canvas(40, 30)).await.unwrap();
    room.counter("likes").add(1).await.unwrap();
    canvas.fill(10..12, 5..6, [200, 30, 30]).await.unwrap();
    assert_eq!(changes.next().await.unwrap(), [(10, 5, colour), (11, 5, colour)]);
    assert_eq!(theirs.size().await.unwrap(), Some((40, 30)));
    assert_eq!(theirs.painted().await.unwrap(), 2);
    // It may be asked for again as anything: it stays as it is.
    room.turn_on(place::APP).await.unwrap();
    assert_eq!(canvas.size().await.unwrap(), Some((40, 30)));
    let mut events = room.events();
    let cursor = Cursor { x: 48, y: 48, is_drawing: false, colour };
    theirs.point(Some(cursor)).await.unwrap();
    let id = people.kim.id();
    until(async || matches!(events.next().await?, Event::Presence(of) if of == id).then_some(())).await;
    assert_eq!(canvas.cursor(id).await.unwrap(), Some(cursor));
    room.in_step().await.unwrap();
    canvas.erase(Erase { author: None, region: None }).await.unwrap();
    assert_eq!(canvas.painted().await.unwrap(), 0);
    assert_eq!(room.counter("likes").value().await.unwrap(), 1, "what stands beside it stays");
    assert!(canvas.undo().await.unwrap().is_some(), "what is painted again shows again");
}

pub(crate) async fn answers_follow_their_questions(people: People) {
    let (room, same) = together(&people).await;
    let late = people.kim.join(room.link().to_string()).await.unwrap();
    while late.members().await.unwrap().len() < 2 || same.members().await.unwrap().len() < 2 {
        crate::tick(std::time::Duration::from_millis(20)).await;
    }
    let [mut ann, mut bo, mut kim] =
        [&room, &same, &late].map(|room| room.topic::<String>("questions").causal());
    ann.say(&"When?".into()).await.unwrap();
    let question = bo.next().await.unwrap();
    assert_eq!((question.from, &*question.value, question.missed), (people.ann.id(), "When?", 0));
    let speaker = bo.speaker();
    let (said, answer) = tokio::join!(
        async {
            for number in 0..20 {
                speaker.say(&format!("At {number}.")).await.unwrap();
            }
        },
        ann.next()
    );
    assert_eq!((said, answer.unwrap().value), ((), "At 0.".to_owned()));
    let mut heard = Vec::new();
    for _ in 0..21 {
        heard.push(kim.next().await.unwrap().value);
    }
    let answers = (0..20).map(|number| format!("At {number}."));
    assert_eq!(heard, std::iter::once("When?".to_owned()).chain(answers).collect::<Vec<_>>());
    // What is no value of the topic is told as missed.
    let bytes = same.topic_bytes("questions");
    bytes.say(&vec![0xff; 3]).await.unwrap();
    speaker.say(&"Later.".into()).await.unwrap();
    let last = kim.next().await.unwrap();
    assert_eq!((&*last.value, last.missed), ("Later.", 1));
}

/// The client 0 writes "Hi" at the beginning of "text".
const HI: &[u8] = b"\x01\x01\x00\x00\x04\x01\x04text\x02Hi\x00";

pub(crate) async fn documents_hold_what_was_said(people: People) {
    let (room, same) = together(&people).await;
    let (notes, theirs) = (room.document("notes"), same.document("notes"));
    let mut changes = theirs.watch();
    assert_eq!(notes.whole().await.unwrap(), b"\0\0");
    // Whoever seeds a document, it stands there once.
    notes.seed(HI).await.unwrap();
    let DocumentChange::Said { author, update } = changes.next().await.unwrap() else {
        panic!("it is added")
    };
    assert_eq!(author, Some(people.ann.id().peer));
    theirs.seed(HI).await.unwrap();
    assert_eq!(
        (theirs.whole().await.unwrap(), update),
        (notes.whole().await.unwrap(), notes.whole().await.unwrap())
    );
    assert_eq!(room.app("votes").await.unwrap().documents().await.unwrap(), ["notes"]);
    // Nobody writes under another's number, and nothing that cannot be read is written.
    assert_ne!(notes.client().await.unwrap(), theirs.client().await.unwrap());
    for wrong in [HI, b"", b"\0\0", b"\x01\x01\x00\x00\x00\x01\x00"] {
        assert!(matches!(theirs.say(wrong).await, Err(WriteError::Invalid(_))), "{wrong:x?}");
    }
    let long = "x".repeat(sync::DOCUMENT_NAME_MAX + 1);
    let error = WriteError::TooLarge { size: sync::DOCUMENT_NAME_MAX + 1, max: sync::DOCUMENT_NAME_MAX };
    assert_eq!(room.document(&long).say(b"\0\x01\x05\x01\0\x01").await.unwrap_err(), error);
}
