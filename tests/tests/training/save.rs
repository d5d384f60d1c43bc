//! Saved files are intact, also after a full disk or a kill during the save.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tests::runs::{checkpoints, difference, hidden, kill_at, train};
use tests::{host_trainer, refuse, run, succeed};

/// A mounted file system of limited size, which is unmounted when this value is dropped. None where the test may
/// not mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn new(place: &Path, size: &str) -> Option<Self> {
        fs::create_dir(place).unwrap();
        let size = format!("size={size}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).stderr(Stdio::null());
        mount.status().is_ok_and(|status| status.success()).then(|| Self(place.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// What happens to a program that writes a file beyond its limit.
enum Beyond {
    /// Writing fails, as on a full disk. This replaces [`SmallDisk`] where nothing can be mounted.
    Error,
    /// The signal SIGXFSZ ends the program at exactly that byte, without a chance to clean up.
    Death,
}

/// The program with a limit on the size of the files that it writes.
fn limited(program: &Command, bytes: usize, beyond: &Beyond) -> Command {
    let mut shell = Command::new("sh");
    let trap = match beyond {
        Beyond::Error => "trap '' XFSZ; ",
        Beyond::Death => "ulimit -c 0; ",
    };
    shell.args(["-c", &format!("{trap}ulimit -f \"$1\"; shift; exec \"$@\""), "sh"]);
    shell.arg((bytes / 512).to_string());
    shell.arg(program.get_program()).args(program.get_args());
    if let Some(folder) = program.get_current_dir() {
        shell.current_dir(folder);
    }
    for (key, value) in program.get_envs() {
        value.map(|value| shell.env(key, value));
    }
    shell
}

/// Fills a disk except for `free` bytes.
fn fill(disk: &Path, free: usize) {
    let rest = disk.join("rest");
    let mut file = fs::File::create(&rest).unwrap();
    while file.write_all(&[7; 4096]).is_ok() {}
    let len = file.metadata().unwrap().len();
    file.set_len(len - free as u64).unwrap();
}

#[test]
fn a_full_disk_stops_a_run_and_leaves_the_last_checkpoint_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(&mut train(folder, "whole", 6));
    let disk = SmallDisk::new(&folder.join("disk"), "1500k");
    let mut full = train(folder, "disk/run", 6);
    if disk.is_none() {
        full = limited(&full, 400 << 9, &Beyond::Error);
    }
    let full = run(&mut full);
    assert_eq!(full.code, 1, "{}", full.stderr);
    assert!(full.stderr.contains("cannot save the checkpoint"), "{}", full.stderr);
    let words = ["No space left", "File too large"];
    assert!(words.iter().any(|word| full.stderr.contains(word)), "{}", full.stderr);
    assert!(!full.stderr.contains("panicked"), "{}", full.stderr);
    let saved = checkpoints(folder, "disk/run");
    assert!(!saved.is_empty(), "nothing was saved before the disk was full");

    // With enough space the run resumes and ends with the same bytes.
    let copied = Command::new("cp").args(["-r", "disk/run", "run"]).current_dir(folder).status();
    assert!(copied.unwrap().success());
    drop(disk);
    let _ = succeed(&mut train(folder, "run", 6));
    assert_eq!(difference(folder, "whole", "run"), None);
}

#[test]
fn a_full_disk_leaves_existing_files_intact() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(&mut train(folder, "run", 3));
    let mounted = SmallDisk::new(&folder.join("disk"), "1m");
    let disk = folder.join("disk");
    let rows: &[(&[&str], &[&str], &str)] = &[
        (&["export", "run", "-o"], &["export", "run", "--dtype", "i16", "-o"], "disk/policy.daa"),
        (
            &["report", "run", "-o"],
            &["report", "run", "--resamples", "500", "-o"],
            "disk/page.html",
        ),
        (
            &["export", "run", "-o", "some.daa", "--onnx"],
            &["export", "run", "-o", "some.daa", "--policy-only", "--checkpoint", "2", "--onnx"],
            "disk/policy.onnx",
        ),
        (
            &["render", "run", "--frames", "2", "-o"],
            &["render", "run", "--frames", "3", "-o"],
            "disk/film.gif",
        ),
        (
            &["evaluate", "run", "--episodes", "1", "--trajectories"],
            &["evaluate", "run", "--episodes", "2", "--trajectories"],
            "disk/t.csv",
        ),
    ];
    for (first, second, file) in rows {
        let command = |arguments: &[&str]| {
            let mut command = host_trainer(folder);
            command.args(arguments).arg(file);
            command
        };
        let begun = run(&mut command(first));
        if begun.stderr.contains("OpenGL") {
            eprintln!("left out: no OpenGL to draw {file} with");
            continue;
        }
        assert_eq!(begun.code, 0, "{file}: {}", begun.stderr);
        let whole = fs::read(folder.join(file)).unwrap();
        let mut again = command(second);
        if mounted.is_some() {
            fill(&disk, 4096);
        } else {
            again = limited(&again, 4096, &Beyond::Error);
        }
        refuse(&mut again, &["cannot write", file]);
        let outcome = run(&mut again);
        let words = ["No space left", "File too large"];
        assert!(words.iter().any(|word| outcome.stderr.contains(word)), "{}", outcome.stderr);
        assert!(fs::read(folder.join(file)).unwrap() == whole, "{file} was changed");
        assert!(hidden(&disk).is_empty(), "{file}: {:?} is left", hidden(&disk));
        // Negative control: with enough space the same command replaces the file.
        let _ = fs::remove_file(disk.join("rest"));
        let _ = succeed(&mut command(second));
        assert!(fs::read(folder.join(file)).unwrap() != whole, "{file} was not replaced");
        fs::remove_file(folder.join(file)).unwrap();
    }
}

/// The CRC-32 of zlib and Ethernet, computed bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 }
        })
    };
    !bytes.iter().fold(!0, step)
}

