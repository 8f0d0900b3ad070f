//! Reads all of a board: a small one at once, a large one in steps, so that the page goes on meanwhile.

use std::time::Duration;

use leptos::task::spawn_local;
use meshwork_rtc::web::sleep;
use meshwork_sync::whiteboard;

use super::super::super::browser;
use super::easel::Easel;

/// How long shapes may be read at once, in ms: half of what a frame has.
const READ_MS: f64 = 8.0;
/// Shapes that are read before it is looked at the clock again.
const BETWEEN_LOOKS: usize = 16;

/// Reads every shape that there is, and every one that was there.
pub(super) fn read(easel: Easel) {
    let is_begun = easel.with(|work| {
        let is_begun = !work.unread.is_empty();
        easel.sync.look(|table| {
            // What comes while it is read comes at any time.
            if !is_begun {
                work.sketch.expect(table);
            }
            work.unread.extend(whiteboard::ids(table));
        });
        work.unread.extend(work.sketch.shapes().map(|(id, _)| id));
        is_begun
    });
    if is_begun == Some(false) {
        read_on(easel);
    }
}

fn read_on(easel: Easel) {
    let until = browser::milliseconds() + READ_MS;
    let is_left = easel.with(|work| {
        easel.sync.look(|table| {
            while !work.unread.is_empty() && browser::milliseconds() < until {
                for id in std::iter::from_fn(|| work.unread.pop_first()).take(BETWEEN_LOOKS) {
                    work.sketch.renew(table, id);
                }
            }
        });
        work.painter.renew_all();
        !work.unread.is_empty()
    });
    let Some(is_left) = is_left else { return };
    easel.heed_changed();
    if !is_left {
        return easel.want_pictures();
    }
    spawn_local(async move {
        sleep(Duration::ZERO).await;
        read_on(easel);
    });
}
