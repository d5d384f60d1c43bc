//! Networks with integer weights, which take a quarter or half of the flash.
//!
//! Every output has its own scale, sums are integers, and between the layers one multiplication reduces
//! the sums to 13 bits. The arithmetic is defined to the bit in
//! `docs/image-format.md` and `kernel::integer`; [`quantise()`] converts float weights.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `words` | `[WORDS]` | inverse unit of the inputs (f32), then the three layers' streams |
//! | `x` | `[IN]` | inputs, floats |
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
