//! Texts of the start page, and of who somebody is.
#![expect(missing_docs, reason = "a text says itself what it says")]

/// The home page, and the page at whose address there is nothing.
pub mod home {
    use meshwork_core::id::Code;
    use meshwork_core::signalling::address::AddressError;

    use crate::code_input::{self, Entry};
    use crate::texts::count;

    pub const MESHWORK: &str = "Meshwork";
    pub const WORDMARK: &str = "meshwork";
    pub const MESHWORK_HOME: &str = "Meshwork, home";
    pub const TOGETHER: &str = "What you do together";
    pub const PAINT_HERE: &str = "Paint here";
    pub const SIZE: &str = "Size of the canvas";
    pub const MAKE: &str = "Make room";
    pub const ONLY_HERE: &str = "Only on this device for now";
    pub const SHARE_PRIVATE: &str = "Share makes it a room. Only people with the link get in.";
    pub const SHARE_OPEN: &str = "Share makes it a room. Anyone with the six-letter code gets in.";
    pub const MEANS_PRIVATE: &str = "Only people with the link get in. No server can read the secret in it.";
    pub const MEANS_OPEN: &str = "Anyone with the six-letter code gets in.";
    pub const NO_LIMITS: &str = "no limits";
    pub const CHANGE_LATER: &str = "You can change all this later, in the room.";
    pub const JOIN_WITH_CODE: &str = "Join with a code";
    pub const JOIN: &str = "Join";
    pub const FORGOT: &str = "Forgot ";
    pub const FORGET: &str = "Forget on this device";
    pub const NOTHING_AT: &str = "There is nothing at ";
    pub const ALONE_SO_FAR: &str = "Only you so far";
    pub const DRAWING_KEPT: &str = "Your drawing is kept. It goes into the room when the server is back.";

    /// What somebody is called who has no name.
    pub fn unnamed(bead: &str) -> String {
        format!("Without a name you are {bead}")
    }

    /// What a page is called in the browser's tabs.
    pub fn page_title(page: &str) -> String {
        format!("{page} \u{b7} Meshwork")
    }

    /// What a room is made for.
    pub fn make_room(app: &str) -> String {
        format!("Make a {app} room")
    }

    /// The fold around the rooms that are not among the first.
    pub fn all_rooms(rooms: usize) -> String {
        format!("All {rooms} rooms")
    }

    /// What a room is called that has no name.
    pub fn room_of(app: &str) -> String {
        format!("{app} room")
    }

    /// The button for what else can be done with a room, for those who hear it alone.
    pub fn more_of_room(code: &str) -> String {
        format!("More for room {code}")
    }

    /// A code, letter by letter.
    pub fn code(letters: &str) -> String {
        format!("Code {letters}")
    }

    /// What forgetting a room means that is only here, or that others have too.
    pub fn forgetting(is_only_here: bool) -> &'static str {
        if is_only_here {
            "Nobody else is known to have all of this room. Forgetting deletes what only this device has."
        } else {
            "This browser's copy goes, with the link. The others keep theirs."
        }
    }

    pub const NO_PLACE: &str = "This browser has no space for another room.";

    /// Which room may go so that another one is kept.
    pub fn may_go(room: &str) -> String {
        format!(
            "Unused for the longest time is {room}. Nobody else is known to have it. Forget it, or another room?"
        )
    }

    /// A room, and the day on which it was opened last, where that is known.
    pub fn last_opened(room: &str, day: &str) -> String {
        if day.is_empty() { room.to_owned() } else { format!("{room}, last opened on {day}") }
    }

    /// So many were met there, none of whom is known by name.
    pub fn others(met: usize) -> String {
        count(met, "other person").replace("persons", "people")
    }

    /// These were met there, and so many more.
    pub fn with(named: &str, more: usize) -> String {
        if more == 0 { format!("With {named}") } else { format!("With {named} and {more} more") }
    }

    /// What stands below the field for a code or a link.
    pub fn hint(entry: &Entry, origin: &str) -> String {
        const NUMBERS: [&str; 5] = ["One", "Two", "Three", "Four", "Five"];
        match entry {
            Entry::Code { refused: true, .. } => "Codes have no 0, 1, O or I.".to_owned(),
            Entry::Code { text, .. } if text.is_empty() => {
                "Six letters and digits. For a private room, paste the full link.".to_owned()
            }
            Entry::Code { text, .. } if text.len() == Code::LEN => {
                "Press Join. (Private rooms need the full link.)".to_owned()
            }
            Entry::Code { text, .. } => {
                let to_go = NUMBERS[Code::LEN - 1 - text.len()];
                format!("{to_go} to go. For a private room, paste the full link.")
            }
            Entry::Link(_) => match code_input::address(entry, origin) {
                Ok(address) if address.secrets().is_some() => "The link to a private room.".to_owned(),
                Ok(_) => "The link to a room.".to_owned(),
                Err(AddressError::Fragment) => "The link is damaged after the #. Copy it again.".to_owned(),
                Err(_) => "That isn't a Meshwork link.".to_owned(),
            },
        }
    }
}

