//! The exported policy on the emulated microcontroller.

use daa_core::image::{Image, MAX_ACTIONS, MAX_OBSERVATIONS};
use serde_json::Value;
use std::path::Path;
use tests::foreign::Tensors;
use tests::{
    Aligned, host_trainer, narrow_image, refuse, run, small_image, succeed, trained_image, xtask,
};

/// Options that put a model into the image of a short run.
const MODEL_AT_ONCE: [&str; 6] =
    ["--set", "model.start=0", "--set", "model.first_steps=1", "--set", "model.steps=1"];

/// The firmware is built around one image, in one build folder: tests that change the image take turns.
static TURN: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn turn() -> std::sync::MutexGuard<'static, ()> {
    TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn emulate(image: &Path, episodes: &str) -> Value {
    emulate_with(image, episodes, &[])
}

fn emulate_with(image: &Path, episodes: &str, options: &[&str]) -> Value {
    let mut command = xtask();
    command.arg("emulate").arg(image).args(["--episodes", episodes, "--json"]).args(options);
    serde_json::from_str(&succeed(&mut command)).unwrap()
}

#[test]
fn the_microcontroller_chooses_the_same_bits_as_the_workstation() {
    let _turn = turn();
    let report = emulate(small_image(), "2");
    let episodes = report["episodes"].as_array().unwrap();
    assert_eq!(episodes.len(), 2);
    for episode in episodes {
        assert_eq!(episode["differing_actions"], 0, "{episode}");
        assert_eq!(episode["decisions"], 250);
        assert_eq!(episode["host_return"], episode["mcu_return"]);
        assert!(episode["instructions_per_decision"].as_f64().unwrap() > 4480.0);
    }
    // Episodes start differently: two equal returns would mean that one episode was reported twice.
    assert_ne!(episodes[0]["host_return"], episodes[1]["host_return"]);
    assert!(report["golden_vectors"].as_u64().unwrap() >= 32);
    let network = &report["network"];
    let (instructions, operations) =
        (network["instructions"].as_f64().unwrap(), network["multiply_adds"].as_f64().unwrap());
    assert_eq!(operations, 4480.0);
    assert!(
        instructions <= 2.9 * operations,
        "{instructions} instructions for {operations} multiply-adds"
    );
    // Instructions are counted, not timed: every run gives the same figures.
    assert_eq!(emulate(small_image(), "2"), report);
}

#[test]
fn the_whole_firmware_with_kernels_in_assembly_chooses_the_same_bits_in_fewer_instructions() {
    let _turn = turn();
    let of = |report: &Value, key: &str| report["episodes"][0][key].as_f64().unwrap();
    let plain = emulate(small_image(), "1");
    let mut instructions = of(&plain, "instructions_per_decision");
    // The builds are ordered from the slowest to the fastest: an option without effect would not be faster.
    for asm in ["--asm=vmul", "--asm"] {
        let report = emulate_with(small_image(), "1", &[asm]);
        assert_eq!(of(&report, "differing_actions"), 0.0, "{asm}: {report}");
        assert_eq!(of(&report, "decisions"), 250.0);
        for key in ["host_return", "mcu_return"] {
            assert_eq!(report["episodes"][0][key], plain["episodes"][0][key], "{asm}");
        }
        assert!(report["golden_vectors"].as_u64().unwrap() >= 32);
        let fewer = of(&report, "instructions_per_decision");
        assert!(fewer < instructions, "{asm}: {fewer}, not fewer than {instructions}");
        instructions = fewer;
    }
    assert!(instructions < 2.0 * 4480.0, "{instructions} instructions for 4480 multiply-adds");
    // Negative control: with a budget of one instruction the chip chooses among fewer candidates than the
    // workstation, and the comparison counts the differing actions.
    let hurried = ["--asm", "--best-of", "8", "--budget", "1"];
    let report = emulate_with(small_image(), "1", &hurried);
    assert!(of(&report, "differing_actions") > 0.0, "{report}");
}

