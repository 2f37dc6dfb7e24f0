//! Reads and parses the files that standard input names, one a line, and does nothing with them: what a build of them
//! cannot be faster than. `tests/bench/build` times it.
//!
//!     reading one|all     on one thread by the general parser, or on all by the readers that a build has

use std::io::{BufRead, Write};

use gitopsctl::source::FileId;
use gitopsctl::yaml::load;
use rayon::prelude::*;

fn main() -> std::io::Result<()> {
    let files: Vec<String> = std::io::stdin().lock().lines().collect::<Result<_, _>>()?;
    let on_all = std::env::args().nth(1).as_deref() == Some("all");
    let read = |path: &String| -> std::io::Result<usize> {
        let text = std::fs::read_to_string(path)?;
        let documents = if on_all {
            load::documents(&text, FileId::NONE).map(|documents| documents.len())
        } else {
            load::general_document(&text, 0, FileId::NONE).map(|document| usize::from(document.is_some()))
        };
        documents.map_err(|error| std::io::Error::other(format!("{path}: {}", error.message)))
    };
    let count = if on_all {
        files.par_iter().map(read).sum::<std::io::Result<usize>>()?
    } else {
        files.iter().map(read).sum::<std::io::Result<usize>>()?
    };
    writeln!(std::io::stdout(), "{count} documents in {} files", files.len())?;
    Ok(())
}
