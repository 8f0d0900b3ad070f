//! Publications: codes, versions, signatures, removal.

use meshwork_arcade::{By, Files, TakeDown};
use meshwork_core::id::Code;
use meshwork_play::shelf::{Ask, Published, Refused, Request, publication};
use meshwork_play::{Package, Release};
use meshwork_signal::http::HttpConfig;

use crate::support::{Author, START, Server, drawing, hash, package, package_with};

fn code(bits: u32) -> Code {
    Code::from_bits(bits)
}

#[tokio::test]
pub(crate) async fn published_games_have_code_release_and_package() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let mira = Author::new(1);
    let Published { code, link, version } = server.publish(&mira, "Rim").await;
    assert_eq!((link, version), (format!("{}/play/{code}", server.url()), 1));
    let answer = server.game(code).await;
    let game = answer.game;
    assert_eq!((game.title.as_str(), game.description.as_str()), ("Rim", "About Rim."));
    assert_eq!((game.author, game.author_name.as_str()), (mira.identity.peer(), "Mira"));
    assert_eq!((game.players, game.seats, game.plays, game.made_ms), ((2, 6), (0, 6), 0, START));
    let release = Release::check(&answer.release).unwrap();
    assert_eq!((release.author, release.package), (game.author, game.package));
    let bytes = server.get(&format!("/play/api/packages/{}", game.package)).await;
    assert!(bytes.head.contains("cache-control: public, max-age=31536000, immutable"), "{}", bytes.head);
    assert_eq!(Package::read(bytes.body.into()).unwrap().id(), game.package);
    server.get("/play/api/packages/00").await.expect_refusal(404, "no game here has this package");
}

#[tokio::test]
pub(crate) async fn lists_have_published_games_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let mira = Author::new(1);
    let mut codes = Vec::new();
    for title in ["A", "B", "C", "D", "E"] {
        server.wait(10);
        codes.push(server.publish(&mira, title).await.code);
    }
    let draft = mira.publication(&server, &package("Draft"), None, 1, true);
    let draft: Published = server.post(&draft).await.json();
    assert!(server.game(draft.code).await.game.draft, "its code opens it");
    let (mut seen, mut query) = (Vec::new(), String::from("?most=2"));
    loop {
        let page = server.games(&query).await;
        seen.extend(page.games.into_iter().map(|game| game.code));
        let Some(before) = page.before else { break };
        query = format!("?most=2&before={before}");
    }
    codes.reverse();
    assert_eq!(seen, codes);
    server.get("/play/api/games?before=x").await.expect_refusal(400, "`before`");
}

#[tokio::test]
pub(crate) async fn later_versions_have_the_same_code() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, other) = (Author::new(1), Author::new(2));
    let first = server.publish(&mira, "One").await.code;
    let old = server.game(first).await.game.package;
    for version in 2..=11 {
        server.wait(1_000);
        let package = package(&format!("Version {version}"));
        let answer = server.try_publish(&mira, &package, Some(first), version).await;
        assert_eq!(answer.json::<Published>().code, first);
    }
    let game = server.game(first).await.game;
    assert_eq!((game.title.as_str(), game.version, game.made_ms), ("Version 11", 11, START));
    let gone = server.get(&format!("/play/api/packages/{old}")).await;
    assert_eq!(gone.status, 404, "ten versions are stored");
    assert_eq!(server.games("").await.games.len(), 1);

    let again = server.try_publish(&mira, &package("Back"), Some(first), 11).await;
    again.expect_refusal(409, "version 11 is not above the present version 11");
    let stolen = server.try_publish(&other, &package("Mine"), Some(first), 12).await;
    stolen.expect_refusal(403, "another author's");
    let nowhere = server.try_publish(&mira, &package("Where"), Some(code(77)), 12).await;
    nowhere.expect_refusal(404, "Game not found");
    assert_eq!(server.game(first).await.game.title, "Version 11");
}