#[test]
fn a_policy_of_the_papers_width_fits_with_i8_weights_and_meets_its_period() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    // The test checks size, bits and time, which do not need a good policy.
    let mut train = host_trainer(folder.path());
    train.args([
        "train",
        "--preset",
        "paper-2022",
        "--task",
        "cheetah-run",
        "--threads",
        "1",
        "-q",
    ]);
    train.args(["--set", "decisions=2048", "--set", "evaluate.episodes=1", "--run-dir", "wide"]);
    train.args(MODEL_AT_ONCE);
    let _ = succeed(&mut train);
    let floats = folder.path().join("wide/policy.daa");
    refuse(xtask().arg("emulate").arg(floats), &["flash slot", "--policy-only --dtype i8"]);
    let mut export = host_trainer(folder.path());
    let _ =
        succeed(export.args(["export", "wide", "--policy-only", "--dtype", "i8", "-o", "i8.daa"]));
    let image = folder.path().join("i8.daa");
    let multiply_adds = 17 * 512 + 512 * 512 + 512 * 6;
    let cost = |options: &[&str]| {
        let report = emulate_with(&image, "1", options);
        let episode = &report["episodes"][0];
        let (differing, decisions) = (&episode["differing_actions"], &episode["decisions"]);
        assert_eq!((differing, decisions), (&0.into(), &250.into()), "{options:?}: {report}");
        assert_eq!(report["network"]["multiply_adds"], multiply_adds);
        // The period is 40 ms at 168 MHz. No kernel needs as many as three cycles an instruction.
        let instructions = episode["instructions_per_decision"].as_f64().unwrap();
        assert!(3.0 * instructions < 40e-3 * 168e6, "{options:?}: {report}");
        instructions / f64::from(multiply_adds)
    };
    let (plain, assembly) = (cost(&[]), cost(&["--asm"]));
    // The count exceeds a 24-bit counter, so it was not taken modulo 780 000 instructions.
    assert!((2.5..2.9).contains(&plain), "{plain} instructions per multiply-add");
    assert!((1.0..1.3).contains(&assembly), "{assembly} instructions per multiply-add");
    // The error is the driver's refusal, not the firmware's message about the closed link.
    let mut plan = xtask();
    plan.arg("emulate").arg(&image).args(["--asm", "--best-of", "4"]);
    refuse(&mut plan, &["error: the image has no dynamics and critic", "--policy-only"]);
}

#[test]
fn the_task_with_the_largest_loop_has_enough_stack() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    // This task has 67 observations and 21 actions; with a model it needs the most stack of the 23 tasks.
    let mut train = host_trainer(folder.path());
    train.args(["train", "--task", "humanoid-walk", "--threads", "1", "-q", "--run-dir", "run"]);
    for value in
        ["decisions=256", "rollout.length=256", "rollout.num_envs=1", "evaluate.episodes=1"]
    {
        train.args(["--set", value]);
    }
    let _ = succeed(train.args(MODEL_AT_ONCE));
    let report = emulate(&folder.path().join("run/policy.daa"), "1");
    assert_eq!(report["episodes"][0]["differing_actions"], 0, "{report}");
    // The stack has 112 KiB. An overflow would be a processor fault and leave no report.
    let stack = report["stack_high_water_bytes"].as_u64().unwrap();
    assert!((40_000..94_000).contains(&stack), "{stack} bytes");
}

