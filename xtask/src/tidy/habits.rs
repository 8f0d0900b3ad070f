//! Counts sentences that are turned round: those that begin with a clause, let code be told, or say "where" for "if".
//!
//! CONTRIBUTING.md names the rules under "How we write". The count is by words alone, so most of it fails nothing. Only
//! [`ratchet`](super::ratchet) fails if a crate gets more sentences that begin with a clause.

use std::fmt::{self, Display};

use super::{Files, code_lines, texts};

/// Where people read literals.
const TEXTS: [&str; 2] = texts::TEXTS;

/// A sentence begins with one of these and is no question.
const CLAUSE: [&str; 7] = ["what", "where", "who", "whom", "whose", "whoever", "whatever"];

const IS: [&str; 7] = ["is", "are", "was", "were", "be", "been", "being"];

/// May stand between the two words of a passive.
const ADVERBS: [&str; 9] = ["not", "never", "always", "only", "also", "all", "both", "then", "first"];

const SAID: [&str; 5] = ["said", "told", "asked", "heard", "named"];

/// Before "one", these mean that "one" may be a person or this node.
const BEFORE_ONE: [&str; 14] = [
    "what", "that", "which", "whom", "when", "where", "if", "until", "before", "as", "how", "like", "than",
    "while",
];

/// Behind "one", these mean that it is.
const AFTER_ONE: [&str; 28] = [
    "is", "was", "has", "had", "may", "can", "cannot", "must", "could", "would", "should", "does", "did",
    "holds", "hears", "heard", "says", "said", "sees", "saw", "knows", "knew", "wants", "writes", "wrote",
    "paints", "painted", "types",
];

/// A way to turn a sentence round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Habit {
    /// "Who holds it answers" for "The holder answers", "Where it is full it waits" for "If it is full, it waits".
    Clause,
    /// "The node is told" for "The node receives".
    Saying,
    /// ", where it is full" for "if it is full", "one's own" for "our", "so many" for n, "is to be" for "must".
    Loose,
}

impl Display for Habit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clause => "begins with a clause",
            Self::Saying => "passive of saying",
            Self::Loose => "where, one, so many, to be",
        })
    }
}

/// A sentence that has a habit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    habit: Habit,
    file: String,
    line: usize,
    sentence: String,
}

impl Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.habit, self.sentence)
    }
}

/// All sentences of comments, Markdown and the pages' texts.
#[derive(Debug, Default)]
pub(super) struct Habits {
    sentences: usize,
    findings: Vec<Finding>,
}

impl Habits {
    pub(super) fn of(files: &Files) -> Self {
        let mut habits = Self::default();
        for (name, text) in files {
            paragraphs(name, text).into_iter().for_each(|paragraph| habits.read(name, &paragraph));
        }
        habits
    }

    /// The findings of files whose path begins with this.
    pub(super) fn below<'a>(&'a self, path: &'a str) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |finding| finding.file.starts_with(path))
    }

    /// The file of each sentence that begins with a clause.
    pub(super) fn clauses(&self) -> impl Iterator<Item = &str> {
        let clauses = self.findings.iter().filter(|finding| finding.habit == Habit::Clause);
        clauses.map(|finding| finding.file.as_str())
    }

    fn read(&mut self, file: &str, paragraph: &Paragraph) {
        for (line, sentence) in sentences(paragraph) {
            self.sentences += 1;
            let words: Vec<&str> = sentence.split_whitespace().collect();
            let finding = |habit| Finding { habit, file: file.to_owned(), line, sentence: words.join(" ") };
            self.findings.extend(found(&words).into_iter().map(finding));
        }
    }
}

impl Display for Habits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |habit| self.findings.iter().filter(|finding| finding.habit == habit).count();
        write!(
            f,
            "{} habits in {} sentences: {} begin with a clause, {} have a passive of saying, {} say where, one, so \
             many or to be",
            self.findings.len(),
            self.sentences,
            count(Habit::Clause),
            count(Habit::Saying),
            count(Habit::Loose)
        )
    }
}

/// Text without code blocks, with the number of its first line.
#[derive(Debug, Default)]
struct Paragraph {
    line: usize,
    text: String,
}

