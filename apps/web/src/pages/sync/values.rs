//! The tab of values: a counter, keys and what they stand for, and what is to be known about both.

use leptos::prelude::*;

use super::counter::CounterCard;
use super::rows::ValuesCard;
use super::shut::Shut;
use super::state::Sync;
use super::statistics::Statistics;

/// The tab.
#[component]
pub(super) fn Values(sync: Sync) -> impl IntoView {
    view! {
        <Shut sync test_id="values-shut"/>
        <p class="complaint" role="alert" data-testid="not-written">{move || sync.problem.get()}</p>
        <div class="sync-cards">
            <CounterCard sync/>
            <ValuesCard sync/>
        </div>
        <Statistics sync/>
    }
}
