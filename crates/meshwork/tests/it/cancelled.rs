//! A future that is dropped at any of its awaits leaves no task, socket or lock behind.

use std::future::{Future, IntoFuture as _, poll_fn};
#[cfg(target_os = "linux")]
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use meshwork::{Endpoint, Store};
use tokio::time::{interval, timeout};

use crate::native::serve;

/// How often it is looked whether something is so.
const LOOK: Duration = Duration::from_millis(10);
/// Polls that no call needs to come to its end.
const POLLS_MAX: usize = 60;

/// Polls `work` so many times, or to its end, then drops it. Returns whether it came to its end.
async fn poll_and_drop<T>(polls: usize, work: impl Future<Output = T>) -> bool {
    let (mut work, mut left) = (pin!(work), polls);
    poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(false);
        }
        left -= 1;
        match work.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Descriptors that this process has open.
#[cfg(target_os = "linux")]
fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// Waits until there are no more tasks and descriptors than these.
#[cfg(target_os = "linux")]
async fn settles(tasks_most: usize, descriptors_most: usize) {
    let settled = async {
        let mut looks = interval(LOOK);
        while tasks() > tasks_most || descriptors() > descriptors_most {
            looks.tick().await;
        }
    };
    let settled = timeout(Duration::from_secs(30), settled).await;
    assert!(
        settled.is_ok(),
        "{} tasks of {tasks_most}, {} descriptors of {descriptors_most}",
        tasks(),
        descriptors()
    );
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_leave_nothing_behind() {
    let server = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let bind = async |name: &str| Endpoint::builder().name(name).server(&server).bind().await.unwrap();
    let host = Endpoint::builder().server(&server).store(Store::at(folder.path())).bind().await.unwrap();
    let room = host.create(meshwork::room("votes")).await.unwrap();
    let link = room.link().to_string();
    let blob = room.blobs().offer_bytes(&vec![7; 100_000]).await.unwrap().id();
    let (tasks_before, descriptors_before) = (tasks(), descriptors());

    for polls in 1..=POLLS_MAX {
        let guest = bind("Guest").await;
        let mut ended = 0;
        ended += usize::from(poll_and_drop(polls, guest.create(meshwork::room("votes"))).await);
        ended += usize::from(poll_and_drop(polls, guest.join(&link)).await);
        ended += usize::from(poll_and_drop(polls, guest.open(&link)).await);
        if let Ok(same) = guest.join(&link).await {
            let (topic, host) = (same.topic::<usize>("t"), host.id());
            ended += usize::from(poll_and_drop(polls, topic.say(&polls)).await);
            ended += usize::from(poll_and_drop(polls, topic.direct(host, &polls)).await);
            ended += usize::from(poll_and_drop(polls, same.table("votes").set("key", &polls)).await);
            ended += usize::from(poll_and_drop(polls, same.kept()).await);
            ended += usize::from(poll_and_drop(polls, same.blobs().offer_bytes(&[7; 9000])).await);
            ended += usize::from(poll_and_drop(polls, same.blobs().fetch(blob).into_future()).await);
        }
        ended += usize::from(poll_and_drop(polls, guest.close()).await);
        drop(guest);
        if ended == 10 {
            // More polls change nothing any more.
            break;
        }
        assert!(polls < POLLS_MAX, "no call takes so many");
    }
    settles(tasks_before, descriptors_before).await;
    // Nothing holds the store's lock either.
    host.close().await;
    drop((room, host));
    with_store(&server, folder.path()).await;
}

/// Starts an endpoint with a store as soon as nobody has it.
#[cfg(target_os = "linux")]
async fn with_store(server: &str, folder: &Path) -> Endpoint {
    let free = async {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            if let Ok(bound) = Endpoint::builder().server(server).store(Store::at(folder)).bind().await {
                return bound;
            }
        }
    };
    timeout(Duration::from_secs(30), free).await.expect("the store is free")
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls_free_their_store() {
    let server = serve().await;
    let folder = tempfile::tempdir().unwrap();
    let host = Endpoint::builder().server(&server).bind().await.unwrap();
    let hosted = host.create(meshwork::room("votes")).await.unwrap();
    let first = with_store(&server, folder.path()).await;
    let (tasks_before, descriptors_before) = (tasks(), descriptors());
    let mut made = first.create(meshwork::room("votes")).await.unwrap().link().to_string();
    first.close().await;
    drop(first);

    for polls in 1..=POLLS_MAX {
        let mut ended = 0;
        let builder = Endpoint::builder().server(&server).store(Store::at(folder.path()));
        ended += usize::from(poll_and_drop(polls, builder.bind()).await);
        let guest = with_store(&server, folder.path()).await;
        ended += usize::from(poll_and_drop(polls, guest.create(meshwork::room("votes"))).await);
        ended += usize::from(poll_and_drop(polls, guest.join(hosted.link())).await);
        ended += usize::from(poll_and_drop(polls, guest.open(&made)).await);
        ended += usize::from(poll_and_drop(polls, guest.rooms()).await);
        let room = guest.open(&made).await.expect("it is kept, and nobody has it");
        room.table("votes").set("key", &polls).await.unwrap();
        ended += usize::from(poll_and_drop(polls, room.restored()).await);
        let left = guest.create(meshwork::room("votes")).await.unwrap();
        let next = left.link().to_string();
        left.leave();
        ended += usize::from(poll_and_drop(polls, room.forget()).await);
        ended += usize::from(poll_and_drop(polls, guest.close()).await);
        drop(guest);
        made = next;
        if ended == 8 {
            // More polls change nothing any more.
            break;
        }
        assert!(polls < POLLS_MAX, "no call takes so many");
    }
    let last = with_store(&server, folder.path()).await;
    settles(tasks_before, descriptors_before).await;
    // What is listed was stored whole: each opens.
    for kept in last.rooms().await.unwrap() {
        let link = kept.link.expect("nobody could open it");
        last.open(&link).await.expect("it is stored whole").leave();
    }
}
