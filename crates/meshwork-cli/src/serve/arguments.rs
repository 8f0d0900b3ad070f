//! The flags of `meshwork serve`: the settings but the secrets, the file that has more of them, and how to see what counts.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::settings::{SECRETS, arguments, variable};

const AFTER_HELP: &str = "\
A value comes from its flag, else from its environment variable, else from the file, else it is the \
default. `--print-config` prints the effective values and their sources, in the form of the file. On \
SIGHUP the server reads file and environment again, and logs the changes that need a restart.";

/// Arguments of `meshwork serve`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServeArgs {
    pub(super) own: OwnArgs,
    /// The settings that were flags, by name; several values of a list with commas between them.
    pub(super) flags: BTreeMap<String, OsString>,
}

/// Arguments that are no settings.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct OwnArgs {
    /// A TOML file with any of these settings, by their names with `_` for `-` [env: MESHWORK_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Print the effective settings as a TOML file, each with its meaning and source, and end.
    #[arg(long)]
    pub(super) print_config: bool,
}

impl FromArgMatches for ServeArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<ServeArgs, clap::Error> {
        let mut flags = BTreeMap::new();
        for name in arguments().map(|arg| arg.get_id().to_string()) {
            if matches.value_source(&name) != Some(ValueSource::CommandLine) {
                continue;
            }
            if SECRETS.contains(&name.as_str()) {
                let words = format!(
                    "{name} has no flag, since others could read it; set the variable {}\n",
                    variable(&name)
                );
                return Err(clap::Error::raw(ErrorKind::UnknownArgument, words));
            }
            let values: Vec<_> = matches.get_raw(&name).into_iter().flatten().collect();
            flags.insert(name, values.join(",".as_ref()));
        }
        Ok(ServeArgs { own: OwnArgs::from_arg_matches(matches)?, flags })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = ServeArgs::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for ServeArgs {
    fn augment_args(command: Command) -> Command {
        OwnArgs::augment_args(command).after_help(AFTER_HELP).args(arguments())
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<BTreeMap<String, OsString>, clap::Error> {
        let command = ServeArgs::augment_args(Command::new("serve").no_binary_name(true));
        Ok(ServeArgs::from_arg_matches(&command.try_get_matches_from(arguments)?)?.flags)
    }

    #[test]
    fn flags_have_the_names_of_the_settings() {
        let arguments =
            ["--rooms-max", "5", "--relay", "--relay-allow", "::1", "--relay-allow", "10.0.0.0/8,fd00::/8"];
        let said = [("rooms_max", "5"), ("relay", "true"), ("relay_allow", "::1,10.0.0.0/8,fd00::/8")];
        let said = said.map(|(name, text)| (String::from(name), OsString::from(text)));
        assert_eq!(read(&arguments).unwrap(), BTreeMap::from(said));
        assert_eq!(read(&["--relay=false"]).unwrap()["relay"], "false");
        assert!(read(&["--connections-max", "0"]).unwrap_err().to_string().contains("--connections-max"));
    }

    #[test]
    fn secrets_are_no_flags() {
        assert!(read(&["--secret-key", "0123456789abcdef"]).is_err());
        let error = read(&["--turn-secret=0123456789abcdef"]).unwrap_err().to_string();
        assert!(error.contains("TURN_SECRET") && !error.contains("0123456789"), "{error}");
    }
}
