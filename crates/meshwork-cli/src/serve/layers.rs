//! From where values come, and which of them count: flags before environment before file before defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::kind::{Kind, Value};
use super::settings::{self, SETTINGS, Setting};

/// Bytes of a configuration file that are read: far more than all settings take.
const FILE_MAX: u64 = 256 * 1024;
/// Names that differ in more places are not taken for a slip.
const SLIPS_MAX: usize = 4;
/// Both halves of `listen`, as platforms and the original system give them.
const HOST: &str = "HOST";
const PORT: &str = "PORT";
/// Both halves of `overlay`, as the original system gives them.
const MODE: &str = "MODE";
const NINES: &str = "NINES";

/// Who said a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File { path: PathBuf, line: usize },
    Environment(String),
    Flag(String),
}

/// A value that counts, and who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) value: Value,
    pub(crate) source: Source,
}

/// Something in the configuration that cannot be used. Its text says where it stands and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}: {why}", path = path.display())]
    File { path: PathBuf, why: String },
    /// The file is not TOML.
    #[error("{path}:{line}: {why}", path = path.display())]
    Syntax { path: PathBuf, line: usize, why: String },
    /// A key that names no setting.
    #[error("{path}:{line}: there is no setting `{name}`{hint}", path = path.display())]
    Unknown { path: PathBuf, line: usize, name: String, hint: String },
    /// A value that its setting does not take.
    #[error("{source_name}: {name}: {why}")]
    Value { source_name: String, name: &'static str, why: String },
}

impl ConfigError {
    pub(super) fn value(source: &Source, name: &'static str, why: impl Into<String>) -> ConfigError {
        ConfigError::Value { source_name: source.to_string(), name, why: why.into() }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File { path, line } => write!(f, "{}:{line}", path.display()),
            Source::Environment(variable) => write!(f, "environment variable {variable}"),
            Source::Flag(flag) => write!(f, "--{flag}"),
        }
    }
}

/// A value for every setting, of the first that has one: `flags`, `environment`, the file at `path`, the defaults.
///
/// # Errors
/// [`ConfigError`] names the first thing that cannot be used.
pub(super) fn choose(
    flags: &BTreeMap<&'static str, Value>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    path: Option<&Path>,
) -> Result<BTreeMap<&'static str, Chosen>, ConfigError> {
    let mut from_file = match path {
        Some(path) => read_file(path)?,
        None => BTreeMap::new(),
    };
    let mut chosen = BTreeMap::new();
    for setting in SETTINGS {
        let flag = flags.get(setting.name).map(|value| {
            let source = Source::Flag(setting.flag());
            Chosen { value: value.clone(), source }
        });
        let value = match flag {
            Some(flag) => Some(flag),
            None => from_environment(setting, environment)?.or_else(|| from_file.remove(setting.name)),
        };
        let value = value.unwrap_or_else(|| Chosen { value: setting.default(), source: Source::Default });
        chosen.insert(setting.name, value);
    }
    Ok(chosen)
}

