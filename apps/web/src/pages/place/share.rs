//! The canvas as a picture, on the share sheet.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_web::texts;

use super::super::icons;
use super::board::Board;

/// Saves and copies it.
#[component]
pub(crate) fn SharePicture(
    /// The room's board.
    board: Board,
) -> impl IntoView {
    let told = RwSignal::new("");
    let copy = move |_| {
        spawn_local(async move {
            told.set(match board.surface.copy_picture().await {
                true => texts::picture::COPIED,
                false => texts::picture::NO_COPY,
            });
        });
    };
    view! {
        <section class="sheet-part" aria-labelledby="picture-title">
            <h3 id="picture-title">{texts::picture::THE_PICTURE}</h3>
            <div class="sheet-row">
                <button
                    type="button"
                    class="button secondary"
                    data-testid="save-picture"
                    on:click=move |_| board.surface.save_picture()
                >
                    {icons::download()}
                    {texts::SAVE_PNG}
                </button>
                <button type="button" class="button secondary" data-testid="copy-picture" on:click=copy>
                    {icons::copy()}
                    {texts::picture::COPY}
                </button>
            </div>
            <p class="copied" role="status" data-testid="picture-copied">{move || told.get()}</p>
        </section>
    }
}
