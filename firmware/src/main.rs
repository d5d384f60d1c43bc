//! Boot, then the control loop. The control tick is in `daa_core::supervisor`; the simulation on the
//! workstation runs the same code.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use daa_core::supervisor::Machine as _;
use defmt::{Display2Format, error};
use firmware::controller;
use firmware::failure::Failure;
use firmware::machine::Machine;

#[entry]
fn main() -> ! {
    let mut machine = Machine::start(controller::usable); // From here on the actuators are safe.
    let reset = machine.reset_cause();
    if reset.is_crash() {
        defmt::warn!("started by {}", Display2Format(&reset));
    } else {
        defmt::info!("started by {}", Display2Format(&reset));
    }
    let failure = loop {
        let Err(failure) = run(&mut machine);
        machine.make_safe();
        if failure != Failure::Updated {
            break failure;
        }
    };
    error!("{}", Display2Format(&failure));
    machine.halt(failure.exit())
}

fn run(machine: &mut Machine) -> Result<core::convert::Infallible, Failure> {
    let mut place = None;
    let control = controller::boot(machine, &mut place)?;
    machine.connect()?;
    control.run(machine)
}