#[tokio::test]
pub(crate) async fn codes_avoid_rooms_games_and_words() {
    let folder = tempfile::tempdir().unwrap();
    let words = ["HEALTH", "ASSETS"].map(|word| word.parse().unwrap());
    let draw = drawing([vec![code(1), code(1), code(2)], words.to_vec(), vec![code(3)]].concat());
    let server = Server::with(folder.path(), HttpConfig::default(), |config| config.draw = draw).await;
    // The hub has given this one away.
    server.handle.reserve(code(2)).unwrap();
    let mira = Author::new(1);
    assert_eq!(server.publish(&mira, "A").await.code, code(1));
    assert_eq!(server.publish(&mira, "B").await.code, code(3));
    assert!(server.handle.reserve(code(3)).is_err(), "no room gets it");
    // Each further draw is taken.
    let full = server.try_publish(&mira, &package("C"), None, 1).await;
    full.expect_refusal(503, r#"{"error":"Failed to generate unique share code"}"#);
}

#[tokio::test]
pub(crate) async fn ten_codes_are_drawn() {
    let folder = tempfile::tempdir().unwrap();
    let taken = |count| vec![code(1); count];
    let draw = drawing([taken(1), taken(9), vec![code(2)], taken(10), vec![code(3)]].concat());
    let server = Server::with(folder.path(), HttpConfig::default(), |config| config.draw = draw).await;
    let mira = Author::new(1);
    assert_eq!(server.publish(&mira, "A").await.code, code(1));
    assert_eq!(server.publish(&mira, "B").await.code, code(2), "the tenth");
    let failed = server.try_publish(&mira, &package("C"), None, 1).await;
    failed.expect_refusal(503, "Failed to generate unique share code");
    assert_eq!(server.publish(&mira, "C").await.code, code(3));
}

#[tokio::test]
pub(crate) async fn refused_publications_give_their_code_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::with(folder.path(), HttpConfig::default(), |config| {
        config.bytes_max = 1;
        config.draw = drawing(vec![code(9)]);
    });
    let server = server.await;
    let full = server.try_publish(&Author::new(1), &package("A"), None, 1).await;
    full.expect_refusal(507, "the most that it stores");
    assert!(server.handle.reserve(code(9)).is_ok());
}

#[tokio::test]
pub(crate) async fn restarts_keep_games_and_codes() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let mira = Author::new(1);
    let (kept, removed) = (server.publish(&mira, "A").await.code, server.publish(&mira, "B").await.code);
    let remove = mira.sign(&server, &Ask::Remove { code: removed });
    assert_eq!(server.ask("DELETE", &format!("/play/api/games/{removed}"), &remove).await.status, 204);
    let before = server.game(kept).await;
    server.stop().await;
    let server = Server::start(folder.path()).await;
    assert_eq!(server.game(kept).await, before);
    assert!(server.handle.reserve(kept).is_err() && server.handle.reserve(removed).is_err());
    assert_eq!(server.arcade.counts().games, 1);
}

#[tokio::test]
pub(crate) async fn owners_remove_their_games() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, other) = (Author::new(1), Author::new(2));
    let game = server.publish(&mira, "Rim").await.code;
    let package_path = format!("/play/api/packages/{}", server.game(game).await.game.package);
    let path = format!("/play/api/games/{game}");
    let stranger = other.sign(&server, &Ask::Remove { code: game });
    server.ask("DELETE", &path, &stranger).await.expect_refusal(403, "another author's");
    let elsewhere = mira.sign(&server, &Ask::Remove { code: code(5) });
    server.ask("DELETE", &path, &elsewhere).await.expect_refusal(400, "not to remove this game");
    assert_eq!(server.get(&package_path).await.status, 200);
    let remove = mira.sign(&server, &Ask::Remove { code: game });
    assert_eq!(server.ask("DELETE", &path, &remove).await.status, 204);
    server.get(&path).await.expect_refusal(404, "Game not found");
    assert_eq!(server.get(&package_path).await.status, 404);
    let again = server.try_publish(&mira, &package("Rim 2"), Some(game), 2).await;
    again.expect_refusal(404, "Game not found");
}

#[tokio::test]
pub(crate) async fn forged_old_and_replayed_requests_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, other) = (Author::new(1), Author::new(2));
    let (first, second) = (server.publish(&mira, "A").await.code, server.publish(&mira, "B").await.code);
    let path = format!("/play/api/games/{first}");
    let ask = Ask::Remove { code: first };

    let forged = Request { author: mira.identity.peer(), ..other.sign(&server, &ask) };
    server.ask("DELETE", &path, &forged).await.expect_refusal(403, "signature");
    let now = server.now() + 100;
    let old = Request::sign(&mira.identity, now - 400_000, &server.url(), &ask);
    let answer = server.ask("DELETE", &path, &old).await;
    answer.expect_refusal(403, "the clock of your device is 6 minutes behind the server's");
    assert_eq!(answer.json::<Refused>().now_ms, Some(server.now()));
    let before_start = Request::sign(&mira.identity, START - 1, &server.url(), &ask);
    let answer = server.ask("DELETE", &path, &before_start).await;
    answer.expect_refusal(409, "older than this start");
    assert_eq!(answer.json::<Refused>().now_ms, Some(server.now()));
    // Another server that the author uses passes the request on.
    let elsewhere = Request::sign(&mira.identity, now, "https://games.example.org", &ask);
    server.ask("DELETE", &path, &elsewhere).await.expect_refusal(403, "for https://games.example.org");
    server.request("DELETE", &path, "", b"{}").await.expect_refusal(400, "not a signed request");
    server.request("DELETE", &path, "", &[b' '; 5_000]).await.expect_refusal(413, "4096 bytes");

    let remove = Request::sign(&mira.identity, now, &server.url(), &Ask::Remove { code: second });
    let second = format!("/play/api/games/{second}");
    assert_eq!(server.ask("DELETE", &second, &remove).await.status, 204);
    server.ask("DELETE", &second, &remove).await.expect_refusal(404, "Game not found");
    let earlier = Request::sign(&mira.identity, now - 1, &server.url(), &ask);
    server.ask("DELETE", &path, &earlier).await.expect_refusal(409, "not newer");
    assert_eq!(server.games("").await.games.len(), 1);
}

