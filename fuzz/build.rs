//! Run paths of the two native libraries, as in `host-trainer`, whose build script also checks them.

use std::{env, path::Path};

fn main() {
    for (variable, below) in [("LIBTORCH", "lib"), ("MUJOCO_DYNAMIC_LINK_DIR", "")] {
        println!("cargo:rerun-if-env-changed={variable}");
        let folder = env::var(variable).unwrap_or_default();
        if let Ok(folder) = Path::new(&folder).join(below).canonicalize() {
            println!("cargo:rustc-link-arg=-Wl,-rpath,{}", folder.display());
        }
    }
}
