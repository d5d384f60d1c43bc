//! Writes the folders of the native libraries into this package's binaries as run paths. Only the feature `trainer`
//! needs this: its fuzz target of the configuration links the trainer.

include!("../../host-trainer/link.rs");

fn main() {
    if std::env::var_os("CARGO_FEATURE_TRAINER").is_some() {
        link_mujoco();
        run_path("LIBTORCH", "lib");
    }
}
