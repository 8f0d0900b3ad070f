//! Markdown as a tree.
//!
//! A text becomes paragraphs, lists, quotes and code with emphasis and links: a subset of CommonMark with strikethrough. All
//! else stays text, so HTML and pictures are shown as they were written, and nothing is fetched. There is no string of HTML.
//!
//! # Limits
//! [`LEVELS_MAX`] and [`NODES_MAX`]. A text beyond them is one paragraph of its letters.

use std::ops::Range;

use meshwork_core::id::PeerId;
use meshwork_core::text::shown;
use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag};

/// Most levels of a tree.
pub const LEVELS_MAX: usize = 16;
/// Most nodes of a tree.
pub const NODES_MAX: usize = 2000;
/// Longest address that becomes a link by itself, in bytes.
const ADDRESS_MAX: usize = 2048;

/// A part of a text that stands below the part before it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Block {
    /// Lines of text.
    Paragraph(Vec<Inline>),
    /// A heading.
    Heading {
        /// 1 to 6, the greatest heading first.
        level: u8,
        /// Its text.
        content: Vec<Inline>,
    },
    /// Code.
    Code {
        /// Its language, as it was written; may be empty.
        language: String,
        /// Its lines.
        text: String,
    },
    /// A quote.
    Quote(Vec<Block>),
    /// A list.
    List {
        /// The number of its first item, if its items are numbered.
        first: Option<u64>,
        /// Its items.
        items: Vec<Vec<Block>>,
    },
    /// A line between two parts.
    Rule,
}

/// A part of a line of text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Inline {
    /// Letters. Of a text that is no tree they may have line feeds.
    Text(String),
    /// Bold.
    Strong(Vec<Inline>),
    /// Italic.
    Emphasis(Vec<Inline>),
    /// Struck through.
    Strike(Vec<Inline>),
    /// Code.
    Code(String),
    /// A link.
    Link {
        /// Where it leads.
        to: Target,
        /// Its text.
        content: Vec<Inline>,
    },
    /// The end of a line as it was written. Posts show it as the end of a line, documents as a space.
    SoftBreak,
    /// The end of a line.
    Break,
}

/// Where a link leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// An address that begins with `http:` or `https:`.
    Web(String),
    /// An address that begins with `mailto:`.
    Mail(String),
    /// A person.
    Peer(PeerId),
}

impl Target {
    /// Reads an address; `None` for an address that is not followed.
    pub fn read(address: &str) -> Option<Target> {
        let is_plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
        if !address.chars().all(is_plain) || shown(address) != address {
            return None;
        }
        let (scheme, rest) = address.split_once(':')?;
        match &*scheme.to_ascii_lowercase() {
            "http" | "https" if rest.starts_with("//") && host_of(address).is_some() => {
                Some(Target::Web(address.to_owned()))
            }
            "mailto" if rest.contains('@') => Some(Target::Mail(address.to_owned())),
            "peer" => rest.parse().ok().map(Target::Peer),
            _ => None,
        }
    }

    /// The address, as links have it.
    pub fn address(&self) -> String {
        match self {
            Target::Web(address) | Target::Mail(address) => address.clone(),
            Target::Peer(peer) => format!("peer:{peer}"),
        }
    }

    /// The host that a link leads to, to be shown beside a text that does not name it. `None` if the text is the address or
    /// names this host, and for links that lead to no host.
    pub fn host_beside(&self, content: &[Inline]) -> Option<&str> {
        let Target::Web(address) = self else { return None };
        let (host, text) = (host_of(address)?, plain(content));
        let text = text.trim();
        let named = host_of(text).unwrap_or(text);
        (!named.eq_ignore_ascii_case(host)).then_some(host)
    }
}

/// The host of an address, as browsers read it.
fn host_of(address: &str) -> Option<&str> {
    let (_, rest) = address.split_once("://")?;
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.starts_with('[') {
        true => &host[..=host.find(']')?],
        false => host.split(':').next()?,
    };
    (!host.is_empty()).then_some(host)
}

/// The letters of a text, without what they look like.
pub fn plain(content: &[Inline]) -> String {
    let mut text = String::new();
    for inline in content {
        match inline {
            Inline::Text(letters) | Inline::Code(letters) => text.push_str(letters),
            Inline::Strong(inner) | Inline::Emphasis(inner) | Inline::Strike(inner) => {
                text.push_str(&plain(inner));
            }
            Inline::Link { content, .. } => text.push_str(&plain(content)),
            Inline::SoftBreak | Inline::Break => text.push('\n'),
        }
    }
    text
}

