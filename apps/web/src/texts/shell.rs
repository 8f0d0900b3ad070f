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
    pub const NAMES_STAY: &str = "This room is open: whoever has its code reads it, with the names that people typed, also when they \
         are gone.";

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
