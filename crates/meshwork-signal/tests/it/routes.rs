//! Routes of others in a server, over plain HTTP.

use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use meshwork_core::id::Code;
use meshwork_signal::http::{Head, HttpConfig, Picture, RouteContext};
use meshwork_signal::hub::HubConfig;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common::{Server, genesis, someone, soon, trusting};

/// A server whose routes tell their context.
async fn telling(config: HttpConfig) -> Server {
    let tell = async |context: RouteContext| {
        format!("{} {} {}", context.network(), context.address_of("/shelf/x"), context.base_path())
    };
    let routes = Router::new().route("/shelf/tell", get(tell)).route("/shelf/{word}", get("a word"));
    Server::with_routes(HubConfig::default(), config, [1; 32], [routes]).await
}

#[tokio::test]
async fn routes_answer_with_security_headers() {
    let policy = "sandbox; default-src 'none'";
    let framed = async move || ([(CONTENT_SECURITY_POLICY, policy)], "framed");
    let routes = Router::new().route("/shelf", get("shelf")).route("/shelf/frame", get(framed));
    let server = Server::with_routes(HubConfig::default(), trusting(), [1; 32], [routes]).await;
    for (path, policy) in [("/shelf", "default-src 'self'; script-src 'self'"), ("/shelf/frame", policy)] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.contains(&format!("\r\ncontent-security-policy: {policy}")), "{answer}");
        assert_eq!(answer.matches("content-security-policy").count(), 1, "{answer}");
        assert!(answer.contains("x-content-type-options: nosniff"), "{answer}");
    }
    let answer = server.request("POST /shelf HTTP/1.1\r\ncontent-length: 0").await;
    assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
}

#[tokio::test]
async fn routes_stand_between_own_addresses_and_pages() {
    let first = Router::new().route("/shelf", get("first")).route("/health", get("never"));
    let second = Router::new()
        .route("/shelf", get("second"))
        .route("/sync/{code}", get("a code"))
        .route("/signal", get("never"))
        .fallback(async || "never");
    let server = Server::with_routes(HubConfig::default(), trusting(), [1; 32], [first, second]).await;
    for (path, end) in [
        ("/shelf", "first"),
        ("/sync/K7M4QX", "a code"),
        ("/health", "OK"),
        ("/", "<!doctype html>"),
        ("/nothing", "There is nothing at /nothing. The start page is at /.\n"),
        ("/signal", "Programs speak WebSocket here.\n"),
    ] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.ends_with(end), "{path}: {answer}");
    }
}

#[tokio::test]
async fn addresses_of_routes_begin_with_the_public_one() {
    let server = telling(trusting()).await;
    let answer = server.request("GET /shelf/tell HTTP/1.1").await;
    assert!(answer.ends_with("\r\n127.0.0.1/32 http://localhost/shelf/x "), "{answer}");
    let lines = "x-forwarded-for: 2001:db8:7::9\r\nx-forwarded-proto: https";
    let answer = server.request(&format!("GET /shelf/tell HTTP/1.1\r\n{lines}")).await;
    assert!(answer.ends_with("\r\n2001:db8:7::/64 https://localhost/shelf/x "), "{answer}");

    let below = HttpConfig { public_url: Some("https://x.org/mesh".into()), ..HttpConfig::default() };
    let server = telling(below).await;
    // Some proxies take the path away, others leave it.
    for path in ["/mesh/shelf/tell", "/shelf/tell"] {
        let answer = server.request(&format!("GET {path} HTTP/1.1")).await;
        assert!(answer.ends_with("\r\n127.0.0.1/32 https://x.org/mesh/shelf/x /mesh"), "{path}: {answer}");
    }
}

#[tokio::test]
async fn routes_are_behind_the_shares_of_networks() {
    let config = HttpConfig { requests_per_second: 1, request_burst: 10, ..HttpConfig::default() };
    let server = telling(config).await;
    let mut refused = 0;
    for _ in 0..20 {
        let answer = server.request("GET /shelf/x HTTP/1.1").await;
        refused += usize::from(answer.starts_with("HTTP/1.1 429 "));
        assert!(refused > 0 || answer.ends_with("a word"), "{answer}");
    }
    assert!(refused >= 5, "{refused} of 20 were refused");
}

#[tokio::test]
async fn bodies_that_pause_are_ended() {
    let config = HttpConfig { head_within: Duration::from_millis(300), ..HttpConfig::default() };
    let routes = Router::new().route("/shelf", post(async |body: String| body));
    let server = Server::with_routes(HubConfig::default(), config, [1; 32], [routes]).await;
    let answer = server.request("POST /shelf HTTP/1.1\r\ncontent-length: 0").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"POST /shelf HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
    let mut answer = String::new();
    soon(stream.read_to_string(&mut answer)).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}

/// A server with a page of its own for each name.
async fn greeting(config: HttpConfig) -> Server {
    let hello = async |context: RouteContext, Path((app, name)): Path<(String, String)>| {
        let status = if name == "nobody" { StatusCode::NOT_FOUND } else { StatusCode::OK };
        let picture = Picture { path: "/card.png".into(), width: 960, height: 540, ..Picture::default() };
        let head = Head {
            title: format!("Hello {name}"),
            description: "{{origin}} & more".into(),
            path: format!("/hello/{app}/{name}"),
            picture: Some(picture),
        };
        context.page(status, &app, &head)
    };
    let routes = Router::new().route("/hello/{app}/{name}", get(hello));
    Server::with_routes(HubConfig::default(), config, [1; 32], [routes]).await
}

