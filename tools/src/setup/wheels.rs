//! The pinned Python wheels: one table, fetched once into the user's cache folder, checked by their
//! SHA-256 each time before anything is taken out of them.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::place::{self, Hold, explain};
use super::system::{self, PIP};
use crate::report::{Step, say};
use crate::run;

/// One file of the Python package index, known by its hash.
#[derive(Debug)]
pub(crate) struct Wheel {
    pub(crate) package: &'static str,
    pub(crate) version: &'static str,
    pub(crate) file: &'static str,
    pub(crate) bytes: u64,
    pub(crate) sha256: &'static str,
}

pub(crate) const TORCH: Wheel = Wheel {
    package: "torch",
    version: "2.11.0",
    file: "torch-2.11.0-cp311-cp311-manylinux_2_28_x86_64.whl",
    bytes: 530_604_548,
    sha256: "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
};
pub(crate) const CUDA_RUNTIME: Wheel = Wheel {
    package: "nvidia-cuda-runtime",
    version: "13.0.96",
    file: "nvidia_cuda_runtime-13.0.96-py3-none-manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
    bytes: 2_243_632,
    sha256: "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
};
pub(crate) const CUPTI: Wheel = Wheel {
    package: "nvidia-cuda-cupti",
    version: "13.0.85",
    file: "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
    bytes: 10_715_597,
    sha256: "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
};
pub(crate) const MUJOCO: Wheel = Wheel {
    package: "mujoco",
    version: "3.17.0",
    file: "mujoco-3.17.0-cp311-cp311-manylinux_2_27_x86_64.manylinux_2_28_x86_64.whl",
    bytes: 26_482_984,
    sha256: "d66928d86a2d1b601bbaa4dc11db50214d17d5301bb8afd84721313b67ff0874",
};
pub(crate) const DM_CONTROL: Wheel = Wheel {
    package: "dm_control",
    version: "1.0.50",
    file: "dm_control-1.0.50-py3-none-any.whl",
    bytes: 56_452_659,
    sha256: "5434e1e51ff69016867426da7df6064b18d140e4d0a628f879bbcf0e7d0a586d",
};

impl Wheel {
    /// The line that this wheel contributes to the stamp of a folder made from it.
    pub(crate) fn pin(&self) -> String {
        format!("{} {} sha256 {}", self.package, self.version, self.sha256)
    }

    /// The platform tags of the file name, as pip wants them.
    fn platforms(&self) -> impl Iterator<Item = &'static str> {
        let tags = self.file.trim_end_matches(".whl").rsplit('-').next().unwrap_or_default();
        tags.split('.').filter(|tag| *tag != "any")
    }

    /// Opens the wheel out of `cache`, fetching it when it is not there or damaged.
    ///
    /// # Errors
    /// When it cannot be fetched, or what came is not the pinned file.
    pub(crate) fn open(&self, cache: &Path) -> Result<ZipArchive<File>> {
        let dir = cache.join("wheels");
        let path = dir.join(self.file);
        if !self.is_whole(&path)? {
            let _hold = Hold::on(&dir)?;
            // Another set-up may have fetched it while this one waited.
            if !self.is_whole(&path)? {
                if path.exists() {
                    say(format!("  {} is damaged; fetching it again", path.display()));
                }
                self.fetch(&dir)?;
            }
        }
        let file = File::open(&path).map_err(|error| explain(error, &path))?;
        ZipArchive::new(file).with_context(|| format!("{} is no wheel", path.display()))
    }

    fn is_whole(&self, path: &Path) -> Result<bool> {
        match fs::metadata(path) {
            Ok(meta) if meta.len() == self.bytes => Ok(hash(path)? == self.sha256),
            _ => Ok(false),
        }
    }

    /// Fetches the wheel into `dir`, which is held.
    fn fetch(&self, dir: &Path) -> Result<()> {
        system::ensure(&PIP)?;
        let temp = place::temporary(dir, self.package)?;
        let result = self.fetch_through(&temp, dir);
        place::remove(&temp)?;
        result
    }

    /// Lets pip fetch the wheel into `temp` and moves it to `dir` once it proved to be the right one.
    fn fetch_through(&self, temp: &Path, dir: &Path) -> Result<()> {
        let step = Step::bytes(format!("fetching {} {}", self.package, self.version), self.bytes);
        let mut command = self.pip(temp)?;
        run::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(|error| run::not_started(&command, &error))?;
        while child.try_wait().context("waiting for pip")?.is_none() {
            step.set(size_of(temp).min(self.bytes));
            thread::sleep(Duration::from_millis(150));
        }
        let output = child.wait_with_output().context("waiting for pip")?;
        if !output.status.success() {
            bail!(self.blame(&String::from_utf8_lossy(&output.stderr), dir));
        }
        let fetched = temp.join(self.file);
        if !self.is_whole(&fetched)? {
            bail!(
                "pip fetched something else than the pinned {} ({}); nothing was installed: check \
                 which package index pip is set to use",
                self.file,
                hash(&fetched)
                    .map_or_else(|_| "no such file".into(), |hash| format!("sha256 {hash}")),
            );
        }
        let path = dir.join(self.file);
        fs::rename(&fetched, &path).map_err(|error| explain(error, &path))?;
        step.done();
        Ok(())
    }

    /// The command that fetches this very file, whatever Python the user has.
    fn pip(&self, temp: &Path) -> Result<Command> {
        let python = system::python()?;
        let mut command = Command::new(python);
        command.args(["-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir"]);
        command.args(["--disable-pip-version-check", "--no-input", "--retries", "2"]);
        command.args(["--only-binary=:all:", "--implementation", "cp"]);
        command.args(["--python-version", "3.11", "--abi", "cp311"]);
        for platform in self.platforms() {
            command.args(["--platform", platform]);
        }
        command.arg("--dest").arg(temp).arg(format!("{}=={}", self.package, self.version));
        // pip collects the download in TMPDIR: on the disk that will keep it, and where it is seen.
        command.env("TMPDIR", temp).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        Ok(command)
    }

    /// One sentence out of what pip printed.
    fn blame(&self, stderr: &str, dir: &Path) -> String {
        let says = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
        let what = format!("{} {}", self.package, self.version);
        if says(&["No space left on device"]) {
            explain(io::ErrorKind::StorageFull.into(), dir).to_string()
        } else if says(&["NewConnectionError", "name resolution", "ConnectTimeout", "ProxyError"]) {
            format!(
                "{what} cannot be fetched: pip does not reach the package index; connect this machine \
                 to the network, or copy {} into {}",
                self.file,
                dir.display()
            )
        } else {
            let line = stderr.lines().rev().find(|line| line.contains("ERROR"));
            let line = line.map_or_else(|| run::last_line(stderr.as_bytes()), str::to_owned);
            format!("pip could not fetch {what}: {}", line.trim_start_matches("ERROR: "))
        }
    }
}

