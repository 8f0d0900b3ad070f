//! What the page makes of news once all of it is loaded; until then there is nobody to show it to.

use leptos::prelude::*;
use meshwork_core::id::Endpoint;

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
            News::Second => self.refresh_each_second(),
            News::Changed => self.refresh(),
            News::Noted => self.await_notes(),
            News::Came(who) => self.greet(who),
            News::Went(who) => self.see_off(who),
        }
    }
}
