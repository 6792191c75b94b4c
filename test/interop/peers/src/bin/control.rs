//! Every call of the control interface's client, in two of its releases, against a host of a lattice:
//! `control NATS_URL LATTICE COMPONENT_REFERENCE OTHER_REFERENCE`. Prints what it does; ends with 1 at the first answer that is
//! not as it should be.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use anyhow::{anyhow, ensure, Context, Result};
use serde_json::Value;

const PROVIDER: &str = "petiole://keyvalue-memory";
const EVENT_LIMIT: Duration = Duration::from_secs(30);

struct Arguments {
    nats: String,
    lattice: String,
    component: String,
    other: String,
}

fn step(release: &str, what: &str) {
    println!("{release}: {what}");
}

macro_rules! scenario {
    ($name:ident, $control:ident, $release:literal, $($update:expr)?) => {
        async fn $name(arguments: &Arguments) -> Result<()> {
            use $control::{ClientBuilder, CtlResponse, Link};
            let Arguments { nats, lattice, component, other } = arguments;
            let say = |what: &str| step($release, what);
            let wrong = |error: Box<dyn std::error::Error + Send + Sync>| anyhow!("{error}");
            fn fine<T>(reply: &CtlResponse<T>) -> Result<()> {
                ensure!(reply.succeeded(), "refused: {}", reply.message());
                Ok(())
            }
            let connection = async_nats::connect(nats).await?;
            let client = ClientBuilder::new(connection)
                .lattice(lattice.as_str())
                .timeout(Duration::from_secs(10))
                .auction_timeout(Duration::from_secs(2))
                .build();
            let mut events = client.events_receiver(vec![">".to_string()]).await.map_err(wrong)?;
            let mut seen: Vec<Value> = Vec::new();

            // The first event of a type, from now on, whose data have this value.
            macro_rules! event {
                ($kind:expr, $key:expr, $value:expr) => {{
                    let end = Instant::now() + EVENT_LIMIT;
                    loop {
                        let left = end.saturating_duration_since(Instant::now());
                        let event = tokio::time::timeout(left, events.recv())
                            .await
                            .with_context(|| format!("no event {} with {} {}", $kind, $key, $value))?
                            .context("the events ended")?;
                        let event = serde_json::to_value(&event)?;
                        seen.push(event.clone());
                        if event["type"] == format!("com.wasmcloud.lattice.{}", $kind) && event["data"][$key] == $value {
                            say(&format!("event {}: {}", $kind, event["data"]));
                            break event;
                        }
                    }
                }};
            }

            let hosts = client.get_hosts().await.map_err(wrong)?;
            ensure!(hosts.len() == 1, "{} hosts answer", hosts.len());
            let host = hosts[0].data().context("the ping has no data")?.clone();
            let id = host.id().to_string();
            ensure!(host.lattice() == lattice, "it is of the lattice {}", host.lattice());
            say(&format!("get_hosts: {} ({id}), {:?}, up {:?}", host.friendly_name(), host.version(), host.uptime_human()));

            let inventory = || async {
                let reply = client.get_host_inventory(&id).await.map_err(wrong)?;
                fine(&reply)?;
                reply.into_data().context("the inventory is empty")
            };
            let before = inventory().await?;
            ensure!(before.host_id() == id && before.friendly_name() == host.friendly_name());
            ensure!(before.components().is_empty() && before.providers().is_empty(), "something runs already");
            say("get_host_inventory: nothing runs");

            let constraints = BTreeMap::from([("zone".to_string(), "edge".to_string())]);
            let won = client.perform_component_auction(component, "smooth", constraints.clone()).await.map_err(wrong)?;
            ensure!(won.len() == 1 && won[0].data().map(|ack| ack.host_id() == id) == Some(true), "{won:?}");
            let nobody = BTreeMap::from([("zone".to_string(), "moon".to_string())]);
            let lost = client.perform_component_auction(component, "smooth", nobody).await.map_err(wrong)?;
            ensure!(lost.is_empty(), "a host with other labels answers: {lost:?}");
            let won = client.perform_provider_auction(PROVIDER, "store", constraints).await.map_err(wrong)?;
            ensure!(won.len() == 1 && won[0].data().map(|ack| ack.host_id() == id) == Some(true), "{won:?}");
            say("perform_component_auction, perform_provider_auction: the host takes both, and not for other labels");

            fine(&client.put_label(&id, "floor", "2").await.map_err(wrong)?)?;
            event!("labels_changed", "host_id", id.as_str());
            ensure!(inventory().await?.labels().get("floor").map(String::as_str) == Some("2"));
            fine(&client.delete_label(&id, "floor").await.map_err(wrong)?)?;
            event!("labels_changed", "host_id", id.as_str());
            ensure!(!inventory().await?.labels().contains_key("floor"));
            say("put_label, delete_label");

            let limits = HashMap::from([("limit".to_string(), "40".to_string())]);
            fine(&client.put_config("limits", limits.clone()).await.map_err(wrong)?)?;
            event!("config_set", "config_name", "limits");
            let stored = client.get_config("limits").await.map_err(wrong)?;
            ensure!(stored.data() == Some(&limits), "{stored:?}");
            say("put_config, get_config");

            let annotations = BTreeMap::from([("team".to_string(), "edge".to_string())]);
            let named = vec!["limits".to_string()];
            fine(&client.start_provider(&id, PROVIDER, "store", Some(annotations.clone()), vec![]).await.map_err(wrong)?)?;
            event!("provider_started", "provider_id", "store");
            event!("health_check_passed", "provider_id", "store");
            let scale = |count: u32, config: Vec<String>| {
                client.scale_component(&id, component, "smooth", count, Some(annotations.clone()), config $(, $update)?)
            };
            fine(&scale(1, named.clone()).await.map_err(wrong)?)?;
            let scaled = event!("component_scaled", "component_id", "smooth");
            ensure!(scaled["data"]["max_instances"] == 1 && scaled["data"]["annotations"]["team"] == "edge", "{scaled}");
            let now = inventory().await?;
            ensure!(now.components().len() == 1 && now.providers().len() == 1);
            ensure!(now.components()[0].id() == "smooth" && now.components()[0].image_ref() == component);
            ensure!(now.components()[0].annotations() == Some(&annotations));
            ensure!(now.providers()[0].id() == "store" && now.providers()[0].image_ref() == Some(PROVIDER));
            ensure!(now.providers()[0].annotations() == Some(&annotations));
            say("start_provider, scale_component to 1, both in the inventory with their annotations");

            let link = Link::builder()
                .source_id("smooth")
                .target("store")
                .name("default")
                .wit_namespace("wasi")
                .wit_package("keyvalue")
                .interfaces(vec!["store".to_string(), "atomics".to_string()])
                .build()
                .map_err(wrong)?;
            fine(&client.put_link(link.clone()).await.map_err(wrong)?)?;
            event!("linkdef_set", "source_id", "smooth");
            let links = client.get_links().await.map_err(wrong)?;
            ensure!(links.data().map(|all| all.contains(&link)) == Some(true), "{links:?}");
            fine(&client.delete_link("smooth", "default", "wasi", "keyvalue").await.map_err(wrong)?)?;
            event!("linkdef_deleted", "source_id", "smooth");
            let links = client.get_links().await.map_err(wrong)?;
            ensure!(links.data().map(Vec::is_empty) == Some(true), "{links:?}");
            say("put_link, get_links, delete_link");

            fine(&scale(5, named).await.map_err(wrong)?)?;
            event!("component_scaled", "max_instances", 5);
            fine(&client.update_component(&id, "smooth", other, Some(annotations.clone())).await.map_err(wrong)?)?;
            event!("component_scaled", "image_ref", other.as_str());
            let now = inventory().await?;
            ensure!(now.components()[0].image_ref() == other && now.components()[0].max_instances() == 5, "{now:?}");
            say("scale_component to 5, update_component");

            let unknown = client.update_component(&id, "nobody", other, None).await.map_err(wrong)?;
            ensure!(!unknown.succeeded(), "an unknown component is updated");
            let absent = client.scale_component(&id, "file:///nowhere/x.wasm", "absent", 1, None, vec![] $(, $update)?).await.map_err(wrong)?;
            ensure!(absent.succeeded(), "a scale command is answered before it is carried out");
            event!("component_scale_failed", "component_id", "absent");
            say("what cannot be is refused, or told in an event");

            let claims = client.get_claims().await.map_err(wrong)?;
            fine(&claims)?;
            let credential = $control::RegistryCredential::from_username_password("me", "secret", "oci");
            fine(&client.put_registries(HashMap::from([("registry.example".to_string(), credential)])).await.map_err(wrong)?)?;
            say("get_claims, put_registries");

            fine(&scale(0, vec![]).await.map_err(wrong)?)?;
            event!("component_scaled", "max_instances", 0);
            fine(&client.stop_provider(&id, "store").await.map_err(wrong)?)?;
            event!("provider_stopped", "provider_id", "store");
            fine(&client.delete_config("limits").await.map_err(wrong)?)?;
            event!("config_deleted", "config_name", "limits");
            let now = inventory().await?;
            ensure!(now.components().is_empty() && now.providers().is_empty(), "{now:?}");
            say("scale_component to 0, stop_provider, delete_config: nothing runs");

            event!("host_heartbeat", "host_id", id.as_str());
            ensure!(seen.iter().all(|event| event["source"] == id.as_str()), "an event of another source");
            say(&format!("{} events, all of this host", seen.len()));
            Ok(())
        }
    };
}

