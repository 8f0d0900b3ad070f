//! All texts of the pages. Here stand those that are longer than a label, then labels and words by the part of
//! the page. What depends on values is a function of them.

pub mod ago;
pub mod compute;
pub mod keys;
pub mod notices;
pub mod overlays;
pub mod people;
mod place;
pub mod play;
pub mod rules;
mod shell;
pub mod sketch;
mod start;
pub mod steps;
mod sync;
pub mod talk;
mod writing;

pub use labels::*;
pub use place::{canvas, erase, picture, timelapse};
pub use shell::{ban, bar, guest, meet, room, share};
pub use start::{home, key};
pub use sync::{board, documents, parts, statistics, values};
pub use writing::*;

/// What stands first on the home page.
pub const TITLE: &str = "Rooms made of people";
/// What that means.
pub const LEAD: [&str; 2] = [
    "Open a link and you're connected directly to each other. ",
    "No account, no cloud, nobody reading along.",
];
/// The way to an app without a room of several: the words of the link, and what stands behind it.
pub const ALONE: (&str, &str) = ("Begin alone", ", and share it when you like.");
/// Nobody was invited to a room yet.
pub const UNSHARED: &str = "Only you";
/// The room has no link yet.
pub const LINK_SOUGHT: &str = "Asking the server for a link.";
/// The small canvas of the start page, for those who do not see it.
pub const DOODLE: &str = "Canvas to try. Arrows move, Space paints.";
/// The small whiteboard of the start page, for those who do not see it.
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
/// The ways on from there: where this browser keeps rooms, and where it keeps none.
pub const TO_ROOMS: [&str; 2] = ["Go to your rooms", "Make a room"];
/// Rooms that this browser keeps.
pub const KEPT: &str = "Rooms on this device";
/// Where they are.
pub const KEPT_HERE: &str = "Kept in this browser only.";
/// Where they are, and how long, in a browser that did not agree to keep them.
pub const KEPT_FOR_NOW: &str = "Kept in this browser only, which may clear them when its space runs short.";

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
pub const MEANS_VIEW: &str = "Watch, chat and save a copy";
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
pub const FURTHER_APPS: &str = "For everyone in it: same link, same people, same rules.";
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

/// A file that was to be one, or what the clipboard has.
pub const NOT_A_PICTURE: &str = "This file is not a picture that the browser can read. Try a PNG or JPEG.";

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

/// Labels, and words in other texts, that are said in several places.
mod labels {
    #![expect(missing_docs, reason = "a text says itself what it says")]

    pub const INVISIBLE: &str = "(invisible name)";
    pub const CANCEL: &str = "Cancel";
    pub const CLOSE: &str = "Close";
    pub const CLOSE_KEYS: &str = "Close (Esc)";
    pub const COPY: &str = "Copy";
    pub const COPY_KEY: &str = "Copy key";
    pub const SAVE: &str = "Save";
    pub const SAVE_PNG: &str = "Save PNG";
    pub const DELETE: &str = "Delete";
    pub const KEEP: &str = "Keep";
    pub const UNDO: &str = "Undo";
    pub const REDO: &str = "Redo";
    pub const REDO_KEYS: &str = "Redo (Ctrl Y)";
    pub const TRY_AGAIN: &str = "Try again";
    pub const YOU: &str = "You";
    pub const YOU_IN_SENTENCE: &str = "you";
    pub const SOMEBODY: &str = "Somebody";
    pub const EVERYBODY: &str = "Everybody";
    pub const NOBODY: &str = "Nobody";
    pub const KEYS: &str = "Keys";
    pub const ZOOM: &str = "Zoom";
    pub const ZOOM_IN: &str = "Zoom in";
    pub const ZOOM_IN_KEYS: &str = "Zoom in (+)";
    pub const ZOOM_OUT: &str = "Zoom out";
    pub const ZOOM_OUT_KEYS: &str = "Zoom out (-)";
    pub const COLOURS: &str = "Colours";
    pub const FILL: &str = "Fill";
    pub const WIDTH: &str = "Width";
    pub const HOW_SHOWN: &str = "How it is shown";
    pub const ONLY_DEVICE: &str = "Only this device has it";
    pub const ONLY_PAGE: &str = "Only this page has it";
    pub const MORE: &str = "More";
    pub const APPS_IN_ROOM: &str = "Apps in this room";
    pub const NOT_MEASURED: &str = "not measured";
    pub const CELL: &str = "cell";
    pub const STROKE: &str = "stroke";
    pub const POST: &str = "post";
    pub const LINE: &str = "line";

    /// The button that deletes something, for those who hear it alone.
    pub fn delete(called: &str) -> String {
        format!("Delete {called}")
    }

    /// A file cannot be read.
    pub fn file_unreadable(name: &str) -> String {
        format!("{name} cannot be read.")
    }
}
