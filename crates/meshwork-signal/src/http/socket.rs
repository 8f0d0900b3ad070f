//! The task of one WebSocket: what it reads goes to the hub, what the hub says is written.
//!
//! A socket that says nothing has no buffers. What arrives is read into a buffer of the thread and dealt with before
//! anything else runs there; only the beginning of a frame that has not come whole stays with the socket.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::driver::{HubHandle, Inbox, Line};
use super::frames::{self, CLOSE_NORMAL, Frame, Frames};
use crate::hub::{Rubbish, SocketId};

/// Time to write out the last messages and to be heard by the other end, once the hub has hung up.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages that a socket says in one go while others have something to say too. One that sends as fast as it can
/// gets this many ahead of each message of another, and no more. They take the hub about ten microseconds.
pub(super) const TURN: usize = 16;
/// Bytes that are read in one go: a turn's worth of signals of usual length.
const READ: usize = 16 * 1024;
/// Bytes of answers to pings that wait to be written; who sends more and does not read gets no more answers, which
/// RFC 6455 section 5.5.3 allows.
const PONGS_MAX: usize = 1024;

thread_local! {
    /// Where every socket of this thread reads into.
    static READING: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Runs a socket until either end closes it.
pub(super) async fn run(stream: impl AsyncRead + AsyncWrite + Unpin, address: IpAddr, hub: HubHandle) {
    let mut line = hub.open(address);
    let mut socket = Socket::new(stream, &line, &hub);
    let late = async {
        let _ = (&mut line.hung_up).await;
        sleep(FAREWELL).await;
    };
    tokio::select! {
        biased;
        () = socket.talk() => {}
        () = late => {}
    }
}

/// One connection, between bytes and the hub.
struct Socket<'a, S> {
    stream: S,
    id: SocketId,
    hub: &'a HubHandle,
    inbox: Arc<Inbox>,
    frames: Frames,
    /// What was read and is not dealt with: less than a frame, or what is left after a turn.
    rest: Vec<u8>,
    /// A turn ended before the rest was looked at.
    is_rest_unread: bool,
    /// Until then nothing is read.
    held: Option<Pin<Box<Sleep>>>,
    /// Frames, of which `written` bytes are on their way.
    writing: Vec<u8>,
    written: usize,
    /// Nothing that it says counts any more.
    is_deaf: bool,
    /// Bytes of text in `writing` of which the hub does not know yet that they are on their way.
    unreported: usize,
}

/// Why a socket stops for a moment, or for good.
enum Pause {
    /// It said as much as it may before others have their turn.
    Turn,
    /// Its network says too much: it is read again after this time.
    Held(Duration),
    /// The other end closed or broke the connection.
    Gone,
    /// The other end said that it closes.
    Closing,
    /// The hub has hung up, and all that it said is written.
    HungUp,
    /// The other end is not understood; the hub knows.
    Rubbish,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Socket<'a, S> {
    /// Nothing was read or said yet.
    fn new(stream: S, line: &Line, hub: &'a HubHandle) -> Self {
        Socket {
            stream,
            id: line.id,
            hub,
            inbox: Arc::clone(&line.inbox),
            frames: Frames::new(hub.message_bytes_max()),
            rest: Vec::new(),
            is_rest_unread: false,
            held: None,
            writing: Vec::new(),
            written: 0,
            is_deaf: false,
            unreported: 0,
        }
    }

    async fn talk(&mut self) {
        loop {
            match poll_fn(|context| self.poll_talk(context)).await {
                Pause::Turn => tokio::task::yield_now().await,
                Pause::Held(time) => self.held = Some(Box::pin(sleep(time))),
                Pause::Gone => return,
                Pause::Closing => {
                    frames::push_close(&mut self.writing, CLOSE_NORMAL, "");
                    let _ = poll_fn(|context| self.poll_write_out(context)).await;
                    let _ = poll_fn(|context| Pin::new(&mut self.stream).poll_shutdown(context)).await;
                    return;
                }
                Pause::HungUp => return self.say_farewell().await,
                Pause::Rubbish => {
                    while poll_fn(|context| self.poll_write(context)).await.is_ok_and(|is_more| is_more) {}
                    return self.say_farewell().await;
                }
            }
        }
    }

