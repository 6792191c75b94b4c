//! Clocks, sleeping, randomness, arguments and environment, with the standard library only.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

fn main() {
    let start = Instant::now();
    thread::sleep(Duration::from_millis(20));
    let slept = start.elapsed();
    println!("slept {}", slept >= Duration::from_millis(20) && slept < Duration::from_secs(10));

    let year = 1970 + SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() / 31_556_952;
    println!("this century {}", (2024..2100).contains(&year));

    let hash = || RandomState::new().build_hasher().finish();
    println!("random {}", hash() != hash());

    println!("site {}", std::env::var("SITE").unwrap_or_default());
    println!("arguments {}", std::env::args().count());
    eprintln!("to stderr");
}
