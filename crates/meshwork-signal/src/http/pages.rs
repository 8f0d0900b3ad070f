//! The pages: where they come from, and with which headers they are handed out.

use std::borrow::Cow;
use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::AppWord;

use super::config::base_path;
use super::head::{self, BARE, Head};
use super::policy;

/// The file behind `/`, every room's address, and whatever else a person opens: one page that finds its way by its address.
pub(super) const INDEX: &str = "index.html";
/// Where the same page lies with the preview of an app, as `WORD.html`, for each app that the pages have, and as
/// `WORD/PAGE.html` for each page of its own.
const APPS_FOLDER: &str = "apps";
/// What lies below is named by a hash of its content and never changes.
const IMMUTABLE_FOLDER: &str = "assets/";
/// What stands in a page for the address by which people reach the server. Previews of links show pictures only by their whole
/// address, which no build knows.
const ORIGIN: &str = "{{origin}}";
/// The path of that address, before those of the files that the page loads.
const BASE: &str = "{{base}}";
/// Forms that a file may also be kept in, best first: the encoding's name and what is added to the file's.
const ENCODINGS: [(&str, &str); 2] = [("br", ".br"), ("gzip", ".gz")];

/// Where the pages come from: a folder in the binary, on disk or in memory.
pub trait Pages: Send + Sync + 'static {
    /// The file at `path`, such as `index.html` or `assets/1f0c/meshwork.js`; paths come from outside and may
    /// hold anything, but no empty, `.` or `..` part.
    ///
    /// A file may have smaller twins named `PATH.br` and `PATH.gz`, which browsers that can read them are given. In a page
    /// `{{origin}}` stands for the server's own address and `{{base}}` for its path; such a page has no twins. A route
    /// replaces the part between `<!--head-->` and `<!--/head-->` by a [`Head`] of its own.
    fn page(&self, path: &str) -> Option<Page>;
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Its content.
    pub body: Cow<'static, [u8]>,
    /// A hash of the content: another content, another hash.
    pub hash: [u8; 32],
    /// Its own Content-Security-Policy, instead of [`PAGE_POLICY`](super::PAGE_POLICY). Twins have the policy of their file.
    pub policy: Option<Cow<'static, str>>,
}

impl Page {
    /// A file with the policy of all pages.
    pub fn new(body: impl Into<Cow<'static, [u8]>>, hash: [u8; 32]) -> Page {
        Page { body: body.into(), hash, policy: None }
    }

    /// Replaces the policy of all pages by its own. [`page_policy`](super::page_policy) makes one that allows more scripts.
    #[must_use]
    pub fn with_policy(self, policy: impl Into<Cow<'static, str>>) -> Page {
        Page { policy: Some(policy.into()), ..self }
    }
}

/// No pages at all: a meeting point for programs that have their own.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPages;

impl Pages for NoPages {
    fn page(&self, _path: &str) -> Option<Page> {
        None
    }
}

/// Answers a request for a file; `origin` is the server's own address, where that is known.
pub(super) fn answer(
    pages: &dyn Pages,
    asked: &str,
    headers: &HeaderMap,
    origin: impl FnOnce() -> Option<String>,
) -> Response {
    let found = files_at(asked).into_iter().find_map(|path| Some((pages.page(&path)?, path)));
    let is_found = found.is_some();
    let lost = || {
        let page = pages.page(INDEX).filter(|_| is_for_people(asked, headers))?;
        Some((page, INDEX.to_owned()))
    };
    let Some((plain, path)) = found.or_else(lost) else {
        let words = format!("There is nothing at {asked}. The start page is at /.\n");
        return (StatusCode::NOT_FOUND, words).into_response();
    };
    let (encoding, page) = match (filled(&plain, &path, origin), smallest(pages, &path, headers)) {
        (Some(filled), _) => (None, filled),
        (None, Some((encoding, twin))) => (Some(encoding), Page { policy: plain.policy, ..twin }),
        (None, None) => (None, plain),
    };
    let status = if is_found { StatusCode::OK } else { StatusCode::NOT_FOUND };
    respond(status, &path, page, encoding, headers.get(header::IF_NONE_MATCH))
}

