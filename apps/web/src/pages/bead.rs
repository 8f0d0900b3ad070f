//! A person's bead.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::beads::{self, Shape};

/// A bead as others see it: colour and shape by the PeerId, and a letter or a hole.
#[component]
pub(crate) fn Bead(
    /// Whose.
    peer: PeerId,
    /// The first letter of what they are called now.
    #[prop(into)]
    letter: Signal<Option<char>>,
) -> impl IntoView {
    let style = format!("--bead:var(--bead-{})", beads::colour(&peer));
    drawing(style, beads::shape(&peer), letter)
}

/// One's own bead on one's own screen: round and marigold.
#[component]
pub(crate) fn OwnBead(
    /// What one is called now.
    #[prop(into)]
    called: Signal<String>,
) -> impl IntoView {
    let letter = Signal::derive(move || called.with(|called| beads::letter(called)));
    drawing("--bead:var(--you);--bead-ink:var(--on-you)".to_owned(), beads::ROUND, letter)
}

fn drawing(style: String, shape: Shape, letter: Signal<Option<char>>) -> impl IntoView {
    let face = move || match letter.get() {
        Some(letter) => {
            view! { <text x="12" y=shape.letter_y.to_string()>{letter.to_string()}</text> }.into_any()
        }
        None => {
            view! { <circle class="hole" cx="12" cy=shape.letter_y.to_string() r="3.4"></circle> }.into_any()
        }
    };
    view! {
        <svg class="bead" viewBox="0 0 24 24" aria-hidden="true" style=style>
            <path d=shape.path></path>
            {face}
            <path class="strike" d="M4 20L20 4"></path>
        </svg>
    }
}
