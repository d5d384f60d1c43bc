//! How good the estimators are: their advantages against the rewound simulator, bias and variance of their
//! gradients.

mod bias;
pub mod bias_command;
pub mod diagnose;
mod gradient;
mod subject;

pub use bias::{Gradients, Quality};
pub use gradient::gradient;
