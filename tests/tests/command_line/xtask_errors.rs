//! Bad input to the commands of `cargo xtask`: an error that names it, an exit code, nothing written.

use std::fs;
use std::path::Path;
use std::process::Command;
use tests::files::contents;
use tests::{root, run, small_image, xtask};

/// Files that are no images, in many ways.
fn workplace(folder: &Path) {
    let image = fs::read(small_image()).unwrap();
    fs::write(folder.join("good.daa"), &image).unwrap();
    fs::write(folder.join("cut.daa"), &image[..5000]).unwrap();
    fs::write(folder.join("text.daa"), "text").unwrap();
    fs::write(folder.join("empty.daa"), "").unwrap();
    fs::create_dir(folder.join("folder")).unwrap();
    fs::create_dir(folder.join("temporary")).unwrap();
    fs::File::create(folder.join("sparse.daa")).unwrap().set_len(1 << 40).unwrap();
    assert!(Command::new("mkfifo").arg(folder.join("pipe.daa")).status().unwrap().success());
}

/// Seconds after which a command that hangs is ended, so that it is named. None of them takes one.
const LIMIT: &str = "900";

#[test]
fn every_command_says_what_is_wrong_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    workplace(folder);
    let docs = root().join("docs");
    let temporary = folder.join("temporary");
    let before = (contents(&docs), contents(&temporary));

    // A word that begins with @ is a file of the workplace.
    let table: &[(&[&str], i32, &[&str])] = &[
        (&["emulate"], 2, &["<IMAGE>"]),
        (&["emulate", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["emulate", "@folder"], 1, &["folder: it is a folder"]),
        (&["emulate", "@pipe.daa"], 1, &["pipe.daa: it is no regular file"]),
        (&["emulate", "/dev/zero"], 1, &["/dev/zero: it is no regular file"]),
        (&["emulate", "@sparse.daa"], 1, &["sparse.daa has 1099511627776 bytes"]),
        (&["emulate", "@text.daa"], 1, &["text.daa", "too few for an image"]),
        (&["emulate", "@cut.daa"], 1, &["cut.daa", "truncated"]),
        (&["emulate", "@good.daa", "--episodes", "0"], 2, &["--episodes", "0"]),
        (&["emulate", "@good.daa", "--best-of", "0"], 2, &["--best-of", "1..=16"]),
        (&["emulate", "@good.daa", "--best-of", "17"], 2, &["--best-of", "1..=16"]),
        (&["emulate", "@good.daa", "--best-of", "8", "--softmax", "nan"], 2, &["above 0"]),
        (&["emulate", "@good.daa", "--best-of", "8", "--softmax", "0"], 2, &["above 0"]),
        (&["emulate", "@good.daa", "--best-of", "8", "--budget", "0"], 2, &["--budget", "0"]),
        (&["emulate", "@good.daa", "--softmax", "1"], 2, &["--best-of"]),
        (&["emulate", "@good.daa", "--asm=fast"], 2, &["--asm", "fast"]),
        (&["emulate", "@good.daa", "--task-file", "@none.toml"], 1, &["none.toml"]),
        (&["boot", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["boot", "/dev/zero"], 1, &["/dev/zero: it is no regular file"]),
        (&["flash-policy", "@none.daa", "--port", "x"], 1, &["none.daa", "No such file"]),
        (&["flash-policy", "@text.daa", "--port", "x"], 1, &["text.daa", "too few"]),
        (&["flash-policy", "@good.daa"], 2, &["--port"]),
        (&["flash-policy", "@good.daa", "--port", "@none"], 1, &["none", "No such file"]),
        (&["flash-policy", "@good.daa", "--port", "@text.daa"], 1, &["text.daa", "ioctl"]),
        (&["flash-policy", "@good.daa", "--port", "x", "--baud", "0"], 2, &["--baud", "0"]),
        (&["flash-policy", "@good.daa", "--port", "a", "--emulator", "b"], 2, &["--emulator"]),
        (&["flash-policy", "@good.daa", "--emulator", "@none.daa"], 1, &["none.daa"]),
        (&["faults", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["faults", "@folder"], 1, &["folder: it is a folder"]),
        (&["faults", "@pipe.daa"], 1, &["pipe.daa: it is no regular file"]),
        (&["faults", "--episodes", "0"], 2, &["--episodes", "0"]),
        (&["faults", "--nothing"], 2, &["--nothing"]),
        (&["size", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["size", "/dev/zero"], 1, &["/dev/zero: it is no regular file"]),
        (&["size", "--machine", "moon"], 2, &["--machine", "board, emulator"]),
        (&["fuzz", "nothing"], 2, &["nothing", "image, link, config"]),
        (&["fuzz", "--seconds", "0"], 2, &["--seconds", "0"]),
        (&["fuzz", "--keep", "--planted"], 2, &["--keep", "--planted"]),
        (&["bench"], 2, &["mcu"]),
        (&["bench", "pc"], 2, &["pc"]),
        (&["bench", "mcu", "--wet"], 2, &["--wet"]),
        (&["train", "--task", "cartpole-swng"], 1, &["did you mean cartpole-swingup?"]),
        (&["nothing"], 2, &["nothing"]),
    ];
    for (arguments, code, words) in table {
        let mut command = Command::new("timeout");
        let program = xtask();
        command.arg(LIMIT).arg(program.get_program()).current_dir(root());
        command.args(arguments.iter().map(|word| match word.strip_prefix('@') {
            Some(name) => folder.join(name).into_os_string(),
            None => word.into(),
        }));
        let outcome = run(command.env("TMPDIR", &temporary));
        assert_eq!(outcome.code, *code, "{arguments:?}: {outcome:?}");
        assert!(!outcome.stderr.contains("panicked"), "{arguments:?}: {outcome:?}");
        let errors = outcome.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        // Without a subcommand the help is the answer.
        assert_eq!(errors, usize::from(*arguments != ["bench"]), "{arguments:?}: {outcome:?}");
        for word in *words {
            assert!(outcome.stderr.contains(word), "{arguments:?}: no {word:?} in {outcome:?}");
        }
        assert!(outcome.stdout.is_empty(), "{arguments:?}: {outcome:?}");
        let now = (contents(&docs), contents(&temporary));
        assert!(now == before, "{arguments:?} wrote something");
    }
    // The control: a file more is seen, and so is one that is longer.
    fs::write(temporary.join("left"), "").unwrap();
    let one = contents(&temporary);
    fs::write(temporary.join("left"), "something").unwrap();
    assert!(one != before.1 && one != contents(&temporary));
    for command in ["emulate", "boot", "flash-policy", "faults", "size", "fuzz", "bench"] {
        let outcome = run(xtask().args([command, "--help"]));
        assert!(outcome.code == 0 && outcome.stdout.contains("Usage"), "{outcome:?}");
    }
}
