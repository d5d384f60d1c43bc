//! Tables of values, laid over one another.

use super::renamed::new_name;
use super::sources::Sources;
use crate::settings::{Config, ConfigError, Options, flat};
use daa_envs::files::{WRITTEN, read_text};
use std::path::Path;
use toml::{Table, Value};

/// The option that a mistyped key most likely means: the table may be missing, or the name mistyped.
fn nearest_key<T: Options>(key: &str) -> String {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |known: &str| {
        let whole = strsim::damerau_levenshtein(key, known);
        let tie = if key.contains('.') { whole } else { 0 };
        (whole.min(strsim::damerau_levenshtein(&last(key), &last(known))), tie)
    };
    let options = T::all_entries().into_iter().filter(|entry| !entry.is_table);
    options.map(|entry| entry.key).min_by_key(|known| distance(known)).unwrap_or_default()
}

/// A message repeats what it was given: line ends and other control characters are escaped.
fn one_line(text: &str) -> String {
    let escape =
        |c: char| if c.is_control() { c.escape_default().collect() } else { c.to_string() };
    text.chars().map(escape).collect()
}

pub(super) fn value_error(source_name: &str, error: &toml::de::Error) -> ConfigError {
    let (source_name, message) = (one_line(source_name), one_line(error.message()));
    ConfigError::Value { source_name, message }
}

/// The defaults of all options.
pub(super) fn defaults<T: Options>() -> Result<Table, ConfigError> {
    Table::try_from(T::default()).map_err(|error| ConfigError::Value {
        source_name: "defaults".to_owned(),
        message: error.to_string(),
    })
}

/// Reads a table of options from a TOML text.
pub(super) fn read_table(text: &str, source_name: &str) -> Result<Table, ConfigError> {
    text.parse().map_err(|error| value_error(source_name, &error))
}

/// Reads a table of options from a TOML file.
pub(super) fn read_file(path: &Path) -> Result<Table, ConfigError> {
    let text = read_text(path, WRITTEN)
        .map_err(|source| ConfigError::File { path: path.to_owned(), source })?;
    read_table(&text, &path.display().to_string())
}

/// Reads `key=value` as tables: `a.b=1` is `{ a = { b = 1 } }`. A value that is not TOML is taken for a
/// string.
pub(super) fn parse_assignment(assignment: &str) -> Result<Table, ConfigError> {
    let (key, value) = assignment
        .split_once('=')
        .ok_or_else(|| ConfigError::NoEqualsSign(assignment.to_owned()))?;
    let (key, value) = (key.trim(), value.trim());
    let parsed = format!("value = {value}").parse::<Table>().ok();
    // A value with a line end in it could contain further keys.
    let parsed =
        parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| Value::String(value.to_owned()));
    let mut words = key.rsplit('.').map(str::trim);
    let mut table = Table::new();
    table.insert(words.next().unwrap_or_default().to_owned(), value);
    for word in words {
        let mut outer = Table::new();
        outer.insert(word.to_owned(), Value::Table(table));
        table = outer;
    }
    Ok(table)
}

/// What the assignments of `sources` set, with dotted keys.
///
/// # Errors
/// [`ConfigError::NoEqualsSign`].
pub fn assigned(sources: &Sources) -> Result<Vec<(String, Value)>, ConfigError> {
    let mut all = Vec::new();
    for assignment in &sources.set {
        all.extend(flat(&parse_assignment(assignment)?));
    }
    Ok(all)
}

/// Values that are laid over others, one source after the other.
#[derive(Clone, Debug)]
pub(super) struct Layers<T> {
    values: Table,
    options: std::marker::PhantomData<T>,
}

impl<T: Options> Layers<T> {
    /// The defaults.
    pub(super) fn new() -> Result<Self, ConfigError> {
        Ok(Self { values: defaults::<T>()?, options: std::marker::PhantomData })
    }

    /// Replaces the values that `layer` has, and checks after each that it has its option's type.
    pub(super) fn lay(&mut self, layer: Table, source_name: &str) -> Result<(), ConfigError> {
        self.lay_below(&mut Vec::new(), layer, source_name)
    }

    /// Lays a table that is inside other tables.
    fn lay_below(
        &mut self,
        path: &mut Vec<String>,
        layer: Table,
        source_name: &str,
    ) -> Result<(), ConfigError> {
        for (word, value) in layer {
            path.push(word);
            self.set(path, value, source_name)?;
            path.pop();
        }
        Ok(())
    }

    fn set(
        &mut self,
        path: &mut Vec<String>,
        mut value: Value,
        source_name: &str,
    ) -> Result<(), ConfigError> {
        let key = path.join(".");
        let renamed = |new| {
            let source_name = one_line(source_name);
            Err(ConfigError::Renamed { source_name, old: key.clone(), new })
        };
        let Some(slot) = slot(&mut self.values, path) else {
            return match new_name(&key) {
                Some(new) => renamed(new),
                None => {
                    // Of an unknown table, the first key inside it says more.
                    let inside =
                        value.as_table().and_then(|table| flat(table).keys().next().cloned());
                    let key = inside.map_or(key.clone(), |inside| format!("{key}.{inside}"));
                    let (nearest, source_name) = (nearest_key::<T>(&key), one_line(source_name));
                    Err(ConfigError::UnknownKey { key, source_name, nearest })
                }
            };
        };
        match (&*slot, value) {
            (Value::Table(_), Value::Table(inner)) => {
                return self.lay_below(path, inner, source_name);
            }
            (Value::Table(_), other) => {
                if let Some(new) = new_name(&key) {
                    return renamed(new);
                }
                let example = nearest_key::<T>(&format!("{key}."));
                let message =
                    format!("{key} is a table, not {}: write {example} = …", other.type_str());
                return Err(ConfigError::Value { source_name: one_line(source_name), message });
            }
            // `learning_rate = 1` is an integer to TOML.
            (Value::Float(_), Value::Integer(number)) => value = Value::Float(number as f64),
            (_, other) => value = other,
        }
        *slot = value;
        let parsed: Result<T, _> = self.values.clone().try_into();
        parsed.map(|_| ()).map_err(|error| value_error(&format!("{source_name}: {key}"), &error))
    }

    /// Sets one value that needs no check.
    pub(super) fn insert(&mut self, key: &str, value: Value) {
        self.values.insert(key.to_owned(), value);
    }

    /// The configuration.
    pub(super) fn finish(self) -> Result<T, ConfigError> {
        self.values.try_into().map_err(|error| value_error("configuration", &error))
    }
}

/// The value at a path of keys.
fn slot<'a>(values: &'a mut Table, path: &[String]) -> Option<&'a mut Value> {
    let (last, tables) = path.split_last()?;
    let table =
        tables.iter().try_fold(values, |table, word| table.get_mut(word)?.as_table_mut())?;
    table.get_mut(last)
}

/// Reads a configuration as a run directory keeps it. Options that the text lacks have their defaults.
///
/// # Errors
/// [`ConfigError`]: an unknown key, an old one, or a value of another type.
pub fn read_resolved(text: &str, source_name: &str) -> Result<Config, ConfigError> {
    let mut layers = Layers::<Config>::new()?;
    layers.lay(read_table(text, source_name)?, source_name)?;
    layers.finish()
}
