//! The provider as wasmCloud ships it: its crate has everything but this.
#[tokio::main]
async fn main() -> anyhow::Result<()> {
    wasmcloud_provider_messaging_nats::run().await
}
