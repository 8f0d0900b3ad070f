//! Tests of trees.

use std::time::{Duration, Instant};

use super::*;

fn text(letters: &str) -> Inline {
    Inline::Text(letters.to_owned())
}

fn web(address: &str, content: &str) -> Inline {
    Inline::Link { to: Target::Web(address.to_owned()), content: vec![text(content)] }
}

fn paragraph(inlines: impl Into<Vec<Inline>>) -> Vec<Block> {
    vec![Block::Paragraph(inlines.into())]
}

#[test]
fn emphasis_code_and_lines_are_read() {
    let tree = read("one *two* **three**\n~~four~~ `five`  \nsix\\\nseven");
    let expected = [
        text("one "),
        Inline::Emphasis(vec![text("two")]),
        text(" "),
        Inline::Strong(vec![text("three")]),
        Inline::SoftBreak,
        Inline::Strike(vec![text("four")]),
        text(" "),
        Inline::Code("five".into()),
        Inline::Break,
        text("six"),
        Inline::Break,
        text("seven"),
    ];
    assert_eq!(tree, paragraph(expected));
}

#[test]
fn blocks_are_read() {
    let tree = read(
        "# Title\n\n> said\n\n- one\n- two\n  1. in it\n\n3. three\n\n```rust\nlet one;\n\n    two\n```\n\n---\n",
    );
    let line = |letters: &str| Block::Paragraph(vec![text(letters)]);
    let inner = Block::List { first: Some(1), items: vec![vec![line("in it")]] };
    let expected = [
        Block::Heading { level: 1, content: vec![text("Title")] },
        Block::Quote(vec![line("said")]),
        Block::List { first: None, items: vec![vec![line("one")], vec![line("two"), inner]] },
        Block::List { first: Some(3), items: vec![vec![line("three")]] },
        Block::Code { language: "rust".into(), text: "let one;\n\n    two".into() },
        Block::Rule,
    ];
    assert_eq!(tree, expected);
}

#[test]
fn links_lead_to_known_schemes_alone() {
    let peer = PeerId([7; 32]);
    let mention = Inline::Link { to: Target::Peer(peer), content: vec![text("@Lin")] };
    assert_eq!(read(&format!("[@Lin](peer:{peer})")), paragraph([mention]));
    assert_eq!(read("[here](https://a.example/x)"), paragraph([web("https://a.example/x", "here")]));
    let mail = Inline::Link {
        to: Target::Mail("mailto:lin@a.example".into()),
        content: vec![text("lin@a.example")],
    };
    assert_eq!(read("<lin@a.example>"), paragraph([mail]));
    for other in [
        "[here](javascript:alert(1))",
        "[here](data:text/html,x)",
        "[here](/path)",
        "[here](peer:nobody)",
        "[here](https:a.example)",
        "![dot](https://a.example/dot.png)",
    ] {
        assert_eq!(plain_of(&read(other)), other, "{other}");
        let is_link = format!("{:?}", read(other)).contains("content: [Text(\"here\")]");
        assert!(!is_link, "{other}");
    }
}

fn plain_of(tree: &[Block]) -> String {
    match tree {
        [Block::Paragraph(content)] => plain(content),
        other => panic!("{other:?}"),
    }
}

#[test]
fn addresses_in_a_text_are_links() {
    let tree = read("See https://a.example/x_y(z). Or (http://b.example), xhttp://c.example http:// end");
    let expected = [
        text("See "),
        web("https://a.example/x_y(z)", "https://a.example/x_y(z)"),
        text(". Or ("),
        web("http://b.example", "http://b.example"),
        text("), xhttp://c.example http:// end"),
    ];
    assert_eq!(tree, paragraph(expected));
    let tree = read("[**https://a.example**](https://b.example)");
    assert_eq!(format!("{tree:?}").matches("Link").count(), 1, "a link has no link in it");
}

#[test]
fn a_misleading_link_shows_its_host() {
    let host = |markdown: &str| match &*read(markdown) {
        [Block::Paragraph(inlines)] => match &inlines[0] {
            Inline::Link { to, content } => to.host_beside(content).map(str::to_owned),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    };
    assert_eq!(host("https://a.example/x"), None);
    assert_eq!(host("[a.example](https://a.example/x)"), None);
    assert_eq!(host("[bank.example](https://a.example/x)").as_deref(), Some("a.example"));
    assert_eq!(host("[here](https://bank.example@a.example:80/x)").as_deref(), Some("a.example"));
    assert_eq!(host("[here](https://a.example\\\\@bank.example)").as_deref(), Some("a.example"));
}

#[test]
fn html_stays_text() {
    assert_eq!(plain_of(&read("<script>alert(1)</script>")), "<script>alert(1)</script>");
    assert_eq!(plain_of(&read("one <b>two</b>\nthree")), "one <b>two</b>\nthree");
    assert_eq!(plain_of(&read("<div>\n<p>one\n</div>")), "<div>\n<p>one\n</div>");
}

#[test]
fn bombs_are_plain_text() {
    let bombs = [
        ">".repeat(12_000),
        "- ".repeat(6000),
        "*a ".repeat(4000),
        "**a".repeat(4000),
        "[".repeat(12_000),
        "![".repeat(6000),
        "[a](".repeat(3000),
        "`a``".repeat(3000),
        "<a ".repeat(4000),
        "a\n".repeat(6000),
        "https://a.b ".repeat(1000),
        format!("https://a{}", ")".repeat(11_000)),
        "http:///".repeat(1500),
        "&".repeat(12_000),
        "~a~".repeat(4000),
        "[a]: b\n".repeat(1700),
        format!("{}a{}", "*".repeat(6000), "*".repeat(5999)),
        "_a*b".repeat(3000),
    ];
    let since = Instant::now();
    for bomb in &bombs {
        let tree = read(bomb);
        assert!(count(&tree) <= 2 * NODES_MAX, "{:?}", &bomb[..8]);
    }
    let plain = |bomb: &String| read(bomb) == paragraph([text(bomb)]);
    assert!(plain(&bombs[0]) && plain(&bombs[9]) && plain(&bombs[10]));
    assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
}

fn count(tree: &[Block]) -> usize {
    fn lines(inlines: &[Inline]) -> usize {
        let of = |inline: &Inline| match inline {
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Strike(inner) => lines(inner),
            Inline::Link { content, .. } => lines(content),
            _ => 0,
        };
        inlines.iter().map(|inline| 1 + of(inline)).sum()
    }
    let of = |block: &Block| match block {
        Block::Paragraph(content) | Block::Heading { content, .. } => lines(content),
        Block::Quote(blocks) => count(blocks),
        Block::List { items, .. } => items.iter().map(|item| 1 + count(item)).sum(),
        _ => 0,
    };
    tree.iter().map(|block| 1 + of(block)).sum()
}
