//! A firmware that hangs, panics or faults in its tick on the emulated microcontroller, and observations in
//! memory full of garbage.

use daa_core::protocol::ResetCause;
use daa_core::protocol::{Reply, Request};
use daa_core::safety::state::Mode;
use daa_core::safety::{Fault, Signals};
use std::mem::MaybeUninit;
use std::path::Path;
use tests::chip::{Chip, log};
use tests::{firmware_elf, small_image};

use crate::reset;

/// Arms the chip and lets it make ten valid decisions, 40 ms apart.
fn work(chip: &mut Chip) {
    assert!(matches!(chip.ask(&Request::Hello), Some(Reply::Hello(_))));
    assert!(matches!(chip.ask(&Request::Arm), Some(Reply::Status(status)) if status.armed));
    for i in 1..=10 {
        let reply = chip.sample(i * 40_000, GOOD);
        assert!(matches!(reply, Some(Reply::Action { mode: Mode::Run, .. })), "{reply:?}");
    }
}

/// A valid observation: a cart in the middle of its track with a hanging pole.
const GOOD: [Option<f32>; 5] = [Some(0.1), Some(-1.0), Some(0.0), Some(0.0), Some(0.0)];

fn with_position(position: f32) -> [Option<f32>; 5] {
    [Some(position), Some(-1.0), Some(0.0), Some(0.0), Some(0.0)]
}

/// The cause of the last reset, as the next boot reports it.
fn reset_cause(folder: &Path, elf: &[u8]) -> ResetCause {
    let mut chip = Chip::boot(folder, elf);
    let Some(Reply::Hello(identity)) = chip.ask(&Request::Hello) else { panic!("no identity") };
    chip.send(&Request::Goodbye);
    assert_eq!(chip.exit_code(), Some(0));
    let told = format!("started by {}", identity.reset);
    assert!(log(folder).contains(&told), "{told}: {:?}", log(folder));
    identity.reset
}

#[test]
fn a_hang_a_panic_and_a_fault_in_the_tick_end_safe_and_the_next_boot_reports_the_cause() {
    let elf = firmware_elf(&["emulator", "planted"], small_image());
    let cases = [
        (-2.2, 8, ResetCause::Watchdog, "watchdog: no good tick"),
        (2.2, 5, ResetCause::Program, "panicked at"),
        (2.4, 6, ResetCause::Program, "processor fault at"),
    ];
    for (position, code, cause, words) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut chip = Chip::boot(folder.path(), &elf);
        work(&mut chip);
        assert_eq!(chip.sample(11 * 40_000, with_position(position)), None);
        assert_eq!(chip.exit_code(), Some(code));
        // The actuators are safe before the cause is logged.
        let lines = log(folder.path());
        let first = |words: &str| lines.iter().position(|line| line.contains(words));
        let (safe, said) = (first("actuators safe"), first(words));
        assert!(safe.is_some() && said.is_some() && safe < said, "{words}: {lines:?}");
        // The next boot reports the cause, and the boot after it reports an ordinary start.
        assert_eq!(reset_cause(folder.path(), &elf), cause);
        assert_eq!(reset_cause(folder.path(), &elf), ResetCause::Power);
    }
    // Negative control: a firmware without the planted faults handles the same positions.
    let elf = firmware_elf(&["emulator"], small_image());
    let folder = tempfile::tempdir().unwrap();
    let mut chip = Chip::boot(folder.path(), &elf);
    work(&mut chip);
    for (i, (position, ..)) in (11u32..).zip(cases) {
        let reply = chip.sample(i * 40_000, with_position(position));
        assert!(matches!(reply, Some(Reply::Action { .. })), "{reply:?}");
    }
    chip.send(&Request::Goodbye);
    assert_eq!(chip.exit_code(), Some(0));
    assert!(!log(folder.path()).iter().any(|line| line.contains("actuators safe")));
    assert_eq!(reset_cause(folder.path(), &elf), ResetCause::Power);
}

#[test]
fn a_link_that_breaks_off_has_its_own_exit_code() {
    let elf = firmware_elf(&["emulator"], small_image());
    let folder = tempfile::tempdir().unwrap();
    let mut chip = Chip::boot(folder.path(), &elf);
    work(&mut chip);
    assert_eq!(chip.hang_up(), Some(4));
    let lines = log(folder.path());
    assert!(lines.iter().any(|line| line == "link: closed without a goodbye"), "{lines:?}");
    // A closed link does not count as a crash.
    assert_eq!(reset_cause(folder.path(), &elf), ResetCause::Power);
}

