//! Imported policies of other programs give the actions that those programs compute.

use daa_core::image::Image;
use daa_core::policy::Head;
use std::path::Path;
use tests::foreign::Tensors;
use tests::{
    Aligned, actions, host_trainer, largest_difference, read_floats, reference_python, refuse,
    root, small_image, succeed,
};

/// Largest difference between float32 in `core`'s order of operations and double precision. Measured: below 2e-6.
const TOLERANCE: f32 = 2e-5;

/// Imports a file and returns the actions of the resulting image.
fn import(folder: &Path, file: &str, options: &[&str], observations: &[f32]) -> Vec<f32> {
    let mut command = host_trainer(folder);
    command.args(["import", file, "--task", "reacher-easy", "-o", "imported.daa"]).args(options);
    let _ = succeed(&mut command);
    let bytes = Aligned::read(&folder.join("imported.daa"));
    actions(&Image::open(bytes.bytes()).unwrap(), observations)
}

#[test]
fn imported_policies_give_the_actions_of_a_second_implementation() {
    let Some(mut python) = reference_python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let _ = succeed(python.arg(root().join("tools/foreign_policies.py")).arg(folder));
    let observations = read_floats(&folder.join("observations"));
    // Each file with the options that it needs, and with wrong options that must give other actions.
    let cases: [(&str, &[&str], &[&str]); 9] = [
        ("sb3_ppo.safetensors", &["--normaliser", "vec_normalize.json"], &[]),
        ("sb3_relu.safetensors", &["--activation", "relu"], &[]),
        ("sb3_sac.safetensors", &[], &["--activation", "tanh"]),
        ("sb3_td3.safetensors", &[], &["--head", "clip"]),
        (
            "cleanrl_ppo.safetensors",
            &["--normaliser", "rms.safetensors"],
            &["--normaliser", "rms.safetensors", "--clip-obs", "1"],
        ),
        ("cleanrl_sac.safetensors", &[], &["--activation", "leaky_relu"]),
        ("cleanrl_td3.safetensors", &[], &["--activation", "silu"]),
        (
            "torch_gemm.onnx",
            &["--onnx-output", "action"],
            &["--onnx-output", "action", "--normaliser", "rms.safetensors"],
        ),
        ("torch_matmul.onnx", &[], &[]),
    ];
    for (file, options, fault) in cases {
        let answers = read_floats(&folder.join(file).with_extension("answers"));
        assert_eq!((observations.len(), answers.len()), (6000, 2000));
        let ours = import(folder, file, options, &observations);
        let largest = largest_difference(&ours, &answers);
        println!("{file}: largest difference {largest:e}");
        assert!(largest < TOLERANCE, "{file}: {largest}");
        if fault != options {
            let ours = import(folder, file, fault, &observations);
            assert!(largest_difference(&ours, &answers) > 100.0 * TOLERANCE, "{file} {fault:?}");
        }
    }
}

#[test]
fn observations_in_another_order_reach_the_right_inputs() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("sb3"), Tensors::sb3(6, &[9, 9], 2).bytes()).unwrap();
    let statistics = r#"{"mean": [0, 1, 2, 3, 4, 5], "var": [1, 2, 3, 4, 5, 6]}"#;
    std::fs::write(folder.join("rms"), statistics).unwrap();
    let order = [2, 0, 5, 1, 4, 3];
    let theirs: Vec<f32> = (0..60).map(|i| 3.0 * (i as f32 * 0.9).sin()).collect();
    let mut ours = theirs.clone();
    for (ours, theirs) in ours.chunks_exact_mut(6).zip(theirs.chunks_exact(6)) {
        order.iter().zip(theirs).for_each(|(to, value)| ours[*to] = *value);
    }
    let plain = import(folder, "sb3", &["--normaliser", "rms"], &theirs);
    let options = ["--normaliser", "rms", "--observation-order", "2,0,5,1,4,3"];
    // The results differ in the last place, because sums are taken in another order.
    assert!(largest_difference(&plain, &import(folder, "sb3", &options, &ours)) < 1e-6);
    assert!(largest_difference(&plain, &import(folder, "sb3", &options, &theirs)) > 0.01);
}

