//! Moving pictures as animated PNG (PNG, third edition, W3C 2025): frames that were coded one by one, put together.
//!
//! A browser codes a picture as PNG by itself, and programs have a library for it. Here the compressed pixels of such
//! pictures are only moved from their chunks into those of an animation, with new checksums.

/// What every PNG begins with.
const SIGNATURE: [u8; 8] = *b"\x89PNG\r\n\x1a\n";
/// Where the animation control chunk's content stands: behind signature, header chunk, and its own length and name.
const CONTROL: usize = 8 + 12 + 13 + 8;

/// Puts one animation together.
#[derive(Debug, Default)]
pub struct ApngAssembler {
    out: Vec<u8>,
    /// The first frame's header without its size: depth, kind of colour, compression, filter, interlacing.
    form: [u8; 5],
    size: (u32, u32),
    frames: u32,
    sequence: u32,
}

/// Why a picture cannot be a frame. What was put together before is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApngError {
    /// It is not a PNG, or breaks off.
    #[error("a frame is not a whole PNG")]
    NotPng,
    /// Its colours are coded in another way than those of the first frame, or by a palette.
    #[error("a frame is coded in another way than the first: {0:?}")]
    Form([u8; 5]),
    /// It sticks out of the first frame.
    #[error("a frame of {width}x{height} at {x},{y} sticks out")]
    Outside {
        /// Its left edge.
        x: u32,
        /// Its upper edge.
        y: u32,
        /// Its width.
        width: u32,
        /// Its height.
        height: u32,
    },
    /// There is no frame at all.
    #[error("an animation without frames is none")]
    Empty,
}

impl ApngAssembler {
    /// Adds a PNG as the next frame, with its upper left corner at `(x, y)`, to be shown for so many milliseconds.
    /// It replaces what was there. The first one is the whole picture.
    ///
    /// # Errors
    /// [`ApngError`]; the frame was not added.
    pub fn push(&mut self, png: &[u8], (x, y): (u32, u32), milliseconds: u16) -> Result<(), ApngError> {
        let chunks = chunks(png)?;
        let header = chunks.first().filter(|(name, body)| name == b"IHDR" && body.len() == 13);
        let header = header.ok_or(ApngError::NotPng)?.1;
        let number =
            |at: usize| u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let (width, height) = (number(0), number(4));
        let mut form = [0; 5];
        form.copy_from_slice(&header[8..]);
        if self.frames == 0 {
            (self.form, self.size) = (form, (width, height));
        }
        // Each frame would need a palette of its own.
        if form != self.form || form[1] == 3 {
            return Err(ApngError::Form(form));
        }
        let fits =
            |from: u32, length: u32, whole: u32| from.checked_add(length).is_some_and(|end| end <= whole);
        if !fits(x, width, self.size.0) || !fits(y, height, self.size.1) {
            return Err(ApngError::Outside { x, y, width, height });
        }
        if self.frames == 0 {
            self.out.extend(SIGNATURE);
            chunk(&mut self.out, *b"IHDR", &[header]);
            chunk(&mut self.out, *b"acTL", &[&[0; 8]]);
        }
        // To be shown for so many thousandths, left there, and put in place of what was.
        let control = [self.sequence, width, height, x, y].map(u32::to_be_bytes).concat();
        let shown = [&milliseconds.to_be_bytes()[..], &1000_u16.to_be_bytes(), &[0, 0]].concat();
        chunk(&mut self.out, *b"fcTL", &[&control, &shown]);
        self.sequence += 1;
        for (_, body) in chunks.iter().filter(|(name, _)| name == b"IDAT") {
            if self.frames == 0 {
                chunk(&mut self.out, *b"IDAT", &[body]);
            } else {
                chunk(&mut self.out, *b"fdAT", &[&self.sequence.to_be_bytes(), body]);
                self.sequence += 1;
            }
        }
        self.frames += 1;
        Ok(())
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        self.out.len()
    }

    /// Whether there is no frame yet.
    pub fn is_empty(&self) -> bool {
        self.frames == 0
    }

    /// The whole file, which begins again for ever.
    ///
    /// # Errors
    /// [`ApngError::Empty`].
    pub fn finish(mut self) -> Result<Vec<u8>, ApngError> {
        if self.is_empty() {
            return Err(ApngError::Empty);
        }
        let frames = self.frames.to_be_bytes();
        self.out[CONTROL..CONTROL + 4].copy_from_slice(&frames);
        let sum = crc(&self.out[CONTROL - 4..CONTROL + 8]).to_be_bytes();
        self.out[CONTROL + 8..CONTROL + 12].copy_from_slice(&sum);
        chunk(&mut self.out, *b"IEND", &[]);
        Ok(self.out)
    }
}

/// A chunk's name and content.
type Chunk<'a> = ([u8; 4], &'a [u8]);

/// The chunks of a PNG; checksums are not looked at.
fn chunks(png: &[u8]) -> Result<Vec<Chunk<'_>>, ApngError> {
    let mut rest = png.strip_prefix(&SIGNATURE).ok_or(ApngError::NotPng)?;
    let mut chunks = Vec::new();
    while let Some((head, behind)) = rest.split_first_chunk::<8>() {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let name = [head[4], head[5], head[6], head[7]];
        let body = behind.get(..length).ok_or(ApngError::NotPng)?;
        rest = behind.get(length + 4..).ok_or(ApngError::NotPng)?;
        chunks.push((name, body));
        if name == *b"IEND" {
            return Ok(chunks);
        }
    }
    Err(ApngError::NotPng)
}

fn chunk(out: &mut Vec<u8>, name: [u8; 4], parts: &[&[u8]]) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    out.extend((length as u32).to_be_bytes());
    let from = out.len();
    out.extend(name);
    parts.iter().for_each(|part| out.extend_from_slice(part));
    let sum = crc(&out[from..]);
    out.extend(sum.to_be_bytes());
}

/// CRC-32 (PNG, annex D), four bits at a time: a table of 64 bytes is quick enough.
fn crc(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut index = 0;
        while index < 16 {
            let (mut value, mut bit) = (index as u32, 0);
            while bit < 4 {
                value = if value & 1 == 1 { 0xedb8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[index] = value;
            index += 1;
        }
        table
    };
    let step = |sum: u32, byte: &u8| {
        let sum = sum ^ u32::from(*byte);
        let sum = TABLE[(sum & 15) as usize] ^ (sum >> 4);
        TABLE[(sum & 15) as usize] ^ (sum >> 4)
    };
    !bytes.iter().fold(!0, step)
}
