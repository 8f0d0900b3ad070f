//! Programs that write and end without closing their endpoint: real processes, over real sockets.

use std::process::Stdio;
use std::time::Duration;

use meshwork::{Endpoint, Room, Store};
use tokio::process::Command;
use tokio::runtime::Builder;
use tokio::time::timeout;

use crate::native::serve;

/// Nothing that is waited for takes as long as this on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Programs that write once and end.
const WRITERS: usize = 5;
/// Has a test be one of these programs instead: how it runs, and where it writes.
const ROLE: &str = "MESHWORK_TEST_PROGRAM";
const PLACE: &str = "MESHWORK_TEST_PLACE";

/// What a program does whose runtime is `role`: it writes once where it is told, and ends.
fn run_as(role: &str, place: &str) {
    let mut runtime = match role {
        "one thread" => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    let runtime = runtime.enable_all().build().unwrap();
    let write = async |room: Room| room.table("writes").mine().set("word", "here").await.unwrap();
    runtime.block_on(async {
        match role {
            "task" => {
                let place = place.to_owned();
                let task =
                    async move { write(Endpoint::bind().await.unwrap().join(place).await.unwrap()).await };
                tokio::spawn(task).await.unwrap();
            }
            "guest" => {
                let endpoint = Endpoint::bind().await.unwrap();
                write(endpoint.join(place).await.unwrap()).await;
            }
            "stored" => {
                let endpoint = Endpoint::builder().store(Store::at(place)).bind().await.unwrap();
                write(endpoint.create(meshwork::room("votes")).await.unwrap()).await;
            }
            _ => {
                let endpoint = Endpoint::bind().await.unwrap();
                write(endpoint.create(meshwork::room("votes")).await.unwrap()).await;
            }
        }
    });
}

/// Runs this test as such a program. Returns what it said on standard error.
async fn program(test: &str, role: &str, place: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args([test, "--exact", "--nocapture"]).env(ROLE, role).env(PLACE, place);
    command.stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
    let ended = timeout(PATIENCE, command.spawn().unwrap().wait_with_output()).await;
    let output = ended.expect("it ends").unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

/// Has a test be a program where it was started as one.
fn is_program() -> bool {
    let role = std::env::var(ROLE);
    if let Ok(role) = &role {
        run_as(role, &std::env::var(PLACE).unwrap());
    }
    role.is_ok()
}

#[test]
fn single_writes_of_ending_programs_arrive() {
    if is_program() {
        return;
    }
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let keeper = Endpoint::builder().server(serve().await).stays().bind().await.unwrap();
        let room = keeper.create(meshwork::room("votes")).await.unwrap();
        let mut changes = room.table("writes").watch_each("word");
        for writer in 1..=WRITERS {
            let role = if writer % 2 == 0 { "task" } else { "guest" };
            let said =
                program("ending::single_writes_of_ending_programs_arrive", role, &room.link().to_string())
                    .await;
            assert_eq!(said, "");
            let arrived = async {
                while room.table("writes").entries_of_each("word").await.unwrap().len() < writer {
                    changes.next().await.unwrap();
                }
            };
            timeout(Duration::from_secs(5), arrived)
                .await
                .unwrap_or_else(|_| panic!("write {writer} is lost"));
        }
    });
}

#[test]
fn lost_writes_are_reported() {
    if is_program() {
        return;
    }
    Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let run = async |role| {
            program("ending::lost_writes_are_reported", role, folder.path().to_str().unwrap()).await
        };
        for role in ["one thread", "several threads"] {
            let said = run(role).await;
            assert!(said.starts_with("meshwork: 1 write reached nobody"), "{role}: {said}");
        }
        assert_eq!(run("stored").await, "", "it is in the store");
    });
}
