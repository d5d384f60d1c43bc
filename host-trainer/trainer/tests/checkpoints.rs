//! Tests of damaged checkpoints with correct checksums: 20 000 of them are refused or accepted, without a panic and
//! without a large allocation.
#![allow(clippy::unwrap_used)]

use daa_trainer::config::{Config, ModelOptions};
use daa_trainer::run::checkpoint::{self, Which};
use daa_trainer::run::directory::RunDirectory;
use daa_trainer::train::Trainer;
use std::alloc::{GlobalAlloc, Layout, System};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use tch::Device;

/// The system's allocator, extended by a record of the largest request.
struct Counting;

static LARGEST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LARGEST.fetch_max(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller fulfils the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `alloc` or `realloc` above, with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LARGEST.fetch_max(size, Ordering::Relaxed);
        // SAFETY: the pointer came from `alloc` or `realloc` above, with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Limit of an allocation in bytes. The whole checkpoint has 0.1 MB, and serde reserves at most 1 MiB for a length
/// that it has not verified; a larger request would come from a length in a damaged file.
const BEARABLE: usize = 2 << 20;

/// A deterministic sequence of random numbers (xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) % bound as u64) as usize
    }
}

fn config() -> Config {
    let mut config = Config { decisions: 64, threads: 1, ..Config::default() };
    (config.rollout.num_envs, config.rollout.length) = (1, 16);
    (config.update.minibatch_size, config.update.epochs) = (16, 1);
    config.model = ModelOptions {
        start: 0,
        steps: 1,
        first_steps: 1,
        minibatch_size: 16,
        transition_hidden: 2,
        reward_hidden: 2,
        replay_capacity: 64,
        ..ModelOptions::default()
    };
    (config.estimator.num_actions, config.estimator.horizon) = (1, 1);
    config.actor.hidden = 2;
    config.critic.hidden = 2;
    config
}

/// Damages the bytes of a file in one of seven random ways.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    // Half of the damages hit the beginning, which holds lengths and headers.
    let near = if random.below(2) == 0 { bytes.len() } else { bytes.len().min(64) };
    let at = random.below(near);
    match random.below(7) {
        0 => (0..=random.below(4)).for_each(|_| {
            let at = random.below(near);
            bytes[at] ^= 1 << random.below(8);
        }),
        1 => bytes.truncate(at),
        2 => bytes.extend((0..=random.below(64)).map(|i| i as u8)),
        // The largest length, as an integer of eight bytes and as one of variable length.
        3 => bytes[at..].iter_mut().take(8).for_each(|byte| *byte = 0xff),
        4 => {
            let length = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
            bytes.splice(at..(at + 1).min(bytes.len()), length);
        }
        5 => {
            let from = random.below(bytes.len());
            let copy: Vec<u8> = bytes[from..].iter().take(16).copied().collect();
            bytes.splice(at..(at + copy.len()).min(bytes.len()), copy);
        }
        _ => bytes[at] = [0, 1, 0x7f, 0x80, b'9', b'-', b'"'][random.below(7)],
    }
}

/// Returns the manifest with the actual sizes and checksums of the files in `place`.
fn repair(manifest: &[u8], place: &Path) -> Vec<u8> {
    let mut manifest: serde_json::Value = serde_json::from_slice(manifest).unwrap();
    let crc = crc::Crc::<u32, crc::Table<16>>::new(&crc::CRC_32_ISO_HDLC);
    for name in ["weights.safetensors", "state.bin"] {
        let bytes = fs::read(place.join(name)).unwrap();
        manifest["files"][name]["bytes"] = bytes.len().into();
        manifest["files"][name]["crc32"] = crc.checksum(&bytes).into();
    }
    serde_json::to_vec(&manifest).unwrap()
}

