//! Notices: what happened, why, what to do, where the thing would have been.

use leptos::prelude::*;
use meshwork_web::words::{Notice, Offer, Tone};

use super::{browser, icons};

/// One notice as a card; `on_share` opens the share sheet.
#[component]
pub(crate) fn NoticeCard(
    /// What it says.
    notice: Notice,
    /// Opens the share sheet.
    on_share: Callback<()>,
) -> impl IntoView {
    let (class, sign) = match notice.tone {
        Tone::Calm => ("notice calm", icons::info().into_any()),
        Tone::Warn => ("notice warn", icons::warn().into_any()),
        Tone::Bad => ("notice bad", icons::cross().into_any()),
    };
    let offer = notice.offer.map(|offer| {
        let (label, act): (_, fn(Callback<()>)) = match offer {
            Offer::Share => ("Share link", |on_share| on_share.run(())),
            Offer::Home => ("Go home", |_| browser::go_to("/")),
            Offer::Reload => ("Load page again", |_| browser::reload()),
        };
        view! {
            <button class="button secondary" type="button" on:click=move |_| act(on_share)>
                {label}
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
        </section>
    }
}
