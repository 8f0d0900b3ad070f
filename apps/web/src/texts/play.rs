//! Play: the start page of games, the lobby, the game.
#![expect(missing_docs, reason = "a text says itself what it says")]

use std::time::Duration;

use meshwork_core::node::LinkState;
use meshwork_play::session::Stutter;

pub const PLAY: &str = "Play";
pub const LEAD: &str = "Make a game in one file. Friends join by a code and play in their browsers.";
pub const PLAY_FILE: &str = "Play a file";
pub const PLAY_FOLDER: &str = "Play a folder";
pub const FILE_HINT: &str =
    "Drop a game here: one .js or .html file, a .mwgame package, or a folder with game.json.";
pub const NEW_GAME: &str = "Write a game";
pub const NEW_GAME_HINT: &str = "An editor with two players side by side. No account.";
pub const NO_GAMES: &str = "Nobody has published a game on this server yet.";
pub const GAMES: &str = "Games on this server";
pub const COVER: &str = "Picture of the game";
pub const NOT_HERE: &str = "Nobody here has this game any more. Somebody who has it must be in the party.";
pub const FETCHING: &str = "Fetching the game from people here";
pub const OTHER_GAME: &str = "This party was made with a newer version of Play. Update the page to play it.";
pub const NOT_LOADED: &str = "A part of this page is missing. Reload the page.";
pub const READ_FAILED: &str = "The browser cannot read this file.";

pub const CODE_OPEN: &str = "Friends type this code, or scan";
pub const CODE_PRIVATE: &str = "Friends scan, or open the link";
pub const QR: &str = "Link to this party as a picture";
pub const SHARE_LINK: &str = "Share link";
pub const COPY_LINK: &str = "Copy link";
pub const COPIED: &str = "Copied";
pub const PARTY_LINK: &str = "Link to this party";
pub const SEATS: &str = "Seats";
pub const FREE_SEAT: &str = "Free seat";
pub const YOU: &str = "You";
pub const HOST: &str = "host";
pub const READY: &str = "Ready";
pub const I_AM_READY: &str = "I'm ready";
pub const WAIT_FOR_ME: &str = "Wait for me";
pub const AWAY: &str = "Away, seat kept";
pub const ENTERING: &str = "Looking for the others";
pub const WATCH: &str = "Watch";
pub const TAKE_SEAT: &str = "Take a seat";
pub const WATCHING: &str = "You are watching";
pub const SEAT_FREE: &str = "A seat is free";
pub const FULL: &str = "Room is full";
pub const FULL_HINT: &str = "All seats are taken. You can watch until one is free.";
pub const KICKED: &str = "The host removed you from this party.";
pub const STARTED: &str = "The game has begun without you. You can watch until the next one.";
pub const VERSION: &str = "Somebody here has another version of Play. Reload the page.";
pub const ANOTHER_TAB: &str = "You play in another tab";
pub const NO_NEXT_HOST: &str = "If you leave, the game waits for you";
pub const ALONE: &str = "Nobody else is here yet. Send the link to someone.";
pub const AGAIN: &str = "Play again";
pub const CANNOT_START: &str = "The game has an error that its author must mend. Nobody can start it.";
pub const BACK_TO_LOBBY: &str = "Back to the lobby";

pub const GAME: &str = "The game";
pub const GAME_KEYS: &str = "The game. Arrows and letters steer it.";
pub const MENU: &str = "People and sound";
pub const MUTE: &str = "Mute";
pub const UNMUTE: &str = "Sound on";
pub const FULL_SCREEN: &str = "Full screen";
pub const LEAVE_FULL_SCREEN: &str = "Leave full screen";
pub const LEAVE: &str = "Leave";
pub const LEAVE_ASKS: &str = "Other players are still in the game. Are you sure you want to leave?";
pub const STAY: &str = "Stay";
pub const MS: &str = "ms";
pub const STICK: &str = "Stick";
pub const BUTTON_A: &str = "A";
pub const BUTTON_B: &str = "B";
pub const PAUSED: &str = "Waiting for the others";
pub const STOPPED: &str = "The game stopped";
pub const ENDED: &str = "The game is over";
pub const DRAW: &str = "Nobody won";

/// The document's words of a game that waits for its host, as they were written there.
pub const HOST_GONE: &str = "Host disconnected. Waiting 30s to reconnect...";
pub const HOST_BACK: &str = "Host reconnected!";
pub const HOST_NEVER_BACK: &str = "Game ended: Host did not reconnect";

/// How many may play.
pub fn players(least: u8, most: u8) -> String {
    match (least, most) {
        (1, 1) => "1 player".to_owned(),
        (least, most) if least == most => format!("{most} players"),
        (least, most) => format!("{least} to {most} players"),
    }
}

/// How many seats are taken.
pub fn seated(taken: usize, most: u8) -> String {
    format!("{taken} of {most}")
}

