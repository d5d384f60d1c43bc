//! Quality of the estimators: their advantages compared with the rewound simulator, and bias and variance of their
//! gradients.

mod bias;
pub mod bias_command;
pub mod diagnose;
mod gradient;
mod subject;

pub use bias::{Gradients, Quality};
pub use gradient::gradient;
