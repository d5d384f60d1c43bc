//! The tasks that this process knows beside the suite's, and where files of others are looked for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::super::error::Error;
use super::super::spec::{Task, find};
use super::described::Described;
use super::source::Source;
use super::{Definition, Own, describe};

static KNOWN: Mutex<Vec<&'static Task>> = Mutex::new(Vec::new());

/// Folders below one that are searched.
const MOST_FOLDERS: usize = 10_000;

fn lock() -> MutexGuard<'static, Vec<&'static Task>> {
    // Whole tasks are pushed, never parts.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether the name of a task is that of a file that describes it.
pub(in super::super) fn is_file(name: &str) -> bool {
    name.ends_with(".toml")
}

/// The task of that name, if it was loaded or registered.
pub(in super::super) fn known(name: &str) -> Option<&'static Task> {
    lock().iter().copied().find(|task| task.name == name)
}

/// Makes a task known under its name, as if it were of the suite.
///
/// # Errors
/// [`Error::Own`]: a name that is taken or not of letters, digits, `-` and `_`; a model that MuJoCo
/// refuses or that lacks what the definition names; an impossible rate, episode or range.
pub fn register(definition: Box<dyn Definition>) -> Result<&'static Task, Error> {
    let name = definition.name().to_owned();
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
        return Err(Error::Own {
            file: format!("task {name:?}"),
            what: "a name has 1 to 64 letters, digits, - and _".to_owned(),
        });
    }
    if find(&name).is_ok() {
        return Err(Error::Own {
            file: format!("task {name:?}"),
            what: "there is a task of that name: choose another".to_owned(),
        });
    }
    let file = format!("the model of {name}");
    add(Own { file, definition }, name)
}

/// Loads a task from its TOML file; twice the same one is one task.
///
/// # Errors
/// [`Error::Own`] with the first mistake in the files.
pub fn load(path: &Path) -> Result<&'static Task, Error> {
    load_source(Source::read(path)?)
}

fn load_source(source: Source) -> Result<&'static Task, Error> {
    let name = source.task_name();
    if let Some(task) = known(&name) {
        return Ok(task);
    }
    let file = source.path.with_file_name(&source.mjcf_name).display().to_string();
    add(Own { file, definition: Box::new(Described::new(source)?) }, name)
}

fn add(own: Own, name: String) -> Result<&'static Task, Error> {
    // For the life of the process: tasks are few, and everything refers to them.
    let task = describe(Box::leak(Box::new(own)), Box::leak(name.into_boxed_str()))?;
    task.rehearse()?;
    let mut known = lock();
    if let Some(task) = known.iter().find(|known| known.name == task.name) {
        return Ok(task);
    }
    let task: &'static Task = Box::leak(Box::new(task));
    known.push(task);
    Ok(task)
}

/// The task of that name; where it is `NAME@HASH` and unknown, its files are looked for near `place`,
/// a run directory or a file in one: there, in `task/`, and in `task/` of the folders beside. Files with
/// another hash are another task.
///
/// # Errors
/// Those of [`find`].
pub fn find_near(name: &str, place: &Path) -> Result<&'static Task, Error> {
    let unknown = match find(name) {
        Err(Error::UnknownTask(unknown)) if name.contains('@') => unknown,
        found => return found,
    };
    let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
    let file = format!("{}.toml", name.split('@').next().unwrap_or_default());
    for folder in place.ancestors().take(3) {
        let beside = fs::read_dir(folder).into_iter().flatten().flatten().take(MOST_FOLDERS);
        let beside: Vec<PathBuf> = beside.map(|entry| entry.path().join("task")).collect();
        let folders = [folder.join("task"), folder.to_owned()].into_iter().chain(beside);
        for path in folders.map(|folder| folder.join(&file)).filter(|path| path.is_file()) {
            if let Ok(source) = Source::read(&path)
                && source.task_name() == name
            {
                return load_source(source);
            }
        }
    }
    Err(unknown.into())
}
