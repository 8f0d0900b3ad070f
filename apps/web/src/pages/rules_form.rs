//! Rules as they are chosen: what the room is called, how fast one may paint, who may, and who links to whom.

use std::collections::BTreeSet;

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::choice::Choice;
use meshwork_core::signed::admission::EditKey;
use meshwork_core::signed::change::Limit;
use meshwork_core::wire::{Bounded, BoundedText};
use meshwork_web::apps::App;
use meshwork_web::overlays::{self, OFFERED};
use meshwork_web::rules::{self, WINDOWS_MS};
use meshwork_web::texts;

/// Cells and window that stand there before anybody chose.
const FIRST_LIMIT: Limit = Limit { cost: 12, window_ms: 10_000 };

/// Rules that are being chosen.
#[derive(Clone, Copy)]
pub(crate) struct Draft {
    /// What held when it was begun, or saved last.
    pub(crate) before: StoredValue<Terms>,
    /// What was chosen then.
    saved: RwSignal<Option<Chosen>>,
    edit_key: Option<EditKey>,
    /// What people are to see the room called, as it is typed.
    pub(crate) name: RwSignal<String>,
    is_limited: RwSignal<bool>,
    cells: RwSignal<String>,
    window_ms: RwSignal<u32>,
    is_listed: RwSignal<bool>,
    painters: RwSignal<Vec<PeerId>>,
    moderators: RwSignal<Vec<PeerId>>,
    /// A place of [`OFFERED`].
    overlay: RwSignal<usize>,
    nines: RwSignal<u8>,
}

/// What is chosen, as the fields say it.
#[derive(Clone, Debug, PartialEq)]
struct Chosen {
    name: String,
    pace: Option<(String, u32)>,
    writers: Option<BTreeSet<PeerId>>,
    moderators: BTreeSet<PeerId>,
    overlay: Choice,
}

impl Draft {
    /// A draft that begins with these rules. `edit_key` is that of the link to edit, where the room has one.
    pub(crate) fn new(rules: Terms, edit_key: Option<EditKey>) -> Draft {
        let edit_key = match rules.writers {
            Writers::Admitted(key) => key,
            _ => edit_key,
        };
        let limit = rules.limit.unwrap_or(FIRST_LIMIT);
        let choice = Choice::of_record(rules.overlay.as_str());
        let draft = Draft {
            name: RwSignal::new(rules.name.to_string()),
            is_limited: RwSignal::new(rules.limit.is_some()),
            cells: RwSignal::new(limit.cost.to_string()),
            window_ms: RwSignal::new(limit.window_ms),
            is_listed: RwSignal::new(rules.writers.listed().is_some()),
            painters: RwSignal::new(rules.writers.listed().map(|list| list.to_vec()).unwrap_or_default()),
            moderators: RwSignal::new(rules.moderators.to_vec()),
            overlay: RwSignal::new(overlays::place(choice)),
            nines: RwSignal::new(overlays::nines_of(choice)),
            edit_key,
            saved: RwSignal::new(None),
            before: StoredValue::new(rules),
        };
        draft.note_saved();
        draft
    }

    /// What is chosen holds now.
    pub(crate) fn note_saved(self) {
        self.saved.set(Some(untrack(move || self.chosen())));
    }

    /// How many of the rules are chosen otherwise than they hold; tracked.
    pub(crate) fn changes(self) -> usize {
        let chosen = self.chosen();
        let differing = |saved: &Chosen| {
            let differ = [
                saved.name != chosen.name,
                saved.pace != chosen.pace,
                saved.writers != chosen.writers,
                saved.moderators != chosen.moderators,
                saved.overlay != chosen.overlay,
            ];
            differ.into_iter().filter(|differs| *differs).count()
        };
        self.saved.with(|saved| saved.as_ref().map_or(0, differing))
    }

    fn chosen(self) -> Chosen {
        let sorted = |people: RwSignal<Vec<PeerId>>| BTreeSet::from_iter(people.get());
        Chosen {
            name: self.name.get(),
            pace: self.is_limited.get().then(|| (self.cells.get(), self.window_ms.get())),
            writers: self.is_listed.get().then(|| sorted(self.painters)),
            moderators: sorted(self.moderators),
            overlay: overlays::chosen(self.overlay.get(), self.nines.get()),
        }
    }

