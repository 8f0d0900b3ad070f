//! The cost of checking, and devices that sent wrong results.

use leptos::prelude::*;
use meshwork::compute::{Check, JobView};
use meshwork_core::id::PeerId;
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::super::icons;
use super::state::Computing;

/// The cards below a job.
#[component]
pub(super) fn Checks(computing: Computing, view: Memo<Option<JobView>>) -> impl IntoView {
    let cost = move || {
        view.with(|view| {
            let view = view.as_ref()?;
            (view.checked > 0).then(|| texts::compute::checked(view.checked, view.accepted))
        })
    };
    let how = Memo::new(move |_| {
        view.with(|view| {
            let job = &view.as_ref()?.job;
            Some((job.check, job.trusted.to_vec()))
        })
    });
    let words = move || {
        let (check, trusted) = how.get()?;
        let names: Vec<String> = trusted.iter().map(|peer| computing.called(*peer)).collect();
        let names = if names.len() > 3 { vec![texts::short_list(&names)] } else { names };
        Some(texts::compute::check(check, &names))
    };
    let nothing = move || {
        let is_checked = how.with(|how| how.as_ref().is_some_and(|(check, _)| *check != Check::None));
        (is_checked && cost().is_none()).then_some(texts::compute::NONE_CHECKED)
    };
    let caught = Memo::new(move |_| {
        view.with(|view| view.as_ref().map(|view| view.caught.clone()).unwrap_or_default())
    });
    let may_pardon = Memo::new(move |_| {
        let me = computing.session.node.peer();
        view.with(|view| view.as_ref().is_some_and(|view| view.job.trusts(&me)))
    });
    view! {
        <div class="compute-cards">
            <section class="compute-card" aria-labelledby="checked-title">
                <div class="card-head">
                    <h3 id="checked-title">{texts::compute::CHECKED}</h3>
                    <span class="hint" data-testid="job-checked">{cost}</span>
                </div>
                <p class="hint">{nothing}</p>
                <p class="hint">{words}</p>
            </section>
            <For
                each=move || caught.get()
                key=|peer| *peer
                children=move |peer| caught_card(computing, peer, may_pardon)
            />
        </div>
    }
}

fn caught_card(computing: Computing, peer: PeerId, may_pardon: Memo<bool>) -> impl IntoView {
    let pardon = move || {
        may_pardon.get().then(|| {
            view! {
                <button
                    type="button"
                    class="button plain"
                    on:click=move |_| _ = computing.compute().map(|compute| compute.pardon(peer))
                >
                    {move || texts::compute::let_again(&computing.called(peer))}
                </button>
            }
        })
    };
    view! {
        <section class="compute-card caught-card">
            <div class="card-head">
                <PersonBead session=computing.session peer/>
                <h3>{icons::cross()}{move || texts::compute::wrong_result(&computing.called(peer))}</h3>
            </div>
            <p class="hint">{move || texts::compute::wrong_result_means(&computing.called(peer))}</p>
            {pardon}
        </section>
    }
}
