//! A whole tick for each task's policy: a request of bytes in, guard, policy, guard, a reply of bytes
//! out. What is left out is what has no instructions of its own here: waiting, and the actuators.

#![no_std]
#![no_main]

#[path = "../support.rs"]
mod support;

use core::hint::black_box;
use cortex_m_rt::entry;
use daa_core::guard::Guard;
use daa_core::ladder::Mode;
use daa_core::link::{FrameReader, Reply, Request, encode};
use daa_core::policy::ActionLimits;
use daa_core::{Activation, Policy, SVector};
use semihosting::process;
use support::{numbers, report, ticks};

/// Larger than any request.
const CAPACITY: usize = 1024;
const HIDDEN: usize = 64;

/// Everything that lasts from tick to tick.
struct Controller<const OBS: usize, const ACT: usize> {
    policy: Policy<'static, OBS, HIDDEN, ACT>,
    observations: Guard<OBS>,
    actions: Guard<ACT>,
    reader: FrameReader<CAPACITY>,
}

impl<const OBS: usize, const ACT: usize> Controller<OBS, ACT> {
    fn new(numbers: &'static [f32]) -> Option<Self> {
        let params = daa_core::Mlp::<OBS, HIDDEN, ACT>::PARAMS;
        let ones = SVector::from([1.0; OBS]);
        let limits = [ActionLimits { low: -1.0, high: 1.0 }; ACT];
        let weights = numbers.get(..params + ACT)?;
        let activation = Activation::LeakyRelu;
        Some(Self {
            policy: Policy::new(weights, activation, SVector::zeros(), &ones, 10.0, limits).ok()?,
            observations: Guard::new([(-100.0, 100.0); OBS]),
            actions: Guard::new([(-1.0, 1.0); ACT]),
            reader: FrameReader::new(),
        })
    }

    /// The length of the reply; 0 when there is none.
    #[inline(always)]
    fn tick(&mut self, request: &[u8], reply: &mut [u8]) -> usize {
        for byte in request {
            let Some(Ok(Request::<OBS>::Decide { sequence, observation })) =
                self.reader.push(*byte)
            else {
                continue;
            };
            let observation = SVector::from_iterator(observation);
            if self.observations.check(&observation).is_err() {
                return 0;
            }
            let Ok(action) = self.actions.limit(&self.policy.mode(&observation)) else { return 0 };
            let action = action.into_iter().copied().collect();
            let reply = encode(
                &Reply::<ACT>::Action { sequence, action, ticks: 0, mode: Mode::Run },
                reply,
            );
            return reply.map_or(0, |reply| reply.len());
        }
        0
    }
}

macro_rules! tasks {
    ($($function:ident $observations:literal $actions:literal)*) => {
        $(
            #[unsafe(no_mangle)]
            #[inline(never)]
            fn $function(
                controller: &mut Controller<$observations, $actions>,
                request: &[u8],
                reply: &mut [u8],
            ) -> usize {
                controller.tick(request, reply)
            }
        )*

        fn run(pool: &'static [f32], observation: &[f32]) {
            $(
                let numbers = observation.iter().copied().cycle().take($observations);
                let decide = Request::<$observations>::Decide {
                    sequence: 1,
                    observation: numbers.collect(),
                };
                let (mut request, mut reply) = ([0; CAPACITY], [0; CAPACITY]);
                if let (Ok(request), Some(mut controller)) =
                    (encode(&decide, &mut request), Controller::new(pool))
                {
                    let mut length = 0;
                    let ticks = ticks(|| {
                        length = $function(&mut controller, black_box(request), &mut reply);
                    });
                    // What it says is checked elsewhere; here, that it says something.
                    report(stringify!($function), ticks, &[length as f32]);
                }
            )*
        }
    };
}

// Observations and actions of the tasks.
tasks! {
    tick_acrobot 6 1
    tick_ball_in_cup 8 2
    tick_cartpole 5 1
    tick_cheetah 17 6
    tick_finger_turn 12 2
    tick_point_mass 4 2
    tick_reacher 6 2
    tick_walker 24 6
    tick_quadruped 78 12
    tick_humanoid 67 21
}

#[entry]
fn main() -> ! {
    support::start();
    run(numbers!("pool.f32"), numbers!("observation.f32"));
    process::exit(0)
}
