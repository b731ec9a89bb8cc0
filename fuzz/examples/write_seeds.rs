//! Writes the seeds into the corpus, where libFuzzer looks for them: `cargo run --example write_seeds`.

use std::fs;
use std::path::Path;

fn main() -> std::io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    for (name, _) in dazaar_fuzz::TARGETS {
        let folder = corpus.join(name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in dazaar_fuzz::seeds::of(name).iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
