//! The conversation of a room: posts as JSON.

use meshwork::chat::{Change, Chat, File, Post, PostId, Reaction};
use meshwork::{BlobId, Receipt, WriteError};
use serde_json::{Value, json};
use wasm_bindgen::prelude::*;

use crate::border::at_once;
use crate::error::{thrown, unfit};
use crate::reader::{Reader, Source};

/// The posts of a room.
#[wasm_bindgen]
pub struct RawChat(Chat);

impl RawChat {
    pub(crate) fn new(chat: Chat) -> RawChat {
        RawChat(chat)
    }
}

#[wasm_bindgen(wasm_bindgen_futures = crate::promise)]
impl RawChat {
    /// The newest posts, or those before the post with this id, as JSON.
    pub fn newest(&self, before: Option<String>, most: usize) -> Result<String, JsValue> {
        let before = match before {
            Some(id) => Some(self.known(&id)?),
            None => None,
        };
        written(&at_once(self.0.newest(before.as_ref(), most)).map_err(thrown)?)
    }

    /// The posts after the post with this id, as JSON.
    pub fn after(&self, id: &str, most: usize) -> Result<String, JsValue> {
        let post = self.known(id)?;
        written(&at_once(self.0.after(&post, most)).map_err(thrown)?)
    }

    /// Posts around a time in milliseconds since 1970, as JSON.
    pub fn around(&self, time: f64, most: usize) -> Result<String, JsValue> {
        written(&at_once(self.0.around(time as u64, most)).map_err(thrown)?)
    }

    /// A post as JSON; nothing if none shows.
    pub fn get(&self, id: &str) -> Result<Option<String>, JsValue> {
        let post = at_once(self.0.get(read(id)?)).map_err(thrown)?;
        Ok(post.map(|post| value(&post).to_string()))
    }

    /// The newest posts with all of these words, at most `most`, as JSON.
    pub fn search(&self, words: &str, most: usize) -> Result<String, JsValue> {
        let (mut search, mut found) = (self.0.search(words), Vec::new());
        while found.len() < most
            && let Some(post) = at_once(search.next()).map_err(thrown)?
        {
            found.push(post);
        }
        written(&found)
    }

    /// Writes a post, whose files are JSON, and returns its id.
    pub async fn post(&self, text: String, re: Option<String>, files: String) -> Result<String, JsValue> {
        let files: Vec<Value> = serde_json::from_str(&files).map_err(unfit)?;
        let mut writing = self.0.write(&text);
        for of in &files {
            writing = writing.file(file(of)?);
        }
        if let Some(re) = re {
            writing = writing.reply(read(&re)?);
        }
        writing.send().await.map(|(id, _)| id.to_string()).map_err(thrown)
    }

    /// Gives a post of one's own another text.
    pub async fn edit(&self, id: String, text: String) -> Result<(), JsValue> {
        done(self.0.edit(read(&id)?, &text).await)
    }

    /// Removes a post of one's own.
    pub async fn remove(&self, id: String) -> Result<(), JsValue> {
        done(self.0.remove(read(&id)?).await)
    }

    /// Gives a post these emoji in place of one's earlier ones.
    pub async fn react(&self, id: String, emoji: Vec<String>) -> Result<(), JsValue> {
        let emoji: Vec<&str> = emoji.iter().map(String::as_str).collect();
        done(self.0.react(read(&id)?, &emoji).await)
    }

    /// Hides a post from everybody.
    pub async fn hide(&self, id: String) -> Result<(), JsValue> {
        done(self.0.hide(read(&id)?).await)
    }

    /// Shows a hidden post again.
    pub async fn show(&self, id: String) -> Result<(), JsValue> {
        done(self.0.show(read(&id)?).await)
    }

    /// Reads from now on what changes.
    pub fn watch(&self) -> Reader {
        Reader::of(Source::Chat(self.0.watch()))
    }

    fn known(&self, id: &str) -> Result<Post, JsValue> {
        let missing = || unfit(format!("there is no post {id}"));
        at_once(self.0.get(read(id)?)).map_err(thrown)?.ok_or_else(missing)
    }
}

/// A change as JSON, with the number of changes that were missed so far.
pub(crate) fn change(change: &Change, missed: u64) -> Option<Value> {
    let (kind, id, post) = match change {
        Change::Posted(post) => ("posted", post.id, Some(post)),
        Change::Edited(post) => ("edited", post.id, Some(post)),
        Change::Reacted(post) => ("reacted", post.id, Some(post)),
        Change::Removed(key) => ("removed", key.id, None),
        _ => return None,
    };
    let author = match change {
        Change::Removed(key) => Some(key.author),
        _ => post.map(|post| post.author),
    };
    let author = author.map(|author| author.to_string());
    Some(
        json!({ "kind": kind, "id": id.to_string(), "author": author, "post": post.map(value), "missed": missed }),
    )
}

fn written(posts: &[Post]) -> Result<String, JsValue> {
    Ok(Value::from_iter(posts.iter().map(value)).to_string())
}

fn value(post: &Post) -> Value {
    let file = |file: &File| {
        json!({
            "blob": file.blob.to_string(), "size": file.size, "name": file.name, "type": file.kind,
            "width": file.width, "height": file.height,
        })
    };
    let reaction = |Reaction { emoji, by }: &Reaction| json!({ "emoji": emoji, "by": Value::from_iter(by.iter().map(ToString::to_string)) });
    json!({
        "id": post.id.to_string(),
        "author": post.author.to_string(),
        "time": post.at.as_millis(),
        "text": post.text,
        "re": post.re.map(|re| re.id.to_string()),
        "reAuthor": post.re.map(|re| re.author.to_string()),
        "files": Value::from_iter(post.files.iter().map(file)),
        "reactions": Value::from_iter(post.reactions.iter().map(reaction)),
        "isEdited": post.is_edited,
        "isNewer": post.is_newer,
        "missing": post.missing,
        "hasMore": post.has_more,
    })
}

fn file(of: &Value) -> Result<File, JsValue> {
    let text = |name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let side = |name: &str| of[name].as_u64().and_then(|side| side.try_into().ok()).unwrap_or(0);
    let blob: BlobId = text("blob").parse().map_err(unfit)?;
    let size = of["size"].as_u64().ok_or_else(|| unfit("a file has a size"))?;
    let (name, kind) = (text("name"), text("type"));
    Ok(File { blob, size, name, kind, width: side("width"), height: side("height") })
}

fn read(id: &str) -> Result<PostId, JsValue> {
    id.parse().map_err(unfit)
}

fn done(written: Result<Receipt, WriteError>) -> Result<(), JsValue> {
    written.map(drop).map_err(thrown)
}
