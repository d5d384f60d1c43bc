//! Policies in integers against the same policy in floats, in the closed loop.

use serde_json::Value;
use std::path::Path;
use tests::{host_trainer, small_image, succeed, trained_image};

/// Mean return over ten episodes, the same starts each time.
fn mean(image: &Path) -> f64 {
    let mut evaluate = host_trainer(Path::new("."));
    evaluate.arg("evaluate").arg(image).args(["--episodes", "10", "--json"]);
    let report: Value = serde_json::from_str(&succeed(&mut evaluate)).unwrap();
    report["mean"].as_f64().unwrap()
}

#[test]
fn bytes_and_halves_control_as_well_as_floats() {
    let floats = mean(trained_image());
    let near = |other: f64| (other / floats - 1.0).abs() < 0.01;
    let folder = tempfile::tempdir().unwrap();
    for kind in ["i8", "i16"] {
        let image = folder.path().join(format!("{kind}.daa"));
        let mut export = host_trainer(folder.path());
        export.arg("export").arg(trained_image().parent().unwrap());
        let _ = succeed(export.args(["--dtype", kind, "-o"]).arg(&image));
        assert!(std::fs::read(&image).unwrap() != std::fs::read(trained_image()).unwrap());
        let integers = mean(&image);
        assert!(near(integers), "{kind}: {integers}, floats {floats}");
    }
    // The control: another policy is not within one percent.
    assert!(!near(mean(small_image())));
}