fn paragraphs(name: &str, text: &str) -> Vec<Paragraph> {
    let numbered = || text.lines().enumerate().map(|(index, line)| (index + 1, line));
    if TEXTS.iter().any(|texts| name.starts_with(texts)) {
        let mut found = literals(text);
        found.extend(blocks(numbered().map(|(number, line)| (number, slashes(line)))));
        return found;
    }
    match name.rsplit('.').next().unwrap_or_default() {
        "md" => blocks(numbered().map(|(number, line)| (number, Some(line)))),
        "rs" => blocks(numbered().map(|(number, line)| (number, slashes(line)))),
        "js" | "mjs" | "ts" | "tsx" | "jsx" | "css" => {
            blocks(numbered().map(|(number, line)| (number, slashes(line).or_else(|| stars(line)))))
        }
        _ => Vec::new(),
    }
}

/// The words of a line in a `//` comment.
fn slashes(line: &str) -> Option<&str> {
    Some(line.trim_start().strip_prefix("//")?.trim_start_matches(['/', '!']))
}

/// The words of a line in a `/*` comment of the usual layout.
fn stars(line: &str) -> Option<&str> {
    let line = line.trim();
    let inside = line.strip_prefix("/*").or_else(|| line.strip_prefix("* "))?;
    Some(inside.trim_start_matches('*').trim_end_matches("*/"))
}

/// Literals of texts, with the lines at which they begin.
fn literals(text: &str) -> Vec<Paragraph> {
    let mut lines = vec![""; text.lines().count()];
    code_lines(text).for_each(|(number, line)| lines[number - 1] = line);
    let code = lines.join("\n");
    let literals = texts::literals(&code).into_iter();
    literals
        .map(|literal| Paragraph {
            line: literal.before.matches('\n').count() + 1,
            text: literal.says.replace("\\\n", "\n"),
        })
        .collect()
}

/// Paragraphs of Markdown: a heading, an item of a list and a cell of a table are one each. A line that is not text is `None`.
fn blocks<'a>(lines: impl Iterator<Item = (usize, Option<&'a str>)>) -> Vec<Paragraph> {
    let mut found: Vec<Paragraph> = Vec::new();
    let mut is_open = false;
    let mut is_code = false;
    for (number, line) in lines {
        let Some(line) = line.map(str::trim) else {
            (is_open, is_code) = (false, false);
            continue;
        };
        if line.starts_with("```") {
            (is_open, is_code) = (false, !is_code);
        } else if line.is_empty() {
            is_open = false;
        } else if is_code {
            // Code has its own grammar.
        } else if line.starts_with('|') {
            let cells = line.split('|').filter(|cell| cell.contains(char::is_alphabetic));
            found.extend(cells.map(|cell| Paragraph { line: number, text: cell.to_owned() }));
            is_open = false;
        } else if line.starts_with('#') {
            found.push(Paragraph { line: number, text: line.to_owned() });
            is_open = false;
        } else {
            let is_item = line.starts_with(['-', '*']) && line[1..].starts_with(' ')
                || line.split_once(". ").is_some_and(|(digits, _)| digits.parse::<u8>().is_ok());
            match found.last_mut() {
                Some(last) if is_open && !is_item => {
                    last.text.push('\n');
                    last.text.push_str(line);
                }
                _ => found.push(Paragraph { line: number, text: line.to_owned() }),
            }
            is_open = true;
        }
    }
    found
}

/// The sentences of a paragraph that are no questions, and the lines at which they begin. Code spans are left out.
fn sentences(paragraph: &Paragraph) -> Vec<(usize, String)> {
    let mut is_code = false;
    let mut text = String::new();
    for letter in paragraph.text.chars() {
        if letter == '`' {
            is_code = !is_code;
            text.push('`');
        } else if !is_code || letter == '\n' {
            text.push(letter);
        }
    }
    let mut found = Vec::new();
    let mut line = paragraph.line;
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let is_end = |(at, sign): &(usize, char)| {
            let behind = rest[at + sign.len_utf8()..].trim_start_matches([')', '"', '*', '_', '”']);
            matches!(sign, '.' | '!' | '?') && behind.chars().next().is_none_or(char::is_whitespace)
        };
        let end = rest.char_indices().find(is_end).map_or(rest.len(), |(at, _)| at + 1);
        let (sentence, behind) = rest.split_at(end);
        let blank = sentence.len() - sentence.trim_start().len();
        let begins = line + sentence[..blank].matches('\n').count();
        // A word alone heads a column or labels a button.
        if sentence.split_whitespace().nth(1).is_some() && !sentence.ends_with('?') {
            found.push((begins, sentence.trim().to_owned()));
        }
        line += sentence.matches('\n').count();
        rest = behind;
    }
    found
}

