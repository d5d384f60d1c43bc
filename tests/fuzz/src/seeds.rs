//! Seed inputs: valid inputs of every kind.

#[cfg(feature = "trainer")]
use crate::config::SEPARATOR;
use crate::image::{ACT, HIDDEN, OBS};
use daa_core::Activation;
use daa_core::image::{
    ActionSignal, Architecture, Contents, Metadata, Model, ObservationSignal, Provenance, Return,
    Section, write,
};
use daa_core::math::{
    WeightType,
    integer::{Limits, network_words, quantise},
};
use daa_core::model::TransitionTarget;
use daa_core::policy::Head;
use daa_core::protocol::{Request, Transfer, encode, frame_capacity};
#[cfg(feature = "trainer")]
use daa_trainer::config::{Config, Options};

/// The seed inputs of a target, by name.
#[must_use]
pub fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    match target {
        "image" => images(),
        "link" => links(),
        #[cfg(feature = "trainer")]
        "config" => configs(),
        _ => Vec::new(),
    }
}

fn images() -> Vec<(String, Vec<u8>)> {
    let kinds = [("f32", WeightType::F32), ("i8", WeightType::I8), ("i16", WeightType::I16)];
    let mut images = Vec::new();
    for (name, weights) in kinds {
        for (with, hidden) in [("policy", 0), ("model", HIDDEN as u16)] {
            images.push((format!("seed-{name}-{with}"), image(weights, hidden)));
        }
    }
    images
}

fn image(weights: WeightType, hidden: u16) -> Vec<u8> {
    let architecture = Architecture {
        observations: OBS as u16,
        actions: ACT as u16,
        policy_hidden: HIDDEN as u16,
        transition_hidden: hidden,
        reward_hidden: hidden,
        critic_hidden: hidden,
        policy_activation: Activation::LeakyRelu,
        model_activation: Activation::Silu,
        critic_activation: Activation::Relu,
        transition_target: TransitionTarget::Difference,
        policy_weights: weights,
        policy_head: Head::Squash,
    };
    let signal = |name| ObservationSignal {
        name,
        unit: "m",
        low: -5.0,
        high: 5.0,
        mean: 0.25,
        deviation: 0.5,
    };
    let action = |name| ActionSignal { name, unit: "", low: -1.0, high: 1.0 };
    let evaluation = Some(Return { mean: 1.0, standard_error: 0.5, episodes: 4 });
    let passport = Metadata {
        task: "toy-reach",
        control_period_us: 40_000,
        observation_clip: 10.0,
        gamma: 0.99,
        lambda: 0.95,
        reward_scale: 0.25,
        observations: ["x", "y", "z"].map(signal).into_iter().collect(),
        actions: ["left", "right"].map(action).into_iter().collect(),
        provenance: Provenance { commit: "", preset: "toy", seed: 7, decisions: 9, evaluation },
    };
    let ramp = |section| -> Vec<f32> {
        (0..architecture.section_len(section, 0)).map(|i| 0.01 + 0.02 * i as f32).collect()
    };
    let mut policy = vec![0.02f32; architecture.policy().params()];
    if weights != WeightType::F32 {
        let mut words = vec![0u32; network_words(weights, architecture.policy())];
        let limits = Limits { input: 4.0, hidden: [4.0, 4.0] };
        let activation = architecture.policy_activation;
        quantise(architecture.policy(), weights, activation, &policy, &limits, &mut words)
            .expect("small weights have integers");
        policy = bytemuck::cast_slice(&words).to_vec();
    }
    policy.extend([-0.5; ACT]);
    let (transition, reward) = (ramp(Section::Transition), ramp(Section::Reward));
    let (critic, monitor) = (ramp(Section::Critic), ramp(Section::Monitor));
    let (transition_scale, transition) = transition.split_at(OBS.min(transition.len()));
    let model =
        Model { transition_scale, transition, reward: &reward, critic: &critic, monitor: &monitor };
    let contents = Contents {
        architecture,
        metadata: &passport,
        policy: &policy,
        model: (hidden > 0).then_some(model),
        golden: &[0.5; 2 * (OBS + ACT)],
    };
    let mut words = vec![0u32; contents.capacity().div_ceil(4)];
    let buffer: &mut [u8] = bytemuck::cast_slice_mut(&mut words);
    let len = write(&contents, buffer).expect("the seed is a sound image");
    buffer[..len].to_vec()
}

/// Every request as a frame, and as a payload behind its length.
fn links() -> Vec<(String, Vec<u8>)> {
    let observation = || [0.5, -1.0, 1e-3].into_iter().collect();
    let requests = [
        ("hello", Request::<OBS>::Hello),
        ("decide", Request::Decide { sequence: 300, observation: observation() }),
        ("measure", Request::Measure { observation: observation() }),
        ("goodbye", Request::Goodbye),
        ("arm", Request::Arm),
        ("status", Request::Status),
        ("disarm", Request::Disarm),
        ("policies", Request::Policies),
        ("begin", Request::Transfer(Transfer::Begin { len: 999, checksum: 7, architecture: 8 })),
        (
            "piece",
            Request::Transfer(Transfer::Piece {
                offset: 128,
                bytes: [1, 0, 255].into_iter().collect(),
            }),
        ),
        ("commit", Request::Transfer(Transfer::Commit)),
        (
            "sample",
            Request::Sample {
                sequence: 1,
                time_us: 70_000,
                signals: [Some(0.5), None, Some(-1.0)].into_iter().collect(),
            },
        ),
    ];
    let mut seeds = Vec::new();
    for (name, request) in requests {
        let mut buffer = [0; frame_capacity(OBS)];
        let frame = encode(&request, &mut buffer).expect("it fits").to_vec();
        let mut decoded = frame[..frame.len() - 1].to_vec();
        let len = cobs::decode_in_place(&mut decoded).expect("it was encoded");
        let payload = &decoded[..len - 4];
        let prefixed = [&[payload.len() as u8], payload].concat();
        seeds.push((format!("seed-frame-{name}"), frame));
        seeds.push((format!("seed-payload-{name}"), prefixed));
    }
    seeds
}

#[cfg(feature = "trainer")]
fn configs() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    let text = toml::to_string(&Config::default()).expect("the defaults can be written");
    seeds.push(("seed-defaults".to_owned(), text.into_bytes()));
    for preset in ["quickstart", "tuned", "paper-2022", "icml-2023"] {
        let text = format!(
            "preset = \"{preset}\"\nseeds = [1, 2]{SEPARATOR}estimator.num_actions=8\ntask=cheetah-run"
        );
        seeds.push((format!("seed-{preset}"), text.into_bytes()));
    }
    seeds
}

/// A dictionary for libFuzzer: every key of a configuration, and the tokens of TOML.
#[cfg(feature = "trainer")]
#[must_use]
pub fn dictionary() -> String {
    let words = ["---", "true", "false", "inf", "nan", "\\\"\\\"\\\"", "0x", "1e", "[[", "= "];
    let keys = Config::all_entries().into_iter().map(|entry| entry.key);
    let words = words.into_iter().map(str::to_owned);
    keys.chain(words).map(|word| format!("\"{word}\"\n")).collect()
}
