//! Reads the selectors of a request. A client that sends templates makes the server compile them,
//! so that is done by threads that may block, for one request at a time: one with a thousand new
//! templates takes turns with the others, and stops when its client goes away. Subscribers and tokens
//! have a reader each, so that what strangers subscribe to delays no publisher.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::problem::Problem;
use crate::logging::log_limited;
use crate::topic::{Notation, Selector, SelectorCompiler, SelectorError, SelectorSet};

/// How much is compiled in one turn, in steps: about a millisecond. For each pattern a turn of its own
/// would cost more than most of them do.
const TURN_STEPS: usize = 150_000;

/// Reads selectors for all requests.
#[derive(Clone, Debug)]
pub struct SelectorReader {
    compiler: SelectorCompiler,
    /// The permit to compile, which one request has at a time.
    turn: Arc<Semaphore>,
    /// What gives the compiler more memory.
    flag: &'static str,
}

/// Patterns of a request that have yet to be compiled, and how much that may take.
struct Uncompiled {
    texts: std::vec::IntoIter<(Notation, String)>,
    steps_left: usize,
}

impl SelectorReader {
    /// One for what subscribers ask for, which keeps what it compiles there.
    #[must_use]
    pub fn of_subscribers(compiler: SelectorCompiler) -> Self {
        Self { compiler, turn: Arc::new(Semaphore::new(1)), flag: "--selectors-max" }
    }

    /// One for the grants in tokens.
    #[must_use]
    pub fn of_tokens(compiler: SelectorCompiler) -> Self {
        Self { compiler, turn: Arc::new(Semaphore::new(1)), flag: "--grants-max" }
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
        self.read_within(texts, SelectorSet::COMPILE_STEPS_MAX).await
    }

    /// The selectors of a token, of which there may be more that are URL patterns, and which may take
    /// longer to compile: whoever made it has a key of ours.
    pub(super) async fn read_all<'a>(
        &self,
        texts: impl IntoIterator<Item = (Notation, &'a str)>,
    ) -> Result<SelectorSet, Problem> {
        self.read_within(texts, usize::MAX).await
    }

    /// What is known counts as what it took to compile, so that a request is taken or not whatever
    /// others have sent before.
    async fn read_within<'a>(
        &self,
        texts: impl IntoIterator<Item = (Notation, &'a str)>,
        mut steps_left: usize,
    ) -> Result<SelectorSet, Problem> {
        let mut selectors = Vec::new();
        let mut unknown = Vec::new();
        // One more than allowed is enough to be refused.
        for (notation, text) in texts.into_iter().take(SelectorSet::MAX + 1) {
            match self.compiler.known(notation, text)? {
                Some(selector) => {
                    spend(&mut steps_left, &selector)?;
                    selectors.push(selector);
                }
                None => unknown.push((notation, text.to_owned())),
            }
        }
        if selectors.len() + unknown.len() > SelectorSet::MAX {
            return Err(SelectorError::TooMany.into());
        }
        if !unknown.is_empty() {
            let unknown = Uncompiled { texts: unknown.into_iter(), steps_left };
            Box::pin(self.compile(unknown, &mut selectors)).await?;
        }
        Ok(self.compiler.count_names(SelectorSet::new(selectors)?)?)
    }

    async fn compile(
        &self,
        mut unknown: Uncompiled,
        selectors: &mut Vec<Selector>,
    ) -> Result<(), Problem> {
        while unknown.texts.len() > 0 {
            let compiled;
            (compiled, unknown) = self.compile_some(unknown).await?;
            selectors.extend(compiled);
        }
        Ok(())
    }

    /// What is compiled in one turn, and what is left.
    async fn compile_some(
        &self,
        mut unknown: Uncompiled,
    ) -> Result<(Vec<Selector>, Uncompiled), Problem> {
        let turn = Arc::clone(&self.turn).acquire_owned().await.map_err(|_| Problem::Draining)?;
        let compiler = self.compiler.clone();
        let compiled = spawn_blocking(move || {
            let compiled = unknown.compile_some(&compiler);
            drop(turn);
            compiled.map(|compiled| (compiled, unknown))
        });
        match compiled.await {
            Ok(compiled) => compiled.map_err(|error| self.problem_of(error)),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime ends.
                Err(_) => Err(Problem::Draining),
            },
        }
    }

    fn problem_of(&self, error: SelectorError) -> Problem {
        if error == SelectorError::BudgetExhausted {
            let flag = self.flag;
            log_limited!(
                WARN,
                flag,
                "requests are refused because patterns take all the memory they may; raise the limit"
            );
        }
        error.into()
    }
}

impl Uncompiled {
    fn compile_some(
        &mut self,
        compiler: &SelectorCompiler,
    ) -> Result<Vec<Selector>, SelectorError> {
        let (mut compiled, begun_with) = (Vec::new(), self.steps_left);
        while begun_with - self.steps_left < TURN_STEPS
            && let Some((notation, text)) = self.texts.next()
        {
            let selector = compiler.compile(notation, &text)?;
            spend(&mut self.steps_left, &selector)?;
            compiled.push(selector);
        }
        Ok(compiled)
    }
}

fn spend(steps_left: &mut usize, selector: &Selector) -> Result<(), SelectorError> {
    let left = steps_left.checked_sub(selector.compile_steps());
    *steps_left = left.ok_or(SelectorError::TooMuchTogether)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    fn reader() -> SelectorReader {
        SelectorReader::of_subscribers(SelectorCompiler::new(1 << 20, <_>::default()))
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
    async fn grants_wait_for_no_subscriber_and_take_no_memory_from_one() {
        let full = || SelectorCompiler::new(1_000, <_>::default());
        let (subscribers, tokens) =
            (SelectorReader::of_subscribers(full()), SelectorReader::of_tokens(full()));
        let _stream = read(&subscribers, &["/{x}"]).await.unwrap();
        let _turn = subscribers.turn.acquire().await.unwrap();
        assert!(is_pending(read(&subscribers, &["/{y}"])).await);
        let granted = tokens.read_all([(Notation::TopicOrTemplate, "/{y}")]).await;
        assert!(granted.is_ok());
    }

    #[tokio::test]
    async fn what_a_request_has_compiled_is_bounded_whether_it_is_known_or_not() {
        let reader =
            SelectorReader::of_subscribers(SelectorCompiler::new(64 << 20, <_>::default()));
        let texts: Vec<_> = (0..400).map(|n| format!("{n}{{x:80}}")).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let too_much = Err(Problem::Selector(SelectorError::TooMuchTogether));
        for _ in 0..2 {
            assert_eq!(read(&reader, &texts).await, too_much);
        }
        for part in texts.chunks(100) {
            assert!(read(&reader, part).await.is_ok());
        }
        assert_eq!(read(&reader, &texts).await, too_much);
        let granted = texts.iter().map(|&text| (Notation::TopicOrTemplate, text));
        assert!(reader.read_all(granted).await.is_ok(), "of a token more is taken");
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
        let reader = SelectorReader::of_subscribers(SelectorCompiler::new(1_000, <_>::default()));
        let stream = read(&reader, &["/{x}"]).await.unwrap();
        let problem = read(&reader, &["/{y}"]).await.unwrap_err();
        assert_eq!(problem, Problem::Selector(SelectorError::BudgetExhausted));
        assert!(problem.is_temporary());
        drop(stream);
        assert!(read(&reader, &["/{y}"]).await.is_ok());
    }
}
