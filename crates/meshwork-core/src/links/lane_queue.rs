//! Datagrams of lanes that wait for a link.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Streams of which a datagram waits for its turn; beyond it the one that waited longest goes. A few topics of a few apps.
const STREAMS_MAX: usize = 32;

/// Datagrams, and how many bytes of each name its stream: of a stream the newest alone.
#[derive(Debug, Default)]
pub(super) struct LaneQueue {
    waiting: VecDeque<(Vec<u8>, usize)>,
    /// Whether one may go out though more is under way: a frame went before.
    is_next: bool,
}

impl LaneQueue {
    /// Queues a datagram whose first `stream` bytes name its stream, in the place of one of the same stream.
    pub(super) fn queue(&mut self, bytes: Vec<u8>, stream: usize) {
        let is_older = |(older, length): &&mut (Vec<u8>, usize)| older[..*length] == bytes[..stream];
        if let Some((older, _)) = self.waiting.iter_mut().find(is_older) {
            *older = bytes;
            return;
        }
        if self.waiting.len() == STREAMS_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back((bytes, stream));
    }

    /// A frame of the reliable channel goes out.
    pub(super) fn handle_frame(&mut self) {
        self.is_next = true;
    }

    /// The next datagram that may go out and fits into `room` bytes: where the link is idle, and one after each frame, so
    /// that neither lanes nor the rest wait for the other to end.
    pub(super) fn take(&mut self, room: usize, is_idle: bool) -> Option<Vec<u8>> {
        let may_go = is_idle || self.is_next;
        let (bytes, _) = self.waiting.pop_front_if(|(bytes, _)| may_go && bytes.len() <= room)?;
        self.is_next = false;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn limited_streams_each_queue_their_newest_datagram() {
        let mut queue = LaneQueue::default();
        for number in 0..=STREAMS_MAX as u8 {
            queue.queue(vec![number, 1], 1);
            queue.queue(vec![number, 2], 1);
        }
        let taken: Vec<Vec<u8>> = core::iter::from_fn(|| queue.take(9, true)).collect();
        let newest: Vec<Vec<u8>> = (1..=STREAMS_MAX as u8).map(|number| vec![number, 2]).collect();
        assert_eq!(taken, newest, "the one that waited longest gave way");
    }

    #[test]
    fn a_busy_link_sends_one_datagram_per_frame() {
        let mut queue = LaneQueue::default();
        for number in 0..3 {
            queue.queue(vec![number, 0, 0], 1);
        }
        assert_eq!(queue.take(9, false), None);
        queue.handle_frame();
        assert_eq!(queue.take(2, false), None, "it does not fit");
        assert_eq!(queue.take(3, false), Some(vec![0, 0, 0]));
        assert_eq!(queue.take(3, false), None);
        assert_eq!(queue.take(3, true), Some(vec![1, 0, 0]));
    }
}
