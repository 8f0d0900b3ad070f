//! Texts of the page around the apps: a room, the people in it, its rules, its links.
#![expect(missing_docs, reason = "a text says itself what it says")]

/// The bar on top.
pub mod bar {
    use std::fmt::Display;

    pub const HOME: &str = "Home";
    pub const SHARE: &str = "Share";
    pub const SHARE_KEYS: &str = "Share (Ctrl K)";
    pub const APPS: &str = "Apps in this room";
    pub const MORE: &str = "More";
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
    pub const APPS: &str = "Apps in this room";
    pub const SEEN_CALLED: &str = "What people see this room called";
    pub const FOR_EVERYONE: &str = "Applies to everyone at once";
    pub const DISCARD: &str = "Discard";
    pub const CLOSE_UNSAVED: &str = "Close without saving";

    /// The button that adds an app.
    pub fn add(app: &str) -> String {
        format!("Add {app}")
    }
}

/// The form of rules, here and where a room is made.
pub mod rules {
    pub const NO_LIMIT: &str = "No limit";
    pub const AT_MOST: &str = "At most";
    pub const WINDOW: &str = "How long a window is";
    pub const REACHED_WITH: &str = "All are reached with";
    pub const WHO_LINKS: &str = "Who links to whom";
    pub const WHO_MODERATES: &str = "Who may ban and erase besides you";
    pub const NAMED_LATER: &str = "People can be named here once they have been in the room with you.";

    /// How fast, where `verb` is what the app is for.
    pub fn how_fast(verb: &str) -> String {
        format!("How fast each person may {verb}")
    }

    /// Several of the app's units.
    pub fn units(unit: &str) -> String {
        format!("{unit}s")
    }

    /// What stands between the number of units and the time.
    pub fn units_every(unit: &str) -> String {
        format!("{unit}s every")
    }

    /// Who may do what the app is for.
    pub fn who_may(verb: &str) -> String {
        format!("Who may {verb}")
    }

    /// The list of those who may.
    pub fn besides_you(verb: &str) -> String {
        format!("People who may {verb} besides you")
    }

    /// A list is too long.
    pub fn list_too_long(most: usize) -> String {
        format!("A list has at most {most} people.")
    }
}

/// Bans.
pub mod ban {
    pub const BAN: &str = "Ban";
    pub const BAN_AND_ERASE: &str = "Ban and erase";
    pub const BANNED: &str = "Banned";
    pub const LIFT_BAN: &str = "Lift ban";
}

/// The list of people, and one of them.
pub mod people {
    use std::fmt::Display;

    pub const PEOPLE: &str = "People";
    pub const PEOPLE_AND_LINK: &str = "People and link";
    pub const ABOUT: &str = "About ";
    pub const HERE: &str = " here";
    pub const LINKED: &str = " linked to you";
    pub const YOU_BESIDE: &str = "(you)";
    pub const LEGEND: &str = "Legend";
    /// Of whom one only knows, in Sync.
    pub const DISCOVERED: &str = "discovered";
    /// A person's link, of this state, where both have the same.
    pub fn synced(state: impl Display) -> String {
        format!("synced, {state}")
    }
    pub const SAVED: &str = "Saved in this browser";
    pub const SAVED_BY_TAB: &str = "Saved by your other tab";
    pub const MUTED: &str = ", muted";
    pub const MUTE: &str = "Mute";
    pub const UNMUTE: &str = "Unmute";
    pub const LINK_AGAIN: &str = "Link again";
    pub const UNLINK: &str = "Unlink";
    pub const LINK: &str = "Link";
    pub const PATH: &str = "Path";
    pub const JITTER: &str = "Jitter";
    pub const LOSS: &str = "Loss";
    pub const LOSS_OF: &str = "Of the pings of the last minute";
    pub const RECEIVED: &str = "Received";
    pub const SENT: &str = "Sent";
    pub const LAST_HEARD: &str = "Last heard";
    pub const KEY: &str = "Key";
    pub const KEY_OF_PERSON: &str = "Key of this person";
    pub const DIRECT: &str = "Direct";
    pub const RELAYED: &str = "Relayed";
    pub const STALE: &str = "Stale";
    pub const GONE: &str = "Gone";
    pub const NOT_NOW: &str = "not now";
    pub const ROUND_TRIP: &str = "Round trip, last minute";

    /// A link is being made; `beside` says for how long.
    pub fn connecting(beside: &str) -> String {
        format!("Connecting, {beside}")
    }

    /// For how long a link has been as it is.
    pub fn state_for(state: &str, time: &str) -> String {
        format!("{state} for {time}")
    }

    /// Since when, where that is no length of time.
    pub fn state_since(state: &str, since: &str) -> String {
        format!("{state} since {since}")
    }
}

/// Your name, where you have none yet.
pub mod guest {
    pub const YOUR_NAME: &str = "Your name";
    pub const YOU_ARE: &str = "You are ";
    pub const NO_NAME: &str = "Stay without a name";
}

/// Notes.
pub mod notes {
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
}

/// The picture of the links.
pub mod overlay {
    pub const PICTURE_OF_LINKS: &str = "Picture of the links. You are in the middle, and distance is time. Arrow keys go from one to the next; the \
         table has the same in words.";
    pub const PICTURE: &str = "Picture";
    pub const TABLE: &str = "Table";
    pub const STRAIGHT: &str = "Straight to everyone";
    pub const QUICKEST: &str = "The quickest of all ways";
    pub const ONE_TREE: &str = "The one tree, up and down from the author";
    pub const AUTHORS_TREE: &str = "Tree of the author";
    pub const HOW_TRAVELS: &str = "How a stroke travels";
    pub const FROM_YOU: &str = "From you";
    pub const WHOSE: &str = "Whose strokes";
    pub const HOPS: &str = "How many hear it after how many hops";
    /// Times in milliseconds.
    pub const STEPS: [(&str, &str); 5] =
        [("1", "to 20"), ("2", "to 60"), ("3", "to 150"), ("4", "to 400"), ("5", "over")];
    pub const READING: &str = "Reading the picture";
    pub const READING_HOW: &str = "You are in the middle. Distance from you is the round trip in milliseconds; overlapping people are moved \
         outwards. Choose someone to follow their strokes.";
    pub const YOUR_LINK: &str = "Your link, direct";
    pub const RELAYED_BY: &str = "Relayed, through a third machine";
    pub const CONNECTING: &str = "Connecting";
    pub const STALE_FOR: &str = "Stale, nothing heard for 2.5 s";
    pub const CARRIES: &str = "Carries the chosen strokes";
    /// The heads of the table.
    pub const HEADS: [&str; 5] = ["Person", "Link to you", "The stroke comes", "Links", "Passes on to"];
    pub const YOUR_STROKES: &str = "your strokes";
    pub const AS_TABLE: &str = "Links as a table";

    /// Whose strokes are followed.
    pub fn from(called: &str) -> String {
        format!("From {called}")
    }

    /// The strokes of somebody else.
    pub fn strokes_of(called: &str) -> String {
        format!("the strokes of {called}")
    }

    /// What the table shows.
    pub fn how_travel(strokes: &str) -> String {
        format!("Connections, and how {strokes} travel")
    }
}
