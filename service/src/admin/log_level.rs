//! Which log lines are written: what is in force, and something else for a while.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Body;
use serde_json::json;
use tokio::time::timeout;

use super::problem::{AdminProblem, BODY_BYTES_MAX, BODY_TIME_MAX};
use super::response::{AdminResponse, json as json_answer};
use crate::logging;

/// The filter that is in force; null inside of a program that decides on its log lines itself.
pub(super) fn show() -> AdminResponse {
    json_answer(&json!({"filter": logging::filter_in_force()}))
}

/// Puts the filter of a body in force, until the settings are read again.
pub(super) async fn put<B>(body: B, by: SocketAddr) -> Result<AdminResponse, AdminProblem>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let text = read(body).await?;
    let before = logging::filter_in_force().ok_or(AdminProblem::LogOfProgram)?;
    logging::put_filter(&text)?;
    let filter = logging::filter_in_force();
    // With its own part at info it is seen; whoever turns the lines off has seen to it.
    tracing::info!(filter, before, %by, "other log lines are written until the settings are read again");
    Ok(show())
}

async fn read<B>(body: B) -> Result<String, AdminProblem>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let collected = timeout(BODY_TIME_MAX, Limited::new(body, BODY_BYTES_MAX).collect()).await;
    match collected {
        Err(_) => Err(AdminProblem::SlowBody),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(AdminProblem::TooLarge),
        Ok(Err(_)) => Err(AdminProblem::Body),
        Ok(Ok(body)) => String::from_utf8(body.to_bytes().into()).map_err(|_| AdminProblem::NoText),
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};
    use hyper::body::Frame;

    use super::*;

    #[tokio::test]
    async fn a_body_is_a_short_text() {
        let of = |bytes: Vec<u8>| read(Full::new(Bytes::from(bytes)));
        assert_eq!(of(b"info".to_vec()).await.as_deref(), Ok("info"));
        assert_eq!(of(vec![]).await.as_deref(), Ok(""));
        assert_eq!(of(vec![b'x'; BODY_BYTES_MAX]).await.map(|text| text.len()), Ok(4_096));
        assert_eq!(of(vec![b'x'; BODY_BYTES_MAX + 1]).await, Err(AdminProblem::TooLarge));
        assert_eq!(of(vec![0xff]).await, Err(AdminProblem::NoText));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_byte_by_byte_is_not_waited_for() {
        let slow = futures_util::stream::unfold((), async |()| {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(b"i"))), ()))
        });
        assert_eq!(read(StreamBody::new(Box::pin(slow))).await, Err(AdminProblem::SlowBody));
    }
}
