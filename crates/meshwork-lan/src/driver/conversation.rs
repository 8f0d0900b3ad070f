//! One conversation with a node, and the input that waits for it.

use std::collections::VecDeque;

use tokio::sync::mpsc;

use crate::discovery::ToNode;

/// Input that waits for a node that does not read. More ends the conversation.
pub(super) const WAITING_MAX: usize = 1_024;

/// A conversation of one node with the network.
#[derive(Debug)]
pub struct Conversation {
    /// Messages of docs/protocol/signalling.md from the node. The conversation ends when the other end is dropped.
    pub from_node: mpsc::Receiver<String>,
    /// Input for the node.
    pub to_node: mpsc::Sender<ToNode>,
}

/// The state of the current conversation.
#[derive(Debug)]
pub(super) struct Current {
    conversation: Conversation,
    waiting: VecDeque<ToNode>,
    /// The last input is among those that wait, or was delivered.
    is_ending: bool,
}

/// The next message of a conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Message {
    /// A message of the node.
    Text(String),
    /// Input was delivered to the node.
    Delivered,
    /// The conversation has ended.
    Closed,
}

impl Current {
    pub(super) fn new(conversation: Conversation) -> Current {
        Current { conversation, waiting: VecDeque::new(), is_ending: false }
    }

    /// Queues input for the node. Returns whether the conversation goes on: it ends if the node does not read.
    pub(super) fn push(&mut self, input: ToNode) -> bool {
        if self.is_ending {
            return false;
        }
        let input = if self.waiting.len() < WAITING_MAX {
            input
        } else {
            self.waiting.clear();
            ToNode::Down(format!("the node left {WAITING_MAX} messages of the local network unread"))
        };
        self.is_ending = matches!(input, ToNode::Down(_));
        self.waiting.push_back(input);
        !self.is_ending
    }

    /// Delivers as much as the node has capacity for, then ends the conversation.
    pub(super) fn end(mut self, reason: &str) {
        self.push(ToNode::Down(reason.to_owned()));
        for input in self.waiting {
            if self.conversation.to_node.try_send(input).is_err() {
                return;
            }
        }
    }

    /// Waits for the next message, and delivers input meanwhile. Dropping the future loses nothing.
    pub(super) async fn next(current: Option<&mut Current>) -> Message {
        let Some(Current { conversation, waiting, is_ending }) = current else {
            return std::future::pending().await;
        };
        if *is_ending && waiting.is_empty() {
            return Message::Closed;
        }
        let Conversation { from_node, to_node } = conversation;
        tokio::select! {
            text = from_node.recv(), if !*is_ending => text.map_or(Message::Closed, Message::Text),
            () = to_node.closed() => Message::Closed,
            permit = to_node.reserve(), if !waiting.is_empty() => {
                // Without a permit the node has dropped its end.
                let Ok(permit) = permit else { return Message::Closed };
                if let Some(input) = waiting.pop_front() {
                    permit.send(input);
                }
                Message::Delivered
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn current(capacity: usize) -> (Current, mpsc::Sender<String>, mpsc::Receiver<ToNode>) {
        let (sender, from_node) = mpsc::channel(1);
        let (to_node, inputs) = mpsc::channel(capacity);
        (Current::new(Conversation { from_node, to_node }), sender, inputs)
    }

    fn text(number: usize) -> ToNode {
        ToNode::Text(number.to_string())
    }

    #[tokio::test]
    async fn input_waits_for_capacity() {
        let (mut current, _sender, mut inputs) = current(1);
        assert!(current.push(text(0)) && current.push(text(1)));
        assert_eq!(Current::next(Some(&mut current)).await, Message::Delivered);
        assert_eq!(inputs.recv().await, Some(text(0)));
        assert_eq!(Current::next(Some(&mut current)).await, Message::Delivered);
        assert_eq!(inputs.recv().await, Some(text(1)));
    }

    #[tokio::test]
    async fn an_unread_conversation_ends() {
        let (mut current, _sender, mut inputs) = current(1);
        assert!((0..WAITING_MAX).all(|number| current.push(text(number))));
        assert!(!current.push(text(WAITING_MAX)));
        assert_eq!(Current::next(Some(&mut current)).await, Message::Delivered);
        let last = inputs.recv().await;
        assert!(matches!(&last, Some(ToNode::Down(reason)) if reason.contains("1024 messages")), "{last:?}");
        assert_eq!(Current::next(Some(&mut current)).await, Message::Closed);
    }

    #[tokio::test]
    async fn either_end_ends_it() {
        let (mut current, sender, inputs) = current(1);
        sender.send(String::from("a")).await.unwrap();
        assert_eq!(Current::next(Some(&mut current)).await, Message::Text(String::from("a")));
        drop(sender);
        assert_eq!(Current::next(Some(&mut current)).await, Message::Closed);
        drop(inputs);
        assert_eq!(Current::next(Some(&mut current)).await, Message::Closed);
    }
}