#[test]
fn an_image_with_the_most_signals_and_actions_has_enough_stack() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    // The task is 64 masses on springs, of which 32 have motors: 128 signals and 32 actions.
    let (mut bodies, mut motors, mut signals) = (String::new(), String::new(), String::new());
    for i in 0..64 {
        let place = 0.3 * f64::from(i);
        bodies += &format!(
            "<body pos='{place} 0 0'><joint name='j{i}' type='slide' axis='0 0 1' damping='1' \
             stiffness='10'/><geom size='0.05' mass='0.1'/></body>\n"
        );
        if i < 32 {
            motors += &format!("<motor joint='j{i}' ctrlrange='-1 1' ctrllimited='true'/>\n");
        }
        for (key, limit) in [("joint_position", 5), ("joint_velocity", 50)] {
            signals += &format!("[[observation]]\nname = '{key}_{i}'\n{key} = 'j{i}'\n");
            signals += &format!("range = [-{limit}, {limit}]\n");
        }
    }
    let model = format!(
        "<mujoco><option timestep='0.01' gravity='0 0 0'/><worldbody>{bodies}</worldbody>\
         <actuator>{motors}</actuator></mujoco>"
    );
    let task = format!(
        "model = 'masses.xml'\nrate_hz = 50\nepisode_seconds = 2\n{signals}\
         [[reward.term]]\njoint_position = 'j0'\nbounds = [0.1, 0.2]\nmargin = 1\n"
    );
    std::fs::write(folder.path().join("masses.xml"), model).unwrap();
    std::fs::write(folder.path().join("masses.toml"), task).unwrap();
    let mut train = host_trainer(folder.path());
    train.args(["train", "--task", "masses.toml", "--threads", "1", "-q", "--run-dir", "run"]);
    for value in
        ["decisions=256", "rollout.length=256", "rollout.num_envs=1", "evaluate.episodes=1"]
    {
        train.args(["--set", value]);
    }
    let _ = succeed(train.args(MODEL_AT_ONCE));
    let image = folder.path().join("run/policy.daa");
    let bytes = Aligned::read(&image);
    let architecture = *Image::open(bytes.bytes()).unwrap().architecture();
    let sizes = (usize::from(architecture.observations), usize::from(architecture.actions));
    assert_eq!(sizes, (MAX_OBSERVATIONS, MAX_ACTIONS));
    let task = folder.path().join("masses.toml");
    let report = emulate_with(&image, "1", &["--task-file", task.to_str().unwrap()]);
    let episode = &report["episodes"][0];
    assert_eq!((&episode["differing_actions"], &episode["decisions"]), (&0.into(), &100.into()));
    let stack = report["stack_high_water_bytes"].as_u64().unwrap();
    assert!((60_000..112 * 1024).contains(&stack), "{stack} bytes");
}

#[test]
fn the_best_of_some_actions_is_the_same_on_the_microcontroller() {
    let _turn = turn();
    let of = |value: &Value, key: &str| value[key].as_f64().unwrap();
    let plain = emulate_with(trained_image(), "1", &[]);
    let returns = |report: &Value| report["episodes"][0]["mcu_return"].as_f64().unwrap();
    let best = ["--best-of", "8", "--asm"];
    let softmax = ["--best-of", "8", "--asm", "--softmax", "0.5"];
    let mut seen = vec![returns(&plain)];
    for options in [&best[..], &softmax] {
        let report = emulate_with(trained_image(), "1", options);
        let episode = &report["episodes"][0];
        // In RUN all bits are equal. Outside of RUN the chip's fallback acts, so actions may differ.
        let (differing, outside) = (of(episode, "differing_actions"), of(episode, "outside_run"));
        assert!(differing <= outside && outside < 125.0, "{options:?}: {report}");
        assert_eq!(of(episode, "decisions"), 250.0);
        let planned = &report["planned"];
        assert!(of(planned, "decisions") >= 250.0 && planned["fewest"] == 8, "{report}");
        // Negative control: the compared actions are not those of the plain policy.
        assert!(seen.iter().all(|other| *other != returns(&report)), "{options:?}: {report}");
        seen.push(returns(&report));
    }
    // With --telemetry the advantages are reported and do not change the actions.
    let report = emulate_with(trained_image(), "1", &["--best-of", "8", "--asm", "--telemetry"]);
    assert_eq!(of(&report["episodes"][0], "differing_actions"), 0.0);
    assert_eq!(returns(&report), returns(&plain));
    assert!(of(&report["planned"], "changed") > 0.0, "{report}");
}

#[test]
fn the_microcontroller_runs_a_policy_of_stable_baselines() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("sb3.safetensors");
    std::fs::write(&file, Tensors::sb3(5, &[20, 12], 1).bytes()).unwrap();
    let mut import = host_trainer(folder.path());
    let _ = succeed(import.args(["import", "sb3.safetensors", "--task", "cartpole-swingup"]));
    let report = emulate(&folder.path().join("sb3.daa"), "1");
    let episode = &report["episodes"][0];
    assert_eq!((&episode["differing_actions"], &episode["decisions"]), (&0.into(), &1000.into()));
    assert!(report["golden_vectors"].as_u64().unwrap() >= 32);
}

