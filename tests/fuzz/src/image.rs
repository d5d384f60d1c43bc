//! Fuzz target of policy images. Each input is opened twice: as it is, and with all the checks that come before
//! the decoder repaired (magic, version, lengths, architecture hash, CRC-32), so that mutations reach the decoder.

use crate::promises;
use daa_core::image::{Image, replay};
use daa_core::math::{DynIntegerMlp, WeightType};
use daa_core::policy::ActionLimits;
use daa_core::{DynMlp, Normaliser};

/// Bytes of a header. The offsets below are those of docs/image-format.md.
const HEADER: usize = 64;

/// Sizes of the seeds' networks: observations, actions, hidden widths.
pub(crate) const OBS: usize = 3;
pub(crate) const ACT: usize = 2;
pub(crate) const HIDDEN: usize = 4;

/// Opens and uses an image.
pub fn image(data: &[u8]) {
    // Weights are used in place, so they must be aligned.
    let mut words = vec![0u32; data.len().div_ceil(4)];
    let bytes: &mut [u8] = &mut bytemuck::cast_slice_mut(&mut words)[..data.len()];
    bytes.copy_from_slice(data);
    check(bytes);
    if repair(bytes) {
        check(bytes);
    }
}

/// Repairs the fields that are checked before the decoder runs.
pub(crate) fn repair(bytes: &mut [u8]) -> bool {
    let len = bytes.len() as u32;
    let Some(header) = bytes.first_chunk_mut::<HEADER>() else { return false };
    header[..8].copy_from_slice(b"DAA\x1a\r\n\n\0");
    header[8..10].copy_from_slice(&2u16.to_le_bytes());
    header[10..12].copy_from_slice(&(HEADER as u16).to_le_bytes());
    header[12..16].copy_from_slice(&len.to_le_bytes());
    // FNV-1a of the architecture block.
    let hash = header[24..48]
        .iter()
        .fold(0x811c_9dc5u32, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193));
    header[16..20].copy_from_slice(&hash.to_le_bytes());
    header[56..].fill(0);
    let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
    let mut digest = crc.digest();
    digest.update(&bytes[..20]);
    digest.update(&bytes[24..]);
    let crc = digest.finalize();
    bytes[20..24].copy_from_slice(&crc.to_le_bytes());
    true
}

fn check(bytes: &[u8]) {
    let Ok(image) = Image::open(bytes) else { return };
    promises::check(&image);
    act(&image);
    fixed_sizes(&image);
    // The same image in an erased flash sector, and in a sector with other bytes behind the image.
    let mut region = vec![0xFFFF_FFFFu32; bytes.len().div_ceil(4) + 4];
    let region: &mut [u8] = bytemuck::cast_slice_mut(&mut region);
    region[..bytes.len()].copy_from_slice(bytes);
    assert!(Image::open_region(region).is_ok());
    region[bytes.len()] = 1;
    assert!(Image::open_region(region).is_err());
    #[cfg(feature = "planted")]
    assert_ne!(image.metadata().control_period_us, 40_001, "planted");
}

/// An action from the middle of every range.
fn act(image: &Image<'_>) {
    let (architecture, passport) = (image.architecture(), image.metadata());
    let shape = architecture.policy();
    let (mut z, mut y) = (vec![0.0; shape.input], vec![0.0; shape.output]);
    for (z, signal) in z.iter_mut().zip(&passport.observations) {
        let middle = [0.5 * signal.low + 0.5 * signal.high];
        let mut inverse = [0.0];
        let clip = passport.observation_clip;
        Normaliser::new(&[signal.mean], &[signal.deviation], clip, &mut inverse)
            .expect("checked when the image was opened")
            .normalise(&middle, core::slice::from_mut(z));
    }
    let activation = architecture.policy_activation;
    match architecture.policy_weights {
        WeightType::F32 => {
            let weights = &image.policy_weights()[..shape.params()];
            let network = DynMlp::new(shape, weights, activation).expect("sizes were checked");
            network.forward(&z, &mut vec![0.0; 2 * shape.hidden], &mut y);
        }
        weights => {
            let network = DynIntegerMlp::new(shape, weights, activation, image.policy_integers())
                .expect("sizes were checked");
            network.forward(&z, &mut vec![0; DynIntegerMlp::scratch_words(shape)], &mut y);
        }
    }
    for (raw, signal) in y.iter().zip(&passport.actions) {
        let command = ActionLimits { low: signal.low, high: signal.high }.command(*raw);
        // The guard never lets a number pass that is not finite.
        assert!(!command.is_finite() || (signal.low..=signal.high).contains(&command));
    }
}

/// Opens the image as a microcontroller does that was built for these sizes; other sizes are refused.
fn fixed_sizes(image: &Image<'_>) {
    let architecture = image.architecture();
    let fits = usize::from(architecture.observations) == OBS
        && usize::from(architecture.actions) == ACT
        && usize::from(architecture.policy_hidden) == HIDDEN;
    let policy = image.policy::<OBS, HIDDEN, ACT>();
    assert_eq!(policy.is_ok(), fits);
    if let Ok(policy) = policy {
        let _ = replay(image, &policy);
        let model =
            image.learned_model::<OBS, ACT, { OBS + ACT }, HIDDEN, HIDDEN, HIDDEN, HIDDEN>();
        if let Ok(Some(_)) = model {
            assert!(image.monitor::<OBS>(5).is_ok_and(|monitor| monitor.is_some()));
            assert!(image.transition::<OBS, { OBS + ACT }, HIDDEN>().is_ok());
        }
        assert!(image.observation_guard::<OBS>().is_ok() && image.action_guard::<ACT>().is_ok());
    }
}
