//! Texts of Place.
#![expect(missing_docs, reason = "a text says itself what it says")]

/// The canvas, its tools and its keys.
pub mod canvas {
    use std::fmt::Display;
    use std::time::Duration;

    use meshwork_place::canvas::CanvasSize;

    use crate::texts::{CELL, count, grouped};

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
    pub const WRITE_CELL: &str = "Write a column and a row, such as 12, 40.";
    pub const FILL_OUTSIDE: &str = "There is no cell here to fill.";
    pub const FILL_SAME: &str = "This area has that colour already. Choose another one.";

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

    /// Strokes in each of the last ten minutes, for those who do not see them.
    pub fn strokes_by_minute(sum: u32, most: u32) -> String {
        format!("Strokes by the minute, last ten minutes: {sum} in all, {most} at most")
    }

    /// Who has one's last stroke: so many of all who stay.
    pub fn reached(reached: usize, of: usize) -> String {
        match reached == of {
            true => "Everyone has your last stroke".to_owned(),
            false => format!("{reached} of {of} have your last stroke"),
        }
    }

    /// What is asked before a large fill.
    pub fn fill_asked(cells: usize, colour: &str) -> String {
        format!("Fill {} with {colour}?", count(cells, CELL))
    }

    /// An area has more cells than are filled at once.
    pub fn fill_too_large(most: usize) -> String {
        format!(
            "This area is too large to fill: it has more than {} cells. Draw a border around a part of it.",
            grouped(most)
        )
    }

    /// Something takes more cells at once than the rules allow; `why` as a sentence.
    pub fn takes(what: &str, cells: usize, why: &str) -> String {
        format!("{what} takes {}. {why}", count(cells, CELL))
    }

    /// There is no such cell; `x` and `y` as they were typed.
    pub fn no_cell(x: &str, y: &str, size: CanvasSize) -> String {
        format!(
            "There is no cell {x}, {y}. Columns go from 0 to {}, rows from 0 to {}.",
            size.width.saturating_sub(1),
            size.height.saturating_sub(1)
        )
    }

