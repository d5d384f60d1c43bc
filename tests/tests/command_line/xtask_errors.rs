//! The commands of `cargo xtask` answer bad input with an error that names it, an exit code, and no written file.

use std::fs;
use std::path::Path;
use std::process::Command;
use tests::files::contents;
use tests::{root, run, small_image, xtask};

/// Fills a folder with a valid image and with files that are not images.
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

/// Seconds after which a command that hangs is ended, so that the test names it. Each takes less than a second.
const LIMIT: &str = "900";

#[test]
fn every_command_says_what_is_wrong_and_writes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    workplace(folder);
    let docs = root().join("docs");
    let temporary = folder.join("temporary");
    let before = (contents(&docs), contents(&temporary));

    // A word that begins with @ names a file of the workplace.
    let table: &[(&[&str], i32, &[&str])] = &[
        (&["emulate"], 2, &["<IMAGE>"]),
        (&["emulate", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["emulate", "@folder"], 1, &["folder: it is a folder"]),
        (&["emulate", "@pipe.daa"], 1, &["pipe.daa: it is not a regular file"]),
        (&["emulate", "/dev/zero"], 1, &["/dev/zero: it is not a regular file"]),
        (&["emulate", "@sparse.daa"], 1, &["sparse.daa: the file is 1099511627776 bytes"]),
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
        (&["boot", "/dev/zero"], 1, &["/dev/zero: it is not a regular file"]),
        (&["flash-policy", "@good.daa"], 1, &["is now `cargo xtask upload`"]),
        (&["upload", "@none.daa", "--port", "x"], 1, &["none.daa", "No such file"]),
        (&["upload", "@text.daa", "--port", "x"], 1, &["text.daa", "too few"]),
        (&["upload", "@good.daa"], 2, &["--port"]),
        (&["upload", "@good.daa", "--port", "@none"], 1, &["none", "No such file"]),
        (&["upload", "@good.daa", "--port", "@text.daa"], 1, &["text.daa", "ioctl"]),
        (&["upload", "@good.daa", "--port", "x", "--baud", "0"], 2, &["--baud", "0"]),
        (&["upload", "@good.daa", "--port", "a", "--emulator", "b"], 2, &["--emulator"]),
        (&["upload", "@good.daa", "--emulator", "@none.daa"], 1, &["none.daa"]),
        (&["faults", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["faults", "@folder"], 1, &["folder: it is a folder"]),
        (&["faults", "@pipe.daa"], 1, &["pipe.daa: it is not a regular file"]),
        (&["faults", "--episodes", "0"], 2, &["--episodes", "0"]),
        (&["faults", "--nothing"], 2, &["--nothing"]),
        (&["size", "@none.daa"], 1, &["none.daa", "No such file"]),
        (&["size", "/dev/zero"], 1, &["/dev/zero: it is not a regular file"]),
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
        // A command without its subcommand prints its help.
        assert_eq!(errors, usize::from(*arguments != ["bench"]), "{arguments:?}: {outcome:?}");
        for word in *words {
            assert!(outcome.stderr.contains(word), "{arguments:?}: no {word:?} in {outcome:?}");
        }
        assert!(outcome.stdout.is_empty(), "{arguments:?}: {outcome:?}");
        let now = (contents(&docs), contents(&temporary));
        assert!(now == before, "{arguments:?} wrote something");
    }
    // Negative control: the comparison sees an additional file, and a longer one.
    fs::write(temporary.join("left"), "").unwrap();
    let one = contents(&temporary);
    fs::write(temporary.join("left"), "something").unwrap();
    assert!(one != before.1 && one != contents(&temporary));
    for command in ["emulate", "boot", "upload", "faults", "size", "fuzz", "bench"] {
        let outcome = run(xtask().args([command, "--help"]));
        assert!(outcome.code == 0 && outcome.stdout.contains("Usage"), "{outcome:?}");
    }
}
