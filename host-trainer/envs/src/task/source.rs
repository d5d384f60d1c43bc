//! The two files of a user's task, and the hash that identifies them.

use crate::files;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::error::Error;

/// Limits of the files' sizes in bytes.
const LARGEST_TOML: u64 = 1 << 20;
const LARGEST_MJCF: u64 = 16 << 20;

/// Hexadecimal digits of the hash that an image stores: 48 bits.
const DIGITS: usize = 12;

/// The files of a user's task, as they were read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path of the TOML file, for messages.
    pub path: PathBuf,
    /// Name of the TOML file.
    pub toml_name: String,
    /// Text of that file.
    pub toml: String,
    /// Name of the MJCF file, which lies beside the TOML.
    pub mjcf_name: String,
    /// Text of that file.
    pub mjcf: String,
}

fn error(path: &Path, what: impl Into<String>) -> Error {
    Error::Custom { file: path.display().to_string(), what: what.into() }
}

fn read(path: &Path, largest: u64) -> Result<String, Error> {
    let unreadable = |cause: std::io::Error| error(path, format!("cannot read it: {cause}"));
    files::read_text(path, largest).map_err(unreadable)
}

impl Source {
    /// Reads a task's TOML and the model that it names.
    ///
    /// # Errors
    /// [`Error::Custom`]: a file that cannot be read, a TOML without `model`, a model that
    /// does not lie beside the TOML or refers to other files.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let toml = read(path, LARGEST_TOML)?;
        let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let toml_name = name(path).ok_or_else(|| error(path, "its name is not UTF-8"))?;
        let table: toml::Table =
            toml.parse().map_err(|cause| error(path, syntax(&toml, &cause)))?;
        let Some(model) = table.get("model").and_then(toml::Value::as_str) else {
            return Err(error(
                path,
                "model = \"FILE.xml\" is missing: name the MJCF file beside the TOML",
            ));
        };
        // Runs keep copies of these two files, so the task must consist of them alone.
        if name(Path::new(model)).as_deref() != Some(model) {
            return Err(error(
                path,
                format!("model = {model:?}: name a file in the folder of the TOML"),
            ));
        }
        let beside = path.with_file_name(model);
        let mjcf = read(&beside, LARGEST_MJCF)?;
        if let Some(other) = reference(&mjcf) {
            return Err(error(
                &beside,
                format!(
                    "it refers to another file ({other}), but runs keep one model file: merge included files into it, and replace meshes and pictures by primitive shapes"
                ),
            ));
        }
        Ok(Self { path: path.to_owned(), toml_name, toml, mjcf_name: model.to_owned(), mjcf })
    }

    /// The first twelve hexadecimal digits of the SHA-256 of the TOML followed by the MJCF:
    /// `cat hover.toml hover.xml | sha256sum`.
    #[must_use]
    pub fn hash(&self) -> String {
        let digest = Sha256::new().chain_update(&self.toml).chain_update(&self.mjcf).finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()[..DIGITS].to_owned()
    }

    /// `name@hash`, where `name` is that of the TOML file: the task's name in runs and images.
    #[must_use]
    pub fn task_name(&self) -> String {
        format!("{}@{}", self.toml_name.trim_end_matches(".toml"), self.hash())
    }

    /// Writes copies of both files into a folder, which is created where it is missing.
    ///
    /// # Errors
    /// [`Error::Custom`] when it cannot be written.
    pub fn copy_to(&self, folder: &Path) -> Result<(), Error> {
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(&self.mjcf_name), &self.mjcf))
            .and_then(|()| std::fs::write(folder.join(&self.toml_name), &self.toml));
        written.map_err(|cause| error(folder, format!("cannot write the task's files: {cause}")))
    }

    /// An error in the TOML file.
    pub(crate) fn error(&self, what: impl Into<String>) -> Error {
        error(&self.path, what)
    }
}

/// One line that says where a text is not TOML, and why.
fn syntax(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
    match error.span().and_then(|span| text.get(..span.start)) {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

/// The first reference of an MJCF text to another file: an include, a mesh, a height field or a picture.
fn reference(mjcf: &str) -> Option<String> {
    let mut rest = mjcf;
    while let Some(start) = rest.find('<') {
        rest = &rest[start..];
        let (tag, after) = match rest.strip_prefix("<!--") {
            Some(comment) => ("", comment.split_once("-->").map_or("", |(_, after)| after)),
            None => rest.split_once('>').unwrap_or((rest, "")),
        };
        let file = tag.split_whitespace().find(|word| word.starts_with("file="));
        if tag.starts_with("<include") || file.is_some() {
            return Some(
                file.map_or_else(
                    || format!("{tag}>"),
                    |file| file.trim_end_matches('/').to_owned(),
                ),
            );
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_found_and_comments_are_not() {
        assert_eq!(reference("<mujoco><!-- <include file='a'/> --><geom/></mujoco>"), None);
        assert_eq!(reference("<mujoco><geom name=\"file\"/>"), None);
        assert_eq!(reference("<a><include file='b.xml'/></a>").as_deref(), Some("file='b.xml'"));
        assert_eq!(reference("<a><mesh\n file=\"c.stl\"/>").as_deref(), Some("file=\"c.stl\""));
        assert_eq!(reference("<!-- open"), None);
        assert_eq!(reference("<a <include"), None);
    }

    #[test]
    fn the_hash_is_sha256sum_of_both_files() {
        let source = Source {
            path: "x.toml".into(),
            toml_name: "x.toml".into(),
            toml: "a".into(),
            mjcf_name: "x.xml".into(),
            mjcf: "bc".into(),
        };
        // FIPS 180-2, appendix B.1: SHA-256 of "abc".
        assert_eq!(source.task_name(), "x@ba7816bf8f01");
    }
}
