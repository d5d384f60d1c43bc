//! Pinned Python packages: pip installs them from `tools/requirements/`, and checks the SHA-256 of each.
//!
//! Wheels are downloaded once into the user's cache folder, from which later set-ups install without a network.

use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, anyhow, bail};

use super::manifest::digest_of;
use super::place::Hold;
use super::system::{self, PIP};
use crate::files::{self, explain};
use crate::process;
use crate::progress::Step;
use crate::project::{Project, cache_dir};

/// Which wheels pip chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wheels {
    /// Those for the installed Python, which then runs the packages.
    Installed,
    /// Those of CPython 3.11 for Linux on x86-64, whatever Python is installed: only libraries and data are used.
    Fixed,
}

/// Where pip keeps what it downloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// In the user's cache folder.
    Downloads,
    /// Nowhere: the packages are too large to have twice.
    Nothing,
}

/// A file of `tools/requirements/`.
#[derive(Debug, Clone, Copy)]
pub struct Requirements {
    /// The file's name.
    pub file: &'static str,
    /// The file's content.
    pub text: &'static str,
    /// Which wheels pip chooses.
    pub wheels: Wheels,
    /// What pip keeps.
    pub keep: Keep,
    /// The size of the download, for the user.
    pub size: &'static str,
}

/// Returns the requirements of a file that is compiled into this program.
macro_rules! requirements {
    ($file:literal, $wheels:ident, $keep:ident, $size:literal) => {
        Requirements {
            file: $file,
            text: include_str!(concat!("../../requirements/", $file)),
            wheels: Wheels::$wheels,
            keep: Keep::$keep,
            size: $size,
        }
    };
}

/// libtorch.
pub const TORCH: Requirements = requirements!("torch.txt", Fixed, Downloads, "544 MB");
/// The MuJoCo library.
pub const MUJOCO: Requirements = requirements!("mujoco.txt", Fixed, Downloads, "26 MB");
/// The task models.
pub const DM_CONTROL: Requirements = requirements!("dm_control.txt", Fixed, Downloads, "56 MB");
/// libtorch with CUDA.
pub const CUDA: Requirements = requirements!("cuda.txt", Fixed, Nothing, "2.5 GB");
/// What the tests compare files with.
pub const REFERENCE: Requirements = requirements!("reference.txt", Installed, Downloads, "70 MB");
/// Python dm_control.
pub const RECORD: Requirements = requirements!("record.txt", Installed, Downloads, "150 MB");
/// RLtools.
pub const RLTOOLS: Requirements = requirements!("rltools.txt", Fixed, Downloads, "1 MB");
/// A writer of TensorFlow Lite models.
pub const TFLITE: Requirements = requirements!("tflite.txt", Fixed, Downloads, "1 MB");
/// The sources of CMSIS-DSP.
pub const CMSIS_DSP: Requirements = requirements!("cmsis-dsp.txt", Installed, Downloads, "3 MB");

/// CPython 3.11 for Linux on x86-64, in the words of pip's command line.
const FIXED: [&str; 16] = [
    "--implementation",
    "cp",
    "--python-version",
    "3.11",
    "--abi",
    "cp311",
    "--platform",
    "manylinux_2_28_x86_64",
    "--platform",
    "manylinux_2_27_x86_64",
    "--platform",
    "manylinux_2_25_x86_64",
    "--platform",
    "manylinux2014_x86_64",
    "--platform",
    "manylinux_2_17_x86_64",
];

impl Requirements {
    /// The packages and their versions, in the order of the file.
    pub fn pins(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let lines = self.text.lines().filter(|line| !line.starts_with(['#', ' ']));
        lines.filter_map(|line| line.trim_end_matches(['\\', ' ']).split_once("=="))
    }

