//! A firmware that hangs or panics in its tick, on the emulated microcontroller; and memory full of
//! garbage.
#![allow(clippy::unwrap_used)]

use daa_core::guard::{Fault, Signals};
use daa_core::ladder::Mode;
use daa_core::link::{Reply, Request};
use std::mem::MaybeUninit;
use tests::chip::Chip;
use tests::{firmware_elf, small_image};

/// Arms a chip and makes ten good decisions, 40 ms apart.
fn work(chip: &mut Chip) {
    assert!(matches!(chip.ask(&Request::Hello), Some(Reply::Hello(_))));
    assert!(matches!(chip.ask(&Request::Arm), Some(Reply::Status(status)) if status.armed));
    for i in 1..=10 {
        let reply = chip.sample(i * 40_000, GOOD);
        assert!(matches!(reply, Some(Reply::Action { mode: Mode::Run, .. })), "{reply:?}");
    }
}

/// A cart in the middle, its pole hanging.
const GOOD: [Option<f32>; 5] = [Some(0.1), Some(-1.0), Some(0.0), Some(0.0), Some(0.0)];

fn with_position(position: f32) -> [Option<f32>; 5] {
    [Some(position), Some(-1.0), Some(0.0), Some(0.0), Some(0.0)]
}

#[test]
fn a_hang_in_the_tick_ends_by_the_watchdog_and_a_panic_by_its_handler() {
    let elf = firmware_elf(&["emulator", "planted"], small_image());
    let mut codes = Vec::new();
    for position in [-2.2, 2.2] {
        let folder = tempfile::tempdir().unwrap();
        let mut chip = Chip::boot(folder.path(), &elf);
        work(&mut chip);
        assert_eq!(chip.sample(11 * 40_000, with_position(position)), None);
        codes.push(chip.exit_code());
    }
    assert_eq!(codes, [Some(8), Some(5)]);
    // The same positions trouble a firmware without the plants not at all.
    let elf = firmware_elf(&["emulator"], small_image());
    let folder = tempfile::tempdir().unwrap();
    let mut chip = Chip::boot(folder.path(), &elf);
    work(&mut chip);
    for (i, position) in [-2.2, 2.2].into_iter().enumerate() {
        let reply = chip.sample((11 + i as u32) * 40_000, with_position(position));
        assert!(matches!(reply, Some(Reply::Action { .. })), "{reply:?}");
    }
    chip.send(&Request::Goodbye);
    assert_eq!(chip.exit_code(), Some(0));
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
        // Nothing is noticed when the grace is over.
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
fn memory_full_of_garbage_is_no_data_with_and_without_a_constructor() {
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
