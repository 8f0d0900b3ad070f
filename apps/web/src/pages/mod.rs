//! What a browser shows and does: the home page and the pages of rooms.

#![expect(unreachable_pub, reason = "leptos makes the property types of components public")]

mod app;
mod bead;
mod browser;
mod home;
mod icons;
mod letter_beads;
mod name_field;
mod notices;
mod place;
mod session;
mod theme;
mod voice;

pub(crate) use self::app::start;
