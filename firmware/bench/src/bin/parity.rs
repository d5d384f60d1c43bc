//! Compares all loops of the kernel, including those in assembly, with its definition, in bits.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use semihosting::{println, process};

#[path = "../../../src/parity.rs"]
pub mod parity;

#[entry]
fn main() -> ! {
    match parity::run() {
        Ok(parity) => println!("parity: {:016x} over {} layers", parity.hash, parity.layers),
        Err(parity::Mismatch { inputs, outputs }) => {
            println!("FAILED: the loops differ for {inputs} inputs and {outputs} outputs");
            process::exit(1)
        }
    }
    process::exit(0)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    process::exit(101)
}
