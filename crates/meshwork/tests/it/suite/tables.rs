//! What the library promises of tables.

use std::collections::BTreeSet;

use meshwork::{Table, WriteError};

use super::{People, together, until};

pub(crate) async fn tables_keep_who_wrote_what(people: People) {
    let (room, same) = together(&people).await;
    let (votes, theirs) = (room.table("votes"), same.table("votes"));
    let mut changes = theirs.watch("");
    votes.set("headline", "Ferry or train?").await.unwrap();
    let change = changes.next().await.unwrap();
    assert_eq!((&*change.key, change.before.is_none()), ("headline", true));
    let entry = change.after.unwrap();
    assert_eq!(entry.read::<String>().unwrap(), "Ferry or train?");
    assert_eq!(entry.author(), people.ann.id().peer);

    votes.mine().set("vote", "ferry").await.unwrap();
    let mut hers = theirs.of(people.ann.id().peer).watch("v");
    votes.mine().set("vote", "train").await.unwrap();
    let read = async |table: &Table| Some(table.get("vote").await.unwrap()?.read::<String>().unwrap());
    until(async || {
        let train = read(&theirs.of(people.ann.id().peer)).await.as_deref() == Some("train");
        if train {
            return Some(());
        }
        hers.next().await.map(|_| ()).filter(|()| false)
    })
    .await;
    assert_eq!(read(&theirs).await, None, "hers and everybody's do not collide");
    let error = theirs.of(people.ann.id().peer).set("vote", "ferry").await.unwrap_err();
    assert!(matches!(error, WriteError::NotAllowed { .. }), "{error}");

    let mut each = votes.watch_each("");
    theirs.mine().set("vote", "ferry").await.unwrap();
    assert_eq!(each.next().await.unwrap().after.unwrap().author(), people.bo.id().peer);
    let all = votes.entries_of_each("vote").await.unwrap();
    assert_eq!(all.iter().map(|vote| vote.read::<String>().unwrap()).collect::<BTreeSet<_>>().len(), 2);

    theirs.row("ferry").set("seats", &40).await.unwrap();
    theirs.set("headline", "Train").await.unwrap();
    assert_eq!(theirs.row("ferry").get("seats").await.unwrap().unwrap().read::<u8>().unwrap(), 40);
    assert_eq!(theirs.entries("").await.unwrap().len(), 1, "fields of rows are no keys");
    let mut changes = theirs.watch("headline");
    theirs.remove("headline").await.unwrap();
    assert!(theirs.entries("").await.unwrap().is_empty());
    let removed = until(async || changes.next().await.filter(|change| change.after.is_none())).await;
    assert_eq!(removed.author, Some(people.bo.id().peer), "who removed it is told");
    assert!(removed.time_ms >= removed.before.map(|before| before.time_ms()));
}
