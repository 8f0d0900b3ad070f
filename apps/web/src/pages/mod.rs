//! What a browser shows and does: the home page and the pages of rooms.

#![expect(unreachable_pub, reason = "leptos makes the property types of components public")]

mod app;
mod bead;
mod brand;
mod browser;
mod clipboard;
mod copy_field;
mod doodle;
mod erasing;
mod hide;
mod home;
mod icon_button;
mod icons;
mod kept_rooms;
mod key_list;
mod key_sheet;
mod letter_beads;
mod name_field;
mod not_found;
mod notices;
mod parts;
mod place;
mod qr;
mod rules_form;
mod scan;
mod sealing;
mod session;
mod sheet;
mod shelf;
mod shell;
mod sync;
mod tab_list;
mod theme;
mod thumbnail;
mod update;
mod voice;

pub(crate) use self::app::start;
