//! Every single-bit flip and every truncation of an exported image, and the errors of `inspect` and `evaluate`.

use daa_core::image::{Image, ImageError};
use tests::{Aligned, host_trainer, refuse, small_image, succeed};

fn image() -> Aligned {
    Aligned::read(small_image())
}

#[test]
fn every_single_bit_flip_of_an_exported_image_is_refused() {
    let image = image();
    assert!(Image::open(image.bytes()).is_ok());
    let bits = 8 * image.bytes().len();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let refused: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|first| {
                let mut image = image.clone();
                scope.spawn(move || {
                    let mut refused = 0;
                    for bit in (first..bits).step_by(threads) {
                        image.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
                        refused += usize::from(Image::open(image.bytes()).is_err());
                        image.bytes_mut()[bit / 8] ^= 1 << (bit % 8);
                    }
                    refused
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(refused, bits);
}

#[test]
fn every_truncation_of_an_exported_image_is_refused() {
    let image = image();
    for len in 0..image.bytes().len() {
        let error = Image::open(&image.bytes()[..len]).unwrap_err();
        let cut = matches!(error, ImageError::Truncated { .. } | ImageError::TooShort { .. });
        assert!(cut, "{len} bytes: {error:?}");
    }
}

#[test]
fn programs_refuse_damaged_images_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    let image = image();
    let damage = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = image.bytes().to_vec();
        change(&mut bytes);
        std::fs::write(folder.path().join(name), bytes).unwrap();
    };
    damage("flipped.daa", &|b| b[5000] ^= 1);
    damage("cut.daa", &|b| b.truncate(9000));
    damage("long.daa", &|b| b.push(0));
    damage("text.daa", &|b| *b = b"not an image at all".to_vec());
    damage("empty.daa", &|b| b.clear());
    damage("version.daa", &|b| b[8] = 9);
    damage("architecture.daa", &|b| b[28] ^= 1);
    let cases = [
        ("flipped.daa", "CRC-32"),
        ("cut.daa", "truncated"),
        ("long.daa", "trailing"),
        ("text.daa", "not a policy image"),
        ("empty.daa", "too few"),
        ("version.daa", "version 9"),
        ("architecture.daa", "architecture"),
        ("none.daa", "cannot read none.daa"),
    ];
    for (name, cause) in cases {
        for command in ["inspect", "evaluate"] {
            refuse(host_trainer(folder.path()).args([command, name]), &[name, cause]);
        }
    }
}

#[test]
fn inspect_shows_the_metadata_and_the_sizes() {
    let folder = tempfile::tempdir().unwrap();
    let json = succeed(host_trainer(folder.path()).args(["inspect", "--json"]).arg(small_image()));
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["metadata"]["task"], "cartpole-swingup");
    assert_eq!(report["metadata"]["control_period_us"], 40_000);
    assert_eq!(report["metadata"]["observations"].as_array().unwrap().len(), 5);
    assert!(report["golden_vectors"].as_u64().unwrap() >= 32);
    // A 5-64-64-1 has 5 * 64 + 64 * 64 + 64 multiply-adds, 129 biases and one log-std.
    let policy = &report["sections"][0];
    assert_eq!((&policy["name"], &policy["multiply_adds"]), (&"policy".into(), &4480.into()));
    assert_eq!(policy["numbers"], 4480 + 129 + 1);
    let names: Vec<_> =
        report["sections"].as_array().unwrap().iter().map(|s| s["name"].clone()).collect();
    assert_eq!(names, ["policy", "transition", "reward", "critic", "monitor", "golden vectors"]);
    let text = succeed(host_trainer(folder.path()).arg("inspect").arg(small_image()));
    for words in ["cartpole-swingup", "every 40 ms", "policy    5-64-64-1", "multiply-adds"] {
        assert!(text.contains(words), "{text}");
    }
}
