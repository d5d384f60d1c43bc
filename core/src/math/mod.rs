//! Numbers: kernels, networks, normalisation, Gaussians, advantages. This module imports no other
//! module of the crate.
//!
//! | module | content |
//! |---|---|
//! | [`sizes`] | sizes of networks, known at compile time or at run time |
//! | [`kernel`] | one affine layer in one fixed order of operations |
//! | [`mlp`] | networks with two hidden layers and float weights |
//! | [`integer`] | the same with integer weights |
//! | [`activation`] | the functions between layers |
//! | [`normaliser`] | normalisation of observations |
//! | [`gaussian`] | log-probability and entropy of a diagonal Gaussian |
//! | [`advantage`] | GAE, TD(lambda) and the advantages of model rollouts |
//! | [`random`] | a seeded generator with the same bits on every machine |

pub mod activation;
pub mod advantage;
pub(crate) mod checksum;
pub mod gaussian;
pub mod integer;
pub mod kernel;
mod limit;
pub mod mlp;
pub mod normaliser;
pub mod random;
pub mod sizes;
mod weight_type;

pub use activation::Activation;
pub use integer::{DynIntegerMlp, IntegerMlp};
pub use limit::limit;
pub use mlp::{DynMlp, Mlp};
pub use normaliser::Normaliser;
pub use sizes::{DynVector, MlpShape, Vector};
pub use weight_type::WeightType;
