//! Writes the folders of MuJoCo and libtorch into the program as run paths.

include!("link.rs");
include!("link_torch.rs");

fn main() {
    link_mujoco();
    link_torch();
    println!("cargo:rerun-if-changed=link.rs");
}
