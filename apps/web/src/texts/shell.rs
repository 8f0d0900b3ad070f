//! Texts of the page around the apps: a room, the people in it, its rules, its links.
#![expect(missing_docs, reason = "a text says itself what it says")]

/// The bar on top.
pub mod bar {
    use std::fmt::Display;

    pub const HOME: &str = "Home";
    pub const SHARE: &str = "Share";
    pub const SHARE_KEYS: &str = "Share (Ctrl K)";
    pub const PRIVATE: &str = "Private";
    pub const OPEN: &str = "Open";
    pub const ROOM_UNSHARED: &str = "Room and rules, not shared yet";
    pub const ROOM_PRIVATE: &str = "Room and rules, private";
    pub const ROOM_OPEN: &str = "Room and rules, open";

    /// The page's heading.
    pub fn app_in(app: &str, room: impl Display) -> String {
        format!("{app}, room {room}")
    }
}

/// The sheet that brings people in.
pub mod share {
    pub const BRING_IN: &str = "Bring someone in";
    pub const SCAN: &str = "Scan, or read out the code:";
    pub const SCAN_PRIVATE: &str = "Scan with a phone. The code alone does not open a private room:";
    pub const SCAN_EDIT: &str =
        "Scan with a phone to get the edit link. The code alone does not open a private room:";
    pub const SCAN_VIEW: &str =
        "Scan with a phone to get the view link. The code alone does not open a private room:";
    pub const QR: &str = "QR code of the link";
    pub const WHICH_LINK: &str = "Which link";
    pub const EDIT_LINK: &str = "Edit link";
    pub const VIEW_LINK: &str = "View link";
    pub const SPLIT: &str = "Make an edit link and a view link";
    pub const SEND_LINK: &str = "Send link";
    pub const NEW_LINK: &str = "Give this room a new link";

    /// What people do who have the link to edit, after the app's word for it.
    pub fn means_edit(verb: &str) -> String {
        format!("{verb}, and bring others in")
    }
}

/// The sheet for meeting without a server.
pub mod meet {
    pub const HOW: &str = "One of you makes an invitation, the other answers with a reply. Carry both texts by a messenger, \
         or let a camera read them. Both of you need the link to this room; everybody else is then introduced by you \
         two.";
    pub const YOU_BEGIN: &str = "You begin";
    pub const MAKE: &str = "Make an invitation";
    pub const MAKE_NEW: &str = "Make a new one";
    pub const SEND_THIS: &str = "Send this to one person. It waits ten minutes for their reply.";
    pub const INVITATION: &str = "Invitation";
    pub const COPY_INVITATION: &str = "Copy invitation";
    pub const TEXT_YOU_GOT: &str = "The text you got";
    pub const EITHER: &str = "An invitation or a reply";
    pub const LINK_WITH_IT: &str = "Link with it";
    pub const READ_WITH_CAMERA: &str = "Read with the camera";
    pub const STOP_CAMERA: &str = "Stop the camera";
    pub const NO_READER: &str =
        "This browser cannot read pictures. Read the picture with your phone's camera, and paste the text.";
    pub const NO_CAMERA: &str = "The camera cannot be used here. Paste the text instead.";
    pub const CAMERA_SEES: &str = "What the camera sees";
    pub const SEND_BACK: &str = "Send this reply back";
    pub const LINKED_WHEN: &str = "You are linked when they have put it in. Keep this page open.";
    pub const REPLY: &str = "Reply";
    pub const COPY_REPLY: &str = "Copy reply";
    pub const BEGIN_AGAIN: &str = "Begin again";
    pub const NOT_SENT: &str = "It was not sent. Copy it instead.";
    pub const SEND: &str = "Send";
}

