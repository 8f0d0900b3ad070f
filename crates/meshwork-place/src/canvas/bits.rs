//! Bit fields packed into bytes, the least significant bit first.

/// Widest field, in bits: what one unaligned load of eight bytes always holds.
pub(super) const FIELD_MAX: u32 = 57;

/// Bits that tell `count` values apart: 0 for one value.
pub(super) fn index_width(count: usize) -> u32 {
    usize::BITS - count.saturating_sub(1).leading_zeros()
}

/// Bits that the number takes: 0 for 0.
pub(super) fn number_width(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Appends fields.
#[derive(Default)]
pub(super) struct BitWriter {
    bytes: Vec<u8>,
    pending: u64,
    /// Bits in `pending`, below 8 between calls.
    count: u32,
}

impl BitWriter {
    pub(super) fn with_capacity(bits: usize) -> BitWriter {
        BitWriter { bytes: Vec::with_capacity(bits.div_ceil(8)), ..BitWriter::default() }
    }

    /// Appends the lowest `width` bits of `value`, at most [`FIELD_MAX`] of them.
    pub(super) fn put(&mut self, value: u64, width: u32) {
        debug_assert!(width <= FIELD_MAX && number_width(value) <= width);
        self.pending |= value << self.count;
        self.count += width;
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Appends `zeros` zero bits and a one bit.
    pub(super) fn put_unary(&mut self, mut zeros: u32) {
        while zeros >= 32 {
            self.put(0, 32);
            zeros -= 32;
        }
        self.put(1 << zeros, zeros + 1);
    }

    /// The bytes; the last one is filled up with zero bits.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

/// Takes fields off bytes. Every method gives `None` when the bytes end first.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Bits taken so far.
    position: usize,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> BitReader<'a> {
        BitReader { bytes, position: 0 }
    }

    /// The next field of `width` bits, at most [`FIELD_MAX`].
    pub(super) fn take(&mut self, width: u32) -> Option<u64> {
        debug_assert!(width <= FIELD_MAX);
        if self.left() < width as usize {
            return None;
        }
        let field = self.peek() & ((1 << width) - 1);
        self.position += width as usize;
        Some(field)
    }

    /// How many zero bits come before the next one bit, at most `most`; takes them and the one bit.
    pub(super) fn take_unary(&mut self, most: u32) -> Option<u32> {
        let mut zeros = 0;
        loop {
            // Beyond the end there is no one bit.
            let here = self.peek().trailing_zeros();
            if here < FIELD_MAX {
                self.position += here as usize + 1;
                return Some(zeros + here).filter(|&zeros| zeros <= most);
            }
            zeros += FIELD_MAX;
            self.position += FIELD_MAX as usize;
            if zeros > most || self.left() == 0 {
                return None;
            }
        }
    }

    /// Bits that are not taken yet.
    pub(super) fn left(&self) -> usize {
        (self.bytes.len() * 8).saturating_sub(self.position)
    }

    /// Whether fewer than eight bits are left and all of them are zero.
    pub(super) fn is_at_end(&self) -> bool {
        self.left() < 8 && self.peek() == 0
    }

    /// At least the next [`FIELD_MAX`] bits, zero beyond the end.
    fn peek(&self) -> u64 {
        let rest = self.bytes.get(self.position / 8..).unwrap_or(&[]);
        let word = match (rest.first_chunk(), self.bytes.last_chunk()) {
            (Some(next), _) => u64::from_le_bytes(*next),
            // Bytes that were taken go out below, all eight at the end.
            (None, Some(last)) => {
                u64::from_le_bytes(*last).checked_shr(64 - 8 * rest.len() as u32).unwrap_or(0)
            }
            (None, None) => rest.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)),
        };
        word >> (self.position % 8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn fields_read_as_they_are_written(fields in proptest::collection::vec((any::<u64>(), 0..=FIELD_MAX, 0u32..200), 0..50)) {
            let mut writer = BitWriter::default();
            for &(value, width, zeros) in &fields {
                writer.put(value & ((1 << width) - 1), width);
                writer.put_unary(zeros);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for &(value, width, zeros) in &fields {
                prop_assert_eq!(reader.take(width), Some(value & ((1 << width) - 1)));
                prop_assert_eq!(reader.take_unary(200), Some(zeros));
            }
            prop_assert!(reader.is_at_end());
        }

        #[test]
        fn reading_beyond_the_end_gives_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..20), fields in proptest::collection::vec((0..=FIELD_MAX, any::<bool>()), 0..50)) {
            let mut reader = BitReader::new(&bytes);
            for (width, unary) in fields {
                let left = reader.left();
                let taken = if unary { reader.take_unary(1000).is_some() } else { reader.take(width).is_some() };
                prop_assert!(taken == (reader.left() <= left) || !taken);
                prop_assert!(unary || taken == (width as usize <= left));
            }
        }
    }

    #[test]
    fn unary_runs_stop_at_their_limit() {
        assert_eq!(BitReader::new(&[0; 100]).take_unary(4096), None);
        assert_eq!(BitReader::new(&[0, 0, 1]).take_unary(16), Some(16));
        assert_eq!(BitReader::new(&[0, 0, 1]).take_unary(15), None);
    }

    #[test]
    fn widths_tell_values_apart() {
        assert_eq!([1, 2, 3, 4, 5, 4096].map(index_width), [0, 1, 2, 2, 3, 12]);
        assert_eq!([0, 1, 2, 255, 256].map(number_width), [0, 1, 2, 8, 9]);
    }
}
