//! Parameters of scenarios: numbers, lists of numbers and switches, each with its default and its range.

use std::borrow::Cow;
use std::fmt;
use std::ops::RangeInclusive;

use super::ScenarioError;

/// Values of a list at most.
const LIST_MAX: usize = 20;

/// A parameter of a scenario.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) default: Setting,
    /// Each number must lie in it.
    legal: RangeInclusive<u64>,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Setting {
    Flag(bool),
    Number(u64),
    List(Cow<'static, [u64]>),
}

impl Parameter {
    /// A number.
    pub(super) const fn number(name: &'static str, default: u64, legal: RangeInclusive<u64>) -> Parameter {
        Parameter { name, default: Setting::Number(default), legal }
    }

    /// A list of numbers, each of which is studied.
    pub(super) const fn list(
        name: &'static str,
        default: &'static [u64],
        legal: RangeInclusive<u64>,
    ) -> Parameter {
        Parameter { name, default: Setting::List(Cow::Borrowed(default)), legal }
    }

    /// A switch, on by default.
    pub(super) const fn switch(name: &'static str) -> Parameter {
        Parameter { name, default: Setting::Flag(true), legal: 0..=1 }
    }

    /// The parameter set to one number.
    pub(super) fn with(&self, value: u64) -> Result<Setting, ScenarioError> {
        let setting = match self.default {
            Setting::List(_) => Setting::List(vec![value].into()),
            _ => Setting::Number(value),
        };
        self.checked(Some(setting), value)
    }

    /// The value that a file gives it.
    pub(super) fn read(&self, value: &toml::Value) -> Result<Setting, ScenarioError> {
        let number = |value: &toml::Value| u64::try_from(value.as_integer()?).ok();
        let setting = match value {
            toml::Value::Boolean(is_on) => Some(Setting::Flag(*is_on)),
            toml::Value::Array(values) => values
                .iter()
                .map(number)
                .collect::<Option<Vec<u64>>>()
                .map(|values| Setting::List(values.into())),
            value => number(value).map(Setting::Number),
        };
        self.checked(setting, value)
    }

    fn checked(&self, setting: Option<Setting>, value: impl fmt::Display) -> Result<Setting, ScenarioError> {
        let is_legal = |setting: &Setting| match (&self.default, setting) {
            (Setting::Flag(_), Setting::Flag(_)) => true,
            (Setting::Number(_), Setting::Number(number)) => self.legal.contains(number),
            (Setting::List(_), Setting::List(list)) => {
                (1..=LIST_MAX).contains(&list.len()) && list.iter().all(|number| self.legal.contains(number))
            }
            _ => false,
        };
        setting.filter(is_legal).ok_or_else(|| {
            let (least, most) = self.legal.clone().into_inner();
            let legal = match self.default {
                Setting::Flag(_) => "true or false".to_owned(),
                Setting::Number(_) => format!("{least} to {most}"),
                Setting::List(_) => format!("a list of 1 to {LIST_MAX} numbers, each {least} to {most}"),
            };
            ScenarioError::Range { name: self.name, value: value.to_string(), legal }
        })
    }
}

impl Setting {
    /// Its numbers in ascending order, each once.
    pub(super) fn numbers(&self) -> Vec<usize> {
        let mut numbers: Vec<usize> = match self {
            Setting::Flag(_) => vec![],
            Setting::Number(number) => vec![*number as usize],
            Setting::List(numbers) => numbers.iter().map(|number| *number as usize).collect(),
        };
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

/// As a TOML file has it.
impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Setting::Flag(is_on) => write!(f, "{is_on}"),
            Setting::Number(number) => write!(f, "{number}"),
            Setting::List(numbers) => write!(f, "{numbers:?}"),
        }
    }
}
