//! Rooms as tests make them: open, or private with an edit key, as pages make private rooms.

use std::cell::Cell;

use meshwork::{CreateError, Endpoint, NewRoom, Room};

thread_local! {
    static IS_PRIVATE: Cell<bool> = const { Cell::new(false) };
}

/// Makes a room, which is private if the test runs in private rooms.
pub(crate) async fn create(endpoint: &Endpoint, new: NewRoom) -> Result<Room, CreateError> {
    if !IS_PRIVATE.get() {
        return endpoint.create(new).await;
    }
    let room = endpoint.create(new.private()).await?;
    room.rules().new_edit_link().await.expect("its owner makes an edit key");
    Ok(room)
}

/// Runs a test of one thread, whose rooms are private.
pub(crate) fn in_private_rooms(test: fn()) {
    IS_PRIVATE.set(true);
    test();
}

/// Runs these tests of the module in private rooms, too.
macro_rules! in_private_rooms_too {
    ($($test:ident),* $(,)?) => {
        mod private {
            $(#[test]
            fn $test() {
                crate::guard::in_private_rooms(super::$test);
            })*
        }
    };
}
pub(crate) use in_private_rooms_too;