    /// What is chosen; tracked.
    ///
    /// # Errors
    /// In words, what cannot be.
    pub(crate) fn rules(self, app: &App) -> Result<Terms, String> {
        let chosen = self.chosen();
        let name = rules::name(&chosen.name)?;
        let limit = match chosen.pace {
            Some((cells, window_ms)) => Some(rules::limit(&cells, window_ms, app)?),
            None => None,
        };
        let painters = match (chosen.writers, self.edit_key) {
            (Some(painters), _) => Writers::Listed(list(painters)?),
            (None, Some(key)) => Writers::Admitted(Some(key)),
            (None, None) => Writers::Everybody,
        };
        let moderators = list(chosen.moderators)?;
        let before = self.before.with_value(|rules| rules.overlay.clone());
        // A name that only newer builds know stays, unless another one was chosen.
        let overlay = match Choice::of_record(before.as_str()) == chosen.overlay {
            true => before,
            false => BoundedText::new(&chosen.overlay.record_name()).expect("names of overlays are short"),
        };
        Ok(Terms { name, limit, writers: painters, moderators, overlay })
    }
}

fn list<const MAX: usize>(peers: BTreeSet<PeerId>) -> Result<Bounded<PeerId, MAX>, String> {
    Bounded::new(peers.into_iter().collect()).map_err(|_| texts::rules::list_too_long(MAX))
}

/// How fast each person may paint, and whether everybody may.
#[component]
pub(crate) fn RulesFields(
    /// What is being chosen.
    draft: Draft,
    /// The app whose rules they are.
    app: &'static App,
    /// What is said of a list of painters.
    listed: &'static str,
) -> impl IntoView {
    let (verb, unit) = (app.verbs.0, app.unit);
    let everybody = if draft.edit_key.is_some() { texts::WITH_EDIT_LINK } else { texts::EVERYBODY };
    let windows = move || {
        let mut windows = WINDOWS_MS.to_vec();
        let present = draft.window_ms.get_untracked();
        if !windows.contains(&present) {
            windows.push(present);
            windows.sort_unstable();
        }
        let option = |ms: u32| {
            view! { <option value=ms.to_string() selected=ms == present>{texts::rules::window(ms)}</option> }
        };
        windows.into_iter().map(option).collect_view()
    };
    view! {
        <fieldset class="choice">
            <legend>{texts::rules::how_fast(verb)}</legend>
            {radio("pace", "limit-off", texts::rules::NO_LIMIT, draft.is_limited, false)}
            <div class="option-row">
                {radio("pace", "limit-on", texts::rules::AT_MOST, draft.is_limited, true)}
                <input
                    type="text"
                    class="number"
                    inputmode="numeric"
                    autocomplete="off"
                    data-testid="limit-cells"
                    aria-label=texts::capital(&texts::rules::units(unit))
                    prop:value=move || draft.cells.get()
                    on:input=move |event| {
                        draft.cells.set(event_target_value(&event));
                        draft.is_limited.set(true);
                    }
                />
                {texts::rules::units_every(unit)}
                <select
                    class="small-select"
                    data-testid="limit-window"
                    aria-label=texts::rules::WINDOW
                    on:change=move |event| {
                        draft.window_ms.set(event_target_value(&event).parse().unwrap_or(FIRST_LIMIT.window_ms));
                        draft.is_limited.set(true);
                    }
                >
                    {windows}
                </select>
            </div>
        </fieldset>
        <fieldset class="choice">
            <legend>{texts::rules::who_may(verb)}</legend>
            {radio("painters", "painters-all", everybody, draft.is_listed, false)}
            {radio("painters", "painters-some", listed, draft.is_listed, true)}
        </fieldset>
    }
}

