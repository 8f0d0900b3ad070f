//! The writes that change the posts of a table.

use meshwork_core::clock::Stamp;
use meshwork_core::id::{Endpoint, PeerId};
use meshwork_core::planted;
use meshwork_core::table::{Entry, Write, Writer};
use meshwork_core::time::WallTime;

use crate::post::{
    AFTER_MAX, FILES_MAX, HIDDEN_MAX, Named, NewPost, Post, PostError, PostId, PostKey, REACTIONS_BYTES_MAX,
    REACTIONS_MAX, TEXT_MAX,
};
use crate::reading::Conversation;
use crate::row::{
    AFTER, FILES, FIRST, HIDDEN, Hidden, RE, REACTIONS, SEEN, TEXT, encode_files, encode_key, row_of,
};
use crate::text::{fit, is_one_grapheme};

/// Ids that are tried for a post. A device that has written so many posts within a millisecond waits for the next one.
const IDS_TRIED: usize = 64;

/// Each of these makes the writes of one change. They belong into one batch, which
/// [`payloads`](meshwork_core::table::payloads) makes of them, and are written without regard to the author's quota: in a long
/// conversation the oldest posts go.
impl Conversation<'_> {
    /// A post of `me`, at a time of the room. Also returns its id.
    ///
    /// # Errors
    /// [`PostError`] for a text or files beyond the limits.
    pub fn post(&self, me: Endpoint, at: WallTime, new: &NewPost) -> Result<(PostId, Vec<Write>), PostError> {
        check_text(&new.text, !new.files.is_empty())?;
        let seen = self.newest(None, AFTER_MAX);
        // A clock that is behind writes behind what it answers.
        let at = seen.last().map_or(at, |post| at.max(post.at));
        let re = new.re.map(|re| self.answered(re)).transpose()?;
        let own = |name: &[u8]| Writer::Peer(me.peer).field(name);
        let is_taken = |id: PostId| {
            let row = row_of(id);
            [TEXT, FILES].iter().any(|name| self.table.get(&row, &own(name)).is_some())
        };
        // Three bytes tell two posts of one millisecond apart, so another number is tried if they do not.
        let ids = (0_u32..).map(|number| {
            PostId::new(at, me.peer, |hasher| {
                // Nobody else writes as this endpoint, and it knows its own posts.
                hasher.update(&me.peer.0).update(&me.instance.0.to_le_bytes());
                seen.iter().for_each(|post| {
                    hasher.update(&post.id.0);
                });
                hasher.update(new.text.as_bytes());
                if number > 0 {
                    hasher.update(&number.to_le_bytes());
                }
            })
        });
        let id = ids.take(IDS_TRIED).find(|id| !is_taken(*id)).ok_or(PostError::TooManyAtOnce)?;
        let row = row_of(id);
        let mut writes = Vec::new();
        if !new.text.trim().is_empty() {
            writes.push(Write::value(&row, own(TEXT), &new.text));
        }
        if !seen.is_empty() {
            let seen: Vec<u8> = seen.iter().rev().flat_map(|post| post.id.0).collect();
            writes.push(Write::value(&row, own(SEEN), seen));
        }
        if let Some(re) = re {
            writes.push(Write::value(&row, own(RE), encode_key(re)));
        }
        if !new.files.is_empty() {
            writes.push(Write::value(&row, own(FILES), encode_files(&new.files)?));
        }
        Ok((id, writes))
    }

    /// Another text for a post of `me`. Its answers, reactions and files stay.
    ///
    /// # Errors
    /// [`PostError`] if no such post of `me` shows, or for a text beyond the limits.
    pub fn edit(&self, me: PeerId, id: PostId, text: &str) -> Result<Vec<Write>, PostError> {
        let entries = self.own_fields(me, id)?;
        let value = |name: &[u8]| {
            let entry = entries.iter().find(|entry| entry.field().1 == name)?;
            Some((entry.value()?, entry.stamp()))
        };
        check_text(text, value(FILES).is_some())?;
        let row = row_of(id);
        let field = |name: &[u8]| Writer::Peer(me).field(name);
        let mut writes = vec![match text.trim().is_empty() {
            true => Write::removal(&row, field(TEXT)),
            false => Write::value(&row, field(TEXT), text),
        }];
        // The earlier batch holds nothing any more, so members evict it.
        for name in [AFTER, SEEN, RE, FILES] {
            writes.extend(value(name).map(|(value, _)| Write::value(&row, field(name), value)));
        }
        let written = value(TEXT).or_else(|| value(FILES)).map_or(Stamp::NEVER, |(_, stamp)| stamp);
        let first = value(FIRST).map_or(written.0.to_be_bytes().to_vec(), |(first, _)| first.to_vec());
        writes.push(Write::value(&row, field(FIRST), first));
        if planted!(EditKeepsText) {
            writes.remove(0);
        }
        Ok(writes)
    }

    /// Removes a post of `me`, with the reactions of `me` in its row.
    ///
    /// # Errors
    /// [`PostError`] if no such post of `me` shows.
    pub fn remove(&self, me: PeerId, id: PostId) -> Result<Vec<Write>, PostError> {
        let removal = |entry: &&Entry| Write::removal(entry.row(), Writer::Peer(me).field(entry.field().1));
        Ok(self.own_fields(me, id)?.iter().map(removal).collect())
    }

    /// Writes a removed post of `me` again, as it was read before: at its place, with its files, the post that it answers and the
    /// reactions of `me`. Answers and reactions of others stand in rows and fields of their own, so they show again. It counts as
    /// edited, since its first stamp is named. A post that shows needs no writes.
    ///
    /// # Errors
    /// [`PostError::NotYours`], or [`PostError`] for a text or files beyond the limits.
    pub fn restore(&self, me: PeerId, post: &Post) -> Result<Vec<Write>, PostError> {
        if post.author != me {
            return Err(PostError::NotYours(post.id));
        }
        check_text(&post.text, !post.files.is_empty())?;
        if self.get_by(post.id, me).is_some() {
            return Ok(Vec::new());
        }
        let row = row_of(post.id);
        let value = |name: &[u8], value: &[u8]| Write::value(&row, Writer::Peer(me).field(name), value);
        let mut writes = vec![value(FIRST, &post.stamp.0.to_be_bytes())];
        if !post.text.trim().is_empty() {
            writes.push(value(TEXT, post.text.as_bytes()));
        }
        // By now the author has seen all that stands before it.
        let seen = self.newest(Some(post), AFTER_MAX);
        if !seen.is_empty() {
            writes.push(value(SEEN, &seen.iter().rev().flat_map(|post| post.id.0).collect::<Vec<u8>>()));
        }
        writes.extend(post.re.map(|re| value(RE, &encode_key(re))));
        if !post.files.is_empty() {
            writes.push(value(FILES, &encode_files(&post.files)?));
        }
        let mine = post.reactions.iter().filter(|reaction| reaction.by.contains(&me));
        let mine: Vec<&str> = mine.map(|reaction| &*reaction.emoji).collect();
        // A reaction of another version may be none that this one writes.
        let lines = reaction_lines(&mine).ok().filter(|lines| !lines.is_empty());
        writes.extend(lines.map(|lines| value(REACTIONS, lines.as_bytes())));
        Ok(writes)
    }

    /// Gives a post these reactions of `me` in place of earlier ones; none takes them back.
    ///
    /// # Errors
    /// [`PostError`] if no such post shows, or if one of these is not one emoji or there are too many.
    pub fn react(&self, me: PeerId, id: PostId, emoji: &[&str]) -> Result<Vec<Write>, PostError> {
        let lines = reaction_lines(emoji)?;
        if !self.shows(id) {
            return Err(PostError::NoSuchPost(id));
        }
        let (row, field) = (row_of(id), Writer::Peer(me).field(REACTIONS));
        Ok(match emoji {
            // Nothing to take back.
            [] if self.table.get(&row, &field).is_none() => Vec::new(),
            [] => vec![Write::removal(row, field)],
            _ => vec![Write::value(row, field, lines)],
        })
    }

    /// Hides a post from everybody, or shows it again. Rooms accept it from the owner and moderators.
    ///
    /// # Errors
    /// [`PostError`] if no such post shows, or is hidden.
    pub fn hide(&self, post: impl Into<Named>, is_to_hide: bool) -> Result<Vec<Write>, PostError> {
        let post = post.into();
        let (id, row) = (post.id, row_of(post.id));
        let hidden = self.hidden(&row);
        let mut authors: Vec<PeerId> = hidden.authors().collect();
        if is_to_hide {
            authors.push(self.find(post)?.author);
        } else {
            match post.author {
                _ if hidden == Hidden::Nobody => return Err(PostError::NotHidden(id)),
                Some(author) if hidden != Hidden::Everybody && !authors.contains(&author) => {
                    return Err(PostError::NotHidden(id));
                }
                Some(author) => authors.retain(|other| *other != author),
                // An id alone shows all posts of the row again.
                None => authors.clear(),
            }
        }
        if authors.len() > HIDDEN_MAX {
            return Err(PostError::TooManyHidden(HIDDEN_MAX));
        }
        let field = Writer::Moderators.field(HIDDEN);
        let keys: Vec<u8> = authors.iter().flat_map(|author| author.0).collect();
        Ok(vec![if keys.is_empty() { Write::removal(row, field) } else { Write::value(row, field, keys) }])
    }

    /// The post that another one answers.
    fn answered(&self, re: Named) -> Result<PostKey, PostError> {
        // The author of an answer may name a post that is not here.
        re.author.map_or_else(|| self.find(re), |author| Ok(PostKey { id: re.id, author }))
    }

    /// The fields of `me` in the row of a post of `me`.
    fn own_fields(&self, me: PeerId, id: PostId) -> Result<Vec<&Entry>, PostError> {
        if self.get_by(id, me).is_none() {
            let is_there = self.shows(id);
            return Err(if is_there { PostError::NotYours(id) } else { PostError::NoSuchPost(id) });
        }
        let (row, writer) = (row_of(id), Writer::Peer(me));
        let own = self.table.row_part(&row, (writer, &[])).take_while(|(entry, _)| entry.field().0 == writer);
        Ok(own.filter(|(_, shows)| *shows).map(|(entry, _)| entry).collect())
    }
}

/// Reactions as a line each, if they are within the limits.
pub(crate) fn reaction_lines(emoji: &[&str]) -> Result<String, PostError> {
    if let Some(other) = emoji.iter().find(|emoji| !is_one_grapheme(emoji)) {
        return Err(PostError::NotOneEmoji((*other).to_owned()));
    }
    let lines = emoji.join("\n");
    if emoji.len() > REACTIONS_MAX || lines.len() > REACTIONS_BYTES_MAX {
        return Err(PostError::TooManyReactions { count: emoji.len(), bytes: lines.len() });
    }
    Ok(lines)
}

/// Whether a post may have this text. Characters that nobody sees are none.
pub(crate) fn check_text(text: &str, has_files: bool) -> Result<(), PostError> {
    match text.len() {
        length if length > TEXT_MAX => Err(PostError::TextTooLong(length)),
        _ if fit(text).trim().is_empty() && !has_files => Err(PostError::Empty),
        _ => Ok(()),
    }
}

const _: () = assert!(FILES_MAX * (32 + 10 + 2 + 255 + 1 + 64 + 6) < meshwork_core::table::VALUE_MAX);
