//! Selectors of strangers: equal templates are compiled once and shared, and all templates together
//! have a budget.
//!
//! What is in use cannot be thrown away, so when that alone uses the budget up, further templates
//! are refused. What nobody uses any more stays, since clients come back, until its memory is
//! needed: what has been unused for longest goes first.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use super::Topic;
use super::error::SelectorError;
use super::selector::{Read, Selector};
use super::template::Template;
use super::template_cache::{self, Templates};

/// Reads selectors, and keeps their templates. Cheap to clone; clones share what they keep.
#[derive(Clone)]
pub struct SelectorCompiler {
    templates: Arc<Mutex<Templates>>,
    bytes_max: usize,
}

impl SelectorCompiler {
    /// One that keeps as many bytes of compiled templates.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { templates: Arc::default(), bytes_max }
    }

    /// The selector of this text, unless it has to be compiled first: `None` says so.
    ///
    /// # Errors
    /// Those of [`Selector::parse`] that are seen without compiling.
    pub fn known(&self, text: &str) -> Result<Option<Selector>, SelectorError> {
        match Selector::read(text)? {
            Read::Selector(selector) => Ok(Some(selector)),
            Read::Braces(topic) => Ok(self.find(&topic)),
        }
    }

    /// The selector of this text. If it is a template that is not kept yet, this takes a
    /// millisecond or two, and should not be done where others wait.
    ///
    /// # Errors
    /// Those of [`Selector::parse`], and when templates in use leave no room for this one.
    pub fn compile(&self, text: &str) -> Result<Selector, SelectorError> {
        let topic = match Selector::read(text)? {
            Read::Selector(selector) => return Ok(selector),
            Read::Braces(topic) => topic,
        };
        if let Some(selector) = self.find(&topic) {
            return Ok(selector);
        }
        // The lock is free meanwhile: streams that end need it.
        let Some(template) = Template::compile(text) else { return Ok(Selector::exact(topic)) };
        let template = Arc::new(template?);
        // Dropped when the lock is free again.
        let mut evicted = Vec::new();
        let mut templates = self.lock();
        if let Some(shared) = templates.find(topic.as_str(), &self.templates) {
            return Ok(Selector::template(shared));
        }
        let fits = templates.make_room(&template, self.bytes_max, &mut evicted);
        fits.then(|| Selector::template(templates.insert(template, &self.templates)))
            .ok_or(SelectorError::BudgetExhausted)
    }

    /// The memory that compiled templates hold, unused ones included.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    fn find(&self, topic: &Topic) -> Option<Selector> {
        self.lock().find(topic.as_str(), &self.templates).map(Selector::template)
    }

    fn lock(&self) -> MutexGuard<'_, Templates> {
        template_cache::lock(&self.templates)
    }
}

impl fmt::Debug for SelectorCompiler {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SelectorCompiler")
            .field("bytes", &self.bytes())
            .field("bytes_max", &self.bytes_max)
            .finish_non_exhaustive()
    }
}
