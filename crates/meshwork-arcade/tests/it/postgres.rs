//! The shelf over PostgreSQL: the tests of the shelf with databases instead of files, and two servers on one database.

use std::path::Path;
use std::sync::Arc;

use meshwork_arcade::{Shelf as _, SqlShelf};
use meshwork_core::id::Code;
use meshwork_play::shelf::{Ask, Published};
use meshwork_signal::http::HttpConfig;

use crate::support::postgres::{PASSWORD, Postgres};
use crate::support::{Author, Server, drawing, hash, over_databases, package};
use crate::{downloads, games, limits, pages, parties, undo};

/// Every test of the shelf that has a store.
macro_rules! tests {
    ($($module:ident: $($name:ident),+;)+) => {
        const TESTS: &[(&str, fn())] = &[$($((stringify!($name), $module::$name)),+),+];
    };
}

tests! {
    downloads: slow_readers_hold_no_connection,
        removals_break_downloads_off,
        heads_and_known_packages_have_no_body;
    games: published_games_have_code_release_and_package,
        lists_have_published_games_newest_first,
        later_versions_have_the_same_code,
        codes_avoid_rooms_games_and_words,
        ten_codes_are_drawn,
        refused_publications_give_their_code_back,
        restarts_keep_games_and_codes,
        owners_remove_their_games,
        forged_old_and_replayed_requests_are_refused,
        replayed_publications_make_no_second_game,
        mutated_packages_and_releases_are_refused,
        operators_take_games_and_packages_down,
        games_that_a_server_brings_come_once;
    limits: only_named_keys_may_publish,
        the_own_machine_publishes_without_limit,
        networks_publish_few_games_a_day,
        networks_publish_few_bytes_a_day,
        keys_have_few_games,
        large_bodies_are_refused_unread,
        other_origins_follow_the_allowed_ones,
        other_pages_publish_on_no_unnamed_server;
    pages: pages_show_game_author_and_card,
        titles_of_html_are_text,
        scripts_are_no_pictures,
        unknown_codes_are_not_found,
        rooms_and_words_open_their_pages;
    parties: parties_are_lowered_and_forgotten,
        only_members_speak_for_a_party,
        refused_requests_take_no_place_in_memory,
        parties_lead_to_this_server_alone,
        matches_count_as_plays;
    undo: games_that_were_taken_down_come_back,
        deleted_files_do_not_come_back,
        accepted_packages_and_authors_come_back;
}

/// The address that both of two servers have, as behind a load balancer.
const PUBLIC: &str = "https://games.example.org";

/// Games that each of two servers publishes while the other does the same.
const GAMES: u32 = 6;
const GAMES_OF_A_KEY: u32 = GAMES + 1;

/// A schema's name for a folder.
fn name(folder: &Path) -> String {
    format!("t{}", &blake3::hash(folder.as_os_str().as_encoded_bytes()).to_hex()[..32])
}

#[test]
fn every_test_passes_over_postgresql() {
    let files = [
        include_str!("downloads.rs"),
        include_str!("games.rs"),
        include_str!("limits.rs"),
        include_str!("pages.rs"),
        include_str!("parties.rs"),
        include_str!("undo.rs"),
    ];
    let written: usize = files.iter().map(|file| file.matches("#[tokio::test]").count()).sum();
    assert_eq!(TESTS.len(), written, "a test of the shelf is not in the list");
    let postgres = Arc::new(Postgres::start());
    for (test_name, test) in TESTS {
        println!("{test_name}");
        let postgres = Arc::clone(&postgres);
        over_databases(move |folder| postgres.schema(&name(folder)), test);
    }
}

/// Runs a test of several servers on one database.
fn over_one(url: String, test: impl AsyncFnOnce()) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    over_databases(move |_| url.clone(), || runtime.block_on(test()));
}

