//! A room before anybody is invited: its maker's alone, kept in this browser, and at no meeting point until it is shared.

use leptos::prelude::*;
use leptos::task::spawn_local;
use meshwork_core::node::RoomSpec;
use meshwork_core::room::rules::terms::Terms;
use meshwork_core::signed::app::{AppParameters, AppWord};

use super::{Phase, Session};

impl Session {
    /// Opens the room of an app that this browser keeps and that was not shared yet, or makes one. One that another tab is
    /// in is left to that.
    pub(crate) fn open_unshared(self, app: AppWord, parameters: AppParameters) {
        let entry = self.begin_entering();
        self.address.code.set(None);
        spawn_local(async move {
            let kept = self.visited.find_unshared(&app).await;
            if !self.is_wanted(entry) {
                return;
            }
            let servers = Vec::new();
            let made = match kept {
                Some(address) => self.join_now(address).await,
                None => {
                    let spec = RoomSpec { servers, app, parameters, private: true };
                    self.make(spec, Terms::default(), |_, _, _| Ok(()))
                }
            };
            self.end_entering(made);
        });
    }

    /// Whether the room is at no meeting point yet.
    pub(crate) fn is_unshared(self) -> bool {
        self.phase.get() == Phase::Open && self.address.code.get().is_none()
    }
}