    /// The version of the file's first package.
    pub fn version(&self) -> &'static str {
        self.pins().next().map_or("unknown", |(_, version)| version)
    }

    /// What a folder made from these packages depends on.
    pub fn origin(&self) -> String {
        let lines: Vec<_> = self.text.lines().filter(|line| !line.starts_with('#')).collect();
        format!("{} sha256:{}", self.file, digest_of(&lines.join("\n")))
    }

    /// Installs the packages into the folder `dir`.
    ///
    /// # Errors
    /// One line when there is no pip, no network, no room on the disk, or a package is not the pinned one.
    pub fn install(&self, project: &Project, dir: &Path) -> Result<()> {
        let _ = system::ensure(&PIP)?;
        if self.keep == Keep::Nothing {
            return self.install_from(project, dir, None);
        }
        let cache = cache_dir()?.join("wheels");
        let _hold = Hold::on(&cache)?;
        let installed = self.install_from(project, dir, Some(&cache));
        if installed.as_ref().is_err_and(|error| error.is::<NotInCache>()) {
            self.download(project, &cache, ["--only-binary", ":all:"])?;
            return self.install_from(project, dir, Some(&cache));
        }
        installed
    }

    /// Unpacks the one package of this file, a `.tar.gz` of sources, into the folder `dir`.
    ///
    /// # Errors
    /// As [`install`](Self::install).
    pub fn unpack_sources(&self, project: &Project, dir: &Path) -> Result<()> {
        let _ = system::ensure(&PIP)?;
        let cache = cache_dir()?.join("wheels");
        let _hold = Hold::on(&cache)?;
        let (package, version) = self.pins().next().context("an empty file of requirements")?;
        // Only this package: pip installs wheels of the build tools with which it reads the package's metadata.
        self.download(project, &cache, ["--no-binary", package])?;
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(cache.join(format!("{package}-{version}.tar.gz")));
        tar.arg("-C").arg(dir).args(["--strip-components", "1"]);
        process::succeed(&mut tar, &format!("unpacking {package}")).map(drop)
    }

    /// Runs `pip install` with the wheels in `cache`, or else with the package index.
    fn install_from(&self, project: &Project, dir: &Path, cache: Option<&Path>) -> Result<()> {
        let mut pip = self.pip("install", project, dir)?;
        pip.args(["--no-compile", "--only-binary", ":all:", "--target"]).arg(dir);
        if let Some(cache) = cache {
            pip.arg("--no-index").arg("--find-links").arg(cache);
        }
        let verb = if cache.is_some() { "installing" } else { "fetching" };
        self.run(pip, dir, verb)
    }

    /// Runs `pip download` into `cache`. pip keeps files that are already there and have the right digest.
    fn download(&self, project: &Project, cache: &Path, format: [&str; 2]) -> Result<()> {
        let temporary = files::temporary(cache, "download")?;
        let mut pip = self.pip("download", project, &temporary)?;
        pip.args(format).arg("--dest").arg(cache);
        let result = self.run(pip, cache, "fetching");
        files::remove(&temporary)?;
        result
    }

    fn pip(&self, verb: &str, project: &Project, temporary: &Path) -> Result<Command> {
        let mut pip = Command::new(system::python()?);
        pip.args(["-m", "pip", verb, "--no-deps", "--no-input", "--no-cache-dir"]);
        pip.args(["--disable-pip-version-check", "--retries", "2", "--require-hashes"]);
        pip.arg("-r").arg(project.root().join("tools/requirements").join(self.file));
        if self.wheels == Wheels::Fixed {
            pip.args(FIXED);
        }
        // pip unpacks into TMPDIR first: on the disk that will keep the files, renaming is enough.
        pip.env("TMPDIR", temporary);
        // Set by some users for their own projects; pip refuses them together with `--target`.
        pip.env("PIP_USER", "0").env("PIP_REQUIRE_VIRTUALENV", "0");
        pip.env("PIP_ROOT_USER_ACTION", "ignore");
        Ok(pip)
    }

    /// Runs pip. On a terminal pip shows its own progress, on standard error.
    fn run(&self, mut pip: Command, dir: &Path, verb: &str) -> Result<()> {
        use std::os::fd::AsFd;
        let names: Vec<_> =
            self.pins().map(|(name, version)| format!("{name} {version}")).collect();
        let what = match names.as_slice() {
            [first, _, _, _, ..] => format!("{first} and {} more packages", names.len() - 1),
            names => names.join(", "),
        };
        let size = if verb == "fetching" { format!(" ({})", self.size) } else { String::new() };
        let step = Step::new(format!("{verb} {what}{size}"));
        if verb == "fetching" && io::stderr().is_terminal() {
            let stderr = io::stderr().as_fd().try_clone_to_owned();
            pip.stdout(stderr.map_or_else(|_| Stdio::null(), Stdio::from));
        } else {
            pip.arg("--quiet").stdout(Stdio::null());
        }
        pip.stdin(Stdio::null()).stderr(Stdio::piped());
        let Output { status, stderr, .. } = process::spawn(&mut pip)?.wait_with_output()?;
        if status.success() {
            step.done();
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&stderr);
        let error = explain_pip(&what, &stderr, dir);
        let missing = ["No matching distribution", "DO NOT MATCH THE HASHES"];
        let not_in_cache =
            verb == "installing" && missing.iter().any(|words| stderr.contains(words));
        Err(if not_in_cache { error.context(NotInCache) } else { error })
    }
}

/// A wheel is missing in the user's cache folder, or is damaged there.
#[derive(Debug)]
struct NotInCache;

impl std::fmt::Display for NotInCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a wheel is missing in the cache folder or damaged there")
    }
}

