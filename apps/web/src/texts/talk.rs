//! Conversations: the panel that every app has, and Chat.
#![expect(missing_docs, reason = "a text says itself what it says")]

use std::time::Duration;

use super::{POST, count, grouped};
use crate::talk::unread;

pub const CHAT: &str = "Chat";
pub const CHAT_KEYS: &str = "Chat (T)";
pub const ROOM: &str = "Room";
pub const EVERYBODY_READS: &str = "Everybody here reads this";
pub const NONE: &str = "Nobody has written yet. Posts stay with the room.";
pub const POSTS: &str = "Posts";
pub const WRITE: &str = "Message";
pub const WRITE_TO_ROOM: &str = "Message the room";
pub const SEND: &str = "Send";
pub const SEND_KEYS: &str = "Send (Enter; Shift Enter begins a line)";
pub const REPLY: &str = "Reply";
pub const REACT: &str = "React";
pub const EDIT: &str = "Edit";
pub const COPY_TEXT: &str = "Copy text";
pub const HIDE: &str = "Hide from everyone";
pub const HIDDEN: &str = "The post is hidden from everyone.";
pub const SHOW_AGAIN: &str = "Show it again";
pub const DELETED: &str = "Your post is deleted.";
pub const EDITED: &str = "edited";
pub const EDITING: &str = "Editing your post";
pub const CANCEL_EDIT: &str = "Stop editing (Esc)";
pub const CANCEL_REPLY: &str = "Stop replying (Esc)";
pub const ANSWERED_GONE: &str = "A post that is deleted, or not here yet";
pub const NEWER: &str = "This post is of a newer version. Update the page to read it.";
pub const ANY_EMOJI: &str = "Another emoji";
pub const ADD: &str = "Add";
pub const SEARCH: &str = "Search";
pub const SEARCH_POSTS: &str = "Search the posts";
pub const SEARCH_NONE: &str = "No post has these words.";
pub const SEARCH_ON: &str = "Search further back";
pub const MENTION: &str = "People to mention";
pub const CONVERSATIONS: &str = "Conversations";
pub const DIRECT: &str = "Direct";
pub const REQUESTS: &str = "Requests";
pub const NEW_DIRECT: &str = "Message somebody privately";
pub const PRIVATELY: &str = "Message privately";
pub const BLOCK: &str = "Block";
pub const SAVE_KEY: &str = "Save your key";
pub const SEALED: &str = "Only the two of you read this";
pub const PROFILE: &str = "Your profile in this room";
pub const NAME: &str = "Name";
pub const STATUS: &str = "Status";
pub const STATUS_EXAMPLE: &str = "In Porto from Saturday";
pub const CHOOSE_FACE: &str = "Choose a picture";
pub const REMOVE_FACE: &str = "Remove picture";
pub const PROFILE_STAYS: &str = "Everybody in this room sees it, also when you are away. Other rooms do not.";
pub const FORGET_ME: &str = "Forget me here";
pub const FORGET_ME_MEANS: &str = "Your name, status and picture go from this room, and your name does not come back with later \
     posts. What you wrote stays.";
pub const ADD_FILES: &str = "Add files";
pub const PASTED: &str = "pasted";
pub const SHOW_PICTURE: &str = "Show";
pub const FILE_COMING: &str = "Loading";
pub const FILES_COMING: &str = "A file is still being read. Send once it is there, or remove it.";
pub const NO_FILES_EDITED: &str =
    "A post that is sent gets no more files. Stop editing, and send them in a post of their own.";
pub const NOT_SHOWN: &str = "This picture is too large to show, or no picture. You can save it.";
pub const NO_FILES_DIRECT: &str =
    "Direct posts carry no files yet. Send them in the room, or in a room of your own.";
pub const NOT_WRITER: &str = "Only those whom the owner named may write here. You can read.";
pub const BANNED: &str = "You are banned in this room and cannot write here any more.";
pub const LEAVES: &str = "Opens another site";

/// Emoji that a press adds.
pub const EMOJI: [&str; 8] = ["👍", "❤️", "😂", "🎉", "😮", "😢", "🙏", "👀"];

/// A post comes too early for the room's rules.
pub fn too_fast(wait: Duration) -> String {
    let wait = match wait.as_millis().div_ceil(1000).max(1) {
        seconds if seconds > 7200 => format!("{} hours", seconds.div_ceil(3600)),
        seconds if seconds > 120 => format!("{} minutes", seconds.div_ceil(60)),
        seconds => format!("{seconds} s"),
    };
    format!("You write faster than this room allows. Wait {wait}.")
}

