//! A keeper of any app's room.

use meshwork::{Endpoint, room};
use serde_json::json;

use crate::support::Home;

#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_counts_the_posts_it_stores() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let ann = Endpoint::builder().name("Ann").server(&url).bind().await.unwrap();
    let made = ann.create(meshwork::chat::room()).await.unwrap();
    made.registered().await.unwrap();
    let link = made.link().to_string();
    let mut keeper = home.start(["keep", &link, "--data", "kept"]);
    keeper.line("ready", |line| line.contains("nothing so far"));
    for text in ["The ferry it is.", "At nine."] {
        made.chat().post(text).await.unwrap().1.kept().await.unwrap();
    }
    ann.close().await;
    keeper.interrupt();
    keeper.end().expect_code(0);
    let mut keeper = home.start(["keep", &link, "--data", "kept"]);
    keeper.line("ready", |line| line.contains("2 posts so far"));
    keeper.interrupt();
    keeper.end().expect_code(0);
    let mut keeper = home.start(["keep", &link, "--data", "kept", "--json"]);
    assert_eq!(keeper.event("ready", |_| true)["posts"], 2);
}

/// An app that the command line has never heard of: its tables, documents and saved versions outlive everybody.
#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_any_app_are_kept() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let ann = Endpoint::builder().name("Ann").server(&url).bind().await.unwrap();
    let made = ann.create(room("votes")).await.unwrap();
    made.registered().await.unwrap();
    let link = made.link().to_string();
    let mut keeper = home.start(["keep", &link, "--data", "kept", "--json"]);
    let ready = keeper.event("ready", |_| true);
    assert_eq!(ready["apps"], json!([{ "app": "votes", "whole": true }]), "{ready}");
    let app = made.app("votes").await.unwrap();
    app.table("ballots").set("ferry", &7).await.unwrap();
    app.document("minutes").edit(|text| text.insert(0, "The ferry it is.")).await.unwrap();
    made.kept().await.unwrap();
    app.document("minutes").save_version("first").await.unwrap().kept().await.unwrap();
    // An app with a replica of its own, which this program does not know: it is told something.
    made.turn_on(room("maze").parameters(&[1, 2])).await.unwrap();
    let told = keeper.event("app", |_| true);
    assert_eq!((&told["app"], &told["whole"]), (&json!("maze"), &json!(false)), "{told}");
    ann.close().await;
    keeper.interrupt();
    let ended = keeper.end().expect_code(0);
    ended.expect_words(&["The app maze has a replica of its own"]);

    // All three names are one command, for rooms of whatever app.
    for command in [&["keep"][..], &["sync", "keep"], &["place", "keep"]] {
        let mut keeper = home.start([command, &[&link, "--data", "kept", "--json"]].concat());
        let ready = keeper.event("ready", |_| true);
        assert_eq!((&ready["documents"], ready["entries"].as_u64() > Some(0)), (&json!(1), true), "{ready}");
        let bo = Endpoint::builder().server(&url).bind().await.unwrap();
        let same = bo.join(link.as_str()).await.unwrap();
        same.in_step().await.unwrap();
        let app = same.app("votes").await.unwrap();
        let ballot = app.table("ballots").get("ferry").await.unwrap().expect("it is kept");
        assert_eq!(ballot.read::<u32>().unwrap(), 7);
        let minutes = app.document("minutes");
        assert_eq!(minutes.text().await.unwrap(), "The ferry it is.");
        assert_eq!(minutes.versions().await.unwrap()[0].text().await.unwrap(), "The ferry it is.");
        bo.close().await;
        keeper.interrupt();
        keeper.end().expect_code(0);
    }
}
