//! The `host-trainer` program; everything is in the library.

fn main() -> std::process::ExitCode {
    host_trainer::main()
}
