//! The log of a tick's events, written after the tick. The log never waits: RTT drops events that do not
//! fit.

use daa_core::safety::Mode;
use daa_core::supervisor::Event;

/// Logs an event of a control tick.
pub fn log(tick: u32, event: &Event) {
    match event {
        Event::Edge(edge) if edge.to == Mode::Run => {
            defmt::info!("tick {=u32}: {} to {}: {}", tick, edge.from, edge.to, edge.reason);
        }
        Event::Edge(edge) => {
            defmt::warn!("tick {=u32}: {} to {}: {}", tick, edge.from, edge.to, edge.reason);
        }
        Event::Warning { score } => {
            defmt::warn!("tick {=u32}: prediction error {=f32}", tick, score);
        }
        Event::Refused { sequence, reason } => {
            defmt::warn!("request {=u32} refused: {}", sequence, reason);
        }
        Event::Policy { checksum, stage } => {
            defmt::info!("tick {=u32}: image {=u32:08x}: {}", tick, checksum, stage);
        }
        other => defmt::warn!("tick {=u32}: {}", tick, other),
    }
}
