//! Texts of Place.
#![expect(missing_docs, reason = "a text says itself what it says")]

/// The canvas, its tools and its keys.
pub mod canvas {
    use std::fmt::Display;

    pub const CANVAS: &str = "Canvas";
    pub const SAVE_PNG_KEYS: &str = "Save PNG (S)";
    pub const KEYS_KEYS: &str = "Keys (?)";
    pub const KEYS_ON: &str = "Keys in Place";
    pub const TOOLS_AND_COLOURS: &str = "Tools and colours";
    pub const PAINT_OR_MOVE: &str = "Paint or move";
    pub const PAINT: &str = "Paint";
    pub const PAINT_KEYS: &str = "Paint (P)";
    pub const MOVE: &str = "Move";
    pub const MOVE_KEYS: &str = "Move (H)";
    pub const UNDO_AND_FILL: &str = "Undo and fill";
    pub const FILL_KEYS: &str = "Fill an area (F)";
    pub const EYEDROPPER: &str = "Eyedropper";
    pub const EYEDROPPER_KEYS: &str = "Eyedropper (I)";
    pub const UNDO_KEYS: &str = "Undo your last stroke (Ctrl Z)";
    pub const ANY_COLOUR: &str = "Any colour";
    pub const ANY_COLOUR_KEYS: &str = "Any colour (C)";
    pub const WHOLE: &str = "Whole canvas";
    pub const WHOLE_KEYS: &str = "Whole canvas (Z)";
    pub const NO_COLOUR: &str = "There is no colour here to take.";
    pub const THIS_FILL: &str = "This fill";
    pub const UNDOING: &str = "Undoing this";
    pub const REDOING: &str = "Redoing this";
    pub const BUSY: &str = "Something is being painted. Wait until it is done, or cancel it.";
    pub const CANCELLED: &str = "You cancelled it.";
    pub const LARGE_FILL: &str = "Large fill";
    pub const PAINTING: &str = "Painting";
    pub const PAINTED: &str = "Painted";
    pub const SPOKEN_PAINTED: &str = "painted";
    pub const PAINTED_THIS: &str = "painted this";
    pub const ACTIVITY: &str = "Activity";
    pub const A_MINUTE: &str = " a minute";
    pub const PAINTERS: &str = "Who painted in the last ten minutes";
    pub const HAND_ONLY_MOVES: &str = "The hand only moves the canvas. Press P to paint.";
    pub const PENCIL_TAKEN: &str = "Pencil";
    pub const HAND_TAKEN: &str = "Hand. Arrows move the canvas";
    pub const EYEDROPPER_TAKEN: &str = "Eyedropper. Space takes the colour";
    pub const FILL_TAKEN: &str = "Fill. Space fills the area";
    pub const HELP: &str = "Arrow keys move the frame, Space paints, 1 to 9 and 0 choose colours, plus and minus zoom, \
         Z shows the whole canvas, G goes to a cell, question mark lists all keys, Escape leaves.";
    pub const GO_TO: &str = "Go to a cell";
    pub const COLUMN_AND_ROW: &str = "Column and row";
    pub const GO_THERE: &str = "Go there";

    /// A colour that was in hand before.
    pub fn used_lately(colour: &str) -> String {
        format!("{colour}, used lately")
    }

    /// A colour was taken from the canvas.
    pub fn picked(colour: &str) -> String {
        format!("Picked {colour}")
    }

    /// What a fill at the pointer would paint.
    pub fn fills(cells: &str) -> String {
        format!("Fills {cells}.")
    }

    /// Some of what was painted was lost.
    pub fn too_fast(cells: &str) -> String {
        format!("{cells} could not be sent fast enough")
    }

    /// The list of painters is longer.
    pub fn more(people: usize) -> String {
        format!("and {people} more")
    }

    /// The canvas, for those who hear it.
    pub fn sized(width: u16, height: u16) -> String {
        format!("Canvas, {width} by {height} cells")
    }

    /// How large a canvas is.
    pub fn size(width: u16, height: u16) -> String {
        format!("{width}\u{2009}\u{d7}\u{2009}{height} cells")
    }

    /// How large it is, and how much of it is painted.
    pub fn size_painted(width: u16, height: u16, cells: &str) -> String {
        format!("{width}\u{2009}\u{d7}\u{2009}{height}, {cells} painted")
    }

    /// So much of a longer work is done.
    pub fn done_of(done: &str, total: &str) -> String {
        format!("{done} of {total}")
    }

    /// The same, and how long the rest takes.
    pub fn done_left(done: &str, total: &str, time: impl Display) -> String {
        format!("{done} of {total}, {time} left")
    }

    /// The same, and how long nothing goes on.
    pub fn done_waiting(done: &str, total: &str, time: impl Display) -> String {
        format!("{done} of {total}, waiting {time}")
    }

    /// A work was done.
    pub fn painted(cells: &str) -> String {
        format!("Painted {cells}.")
    }

    /// A work ended early; `why` as a sentence.
    pub fn painted_of(done: &str, total: &str, why: &str) -> String {
        format!("Painted {done} of {total}. {why}")
    }

    /// What somebody painted meanwhile.
    pub fn called_painted(called: &str, cells: &str) -> String {
        format!("{called} painted {cells}")
    }
}