#[test]
fn an_imported_image_is_inspected_evaluated_and_exported_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("sb3.safetensors"), Tensors::sb3(5, &[12, 20], 1).bytes()).unwrap();
    let mut import = host_trainer(folder);
    import.args([
        "import",
        "sb3.safetensors",
        "--task",
        "cartpole-swingup",
        "--action-repeat",
        "4",
    ]);
    let said = succeed(import.arg("--json"));
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["sizes"], serde_json::json!([5, 12, 20, 1]));
    assert_eq!((&said["head"], &said["normalised"]), (&"clip".into(), &false.into()));
    let json = succeed(host_trainer(folder).args(["inspect", "sb3.daa", "--json"]));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    // A control step of 10 ms is held four times. Both layers are as wide as the wider one.
    assert_eq!(report["metadata"]["control_period_us"], 40_000);
    assert_eq!(report["sizes"][2], 20);
    assert_eq!(report["metadata"]["provenance"]["preset"], "Stable-Baselines3 PPO or A2C");
    let evaluate = ["evaluate", "sb3.daa", "--episodes", "20", "--json"];
    let evaluation = succeed(host_trainer(folder).args(evaluate));
    let evaluation: serde_json::Value = serde_json::from_str(&evaluation).unwrap();
    assert_eq!(evaluation["mean"], said["mean"]);
    let bytes = Aligned::read(&folder.join("sb3.daa"));
    assert_eq!(Image::open(bytes.bytes()).unwrap().architecture().policy_head, Head::Clip);
}

#[test]
fn an_exported_policy_is_imported_bit_for_bit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let mut export = host_trainer(folder);
    export.arg("export").arg(small_image());
    let _ = succeed(export.args(["--onnx", "policy.onnx", "--safetensors", "policy.safetensors"]));
    let (before, after) = (Aligned::read(small_image()), |file: &str| {
        let mut import = host_trainer(folder);
        import.args(["import", file, "--task", "cartpole-swingup", "-o", "back.daa"]);
        let _ = succeed(&mut import);
        Aligned::read(&folder.join("back.daa"))
    });
    let before = Image::open(before.bytes()).unwrap();
    for file in ["policy.onnx", "policy.safetensors"] {
        let after = after(file);
        let after = Image::open(after.bytes()).unwrap();
        assert_eq!(after.policy_weights(), before.policy_weights(), "{file}");
        assert_eq!(after.metadata().observations, before.metadata().observations, "{file}");
        assert_eq!(after.metadata().actions, before.metadata().actions, "{file}");
        assert_eq!(after.metadata().observation_clip, before.metadata().observation_clip);
        let functions = |image: &Image<'_>| {
            (image.architecture().policy_activation, image.architecture().policy_head)
        };
        assert_eq!(functions(&after), functions(&before), "{file}");
    }
}

#[test]
fn padding_changes_no_bit() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let tensors = Tensors::sb3(6, &[3, 7], 2);
    std::fs::write(folder.join("sb3.safetensors"), tensors.bytes()).unwrap();
    let observations: Vec<f32> = (0..60).map(|i| (i as f32 * 0.9).sin()).collect();
    let ours = import(folder, "sb3.safetensors", &["--activation", "relu"], &observations);
    // The network's definition without padding: each sum begins with the bias and adds the inputs in order.
    let layer = |name: &str, x: &[f32]| -> Vec<f32> {
        let weight = tensors.values(&format!("{name}.weight"));
        let bias = tensors.values(&format!("{name}.bias"));
        let rows = weight.chunks_exact(x.len()).zip(bias);
        rows.map(|(row, b)| row.iter().zip(x).fold(*b, |sum, (w, x)| sum + w * x)).collect()
    };
    let relu = |x: Vec<f32>| -> Vec<f32> { x.into_iter().map(|x| x.max(0.0)).collect() };
    let expected: Vec<f32> = observations
        .chunks_exact(6)
        .flat_map(|x| {
            let first = relu(layer("mlp_extractor.policy_net.0", x));
            let second = relu(layer("mlp_extractor.policy_net.2", &first));
            layer("action_net", &second).into_iter().map(|x| x.clamp(-1.0, 1.0))
        })
        .collect();
    assert_eq!(ours, expected);
}

