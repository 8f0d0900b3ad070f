//! What people read in the pages stands in one place, so that it is written, read and changed together.

use super::{Files, code_lines};

const PAGES: &str = "apps/web/src/pages/";

/// Attributes, and properties of components, that people read or hear.
const READ: [&str; 9] = [
    "label=",
    "title=",
    "placeholder=",
    "aria-label=",
    "aria-valuetext=",
    "alt=",
    "button=",
    "legend=",
    "hint=",
];

/// What says something to programmers alone stands behind these.
const UNREAD: [&str; 2] = ["expect(", "reason = "];

/// Names of keys, and of what browsers have.
const NAMES: [&str; 10] =
    ["Backspace", "Delete", "Digit", "End", "Enter", "Escape", "Home", "Intl", "Mac", "Segmenter"];

/// Finds texts in the code of the pages.
pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| name.starts_with(PAGES) && name.ends_with(".rs")) {
        // Lines keep their numbers.
        let mut lines = vec![""; text.lines().count()];
        code_lines(text).for_each(|(number, line)| lines[number - 1] = line);
        let code = lines.join("\n");
        for literal in literals(&code).into_iter().filter(is_text) {
            let line = literal.before.matches('\n').count() + 1;
            let says = literal.says.lines().next().unwrap_or_default();
            problems.push(format!("{name}:{line} says \"{says}\": texts stand in apps/web/src/texts/"));
        }
    }
    problems
}

/// A string literal, and the code before and behind it.
struct Literal<'a> {
    before: &'a str,
    says: &'a str,
    behind: &'a str,
}

fn literals(code: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("'\"'") {
            at += 3;
        } else if let Some(says) = rest.strip_prefix('"') {
            let end = end(says);
            let behind = says.get(end + 1..).unwrap_or_default();
            found.push(Literal { before: &code[..at], says: &says[..end], behind });
            at += end + 2;
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    found
}

/// Where the literal ends whose inside begins here.
fn end(says: &str) -> usize {
    let mut is_escaped = false;
    let end = says.find(|letter| {
        let is_end = letter == '"' && !is_escaped;
        is_escaped = letter == '\\' && !is_escaped;
        is_end
    });
    end.unwrap_or(says.len())
}

/// Whether people read it: it stands where they do, or is written like a label or a sentence.
fn is_text(literal: &Literal) -> bool {
    let Literal { before, says, behind } = *literal;
    let (before, behind) = (before.trim_end(), behind.trim_start());
    let attribute = before.split_whitespace().next_back().unwrap_or_default();
    let is_arrow = before.ends_with("=>") || before.ends_with("->");
    let is_node = before.ends_with('>') && !is_arrow || behind.starts_with("</");
    let is_pattern = before.ends_with("format!(") && !before.ends_with("class=format!(");
    if UNREAD.iter().any(|unread| literal.before.ends_with(unread)) || !has_word(says) {
        return false;
    }
    is_node || READ.contains(&attribute) || is_label(says) || is_pattern && has_words(says)
}

/// Whether two letters stand side by side that are no part of a value's name.
fn has_word(says: &str) -> bool {
    let says = without_values(says);
    says.as_bytes().windows(2).any(|pair| pair.iter().all(u8::is_ascii_alphabetic))
}

/// Whether it begins like a label or a sentence: with a capital and small letters, and then no sign of a path or a name.
fn is_label(says: &str) -> bool {
    let word = says.split(|letter: char| !letter.is_alphanumeric()).next().unwrap_or_default();
    let behind = &says[word.len()..];
    let mut letters = word.chars();
    let is_capital = letters.next().is_some_and(|first| first.is_ascii_uppercase());
    let is_small = letters.all(|letter| letter.is_ascii_lowercase());
    let goes_on =
        behind.strip_prefix(' ').is_some_and(|next| next.starts_with(|next: char| next.is_ascii_lowercase()));
    is_capital && is_small && (word.len() > 1 || goes_on) && !NAMES.contains(&says)
}

/// Whether words stand between the values of a pattern.
fn has_words(says: &str) -> bool {
    let says = without_values(says);
    says.contains('{')
        && says.split(' ').skip(1).any(|part| {
            let word = part.trim_end_matches(['.', ',', '?', ':']);
            word.len() > 1 && word.bytes().all(|letter| letter.is_ascii_lowercase())
        })
}

/// A pattern whose values have no names.
fn without_values(says: &str) -> String {
    let parts = says.split('{').enumerate().map(|(index, part)| match index {
        0 => part,
        _ => part.split_once('}').map_or(part, |(_, part)| part),
    });
    parts.collect::<Vec<_>>().join("{}")
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn problems(code: &str) -> Vec<String> {
        check(&files(&[("apps/web/src/pages/home.rs", code)]))
    }

    #[test]
    fn texts_in_pages_are_found() {
        let texts = [
            "view! {\n<p>\n\"Nobody here.\"\n</p> }",
            "<p>{icon}\" linked\"</p>",
            "<button title=\"again\">",
            "<h2>\"rooms\" <b>{name}</b></h2>",
            "choice(\"Edit link\", edit)",
            "fact(\"Pace\", pace)",
            "words => \"A list is too \\\n    long\",",
            "format!(\"{called} painted {}\", cells)",
        ];
        for text in texts {
            assert_eq!(problems(text).len(), 1, "{text}");
        }
        let found = problems("let one = 1;\nlet label = \"Edit link\";\n");
        assert_eq!(
            found,
            ["apps/web/src/pages/home.rs:2 says \"Edit link\": texts stand in apps/web/src/texts/"]
        );
    }

    #[test]
    fn what_nobody_reads_is_none() {
        let code = [
            "// \"Edit link\" stands elsewhere.",
            "<p class=\"button primary\" data-testid=\"make\">{texts::MAKE} \" \" <b>{name}</b>\".\"</p>",
            "\"Escape\" | \"ArrowLeft\" => text.split('\"'),",
            "<path d=\"M2 5Q26 17 50 5\"/>",
            "class=format!(\"tool step {name}\")",
            "format!(\"{step}\\u{2009}ms\")",
            "format!(\"transform:translate({x}px,{y}px)\")",
            "page.expect(\"A page is there\")",
        ];
        for code in code {
            assert_eq!(problems(code), Vec::<String>::new());
        }
        assert_eq!(check(&files(&[("apps/web/src/texts/mod.rs", "\"Edit link\"")])), Vec::<String>::new());
        assert_eq!(problems("#[cfg(test)]\nmod tests { \"Edit link\" }"), Vec::<String>::new());
    }
}
