//! The commons of a network on a terminal: conversations, posts and people side by side.
#![cfg(unix)]

use super::lan::network;
use super::support::Home;
use super::support::pty::Pty;

/// A person at a terminal, in the commons of a network.
fn enter(home: &Home, name: &str, network: &[String; 5], options: &[&str], set: &[(&str, &str)]) -> Pty {
    let person = ["chat", "--no-pages", "--no-guests", "--name", name, "--identity", name];
    let network: Vec<&str> = network.iter().map(String::as_str).collect();
    home.start_on_terminal(&[&person[..], options, &network].concat(), (120, 36), set)
}

#[test]
fn a_typed_post_appears_in_the_commons() {
    let (home, network) = (Home::new(), network());
    let mut ann = enter(&home, "Ann", &network, &[], &[]);
    for words in ["Conversations", "Everyone here", "People, 0 linked", "Nobody else is here yet.", "Ann at"]
    {
        ann.wait_for(words);
    }
    let mut bo = enter(&home, "Bo", &network, &[], &[]);
    ann.wait_for("People, 1 linked");
    bo.wait_for("People, 1 linked");
    ann.wait_for("Bo is here");
    ann.send("the fery\u{7f}ry leaves 早い");
    ann.wait_for("Everyone here > the ferry leaves 早い");
    ann.send("\r");
    bo.wait_for("A  Ann ");
    bo.wait_for("the ferry leaves 早い");
    ann.wait("the post, and an empty line", |screen| {
        let text = screen.contents();
        text.contains("the ferry leaves 早い") && !text.contains("> the ferry")
    });
    bo.send("/dm Ann Only for you.\r");
    bo.wait_for("alone");
    ann.wait_for(" B  Bo");
    ann.send("\t");
    ann.wait_for("for the two of you");
    ann.wait_for("Only for you.");
    ann.send("Thank you.\r");
    ann.wait("the answer", |screen| {
        screen.contents().contains("Thank you.") && !screen.contents().contains("> Thank")
    });
    bo.send("\t");
    bo.wait_for("for the two of you");
    bo.wait_for("Thank you.");
    ann.send("/nothing here\r");
    ann.wait_for("There is no command /nothing");
    ann.wait_for("Bo > /nothing here");
    ann.resize((40, 12));
    ann.wait("one column", |screen| !screen.contents().contains("Conversations"));
    bo.send("\u{3}");
    assert_eq!(bo.end(), 0);
    bo.expect_restored();
    ann.send("\u{15}QUIT\r");
    assert_eq!(ann.end(), 0);
    ann.expect_restored();
}

#[test]
fn the_terminal_is_restored_after_a_talk() {
    let home = Home::new();
    let mut terminated = enter(&home, "Ann", &network(), &[], &[]);
    terminated.wait_for("Everyone here");
    terminated.terminate();
    assert_eq!(terminated.end(), 0);
    terminated.expect_restored();

    let mut panicked = enter(&home, "Ann", &network(), &[], &[("MESHWORK_TUI_PANICS", "1")]);
    assert_eq!(panicked.end(), 101);
    panicked.wait_for("asked to panic");
    panicked.expect_restored();
}

#[test]
fn plain_and_dumb_terminals_get_lines() {
    let home = Home::new();
    let mut plain = enter(&home, "Ann", &network(), &["--plain"], &[]);
    plain.wait_for("here: nobody else.");
    plain.send("/quit\r");
    assert_eq!(plain.end(), 0);
    let mut dumb = enter(&home, "Ann", &network(), &[], &[("TERM", "dumb")]);
    dumb.wait_for("here: nobody else.");
    dumb.send("/quit\n");
    assert_eq!(dumb.end(), 0);
}
