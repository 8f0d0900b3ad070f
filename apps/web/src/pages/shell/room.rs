//! The room sheet: what holds in the room, for everybody to read and for some to change.

use leptos::prelude::*;
use leptos::web_sys::SubmitEvent;
use meshwork_core::id::PeerId;
use meshwork_core::room::rules::terms::{Terms, Writers};
use meshwork_core::seam::choice::Choice;
use meshwork_web::apps::{APPS, App};
use meshwork_web::overlays;
use meshwork_web::rules::{self, Decision, RoomLaw};
use meshwork_web::{texts, words};

use super::super::hide::HideAddress;
use super::super::icons;
use super::super::rules_form::{Draft, ModeratorTicks, OverlayFields, RulesFields, WriterTicks};
use super::super::session::Session;
use super::super::sheet::Sheet;
use super::super::tab_list::{TabList, TabName};
use super::app::{Front, Section};
use super::order::Order;
use super::unsaved::{Unsaved, UnsavedQuestion, save};

/// What stands on the tabs.
const TABS: [TabName; 4] = [
    ("about", texts::room::ABOUT),
    ("rules", texts::room::RULES),
    ("moderation", texts::MODERATION),
    ("advanced", texts::room::ADVANCED),
];

/// The sheet; [`OpenRoom`] opens it.
#[component]
pub(crate) fn RoomSheet(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let chosen = RwSignal::new(0);
    let unsaved = Unsaved::new();
    let may_close = Callback::new(move |()| unsaved.may_close());
    view! {
        <Sheet open=session.governing.is_sheet_open id="room-title" title=texts::room::THIS_ROOM may_close>
            <UnsavedQuestion session unsaved/>
            <TabList label=texts::room::SHOWN tabs=&TABS chosen choose=move |place| chosen.set(place)/>
            <Known session/>
            {panels(session, front, chosen, unsaved)}
        </Sheet>
    }
}

/// What each tab shows.
fn panels(session: Session, front: Front, chosen: RwSignal<usize>, unsaved: Unsaved) -> impl IntoView {
    let law = session.governing.law;
    let is_own = Memo::new(move |_| session.is_owner());
    let moderates = Memo::new(move |_| law.with(|law| law.as_ref().is_some_and(|law| law.moderates)));
    let draft = unsaved.begin(session);
    let panel = move |place: usize, content: AnyView| {
        let word = TABS[place].0;
        view! {
            <div
                id=format!("panel-{word}")
                role="tabpanel"
                aria-labelledby=format!("tab-{word}")
                hidden=move || chosen.get() != place
            >
                {content}
            </div>
        }
    };
    let owners = move |view: fn(Session, Draft) -> AnyView| {
        view! { <Show when=move || is_own.get()>{move || view(session, draft)}</Show> }
    };
    let about = view! {
        <AboutFacts session front/>
        {front.section(Section::Offers)}
        {owners(|session, draft| view! { <RoomName session draft/> <FurtherApps session/> }.into_any())}
        <p class="sheet-part">
            <a class="button secondary" href="/" data-testid="leave">{texts::room::LEAVE}</a>
        </p>
    };
    let rules = view! {
        <RuleFacts session front/>
        {owners(|session, draft| view! { <ChangeRules session draft/> }.into_any())}
    };
    let moderation = view! {
        <ModerationFacts session/>
        {owners(|session, draft| view! { <ChangeModerators session draft/> }.into_any())}
        <Show when=move || moderates.get()>
            <Order session front/>
        </Show>
    };
    let advanced = view! {
        <OverlayFacts session/>
        {owners(|session, draft| view! { <ChangeOverlay session draft/> }.into_any())}
        <HideAddress session/>
    };
    [about.into_any(), rules.into_any(), moderation.into_any(), advanced.into_any()]
        .into_iter()
        .enumerate()
        .map(|(place, content)| panel(place, content))
        .collect_view()
}

/// The button that opens the sheet from the panel.
#[component]
pub(crate) fn OpenRoom(
    /// The page's node.
    session: Session,
) -> impl IntoView {
    view! {
        <button
            type="button"
            class="button secondary room-button"
            data-testid="open-room"
            on:click=move |_| session.governing.is_sheet_open.set(true)
        >
            {icons::rules()}
            {texts::room::ROOM_AND_RULES}
        </button>
    }
}

