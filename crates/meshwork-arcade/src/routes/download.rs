//! The body of a download: one piece of a package at a time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::{Bytes, HttpBody};
use http_body::{Frame, SizeHint};
use meshwork_play::PackageId;

use crate::store::{Boxed, PIECE, ShelfError};

/// A package on its way to a reader. The next piece is read when the connection has room for it, so a slow reader occupies neither
/// memory nor a connection of the store.
pub(super) struct Download {
    package: PackageId,
    length: u64,
    sent: u64,
    read: Box<dyn Fn(u32) -> Reading + Send>,
    reading: Option<Reading>,
}

/// A piece that is being read; `None` if there is none.
type Reading = Boxed<'static, Result<Option<Vec<u8>>, ShelfError>>;

/// A download ends before its last byte.
#[derive(Debug, thiserror::Error)]
pub(super) enum DownloadError {
    /// It was taken down, removed or refused meanwhile.
    #[error("the package {package} is gone after {sent} of {length} bytes")]
    Gone { package: PackageId, sent: u64, length: u64 },
    #[error(transparent)]
    Store(#[from] ShelfError),
}

impl Download {
    /// A package of `length` bytes whose pieces `read` gives by their places.
    pub(super) fn new(
        package: PackageId,
        length: u32,
        read: impl Fn(u32) -> Reading + Send + 'static,
    ) -> Download {
        Download { package, length: length.into(), sent: 0, read: Box::new(read), reading: None }
    }

    fn remaining(&self) -> u64 {
        self.length - self.sent
    }

    /// Checks the next piece.
    fn checked(&mut self, piece: Option<Vec<u8>>) -> Result<Bytes, DownloadError> {
        let &mut Download { package, sent, length, .. } = self;
        let piece = piece.ok_or(DownloadError::Gone { package, sent, length })?;
        if piece.len() as u64 != self.remaining().min(PIECE as u64) {
            return Err(ShelfError::Damaged("a piece of a package").into());
        }
        self.sent += piece.len() as u64;
        Ok(piece.into())
    }
}

impl HttpBody for Download {
    type Data = Bytes;
    type Error = DownloadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, DownloadError>>> {
        let this = self.get_mut();
        if this.remaining() == 0 {
            return Poll::Ready(None);
        }
        let place = u32::try_from(this.sent / PIECE as u64).unwrap_or(u32::MAX);
        let reading = this.reading.get_or_insert_with(|| (this.read)(place));
        let read = ready!(reading.as_mut().poll(context));
        this.reading = None;
        let piece = read.map_err(DownloadError::from).and_then(|piece| this.checked(piece));
        if let Err(DownloadError::Store(error)) = &piece {
            tracing::error!("a download breaks off: {error}");
        }
        Poll::Ready(Some(piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.remaining() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.remaining())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    const ID: PackageId = PackageId([7; 32]);

    /// A package of two whole pieces and ten bytes, of which `has` pieces are there, and the number of pieces that were read.
    fn download(has: u32) -> (Download, Arc<AtomicU32>) {
        let count = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&count);
        let read = move |place: u32| -> Reading {
            assert_eq!(counted.fetch_add(1, Ordering::Relaxed), place, "each piece once, in order");
            let piece = (place < has).then(|| vec![1; if place < 2 { PIECE } else { 10 }]);
            Box::pin(async move { Ok(piece) })
        };
        (Download::new(ID, 2 * PIECE as u32 + 10, read), count)
    }

    async fn next(download: &mut Download) -> Option<Result<usize, String>> {
        let frame = std::future::poll_fn(|context| Pin::new(&mut *download).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().unwrap().len()).map_err(|error| error.to_string()))
    }

    #[tokio::test]
    async fn each_step_of_a_reader_reads_one_piece() {
        let (mut download, count) = download(3);
        assert_eq!(download.size_hint().exact(), Some(2 * PIECE as u64 + 10));
        assert_eq!(count.load(Ordering::Relaxed), 0, "a head needs no piece");
        for (read, length) in [(1, PIECE), (2, PIECE), (3, 10)] {
            assert_eq!(next(&mut download).await, Some(Ok(length)));
            assert!(download.reading.is_none(), "between pieces nothing is held");
            assert_eq!(count.load(Ordering::Relaxed), read);
        }
        assert_eq!(next(&mut download).await, None);
    }

    #[tokio::test]
    async fn lost_packages_end_in_an_error() {
        let (mut download, _) = download(1);
        assert_eq!(next(&mut download).await, Some(Ok(PIECE)));
        let error = next(&mut download).await.unwrap().unwrap_err();
        assert_eq!(error, format!("the package {ID} is gone after 65536 of 131082 bytes"));
        let mut short = Download::new(ID, 100, |_| Box::pin(async { Ok(Some(vec![0; 99])) }));
        assert!(next(&mut short).await.unwrap().unwrap_err().contains("damaged"));
    }
}
