//! Writes the folders of MuJoCo and libtorch into this package's tests as run paths.

include!("../link.rs");
include!("../link_torch.rs");

fn main() {
    link_mujoco();
    link_torch();
}
