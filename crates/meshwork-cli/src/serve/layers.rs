//! From where values come, and which of them count: flags before environment before file before defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ErrorKind};
use clap::{Command, FromArgMatches as _};
use toml::Value;

use super::settings::{Settings, arguments, flag, is_hidden, variable};

/// Bytes of a configuration file that are read: far more than all settings take.
const FILE_MAX: u64 = 256 * 1024;

/// Who said a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Default,
    File(PathBuf),
    Environment(String),
    Flag(String),
}

/// What was said of a setting, and who said it.
pub(super) type Said = (OsString, Source);

/// The settings that count, and those of them that somebody said, by name.
#[derive(Clone, Debug)]
pub(super) struct Chosen {
    pub(super) settings: Settings,
    pub(super) said: BTreeMap<String, Said>,
}

/// Something in the configuration that cannot be used. Its text says where it stands and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum ConfigError {
    /// The file cannot be read, or is not TOML.
    #[error("cannot read the configuration {path}: {why}", path = path.display())]
    File { path: PathBuf, why: String },
    /// A key of the file that names no setting.
    #[error("{source_name}: there is no setting `{name}`{hint}")]
    Unknown { source_name: Source, name: String, hint: String },
    /// A value that its setting does not take.
    #[error("{source_name}: {name}: {why}")]
    Value { source_name: Source, name: String, why: String },
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(path) => path.display().fmt(f),
            Source::Environment(variable) => write!(f, "environment variable {variable}"),
            Source::Flag(flag) => f.write_str(flag),
        }
    }
}

impl Chosen {
    /// Who said what counts for the setting of this name.
    pub(super) fn source(&self, name: &str) -> Source {
        self.said.get(name).map_or(Source::Default, |(_, source)| source.clone())
    }

    /// The file in which secrets stand, where they stand in one.
    pub(super) fn files_with_secrets(&self) -> Option<PathBuf> {
        self.said.iter().find_map(|(name, (_, source))| match source {
            Source::File(path) if is_hidden(name) => Some(path.clone()),
            _ => None,
        })
    }

    /// A value that cannot be used, and who said it.
    pub(super) fn blame(&self, name: &str, why: impl Into<String>) -> ConfigError {
        ConfigError::Value { source_name: self.source(name), name: String::from(name), why: why.into() }
    }
}

/// A value for every setting, of the first that has one: `flags`, `environment`, the file at `path`, the defaults.
///
/// # Errors
/// [`ConfigError`] names the first thing that cannot be used.
pub(super) fn choose(
    flags: &BTreeMap<String, OsString>,
    environment: &dyn Fn(&str) -> Option<OsString>,
    path: Option<&Path>,
) -> Result<Chosen, ConfigError> {
    let mut said = path.map(read_file).transpose()?.unwrap_or_default();
    // Clap reads them all, each under its own name.
    let arguments = arguments().map(|arg| arg.clone().long(arg.get_id().to_string()));
    let command = Command::new("serve").no_binary_name(true).disable_help_flag(true).args(arguments);
    for name in command.get_arguments().map(|arg| arg.get_id().as_str()) {
        let value = match flags.get(name) {
            Some(text) => Some((text.clone(), Source::Flag(flag(name)))),
            None => from_environment(name, environment),
        };
        said.extend(value.map(|value| (String::from(name), value)));
    }
    if let Some((name, (_, source))) = said.iter().find(|(_, (text, _))| text.to_str().is_none()) {
        let (source_name, why) = (source.clone(), String::from("it is no UTF-8"));
        return Err(ConfigError::Value { source_name, name: name.clone(), why });
    }
    let words = said.iter().map(|(name, (text, _))| {
        let mut word = OsString::from(format!("--{name}="));
        word.push(text);
        word
    });
    let matches = command.try_get_matches_from(words.collect::<Vec<_>>());
    let settings = matches.and_then(|matches| Settings::from_arg_matches(&matches));
    settings.map_err(|error| wrong(&error, &said)).map(|settings| Chosen { settings, said })
}