/// The sheet of the room and its rules.
pub mod room {
    pub const THIS_ROOM: &str = "This room";
    pub const SHOWN: &str = "What is shown of the room";
    pub const ABOUT: &str = "About";
    pub const RULES: &str = "Rules";
    pub const ADVANCED: &str = "Advanced";
    pub const LEAVE: &str = "Leave this room";
    pub const ROOM_AND_RULES: &str = "Room and rules";
    pub const RENAME: &str = "Rename this room";
    pub const MADE_BY: &str = "Made by ";
    pub const MADE_ON: &str = " on ";
    pub const NOBODY: &str = "nobody in particular";
    pub const WHO_GETS_IN: &str = "Who gets in";
    pub const HELD_BY: &str = "Held by";
    pub const SERVER: &str = "Server";
    pub const MODERATORS: &str = "Moderators";
    pub const OVERLAY: &str = "Overlay";
    pub const LINKS_NOW: &str = "Links now";
    pub const SEEN_CALLED: &str = "What people see this room called";
    pub const FOR_EVERYONE: &str = "Applies to everyone at once";
    pub const DISCARD: &str = "Discard";
    pub const CLOSE_UNSAVED: &str = "Close without saving";

    /// The button that adds an app.
    pub fn add(app: &str) -> String {
        format!("Add {app}")
    }
}

/// Bans.
pub mod ban {
    pub const BAN: &str = "Ban";
    pub const BAN_AND_ERASE: &str = "Ban and erase";
    pub const BANNED: &str = "Banned";
    pub const LIFT_BAN: &str = "Lift ban";
}

/// Your name, where you have none yet.
pub mod guest {
    pub const YOUR_NAME: &str = "Your name";
    pub const YOU_ARE: &str = "You are ";
    pub const NO_NAME: &str = "Stay without a name";
}

/// Notes.
pub mod notes {
    use crate::notes::unread;
    use crate::texts::{NOTE, count, grouped};

    pub const NOTES: &str = "Notes";
    pub const NOTES_KEYS: &str = "Notes (T)";
    pub const NONE: &str = "Nobody has written yet. What you write stays with the room.";
    pub const WRITTEN: &str = "What was written";
    pub const REMOVE: &str = "Remove";
    pub const HIDE: &str = "Hide from everyone";
    pub const REMOVED: &str = "Your note is removed.";
    pub const WRITE_AGAIN: &str = "Write it again";
    pub const HIDDEN: &str = "The note is hidden from everyone.";
    pub const SHOW_AGAIN: &str = "Show it again";
    pub const WRITE: &str = "Write a note";
    pub const WRITE_TO_ROOM: &str = "Write to the room";
    pub const WRITE_IT: &str = "Write it";
    pub const WRITE_IT_KEYS: &str = "Write it (Enter; Shift Enter begins a line)";

    /// There are more notes than are shown; `notes` is the count of those.
    pub fn newest(notes: &str) -> String {
        format!("The newest {notes}.")
    }

    /// A button beside a note, for those who hear it alone.
    pub fn note_of(title: &str, when: &str) -> String {
        format!("{title}: note of {when}")
    }

    /// So many notes before a line are not here.
    pub fn missing(notes: usize) -> String {
        let are = if notes == 1 { "is" } else { "are" };
        format!("{} before this {are} not here", count(notes, NOTE))
    }

    /// What the button that opens the notes is called.
    pub fn button(count: usize) -> String {
        if count == 0 { NOTES.to_owned() } else { format!("Notes, {} unread", unread(count)) }
    }

    /// So many bytes are left of the most that a note has.
    pub fn left(left: usize, most: usize) -> String {
        format!("{} left of {}", count(left, "byte"), grouped(most))
    }

    /// A note has so many bytes too many.
    pub fn too_long(over: usize, most: usize) -> String {
        format!("This is {} too long. A note has at most {}.", count(over, "byte"), grouped(most))
    }

    /// Where one's last note is: with so many of the people who stay, or here, in this browser where that keeps
    /// the room.
    pub fn reached(reached: usize, of: usize, is_kept: bool) -> String {
        match (reached, is_kept) {
            (0, true) => "Your last note is saved here".to_owned(),
            (0, false) => "Your last note is on this page only".to_owned(),
            _ => format!("Your last note reached {reached} of {of}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::notes::{button, missing, reached};

    #[test]
    fn words_of_notes() {
        assert_eq!([0, 3, 100].map(button), ["Notes", "Notes, 3 unread", "Notes, 99+ unread"]);
        assert_eq!(
            [1, 2].map(missing),
            ["1 note before this is not here", "2 notes before this are not here"]
        );
        assert_eq!(reached(0, 3, true), "Your last note is saved here");
        assert_eq!(reached(2, 3, false), "Your last note reached 2 of 3");
    }
}
