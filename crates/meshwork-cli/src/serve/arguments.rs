//! The flags of `meshwork serve`, made from the table of settings.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use super::kind::{Kind, Value};
use super::settings::{SETTINGS, Setting};

/// What `meshwork serve` is asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServeArgs {
    /// The file with further settings.
    pub(super) config: Option<PathBuf>,
    /// Only show the settings that count.
    pub(super) print_config: bool,
    /// The settings that were flags, by name.
    pub(super) flags: BTreeMap<&'static str, Value>,
}

const AFTER_HELP: &str = "\
A value comes from its flag, else from its environment variable, else from the file, else it is the \
default. `--print-config` shows what counts and where it comes from, in the form of the file. A server \
that gets SIGHUP reads file and environment again; it says which changes wait for a restart.";

impl clap::FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ServeArgs, clap::Error> {
        let mut arguments = ServeArgs::default();
        arguments.update_from_arg_matches(matches)?;
        Ok(arguments)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.config = matches.get_one::<PathBuf>("config").cloned();
        self.print_config = matches.get_flag("print_config");
        for setting in flags() {
            if let Some(values) = matches.get_many::<Value>(setting.name) {
                self.flags.insert(setting.name, together(values.cloned()));
            }
        }
        Ok(())
    }
}

impl clap::Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("A TOML file with any of these settings, by their names with `_` for `-` [env: MESHWORK_CONFIG]");
        let print = Arg::new("print_config")
            .long("print-config")
            .action(ArgAction::SetTrue)
            .help("Print the settings that count as a TOML file, each with its meaning and source, and end");
        let command = command.after_help(AFTER_HELP).arg(config).arg(print);
        flags().fold(command, |command, setting| command.arg(flag(setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn flags() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| !setting.is_secret)
}

fn flag(setting: &'static Setting) -> Arg {
    let kind = setting.kind;
    let parse = move |text: &str| kind.parse(text);
    let arg = Arg::new(setting.name)
        .long(setting.flag())
        .help_heading(setting.topic.heading())
        .help(help(setting))
        .value_parser(parse);
    match kind {
        Kind::Switch => {
            arg.num_args(0..=1).require_equals(true).default_missing_value("true").value_name("true|false")
        }
        Kind::List(_) => arg.action(ArgAction::Append).value_name("A,B,..."),
        Kind::Text(_) => arg.value_name(if setting.name == "data" { "DIR" } else { "TEXT" }),
        Kind::Whole(..) => arg.value_name("NUMBER"),
        Kind::Bytes(..) => arg.value_name("BYTES"),
        Kind::Time(..) => arg.value_name("TIME"),
    }
}

fn help(setting: &Setting) -> String {
    let mut help = format!("{} [env: {}]", setting.meaning, setting.variable());
    if let Some(range) = setting.kind.range() {
        help.push_str(&format!(" [{range}]"));
    }
    match setting.default() {
        Value::Unset => {}
        Value::List(items) if items.is_empty() => {}
        default => help.push_str(&format!(" [default: {}]", default.to_toml().trim_matches('"'))),
    }
    help
}

/// The value of a flag that was given once or more.
fn together(values: impl Iterator<Item = Value>) -> Value {
    let join = |former: Value, value: Value| match (former, value) {
        (Value::List(former), Value::List(items)) => Value::List([former, items].concat()),
        (_, value) => value,
    };
    values.reduce(join).unwrap_or(Value::Unset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Args as _, FromArgMatches as _};

    fn read(arguments: &[&str]) -> Result<ServeArgs, clap::Error> {
        let command = ServeArgs::augment_args(Command::new("serve").no_binary_name(true));
        ServeArgs::from_arg_matches(&command.try_get_matches_from(arguments)?)
    }

    #[test]
    fn flags_have_the_names_of_the_settings() {
        let arguments =
            ["--rooms-max", "5", "--relay", "--relay-allow", "::1", "--relay-allow", "10.0.0.0/8,fd00::/8"];
        let flags = read(&arguments).unwrap().flags;
        let ranges = ["::1/128", "10.0.0.0/8", "fd00::/8"].map(String::from).to_vec();
        let expected = [
            ("rooms_max", Value::Whole(5)),
            ("relay", Value::Switch(true)),
            ("relay_allow", Value::List(ranges)),
        ];
        assert_eq!(flags, BTreeMap::from(expected));
        assert_eq!(read(&["--relay=false"]).unwrap().flags["relay"], Value::Switch(false));
    }

    #[test]
    fn secrets_are_no_flags() {
        assert!(read(&["--secret-key", "0123456789abcdef"]).is_err());
        assert!(read(&["--turn-secret=0123456789abcdef"]).is_err());
    }
}
