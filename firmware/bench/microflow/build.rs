//! The linker's scripts; the models are written by the command that builds this.

fn main() {
    println!("cargo::rustc-link-arg-bins=-Tlink.x");
    println!("cargo::rustc-link-search={}/..", env!("CARGO_MANIFEST_DIR"));
    println!("cargo::rerun-if-changed=../memory.x");
    println!("cargo::rerun-if-changed=../../../.deps/bench");
}
