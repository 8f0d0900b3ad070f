//! The message for a command that ran out of time.

use meshwork::{Link, LinkState, ServerState};

use super::{counted, link};

/// Why a link is of no use here.
pub(crate) const NO_SERVER: &str =
    "this names no server: with --lan the room is searched on the local network";

/// Events that may explain the failure.
#[derive(Default)]
pub(crate) struct Obstacles {
    /// The room that is joined; `None` while one is made.
    pub(crate) link: Option<Link>,
    /// The server and what became of it.
    pub(crate) server: Option<(String, ServerState)>,
    /// Whether the server does not know the room.
    pub(crate) is_unknown: bool,
    /// Everybody who was tried.
    pub(crate) others: Vec<Other>,
    /// How many others the server names.
    pub(crate) named: u64,
    /// The last refusal, in words.
    pub(crate) refused: Option<String>,
}

/// Somebody who was tried.
#[derive(Clone)]
pub(crate) struct Other {
    /// Whether they are in the room.
    pub(crate) is_here: bool,
    pub(crate) link: LinkState,
    /// Why the link is in this state.
    pub(crate) reason: Option<String>,
}

impl Obstacles {
    /// What happened, why, and what to do.
    pub(crate) fn words(&self, timeout: &str) -> String {
        let mut words = self.cause(timeout);
        if let Some(refused) = &self.refused {
            words.push_str(&format!(" Last refusal: {refused}."));
        }
        words
    }

    fn cause(&self, timeout: &str) -> String {
        let Obstacles { others, named, .. } = self;
        let linked = others.iter().filter(|other| other.is_here && other.link.is_linked()).count();
        if linked > 0 {
            let members = counted(linked, "member");
            return format!(
                "{timeout} were not enough, with {members} linked. Try again with a longer --timeout."
            );
        }
        if let Some(words) = self.server_words(timeout) {
            return words;
        }
        let Some(address) = &self.link else {
            return format!("The meeting point did not register the room within {timeout}. Try again later.");
        };
        if self.is_unknown {
            return format!(
                "{} knows no room {}, and nobody brought it within {timeout}. \
                 Ask for the link again, or open it where the room was open last.",
                address.servers().next().unwrap_or("This network"),
                link::room_name(address)
            );
        }
        let present = others.iter().filter(|other| other.link != LinkState::Gone).count();
        let reason = others.iter().find_map(|other| other.reason.as_deref());
        let mut because = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
        if because.contains("no relay that may learn it") {
            because.push_str(", and --trust-relay HOST names one that may");
        }
        match present {
            0 if *named > 0 => {
                let are = if *named == 1 { "1 other is".into() } else { format!("{named} others are") };
                format!(
                    "{are} named in the room, and none of the {} tried answered within {timeout}{because}. \
                     Try again in a moment.",
                    others.len()
                )
            }
            0 => {
                format!("Nobody else was in the room for {timeout}{because}. {}", link::HOW_TO_STAY)
            }
            count => format!(
                "No link came up in {timeout}{because}. {} in the room. Try another network.",
                if count == 1 { "1 other is".into() } else { format!("{count} others are") }
            ),
        }
    }

    fn server_words(&self, timeout: &str) -> Option<String> {
        let (url, why) = match &self.server {
            Some((_, ServerState::Connected)) => return None,
            Some((url, ServerState::Away { reason })) => (url.as_str(), reason.as_str()),
            Some((url, ServerState::Connecting)) => (url.as_str(), "it does not answer"),
            None => return None,
        };
        Some(format!(
            "The meeting point {url} was not reached within {timeout}: {why}. \
             Look at the address, or start it with meshwork serve."
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn other(link: LinkState, is_here: bool, reason: Option<&str>) -> Other {
        Other { is_here, link, reason: reason.map(Into::into) }
    }

    fn at(state: ServerState) -> Obstacles {
        let link = "http://127.0.0.1:8080/place/K7M4QX".parse().ok();
        let server = Some(("ws://127.0.0.1:8080/signal".into(), state));
        Obstacles { link, server, ..Obstacles::default() }
    }

    #[test]
    fn an_unreachable_server_is_named_with_its_reason() {
        let words = at(ServerState::Away { reason: "connection refused".into() }).words("2s");
        assert!(
            words.contains("ws://127.0.0.1:8080/signal") && words.contains("connection refused"),
            "{words}"
        );
        let words = at(ServerState::Connecting).words("2s");
        assert!(words.contains("does not answer"), "{words}");
        let words = at(ServerState::Connected).words("2s");
        assert!(words.contains("Nobody else was in the room"), "{words}");
    }

    #[test]
    fn an_unknown_code_is_named() {
        let words = Obstacles { is_unknown: true, ..at(ServerState::Connected) }.words("2s");
        assert!(words.contains("knows no room K7M4QX"), "{words}");
    }

    #[test]
    fn links_that_do_not_come_up_say_why() {
        let words = |others: &[Other], named| {
            Obstacles { others: others.to_vec(), named, ..at(ServerState::Connected) }.words("2s")
        };
        let connecting = words(&[other(LinkState::Connecting, false, None)], 0);
        assert!(connecting.starts_with("No link came up in 2s. 1 other is"), "{connecting}");
        let gone = words(&[other(LinkState::Gone, false, Some("closed the tab"))], 0);
        assert!(gone.starts_with("Nobody else was in the room for 2s (closed the tab)."), "{gone}");
        let silent = words(&[other(LinkState::Gone, false, Some("no connection within 15 s"))], 1_500);
        assert!(
            silent.starts_with("1500 others are named in the room, and none of the 1 tried answered"),
            "{silent}"
        );
        let linked = words(&[other(LinkState::Direct, true, None)], 0);
        assert!(linked.contains("1 member linked"), "{linked}");
    }

    #[test]
    fn what_was_refused_last_is_told() {
        let refused = Some(String::from("link-proof, another fingerprint"));
        let words = Obstacles { refused, ..at(ServerState::Connected) }.words("2s");
        assert!(words.ends_with("Last refusal: link-proof, another fingerprint."), "{words}");
    }
}
