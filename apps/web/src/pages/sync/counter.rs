//! The counter, and who counted how much of it.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::people::beads;
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::state::{COUNTER, Sync};

/// The card.
#[component]
pub(super) fn CounterCard(sync: Sync) -> impl IntoView {
    let is_shut = sync.is_shut;
    // Counters of programs are there to be counted on, too.
    let names = Memo::new(move |_| {
        let mut names = sync.counters.get();
        names.retain(|name| name != COUNTER);
        names.insert(0, COUNTER.to_owned());
        names
    });
    let chooser = move || {
        (names.with(Vec::len) > 1).then(|| {
            let option = |name: String| {
                let is_shown = name == sync.counter.get_untracked();
                view! { <option value=name.clone() selected=is_shown>{texts::name(&name)}</option> }
            };
            view! {
                <select
                    class="small-select"
                    data-testid="counter-name"
                    aria-label=texts::values::WHICH_COUNTER
                    on:change=move |event| sync.counter.set(event_target_value(&event))
                >
                    {names.get().into_iter().map(option).collect_view()}
                </select>
            }
        })
    };
    let shares = Memo::new(move |_| sync.shares.get());
    view! {
        <section class="sync-card" aria-labelledby="counter-title">
            <div class="sync-card-head">
                <h2 id="counter-title">{texts::values::COUNTER}</h2>
                {chooser}
            </div>
            <div class="counter-row">
                <output class="counter-value" data-testid="counter" aria-label=texts::values::COUNTER_AT>
                    {move || texts::signed(sync.value.get())}
                </output>
                <div class="counter-buttons">
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="decrement"
                        disabled=move || is_shut.get()
                        on:click=move |_| sync.add(-1)
                    >
                        "\u{2212}1"
                    </button>
                    <button
                        type="button"
                        class="button primary"
                        data-testid="increment"
                        disabled=move || is_shut.get()
                        on:click=move |_| sync.add(1)
                    >
                        {texts::values::ADD_ONE}
                    </button>
                </div>
            </div>
            <div class="share-bar" aria-hidden="true">
                {move || shares.get().into_iter().map(|share| part(sync, share)).collect_view()}
            </div>
            <ul class="share-list" aria-label=texts::values::WHO_COUNTED data-testid="shares">
                <For each=move || shares.get() key=|share| *share children=move |share| entry(sync, share)/>
            </ul>
            <p class="hint" hidden=move || !shares.with(Vec::is_empty)>{texts::values::NONE_COUNTED}</p>
        </section>
    }
}

/// A person's part of the bar, as long as what it added is large.
fn part(sync: Sync, (peer, total): (PeerId, i64)) -> impl IntoView {
    let colour = match peer == sync.session.node.peer() {
        true => "var(--you)".to_owned(),
        false => format!("var(--bead-{})", beads::colour(&peer)),
    };
    view! { <span style=format!("flex-grow:{};background:{colour}", total.unsigned_abs())></span> }
}

fn entry(sync: Sync, (peer, total): (PeerId, i64)) -> impl IntoView {
    view! {
        <li>
            <PersonBead session=sync.session peer/>
            <span class="called">{move || called(sync, peer)}</span>
            <strong>{texts::signed(total)}</strong>
        </li>
    }
}

/// What a person is called now.
pub(super) fn called(sync: Sync, peer: PeerId) -> String {
    sync.session.people.rows.track();
    texts::capital(&sync.session.people.called_by_peer(peer))
}
