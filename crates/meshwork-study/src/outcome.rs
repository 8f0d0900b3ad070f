//! What a scenario found: words, tables, and figures drawn from numbers.

use std::fmt::Write as _;

/// All that a run has to say. The same parameters and seed give the same outcome, byte for byte.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// The scenario's name on the command line.
    pub scenario: &'static str,
    /// Its title for people.
    pub title: &'static str,
    /// The seed.
    pub seed: u64,
    /// Its parameters, as a TOML file that repeats the run.
    pub parameters: String,
    /// What was found, in sentences.
    pub findings: Vec<String>,
    /// What is modelled.
    pub modelled: Vec<&'static str>,
    /// What is not.
    pub not_modelled: Vec<&'static str>,
    /// Numbers, and figures of them.
    pub sections: Vec<Section>,
}

/// A table with the figures that show it.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// The name of its files, in letters, digits and hyphens.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// How to read it.
    pub words: &'static str,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The numbers.
    pub table: Table,
}

/// Rows of values under named columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// Names, with units.
    pub columns: Vec<&'static str>,
    /// As many values each as there are columns.
    pub rows: Vec<Vec<Value>>,
}

/// One value of a table.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A name.
    Text(String),
    /// A count.
    Count(u64),
    /// A number, shown with so many digits behind the point.
    Number(f64, u8),
    /// There is none.
    Nothing,
}

/// A chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The name of its files.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// What goes to the right.
    pub x: Axis,
    /// What goes up.
    pub y: Axis,
    /// How points are drawn.
    pub form: Form,
    /// What is shown.
    pub series: Vec<Series>,
}

/// What an axis shows, with its unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// Its words.
    pub label: &'static str,
    /// Whether equal steps are equal factors.
    pub is_logarithmic: bool,
}

/// How points are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Joined by lines, in the order of x.
    Lines,
    /// A bar each, as in a histogram.
    Bars,
}

/// Points under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Its name.
    pub label: String,
    /// Where they are.
    pub points: Vec<(f64, f64)>,
}

impl Axis {
    /// Equal steps are equal differences.
    pub fn linear(label: &'static str) -> Axis {
        Axis { label, is_logarithmic: false }
    }

    /// Equal steps are equal factors.
    pub fn logarithmic(label: &'static str) -> Axis {
        Axis { label, is_logarithmic: true }
    }
}

impl Value {
    /// A name.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A count.
    pub fn count(count: impl TryInto<u64>) -> Value {
        Value::Count(count.try_into().unwrap_or(u64::MAX))
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Value::Text(text) => text.as_str().into(),
            Value::Count(count) => (*count).into(),
            // Through the digits that are shown, so that all files say the same.
            Value::Number(..) => self.plain().parse::<f64>().ok().into(),
            Value::Nothing => serde_json::Value::Null,
        }
    }

    /// As programs read it.
    pub fn plain(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Count(count) => count.to_string(),
            Value::Number(number, digits) => format!("{number:.*}", usize::from(*digits)),
            Value::Nothing => String::new(),
        }
    }
}

impl Table {
    /// An empty table.
    pub fn of(columns: &[&'static str]) -> Table {
        Table { columns: columns.to_vec(), rows: vec![] }
    }

    /// Adds a row.
    pub fn push(&mut self, row: Vec<Value>) {
        debug_assert_eq!(row.len(), self.columns.len(), "a value for each column");
        self.rows.push(row);
    }

    /// The values of a column of numbers.
    pub fn numbers(&self, column: &str) -> Vec<f64> {
        let place = self.columns.iter().position(|name| *name == column);
        let row = |row: &Vec<Value>| row.get(place?)?.plain().parse().ok();
        self.rows.iter().filter_map(row).collect()
    }

    /// One column against another, as points.
    pub fn series(&self, label: &str, x: &str, y: &str) -> Series {
        let points = self.numbers(x).into_iter().zip(self.numbers(y)).collect();
        Series { label: label.to_owned(), points }
    }

    /// RFC 4180, with a line feed behind each line.
    pub fn csv(&self) -> String {
        let quoted = |text: &str| match text.contains([',', '"', '\n']) {
            true => format!("\"{}\"", text.replace('"', "\"\"")),
            false => text.to_owned(),
        };
        let mut csv = self.columns.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",");
        csv.push('\n');
        for row in &self.rows {
            csv += &row.iter().map(|value| quoted(&value.plain())).collect::<Vec<_>>().join(",");
            csv.push('\n');
        }
        csv
    }
}

impl Outcome {
    /// Everything, for programs.
    pub fn json(&self) -> String {
        let section = |section: &Section| {
            let row = |row: &Vec<Value>| {
                let pairs = section.table.columns.iter().zip(row);
                pairs
                    .map(|(name, value)| ((*name).to_owned(), value.json()))
                    .collect::<serde_json::Map<_, _>>()
            };
            serde_json::json!({
                "name": section.name,
                "title": section.title,
                "rows": section.table.rows.iter().map(row).collect::<Vec<_>>(),
            })
        };
        let all = serde_json::json!({
            "scenario": self.scenario,
            "title": self.title,
            "seed": self.seed,
            "parameters": self.parameters,
            "findings": self.findings,
            "modelled": self.modelled,
            "not_modelled": self.not_modelled,
            "sections": self.sections.iter().map(section).collect::<Vec<_>>(),
        });
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{all:#}");
        text
    }

    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_written_for_programs() {
        let mut table = Table::of(&["overlay, with degree", "ms", "copies"]);
        table.push(vec![Value::text("k-gossip \"9\""), Value::Number(1.25, 1), Value::count(7u32)]);
        table.push(vec![Value::text("star"), Value::Nothing, Value::count(0u32)]);
        assert_eq!(
            table.csv(),
            "\"overlay, with degree\",ms,copies\n\"k-gossip \"\"9\"\"\",1.2,7\nstar,,0\n"
        );
        assert_eq!(table.numbers("copies"), [7.0, 0.0]);
        let row = table.rows[0].iter().map(Value::json).collect::<Vec<_>>();
        assert_eq!(row[1], serde_json::json!(1.2));
    }
}
