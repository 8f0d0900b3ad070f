//! The settings that count, as a file that reads as the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::kind::Value;
use super::layers::Chosen;
use super::settings::SETTINGS;

/// Columns of the comments.
const WIDTH: usize = 100;

/// A TOML file with every setting: its meaning, range and variable, the value, and who said it. Secrets are left out.
pub(super) fn to_toml(chosen: &BTreeMap<&'static str, Chosen>) -> String {
    let mut text =
        String::from("# The settings of `meshwork serve`. A line that begins with `#` sets nothing.\n");
    let mut topic = None;
    for setting in SETTINGS {
        if topic != Some(setting.topic) {
            topic = Some(setting.topic);
            let _ = write!(text, "\n# {}\n", setting.topic.heading());
        }
        text.push('\n');
        let mut comment = setting.meaning.replace('`', "") + ".";
        if let Some(range) = setting.kind.range() {
            let _ = write!(comment, " {range}.");
        }
        let when = if setting.is_live { "read again at SIGHUP" } else { "counts from a restart" };
        let _ = write!(comment, " Variable {}; {when}.", setting.variable());
        push_comment(&mut text, &comment);
        let Some(Chosen { value, source }) = chosen.get(setting.name) else { continue };
        let _ = match value {
            Value::Unset => writeln!(text, "# {} is not set", setting.name),
            _ if setting.is_secret => writeln!(text, "# {} is set, and not shown ({source})", setting.name),
            value => writeln!(text, "{} = {}  # {source}", setting.name, value.to_toml()),
        };
    }
    text
}

fn push_comment(text: &mut String, comment: &str) {
    let mut column = 0;
    for word in comment.split(' ') {
        if column == 0 || column + 1 + word.chars().count() > WIDTH {
            text.push_str(if column == 0 { "#" } else { "\n#" });
            column = 1;
        }
        text.push(' ');
        text.push_str(word);
        column += 1 + word.chars().count();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::layers;
    use std::ffi::OsString;

    #[test]
    fn what_is_printed_reads_as_the_same_and_has_no_secrets() {
        let environment = |name: &str| match name {
            "SECRET_KEY" => Some(OsString::from("0123456789abcdef")),
            "MESHWORK_RELAY_ALLOW" => Some(OsString::from("10.0.0.0/8, ::1")),
            "MESHWORK_QUEUE_BYTES_MAX" => Some(OsString::from("131073")),
            "MESHWORK_DATA" => Some(OsString::from("a \"folder\"")),
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
        let again = layers::choose(&BTreeMap::new(), &|_| None, Some(&path)).unwrap();
        for (name, Chosen { value, .. }) in chosen.iter().filter(|(name, _)| **name != "secret_key") {
            assert_eq!(again[name].value, *value, "{name}");
        }
        assert!(text.lines().all(|line| line.len() < 140), "{text}");
    }
}
