//! Reads the selectors of a request. A client that sends templates makes the server compile them,
//! so that is done by threads that may block, for one template at a time in the whole process: a
//! request with a thousand new templates takes turns with the others, and stops when its client
//! goes away.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::response::Problem;
use crate::logging::log_limited;
use crate::topic::{Notation, Selector, SelectorCompiler, SelectorError, SelectorSet};

/// Reads selectors for all requests.
#[derive(Clone, Debug)]
pub struct SelectorReader {
    compiler: SelectorCompiler,
    /// The permit to compile, which one request has at a time.
    turn: Arc<Semaphore>,
}

impl SelectorReader {
    /// One that keeps what it compiles there.
    #[must_use]
    pub fn new(compiler: SelectorCompiler) -> Self {
        Self { compiler, turn: Arc::new(Semaphore::new(1)) }
    }

    /// The selectors of a request. Where all are known, which is most of the time, nothing is
    /// waited for; the future for the rest is large, and so has an allocation of its own.
    pub(super) async fn read<'a>(
        &self,
        texts: impl IntoIterator<Item = (Notation, &'a str)>,
    ) -> Result<SelectorSet, Problem> {
        // One more than allowed is enough to be refused.
        let texts: Vec<_> = texts.into_iter().take(SelectorSet::MAX + 1).collect();
        let url_patterns = texts.iter().filter(|(notation, _)| *notation == Notation::UrlPattern);
        if url_patterns.count() > SelectorSet::URL_PATTERNS_MAX {
            return Err(SelectorError::TooManyUrlPatterns.into());
        }
        self.read_all(texts).await
    }

    /// The selectors of a token, of which there may be more that are URL patterns.
    pub(super) async fn read_all<'a>(
        &self,
        texts: impl IntoIterator<Item = (Notation, &'a str)>,
    ) -> Result<SelectorSet, Problem> {
        let mut selectors = Vec::new();
        let mut unknown = Vec::new();
        // One more than allowed is enough to be refused.
        for (notation, text) in texts.into_iter().take(SelectorSet::MAX + 1) {
            match self.compiler.known(notation, text)? {
                Some(selector) => selectors.push(selector),
                None => unknown.push((notation, text.to_owned())),
            }
        }
        if selectors.len() + unknown.len() > SelectorSet::MAX {
            return Err(SelectorError::TooMany.into());
        }
        if !unknown.is_empty() {
            Box::pin(self.compile(unknown, &mut selectors)).await?;
        }
        Ok(self.compiler.count_names(SelectorSet::new(selectors)?)?)
    }

    async fn compile(
        &self,
        texts: Vec<(Notation, String)>,
        selectors: &mut Vec<Selector>,
    ) -> Result<(), Problem> {
        for (notation, text) in texts {
            selectors.push(self.compile_one(notation, text).await?);
        }
        Ok(())
    }

    async fn compile_one(&self, notation: Notation, text: String) -> Result<Selector, Problem> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| Problem::Draining)?;
        let compiler = self.compiler.clone();
        let compiled = spawn_blocking(move || {
            let compiled = compiler.compile(notation, &text);
            drop(turn);
            compiled
        });
        match compiled.await {
            Ok(compiled) => compiled.map_err(problem_of),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => Err(Problem::Draining),
            },
        }
    }
}

fn problem_of(error: SelectorError) -> Problem {
    if error == SelectorError::BudgetExhausted {
        log_limited!(
            WARN,
            "requests are refused because selectors take all the memory they may; raise --selectors-max"
        );
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    fn reader() -> SelectorReader {
        SelectorReader::new(SelectorCompiler::new(1 << 20, <_>::default()))
    }

    async fn read(reader: &SelectorReader, texts: &[&str]) -> Result<SelectorSet, Problem> {
        reader.read(texts.iter().map(|&text| (Notation::TopicOrTemplate, text))).await
    }

    async fn is_pending(future: impl Future) -> bool {
        let mut future = pin!(future);
        poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending())).await
    }

    #[tokio::test]
    async fn selectors_of_all_kinds_are_read() {
        let set = read(&reader(), &["/{x}", "a", "*", "{", "/{x}"]).await.unwrap();
        let expected = ["/{x}", "a", "*", "{"].map(|text| Selector::parse(text).unwrap());
        assert_eq!(set, SelectorSet::new(expected).unwrap());
    }

    #[tokio::test]
    async fn what_is_wrong_with_one_is_wrong_with_all() {
        for (texts, error) in [
            (&[][..], SelectorError::NoSelectors),
            (&["a", ""], SelectorError::Empty),
            (&["{x}", "{x:9999}"], SelectorError::TooComplex),
            (&["a"; 1_001], SelectorError::TooMany),
            (&["{x}"; 1_001], SelectorError::TooMany),
        ] {
            assert_eq!(read(&reader(), texts).await, Err(Problem::Selector(error)));
        }
    }

    #[tokio::test]
    async fn a_new_template_waits_for_its_turn_and_known_ones_do_not() {
        let reader = reader();
        read(&reader, &["/{x}"]).await.unwrap();
        let turn = reader.turn.acquire().await.unwrap();
        assert!(read(&reader, &["/{x}", "a", "*"]).await.is_ok());
        assert!(is_pending(read(&reader, &["/{y}"])).await);
        drop(turn);
        assert!(read(&reader, &["/{y}"]).await.is_ok());
    }

    #[tokio::test]
    async fn when_the_client_goes_away_nothing_more_is_compiled() {
        let reader = reader();
        let turn = reader.turn.acquire().await.unwrap();
        assert!(is_pending(read(&reader, &["/{x}", "/{y}"])).await);
        drop(turn);
        read(&reader, &["/{z}"]).await.unwrap();
        assert_eq!(reader.compiler.known(Notation::TopicOrTemplate, "/{x}").unwrap(), None);
        assert_eq!(reader.compiler.known(Notation::TopicOrTemplate, "/{y}").unwrap(), None);
    }

    #[tokio::test]
    async fn templates_beyond_the_budget_are_refused_until_streams_end() {
        let reader = SelectorReader::new(SelectorCompiler::new(1_000, <_>::default()));
        let stream = read(&reader, &["/{x}"]).await.unwrap();
        let problem = read(&reader, &["/{y}"]).await.unwrap_err();
        assert_eq!(problem, Problem::Selector(SelectorError::BudgetExhausted));
        assert!(problem.is_temporary());
        drop(stream);
        assert!(read(&reader, &["/{y}"]).await.is_ok());
    }
}