/// Something that holds, in words, as far as it is known.
fn from_law(session: Session, words: fn(Session, &RoomLaw) -> String) -> Signal<String> {
    let law = session.governing.law;
    Signal::derive(move || law.with(|law| law.as_ref().map(|law| words(session, law)).unwrap_or_default()))
}

/// What the room is, and who made it.
#[component]
fn AboutFacts(session: Session, front: Front) -> impl IntoView {
    let entry = Signal::derive(move || {
        let is_private = session.is_private.get() == Some(true);
        if is_private { texts::ENTRY_PRIVATE } else { texts::ENTRY_OPEN }.to_owned()
    });
    let name = |_: Session, law: &RoomLaw| match law.rules.name.is_empty() {
        true => texts::room::NO_NAME.to_owned(),
        false => law.rules.name.to_string(),
    };
    let owner = |session: Session, law: &RoomLaw| {
        law.owner.map_or(texts::NOBODY.to_owned(), |owner| named(session, owner))
    };
    view! {
        <dl class="room-law">
            {fact(texts::room::NAME, "room-name-fact", from_law(session, name))}
            {fact(texts::room::MADE_BY, "room-owner", from_law(session, owner))}
            {front.section(Section::Facts)}
            {fact(texts::room::WHO_GETS_IN, "room-entry", entry)}
        </dl>
    }
}

/// Who may do what, and how fast.
#[component]
fn RuleFacts(session: Session, front: Front) -> impl IntoView {
    let painters = |session: Session, law: &RoomLaw| match &law.rules.writers {
        Writers::Everybody => texts::EVERYBODY.to_owned(),
        Writers::Listed(painters) => owner_and(session, law, painters),
        Writers::Admitted(_) => texts::WITH_EDIT_LINK.to_owned(),
    };
    let pace = |session: Session, law: &RoomLaw| {
        words::sentence(&rules::pace(law.rules.limit, session.first_app())).replace('.', "")
    };
    view! {
        <dl class="room-law">
            {fact(texts::room::PACE, "rule-limit", from_law(session, pace))}
            {fact(front.about().doers, "rule-painters", from_law(session, painters))}
        </dl>
    }
}

/// Who moderates.
#[component]
fn ModerationFacts(session: Session) -> impl IntoView {
    let moderators = |session: Session, law: &RoomLaw| owner_and(session, law, &law.rules.moderators);
    view! {
        <dl class="room-law">
            {fact(texts::room::MODERATORS, "rule-moderators", from_law(session, moderators))}
        </dl>
    }
}

/// Who links to whom.
#[component]
fn OverlayFacts(session: Session) -> impl IntoView {
    let overlay = |_: Session, law: &RoomLaw| overlays::asked(Choice::of_record(law.rules.overlay.as_str()));
    let in_force = Signal::derive(move || {
        let law = session.governing.law;
        let choice = law.with(|law| law.as_ref().map(|law| Choice::of_record(law.rules.overlay.as_str())));
        let words = session.governing.overlay.with(|view| Some(overlays::in_force(choice?, view.as_ref()?)));
        words.unwrap_or_default()
    });
    view! {
        <dl class="room-law">
            {fact(texts::room::OVERLAY, "rule-overlay", from_law(session, overlay))}
            {fact(texts::room::LINKS_NOW, "overlay-now", in_force)}
        </dl>
    }
}

/// One thing that holds, and its words.
pub(crate) fn fact(term: &'static str, test_id: &'static str, words: Signal<String>) -> impl IntoView {
    view! {
        <div>
            <dt>{term}</dt>
            <dd data-testid=test_id>{move || words.get()}</dd>
        </div>
    }
}

/// A person within a list.
fn named(session: Session, peer: PeerId) -> String {
    // People come, go and change their names.
    session.people.track();
    session.listed(peer)
}

fn owner_and(session: Session, law: &RoomLaw, others: &[PeerId]) -> String {
    let others = others.iter().filter(|peer| Some(**peer) != law.owner);
    let names: Vec<String> =
        law.owner.into_iter().chain(others.copied()).map(|peer| named(session, peer)).collect();
    rules::list(&names, texts::NOBODY)
}

/// Who has what was decided last.
#[component]
fn Known(session: Session) -> impl IntoView {
    let words = move || session.governing.holders.get().map(|(holders, all)| rules::known(holders, all));
    view! { <p class="known" role="status" data-testid="law-known">{words}</p> }
}

