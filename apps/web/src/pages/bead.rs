//! A person's bead.

use std::cell::Cell;

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_play::session::Colour;
use meshwork_web::people::beads::{self, Shape};

use super::session::Session;
use super::session::profiles::Profiles;

thread_local! {
    /// Numbers the outlines by which faces are cut.
    static OUTLINES: Cell<u32> = const { Cell::new(0) };
}

/// A bead as others see it: colour and shape by the PeerId, and the face of the person, a letter or a hole.
#[component]
pub(crate) fn Bead(
    /// Whose.
    peer: PeerId,
    /// The first letter of what they are called now.
    #[prop(into)]
    letter: Signal<Option<char>>,
    /// A colour in place of the person's own, such as that of a seat in a game.
    #[prop(optional)]
    paint: Option<Colour>,
) -> impl IntoView {
    let style = match paint {
        Some(paint) => format!("--bead:{};--bead-ink:#0f1513", paint.to_text()),
        None => format!("--bead:var(--bead-{})", beads::colour(&peer)),
    };
    let profiles = use_context::<Profiles>();
    let face = Signal::derive(move || profiles.and_then(|profiles| profiles.face(peer)));
    drawing(style, beads::shape(&peer), letter, face)
}

/// One's own bead on one's own screen: round and marigold.
#[component]
pub(crate) fn OwnBead(
    /// What one is called now.
    #[prop(into)]
    called: Signal<String>,
) -> impl IntoView {
    let letter = Signal::derive(move || called.with(|called| beads::letter(called)));
    let style = "--bead:var(--you);--bead-ink:var(--on-you)".to_owned();
    drawing(style, beads::ROUND, letter, Signal::stored(None))
}

fn drawing(
    style: String,
    shape: Shape,
    letter: Signal<Option<char>>,
    face: Signal<Option<String>>,
) -> impl IntoView {
    let inner = move || match (face.get(), letter.get()) {
        (Some(face), _) => portrait(shape, face),
        (None, Some(letter)) => {
            view! { <text x="12" y=shape.letter_y.to_string()>{letter.to_string()}</text> }.into_any()
        }
        (None, None) => {
            view! { <circle class="hole" cx="12" cy=shape.letter_y.to_string() r="3.4"></circle> }.into_any()
        }
    };
    view! {
        <svg class="bead" viewBox="0 0 24 24" aria-hidden="true" style=style>
            <path d=shape.path></path>
            {inner}
            <path class="strike" d="M4 20L20 4"></path>
        </svg>
    }
}

/// A face, cut to the shape of the bead with an edge of its colour.
fn portrait(shape: Shape, face: String) -> AnyView {
    let number = OUTLINES.get();
    OUTLINES.set(number.wrapping_add(1));
    let id = format!("outline-{number}");
    let clip = format!("url(#{id})");
    view! {
        <clipPath id=id>
            <path d=shape.path transform="translate(1.2 1.2) scale(0.9)"></path>
        </clipPath>
        <image href=face width="24" height="24" preserveAspectRatio="xMidYMid slice" clip-path=clip></image>
    }
    .into_any()
}

/// A person's bead, marigold for this person.
#[component]
pub(crate) fn PersonBead(session: Session, peer: PeerId) -> impl IntoView {
    match peer == session.node.peer() {
        true => view! { <OwnBead called=session.me.name/> }.into_any(),
        false => view! { <Bead peer letter=Signal::derive(move || {
            session.people.rows.track();
            session.people.letter_of(peer)
        })/> }
        .into_any(),
    }
}