/// The page of an app, if the pages have the app, with a head of a route's own.
pub(super) fn page_with_head(
    pages: &dyn Pages,
    app: &str,
    head: &Head,
    origin: &str,
    address_of: impl Fn(&str) -> String,
) -> Page {
    let of_app = app.parse::<AppWord>().is_ok().then(|| format!("{APPS_FOLDER}/{app}.html"));
    let mut paths = of_app.into_iter().chain([INDEX.to_owned()]);
    let found = paths.find_map(|path| pages.page(&path));
    let page = found.unwrap_or_else(|| Page::new(BARE.as_bytes(), [0; 32]));
    let text = in_place(&String::from_utf8_lossy(&page.body), origin);
    let body = head::with_head(&text, head, address_of);
    let hash = blake3::hash(body.as_bytes()).into();
    Page { body: body.into_bytes().into(), hash, ..page }
}

/// The response with a page, or without one if the client has it already: it sent `known` tags.
pub(super) fn respond(
    status: StatusCode,
    path: &str,
    page: Page,
    encoding: Option<&str>,
    known: Option<&HeaderValue>,
) -> Response {
    let tag = entity_tag(&page.hash);
    let is_known = status == StatusCode::OK && known.is_some_and(|known| names(known, &tag));
    let caching =
        if path.starts_with(IMMUTABLE_FOLDER) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        (status, Body::from(page.body)).into_response()
    };
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    set(header::ETAG, &tag);
    set(header::CACHE_CONTROL, caching);
    set(header::CONTENT_TYPE, content_type(path));
    set(header::VARY, "accept-encoding");
    if let Some(encoding) = encoding {
        set(header::CONTENT_ENCODING, encoding);
    }
    if let Some(policy) = &page.policy {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy::header_of(policy));
    }
    response
}

/// Whether a person opens the address in a browser, who is then shown a page; scripts and styles that are not there are told
/// so in words.
fn is_for_people(path: &str, headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).and_then(|accepted| accepted.to_str().ok());
    accepted.is_some_and(|accepted| accepted.contains("text/html"))
        && !path.trim_start_matches('/').starts_with(IMMUTABLE_FOLDER)
}

/// The files that an address may stand for, of which the first that is there is meant; none for addresses that no file can
/// have.
fn files_at(path: &str) -> Vec<String> {
    let Some(path) = path.strip_prefix('/') else { return Vec::new() };
    let of_app = |app: &str| format!("{APPS_FOLDER}/{app}.html");
    if !path.starts_with(IMMUTABLE_FOLDER)
        && let Some(room) = room_at(path)
    {
        let app = room.app().map(|app| of_app(app));
        return app.into_iter().chain([INDEX.to_owned()]).collect();
    }
    let address = path.strip_suffix('/').unwrap_or(path);
    match address.contains('/') {
        false if path.is_empty() => vec![INDEX.to_owned()],
        false if address.parse::<AppWord>().is_ok() => vec![of_app(address), path.to_owned()],
        true if is_page_of_app(address) => vec![of_app(address), path.to_owned()],
        _ if path.split('/').all(|part| !matches!(part, "" | "." | "..")) => vec![path.to_owned()],
        _ => Vec::new(),
    }
}

/// Whether an address has the form `APP/WORD` of an app's own page. Files of a build are none.
fn is_page_of_app(address: &str) -> bool {
    let is_word = |word: &str| word.parse::<AppWord>().is_ok();
    let words = address.split_once('/').filter(|_| !address.starts_with(IMMUTABLE_FOLDER));
    words.is_some_and(|(app, page)| is_word(app) && is_word(page))
}

/// The room whose address a path is, as people send it: with a point behind it, say, or with `#` written as `%23`, by which even the
/// secret comes here. The page puts that right.
fn room_at(path: &str) -> Option<RoomAddress> {
    // Nobody has a page of this name but this server.
    const HERE: &str = "http://here";
    let room: RoomAddress = format!("{HERE}/{path}").parse().ok()?;
    room.server().is_some_and(|(server, _)| server == HERE).then_some(room)
}

/// A page with the server's own address in it; nothing for a page without a place for it.
fn filled(plain: &Page, path: &str, origin: impl FnOnce() -> Option<String>) -> Option<Page> {
    let text = path.ends_with(".html").then(|| std::str::from_utf8(&plain.body).ok())??;
    if !text.contains(ORIGIN) {
        return None;
    }
    let body = in_place(text, &origin().unwrap_or_default());
    let hash = blake3::hash(body.as_bytes()).into();
    Some(Page { body: body.into_bytes().into(), hash, policy: plain.policy.clone() })
}

