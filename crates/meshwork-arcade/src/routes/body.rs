//! The body of a publication, of which no more is read than each step allows.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::{Body, HttpBody as _};

use super::refusal::Refusal;

/// A body that is read in parts.
pub(super) struct Parts {
    body: Body,
    /// Bytes that were received and not asked for yet: at most a frame.
    held: Vec<u8>,
    is_over: bool,
    received: Arc<AtomicU64>,
}

impl Parts {
    pub(super) fn new(body: Body) -> Parts {
        Parts { body, held: Vec::new(), is_over: false, received: Arc::default() }
    }

    /// The number of bytes that were received, which others read meanwhile.
    pub(super) fn received(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.received)
    }

    /// The bytes up to a line feed, of which there are at most `most`.
    pub(super) async fn line(&mut self, most: usize) -> Result<Vec<u8>, Refusal> {
        loop {
            if let Some(end) = self.held.iter().position(|&byte| byte == b'\n').filter(|&end| end <= most) {
                let rest = self.held.split_off(end + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                line.pop();
                return Ok(line);
            }
            if self.held.len() > most || !self.receive().await? {
                return Err(Refusal::bad(format!("no request of at most {most} bytes")));
            }
        }
    }

    /// As many bytes.
    pub(super) async fn exactly(&mut self, count: usize) -> Result<Vec<u8>, Refusal> {
        while self.held.len() < count {
            if !self.receive().await? {
                let held = self.held.len();
                let words = format!("the body ends after {held} of {count} bytes of a part");
                return Err(Refusal::bad(words));
            }
        }
        let rest = self.held.split_off(count);
        Ok(std::mem::replace(&mut self.held, rest))
    }

    /// Whether nothing follows.
    pub(super) async fn ends(&mut self) -> Result<bool, Refusal> {
        while self.held.is_empty() {
            if !self.receive().await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Receives a frame. False at the end.
    async fn receive(&mut self) -> Result<bool, Refusal> {
        if self.is_over {
            return Ok(false);
        }
        let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await;
        match frame {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.received.fetch_add(data.len() as u64, Ordering::Relaxed);
                    self.held.extend_from_slice(&data);
                }
                Ok(true)
            }
            Some(Err(error)) => Err(Refusal::bad(format!("the body broke off: {error}"))),
            None => {
                self.is_over = true;
                Ok(false)
            }
        }
    }
}