    /// Closes, and reads on until the other end has closed too: closing with bytes unread would reset the connection
    /// before the goodbye is read.
    async fn say_farewell(&mut self) {
        self.is_deaf = true;
        frames::push_close(&mut self.writing, CLOSE_NORMAL, "goodbye");
        if poll_fn(|context| self.poll_write_out(context)).await.is_err() {
            return;
        }
        loop {
            match poll_fn(|context| self.poll_read(context)).await {
                Some(Pause::Gone | Pause::Closing) => return,
                // What is not understood is read and forgotten.
                Some(Pause::Rubbish) => (self.rest, self.is_rest_unread) = (Vec::new(), false),
                _ => {}
            }
            tokio::task::yield_now().await;
        }
    }

    /// Writes and reads as long as there is something to.
    fn poll_talk(&mut self, context: &mut Context<'_>) -> Poll<Pause> {
        loop {
            // Who does not read is not heard either.
            match self.poll_write(context) {
                Poll::Ready(Ok(true)) => continue,
                Poll::Ready(Ok(false)) => return Poll::Ready(Pause::HungUp),
                Poll::Ready(Err(_)) => return Poll::Ready(Pause::Gone),
                Poll::Pending if self.written < self.writing.len() => return Poll::Pending,
                Poll::Pending => {}
            }
            if let Some(held) = &mut self.held {
                ready!(held.as_mut().poll(context));
                self.held = None;
            }
            if let Some(pause) = ready!(self.poll_read(context)) {
                return Poll::Ready(pause);
            }
        }
    }

