//! Publishes with the crate mercure, which signs a token of draft-07 itself: URL SECRET TOPIC DATA.
//!
//! Prints what the library takes for the id: it looks at no status, so a refusal is the text of the
//! problem. Whoever has to know looks whether it begins with `{`.

use std::error::Error;

use mercure::client::PublishUpdatePrivacy;
use mercure::topic_selector::TopicSelector;
use mercure::{Client, HubUrl, PublisherJwt, Topic};
use url::Url;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [url, secret, topic, data] = &given[..] else { return Err("URL SECRET TOPIC DATA".into()) };
    let hub = HubUrl::try_from(url.parse::<Url>()?)?;
    let grants = vec![TopicSelector::UriTemplate("https://shop.example/orders/{id}".try_into()?)];
    let token = PublisherJwt::new(&secret.clone().into_bytes().into(), grants)?;
    let http = reqwest::Client::builder().no_proxy().build()?;
    let client = Client::new(http, hub, token);
    let topic = Topic::from(topic.parse::<Url>()?);
    print!("{}", client.publish_update(topic, Some(data), PublishUpdatePrivacy::Private).await?);
    Ok(())
}