/// What clap does not take, with who said it. The words of a secret are not repeated.
fn wrong(error: &clap::Error, said: &BTreeMap<String, Said>) -> ConfigError {
    let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let setting = |kind| Some(error.get(kind)?.to_string().split([' ', '=', '[']).next()?.replace("--", ""));
    let name = setting(ContextKind::InvalidArg).unwrap_or_default();
    let source_name = said.get(&name).map_or(Source::Default, |(_, source)| source.clone());
    if error.kind() == ErrorKind::UnknownArgument {
        let hint = setting(ContextKind::SuggestedArg).map(|near| format!("; did you mean `{near}`?"));
        return ConfigError::Unknown { source_name, name, hint: hint.unwrap_or_default() };
    }
    let why = match std::error::Error::source(error) {
        Some(why) => why.to_string(),
        None => match text(ContextKind::ValidValue) {
            legal if legal.is_empty() => error.kind().to_string(),
            legal => format!("it must be {}", legal.replace(", ", " or ")),
        },
    };
    let value = format!("`{}`", text(ContextKind::InvalidValue));
    let is_said = is_hidden(&name) || why.contains(&value);
    ConfigError::Value { source_name, name, why: if is_said { why } else { format!("{value}: {why}") } }
}

/// What the environment says; an empty variable says nothing.
fn from_environment(name: &str, environment: &dyn Fn(&str) -> Option<OsString>) -> Option<Said> {
    let read = |variable: &str| environment(variable).filter(|text| !text.is_empty());
    let of = |text: OsString, variable: &str| Some((text, Source::Environment(String::from(variable))));
    if let Some(text) = read(&variable(name)) {
        return of(text, &variable(name));
    }
    let half = |variable: &str| read(variable).map(|text| text.to_string_lossy().into_owned());
    match (name, half("HOST"), half("PORT"), half("MODE")) {
        ("listen", Some(host), port, _) => {
            let is_bare = host.contains(':') && !host.starts_with('[');
            let host = if is_bare { format!("[{host}]") } else { host };
            of(format!("{host}:{}", port.as_deref().unwrap_or("8080")).into(), "HOST or PORT")
        }
        ("listen", None, Some(port), _) => of(format!("[::]:{port}").into(), "HOST or PORT"),
        // Without a mode the original asks for no nines either.
        ("overlay", _, _, Some(mode)) => {
            let overlay = match (mode.as_str(), half("NINES")) {
                ("fullmesh", _) => String::from("full-mesh"),
                ("kgossip", None) => String::from("k-gossip"),
                ("kgossip", Some(nines)) => format!("k-gossip:{nines}"),
                // No overlay has such a name.
                _ => format!("MODE={mode}"),
            };
            of(overlay.into(), "MODE or NINES")
        }
        _ => None,
    }
}

fn read_file(path: &Path) -> Result<BTreeMap<String, Said>, ConfigError> {
    let failed = |why: String| ConfigError::File { path: path.to_owned(), why };
    let length = std::fs::metadata(path).map_err(|error| failed(error.to_string()))?.len();
    if length > FILE_MAX {
        return Err(failed(format!("it has {length} bytes; at most {FILE_MAX} are read")));
    }
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    // Its own words would show the line, which may have a secret.
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        failed(format!("line {}: {}", 1 + before.matches('\n').count(), error.message()))
    })?;
    let mut said = BTreeMap::new();
    for (name, value) in table {
        let source = Source::File(path.to_owned());
        match words(&value) {
            Some(text) if text.is_empty() && value.is_str() => {}
            Some(text) => drop(said.insert(name, (OsString::from(text), source))),
            None => {
                let why = format!(
                    "write a text, a number, true, false or a list of texts, and no {}",
                    value.type_str()
                );
                return Err(ConfigError::Value { source_name: source, name, why });
            }
        }
    }
    Ok(said)
}

