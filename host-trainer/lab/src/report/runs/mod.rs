//! Run directories, read and grouped into arms.

mod metrics_file;
mod naming;
mod record;
mod score;
mod study;

pub(super) use naming::shown;
pub use record::Record;
pub(super) use record::{find, read};
pub use score::{Score, SeedRecord};
pub use study::{Arm, Source, Study};
