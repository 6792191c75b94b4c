//! wadm as a program: `wadm NATS_ADDRESS`. Runs until it is ended.

use wadm::{config::WadmConfig, start_wadm, StreamPersistence};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .with_writer(std::io::stderr)
        .init();
    let nats_server = std::env::args().nth(1).expect("want the address of a nats-server");
    let mut tasks = start_wadm(WadmConfig {
        nats_server,
        stream_persistence: StreamPersistence::Memory,
        ..WadmConfig::default()
    })
    .await?;
    println!("wadm runs");
    match tasks.join_next().await {
        Some(ended) => ended?,
        None => Ok(()),
    }
}