/// Which overlay the room has.
#[component]
pub(crate) fn OverlayFields(
    /// What is being chosen.
    draft: Draft,
) -> impl IntoView {
    let nines = move || {
        let option = |nines: u8| {
            let present = nines == draft.nines.get_untracked();
            view! { <option value=nines.to_string() selected=present>{texts::overlays::share(nines)}</option> }
        };
        let has_nines = matches!(OFFERED[draft.overlay.get()].choice, Choice::KGossip { .. });
        has_nines.then(|| {
            view! {
                <label class="option-row indented">
                    {texts::rules::REACHED_WITH}
                    <select
                        class="small-select"
                        data-testid="overlay-nines"
                        on:change=move |event| {
                            if let Ok(nines) = event_target_value(&event).parse() {
                                draft.nines.set(nines);
                            }
                        }
                    >
                        {overlays::nines().map(option).collect_view()}
                    </select>
                </label>
            }
        })
    };
    let offer = |(place, offered): (usize, &overlays::Offered)| {
        view! {
            <label class="option explained">
                <input
                    type="radio"
                    name="overlay"
                    data-testid=format!("overlay-{}", offered.id)
                    prop:checked=move || draft.overlay.get() == place
                    on:change=move |_| draft.overlay.set(place)
                />
                <span>
                    {texts::overlays::title(offered.choice)}
                    <span class="hint">{texts::overlays::means(offered.choice)}</span>
                </span>
            </label>
        }
    };
    view! {
        <fieldset class="choice">
            <legend>{texts::rules::WHO_LINKS}</legend>
            {OFFERED.iter().enumerate().map(offer).collect_view()}
            {nines}
        </fieldset>
    }
}

fn radio(
    name: &'static str,
    test_id: &'static str,
    words: &'static str,
    chosen: RwSignal<bool>,
    value: bool,
) -> impl IntoView {
    view! {
        <label class="option">
            <input
                type="radio"
                name=name
                data-testid=test_id
                prop:checked=move || chosen.get() == value
                on:change=move |_| chosen.set(value)
            />
            {words}
        </label>
    }
}

/// The people who are ticked to do what the app is for, where that is not everybody.
#[component]
pub(crate) fn WriterTicks(
    /// What is being chosen.
    draft: Draft,
    /// The app whose rules they are.
    app: &'static App,
    /// Everybody who can be ticked, with what they are called.
    people: Vec<(PeerId, String)>,
) -> impl IntoView {
    let people = StoredValue::new(people);
    move || {
        draft.is_listed.get().then(|| {
            view! {
                <fieldset class="choice indented">
                    <legend class="sr-only">{texts::rules::besides_you(app.verbs.0)}</legend>
                    {people.with_value(|people| ticks(people, draft.painters, "painter"))}
                </fieldset>
            }
        })
    }
}

/// The people who are ticked to moderate.
#[component]
pub(crate) fn ModeratorTicks(
    /// What is being chosen.
    draft: Draft,
    /// Everybody who can be ticked, with what they are called.
    people: Vec<(PeerId, String)>,
) -> impl IntoView {
    let is_alone = people.is_empty();
    view! {
        <fieldset class="choice">
            <legend>{texts::rules::WHO_MODERATES}</legend>
            {ticks(&people, draft.moderators, "moderator")}
            <p class="hint" hidden=!is_alone>{texts::rules::NAMED_LATER}</p>
        </fieldset>
    }
}

fn ticks(
    people: &[(PeerId, String)],
    ticked: RwSignal<Vec<PeerId>>,
    test_id: &'static str,
) -> impl IntoView + use<> {
    let tick = |(peer, called): &(PeerId, String)| {
        let peer = *peer;
        let toggle = move |_| {
            ticked.update(|ticked| {
                let before = ticked.len();
                ticked.retain(|other| *other != peer);
                if ticked.len() == before {
                    ticked.push(peer);
                }
            });
        };
        view! {
            <label class="option">
                <input
                    type="checkbox"
                    data-testid=test_id
                    prop:checked=move || ticked.with(|ticked| ticked.contains(&peer))
                    on:change=toggle
                />
                {called.clone()}
                <span class="short-key">{peer.short()}</span>
            </label>
        }
    };
    people.iter().map(tick).collect_view()
}
