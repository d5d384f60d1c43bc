//! Policy updates of the emulated microcontroller, with power failures in every phase.

use daa_core::image::Image;
use daa_core::protocol::{PIECE_BYTES, Reply, Request, Transfer};
use daa_core::safety::state::Mode;
use daa_core::update::{Stage, TrialLength, UpdateError};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use tests::chip::Chip;
use tests::{Aligned, firmware_elf, host_trainer, narrow_image, refuse, succeed, xtask};

/// Two images without a model, and so without a monitor that would reject a cart that stands still.
struct Images {
    _folder: tempfile::TempDir,
    old: std::path::PathBuf,
    new: std::path::PathBuf,
}

fn images() -> &'static Images {
    static IMAGES: std::sync::OnceLock<Images> = std::sync::OnceLock::new();
    IMAGES.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let train = |seed: &str| {
            let run = folder.path().join(seed);
            let mut command = host_trainer(folder.path());
            command.args(["train", "-q", "--estimator", "single", "--seed", seed]);
            command.args(["--set", "decisions=2048", "--set", "rollout.length=256"]);
            let _ = succeed(command.arg("--run-dir").arg(&run));
            run.join("policy.daa")
        };
        let (old, new) = (train("1"), train("2"));
        Images { _folder: folder, old, new }
    })
}

/// The firmware around the old image.
fn elf() -> Arc<[u8]> {
    firmware_elf(&["emulator"], &images().old)
}

fn checksum(image: &Aligned) -> u32 {
    Image::open(image.bytes()).unwrap().checksum()
}

fn begin(image: &Aligned) -> Transfer {
    let opened = Image::open(image.bytes()).unwrap();
    let (checksum, architecture) = (opened.checksum(), opened.architecture().hash());
    Transfer::Begin { len: image.bytes().len() as u32, checksum, architecture }
}

/// Sends at most `most` pieces from offset `from` and returns how many bytes the chip has then.
fn pieces(chip: &mut Chip, image: &Aligned, from: u32, most: usize) -> u32 {
    let mut received = from;
    for piece in image.bytes()[from as usize..].chunks(PIECE_BYTES).take(most) {
        let bytes = heapless::Vec::from_slice(piece).unwrap();
        received = chip.transfer(Transfer::Piece { offset: received, bytes }).unwrap();
    }
    received
}

fn install(chip: &mut Chip, image: &Aligned) {
    let from = chip.transfer(begin(image)).unwrap();
    pieces(chip, image, from, usize::MAX);
    chip.transfer(Transfer::Commit).unwrap();
}

/// Lets the chip make `ticks` valid decisions, 40 ms apart, and arms it before the first one.
fn work(chip: &mut Chip, from: u32, ticks: u32) {
    const GOOD: [Option<f32>; 5] = [Some(0.1), Some(-1.0), Some(0.0), Some(0.0), Some(0.0)];
    if from == 0 {
        assert!(matches!(chip.ask(&Request::Arm), Some(Reply::Status(status)) if status.armed));
    }
    for i in from + 1..=from + ticks {
        let reply = chip.sample(i * 40_000, GOOD);
        assert!(matches!(reply, Some(Reply::Action { mode: Mode::Run, .. })), "{i}: {reply:?}");
    }
}

const SHADOW: u32 = TrialLength::DEFAULT.shadow;
const TRIAL: u32 = TrialLength::DEFAULT.trial;

