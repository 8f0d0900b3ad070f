//! Where the characters of a text lie in units of UTF-16, in which libraries of Yjs's format count.

use meshwork_sync::document::update::{Kind, read_long};

/// The letters of a text that take two units: emoji and rare scripts. All others take one, so a text without them need not
/// be read to find a place in it.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// The unit behind each of them, in ascending order; `None` where the text has to be read first.
    behind_wide: Option<Vec<u32>>,
}

impl Places {
    /// Whether they are known without reading the text.
    #[cfg(test)]
    pub(crate) fn are_known(&self) -> bool {
        self.behind_wide.is_some()
    }

    /// The unit at which a character begins, as if the text went on behind its end; `read` reads the text.
    pub(crate) fn unit(&mut self, at: usize, read: impl FnOnce() -> String) -> u32 {
        let behind_wide = self.behind_wide.get_or_insert_with(|| behind_wide(&read()));
        let at = u32::try_from(at).unwrap_or(u32::MAX);
        // So many characters end where the wide letter with this number does.
        let characters = |number: usize| behind_wide[number] - number as u32 - 1;
        let (mut before, mut after) = (0, behind_wide.len());
        while before < after {
            let middle = before.midpoint(after);
            if characters(middle) <= at { before = middle + 1 } else { after = middle }
        }
        at.saturating_add(before as u32)
    }

    /// Words were inserted before a unit.
    pub(crate) fn insert(&mut self, unit: u32, words: &str) {
        let Some(wide) = &mut self.behind_wide else { return };
        let (place, length) = (wide.partition_point(|behind| *behind <= unit), utf16(words));
        wide[place..].iter_mut().for_each(|behind| *behind += length);
        wide.splice(place..place, behind_wide(words).into_iter().map(|behind| unit + behind));
    }

    /// The units from one to another were deleted.
    pub(crate) fn delete(&mut self, from: u32, to: u32) {
        let Some(wide) = &mut self.behind_wide else { return };
        let [first, last] = [from, to].map(|unit| wide.partition_point(|behind| *behind <= unit));
        wide[last..].iter_mut().for_each(|behind| *behind -= to - from);
        wide.drain(first..last);
    }

    /// An update changed the text. Where there are wide letters, before or in it, the text has to be read again.
    pub(crate) fn hear(&mut self, update: &[u8]) {
        let has_none = self.behind_wide.as_ref().is_some_and(Vec::is_empty);
        if !has_none || is_wide(update) {
            self.forget();
        }
    }

    /// The text is another one.
    pub(crate) fn forget(&mut self) {
        self.behind_wide = None;
    }
}

/// The length of a text in units.
pub(crate) fn utf16(text: &str) -> u32 {
    text.chars().map(|letter| letter.len_utf16() as u32).sum()
}

fn behind_wide(text: &str) -> Vec<u32> {
    let mut units = 0;
    let behind = text.chars().map(|letter| {
        units += letter.len_utf16() as u32;
        (letter.len_utf16() == 2).then_some(units)
    });
    behind.flatten().collect()
}

/// Whether an update may insert letters of two units.
fn is_wide(update: &[u8]) -> bool {
    // Such a letter begins with a byte like this, and no other does.
    let is_wide = |bytes: &[u8]| bytes.iter().any(|byte| *byte >= 0xf0);
    let read = read_long(update);
    read.map_or(true, |read| {
        read.items.iter().any(|item| item.content.kind == Kind::Text && is_wide(item.content.bytes))
    })
}

#[cfg(test)]
mod tests {
    use meshwork_core::rng::Rng;

    use super::*;

    /// The unit of each character, and one behind the last.
    fn units(text: &str) -> Vec<u32> {
        let mut units = vec![0];
        for letter in text.chars() {
            units.push(units[units.len() - 1] + letter.len_utf16() as u32);
        }
        units
    }

    #[test]
    fn places_follow_each_edit() {
        let mut rng = Rng::new([7; 32]);
        let mut below = |most: usize| rng.below(most as u64) as usize;
        let (mut text, mut places) = (String::from("a🦉b"), Places::default());
        for turn in 0..2000 {
            let letters = text.chars().count();
            let byte =
                |text: &str, at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
            let from = below(letters + 1);
            let unit = places.unit(from, || text.clone());
            assert_eq!(unit, units(&text)[from], "turn {turn}");
            if below(2) == 0 {
                let words = ["x", "🦉", "ä€", "🦉🐝 y", "word"][below(5)];
                places.insert(unit, words);
                text.insert_str(byte(&text, from), words);
            } else {
                let to = (from + below(4)).min(letters);
                let until = places.unit(to, || unreachable!("it is known"));
                places.delete(unit, until);
                text.replace_range(byte(&text, from)..byte(&text, to), "");
            }
            let known: Vec<u32> = (0..=text.chars().count())
                .map(|at| places.unit(at, || unreachable!("it is known")))
                .collect();
            assert_eq!(known, units(&text), "turn {turn}: {text}");
        }
    }
}
