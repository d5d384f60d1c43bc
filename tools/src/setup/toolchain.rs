//! The firmware's compiler, `.deps/toolchain/rustc`: a wrapper around a rustc that has `core` for the target.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::part::Outcome;
use super::place::Place;
use super::sysroot::Source;
use super::system::{self, Removals};
use crate::files::{self, explain, link, write};
use crate::process;
use crate::progress::Step;
use crate::project::{Project, cache_dir};

/// The microcontroller's target.
pub const TARGET: &str = "thumbv7em-none-eabihf";

/// The rustc on the PATH.
const PLAIN: &str = "rustc";

/// A program that needs `core` and the linker, and nothing else.
const SMOKE: &str = "\
#![no_std]
#![no_main]
#[panic_handler]
fn panic(_: &core::panic::PanicInfo) -> ! {
    loop {}
}
#[unsafe(no_mangle)]
extern \"C\" fn _start(x: &mut [f32; 4]) -> f32 {
    x.sort_unstable_by(f32::total_cmp);
    x[0] / x[3]
}
";

/// Where the target's `core` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Route {
    /// The installed rustc, with the target added by rustup
    Rustup,
    /// A rustc with its library's source, as Debian packages them: `core` is compiled once
    Debian,
}

/// Finds or installs a compiler for the target and writes its wrapper.
///
/// # Errors
/// When neither route works: one line with the commands that make one work.
pub(super) fn ensure(
    project: &Project,
    route: Option<Route>,
    removals: Removals,
) -> Result<Outcome> {
    let deps = project.deps();
    if route != Some(Route::Debian) {
        // The Debian route, once chosen, is kept until the other one is asked for.
        let compiled = |source: &Source| place(&deps, source).is_current();
        let kept = route.is_none() && Source::find().as_ref().is_some_and(compiled);
        if !kept && (has_target(Path::new(PLAIN), project) || add_target(project)) {
            return install_plain(project, &deps);
        }
        if route == Some(Route::Rustup) {
            bail!("rustup cannot fetch {TARGET} here; try `cargo xtask setup --toolchain debian`");
        }
    }
    let source =
        match Source::find() {
            Some(source) => source,
            None => {
                let what =
                    format!("a Rust compiler with its library's source (to compile for {TARGET})");
                system::install(&["rustc-web", "rust-web-src"], &what, removals).with_context(|| {
                format!("no compiler for {TARGET}: `rustup target add {TARGET}` did not work here")
            })?;
                Source::find().context(
                "apt-get installed rustc-web, but it is older than Rust 1.95 or lacks its source; \
                 install a newer one or use rustup",
            )?
            }
        };
    let place = place(&deps, &source);
    let fresh = !place.is_current();
    if fresh {
        let linker = linker(project, removals)?;
        let libraries = source.core_for(TARGET, &cache_dir()?)?;
        place.install(|dir| {
            fill(dir, &source, &libraries, &linker)?;
            smoke_test(dir)
        })?;
    }
    Ok(Outcome { what: format!("{TARGET} compiled by {}", source.version), fresh })
}

fn place<'a>(deps: &'a Path, source: &Source) -> Place<'a> {
    Place { parent: deps, name: "toolchain", origin: source.identity.clone() }
}

/// Writes the wrapper for a rustc on the PATH that has the target: the wrapper only passes its arguments on.
fn install_plain(project: &Project, deps: &Path) -> Result<Outcome> {
    let place = Place { parent: deps, name: "toolchain", origin: "the rustc on the PATH".into() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| {
            wrapper(&dir.join("rustc"), "#!/bin/sh\nexec rustc \"$@\"\n")?;
            smoke_test(dir)
        })?;
    }
    let version = process::text(rustc(project).arg("--version")).unwrap_or_default();
    Ok(Outcome { what: format!("{TARGET} by {version}"), fresh })
}

fn rustc(project: &Project) -> Command {
    let mut command = Command::new(PLAIN);
    command.current_dir(project.root()).stderr(Stdio::null());
    command
}

