//! The settings that count, as a file that reads as the same.

use std::fmt::Write as _;

use clap::{Arg, ArgAction};
use toml::Value;

use super::layers::{Chosen, Source};
use super::settings::{FROM_A_RESTART, arguments, is_hidden};

/// A TOML file with every setting: its meaning and variable, the value, and who said it. Secrets are left out.
pub(super) fn to_toml(chosen: &Chosen) -> String {
    let mut text =
        String::from("# The settings of `meshwork serve`. A line that begins with `#` sets nothing.\n");
    let mut topic = None;
    for arg in arguments() {
        let name = arg.get_id().as_str();
        if topic.as_deref() != arg.get_help_heading() {
            topic = arg.get_help_heading().map(String::from);
            let _ = write!(text, "\n# {}\n", topic.as_deref().unwrap_or_default());
        }
        text.push('\n');
        let when =
            if FROM_A_RESTART.contains(&name) { "counts from a restart" } else { "read again at SIGHUP" };
        let _ = writeln!(text, "# {}; {when}", arg.get_help().cloned().unwrap_or_default());
        let default = || Some((arg.get_default_values().first()?.to_os_string(), Source::Default));
        let _ = match chosen.said.get(name).cloned().or_else(default) {
            None => writeln!(text, "# {name} is not set"),
            Some((_, source)) if is_hidden(name) => {
                writeln!(text, "# {name} is set, and not shown ({source})")
            }
            Some((value, source)) => {
                writeln!(text, "{name} = {}  # {source}", value_of(&arg, &value.to_string_lossy()))
            }
        };
    }
    text
}

/// A value of a setting as the file has it.
fn value_of(arg: &Arg, text: &str) -> Value {
    let number = || text.parse().ok().filter(|number: &i64| number.to_string() == text).map(Value::Integer);
    match (arg.get_action(), text) {
        (ArgAction::Append, _) => {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(String::from(item))).collect())
        }
        (_, "true" | "false") => Value::Boolean(text == "true"),
        _ => number().unwrap_or_else(|| Value::String(String::from(text))),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ffi::OsString;

    use super::*;
    use crate::serve::layers;

    #[test]
    fn printed_settings_read_back_the_same_without_secrets() {
        let environment = |name: &str| match name {
            "SECRET_KEY" => Some(OsString::from("0123456789abcdef")),
            "MESHWORK_RELAY_ALLOW" => Some(OsString::from("10.0.0.0/8, ::1")),
            "MESHWORK_METRICS_ALLOW" => Some(OsString::from(",")),
            "MESHWORK_QUEUE_BYTES_MAX" => Some(OsString::from("131073")),
            "MESHWORK_RELAY_REALM" => Some(OsString::from("007")),
            "MESHWORK_DATA" => Some(OsString::from("a \"folder\"")),
            "MESHWORK_DATABASE" => Some(OsString::from("postgres://a:0123456789abcdef@db/games")),
            _ => None,
        };
        let chosen = layers::choose(&BTreeMap::new(), &environment, None).unwrap();
        let text = to_toml(&chosen);
        assert!(!text.contains("0123456789abcdef"), "{text}");
        assert!(
            text.contains("# secret_key is set, and not shown (environment variable SECRET_KEY)"),
            "{text}"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, &text).unwrap();
        let mut again = layers::choose(&BTreeMap::new(), &|_| None, Some(&path)).unwrap().settings;
        again.server.secret_key = chosen.settings.server.secret_key.clone();
        again.server.database = chosen.settings.server.database.clone();
        assert_eq!(format!("{again:?}"), format!("{:?}", chosen.settings));
    }
}
