//! What a change does and what a repository deploys, to look at: for a terminal, a comment, a browser.
//!
//! In: plain data, masked where it is secret. Out: text. Reads nothing and decides nothing.

pub mod changes;
mod html;
mod human;
mod json;
mod lines;
mod markdown;
mod page;
pub mod report;
pub mod waves;

pub use changes::Changes;

/// How a change is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people at a terminal.
    Human,
    /// For a comment of a merge request.
    Markdown,
    /// One object, for tools.
    Json,
    /// A page that stands alone.
    Html,
}

/// A change as text, with a line feed at its end.
pub fn changes(format: Format, changes: &Changes, is_coloured: bool) -> String {
    match format {
        Format::Human => human::render(changes, is_coloured),
        Format::Markdown => markdown::render(changes),
        Format::Json => json::render(changes),
        Format::Html => page::render(changes),
    }
}