    /// Writes what there is to write. False when the hub has hung up and nothing is left, true when there may be
    /// more.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        ready!(self.poll_write_out(context))?;
        match ready!(self.inbox.poll_take(context)) {
            Some((frames, text_bytes)) => {
                self.writing = frames;
                self.unreported = text_bytes;
                Poll::Ready(Ok(true))
            }
            None => Poll::Ready(Ok(false)),
        }
    }

    fn poll_write_out(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.writing.len() {
            let bytes =
                ready!(Pin::new(&mut self.stream).poll_write(context, &self.writing[self.written..]))?;
            if bytes == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += bytes;
            let is_all = self.written == self.writing.len();
            let reported = if is_all { self.unreported } else { self.unreported.min(bytes) };
            self.unreported -= reported;
            if reported > 0 {
                self.hub.note_written(self.id, reported);
            }
        }
        // Encryption may hold some of it back.
        ready!(Pin::new(&mut self.stream).poll_flush(context))?;
        (self.writing, self.written) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// One turn: reads what has arrived and tells the hub. Nothing when there may be more.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<Pause>> {
        READING.with_borrow_mut(|buffer| {
            let mut filled = self.rest.len();
            buffer.resize(buffer.len().max(self.frames.frame_max() + READ), 0);
            buffer[..filled].copy_from_slice(&self.rest);
            if !self.is_rest_unread {
                let mut space = ReadBuf::new(&mut buffer[filled..]);
                let read = ready!(Pin::new(&mut self.stream).poll_read(context, &mut space));
                let length = space.filled().len();
                if read.is_err() || length == 0 {
                    return Poll::Ready(Some(Pause::Gone));
                }
                filled += length;
            }
            let (taken, pause) = self.tell(&mut buffer[..filled]);
            let rest = &buffer[taken..filled];
            self.rest.clear();
            if rest.is_empty() {
                self.rest = Vec::new();
            } else {
                self.rest.extend_from_slice(rest);
            }
            self.is_rest_unread = matches!(pause, Some(Pause::Turn | Pause::Held(_)));
            Poll::Ready(pause)
        })
    }

    /// Tells the hub what frames there are, at most a turn's worth; gives how many bytes that were.
    fn tell(&mut self, bytes: &mut [u8]) -> (usize, Option<Pause>) {
        let mut turn = (!self.is_deaf).then(|| self.hub.turn());
        let mut taken = 0;
        let mut pause = Some(Pause::Turn);
        for _ in 0..TURN {
            let (length, frame) = match self.frames.next(&mut bytes[taken..]) {
                Ok(Some(next)) => next,
                Ok(None) => {
                    pause = None;
                    break;
                }
                Err(rubbish) => {
                    if let Some(turn) = &mut turn {
                        turn.rubbish(self.id, rubbish);
                    }
                    pause = Some(Pause::Rubbish);
                    break;
                }
            };
            taken += length;
            match (frame, &mut turn) {
                (Frame::Close, _) => {
                    pause = Some(Pause::Closing);
                    break;
                }
                (_, None) => {}
                (Frame::Text(text), Some(turn)) => turn.text(self.id, text),
                (Frame::Binary(length), Some(turn)) => turn.rubbish(self.id, Rubbish::Binary { length }),
                (Frame::Part | Frame::Pong, Some(turn)) => turn.ping(self.id),
                (Frame::Ping(payload), Some(turn)) => {
                    turn.ping(self.id);
                    if self.writing.len() < PONGS_MAX {
                        frames::push_pong(&mut self.writing, payload);
                    }
                }
            }
            if let Some(time) = turn.as_ref().and_then(|turn| turn.holds_back(self.id)) {
                pause = Some(Pause::Held(time));
                break;
            }
        }
        if let Some(turn) = turn {
            turn.end(Some(self.id));
        }
        (taken, pause)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;
    use crate::code::ServerKey;
    use crate::http::frames::CONTROL_MAX;
    use crate::http::metrics::resident_bytes;
    use crate::hub::{Hub, HubConfig};

    /// How a socket ends.
    #[derive(Clone, Copy, Debug)]
    enum End {
        /// The connection breaks.
        Breaks,
        /// The client closes it and waits for the answer.
        Closes,
        /// The connection breaks before the client has read all that was said.
        BreaksUnread,
        /// The client says what the hub closes for.
        Rubbish,
        /// The server's own task ends.
        Aborted,
    }

    const ENDS: [End; 5] = [End::Breaks, End::Closes, End::BreaksUnread, End::Rubbish, End::Aborted];

    /// Whether the hub's first words find room on the way to the client.
    fn is_read(end: End) -> bool {
        !matches!(end, End::BreaksUnread | End::Aborted)
    }

    fn hub(config: HubConfig) -> HubHandle {
        HubHandle::new(Hub::new(config, ServerKey::new([1; 32]), [2; 32]).expect("it is within its limits"))
    }

    async fn open_and_end(hub: &HubHandle, end: End) {
        let (mut client, stream) = duplex(if is_read(end) { 4096 } else { 16 });
        let task = tokio::spawn(run(stream, Ipv4Addr::LOCALHOST.into(), hub.clone()));
        client.read_exact(&mut [0; 8]).await.expect("the hub speaks first");
        let close: [u8; 6] = [0x88, 0x80, 0, 0, 0, 0];
        let said: &[u8] = match end {
            End::Closes => &close,
            End::Rubbish => &[0x81, 0x81, 0, 0, 0, 0, b'?', 0x88, 0x80, 0, 0, 0, 0],
            End::Breaks | End::BreaksUnread => &[],
            End::Aborted => {
                task.abort();
                &[]
            }
        };
        client.write_all(said).await.expect("it is open");
        if !said.is_empty() {
            client.read_to_end(&mut Vec::new()).await.expect("the server closes too");
        }
        drop(client);
        let _ = task.await;
    }

    #[tokio::test]
    async fn nothing_of_a_hundred_thousand_sockets_is_left() {
        const SOCKETS: usize = 100_000;
        // Eight bytes a socket: any entry of a table weighs more.
        const GROWTH_MAX: u64 = 8 * SOCKETS as u64;
        // All of them come from one address.
        let config = HubConfig {
            network_messages_per_second: 1_000_000,
            network_message_burst: 10_000_000,
            ..HubConfig::default()
        };
        let hub = hub(config);
        let mut settled = 0;
        for number in 0..SOCKETS {
            if number == SOCKETS / 5 {
                settled = resident_bytes().unwrap_or(0);
            }
            open_and_end(&hub, ENDS[number % ENDS.len()]).await;
        }
        let grown = resident_bytes().unwrap_or(0).saturating_sub(settled);
        assert_eq!(hub.held(), (0, 0, 0), "sockets, lines and counts of what is on its way");
        assert!(grown < GROWTH_MAX, "{grown} bytes more are in use, {GROWTH_MAX} may be");
    }

    #[tokio::test(start_paused = true)]
    async fn a_goodbye_has_so_long_to_be_heard() {
        let (mut client, stream) = duplex(4096);
        let task = tokio::spawn(run(stream, Ipv4Addr::LOCALHOST.into(), hub(HubConfig::default())));
        client.read_exact(&mut [0; 8]).await.expect("the hub speaks first");
        let begun = tokio::time::Instant::now();
        // What the hub hangs up for; the client goes on reading nothing and closing nothing.
        client.write_all(&[0x82, 0x80, 0, 0, 0, 0]).await.expect("it is open");
        task.await.expect("it ends");
        let late = begun.elapsed().saturating_sub(FAREWELL);
        assert!(late < Duration::from_millis(2) && begun.elapsed() >= FAREWELL, "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn loud_networks_are_read_slowly_and_whole() {
        const PINGS: usize = 1_200;
        let hub = hub(HubConfig {
            network_messages_per_second: 100,
            network_message_burst: 1_000,
            ..HubConfig::default()
        });
        let ping = [0x89, 0x80, 0, 0, 0, 0];
        let mut clients = Vec::new();
        for _ in 0..2 {
            let (mut client, stream) = duplex(PINGS * ping.len());
            tokio::spawn(run(stream, Ipv4Addr::LOCALHOST.into(), hub.clone()));
            client.read_exact(&mut [0; 8]).await.expect("the hub speaks first");
            client.write_all(&ping.repeat(PINGS / 2)).await.expect("there is room");
            clients.push(client);
        }
        let counted = || hub.with(|hub, _| hub.snapshot().counts.messages);
        let after = async |seconds| {
            let rest = tokio::time::timeout(Duration::from_secs(seconds), std::future::pending::<()>());
            rest.await.expect_err("virtual time passes");
        };
        after(1).await;
        let (soon, most) = (counted(), 1_000 + 100 + 2);
        assert!((1_000..=most).contains(&soon), "{soon} messages were read in the first second");
        after(2).await;
        assert_eq!(counted(), PINGS as u64, "all of them in the end");
        assert_eq!(hub.held().0, 2, "and nobody is closed");
    }

    #[test]
    fn unread_pongs_waiting_for_a_client_are_bounded() {
        let hub = hub(HubConfig::default());
        let line = hub.open(Ipv4Addr::LOCALHOST.into());
        let mut socket = Socket::new(duplex(1).0, &line, &hub);
        let ping = [&[0x89, 0x80 | CONTROL_MAX as u8, 0, 0, 0, 0][..], &[7; CONTROL_MAX]].concat();
        let pong = CONTROL_MAX + 2;
        // The one that goes beyond is whole.
        let most = PONGS_MAX.div_ceil(pong);
        for number in 1..=most + 3 {
            socket.tell(&mut ping.clone());
            assert_eq!(socket.writing.len(), number.min(most) * pong);
        }
    }
}
