//! The firmware's compiler: `.deps/toolchain/rustc`, whichever way the target's `core` came here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use super::place::{Place, explain, link, write};
use super::sysroot::Source;
use super::{Outcome, system};
use crate::project::{Project, cache_dir};
use crate::report::Step;
use crate::run;

/// The microcontroller's target.
pub(crate) const TARGET: &str = "thumbv7em-none-eabihf";

/// The rustc on the PATH.
const PLAIN: &str = "rustc";

/// A machine that has nothing else of it still links with this.
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
pub(crate) enum Route {
    /// The installed rustc, with the target added by rustup
    Rustup,
    /// A rustc with its library's source, as Debian packages them: `core` is compiled once
    Debian,
}

/// Finds or installs a compiler for the target and puts its wrapper into place.
///
/// # Errors
/// When neither route is open: one line with the commands that open one.
pub(crate) fn ensure(project: &Project, route: Option<Route>) -> Result<Outcome> {
    let deps = project.deps();
    if route != Some(Route::Debian) {
        // Once chosen, a route is kept until another one is asked for.
        let compiled = |source: &Source| place(&deps, source).is_current();
        let kept = route.is_none() && Source::find().as_ref().is_some_and(compiled);
        if !kept && (has_target(Path::new(PLAIN), project) || add_target(project)) {
            return install_plain(project, &deps);
        }
        if route == Some(Route::Rustup) {
            bail!("rustup cannot fetch {TARGET} here; try `cargo xtask setup --toolchain debian`");
        }
    }
    let source = match Source::find() {
        Some(source) => source,
        None => {
            let what =
                format!("a Rust compiler with its library's source (to compile for {TARGET})");
            system::install(&["rustc-web", "rust-web-src"], &what).with_context(|| {
                format!("no compiler for {TARGET}: `rustup target add {TARGET}` did not work here")
            })?;
            Source::find().context(
                "apt-get installed rustc-web, yet it is older than Rust 1.95 or without its source; \
                 install a newer one or use rustup",
            )?
        }
    };
    let place = place(&deps, &source);
    let fresh = !place.is_current();
    if fresh {
        let linker = linker(project)?;
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

/// The plain rustc has the target: the wrapper only passes its arguments on.
fn install_plain(project: &Project, deps: &Path) -> Result<Outcome> {
    let place = Place { parent: deps, name: "toolchain", origin: "the rustc on the PATH".into() };
    let fresh = !place.is_current();
    if fresh {
        place.install(|dir| {
            wrapper(&dir.join("rustc"), "#!/bin/sh\nexec rustc \"$@\"\n")?;
            smoke_test(dir)
        })?;
    }
    let version = run::text(rustc(project).arg("--version")).unwrap_or_default();
    Ok(Outcome { what: format!("{TARGET} by {version}"), fresh })
}

fn rustc(project: &Project) -> Command {
    let mut command = Command::new(PLAIN);
    command.current_dir(project.root()).stderr(Stdio::null());
    command
}

/// The firmware's compiler.
pub(crate) fn wrapper_path(project: &Project) -> PathBuf {
    project.deps().join("toolchain/rustc")
}

/// Whether this rustc has `core` for the target.
pub(crate) fn has_target(rustc: &Path, project: &Project) -> bool {
    let mut command = Command::new(rustc);
    command.current_dir(project.root()).stderr(Stdio::null());
    command.args(["--print", "target-libdir", "--target", TARGET]);
    let Some(dir) = run::text(&mut command) else { return false };
    fs::read_dir(dir).is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libcore-"))
    })
}

/// Asks rustup for the target; where it cannot fetch it, another route is open.
fn add_target(project: &Project) -> bool {
    if run::find_program("rustup").is_none() {
        return false;
    }
    let step = Step::spinner(format!("rustup target add {TARGET}"));
    let mut command = Command::new("rustup");
    command.current_dir(project.root()).args(["target", "add", TARGET]);
    command.env("RUSTUP_MAX_RETRIES", "1").stdin(Stdio::null());
    let added = run::output(&mut command).is_ok_and(|output| output.status.success());
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
        fs::create_dir_all(folder).map_err(|error| explain(error, folder))?;
    }
    for library in libraries {
        let copy = target.join(library.file_name().unwrap_or_default());
        if fs::hard_link(library, &copy).is_err() {
            fs::copy(library, &copy).map_err(|error| explain(error, &copy))?;
        }
    }
    link(source.sysroot.join("lib/rustlib").join(&source.host).join("lib"), &host.join("lib"))?;
    link(linker, &host.join("bin/rust-lld"))?;
    // Relative to itself, so that a moved checkout still compiles.
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

/// Returns an LLVM linker: the one of the installed Rust, else Debian's.
fn linker(project: &Project) -> Result<PathBuf> {
    let found = || {
        let sysroot = run::text(rustc(project).args(["--print", "sysroot"])).map(PathBuf::from);
        let own = sysroot.and_then(|root| {
            let hosts = fs::read_dir(root.join("lib/rustlib")).ok()?;
            hosts.flatten().map(|host| host.path().join("bin/rust-lld")).find(|path| path.exists())
        });
        own.or_else(|| run::find_program("rust-lld")).or_else(|| run::find_program("lld"))
    };
    if let Some(path) = found() {
        return Ok(path);
    }
    system::install(&["lld"], "lld (the linker for the microcontroller)")?;
    found().context("apt-get ran, yet lld is still not on the PATH")
}

/// Compiles and links a program of a few lines with everything the firmware asks of the compiler.
fn smoke_test(dir: &Path) -> Result<()> {
    let program = dir.join("smoke.rs");
    write(&program, SMOKE)?;
    let binary = dir.join("smoke.elf");
    let mut command = Command::new(dir.join("rustc"));
    command.args(["--edition", "2024", "--target", TARGET, "-Copt-level=3", "-Clto=fat"]);
    command.args(["-Cpanic=abort", "-Ctarget-cpu=cortex-m4", "-o"]).arg(&binary).arg(&program);
    let output = run::output(&mut command)?;
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        let line = text.lines().find(|line| line.starts_with("error")).unwrap_or("no message");
        bail!("the compiler for {TARGET} does not work: {line}");
    }
    for file in [program, binary] {
        super::place::remove(&file)?;
    }
    Ok(())
}
