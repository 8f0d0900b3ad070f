//! How much is painted: ten bars, one for each minute, and the number of the present one.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::texts;

use super::super::bead::{Bead, OwnBead};
use super::board::Board;
use super::entry::PlaceSession as _;

/// People who are named; more are counted.
const PAINTERS_MAX: usize = 4;
/// Width of a bar and of what is between bars, and height of the highest, in CSS pixels.
const BAR: u32 = 4;
const GAP: u32 = 2;
const HEIGHT: u32 = 18;

/// The fact and the switch below it.
#[component]
pub(crate) fn ActivityFact(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let session = board.session;
    let strokes = Memo::new(move |_| session.activity().strokes());
    let present = move || {
        let (bars, _) = strokes.get();
        // The present minute has only begun: the larger of the two is what is going on.
        let now = bars[bars.len() - 1].max(bars[bars.len() - 2]);
        texts::count(now as usize, texts::STROKE)
    };
    let bars = move || {
        let (bars, _) = strokes.get();
        let most = bars.iter().max().copied().unwrap_or(0).max(1);
        let bar = |(index, &count): (usize, &u32)| {
            // What is not nothing is seen.
            let height = if count == 0 { 1 } else { (count * HEIGHT).div_ceil(most).max(3) };
            let x = index as u32 * (BAR + GAP);
            view! {
                <rect
                    x=x.to_string()
                    y=(HEIGHT - height).to_string()
                    width=BAR.to_string()
                    height=height.to_string()
                    class:none=count == 0
                ></rect>
            }
        };
        bars.iter().enumerate().map(bar).collect_view()
    };
    view! {
        <p class="fact activity">
            <svg
                class="bars"
                width="58"
                height="18"
                role="img"
                data-testid="activity"
                aria-label=move || strokes.with(|(_, words)| words.clone())
            >
                {bars}
            </svg>
            <span>
                <strong data-testid="strokes-a-minute">{present}</strong>
                {texts::canvas::A_MINUTE}
            </span>
        </p>
        <Painters board/>
        <label class="fact switch">
            <input
                type="checkbox"
                data-testid="say-painting"
                prop:checked=move || !session.activity().is_quiet.get()
                on:change=move |event| session.activity().set_quiet(!event_target_checked(&event))
            />
            <span>{texts::ANNOUNCE}</span>
        </label>
    }
}

/// Who painted lately.
#[component]
fn Painters(board: Board) -> impl IntoView {
    let painters = Memo::new(move |_| board.session.activity().painters());
    let me = board.session.node.peer();
    let bead = move |peer: PeerId| match peer == me {
        true => view! { <OwnBead called=board.session.me.name/> }.into_any(),
        false => view! { <Bead peer letter=board.session.people.letter_of(peer)/> }.into_any(),
    };
    let row = move |(peer, called, strokes): (PeerId, String, u32)| {
        view! {
            <li>
                {bead(peer)}
                <span class="called">{called}</span>
                <span class="strokes">{texts::count(strokes as usize, texts::STROKE)}</span>
            </li>
        }
    };
    let named = move || painters.get().into_iter().take(PAINTERS_MAX).map(row).collect_view();
    let more = move || {
        let more = painters.with(Vec::len).saturating_sub(PAINTERS_MAX);
        (more > 0).then(|| view! { <li>{texts::canvas::more(more)}</li> })
    };
    view! {
        <ul
            class="painters"
            aria-label=texts::canvas::PAINTERS
            data-testid="painters"
            hidden=move || painters.with(Vec::is_empty)
        >
            {named}
            {more}
        </ul>
    }
}
