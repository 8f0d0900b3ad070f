//! Writes that are ahead of the clocks of their readers: our own, and those of others that wait here.

use leptos::prelude::*;
use meshwork_chat::replica;
use meshwork_core::clock::Stamp;
use meshwork_core::id::PeerId;
use meshwork_core::node::Waiting;
use meshwork_core::time::WallTime;

use super::node::PageNode;
use super::set_if_new;

/// Writes of the room that count later, as signals. Copies are the same one.
#[derive(Clone, Copy)]
pub(crate) struct Ahead {
    node: PageNode,
    /// Writes of others, by author and replica.
    waiting: RwSignal<Vec<Waiting>>,
    /// When others see our next write, in milliseconds by this device's clock, if they do not see it at once.
    pub(crate) next_ms: RwSignal<Option<u64>>,
}

impl Ahead {
    pub(super) fn new(node: PageNode) -> Ahead {
        Ahead { node, waiting: RwSignal::new(Vec::new()), next_ms: RwSignal::new(None) }
    }

    /// Reads it again.
    pub(super) fn refresh(self) {
        let read = self.node.with_room(|node, now, room| {
            let room = node.room(room);
            let next = room.next_stamp(now).and_then(|stamp| room.appears_at(now, stamp));
            (room.waiting(), next)
        });
        let (waiting, next) = read.unwrap_or_default();
        set_if_new(self.waiting, waiting);
        set_if_new(self.next_ms, next.map(WallTime::as_millis));
    }

    /// When others see a write of ours of this time, if they do not see it yet. Tracked.
    pub(crate) fn appears_ms(self, written: WallTime) -> Option<u64> {
        // Earlier writes appear before the next one.
        self.next_ms.get()?;
        let stamp = Stamp::at(written);
        let appears = self.node.with_room(|node, now, room| node.room(room).appears_at(now, stamp));
        appears.flatten().map(WallTime::as_millis)
    }

    /// The authors whose writes wait here, the number of writes, whether all are posts, and when all of them count. Tracked.
    pub(crate) fn by_author(self) -> Vec<(PeerId, usize, bool, u64)> {
        self.waiting.with(|waiting| {
            let mut authors: Vec<(PeerId, usize, bool, u64)> = Vec::new();
            for waits in waiting {
                let (is_post, until) = (waits.replica == replica(), waits.until.as_millis());
                match authors.last_mut().filter(|(author, ..)| *author == waits.author) {
                    Some((_, writes, are_posts, last)) => {
                        (*writes, *are_posts, *last) =
                            (*writes + waits.batches, *are_posts && is_post, until.max(*last));
                    }
                    None => authors.push((waits.author, waits.batches, is_post, until)),
                }
            }
            authors
        })
    }
}
