//! A room before anybody is invited: its maker's alone, kept in this browser, and at no meeting point until it is shared.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::node::RoomSpec;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signalling::address::RoomAddress;
use meshwork_core::signed::app::{AppParameters, AppWord};
use meshwork_rtc::web::Driver;

use super::super::{browser, documents};
use super::{Phase, Session};

impl Session {
    /// Opens the room of an app that this browser keeps and that was not shared yet, or makes one. One that another tab is
    /// in is left to that.
    pub(crate) fn open_unshared(self, app: AppWord, parameters: AppParameters) {
        let entry = self.begin_entering();
        self.code.set(None);
        spawn_local(async move {
            if documents::come_with(Some(&app)) {
                documents::load(self).await;
            }
            let kept = self.find_unshared(&app).await;
            if !self.is_wanted(entry) {
                return;
            }
            let servers = Vec::new();
            let made = match kept {
                Some(address) => self.join_now(address).await,
                None => {
                    self.make(RoomSpec { servers, app, parameters, private: true }, Terms::default(), &[])
                }
            };
            self.end_entering(made);
        });
    }

    async fn find_unshared(self, app: &AppWord) -> Option<RoomAddress> {
        let driver = self.driver.with_value(Driver::clone);
        // A browser that stores nothing keeps nothing.
        let mut rooms = driver.rooms().await.unwrap_or_default();
        // The longest unused come first.
        while let Some((id, link, _)) = rooms.pop() {
            let address = link.and_then(|link| link.parse::<RoomAddress>().ok());
            let address = address.filter(|address| address.app() == Some(app) && is_unshared(address));
            if address.is_some() && driver.is_free(id).await == Ok(true) {
                return address;
            }
        }
        None
    }

    /// Whether the room is at no meeting point yet.
    pub(crate) fn is_unshared(self) -> bool {
        self.phase.get() == Phase::Open && self.code.get().is_none()
    }

    /// Registers the room at the meeting point that this page comes from, unless it is at one; [`Session::code`] and
    /// [`Session::address`] follow.
    pub(crate) fn share(self) {
        let address = self.with_room(|node, _, room| node.room(room).address_without_code()).flatten();
        if address.is_some_and(|address| is_unshared(&address)) {
            browser::ask_to_keep();
            // A page's own origin is a server's address, and the room is at no other.
            let _ = self.with_room(|node, now, room| node.room_mut(now, room).add_server(&browser::origin()));
        }
    }

    /// Notes how a room that is not shared yet is found again in this browser.
    pub(super) fn note_unshared(self) {
        let address = self.with_room(|node, _, room| node.room(room).address_without_code()).flatten();
        if let Some(address) = address.filter(is_unshared) {
            self.note_link(&address);
        }
    }
}

fn is_unshared(address: &RoomAddress) -> bool {
    address.servers().next().is_none()
}
