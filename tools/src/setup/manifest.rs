//! The list of a folder's files with the SHA-256 of each, kept in the folder itself.
//!
//! A line is `digest size changed name`. `changed` is the time of the last change of the file's inode in
//! nanoseconds: a program that writes to the file cannot set this time back. A quick check compares size and
//! time, and reads only files that differ in one of them; a full check reads every file.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use sha2::{Digest, Sha256};

use crate::files::{self, explain};

/// How thoroughly files are compared with the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Check {
    /// Reads only the files whose size or time of change differs.
    Quick,
    /// Reads every file.
    Full,
}

/// Digests of the files of one folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: PathBuf,
    digest: String,
    size: u64,
    changed: i128,
}

impl Manifest {
    /// Reads every file below `dir`. Of a link, the target's path counts as its content.
    pub(super) fn of(dir: &Path) -> Result<Self> {
        let entry = |name: PathBuf| {
            let path = dir.join(&name);
            let read = || -> io::Result<Entry> {
                let (size, changed) = state(&path)?;
                Ok(Entry { name, digest: digest(&path)?, size, changed })
            };
            read().map_err(|error| explain(error, &path))
        };
        let names =
            files::below(dir)?.into_iter().filter(|name| !is_changed_by_administrators(name));
        names.map(entry).collect::<Result<_>>().map(Self)
    }

    /// Reads the lines that [`text`](Self::text) wrote.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let entry = |line: &str| {
            let mut words = line.splitn(4, ' ');
            let digest = words.next()?.to_owned();
            let (size, changed) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some(Entry { name: words.next()?.into(), digest, size, changed })
        };
        text.lines().map(entry).collect::<Option<_>>().map(Self)
    }

    /// The lines of the manifest.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for Entry { name, digest, size, changed } in &self.0 {
            let _ = writeln!(text, "{digest} {size} {changed} {}", name.display());
        }
        text
    }

    /// Compares the files in `dir` with the manifest.
    ///
    /// # Errors
    /// The first file that is missing or has other content.
    pub(super) fn verify(&mut self, dir: &Path, check: Check) -> Result<(), PathBuf> {
        for entry in &mut self.0 {
            let path = dir.join(&entry.name);
            let Ok(now) = state(&path) else { return Err(path) };
            if check == Check::Quick && now == (entry.size, entry.changed) {
                continue;
            }
            if now.0 != entry.size || !digest(&path).is_ok_and(|found| found == entry.digest) {
                return Err(path);
            }
            // Only the time differs, as after copying the checkout: the next quick check need not read the file.
            entry.changed = now.1;
        }
        Ok(())
    }
}

/// Whether a file may differ from its package: administrators add their authorities to the list of certificates that
/// Python's packages trust, in every installed copy.
fn is_changed_by_administrators(name: &Path) -> bool {
    name.ends_with("certifi/cacert.pem")
}

/// Size and time of change. A link must lead somewhere; its own size counts.
fn state(path: &Path) -> io::Result<(u64, i128)> {
    fs::metadata(path)?;
    let meta = fs::symlink_metadata(path)?;
    Ok((meta.size(), i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec())))
}

/// Returns the SHA-256 of a file's content, or of a link's target path, in hexadecimal digits.
fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = Sha256::new();
    if path.is_symlink() {
        hasher.update(fs::read_link(path)?.as_os_str().as_bytes());
        return Ok(hex(hasher));
    }
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(hasher)),
            length => hasher.update(&buffer[..length]),
        }
    }
}

/// Returns the SHA-256 of a text in hexadecimal digits.
pub(super) fn digest_of(text: &str) -> String {
    hex(Sha256::new_with_prefix(text))
}

fn hex(hasher: Sha256) -> String {
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest_of("abc"), expected);
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        assert_eq!(digest(file.path()).unwrap(), expected);
    }

    #[test]
    fn a_manifest_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a name with spaces"), "x").unwrap();
        files::link("a name with spaces", &dir.path().join("link")).unwrap();
        let manifest = Manifest::of(dir.path()).unwrap();
        assert_eq!(manifest.0.len(), 2);
        assert_eq!(Manifest::parse(&manifest.text()), Some(manifest));
        assert_eq!(Manifest::parse("abc"), None);
    }

    #[test]
    fn a_flipped_byte_a_missing_file_and_a_loose_link_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("file"), dir.path().join("link"));
        fs::write(&file, "content").unwrap();
        files::link("file", &link).unwrap();
        let whole = Manifest::of(dir.path()).unwrap();
        let verify = |check| whole.clone().verify(dir.path(), check);
        assert_eq!(verify(Check::Quick), Ok(()));
        assert_eq!(verify(Check::Full), Ok(()));
        // The same length and the same time of modification.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "c0ntent").unwrap();
        File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        assert_eq!(verify(Check::Quick), Err(file.clone()));
        assert_eq!(verify(Check::Full), Err(file.clone()));
        // The same content again: only the time differs, and the manifest takes note of it.
        fs::write(&file, "content").unwrap();
        let mut noted = whole.clone();
        assert_eq!(noted.verify(dir.path(), Check::Quick), Ok(()));
        assert_ne!(noted, whole);
        fs::remove_file(&file).unwrap();
        assert_eq!(verify(Check::Quick), Err(file.clone()));
        fs::write(&file, "content").unwrap();
        fs::remove_file(&link).unwrap();
        files::link("elsewhere", &link).unwrap();
        assert_eq!(verify(Check::Quick), Err(link));
    }

    #[test]
    fn a_list_of_certificates_may_be_extended() {
        assert!(is_changed_by_administrators(Path::new("certifi/cacert.pem")));
        assert!(!is_changed_by_administrators(Path::new("certifi/core.py")));
        let dir = tempfile::tempdir().unwrap();
        let list = dir.path().join("certifi/cacert.pem");
        fs::create_dir_all(list.parent().unwrap()).unwrap();
        fs::write(&list, "one").unwrap();
        let mut manifest = Manifest::of(dir.path()).unwrap();
        fs::write(&list, "one and another").unwrap();
        assert_eq!(manifest.verify(dir.path(), Check::Full), Ok(()));
    }

    #[test]
    fn damage_that_no_program_wrote_is_found_by_the_full_check_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("file"), "c0ntent").unwrap();
        // As if the disk had changed the byte: size and time are those of the manifest.
        let mut manifest = Manifest::of(dir.path()).unwrap();
        manifest.0[0].digest = digest_of("content");
        assert_eq!(manifest.verify(dir.path(), Check::Quick), Ok(()));
        assert_eq!(manifest.verify(dir.path(), Check::Full), Err(dir.path().join("file")));
    }
}
