//! WebSocket frames as a server reads and writes them (RFC 6455 section 5), in the buffers of whoever calls.
//!
//! # Problem
//! A meeting point has thousands of sockets that say nothing, and a few that say much. A buffer for each would be most
//! of its memory, and copies from one buffer to the next most of its work.
//!
//! # How it works
//! [`Frames::next`] takes one frame from the front of bytes that lie anywhere, and unmasks it where it lies. What it
//! keeps between calls is the message whose parts have come so far, which nearly nobody sends in parts. Extensions
//! are not spoken.
//!
//! # Limits
//! A message of more than `message_bytes_max` is refused by the first frame that makes it so long, before it is read.

use crate::hub::Rubbish;

/// The longest head of a frame, in bytes: kind, long length, mask.
pub const HEAD_MAX: usize = 14;
/// Bytes that a control frame holds at most (RFC 6455 section 5.5).
pub const CONTROL_MAX: usize = 125;
/// The code of a close by whoever has nothing more to say (RFC 6455 section 7.4.1).
pub const CLOSE_NORMAL: u16 = 1000;

const CONTINUATION: u8 = 0x0;
const TEXT: u8 = 0x1;
const BINARY: u8 = 0x2;
const CLOSE: u8 = 0x8;
const PING: u8 = 0x9;
const PONG: u8 = 0xa;
/// Of the first byte: this is the last frame of its message.
const LAST: u8 = 0x80;
/// Of the second byte: the payload is masked.
const MASKED: u8 = 0x80;

/// What one frame brought.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A text message is complete.
    Text(&'a str),
    /// A binary message is complete; it had so many bytes.
    Binary(usize),
    /// A part of a message, which goes on.
    Part,
    /// To be answered by a pong with the same bytes.
    Ping(&'a [u8]),
    /// The answer to a ping.
    Pong,
    /// The other end says nothing more.
    Close,
}

/// The message of which parts have come.
#[derive(Debug)]
struct Begun {
    is_text: bool,
    bytes: Vec<u8>,
}

/// Reads what a client sends on one connection.
#[derive(Debug)]
pub struct Frames {
    message_bytes_max: usize,
    begun: Option<Begun>,
    /// Holds a message that came in parts while it is looked at.
    whole: Vec<u8>,
}

/// The head of a frame.
struct Head {
    is_last: bool,
    kind: u8,
    mask: [u8; 4],
    /// Bytes of the head.
    length: usize,
    /// Bytes of the payload.
    payload: usize,
}

impl Frames {
    /// A reader that refuses messages of more bytes than this.
    pub fn new(message_bytes_max: usize) -> Frames {
        Frames { message_bytes_max, begun: None, whole: Vec::new() }
    }

    /// Bytes that a frame may have, its head included, until it is whole or refused.
    pub fn frame_max(&self) -> usize {
        HEAD_MAX + self.message_bytes_max.max(CONTROL_MAX)
    }

    /// Takes the first frame of `bytes`, and says how many bytes that are. Nothing when it has not come whole.
    ///
    /// # Errors
    /// What the other end did wrong. The connection is of no further use: nothing tells where the next frame begins.
    pub fn next<'a>(&'a mut self, bytes: &'a mut [u8]) -> Result<Option<(usize, Frame<'a>)>, Rubbish> {
        self.whole = Vec::new();
        let Some(head) = self.read_head(bytes)? else { return Ok(None) };
        let end = head.length + head.payload;
        let Some(payload) = bytes.get_mut(head.length..end) else { return Ok(None) };
        unmask(payload, head.mask);
        Ok(Some((end, self.read(&head, payload)?)))
    }

    fn read_head(&self, bytes: &[u8]) -> Result<Option<Head>, Rubbish> {
        let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
        let kind = first & 0x0f;
        let is_last = first & LAST != 0;
        if first & 0x70 != 0 {
            return Err(broken("reserved bits are set, but no extension is spoken"));
        }
        if second & MASKED == 0 {
            return Err(broken("a frame of a client that is not masked"));
        }
        let (length, payload) = match (second & 0x7f, rest) {
            (126, [high, low, ..]) => (8, u64::from(u16::from_be_bytes([*high, *low]))),
            (127, [a, b, c, d, e, f, g, h, ..]) => (14, u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h])),
            (126 | 127, _) => return Ok(None),
            (short, _) => (6, u64::from(short)),
        };
        let payload = usize::try_from(payload).unwrap_or(usize::MAX);
        self.check(kind, is_last, payload)?;
        let Some(&mask) = bytes.get(length - 4..length).and_then(|mask| mask.first_chunk()) else {
            return Ok(None);
        };
        Ok(Some(Head { is_last, kind, mask, length, payload }))
    }

    fn check(&self, kind: u8, is_last: bool, payload: usize) -> Result<(), Rubbish> {
        match kind {
            CONTINUATION if self.begun.is_none() => {
                return Err(broken("a frame that goes on with a message that was not begun"));
            }
            TEXT | BINARY if self.begun.is_some() => {
                return Err(broken("a message that begins in the midst of another"));
            }
            CONTINUATION | TEXT | BINARY => {}
            CLOSE | PING | PONG if !is_last => return Err(broken("a control frame in parts")),
            CLOSE | PING | PONG if payload > CONTROL_MAX => {
                return Err(Rubbish::Frame(format!("a control frame of {payload} bytes")));
            }
            CLOSE | PING | PONG => return Ok(()),
            unknown => return Err(Rubbish::Frame(format!("a frame of the unknown kind {unknown}"))),
        }
        let before = self.begun.as_ref().map_or(0, |begun| begun.bytes.len());
        let length = before.saturating_add(payload);
        if length > self.message_bytes_max { Err(Rubbish::TooLarge { length }) } else { Ok(()) }
    }

    fn read<'a>(&'a mut self, head: &Head, payload: &'a [u8]) -> Result<Frame<'a>, Rubbish> {
        match (head.kind, self.begun.take()) {
            (CLOSE, _) => Ok(Frame::Close),
            (PING, begun) => {
                self.begun = begun;
                Ok(Frame::Ping(payload))
            }
            (PONG, begun) => {
                self.begun = begun;
                Ok(Frame::Pong)
            }
            (kind, None) if head.is_last => message(kind == TEXT, payload),
            (kind, begun) => {
                let mut begun = begun.unwrap_or(Begun { is_text: kind == TEXT, bytes: Vec::new() });
                begun.bytes.extend_from_slice(payload);
                if head.is_last {
                    self.whole = begun.bytes;
                    message(begun.is_text, &self.whole)
                } else {
                    self.begun = Some(begun);
                    Ok(Frame::Part)
                }
            }
        }
    }
}