#[test]
fn the_boards_reset_flags_name_the_most_specific_cause() {
    const LOW_POWER: u32 = 1 << 31;
    const WINDOW: u32 = 1 << 30;
    const INDEPENDENT: u32 = 1 << 29;
    const SOFTWARE: u32 = 1 << 28;
    const POWER: u32 = 1 << 27;
    const PIN: u32 = 1 << 26;
    const BROWN_OUT: u32 = 1 << 25;
    let table = [
        // The reset value in the manual, 0x0E00_0000, has the flags for power, pin and brown-out.
        (0x0E00_0000, ResetCause::Power, false),
        (POWER | PIN | BROWN_OUT, ResetCause::Power, false),
        (BROWN_OUT | PIN, ResetCause::BrownOut, false),
        (PIN, ResetCause::Pin, false),
        (PIN | SOFTWARE, ResetCause::Program, true),
        (PIN | INDEPENDENT, ResetCause::Watchdog, true),
        (PIN | WINDOW, ResetCause::Watchdog, true),
        (PIN | LOW_POWER, ResetCause::LowPower, false),
        // The flags of earlier resets were not cleared.
        (0x0E00_0000 | SOFTWARE | INDEPENDENT, ResetCause::Watchdog, true),
        (0x0E00_0000 | SOFTWARE, ResetCause::Program, true),
        // The lower bits belong to the low-speed oscillator.
        (0x01FF_FFFF, ResetCause::Unknown, false),
        (0, ResetCause::Unknown, false),
    ];
    for (flags, cause, crash) in table {
        assert_eq!(reset::cause(flags), cause, "{flags:08x}");
        assert_eq!(cause.is_crash(), crash, "{flags:08x}");
    }
}

#[test]
fn the_ladder_on_the_chip_holds_then_is_safe_then_wants_to_be_armed() {
    let elf = firmware_elf(&["emulator"], small_image());
    let folder = tempfile::tempdir().unwrap();
    let mut chip = Chip::boot(folder.path(), &elf);
    work(&mut chip);
    let mut modes = Vec::new();
    let nothing = [None; 5];
    let nan = with_position(f32::NAN);
    let far = with_position(2.6);
    for (i, signals) in (11..).zip([nan, GOOD, far, nothing, nan, nothing, GOOD, GOOD]) {
        // The chip notices a missing observation only when its grace period has passed.
        let late = if signals == nothing { 10_000 } else { 0 };
        modes.push(match chip.sample(i * 40_000 + late, signals) {
            Some(Reply::Action { mode, action, .. }) => {
                assert!(action.iter().all(|action| action.is_finite()));
                Some(mode)
            }
            Some(Reply::Refused { .. }) => None,
            other => panic!("{other:?}"),
        });
    }
    let (hold, run) = (Some(Mode::Hold), Some(Mode::Run));
    assert_eq!(modes, [hold, run, hold, hold, hold, None, None, None]);
    assert!(matches!(chip.ask(&Request::Arm), Some(Reply::Status(status)) if status.armed));
    let reply = chip.sample(30 * 40_000, GOOD);
    assert!(matches!(reply, Some(Reply::Action { mode: Mode::Run, .. })), "{reply:?}");
    chip.send(&Request::Goodbye);
    assert_eq!(chip.exit_code(), Some(0));
}

#[test]
fn memory_full_of_garbage_counts_as_missing_data_with_and_without_a_constructor() {
    for garbage in [0xFF, 0x00, 0xA5] {
        let mut memory = MaybeUninit::<Signals<3>>::uninit();
        // SAFETY: the bytes lie in `memory`.
        unsafe { memory.as_mut_ptr().write_bytes(garbage, 1) };
        // SAFETY: every bit pattern is a value of `Signals`: arrays of `u32` in C's layout.
        let mut found = unsafe { memory.assume_init() };
        assert_eq!(found.read(0, &[u32::MAX; 3]), Err(Fault::Missing { channel: 0 }));
        memory.write(Signals::new());
        // SAFETY: just written.
        let mut made = unsafe { memory.assume_init() };
        assert_eq!(made.read(0, &[u32::MAX; 3]), Err(Fault::Missing { channel: 0 }));
        made.set_all(&[1.0, 2.0, 3.0].into(), 0);
        assert!(made.read(0, &[0; 3]).is_ok());
    }
}