/// Returns a run with one checkpoint after two iterations, its trainer, and the folder of the checkpoint.
fn run(folder: &Path) -> (RunDirectory, Trainer, PathBuf) {
    let directory = RunDirectory::claim(Some(&folder.join("run")), &config()).unwrap();
    directory.begin(&config()).unwrap();
    let mut trainer = Trainer::new(config(), Device::Cpu).unwrap();
    trainer.iterate().unwrap();
    trainer.iterate().unwrap();
    let place = checkpoint::save(&directory, &trainer).unwrap();
    (directory, trainer, place)
}

#[test]
fn no_checkpoint_makes_the_program_panic_or_allocate_without_bound() {
    const MUTATIONS: usize = 20_000;
    let folder = tempfile::tempdir().unwrap();
    let (directory, mut trainer, place) = run(folder.path());
    let names = ["weights.safetensors", "state.bin", "manifest.json"];
    let sound = names.map(|name| fs::read(place.join(name)).unwrap());
    let load = |trainer: &mut Trainer| checkpoint::load(&directory, trainer, Which::Newest, |_| ());
    load(&mut trainer).unwrap();

    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let (mut taken, mut refused) = ([0; 3], [0; 3]);
    LARGEST.store(0, Ordering::Relaxed);
    for number in 0..MUTATIONS {
        let which = number % 3;
        let mut bytes = sound[which].clone();
        mutate(&mut bytes, &mut random);
        let changed = bytes != sound[which];
        fs::write(place.join(names[which]), bytes).unwrap();
        // Some mutations keep the old checksums; such a damaged checkpoint must never be accepted.
        let checked = number % 50 == 0 && which < 2;
        if which < 2 && !checked {
            fs::write(place.join(names[2]), repair(&sound[2], &place)).unwrap();
        }
        let result = load(&mut trainer);
        assert!(!(checked && changed && result.is_ok()), "mutation {number} of {}", names[which]);
        match result {
            Ok(()) => {
                taken[which] += 1;
                if taken[which] % 10 == 0 && !trainer.is_finished() {
                    // Training from an accepted checkpoint must not panic; an error is permitted.
                    let _ = trainer.iterate();
                }
            }
            Err(error) => {
                refused[which] += 1;
                let text = format!("{error:#}");
                assert!(text.contains("checkpoint") && !text.contains('\n'), "{number}: {text}");
            }
        }
        let largest = LARGEST.load(Ordering::Relaxed);
        assert!(largest <= BEARABLE, "mutation {number} of {}: {largest} bytes", names[which]);
        fs::write(place.join(names[which]), &sound[which]).unwrap();
        fs::write(place.join(names[2]), &sound[2]).unwrap();
    }
    // Some mutations must be accepted (weights may be any finite numbers) and some refused.
    println!("accepted {taken:?}, refused {refused:?} of {names:?}");
    assert!(taken[0] > 500 && taken[1] > 100 && refused.iter().all(|n| *n > 1000));
    load(&mut trainer).unwrap();

    // Files above the limit are not read, even if the manifest states their size.
    for name in ["weights.safetensors", "state.bin", "manifest.json"] {
        let before = fs::read(place.join(name)).unwrap();
        let len = 60_u64 << 30;
        File::options().write(true).open(place.join(name)).unwrap().set_len(len).unwrap();
        let mut manifest: serde_json::Value = serde_json::from_slice(&sound[2]).unwrap();
        manifest["files"][name]["bytes"] = len.into();
        if name != "manifest.json" {
            fs::write(place.join("manifest.json"), serde_json::to_vec(&manifest).unwrap()).unwrap();
        }
        let text = format!("{:#}", load(&mut trainer).unwrap_err());
        assert!(text.contains(name) && text.contains("larger than the limit"), "{text}");
        fs::write(place.join(name), before).unwrap();
        fs::write(place.join("manifest.json"), &sound[2]).unwrap();
    }
    assert!(LARGEST.load(Ordering::Relaxed) <= BEARABLE);
    // Negative control: an allocation above the limit is recorded.
    drop(std::hint::black_box(vec![1u8; BEARABLE + 1]));
    assert!(LARGEST.load(Ordering::Relaxed) > BEARABLE);
}
