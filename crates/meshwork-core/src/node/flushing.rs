//! Sending what links have to send.

use super::{Node, Output};
use crate::seam::io::{Effect, LinkId};

/// Which links may have something to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unflushed {
    Nothing,
    One(LinkId),
    All,
}

impl Node {
    /// Nothing changed but a link, which may have something to send: answers to pings, and what waited for its window.
    pub(super) fn flush_later(&mut self, link: LinkId) {
        self.unflushed = match self.unflushed {
            Unflushed::Nothing => Unflushed::One(link),
            Unflushed::One(other) if other == link => Unflushed::One(link),
            _ => Unflushed::All,
        };
    }

    pub(super) fn flush_link(&mut self, link: LinkId) {
        let Some(state) = self.links.get_mut(&link) else { return };
        while let Some((channel, bytes)) = state.flush() {
            self.outputs.push_back(Output::Effect(Effect::Send { link, channel, bytes }));
        }
    }

    /// Sends what may go out.
    pub(super) fn flush_links(&mut self) {
        self.due.set(None);
        for (&link, state) in &mut self.links {
            while let Some((channel, bytes)) = state.flush() {
                self.outputs.push_back(Output::Effect(Effect::Send { link, channel, bytes }));
            }
        }
        // What can wait for nothing comes when nothing waits.
        self.send_presence();
    }
}
