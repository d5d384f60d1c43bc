//! Every command answers bad input with one line that names the fix, an exit code, and no written file.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use tests::files::contents;
use tests::{SMALL_RUN, host_trainer, refuse, run, small_image, succeed};

/// A folder with a finished run `run`, an image `good.daa`, and files that are wrong in many ways.
fn workplace(folder: &Path) {
    let mut train = host_trainer(folder);
    let _ = succeed(train.arg("train").args(SMALL_RUN).args(["-q", "--run-dir", "run"]));
    let image = fs::read(small_image()).unwrap();
    fs::write(folder.join("good.daa"), &image).unwrap();
    fs::write(folder.join("cut.daa"), &image[..image.len() / 2]).unwrap();
    fs::File::create(folder.join("sparse.daa")).unwrap().set_len(1 << 40).unwrap();
    for pipe in ["pipe.daa", "pipe.toml"] {
        assert!(Command::new("mkfifo").arg(folder.join(pipe)).status().unwrap().success());
    }
    let mut flipped = image;
    flipped[5000] ^= 1;
    fs::write(folder.join("flipped.daa"), flipped).unwrap();
    fs::write(folder.join("text.daa"), "no image at all").unwrap();
    fs::write(folder.join("empty"), "").unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    fs::write(folder.join("old.toml"), "").unwrap();
    fs::create_dir_all(folder.join("newer/checkpoints")).unwrap();
    fs::write(folder.join("newer/config.toml"), "invented = 3\n").unwrap();
}

#[test]
fn every_command_says_what_is_wrong_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    workplace(folder);
    let before = contents(folder);
    let table: &[(&[&str], &[&str])] = &[
        (&["evaluate", "nothing"], &["nothing"]),
        (&["evaluate", "folder"], &["folder is not a run directory"]),
        (&["evaluate", "cut.daa"], &["cut.daa"]),
        (&["evaluate", "flipped.daa"], &["flipped.daa", "CRC-32"]),
        (&["evaluate", "text.daa"], &["text.daa"]),
        (&["evaluate", "empty"], &["empty"]),
        (&["evaluate", "newer"], &["newer/config.toml", "invented"]),
        (&["evaluate", "good.daa", "--trajectories", "no/such/file.csv"], &["no/such"]),
        (&["inspect", "nothing.daa"], &["nothing.daa"]),
        (&["inspect", "flipped.daa"], &["flipped.daa", "CRC-32"]),
        (&["export", "good.daa"], &["good.daa is an image already", "--onnx"]),
        (&["export", "run", "-o", "folder"], &["folder"]),
        (&["export", "run", "-o", "no/such/place.daa"], &["no/such"]),
        (&["export", "run", "--seed", "77"], &["no seed 77"]),
        (&["render", "text.daa", "-o", "x.gif"], &["text.daa"]),
        (&["render", "good.daa", "-o", "x.mp4"], &["x.mp4", ".gif"]),
        (&["report", "folder"], &["folder"]),
        (&["report", "nothing"], &["nothing"]),
        (&["experiment", "fig9"], &["fig9", "did you mean fig"]),
        (
            &["experiment", "fig5", "--task", "reacher-esy", "--plan"],
            &["did you mean reacher-easy?"],
        ),
        (
            &["experiment", "fig5", "--set", "horizont=2", "--plan"],
            &["did you mean estimator.horizon?"],
        ),
        (&["diagnose", "folder"], &["folder is not a run directory"]),
        (&["replay", "nothing.json"], &["cannot read nothing.json"]),
        (&["replay", "empty"], &["empty"]),
        (&["replay", "/dev/zero"], &["/dev/zero", "not a regular file"]),
        (&["inspect", "/dev/zero"], &["/dev/zero", "not a regular file"]),
        (
            &["import", "/dev/zero", "--task", "cartpole-swingup", "-o", "x.daa"],
            &["/dev/zero", "not a regular file"],
        ),
        (&["sweep", "plan", "/dev/zero"], &["/dev/zero", "not a regular file"]),
        (&["train", "--config", "/dev/zero"], &["/dev/zero", "not a regular file"]),
        (&["train", "--task", "pipe.toml"], &["pipe.toml", "not a regular file"]),
        (&["evaluate", "pipe.daa"], &["pipe.daa", "not a regular file"]),
        (&["inspect", "sparse.daa"], &["sparse.daa", "1099511627776 bytes"]),
        (&["replay", "sparse.daa"], &["sparse.daa", "1099511627776 bytes"]),
        (&["hil", "flipped.daa", "--request", "a", "--reply", "b"], &["flipped.daa"]),
        (&["hil", "good.daa", "--request", "no-fifo", "--reply", "b"], &["no-fifo"]),
        (&["bench", "env", "--task", "cartpole-swingp"], &["did you mean cartpole-swingup?"]),
        (&["bench", "env", "--seconds", "0"], &["--seconds 0"]),
        (&["bench", "train", "--set", "ppo.clip=-1"], &["clip"]),
        (&["sweep", "plan", "empty.toml"], &["cannot read empty.toml"]),
        (&["train", "--resume", "newer"], &["newer/config.toml", "invented"]),
        (&["train", "--run-dir", "newer"], &["newer/config.toml", "invented"]),
        (&["train", "--run-dir", "run/config.toml"], &["run/config.toml"]),
        (&["train", "--config", "folder"], &["folder"]),
        (&["train", "--task", ""], &["unknown task"]),
        (&["train", "--set", "hidden"], &["write key=value"]),
        (&["train", "--set", "actor.hidden=100000000"], &["actor.hidden"]),
        (&["train", "--set", "estimator.num_actions=1000000000"], &["num_actions"]),
        (
            &["train", "--set", "rollout.num_envs=4096", "--set", "rollout.length=1048576"],
            &["rollout.num_envs = 4096", "rollout.length = 1048576", "GiB", "lower one"],
        ),
        (
            &["train", "--set", "actor.hidden=4096", "--seeds", "1..1024"],
            &["1024 seeds", "actor.hidden = 4096", "GiB"],
        ),
        (
            &["train", "--resume", "auto", "--run-dir", "folder/none/", "--set", "ppo.clip=-1"],
            &["clip"],
        ),
    ];
    for (args, words) in table {
        refuse(host_trainer(folder).args(*args), words);
        assert!(contents(folder) == before, "{args:?} wrote something");
    }
}

