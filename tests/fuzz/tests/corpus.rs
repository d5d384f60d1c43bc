//! The kept corpus, replayed: what once was found stays fixed.
#![allow(clippy::unwrap_used)]

use std::path::Path;

#[test]
fn no_input_of_the_corpus_and_none_near_it_makes_a_target_panic() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, target) in fuzz::TARGETS.iter().copied() {
        let mut count = 0;
        for entry in std::fs::read_dir(corpus.join(name)).unwrap() {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            target(&bytes);
            target(&bytes[..bytes.len() / 2]);
            count += 1;
        }
        assert!(count > 3, "{name} has a corpus");
    }
}

#[test]
fn the_seeds_of_images_and_frames_are_in_the_corpus() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for name in ["image", "link"] {
        for (seed, bytes) in fuzz::seeds(name) {
            let kept = std::fs::read(corpus.join(name).join(&seed)).unwrap();
            assert_eq!(kept, bytes, "{name}/{seed}: cargo run --release -p fuzz --bin fuzz-seeds");
        }
    }
}
