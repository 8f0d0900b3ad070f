//! Back over what one did oneself, and forth again.

use std::collections::BTreeSet;

use meshwork_core::table::{Table, Write, Writer};

use super::Field;

/// Steps that can be taken back: an afternoon of drawing.
pub const STEPS_MAX: usize = 200;
/// Bytes that they take together, as much as a table has of one peer; the last step is remembered however much it takes.
pub const STEPS_BYTES_MAX: usize = 8 * 1024 * 1024;

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
    /// Whether what stands there is what was written.
    fn is_own(&self, table: &Table) -> bool {
        value(table, &self.row, &self.field) == self.after
    }

    /// What writes back what stood there before.
    fn back(&self) -> Write {
        Write { row: self.row.clone(), field: self.field.clone(), value: self.before.clone() }
    }

    fn turned(self) -> Edit {
        Edit { before: self.after, after: self.before, ..self }
    }

    fn bytes(&self) -> usize {
        let values = [&self.before, &self.after].into_iter().flatten().map(Vec::len).sum::<usize>();
        self.row.len() + self.field.len() + values
    }
}

/// Which writes are one step, however many they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run(u64);

/// What was written as one step.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// Of each field one, in their order: whoever erases a full board edits a hundred thousand.
    edits: Vec<Edit>,
    run: Option<Run>,
}

impl Step {
    /// What these writes, which are about to be made, change.
    pub fn look(table: &Table, writes: &[Write]) -> Step {
        let mut step = Step::default();
        for Write { row, field, value: after } in writes {
            let before = value(table, row, field);
            step.join(Edit { row: row.clone(), field: field.clone(), before, after: after.clone() });
        }
        step
    }

    fn join(&mut self, edit: Edit) {
        let order = |known: &Edit| (&known.row, &known.field).cmp(&(&edit.row, &edit.field));
        match self.edits.binary_search_by(order) {
            Ok(at) => self.edits[at].after = edit.after,
            Err(at) => self.edits.insert(at, edit),
        }
    }

    fn bytes(&self) -> usize {
        self.edits.iter().map(Edit::bytes).sum()
    }

    /// Drops the edits that others superseded. A shape in which others changed anything is no longer ours to remove.
    fn drop_superseded(&mut self, table: &Table) {
        let what = Writer::Anybody.field(&Field::What.name());
        let removes_shape = |edit: &Edit| edit.before.is_none() && edit.field == what;
        let shapes = self.edits.chunk_by(|one, other| one.row == other.row);
        let shared: BTreeSet<Vec<u8>> = shapes
            .filter(|edits| edits.iter().any(removes_shape) && !is_own_alone(table, edits))
            .map(|edits| edits[0].row.clone())
            .collect();
        self.edits.retain(|edit| edit.is_own(table) && !shared.contains(&edit.row));
    }
}

/// Whether all that stands in the row of these edits is what they wrote.
fn is_own_alone(table: &Table, edits: &[Edit]) -> bool {
    table.row(&edits[0].row).all(|entry| {
        let (writer, name) = entry.field();
        let field = writer.field(name);
        edits.iter().any(|edit| edit.field == field && edit.after.as_deref() == entry.value())
    })
}

/// The steps of one person on one page, or of one program.
///
/// What is to be written is [looked at](Step::look) before, and [added](Steps::add) once it was taken.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    done: Vec<Step>,
    undone: Vec<Step>,
    runs: u64,
}

impl Steps {
    /// A run of its own.
    pub fn run(&mut self) -> Run {
        self.runs += 1;
        Run(self.runs)
    }

    /// This was written. It is one step with the last one where both are of the same run, and otherwise one of its own.
    pub fn add(&mut self, step: Step, run: Option<Run>) {
        let last = self.done.pop_if(|last| run.is_some() && last.run == run);
        let mut whole = Step { run, ..last.unwrap_or_default() };
        step.edits.into_iter().for_each(|edit| whole.join(edit));
        // What changes nothing is no step.
        whole.edits.retain(|edit| edit.before != edit.after);
        if !whole.edits.is_empty() {
            self.undone.clear();
            self.done.push(whole);
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let mut bytes: usize = self.done.iter().map(Step::bytes).sum();
        while self.done.len() > STEPS_MAX || self.done.len() > 1 && bytes > STEPS_BYTES_MAX {
            bytes -= self.done.remove(0).bytes();
        }
    }

    /// How many steps lie back and forth.
    pub fn count(&self) -> (usize, usize) {
        (self.done.len(), self.undone.len())
    }

    /// The writes of the nearest step that way of which anything is left as this program made it; empty if there is none. Fields
    /// that others changed are no part of the step any more, and a shape in which others changed anything is not removed.
    pub fn next(&mut self, table: &Table, way: Way) -> Vec<Write> {
        let (from, _) = self.along(way);
        while let Some(step) = from.last_mut() {
            step.drop_superseded(table);
            if !step.edits.is_empty() {
                return step.edits.iter().map(Edit::back).collect();
            }
            from.pop();
        }
        Vec::new()
    }

    /// So many of the first writes of the [next](Steps::next) step that way were made. What is left of it can still be gone.
    pub fn gone(&mut self, way: Way, count: usize) {
        let (from, to) = self.along(way);
        let Some(mut step) = from.pop() else { return };
        let edits = step.edits.split_off(count.min(step.edits.len()));
        to.push(Step { edits: step.edits.into_iter().map(Edit::turned).collect(), run: None });
        if !edits.is_empty() {
            from.push(Step { edits, run: None });
        }
    }

    /// The steps that lie that way, and those that come of going it.
    fn along(&mut self, way: Way) -> (&mut Vec<Step>, &mut Vec<Step>) {
        match way {
            Way::Undo => (&mut self.done, &mut self.undone),
            Way::Redo => (&mut self.undone, &mut self.done),
        }
    }
}

fn value(table: &Table, row: &[u8], field: &[u8]) -> Option<Vec<u8>> {
    table.get(row, field)?.value().map(<[u8]>::to_vec)
}