    /// A length of time, rounded up: "40 s", "3 minutes", "5 hours".
    pub fn duration(time: Duration) -> String {
        let seconds = time.as_millis().div_ceil(1000);
        let number = |amount: u128| usize::try_from(amount).unwrap_or(usize::MAX);
        match seconds {
            0..120 => format!("{seconds}\u{2009}s"),
            120..7200 => count(number(seconds.div_ceil(60)), "minute"),
            7200..172_800 => count(number(seconds.div_ceil(3600)), "hour"),
            _ => count(number(seconds.div_ceil(86_400)), "day"),
        }
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

    use crate::texts::{CELL, count, grouped};

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

    /// How much of a picture is painted: of `total` cells, `wrong` do not look right.
    pub fn right(wrong: usize, total: usize) -> String {
        match (wrong, total) {
            (_, 0) => "No cell of the picture lies on the canvas.".to_owned(),
            (0, _) => format!("All {} painted.", count(total, CELL)),
            _ => format!("{} of {} painted.", grouped(total.saturating_sub(wrong)), count(total, CELL)),
        }
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
    use crate::place::timelapse::Reach;
    use crate::texts::{STROKE, YOU_IN_SENTENCE, count};

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

    /// How long the whole takes that is played.
    pub fn length(seconds: u32) -> String {
        if seconds < 60 { format!("{seconds} s") } else { format!("{} min", seconds / 60) }
    }

    /// A file was saved: which one, and how large it is.
    pub fn saved(what: &str, kilobytes: usize) -> String {
        format!("{what}, {kilobytes}\u{2009}kB.")
    }

    /// How far back the time-lapse reaches and whether that is everything, in sentences; `time` says a moment in
    /// words.
    pub fn reach(reach: &Reach, time: impl Fn(u64) -> String) -> String {
        let mut words = source(reach, &time);
        if reach.begins_late {
            words.push_str(
                " A page holds the last 2 million painted cells: what is older is the first picture.",
            );
        }
        words
    }

    fn source(reach: &Reach, time: impl Fn(u64) -> String) -> String {
        let Some(keeper) = &reach.keeper else {
            let lost = match reach.given_up {
                0 => "",
                _ => " Whoever kept the history went away, or did not tell the truth.",
            };
            let since =
                if reach.first_ms == 0 { String::new() } else { format!(", since {}", time(reach.first_ms)) };
            return format!("From this browser{since}. Overpainted strokes are missing.{lost}");
        };
        if !reach.is_complete {
            return format!(
                "Part of the history, from keeper {keeper}, who went away or was cut off before the end. \
                 What this browser still has is added."
            );
        }
        if reach.missed > 0 {
            let strokes = count(usize::try_from(reach.missed).unwrap_or(usize::MAX), STROKE);
            return format!(
                "From keeper {keeper}, since {}. {strokes} in between are missing.",
                time(reach.since_ms)
            );
        }
        match reach.is_everything() {
            true => {
                format!("The whole history, from keeper {keeper}, {}.", span(reach.last_ms, reach.first_ms))
            }
            false => format!(
                "Every stroke since {}, from keeper {keeper}. Of earlier ones what was left then.",
                time(reach.since_ms)
            ),
        }
    }

    /// A stretch of time in its largest unit: `3 days`, `20 minutes`.
    fn span(to_ms: u64, from_ms: u64) -> String {
        let seconds = to_ms.saturating_sub(from_ms) / 1000;
        let (number, unit) = match seconds {
            0..=119 => (seconds.max(1), "second"),
            120..=7199 => (seconds / 60, "minute"),
            7200..=172_799 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        count(usize::try_from(number).unwrap_or(usize::MAX), unit)
    }

    /// Says who paints; nothing at the beginning, when nobody does yet.
    pub fn painting(who: &str) -> String {
        match who {
            "" => String::new(),
            YOU_IN_SENTENCE => "You paint".to_owned(),
            who => format!("{who} paints"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::canvas::{duration, fill_asked, reached};
    use super::picture::right;
    use super::timelapse::{length, painting, reach};
    use crate::place::timelapse::Reach;

    #[test]
    fn who_has_the_last_stroke_is_told() {
        assert_eq!(reached(2, 2), "Everyone has your last stroke");
        assert_eq!(reached(1, 3), "1 of 3 have your last stroke");
    }

    #[test]
    fn a_large_fill_is_a_question() {
        assert_eq!(fill_asked(9801, "red"), "Fill 9,801 cells with red?");
    }

    #[test]
    fn durations_are_rounded_up() {
        assert_eq!(duration(Duration::from_secs(190)), "4 minutes");
        assert_eq!(duration(Duration::from_millis(39_001)), "40\u{2009}s");
        assert_eq!(duration(Duration::from_secs(10_000)), "3 hours");
    }

    #[test]
    fn how_much_is_right_is_said_truly() {
        let said = [(0, 0), (0, 1), (1, 1), (0, 31), (30, 31), (31, 31), (2000, 4000)];
        let said = said.map(|(wrong, total)| right(wrong, total));
        assert_eq!(
            said,
            [
                "No cell of the picture lies on the canvas.",
                "All 1 cell painted.",
                "0 of 1 cell painted.",
                "All 31 cells painted.",
                "1 of 31 cells painted.",
                "0 of 31 cells painted.",
                "2,000 of 4,000 cells painted.",
            ]
        );
    }

    fn at(millis: u64) -> String {
        format!("12:{:02}", millis / 60_000 % 60)
    }

    #[test]
    fn a_timelapse_states_its_reach_and_its_gaps() {
        let (day, now) = (86_400_000, 1_790_000_000_000);
        let none = Reach { first_ms: 180_000, last_ms: now, ..Reach::default() };
        assert_eq!(reach(&none, at), "From this browser, since 12:03. Overpainted strokes are missing.");
        let whole = Reach {
            keeper: Some("Attic".into()),
            is_whole: true,
            is_complete: true,
            since_ms: now - 3 * day,
            first_ms: now - 3 * day,
            last_ms: now,
            ..Reach::default()
        };
        assert_eq!(reach(&whole, at), "The whole history, from keeper Attic, 3 days.");
        let later = Reach { since_ms: now - day, ..whole.clone() };
        assert!(reach(&later, at).starts_with("Every stroke since 12:"), "{}", reach(&later, at));
        let gaps = Reach { missed: 7, ..whole.clone() };
        assert!(reach(&gaps, at).contains("7 strokes in between are missing"), "{}", reach(&gaps, at));
        let cut = Reach { is_complete: false, begins_late: true, ..whole };
        assert!(reach(&cut, at).contains("before the end") && reach(&cut, at).contains("2 million"));
        let lied = Reach { given_up: 1, ..none };
        assert!(reach(&lied, at).contains("did not tell the truth"));
    }

    #[test]
    fn what_is_played_is_said() {
        assert_eq!(["", "you", "Lin"].map(painting), ["", "You paint", "Lin paints"]);
        assert_eq!([5, 60, 180].map(length), ["5 s", "1 min", "3 min"]);
        let whole = Reach {
            keeper: Some("Attic".into()),
            is_whole: true,
            is_complete: true,
            last_ms: 60 * 60_000,
            ..Reach::default()
        };
        assert_eq!(reach(&whole, at), "The whole history, from keeper Attic, 60 minutes.");
        let short = Reach { last_ms: 90_000, ..whole };
        assert_eq!(reach(&short, at), "The whole history, from keeper Attic, 90 seconds.");
    }
}
