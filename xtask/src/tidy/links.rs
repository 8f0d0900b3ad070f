//! Relative links in Markdown files lead somewhere.

use super::Files;

pub(super) fn check(files: &Files, exists: &dyn Fn(&str) -> bool) -> Vec<String> {
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".md")) {
        let mut in_code = false;
        for (index, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                in_code = !in_code;
            }
            if in_code {
                continue;
            }
            for target in targets(line) {
                if let Err(what) = follow(name, target, files, exists) {
                    problems.push(format!("{name}:{}: {what}", index + 1));
                }
            }
        }
    }
    problems
}

/// The targets of `[text](target)`, of pictures, and of `src="..."` and `href="..."`.
fn targets(line: &str) -> Vec<&str> {
    // What stands between backquotes is code, not a link.
    line.split('`')
        .step_by(2)
        .flat_map(|text| {
            let between = |open: &'static str, close: char| {
                text.split(open)
                    .skip(1)
                    .filter_map(move |rest| rest.split_once(close).map(|(inner, _)| inner))
            };
            between("](", ')').chain(between("src=\"", '"')).chain(between("href=\"", '"'))
        })
        .map(|target| target.split_whitespace().next().unwrap_or_default())
        .collect()
}

fn follow(from: &str, target: &str, files: &Files, exists: &dyn Fn(&str) -> bool) -> Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, heading) =
        target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
    let full = if path.is_empty() { Some(from.to_owned()) } else { resolve(from, path) };
    let full = full.ok_or_else(|| format!("the link `{target}` leads out of the repository"))?;
    if !files.contains_key(&full) && !exists(&full) {
        return Err(format!("the link `{target}` leads nowhere"));
    }
    match (heading, files.get(&full)) {
        (Some(heading), Some(text)) if full.ends_with(".md") && !has_heading(text, heading) => {
            Err(format!("the link `{target}` leads to no heading of {full}"))
        }
        _ => Ok(()),
    }
}

/// The path that `relative` names when it stands in the file `from`.
fn resolve(from: &str, relative: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

/// Headings are named as GitHub does: lower case, spaces to hyphens, other signs dropped.
fn has_heading(text: &str, wanted: &str) -> bool {
    text.lines().filter(|line| line.starts_with('#')).any(|line| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let slug: String = title
            .chars()
            .filter_map(|character| match character {
                ' ' => Some('-'),
                '-' | '_' => Some(character),
                other => other.is_alphanumeric().then_some(other),
            })
            .collect();
        slug == wanted
    })
}

#[cfg(test)]
mod tests {
    use super::super::files;
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let files = files(&[("docs/a.md", text), ("README.md", "# Two words, one\n"), ("docs/b/c.md", "")]);
        check(&files, &|path| path == "docs" || path == "docs/picture.png")
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        let text = "[a](../README.md#two-words-one) ![b](picture.png) [c](https://x.test/y) [d](./b/c.md \"title\")\n\
                    # Here\n[e](#here) `[f](nowhere)` [g](../docs/) <img src=\"picture.png\">\n\
                    ```\n[h](nowhere)\n```\n";
        assert_eq!(problems(text), Vec::<String>::new());
    }

    #[test]
    fn links_that_lead_nowhere_fail() {
        let bad = [
            "[a](nowhere.md)",
            "[a](../README.md#three)",
            "[a](#three)",
            "[a](../../out.md)",
            "![a](b/picture.png)",
            "<img src=\"none.png\">",
        ];
        for text in bad {
            assert_eq!(problems(text).len(), 1, "{text}: {:?}", problems(text));
        }
    }
}
