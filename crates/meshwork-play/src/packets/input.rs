//! Inputs of a player, newest first, with those before them repeated until the host has them.

use serde::{Deserialize, Serialize};

use crate::PlayerInput;
use crate::session::Tick;

/// Runs of equal inputs in a packet: more than the keys that somebody presses and lets go of while the host changes. Their bytes fit a
/// datagram.
pub const RUNS_MAX: usize = 40;
/// The newest runs, a fifth of a second of inputs that all differ. Behind them, inputs with equal keys are one run: a moving pointer
/// takes no room from older presses.
const EXACT: usize = 12;

/// Equal inputs with numbers that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// How many, at least 1.
    pub repeat: u8,
    /// Held keys by their bit.
    pub keys: u64,
    /// Sticks, if they are not at rest.
    pub axes: Option<[i8; 4]>,
    /// The pointer's place.
    pub pointer: Option<(u16, u16)>,
}

impl Run {
    /// One input.
    pub fn of(input: &PlayerInput) -> Run {
        let axes = (input.axes != [0; 4]).then_some(input.axes);
        Run { repeat: 1, keys: input.held, axes, pointer: input.pointer }
    }

    /// The input, with what no input can have taken out.
    pub fn input(&self) -> PlayerInput {
        let axes = self.axes.unwrap_or_default().map(|axis| axis.max(-127));
        PlayerInput { held: self.keys & crate::input::MASK, axes, pointer: self.pointer }
    }
}

/// A packet of topic `i`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPacket {
    /// The line of the party.
    pub line: u32,
    /// The term whose host is followed.
    pub term: u32,
    /// The match of the acknowledged tick.
    pub round: u32,
    /// The number of the newest input; the first is 1.
    pub newest: u32,
    /// The newest tick of this term whose state is whole here.
    pub acked: Option<Tick>,
    /// Inputs, newest first.
    #[serde(deserialize_with = "super::few::<_, _, RUNS_MAX>")]
    pub runs: Vec<Run>,
}

impl InputPacket {
    /// Packs inputs, given newest first, into as many runs as fit. Older ones may get sticks and pointer of a newer one.
    pub fn pack<'a>(&mut self, inputs: impl Iterator<Item = &'a PlayerInput>) {
        for input in inputs {
            let run = Run::of(input);
            let (is_full, is_exact) = (self.runs.len() == RUNS_MAX, self.runs.len() <= EXACT);
            let is_equal =
                |last: &Run| Run { repeat: 1, ..*last } == run || !is_exact && last.keys == run.keys;
            match self.runs.last_mut() {
                Some(last) if is_equal(last) && last.repeat < u8::MAX => last.repeat += 1,
                _ if is_full => return,
                _ => self.runs.push(run),
            }
        }
    }

    /// The inputs with their numbers, newest first.
    pub fn inputs(&self) -> impl Iterator<Item = (u32, PlayerInput)> {
        let each =
            self.runs.iter().flat_map(|run| core::iter::repeat_n(run.input(), usize::from(run.repeat)));
        let numbers = (1..=self.newest).rev();
        numbers.zip(each)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input;
    use meshwork_core::seam::lane::DATAGRAM_PAYLOAD_MAX;
    use meshwork_core::wire;

    fn keys(held: u64) -> PlayerInput {
        PlayerInput { held, axes: [0; 4], pointer: None }
    }

    #[test]
    fn equal_inputs_are_one_run() {
        let inputs = [keys(2), keys(1), keys(1), keys(1)];
        let mut packet = InputPacket { line: 1, term: 1, round: 1, newest: 9, acked: Some(4), runs: vec![] };
        packet.pack(inputs.iter());
        assert_eq!(packet.runs.len(), 2);
        let read: InputPacket = wire::decode(&wire::encode(&packet)).expect("it is whole");
        let numbers: Vec<_> = read.inputs().map(|(number, input)| (number, input.held)).collect();
        assert_eq!(numbers, [(9, 2), (8, 1), (7, 1), (6, 1)]);
    }

    #[test]
    fn a_moving_pointer_hides_no_press() {
        let number = |number: u16| PlayerInput {
            held: u64::from(number / 10 % 2),
            axes: [1; 4],
            pointer: Some((u16::MAX, number)),
        };
        let inputs: Vec<PlayerInput> = (1..=120).rev().map(number).collect();
        let mut packet = InputPacket { line: 1, term: 1, round: 1, newest: 120, acked: None, runs: vec![] };
        packet.pack(inputs.iter());
        let read: Vec<PlayerInput> = packet.inputs().map(|(_, input)| input).collect();
        assert_eq!(read.len(), 120);
        assert_eq!(read[..EXACT], inputs[..EXACT]);
        let held = |inputs: &[PlayerInput]| inputs.iter().map(|input| input.held).collect::<Vec<u64>>();
        assert_eq!(held(&read), held(&inputs));
    }

    #[test]
    fn the_largest_packet_fits_a_datagram() {
        let number = |number: u64| PlayerInput {
            held: input::MASK - number,
            axes: [1; 4],
            pointer: Some((u16::MAX, u16::MAX)),
        };
        let (line, term, round, newest) = (u32::MAX, u32::MAX, u32::MAX, u32::MAX);
        let mut packet = InputPacket { line, term, round, newest, acked: Some(1 << 52), runs: vec![] };
        let inputs: Vec<PlayerInput> = (0..120).map(number).collect();
        packet.pack(inputs.iter());
        assert_eq!(packet.runs.len(), RUNS_MAX);
        let length = wire::encode(&packet).len();
        assert!(length < DATAGRAM_PAYLOAD_MAX - 1, "{length}");
    }

    #[test]
    fn more_runs_than_allowed_are_refused() {
        let run = Run::of(&keys(1));
        let packet = InputPacket {
            line: 1,
            term: 1,
            round: 1,
            newest: 90,
            acked: None,
            runs: vec![run; RUNS_MAX + 1],
        };
        assert!(wire::decode::<InputPacket>(&wire::encode(&packet)).is_err());
    }
}
