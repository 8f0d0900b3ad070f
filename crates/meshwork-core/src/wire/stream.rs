//! Messages as a byte stream in frames: small ones share a frame, large ones span several.
//!
//! The reliable channel of a link is an ordered stream. A message on it is `kind` (varint), `length` (varint)
//! and `length` bytes of body; frames cut the stream anywhere. So a hundred small messages cost one frame, a
//! large message needs no fragment headers, and a kind that this build does not know is skipped by its length.

use alloc::vec::Vec;

/// Largest frame that a node hands to a channel, in bytes: what every WebRTC stack takes without its own
/// fragmentation (RFC 8831 section 6.6).
pub const FRAME_MAX: usize = 16 * 1024;
/// Longest message body on a link, in bytes: four times the largest signed batch.
pub const MESSAGE_MAX: usize = 256 * 1024;

/// Longest kind and length together: two varints of at most five bytes.
const HEADER_MAX: usize = 10;

/// A piece of the stream, of at most [`FRAME_MAX`] bytes.
pub type Frame = Vec<u8>;

/// Why a stream from a peer cannot be read on. The link has lost its place and must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A message claims more than [`MESSAGE_MAX`] bytes.
    #[error("a message of {0} bytes is above the limit of {MESSAGE_MAX}")]
    TooLong(u64),
    /// A kind or length is not a varint of at most five bytes.
    #[error("a message header is not two varints of at most five bytes")]
    Header,
    /// A frame is longer than [`FRAME_MAX`].
    #[error("a frame of {0} bytes is above the limit of {FRAME_MAX}")]
    Frame(usize),
}

/// Queues messages and cuts them into frames.
#[derive(Debug, Default)]
pub struct MessageWriter {
    queue: Vec<u8>,
    taken: usize,
}

impl MessageWriter {
    /// Appends a message.
    pub fn push(&mut self, kind: u32, body: &[u8]) {
        debug_assert!(body.len() <= MESSAGE_MAX);
        write_varint(&mut self.queue, u64::from(kind));
        write_varint(&mut self.queue, body.len() as u64);
        self.queue.extend_from_slice(body);
    }

    /// Bytes that wait to be taken.
    pub fn len(&self) -> usize {
        self.queue.len() - self.taken
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Takes the next frame of at most `room` bytes, if anything waits and `room` is not zero.
    pub fn take_frame(&mut self, room: usize) -> Option<Frame> {
        let length = self.len().min(room).min(FRAME_MAX);
        if length == 0 {
            return None;
        }
        let frame = self.queue[self.taken..self.taken + length].to_vec();
        self.taken += length;
        if self.taken == self.queue.len() {
            self.queue.clear();
            self.taken = 0;
        } else if self.taken > MESSAGE_MAX {
            self.queue.drain(..self.taken);
            self.taken = 0;
        }
        Some(frame)
    }
}

/// Collects frames and yields messages.
#[derive(Debug, Default)]
pub struct MessageReader {
    buffer: Vec<u8>,
    read: usize,
}

impl MessageReader {
    /// Takes in the next frame.
    ///
    /// # Errors
    /// [`StreamError::Frame`] when it is too long; nothing was taken in.
    pub fn push(&mut self, frame: &[u8]) -> Result<(), StreamError> {
        if frame.len() > FRAME_MAX {
            return Err(StreamError::Frame(frame.len()));
        }
        if self.read > 0 {
            self.buffer.drain(..self.read);
            self.read = 0;
        }
        self.buffer.extend_from_slice(frame);
        Ok(())
    }

    /// The next whole message, as its kind and body. `None` when more frames are needed.
    ///
    /// # Errors
    /// [`StreamError`]; the stream cannot be read on.
    pub fn next_message(&mut self) -> Result<Option<(u32, &[u8])>, StreamError> {
        let unread = &self.buffer[self.read..];
        let Some((kind, length, header)) = read_header(unread)? else { return Ok(None) };
        if length as usize > MESSAGE_MAX {
            return Err(StreamError::TooLong(u64::from(length)));
        }
        let total = header + length as usize;
        if unread.len() < total {
            return Ok(None);
        }
        let start = self.read + header;
        self.read += total;
        Ok(Some((kind, &self.buffer[start..self.read])))
    }

    /// Bytes held for messages that are not whole yet, at most one message and one frame.
    pub fn len(&self) -> usize {
        self.buffer.len() - self.read
    }

    /// Whether no byte is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Writes a LEB128 number in its shortest form.
pub(crate) fn write_varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}

fn read_header(bytes: &[u8]) -> Result<Option<(u32, u32, usize)>, StreamError> {
    let Some((kind, first)) = read_varint(bytes)? else { return Ok(None) };
    let Some((length, second)) = read_varint(&bytes[first..])? else { return Ok(None) };
    debug_assert!(first + second <= HEADER_MAX);
    Ok(Some((kind, length, first + second)))
}

/// Reads a LEB128 number of at most 32 bits; `None` when the bytes end inside it.
fn read_varint(bytes: &[u8]) -> Result<Option<(u32, usize)>, StreamError> {
    let mut value = 0u64;
    for (index, byte) in bytes.iter().take(5).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let value = u32::try_from(value).map_err(|_| StreamError::Header)?;
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() >= 5 { Err(StreamError::Header) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn messages_survive_any_cut(
            messages in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..400)), 0..20),
            room in 1usize..500,
        ) {
            let (mut writer, mut reader) = (MessageWriter::default(), MessageReader::default());
            for (kind, body) in &messages {
                writer.push(*kind, body);
            }
            let mut received = vec![];
            while let Some(frame) = writer.take_frame(room) {
                prop_assert!(frame.len() <= room);
                reader.push(&frame).expect("short frame");
                while let Some((kind, body)) = reader.next_message().expect("honest stream") {
                    received.push((kind, body.to_vec()));
                }
            }
            prop_assert_eq!(received, messages);
            prop_assert!(reader.is_empty() && writer.is_empty());
        }

        #[test]
        fn rubbish_never_panics_and_stays_bounded(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..600), 0..20)) {
            let mut reader = MessageReader::default();
            'stream: for frame in frames {
                reader.push(&frame).expect("short frame");
                loop {
                    match reader.next_message() {
                        Ok(Some(_)) => {}
                        Ok(None) => break,
                        Err(_) => break 'stream,
                    }
                }
                prop_assert!(reader.len() <= MESSAGE_MAX + HEADER_MAX + FRAME_MAX);
            }
        }
    }

    #[test]
    fn an_overlong_message_is_refused_before_being_held() {
        let mut reader = MessageReader::default();
        let mut header = vec![];
        write_varint(&mut header, 1);
        write_varint(&mut header, MESSAGE_MAX as u64 + 1);
        reader.push(&header).expect("short frame");
        assert_eq!(reader.next_message(), Err(StreamError::TooLong(MESSAGE_MAX as u64 + 1)));
    }
}
