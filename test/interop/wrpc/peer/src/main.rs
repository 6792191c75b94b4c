//! A peer of another make: serves the interface `api` as `foreign`, or calls it at `petiole`.

use std::env;

use anyhow::{ensure, Context as _};
use bytes::Bytes;
use futures::stream::{self, select_all, StreamExt as _};
use futures::Stream;
use std::future::Future;
use std::pin::Pin;

mod bindings {
    wit_bindgen_wrpc::generate!({
        world: "peer",
        path: "wit",
    });
}

use bindings::exports::petiole::interop::api as served;
use bindings::petiole::interop::api as called;

type Content = Pin<Box<dyn Stream<Item = Bytes> + Send>>;
type Trailers = Pin<Box<dyn Future<Output = Option<String>> + Send>>;

#[derive(Clone)]
struct Server;

impl<Ctx: Send> served::Handler<Ctx> for Server {
    async fn nothing(&self, _: Ctx) -> anyhow::Result<()> {
        Ok(())
    }

    async fn count(&self, _: Ctx, values: served::Numbers) -> anyhow::Result<served::Numbers> {
        println!("count {values:?}");
        Ok(values)
    }

    async fn check(
        &self,
        _: Ctx,
        readings: Vec<served::Reading>,
        fail: Option<served::Failure>,
    ) -> anyhow::Result<Result<Vec<served::Reading>, served::Failure>> {
        println!("check {} {fail:?}", readings.len());
        Ok(match fail {
            Some(failure) => Err(failure),
            None => Ok(readings),
        })
    }

    async fn lists(
        &self,
        _: Ctx,
        raw: Bytes,
        words: Vec<u16>,
        deep: Vec<Vec<i32>>,
    ) -> anyhow::Result<(Bytes, Vec<u16>, Vec<Vec<i32>>)> {
        println!("lists {} {} {}", raw.len(), words.len(), deep.len());
        Ok((raw, words, deep))
    }

