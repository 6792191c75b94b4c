//! A program for WASI 0.3, whose `run` is asynchronous.

struct Program;

impl wasip3::exports::cli::run::Guest for Program {
    async fn run() -> Result<(), ()> {
        wasip3::clocks::monotonic_clock::wait_for(1_000_000).await;
        Ok(())
    }
}

wasip3::cli::command::export!(Program);