/// The path of the firmware's compiler.
pub fn wrapper_path(project: &Project) -> PathBuf {
    project.deps().join("toolchain/rustc")
}

/// Whether this rustc has `core` for the target.
pub fn has_target(rustc: &Path, project: &Project) -> bool {
    let mut command = Command::new(rustc);
    command.current_dir(project.root()).stderr(Stdio::null());
    command.args(["--print", "target-libdir", "--target", TARGET]);
    let Some(dir) = process::text(&mut command) else { return false };
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

/// Asks rustup for the target and returns whether rustup installed it.
fn add_target(project: &Project) -> bool {
    if process::find_program("rustup").is_none() {
        return false;
    }
    let step = Step::new(format!("rustup target add {TARGET}"));
    let mut command = Command::new("rustup");
    command.current_dir(project.root()).args(["target", "add", TARGET]);
    command.env("RUSTUP_MAX_RETRIES", "1");
    let added = process::output(&mut command).is_ok_and(|output| output.status.success());
    if added && has_target(Path::new(PLAIN), project) {
        step.done();
        return true;
    }
    false
}

/// Lays out a sysroot: the compiled `core`, the host's own libraries, and the linker.
fn fill(dir: &Path, source: &Source, libraries: &[PathBuf], linker: &Path) -> Result<()> {
    let rustlib = dir.join("sysroot/lib/rustlib");
    let target = rustlib.join(TARGET).join("lib");
    let host = rustlib.join(&source.host);
    for folder in [&target, &host.join("bin")] {
        files::create_dir(folder)?;
    }
    for library in libraries {
        let copy = target.join(library.file_name().unwrap_or_default());
        if fs::hard_link(library, &copy).is_err() {
            fs::copy(library, &copy).map_err(|error| explain(error, &copy))?;
        }
    }
    link(source.sysroot.join("lib/rustlib").join(&source.host).join("lib"), &host.join("lib"))?;
    link(linker, &host.join("bin/rust-lld"))?;
    // The sysroot's path is relative to the script, so that the checkout can be moved.
    let script = format!(
        "#!/bin/sh\nexec '{}' --sysroot \"${{0%/*}}/sysroot\" \"$@\"\n",
        source.rustc.display()
    );
    wrapper(&dir.join("rustc"), &script)
}

fn wrapper(path: &Path, script: &str) -> Result<()> {
    write(path, script)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
        .map_err(|error| explain(error, path))
}

/// Returns the path of an LLVM linker: the one of the installed Rust, else Debian's.
fn linker(project: &Project, removals: Removals) -> Result<PathBuf> {
    let found = || {
        let sysroot = process::text(rustc(project).args(["--print", "sysroot"])).map(PathBuf::from);
        let own = sysroot.and_then(|root| {
            let hosts = fs::read_dir(root.join("lib/rustlib")).ok()?;
            hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|path| path.exists())
        });
        own.or_else(|| process::find_program("rust-lld")).or_else(|| process::find_program("lld"))
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    system::install(&["lld"], "lld (the linker for the microcontroller)", removals)?;
    found().context("apt-get has run, but lld is still not on the PATH")
}

/// Compiles and links a short program with the compiler options of the firmware.
fn smoke_test(dir: &Path) -> Result<()> {
    let program = dir.join("smoke.rs");
    write(&program, SMOKE)?;
    let binary = dir.join("smoke.elf");
    let mut command = Command::new(dir.join("rustc"));
    command.args(["--edition", "2024", "--target", TARGET, "-Copt-level=3", "-Clto=fat"]);
    command.args(["-Cpanic=abort", "-Ctarget-cpu=cortex-m4", "-o"]).arg(&binary).arg(&program);
    let output = process::output(&mut command)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.starts_with("error")).unwrap_or("no message");
        bail!("the compiler for {TARGET} does not work: {line}");
    }
    for file in [program, binary] {
        files::remove(&file)?;
    }
    Ok(())
}
