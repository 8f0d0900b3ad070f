//! The terms of lending: cores, share of time, battery, whose programs.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_web::compute::lending::Whose;
use meshwork_web::texts;

use super::super::bead::PersonBead;
use super::super::icons;
use super::pool::Card;
use super::state::Computing;

/// The step of the share of time, in per cent.
const SHARE_STEP: u8 = 10;

/// The form. Each choice holds at once.
#[component]
pub(super) fn TermsForm(computing: Computing) -> impl IntoView {
    let terms = Memo::new(move |_| computing.terms());
    let all = computing.all_cores();
    let cores = Signal::derive(move || terms.with(|terms| terms.cores));
    let share = Signal::derive(move || terms.with(|terms| terms.share));
    let battery = move || {
        let is_charging = computing.is_charging.get()?;
        let pauses = terms.with(|terms| terms.pauses_on_battery);
        let hint = match (is_charging, pauses) {
            (true, _) => texts::compute::CHARGING,
            (false, true) => texts::compute::ON_BATTERY,
            (false, false) => texts::compute::ON_BATTERY_WORKS,
        };
        Some(view! {
            <label class="term-row">
                <span class="term-words"><strong>{texts::compute::BATTERY}</strong><span>{hint}</span></span>
                <input
                    type="checkbox"
                    role="switch"
                    class="term-switch"
                    data-testid="lend-battery"
                    prop:checked=pauses
                    on:change=move |event| {
                        let is_on = event_target_checked(&event);
                        computing.choose(|terms| terms.pauses_on_battery = is_on);
                    }
                />
            </label>
        })
    };
    view! {
        <div class="terms">
            <div class="term-row">
                <span class="term-words">
                    <strong id="term-cores">{texts::compute::CORES}</strong>
                    <span>{move || texts::compute::others_stay(all.saturating_sub(cores.get()))}</span>
                </span>
                <Stepper
                    label_id="term-cores"
                    test_id="lend-cores"
                    value=Signal::derive(move || texts::compute::cores_of(cores.get(), all))
                    names=(texts::compute::FEWER, texts::compute::MORE_CORES)
                    ends=Signal::derive(move || (cores.get() <= 1, cores.get() >= all))
                    step=move |is_up: bool| computing.choose(|terms| {
                        terms.cores = if is_up { (terms.cores + 1).min(all) } else { terms.cores.saturating_sub(1).max(1) };
                    })
                />
            </div>
            <div class="term-row">
                <span class="term-words">
                    <strong id="term-share">{texts::compute::SHARE}</strong>
                    <span>{move || texts::compute::works(share.get())}</span>
                </span>
                <Stepper
                    label_id="term-share"
                    test_id="lend-share"
                    value=Signal::derive(move || texts::compute::share(share.get()))
                    names=(texts::compute::LESS, texts::compute::MORE_TIME)
                    ends=Signal::derive(move || (share.get() <= SHARE_STEP, share.get() >= 100))
                    step=move |is_up: bool| computing.choose(|terms| {
                        terms.share = if is_up { (terms.share + SHARE_STEP).min(100) } else { terms.share.saturating_sub(SHARE_STEP).max(SHARE_STEP) };
                    })
                />
            </div>
            {battery}
            <CardRow computing/>
            <Trust computing/>
        </div>
    }
}

/// The consent for the graphics card, or why there is none.
#[component]
fn CardRow(computing: Computing) -> impl IntoView {
    let has_card = Memo::new(move |_| computing.terms().has_card);
    let is_here = move || computing.card.with(|card| matches!(card, Some(Card::Here(_))));
    let words = move || match computing.card.get() {
        None => texts::compute::CARD_ASKED.to_owned(),
        Some(Card::Here(name)) => texts::compute::card(&name),
        Some(Card::Insecure) => texts::compute::CARD_INSECURE.to_owned(),
        Some(Card::Missing) => texts::compute::CARD_MISSING.to_owned(),
        Some(Card::None) => texts::compute::CARD_NONE.to_owned(),
        Some(Card::Gone(words)) => texts::compute::card_gone(&words),
    };
    view! {
        <label class="term-row">
            <span class="term-words">
                <strong>{texts::compute::CARD}</strong>
                <span data-testid="gpu-state">{words}</span>
            </span>
            <input
                type="checkbox"
                role="switch"
                class="term-switch"
                data-testid="lend-card"
                prop:checked=has_card
                disabled=move || !is_here()
                on:change=move |event| {
                    let is_on = event_target_checked(&event);
                    computing.choose(|terms| terms.has_card = is_on);
                }
            />
        </label>
    }
}

