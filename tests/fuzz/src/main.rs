//! `fuzz-seeds FOLDER`: writes the seed inputs of every target to `FOLDER/TARGET/NAME`, and the dictionary of
//! configurations to `FOLDER/config.dict`.

use std::path::PathBuf;

fn main() -> std::io::Result<()> {
    let folder =
        PathBuf::from(std::env::args_os().nth(1).unwrap_or_else(|| "tests/fuzz/corpus".into()));
    for (target, _) in fuzz::TARGETS {
        let folder = folder.join(target);
        std::fs::create_dir_all(&folder)?;
        for (name, bytes) in fuzz::seeds(target) {
            std::fs::write(folder.join(name), bytes)?;
        }
    }
    #[cfg(feature = "trainer")]
    std::fs::write(folder.join("config.dict"), fuzz::dictionary())?;
    Ok(())
}