/// The tree of a text.
pub fn read(text: &str) -> Vec<Block> {
    let options = Options::ENABLE_STRIKETHROUGH;
    let mut tree = Tree { text, open: vec![Open::new(Kind::Quote)], nodes: 0 };
    let events = Parser::new_ext(text, options).into_offset_iter();
    for (event, range) in events {
        if tree.take(event, range).is_err() {
            return vec![Block::Paragraph(vec![Inline::Text(text.to_owned())])];
        }
    }
    tree.top().settle();
    tree.open.swap_remove(0).blocks
}

/// A text has more levels or nodes than a tree.
struct TooMuch;

/// A tree that is being built.
struct Tree<'a> {
    text: &'a str,
    /// The parts that have begun and not ended, the outermost first.
    open: Vec<Open>,
    nodes: usize,
}

/// A part that has begun.
struct Open {
    kind: Kind,
    blocks: Vec<Block>,
    inlines: Vec<Inline>,
    items: Vec<Vec<Block>>,
}

enum Kind {
    Paragraph,
    Heading(u8),
    Code(String),
    /// Also the whole.
    Quote,
    List(Option<u64>),
    Item,
    Strong,
    Emphasis,
    Strike,
    Link(Target),
    /// Something else, which stands there as it was written.
    Source,
}

impl Open {
    fn new(kind: Kind) -> Open {
        Open { kind, blocks: Vec::new(), inlines: Vec::new(), items: Vec::new() }
    }

    /// Makes a paragraph of lines that stand in it by themselves.
    fn settle(&mut self) {
        if !self.inlines.is_empty() {
            self.blocks.push(Block::Paragraph(std::mem::take(&mut self.inlines)));
        }
    }

    fn letters(&mut self, letters: &str) {
        match self.inlines.last_mut() {
            Some(Inline::Text(text)) => text.push_str(letters),
            _ => self.inlines.push(Inline::Text(letters.to_owned())),
        }
    }
}

