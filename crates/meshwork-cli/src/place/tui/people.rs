//! The people of a room as a list beside the canvas: the nearest first, in the words that the pages use.

use std::time::Duration;

use meshwork::{EndpointId, LinkState, Member};

/// What a row says of somebody.
pub(super) struct Person<'a> {
    pub(super) endpoint: EndpointId,
    pub(super) name: &'a str,
    pub(super) is_own: bool,
    pub(super) is_here: bool,
    pub(super) link: LinkState,
    /// For how long the link is in this state.
    pub(super) since: Duration,
    /// For how long nothing was heard.
    pub(super) silent: Option<Duration>,
    pub(super) reason: Option<&'a str>,
    pub(super) rtt: Option<Duration>,
}

/// One endpoint as it is listed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) endpoint: EndpointId,
    /// Their name, or the beginning of their key.
    pub(super) called: String,
    pub(super) state: LinkState,
    /// What stands beside the state: a time, or why it is so.
    pub(super) beside: String,
    /// Whether strokes reach them and theirs reach us.
    pub(super) is_linked: bool,
    rtt: Option<Duration>,
}

/// The rows of everybody to whom there is or was a link, linked ones by distance first; who is in the room without one
/// has none.
pub(super) fn rows<'a>(people: impl IntoIterator<Item = Person<'a>>) -> Vec<Row> {
    let mut rows: Vec<_> = people.into_iter().map(|person| Row::new(&person)).collect();
    rows.sort_by(|one, other| {
        let key = |row: &Row| (rank(row.state), row.rtt.unwrap_or(Duration::MAX));
        key(one).cmp(&key(other)).then_with(|| one.called.cmp(&other.called))
    });
    rows
}

/// The form of a strand, so that a state is told without colour too.
pub(crate) fn strand(state: LinkState, is_unicode: bool) -> &'static str {
    match (state, is_unicode) {
        (LinkState::Direct, true) => "────",
        (LinkState::Relayed, true) => "─◇──",
        (LinkState::Connecting, true) => "┄┄┄┄",
        (LinkState::Stale, true) => "~~~~",
        (LinkState::Gone, true) => "─╳ ─",
        (LinkState::Direct, false) => "----",
        (LinkState::Relayed, false) => "-<>-",
        (LinkState::Connecting, false) => "....",
        (LinkState::Stale, false) => "~~~~",
        (LinkState::Gone, false) => "-x -",
    }
}

/// "23 ms", "1.2 s": milliseconds below a second.
pub(crate) fn rtt_words(rtt: Duration) -> String {
    match rtt.as_millis() {
        0 => String::from("below 1 ms"),
        millis @ 1..=999 => format!("{millis} ms"),
        _ => format!("{:.1} s", rtt.as_secs_f64()),
    }
}

impl Row {
    pub(super) fn new(person: &Person<'_>) -> Row {
        let called = match person.name.trim() {
            _ if person.is_own => "You, elsewhere".to_owned(),
            "" => person.endpoint.peer.short(),
            name => name.to_owned(),
        };
        let seconds = |time: Duration| time.as_secs().max(1);
        let is_measured = matches!(person.link, LinkState::Direct | LinkState::Relayed);
        let rtt = person.rtt.filter(|_| is_measured);
        let beside = match person.link {
            LinkState::Connecting => format!("{} s", seconds(person.since)),
            LinkState::Stale => format!("silent {} s", seconds(person.silent.unwrap_or(person.since))),
            LinkState::Gone => person.reason.unwrap_or_default().to_owned(),
            _ => rtt.map(rtt_words).unwrap_or_default(),
        };
        let is_linked = person.is_here && person.link.is_linked();
        Row { endpoint: person.endpoint, called, state: person.link, beside, is_linked, rtt }
    }
}

impl<'a> From<&'a Member> for Person<'a> {
    fn from(member: &'a Member) -> Person<'a> {
        Person {
            endpoint: member.id(),
            name: member.name(),
            is_own: member.is_own(),
            is_here: member.is_here(),
            link: member.link(),
            since: member.link_since(),
            silent: member.silent_for(),
            reason: member.reason(),
            rtt: member.rtt(),
        }
    }
}

fn rank(state: LinkState) -> u8 {
    match state {
        LinkState::Direct | LinkState::Relayed => 0,
        LinkState::Connecting => 1,
        LinkState::Stale => 2,
        LinkState::Gone => 3,
    }
}

/// What tests of several modules begin with: somebody over a link in this state.
#[cfg(test)]
pub(super) fn example(link: LinkState) -> Person<'static> {
    use meshwork_core::id::Instance;
    Person {
        endpoint: EndpointId { peer: meshwork::PeerId([1; 32]), instance: Instance(1) },
        name: "",
        is_own: false,
        is_here: true,
        link,
        since: Duration::from_secs(9),
        silent: Some(Duration::from_secs(8)),
        reason: Some("closed the tab"),
        rtt: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(name: &'static str, link: LinkState, rtt_ms: Option<u64>) -> Person<'static> {
        Person { name, rtt: rtt_ms.map(Duration::from_millis), ..example(link) }
    }

    #[test]
    fn near_ones_come_first_in_the_pages_words() {
        let people = [
            person("Ada", LinkState::Gone, None),
            person("Ben", LinkState::Direct, Some(50)),
            person("Cem", LinkState::Stale, None),
            person("Dag", LinkState::Connecting, None),
            person("Eva", LinkState::Relayed, Some(5)),
            person("", LinkState::Direct, None),
        ];
        let rows = rows(people);
        let told: Vec<_> = rows.iter().map(|row| (row.called.as_str(), row.beside.as_str())).collect();
        let short = example(LinkState::Gone).endpoint.peer.short();
        assert_eq!(
            told,
            [
                ("Eva", "5 ms"),
                ("Ben", "50 ms"),
                (short.as_str(), ""),
                ("Dag", "9 s"),
                ("Cem", "silent 8 s"),
                ("Ada", "closed the tab")
            ]
        );
    }

    #[test]
    fn distances_have_units() {
        let words = [0, 23, 999, 1200].map(|millis| rtt_words(Duration::from_millis(millis)));
        assert_eq!(words, ["below 1 ms", "23 ms", "999 ms", "1.2 s"]);
    }

    #[test]
    fn each_state_has_a_form_of_its_own() {
        let states =
            [LinkState::Direct, LinkState::Relayed, LinkState::Connecting, LinkState::Stale, LinkState::Gone];
        for is_unicode in [true, false] {
            let mut forms = states.map(|state| strand(state, is_unicode)).to_vec();
            forms.sort_unstable();
            forms.dedup();
            assert_eq!(forms.len(), states.len());
        }
    }
}
