//! A table of a task's TOML. Its keys are taken one by one, and every error names its place.

use toml::{Table, Value};

use crate::nearest::nearest;

/// An error message: the place in the file, what is wrong, and what would be right.
pub(super) type Mistake = String;

/// A table that has no unknown keys.
#[derive(Debug)]
pub(super) struct Section {
    place: String,
    table: Table,
}

impl Section {
    /// A section of a table.
    ///
    /// # Errors
    /// A key of the table that is not one of `keys`.
    pub(super) fn new(
        place: impl Into<String>,
        table: Table,
        keys: &[&'static str],
    ) -> Result<Self, Mistake> {
        let section = Self { place: place.into(), table };
        match section.table.keys().find(|key| !keys.contains(&key.as_str())) {
            None => Ok(section),
            Some(key) => Err(section.mistake(format!(
                "unknown key {key:?}: did you mean {}?",
                nearest(key, keys.iter().copied())
            ))),
        }
    }

    pub(super) fn mistake(&self, what: impl AsRef<str>) -> Mistake {
        match self.place.as_str() {
            "" => what.as_ref().to_owned(),
            place => format!("{place}: {}", what.as_ref()),
        }
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    fn other_type(&self, key: &str, wanted: &str, got: &Value) -> Mistake {
        self.mistake(format!("{key} = {got} is not {wanted}"))
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, Mistake> {
        match self.table.remove(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.other_type(key, "text in quotes", &other)),
        }
    }

    pub(super) fn flag(&mut self, key: &str) -> Result<bool, Mistake> {
        match self.table.remove(key) {
            None => Ok(false),
            Some(Value::Boolean(flag)) => Ok(flag),
            Some(other) => Err(self.other_type(key, "true or false", &other)),
        }
    }

    /// A number, which may be infinite but not NaN.
    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, Mistake> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        as_number(&value).map(Some).ok_or_else(|| self.other_type(key, "a number", &value))
    }

    pub(super) fn required(&mut self, key: &str) -> Result<f64, Mistake> {
        self.number(key)?.ok_or_else(|| self.mistake(format!("{key} is missing")))
    }

    pub(super) fn finite(&mut self, key: &str, default: f64) -> Result<f64, Mistake> {
        let value = self.number(key)?.unwrap_or(default);
        if value.is_finite() {
            return Ok(value);
        }
        Err(self.mistake(format!("{key} = {value} is not finite")))
    }

    /// A list of numbers; a single number is a list of one.
    pub(super) fn numbers(&mut self, key: &str) -> Result<Option<Vec<f64>>, Mistake> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let numbers = match &value {
            Value::Array(list) => list.iter().map(as_number).collect(),
            single => as_number(single).map(|number| vec![number]),
        };
        numbers.map(Some).ok_or_else(|| self.other_type(key, "a list of numbers", &value))
    }

    pub(super) fn words(&mut self, key: &str) -> Result<Option<Vec<String>>, Mistake> {
        let Some(value) = self.table.remove(key) else { return Ok(None) };
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let words = match &value {
            Value::Array(list) => list.iter().map(word).collect(),
            single => word(single).map(|word| vec![word]),
        };
        words.map(Some).ok_or_else(|| self.other_type(key, "a list of texts", &value))
    }

    /// Two numbers in ascending order.
    pub(super) fn pair(&mut self, key: &str) -> Result<Option<(f64, f64)>, Mistake> {
        let Some(numbers) = self.numbers(key)? else { return Ok(None) };
        match numbers.as_slice() {
            [low, high] if low <= high => Ok(Some((*low, *high))),
            [low, high] => {
                Err(self.mistake(format!("{key} = [{low}, {high}] is not in ascending order")))
            }
            other => Err(self.mistake(format!("{key} has {} numbers, not 2", other.len()))),
        }
    }

    /// Two finite numbers in ascending order.
    pub(super) fn finite_pair(&mut self, key: &str) -> Result<Option<(f64, f64)>, Mistake> {
        match self.pair(key)? {
            Some((low, high)) if !(low.is_finite() && high.is_finite()) => {
                Err(self.mistake(format!("{key} = [{low}, {high}] is not finite")))
            }
            pair => Ok(pair),
        }
    }

    pub(super) fn table(&mut self, key: &str) -> Result<Table, Mistake> {
        match self.table.remove(key) {
            None => Ok(Table::new()),
            Some(Value::Table(table)) => Ok(table),
            Some(_) => Err(self.mistake(format!("{key} is not a table: write [{key}]"))),
        }
    }

    /// The tables of `[[key]]`; empty where the key is missing.
    pub(super) fn tables(&mut self, key: &str) -> Result<Vec<Table>, Mistake> {
        let tables = match self.table.remove(key) {
            None => Some(Vec::new()),
            Some(Value::Array(list)) => {
                list.into_iter().map(|value| value.as_table().cloned()).collect()
            }
            Some(_) => None,
        };
        tables
            .ok_or_else(|| self.mistake(format!("{key} is not a list of tables: write [[{key}]]")))
    }
}

/// The value as a number; none for NaN and other types.
fn as_number(value: &Value) -> Option<f64> {
    match value {
        Value::Integer(number) => Some(*number as f64),
        Value::Float(number) if !number.is_nan() => Some(*number),
        _ => None,
    }
}
