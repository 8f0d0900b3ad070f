//! The head that a route gives a page: its title, and the card that other programs show for a link.

use std::fmt::Write as _;

use meshwork_core::text::shown_lines;

/// The mark before the part of a page that a route replaces.
const BEGIN: &str = "<!--head-->";
/// The mark behind that part.
const END: &str = "<!--/head-->";
/// The page of a server that has none.
pub(super) const BARE: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
    <!--head--><!--/head--></head><body></body></html>";
/// Pixels of the narrowest picture that fills the width of a card. It is what programs that show cards ask for.
const LARGE_LEAST: u32 = 300;

/// The title, the description and the card of one page: all that a link shows before it is opened. Any text may come from
/// strangers: it is escaped, and characters that nobody sees are left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The title of the page and of its card.
    pub title: String,
    /// One or two sentences.
    pub description: String,
    /// The page's path below the public address, such as `/hello`: its one name for search engines and cards.
    pub path: String,
    /// The card's picture.
    pub picture: Option<Picture>,
}

/// The picture of a card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picture {
    /// Its path below the public address.
    pub path: String,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// A description for people who do not see it.
    pub description: String,
}

impl Picture {
    /// Whether it fills the card's width, and does not stand small beside the text.
    fn is_large(&self) -> bool {
        self.width >= LARGE_LEAST && self.width > self.height
    }
}

/// A page with this head. A page without the marks of a head stays as it is.
pub(super) fn with_head(page: &str, head: &Head, address_of: impl Fn(&str) -> String) -> String {
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    match parts {
        Some((before, after)) => format!("{before}{}{after}", tags(head, address_of)),
        None => page.to_owned(),
    }
}

fn tags(head: &Head, address_of: impl Fn(&str) -> String) -> String {
    let address_of = |path: &str| escaped(&address_of(path));
    let (title, description) = (escaped(&head.title), escaped(&head.description));
    let mut tags = format!("<title>{title}</title>");
    let mut tag = |name: &str, value: &str| {
        // Open Graph names its tags by another attribute (https://ogp.me).
        let attribute = if name.starts_with("og:") { "property" } else { "name" };
        let _ = write!(tags, "\n    <meta {attribute}=\"{name}\" content=\"{value}\">");
    };
    tag("description", &description);
    tag("og:type", "website");
    tag("og:title", &title);
    tag("og:description", &description);
    tag("og:url", &address_of(&head.path));
    if let Some(picture) = &head.picture {
        tag("og:image", &address_of(&picture.path));
        tag("og:image:width", &picture.width.to_string());
        tag("og:image:height", &picture.height.to_string());
        tag("og:image:alt", &escaped(&picture.description));
    }
    let is_large = head.picture.as_ref().is_some_and(Picture::is_large);
    tag("twitter:card", if is_large { "summary_large_image" } else { "summary" });
    let _ = write!(tags, "\n    <link rel=\"canonical\" href=\"{}\">", address_of(&head.path));
    tags
}

/// A text for elements and for attributes in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in shown_lines(text).chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\t' => escaped.push(' '),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(page: &str, head: &Head) -> String {
        with_head(page, head, |path| format!("https://x.org/mesh{path}"))
    }

    #[test]
    fn strangers_texts_stay_texts() {
        let hostile = "</title><script>alert(1)</script>\" onload='x' & <!--/head-->\u{202e}\0\nend";
        let picture = Picture { path: "/a\"b".into(), description: hostile.into(), ..Picture::default() };
        let head = Head {
            title: hostile.into(),
            description: hostile.into(),
            path: "/<x>".into(),
            picture: Some(picture),
        };
        let page = filled(BARE, &head);
        let harmless = "&lt;/title&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload=&#39;x&#39; &amp; \
                        &lt;!--/head--&gt; end";
        assert_eq!(page.matches(harmless).count(), 5, "{page}");
        assert!(!page.contains("<script") && !page.contains("onload='"), "{page}");
        assert!(page.contains("href=\"https://x.org/mesh/&lt;x&gt;\""), "{page}");
        assert!(page.contains("content=\"https://x.org/mesh/a&quot;b\""), "{page}");
    }

    #[test]
    fn only_the_marked_part_is_replaced() {
        let head = Head { title: "A".into(), ..Head::default() };
        let page = filled("one<!--head--><title>old</title><!--/head-->two<!--head-->", &head);
        assert!(page.starts_with("one<title>A</title>") && page.ends_with(">two<!--head-->"), "{page}");
        for unmarked in ["<title>old</title>", "<!--head-->", "<!--/head--><!--head-->"] {
            assert_eq!(filled(unmarked, &head), unmarked);
        }
    }

    #[test]
    fn wide_pictures_fill_their_card() {
        let card = |width, height| {
            let picture = Some(Picture { width, height, ..Picture::default() });
            filled(BARE, &Head { picture, ..Head::default() }).contains("summary_large_image")
        };
        assert!(card(1200, 630) && card(300, 200));
        assert!(!card(256, 100) && !card(512, 512));
        assert!(!filled(BARE, &Head::default()).contains("summary_large_image"));
    }
}
