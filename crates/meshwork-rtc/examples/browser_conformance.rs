//! Shows that the browser driver keeps every link driver's contract: a page that runs the conformance suite.
//!
//! Run with a page that starts this program:
//! 1. `cargo build --package meshwork-rtc --example browser_conformance --target wasm32-unknown-unknown`;
//! 2. wasm-bindgen, target web, on `target/wasm32-unknown-unknown/debug/examples/browser_conformance.wasm`;
//! 3. a page with `<script type="module">import start from "./browser_conformance.js"; start();</script>`.
//!
//! The page lists the cases as they pass. Its title is `running`, then `passed` or `failed`; the element with the
//! id `result` says how many passed, or what failed in which case. With `#CASE` behind the address only that case
//! runs. Chromium needs a network address, or `--allow-loopback-in-peer-connection`.

#[cfg(target_arch = "wasm32")]
fn main() {
    wasm_bindgen_futures::spawn_local(page::run());
}

/// The suite runs in a browser; elsewhere there is nothing to show.
#[cfg(not(target_arch = "wasm32"))]
fn main() {}

#[cfg(target_arch = "wasm32")]
mod page {
    use std::cell::{Cell, RefCell};
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::rc::Rc;
    use std::task::{Poll, Waker};
    use std::time::Duration;

    use meshwork_core::conformance::{self, CASES, LinkPair, Side};
    use meshwork_core::node::{Effect, Input};
    use meshwork_rtc::web::Links;
    use wasm_bindgen::prelude::*;
    use web_sys::Document;

    /// Two drivers in one page, whose connections are as real as between two pages.
    struct Pair {
        links: [Links; 2],
        inbox: Rc<Inbox>,
    }

    /// What the drivers have told.
    #[derive(Default)]
    struct Inbox {
        inputs: RefCell<VecDeque<(Side, Input)>>,
        reader: RefCell<Option<Waker>>,
    }

    impl Inbox {
        fn wake(&self) {
            if let Some(reader) = self.reader.borrow_mut().take() {
                reader.wake();
            }
        }
    }

    impl Pair {
        fn new() -> Pair {
            let inbox = Rc::new(Inbox::default());
            let links = [Side::A, Side::B].map(|side| {
                let inbox = inbox.clone();
                Links::new(move |input| {
                    inbox.inputs.borrow_mut().push_back((side, input));
                    inbox.wake();
                })
            });
            Pair { links, inbox }
        }
    }

    impl LinkPair for Pair {
        async fn apply(&mut self, side: Side, effect: Effect) {
            let [a, b] = &self.links;
            let links = if side == Side::A { a } else { b };
            // The suite has effects of links only.
            let _ = links.carry_out(effect);
        }

        async fn next(&mut self, patience: Duration) -> Option<(Side, Input)> {
            let is_late = Rc::new(Cell::new(false));
            let late = is_late.clone();
            let inbox = self.inbox.clone();
            let alarm = Closure::once_into_js(move || {
                late.set(true);
                inbox.wake();
            });
            let window = web_sys::window().expect("the suite runs in a page");
            let timer = window
                .set_timeout_with_callback_and_timeout_and_arguments_0(
                    alarm.unchecked_ref(),
                    i32::try_from(patience.as_millis()).unwrap_or(i32::MAX),
                )
                .expect("a page has timers");
            let next = poll_fn(|context| {
                let next = self.inbox.inputs.borrow_mut().pop_front();
                if next.is_some() || is_late.get() {
                    return Poll::Ready(next);
                }
                *self.inbox.reader.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            })
            .await;
            window.clear_timeout_with_handle(timer);
            next
        }
    }

    /// Runs the suite and says in the page what came of it.
    pub(crate) async fn run() {
        let document = web_sys::window().and_then(|window| window.document()).expect("the suite runs in a page");
        let asked = document.location().and_then(|location| location.hash().ok()).unwrap_or_default();
        let asked = asked.trim_start_matches('#');
        let cases = CASES.iter().filter(|case| asked.is_empty() || **case == asked);
        document.set_title("running");
        let mut passed = 0;
        for case in cases {
            let outcome = conformance::run(case, &mut Pair::new()).await.unwrap_or(Ok(()));
            match outcome {
                Ok(()) => {
                    say(&document, "", &format!("{case}: passed"));
                    passed += 1;
                }
                Err(failure) => {
                    say(&document, "result", &format!("{case}: {failure}"));
                    return document.set_title("failed");
                }
            }
        }
        say(&document, "result", &format!("{passed} passed"));
        document.set_title("passed");
    }

    fn say(document: &Document, id: &str, text: &str) {
        let line = document.create_element("p").expect("p is an element");
        line.set_id(id);
        line.set_text_content(Some(text));
        let body = document.body().expect("the page has a body");
        body.append_child(&line).expect("a body takes a line");
    }
}
