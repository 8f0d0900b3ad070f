//! The newest posts of a conversation, kept by the changes of it.
//!
//! A page reads them once and then follows the conversation's changes, so a new post costs no reading of the others.

use meshwork_chat::{Brief, PostKey};

/// The newest posts of a conversation, at most a fixed number, the earliest first.
#[derive(Clone, Debug)]
pub struct Newest {
    most: usize,
    posts: Vec<Brief>,
}

impl Newest {
    /// None yet, of at most `most`.
    pub const fn new(most: usize) -> Newest {
        Newest { most, posts: Vec::new() }
    }

    /// The posts, the earliest first.
    pub fn posts(&self) -> &[Brief] {
        &self.posts
    }

    /// Replaces all by posts that were read, the earliest first.
    pub fn set(&mut self, posts: Vec<Brief>) {
        self.posts = posts;
    }

    /// Adds a post in its place. Returns whether it was missing.
    pub fn add(&mut self, post: Brief) -> bool {
        let Err(place) = self.posts.binary_search(&post) else { return false };
        self.posts.insert(place, post);
        if self.posts.len() > self.most {
            self.posts.remove(0);
        }
        true
    }

    /// Removes a post. Returns whether an earlier one may take its place, so that all must be read again.
    pub fn remove(&mut self, key: PostKey) -> bool {
        let was_full = self.posts.len() == self.most;
        let before = self.posts.len();
        self.posts.retain(|post| post.key() != key);
        was_full && self.posts.len() < before
    }
}

#[cfg(test)]
mod tests {
    use meshwork_chat::PostId;
    use meshwork_core::clock::Stamp;
    use meshwork_core::id::PeerId;
    use meshwork_core::table::TIME_TAIL;

    use super::*;

    fn brief(number: u8) -> Brief {
        Brief { stamp: Stamp(number.into()), id: PostId([number; TIME_TAIL]), author: PeerId([1; 32]) }
    }

    fn numbers(newest: &Newest) -> Vec<u64> {
        newest.posts().iter().map(|post| post.stamp.0).collect()
    }

    #[test]
    fn posts_are_added_in_their_place() {
        let mut newest = Newest::new(3);
        newest.set(vec![brief(2), brief(4)]);
        assert!(newest.add(brief(3)));
        assert!(!newest.add(brief(3)), "it is known");
        assert_eq!(numbers(&newest), [2, 3, 4]);
        assert!(newest.add(brief(5)));
        assert_eq!(numbers(&newest), [3, 4, 5], "the earliest gives way");
        newest.add(brief(1));
        assert_eq!(numbers(&newest), [3, 4, 5], "an earlier post is none of the newest");
    }

    #[test]
    fn removals_from_full_lists_need_earlier_posts() {
        let mut newest = Newest::new(2);
        newest.set(vec![brief(1), brief(2)]);
        assert!(!newest.remove(brief(7).key()), "it is not among them");
        assert!(newest.remove(brief(1).key()));
        assert!(!newest.remove(brief(2).key()), "all posts are known");
        assert_eq!(numbers(&newest), [0; 0]);
    }
}
