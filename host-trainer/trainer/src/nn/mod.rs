//! Networks of many seeds at once, on the CPU or a GPU, with hand-written gradients.
//!
//! | symbol | shape | meaning |
//! |---|---|---|
//! | `params`, `grads` | `[S, P]` | all parameters of all seeds; seed `s` is row `s`, laid out as in an image |
//! | weights of a layer | `[S, in, out]` | a view into `params` |
//! | `x` | `[S, B, in]` | inputs |
//! | `y` | `[S, B, out]` | outputs |
//!
//! Autograd is not used, because its dispatch costs several times the arithmetic of networks of this size.
//! A test compares every gradient with autograd's.

mod adam;
mod device;
mod init;
mod network;
mod operations;
pub(crate) mod shard;

pub use adam::{Adam, AdamOptions};
pub use device::{
    DeviceError, keep_freed_memory, select_device, torch_version_error, use_one_thread,
};
pub use init::orthogonal;
pub use network::{Cache, Network, NetworkState, Reader, Tangent, to_vec};
pub use operations::{forward_operations, step_operations};
pub use shard::{Shard, aligned_rows, data_of_shard, of_shard, parallel, shards};
