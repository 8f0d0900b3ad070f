//! The conformance suite over the browser driver: the same cases as for the virtual and the native one.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use meshwork_core::conformance::{self, CASES, LinkPair, Side};
use meshwork_core::node::{Effect, Input};
use meshwork_core::seam::description::Role;
use meshwork_core::seam::io::LinkId;
use meshwork_core::seam::path::IceConfig;
use meshwork_rtc::web::{self, Links};
use wasm_bindgen::prelude::*;
use web_sys::Document;

use crate::page::say;

/// Runs every case between two drivers of this page.
pub(crate) async fn run(document: &Document) -> Result<String, String> {
    for case in CASES {
        let outcome = conformance::run(case, &mut Pair::new()).await.unwrap_or(Ok(()));
        outcome.map_err(|failure| format!("{case}: {failure}"))?;
        say(document, "", &format!("{case}: passed"));
    }
    make_in_turns().await?;
    Ok(format!("{} passed", CASES.len()))
}

/// Connections that are asked for at once are made one in a turn, so that a page draws meanwhile; what is closed before its turn is
/// never made.
async fn make_in_turns() -> Result<(), String> {
    const COUNT: u64 = 8;
    let links = Links::new(|_| {});
    for link in 1..=COUNT {
        let ice = IceConfig::default();
        let _ = links.carry_out(Effect::Open { link: LinkId(link), role: Role::Answerer, ice });
    }
    let _ = links.carry_out(Effect::Close { link: LinkId(COUNT) });
    for made in 1..COUNT {
        if links.count() != made as usize {
            return Err(format!("{} connections were made in {made} turns", links.count()));
        }
        web::sleep(Duration::ZERO).await;
    }
    match links.count() as u64 {
        count if count == COUNT - 1 => Ok(()),
        count => Err(format!("{count} connections were made of {COUNT}, one of them closed")),
    }
}

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
