//! Networks with integer weights: an eighth or a quarter of the time, a quarter or half of the flash.
//!
//! Every output has a scale of its own, sums are integers, and between the layers the sums are brought
//! back to 13 bits by one multiplication. The arithmetic is defined to the bit in
//! `docs/image-format.md` and `kernel::integer`; [`quantise`] makes such a network of floats.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `words` | `[WORDS]` | inverse unit of the inputs (f32), then the three layers' streams |
//! | `z` | `[IN]` | inputs, floats |
//! | `q`, `h1`, `h2` | `[IN]`, `[HIDDEN]` | integers of 13 bits, two a word |
//! | `y` | `[OUT]` | outputs, floats, no activation on the last layer |

mod error;
mod layout;
mod network;
mod quantise;

pub use error::IntegerError;
pub use layout::network_words;
pub use network::{DynIntegerMlp, IntegerMlp, IntegerMlpInner};
pub use quantise::{Limits, quantise};

#[cfg(test)]
mod tests;