/// Whether every file of a checkpoint has the length and checksum in its manifest.
fn is_whole(checkpoint: &Path) -> bool {
    let Ok(manifest) = fs::read(checkpoint.join("manifest.json")) else { return false };
    let Ok(manifest) = serde_json::from_slice::<serde_json::Value>(&manifest) else { return false };
    ["weights.safetensors", "state.bin"].iter().all(|name| {
        let part = &manifest["files"][name];
        let bytes = fs::read(checkpoint.join(name)).unwrap_or_default();
        part["bytes"] == bytes.len() && part["crc32"] == crc32(&bytes)
    })
}

#[test]
fn a_run_killed_while_it_saves_keeps_intact_checkpoints() {
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    const KILLS: usize = 6;
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let wide = |name: &str| {
        let mut command = train(folder, name, 24);
        command.args(["--set", "model.transition_hidden=512", "--set", "model.steps=2"]);
        command.args(["--set", "model.first_steps=2", "--set", "evaluate.episodes=1"]);
        command
    };
    let _ = succeed(&mut wide("whole"));
    let weights = checkpoints(folder, "whole")[0].1.join("weights.safetensors");
    let weights = fs::metadata(weights).unwrap().len() as usize;
    let places = folder.join("cut/checkpoints");
    for kill in 0..KILLS {
        // The run advances first, so that each kill falls into the save of another iteration.
        kill_at(2 * kill as u64 + 1, wide("cut"));
        // Each kill falls on another byte of the weights, or of the state where that is written first.
        let mut limited = limited(&wide("cut"), (kill + 1) * weights / (KILLS + 1), &Beyond::Death);
        let status = limited.status().unwrap();
        assert_eq!(status.signal(), Some(25), "{status}: SIGXFSZ did not end kill {kill}");
        let halves = hidden(&places);
        assert_eq!(halves.len(), 1, "what was being saved is left: {halves:?}");
        // Negative control: the check finds that the unfinished checkpoint is not intact.
        assert!(!is_whole(&places.join(&halves[0])), "kill {kill}");
        let saved = checkpoints(folder, "cut");
        assert!(saved.len() >= usize::from(kill > 0), "{saved:?}");
        for (iteration, place) in saved {
            assert!(is_whole(&place), "{iteration} is not whole, after kill {kill}");
        }
    }
    let _ = succeed(&mut wide("cut"));
    assert_eq!(difference(folder, "whole", "cut"), None);
    assert!(hidden(&places).is_empty());
}

/// Replaces the last weight of a checkpoint with NaN, and updates its manifest.
fn spoil(checkpoint: &Path) {
    let mut weights = fs::read(checkpoint.join("weights.safetensors")).unwrap();
    let end = weights.len() - 4;
    weights[end..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(checkpoint.join("weights.safetensors"), &weights).unwrap();
    let manifest = checkpoint.join("manifest.json");
    let mut value: serde_json::Value =
        serde_json::from_slice(&fs::read(&manifest).unwrap()).unwrap();
    value["files"]["weights.safetensors"]["crc32"] = crc32(&weights).into();
    fs::write(&manifest, serde_json::to_vec(&value).unwrap()).unwrap();
}

#[test]
fn a_checkpoint_with_a_nan_weight_is_not_resumed() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(&mut train(folder, "whole", 10));
    kill_at(4, train(folder, "cut", 10));
    let (_, newest) = checkpoints(folder, "cut").pop().unwrap();
    spoil(&newest);
    assert!(is_whole(&newest), "only the number is wrong, the checksum is sound");
    let again = run(&mut train(folder, "cut", 10));
    assert_eq!(again.code, 0, "{}", again.stderr);
    for words in ["is NaN", "loading the checkpoint of iteration"] {
        assert!(again.stderr.contains(words), "{}", again.stderr);
    }
    assert_eq!(difference(folder, "whole", "cut"), None);
    // Without another checkpoint the run is not exported.
    for (_, place) in checkpoints(folder, "whole") {
        spoil(&place);
    }
    let export = ["export", "whole", "-o", "some.daa"];
    refuse(host_trainer(folder).args(export), &["is NaN", "no older checkpoint is complete"]);
    assert!(!folder.join("some.daa").exists());
}
