//! Writes the folder of MuJoCo into this package's tests as a run path.

include!("../link.rs");

fn main() {
    link_mujoco();
}
