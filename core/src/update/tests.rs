//! Power fails, or an operation does, at every operation: one good policy acts after it.
#![allow(clippy::unwrap_used)]

use super::record::BLANK;
use super::*;
use crate::image::{
    ActionSignal, Architecture, Contents, Image, Metadata, ObservationSignal, Provenance, write,
};
use crate::math::{Activation, Mlp, WeightType};
use crate::model::TransitionTarget;
use embedded_storage::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use std::collections::BTreeSet;
use std::vec::Vec;

const SECTOR_WORDS: usize = 128;
const SECTORS: usize = 2;
const SLOT_WORDS: usize = SECTOR_WORDS * SECTORS;

/// How an operation ends that does not succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Failure {
    /// Which one, from 0.
    operation: usize,
    /// Nothing works after it until the next boot.
    power: bool,
    /// What became of it.
    torn: Torn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Torn {
    Nothing,
    Half,
    OtherHalf,
    RecordsOnly,
    All,
}

const TORN: [Torn; 5] = [Torn::Nothing, Torn::Half, Torn::OtherHalf, Torn::RecordsOnly, Torn::All];

/// Stricter than flash: a word that is not blank can be cleared and nothing else.
#[derive(Clone)]
struct Ram {
    words: [[u32; SLOT_WORDS]; 2],
    done: usize,
    failure: Option<Failure>,
    dead: bool,
}

impl Ram {
    fn new() -> Self {
        Self { words: [[BLANK; SLOT_WORDS]; 2], done: 0, failure: None, dead: false }
    }

    /// What becomes of the next operation; none when it succeeds.
    fn next(&mut self) -> Result<Option<Torn>, Failed> {
        if self.dead {
            return Err(Failed);
        }
        let failure = self.failure.filter(|failure| failure.operation == self.done);
        self.done += 1;
        self.dead = failure.is_some_and(|failure| failure.power);
        Ok(failure.map(|failure| failure.torn))
    }

    /// Slot B lies before slot A.
    fn slot(&mut self, slot: Slot) -> &mut [u32; SLOT_WORDS] {
        &mut self.words[usize::from(slot == Slot::A)]
    }

    fn put(&mut self, slot: Slot, image: &[u32]) {
        let words = self.slot(slot);
        *words = [BLANK; SLOT_WORDS];
        words[RECORD_WORDS..][..image.len()].copy_from_slice(image);
    }
}

#[derive(Debug)]
struct Failed;

impl NorFlashError for Failed {
    fn kind(&self) -> NorFlashErrorKind {
        NorFlashErrorKind::Other
    }
}

impl ErrorType for Ram {
    type Error = Failed;
}

impl AsRef<[u8]> for Ram {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(self.words.as_flattened())
    }
}

