//! The stream of events.

use futures_util::StreamExt;
use serde_json::json;

use super::fixture::{PATIENCE, TOKEN, World, free_port, on_port, with};
use crate::http::client::Client;
use crate::http::token::Token;

#[tokio::test(flavor = "multi_thread")]
async fn events_tell_verdicts_pin_nothing_and_end_with_their_port() {
    let (old, new) = (free_port(), free_port());
    let world = World::start(&on_port(old, 500)).await;
    let client = Client::from_state(world.state.path(), None, Some(Token::given(TOKEN).unwrap())).unwrap();
    let mut events = Box::pin(client.events(None).await.unwrap());
    let next = async |events: &mut std::pin::Pin<Box<_>>| {
        let next = tokio::time::timeout(PATIENCE, StreamExt::next(events)).await;
        next.expect("no event")
    };
    world.save(&with(old, 500, "127.0.0.1", "two")).await;
    let (name, verdict) = next(&mut events).await.unwrap().unwrap();
    assert_eq!((name.as_str(), &verdict["generation"]), ("verdict", &json!(2)));
    world.wait_for(|world| world.app.engine.status().retiring == 0).await;

    world.save(&on_port(new, 500)).await;
    let (_, verdict) = next(&mut events).await.unwrap().unwrap();
    assert_eq!(verdict["generation"], 3);
    assert!(next(&mut events).await.is_none(), "the stream ends with the old port");
    assert_eq!(world.app.streams.available_permits(), 256);

    let again =
        world.client.get(world.url("/api/v1/events")).header("last-event-id", "1").send().await.unwrap();
    assert_eq!(again.headers()["content-type"], "text/event-stream");
    let mut caught_up = String::new();
    let mut chunks = again.bytes_stream();
    while caught_up.matches("event: verdict").count() < 2 {
        let chunk = tokio::time::timeout(PATIENCE, chunks.next()).await.unwrap().unwrap().unwrap();
        caught_up.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    assert!(caught_up.contains("id: 2") && caught_up.contains("id: 3"), "{caught_up}");
    drop(chunks);
    world.stop().await;
}
