//! The comb: one row for each person, whose strand is as long as the round trip takes.

use leptos::prelude::*;
use meshwork_core::id::Endpoint;
use meshwork_core::node::LinkState;
use meshwork_web::people::rail;
use meshwork_web::people::{self, Row};
use meshwork_web::{rtt, texts};

use super::super::bead::Bead;
use super::super::entries;
use super::super::session::Session;
use super::person::{PersonDetails, Sparkline};

/// The drawing of a row, in CSS pixels; place.css knows the same numbers.
const HEIGHT: f64 = 52.0;
/// Where the spine stands.
const SPINE: f64 = 12.0;
/// Where a bead at 0 ms would stand, and how far from there one at 800 ms stands.
const NEAR: f64 = 28.0;
const REACH: f64 = 97.0;
/// Where beads stand whose time is not known.
const UNKNOWN: f64 = 0.62;
/// Width of a bead.
const BEAD: f64 = 24.0;
/// How far beads move at least, in pixels of the comb and as a share of the rail.
const MOVED: f64 = 3.0;
const RAIL_MOVED: f64 = 0.014;

/// The list of a room's people.
#[component]
pub(crate) fn Comb(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    let rows = session.people.rows;
    let places = Memo::new(move |before: Option<&Vec<f64>>| {
        // Who is gone is last in the comb and not on the rail.
        let here = |row: &&Row| row.state != LinkState::Gone;
        let distances: Vec<f64> = rows.with(|rows| rows.iter().filter(here).map(distance).collect());
        let (room, _) = rail::Room::of(distances.len(), session.people.beyond.get().members);
        rail::steady(before, rail::places(&distances, room), RAIL_MOVED)
    });
    let here = move || rows.with(|rows| rows.iter().filter(|row| row.state != LinkState::Gone).count());
    let more = move || rail::Room::of(here(), session.people.beyond.get().members).1;
    let beyond = Memo::new(move |_| rows.with(|rows| session.people.beyond.get().words(rows)));
    let row = move |endpoint: Endpoint| {
        let row = Memo::new(move |_| {
            rows.with(|rows| {
                let index = rows.iter().position(|row| row.endpoint == endpoint)?;
                Some((index, rows[index].clone()))
            })
        });
        view! { <Person session row endpoint places/> }
    };
    view! {
        <div class="scale" aria-hidden="true">
            {rtt::STEPS_MS
                .iter()
                .map(|&step| {
                    let x = NEAR + rtt::distance(std::time::Duration::from_millis(step)) * REACH;
                    // The narrow comb has no room for the second label.
                    let label = match step {
                        60 => String::new(),
                        400 => format!("{step}\u{2009}ms"),
                        _ => step.to_string(),
                    };
                    view! { <span style=format!("left:{x:.0}px")>{label}</span> }
                })
                .collect_view()}
        </div>
        <ul
            class="comb"
            data-testid="peer-list"
            aria-label=texts::people::PEOPLE
            on:pointerenter=move |_| session.people.is_comb_touched.set(true)
            on:pointerleave=move |_| session.people.is_comb_touched.set(false)
            on:focusin=move |_| session.people.is_comb_touched.set(true)
            on:focusout=move |_| session.people.is_comb_touched.set(false)
        >
            <For
                each=move || rows.with(|rows| people::listed(rows).map(|row| row.endpoint).collect::<Vec<_>>())
                key=|endpoint| *endpoint
                children=row
            />
        </ul>
        {move || beyond.get().map(|words| view! { <p class="comb-more" data-testid="comb-more">{words}</p> })}
        <Show when=move || here() == 0 && session.refusals.shown.with(Vec::is_empty)>
            <span class="rail-words" aria-hidden="true">{texts::ALONE_HERE}</span>
        </Show>
        <Show when=move || { more() > 0 }>
            <span class="rail-more" aria-hidden="true">{move || format!("+{}", more())}</span>
        </Show>
    }
}

fn distance(row: &Row) -> f64 {
    row.stands_at.map_or(UNKNOWN, rtt::distance)
}

