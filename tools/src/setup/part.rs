//! What the parts of the set-up have in common.

use std::env;
use std::path::{Path, PathBuf};

/// The result of setting up one part.
pub struct Outcome {
    /// The part with its version, for one line of text.
    pub what: String,
    /// Whether it was installed just now.
    pub fresh: bool,
}

/// Returns the folder that the user set in `variable`; none when it is unset or holds only the folder `fetched`,
/// which this workspace's `.cargo/config.toml` puts there.
pub(super) fn users_own(variable: &str, fetched: &Path) -> Option<PathBuf> {
    let value = env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)?;
    (!same_folder(&value, fetched)).then_some(value)
}

fn same_folder(a: &Path, b: &Path) -> bool {
    a == b || matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_that_cargo_set_is_not_the_users() {
        assert!(same_folder(Path::new("/x/.deps/torch"), Path::new("/x/.deps/torch/")));
        assert!(same_folder(Path::new("/usr/../usr"), Path::new("/usr")));
        assert!(!same_folder(Path::new("/x/.deps/torch"), Path::new("/opt/torch")));
    }
}
