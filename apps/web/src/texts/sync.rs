//! Texts of Sync.
#![expect(missing_docs, reason = "a text says itself what it says")]

/// What holds its parts together.
pub mod parts {
    pub const SHOWN: &str = "What Sync shows";
    pub const VALUES: &str = "Values";
    pub const WHITEBOARD: &str = "Whiteboard";
    pub const DOCUMENT: &str = "Document";
    pub const DISCONNECTED: &str = "You are disconnected. What you change is sent once you connect.";
    pub const CONNECT: &str = "Connect";
    pub const DISCONNECT: &str = "Disconnect";
    pub const SAVED_HERE: &str = "Saved here";
    pub const TOO_FAST: &str = "the others cannot keep up. Try again in a moment";

    /// So many others hold what one wrote last, and this device.
    pub fn saved_and_held(members: usize) -> String {
        format!("Saved here, held by {members}")
    }

    /// So many others hold it.
    pub fn held(members: usize) -> String {
        format!("Held by {members}")
    }
}

/// The counter, and the values with their keys.
pub mod values {
    pub const WHICH_COUNTER: &str = "Which counter";
    pub const COUNTER: &str = "Counter";
    pub const COUNTER_AT: &str = "The counter stands at";
    pub const ADD_ONE: &str = "Add 1";
    pub const WHO_COUNTED: &str = "Who counted how much";
    pub const NONE_COUNTED: &str = "Nobody has counted yet.";
    pub const KEYS_AND_VALUES: &str = "Keys and values";
    pub const NONE: &str = "Nothing is written yet. Give a key a value.";
    pub const KEY: &str = "Key";
    pub const VALUE: &str = "Value";
    pub const SET: &str = "Set";
    pub const CHANGE: &str = "Change it";
    pub const HISTORY: &str = "History";
    pub const USE_AGAIN: &str = "Use again";
    pub const WAS_DELETED: &str = "deleted";
    pub const DELETED: &str = "Deleted ";
    pub const NEEDS_KEY: &str = "a value needs a key";

    /// The field for another value.
    pub fn new_value(key: &str) -> String {
        format!("New value of {key}")
    }

    /// The button that opens it, for those who hear it alone.
    pub fn change(key: &str, value: &str) -> String {
        format!("Change {key}: {value}")
    }

    /// What a key was before.
    pub fn history_of(key: &str) -> String {
        format!("History of {key}")
    }

    /// The button that brings a value back, for those who hear it alone.
    pub fn use_again(value: &str) -> String {
        format!("Use {value} again")
    }

    /// What the log says of a key that went.
    pub fn key_deleted(key: &str) -> String {
        format!("{key} deleted")
    }

    /// A value that other programs wrote and this one cannot read.
    pub fn unreadable(text: &str) -> String {
        format!("unreadable: {text}")
    }

    /// Why a value is not written.
    pub fn unfit(error: &meshwork_core::json::JsonError) -> String {
        format!("other programs could not read this value: {error}")
    }

    /// A key is too long.
    pub fn key_too_long(most: usize, size: usize) -> String {
        format!("a key has at most {most} bytes, and this has {size}")
    }
}

/// Statistics and the log.
pub mod statistics {
    pub const STATISTICS: &str = "Statistics and log";
    pub const OWN_CHANGES: &str = "changes of yours";
    pub const OTHER_CHANGES: &str = "changes of others";
    pub const COMPARED: &str = "times compared";
    pub const RECEIVED: &str = "received";
    pub const SENT: &str = "sent";
    pub const AVERAGE: &str = "average round trip";
    pub const AVERAGE_IS: &str = "Average round trip ";
    pub const LOG: &str = "Log";
    pub const SAVE_LOG: &str = "Save log";
    pub const FILTER: &str = "What the log shows";
    pub const ALL: &str = "All";
    pub const LINKS: &str = "Links";
    pub const DREW: &str = "drew";
    pub const HAPPENED: &str = "What happened, the newest first";
    pub const NONE: &str = "Nothing has happened since this page was opened.";

    /// Somebody wrote in a document.
    pub fn wrote_in(title: &str) -> String {
        format!("wrote in {title}")
    }
}

