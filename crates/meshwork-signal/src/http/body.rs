//! The body of a request, which breaks if its client pauses for too long.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// A body whose parts follow each other within a time.
pub(super) struct PromptBody {
    body: Body,
    within: Duration,
    /// Runs while the reader waits for a part.
    pause: Option<Pin<Box<Sleep>>>,
}

impl PromptBody {
    pub(super) fn new(body: Body, within: Duration) -> PromptBody {
        PromptBody { body, within, pause: None }
    }
}

impl HttpBody for PromptBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let within = self.within;
        if let Poll::Ready(part) = Pin::new(&mut self.body).poll_frame(context) {
            self.pause = None;
            return Poll::Ready(part);
        }
        let pause = self.pause.get_or_insert_with(|| Box::pin(sleep(within)));
        ready!(pause.as_mut().poll(context));
        let words = format!("the client paused within its body for more than {within:?}");
        Poll::Ready(Some(Err(axum::Error::new(io::Error::new(io::ErrorKind::TimedOut, words)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
