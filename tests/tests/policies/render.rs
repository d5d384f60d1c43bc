//! Pictures of episodes.

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use tests::{host_trainer, refuse, run, small_image, succeed};

const PACKAGES: &str = "apt-get install libegl1 libegl-mesa0 libgl1-mesa-dri";

fn render(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = host_trainer(folder);
    command.arg("render").arg(small_image()).args(arguments);
    command
}

/// A decoded frame: width, height, RGB or RGBA bytes.
struct Picture {
    size: [u32; 2],
    channels: usize,
    pixels: Vec<u8>,
}

impl Picture {
    fn colours(&self) -> usize {
        self.pixels.chunks_exact(self.channels).collect::<HashSet<_>>().len()
    }
}

/// The frames of an animation and the hundredths of a second for which each is shown.
fn animation(file: &Path) -> Vec<(Picture, u16)> {
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::RGBA);
    let mut decoder = options.read_info(std::fs::File::open(file).unwrap()).unwrap();
    let size = [u32::from(decoder.width()), u32::from(decoder.height())];
    let mut frames = Vec::new();
    while let Some(frame) = decoder.read_next_frame().unwrap() {
        assert_eq!([u32::from(frame.width), u32::from(frame.height)], size);
        frames.push((Picture { size, channels: 4, pixels: frame.buffer.to_vec() }, frame.delay));
    }
    frames
}

fn sheet(file: &Path) -> Picture {
    let file = std::io::BufReader::new(std::fs::File::open(file).unwrap());
    let mut reader = png::Decoder::new(file).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    Picture { size: [info.width, info.height], channels: 3, pixels }
}

#[test]
fn pictures_are_made_or_the_missing_packages_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let frames = ["--frames", "6", "--width", "160", "--height", "120", "-o"];
    let first = run(&mut render(folder.path(), &[&frames[..], &["a.gif"]].concat()));
    if first.code != 0 {
        // No OpenGL here. Whatever else may be wrong is a failure of this test.
        refuse(&mut render(folder.path(), &["-o", "a.gif"]), &["OpenGL", PACKAGES]);
        return;
    }

    let frames_of = |name: &str| animation(&folder.path().join(name));
    let shown = frames_of("a.gif");
    assert_eq!(shown.len(), 6);
    let distinct: HashSet<_> = shown.iter().map(|(frame, _)| &frame.pixels).collect();
    assert!(distinct.len() > 3, "{} distinct frames", distinct.len());
    for (frame, _) in &shown {
        assert_eq!(frame.size, [160, 120]);
        assert!(frame.colours() > 20, "{} colours", frame.colours());
    }
    // An episode lasts 10 s.
    assert_eq!(shown[..5].iter().map(|(_, hold)| u32::from(*hold)).sum::<u32>(), 1000);

    // The same again, and another episode from another seed.
    let _ = succeed(&mut render(folder.path(), &[&frames[..], &["b.gif"]].concat()));
    let _ = succeed(&mut render(folder.path(), &[&frames[..], &["c.gif", "--seed", "2"]].concat()));
    let bytes = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    assert_eq!(bytes("a.gif"), bytes("b.gif"));
    assert_ne!(bytes("a.gif"), bytes("c.gif"));

    let two = ["d.png", "--episodes", "2"];
    let _ = succeed(&mut render(folder.path(), &[&frames[..], &two].concat()));
    let sheet = sheet(&folder.path().join("d.png"));
    // 12 frames in 4 columns and 3 rows, 4 pixels between them.
    assert_eq!(sheet.size, [4 * 160 + 3 * 4, 3 * 120 + 2 * 4]);
    assert!(sheet.colours() > 20);
    // What is not asked for is not left behind either.
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
}

#[test]
fn without_opengl_the_packages_are_named_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    // Takes every implementation from EGL's dispatcher, where there is one.
    let mut command = render(folder.path(), &["-o", "a.gif"]);
    command.env("__EGL_VENDOR_LIBRARY_FILENAMES", "/dev/null/none");
    refuse(&mut command, &["OpenGL", PACKAGES]);
    assert!(!folder.path().join("a.gif").exists());
}

#[test]
fn what_cannot_be_written_is_refused_before_anything_is_drawn() {
    let folder = tempfile::tempdir().unwrap();
    refuse(&mut render(folder.path(), &["-o", "a.mp4"]), &["a.mp4", ".gif", ".png"]);
    refuse(&mut render(folder.path(), &["-o", "no/a.gif"]), &["no/a.gif", "no folder"]);
    let large = ["-o", "a.png", "--frames", "200", "--width", "4096", "--height", "4096"];
    refuse(&mut render(folder.path(), &large), &["--frames"]);
    let outcome = run(&mut render(folder.path(), &["-o", "a.png", "--width", "0"]));
    assert_eq!(outcome.code, 2, "{outcome:?}");
}