/// Returns one sentence for what pip wrote to standard error.
fn explain_pip(what: &str, stderr: &str, dir: &Path) -> anyhow::Error {
    let says = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    if says(&["No space left on device"]) {
        explain(io::ErrorKind::StorageFull.into(), dir)
    } else if says(&["Disk quota exceeded"]) {
        explain(io::ErrorKind::QuotaExceeded.into(), dir)
    } else if says(&["NewConnectionError", "name resolution", "ConnectTimeout", "ProxyError"]) {
        anyhow!(
            "{what} cannot be fetched: pip does not reach the package index; connect this machine to the \
             network, or copy the wheels from another machine's ~/.cache/daa/wheels"
        )
    } else if says(&["DO NOT MATCH THE HASHES"]) {
        anyhow!(
            "{what}: pip fetched another file than the pinned one, and nothing was installed; check which \
             package index pip is configured to use (`pip config list`)"
        )
    } else {
        let line = stderr.lines().rev().find(|line| line.contains("ERROR"));
        let line = line.map_or_else(|| process::last_line(stderr.as_bytes()), str::to_owned);
        anyhow!("pip could not fetch {what}: {}", line.trim_start_matches("ERROR: "))
    }
}

/// Installs packages beside `dir` and moves only some files to `dir`: `target` returns the new path of a file,
/// relative to `dir`, or none for a file that is not needed.
///
/// # Errors
/// When the packages cannot be installed or hold none of the files.
pub fn take(
    project: &Project,
    requirements: Requirements,
    dir: &Path,
    target: impl Fn(&str) -> Option<PathBuf>,
) -> Result<()> {
    let packages = files::temporary(dir, "packages")?;
    requirements.install(project, &packages)?;
    let mut taken = 0;
    for name in files::below(&packages)? {
        let Some(path) = name.to_str().and_then(&target).map(|path| dir.join(path)) else {
            continue;
        };
        files::create_dir(path.parent().unwrap_or(dir))?;
        fs::rename(packages.join(&name), &path).map_err(|error| explain(error, &path))?;
        taken += 1;
    }
    if taken == 0 {
        bail!("the packages of {} hold no file that is needed", requirements.file);
    }
    files::remove(&packages)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Requirements; 9] =
        [TORCH, MUJOCO, DM_CONTROL, CUDA, REFERENCE, RECORD, RLTOOLS, TFLITE, CMSIS_DSP];

    #[test]
    fn every_package_has_a_version_and_a_digest() {
        for file in ALL {
            let packages = file.text.lines().filter(|line| !line.starts_with(['#', ' '])).count();
            assert_eq!(file.pins().count(), packages, "{}", file.file);
            assert!(packages > 0, "{}", file.file);
            let mut digests = 0;
            for line in file.text.lines().filter(|line| line.starts_with(' ')) {
                let digest = line.trim().trim_end_matches(" \\").strip_prefix("--hash=sha256:");
                let digest = digest.unwrap_or_else(|| panic!("{}: {line}", file.file));
                assert!(digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit()));
                digests += 1;
            }
            assert!(digests >= packages, "{}", file.file);
        }
        assert_eq!(TORCH.version(), "2.11.0");
        let cuda = CUDA.pins().find(|(name, _)| *name == "torch");
        assert_eq!(cuda, Some(("torch", TORCH.version())));
        let recorded = |name| RECORD.pins().find(|(pin, _)| *pin == name).map(|(_, v)| v);
        assert_eq!(recorded("mujoco"), Some(MUJOCO.version()));
        assert_eq!(recorded("dm-control"), Some(DM_CONTROL.version()));
    }

    #[test]
    fn a_comment_does_not_change_the_origin_but_a_digest_does() {
        let with = |text| Requirements { text, ..TORCH }.origin();
        assert_eq!(
            with("# a\nx==1 \\\n    --hash=sha256:1\n"),
            with("x==1 \\\n    --hash=sha256:1\n")
        );
        assert_ne!(with("x==1 \\\n    --hash=sha256:1\n"), with("x==1 \\\n    --hash=sha256:2\n"));
    }

    #[test]
    fn what_pip_prints_becomes_one_sentence() {
        let explain = |text| explain_pip("torch 2.11.0", text, Path::new("cache")).to_string();
        assert!(explain("OSError: [Errno 28] No space left on device").contains("disk is full"));
        let offline = explain("WARNING: Retrying … Temporary failure in name resolution\nERROR: x");
        assert!(offline.contains("network") && offline.contains("wheels"));
        let other = explain("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS");
        assert!(other.contains("pinned") && other.contains("pip config list"));
        let none = explain("WARNING: x\nERROR: No matching distribution found for torch==2.11.0\n");
        assert_eq!(
            none,
            "pip could not fetch torch 2.11.0: No matching distribution found for torch==2.11.0"
        );
        assert!([offline, other, none].iter().all(|line| !line.contains('\n')));
    }
}
