//! What is shown to others before it is kept: writes that a datagram carries, each in place of those before it.

use meshwork_core::table::{Table, Write, Writer};
use meshwork_core::wire::{self, Bounded, Bytes};
use serde::{Deserialize, Serialize};

use super::{Field, Fields, Shape, ShapeId};

/// The topic of the datagrams.
pub const TOPIC: &str = "whiteboard";
/// Most fields of a draft: the bounds of all that one hand moves and a datagram holds.
const FIELDS_MAX: usize = 64;
/// Bytes of one field's value: those of the datagram.
const VALUE_MAX: usize = 875;

#[derive(Serialize, Deserialize)]
struct Draft {
    shape: [u8; 8],
    field: Bytes<2>,
    value: Bytes<VALUE_MAX>,
}

/// The bytes that show these writes, as many of the first of them as `most` bytes hold.
pub fn bytes(writes: &[Write], most: usize) -> Vec<u8> {
    let drafts: Vec<Draft> = writes.iter().filter_map(draft).take(FIELDS_MAX).collect();
    let mut sizes = drafts.iter().scan(1, |sum, draft| {
        *sum += wire::encode(draft).len();
        Some(*sum)
    });
    let count = sizes.position(|sum| sum > most).unwrap_or(drafts.len());
    let drafts: Vec<Draft> = drafts.into_iter().take(count).collect();
    wire::encode(&Bounded::<Draft, FIELDS_MAX>::new(drafts).expect("below the most"))
}

/// Shapes as they would be if what bytes show was kept; `None` where these bytes show nothing that can be read.
pub fn read(table: &Table, bytes: &[u8]) -> Option<Vec<(ShapeId, Shape)>> {
    let drafts: Bounded<Draft, FIELDS_MAX> = wire::decode_first(bytes).ok()?.0;
    let mut shapes = std::collections::BTreeMap::new();
    for draft in drafts.iter() {
        let id = ShapeId(draft.shape);
        let fields = shapes.entry(id).or_insert_with(|| Fields::of(table, id));
        if let Some(field) = Field::named(&draft.field) {
            fields.0.insert(field, draft.value.to_vec());
        }
    }
    Some(shapes.into_iter().filter_map(|(id, fields)| Some((id, Shape::read(&fields)?))).collect())
}

fn draft(write: &Write) -> Option<Draft> {
    let (_, name) = Writer::of(&write.field)?;
    Some(Draft {
        shape: ShapeId::of(&write.row)?.0,
        field: Bytes::new(name.to_vec()).ok()?,
        value: Bytes::new(write.value.clone()?).ok()?,
    })
}
