//! Reads people and rules again after something changed, and announces arrivals and departures.

use leptos::prelude::*;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_web::people::Row;
use meshwork_web::texts;

use super::super::entries;
use super::Session;

impl Session {
    /// Refreshes what changes with time alone.
    pub(super) fn tick(self) {
        self.read_again(true);
        entries::all().iter().for_each(|entry| entry.tick(self));
        self.talk.tick();
        self.ahead.refresh();
    }

    /// Reads people and rules again.
    pub(super) fn refresh(self) {
        self.read_again(false);
    }

    fn read_again(self, is_second: bool) {
        if self.node.room.get_untracked().is_none() {
            return;
        }
        self.people.refresh(is_second, self.visited);
        entries::all().iter().for_each(|entry| entry.refresh(self));
        self.talk.reach.count();
        self.governing.refresh();
    }

    pub(super) fn greet(self, who: Endpoint) {
        self.refresh();
        self.meeting.succeed();
        if self.people.tells_coming_of(who) {
            let detail = |row: &Row| format!("{}{}", texts::capital(&row.state.to_string()), time(row));
            self.voice.joined(self.people.passing(who, detail));
        }
    }

    pub(super) fn see_off(self, who: Endpoint) {
        self.refresh();
        // That they left is said already.
        if let Some(by_me) = self.people.unlinking(who) {
            let passing = self.people.passing(who, |_| String::new());
            return self.voice.unlinked(passing, by_me);
        }
        if self.people.tells_coming_of(who) {
            self.voice.left(self.people.passing(who, |row| row.beside.clone()));
        }
    }

    /// Closes the links to somebody, or lets them be made again.
    pub(crate) fn set_unlinked(self, peer: PeerId, is_unlinked: bool) {
        self.people.set_unlinked(peer, is_unlinked);
        self.refresh();
    }

    /// Hides somebody's cursor and announcements, or shows them again.
    pub(crate) fn set_muted(self, peer: PeerId, is_muted: bool) {
        self.people.set_muted(peer, is_muted);
        if is_muted {
            let theirs = self.people.rows.with_untracked(|rows| {
                rows.iter().map(|row| row.endpoint).filter(|who| who.peer == peer).collect::<Vec<_>>()
            });
            for who in theirs {
                entries::all().iter().for_each(|entry| entry.mute(self, who));
            }
        }
    }
}

fn time(row: &Row) -> String {
    row.rtt
        .map(texts::round_trip)
        .map_or_else(String::new, |(number, unit)| format!(", {number}\u{2009}{unit}"))
}
