//! How messages of the node become SCTP's, and what is given back to it.

use std::time::Instant;

use meshwork_core::seam::io::{Channel, FRAME_MAX, Input, SEND_WINDOW};

use super::{Connection, Stage};

/// Freed bytes below which [`Input::Writable`] is put off, so that small acknowledgements do not wake the node: what
/// it needs for a full frame.
const WRITABLE_LEAST: usize = FRAME_MAX;

impl Connection {
    /// Queues a message of the node.
    pub(in super::super) fn handle_send(&mut self, now: Instant, channel: Channel, bytes: Vec<u8>) {
        if self.stage != Stage::Up {
            return;
        }
        self.advance(now);
        self.unreported += bytes.len();
        self.queued_bytes += bytes.len();
        let place = match channel {
            Channel::Reliable => self.queue.len(),
            // They wait for no frame: the channel has no order, and they are of no use when they are late.
            Channel::Unreliable => self.queue.iter().take_while(|(before, _)| *before == channel).count(),
        };
        self.queue.insert(place, (channel, bytes));
        if self.queued_bytes > SEND_WINDOW {
            self.fail("more was sent than the send window allows".into());
        }
        self.drive(now);
    }

    /// Hands str0m the next frame; says whether it took one.
    pub(super) fn write_one(&mut self, now: Instant) -> bool {
        if !matches!(self.stage, Stage::Up | Stage::Flushing { .. }) || self.queue.is_empty() {
            return false;
        }
        let is_full = self.held_by_stack() >= self.flight.limit();
        let Some((channel, bytes)) = self.queue.front() else { return false };
        if is_full && *channel == Channel::Reliable {
            return false;
        }
        let id = self.channels[usize::from(channel.stream_id())];
        // A channel that is gone is about to be told as closed.
        let Some(mut channel) = self.rtc.channel(id) else { return false };
        match channel.write(true, bytes) {
            Ok(false) => false,
            Ok(true) => {
                self.flight.handle_written(now, bytes.len());
                self.queued_bytes -= bytes.len();
                self.queue.pop_front();
                true
            }
            Err(error) => {
                self.fail(format!("a message could not be sent: {error}"));
                false
            }
        }
    }

    /// Bytes that str0m has and that are not acknowledged by the other end.
    pub(super) fn held_by_stack(&mut self) -> usize {
        let ids = self.channels;
        ids.iter().map(|id| self.rtc.channel(*id).map_or(0, |mut channel| channel.buffered_amount())).sum()
    }

    /// Bytes that were sent and are not acknowledged by the other end.
    pub(super) fn buffered(&mut self) -> usize {
        self.held_by_stack() + self.queued_bytes
    }

    pub(super) fn report_writable(&mut self) {
        if self.unreported == 0 || self.stage != Stage::Up {
            return;
        }
        let held = self.held_by_stack();
        // What waits here is still the node's, so that never more than its window does.
        let left = self.queued_bytes.max((held + self.queued_bytes).saturating_sub(self.flight.limit()));
        let freed = self.unreported.saturating_sub(left);
        if freed >= WRITABLE_LEAST || (freed > 0 && held + self.queued_bytes == 0) {
            self.unreported -= freed;
            self.inputs.push(Input::Writable { link: self.link, bytes: freed });
        }
    }
}
