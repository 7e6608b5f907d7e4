//! What happened in a world, line by line: kept only when somebody wants to read it.

use std::cell::RefCell;
use std::rc::Rc;

use porter::domain::time::Timestamp;
use porter_world::world::BEGINNING;

/// A trace, or none.
#[derive(Clone, Default)]
pub struct Trace(Option<Rc<RefCell<Vec<String>>>>);

impl Trace {
    /// A trace that keeps its lines.
    #[must_use]
    pub fn kept() -> Self {
        Self(Some(Rc::default()))
    }

    /// Adds a line, made only when it is kept.
    pub fn line(&self, at: Timestamp, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            let seconds = at.since(BEGINNING) / 1000;
            let millis = at.since(BEGINNING) % 1000;
            lines.borrow_mut().push(format!("{seconds:>6}.{millis:03} {}", line()));
        }
    }

    /// Adds a line that belongs to the one before.
    pub fn log(&self, line: impl FnOnce() -> String) {
        if let Some(lines) = &self.0 {
            lines.borrow_mut().push(line());
        }
    }

    /// Every line.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.0.as_ref().map(|lines| lines.borrow().clone()).unwrap_or_default()
    }
}
