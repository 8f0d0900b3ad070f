//! What the library promises of blobs.

use meshwork::{BlobError, BlobId, FetchError};

use super::{People, together};

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|place| (place * 7 + place / 251) as u8).collect()
}

pub(crate) async fn blobs_come_from_whoever_holds_them(people: People) {
    let (room, same) = together(&people).await;
    let bytes = bytes(700_001);
    let offered = room.blobs().offer_bytes(&bytes).await.unwrap();
    assert_eq!((offered.size(), offered.read().await.unwrap()), (700_001, bytes.clone()));
    let mut fetch = same.blobs().fetch(offered.id());
    let mut held = Vec::new();
    while let Some(progress) = fetch.next().await.unwrap() {
        assert!(progress.size.is_none_or(|size| size == 700_001));
        held.push(progress.held);
    }
    assert!(held.is_sorted() && held.len() > 1, "{held:?}");
    assert_eq!(fetch.await.unwrap().read().await.unwrap(), bytes);
    // Who fetched it holds it, whatever becomes of who offered it.
    let late = people.kim.join(room.link()).await.unwrap();
    let id = offered.id();
    people.ann.close().await;
    let came = late.blobs().fetch(id).await.unwrap();
    assert_eq!(came.read().await.unwrap(), bytes);
    assert_eq!(came.read_part(10).await.unwrap(), bytes[10 * meshwork::BLOB_PART..]);
    assert!(came.read_part(11).await.unwrap().is_empty());
    let listed = late.blobs().list().await.unwrap();
    assert_eq!(listed.iter().map(|blob| (blob.id(), blob.size())).collect::<Vec<_>>(), [(id, 700_001)]);
}

pub(crate) async fn apps_hold_blobs_of_their_own(people: People) {
    let (room, same) = together(&people).await;
    let blob = room.blobs().offer_bytes(b"a picture").await.unwrap();
    let game = room.turn_on("game").await.unwrap();
    assert_eq!(game.blobs().get(blob.id()).await.unwrap().map(|blob| blob.size()), None);
    assert_eq!(same.blobs().fetch(blob.id()).await.unwrap().read().await.unwrap(), b"a picture");
}

pub(crate) async fn freed_blobs_are_gone_here_alone(people: People) {
    let (room, same) = together(&people).await;
    let blob = room.blobs().offer_bytes(&bytes(70_000)).await.unwrap();
    let theirs = same.blobs().fetch(blob.id()).await.unwrap();
    room.blobs().free(blob.id()).await.unwrap();
    assert!(room.blobs().get(blob.id()).await.unwrap().is_none());
    assert_eq!(blob.read().await, Err(BlobError::Freed));
    assert_eq!(theirs.read().await.unwrap().len(), 70_000);
    // It can be had again from the others.
    let again = room.blobs().fetch(blob.id()).await.unwrap();
    assert_eq!(again.size(), 70_000);
}

pub(crate) async fn larger_blobs_than_wanted_are_refused(people: People) {
    let (room, same) = together(&people).await;
    let blob = room.blobs().offer_bytes(&bytes(5000)).await.unwrap();
    let refused = same.blobs().fetch(blob.id()).at_most(4999).await;
    assert!(matches!(refused, Err(FetchError::TooLarge { size: 5000, max: 4999 })), "{refused:?}");
    assert_eq!(same.blobs().fetch(blob.id()).at_most(5000).await.unwrap().size(), 5000);
}

pub(crate) async fn a_freed_fetch_ends(people: People) {
    let (_room, same) = together(&people).await;
    let id: BlobId = "00".repeat(32).parse().unwrap();
    let mut fetch = same.blobs().fetch(id);
    assert_eq!(fetch.next().await.unwrap().map(|progress| progress.holders), Some(0));
    same.blobs().free(id).await.unwrap();
    assert_eq!(fetch.next().await, Err(FetchError::Freed));
}