impl Tree<'_> {
    fn top(&mut self) -> &mut Open {
        self.open.last_mut().expect("the whole is open")
    }

    fn take(&mut self, event: Event<'_>, range: Range<usize>) -> Result<(), TooMuch> {
        // All within a picture or a link that leads nowhere stands there as it was written.
        if matches!(self.top().kind, Kind::Source) {
            match event {
                Event::Start(_) => self.begin(Kind::Source)?,
                Event::End(_) => drop(self.open.pop()),
                _ => {}
            }
            return Ok(());
        }
        self.count(1)?;
        match event {
            Event::Start(tag) => self.start(tag, range)?,
            Event::End(_) => self.end()?,
            Event::Text(text) => self.top().letters(&text),
            Event::Code(text) => self.top().inlines.push(Inline::Code(text.into_string())),
            Event::SoftBreak => self.top().inlines.push(Inline::SoftBreak),
            Event::HardBreak => self.top().inlines.push(Inline::Break),
            Event::Rule => {
                self.top().settle();
                self.top().blocks.push(Block::Rule);
            }
            Event::Html(text) => match text.strip_suffix('\n') {
                Some(line) => {
                    self.top().letters(line);
                    self.top().inlines.push(Inline::SoftBreak);
                }
                None => self.top().letters(&text),
            },
            Event::InlineHtml(text) => self.top().letters(&text),
            _ => {
                let source = self.text.get(range).unwrap_or_default();
                self.top().letters(source);
            }
        }
        Ok(())
    }

    fn begin(&mut self, kind: Kind) -> Result<(), TooMuch> {
        if self.open.len() > LEVELS_MAX {
            return Err(TooMuch);
        }
        self.open.push(Open::new(kind));
        Ok(())
    }

    fn start(&mut self, tag: Tag<'_>, range: Range<usize>) -> Result<(), TooMuch> {
        let kind = match tag {
            Tag::Paragraph | Tag::HtmlBlock => Kind::Paragraph,
            Tag::Heading { level, .. } => Kind::Heading(level as u8),
            Tag::BlockQuote(_) => Kind::Quote,
            Tag::CodeBlock(CodeBlockKind::Fenced(language)) => Kind::Code(language.into_string()),
            Tag::CodeBlock(CodeBlockKind::Indented) => Kind::Code(String::new()),
            Tag::List(first) => Kind::List(first),
            Tag::Item => Kind::Item,
            Tag::Emphasis => Kind::Emphasis,
            Tag::Strong => Kind::Strong,
            Tag::Strikethrough => Kind::Strike,
            Tag::Link { link_type, dest_url, .. } => {
                let scheme = if link_type == LinkType::Email { "mailto:" } else { "" };
                match Target::read(&format!("{scheme}{dest_url}")) {
                    Some(target) => Kind::Link(target),
                    None => self.source(range),
                }
            }
            _ => self.source(range),
        };
        if matches!(kind, Kind::Paragraph | Kind::Heading(_) | Kind::Quote | Kind::Code(_) | Kind::List(_)) {
            self.top().settle();
        }
        self.begin(kind)
    }

    /// Writes a part of the text as it stands there.
    fn source(&mut self, range: Range<usize>) -> Kind {
        let source = self.text.get(range).unwrap_or_default();
        self.top().letters(source);
        Kind::Source
    }

    fn end(&mut self) -> Result<(), TooMuch> {
        if self.open.len() < 2 {
            return Ok(());
        }
        let Some(mut open) = self.open.pop() else { return Ok(()) };
        let is_linked =
            matches!(open.kind, Kind::Link(_)) || self.is_within(|kind| matches!(kind, Kind::Link(_)));
        if !is_linked && !matches!(open.kind, Kind::Code(_)) {
            open.inlines = self.with_addresses(std::mem::take(&mut open.inlines))?;
        }
        let top = self.top();
        match open.kind {
            Kind::Paragraph => {
                while matches!(open.inlines.last(), Some(Inline::SoftBreak | Inline::Break)) {
                    open.inlines.pop();
                }
                open.settle();
                top.blocks.append(&mut open.blocks);
            }
            Kind::Heading(level) => top.blocks.push(Block::Heading { level, content: open.inlines }),
            Kind::Code(language) => {
                let text = plain(&open.inlines);
                let text = text.strip_suffix('\n').unwrap_or(&text).to_owned();
                top.blocks.push(Block::Code { language, text });
            }
            Kind::Quote => {
                open.settle();
                top.blocks.push(Block::Quote(open.blocks));
            }
            Kind::Item => {
                open.settle();
                top.items.push(open.blocks);
            }
            Kind::List(first) => top.blocks.push(Block::List { first, items: open.items }),
            Kind::Strong => top.inlines.push(Inline::Strong(open.inlines)),
            Kind::Emphasis => top.inlines.push(Inline::Emphasis(open.inlines)),
            Kind::Strike => top.inlines.push(Inline::Strike(open.inlines)),
            Kind::Link(to) => top.inlines.push(Inline::Link { to, content: open.inlines }),
            Kind::Source => {}
        }
        Ok(())
    }

    fn is_within(&self, is_it: impl Fn(&Kind) -> bool) -> bool {
        self.open.iter().any(|open| is_it(&open.kind))
    }

    /// The same with links in place of addresses that stand in the text.
    fn with_addresses(&mut self, inlines: Vec<Inline>) -> Result<Vec<Inline>, TooMuch> {
        let mut found = Vec::with_capacity(inlines.len());
        for inline in inlines {
            let Inline::Text(text) = inline else {
                found.push(inline);
                continue;
            };
            let (mut written, mut from) = (0, 0);
            while let Some(at) = text[from..].find("http").map(|at| from + at) {
                from = at + "http".len();
                let is_word = text[..at].chars().next_back().is_some_and(char::is_alphanumeric);
                let is_address = ["://", "s://"].iter().any(|rest| text[from..].starts_with(rest));
                if is_word || !is_address {
                    continue;
                }
                let address = address_at(&text[at..]);
                let Some(to) = Target::read(address) else { continue };
                if at > written {
                    found.push(Inline::Text(text[written..at].to_owned()));
                }
                found.push(Inline::Link { to, content: vec![Inline::Text(address.to_owned())] });
                (written, from) = (at + address.len(), at + address.len());
                self.count(2)?;
            }
            if written < text.len() {
                found.push(Inline::Text(text[written..].to_owned()));
            }
        }
        Ok(found)
    }

    fn count(&mut self, more: usize) -> Result<(), TooMuch> {
        self.nodes += more;
        if self.nodes > NODES_MAX { Err(TooMuch) } else { Ok(()) }
    }
}

/// An address without the marks that end a sentence behind it.
fn address_at(text: &str) -> &str {
    let text = &text[..text.floor_char_boundary(ADDRESS_MAX)];
    let end = text.find(|letter: char| letter.is_whitespace() || matches!(letter, '<' | '>' | '"' | '`'));
    let mut address = &text[..end.unwrap_or(text.len())];
    let count = |letter: char| address.matches(letter).count();
    let mut unopened = count(')').saturating_sub(count('('));
    loop {
        let shorter = match address.strip_suffix(['.', ',', ';', ':', '!', '?', '\'', '*', '_', '~', ']']) {
            None if unopened > 0 => {
                unopened -= 1;
                address.strip_suffix(')')
            }
            shorter => shorter,
        };
        match shorter {
            Some(shorter) => address = shorter,
            None => return address,
        }
    }
}

#[cfg(test)]
mod tests;
