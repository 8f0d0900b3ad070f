//! Votes on a network in virtual time.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use example_vote::{APP, Cast, Vote, Votes, make, room};
use meshwork::testing::Network;
use meshwork::{Endpoint, Room, WriteError};
use meshwork_core::table::{Write, Writer, payloads};

/// Time in which a vote reaches everybody.
const SOON: Duration = Duration::from_secs(5);

fn network() -> Network {
    let network = Network::calm(7);
    network.app(APP, make);
    network
}

async fn opened(ann: &Endpoint) -> (Room, Vote) {
    let room = ann.create(room(&["ferry", "train", "walk"])).await.unwrap();
    let vote = Vote::of(&room).await.unwrap();
    (room, vote)
}

async fn joined(endpoint: &Endpoint, room: &Room) -> Vote {
    Vote::of(&endpoint.join(room.link()).await.unwrap()).await.unwrap()
}

/// The votes for ferry, train and walking.
async fn counts(vote: &Vote) -> [usize; 3] {
    let tally = vote.tally().await.unwrap();
    ["ferry", "train", "walk"].map(|choice| tally[choice])
}

#[tokio::test(start_paused = true)]
async fn last_choice_of_each_peer_counts() {
    let network = network();
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let phone = network.device(&bo, "Bo's phone");
    let (room, vote) = opened(&ann).await;
    let (theirs, on_phone) = (joined(&bo, &room).await, joined(&phone, &room).await);
    assert_eq!(theirs.choices().await.unwrap(), ["ferry", "train", "walk"]);
    let mut casts = vote.watch();
    theirs.cast(Some("ferry")).await.unwrap();
    assert_eq!(casts.next().await, Some(Cast { peer: bo.id().peer, choice: Some("ferry".to_owned()) }));
    vote.cast(Some("walk")).await.unwrap();
    network.run(SOON).await;
    on_phone.cast(Some("train")).await.unwrap();
    network.run(SOON).await;
    for vote in [&vote, &theirs, &on_phone] {
        assert_eq!(counts(vote).await, [0, 1, 1], "two devices of one person have one vote");
    }
    vote.cast(None).await.unwrap();
    network.run(SOON).await;
    assert_eq!(counts(&theirs).await, [0, 1, 0]);
    assert_eq!(theirs.choice_of(ann.id().peer).await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn apart_voters_agree_when_they_meet() {
    let network = network();
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let (room, vote) = opened(&ann).await;
    let theirs = joined(&bo, &room).await;
    network.cut(&ann, &bo);
    vote.cast(Some("ferry")).await.unwrap();
    theirs.cast(Some("train")).await.unwrap();
    network.run(SOON).await;
    assert_eq!(counts(&vote).await, [1, 0, 0]);
    network.heal();
    network.run(Duration::from_secs(60)).await;
    assert_eq!((counts(&vote).await, counts(&theirs).await), ([1, 1, 0], [1, 1, 0]));
    let late = joined(&network.endpoint("Late"), &room).await;
    network.run(SOON).await;
    assert_eq!(counts(&late).await, [1, 1, 0], "newcomers count votes from before");
}

#[tokio::test(start_paused = true)]
async fn entries_that_are_no_vote_are_refused() {
    let network = network();
    let ann = network.endpoint("Ann");
    let (room, vote) = opened(&ann).await;
    let unknown = vote.cast(Some("swim")).await.unwrap_err();
    assert!(matches!(unknown, WriteError::Invalid(_)), "{unknown}");
    let (app, me) = (room.app(APP).await.unwrap(), ann.id().peer);
    let own = Writer::Peer(me);
    let entries = [
        Write::value("vote", own.field(b""), [3]),
        Write::value("vote", own.field(b""), [0, 0]),
        Write::value("vote", own.field(b"second"), [0]),
        Write::value("vote", Writer::Anybody.field(b""), [0]),
        Write::value("other", own.field(b""), [0]),
    ];
    for entry in entries {
        let name = format!("{entry:?}");
        let make = move |_: &Votes| Ok(payloads(me, std::slice::from_ref(&entry)).unwrap());
        let refused = app.write_replica(make).await.unwrap_err();
        assert!(matches!(refused, WriteError::Invalid(_)), "{name}: {refused}");
    }
    assert_eq!(counts(&vote).await, [0, 0, 0]);
    for choices in [&["ferry"][..], &["ferry", "ferry"], &["ferry", ""]] {
        let room = ann.create(example_vote::room(choices)).await.unwrap();
        assert!(Vote::of(&room).await.is_err(), "{choices:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn owners_strike_votes_and_ban_voters() {
    let network = network();
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let (room, vote) = opened(&ann).await;
    let theirs = joined(&bo, &room).await;
    theirs.cast(Some("ferry")).await.unwrap();
    network.run(SOON).await;
    assert!(theirs.strike(ann.id().peer).await.is_err(), "Bo is no moderator");
    let mut casts = theirs.watch();
    vote.strike(bo.id().peer).await.unwrap();
    assert_eq!(casts.next().await, Some(Cast { peer: bo.id().peer, choice: None }));
    assert_eq!(counts(&vote).await, [0, 0, 0]);
    theirs.cast(Some("train")).await.unwrap();
    network.run(SOON).await;
    assert_eq!(counts(&vote).await, [0, 1, 0], "Bo votes again");
    vote.strike(bo.id().peer).await.unwrap();
    room.rules().ban(bo.id().peer).await.unwrap();
    network.run(SOON).await;
    assert_eq!(theirs.cast(Some("walk")).await.unwrap_err(), WriteError::Banned);
    assert_eq!(counts(&vote).await, [0, 0, 0]);
}
