//! Direct posts and profiles.

use std::time::Duration;

use meshwork::chat::profile::Profile;
use meshwork::chat::{self, Change, Post, PostKey};
use meshwork::testing::Network;
use meshwork::{Endpoint, Fields, LogId, PeerId, Room, WriteError};

use crate::guard::{create, in_private_rooms_too};

in_private_rooms_too!(
    direct_posts_reach_somebody_away_through_others,
    second_devices_read_direct_posts,
    edits_and_removals_of_direct_posts_arrive,
    profiles_are_read_when_their_author_left,
    kept_names_are_read_when_their_author_left
);

/// Time in which a write reaches everybody.
const SOON: Duration = Duration::from_secs(5);

fn texts(posts: &[Post]) -> Vec<&str> {
    posts.iter().map(|post| &*post.text).collect()
}

/// Joins and waits until everything of the room is here.
async fn join(network: &Network, endpoint: &Endpoint, room: &str) -> Room {
    let same = endpoint.join(room).await.unwrap();
    network.run(SOON).await;
    same
}

#[tokio::test(start_paused = true)]
async fn direct_posts_reach_somebody_away_through_others() {
    let network = Network::calm(7);
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let eve = network.endpoint("Eve");
    let room = create(&ann, chat::room()).await.unwrap();
    let link = room.link().to_string();
    let kept = join(&network, &kim, &link).await;
    let with_bo = room.chat().with(bo.id().peer);
    let (first, receipt) = with_bo.post("Shall we meet at the pier?").await.unwrap();
    receipt.kept().await.unwrap();
    with_bo.reply(first, "At nine.").await.unwrap();
    room.chat().post("For all").await.unwrap();
    network.run(SOON).await;
    ann.close().await;
    for stranger in [&kept, &join(&network, &eve, &link).await] {
        assert_eq!(texts(&stranger.chat().all().await.unwrap()), ["For all"]);
        assert!(stranger.chat().people().await.unwrap().is_empty());
        for peer in [ann.id().peer, bo.id().peer] {
            assert!(stranger.chat().with(peer).newest(9).await.unwrap().is_empty());
        }
    }
    let same = join(&network, &bo, &link).await;
    let people = same.chat().people().await.unwrap();
    assert_eq!(
        people.iter().map(|one| (one.peer, one.has_written)).collect::<Vec<_>>(),
        [(ann.id().peer, false)]
    );
    let posts = same.chat().with(ann.id().peer).newest(9).await.unwrap();
    assert_eq!(texts(&posts), ["Shall we meet at the pier?", "At nine."]);
    assert_eq!(
        (people[0].newest.id, posts[1].re),
        (posts[1].id, Some(PostKey { id: first, author: ann.id().peer }))
    );
    same.chat().with(ann.id().peer).post("Fine.").await.unwrap();
    assert!(same.chat().people().await.unwrap()[0].has_written);
}

#[tokio::test(start_paused = true)]
async fn strangers_write_nothing_into_anothers_post() {
    let network = Network::calm(7);
    let (ann, bo, eve) = (network.endpoint("Ann"), network.endpoint("Bo"), network.endpoint("Eve"));
    let room = create(&ann, chat::room()).await.unwrap();
    let link = room.link().to_string();
    let (same, strange) = (join(&network, &bo, &link).await, join(&network, &eve, &link).await);
    let (ask, _) = room.chat().post("Shall we meet at nine?").await.unwrap();
    network.run(SOON).await;
    let forged = Fields::new()
        .set_bytes("text", "Shall I send my savings?")
        .set_bytes("first", [0, 0, 0, 0, 0, 0, 0, 1]);
    strange.conversation().log("n").row(LogId(ask.0)).set_all(forged).await.unwrap();
    network.run(SOON).await;
    same.chat().write("Yes, gladly.").reply(ask).send().await.unwrap();
    network.run(SOON).await;
    let posts = room.chat().all().await.unwrap();
    assert_eq!(texts(&posts), ["Shall we meet at nine?", "Yes, gladly."]);
    assert_eq!(posts[1].re, Some(PostKey { id: ask, author: ann.id().peer }));
    assert_eq!(strange.chat().get(ask).await.unwrap().map(|post| post.author), Some(ann.id().peer));
}

#[tokio::test(start_paused = true)]
async fn muted_floods_leave_others_posts_in_reach() {
    let network = Network::calm(7);
    let (ann, eve) = (network.endpoint("Ann"), network.endpoint("Eve"));
    let room = create(&ann, chat::room()).await.unwrap();
    let strange = join(&network, &eve, &room.link().to_string()).await;
    for number in 0..20 {
        room.chat().post(&format!("post {number}")).await.unwrap();
    }
    network.run(SOON).await;
    for _ in 0..60 {
        strange.chat().post("flood").await.unwrap();
    }
    network.run(SOON).await;
    let chat = room.chat().without([eve.id().peer]);
    let newest = chat.newest(None, 15).await.unwrap();
    assert_eq!((newest.len(), &*newest[0].text), (15, "post 5"));
    assert_eq!(chat.newest(Some(&newest[0]), 15).await.unwrap().len(), 5, "there is a way back");
    assert_eq!(chat.briefs(500).await.unwrap().len(), 20);
    assert_eq!(room.chat().briefs(500).await.unwrap().len(), 80);
}

