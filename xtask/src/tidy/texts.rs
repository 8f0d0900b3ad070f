//! What people read in the pages stands in one place, so that it is written, read and changed together.

use super::{Files, code_lines};

const OURS: &str = "apps/web/src/";

/// Where every literal that is shown is a text.
const PAGES: &str = "apps/web/src/pages/";

/// Where texts stand, and the table of the apps, which the build reads too.
pub(super) const TEXTS: [&str; 2] = ["apps/web/src/texts/", "apps/web/src/apps.rs"];

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
const NAMES: [&str; 11] =
    ["Backspace", "Delete", "Digit", "End", "Enter", "Escape", "Home", "Intl", "Mac", "Segmenter", "Tab"];

/// Finds texts in the code of the pages, and sentences in what they decide.
pub(super) fn check(files: &Files) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| is_ours(name)) {
        // Lines keep their numbers.
        let mut lines = vec![""; text.lines().count()];
        code_lines(text).for_each(|(number, line)| lines[number - 1] = line);
        let code = lines.join("\n");
        let is_page = name.starts_with(PAGES);
        let is_wrong = |literal: &Literal| {
            is_read(literal) && (is_sentence(literal.says) || is_page && is_text(literal))
        };
        for literal in literals(&code).into_iter().filter(is_wrong) {
            let line = literal.before.matches('\n').count() + 1;
            let says = literal.says.lines().next().unwrap_or_default();
            problems.push(format!("{name}:{line} says \"{says}\": texts stand in apps/web/src/texts/"));
        }
    }
    problems
}

/// Whether a file is code of the pages in which no texts stand. Tests may repeat what is said.
fn is_ours(name: &str) -> bool {
    let is_test = name.ends_with("/tests.rs") || name.contains("/tests/");
    name.starts_with(OURS)
        && name.ends_with(".rs")
        && !is_test
        && !TEXTS.iter().any(|texts| name.starts_with(texts))
}

/// A string literal, and the code before and behind it.
pub(super) struct Literal<'a> {
    pub(super) before: &'a str,
    pub(super) says: &'a str,
    behind: &'a str,
}

/// The string literals of code without comments.
pub(super) fn literals(code: &str) -> Vec<Literal<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = code.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("'\"'") {
            at += 3;
        } else if let Some(says) = rest.strip_prefix("r\"") {
            // A raw one: nothing is escaped.
            let end = says.find('"').unwrap_or(says.len());
            let behind = says.get(end + 1..).unwrap_or_default();
            found.push(Literal { before: &code[..at], says: &says[..end], behind });
            at += end + 3;
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

/// Whether it has words, and is not for programmers alone.
fn is_read(literal: &Literal) -> bool {
    !UNREAD.iter().any(|unread| literal.before.ends_with(unread)) && has_word(literal.says)
}

/// Whether words stand beside each other, or a word beside a value, and it begins or ends as a sentence does.
fn is_sentence(says: &str) -> bool {
    let says = without_values(says);
    // The backslash at the end of a line is no part of what is said.
    let parts: Vec<&str> = says.split_whitespace().filter(|part| *part != "\\").collect();
    // The data of a path has digits among its letters.
    let is_word = |part: &&str| has_word(part) && !part.contains(|letter: char| letter.is_ascii_digit());
    let is_beside = |pair: &[&str]| {
        pair.iter().any(is_word) && pair.iter().all(|part| is_word(part) || part.starts_with("{}"))
    };
    let is_capital = says.trim_start().starts_with(|first: char| first.is_ascii_uppercase());
    parts.windows(2).any(is_beside) && (is_capital || says.ends_with(['.', '?']))
}

/// Whether it stands where people read, or is written like a label or a sentence.
fn is_text(literal: &Literal) -> bool {
    let Literal { before, says, behind } = *literal;
    let (before, behind) = (before.trim_end(), behind.trim_start());
    let attribute = before.split_whitespace().next_back().unwrap_or_default();
    let is_arrow = before.ends_with("=>") || before.ends_with("->");
    let is_node = before.ends_with('>') && !is_arrow || behind.starts_with("</");
    let is_pattern = before.ends_with("format!(") && !before.ends_with("class=format!(");
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
        for file in ["texts/mod.rs", "apps.rs", "sync/whiteboard/hand/tests.rs"] {
            let name = format!("apps/web/src/{file}");
            assert_eq!(check(&files(&[(&name, "\"Edit link\"")])), Vec::<String>::new());
        }
        assert_eq!(problems("#[cfg(test)]\nmod tests { \"Edit link\" }"), Vec::<String>::new());
    }

    #[test]
    fn sentences_in_what_pages_decide_are_found() {
        let of = |code: &str| check(&files(&[("apps/web/src/rules.rs", code)])).len();
        for sentence in [
            "Err(\"Only the owner can.\")",
            "format!(\"Ban {}?\", called)",
            "format!(\"{count} cells at {x}, {y}.\")",
            "words.push_str(\" A page \\\n    holds it\")",
            "#[error(\"There is no cell here.\")]",
            "r\"\\\".find(\"No way known\")",
        ] {
            assert_eq!(of(sentence), 1, "{sentence}");
        }
        for other in [
            "/// \"Only the owner can.\"",
            "#[expect(missing_docs, reason = \"A text says it.\")]",
            "text.strip_prefix(\"no way through\")",
            "format!(\"M{middle:.1} {y:.1}l{across:.1} {down:.1}z\")",
            "sign(\"M0 0h11v11H0zM25 0h11v11H25zM12 12h11v11h-11z\")",
            "const FACE: &str = \"system-ui, 'Segoe UI', sans-serif\";",
            "one(\"Enter\", r\"[]\\\", \"two.three\")",
        ] {
            assert_eq!(of(other), 0, "{other}");
        }
    }
}
