//! **visits**: each direct message ends once, as taken, not sent or unknown; what was taken was heard once, what was not sent
//! never, and to whomever it is, nobody waits for that for long.

use std::collections::BTreeMap;

use meshwork_core::id::Endpoint;
use meshwork_core::node::Event;
use meshwork_core::seam::lane::{DirectEnd, DirectToken};

use super::Violation;

/// One message.
#[derive(Debug)]
struct Said {
    to: Endpoint,
    /// Its content: the number of all that was said from this endpoint to that one.
    content: Vec<u8>,
    end: Option<DirectEnd>,
    heard: u64,
}

/// All direct messages of a world, by who sent them.
#[derive(Debug, Default)]
pub struct Visits {
    said: BTreeMap<(Endpoint, DirectToken), Said>,
}

impl Visits {
    /// A program sent something, which no other message to the same endpoint says.
    pub fn sent(&mut self, from: Endpoint, to: Endpoint, token: DirectToken, content: &[u8]) {
        let said = Said { to, content: content.to_vec(), end: None, heard: 0 };
        self.said.insert((from, token), said);
    }

    /// What the program at `me` hears.
    ///
    /// # Errors
    /// [`Violation`] when a message is heard or ends twice, or is heard that was not sent.
    pub fn hear(&mut self, me: Endpoint, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Direct { from, bytes, .. } => {
                let of_sender = self.said.range_mut((*from, DirectToken(0))..=(*from, DirectToken(u64::MAX)));
                let meant =
                    of_sender.map(|(_, said)| said).find(|said| said.to == me && said.content == *bytes);
                let Some(said) = meant else { return Ok(()) };
                said.heard += 1;
                said.check(*from)
            }
            Event::DirectEnded { to, through, messages, end, .. } => {
                let through = self.said.range_mut((me, DirectToken(0))..=(me, *through));
                let open = through.filter(|(_, said)| said.to == *to && said.end.is_none());
                let mut ended = 0;
                for (_, said) in open {
                    said.end = Some(*end);
                    ended += 1;
                    said.check(me)?;
                }
                if ended == *messages {
                    return Ok(());
                }
                let detail = format!("{me} is told that {messages} to {to} ended, and {ended} had not");
                Err(Violation::new("visits", detail))
            }
            _ => Ok(()),
        }
    }

    /// What was taken was heard, now that everybody was asked what it heard.
    ///
    /// # Errors
    /// [`Violation`] names who sent it to whom.
    pub fn check(&self) -> Result<(), Violation> {
        let untrue = |said: &Said| said.end == Some(DirectEnd::Taken) && said.heard == 0;
        match self.said.iter().find(|(_, said)| untrue(said)) {
            None => Ok(()),
            Some(((from, _), said)) => Err(said.violation(*from)),
        }
    }

    /// All that these endpoints sent has ended.
    ///
    /// # Errors
    /// [`Violation`] names a message that has not.
    pub fn all_ended(&self, is_here: impl Fn(Endpoint) -> bool) -> Result<(), Violation> {
        match self.said.iter().find(|((from, _), said)| said.end.is_none() && is_here(*from)) {
            None => Ok(()),
            Some(((from, _), said)) => Err(said.violation(*from)),
        }
    }

    /// How many ended so.
    pub fn count(&self, end: DirectEnd) -> usize {
        self.said.values().filter(|said| said.end == Some(end)).count()
    }
}

impl Said {
    fn check(&self, from: Endpoint) -> Result<(), Violation> {
        let is_untrue = self.end == Some(DirectEnd::NotSent) && self.heard > 0;
        if self.heard > 1 || is_untrue { Err(self.violation(from)) } else { Ok(()) }
    }

    fn violation(&self, from: Endpoint) -> Violation {
        let Said { to, content, end, heard } = self;
        let content = content.escape_ascii();
        let detail = format!("{content} of {from} to {to} was heard {heard} times, and its end is {end:?}");
        Violation::new("visits", detail)
    }
}
