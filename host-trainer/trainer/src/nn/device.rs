//! Selection of the device that computes the networks: one binary serves CPU and GPU.

use std::path::{Path, PathBuf};
use tch::Device;

/// Why a device cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceError {
    /// The name is not `cpu`, `cuda` or `cuda:N`.
    #[error("unknown device {0:?}: use cpu, cuda or cuda:N")]
    Unknown(String),
    /// CUDA's library, driver or GPU is missing.
    #[error("no CUDA device was found ({0}): use --device cpu, or run `cargo xtask setup --cuda`")]
    NoCuda(String),
    /// A CPU does not support TensorFloat-32.
    #[error("tf32 needs a GPU: add --device cuda, or leave out --tf32")]
    Tf32OnCpu,
    /// The loaded libtorch is not the pinned version.
    #[error("this version of libtorch does not offer TensorFloat-32: leave out --tf32")]
    NoTf32,
    /// The index is not below the number of GPUs.
    #[error("the CUDA device {wanted} does not exist; this machine has {found}")]
    NoSuchCard {
        /// The requested index.
        wanted: usize,
        /// Number of GPUs.
        found: i64,
    },
}

/// Returns the device with the given name: `cpu`, `cuda` or `cuda:N`. Matrix products use full single precision
/// unless `tf32` is set. The binary is linked against libtorch's CPU library only; this function loads the CUDA
/// library when a GPU is requested.
///
/// # Errors
/// A [`DeviceError`] for each cause; the precision is unchanged then.
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
        return Err(DeviceError::NoCuda("the driver reports no GPU".to_owned()));
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
        // SAFETY: this runs the constructors of libtorch's CUDA library. That library is designed to be loaded beside
        // the CPU library of the same version, and no other thread uses libtorch yet.
        match unsafe { Library::open(Some(&path), RTLD_NOW | RTLD_GLOBAL) } {
            Ok(library) => {
                // Its kernels stay registered, so the library must never be unloaded.
                std::mem::forget(library);
                return Ok(());
            }
            // The error of a library that exists is more useful than the error of a missing one.
            Err(error) if path.exists() || reason.is_empty() => reason = error.to_string(),
            Err(_) => {}
        }
    }
    Err(DeviceError::NoCuda(reason))
}

/// Possible paths of libtorch's CUDA library: the loader's search path, the folder of the CPU library, and the folder
/// of `cargo xtask setup --cuda`.
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

/// The path of libtorch's CPU library in this process, or `None` if it is not loaded.
fn torch_library() -> Option<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").ok()?;
    maps.lines().find_map(|line| {
        let path = &line[line.find('/')?..];
        path.ends_with("/libtorch_cpu.so").then(|| PathBuf::from(path))
    })
}

/// Sets whether cuBLAS may round factors to TensorFloat-32 (10 bits of mantissa); libtorch's default is not to. `tch`
/// does not offer this setting, so libtorch's function is looked up by its C++ name, which depends on the pinned
/// version.
///
/// # Errors
/// [`DeviceError::NoTf32`] when this libtorch has no such function.
fn allow_tf32(allow: bool) -> Result<(), DeviceError> {
    use libloading::os::unix::{Library, Symbol};
    use std::ffi::c_void;
    let this = Library::this();
    let missing = |_| DeviceError::NoTf32;
    // SAFETY: the two functions are `at::Context& at::globalContext()` and
    // `void at::Context::setAllowTF32CuBLAS(bool)`. In this platform's C++ ABI a reference is passed as a pointer, and
    // a method takes its object as first argument.
    unsafe {
        let context: Symbol<unsafe extern "C" fn() -> *mut c_void> =
            this.get(b"_ZN2at13globalContextEv\0").map_err(missing)?;
        let set: Symbol<unsafe extern "C" fn(*mut c_void, bool)> =
            this.get(b"_ZN2at7Context18setAllowTF32CuBLASEb\0").map_err(missing)?;
        set(context(), allow);
    }
    Ok(())
}

/// Limits libtorch to one thread per operation on the calling thread. Parallelism comes from seeds and environments;
/// two OpenMP threads become very slow as soon as another process needs the core.
///
/// OpenMP keeps this number per thread, so every thread that computes must call this function.
pub fn use_one_thread() {
    tch::set_num_threads(1);
}

/// Makes the allocator keep freed memory in the process. Every operation of libtorch frees temporary tensors; returning
/// large ones to the kernel and fetching zeroed pages again costs 2 % of a run.
pub fn keep_freed_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: the calls set two options of the allocator before other threads exist; a refusal is harmless.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 1 << 30);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 1 << 30);
    }
}

/// Returns an error message if the `version.py` of the loaded libtorch names another version than the one that this
/// program was built for; `None` if the versions agree or the file is missing.
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
        // A use of libtorch, so that the linker keeps it and the loader loads it.
        assert_eq!(tch::Tensor::from_slice(&[1.0f32]).numel(), 1);
        assert_eq!(torch_version_error(), None);
    }
}
