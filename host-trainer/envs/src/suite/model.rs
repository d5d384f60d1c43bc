//! dm_control's model files: found on the disk, and edited as dm_control edits them.

use std::path::{Path, PathBuf};

use mujoco_rs::prelude::MjModel;

use crate::error::Error;
use crate::mujoco::model::{Scenery, compile};

/// Environment variable that names the folder of the models; it takes precedence over the search.
pub const SUITE_DIR_VARIABLE: &str = "DM_CONTROL_SUITE_DIR";

/// Folder below the repository where set-up puts the models.
const SUITE_DIR: &str = ".deps/dm_control/suite";

/// Replaces the sky, which costs 11 MB for each environment and which only cameras see.
const EMPTY_SKY: &str = "<mujoco><asset/></mujoco>";

/// The folder that holds dm_control's `*.xml` and `common/*.xml`.
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

/// Compiles a model file of the suite with dm_control's edits.
pub(super) fn load(
    file: &str,
    edit: impl FnOnce(Xml) -> Result<Xml, Error>,
    scenery: Scenery,
) -> Result<MjModel, Error> {
    let folder = suite_dir()?;
    let xml = edit(Xml::new(file, read(&folder, file)?))?;
    let [materials, visual, sky] =
        ["common/materials.xml", "common/visual.xml", "common/skybox.xml"];
    let sky_text = match scenery {
        Scenery::Bare => EMPTY_SKY.to_owned(),
        Scenery::Full => read(&folder, sky)?,
    };
    let (materials_text, visual_text) = (read(&folder, materials)?, read(&folder, visual)?);
    let files = [
        (file, &*xml.text),
        (materials, &*materials_text),
        (visual, &*visual_text),
        (sky, &*sky_text),
    ];
    compile(file, &files, |what| Error::ModelDiffers { file: file.to_owned(), what })
}

fn read(folder: &Path, name: &str) -> Result<String, Error> {
    let path = folder.join(name);
    std::fs::read_to_string(&path)
        .map_err(|source| Error::ModelUnreadable { path: path.display().to_string(), source })
}

/// A model file that is edited as text. The files have a fixed version, so an edit that does not apply
/// is an error.
pub(super) struct Xml {
    file: String,
    text: String,
}

impl Xml {
    fn new(file: &str, text: String) -> Self {
        Self { file: file.to_owned(), text }
    }

    /// Replaces the only occurrence of `from`; an error where it does not occur exactly once.
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

    /// Removes the only piece of text from `start` to the next `end`, both included.
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