async fn server(folder: &Path, codes: Vec<Code>) -> Server {
    let http = HttpConfig { public_url: Some(PUBLIC.into()), ..HttpConfig::default() };
    Server::with(folder, http, |config| {
        config.network_games_a_day = 1_000;
        config.games_of_a_key = GAMES_OF_A_KEY;
        config.draw = drawing(codes);
    })
    .await
}

/// The body of a publication for either server.
fn body(server: &Server, author: &Author, title: &str, code: Option<Code>, version: u32) -> Vec<u8> {
    let package = package(title);
    let release = author.release(&package, version);
    let ask = Ask::Publish { code, release: hash(&release).into(), draft: false };
    let at_ms = author.sign(server, &ask).at_ms;
    let request = meshwork_play::shelf::Request::sign(&author.identity, at_ms, PUBLIC, &ask);
    meshwork_play::shelf::publication(&request, &release, package.bytes())
}

#[test]
fn two_servers_share_one_database() {
    let postgres = Postgres::start();
    over_one(postgres.database("shared"), async || {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // The first codes are drawn by both, at the same time.
        let codes = |own: u32| (1..=GAMES).chain(own..own + 100).map(Code::from_bits).collect();
        let (a, b) = tokio::join!(server(first.path(), codes(1_000)), server(second.path(), codes(2_000)));
        let (mira, other) = (Author::new(1), Author::new(2));
        let mut published = Vec::new();
        for number in 0..GAMES {
            let (one, two) = (format!("One {number}"), format!("Two {number}"));
            let (one, two) = (body(&a, &mira, &one, None, 1), body(&b, &other, &two, None, 1));
            let (one, two) = tokio::join!(a.post(&one), b.post(&two));
            published.extend([one.json::<Published>().code, two.json::<Published>().code]);
        }
        let mut unique = published.clone();
        unique.sort();
        unique.dedup();
        assert_eq!(unique.len(), 12, "each game has a code of its own: {published:?}");
        assert_eq!(a.games("?most=100").await, b.games("?most=100").await);
        a.arcade.refresh().await;
        assert!(a.handle.reserve(published[11]).is_err(), "no room of the first gets the second's code");
        assert_eq!(a.arcade.counts().games, 12);

        // A package that one has read, and the other takes down.
        let path = format!("/play/api/packages/{}", a.game(published[0]).await.game.package);
        assert_eq!(b.get(&path).await.status, 200);
        let remove = meshwork_arcade::TakeDown::Code(published[0]);
        a.arcade
            .take_down(remove, meshwork_arcade::By::Operator, meshwork_arcade::Files::Keep)
            .await
            .unwrap();
        b.get(&format!("/play/api/games/{}", published[0])).await.expect_refusal(404, "Game not found");
        assert_eq!(b.get(&path).await.status, 404);

        versions_limits_and_replays(&a, &b).await;
    });
}

async fn versions_limits_and_replays(a: &Server, b: &Server) {
    let nora = Author::new(3);
    let first = body(a, &nora, "First", None, 1);
    let code = a.post(&first).await.json::<Published>().code;
    b.post(&first).await.expect_refusal(409, "published already");
    let (one, two) = (body(a, &nora, "V2", Some(code), 2), body(b, &nora, "Second", Some(code), 2));
    let (one, two) = tokio::join!(a.post(&one), b.post(&two));
    let mut answers = [one.status, two.status];
    answers.sort_unstable();
    assert_eq!(answers, [200, 409], "one server stores version 2");

    // One has room for one more game; both get a publication.
    for number in 1..GAMES {
        let game = body(a, &nora, &format!("More {number}"), None, 1);
        assert_eq!(a.post(&game).await.status, 200);
    }
    let (one, two) = (body(a, &nora, "Last", None, 1), body(b, &nora, "Too many", None, 1));
    let (one, two) = tokio::join!(a.post(&one), b.post(&two));
    let mut answers = [one.status, two.status];
    answers.sort_unstable();
    assert_eq!(answers, [200, 429], "{} {}", one.text(), two.text());

    // The games of the program, by the key in the store.
    let keys = [[5; 32], [6; 32]].map(|fresh| {
        let store = a.store();
        async move { store.shared_key("games", fresh).await.unwrap() }
    });
    let [one, two] = keys;
    let (one, two) = tokio::join!(one, two);
    assert_eq!(one, two);
    let ours = meshwork_core::id::Identity::from_secret(one);
    let packages = [package("Rim"), package("Trails")];
    let (one, two) = tokio::join!(
        a.arcade.bring(&ours, "Meshwork", &packages),
        b.arcade.bring(&ours, "Meshwork", &packages)
    );
    one.unwrap();
    two.unwrap();
    let games = a.games("?most=100").await.games;
    assert_eq!(games.iter().filter(|game| game.author_name == "Meshwork").count(), 2);
}

