use super::*;
use crate::math::DynMlp;
use std::vec::Vec;

const LIMITS: [ActionLimits; 2] =
    [ActionLimits { low: -1.0, high: 1.0 }, ActionLimits { low: 0.0, high: 0.6 }];

fn weights() -> Vec<f32> {
    (0..Mlp::<3, 5, 2>::PARAMS + 2).map(|i| libm::sinf(i as f32)).collect()
}

#[test]
fn both_forms_choose_the_same_bits() {
    let weights = weights();
    let (mean, deviation) = (SVector::from([0.1, -2.0, 0.0]), SVector::from([0.3, 4.0, 1.0]));
    let fixed =
        Policy::<3, 5, 2>::new(&weights, Activation::Tanh, mean, &deviation, 5.0, LIMITS).unwrap();
    let (network, log_std) = weights.split_at(Mlp::<3, 5, 2>::PARAMS);
    let mut inverse = [0.0; 3];
    let slice = DynPolicy::new(
        DynMlp::new(Mlp::<3, 5, 2>::SHAPE, network, Activation::Tanh).unwrap(),
        log_std,
        Normaliser::new(mean.as_slice(), deviation.as_slice(), 5.0, &mut inverse).unwrap(),
        &LIMITS,
    )
    .unwrap();
    let observation = SVector::from([0.7, -30.0, 2.5]);
    let mut scratch = std::vec![0.0; slice.scratch_len()];
    let mut action = [0.0; 2];
    slice.mode(observation.as_slice(), &mut scratch, &mut action);
    assert_eq!(fixed.mode(&observation).as_slice(), action);

    let noise = SVector::from([0.4, -1.1]);
    let raw = fixed.sample(&fixed.normalise(&observation), &noise);
    slice.mean(observation.as_slice(), &mut scratch, &mut action);
    slice.perturb(&mut action, noise.as_slice());
    assert_eq!(raw.as_slice(), action);
}

#[test]
fn without_a_tanh_the_outputs_are_cut_off_at_the_limits() {
    // One input, one hidden unit, two outputs: y = [h, -h] with h = relu(relu(x)).
    let weights = [1.0, 0.0, 1.0, 0.0, 1.0, -1.0, 0.0, 0.0, 0.0, 0.0];
    let (mean, deviation) = (SVector::zeros(), SVector::from([1.0]));
    let tanh =
        Policy::<1, 1, 2>::new(&weights, Activation::Relu, mean, &deviation, 9.0, LIMITS).unwrap();
    let clip = tanh.clone().with_head(Head::Clip);
    // Limits -1..1 and 0..0.6: -0.5 is a quarter of the way, 0.15.
    let half = SVector::from([0.5]);
    assert_eq!(clip.mode(&half), SVector::from([0.5, 0.3 + 0.3 * -0.5]));
    assert_eq!(clip.mode(&SVector::from([3.0])), SVector::from([1.0, 0.0]));
    assert!((tanh.mode(&half)[0] - 0.462_117).abs() < 1e-6);
    let mut inverse = [0.0];
    let slice = DynPolicy::new(
        DynMlp::new(Mlp::<1, 1, 2>::SHAPE, &weights[..8], Activation::Relu).unwrap(),
        &weights[8..],
        Normaliser::new(&[0.0], &[1.0], 9.0, &mut inverse).unwrap(),
        &LIMITS,
    )
    .unwrap()
    .with_head(Head::Clip);
    let (mut scratch, mut action) = (std::vec![0.0; slice.scratch_len()], [0.0; 2]);
    slice.mode(&[0.5], &mut scratch, &mut action);
    assert_eq!(clip.mode(&half).as_slice(), action);
}

#[test]
fn the_clip_reaches_the_network() {
    let weights = weights();
    let policy = |clip| {
        let (mean, deviation) = (SVector::zeros(), SVector::from([1.0; 3]));
        Policy::<3, 5, 2>::new(&weights, Activation::Tanh, mean, &deviation, clip, LIMITS).unwrap()
    };
    let (small, large) = (SVector::from([2.0, 0.0, 0.0]), SVector::from([200.0, 0.0, 0.0]));
    assert_eq!(policy(2.0).mode(&small), policy(2.0).mode(&large));
    assert_ne!(policy(3.0).mode(&small), policy(3.0).mode(&large));
}

#[test]
fn wrong_sizes_are_refused() {
    let weights = weights();
    let build = |weights| {
        let ones = SVector::from([1.0; 3]);
        Policy::<3, 5, 2>::new(weights, Activation::Relu, ones, &ones, 1.0, LIMITS).map(|_| ())
    };
    assert_eq!(build(&weights), Ok(()));
    assert_eq!(build(&weights[..weights.len() - 1]), Err(PolicyError::WrongActionCount));
    assert!(matches!(build(&weights[..9]), Err(PolicyError::Mlp(_))));
}
