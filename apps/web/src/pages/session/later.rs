//! What the page makes of news once all of it is loaded; until then there is nobody to show it to.

use leptos::prelude::*;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_web::people::Row;
use meshwork_web::texts;

use super::Session;

/// Something that those parts of the page show that come after the app; [`Session::heed`] shows it.
#[derive(Clone, Copy)]
pub(crate) enum News {
    /// A second has passed.
    Second,
    /// People or rules may be others than before.
    Changed,
    /// Notes may be others than before.
    Noted,
    /// Somebody came.
    Came(Endpoint),
    /// Somebody went.
    Went(Endpoint),
}

impl Session {
    /// Shows news with `show` from now on, which does it as soon as that part of the page is there.
    pub(crate) fn on_news(self, show: fn(Session, News)) {
        self.news.set_value(Some(show));
    }

    /// Shows news, where there is somebody to show it to.
    pub(crate) fn heed(self, news: News) {
        if let Some(show) = self.news.get_value() {
            show(self, news);
        }
    }

    /// Makes of news what is shown.
    pub(crate) fn take_news(self, news: News) {
        match news {
            News::Second => {
                self.refresh(true);
                self.activity.count(self.voice);
            }
            News::Changed => self.refresh(false),
            News::Noted => self.notes.gather(),
            News::Came(who) => self.greet(who),
            News::Went(who) => self.see_off(who),
        }
    }

    /// Reads again who is here, and what goes with that.
    fn refresh(self, is_second: bool) {
        if self.node.room.get_untracked().is_none() {
            return;
        }
        self.people.refresh(is_second, self.visited);
        self.canvas.count();
        self.canvas.reach.count();
        self.notes.reach.count();
        self.governing.refresh();
    }

    fn greet(self, who: Endpoint) {
        self.refresh(false);
        self.meeting.succeed();
        if self.people.tells_coming_of(who) {
            let detail = |row: &Row| format!("{}{}", texts::capital(&row.state.to_string()), time(row));
            self.voice.joined(self.people.passing(who, detail));
        }
    }

    fn see_off(self, who: Endpoint) {
        self.refresh(false);
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
        self.refresh(false);
    }

    /// Hides somebody's cursor and announcements, or shows them again.
    pub(crate) fn set_muted(self, peer: PeerId, is_muted: bool) {
        self.people.set_muted(peer, is_muted);
        if is_muted {
            let theirs = self.people.rows.with_untracked(|rows| {
                rows.iter().map(|row| row.endpoint).filter(|who| who.peer == peer).collect::<Vec<_>>()
            });
            theirs.into_iter().for_each(|who| self.cursors.tell(who, None));
        }
    }
}

fn time(row: &Row) -> String {
    row.rtt
        .map(texts::round_trip)
        .map_or_else(String::new, |(number, unit)| format!(", {number}\u{2009}{unit}"))
}