#[test]
fn power_fails_in_every_phase_of_an_update_and_the_old_policy_acts_until_the_new_one_is_confirmed()
{
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Aligned::read(&images().old), Aligned::read(&images().new));
    let (old_id, new_id) = (checksum(&old), checksum(&new));
    assert_ne!(old_id, new_id);
    let boot = || Chip::boot(folder.path(), &elf());
    let acting = |chip: &mut Chip| {
        let policies = chip.policies();
        (policies.acting, policies.other, policies.stage)
    };
    let alone = (old_id, None, Stage::Confirmed);
    for most in [0, 1, 30, usize::MAX] {
        let mut chip = boot();
        assert_eq!(acting(&mut chip), alone);
        assert_eq!(chip.transfer(begin(&new)), Ok(0));
        pieces(&mut chip, &new, 0, most);
    }
    // The host ends while the chip keeps running: the next transfer continues at the same offset.
    let mut chip = boot();
    assert_eq!(chip.transfer(Transfer::Commit), Err(UpdateError::NotBegun));
    assert_eq!(chip.transfer(begin(&new)), Ok(0));
    let half = pieces(&mut chip, &new, 0, 50);
    assert_eq!(chip.transfer(Transfer::Commit), Err(UpdateError::Offset { received: half }));
    assert_eq!(chip.transfer(begin(&new)), Ok(half));
    pieces(&mut chip, &new, half, usize::MAX);
    assert!(chip.transfer(Transfer::Commit).is_ok());
    assert_eq!(acting(&mut chip), (old_id, Some(new_id), Stage::Shadow));
    work(&mut chip, 0, SHADOW - 1);
    drop(chip);

    // The shadow phase survives a power failure, a trial does not.
    let mut chip = boot();
    assert_eq!(acting(&mut chip), (old_id, Some(new_id), Stage::Shadow));
    work(&mut chip, 0, SHADOW);
    assert_eq!(acting(&mut chip), (new_id, Some(old_id), Stage::Trial));
    drop(chip);
    let mut chip = boot();
    assert_eq!(acting(&mut chip), alone);

    install(&mut chip, &new);
    drop(chip);
    std::fs::write(folder.path().join("crashed"), [8]).unwrap();
    let mut chip = boot();
    assert_eq!(acting(&mut chip), alone, "a crash ends the shadow");

    install(&mut chip, &new);
    work(&mut chip, 0, SHADOW + TRIAL - 1);
    assert_eq!(acting(&mut chip).2, Stage::Trial);
    work(&mut chip, SHADOW + TRIAL - 1, 1);
    let confirmed = (new_id, None, Stage::Confirmed);
    assert_eq!(acting(&mut chip), confirmed);
    drop(chip);
    assert_eq!(acting(&mut boot()), confirmed);

    // One bit of the new image flips: the chip boots the old image, which is still in its slot.
    let path = folder.path().join("flash.bin");
    let mut flash = std::fs::read(&path).unwrap();
    flash[256 + 3000] ^= 4;
    std::fs::write(&path, flash).unwrap();
    assert_eq!(acting(&mut boot()), alone);
}

#[test]
fn an_image_that_the_chip_would_not_boot_is_refused_in_the_transfer() {
    let folder = tempfile::tempdir().unwrap();
    let new = Aligned::read(&images().new);
    let mut chip = Chip::boot(folder.path(), &elf());
    let narrow = Aligned::read(narrow_image());
    assert!(matches!(chip.transfer(begin(&narrow)), Err(UpdateError::OtherArchitecture { .. })));
    let Transfer::Begin { checksum, architecture, .. } = begin(&new) else { panic!() };
    let huge = Transfer::Begin { len: 1 << 20, checksum, architecture };
    assert!(matches!(chip.transfer(huge), Err(UpdateError::TooLarge { .. })));

    // The last bias is changed and the CRC repaired: the golden vectors show the change.
    let mut changed = new.clone();
    let passport = u32::from_le_bytes(changed.bytes()[48..52].try_into().unwrap()) as usize;
    let at = 64 + passport.next_multiple_of(4) + 4 * 4608;
    let weight = f32::from_le_bytes(changed.bytes()[at..at + 4].try_into().unwrap()) + 0.01;
    changed.bytes_mut()[at..at + 4].copy_from_slice(&weight.to_le_bytes());
    changed.repair_checksum();
    assert_eq!(chip.transfer(begin(&changed)), Ok(0));
    pieces(&mut chip, &changed, 0, usize::MAX);
    assert_eq!(chip.transfer(Transfer::Commit), Err(UpdateError::Image));
    assert_eq!(chip.policies().other, None);
    // The transferred image is not the announced one.
    assert_eq!(chip.transfer(begin(&changed)), Ok(0));
    pieces(&mut chip, &new, 0, usize::MAX);
    assert_eq!(chip.transfer(Transfer::Commit), Err(UpdateError::Image));
    // An armed chip refuses transfers.
    work(&mut chip, 0, 2);
    assert_eq!(chip.transfer(begin(&new)), Err(UpdateError::NotSafe));
}

#[test]
fn an_upload_sends_an_image_and_refuses_others_with_one_line() {
    let Images { old, new, .. } = images();
    let flash = |image: &Path| {
        let mut command = xtask();
        command.arg("upload").arg(image).arg("--emulator").arg(old).arg("--json");
        command
    };
    let report: Value = serde_json::from_str(&succeed(&mut flash(new))).unwrap();
    assert_eq!(
        (&report["policies"]["stage"], &report["reset"]),
        (&"Shadow".into(), &"Power".into())
    );
    assert_eq!(report["policies"]["other"], checksum(&Aligned::read(new)));
    assert_eq!(report["policies"]["acting"], checksum(&Aligned::read(old)));
    refuse(&mut flash(old), &["runs this image already", "the old policy stays"]);
    refuse(&mut flash(narrow_image()), &["other networks", "the old policy stays"]);
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.daa");
    let mut bytes = std::fs::read(new).unwrap();
    bytes[5000] ^= 1;
    std::fs::write(&damaged, bytes).unwrap();
    refuse(&mut flash(&damaged), &["CRC-32"]);
    let mut nowhere = xtask();
    nowhere.arg("upload").arg(new).args(["--port", "/nonexistent/port"]);
    refuse(&mut nowhere, &["/nonexistent/port"]);
}