#[test]
fn arguments_that_are_not_understood_have_their_own_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let table: &[&[&str]] = &[
        &[],
        &["trian"],
        &["train", "--sede", "3"],
        &["train", "--seed", "-1"],
        &["train", "--seeds", "5..1"],
        &["train", "--seed", "1", "--seeds", "1..2"],
        &["train", "--decisions", "many"],
        &["evaluate"],
        &["evaluate", "x", "--episodes", "0"],
        &["export", "x", "--dtype", "i4"],
        &["export", "x", "--checkpoint", "last"],
        &["sweep", "run", "x", "--only", "a", "--index", "1"],
        &["report", "x", "--score", "best"],
    ];
    for args in table {
        let outcome = run(host_trainer(folder.path()).args(*args));
        assert_eq!(outcome.code, 2, "{args:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("panicked"), "{outcome:?}");
    }
    assert!(contents(folder.path()).is_empty());
}

#[test]
fn files_that_may_not_be_read_or_written_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    workplace(folder);
    let mode = |name: &str, mode: u32| {
        fs::set_permissions(folder.join(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    // The commands run without the right to ignore file modes, which a superuser gives up.
    mode("good.daa", 0o000);
    mode("run/checkpoints", 0o000);
    fs::remove_file(folder.join("run/summary.json")).unwrap();
    mode("folder", 0o500);
    let user = |args: &[&str]| {
        let program = host_trainer(folder);
        let mut command = match fs::read(folder.join("good.daa")) {
            Ok(_) => Command::new("setpriv"),
            Err(_) => Command::new("env"),
        };
        if command.get_program() == "setpriv" {
            command.args(["--bounding-set", "-dac_override,-dac_read_search"]);
        }
        command.arg(program.get_program()).args(args).current_dir(folder);
        for (key, value) in program.get_envs() {
            value.map(|value| command.env(key, value));
        }
        command
    };
    let before = contents(folder);
    // Negative control: the same command reads a readable image.
    fs::copy(small_image(), folder.join("readable.daa")).unwrap();
    let _ = succeed(&mut user(&["inspect", "readable.daa"]));
    fs::remove_file(folder.join("readable.daa")).unwrap();
    let table: &[(&[&str], &[&str])] = &[
        (&["inspect", "good.daa"], &["good.daa", "ermission"]),
        (&["evaluate", "good.daa"], &["good.daa", "ermission"]),
        (&["evaluate", "run"], &["run/checkpoints", "ermission"]),
        (&["export", "run"], &["run/checkpoints", "ermission"]),
        (&["export", "run", "-o", "folder/x.daa"], &["ermission"]),
        (&["render", "good.daa", "-o", "x.gif"], &["good.daa", "ermission"]),
        (&["train", "--config", "good.daa"], &["good.daa", "ermission"]),
        (
            &["train", "--run-dir", "folder/run", "--decisions", "8192"],
            &["folder/run", "ermission"],
        ),
        (&["sweep", "plan", "good.daa"], &["good.daa", "ermission"]),
        (&["replay", "good.daa"], &["good.daa", "ermission"]),
        (
            &["import", "good.daa", "--task", "cartpole-swingup", "-o", "x.daa"],
            &["good.daa", "ermission"],
        ),
        // A run whose checkpoints cannot be read does not begin again from nothing.
        (&["train", "--resume", "run", "-q"], &["run/checkpoints", "ermission"]),
        (&["report", "run", "-o", "folder/report.html"], &["folder", "ermission"]),
    ];
    for (args, words) in table {
        refuse(&mut user(args), words);
        assert!(contents(folder) == before, "{args:?} wrote something");
    }
    mode("folder", 0o700);
    mode("run/checkpoints", 0o700);
}
