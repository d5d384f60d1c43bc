//! The simulator against recordings of Python dm_control, through `host-trainer replay`.

use serde_json::Value;
use std::path::PathBuf;
use tests::{host_trainer, refuse, root, succeed};

/// The committed recordings, and the full set where `cargo xtask record` has made one.
fn recordings() -> Vec<PathBuf> {
    let full = Some(root().join(".deps/recordings")).filter(|folder| folder.is_dir());
    let folders = std::iter::once(root().join("tests/recordings")).chain(full);
    let mut files: Vec<_> = folders
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// Largest difference between two arrays of numbers of any depth.
fn difference(a: &Value, b: &Value) -> f64 {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            assert_eq!(a.len(), b.len());
            a.iter().zip(b).map(|(a, b)| difference(a, b)).fold(0.0, f64::max)
        }
        _ => (a.as_f64().unwrap() - b.as_f64().unwrap()).abs(),
    }
}

#[test]
fn recordings_of_dm_control_are_reproduced() {
    let folder = tempfile::tempdir().unwrap();
    let recordings = recordings();
    let of_cartpole = |path: &&PathBuf| path.to_string_lossy().contains("cartpole");
    assert!(recordings.iter().filter(of_cartpole).count() >= 2);
    for path in recordings {
        let recorded: Value =
            serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        // Only what a request holds: the program does not see the answers.
        let mut request = recorded.clone();
        let object = request.as_object_mut().unwrap();
        object.remove("observations");
        object.remove("rewards");
        let file = folder.path().join("request.json");
        std::fs::write(&file, request.to_string()).unwrap();
        let reply = succeed(host_trainer(folder.path()).arg("replay").arg(&file));
        let reply: Value = serde_json::from_str(&reply).unwrap();
        assert_eq!(
            reply["rewards"].as_array().unwrap().len(),
            recorded["actions"].as_array().unwrap().len()
        );
        let name = path.display();
        let observations = difference(&reply["observations"], &recorded["observations"]);
        let rewards = difference(&reply["rewards"], &recorded["rewards"]);
        assert!(observations < 1e-9, "{name}: observations differ by {observations}");
        assert!(rewards < 1e-12, "{name}: rewards differ by {rewards}");
    }
}

#[test]
fn requests_that_cannot_be_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let sound: Value =
        serde_json::from_str(&std::fs::read_to_string(&recordings()[0]).unwrap()).unwrap();
    let refuse_edit = |edit: &dyn Fn(&mut Value), words: &[&str]| {
        let mut request = sound.clone();
        edit(&mut request);
        let file = folder.path().join("request.json");
        std::fs::write(&file, request.to_string()).unwrap();
        refuse(host_trainer(folder.path()).arg("replay").arg(&file), words);
    };
    refuse_edit(
        &|r| r["task"] = "cartpole-swingdown".into(),
        &["cartpole-swingdown", "did you mean"],
    );
    refuse_edit(&|r| r["actions"][0] = serde_json::json!([0.0; 99].to_vec()), &["action"]);
    refuse_edit(&|r| r["state"] = serde_json::json!([1.0]), &["state"]);
    refuse_edit(&|r| r["repeat"] = 0.into(), &["repeat"]);
    refuse_edit(&|r| r["model"] = serde_json::json!({ "geom_colour": [1.0] }), &["geom_colour"]);
}
