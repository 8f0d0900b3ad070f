//! The room sheet: what holds in the room, for everybody to read and for some to change.

use leptos::prelude::*;
use leptos::web_sys::SubmitEvent;
use meshwork_core::id::PeerId;
use meshwork_core::room::rules::terms::Writers;
use meshwork_core::seam::choice::Choice;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_rtc::web::StorageState;
use meshwork_web::apps::App;
use meshwork_web::rules::{Decision, RoomLaw};
use meshwork_web::texts;

use super::super::entries;
use super::super::front::{Front, Section};
use super::super::hide::HideAddress;
use super::super::icon_button::IconButton;
use super::super::rules_form::{Draft, ModeratorTicks, OverlayFields, RulesFields, WriterTicks};
use super::super::session::Session;
use super::super::sheet::Sheet;
use super::super::tab_list::{TabList, TabName};
use super::super::{browser, icons};
use super::order::Order;
use super::unsaved::{SaveBar, Unsaved};

/// What stands on the tabs.
const TABS: [TabName; 4] = [
    ("about", texts::room::ABOUT),
    ("rules", texts::room::RULES),
    ("moderation", texts::MODERATION),
    ("advanced", texts::room::ADVANCED),
];

/// The first of them.
const ABOUT: usize = 0;
/// The field in which the owner names the room.
const NAME_FIELD: &str = "room-name-field";

/// The sheet; [`OpenRoom`] opens it.
#[component]
pub(crate) fn RoomSheet(
    /// The page's node.
    session: Session,
    /// The app in front.
    front: Front,
) -> impl IntoView {
    let chosen = RwSignal::new(0);
    let unsaved = Unsaved::new(session);
    let may_close = Callback::new(move |()| unsaved.may_close());
    let title = Signal::derive(move || match session.governing.room_name() {
        name if name.is_empty() => texts::room::THIS_ROOM.to_owned(),
        name => name,
    });
    let rename = move |()| {
        chosen.set(ABOUT);
        request_animation_frame(|| browser::focus(NAME_FIELD));
    };
    let pencil = move || {
        view! {
            <Show when=move || session.governing.is_owner()>
                <IconButton
                    class="rename"
                    test_id="rename-room"
                    label=texts::room::RENAME
                    title=texts::room::RENAME
                    sign=icons::pencil().into_any()
                    act=rename
                />
            </Show>
        }
    };
    view! {
        <Sheet
            open=session.governing.is_sheet_open
            id="room-title"
            title
            beside_title=pencil
            may_close
            is_beside=true
        >
            {content(session, front, chosen, unsaved)}
        </Sheet>
    }
}

/// What is on the sheet, made anew when it opens.
fn content(session: Session, front: Front, chosen: RwSignal<usize>, unsaved: Unsaved) -> impl IntoView {
    unsaved.begin();
    Effect::new(move || {
        session.governing.law.track();
        unsaved.follow();
    });
    view! {
        <MadeBy session/>
        <TabList label=texts::room::SHOWN tabs=&TABS chosen choose=move |place| chosen.set(place)/>
        {move || unsaved.draft().map(|draft| panels(session, front, chosen, unsaved, draft))}
        <div class="sheet-foot">
            <Known session/>
            <SaveBar unsaved/>
        </div>
    }
}

