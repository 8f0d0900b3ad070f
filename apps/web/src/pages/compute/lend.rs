//! Lending this device: begin, what runs, stop.

use leptos::prelude::*;
use meshwork_web::compute::lending::Whose;
use meshwork_web::texts;

use super::super::icons;
use super::run::RunningHere;
use super::state::Computing;
use super::terms::TermsForm;

/// The foot of the devices on a wide page.
#[component]
pub(super) fn LendFoot(computing: Computing) -> impl IntoView {
    let is_lending = computing.is_lending;
    let all = computing.all_cores();
    let words = move || {
        let terms = computing.terms();
        let whose = match terms.whose {
            Whose::Mine => texts::compute::TO_ME,
            Whose::Allowed => texts::compute::TO_ALLOWED,
            Whose::Everybody => texts::compute::TO_EVERYBODY,
        };
        match is_lending.get() {
            true => (texts::compute::you_lend(terms.cores, all), texts::compute::terms(terms.share, whose)),
            false => (texts::compute::LEND_THIS.to_owned(), texts::compute::LEND_HINT.to_owned()),
        }
    };
    view! {
        <div class="lend-foot">
            <Show when=move || is_lending.get()>
                <div class="lend-runs"><RunningHere computing/></div>
            </Show>
            <LendProblem computing/>
            <div class="lend-line">
                <p class="lend-words">
                    <strong>{move || words().0}</strong>
                    <span>{move || words().1}</span>
                </p>
                <span class="lend-buttons">
                    <button
                        type="button"
                        class="button secondary"
                        data-testid="lend-change"
                        on:click=move |_| computing.is_terms_open.set(true)
                    >
                        {texts::compute::CHANGE}
                    </button>
                    <LendButton computing is_main=false/>
                </span>
            </div>
        </div>
    }
}

/// Why this device does not lend.
#[component]
fn LendProblem(computing: Computing) -> impl IntoView {
    view! { <p class="complaint" role="alert">{move || computing.lend_problem.get()}</p> }
}

/// Begins or ends lending.
#[component]
fn LendButton(computing: Computing, is_main: bool) -> impl IntoView {
    move || match computing.is_lending.get() {
        true => view! {
            <button
                type="button"
                class=if is_main { "button primary" } else { "button secondary" }
                data-testid="lend-stop"
                on:click=move |_| computing.stop_lending()
            >
                {is_main.then(|| view! { <span class="stop-sign" aria-hidden="true"></span> })}
                {texts::compute::STOP_LENDING}
            </button>
        }
        .into_any(),
        false => view! {
            <button
                type="button"
                class="button primary"
                class:busy=computing.is_starting
                data-testid="lend"
                on:click=move |_| computing.lend()
            >
                {texts::compute::LEND_THIS}
            </button>
        }
        .into_any(),
    }
}

/// The phone's tab.
#[component]
pub(super) fn LendPanel(computing: Computing) -> impl IntoView {
    let is_lending = computing.is_lending;
    let hint = move || match is_lending.get() {
        true => texts::compute::STOP_HINT,
        false => texts::compute::LEND_HINT,
    };
    view! {
        <div class="compute-scroll">
            <Show when=move || is_lending.get()>
                <section class="compute-card">
                    <h2>{texts::compute::THIS_PHONE}</h2>
                    <RunningHere computing/>
                </section>
            </Show>
            <section class="compute-card" aria-label=texts::compute::LEND>
                <TermsForm computing/>
            </section>
            <p class="closed-box">{icons::lock()}{texts::compute::CLOSED_BOX}</p>
        </div>
        <div class="lend-bar">
            <LendProblem computing/>
            <LendButton computing is_main=true/>
            <p class="hint">{hint}</p>
        </div>
    }
}
