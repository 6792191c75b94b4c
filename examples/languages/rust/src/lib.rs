//! The edges: the only file that knows WIT.

mod analysis;
mod fft;

use exports::wasmcloud::messaging::handler::{BrokerMessage, Guest};
use wasi::logging::logging::{log, Level};
use wasmcloud::messaging::consumer;

wit_bindgen::generate!({ world: "spectrum", path: "wit", generate_all });

const DEFAULT_RATE: f32 = 1000.0;

struct Spectrum;

impl Guest for Spectrum {
    fn handle_message(message: BrokerMessage) -> Result<(), String> {
        let machine = last_token(&message.subject);
        let samples = match analysis::parse(&message.body) {
            Ok(samples) => samples,
            // An `err` would ask for the same message again.
            Err(reason) => {
                log(Level::Warn, "spectrum", &format!("Cannot read the samples of \"{}\": {reason}", message.subject));
                return Ok(());
            }
        };
        let result = analysis::analyse(&samples, rate()?);
        consumer::publish(&BrokerMessage {
            subject: format!("{}/{machine}", setting("to")?.as_deref().unwrap_or("spectrum")),
            body: result.to_json(machine).into_bytes(),
            reply_to: None,
        })
    }
}

/// `mill` of `vibration/mill` and of `vibration.mill`; what could break the JSON text ends it, too.
fn last_token(subject: &str) -> &str {
    subject.rsplit(|letter: char| !(letter.is_alphanumeric() || letter == '-' || letter == '_')).next().unwrap_or(subject)
}

fn rate() -> Result<f32, String> {
    match setting("rate")? {
        None => Ok(DEFAULT_RATE),
        Some(text) => match text.parse::<f32>() {
            Ok(rate) if rate > 0.0 && rate.is_finite() => Ok(rate),
            _ => Err(format!("Cannot use the rate \"{text}\": want samples a second")),
        },
    }
}

fn setting(key: &str) -> Result<Option<String>, String> {
    wasi::config::store::get(key).map_err(|error| format!("Cannot read the setting \"{key}\": {error:?}"))
}

export!(Spectrum);
