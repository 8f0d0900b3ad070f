//! One table for the kinds of messages inside a room, from which both directions follow.

/// Writes and reads messages inside a room: for each kind its number, its variant and what the variant holds. What the
/// variants after `else` hold has kinds of its own, and says itself which.
macro_rules! kinds {
    ($message:ident {
        $($kind:literal => $variant:ident $(($($field:ident),+))?,)+
        $(else { $($nested:ident($inner:ty)),+ $(,)? })?
    }) => {
        impl $message {
            /// The message's kind and body, inside the room that the sender calls by this number.
            pub fn encode(&self, number: u32) -> (u32, alloc::vec::Vec<u8>) {
                match self {
                    $($message::$variant $(($($field),+))? => {
                        ($kind, $crate::wire::encode(&(number, $($($field),+)?)))
                    })+
                    $($($message::$nested(message) => message.encode(number),)+)?
                }
            }

            /// Reads a message and the sender's number for the room; `None` when its kind is none of these.
            ///
            /// # Errors
            /// [`DecodeError`](crate::wire::DecodeError) when the body of one of these kinds is not what it should be.
            pub fn decode(
                kind: u32,
                body: &[u8],
            ) -> Result<Option<(u32, $message)>, $crate::wire::DecodeError> {
                match kind {
                    $($kind => {
                        let (number, $($($field),+)?) = $crate::wire::decode(body)?;
                        Ok(Some((number, $message::$variant $(($($field),+))?)))
                    })+
                    _ => {
                        $($(if let Some((number, message)) = <$inner>::decode(kind, body)? {
                            return Ok(Some((number, $message::$nested(message))));
                        })+)?
                        Ok(None)
                    }
                }
            }
        }
    };
}

pub(crate) use kinds;
