//! Texts that others wrote reach people by way of a node's events and views, which leave out what terminals and readers
//! would carry out (`meshwork_core::text`). So no application reads messages as they came.

use super::{Files, code_lines};

/// What shows texts to people.
const APPLICATIONS: [&str; 3] = ["crates/meshwork-cli/src/", "crates/meshwork-rtc/src/", "apps/"];

/// Messages that hold texts of others, as they came, and what takes text for markup.
const RAW: [&str; 4] = ["FromServer", "links::message", "room::message", "inner_html"];

pub(super) fn check(files: &Files) -> Vec<String> {
    let is_application =
        |name: &str| name.ends_with(".rs") && APPLICATIONS.iter().any(|folder| name.starts_with(folder));
    let mut problems = Vec::new();
    for (name, text) in files.iter().filter(|(name, _)| is_application(name)) {
        for (number, line) in code_lines(text) {
            for raw in RAW.iter().filter(|raw| line.contains(**raw)) {
                problems.push(format!(
                    "{name}:{number}: `{raw}` passes on texts as others wrote them: events and views have them fit to show"
                ));
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn application_that_reads_raw_messages_is_found() {
        let line = "use meshwork_core::signalling::protocol::FromServer;\n";
        let files = |name: &str, text: &str| Files::from([(name.to_owned(), text.to_owned())]);
        assert_eq!(check(&files("crates/meshwork-cli/src/place/watch.rs", line)).len(), 1);
        assert_eq!(check(&files("apps/web/src/pages/place.rs", line)).len(), 1);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{line}}}\n");
        assert_eq!(check(&files("crates/meshwork-cli/src/place/watch.rs", &in_tests)), Vec::<String>::new());
        assert_eq!(check(&files("crates/meshwork-signal/src/hub/mod.rs", line)), Vec::<String>::new());
    }
}
