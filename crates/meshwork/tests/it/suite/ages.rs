//! What the library promises of how long things are kept.

use std::num::NonZero;

use meshwork::RuleError;

use super::{People, together, until};

pub(crate) async fn owners_say_how_long_posts_are_kept(people: People) {
    let (room, same) = together(&people).await;
    let (mine, theirs) = (room.rules(), same.rules());
    assert!(matches!(theirs.keep_posts_for(NonZero::new(9)).await, Err(RuleError::NotAllowed { .. })));
    let mut events = same.events();
    mine.keep_posts_for(NonZero::new(30)).await.unwrap();
    let days = until(async || match theirs.posts_kept_for().await.unwrap() {
        None => events.next().await.map(|_| None).unwrap(),
        days => days,
    });
    assert_eq!(days.await.get(), 30);
    same.chat().post("Ferry leaves at 9:40").await.unwrap();
    mine.keep_posts_for(None).await.unwrap();
    assert_eq!(mine.posts_kept_for().await, Ok(None));
    assert_eq!(same.chat().all().await.unwrap().len(), 1);
}