#[test]
fn tables_are_made_once() {
    let postgres = Postgres::start();
    let url = postgres.database("fresh");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (a, b, c) =
            tokio::join!(SqlShelf::connect(&url), SqlShelf::connect(&url), SqlShelf::connect(&url));
        for opened in [a, b, c] {
            assert_eq!(opened.unwrap().totals().await.unwrap().games, 0);
        }
    });
}

#[test]
fn certificates_of_databases_are_checked() {
    let postgres = Postgres::start();
    let url = postgres.database("games").replace("127.0.0.1", "localhost");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connect = |parameters: &str| runtime.block_on(SqlShelf::connect(&format!("{url}?{parameters}")));
    let certificate = postgres.certificate();
    let store = connect(&format!("sslmode=verify-full&sslrootcert={}", certificate.display())).unwrap();
    assert_eq!(
        postgres
            .query(
                "SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                               WHERE ssl AND datname = 'games'"
            )
            .unwrap(),
        "t"
    );
    drop(store);
    let error = connect("sslmode=verify-full").unwrap_err().to_string();
    assert!(error.contains("UnknownIssuer") && !error.contains(PASSWORD), "{error}");
    // A socket has no certificate.
    runtime.block_on(SqlShelf::connect(&postgres.socket_url("games"))).unwrap();
}

#[test]
fn databases_that_are_away_come_back() {
    let postgres = std::cell::RefCell::new(Postgres::start());
    let url = postgres.borrow().database("games");
    over_one(url, async || {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(folder.path()).await;
        let mira = Author::new(1);
        let code = server.publish(&mira, "Rim").await.code;
        server.arcade.refresh().await;
        assert!(server.arcade.counts().store_up);
        postgres.borrow_mut().stop();
        for path in ["/play/api/games".to_owned(), format!("/play/{code}")] {
            server.get(&path).await.expect_refusal(503, "does not answer now: try again in a minute");
        }
        let refused = server.try_publish(&mira, &package("Other"), None, 1).await;
        refused.expect_refusal(503, "does not answer now");
        server.arcade.refresh().await;
        assert!(!server.arcade.counts().store_up);
        let url = postgres.borrow().url("games");
        let error = SqlShelf::connect(&url).await.unwrap_err().to_string();
        assert!(error.contains("does not answer") && !error.contains(PASSWORD), "{error}");

        postgres.borrow_mut().resume();
        server.arcade.refresh().await;
        assert!(server.arcade.counts().store_up);
        assert_eq!(server.game(code).await.game.title, "Rim");
        server.publish(&mira, "Other").await;
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wrong = postgres.borrow().url("games").replace(PASSWORD, "another-word");
    for (url, word) in [(postgres.borrow().url("nowhere"), "does not exist"), (wrong, "password")] {
        let error = runtime.block_on(SqlShelf::connect(&url)).unwrap_err().to_string();
        assert!(
            error.contains(word) && !error.contains(PASSWORD) && !error.contains("another-word"),
            "{error}"
        );
    }
}
