//! Parties: their hosts' notes, and what visitors see of them.

use meshwork_core::id::{Code, Identity, RoomId, Secret};
use meshwork_core::signalling::address::{RoomAddress, RoomKeys};
use meshwork_play::shelf::{Ask, MatchNote, PartyAnswer, PartyNote, Phase};
use meshwork_signal::http::HttpConfig;

use crate::support::{Answer, Author, Server};

fn room(bits: u32) -> Code {
    Code::from_bits(1_000 + bits)
}

/// A link of an open room, with its id.
fn link(server: &Server, room: Code) -> String {
    let plain = format!("{}/play/{room}", server.url());
    let address: RoomAddress = plain.parse().unwrap();
    address.with_keys(RoomKeys { room: RoomId([5; 32]), secrets: None }).to_string()
}

fn note(server: &Server, room: Code, seats: u8) -> PartyNote {
    PartyNote {
        room,
        link: link(server, room),
        seats,
        most: 6,
        phase: Phase::Lobby,
        joined: seats.into(),
        failed: 1,
        host_losses: 0,
    }
}

/// Invents a room with the host and others.
fn fill(server: &Server, room: Code, host: &Author, members: u8) {
    let others = (1..members).map(|number| Identity::from_secret([100 + number; 32]).peer());
    let members = std::iter::once(host.identity.peer()).chain(others).collect();
    server.members.lock().unwrap().insert(room, members);
}

async fn send(server: &Server, host: &Author, game: Code, party: PartyNote) -> Answer {
    let signed = host.sign(server, &Ask::Party { code: game, party });
    server.ask("POST", &format!("/play/api/games/{game}/parties"), &signed).await
}

#[tokio::test]
pub(crate) async fn parties_are_lowered_and_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, host) = (Author::new(1), Author::new(2));
    let game = server.publish(&mira, "Rim").await.code;
    for (number, members, seats) in [(1, 6, 6), (2, 3, 5), (3, 2, 2)] {
        fill(&server, room(number), &host, members);
        let answer = send(&server, &host, game, note(&server, room(number), seats)).await;
        let party: PartyAnswer = answer.json();
        assert_eq!(party.seats, seats.min(members), "the hub counts {members}");
    }
    let answer = server.game(game).await;
    let seen: Vec<(Code, u8)> = answer.parties.iter().map(|party| (party.room, party.seats)).collect();
    assert_eq!(seen, [(room(2), 3), (room(3), 2), (room(1), 6)]);
    assert_eq!(answer.parties[0].link, link(&server, room(2)));
    assert_eq!((answer.game.seats, answer.game.online, answer.game.parties), ((3, 6), 11, 3));
    let page = server.get(&format!("/play/{game}")).await.text();
    assert!(page.contains("3/6 players online"), "{page}");
    let page = server.get(&format!("/play/{}", room(3))).await;
    assert!(page.status == 200 && page.text().contains("<title>Rim</title>"), "{}", page.text());
    let counts = server.arcade.counts();
    assert_eq!((counts.parties, counts.players, counts.rooms_created), (3, 11, 3));
    assert_eq!((counts.rooms_joined, counts.joins_failed), (13, 3));

    server.members.lock().unwrap().get_mut(&room(2)).unwrap().truncate(1);
    assert_eq!(server.game(game).await.game.seats, (2, 6), "members have left");
    server.wait(30_001);
    let game = server.game(game).await.game;
    assert_eq!((game.seats, game.parties), ((0, 6), 0));
}

#[tokio::test]
pub(crate) async fn only_members_speak_for_a_party() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, host, stranger) = (Author::new(1), Author::new(2), Author::new(3));
    let game = server.publish(&mira, "Rim").await.code;
    let other = server.publish(&mira, "Tether").await.code;
    fill(&server, room(1), &host, 2);
    let party = note(&server, room(1), 2);
    send(&server, &stranger, game, party.clone()).await.expect_refusal(403, "only a member of the room");
    send(&server, &host, game, note(&server, room(2), 2)).await.expect_refusal(404, "no room here");
    send(&server, &host, room(9), party.clone()).await.expect_refusal(404, "Game not found");
    let elsewhere = PartyNote { link: link(&server, room(2)), ..party.clone() };
    send(&server, &host, game, elsewhere).await.expect_refusal(400, "another room's");
    let script = PartyNote { link: String::from("javascript:alert(1)"), ..party.clone() };
    send(&server, &host, game, script).await.expect_refusal(400, "no link of a room");
    let address: RoomAddress = format!("{}/play/{}", server.url(), room(1)).parse().unwrap();
    let keys = RoomKeys { room: RoomId([5; 32]), secrets: Some(Secret([1; 16]).into()) };
    let private = PartyNote { link: address.with_keys(keys).to_string(), ..party.clone() };
    send(&server, &host, game, private).await.expect_refusal(400, "private");
    assert!(server.game(game).await.parties.is_empty());

    assert_eq!(send(&server, &host, game, party.clone()).await.status, 200);
    send(&server, &host, other, party).await.expect_refusal(409, "a party of another game");
}

#[tokio::test]
pub(crate) async fn refused_requests_take_no_place_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let host = Author::new(2);
    let game = server.publish(&Author::new(1), "Rim").await.code;
    let path = format!("/play/api/games/{game}/parties");
    let signed = host.sign(&server, &Ask::Party { code: game, party: note(&server, room(1), 2) });
    server.ask("POST", &path, &signed).await.expect_refusal(404, "no room here");
    fill(&server, room(1), &host, 2);
    assert_eq!(server.ask("POST", &path, &signed).await.status, 200, "it was not answered before");
    server.ask("POST", &path, &signed).await.expect_refusal(409, "not newer");
}

#[tokio::test]
pub(crate) async fn parties_lead_to_this_server_alone() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let host = Author::new(2);
    let game = server.publish(&Author::new(1), "Rim").await.code;
    fill(&server, room(1), &host, 2);
    let elsewhere = link(&server, room(1)).replace(&server.url(), "https://evil.example");
    let party = PartyNote { link: elsewhere, ..note(&server, room(1), 2) };
    assert_eq!(send(&server, &host, game, party).await.status, 200);
    let shown = server.game(game).await.parties.remove(0).link;
    assert_eq!(shown, link(&server, room(1)));
}

#[tokio::test]
pub(crate) async fn matches_count_as_plays() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::with(folder.path(), HttpConfig::default(), |config| config.network_matches_a_day = 2).await;
    let host = Author::new(2);
    let game = server.publish(&Author::new(1), "Rim").await.code;
    fill(&server, room(1), &host, 2);
    let played = MatchNote {
        room: room(1),
        player_count: 2,
        duration_seconds: 95,
        host_disconnects: 1,
        average_latency_ms: 40,
    };
    let report = async |session: MatchNote| {
        let signed = host.sign(&server, &Ask::Session { code: game, session });
        server.ask("POST", &format!("/play/api/games/{game}/sessions"), &signed).await
    };
    let absurd = MatchNote { duration_seconds: u32::MAX, ..played };
    report(absurd).await.expect_refusal(400, "a match has at most");
    assert_eq!(report(played).await.status, 204);
    assert_eq!(report(played).await.status, 204);
    report(played).await.expect_refusal(429, "2 matches today");
    assert_eq!(server.game(game).await.game.plays, 2);
    let counts = server.arcade.counts();
    assert_eq!((counts.sessions, counts.session_seconds.sum), (2, 190.0));
    assert_eq!(counts.session_seconds.classes[3], (120.0, 2));
}
