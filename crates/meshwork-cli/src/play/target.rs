//! The party that a command is given: by its LINK, by its code, or by the code or link of its game.

use clap::Args;
use meshwork::{Code, Link};
use meshwork_play::shelf::GameAnswer;

use super::shelf;
use crate::exit::Failure;
use crate::room::{Common, link};

/// The party, and the options of every command.
#[derive(Args)]
pub(super) struct Target {
    /// The LINK of a party; a private one has a part after #. Or a published game's code or link: its fullest party with a free
    /// seat. @FILE or - reads a LINK from a file or standard input.
    #[arg(value_name = "LINK|CODE", value_parser = read)]
    place: Place,
    /// The server of a code, such as http://127.0.0.1:8080.
    #[arg(long, value_name = "URL", value_parser = link::parse_server)]
    server: Option<String>,
    #[command(flatten)]
    pub(super) common: Common,
}

/// A party or a game as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Link(Link),
    Code(Code),
}

/// What a command wants in a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wants {
    Seat,
    Sight,
}

fn read(text: &str) -> anyhow::Result<Place> {
    match text.parse() {
        Ok(code) => Ok(Place::Code(code)),
        Err(_) => link::read(text).map(Place::Link),
    }
}

/// The server and code of a game, if this may be the link of one. A room's own link has a part after #.
pub(super) fn game_of(link: &Link) -> Option<(String, Code)> {
    let (server, code) = link.server().filter(|_| link.keys().is_none())?;
    Some((server.to_owned(), code))
}

impl Target {
    /// The LINK of the party.
    pub(super) async fn party(&self, wants: Wants) -> Result<Link, Failure> {
        let (server, code) = match (&self.place, &self.server) {
            (Place::Link(link), _) => match game_of(link) {
                Some(game) => game,
                None => return Ok(link.clone()),
            },
            (Place::Code(code), Some(server)) => (server.clone(), *code),
            (Place::Code(code), None) => return Err(without_server(*code)),
        };
        match shelf::find(code, &server, self.common.timeout).await {
            Ok(answer) => choose(&answer, &server, wants),
            // The code is a room's.
            Err(_) => match &self.place {
                Place::Link(link) => Ok(link.clone()),
                Place::Code(_) => Link::at_server(&server, meshwork::play::APP.parse().ok(), code)
                    .map_err(|error| Failure::Usage(format!("{code} at {server} is no party: {error}."))),
            },
        }
    }
}

/// The words for a code whose server is not given.
pub(super) fn without_server(code: Code) -> Failure {
    Failure::Usage(format!("{code} is a code of a server: name the server with --server URL."))
}

/// A party of a published game.
fn choose(answer: &GameAnswer, server: &str, wants: Wants) -> Result<Link, Failure> {
    let GameAnswer { game, parties, .. } = answer;
    let chosen = match wants {
        // Those with a free seat come first. The host of a full one answers that it is full.
        Wants::Seat => parties.first(),
        Wants::Sight => parties.iter().max_by_key(|party| party.seats),
    };
    let Some(party) = chosen else {
        let (title, code) = (&game.title, game.code);
        return Err(Failure::Forbidden {
            words: format!(
                "Nobody plays {title} now. Make a party with meshwork play party {code} --server {server}, and open its LINK in a \
                 browser, which hosts it."
            ),
            reason: "no-party",
        });
    };
    party.link.parse().map_err(|error| Failure::Unreachable(format!("{server} names no party: {error}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_links_are_told_apart() {
        assert_eq!(read("k7m4qx").unwrap(), Place::Code("K7M4QX".parse().unwrap()));
        let Place::Link(link) = read("http://x.test/play/K7M4QX").unwrap() else { panic!("it is a link") };
        assert_eq!(game_of(&link), Some((String::from("http://x.test"), "K7M4QX".parse().unwrap())));
        let room = "http://x.test/play/K7M4QX#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
        let Place::Link(link) = read(room).unwrap() else { panic!("it is a link") };
        assert_eq!(game_of(&link), None, "a room's");
        assert!(read("no code").is_err());
    }
}
