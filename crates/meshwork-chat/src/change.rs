//! Changes of posts, from the changes of their table.

use std::collections::BTreeSet;

use meshwork_core::id::PeerId;
use meshwork_core::table::{Change as FieldChange, Entry, Writer};

use crate::post::{Post, PostId, PostKey};
use crate::reading::Conversation;
use crate::row::{FILES, HIDDEN, Hidden, REACTIONS, TEXT, id_of, row_of};

/// A change of a conversation.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// A post that did not show before. Its author may have written it long ago.
    Posted(Post),
    /// A post with another text.
    Edited(Post),
    /// A post with other reactions.
    Reacted(Post),
    /// A post that does not show any more: removed, hidden or too old.
    Removed(PostKey),
}

/// A post of which fields changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Touched {
    id: PostId,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// The post of an author in this row, which was there before or not.
    Own {
        author: PeerId,
        was_there: bool,
    },
    Reactions,
    /// Whether the post of this author shows; `None` for all posts of the row.
    Hidden {
        author: Option<PeerId>,
    },
}

impl Touched {
    /// The posts that these changes of the table are about, in the order of their ids.
    pub fn all(changes: &[FieldChange]) -> Vec<Touched> {
        let mut there = BTreeSet::new();
        let mut touched = BTreeSet::new();
        for change in changes {
            let Some(id) = id_of(change.row()) else { continue };
            let what = match change.field() {
                (Writer::Peer(_), REACTIONS) => What::Reactions,
                (Writer::Peer(author), name) => {
                    if change.before.is_some() && [TEXT, FILES].contains(&name) {
                        there.insert((id, author));
                    }
                    What::Own { author, was_there: false }
                }
                (Writer::Moderators, HIDDEN) => {
                    touched
                        .extend(hidden(change).map(|author| Touched { id, what: What::Hidden { author } }));
                    continue;
                }
                _ => continue,
            };
            touched.insert(Touched { id, what });
        }
        // Fields of one post change together: one of them tells whether it was there.
        let was_there = |touched: Touched| match touched.what {
            What::Own { author, .. } => {
                let was_there = there.contains(&(touched.id, author));
                Touched { what: What::Own { author, was_there }, ..touched }
            }
            _ => touched,
        };
        touched.into_iter().map(was_there).collect()
    }
}

/// The authors whose posts are hidden or shown again by a change; `None` for everybody.
fn hidden(change: &FieldChange) -> impl Iterator<Item = Option<PeerId>> {
    let of = |entry: &Option<Entry>| -> (bool, BTreeSet<PeerId>) {
        let hidden = Hidden::of(entry.as_ref().and_then(Entry::value));
        (hidden == Hidden::Everybody, hidden.authors().collect())
    };
    let (before, after) = (of(&change.before), of(&change.after));
    let is_all = before.0 || after.0;
    let authors: Vec<PeerId> = before.1.symmetric_difference(&after.1).copied().collect();
    let authors = authors.into_iter().filter(move |_| !is_all).map(Some);
    authors.chain(is_all.then_some(None))
}

impl Conversation<'_> {
    /// The changes of these posts, as they are now.
    pub fn changes(&self, touched: &[Touched]) -> Vec<Change> {
        let mut changes = Vec::new();
        for &Touched { id, what } in touched {
            let shown = |author: PeerId| match self.get_by(id, author) {
                Some(post) => Change::Posted(post),
                None => Change::Removed(PostKey { id, author }),
            };
            let authors = || self.authors(&row_of(id), id).0.into_iter();
            match what {
                What::Own { author, was_there } => match (self.get_by(id, author), was_there) {
                    (Some(post), true) => changes.push(Change::Edited(post)),
                    (Some(post), false) => changes.push(Change::Posted(post)),
                    // A post in the row of somebody else never showed.
                    (None, true) if self.may_show(&row_of(id), id, author) => {
                        changes.push(Change::Removed(PostKey { id, author }));
                    }
                    (None, _) => {}
                },
                What::Reactions => {
                    let posts = authors().filter_map(|author| self.get_by(id, author));
                    changes.extend(posts.map(Change::Reacted));
                }
                What::Hidden { author: Some(author) } => changes.push(shown(author)),
                What::Hidden { author: None } => {
                    let wrote = |author: &PeerId| self.own(&row_of(id), id, *author).is_some();
                    changes.extend(authors().filter(wrote).map(shown));
                }
            }
        }
        changes
    }
}
