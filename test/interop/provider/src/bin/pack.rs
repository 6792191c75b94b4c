//! `pack BINARY ARCHIVE`: makes a signed archive of a provider, as `wash par create` does.
use provider_archive::ProviderArchive;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let binary = std::fs::read(&arguments[1])?;
    let mut archive = ProviderArchive::new("NATS messaging", "interop", Some(3), Some("0.27.0".into()));
    let target = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    let packed = |error| anyhow::anyhow!("{error}");
    archive.add_library(&target, &binary).map_err(packed)?;
    archive.add_library("riscv64-linux", b"another machine's").map_err(packed)?;
    let (issuer, subject) = (nkeys::KeyPair::new_account(), nkeys::KeyPair::new_service());
    archive.write(&arguments[2], &issuer, &subject, true).await.map_err(packed)?;
    Ok(())
}
