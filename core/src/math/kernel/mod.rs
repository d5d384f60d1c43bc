//! One affine layer in one fixed order of operations.
//!
//! `y_o = (((b_o + w_0o x_0) + w_1o x_1) + ...)`: inputs in order, each product rounded, then
//! added, never fused. IEEE 754 fixes the result of every step, so the value of `y_o` does not
//! depend on how many outputs are computed side by side. Machines differ only in the shape of the
//! loop:
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `x` | `[IN]` | inputs |
//! | `weights` | `[IN][OUT]` | input-major: one row of `OUT` weights for each input |
//! | `bias` | `[OUT]` | start of every sum |
//! | `y` | `[OUT]` | outputs |
//!
//! [`affine`] picks the loop that is fast where it runs; feature `asm` adds loops in assembly for the
//! microcontroller. NaN is outside the promise: its sign bit
//! differs between x86-64 and Arm. The guards refuse such inputs before they reach a policy.

pub mod float;
pub mod integer;

pub use float::{affine_blocked, affine_rows};

// The assembly is for Armv7E-M with an FPU and without an operating system.
cfg_select! {
    all(feature = "asm", target_arch = "arm", target_os = "none", target_abi = "eabihf") => {
        pub mod asm;
        pub(crate) use asm::{integer_hidden, integer_last, leaky_relu, relu};
        #[cfg(not(feature = "asm-vmul"))]
        use asm::affine_vmla as here;
        #[cfg(feature = "asm-vmul")]
        use asm::affine_vmul as here;
    }
    target_arch = "arm" => {
        use affine_blocked as here;
        pub(crate) use integer::{hidden as integer_hidden, last as integer_last};
        pub(crate) use float::{leaky_relu_each as leaky_relu, relu_each as relu};
    }
    _ => {
        use affine_rows as here;
        pub(crate) use integer::{hidden as integer_hidden, last as integer_last};
        pub(crate) use float::{leaky_relu_each as leaky_relu, relu_each as relu};
    }
}

/// Writes `bias + weights' x` into `y`, in the order above, with this machine's loop.
///
/// Shapes follow from the slices: `y` has `OUT` elements, `x` has `IN`. Cost: `IN * OUT`
/// multiply-adds.
///
/// Never panics: when `bias` is not `[OUT]` or `weights` is not `[IN][OUT]`, every output is NaN,
/// which the guards refuse. [`Mlp`](crate::Mlp) checks the lengths at construction.
#[inline]
pub fn affine(weights: &[f32], bias: &[f32], x: &[f32], y: &mut [f32]) {
    here(weights, bias, x, y);
}

#[cfg(test)]
mod tests;
