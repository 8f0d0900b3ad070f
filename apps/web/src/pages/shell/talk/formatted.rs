//! The text of a post as a tree of elements. No string of HTML is made, and nothing remote is loaded.

use leptos::prelude::*;
use meshwork_chat::markdown::{self, Block, Inline, Target};
use meshwork_core::id::PeerId;
use meshwork_web::{talk, texts};

use super::super::super::session::Session;

/// A text with its paragraphs, lists, quotes, code and links.
pub(crate) fn formatted(session: Session, text: &str) -> AnyView {
    blocks(session, talk::with_few_mentions(markdown::read(text)))
}

fn blocks(session: Session, blocks: Vec<Block>) -> AnyView {
    blocks.into_iter().map(|part| block(session, part)).collect_view().into_any()
}

fn block(session: Session, part: Block) -> AnyView {
    match part {
        Block::Paragraph(content) => view! { <p>{inlines(session, content)}</p> }.into_any(),
        // A post is no page: its headings are not those of the page.
        Block::Heading { content, .. } => {
            view! { <p class="post-heading">{inlines(session, content)}</p> }.into_any()
        }
        Block::Code { text, .. } => view! { <pre tabindex="0"><code>{text}</code></pre> }.into_any(),
        Block::Quote(inner) => view! { <blockquote>{blocks(session, inner)}</blockquote> }.into_any(),
        Block::List { first, items } => {
            let items =
                items.into_iter().map(|item| view! { <li>{blocks(session, item)}</li> }).collect_view();
            match first {
                Some(first) => view! { <ol start=first.min(999_999_999).to_string()>{items}</ol> }.into_any(),
                None => view! { <ul>{items}</ul> }.into_any(),
            }
        }
        Block::Rule => view! { <hr/> }.into_any(),
        _ => ().into_any(),
    }
}

fn inlines(session: Session, content: Vec<Inline>) -> AnyView {
    content.into_iter().map(|part| inline(session, part)).collect_view().into_any()
}

fn inline(session: Session, part: Inline) -> AnyView {
    match part {
        Inline::Text(text) => text.into_any(),
        Inline::Strong(inner) => view! { <strong>{inlines(session, inner)}</strong> }.into_any(),
        Inline::Emphasis(inner) => view! { <em>{inlines(session, inner)}</em> }.into_any(),
        Inline::Strike(inner) => view! { <s>{inlines(session, inner)}</s> }.into_any(),
        Inline::Code(text) => view! { <code>{text}</code> }.into_any(),
        Inline::Link { to: Target::Peer(peer), .. } => mention(session, peer),
        Inline::Link { to, content } => link(session, &to, content),
        Inline::SoftBreak | Inline::Break => view! { <br/> }.into_any(),
        _ => ().into_any(),
    }
}

/// A link to another site. Where its text does not name the host, the host stands beside it.
fn link(session: Session, to: &Target, content: Vec<Inline>) -> AnyView {
    let host = to.host_beside(&content).map(|host| format!(" ({host})"));
    view! {
        <a href=to.address() target="_blank" rel="noopener noreferrer nofollow" title=texts::talk::LEAVES>
            {inlines(session, content)}
        </a>
        {host.map(|host| view! { <span class="post-host">{host}</span> })}
    }
    .into_any()
}

/// Somebody who is mentioned, by the name that the person has now.
fn mention(session: Session, peer: PeerId) -> AnyView {
    let called = Memo::new(move |_| {
        session.people.track_names();
        match peer == session.node.peer() {
            true => Some(session.me.name.get()).filter(|name| !name.is_empty()),
            false => Some(session.people.called_by_peer(peer)),
        }
        .unwrap_or_else(|| texts::YOU.to_owned())
    });
    let is_me = peer == session.node.peer();
    view! { <span class="mention" class:to-you=is_me>"@" {move || called.get()}</span> }.into_any()
}
