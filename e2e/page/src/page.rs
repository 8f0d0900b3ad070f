//! What the page shows: a line for each step, and the verdict in its title.

use web_sys::Document;

use crate::{conformance, library, replay};

/// The library's suite; behind it stand the promise and the server at which people meet.
const LIBRARY: &str = "#library=";

/// Runs what the address asks for.
pub(crate) async fn run() {
    let document = web_sys::window().and_then(|window| window.document()).expect("checks run in a page");
    let asked = document.location().and_then(|location| location.hash().ok()).unwrap_or_default();
    document.set_title("running");
    let outcome = match asked.as_str() {
        "#conformance" => conformance::run(&document).await,
        "#replay" => replay::run(),
        "#library" => Ok(library::names()),
        other => match other.strip_prefix(LIBRARY) {
            Some(promise) => library::keep(&document, promise).await,
            None => Err(format!("there is no check {other:?}")),
        },
    };
    let (title, said) = match outcome {
        Ok(said) => ("passed", said),
        Err(said) => ("failed", said),
    };
    say(&document, "result", &said);
    document.set_title(title);
}

/// Adds a line to the page.
pub(crate) fn say(document: &Document, id: &str, text: &str) {
    let line = document.create_element("p").expect("p is an element");
    line.set_id(id);
    line.set_text_content(Some(text));
    let body = document.body().expect("the page has a body");
    body.append_child(&line).expect("a body takes a line");
}
