//! Calls both ways over wRPC with its own transport: `call NATS_URL LATTICE COMPONENT_ID`. The component exports and imports
//! `petiole:fixture-types/mirror`, and hands what it gets on to this program, which is the other end of its link. Prints what
//! it does; ends with 1 at the first answer that is not as it should be.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use futures::StreamExt as _;
use wrpc_transport::{InvokeExt as _, ServeExt as _};

const MIRROR: &str = "petiole:fixture-types/mirror@1.2.3";
const LIMIT: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut next = |what: &str| words.next().with_context(|| format!("want {what}"));
    let nats = next("the URL of a nats-server")?;
    let lattice = next("the name of a lattice")?;
    let component = next("the id of a component")?;
    let connection = async_nats::connect(&nats).await?;
    let queue = Some(Arc::<str>::from("peer"));
    let server = wrpc_transport_nats::Client::new(connection.clone(), format!("{lattice}.peer"), queue).await?;
    let client = wrpc_transport_nats::Client::new(connection.clone(), format!("{lattice}.{component}"), None).await?;
    let client = client.timeout(LIMIT);

    let additions = server.serve_values::<(u32, i32), (f64,)>(MIRROR, "add", Arc::from([])).await?;
    tokio::spawn(async move {
        tokio::pin!(additions);
        while let Some(Ok((_, (left, right), _, answer))) = additions.next().await {
            println!("served: add({left}, {right})");
            if answer((f64::from(left) + f64::from(right),)).await.is_err() {
                println!("the answer could not be sent");
            }
        }
    });
    let swaps = server.serve_values::<((String, u8),), ((u8, String),)>(MIRROR, "swap", Arc::from([])).await?;
    tokio::spawn(async move {
        tokio::pin!(swaps);
        while let Some(Ok((_, ((text, number),), _, answer))) = swaps.next().await {
            println!("served: swap of {} characters", text.chars().count());
            if answer(((number, text),)).await.is_err() {
                println!("the answer could not be sent");
            }
        }
    });
    connection.flush().await?;

    let mut headers = async_nats::HeaderMap::new();
    headers.insert("source-id", "peer");
    for context in [None, Some(headers)] {
        let (sum,) = client
            .invoke_values_blocking::<[Option<usize>; 0], (u32, i32), (f64,)>(context, MIRROR, "add", (40, -2), &[[]; 0])
            .await?;
        ensure!(sum == 38.0, "add: {sum}");
        println!("called: add(40, -2) is {sum}");
    }
    for length in [0, 3, 70_000] {
        let text = "ü".repeat(length);
        let ((number, back),) = client
            .invoke_values_blocking::<[Option<usize>; 0], ((String, u8),), ((u8, String),)>(
                None,
                MIRROR,
                "swap",
                ((text.clone(), 255),),
                &[[]; 0],
            )
            .await?;
        ensure!(number == 255 && back == text, "swap: {number} and {} bytes", back.len());
        println!("called: swap of {length} characters");
    }
    let sums = (0..50u32).map(|number| {
        let client = &client;
        async move {
            let (sum,) = client
                .invoke_values_blocking::<[Option<usize>; 0], (u32, i32), (f64,)>(None, MIRROR, "add", (number, 1), &[[]; 0])
                .await?;
            ensure!(sum == f64::from(number) + 1.0, "add({number}, 1): {sum}");
            Ok(())
        }
    });
    futures::future::try_join_all(sums).await?;
    println!("called: 50 at a time");
    let nobody = wrpc_transport_nats::Client::new(connection, format!("{lattice}.nobody"), None).await?;
    let lost = nobody
        .timeout(LIMIT)
        .invoke_values_blocking::<[Option<usize>; 0], (u32, i32), (f64,)>(None, MIRROR, "add", (1, 1), &[[]; 0])
        .await;
    ensure!(lost.is_err(), "nobody answers: {lost:?}");
    println!("called: nobody, who does not answer");
    Ok(())
}
