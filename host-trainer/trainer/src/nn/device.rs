//! Where the networks live: one binary for CPU and GPU.

use std::path::{Path, PathBuf};
use tch::Device;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// Not `cpu`, `cuda` or `cuda:N`.
    #[error("unknown device {0:?}: use cpu, cuda or cuda:N")]
    Unknown(String),
    /// No CUDA library, driver or card.
    #[error("no CUDA device was found ({0}): use --device cpu, or run `cargo xtask setup --cuda`")]
    NoCuda(String),
    /// A CPU has no such products.
    #[error("tf32 is for GPUs: add --device cuda, or leave it out")]
    Tf32OnCpu,
    /// Another libtorch than the pinned one.
    #[error("this libtorch cannot be told to use TensorFloat-32: leave out --tf32")]
    NoTf32,
    /// Fewer cards than asked for.
    #[error("the CUDA device {wanted} does not exist; this machine has {found}")]
    NoSuchCard {
        /// Index asked for.
        wanted: usize,
        /// Number of cards.
        found: i64,
    },
}

/// The device of that name, its matrix products in full single precision unless `tf32`. The binary is linked against the CPU library alone; the CUDA library is
/// loaded here, when it is asked for.
///
/// # Errors
/// [`DeviceError`], without having changed anything.
pub fn select_device(name: &str, tf32: bool) -> Result<Device, DeviceError> {
    if tf32 && name == "cpu" {
        return Err(DeviceError::Tf32OnCpu);
    }
    let device = device(name)?;
    if tf32 {
        allow_tf32(true)?;
    }
    Ok(device)
}

fn device(name: &str) -> Result<Device, DeviceError> {
    let card = match name {
        "cpu" => return Ok(Device::Cpu),
        "cuda" => 0,
        other => other
            .strip_prefix("cuda:")
            .and_then(|card| card.parse().ok())
            .ok_or_else(|| DeviceError::Unknown(other.to_owned()))?,
    };
    load_cuda()?;
    if !tch::Cuda::is_available() {
        return Err(DeviceError::NoCuda("the driver reports no card".to_owned()));
    }
    let found = tch::Cuda::device_count();
    if card as i64 >= found {
        return Err(DeviceError::NoSuchCard { wanted: card, found });
    }
    Ok(Device::Cuda(card))
}

/// Loads `libtorch_cuda.so`, whose constructors register the CUDA kernels.
fn load_cuda() -> Result<(), DeviceError> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    let mut reason = String::new();
    for path in cuda_libraries() {
        // SAFETY: the constructors of libtorch's own CUDA library run; it is made to be loaded beside
        // the CPU library of the same version, and no other thread uses libtorch yet.
        match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => {
                // Kernels stay registered: the library must never be unloaded.
                std::mem::forget(library);
                return Ok(());
            }
            // Of a library that is there, why it does not load is worth more than that others are not.
            Err(error) if path.exists() || reason.is_empty() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(DeviceError::NoCuda(reason))
}

/// Where libtorch's CUDA library may be: where the loader looks, beside the CPU library, and where
/// `cargo xtask setup --cuda` puts it.
fn cuda_libraries() -> Vec<PathBuf> {
    let name = Path::new("libtorch_cuda.so");
    let mut places = vec![name.to_owned()];
    if let Some(lib) = torch_library().as_deref().and_then(Path::parent) {
        places.push(lib.join(name));
        let deps = lib.parent().and_then(Path::parent);
        places.extend(deps.map(|deps| deps.join("cuda/torch/lib").join(name)));
    }
    places
}

/// The CPU library that this program has loaded.
fn torch_library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let path = &line[line.find('/')?..];
        path.ends_with("/libtorch_cpu.so").then(|| PathBuf::from(path))
    })
}

/// Lets cuBLAS round to TensorFloat-32 (10 bits of mantissa) or not. The default is not to round. `tch`
/// has no function for it, so libtorch's own is looked up by its C++ name, which belongs to the pinned
/// version.
///
/// # Errors
/// [`DeviceError::NoTf32`] when this libtorch has no such function.
fn allow_tf32(allow: bool) -> Result<(), DeviceError> {
    use libloading::os::unix::{Library, Symbol};
    use std::ffi::c_void;
    let this = Library::this();
    let missing = |_| DeviceError::NoTf32;
    // SAFETY: `at::Context& at::globalContext()` and `void at::Context::setAllowTF32CuBLAS(bool)`; a
    // reference is a pointer and a method's first argument its object in this platform's C++ ABI.
    unsafe {
        let context: Symbol<unsafe extern "C" fn() -> *mut c_void> =
            this.get(b"_ZN2at13globalContextEv\0").map_err(missing)?;
        let set: Symbol<unsafe extern "C" fn(*mut c_void, bool)> =
            this.get(b"_ZN2at7Context18setAllowTF32CuBLASEb\0").map_err(missing)?;
        set(context(), allow);
    }
    Ok(())
}

/// One thread inside libtorch, for the calling thread: parallelism comes from seeds, environments
/// and pieces of work, and two OpenMP threads collapse as soon as another process wants the core.
///
/// OpenMP keeps this number for each thread: every thread that computes has to call it.
pub fn use_one_thread() {
    tch::set_num_threads(1);
}

/// Keeps freed memory in the process. Every operation of libtorch frees what the last one needed; to
/// give large pieces back to the kernel and fetch them again as zeroed pages costs 2 % of a run.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: sets two numbers of the allocator, before other threads are there; it may refuse them.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}

/// What is wrong with the libtorch that the loader found, if anything: its `version.py` names
/// another version than the one that this program is made for.
pub fn torch_version_error() -> Option<String> {
    let version = torch_library()?.parent()?.parent()?.join("version.py");
    let text = std::fs::read_to_string(&version).ok()?;
    let wanted = env!("TORCH_VERSION");
    if text.contains(&format!("'{wanted}")) {
        return None;
    }
    let found = text.split('\'').nth(1).unwrap_or("unknown");
    let place = version.display();
    Some(format!(
        "libtorch is version {found} ({place}), this program needs {wanted}: run `cargo xtask setup`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_devices_are_refused() {
        for name in ["gpu", "cuda:", "cuda:x", ""] {
            assert!(matches!(select_device(name, false), Err(DeviceError::Unknown(_))), "{name}");
        }
        assert_eq!(select_device("cpu", false).unwrap(), Device::Cpu);
        assert!(matches!(select_device("cpu", true), Err(DeviceError::Tf32OnCpu)));
    }

    #[test]
    fn libtorch_is_told_whether_to_round() {
        let allowed = || {
            use libloading::os::unix::{Library, Symbol};
            use std::ffi::c_void;
            // SAFETY: as in `allow_tf32`; this one is `bool at::Context::allowTF32CuBLAS() const`.
            unsafe {
                let this = Library::this();
                let context: Symbol<unsafe extern "C" fn() -> *mut c_void> =
                    this.get(b"_ZN2at13globalContextEv\0").unwrap();
                let get: Symbol<unsafe extern "C" fn(*mut c_void) -> bool> =
                    this.get(b"_ZNK2at7Context15allowTF32CuBLASEv\0").unwrap();
                get(context())
            }
        };
        assert!(!allowed(), "full precision is the default");
        allow_tf32(true).unwrap();
        assert!(allowed());
        allow_tf32(false).unwrap();
        assert!(!allowed());
    }

    #[test]
    fn the_libtorch_of_this_test_is_the_right_one() {
        // Uses libtorch, so that it is loaded.
        assert_eq!(tch::Tensor::from_slice(&[1.0f32]).numel(), 1);
        assert_eq!(torch_version_error(), None);
    }
}