/// The whiteboard.
pub mod board {
    use std::fmt::Display;

    use crate::sync::whiteboard::excalidraw::{ELEMENTS_MAX, FILE_MAX};
    use crate::texts::keys::Group;

    pub const SMALL: &str = "Small";
    pub const MEDIUM: &str = "Medium";
    pub const LARGE: &str = "Large";
    pub const TOOL_SELECT: &str = "Select";
    pub const TOOL_HAND: &str = "Move the board";
    pub const TOOL_RECTANGLE: &str = "Rectangle";
    pub const TOOL_ELLIPSE: &str = "Ellipse";
    pub const TOOL_ARROW: &str = "Arrow";
    pub const TOOL_LINE: &str = "Line";
    pub const TOOL_PEN: &str = "Pen";
    pub const TOOL_TEXT: &str = "Text";
    pub const TOOL_NOTE: &str = "Note";
    pub const TOOL_PICTURE: &str = "Picture";
    pub const TOOL_ERASER: &str = "Eraser";
    pub const TOOL_LASER: &str = "Laser";
    pub const TOOLS: &str = "Tools";
    pub const MORE_TOOLS: &str = "More tools";
    pub const UNDO_KEYS: &str = "Undo what you did (Ctrl Z)";
    pub const LOOK: &str = "How it looks";
    pub const COLOUR: &str = "Colour";
    /// The colours of shapes, as their style numbers them.
    pub const COLOUR_NAMES: [&str; 8] = ["ink", "blue", "teal", "green", "violet", "plum", "rose", "brick"];
    pub const SIZE: &str = "Size";
    pub const MARKER: &str = "Marker";
    pub const TO_FRONT: &str = "To the front";
    pub const TO_FRONT_KEYS: &str = "To the front (Shift ])";
    pub const TO_BACK: &str = "To the back";
    pub const TO_BACK_KEYS: &str = "To the back (Shift [)";
    pub const DUPLICATE: &str = "Duplicate";
    pub const DUPLICATE_KEYS: &str = "Duplicate (Ctrl D)";
    pub const DELETE_KEYS: &str = "Delete (Del)";
    pub const ON_BOARD: &str = "On the board";
    pub const ALL_SHAPES: &str = "All shapes";
    pub const ALL_SHAPES_KEYS: &str = "All shapes (Shift 1)";
    pub const EMPTY: &str = "The board is empty";
    pub const STROKE: &str = "stroke";
    pub const LINE: &str = "line";
    pub const ARROW: &str = "arrow";
    pub const RECTANGLE: &str = "rectangle";
    pub const ELLIPSE: &str = "ellipse";
    pub const DIAMOND: &str = "diamond";
    pub const TEXT: &str = "text";
    pub const NOTE: &str = "note";
    pub const PICTURE: &str = "picture";
    pub const NEWER_SHAPE: &str = "shape from a newer version";
    pub const FROM_NEWER: &str = "From a newer version";
    pub const NO_SHAPES: &str = "This file has no shapes.";
    pub const NOT_EXCALIDRAW: &str =
        "This is no drawing of Excalidraw. Choose a file that ends in .excalidraw.";
    pub const NO_COPY: &str = "This browser does not let us copy.";
    pub const FILES: &str = "Files";
    pub const SAVE_SVG: &str = "Save SVG";
    pub const SAVE_EXCALIDRAW: &str = "Save Excalidraw file";
    pub const OPEN_EXCALIDRAW: &str = "Open Excalidraw file";
    pub const PUT_DOWN: &str = "Put down in the middle";
    pub const KEYS_ON: &str = "Keys on the whiteboard";
    /// Everything that keys do on the whiteboard, in the order of the list.
    pub const KEYS: [Group; 3] = [
        (
            "Tools",
            &[
                ("V 1, R 2, O 3, A 4, L 5", "Select, rectangle, ellipse, arrow, line"),
                ("P 6, T 7, N 8, I 9", "Pen, text, note, picture"),
                ("H, E, K", "Move the board, eraser, laser"),
                ("Enter", "Write in the shape; with a tool, put its shape down"),
            ],
        ),
        (
            "Shapes",
            &[
                ("Comma, Full stop", "The shape before, the next one"),
                ("Arrows", "Move what is chosen, with Shift by 10; else the board"),
                ("Alt + arrows", "Resize what is chosen"),
                ("[, ]", "One place down or up, with Shift to the end"),
                ("Delete", "Take away what is chosen"),
                ("Ctrl D", "A copy beside it"),
                ("Ctrl C, X, V", "Copy, cut, paste"),
                ("Ctrl Z, Ctrl Y", "Undo and redo what you did"),
            ],
        ),
        (
            "Board",
            &[
                ("+, -, Shift 1", "Zoom, show all"),
                ("Space", "Move the board while it is held"),
                ("F", "Follow someone, and the next"),
                ("Esc", "Stop, and choose nothing"),
            ],
        ),
    ];
    pub const NOBODY_ELSE: &str = "Nobody else is on the board.";
    pub const FOLLOWING: &str = "Following ";
    pub const ESC_STOPS: &str = ", Esc stops";
    pub const STOP: &str = "Stop";
    pub const PICTURE_AWAY: &str = "Nobody here has this picture";
    pub const PICTURE_TOO_MANY: &str = "There are too many pictures to show this one";
    /// A picture is coming, from somebody where one knows from whom.
    pub fn picture_comes(called: Option<&str>) -> String {
        called.map_or("The picture is coming".to_owned(), |called| format!("Coming from {called}"))
    }
    pub const PICTURE_TOO_LONG: &str =
        "This picture is too large: a room takes pictures of at most 8\u{2009}MB.";
    pub const PICTURE_NOT_KEPT: &str = "This picture cannot be kept.";
    pub const HELP: &str = "Comma and full stop choose a shape, arrow keys move it, Alt and arrow keys resize it, Enter writes in it, \
         Delete takes it away. R, O, A, L, N and T take a tool, Enter puts its shape down. Question mark lists all keys.";
    pub const NOTHING_DRAWN: &str = "Nothing is drawn yet.";
    pub const DRAW: &str = "Draw, or drop a picture.";
    pub const TEXT_OF_SHAPE: &str = "Text of the shape";

