//! One definition of each option: its key, its type, its default, its help line and the values that it may
//! have. The structs, the defaults, `train --help` and the checks come from it.

use super::error::ConfigError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::{Debug, Display};
use std::ops::RangeInclusive;

/// Hidden widths that an image can hold.
pub(super) const HIDDEN: RangeInclusive<usize> = 1..=daa_core::image::MAX_HIDDEN;
/// Counts whose products stay far below the largest integer.
pub(super) const SIZE: RangeInclusive<usize> = 1..=1 << 24;

/// A table of options, and the tables inside it.
pub trait Options: Clone + Debug + Default + Serialize + DeserializeOwned {
    /// Adds the table's options and those of its tables, in their order. `path` is the prefix of each key:
    /// `estimator.`, or nothing.
    fn entries(path: &str, entries: &mut Vec<Entry>);

    /// Checks each option alone.
    ///
    /// # Errors
    /// [`ConfigError::Impossible`] for the first value outside its option's range.
    fn check_each(&self, path: &str) -> Result<(), ConfigError>;

    /// All options of a configuration.
    #[must_use]
    fn all_entries() -> Vec<Entry> {
        let mut entries = Vec::new();
        Self::entries("", &mut entries);
        entries
    }
}

/// An option or the beginning of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key with the tables that it is in, such as `estimator.num_actions`.
    pub key: String,
    /// What it means, in one line.
    pub help: &'static str,
    /// Whether it is a table.
    pub is_table: bool,
}

/// The values that an option may have.
pub trait Rule<T> {
    /// Whether the option may have this value.
    fn allows(&self, value: &T) -> bool;
    /// The words after "it must be" in a message.
    fn must_be(&self) -> String;
}

impl<T: PartialOrd + Display> Rule<T> for RangeInclusive<T> {
    fn allows(&self, value: &T) -> bool {
        self.contains(value)
    }

    fn must_be(&self) -> String {
        format!("{} to {}", self.start(), self.end())
    }
}

/// Numbers above 0 that stay finite in libtorch's single precision.
#[derive(Clone, Copy, Debug)]
pub struct AboveZero;

impl<T: Copy + Into<f64>> Rule<T> for AboveZero {
    fn allows(&self, value: &T) -> bool {
        let value: f64 = (*value).into();
        (value as f32).is_finite() && value > 0.0
    }

    fn must_be(&self) -> String {
        "above 0".to_owned()
    }
}

/// 0 and numbers above it that stay finite in libtorch's single precision.
#[derive(Clone, Copy, Debug)]
pub struct NotNegative;

impl<T: Copy + Into<f64>> Rule<T> for NotNegative {
    fn allows(&self, value: &T) -> bool {
        let value: f64 = (*value).into();
        (value as f32).is_finite() && value >= 0.0
    }

    fn must_be(&self) -> String {
        "0 or above".to_owned()
    }
}

/// A condition, and the words for it.
impl<T, F: Fn(&T) -> bool> Rule<T> for (F, &'static str) {
    fn allows(&self, value: &T) -> bool {
        self.0(value)
    }

    fn must_be(&self) -> String {
        self.1.to_owned()
    }
}

/// Checks a value against a rule.
///
/// # Errors
/// [`ConfigError::Impossible`] with the key, the value and the rule.
pub fn obey<T: Debug, R: Rule<T>>(
    rule: &R,
    value: &T,
    path: &str,
    key: &str,
) -> Result<(), ConfigError> {
    if rule.allows(value) {
        return Ok(());
    }
    let (key, value, must_be) = (format!("{path}{key}"), format!("{value:?}"), rule.must_be());
    Err(ConfigError::Impossible { key, value, must_be })
}

/// Defines a table: `name: type = default, rule;` for each option, then the tables inside it.
///
/// ```
/// use daa_trainer::config::{Options, help};
/// daa_trainer::options! {
///     /// A lamp.
///     Lamp {
///         /// Brightness in percent
///         brightness: u8 = 80, 0..=100;
///     }
/// }
/// assert!(Lamp { brightness: 120 }.check_each("").is_err());
/// assert!(help::<Lamp>(&[]).contains("brightness = 80"));
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[doc = $about:literal])+
        $name:ident {
            $($(#[doc = $help:literal])+ $key:ident: $type:ty = $default:expr $(, $rule:expr)?;)*
            $(tables {
                $($(#[doc = $title:literal])+ $table:ident: $section:ty;)+
            })?
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $name {
            $($(#[doc = $help])+ pub $key: $type,)*
            $($($(#[doc = $title])+ pub $table: $section,)+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $($key: $default,)*
                    $($($table: Default::default(),)+)?
                }
            }
        }

        impl $crate::settings::options::Options for $name {
            fn entries(path: &str, entries: &mut Vec<$crate::settings::options::Entry>) {
                $(entries.push($crate::settings::options::Entry {
                    key: format!("{path}{}", stringify!($key)),
                    help: concat!($($help),+).trim_start(),
                    is_table: false,
                });)*
                $($(
                    entries.push($crate::settings::options::Entry {
                        key: format!("{path}{}", stringify!($table)),
                        help: concat!($($title),+).trim_start(),
                        is_table: true,
                    });
                    let inside = format!("{path}{}.", stringify!($table));
                    <$section as $crate::settings::options::Options>::entries(&inside, entries);
                )+)?
            }

            fn check_each(&self, path: &str) -> Result<(), $crate::settings::ConfigError> {
                $($($crate::settings::options::obey(&$rule, &self.$key, path, stringify!($key))?;)?)*
                $($(
                    let inside = format!("{path}{}.", stringify!($table));
                    $crate::settings::options::Options::check_each(&self.$table, &inside)?;
                )+)?
                let _ = path;
                Ok(())
            }
        }
    };
}