/// Writes a text message behind `frames`.
pub fn push_text(frames: &mut Vec<u8>, text: &str) {
    frames.reserve(text.len() + HEAD_MAX);
    push_head(frames, TEXT, text.len());
    frames.extend_from_slice(text.as_bytes());
}

/// Writes the answer to a ping behind `frames`. `payload` is that of the ping, of at most [`CONTROL_MAX`] bytes.
pub fn push_pong(frames: &mut Vec<u8>, payload: &[u8]) {
    push_head(frames, PONG, payload.len());
    frames.extend_from_slice(payload);
}

/// Writes the end of what is said behind `frames`, with a word why.
pub fn push_close(frames: &mut Vec<u8>, code: u16, reason: &str) {
    push_head(frames, CLOSE, 2 + reason.len());
    frames.extend_from_slice(&code.to_be_bytes());
    frames.extend_from_slice(reason.as_bytes());
}

fn push_head(frames: &mut Vec<u8>, kind: u8, length: usize) {
    frames.push(LAST | kind);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => frames.push(short),
        (_, Ok(middle)) => {
            frames.push(126);
            frames.extend_from_slice(&middle.to_be_bytes());
        }
        _ => {
            frames.push(127);
            frames.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

fn message(is_text: bool, bytes: &[u8]) -> Result<Frame<'_>, Rubbish> {
    if !is_text {
        return Ok(Frame::Binary(bytes.len()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Frame::Text(text)),
        Err(error) => Err(Rubbish::Frame(format!("a text that is none: {error}"))),
    }
}

fn broken(words: &str) -> Rubbish {
    Rubbish::Frame(String::from(words))
}

/// Sixteen bytes at a time, which the compiler makes one step of.
fn unmask(payload: &mut [u8], mask: [u8; 4]) {
    let wide = u128::from_ne_bytes(std::array::from_fn(|at| mask[at % 4]));
    let (blocks, rest) = payload.as_chunks_mut::<16>();
    for block in blocks {
        *block = (u128::from_ne_bytes(*block) ^ wide).to_ne_bytes();
    }
    for (byte, mask) in rest.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A frame as a client sends it.
    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![first];
        match payload.len() {
            short @ 0..126 => frame.push(MASKED | short as u8),
            middle => {
                frame.push(MASKED | 126);
                frame.extend((middle as u16).to_be_bytes());
            }
        }
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        frame.extend(mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    fn read_all(frames: &mut Frames, mut bytes: Vec<u8>) -> Result<Vec<String>, Rubbish> {
        let mut read = Vec::new();
        let mut taken = 0;
        while let Some((length, frame)) = frames.next(&mut bytes[taken..])? {
            read.push(format!("{frame:?}"));
            taken += length;
        }
        assert_eq!(taken, bytes.len(), "all of it is read");
        Ok(read)
    }

    #[test]
    fn rfc_examples_are_read_and_written() {
        // RFC 6455 section 5.7.
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let mut frames = Frames::new(100);
        assert_eq!(read_all(&mut frames, hello.to_vec()).unwrap(), ["Text(\"Hello\")"]);
        let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        assert_eq!(read_all(&mut frames, pong.to_vec()).unwrap(), ["Pong"]);
        let mut written = Vec::new();
        push_text(&mut written, "Hello");
        assert_eq!(written, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        push_pong(&mut written, b"Hello");
        assert_eq!(written[7..], [0x8a, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        let mut long = Vec::new();
        push_text(&mut long, &"x".repeat(256));
        assert_eq!(long[..4], [0x81, 0x7e, 0x01, 0x00]);
        let mut longer = Vec::new();
        push_text(&mut longer, &"x".repeat(65536));
        assert_eq!(longer[..10], [0x81, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]);
        let mut close = Vec::new();
        push_close(&mut close, CLOSE_NORMAL, "goodbye");
        assert_eq!(close, b"\x88\x09\x03\xe8goodbye");
    }

    #[test]
    fn frames_arriving_bytewise_are_read_once_whole() {
        let text = "to the east ".repeat(30);
        for frame in [masked(0x81, b""), masked(0x81, &text.as_bytes()[..125]), masked(0x81, text.as_bytes())]
        {
            let mut frames = Frames::new(1000);
            for length in 0..frame.len() {
                assert_eq!(frames.next(&mut frame[..length].to_vec()), Ok(None), "{length}");
            }
            assert_eq!(read_all(&mut frames, frame).unwrap().len(), 1);
        }
    }

    #[test]
    fn message_parts_are_joined_around_interleaved_control_frames() {
        let mut frames = Frames::new(11);
        let text = "Hello wö".as_bytes();
        let mut bytes = masked(0x01, &text[..3]);
        bytes.extend(masked(0x89, b"still there?"));
        // Cut within a character: only the whole is a text.
        bytes.extend(masked(0x00, &text[3..8]));
        bytes.extend(masked(0x80, &text[8..]));
        bytes.extend(masked(0x82, b"binary"));
        bytes.extend(masked(0x88, b"\x03\xe8"));
        let ping = format!("Ping({:?})", b"still there?");
        let expected = ["Part", &ping, "Part", "Text(\"Hello wö\")", "Binary(6)", "Close"];
        assert_eq!(read_all(&mut frames, bytes).unwrap(), expected);
    }

    #[test]
    fn what_breaks_the_protocol_is_named() {
        let wrong: [(&[u8], &str); 9] = [
            (b"\x81\x02hi", "not masked"),
            (b"\x83\x80\0\0\0\0", "unknown kind 3"),
            (b"\xc1\x80\0\0\0\0", "reserved bits"),
            (b"\x80\x80\0\0\0\0", "not begun"),
            (b"\x09\x80\0\0\0\0", "in parts"),
            (b"\x89\xfe\0\x7e\0\0\0\0", "control frame of 126 bytes"),
            (b"\x81\x82\0\0\0\0\xff\xff", "a text that is none"),
            (b"\x01\x81\0\0\0\0a\x81\x81\0\0\0\0b", "in the midst"),
            (b"\x01\x80\0\0\0\0\x02\x80\0\0\0\0", "in the midst"),
        ];
        for (bytes, words) in wrong {
            match read_all(&mut Frames::new(1000), bytes.to_vec()) {
                Err(Rubbish::Frame(told)) => assert!(told.contains(words), "{told}: {words}"),
                other => panic!("{other:?}: {words}"),
            }
        }
    }

    #[test]
    fn too_long_message_is_refused_by_its_head() {
        let refused = |bytes: &[u8]| read_all(&mut Frames::new(10), bytes.to_vec()).unwrap_err();
        assert_eq!(refused(b"\x81\xfe\x00\x80"), Rubbish::TooLarge { length: 128 });
        assert_eq!(refused(b"\x81\x8b"), Rubbish::TooLarge { length: 11 });
        let huge = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(refused(huge), Rubbish::TooLarge { length: usize::MAX });
        let mut parts = masked(0x01, b"123456");
        parts.extend(b"\x80\x85");
        assert_eq!(refused(&parts), Rubbish::TooLarge { length: 11 });
    }
}