/// Erasing a rectangle, and taking that back.
pub mod erase {
    pub const A_RECTANGLE: &str = "Erase a rectangle";
    pub const HEIGHT: &str = "Height";
    pub const WHOSE: &str = "Whose cells";
    pub const EVERYBODYS: &str = "Everybody\u{2019}s cells";
    pub const ERASE: &str = "Erase";
    pub const BRING_BACK: &str = "Bring back";
    pub const TWO_CORNERS: &str = "Press Space at two corners of what is to be erased";
    pub const OTHER_CORNER: &str = "Now the other corner.";
    pub const MARKING: &str = "Marking";
    pub const DRAG: &str = "Drag over what is to be erased.";

    /// The cells of one person.
    pub fn cells_of(called: &str) -> String {
        format!("{called}\u{2019}s cells")
    }

    /// What was erased.
    pub fn erased(what: &str) -> String {
        format!("Erased: {what}")
    }

    /// The button that takes it back, for those who hear it alone.
    pub fn bring_back(what: &str) -> String {
        format!("Bring back: {what}")
    }
}

/// A picture over the canvas, and the picture of the canvas.
pub mod picture {
    use std::fmt::Display;

    pub const OVER_CANVAS: &str = "Picture over the canvas";
    pub const OVER_CANVAS_WHY: &str =
        "Lay a picture over the canvas, to paint through it or to have it painted";
    pub const FILE: &str = "Picture file";
    pub const PICTURE: &str = "Picture ";
    pub const OPACITY: &str = "Opacity";
    pub const TWELVE_COLOURS: &str = "Twelve colours";
    pub const DITHER: &str = "Dither";
    pub const DONE: &str = "Done";
    pub const PIN: &str = "Pin";
    pub const UNPIN: &str = "Unpin";
    pub const PIN_WHY: &str = "A pinned picture stays, and the pencil takes its colours";
    pub const NEXT_CELL_KEYS: &str = "Next cell to paint (N)";
    pub const TOO_LARGE: &str =
        "This picture is too large: a file may have 64\u{2009}MB. Choose a smaller one.";
    pub const NO_PIXELS: &str = "This browser does not show the pixels of the picture.";
    pub const COPIED: &str = "Copied. Paste it where you like.";
    pub const NO_COPY: &str = "This browser does not let us copy pictures. Save the PNG instead.";
    pub const THE_PICTURE: &str = "The picture";
    pub const COPY: &str = "Copy picture";

    /// A picture was laid over the canvas.
    pub fn laid(columns: u16, rows: u16) -> String {
        format!("{columns} by {rows} cells. Drag the picture where you want it, then pin it.")
    }

    /// It was moved.
    pub fn stands_at(x: i32, y: i32) -> String {
        format!("Picture at x {x}, y {y}")
    }

    /// What is lacking in a cell.
    pub fn should_be(x: u16, y: u16, colour: &str) -> String {
        format!("x {x}, y {y} should be {colour}.")
    }

    /// How much of it is right, as a sentence, and how long the rest takes at least.
    pub fn rest_takes(right: &str, time: impl Display) -> String {
        format!("{right} The room\u{2019}s rules make the rest take {time}.")
    }

    /// How much of it is seen, for those who hear it.
    pub fn percent(percent: impl Display) -> String {
        format!("{percent} percent")
    }

    /// The button that has it painted.
    pub fn paint(cells: &str) -> String {
        format!("Paint {cells}")
    }
}

/// The time-lapse.
pub mod timelapse {
    pub const TIME_LAPSE: &str = "Time-lapse";
    pub const ASKING: &str = "Asking how far back the others can see";
    pub const NONE: &str = "Nobody has painted yet. Paint something, then open this again.";
    pub const MOMENT: &str = "Moment";
    pub const PLAY: &str = "Play";
    pub const PAUSE: &str = "Pause";
    pub const SAVE_GIF: &str = "Save GIF";
    pub const SAVE_APNG: &str = "Save animated PNG";
    pub const SAVED_GIF: &str = "Saved a GIF";
    pub const SAVED_GIF_NEAR: &str = "Saved a GIF. It has 256 colours, so some are near ones";
    pub const SAVED_APNG: &str = "Saved an animated PNG";
    pub const NO_FILES: &str = "This browser does not save files.";
    pub const NO_CANVAS: &str = "There is no canvas.";
    pub const NO_ANIMATION: &str =
        "This browser codes pictures in a way that cannot be animated. Save a GIF.";
    pub const TOO_LARGE: &str =
        "The file would be larger than 32\u{2009}MB. Ask for it on the command line: meshwork place replay.";
    pub const CLOSED: &str = "The time-lapse is closed.";
    pub const NO_EASEL: &str = "This browser has no canvas to make pictures with.";
    pub const NO_FRAME: &str = "This browser made no picture of a frame. Save a GIF.";

    /// So much of the history is here.
    pub fn fetching(here: &str, of: &str) -> String {
        format!("Fetching the history, {here} of {of}")
    }

    /// A moment at which nothing was painted.
    pub fn empty(when: &str) -> String {
        format!("{when}, empty")
    }

    /// So many frames of the file are made.
    pub fn frame(frames: u32, of: u32) -> String {
        format!("Frame {frames} of {of}")
    }
}
