//! Changes of posts, from the changes of their table.

use std::collections::BTreeSet;

use meshwork_core::id::PeerId;
use meshwork_core::table::{Change as FieldChange, Writer};

use crate::post::{Post, PostId};
use crate::reading::Conversation;
use crate::row::{FILES, REACTIONS, TEXT, id_of};

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
    Removed(PostId),
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
    /// Whether the posts of this row show.
    Hidden,
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
                (Writer::Moderators, _) => What::Hidden,
                (Writer::Anybody, _) => continue,
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

impl Conversation<'_> {
    /// The changes of these posts, as they are now.
    pub fn changes(&self, touched: &[Touched]) -> Vec<Change> {
        let change = |&Touched { id, what }: &Touched| match what {
            What::Own { author, was_there } => match (self.get_by(id, author), was_there) {
                (Some(post), true) => Some(Change::Edited(post)),
                (Some(post), false) => Some(Change::Posted(post)),
                (None, true) => Some(Change::Removed(id)),
                (None, false) => None,
            },
            What::Reactions => self.get(id).map(Change::Reacted),
            What::Hidden => Some(self.get(id).map_or(Change::Removed(id), Change::Posted)),
        };
        touched.iter().filter_map(change).collect()
    }
}