/// The host's button.
pub fn start_with(players: usize) -> String {
    match players {
        1 => "Start alone".to_owned(),
        players => format!("Start with {players} players"),
    }
}

/// Too few are seated.
pub fn needs_players(missing: usize) -> String {
    match missing {
        1 => "Needs one more player".to_owned(),
        missing => format!("Needs {missing} more players"),
    }
}

/// Too few are here, and these players have seats and are away.
pub fn waits_for_away(away: &[&str], missing: usize) -> String {
    let who = and(away);
    let are = if away.len() == 1 { "is" } else { "are" };
    match missing.checked_sub(away.len()) {
        None if missing == 1 => format!("Waiting for one of {who}, who {are} away"),
        None => format!("Waiting for {missing} of {who}, who {are} away"),
        Some(0) => format!("Waiting for {who}, who {are} away"),
        Some(1) => format!("Waiting for {who}, who {are} away, and one more player"),
        Some(more) => format!("Waiting for {who}, who {are} away, and {more} more players"),
    }
}

/// These players are not ready.
pub fn waits_until_ready(names: &[&str]) -> String {
    format!("Waiting until {} {} ready", and(names), if names.len() == 1 { "is" } else { "are" })
}

/// "Lin, Ben and Kim".
fn and(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The host counts down.
pub fn starts_in(seconds: u64) -> String {
    format!("Starts in {seconds}")
}

/// The host starts, and nobody else.
pub fn host_starts(host: &str) -> String {
    format!("{host} starts the game")
}

/// The next host, while one is host oneself.
pub fn takes_over(next: &str) -> String {
    format!("If you leave, {next} takes over as host")
}

/// Somebody is host from now on.
pub fn hosts_now(host: &str) -> String {
    format!("{host} hosts now")
}

/// One is host oneself from now on.
pub const YOU_HOST_NOW: &str = "You host now";

/// What they have played without the host is gone, or how much the new host took back.
pub fn taken_back(ticks: u32) -> String {
    format!("{} s of the game are taken back", f64::from(ticks.div_ceil(6)) / 10.0)
}

/// Merely cut off from the host.
pub fn lost_host(host: &str) -> String {
    format!("Connection to {host} lost. Trying again")
}

/// Takes a player's seat.
pub fn kick(name: &str) -> String {
    format!("Remove {name}")
}

/// One watches, and whether a seat is free.
pub fn watching(seat: &str) -> String {
    format!("{WATCHING}. {seat}")
}

/// How many watch.
pub fn watchers(count: usize) -> String {
    match count {
        1 => "1 watches".to_owned(),
        count => format!("{count} watch"),
    }
}

/// The winner of a match.
pub fn won(name: &str) -> String {
    format!("{name} won")
}

/// One won oneself.
pub const YOU_WON: &str = "You won";

/// Loss, in parts of a hundred.
pub fn loss(percent: u32) -> String {
    format!("{percent} % lost")
}

/// A game that failed: why, and in which line.
pub fn failed(message: &str, line: u32) -> String {
    match line {
        0 => format!("The game stopped. {message}"),
        line => format!("The game stopped. Line {line}: {message}"),
    }
}

/// A game that cannot be loaded: why, and in which line.
pub fn not_loaded(message: &str, line: u32) -> String {
    match line {
        0 => format!("This game cannot be loaded. {message}"),
        line => format!("This game cannot be loaded. Line {line}: {message}"),
    }
}

/// Why a game stutters.
pub fn why(why: Stutter) -> &'static str {
    match why {
        Stutter::Silent => "Nothing comes from the host",
        Stutter::Loss => "Packets are lost on the way",
        Stutter::Jitter => "Packets come unevenly",
        Stutter::Ping => "The host is far away",
        Stutter::Host => "The host's device is too slow",
        Stutter::Size => "The game's state is large",
        _ => "The game stutters",
    }
}

/// How a player is linked: "23 ms, direct".
pub fn linked(rtt: Option<Duration>, state: LinkState) -> String {
    match rtt {
        Some(rtt) => format!("{}\u{2009}ms, {state}", crate::rtt::rounded_ms(rtt)),
        None => super::capital(&state.to_string()),
    }
}

/// A game draws few frames a second.
pub fn slow(frames: u32) -> String {
    format!("This device draws {frames} frames a second")
}

/// Why the page ended a game.
pub const DIED_REFUSED: &str = "This browser did not run it";
pub const DIED_LATE: &str = "It was not loaded after 10 s";
pub const DIED_FLOOD: &str = "It sent too much";
pub const DIED_SILENT: &str = "It did not answer for 2 s";
pub const DIED_LEFT: &str = "It went to another page";