#[tokio::test(start_paused = true)]
async fn second_devices_read_direct_posts() {
    let network = Network::calm(7);
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let room = create(&ann, chat::room()).await.unwrap();
    let link = room.link().to_string();
    let _kept = join(&network, &kim, &link).await;
    let same = join(&network, &bo, &link).await;
    // An open post lets other devices know the key of somebody who never wrote directly.
    same.chat().post("Hello").await.unwrap();
    let (id, _) = room.chat().with(bo.id().peer).post("Only for you").await.unwrap();
    network.run(SOON).await;
    for endpoint in [ann, bo.clone()] {
        let other = network.device(&endpoint, "Other");
        endpoint.close().await;
        let device = join(&network, &other, &link).await;
        let people = device.chat().people().await.unwrap();
        assert_eq!(people.len(), 1);
        assert_eq!((people[0].newest.id, &*people[0].newest.text), (id, "Only for you"));
        let is_mine = people[0].newest.author == other.id().peer;
        assert_eq!((people[0].has_written, people[0].peer == bo.id().peer), (is_mine, is_mine));
    }
}

#[tokio::test(start_paused = true)]
async fn edits_and_removals_of_direct_posts_arrive() {
    let network = Network::calm(7);
    let (ann, bo) = (network.endpoint("Ann"), network.endpoint("Bo"));
    let room = create(&ann, chat::room()).await.unwrap();
    let same = join(&network, &bo, &room.link().to_string()).await;
    let (mine, theirs) = (room.chat().with(bo.id().peer), same.chat().with(ann.id().peer));
    let mut changes = theirs.watch().await.unwrap();
    let (id, _) = mine.post("At nine.").await.unwrap();
    let Some(Change::Posted(post)) = changes.next().await else { panic!("no post") };
    assert_eq!((post.id, &*post.text, post.author), (id, "At nine.", ann.id().peer));
    room.chat().post("For all").await.unwrap();
    mine.edit(id, "At ten.").await.unwrap();
    let Some(Change::Edited(post)) = changes.next().await else { panic!("no edit") };
    assert_eq!((&*post.text, post.is_edited), ("At ten.", true));
    theirs.react(id, &["👍"]).await.unwrap();
    let Some(Change::Reacted(post)) = changes.next().await else { panic!("no reaction") };
    assert_eq!(post.reactions[0].by, [bo.id().peer]);
    let refused = theirs.edit(id, "mine").await.unwrap_err();
    assert!(matches!(refused, WriteError::Invalid(_)) && refused.is_final(), "{refused}");
    mine.remove(id).await.unwrap();
    assert_eq!(changes.next().await, Some(Change::Removed(PostKey { id, author: ann.id().peer })));
    assert!(theirs.newest(9).await.unwrap().is_empty() && theirs.get(id).await.unwrap().is_none());
    let nobody = PeerId([0; 32]);
    assert_eq!(room.chat().with(nobody).post("Hello").await.unwrap_err(), WriteError::NoKey(nobody));
}

#[tokio::test(start_paused = true)]
async fn profiles_are_read_when_their_author_left() {
    let network = Network::calm(7);
    let (ann, bo, kim) = (network.endpoint("Ann"), network.endpoint("Bo"), network.keeper("Kim"));
    let room = create(&ann, chat::room()).await.unwrap();
    let link = room.link().to_string();
    let _kept = join(&network, &kim, &link).await;
    let profile = Profile { name: "Ann B.".into(), status: "In Porto".into(), avatar: None };
    room.chat().set_profile(&profile).await.unwrap().kept().await.unwrap();
    let long = Profile { name: "x".repeat(99), ..Profile::default() };
    let refused = room.chat().set_profile(&long).await.unwrap_err();
    assert!(matches!(refused, WriteError::Invalid(_)), "{refused}");
    ann.close().await;
    let same = join(&network, &bo, &link).await;
    assert_eq!(same.chat().profile(ann.id().peer).await.unwrap(), profile);
    assert_eq!(same.chat().profiles().await.unwrap(), [(ann.id().peer, profile)]);
    assert_eq!(same.chat().profile(bo.id().peer).await.unwrap(), Profile::default());
}

#[tokio::test(start_paused = true)]
async fn kept_names_are_read_when_their_author_left() {
    let network = Network::calm(7);
    let (ann, kim, eve) = (network.naming_endpoint("Ann"), network.keeper("Kim"), network.endpoint("Eve"));
    let (bo, plain) = (network.naming_endpoint("Bo"), network.endpoint("Command line"));
    let first = create(&kim, chat::room()).await.unwrap();
    let link = first.link().to_string();
    let room = join(&network, &ann, &link).await;
    room.chat().post("The ferry leaves at 9:40.").await.unwrap();
    let of_bo = join(&network, &bo, &link).await;
    let captain = Profile { name: "Captain".into(), ..Profile::default() };
    of_bo.chat().set_profile(&captain).await.unwrap();
    of_bo.chat().post("From pier 2.").await.unwrap();
    join(&network, &plain, &link).await.chat().post("A log.").await.unwrap();
    network.run(SOON).await;
    for endpoint in [&ann, &bo, &plain] {
        endpoint.close().await;
    }
    let chat = join(&network, &eve, &link).await.chat();
    let name = async |endpoint: &Endpoint| chat.profile(endpoint.id().peer).await.unwrap().name;
    assert_eq!(name(&ann).await, "Ann");
    assert_eq!(name(&bo).await, "Captain", "the profile has a name");
    assert_eq!(name(&plain).await, "", "nobody asked to keep it");
}

#[tokio::test(start_paused = true)]
async fn removed_names_stay_removed() {
    let network = Network::calm(7);
    let room = network.naming_endpoint("Ann").create(chat::room()).await.unwrap();
    let (chat, me) = (room.chat(), room.me().peer);
    chat.set_profile(&Profile::default()).await.unwrap();
    chat.post("Nobody said this.").await.unwrap();
    assert_eq!(chat.profile(me).await.unwrap(), Profile::default());
}