    /// A file stops to be readable at a line.
    pub fn file_damaged(line: impl Display) -> String {
        format!("This file is damaged: line {line} cannot be read. Save it again in Excalidraw.")
    }

    /// A file is too long.
    pub fn file_too_long(bytes: impl Display) -> String {
        format!("This file has {bytes} bytes, at most {FILE_MAX} are read. Take pictures out of it.")
    }

    /// A drawing has too many elements.
    pub fn drawing_too_long(elements: impl Display) -> String {
        format!("This drawing has {elements} elements, at most {ELEMENTS_MAX} are read. Save it in parts.")
    }

    /// Several shapes, or all.
    pub fn shapes(count: usize) -> String {
        format!("{count} shapes")
    }

    /// The whiteboard, for those who hear it.
    pub fn with_shapes(count: usize) -> String {
        format!("Whiteboard, {count} shapes")
    }

    /// The button that follows somebody.
    pub fn follow(called: &str) -> String {
        format!("Follow {called}")
    }

    /// The same, with its key.
    pub fn follow_keys(called: &str) -> String {
        format!("Follow {called} (F)")
    }

    /// Somebody is followed.
    pub fn following(called: &str) -> String {
        format!("Following {called}")
    }

    /// A shape out of so many.
    pub fn shape_of(shape: &str, number: usize, count: usize) -> String {
        format!("{shape}, {number} of {count}")
    }

    /// Where the chosen shapes are, and how large.
    pub fn area(x: f64, y: f64, width: f64, height: f64) -> String {
        format!("x {x:.0}, y {y:.0}, {width:.0} by {height:.0}")
    }
}

/// Documents and their versions.
pub mod documents {
    use std::fmt::Display;

    use crate::texts::{amount, sentence};

