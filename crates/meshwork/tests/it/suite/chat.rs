//! Promises of the library about posts.

use meshwork::chat::{self, Change, ChatChanges, Post, PostId, PostKey};
use meshwork::{AppIsOff, WriteError};

use super::{People, together};

/// The next change that is about this post.
async fn next(changes: &mut ChatChanges, id: PostId) -> Change {
    loop {
        let change = changes.next().await.unwrap();
        let about = match &change {
            Change::Posted(post) | Change::Edited(post) | Change::Reacted(post) => post.id,
            Change::Removed(key) => key.id,
            _ => panic!("{change:?}"),
        };
        if about == id {
            return change;
        }
    }
}

fn texts(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| &*post.text).collect()
}

pub(crate) async fn people_talk_in_any_room(people: People) {
    let (room, same) = together(&people).await;
    let (mine, theirs) = (room.chat(), same.chat());
    let (mut heard, mut answers) = (theirs.watch(), mine.watch());
    let (ferry, _) = mine.post("Ferry leaves at 9:40.").await.unwrap();
    let Change::Posted(post) = next(&mut heard, ferry).await else { panic!("it is new") };
    assert_eq!((&*post.text, post.author, post.re), ("Ferry leaves at 9:40.", people.ann.id().peer, None));
    let blob = theirs.blobs().offer_bytes(b"a picture").await.unwrap();
    let (pier, _) = theirs.write("From pier 2.").reply(&post).blob(&blob, "pier.png").send().await.unwrap();
    let Change::Posted(answer) = next(&mut answers, pier).await else { panic!("it is new") };
    assert_eq!((answer.re, &*answer.files[0].name, answer.files[0].size), (Some(post.key()), "pier.png", 9));
    let bytes = mine.blobs().fetch(answer.files[0].blob).await.unwrap().read().await.unwrap();
    assert_eq!(&*bytes, b"a picture");
    assert_eq!(texts(&mine.newest(None, 1).await.unwrap()), ["From pier 2."]);
    assert_eq!(texts(&mine.newest(Some(&answer), 9).await.unwrap()), ["Ferry leaves at 9:40."]);
    assert_eq!(texts(&mine.after(&post, 9).await.unwrap()), ["From pier 2."]);
    assert_eq!(mine.around(post.at.as_millis(), 9).await.unwrap().len(), 2);
    let mut found = mine.search("PIER");
    assert_eq!(found.next().await.unwrap().map(|post| post.id), Some(pier));
    assert_eq!(found.next().await.unwrap(), None);
}

pub(crate) async fn posts_change_and_go(people: People) {
    let (room, same) = together(&people).await;
    let (mine, theirs) = (room.chat(), same.chat());
    let mut heard = theirs.watch();
    let (id, _) = mine.post("one").await.unwrap();
    next(&mut heard, id).await;
    mine.edit(id, "two").await.unwrap();
    let Change::Edited(post) = next(&mut heard, id).await else { panic!("it was there") };
    assert_eq!((&*post.text, post.is_edited), ("two", true));
    assert!(matches!(theirs.edit(id, "mine").await, Err(WriteError::Invalid(_))));
    assert!(matches!(theirs.react(id, &["👍👍"]).await, Err(WriteError::Invalid(_))));
    let mut answers = mine.watch();
    theirs.react(id, &["👍"]).await.unwrap();
    let Change::Reacted(post) = next(&mut answers, id).await else { panic!("only that") };
    assert_eq!((&*post.reactions[0].emoji, &*post.reactions[0].by), ("👍", &[people.bo.id().peer][..]));
    assert!(matches!(next(&mut heard, id).await, Change::Reacted(_)), "one's own changes are told too");
    mine.hide(id).await.unwrap();
    let gone = Change::Removed(PostKey { id, author: people.ann.id().peer });
    assert_eq!(next(&mut heard, id).await, gone);
    mine.show(id).await.unwrap();
    assert!(matches!(next(&mut heard, id).await, Change::Posted(_)));
    mine.remove(id).await.unwrap();
    assert_eq!(next(&mut heard, id).await, gone);
    assert_eq!((theirs.get(id).await.unwrap(), theirs.all().await.unwrap().len()), (None, 0));
}

pub(crate) async fn posts_wait_for_who_is_away(people: People) {
    let room = people.ann.create(chat::room().private()).await.unwrap();
    assert_eq!(room.opened_with().await.unwrap().as_deref(), Some(chat::APP));
    assert!(matches!(room.app("sync").await, Err(AppIsOff(_))));
    let keeper = people.kim.join(room.link()).await.unwrap();
    let (id, receipt) = room.chat().post("See you.").await.unwrap();
    receipt.kept().await.unwrap();
    let link = room.link();
    drop(room);
    let late = people.bo.join(link).await.unwrap();
    let mut changes = late.chat().watch();
    while late.chat().get(id).await.unwrap().is_none() {
        changes.next().await.unwrap();
    }
    assert_eq!(texts(&late.chat().all().await.unwrap()), ["See you."]);
    drop(keeper);
}
