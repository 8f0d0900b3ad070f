//! The apps that the pages have: one table for addresses, the start page, previews of links and the list of shortcuts.

/// An app that people open in these pages. The build reads the table too, and fills in the templates from it.
#[derive(Debug, PartialEq, Eq)]
pub struct App {
    /// Its word in addresses.
    pub word: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// What they do in it.
    pub sentence: &'static str,
    /// The same in less than 140 px of the start page.
    pub caption: &'static str,
    /// What stands where a link to one of its rooms is previewed.
    pub invitation: &'static str,
    /// The word for doing something in it, after "may" and before "-ing".
    pub verbs: (&'static str, &'static str),
    /// Those who do.
    pub doers: &'static str,
    /// Of what a limit allows so many.
    pub unit: &'static str,
    /// What its rooms keep.
    pub content: &'static str,
    /// How to save that where the browser does not, as a sentence.
    pub rescue: &'static str,
    /// Words of its own pages: `new` is the page at `/WORD/new`. No such word can be a room's code.
    pub pages: &'static [&'static str],
}

/// All of them; the first is the one that a room has in front whose app is not known yet.
pub const APPS: [App; 5] = [
    App {
        word: "place",
        title: "Place",
        sentence: "Paint one canvas together",
        caption: "Paint one canvas",
        invitation: "You are invited to paint together",
        verbs: ("paint", "painting"),
        doers: "Painters",
        unit: "cell",
        content: "the canvas",
        rescue: "Save a PNG. ",
        pages: &[],
    },
    App {
        word: "sync",
        title: "Sync",
        sentence: "Draw, write and count together",
        caption: "Draw, write, count",
        invitation: "You are invited to draw, write and count together",
        verbs: ("write", "writing"),
        doers: "Writers",
        unit: "point",
        content: "this room",
        rescue: "",
        pages: &[],
    },
    App {
        word: "chat",
        title: "Chat",
        sentence: "Talk in a room of your own",
        caption: "Talk, send files",
        invitation: "You are invited to talk",
        verbs: ("write", "writing"),
        doers: "Writers",
        unit: "post",
        content: "the conversation",
        rescue: "",
        pages: &[],
    },
    App {
        word: "play",
        title: "Play",
        sentence: "Make games and play them together",
        caption: "Make and join games",
        invitation: "You are invited to play",
        verbs: ("play", "playing"),
        doers: "Players",
        unit: "entry",
        content: "the party",
        rescue: "",
        pages: &["new"],
    },
    App {
        word: "compute",
        title: "Compute",
        sentence: "Split big jobs over the devices of a room",
        caption: "Split big jobs",
        invitation: "You are invited to compute together",
        verbs: ("compute", "computing"),
        doers: "Submitters",
        unit: "entry",
        content: "the jobs",
        rescue: "",
        pages: &[],
    },
];

/// The app with this word.
pub fn named(word: &str) -> Option<&'static App> {
    APPS.iter().find(|app| app.word == word)
}