/// What each tab shows.
fn panels(
    session: Session,
    front: Front,
    chosen: RwSignal<usize>,
    unsaved: Unsaved,
    draft: Draft,
) -> impl IntoView + use<> {
    let law = session.governing.law;
    let is_own = Memo::new(move |_| session.governing.is_owner());
    let moderates = Memo::new(move |_| law.with(|law| law.as_ref().is_some_and(|law| law.moderates)));
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
    // What the owner chooses is a form, so that Enter saves.
    let owners = move |view: fn(Session, Draft) -> AnyView| {
        let save = move |event: SubmitEvent| {
            event.prevent_default();
            unsaved.save();
        };
        view! {
            <Show when=move || is_own.get()>
                <form class="rules-form sheet-part" on:submit=save>{view(session, draft)}</form>
            </Show>
        }
    };
    let about = view! {
        {owners(|_, draft| view! { <RoomName draft/> }.into_any())}
        <AboutFacts session/>
        <p class="sheet-part">
            <a class="button secondary" href=browser::at("/") data-testid="leave">{texts::room::LEAVE}</a>
        </p>
    };
    let rules = view! {
        <RulesSentence session draft/>
        {owners(|session, draft| view! { <ChooseRules session draft/> }.into_any())}
        <Apps session front is_own/>
    };
    let moderation = view! {
        <ModerationFacts session/>
        {owners(|session, draft| view! { <ChooseModerators session draft/> }.into_any())}
        <Show when=move || moderates.get()>
            <Order session front/>
        </Show>
    };
    let advanced = view! {
        <AdvancedFacts session/>
        {owners(|_, draft| view! { <OverlayFields draft/> }.into_any())}
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

/// Who made the room.
#[component]
fn MadeBy(session: Session) -> impl IntoView {
    let owner = move || {
        // People come, go and change their names.
        session.people.rows.track();
        session.governing.owner_name().unwrap_or_else(|| texts::room::NOBODY.to_owned())
    };
    view! {
        <p class="made-by" data-testid="made-by">
            {texts::room::MADE_BY}
            <bdi data-testid="room-owner">{owner}</bdi>
            {move || session.visited.made_on.get()}
        </p>
    }
}

/// Who gets into the room, and who keeps it.
#[component]
fn AboutFacts(session: Session) -> impl IntoView {
    let entry = Signal::derive(move || {
        let is_private = session.address.is_private.get() == Some(true);
        if is_private { texts::ENTRY_PRIVATE } else { texts::ENTRY_OPEN }.to_owned()
    });
    let held = Signal::derive(move || {
        texts::rules::kept_by(session.storage.get() == StorageState::Kept, &session.people.keepers())
    });
    view! {
        <dl class="room-law">
            {fact(texts::room::WHO_GETS_IN, "room-entry", entry)}
            {fact(texts::room::HELD_BY, "room-held", held)}
        </dl>
    }
}

/// Who may do what, and how fast: as it is chosen, where one chooses.
#[component]
fn RulesSentence(session: Session, draft: Draft) -> impl IntoView {
    let terms = Memo::new(move |_| {
        let chosen = session.governing.is_owner().then(|| draft.rules(session.apps.first()).ok()).flatten();
        chosen.or_else(|| session.governing.law.with(|law| law.as_ref().map(|law| law.rules.clone())))
    });
    let writers = move || {
        let listed = |list: &[PeerId]| {
            session.governing.law.with(|law| match (law, list) {
                (Some(RoomLaw { owner: Some(owner), .. }), []) => {
                    texts::rules::only(&session.people.called_by_peer(*owner))
                }
                (Some(law), list) => owner_and(session, law, list),
                (None, _) => String::new(),
            })
        };
        terms.with(|terms| match terms.as_ref().map(|terms| &terms.writers) {
            None => String::new(),
            Some(Writers::Everybody) => texts::EVERYBODY.to_owned(),
            Some(Writers::Listed(list)) => listed(list),
            Some(Writers::Admitted(_)) => texts::WITH_EDIT_LINK.to_owned(),
        })
    };
    let pace = move || {
        terms.with(|terms| terms.as_ref().map(|terms| texts::rules::pace(terms.limit, session.apps.first())))
    };
    let maker = move || {
        session.people.rows.track();
        texts::rules::maker(session.governing.is_owner(), session.governing.owner_name().as_deref())
    };
    view! {
        <p class="rules-sentence" hidden=move || terms.with(Option::is_none)>
            <span data-testid="rule-painters">{writers}</span>
            {texts::rules::may(session.apps.first())}
            <strong data-testid="rule-limit">{pace}</strong>
            ". "
            <span data-testid="rule-maker">{maker}</span>
        </p>
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

/// Who links to whom, and who introduces them.
#[component]
fn AdvancedFacts(session: Session) -> impl IntoView {
    let overlay =
        |_: Session, law: &RoomLaw| texts::overlays::asked(Choice::of_record(law.rules.overlay.as_str()));
    let in_force = Signal::derive(move || {
        let law = session.governing.law;
        let choice = law.with(|law| law.as_ref().map(|law| Choice::of_record(law.rules.overlay.as_str())));
        let words =
            session.governing.overlay.with(|view| Some(texts::overlays::in_force(choice?, view.as_ref()?)));
        words.unwrap_or_default()
    });
    let server = Signal::derive(move || {
        let servers = session.address.link.with(|address| {
            let servers = address.iter().flat_map(RoomAddress::servers);
            servers.map(str::to_owned).collect::<Vec<_>>()
        });
        texts::rules::servers(&servers, session.servers.best.get().as_ref())
    });
    view! {
        <dl class="room-law">
            {fact(texts::room::OVERLAY, "rule-overlay", from_law(session, overlay))}
            {fact(texts::room::LINKS_NOW, "overlay-now", in_force)}
            {fact(texts::room::SERVER, "room-server", server)}
        </dl>
    }
}

/// One thing that holds, and its words.
fn fact(term: &'static str, test_id: &'static str, words: Signal<String>) -> impl IntoView {
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
    session.people.rows.track();
    session.people.listed(peer)
}

fn owner_and(session: Session, law: &RoomLaw, others: &[PeerId]) -> String {
    let others = others.iter().filter(|peer| Some(**peer) != law.owner);
    let names: Vec<String> =
        law.owner.into_iter().chain(others.copied()).map(|peer| named(session, peer)).collect();
    texts::list(&names, texts::NOBODY)
}

/// Who has what was decided last.
#[component]
fn Known(session: Session) -> impl IntoView {
    let words =
        move || session.governing.holders.get().map(|(holders, all)| texts::rules::known(holders, all));
    view! { <p class="known" role="status" data-testid="law-known">{words}</p> }
}

/// The apps that the room has; its owner adds others.
#[component]
fn Apps(session: Session, front: Front, is_own: Memo<bool>) -> impl IntoView {
    let problem = RwSignal::new(None::<String>);
    let shown = Memo::new(move |_| {
        let (on, is_own) = (session.apps.on.get(), is_own.get());
        let apps = entries::abouts().map(move |app| (app, on.is_empty() || on.contains(&app)));
        apps.filter(move |(_, is_on)| *is_on || is_own).collect::<Vec<_>>()
    });
    let row = move |(app, is_on): (&'static App, bool)| {
        let add = move || {
            view! {
                <button
                    type="button"
                    class="button secondary"
                    data-testid=format!("turn-on-{}", app.word)
                    on:click=move |_| problem.set(session.governing.decide(Decision::TurnOn(app)).err())
                >
                    {texts::room::add(app.title)}
                </button>
            }
        };
        view! {
            <div class="room-app">
                <span class="app-sign">{icons::app_sign(app)}</span>
                <strong>{app.title}</strong>
                <span class="hint">{(!is_on).then_some(app.sentence)}</span>
                {(is_on && app == front.about()).then(|| front.section(Section::Facts))}
                {(!is_on).then(add)}
            </div>
        }
    };
    view! {
        <section class="sheet-part" aria-labelledby="apps-title">
            <h3 id="apps-title">{texts::APPS_IN_ROOM}</h3>
            <p class="hint">{texts::FURTHER_APPS}</p>
            {move || shown.get().into_iter().map(row).collect_view()}
            <p class="complaint" role="alert">{move || problem.get()}</p>
        </section>
    }
}

/// What people see the room called.
#[component]
fn RoomName(draft: Draft) -> impl IntoView {
    view! {
        <label for=NAME_FIELD>{texts::room::SEEN_CALLED}</label>
        <input
            type="text"
            id=NAME_FIELD
            class="line-field"
            data-testid="room-name-field"
            autocomplete="off"
            prop:value=move || draft.name.get()
            on:input=move |event| draft.name.set(event_target_value(&event))
        />
    }
}

/// How fast one may write, and who may.
#[component]
fn ChooseRules(session: Session, draft: Draft) -> impl IntoView {
    let people =
        nameable(session, |law| law.rules.writers.listed().map(|list| list.to_vec()).unwrap_or_default());
    let app = session.apps.first();
    view! {
        <RulesFields draft app listed=texts::ONLY_TICKED/>
        <WriterTicks draft app people/>
    }
}

/// Who bans and erases besides the owner.
#[component]
fn ChooseModerators(session: Session, draft: Draft) -> impl IntoView {
    let people = nameable(session, |law| law.rules.moderators.to_vec());
    view! { <ModeratorTicks draft people/> }
}

/// The people who can be ticked: those here, and those who are ticked already.
fn nameable(session: Session, ticked: fn(&RoomLaw) -> Vec<PeerId>) -> Vec<(PeerId, String)> {
    let ticked = session.governing.law.with_untracked(|law| law.as_ref().map(ticked)).unwrap_or_default();
    untrack(move || session.people.others_and(ticked))
}
