//! Trains all-action policy gradients on the DeepMind Control Suite and exports policy images.
pub mod nn;
pub mod task;
