//! Reading history for neighbours, on a thread of its own, so that a slow disk keeps nobody waiting.

use std::io;
use std::sync::mpsc;

use meshwork_core::id::RoomId;
use meshwork_core::seam::io::HistoryPart;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::persist::ReadHistory;

/// What became of a request, by its token.
type Answer = (u64, Result<HistoryPart, String>);

/// Requests on their way to the thread. A node asks for at most one part for each neighbour at a time.
pub(super) struct HistoryThread {
    requests: Option<mpsc::Sender<(u64, RoomId, u64, u32)>>,
    answers: UnboundedReceiver<Answer>,
}

impl HistoryThread {
    /// Starts the thread, if there is something to read. It ends with this value.
    ///
    /// # Errors
    /// The system's, when it has no thread left.
    pub(super) fn start(reader: Option<Box<dyn ReadHistory>>) -> io::Result<HistoryThread> {
        let (sender, answers) = unbounded_channel();
        let Some(mut reader) = reader else { return Ok(HistoryThread { requests: None, answers }) };
        let (requests, queue) = mpsc::channel();
        std::thread::Builder::new().name("meshwork-history".into()).spawn(move || {
            while let Ok((token, room, from, bytes)) = queue.recv() {
                if sender.send((token, reader.read(room, from, bytes))).is_err() {
                    break;
                }
            }
        })?;
        Ok(HistoryThread { requests: Some(requests), answers })
    }

    /// Asks for a part. Returns whether somebody reads it.
    pub(super) fn read(&mut self, token: u64, room: RoomId, from: u64, bytes: u32) -> bool {
        self.requests.as_ref().is_some_and(|requests| requests.send((token, room, from, bytes)).is_ok())
    }

    /// Waits for an answer. Cancelling it loses nothing.
    pub(super) async fn next(&mut self) -> Answer {
        match self.answers.recv().await {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }
}
