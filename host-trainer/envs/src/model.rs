//! The MuJoCo model of a task: dm_control's files, found, edited as dm_control does, compiled.

use std::path::{Path, PathBuf};
use std::sync::Once;

use mujoco_rs::mujoco_c::{mj_version, mjVERSION_HEADER};
use mujoco_rs::prelude::{MjLogMessage, MjModel, MjtLogLevel, set_log_handler};
use mujoco_rs::wrappers::mj_auxiliary::MjVfs;

use super::domain::Variant;
use super::error::Error;
use super::own::Own;

/// Names the folder of the models, before any other place.
pub const SUITE_DIR_VARIABLE: &str = "DM_CONTROL_SUITE_DIR";

/// Where set-up puts the models, below the folder of the repository.
const SUITE_DIR: &str = ".deps/dm_control/suite";

/// The sky costs 11 MB an environment and is seen by cameras only.
const EMPTY_SKY: &str = "<mujoco><asset/></mujoco>";

/// What the model shows besides what it simulates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenery {
    /// Without the sky: for training.
    Bare,
    /// With everything dm_control shows: for pictures.
    Full,
}

/// The folder with dm_control's `*.xml` and `common/*.xml`.
///
/// # Errors
/// [`Error::ModelsMissing`] when neither `DM_CONTROL_SUITE_DIR` names it nor a `.deps` folder
/// above the executable, the sources or the current folder holds it.
pub fn suite_dir() -> Result<PathBuf, Error> {
    let holds_models = |folder: &Path| folder.join("cartpole.xml").is_file();
    if let Some(folder) = std::env::var_os(SUITE_DIR_VARIABLE) {
        let folder = PathBuf::from(folder);
        return if holds_models(&folder) {
            Ok(folder)
        } else {
            Err(Error::ModelsMissing {
                searched: format!("{} ({SUITE_DIR_VARIABLE})", folder.display()),
            })
        };
    }
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("x");
    let starts = [
        std::env::current_exe().ok(),
        Some(sources),
        std::env::current_dir().ok().map(|here| here.join("x")),
    ];
    starts
        .iter()
        .flatten()
        .flat_map(|start| start.ancestors().skip(1))
        .map(|folder| folder.join(SUITE_DIR))
        .find(|folder| holds_models(folder))
        .ok_or_else(|| Error::ModelsMissing {
            searched: format!("{SUITE_DIR} above the program, its sources or the current folder"),
        })
}

/// Compiles the model of a task.
pub(super) fn load(variant: Variant, scenery: Scenery) -> Result<MjModel, Error> {
    if let Variant::Own(own) = variant {
        return load_own(own);
    }
    silence();
    check_version()?;
    let folder = suite_dir()?;
    let file = variant.file();
    let differs = |error: &dyn std::fmt::Display| Error::ModelDiffers {
        file: file.to_owned(),
        what: one_line(error),
    };
    let xml = variant.edit(Xml::new(file, read(&folder, file)?))?;
    let mut files = MjVfs::new();
    let mut add = |name: &str, text: &str| {
        files.add_from_buffer(name, text.as_bytes()).map_err(|error| differs(&error))
    };
    add(file, &xml.text)?;
    for common in ["common/materials.xml", "common/visual.xml"] {
        add(common, &read(&folder, common)?)?;
    }
    let sky = "common/skybox.xml";
    match scenery {
        Scenery::Bare => add(sky, EMPTY_SKY)?,
        Scenery::Full => add(sky, &read(&folder, sky)?)?,
    }
    MjModel::from_xml_vfs(file, &files).map_err(|error| differs(&error))
}

/// Compiles the model of a task of the user's own; pictures show all that it has.
pub(super) fn load_own(own: &Own) -> Result<MjModel, Error> {
    silence();
    check_version()?;
    // A name of its own: MuJoCo would look for a path on the disk, too.
    let name = "own-task.xml";
    let refused = |error: &dyn std::fmt::Display| {
        own.error(format!("MuJoCo refuses it: {}", one_line(error)))
    };
    let mut files = MjVfs::new();
    let text = own.definition.mjcf().as_bytes();
    files.add_from_buffer(name, text).map_err(|error| refused(&error))?;
    MjModel::from_xml_vfs(name, &files).map_err(|error| refused(&error))
}

/// MuJoCo's messages run over several lines.
fn one_line(error: &dyn std::fmt::Display) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// mujoco-rs panics where the library at hand is not the one it was made for.
fn check_version() -> Result<(), Error> {
    // SAFETY: returns a constant.
    let found = unsafe { mj_version() };
    let expected = mjVERSION_HEADER as i32;
    if found == expected { Ok(()) } else { Err(Error::Version { found, expected }) }
}

fn read(folder: &Path, name: &str) -> Result<String, Error> {
    let path = folder.join(name);
    std::fs::read_to_string(&path)
        .map_err(|source| Error::ModelUnreadable { path: path.display().to_string(), source })
}

/// Keeps MuJoCo from writing `MUJOCO_LOG.TXT` into the current folder and from printing warnings,
/// which the environments read from its counters. Runs once; everything in this module that
/// calls MuJoCo comes after it.
pub fn silence() {
    static ONCE: Once = Once::new();
    // SAFETY: no thread uses MuJoCo before this call has returned: every model is loaded through
    // `load`, and `Once` makes other threads wait.
    ONCE.call_once(|| unsafe { set_log_handler(report) });
}

fn report(message: &MjLogMessage) {
    // MuJoCo ends the process after an error: say why.
    if message.level() == MjtLogLevel::mjLOG_ERROR {
        eprintln!("MuJoCo: {}", message.subject());
    }
}

/// A model file, edited as text: the files are pinned, so an edit that does not fit is an error.
pub(super) struct Xml {
    file: String,
    text: String,
}

impl Xml {
    fn new(file: &str, text: String) -> Self {
        Self { file: file.to_owned(), text }
    }

    /// Replaces the one occurrence of `from`.
    pub(super) fn replace(mut self, from: &str, to: &str) -> Result<Self, Error> {
        match self.text.matches(from).count() {
            1 => {
                self.text = self.text.replacen(from, to, 1);
                Ok(self)
            }
            count => Err(Error::ModelDiffers {
                what: format!("{from:?} occurs {count} times instead of once"),
                file: self.file,
            }),
        }
    }

    /// Removes the one piece of text from `start` to the next `end`, both included.
    pub(super) fn remove(self, start: &str, end: &str) -> Result<Self, Error> {
        let piece = self
            .text
            .find(start)
            .and_then(|at| {
                let length = self.text[at..].find(end)? + end.len();
                Some(self.text[at..at + length].to_owned())
            })
            .unwrap_or_else(|| start.to_owned());
        self.replace(&piece, "")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_that_does_not_fit_is_refused() {
        let xml = |text: &str| Xml::new("a.xml", text.to_owned());
        assert_eq!(xml("<a><b/></a>").replace("<b/>", "<c/>").unwrap().text, "<a><c/></a>");
        assert!(xml("<a/>").replace("<b/>", "<c/>").is_err());
        assert!(xml("<b/><b/>").replace("<b/>", "<c/>").is_err());
        let removed = xml("<a><b x='1'><c/></b></a>").remove("<b", "</b>");
        assert_eq!(removed.unwrap().text, "<a></a>");
        assert!(xml("<a/>").remove("<b", "</b>").is_err());
    }
}