/// Returns the SHA-256 of a file in hexadecimal digits.
fn hash(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|error| explain(error, path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).map_err(|error| explain(error, path))? {
            0 => break,
            length => hasher.update(&buffer[..length]),
        }
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Bytes under `dir`; what vanishes meanwhile counts nothing.
fn size_of(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => size_of(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        })
        .sum()
}

/// Writes the entries of `wheel` for which `target` gives a path, relative to `dir`.
///
/// # Errors
/// When the wheel holds none of them, a path leads outside, or the disk refuses.
pub(crate) fn extract(
    wheel: &mut ZipArchive<File>,
    dir: &Path,
    what: &str,
    target: impl Fn(&str) -> Option<PathBuf>,
) -> Result<()> {
    let mut chosen = Vec::new();
    let mut total = 0;
    for index in 0..wheel.len() {
        let entry = wheel.by_index_raw(index).context("reading a wheel")?;
        if let Some(path) = target(entry.name()).filter(|_| entry.is_file()) {
            if path.components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
                bail!("a wheel holds the path {}, which leads out of its folder", path.display());
            }
            total += entry.size();
            chosen.push((index, dir.join(path)));
        }
    }
    if chosen.is_empty() {
        return Err(anyhow!("a wheel holds nothing of {what}"));
    }
    let step = Step::bytes(format!("extracting {what}"), total);
    let mut buffer = vec![0; 1 << 20];
    for (index, path) in chosen {
        let mut entry = wheel.by_index(index).context("reading a wheel")?;
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| explain(error, parent))?;
        }
        let mut file = File::create(&path).map_err(|error| explain(error, &path))?;
        loop {
            let length = entry.read(&mut buffer).context("unpacking a wheel")?;
            if length == 0 {
                break;
            }
            io::Write::write_all(&mut file, &buffer[..length])
                .map_err(|error| explain(error, &path))?;
            step.advance(length as u64);
        }
    }
    step.done();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [&Wheel; 5] = [&TORCH, &CUDA_RUNTIME, &CUPTI, &MUJOCO, &DM_CONTROL];

    #[test]
    fn every_pin_is_well_formed_and_its_file_name_agrees_with_it() {
        for wheel in ALL {
            assert_eq!(wheel.sha256.len(), 64, "{}", wheel.file);
            assert!(wheel.sha256.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f')));
            let name = format!("{}-{}-", wheel.package.replace('-', "_"), wheel.version);
            assert!(wheel.file.starts_with(&name), "{}", wheel.file);
            assert!(wheel.file.contains("-cp311-cp311-") || wheel.file.contains("-py3-none-"));
            assert!(wheel.bytes > 0);
        }
        assert_eq!(MUJOCO.platforms().count(), 2);
        assert_eq!(DM_CONTROL.platforms().count(), 0);
    }

    #[test]
    fn a_wheel_with_one_flipped_bit_or_a_missing_byte_is_not_whole() {
        let wheel = Wheel {
            package: "demo",
            version: "1",
            file: "demo-1-py3-none-any.whl",
            bytes: 3,
            // SHA-256 of "abc", from FIPS 180-2.
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        };
        let path = std::env::temp_dir().join(format!("xtask-wheel-{}", std::process::id()));
        for (content, whole) in [("abc", true), ("abb", false), ("ab", false), ("abcd", false)] {
            fs::write(&path, content).unwrap();
            assert_eq!(wheel.is_whole(&path).unwrap(), whole, "{content}");
        }
        fs::remove_file(&path).unwrap();
        assert!(!wheel.is_whole(&path).unwrap());
    }

    #[test]
    fn what_pip_prints_becomes_one_sentence() {
        let dir = Path::new("cache");
        let blame = |text| TORCH.blame(text, dir);
        assert!(blame("OSError: [Errno 28] No space left on device").contains("disk is full"));
        let offline =
            blame("WARNING: Retrying … Temporary failure in name resolution\nERROR: none");
        assert!(offline.contains("network") && offline.contains(TORCH.file));
        let other = blame("WARNING: x\nERROR: No matching distribution found for torch==2.11.0\n");
        assert_eq!(
            other,
            "pip could not fetch torch 2.11.0: No matching distribution found for torch==2.11.0"
        );
        assert!([&offline, &other].iter().all(|line| !line.contains('\n')));
    }
}
