//! The pages in a browser: the home page and the pages of rooms. An app plugs in with one [`Entry`].

#![expect(unreachable_pub, reason = "leptos makes the property types of components public")]

mod app;
mod bead;
mod brand;
mod browser;
mod chat;
mod clipboard;
mod code_editor;
mod compute;
mod copy_field;
mod doodle;
mod entries;
mod erasing;
mod front;
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
mod play;
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

pub use self::app::start;
pub use self::entries::{Entry, Loading, Table};
pub use self::front::{Action, App, Front, Section};
pub use self::parts::{Loaded, at_once};
pub use self::session::Session;
pub use self::session::node::PageNode;

/// The apps of these pages; the first is the one that a room has in front whose app is not known yet.
pub static APPS: [&dyn Entry; 5] = [&place::Place, &sync::Entry, &chat::Entry, &play::Entry, &compute::Entry];
