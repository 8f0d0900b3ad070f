//! The two streams of one link, taken apart into messages and put together again.

use meshwork_core::seam::io::FRAME_MAX;
use meshwork_core::wire::{MessageReader, MessageWriter};

/// A message's kind and body.
type Raw = (u32, Vec<u8>);

/// The streams of one link.
#[derive(Debug, Default)]
pub(super) struct Streams {
    said: MessageReader,
    heard: MessageReader,
    writer: MessageWriter,
}

impl Streams {
    /// The messages that a frame of the node completes.
    pub(super) fn said(&mut self, frame: &[u8]) -> Vec<Raw> {
        messages(&mut self.said, frame)
    }

    /// The messages that a frame of the other end completes.
    pub(super) fn heard(&mut self, frame: &[u8]) -> Vec<Raw> {
        messages(&mut self.heard, frame)
    }

    /// Says a message.
    pub(super) fn write(&mut self, kind: u32, body: &[u8]) {
        self.writer.push(kind, body);
    }

    /// What was said, in frames.
    pub(super) fn frames(&mut self) -> Vec<Vec<u8>> {
        std::iter::from_fn(|| self.writer.take_frame(FRAME_MAX)).collect()
    }
}

fn messages(reader: &mut MessageReader, frame: &[u8]) -> Vec<Raw> {
    let mut messages = vec![];
    if reader.push(frame).is_ok() {
        while let Ok(Some((kind, body))) = reader.next_message() {
            messages.push((kind, body.to_vec()));
        }
    }
    messages
}
