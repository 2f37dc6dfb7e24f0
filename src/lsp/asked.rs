//! A question about a place of a text.

use std::path::PathBuf;
use std::sync::Arc;

use lsp_types::Position;

use crate::lsp::repository::{Documents, Repository};
use crate::lsp::text::Units;
use crate::pipeline::gather::Gathered;

/// A place that something is asked about.
pub(super) struct Asked<'a> {
    pub(super) repository: &'a Repository,
    pub(super) documents: &'a Documents,
    pub(super) units: Units,
    pub(super) path: PathBuf,
    /// From the top of the repository.
    pub(super) below: &'a str,
    pub(super) text: Arc<str>,
    pub(super) position: Position,
    /// From 1.
    pub(super) line: usize,
    /// In characters, from 1.
    pub(super) column: usize,
}

impl<'a> Asked<'a> {
    /// The byte offset where lines end with a line feed alone.
    pub(super) fn offset(&self) -> usize {
        self.units.offset(&self.text.replace("\r\n", "\n"), self.position)
    }

    /// The byte offsets at which the line begins and ends, likewise.
    pub(super) fn line_range(&self) -> (usize, usize) {
        let plain = self.text.replace("\r\n", "\n");
        let at = |character| self.units.offset(&plain, Position { character, ..self.position });
        (at(0), at(u32::MAX))
    }

    /// What was built, the newest first.
    pub(super) fn sides(&self) -> impl Iterator<Item = &'a Gathered> {
        let part = self.repository.part.as_ref().map(|part| &part.gathered);
        part.into_iter().chain(self.repository.whole.as_ref().map(|whole| &whole.gathered))
    }
}