    pub const DOCUMENTS: &str = "Documents";
    pub const COPY_LEFT_OUT: &str = "Copy the words";
    pub const COPIED_LEFT_OUT: &str = "Copied.";
    pub const NEW: &str = "New document";
    pub const DROP: &str = "Drop a .md or .txt file to add it here, a picture to put it into the text.";
    pub const RENAME: &str = "Rename";
    pub const DELETE_FOR_ALL: &str = "Delete it for everyone?";
    pub const TITLE: &str = "Title";
    pub const UNTITLED: &str = "Untitled";
    pub const NOT_LOADED: &str = "The editor could not be loaded. ";
    pub const LOADING: &str = "The editor is being loaded.";
    pub const NOT_THERE: &str = "the editor is not there yet";
    pub const REFUSED: &str = "this browser refused it";
    pub const UNREACHABLE: &str = "what this page holds cannot be reached";
    pub const WRITE: &str = "Write";
    pub const WRITE_KEYS: &str = "Write (Alt P)";
    pub const PREVIEW: &str = "Preview";
    pub const PREVIEW_KEYS: &str = "Preview (Alt P)";
    pub const AUTHORS: &str = "Who wrote what";
    pub const AUTHORS_KEYS: &str = "Who wrote what (Alt W)";
    /// Its two parts: the second is not shown where the page is narrow.
    pub const AUTHORS_PARTS: [&str; 2] = ["Who wrote", " what"];
    pub const VERSIONS: &str = "Versions";
    pub const VERSIONS_KEYS: &str = "Versions (Ctrl S)";
    pub const SAVE_FILE: &str = "Save file";
    pub const PICTURE: &str = "Picture";
    pub const VERSION_NAME: &str = "Name of the version";
    pub const NAME_VERSION: &str = "Name this version";
    pub const NO_VERSIONS: &str = "Nobody has saved a version of this document.";
    pub const UNCHANGED: &str = "nothing was changed";
    pub const CHANGES: &str = "What was changed";
    pub const RESTORING: &str = "Restoring is a new change. Nothing is lost.";
    pub const RESTORE: &str = "Restore";
    pub const OPEN_COPY: &str = "Open a copy";
    pub const ADDED: &str = "added ";
    pub const REMOVED: &str = "removed ";

    /// A title for a new document, where others have that without a number.
    pub fn untitled(number: u32) -> String {
        format!("Untitled {number}")
    }

    /// The button that renames a document, for those who hear it alone.
    pub fn rename(called: &str) -> String {
        format!("Rename {called}")
    }

    /// The question before a document is deleted.
    pub fn delete_asked(called: &str) -> String {
        format!("Delete {called}?")
    }

    /// A title is too long.
    pub fn title_too_long(most: usize, size: usize) -> String {
        format!("a title has at most {most} bytes, and this has {size}")
    }

    /// A file is too long.
    pub fn file_too_long(called: &str) -> String {
        format!("{called} is too large: a document takes files of at most 1\u{2009}MB.")
    }

    /// What was written has no place in one's share.
    pub fn share_exceeded(size: u64, used: u64, most: u64) -> String {
        let [size, used, most] = [size, used, most].map(amount);
        format!(
            "this has {size}, and one person has {most} for the documents of a room, of which you have used {used}"
        )
    }

    /// What was written is refused for good, and why.
    pub fn left_out(why: &str) -> String {
        let why = sentence(why);
        format!("Not sent: {why} Your words stay in this page until you close it. Copy them, or undo them.")
    }

    /// A file is no text.
    pub fn no_text(called: &str, error: impl Display) -> String {
        format!("{called} is no text: {error}.")
    }

    /// The name of a version is empty, or too long.
    pub fn bad_version_name(most: usize, size: usize) -> String {
        format!("a name has 1 to {most} bytes, and this has {size}")
    }

    /// A version is too long.
    pub fn version_too_long(most: u64, size: u64) -> String {
        format!("a version has at most {most} bytes, and this has {size}")
    }

    /// A version is no document.
    pub fn version_unreadable(error: impl Display) -> String {
        format!("it cannot be read: {error}")
    }

    /// What was changed since a version.
    pub fn since(version: &str) -> String {
        format!("Since \u{201c}{version}\u{201d}")
    }

    /// How much was.
    pub fn lines_changed(added: usize, removed: usize) -> String {
        format!("+{added}, \u{2212}{removed} lines")
    }

    /// So many lines stayed.
    pub fn unchanged(lines: &str) -> String {
        format!("{lines} unchanged")
    }
}