/// A value of the file as a flag has it.
fn words(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(switch) => Some(switch.to_string()),
        Value::Array(items) => Some(items.iter().map(Value::as_str).collect::<Option<Vec<_>>>()?.join(",")),
        Value::Float(_) | Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(environment: &[(&str, &str)], file: &str) -> Result<Chosen, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, file).unwrap();
        let environment = |name: &str| {
            environment.iter().find(|(variable, _)| *variable == name).map(|(_, text)| OsString::from(text))
        };
        let chosen = choose(&BTreeMap::new(), &environment, Some(&path));
        chosen.map_err(|error| error.to_string().replace(&path.display().to_string(), "m.toml"))
    }

    #[test]
    fn a_mistyped_key_is_named_with_the_nearest() {
        let error = chosen(&[], "# limits\n\nroom_max = 5\n").unwrap_err();
        assert_eq!(error, "m.toml: there is no setting `room_max`; did you mean `rooms_max`?");
        let error = chosen(&[], "colour_of_the_sky = 'blue'").unwrap_err();
        assert!(!error.contains("did you mean"), "{error}");
    }

    #[test]
    fn a_wrong_value_names_its_key_and_source() {
        for (text, words) in [
            ("connections_max = 0", "m.toml: connections_max: `0`: write a whole number from 1 to 2000000"),
            ("rooms_max = -5", "m.toml: rooms_max: `-5`: write a whole number from 0 to "),
            (
                "request_burst = 'many'",
                "m.toml: request_burst: `many`: write a whole number from 10 to 1000000",
            ),
            ("relay = 'maybe'", "m.toml: relay: `maybe`: write true or false"),
            ("log_addresses = 'maybe'", "m.toml: log_addresses: `maybe`: write true or false"),
            ("turn_tokens = 'maybe'", "m.toml: turn_tokens: `maybe`: write true or false"),
            (
                "log = 'verbose'",
                "m.toml: log: `verbose` is no level: write off, error, warn, info, debug or trace",
            ),
            ("log = 5", "m.toml: log: `5` is no level"),
            ("log = 'info,meshwork_signal=loud'", "m.toml: log: `info,meshwork_signal=loud`"),
            ("secret_key = '                    '", "m.toml: secret_key: it has blanks alone"),
            ("idle_after = 90", "m.toml: idle_after: `90`: time unit needed"),
            ("listen = 8080", "m.toml: listen: `8080`: give HOST:PORT"),
            ("relay_allow = ['10.0.0.0/99']", "`10.0.0.0/99` is not a range"),
            ("relay_listen = ['localhost']", "m.toml: relay_listen: `localhost`: invalid socket address"),
            ("log_format = 'xml'", "m.toml: log_format: `xml`: it must be text or json"),
            ("secret_key = 'hunter2'", "m.toml: secret_key: it has 7 characters"),
            ("[relay]\nlisten = []", "m.toml: relay: "),
            ("secret_key = 'hunter2\n", "line 1"),
            ("rooms_max = 1\nrooms_max = 2\n", "line 2"),
        ] {
            let error = chosen(&[], text).unwrap_err();
            assert!(error.contains(words) && !error.contains("hunter2"), "{text}: {error}");
        }
        let error = chosen(&[("TURN_SECRET", "short")], "").unwrap_err();
        assert!(error.starts_with("environment variable TURN_SECRET: turn_secret: it has 5"), "{error}");
    }

    #[test]
    fn numbers_amounts_times_and_lists_are_read() {
        let chosen = chosen(
            &[],
            "rooms_max = 0x10\nmessage_bytes_max = '12KiB'\nqueue_bytes_max = 262_144\nidle_after = '2m'\n\
             relay_allow = ['10.0.0.0/8', '::1']\nrelay = true\npublic_url = ''\nmetrics_allow = []\n",
        );
        let Settings { server, rooms, clients, relay } = chosen.unwrap().settings;
        assert_eq!(
            (rooms.rooms_max, clients.message_bytes_max, clients.queue_bytes_max),
            (16, 12_288, 262_144)
        );
        assert_eq!((clients.idle_after.as_secs(), relay.relay, server.public_url), (120, true, None));
        assert_eq!((relay.relay_allow.len(), server.metrics_allow.len()), (2, 0));
    }

    #[test]
    fn variables_have_the_names_that_platforms_use() {
        let said = [("TURN_URLS", "turn:a,turns:b"), ("SECRET_KEY", "0123456789012345")];
        let Settings { server, relay, .. } = chosen(&said, "").unwrap().settings;
        assert_eq!(*relay.turn_urls, ["turn:a", "turns:b"]);
        assert_eq!(server.secret_key.unwrap().reveal(), "0123456789012345");
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.toml");
        std::fs::write(&path, "rooms_max = 1\nwaits_max = 100\nmembers_max = 3").unwrap();
        let flags = BTreeMap::from([(String::from("rooms_max"), OsString::from("3"))]);
        let environment = |name: &str| {
            ["MESHWORK_ROOMS_MAX", "MESHWORK_WAITS_MAX"].contains(&name).then(|| OsString::from("20"))
        };
        let chosen = choose(&flags, &environment, Some(&path)).unwrap();
        let rooms = &chosen.settings.rooms;
        assert_eq!(
            (rooms.rooms_max, rooms.waits_max, rooms.members_max, rooms.rooms_per_socket_max),
            (3, 20, 3, 32)
        );
        let said = ["rooms_max", "waits_max", "members_max", "waits_per_socket_max"]
            .map(|name| chosen.source(name).to_string());
        let file = path.display().to_string();
        assert_eq!(
            said,
            ["--rooms-max", "environment variable MESHWORK_WAITS_MAX", file.as_str(), "default"]
        );
    }

    #[test]
    fn host_and_port_make_an_address() {
        for (environment, address) in [
            (&[][..], "127.0.0.1:8080"),
            (&[("PORT", "3000")], "[::]:3000"),
            (&[("HOST", "::"), ("PORT", "3000")], "[::]:3000"),
            (&[("HOST", "localhost")], "localhost:8080"),
            (&[("HOST", ""), ("PORT", "")], "127.0.0.1:8080"),
            (&[("PORT", "3000"), ("MESHWORK_LISTEN", "127.0.0.1:1")], "127.0.0.1:1"),
        ] {
            assert_eq!(chosen(environment, "").unwrap().settings.server.listen, address, "{environment:?}");
        }
        let error = chosen(&[("PORT", "http")], "").unwrap_err();
        assert!(
            error.starts_with("environment variable HOST or PORT: listen: `[::]:http`: give HOST:PORT"),
            "{error}"
        );
    }

    #[test]
    fn the_originals_mode_and_nines_choose_an_overlay() {
        for (environment, overlay) in [
            (&[][..], "auto"),
            (&[("MODE", "fullmesh"), ("NINES", "5")], "full-mesh"),
            (&[("MODE", "kgossip"), ("NINES", "5")], "k-gossip:5"),
            (&[("NINES", "5")], "auto"),
            (&[("MODE", "kgossip"), ("MESHWORK_OVERLAY", "emergent")], "emergent"),
        ] {
            let chosen = chosen(environment, "").unwrap();
            assert_eq!(chosen.settings.rooms.overlay.to_string(), overlay, "{environment:?}");
        }
        let error = chosen(&[("MODE", "production")], "").unwrap_err();
        assert!(error.starts_with("environment variable MODE or NINES: overlay: "), "{error}");
        assert!(error.contains("MODE=production is no overlay"), "{error}");
        let error = chosen(&[("MODE", "kgossip"), ("NINES", "many")], "").unwrap_err();
        assert!(error.contains("k-gossip:many is no overlay"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = choose(&BTreeMap::new(), &|_| None, Some(Path::new("/nowhere/m.toml"))).unwrap_err();
        assert!(error.to_string().contains("/nowhere/m.toml"), "{error}");
    }
}
