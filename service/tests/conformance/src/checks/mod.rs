//! The checks, by the part of the protocol that they are about. Most hold in both dialects; the
//! hub that they are given knows which it speaks.

pub(crate) mod challenges;
pub(crate) mod discovery;
pub(crate) mod grants;
pub(crate) mod matching;
pub(crate) mod presence;
pub(crate) mod publishing;
pub(crate) mod resuming;
pub(crate) mod subscribing;
pub(crate) mod tokens;

use crate::hub::Hub;
use crate::outcome::{Checked, Stop};
use crate::stream::Subscription;

/// Topics that a stream must be sent, and others that it must not be.
///
/// Those it must not be sent are published before a marker to a topic that it has, and the marker
/// shows that they have not come.
async fn receives(
    hub: &Hub,
    stream: &mut Subscription,
    wanted: &[&str],
    unwanted: &[&str],
    marker_topic: &str,
) -> Checked {
    let mut expected = Vec::new();
    for (topics, is_wanted) in [(unwanted, false), (wanted, true)] {
        for topic in topics {
            let data = format!("{topic} {}", uuid::Uuid::new_v4());
            hub.publish(&[("topic", topic), ("data", &data)]).await?;
            expected.push((topic, data, is_wanted));
        }
    }
    let marker = uuid::Uuid::new_v4().to_string();
    hub.publish(&[("topic", marker_topic), ("data", &marker)]).await?;
    let came = stream.until(&marker).await?;
    for (topic, data, is_wanted) in expected {
        let is_there = came.iter().any(|message| message.data == data);
        if is_there != is_wanted {
            let (expected, came) = match is_wanted {
                true => ("its event", "none before a later marker"),
                false => ("no event of it before a later marker", "its event"),
            };
            let sent = format!("{}, and a publish to {topic:?}", stream.sent);
            return Err(Stop::failed(sent, expected, came));
        }
    }
    Ok(())
}
