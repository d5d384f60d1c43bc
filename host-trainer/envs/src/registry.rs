//! Tasks by name: the suite's, the registered ones, and those whose files are found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::custom::{Custom, Described, describe};
use crate::env::Environment;
use crate::error::{Error, UnknownTask};
use crate::nearest::nearest;
use crate::suite::all;
use crate::task::{Definition, Source, Task};

static KNOWN: Mutex<Vec<&'static Task>> = Mutex::new(Vec::new());

/// Most folders beside a run that are searched for a task's files.
const MOST_FOLDERS: usize = 10_000;

fn lock() -> MutexGuard<'static, Vec<&'static Task>> {
    // A panic cannot leave a task half pushed.
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The loaded or registered task of that name.
fn known(name: &str) -> Option<&'static Task> {
    lock().iter().copied().find(|task| task.name == name)
}

/// The task of that name: of the suite, registered, or loaded before.
///
/// ```
/// use daa_envs as task;
/// assert_eq!(task::find("cartpole-swingup").unwrap().observations.len(), 5);
/// let error = task::find("cartpole-swing").unwrap_err().to_string();
/// assert!(error.contains("did you mean cartpole-swingup?"));
/// ```
///
/// A name that ends with `.toml` is the path of a task file, which is loaded.
///
/// # Errors
/// [`UnknownTask`] with the most similar name; [`Error::Custom`] for a file with a mistake.
pub fn find(name: &str) -> Result<&'static Task, Error> {
    if name.ends_with(".toml") {
        return load(Path::new(name));
    }
    let found = all().iter().find(|task| task.name == name).or_else(|| known(name));
    found.ok_or_else(|| {
        let nearest = nearest(name, all().iter().map(|task| task.name));
        UnknownTask { name: name.to_owned(), nearest }.into()
    })
}

/// Registers a user's task, so that [`find`] knows it like a task of the suite.
///
/// # Errors
/// [`Error::Custom`]: a name that exists already or has characters other than letters, digits, `-` and `_`;
/// a model that MuJoCo refuses or that lacks a name the definition uses; an invalid rate, episode length
/// or range.
pub fn register(definition: Box<dyn Definition>) -> Result<&'static Task, Error> {
    let name = definition.name().to_owned();
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || !name.chars().all(letter) {
        return Err(Error::Custom {
            file: format!("task {name:?}"),
            what: "a task's name must have 1 to 64 characters: letters, digits, - and _".to_owned(),
        });
    }
    if find(&name).is_ok() {
        return Err(Error::Custom {
            file: format!("task {name:?}"),
            what: "a task of this name exists: choose another name".to_owned(),
        });
    }
    let file = format!("the model of {name}");
    add(Custom { file, definition }, name)
}

/// Loads a task from its TOML file. Loading the same files again returns the same task.
///
/// # Errors
/// [`Error::Custom`] with the first mistake in the files.
pub fn load(path: &Path) -> Result<&'static Task, Error> {
    load_source(Source::read(path)?)
}

fn load_source(source: Source) -> Result<&'static Task, Error> {
    let name = source.task_name();
    if let Some(task) = known(&name) {
        return Ok(task);
    }
    let file = source.path.with_file_name(&source.mjcf_name).display().to_string();
    add(Custom { file, definition: Box::new(Described::new(source)?) }, name)
}

fn add(custom: Custom, name: String) -> Result<&'static Task, Error> {
    // Leaked, since references to tasks live as long as the process; there are few tasks.
    let task = describe(custom, Box::leak(name.into_boxed_str()))?;
    let task: &'static Task = Box::leak(Box::new(task));
    rehearse(task)?;
    let mut known = lock();
    if let Some(task) = known.iter().find(|known| known.name == task.name) {
        return Ok(task);
    }
    known.push(task);
    Ok(task)
}

/// Starts an episode and makes a decision: a task that cannot be simulated is refused before it is
/// trained.
fn rehearse(task: &'static Task) -> Result<(), Error> {
    let mut environment = Environment::new(task, 1, 0, 0)?;
    let mut observation = vec![0.0; task.observations.len()];
    environment.reset(&mut observation)?;
    environment.step(&vec![0.0; task.actions.len()], &mut observation)?;
    Ok(())
}

/// The task of that name. The files of an unknown `NAME@HASH` are searched near `place`, a run directory
/// or a file in one: in its `task/`, in the folder itself, and in `task/` of the folders beside it. Files
/// with another hash are ignored.
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