    async fn pass(
        &self,
        _: Ctx,
        given: served::Body,
    ) -> anyhow::Result<Result<served::Body, String>> {
        println!("pass {}", given.status);
        Ok(Ok(served::Body {
            content: given.content,
            trailers: given.trailers,
            status: given.status + 1,
        }))
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut args = env::args().skip(1);
    let mode = args.next().context("the first argument is serve or call")?;
    let url = args.next().context("the second argument is the server")?;
    let nats = async_nats::connect(url).await?;
    match mode.as_str() {
        "serve" => serve(nats).await,
        "call" => call(nats).await,
        other => anyhow::bail!("no mode {other}"),
    }
}

async fn serve(nats: async_nats::Client) -> anyhow::Result<()> {
    let group = "interop.foreign";
    let wrpc = wrpc_transport_nats::Client::new(nats, "interop.foreign", Some(group.into())).await?;
    let invocations = bindings::serve(&wrpc, Server).await?;
    let mut invocations = select_all(
        invocations
            .into_iter()
            .map(|(_, name, invocations)| invocations.map(move |one| (name, one))),
    );
    println!("serving");
    while let Some((name, invocation)) = invocations.next().await {
        match invocation {
            Ok(work) => {
                tokio::spawn(async move {
                    if let Err(error) = work.await {
                        println!("failed {name}: {error:#}");
                    }
                });
            }
            Err(error) => println!("refused {name}: {error:#}"),
        }
    }
    Ok(())
}

fn numbers(low: bool) -> called::Numbers {
    if low {
        called::Numbers {
            a: 0,
            b: i8::MIN,
            c: 0,
            d: i16::MIN,
            e: 0,
            f: i32::MIN,
            g: 0,
            h: i64::MIN,
            i: f32::MIN,
            j: -0.5,
        }
    } else {
        called::Numbers {
            a: u8::MAX,
            b: i8::MAX,
            c: u16::MAX,
            d: i16::MAX,
            e: u32::MAX,
            f: i32::MAX,
            g: u64::MAX,
            h: i64::MAX,
            i: f32::MAX,
            j: 1e300,
        }
    }
}

fn reading(source: called::Source) -> called::Reading {
    called::Reading {
        name: "Kessel é 😀".into(),
        value: 21.5,
        unit: Some('°'),
        tags: vec!["a".into(), String::new()],
        at: 1_700_000_000_000_000_000,
        offset: -300,
        level: called::Level::High,
        modes: called::Modes::M0 | called::Modes::M8,
        source,
        previous: Some((true, 0.25)),
    }
}

async fn call(nats: async_nats::Client) -> anyhow::Result<()> {
    let wrpc = wrpc_transport_nats::Client::new(nats.clone(), "interop.petiole", None).await?;
    called::nothing(&wrpc, None).await?;
    println!("ok nothing");
    for low in [true, false] {
        let sent = numbers(low);
        let got = called::count(&wrpc, None, &sent).await?;
        ensure!(format!("{got:?}") == format!("{sent:?}"), "got {got:?}");
    }
    println!("ok count");

    let readings = vec![
        reading(called::Source::Unknown),
        reading(called::Source::Sensor(300)),
        reading(called::Source::Named("roof".into())),
        reading(called::Source::Pair((-1, i64::MIN))),
    ];
    let got = called::check(&wrpc, None, &readings, None).await?;
    let Ok(got) = got else {
        anyhow::bail!("got {got:?}")
    };
    ensure!(format!("{got:?}") == format!("{readings:?}"), "got {got:?}");
    println!("ok check");
    let failure = called::Failure::Other("on purpose".into());
    let got = called::check(&wrpc, None, &[], Some(failure)).await?;
    ensure!(matches!(&got, Err(called::Failure::Other(text)) if text == "on purpose"), "got {got:?}");
    println!("ok err");

    let raw = Bytes::from(vec![7; 300_000]);
    let words: Vec<u16> = (0..100_000_u32).map(|n| (n % 65_536) as u16).collect();
    let deep: Vec<Vec<i32>> = (0..2000).map(|n| vec![-n, n * 1000]).collect();
    let rows: Vec<&[i32]> = deep.iter().map(Vec::as_slice).collect();
    let (r, w, d) = called::lists(&wrpc, None, &raw, &words, &rows).await?;
    ensure!(r == raw && w == words && d == deep, "other lists");
    println!("ok lists");

    for ready in [false, true] {
        let pieces: Vec<Bytes> = (0..30).map(|n| Bytes::from(vec![n; 10_000])).collect();
        let whole: Vec<u8> = pieces.concat();
        let content: Content = Box::pin(stream::iter(pieces));
        let trailers: Trailers = if ready {
            Box::pin(async { None })
        } else {
            Box::pin(async {
                tokio::task::yield_now().await;
                Some("sum".to_string())
            })
        };
        let given = called::Body {
            content,
            trailers,
            status: 200,
        };
        let (got, sending) = called::pass(&wrpc, None, given).await?;
        let sent = async {
            match sending {
                Some(sending) => sending.await,
                None => Ok(()),
            }
        };
        let read = async {
            let got = got.map_err(anyhow::Error::msg)?;
            ensure!(got.status == 201, "status {}", got.status);
            let pieces: Vec<Bytes> = got.content.collect().await;
            ensure!(pieces.concat() == whole, "another content");
            Ok(got.trailers.await)
        };
        let (sent, trailers) = tokio::join!(sent, read);
        sent?;
        let trailers = trailers?;
        ensure!(trailers == if ready { None } else { Some("sum".into()) }, "trailers {trailers:?}");
        println!("ok pass {}", if ready { "ready" } else { "pending" });
    }
    let small = called::Body {
        content: Box::pin(stream::empty()),
        trailers: Box::pin(async { None }),
        status: 1,
    };
    let (got, sending) = called::pass(&wrpc, None, small).await?;
    if let Some(sending) = sending {
        tokio::spawn(sending);
    }
    let got = got.map_err(anyhow::Error::msg)?;
    ensure!(got.content.collect::<Vec<_>>().await.is_empty(), "some content");
    println!("ok empty");

    for (target, wanted) in [("interop.busy", "429"), ("interop.failing", "500")] {
        let wrpc = wrpc_transport_nats::Client::new(nats.clone(), target, None).await?;
        for error in [
            called::nothing(&wrpc, None).await.err(),
            called::count(&wrpc, None, &numbers(true)).await.err(),
        ] {
            let error = error.with_context(|| format!("no error of {target}"))?;
            ensure!(format!("{error:#}").contains(wanted), "another error: {error:#}");
        }
        println!("ok {target}");
    }
    Ok(())
}