/// Boots the firmware of the small image with other bytes in the policy's flash.
fn boot(flash: &[u8]) -> (i64, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flash.bin");
    std::fs::write(&path, flash).unwrap();
    let outcome =
        run(xtask().arg("boot").arg(small_image()).arg("--flash").arg(&path).arg("--json"));
    let report: Value =
        serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    let log: Vec<_> = report["log"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().to_owned())
        .collect();
    (report["exit_code"].as_i64().unwrap(), log.join("\n"))
}

#[test]
fn the_firmware_refuses_what_core_refuses_and_says_why() {
    let _turn = turn();
    let image = Aligned::read(small_image());
    let len = image.bytes().len();
    let flipped = |bit: usize| {
        let mut bytes = image.bytes().to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        bytes
    };
    let cut = |len: usize| {
        let mut bytes = image.bytes()[..len].to_vec();
        // The flash behind the cut image is blank.
        bytes.resize(image.bytes().len(), 0xFF);
        bytes
    };
    let mut longer = image.bytes().to_vec();
    longer.extend([0x55; 8]);
    let cases = [
        ("the magic", flipped(0), "magic"),
        ("the version", flipped(8 * 8), "version"),
        ("the length, too long", flipped(8 * 15), "truncated"),
        ("the architecture hash", flipped(8 * 16), "architecture hash"),
        ("the CRC", flipped(8 * 20), "CRC-32"),
        ("a size", flipped(8 * 28), "architecture hash"),
        ("the passport", flipped(8 * 70), "CRC-32"),
        ("a weight", flipped(8 * 5000 + 3), "CRC-32"),
        ("the last bit", flipped(8 * len - 1), "CRC-32"),
        ("half an image", cut(len / 2), "CRC-32"),
        ("a header alone", cut(64), "CRC-32"),
        ("trailing bytes", longer, "trailing bytes"),
        ("erased flash", vec![0xFF; 4096], "magic"),
    ];
    for (what, flash, cause) in cases {
        let (code, log) = boot(&flash);
        assert_eq!(code, 2, "{what}: {log}");
        assert!(log.contains(cause), "{what}: no {cause} in {log}");
    }
}

#[test]
fn a_changed_weight_behind_a_sound_checksum_fails_the_golden_vectors() {
    let _turn = turn();
    let mut image = Aligned::read(small_image());
    let passport = u32::from_le_bytes(image.bytes()[48..52].try_into().unwrap()) as usize;
    // The offset of the policy's last bias: a 5-64-64-1 has 4609 parameters, followed by one log-std.
    let at = 64 + passport.next_multiple_of(4) + 4 * 4608;
    let bytes: [u8; 4] = image.bytes()[at..at + 4].try_into().unwrap();
    let weight = f32::from_le_bytes(bytes) + 0.01;
    image.bytes_mut()[at..at + 4].copy_from_slice(&weight.to_le_bytes());
    image.repair_checksum();
    let (code, log) = boot(image.bytes());
    assert!(code == 3 && log.to_lowercase().contains("golden"), "exit code {code}: {log}");
}

#[test]
fn a_sound_image_of_another_architecture_is_refused_until_the_firmware_is_built_for_it() {
    let _turn = turn();
    let (code, log) = boot(&std::fs::read(narrow_image()).unwrap());
    assert!(code == 2 && log.contains("another architecture"), "exit code {code}: {log}");
    // The firmware is built for the other image, and then for the first one again.
    let narrow = emulate(narrow_image(), "1");
    let wide = emulate(small_image(), "1");
    for report in [&narrow, &wide] {
        let episode = &report["episodes"][0];
        assert_eq!(episode["differing_actions"], 0, "{episode}");
        assert_eq!(episode["host_return"], episode["mcu_return"]);
    }
    assert_eq!(narrow["network"]["multiply_adds"], 5 * 32 + 32 * 32 + 32);
    assert_eq!(wide["network"]["multiply_adds"], 4480);
}

#[test]
fn bad_images_are_refused_before_anything_is_built() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.daa");
    let bytes = std::fs::read(small_image()).unwrap();
    std::fs::write(&path, &bytes[..5000]).unwrap();
    let outcome = run(xtask().arg("emulate").arg(&path));
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("truncated"), "{outcome:?}");
    let outcome = run(xtask().arg("emulate").arg(folder.path().join("none.daa")));
    assert_eq!(outcome.code, 1, "{outcome:?}");
    assert!(outcome.stderr.contains("none.daa"), "{outcome:?}");
}
