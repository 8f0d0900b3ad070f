//! The pages of games, and their cards.

use meshwork_core::id::Code;
use meshwork_play::shelf::{Ask, Published, Request};
use meshwork_signal::http::HttpConfig;

use crate::support::{Author, Server, hash, package_with};

/// A PNG of 640 x 360 as far as its head tells.
fn png() -> Vec<u8> {
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend([0, 0, 2, 128, 0, 0, 1, 104, 8, 2, 0, 0, 0]);
    png
}

#[tokio::test]
pub(crate) async fn pages_show_game_author_and_card() {
    let folder = tempfile::tempdir().unwrap();
    let below = HttpConfig { public_url: Some("https://x.org/mesh".into()), ..HttpConfig::default() };
    let server = Server::with(folder.path(), below, |_| {}).await;
    let mira = Author::new(1);
    let packed = package_with("Rim", &[("cover.png", &png())]);
    // The author uses the public address.
    let release = mira.release(&packed, 1);
    let ask = Ask::Publish { code: None, release: hash(&release).into(), draft: false };
    let request = Request::sign(&mira.identity, server.now(), "https://x.org/mesh/", &ask);
    let body = meshwork_play::shelf::publication(&request, &release, packed.bytes());
    let Published { code, link, .. } = server.post(&body).await.json();
    assert_eq!(link, format!("https://x.org/mesh/play/{code}"));
    for path in [format!("/play/{code}"), format!("/mesh/play/{code}"), format!("/play/{code}/")] {
        let page = server.get(&path).await;
        let text = page.text();
        assert_eq!(page.status, 200);
        for part in [
            "<title>Rim</title>".to_owned(),
            "property=\"og:title\" content=\"Rim\"".to_owned(),
            "property=\"og:type\"".to_owned(),
            format!("property=\"og:url\" content=\"{link}\""),
            format!("property=\"og:image\" content=\"{link}/card.png\""),
            "property=\"og:image:width\" content=\"640\"".to_owned(),
            "name=\"twitter:card\" content=\"summary_large_image\"".to_owned(),
            "content=\"About Rim. · By Mira · 0/6 players online\"".to_owned(),
        ] {
            assert!(text.contains(&part), "{part}: {text}");
        }
        assert!(text.ends_with("play"), "the page of Play: {text}");
    }
    let card = server.get(&format!("/play/{code}/card.png")).await;
    assert_eq!((card.status, card.body), (200, png()));
    let plain = server.publish(&Author::new(2), "Plain").await.code;
    let card = server.get(&format!("/play/{plain}/card.png")).await;
    assert!(card.head.contains("content-type: image/png") && card.body.len() > 1_000, "{}", card.head);
}

#[tokio::test]
pub(crate) async fn titles_of_html_are_text() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let hostile = "</title><script>alert(1)</script>\"'&";
    let code = server.publish(&Author::new(1), hostile).await.code;
    let text = server.get(&format!("/play/{code}")).await.text();
    assert!(!text.contains("<script"), "{text}");
    assert!(text.contains("<title>&lt;/title&gt;&lt;script&gt;"), "{text}");
    assert_eq!(server.game(code).await.game.title, hostile);
}

#[tokio::test]
pub(crate) async fn scripts_are_no_pictures() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>";
    let packed = package_with("Svg", &[("cover.png", svg)]);
    let code = server.try_publish(&Author::new(1), &packed, None, 1).await.json::<Published>().code;
    let card = server.get(&format!("/play/{code}/card.png")).await;
    assert!(card.head.contains("image/png") && !card.text().contains("<svg"), "{}", card.head);
}

#[tokio::test]
pub(crate) async fn unknown_codes_are_not_found() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let page = server.get("/play/K7M4QX").await;
    let text = page.text();
    assert_eq!(page.status, 404);
    assert!(text.contains("<title>Game not found</title>") && text.ends_with("play"), "{text}");
    server.get("/play/api/games/K7M4QX").await.expect_refusal(404, r#"{"error":"Game not found"}"#);
    server.get("/play/K7M4QX/card.png").await.expect_refusal(404, "Game not found");
}

#[tokio::test]
pub(crate) async fn rooms_and_words_open_their_pages() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path()).await;
    let room: Code = "K7M4QX".parse().unwrap();
    server.members.lock().unwrap().insert(room, vec![Author::new(1).identity.peer()]);
    let page = server.get("/play/K7M4QX").await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("<title>Play</title>"), "{}", page.text());
    assert!(server.get("/play/new").await.text().ends_with("a new game"));
    assert!(server.get("/play").await.text().ends_with("play"));
}
