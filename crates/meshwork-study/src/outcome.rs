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
    pub modelled: &'static [&'static str],
    /// What is not.
    pub not_modelled: &'static [&'static str],
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
    /// A number, shown with this many digits behind the point.
    Number(f64, u8),
    /// There is none.
    Nothing,
}

/// A column of a table over the samples of a case: its name, the digits that it shows, and its value. NaN stands for
/// [`Value::Nothing`].
pub type Column<S> = (&'static str, u8, fn(&[S]) -> f64);

/// A figure as data: the columns of a table that it shows.
#[derive(Clone, Copy, Debug)]
pub struct Chart {
    /// The name of its files.
    pub name: &'static str,
    /// Its title.
    pub title: &'static str,
    /// The column along x, and its axis.
    pub x: (&'static str, Axis),
    /// The axis of the other columns.
    pub y: Axis,
    /// How points are drawn.
    pub form: Form,
    /// The columns along y.
    pub lines: Lines,
}

/// The lines of a [`Chart`].
#[derive(Clone, Copy, Debug)]
pub enum Lines {
    /// This column, in a line for each value of the table's first column.
    Each(&'static str),
    /// These columns.
    Columns(&'static [&'static str]),
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
#[derive(Clone, Copy, Debug, PartialEq)]
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
    pub const fn linear(label: &'static str) -> Axis {
        Axis { label, is_logarithmic: false }
    }

    /// Equal steps are equal factors.
    pub const fn logarithmic(label: &'static str) -> Axis {
        Axis { label, is_logarithmic: true }
    }
}

impl Value {
    /// A name.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A count.
    pub fn count(count: usize) -> Value {
        Value::Number(count as f64, 0)
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Value::Text(text) => text.as_str().into(),
            Value::Number(number, 0) => (number.round() as i64).into(),
            // Through the digits that are shown, so that all files say the same.
            Value::Number(..) => self.plain().parse::<f64>().ok().into(),
            Value::Nothing => serde_json::Value::Null,
        }
    }

    /// As programs read it.
    pub fn plain(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Number(number, digits) => format!("{number:.*}", usize::from(*digits)),
            Value::Nothing => String::new(),
        }
    }
}

impl Table {
    /// A row for each case: `keys` name it, `columns` measure its samples.
    pub fn of<S>(
        keys: &[&'static str],
        columns: &[Column<S>],
        cases: impl IntoIterator<Item = (Vec<Value>, impl AsRef<[S]>)>,
    ) -> Table {
        let names = keys.iter().copied().chain(columns.iter().map(|(name, ..)| *name));
        let mut table = Table { columns: names.collect(), rows: vec![] };
        for (mut row, samples) in cases {
            debug_assert_eq!(row.len(), keys.len(), "a value for each key");
            row.extend(columns.iter().map(|(_, digits, of)| match of(samples.as_ref()) {
                number if number.is_nan() => Value::Nothing,
                number => Value::Number(number, *digits),
            }));
            table.rows.push(row);
        }
        table
    }

    /// The values of a column of numbers.
    pub fn numbers(&self, column: &str) -> Vec<f64> {
        self.rows.iter().filter_map(|row| self.number(row, column)).collect()
    }

    /// A figure of its columns.
    pub fn figure(&self, chart: &Chart) -> Figure {
        let Chart { name, title, x: (across, x), y, form, lines } = *chart;
        let line = |label: String, column: &str, is_in: &dyn Fn(&[Value]) -> bool| {
            let rows = self.rows.iter().filter(|row| is_in(row));
            let points = rows.filter_map(|row| Some((self.number(row, across)?, self.number(row, column)?)));
            Series { label, points: points.collect() }
        };
        let series = match lines {
            Lines::Columns(columns) => {
                columns.iter().map(|column| line((*column).to_owned(), column, &|_: &[Value]| true)).collect()
            }
            Lines::Each(column) => {
                let mut names: Vec<&Value> = vec![];
                for name in self.rows.iter().filter_map(|row| row.first()) {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                }
                let label = |value: &Value| match value {
                    Value::Text(text) => text.clone(),
                    value => format!("{} {}", value.plain(), self.columns[0]),
                };
                let each =
                    |name: &Value| line(label(name), column, &|row: &[Value]| row.first() == Some(name));
                names.into_iter().map(each).collect()
            }
        };
        Figure { name, title, x, y, form, series }
    }

    /// `sentence` for each row about the largest room, with the row's values for column names in braces.
    pub fn sentences(&self, sentence: &str) -> Vec<String> {
        let largest = self.numbers("peers").into_iter().fold(f64::NEG_INFINITY, f64::max);
        let rows =
            self.rows.iter().filter(|row| self.number(row, "peers").is_none_or(|peers| peers == largest));
        let filled = |row: &Vec<Value>| {
            self.columns.iter().zip(row).fold(sentence.to_owned(), |text, (column, value)| {
                let value = if *value == Value::Nothing { "not reached".to_owned() } else { value.plain() };
                text.replace(&format!("{{{column}}}"), &value)
            })
        };
        rows.map(filled).collect()
    }

    fn number(&self, row: &[Value], column: &str) -> Option<f64> {
        let place = self.columns.iter().position(|name| *name == column)?;
        row.get(place)?.plain().parse().ok()
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

    fn table() -> Table {
        let columns: [Column<f64>; 2] = [("ms", 1, |times| times[0]), ("copies", 0, |times| times[1])];
        let cases = [("k-gossip \"9\"", [1.25, 7.0]), ("star", [f64::NAN, 0.0])];
        let cases = cases.map(|(name, samples)| (vec![Value::text(name)], samples));
        Table::of(&["overlay, with degree"], &columns, cases)
    }

    #[test]
    fn tables_are_written_for_programs() {
        let table = table();
        assert_eq!(
            table.csv(),
            "\"overlay, with degree\",ms,copies\n\"k-gossip \"\"9\"\"\",1.2,7\nstar,,0\n"
        );
        assert_eq!(table.numbers("copies"), [7.0, 0.0]);
        let row = table.rows[0].iter().map(Value::json).collect::<Vec<_>>();
        assert_eq!((&row[1], &row[2]), (&serde_json::json!(1.2), &serde_json::json!(7)));
    }

    #[test]
    fn figures_and_sentences_come_from_columns() {
        let chart = |lines| Chart {
            name: "f",
            title: "F",
            x: ("copies", Axis::linear("copies")),
            y: Axis::linear("ms"),
            form: Form::Lines,
            lines,
        };
        let series = table().figure(&chart(Lines::Each("ms"))).series;
        let lines: Vec<_> = series.iter().map(|line| (line.label.as_str(), line.points.as_slice())).collect();
        assert_eq!(lines, [("k-gossip \"9\"", &[(7.0, 1.2)][..]), ("star", &[])], "no value, no point");
        let series = table().figure(&chart(Lines::Columns(&["ms", "copies"]))).series;
        assert_eq!((series[0].points.len(), series[1].points.len()), (1, 2));
        assert_eq!(table().sentences("{ms} ms, {copies}."), ["1.2 ms, 7.", "not reached ms, 0."]);
    }
}
