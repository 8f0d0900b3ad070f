//! Images that stand in documents.

use meshwork_core::table::Table;
use meshwork_sync::about::{self, Image};
use meshwork_sync::whiteboard::PICTURE_MAX;

use crate::app::check_sizes;
use crate::blobs::{Blob, BlobError, BlobId};
use crate::error::{Closed, WriteError};
use crate::sync::document::Document;

/// Why an image is not put with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImageError {
    /// It is longer than an image can be: so many bytes.
    #[error("an image has at most {PICTURE_MAX} bytes, and this one has {0}")]
    TooLarge(u64),
    /// It cannot be held here.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl Document {
    /// Puts an image with the document: a file's bytes, held here and by members that
    /// [keep blobs](crate::App::keep_blobs) until somebody deletes the document. Where the text says `![NAME](blob:ID)`, ID being the
    /// [id](Blob::id) of what is returned, pages show it. Dropping the future leaves it there, or not.
    ///
    /// # Errors
    /// [`ImageError`]; the document does not have it. It has at most [`PICTURE_MAX`](crate::sync::shapes::PICTURE_MAX) bytes.
    pub async fn put_image(&self, bytes: &[u8]) -> Result<Blob, ImageError> {
        check_sizes(&[(self.name.len(), meshwork_sync::NAME_MAX)])?;
        let size = bytes.len() as u64;
        if size > PICTURE_MAX {
            return Err(ImageError::TooLarge(size));
        }
        let blob = self.app.blobs().offer_bytes(bytes).await?;
        let image = Image { document: self.name.clone(), blob: blob.id(), size };
        self.app.write(move |_, _| Ok(about::set_image(&image, true))).await?;
        Ok(blob)
    }

    /// The images that people put with the document, to be [fetched](crate::Blobs::fetch).
    ///
    /// # Errors
    /// [`Closed`].
    pub async fn images(&self) -> Result<Vec<BlobId>, Closed> {
        let name = self.name.clone();
        let ids =
            move |table: &Table| about::images(table, &name).into_iter().map(|image| image.blob).collect();
        self.app.read(ids).await
    }
}
