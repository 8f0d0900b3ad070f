//! Texts of the pages that are always the same and longer than a label, or said in more than one place; what depends on something
//! stands in [`words`](crate::words).

/// What stands first on the home page.
pub const TITLE: &str = "Rooms made of people";
/// What that means.
pub const LEAD: [&str; 2] = [
    "Open a link and you're connected directly to each other. ",
    "No account, no cloud, nobody reading along.",
];
/// Who gets into which of the two kinds of rooms.
pub const KINDS: &str = "Private: only people with the link get in. Open: anyone with the six-letter code.";
/// The way to an app without a room of several: the words of the link, and what stands behind it.
pub const ALONE: (&str, &str) = ("Begin alone", ", and share it when you like.");
/// Nobody was invited to a room yet.
pub const UNSHARED: &str = "Only you";
/// The room has no link yet.
pub const LINK_SOUGHT: &str = "Asking the server for a link.";
/// The small canvas of the start page, for those who do not see it.
pub const DOODLE: &str = "Canvas to try. Arrows move, Space paints.";
/// What becomes of what is painted there.
pub const DOODLE_HINT: &str = "Paint here, for yourself. Make a room, and it comes along.";
/// What a room's rules are called before it is made.
pub const LIMITS: &str = "Limits (optional)";
/// Who paints in a room where not everybody does, before anybody else is there.
pub const ONLY_YOU: &str = "Only you (add people later)";
/// The server answers.
pub const SERVER_READY: &str =
    "Ready. The server only introduces people: once you are connected, you don't need it.";
/// The server does not answer.
pub const SERVER_AWAY: &str = "The server doesn't answer. You can make and join rooms when it is back.";
/// Nobody knows yet whether it does.
pub const SERVER_SOUGHT: &str = "Looking for the server.";
/// What a page is called at whose address there is nothing.
pub const NOWHERE: &str = "No such page";
/// The way on from there.
pub const TO_ROOMS: &str = "Go to your rooms, or make one";
/// Rooms that this browser keeps.
pub const KEPT: &str = "Rooms on this device";
/// Where they are.
pub const KEPT_HERE: &str = "Kept in this browser only.";

/// Nobody is in the room but oneself.
pub const ALONE_HERE: &str = "Nobody else is here yet";
/// The way in where no server answers.
pub const MEET: &str = "Meet without a server";
/// What a room's only link is called.
pub const ROOM_LINK: &str = "Link to this room";
/// The button beside a link.
pub const COPY_LINK: &str = "Copy link";
/// Why what somebody writes is not taken.
pub const WRITTEN_ENOUGH: &str = "you have written as much here as one person may";
/// What the length of a strand says.
pub const CLOSER: &str = "Closer means faster";
/// The switch for what a screen reader says of others.
pub const ANNOUNCE: &str = "Screen reader: announce what others paint";
/// A canvas on which nothing is painted.
pub const EMPTY_CANVAS: &str = "Pick a colour and start painting.";
/// A cell on which nothing is painted.
pub const EMPTY_CELL: &str = "Nobody has painted this";

/// What nobody but those who have the link knows of it.
pub const SECRET_PART: &str = "The part after # is the room's secret: no server sees it. ";
/// How long a link works.
pub const LINK_WORKS: &str = "A link works while someone is in the room.";
/// What people do who have the link to look.
pub const MEANS_VIEW: &str = "Watch, write notes and save a copy";
/// What it means that a room has two links from now on.
pub const SPLITTING: &str = "This room has one link, and whoever has it may do everything. With two, people who have the \
     present link can only watch, until you send them the edit link.";
/// What a new link means.
pub const NEW_LINK_MEANS: &str =
    "All links to this room stop working. People you tick keep access and get the new link by themselves.";
/// The new link is there.
pub const NEW_LINK_MADE: &str = "New link made. Copy it again.";
/// Who gets into a private room.
pub const ENTRY_PRIVATE: &str = "People with the full link";
/// Who gets into an open one.
pub const ENTRY_OPEN: &str = "Anyone with the link or the code";
/// Who may do what the app is for, where a link says so.
pub const WITH_EDIT_LINK: &str = "Everyone with the edit link";
/// Who may paint beside the owner.
pub const ONLY_TICKED: &str = "Only you, and the people ticked here";
/// What it means that a room has several apps.
pub const FURTHER_APPS: &str = "For everybody in it: same link, same people, same rules.";
/// The button that gives a room its rules.
pub const SAVE_RULES: &str = "Save rules";
/// The room sheet is to be closed while what was chosen does not hold yet.
pub const UNSAVED: &str = "You changed something here and did not save it.";
/// Bans and erases.
pub const MODERATION: &str = "Moderation";
/// There is nobody to ban.
pub const NOBODY_TO_BAN: &str = "Nobody to ban.";
/// The button that marks what is to be erased.
pub const SELECT: &str = "Select on canvas";

/// The picture of the links.
pub const CONNECTIONS: &str = "Connections, and how your strokes travel";
/// A link that carries strokes where they are lacking.
pub const BACKUP_PATH: &str = "Backup path";
/// Links that carry nothing of these strokes.
pub const OTHER_LINKS: &str = "Other connections";

/// The fold around one's key.
pub const SHOW_KEY: &str = "Show key";
/// What another key means.
pub const OTHER_KEY: &str = "A different key makes you a different person here. Save this one first, or you lose it. The page reloads with the \
     other key.";

/// The switch for keys of one letter.
pub const SHORTCUTS: &str = "Single-key shortcuts";
/// Where those count.
pub const SHORTCUTS_WHERE: &str = "Only while the canvas is focused.";
/// The cross on the bar of a picture over the canvas.
pub const REMOVE_PICTURE: &str = "Remove picture";
/// The button that leads to the next cell of it.
pub const NEXT_CELL: &str = "Next cell to paint";
/// How long a time-lapse is.
pub const LENGTH: &str = "Length";
