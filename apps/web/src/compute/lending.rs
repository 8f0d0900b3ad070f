//! The terms on which a page lends.

use std::collections::BTreeSet;

use meshwork_compute::Trust;
use meshwork_compute::job::{Kind, Shader};
use meshwork_core::id::PeerId;

/// Least and greatest size of a device's bead, in px.
const BEAD: (f64, f64) = (20.0, 56.0);

/// The people whose programs run here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Those of this person.
    Mine,
    /// Those of ticked people.
    Allowed,
    /// Those of everybody in the room.
    Everybody,
}

impl Whose {
    /// The choice before anybody chooses: in a private room everybody has the link from somebody.
    pub fn at_first(is_private: bool) -> Whose {
        if is_private { Whose::Everybody } else { Whose::Allowed }
    }
}

/// The terms as a person chooses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Units at once.
    pub cores: u8,
    /// The per cent of its time in which each works, from 10 to 100.
    pub share: u8,
    /// The people whose programs run.
    pub whose: Whose,
    /// The ticked people.
    pub allowed: BTreeSet<PeerId>,
    /// Whether JavaScript of everybody runs in an open room too. Nothing bounds its memory.
    pub has_script_of_all: bool,
    /// Whether shaders run on the graphics card: a consent of its own.
    pub has_card: bool,
    /// Whether nothing runs on battery.
    pub pauses_on_battery: bool,
}

impl Terms {
    /// The terms before anybody chooses, on a device with this number of cores, with owner and moderators ticked.
    pub fn at_first(cores: u8, is_private: bool, ticked: impl IntoIterator<Item = PeerId>) -> Terms {
        Terms {
            cores: (cores / 2).max(1),
            share: 100,
            whose: Whose::at_first(is_private),
            allowed: ticked.into_iter().collect(),
            has_script_of_all: false,
            has_card: false,
            pauses_on_battery: true,
        }
    }

    /// The trust as the library takes it.
    pub fn trust(&self) -> Trust {
        match self.whose {
            Whose::Mine => Trust::Mine,
            Whose::Allowed => Trust::People(self.allowed.clone()),
            Whose::Everybody => Trust::Everybody,
        }
    }

    /// Whether the question about JavaScript of everybody stands there.
    pub fn asks_for_script(&self, is_private: bool) -> bool {
        self.whose == Whose::Everybody && !is_private
    }

    /// The kinds of programs that run here, as bits. `has_modules` says whether the browser can end a module of a stranger.
    pub fn kinds(&self, is_private: bool, has_modules: bool) -> u8 {
        let is_of_all = self.whose == Whose::Everybody;
        let has_script = !self.asks_for_script(is_private) || self.has_script_of_all;
        let bit = |kind: Kind, is_on: bool| u8::from(is_on) << kind.number();
        let shader = Shader { groups: [1; 3], output: 4 };
        bit(Kind::Wasm, has_modules || !is_of_all)
            | bit(Kind::Js, has_script)
            | bit(Kind::Wgsl(shader), self.has_card)
    }

    /// The reason that no program of this kind and person runs here, on these terms and with these [kinds](Terms::kinds).
    pub fn refusal(&self, me: PeerId, kinds: u8, kind: Kind, submitter: PeerId) -> Option<Refusal> {
        let runs_kind = kinds >> kind.number() & 1 == 1;
        match self.trust().admits(&me, &submitter) {
            false => Some(Refusal::Person(submitter)),
            true => (!runs_kind).then_some(Refusal::Kind(kind)),
        }
    }
}

/// The reason that a device that lends runs nothing of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It does not run programs of this person.
    Person(PeerId),
    /// It does not run programs of this kind.
    Kind(Kind),
}

/// The size of the bead of a device that lends these cores, in px.
pub fn bead_side(cores: u8) -> f64 {
    (15.0 * f64::from(cores).sqrt()).clamp(BEAD.0, BEAD.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ME: PeerId = PeerId([1; 32]);

    #[test]
    fn half_the_cores_at_first() {
        let cores = |cores| Terms::at_first(cores, true, []).cores;
        assert_eq!([1, 2, 3, 8].map(cores), [1, 1, 1, 4]);
    }

    #[test]
    fn open_rooms_begin_with_owner_and_moderators() {
        let open = Terms::at_first(4, false, [ME]);
        assert_eq!(open.trust(), Trust::People([ME].into()));
        assert_eq!(Terms::at_first(4, true, [ME]).trust(), Trust::Everybody);
    }

    #[test]
    fn strangers_scripts_need_their_own_consent() {
        let script = 1 << Kind::Js.number();
        let mut terms = Terms { whose: Whose::Everybody, ..Terms::at_first(4, false, []) };
        assert_eq!(terms.kinds(false, true) & script, 0);
        assert_eq!(terms.kinds(true, true) & script, script);
        terms.has_script_of_all = true;
        assert_eq!(terms.kinds(false, true) & script, script);
        let mine = Terms { whose: Whose::Mine, has_script_of_all: false, ..terms };
        assert_eq!(mine.kinds(false, true) & script, script);
    }

    #[test]
    fn a_refusal_has_its_reason() {
        let (ann, open) = (PeerId([2; 32]), Terms::at_first(4, false, []));
        let refusal = |terms: &Terms, kind| terms.refusal(ME, terms.kinds(false, true), kind, ann);
        assert_eq!(refusal(&open, Kind::Wasm), Some(Refusal::Person(ann)));
        let all = Terms { whose: Whose::Everybody, ..open };
        assert_eq!(refusal(&all, Kind::Wasm), None);
        assert_eq!(refusal(&all, Kind::Js), Some(Refusal::Kind(Kind::Js)));
        assert_eq!(all.refusal(ME, 0b11, Kind::Js, ME), None);
    }

    #[test]
    fn shaders_need_their_own_consent() {
        let mut terms = Terms::at_first(4, true, []);
        assert_eq!(terms.kinds(true, true), 0b011);
        terms.has_card = true;
        assert_eq!(terms.kinds(true, true), 0b111);
    }

    #[test]
    fn modules_of_all_need_an_end() {
        let module = 1 << Kind::Wasm.number();
        let terms = Terms::at_first(4, true, []);
        assert_eq!([true, false].map(|has| terms.kinds(true, has) & module), [module, 0]);
    }

    #[test]
    fn beads_grow_with_cores() {
        assert_eq!([1, 4, 128].map(bead_side), [20.0, 30.0, 56.0]);
    }
}
