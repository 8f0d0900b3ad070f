//! Back over what one did oneself, and forth again.

use meshwork_core::table::{Table, Write};

/// Steps that can be taken back: an afternoon of drawing.
pub const STEPS_MAX: usize = 200;

/// In which direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// What one did last is undone.
    Undo,
    /// What was undone last is done again.
    Redo,
}

/// What one field said before somebody wrote it, and what it says since.
#[derive(Clone, Debug)]
struct Edit {
    row: Vec<u8>,
    field: Vec<u8>,
    before: Option<Vec<u8>>,
    after: Option<Vec<u8>>,
}

impl Edit {
    /// What writes back what stood there before; `None` where something else stands there than was written.
    fn back(&self, table: &Table) -> Option<Write> {
        let is_own = value(table, &self.row, &self.field) == self.after;
        is_own.then(|| Write { row: self.row.clone(), field: self.field.clone(), value: self.before.clone() })
    }

    fn turned(self) -> Edit {
        Edit { before: self.after, after: self.before, ..self }
    }
}

/// What was written as one step.
type Step = Vec<Edit>;

/// The steps of one person on one page.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    done: Vec<Step>,
    undone: Vec<Step>,
    open: Option<Step>,
}

impl Steps {
    /// What is noted from now on until [`Steps::end`] is one step.
    pub fn begin(&mut self) {
        self.end();
        self.open = Some(Step::new());
    }

    /// The step is over; one in which nothing was written is none.
    pub fn end(&mut self) {
        if let Some(step) = self.open.take() {
            self.push(step);
        }
    }

    /// These are about to be written: a step of their own, unless one is open.
    pub fn note(&mut self, table: &Table, writes: &[Write]) {
        let is_apart = self.open.is_none();
        let step = self.open.get_or_insert_default();
        for write in writes {
            let known = step.iter_mut().find(|edit| edit.row == write.row && edit.field == write.field);
            let before = value(table, &write.row, &write.field);
            match known {
                Some(edit) => edit.after = write.value.clone(),
                None if before != write.value => step.push(Edit {
                    row: write.row.clone(),
                    field: write.field.clone(),
                    before,
                    after: write.value.clone(),
                }),
                None => {}
            }
        }
        if is_apart {
            self.end();
        }
    }

    fn push(&mut self, step: Step) {
        if step.iter().all(|edit| edit.before == edit.after) {
            return;
        }
        self.undone.clear();
        self.done.push(step);
        let surplus = self.done.len().saturating_sub(STEPS_MAX);
        self.done.drain(..surplus);
    }

    /// How many steps lie back and forth.
    pub fn count(&self) -> (usize, usize) {
        (self.done.len(), self.undone.len())
    }

    /// What takes the nearest step that way of which anything is left as one made it; empty where there is none. The step
    /// counts as taken once it is asked for.
    pub fn go(&mut self, table: &Table, way: Way) -> Vec<Write> {
        self.end();
        let (from, to) = match way {
            Way::Undo => (&mut self.done, &mut self.undone),
            Way::Redo => (&mut self.undone, &mut self.done),
        };
        while let Some(step) = from.pop() {
            let writes: Vec<Write> = step.iter().filter_map(|edit| edit.back(table)).collect();
            if !writes.is_empty() {
                to.push(step.into_iter().map(Edit::turned).collect());
                return writes;
            }
        }
        Vec::new()
    }
}

fn value(table: &Table, row: &[u8], field: &[u8]) -> Option<Vec<u8>> {
    table.get(row, field)?.value().map(<[u8]>::to_vec)
}