/// Who somebody is: key, name and address.
pub mod key {
    use std::fmt::Display;

    pub const YOUR_KEY: &str = "Your key";
    pub const KNOWN_BY: &str = "Others know you by this bead and by ";
    pub const SIGNED: &str =
        ". It comes from a key in this browser, and everything you paint is signed with it.";
    pub const SAVE: &str = "Save my key";
    pub const SAVE_WHY: &str =
        "With it you are the same on another device, and again here when this browser is cleared. ";
    pub const PASSPHRASE_WHY: &str = "It is sealed with a passphrase, without which the file is of no use. Nobody can tell you the \
         passphrase again.";
    pub const NEW_PASSPHRASE: &str = "Passphrase, 8 characters or more";
    pub const PASSPHRASE: &str = "Passphrase of this key";
    pub const WRONG_PASSPHRASE: &str = "This is not the passphrase that the key was sealed with.";
    pub const ERASE_ALL: &str = "Delete all of mine from this device";
    pub const ERASE_ALL_MEANS: &str = "Your key, your name and all rooms go from this browser, and what only it has is lost. What \
         others have of you in their rooms stays.";
    pub const ERASE_FOR_GOOD: &str = "Delete for good";
    pub const KEEP_ALL: &str = "Keep everything";
    pub const SEALED_KEY: &str = "Your sealed key";
    pub const FILE_TOO_LARGE: &str = "This is not a saved key: the file is too large.";
    pub const FILE_UNREADABLE: &str = "The file cannot be read.";
    pub const USE_OTHER: &str = "Use another key";
    pub const SAVED_KEY: &str = "A saved key";
    pub const BEGINNING: &str = "-----BEGIN AGE ENCRYPTED FILE-----";
    pub const FROM_FILE: &str = "From a file";
    pub const USE_THIS: &str = "Use this key";
    pub const WHAT_CALLED: &str = "What should people call you?";
    pub const YOUR_ADDRESS: &str = "Your address";
    pub const HIDE_ADDRESS: &str = "Hide my address";

    /// A text is no key.
    pub fn not_a_key(why: impl Display) -> String {
        format!("This is not a saved key: {why}.")
    }

    /// The browser does not store a key.
    pub fn not_kept(why: impl Display) -> String {
        format!("This browser does not let us keep the key: {why}.")
    }

    /// What hiding one's address means, and costs, where it is chosen or not and there is a relay or none.
    pub fn hiding(hides: bool, knows_relay: bool) -> &'static str {
        match (hides, knows_relay) {
            (false, true) => {
                "People here link to you directly and learn your network address. Hidden, they see a relay's address \
                 instead, and links are slower. The server sees your address either way."
            }
            (false, false) => {
                "People here link to you directly and learn your network address. This server has no relay, so hiding it \
                 would cut you off."
            }
            (true, true) => {
                "People here see a relay's address instead of yours. Links are slower. Who linked to you before has seen \
                 your address, and the server sees it either way."
            }
            (true, false) => {
                "This server has no relay, so nobody can reach you. Show your address to link to people."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::home::{forgetting, hint, last_opened};
    use super::key::hiding;
    use crate::code_input::read;

    #[test]
    fn hiding_says_what_it_costs_and_needs() {
        assert!(hiding(false, true).contains("slower"));
        assert!(hiding(true, true).contains("relay's address instead of yours"));
        for hides in [false, true] {
            assert!(hiding(hides, false).contains("no relay"));
        }
    }

    #[test]
    fn forgetting_says_who_else_has_the_room() {
        assert!(forgetting(true).contains("deletes") && forgetting(false).contains("The others keep theirs"));
        assert_eq!(last_opened("Ferry", "3 Nov 2026"), "Ferry, last opened on 3 Nov 2026");
        assert_eq!(last_opened("Ferry", ""), "Ferry");
    }

    #[test]
    fn hints_say_what_is_missing() {
        const ORIGIN: &str = "https://mesh.example";
        assert_eq!(hint(&read("k7m"), ORIGIN), "Three to go. For a private room, paste the full link.");
        assert_eq!(hint(&read("k7m4q"), ORIGIN), "One to go. For a private room, paste the full link.");
        assert_eq!(hint(&read("k"), ORIGIN), "Five to go. For a private room, paste the full link.");
        assert_eq!(hint(&read("k0"), ORIGIN), "Codes have no 0, 1, O or I.");
        assert!(hint(&read("https://mesh.example/place/K7M4QX#abc"), ORIGIN).contains("damaged"));
    }
}
