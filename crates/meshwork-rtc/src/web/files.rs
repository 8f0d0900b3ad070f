//! The page's own files, which no other page sees: the origin private file system (<https://fs.spec.whatwg.org>).

use js_sys::{Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FileSystemDirectoryHandle, FileSystemFileHandle, FileSystemGetDirectoryOptions, FileSystemGetFileOptions,
    FileSystemRemoveOptions, FileSystemWritableFileStream,
};

use super::handler::{call, property, settled, words};

/// What browsers call it that something is not there (Web IDL, DOMException names).
const NOT_FOUND: &str = "NotFoundError";

/// A folder of the page's own files.
#[derive(Clone, Debug)]
pub struct Folder(FileSystemDirectoryHandle);

/// The browser's words for what went wrong.
type Failed = String;

impl Folder {
    /// The folder of all of the page's files; `None` where a page has none that it can write: over plain http, and in
    /// browsers that let workers alone write.
    pub async fn of_page() -> Option<Folder> {
        let handles = property(&js_sys::global(), "FileSystemFileHandle")?;
        property(&property(&handles, "prototype")?, "createWritable").filter(JsValue::is_function)?;
        let window = web_sys::window()?;
        if !window.is_secure_context() {
            return None;
        }
        let storage = property(&window.navigator(), "storage")?;
        let folder = settled(Ok(call(&storage, "getDirectory")?)).await.ok().filter(JsValue::is_object)?;
        Some(Folder(folder.unchecked_into()))
    }

    /// A folder in it, made where there is none.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn make(&self, name: &str) -> Result<Folder, Failed> {
        let options = FileSystemGetDirectoryOptions::new();
        options.set_create(true);
        let made = self.0.get_directory_handle_with_options(name, &options);
        let folder = JsFuture::from(made).await.map_err(|error| words(&error))?;
        Ok(Folder(folder.unchecked_into()))
    }

    /// A folder in it, where there is one.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn find(&self, name: &str) -> Result<Option<Folder>, Failed> {
        let found = there(self.0.get_directory_handle(name)).await?;
        Ok(found.map(|folder| Folder(folder.unchecked_into())))
    }

    /// The names of what is in it.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn names(&self) -> Result<Vec<String>, Failed> {
        let (keys, mut names) = (self.0.keys(), Vec::new());
        loop {
            let next = keys.next().map_err(|error| words(&error))?;
            let next = JsFuture::from(next).await.map_err(|error| words(&error))?;
            if property(&next, "done").is_none_or(|done| done.is_truthy()) {
                return Ok(names);
            }
            names.extend(property(&next, "value").and_then(|name| name.as_string()));
        }
    }

    /// The bytes of a file in it, where there is one.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, Failed> {
        match self.file(name).await? {
            Some(file) => bytes_of(&file).await,
            None => Ok(None),
        }
    }

    /// Bytes of a file in it from `start` on, at most so many, where there is one. Fewer come where it ends.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn read_part(&self, name: &str, start: u64, most: u64) -> Result<Option<Vec<u8>>, Failed> {
        let Some(file) = self.file(name).await? else { return Ok(None) };
        // Files of a page are far shorter than 2^53 bytes.
        let part = file.slice_with_f64_and_f64(start as f64, (start + most) as f64);
        bytes_of(&part.map_err(|error| words(&error))?).await
    }

    /// Whether there is a file of this name in it.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn has(&self, name: &str) -> Result<bool, Failed> {
        Ok(there(self.0.get_file_handle(name)).await?.is_some())
    }

    async fn file(&self, name: &str) -> Result<Option<web_sys::Blob>, Failed> {
        let Some(handle) = there(self.0.get_file_handle(name)).await? else { return Ok(None) };
        let file = there(handle.unchecked_into::<FileSystemFileHandle>().get_file()).await?;
        Ok(file.map(JsValue::unchecked_into))
    }

    /// Writes a file in it: whole, or not at all.
    ///
    /// # Errors
    /// The browser's words, also for a device without space.
    pub async fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failed> {
        let options = FileSystemGetFileOptions::new();
        options.set_create(true);
        let written = async {
            let handle = JsFuture::from(self.0.get_file_handle_with_options(name, &options)).await?;
            let stream =
                JsFuture::from(handle.unchecked_into::<FileSystemFileHandle>().create_writable()).await?;
            let stream: FileSystemWritableFileStream = stream.unchecked_into();
            // A copy: a view of this module's memory is gone when that grows.
            JsFuture::from(stream.write_with_js_u8_array(&Uint8Array::from(bytes))?).await?;
            JsFuture::from(stream.close()).await
        };
        written.await.map(drop).map_err(|error| words(&error))
    }

    /// Removes a file in it, or a folder with all that is in that; what is not there is removed already.
    ///
    /// # Errors
    /// The browser's words.
    pub async fn remove(&self, name: &str) -> Result<(), Failed> {
        let options = FileSystemRemoveOptions::new();
        options.set_recursive(true);
        there(self.0.remove_entry_with_options(name, &options)).await.map(drop)
    }
}

/// `None` where the file has gone meanwhile.
async fn bytes_of(file: &web_sys::Blob) -> Result<Option<Vec<u8>>, Failed> {
    let buffer = there(file.array_buffer()).await?;
    Ok(buffer.map(|buffer| Uint8Array::new(&buffer).to_vec()))
}

/// What a browser finds, where that there is nothing is no error.
async fn there(promise: Promise) -> Result<Option<JsValue>, Failed> {
    match JsFuture::from(promise).await {
        Ok(found) => Ok(Some(found)),
        Err(error) => {
            let name =
                Reflect::get(&error, &JsValue::from_str("name")).ok().and_then(|name| name.as_string());
            if name.as_deref() == Some(NOT_FOUND) { Ok(None) } else { Err(words(&error)) }
        }
    }
}
