//! The links of a private room: to edit, to look, and new ones.

use crate::support::Home;

/// Every command reads its LINK in the same way.
#[test]
fn links_are_read_as_people_send_them() {
    let home = Home::new();
    let link =
        "http://127.0.0.1:1/place/K7M4QX#AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE.AgICAgICAgICAgICAgICAg";
    let read = |sent: &str| home.run(["place", "link", sent]).expect_code(0).stdout;
    for sent in [
        "LINK.",
        "LINK,",
        "(LINK)",
        "<LINK>",
        "\"LINK\"",
        "**LINK**",
        "LINK…",
        "paint with me: LINK",
        "LINK&utm_source=news",
    ] {
        assert_eq!(read(&sent.replace("LINK", link)), link, "{sent}");
    }
    for sent in [
        link.replace("http:", "HTTP:"),
        link.replace('#', "%23"),
        link.replace("/place", "//place"),
        link.replace("K7M", "K7\u{200b}M"),
    ] {
        assert_eq!(read(&sent), link, "{sent}");
    }
    std::fs::write(home.path("link.txt"), format!("paint with me: <{link}>\n")).expect("written");
    assert_eq!(read("@link.txt"), link);
    let damaged = home.run(["place", "link", &link.replace("#AQ", "%23")]).expect_code(2);
    // The reason behind the argument does not repeat the secret.
    let (_, reason) = damaged.stderr.split_once("for '<LINK>': ").expect("a reason");
    assert!(reason.contains("not a room's link") && !reason.contains("AgIC"), "{damaged:?}");
}

#[test]
fn owners_make_links_to_edit_and_new_ones() {
    let home = Home::new();
    let (_server, url) = home.serve();
    let one = home.create(&url, &["--private"]);
    let mut keeper = home.start(["place", "keep", &one, "--data", "kept", "--json"]);
    let kept = keeper.event("ready", |_| true)["peer"].as_str().expect("it names itself").to_owned();
    let paint = |link: &str| {
        let identity = ["--identity", "guest", "--timeout", "10s", "--json"];
        home.run([&["place", "paint", link, "--pixel", "1,1,#ff0000"], &identity[..]].concat())
    };
    paint(&one).expect_code(0);
    let link = |link: &str, options: &[&str]| {
        let made = home.run([&["place", "link", link, "--json"], options].concat()).expect_code(0).json();
        made["link"].as_str().expect("a link").to_owned()
    };
    let edit = link(&one, &["--edit"]);
    let view = link(&edit, &["--view"]);
    assert!(edit.starts_with(&view) && edit.len() > view.len(), "{view} is {edit} with less");
    assert_eq!(view, one, "who has the link from before can look");
    assert_eq!(paint(&view).expect_code(4).json()["reason"], "not-painter");
    paint(&edit).expect_code(0);

    let stranger = ["place", "link", &edit, "--new", "--identity", "guest", "--json"];
    assert_eq!(home.run(stranger).expect_code(4).json()["reason"], "not-allowed");
    // This program ends, so a link that no member may keep would end with it.
    let refused = home.run(["place", "link", &edit, "--new", "--json"]).expect_code(4);
    assert_eq!(refused.json()["reason"], "nobody-keeps-access");
    refused.expect_words(&["Keeper", &format!("--keep {kept}")]);
    paint(&edit).expect_code(0);
    let made = home.run(["place", "link", &edit, "--new", "--keep", &kept]).expect_code(0);
    let new = made.stdout.trim().to_owned();
    assert_eq!(made.stdout.lines().count(), 1, "the link stands alone: {made:?}");
    assert_ne!(new, edit);
    assert!(!made.stderr.contains(&kept), "it keeps access: {made:?}");
    paint(&new).expect_code(0);
    let shut_out = paint(&edit);
    assert_ne!(shut_out.code, Some(0), "the link from before is dead");
    let made = home.run(["place", "link", &new, "--new", "--keep", &kept, "--json"]).expect_code(0);
    let locked_out = made.json()["locked_out"].clone();
    let is_keeper = |person: &serde_json::Value| person["peer"] == *kept;
    assert!(!locked_out.as_array().expect("a list").iter().any(is_keeper), "{locked_out}");
    keeper.interrupt();
    keeper.end().expect_code(0);
}
