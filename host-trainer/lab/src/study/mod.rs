//! Many runs: experiments, sweeps, and the jobs that both consist of.

pub mod experiment;
mod jobs;
pub mod sweep;