/// What the environment says; an empty variable says nothing.
fn from_environment(
    setting: &Setting,
    environment: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Option<Chosen>, ConfigError> {
    let read = |variable: &str| environment(variable).filter(|text| !text.is_empty());
    let variable = setting.variable();
    let (text, source) = match read(&variable) {
        Some(text) => (text, Source::Environment(variable)),
        None if setting.name == "listen" => match (read(HOST), read(PORT)) {
            (None, None) => return Ok(None),
            (host, port) => (listen_of(host, port), Source::Environment(format!("{HOST} or {PORT}"))),
        },
        None if setting.name == "overlay" => match read(MODE) {
            // Without a mode the original asks for no nines either.
            None => return Ok(None),
            Some(mode) => {
                let source = Source::Environment(format!("{MODE} or {NINES}"));
                let text = overlay_of(&mode, read(NINES))
                    .map_err(|why| ConfigError::value(&source, setting.name, why))?;
                (text, source)
            }
        },
        None => return Ok(None),
    };
    let text = text.into_string().map_err(|_| ConfigError::value(&source, setting.name, "it is no UTF-8"))?;
    let value = setting.kind.parse(&text).map_err(|why| ConfigError::value(&source, setting.name, why))?;
    Ok(Some(Chosen { value, source }))
}

/// HOST:PORT of its halves.
fn listen_of(host: Option<OsString>, port: Option<OsString>) -> OsString {
    let host = host.unwrap_or_else(|| OsString::from("0.0.0.0"));
    let has_colons = host.to_string_lossy().contains(':');
    let brackets = if has_colons && !host.to_string_lossy().starts_with('[') { ["[", "]"] } else { [""; 2] };
    let mut text = OsString::from(brackets[0]);
    text.push(host);
    text.push(brackets[1]);
    text.push(":");
    text.push(port.unwrap_or_else(|| OsString::from("8080")));
    text
}

/// The overlay that the original means by its two variables.
fn overlay_of(mode: &OsString, nines: Option<OsString>) -> Result<OsString, String> {
    match (mode.to_str(), nines) {
        (Some("fullmesh"), _) => Ok(OsString::from("full-mesh")),
        (Some("kgossip"), None) => Ok(OsString::from("k-gossip")),
        (Some("kgossip"), Some(nines)) => {
            let mut text = OsString::from("k-gossip:");
            text.push(nines);
            Ok(text)
        }
        _ => Err(format!("`{}` is not fullmesh or kgossip", mode.to_string_lossy())),
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<&'static str, Chosen>, ConfigError> {
    let failed = |why: String| ConfigError::File { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > FILE_MAX {
        return Err(failed(format!("it has {length} bytes; at most {FILE_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    from_text(&text, path)
}

/// What the text of a file says.
fn from_text(text: &str, path: &Path) -> Result<BTreeMap<&'static str, Chosen>, ConfigError> {
    let path = path.to_owned();
    let line_at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(span.start));
        ConfigError::Syntax { path: path.clone(), line, why: String::from(error.message()) }
    })?;
    let mut values = BTreeMap::new();
    for (key, value) in table.get_ref() {
        let line = line_at(key.span().start);
        let name: &str = key.get_ref();
        let Some(setting) = settings::named(name) else {
            let hint = nearest(name).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            return Err(ConfigError::Unknown { path, line, name: String::from(name), hint });
        };
        let source = Source::File { path: path.clone(), line };
        let value = from_toml(setting.kind, value.get_ref());
        let value = value.map_err(|why| ConfigError::value(&source, setting.name, why))?;
        values.insert(setting.name, Chosen { value, source });
    }
    Ok(values)
}

fn from_toml(kind: Kind, value: &DeValue<'_>) -> Result<Value, String> {
    match (kind, value) {
        (Kind::Switch, DeValue::Boolean(switch)) => Ok(Value::Switch(*switch)),
        (Kind::Switch, _) => Err(String::from("write true or false, without quotes")),
        (Kind::List(check), DeValue::Array(items)) => {
            let texts = items.iter().map(|item| match item.get_ref() {
                DeValue::String(text) => check(text),
                _ => Err(String::from("every item of the list is a text, in quotes")),
            });
            texts.collect::<Result<_, _>>().map(Value::List)
        }
        (Kind::List(_), _) => Err(String::from("write a list, such as [\"a\", \"b\"]")),
        (Kind::Text(_), DeValue::String(text)) if text.is_empty() => Ok(Value::Unset),
        (Kind::Text(_) | Kind::Bytes(..) | Kind::Time(..), DeValue::String(text)) => kind.parse(text),
        (kind, DeValue::Integer(number)) => {
            let number = u64::from_str_radix(number.as_str(), number.radix());
            kind.whole(number.map_err(|_| String::from("write a whole number that is not negative"))?)
        }
        (Kind::Whole(..), _) => Err(String::from("write a whole number, without quotes")),
        (Kind::Bytes(..), _) => Err(String::from("write an amount in quotes, such as \"16KiB\"")),
        (Kind::Time(..), _) => Err(String::from("write a duration in quotes, such as \"15s\"")),
        (Kind::Text(_), _) => Err(String::from("write a text, in quotes")),
    }
}

/// The setting whose name a mistyped one was probably meant to be.
fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_lowercase().replace('-', "_");
    let near =
        SETTINGS.iter().map(|setting| (strsim::damerau_levenshtein(&name, setting.name), setting.name));
    near.min().filter(|(slips, _)| *slips <= SLIPS_MAX).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<BTreeMap<&'static str, Chosen>, String> {
        from_text(text, Path::new("m.toml")).map_err(|error| error.to_string())
    }

    fn chosen(
        flags: &[(&'static str, Value)],
        environment: &[(&str, &str)],
    ) -> Result<BTreeMap<&'static str, Chosen>, String> {
        let flags = BTreeMap::from_iter(flags.iter().cloned());
        let environment = |name: &str| {
            environment.iter().find(|(variable, _)| *variable == name).map(|(_, text)| OsString::from(text))
        };
        choose(&flags, &environment, None).map_err(|error| error.to_string())
    }

    #[test]
    fn a_mistyped_key_is_named_with_its_line_and_the_nearest_one() {
        let error = file("# limits\n\nroom_max = 5\n").unwrap_err();
        assert_eq!(error, "m.toml:3: there is no setting `room_max`; did you mean `rooms_max`?");
        let error = file("public-url = 'http://x'").unwrap_err();
        assert!(error.contains("did you mean `public_url`?"), "{error}");
        let error = file("colour_of_the_sky = 'blue'").unwrap_err();
        assert!(!error.contains("did you mean"), "{error}");
        assert!(file("[relay]\nlisten = []").unwrap_err().contains("m.toml:1: relay: write true or false"));
    }

    #[test]
    fn a_wrong_value_is_named_with_its_line() {
        for (text, words) in [
            ("rooms_max = 0", "m.toml:1: rooms_max: it must be 1 to 1000000"),
            ("rooms_max = '5'", "m.toml:1: rooms_max: write a whole number, without quotes"),
            ("rooms_max = -5", "m.toml:1: rooms_max: write a whole number that is not negative"),
            ("idle_after = 90", "m.toml:1: idle_after: write a number and a unit in quotes"),
            ("\nlisten = 8080", "m.toml:2: listen: write a text, in quotes"),
            ("relay_allow = '10.0.0.0/8'", "m.toml:1: relay_allow: write a list"),
            ("relay_allow = ['10.0.0.0/99']", "`10.0.0.0/99` is not a range"),
            ("secret_key = 'hunter2'", "m.toml:1: secret_key: it has 7 characters"),
            ("a = \n", "m.toml:1: "),
            ("rooms_max = 1\nrooms_max = 2\n", "m.toml:2: duplicate key"),
        ] {
            let error = file(text).unwrap_err();
            assert!(error.contains(words) && !error.contains("hunter2"), "{text}: {error}");
        }
    }

    #[test]
    fn numbers_amounts_times_and_lists_are_read() {
        let values = file(
            "rooms_max = 0x10\nmessage_bytes_max = '12KiB'\nqueue_bytes_max = 262_144\nidle_after = '2m'\n\
             relay_allow = ['10.0.0.0/8', '::1']\nrelay = true\npublic_url = ''\n",
        )
        .unwrap();
        let value = |name| values[name].value.clone();
        assert_eq!(value("rooms_max"), Value::Whole(16));
        assert_eq!(value("message_bytes_max"), Value::Bytes(12 * 1024));
        assert_eq!(value("queue_bytes_max"), Value::Bytes(256 * 1024));
        assert_eq!(value("idle_after"), Value::Time(std::time::Duration::from_secs(120)));
        assert_eq!(value("relay_allow"), Value::List(vec!["10.0.0.0/8".into(), "::1/128".into()]));
        assert_eq!((value("relay"), value("public_url")), (Value::Switch(true), Value::Unset));
        let line = |name| values[name].source.to_string();
        assert_eq!(line("idle_after"), "m.toml:4");
    }

    #[test]
    fn flags_come_before_the_environment_which_comes_before_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, "rooms_max = 1\nwaits_max = 100\nmembers_max = 3").unwrap();
        let flags = BTreeMap::from([("rooms_max", Value::Whole(3))]);
        let environment = |name: &str| {
            ["MESHWORK_ROOMS_MAX", "MESHWORK_WAITS_MAX"].contains(&name).then(|| OsString::from("20"))
        };
        let values = choose(&flags, &environment, Some(&path)).unwrap();
        let said = |name| (values[name].value.clone(), values[name].source.to_string());
        assert_eq!(said("rooms_max"), (Value::Whole(3), "--rooms-max".into()));
        assert_eq!(said("waits_max"), (Value::Whole(20), "environment variable MESHWORK_WAITS_MAX".into()));
        assert_eq!(said("members_max"), (Value::Whole(3), format!("{}:3", path.display())));
        assert_eq!(said("rooms_per_socket_max"), (Value::Whole(32), "default".into()));
    }

    #[test]
    fn host_and_port_make_an_address() {
        for (environment, address) in [
            (&[][..], "127.0.0.1:8080"),
            (&[("PORT", "3000")], "0.0.0.0:3000"),
            (&[("HOST", "::"), ("PORT", "3000")], "[::]:3000"),
            (&[("HOST", "localhost")], "localhost:8080"),
            (&[("HOST", ""), ("PORT", "")], "127.0.0.1:8080"),
            (&[("PORT", "3000"), ("MESHWORK_LISTEN", "127.0.0.1:1")], "127.0.0.1:1"),
        ] {
            let values = chosen(&[], environment).unwrap();
            assert_eq!(values["listen"].value, Value::Text(address.into()), "{environment:?}");
        }
        let error = chosen(&[], &[("PORT", "http")]).unwrap_err();
        assert!(error.starts_with("environment variable HOST or PORT: listen: give HOST:PORT"), "{error}");
    }

    #[test]
    fn mode_and_nines_of_the_original_are_an_overlay() {
        for (environment, overlay) in [
            (&[][..], "auto"),
            (&[("MODE", "fullmesh"), ("NINES", "5")], "full-mesh"),
            (&[("MODE", "kgossip"), ("NINES", "5")], "k-gossip:5"),
            (&[("NINES", "5")], "auto"),
            (&[("MODE", "kgossip"), ("MESHWORK_OVERLAY", "emergent")], "emergent"),
        ] {
            let values = chosen(&[], environment).unwrap();
            assert_eq!(values["overlay"].value, Value::Text(overlay.into()), "{environment:?}");
        }
        let error = chosen(&[], &[("MODE", "production")]).unwrap_err();
        assert_eq!(
            error,
            "environment variable MODE or NINES: overlay: `production` is not fullmesh or kgossip"
        );
        let error = chosen(&[], &[("MODE", "kgossip"), ("NINES", "many")]).unwrap_err();
        assert!(error.contains("k-gossip:many is no overlay"), "{error}");
    }

    #[test]
    fn variables_have_the_names_that_platforms_use() {
        let values =
            chosen(&[], &[("SECRET_KEY", "0123456789abcdef"), ("TURN_URLS", "turn:a,turns:b")]).unwrap();
        assert_eq!(values["secret_key"].value, Value::Text("0123456789abcdef".into()));
        assert_eq!(values["turn_urls"].value, Value::List(vec!["turn:a".into(), "turns:b".into()]));
        let error = chosen(&[], &[("TURN_SECRET", "short")]).unwrap_err();
        assert!(error.starts_with("environment variable TURN_SECRET: turn_secret: it has 5"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = choose(&BTreeMap::new(), &|_| None, Some(Path::new("/nowhere/m.toml"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/m.toml"), "{error}");
    }
}