#[tokio::test]
pub(crate) async fn replayed_publications_make_no_second_game() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let body = Author::new(1).publication(&server, &package("A"), None, 1, false);
    assert_eq!(server.post(&body).await.status, 200);
    server.post(&body).await.expect_refusal(409, "not newer");
    assert_eq!(server.games("").await.games.len(), 1);
}

#[tokio::test]
pub(crate) async fn mutated_packages_and_releases_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, other) = (Author::new(1), Author::new(2));
    let package = package("A");
    let fresh = || mira.publication(&server, &package, None, 1, false);
    for from_end in [package.bytes().len(), package.bytes().len() - 9, 1] {
        let mut body = fresh();
        let at = body.len() - from_end;
        body[at] ^= 1;
        server.post(&body).await.expect_refusal(400, "its release is of");
    }
    server.post(&[fresh(), vec![0]].concat()).await.expect_refusal(400, "has more than");
    let mut short = fresh();
    short.pop();
    server.post(&short).await.expect_refusal(400, "the body ends after");

    // A release of somebody else, one that the request does not name, and a broken one.
    let ask = |release: &[u8]| Ask::Publish { code: None, release: hash(release).into(), draft: false };
    let body = |request: Request, release: &[u8]| publication(&request, release, package.bytes());
    let (own, foreign) = (mira.release(&package, 1), other.release(&package, 1));
    let stolen = body(mira.sign(&server, &ask(&foreign)), &foreign);
    server.post(&stolen).await.expect_refusal(403, "the release is another author's");
    let unnamed = body(mira.sign(&server, &ask(&foreign)), &own);
    server.post(&unnamed).await.expect_refusal(403, "names another release");
    let mut broken = own;
    broken[80] ^= 1;
    let broken = body(mira.sign(&server, &ask(&broken)), &broken);
    assert_eq!(server.post(&broken).await.status, 400);
    assert_eq!(server.games("").await.games.len(), 0);
}

#[tokio::test]
pub(crate) async fn operators_take_games_and_packages_down() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, other) = (Author::new(1), Author::new(2));
    let bad = package("Bad");
    let one = server.try_publish(&mira, &bad, None, 1).await.json::<Published>().code;
    let two = server.try_publish(&other, &bad, None, 1).await.json::<Published>().code;
    let good = server.publish(&other, "Good").await.code;
    let what = TakeDown::Package(bad.id(), String::from("it is stolen"));
    let mut taken = server.arcade.take_down(what, By::Operator, Files::Keep).await.unwrap();
    taken.sort();
    assert_eq!(taken, [one.min(two), one.max(two)]);
    for code in [one, two] {
        server.get(&format!("/play/api/games/{code}")).await.expect_refusal(404, "Game not found");
    }
    assert_eq!(server.get(&format!("/play/api/packages/{}", bad.id())).await.status, 404);
    server.try_publish(&mira, &bad, None, 2).await.expect_refusal(403, "refuses this package: it is stolen");

    assert_eq!(
        server.arcade.take_down(TakeDown::Code(good), By::Operator, Files::Keep).await.unwrap(),
        [good]
    );
    assert!(
        server.arcade.take_down(TakeDown::Code(good), By::Operator, Files::Keep).await.unwrap().is_empty()
    );
    let again = server.try_publish(&other, &package("Good 2"), Some(good), 2).await;
    again.expect_refusal(404, "Game not found");
    assert_eq!(server.arcade.all_games(10).await.unwrap().len(), 3, "the operator still sees them");
}

#[tokio::test]
pub(crate) async fn games_that_a_server_brings_come_once() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let ours = Author::new(9).identity;
    let bring = async |titles: &[&str], text: &[u8]| {
        let packages: Vec<Package> =
            titles.iter().map(|title| package_with(title, &[("note.txt", text)])).collect();
        server.arcade.bring(&ours, "Meshwork", &packages).await.unwrap();
    };
    bring(&["Rim", "Trails"], b"1").await;
    bring(&["Rim", "Trails"], b"1").await;
    let games = server.games("").await.games;
    assert_eq!(games.len(), 2);
    let code = |title: &str| games.iter().find(|game| game.title == title).map(|game| game.code).unwrap();
    let (rim, trails) = (code("Rim"), code("Trails"));
    server.arcade.take_down(TakeDown::Code(trails), By::Operator, Files::Keep).await.unwrap();
    bring(&["Rim", "Trails"], b"2").await;
    let games = server.games("").await.games;
    assert_eq!(games.len(), 1, "what was taken down stays away");
    assert_eq!((games[0].code, games[0].version, games[0].author_name.as_str()), (rim, 2, "Meshwork"));
}
