//! A full disk loses nothing: runs go on once there is room, and old files stay whole.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tests::runs::{assert_same, checkpoints, train};
use tests::{host_trainer, run, succeed};

/// A file system of so many bytes, gone when this is dropped; none where we may not mount one.
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

/// A command in a shell that lets no file grow beyond so many kibibytes: a full disk where nothing can be mounted.
fn limited(folder: &Path, program: &Command, kibibytes: u32) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", 2 * kibibytes);
    shell.current_dir(folder).args(["-c", &script, "sh"]);
    shell.arg(program.get_program()).args(program.get_args());
    for (key, value) in program.get_envs() {
        value.map(|value| shell.env(key, value));
    }
    shell
}

#[test]
fn a_full_disk_stops_a_run_and_leaves_the_last_checkpoint_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let decisions = 2048 * 6;
    let _ = succeed(&mut train(folder, "whole", decisions));
    let disk = SmallDisk::new(&folder.join("disk"), "1500k");
    let program = train(folder, "disk/run", decisions);
    let mut program = if disk.is_some() { program } else { limited(folder, &program, 200) };
    let full = run(&mut program);
    assert_eq!(full.code, 1, "{}", full.stderr);
    assert!(full.stderr.contains("cannot save the checkpoint"), "{}", full.stderr);
    let words = ["No space left", "File too large"];
    assert!(words.iter().any(|word| full.stderr.contains(word)), "{}", full.stderr);
    assert!(!full.stderr.contains("panicked"), "{}", full.stderr);
    let saved = checkpoints(folder, "disk/run");
    assert!(!saved.is_empty(), "nothing was saved before the disk was full");

    // With room again, the run goes on from there to the same bytes.
    let copied = Command::new("cp").args(["-r", "disk/run", "run"]).current_dir(folder).status();
    assert!(copied.unwrap().success());
    drop(disk);
    let _ = succeed(&mut train(folder, "run", decisions));
    assert_same(folder, "whole", "run");
}

#[test]
fn a_full_disk_leaves_the_old_image_and_the_old_page_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(&mut train(folder, "run", 2048 * 2));
    let disk = SmallDisk::new(&folder.join("disk"), "400k");
    let outputs: [(&[&str], &str); 4] = [
        (&["export", "run", "-o", "disk/policy.daa"], "disk/policy.daa"),
        (&["export", "run", "-o", "some.daa", "--onnx", "disk/policy.onnx"], "disk/policy.onnx"),
        (&["report", "run", "-o", "disk/report.html"], "disk/report.html"),
        (&["render", "run", "-o", "disk/film.gif", "--frames", "10"], "disk/film.gif"),
    ];
    for (args, output) in outputs {
        fs::write(folder.join(output), "the old one").unwrap();
        let mut program = host_trainer(folder);
        program.args(args);
        // Room for 8 KiB, which each of these files is larger than.
        let filler = folder.join("disk/filler");
        if disk.is_some() {
            let mut file = fs::File::create(&filler).unwrap();
            while file.write_all(&[1; 4096]).is_ok() {}
            file.set_len(file.metadata().unwrap().len() - 8192).unwrap();
        } else {
            program = limited(folder, &program, 8);
        }
        let full = run(&mut program);
        assert_eq!(full.code, 1, "{args:?}: {full:?}");
        let words = ["No space left", "File too large"];
        assert!(words.iter().any(|word| full.stderr.contains(word)), "{args:?}: {full:?}");
        assert!(full.stderr.contains(output) && !full.stderr.contains("panicked"), "{full:?}");
        assert_eq!(fs::read_to_string(folder.join(output)).unwrap(), "the old one");
        let names = fs::read_dir(folder.join("disk")).unwrap().map(|e| e.unwrap().file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with('.')).collect();
        assert!(left.is_empty(), "{args:?}: {left:?}");
        // The control: with room the same command replaces it.
        let _ = fs::remove_file(filler);
        let _ = succeed(host_trainer(folder).args(args));
        assert!(fs::metadata(folder.join(output)).unwrap().len() > 8192, "{output}");
        fs::remove_file(folder.join(output)).unwrap();
    }
}