pub const NEW_GAME_TITLE: &str = "New game";
pub const PUBLISH: &str = "Publish";
pub const PLAY_WITH_FRIENDS: &str = "Play with friends";
pub const JOIN_GAME: &str = "Join Game";
pub const EDITOR: &str = "Files of the game";
pub const TRIAL: &str = "Two players";
pub const ADD_FILE: &str = "Add files";
pub const RUNS_AFTER: &str = "Runs a moment after your last key";
pub const DROP_FILES: &str = "Drop files or a folder to add them";
pub const BEGIN_ANEW: &str = "Begin anew";
pub const TRYING: &str = "Trying it";
pub const RUNS: &str = "Runs";
pub const RESTART: &str = "Restart";
pub const YOU_STEER: &str = "You steer: arrows, Space";
pub const STEER_THIS: &str = "Steer this one";
pub const BETWEEN: &str = "Between the two";
pub const DELAY: &str = "There and back, in milliseconds";
pub const LOST: &str = "Lost on the way";
pub const HOST_RATE: &str = "host";
pub const STATES: &str = "states to player 2";
pub const TO_PLAYER_2: &str = "to player 2";
pub const STATE_BYTES: &str = "newest packet";
pub const FRIENDS_SEE: &str = "Friends see";
pub const GAME_LINK: &str = "Link to the game";
pub const CODE: &str = "Code";
pub const OPEN_GAME: &str = "Open its page";
pub const KEEP_KEY: &str = "Only this browser's key publishes the next version. Save the key, so that you can when the browser is cleared.";
pub const NO_ANSWER: &str = "The server does not answer. Try again in a moment.";
pub const NO_SHELF: &str = "This server publishes no games. You can still play with friends.";
pub const NOT_SIGNED: &str = "The game is not signed by its author.";

/// A player of the trial, by the slot.
pub fn player(slot: u8) -> String {
    format!("Player {}", slot + 1)
}

/// How far player 2 is away.
pub fn away_ms(delay: u32) -> String {
    format!("{delay}\u{2009}ms away")
}

/// A choice of loss.
pub fn percent(percent: u8) -> String {
    match percent {
        0 => "0".to_owned(),
        percent => format!("{percent}\u{2009}%"),
    }
}

/// The way between the two players.
pub fn way(delay: u32, loss: u8) -> String {
    format!("{delay}\u{2009}ms there and back, {loss} of 100 packets lost each way")
}

/// Beside *Publish* while it is off.
pub fn has_error(line: u32) -> String {
    match line {
        0 => "The game has an error".to_owned(),
        line => format!("Line {line} has an error"),
    }
}

/// Over the players while the newest version does not run: title and sentence.
pub fn stops(line: u32, message: &str) -> (String, String) {
    match line {
        0 => ("This version does not run.".to_owned(), message.to_owned()),
        line => (format!("Line {line} stops this version."), "Both play the last one that ran.".to_owned()),
    }
}

/// Where an error arose.
pub fn fault_place(place: &str) -> &'static str {
    match place {
        "setup" => "In setup, at the start.",
        "update" => "In update.",
        "render" => "In render.",
        _ => "While the game was loaded.",
    }
}

/// Removes a file of the game.
pub fn remove_file(path: &str) -> String {
    format!("Remove {path}")
}

/// The game is on the server.
pub fn published(version: u32) -> String {
    match version {
        1 => "Published".to_owned(),
        version => format!("Version {version} is published"),
    }
}

/// The browser does not keep the game that is written.
pub fn not_kept(words: &str) -> String {
    format!(
        "This browser does not keep the game: what you write is lost when this tab closes. Publish it, or copy it into files of your own. {words}"
    )
    .trim_end()
    .to_owned()
}

/// Who made a game.
pub fn by(author: &str) -> String {
    format!("By {author}.")
}

/// How many play now.
pub fn online(seats: u8, most: u8) -> String {
    format!("{seats}/{most} players online")
}

/// The question before an HTML game of a proven author.
pub fn trust_author(author: &str) -> String {
    format!("Trust the games of {author}?")
}

/// The same if nothing proves the author.
pub const TRUST_GAME: &str = "Trust this game, whose author is not known?";

pub const TRUST_MEANS: &str = "This game is a page of its own. It cannot read what you have here, but it can send out what happens in \
     it and what you type into it, and learn your address. In Firefox and Safari it can also freeze this page.";
pub const TRUST_YES: &str = "Trust and play";

/// The manifest of a game.
pub fn manifest(title: &str, description: &str) -> String {
    let plain = |text: &str| text.replace(['"', '\\'], "");
    let (title, description) = (plain(title), plain(description));
    format!(
        "{{\n  \"meshwork\": 1,\n  \"title\": \"{title}\",\n  \"description\": \"{description}\",\n  \"players\": [2, 6]\n}}\n"
    )
}

/// The manifest of the game with which people begin.
pub fn sample_manifest() -> String {
    manifest("Rim", "Push the others off the disc.")
}
