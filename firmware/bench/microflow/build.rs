//! Passes the linker scripts to the linker. The command that builds this package writes the models.

fn main() {
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-search={}/..", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=../memory.x");
    println!("cargo::rerun-if-changed=../../../.deps/bench");
}