scenario!(release_2, control_2, "control interface 2.4.0",);
scenario!(release_3, control_3, "control interface 3.0.1", false);

#[tokio::main]
async fn main() -> Result<()> {
    let mut words = std::env::args().skip(1);
    let mut next = |what: &str| words.next().with_context(|| format!("want {what}"));
    let arguments = Arguments {
        nats: next("the URL of a nats-server")?,
        lattice: next("the name of a lattice")?,
        component: next("the reference of a component")?,
        other: next("another reference of a component")?,
    };
    release_2(&arguments).await?;
    release_3(&arguments).await?;
    let control = control_3::ClientBuilder::new(async_nats::connect(&arguments.nats).await?)
        .lattice(arguments.lattice.as_str())
        .timeout(Duration::from_secs(10))
        .build();
    let hosts = control.get_hosts().await.map_err(|error| anyhow!("{error}"))?;
    let id = hosts.first().and_then(|one| one.data()).context("no host answers")?.id().to_string();
    let mut events = control.events_receiver(vec!["host_stopped".to_string()]).await.map_err(|error| anyhow!("{error}"))?;
    let reply = control.stop_host(&id, Some(5000)).await.map_err(|error| anyhow!("{error}"))?;
    ensure!(reply.succeeded(), "{}", reply.message());
    tokio::time::timeout(EVENT_LIMIT, events.recv()).await?.context("the events ended")?;
    step("control interface 3.0.1", "stop_host: host_stopped follows");
    Ok(())
}
