//! Which changes of an image a rollback undoes, found by going back through them.
//!
//! In: changes, from the newest on. Out: those that are undone, and those that were undone already and are passed over.

use std::ops::ControlFlow;

use crate::release::{Change, Kind, Release, Rollback};

/// What of the history is undone for one image.
pub(super) struct Undone {
    /// The changes that are undone, from the newest on.
    pub(super) changes: Vec<Change>,
    /// The changes that were passed over: rollbacks, and what they had undone.
    pub(super) passed: Vec<Change>,
}

/// What there is where that is not enough.
#[derive(Default)]
pub(super) struct Known {
    /// Every version that was left, from the newest on.
    pub(super) versions: Vec<String>,
    /// The versions that would come back one after the other.
    pub(super) earlier: Vec<String>,
}

/// What a walk passes changes over for.
enum Seeks {
    Nothing,
    /// The change that made this value: what came after it is undone already.
    Value(Option<Release>),
}

/// Walks back over changes, and tells what is undone.
pub(super) struct Walk<'a> {
    request: &'a Rollback,
    /// The value that a rollback went back to.
    seeks: Seeks,
    changes: Vec<Change>,
    passed: Vec<Change>,
    known: Known,
    is_done: bool,
    /// Everything down to the newest change that left the version which is asked for: the way there where it was undone since.
    way: Vec<Change>,
    is_way: bool,
    /// A change that was not made by a release: whether it undid the one before shows there.
    open: Option<Change>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(request: &'a Rollback) -> Self {
        Self {
            request,
            seeks: Seeks::Nothing,
            changes: Vec::new(),
            passed: Vec::new(),
            known: Known::default(),
            is_done: false,
            way: Vec::new(),
            is_way: false,
            open: None,
        }
    }

    pub(super) fn take(&mut self, change: Change) -> ControlFlow<()> {
        if let Some(from) = change.from.as_ref().filter(|from| !from.version.is_empty()) {
            let text = from.version.to_string();
            if !self.known.versions.contains(&text) {
                self.known.versions.push(text);
            }
        }
        if self.request.to.is_some() && !self.is_way {
            self.is_way = self.is_wanted(&change);
            self.way.push(change.clone());
        }
        if let Some(open) = self.open.take() {
            let is_undoing = open.to == change.from && open.from == change.to;
            if is_undoing {
                self.seeks = Seeks::Value(open.to.clone());
                self.passed.push(open);
            } else if self.count(open).is_break() {
                return ControlFlow::Break(());
            }
        }
        if matches!(&self.seeks, Seeks::Value(value) if change.to != *value) {
            self.passed.push(change);
            return ControlFlow::Continue(());
        }
        match change.kind {
            // What a rollback took back returns by undoing that rollback.
            Kind::Rollback if self.is_wanted(&change) => {
                self.changes.push(change);
                self.is_done = true;
                ControlFlow::Break(())
            }
            Kind::Rollback => {
                self.seeks = Seeks::Value(change.to.clone());
                self.passed.push(change);
                ControlFlow::Continue(())
            }
            Kind::ByHand => {
                self.seeks = Seeks::Nothing;
                self.open = Some(change);
                ControlFlow::Continue(())
            }
            Kind::Bump | Kind::Promotion | Kind::Reapply => {
                self.seeks = Seeks::Nothing;
                self.count(change)
            }
        }
    }

    fn count(&mut self, change: Change) -> ControlFlow<()> {
        // Before the first version there is nothing to go back to.
        if change.before.is_none() {
            return ControlFlow::Continue(());
        }
        let is_wanted = self.is_wanted(&change);
        self.known.earlier.extend(change.from.as_ref().map(ToString::to_string));
        self.changes.push(change);
        let is_enough = self.request.to.is_none() && self.changes.len() == self.request.releases;
        if is_wanted || is_enough {
            self.is_done = true;
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }

    fn is_wanted(&self, change: &Change) -> bool {
        let from = change.from.as_ref();
        self.request.to.as_ref().is_some_and(|to| from.is_some_and(|from| from.version.is_same_release(to)))
    }

    /// What is undone; where there is not enough to undo, what there is.
    pub(super) fn end(mut self) -> Result<Undone, Known> {
        if let Some(open) = self.open.take() {
            let _ = self.count(open);
        }
        if self.is_done {
            return Ok(Undone { changes: self.changes, passed: self.passed });
        }
        if self.is_way {
            return Ok(Undone { changes: self.way, passed: Vec::new() });
        }
        Err(self.known)
    }
}
