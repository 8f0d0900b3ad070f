//! **direct-messages**: what is said to one endpoint is heard once and in order, or its loss is told.

use std::collections::BTreeMap;

use meshwork_core::id::Endpoint;
use meshwork_core::node::Event;
use meshwork_core::seam::lane::DirectEnd;

use super::Violation;

const CHECKER: &str = "direct-messages";

/// What was said from one endpoint to another.
#[derive(Debug, Default)]
struct Said {
    sent: u64,
    heard: u64,
    /// The number of the last one that was heard.
    last: u64,
    lost: u64,
    /// How many ends were told, those as taken included.
    ended: u64,
}

/// All direct messages of a world, each of which holds its number.
#[derive(Debug, Default)]
pub struct DirectLedger {
    said: BTreeMap<(Endpoint, Endpoint), Said>,
}

impl DirectLedger {
    /// The content of the next message from one endpoint to another. To be called again only when it was taken.
    pub fn next(&self, from: Endpoint, to: Endpoint) -> [u8; 8] {
        let sent = self.said.get(&(from, to)).map_or(0, |said| said.sent);
        (sent + 1).to_be_bytes()
    }

    /// The message that [`DirectLedger::next`] gave was taken.
    pub fn sent(&mut self, from: Endpoint, to: Endpoint) {
        self.said.entry((from, to)).or_default().sent += 1;
    }

    /// What `me` heard.
    ///
    /// # Errors
    /// [`Violation`] when a message comes twice, out of order, or was never sent, or ends twice.
    pub fn hear(&mut self, me: Endpoint, event: &Event) -> Result<(), Violation> {
        match event {
            Event::Direct { from, bytes, .. } => {
                let said = self.said.entry((*from, me)).or_default();
                let number = bytes.as_slice().try_into().map_or(u64::MAX, u64::from_be_bytes);
                if number <= said.last || number > said.sent {
                    let detail = format!(
                        "{me} hears message {number} of {from} after {}, of {}",
                        said.last, said.sent
                    );
                    return Err(Violation { checker: CHECKER, detail });
                }
                said.last = number;
                said.heard += 1;
            }
            Event::DirectEnded { to, messages, end, .. } => {
                let said = self.said.entry((me, *to)).or_default();
                said.ended += *messages as u64;
                if *end != DirectEnd::Taken {
                    said.lost += *messages as u64;
                }
                if said.ended > said.sent {
                    let detail =
                        format!("{me} is told of {} ends, of {} messages to {to}", said.ended, said.sent);
                    return Err(Violation { checker: CHECKER, detail });
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// How many messages from one endpoint to another were sent, heard and told as lost.
    pub fn counts(&self, from: Endpoint, to: Endpoint) -> (u64, u64, u64) {
        self.said.get(&(from, to)).map_or((0, 0, 0), |said| (said.sent, said.heard, said.lost))
    }

    /// The number of the last message from one endpoint to another that was heard.
    pub fn last_heard(&self, from: Endpoint, to: Endpoint) -> u64 {
        self.said.get(&(from, to)).map_or(0, |said| said.last)
    }

    /// Whether everything that was sent was heard.
    pub fn all_heard(&self) -> bool {
        self.said.values().all(|said| said.heard == said.sent)
    }

    /// What must hold when nothing is under way any more: what was not heard was told as lost.
    ///
    /// # Errors
    /// [`Violation`] names who said what to whom.
    pub fn nothing_is_lost_in_silence(&self) -> Result<(), Violation> {
        self.nothing_is_lost_between(|_| true)
    }

    /// The same of those endpoints that are still there.
    ///
    /// # Errors
    /// [`Violation`] names who said what to whom.
    pub fn nothing_is_lost_between(&self, is_here: impl Fn(Endpoint) -> bool) -> Result<(), Violation> {
        let here = |&(&(from, to), _): &(&(Endpoint, Endpoint), &Said)| is_here(from) && is_here(to);
        let mut said = self.said.iter().filter(here);
        match said.find(|(_, said)| said.heard + said.lost < said.sent) {
            None => Ok(()),
            Some(((from, to), said)) => {
                let detail = format!("from {from} to {to}: {said:?}");
                Err(Violation { checker: CHECKER, detail })
            }
        }
    }
}