/// One person.
#[component]
fn Person(
    session: Session,
    row: Memo<Option<(usize, Row)>>,
    endpoint: Endpoint,
    places: Memo<Vec<f64>>,
) -> impl IntoView {
    let is_open = RwSignal::new(false);
    let is_muted = Memo::new(move |_| session.people.muted.with(|muted| muted.has(endpoint.peer)));
    let alone = Signal::derive(move || row.with(|row| row.as_ref().map(|(_, row)| row.clone())));
    let get = move |read: fn(&Row) -> String| {
        row.with(|row| row.as_ref().map(|(_, row)| read(row)).unwrap_or_default())
    };
    let called = Signal::derive(move || get(|row| row.called.clone()));
    let letter = Signal::derive(move || row.with(|row| row.as_ref().and_then(|(_, row)| row.letter)));
    let state = move || get(|row| row.state.to_string());
    // Where people keep the same, it matters who has it, and how steady links are more than how much goes over them.
    let is_synced = Memo::new(move |_| entries::of(session.apps.in_front()).shows_agreement());
    let state_word = move || if is_synced.get() { get(texts::people::agreement) } else { state() };
    let amount = move || match is_synced.get() {
        true => view! { <Sparkline session endpoint/> }.into_any(),
        false => {
            view! { <span class="bytes">{move || get(|row| texts::amount(row.bytes))}</span> }.into_any()
        }
    };
    let beside = move || {
        get(|row| match (&row.rtt, row.beside.as_str()) {
            (_, "") => String::new(),
            (_, beside) => format!(", {beside}"),
        })
    };
    let time = move || row.with(|row| row.as_ref().and_then(|(_, row)| row.rtt).map(texts::round_trip));
    let step = move || row.with(|row| row.as_ref().and_then(|(_, row)| row.rtt).map_or(0, rtt::step));
    let x = Memo::new(move |before: Option<&f64>| {
        let distance = row.with(|row| row.as_ref().map_or(UNKNOWN, |(_, row)| distance(row)));
        rtt::steady(before.copied(), NEAR + distance * REACH, MOVED)
    });
    let style = move || {
        let index = row.with(|row| row.as_ref().map_or(0, |(index, _)| *index));
        let place = places.with(|places| places.get(index).copied());
        let hidden = if place.is_none() { ";--rail-shown:none" } else { "" };
        format!("--x:{:.1}px;--rail:{:.4}{hidden}", x.get() - BEAD / 2.0, place.unwrap_or(1.0))
    };
    let kind = Memo::new(move |_| row.with(|row| row.as_ref().map(|(_, row)| row.state)));
    view! {
        <li class="person" class:opened=is_open data-state=state data-step=step style=style>
            <svg class="branch" width="160" height="52" aria-hidden="true">
                <path class="spine" d=format!("M{SPINE} 0V{HEIGHT}")></path>
                <path class="spine end" d=format!("M{SPINE} 0V18")></path>
                {move || kind.get().map(|kind| strand(kind, x.get()))}
            </svg>
            <span class="bead-place"><Bead peer=endpoint.peer letter/></span>
            <button
                type="button"
                class="open-person"
                data-testid="open-person"
                aria-label=move || get(texts::people::sentence)
                aria-expanded=move || is_open.get().to_string()
                on:click=move |_| is_open.update(|is_open| *is_open = !*is_open)
            ></button>
            <span class="who" aria-hidden="true">
                <strong class="called">{called}</strong>
                <span class="state">
                    <span class="state-word" data-testid="link-state">{state_word}</span>
                    {beside}
                    {move || is_muted.get().then_some(texts::people::MUTED)}
                </span>
            </span>
            <span class="figures" aria-hidden="true">
                <span class="time">
                    {move || time().map(|(number, unit)| view! { <strong data-testid="peer-rtt">{number}</strong>"\u{2009}"{unit} })}
                </span>
                {amount}
            </span>
            <Show when=move || is_open.get()>
                <PersonDetails session endpoint row=alone/>
            </Show>
        </li>
    }
}

/// The strand in the form of its state, from the spine to the bead at `x`.
fn strand(state: LinkState, x: f64) -> impl IntoView {
    let middle = HEIGHT / 2.0;
    let end = x - BEAD / 2.0;
    let start = SPINE + 8.0;
    let bend = format!("M{SPINE} {}Q{SPINE} {middle} {start} {middle}", middle - 8.0);
    let centre = (start + end) / 2.0;
    let path = match state {
        LinkState::Relayed => {
            let (left, right) = (centre - 6.0, centre + 6.0);
            format!("{bend}H{left}M{right} {middle}H{end}")
        }
        // Slack: it hangs.
        LinkState::Stale => format!("{bend}Q{centre} {} {end} {}", middle + 18.0, middle + 2.0),
        // Cut, both ends frayed.
        LinkState::Gone => {
            let (left, right) = (centre - 9.0, centre + 9.0);
            let (above, below) = (middle - 4.0, middle + 4.0);
            format!(
                "{bend}H{left}M{0} {above}L{left} {middle}L{0} {below}M{end} {middle}H{right}M{1} {above}L{right} \
                 {middle}L{1} {below}",
                left + 5.0,
                right - 5.0,
            )
        }
        _ => format!("{bend}H{end}"),
    };
    let diamond = (state == LinkState::Relayed).then(|| {
        format!(
            "M{} {middle}L{centre} {}L{} {middle}L{centre} {}z",
            centre - 6.0,
            middle - 6.0,
            centre + 6.0,
            middle + 6.0
        )
    });
    view! {
        <path class="strand" d=path></path>
        {diamond.map(|path| view! { <path class="strand" d=path></path> })}
    }
}
