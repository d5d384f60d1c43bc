//! Writes the folders of the native libraries into this package's binaries as run paths, where the
//! configuration is fuzzed: it is the trainer's, which links them.

include!("../../host-trainer/link.rs");

fn main() {
    if std::env::var_os("CARGO_FEATURE_TRAINER").is_some() {
        link_mujoco();
        run_path("LIBTORCH", "lib");
    }
}