#[test]
fn a_file_that_cannot_be_imported_is_refused_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
    let sb3 = |hidden: &[usize]| Tensors::sb3(5, hidden, 1);
    let sound = sb3(&[8, 8]).bytes();
    write("sound", &sound);
    write("three", &sb3(&[8, 8, 8]).bytes());
    write("one", &sb3(&[8]).bytes());
    write("sizes", &Tensors::sb3(6, &[8, 8], 1).bytes());
    write("actions", &Tensors::sb3(5, &[8, 8], 2).bytes());
    write("wide", &sb3(&[4097, 1]).bytes());
    write("nan", &sb3(&[8, 8]).with("action_net.weight", 3, f32::NAN).bytes());
    write(
        "deviations",
        &sb3(&[8, 8]).without("log_std").add("log_std", &[3], vec![0.0; 3]).bytes(),
    );
    let norm = sb3(&[8, 8]).add("mlp_extractor.policy_net.1.weight", &[8], vec![1.0; 8]);
    write("norm", &norm.bytes());
    let shapes = sb3(&[8, 8]).without("net.2.weight");
    write(
        "shapes",
        &shapes.add("mlp_extractor.policy_net.2.weight", &[8, 9], vec![0.1; 72]).bytes(),
    );
    write("names", &Tensors::default().add("pi.0.weight", &[1], vec![0.0]).bytes());
    write("none", &Tensors::default().bytes());
    write("cut", &sound[..sound.len() - 4]);
    write("header", &sound[..40]);
    let mut huge = sound.clone();
    huge[..8].copy_from_slice(&(1u64 << 62).to_le_bytes());
    write("huge", &huge);
    let claim = String::from_utf8_lossy(&sound[8..]).replacen("[8,5]", "[9000000000000,5]", 1);
    let end = claim.find("}}").unwrap() + 2;
    let mut large = (end as u64).to_le_bytes().to_vec();
    large.extend_from_slice(&claim.as_bytes()[..end]);
    write("large", &large);
    write("zip", b"PK\x03\x04 a policy.pth");
    write("text", b"weights: 1 2 3 4 5 6 7");
    write("empty", b"");
    std::fs::create_dir(folder.join("folder")).unwrap();
    let cases: [(&str, &[&str]); 21] = [
        ("three", &["3 hidden layers", "two"]),
        ("one", &["1 hidden layers", "two"]),
        ("sizes", &["takes 6", "5 are observed"]),
        ("actions", &["gives 2 actions", "takes 1"]),
        ("wide", &["4097", "at most 4096"]),
        ("nan", &["action_net.weight", "NaN at index 3"]),
        ("deviations", &["3 standard deviations", "1 actions"]),
        ("norm", &["policy_net.1.weight", "[8]"]),
        ("shapes", &["layer 2", "9", "gives 8"]),
        ("names", &["no known policy", "pi.0.weight"]),
        ("none", &["no known policy"]),
        ("cut", &["not a complete safetensors"]),
        ("header", &["not a complete safetensors"]),
        ("huge", &["not a complete safetensors"]),
        ("large", &["not a complete safetensors"]),
        ("zip", &["save its tensors as safetensors"]),
        ("text", &["neither a safetensors nor an ONNX"]),
        ("empty", &["neither a safetensors nor an ONNX"]),
        ("folder", &["is a folder"]),
        ("missing", &["cannot be read"]),
        ("no/such", &["cannot be read"]),
    ];
    for (file, words) in cases {
        let mut words = words.to_vec();
        words.push(file);
        let mut import = host_trainer(folder);
        import.args(["import", file, "--task", "cartpole-swingup", "-o", "out.daa"]);
        refuse(&mut import, &words);
        assert!(!folder.join("out.daa").exists(), "{file}");
    }
    write("json", br#"{"mean": [0, 0], "var": [1, 1]}"#);
    write("negative", br#"{"mean": [0, 0, 0, 0, 0], "var": [1, 1, -1, 1, 1]}"#);
    write("unequal", br#"{"obs_rms": {"mean": [0, 0, 0, 0, 0], "var": [1]}}"#);
    write("other", br#"{"average": [0]}"#);
    let options: [(&[&str], &[&str]); 11] = [
        (&["--observation-order", "0,1,2,3,3"], &["--observation-order", "0 to 4 once"]),
        (&["--observation-order", "0,1"], &["an order of 2", "5 inputs"]),
        (&["--normaliser", "json"], &["statistics are of 2", "has 5"]),
        (&["--normaliser", "negative"], &["negative", "variance of observation 2"]),
        (&["--normaliser", "unequal"], &["5 means", "1 variances"]),
        (&["--normaliser", "other"], &["no mean and var"]),
        (&["--normaliser", "text"], &["statistics text"]),
        (&["--normaliser", "missing"], &["statistics missing", "cannot be read"]),
        (&["--onnx-output", "x"], &["for ONNX files"]),
        (&["-o", "sound"], &["would be overwritten"]),
        (&["-o", "no/such/out.daa"], &["no/such"]),
    ];
    for (arguments, words) in options {
        let mut import = host_trainer(folder);
        import.args(["import", "sound", "--task", "cartpole-swingup"]).args(arguments);
        refuse(&mut import, words);
    }
    let mut import = host_trainer(folder);
    refuse(import.args(["import", "sound", "--task", "cartpole-swing"]), &["did you mean"]);
    // Negative control: the file of which all others are changed copies is imported.
    let mut import = host_trainer(folder);
    let _ = succeed(import.args(["import", "sound", "--task", "cartpole-swingup"]));
}
