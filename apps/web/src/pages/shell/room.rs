//! The room sheet: what holds in the room, for everybody to read and for some to change.

use leptos::prelude::*;
use meshwork_core::id::PeerId;
use meshwork_core::room::rules::terms::Writers;
use meshwork_core::seam::choice::Choice;
use meshwork_web::overlays;
use meshwork_web::rules::{self, Decision, RoomLaw};
use meshwork_web::{texts, words};

use super::super::hide::HideAddress;
use super::super::icons;
use super::super::rules_form::{Draft, OverlayFields, PeopleLists, RulesFields};
use super::super::session::Session;
use super::super::sheet::Sheet;
use super::app::{Front, Section};
use super::order::Order;

/// The sheet; [`OpenRoom`] opens it.
#[component]
pub(crate) fn RoomSheet(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let is_own =
        Memo::new(move |_| session.governing.law.with(|law| law.as_ref().is_some_and(|law| law.is_own)));
    let moderates =
        Memo::new(move |_| session.governing.law.with(|law| law.as_ref().is_some_and(|law| law.moderates)));
    view! {
        <Sheet open=session.governing.is_sheet_open id="room-title" title="This room">
            <Facts session front/>
            {front.section(Section::Offers)}
            <Known session/>
            <HideAddress session/>
            <Show when=move || is_own.get()>
                <ChangeRules session/>
            </Show>
            <Show when=move || moderates.get()>
                <Order session front/>
            </Show>
        </Sheet>
    }
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
            "Room and rules"
        </button>
    }
}

/// What holds, in words.
#[component]
fn Facts(session: Session, front: Front) -> impl IntoView {
    let law = session.governing.law;
    let from_law = move |words: fn(Session, &RoomLaw) -> String| {
        Signal::derive(move || {
            law.with(|law| law.as_ref().map(|law| words(session, law)).unwrap_or_default())
        })
    };
    let entry = Signal::derive(move || {
        let is_private = session.is_private.get() == Some(true);
        if is_private { texts::ENTRY_PRIVATE } else { texts::ENTRY_OPEN }.to_owned()
    });
    let painters = |session: Session, law: &RoomLaw| match &law.rules.writers {
        Writers::Everybody => "Everybody".to_owned(),
        Writers::Listed(painters) => owner_and(session, law, painters),
        Writers::Admitted(_) => "Whoever has the link to edit".to_owned(),
    };
    let moderators = |session: Session, law: &RoomLaw| owner_and(session, law, &law.rules.moderators);
    let pace = |session: Session, law: &RoomLaw| {
        words::sentence(&rules::pace(law.rules.limit, session.about())).replace('.', "")
    };
    let owner = |session: Session, law: &RoomLaw| {
        law.owner.map_or("Nobody".to_owned(), |owner| named(session, owner))
    };
    let overlay = |_: Session, law: &RoomLaw| overlays::asked(Choice::of_record(law.rules.overlay.as_str()));
    let in_force = Signal::derive(move || {
        let choice = law.with(|law| law.as_ref().map(|law| Choice::of_record(law.rules.overlay.as_str())));
        let words = session.governing.overlay.with(|view| Some(overlays::in_force(choice?, view.as_ref()?)));
        words.unwrap_or_default()
    });
    view! {
        <dl class="room-law">
            {fact("Made by", "room-owner", from_law(owner))}
            {front.section(Section::Facts)}
            {fact("Who gets in", "room-entry", entry)}
            {fact("Pace", "rule-limit", from_law(pace))}
            {fact(front.about().doers, "rule-painters", from_law(painters))}
            {fact("Moderators", "rule-moderators", from_law(moderators))}
            {fact("Overlay", "rule-overlay", from_law(overlay))}
            {fact("Links now", "overlay-now", in_force)}
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

/// A person within a list: "You" at its head.
fn named(session: Session, peer: PeerId) -> String {
    // People come, go and change their names.
    session.people.track();
    let called = session.called_by_peer(peer);
    if called == "you" { "You".to_owned() } else { called }
}

fn owner_and(session: Session, law: &RoomLaw, others: &[PeerId]) -> String {
    let others = others.iter().filter(|peer| Some(**peer) != law.owner);
    let names: Vec<String> =
        law.owner.into_iter().chain(others.copied()).map(|peer| named(session, peer)).collect();
    rules::list(&names, "Nobody")
}

/// Who has what was decided last.
#[component]
fn Known(session: Session) -> impl IntoView {
    let words = move || session.governing.holders.get().map(|(holders, all)| rules::known(holders, all));
    view! { <p class="known" role="status" data-testid="law-known">{words}</p> }
}

/// The form of the room's owner.
#[component]
fn ChangeRules(session: Session) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let present = session.governing.law.get_untracked();
    let draft = Draft::new(present.as_ref().map(|law| law.rules.clone()).unwrap_or_default());
    let mut people = session.others_now();
    for peer in present.iter().flat_map(|law| {
        law.rules.writers.listed().into_iter().flat_map(|list| list.iter()).chain(law.rules.moderators.iter())
    }) {
        if people.iter().all(|(known, _)| known != peer) && *peer != session.peer() {
            people.push((*peer, session.called_by_peer(*peer)));
        }
    }
    let set = move |event: leptos::web_sys::SubmitEvent| {
        event.prevent_default();
        problem
            .set(draft.rules(session.about()).and_then(|rules| session.decide(Decision::Rules(rules))).err());
    };
    view! {
        <details class="sheet-part" data-testid="change-rules">
            <summary>"Change the rules"</summary>
            <form class="rules-form" on:submit=set>
                <RulesFields draft app=session.about() listed=texts::ONLY_TICKED/>
                <PeopleLists draft app=session.about() people/>
                <OverlayFields draft/>
                <p class="complaint" role="alert">{move || problem.get()}</p>
                <button type="submit" class="button primary" data-testid="set-rules">{texts::SAVE_RULES}</button>
            </form>
        </details>
    }
}
