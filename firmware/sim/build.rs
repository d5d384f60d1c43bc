//! Writes the folder of MuJoCo into this package's binaries as a run path.

include!("../../host-trainer/link.rs");

fn main() {
    link_mujoco();
}
