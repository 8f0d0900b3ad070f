//! The task of one WebSocket: what it reads goes to the hub, what the hub says is written.

use std::net::IpAddr;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use futures_util::SinkExt as _;
use tokio::sync::mpsc::UnboundedReceiver;
use tungstenite::error::{CapacityError, Error as SocketError};

use super::driver::{HubHandle, Told};
use crate::hub::{Rubbish, SocketId};

/// Time to write out the last messages and to be heard by the other end, once the hub has hung up.
const FAREWELL: Duration = Duration::from_secs(2);
/// Messages that a socket says in one go while others have something to say too. One that sends as fast as it can
/// gets this many ahead of each message of another, and no more.
pub(super) const TURN: usize = 4;
/// Bytes of messages that are written in one go. They stay in memory with the socket, so there are few.
const BATCH: usize = 4 * 1024;

/// Runs a socket until either end closes it.
pub(super) async fn run(mut socket: WebSocket, address: IpAddr, hub: HubHandle) {
    let mut line = hub.open(address);
    let hung_up = &mut line.hung_up;
    let late = async {
        let _ = hung_up.await;
        tokio::time::sleep(FAREWELL).await;
    };
    tokio::select! {
        () = talk(&mut socket, &mut line.queue, line.id, &hub) => {}
        () = late => {}
    }
    hub.tell(line.id, Told::Closed);
}

async fn talk(socket: &mut WebSocket, queue: &mut UnboundedReceiver<String>, id: SocketId, hub: &HubHandle) {
    let mut said = 0;
    loop {
        tokio::select! {
            text = queue.recv() => match text {
                Some(text) => {
                    if !write(socket, text, queue, id, hub).await {
                        return;
                    }
                }
                None => return say_farewell(socket).await,
            },
            message = socket.recv() => match message {
                Some(Ok(message)) => {
                    if let Some(told) = understand(message) {
                        hub.tell(id, told);
                    }
                    said += 1;
                    if said == TURN {
                        said = 0;
                        tokio::task::yield_now().await;
                    }
                }
                Some(Err(error)) => {
                    let Some(rubbish) = rubbish_of(error) else { return };
                    hub.tell(id, Told::Rubbish(rubbish));
                    return write_last_words(socket, queue, id, hub).await;
                }
                None => return,
            },
        }
    }
}

/// Writes what the hub still says to a socket that can no longer be read.
async fn write_last_words(
    socket: &mut WebSocket,
    queue: &mut UnboundedReceiver<String>,
    id: SocketId,
    hub: &HubHandle,
) {
    while let Some(text) = queue.recv().await {
        if !write(socket, text, queue, id, hub).await {
            return;
        }
    }
    say_farewell(socket).await;
    // Closing at once, with bytes unread, would reset the connection before the goodbye is read.
    std::future::pending().await
}

/// Writes a message and some of those that wait behind it. False when the connection is broken.
async fn write(
    socket: &mut WebSocket,
    text: String,
    queue: &mut UnboundedReceiver<String>,
    id: SocketId,
    hub: &HubHandle,
) -> bool {
    let mut next = Some(text);
    let mut bytes = 0;
    while let Some(text) = next.take() {
        bytes += text.len();
        if socket.feed(Message::Text(text.into())).await.is_err() {
            return false;
        }
        if bytes < BATCH {
            next = queue.try_recv().ok();
        }
    }
    let is_written = socket.flush().await.is_ok();
    if is_written {
        hub.tell(id, Told::Written(bytes));
    }
    is_written
}
/// Closes, and reads on until the other end has closed too, so that it can read everything that was sent.
async fn say_farewell(socket: &mut WebSocket) {
    let frame = CloseFrame { code: close_code::NORMAL, reason: "goodbye".into() };
    if socket.send(Message::Close(Some(frame))).await.is_ok() {
        while let Some(Ok(_)) = socket.recv().await {}
    }
}

fn understand(message: Message) -> Option<Told> {
    match message {
        Message::Text(text) => Some(Told::Text(text)),
        Message::Binary(bytes) => Some(Told::Rubbish(Rubbish::Binary { length: bytes.len() })),
        Message::Ping(_) | Message::Pong(_) => Some(Told::Ping),
        // It is answered beneath; the next read says that the connection is closed.
        Message::Close(_) => None,
    }
}

/// What the other end did wrong, or nothing when the connection merely broke.
fn rubbish_of(error: axum::Error) -> Option<Rubbish> {
    let error = error.into_inner();
    match error.downcast_ref::<SocketError>() {
        Some(SocketError::Capacity(CapacityError::MessageTooLong { size, .. })) => {
            Some(Rubbish::TooLarge { length: *size })
        }
        Some(SocketError::Protocol(_) | SocketError::Utf8(_)) => Some(Rubbish::Frame(error.to_string())),
        _ => None,
    }
}