/// For the owner: apps that the room could have, too.
#[component]
fn FurtherApps(session: Session) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let off = Memo::new(move |_| {
        let on = session.apps.on.get();
        APPS.iter().filter(|app| !on.is_empty() && !on.contains(app)).collect::<Vec<_>>()
    });
    let row = move |app: &'static App| {
        view! {
            <div class="further-app">
                <span class="app-sign">{icons::app_sign(app.word)}</span>
                <span>
                    <strong>{app.title}</strong>
                    <span class="hint">{app.sentence}</span>
                </span>
                <button
                    type="button"
                    class="button secondary"
                    data-testid=format!("turn-on-{}", app.word)
                    on:click=move |_| problem.set(session.decide(Decision::TurnOn(app)).err())
                >
                    {texts::room::add(app.title)}
                </button>
            </div>
        }
    };
    view! {
        <Show when=move || !off.with(Vec::is_empty)>
            <section class="sheet-part" aria-labelledby="apps-title">
                <h3 id="apps-title">{texts::room::MORE}</h3>
                <p class="hint">{texts::FURTHER_APPS}</p>
                {move || off.get().into_iter().map(row).collect_view()}
                <p class="complaint" role="alert">{move || problem.get()}</p>
            </section>
        </Show>
    }
}

/// What people see the room called.
#[component]
fn RoomName(session: Session, draft: Draft) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let set = move |event: SubmitEvent| {
        event.prevent_default();
        let named = rules::name(&draft.name.get_untracked()).and_then(|name| {
            let rules = Terms { name, ..session.terms_now() };
            session.decide(Decision::Rules(rules.clone())).map(|()| draft.note_named(rules))
        });
        problem.set(named.err());
    };
    view! {
        <form class="sheet-part" on:submit=set>
            <label for="room-name-field">{texts::room::SEEN_CALLED}</label>
            <div class="room-naming">
                <input
                    type="text"
                    id="room-name-field"
                    class="line-field"
                    data-testid="room-name-field"
                    autocomplete="off"
                    prop:value=move || draft.name.get()
                    on:input=move |event| draft.name.set(event_target_value(&event))
                />
                <button type="submit" class="button secondary" data-testid="set-room-name">
                    {texts::room::SAVE_NAME}
                </button>
            </div>
            <p class="complaint" role="alert">{move || problem.get()}</p>
        </form>
    }
}

/// What the owner changes, with the button that saves it.
#[component]
fn Change(
    session: Session,
    draft: Draft,
    /// The button's name for tests.
    test_id: &'static str,
    children: Children,
) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let set = move |event: SubmitEvent| {
        event.prevent_default();
        problem.set(save(session, draft).err());
    };
    view! {
        <form class="rules-form sheet-part" on:submit=set>
            {children()}
            <p class="complaint" role="alert">{move || problem.get()}</p>
            <button type="submit" class="button primary" data-testid=test_id>{texts::SAVE_RULES}</button>
        </form>
    }
}

#[component]
fn ChangeRules(session: Session, draft: Draft) -> impl IntoView {
    let people =
        nameable(session, |law| law.rules.writers.listed().map(|list| list.to_vec()).unwrap_or_default());
    let app = session.first_app();
    view! {
        <Change session draft test_id="set-rules">
            <RulesFields draft app listed=texts::ONLY_TICKED/>
            <WriterTicks draft app people/>
        </Change>
    }
}

#[component]
fn ChangeModerators(session: Session, draft: Draft) -> impl IntoView {
    let people = nameable(session, |law| law.rules.moderators.to_vec());
    view! {
        <Change session draft test_id="set-moderators">
            <ModeratorTicks draft people/>
        </Change>
    }
}

#[component]
fn ChangeOverlay(session: Session, draft: Draft) -> impl IntoView {
    view! {
        <Change session draft test_id="set-overlay">
            <OverlayFields draft/>
        </Change>
    }
}

/// The people who can be ticked: those here, and those who are ticked already.
fn nameable(session: Session, ticked: fn(&RoomLaw) -> Vec<PeerId>) -> Vec<(PeerId, String)> {
    let ticked = session.governing.law.with_untracked(|law| law.as_ref().map(ticked)).unwrap_or_default();
    untrack(move || session.others_and(ticked))
}