/// A page's text with the server's own address in its places.
fn in_place(text: &str, origin: &str) -> String {
    text.replace(ORIGIN, origin).replace(BASE, base_path(origin))
}

/// The smallest twin of a file that the browser can read.
fn smallest(pages: &dyn Pages, path: &str, headers: &HeaderMap) -> Option<(&'static str, Page)> {
    let accepted = headers.get(header::ACCEPT_ENCODING)?.to_str().ok()?;
    let is_accepted = |name: &str| {
        accepted.split(',').any(|entry| {
            let mut parts = entry.split(';').map(str::trim);
            parts.next() == Some(name)
                && !matches!(parts.next(), Some("q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
        })
    };
    let mut encodings = ENCODINGS.into_iter().filter(|(name, _)| is_accepted(name));
    encodings.find_map(|(name, suffix)| Some((name, pages.page(&format!("{path}{suffix}"))?)))
}

fn entity_tag(hash: &[u8; 32]) -> String {
    let mut tag = String::from("\"");
    for byte in &hash[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

/// Whether an `If-None-Match` header names `tag` (RFC 9110 section 13.1.2, weak comparison).
fn names(known: &HeaderValue, tag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known.split(',').map(str::trim).any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "wasm" => "application/wasm",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stand_for_files() {
        for index in ["/", "/K7M4QX", "/k7m4qx/"] {
            assert_eq!(files_at(index), [INDEX], "{index}");
        }
        for (app, word) in [("/place/K7M4QX", "place"), ("/tic-tac-toe-3/K7M4QX/", "tic-tac-toe-3")] {
            assert_eq!(files_at(app), [&format!("apps/{word}.html"), INDEX], "{app}");
        }
        for view in ["/sync/K7M4QX/whiteboard", "/sync/k7m4qx/document/"] {
            assert_eq!(files_at(view), ["apps/sync.html", INDEX], "{view}");
        }
        assert_eq!(files_at("/sync/K7M4QX/a/b"), ["sync/K7M4QX/a/b"], "a view is one word");
        for page in ["/play/new", "/play/new/"] {
            assert_eq!(files_at(page)[0], "apps/play/new.html", "{page}");
        }
        for app in ["/sync", "/sync/"] {
            assert_eq!(files_at(app)[0], "apps/sync.html", "{app}");
        }
        for file in
            ["assets/1f/meshwork.js", "assets/ABCDEF", "HEALTH", "chat/K7M", "place/K7M", "a/chat/K7M4QX"]
        {
            assert_eq!(files_at(&format!("/{file}")), [file], "no room");
        }
        let room = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        for sent in [
            "/place/K7M4QX.".to_owned(),
            "/place/K7M4QX)".to_owned(),
            "/place/K7M4QX%22".to_owned(),
            "//place/K7M4QX".to_owned(),
            "/place/K7M4QX&utm_source=news".to_owned(),
            format!("/place/K7M4QX%23{room}"),
            format!("/place/K7M4QX%2523{room}"),
            format!("/place/K7M4QX%23{room}.AQEBAQEBAQEBAQEBAQEBAQ."),
        ] {
            assert_eq!(files_at(&sent), ["apps/place.html", INDEX], "{sent}");
        }
        assert_eq!(files_at("//K7M4QX"), [INDEX]);
        for wrong in ["//", "/../key", "/assets//x", "/./x", "*", "/../K7M4QX"] {
            assert_eq!(files_at(wrong), [""; 0], "{wrong}");
        }
    }

    #[test]
    fn encodings_that_are_ruled_out_are_not_sent() {
        struct Twins;
        impl Pages for Twins {
            fn page(&self, path: &str) -> Option<Page> {
                let is_there = path == "a.js.br" || path == "a.js.gz";
                is_there.then(|| Page::new(path.as_bytes().to_vec(), [0; 32]))
            }
        }
        let chosen = |accepted: &'static str| {
            let headers =
                HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(accepted))]);
            smallest(&Twins, "a.js", &headers).map(|(name, _)| name)
        };
        assert_eq!(chosen("gzip, deflate, br, zstd"), Some("br"));
        assert_eq!(chosen("gzip;q=1.0, br;q=0"), Some("gzip"));
        assert_eq!(chosen("identity"), None);
    }
}
