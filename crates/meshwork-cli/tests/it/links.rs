//! The links of a private room: to edit, to look, and new ones.

use crate::support::Home;

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
    let new = link(&edit, &["--new", "--keep", &kept]);
    assert_ne!(new, edit);
    paint(&new).expect_code(0);
    let shut_out = paint(&edit);
    assert_ne!(shut_out.code, Some(0), "the link from before is dead");
    keeper.interrupt();
    keeper.end().expect_code(0);
}
