//! A person's bead.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::beads::{self, Shape};

/// A bead as others see it: colour and shape by the PeerId, the first letter of what they are called.
#[component]
pub(crate) fn Bead(
    /// Whose.
    peer: PeerId,
    /// What they are called now.
    #[prop(into)]
    called: Signal<String>,
) -> impl IntoView {
    let style = format!("--bead:var(--bead-{})", beads::colour(&peer));
    drawing(style, beads::shape(&peer), called)
}

/// One's own bead on one's own screen: round and marigold.
#[component]
pub(crate) fn OwnBead(
    /// What one is called now.
    #[prop(into)]
    called: Signal<String>,
) -> impl IntoView {
    drawing("--bead:var(--you);--bead-ink:var(--on-you)".to_owned(), beads::ROUND, called)
}

fn drawing(style: String, shape: Shape, called: Signal<String>) -> impl IntoView {
    view! {
        <svg class="bead" viewBox="0 0 24 24" aria-hidden="true" style=style>
            <path d=shape.path></path>
            <text x="12" y=shape.letter_y.to_string()>
                {move || beads::letter(&called.get()).map(String::from)}
            </text>
            <path class="strike" d="M4 20L20 4"></path>
        </svg>
    }
}
