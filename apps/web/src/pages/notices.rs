//! Notices: what happened, why, what to do, where the thing would have been.

use leptos::prelude::*;
use meshwork_web::texts;
use meshwork_web::texts::notices::{Notice, Offer, Tone};

use super::{browser, icons, update};

/// One notice as a card.
#[component]
pub(crate) fn NoticeCard(
    /// What it says.
    notice: Notice,
    /// Opens what the notice offers, where that is a sheet.
    #[prop(optional)]
    on_offer: Option<Callback<Offer>>,
    /// Puts the notice away, where that can be done.
    #[prop(optional)]
    on_put_away: Option<Callback<Notice>>,
) -> impl IntoView {
    let (class, sign) = match notice.tone {
        Tone::Calm => ("notice calm", icons::info().into_any()),
        Tone::Warn => ("notice warn", icons::warn().into_any()),
        Tone::Bad => ("notice bad", icons::cross().into_any()),
    };
    // Where there is no sheet to open there is no button for it.
    let leads_away =
        |offer: &Offer| matches!(offer, Offer::Home | Offer::Rooms | Offer::Reload | Offer::Update);
    let is_here = |offer: &Offer| on_offer.is_some() || leads_away(offer);
    let offer = notice.offer.filter(is_here).map(|offer| {
        let (label, test_id) = match offer {
            Offer::Share => (texts::notices::SHARE_LINK, "offer-share"),
            Offer::Home => (texts::notices::GO_HOME, "offer-home"),
            Offer::Rooms => (texts::notices::YOUR_ROOMS, "offer-rooms"),
            Offer::Reload => (texts::notices::RELOAD, "offer-reload"),
            Offer::Update => (texts::notices::UPDATE, "offer-update"),
            Offer::Meet => (texts::MEET, "offer-meet"),
            Offer::NewLink => (texts::notices::MAKE_NEW_LINK, "offer-new-link"),
            Offer::Key => (texts::key::USE_OTHER, "offer-key"),
        };
        let act = move |_| match (offer, on_offer) {
            (Offer::Home, _) => browser::go_to(&browser::at("/")),
            // This page may have what no storage has.
            (Offer::Rooms, _) => browser::open_beside(&browser::at("/")),
            (Offer::Reload, _) => browser::reload(),
            (Offer::Update, _) => update::load_newest(),
            (offer, Some(on_offer)) => on_offer.run(offer),
            (_, None) => {}
        };
        view! {
            <button class="button secondary" type="button" data-testid=test_id on:click=act>
                {label}
            </button>
        }
    });
    let cross = on_put_away.filter(|_| notice.is_passing).map(|put_away| {
        let notice = notice.clone();
        let label = texts::notices::put_away(&notice.title);
        view! {
            <button
                class="icon-button notice-cross"
                type="button"
                data-testid="put-away"
                aria-label=label
                title=texts::notices::PUT_AWAY
                on:click=move |_| put_away.run(notice.clone())
            >
                {icons::cross()}
            </button>
        }
    });
    view! {
        <section class=class>
            <span class="notice-sign">{sign}</span>
            <div class="notice-words">
                <strong>{notice.title}</strong>
                <p>{notice.body}</p>
                {offer}
            </div>
            {cross}
        </section>
    }
}
