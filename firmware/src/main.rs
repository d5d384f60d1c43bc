//! Boot and tick of the controller. Nothing else is decided here, and nothing else runs.
#![no_std]
#![no_main]

use cortex_m_rt::entry;
use daa_core::link::Reply;
use defmt::{Display2Format, error, warn};
use firmware::controller::Controller;
use firmware::failure::Failure;
use firmware::inbox::{Inbox, Incoming};
use firmware::machine::{Machine, ticks, ticks_since};
use firmware::policy;

#[entry]
fn main() -> ! {
    let mut machine = Machine::start(); // From here on the actuators are safe.
    let Err(failure) = run(&mut machine);
    machine.make_safe();
    error!("{}", Display2Format(&failure));
    machine.halt(failure.exit())
}

fn run(machine: &mut Machine) -> Result<core::convert::Infallible, Failure> {
    let controller = Controller::boot(policy::region())?;
    machine.connect(&controller)?;
    let mut inbox = Inbox::new();
    loop {
        let reply = match inbox.newest(machine)? {
            Incoming::Decide { sequence, observation } => {
                let begin = ticks();
                match controller.decide(&observation) {
                    Ok(action) => {
                        let ticks = ticks_since(begin);
                        machine.actuate(&action); // Feeds the watchdog: this tick passed its checks.
                        Reply::Action {
                            sequence,
                            action: action.into_iter().copied().collect(),
                            ticks,
                        }
                    }
                    Err(reason) => Reply::Refused { sequence, reason },
                }
            }
            Incoming::Measure(observation) => match controller.measure(&observation) {
                Ok(measurement) => Reply::Measured(measurement),
                Err(reason) => Reply::Refused { sequence: 0, reason },
            },
            Incoming::Hello => Reply::Hello(controller.identity()),
            Incoming::Refused { sequence, reason } => Reply::Refused { sequence, reason },
            Incoming::Goodbye => {
                machine.goodbye();
                continue;
            }
        };
        if let Reply::Refused { sequence, reason } = &reply {
            machine.make_safe();
            warn!("request {=u32} refused: {}", sequence, Display2Format(reason));
        }
        machine.send(&reply)?;
    }
}