impl ReadNorFlash for Ram {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failed> {
        bytes.copy_from_slice(&self.as_ref()[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        4 * SLOT_WORDS * 2
    }
}

impl NorFlash for Ram {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4 * SECTOR_WORDS;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failed> {
        assert!(from < to && to as usize <= self.capacity(), "the range lies in the memory");
        let sector = Self::ERASE_SIZE as u32;
        assert!(
            from.is_multiple_of(sector) && to.is_multiple_of(sector),
            "whole sectors are erased"
        );
        for start in (from as usize / 4..to as usize / 4).step_by(SECTOR_WORDS) {
            let torn = self.next()?;
            let words = &mut self.words.as_flattened_mut()[start..start + SECTOR_WORDS];
            let erased = match torn {
                None | Some(Torn::All) => 0..SECTOR_WORDS,
                Some(Torn::Nothing) => 0..0,
                Some(Torn::Half) => 0..SECTOR_WORDS / 2 + 5,
                Some(Torn::OtherHalf) => SECTOR_WORDS / 2 + 5..SECTOR_WORDS,
                Some(Torn::RecordsOnly) => 0..RECORD_WORDS,
            };
            words[erased].fill(BLANK);
            if torn.is_some() {
                return Err(Failed);
            }
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failed> {
        assert!(
            offset.is_multiple_of(4) && bytes.len().is_multiple_of(4),
            "whole words are written"
        );
        for (i, bytes) in bytes.as_chunks::<4>().0.iter().enumerate() {
            let torn = self.next()?;
            let value = u32::from_le_bytes(*bytes);
            let old = &mut self.words.as_flattened_mut()[offset as usize / 4 + i];
            assert!(*old == BLANK || value == 0, "a word that is not blank is written");
            *old &= match torn {
                None | Some(Torn::All) => value,
                Some(Torn::Nothing) => BLANK,
                Some(Torn::Half) => value | 0x0000_FFFF,
                Some(Torn::OtherHalf | Torn::RecordsOnly) => value | 0xFF0F_FF00,
            };
            if torn.is_some() {
                return Err(Failed);
            }
        }
        Ok(())
    }
}

impl MultiwriteNorFlash for Ram {}

/// A whole image; `id` makes it another one.
fn image(id: f32) -> Vec<u32> {
    let architecture = Architecture {
        observations: 1,
        actions: 1,
        policy_hidden: 2,
        transition_hidden: 0,
        reward_hidden: 0,
        critic_hidden: 0,
        policy_activation: Activation::Relu,
        model_activation: Activation::Relu,
        critic_activation: Activation::Relu,
        transition_target: TransitionTarget::Next,
        policy_weights: WeightType::F32,
        policy_head: crate::policy::Head::Squash,
    };
    let signal =
        ObservationSignal { name: "x", unit: "", low: -1.0, high: 1.0, mean: 0.0, deviation: 1.0 };
    let metadata = Metadata {
        task: "toy",
        control_period_us: 40_000,
        observation_clip: 10.0,
        gamma: 0.99,
        lambda: 0.95,
        reward_scale: 1.0,
        observations: [signal].into_iter().collect(),
        actions: [ActionSignal { name: "u", unit: "", low: -1.0, high: 1.0 }].into_iter().collect(),
        provenance: Provenance { commit: "", preset: "", seed: 0, decisions: 0, evaluation: None },
    };
    let policy = [id; Mlp::<1, 2, 1>::PARAMS + 1];
    let contents =
        Contents { architecture, metadata: &metadata, policy: &policy, model: None, golden: &[] };
    let mut words = std::vec![0u32; contents.capacity().div_ceil(4)];
    let len = write(&contents, bytemuck::cast_slice_mut(&mut words)).unwrap();
    assert!(len.is_multiple_of(4) && len / 4 > SECTOR_WORDS / 4, "{len}");
    words.truncate(len / 4);
    words
}

fn checksum(image: &[u32]) -> u32 {
    Image::open(bytemuck::cast_slice(image)).unwrap().checksum()
}

fn check(bytes: &[u8]) -> Option<u32> {
    Image::open_region(bytes).ok().map(|image| image.checksum())
}

type Memory = Slots<Ram>;

/// A way to replace a policy; says whether confirmation has begun, and ends at the first error.
type Script = fn(&mut Memory, &[u32], confirming: &mut bool) -> Result<(), UpdateError>;

fn receive(slots: &mut Memory, update: &mut Update, image: &[u32]) -> Result<(), UpdateError> {
    for (i, piece) in bytemuck::cast_slice::<_, u8>(image).chunks(64).enumerate() {
        slots.piece(update, 64 * i as u32, piece)?;
    }
    Ok(())
}

/// Shadow, a reset in between, trial, confirmation.
fn prove(slots: &mut Memory, slot: Slot, confirming: &mut bool) -> Result<(), UpdateError> {
    if slots.boot(false, check).trial != Some(slot) {
        return Err(UpdateError::Image);
    }
    slots.advance(slot, Stage::Trial)?;
    *confirming = true;
    slots.advance(slot, Stage::Confirmed)
}

fn right(slots: &mut Memory, image: &[u32], confirming: &mut bool) -> Result<(), UpdateError> {
    let active = slots.boot(false, check).active.ok_or(UpdateError::Image)?;
    let mut update = slots.begin(active, 4 * image.len() as u32, checksum(image))?;
    receive(slots, &mut update, image)?;
    let slot = slots.commit(&update, check)?;
    prove(slots, slot, confirming)
}

/// In place.
fn over_the_active(
    slots: &mut Memory,
    image: &[u32],
    confirming: &mut bool,
) -> Result<(), UpdateError> {
    let active = slots.boot(false, check).active.ok_or(UpdateError::Image)?;
    let mut update = slots.begin(active.other(), 4 * image.len() as u32, checksum(image))?;
    receive(slots, &mut update, image)?;
    let slot = slots.commit(&update, check)?;
    prove(slots, slot, confirming)
}

/// The words first, the record that they are only received after them.
fn late_record(
    slots: &mut Memory,
    image: &[u32],
    confirming: &mut bool,
) -> Result<(), UpdateError> {
    let slot = slots.boot(false, check).active.ok_or(UpdateError::Image)?.other();
    slots.write(slot, RECORD_WORDS, 0)?;
    slots.erase(slot)?;
    let sequence = slots.top() + 1;
    for (i, word) in image.iter().enumerate() {
        slots.write(slot, RECORD_WORDS + i, *word)?;
    }
    slots.append(slot, Record { stage: Stage::Receiving, sequence, checksum: checksum(image) })?;
    slots.advance(slot, Stage::Shadow)?;
    prove(slots, slot, confirming)
}

/// The old image is left whole until its sector is erased.
fn not_cleared(
    slots: &mut Memory,
    image: &[u32],
    confirming: &mut bool,
) -> Result<(), UpdateError> {
    let slot = slots.boot(false, check).active.ok_or(UpdateError::Image)?.other();
    slots.erase(slot)?;
    let (len, checksum) = (4 * image.len() as u32, checksum(image));
    let sequence = slots.top() + 1;
    slots.append(slot, Record { stage: Stage::Receiving, sequence, checksum })?;
    let mut update = Update { slot, sequence, len, checksum, received: 0 };
    receive(slots, &mut update, image)?;
    let slot = slots.commit(&update, check)?;
    prove(slots, slot, confirming)
}

/// Confirmed as soon as it is whole.
fn no_trial(slots: &mut Memory, image: &[u32], _: &mut bool) -> Result<(), UpdateError> {
    let active = slots.boot(false, check).active.ok_or(UpdateError::Image)?;
    let mut update = slots.begin(active, 4 * image.len() as u32, checksum(image))?;
    receive(slots, &mut update, image)?;
    let slot = slots.commit(&update, check)?;
    slots.advance(slot, Stage::Confirmed)
}

const OLD: f32 = 0.25;
const OLDER: f32 = 0.125;
const BAD: f32 = 0.5;
const NEW: f32 = 0.75;

fn confirmed(slots: &mut Memory, id: f32) {
    right(slots, &image(id), &mut false).unwrap();
}

/// Memories in which `OLD` acts: as a programmer left it, beside an older one, beside a rejected one;
/// each with `OLD` in either slot where that can be.
fn beginnings() -> Vec<Memory> {
    let fresh = |id| {
        let mut ram = Ram::new();
        ram.put(Slot::A, &image(id));
        Slots::new(ram)
    };
    let mut in_b = fresh(OLDER);
    confirmed(&mut in_b, OLD);
    let mut in_a = fresh(BAD);
    confirmed(&mut in_a, OLDER);
    confirmed(&mut in_a, OLD);
    let reject = |mut slots: Memory| {
        let mut confirming = false;
        let active = slots.boot(false, check).active.unwrap();
        let bad = image(BAD);
        let mut update = slots.begin(active, 4 * bad.len() as u32, checksum(&bad)).unwrap();
        receive(&mut slots, &mut update, &bad).unwrap();
        let slot = slots.commit(&update, check).unwrap();
        slots.advance(slot, Stage::Trial).unwrap();
        assert!(!core::mem::take(&mut confirming));
        assert_eq!(slots.boot(false, check), Boot { active: Some(active), trial: None });
        slots
    };
    let mut again = fresh(OLDER);
    confirmed(&mut again, OLD);
    let beside_bad_a = reject(again);
    std::vec![fresh(OLD), in_b, in_a, reject(fresh(OLD)), beside_bad_a]
}

fn acting(slots: &mut Memory, crashed: bool) -> Option<u32> {
    slots.boot(crashed, check).active.and_then(|slot| check(slots.image(slot)))
}

/// Everything that is wrong after a failure at any operation of a script.
fn faults(script: Script) -> BTreeSet<&'static str> {
    let (old, new) = (checksum(&image(OLD)), image(NEW));
    let mut faults = BTreeSet::new();
    for beginning in beginnings() {
        for power in [true, false] {
            for torn in TORN {
                for crashed in [false, true] {
                    for operation in 0.. {
                        let mut slots = beginning.clone();
                        slots.flash.done = 0;
                        slots.flash.failure = Some(Failure { operation, power, torn });
                        let mut confirming = false;
                        let result = script(&mut slots, &new, &mut confirming);
                        let reached = slots.flash.done > operation;
                        (slots.flash.failure, slots.flash.dead) = (None, false);
                        match acting(&mut slots, crashed) {
                            None => drop(faults.insert("none acts")),
                            Some(id) if id == old && (reached || result.is_err()) => {}
                            Some(id) if id == checksum(&new) && confirming => {}
                            Some(id) if id == checksum(&new) => drop(faults.insert("untried")),
                            Some(_) => drop(faults.insert("another one acts")),
                        }
                        // The next update succeeds, whatever the last one left.
                        if script(&mut slots, &new, &mut confirming).is_err()
                            || acting(&mut slots, false) != Some(checksum(&new))
                        {
                            faults.insert("stuck");
                        }
                        if !reached {
                            break;
                        }
                    }
                }
            }
        }
    }
    faults
}

#[test]
fn after_a_failure_at_every_operation_one_good_policy_acts_and_the_next_update_succeeds() {
    assert_eq!(faults(right), BTreeSet::new());
}

#[test]
fn wrong_orders_of_operations_are_noticed() {
    assert!(faults(over_the_active).contains("none acts"));
    assert!(faults(late_record).contains("untried"));
    assert!(faults(not_cleared).contains("another one acts"));
    assert!(faults(no_trial).contains("untried"));
}

#[test]
fn a_failure_while_a_boot_writes_changes_nothing() {
    for crashed in [false, true] {
        for torn in TORN {
            for operation in 0..8 {
                let mut slots = beginnings().swap_remove(0);
                let mut update = slots.begin(Slot::A, 4, 0).unwrap();
                let new = image(NEW);
                // Begun again: the last one counts.
                assert!(!update.is_of(4 * new.len() as u32, checksum(&new)));
                update = slots.begin(Slot::A, 4 * new.len() as u32, checksum(&new)).unwrap();
                receive(&mut slots, &mut update, &new).unwrap();
                let slot = slots.commit(&update, check).unwrap();
                slots.advance(slot, Stage::Trial).unwrap();
                slots.flash.done = 0;
                slots.flash.failure = Some(Failure { operation, power: true, torn });
                slots.boot(crashed, check);
                (slots.flash.failure, slots.flash.dead) = (None, false);
                assert_eq!(acting(&mut slots, crashed), Some(checksum(&image(OLD))));
            }
        }
    }
}

fn trial(crashed: bool, stage: Stage) -> Boot {
    let mut slots = beginnings().swap_remove(0);
    let new = image(NEW);
    let mut update = slots.begin(Slot::A, 4 * new.len() as u32, checksum(&new)).unwrap();
    receive(&mut slots, &mut update, &new).unwrap();
    let slot = slots.commit(&update, check).unwrap();
    if stage != Stage::Shadow {
        slots.advance(slot, stage).unwrap();
    }
    slots.boot(crashed, check)
}

#[test]
fn a_reset_ends_a_trial_and_a_crash_ends_the_shadow_too() {
    let old = Boot { active: Some(Slot::A), trial: None };
    assert_eq!(trial(false, Stage::Shadow), Boot { trial: Some(Slot::B), ..old });
    assert_eq!(trial(true, Stage::Shadow), old);
    assert_eq!(trial(false, Stage::Trial), old);
    assert_eq!(trial(false, Stage::Rejected), old);
    assert_eq!(trial(true, Stage::Confirmed), Boot { active: Some(Slot::B), trial: None });
}

#[test]
fn a_programmers_image_is_the_newest_and_a_damaged_one_is_none() {
    let mut slots = beginnings().swap_remove(1);
    assert_eq!(slots.boot(false, check).active, Some(Slot::B));
    slots.flash.put(Slot::A, &image(NEW));
    for _ in 0..3 {
        assert_eq!(slots.boot(false, check).active, Some(Slot::A));
    }
    slots.flash.slot(Slot::A)[RECORD_WORDS + 30] ^= 1;
    assert_eq!(slots.boot(false, check).active, Some(Slot::B));
    slots.flash.slot(Slot::B)[RECORD_WORDS + 30] ^= 1;
    assert_eq!(slots.boot(false, check), Boot { active: None, trial: None });
}

#[test]
fn pieces_come_in_order_and_whole() {
    let (mut slots, new) = (beginnings().swap_remove(0), image(NEW));
    let bytes: &[u8] = bytemuck::cast_slice(&new);
    let len = bytes.len() as u32;
    assert_eq!(
        slots.begin(Slot::A, 4 * SLOT_WORDS as u32, 0),
        Err(UpdateError::TooLarge { capacity: 4 * (SLOT_WORDS - RECORD_WORDS) as u32 })
    );
    let mut update = slots.begin(Slot::A, len, checksum(&new)).unwrap();
    let offset = |received| Err(UpdateError::Offset { received });
    assert_eq!(slots.piece(&mut update, 4, &bytes[4..8]), offset(0));
    assert_eq!(slots.piece(&mut update, 0, &bytes[..6]), offset(0));
    assert_eq!(slots.piece(&mut update, u32::MAX, &bytes[..8]), offset(0));
    assert_eq!(slots.piece(&mut update, 0, &bytes[..8]), Ok(()));
    assert_eq!(slots.piece(&mut update, 0, &bytes[..8]), Ok(())); // Its answer was lost.
    assert_eq!(slots.commit(&update, check), Err(UpdateError::Offset { received: 8 }));
    assert_eq!(slots.piece(&mut update, 8, &bytes[8..]), Ok(()));
    assert_eq!(slots.piece(&mut update, len, &[0; 4]), offset(len));
    // Another image than the one announced.
    let other = Update { checksum: 1, ..update };
    assert_eq!(slots.commit(&other, check), Err(UpdateError::Image));
    assert_eq!(slots.commit(&update, check), Ok(Slot::B));
}
