//! What all pages of Play outside a party have around them.

use leptos::prelude::*;

use super::super::bead::OwnBead;
use super::super::brand::Brand;
use super::super::name_field::NameField;
use super::super::session::Session;
use super::super::theme::ThemeToggle;

/// A page with the bar of the start page: the brand, the theme, one's own name.
#[component]
pub(super) fn Outer(session: Session, children: Children) -> impl IntoView {
    view! {
        <div class="home play-home">
            <header class="home-bar">
                <Brand/>
                <div class="home-bar-end">
                    <ThemeToggle/>
                    <label class="name-chip">
                        <OwnBead called=session.me.name/>
                        <NameField session/>
                    </label>
                </div>
            </header>
            <main>{children()}</main>
        </div>
    }
}