/// A value between two buttons.
#[component]
fn Stepper(
    label_id: &'static str,
    test_id: &'static str,
    value: Signal<String>,
    /// The names of the buttons for less and for more.
    names: (&'static str, &'static str),
    /// Whether the value is the least, and the greatest.
    ends: Signal<(bool, bool)>,
    #[prop(into)] step: Callback<bool>,
) -> impl IntoView {
    view! {
        <div class="stepper" role="group" aria-labelledby=label_id>
            <button
                type="button"
                data-testid=format!("{test_id}-less")
                aria-label=names.0
                title=names.0
                disabled=move || ends.get().0
                on:click=move |_| step.run(false)
            >
                {icons::minus()}
            </button>
            <output data-testid=test_id>{move || value.get()}</output>
            <button
                type="button"
                data-testid=format!("{test_id}-more")
                aria-label=names.1
                title=names.1
                disabled=move || ends.get().1
                on:click=move |_| step.run(true)
            >
                {icons::plus()}
            </button>
        </div>
    }
}

/// The people whose programs run here.
#[component]
fn Trust(computing: Computing) -> impl IntoView {
    let whose = Memo::new(move |_| computing.terms().whose);
    let allowed = move || {
        let terms = computing.terms();
        terms.allowed.into_iter().map(|peer| computing.called(peer)).collect::<Vec<_>>()
    };
    let option = move |value: Whose, test_id: &'static str, label: &'static str, hint: AnyView| {
        view! {
            <label class="trust-option">
                <input
                    type="radio"
                    name="lend-trust"
                    data-testid=test_id
                    prop:checked=move || whose.get() == value
                    on:change=move |_| computing.choose(|terms| terms.whose = value)
                />
                <span class="term-words"><span class="trust-label">{label}</span>{hint}</span>
            </label>
        }
    };
    let allowed_hint = view! { <span>{move || texts::compute::people(&allowed())}</span> }.into_any();
    let later = view! { <span>{texts::compute::LATER_TOO}</span> }.into_any();
    let scripts = move || {
        let terms = computing.terms();
        terms.asks_for_script(computing.is_private()).then(|| {
            view! {
                <label class="trust-option indented">
                    <input
                        type="checkbox"
                        data-testid="lend-scripts"
                        prop:checked=terms.has_script_of_all
                        on:change=move |event| {
                            let is_on = event_target_checked(&event);
                            computing.choose(|terms| terms.has_script_of_all = is_on);
                        }
                    />
                    <span class="term-words">
                        <span class="trust-label">{texts::compute::SCRIPTS}</span>
                        <span>{texts::compute::SCRIPTS_HINT}</span>
                    </span>
                </label>
            }
        })
    };
    let no_modules = move || {
        (whose.get() == Whose::Everybody && !computing.has_modules.get())
            .then(|| view! { <p class="hint">{texts::compute::NO_MODULES}</p> })
    };
    view! {
        <fieldset class="trust" data-testid="lend-trust">
            <legend>{texts::compute::PROGRAMS_OF}</legend>
            {option(Whose::Mine, "trust-mine", texts::compute::ONLY_ME, ().into_any())}
            {option(Whose::Allowed, "trust-allowed", texts::compute::ALLOWED, allowed_hint)}
            <Show when=move || whose.get() == Whose::Allowed>
                <Ticks computing/>
            </Show>
            {option(Whose::Everybody, "trust-everybody", texts::compute::EVERYBODY_HERE, later)}
            {scripts}
            {no_modules}
        </fieldset>
    }
}

/// The people who can be ticked: those here, and those who are ticked already.
#[component]
fn Ticks(computing: Computing) -> impl IntoView {
    let people = Memo::new(move |_| computing.session.people.others_and(computing.terms().allowed));
    let tick = move |(peer, called): (PeerId, String)| {
        let is_ticked = move || computing.terms().allowed.contains(&peer);
        view! {
            <label class="trust-option indented">
                <input
                    type="checkbox"
                    prop:checked=is_ticked
                    on:change=move |event| {
                        let is_on = event_target_checked(&event);
                        computing.choose(|terms| {
                            if is_on { terms.allowed.insert(peer) } else { terms.allowed.remove(&peer) };
                        });
                    }
                />
                <PersonBead session=computing.session peer/>
                <span class="trust-label">{called}</span>
            </label>
        }
    };
    move || people.get().into_iter().map(tick).collect_view()
}
