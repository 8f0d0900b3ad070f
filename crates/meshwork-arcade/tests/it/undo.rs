//! Removals by the operator, and the way back.

use meshwork_arcade::{By, Files, PutBack, TakeDown};
use meshwork_play::shelf::{Ask, Published};

use crate::support::{Author, Server, package};

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

#[tokio::test]
pub(crate) async fn games_that_were_taken_down_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let mira = Author::new(1);
    let code = server.publish(&mira, "Rim").await.code;
    let before = server.game(code).await;
    let path = format!("/play/api/packages/{}", before.game.package);
    let arcade = &server.arcade;
    let words = |error: meshwork_arcade::PutBackError| error.to_string();
    let there = arcade.put_back(PutBack::Code(code)).await.map_err(words);
    assert_eq!(there, Err(format!("the game {code} is not taken down")));
    arcade.take_down(TakeDown::Code(code), By::Operator, Files::Keep).await.unwrap();
    assert_eq!(server.get(&path).await.status, 404, "nobody gets its files");
    assert_eq!(server.get(&format!("/play/{code}/card.png")).await.status, 404);
    assert_eq!(arcade.put_back(PutBack::Code(code)).await.unwrap(), [code]);
    assert_eq!(server.game(code).await, before);
    assert_eq!(server.get(&path).await.status, 200);
    assert_eq!((arcade.counts().games, server.games("").await.games.len()), (1, 1));
    let version = server.try_publish(&mira, &package("Rim 2"), Some(code), 2).await;
    assert_eq!(version.status, 200, "{}", version.text());

    let nowhere = arcade.put_back(PutBack::Code("K7M4QX".parse().unwrap())).await.map_err(words);
    assert_eq!(nowhere, Err(String::from("there is no game K7M4QX")));
    let remove = mira.sign(&server, &Ask::Remove { code });
    assert_eq!(server.ask("DELETE", &format!("/play/api/games/{code}"), &remove).await.status, 204);
    let removed = arcade.put_back(PutBack::Code(code)).await.map_err(words);
    assert_eq!(removed, Err(format!("the author of {code} removed it, which you cannot undo")));
}

#[tokio::test]
pub(crate) async fn deleted_files_do_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let mira = Author::new(1);
    let (now, later) = (server.publish(&mira, "Now").await.code, server.publish(&mira, "Later").await.code);
    let arcade = &server.arcade;
    arcade.take_down(TakeDown::Code(now), By::Operator, Files::Delete).await.unwrap();
    arcade.take_down(TakeDown::Code(later), By::Operator, Files::Keep).await.unwrap();
    let deleted = arcade.put_back(PutBack::Code(now)).await.unwrap_err();
    assert!(deleted.to_string().starts_with(&format!("the files of {now} are deleted")), "{deleted}");
    server.wait(29 * DAY_MS);
    arcade.refresh().await;
    assert_eq!(arcade.put_back(PutBack::Code(later)).await.unwrap(), [later]);
    arcade.take_down(TakeDown::Code(later), By::Operator, Files::Keep).await.unwrap();
    server.wait(31 * DAY_MS);
    arcade.refresh().await;
    let deleted = arcade.put_back(PutBack::Code(later)).await.unwrap_err();
    assert!(deleted.to_string().starts_with(&format!("the files of {later} are deleted")), "{deleted}");
}

#[tokio::test]
pub(crate) async fn accepted_packages_and_authors_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let (mira, other) = (Author::new(1), Author::new(2));
    let shared = package("Shared");
    let one = server.try_publish(&mira, &shared, None, 1).await.json::<Published>().code;
    let two = server.try_publish(&other, &shared, None, 1).await.json::<Published>().code;
    let own = server.publish(&other, "Own").await.code;
    let arcade = &server.arcade;
    let reason = || String::from("it is stolen");
    let refuse_package = TakeDown::Package(shared.id(), reason());
    arcade.take_down(refuse_package, By::Operator, Files::Keep).await.unwrap();
    let refuse_author = TakeDown::Author(other.identity.peer(), reason());
    assert_eq!(arcade.take_down(refuse_author, By::Operator, Files::Keep).await.unwrap(), [own]);
    let refused = server.try_publish(&other, &package("New"), None, 1).await;
    refused.expect_refusal(403, "refuses your games: it is stolen");

    let package_refused = arcade.put_back(PutBack::Code(one)).await.unwrap_err().to_string();
    assert!(package_refused.contains("accept the package first"), "{package_refused}");
    let author_refused = arcade.put_back(PutBack::Code(own)).await.unwrap_err().to_string();
    assert!(author_refused.contains("accept the author first"), "{author_refused}");
    assert_eq!(
        arcade.put_back(PutBack::Package(shared.id())).await.unwrap(),
        [one],
        "two's author is refused"
    );
    assert_eq!(server.get(&format!("/play/api/games/{two}")).await.status, 404);
    let mut back = arcade.put_back(PutBack::Author(other.identity.peer())).await.unwrap();
    back.sort();
    assert_eq!(back, [own.min(two), own.max(two)]);
    for undo in [PutBack::Package(shared.id()), PutBack::Author(other.identity.peer())] {
        assert_eq!(arcade.put_back(undo).await.unwrap_err().to_string(), "it is not refused");
    }
    server.publish(&other, "New").await;
    assert_eq!(server.games("").await.games.len(), 4);
}