/// The button that takes a file off the next post.
pub fn remove_file(name: &str) -> String {
    format!("Remove {name}")
}

/// A file is longer than a page takes.
pub fn file_too_long(name: &str, most: &str) -> String {
    format!("{name} is too long. A page sends up to {most}.")
}

/// More files than a post has.
pub fn files_too_many(most: usize) -> String {
    format!("A post has at most {}.", count(most, "file"))
}

/// The status has too many bytes.
pub fn status_too_long(most: usize) -> String {
    format!("A status has at most {}.", count(most, "byte"))
}

/// The field of a conversation with one person.
pub fn write_to(called: &str) -> String {
    format!("Message {called}")
}

/// What stands above the first post to somebody.
pub fn sealed_for(called: &str) -> String {
    format!(
        "Sealed for {called}, and delivered when {called} is back. Everybody in this room sees that you write to somebody, and \
         stores it unread. Your key opens it: save the key, since a cleared browser loses it."
    )
}

/// What stands above posts of somebody whom one never answered.
pub fn request(called: &str) -> String {
    format!("You never wrote to {called}. Answer to accept, or block.")
}

/// The newest post of a conversation, if it is one's own.
pub fn you_wrote(excerpt: &str) -> String {
    format!("You: {excerpt}")
}

/// The head of a reply's quote, for those who hear it alone.
pub fn answers(called: &str) -> String {
    format!("Reply to {called}: ")
}

/// Whom the next post answers.
pub fn replying(called: &str) -> String {
    format!("Replying to {called}")
}

/// A button beside a post, for those who hear it alone.
pub fn of_post(title: &str, called: &str, when: &str) -> String {
    format!("{title}: {called}, {when}")
}

/// The button that leads to the newest post, and how many came since it was in sight.
pub fn to_newest(unseen: usize) -> String {
    match unseen {
        0 => "To the newest post".to_owned(),
        _ => format!("To the newest post, {}", new_posts(unseen)),
    }
}

/// Posts that lie above the unread line.
pub fn new_posts(count: usize) -> String {
    format!("{} new", unread(count))
}

/// So many posts before a line are not here.
pub fn missing(posts: usize) -> String {
    let are = if posts == 1 { "is" } else { "are" };
    format!("{} before this {are} not here", count(posts, POST))
}

/// What the button that opens the conversation is called.
pub fn button(count: usize) -> String {
    if count == 0 { CHAT.to_owned() } else { format!("Chat, {} unread", unread(count)) }
}

/// So many bytes are left of the most that a post has.
pub fn left(left: usize, most: usize) -> String {
    format!("{} left of {}", count(left, "byte"), grouped(most))
}

/// A post has so many bytes too many.
pub fn too_long(over: usize, most: usize) -> String {
    format!("This is {} too long. A post has at most {}.", count(over, "byte"), grouped(most))
}

/// How many have one's last post, of those who stay.
pub fn heard(by: usize, of: usize, is_kept: bool) -> String {
    match (by, is_kept) {
        (0, true) => "Saved here".to_owned(),
        (0, false) => "On this page only".to_owned(),
        _ => format!("Heard by {by} of {of}"),
    }
}

/// When the others see one's post, whose time is ahead of theirs.
pub fn appears(at: &str) -> String {
    format!("Appears to others at {at}")
}

/// Who is writing now.
pub fn writing(called: &[String]) -> String {
    match called {
        [] => String::new(),
        [one] => format!("{one} is writing"),
        [one, two] => format!("{one} and {two} are writing"),
        [one, others @ ..] => format!("{one} and {} more are writing", others.len()),
    }
}

/// A reaction, for those who hear it alone: what and by whom.
pub fn reaction(emoji: &str, by: &[String]) -> String {
    format!("{emoji} by {}", by.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_conversations() {
        assert_eq!([0, 3, 100].map(button), ["Chat", "Chat, 3 unread", "Chat, 99+ unread"]);
        let missing = [1, 2].map(missing);
        assert_eq!(missing, ["1 post before this is not here", "2 posts before this are not here"]);
        assert_eq!((heard(0, 3, true), heard(2, 3, false)), ("Saved here".into(), "Heard by 2 of 3".into()));
        let names = ["Lin", "Ana", "Bo"].map(String::from);
        assert_eq!(writing(&names[..1]), "Lin is writing");
        assert_eq!(writing(&names), "Lin and 2 more are writing");
        let wait = |seconds| too_fast(Duration::from_secs(seconds)).split_off(45);
        assert_eq!([45, 121, 7201].map(wait), ["45 s.", "3 minutes.", "3 hours."]);
    }
}