/// The habits of a sentence, each once.
fn found(words: &[&str]) -> Vec<Habit> {
    let bare: Vec<String> = words.iter().map(|word| bare(word)).filter(|word| !word.is_empty()).collect();
    let bare: Vec<&str> = bare.iter().map(String::as_str).collect();
    let mut habits = Vec::new();
    if bare.first().is_some_and(|first| CLAUSE.contains(first)) {
        habits.push(Habit::Clause);
    }
    let is_saying = |at: usize| {
        let next = bare[at + 1..].iter().find(|word| !ADVERBS.contains(word));
        IS.contains(&bare[at]) && next.is_some_and(|next| SAID.contains(next))
    };
    if (0..bare.len()).any(is_saying) {
        habits.push(Habit::Saying);
    }
    if is_loose(words, &bare) {
        habits.push(Habit::Loose);
    }
    habits
}

fn is_loose(words: &[&str], bare: &[&str]) -> bool {
    let is_where = words.windows(2).any(|pair| pair[0].ends_with(',') && pair[1] == "where");
    let is_one = bare.iter().any(|word| matches!(*word, "oneself" | "one's"))
        || bare.windows(3).any(|three| {
            three[1] == "one" && BEFORE_ONE.contains(&three[0]) && AFTER_ONE.contains(&three[2])
        });
    let is_so = bare.windows(2).any(|pair| pair[0] == "so" && matches!(pair[1], "many" | "much" | "long"));
    let is_to_be =
        bare.windows(3).any(|three| matches!(three[0], "is" | "are") && three[1..] == ["to", "be"]);
    is_where || is_one || is_so || is_to_be
}

/// A word in small letters, without the signs around it.
fn bare(word: &str) -> String {
    word.trim_matches(|letter: char| !letter.is_alphanumeric()).to_lowercase().replace('’', "'")
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn habits(name: &str, text: &str) -> Vec<(Habit, usize)> {
        let habits = Habits::of(&files(&[(name, text)]));
        habits.findings.iter().map(|finding| (finding.habit, finding.line)).collect()
    }

    #[test]
    fn turned_round_sentences_are_found() {
        for (sentence, habit) in [
            ("Who holds it answers.", Habit::Clause),
            ("*What a record took* may be gone.", Habit::Clause),
            ("The node is never told this.", Habit::Saying),
            ("Where it is full it waits.", Habit::Clause),
            ("It waits, where it is full.", Habit::Loose),
            ("The batches that one wrote.", Habit::Loose),
            ("One's own batches.", Habit::Loose),
            ("Of what a limit allows so many.", Habit::Loose),
            ("This is to be read first.", Habit::Loose),
        ] {
            assert_eq!(habits("a.md", sentence), [(habit, 1)], "{sentence}");
        }
    }

    #[test]
    fn plain_sentences_are_not_found() {
        for sentence in [
            "What does it cost?",
            "The holder answers.",
            "This is what counts.",
            "The folder where it lies.",
            "Two links are better than one.",
            "It is larger than one of them.",
            "It prints `Who is said so long`.",
            "If one end hides its address.",
            "| what | where |",
            "```\nWho holds it answers.\n```",
        ] {
            assert_eq!(habits("a.md", sentence), [], "{sentence}");
        }
    }

    #[test]
    fn comments_cells_and_texts_are_read() {
        let comment = "//! Good.\nfn who() {}\n    // It is well. Who\n    // holds it answers. Whoever\n    // else.\n";
        assert_eq!(habits("a.rs", comment), [(Habit::Clause, 3), (Habit::Clause, 4)]);
        assert_eq!(habits("a.js", "/**\n * Who holds it.\n */\n"), [(Habit::Clause, 2)]);
        assert_eq!(
            habits("a.md", "| a | Who holds it |\n- Good\n- What holds\n"),
            [(Habit::Clause, 1), (Habit::Clause, 3)]
        );
        let text = "pub const A: &str = \"No.\";\npub const B: &str = \"What holds \\\n    it.\";\n";
        assert_eq!(habits("apps/web/src/texts/a.rs", text), [(Habit::Clause, 2)]);
        assert_eq!(habits("apps/web/src/a.rs", text), []);
    }

    #[test]
    fn the_sum_names_each_habit() {
        let habits =
            Habits::of(&files(&[("a.md", "Who is told. So good. Where it is."), ("b.md", "So good.")]));
        assert_eq!(
            habits.to_string(),
            "3 habits in 4 sentences: 2 begin with a clause, 1 have a passive of saying, 0 say where, one, so many or \
             to be"
        );
        assert_eq!(habits.below("b.md").count(), 0);
        assert_eq!(
            habits.below("a.md").next().map(ToString::to_string).as_deref(),
            Some("a.md:1: begins with a clause: Who is told.")
        );
    }
}