#[tokio::test]
async fn routes_give_the_page_their_own_head() {
    let server = greeting(trusting()).await;
    let answer = server.request("GET /hello/shelf/%3Cb%3E HTTP/1.1").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for part in [
        "<meta name=\"site\"><title>Hello &lt;b&gt;</title>\n",
        "<meta name=\"description\" content=\"{{origin}} &amp; more\">\n",
        "<meta property=\"og:title\" content=\"Hello &lt;b&gt;\">\n",
        "<meta property=\"og:url\" content=\"http://localhost/hello/shelf/&lt;b&gt;\">\n",
        "<meta property=\"og:image\" content=\"http://localhost/card.png\">\n",
        "<meta name=\"twitter:card\" content=\"summary_large_image\">\n",
        "<link rel=\"canonical\" href=\"http://localhost/hello/shelf/&lt;b&gt;\"><script src=\"/a.js\">",
        "\r\ncontent-type: text/html; charset=utf-8\r\n",
        "frame-src 'self'\r\n",
    ] {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert!(!answer.contains("old"), "{answer}");
    let tag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap();
    let known = format!("HTTP/1.1\r\nif-none-match: {tag}");
    let again = server.request(&format!("GET /hello/shelf/%3Cb%3E {known}")).await;
    assert!(again.starts_with("HTTP/1.1 304 ") && again.ends_with("\r\n\r\n"), "{again}");
    let other = server.request(&format!("GET /hello/shelf/ann {known}")).await;
    assert!(other.starts_with("HTTP/1.1 200 "), "{other}");
    let nobody = server.request("GET /hello/shelf/nobody HTTP/1.1").await;
    assert!(nobody.starts_with("HTTP/1.1 404 ") && nobody.contains("<title>Hello nobody<"), "{nobody}");
    // Neither has a page with the marks of a head.
    for app in ["place", "..%2Findex"] {
        let start = server.request(&format!("GET /hello/{app}/ann HTTP/1.1")).await;
        assert!(start.ends_with("\r\n\r\n<!doctype html>"), "{start}");
    }
}

#[tokio::test]
async fn heads_of_routes_name_the_base_path() {
    let below = HttpConfig { public_url: Some("https://x.org/mesh".into()), ..HttpConfig::default() };
    let answer = greeting(below).await.request("GET /mesh/hello/shelf/ann HTTP/1.1").await;
    for part in
        ["\"https://x.org/mesh/card.png\"", "\"https://x.org/mesh/hello/shelf/ann\"", "src=\"/mesh/a.js\""]
    {
        assert!(answer.contains(part), "{answer}");
    }
}

#[tokio::test]
async fn routes_count_members_and_few_unknown_codes() {
    let count = async |context: RouteContext, Path(code): Path<String>| {
        let code = code.parse().map_err(|_| StatusCode::NOT_FOUND)?;
        let count = context.member_count(code).map_err(|_| StatusCode::TOO_MANY_REQUESTS)?;
        count.map(|count| count.to_string()).ok_or(StatusCode::NOT_FOUND)
    };
    let routes = Router::new().route("/count/{code}", get(count));
    let server = Server::with_routes(HubConfig::default(), trusting(), [1; 32], [routes]).await;
    let counted = async |code: &str, client: &str| {
        let lines = format!("x-forwarded-for: {client}");
        server.request(&format!("GET /count/{code} HTTP/1.1\r\n{lines}")).await
    };
    let (genesis, room) = genesis(1);
    let mut first = server.enter(&someone(1)).await;
    let code = first.register(&genesis).await;
    first.join(room).await;
    let mut second = server.enter(&someone(2)).await;
    second.join(room).await;
    assert!(counted(&code, "192.0.2.1").await.ends_with("\r\n\r\n2"));
    let room: Code = code.parse().unwrap();
    assert_eq!(server.handle.member_count(room), Some(2));
    let is_member = |number| server.handle.has_member(room, someone(number).identity.peer());
    assert_eq!([1, 2, 3].map(is_member), [true, true, false]);
    let other = if code == "K7M4QX" { "K7M4QY" } else { "K7M4QX" };
    for tried in 0.. {
        let answer = counted(other, "192.0.2.1").await;
        if answer.starts_with("HTTP/1.1 429 ") {
            assert!(tried >= 50, "after {tried}");
            break;
        }
        assert!(answer.starts_with("HTTP/1.1 404 ") && tried < 500, "{tried}: {answer}");
    }
    assert!(counted(&code, "198.51.100.1").await.ends_with("\r\n\r\n2"), "another network");
}

#[tokio::test]
async fn routes_answer_as_pages_do() {
    let page = async |context: RouteContext, Path(word): Path<String>, headers: HeaderMap| {
        context.page_at(&format!("/{word}"), &headers)
    };
    let routes = Router::new().route("/through/{word}", get(page));
    let server = Server::with_routes(HubConfig::default(), trusting(), [1; 32], [routes]).await;
    for word in ["K7M4QX", "robots.txt", "nothing"] {
        let without_date = |answer: String| {
            answer.lines().filter(|line| !line.starts_with("date:")).collect::<Vec<_>>().join("\n")
        };
        let direct = server.request(&format!("GET /{word} HTTP/1.1")).await;
        let through = server.request(&format!("GET /through/{word} HTTP/1.1")).await;
        assert_eq!(without_date(through), without_date(direct), "{word}");
    }
}

#[test]
fn the_pages_have_the_marks_of_a_head() {
    let page = include_str!("../../../../apps/web/index.html");
    let (before, rest) = page.split_once("<!--head-->").unwrap();
    let (head, after) = rest.split_once("<!--/head-->").unwrap();
    for part in ["<title>", "name=\"description\"", "og:title", "og:image", "twitter:card", "canonical"] {
        assert!(head.contains(part) && !before.contains(part) && !after.contains(part), "{part}");
    }
}
