//! The `host-trainer` program; its code is in the library.

fn main() -> std::process::ExitCode {
    host_trainer::main()
}
