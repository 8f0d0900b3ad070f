//! A server that no WebSocket leads to: a task of this program that speaks signalling, as the local network does.

use std::net::IpAddr;

use meshwork_core::seam::io::{Input, ServerId};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::server::INPUTS_MAX;

/// A server inside this program, in place of a WebSocket.
#[derive(Clone, Debug)]
pub struct LocalServer {
    /// The address by which the node names it: no WebSocket is opened to it.
    pub url: String,
    /// Takes each conversation that the node begins. A newer conversation comes only after the end of the former one.
    pub conversations: Sender<Conversation>,
}

/// The server's end of one conversation. It ends when either end drops its channels.
#[derive(Debug)]
pub struct Conversation {
    /// Messages of the node: docs/protocol/signalling.md.
    pub from_node: Receiver<String>,
    /// Input for the node. The server sends first.
    pub to_node: Sender<LocalInput>,
}

/// Input of a local server for the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocalInput {
    /// The conversation is open, or the machine has another address. The address is this machine's own, by which others
    /// reach it: members of its rooms may name no candidates that are nearer.
    Up(Option<IpAddr>),
    /// A message: docs/protocol/signalling.md.
    Text(String),
    /// The server ends the conversation, for this reason. The node begins another one after a pause.
    Down(String),
}

/// Runs one conversation until either end ends it.
pub(super) async fn run(
    opening: u64,
    server: ServerId,
    conversations: Sender<Conversation>,
    from_node: Receiver<String>,
    inputs: Sender<(u64, Input)>,
) {
    let (to_node, mut answers) = mpsc::channel(INPUTS_MAX);
    // An error drops both ends, so that the next answer is the last.
    let _ = conversations.send(Conversation { from_node, to_node }).await;
    loop {
        let input = match answers.recv().await {
            Some(LocalInput::Up(address)) => Input::ServerUp { server, address },
            Some(LocalInput::Text(text)) => Input::ServerText { server, text },
            Some(LocalInput::Down(reason)) => Input::ServerDown { server, reason },
            None => Input::ServerDown { server, reason: String::from("it ended the conversation") },
        };
        let is_last = matches!(input, Input::ServerDown { .. });
        // An error means that the driver has ended.
        if inputs.send((opening, input)).await.is_err() || is_last {
            return;
        }
    }
}
